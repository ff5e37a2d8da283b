/* Inputs on their way from a board to the doors, in virtual time: how they stand at the
 * start, chatter, boards that go away. The board is one that the test plays. */
#include "kept_fixture.h"

#include "app/gatehoused/inputs.h"

/* --- a board that the test plays -------------------------------------------------------- */

#define LINES 8

struct played {
    struct input_board board;
    int n;
    bool level[LINES];
    bool gone;
    int64_t restless_ms[LINES];
    struct input_change queue[4096];
    int from, to;
    int busy_line; /* add refuses this one; -1 = none */
};

static struct played *played_of(struct input_board *b)
{
    return (struct played *)b;
}

static enum hal_err add(struct input_board *b, const struct hal_line *line, const char *user,
                        enum input_bias bias, int debounce_ms, int *index, bool *active,
                        char why[HAL_TEXT_MAX])
{
    struct played *p = played_of(b);
    (void)bias;
    (void)debounce_ms;
    if (p->n == p->busy_line) {
        snprintf(why, HAL_TEXT_MAX, "%s: line %s of %s is held by \"other\"", user, line->line,
                 line->chip);
        return HAL_BUSY;
    }
    *index = p->n++;
    *active = p->level[*index];
    return HAL_OK;
}

static int no_fd(struct input_board *b)
{
    (void)b;
    return -1;
}

static enum hal_err next(struct input_board *b, struct input_change *out)
{
    struct played *p = played_of(b);
    if (p->from == p->to)
        return p->gone ? HAL_GONE : HAL_INVALID;
    *out = p->queue[p->from++];
    return HAL_OK;
}

static enum hal_err get(struct input_board *b, int index, bool *active)
{
    struct played *p = played_of(b);
    if (p->gone)
        return HAL_GONE;
    *active = p->level[index];
    return HAL_OK;
}

static int64_t restless_ms(struct input_board *b, int index)
{
    return played_of(b)->restless_ms[index];
}

/* --- the house: d0 has everything, d1 a contact ------------------------------------------ */

enum { FIRE, CONTACT, REX, TAMPER, CONTACT_1 };

struct house {
    struct world w;
    struct played p;
    struct inputs in;
};

static struct config_input wired(const char *line)
{
    struct config_input in = {.normally_closed = true};
    snprintf(in.line.chip, sizeof in.line.chip, "in");
    snprintf(in.line.line, sizeof in.line.line, "%s", line);
    return in;
}

static void open_inputs(struct house *h)
{
    static const struct input_ops ops = {
        .add = add, .fd = no_fd, .next = next, .get = get, .restless_ms = restless_ms};
    char why[HAL_TEXT_MAX];
    h->p.board.ops = &ops;
    h->p.n = h->p.from = h->p.to = 0;
    assert_int_equal(inputs_open_fire(&h->in, &h->w.config, &h->p.board, &h->w.is_fire, why),
                     GH_OK);
    world_start(&h->w);
    assert_int_equal(inputs_open_doors(&h->in, &h->w.config, why), GH_OK);
    controller_started(&h->w.controller, h->w.now);
    controller_look_at_doors(&h->w.controller, h->w.now);
    inputs_begin(&h->in, &h->w.controller, h->w.now);
    world_sync(&h->w);
}

static int set_up_house(void **state)
{
    static struct house h;
    memset(&h, 0, sizeof h);
    h.p.busy_line = -1;
    world_make(&h.w);
    world_kill(&h.w);
    h.w.config.fire = wired("1");
    h.w.doors[0].contact = wired("2");
    h.w.doors[0].rex = wired("3");
    h.w.doors[0].tamper = wired("4");
    h.w.doors[1].contact = wired("5");
    open_inputs(&h);
    *state = &h;
    return 0;
}

static int tear_down_house(void **state)
{
    struct house *h = *state;
    inputs_close(&h->in);
    world_end(&h->w);
    return 0;
}

static void reopen(struct house *h)
{
    inputs_close(&h->in);
    world_kill(&h->w);
    open_inputs(h);
}

static void change(struct house *h, int line, bool active)
{
    h->p.level[line] = active;
    h->p.queue[h->p.to++] = (struct input_change){.index = line, .active = active};
    assert_false(inputs_take(&h->in, &h->w.controller, h->w.now));
    h->p.from = h->p.to = 0;
    world_sync(&h->w);
}

/* Time passes, and the lines are read back each second. */
static void wait_s(struct house *h, int s)
{
    for (int i = 0; i < s; i++) {
        world_pass(&h->w, 1000);
        inputs_check(&h->in, &h->w.controller, h->w.now);
    }
    world_sync(&h->w);
}

static size_t events(struct house *h, const char *kind, const char *other)
{
    char text[64];
    snprintf(text, sizeof text, "\"kind\":\"%s\"", kind);
    return world_events(&h->w, text, other);
}

#define H(f) cmocka_unit_test_setup_teardown(f, set_up_house, tear_down_house)

/* --- levels ------------------------------------------------------------------------------- */

static void each_input_does_what_it_is_for(void **state)
{
    struct house *h = *state;
    change(h, CONTACT_1, true);
    assert_int_equal(events(h, "door_forced", "\"door\":\"d1\""), 1);
    change(h, REX, true);
    assert_true(world_is_released(&h->w, 0));
    assert_false(world_is_released(&h->w, 1));
    change(h, CONTACT, true);
    assert_int_equal(events(h, "door_opened", "\"door\":\"d0\""), 1);
    assert_int_equal(events(h, "door_forced", "\"door\":\"d0\""), 0);
    change(h, TAMPER, true);
    assert_int_equal(events(h, "tamper", "\"on\":true"), 1);
    change(h, FIRE, true);
    for (int d = 0; d < WORLD_DOORS; d++)
        assert_true(world_is_released(&h->w, d));
    change(h, FIRE, false);
    assert_int_equal(events(h, "fire", "\"on\":false"), 1);
    assert_false(world_is_released(&h->w, 2));
}

static void how_a_door_stands_at_the_start_is_no_break_in(void **state)
{
    struct house *h = *state;
    h->p.level[CONTACT] = h->p.level[TAMPER] = true;
    reopen(h);
    assert_int_equal(events(h, "door_forced", NULL), 0);
    assert_int_equal(events(h, "door_opened", NULL), 1);
    assert_int_equal(events(h, "tamper", "\"on\":true"), 1);
}

static void a_button_that_is_stuck_releases_nothing_at_a_start(void **state)
{
    struct house *h = *state;
    h->p.level[REX] = true;
    reopen(h);
    assert_false(world_is_released(&h->w, 0));
    assert_int_equal(events(h, "request_to_exit", NULL), 0);
    wait_s(h, 301);
    assert_int_equal(events(h, "request_to_exit", "five minutes"), 1);
    assert_int_equal(hal_sim_edges(h->w.sim, 0), 0);
    change(h, REX, false);
    change(h, REX, true);
    assert_true(world_is_released(&h->w, 0));
}

static void a_line_that_is_held_by_another_program_is_named(void **state)
{
    struct house *h = *state;
    char why[HAL_TEXT_MAX] = "";
    struct inputs in;
    bool is_fire;
    h->p.n = 0;
    h->p.busy_line = REX;
    assert_int_equal(inputs_open_fire(&in, &h->w.config, &h->p.board, &is_fire, why), GH_OK);
    assert_int_equal(inputs_open_doors(&in, &h->w.config, why), GH_INVALID);
    assert_string_equal(why, "d0 rex: line 3 of in is held by \"other\"");
    inputs_close(&in);
}

/* --- fire at the start ------------------------------------------------------------------- */

static void a_start_in_a_fire_locks_no_door_that_it_releases(void **state)
{
    struct house *h = *state;
    h->w.door[1].door.fire_release = false;
    h->w.generation++;
    h->p.level[FIRE] = true;
    reopen(h);
    assert_true(world_is_released(&h->w, 0));
    assert_false(world_is_released(&h->w, 1));
    assert_true(world_is_released(&h->w, 2));
    for (int d = 0; d < WORLD_DOORS; d++)
        assert_int_equal(hal_sim_edges(h->w.sim, d), 0); /* taken at that level */
    assert_int_equal(events(h, "fire", "\"on\":true"), 1);
    change(h, FIRE, false);
    assert_false(world_is_released(&h->w, 0));
}

static void a_stop_in_a_fire_keeps_released_what_it_released(void **state)
{
    struct house *h = *state;
    struct command hold = command(COMMAND_HOLD_OPEN, "d1");
    h->w.door[1].door.fire_release = false;
    changed(&h->w);
    assert_int_equal(controller_command(&h->w.controller, &hold, h->w.now).result, COMMAND_DONE);
    change(h, FIRE, true);
    assert_true(world_is_released(&h->w, 1)); /* held open, not by the fire */
    controller_stopped(&h->w.controller, h->w.now);
    assert_true(world_is_released(&h->w, 0));
    assert_false(world_is_released(&h->w, 1));
    assert_true(world_is_released(&h->w, 2));
}

static void without_a_policy_the_rules_that_were_saved_say_what_a_fire_releases(void **state)
{
    struct house *h = *state;
    struct id ignoring[] = {{"d1"}};
    const struct fire_rules rules = {ignoring, 1};
    h->w.fire_rules = &rules;
    h->w.policy_broken = true;
    h->p.level[FIRE] = true;
    reopen(h);
    wait_s(h, 3);
    assert_true(world_is_released(&h->w, 0));
    assert_false(world_is_released(&h->w, 1));
    h->w.fire_rules = NULL;
    reopen(h);
    assert_true(world_is_released(&h->w, 1));
}

static void a_fire_releases_a_door_that_the_policy_does_not_name(void **state)
{
    struct house *h = *state;
    struct id ignoring[] = {{"d1"}};
    const struct fire_rules rules = {ignoring, 1};
    h->w.is_dropped[0] = h->w.is_dropped[1] = true;
    h->w.fire_rules = &rules; /* of a policy that named them */
    reopen(h);
    assert_false(world_is_released(&h->w, 0));
    change(h, FIRE, true);
    assert_true(world_is_released(&h->w, 0));
    assert_false(world_is_released(&h->w, 1));
    change(h, FIRE, false);
    assert_false(world_is_released(&h->w, 0));
    h->p.level[FIRE] = true;
    reopen(h);
    assert_true(world_is_released(&h->w, 0));
    assert_int_equal(hal_sim_edges(h->w.sim, 0), 0); /* taken at that level */
    assert_false(world_is_released(&h->w, 1));
    /* One that is dropped while it burns stays open. */
    h->w.is_dropped[2] = true;
    changed(&h->w);
    wait_s(h, 2);
    assert_true(world_is_released(&h->w, 2));
}

/* --- chatter ------------------------------------------------------------------------------ */

static void chatter(struct house *h, int line, int changes, int64_t every_ms)
{
    for (int i = 0; i < changes; i++) {
        world_pass(&h->w, every_ms);
        change(h, line, i % 2 == 0);
        inputs_check(&h->in, &h->w.controller, h->w.now);
    }
}

static void an_input_that_chatters_for_an_hour_is_one_alarm(void **state)
{
    struct house *h = *state;
    chatter(h, CONTACT, 12, 100);
    size_t forced = events(h, "door_forced", NULL);
    assert_int_equal(events(h, "relay_fault", "\"on\":true"), 1);
    for (int minute = 0; minute < 60; minute++) {
        chatter(h, CONTACT, 40, 100);
        wait_s(h, 1);
    }
    assert_int_equal(events(h, "relay_fault", NULL), 1);
    assert_int_equal(events(h, "door_forced", NULL), forced);
    assert_true(forced <= 6);
    assert_false(world_is_released(&h->w, 0));
    /* Everything else goes on. */
    world_present(&h->w, 1, 0, "g1", 0);
    assert_true(world_is_released(&h->w, 1));
    change(h, CONTACT, true);
    wait_s(h, 9);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 0);
    wait_s(h, 2);
    assert_true(h->w.controller.doors.unit[0].door.is_open);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 0);
    wait_s(h, 5);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 1);
}

static void a_button_that_chatters_holds_no_door_open(void **state)
{
    struct house *h = *state;
    chatter(h, REX, 13, 100);
    assert_int_equal(events(h, "relay_fault", "request to exit input chatters"), 1);
    size_t asked = events(h, "request_to_exit", NULL);
    for (int i = 0; i < 60; i++)
        chatter(h, REX, 10, 100);
    assert_int_equal(events(h, "request_to_exit", NULL), asked);
    assert_false(world_is_released(&h->w, 0));
    change(h, REX, true); /* and stays */
    wait_s(h, 16);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 1);
    assert_false(world_is_released(&h->w, 0));
    change(h, REX, false);
    wait_s(h, 2);
    change(h, REX, true);
    assert_true(world_is_released(&h->w, 0));
}

static void people_are_no_chatter(void **state)
{
    struct house *h = *state;
    for (int i = 0; i < 600; i++) {
        world_present(&h->w, 0, 0, NULL, 0);
        world_pass(&h->w, 400);
        change(h, CONTACT, true);
        world_pass(&h->w, 2000);
        change(h, CONTACT, false);
        inputs_check(&h->in, &h->w.controller, h->w.now);
    }
    assert_int_equal(events(h, "relay_fault", NULL), 0);
    assert_int_equal(events(h, "door_opened", NULL), 600);
}

static void a_line_that_never_comes_to_rest_is_an_alarm(void **state)
{
    struct house *h = *state;
    h->p.restless_ms[TAMPER] = INPUT_RESTLESS_MS - 1;
    wait_s(h, 1);
    assert_int_equal(events(h, "relay_fault", NULL), 0);
    h->p.restless_ms[TAMPER] = INPUT_RESTLESS_MS;
    wait_s(h, 600);
    assert_int_equal(events(h, "relay_fault", "tamper input chatters"), 1);
    h->p.restless_ms[TAMPER] = 0;
    wait_s(h, 16);
    assert_int_equal(events(h, "relay_fault", NULL), 2);
}

static void noise_that_comes_and_goes_is_one_fault(void **state)
{
    struct house *h = *state;
    for (int i = 0; i < 400; i++) {
        for (int s = 1; s <= 6; s++) {
            h->p.restless_ms[TAMPER] = s * 1000;
            wait_s(h, 1);
        }
        h->p.restless_ms[TAMPER] = 0;
        wait_s(h, 1 + i % 3);
    }
    assert_int_equal(events(h, "relay_fault", NULL), 1);
}

static void a_fire_that_was_seen_in_the_chatter_stays(void **state)
{
    struct house *h = *state;
    chatter(h, FIRE, 13, 50); /* ends active */
    assert_int_equal(events(h, "relay_fault", "fire input chatters"), 1);
    for (int i = 0; i < 10; i++) {
        chatter(h, FIRE, 2, 50); /* each ends inactive */
        assert_true(world_is_released(&h->w, 0));
    }
    wait_s(h, 11);
    assert_false(world_is_released(&h->w, 0));
}

/* --- boards that go away ------------------------------------------------------------------- */

static void a_board_that_is_gone_changes_no_door_and_comes_back(void **state)
{
    struct house *h = *state;
    change(h, REX, true);
    assert_true(world_is_released(&h->w, 0));
    h->p.gone = true;
    wait_s(h, 30);
    assert_int_equal(events(h, "relay_fault", "cannot be read"), 5);
    assert_false(world_is_released(&h->w, 0)); /* a request counts no more */
    assert_int_equal(events(h, "fire", NULL), 0);
    assert_int_equal(events(h, "door_forced", NULL), 0);
    h->p.gone = false;
    change(h, REX, false); /* the board says what has changed */
    wait_s(h, 1);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 0);
    assert_false(world_is_released(&h->w, 0));
    change(h, CONTACT, true);
    assert_int_equal(events(h, "door_forced", NULL), 1); /* it is believed at once */
    wait_s(h, 5);
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 5);
}

static void a_board_on_a_loose_cable_is_one_fault_an_input(void **state)
{
    struct house *h = *state;
    for (int s = 0; s < 3600; s++) {
        h->p.gone = s % 2 == 0;
        wait_s(h, 1);
    }
    assert_int_equal(events(h, "relay_fault", NULL), 5);
}

static void a_board_that_comes_back_with_a_button_pressed_releases_nothing(void **state)
{
    struct house *h = *state;
    h->p.gone = true;
    wait_s(h, 2);
    h->p.gone = false;
    h->p.level[REX] = true;
    wait_s(h, 1); /* read, and not yet debounced */
    change(h, REX, true);
    wait_s(h, 2);
    assert_false(world_is_released(&h->w, 0));
    assert_int_equal(events(h, "request_to_exit", NULL), 0);
    change(h, REX, false);
    wait_s(h, 1);
    change(h, REX, true);
    assert_true(world_is_released(&h->w, 0));
}

static void a_button_that_is_in_use_is_believed_again_and_every_push_of_half_a_second_counts(void **state)
{
    struct house *h = *state;
    chatter(h, REX, 13, 100);
    change(h, REX, false);
    for (int i = 0; i < 3; i++) { /* people go on pushing it */
        change(h, REX, true);
        wait_s(h, 2);
        change(h, REX, false);
        wait_s(h, 6);
    }
    assert_int_equal(events(h, "relay_fault", "\"on\":false"), 1); /* though it never rests long */
    size_t asked = events(h, "request_to_exit", NULL);
    for (int i = 0; i < 30; i++) {
        change(h, REX, true);
        world_pass(&h->w, 450);
        change(h, REX, false);
        world_pass(&h->w, 450);
        inputs_check(&h->in, &h->w.controller, h->w.now);
    }
    world_sync(&h->w);
    assert_int_equal(events(h, "request_to_exit", NULL), asked + 30);
}

static void what_changed_while_the_board_was_gone_is_told(void **state)
{
    struct house *h = *state;
    h->p.gone = true;
    wait_s(h, 2);
    h->p.gone = false;
    change(h, CONTACT, true); /* the board says so once it is back */
    assert_int_equal(events(h, "door_opened", NULL), 0);
    wait_s(h, 1);
    assert_int_equal(events(h, "door_opened", NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        H(each_input_does_what_it_is_for),
        H(how_a_door_stands_at_the_start_is_no_break_in),
        H(a_button_that_is_stuck_releases_nothing_at_a_start),
        H(a_line_that_is_held_by_another_program_is_named),
        H(a_start_in_a_fire_locks_no_door_that_it_releases),
        H(a_stop_in_a_fire_keeps_released_what_it_released),
        H(without_a_policy_the_rules_that_were_saved_say_what_a_fire_releases),
        H(a_fire_releases_a_door_that_the_policy_does_not_name),
        H(noise_that_comes_and_goes_is_one_fault),
        H(a_board_on_a_loose_cable_is_one_fault_an_input),
        H(an_input_that_chatters_for_an_hour_is_one_alarm),
        H(a_button_that_chatters_holds_no_door_open),
        H(people_are_no_chatter),
        H(a_line_that_never_comes_to_rest_is_an_alarm),
        H(a_fire_that_was_seen_in_the_chatter_stays),
        H(a_board_that_is_gone_changes_no_door_and_comes_back),
        H(what_changed_while_the_board_was_gone_is_told),
        H(a_board_that_comes_back_with_a_button_pressed_releases_nothing),
        H(a_button_that_is_in_use_is_believed_again_and_every_push_of_half_a_second_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
