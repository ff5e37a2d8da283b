/* A site for figures of the decision: a replica of a shape that is asked for, by default with 500
 * doors with a reader each, 2,000 entitlements with a schedule each, and as many people as wanted, with
 * four cards each. */
#ifndef GATEHOUSE_TESTS_BENCH_LARGE_SITE_H
#define GATEHOUSE_TESTS_BENCH_LARGE_SITE_H

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/replica_writer.h"
#include "core/clock.h"
#include "lib/folder.h"
#include "ports/policy_store.h"

#define LARGE_DOORS 500
#define LARGE_ENTITLEMENTS 2000
#define LARGE_CREDENTIALS 4 /* of each person */

struct large_shape {
    long people;
    int doors, readers; /* readers: of each door */
    int entitlements;
};

struct large_site {
    struct large_shape shape;
    struct folder folder; /* made by the caller: device.key, replica.db */
    struct crypto_keys keys;
    struct replica_writer *writer;
    uint32_t seed;
    char why[REPLICA_WHY_MAX];
};

/* Makes the policy; a device.key that is there is used. False (said) if it cannot be made. */
bool large_site_make(struct large_site *s, long people);
/* The same with everything in the caller's hands. */
bool large_site_make_as(struct large_site *s, const struct large_shape *shape);

/* 0 .. n-1, drawn from the seed. */
unsigned large_any(struct large_site *s, unsigned n);

/* "d7": door 7; "r7" is its reader, and, as there are more readers than doors, "r507" as well. */
struct id large_id(char letter, long n);

/* The value of card number n, 0 .. LARGE_CREDENTIALS * people - 1. */
bool large_value(struct credential_value *out, long n);

/* A card at a reader, both drawn: hash, facts, verdict, now. False: they could not be asked, or the
 * card is nobody's. */
bool large_decide(struct large_site *s, const struct policy_store *store, long credentials,
                  const struct zone_view *zone, bool *granted);

/* Verdicts a second over the facts of one granted read: the core alone. 0: there is none. */
double large_verdicts_per_s(struct large_site *s, const struct policy_store *store, long credentials,
                            const struct zone_view *zone, int verdicts);

/* The instant at which they come, and a zone as it is then. */
#define LARGE_NOW 1750001000
#define LARGE_ZONE "Europe/Berlin"

#endif
