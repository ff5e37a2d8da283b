/* A bump allocator over memory that the caller provides.
 *
 * Parsers and fact gatherers put lists of unknown length here, so that
 * nothing calls malloc while a decision is made. */
#ifndef GATEHOUSE_CORE_ARENA_H
#define GATEHOUSE_CORE_ARENA_H

#include <stddef.h>

struct arena {
    unsigned char *base; /* borrowed; aligned for any object */
    size_t size;         /* bytes */
    size_t used;
};

/* Zeroed memory for count objects of size bytes each, aligned for any object;
 * NULL when the arena is full (the arena is unchanged then). Lives until
 * arena_reset. */
void *arena_take(struct arena *a, size_t count, size_t size);

/* Forgets everything that was taken. */
void arena_reset(struct arena *a);

#endif
