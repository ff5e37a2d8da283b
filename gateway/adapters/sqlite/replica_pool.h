/* Memory for lists that live and die together: what was taken stays where it is
 * until the pool is emptied. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_POOL_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_POOL_H

#include <stddef.h>

struct replica_chunk;

struct replica_pool {
    struct replica_chunk *newest; /* owned; NULL = empty */
    size_t taken;                 /* bytes */
    size_t wanted;                /* what one chunk was too small for: the next has room for it */
};

/* Zeroed room for count objects of size bytes; NULL when out of memory. count 0
 * gives a valid pointer too. */
void *replica_pool_take(struct replica_pool *pool, size_t count, size_t size);
/* The list of n objects with room for one more at its end, as long as *room says; what a
 * growing list leaves behind goes with the rest. NULL when out of memory. */
void *replica_pool_one_more(struct replica_pool *pool, void *list, size_t *room, size_t n,
                            size_t size);
/* Forgets everything. One chunk is for what comes next: the one there was, or where that was not
 * enough, a new one that is. */
void replica_pool_empty(struct replica_pool *pool);
void replica_pool_free(struct replica_pool *pool);

#endif
