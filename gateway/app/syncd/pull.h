/* The pull: policy from the cloud into the replica, for as long as syncd runs.
 *
 * Without a policy, or when the cloud says that the cursor is of no use (409,
 * 410), the checkpoint is asked for and its snapshot loaded beside the old
 * policy. Then it polls for changes, each poll held open by the cloud until
 * there is one. A change set that ends without a checkpoint is carried: its rows
 * wait, and the next poll goes on from its end. What is refused is told in the status post
 * and tried again in the rhythm, from the cursor that was applied; the last good policy
 * stays. While no poll is open for either reason, the lane listens (lane.h).
 *
 * The cursor behind a snapshot is the ETag of its checkpoint without quotes,
 * or, if there is none, "EPOCH.REV". */
#ifndef GATEHOUSE_APP_SYNCD_PULL_H
#define GATEHOUSE_APP_SYNCD_PULL_H

#include <sys/types.h>

#include "app/syncd/feed.h"
#include "app/syncd/lane.h"
#include "app/syncd/rhythm.h"
#include "app/syncd/sync.h"

/* How one step of the pull ended. */
enum pull_end {
    PULL_DONE,     /* a poll was served, go on at once */
    PULL_LOADED,   /* a snapshot was loaded, go on at once */
    PULL_AGAIN,    /* the link or this machine failed: in the rhythm */
    PULL_REFUSED,  /* the policy was refused, and reported: in the rhythm */
    PULL_HOPELESS, /* only another version or a person helps: slowly */
    PULL_SNAPSHOT, /* the cursor is of no use: load a snapshot, at once */
};

struct pull {
    struct sync *sync;              /* borrowed */
    struct https *https;            /* borrowed */
    struct lane *lane;              /* borrowed */
    const struct crypto_keys *keys; /* borrowed */
    struct sign_keys policy_keys;
    struct feed_trust trust;
    unsigned char mask_key[32];
    struct replica_writer *writer; /* owned; NULL = to be opened */
    ino_t file_inode;              /* of the replica as it was opened */
    dev_t file_device;
    bool is_writer_broken;         /* to be closed and opened again */
    bool wants_fresh; /* the replica is damaged: the next to be opened is a fresh one */
    bool is_fresh;    /* that is what is open, and it is not in its place yet */
    int64_t scan_next_ms, suspicion_next_ms; /* no scan, no belief in a suspicion before */
    struct arena arena;            /* owns its memory */
    char *line;                    /* owned: POLICY_LINE_MAX bytes */
    struct rhythm rhythm;
    int64_t retry_after_s; /* of the last answer; -1 = none */
    bool wants_snapshot;
    bool has_just_loaded;  /* no poll was served since the last snapshot */
    bool is_refused;       /* the last step ended as PULL_REFUSED */
    bool is_carried;       /* change sets without a checkpoint were heard up to carry_cursor */
    bool is_carry_begun;   /* and their rows wait in the writer */
    bool is_more_coming;   /* the last one brought rows, and says that there is more */
    char carry_cursor[REPLICA_CURSOR_MAX + 1];
    uint64_t carry_bytes;
    int64_t refused_epoch, refused_rev; /* of the snapshot whose rows were refused; 0, 0 = none */
};

/* Prepares; nothing is opened yet. policy_keys NULL: policy is unsigned; copied. GH_FULL:
 * out of memory. A pull stays where it is until it is freed. */
GH_MUST_CHECK enum gh_err pull_init(struct pull *p, struct sync *sync, struct https *https,
                                    struct lane *lane, const struct crypto_keys *keys,
                                    const struct sign_keys *policy_keys, uint64_t seed);
void pull_free(struct pull *p);
/* A thread's body (struct pull *): until sync_stop. */
void *pull_run(void *pull);

/* One load of the checkpoint and its snapshot (snapshot.c). */
enum pull_end pull_snapshot(struct pull *p);

/* --- for the pull's own files --- */

/* The policy that was applied is the lowest that is taken from now on, also by the next
 * process. */
void pull_raise_floor(struct pull *p, const struct replica_state *state);

/* Writes what the lane heard into the replica, as far as it can be written. */
void pull_write_denials(struct pull *p);

/* After a commit: a fresh replica is in its place then. */
void pull_note_file(struct pull *p);

struct feed pull_feed(struct pull *p, bool is_snapshot);
/* What a failure of the feed means, told to whom it concerns. */
enum pull_end pull_failed(struct pull *p, enum gh_err err, const char *why);
/* What an answer means that is not 200: the same. */
enum pull_end pull_unserved(struct pull *p, const char *what, enum https_outcome outcome,
                            const struct https_response *r);
/* Waits until the rhythm lets it call; not as long once the push has reached the
 * cloud again. False: it is time to end. */
bool pull_wait(struct pull *p);
/* The request that all of them begin with. */
struct https_request pull_request(const char *path);

#define PULL_CONNECT_MS 10000
#define PULL_IDLE_MS 20000

#endif
