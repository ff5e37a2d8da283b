/* A fleet in virtual time: a cloud goes and comes back, and thousands of
 * gateways must not arrive together. SEED=N replays a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/syncd/rhythm.h"

#define FLEET 5000
#define SECONDS 900

struct fleet {
    struct rhythm gateway[FLEET];
    int64_t success_ms[FLEET]; /* -1 = not yet */
    int calls[SECONDS];        /* in each second */
};

static uint64_t read_seed(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 20240229;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static struct fleet *fleet_new(uint64_t seed)
{
    struct fleet *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int i = 0; i < FLEET; i++) {
        rhythm_init(&f->gateway[i], seed * FLEET + (uint64_t)i);
        f->success_ms[i] = -1;
    }
    return f;
}

/* Every gateway loses the cloud at 0 and calls until it is back. answers says
 * whether a call succeeds; retry_after_s goes with each failure. */
static void play(struct fleet *f, int64_t back_ms, int64_t until_ms, int64_t retry_after_s)
{
    for (int i = 0; i < FLEET; i++) {
        struct mono now = {0};
        rhythm_failed(&f->gateway[i], now, retry_after_s);
        for (;;) {
            now = mono_add_ms(now, rhythm_wait_ms(&f->gateway[i], now));
            if (now.ms >= until_ms || now.ms / 1000 >= SECONDS)
                break;
            f->calls[now.ms / 1000]++;
            if (now.ms >= back_ms) {
                rhythm_succeeded(&f->gateway[i]);
                f->success_ms[i] = now.ms;
                break;
            }
            rhythm_failed(&f->gateway[i], now, retry_after_s);
        }
    }
}

static int busiest(const int *calls, int from_s, int to_s)
{
    int most = 0;
    for (int s = from_s; s < to_s; s++)
        most = calls[s] > most ? calls[s] : most;
    return most;
}

static void a_fleet_comes_back_spread_over_a_minute(void **state)
{
    (void)state;
    struct fleet *f = fleet_new(read_seed());
    play(f, 300000, 400000, -1);
    for (int i = 0; i < FLEET; i++)
        assert_in_range(f->success_ms[i], 300000, 300000 + RHYTHM_LAST_MS);
    /* Evenly it would be one in sixty a second; twice that is the bound for
     * the first seconds, in which more than the average come. */
    assert_true(busiest(f->calls, 300, 361) < FLEET * 2 * 2 / 60);
    free(f);
}

static void a_long_outage_costs_the_network_two_calls_a_minute_each(void **state)
{
    (void)state;
    struct fleet *f = fleet_new(read_seed());
    play(f, INT64_MAX, 600000, -1);
    int calls = 0;
    for (int s = 300; s < 600; s++)
        calls += f->calls[s];
    assert_true(calls > FLEET * 5 * 1 && calls < FLEET * 5 * 3);
    free(f);
}

static void after_the_first_success_the_regular_posts_stay_spread(void **state)
{
    (void)state;
    static int posts[SECONDS];
    memset(posts, 0, sizeof posts);
    struct fleet *f = fleet_new(read_seed());
    play(f, 120000, 300000, -1);
    for (int i = 0; i < FLEET; i++)
        for (int64_t at = f->success_ms[i]; at / 1000 < SECONDS;
             at += rhythm_spread_ms(&f->gateway[i], 30000))
            posts[at / 1000]++;
    assert_true(busiest(posts, 300, SECONDS) < FLEET * 3 / 30 / 2);
    free(f);
}

static void a_fleet_that_is_told_the_same_retry_after_does_not_return_together(void **state)
{
    (void)state;
    struct fleet *f = fleet_new(read_seed());
    play(f, 1, 400000, 60);
    assert_int_equal(busiest(f->calls, 0, 60), 0); /* it was obeyed */
    assert_true(busiest(f->calls, 60, 91) < FLEET / 15);
    free(f);
}

static void even_equal_failures_at_one_instant_are_spread_within_the_first_second(void **state)
{
    (void)state;
    struct fleet *f = fleet_new(read_seed());
    int slot[10] = {0};
    for (int i = 0; i < FLEET; i++) {
        rhythm_failed(&f->gateway[i], (struct mono){0}, -1);
        int64_t wait = rhythm_wait_ms(&f->gateway[i], (struct mono){0});
        assert_in_range(wait, RHYTHM_FLOOR_MS, RHYTHM_FIRST_MS);
        slot[wait == 1000 ? 9 : wait / 100]++;
    }
    for (int i = 1; i < 10; i++)
        assert_in_range(slot[i], FLEET / 12, FLEET / 7);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_comes_back_spread_over_a_minute),
        cmocka_unit_test(a_long_outage_costs_the_network_two_calls_a_minute_each),
        cmocka_unit_test(after_the_first_success_the_regular_posts_stay_spread),
        cmocka_unit_test(a_fleet_that_is_told_the_same_retry_after_does_not_return_together),
        cmocka_unit_test(even_equal_failures_at_one_instant_are_spread_within_the_first_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
