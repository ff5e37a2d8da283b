/* One door as a machine: events and now in, levels and a deadline out.
 *
 * Source of the rules: the door contract. Durations run on the monotonic clock
 * only, so a step of the wall clock changes no running release. */
#ifndef GATEHOUSE_CORE_DOOR_H
#define GATEHOUSE_CORE_DOOR_H

#include <stdbool.h>

#include "core/clock.h"

struct door {
    bool released;            /* the level that the relay must have; true = unlocked */
    struct mono release_ends; /* meaningful while released */
};

/* A locked door. */
void door_init(struct door *door);

/* Releases for release_s seconds (1..120) from now. While released already the
 * time starts again; it is never shortened. */
void door_release(struct door *door, int release_s, struct mono now);

/* Releases until an instant that was fixed before (what is left of a release);
 * nothing if that has passed. Never shortens. */
void door_release_until(struct door *door, struct mono ends, struct mono now);

/* Lets time pass: locks when the release is over. Returns true if the level
 * changed. */
bool door_tick(struct door *door, struct mono now);

/* When door_tick has something to do next; false = never. */
bool door_deadline(const struct door *door, struct mono *out);

#endif
