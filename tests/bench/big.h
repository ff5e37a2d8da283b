/* A big site, whole: how long its policy takes to come, what that costs those at the doors
 * meanwhile, and how soon a person is locked out while a lot is on its way. */
#ifndef GATEHOUSE_TESTS_BENCH_BIG_H
#define GATEHOUSE_TESTS_BENCH_BIG_H

#include "bench/series.h"

#define BIG_CARDS 2 /* of each person */

struct big {
    long rows, queued;          /* of the policy; before a revocation */
    struct series snapshot; /* ms until the policy is in force, nobody at the doors: from syncd's start, then
                               from an order */
    struct series import;   /* ms: the sqlite3 shell, the same rows into the same schema */
    double syncd_mib, daemon_mib; /* at their most */
    struct series idle, meanwhile; /* read to relay: no sync; while a snapshot loads */
    struct series revoked;      /* cloud's answer to the change to "denied", rows queued before it */
    struct series restart;      /* start of gatehoused to its first answer */
};

struct big_amount {
    int people; /* with BIG_CARDS cards each */
    int loads;
    int queued, revocations; /* rows that come with each */
};

/* False (said) if it could not be measured. */
bool big_measure(struct big *out, const struct big_amount *amount);

#endif
