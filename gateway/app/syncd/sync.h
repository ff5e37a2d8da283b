/* What gatehouse-syncd's activities know in common (pull, push, the lane, which listens while
 * the pull cannot, and the renewal): where the policy stands, what was refused, whether the cloud
 * answers, and that it is time to end. All calls from any thread. */
#ifndef GATEHOUSE_APP_SYNCD_SYNC_H
#define GATEHOUSE_APP_SYNCD_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "adapters/curl/https.h"
#include "adapters/sqlite/replica_writer.h"
#include "app/config.h"

enum sync_activity { SYNC_PULL, SYNC_PUSH, SYNC_LANE, SYNC_RENEWAL };
#define SYNC_ACTIVITIES 4
#define SYNC_LINKS 2 /* pull and push say whether the cloud answers */

#define SYNC_TEXT_MAX 240

/* What the status post and the notes to gatehoused tell. */
struct sync_view {
    uint64_t generation; /* rises whenever something below changes */
    int64_t epoch, rev;  /* of the policy applied; 0, 0 = none */
    char cursor[REPLICA_CURSOR_MAX + 1];
    char digest[REPLICA_DIGEST_HEX + 1];
    char refusal[SYNC_TEXT_MAX];       /* the last nack, also once it is over */
    char nack[SYNC_TEXT_MAX];          /* why the newest policy was refused; "" = it was not */
    char commands_nack[SYNC_TEXT_MAX]; /* the same for commands */
    char events_nack[SYNC_TEXT_MAX];   /* why the cloud takes no events */
    bool is_known;  /* the cloud was called at least once */
    bool is_online; /* it answered the last call of one activity at least */
    int64_t certificate_until;  /* ours at the cloud */
    char certificate_alarm[SYNC_TEXT_MAX]; /* what is wrong with it; "" = nothing */
    uint64_t certificate_count; /* of changes of the two; 0 = we have none */
    uint64_t applied_count; /* policies with a new place, since the start */
    uint64_t refused_count; /* distinct refusals, since the start */
};

/* Commands that gatehoused was not there to take. More than these are lost, and said. */
#define SYNC_COMMANDS_MAX 32
#define SYNC_COMMAND_BYTES 3000

struct sync_command {
    size_t len;
    char line[SYNC_COMMAND_BYTES];
};

/* Denials that wait for the pull. More than these are not kept beyond gatehoused's memory
 * until the pull hears of them itself. */
#define SYNC_DENIALS_MAX 1024

struct sync_denial {
    enum row_kind kind;
    struct id id;
    int64_t rev;
};

enum sync_link { SYNC_LINK_UNKNOWN, SYNC_LINK_UP, SYNC_LINK_DOWN };

struct sync {
    const struct config *config; /* borrowed */
    char control_path[CONFIG_PATH_MAX];
    pthread_mutex_t lock;
    pthread_mutex_t handing; /* commands to gatehoused: one thread at a time (commands.c) */
    pthread_cond_t wake;
    bool is_stopping;
    struct sync_view view;
    enum sync_link link[SYNC_LINKS];
    bool is_back[SYNC_LINKS]; /* the other one reached the cloud, this one not yet */
    struct sync_command *command; /* owned: SYNC_COMMANDS_MAX, oldest first */
    size_t n_commands;
    bool wants_snapshot; /* a command asks for one */
    bool suspects_replica; /* gatehoused met damage in it */
    bool is_polling;
    struct sync_denial *denial; /* owned: SYNC_DENIALS_MAX */
    size_t n_denials;
    char trouble[SYNC_LINKS][SYNC_TEXT_MAX]; /* as last logged */
    int64_t heard_by_ms[SYNC_ACTIVITIES];
};

struct mono sync_now(void);

GH_MUST_CHECK enum gh_err sync_init(struct sync *s, const struct config *config);
void sync_destroy(struct sync *s);

/* Ends all waits; they return false from then on. */
void sync_stop(struct sync *s);
bool sync_is_stopping(struct sync *s);
/* Waits; false: it is time to end. */
bool sync_sleep(struct sync *s, int64_t ms);
/* The same, and ends early once sync_take_back has something for who. */
bool sync_sleep_until_back(struct sync *s, enum sync_activity who, int64_t ms);
/* True if the other activity has reached the cloud again while who's last call
 * had failed; once for each time. */
bool sync_take_back(struct sync *s, enum sync_activity who);

/* An activity promises a sign of life within this time; sync_is_alive is false
 * once a promise was broken. */
void sync_promise(struct sync *s, enum sync_activity who, int64_t ms);
bool sync_is_alive(struct sync *s);
/* What is done at one go without the cloud: to open a replica, to commit a large policy. */
#define SYNC_WORK_MS 120000
/* Between two turns of a call; a few a second are made. */
#define SYNC_TURN_MS 20000

/* https_call with the promises that belong to it: each turn is a sign of life, so that no
 * cloud, however slow, breaks one; what comes of the answer may take SYNC_WORK_MS. */
enum https_outcome sync_call(struct sync *s, enum sync_activity who, struct https *https,
                             const struct https_request *request, struct https_response *out);

/* The end of a call: keeps track of whether the cloud answers, and logs what
 * changed (what names the call). */
void sync_heard(struct sync *s, enum sync_activity who, const char *what,
                enum https_outcome outcome, const struct https_response *response);

/* The policy stands where it stood when the last process ended. */
void sync_stands(struct sync *s, const struct replica_state *state);
/* Policy: applied as this state says, or refused because of why. */
void sync_applied(struct sync *s, const struct replica_state *state);
void sync_refused(struct sync *s, const char *why);
/* A command waits for gatehoused. False: no room, or it is too long. */
bool sync_command_wait(struct sync *s, struct slice line);
/* The oldest one that waits, copied; false if none does. */
bool sync_command_next(struct sync *s, struct sync_command *out);
/* It was taken. */
void sync_command_taken(struct sync *s);
/* A denial waits for the pull; and the newest that does, false if none does. */
void sync_denial_wait(struct sync *s, enum row_kind kind, const struct id *id, int64_t rev);
bool sync_denial_take(struct sync *s, struct sync_denial *out);
/* A command asks for a snapshot; and whether one did, once for each time. */
void sync_want_snapshot(struct sync *s);
bool sync_take_want(struct sync *s);
/* gatehoused met damage in the replica; and whether it did, once for each time. */
void sync_suspect_replica(struct sync *s);
/* Whether the pull has its poll open, so that it could be interrupted. */
void sync_set_polling(struct sync *s, bool is_polling);
bool sync_is_polling(struct sync *s);
bool sync_take_suspicion(struct sync *s);

/* "" = all is well again. */
void sync_commands_nack(struct sync *s, const char *why);
void sync_events_nack(struct sync *s, const char *why);

/* The certificate that we show to the cloud. */
void sync_certificate(struct sync *s, int64_t until, const char *alarm);

void sync_look(struct sync *s, struct sync_view *out);

#endif
