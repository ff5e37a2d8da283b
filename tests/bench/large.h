/* What a decision costs on a large site: the facts from the replica and the verdict,
 * without broker, journal and relay. */
#ifndef GATEHOUSE_TESTS_BENCH_LARGE_H
#define GATEHOUSE_TESTS_BENCH_LARGE_H

#include "bench/series.h"

#define LARGE_DOORS 500
#define LARGE_ENTITLEMENTS 2000

struct large {
    struct series decide;  /* from the value's hash to the verdict, warm */
    long granted;          /* of those */
    double durable_per_s;          /* decided and recorded, the last of them durable at the end */
    double daemon_mib;     /* a gatehoused with this policy, after 2,000 questions; 0 = not asked */
};

/* A site of so many people with four credentials each, asked `reads` times at random.
 * with_daemon: gatehoused is started on it and its memory measured. False (said) if
 * it could not be measured. */
bool large_measure(struct large *out, long people, int reads, bool with_daemon);

#endif
