/* What the loop's side of the journal and its threads share.
 *
 * The loop's side appends: queue and tail. One thread syncs the tail, which makes
 * events durable. The other moves: queue to database, some time later and many at
 * once. None waits for another longer than it takes to link or unlink items. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_INTERNAL_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_INTERNAL_H

#include <pthread.h>

#include "db.h"
#include "journal_db.h"
#include "journal_queue.h"
#include "journal_store.h"
#include "repeat_set.h"
#include "tail.h"

/* Events that may wait in memory alone, when the tail is full too. */
#define JOURNAL_MEMORY_EVENTS 4096
/* Repeats are remembered for this long at least. */
#define REPEAT_KEEP_MS 600000
/* An event is moved after this long at the latest, or with this many. */
#define JOURNAL_MOVE_MS 50
#define JOURNAL_MOVE_EVENTS 256
#define JOURNAL_DAMAGED "journal.db is damaged: restart, and it is set aside, or restore it"
#define JOURNAL_FAULT_MAX sizeof(((struct journal_trouble *)0)->fault)

enum journal_fault {
    JOURNAL_FAULT_DB = 1,         /* the last transaction failed */
    JOURNAL_FAULT_TAIL_WRITE = 2, /* the last write to the tail failed */
    JOURNAL_FAULT_TAIL_SYNC = 4,  /* a sync of the tail failed in this round */
};

/* One loss on its way to the shell; the others wait in the database. */
struct journal_loss {
    enum { LOSS_NONE, LOSS_READY, LOSS_TAKEN } state;
    uint64_t from, to;
    uint64_t told_by; /* taken: the record that tells it has this number or a higher one */
};

struct journal_db {
    /* Fixed while the thread runs. */
    char *folder;
    char stream[JOURNAL_STREAM_HEX + 1];
    uint64_t max_events;
    uint64_t boot;
    struct journal_seal seal;
    int64_t started_boot_ms;
    int event_fd;
    pthread_t mover, syncer;
    bool mover_runs, syncer_runs;

    /* The loop's alone. */
    sqlite3 *asker;
    sqlite3_stmt *find[1];
    struct repeat_set repeats; /* reads that the queue or the database may know */
    uint64_t next_number;      /* of the next record */
    char last_event[EVENT_JSON_MAX];
    size_t last_event_len;

    /* The mover's alone, once it runs. */
    struct journal_store *store; /* NULL: to be opened again */
    int64_t retry_at_ms;         /* no transaction before this */
    int64_t purge_at_ms;
    bool others_purged;

    /* All sides', under the lock; the tail but for tail_sync. */
    pthread_mutex_t lock;
    pthread_cond_t kick;      /* the mover */
    pthread_cond_t sync_kick; /* the syncer */
    pthread_cond_t moved;     /* a transaction succeeded or failed */
    struct journal_queue queue;
    struct tail *tail;
    uint64_t next_seq;
    uint64_t tail_seq;      /* newest number that the tail covers */
    uint64_t stored_seq;    /* newest number that the database covers */
    uint64_t stored_number; /* newest record that the database has */
    uint64_t wanted_seq;    /* somebody waits until the database covers it */
    int64_t move_at_ms;     /* when what waits is moved, if there is anything */
    uint64_t first_seq;     /* oldest event of the database, 0 = none */
    uint64_t durable_seq;
    uint64_t acked_seq;
    uint64_t lost_stored; /* losses that the database knows of */
    bool ack_waits; /* what is worth no transaction of its own is to be stored by ack_at_ms */
    int64_t ack_at_ms;
    bool stop;
    enum { DAMAGE_NONE, DAMAGE_MET, DAMAGE_NOTED } damage; /* met by a reader, then noted by the mover */
    struct journal_loss loss;
    unsigned faults;               /* of enum journal_fault */
    char fault[JOURNAL_FAULT_MAX]; /* not taken yet; "" = none */
    bool recovered;                /* not taken yet */
};

/* Milliseconds of CLOCK_MONOTONIC, for waiting, and CLOCK_BOOTTIME, for what is
 * stored. */
int64_t journal_wait_ms(void);
int64_t journal_boot_ms(void);

/* Under the lock: notes a fault, or that it is over; the shell hears of the
 * first one and of the end of the last one. */
void journal_fault_set(struct journal_db *db, enum journal_fault fault, const char *text);
void journal_fault_clear(struct journal_db *db, enum journal_fault fault);

/* Opens all parts of a journal but its thread. Errors and why as journal_db_open. */
GH_MUST_CHECK enum gh_err journal_start(struct journal_db *db,
                                        const struct journal_db_options *options, char *why,
                                        size_t why_size);

/* Opens the asker on the file of the store, and takes over whose repeats it knows.
 * GH_CORRUPT, GH_RETRY, GH_IO. */
GH_MUST_CHECK enum gh_err journal_asker_open(struct journal_db *db);

/* The port's kept_each. The loop's side. */
GH_MUST_CHECK enum gh_err journal_kept_each(struct journal_db *db,
                                            bool (*each)(void *context, struct slice key,
                                                         struct slice value),
                                            void *context);

static inline void journal_lock(struct journal_db *db)
{
    (void)pthread_mutex_lock(&db->lock);
}

static inline void journal_unlock(struct journal_db *db)
{
    (void)pthread_mutex_unlock(&db->lock);
}

/* Makes journal_db_fd readable. */
void journal_notify(struct journal_db *db);

/* Under the lock: numbers that the database does not cover yet. */
static inline bool journal_has_waiting(const struct journal_db *db)
{
    return db->queue.n_events > 0 || db->next_seq - 1 > db->stored_seq;
}

/* Under the lock: whether they are to be moved at once. */
static inline bool journal_is_pressing(const struct journal_db *db)
{
    bool tail_serves =
        !(db->faults & (JOURNAL_FAULT_TAIL_WRITE | JOURNAL_FAULT_TAIL_SYNC)) && !db->queue.unwritten;
    return !tail_serves || db->queue.n_events >= JOURNAL_MOVE_EVENTS ||
           db->wanted_seq > db->stored_seq;
}

/* GH_IO: no threads. */
GH_MUST_CHECK enum gh_err journal_threads_start(struct journal_db *db);
/* Has everything moved, as far as the disk allows, and waits for the end. */
void journal_threads_stop(struct journal_db *db);

/* The body of the syncer; context is the journal. */
void *journal_sync_run(void *context);

#endif
