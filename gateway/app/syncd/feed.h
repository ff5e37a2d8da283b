/* Lines of policy on their way into the replica: those of a snapshot, or of a
 * change set.
 *
 * A snapshot holds rows only; its checkpoint is known beforehand. A change set
 * (GET changes) holds, one JSON object a line:
 *   {"t":"head","epoch","next","more"}     first, once; next is the cursor after it
 *   {"t":"deny","k","id","reason","rev"}   takes effect at once
 *   {"t":"command","id",...}               never done by this version, reported
 *   {"k","id","d"} and {"k","id","op":"del"}  rows and removals
 *   {"t":"checkpoint",...}                 last, once: what it all adds up to
 * Anything else is refused with its name, and with it the whole. */
#ifndef GATEHOUSE_APP_SYNCD_FEED_H
#define GATEHOUSE_APP_SYNCD_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/crypto/crypto.h"
#include "adapters/json/json.h"
#include "adapters/sqlite/replica_writer.h"
#include "core/arena.h"

#define FEED_SCHEMA 1 /* of policy rows: the only one that this version knows */

struct feed {
    struct replica_writer *writer;  /* borrowed */
    const struct crypto_keys *keys; /* borrowed */
    struct arena *arena;            /* borrowed: room for one row */
    bool is_snapshot;
    bool is_begun;       /* the writer holds a batch of ours */
    bool has_head;
    bool has_checkpoint; /* snapshot: from the start */
    int64_t epoch;       /* changes: of the policy that they are made to */
    char next[REPLICA_CURSOR_MAX + 1];
    struct replica_checkpoint checkpoint;
    char command[ID_MAX + 1]; /* the last command that was not done; "" = none */
    enum gh_err err;          /* why feed_line stopped */
    char why[REPLICA_WHY_MAX];
};

/* Reads the members of a checkpoint. GH_INVALID with why: one is missing or
 * makes no sense, or the schema is another. */
GH_MUST_CHECK enum gh_err feed_checkpoint(struct replica_checkpoint *out, const struct json *v,
                                          char why[REPLICA_WHY_MAX]);

/* Takes one line; false (with err and why set) if the whole is to be refused.
 * GH_INVALID, GH_CORRUPT, GH_FULL: the policy's fault or the disk's, the cloud
 * should hear of it; GH_RETRY, GH_IO: ours. */
bool feed_line(void *feed, struct slice line);

/* All has come, whole: makes it the policy. As feed_line. Before it nothing is
 * part of the policy; feed_drop forgets it. */
GH_MUST_CHECK enum gh_err feed_commit(struct feed *f, struct slice cursor);
void feed_drop(struct feed *f);

#endif
