/* The map of ids against a list that is searched from its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "app/gatehoused/id_map.h"

#define IDS 600

static struct id ids[IDS];

static int begin(void **state)
{
    (void)state;
    for (int i = 0; i < IDS; i++)
        snprintf(ids[i].s, sizeof ids[i].s, "door-%d", i * 7919 % 1000);
    return 0;
}

static void every_id_is_found_at_its_place_while_the_map_grows(void **state)
{
    (void)state;
    struct id_map map = {.slot = NULL};
    size_t place;
    assert_false(id_map_find(&map, &ids[0], &place));
    for (size_t n = 0; n < IDS; n++) {
        assert_int_equal(id_map_reserve(&map, n + 1), GH_OK);
        id_map_put(&map, &ids[n], n);
        for (size_t i = 0; i < IDS; i++) {
            assert_int_equal(id_map_find(&map, &ids[i], &place), i <= n);
            assert_true(i > n || place == i);
        }
    }
    id_map_free(&map);
    assert_false(id_map_find(&map, &ids[0], &place));
}

static void of_two_equal_ids_the_first_counts(void **state)
{
    (void)state;
    struct id_map map = {.slot = NULL};
    struct id twin = ids[3];
    size_t place = 0;
    assert_int_equal(id_map_reserve(&map, 2), GH_OK);
    id_map_put(&map, &ids[3], 5);
    id_map_put(&map, &twin, 6);
    assert_true(id_map_find(&map, &twin, &place));
    assert_int_equal(place, 5);
    assert_int_equal(map.n, 1);
    id_map_free(&map);
}

/* A full one, so that they stand in each other's way. */
static void what_is_removed_is_gone_and_hides_no_other(void **state)
{
    (void)state;
    enum { FULL = 64 };
    struct id_map map = {.slot = NULL};
    bool is_in[IDS] = {false};
    size_t place, n = 0;
    unsigned seed = 1;
    assert_int_equal(id_map_reserve(&map, FULL), GH_OK);
    assert_int_equal(map.n_slots, 2 * FULL);
    id_map_remove(&map, &ids[0]); /* out of an empty one */
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t i = (seed >> 8) % IDS;
        if (is_in[i] || n == FULL) {
            id_map_remove(&map, &ids[i]);
            n -= is_in[i];
            is_in[i] = false;
        } else {
            id_map_put(&map, &ids[i], i);
            n++;
            is_in[i] = true;
        }
        assert_int_equal(map.n, n);
        for (size_t k = 0; k < IDS && step % 16 == 0; k++) {
            assert_int_equal(id_map_find(&map, &ids[k], &place), is_in[k]);
            assert_true(!is_in[k] || place == k);
        }
    }
    id_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_found_at_its_place_while_the_map_grows),
        cmocka_unit_test(of_two_equal_ids_the_first_counts),
        cmocka_unit_test(what_is_removed_is_gone_and_hides_no_other),
    };
    return cmocka_run_group_tests_name("id map", tests, begin, NULL);
}
