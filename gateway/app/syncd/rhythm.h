/* When to try again: the reconnect rhythm of one activity. Pure.
 *
 * After the n-th failure in a row it waits a random time between 100 ms and
 * 1 s * 2^(n-1), at most 60 s ("full jitter"): thousands of gateways that lost
 * the same cloud at the same instant come back spread over the whole window.
 * A server that says Retry-After is obeyed, up to 10 minutes, and what comes on
 * top is random as well, so that those who were all told the same do not
 * return together.
 *
 * Who learns from elsewhere that the server is back may cut a wait short, but
 * not one that the server asked for, and not again and again. */
#ifndef GATEHOUSE_APP_SYNCD_RHYTHM_H
#define GATEHOUSE_APP_SYNCD_RHYTHM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

#define RHYTHM_FLOOR_MS 100
#define RHYTHM_FIRST_MS 1000
#define RHYTHM_LAST_MS 60000
#define RHYTHM_RETRY_AFTER_MAX_S 600
#define RHYTHM_HASTE_MS 2000      /* a wait cut short ends within this time */
#define RHYTHM_HASTE_GAP_MS 60000 /* between two that are cut short */

struct rhythm {
    uint64_t random;
    int failures;        /* in a row */
    struct mono next;    /* not before */
    bool is_firm;        /* next is not to be brought forward */
    struct mono haste;   /* nothing is cut short before */
};

/* Two activities, or two gateways, must not have the same seed. */
void rhythm_init(struct rhythm *r, uint64_t seed);
void rhythm_succeeded(struct rhythm *r);
/* retry_after_s: -1 = the server named none. */
void rhythm_failed(struct rhythm *r, struct mono now, int64_t retry_after_s);
/* As a failure after many: for what only a new version or a person can mend. */
void rhythm_hopeless(struct rhythm *r, struct mono now);
/* The server is said to be back: the next try comes after a random time of at
 * most RHYTHM_HASTE_MS, if it was not due sooner. Does nothing after Retry-After,
 * after rhythm_hopeless, or within RHYTHM_HASTE_GAP_MS of the last wait cut short:
 * a server that is back only now and then is not worth more. */
void rhythm_hasten(struct rhythm *r, struct mono now);
/* Milliseconds until the next try; 0 = now. */
int64_t rhythm_wait_ms(const struct rhythm *r, struct mono now);
/* A random time of span_ms, give or take a fifth: for things done in regular
 * intervals, which must not fall into step either. */
int64_t rhythm_spread_ms(struct rhythm *r, int64_t span_ms);

#endif
