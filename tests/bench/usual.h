/* The usual site, 1,000 people: floor and ours in turns, changes at the cloud, a backlog. */
#ifndef GATEHOUSE_TESTS_BENCH_USUAL_H
#define GATEHOUSE_TESTS_BENCH_USUAL_H

#include <stdbool.h>

#include "bench/series.h"
#include "bench/table.h"

struct usual_amount {
    int rounds, reads, bursts, commits, calls, slow_echoes; /* rounds, and what each is made of */
    int revocations, restarts;
    int runs, flood, backlog; /* so many times a flood of reads, and a drain of events */
};

struct usual {
    struct series one_way, echo, echo_16, slow_echo, commit, call; /* floors */
    struct series relay, feedback, relay_16, feedback_16;
    struct series revoked, restart, drain_relay, drain_feedback;
    struct series flood_per_s, drain_per_s; /* of several runs */
    double daemon_mib, syncd_mib, echo_mib;
    long missing, doubled;
};

/* False (said) if it could not be measured. */
bool usual_measure(struct usual *out, const struct usual_amount *amount);
void usual_show(struct table *table, const struct usual *usual, const struct usual_amount *amount);

#endif
