/* The controller: what gatehoused does, without what it waits for.
 *
 * It takes an event and the time, acts through ports, and says when it wants
 * to be called again. Only the loop waits, so a test can run a year in a
 * second. One thread. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CONTROLLER_H
#define GATEHOUSE_APP_GATEHOUSED_CONTROLLER_H

#include "adapters/crypto/crypto.h"
#include "app/config.h"
#include "app/gatehoused/doors.h"
#include "app/gatehoused/limits.h"
#include "app/gatehoused/lockouts.h"
#include "app/gatehoused/outbox.h"
#include "app/gatehoused/recorder.h"
#include "app/gatehoused/zones.h"
#include "ports/bus.h"
#include "ports/journal.h"
#include "ports/policy_store.h"

/* The outside world. All borrowed; must outlive the controller. */
struct controller_ports {
    struct bus bus;
    struct policy_store policy;
    struct journal journal;
    struct relay_board *board;
    zone_loader zone;
};

struct controller_stats {
    uint64_t granted, denied, repeated, malformed, stale, flooded, retained;
};

/* What of the cloud syncd has told us. */
struct controller_cloud {
    bool online;
    int64_t since; /* wall seconds; INSTANT_NONE = never heard of */
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
    struct verdict verdict;
};

struct controller {
    const struct config *config;
    struct controller_ports ports;
    const struct crypto_keys *keys;
    struct recorder recorder;
    struct doors doors;
    struct outbox outbox;
    struct limits limits;
    struct lockouts lockouts;
    struct zones zones;
    struct controller_stats stats;
    struct controller_last last;
    struct controller_answer answer[CONTROLLER_ANSWERS]; /* by tag, modulo */
    uint64_t tag;                                        /* of the newest answer */
    uint64_t unkept_seq; /* up to it there are events whose answers wait nowhere: those of
                            the process before, and those that the outbox had no room for */
    struct controller_cloud cloud;
    struct policy_version version; /* of the decision or look before */
    struct now started, last_seen;
    bool bus_up;
    struct id tick_session;
    uint64_t tick;
    struct mono next_tick, next_status;
};

/* Takes the relays at their locked levels. session is the tick session, new at
 * every start. last_event as for recorder_init. Errors as doors_open. */
GH_MUST_CHECK enum gh_err controller_open(struct controller *c, const struct config *config,
                                          const struct controller_ports *ports,
                                          const struct crypto_keys *keys, const struct id *session,
                                          struct slice last_event, struct now now,
                                          char why[HAL_TEXT_MAX]);
void controller_close(struct controller *c);

/* Journals that the gateway starts or stops; a stop locks every door first. */
void controller_started(struct controller *c, struct now now);
void controller_stopped(struct controller *c, struct now now);

/* A note of the bus: a message, or the state of the link. */
void controller_on_bus(struct controller *c, const struct bus_note *note, struct now now);

/* Lets time pass: relocks, ticks, reports. */
void controller_on_time(struct controller *c, struct now now);

/* More of the journal is durable: answers go out. */
void controller_on_durable(struct controller *c, struct now now);

/* When controller_on_time wants to be called at the latest. */
struct mono controller_deadline(const struct controller *c);

/* Releases a door for someone at the box (decision contract, admin release).
 * DECISION_DENIED with a reason, or DECISION_GRANTED. Journalled either way. */
struct verdict controller_release(struct controller *c, const struct id *door, const char *by,
                                  struct now now);

/* Learns which policy is in force now, for status and events. */
void controller_look(struct controller *c);

/* Journals something that another part noticed (journal faults, cloud, policy). */
void controller_note(struct controller *c, enum event_kind kind, const struct event_args *args,
                     struct now now);
/* As controller_note for EVENT_CLOUD_ONLINE/OFFLINE, and remembers the state. */
void controller_cloud(struct controller *c, bool online, const char *why, struct now now);

#endif
