/* Which reads may be remembered: a set in memory that answers "surely not"
 * without asking the database. Not locked: it belongs to one thread.
 *
 * It holds 64-bit hashes, so "maybe" can be wrong and "no" cannot. Keys lie in
 * two generations: new ones go into the current one, and once that is keep_ms
 * old it becomes the former one, whose place is given up, or with it the memory, as
 * long as that is not far too much. So a key stays for at least keep_ms. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPEAT_SET_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPEAT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

/* Keys that one generation has room for: 8 MiB of memory. */
#define REPEAT_SET_KEYS_MAX ((size_t)1 << 19)

struct repeat_generation {
    uint64_t *slot; /* open addressing, 0 = free; NULL = none yet */
    size_t n_slots; /* 0 or a power of two */
    size_t n_keys;  /* at most half of the slots */
    bool unknown;   /* keys are missing: any key may be in it; then it has no slots */
};

struct repeat_set {
    uint64_t seed;
    int64_t keep_ms;
    int64_t since_ms; /* when the current generation began */
    struct repeat_generation current, former;
};

/* An empty set without memory of its own. seed: random, so that nobody outside
 * can choose keys that lie badly. Times here and below are of one clock that
 * never goes back. */
void repeat_set_init(struct repeat_set *set, uint64_t seed, int64_t keep_ms, int64_t now_ms);

/* Gives the memory back; also for a set of zeros. */
void repeat_set_free(struct repeat_set *set);

/* Adds the key. Where memory or room is short the set holds every key instead,
 * for at least keep_ms and until this generation goes. */
void repeat_set_add(struct repeat_set *set, struct slice reader, struct slice read_id,
                    int64_t now_ms);

/* Keys were to be added that the caller cannot name: as if there were no room. */
void repeat_set_add_unknown(struct repeat_set *set, int64_t now_ms);

/* False: the key was not added within the last keep_ms. */
bool repeat_set_may_hold(const struct repeat_set *set, struct slice reader, struct slice read_id);

#endif
