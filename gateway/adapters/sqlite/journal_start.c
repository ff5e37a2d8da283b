/* How a journal begins: its file is opened and, where it must be, looked through or rewritten; what
 * the tail has and the database has not is taken over. */
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>

#include "journal_internal.h"

struct replay {
    struct journal_db *db;
    uint64_t moved_number; /* of the database; 0 once a record shows that it is not of this tail */
    enum gh_err err;
};

/* Whether the database does not have it yet (tail.h). */
static bool record_counts(struct replay *replay, const struct record *r)
{
    uint64_t newest = replay->db->next_seq - 1; /* of the database and the records before */
    if (!record_has(r, RECORD_HAS_EVENT))
        return r->seq >= newest && r->number > replay->moved_number;
    if (r->seq <= newest)
        return false;
    if (r->number <= replay->moved_number)
        replay->moved_number = 0;
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
    struct journal_item *item = journal_item_make(&db->queue, r);
    if (!item) {
        replay->err = GH_IO;
        return false;
    }
    journal_queue_push(&db->queue, item, true);
    if (record_has(r, RECORD_HAS_REPEAT))
        repeat_set_add(&db->repeats, slice_of(r->repeat.reader.s), slice_of(r->repeat.read_id.s),
                       journal_boot_ms());
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
    uint64_t moved_number = store_state(db->store)->moved_number;
    struct replay replay = {db, moved_number, GH_OK};
    enum gh_err err = tail_replay(db->tail, moved_number, replay_record, &replay);
    if (err == GH_OK)
        err = replay.err;
    db->next_number = tail_newest(db->tail) + 1;
    if (err != GH_OK || db->queue.oldest)
        return err;
    /* Nothing of the tail is needed, so numbers may leave some out. */
    if (db->next_number <= moved_number)
        db->next_number = moved_number + 1;
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
    store_seal_with(db->store, &db->seal);
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

bool journal_db_opens_slowly(const char *folder)
{
    DB_CLOSES sqlite3 *db = NULL;
    char path[PATH_MAX];
    int layout = 0;
    if (journal_file_is_suspect(folder))
        return true;
    return (size_t)snprintf(path, sizeof path, "%s/journal.db", folder) < sizeof path &&
           journal_file_read(&db, path, 0, &layout) == GH_OK &&
           (layout == JOURNAL_LAYOUT_UNCHECKED || layout == JOURNAL_LAYOUT_OLD);
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
    enum gh_err err = store_open(&db->store, db->folder, false);
    if (err == GH_OK)
        store_seal_with(db->store, &db->seal);
    return err;
}

/* Damage that the process before met in the middle of the file. */
static enum gh_err settle_suspicion(struct journal_db *db)
{
    if (!journal_file_is_suspect(db->folder))
        return GH_OK;
    enum gh_err err = store_scan(db->store);
    /* One that is damaged is noted until it lies aside, whoever kills us before. */
    if (err == GH_OK)
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

enum gh_err journal_start(struct journal_db *db, const struct journal_db_options *options,
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
    /* Pages of which the log has the whole ones are not looked at. */
    err = err == GH_OK ? settle_suspicion(db) : GH_OK;
    if (err == GH_OK)
        err = give_sums(db);
    if (err == GH_OK)
        err = journal_asker_open(db);
    if (err != GH_OK)
        return explain(err, db, why, why_size);
    err = take_over_tail(db, options->tail_bytes);
    /* Somebody cut off what the cloud has: numbers that come again would never reach it. */
    if (err == GH_OK && db->acked_seq > db->next_seq - 1)
        return explain(GH_CORRUPT, db, why, why_size);
    return err;
}
