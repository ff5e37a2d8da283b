#include "app/gatehoused/limits.h"

#include <stdlib.h>

enum gh_err limits_open(struct limits *out, int per_s, int burst)
{
    struct reader_limit *reader = calloc(LIMITS_READERS, sizeof *reader);
    if (!reader)
        return GH_IO;
    *out = (struct limits){.per_s = per_s, .burst = burst, .reader = reader};
    enum gh_err err = id_map_reserve(&out->by_id, LIMITS_READERS);
    if (err)
        limits_close(out);
    return err;
}

void limits_close(struct limits *limits)
{
    free(limits->reader);
    id_map_free(&limits->by_id);
    *limits = (struct limits){0};
}

/* The place of the reader that was unused longest, which is forgotten. */
static size_t make_room(struct limits *limits)
{
    size_t oldest = 0;
    for (size_t i = 1; i < limits->n; i++)
        if (limits->reader[i].filled.ms < limits->reader[oldest].filled.ms)
            oldest = i;
    id_map_remove(&limits->by_id, &limits->reader[oldest].reader);
    return oldest;
}

static struct reader_limit *find(struct limits *limits, const struct id *id, struct mono now)
{
    size_t i;
    if (id_map_find(&limits->by_id, id, &i))
        return &limits->reader[i];
    i = limits->n < LIMITS_READERS ? limits->n++ : make_room(limits);
    struct reader_limit *r = &limits->reader[i];
    *r = (struct reader_limit){
        .reader = *id, .tokens_milli = (int64_t)limits->burst * 1000, .filled = now};
    id_map_put(&limits->by_id, &r->reader, i);
    return r;
}

static void refuse(struct reader_limit *r, int64_t n, struct mono now)
{
    if (r->refused == 0)
        r->window_ends = mono_add_ms(now, LIMITS_WINDOW_MS);
    r->refused += n;
}

void limits_missed(struct limits *limits, const struct id *reader, uint32_t n, struct mono now)
{
    if (n > 0)
        refuse(find(limits, reader, now), n, now);
}

bool limits_allow(struct limits *limits, const struct id *reader, struct mono now)
{
    struct reader_limit *r = find(limits, reader, now);
    int64_t full = (int64_t)limits->burst * 1000;
    r->tokens_milli += (now.ms - r->filled.ms) * limits->per_s;
    if (r->tokens_milli > full)
        r->tokens_milli = full;
    r->filled = now;
    if (r->tokens_milli >= 1000) {
        r->tokens_milli -= 1000;
        return true;
    }
    refuse(r, 1, now);
    return false;
}

bool limits_take(struct limits *limits, struct mono now, struct id *reader, int64_t *refused)
{
    for (size_t i = 0; i < limits->n; i++) {
        struct reader_limit *r = &limits->reader[i];
        if (r->refused == 0 || now.ms < r->window_ends.ms)
            continue;
        *reader = r->reader;
        *refused = r->refused;
        r->refused = 0;
        return true;
    }
    return false;
}

bool limits_deadline(const struct limits *limits, struct mono *out)
{
    bool some = false;
    for (size_t i = 0; i < limits->n; i++) {
        const struct reader_limit *r = &limits->reader[i];
        if (r->refused > 0 && (!some || r->window_ends.ms < out->ms)) {
            *out = r->window_ends;
            some = true;
        }
    }
    return some;
}
