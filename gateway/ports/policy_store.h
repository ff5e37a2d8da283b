/* The policy, as decisions ask for it. */
#ifndef GATEHOUSE_PORTS_POLICY_STORE_H
#define GATEHOUSE_PORTS_POLICY_STORE_H

#include "core/access.h"

#define VALUE_HASH_LEN 32

/* A read, with its credential value as the keyed hash under which the replica
 * knows it. */
struct policy_query {
    const struct id *reader;
    enum credential_type type;
    const unsigned char *value_hash; /* VALUE_HASH_LEN bytes; NULL = ask for reader and door only */
    int bits;                        /* 0 = not given */
};

struct policy_store_ops {
    /* Fills everything of out but zone, policy_age_s and controller_online,
     * which stay as the caller has set them, under one read transaction. Lists in out live until the next call on this store.
     * GH_RETRY: there is no policy yet, or it is locked for longer than the
     * store waits; GH_CORRUPT, GH_IO: it cannot be read. In all these cases
     * out->policy_available is false and the read must be denied as
     * policy_unavailable. */
    enum gh_err (*facts)(void *self, const struct policy_query *query, struct access_facts *out);

    /* Facts of a door alone, for releases by command: site, door, version.
     * GH_NOT_FOUND: the policy has no such door. Else as facts. */
    enum gh_err (*door)(void *self, const struct id *door, struct access_facts *out);

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
