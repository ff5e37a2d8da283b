/* The decision, check 12: occupancy and anti-passback of the reader's areas. */
#include "unit/policy_world.h"

static const struct schedule_window evening[] = {{EVERY_DAY, HM(18, 0), HM(22, 0)}};

/* Adds an area of the reader, and jane's state in it. */
static struct area_facts *add_area(struct world *w, const char *id, bool is_entry, enum side side)
{
    size_t i = w->policy.reader.n_areas++;
    w->areas[i] = area_of(id, is_entry);
    w->passes[i] = (struct area_situation){.pass = {side, NOON - 100}};
    return &w->areas[i];
}

static void expect_violation(struct world *w, enum violation violation)
{
    expect_granted(w);
    assert_int_equal(decide(w).violation, violation);
}

static void who_is_in_may_not_come_in_again(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN);
    expect_denied(&w, REASON_ANTIPASSBACK);
    assert_int_equal(decide(&w).violation, VIOLATION_ENTRY);
    w.passes[0].pass.side = SIDE_OUT;
    expect_violation(&w, VIOLATION_NONE);
    w.passes[0].pass.side = SIDE_NONE;
    expect_violation(&w, VIOLATION_NONE);
}

static void who_is_out_may_not_go_out_again(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct area_facts *hall = add_area(&w, "hall", false, SIDE_OUT);
    expect_denied(&w, REASON_ANTIPASSBACK);
    assert_int_equal(decide(&w).violation, VIOLATION_EXIT);
    w.passes[0].pass.side = SIDE_IN;
    expect_violation(&w, VIOLATION_NONE);
    w.passes[0].pass.side = SIDE_NONE;
    expect_violation(&w, VIOLATION_NONE);
    hall->exit_without_entry_violates = true;
    expect_denied(&w, REASON_ANTIPASSBACK);
    assert_int_equal(decide(&w).violation, VIOLATION_EXIT);
}

static void a_violation_that_is_only_logged_is_granted(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN)->antipassback = ANTIPASSBACK_LOG;
    expect_violation(&w, VIOLATION_ENTRY);
    w.areas[0].is_entry = false;
    w.passes[0].pass.side = SIDE_OUT;
    expect_violation(&w, VIOLATION_EXIT);
    w.areas[0].antipassback = ANTIPASSBACK_OFF;
    expect_violation(&w, VIOLATION_NONE);
}

static void a_later_denial_carries_no_violation(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN)->antipassback = ANTIPASSBACK_LOG;
    w.situation.is_interlocked = true;
    expect_denied(&w, REASON_INTERLOCK);
}

static void the_first_logged_violation_is_told_and_the_denying_one_before_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "a", false, SIDE_OUT)->antipassback = ANTIPASSBACK_LOG;
    add_area(&w, "b", true, SIDE_IN)->antipassback = ANTIPASSBACK_LOG;
    expect_violation(&w, VIOLATION_EXIT);
    w.areas[1].antipassback = ANTIPASSBACK_DENY;
    expect_denied(&w, REASON_ANTIPASSBACK);
    assert_int_equal(decide(&w).violation, VIOLATION_ENTRY);
    w.areas[0].antipassback = ANTIPASSBACK_DENY;
    assert_int_equal(decide(&w).violation, VIOLATION_EXIT);
    w.passes[0].pass.side = SIDE_IN; /* no violation there, and one in the next */
    assert_int_equal(decide(&w).violation, VIOLATION_ENTRY);
}

static void antipassback_rests_outside_its_schedule_in_the_sites_zone(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN)->schedule = hours_of(evening, 1);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + 7 * HOUR; /* 18:00 in Berlin */
    expect_granted(&w);
    w.facts.now.zone = &berlin;
    expect_granted(&w);
    w.facts.now.site_zone = &berlin;
    w.facts.now.zone = &utc;
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.facts.now.wall.s--;
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_ANTIPASSBACK);
}

static void a_pass_that_has_lapsed_is_no_violation(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct area_facts *hall = add_area(&w, "hall", true, SIDE_IN);
    hall->timeout_s = 101;
    expect_denied(&w, REASON_ANTIPASSBACK);
    hall->timeout_s = 100;
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    hall->timeout_s = 0;
    hall->reset_min = HM(10, 59);
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.facts.now.site_zone = &berlin; /* 11:00 there; jane came 100 s ago */
    expect_granted(&w);
    w.facts.now.zone = &berlin;
    w.facts.now.site_zone = &utc;
    expect_denied(&w, REASON_ANTIPASSBACK);
    /* At an exit that asks for an entry, it is as if there had been none. */
    hall->is_entry = false;
    hall->reset_min = HM(10, 0);
    hall->exit_without_entry_violates = true;
    expect_denied(&w, REASON_ANTIPASSBACK);
}

static void an_exempt_person_passes_back(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN);
    w.policy.holder.person.antipassback_exempt = true;
    expect_violation(&w, VIOLATION_NONE);
    w.areas[0].antipassback = ANTIPASSBACK_LOG;
    expect_violation(&w, VIOLATION_NONE);
}

static void a_member_of_an_exempt_group_passes_back_while_a_member(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", true, SIDE_IN);
    w.groups[0] = (struct group_facts){.validity = always()};
    w.policy.holder.n_groups = 1;
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.groups[1] =
        (struct group_facts){.validity = from_until(NOON, NOON + 1), .antipassback_exempt = true};
    w.policy.holder.n_groups = 2;
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.groups[1].validity = from_until(NOON + 1, INSTANT_NONE);
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.groups[1].validity = from_until(INSTANT_NONE, NOON);
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.groups[0].antipassback_exempt = true;
    expect_granted(&w);
}

static void an_area_is_full_when_as_many_others_are_in_as_may_be(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct area_facts *hall = add_area(&w, "hall", true, SIDE_NONE);
    w.passes[0].others_inside = 1000000;
    expect_granted(&w);
    hall->max_occupancy = 3;
    w.passes[0].others_inside = 2;
    expect_granted(&w);
    w.passes[0].others_inside = 3;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
    w.passes[0].others_inside = 4;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
    w.passes[0].others_inside = hall->max_occupancy = 0;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
}

static void nobody_is_kept_from_leaving_a_full_area(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "hall", false, SIDE_IN)->max_occupancy = 0;
    expect_granted(&w);
}

static void occupancy_counts_for_everyone_and_without_antipassback(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct area_facts *hall = add_area(&w, "hall", true, SIDE_NONE);
    hall->antipassback = ANTIPASSBACK_OFF;
    hall->max_occupancy = 1;
    w.passes[0].others_inside = 1;
    w.policy.holder.person.antipassback_exempt = true;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
}

static void all_occupancy_comes_before_all_antipassback(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "a", true, SIDE_IN);
    expect_denied(&w, REASON_ANTIPASSBACK);
    add_area(&w, "b", true, SIDE_NONE)->max_occupancy = 5;
    w.passes[1].others_inside = 4;
    expect_denied(&w, REASON_ANTIPASSBACK);
    w.passes[1].others_inside = 5;
    expect_denied(&w, REASON_OCCUPANCY_FULL);
}

static void an_open_door_records_a_pass_and_asks_nothing_of_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_area(&w, "a", true, SIDE_IN)->max_occupancy = 0;
    add_mode(&w, "open", TIER_ROUTINE, WISH_UNLOCKED);
    expect_already_unlocked(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_in_may_not_come_in_again),
        cmocka_unit_test(who_is_out_may_not_go_out_again),
        cmocka_unit_test(a_violation_that_is_only_logged_is_granted),
        cmocka_unit_test(a_later_denial_carries_no_violation),
        cmocka_unit_test(the_first_logged_violation_is_told_and_the_denying_one_before_it),
        cmocka_unit_test(antipassback_rests_outside_its_schedule_in_the_sites_zone),
        cmocka_unit_test(a_pass_that_has_lapsed_is_no_violation),
        cmocka_unit_test(an_exempt_person_passes_back),
        cmocka_unit_test(a_member_of_an_exempt_group_passes_back_while_a_member),
        cmocka_unit_test(an_area_is_full_when_as_many_others_are_in_as_may_be),
        cmocka_unit_test(nobody_is_kept_from_leaving_a_full_area),
        cmocka_unit_test(occupancy_counts_for_everyone_and_without_antipassback),
        cmocka_unit_test(all_occupancy_comes_before_all_antipassback),
        cmocka_unit_test(an_open_door_records_a_pass_and_asks_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
