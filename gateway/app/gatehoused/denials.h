/* What the cloud has denied, as gatehouse-syncd passes it on at once: in front of the policy,
 * whether the replica could take it or not. A row that is denied counts as not enabled.
 *
 * In memory only: the replica keeps the same for longer, wherever it can be written; and what
 * it could not take the cloud sends again. A denial goes when a policy of its rev, or of a higher
 * one, has come since. One thread. */
#ifndef GATEHOUSE_APP_GATEHOUSED_DENIALS_H
#define GATEHOUSE_APP_GATEHOUSED_DENIALS_H

#include "ports/policy_store.h"

#define DENIALS_MAX 4096

struct denial {
    enum row_kind kind;
    struct id id;
    int64_t rev;
    int64_t rev_then; /* of the policy in force when it came; -1 = not known */
};

struct denials {
    struct policy_store below;
    struct denial *v; /* owned: n of room */
    size_t n, room;
    struct entitlement_facts *left; /* owned: those of the last answer that are not denied */
    size_t left_room;
};

void denials_init(struct denials *d, const struct policy_store *below);
void denials_free(struct denials *d);

/* The policy as it is with them; borrowed, lives as long as both. */
struct policy_store denials_port(struct denials *d);

/* GH_INVALID: not a person, credential or entitlement, or rev < 0. GH_FULL: out of memory, or
 * DENIALS_MAX are in force. One that is known already takes the higher rev. */
GH_MUST_CHECK enum gh_err denials_add(struct denials *d, enum row_kind kind, const struct id *id,
                                      int64_t rev);

#endif
