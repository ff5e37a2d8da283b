/* A snapshot that loads while something else is measured: ordered, looked after from time to time
 * and, on demand, ordered again as soon as it is in force. */
#ifndef GATEHOUSE_TESTS_BENCH_LOADING_H
#define GATEHOUSE_TESTS_BENCH_LOADING_H

#include "bench/play.h"

struct loading {
    struct play *play;
    struct series *times; /* ms from the order until it is in force; NULL = nobody wants them */
    int64_t rev;          /* of the policy when it was ordered */
    int64_t ordered_ns;
    bool is_begun;
    int loaded;
};

/* Orders one, by a resync; loading->play and times are the caller's. syncd runs, the policy is the
 * cloud's newest. */
bool loading_order(struct loading *loading);
/* *is_over: it is in force now. Costs some calls over loopback. */
bool loading_look(struct loading *loading, bool *is_over);
/* Waits for that. */
bool loading_wait(struct loading *loading);

#endif
