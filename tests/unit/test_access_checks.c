/* The decision: every check that looks at one thing, and the order of them. */
#include "unit/policy_world.h"

static void a_good_read_is_granted_with_its_path_and_release_time(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct verdict v = decide(&w);
    assert_int_equal(v.decision, DECISION_GRANTED);
    expect_reason(v.reason, REASON_GRANTED);
    assert_int_equal(v.release_s, 7);
    assert_false(v.is_extended);
    assert_true(v.via.present);
    assert_false(v.via.is_rules);
    assert_int_equal(v.via.kind, ENTITLEMENT_ROLE);
    assert_string_equal(v.via.id.s, "role");
    assert_true(v.has_mode);
    assert_int_equal(v.mode, MODE_LOCKED);
    assert_true(v.counts_use);
    assert_true(v.records_pass);
    assert_false(v.duress);
    assert_int_equal(v.latch, LATCH_NOTHING);
    assert_int_equal(v.violation, VIOLATION_NONE);
    assert_int_equal(v.n_floors, 0);
}

static void break_the_second_person(struct world *w)
{
    w->door.door.factors = FACTORS_TWO_PERSON;
}
static void break_the_controller(struct world *w)
{
    w->situation.is_controller_online = false;
}
static void break_the_interlock(struct world *w)
{
    w->situation.is_interlocked = true;
}
static void break_the_uses(struct world *w)
{
    w->policy.holder.credential.uses_total = 0;
}
static void break_the_antipassback(struct world *w)
{
    w->policy.reader.n_areas = 1;
    w->areas[0].max_occupancy = OCCUPANCY_UNLIMITED;
}
static void break_the_occupancy(struct world *w)
{
    w->areas[0].max_occupancy = 0;
}
static void break_the_location(struct world *w)
{
    w->request.type = CREDENTIAL_MOBILE;
    w->door.geofence.is_set = w->door.geofence.fence.enabled = true;
    w->door.geofence.fence.has_centre = true;
}
static void break_the_geofence(struct world *w)
{
    w->door.geofence.fence.has_centre = false;
}
static void break_the_pin(struct world *w)
{
    w->door.door.factors = FACTORS_CARD_AND_PIN;
    w->request.has_pin = true;
}
static void break_the_policy_age(struct world *w)
{
    w->policy.site.max_policy_age_s[CLASS_PERSONAL] = 10;
    w->facts.policy_age_s = 11;
}
static void break_the_paths(struct world *w)
{
    w->policy.n_entitlements = 0;
}
static void break_the_mode(struct world *w)
{
    w->door.is_lockdown = true;
}
static void break_the_license(struct world *w)
{
    w->door.door.licensed = false;
}
static void break_the_door(struct world *w)
{
    w->policy.door_known = false;
    w->policy.door = NULL;
}
static void break_the_credentials_end(struct world *w)
{
    w->policy.holder.credential.validity.until = NOON;
}
static void break_the_persons_end(struct world *w)
{
    w->policy.holder.person.validity.until = NOON;
}
static void break_the_credential(struct world *w)
{
    w->policy.holder.credential.enabled = false;
}
static void break_the_person(struct world *w)
{
    w->policy.holder.person.enabled = false;
}
static void break_the_assignment(struct world *w)
{
    w->policy.holder.person_known = false;
}
static void break_the_value(struct world *w)
{
    w->policy.holder.credential_known = false;
}
static void break_the_type(struct world *w)
{
    w->policy.reader.reader.accepts = 1 << CREDENTIAL_PIN;
}
static void break_the_freshness(struct world *w)
{
    w->request.stale = true;
}
static void break_the_reader(struct world *w)
{
    w->policy.reader_known = false;
}
static void break_the_policy(struct world *w)
{
    w->policy.is_available = false;
}
static void break_the_payload(struct world *w)
{
    w->request.malformed = true;
}

/* From the last check to the first: each step breaks one thing more, and what was
 * broken before stays so. */
static void the_first_check_that_fails_is_the_reason(void **state)
{
    (void)state;
    static const struct {
        void (*break_it)(struct world *w);
        enum reason reason;
    } steps[] = {
        {break_the_controller, REASON_CONTROLLER_OFFLINE},
        {break_the_interlock, REASON_INTERLOCK},
        {break_the_uses, REASON_USES_EXHAUSTED},
        {break_the_antipassback, REASON_ANTIPASSBACK},
        {break_the_occupancy, REASON_OCCUPANCY_FULL},
        {break_the_location, REASON_LOCATION_UNAVAILABLE},
        {break_the_geofence, REASON_GEOFENCE_MISCONFIGURED},
        {break_the_pin, REASON_PIN_WRONG},
        {break_the_policy_age, REASON_POLICY_STALE},
        {break_the_paths, REASON_NO_PERMISSION},
        {break_the_mode, REASON_DOOR_LOCKED_DOWN},
        {break_the_license, REASON_DOOR_UNLICENSED},
        {break_the_door, REASON_DOOR_UNKNOWN},
        {break_the_credentials_end, REASON_CREDENTIAL_EXPIRED},
        {break_the_persons_end, REASON_PERSON_EXPIRED},
        {break_the_credential, REASON_CREDENTIAL_DISABLED},
        {break_the_person, REASON_PERSON_DISABLED},
        {break_the_assignment, REASON_CREDENTIAL_UNASSIGNED},
        {break_the_value, REASON_CREDENTIAL_UNKNOWN},
        {break_the_type, REASON_CREDENTIAL_TYPE_NOT_ACCEPTED},
        {break_the_freshness, REASON_READ_STALE},
        {break_the_reader, REASON_READER_UNKNOWN},
        {break_the_policy, REASON_POLICY_UNAVAILABLE},
        {break_the_payload, REASON_READ_MALFORMED},
    };
    struct world w;
    world_make(&w);
    for (size_t i = 0; i < COUNT(steps); i++) {
        steps[i].break_it(&w);
        expect_denied(&w, steps[i].reason);
    }
}

static void a_second_person_is_asked_for_only_when_all_else_is_well(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    break_the_second_person(&w);
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
    break_the_controller(&w);
    expect_denied(&w, REASON_CONTROLLER_OFFLINE);
    world_make(&w);
    break_the_second_person(&w);
    break_the_paths(&w);
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void facts_that_could_not_be_had_grant_nothing(void **state)
{
    (void)state;
    struct access_request request = {0};
    struct policy_facts nothing = {0};
    struct access_facts facts = {.policy = &nothing};
    struct verdict v = access_decide(&request, &facts, NULL);
    assert_int_equal(v.decision, DECISION_DENIED);
    expect_reason(v.reason, REASON_POLICY_UNAVAILABLE);
    assert_false(v.has_mode);
    assert_changes_nothing(&v);
    expect_reason(access_admin_release(&facts), REASON_POLICY_UNAVAILABLE);
    expect_reason(access_hold_open(&facts), REASON_POLICY_UNAVAILABLE);
}

static void each_unknown_leaves_the_mode_unknown(void **state)
{
    (void)state;
    void (*const unknowns[])(struct world *) = {break_the_policy, break_the_reader, break_the_door};
    for (size_t i = 0; i < COUNT(unknowns); i++) {
        struct world w;
        world_make(&w);
        w.situation.is_fire = true;
        assert_true(decide(&w).has_mode);
        assert_int_equal(decide(&w).mode, MODE_UNLOCKED);
        unknowns[i](&w);
        assert_false(decide(&w).has_mode);
        assert_int_equal(decide(&w).mode, MODE_LOCKED);
    }
}

static void a_denial_reports_the_mode_in_which_it_was_taken(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    break_the_mode(&w);
    assert_int_equal(decide(&w).mode, MODE_LOCKED_DOWN);
    break_the_value(&w);
    assert_true(decide(&w).has_mode);
    assert_int_equal(decide(&w).mode, MODE_LOCKED_DOWN);
}

static void a_reader_takes_the_types_it_accepts_and_no_other(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    for (int accepted = 0; accepted < CREDENTIAL_TYPES; accepted++) {
        w.policy.reader.reader.accepts = (credential_type_set)(1 << accepted);
        for (int type = 0; type < CREDENTIAL_TYPES; type++) {
            w.request.type = (enum credential_type)type;
            if (type == accepted)
                expect_granted(&w);
            else
                expect_denied(&w, REASON_CREDENTIAL_TYPE_NOT_ACCEPTED);
        }
    }
}

static void the_deny_lane_shuts_out_person_and_credential(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.credential_denied = true;
    expect_denied(&w, REASON_CREDENTIAL_DISABLED);
    w.policy.holder.person_denied = true;
    expect_denied(&w, REASON_PERSON_DISABLED);
}

static void an_interval_holds_its_first_second_and_not_its_last(void **state)
{
    (void)state;
    struct world w;
    static const struct {
        int64_t at;
        enum reason person, credential;
    } moments[] = {
        {NOON - 1, REASON_PERSON_NOT_YET_VALID, REASON_CREDENTIAL_NOT_YET_VALID},
        {NOON + 2, REASON_PERSON_EXPIRED, REASON_CREDENTIAL_EXPIRED},
    };
    world_make(&w);
    struct validity v = from_until(NOON, NOON + 2);
    for (size_t i = 0; i < COUNT(moments); i++) {
        w.facts.now.wall.s = moments[i].at;
        w.policy.holder.person.validity = v;
        expect_denied(&w, moments[i].person);
        w.policy.holder.credential.validity = v;
        expect_denied(&w, moments[i].person); /* the person's dates come first */
        w.policy.holder.person.validity = always();
        expect_denied(&w, moments[i].credential);
        w.policy.holder.credential.validity = always();
    }
    w.policy.holder.person.validity = w.policy.holder.credential.validity = v;
    for (w.facts.now.wall.s = NOON; w.facts.now.wall.s < NOON + 2; w.facts.now.wall.s++)
        expect_granted(&w);
}

static void an_interval_may_be_open_on_either_side(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.validity = from_until(INSTANT_NONE, NOON + 1);
    w.policy.holder.credential.validity = from_until(NOON, INSTANT_NONE);
    expect_granted(&w);
    w.policy.holder.person.validity = from_until(INSTANT_NONE, NOON);
    expect_denied(&w, REASON_PERSON_EXPIRED);
    w.policy.holder.person.validity = from_until(NOON + 1, INSTANT_NONE);
    expect_denied(&w, REASON_PERSON_NOT_YET_VALID);
}

static void dates_need_a_clock_that_can_be_trusted(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_granted(&w); /* what has no time condition works as ever */
    w.policy.holder.credential.validity = from_until(NOON - 1, INSTANT_NONE);
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.policy.holder.credential.validity = from_until(INSTANT_NONE, NOON + 1);
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.policy.holder.credential.validity = always();
    w.policy.holder.person.validity = from_until(INSTANT_NONE, NOON);
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.facts.now.wall.trust = CLOCK_HOLDOVER;
    expect_denied(&w, REASON_PERSON_EXPIRED);
}

static void a_licence_ends_to_the_second_and_never_for_want_of_a_clock(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.door.license_until = NOON + 1;
    expect_granted(&w);
    w.door.door.license_until = NOON;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_granted(&w);
    w.door.door.licensed = false;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
    w.door.door.license_until = NOON + 1;
    w.facts.now.wall.trust = CLOCK_SYNCED;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
}

static void a_policy_may_be_as_old_as_its_class_allows_and_no_older(void **state)
{
    (void)state;
    struct world w;
    for (int c = 0; c < CREDENTIAL_CLASSES; c++) {
        world_make(&w);
        w.policy.holder.credential.credential_class = (enum credential_class)c;
        w.facts.policy_age_s = INT64_MAX;
        expect_granted(&w);
        w.policy.site.max_policy_age_s[c] = 100;
        expect_denied(&w, REASON_POLICY_STALE);
        w.facts.policy_age_s = 101;
        expect_denied(&w, REASON_POLICY_STALE);
        w.facts.policy_age_s = 100;
        expect_granted(&w);
        w.facts.policy_age_s = POLICY_AGE_UNKNOWN;
        expect_denied(&w, REASON_POLICY_STALE);
        w.policy.site.max_policy_age_s[c] = 0;
        expect_denied(&w, REASON_POLICY_STALE);
        w.facts.policy_age_s = 0;
        expect_granted(&w);
    }
}

static void the_policys_age_is_told_from_its_checkpoint(void **state)
{
    (void)state;
    struct policy_version v = {.issued_at = NOON - 5};
    struct wall now = {NOON, CLOCK_SYNCED};
    assert_int_equal(access_policy_age_s(&v, now), 5);
    v.issued_at = NOON;
    assert_int_equal(access_policy_age_s(&v, now), 0);
    v.issued_at = NOON - 1;
    assert_int_equal(access_policy_age_s(&v, now), 1);
    v.issued_at = NOON + 5; /* of a cloud whose clock runs ahead */
    assert_int_equal(access_policy_age_s(&v, now), 0);
    now.trust = CLOCK_UNSET;
    assert_int_equal(access_policy_age_s(&v, now), POLICY_AGE_UNKNOWN);
    v.issued_at = INSTANT_NONE;
    now.trust = CLOCK_HOLDOVER;
    assert_int_equal(access_policy_age_s(&v, now), POLICY_AGE_UNKNOWN);
}

static void uses_end_when_they_have_been_used(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.holder.uses_door = w.holder.uses_total = INT64_MAX;
    expect_granted(&w); /* nothing is limited */
    w.policy.holder.credential.uses_per_door = 3;
    w.holder.uses_door = 2;
    expect_granted(&w);
    w.holder.uses_door = 3;
    expect_denied(&w, REASON_USES_EXHAUSTED);
    w.holder.uses_door = 4;
    expect_denied(&w, REASON_USES_EXHAUSTED);
    w.holder.uses_door = 0;
    w.policy.holder.credential.uses_total = 5;
    w.holder.uses_total = 4;
    expect_granted(&w);
    w.holder.uses_total = 5;
    expect_denied(&w, REASON_USES_EXHAUSTED);
    w.policy.holder.credential.uses_per_door = USES_UNLIMITED;
    expect_denied(&w, REASON_USES_EXHAUSTED);
}

static void a_limit_of_no_use_is_never_usable(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.credential.uses_per_door = 0;
    expect_denied(&w, REASON_USES_EXHAUSTED);
    world_make(&w);
    w.policy.holder.credential.uses_total = 0;
    expect_denied(&w, REASON_USES_EXHAUSTED);
}

static void who_needs_more_time_gets_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.extended_release = true;
    struct verdict v = decide(&w);
    assert_true(v.is_extended);
    assert_int_equal(v.release_s, 45);
    break_the_paths(&w);
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void every_reason_and_decision_has_one_word(void **state)
{
    (void)state;
    for (int i = 0; i < REASONS; i++) {
        enum reason back = REASON_GRANTED;
        assert_int_equal(reason_parse(&back, slice_of(reason_name((enum reason)i))), GH_OK);
        assert_int_equal(back, i);
    }
    static const enum decision decisions[] = {DECISION_DENIED, DECISION_GRANTED, DECISION_PENDING};
    for (size_t i = 0; i < COUNT(decisions); i++) {
        enum decision back = DECISION_DENIED;
        assert_int_equal(decision_parse(&back, slice_of(decision_name(decisions[i]))), GH_OK);
        assert_int_equal(back, decisions[i]);
    }
    enum reason untouched = REASON_INTERLOCK;
    assert_int_equal(reason_parse(&untouched, slice_of("grantedd")), GH_INVALID);
    assert_int_equal(untouched, REASON_INTERLOCK);
    assert_null(violation_name(VIOLATION_NONE));
    assert_string_equal(violation_name(VIOLATION_ENTRY), "entry");
    assert_string_equal(violation_name(VIOLATION_EXIT), "exit");
    assert_null(violation_name((enum violation)7));
}

static void a_path_is_named_by_its_kind(void **state)
{
    (void)state;
    struct via via = {.present = true, .is_rules = true, .kind = ENTITLEMENT_GRANT};
    assert_string_equal(via_kind_name(&via), "access_rules");
    via.is_rules = false;
    assert_string_equal(via_kind_name(&via), "grant");
    via.kind = ENTITLEMENT_DELIVERY;
    assert_string_equal(via_kind_name(&via), "delivery");
}

/* --- the trace ----------------------------------------------------------------------- */

static void a_trace_tells_how_far_the_checks_went(void **state)
{
    (void)state;
    static const struct {
        void (*break_it)(struct world *w);
        int last;
    } ends[] = {
        {break_the_payload, 0},    {break_the_value, 1},       {break_the_person, 2},
        {break_the_credential, 3}, {break_the_persons_end, 4}, {break_the_license, 5},
        {break_the_mode, 6},       {break_the_paths, 8},       {break_the_policy_age, 9},
        {break_the_pin, 10},       {break_the_location, 11},   {break_the_antipassback, 12},
        {break_the_uses, 13},      {break_the_interlock, 14},  {break_the_second_person, 15},
    };
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct world w;
        world_make(&w);
        ends[i].break_it(&w);
        struct verdict v = access_decide(&w.request, &w.facts, &w.trace);
        expect_reason(v.reason, decide(&w).reason);
        assert_int_equal(w.trace.n_checks, ends[i].last + 1);
        for (int c = 0; c < ends[i].last; c++)
            expect_reason(w.trace.check[c], REASON_GRANTED);
        expect_reason(w.trace.check[ends[i].last], v.reason);
    }
    struct world w;
    world_make(&w);
    (void)access_decide(&w.request, &w.facts, &w.trace);
    assert_int_equal(w.trace.n_checks, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_read_is_granted_with_its_path_and_release_time),
        cmocka_unit_test(the_first_check_that_fails_is_the_reason),
        cmocka_unit_test(a_second_person_is_asked_for_only_when_all_else_is_well),
        cmocka_unit_test(facts_that_could_not_be_had_grant_nothing),
        cmocka_unit_test(each_unknown_leaves_the_mode_unknown),
        cmocka_unit_test(a_denial_reports_the_mode_in_which_it_was_taken),
        cmocka_unit_test(a_reader_takes_the_types_it_accepts_and_no_other),
        cmocka_unit_test(the_deny_lane_shuts_out_person_and_credential),
        cmocka_unit_test(an_interval_holds_its_first_second_and_not_its_last),
        cmocka_unit_test(an_interval_may_be_open_on_either_side),
        cmocka_unit_test(dates_need_a_clock_that_can_be_trusted),
        cmocka_unit_test(a_licence_ends_to_the_second_and_never_for_want_of_a_clock),
        cmocka_unit_test(a_policy_may_be_as_old_as_its_class_allows_and_no_older),
        cmocka_unit_test(the_policys_age_is_told_from_its_checkpoint),
        cmocka_unit_test(uses_end_when_they_have_been_used),
        cmocka_unit_test(a_limit_of_no_use_is_never_usable),
        cmocka_unit_test(who_needs_more_time_gets_it),
        cmocka_unit_test(every_reason_and_decision_has_one_word),
        cmocka_unit_test(a_path_is_named_by_its_kind),
        cmocka_unit_test(a_trace_tells_how_far_the_checks_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
