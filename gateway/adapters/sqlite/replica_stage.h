/* The staging file: where the rows of a batch or snapshot wait for commit.
 *
 * replica.db-next, beside the replica, with the replica's own tables. While it
 * fills, no transaction is open on the replica, so a deny line can go in at
 * once. It need not survive anything: what is left of it is thrown away. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_STAGE_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_STAGE_H

#include "replica_schema.h"

struct replica_stage;

/* Makes the file anew; path and crypto are borrowed for life. Returns owned. */
GH_MUST_CHECK enum gh_err replica_stage_open(struct replica_stage **out, const char *path,
                                             const struct replica_crypto *crypto);

/* A later row replaces an earlier one of the same kind and id. */
GH_MUST_CHECK enum gh_err replica_stage_put(struct replica_stage *stage,
                                            const struct replica_row *row);

/* Digest and number of rows of what is in the file, which also gets its
 * buckets: for a snapshot. */
GH_MUST_CHECK enum gh_err replica_stage_digest(struct replica_stage *stage,
                                               unsigned char out[REPLICA_HASH], int64_t *rows);

/* Writes all to the file and lets go of it, so that it can be attached; then
 * only replica_stage_drop is left to do. */
GH_MUST_CHECK enum gh_err replica_stage_finish(struct replica_stage *stage);

/* Removes the file and frees. NULL is allowed. */
void replica_stage_drop(struct replica_stage *stage);

#endif
