#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "caller.h"
#include "enrol.h"
#include "gz.h"
#include "send.h"

enum {
    ARGS_MAX = 3,
    CONNECTIONS_MAX = 500,
    IDLE_TIMEOUT_S = 120,
    CONNECTION_MEMORY = 64 * 1024, /* bounds the request's head */
    OVERSIZE_DROP = 64 * 1024 * 1024, /* behind that a body is not even read to its end */
};

/* One HTTP call, from its first byte until it is answered or gone. */
struct call {
    struct http *http;
    struct MHD_Connection *connection;
    const struct route *route;
    const char *path; /* as long as the call lives */
    char arg[ARGS_MAX][65];
    bool admin;
    struct caller caller;
    int refused; /* status with which it will be refused, 0 = not */
    struct text body;
    size_t skipped;
    bool ready; /* body unpacked, fault chosen */
    int64_t started_ms, came_us;
    int64_t stalled_until_ms;
    enum fault fault; /* what hits this call, FAULT_COUNT = nothing */

    int64_t wait_until_ms;
    struct call *next; /* in http->waiting */
};

struct http {
    struct cloud *cloud;
    struct MHD_Daemon *daemon;
    const struct route *routes;
    struct call *waiting;
    bool closing;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t now_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t now_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t now_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* --- what handlers ask ------------------------------------------------------- */

const char *call_arg(const struct call *call, int n)
{
    return call->arg[n];
}

const char *call_query(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *call_header(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

bool call_accepts_gzip(const struct call *call)
{
    const char *accepts = call_header(call, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const char *gzip = accepts ? strcasestr(accepts, "gzip") : NULL;
    return gzip && strncmp(gzip + 4, ";q=0", 4) != 0;
}

struct bytes call_body(const struct call *call)
{
    return text_bytes(&call->body);
}

int64_t call_started_ms(const struct call *call)
{
    return call->started_ms;
}

int64_t call_came_us(const struct call *call)
{
    return call->came_us;
}

const struct caller *call_caller(const struct call *call)
{
    return &call->caller;
}

/* --- a call comes in ---------------------------------------------------------- */

static bool path_fits(const char *pattern, const char *path, struct call *call)
{
    int args = 0;
    while (*pattern && *path) {
        if (*pattern != '*') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len >= sizeof call->arg[0] || args == ARGS_MAX)
            return false;
        memcpy(call->arg[args], path, len);
        call->arg[args][len] = '\0';
        if (!is_identifier(call->arg[args++]))
            return false;
        path += len;
        pattern++;
    }
    return !*pattern && !*path;
}

static void find_route(struct call *call, const char *method, const char *path)
{
    size_t detour = strlen(HTTP_DETOUR);
    if (strncmp(path, HTTP_DETOUR "/v1/", detour + 4) == 0)
        path += detour;
    call->refused = MHD_HTTP_NOT_FOUND;
    for (const struct route *r = call->http->routes; r->method; r++) {
        if (!path_fits(r->path, path, call))
            continue;
        if (strcmp(r->method, method) == 0) {
            call->route = r;
            call->refused = 0;
            return;
        }
        call->refused = MHD_HTTP_METHOD_NOT_ALLOWED;
    }
}

/* Does the path name somebody else than whose certificate this is? */
static bool is_of_another(const struct call *call)
{
    const char *pattern = call->route ? call->route->path : "";
    const struct certificate_owner *owner = &call->caller.owner;
    return strncmp(pattern, "/v1/sites/*", 11) != 0 || strcmp(call->arg[0], owner->site) != 0 ||
           (strncmp(pattern + 11, "/gateways/*", 11) == 0 && strcmp(call->arg[1], owner->gateway) != 0);
}

static void check_caller(struct call *call)
{
    const struct caller *c = &call->caller;
    if (call->route && call->route->open)
        return;
    if (c->kind == CALLER_GATEWAY && fault_take(&call->http->cloud->faults, FAULT_REFUSE_CERTIFICATE)) {
        call->caller.kind = CALLER_NOBODY;
        call->caller.certificate = CERTIFICATE_WRONG;
    }
    enum caller_kind needed = call->admin ? CALLER_ADMIN : CALLER_GATEWAYS;
    bool is_gateway = c->kind == CALLER_GATEWAY && !call->admin;
    /* Who is nobody learns nothing, not even which paths there are. */
    if (c->kind != needed && !is_gateway)
        call->refused = MHD_HTTP_UNAUTHORIZED;
    else if (is_gateway && !call->refused && is_of_another(call))
        call->refused = MHD_HTTP_FORBIDDEN;
    else if (is_gateway)
        enrol_seen(call->http->cloud, c->owner.serial);
}

static gnutls_session_t session_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

static struct call *call_begin(struct http *http, struct MHD_Connection *connection,
                               const char *method, const char *path)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->http = http;
    call->connection = connection;
    call->path = path;
    call->started_ms = now_mono_ms();
    call->came_us = now_wall_us();
    call->fault = FAULT_COUNT;
    call->admin = strncmp(path, "/admin/", 7) == 0;
    find_route(call, method, path);
    caller_find(&call->caller, http->cloud, call_header(call, MHD_HTTP_HEADER_AUTHORIZATION),
                session_of(connection));
    check_caller(call);
    return call;
}

/* A body that is too large is read to its end, so that the client gets to see
 * why it is refused, but it is not kept. false = close the connection. */
static bool take_body(struct call *call, const char *bytes, size_t len)
{
    size_t most = call->refused ? 0 : call->route->body_max;
    if (call->skipped == 0 && len <= most - call->body.len) {
        text_add(&call->body, bytes, len);
        return !call->body.failed;
    }
    call->skipped += len;
    if (!call->refused)
        call->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    text_free(&call->body);
    return call->skipped < OVERSIZE_DROP;
}

static void unpack_body(struct call *call)
{
    const char *encoding = call_header(call, MHD_HTTP_HEADER_CONTENT_ENCODING);
    if (!encoding || strcasecmp(encoding, "identity") == 0)
        return;
    if (strcasecmp(encoding, "gzip") != 0) {
        call->refused = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
        return;
    }
    struct text plain = {0};
    enum gunzip_result result = gunzip(text_bytes(&call->body), call->route->body_max, &plain);
    text_free(&call->body);
    call->body = plain;
    if (result == GUNZIP_TOO_LARGE)
        call->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    else if (result == GUNZIP_BAD)
        call->refused = MHD_HTTP_BAD_REQUEST;
}

static void choose_fault(struct call *call)
{
    static const enum fault ORDER[] = {FAULT_DROP_CONNECTIONS, FAULT_ANSWER_503,
                                       FAULT_REDIRECT, FAULT_GARBAGE};
    struct faults *faults = &call->http->cloud->faults;
    call->stalled_until_ms = call->started_ms + faults->value[FAULT_STALL_MS];
    for (size_t i = 0; i < sizeof ORDER / sizeof ORDER[0]; i++) {
        if (fault_take(faults, ORDER[i])) {
            call->fault = ORDER[i];
            return;
        }
    }
}

/* --- its answer ------------------------------------------------------------------ */

static const char *unknown_words(enum certificate_verdict certificate)
{
    if (certificate == CERTIFICATE_OVER)
        return "the certificate is not valid now";
    if (certificate == CERTIFICATE_WRONG)
        return "the certificate is not one of this cloud's";
    return "the bearer token is missing or not the right one";
}

static void refuse(const struct call *call, struct answer *answer)
{
    switch (call->refused) {
    case MHD_HTTP_UNAUTHORIZED:
        answer_error(answer, 401, "%s", unknown_words(call->caller.certificate));
        break;
    case MHD_HTTP_FORBIDDEN:
        answer_error(answer, 403, "this certificate is that of another gateway");
        break;
    case MHD_HTTP_NOT_FOUND:
        answer_error(answer, 404, "there is no such path");
        break;
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        answer_error(answer, 405, "this path does not take that method");
        break;
    case MHD_HTTP_CONTENT_TOO_LARGE:
        answer_error(answer, 413, "the body is larger than %zu bytes", call->route->body_max);
        break;
    case MHD_HTTP_UNSUPPORTED_MEDIA_TYPE:
        answer_error(answer, 415, "Content-Encoding must be gzip or absent");
        break;
    default:
        answer_error(answer, 400, "the body is not one whole gzip stream");
        break;
    }
}

/* true: the call is hit by a fault, or has to wait for one. */
static bool apply_fault(const struct call *call, struct answer *answer)
{
    if (now_mono_ms() < call->stalled_until_ms) {
        answer->wait_until_ms = call->stalled_until_ms;
        return true;
    }
    if (call->fault == FAULT_DROP_CONNECTIONS) {
        answer->drop = true;
    } else if (call->fault == FAULT_ANSWER_503) {
        answer_error(answer, 503, "not now");
        answer->retry_after_s = call->http->cloud->faults.value[FAULT_RETRY_AFTER_S];
    } else if (call->fault == FAULT_REDIRECT) {
        answer->status = 302;
        snprintf(answer->location, sizeof answer->location, HTTP_DETOUR "%s", call->path);
    } else if (call->fault == FAULT_GARBAGE) {
        answer->status = 200;
        answer->type = "application/json";
        text_addf(&answer->body, "<html>{\"epoch\":garbage\x01\n");
    } else {
        return false;
    }
    return true;
}

static void find_answer(struct call *call, struct answer *answer)
{
    struct http *http = call->http;
    if (!call->refused && !call->ready) {
        unpack_body(call);
        call->ready = true;
        if (!call->admin && !call->refused)
            choose_fault(call);
    }
    if (http->closing)
        answer->drop = true;
    else if (call->refused)
        refuse(call, answer);
    else if (call->admin || !apply_fault(call, answer))
        call->route->handle(http->cloud, call, answer);
    if (answer->body.failed)
        answer_failed(answer);
}

/* Faults that hit whatever goes out to a gateway. */
static void spoil(const struct call *call, struct answer *answer)
{
    struct faults *faults = &call->http->cloud->faults;
    bool is_whole = answer->file < 0 || answer->to == answer->total;
    if (call->admin || call->refused || (answer->file < 0 && answer->body.len == 0))
        return;
    answer->drip = fault_take(faults, FAULT_DRIP) ||
                   (answer->file >= 0 && fault_take(faults, FAULT_DRIP_SNAPSHOT));
    answer->cut_gzip = answer->gzip && is_whole && fault_take(faults, FAULT_TRUNCATE_GZIP);
}

static void let_wait(struct call *call, int64_t until_ms)
{
    call->wait_until_ms = until_ms;
    call->next = call->http->waiting;
    call->http->waiting = call;
    call->http->cloud->waiting++;
    MHD_suspend_connection(call->connection);
}

static bool pause_sending(void *context, int64_t until_ms)
{
    struct call *call = context;
    if (call->http->closing)
        return false;
    let_wait(call, until_ms);
    return true;
}

/* Resumes the waiting calls whose time has come, or all. */
static void resume_waiting(struct http *http, int64_t now_ms, bool all)
{
    struct call **link = &http->waiting;
    while (*link) {
        struct call *call = *link;
        if (!all && call->wait_until_ms > now_ms) {
            link = &call->next;
            continue;
        }
        *link = call->next;
        http->cloud->waiting--;
        MHD_resume_connection(call->connection);
    }
}

static enum MHD_Result call_answer(struct call *call)
{
    struct answer answer = {.file = -1, .cut_at = -1, .retry_after_s = -1};
    enum MHD_Result result = MHD_YES;
    find_answer(call, &answer);
    if (answer.wake)
        resume_waiting(call->http, 0, true);
    if (answer.drop) {
        result = MHD_NO;
    } else if (answer.wait_until_ms) {
        let_wait(call, answer.wait_until_ms);
    } else {
        spoil(call, &answer);
        result = send_answer(call->connection, &answer, (struct pace){pause_sending, call});
    }
    text_free(&answer.body);
    if (answer.file >= 0)
        close(answer.file);
    return result;
}

/* --- the server ------------------------------------------------------------------- */

static enum MHD_Result on_call(void *context, struct MHD_Connection *connection, const char *path,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **slot)
{
    (void)version;
    struct call *call = *slot;
    if (!call) {
        *slot = call_begin(context, connection, method, path);
        return *slot ? MHD_YES : MHD_NO;
    }
    if (*upload_len > 0) {
        size_t len = *upload_len;
        *upload_len = 0;
        return take_body(call, upload, len) ? MHD_YES : MHD_NO;
    }
    return call_answer(call);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    struct call *call = *slot;
    if (!call)
        return;
    for (struct call **link = &call->http->waiting; *link; link = &(*link)->next) {
        if (*link == call) {
            *link = call->next;
            call->http->cloud->waiting--;
            break;
        }
    }
    text_free(&call->body);
    free(call);
    *slot = NULL;
}

static int listen_on(const char *address, int port, int *bound, char why[256])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
        snprintf(why, 256, "--address %s: must be an IPv4 address", address);
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    socklen_t len = sizeof at;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 128) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
        *bound = ntohs(at.sin_port);
        return fd;
    }
    snprintf(why, 256, "%s port %d: %s", address, port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

struct http *http_open(struct cloud *cloud, const struct http_options *options, int *port,
                       char why[256])
{
    struct http *http = calloc(1, sizeof *http);
    if (!http) {
        snprintf(why, 256, "out of memory");
        return NULL;
    }
    http->cloud = cloud;
    http->routes = options->routes;
    int fd = listen_on(options->address, options->port, port, why);
    if (fd < 0) {
        free(http);
        return NULL;
    }
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_call, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_CERT, options->cert_pem,
        MHD_OPTION_HTTPS_MEM_KEY, options->key_pem,
        /* A client may show a certificate; what it is worth is judged with each call. */
        MHD_OPTION_HTTPS_MEM_TRUST, options->client_ca_pem, MHD_OPTION_HTTPS_PRIORITIES,
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (http->daemon)
        return http;
    snprintf(why, 256, "TLS cannot start: --cert and --key must be PEM and belong together");
    close(fd);
    free(http);
    return NULL;
}

/* Until when nothing will happen by itself; -1 = for ever. */
static int idle_ms(const struct http *http)
{
    int64_t idle = 60000;
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    int64_t now_ms = now_mono_ms();
    if (MHD_get_timeout(http->daemon, &daemon_ms) == MHD_YES && daemon_ms < (unsigned)idle)
        idle = (int64_t)daemon_ms;
    for (const struct call *c = http->waiting; c; c = c->next)
        if (c->wait_until_ms - now_ms < idle)
            idle = c->wait_until_ms - now_ms;
    return idle > 0 ? (int)idle : 0;
}

bool http_serve(struct http *http, int stop_fd)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return false;
    struct pollfd fds[2] = {{.fd = info->epoll_fd, .events = POLLIN},
                            {.fd = stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, idle_ms(http)) < 0 && errno != EINTR)
            return false;
        if (fds[1].revents)
            return true;
        resume_waiting(http, now_mono_ms(), false);
        if (MHD_run(http->daemon) != MHD_YES)
            return false;
    }
}

void http_close(struct http *http)
{
    http->closing = true;
    resume_waiting(http, 0, true);
    MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    free(http);
}
