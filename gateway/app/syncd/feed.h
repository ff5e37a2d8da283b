/* Lines of policy on their way into the replica: those of a snapshot, or of a
 * change set.
 *
 * A snapshot holds rows only; its checkpoint is known beforehand. A change set
 * (GET changes) holds, one JSON object a line:
 *   {"t":"head","epoch","next","more"}     first, once; next is the cursor after it
 *   {"t":"deny","k","id","reason","rev"}   takes effect at once
 *   {"t":"command","id",...}               handed over at once, whatever comes of the rest
 *   {"k","id","d"} and {"k","id","op":"del"}  rows and removals
 *   {"t":"checkpoint",...}                 last, once: what it all adds up to
 * Anything else is refused with its name, and with it the whole. A change set may end without a
 * checkpoint: its rows wait then for those of the next one.
 *
 * The lane, which is the deny and command lines, goes to gatehoused before anything else is done
 * with it, and also where the policy is refused. */
#ifndef GATEHOUSE_APP_SYNCD_FEED_H
#define GATEHOUSE_APP_SYNCD_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/crypto/crypto.h"
#include "adapters/crypto/sign.h"
#include "adapters/json/json.h"
#include "adapters/sqlite/replica_writer.h"
#include "app/floor.h"
#include "core/arena.h"

/* The highest epoch and rev: the last whole number that every JSON library keeps. */
#define FEED_PLACE_MAX ((INT64_C(1) << 53) - 1)
#define FEED_SCHEMA 1 /* of policy rows: the only one that this version knows */

/* Whose checkpoints are believed, and of which site. */
struct feed_trust {
    const struct sign_keys *keys; /* borrowed; NULL: unsigned ones are, as the configuration says */
    const struct id *site;        /* borrowed */
    struct floor floor;           /* nothing lower is taken */
};

struct feed {
    const struct feed_trust *trust; /* borrowed */
    struct replica_writer *writer;  /* borrowed */
    const struct crypto_keys *keys; /* borrowed */
    struct arena *arena;            /* borrowed: room for one row */
    bool is_snapshot;
    bool is_lane;        /* of a change set only the lane counts; no writer is needed */
    int64_t rows;        /* so far, of a snapshot */
    bool is_begun;       /* the writer holds a batch of ours */
    bool has_head;
    bool has_checkpoint; /* snapshot: from the start */
    int64_t epoch;       /* changes: of the policy that they are made to */
    bool has_more;       /* the head says that there is more behind this change set */
    char next[REPLICA_CURSOR_MAX + 1];
    struct replica_checkpoint checkpoint;
    void (*command)(void *context, struct slice line); /* takes each command's line */
    void (*deny)(void *context, enum row_kind kind, const struct id *id, int64_t rev); /* or NULL */
    void *context;
    enum gh_err err;          /* why feed_line stopped */
    char why[REPLICA_WHY_MAX];
};

/* Reads the members of a checkpoint, and checks its signature and its place. GH_INVALID
 * with why: a member is missing or makes no sense, the schema is another, the signature is
 * not that of a key that is believed, or the place is lower than the floor. */
GH_MUST_CHECK enum gh_err feed_checkpoint(struct replica_checkpoint *out, const struct json *v,
                                          const struct feed_trust *trust,
                                          char why[REPLICA_WHY_MAX]);

/* Takes one line; false (with err and why set) if the whole is to be refused.
 * GH_INVALID, GH_CORRUPT, GH_FULL: the policy's fault or the disk's, the cloud
 * should hear of it; GH_RETRY, GH_IO: ours. */
bool feed_line(void *feed, struct slice line);

/* As feed_line, but once a change set was refused the lane of what is left of it still counts:
 * err and why are those of the first line that was refused. False if nothing more can follow
 * that makes sense: there was no head. */
bool feed_line_on(void *feed, struct slice line);

/* All has come, whole: makes it the policy. As feed_line. Before it nothing is
 * part of the policy; feed_drop forgets it. */
GH_MUST_CHECK enum gh_err feed_commit(struct feed *f, struct slice cursor);
void feed_drop(struct feed *f);

#endif
