/* The HTTP server: TLS, tokens, routes, bounded bodies, and calls that wait.
 *
 * One thread serves everything. A handler looks at the call and fills an
 * answer; it never blocks. To wait (long poll), it fills wait_until_ms instead;
 * it is then asked again from the start when that time has come, or when
 * something changed (an answer with wake set), whichever is first. */
#ifndef CLOUD_HTTP_H
#define CLOUD_HTTP_H

#include <stdint.h>

#include "cloud.h"
#include "text.h"

struct http;
struct call;

/* What comes behind an answer's first bytes, made when those have gone out. */
struct rest {
    bool (*add)(struct rest *rest, struct text *body); /* once; false: break off */
    void (*free)(struct rest *rest);
};

struct answer {
    int status;
    struct text body;        /* given over to the server */
    struct rest *rest;       /* given over; NULL = the body is all of it */
    int file;                /* -1: body is sent; else this file, given over */
    int64_t from, to, total; /* of the file: bytes from..to-1 of total */
    int64_t cut_at;          /* break the connection off at this byte, -1 = don't */
    const char *endless;     /* repeated behind the body for ever; NULL = the body ends */
    bool drip;               /* a byte a second */
    bool cut_gzip;           /* without the last 8 bytes, which end a gzip stream */
    const char *type;        /* Content-Type */
    bool gzip;               /* the body is compressed already */
    char etag[96];           /* with its quotes; "" = none */
    char location[320];      /* "" = none */
    int64_t retry_after_s;   /* -1 = none */
    bool drop;               /* close the connection without an answer */
    bool wake;               /* ask all waiting calls again */
    int64_t wait_until_ms;   /* now_mono_ms(); 0 = answer now */
};

typedef void handler_fn(struct cloud *cloud, const struct call *call, struct answer *answer);

/* path: segments; "*" stands for one identifier. Paths that begin with /admin/
 * need the admin token, all others the gateways' or the certificate of a gateway, which
 * serves the calls of its own site, and of no other gateway. */
struct route {
    const char *method;
    const char *path;
    size_t body_max; /* bytes, packed as well as unpacked */
    handler_fn *handle;
    bool open; /* for everybody: no token, no certificate */
};

/* Where a redirected gateway call leads, put before its path: it is served there, too, so that a
 * test sees who follows. */
#define HTTP_DETOUR "/elsewhere"

/* The nth identifier in the path. */
const char *call_arg(const struct call *call, int n);
/* NULL when it is not there. */
const char *call_query(const struct call *call, const char *name);
const char *call_header(const struct call *call, const char *name);
bool call_accepts_gzip(const struct call *call);
/* Unpacked. */
struct bytes call_body(const struct call *call);
/* now_mono_ms() when the call came in. */
int64_t call_started_ms(const struct call *call);
/* now_wall_us() at that moment: fine enough to tell what was before it and what behind. */
int64_t call_came_us(const struct call *call);

/* {"error":"…"} */
void answer_error(struct answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 500, with the reason on standard error only. */
void answer_failed(struct answer *answer);
void answer_json(struct answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes a JSON object that is the answer's body endless: it gets one string more, without end. */
void answer_endless(struct answer *answer);

struct http_options {
    const char *address;
    int port;             /* 0 = a free one */
    const char *cert_pem; /* texts, not file names */
    const char *key_pem;
    const char *client_ca_pem; /* of gateways' certificates */
    const struct route *routes; /* ends with a method of NULL */
};

/* Listens; *port is where. NULL with one line in why. Borrows all. */
struct http *http_open(struct cloud *cloud, const struct http_options *options, int *port,
                       char why[256]);
/* Serves until stop_fd becomes readable. false if the server broke. */
bool http_serve(struct http *http, int stop_fd);
/* Waiting calls are closed without an answer. */
void http_close(struct http *http);

#endif
