#include "bench/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void series_add_us(struct series *s, double us)
{
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 1024;
        double *more = realloc(s->us, room * sizeof *more);
        if (more == NULL) {
            fprintf(stderr, "bench: out of memory\n");
            exit(2);
        }
        s->us = more;
        s->room = room;
    }
    s->us[s->n++] = us;
}

void series_add_ns(struct series *s, int64_t from_ns, int64_t to_ns)
{
    series_add_us(s, (double)(to_ns - from_ns) / 1000.0);
}

void series_end_round(struct series *s)
{
    size_t before = s->rounds ? s->round_end[s->rounds - 1] : 0;
    if (s->n > before && s->rounds < SERIES_ROUNDS_MAX) {
        s->round_end[s->rounds++] = s->n;
    }
}

void series_free(struct series *s)
{
    free(s->us);
    *s = (struct series){0};
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double share_of(const double *us, size_t n, double share)
{
    if (n == 0) {
        return 0;
    }
    double *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL) {
        fprintf(stderr, "bench: out of memory\n");
        exit(2);
    }
    memcpy(sorted, us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double rank = ceil(share * (double)n);
    double value = sorted[rank < 1 ? 0 : (size_t)rank - 1];
    free(sorted);
    return value;
}

double series_at(const struct series *s, double share)
{
    return share_of(s->us, s->n, share);
}

void series_spread(const struct series *s, double *lowest, double *highest)
{
    size_t from = 0;
    *lowest = *highest = 0;
    for (size_t i = 0; i < s->rounds; i++) {
        double median = share_of(s->us + from, s->round_end[i] - from, 0.5);
        if (i == 0 || median < *lowest) {
            *lowest = median;
        }
        if (i == 0 || median > *highest) {
            *highest = median;
        }
        from = s->round_end[i];
    }
}
