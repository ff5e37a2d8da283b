/* The PIN lockouts of all readers, kept in the ledger.
 *
 * p/READER holds the boot, the instant it was written, how many failures count,
 * where the next one goes, 1 if locked, and the lock's end; p/READER/N the instant
 * of the failure in place N of the ring. Instants are milliseconds of the boot.
 * What an earlier boot left counts as if the time since had not passed: how long
 * the machine was off is not known, and locking too long is the safe side. */
#ifndef GATEHOUSE_APP_GATEHOUSED_LOCKOUTS_H
#define GATEHOUSE_APP_GATEHOUSED_LOCKOUTS_H

#include "app/gatehoused/ledger.h"
#include "core/lockout.h"

/* Readers with PIN failures that are watched at a time. */
#define LOCKOUTS_READERS 256

struct reader_lockout {
    struct id reader;
    struct mono used;
    struct lockout lockout;
};

struct lockouts {
    struct ledger *ledger;         /* borrowed */
    uint64_t boot;
    struct reader_lockout *reader; /* LOCKOUTS_READERS of them, owned */
    size_t n;
};

/* Takes over what the ledger has. boot tells boots apart. */
GH_MUST_CHECK enum gh_err lockouts_open(struct lockouts *out, struct ledger *ledger, uint64_t boot,
                                        struct mono now);
void lockouts_close(struct lockouts *lockouts);

bool lockouts_is_locked(const struct lockouts *lockouts, const struct id *reader, struct mono now);

/* Notes a PIN failure at a reader; the change waits in the ledger. When all places
 * are taken, the reader whose last failure is oldest makes room (only readers of
 * the policy come here, and a site has fewer of them with a keypad). */
void lockouts_fail(struct lockouts *lockouts, const struct id *reader,
                   const struct pin_lockout *rule, struct mono now);

#endif
