#include "events.h"

#include "commands.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_store.h"
#include "span.h"

enum { PIECES_MAX = 100000 };
static const long long SEQ_MAX = 1LL << 53; /* whole numbers that every JSON reader keeps exact */

/* One batch, taken apart. */
struct batch {
    char stream[65];
    struct piece *pieces;
    size_t count;
    char *own; /* events that had to be made shorter; as long as the body */
    size_t own_len;
};

static bool get_seq(const json_t *object, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > SEQ_MAX)
        return false;
    *out = json_integer_value(value);
    return true;
}

/* Each of the following answers and returns false if the batch is no good. */

static bool take_lost(struct batch *b, const json_t *lost, struct answer *answer)
{
    size_t i;
    const json_t *range;
    json_array_foreach(lost, i, range) {
        struct piece p = {0};
        if (!get_seq(range, "from", &p.from) || !get_seq(range, "to", &p.to) || p.to < p.from) {
            answer_error(answer, 400, "lost[%zu] must have from and to, from 1 up, from <= to", i);
            return false;
        }
        b->pieces[b->count++] = p;
    }
    return true;
}

/* A vendor's words are the last member of an event and none of its bytes: they are
 * set aside, and the event goes on without them. */
static void set_words_aside(struct batch *b, struct piece *p)
{
    struct bytes before;
    if (!span_last_member(p->event, "vendor", &before, &p->vendor))
        return;
    char *to = b->own + b->own_len;
    memcpy(to, before.at, before.len);
    to[before.len] = '}';
    b->own_len += before.len + 1;
    p->event = (struct bytes){to, before.len + 1};
}

/* The members are read by jansson, the bytes to store are cut from the text. */
static bool take_events(struct batch *b, const json_t *events, struct bytes text,
                        int64_t first_seq, struct answer *answer)
{
    size_t i;
    const json_t *event;
    int64_t before = first_seq - 1;
    json_array_foreach(events, i, event) {
        struct piece p = {0};
        if (!get_seq(event, "seq", &p.from) || !span_element(&text, &p.event)) {
            answer_error(answer, 400, "events[%zu] must be an object with a seq from 1 up", i);
            return false;
        }
        set_words_aside(b, &p);
        if (p.from <= before || (i == 0 && p.from != first_seq)) {
            answer_error(answer, 400, "events[%zu]: seq must start at first_seq and rise", i);
            return false;
        }
        before = p.to = p.from;
        b->pieces[b->count++] = p;
    }
    return true;
}

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a;
    const struct piece *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static bool sort_pieces(struct batch *b, struct answer *answer)
{
    qsort(b->pieces, b->count, sizeof *b->pieces, compare_pieces);
    for (size_t i = 1; i < b->count; i++) {
        if (b->pieces[i].from <= b->pieces[i - 1].to) {
            answer_error(answer, 400, "seq %lld is in the batch twice",
                         (long long)b->pieces[i].from);
            return false;
        }
    }
    return true;
}

static bool read_batch(struct batch *b, const json_t *root, struct bytes body,
                       struct answer *answer)
{
    const char *stream = json_string_value(json_object_get(root, "stream"));
    const json_t *lost = json_object_get(root, "lost");
    const json_t *events = json_object_get(root, "events");
    int64_t first_seq;
    struct bytes text;
    size_t count = json_array_size(events) + json_array_size(lost);
    if (!stream || !is_identifier(stream) || !get_seq(root, "first_seq", &first_seq) ||
        !json_is_array(events) || !span_member(body, "events", &text) ||
        (lost && !json_is_array(lost)) || count == 0 || count > PIECES_MAX) {
        answer_error(answer, 400,
                     "the body must be {\"stream\",\"first_seq\",\"lost\"?,\"events\"},"
                     " with 1 to %d events and losses", PIECES_MAX);
        return false;
    }
    snprintf(b->stream, sizeof b->stream, "%s", stream);
    b->pieces = calloc(count, sizeof *b->pieces);
    b->own = malloc(body.len);
    if (!b->pieces || !b->own) {
        answer_failed(answer);
        return false;
    }
    return take_lost(b, lost, answer) && take_events(b, events, text, first_seq, answer) &&
           sort_pieces(b, answer);
}

static void store_batch(struct cloud *cloud, const struct call *call, const struct batch *b,
                        struct answer *answer)
{
    if (fault_take(&cloud->faults, FAULT_EXPECT_AHEAD)) {
        answer_json(answer, 409, "{\"expected_seq\":1000000}\n");
        return;
    }
    if (fault_take(&cloud->faults, FAULT_EVENTS_FAIL_BEFORE_COMMIT)) {
        answer_failed(answer);
        return;
    }
    int64_t acked;
    switch (event_store_append(cloud->db, call_arg(call, 0), call_arg(call, 1), b->stream,
                               b->pieces, b->count, &acked)) {
    case APPEND_OK:
        for (size_t i = 0; i < b->count; i++)
            if (b->pieces[i].event.at)
                commands_take_event(cloud, call_arg(call, 0), call_arg(call, 1),
                                    b->pieces[i].event);
        answer_json(answer, 200, "{\"acked_seq\":%lld}\n", (long long)acked);
        if (fault_take(&cloud->faults, FAULT_ENDLESS_BODY))
            answer_endless(answer);
        if (fault_take(&cloud->faults, FAULT_EVENTS_FAIL_AFTER_COMMIT))
            answer->cut_at = 1;
        break;
    case APPEND_GAP:
        answer_json(answer, 409, "{\"expected_seq\":%lld}\n", (long long)acked + 1);
        break;
    case APPEND_FAILED:
        answer_failed(answer);
        break;
    }
}

void events_post(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    struct batch b = {0};
    json_error_t error;
    struct bytes body = call_body(call);
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root))
        answer_error(answer, 400, "the body is not a JSON object");
    else if (read_batch(&b, root, body, answer))
        store_batch(cloud, call, &b, answer);
    free(b.pieces);
    free(b.own);
    json_decref(root);
}

void status_post(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    json_error_t error;
    struct bytes body = call_body(call);
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root))
        answer_error(answer, 400, "the body is not a JSON object");
    else if (!event_store_set_status(cloud->db, call_arg(call, 0), call_arg(call, 1),
                                     now_wall_ms() / 1000, body))
        answer_failed(answer);
    else
        answer->status = 204;
    json_decref(root);
}
