/* What a decision costs on a large site: the facts from the replica and the verdict,
 * without broker, journal and relay. */
#ifndef GATEHOUSE_TESTS_BENCH_LARGE_H
#define GATEHOUSE_TESTS_BENCH_LARGE_H

#include "bench/large_site.h"
#include "bench/series.h"

struct large {
    struct series decide;       /* from the value's hash to the verdict, warm */
    long granted;               /* of those */
    struct series facts_per_s;  /* decided, one after another: hash, facts and verdict */
    struct series core_per_s;   /* the verdicts alone */
    struct series durable_per_s; /* decided and recorded, the last of them durable at the end */
    double daemon_mib;          /* a gatehoused with this policy, after 2,000 questions; 0 = not asked */
};

/* A site of so many people with four credentials each, asked `reads` times at random, in each of
 * so many rounds. with_daemon: gatehoused is started on it and its memory measured. False (said) if
 * it could not be measured. */
bool large_measure(struct large *out, long people, int rounds, int reads, bool with_daemon);

/* Memory of a gatehoused with this policy and so many doors after so many questions, in MiB; 0
 * (said) if it cannot be had. */
double large_daemon_mib(struct large_site *site, int questions);

/* So many decisions, warm; *times gets a round of them. */
bool large_decisions(struct large_site *site, int warm, int reads, struct series *times,
                     long *granted);

#endif
