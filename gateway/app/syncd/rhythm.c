#include "app/syncd/rhythm.h"

#define FAILURES_MAX 7 /* from here on the window is RHYTHM_LAST_MS */

/* splitmix64: every seed gives a good sequence. */
static uint64_t next_random(struct rhythm *r)
{
    uint64_t z = r->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Evenly from..to, both included. */
static int64_t between(struct rhythm *r, int64_t from, int64_t to)
{
    return from + (int64_t)(next_random(r) % (uint64_t)(to - from + 1));
}

static int64_t window_ms(const struct rhythm *r)
{
    int64_t window = (int64_t)RHYTHM_FIRST_MS << (r->failures - 1);
    return window < RHYTHM_LAST_MS ? window : RHYTHM_LAST_MS;
}

void rhythm_init(struct rhythm *r, uint64_t seed)
{
    *r = (struct rhythm){.random = seed, .next = {INT64_MIN}, .haste = {INT64_MIN}};
}

void rhythm_succeeded(struct rhythm *r)
{
    r->failures = 0;
    r->next.ms = INT64_MIN;
}

void rhythm_failed(struct rhythm *r, struct mono now, int64_t retry_after_s)
{
    if (r->failures < FAILURES_MAX)
        r->failures++;
    int64_t wait = between(r, RHYTHM_FLOOR_MS, window_ms(r));
    r->is_firm = retry_after_s > 0;
    if (r->is_firm) {
        int64_t told_s = retry_after_s < RHYTHM_RETRY_AFTER_MAX_S ? retry_after_s
                                                                 : RHYTHM_RETRY_AFTER_MAX_S;
        wait = told_s * 1000 + between(r, 0, told_s * 1000 / 2);
    }
    r->next = mono_add_ms(now, wait);
}

void rhythm_hopeless(struct rhythm *r, struct mono now)
{
    r->failures = FAILURES_MAX;
    r->is_firm = true;
    r->next = mono_add_ms(now, between(r, RHYTHM_LAST_MS / 2, RHYTHM_LAST_MS));
}

void rhythm_hasten(struct rhythm *r, struct mono now)
{
    struct mono at = mono_add_ms(now, between(r, 0, RHYTHM_HASTE_MS));
    if (r->is_firm || now.ms < r->haste.ms || at.ms >= r->next.ms)
        return;
    r->next = at;
    r->haste = mono_add_ms(now, RHYTHM_HASTE_GAP_MS);
}

int64_t rhythm_wait_ms(const struct rhythm *r, struct mono now)
{
    return r->next.ms > now.ms ? r->next.ms - now.ms : 0;
}

int64_t rhythm_spread_ms(struct rhythm *r, int64_t span_ms)
{
    return between(r, span_ms - span_ms / 5, span_ms + span_ms / 5);
}
