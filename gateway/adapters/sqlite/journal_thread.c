/* The mover: the thread that brings records from the queue into journal.db. It is
 * in no hurry as long as the tail makes them durable: many come in one transaction,
 * and its syncs do not hold up those of the tail. */
#include "journal_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 1000
#define RETRY_MS 1000
#define PURGE_EVERY_MS 60000
/* The log is copied back when there is nothing else to do, or when it is long. */
#define WAL_PAGES_IDLE 500
#define WAL_PAGES_MAX 4000

/* What one turn of the thread is about; items belong to the queue. */
struct turn {
    struct journal_item *first, *last; /* NULL = none */
    bool to_the_end;                   /* last is the newest item there is */
    uint64_t used_up;                  /* newest number given away */
    uint64_t ack;                      /* newest acknowledged number */
    uint64_t told;                     /* beginning of the loss that is told by now; 0 = none */
    bool is_damage_new;                /* a reader met it since the last turn */
    bool stop;
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t journal_wait_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t journal_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

void journal_notify(struct journal_db *db)
{
    /* Fails only when the counter is full, and then it is readable. */
    while (eventfd_write(db->event_fd, 1) != 0 && errno == EINTR)
        continue;
}

void journal_fault_set(struct journal_db *db, enum journal_fault fault, const char *text)
{
    if (db->faults == 0 || (db->faults & fault) == 0) {
        (void)snprintf(db->fault, sizeof db->fault, "%s", text);
        db->recovered = false;
        journal_notify(db);
    }
    db->faults |= fault;
}

void journal_fault_clear(struct journal_db *db, enum journal_fault fault)
{
    if (db->faults == 0)
        return;
    db->faults &= ~(unsigned)fault;
    if (db->faults == 0) {
        db->recovered = true;
        journal_notify(db);
    }
}

static const char *db_fault_text(enum gh_err err)
{
    switch (err) {
    case GH_FULL: return "journal.db cannot be written, the disk is full: free some space";
    case GH_CORRUPT: return JOURNAL_DAMAGED;
    case GH_RETRY: return "journal.db is locked by another program: stop that one";
    case GH_OK:
    case GH_INVALID:
    case GH_NOT_FOUND:
    case GH_IO: break;
    }
    return "journal.db cannot be written: check the disk";
}

/* --- waiting ------------------------------------------------------------ */

/* When the next transaction is due. */
static int64_t due_ms(const struct journal_db *db)
{
    int64_t at = db->purge_at_ms;
    if (db->ack_waits && db->ack_at_ms < at)
        at = db->ack_at_ms;
    if (journal_has_waiting(db))
        at = journal_is_pressing(db) ? 0 : db->move_at_ms < at ? db->move_at_ms : at;
    return at < db->retry_at_ms ? db->retry_at_ms : at;
}

static void wait_until(struct journal_db *db, int64_t at_ms)
{
    struct timespec t = {.tv_sec = at_ms / 1000, .tv_nsec = (long)(at_ms % 1000 * 1000000)};
    (void)pthread_cond_timedwait(&db->kick, &db->lock, &t);
}

/* Waits for something to do; describes it. */
static struct turn next_turn(struct journal_db *db)
{
    (void)pthread_mutex_lock(&db->lock);
    while (!db->stop && db->damage != DAMAGE_MET && journal_wait_ms() < due_ms(db))
        wait_until(db, due_ms(db));

    struct turn t = {.first = db->queue.oldest, .stop = db->stop, .ack = db->acked_seq};
    t.is_damage_new = db->damage == DAMAGE_MET;
    db->damage = t.is_damage_new ? DAMAGE_NOTED : db->damage;
    int n = 0;
    for (struct journal_item *item = t.first; item && n < BATCH_MAX; item = item->next, n++)
        t.last = item;
    t.to_the_end = t.last == db->queue.newest;
    t.used_up = db->next_seq - 1;
    if (db->loss.state == LOSS_TAKEN && t.last && t.last->record.number >= db->loss.told_by)
        t.told = db->loss.from;
    (void)pthread_mutex_unlock(&db->lock);
    return t;
}

/* --- a transaction ------------------------------------------------------ */

static enum gh_err reopen(struct journal_db *db)
{
    struct journal_store *fresh = NULL;
    if (db->store)
        return GH_OK;
    enum gh_err err = store_open(&fresh, db->folder, false);
    if (err != GH_OK)
        return err;
    if (memcmp(store_state(fresh)->stream, db->stream, JOURNAL_STREAM_HEX) != 0) {
        store_close(fresh);
        return GH_CORRUPT;
    }
    store_seal_with(fresh, &db->seal);
    db->store = fresh;
    /* A commit whose sync failed may be in the log all the same: copying it
     * back brings it to the disk by another way. */
    return store_checkpoint(db->store);
}

/* What an earlier boot left goes ten minutes after the start: nobody knows how
 * long the machine was off. */
static enum gh_err purge(struct journal_db *db, bool *again)
{
    int64_t now = journal_boot_ms();
    bool more = false, more_others = false;
    enum gh_err err = store_purge(db->store, db->boot, now - REPEAT_KEEP_MS, false, &more);
    if (err == GH_OK && !db->others_purged && now - db->started_boot_ms > REPEAT_KEEP_MS) {
        err = store_purge(db->store, db->boot, 0, true, &more_others);
        db->others_purged = err == GH_OK && !more_others;
    }
    *again = more || more_others;
    return err;
}

static enum gh_err fill(struct journal_db *db, const struct turn *t)
{
    int64_t boot_ms = journal_boot_ms();
    enum gh_err err = GH_OK;
    for (struct journal_item *item = t->first; item && err == GH_OK; item = item->next) {
        err = store_put(db->store, &item->record, boot_ms);
        if (item == t->last)
            break;
    }
    if (err == GH_OK && t->to_the_end)
        err = store_lose_up_to(db->store, t->used_up);
    if (err == GH_OK && t->told)
        err = store_told(db->store, t->told);
    if (err == GH_OK)
        err = store_ack(db->store, t->ack);
    return err == GH_OK ? store_prune(db->store, db->max_events) : err;
}

static enum gh_err move(struct journal_db *db, const struct turn *t)
{
    bool purge_again = false;
    bool purge_due = journal_wait_ms() >= db->purge_at_ms;
    enum gh_err err = reopen(db);
    if (err == GH_OK)
        err = store_begin(db->store);
    if (err != GH_OK)
        return err;
    err = fill(db, t);
    if (err == GH_OK && purge_due)
        err = purge(db, &purge_again);
    if (err != GH_OK) {
        store_drop(db->store);
        return err;
    }
    err = store_commit(db->store);
    if (err == GH_OK && purge_due)
        db->purge_at_ms = journal_wait_ms() + (purge_again ? 100 : PURGE_EVERY_MS);
    return err;
}

/* After a transaction: what the loop's side may know now. */
static void publish_moved(struct journal_db *db, const struct turn *t)
{
    const struct store_state *state = store_state(db->store);
    struct journal_loss loss = {.state = LOSS_NONE};
    struct journal_item *dropped = NULL;
    bool has_loss = store_untold(db->store, &loss.from, &loss.to) == GH_OK;

    (void)pthread_mutex_lock(&db->lock);
    if (t->last) {
        db->stored_number = t->last->record.number;
        dropped = journal_queue_drop(&db->queue, t->last);
    }
    db->stored_seq = state->newest_seq;
    db->first_seq = state->first_seq;
    db->lost_stored = state->lost_total;
    if (db->acked_seq == t->ack && !db->queue.oldest)
        db->ack_waits = false;
    /* What came meanwhile waits its time as well. */
    int64_t now_ms = journal_wait_ms();
    db->move_at_ms = now_ms + JOURNAL_MOVE_MS;
    if (db->ack_waits && db->ack_at_ms < now_ms)
        db->ack_at_ms = now_ms + JOURNAL_MOVE_MS;
    if (t->told)
        db->loss.state = LOSS_NONE;
    bool news = state->event_seq > db->durable_seq;
    if (news)
        db->durable_seq = state->event_seq;
    if (has_loss && db->loss.state == LOSS_NONE) {
        loss.state = LOSS_READY;
        db->loss = loss;
        news = true;
    }
    journal_fault_clear(db, JOURNAL_FAULT_DB);
    (void)pthread_cond_broadcast(&db->moved);
    (void)pthread_mutex_unlock(&db->lock);

    db->retry_at_ms = 0;
    journal_items_free(dropped);
    if (news)
        journal_notify(db);
}

static void publish_failed(struct journal_db *db, enum gh_err err)
{
    if (err != GH_FULL && err != GH_RETRY) {
        store_close(db->store);
        db->store = NULL;
    }
    if (err == GH_CORRUPT)
        journal_file_suspect(db->folder);
    db->retry_at_ms = journal_wait_ms() + RETRY_MS;
    (void)pthread_mutex_lock(&db->lock);
    journal_fault_set(db, JOURNAL_FAULT_DB, db_fault_text(err));
    (void)pthread_cond_broadcast(&db->moved);
    (void)pthread_mutex_unlock(&db->lock);
}

/* Copies the log back where it does not hold up events. */
static void tidy(struct journal_db *db, const struct turn *t)
{
    int pages = store_wal_pages(db->store);
    if (pages < WAL_PAGES_IDLE)
        return;
    (void)pthread_mutex_lock(&db->lock);
    bool idle = !db->queue.oldest && !t->stop;
    (void)pthread_mutex_unlock(&db->lock);
    if (!idle && pages < WAL_PAGES_MAX)
        return;
    enum gh_err err = store_checkpoint(db->store);
    if (err != GH_OK && err != GH_FULL && err != GH_RETRY)
        publish_failed(db, err);
}

static void take_turn(struct journal_db *db, const struct turn *t)
{
    if (t->is_damage_new)
        journal_file_suspect(db->folder);
    if (!t->stop && journal_wait_ms() < db->retry_at_ms)
        return;
    enum gh_err err = move(db, t);
    if (err == GH_OK) {
        publish_moved(db, t);
        tidy(db, t);
    } else {
        publish_failed(db, err);
    }
}

static void *run(void *context)
{
    struct journal_db *db = context;
    bool failed = false;
    for (;;) {
        struct turn t = next_turn(db);
        take_turn(db, &t);
        /* retry_at_ms is set exactly when the last attempt failed. */
        failed = db->retry_at_ms != 0;
        if (t.stop && (failed || t.to_the_end))
            return NULL;
    }
}

/* Without signals, which are the loop's. */
static bool begin(pthread_t *thread, void *(*body)(void *context), struct journal_db *db)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(thread, NULL, body, db);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0;
}

enum gh_err journal_threads_start(struct journal_db *db)
{
    db->mover_runs = begin(&db->mover, run, db);
    db->syncer_runs = db->mover_runs && begin(&db->syncer, journal_sync_run, db);
    if (db->syncer_runs)
        return GH_OK;
    journal_threads_stop(db);
    return GH_IO;
}

void journal_threads_stop(struct journal_db *db)
{
    journal_lock(db);
    db->stop = true;
    (void)pthread_cond_signal(&db->kick);
    (void)pthread_cond_signal(&db->sync_kick);
    journal_unlock(db);
    if (db->mover_runs)
        (void)pthread_join(db->mover, NULL);
    if (db->syncer_runs)
        (void)pthread_join(db->syncer, NULL);
    db->mover_runs = db->syncer_runs = false;
}
