/* Wall clocks of zones, instants of wall clocks, and weekly windows on them. */
#include "core/localtime.h"
#include "core/schedule.h"
#include "unit/policy_world.h"

static void expect_local(const struct zone_view *zone, int64_t instant, int64_t day, int h, int m,
                         int s, int weekday)
{
    struct local_time t = local_time_at(zone, instant);
    assert_int_equal(t.day, day);
    assert_int_equal(t.second, h * HOUR + m * 60 + s);
    assert_int_equal(t.weekday, weekday);
}

#define MARCH_30 (BERLIN_SPRING / DAY)
#define OCTOBER_26 (BERLIN_AUTUMN / DAY)

static void a_clock_springs_at_the_instant_of_its_span(void **state)
{
    (void)state;
    expect_local(&berlin, BERLIN_SPRING - 1, MARCH_30, 1, 59, 59, 6);
    expect_local(&berlin, BERLIN_SPRING, MARCH_30, 3, 0, 0, 6);
    expect_local(&berlin, BERLIN_AUTUMN - 1, OCTOBER_26, 2, 59, 59, 6);
    expect_local(&berlin, BERLIN_AUTUMN, OCTOBER_26, 2, 0, 0, 6);
    expect_local(&berlin, BERLIN_AUTUMN + 400 * DAY, OCTOBER_26 + 400, 2, 0, 0, 0);
}

static void a_clock_may_spring_by_half_an_hour(void **state)
{
    (void)state;
    const int64_t april_6 = LORD_HOWE_AUTUMN / DAY + 1, october_5 = LORD_HOWE_SPRING / DAY + 1;
    expect_local(&lord_howe, LORD_HOWE_AUTUMN - 1, april_6, 1, 59, 59, 6);
    expect_local(&lord_howe, LORD_HOWE_AUTUMN, april_6, 1, 30, 0, 6);
    expect_local(&lord_howe, LORD_HOWE_SPRING - 1, october_5, 1, 59, 59, 6);
    expect_local(&lord_howe, LORD_HOWE_SPRING, october_5, 2, 30, 0, 6);
}

static void a_fixed_offset_moves_day_and_weekday(void **state)
{
    (void)state;
    expect_local(&india, NOON + 8 * HOUR + 1800, NOON / DAY + 1, 0, 0, 0, 3);
    expect_local(&india, NOON + 8 * HOUR + 1799, NOON / DAY, 23, 59, 59, 2);
    expect_local(&utc, 0, 0, 0, 0, 0, 3); /* a Thursday */
}

static void the_first_span_counts_from_ever(void **state)
{
    (void)state;
    const struct zone_view late = {2, {{NOON, HOUR}, {NOON + 10, 0}}};
    expect_local(&late, NOON - 10 * HOUR, NOON / DAY, 1, 0, 0, 2);
    expect_local(&late, NOON + 9, NOON / DAY, 11, 0, 9, 2);
    expect_local(&late, NOON + 10, NOON / DAY, 10, 0, 10, 2);
}

static void an_unknown_zone_counts_as_utc(void **state)
{
    (void)state;
    const struct zone_view nothing = {0, {{0, 5 * HOUR}}};
    expect_local(&nothing, NOON, NOON / DAY, 10, 0, 0, 2);
}

static void days_before_1970_have_their_weekdays_too(void **state)
{
    (void)state;
    expect_local(&utc, -1, -1, 23, 59, 59, 2);
    expect_local(&utc, -DAY, -1, 0, 0, 0, 2);
    expect_local(&utc, -DAY - 1, -2, 23, 59, 59, 1);
    expect_local(&utc, -3 * DAY, -3, 0, 0, 0, 0);
    expect_local(&utc, -4 * DAY, -4, 0, 0, 0, 6); /* a Sunday */
    expect_local(&utc, -7 * DAY, -7, 0, 0, 0, 3);
    const struct zone_view west = {1, {{0, -34200}}};
    expect_local(&west, 0, -1, 14, 30, 0, 2);
}

/* --- and back ------------------------------------------------------------------------ */

static void an_instant_undoes_local_time_but_in_a_fold(void **state)
{
    (void)state;
    const struct zone_view *zones[] = {&utc, &berlin, &lord_howe, &india};
    for (size_t z = 0; z < COUNT(zones); z++) {
        for (int64_t s = BERLIN_SPRING - 5 * DAY; s < BERLIN_AUTUMN + 5 * DAY; s += 1799) {
            struct local_time t = local_time_at(zones[z], s);
            int64_t back = local_instant(zones[z], t.day, t.second);
            struct local_time again = local_time_at(zones[z], back);
            assert_true(back <= s);
            assert_int_equal(again.day, t.day);
            assert_int_equal(again.second, t.second);
        }
    }
}

static void a_second_in_the_gap_comes_after_it(void **state)
{
    (void)state;
    assert_int_equal(local_instant(&berlin, MARCH_30, 2 * HOUR - 1), BERLIN_SPRING - 1);
    assert_int_equal(local_instant(&berlin, MARCH_30, 2 * HOUR), BERLIN_SPRING);
    assert_int_equal(local_instant(&berlin, MARCH_30, 2 * HOUR + 1), BERLIN_SPRING);
    assert_int_equal(local_instant(&berlin, MARCH_30, 3 * HOUR - 1), BERLIN_SPRING);
    assert_int_equal(local_instant(&berlin, MARCH_30, 3 * HOUR), BERLIN_SPRING);
    assert_int_equal(local_instant(&berlin, MARCH_30, 3 * HOUR + 1), BERLIN_SPRING + 1);
    const int64_t october_5 = LORD_HOWE_SPRING / DAY + 1;
    assert_int_equal(local_instant(&lord_howe, october_5, 2 * HOUR + 900), LORD_HOWE_SPRING);
}

static void a_second_in_the_fold_comes_the_first_time(void **state)
{
    (void)state;
    assert_int_equal(local_instant(&berlin, OCTOBER_26, 2 * HOUR), BERLIN_AUTUMN - HOUR);
    assert_int_equal(local_instant(&berlin, OCTOBER_26, 3 * HOUR - 1), BERLIN_AUTUMN - 1);
    assert_int_equal(local_instant(&berlin, OCTOBER_26, 3 * HOUR), BERLIN_AUTUMN + HOUR);
    const int64_t april_6 = LORD_HOWE_AUTUMN / DAY + 1;
    assert_int_equal(local_instant(&lord_howe, april_6, 3600 + 1800), LORD_HOWE_AUTUMN - 1800);
    assert_int_equal(local_instant(&lord_howe, april_6, 2 * HOUR), LORD_HOWE_AUTUMN + 1800);
}

static void an_unknown_zone_has_instants_as_utc(void **state)
{
    (void)state;
    const struct zone_view nothing = {0, {{0, 5 * HOUR}, {INT64_MAX, 0}}};
    assert_int_equal(local_instant(&nothing, 3, 5), 3 * DAY + 5);
    assert_int_equal(local_instant(&utc, -1, 5), -DAY + 5);
    assert_int_equal(local_instant(&india, 1, 0), DAY - 19800);
}

/* --- windows ------------------------------------------------------------------------- */

static bool in(const struct schedule_window *windows, size_t n, int weekday, int second)
{
    return schedule_contains(windows, n, (struct local_time){.weekday = weekday, .second = second});
}

static void a_window_holds_its_start_and_not_its_end(void **state)
{
    (void)state;
    const struct schedule_window w[] = {{TUE, HM(8, 0), HM(18, 0)}, {EVERY_DAY, 0, 1440}};
    assert_false(in(w, 1, 1, 8 * HOUR - 1));
    assert_true(in(w, 1, 1, 8 * HOUR));
    assert_true(in(w, 1, 1, 18 * HOUR - 1));
    assert_false(in(w, 1, 1, 18 * HOUR));
    for (int day = 0; day < 7; day++)
        assert_int_equal(in(w, 1, day, 12 * HOUR), day == 1);
    assert_false(in(w, 0, 1, 12 * HOUR));
}

static void each_bit_is_a_day(void **state)
{
    (void)state;
    for (int bit = 0; bit < 7; bit++) {
        const struct schedule_window w[] = {{(uint8_t)(1 << bit), HM(8, 0), HM(9, 0)}};
        for (int day = 0; day < 7; day++) {
            assert_int_equal(in(w, 1, day, 8 * HOUR), day == bit);
            assert_int_equal(schedule_starts_on(w, 1, day), day == bit);
        }
    }
}

static void a_window_to_24_00_ends_with_its_day(void **state)
{
    (void)state;
    const struct schedule_window w[] = {{SUN, HM(22, 0), 1440}, {SAT, 0, 1}};
    assert_true(in(w, 2, 6, DAY - 1));
    assert_false(in(w, 2, 0, 0));
    assert_true(in(w, 2, 5, 0)); /* from midnight on */
    assert_true(in(w, 2, 5, 59));
    assert_false(in(w, 2, 5, 60));
}

static void a_window_over_midnight_belongs_to_its_start_day(void **state)
{
    (void)state;
    for (int day = 0; day < 7; day++) {
        const struct schedule_window w[] = {{(uint8_t)(1 << day), HM(22, 0), HM(6, 0)},
                                            {EVERY_DAY, 0, 1440}};
        int next = (day + 1) % 7;
        assert_false(in(w, 1, day, 6 * HOUR - 1));
        assert_false(in(w, 1, day, 22 * HOUR - 1));
        assert_true(in(w, 1, day, 22 * HOUR));
        assert_true(in(w, 1, day, DAY - 1));
        assert_true(in(w, 1, next, 0));
        assert_true(in(w, 1, next, 6 * HOUR - 1));
        assert_false(in(w, 1, next, 6 * HOUR));
        assert_false(in(w, 1, next, 22 * HOUR));
        assert_false(in(w, 1, (day + 6) % 7, 23 * HOUR));
        assert_false(schedule_starts_on(w, 1, next)); /* only its first day is its day */
        assert_true(schedule_starts_on(w, 1, day));
    }
}

static void any_window_of_a_schedule_will_do(void **state)
{
    (void)state;
    const struct schedule_window w[] = {{MON, HM(8, 0), HM(9, 0)},
                                        {MON, HM(10, 0), HM(11, 0)},
                                        {WED, HM(8, 0), HM(9, 0)},
                                        {EVERY_DAY, 0, 1440}};
    assert_true(in(w, 3, 0, 8 * HOUR));
    assert_false(in(w, 3, 0, 9 * HOUR));
    assert_true(in(w, 3, 0, 10 * HOUR));
    assert_true(in(w, 3, 2, 8 * HOUR));
    assert_false(in(w, 2, 2, 8 * HOUR));
    assert_false(schedule_starts_on(w, 0, 0));
    assert_true(schedule_starts_on(w, 3, 2));
    assert_false(schedule_starts_on(w, 2, 2));
    assert_false(schedule_starts_on(w, 3, 1));
}

static void a_window_lasts_as_long_as_the_wall_clock_says(void **state)
{
    (void)state;
    static const struct {
        const struct zone_view *zone;
        int64_t around;
        int start, end;
        int64_t seconds;
    } nights[] = {
        {&berlin, BERLIN_SPRING, HM(2, 0), HM(3, 0), 0},
        {&berlin, BERLIN_AUTUMN, HM(2, 0), HM(3, 0), 2 * HOUR},
        {&berlin, BERLIN_SPRING, HM(1, 0), HM(4, 0), 2 * HOUR},
        {&berlin, BERLIN_AUTUMN, HM(1, 0), HM(4, 0), 4 * HOUR},
        {&lord_howe, LORD_HOWE_SPRING, HM(2, 0), HM(3, 0), 1800},
        {&lord_howe, LORD_HOWE_AUTUMN, HM(1, 30), HM(2, 0), HOUR},
        {&india, BERLIN_SPRING, HM(2, 0), HM(3, 0), HOUR},
    };
    for (size_t i = 0; i < COUNT(nights); i++) {
        const struct schedule_window w[] = {
            {SUN, (uint16_t)nights[i].start, (uint16_t)nights[i].end}};
        int64_t seconds = 0;
        for (int64_t s = nights[i].around - DAY; s < nights[i].around + 2 * DAY; s += 60)
            seconds += schedule_contains(w, 1, local_time_at(nights[i].zone, s)) ? 60 : 0;
        assert_int_equal(seconds, nights[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_springs_at_the_instant_of_its_span),
        cmocka_unit_test(a_clock_may_spring_by_half_an_hour),
        cmocka_unit_test(a_fixed_offset_moves_day_and_weekday),
        cmocka_unit_test(the_first_span_counts_from_ever),
        cmocka_unit_test(an_unknown_zone_counts_as_utc),
        cmocka_unit_test(days_before_1970_have_their_weekdays_too),
        cmocka_unit_test(an_instant_undoes_local_time_but_in_a_fold),
        cmocka_unit_test(a_second_in_the_gap_comes_after_it),
        cmocka_unit_test(a_second_in_the_fold_comes_the_first_time),
        cmocka_unit_test(an_unknown_zone_has_instants_as_utc),
        cmocka_unit_test(a_window_holds_its_start_and_not_its_end),
        cmocka_unit_test(each_bit_is_a_day),
        cmocka_unit_test(a_window_to_24_00_ends_with_its_day),
        cmocka_unit_test(a_window_over_midnight_belongs_to_its_start_day),
        cmocka_unit_test(any_window_of_a_schedule_will_do),
        cmocka_unit_test(a_window_lasts_as_long_as_the_wall_clock_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
