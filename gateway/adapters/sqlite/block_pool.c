#include "block_pool.h"

#include <stdalign.h>
#include <stdlib.h>

struct block {
    struct block *next;
};

enum gh_err block_pool_open(struct block_pool *out, size_t size, size_t n)
{
    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    unsigned char *memory = reallocarray(NULL, n, size);
    if (!memory)
        return GH_IO;
    *out = (struct block_pool){.memory = memory, .size = size, .n = n};
    return GH_OK;
}

void block_pool_close(struct block_pool *pool)
{
    free(pool->memory);
    *pool = (struct block_pool){.memory = NULL};
}

void *block_pool_take(struct block_pool *pool)
{
    /* All at once, so that no other taker can come between: nobody else takes any out. */
    if (!pool->spare)
        pool->spare = atomic_exchange(&pool->returned, NULL);
    struct block *block = pool->spare;
    if (block)
        pool->spare = block->next;
    else if (pool->n_touched < pool->n)
        block = (struct block *)(void *)(pool->memory + pool->size * pool->n_touched++);
    return block;
}

void block_pool_give(struct block_pool *pool, void *given)
{
    struct block *block = given;
    block->next = atomic_load(&pool->returned);
    while (!atomic_compare_exchange_weak(&pool->returned, &block->next, block))
        continue;
}
