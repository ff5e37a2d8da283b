/* A replica for each test: its *state, a struct kit. For cmocka programs. */
#ifndef TESTS_ADAPTERS_REPLICA_FIXTURE_H
#define TESTS_ADAPTERS_REPLICA_FIXTURE_H

#include "lib/replica_kit.h"

static inline int setup(void **state)
{
    *state = kit_make();
    return 0;
}

static inline int teardown(void **state)
{
    kit_free(*state);
    return 0;
}

static inline void commit(struct kit *kit)
{
    if (kit_commit(kit) != GH_OK)
        fail_msg("%s", kit->why);
}

/* One row on top of the policy. */
static inline void change(struct kit *kit, const struct policy_row *row)
{
    kit_begin(kit);
    kit_put(kit, row, (int)kit->rev + 100);
    commit(kit);
}

#endif
