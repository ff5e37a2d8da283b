/* Blocks of one size, all of them allocated at once: what comes and goes with every read takes
 * them from here and not from the heap. One thread takes; any thread gives back. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_BLOCK_POOL_H
#define GATEHOUSE_ADAPTERS_SQLITE_BLOCK_POOL_H

#include <stdatomic.h>
#include <stddef.h>

#include "core/err.h"

struct block; /* one that nobody has */

struct block_pool {
    unsigned char *memory; /* owned */
    size_t size, n;        /* of a block, and how many there are */
    size_t n_touched;      /* of which so many were taken before: the others cost no memory yet */
    struct block *spare;   /* for the taker alone */
    _Atomic(struct block *) returned;
};

/* n blocks of at least size bytes, fit for anything. GH_IO: no memory. */
GH_MUST_CHECK enum gh_err block_pool_open(struct block_pool *out, size_t size, size_t n);
/* Frees them all, also those that somebody has; fine for a pool of zeros. */
void block_pool_close(struct block_pool *pool);

/* A block, its bytes as they were left; NULL if none is free. */
void *block_pool_take(struct block_pool *pool);
void block_pool_give(struct block_pool *pool, void *block);

#endif
