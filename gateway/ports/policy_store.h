/* The policy, as decisions ask for it. */
#ifndef GATEHOUSE_PORTS_POLICY_STORE_H
#define GATEHOUSE_PORTS_POLICY_STORE_H

#include "core/access.h"

#define VALUE_HASH_LEN 32
#define POLICY_READERS_MAX 64 /* of one door that are called */

/* A read, with its credential value as the keyed hash under which the replica
 * knows it. Hashes are of VALUE_HASH_LEN bytes. */
struct policy_query {
    const struct id *reader;
    enum credential_type type;
    const unsigned char *value_hash;      /* NULL = ask for reader and door only */
    const unsigned char *duress_hash;     /* of a PIN whose last digit is one less; NULL = none. Used
                                             where the value itself is not known and duress is on */
    const unsigned char *pin_hash;        /* a PIN offered as second factor; NULL = none */
    const unsigned char *pin_duress_hash; /* and with its last digit one less; used if duress is on */
    int bits;                             /* 0 = not given */
};

struct policy_store_ops {
    /* Everything of struct policy_facts, under one read transaction. Lists in out, and
     * what out points to, live until the next call on this store.
     * GH_RETRY: there is no policy yet, or it is locked for longer than the store
     * waits; GH_CORRUPT, GH_IO, GH_FULL: it cannot be read. In all these cases
     * out->is_available is false and a read must be denied as policy_unavailable. */
    enum gh_err (*ask)(void *self, const struct policy_query *query, struct policy_facts *out);

    /* What concerns a door alone: version, site, holidays, door_known and door. GH_OK
     * also if there is no such door. Else as ask. Cheap. */
    enum gh_err (*look)(void *self, const struct id *door, struct policy_facts *out);

    /* Calls each for the readers of a door, sorted, at most POLICY_READERS_MAX.
     * Errors as look; each may have been called then. */
    enum gh_err (*readers_of)(void *self, const struct id *door,
                              void (*each)(void *context, const struct id *reader), void *context);

    /* That of the facts that would be had now. Cheap, but a transaction of its own. */
    uint64_t (*generation)(void *self);

    /* Place and time of the policy in force; GH_RETRY if there is none. */
    enum gh_err (*version)(void *self, struct policy_version *out);

    /* How old a policy of this version is now, in seconds; POLICY_AGE_UNKNOWN. */
    int64_t (*age_s)(void *self, const struct policy_version *version, struct wall now);
};

struct policy_store {
    const struct policy_store_ops *ops;
    void *self;
};

#endif
