/* Commands, fire and second factors, in virtual time and over kills. */
#include "kept_fixture.h"

#include "app/gatehoused/command_memory.h"

/* --- commands --------------------------------------------------------------------------- */

static void a_local_lockdown_outlives_a_kill(void **state)
{
    struct world *w = *state;
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    restart(w);
    expect(w, 0, 0, "door_locked_down");
    assert_int_equal(order(w, COMMAND_RELEASE, "d0"), COMMAND_REFUSED);
    assert_int_equal(order(w, COMMAND_LOCKDOWN_RELEASE, "d0"), COMMAND_DONE);
    restart(w);
    expect(w, 0, 0, "granted");
    expect(w, 1, 0, "door_locked_down");
}

static void a_door_is_held_open_over_a_kill_until_it_is_restored(void **state)
{
    struct world *w = *state;
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d1"), COMMAND_DONE);
    assert_true(world_is_released(w, 1));
    restart(w);
    world_pass(w, 1000);
    assert_true(world_is_released(w, 1));
    assert_int_equal(order(w, COMMAND_RESTORE, NULL), COMMAND_DONE);
    assert_false(world_is_released(w, 1));
}

static void a_door_is_not_held_open_where_it_is_locked_down_or_closed(void **state)
{
    struct world *w = *state;
    w->door[1].door.maintenance = MAINTENANCE_FORCE_CLOSED;
    changed(w);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d1"), COMMAND_REFUSED);
    assert_int_equal(order(w, COMMAND_LOCKDOWN, "d0"), COMMAND_DONE);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d0"), COMMAND_REFUSED);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, NULL), COMMAND_REFUSED);
    assert_int_equal(order(w, COMMAND_HOLD_OPEN, "d2"), COMMAND_DONE);
}

static void a_command_is_done_once_also_after_a_kill(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_RELEASE, "d0");
    c.id = (struct id){"k1"};
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
    world_pass(w, 10000);
    restart(w);
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DUPLICATE);
    assert_false(world_is_released(w, 0));
    for (int day = 0; day < 8; day++) {
        world_pass(w, 86400000);
        w->n_sent = 0;
    }
    c.id = (struct id){"k2"};
    (void)controller_command(&w->controller, &c, w->now);
    c.id = (struct id){"k1"}; /* a week later nobody remembers it */
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
}

static void a_command_that_was_refused_is_remembered_too(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_RELEASE, "d0");
    struct now blind = w->now;
    c.id = (struct id){"k1"};
    blind.wall = (struct wall){1000, CLOCK_UNSET};
    assert_int_equal(controller_command(&w->controller, &c, blind).reason, REASON_CLOCK_UNTRUSTED);
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DUPLICATE);
    assert_false(world_is_released(w, 0));
}

static void a_command_that_is_late_opens_nothing(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_RELEASE, "d0");
    c.not_after = w->now.wall.s;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_EXPIRED);
    c.action = COMMAND_HOLD_OPEN;
    c.not_after = INSTANT_NONE;
    c.until = w->now.wall.s;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
}

static struct command_outcome remote(struct world *w, const char *door, int n)
{
    struct command c = command(COMMAND_RELEASE, door);
    snprintf(c.id.s, sizeof c.id.s, "remote-%d", n);
    c.issued_at = w->now.wall.s;
    c.not_after = w->now.wall.s + 60;
    c.is_remote = true;
    struct command_outcome out = controller_command(&w->controller, &c, w->now);
    world_sync(w);
    return out;
}

static void remote_releases_are_capped_in_any_hour_also_over_kills(void **state)
{
    struct world *w = *state; /* three an hour */
    assert_int_equal(remote(w, "d0", 1).result, COMMAND_DONE);
    world_pass(w, 1800 * 1000);
    assert_int_equal(remote(w, "d0", 2).result, COMMAND_DONE);
    assert_int_equal(order(w, COMMAND_LOCKDOWN, "d1"), COMMAND_DONE);
    assert_int_equal(remote(w, "d1", 3).reason, REASON_DOOR_LOCKED_DOWN); /* counts for nothing */
    assert_int_equal(remote(w, "d0", 4).result, COMMAND_DONE);
    restart(w);
    struct command_outcome over = remote(w, "d0", 5);
    assert_int_equal(over.result, COMMAND_REFUSED);
    assert_non_null(over.fault);
    assert_false(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"id\":\"remote-5\"", "more remote releases"), 1);
    assert_int_equal(order(w, COMMAND_RELEASE, "d0"), COMMAND_DONE); /* who is at the box may */
    world_pass(w, 1801 * 1000); /* the first is an hour old, the others are not */
    w->n_sent = 0;
    assert_int_equal(remote(w, "d0", 6).result, COMMAND_DONE);
    assert_int_equal(remote(w, "d0", 7).result, COMMAND_REFUSED);
}

static void a_command_of_last_month_is_not_done_again_when_its_id_is_forgotten(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_HOLD_OPEN, "d0");
    c.id = (struct id){"ancient"};
    c.is_remote = true;
    w->now.wall.s += 8 * 86400; /* the memory is old enough */
    w->now.mono.ms += 8LL * 86400 * 1000;
    c.issued_at = w->now.wall.s - 7 * 86400 - 1;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
    c.id = (struct id){"recent"};
    c.issued_at = w->now.wall.s - 7 * 86400;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
}

static enum command_result issued(struct world *w, enum command_action action, const char *door,
                                  const char *id, int64_t at)
{
    struct command c = command(action, door);
    snprintf(c.id.s, sizeof c.id.s, "%s", id);
    c.issued_at = at;
    return controller_command(&w->controller, &c, w->now).result;
}

/* A box whose journal is new does not know what the old one has done. */
static void what_was_issued_before_the_memory_began_is_not_done_but_locks(void **state)
{
    struct world *w = *state;
    int64_t began = w->now.wall.s;
    w->now.wall.s += 60;
    w->now.mono.ms += 60000;
    assert_int_equal(order(w, COMMAND_RESTORE, NULL), COMMAND_DONE); /* the first event */
    restart(w); /* does not begin it anew */
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "1", began - 1), COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
    assert_int_equal(issued(w, COMMAND_LOCKDOWN, "d0", "2", began - 1), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_LOCKDOWN_RELEASE, "d0", "3", began - 1), COMMAND_EXPIRED);
    assert_int_equal(issued(w, COMMAND_RESTORE, "d0", "4", began - 1), COMMAND_EXPIRED);
    assert_int_equal(issued(w, COMMAND_LOCKDOWN_RELEASE, "d0", "5", began), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "6", began), COMMAND_DONE);
    assert_true(world_is_released(w, 0));
}

/* Whoever kept an old command back until the box starts without a clock gets nothing opened. */
static void a_command_whose_id_was_dropped_is_not_done_again_without_a_clock(void **state)
{
    struct world *w = *state;
    int64_t then = w->now.wall.s;
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "kept", then), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_RESTORE, "d0", "back", then), COMMAND_DONE);
    w->now.wall.s += 8 * 86400;
    w->now.mono.ms += 8LL * 86400 * 1000;
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "new", w->now.wall.s), COMMAND_DONE);
    restart(w);
    w->now.wall.trust = CLOCK_UNSET;
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "kept", then), COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
    assert_int_equal(issued(w, COMMAND_LOCKDOWN, "d0", "lock", then), COMMAND_DONE);
}

/* As on a box that was restored an hour ago: what it did before it does not know. */
static void dropping_ids_does_not_make_the_memory_longer(void **state)
{
    struct world *w = *state;
    const struct id commands = {"commands"};
    struct ledger_key began = ledger_key('b', &commands, NULL);
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "old", w->now.wall.s), COMMAND_DONE);
    w->now.wall.s += 8 * 86400;
    w->now.mono.ms += 8LL * 86400 * 1000;
    (void)ledger_put_number(&w->controller.ledger, &began, w->now.wall.s - 3600);
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "new", w->now.wall.s), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "between", w->now.wall.s - 7200),
                     COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
}

static void a_week_passes(struct world *w, int64_t more_s)
{
    w->now.wall.s += 7 * 86400 + more_s;
    w->now.mono.ms += (7 * 86400 + more_s) * 1000;
}

/* Our clock is behind the cloud's: the command is younger than its id. */
static void a_command_from_ahead_of_our_clock_is_not_done_again_when_its_id_is_old(void **state)
{
    struct world *w = *state;
    int64_t then = w->now.wall.s + 3600;
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "ahead", then), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_RESTORE, "d0", "back", then), COMMAND_DONE);
    a_week_passes(w, 1);
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "new", w->now.wall.s), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "ahead", then), COMMAND_DUPLICATE);
    a_week_passes(w, 1);
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "ahead", then), COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
}

static void count_one(void *context, struct ledger_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
}

static size_t known_ids(struct world *w)
{
    size_t n = 0;
    ledger_each(&w->controller.ledger, 'c', count_one, &n);
    return n;
}

static void ids_that_came_without_a_clock_are_forgotten_a_week_after_it_is_right(void **state)
{
    struct world *w = *state;
    w->now.wall.trust = CLOCK_UNSET;
    for (int i = 0; i < 50; i++) {
        char id[24];
        snprintf(id, sizeof id, "blind-%d", i);
        assert_int_equal(issued(w, COMMAND_LOCK, "d0", id, w->now.wall.s), COMMAND_DONE);
    }
    w->now.wall.trust = CLOCK_SYNCED;
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "1", w->now.wall.s), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_LOCK, "d0", "blind-7", w->now.wall.s), COMMAND_DUPLICATE);
    restart(w);
    a_week_passes(w, 1);
    assert_int_equal(issued(w, COMMAND_RESYNC, NULL, "2", w->now.wall.s), COMMAND_DONE);
    assert_int_equal(known_ids(w), 1);
}

static void commands_without_end_take_no_memory_without_end(void **state)
{
    struct world *w = *state;
    struct command c = command(COMMAND_RESYNC, NULL);
    c.from = (struct id){"desk"};
    for (int i = 0; i < 3 * COMMAND_MEMORY_PANEL; i++) {
        snprintf(c.id.s, sizeof c.id.s, "%d", i);
        w->now.wall.s++;
        assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
        w->n_events = 0;
    }
    assert_true(known_ids(w) <= COMMAND_MEMORY_PANEL);
    for (int i = 2 * COMMAND_MEMORY_PANEL; i < 3 * COMMAND_MEMORY_PANEL; i += 99) {
        snprintf(c.id.s, sizeof c.id.s, "%d", i);
        assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DUPLICATE);
    }
}

/* Those of the cloud say when they were asked for: what nobody remembers is over. */
static void a_command_of_the_cloud_whose_id_made_room_is_not_done_again(void **state)
{
    struct world *w = *state;
    int64_t then = w->now.wall.s;
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "first", then), COMMAND_DONE);
    assert_int_equal(issued(w, COMMAND_RESTORE, "d0", "back", then), COMMAND_DONE);
    w->now.wall.s++;
    for (int i = 0; i < COMMAND_MEMORY_OTHERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        struct id command = {""};
        snprintf(command.s, sizeof command.s, "%s", id);
        command_memory_add(&w->controller.ledger, &command, &(struct id){""}, w->now.wall.s, w->now);
    }
    assert_true(known_ids(w) <= COMMAND_MEMORY_OTHERS);
    assert_int_equal(issued(w, COMMAND_HOLD_OPEN, "d0", "first", then), COMMAND_EXPIRED);
    assert_false(world_is_released(w, 0));
}

static void a_lock_and_a_lockdown_need_no_clock(void **state)
{
    struct world *w = *state;
    w->now.wall.trust = CLOCK_UNSET;
    struct command c = command(COMMAND_LOCKDOWN, NULL);
    c.not_after = 5;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
    c.action = COMMAND_LOCK;
    assert_int_equal(controller_command(&w->controller, &c, w->now).result, COMMAND_DONE);
    c.action = COMMAND_LOCKDOWN_RELEASE;
    assert_int_equal(controller_command(&w->controller, &c, w->now).reason,
                     REASON_CLOCK_UNTRUSTED);
}

/* --- fire ------------------------------------------------------------------------------- */

static void fire_opens_what_is_locked_down_for_as_long_as_it_lasts(void **state)
{
    struct world *w = *state;
    w->door[2].door.fire_release = false;
    changed(w);
    assert_int_equal(order(w, COMMAND_LOCKDOWN, NULL), COMMAND_DONE);
    controller_on_fire(&w->controller, NULL, true, w->now);
    assert_true(world_is_released(w, 0));
    assert_true(world_is_released(w, 1));
    assert_false(world_is_released(w, 2));
    world_pass(w, 3600000);
    assert_true(world_is_released(w, 0));
    controller_on_fire(&w->controller, NULL, false, w->now);
    assert_false(world_is_released(w, 0));
}

static void fire_opens_also_where_the_policy_cannot_be_read(void **state)
{
    struct world *w = *state;
    world_pass(w, 1000);
    w->policy_broken = true;
    controller_on_fire(&w->controller, NULL, true, w->now);
    assert_true(world_is_released(w, 0));
    controller_on_fire(&w->controller, NULL, false, w->now);
    assert_false(world_is_released(w, 0));
}

/* --- second factors ----------------------------------------------------------------------- */

static void make_two_person(struct world *w)
{
    w->door[0].door.factors = FACTORS_TWO_PERSON;
    changed(w);
}

static size_t answers(struct world *w, const char *text)
{
    return world_count(w, "gatehouse/v1/readers/r0/feedback", text);
}

static void two_persons_open_what_one_does_not(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    world_sync(w);
    assert_int_equal(answers(w, "pending"), 1);
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 0);
    world_present(w, 0, 1, "b", 0);
    world_sync(w);
    assert_true(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"person\":\"p1\"", "\"with\":\"p0\""), 1);
    world_pass(w, 60000);
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 1);
}

static void who_waits_in_vain_is_denied_also_after_a_kill(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    restart(w);
    world_pass(w, 9000);
    assert_int_equal(decided(w, "second_person_required"), 0);
    world_pass(w, 1000);
    assert_int_equal(decided(w, "second_person_required"), 1);
    world_sync(w);
    world_present(w, 0, 0, "a", 0); /* a repeat: answered from then */
    world_sync(w);
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 1);
}

static void who_waited_over_a_reboot_is_denied_at_the_start(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    world_sync(w);
    world_power_cut(w);
    world_start(w);
    world_pass(w, 1000);
    assert_int_equal(decided(w, "second_person_required"), 1);
}

static void a_second_person_counts_also_after_a_kill(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    restart(w);
    world_present(w, 0, 1, "b", 0);
    world_sync(w);
    assert_true(world_is_released(w, 0));
}

static void the_same_person_twice_is_one_person(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    world_present(w, 0, 0, "b", 0);
    world_sync(w);
    assert_false(world_is_released(w, 0));
    assert_int_equal(decided(w, "second_person_required"), 1); /* of the first presentation */
    world_pass(w, 10000);
    assert_int_equal(decided(w, "second_person_required"), 2);
}

static void somebody_who_may_not_pass_is_no_second_person(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    world_present(w, 0, 2, "b", 0);
    world_sync(w);
    assert_false(world_is_released(w, 0));
    assert_int_equal(decided(w, "no_permission"), 1);
    world_present(w, 0, 1, "c", 0);
    world_sync(w);
    assert_true(world_is_released(w, 0));
}

static void who_was_blocked_while_waiting_opens_nothing_for_others(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    w->person[0].enabled = false;
    w->generation++;
    world_present(w, 0, 1, "b", 0);
    world_sync(w);
    assert_false(world_is_released(w, 0));
    assert_int_equal(decided(w, "person_disabled"), 1);
}

static void a_repeat_while_it_waits_is_answered_as_waiting(void **state)
{
    struct world *w = *state;
    make_two_person(w);
    world_present(w, 0, 0, "a", 0);
    world_present(w, 0, 0, "a", 0);
    world_sync(w);
    assert_int_equal(answers(w, "pending"), 2);
    world_pass(w, 10000);
    assert_int_equal(decided(w, "second_person_required"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_local_lockdown_outlives_a_kill),
        T(a_door_is_held_open_over_a_kill_until_it_is_restored),
        T(a_door_is_not_held_open_where_it_is_locked_down_or_closed),
        T(a_command_is_done_once_also_after_a_kill),
        T(a_command_that_was_refused_is_remembered_too),
        T(a_command_that_is_late_opens_nothing),
        T(remote_releases_are_capped_in_any_hour_also_over_kills),
        T(a_command_of_last_month_is_not_done_again_when_its_id_is_forgotten),
        T(what_was_issued_before_the_memory_began_is_not_done_but_locks),
        T(a_command_whose_id_was_dropped_is_not_done_again_without_a_clock),
        T(dropping_ids_does_not_make_the_memory_longer),
        T(a_command_from_ahead_of_our_clock_is_not_done_again_when_its_id_is_old),
        T(ids_that_came_without_a_clock_are_forgotten_a_week_after_it_is_right),
        T(commands_without_end_take_no_memory_without_end),
        T(a_command_of_the_cloud_whose_id_made_room_is_not_done_again),
        T(a_lock_and_a_lockdown_need_no_clock),
        T(fire_opens_what_is_locked_down_for_as_long_as_it_lasts),
        T(fire_opens_also_where_the_policy_cannot_be_read),
        T(two_persons_open_what_one_does_not),
        T(who_waits_in_vain_is_denied_also_after_a_kill),
        T(who_waited_over_a_reboot_is_denied_at_the_start),
        T(a_second_person_counts_also_after_a_kill),
        T(the_same_person_twice_is_one_person),
        T(somebody_who_may_not_pass_is_no_second_person),
        T(who_was_blocked_while_waiting_opens_nothing_for_others),
        T(a_repeat_while_it_waits_is_answered_as_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
