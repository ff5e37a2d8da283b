#include "repeat_set.h"

#include <stdlib.h>

#include "core/fnv.h"

#define SLOTS_MIN 1024
#define SLOTS_PER_KEY_MAX 16

/* --- keys --------------------------------------------------------------- */

/* The low bits choose the slot, so every byte has to reach them: FNV alone
 * moves bits upwards only. */
static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccd;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53;
    return hash ^ (hash >> 33);
}

static uint64_t key_of(const struct repeat_set *set, struct slice reader, struct slice read_id)
{
    uint64_t hash = fnv1a(FNV1A_BASIS ^ set->seed, reader);
    hash = fnv1a(hash, slice_make("", 1)); /* tells "a","bc" from "ab","c" */
    hash = mix(fnv1a(hash, read_id));
    return hash ? hash : 1;
}

/* --- one generation ----------------------------------------------------- */

/* The slot that has the key, or the free one where it belongs. There is one:
 * half of them are free. */
static size_t slot_of(const struct repeat_generation *g, uint64_t key)
{
    size_t i = (size_t)key & (g->n_slots - 1);
    while (g->slot[i] != 0 && g->slot[i] != key)
        i = (i + 1) & (g->n_slots - 1);
    return i;
}

static bool holds(const struct repeat_generation *g, uint64_t key)
{
    return g->unknown || (g->n_slots > 0 && g->slot[slot_of(g, key)] == key);
}

static void make_unknown(struct repeat_generation *g)
{
    free(g->slot);
    *g = (struct repeat_generation){.unknown = true};
}

static bool grow(struct repeat_generation *g)
{
    size_t n_slots = g->n_slots ? 2 * g->n_slots : SLOTS_MIN;
    if (n_slots > 2 * REPEAT_SET_KEYS_MAX)
        return false;
    uint64_t *slot = calloc(n_slots, sizeof *slot);
    if (!slot)
        return false;
    struct repeat_generation larger = {.slot = slot, .n_slots = n_slots, .n_keys = g->n_keys};
    for (size_t i = 0; i < g->n_slots; i++)
        if (g->slot[i] != 0)
            slot[slot_of(&larger, g->slot[i])] = g->slot[i];
    free(g->slot);
    *g = larger;
    return true;
}

static void add(struct repeat_generation *g, uint64_t key)
{
    if (holds(g, key))
        return;
    if (2 * (g->n_keys + 1) > g->n_slots && !grow(g)) {
        make_unknown(g);
        return;
    }
    g->slot[slot_of(g, key)] = key;
    g->n_keys++;
}

/* --- the set ------------------------------------------------------------ */

void repeat_set_init(struct repeat_set *set, uint64_t seed, int64_t keep_ms, int64_t now_ms)
{
    *set = (struct repeat_set){.seed = seed, .keep_ms = keep_ms, .since_ms = now_ms};
}

void repeat_set_free(struct repeat_set *set)
{
    free(set->current.slot);
    free(set->former.slot);
    set->current = set->former = (struct repeat_generation){.slot = NULL};
}

/* An empty generation in the memory of one that is over: once there is room for a site's reads,
 * they ask for no more. What a flood needed is given back when fewer come again. */
static struct repeat_generation emptied(struct repeat_generation over, size_t n_keys_lately)
{
    if (over.n_slots > SLOTS_MIN && over.n_slots / SLOTS_PER_KEY_MAX > n_keys_lately) {
        free(over.slot);
        return (struct repeat_generation){.slot = NULL};
    }
    if (over.n_keys > 0)
        memset(over.slot, 0, over.n_slots * sizeof *over.slot);
    return (struct repeat_generation){.slot = over.slot, .n_slots = over.n_slots};
}

/* Only before a key is added: what lies in the former generation is older than
 * the current one's beginning, so it has been kept long enough by then. */
static void rotate(struct repeat_set *set, int64_t now_ms)
{
    if (now_ms - set->since_ms < set->keep_ms)
        return;
    struct repeat_generation over = set->former;
    set->former = set->current;
    set->current = emptied(over, set->former.n_keys);
    set->since_ms = now_ms;
}

void repeat_set_add(struct repeat_set *set, struct slice reader, struct slice read_id,
                    int64_t now_ms)
{
    rotate(set, now_ms);
    add(&set->current, key_of(set, reader, read_id));
}

void repeat_set_add_unknown(struct repeat_set *set, int64_t now_ms)
{
    rotate(set, now_ms);
    make_unknown(&set->current);
}

bool repeat_set_may_hold(const struct repeat_set *set, struct slice reader, struct slice read_id)
{
    uint64_t key = key_of(set, reader, read_id);
    return holds(&set->current, key) || holds(&set->former, key);
}
