/* The machine of one door: releases, relock, the contact. */
#include "unit/door_bench.h"

/* --- releases ---------------------------------------------------------------------------- */

static void a_new_door_is_locked_and_waits_for_nothing(void **state)
{
    (void)state;
    struct bench b = {.now = {5}};
    memset(&b.door, 0xff, sizeof b.door);
    door_init(&b.door);
    LOCKED(&b, "");
    assert_deadline(&b, -1);
    assert_string_equal(door_onvif_mode(&b.door), "Locked");
    assert_null(door_alarm(&b.door));
    tick(&b, 1000000000);
    LOCKED(&b, "");
}

static void a_grant_that_nobody_takes_ends_on_the_millisecond(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    RELEASED(&b, "");
    assert_deadline(&b, 10000);
    tick(&b, 9999);
    RELEASED(&b, "");
    tick(&b, 1);
    LOCKED(&b, "N");
    assert_deadline(&b, -1);
    tick(&b, 100000);
    LOCKED(&b, "");
}

static void opening_takes_a_grant_once_and_time_up_says_no_more(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    after(&b, 9999);
    contact(&b, true);
    RELEASED(&b, "OT");
    contact(&b, true);
    RELEASED(&b, "");
    contact(&b, false);
    contact(&b, true);
    RELEASED(&b, "CO");
    contact(&b, false);
    tick(&b, 1);
    LOCKED(&b, "C");
}

static void opening_at_the_very_end_is_forced(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    after(&b, 10000);
    contact(&b, true);
    LOCKED(&b, "NOF");
    assert_string_equal(door_alarm(&b.door), "door_forced");
}

static void without_a_contact_nothing_is_said_of_taking(void **state)
{
    (void)state;
    struct bench b = bench();
    door_init(&b.door);
    grant(&b, 3);
    grant(&b, 4);
    RELEASED(&b, "");
    tick(&b, 4000);
    LOCKED(&b, "");
}

static void a_second_grant_ends_the_first_and_never_shortens(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    after(&b, 1000);
    grant(&b, 3);
    RELEASED(&b, "N");
    assert_deadline(&b, 9000);
    grant(&b, 20);
    RELEASED(&b, "N");
    assert_deadline(&b, 20000);
    contact(&b, true);
    RELEASED(&b, "OT");
    contact(&b, false);
    grant(&b, 1);
    RELEASED(&b, "C");
    tick(&b, 20000);
    LOCKED(&b, "N");
}

static void a_shorter_grant_after_a_longer_one_was_locked_is_its_own(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 60);
    door_end_release(&b.door, &b.rules, b.now, &b.out);
    LOCKED(&b, "N");
    door_end_release(&b.door, &b.rules, b.now, &b.out);
    LOCKED(&b, "");
    grant(&b, 1);
    assert_deadline(&b, 1000);
    tick(&b, 1000);
    LOCKED(&b, "N");
}

static void a_grant_at_a_standing_open_door_is_taken_at_once(void **state)
{
    (void)state;
    struct bench b = bench();
    mode(&b, MODE_UNLOCKED);
    contact(&b, true);
    RELEASED(&b, "O");
    mode(&b, MODE_LOCKED);
    LOCKED(&b, "");
    grant(&b, 10);
    RELEASED(&b, "T");
    grant(&b, 10);
    RELEASED(&b, "T");
    tick(&b, 10000);
    LOCKED(&b, "");
}

static void what_is_left_of_a_release_is_released_and_nothing_if_nothing_is(void **state)
{
    (void)state;
    struct bench b = bench();
    door_release_until(&b.door, (struct mono){999}, &b.rules, b.now, &b.out);
    door_release_until(&b.door, (struct mono){1000}, &b.rules, b.now, &b.out);
    LOCKED(&b, "");
    door_release_until(&b.door, (struct mono){1001}, &b.rules, b.now, &b.out);
    RELEASED(&b, "");
    assert_string_equal(door_onvif_mode(&b.door), "Accessed");
    tick(&b, 1);
    LOCKED(&b, "N");
}

static void every_step_lets_time_pass_first(void **state)
{
    (void)state;
    for (int step = 0; step < 7; step++) {
        struct bench b = bench();
        grant(&b, 1);
        after(&b, 1000);
        switch (step) {
        case 0: door_release_until(&b.door, b.now, &b.rules, b.now, &b.out); break;
        case 1: door_end_release(&b.door, &b.rules, b.now, &b.out); break;
        case 2: mode(&b, MODE_LOCKED); break;
        case 3: contact(&b, false); break;
        case 4: rex(&b, false); break;
        case 5: tick(&b, 0); break;
        default: mode(&b, MODE_FIRST_CREDENTIAL); break;
        }
        LOCKED(&b, "N");
    }
}

/* --- relock ------------------------------------------------------------------------------ */

static void relock_says_what_locks(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.relock = RELOCK_ON_OPEN;
    grant(&b, 10);
    contact(&b, true);
    LOCKED(&b, "OT");
    assert_deadline(&b, 25000);
    contact(&b, false);
    b.rules.relock = RELOCK_ON_CLOSE;
    grant(&b, 10);
    contact(&b, true);
    RELEASED(&b, "COT");
    contact(&b, false);
    LOCKED(&b, "C");
    assert_deadline(&b, -1);
    grant(&b, 10);
    contact(&b, true);
    tick(&b, 10000);
    LOCKED(&b, "OT");
    contact(&b, false);
    b.rules.relock = RELOCK_TIMER;
    grant(&b, 10);
    contact(&b, true);
    contact(&b, false);
    RELEASED(&b, "COTC");
}

static void closing_locks_also_a_door_that_stood_open_before(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.relock = RELOCK_ON_CLOSE;
    contact(&b, true);
    grant(&b, 10);
    RELEASED(&b, "OFT");
    contact(&b, false);
    LOCKED(&b, "C");
}

static void relock_leaves_an_unlocked_door_unlocked(void **state)
{
    (void)state;
    struct bench b = bench();
    mode(&b, MODE_UNLOCKED);
    for (enum relock r = RELOCK_ON_CLOSE; r <= RELOCK_TIMER; r++) {
        b.rules.relock = r;
        grant(&b, 5);
        contact(&b, true);
        contact(&b, false);
        RELEASED(&b, "OTC");
        tick(&b, 5000);
        RELEASED(&b, "");
    }
}

static void an_active_request_keeps_relock_from_locking_but_a_shunt_does_not(void **state)
{
    (void)state;
    for (enum relock r = RELOCK_ON_CLOSE; r <= RELOCK_ON_OPEN; r++) {
        struct bench b = bench();
        b.rules.relock = r;
        rex(&b, true);
        contact(&b, true);
        contact(&b, false);
        RELEASED(&b, "ROC");
        rex(&b, false);
        RELEASED(&b, "");
        contact(&b, true);
        contact(&b, false);
        LOCKED(&b, "OC");
        b.rules.rex = REX_SHUNT;
        grant(&b, 10);
        rex(&b, true);
        contact(&b, true);
        contact(&b, false);
        LOCKED(&b, "ROTC");
    }
}

/* --- the contact ------------------------------------------------------------------------- */

static void the_first_report_of_an_open_door_is_not_forced_and_locks_nothing(void **state)
{
    (void)state;
    struct bench b = bench();
    door_init(&b.door);
    contact(&b, true);
    LOCKED(&b, "O");
    assert_null(door_alarm(&b.door));
    assert_deadline(&b, 25000);
    contact(&b, false);
    contact(&b, true);
    LOCKED(&b, "COF");

    door_init(&b.door);
    b.rules.relock = RELOCK_ON_OPEN;
    grant(&b, 10);
    contact(&b, true);
    RELEASED(&b, "OT");
    tick(&b, 10000);
    LOCKED(&b, "");
}

static void a_contact_first_seen_closed_during_a_release_makes_it_not_taken(void **state)
{
    (void)state;
    struct bench b = bench();
    door_init(&b.door);
    grant(&b, 10);
    contact(&b, false);
    tick(&b, 10000);
    LOCKED(&b, "N");
}

static void forced_stands_until_closed_and_does_not_become_held(void **state)
{
    (void)state;
    struct bench b = bench();
    contact(&b, true);
    LOCKED(&b, "OF");
    assert_deadline(&b, -1);
    tick(&b, 3600000);
    LOCKED(&b, "");
    grant(&b, 1);
    tick(&b, 1000);
    mode(&b, MODE_UNLOCKED);
    assert_string_equal(door_alarm(&b.door), "door_forced");
    mode(&b, MODE_LOCKED);
    LOCKED(&b, "T");
    assert_deadline(&b, -1);
    contact(&b, false);
    LOCKED(&b, "C");
    assert_null(door_alarm(&b.door));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_door_is_locked_and_waits_for_nothing),
        cmocka_unit_test(a_grant_that_nobody_takes_ends_on_the_millisecond),
        cmocka_unit_test(opening_takes_a_grant_once_and_time_up_says_no_more),
        cmocka_unit_test(opening_at_the_very_end_is_forced),
        cmocka_unit_test(without_a_contact_nothing_is_said_of_taking),
        cmocka_unit_test(a_second_grant_ends_the_first_and_never_shortens),
        cmocka_unit_test(a_shorter_grant_after_a_longer_one_was_locked_is_its_own),
        cmocka_unit_test(a_grant_at_a_standing_open_door_is_taken_at_once),
        cmocka_unit_test(what_is_left_of_a_release_is_released_and_nothing_if_nothing_is),
        cmocka_unit_test(every_step_lets_time_pass_first),
        cmocka_unit_test(relock_says_what_locks),
        cmocka_unit_test(closing_locks_also_a_door_that_stood_open_before),
        cmocka_unit_test(relock_leaves_an_unlocked_door_unlocked),
        cmocka_unit_test(an_active_request_keeps_relock_from_locking_but_a_shunt_does_not),
        cmocka_unit_test(the_first_report_of_an_open_door_is_not_forced_and_locks_nothing),
        cmocka_unit_test(a_contact_first_seen_closed_during_a_release_makes_it_not_taken),
        cmocka_unit_test(forced_stands_until_closed_and_does_not_become_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
