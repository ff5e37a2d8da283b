/* Measured values, kept round by round, so that what drifts between the rounds
 * of a run can be seen. */
#ifndef GATEHOUSE_TESTS_BENCH_SERIES_H
#define GATEHOUSE_TESTS_BENCH_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_ROUNDS_MAX 64

struct series {
    double *us; /* owned; microseconds, or what else is counted in runs */
    size_t n, room;
    size_t round_end[SERIES_ROUNDS_MAX];
    size_t rounds;
};

/* A time from one stamp to another. Ends the program when out of memory. */
void series_add_ns(struct series *s, int64_t from_ns, int64_t to_ns);
void series_add_us(struct series *s, double us);
/* What was added since the last call is one round; nothing when that is nothing. */
void series_end_round(struct series *s);
void series_free(struct series *s);

/* The value that a share of all values does not exceed: 0.5 is the median. 0 when
 * there is none. */
double series_at(const struct series *s, double share);
/* The lowest and the highest median of a round. */
void series_spread(const struct series *s, double *lowest, double *highest);

#endif
