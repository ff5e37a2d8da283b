#include "adapters/curl/https.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "adapters/curl/gzip.h"
#include "adapters/curl/https_head.h"
#include "adapters/curl/https_internal.h"

#define HEAD_BYTES_MAX (64 * 1024) /* of all header lines of an answer */
#define POLL_MS 200 /* so that a time limit is noticed soon; a cancel wakes at once */

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
    uint64_t raw;           /* and as they came */
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
    c->raw += len;
    if (c->raw > c->request->max_bytes) {
        end_call(c, VERDICT_TOO_LARGE);
        return len + 1;
    }
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
    struct curl_slist *longer =
        https_is_header_safe(line) ? curl_slist_append(o->headers, line) : NULL;
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

static void set_certificate(CURL *e, struct https *h)
{
    pthread_mutex_lock(&h->lock);
    if (h->cert.len > 0) {
        curl_easy_setopt(e, CURLOPT_SSLCERT_BLOB, &h->cert);
        curl_easy_setopt(e, CURLOPT_SSLKEY_BLOB, &h->key);
    } else if (h->cert_file) {
        curl_easy_setopt(e, CURLOPT_SSLCERT, h->cert_file);
        curl_easy_setopt(e, CURLOPT_SSLKEY, h->key_file);
    }
    pthread_mutex_unlock(&h->lock);
}

static void set_trust(CURL *e, struct https *h)
{
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, h->anyone ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, h->anyone ? 0L : 2L);
    curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
    if (h->ca.len > 0)
        curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &h->ca);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* the system's CAs have no say */
    curl_easy_setopt(e, CURLOPT_PROXY, "");    /* nor has the environment */
    set_certificate(e, h);
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

/* Until there is something to do, or it is woken. */
static bool wait_for_bytes(struct https *h)
{
    uint64_t count;
    struct curl_waitfd wake = {.fd = h->wake_fd, .events = CURL_WAIT_POLLIN};
    if (curl_multi_poll(h->multi, &wake, 1, POLL_MS, NULL) != CURLM_OK)
        return false;
    /* Whatever woke it is told by a flag. */
    ssize_t got = wake.revents ? read(h->wake_fd, &count, sizeof count) : 0;
    (void)got;
    return true;
}

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
        if (atomic_load(&c->h->cancelled) || atomic_exchange(&c->h->interrupted, false))
            end_call(c, VERDICT_STOPPED);
        else if (now_ms - c->moved_ms >= r->idle_timeout_ms)
            end_call(c, VERDICT_STALLED);
        else if (r->total_timeout_ms > 0 && now_ms - begun_ms >= r->total_timeout_ms)
            end_call(c, VERDICT_TOO_LONG);
        if (c->verdict != VERDICT_NONE)
            return CURLE_ABORTED_BY_CALLBACK;
        if (r->turn)
            r->turn(r->turn_context);
        if (!wait_for_bytes(c->h))
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
    https_tell(c->out->why, sizeof c->out->why, "%s", table[c->verdict].why);
    bool timed_out = c->verdict == VERDICT_STALLED || c->verdict == VERDICT_TOO_LONG;
    return timed_out && never_connected(c) ? HTTPS_REFUSED : table[c->verdict].outcome;
}

static enum https_outcome code_outcome(struct call *c, CURLcode code)
{
    const char *text = c->h->error[0] ? c->h->error : curl_easy_strerror(code);
    https_tell(c->out->why, sizeof c->out->why, "%s", text);
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
        https_tell(out->why, sizeof out->why, "stopped");
        return HTTPS_STOPPED;
    }
    if (!build(&o, h, request)) {
        https_tell(out->why, sizeof out->why, "the request could not be built");
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
