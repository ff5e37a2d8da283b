#include "core/access.h"

#include "core/schedule.h"

/* What a time condition that permits says now. Declared in the order of how
 * far a failure got; a later one outranks an earlier one. */
enum within { WITHIN, BEFORE, AFTER, UNTRUSTED };

static bool is_bounded(struct validity v)
{
    return v.from != INSTANT_NONE || v.until != INSTANT_NONE;
}

static enum within within(struct validity v, struct wall now)
{
    if (!is_bounded(v))
        return WITHIN;
    if (!wall_is_trusted(now))
        return UNTRUSTED;
    if (v.from != INSTANT_NONE && now.s < v.from)
        return BEFORE;
    if (v.until != INSTANT_NONE && now.s >= v.until)
        return AFTER;
    return WITHIN;
}

/* GRANTED stands for "this check has no objection". */
static enum reason pick(enum within w, enum reason before, enum reason after)
{
    switch (w) {
    case WITHIN: return REASON_GRANTED;
    case BEFORE: return before;
    case AFTER: return after;
    case UNTRUSTED: return REASON_CLOCK_UNTRUSTED;
    }
    return REASON_CLOCK_UNTRUSTED;
}

/* Check 0: is this a read that may be looked at? */
static enum reason check_read(const struct access_request *request,
                              const struct access_facts *facts)
{
    if (request->malformed)
        return REASON_READ_MALFORMED;
    if (!facts->policy_available)
        return REASON_POLICY_UNAVAILABLE;
    if (!facts->reader_known)
        return REASON_READER_UNKNOWN;
    if (request->stale)
        return REASON_READ_STALE;
    if (!((facts->reader.accepts >> request->type) & 1))
        return REASON_CREDENTIAL_TYPE_NOT_ACCEPTED;
    return REASON_GRANTED;
}

/* Checks 1 to 4: whose credential is it, and are both in good standing? */
static enum reason check_holder(const struct access_facts *facts, struct wall now)
{
    if (!facts->credential_known)
        return REASON_CREDENTIAL_UNKNOWN;
    if (!facts->person_known)
        return REASON_CREDENTIAL_UNASSIGNED;
    if (!facts->person.enabled || facts->person_denied)
        return REASON_PERSON_DISABLED;
    if (!facts->credential.enabled || facts->credential_denied)
        return REASON_CREDENTIAL_DISABLED;
    enum reason person = pick(within(facts->person.validity, now), REASON_PERSON_NOT_YET_VALID,
                              REASON_PERSON_EXPIRED);
    if (person != REASON_GRANTED)
        return person;
    return pick(within(facts->credential.validity, now), REASON_CREDENTIAL_NOT_YET_VALID,
                REASON_CREDENTIAL_EXPIRED);
}

/* Check 5. Without trust in the clock a licence counts as good: a lapsed
 * contract is no reason to shut people out. */
static bool is_licensed(const struct policy_door *door, struct wall now)
{
    if (!door->licensed)
        return false;
    if (door->license_until == INSTANT_NONE || !wall_is_trusted(now))
        return true;
    return now.s < door->license_until;
}

static enum reason check_path(const struct path_facts *path, const struct zone_view *zone,
                              struct wall now)
{
    enum reason r = pick(within(path->validity, now), REASON_ENTITLEMENT_NOT_STARTED,
                         REASON_ENTITLEMENT_EXPIRED);
    if (r != REASON_GRANTED)
        return r;
    r = pick(within(path->membership, now), REASON_ENTITLEMENT_NOT_STARTED,
             REASON_ENTITLEMENT_EXPIRED);
    if (r != REASON_GRANTED || !path->has_schedule)
        return r;
    /* A zone that is not known cannot be trusted any more than a clock. */
    if (!wall_is_trusted(now) || zone->n == 0)
        return REASON_CLOCK_UNTRUSTED;
    if (!schedule_contains(path->windows, path->n_windows, local_time_at(zone, now.s)))
        return REASON_OUTSIDE_SCHEDULE;
    return REASON_GRANTED;
}

/* How far a failing path got; the furthest one is reported. */
static int progress(enum reason failure)
{
    switch ((int)failure) {
    case REASON_CLOCK_UNTRUSTED: return 4;
    case REASON_OUTSIDE_SCHEDULE: return 3;
    case REASON_ENTITLEMENT_NOT_STARTED: return 2;
    case REASON_ENTITLEMENT_EXPIRED: return 1;
    default: return 0;
    }
}

/* Check 8: the first path that passes, in order of id. */
static enum reason check_paths(const struct access_facts *facts, struct wall now,
                               struct via *via)
{
    enum reason furthest = REASON_NO_PERMISSION;
    for (size_t i = 0; i < facts->n_paths; i++) {
        const struct path_facts *path = &facts->paths[i];
        enum reason r = check_path(path, &facts->zone, now);
        if (r == REASON_GRANTED) {
            *via = (struct via){.present = true, .kind = path->kind, .id = path->id};
            return r;
        }
        if (progress(r) > progress(furthest))
            furthest = r;
    }
    return furthest;
}

static enum reason judge(const struct access_request *request, const struct access_facts *facts,
                         struct wall now, struct via *via)
{
    enum reason r = check_read(request, facts);
    if (r != REASON_GRANTED)
        return r;
    r = check_holder(facts, now);
    if (r != REASON_GRANTED)
        return r;
    /* A reader that points at no door can open none, whoever asks. */
    if (!facts->door_known)
        return REASON_DOOR_UNKNOWN;
    if (!is_licensed(&facts->door, now))
        return REASON_DOOR_UNLICENSED;
    r = check_paths(facts, now, via);
    if (r != REASON_GRANTED)
        return r;
    return facts->controller_online ? REASON_GRANTED : REASON_CONTROLLER_OFFLINE;
}

struct verdict access_decide(const struct access_request *request,
                             const struct access_facts *facts, struct wall now)
{
    struct verdict v = {.decision = DECISION_DENIED};
    struct via via = {0};
    v.reason = judge(request, facts, now, &via);
    if (v.reason != REASON_GRANTED)
        return v;
    v.decision = DECISION_GRANTED;
    v.via = via;
    v.release_s = facts->door.release_s;
    return v;
}
