/* The journal as the shell watches it: how much there is, what is wrong. */
#include "journal_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 500 /* syncd gives gatehoused three times as long to answer */

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
    journal_lock(db);
    uint64_t waiting = db->next_seq - 1 - db->stored_seq; /* numbers the database lacks */
    c.first_seq = db->first_seq ? db->first_seq : db->stored_seq + 1;
    c.next_seq = db->next_seq;
    c.durable_seq = db->durable_seq;
    c.acked_seq = db->acked_seq;
    c.lost_total = db->lost_stored + waiting - db->queue.n_events;
    journal_unlock(db);
    *out = c;
}

void journal_db_settle(struct journal_db *db)
{
    int64_t until = journal_wait_ms() + SETTLE_MS;
    struct timespec at = {.tv_sec = until / 1000, .tv_nsec = (long)(until % 1000 * 1000000)};
    journal_lock(db);
    uint64_t seq = db->next_seq - 1;
    if (seq > db->wanted_seq)
        db->wanted_seq = seq;
    (void)pthread_cond_signal(&db->kick);
    while (db->stored_seq < seq && !(db->faults & JOURNAL_FAULT_DB) && !db->stop &&
           pthread_cond_timedwait(&db->moved, &db->lock, &at) == 0)
        continue;
    journal_unlock(db);
}

bool journal_db_trouble(struct journal_db *db, struct journal_trouble *out)
{
    struct journal_trouble t = {0};
    journal_lock(db);
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
    journal_unlock(db);
    if (!t.has_range && t.fault[0] == '\0' && !t.recovered)
        return false;
    *out = t;
    return true;
}

void journal_db_met_damage(struct journal_db *db)
{
    journal_lock(db);
    if (db->damage == DAMAGE_NONE) {
        db->damage = DAMAGE_MET;
        (void)snprintf(db->fault, sizeof db->fault, "%s", JOURNAL_DAMAGED);
        journal_notify(db);
        (void)pthread_cond_signal(&db->kick);
    }
    journal_unlock(db);
}
