#include "app/gatehoused/control_server.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/control.h"
#include "app/gatehoused/command_json.h"
#include "app/gatehoused/explain.h"
#include "app/gatehoused/status.h"
#include "app/log.h"
#include "app/unix_socket.h"

#define FORGED_MS 60000

struct connection {
    int fd;          /* -1 = free */
    uint64_t number; /* of its arrival */
    size_t len;
    char text[CONTROL_REQUEST_MAX];
};

struct control_server {
    int listener;
    int poll_fd; /* nests in the loop's */
    char path[CONFIG_PATH_MAX];
    struct control_parts parts;
    uint64_t arrivals;
    struct mono next_forged; /* one event a minute for commands that nobody signed */
    struct connection connection[CONTROL_CONNECTIONS];
};

/* --- answers --------------------------------------------------------------- */

/* An answer fits the socket's buffer, or its asker does without. */
static void send_text(int fd, const char *text, size_t len)
{
    ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 || (size_t)n != len)
        log_line(LOG_DEBUG, "an answer at the control socket was not taken");
}

static void answer(int fd, struct json *body)
{
    size_t len;
    char *text = json_print(body, &len);
    if (!text) {
        static const char broken[] = "{\"ok\":false,\"error\":\"out of memory\"}\n";
        send_text(fd, broken, sizeof broken - 1);
        return;
    }
    text[len] = '\n'; /* in place of the terminator */
    send_text(fd, text, len + 1);
    free(text);
}

static void answer_error(int fd, const char *error)
{
    struct json *body = json_new();
    if (body && json_set_bool(body, "ok", false) && json_set_text(body, "error", slice_of(error)))
        answer(fd, body);
    json_free(body);
}

static void answer_ok(int fd, struct json *body)
{
    if (body && json_set_bool(body, "ok", true))
        answer(fd, body);
    else
        answer_error(fd, "out of memory");
    json_free(body);
}

/* --- calls ------------------------------------------------------------------- */

/* Who asks, for the journal: "local:" and the account's name. */
static void name_asker(char out[EVENT_TEXT_MAX], int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;
    struct passwd entry, *found = NULL;
    char scratch[1024];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
        getpwuid_r(peer.uid, &entry, scratch, sizeof scratch, &found) == 0 && found)
        snprintf(out, EVENT_TEXT_MAX, "local:%s", found->pw_name);
    else
        snprintf(out, EVENT_TEXT_MAX, "local:%u", (unsigned)peer.uid);
}

/* {"result","reason"?,"release_s"?}; owned, NULL when out of memory. */
static struct json *outcome_json(const struct command_outcome *v)
{
    struct json *body = json_new();
    bool has_reason = v->result == COMMAND_REFUSED && !v->fault;
    if (body && json_set_text(body, "result", slice_of(command_result_name(v->result))) &&
        (!has_reason || json_set_text(body, "reason", slice_of(reason_name(v->reason)))) &&
        (!v->fault || json_set_text(body, "fault", slice_of(v->fault))) &&
        (v->release_s == 0 || json_set_int(body, "release_s", v->release_s)))
        return body;
    json_free(body);
    return NULL;
}

static void call_command(struct control_server *s, int fd, const struct json *request,
                         struct now now)
{
    struct command command;
    char why[200], by[EVENT_TEXT_MAX], fallback[32];
    struct controller *c = s->parts.controller;
    snprintf(fallback, sizeof fallback, "local-%" PRId64, now.mono.ms);
    if (!command_json_parse(request, fallback, &command, why, sizeof why)) {
        answer_error(fd, why);
        return;
    }
    name_asker(by, fd);
    command.by = by;
    struct command_outcome v = controller_command(c, &command, now);
    answer_ok(fd, outcome_json(&v));
}

/* Somebody pretends to be the cloud, or its key was changed: one event a minute. */
static void note_forged(struct control_server *s, const char *why, struct now now)
{
    struct event_args args = {.result = "refused", .fault = why};
    if (now.mono.ms < s->next_forged.ms)
        return;
    s->next_forged = mono_add_ms(now.mono, FORGED_MS);
    log_line(LOG_ERR, "a command of the cloud was refused: %s", why);
    controller_note(s->parts.controller, EVENT_COMMAND, &args, now);
}

/* A line of the cloud, brought by gatehouse-syncd. */
static void call_cloud_command(struct control_server *s, int fd, const struct json *request,
                               struct now now)
{
    struct slice line = {0};
    struct command command;
    char by[EVENT_TEXT_MAX], why[200] = "cloud_command needs \"line\"";
    enum cloud_command_fault fault = CLOUD_COMMAND_WRONG;
    if (json_text(request, "line", &line))
        fault = cloud_command_parse(s->parts.command_keys, s->parts.gateway, line, &command, by,
                                    why, sizeof why);
    if (fault == CLOUD_COMMAND_FORGED)
        note_forged(s, why, now);
    if (fault == CLOUD_COMMAND_FOREIGN) {
        struct json *body = json_new();
        if (body && !json_set_text(body, "result", slice_of("foreign"))) {
            json_free(body);
            body = NULL;
        }
        answer_ok(fd, body);
    } else if (fault != CLOUD_COMMAND_GOOD) {
        answer_error(fd, why);
    } else {
        struct command_outcome v = controller_command(s->parts.controller, &command, now);
        struct json *body = outcome_json(&v);
        const char *action = command_action_name(command.action);
        if (body && !json_set_text(body, "action", slice_of(action))) {
            json_free(body);
            body = NULL;
        }
        answer_ok(fd, body);
        crypto_forget(&command.read, sizeof command.read);
    }
}

/* A row that the cloud denies, brought by gatehouse-syncd. */
static void call_deny(struct control_server *s, int fd, const struct json *request)
{
    struct slice k = {0}, name = {0};
    struct id id;
    enum row_kind kind;
    int64_t rev = -1;
    enum gh_err err = GH_INVALID;
    if (json_text(request, "k", &k) && json_text(request, "id", &name) &&
        json_int(request, "rev", &rev) && row_kind_parse(&kind, k) == GH_OK &&
        id_set(&id, name) == GH_OK)
        err = denials_add(s->parts.denials, kind, &id, rev);
    if (err == GH_INVALID)
        answer_error(fd, "deny needs \"k\" (person, credential or entitlement), \"id\" and \"rev\"");
    else if (err)
        answer_error(fd, "deny: there is no room for more");
    else
        answer_ok(fd, json_new());
}

/* What a read would come to, without doing anything. */
static void call_explain(struct control_server *s, int fd, const struct json *request,
                         struct now now)
{
    struct slice name = {0}, at = {0};
    struct id reader;
    struct read read;
    struct controller_explained explained;
    char why[200];
    if (!json_text(request, "reader", &name) || id_set(&reader, name) != GH_OK) {
        answer_error(fd, "explain needs \"reader\": the id of a reader");
        return;
    }
    if (!command_json_read(request, &reader, "explain", &read, why, sizeof why)) {
        answer_error(fd, why);
        return;
    }
    if (json_has(request, "at")) {
        if (!json_text(request, "at", &at) || instant_parse(&now.wall.s, at) != GH_OK) {
            answer_error(fd, "\"at\" must be a time such as 2025-01-31T08:00:00Z");
            return;
        }
        now.wall.trust = CLOCK_SYNCED; /* who names a time means it */
    }
    if (controller_explain(s->parts.controller, &read, now, &explained))
        answer_ok(fd, explain_json(&explained));
    else
        answer_error(fd, "there is no policy to decide by: see gatehousectl status");
}

static void call_relay_test(struct control_server *s, int fd, const struct json *request,
                            struct now now)
{
    struct slice name = {0};
    struct id door;
    char by[EVENT_TEXT_MAX];
    if (!json_text(request, "door", &name) || id_set(&door, name) != GH_OK) {
        answer_error(fd, "relay_test needs \"door\": the id of a door");
        return;
    }
    name_asker(by, fd);
    if (controller_test_relay(s->parts.controller, &door, by, now))
        answer_ok(fd, json_new());
    else
        answer_error(fd, doors_find(&s->parts.controller->doors, &door)
                             ? "the door is locked down, blocked, forced closed, interlocked, or "
                               "released just now"
                             : "no such door: see gatehousectl doors");
}

static void call_ack(struct control_server *s, int fd, const struct json *request)
{
    struct slice stream;
    int64_t seq;
    if (!json_text(request, "stream", &stream) || !json_int(request, "seq", &seq) || seq < 0) {
        answer_error(fd, "ack needs \"stream\" and \"seq\"");
        return;
    }
    if (s->parts.ack(s->parts.journal, stream, (uint64_t)seq) != GH_OK)
        answer_error(fd, "ack: no such stream, or not that far yet");
    else
        answer_ok(fd, json_new());
}

static void call_note(struct control_server *s, int fd, const struct json *request, struct now now)
{
    struct slice kind = {0}, fault = {0};
    char text[EVENT_TEXT_MAX] = "";
    json_text(request, "kind", &kind);
    if (json_text(request, "fault", &fault))
        snprintf(text, sizeof text, "%.*s", (int)(fault.len < 200 ? fault.len : 200), fault.ptr);
    struct event_args args = {.fault = text[0] ? text : NULL};
    struct controller *c = s->parts.controller;
    if (slice_is(kind, "cloud_online") || slice_is(kind, "cloud_offline"))
        controller_cloud(c, slice_is(kind, "cloud_online"), args.fault, now);
    else if (slice_is(kind, "policy_applied"))
        controller_note(c, EVENT_POLICY_APPLIED, &args, now);
    else if (slice_is(kind, "policy_refused"))
        controller_note(c, EVENT_POLICY_REFUSED, &args, now);
    else {
        answer_error(fd,
                     "note: kind is cloud_online, cloud_offline, policy_applied or policy_refused");
        return;
    }
    answer_ok(fd, json_new());
}

static void call_certificate(struct control_server *s, int fd, const struct json *request,
                             struct now now)
{
    struct slice text = {0};
    char alarm[EVENT_TEXT_MAX] = "";
    int64_t until;
    if (!json_text(request, "until", &text) || instant_parse(&until, text) != GH_OK) {
        answer_error(fd, "certificate needs \"until\": a time such as 2025-01-31T08:00:00Z");
        return;
    }
    if (json_text(request, "alarm", &text))
        snprintf(alarm, sizeof alarm, "%.*s", (int)(text.len < 240 ? text.len : 240), text.ptr);
    controller_certificate(s->parts.controller, until, alarm, now);
    answer_ok(fd, json_new());
}

/* An empty batch needs no clerk: syncd asks often. */
static bool is_idle_batch(struct control_server *s, int fd)
{
    struct journal_counts n;
    const struct journal *j = &s->parts.controller->ports.journal;
    j->ops->counts(j->self, &n);
    if (n.acked_seq < n.durable_seq)
        return false;
    char text[256];
    int len = snprintf(text, sizeof text,
                       "{\"ok\":true,\"stream\":\"%s\",\"first_seq\":%llu}\n"
                       "{\"end\":true,\"count\":0}\n",
                       n.stream, (unsigned long long)n.acked_seq + 1);
    send_text(fd, text, (size_t)len);
    return true;
}

/* True if the connection is the clerk's from here on, and the request with it. */
static bool hand_over(struct control_server *s, int fd, struct json *request)
{
    int own = dup(fd); /* ours is closed by the caller */
    if (own >= 0 && clerk_take(s->parts.clerk, own, request) == GH_OK)
        return true;
    if (own >= 0)
        close(own);
    answer_error(fd, "too many questions at once: try again");
    return false;
}

/* Which page of a list is asked for. */
static size_t from_of(const struct json *request)
{
    int64_t from = 0;
    return json_int(request, "from", &from) && from > 0 ? (size_t)from : 0;
}

static void dispatch(struct control_server *s, int fd, struct slice line)
{
    char why[120];
    struct json *request = json_parse_object(line, why, sizeof why);
    if (!request) {
        answer_error(fd, "the request is not one JSON object");
        return;
    }
    struct slice call = {0};
    json_text(request, "call", &call);
    struct now now = s->parts.now(s->parts.clock);
    bool taken = false;
    if (slice_is(call, "status"))
        answer_ok(fd, status_of_gateway(s->parts.controller, now));
    else if (slice_is(call, "doors"))
        answer_ok(fd, status_of_doors(s->parts.controller, from_of(request), now));
    else if (slice_is(call, "inputs"))
        answer_ok(fd, status_of_inputs(s->parts.inputs, from_of(request)));
    else if (slice_is(call, "relay_test"))
        call_relay_test(s, fd, request, now);
    else if (slice_is(call, "command"))
        call_command(s, fd, request, now);
    else if (slice_is(call, "cloud_command"))
        call_cloud_command(s, fd, request, now);
    else if (slice_is(call, "deny"))
        call_deny(s, fd, request);
    else if (slice_is(call, "explain"))
        call_explain(s, fd, request, now);
    else if (slice_is(call, "ack"))
        call_ack(s, fd, request);
    else if (slice_is(call, "note"))
        call_note(s, fd, request, now);
    else if (slice_is(call, "certificate"))
        call_certificate(s, fd, request, now);
    else if (slice_is(call, "events") || (slice_is(call, "batch") && !is_idle_batch(s, fd)))
        taken = hand_over(s, fd, request);
    else if (!slice_is(call, "batch"))
        answer_error(fd,
                     "unknown call: status, doors, inputs, relay_test, events, batch, ack, note, "
                     "certificate, command, cloud_command, deny, explain are known");
    if (!taken)
        json_free(request);
}

/* --- connections ----------------------------------------------------------------- */

/* The clerk may have a descriptor of the same connection: closing ours does not end the watch,
 * and what came there, or its end, would wake us again and again. */
static void drop(struct control_server *s, struct connection *c)
{
    (void)epoll_ctl(s->poll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
    c->fd = -1;
}

static void serve_connection(struct control_server *s, struct connection *c)
{
    ssize_t n = recv(c->fd, c->text + c->len, sizeof c->text - c->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(s, c);
        return;
    }
    c->len += (size_t)n;
    const char *end = memchr(c->text, '\n', c->len);
    if (end)
        dispatch(s, c->fd, slice_make(c->text, (size_t)(end - c->text)));
    else if (c->len == sizeof c->text)
        answer_error(c->fd, "the request is too long");
    else
        return;
    drop(s, c);
}

/* A free place; if there is none, the one that has not finished its request for
 * longest gives its up: who asks properly is done in one turn. */
static struct connection *make_place(struct control_server *s)
{
    struct connection *oldest = &s->connection[0];
    for (int i = 0; i < CONTROL_CONNECTIONS; i++) {
        struct connection *c = &s->connection[i];
        if (c->fd < 0)
            return c;
        if (c->number < oldest->number)
            oldest = c;
    }
    answer_error(oldest->fd, "too many connections, and this request was not finished: try again");
    drop(s, oldest);
    return oldest;
}

static void accept_connection(struct control_server *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = make_place(s);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        close(fd);
        return;
    }
    c->fd = fd;
    c->len = 0;
    c->number = ++s->arrivals;
}

void control_server_serve(struct control_server *s)
{
    struct epoll_event ready[CONTROL_CONNECTIONS + 1];
    int n = epoll_wait(s->poll_fd, ready, CONTROL_CONNECTIONS + 1, 0);
    bool knocks = false;
    for (int i = 0; i < n; i++) {
        if (ready[i].data.ptr)
            serve_connection(s, ready[i].data.ptr);
        else
            knocks = true;
    }
    /* Last, so that a place given up in this turn is not served for its old owner. */
    if (knocks)
        accept_connection(s);
}

/* Another gatehoused, on a state of its own, would lose its socket to us. */
static bool answers_there(const char *path)
{
    int fd = unix_socket_connect(path);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == EAGAIN;
}

enum gh_err control_server_open(struct control_server **out, const char *path, int epoll_fd,
                                const struct control_parts *parts, char *why, size_t why_size)
{
    struct control_server *s = calloc(1, sizeof *s);
    if (!s)
        return GH_IO;
    s->parts = *parts;
    for (int i = 0; i < CONTROL_CONNECTIONS; i++)
        s->connection[i].fd = -1;
    snprintf(s->path, sizeof s->path, "%s", path);
    if (answers_there(path)) {
        snprintf(why, why_size, "%s: another gatehoused answers there: give this one a run_dir of its own",
                 path);
        goto fail;
    }
    s->listener = unix_socket_listen(path, 0660, CONTROL_CONNECTIONS);
    if (s->listener < 0) {
        snprintf(why, why_size, "cannot listen at %s: %s", path, strerror(errno));
        goto fail;
    }
    struct epoll_event inner = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event outer = {.events = EPOLLIN, .data.ptr = s};
    s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->poll_fd < 0 || epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->listener, &inner) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->poll_fd, &outer) != 0) {
        snprintf(why, why_size, "cannot watch %s: %s", path, strerror(errno));
        goto fail_listener;
    }
    *out = s;
    return GH_OK;

fail_listener:
    if (s->poll_fd >= 0)
        close(s->poll_fd);
    close(s->listener);
fail:
    free(s);
    return GH_IO;
}

void control_server_close(struct control_server *s)
{
    if (!s)
        return;
    for (int i = 0; i < CONTROL_CONNECTIONS; i++)
        if (s->connection[i].fd >= 0)
            drop(s, &s->connection[i]);
    close(s->poll_fd);
    close(s->listener);
    unlink(s->path);
    free(s);
}
