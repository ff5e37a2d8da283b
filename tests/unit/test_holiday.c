/* Dates, and which of them a holiday covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/holiday.h"

static const struct id calendar = {"default"};

static bool covers(const struct policy_holiday *h, int year, int month, int day)
{
    struct local_time t = {.day = date_to_day((struct date){year, month, day})};
    return holiday_look(h, 1, &calendar, t).is_holiday;
}

static struct policy_holiday range(struct date from, struct date to, bool yearly)
{
    return (struct policy_holiday){.calendar = calendar, .from = from, .to = to, .yearly = yearly};
}

static void days_and_dates_are_two_names_for_one_thing(void **state)
{
    (void)state;
    struct date before = {1969, 12, 31};
    for (int64_t day = 0; day < 60000; day++) {
        struct date d = date_of_day(day);
        assert_true(date_is_valid(d));
        assert_int_equal(date_to_day(d), day);
        assert_true(d.year * 10000 + d.month * 100 + d.day >
                    before.year * 10000 + before.month * 100 + before.day);
        before = d;
    }
    assert_int_equal(date_to_day((struct date){2000, 2, 29}), 11016);
    assert_int_equal(date_to_day((struct date){9999, 12, 31}), 2932896);
    assert_int_equal(date_of_day(INT64_MAX).year, 9999);
    assert_int_equal(date_of_day(-1).year, 1970);
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "2025-1-01",  "2025-02-29", "1900-02-29",
                                      "2025-13-01", "2025-00-10", "2025-04-31", "2025-01-32",
                                      "1969-12-31", "2025/01/01", "2025-01-01T", "20250101xx"};
    struct date d = {1, 2, 3};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (date_parse(&d, slice_of(bad[i])) != GH_INVALID || d.year != 1)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(date_parse(&d, slice_of("2024-02-29")), GH_OK);
}

static void a_range_holds_both_its_ends(void **state)
{
    (void)state;
    struct policy_holiday h = range((struct date){2025, 1, 29}, (struct date){2025, 1, 31}, false);
    assert_false(covers(&h, 2025, 1, 28));
    assert_true(covers(&h, 2025, 1, 29));
    assert_true(covers(&h, 2025, 1, 31));
    assert_false(covers(&h, 2025, 2, 1));
    assert_false(covers(&h, 2026, 1, 30));
}

static void a_yearly_day_comes_back_from_its_own_year_on(void **state)
{
    (void)state;
    struct policy_holiday h = range((struct date){2024, 1, 1}, (struct date){2024, 1, 1}, true);
    assert_false(covers(&h, 2023, 1, 1));
    assert_true(covers(&h, 2024, 1, 1));
    assert_true(covers(&h, 2031, 1, 1));
    assert_false(covers(&h, 2031, 1, 2));
    assert_false(covers(&h, 2031, 12, 31));
}

static void a_yearly_range_goes_over_new_year(void **state)
{
    (void)state;
    struct policy_holiday h = range((struct date){2024, 12, 24}, (struct date){2025, 1, 2}, true);
    assert_false(covers(&h, 2024, 1, 1)); /* before its own first */
    assert_false(covers(&h, 2024, 12, 23));
    assert_true(covers(&h, 2024, 12, 24));
    assert_true(covers(&h, 2025, 1, 2));
    assert_false(covers(&h, 2025, 1, 3));
    assert_true(covers(&h, 2025, 12, 31));
    assert_true(covers(&h, 2030, 1, 1));
    assert_false(covers(&h, 2030, 7, 1));
}

static void the_29th_of_february_comes_only_in_leap_years(void **state)
{
    (void)state;
    struct policy_holiday h = range((struct date){2024, 2, 29}, (struct date){2024, 2, 29}, true);
    assert_true(covers(&h, 2024, 2, 29));
    assert_false(covers(&h, 2025, 2, 28));
    assert_false(covers(&h, 2025, 3, 1));
    assert_true(covers(&h, 2028, 2, 29));
    h = range((struct date){2024, 2, 29}, (struct date){2024, 3, 2}, true);
    assert_true(covers(&h, 2025, 3, 1)); /* the rest of the range is there */
    assert_false(covers(&h, 2025, 2, 28));
}

static void working_hours_of_all_rows_of_a_day_add_up(void **state)
{
    (void)state;
    static const struct day_span morning[] = {{8 * 60, 10 * 60}}, late[] = {{20 * 60, 24 * 60}};
    struct policy_holiday rows[] = {
        range((struct date){2025, 5, 1}, (struct date){2025, 5, 1}, false),
        range((struct date){2025, 5, 1}, (struct date){2025, 5, 2}, false),
        range((struct date){2025, 5, 1}, (struct date){2025, 5, 1}, false),
    };
    rows[0].working = morning;
    rows[1].working = late;
    rows[0].n_working = rows[1].n_working = 1;
    rows[2].calendar = (struct id){"other"};
    static const struct {
        int second;
        bool is_working;
    } moments[] = {{8 * 3600 - 1, false}, {8 * 3600, true},  {10 * 3600 - 1, true},
                   {10 * 3600, false},    {20 * 3600, true}, {86399, true}};
    struct local_time t = {.day = date_to_day((struct date){2025, 5, 1})};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        t.second = moments[i].second;
        struct holiday_view view = holiday_look(rows, 3, &calendar, t);
        assert_true(view.is_holiday);
        assert_int_equal(view.is_working, moments[i].is_working);
    }
    t.day++;
    t.second = 9 * 3600;
    assert_false(holiday_look(rows, 3, &calendar, t).is_working);
    assert_true(holiday_look(rows, 3, &calendar, t).is_holiday);
    assert_false(holiday_look(rows, 0, &calendar, t).is_holiday);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_dates_are_two_names_for_one_thing),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(a_range_holds_both_its_ends),
        cmocka_unit_test(a_yearly_day_comes_back_from_its_own_year_on),
        cmocka_unit_test(a_yearly_range_goes_over_new_year),
        cmocka_unit_test(the_29th_of_february_comes_only_in_leap_years),
        cmocka_unit_test(working_hours_of_all_rows_of_a_day_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
