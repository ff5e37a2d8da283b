/* The controller: what gatehoused does, without what it waits for.
 *
 * It takes an event and the time, acts through ports, and says when it wants
 * to be called again. Only the loop waits, so a test can run a year in a
 * second. One thread. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CONTROLLER_H
#define GATEHOUSE_APP_GATEHOUSED_CONTROLLER_H

#include "adapters/crypto/crypto.h"
#include "app/config.h"
#include "app/fire_rules.h"
#include "app/gatehoused/doors.h"
#include "app/gatehoused/limits.h"
#include "app/gatehoused/lockouts.h"
#include "app/gatehoused/outbox.h"
#include "app/gatehoused/passes.h"
#include "app/gatehoused/recorder.h"
#include "app/gatehoused/waits.h"
#include "app/gatehoused/zones.h"
#include "ports/bus.h"
#include "ports/journal.h"
#include "ports/policy_store.h"

/* The outside world. All borrowed; must outlive the controller. */
struct controller_ports {
    struct bus bus;
    struct policy_store policy;
    struct journal journal;
    zone_loader zone;
};

struct controller_stats {
    uint64_t granted, denied, repeated, malformed, stale, flooded, retained;
    uint64_t damaged; /* questions to the policy that met damage in it */
};

/* What of the cloud syncd has told us. */
struct controller_cloud {
    bool online;
    int64_t since; /* wall seconds; INSTANT_NONE = never heard of */
    int64_t certificate_until; /* of ours there; INSTANT_NONE = none, or never heard of */
    char certificate_alarm[EVENT_TEXT_MAX]; /* what is wrong with it; "" = nothing */
};

/* Answers on their way to the broker that are looked back for. One more than
 * these pushes the oldest out: then a repeat of that read may complete a release
 * that was answered, and no more. */
#define CONTROLLER_ANSWERS 512

struct controller_answer {
    uint64_t tag; /* 0 = none */
    struct id reader, read_id;
};

/* What came of the read that was looked at last; for rehearsals. */
struct controller_last {
    bool is_set;
    struct id door; /* none if the reader is unknown */
    struct verdict verdict; /* floors are in floor */
    struct id floor[POLICY_FLOORS_MAX];
};

/* A release that waits until its event is durable: it has consumed something (a
 * use, a pass, a latch). More than these do not wait. */
#define CONTROLLER_DEFERRED 64

struct controller_deferred {
    uint64_t seq;
    struct id door;
    enum door_mode mode; /* in which it was granted */
    struct door_grant grant;
};

struct controller {
    const struct config *config;
    struct controller_ports ports;
    struct crypto_ready_key value_key; /* under which credential values are hashed */
    struct recorder recorder;
    struct doors doors;
    struct outbox outbox;
    struct limits limits, panel_limits; /* a panel may be called as a reader is */
    struct ledger ledger;
    struct lockouts lockouts;
    struct passes passes;
    struct waits waits;
    struct zones zones;
    bool is_fire; /* the site's fire input is active */
    struct controller_deferred deferred[CONTROLLER_DEFERRED];
    size_t n_deferred;
    struct controller_stats stats;
    struct controller_last last;
    struct controller_answer answer[CONTROLLER_ANSWERS]; /* by tag, modulo */
    uint64_t tag;                                        /* of the newest answer */
    uint64_t unkept_seq; /* up to it there are events whose answers wait nowhere: those of
                            the process before, and those that the outbox had no room for */
    uint64_t alarm_seq;  /* of the newest alarm of this process; 0 = none */
    struct controller_cloud cloud;
    struct policy_version version; /* of the decision or look before */
    struct now started, last_seen;
    bool bus_up;
    struct id tick_session;
    uint64_t tick;
    struct mono next_tick, next_status;
    bool are_states_due; /* some door's state is another one than was published */
    struct mono states_at; /* when it will be */
    bool are_fire_rules_new; /* some door's is_fire_ignored changed; for who saves them */
};

/* What was found at the start, before anything else was done. */
struct controller_fire {
    bool is_fire;                   /* the site's fire input is active */
    const struct fire_rules *rules; /* for while the policy cannot be asked; NULL = none */
};

/* Takes the relays: at their locked levels, in a fire those of the doors that it releases
 * at the other. The first that a start does. Errors as doors_open. */
GH_MUST_CHECK enum gh_err controller_take_doors(struct doors *out, const struct config *config,
                                                struct relay_board *board,
                                                const struct policy_store *policy,
                                                const struct controller_fire *fire,
                                                char why[HAL_TEXT_MAX]);

/* What a start brings with it. */
struct controller_start {
    const struct id *session; /* of the tick, new at every start */
    uint64_t boot;            /* tells boots apart: mono times compare within one; 0 = unknown */
    struct slice last_event;  /* as for recorder_init */
    struct doors *doors;      /* taken over, if it succeeds: they are the controller's */
    bool is_fire;
};

/* Takes over the doors, and what the journal keeps. GH_IO: out of memory, or the journal
 * cannot be asked. A controller stays where it is until it is closed. */
GH_MUST_CHECK enum gh_err controller_open(struct controller *c, const struct config *config,
                                          const struct controller_ports *ports,
                                          const struct crypto_keys *keys,
                                          const struct controller_start *start, struct now now);
void controller_close(struct controller *c);

/* Journals that the gateway starts or stops; a stop locks every door first that a fire
 * does not keep released. */
void controller_started(struct controller *c, struct now now);
void controller_stopped(struct controller *c, struct now now);

/* A note of the bus: a message, or the state of the link. */
void controller_on_bus(struct controller *c, const struct bus_note *note, struct now now);

/* Lets time pass: relocks, ticks, reports. */
void controller_on_time(struct controller *c, struct now now);

/* More of the journal is durable: answers go out. */
void controller_on_durable(struct controller *c, struct now now);

/* When the mode of a door may change by time alone, wall seconds; INT64_MAX: never.
 * In between it is looked at once a second. */
int64_t controller_mode_deadline(const struct controller *c);

/* When controller_on_time wants to be called at the latest. */
struct mono controller_deadline(const struct controller *c);

/* Takes one door more, and what the ledger knows of it. As doors_add. */
GH_MUST_CHECK enum gh_err controller_add_door(struct controller *c,
                                              const struct config_door *config,
                                              char why[HAL_TEXT_MAX]);

/* Looks at the mode of every door where it may have changed: policy, clock, time. Time
 * that passes does the same once a second. */
void controller_look_at_doors(struct controller *c, struct now now);

/* --- inputs: levels, as they are now -------------------------------------------------- */

/* All: nothing happens if the door is none of ours, or nothing changed. */
void controller_on_contact(struct controller *c, const struct id *door, bool is_open,
                           struct now now);
void controller_on_rex(struct controller *c, const struct id *door, bool is_active,
                       struct now now);
/* It was active already when it was looked at first (door_rex_at_start). */
void controller_rex_at_start(struct controller *c, const struct id *door, struct now now);
void controller_on_tamper(struct controller *c, const struct id *door, bool is_active,
                          struct now now);
/* door NULL: the input of the site. */
void controller_on_fire(struct controller *c, const struct id *door, bool is_active,
                        struct now now);

/* An input is at fault (what: one line, borrowed) or no longer; of a door, or of the site
 * (NULL). An event; what the input said last stands. */
void controller_input_fault(struct controller *c, const struct id *door, const char *what,
                            bool on, struct now now);

/* Releases a door for a second to show that its relay works: whoever installs it asks.
 * An event. False: the door is none of ours, its mode lets nobody open it, somebody was let in
 * just now, or another door of its interlock is open. */
bool controller_test_relay(struct controller *c, const struct id *door, const char *by,
                           struct now now);

/* --- commands ----------------------------------------------------------------------- */

enum command_action {
    COMMAND_RELEASE,
    COMMAND_HOLD_OPEN,
    COMMAND_LOCK,
    COMMAND_RESTORE,
    COMMAND_LOCKDOWN,
    COMMAND_LOCKDOWN_RELEASE,
    COMMAND_FORGIVE_ANTIPASSBACK,
    COMMAND_PRESENT,
    COMMAND_RESYNC, /* gatehouse-syncd does it */
};
#define COMMAND_ACTIONS 9
/* "release", "hold_open", ...; static storage. */
const char *command_action_name(enum command_action action);
GH_MUST_CHECK enum gh_err command_action_parse(enum command_action *out, struct slice word);

struct command {
    struct id id; /* none: it is not remembered */
    enum command_action action;
    bool has_door;  /* one was named: in door, or none if what was named is no id */
    struct id door;
    int64_t until;     /* INSTANT_NONE = for good; hold_open and lock */
    int64_t not_after; /* INSTANT_NONE = no end */
    int64_t issued_at; /* of the cloud: when it was asked for; 0 = not said */
    struct id from;    /* a panel, whose ids are its own; none = the ids of all others */
    bool is_remote;    /* by the cloud or a panel: its releases are capped */
    struct id person, area; /* forgive_antipassback; none = any */
    struct read read;       /* present */
    const char *by;         /* who asks; borrowed */
};

enum command_result { COMMAND_DONE, COMMAND_REFUSED, COMMAND_EXPIRED, COMMAND_DUPLICATE };
/* "done", "refused", "expired", "duplicate"; static storage. */
const char *command_result_name(enum command_result result);

struct command_outcome {
    enum command_result result;
    enum reason reason; /* if refused, and fault is NULL */
    const char *fault;  /* if refused for no reason of a decision; static */
    int release_s;      /* release: for how long */
};

/* Carries out a command, or refuses it; the result is an event. A present that
 * was read is answered by controller.last. */
struct command_outcome controller_command(struct controller *c, const struct command *command,
                                          struct now now);

/* Why a read would be decided as it would, now, without doing anything. value is
 * borrowed for the call. False: the policy cannot be asked. */
struct controller_explained {
    struct policy_version version;
    bool reader_known, has_door;
    struct id door, person, credential;
    bool is_holder_known;
    struct verdict verdict; /* without floors */
    struct access_trace trace;
};
bool controller_explain(struct controller *c, const struct read *read, struct now now,
                        struct controller_explained *out);

/* Learns which policy is in force now, for status and events. */
void controller_look(struct controller *c);

/* Journals something that another part noticed (journal faults, cloud, policy). */
void controller_note(struct controller *c, enum event_kind kind, const struct event_args *args,
                     struct now now);
/* As controller_note for EVENT_CLOUD_ONLINE/OFFLINE, and remembers the state. */
void controller_cloud(struct controller *c, bool online, const char *why, struct now now);
/* The certificate that this gateway shows to the cloud; alarm "": nothing is wrong with it. */
void controller_certificate(struct controller *c, int64_t until, const char *alarm, struct now now);

#endif
