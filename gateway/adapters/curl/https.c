#include "adapters/curl/https.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "adapters/curl/gzip.h"
#include "adapters/curl/https_head.h"

#define HEAD_BYTES_MAX (64 * 1024) /* of all header lines of an answer */
#define POLL_MS 200 /* so that a time limit is noticed soon; a cancel wakes at once */

struct https {
    CURLM *multi;
    CURL *easy;
    char *base_url, *ca_file, *token, *cert_file, *key_file;
    char error[CURL_ERROR_SIZE];
    int wake_fd;
    atomic_bool cancelled;
};

/* Why we ended a call ourselves. */
enum verdict {
    VERDICT_NONE,
    VERDICT_STOPPED,
    VERDICT_TOO_LARGE,
    VERDICT_STALLED,
    VERDICT_TOO_LONG,
    VERDICT_BAD_CODING,
    VERDICT_BAD_RANGE,
    VERDICT_HUGE_HEAD,
    VERDICT_MEMORY,
};

/* One call. */
struct call {
    struct https *h;
    const struct https_request *request;
    struct https_response *out;
    struct https_head head;
    struct gunzip *gunzip;  /* owned; NULL = bytes as they come */
    uint64_t got;           /* bytes of the body handed out */
    uint64_t head_bytes;
    curl_off_t progress;    /* bytes moved both ways, as last seen */
    int64_t moved_ms;       /* when a byte last moved */
    enum verdict verdict;
    bool body_begun;
};

static int64_t monotonic_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

__attribute__((format(printf, 3, 4)))
static void tell(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(out, size, fmt, args) < 0 && size > 0)
        out[0] = '\0';
    va_end(args);
}

/* --- the handle ---------------------------------------------------------- */

static bool copy_option(char **out, const char *text)
{
    if (!text)
        return true;
    *out = strdup(text);
    return *out != NULL;
}

/* A token becomes a header line: nothing in it may end that line. */
static bool is_header_safe(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum gh_err check_options(const struct https_options *o, char *why, size_t why_size)
{
    const char *files[] = {o->ca_file, o->cert_file, o->key_file};
    if (!o->base_url || strncmp(o->base_url, "https://", 8) != 0) {
        tell(why, why_size, "the address of the server must begin with https://");
        return GH_INVALID;
    }
    if (!o->ca_file || !o->cert_file != !o->key_file) {
        tell(why, why_size, "a CA file is needed, and a client certificate needs its key");
        return GH_INVALID;
    }
    if (o->token && !is_header_safe(o->token)) {
        tell(why, why_size, "the token holds control characters");
        return GH_INVALID;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i] && access(files[i], R_OK) != 0) {
            tell(why, why_size, "cannot read %s: %s", files[i], strerror(errno));
            return GH_INVALID;
        }
    }
    return GH_OK;
}

enum gh_err https_open(struct https **out, const struct https_options *o, char *why,
                       size_t why_size)
{
    enum gh_err err = check_options(o, why, why_size);
    if (err)
        return err;
    struct https *h = calloc(1, sizeof *h);
    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        tell(why, why_size, "libcurl cannot start");
        return GH_IO;
    }
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    if (h->wake_fd < 0 || !h->multi || !h->easy || !copy_option(&h->base_url, o->base_url) ||
        !copy_option(&h->ca_file, o->ca_file) || !copy_option(&h->token, o->token) ||
        !copy_option(&h->cert_file, o->cert_file) || !copy_option(&h->key_file, o->key_file)) {
        https_close(h);
        tell(why, why_size, "out of memory");
        return GH_IO;
    }
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 1L);
    *out = h;
    return GH_OK;
}

void https_close(struct https *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    if (h->token)
        explicit_bzero(h->token, strlen(h->token));
    free(h->token);
    free(h->base_url);
    free(h->ca_file);
    free(h->cert_file);
    free(h->key_file);
    free(h);
    curl_global_cleanup();
}

void https_cancel(struct https *h)
{
    int saved = errno;
    uint64_t one = 1;
    atomic_store(&h->cancelled, true);
    /* It can only fail when the counter is full, and then it wakes already. */
    ssize_t written = write(h->wake_fd, &one, sizeof one);
    (void)written;
    errno = saved;
}

/* --- what comes in ------------------------------------------------------- */

static bool end_call(struct call *c, enum verdict verdict)
{
    if (c->verdict == VERDICT_NONE)
        c->verdict = verdict;
    return false;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
    struct call *c = context;
    size_t len = size * n;
    c->moved_ms = monotonic_ms();
    c->head_bytes += len;
    if (c->head_bytes > HEAD_BYTES_MAX) {
        end_call(c, VERDICT_HUGE_HEAD);
        return len + 1; /* anything but len ends the call */
    }
    https_head_line(&c->head, slice_make(bytes, len));
    return len;
}

static bool is_success(const struct call *c)
{
    return c->out->status >= 200 && c->out->status < 300;
}

/* A piece of the body as the caller is to see it. */
static bool hand_out(void *context, struct slice bytes)
{
    struct call *c = context;
    if (bytes.len > c->request->max_bytes - c->got)
        return end_call(c, VERDICT_TOO_LARGE);
    c->got += bytes.len;
    if (!is_success(c)) {
        size_t room = HTTPS_ERROR_BODY_MAX - c->out->body_len;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(c->out->body + c->out->body_len, bytes.ptr, part);
        c->out->body_len += part;
        return true;
    }
    if (c->request->piece && !c->request->piece(c->request->context, bytes))
        return end_call(c, VERDICT_STOPPED);
    return true;
}

/* The head is complete: is this what we asked for, and how is it packed? */
static bool begin_body(struct call *c)
{
    long status = 0;
    curl_easy_getinfo(c->h->easy, CURLINFO_RESPONSE_CODE, &status);
    c->out->status = (int)status;
    c->body_begun = true;
    const struct https_request *r = c->request;
    if (is_success(c) && (r->range_from > 0 || status == 206) &&
        (status != 206 || c->head.range_from != r->range_from))
        return end_call(c, VERDICT_BAD_RANGE);
    if (r->raw && is_success(c))
        return true;
    if (c->head.unknown_coding)
        return end_call(c, VERDICT_BAD_CODING);
    if (c->head.gzip) {
        c->gunzip = gunzip_open(false);
        if (!c->gunzip)
            return end_call(c, VERDICT_MEMORY);
    }
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct call *c = context;
    size_t len = size * n;
    c->moved_ms = monotonic_ms();
    if (!c->body_begun && !begin_body(c))
        return len + 1;
    if (!c->gunzip)
        return hand_out(c, slice_make(bytes, len)) ? len : len + 1;
    enum gh_err err = gunzip_feed(c->gunzip, slice_make(bytes, len), hand_out, c);
    if (err == GH_CORRUPT)
        end_call(c, VERDICT_BAD_CODING);
    return err ? len + 1 : len;
}

/* Sees bytes that no other callback sees: those of a request on its way out. */
static int on_progress(void *context, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total,
                       curl_off_t ul_now)
{
    struct call *c = context;
    (void)dl_total;
    (void)ul_total;
    if (c->progress != dl_now + ul_now) {
        c->progress = dl_now + ul_now;
        c->moved_ms = monotonic_ms();
    }
    return atomic_load(&c->h->cancelled) ? 1 : 0;
}

/* --- what goes out ------------------------------------------------------- */

struct outgoing {
    struct curl_slist *headers; /* owned */
    char *url;                  /* owned */
    unsigned char *packed;      /* owned; NULL = body as it is */
    struct slice body;
};

static void outgoing_free(struct outgoing *o)
{
    for (struct curl_slist *l = o->headers; l; l = l->next)
        explicit_bzero(l->data, strlen(l->data)); /* the token is in one of them */
    curl_slist_free_all(o->headers);
    free(o->url);
    free(o->packed);
}

__attribute__((format(printf, 2, 3)))
static bool add_header(struct outgoing *o, const char *fmt, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&line, fmt, args);
    va_end(args);
    if (n < 0)
        return false;
    struct curl_slist *longer = is_header_safe(line) ? curl_slist_append(o->headers, line) : NULL;
    explicit_bzero(line, (size_t)n);
    free(line);
    if (longer)
        o->headers = longer;
    return longer != NULL;
}

static bool build(struct outgoing *o, const struct https *h, const struct https_request *r)
{
    if (!r->path || r->path[0] != '/' || asprintf(&o->url, "%s%s", h->base_url, r->path) < 0)
        return false;
    o->body = r->body;
    if (r->post && r->gzip_body) {
        o->packed = gzip_pack(r->body, &o->body.len);
        o->body.ptr = (const char *)o->packed;
        if (!o->packed || !add_header(o, "Content-Encoding: gzip"))
            return false;
    }
    if (r->post && (!add_header(o, "Content-Type: application/json") || !add_header(o, "Expect:")))
        return false;
    if (h->token && !add_header(o, "Authorization: Bearer %s", h->token))
        return false;
    if (r->if_none_match && !add_header(o, "If-None-Match: %s", r->if_none_match))
        return false;
    if (r->range_from > 0 && !add_header(o, "Range: bytes=%lld-", (long long)r->range_from))
        return false;
    if (r->range_from > 0 && r->if_range && !add_header(o, "If-Range: %s", r->if_range))
        return false;
    return add_header(o, "Accept-Encoding: gzip");
}

static void set_trust(CURL *e, const struct https *h)
{
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* the system's CAs have no say */
    curl_easy_setopt(e, CURLOPT_PROXY, "");    /* nor has the environment */
    if (h->cert_file) {
        curl_easy_setopt(e, CURLOPT_SSLCERT, h->cert_file);
        curl_easy_setopt(e, CURLOPT_SSLKEY, h->key_file);
    }
}

static void set_up(struct call *c, const struct outgoing *o)
{
    CURL *e = c->h->easy;
    const struct https_request *r = c->request;
    curl_easy_reset(e); /* keeps the connection */
    set_trust(e, c->h);
    curl_easy_setopt(e, CURLOPT_URL, o->url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, o->headers);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "gatehouse-syncd");
    if (r->post) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, o->body.ptr ? o->body.ptr : "");
    }
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never waits for a dead name server */
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->h->error);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, c);
}

/* --- one call ------------------------------------------------------------ */

/* Drives the call to its end, or to ours. */
static CURLcode drive(struct call *c)
{
    const struct https_request *r = c->request;
    int64_t begun_ms = monotonic_ms();
    c->moved_ms = begun_ms;
    for (;;) {
        int running = 0, queued = 0;
        if (curl_multi_perform(c->h->multi, &running) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        CURLMsg *message = curl_multi_info_read(c->h->multi, &queued);
        if (message && message->msg == CURLMSG_DONE)
            return message->data.result;
        int64_t now_ms = monotonic_ms();
        if (atomic_load(&c->h->cancelled))
            end_call(c, VERDICT_STOPPED);
        else if (now_ms - c->moved_ms >= r->idle_timeout_ms)
            end_call(c, VERDICT_STALLED);
        else if (r->total_timeout_ms > 0 && now_ms - begun_ms >= r->total_timeout_ms)
            end_call(c, VERDICT_TOO_LONG);
        if (c->verdict != VERDICT_NONE)
            return CURLE_ABORTED_BY_CALLBACK;
        struct curl_waitfd wake = {.fd = c->h->wake_fd, .events = CURL_WAIT_POLLIN};
        if (curl_multi_poll(c->h->multi, &wake, 1, POLL_MS, NULL) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
    }
}

/* True while neither TCP nor TLS was up: nothing of ours went out. */
static bool never_connected(struct call *c)
{
    curl_off_t tls_us = 0;
    long connections = 0;
    curl_easy_getinfo(c->h->easy, CURLINFO_APPCONNECT_TIME_T, &tls_us);
    curl_easy_getinfo(c->h->easy, CURLINFO_NUM_CONNECTS, &connections);
    return tls_us == 0 && c->head_bytes == 0 && connections != 0;
}

static enum https_outcome verdict_outcome(struct call *c)
{
    static const struct {
        enum https_outcome outcome;
        const char *why;
    } table[] = {
        [VERDICT_STOPPED] = {HTTPS_STOPPED, "stopped"},
        [VERDICT_TOO_LARGE] = {HTTPS_TOO_LARGE, "the answer is larger than allowed"},
        [VERDICT_STALLED] = {HTTPS_BROKEN, "nothing was heard for too long"},
        [VERDICT_TOO_LONG] = {HTTPS_BROKEN, "the answer took too long"},
        [VERDICT_BAD_CODING] = {HTTPS_BROKEN, "the answer is not packed as it says"},
        [VERDICT_BAD_RANGE] = {HTTPS_BROKEN, "the answer is not the part that was asked for"},
        [VERDICT_HUGE_HEAD] = {HTTPS_BROKEN, "the head of the answer is larger than allowed"},
        [VERDICT_MEMORY] = {HTTPS_FAULT, "out of memory"},
    };
    tell(c->out->why, sizeof c->out->why, "%s", table[c->verdict].why);
    bool timed_out = c->verdict == VERDICT_STALLED || c->verdict == VERDICT_TOO_LONG;
    return timed_out && never_connected(c) ? HTTPS_REFUSED : table[c->verdict].outcome;
}

static enum https_outcome code_outcome(struct call *c, CURLcode code)
{
    const char *text = c->h->error[0] ? c->h->error : curl_easy_strerror(code);
    tell(c->out->why, sizeof c->out->why, "%s", text);
    switch ((int)code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_URL_MALFORMAT:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
        return HTTPS_FAULT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
        return HTTPS_REFUSED;
    default:
        return never_connected(c) ? HTTPS_REFUSED : HTTPS_BROKEN;
    }
}

static enum https_outcome conclude(struct call *c, CURLcode code)
{
    if (code == CURLE_OK && !c->body_begun && !begin_body(c))
        code = CURLE_WRITE_ERROR; /* the verdict says more */
    if (code == CURLE_OK && c->gunzip && !gunzip_is_whole(c->gunzip))
        end_call(c, VERDICT_BAD_CODING);
    if (code == CURLE_ABORTED_BY_CALLBACK && atomic_load(&c->h->cancelled))
        end_call(c, VERDICT_STOPPED);
    c->out->retry_after_s = c->head.retry_after_s;
    memcpy(c->out->etag, c->head.etag, sizeof c->out->etag);
    if (c->verdict != VERDICT_NONE)
        return verdict_outcome(c);
    return code == CURLE_OK ? HTTPS_DONE : code_outcome(c, code);
}

enum https_outcome https_call(struct https *h, const struct https_request *request,
                              struct https_response *out)
{
    __attribute__((cleanup(outgoing_free))) struct outgoing o = {0};
    struct call c = {.h = h, .request = request, .out = out};
    https_head_begin(&c.head);
    memset(out, 0, sizeof *out);
    out->retry_after_s = -1;
    h->error[0] = '\0';
    if (atomic_load(&h->cancelled)) {
        tell(out->why, sizeof out->why, "stopped");
        return HTTPS_STOPPED;
    }
    if (!build(&o, h, request)) {
        tell(out->why, sizeof out->why, "the request could not be built");
        return HTTPS_FAULT;
    }
    set_up(&c, &o);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl_multi_add_handle(h->multi, h->easy) == CURLM_OK)
        code = drive(&c);
    enum https_outcome outcome = conclude(&c, code);
    curl_multi_remove_handle(h->multi, h->easy);
    gunzip_close(c.gunzip);
    return outcome;
}
