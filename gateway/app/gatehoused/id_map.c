#include "app/gatehoused/id_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/fnv.h"

#define SLOTS_MIN 16

/* Where the id would stand if nothing were in its way. */
static size_t home_of(const struct id_map *map, const struct id *id)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, slice_make(id->s, strlen(id->s)));
    return (size_t)(hash ^ hash >> 32) & (map->n_slots - 1);
}

/* The slot that has the id, or the free one that ends the search. There is one: half of them are
 * free. */
static size_t slot_of(const struct id_map *map, const struct id *id)
{
    size_t i = home_of(map, id);
    while (map->slot[i].id && !id_equal(map->slot[i].id, id))
        i = (i + 1) & (map->n_slots - 1);
    return i;
}

enum gh_err id_map_reserve(struct id_map *map, size_t n)
{
    size_t n_slots = map->n_slots ? map->n_slots : SLOTS_MIN;
    while (n_slots < 2 * n)
        n_slots *= 2;
    if (n_slots == map->n_slots)
        return GH_OK;
    struct id_map larger = {.slot = calloc(n_slots, sizeof *larger.slot), .n_slots = n_slots};
    if (!larger.slot)
        return GH_IO;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slot[i].id)
            id_map_put(&larger, map->slot[i].id, map->slot[i].place);
    free(map->slot);
    *map = larger;
    return GH_OK;
}

void id_map_free(struct id_map *map)
{
    free(map->slot);
    *map = (struct id_map){.slot = NULL};
}

void id_map_put(struct id_map *map, const struct id *id, size_t place)
{
    assert(2 * map->n < map->n_slots);
    struct id_place *slot = &map->slot[slot_of(map, id)];
    if (slot->id)
        return;
    *slot = (struct id_place){id, place};
    map->n++;
}

void id_map_remove(struct id_map *map, const struct id *id)
{
    if (map->n == 0)
        return;
    const size_t mask = map->n_slots - 1;
    size_t gap = slot_of(map, id);
    if (!map->slot[gap].id)
        return;
    map->n--;
    map->slot[gap].id = NULL;
    /* Those behind it close up, unless they stand at or after their own place already: a search
     * ends at a gap. */
    for (size_t i = (gap + 1) & mask; map->slot[i].id; i = (i + 1) & mask) {
        size_t way = (i - home_of(map, map->slot[i].id)) & mask;
        if (way < ((i - gap) & mask))
            continue;
        map->slot[gap] = map->slot[i];
        map->slot[i].id = NULL;
        gap = i;
    }
}

bool id_map_find(const struct id_map *map, const struct id *id, size_t *place)
{
    if (map->n == 0)
        return false;
    const struct id_place *slot = &map->slot[slot_of(map, id)];
    if (!slot->id)
        return false;
    *place = slot->place;
    return true;
}
