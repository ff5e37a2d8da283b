/* What goes wrong at a door at the worst moment: between a grant and its sync, between a
 * kill and its repeat, under a clock that went back. In virtual time. */
#include "kept_fixture.h"

static const struct id d0 = {"d0"};

/* --- between a grant and its sync ----------------------------------------------------------- */

static void an_airlock_stays_one_while_a_grant_waits_for_the_disk(void **state)
{
    struct world *w = *state;
    w->door[1].interlocked = &d0;
    w->door[1].n_interlocked = 1;
    w->credential[0].uses_total = 5; /* so this grant waits */
    changed(w);
    world_present(w, 0, 0, "a", 0);
    assert_false(world_is_released(w, 0));
    world_present(w, 1, 1, "b", 0);
    assert_false(world_is_released(w, 1));
    assert_int_equal(decided(w, "interlock"), 1);
    world_sync(w);
    assert_true(world_is_released(w, 0));
    assert_false(world_is_released(w, 1));
}

static const struct area_facts yard = {.id = {"yard"},
                                       .is_entry = true,
                                       .antipassback = ANTIPASSBACK_DENY,
                                       .reset_min = RESET_NEVER,
                                       .max_occupancy = OCCUPANCY_UNLIMITED};

static void make_yard_counted_when_taken(struct world *w)
{
    w->areas[0] = &yard;
    w->n_areas[0] = 1;
    w->site.commit_taken = true;
    changed(w);
    controller_on_contact(&w->controller, &d0, false, w->now);
}

static void what_happens_at_the_door_before_the_sync_costs_no_pass(void **state)
{
    struct world *w = *state;
    make_yard_counted_when_taken(w);
    w->credential[0].uses_total = 5;
    world_present(w, 0, 0, "a", 0);
    controller_on_tamper(&w->controller, &d0, true, w->now);
    world_sync(w);
    assert_true(world_is_released(w, 0));
    controller_on_contact(&w->controller, &d0, true, w->now);
    controller_on_contact(&w->controller, &d0, false, w->now);
    expect(w, 0, 0, "antipassback");
}

static void a_door_that_is_held_open_by_hand_counts_passes_all_the_same(void **state)
{
    struct world *w = *state;
    make_yard_counted_when_taken(w);
    controller_on_contact(&w->controller, &d0, true, w->now);
    expect(w, 0, 0, "granted");
    expect(w, 0, 0, "antipassback");
}

static void no_pass_is_lost_where_many_wait_for_a_door_to_open(void **state)
{
    struct world *w = *state;
    make_yard_counted_when_taken(w);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d0"), COMMAND_DONE);
    for (int i = 0; i < DOOR_COMMITS_MAX; i++)
        expect(w, 0, 1, "already_unlocked");
    expect(w, 0, 0, "already_unlocked"); /* one more than there is room for */
    controller_on_contact(&w->controller, &d0, true, w->now);
    controller_on_contact(&w->controller, &d0, false, w->now);
    assert_int_equal(order(w, COMMAND_RESTORE, "d0"), COMMAND_DONE);
    expect(w, 0, 0, "antipassback");
}

/* --- between a kill and the repeat ------------------------------------------------------------ */

static void a_repeat_after_a_kill_does_not_open_what_was_locked_down_meanwhile(void **state)
{
    struct world *w = *state;
    world_present(w, 2, 0, "a", 0); /* 4 s, not answered */
    restart(w);
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    world_present(w, 2, 0, "a", 100);
    assert_false(world_is_released(w, 2));
    assert_int_equal(hal_sim_edges(w->sim, 2), 0);
}

static void a_read_that_waited_once_is_no_first_person_again(void **state)
{
    struct world *w = *state;
    w->door[0].door.factors = FACTORS_TWO_PERSON;
    changed(w);
    world_present(w, 0, 0, "one", 0);
    world_present(w, 0, 1, "two", 0);
    world_sync(w);
    assert_true(world_is_released(w, 0));
    world_pass(w, 60000);
    world_present(w, 0, 1, "three", 0); /* waits for somebody */
    world_present(w, 0, 0, "one", 0);   /* a late copy is nobody */
    world_sync(w);
    assert_false(world_is_released(w, 0));
    restart(w);
    world_present(w, 0, 0, "one", 0);
    world_sync(w);
    assert_false(world_is_released(w, 0));
}

/* --- a clock that went back --------------------------------------------------------------------- */

static void what_was_restored_stays_so_when_the_clock_goes_back(void **state)
{
    struct world *w = *state;
    static struct mode_row sale;
    sale = (struct mode_row){.id = {"sale"},
                             .tier = TIER_QUICK,
                             .wish = WISH_UNLOCKED,
                             .validity = {INSTANT_NONE, INSTANT_NONE},
                             .at = w->now.wall.s - 10};
    w->door[0].modes = &sale;
    w->door[0].n_modes = 1;
    changed(w);
    assert_true(world_is_released(w, 0));
    assert_int_equal(order(w, COMMAND_RESTORE, "d0"), COMMAND_DONE);
    assert_false(world_is_released(w, 0));
    w->now.wall.s -= 3600;
    assert_int_equal(order(w, COMMAND_RESTORE, "d0"), COMMAND_DONE);
    assert_false(world_is_released(w, 0));
    restart(w);
    world_pass(w, 1000);
    assert_false(world_is_released(w, 0));
}

static void a_lockdown_ends_a_grant_that_waits_also_where_it_is_over_by_then(void **state)
{
    struct world *w = *state;
    struct command down = command(COMMAND_LOCKDOWN, NULL);
    struct command up = command(COMMAND_LOCKDOWN_RELEASE, NULL);
    w->credential[0].uses_total = 5;
    changed(w);
    world_present(w, 2, 0, "waits", 0);
    assert_int_equal(w->controller.n_deferred, 1);
    (void)controller_command(&w->controller, &down, w->now);
    (void)controller_command(&w->controller, &up, w->now);
    world_sync(w);
    assert_false(world_is_released(w, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_airlock_stays_one_while_a_grant_waits_for_the_disk),
        T(what_happens_at_the_door_before_the_sync_costs_no_pass),
        T(a_door_that_is_held_open_by_hand_counts_passes_all_the_same),
        T(no_pass_is_lost_where_many_wait_for_a_door_to_open),
        T(a_repeat_after_a_kill_does_not_open_what_was_locked_down_meanwhile),
        T(a_read_that_waited_once_is_no_first_person_again),
        T(what_was_restored_stays_so_when_the_clock_goes_back),
        T(a_lockdown_ends_a_grant_that_waits_also_where_it_is_over_by_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
