/* Two kinds of time that never mix: mono for durations, wall for schedules.
 *
 * Time is read once per event, by the shell, and passed by value. */
#ifndef GATEHOUSE_CORE_CLOCK_H
#define GATEHOUSE_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

/* Milliseconds since boot, suspended time included; never steps. */
struct mono {
    int64_t ms;
};

enum clock_trust { CLOCK_UNSET, CLOCK_HOLDOVER, CLOCK_SYNCED };

/* Seconds since 1970-01-01T00:00:00Z and how far they can be believed. */
struct wall {
    int64_t s;
    enum clock_trust trust;
};

struct now {
    struct mono mono;
    struct wall wall;
};

/* No bound at all, in an interval from <= t < until. */
#define INSTANT_NONE INT64_MIN

/* An interval of instants; INSTANT_NONE on a side = unbounded there. */
struct validity {
    int64_t from;
    int64_t until;
};

static inline bool validity_is_bounded(struct validity v)
{
    return v.from != INSTANT_NONE || v.until != INSTANT_NONE;
}

static inline bool validity_contains(struct validity v, int64_t instant)
{
    return (v.from == INSTANT_NONE || instant >= v.from) &&
           (v.until == INSTANT_NONE || instant < v.until);
}

static inline bool wall_is_trusted(struct wall w)
{
    return w.trust != CLOCK_UNSET;
}

static inline struct mono mono_add_ms(struct mono m, int64_t ms)
{
    return (struct mono){m.ms + ms};
}

/* "synced", "holdover" or "unset"; static storage. */
const char *clock_trust_name(enum clock_trust trust);

/* Parses RFC 3339 with offset, years 1970-9999, one-second resolution (a
 * fraction is refused, as is a leap second). GH_INVALID otherwise. */
GH_MUST_CHECK enum gh_err instant_parse(int64_t *out, struct slice text);

#define INSTANT_TEXT 21

/* Writes "2025-01-31T23:59:59Z"; instants outside 1970-9999 are clamped. */
void instant_format(char out[INSTANT_TEXT], int64_t instant);

#endif
