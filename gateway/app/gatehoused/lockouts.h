/* The PIN lockouts of all readers. They last as long as the process. */
#ifndef GATEHOUSE_APP_GATEHOUSED_LOCKOUTS_H
#define GATEHOUSE_APP_GATEHOUSED_LOCKOUTS_H

#include "core/id.h"
#include "core/lockout.h"

/* Readers with PIN failures that are watched at a time. */
#define LOCKOUTS_READERS 256

struct reader_lockout {
    struct id reader;
    struct mono used;
    struct lockout lockout;
};

struct lockouts {
    struct reader_lockout *reader; /* LOCKOUTS_READERS of them, owned */
    size_t n;
};

GH_MUST_CHECK enum gh_err lockouts_open(struct lockouts *out);
void lockouts_close(struct lockouts *lockouts);

bool lockouts_is_locked(const struct lockouts *lockouts, const struct id *reader, struct mono now);

/* Notes a PIN failure at a reader. When all places are taken, the reader whose
 * last failure is oldest makes room (only readers of the policy come here, and
 * a site has fewer of them with a keypad). */
void lockouts_fail(struct lockouts *lockouts, const struct id *reader,
                   const struct pin_lockout *rule, struct mono now);

#endif
