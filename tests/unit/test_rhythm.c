/* The reconnect rhythm, one gateway at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/syncd/rhythm.h"

static const struct mono start = {1000000};

static void the_first_try_waits_for_nothing(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 1);
    assert_int_equal(rhythm_wait_ms(&r, (struct mono){0}), 0);
    assert_int_equal(rhythm_wait_ms(&r, start), 0);
}

/* The longest of many draws comes near the window, none goes beyond. */
static void the_window_doubles_from_one_second_to_sixty(void **state)
{
    (void)state;
    static const int64_t window_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    for (size_t n = 0; n < sizeof window_ms / sizeof *window_ms; n++) {
        int64_t least = INT64_MAX, most = 0;
        for (uint64_t seed = 0; seed < 500; seed++) {
            struct rhythm r;
            rhythm_init(&r, seed);
            for (size_t i = 0; i <= n; i++)
                rhythm_failed(&r, start, -1);
            int64_t wait = rhythm_wait_ms(&r, start);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        assert_in_range(least, RHYTHM_FLOOR_MS, RHYTHM_FLOOR_MS + window_ms[n] / 20);
        assert_in_range(most, window_ms[n] - window_ms[n] / 20, window_ms[n]);
    }
}

static void no_number_of_failures_makes_it_wait_longer_than_the_last_window(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 42);
    for (int i = 0; i < 100000; i++) {
        rhythm_failed(&r, start, -1);
        assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_FLOOR_MS, RHYTHM_LAST_MS);
    }
}

static void a_success_begins_anew(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 7);
    for (int i = 0; i < 20; i++)
        rhythm_failed(&r, start, -1);
    rhythm_succeeded(&r);
    assert_int_equal(rhythm_wait_ms(&r, start), 0);
    rhythm_failed(&r, start, -1);
    assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_FLOOR_MS, RHYTHM_FIRST_MS);
}

static void retry_after_is_obeyed_and_bounded(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct rhythm r;
        rhythm_init(&r, seed);
        rhythm_failed(&r, start, 30);
        assert_in_range(rhythm_wait_ms(&r, start), 30000, 45000);
        rhythm_failed(&r, start, INT64_MAX);
        assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_RETRY_AFTER_MAX_S * 1000,
                        RHYTHM_RETRY_AFTER_MAX_S * 1500);
        rhythm_failed(&r, start, 0); /* "at once" is no order to hammer */
        assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_FLOOR_MS, RHYTHM_LAST_MS);
    }
}

static void what_only_a_person_can_mend_is_tried_slowly_from_the_start(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 3);
    rhythm_hopeless(&r, start);
    assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_LAST_MS / 2, RHYTHM_LAST_MS);
}

/* A rhythm after many failures, with more than 10 s to wait. */
static struct rhythm far_away(uint64_t seed)
{
    struct rhythm r;
    rhythm_init(&r, seed);
    do
        rhythm_failed(&r, start, -1);
    while (rhythm_wait_ms(&r, start) <= 10000);
    return r;
}

static void a_server_that_is_back_is_tried_soon_and_not_by_all_together(void **state)
{
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct rhythm r = far_away(seed);
        rhythm_hasten(&r, start);
        int64_t wait = rhythm_wait_ms(&r, start);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_in_range(least, 0, RHYTHM_HASTE_MS / 20);
    assert_in_range(most, RHYTHM_HASTE_MS - RHYTHM_HASTE_MS / 20, RHYTHM_HASTE_MS);
}

static void a_try_that_is_due_sooner_is_not_put_off(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 1);
    rhythm_hasten(&r, start);
    assert_int_equal(rhythm_wait_ms(&r, start), 0);
    for (uint64_t seed = 0; seed < 500; seed++) {
        rhythm_init(&r, seed);
        rhythm_failed(&r, start, -1);
        int64_t before = rhythm_wait_ms(&r, start);
        rhythm_hasten(&r, start);
        assert_true(rhythm_wait_ms(&r, start) <= before);
    }
}

static void what_the_server_asked_for_is_not_cut_short(void **state)
{
    (void)state;
    struct rhythm r = far_away(4);
    rhythm_failed(&r, start, 30);
    rhythm_hasten(&r, start);
    assert_in_range(rhythm_wait_ms(&r, start), 30000, 45000);
    rhythm_hopeless(&r, start);
    rhythm_hasten(&r, start);
    assert_in_range(rhythm_wait_ms(&r, start), RHYTHM_LAST_MS / 2, RHYTHM_LAST_MS);
}

static void a_server_that_comes_and_goes_is_hurried_to_once_a_minute(void **state)
{
    (void)state;
    struct rhythm r = far_away(5);
    rhythm_hasten(&r, start);
    assert_true(rhythm_wait_ms(&r, start) <= RHYTHM_HASTE_MS);
    do
        rhythm_failed(&r, start, -1);
    while (rhythm_wait_ms(&r, start) <= 10000);
    int64_t wait = rhythm_wait_ms(&r, start);
    rhythm_hasten(&r, start);
    rhythm_hasten(&r, mono_add_ms(start, wait - 5000));
    assert_int_equal(rhythm_wait_ms(&r, start), wait);
    struct mono later = mono_add_ms(start, RHYTHM_HASTE_GAP_MS);
    do
        rhythm_failed(&r, later, -1);
    while (rhythm_wait_ms(&r, later) <= 10000);
    rhythm_hasten(&r, later);
    assert_true(rhythm_wait_ms(&r, later) <= RHYTHM_HASTE_MS);
}

static void the_wait_runs_out_with_the_clock_and_not_before(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 9);
    rhythm_failed(&r, start, -1);
    int64_t wait = rhythm_wait_ms(&r, start);
    assert_int_equal(rhythm_wait_ms(&r, mono_add_ms(start, wait - 1)), 1);
    assert_int_equal(rhythm_wait_ms(&r, mono_add_ms(start, wait)), 0);
    assert_int_equal(rhythm_wait_ms(&r, mono_add_ms(start, wait + 1000000)), 0);
}

static void one_seed_gives_one_rhythm(void **state)
{
    (void)state;
    struct rhythm a, b;
    rhythm_init(&a, 5);
    rhythm_init(&b, 5);
    for (int i = 0; i < 50; i++) {
        rhythm_failed(&a, start, -1);
        rhythm_failed(&b, start, -1);
        assert_int_equal(rhythm_wait_ms(&a, start), rhythm_wait_ms(&b, start));
    }
}

static void regular_times_are_spread_by_a_fifth(void **state)
{
    (void)state;
    struct rhythm r;
    rhythm_init(&r, 11);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t ms = rhythm_spread_ms(&r, 30000);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_in_range(least, 24000, 24500);
    assert_in_range(most, 35500, 36000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_try_waits_for_nothing),
        cmocka_unit_test(the_window_doubles_from_one_second_to_sixty),
        cmocka_unit_test(no_number_of_failures_makes_it_wait_longer_than_the_last_window),
        cmocka_unit_test(a_success_begins_anew),
        cmocka_unit_test(retry_after_is_obeyed_and_bounded),
        cmocka_unit_test(what_only_a_person_can_mend_is_tried_slowly_from_the_start),
        cmocka_unit_test(a_server_that_is_back_is_tried_soon_and_not_by_all_together),
        cmocka_unit_test(a_try_that_is_due_sooner_is_not_put_off),
        cmocka_unit_test(what_the_server_asked_for_is_not_cut_short),
        cmocka_unit_test(a_server_that_comes_and_goes_is_hurried_to_once_a_minute),
        cmocka_unit_test(the_wait_runs_out_with_the_clock_and_not_before),
        cmocka_unit_test(one_seed_gives_one_rhythm),
        cmocka_unit_test(regular_times_are_spread_by_a_fifth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
