#include "lib/control_double.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapters/json/json.h"
#include "app/control.h"
#include "lib/wait.h"

#define NOTES_MAX 256
#define STREAM "double-1"

struct note {
    char kind[32];
    char fault[300];
};

struct control_double {
    pthread_t thread;
    pthread_mutex_t lock;
    int listen_fd, stop_fd;
    char path[108];
    int64_t first, next, acked; /* events first..next-1 are there */
    int refuse_acks;
    int64_t break_off; /* 0 = no */
    bool online, heard; /* of the cloud */
    struct note notes[NOTES_MAX];
    int n_notes;
};

/* --- answers -------------------------------------------------------------- */

static void send_event(FILE *out, int64_t seq)
{
    const char *what = seq % 2 ? "\"kind\":\"command\",\"by\":\"double\""
                               : "\"kind\":\"access\",\"type\":\"qr\",\"decision\":\"denied\","
                                 "\"reason\":\"credential_unknown\"";
    fprintf(out, "{\"seq\":%lld,\"at\":\"2026-01-01T00:00:00Z\",%s,\"prev\":\"%064llx\"}\n",
            (long long)seq, what, (unsigned long long)seq);
}

static void answer_batch(struct control_double *d, FILE *out, const struct json *request)
{
    int64_t limit = 1, first = d->acked + 1 > d->first ? d->acked + 1 : d->first, n = 0;
    json_int(request, "limit", &limit);
    fprintf(out, "{\"ok\":true,\"stream\":\"" STREAM "\",\"first_seq\":%lld", (long long)first);
    if (first > d->acked + 1)
        fprintf(out, ",\"lost\":[{\"from\":%lld,\"to\":%lld}]", (long long)d->acked + 1,
                (long long)first - 1);
    fprintf(out, "}\n");
    for (int64_t seq = first; seq < d->next && n < limit; seq++, n++)
        send_event(out, seq);
    fprintf(out, "{\"end\":true,\"count\":%lld}\n", (long long)n);
}

static void answer_events(struct control_double *d, FILE *out, const struct json *request)
{
    int64_t after = 0, n = 0;
    json_int(request, "after", &after);
    int64_t most = d->break_off > 0 ? d->break_off : INT64_MAX;
    d->break_off = 0;
    fprintf(out, "{\"ok\":true,\"stream\":\"" STREAM "\"}\n");
    for (int64_t seq = after + 1 > d->first ? after + 1 : d->first; seq < d->next && n < most; seq++, n++)
        send_event(out, seq);
    if (n == most)
        fprintf(out, "{\"seq\":"); /* in the middle of the next */
    else
        fprintf(out, "{\"end\":true,\"count\":%lld}\n", (long long)n);
}

static void answer_ack(struct control_double *d, FILE *out, const struct json *request)
{
    int64_t seq;
    struct slice stream;
    bool good = json_int(request, "seq", &seq) && json_text(request, "stream", &stream) &&
                slice_is(stream, STREAM) && seq < d->next;
    if (good && d->refuse_acks > 0) {
        d->refuse_acks--;
        good = false;
    }
    if (good && seq > d->acked)
        d->acked = seq;
    fprintf(out, good ? "{\"ok\":true}\n" : "{\"ok\":false,\"error\":\"no\"}\n");
}

static void answer_note(struct control_double *d, FILE *out, const struct json *request)
{
    struct slice kind = {0}, fault = {0};
    json_text(request, "kind", &kind);
    json_text(request, "fault", &fault);
    if (d->n_notes < NOTES_MAX) {
        struct note *n = &d->notes[d->n_notes++];
        snprintf(n->kind, sizeof n->kind, "%.*s", (int)kind.len, kind.ptr ? kind.ptr : "");
        snprintf(n->fault, sizeof n->fault, "%.*s", (int)fault.len, fault.ptr ? fault.ptr : "");
    }
    if (slice_is(kind, "cloud_online") || slice_is(kind, "cloud_offline")) {
        d->online = slice_is(kind, "cloud_online");
        d->heard = true;
    }
    fprintf(out, "{\"ok\":true}\n");
}

/* Two pages of one door each. */
static void answer_doors(const struct json *request, FILE *out)
{
    int64_t from = 0;
    json_int(request, "from", &from);
    fprintf(out,
            "{\"ok\":true%s,\"doors\":[{\"door\":\"d%d\",\"name\":\"Main\",\"in_policy\":true,"
            "\"mode\":\"locked\",\"onvif\":\"Locked\",\"lock\":\"locked\",\"contact\":null,"
            "\"alarm\":\"tamper\",\"board\":\"online\"}]}\n",
            from == 0 ? ",\"next\":1" : "", from == 0 ? 0 : 1);
}

static void answer_status(struct control_double *d, FILE *out)
{
    fprintf(out,
            "{\"ok\":true,\"version\":\"double\",\"uptime_s\":1,\"clock\":\"synced\","
            "\"cloud\":{\"online\":%s,\"since\":%s},\"journal\":{\"stream\":\"" STREAM "\","
            "\"next_seq\":%lld,\"queued\":%lld,\"head\":\"%064llx\"}}\n",
            d->online ? "true" : "false", d->heard ? "\"2026-01-05T08:00:00Z\"" : "null",
            (long long)d->next, (long long)(d->next - 1 - d->acked),
            (unsigned long long)(d->next - 1));
}

static void answer(struct control_double *d, FILE *out, const struct json *request)
{
    struct slice call = {0};
    json_text(request, "call", &call);
    pthread_mutex_lock(&d->lock);
    if (slice_is(call, "batch"))
        answer_batch(d, out, request);
    else if (slice_is(call, "events"))
        answer_events(d, out, request);
    else if (slice_is(call, "ack"))
        answer_ack(d, out, request);
    else if (slice_is(call, "note"))
        answer_note(d, out, request);
    else if (slice_is(call, "status"))
        answer_status(d, out);
    else if (slice_is(call, "doors"))
        answer_doors(request, out);
    else
        fprintf(out, "{\"ok\":false,\"error\":\"unknown call\"}\n");
    pthread_mutex_unlock(&d->lock);
}

/* Builds the answer in memory, so that a client that hangs up hurts nobody. */
static void serve(struct control_double *d, int fd)
{
    char line[CONTROL_REQUEST_MAX + 1], *text = NULL;
    size_t len = 0, text_len = 0;
    while (len < sizeof line && !memchr(line, '\n', len)) {
        ssize_t n = read(fd, line + len, sizeof line - len);
        if (n <= 0)
            return;
        len += (size_t)n;
    }
    struct json *request = json_parse_object(slice_make(line, len), NULL, 0);
    FILE *out = open_memstream(&text, &text_len);
    if (request && out)
        answer(d, out, request);
    if (out)
        fclose(out);
    for (size_t sent = 0; sent < text_len;) {
        ssize_t n = send(fd, text + sent, text_len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    json_free(request);
    free(text);
}

static void *run(void *context)
{
    struct control_double *d = context;
    for (;;) {
        struct pollfd p[2] = {{.fd = d->stop_fd, .events = POLLIN},
                              {.fd = d->listen_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (p[0].revents)
            return NULL;
        int fd = p[1].revents ? accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            serve(d, fd);
            close(fd);
        }
    }
}

/* --- life ----------------------------------------------------------------- */

struct control_double *control_double_open(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control_double *d = calloc(1, sizeof *d);
    if (!d || strlen(socket_path) >= sizeof d->path) {
        lib_say("control double: %s is too long", socket_path);
        free(d);
        return NULL;
    }
    snprintf(d->path, sizeof d->path, "%s", socket_path);
    memcpy(address.sun_path, d->path, sizeof d->path);
    d->first = d->next = 1;
    pthread_mutex_init(&d->lock, NULL);
    d->stop_fd = eventfd(0, EFD_CLOEXEC);
    d->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(d->path);
    if (bind(d->listen_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(d->listen_fd, 16) == 0 && pthread_create(&d->thread, NULL, run, d) == 0)
        return d;
    lib_say("control double: %s: %s", socket_path, strerror(errno));
    close(d->listen_fd);
    close(d->stop_fd);
    free(d);
    return NULL;
}

void control_double_close(struct control_double *d)
{
    if (!d)
        return;
    uint64_t one = 1;
    if (write(d->stop_fd, &one, sizeof one) != sizeof one)
        lib_say("control double: cannot be told to stop");
    pthread_join(d->thread, NULL);
    unlink(d->path);
    close(d->listen_fd);
    close(d->stop_fd);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* --- journal and notes ---------------------------------------------------- */

void control_double_append(struct control_double *d, int64_t count)
{
    pthread_mutex_lock(&d->lock);
    d->next += count;
    pthread_mutex_unlock(&d->lock);
}

void control_double_lose(struct control_double *d, int64_t up_to)
{
    pthread_mutex_lock(&d->lock);
    d->first = up_to + 1;
    pthread_mutex_unlock(&d->lock);
}

void control_double_refuse_acks(struct control_double *d, int count)
{
    pthread_mutex_lock(&d->lock);
    d->refuse_acks = count;
    pthread_mutex_unlock(&d->lock);
}

void control_double_break_off(struct control_double *d, int64_t count)
{
    pthread_mutex_lock(&d->lock);
    d->break_off = count;
    pthread_mutex_unlock(&d->lock);
}

int64_t control_double_acked(struct control_double *d)
{
    pthread_mutex_lock(&d->lock);
    int64_t acked = d->acked;
    pthread_mutex_unlock(&d->lock);
    return acked;
}

int control_double_notes(struct control_double *d, const char *kind, const char *text)
{
    int n = 0;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->n_notes; i++)
        n += strcmp(d->notes[i].kind, kind) == 0 &&
             (!text || strstr(d->notes[i].fault, text) != NULL);
    pthread_mutex_unlock(&d->lock);
    return n;
}

struct waiter {
    struct control_double *d;
    int64_t seq;
    const char *kind, *text;
    int count;
};

static bool is_acked(void *context)
{
    struct waiter *w = context;
    return control_double_acked(w->d) >= w->seq;
}

bool control_double_wait_acked(struct control_double *d, int64_t seq, int timeout_ms)
{
    struct waiter w = {.d = d, .seq = seq};
    return wait_until(is_acked, &w, timeout_ms);
}

static bool is_noted(void *context)
{
    struct waiter *w = context;
    return control_double_notes(w->d, w->kind, w->text) >= w->count;
}

bool control_double_wait_note(struct control_double *d, const char *kind, const char *text,
                              int count, int timeout_ms)
{
    struct waiter w = {.d = d, .kind = kind, .text = text, .count = count};
    return wait_until(is_noted, &w, timeout_ms);
}
