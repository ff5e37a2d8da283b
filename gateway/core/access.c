#include "core/access.h"

#include "core/area.h"
#include "core/geofence.h"
#include "core/holiday.h"
#include "core/schedule.h"

/* One decision on its way down the checks. */
struct judge {
    const struct access_request *request;
    const struct access_facts *facts;
    const struct policy_facts *policy;
    const struct door_facts *door; /* NULL: not known */
    struct wall wall;
    struct mode_view view; /* from check 6 on */
    const struct entitlement_facts *passing; /* the path that passed; NULL = the access rules */
    struct verdict verdict;
    struct access_trace *trace; /* may be NULL */
};

/* --- what time permits and what it restricts --------------------------------------- */

/* What a time condition that permits says now. */
enum within { WITHIN, BEFORE, AFTER, UNTRUSTED };

static enum within within(struct validity v, struct wall now)
{
    if (!validity_is_bounded(v))
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

/* A zone that is not known cannot be trusted any more than a clock. */
static bool is_local_time_known(const struct judge *j)
{
    return wall_is_trusted(j->wall) && j->facts->now.zone->n > 0;
}

static struct local_time local_now(const struct judge *j)
{
    return local_time_at(j->facts->now.zone, j->wall.s);
}

static enum reason check_hours(const struct judge *j, const struct hours *hours)
{
    if (!hours->is_set)
        return REASON_GRANTED;
    if (!is_local_time_known(j))
        return REASON_CLOCK_UNTRUSTED;
    return schedule_contains(hours->windows, hours->n, local_now(j)) ? REASON_GRANTED
                                                                      : REASON_OUTSIDE_SCHEDULE;
}

/* Factors restrict: without a clock they are asked for. */
static bool is_factor_time(const struct access_facts *facts)
{
    const struct hours *hours = &facts->policy->door->factor_hours;
    const struct moment *now = &facts->now;
    if (!hours->is_set || !wall_is_trusted(now->wall) || now->zone->n == 0)
        return true;
    return schedule_contains(hours->windows, hours->n, local_time_at(now->zone, now->wall.s));
}

bool access_asks_for_pin(const struct access_facts *facts)
{
    return facts->policy->door->door.factors == FACTORS_CARD_AND_PIN && is_factor_time(facts);
}

/* --- checks 0 to 6 ------------------------------------------------------------------- */

static enum reason check_read(struct judge *j)
{
    const struct access_request *request = j->request;
    if (request->malformed)
        return REASON_READ_MALFORMED;
    if (!j->policy->is_available)
        return REASON_POLICY_UNAVAILABLE;
    if (!j->policy->reader_known)
        return REASON_READER_UNKNOWN;
    if (request->stale)
        return REASON_READ_STALE;
    if (!((j->policy->reader.reader.accepts >> request->type) & 1))
        return REASON_CREDENTIAL_TYPE_NOT_ACCEPTED;
    bool is_pin_entry = request->type == CREDENTIAL_PIN ||
                        (request->has_pin && j->door && access_asks_for_pin(j->facts));
    return is_pin_entry && request->pin_locked ? REASON_PIN_LOCKED_OUT : REASON_GRANTED;
}

static enum reason check_credential_known(struct judge *j)
{
    const struct holder_facts *holder = &j->policy->holder;
    if (!holder->credential_known)
        return REASON_CREDENTIAL_UNKNOWN;
    return holder->person_known ? REASON_GRANTED : REASON_CREDENTIAL_UNASSIGNED;
}

static enum reason check_person_enabled(struct judge *j)
{
    const struct holder_facts *holder = &j->policy->holder;
    return holder->person.enabled && !holder->person_denied ? REASON_GRANTED
                                                            : REASON_PERSON_DISABLED;
}

static enum reason check_credential_enabled(struct judge *j)
{
    const struct holder_facts *holder = &j->policy->holder;
    return holder->credential.enabled && !holder->credential_denied ? REASON_GRANTED
                                                                    : REASON_CREDENTIAL_DISABLED;
}

static enum reason check_dates(struct judge *j)
{
    const struct holder_facts *holder = &j->policy->holder;
    enum reason person = pick(within(holder->person.validity, j->wall),
                              REASON_PERSON_NOT_YET_VALID, REASON_PERSON_EXPIRED);
    if (person != REASON_GRANTED)
        return person;
    return pick(within(holder->credential.validity, j->wall), REASON_CREDENTIAL_NOT_YET_VALID,
                REASON_CREDENTIAL_EXPIRED);
}

/* Without trust in the clock a licence counts as good: a lapsed contract is no
 * reason to shut people out. */
static enum reason check_license(struct judge *j)
{
    /* A reader that points at no door can open none, whoever asks. */
    if (!j->door)
        return REASON_DOOR_UNKNOWN;
    const struct policy_door *door = &j->door->door;
    bool lapsed = door->license_until != INSTANT_NONE && wall_is_trusted(j->wall) &&
                  j->wall.s >= door->license_until;
    return door->licensed && !lapsed ? REASON_GRANTED : REASON_DOOR_UNLICENSED;
}

static enum reason objection_of(enum door_mode mode)
{
    switch (mode) {
    case MODE_BLOCKED: return REASON_DOOR_BLOCKED;
    case MODE_FORCED_CLOSED: return REASON_DOOR_FORCED_CLOSED;
    case MODE_LOCKED_DOWN: return REASON_DOOR_LOCKED_DOWN;
    case MODE_LOCKED:
    case MODE_UNLOCKED:
    case MODE_FIRST_CREDENTIAL: break;
    }
    return REASON_GRANTED;
}

static enum reason check_mode(struct judge *j)
{
    if (j->view.mode == MODE_LOCKED_DOWN && j->policy->holder.person.lockdown_bypass)
        return objection_of(j->view.beneath_lockdown);
    return objection_of(j->view.mode);
}

/* --- check 8: paths -------------------------------------------------------------------- */

static bool has_word(struct word_list list, const char *word)
{
    for (size_t i = 0; i < list.n; i++)
        if (strcmp(list.v[i], word) == 0)
            return true;
    return false;
}

static bool matches_type(const struct type_rule *rule, const struct policy_person *person)
{
    if (person->type[0] == '\0' || strcmp(rule->type, person->type) != 0)
        return false;
    return rule->statuses.n == 0 || (person->status[0] && has_word(rule->statuses, person->status));
}

static bool rules_match(const struct rules_facts *rules, const struct policy_person *person)
{
    for (size_t i = 0; i < rules->n_types; i++)
        if (matches_type(&rules->types[i], person))
            return true;
    for (size_t i = 0; i < person->tags.n; i++)
        if (has_word(rules->tags, person->tags.v[i]))
            return true;
    return false;
}

/* On a holiday of its calendar, an entitlement may ask for working hours beside
 * its schedule, or instead of it. */
static enum reason check_day(const struct judge *j, const struct entitlement_facts *e)
{
    if (e->holiday == HOLIDAY_IGNORE || j->view.by_one_time)
        return check_hours(j, &e->hours);
    if (!is_local_time_known(j))
        return REASON_CLOCK_UNTRUSTED;
    struct holiday_view day = holiday_look(j->policy->holidays.v, j->policy->holidays.n,
                                           &e->calendar, local_now(j));
    if (!day.is_holiday)
        return check_hours(j, &e->hours);
    if (!day.is_working)
        return REASON_HOLIDAY;
    return e->holiday == HOLIDAY_REPLACE ? REASON_GRANTED : check_hours(j, &e->hours);
}

static enum reason check_entitlement(const struct judge *j, const struct entitlement_facts *e)
{
    enum reason r = pick(within(e->validity, j->wall), REASON_ENTITLEMENT_NOT_STARTED,
                         REASON_ENTITLEMENT_EXPIRED);
    if (r != REASON_GRANTED)
        return r;
    r = pick(within(e->membership, j->wall), REASON_ENTITLEMENT_NOT_STARTED,
             REASON_ENTITLEMENT_EXPIRED);
    return r == REASON_GRANTED ? check_day(j, e) : r;
}

/* How far a path got; the furthest one is reported, and of equals the first. */
static int progress(enum reason r)
{
    switch ((int)r) {
    case REASON_GRANTED: return 6;
    case REASON_CLOCK_UNTRUSTED: return 5;
    case REASON_HOLIDAY: return 4;
    case REASON_OUTSIDE_SCHEDULE: return 3;
    case REASON_ENTITLEMENT_NOT_STARTED: return 2;
    case REASON_ENTITLEMENT_EXPIRED: return 1;
    default: return 0;
    }
}

static void trace_path(struct judge *j, const struct via *via, enum reason reason)
{
    struct access_trace *t = j->trace;
    if (!t || t->n_paths == TRACE_PATHS_MAX)
        return;
    t->path[t->n_paths].via = *via;
    t->path[t->n_paths++].reason = reason;
}

/* Notes how a path went; true if it passes and is the first. */
static bool take_path(struct judge *j, const struct via *via, enum reason r, enum reason *furthest)
{
    trace_path(j, via, r);
    if (progress(r) <= progress(*furthest))
        return false;
    *furthest = r;
    if (r == REASON_GRANTED)
        j->verdict.via = *via;
    return r == REASON_GRANTED;
}

static enum reason check_paths(struct judge *j)
{
    const struct rules_facts *rules = &j->door->rules;
    enum reason furthest = REASON_NO_PERMISSION;
    if (rules->is_set) {
        struct via via = {.present = true, .is_rules = true, .id = rules->id};
        bool match = rules_match(rules, &j->policy->holder.person);
        (void)take_path(j, &via, match ? check_hours(j, &rules->hours) : REASON_NO_PERMISSION,
                        &furthest);
    }
    for (size_t i = 0; i < j->policy->n_entitlements; i++) {
        if (furthest == REASON_GRANTED && !j->trace)
            break;
        const struct entitlement_facts *e = &j->policy->entitlements[i];
        struct via via = {.present = true, .kind = e->kind, .id = e->id};
        if (take_path(j, &via, check_entitlement(j, e), &furthest))
            j->passing = e;
    }
    return furthest;
}

/* --- checks 9 to 15 ---------------------------------------------------------------------- */

/* Who was let in by a policy of yesterday may be gone by today. */
static enum reason check_age(struct judge *j)
{
    int limit_s = j->policy->site.max_policy_age_s[j->policy->holder.credential.credential_class];
    int64_t age_s = j->facts->policy_age_s;
    bool fresh = limit_s == POLICY_AGE_UNLIMITED ||
                 (age_s != POLICY_AGE_UNKNOWN && age_s <= limit_s);
    return fresh ? REASON_GRANTED : REASON_POLICY_STALE;
}

static bool is_pin_good(const struct judge *j, const struct pin_facts *pin)
{
    return pin->is_enabled && within(pin->validity, j->wall) == WITHIN;
}

static bool is_pin_own(const struct judge *j, const struct pin_facts *pin)
{
    return pin->is_known && id_equal(&pin->person, &j->policy->holder.credential.person);
}

static enum reason check_pin(struct judge *j)
{
    if (!access_asks_for_pin(j->facts))
        return REASON_GRANTED;
    if (j->request->type == CREDENTIAL_PIN)
        return REASON_CARD_REQUIRED;
    if (!j->request->has_pin)
        return REASON_PIN_REQUIRED;
    const struct pin_facts *pin = &j->policy->pin, *duress = &j->policy->duress_pin;
    if (is_pin_own(j, pin))
        return is_pin_good(j, pin) ? REASON_GRANTED : REASON_PIN_WRONG;
    if (!is_pin_own(j, duress) || !is_pin_good(j, duress))
        return REASON_PIN_WRONG;
    j->verdict.duress = true;
    return REASON_GRANTED;
}

static enum reason check_geofence(struct judge *j)
{
    if (j->request->type != CREDENTIAL_MOBILE || !j->door->geofence.is_set)
        return REASON_GRANTED;
    switch (geofence_look(&j->door->geofence.fence, &j->request->location)) {
    case GEOFENCE_INSIDE: return REASON_GRANTED;
    case GEOFENCE_MISCONFIGURED: return REASON_GEOFENCE_MISCONFIGURED;
    case GEOFENCE_NO_LOCATION: return REASON_LOCATION_UNAVAILABLE;
    case GEOFENCE_IMPRECISE: return REASON_LOCATION_IMPRECISE;
    case GEOFENCE_OUTSIDE: return REASON_OUTSIDE_GEOFENCE;
    }
    return REASON_OUTSIDE_GEOFENCE;
}

/* Dates of a membership permit what it brings: without a clock it brings nothing. */
static bool is_member(const struct judge *j, const struct group_facts *group)
{
    return within(group->validity, j->wall) == WITHIN;
}

static bool is_exempt(const struct judge *j)
{
    const struct holder_facts *holder = &j->policy->holder;
    bool exempt = holder->person.antipassback_exempt;
    for (size_t i = 0; i < holder->n_groups; i++)
        exempt = exempt || (holder->groups[i].antipassback_exempt && is_member(j, &holder->groups[i]));
    return exempt;
}

static bool violates(const struct judge *j, size_t i)
{
    const struct area_facts *area = &j->policy->reader.areas[i];
    const struct moment *now = &j->facts->now;
    if (!area_is_enforced(area, now->wall, now->site_zone))
        return false;
    struct pass pass = j->facts->holder->areas[i].pass;
    return area_is_violation(area, area_pass_now(area, pass, now->wall, now->site_zone));
}

static enum reason check_areas(struct judge *j)
{
    const struct reader_facts *reader = &j->policy->reader;
    for (size_t i = 0; i < reader->n_areas; i++) {
        const struct area_facts *area = &reader->areas[i];
        if (area->is_entry && area->max_occupancy != OCCUPANCY_UNLIMITED &&
            j->facts->holder->areas[i].others_inside >= area->max_occupancy)
            return REASON_OCCUPANCY_FULL;
    }
    if (is_exempt(j))
        return REASON_GRANTED;
    for (size_t i = 0; i < reader->n_areas; i++) {
        const struct area_facts *area = &reader->areas[i];
        if (!violates(j, i))
            continue;
        enum violation violation = area->is_entry ? VIOLATION_ENTRY : VIOLATION_EXIT;
        if (area->antipassback == ANTIPASSBACK_DENY) {
            j->verdict.violation = violation;
            return REASON_ANTIPASSBACK;
        }
        if (j->verdict.violation == VIOLATION_NONE)
            j->verdict.violation = violation;
    }
    return REASON_GRANTED;
}

static enum reason check_uses(struct judge *j)
{
    const struct policy_credential *c = &j->policy->holder.credential;
    const struct holder_situation *holder = j->facts->holder;
    bool used_up = (c->uses_per_door != USES_UNLIMITED && holder->uses_door >= c->uses_per_door) ||
                   (c->uses_total != USES_UNLIMITED && holder->uses_total >= c->uses_total);
    return used_up ? REASON_USES_EXHAUSTED : REASON_GRANTED;
}

static enum reason check_hardware(const struct door_situation *door)
{
    if (door->is_interlocked)
        return REASON_INTERLOCK;
    return door->is_controller_online ? REASON_GRANTED : REASON_CONTROLLER_OFFLINE;
}

static enum reason check_board(struct judge *j)
{
    return check_hardware(j->facts->door);
}

static enum reason check_second(struct judge *j)
{
    bool asks = j->door->door.factors == FACTORS_TWO_PERSON && is_factor_time(j->facts);
    return asks && !j->request->is_second ? REASON_SECOND_PERSON_REQUIRED : REASON_GRANTED;
}

/* --- the verdict --------------------------------------------------------------------------- */

/* The numbers of the contract's table. Check 7 grants, and is made by the judge. */
typedef enum reason check_fn(struct judge *j);
#define CHECK_UNLOCKED 7
#define CHECK_LAST 15
static check_fn *const checks[CHECK_LAST + 1] = {
    [0] = check_read,     [1] = check_credential_known, [2] = check_person_enabled,
    [3] = check_credential_enabled, [4] = check_dates,  [5] = check_license,
    [6] = check_mode,     [CHECK_UNLOCKED] = NULL,      [8] = check_paths,
    [9] = check_age,      [10] = check_pin,             [11] = check_geofence,
    [12] = check_areas,   [13] = check_uses,            [14] = check_board,
    [15] = check_second,
};

/* Makes the checks from first to last; the first objection is the answer. */
static enum reason make_checks(struct judge *j, int first, int last)
{
    for (int i = first; i <= last; i++) {
        enum reason r = checks[i] ? checks[i](j) : REASON_GRANTED;
        if (j->trace) {
            j->trace->check[i] = r;
            j->trace->n_checks = i + 1;
        }
        if (r != REASON_GRANTED)
            return r;
    }
    return REASON_GRANTED;
}

/* "#3" before "#12" before "attic". */
static int compare_floors(const struct id *a, const struct id *b)
{
    bool is_number = a->s[0] == '#';
    if (is_number != (b->s[0] == '#'))
        return is_number ? -1 : 1;
    if (!is_number)
        return strcmp(a->s, b->s);
    bool is_negative = a->s[1] == '-';
    if (is_negative != (b->s[1] == '-'))
        return is_negative ? -1 : 1;
    size_t la = strlen(a->s), lb = strlen(b->s);
    int order = la != lb ? (la < lb ? -1 : 1) : strcmp(a->s, b->s);
    return is_negative ? -order : order;
}

static void add_floor(struct verdict *v, const struct id *floor)
{
    size_t at = 0;
    while (at < v->n_floors && compare_floors(v->floors[at], floor) < 0)
        at++;
    if (v->n_floors == POLICY_FLOORS_MAX ||
        (at < v->n_floors && compare_floors(v->floors[at], floor) == 0))
        return;
    for (size_t i = v->n_floors++; i > at; i--)
        v->floors[i] = v->floors[i - 1];
    v->floors[at] = floor;
}

static void add_floors(struct verdict *v, const struct id_list *floors)
{
    for (size_t i = 0; i < floors->n; i++)
        add_floor(v, &floors->v[i]);
}

static void grant(struct judge *j)
{
    struct verdict *v = &j->verdict;
    const struct holder_facts *holder = &j->policy->holder;
    v->decision = DECISION_GRANTED;
    v->reason = REASON_GRANTED;
    v->is_extended = holder->person.extended_release;
    v->release_s = v->is_extended ? j->door->door.extended_release_s : j->door->door.release_s;
    v->counts_use = v->records_pass = true;
    add_floors(v, &holder->person.floors);
    for (size_t i = 0; i < holder->n_groups; i++)
        if (is_member(j, &holder->groups[i]))
            add_floors(v, &holder->groups[i].floors);
    if (j->passing)
        add_floors(v, &j->passing->floors);
    if (j->view.mode == MODE_FIRST_CREDENTIAL && holder->person.first_credential)
        v->latch = LATCH_THEM_OPEN;
}

/* Check 7: an open door lets everybody in whom nothing shuts out; but who may
 * end its being open is looked at further, and ends it. */
static void decide_unlocked(struct judge *j)
{
    struct verdict *v = &j->verdict;
    if (j->view.can_end && j->policy->holder.person.first_credential) {
        if (make_checks(j, CHECK_UNLOCKED + 1, CHECK_LAST - 1) == REASON_GRANTED) {
            v->decision = DECISION_GRANTED;
            v->reason = REASON_HOLD_OPEN_ENDED;
            v->latch = LATCH_THEM_ENDED;
            return;
        }
        v->via = (struct via){0};
        v->violation = VIOLATION_NONE;
        v->duress = j->policy->holder.duress;
    }
    v->decision = DECISION_GRANTED;
    v->reason = REASON_ALREADY_UNLOCKED;
    v->records_pass = true;
}

static void deny(struct judge *j, enum reason reason)
{
    struct verdict *v = &j->verdict;
    bool waits = reason == REASON_PIN_REQUIRED || reason == REASON_SECOND_PERSON_REQUIRED;
    v->decision = waits ? DECISION_PENDING : DECISION_DENIED;
    v->reason = reason;
    v->via = (struct via){0};
    if (reason != REASON_ANTIPASSBACK)
        v->violation = VIOLATION_NONE;
}

struct verdict access_decide(const struct access_request *request,
                             const struct access_facts *facts, struct access_trace *trace)
{
    struct judge j = {.request = request, .facts = facts, .policy = facts->policy, .trace = trace,
                      .wall = facts->now.wall};
    if (j.policy->is_available && j.policy->reader_known && j.policy->door_known) {
        j.door = j.policy->door;
        j.view = mode_look(j.door, facts->door, j.policy->holidays, facts->now);
        j.verdict.has_mode = true;
        j.verdict.mode = j.view.mode;
    }
    enum reason r = make_checks(&j, 0, 1);
    if (r == REASON_GRANTED || r == REASON_CREDENTIAL_UNASSIGNED)
        j.verdict.duress = j.policy->holder.duress;
    if (r == REASON_GRANTED)
        r = make_checks(&j, 2, CHECK_UNLOCKED);
    if (r == REASON_GRANTED && j.view.mode == MODE_UNLOCKED) {
        decide_unlocked(&j);
        return j.verdict;
    }
    if (r == REASON_GRANTED)
        r = make_checks(&j, CHECK_UNLOCKED + 1, CHECK_LAST);
    if (r == REASON_GRANTED)
        grant(&j);
    else
        deny(&j, r);
    return j.verdict;
}

/* --- commands ------------------------------------------------------------------------------- */

static enum reason find_door(const struct access_facts *facts)
{
    if (!facts->policy->is_available)
        return REASON_POLICY_UNAVAILABLE;
    return facts->policy->door_known ? REASON_GRANTED : REASON_DOOR_UNKNOWN;
}

enum reason access_admin_release(const struct access_facts *facts)
{
    enum reason r = find_door(facts);
    if (r != REASON_GRANTED)
        return r;
    struct mode_view view =
        mode_look(facts->policy->door, facts->door, facts->policy->holidays, facts->now);
    if ((view.is_lockdown || view.mode == MODE_LOCKED_DOWN) &&
        !facts->policy->site.admin_in_lockdown)
        return REASON_DOOR_LOCKED_DOWN;
    return check_hardware(facts->door);
}

enum reason access_hold_open(const struct access_facts *facts)
{
    enum reason r = find_door(facts);
    if (r != REASON_GRANTED)
        return r;
    struct door_situation without_fire = *facts->door;
    without_fire.is_fire = false;
    struct mode_view view =
        mode_look(facts->policy->door, &without_fire, facts->policy->holidays, facts->now);
    return objection_of(view.mode);
}

int64_t access_policy_age_s(const struct policy_version *version, struct wall now)
{
    if (version->issued_at == INSTANT_NONE || !wall_is_trusted(now))
        return POLICY_AGE_UNKNOWN;
    return now.s > version->issued_at ? now.s - version->issued_at : 0;
}
