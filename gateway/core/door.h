/* One door as a machine: inputs, commands and now in; a level, events and a
 * deadline out.
 *
 * The level is what the lock must be: released or not. The shell brings the
 * relay to it after every step and on a slow timer. Source of the rules: the door
 * contract. Durations run on the monotonic clock only, so a step of the wall
 * clock changes no running release. */
#ifndef GATEHOUSE_CORE_DOOR_H
#define GATEHOUSE_CORE_DOOR_H

#include <stdbool.h>

#include "core/clock.h"
#include "core/mode.h"
#include "core/policy.h"

/* What the policy says of the door now. May change between steps: what that
 * changes shows with the next step, so tick after a change. A count that runs keeps
 * the times that it began with. */
struct door_rules {
    enum relock relock;
    int held_open_s; /* seconds, 0 = never */
    int pre_alarm_s; /* seconds before held open, 0 = none; as much or more = at once */
    enum rex_kind rex;
    bool rex_in_lockdown;
    int rex_release_s; /* the door's release_s, 1..120: how long a request to exit releases */
};

/* A request to exit that stays on this long is a fault, and its release ends. */
#define REX_STUCK_MS (5 * 60 * 1000)

enum door_event {
    DOOR_TAKEN,        /* access_taken: open during a release by a grant or command */
    DOOR_NOT_TAKEN,    /* access_not_taken: such a release ended, the door was not opened */
    DOOR_OPENED,
    DOOR_CLOSED,
    DOOR_FORCED,       /* opened with nothing to cover it; no event clears it: DOOR_CLOSED does */
    DOOR_HELD_OPEN,
    DOOR_HELD_CLEARED,
    DOOR_PRE_ALARM,    /* no journal event: the readers are to beep */
    DOOR_REQUEST_TO_EXIT,
    DOOR_REX_STUCK,    /* request_to_exit with a fault */
    DOOR_TAMPER_ON,
    DOOR_TAMPER_OFF,
};

/* What steps brought, in order. A step appends to it; an empty one has room for all
 * that one step can bring, however late it comes. */
#define DOOR_EVENTS_MAX 6
struct door_outcome {
    size_t n;
    enum door_event event[DOOR_EVENTS_MAX];
};

struct door {
    enum door_mode mode;
    bool has_contact; /* from the first time that one was seen */
    bool is_open;
    bool is_forced, is_held; /* alarms that stand */
    bool is_tampered;

    bool is_releasing; /* by a grant, a command or a request to exit */
    struct mono release_ends;
    bool is_awaited;      /* somebody was let in by it and has not opened the door yet */
    bool is_rex_extended; /* its time is up; it goes on for as long as the request does */

    bool is_rex;       /* the input is active */
    bool is_rex_stuck; /* for too long: it counts no more */
    bool is_rex_fault; /* and that was reported */
    bool is_rex_cause; /* it released the door, and nothing has ended that release */
    struct mono rex_since;

    bool is_opening; /* the automatic operator is being told to open the door */
    struct mono opening_ends;

    bool is_held_timed; /* open, and nothing covers it */
    bool is_pre_alarmed;
    struct mono held_at, pre_alarm_at; /* these and is_pre_alarmed mean something while timed */
};

/* What covers an open door: a release, the mode unlocked (a fire comes as that), or a
 * request to exit that is active and counts. Whether it counts: not with rex off, not
 * once it is stuck, and in locked_down only with rex_in_lockdown; in every other mode
 * it does.
 *
 * Every step with a `now` lets time pass first, up to and including now: what was due
 * is done at the instant it was due at, whenever the step comes. now never goes back.
 * A release and an alarm begin and end on the millisecond: at its end it is over. */

/* A locked door, closed, without a contact. */
void door_init(struct door *door);

/* The level of the lock: unlocked by its mode, or by a running release. */
bool door_is_released(const struct door *door);

/* The mode is this from now on. locked_down, forced_closed and blocked end a
 * running release at once, other changes let it end by itself. A change begins no
 * release, not even while a request to exit is active. Unlocked clears held open;
 * forced stands until the door is closed. */
void door_set_mode(struct door *door, enum door_mode mode, const struct door_rules *rules,
                   struct mono now, struct door_outcome *out);

/* Releases for release_s seconds (1..120) from now, for somebody who was let in.
 * While released already the time starts again; it is never shortened. Works in
 * every mode: whether somebody may is decided before.
 *
 * With a contact each call brings one DOOR_TAKEN or DOOR_NOT_TAKEN, by the end of the
 * release at the latest: taken when the door opens, or at once if it stands open; not
 * taken when the release ends, or when the next call comes before the door was opened. */
void door_release(struct door *door, int release_s, const struct door_rules *rules,
                  struct mono now, struct door_outcome *out);

/* As door_release, until an instant that was fixed before (what is left of a
 * release that a killed process began); no release if that has passed. */
void door_release_until(struct door *door, struct mono ends, const struct door_rules *rules,
                        struct mono now, struct door_outcome *out);

/* Tells the automatic operator to open the door, for this many ms from now; nothing
 * while the lock is not released. Told again while it is being told, it goes on. What
 * ends releases at once ends this too; else it has its time. */
void door_open_by_operator(struct door *door, int ms, struct mono now);

/* Ends a running release (the board is gone: what did not open now does not open later). */
void door_end_release(struct door *door, const struct door_rules *rules, struct mono now,
                      struct door_outcome *out);

/* Inputs, as they are now; telling the same again changes nothing. */

/* The first report only says how the door stands: if open, it is DOOR_OPENED (and taken
 * by whoever is awaited), but neither forced nor a reason to lock. Later ones: opening
 * locks with relock on_open, closing with on_close, also a door that stood open when
 * the release began; neither while a request to exit that releases is active.
 *
 * Held open: open for held_open_s with nothing to cover it, counted from the end of
 * what covered it; a door that was forced has its alarm already. Cleared when closed. */
void door_contact(struct door *door, bool is_open, const struct door_rules *rules,
                  struct mono now, struct door_outcome *out);

/* A request that counts, with rex release, releases while it is active and for
 * rex_release_s after its end, unless something has ended that release before: then it
 * prolongs no later one and holds up no relock, it only masks. Whether it releases is
 * decided when it begins. It is reported in every mode, also where it does nothing; not
 * with rex off. After REX_STUCK_MS it is a fault, and what only it still released is
 * locked. */
void door_rex(struct door *door, bool is_active, const struct door_rules *rules, struct mono now,
              struct door_outcome *out);

/* The input was active already when it was looked at for the first time. Nobody saw
 * somebody ask: it is no event and releases nothing, it only masks; and if it stays, it
 * is a fault in its time. For a door that was just made. */
void door_rex_at_start(struct door *door, struct mono now);

void door_tamper(struct door *door, bool is_active, struct door_outcome *out);

/* Lets time pass. */
void door_tick(struct door *door, const struct door_rules *rules, struct mono now,
               struct door_outcome *out);

/* When door_tick has something to do next; behind now after a tick. False = never, out
 * is untouched then. */
bool door_deadline(const struct door *door, struct mono *out);

/* The ONVIF DoorMode: "Locked", "Unlocked", "Accessed" (during a release),
 * "Blocked" (blocked or forced closed), "LockedDown"; static storage. */
const char *door_onvif_mode(const struct door *door);

/* The gravest alarm that stands: "door_forced", "door_held_open", "tamper",
 * "request_to_exit" (stuck); NULL if none; static storage. */
const char *door_alarm(const struct door *door);

#endif
