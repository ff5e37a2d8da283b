/* What goes out of a door, in virtual time: relays for the operator and for floors, faults,
 * the state that is published, the warning before the alarm. */
#include "kept_fixture.h"

static void energize(struct world *w, int relay, bool *out)
{
    struct relay_board *board = hal_sim_relays(w->sim);
    assert_int_equal(board->ops->get(board, relay, out), HAL_OK);
}

static bool is_on(struct world *w, int relay)
{
    bool on = false;
    energize(w, relay, &on);
    return on;
}

static struct hal_line line(const char *name)
{
    struct hal_line l = {.chip = "sim"};
    snprintf(l.line, sizeof l.line, "%s", name);
    return l;
}

static struct id id(const char *text)
{
    struct id out;
    assert_int_equal(id_set(&out, slice_of(text)), GH_OK);
    return out;
}

/* --- the operator ------------------------------------------------------------------------- */

#define OPENER 3 /* of d2, whose lock is relay 2 */

static void give_opener(struct world *w, bool on_rex)
{
    w->doors[2].opener = line("opener");
    w->doors[2].opener_ms = 500;
    w->doors[2].opener_on_rex = on_rex;
    restart(w);
}

static void the_operator_opens_for_who_needs_it_and_for_nobody_else(void **state)
{
    struct world *w = *state;
    give_opener(w, false);
    expect(w, 2, 0, "granted");
    assert_true(world_is_released(w, 2));
    assert_false(is_on(w, OPENER));
    world_pass(w, 10000);
    w->person[0].extended_release = true;
    changed(w);
    expect(w, 2, 0, "granted");
    assert_true(is_on(w, OPENER));
    world_pass(w, 499);
    assert_true(is_on(w, OPENER));
    world_pass(w, 1);
    assert_false(is_on(w, OPENER));
    assert_true(world_is_released(w, 2));
}

static void the_operator_opens_an_unlocked_door_too(void **state)
{
    struct world *w = *state;
    give_opener(w, false);
    w->person[0].extended_release = true;
    changed(w);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d2"), COMMAND_DONE);
    expect(w, 2, 0, "already_unlocked");
    assert_true(is_on(w, OPENER));
    world_pass(w, 500);
    assert_false(is_on(w, OPENER));
    assert_true(world_is_released(w, 2));
}

static void the_operator_opens_on_a_request_to_exit_where_it_is_wired_so(void **state)
{
    struct world *w = *state;
    struct id d2 = id("d2");
    give_opener(w, true);
    controller_on_rex(&w->controller, &d2, true, w->now);
    assert_true(is_on(w, OPENER));
    world_pass(w, 500);
    controller_on_rex(&w->controller, &d2, false, w->now);
    assert_false(is_on(w, OPENER));
    world_pass(w, 10000);
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    controller_on_rex(&w->controller, &d2, true, w->now);
    assert_false(is_on(w, OPENER));
    assert_false(world_is_released(w, 2));
}

static void a_lockdown_ends_the_operator(void **state)
{
    struct world *w = *state;
    give_opener(w, false);
    w->person[0].extended_release = true;
    changed(w);
    expect(w, 2, 0, "granted");
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    assert_false(is_on(w, OPENER));
    assert_false(world_is_released(w, 2));
}

/* --- floors ------------------------------------------------------------------------------- */

/* d2 is an elevator: relays 2 and 3 are floors 3 and attic; there is no other. */
static void make_elevator(struct world *w)
{
    static struct config_floor floors[2];
    for (int i = 0; i < 2; i++) {
        floors[i] = (struct config_floor){.door = w->doors[2].id};
        floors[i].floor = id(i == 0 ? "3" : "attic");
        floors[i].relay = line(i == 0 ? "f3" : "fa");
    }
    w->doors[2].relay = (struct hal_line){0};
    w->config.floors = floors;
    w->config.n_floors = 2;
    restart(w);
}

static void floor_of(struct world *w, int person, const char *floor)
{
    static struct id floors[WORLD_PEOPLE];
    snprintf(floors[person].s, sizeof floors[person].s, "%s", floor);
    w->person[person].floors = (struct id_list){&floors[person], 1};
    changed(w);
}

static void a_grant_lets_choose_its_floors_for_its_time(void **state)
{
    struct world *w = *state;
    make_elevator(w);
    floor_of(w, 0, "#3");
    floor_of(w, 1, "attic");
    expect(w, 2, 0, "granted");
    assert_true(is_on(w, 2));
    assert_false(is_on(w, 3));
    expect(w, 2, 1, "granted");
    assert_true(is_on(w, 2) && is_on(w, 3));
    world_pass(w, 4000);
    assert_false(is_on(w, 2) || is_on(w, 3));
    expect(w, 2, 1, "granted"); /* the one before is forgotten */
    assert_false(is_on(w, 2));
    assert_true(is_on(w, 3));
}

static void a_grant_without_floors_lets_choose_none(void **state)
{
    struct world *w = *state;
    make_elevator(w);
    floor_of(w, 0, "cellar");
    expect(w, 2, 0, "granted");
    assert_false(is_on(w, 2) || is_on(w, 3));
}

static void all_floors_are_free_on_an_order_and_while_it_is_held_open(void **state)
{
    struct world *w = *state;
    make_elevator(w);
    assert_int_equal(order(w, COMMAND_RELEASE, "d2"), COMMAND_DONE);
    assert_true(is_on(w, 2) && is_on(w, 3));
    world_pass(w, 4000);
    assert_false(is_on(w, 2) || is_on(w, 3));
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d2"), COMMAND_DONE);
    assert_true(is_on(w, 2) && is_on(w, 3));
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    assert_false(is_on(w, 2) || is_on(w, 3));
}

static void a_button_does_not_prolong_the_choice_of_a_floor(void **state)
{
    struct world *w = *state;
    struct id d2 = id("d2");
    make_elevator(w);
    floor_of(w, 0, "#3");
    expect(w, 2, 0, "granted");
    assert_true(is_on(w, 2));
    controller_on_rex(&w->controller, &d2, true, w->now); /* and it is stuck */
    world_pass(w, 4000);
    assert_false(is_on(w, 2));
}

static void a_floor_that_was_chosen_at_a_stuck_button_ends_in_its_own_time(void **state)
{
    struct world *w = *state;
    struct id d2 = id("d2");
    make_elevator(w);
    floor_of(w, 0, "#3");
    controller_on_rex(&w->controller, &d2, true, w->now);
    world_pass(w, 1000);
    expect(w, 2, 0, "granted");
    world_pass(w, 3999);
    assert_true(is_on(w, 2));
    world_pass(w, 1);
    assert_false(is_on(w, 2));
}

static void each_floor_has_the_time_of_who_may_go_there(void **state)
{
    struct world *w = *state;
    struct id d2 = id("d2");
    make_elevator(w);
    floor_of(w, 0, "#3");
    floor_of(w, 1, "attic");
    w->person[1].extended_release = true;
    w->door[2].door.extended_release_s = 120;
    changed(w);
    expect(w, 2, 0, "granted");
    expect(w, 2, 1, "granted");
    controller_on_rex(&w->controller, &d2, true, w->now);
    assert_true(is_on(w, 2) && is_on(w, 3)); /* a button takes nobody's floor away */
    controller_on_rex(&w->controller, &d2, false, w->now);
    world_pass(w, 3999);
    assert_true(is_on(w, 2) && is_on(w, 3));
    world_pass(w, 1);
    assert_true(!is_on(w, 2) && is_on(w, 3));
    expect(w, 2, 0, "granted"); /* whose shorter time ends nobody else's */
    world_pass(w, 4000);
    assert_true(!is_on(w, 2) && is_on(w, 3));
    world_pass(w, 112000);
    assert_false(is_on(w, 2) || is_on(w, 3));
}

/* --- faults ------------------------------------------------------------------------------- */

static void a_board_that_goes_and_comes_back_is_two_events(void **state)
{
    struct world *w = *state;
    expect(w, 0, 0, "granted");
    hal_sim_set_gone(w->sim, true);
    world_pass(w, 30000);
    world_sync(w);
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", NULL), 3);
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", "\"on\":true"), 3);
    expect(w, 0, 0, "controller_offline");
    hal_sim_set_gone(w->sim, false);
    world_pass(w, 1000);
    assert_false(world_is_released(w, 0)); /* what did not open then does not open now */
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", "\"on\":false"), 0);
    world_pass(w, 5000);
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", "\"on\":false"), 3);
    expect(w, 0, 0, "granted");
    assert_true(world_is_released(w, 0));
}

static void a_loose_cable_is_one_event_and_not_one_a_second(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 600; i++) {
        hal_sim_set_gone(w->sim, i % 2 == 0);
        world_pass(w, 1000);
    }
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", NULL), 3);
    world_pass(w, 6000);
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", NULL), 6);
    expect(w, 0, 0, "granted");
}

static void a_release_that_a_board_cuts_short_is_not_taken(void **state)
{
    struct world *w = *state;
    struct id d1 = id("d1");
    controller_on_contact(&w->controller, &d1, false, w->now);
    expect(w, 1, 0, "granted");
    hal_sim_set_gone(w->sim, true);
    world_pass(w, 1000);
    assert_int_equal(world_events(w, "\"kind\":\"access_not_taken\"", "\"door\":\"d1\""), 1);
    hal_sim_set_gone(w->sim, false);
}

static void an_operator_that_fails_keeps_nobody_out(void **state)
{
    struct world *w = *state;
    give_opener(w, false);
    w->person[0].extended_release = true;
    changed(w);
    hal_sim_set_stuck(w->sim, OPENER, true);
    expect(w, 2, 0, "granted");
    assert_true(world_is_released(w, 2));
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", "the opener's relay"), 1);
    world_pass(w, 10000);
    assert_int_equal(world_events(w, "\"kind\":\"relay_fault\"", "\"on\":false"), 1);
    expect(w, 2, 0, "granted");
}

/* --- the state that is published ------------------------------------------------------------ */

#define STATE_0 "gatehouse/v1/doors/d0/state"

static const char *newest(const struct world *w, const char *topic)
{
    const char *found = "";
    for (size_t i = 0; i < w->n_sent; i++) {
        if (strcmp(w->sent[i].topic, topic) != 0)
            continue;
        assert_true(w->sent[i].retain);
        found = w->sent[i].payload;
    }
    return found;
}

static void holds(const struct world *w, const char *text)
{
    const char *state = newest(w, STATE_0);
    if (!strstr(state, text))
        fail_msg("%s does not hold %s", state, text);
}

static void a_door_says_what_it_is_as_it_changes_and_no_more(void **state)
{
    struct world *w = *state;
    struct id d0 = id("d0");
    world_pass(w, 1000);
    holds(w, "{\"mode\":\"locked\",\"onvif\":\"Locked\",\"lock\":\"locked\",\"contact\":null,"
             "\"alarm\":null,\"at\":\"2025-01-16T04:00:0");
    size_t n = world_count(w, STATE_0, NULL);
    world_pass(w, 60000);
    assert_int_equal(world_count(w, STATE_0, NULL), n);
    expect(w, 0, 0, "granted");
    world_pass(w, 20);
    holds(w, "\"onvif\":\"Accessed\",\"lock\":\"released\"");
    holds(w, "\"until\":\"2025-01-16T04:01:");
    world_pass(w, 5000);
    holds(w, "\"onvif\":\"Locked\",\"lock\":\"locked\"");
    assert_int_equal(world_count(w, STATE_0, NULL), n + 2);
    controller_on_contact(&w->controller, &d0, true, w->now);
    controller_on_contact(&w->controller, &d0, false, w->now);
    controller_on_contact(&w->controller, &d0, true, w->now);
    world_pass(w, 20);
    holds(w, "\"contact\":\"open\",\"alarm\":\"door_forced\"");
    controller_on_contact(&w->controller, &d0, false, w->now);
    world_pass(w, 20);
    holds(w, "\"contact\":\"closed\",\"alarm\":null");
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    world_pass(w, 20);
    holds(w, "\"mode\":\"locked_down\",\"onvif\":\"LockedDown\"");
    hal_sim_set_gone(w->sim, true);
    world_pass(w, 1000);
    holds(w, "\"alarm\":\"relay_fault\"");
}

static void a_stop_leaves_no_door_retained_as_released(void **state)
{
    struct world *w = *state;
    world_pass(w, 1000);
    expect(w, 0, 0, "granted");
    world_pass(w, 20);
    holds(w, "\"lock\":\"released\"");
    controller_stopped(&w->controller, w->now);
    holds(w, "\"onvif\":\"Locked\",\"lock\":\"locked\"");
}

static void an_order_with_an_end_says_until_when(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_HOLD_OPEN, "d0");
    c.until = w->now.wall.s + 3600;
    (void)controller_command(&w->controller, &c, w->now);
    world_pass(w, 20);
    holds(w, "\"mode\":\"unlocked\"");
    holds(w, "\"until\":\"2025-01-16T05:00:00Z\"");
}

static void what_the_broker_missed_is_said_when_it_is_back(void **state)
{
    struct world *w = *state;
    struct bus_note down = {.kind = BUS_DOWN}, up = {.kind = BUS_UP};
    world_pass(w, 1000);
    controller_on_bus(&w->controller, &down, w->now);
    w->bus_down = true;
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    world_pass(w, 5000);
    holds(w, "\"mode\":\"locked\"");
    w->bus_down = false;
    size_t n = world_count(w, "gatehouse/v1/doors/d2/state", NULL);
    controller_on_bus(&w->controller, &up, w->now);
    world_pass(w, 20);
    holds(w, "\"mode\":\"locked_down\"");
    assert_int_equal(world_count(w, "gatehouse/v1/doors/d2/state", NULL), n + 1);
}

static void is_said_this_long_after(struct world *w, bool *obstacle, int ms)
{
    world_pass(w, 1000);
    *obstacle = true;
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    world_pass(w, 500);
    holds(w, "\"mode\":\"locked\"");
    *obstacle = false;
    world_pass(w, ms);
    holds(w, "\"mode\":\"locked_down\"");
}

/* Publishing gives GH_RETRY, the link stands. */
static void a_broker_that_is_busy_hears_it_a_second_later(void **state)
{
    struct world *w = *state;
    is_said_this_long_after(w, &w->bus_down, 1000);
}

static void what_the_bus_has_no_room_for_is_said_soon(void **state)
{
    struct world *w = *state;
    is_said_this_long_after(w, &w->bus_full, 20);
}

/* --- the warning ---------------------------------------------------------------------------- */

static void who_stands_at_an_open_door_is_warned_before_the_alarm(void **state)
{
    struct world *w = *state;
    static const char topic[] = "gatehouse/v1/readers/r0/feedback";
    struct id d0 = id("d0");
    w->door[0].door.held_open_s = 30;
    w->door[0].door.pre_alarm_s = 10;
    changed(w);
    controller_on_contact(&w->controller, &d0, false, w->now);
    expect(w, 0, 0, "granted");
    controller_on_contact(&w->controller, &d0, true, w->now);
    int64_t opened_s = w->door[0].door.relock == RELOCK_ON_OPEN ? 0 : 2;
    world_pass(w, (opened_s + 20) * 1000 - 1);
    assert_int_equal(world_count(w, topic, "\"beep\":\"warn\""), 0);
    world_pass(w, 1);
    assert_int_equal(world_count(w, topic, "\"id\":null,\"decision\":\"pending\","
                                           "\"reason\":\"door_held_open\""), 1);
    assert_int_equal(world_count(w, "gatehouse/v1/readers/r1/feedback", "warn"), 0);
    world_pass(w, 10000);
    world_sync(w);
    assert_int_equal(world_events(w, "\"kind\":\"door_held_open\"", NULL), 1);
    world_pass(w, 60000);
    assert_int_equal(world_count(w, topic, "\"beep\":\"warn\""), 1);
}

/* --- a test of the relay ---------------------------------------------------------------------- */

static void a_relay_is_tested_for_a_second_and_journalled(void **state)
{
    struct world *w = *state;
    struct id d0 = id("d0"), none = id("d9");
    w->policy_broken = true; /* also before there is a policy */
    assert_true(controller_test_relay(&w->controller, &d0, "local:anna", w->now));
    assert_true(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"action\":\"relay_test\",\"result\":\"done\"",
                                  "\"by\":\"local:anna\""), 1);
    world_pass(w, 1000);
    assert_false(world_is_released(w, 0));
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    assert_false(controller_test_relay(&w->controller, &d0, "local:anna", w->now));
    assert_false(world_is_released(w, 0));
    assert_false(controller_test_relay(&w->controller, &none, "local:anna", w->now));
    assert_int_equal(world_events(w, "\"action\":\"relay_test\",\"result\":\"refused\"", NULL), 2);
}

static void a_test_adds_nothing_to_a_release_and_minds_interlock_and_policy(void **state)
{
    struct world *w = *state;
    struct id d0 = id("d0"), d1 = id("d1");
    w->door[1].interlocked = &d0;
    w->door[1].n_interlocked = 1;
    changed(w);
    expect(w, 0, 0, "granted");
    assert_false(controller_test_relay(&w->controller, &d0, "local:anna", w->now));
    assert_false(controller_test_relay(&w->controller, &d1, "local:anna", w->now));
    assert_false(world_is_released(w, 1));
    world_pass(w, 5000);
    w->door[0].is_lockdown = true;
    w->generation++; /* and nobody has looked at it yet */
    assert_false(controller_test_relay(&w->controller, &d0, "local:anna", w->now));
    assert_false(world_is_released(w, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_operator_opens_for_who_needs_it_and_for_nobody_else),
        T(the_operator_opens_an_unlocked_door_too),
        T(the_operator_opens_on_a_request_to_exit_where_it_is_wired_so),
        T(a_lockdown_ends_the_operator),
        T(a_grant_lets_choose_its_floors_for_its_time),
        T(a_grant_without_floors_lets_choose_none),
        T(a_button_does_not_prolong_the_choice_of_a_floor),
        T(a_floor_that_was_chosen_at_a_stuck_button_ends_in_its_own_time),
        T(each_floor_has_the_time_of_who_may_go_there),
        T(all_floors_are_free_on_an_order_and_while_it_is_held_open),
        T(a_board_that_goes_and_comes_back_is_two_events),
        T(a_loose_cable_is_one_event_and_not_one_a_second),
        T(a_release_that_a_board_cuts_short_is_not_taken),
        T(an_operator_that_fails_keeps_nobody_out),
        T(a_door_says_what_it_is_as_it_changes_and_no_more),
        T(a_stop_leaves_no_door_retained_as_released),
        T(an_order_with_an_end_says_until_when),
        T(what_the_broker_missed_is_said_when_it_is_back),
        T(a_broker_that_is_busy_hears_it_a_second_later),
        T(what_the_bus_has_no_room_for_is_said_soon),
        T(who_stands_at_an_open_door_is_warned_before_the_alarm),
        T(a_relay_is_tested_for_a_second_and_journalled),
        T(a_test_adds_nothing_to_a_release_and_minds_interlock_and_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
