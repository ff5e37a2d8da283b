/* What is kept, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/kept_map.h"

static void apply(struct kept_map *m, const char *key, const char *value)
{
    struct changes c = {0};
    assert_int_equal(GH_OK, changes_add(&c, slice_of(key), slice_of(value)));
    assert_int_equal(GH_OK, kept_map_apply(m, changes_slice(&c)));
}

static bool count_one(void *context, struct slice key, struct slice value)
{
    (void)key;
    assert_non_null(value.ptr);
    ++*(int *)context;
    return true;
}

static bool stop_at_once(void *context, struct slice key, struct slice value)
{
    (void)count_one(context, key, value);
    return false;
}

static int count(const struct kept_map *m)
{
    int n = 0;
    assert_true(kept_map_each(m, count_one, &n));
    return n;
}

static void the_newest_change_of_a_key_holds(void **state)
{
    (void)state;
    struct kept_map m = {0};
    struct slice value;
    assert_false(kept_map_find(&m, slice_of("a"), &value));
    apply(&m, "a", "1");
    apply(&m, "b", "");
    apply(&m, "a", "longer than before");
    assert_true(kept_map_find(&m, slice_of("a"), &value));
    assert_true(slice_is(value, "longer than before"));
    assert_true(kept_map_find(&m, slice_of("b"), &value));
    assert_non_null(value.ptr);
    assert_int_equal(0, value.len);
    assert_false(kept_map_find(&m, slice_of("c"), &value));
    assert_false(kept_map_find(&m, slice_of("aa"), &value));
    assert_int_equal(2, count(&m));
    kept_map_clear(&m);
    assert_int_equal(0, count(&m));
}

static void within_one_list_the_last_change_of_a_key_holds(void **state)
{
    (void)state;
    struct kept_map m = {0};
    struct slice value;
    assert_int_equal(GH_OK, kept_map_apply(&m, slice_make("\1a\1x\1a\1y\1b\1z\1b\377", 15)));
    assert_true(kept_map_find(&m, slice_of("a"), &value));
    assert_true(slice_is(value, "y"));
    assert_true(kept_map_find(&m, slice_of("b"), &value));
    assert_null(value.ptr);
    assert_int_equal(1, count(&m));
    kept_map_clear(&m);
}

static void a_forgotten_key_is_known_as_forgotten_and_may_come_back(void **state)
{
    (void)state;
    struct kept_map m = {0};
    struct slice value;
    apply(&m, "a", "1");
    apply(&m, "a", NULL);
    assert_true(kept_map_find(&m, slice_of("a"), &value));
    assert_null(value.ptr);
    assert_int_equal(0, count(&m));
    apply(&m, "a", "2");
    assert_true(kept_map_find(&m, slice_of("a"), &value));
    assert_true(slice_is(value, "2"));
    kept_map_clear(&m);
}

static void what_is_no_list_changes_nothing(void **state)
{
    (void)state;
    struct kept_map m = {0};
    struct slice value;
    apply(&m, "a", "1");
    assert_int_equal(GH_INVALID, kept_map_apply(&m, slice_make("\1a\1x\1b", 6)));
    assert_int_equal(GH_INVALID, kept_map_apply(&m, slice_make("\0", 1)));
    assert_true(kept_map_find(&m, slice_of("a"), &value));
    assert_true(slice_is(value, "1"));
    assert_false(kept_map_find(&m, slice_of("b"), &value));
    assert_int_equal(GH_OK, kept_map_apply(&m, slice_of("")));
    assert_int_equal(1, count(&m));
    kept_map_clear(&m);
}

static void whoever_looks_at_all_may_stop(void **state)
{
    (void)state;
    struct kept_map m = {0};
    int n = 0;
    apply(&m, "a", "1");
    apply(&m, "b", "1");
    assert_false(kept_map_each(&m, stop_at_once, &n));
    assert_int_equal(1, n);
    kept_map_clear(&m);
}

static void it_is_what_a_plain_array_would_be(void **state)
{
    (void)state;
    enum { KEYS = 3000, STEPS = 60000 };
    static int model[KEYS]; /* 0 = never, -1 = forgotten */
    struct kept_map m = {0};
    struct slice value;
    unsigned seed = 7;
    int present = 0;
    for (int step = 1; step <= STEPS; step++) {
        char key[16], text[16];
        int k = (int)((unsigned)rand_r(&seed) % KEYS);
        bool forget = rand_r(&seed) % 4 == 0;
        (void)snprintf(key, sizeof key, "%d", k);
        (void)snprintf(text, sizeof text, "%d", step);
        apply(&m, key, forget ? NULL : text);
        present += (forget ? 0 : 1) - (model[k] > 0 ? 1 : 0);
        model[k] = forget ? -1 : step;
    }
    assert_int_equal(present, count(&m));
    for (int k = 0; k < KEYS; k++) {
        char key[16], text[16];
        (void)snprintf(key, sizeof key, "%d", k);
        (void)snprintf(text, sizeof text, "%d", model[k]);
        assert_int_equal(model[k] != 0, kept_map_find(&m, slice_of(key), &value));
        if (model[k] > 0)
            assert_true(slice_is(value, text));
        else if (model[k] < 0)
            assert_null(value.ptr);
    }
    kept_map_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_change_of_a_key_holds),
        cmocka_unit_test(within_one_list_the_last_change_of_a_key_holds),
        cmocka_unit_test(a_forgotten_key_is_known_as_forgotten_and_may_come_back),
        cmocka_unit_test(what_is_no_list_changes_nothing),
        cmocka_unit_test(whoever_looks_at_all_may_stop),
        cmocka_unit_test(it_is_what_a_plain_array_would_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
