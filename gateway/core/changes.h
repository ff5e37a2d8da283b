/* Changes of what decisions keep (use counts, area states, latches, lockouts,
 * local modes, commands done), as bytes that travel with an event.
 *
 * A change gives a key a value or forgets it. Encoded one after the other: u8
 * length of the key (1..CHANGE_KEY_MAX), the key, u8 length of the value or
 * CHANGE_FORGOTTEN, the value. What keys and values mean is their writer's. */
#ifndef GATEHOUSE_CORE_CHANGES_H
#define GATEHOUSE_CORE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/slice.h"

#define CHANGE_KEY_MAX 200   /* bytes */
#define CHANGE_VALUE_MAX 254 /* bytes */
#define CHANGE_FORGOTTEN 255
#define CHANGES_MAX 4096 /* bytes of all that go with one event */

struct changes {
    size_t len;
    unsigned char bytes[CHANGES_MAX];
};

static inline struct slice changes_slice(const struct changes *c)
{
    return slice_make(c->bytes, c->len);
}

/* Appends a change; value.ptr NULL = forget the key. GH_FULL: no room, nothing
 * was appended. Lengths out of range are the caller's bug. */
GH_MUST_CHECK enum gh_err changes_add(struct changes *c, struct slice key, struct slice value);

/* One change of an encoded list. */
struct change {
    struct slice key;
    struct slice value; /* ptr NULL = forgotten; else ptr is not NULL, also if empty */
};

/* Takes the first change off the list. False at the end, and where the bytes
 * are no list: then rest->ptr is NULL. Borrows from the list. */
bool changes_next(struct slice *rest, struct change *out);

/* True if the bytes are a list of at most CHANGES_MAX bytes, also an empty one. */
bool changes_are_valid(struct slice list);

#endif
