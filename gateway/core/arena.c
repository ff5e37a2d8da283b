#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

void *arena_take(struct arena *a, size_t count, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size != 0 && count > SIZE_MAX / 2 / size)
        return NULL;
    size_t want = (count * size + align - 1) / align * align;
    if (want == 0)
        want = align;
    if (want > a->size - a->used)
        return NULL;
    void *p = a->base + a->used;
    a->used += want;
    memset(p, 0, want);
    return p;
}

void arena_reset(struct arena *a)
{
    a->used = 0;
}
