#include "app/syncd/push.h"

#include "app/syncd/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/json/json.h"
#include "app/log.h"
#include "app/state.h"

#define CONNECT_MS 10000
#define IDLE_MS 20000
#define TOTAL_MS 60000
#define PATH_MAX_BYTES 512

enum gh_err push_init(struct push *p, struct sync *sync, struct https *https,
                      struct https *pull_https, uint64_t seed)
{
    *p = (struct push){.sync = sync, .https = https, .pull_https = pull_https,
                       .limit = DAEMON_BATCH_EVENTS, .damage_seen = -1};
    p->batch.body = malloc(DAEMON_BODY_BYTES);
    rhythm_init(&p->rhythm, seed);
    rhythm_init(&p->refusals, ~seed);
    char path[CONFIG_PATH_MAX];
    if (config_path(path, sync->config->state_dir, STATE_REPLICA))
        p->replica = replica_reader_open(path);
    return p->batch.body && p->replica ? GH_OK : GH_FULL;
}

void push_free(struct push *p)
{
    free(p->batch.body);
    p->batch.body = NULL;
    replica_reader_close(p->replica);
    p->replica = NULL;
}

void push_daemon_heard(struct push *p, enum gh_err err)
{
    if (err == GH_RETRY || err == GH_IO)
        p->daemon_next = mono_add_ms(sync_now(), PUSH_AWAY_MS);
}

bool push_daemon_may_be_there(const struct push *p)
{
    return sync_now().ms >= p->daemon_next.ms;
}

/* --- posts ---------------------------------------------------------------- */

static bool keep_piece(void *context, struct slice bytes)
{
    struct push_reply *r = context;
    if (bytes.len > sizeof r->text - r->len)
        return false;
    memcpy(r->text + r->len, bytes.ptr, bytes.len);
    r->len += bytes.len;
    return true;
}

enum push_end push_post(struct push *p, const char *call, struct slice json,
                        struct push_reply *reply)
{
    char path[PATH_MAX_BYTES];
    struct https_response r;
    *reply = (struct push_reply){.status = 0};
    snprintf(path, sizeof path, "/v1/sites/%s/gateways/%s/%s", p->sync->config->site.s,
             p->sync->config->gateway.s, call);
    const struct https_request request = {
        .path = path, .body = json, .post = true, .gzip_body = true,
        .connect_timeout_ms = CONNECT_MS, .idle_timeout_ms = IDLE_MS,
        .total_timeout_ms = TOTAL_MS, .max_bytes = sizeof reply->text,
        .piece = keep_piece, .context = reply};
    enum https_outcome outcome = sync_call(p->sync, SYNC_PUSH, p->https, &request, &r);
    sync_heard(p->sync, SYNC_PUSH, call, outcome, &r);
    reply->status = outcome == HTTPS_DONE ? r.status : 0;
    if (reply->status >= 200 && reply->status < 300) {
        rhythm_succeeded(&p->rhythm);
        return PUSH_TAKEN;
    }
    reply->len = r.body_len;
    memcpy(reply->text, r.body, r.body_len);
    if (reply->status >= 400 && reply->status < 500 && reply->status != 401 &&
        reply->status != 403 && reply->status != 429) {
        rhythm_succeeded(&p->rhythm);
        return PUSH_REFUSED;
    }
    rhythm_failed(&p->rhythm, sync_now(), r.retry_after_s);
    return PUSH_FAILED;
}

/* --- events --------------------------------------------------------------- */

/* Events are stuck: the status says why, and the next try waits. */
__attribute__((format(printf, 2, 3)))
static void nack(struct push *p, const char *fmt, ...)
{
    char why[SYNC_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(why, sizeof why, fmt, args) > 0)
        sync_events_nack(p->sync, why);
    va_end(args);
    rhythm_failed(&p->refusals, sync_now(), -1);
}

static bool reply_number(const struct push_reply *reply, const char *name, int64_t *out)
{
    struct json *v = json_parse_object(slice_make(reply->text, reply->len), NULL, 0);
    bool found = v && json_int(v, name, out);
    json_free(v);
    return found;
}

/* The cloud has everything up to seq. Only what was in this post counts: an
 * answer that claims more may be about events that never left the box. */
static void acknowledge(struct push *p, int64_t seq)
{
    const struct daemon_batch *b = &p->batch;
    int64_t last = seq < b->last_seq ? seq : b->last_seq;
    if (p->resend_from) {
        p->resend_from = last + 1; /* acknowledged long ago */
        return;
    }
    enum gh_err err = daemon_ack(p->sync->control_path, b->stream, last);
    push_daemon_heard(p, err);
    if (err) {
        log_line(LOG_WARNING, "push: gatehoused did not take the acknowledgement up to %lld (%s); "
                 "the events are sent again", (long long)last, gh_err_name(err));
        rhythm_failed(&p->refusals, sync_now(), -1);
    }
}

static void conclude_success(struct push *p, const struct push_reply *reply)
{
    const struct daemon_batch *b = &p->batch;
    int64_t acked;
    if (!reply_number(reply, "acked_seq", &acked)) {
        nack(p, "events: the cloud's answer names no acked_seq");
    } else if (acked < b->first_seq) {
        nack(p, "events: the cloud has only up to %lld, though it took %lld to %lld",
             (long long)acked, (long long)b->first_seq, (long long)b->last_seq);
    } else {
        sync_events_nack(p->sync, "");
        rhythm_succeeded(&p->refusals);
        p->limit = p->limit < DAEMON_BATCH_EVENTS / 2 ? 2 * p->limit : DAEMON_BATCH_EVENTS;
        acknowledge(p, acked);
    }
}

/* 409: the cloud wants to go on at another number. */
static void conclude_gap(struct push *p, const struct push_reply *reply)
{
    const struct daemon_batch *b = &p->batch;
    int64_t expected;
    if (!reply_number(reply, "expected_seq", &expected) || expected < 1) {
        nack(p, "events: the cloud refuses %lld to %lld and names no expected_seq",
             (long long)b->first_seq, (long long)b->last_seq);
    } else if (p->next_seq && expected > p->next_seq && expected > b->last_seq + 1) {
        /* It mistakes this stream for another: nothing in it may count as received. */
        nack(p, "events: the cloud expects %lld, and stream %.40s ends at %lld",
             (long long)expected, b->stream, (long long)p->next_seq - 1);
    } else if (expected > b->first_seq) {
        /* It has the beginning of this batch already. */
        log_line(LOG_WARNING, "push: the cloud expects event %lld, not %lld",
                 (long long)expected, (long long)b->first_seq);
        acknowledge(p, expected - 1);
    } else if (expected < b->first_seq && p->resend_from != expected) {
        nack(p, "events: the cloud lacks %lld to %lld, which it had acknowledged: sent again",
             (long long)expected, (long long)b->first_seq - 1);
        p->resend_from = expected;
    } else {
        nack(p, "events: the cloud expects %lld and refuses %lld to %lld", (long long)expected,
             (long long)b->first_seq, (long long)b->last_seq);
    }
}

static void send_batch(struct push *p)
{
    const struct daemon_batch *b = &p->batch;
    struct push_reply reply;
    switch (push_post(p, "events", slice_make(b->body, b->len), &reply)) {
    case PUSH_TAKEN:
        conclude_success(p, &reply);
        break;
    case PUSH_REFUSED:
        if (reply.status == 409)
            conclude_gap(p, &reply);
        else if (reply.status == 413 && p->limit > 1)
            p->limit /= 2;
        else
            nack(p, "events: the cloud refuses %lld to %lld with %d", (long long)b->first_seq,
                 (long long)b->last_seq, reply.status);
        break;
    case PUSH_FAILED:
        break;
    }
}

/* Where the replica does not say, the one last known stays; before the first policy
 * that is ours. */
static void look_up_dialect(struct push *p)
{
    enum dialect dialect;
    if (replica_reader_dialect(p->replica, &dialect) == GH_OK)
        p->batch.dialect = dialect;
}

/* Fills the batch: from the history while the cloud lacks some of that, else
 * with what is not acknowledged. */
static enum gh_err fetch(struct push *p)
{
    const char *path = p->sync->control_path;
    char stream[ID_MAX + 1];
    look_up_dialect(p);
    enum gh_err err = daemon_batch(path, p->limit, &p->batch);
    if (err || !p->resend_from)
        return err;
    int64_t before = p->batch.first_seq;
    if (p->batch.events == 0 || p->resend_from >= before) {
        p->resend_from = 0;
        return GH_OK;
    }
    memcpy(stream, p->batch.stream, sizeof stream);
    err = daemon_history(path, stream, p->resend_from, before, &p->batch);
    if (err == GH_NOT_FOUND) {
        nack(p, "events: the cloud lacks %lld to %lld, which this box no longer holds",
             (long long)p->resend_from, (long long)before - 1);
        p->resend_from = 0;
        rhythm_hopeless(&p->refusals, sync_now());
    }
    return err;
}

/* One batch, if there is one. True if a look for more is worth it at once: each
 * look costs gatehoused a thread and an opened journal, so what comes after a
 * batch that was far from full is collected for a moment. */
static bool push_events(struct push *p)
{
    int limit = p->limit;
    enum gh_err err = fetch(p);
    push_daemon_heard(p, err);
    if (err == GH_INVALID)
        nack(p, "events: the journal of this box cannot be read on from the last one sent");
    if (err || p->batch.events == 0)
        return false;
    bool is_full = p->batch.events >= limit - limit / 2 || p->batch.len >= DAEMON_BATCH_BYTES / 2;
    send_batch(p);
    return (is_full || p->resend_from) && rhythm_wait_ms(&p->refusals, sync_now()) == 0;
}

/* --- the activity --------------------------------------------------------- */

static bool may_call(const struct push *p)
{
    return rhythm_wait_ms(&p->rhythm, sync_now()) == 0 && !sync_is_stopping(p->sync);
}

void *push_run(void *push)
{
    struct push *p = push;
    p->status_next = sync_now();
    while (!sync_is_stopping(p->sync)) {
        bool more = false;
        sync_promise(p->sync, SYNC_PUSH, SYNC_WORK_MS);
        if (sync_take_back(p->sync, SYNC_PUSH))
            rhythm_hasten(&p->rhythm, sync_now());
        push_notes(p);
        if (push_daemon_may_be_there(p))
            push_daemon_heard(p, commands_pass_on(p->sync));
        push_alarms(p);
        if (may_call(p))
            push_status(p);
        if (may_call(p) && rhythm_wait_ms(&p->refusals, sync_now()) == 0 &&
            push_daemon_may_be_there(p))
            more = push_events(p);
        /* While the cloud is away this loop still looks for notes to pass on. */
        if (!more || !may_call(p))
            sync_sleep(p->sync, PUSH_IDLE_MS);
    }
    return NULL;
}
