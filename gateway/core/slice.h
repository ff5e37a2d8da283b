/* Bytes that travel with their length. A slice borrows; it never owns. */
#ifndef GATEHOUSE_CORE_SLICE_H
#define GATEHOUSE_CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline struct slice slice_make(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* Takes off what stands before the next such byte, or all, and that byte too. */
static inline struct slice slice_cut(struct slice *rest, char at)
{
    const char *end = rest->len ? memchr(rest->ptr, at, rest->len) : NULL;
    struct slice part = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    size_t used = part.len + (end != NULL);
    if (used > 0)
        *rest = slice_make(rest->ptr + used, rest->len - used);
    return part;
}

#endif
