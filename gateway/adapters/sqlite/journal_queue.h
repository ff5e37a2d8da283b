/* Records that journal.db does not have yet, oldest first, with an index of
 * their repeats. Not locked: its user does that. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_QUEUE_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "block_pool.h"
#include "core/id.h"
#include "journal_record.h"

/* Once in a queue only `next` and `next_alike` of the newest ones change; so
 * another thread may read items up to one that was the newest under the lock,
 * until it drops them. */
struct journal_item {
    struct journal_item *next;       /* towards newer ones */
    struct journal_item *next_alike; /* newer one in the same bucket */
    struct record record;            /* its event and changes lie in bytes */
    struct block_pool *home;         /* whose block it is; NULL = it is the heap's */
    char bytes[];
};

#define QUEUE_BUCKETS 4096
/* Items that need nothing of the heap: reads of several seconds, while journal.db keeps up. What
 * is more (it cannot be written), and what is longer, is the heap's. */
#define QUEUE_POOL_ITEMS 1024
#define QUEUE_POOL_BYTES 1024 /* of event and changes */

struct journal_queue {
    struct journal_item *oldest, *newest; /* NULL = empty */
    struct journal_item *unwritten;       /* oldest that is not in the tail; NULL = none */
    size_t n_unwritten;
    size_t n_events; /* items that hold an event */
    struct {
        struct journal_item *oldest, *newest;
    } bucket[QUEUE_BUCKETS];
    struct block_pool pool; /* of one thread: it makes all items */
};

/* An empty queue; q is all zeros. GH_IO: no memory. */
GH_MUST_CHECK enum gh_err journal_queue_open(struct journal_queue *q);
/* Frees it with its items; fine for one that was not opened. */
void journal_queue_close(struct journal_queue *q);

/* A copy of the record, its event and its changes, for this queue; NULL when out of memory.
 * Needs no lock. */
struct journal_item *journal_item_make(struct journal_queue *q, const struct record *r);
/* Frees a list linked by next. Any thread, without a lock. */
void journal_items_free(struct journal_item *oldest);

/* Takes the item. in_tail: it has been written there. */
void journal_queue_push(struct journal_queue *q, struct journal_item *item, bool in_tail);

/* Notes that the oldest unwritten item is in the tail now. */
void journal_queue_written(struct journal_queue *q);

/* Takes the items from the oldest up to `last` out; the caller owns them. */
struct journal_item *journal_queue_drop(struct journal_queue *q, struct journal_item *last);

/* The newest repeat in the queue for this read; NULL if there is none.
 * *answered: a note newer than that, or any note if there is none, says that
 * it is answered. */
const struct record_repeat *journal_queue_find(const struct journal_queue *q,
                                               const struct id *reader, const struct id *read_id,
                                               bool *answered);

#endif
