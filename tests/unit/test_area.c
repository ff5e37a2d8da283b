/* Areas: what of a pass still counts, what is a violation, when it is enforced. */
#include "core/area.h"
#include "unit/policy_world.h"

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};

static struct wall at(int64_t s)
{
    return (struct wall){s, CLOCK_SYNCED};
}

static enum side side_now(const struct area_facts *area, int64_t passed_at, struct wall now,
                          const struct zone_view *zone)
{
    return area_pass_now(area, (struct pass){SIDE_IN, passed_at}, now, zone).side;
}

static void a_pass_without_timeout_and_reset_lasts(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    assert_int_equal(side_now(&a, 0, at(NOON), &utc), SIDE_IN);
    assert_int_equal(side_now(&a, INT64_MIN + 1, at(NOON), &utc), SIDE_IN);
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), INSTANT_NONE);
    struct pass out = area_pass_now(&a, (struct pass){SIDE_OUT, 5}, at(NOON), &utc);
    assert_int_equal(out.side, SIDE_OUT);
    assert_int_equal(out.at, 5);
}

static void a_pass_lapses_by_timeout_to_the_second(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.timeout_s = 60;
    assert_int_equal(side_now(&a, NOON - 59, at(NOON), &utc), SIDE_IN);
    assert_int_equal(side_now(&a, NOON - 60, at(NOON), &utc), SIDE_NONE);
    assert_int_equal(side_now(&a, NOON - 61, at(NOON), &utc), SIDE_NONE);
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - 60);
    assert_int_equal(side_now(&a, NOON + 5, at(NOON), &utc), SIDE_IN); /* the clock was set back */
    a.timeout_s = 1;
    assert_int_equal(side_now(&a, NOON, at(NOON), &utc), SIDE_IN);
    assert_int_equal(side_now(&a, NOON - 1, at(NOON), &utc), SIDE_NONE);
}

static void what_has_lapsed_is_no_state_at_all(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.timeout_s = 60;
    struct pass now = area_pass_now(&a, (struct pass){SIDE_OUT, NOON - 60}, at(NOON), &utc);
    assert_int_equal(now.side, SIDE_NONE);
}

static void a_pass_lapses_at_the_reset_of_the_day(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(4, 30);
    const int64_t reset = NOON - 10 * HOUR + 4 * HOUR + 1800;
    assert_int_equal(area_lapsed_up_to(&a, at(reset), &utc), reset - 1);
    assert_int_equal(side_now(&a, reset - 1, at(reset), &utc), SIDE_NONE);
    assert_int_equal(side_now(&a, reset, at(reset), &utc), SIDE_IN);
    assert_int_equal(side_now(&a, reset - 1, at(reset - 1), &utc), SIDE_IN);
    /* One second before it, that of yesterday is the newest. */
    assert_int_equal(area_lapsed_up_to(&a, at(reset - 1), &utc), reset - DAY - 1);
    assert_int_equal(side_now(&a, reset - DAY - 1, at(reset - 1), &utc), SIDE_NONE);
    assert_int_equal(side_now(&a, reset - DAY, at(reset - 1), &utc), SIDE_IN);
    a.reset_min = 0;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - 10 * HOUR - 1);
}

static void whatever_comes_later_of_timeout_and_reset_counts(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(4, 0);
    a.timeout_s = HOUR;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - HOUR);
    a.timeout_s = 7 * HOUR;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - 6 * HOUR - 1);
    a.timeout_s = 6 * HOUR;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - 6 * HOUR);
    a.timeout_s = 6 * HOUR + 2;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &utc), NOON - 6 * HOUR - 1);
}

static void a_reset_in_the_spring_gap_comes_at_the_moment_after_it(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(2, 30);
    assert_int_equal(side_now(&a, BERLIN_SPRING - 1, at(BERLIN_SPRING - 1), &berlin), SIDE_IN);
    assert_int_equal(area_lapsed_up_to(&a, at(BERLIN_SPRING), &berlin), BERLIN_SPRING - 1);
    assert_int_equal(side_now(&a, BERLIN_SPRING, at(BERLIN_SPRING), &berlin), SIDE_IN);
    /* The day before it was at 02:30 by the old offset. */
    assert_int_equal(area_lapsed_up_to(&a, at(BERLIN_SPRING - 1), &berlin),
                     BERLIN_SPRING - DAY + 1800 - 1);
}

static void a_reset_in_the_autumn_fold_comes_the_first_time(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(2, 30);
    const int64_t first = BERLIN_AUTUMN - 1800;
    assert_int_equal(area_lapsed_up_to(&a, at(first), &berlin), first - 1);
    assert_int_equal(side_now(&a, first - 1, at(first), &berlin), SIDE_NONE);
    /* And not a second time. */
    assert_int_equal(side_now(&a, first, at(BERLIN_AUTUMN + 1800), &berlin), SIDE_IN);
    assert_int_equal(side_now(&a, first, at(BERLIN_AUTUMN + 2 * HOUR), &berlin), SIDE_IN);
}

static void a_day_of_half_an_hour_more_has_one_reset(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(1, 45); /* the clock shows it twice: 02:00 becomes 01:30 */
    const int64_t first = LORD_HOWE_AUTUMN - 15 * 60;
    assert_int_equal(area_lapsed_up_to(&a, at(LORD_HOWE_AUTUMN + HOUR), &lord_howe), first - 1);
    a.reset_min = HM(2, 15); /* the clock never shows it: 02:00 becomes 02:30 */
    assert_int_equal(area_lapsed_up_to(&a, at(LORD_HOWE_SPRING), &lord_howe), LORD_HOWE_SPRING - 1);
}

static void a_day_that_a_zone_skips_has_its_reset_when_it_is_over(void **state)
{
    (void)state;
    /* Apia, 2011-12-30 never was: after the 29th came the 31st. */
    const int64_t skip = 1325239200;
    const struct zone_view apia = {2, {{0, -36000}, {skip, 50400}}};
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(23, 0);
    assert_int_equal(area_lapsed_up_to(&a, at(skip - 1), &apia), skip - HOUR - 1);
    assert_int_equal(area_lapsed_up_to(&a, at(skip), &apia), skip - 1);
    assert_int_equal(area_lapsed_up_to(&a, at(skip + 23 * HOUR), &apia), skip + 23 * HOUR - 1);
}

static void nothing_lapses_without_a_clock(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.timeout_s = 60;
    a.reset_min = HM(4, 0);
    struct wall unset = {NOON, CLOCK_UNSET};
    assert_int_equal(side_now(&a, 0, unset, &utc), SIDE_IN);
    assert_int_equal(area_lapsed_up_to(&a, unset, &utc), INSTANT_NONE);
    struct wall holdover = {NOON, CLOCK_HOLDOVER};
    assert_int_equal(side_now(&a, 0, holdover, &utc), SIDE_NONE);
}

static void without_a_zone_only_the_timeout_lapses(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.reset_min = HM(4, 0);
    assert_int_equal(side_now(&a, 0, at(NOON), &unknown_zone), SIDE_IN);
    a.timeout_s = 9 * HOUR;
    assert_int_equal(area_lapsed_up_to(&a, at(NOON), &unknown_zone), NOON - 9 * HOUR);
}

static void a_side_is_a_violation_where_it_cannot_be(void **state)
{
    (void)state;
    static const struct {
        bool is_entry, strict;
        enum side side;
        bool violates;
    } cases[] = {
        {true, false, SIDE_NONE, false},  {true, false, SIDE_IN, true},
        {true, false, SIDE_OUT, false},   {true, true, SIDE_NONE, false},
        {true, true, SIDE_IN, true},      {true, true, SIDE_OUT, false},
        {false, false, SIDE_NONE, false}, {false, false, SIDE_IN, false},
        {false, false, SIDE_OUT, true},   {false, true, SIDE_NONE, true},
        {false, true, SIDE_IN, false},    {false, true, SIDE_OUT, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct area_facts a = area_of("hall", cases[i].is_entry);
        a.exit_without_entry_violates = cases[i].strict;
        if (area_is_violation(&a, (struct pass){cases[i].side, NOON}) != cases[i].violates)
            fail_msg("case %zu", i);
    }
}

static void antipassback_is_enforced_inside_its_schedule_on_the_sites_clock(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    assert_true(area_is_enforced(&a, at(NOON), &utc));
    a.schedule = hours_of(office, 1);
    assert_true(area_is_enforced(&a, at(NOON), &utc));
    assert_true(area_is_enforced(&a, at(NOON + 8 * HOUR - 1), &utc));
    assert_false(area_is_enforced(&a, at(NOON + 8 * HOUR), &utc));
    assert_false(area_is_enforced(&a, at(NOON + 7 * HOUR), &berlin));
    a.schedule = hours_of(office, 0); /* never */
    assert_false(area_is_enforced(&a, at(NOON), &utc));
}

static void antipassback_is_enforced_without_a_clock(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.schedule = hours_of(office, 1);
    assert_true(area_is_enforced(&a, (struct wall){NOON + 8 * HOUR, CLOCK_UNSET}, &utc));
    assert_true(area_is_enforced(&a, at(NOON + 8 * HOUR), &unknown_zone));
    a.antipassback = ANTIPASSBACK_OFF;
    assert_false(area_is_enforced(&a, (struct wall){NOON, CLOCK_UNSET}, &utc));
}

static void antipassback_that_is_off_is_never_enforced(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    a.antipassback = ANTIPASSBACK_OFF;
    assert_false(area_is_enforced(&a, at(NOON), &utc));
    a.schedule = hours_of(office, 1);
    assert_false(area_is_enforced(&a, at(NOON), &utc));
    a.antipassback = ANTIPASSBACK_LOG;
    assert_true(area_is_enforced(&a, at(NOON), &utc));
}

static void passes_are_kept_for_antipassback_or_for_counting(void **state)
{
    (void)state;
    struct area_facts a = area_of("hall", true);
    assert_true(area_is_kept(&a));
    a.antipassback = ANTIPASSBACK_LOG;
    assert_true(area_is_kept(&a));
    a.antipassback = ANTIPASSBACK_OFF;
    assert_false(area_is_kept(&a));
    a.max_occupancy = 0;
    assert_true(area_is_kept(&a));
    a.antipassback = ANTIPASSBACK_DENY;
    assert_true(area_is_kept(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_without_timeout_and_reset_lasts),
        cmocka_unit_test(a_pass_lapses_by_timeout_to_the_second),
        cmocka_unit_test(what_has_lapsed_is_no_state_at_all),
        cmocka_unit_test(a_pass_lapses_at_the_reset_of_the_day),
        cmocka_unit_test(whatever_comes_later_of_timeout_and_reset_counts),
        cmocka_unit_test(a_reset_in_the_spring_gap_comes_at_the_moment_after_it),
        cmocka_unit_test(a_reset_in_the_autumn_fold_comes_the_first_time),
        cmocka_unit_test(a_day_of_half_an_hour_more_has_one_reset),
        cmocka_unit_test(a_day_that_a_zone_skips_has_its_reset_when_it_is_over),
        cmocka_unit_test(nothing_lapses_without_a_clock),
        cmocka_unit_test(without_a_zone_only_the_timeout_lapses),
        cmocka_unit_test(a_side_is_a_violation_where_it_cannot_be),
        cmocka_unit_test(antipassback_is_enforced_inside_its_schedule_on_the_sites_clock),
        cmocka_unit_test(antipassback_is_enforced_without_a_clock),
        cmocka_unit_test(antipassback_that_is_off_is_never_enforced),
        cmocka_unit_test(passes_are_kept_for_antipassback_or_for_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
