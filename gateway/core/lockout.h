/* The PIN lockout of one reader: too many wrong PINs shut PIN entry for a while.
 * Source: the decision contract, "PIN failures". */
#ifndef GATEHOUSE_CORE_LOCKOUT_H
#define GATEHOUSE_CORE_LOCKOUT_H

#include <stdbool.h>

#include "core/clock.h"
#include "core/policy.h"

struct lockout {
    struct mono failure[PIN_FAILURES_MAX]; /* the newest ones, as a ring */
    int n;                                 /* of them that count, 0..failures - 1 */
    int next;                              /* where the next one goes */
    bool is_locked;
    struct mono ends; /* of the lock */
};

/* True if PIN entry is locked now. */
bool lockout_is_locked(const struct lockout *l, struct mono now);

/* Notes a failure. The one that makes rule->failures within rule->window_s locks
 * for rule->lock_s, and the count starts anew. */
void lockout_fail(struct lockout *l, const struct pin_lockout *rule, struct mono now);

#endif
