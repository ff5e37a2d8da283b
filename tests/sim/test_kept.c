/* What decisions keep, in virtual time: uses, passes, latches, lockouts, over
 * kills, power cuts and disks that are slow or broken. */
#include "kept_fixture.h"

/* --- uses --------------------------------------------------------------------------- */

static void a_use_is_counted_once_and_over_a_kill(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 2;
    expect(w, 0, 0, "granted");
    restart(w);
    expect(w, 0, 0, "granted");
    restart(w);
    expect(w, 0, 0, "uses_exhausted");
    expect(w, 1, 0, "uses_exhausted");
}

static void a_use_at_one_door_leaves_the_others(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_per_door = 1;
    expect(w, 0, 0, "granted");
    expect(w, 0, 0, "uses_exhausted");
    expect(w, 1, 0, "granted");
}

static void a_repeat_counts_no_use(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 2;
    for (int i = 0; i < 5; i++) {
        world_present(w, 0, 0, "same", 0);
        world_sync(w);
    }
    expect(w, 0, 0, "granted");
    expect(w, 0, 0, "uses_exhausted");
}

static void a_denial_counts_no_use(void **state)
{
    struct world *w = *state;
    w->credential[2].uses_total = 1;
    expect(w, 0, 2, "no_permission");
    struct ledger_key key = ledger_key('t', &(struct id){"c2"}, NULL);
    assert_int_equal(ledger_number(&w->controller.ledger, &key), 0);
}

static void a_grant_that_consumes_opens_only_once_it_is_durable(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 5;
    world_present(w, 0, 0, "a", 0);
    assert_false(world_is_released(w, 0));
    world_pass(w, 3000); /* a disk that stalls: the door waits for it */
    assert_false(world_is_released(w, 0));
    world_sync(w);
    assert_true(world_is_released(w, 0));
    /* Whoever consumes nothing waits for nothing. */
    world_present(w, 1, 1, "b", 0);
    assert_true(world_is_released(w, 1));
}

static void a_grant_that_consumes_opens_where_the_journal_fails(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 5;
    w->journal_fails = true;
    world_present(w, 0, 0, "a", 0);
    assert_true(world_is_released(w, 0));
}

static void a_journal_that_breaks_down_lets_go_of_those_who_wait_for_it(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 5;
    world_present(w, 0, 0, "a", 0);
    assert_false(world_is_released(w, 0));
    w->journal_fails = true;
    world_pass(w, 1000);
    assert_true(world_is_released(w, 0));
}

static void a_lockdown_outruns_a_grant_that_waits_for_the_disk(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 5;
    world_present(w, 0, 0, "a", 0);
    struct command c = command(COMMAND_LOCKDOWN, NULL);
    (void)controller_command(&w->controller, &c, w->now);
    world_sync(w);
    assert_false(world_is_released(w, 0));
}

static void what_was_not_durable_is_gone_together_after_a_power_cut(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 1;
    world_present(w, 0, 0, "a", 0); /* neither event nor use is durable, and no door moved */
    assert_false(world_is_released(w, 0));
    world_power_cut(w);
    world_start(w);
    assert_int_equal(decided(w, "granted"), 0);
    expect(w, 0, 0, "granted");
    world_power_cut(w);
    world_start(w);
    expect(w, 0, 0, "uses_exhausted");
}

static void uses_that_the_journal_had_no_room_for_go_with_the_next_event(void **state)
{
    struct world *w = *state;
    w->credential[0].uses_total = 1;
    w->journal_full = w->journal_fails = true;
    world_present(w, 0, 0, "a", 0);
    w->journal_full = w->journal_fails = false;
    world_pass(w, 1000);
    world_sync(w);
    restart(w);
    expect(w, 0, 0, "uses_exhausted");
}

/* --- areas --------------------------------------------------------------------------- */

static const struct area_facts garage_in = {.id = {"garage"},
                                            .is_entry = true,
                                            .antipassback = ANTIPASSBACK_DENY,
                                            .reset_min = RESET_NEVER,
                                            .max_occupancy = OCCUPANCY_UNLIMITED};
static const struct area_facts garage_out = {.id = {"garage"},
                                             .antipassback = ANTIPASSBACK_DENY,
                                             .reset_min = RESET_NEVER,
                                             .max_occupancy = OCCUPANCY_UNLIMITED};
static const struct area_facts small_room = {.id = {"room"},
                                             .is_entry = true,
                                             .reset_min = RESET_NEVER,
                                             .max_occupancy = 1};

static void make_garage(struct world *w)
{
    w->areas[0] = &garage_in;
    w->areas[1] = &garage_out;
    w->n_areas[0] = w->n_areas[1] = 1;
}

static void who_is_in_may_not_come_in_again_also_after_a_kill(void **state)
{
    struct world *w = *state;
    make_garage(w);
    expect(w, 0, 0, "granted");
    restart(w);
    expect(w, 0, 0, "antipassback");
    expect(w, 1, 0, "granted");
    restart(w);
    expect(w, 1, 0, "antipassback");
    expect(w, 0, 0, "granted");
}

static void a_full_area_takes_nobody_more_until_somebody_is_forgiven(void **state)
{
    struct world *w = *state;
    w->areas[0] = &small_room;
    w->n_areas[0] = 1;
    expect(w, 0, 0, "granted");
    restart(w);
    expect(w, 0, 1, "occupancy_full");
    expect(w, 0, 0, "granted"); /* the one inside is no other */
    struct command c = command(COMMAND_FORGIVE_ANTIPASSBACK, NULL);
    c.person = (struct id){"p0"};
    (void)controller_command(&w->controller, &c, w->now);
    world_sync(w);
    expect(w, 0, 1, "granted");
}

static void a_pass_that_counts_when_taken_waits_for_the_door_to_open(void **state)
{
    struct world *w = *state;
    struct id d0 = {"d0"};
    make_garage(w);
    w->site.commit_taken = true;
    controller_on_contact(&w->controller, &d0, false, w->now);
    expect(w, 0, 0, "granted");
    world_pass(w, 10000); /* not taken */
    expect(w, 0, 0, "granted");
    controller_on_contact(&w->controller, &d0, true, w->now);
    controller_on_contact(&w->controller, &d0, false, w->now);
    world_sync(w);
    expect(w, 0, 0, "antipassback");
}

static void without_a_contact_a_pass_counts_when_granted(void **state)
{
    struct world *w = *state;
    make_garage(w);
    w->site.commit_taken = true;
    expect(w, 0, 0, "granted");
    expect(w, 0, 0, "antipassback");
}

/* --- latches --------------------------------------------------------------------------- */

static const struct mode_row open_by_first = {.id = {"lunch"},
                                              .tier = TIER_ROUTINE,
                                              .wish = WISH_FIRST_CREDENTIAL,
                                              .validity = {INSTANT_NONE, INSTANT_NONE},
                                              .allow_manual_end = true,
                                              .at = INSTANT_NONE,
                                              .fingerprint = 1};

static void make_lunch(struct world *w)
{
    w->door[0].modes = &open_by_first;
    w->door[0].n_modes = 1;
    w->person[0].first_credential = true;
    changed(w);
}

static void the_first_credential_holds_the_door_open_and_the_next_ends_it(void **state)
{
    struct world *w = *state;
    make_lunch(w);
    expect(w, 0, 1, "granted");
    world_pass(w, 10000);
    assert_false(world_is_released(w, 0));
    expect(w, 0, 0, "granted");
    world_pass(w, 10000);
    assert_true(world_is_released(w, 0));
    expect(w, 0, 1, "already_unlocked");
    restart(w);
    world_pass(w, 1000);
    assert_true(world_is_released(w, 0));
    expect(w, 0, 0, "hold_open_ended");
    assert_false(world_is_released(w, 0));
    restart(w);
    world_pass(w, 1000);
    assert_false(world_is_released(w, 0));
}

static void a_latch_opens_only_once_it_is_durable(void **state)
{
    struct world *w = *state;
    make_lunch(w);
    world_present(w, 0, 0, "a", 0);
    world_pass(w, 2000);
    assert_false(world_is_released(w, 0));
    world_sync(w);
    assert_true(world_is_released(w, 0));
}

static void a_latch_ends_with_its_row_and_with_a_day(void **state)
{
    struct world *w = *state;
    static struct mode_row other;
    make_lunch(w);
    expect(w, 0, 0, "granted");
    other = open_by_first;
    other.fingerprint = 2; /* the row was changed */
    w->door[0].modes = &other;
    changed(w);
    world_pass(w, 20000);
    assert_false(world_is_released(w, 0));
    expect(w, 0, 0, "granted");
    world_pass(w, 86399000);
    assert_true(world_is_released(w, 0));
    world_pass(w, 2000);
    assert_false(world_is_released(w, 0));
}

static void each_change_of_mode_is_one_event(void **state)
{
    struct world *w = *state;
    make_lunch(w);
    size_t before = world_events(w, "\"kind\":\"door_mode\"", NULL);
    expect(w, 0, 0, "granted");
    world_pass(w, 60000);
    restart(w);
    world_pass(w, 60000);
    assert_int_equal(world_events(w, "\"kind\":\"door_mode\"", NULL), before + 1);
    assert_int_equal(world_events(w, "\"kind\":\"door_mode\"", "\"mode\":\"unlocked\""), 1);
}

/* --- PIN lockout ------------------------------------------------------------------------ */

static void fail_pins(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        static int number;
        char payload[96];
        snprintf(payload, sizeof payload,
                 "{\"id\":\"pin%d\",\"type\":\"pin\",\"value\":\"9999\",\"age_ms\":0}", number++);
        world_message(w, "gatehouse/v1/readers/r0/read", payload, false);
        world_sync(w);
    }
}

static void wrong_pins_lock_the_reader_also_over_a_kill_and_a_reboot(void **state)
{
    struct world *w = *state;
    fail_pins(w, 3);
    restart(w);
    fail_pins(w, 2);
    assert_int_equal(decided(w, "credential_unknown"), 5);
    restart(w);
    fail_pins(w, 1);
    assert_int_equal(decided(w, "pin_locked_out"), 1);
    world_pass(w, 30000);
    world_power_cut(w); /* how long it was off is not known: the lock begins anew */
    world_start(w);
    fail_pins(w, 1);
    assert_int_equal(decided(w, "pin_locked_out"), 2);
    world_pass(w, 60000);
    fail_pins(w, 1);
    assert_int_equal(decided(w, "credential_unknown"), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_use_is_counted_once_and_over_a_kill),
        T(a_use_at_one_door_leaves_the_others),
        T(a_repeat_counts_no_use),
        T(a_denial_counts_no_use),
        T(a_grant_that_consumes_opens_only_once_it_is_durable),
        T(a_grant_that_consumes_opens_where_the_journal_fails),
        T(a_journal_that_breaks_down_lets_go_of_those_who_wait_for_it),
        T(a_lockdown_outruns_a_grant_that_waits_for_the_disk),
        T(what_was_not_durable_is_gone_together_after_a_power_cut),
        T(uses_that_the_journal_had_no_room_for_go_with_the_next_event),
        T(who_is_in_may_not_come_in_again_also_after_a_kill),
        T(a_full_area_takes_nobody_more_until_somebody_is_forgiven),
        T(a_pass_that_counts_when_taken_waits_for_the_door_to_open),
        T(without_a_contact_a_pass_counts_when_granted),
        T(the_first_credential_holds_the_door_open_and_the_next_ends_it),
        T(a_latch_opens_only_once_it_is_durable),
        T(a_latch_ends_with_its_row_and_with_a_day),
        T(each_change_of_mode_is_one_event),
        T(wrong_pins_lock_the_reader_also_over_a_kill_and_a_reboot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
