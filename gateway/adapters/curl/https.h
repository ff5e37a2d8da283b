/* HTTPS calls to one server, by libcurl: bounded, cancellable, never trusting
 * a certificate that our CA did not sign. */
#ifndef GATEHOUSE_ADAPTERS_CURL_HTTPS_H
#define GATEHOUSE_ADAPTERS_CURL_HTTPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

struct https;

struct https_options {
    const char *base_url;  /* "https://host:port", no path; copied */
    const char *ca_file;   /* the only CAs that are trusted: a file (its name is copied), or */
    struct slice ca_pem;   /* their certificates (copied) */
    /* Whoever answers is heard: for what proves itself, and never with a secret. Goes with
     * neither a CA nor a token nor a certificate. */
    bool anyone;
    const char *token;     /* bearer token, NULL = none; copied */
    const char *cert_file; /* client certificate, NULL = none; copied */
    const char *key_file;
};

struct https_request {
    const char *path;     /* with query; starts with "/" */
    struct slice body;    /* POST of JSON if post is true */
    bool post;
    bool gzip_body;       /* compress the body */
    const char *if_none_match; /* NULL = none */
    int64_t range_from;   /* > 0: Range: bytes=N- */
    const char *if_range; /* with range_from: the ETag that the bytes before it had; NULL = none */
    bool raw;             /* do not undo Content-Encoding; bytes as sent */
    int connect_timeout_ms;
    int idle_timeout_ms;  /* no byte for that long = failed */
    int total_timeout_ms; /* 0 = no limit (idle still holds) */
    uint64_t max_bytes;   /* of the response body, before and after decompression */
    /* Called with each piece of a 2xx body, decompressed unless raw. false =
     * stop the call. */
    bool (*piece)(void *context, struct slice bytes);
    void *context;
    /* NULL = none. Called several times a second for as long as the call lasts, whatever the
     * server does or leaves undone, on the caller's thread. */
    void (*turn)(void *context);
    void *turn_context;
};

enum https_outcome {
    HTTPS_DONE,       /* an answer with a status came, whole */
    HTTPS_REFUSED,    /* TCP or TLS could not be set up, incl. bad certificates */
    HTTPS_BROKEN,     /* the answer broke off, stalled, was cut by a time limit or is no HTTP */
    HTTPS_TOO_LARGE,  /* over max_bytes */
    HTTPS_STOPPED,    /* piece returned false, https_interrupt or https_cancel */
    HTTPS_FAULT,      /* out of memory or a bad request */
};

#define HTTPS_ERROR_BODY_MAX 512

struct https_response {
    int status;            /* 0 if none came */
    int64_t retry_after_s; /* -1 = not given; seconds form only, bounded 0..3600 */
    char etag[128];        /* "" = none, or longer than fits */
    char body[HTTPS_ERROR_BODY_MAX]; /* the beginning of a body that is not 2xx */
    size_t body_len;
    char why[200];         /* one line for a person, never with a secret; "" if DONE */
};

/* Returns owned in *out. GH_INVALID: the options make no sense, or a file in
 * them cannot be used; why says which. GH_IO: the library cannot start. */
GH_MUST_CHECK enum gh_err https_open(struct https **out, const struct https_options *o,
                                     char *why, size_t why_size);
/* Calls that begin from now on show this client certificate (PEM, its own first) with its key
 * (PEM) instead of what there was; copied. From any thread. GH_FULL: out of memory. */
GH_MUST_CHECK enum gh_err https_use_certificate(struct https *h, struct slice certificate,
                                                struct slice key);
/* Makes one call and waits for its end. One call at a time on a handle; the
 * connection is kept alive between calls. With range_from, only a 206 that
 * begins at that byte is handed out; any other 2xx ends as HTTPS_BROKEN with
 * its status and no piece, and the caller begins anew. */
enum https_outcome https_call(struct https *h, const struct https_request *request,
                              struct https_response *out);
/* From any thread or signal-safe context: the call under way ends soon as
 * HTTPS_STOPPED, and so does every later one. */
void https_cancel(struct https *h);
/* The same for one call: the one under way or, if there is none, the next one. */
void https_interrupt(struct https *h);
void https_close(struct https *h);

#endif
