/* The decision, check 8: by which path somebody may pass, and what it brings. */
#include "unit/policy_world.h"

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};
static const struct schedule_window evening[] = {{EVERY_DAY, HM(18, 0), HM(22, 0)}};
static const struct day_span working[] = {{HM(9, 0), HM(11, 0)}};

/* --- access rules -------------------------------------------------------------------- */

static void rules_let_in_the_types_they_list(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    expect_granted(&w);
    struct verdict v = decide(&w);
    assert_true(v.via.is_rules);
    assert_string_equal(v.via.id.s, "rules");
    strcpy(w.policy.holder.person.type, "guest");
    expect_denied(&w, REASON_NO_PERMISSION);
    w.types[1] = (struct type_rule){"guest", {w.statuses, 0}};
    expect_denied(&w, REASON_NO_PERMISSION);
    w.door.rules.n_types = 2;
    expect_granted(&w);
}

static void a_person_without_a_type_matches_no_type(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.policy.holder.person.type[0] = '\0';
    expect_denied(&w, REASON_NO_PERMISSION);
    w.types[0].type = "";
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void a_list_of_statuses_narrows_a_type_and_an_empty_one_does_not(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.statuses[0] = "active";
    w.statuses[1] = "trial";
    w.types[0].statuses.n = 2;
    expect_denied(&w, REASON_NO_PERMISSION); /* no status at all */
    strcpy(w.policy.holder.person.status, "gone");
    expect_denied(&w, REASON_NO_PERMISSION);
    strcpy(w.policy.holder.person.status, "trial");
    expect_granted(&w);
    strcpy(w.policy.holder.person.status, "active");
    expect_granted(&w);
    w.statuses[1] = "a";
    strcpy(w.policy.holder.person.status, "a");
    expect_granted(&w);
    strcpy(w.policy.holder.person.status, "gone");
    w.types[0].statuses.n = 0;
    expect_granted(&w);
}

static void an_empty_status_is_no_status(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.statuses[0] = "";
    w.types[0].statuses.n = 1;
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void rules_let_in_whoever_has_one_of_their_tags(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.door.rules.n_types = 0;
    w.rule_tags[0] = "vip";
    w.rule_tags[1] = "crew";
    w.door.rules.tags.n = 2;
    expect_denied(&w, REASON_NO_PERMISSION); /* no tag */
    w.tags[0] = "member";
    w.tags[1] = "crew";
    w.policy.holder.person.tags.n = 1;
    expect_denied(&w, REASON_NO_PERMISSION);
    w.policy.holder.person.tags.n = 2;
    expect_granted(&w);
    w.tags[1] = "beyond"; /* what lies behind the rules' tags */
    expect_denied(&w, REASON_NO_PERMISSION);
    w.tags[0] = "vip";
    expect_granted(&w);
}

static void rules_that_list_nobody_match_nobody(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.door.rules.n_types = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
    use_rules(&w);
    w.door.rules.is_set = false;
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void rules_end_with_their_hours_for_whom_they_match(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.door.rules.hours = hours_of(office, 1);
    expect_granted(&w);
    w.door.rules.hours = hours_of(evening, 1);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    strcpy(w.policy.holder.person.type, "guest");
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void rules_come_before_entitlements_and_never_replace_them(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.policy.n_entitlements = 1;
    assert_true(decide(&w).via.is_rules);
    w.door.rules.hours = hours_of(evening, 1);
    expect_granted(&w);
    assert_false(decide(&w).via.is_rules);
    assert_string_equal(decide(&w).via.id.s, "role");
}

/* --- entitlements -------------------------------------------------------------------- */

static void an_entitlement_is_valid_to_the_second(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].validity = from_until(NOON, NOON + 2);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + 1;
    expect_granted(&w);
    w.facts.now.wall.s = NOON + 2;
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);
    w.facts.now.wall.s = NOON - 1;
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
}

static void a_membership_is_valid_to_the_second(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].membership = from_until(NOON, NOON + 2);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + 2;
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);
    w.facts.now.wall.s = NOON - 1;
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    /* The entitlement's own dates are looked at first. */
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.entitlements[0].validity = from_until(INSTANT_NONE, NOON - 1);
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);
}

static void another_membership_may_still_let_in(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].membership = from_until(NOON + 1, INSTANT_NONE);
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    add_entitlement(&w, "role");
    expect_granted(&w);
}

static void a_schedule_is_judged_on_the_doors_wall_clock(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].hours = hours_of(office, 1);
    expect_granted(&w);
    struct zone_view east = {1, {{0, 8 * HOUR}}};
    w.facts.now.zone = &east;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE); /* 18:00:00 there */
    w.facts.now.wall.s--;
    expect_granted(&w);
    w.facts.now.site_zone = &unknown_zone;
    expect_granted(&w);
    w.facts.now.zone = &unknown_zone;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
}

static void a_schedule_without_windows_is_never_and_none_is_always(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].hours = hours_of(office, 0);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    w.entitlements[0].hours.is_set = false;
    expect_granted(&w);
}

static void a_schedule_needs_a_clock_that_can_be_trusted(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    w.facts.now.zone = &unknown_zone;
    expect_granted(&w);
    w.entitlements[0].hours = hours_of(office, 1);
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.facts.now.wall.trust = CLOCK_HOLDOVER;
    w.facts.now.zone = &utc;
    expect_granted(&w);
}

static void a_window_in_the_spring_gap_lets_nobody_in(void **state)
{
    (void)state;
    static const struct schedule_window gap[] = {{SUN, HM(2, 0), HM(3, 0)}};
    struct world w;
    world_make(&w);
    w.facts.now.zone = &berlin;
    w.entitlements[0].hours = hours_of(gap, 1);
    for (int64_t s = -HOUR; s <= HOUR; s += 600) {
        w.facts.now.wall.s = BERLIN_SPRING + s;
        expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    }
    /* In the autumn fold the same window lasts two hours. */
    static const struct {
        int64_t after;
        bool is_open;
    } moments[] = {{-HOUR - 1, false}, {-HOUR, true},    {-1, true},
                   {0, true},          {HOUR - 1, true}, {HOUR, false}};
    for (size_t i = 0; i < COUNT(moments); i++) {
        w.facts.now.wall.s = BERLIN_AUTUMN + moments[i].after;
        if (moments[i].is_open)
            expect_granted(&w);
        else
            expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    }
}

static void the_first_path_that_passes_is_reported(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].validity.until = NOON;
    add_entitlement(&w, "stay")->kind = ENTITLEMENT_RESERVATION;
    add_entitlement(&w, "team")->kind = ENTITLEMENT_GRANT;
    struct verdict v = decide(&w);
    assert_string_equal(v.via.id.s, "stay");
    assert_int_equal(v.via.kind, ENTITLEMENT_RESERVATION);
}

/* Makes the path fail in the way that leads to the reason. */
static void make_it_fail(struct world *w, struct entitlement_facts *e, enum reason reason)
{
    w->holidays[0] = holiday_on((struct date){2025, 1, 15});
    w->policy.holidays.n = 1;
    switch ((int)reason) {
    case REASON_ENTITLEMENT_EXPIRED: e->validity.until = NOON; break;
    case REASON_ENTITLEMENT_NOT_STARTED: e->validity.from = NOON + 1; break;
    case REASON_OUTSIDE_SCHEDULE: e->hours = hours_of(evening, 1); break;
    case REASON_HOLIDAY: e->holiday = HOLIDAY_REPLACE; break;
    default: fail_msg("no such path");
    }
}

static void the_failure_that_got_furthest_is_reported(void **state)
{
    (void)state;
    static const enum reason ranks[] = {REASON_HOLIDAY, REASON_OUTSIDE_SCHEDULE,
                                        REASON_ENTITLEMENT_NOT_STARTED, REASON_ENTITLEMENT_EXPIRED};
    for (size_t a = 0; a < COUNT(ranks); a++) {
        for (size_t b = 0; b < COUNT(ranks); b++) {
            struct world w;
            world_make(&w);
            make_it_fail(&w, &w.entitlements[0], ranks[a]);
            expect_denied(&w, ranks[a]);
            make_it_fail(&w, add_entitlement(&w, "second"), ranks[b]);
            expect_denied(&w, ranks[a < b ? a : b]);
        }
    }
}

static void a_clock_that_is_not_trusted_outranks_every_other_failure(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    strcpy(w.policy.holder.person.type, "guest");
    expect_denied(&w, REASON_NO_PERMISSION);
    make_it_fail(&w, add_entitlement(&w, "a"), REASON_HOLIDAY);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    make_it_fail(&w, add_entitlement(&w, "b"), REASON_ENTITLEMENT_EXPIRED);
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    add_entitlement(&w, "c");
    expect_granted(&w);
}

static void rules_outside_their_hours_are_ranked_with_the_entitlements(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.door.rules.hours = hours_of(evening, 1);
    make_it_fail(&w, add_entitlement(&w, "a"), REASON_ENTITLEMENT_NOT_STARTED);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    make_it_fail(&w, add_entitlement(&w, "b"), REASON_HOLIDAY);
    expect_denied(&w, REASON_HOLIDAY);
}

/* --- holidays ------------------------------------------------------------------------ */

/* NOON is on a holiday with working hours 09:00 to 11:00. */
static void make_holiday(struct world *w, enum holiday_rule rule)
{
    world_make(w);
    w->holidays[0] = holiday_on((struct date){2025, 1, 15});
    w->holidays[0].working = working;
    w->holidays[0].n_working = 1;
    w->policy.holidays.n = 1;
    w->entitlements[0].holiday = rule;
}

static void a_holiday_that_is_ignored_is_as_any_day(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_IGNORE);
    w.facts.now.wall.s = NOON + 4 * HOUR;
    expect_granted(&w);
    w.entitlements[0].hours = hours_of(evening, 1);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
}

static void working_hours_replace_the_schedule(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_REPLACE);
    w.entitlements[0].hours = hours_of(evening, 1);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + HOUR; /* 11:00 */
    expect_denied(&w, REASON_HOLIDAY);
    w.facts.now.wall.s = NOON + 9 * HOUR; /* 19:00, in the schedule */
    expect_denied(&w, REASON_HOLIDAY);
    w.facts.now.wall.s += DAY; /* no holiday */
    expect_granted(&w);
    w.facts.now.wall.s -= 9 * HOUR;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
}

static void working_hours_narrow_the_schedule(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_INTERSECT);
    expect_granted(&w);
    w.entitlements[0].hours = hours_of(office, 1);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + HOUR;
    expect_denied(&w, REASON_HOLIDAY);
    w.facts.now.wall.s = NOON;
    w.entitlements[0].hours = hours_of(evening, 1);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    w.facts.now.wall.s = NOON + 9 * HOUR;
    expect_denied(&w, REASON_HOLIDAY);
}

static void only_an_entitlements_own_calendar_counts(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_REPLACE);
    w.facts.now.wall.s = NOON + 4 * HOUR;
    expect_denied(&w, REASON_HOLIDAY);
    w.entitlements[0].calendar = id_of("other");
    expect_granted(&w);
    w.holidays[0].calendar = id_of("other");
    expect_denied(&w, REASON_HOLIDAY);
}

static void a_holiday_is_a_date_of_the_doors_wall_clock(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_REPLACE);
    w.holidays[0].n_working = 0;
    w.facts.now.zone = &berlin;
    w.facts.now.wall.s = NOON + 13 * HOUR; /* midnight in Berlin */
    expect_granted(&w);
    w.facts.now.wall.s--;
    expect_denied(&w, REASON_HOLIDAY);
}

static void a_holiday_rule_needs_a_clock_that_can_be_trusted(void **state)
{
    (void)state;
    struct world w;
    static const enum holiday_rule rules[] = {HOLIDAY_REPLACE, HOLIDAY_INTERSECT};
    for (size_t i = 0; i < COUNT(rules); i++) {
        make_holiday(&w, rules[i]);
        w.facts.now.zone = &unknown_zone;
        expect_denied(&w, REASON_CLOCK_UNTRUSTED);
        w.facts.now.zone = &utc;
        w.facts.now.wall.trust = CLOCK_UNSET;
        expect_denied(&w, REASON_CLOCK_UNTRUSTED);
        w.policy.holidays.n = 0; /* which dates are holidays does not matter */
        expect_denied(&w, REASON_CLOCK_UNTRUSTED);
        w.entitlements[0].holiday = HOLIDAY_IGNORE;
        expect_granted(&w);
    }
}

static void holiday_rules_rest_while_a_one_time_row_is_in_force(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_REPLACE);
    w.facts.now.wall.s = NOON + HOUR;
    struct mode_row *row = add_mode(&w, "event", TIER_ONE_TIME, WISH_LOCKED);
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET; /* and then need no clock */
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.entitlements[0].hours = hours_of(evening, 1);
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    row->hours = hours_of(evening, 1); /* its date, but not its hours */
    expect_denied(&w, REASON_HOLIDAY);
    row->hours.is_set = false;
    row->tier = TIER_ROUTINE;
    expect_denied(&w, REASON_HOLIDAY);
}

static void no_holiday_narrows_access_rules(void **state)
{
    (void)state;
    struct world w;
    make_holiday(&w, HOLIDAY_REPLACE);
    use_rules(&w);
    w.facts.now.wall.s = NOON + HOUR;
    expect_granted(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_let_in_the_types_they_list),
        cmocka_unit_test(a_person_without_a_type_matches_no_type),
        cmocka_unit_test(a_list_of_statuses_narrows_a_type_and_an_empty_one_does_not),
        cmocka_unit_test(an_empty_status_is_no_status),
        cmocka_unit_test(rules_let_in_whoever_has_one_of_their_tags),
        cmocka_unit_test(rules_that_list_nobody_match_nobody),
        cmocka_unit_test(rules_end_with_their_hours_for_whom_they_match),
        cmocka_unit_test(rules_come_before_entitlements_and_never_replace_them),
        cmocka_unit_test(an_entitlement_is_valid_to_the_second),
        cmocka_unit_test(a_membership_is_valid_to_the_second),
        cmocka_unit_test(another_membership_may_still_let_in),
        cmocka_unit_test(a_schedule_is_judged_on_the_doors_wall_clock),
        cmocka_unit_test(a_schedule_without_windows_is_never_and_none_is_always),
        cmocka_unit_test(a_schedule_needs_a_clock_that_can_be_trusted),
        cmocka_unit_test(a_window_in_the_spring_gap_lets_nobody_in),
        cmocka_unit_test(the_first_path_that_passes_is_reported),
        cmocka_unit_test(the_failure_that_got_furthest_is_reported),
        cmocka_unit_test(a_clock_that_is_not_trusted_outranks_every_other_failure),
        cmocka_unit_test(rules_outside_their_hours_are_ranked_with_the_entitlements),
        cmocka_unit_test(a_holiday_that_is_ignored_is_as_any_day),
        cmocka_unit_test(working_hours_replace_the_schedule),
        cmocka_unit_test(working_hours_narrow_the_schedule),
        cmocka_unit_test(only_an_entitlements_own_calendar_counts),
        cmocka_unit_test(a_holiday_is_a_date_of_the_doors_wall_clock),
        cmocka_unit_test(a_holiday_rule_needs_a_clock_that_can_be_trusted),
        cmocka_unit_test(holiday_rules_rest_while_a_one_time_row_is_in_force),
        cmocka_unit_test(no_holiday_narrows_access_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
