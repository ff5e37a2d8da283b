/* The syncer: the thread that makes events durable, by a sync of the tail for all that were
 * appended meanwhile. What the loop promises (an answer, a release that consumes something)
 * waits for this and for nothing else. */
#include "journal_internal.h"

/* After a sync that failed only the database makes this round's events durable. */
static bool is_wanted(const struct journal_db *db)
{
    return !(db->faults & JOURNAL_FAULT_TAIL_SYNC) && db->tail_seq > db->durable_seq;
}

void *journal_sync_run(void *context)
{
    struct journal_db *db = context;
    journal_lock(db);
    for (;;) {
        while (!is_wanted(db) && !db->stop)
            (void)pthread_cond_wait(&db->sync_kick, &db->lock);
        if (!is_wanted(db))
            break;
        uint64_t seq = db->tail_seq;
        journal_unlock(db);
        enum gh_err err = tail_sync(db->tail);
        journal_lock(db);
        if (err != GH_OK) {
            journal_fault_set(db, JOURNAL_FAULT_TAIL_SYNC,
                              "journal.tail cannot be synced: check the disk");
            (void)pthread_cond_signal(&db->kick);
            continue;
        }
        if (seq > db->durable_seq)
            db->durable_seq = seq;
        /* Told without the lock: the loop needs it as soon as it hears. */
        journal_unlock(db);
        journal_notify(db);
        journal_lock(db);
    }
    journal_unlock(db);
    return NULL;
}
