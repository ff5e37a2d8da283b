/* Debounce in simulated time: no clock, no line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "debounce.h"

#define MS 1000000LL

static void assert_change(bool said, const struct debounce_change *c, bool level, int64_t began)
{
    assert_true(said);
    assert_int_equal(c->level, level);
    assert_int_equal(c->began_ns, began);
}

static void a_level_that_lasts_comes_through_once(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c = {0};
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 1000 * MS, &c));
    int64_t due;
    assert_true(debounce_due(&d, &due));
    assert_int_equal(due, 1030 * MS);
    assert_change(debounce_end(&d, true, 1030 * MS, &c), &c, true, 1000 * MS);
    assert_false(debounce_due(&d, &due));
    assert_false(debounce_end(&d, true, 2000 * MS, &c));
}

static void nothing_is_said_before_the_time_is_over(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c = {.began_ns = 7};
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 0, &c));
    assert_false(debounce_end(&d, true, 30 * MS - 1, &c));
    assert_int_equal(c.began_ns, 7);
    assert_true(debounce_end(&d, true, 30 * MS, &c));
}

static void a_bounce_never_comes_through(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, true);
    assert_false(debounce_edge(&d, false, 0, &c));
    assert_false(debounce_edge(&d, true, 29 * MS, &c));
    int64_t due;
    assert_true(debounce_due(&d, &due));
    assert_int_equal(due, 59 * MS);
    assert_false(debounce_end(&d, true, 40 * MS, &c));
    assert_false(debounce_end(&d, true, 59 * MS, &c));
    assert_false(debounce_due(&d, &due));
}

static void bounces_put_the_end_off_and_the_first_edge_is_the_beginning(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    for (int i = 0; i < 9; i++)
        assert_false(debounce_edge(&d, i % 2 == 0, (100 + i) * MS, &c));
    assert_false(debounce_end(&d, true, 130 * MS, &c));
    assert_change(debounce_end(&d, true, 138 * MS, &c), &c, true, 100 * MS);
}

static void an_input_that_never_rests_keeps_its_level(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    for (int i = 0; i < 10001; i++) {
        assert_false(debounce_edge(&d, i % 2 == 0, i * 29 * MS, &c));
        assert_false(debounce_end(&d, i % 2 == 0, i * 29 * MS + 28 * MS, &c));
    }
}

static void a_level_that_lasted_comes_through_though_nobody_asked_in_time(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 0, &c));
    /* Pressed for 400 ms; we come back only after it was let go. */
    assert_change(debounce_edge(&d, false, 400 * MS, &c), &c, true, 0);
    assert_change(debounce_end(&d, false, 500 * MS, &c), &c, false, 400 * MS);
}

static void a_lost_edge_is_repaired_by_the_reading(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    /* On, off; a further "on" is lost. */
    assert_false(debounce_edge(&d, true, 0, &c));
    assert_false(debounce_edge(&d, false, 1 * MS, &c));
    assert_false(debounce_end(&d, true, 31 * MS, &c));
    int64_t due;
    assert_true(debounce_due(&d, &due));
    assert_int_equal(due, 61 * MS);
    assert_change(debounce_end(&d, true, 61 * MS, &c), &c, true, 31 * MS);
}

static void a_lost_edge_back_means_no_change(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 0, &c));
    assert_false(debounce_end(&d, false, 30 * MS, &c));
    int64_t due;
    assert_false(debounce_due(&d, &due));
}

static void edges_lost_on_the_way_put_the_end_off_and_keep_the_beginning(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    int64_t due;
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 1000 * MS, &c));
    /* It seems to have lasted for 90 ms, but edges were lost meanwhile. */
    debounce_gap(&d, true, 1090 * MS);
    assert_false(debounce_end(&d, true, 1119 * MS, &c));
    assert_change(debounce_end(&d, true, 1120 * MS, &c), &c, true, 1000 * MS);
    /* And when all that is known had come to rest. */
    debounce_gap(&d, false, 2000 * MS);
    assert_true(debounce_due(&d, &due));
    assert_int_equal(due, 2030 * MS);
    assert_change(debounce_end(&d, false, due, &c), &c, false, 2000 * MS);
    debounce_gap(&d, false, 3000 * MS);
    assert_false(debounce_end(&d, false, 3030 * MS, &c));
    assert_false(debounce_due(&d, &due));
}

static void two_edges_the_same_way_are_two_edges(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 0, &c));
    assert_false(debounce_edge(&d, true, 20 * MS, &c));
    assert_false(debounce_end(&d, true, 30 * MS, &c));
    assert_change(debounce_end(&d, true, 50 * MS, &c), &c, true, 0);
}

static void an_edge_that_a_reading_foresaw_does_not_shorten_the_time(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, false);
    assert_false(debounce_edge(&d, true, 0, &c));
    assert_false(debounce_edge(&d, false, 1 * MS, &c));
    assert_false(debounce_end(&d, true, 32 * MS, &c)); /* read just before its edge came */
    assert_false(debounce_edge(&d, true, 31 * MS, &c));
    assert_false(debounce_end(&d, true, 61 * MS, &c));
    assert_true(debounce_end(&d, true, 62 * MS, &c));
}

static void without_a_time_every_pulse_comes_through(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 0, false);
    assert_false(debounce_edge(&d, true, 5, &c));
    assert_change(debounce_edge(&d, false, 6, &c), &c, true, 5);
    assert_change(debounce_end(&d, false, 6, &c), &c, false, 6);
    assert_false(debounce_end(&d, false, 7, &c));
}

static void one_that_cannot_be_read_stays_as_it_was(void **state)
{
    (void)state;
    struct debounce d;
    struct debounce_change c;
    debounce_init(&d, 30, true);
    assert_false(debounce_edge(&d, false, 0, &c));
    debounce_rest(&d);
    int64_t due;
    assert_false(debounce_due(&d, &due));
    assert_false(debounce_end(&d, true, 100 * MS, &c));
    /* And works again afterwards. */
    assert_false(debounce_edge(&d, false, 200 * MS, &c));
    assert_change(debounce_end(&d, false, 230 * MS, &c), &c, false, 200 * MS);
}

/* --- random waves ------------------------------------------------------------ */

#define EDGES 400
#define TIME_MS 30

struct wave {
    int64_t at[EDGES]; /* the level goes to true at even ones */
};

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t first_seed(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 88172645463325252ULL;
    print_message("# SEED=%llu replays this\n", (unsigned long long)seed);
    return seed ? seed : 1;
}

static void make_wave(struct wave *w, uint64_t *seed)
{
    int64_t at = 1000 * MS;
    for (int i = 0; i < EDGES; i++) {
        w->at[i] = at;
        bool lasts = random_next(seed) % 4 == 0;
        at += 1 + (int64_t)(random_next(seed) % (lasts ? 90 * MS : 8 * MS));
    }
}

/* What must come out: each level that held for the time, if it is a new one. */
static int expect(const struct wave *w, struct debounce_change out[EDGES])
{
    int n = 0;
    bool settled = false;
    int64_t began = w->at[0];
    for (int i = 0; i < EDGES; i++) {
        bool level = i % 2 == 0;
        bool lasts = i == EDGES - 1 || w->at[i + 1] - w->at[i] >= TIME_MS * MS;
        if (!lasts)
            continue;
        if (level != settled)
            out[n++] = (struct debounce_change){.level = level, .began_ns = began};
        settled = level;
        if (i + 1 < EDGES)
            began = w->at[i + 1];
    }
    return n;
}

/* Plays a wave to a machine that is asked at the due times; if late, only when
 * the random says so. */
static int play(const struct wave *w, bool late, uint64_t *seed, struct debounce_change out[EDGES])
{
    struct debounce d;
    debounce_init(&d, TIME_MS, false);
    int n = 0;
    int64_t due;
    for (int i = 0; i < EDGES; i++) {
        bool before = i % 2 == 1;
        bool asked = !late || random_next(seed) % 2;
        if (asked && debounce_due(&d, &due) && due < w->at[i] &&
            debounce_end(&d, before, due, &out[n]))
            n++;
        if (debounce_edge(&d, !before, w->at[i], &out[n]))
            n++;
    }
    if (debounce_due(&d, &due) && debounce_end(&d, EDGES % 2 == 1, due, &out[n]))
        n++;
    return n;
}

static void random_waves_give_what_lasted_and_nothing_else(void **state)
{
    (void)state;
    uint64_t seed = first_seed();
    for (int round = 0; round < 2000; round++) {
        struct wave w;
        struct debounce_change want[EDGES + 1], got[EDGES + 1];
        make_wave(&w, &seed);
        int n = expect(&w, want);
        assert_true(n > 0);
        assert_int_equal(play(&w, round % 2 == 1, &seed, got), n);
        for (int i = 0; i < n; i++) {
            assert_int_equal(got[i].level, want[i].level);
            assert_int_equal(got[i].began_ns, want[i].began_ns);
        }
    }
}

static void with_edges_lost_at_random_the_last_level_is_always_right(void **state)
{
    (void)state;
    uint64_t seed = first_seed();
    for (int round = 0; round < 20000; round++) {
        struct debounce d;
        struct debounce_change c;
        bool wire = false, told = false;
        int64_t now = 0, due;
        debounce_init(&d, TIME_MS, false);
        int edges = 1 + (int)(random_next(&seed) % 12);
        for (int i = 0; i < edges; i++) {
            now += 1 + (int64_t)(random_next(&seed) % (40 * MS));
            /* The kernel drops edges only behind others that are still to be read. */
            bool keep = i == 0 || !debounce_due(&d, &due) || random_next(&seed) % 3;
            wire = !wire;
            if (keep && debounce_edge(&d, wire, now, &c))
                told = c.level;
        }
        while (debounce_due(&d, &due)) {
            now = due > now ? due : now;
            if (debounce_end(&d, wire, now, &c))
                told = c.level;
        }
        assert_int_equal(told, wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_that_lasts_comes_through_once),
        cmocka_unit_test(nothing_is_said_before_the_time_is_over),
        cmocka_unit_test(a_bounce_never_comes_through),
        cmocka_unit_test(bounces_put_the_end_off_and_the_first_edge_is_the_beginning),
        cmocka_unit_test(an_input_that_never_rests_keeps_its_level),
        cmocka_unit_test(a_level_that_lasted_comes_through_though_nobody_asked_in_time),
        cmocka_unit_test(a_lost_edge_is_repaired_by_the_reading),
        cmocka_unit_test(a_lost_edge_back_means_no_change),
        cmocka_unit_test(edges_lost_on_the_way_put_the_end_off_and_keep_the_beginning),
        cmocka_unit_test(two_edges_the_same_way_are_two_edges),
        cmocka_unit_test(an_edge_that_a_reading_foresaw_does_not_shorten_the_time),
        cmocka_unit_test(without_a_time_every_pulse_comes_through),
        cmocka_unit_test(one_that_cannot_be_read_stays_as_it_was),
        cmocka_unit_test(random_waves_give_what_lasted_and_nothing_else),
        cmocka_unit_test(with_edges_lost_at_random_the_last_level_is_always_right),
    };
    return cmocka_run_group_tests_name("debounce", tests, NULL, NULL);
}
