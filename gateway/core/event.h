/* A journal event: what happened, before it is bytes. */
#ifndef GATEHOUSE_CORE_EVENT_H
#define GATEHOUSE_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access.h"
#include "core/clock.h"
#include "core/id.h"

/* Longest event, bytes of its JSON. */
#define EVENT_JSON_MAX 2560

enum event_kind {
    EVENT_ACCESS,
    EVENT_ACCESS_TAKEN,
    EVENT_ACCESS_NOT_TAKEN,
    EVENT_REQUEST_TO_EXIT,
    EVENT_DOOR_OPENED,
    EVENT_DOOR_CLOSED,
    EVENT_DOOR_FORCED,
    EVENT_DOOR_HELD_OPEN,
    EVENT_DOOR_HELD_CLEARED,
    EVENT_DOOR_MODE,
    EVENT_TAMPER,
    EVENT_DURESS,
    EVENT_FIRE,
    EVENT_COMMAND,
    EVENT_RELAY_FAULT,
    EVENT_READER_OFFLINE,
    EVENT_READER_ONLINE,
    EVENT_READER_FLOODING,
    EVENT_RETAINED_REFUSED,
    EVENT_LOST_CREDENTIAL,
    EVENT_JOURNAL_FAULT,
    EVENT_CLOUD_OFFLINE,
    EVENT_CLOUD_ONLINE,
    EVENT_CLOCK_STEP,
    EVENT_POLICY_APPLIED,
    EVENT_POLICY_REFUSED,
    EVENT_GATEWAY_STARTED,
    EVENT_GATEWAY_STOPPED,
    EVENT_EVENTS_LOST,
};
#define EVENT_KINDS 29

/* "access", "command", ...; static storage. */
const char *event_kind_name(enum event_kind kind);
GH_MUST_CHECK enum gh_err event_kind_parse(enum event_kind *out, struct slice word);

/* Whether somebody should hear of such an event before those that wait in front of it. Also
 * the end of what it says is told that way. */
bool event_kind_is_alarm(enum event_kind kind);

#define EVENT_TEXT_MAX 256

/* What the kind needs. Members are written only where set. */
struct event_args {
    const char *action;  /* command: static or borrowed for the call */
    const char *result;  /* command: "done", "refused", ... */
    const char *fault;   /* relay_fault, journal_fault, policy_refused, ...: what and where */
    const char *version; /* gateway_started */
    const char *mode;    /* door_mode: the new one */
    bool has_on, on;     /* tamper, fire, request_to_exit: the input is active */
    int64_t until;       /* command: the end that it asked for; 0 = absent */
    struct id id;           /* command: its id; none = absent */
    struct id person, area; /* command: what it was about; none = absent */
    bool has_range;      /* events_lost, clock_step */
    int64_t from, to;
    bool has_count; /* reader_flooding */
    int64_t count;
};

struct event {
    uint64_t seq;      /* set by whoever records it */
    struct now at;
    enum event_kind kind;
    struct id door, reader, person, credential; /* none = absent */
    bool has_type;
    enum credential_type type;
    bool has_decision; /* decision and reason are set */
    enum decision decision;
    enum reason reason;
    struct via via;
    enum violation violation;
    bool duress;
    struct id with;    /* the first of two persons; none = absent */
    struct id read_id; /* none = absent */
    char by[EVENT_TEXT_MAX]; /* who asked; empty = absent */
    struct event_args args;
    struct policy_version policy;
};

#endif
