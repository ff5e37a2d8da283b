/* When a certificate is due, and when it is an alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/syncd/lifetime.h"

#define FROM 1700000000
#define LIFE 900
#define UNTIL (FROM + LIFE)

static enum lifetime_phase at(int64_t s)
{
    return lifetime_phase(FROM, UNTIL, (struct wall){s, CLOCK_SYNCED});
}

static void it_is_due_once_less_than_a_third_is_left_and_an_alarm_below_a_tenth(void **state)
{
    (void)state;
    assert_int_equal(at(FROM), LIFETIME_GOOD);
    assert_int_equal(at(UNTIL - 300), LIFETIME_GOOD);
    assert_int_equal(at(UNTIL - 299), LIFETIME_DUE);
    assert_int_equal(at(UNTIL - 90), LIFETIME_DUE);
    assert_int_equal(at(UNTIL - 89), LIFETIME_LOW);
    assert_int_equal(at(UNTIL - 1), LIFETIME_LOW);
    assert_int_equal(at(UNTIL), LIFETIME_OVER);
    assert_int_equal(at(UNTIL + 1000000), LIFETIME_OVER);
    /* Before it begins, a clock that is behind looks at it: it is good. */
    assert_int_equal(at(FROM - 60), LIFETIME_GOOD);
}

static void no_date_is_judged_by_a_clock_that_is_not_trusted(void **state)
{
    (void)state;
    for (int64_t s = FROM - 100; s < UNTIL + 100; s += 50) {
        struct wall unset = {s, CLOCK_UNSET};
        assert_int_equal(lifetime_phase(FROM, UNTIL, unset), LIFETIME_UNKNOWN);
        assert_true(lifetime_left_s(FROM, UNTIL, unset) == INT64_MAX);
    }
    assert_int_equal(lifetime_phase(FROM, UNTIL, (struct wall){UNTIL, CLOCK_HOLDOVER}), LIFETIME_OVER);
}

static void who_sleeps_until_the_next_phase_wakes_in_it_and_not_a_second_before(void **state)
{
    (void)state;
    for (int64_t life = 1; life < 200; life++) {
        int64_t until = FROM + life;
        struct wall now = {FROM, CLOCK_SYNCED};
        for (int phases = 0; phases < 5; phases++) {
            enum lifetime_phase phase = lifetime_phase(FROM, until, now);
            int64_t left_s = lifetime_left_s(FROM, until, now);
            if (phase == LIFETIME_OVER) {
                assert_true(left_s == INT64_MAX);
                break;
            }
            assert_true(left_s > 0);
            now.s += left_s - 1;
            assert_int_equal(lifetime_phase(FROM, until, now), phase);
            now.s++;
            assert_true(lifetime_phase(FROM, until, now) > phase);
        }
        assert_int_equal(now.s, until);
    }
}

static void what_ends_before_it_begins_is_over_at_its_end(void **state)
{
    (void)state;
    assert_int_equal(lifetime_phase(UNTIL, FROM, (struct wall){FROM, CLOCK_SYNCED}), LIFETIME_OVER);
    assert_int_not_equal(lifetime_phase(UNTIL, FROM, (struct wall){FROM - 1, CLOCK_SYNCED}),
                         LIFETIME_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_due_once_less_than_a_third_is_left_and_an_alarm_below_a_tenth),
        cmocka_unit_test(no_date_is_judged_by_a_clock_that_is_not_trusted),
        cmocka_unit_test(who_sleeps_until_the_next_phase_wakes_in_it_and_not_a_second_before),
        cmocka_unit_test(what_ends_before_it_begins_is_over_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
