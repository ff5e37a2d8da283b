#include "core/access.h"

#include "core/holiday.h"
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
    if (request->type == CREDENTIAL_PIN && request->pin_locked)
        return REASON_PIN_LOCKED_OUT;
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

static enum reason check_schedule(const struct path_facts *path, struct local_time t)
{
    if (path->has_schedule && !schedule_contains(path->windows, path->n_windows, t))
        return REASON_OUTSIDE_SCHEDULE;
    return REASON_GRANTED;
}

/* On a holiday of its calendar, an entitlement may ask for working hours beside
 * its schedule, or instead of it. */
static enum reason check_day(const struct path_facts *path, const struct access_facts *facts,
                             struct local_time t)
{
    if (path->holiday == HOLIDAY_IGNORE)
        return check_schedule(path, t);
    struct holiday_view day =
        holiday_look(facts->holidays, facts->n_holidays, &path->calendar, t);
    if (!day.is_holiday)
        return check_schedule(path, t);
    if (!day.is_working)
        return REASON_HOLIDAY;
    return path->holiday == HOLIDAY_REPLACE ? REASON_GRANTED : check_schedule(path, t);
}

static enum reason check_path(const struct path_facts *path, const struct access_facts *facts,
                              struct wall now)
{
    enum reason r = pick(within(path->validity, now), REASON_ENTITLEMENT_NOT_STARTED,
                         REASON_ENTITLEMENT_EXPIRED);
    if (r != REASON_GRANTED)
        return r;
    r = pick(within(path->membership, now), REASON_ENTITLEMENT_NOT_STARTED,
             REASON_ENTITLEMENT_EXPIRED);
    if (r != REASON_GRANTED || (!path->has_schedule && path->holiday == HOLIDAY_IGNORE))
        return r;
    /* A zone that is not known cannot be trusted any more than a clock. */
    if (!wall_is_trusted(now) || facts->zone.n == 0)
        return REASON_CLOCK_UNTRUSTED;
    return check_day(path, facts, local_time_at(&facts->zone, now.s));
}

/* How far a failing path got; the furthest one is reported. */
static int progress(enum reason failure)
{
    switch ((int)failure) {
    case REASON_CLOCK_UNTRUSTED: return 5;
    case REASON_HOLIDAY: return 4;
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
        enum reason r = check_path(path, facts, now);
        if (r == REASON_GRANTED) {
            *via = (struct via){.present = true, .kind = path->kind, .id = path->id};
            return r;
        }
        if (progress(r) > progress(furthest))
            furthest = r;
    }
    return furthest;
}

int64_t access_policy_age_s(const struct policy_version *version, struct wall now)
{
    if (version->issued_at == INSTANT_NONE || !wall_is_trusted(now))
        return POLICY_AGE_UNKNOWN;
    return now.s > version->issued_at ? now.s - version->issued_at : 0;
}

/* Check 9: who was let in by a policy of yesterday may be gone by today. */
static bool is_policy_fresh(const struct access_facts *facts)
{
    int limit_s = facts->site.max_policy_age_s[facts->credential.credential_class];
    if (limit_s == POLICY_AGE_UNLIMITED)
        return true;
    return facts->policy_age_s != POLICY_AGE_UNKNOWN && facts->policy_age_s <= limit_s;
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
    if (!is_policy_fresh(facts))
        return REASON_POLICY_STALE;
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
    v.release_s = facts->person.extended_release ? facts->door.extended_release_s
                                                 : facts->door.release_s;
    return v;
}
