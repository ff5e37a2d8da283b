/* People at many doors: fresh reads at a steady rate, repeated by their readers until they are
 * answered, while gatehoused comes and goes; and what of it must hold.
 *
 * What is judged on the way: a relay is released for one read only that was presented there, may
 * open the door, and is not done with; no read is told what its card must not get. Of a read that
 * was answered nothing is released any more but what is left of its release; one that was granted
 * has been released by the time it is answered. At the end crowd_judge_cloud compares with the events
 * that the cloud has.
 *
 * A read is presented where nobody else may open the door. One thread; all readers share one connection. */
#ifndef TESTS_CAMPAIGNS_CROWD_H
#define TESTS_CAMPAIGNS_CROWD_H

#include "campaigns/campaign.h"
#include "lib/mqtt_client.h"
#include "lib/site.h"

#define CROWD_DOORS 24
#define CROWD_RELEASE_MS 5000
#define CROWD_REPEAT_MS 200

/* What its card must get. */
enum wish {
    WISH_GRANTED,
    WISH_DENIED,
    WISH_AS_POLICY, /* of the rev that its event names: is_granted_at says */
};

struct attempt {
    int door;
    enum wish wish;
    int64_t born_ns, sent_ns;  /* first presented, last sent */
    int64_t released_ns;       /* first release; 0 = none */
    int answered_life;         /* 0 = not yet */
    bool is_told_granted;
    int releases, releases_now; /* in all, in this life of gatehoused */
    int events;                 /* at the cloud */
};

struct crowd {
    struct campaign *campaign;
    struct site *site;
    struct mqtt_client *wire;
    struct attempt *attempt; /* owned */
    size_t n, room;
    size_t *pending; /* of those not answered; owned, n_pending */
    size_t n_pending;
    size_t owner[CROWD_DOORS]; /* the read that may open it now, + 1; 0 = none */
    size_t heard, seen;        /* messages of the wire, changes of the board gone through */
    int life;                  /* of gatehoused, from 1 */
    int64_t next_ns, gap_ns;   /* next new read; gap 0 = no new ones */
    int64_t releases, answers;
    int64_t not_completed; /* granted, and the rest of the release was over before the answer */
    /* For WISH_AS_POLICY; NULL = none are presented. */
    bool (*is_granted_at)(void *context, int64_t epoch, int64_t rev);
    /* What stood in the way of the policy of that rev at that time of the product's clock; NULL =
     * nothing, and the function may be NULL. */
    const char *(*is_on_trial)(void *context, int64_t mono_ms, int64_t rev);
    void *context; /* of both */
};

/* The sections of the doors, for site_options; static. */
const char *crowd_config(void);
/* The rows of the policy, with releases of that many seconds; static. Its person "carol", of the cards WISH_AS_POLICY, has no rights. */
const char *crowd_policy(int release_s);
/* Anna's card, which may open every door. */
#define CROWD_CARD_GOOD "5EC4E7CA4D"
/* Carol's row, with rights or without; static. */
const char *crowd_carol(bool is_staff);

/* A whole site with this policy and its readers; false if it does not come up. Zero *crowd first
 * (is_granted_at may be set); end it in any case. */
bool crowd_begin(struct crowd *crowd, struct campaign *c, struct site *site);
void crowd_end(struct crowd *crowd);

/* One new read now; of a card that opens, if a door is free for it. */
void crowd_present(struct crowd *crowd, enum wish wish);
/* Reads per second from now on; 0 = no new ones. */
void crowd_rate(struct crowd *crowd, int per_s);
/* Lets time pass, doing and seeing all of the above. */
void crowd_pass(struct crowd *crowd, int64_t ms);
/* The same until a relay is released; false if that does not happen within ms. */
bool crowd_pass_to_release(struct crowd *crowd, int64_t ms);
/* The same until a read is answered. */
bool crowd_pass_to_answer(struct crowd *crowd, int64_t ms);
/* The same until every read is answered. */
bool crowd_settle(struct crowd *crowd, int64_t ms);

/* kill -9 of gatehoused; what it did last is judged. */
bool crowd_kill(struct crowd *crowd);
/* For who starts it otherwise: what the board, which is site->watch, says counts from its start. */
void crowd_watch(struct crowd *crowd);
/* Starts it, waits for nothing. */
bool crowd_launch(struct crowd *crowd);

/* All events of the gateway at the cloud, in the order of their arrival, against all of the above:
 * numbers without a gap, each answered read once with the decision that it was told. False: the
 * cloud cannot be asked. */
bool crowd_judge_cloud(struct crowd *crowd);

#endif
