/* HTTPS calls against real TLS: openssl's s_server, whose answers are written
 * by the test byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
};

static struct folder folder;
static struct server server;
static struct https *https;

static void exec_server(const char *cert, const char *tls_option, int port, const int in[2],
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
    execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept_at, "-cert", pem, "-key",
           key, "-cipher", "DEFAULT:@SECLEVEL=0", tls_option, (char *)NULL);
    _exit(127);
}

static void write_all(int fd, const char *bytes, size_t len)
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
static bool read_request(struct server *s)
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

static void *play(void *context)
{
    struct server *s = context;
    for (size_t i = 0; i < s->n_replies && read_request(s); i++) {
        const struct reply *r = &s->replies[i];
        if (r->bytes)
            write_all(s->to_client, r->bytes, r->len ? r->len : strlen(r->bytes));
        if (r->then_close)
            close(s->to_client);
        if (r->then_close)
            s->to_client = -1;
    }
    return NULL;
}

static void serve(const char *cert, const char *tls_option, const struct reply *replies,
                  size_t n_replies)
{
    int in[2], out[2];
    server = (struct server){.port = port_free(), .n_replies = n_replies};
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

static void serve_one(const char *reply)
{
    const struct reply r = {.bytes = reply, .then_close = false};
    serve("good", "-tls1_2", &r, 1);
}

/* Ends the server; what it was asked is in server.requests then. */
static void end_server(void)
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

static bool hear(void *context, struct slice bytes)
{
    struct heard *h = context;
    assert_true(bytes.len <= sizeof h->bytes - h->len);
    memcpy(h->bytes + h->len, bytes.ptr, bytes.len);
    h->len += bytes.len;
    h->pieces++;
    return h->pieces != h->stop_after;
}

static enum gh_err open_url(const char *url, const char *ca, const char *token, char *why)
{
    char ca_file[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, ca, ca_file));
    const struct https_options o = {.base_url = url, .ca_file = ca_file, .token = token};
    return https_open(&https, &o, why, 200);
}

static void open_client(const char *host)
{
    char url[128], why[200] = "";
    snprintf(url, sizeof url, "https://%s:%d", host, server.port);
    assert_int_equal(open_url(url, "ca.pem", TOKEN, why), GH_OK);
}

static struct https_request get(const char *path)
{
    return (struct https_request){.path = path, .connect_timeout_ms = WAIT_MS,
                                  .idle_timeout_ms = WAIT_MS, .max_bytes = 100000,
                                  .piece = hear, .context = &heard};
}

/* One call on the open client. */
static enum https_outcome call(const struct https_request *request, struct https_response *out)
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

static enum https_outcome get_once(const char *reply, struct https_response *out)
{
    struct https_request request = get("/x");
    serve_one(reply);
    open_client("127.0.0.1");
    return call(&request, out);
}

static void expect_heard(const char *text)
{
    assert_int_equal(heard.len, strlen(text));
    assert_memory_equal(heard.bytes, text, heard.len);
}

static int make_certificates(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return folder_make(&folder) && certs_make_ca(&folder, "ca") &&
                   certs_make_ca(&folder, "other-ca") &&
                   certs_make_server(&folder, "ca", "good", CERT_GOOD) &&
                   certs_make_server(&folder, "ca", "expired", CERT_EXPIRED) &&
                   certs_make_server(&folder, "ca", "other-name", CERT_OTHER_NAME) &&
                   certs_make_server(&folder, "other-ca", "stranger", CERT_GOOD)
               ? 0
               : -1;
}

static int remove_certificates(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    https_close(https);
    https = NULL;
    heard.stop_after = 0;
    end_server();
    return 0;
}

/* --- answers -------------------------------------------------------------- */

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void an_answer_comes_whole_with_its_head(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once(OK_HEAD "ETag: \"1.2.3\"\r\nContent-Length: 5\r\n\r\nhello", &r),
                     HTTPS_DONE);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.etag, "\"1.2.3\"");
    assert_int_equal(r.retry_after_s, -1);
    assert_string_equal(r.why, "");
    expect_heard("hello");
    end_server();
    assert_non_null(strstr(server.requests, "GET /x HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests, "Authorization: Bearer " TOKEN "\r\n"));
    assert_non_null(strstr(server.requests, "Accept-Encoding: gzip\r\n"));
}

static void a_connection_serves_more_than_one_call(void **state)
{
    (void)state;
    const struct reply replies[] = {
        {.bytes = OK_HEAD "Content-Length: 3\r\n\r\none"},
        {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"},
        {.bytes = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n"}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_3", replies, 3);
    open_client("localhost");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("one");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_int_equal(r.status, 204);
    assert_int_equal(heard.pieces, 0);
    /* s_server takes one client at a time: a second connection would hang. */
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("three");
}

/* An answer with this body packed; owned. cut: so many bytes less of it. */
static char *packed_reply(struct slice body, size_t cut, size_t *len)
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

static void a_packed_answer_is_unpacked_unless_it_is_wanted_raw(void **state)
{
    (void)state;
    size_t len;
    char *reply = packed_reply(slice_of("some words, some words, some words"), 0, &len);
    const struct reply replies[] = {{.bytes = reply, .len = len}, {.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("some words, some words, some words");
    request.raw = true;
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_memory_equal(heard.bytes, "\x1f\x8b", 2);
    end_server();
    free(reply);
}

static void a_packed_answer_that_is_cut_short_is_broken_though_http_is_whole(void **state)
{
    (void)state;
    size_t len;
    char *reply = packed_reply(slice_of("some words, some words, some words"), 3, &len);
    const struct reply replies[] = {{.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
    end_server();
    free(reply);
}

static void an_answer_in_a_coding_that_was_not_asked_for_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(
        get_once(OK_HEAD "Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello", &r),
        HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

static void an_answer_that_says_gzip_and_is_not_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(
        get_once(OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", &r),
        HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

static void a_body_is_posted_as_json_plain_or_packed(void **state)
{
    (void)state;
    const struct reply replies[] = {{.bytes = OK_HEAD "Content-Length: 0\r\n\r\n"},
                                    {.bytes = OK_HEAD "Content-Length: 0\r\n\r\n"}};
    struct https_request request = get("/post?a=b");
    struct https_response r;
    request.post = true;
    request.body = slice_of("{\"plain\":true}");
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    request.gzip_body = true;
    request.body = slice_of("{\"packed\":true}");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    end_server();
    assert_non_null(strstr(server.requests, "POST /post?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server.requests, "\r\n\r\n{\"plain\":true}"));
    const char *magic = memmem(server.requests, server.requests_len, "\r\n\r\n\x1f\x8b", 6);
    assert_non_null(magic);
    struct gunzip *g = gunzip_open(false);
    memset(&heard, 0, sizeof heard);
    struct slice packed = slice_make(
        magic + 4, (size_t)(server.requests + server.requests_len - magic) - 4);
    assert_int_equal(gunzip_feed(g, packed, hear, &heard), GH_OK);
    assert_true(gunzip_is_whole(g));
    gunzip_close(g);
    expect_heard("{\"packed\":true}");
}

static void an_error_keeps_the_beginning_of_its_body_and_hands_nothing_out(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once("HTTP/1.1 409 Conflict\r\nContent-Length: 18\r\n\r\n"
                              "{\"expected_seq\":7}", &r),
                     HTTPS_DONE);
    assert_int_equal(r.status, 409);
    assert_int_equal(r.body_len, 18);
    assert_memory_equal(r.body, "{\"expected_seq\":7}", 18);
    assert_int_equal(heard.pieces, 0);
}

static void retry_after_is_read_in_seconds_only_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t seconds;
    } cases[] = {{"17", 17}, {"0", 0}, {"99999999", 3600}, {"-5", -1}, {"soon", -1}, {"1 2", -1},
                 {"Wed, 21 Oct 2026 07:28:00 GMT", -1}, {"999999999999999999999", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reply[200];
        struct https_response r;
        snprintf(reply, sizeof reply, "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\n"
                                      "Content-Length: 0\r\n\r\n", cases[i].value);
        assert_int_equal(get_once(reply, &r), HTTPS_DONE);
        assert_int_equal(r.status, 503);
        assert_int_equal(r.retry_after_s, cases[i].seconds);
        end(state);
    }
}

/* --- ranges --------------------------------------------------------------- */

static void a_range_is_handed_out_only_if_it_begins_where_it_should(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum https_outcome outcome;
    } cases[] = {
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nhello",
         HTTPS_DONE},
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 4-8/10\r\nContent-Length: 5\r\n\r\nhello",
         HTTPS_BROKEN},
        {"HTTP/1.1 206 Part\r\nContent-Length: 5\r\n\r\nhello", HTTPS_BROKEN},
        {OK_HEAD "Content-Length: 5\r\n\r\nhello", HTTPS_BROKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.raw = true;
        request.range_from = 5;
        request.if_range = "\"tag\"";
        serve_one(cases[i].reply);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), cases[i].outcome);
        assert_int_equal(heard.len, cases[i].outcome == HTTPS_DONE ? 5 : 0);
        end_server();
        assert_non_null(strstr(server.requests, "Range: bytes=5-\r\n"));
        assert_non_null(strstr(server.requests, "If-Range: \"tag\"\r\n"));
        end(state);
    }
}

static void a_part_that_nobody_asked_for_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once("HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\n"
                              "Content-Length: 5\r\n\r\nhello", &r),
                     HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

/* --- certificates --------------------------------------------------------- */

static void expect_refused(const char *cert, const char *tls_option, const char *host)
{
    const struct reply reply = {.bytes = OK_HEAD "Content-Length: 5\r\n\r\nhello"};
    struct https_request request = get("/x");
    struct https_response r;
    serve(cert, tls_option, &reply, 1);
    open_client(host);
    assert_int_equal(call(&request, &r), HTTPS_REFUSED);
    assert_int_equal(r.status, 0);
    assert_int_equal(heard.pieces, 0);
    end_server();
    assert_int_equal(server.requests_len, 0); /* and the token stayed here */
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    expect_refused("expired", "-tls1_2", "127.0.0.1");
}

static void a_certificate_of_another_name_is_refused(void **state)
{
    (void)state;
    expect_refused("other-name", "-tls1_2", "127.0.0.1");
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
    (void)state;
    expect_refused("stranger", "-tls1_2", "127.0.0.1");
}

static void a_certificate_that_signed_itself_is_refused(void **state)
{
    (void)state;
    expect_refused("other-ca", "-tls1_2", "127.0.0.1");
}

static void tls_before_1_2_is_refused(void **state)
{
    (void)state;
    expect_refused("good", "-tls1_1", "127.0.0.1");
}

/* --- no server, no TLS ---------------------------------------------------- */

static void a_port_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    server.port = port_free();
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_REFUSED);
}

static void a_server_that_takes_the_connection_and_says_nothing_is_refused(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    server.port = ntohs(address.sin_port);
    for (int i = 0; i < 2; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        /* Whichever of the two limits ends it. */
        *(i ? &request.connect_timeout_ms : &request.idle_timeout_ms) = 300;
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_REFUSED);
        https_close(https);
        https = NULL;
    }
    close(fd);
}

static void plain_http_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    char why[200] = "";
    assert_int_equal(open_url("http://127.0.0.1:1", "ca.pem", TOKEN, why), GH_INVALID);
    assert_non_null(strstr(why, "https://"));
    assert_null(https);
}

static void a_missing_ca_or_a_token_with_a_line_break_opens_nothing(void **state)
{
    (void)state;
    char why[200] = "";
    assert_int_equal(open_url("https://127.0.0.1:1", "no-such.pem", TOKEN, why), GH_INVALID);
    assert_non_null(strstr(why, "no-such.pem"));
    assert_int_equal(open_url("https://127.0.0.1:1", "ca.pem", "a\r\nX-Evil: 1", why), GH_INVALID);
    assert_null(strstr(why, "Evil"));
    assert_null(https);
}

static void a_redirect_is_an_answer_and_never_followed(void **state)
{
    (void)state;
    char reply[200];
    const struct reply replies[] = {{.bytes = reply},
                                    {.bytes = OK_HEAD "Content-Length: 5\r\n\r\nhello"}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 2);
    snprintf(reply, sizeof reply, "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/y\r\n"
                                  "Content-Length: 0\r\n\r\n", server.port);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_int_equal(r.status, 302);
    end_server();
    assert_null(strstr(server.requests, "/y"));
}

static void a_proxy_in_the_environment_has_no_say(void **state)
{
    (void)state;
    struct https_response r;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    enum https_outcome outcome = get_once(OK_HEAD "Content-Length: 5\r\n\r\nhello", &r);
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(outcome, HTTPS_DONE);
    expect_heard("hello");
}

/* --- bounds --------------------------------------------------------------- */

static void an_answer_over_the_bound_is_too_large_however_it_is_sent(void **state)
{
    (void)state;
    static const char *const replies[] = {
        OK_HEAD "Content-Length: 11\r\n\r\nhello hello",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n0\r\n\r\n",
        "HTTP/1.1 500 Oh\r\nContent-Length: 11\r\n\r\nhello hello",
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.max_bytes = 10;
        serve_one(replies[i]);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_TOO_LARGE);
        end(state);
    }
}

static void an_answer_of_exactly_the_bound_fits(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    request.max_bytes = 5;
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
}

static void a_small_answer_that_unpacks_to_a_large_one_is_too_large(void **state)
{
    (void)state;
    size_t len, size = 50 * 1024 * 1024;
    char *zeros = calloc(1, size);
    assert_non_null(zeros);
    char *reply = packed_reply(slice_make(zeros, size), 0, &len);
    free(zeros);
    const struct reply replies[] = {{.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    request.max_bytes = 100000;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_TOO_LARGE);
    assert_true(heard.len <= 100000);
    end_server();
    free(reply);
}

static void a_head_without_end_is_broken(void **state)
{
    (void)state;
    size_t size = 0, room = 400000;
    char *reply = malloc(room);
    assert_non_null(reply);
    size += (size_t)snprintf(reply, room, OK_HEAD);
    while (size < room - 100)
        size += (size_t)snprintf(reply + size, room - size, "X-More: %060d\r\n", 0);
    const struct reply replies[] = {{.bytes = reply, .len = size}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
    end_server();
    free(reply);
}

/* --- what breaks off ------------------------------------------------------ */

static void an_answer_that_breaks_off_is_broken(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "",
        "HTTP/1.1 20",
        OK_HEAD "Content-Length: 100\r\n\r\nhello",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "this is no HTTP at all\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        const struct reply reply = {.bytes = replies[i], .then_close = true};
        struct https_request request = get("/x");
        struct https_response r;
        serve("good", "-tls1_2", &reply, 1);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_BROKEN);
        end(state);
    }
}

static void an_answer_that_stalls_is_broken_after_the_idle_time(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 200", OK_HEAD "Content-Length: 100\r\n\r\nhello"};
    for (size_t i = 0; i < 2; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.idle_timeout_ms = 300;
        serve_one(replies[i]);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_BROKEN);
        assert_int_equal(heard.len, i ? 5 : 0); /* what had come was handed out */
        end(state);
    }
}

static void an_answer_that_never_ends_is_broken_after_the_whole_time(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    request.total_timeout_ms = 300;
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
}

static void a_piece_that_is_not_wanted_stops_the_call_and_the_next_one_works(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    heard.stop_after = 1;
    assert_int_equal(get_once(OK_HEAD "Content-Length: 100\r\n\r\nhello", &r), HTTPS_STOPPED);
    struct https *first = https;
    end_server();
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    https = NULL;
    open_client("127.0.0.1");
    https_close(first);
    heard.stop_after = 0;
    assert_int_equal(call(&request, &r), HTTPS_DONE);
}

/* --- cancel --------------------------------------------------------------- */

static void *cancel_when_asked(void *context)
{
    (void)context;
    while (!memmem(server.requests, sizeof server.requests, "\r\n\r\n", 4))
        wait_pause_ms(1);
    https_cancel(https);
    return NULL;
}

static void a_cancel_ends_the_call_under_way_and_every_later_one(void **state)
{
    (void)state;
    pthread_t canceller;
    struct https_request request = get("/x");
    struct https_response r;
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(pthread_create(&canceller, NULL, cancel_when_asked, NULL), 0);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    pthread_join(canceller, NULL);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    end_server();
    /* Only one request was ever sent. */
    const char *first = strstr(server.requests, "GET ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "GET "));
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    https_cancel(https);
}

static void a_signal_handler_may_cancel(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    signal(SIGALRM, on_alarm);
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    alarm(1);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    signal(SIGALRM, SIG_DFL);
}

/* --- the rest -------------------------------------------------------------- */

static void a_request_that_makes_no_sense_is_a_fault(void **state)
{
    (void)state;
    struct https_request request = get("no-slash");
    struct https_response r;
    server.port = port_free();
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_FAULT);
    request = get("/x");
    request.if_none_match = "\"a\"\r\nX-Evil: 1";
    assert_int_equal(call(&request, &r), HTTPS_FAULT);
}

#define T(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_answer_comes_whole_with_its_head),
        T(a_connection_serves_more_than_one_call),
        T(a_packed_answer_is_unpacked_unless_it_is_wanted_raw),
        T(a_packed_answer_that_is_cut_short_is_broken_though_http_is_whole),
        T(an_answer_in_a_coding_that_was_not_asked_for_is_broken),
        T(an_answer_that_says_gzip_and_is_not_is_broken),
        T(a_body_is_posted_as_json_plain_or_packed),
        T(an_error_keeps_the_beginning_of_its_body_and_hands_nothing_out),
        T(retry_after_is_read_in_seconds_only_and_bounded),
        T(a_range_is_handed_out_only_if_it_begins_where_it_should),
        T(a_part_that_nobody_asked_for_is_broken),
        T(an_expired_certificate_is_refused),
        T(a_certificate_of_another_name_is_refused),
        T(a_certificate_of_another_ca_is_refused),
        T(a_certificate_that_signed_itself_is_refused),
        T(tls_before_1_2_is_refused),
        T(a_port_where_nobody_listens_is_refused),
        T(a_server_that_takes_the_connection_and_says_nothing_is_refused),
        T(plain_http_is_refused_before_anything_is_sent),
        T(a_missing_ca_or_a_token_with_a_line_break_opens_nothing),
        T(a_redirect_is_an_answer_and_never_followed),
        T(a_proxy_in_the_environment_has_no_say),
        T(an_answer_over_the_bound_is_too_large_however_it_is_sent),
        T(an_answer_of_exactly_the_bound_fits),
        T(a_small_answer_that_unpacks_to_a_large_one_is_too_large),
        T(a_head_without_end_is_broken),
        T(an_answer_that_breaks_off_is_broken),
        T(an_answer_that_stalls_is_broken_after_the_idle_time),
        T(an_answer_that_never_ends_is_broken_after_the_whole_time),
        T(a_piece_that_is_not_wanted_stops_the_call_and_the_next_one_works),
        T(a_cancel_ends_the_call_under_way_and_every_later_one),
        T(a_signal_handler_may_cancel),
        T(a_request_that_makes_no_sense_is_a_fault),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
