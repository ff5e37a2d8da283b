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

static void lock(struct journal_db *db)
{
    (void)pthread_mutex_lock(&db->lock);
}

static void unlock(struct journal_db *db)
{
    (void)pthread_mutex_unlock(&db->lock);
}

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
    lock(db);
    uint64_t seq = db->next_seq;
    unlock(db);
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
    struct journal_item *item = journal_item_make(&r);

    lock(db);
    enum gh_err err = seq == db->next_seq ? GH_OK : GH_INVALID;
    if (err == GH_OK) {
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
    unlock(db);
    if (err != GH_OK) {
        free(item);
        return err;
    }
    /* Without the lock, which the thread needs first of all when it wakes. */
    (void)pthread_cond_signal(&db->kick);
    if (record_has(&r, RECORD_HAS_REPEAT))
        remember(db, &r.repeat);
    return GH_OK;
}

static uint64_t durable(void *self)
{
    struct journal_db *db = self;
    lock(db);
    uint64_t seq = db->durable_seq;
    unlock(db);
    return seq;
}

static bool is_failing(void *self)
{
    struct journal_db *db = self;
    lock(db);
    bool failing = (db->faults & JOURNAL_FAULT_DB) &&
                   ((db->faults & JOURNAL_FAULT_TAIL_SYNC) || db->queue.unwritten);
    unlock(db);
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
    lock(db);
    const struct record_repeat *queued = journal_queue_find(&db->queue, reader, read_id, &answered);
    if (queued)
        r = *queued;
    unlock(db);
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
    lock(db);
    r->number = db->next_number;
    r->seq = db->next_seq - 1;
    write_tail(db);
    struct journal_item *item =
        db->queue.n_unwritten < JOURNAL_MEMORY_EVENTS ? journal_item_make(r) : NULL;
    if (item) {
        db->next_number++;
        journal_queue_push(&db->queue, item, false);
        write_tail(db);
        /* The tail has it: a sync of its own would only hold up the next event. */
        store_lazily(db);
        err = GH_OK;
    }
    unlock(db);
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

/* --- beside the port ---------------------------------------------------- */

int journal_db_fd(struct journal_db *db)
{
    return db->event_fd;
}

struct slice journal_db_last_event(struct journal_db *db)
{
    return slice_make(db->last_event, db->last_event_len);
}

void journal_db_counts(struct journal_db *db, struct journal_counts *out)
{
    struct journal_counts c;
    memcpy(c.stream, db->stream, sizeof c.stream);
    lock(db);
    uint64_t waiting = db->next_seq - 1 - db->stored_seq; /* numbers the database lacks */
    c.first_seq = db->first_seq ? db->first_seq : db->stored_seq + 1;
    c.next_seq = db->next_seq;
    c.durable_seq = db->durable_seq;
    c.acked_seq = db->acked_seq;
    c.lost_total = db->lost_stored + waiting - db->queue.n_events;
    unlock(db);
    *out = c;
}

bool journal_db_trouble(struct journal_db *db, struct journal_trouble *out)
{
    struct journal_trouble t = {0};
    lock(db);
    if (db->loss.state == LOSS_READY) {
        t.has_range = true;
        t.from = db->loss.from;
        t.to = db->loss.to;
        db->loss.state = LOSS_TAKEN;
        db->loss.told_by = db->next_number;
    }
    memcpy(t.fault, db->fault, sizeof t.fault);
    t.recovered = db->recovered;
    db->fault[0] = '\0';
    db->recovered = false;
    unlock(db);
    if (!t.has_range && t.fault[0] == '\0' && !t.recovered)
        return false;
    *out = t;
    return true;
}

enum gh_err journal_db_ack(struct journal_db *db, struct slice stream, uint64_t seq)
{
    enum gh_err err = GH_OK;
    if (!slice_is(stream, db->stream))
        return GH_INVALID;
    lock(db);
    if (seq > db->durable_seq) {
        err = GH_INVALID;
    } else if (seq > db->acked_seq) {
        db->acked_seq = seq;
        store_lazily(db);
    }
    unlock(db);
    return err;
}

/* --- opening and closing ------------------------------------------------ */

struct replay {
    struct journal_db *db;
    uint64_t kept_number; /* of the database; 0 once a record shows that it is not of this tail */
    enum gh_err err;
};

/* Whether the database does not have it yet (tail.h). */
static bool record_counts(struct replay *replay, const struct record *r)
{
    uint64_t newest = replay->db->next_seq - 1; /* of the database and the records before */
    if (!record_has(r, RECORD_HAS_EVENT))
        return r->seq >= newest && r->number > replay->kept_number;
    if (r->seq <= newest)
        return false;
    if (r->number <= replay->kept_number)
        replay->kept_number = 0;
    return true;
}

/* Takes over a record that the database does not have. */
static bool replay_record(void *context, const struct record *r)
{
    struct replay *replay = context;
    struct journal_db *db = replay->db;
    bool is_event = record_has(r, RECORD_HAS_EVENT);
    if (!record_counts(replay, r)) {
        /* Its room can be used again at once: what must be kept may be short
         * of room before the first transaction. */
        if (!db->queue.oldest)
            db->stored_number = r->number;
        return false;
    }
    struct journal_item *item = journal_item_make(r);
    if (!item) {
        replay->err = GH_IO;
        return false;
    }
    journal_queue_push(&db->queue, item, true);
    if (record_has(r, RECORD_HAS_REPEAT))
        remember(db, &r->repeat);
    if (is_event) {
        memcpy(db->last_event, r->event.ptr, r->event.len);
        db->last_event_len = r->event.len;
    }
    if (r->seq >= db->next_seq)
        db->next_seq = r->seq + 1;
    db->tail_seq = r->seq;
    return true;
}

static enum gh_err take_over_tail(struct journal_db *db, size_t tail_bytes)
{
    uint64_t kept_number = store_state(db->store)->kept_number;
    struct replay replay = {db, kept_number, GH_OK};
    enum gh_err err = tail_replay(db->tail, replay_record, &replay);
    if (err == GH_OK)
        err = replay.err;
    db->next_number = tail_newest(db->tail) + 1;
    if (err != GH_OK || db->queue.oldest)
        return err;
    /* Nothing of the tail is needed, so numbers may leave some out. */
    if (db->next_number <= kept_number)
        db->next_number = kept_number + 1;
    tail_rewind(db->tail);
    /* Where there is no room for another size, this one goes on. */
    if (!tail_has_size(db->tail, tail_bytes))
        return tail_resize(db->tail, db->folder, db->stream, tail_bytes) == GH_IO ? GH_IO : GH_OK;
    return GH_OK;
}

static enum gh_err open_store(struct journal_db *db)
{
    enum gh_err err = store_open(&db->store, db->folder, true);
    if (err != GH_OK)
        return err;
    const struct store_state *state = store_state(db->store);
    memcpy(db->stream, state->stream, sizeof db->stream);
    db->next_seq = state->newest_seq + 1;
    db->stored_seq = state->newest_seq;
    db->durable_seq = state->event_seq;
    db->first_seq = state->first_seq;
    db->acked_seq = state->acked_seq;
    db->lost_stored = state->lost_total;
    err = store_newest(db->store, db->last_event, &db->last_event_len);
    if (err == GH_OK && store_untold(db->store, &db->loss.from, &db->loss.to) == GH_OK)
        db->loss.state = LOSS_READY;
    return err;
}

/* For a file of a layout without page sums. If it cannot have them now, it goes on
 * without, and the next start tries again. */
static enum gh_err give_sums(struct journal_db *db)
{
    int layout = store_state(db->store)->layout;
    if (layout == JOURNAL_LAYOUT)
        return GH_OK;
    store_close(db->store);
    db->store = NULL;
    enum gh_err given = journal_file_convert(db->folder, layout);
    (void)given;
    return store_open(&db->store, db->folder, false);
}

/* Damage that the process before met in the middle of the file. */
static enum gh_err settle_suspicion(struct journal_db *db)
{
    if (!journal_file_is_suspect(db->folder))
        return GH_OK;
    enum gh_err err = store_scan(db->store);
    if (err != GH_IO)
        journal_file_clear(db->folder);
    return err;
}

static enum gh_err explain(enum gh_err err, const struct journal_db *db, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "%s/journal.db: %s", db->folder,
                   err == GH_CORRUPT ? "it is damaged or not a journal of this version; "
                                       "restore it from a backup or move it away"
                                     : "it cannot be opened or made; check the disk, its "
                                       "space and the folder's permissions");
    return err == GH_CORRUPT ? GH_CORRUPT : GH_IO;
}

static enum gh_err open_parts(struct journal_db *db, const struct journal_db_options *options,
                              char *why, size_t why_size)
{
    uint64_t run = 0;
    char note[JOURNAL_FAULT_MAX];
    enum gh_err err = open_store(db);
    if (err != GH_OK)
        return explain(err, db, why, why_size);
    if (getrandom(&run, sizeof run, 0) != (ssize_t)sizeof run)
        return GH_IO;
    err = tail_open(&db->tail, db->folder, db->stream, options->tail_bytes, run, note, sizeof note);
    if (err != GH_OK) {
        (void)snprintf(why, why_size, "%s", note);
        return GH_IO;
    }
    (void)snprintf(db->fault, sizeof db->fault, "%s", note);

    /* The tail is locked, so nobody else can be at the database. A former
     * process may have left commits whose sync failed; this brings them to the
     * disk. Where there is no room for it now, it is done later. */
    err = store_checkpoint(db->store);
    if (err != GH_OK && err != GH_FULL && err != GH_RETRY)
        return explain(err, db, why, why_size);
    err = settle_suspicion(db);
    if (err == GH_OK)
        err = give_sums(db);
    if (err == GH_OK)
        err = journal_asker_open(db);
    if (err != GH_OK)
        return explain(err, db, why, why_size);
    return take_over_tail(db, options->tail_bytes);
}

static enum gh_err init(struct journal_db *db, const struct journal_db_options *options)
{
    pthread_condattr_t monotonic;
    uint64_t seed = 0;
    db->folder = strdup(options->folder);
    db->max_events = options->max_events;
    db->boot = options->boot_id_hash;
    db->started_boot_ms = journal_boot_ms();
    bool has_seed = getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed;
    repeat_set_init(&db->repeats, seed, REPEAT_KEEP_MS, db->started_boot_ms);
    (void)pthread_mutex_init(&db->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&db->kick, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    db->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return has_seed && db->folder && db->event_fd >= 0 ? GH_OK : GH_IO;
}

static void destroy(struct journal_db *db)
{
    journal_items_free(db->queue.oldest);
    repeat_set_free(&db->repeats);
    tail_close(db->tail);
    db_finalize_all(db->find, 1);
    db_close(db->asker);
    /* Last: the writer's close copies the log back, if nobody else is there. */
    store_close(db->store);
    if (db->event_fd >= 0)
        (void)close(db->event_fd);
    (void)pthread_cond_destroy(&db->kick);
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
        err = open_parts(db, options, why, why_size);
    /* Looked at before the thread starts: from then on these belong to the lock. */
    if (err == GH_OK && (db->fault[0] != '\0' || db->loss.state == LOSS_READY))
        journal_notify(db);
    if (err == GH_OK)
        err = journal_thread_start(db);
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
    journal_thread_stop(db);
    destroy(db);
}
