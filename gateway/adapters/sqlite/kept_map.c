#include "kept_map.h"

#include <stdint.h>
#include <stdlib.h>

#include "core/fnv.h"

#define SLOTS_MIN 64

struct kept_entry {
    struct kept_entry *next; /* only on the way into the map */
    size_t key_len, value_len;
    bool is_forgotten;
    char bytes[]; /* key, then value */
};

static struct slice key_of(const struct kept_entry *e)
{
    return slice_make(e->bytes, e->key_len);
}

static struct slice value_of(const struct kept_entry *e)
{
    return slice_make(e->is_forgotten ? NULL : e->bytes + e->key_len, e->value_len);
}

static uint64_t hash(struct slice key)
{
    uint64_t h = fnv1a(FNV1A_BASIS, key);
    return h ^ h >> 32;
}

/* Where the key is, or where it would go. */
static size_t place_of(const struct kept_map *m, struct slice key)
{
    size_t i = (size_t)hash(key) & (m->n_slots - 1);
    while (m->slot[i] && !slice_equal(key_of(m->slot[i]), key))
        i = (i + 1) & (m->n_slots - 1);
    return i;
}

/* Room for so many more; at most half of the slots are taken. */
static enum gh_err make_room(struct kept_map *m, size_t more)
{
    struct kept_map larger = {.n = m->n, .n_slots = m->n_slots ? m->n_slots : SLOTS_MIN};
    while (larger.n_slots / 2 < m->n + more)
        larger.n_slots *= 2;
    if (larger.n_slots == m->n_slots)
        return GH_OK;
    larger.slot = calloc(larger.n_slots, sizeof(struct kept_entry *));
    if (!larger.slot)
        return GH_IO;
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slot[i])
            larger.slot[place_of(&larger, key_of(m->slot[i]))] = m->slot[i];
    free(m->slot);
    *m = larger;
    return GH_OK;
}

static struct kept_entry *entry_make(const struct change *change)
{
    struct kept_entry *e = malloc(sizeof *e + change->key.len + change->value.len);
    if (!e)
        return NULL;
    *e = (struct kept_entry){.key_len = change->key.len,
                             .value_len = change->value.len,
                             .is_forgotten = !change->value.ptr};
    memcpy(e->bytes, change->key.ptr, change->key.len);
    if (change->value.ptr)
        memcpy(e->bytes + change->key.len, change->value.ptr, change->value.len);
    return e;
}

static void put(struct kept_map *m, struct kept_entry *e)
{
    size_t i = place_of(m, key_of(e));
    if (!m->slot[i])
        m->n++;
    free(m->slot[i]);
    m->slot[i] = e;
}

static void free_list(struct kept_entry *e)
{
    while (e) {
        struct kept_entry *next = e->next;
        free(e);
        e = next;
    }
}

enum gh_err kept_map_apply(struct kept_map *m, struct slice changes)
{
    struct kept_entry *oldest = NULL, **end = &oldest;
    struct change change;
    size_t n = 0;
    if (!changes_are_valid(changes))
        return GH_INVALID;
    for (; changes_next(&changes, &change); n++) {
        *end = entry_make(&change);
        if (!*end) {
            free_list(oldest);
            return GH_IO;
        }
        end = &(*end)->next;
    }
    enum gh_err err = make_room(m, n);
    if (err != GH_OK) {
        free_list(oldest);
        return err;
    }
    while (oldest) {
        struct kept_entry *next = oldest->next;
        put(m, oldest);
        oldest = next;
    }
    return GH_OK;
}

bool kept_map_find(const struct kept_map *m, struct slice key, struct slice *value)
{
    if (m->n == 0)
        return false;
    const struct kept_entry *e = m->slot[place_of(m, key)];
    if (!e)
        return false;
    *value = value_of(e);
    return true;
}

bool kept_map_each(const struct kept_map *m,
                   bool (*each)(void *context, struct slice key, struct slice value),
                   void *context)
{
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct kept_entry *e = m->slot[i];
        if (e && !e->is_forgotten && !each(context, key_of(e), value_of(e)))
            return false;
    }
    return true;
}

void kept_map_clear(struct kept_map *m)
{
    for (size_t i = 0; i < m->n_slots; i++)
        free(m->slot[i]);
    free(m->slot);
    *m = (struct kept_map){0};
}
