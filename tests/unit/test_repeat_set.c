/* The set of reads that may be remembered, with time owned by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "adapters/sqlite/repeat_set.h"

#define KEEP 600000
#define SEED 0x5eedu

/* The n-th key: many readers, ids that differ little. */
struct key {
    char reader[16];
    char read_id[32];
};

static struct key key_make(unsigned n)
{
    struct key k;
    (void)snprintf(k.reader, sizeof k.reader, "r%u", n % 7);
    (void)snprintf(k.read_id, sizeof k.read_id, "%u", n);
    return k;
}

static void add(struct repeat_set *set, unsigned n, int64_t now_ms)
{
    struct key k = key_make(n);
    repeat_set_add(set, slice_of(k.reader), slice_of(k.read_id), now_ms);
}

static bool may_hold(const struct repeat_set *set, unsigned n)
{
    struct key k = key_make(n);
    return repeat_set_may_hold(set, slice_of(k.reader), slice_of(k.read_id));
}

static bool may_hold_text(const struct repeat_set *set, const char *reader, const char *read_id)
{
    return repeat_set_may_hold(set, slice_of(reader), slice_of(read_id));
}

static void every_key_is_held_while_the_set_grows(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    for (unsigned n = 0; n < KEYS; n++) {
        add(&set, n, 0);
        assert_true(may_hold(&set, n));
        if ((n & (n + 1)) == 0) /* around each growth */
            for (unsigned k = 0; k <= n; k++)
                assert_true(may_hold(&set, k));
    }
    for (unsigned n = 0; n < KEYS; n++)
        assert_true(may_hold(&set, n));
    assert_int_equal(KEYS, set.current.n_keys);
    assert_true(2 * set.current.n_keys <= set.current.n_slots);
    repeat_set_free(&set);
}

/* A wrong "maybe" has a chance of 2^-47 here; the seed is fixed. */
static void a_key_that_was_never_added_is_not_held(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    assert_false(may_hold(&set, 0));
    for (unsigned n = 0; n < 20000; n++)
        add(&set, n, 0);
    for (unsigned n = 20000; n < 40000; n++)
        assert_false(may_hold(&set, n));
    repeat_set_free(&set);
}

static void reader_and_read_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    repeat_set_add(&set, slice_of("ab"), slice_of("c"), 0);
    assert_true(may_hold_text(&set, "ab", "c"));
    assert_false(may_hold_text(&set, "a", "bc"));
    assert_false(may_hold_text(&set, "abc", ""));
    assert_false(may_hold_text(&set, "", "abc"));
    assert_false(may_hold_text(&set, "c", "ab"));
    assert_false(may_hold_text(&set, "ab", "C"));
    repeat_set_free(&set);
}

static void a_key_that_is_added_again_takes_no_room(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    for (int i = 0; i < 100000; i++)
        add(&set, 1, 0);
    assert_int_equal(1, set.current.n_keys);
    repeat_set_free(&set);
}

/* Steps of 0 to 999 ms over 50 minutes; the oldest key that has to be held is
 * looked for at each step, and all of them at each rotation. */
static void a_key_is_held_for_ten_minutes_and_gone_after_twenty(void **state)
{
    (void)state;
    enum { KEYS = 6000 };
    static int64_t added_ms[KEYS];
    struct repeat_set set;
    int64_t now_ms = 5000, since_ms = now_ms;
    unsigned oldest = 0, rotations = 0;
    repeat_set_init(&set, SEED, KEEP, now_ms);
    for (unsigned n = 0; n < KEYS; n++) {
        now_ms += n * 7919 % 1000;
        added_ms[n] = now_ms;
        add(&set, n, now_ms);
        while (now_ms - added_ms[oldest] > KEEP)
            oldest++;
        assert_true(may_hold(&set, oldest));
        assert_true(may_hold(&set, n));
        if (set.since_ms == since_ms)
            continue;
        since_ms = set.since_ms;
        rotations++;
        for (unsigned k = 0; k <= n; k++) {
            assert_true(k < oldest || may_hold(&set, k));
            assert_true(now_ms - added_ms[k] <= 2 * KEEP + 1000 || !may_hold(&set, k));
        }
    }
    assert_in_range(rotations, 4, 6);
    repeat_set_free(&set);
}

static void a_key_of_the_last_moment_before_a_rotation_is_kept_in_full(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    add(&set, 1, KEEP - 1);
    add(&set, 2, KEEP); /* rotates */
    add(&set, 3, 2 * KEEP - 1);
    assert_true(may_hold(&set, 1));
    add(&set, 4, 2 * KEEP); /* rotates */
    assert_false(may_hold(&set, 1));
    assert_true(may_hold(&set, 2));
    assert_true(may_hold(&set, 3));
    /* However long nothing came, the newest are there. */
    add(&set, 5, 100 * KEEP);
    assert_true(may_hold(&set, 4));
    assert_false(may_hold(&set, 2));
    repeat_set_free(&set);
}

static void a_key_that_comes_again_is_kept_from_then_on(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    add(&set, 1, 0);
    add(&set, 1, KEEP);     /* rotates: it is in the former generation too */
    add(&set, 2, 2 * KEEP); /* rotates */
    assert_true(may_hold(&set, 1));
    repeat_set_free(&set);
}

static void a_generation_takes_over_the_memory_of_the_one_that_goes(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    for (unsigned n = 0; n < 2000; n++)
        add(&set, n, 0);
    const uint64_t *first = set.current.slot;
    for (unsigned n = 2000; n < 4000; n++)
        add(&set, n, KEEP);
    add(&set, 4000, 2 * KEEP);
    assert_ptr_equal(set.current.slot, first);
    assert_false(may_hold(&set, 0)); /* and none of its keys */
    assert_true(may_hold(&set, 2000));
    assert_true(may_hold(&set, 4000));
    repeat_set_free(&set);
}

static void the_memory_of_a_flood_is_given_back(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    for (unsigned n = 0; n < 100000; n++)
        add(&set, n, 0);
    size_t flood = set.current.n_slots;
    for (unsigned n = 0; n < 1000; n++)
        add(&set, n, KEEP);
    add(&set, 0, 2 * KEEP);
    assert_true(set.current.n_slots < flood / 16);
    assert_true(may_hold(&set, 999));
    repeat_set_free(&set);
}

/* As when memory is short: from there on it says "maybe" to everything. */
static void a_full_generation_holds_everything_until_it_goes(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    for (unsigned n = 0; n < REPEAT_SET_KEYS_MAX; n++)
        add(&set, n, 0);
    assert_false(may_hold(&set, REPEAT_SET_KEYS_MAX));
    add(&set, REPEAT_SET_KEYS_MAX, 0);
    assert_true(may_hold(&set, 0));
    assert_true(may_hold(&set, REPEAT_SET_KEYS_MAX));
    assert_true(may_hold_text(&set, "never", "added"));
    assert_null(set.current.slot);
    add(&set, 1, 1); /* takes no memory either */
    assert_null(set.current.slot);
    add(&set, 2, KEEP);
    assert_true(may_hold_text(&set, "never", "added"));
    assert_true(may_hold(&set, 0));
    add(&set, 3, 2 * KEEP);
    assert_false(may_hold_text(&set, "never", "added"));
    assert_true(may_hold(&set, 2));
    assert_true(may_hold(&set, 3));
    repeat_set_free(&set);
}

static void unknown_keys_are_held_for_ten_minutes(void **state)
{
    (void)state;
    struct repeat_set set;
    repeat_set_init(&set, SEED, KEEP, 0);
    add(&set, 1, 0);
    repeat_set_add_unknown(&set, KEEP); /* rotates */
    assert_null(set.current.slot);
    assert_true(may_hold_text(&set, "never", "added"));
    add(&set, 2, 2 * KEEP);
    assert_true(may_hold_text(&set, "never", "added"));
    add(&set, 3, 3 * KEEP);
    assert_false(may_hold_text(&set, "never", "added"));
    repeat_set_free(&set);
    assert_false(may_hold(&set, 3));
    repeat_set_free(&set); /* nothing is left to be freed twice */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_held_while_the_set_grows),
        cmocka_unit_test(a_key_that_was_never_added_is_not_held),
        cmocka_unit_test(reader_and_read_do_not_run_into_each_other),
        cmocka_unit_test(a_key_that_is_added_again_takes_no_room),
        cmocka_unit_test(a_key_is_held_for_ten_minutes_and_gone_after_twenty),
        cmocka_unit_test(a_key_of_the_last_moment_before_a_rotation_is_kept_in_full),
        cmocka_unit_test(a_key_that_comes_again_is_kept_from_then_on),
        cmocka_unit_test(a_generation_takes_over_the_memory_of_the_one_that_goes),
        cmocka_unit_test(the_memory_of_a_flood_is_given_back),
        cmocka_unit_test(a_full_generation_holds_everything_until_it_goes),
        cmocka_unit_test(unknown_keys_are_held_for_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
