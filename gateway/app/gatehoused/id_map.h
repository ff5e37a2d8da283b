/* Where the thing with an id stands in a list: the same few instructions for one of five doors and
 * for one of five hundred. */
#ifndef GATEHOUSE_APP_GATEHOUSED_ID_MAP_H
#define GATEHOUSE_APP_GATEHOUSED_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/id.h"

struct id_map {
    struct id_place {
        const struct id *id; /* borrowed; NULL = free */
        size_t place;
    } * slot;       /* open addressing; owned */
    size_t n_slots; /* 0 or a power of two */
    size_t n;       /* at most half of the slots */
};

/* Makes room for n ids in all; a map of zeros has none. GH_IO: no memory, nothing has changed. */
GH_MUST_CHECK enum gh_err id_map_reserve(struct id_map *map, size_t n);
void id_map_free(struct id_map *map);

/* Adds an id, for which there must be room; it must stay where it is. Of two that are equal the
 * first counts. */
void id_map_put(struct id_map *map, const struct id *id, size_t place);
void id_map_remove(struct id_map *map, const struct id *id);

/* False if it was not added. */
bool id_map_find(const struct id_map *map, const struct id *id, size_t *place);

#endif
