/* What one more costs: a credential, a door, an entitlement, a reader. One of them grows while the
 * others stay, and a line is fitted (least squares). */
#ifndef GATEHOUSE_TESTS_BENCH_SLOPES_H
#define GATEHOUSE_TESTS_BENCH_SLOPES_H

#include <stdbool.h>

#include "bench/series.h"
#include "bench/table.h"

enum slope_what { SLOPE_CREDENTIAL, SLOPE_DOOR, SLOPE_ENTITLEMENT, SLOPE_READER, SLOPE_COUNT };

struct slope {
    struct series decide_ns, memory_bytes; /* of each run; memory: of gatehoused */
    double replica_bytes;
};

struct slopes {
    struct slope of[SLOPE_COUNT];
};

/* reads: decisions at each point and run; part: the sizes are divided by it. False (said) if it could
 * not be measured. */
bool slopes_measure(struct slopes *out, int runs, int reads, int part);
void slopes_show(struct table *table, const struct slopes *slopes);

#endif
