/* The policy replica, as gatehouse-syncd writes it: the one writer.
 *
 * begin, rows, commit with the checkpoint's digest. Rows of a batch as of a
 * snapshot wait in a file beside the replica (its name and "-next") and become
 * the policy in one transaction; the old policy decides until then. Memory is
 * bounded whatever the size. After GH_IO from commit or deny nothing but close
 * works any more: what a failed sync has left in the system's cache cannot be
 * trusted. A writer belongs to one thread. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_WRITER_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/slice.h"
#include "ports/policy_store.h"

#define REPLICA_CURSOR_MAX 256
#define REPLICA_DIGEST_HEX 64
#define REPLICA_WHY_MAX 256

/* What the replica needs of cryptography. */
struct replica_crypto {
    void (*sha256)(unsigned char out[32], struct slice bytes);
    /* HMAC-SHA-256 of the nonce under a key of the device that is not in the
     * database: no hash of a line, which holds a credential's value, is stored
     * but XORed with this, under a nonce of its own. */
    void (*mask)(void *context, unsigned char out[32], struct slice nonce);
    void *context; /* borrowed for the life of the writer */
};

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
    char digest[REPLICA_DIGEST_HEX + 1]; /* before the first: that of no rows */
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
 * *out. GH_CORRUPT: not ours, damaged, of another layout, or made under
 * another mask key; GH_RETRY: locked; GH_FULL; GH_IO. crypto is copied. In all
 * calls why is a line for a person on failure and is untouched else. */
GH_MUST_CHECK enum gh_err replica_writer_open(struct replica_writer **out, const char *path,
                                              const struct replica_crypto *crypto,
                                              char why[REPLICA_WHY_MAX]);
/* In the place of a replica that cannot be opened or is damaged: an empty one beside it,
 * which takes its place with its first commit, of a whole policy; until then what is whole of the old one
 * goes on to decide. The old one is kept as path.damaged. As replica_writer_open. */
GH_MUST_CHECK enum gh_err replica_writer_open_fresh(struct replica_writer **out, const char *path,
                                                    const struct replica_crypto *crypto,
                                                    char why[REPLICA_WHY_MAX]);

/* Some call met damage in the file, and not only in what was put: it is time to close
 * and to open a fresh one. */
bool replica_writer_is_damaged(const struct replica_writer *w);

/* Looks at the next so many pages of the file as they lie on the disk. *done: that was
 * the last of them, the next call begins anew. GH_CORRUPT: damaged; GH_RETRY, GH_FULL: not now,
 * since the log cannot be copied back first; GH_IO. */
GH_MUST_CHECK enum gh_err replica_writer_scan(struct replica_writer *w, int64_t pages, bool *done);

void replica_writer_state(struct replica_writer *w, struct replica_state *out);

/* A batch of changes on top of the policy. What was begun before and not
 * committed is dropped. GH_INVALID: on a fresh replica, which begins with a whole
 * policy; GH_FULL, GH_IO. */
GH_MUST_CHECK enum gh_err replica_writer_begin(struct replica_writer *w);
/* Begins the load of a whole policy beside the old one. As begin. */
GH_MUST_CHECK enum gh_err replica_writer_begin_snapshot(struct replica_writer *w);

/* Puts or removes one row in what was begun; a later row replaces an earlier
 * one of the same kind and id. Removing what is not there is allowed.
 * GH_INVALID: nothing was begun, or more than POLICY_WINDOWS_MAX windows.
 * GH_FULL: disk full. GH_IO. On any failure the batch is dropped. */
GH_MUST_CHECK enum gh_err replica_writer_put(struct replica_writer *w,
                                             const struct replica_row *row,
                                             char why[REPLICA_WHY_MAX]);

/* Checks what was begun, then makes it the policy, with the checkpoint and the
 * cursor in the same transaction; durable on return.
 * GH_CORRUPT: digest or number of rows differ (why says both values).
 * GH_INVALID: nothing was begun; the checkpoint or the cursor is not well
 * formed; the place is lower than the floor (rollback), or the floor with
 * another digest; two credentials would share a type and value, or there would
 * be two site rows (why names both ids; no value).
 * GH_FULL: disk full; GH_RETRY: locked by another process; GH_IO.
 * On any failure nothing changed and the batch is dropped.
 * A fresh checkpoint of the same place is a batch without rows; an older
 * issued_at than the known one of that place is not taken. */
GH_MUST_CHECK enum gh_err replica_writer_commit(struct replica_writer *w,
                                                const struct replica_checkpoint *checkpoint,
                                                struct slice cursor,
                                                char why[REPLICA_WHY_MAX]);

/* As commit, for a policy from a file that comes without a checkpoint: it is
 * taken for what it adds up to. Place and time are the caller's; the same rules
 * hold for them. Never for what came over a network. */
GH_MUST_CHECK enum gh_err replica_writer_adopt(struct replica_writer *w,
                                               const struct policy_version *version,
                                               int64_t schema, char why[REPLICA_WHY_MAX]);

/* Drops what was begun; nothing if nothing was. */
void replica_writer_drop(struct replica_writer *w);

/* The deny lane: this row counts as enabled = false from the return of the
 * call (durable), or from the end of its group, until a policy with rev >= this one is applied
 * by a later commit. Outside a batch or inside; never part of it. kind: person,
 * credential, entitlement; another, or rev < 0: GH_INVALID. GH_FULL: the disk is, or there are
 * REPLICA_DENIALS_MAX; GH_IO. */
#define REPLICA_DENIALS_MAX 1000000
GH_MUST_CHECK enum gh_err replica_writer_deny(struct replica_writer *w, enum row_kind kind,
                                              const struct id *id, int64_t rev);

/* Denials from here on are written together, which takes one wait for the disk; until the end of the
 * group, which is soon, and before any commit or scan. As deny. */
void replica_writer_group(struct replica_writer *w);
GH_MUST_CHECK enum gh_err replica_writer_group_end(struct replica_writer *w);

/* Calls each for references of the policy to rows that do not exist, at most max of
 * them, with a line such as: entitlement "e1": field "schedule" names s9, which is no
 * schedule. They match nothing, and stop no batch. Reads everything: for after a
 * commit, and for people. */
GH_MUST_CHECK enum gh_err replica_writer_dangling(struct replica_writer *w, int max,
                                                  void (*each)(void *context, const char *line),
                                                  void *context);

void replica_writer_close(struct replica_writer *w);

#endif
