/* Changes of what is kept, as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/changes.h"

static const char filler[300];

static void assert_change(struct slice *rest, const char *key, struct slice value)
{
    struct change c;
    assert_true(changes_next(rest, &c));
    assert_true(slice_is(c.key, key));
    assert_int_equal(!value.ptr, !c.value.ptr);
    assert_true(slice_equal(value, c.value));
}

static void assert_end(struct slice rest, bool valid)
{
    struct change c = {.key = {"untouched", 9}};
    assert_false(changes_next(&rest, &c));
    assert_true(slice_is(c.key, "untouched"));
    assert_int_equal(valid, rest.ptr != NULL);
}

static void changes_come_back_in_the_order_in_which_they_were_added(void **state)
{
    (void)state;
    struct changes c = {0};
    assert_int_equal(GH_OK, changes_add(&c, slice_of("a"), slice_of("one")));
    assert_int_equal(GH_OK, changes_add(&c, slice_of("a"), (struct slice){NULL, 0}));
    assert_int_equal(GH_OK, changes_add(&c, slice_of("b"), slice_of("")));
    assert_int_equal(GH_OK, changes_add(&c, slice_of("a"), slice_make("\0\377", 2)));
    assert_true(changes_are_valid(changes_slice(&c)));
    struct slice rest = changes_slice(&c);
    assert_change(&rest, "a", slice_of("one"));
    assert_change(&rest, "a", (struct slice){NULL, 0});
    assert_change(&rest, "b", slice_of(""));
    assert_change(&rest, "a", slice_make("\0\377", 2));
    assert_end(rest, true);
}

static void a_key_that_is_forgotten_is_not_one_with_an_empty_value(void **state)
{
    (void)state;
    struct changes forgotten = {0}, empty = {0};
    /* The length beside no pointer says nothing. */
    assert_int_equal(GH_OK, changes_add(&forgotten, slice_of("k"), (struct slice){NULL, 3}));
    assert_int_equal(GH_OK, changes_add(&empty, slice_of("k"), slice_of("")));
    assert_int_equal(3, forgotten.len);
    assert_int_equal(3, empty.len);
    assert_memory_equal("\1k\377", forgotten.bytes, 3);
    assert_memory_equal("\1k\0", empty.bytes, 3);
}

static void the_longest_key_and_value_fit_and_no_longer_ones(void **state)
{
    (void)state;
    struct changes c = {0};
    struct change got;
    struct slice longest_key = slice_make(filler, CHANGE_KEY_MAX);
    struct slice longest = slice_make(filler, CHANGE_VALUE_MAX);
    assert_int_equal(GH_OK, changes_add(&c, longest_key, longest));
    size_t len = c.len;
    assert_int_equal(2 + CHANGE_KEY_MAX + CHANGE_VALUE_MAX, len);
    assert_int_equal(GH_FULL, changes_add(&c, slice_of(""), longest));
    assert_int_equal(GH_FULL, changes_add(&c, slice_make(filler, CHANGE_KEY_MAX + 1), longest));
    assert_int_equal(GH_FULL, changes_add(&c, slice_make(filler, 256 + 1), longest));
    assert_int_equal(GH_FULL, changes_add(&c, longest_key, slice_make(filler, CHANGE_FORGOTTEN)));
    assert_int_equal(GH_FULL, changes_add(&c, longest_key, slice_make(filler, 256)));
    assert_int_equal(len, c.len);
    struct slice rest = changes_slice(&c);
    assert_true(changes_next(&rest, &got));
    assert_true(slice_equal(longest_key, got.key));
    assert_true(slice_equal(longest, got.value));
}

static void a_full_list_takes_no_more_and_stays_as_it_is(void **state)
{
    (void)state;
    struct changes c = {0}, before;
    while (CHANGES_MAX - c.len >= 100)
        assert_int_equal(GH_OK, changes_add(&c, slice_of("key"), slice_make(filler, 80)));
    size_t left = CHANGES_MAX - c.len;
    before = c;
    assert_int_equal(GH_FULL, changes_add(&c, slice_of("k"), slice_make(filler, left - 2)));
    assert_memory_equal(&before, &c, sizeof c);
    assert_int_equal(GH_OK, changes_add(&c, slice_of("k"), slice_make(filler, left - 3)));
    assert_int_equal(CHANGES_MAX, c.len);
    assert_int_equal(GH_FULL, changes_add(&c, slice_of("k"), (struct slice){NULL, 0}));
    assert_true(changes_are_valid(changes_slice(&c)));
}

static void nothing_is_an_empty_list(void **state)
{
    (void)state;
    assert_true(changes_are_valid(slice_of("")));
    assert_true(changes_are_valid((struct slice){NULL, 0}));
    assert_end(slice_of(""), true);
}

static void bytes_that_are_no_list_end_it_there(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\0", 1},         {"\0\0", 2},          {"\0\1v", 3},  {"\1", 1},      {"\1k", 2},
        {"\1k\1", 3},      {"\1k\2v", 4},        {"\3ke", 3},   {"\2k\0", 3},   {"\311", 1},
        {"\377\377", 2},   {"\1k\376vv", 5},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_end(slice_make(bad[i].bytes, bad[i].len), false);
        assert_false(changes_are_valid(slice_make(bad[i].bytes, bad[i].len)));
    }
    /* A key of 201 bytes, all there. */
    char bytes[300] = {(char)(CHANGE_KEY_MAX + 1)};
    assert_end(slice_make(bytes, 1 + CHANGE_KEY_MAX + 1 + 1), false);
    bytes[0] = (char)CHANGE_KEY_MAX;
    assert_true(changes_are_valid(slice_make(bytes, 1 + CHANGE_KEY_MAX + 1)));
    /* Behind a good one. */
    struct slice rest = slice_make("\1k\1v\0\0", 6);
    assert_change(&rest, "k", slice_of("v"));
    assert_end(rest, false);
    assert_false(changes_are_valid(slice_make("\1k\1v\0\0", 6)));
}

static void a_list_cut_anywhere_but_between_changes_is_none(void **state)
{
    (void)state;
    struct changes c = {0};
    size_t ends[4] = {0};
    assert_int_equal(GH_OK, changes_add(&c, slice_of("first"), slice_of("value")));
    ends[1] = c.len;
    assert_int_equal(GH_OK, changes_add(&c, slice_of("second"), (struct slice){NULL, 0}));
    ends[2] = c.len;
    assert_int_equal(GH_OK, changes_add(&c, slice_of("third"), slice_of("")));
    ends[3] = c.len;
    for (size_t cut = 0; cut <= c.len; cut++) {
        bool whole = cut == ends[0] || cut == ends[1] || cut == ends[2] || cut == ends[3];
        assert_int_equal(whole, changes_are_valid(slice_make(c.bytes, cut)));
    }
}

static void a_list_longer_than_the_bound_is_none(void **state)
{
    (void)state;
    static char bytes[CHANGES_MAX + 4];
    for (size_t i = 0; i < sizeof bytes; i += 4)
        memcpy(bytes + i, "\1k\1v", 4);
    assert_true(changes_are_valid(slice_make(bytes, CHANGES_MAX)));
    assert_false(changes_are_valid(slice_make(bytes, CHANGES_MAX + 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_back_in_the_order_in_which_they_were_added),
        cmocka_unit_test(a_key_that_is_forgotten_is_not_one_with_an_empty_value),
        cmocka_unit_test(the_longest_key_and_value_fit_and_no_longer_ones),
        cmocka_unit_test(a_full_list_takes_no_more_and_stays_as_it_is),
        cmocka_unit_test(nothing_is_an_empty_list),
        cmocka_unit_test(bytes_that_are_no_list_end_it_there),
        cmocka_unit_test(a_list_cut_anywhere_but_between_changes_is_none),
        cmocka_unit_test(a_list_longer_than_the_bound_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
