/* A world in virtual time for the controller: policy, journal and bus in
 * memory, the simulated board, and a clock that the test owns. */
#ifndef GATEHOUSE_TESTS_LIB_WORLD_H
#define GATEHOUSE_TESTS_LIB_WORLD_H

#include "adapters/sqlite/kept_map.h"
#include "app/gatehoused/controller.h"
#include "sim.h"

#define WORLD_DOORS 3
#define WORLD_PEOPLE 4
#define WORLD_EVENTS_MAX 20000
#define WORLD_SENT_MAX 60000

/* People 0 and 1 may pass everywhere, 2 nowhere, 3 is disabled. Person N has the
 * card WORLD_CARD N. Reader rN is at door dN, which releases for N + 2 s. */
#define WORLD_CARD "CA4D%d"

struct world_event {
    uint64_t seq;
    size_t len;
    char bytes[EVENT_JSON_MAX];
};

struct world_sent {
    char topic[BUS_TOPIC_MAX];
    char payload[1024];
    bool retain;
    uint64_t durable; /* what was durable when it was sent */
};

struct world {
    struct config config;
    struct config_door doors[WORLD_DOORS];
    struct crypto_keys keys;
    struct controller controller;
    struct hal_sim *sim;
    bool is_fire;           /* at the next start */
    const struct fire_rules *fire_rules;
    struct now now;
    int starts; /* of the controller, for sessions */

    /* the policy; a test that changes it counts generation up */
    bool policy_broken;
    uint64_t generation;
    size_t n_asked; /* questions so far: each is a transaction of a real store */
    struct policy_site site;
    struct door_facts door[WORLD_DOORS];
    bool is_dropped[WORLD_DOORS]; /* the policy has no such door */
    const struct area_facts *areas[WORLD_DOORS]; /* of the door's reader */
    size_t n_areas[WORLD_DOORS];
    struct policy_person person[WORLD_PEOPLE];
    struct policy_credential credential[WORLD_PEOPLE];
    unsigned char card_hash[WORLD_PEOPLE][SHA256_LEN];

    /* the journal: survives kills; what is not durable dies in a power cut */
    struct world_event *event; /* WORLD_EVENTS_MAX, owned */
    size_t n_events;
    struct repeat *repeat; /* one with each event; reader none = without */
    uint64_t durable;
    struct kept_map kept;         /* now */
    struct kept_map kept_durable; /* what a power cut leaves of it */
    struct changes *kept_after;   /* what makes the one of the other, in order; owned */
    size_t n_kept_after, kept_room;
    bool journal_full;
    bool journal_fails; /* it says that it can make nothing durable */
    struct mono boot; /* mono times before this are another boot's */

    /* the bus */
    struct world_sent *sent; /* WORLD_SENT_MAX, owned */
    size_t n_sent;
    bool bus_down;
    bool bus_full; /* for what is retained */
    bool broker_is_slow; /* it acknowledges only when told to */
    uint64_t unconfirmed, confirmed; /* tags of answers */
};

void world_make(struct world *w);
void world_end(struct world *w);

/* Starts the controller on a board of its own, as a new process would. */
void world_start(struct world *w);
/* kill -9: the controller and its board's levels are gone, the journal stays. */
void world_kill(struct world *w);
/* As kill, and the journal loses what was not durable; a new boot. */
void world_power_cut(struct world *w);

/* Moves time on, calling the controller at each of its deadlines. */
void world_pass(struct world *w, int64_t ms);
/* Everything appended is durable now; answers go out. */
void world_sync(struct world *w);

/* The broker acknowledges every answer that it was sent. */
void world_broker_answers(struct world *w);

/* A message on the bus, arrived now. */
void world_message(struct world *w, const char *topic, const char *payload, bool retained);
/* A card read of person's card at a reader. age_ms < 0: none given. */
void world_present(struct world *w, int reader, int person, const char *read_id, int64_t age_ms);

/* True if the door's lock is released, by the board's level. */
bool world_is_released(struct world *w, int door);

/* Messages sent so far on a topic whose payload holds text; NULL = any. */
size_t world_count(const struct world *w, const char *topic, const char *text);
/* Events so far whose bytes hold both texts; NULL = any. */
size_t world_events(const struct world *w, const char *text, const char *other);

#endif
