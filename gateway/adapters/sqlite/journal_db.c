#include "journal_db.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "journal_internal.h"
#include "sql/journal.h"

#define ACK_LATER_MS 1000

/* --- the port ----------------------------------------------------------- */

/* Brings what is only in memory into the tail, oldest first: normally just the
 * item that was pushed a moment ago, in one write. */
static void write_tail(struct journal_db *db)
{
    while (db->queue.unwritten) {
        if (tail_newest(db->tail) != 0 && tail_newest(db->tail) <= db->stored_number) {
            tail_rewind(db->tail);
            journal_fault_clear(db, JOURNAL_FAULT_TAIL_SYNC);
        }
        const struct record *r = &db->queue.unwritten->record;
        enum gh_err err = tail_write(db->tail, r, db->stored_number);
        if (err == GH_IO)
            journal_fault_set(db, JOURNAL_FAULT_TAIL_WRITE,
                              "journal.tail cannot be written: check the disk");
        if (err != GH_OK)
            return;
        journal_fault_clear(db, JOURNAL_FAULT_TAIL_WRITE);
        db->tail_seq = r->seq;
        journal_queue_written(&db->queue);
    }
}

static uint64_t next_seq(void *self)
{
    struct journal_db *db = self;
    journal_lock(db);
    uint64_t seq = db->next_seq;
    journal_unlock(db);
    return seq;
}

static void repeat_pack(struct record_repeat *out, const struct repeat *r, uint64_t boot)
{
    *out = (struct record_repeat){
        .reader = r->reader,
        .read_id = r->read_id,
        .door = r->door,
        .boot = boot,
        .at_ms = r->at.ms,
        .release_ms = r->release_ms,
        .answered = r->answered,
    };
    (void)snprintf(out->decision, sizeof out->decision, "%s", decision_name(r->decision));
    (void)snprintf(out->reason, sizeof out->reason, "%s", reason_name(r->reason));
}

/* The words come from a file: a newer version may know more of them. */
static enum gh_err repeat_unpack(struct repeat *out, const struct record_repeat *r, uint64_t boot)
{
    struct repeat found = {
        .reader = r->reader,
        .read_id = r->read_id,
        .door = r->door,
        .at = {r->at_ms},
        .release_ms = r->release_ms,
        .answered = r->answered,
        .this_boot = boot != 0 && r->boot == boot, /* 0: this boot cannot be told from others */
    };
    if (decision_parse(&found.decision, slice_of(r->decision)) != GH_OK ||
        reason_parse(&found.reason, slice_of(r->reason)) != GH_OK)
        return GH_IO;
    *out = found;
    return GH_OK;
}

/* As of now, also what a former process left: it stays the longer for it. */
static void remember(struct journal_db *db, const struct record_repeat *r)
{
    repeat_set_add(&db->repeats, slice_of(r->reader.s), slice_of(r->read_id.s),
                   journal_boot_ms());
}

static enum gh_err append(void *self, uint64_t seq, struct slice event,
                          const struct repeat *repeat, struct slice changes)
{
    struct journal_db *db = self;
    struct record r = {.seq = seq, .event = event, .changes = changes};
    unsigned kind = RECORD_EVENT;
    if (event.len == 0 || event.len > EVENT_JSON_MAX || !changes_are_valid(changes))
        return GH_INVALID;
    /* Without both ids there is nothing that could be recognised again. */
    if (repeat && !id_is_none(&repeat->reader) && !id_is_none(&repeat->read_id)) {
        kind |= RECORD_HAS_REPEAT;
        repeat_pack(&r.repeat, repeat, db->boot);
    }
    if (changes.len > 0)
        kind |= RECORD_HAS_CHANGES;
    r.kind = (enum record_kind)kind;
    r.number = db->next_number;
    struct journal_item *item = journal_item_make(&db->queue, &r);

    journal_lock(db);
    enum gh_err err = seq == db->next_seq ? GH_OK : GH_INVALID;
    bool is_first = !journal_has_waiting(db);
    if (err == GH_OK) {
        if (is_first)
            db->move_at_ms = journal_wait_ms() + JOURNAL_MOVE_MS;
        db->next_seq++;
        write_tail(db); /* what had to wait goes first */
        if (!item || db->queue.n_unwritten >= JOURNAL_MEMORY_EVENTS)
            err = GH_FULL;
    }
    if (err == GH_OK) {
        db->next_number++;
        journal_queue_push(&db->queue, item, false);
        write_tail(db);
    }
    bool is_pressing = journal_is_pressing(db);
    journal_unlock(db);
    /* Without the lock, which a thread needs first of all when it wakes. */
    if (is_first || is_pressing)
        (void)pthread_cond_signal(&db->kick);
    if (err != GH_OK) {
        journal_items_free(item);
        return err;
    }
    (void)pthread_cond_signal(&db->sync_kick);
    if (record_has(&r, RECORD_HAS_REPEAT))
        remember(db, &r.repeat);
    return GH_OK;
}

static uint64_t durable(void *self)
{
    struct journal_db *db = self;
    journal_lock(db);
    uint64_t seq = db->durable_seq;
    journal_unlock(db);
    return seq;
}

static bool is_failing(void *self)
{
    struct journal_db *db = self;
    journal_lock(db);
    bool failing = (db->faults & JOURNAL_FAULT_DB) &&
                   ((db->faults & JOURNAL_FAULT_TAIL_SYNC) || db->queue.unwritten);
    journal_unlock(db);
    return failing;
}

static bool copy_text(char *out, size_t size, struct slice text)
{
    if (text.len >= size || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* From the database; its read transaction ends with the call. */
static enum gh_err find_stored(struct journal_db *db, struct record_repeat *out)
{
    DB_RESETS sqlite3_stmt *st = db->find[0];
    enum gh_err err = db_bind_text(st, 1, slice_of(out->reader.s));
    if (err == GH_OK)
        err = db_bind_text(st, 2, slice_of(out->read_id.s));
    if (err == GH_OK)
        err = db_one(st);
    if (err == GH_CORRUPT)
        journal_db_met_damage(db);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_NOT_FOUND : GH_IO;
    if (!copy_text(out->door.s, sizeof out->door.s, db_column(st, 0)) ||
        !copy_text(out->decision, sizeof out->decision, db_column(st, 1)) ||
        !copy_text(out->reason, sizeof out->reason, db_column(st, 2)))
        return GH_IO;
    out->boot = (uint64_t)sqlite3_column_int64(st, 3);
    out->at_ms = sqlite3_column_int64(st, 4);
    out->release_ms = sqlite3_column_int64(st, 5);
    out->answered = sqlite3_column_int64(st, 6) != 0;
    return GH_OK;
}

static enum gh_err repeat_find(void *self, const struct id *reader, const struct id *read_id,
                               struct repeat *out)
{
    struct journal_db *db = self;
    struct record_repeat r = {.reader = *reader, .read_id = *read_id};
    bool answered = false;
    enum gh_err err = GH_OK;

    /* Most reads are new: they need neither the lock nor the database. */
    if (!repeat_set_may_hold(&db->repeats, slice_of(reader->s), slice_of(read_id->s)))
        return GH_NOT_FOUND;

    /* First the queue, then the database: records only move that way. */
    journal_lock(db);
    const struct record_repeat *queued = journal_queue_find(&db->queue, reader, read_id, &answered);
    if (queued)
        r = *queued;
    journal_unlock(db);
    if (!queued)
        err = find_stored(db, &r);
    if (err != GH_OK)
        return err;
    r.answered = r.answered || answered;
    return repeat_unpack(out, &r, db->boot);
}

/* What is worth no transaction of its own goes with the next one, or soon. */
static void store_lazily(struct journal_db *db)
{
    if (db->ack_waits)
        return;
    db->ack_waits = true;
    db->ack_at_ms = journal_wait_ms() + ACK_LATER_MS;
    (void)pthread_cond_signal(&db->kick);
}

/* Records what has no event. GH_FULL: no room for it. */
static enum gh_err push_lazily(struct journal_db *db, struct record *r)
{
    enum gh_err err = GH_FULL;
    journal_lock(db);
    r->number = db->next_number;
    r->seq = db->next_seq - 1;
    write_tail(db);
    struct journal_item *item =
        db->queue.n_unwritten < JOURNAL_MEMORY_EVENTS ? journal_item_make(&db->queue, r) : NULL;
    if (item) {
        db->next_number++;
        journal_queue_push(&db->queue, item, false);
        write_tail(db);
        /* The tail has it: a sync of its own would only hold up the next event. */
        store_lazily(db);
        err = GH_OK;
    }
    journal_unlock(db);
    return err;
}

static void repeat_answered(void *self, const struct id *reader, const struct id *read_id)
{
    struct record r = {.kind = RECORD_ANSWERED, .repeat = {.reader = *reader, .read_id = *read_id}};
    if (id_is_none(reader) || id_is_none(read_id))
        return;
    /* A note that finds no room is dropped: the answer would go out twice. */
    (void)push_lazily(self, &r);
}

static enum gh_err keep(void *self, struct slice changes)
{
    struct record r = {.kind = RECORD_KEEP, .changes = changes};
    if (!changes_are_valid(changes))
        return GH_INVALID;
    return changes.len > 0 ? push_lazily(self, &r) : GH_OK;
}

static enum gh_err kept_each(void *self,
                             bool (*each)(void *context, struct slice key, struct slice value),
                             void *context)
{
    return journal_kept_each(self, each, context);
}

static void counts(void *self, struct journal_counts *out)
{
    journal_db_counts(self, out);
}

struct journal journal_db_port(struct journal_db *db)
{
    static const struct journal_ops ops = {
        .next_seq = next_seq,
        .append = append,
        .keep = keep,
        .kept_each = kept_each,
        .durable = durable,
        .is_failing = is_failing,
        .counts = counts,
        .repeat_find = repeat_find,
        .repeat_answered = repeat_answered,
    };
    return (struct journal){&ops, db};
}

enum gh_err journal_db_ack(struct journal_db *db, struct slice stream, uint64_t seq)
{
    enum gh_err err = GH_OK;
    if (!slice_is(stream, db->stream))
        return GH_INVALID;
    journal_lock(db);
    if (seq > db->durable_seq) {
        err = GH_INVALID;
    } else if (seq > db->acked_seq) {
        db->acked_seq = seq;
        store_lazily(db);
    }
    journal_unlock(db);
    return err;
}

/* --- opening and closing ------------------------------------------------ */

static enum gh_err init(struct journal_db *db, const struct journal_db_options *options)
{
    pthread_condattr_t monotonic;
    uint64_t seed = 0;
    db->folder = strdup(options->folder);
    db->max_events = options->max_events;
    db->boot = options->boot_id_hash;
    db->seal = options->seal;
    db->started_boot_ms = journal_boot_ms();
    bool has_seed = getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed;
    repeat_set_init(&db->repeats, seed, REPEAT_KEEP_MS, db->started_boot_ms);
    (void)pthread_mutex_init(&db->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&db->kick, &monotonic);
    (void)pthread_cond_init(&db->sync_kick, &monotonic);
    (void)pthread_cond_init(&db->moved, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    db->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return has_seed && db->folder && db->event_fd >= 0 ? journal_queue_open(&db->queue) : GH_IO;
}

static void destroy(struct journal_db *db)
{
    journal_queue_close(&db->queue);
    repeat_set_free(&db->repeats);
    tail_close(db->tail);
    db_finalize_all(db->find, 1);
    db_close(db->asker);
    /* Last: the writer's close copies the log back, if nobody else is there. */
    store_close(db->store);
    if (db->event_fd >= 0)
        (void)close(db->event_fd);
    (void)pthread_cond_destroy(&db->kick);
    (void)pthread_cond_destroy(&db->sync_kick);
    (void)pthread_cond_destroy(&db->moved);
    (void)pthread_mutex_destroy(&db->lock);
    free(db->folder);
    free(db);
}

enum gh_err journal_db_open(struct journal_db **out, const struct journal_db_options *options,
                            char *why, size_t why_size)
{
    assert(options->max_events >= 1000 && options->tail_bytes >= 64 * 1024);
    struct journal_db *db = calloc(1, sizeof *db);
    if (!db)
        return GH_IO;
    (void)snprintf(why, why_size, "%s: the journal cannot be opened; check memory and disk",
                   options->folder);
    enum gh_err err = init(db, options);
    if (err == GH_OK)
        err = journal_start(db, options, why, why_size);
    /* Looked at before the threads start: from then on these belong to the lock. */
    if (err == GH_OK && (db->fault[0] != '\0' || db->loss.state == LOSS_READY))
        journal_notify(db);
    if (err == GH_OK)
        err = journal_threads_start(db);
    if (err != GH_OK) {
        destroy(db);
        return err;
    }
    why[0] = '\0';
    *out = db;
    return GH_OK;
}

void journal_db_close(struct journal_db *db)
{
    if (!db)
        return;
    journal_threads_stop(db);
    destroy(db);
}
