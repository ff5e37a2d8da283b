/* The lane, while the pull cannot hear it: what the cloud denies and orders goes to gatehoused at
 * once, also while a snapshot is loaded or a refused policy is waited out. A poll of its own, of
 * which only the deny and command lines count. It is open only while the pull has none. */
#ifndef GATEHOUSE_APP_SYNCD_LANE_H
#define GATEHOUSE_APP_SYNCD_LANE_H

#include "app/syncd/feed.h"
#include "app/syncd/rhythm.h"
#include "app/syncd/sync.h"

struct lane {
    struct sync *sync;   /* borrowed */
    struct https *https; /* borrowed */
    char *line;          /* owned: POLICY_LINE_MAX bytes */
    struct rhythm rhythm;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_wanted, is_stopping;
    char cursor[REPLICA_CURSOR_MAX + 1];  /* heard up to here; "" = not known */
    char instead[REPLICA_CURSOR_MAX + 1]; /* where the cloud does not know that one */
};

/* GH_FULL: out of memory. */
GH_MUST_CHECK enum gh_err lane_init(struct lane *l, struct sync *sync, struct https *https,
                                    uint64_t seed);
void lane_free(struct lane *l);
/* A thread's body (struct lane *): until lane_stop. */
void *lane_run(void *lane);
/* Ends it; its handle must be cancelled as well. */
void lane_stop(struct lane *l);

/* The pull has heard everything up to this cursor. */
void lane_heard(struct lane *l, const char *cursor);
/* From now on it listens, from there on or, where that is of no use to the cloud, from `instead`
 * on, which may be "". Again: another `instead`. */
void lane_open(struct lane *l, const char *instead);
/* No longer. */
void lane_close(struct lane *l);

/* --- for pull and lane --- */

#define LANE_WAIT_S 50 /* how long the cloud may hold a poll open */
#define LANE_IDLE_MS ((LANE_WAIT_S + 15) * 1000)

/* Where the lines go: the feed's context. One for each call. */
struct lane_exit {
    struct sync *sync;  /* borrowed */
    bool is_queued;      /* denials go to the pull, too, which writes them into the replica */
    bool is_daemon_away; /* it was not there, or has no room: no use to ask it with every line */
};
void lane_deny(void *exit, enum row_kind kind, const struct id *id, int64_t rev);
void lane_command(void *exit, struct slice line);

/* The cursor as a part of a query. */
void lane_escape(char out[3 * REPLICA_CURSOR_MAX + 1], const char *cursor);

#endif
