/* The push: journal batches and status posts to the cloud, and what gatehoused
 * should know of the cloud as notes to it, for as long as syncd runs.
 *
 * Events go in order, oldest first, and are acknowledged to gatehoused only as
 * far as the cloud has confirmed events that were in that very post. Where the
 * site's row names a vendor's dialect, his words stand beside them (daemon.h). Status
 * body (POST status), members that are unknown left out:
 *   applied, epoch, rev, digest   cursor and place of the policy applied
 *   nack                          why the newest policy was refused, or null
 *   commands_nack, events_nack    the same for commands and event batches
 *   versions {syncd, gatehoused}
 *   gatehoused                    "up", or "away" when it does not answer
 *   clock                         as in events
 *   queued                        events that the cloud has not acknowledged
 *   journal {stream, next_seq, head}  head: chain value over the newest event
 *   certificate {until, alarm}    ours, where we have one; alarm: what is wrong with it, or null */
#ifndef GATEHOUSE_APP_SYNCD_PUSH_H
#define GATEHOUSE_APP_SYNCD_PUSH_H

#include "adapters/sqlite/replica_reader.h"
#include "app/syncd/daemon.h"
#include "app/syncd/rhythm.h"
#include "app/syncd/sync.h"

#define PUSH_STATUS_MS 30000  /* give or take a fifth */
#define PUSH_STATUS_GAP_MS 1000 /* between two that a change brought about */
#define PUSH_IDLE_MS 200      /* between two looks at a journal with little to send */
#define PUSH_AWAY_MS 1000     /* between two looks for gatehoused */

struct push {
    struct sync *sync;   /* borrowed */
    struct https *https; /* borrowed */
    struct https *pull_https; /* borrowed: interrupted when the replica is damaged */
    struct replica_reader *replica; /* owned: the site's dialect */
    struct daemon_batch batch; /* owns its body */
    struct rhythm rhythm;      /* of the link: both calls wait for it */
    struct rhythm refusals;    /* of batches that the cloud refuses: the status goes on */
    int limit;                 /* events in a batch; less after a 413 */
    int64_t resend_from;       /* the cloud lacks acknowledged events from here; 0 = no */
    struct mono daemon_next;   /* gatehoused was away: not before */
    struct mono status_next;   /* the next regular status post */
    struct mono status_gap;    /* no other before */
    struct mono alarm_next;    /* when gatehoused is asked again for a new alarm */
    int64_t damage_seen;       /* of gatehoused's count, how often it met damage in the replica; -1 = not heard yet */
    int64_t acked_seq;         /* as gatehoused said it last */
    int64_t next_seq;          /* the same of the number that no event has yet; 0 = not heard */
    int64_t alarm_told;        /* number of the newest alarm that a post told */
    uint64_t status_told;      /* generation that the last post told */
    bool daemon_online;        /* what gatehoused believes of the cloud */
    bool daemon_unaware;       /* it said that it has heard nothing of it yet */
    uint64_t applied_noted, refused_noted;
    uint64_t certificate_noted; /* of sync_view.certificate_count */
};

/* GH_FULL: out of memory. */
GH_MUST_CHECK enum gh_err push_init(struct push *p, struct sync *sync, struct https *https,
                                    struct https *pull_https, uint64_t seed);
void push_free(struct push *p);
/* A thread's body (struct push *): until sync_stop. */
void *push_run(void *push);

/* --- for the push's own files --- */

/* What came back from a post. */
struct push_reply {
    int status; /* 0 = nothing came */
    char text[4096]; /* the body: all of a 2xx one, the beginning of another */
    size_t len;
};
enum push_end {
    PUSH_TAKEN,   /* 2xx */
    PUSH_REFUSED, /* the cloud is there and does not want this */
    PUSH_FAILED,  /* no answer, or "not now": the link's rhythm has been told */
};
/* Posts to .../gateways/{gw}/CALL. */
enum push_end push_post(struct push *p, const char *call, struct slice json,
                        struct push_reply *reply);

/* Posts the status if it is due, and notes down what gatehoused says of itself
 * (push_status.c). */
void push_status(struct push *p);
/* Looks for an alarm that the cloud has not heard of: then a status is due now, whatever
 * waits in the queue in front of it (push_status.c). */
void push_alarms(struct push *p);
/* Tells gatehoused what changed of cloud and policy; once for each change. */
void push_notes(struct push *p);

/* gatehoused answered, or did not. */
void push_daemon_heard(struct push *p, enum gh_err err);
bool push_daemon_may_be_there(const struct push *p);

#endif
