#include "app/syncd/daemon.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/json/json.h"
#include "app/control.h"
#include "app/vendor.h"
#include "core/clock.h"

static void free_json(struct json **v)
{
    json_free(*v);
}

static void free_text(char **text)
{
    free(*text);
}

#define JSON_OWNED __attribute__((cleanup(free_json))) struct json *

/* Does the first line of an answer say yes? */
static enum gh_err check_ok(const struct json *v)
{
    bool ok;
    if (!v || !json_bool(v, "ok", &ok))
        return GH_IO;
    return ok ? GH_OK : GH_INVALID;
}

/* Prints the request and frees it. */
static enum gh_err call(const char *socket_path, struct json *request,
                        bool (*line)(void *context, struct slice text), void *context)
{
    size_t len;
    __attribute__((cleanup(free_text))) char *text = request ? json_print(request, &len) : NULL;
    json_free(request);
    if (!text)
        return GH_IO;
    return control_call(socket_path, slice_make(text, len), DAEMON_TIMEOUT_MS, line, context);
}

/* --- calls with one line as answer ---------------------------------------- */

static bool take_verdict(void *context, struct slice line)
{
    JSON_OWNED v = json_parse_object(line, NULL, 0);
    *(enum gh_err *)context = check_ok(v);
    return false;
}

static enum gh_err call_simple(const char *socket_path, struct json *request)
{
    enum gh_err verdict = GH_IO;
    enum gh_err err = call(socket_path, request, take_verdict, &verdict);
    return err ? err : verdict;
}

enum gh_err daemon_ack(const char *socket_path, const char *stream, int64_t seq)
{
    struct json *r = json_new();
    if (!r || !json_set_text(r, "call", slice_of("ack")) ||
        !json_set_text(r, "stream", slice_of(stream)) || !json_set_int(r, "seq", seq)) {
        json_free(r);
        return GH_IO;
    }
    return call_simple(socket_path, r);
}

enum gh_err daemon_note(const char *socket_path, const char *kind, const char *fault)
{
    struct json *r = json_new();
    if (!r || !json_set_text(r, "call", slice_of("note")) ||
        !json_set_text(r, "kind", slice_of(kind)) ||
        (fault && !json_set_text(r, "fault", slice_of(fault)))) {
        json_free(r);
        return GH_IO;
    }
    return call_simple(socket_path, r);
}

enum gh_err daemon_deny(const char *socket_path, enum row_kind kind, const struct id *id,
                        int64_t rev)
{
    struct json *r = json_new();
    if (!r || !json_set_text(r, "call", slice_of("deny")) ||
        !json_set_text(r, "k", slice_of(row_kind_name(kind))) ||
        !json_set_text(r, "id", slice_of(id->s)) || !json_set_int(r, "rev", rev)) {
        json_free(r);
        return GH_IO;
    }
    return call_simple(socket_path, r);
}

enum gh_err daemon_certificate(const char *socket_path, int64_t until, const char *alarm)
{
    char text[INSTANT_TEXT];
    struct json *r = json_new();
    instant_format(text, until);
    if (!r || !json_set_text(r, "call", slice_of("certificate")) ||
        !json_set_text(r, "until", slice_of(text)) ||
        (alarm[0] && !json_set_text(r, "alarm", slice_of(alarm)))) {
        json_free(r);
        return GH_IO;
    }
    return call_simple(socket_path, r);
}

struct status_taker {
    void (*take)(void *context, struct slice json);
    void *context;
    bool is_taken;
};

static bool take_status(void *context, struct slice line)
{
    struct status_taker *t = context;
    t->is_taken = true;
    t->take(t->context, line);
    return false;
}

static enum gh_err take_answer(const char *socket_path, const char *request,
                               void (*take)(void *context, struct slice json), void *context)
{
    struct status_taker taker = {.take = take, .context = context};
    enum gh_err err =
        control_call(socket_path, slice_of(request), DAEMON_TIMEOUT_MS, take_status, &taker);
    if (err)
        return err;
    return taker.is_taken ? GH_OK : GH_IO;
}

enum gh_err daemon_status(const char *socket_path, void (*take)(void *context, struct slice json),
                          void *context)
{
    return take_answer(socket_path, "{\"call\":\"status\"}", take, context);
}

static bool take_result(void *context, struct slice text)
{
    struct daemon_result *out = context;
    struct json *v = json_parse_object(text, NULL, 0);
    struct slice result = {0}, action = {0}, error = slice_of("it gives no reason");
    bool ok = false;
    if (v && json_bool(v, "ok", &ok) && ok && json_text(v, "result", &result)) {
        json_text(v, "action", &action);
        out->is_done = slice_is(result, "done");
        out->is_resync = slice_is(action, "resync");
        out->why[0] = '\0';
    } else if (v) {
        json_text(v, "error", &error);
        snprintf(out->why, sizeof out->why, "%.*s", (int)(error.len < 150 ? error.len : 150),
                 error.ptr);
    }
    json_free(v);
    return false;
}

enum gh_err daemon_command(const char *socket_path, struct slice line, struct daemon_result *out)
{
    static const char unheard[] = "?";
    size_t len;
    struct json *request = json_new();
    char *text = request && json_set_text(request, "call", slice_of("cloud_command")) &&
                         json_set_text(request, "line", line)
                     ? json_print(request, &len)
                     : NULL;
    json_free(request);
    *out = (struct daemon_result){.is_done = false};
    snprintf(out->why, sizeof out->why, unheard);
    if (!text)
        return GH_IO;
    enum gh_err err = control_call(socket_path, slice_make(text, len), DAEMON_TIMEOUT_MS,
                                   take_result, out);
    free(text);
    if (err == GH_FULL) {
        snprintf(out->why, sizeof out->why, "the line is too long");
        return GH_INVALID;
    }
    if (err || strcmp(out->why, unheard) == 0)
        return err ? err : GH_IO;
    return out->why[0] ? GH_INVALID : GH_OK;
}

enum gh_err daemon_doors(const char *socket_path, int64_t from,
                         void (*take)(void *context, struct slice json), void *context)
{
    char request[64];
    snprintf(request, sizeof request, "{\"call\":\"doors\",\"from\":%" PRId64 "}", from);
    return take_answer(socket_path, request, take, context);
}

struct newest {
    void (*take)(void *context, struct slice event);
    void *context;
    bool has_first, is_whole;
};

static bool take_newest(void *context, struct slice line)
{
    struct newest *n = context;
    JSON_OWNED v = json_parse_object(line, NULL, 0);
    if (!n->has_first) {
        n->has_first = check_ok(v) == GH_OK;
        return n->has_first;
    }
    if (v && json_has(v, "end"))
        n->is_whole = true;
    else
        n->take(n->context, line);
    return true;
}

enum gh_err daemon_newest(const char *socket_path, int last,
                          void (*take)(void *context, struct slice event), void *context)
{
    char request[64];
    struct newest n = {.take = take, .context = context};
    snprintf(request, sizeof request, "{\"call\":\"events\",\"last\":%d}", last);
    enum gh_err err = control_call(socket_path, slice_of(request), DAEMON_TIMEOUT_MS, take_newest, &n);
    if (err)
        return err;
    return n.is_whole ? GH_OK : GH_IO;
}

/* --- batches -------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static bool add(struct daemon_batch *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(b->body + b->len, DAEMON_BODY_BYTES - b->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= DAEMON_BODY_BYTES - b->len)
        return false;
    b->len += (size_t)n;
    return true;
}

/* A batch being received. */
struct receipt {
    struct daemon_batch *batch;
    int64_t before;  /* history: stop at this number; 0 = take all */
    bool has_first;  /* the first line was there and says yes */
    bool is_whole;   /* all was there that was wanted */
    int limit;
    enum gh_err err;
};

static bool add_head(struct daemon_batch *b, const struct json *v)
{
    if (!add(b, "{\"stream\":\"%s\",\"first_seq\":%lld", b->stream, (long long)b->first_seq))
        return false;
    size_t n = v ? json_array_len(v, "lost") : 0;
    for (size_t i = 0; i < n; i++) {
        int64_t from, to;
        const struct json *range = json_array_at(v, "lost", i);
        if (!range || !json_int(range, "from", &from) || !json_int(range, "to", &to) ||
            !add(b, "%s{\"from\":%lld,\"to\":%lld}", i ? "," : ",\"lost\":[", (long long)from,
                 (long long)to))
            return false;
    }
    return add(b, "%s,\"events\":[", n ? "]" : "");
}

static enum gh_err take_first(struct receipt *r, struct slice line)
{
    struct daemon_batch *b = r->batch;
    struct slice stream;
    struct id id;
    JSON_OWNED v = json_parse_object(line, NULL, 0);
    enum gh_err err = check_ok(v);
    if (err)
        return err;
    r->has_first = true;
    if (r->before)
        return add_head(b, NULL) ? GH_OK : GH_IO;
    if (!json_text(v, "stream", &stream) || id_set(&id, stream) != GH_OK ||
        !json_int(v, "first_seq", &b->first_seq))
        return GH_IO;
    memcpy(b->stream, id.s, sizeof b->stream);
    return add_head(b, v) ? GH_OK : GH_IO;
}

/* Appends an event, with the vendor's words behind its last member if there are
 * any: without that member it is the bytes as stored. */
static bool add_event(struct daemon_batch *b, const struct json *v, struct slice line)
{
    char words[VENDOR_MEMBER_MAX];
    size_t n = line.ptr[line.len - 1] == '}' ? vendor_member(words, v, b->dialect) : 0;
    if (line.len + n + 8 > DAEMON_BODY_BYTES - b->len)
        return false;
    if (b->events > 0)
        b->body[b->len++] = ',';
    memcpy(b->body + b->len, line.ptr, line.len);
    b->len += line.len;
    if (n > 0) {
        memcpy(b->body + b->len - 1, words, n); /* over the closing brace */
        b->len += n;
        b->body[b->len - 1] = '}';
    }
    return true;
}

static enum gh_err take_event(struct receipt *r, const struct json *v, struct slice line)
{
    struct daemon_batch *b = r->batch;
    int64_t seq;
    /* The first event is the one that was promised; behind it numbers may skip
     * only what the head names as lost, which the cloud checks. */
    if (!json_int(v, "seq", &seq) || (b->events > 0 && seq <= b->last_seq))
        return GH_IO;
    if (b->events == 0 && seq != b->first_seq)
        return r->before ? GH_NOT_FOUND : GH_IO;
    if (b->events == r->limit || !add_event(b, v, line))
        return GH_FULL;
    b->last_seq = seq;
    b->events++;
    return GH_OK;
}

static bool take_line(void *context, struct slice line)
{
    struct receipt *r = context;
    if (!r->has_first) {
        r->err = take_first(r, line);
        return r->err == GH_OK;
    }
    bool end = false;
    int64_t seq, count;
    JSON_OWNED v = json_parse_object(line, NULL, 0);
    if (!v) {
        r->err = GH_IO;
    } else if (json_bool(v, "end", &end) && end) {
        r->is_whole = r->before || (json_int(v, "count", &count) && count == r->batch->events);
        return false;
    } else if (r->before && json_int(v, "seq", &seq) && seq >= r->before) {
        r->is_whole = true;
        return false;
    } else {
        r->err = take_event(r, v, line);
    }
    /* History is as long as it is: a full batch of it is a whole one. */
    if (r->before && r->err == GH_FULL && r->batch->events > 0) {
        r->err = GH_OK;
        r->is_whole = true;
        return false;
    }
    return r->err == GH_OK;
}

static enum gh_err receive(const char *socket_path, struct json *request, struct receipt *r)
{
    struct daemon_batch *b = r->batch;
    enum gh_err err = call(socket_path, request, take_line, r);
    if (!err)
        err = r->err;
    if (!err && (!r->is_whole || !add(b, "]}")))
        err = GH_IO;
    if (err) {
        b->len = 0;
        b->events = 0;
    }
    return err == GH_FULL ? GH_IO : err;
}

enum gh_err daemon_batch(const char *socket_path, int limit, struct daemon_batch *b)
{
    *b = (struct daemon_batch){.body = b->body, .dialect = b->dialect};
    struct receipt r = {.batch = b, .limit = limit};
    struct json *request = json_new();
    if (!request || !json_set_text(request, "call", slice_of("batch")) ||
        !json_set_int(request, "limit", limit) ||
        !json_set_int(request, "max_bytes", DAEMON_BATCH_BYTES)) {
        json_free(request);
        return GH_IO;
    }
    return receive(socket_path, request, &r);
}

enum gh_err daemon_history(const char *socket_path, const char *stream, int64_t from,
                           int64_t before, struct daemon_batch *b)
{
    *b = (struct daemon_batch){.body = b->body, .dialect = b->dialect, .first_seq = from};
    snprintf(b->stream, sizeof b->stream, "%s", stream);
    struct receipt r = {.batch = b, .before = before, .limit = DAEMON_BATCH_EVENTS};
    struct json *request = json_new();
    if (!request || !json_set_text(request, "call", slice_of("events")) ||
        !json_set_int(request, "after", from - 1)) {
        json_free(request);
        return GH_IO;
    }
    enum gh_err err = receive(socket_path, request, &r);
    return !err && b->events == 0 ? GH_NOT_FOUND : err;
}
