/* The lowest place of policy that is ever taken again: the one that was applied last. Kept
 * beside the replica, so that a replica that was removed or put back does not open the way
 * for an older policy.
 *
 * The file "upstream.state" in the state folder: "floor EPOCH REV\n". */
#ifndef GATEHOUSE_APP_FLOOR_H
#define GATEHOUSE_APP_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define FLOOR_FILE "upstream.state"

struct floor {
    int64_t epoch, rev; /* 0, 0 = nothing was applied yet */
};

/* GH_NOT_FOUND: nothing was applied yet, *out is 0, 0. GH_CORRUPT: the file holds something
 * else; GH_IO. */
GH_MUST_CHECK enum gh_err floor_load(struct floor *out, const char *state_dir);

/* Durable when it returns; replaces the file whole or not at all. GH_IO, GH_FULL. */
GH_MUST_CHECK enum gh_err floor_save(const struct floor *floor, const char *state_dir);

/* True if a is lower than b. */
static inline bool floor_is_lower(const struct floor *a, const struct floor *b)
{
    return a->epoch < b->epoch || (a->epoch == b->epoch && a->rev < b->rev);
}

#endif
