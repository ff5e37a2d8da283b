/* The machine of one door: the automatic operator, and a button that is stuck at the start. */
#include "unit/door_bench.h"

static void operate(struct bench *b, int ms)
{
    door_open_by_operator(&b->door, ms, b->now);
}

static void the_operator_is_told_for_its_time(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    operate(&b, 500);
    assert_true(b.door.is_opening);
    assert_deadline(&b, 500);
    tick(&b, 499);
    assert_true(b.door.is_opening);
    tick(&b, 1);
    assert_false(b.door.is_opening);
    RELEASED(&b, "");
    assert_deadline(&b, 9500);
}

static void the_operator_opens_no_locked_door(void **state)
{
    (void)state;
    struct bench b = bench();
    operate(&b, 500);
    assert_false(b.door.is_opening);
    assert_deadline(&b, -1);
    mode(&b, MODE_UNLOCKED);
    operate(&b, 500);
    assert_true(b.door.is_opening);
    assert_deadline(&b, 500);
}

static void a_door_that_locks_as_it_opens_leaves_the_operator_its_time(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.relock = RELOCK_ON_OPEN;
    grant(&b, 10);
    operate(&b, 500);
    after(&b, 100);
    contact(&b, true);
    LOCKED(&b, "OT");
    assert_true(b.door.is_opening);
    tick(&b, 400);
    assert_false(b.door.is_opening);
}

static void what_ends_releases_ends_the_operator(void **state)
{
    (void)state;
    static const enum door_mode ending[] = {MODE_LOCKED_DOWN, MODE_FORCED_CLOSED, MODE_BLOCKED};
    for (size_t i = 0; i < 3; i++) {
        struct bench b = bench();
        grant(&b, 10);
        operate(&b, 500);
        mode(&b, ending[i]);
        assert_false(b.door.is_opening);
        LOCKED(&b, "N");
    }
    struct bench b = bench();
    mode(&b, MODE_UNLOCKED);
    operate(&b, 500);
    mode(&b, MODE_LOCKED);
    assert_true(b.door.is_opening);
    door_end_release(&b.door, &b.rules, b.now, &b.out);
    assert_false(b.door.is_opening);
}

static void told_again_the_operator_goes_on(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    operate(&b, 500);
    after(&b, 300);
    operate(&b, 500);
    tick(&b, 499);
    assert_true(b.door.is_opening);
    tick(&b, 1);
    assert_false(b.door.is_opening);
}

static void a_button_that_is_pressed_at_the_start_releases_nothing(void **state)
{
    (void)state;
    struct bench b = bench();
    door_rex_at_start(&b.door, b.now);
    LOCKED(&b, "");
    contact(&b, true); /* it masks */
    LOCKED(&b, "O");
    contact(&b, false);
    tick(&b, REX_STUCK_MS - 1);
    LOCKED(&b, "C");
    tick(&b, 1);
    LOCKED(&b, "S");
    assert_string_equal(door_alarm(&b.door), "request_to_exit");
    rex(&b, false);
    LOCKED(&b, "");
    rex(&b, true);
    RELEASED(&b, "R");
}

static void a_button_that_was_pressed_at_the_start_prolongs_no_release(void **state)
{
    (void)state;
    struct bench b = bench();
    door_rex_at_start(&b.door, b.now);
    grant(&b, 2);
    tick(&b, 2000);
    LOCKED(&b, "N");
    rex(&b, false);
    LOCKED(&b, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operator_is_told_for_its_time),
        cmocka_unit_test(the_operator_opens_no_locked_door),
        cmocka_unit_test(a_door_that_locks_as_it_opens_leaves_the_operator_its_time),
        cmocka_unit_test(what_ends_releases_ends_the_operator),
        cmocka_unit_test(told_again_the_operator_goes_on),
        cmocka_unit_test(a_button_that_is_pressed_at_the_start_releases_nothing),
        cmocka_unit_test(a_button_that_was_pressed_at_the_start_prolongs_no_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
