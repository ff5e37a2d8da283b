/* The cap on reads per reader, so that one that floods cannot push the audit
 * log out or keep others waiting (MQTT contract). */
#ifndef GATEHOUSE_APP_GATEHOUSED_LIMITS_H
#define GATEHOUSE_APP_GATEHOUSED_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "app/gatehoused/id_map.h"
#include "core/clock.h"
#include "core/id.h"

/* How long refused reads are counted into one event, ms. */
#define LIMITS_WINDOW_MS 10000

struct reader_limit {
    struct id reader;
    int64_t tokens_milli; /* thousandths of a read */
    struct mono filled;   /* when tokens were last added */
    int64_t refused;      /* in the window at hand; 0 = no window */
    struct mono window_ends;
};

/* Readers that are watched at a time; the one unused longest makes room. */
#define LIMITS_READERS CONFIG_READERS_MAX

struct limits {
    int per_s, burst;
    struct reader_limit *reader; /* LIMITS_READERS of them, owned */
    size_t n;
    struct id_map by_id;
};

GH_MUST_CHECK enum gh_err limits_open(struct limits *out, int per_s, int burst);
void limits_close(struct limits *limits);

/* True if the reader may send another read now; a refusal is counted. */
bool limits_allow(struct limits *limits, const struct id *reader, struct mono now);

/* Counts reads that were dropped before anybody could look at them. */
void limits_missed(struct limits *limits, const struct id *reader, uint32_t n, struct mono now);

/* A window that is over: the reader and how many of its reads were refused.
 * False if none is. Call it until it says so. */
bool limits_take(struct limits *limits, struct mono now, struct id *reader, int64_t *refused);

/* When limits_take has something next; false = never. */
bool limits_deadline(const struct limits *limits, struct mono *out);

#endif
