/* What is kept, by key, in memory: the effect of lists of changes (core/changes.h)
 * on nothing. A key that was forgotten stays known as forgotten. Not locked. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_KEPT_MAP_H
#define GATEHOUSE_ADAPTERS_SQLITE_KEPT_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/changes.h"

struct kept_entry;

/* All zero is an empty map. */
struct kept_map {
    struct kept_entry **slot; /* owned */
    size_t n, n_slots;        /* n_slots: 0 or a power of two */
};

/* Makes the changes, in their order. GH_INVALID: no list; GH_IO: out of memory:
 * none is made. */
GH_MUST_CHECK enum gh_err kept_map_apply(struct kept_map *m, struct slice changes);

/* True if a change of this key was made; *value then is what change.value is,
 * borrowed until the next call that changes the map. */
bool kept_map_find(const struct kept_map *m, struct slice key, struct slice *value);

/* Calls each for every key that has a value, in no order; false to stop, which
 * is then returned. */
bool kept_map_each(const struct kept_map *m,
                   bool (*each)(void *context, struct slice key, struct slice value),
                   void *context);

/* Frees what it holds and makes it empty. */
void kept_map_clear(struct kept_map *m);

#endif
