/* The machine of one door: held open, requests to exit, modes and alarms. */
#include "unit/door_bench.h"

/* --- held open ----------------------------------------------------------------------------- */

/* A door that was opened in a release of ten seconds that is over now. */
static struct bench left_open(void)
{
    struct bench b = bench();
    grant(&b, 10);
    contact(&b, true);
    tick(&b, 10000);
    LOCKED(&b, "OT");
    return b;
}

static void held_open_is_said_once_after_a_warning_and_cleared_when_closed(void **state)
{
    (void)state;
    struct bench b = left_open();
    assert_deadline(&b, 25000);
    tick(&b, 24999);
    LOCKED(&b, "");
    tick(&b, 1);
    LOCKED(&b, "P");
    assert_deadline(&b, 5000);
    tick(&b, 4999);
    LOCKED(&b, "");
    assert_null(door_alarm(&b.door));
    tick(&b, 1);
    LOCKED(&b, "H");
    assert_string_equal(door_alarm(&b.door), "door_held_open");
    assert_deadline(&b, -1);
    tick(&b, 3600000);
    LOCKED(&b, "");
    contact(&b, false);
    LOCKED(&b, "CK");
    assert_null(door_alarm(&b.door));
    contact(&b, true);
    contact(&b, false);
    LOCKED(&b, "OFC");
}

static void held_open_counts_from_the_end_of_the_release_however_late_the_tick(void **state)
{
    (void)state;
    struct bench b = bench();
    grant(&b, 10);
    contact(&b, true);
    tick(&b, 10000 + 29999);
    LOCKED(&b, "OTP");
    assert_deadline(&b, 1);
    tick(&b, 1);
    LOCKED(&b, "H");
}

static void closed_too_late_is_held_open_even_without_a_tick(void **state)
{
    (void)state;
    struct bench b = left_open();
    after(&b, 30000);
    contact(&b, false);
    LOCKED(&b, "PHCK");
}

static void closed_in_time_is_not_held_open_and_a_warning_needs_no_clearing(void **state)
{
    (void)state;
    struct bench b = left_open();
    after(&b, 29999);
    contact(&b, false);
    LOCKED(&b, "PC");
    assert_deadline(&b, -1);
    tick(&b, 100000);
    LOCKED(&b, "");
}

static void no_time_means_never_and_no_warning_none(void **state)
{
    (void)state;
    struct bench b = left_open();
    b.rules.held_open_s = 0;
    tick(&b, 100000000);
    LOCKED(&b, "");
    assert_deadline(&b, -1);
    b.rules.held_open_s = 1;
    b.rules.pre_alarm_s = 0;
    tick(&b, 500);
    assert_deadline(&b, 1000);
    tick(&b, 1000);
    LOCKED(&b, "H");
}

static void a_warning_as_long_as_the_time_comes_at_once(void **state)
{
    (void)state;
    for (int s = 30; s <= 31; s++) {
        struct bench b = bench();
        b.rules.pre_alarm_s = s;
        grant(&b, 10);
        contact(&b, true);
        tick(&b, 10000);
        LOCKED(&b, "OTP");
        assert_deadline(&b, 30000);
    }
}

static void a_grant_stops_the_count_and_its_end_starts_it_again(void **state)
{
    (void)state;
    struct bench b = left_open();
    tick(&b, 29000);
    LOCKED(&b, "P");
    grant(&b, 10);
    RELEASED(&b, "T");
    assert_deadline(&b, 10000);
    tick(&b, 10000);
    LOCKED(&b, "");
    assert_deadline(&b, 25000);
    tick(&b, 30000);
    LOCKED(&b, "PH");
    grant(&b, 10);
    tick(&b, 60000);
    LOCKED(&b, "T"); /* it stands already */
    assert_deadline(&b, -1);
    assert_string_equal(door_alarm(&b.door), "door_held_open");
    contact(&b, false);
    LOCKED(&b, "CK");
}

static void unlocked_masks_and_clears_held_open_and_locked_counts_anew(void **state)
{
    (void)state;
    struct bench b = left_open();
    tick(&b, 30000);
    LOCKED(&b, "PH");
    mode(&b, MODE_UNLOCKED);
    RELEASED(&b, "K");
    tick(&b, 100000);
    RELEASED(&b, "");
    assert_null(door_alarm(&b.door));
    mode(&b, MODE_FIRST_CREDENTIAL);
    LOCKED(&b, "");
    assert_deadline(&b, 25000);
    mode(&b, MODE_BLOCKED); /* no cover: goes on */
    assert_deadline(&b, 25000);
    tick(&b, 30000);
    LOCKED(&b, "PH");
}

/* --- requests to exit ---------------------------------------------------------------------- */

static void a_request_releases_while_it_lasts_and_some_time_after(void **state)
{
    (void)state;
    struct bench b = bench();
    rex(&b, true);
    RELEASED(&b, "R");
    rex(&b, true);
    tick(&b, 10000);
    RELEASED(&b, "");
    assert_int_equal(b.door.release_ends.ms, 1000 + REX_STUCK_MS);
    assert_deadline(&b, 290000);
    tick(&b, 50000);
    rex(&b, false);
    RELEASED(&b, "");
    assert_deadline(&b, 10000);
    tick(&b, 9999);
    RELEASED(&b, "");
    tick(&b, 1);
    LOCKED(&b, ""); /* nobody was awaited */
}

static void a_short_request_releases_for_its_time_after_its_end(void **state)
{
    (void)state;
    struct bench b = bench();
    rex(&b, true);
    tick(&b, 300);
    rex(&b, false);
    assert_deadline(&b, 10000);
    contact(&b, true);
    RELEASED(&b, "RO"); /* masks forced, and nobody's taking */
    rex(&b, false);
    tick(&b, 10000);
    LOCKED(&b, "");
}

static void a_stuck_request_is_a_fault_and_releases_no_more(void **state)
{
    (void)state;
    struct bench b = bench();
    rex(&b, true);
    tick(&b, REX_STUCK_MS - 1);
    RELEASED(&b, "R");
    assert_null(door_alarm(&b.door));
    tick(&b, 1);
    LOCKED(&b, "S");
    assert_deadline(&b, -1);
    assert_string_equal(door_alarm(&b.door), "request_to_exit");
    contact(&b, true);
    LOCKED(&b, "OF");
    contact(&b, false);
    tick(&b, 1000000);
    LOCKED(&b, "C");
    rex(&b, false);
    LOCKED(&b, ""); /* and no time after it */
    assert_null(door_alarm(&b.door));
    rex(&b, true);
    RELEASED(&b, "R");
    assert_null(door_alarm(&b.door));
}

static void a_grant_outlives_a_stuck_request_but_not_by_more_than_its_time(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct bench b = bench();
        rex(&b, true);
        after(&b, REX_STUCK_MS - 5000);
        contact(&b, true);
        grant(&b, 10);
        RELEASED(&b, "ROT");
        assert_deadline(&b, 5000);
        if (!late) {
            tick(&b, 5000);
            RELEASED(&b, "S");
            assert_deadline(&b, 5000);
            b.now.ms -= 5000;
        }
        tick(&b, 11000);
        LOCKED(&b, late ? "S" : "");
        assert_deadline(&b, 24000); /* held open counts from the grant's end */
    }
}

static void a_grant_within_a_request_is_awaited_until_the_release_is_over(void **state)
{
    (void)state;
    struct bench b = bench();
    rex(&b, true);
    tick(&b, 60000);
    grant(&b, 1);
    RELEASED(&b, "R");
    assert_deadline(&b, 1000);
    tick(&b, 1000);
    RELEASED(&b, "");
    rex(&b, false);
    tick(&b, 10000);
    LOCKED(&b, "N");
    grant(&b, 60);
    rex(&b, true);
    rex(&b, false);
    assert_deadline(&b, 60000); /* a request does not shorten either */
    RELEASED(&b, "R");
}

static void a_shunt_masks_forced_and_releases_nothing(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.rex = REX_SHUNT;
    rex(&b, true);
    LOCKED(&b, "R");
    contact(&b, true);
    LOCKED(&b, "O");
    assert_deadline(&b, REX_STUCK_MS);
    tick(&b, 40000);
    rex(&b, false);
    LOCKED(&b, "");
    assert_deadline(&b, 25000);
    tick(&b, 30000);
    LOCKED(&b, "PH");
    contact(&b, false);
    contact(&b, true);
    LOCKED(&b, "CKOF");
    contact(&b, false);
    rex(&b, true);
    contact(&b, true);
    tick(&b, REX_STUCK_MS + 25000);
    LOCKED(&b, "CROSP");
    assert_deadline(&b, 5000);
    rex(&b, false);
    grant(&b, 1);
    rex(&b, true);
    assert_deadline(&b, 1000);
    tick(&b, 1000);
    LOCKED(&b, "TR"); /* a shunt does not make a grant last */
}

static void a_request_that_is_off_does_nothing_at_all(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.rex = REX_OFF;
    rex(&b, true);
    LOCKED(&b, "");
    contact(&b, true);
    LOCKED(&b, "OF");
    contact(&b, false);
    tick(&b, REX_STUCK_MS);
    LOCKED(&b, "C");
    assert_null(door_alarm(&b.door));
    assert_deadline(&b, -1);
    rex(&b, false);
    LOCKED(&b, "");
}

static void a_request_in_lockdown_is_reported_and_counts_only_if_it_may(void **state)
{
    (void)state;
    struct bench b = bench();
    mode(&b, MODE_LOCKED_DOWN);
    rex(&b, true);
    LOCKED(&b, "R");
    contact(&b, true);
    LOCKED(&b, "OF");
    contact(&b, false);
    rex(&b, false);
    LOCKED(&b, "C");
    b.rules.rex_in_lockdown = true;
    rex(&b, true);
    RELEASED(&b, "R");
    b.rules.rex_in_lockdown = false; /* shows when the time is up */
    tick(&b, 10000);
    LOCKED(&b, "");
    mode(&b, MODE_LOCKED);
    LOCKED(&b, ""); /* it does not begin anew */
    contact(&b, true);
    LOCKED(&b, "O"); /* but masks again */
    rex(&b, false);
    LOCKED(&b, "");
}

static void a_request_counts_in_every_other_mode(void **state)
{
    (void)state;
    for (enum door_mode m = MODE_LOCKED; m <= MODE_FORCED_CLOSED; m++) {
        struct bench b = bench();
        mode(&b, m);
        rex(&b, true);
        check(&b, "R", m != MODE_LOCKED_DOWN, __FILE__, __LINE__);
    }
}

static void rules_that_change_end_what_a_request_made_last(void **state)
{
    (void)state;
    for (enum rex_kind kind = REX_SHUNT; kind <= REX_OFF; kind++) {
        struct bench b = bench();
        rex(&b, true);
        tick(&b, 20000);
        b.rules.rex = kind;
        RELEASED(&b, "R");
        tick(&b, 1);
        LOCKED(&b, "");
        rex(&b, false);
        LOCKED(&b, "");
    }
}

/* --- modes, tamper ------------------------------------------------------------------------- */

static void modes_that_end_releases_do_so_at_once_and_others_let_them_end(void **state)
{
    (void)state;
    for (enum door_mode m = MODE_LOCKED; m <= MODE_FORCED_CLOSED; m++) {
        struct bench b = bench();
        bool ends = m == MODE_LOCKED_DOWN || m == MODE_BLOCKED || m == MODE_FORCED_CLOSED;
        grant(&b, 10);
        after(&b, 1000);
        mode(&b, m);
        check(&b, ends ? "N" : "", !ends, __FILE__, __LINE__);
        assert_deadline(&b, ends ? -1 : 9000);
        grant(&b, 3); /* whoever may, may */
        RELEASED(&b, ends ? "" : "N");
        mode(&b, MODE_UNLOCKED);
        RELEASED(&b, "");
        tick(&b, 9000);
        RELEASED(&b, "N");
        mode(&b, MODE_LOCKED);
        LOCKED(&b, "");
    }
}

static void a_mode_that_ends_a_request_is_not_undone_when_the_request_ends(void **state)
{
    (void)state;
    struct bench b = bench();
    contact(&b, false);
    rex(&b, true);
    contact(&b, true);
    mode(&b, MODE_LOCKED_DOWN);
    LOCKED(&b, "RO");
    assert_deadline(&b, 25000); /* nothing covers it now */
    mode(&b, MODE_BLOCKED);
    rex(&b, false);
    LOCKED(&b, "");
    tick(&b, 25000);
    LOCKED(&b, "P");
}

/* What ended a request's release ended it for good: a grant that comes later is not made to
 * last by the old press, neither while it is held nor when it is let go. */
static void a_request_whose_release_was_ended_does_not_prolong_a_later_grant(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct bench b = bench();
        rex(&b, true);
        if (how == 0)
            mode(&b, MODE_BLOCKED);
        else if (how == 1)
            mode(&b, MODE_FORCED_CLOSED);
        else
            door_end_release(&b.door, &b.rules, b.now, &b.out);
        LOCKED(&b, "R");
        grant(&b, 5);
        tick(&b, 5000);
        LOCKED(&b, "N");
        grant(&b, 5);
        rex(&b, false);
        assert_deadline(&b, 5000);
        tick(&b, 5000);
        LOCKED(&b, "N");
        rex(&b, true); /* a new press is a new cause */
        RELEASED(&b, "R");
    }
}

static void a_request_that_began_no_release_does_not_prolong_a_grant(void **state)
{
    (void)state;
    struct bench b = bench();
    mode(&b, MODE_LOCKED_DOWN);
    rex(&b, true);
    mode(&b, MODE_LOCKED);
    LOCKED(&b, "R");
    grant(&b, 5);
    tick(&b, 5000);
    LOCKED(&b, "N");
    rex(&b, false);
    LOCKED(&b, "");
}

static void a_request_whose_release_was_ended_still_masks_but_holds_up_no_relock(void **state)
{
    (void)state;
    struct bench b = bench();
    b.rules.relock = RELOCK_ON_CLOSE;
    rex(&b, true);
    mode(&b, MODE_BLOCKED);
    contact(&b, true);
    contact(&b, false);
    LOCKED(&b, "ROC"); /* not forced */
    grant(&b, 10);
    contact(&b, true);
    contact(&b, false);
    LOCKED(&b, "OTC");
}

static void what_is_shown_is_the_mode_and_the_gravest_alarm(void **state)
{
    (void)state;
    static const char *const name[DOOR_MODES] = {"Locked",     "Unlocked", "Locked",
                                                 "LockedDown", "Blocked",  "Blocked"};
    struct bench b = bench();
    for (enum door_mode m = MODE_LOCKED; m <= MODE_FORCED_CLOSED; m++) {
        mode(&b, m);
        assert_string_equal(door_onvif_mode(&b.door), name[m]);
        grant(&b, 1);
        assert_string_equal(door_onvif_mode(&b.door), m == MODE_UNLOCKED ? "Unlocked" : "Accessed");
        door_end_release(&b.door, &b.rules, b.now, &b.out);
        b.out.n = 0;
    }
    b = left_open();
    rex(&b, true);
    tick(&b, REX_STUCK_MS + 30000);
    LOCKED(&b, "RSPH");
    door_tamper(&b.door, true, &b.out);
    door_tamper(&b.door, true, &b.out);
    LOCKED(&b, "A");
    assert_string_equal(door_alarm(&b.door), "door_held_open");
    contact(&b, false);
    assert_string_equal(door_alarm(&b.door), "tamper");
    contact(&b, true);
    assert_string_equal(door_alarm(&b.door), "door_forced");
    contact(&b, false);
    door_tamper(&b.door, false, &b.out);
    LOCKED(&b, "CKOFCB");
    assert_string_equal(door_alarm(&b.door), "request_to_exit");
    door_tamper(&b.door, false, &b.out);
    LOCKED(&b, "");
}

static void the_most_that_one_step_brings_fits_and_more_is_not_written(void **state)
{
    (void)state;
    struct bench b = left_open();
    rex(&b, true);
    rex(&b, false);
    rex(&b, true);
    RELEASED(&b, "RR");
    after(&b, REX_STUCK_MS + 30000);
    contact(&b, false);
    LOCKED(&b, "SPHCK");
    for (int i = 0; i < 9; i++)
        door_tamper(&b.door, i % 2 == 0, &b.out);
    LOCKED(&b, "ABABAB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_open_is_said_once_after_a_warning_and_cleared_when_closed),
        cmocka_unit_test(held_open_counts_from_the_end_of_the_release_however_late_the_tick),
        cmocka_unit_test(closed_too_late_is_held_open_even_without_a_tick),
        cmocka_unit_test(closed_in_time_is_not_held_open_and_a_warning_needs_no_clearing),
        cmocka_unit_test(no_time_means_never_and_no_warning_none),
        cmocka_unit_test(a_warning_as_long_as_the_time_comes_at_once),
        cmocka_unit_test(a_grant_stops_the_count_and_its_end_starts_it_again),
        cmocka_unit_test(unlocked_masks_and_clears_held_open_and_locked_counts_anew),
        cmocka_unit_test(a_request_releases_while_it_lasts_and_some_time_after),
        cmocka_unit_test(a_short_request_releases_for_its_time_after_its_end),
        cmocka_unit_test(a_stuck_request_is_a_fault_and_releases_no_more),
        cmocka_unit_test(a_grant_outlives_a_stuck_request_but_not_by_more_than_its_time),
        cmocka_unit_test(a_grant_within_a_request_is_awaited_until_the_release_is_over),
        cmocka_unit_test(a_shunt_masks_forced_and_releases_nothing),
        cmocka_unit_test(a_request_that_is_off_does_nothing_at_all),
        cmocka_unit_test(a_request_in_lockdown_is_reported_and_counts_only_if_it_may),
        cmocka_unit_test(a_request_counts_in_every_other_mode),
        cmocka_unit_test(rules_that_change_end_what_a_request_made_last),
        cmocka_unit_test(modes_that_end_releases_do_so_at_once_and_others_let_them_end),
        cmocka_unit_test(a_mode_that_ends_a_request_is_not_undone_when_the_request_ends),
        cmocka_unit_test(a_request_whose_release_was_ended_does_not_prolong_a_later_grant),
        cmocka_unit_test(a_request_that_began_no_release_does_not_prolong_a_grant),
        cmocka_unit_test(a_request_whose_release_was_ended_still_masks_but_holds_up_no_relock),
        cmocka_unit_test(what_is_shown_is_the_mode_and_the_gravest_alarm),
        cmocka_unit_test(the_most_that_one_step_brings_fits_and_more_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
