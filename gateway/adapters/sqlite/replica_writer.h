/* The policy replica, as gatehouse-syncd writes it: the one writer.
 *
 * A batch is one transaction: begin, rows, commit with the checkpoint's digest.
 * A snapshot is loaded into a file beside the replica and swapped in by one
 * transaction; the old policy decides until then. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_WRITER_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_WRITER_H

#include "core/policy.h"
#include "core/slice.h"
#include "ports/policy_store.h"

#define REPLICA_CURSOR_MAX 256
#define REPLICA_DIGEST_HEX 64
#define REPLICA_WHY_MAX 256

/* A row as it goes in. */
struct replica_row {
    const struct policy_row *row;
    unsigned char line_hash[32];  /* SHA-256 of the line as sent; unused for removals */
    unsigned char value_hash[32]; /* credentials: crypto_value_hash */
};

/* Where the policy stands. */
struct replica_state {
    struct policy_version version; /* epoch 0, rev 0, INSTANT_NONE before the first */
    int64_t schema;
    char cursor[REPLICA_CURSOR_MAX + 1]; /* "" before the first */
    char digest[REPLICA_DIGEST_HEX + 1];
    int64_t rows;
};

/* What a batch must add up to. */
struct replica_checkpoint {
    struct policy_version version;
    int64_t schema;
    int64_t rows;
    char digest[REPLICA_DIGEST_HEX + 1]; /* lower-case hex */
};

struct replica_writer;

/* Opens or creates path (WAL, synchronous FULL, mode 0660). Returns owned in
 * *out. GH_CORRUPT: not ours, damaged, or of another schema version; GH_IO. */
GH_MUST_CHECK enum gh_err replica_writer_open(struct replica_writer **out, const char *path,
                                              char why[REPLICA_WHY_MAX]);
void replica_writer_state(struct replica_writer *w, struct replica_state *out);

/* A batch of changes on top of the policy. */
GH_MUST_CHECK enum gh_err replica_writer_begin(struct replica_writer *w);
/* Begins the load of a whole policy beside the old one; what an earlier,
 * unfinished load left is thrown away. */
GH_MUST_CHECK enum gh_err replica_writer_begin_snapshot(struct replica_writer *w);

/* Puts or removes one row in what was begun. Removing what is not there is
 * allowed. GH_INVALID: (type, value) is another credential's, or a second
 * site row; why says which. GH_FULL: disk full. GH_IO. After a failure the
 * batch can only be dropped. */
GH_MUST_CHECK enum gh_err replica_writer_put(struct replica_writer *w,
                                             const struct replica_row *row,
                                             char why[REPLICA_WHY_MAX]);

/* Checks number of rows and digest, then makes the batch the policy, with the
 * checkpoint and the cursor in the same transaction; durable on return.
 * GH_CORRUPT: digest or rows differ (why says both values). GH_INVALID: the
 * place is lower than the floor (rollback). On any failure nothing changed and
 * the batch is dropped. */
GH_MUST_CHECK enum gh_err replica_writer_commit(struct replica_writer *w,
                                                const struct replica_checkpoint *checkpoint,
                                                struct slice cursor,
                                                char why[REPLICA_WHY_MAX]);
/* As commit, for rows that reach no checkpoint yet is not possible: a batch
 * ends at a checkpoint. A fresh checkpoint of the same place (only issued_at
 * is newer) is a batch without rows. */

/* Drops what was begun; nothing if nothing was. */
void replica_writer_drop(struct replica_writer *w);

/* The deny lane: this row counts as enabled = false from the return of the
 * call (durable) until a policy with rev >= this one is applied. Outside a
 * batch or inside; never part of it. kind: person, credential, entitlement. */
GH_MUST_CHECK enum gh_err replica_writer_deny(struct replica_writer *w, enum row_kind kind,
                                              const struct id *id, int64_t rev);

void replica_writer_close(struct replica_writer *w);

#endif
