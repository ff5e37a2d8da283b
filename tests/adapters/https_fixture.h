/* An HTTPS server whose answers a test writes byte by byte (openssl's
 * s_server), certificates good and bad, and the client under test. */
#ifndef GATEHOUSE_TESTS_ADAPTERS_HTTPS_FIXTURE_H
#define GATEHOUSE_TESTS_ADAPTERS_HTTPS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/curl/gzip.h"
#include "adapters/curl/https.h"
#include "lib/certs.h"
#include "lib/folder.h"
#include "lib/port.h"
#include "lib/wait.h"

#define TOKEN "a-token-that-nobody-may-see"
#define REPLIES_MAX 4

/* --- the server ----------------------------------------------------------- */

struct reply {
    const char *bytes;
    size_t len;      /* 0 = strlen */
    bool then_close; /* end the connection with it */
};

/* A TLS server that answers the nth request with the nth reply. */
struct server {
    pid_t pid;
    int port;
    int to_client, from_client; /* its standard input and output */
    pthread_t player;
    struct reply replies[REPLIES_MAX];
    size_t n_replies;
    char requests[65536];
    size_t requests_len;
    bool is_playing;
    atomic_bool was_asked; /* a whole request has come */
    int next_port; /* where the next one is to listen; 0 = anywhere */
};

static struct folder folder;
static struct server server;
static struct https *https;
/* What a test may set before it serves and opens; end() takes it back. */
static const char *client_ca; /* the server wants a client certificate of this CA */
static bool ca_as_bytes;      /* the client is given its CA as bytes, not as a file */

static inline void exec_server(const char *cert, const char *tls_option, int port, const int in[2],
                        const int out[2])
{
    char pem[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX], name[64], accept_at[32];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(accept_at, sizeof accept_at, "127.0.0.1:%d", port);
    snprintf(name, sizeof name, "%s.pem", cert);
    folder_file(&folder, name, pem);
    snprintf(name, sizeof name, "%s.key", cert);
    folder_file(&folder, name, key);
    int null = open("/dev/null", O_WRONLY);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(null, 2);
    close(in[1]);
    close(out[0]);
    char ca[FOLDER_PATH_MAX];
    if (client_ca && folder_file(&folder, client_ca, ca))
        execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept_at, "-cert", pem, "-key",
               key, tls_option, "-Verify", "2", "-verify_return_error", "-CAfile", ca, (char *)NULL);
    execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept_at, "-cert", pem, "-key",
           key, "-cipher", "DEFAULT:@SECLEVEL=0", tls_option, (char *)NULL);
    _exit(127);
}

static inline void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0)
            return; /* the server was killed */
        bytes += n;
        len -= (size_t)n;
    }
}

/* Reads on until a whole request is there; false at the end. */
static inline bool read_request(struct server *s)
{
    size_t begin = s->requests_len;
    for (;;) {
        s->requests[s->requests_len] = '\0';
        const char *end = memmem(s->requests + begin, s->requests_len - begin, "\r\n\r\n", 4);
        if (end) {
            const char *length = strcasestr(s->requests + begin, "\r\nContent-Length: ");
            size_t body = length ? strtoul(length + 18, NULL, 10) : 0;
            if ((size_t)(s->requests + s->requests_len - end) >= 4 + body)
                return true;
        }
        ssize_t n = read(s->from_client, s->requests + s->requests_len,
                         sizeof s->requests - 1 - s->requests_len);
        if (n <= 0)
            return false;
        s->requests_len += (size_t)n;
    }
}

static inline void *play(void *context)
{
    struct server *s = context;
    for (size_t i = 0; i < s->n_replies && read_request(s); i++) {
        const struct reply *r = &s->replies[i];
        atomic_store(&s->was_asked, true);
        if (r->bytes)
            write_all(s->to_client, r->bytes, r->len ? r->len : strlen(r->bytes));
        if (r->then_close)
            close(s->to_client);
        if (r->then_close)
            s->to_client = -1;
    }
    return NULL;
}

static inline void serve(const char *cert, const char *tls_option, const struct reply *replies,
                  size_t n_replies)
{
    int in[2], out[2];
    int port = server.next_port ? server.next_port : port_free();
    server = (struct server){.port = port, .n_replies = n_replies};
    if (n_replies)
        memcpy(server.replies, replies, n_replies * sizeof *replies);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server.pid = fork();
    if (server.pid == 0)
        exec_server(cert, tls_option, server.port, in, out);
    assert_true(server.pid > 0);
    close(in[0]);
    close(out[1]);
    server.to_client = in[1];
    server.from_client = out[0];
    assert_true(port_wait_open(server.port, WAIT_MS));
    assert_int_equal(pthread_create(&server.player, NULL, play, &server), 0);
    server.is_playing = true;
}

static inline void serve_one(const char *reply)
{
    const struct reply r = {.bytes = reply, .then_close = false};
    serve("good", "-tls1_2", &r, 1);
}

/* Ends the server; what it was asked is in server.requests then. */
static inline void end_server(void)
{
    if (server.pid > 0) {
        kill(server.pid, SIGKILL);
        waitpid(server.pid, NULL, 0);
        server.pid = 0;
    }
    if (server.is_playing) {
        pthread_join(server.player, NULL);
        server.is_playing = false;
        close(server.from_client);
        if (server.to_client >= 0)
            close(server.to_client);
    }
}

/* --- the client ----------------------------------------------------------- */

struct heard {
    char bytes[262144];
    size_t len;
    int pieces;
    int stop_after; /* pieces; 0 = never */
};
static struct heard heard;

static inline bool hear(void *context, struct slice bytes)
{
    struct heard *h = context;
    assert_true(bytes.len <= sizeof h->bytes - h->len);
    memcpy(h->bytes + h->len, bytes.ptr, bytes.len);
    h->len += bytes.len;
    h->pieces++;
    return h->pieces != h->stop_after;
}

static inline enum gh_err open_url(const char *url, const char *ca, const char *token, char *why)
{
    char ca_file[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, ca, ca_file));
    struct https_options o = {.base_url = url, .ca_file = ca_file, .token = token};
    char *bytes = ca_as_bytes ? folder_read(ca_file, NULL) : NULL;
    if (bytes) {
        o.ca_pem = slice_of(bytes);
        o.ca_file = NULL;
    }
    enum gh_err err = https_open(&https, &o, why, 200);
    free(bytes);
    return err;
}

static inline void open_client(const char *host)
{
    char url[128], why[200] = "";
    snprintf(url, sizeof url, "https://%s:%d", host, server.port);
    assert_int_equal(open_url(url, "ca.pem", TOKEN, why), GH_OK);
}

static inline struct https_request get(const char *path)
{
    return (struct https_request){.path = path, .connect_timeout_ms = WAIT_MS,
                                  .idle_timeout_ms = WAIT_MS, .max_bytes = 100000,
                                  .piece = hear, .context = &heard};
}

/* One call on the open client. */
static inline enum https_outcome call(const struct https_request *request, struct https_response *out)
{
    int stop_after = heard.stop_after;
    memset(&heard, 0, sizeof heard);
    heard.stop_after = stop_after;
    enum https_outcome outcome = https_call(https, request, out);
    if (outcome != HTTPS_DONE)
        assert_true(out->why[0] != '\0');
    assert_null(strstr(out->why, TOKEN));
    assert_null(strchr(out->why, '\n'));
    return outcome;
}

static inline enum https_outcome get_once(const char *reply, struct https_response *out)
{
    struct https_request request = get("/x");
    serve_one(reply);
    open_client("127.0.0.1");
    return call(&request, out);
}

static inline void expect_heard(const char *text)
{
    assert_int_equal(heard.len, strlen(text));
    assert_memory_equal(heard.bytes, text, heard.len);
}

static inline int make_certificates(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return folder_make(&folder) && certs_make_ca(&folder, "ca") &&
                   certs_make_ca(&folder, "other-ca") &&
                   certs_make_ca(&folder, "client-ca") &&
                   certs_make_client(&folder, "client-ca", "client", "gw-1", CERT_GOOD) &&
                   certs_make_server(&folder, "ca", "good", CERT_GOOD) &&
                   certs_make_server(&folder, "ca", "expired", CERT_EXPIRED) &&
                   certs_make_server(&folder, "ca", "other-name", CERT_OTHER_NAME) &&
                   certs_make_server(&folder, "other-ca", "stranger", CERT_GOOD)
               ? 0
               : -1;
}

static inline int remove_certificates(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    https_close(https);
    https = NULL;
    heard.stop_after = 0;
    end_server();
    client_ca = NULL;
    ca_as_bytes = false;
    return 0;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

/* An answer with this body packed; owned. cut: so many bytes less of it. */
static inline char *packed_reply(struct slice body, size_t cut, size_t *len)
{
    size_t n, head;
    unsigned char *packed = gzip_pack(body, &n);
    char *reply = packed ? malloc(n + 200) : NULL;
    assert_non_null(reply);
    n -= cut;
    head = (size_t)snprintf(reply, 200, OK_HEAD "Content-Encoding: gzip\r\n"
                                                "Content-Length: %zu\r\n\r\n", n);
    memcpy(reply + head, packed, n);
    free(packed);
    *len = head + n;
    return reply;
}

#endif
