/* The simulated board through its two ports, watched at its real socket. */
#include "adapters/hal_sim_fixture.h"

/* --- relays ---------------------------------------------------------------- */

static void an_observer_first_sees_everything_as_it_is(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    add_relay(b, 1, "back door", true);
    add_input(b, 2, "front contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    hear_level(c, "relay 1 on", "back door");
    hear_level(c, "input 0 off", "front contact");
    hear_nothing(c);
}

static void a_change_bears_the_time_inside_set(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    int64_t before = wait_now_ns();
    assert_int_equal(set(b, r, true), HAL_OK);
    int64_t after = wait_now_ns();
    int64_t at = hear_level(c, "relay 0 on", "front");
    assert_true(before <= at && at <= after);
    assert_int_equal(set(b, r, false), HAL_OK);
    assert_true(hear_level(c, "relay 0 off", "front") > at);
    assert_int_equal(hal_sim_edges(b->sim, r), 2);
}

static void the_level_that_it_has_is_no_change(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", true);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 on", "front");
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_nothing(c);
    assert_int_equal(hal_sim_edges(b->sim, r), 0);
}

static void a_relay_added_later_is_announced(void **state)
{
    struct bench *b = *state;
    struct client *c = connect_one(b);
    hear_nothing(c);
    add_relay(b, 1, "side", true);
    hear_level(c, "relay 0 on", "side");
}

static void on_means_the_coil_also_when_the_wire_is_turned_over(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 1, "low", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "low");
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_level(c, "relay 0 on", "low");
    assert_level(b, r, true);
}

static void a_line_has_one_user_and_the_refusal_names_both(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    int index = 77;
    bool active;
    char why[HAL_TEXT_MAX] = "";
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[0], "back", true, &index, why),
                     HAL_INVALID);
    assert_non_null(strstr(why, "front"));
    assert_non_null(strstr(why, "back"));
    assert_non_null(strstr(why, "17"));
    why[0] = '\0';
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[0], "contact", INPUT_BIAS_AS_IS, 30,
                                         &index, &active, why),
                     HAL_INVALID);
    assert_non_null(strstr(why, "contact"));
    assert_int_equal(index, 77);
    assert_level(b, 0, false);
}

static void numbers_that_are_no_relay_are_refused(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    bool on;
    assert_int_equal(set(b, 1, true), HAL_INVALID);
    assert_int_equal(set(b, -1, true), HAL_INVALID);
    assert_int_equal(b->relays->ops->get(b->relays, 1, &on), HAL_INVALID);
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &on), HAL_INVALID);
    int index;
    static const struct hal_line nameless = {"gpiochip0", "", false};
    assert_int_equal(b->relays->ops->add(b->relays, &nameless, "x", true, &index, NULL),
                     HAL_INVALID);
    hal_sim_set_stuck(b->sim, 9, true);
    hal_sim_drive(b->sim, 9, true);
    assert_int_equal(hal_sim_edges(b->sim, 9), 0);
}

static void a_name_cannot_break_the_protocol(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "a\nrelay 9 on 0 b", false);
    add_relay(b, 1, NULL, false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "a?relay 9 on 0 b");
    hear_level(c, "relay 1 off", "-");
    hear_nothing(c);
}

/* --- faults ---------------------------------------------------------------- */

static void a_board_that_is_gone_says_so_and_keeps_its_levels(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", true);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 on", "front");
    say(c, "fault gone on");
    hear_level(c, "fault gone on", NULL);
    bool on = false;
    int index;
    assert_int_equal(set(b, r, false), HAL_GONE);
    assert_int_equal(b->relays->ops->get(b->relays, r, &on), HAL_GONE);
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[1], "x", true, &index, NULL), HAL_GONE);
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    struct client *late = connect_one(b);
    hear_level(late, "relay 0 on", "front");
    hear_level(late, "fault gone on", NULL);
    say(c, "fault gone off");
    hear_level(c, "fault gone off", NULL);
    assert_level(b, r, true);
    assert_int_equal(set(b, r, false), HAL_OK);
    hear_level(c, "relay 0 off", "front");
}

static void a_stuck_relay_takes_the_order_and_tells_the_truth(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    say(c, "fault stuck 0 on");
    hear_level(c, "fault stuck 0 on", NULL);
    assert_int_equal(set(b, r, true), HAL_OK);
    assert_level(b, r, false);
    assert_int_equal(hal_sim_edges(b->sim, r), 0);
    say(c, "fault stuck 0 off");
    hear_level(c, "fault stuck 0 off", NULL);
    assert_level(b, r, false);
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_level(c, "relay 0 on", "front");
}

/* --- inputs ---------------------------------------------------------------- */

static bool is_readable(struct bench *b, int timeout_ms)
{
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static struct input_change wait_change(struct bench *b)
{
    struct input_change change;
    int64_t end = wait_now_ns() + WAIT_MS * 1000000LL;
    while (b->inputs->ops->next(b->inputs, &change) != HAL_OK) {
        assert_true(wait_now_ns() < end);
        (void)is_readable(b, WAIT_MS);
    }
    return change;
}

static void an_observer_drives_an_input_and_the_change_comes_after_its_time(void **state)
{
    struct bench *b = *state;
    int plain = add_input(b, 2, "contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 off", "contact");
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b, 0));
    say(c, "input 0 on");
    int64_t at = hear_level(c, "input 0 on", "contact");
    change = wait_change(b);
    assert_true(wait_now_ns() - at >= 30000000);
    assert_int_equal(change.index, plain);
    assert_true(change.active);
    assert_int_equal(change.mono_ns, at);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b, 0));
}

static void an_active_low_input_is_active_when_its_wire_is_low(void **state)
{
    struct bench *b = *state;
    add_input(b, 3, "fire", 0);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 on", "fire"); /* it rests inactive: the wire is high */
    say(c, "input 0 off");
    assert_true(wait_change(b).active);
    bool active = false;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_OK);
    assert_true(active);
}

static void an_input_is_at_rest_until_it_is_driven_whatever_its_resistor(void **state)
{
    struct bench *b = *state;
    static const enum input_bias biases[] = {INPUT_BIAS_PULL_UP, INPUT_BIAS_PULL_DOWN};
    static const int lines[] = {0, 3}; /* at rest low, and high */
    for (int i = 0; i < 2; i++) {
        int index;
        bool active = true;
        assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[lines[i]], "rests", biases[i], 30,
                                             &index, &active, NULL),
                         HAL_OK);
        assert_false(active);
        assert_int_equal(b->inputs->ops->get(b->inputs, index, &active), HAL_OK);
        assert_false(active);
    }
}

static void a_bounce_of_an_input_is_not_seen(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 400);
    hal_sim_drive(b->sim, i, true);
    hal_sim_drive(b->sim, i, false);
    hal_sim_drive(b->sim, i, true);
    hal_sim_drive(b->sim, i, false);
    struct input_change change;
    int64_t end = wait_now_ns() + 800000000;
    while (wait_now_ns() < end) { /* twice the time: our own clock */
        assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
        (void)is_readable(b, 50);
    }
}

static void more_edges_than_are_kept_still_end_at_the_right_level(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 20);
    bool told = false;
    for (int k = 0; k < 1001; k++)
        hal_sim_drive(b->sim, i, k % 2 == 0);
    while (!told)
        told = wait_change(b).active;
    bool active = false;
    assert_int_equal(b->inputs->ops->get(b->inputs, i, &active), HAL_OK);
    assert_true(active);
    for (int k = 0; k < 1001; k++)
        hal_sim_drive(b->sim, i, k % 2 == 1);
    while (told)
        told = wait_change(b).active;
}

static void what_changed_while_the_board_was_gone_is_noticed(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 10);
    struct input_change change;
    hal_sim_set_gone(b->sim, true);
    assert_true(is_readable(b, 0));
    hal_sim_drive(b->sim, i, true);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    assert_false(is_readable(b, 0));
    bool active;
    assert_int_equal(b->inputs->ops->get(b->inputs, i, &active), HAL_GONE);
    hal_sim_set_gone(b->sim, false);
    assert_true(wait_change(b).active);
}

static void a_debounce_outside_its_range_is_refused(void **state)
{
    struct bench *b = *state;
    static const int bad[] = {-1, 1001, 100000};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int index;
        bool active;
        char why[HAL_TEXT_MAX] = "";
        assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[0], "x", INPUT_BIAS_AS_IS, bad[i],
                                             &index, &active, why),
                         HAL_INVALID);
        assert_non_null(strstr(why, "1000"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOARD(an_observer_first_sees_everything_as_it_is),
        ON_BOARD(a_change_bears_the_time_inside_set),
        ON_BOARD(the_level_that_it_has_is_no_change),
        ON_BOARD(a_relay_added_later_is_announced),
        ON_BOARD(on_means_the_coil_also_when_the_wire_is_turned_over),
        ON_BOARD(a_line_has_one_user_and_the_refusal_names_both),
        ON_BOARD(numbers_that_are_no_relay_are_refused),
        ON_BOARD(a_name_cannot_break_the_protocol),
        ON_BOARD(a_board_that_is_gone_says_so_and_keeps_its_levels),
        ON_BOARD(a_stuck_relay_takes_the_order_and_tells_the_truth),
        ON_BOARD(an_observer_drives_an_input_and_the_change_comes_after_its_time),
        ON_BOARD(an_active_low_input_is_active_when_its_wire_is_low),
        ON_BOARD(an_input_is_at_rest_until_it_is_driven_whatever_its_resistor),
        ON_BOARD(a_bounce_of_an_input_is_not_seen),
        ON_BOARD(more_edges_than_are_kept_still_end_at_the_right_level),
        ON_BOARD(what_changed_while_the_board_was_gone_is_noticed),
        ON_BOARD(a_debounce_outside_its_range_is_refused),
    };
    return cmocka_run_group_tests_name("hal_sim", tests, NULL, NULL);
}
