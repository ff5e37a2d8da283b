/* What the bench found: a table for people, and the same as lines of JSON.
 *
 * One JSON object a line. The first: {"machine","started"}. Then one for each
 * figure, members that do not apply left out:
 *   {"figure","unit","n","p50","p99","p999","p50_low","p50_high",   a latency, in us
 *    "value",                                                any other number
 *    "n","low","high",                                       of several runs: value is their median
 *    "floor","floor_value","ratio","target","limit","met"}
 * limit is in the figure's unit; met is true or false. */
#ifndef GATEHOUSE_TESTS_BENCH_TABLE_H
#define GATEHOUSE_TESTS_BENCH_TABLE_H

#include <stdio.h>

#include "bench/series.h"

struct table {
    FILE *json; /* owned */
    int missed; /* figures that do not meet their target */
};

struct against {
    const char *floor;  /* the floor's name; NULL = none */
    double floor_value; /* of its p50 */
    const char *target; /* in words; NULL = none */
    double limit;       /* the most that meets it (the least, if is_rate) */
    bool is_rate;
};

/* Creates or empties the file; false (said) if it cannot. */
bool table_open(struct table *t, const char *json_path, const char *machine, const char *started);
/* False (said) if the file could not be written whole. */
bool table_close(struct table *t);

void table_heading(const struct table *t, const char *text);
void table_latency(struct table *t, const char *name, const struct series *s,
                   const struct against *against);
/* A number of another kind; unit as printed behind it. */
void table_number(struct table *t, const char *name, double value, const char *unit,
                  const struct against *against);
/* The same of several runs: their median, and from the lowest to the highest. */
void table_runs(struct table *t, const char *name, const struct series *runs, const char *unit,
                const struct against *against);

#endif
