#include "replica_pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

struct replica_chunk {
    struct replica_chunk *older;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void *replica_pool_take(struct replica_pool *pool, size_t count, size_t size)
{
    size_t wanted;
    struct replica_chunk *c = pool->newest;
    if (__builtin_mul_overflow(count, size, &wanted))
        return NULL;
    wanted = (wanted + alignof(max_align_t)) / alignof(max_align_t) * alignof(max_align_t);
    if (!c || c->size - c->used < wanted) {
        size_t room = larger(wanted, larger(CHUNK_BYTES, c ? 0 : pool->wanted));
        c = malloc(sizeof *c + room);
        if (!c)
            return NULL;
        c->older = pool->newest;
        c->size = room;
        c->used = 0;
        pool->newest = c;
    }
    void *at = c->bytes + c->used;
    c->used += wanted;
    pool->taken += wanted;
    return memset(at, 0, wanted);
}

void *replica_pool_one_more(struct replica_pool *pool, void *list, size_t *room, size_t n,
                            size_t size)
{
    if (n < *room)
        return list;
    size_t more = *room ? *room * 2 : 8;
    void *grown = replica_pool_take(pool, more, size);
    if (grown && n > 0)
        memcpy(grown, list, n * size);
    if (grown)
        *room = more;
    return grown;
}

static void free_from(struct replica_chunk *c)
{
    while (c) {
        struct replica_chunk *older = c->older;
        free(c);
        c = older;
    }
}

void replica_pool_empty(struct replica_pool *pool)
{
    struct replica_chunk *c = pool->newest;
    if (c && c->older) {
        pool->wanted = pool->taken;
        free_from(c);
        pool->newest = NULL;
    } else if (c) {
        c->used = 0;
    }
    pool->taken = 0;
}

void replica_pool_free(struct replica_pool *pool)
{
    free_from(pool->newest);
    *pool = (struct replica_pool){0};
}
