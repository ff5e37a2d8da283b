/* Commands of local panels, in virtual time: what they may do, where, how often, how late. */
#include "kept_fixture.h"

#define TOPIC(panel) "gatehouse/v1/panels/" panel "/command"
#define RESULT(panel) "gatehouse/v1/panels/" panel "/result"

/* desk: everything everywhere; gate: releases d0, holds it open. */
static int set_up_panels(void **state)
{
    static struct config_panel panels[2];
    int status = set_up(state);
    struct world *w = *state;
    panels[0] = (struct config_panel){.id = {"desk"}, .actions = 0xff, .all_doors = true};
    panels[1] = (struct config_panel){.id = {"gate"},
                                      .actions = 1u << COMMAND_RELEASE | 1u << COMMAND_HOLD_OPEN,
                                      .door = {{"d0"}},
                                      .n_doors = 1};
    w->config.panels = panels;
    w->config.n_panels = 2;
    return status;
}

#define P(f) cmocka_unit_test_setup_teardown(f, set_up_panels, tear_down)

/* 2025-01-16T04:00:00 is where the world begins. */
#define SOON "\"not_after\":\"2025-01-16T04:00:30Z\""

static void says(struct world *w, const char *topic, const char *payload)
{
    world_message(w, topic, payload, false);
    world_sync(w);
}

static size_t answers(struct world *w, const char *topic, const char *text)
{
    return world_count(w, topic, text);
}

static void a_panel_releases_a_door_is_answered_and_named(void **state)
{
    struct world *w = *state;
    says(w, TOPIC("gate"), "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}");
    assert_true(world_is_released(w, 0));
    assert_int_equal(answers(w, RESULT("gate"), "{\"id\":\"p1\",\"result\":\"done\"}"), 1);
    assert_int_equal(world_events(w, "\"action\":\"release\"", "\"by\":\"panel:gate\""), 1);
}

static void a_panel_does_only_what_it_may_and_only_there(void **state)
{
    struct world *w = *state;
    static const char *const refused[] = {
        "{\"id\":\"a\",\"action\":\"release\",\"door\":\"d1\"," SOON "}",   /* not its door */
        "{\"id\":\"b\",\"action\":\"hold_open\"}",                          /* all doors */
        "{\"id\":\"c\",\"action\":\"lockdown\",\"door\":\"d0\"}",           /* not its action */
        "{\"id\":\"d\",\"action\":\"release\",\"door\":\"d9\"," SOON "}",
        "{\"action\":\"release\",\"door\":\"d0\"," SOON "}",                /* without an id */
        "{\"id\":\"e\",\"action\":\"release\",\"door\":\"d0\"}",            /* without an end */
        "{\"id\":\"f\",\"action\":\"release\",\"door\":\"d0\",\"not_after\":\"2025-01-16T04:05:00Z\"}",
        "{\"id\":\"g\",\"action\":\"resync\"}",
        "{\"id\":\"h\",\"action\":\"open sesame\",\"door\":\"d0\"}",
        "[1]", "", "{\"id\":\"i\",\"id\":\"j\",\"action\":\"release\",\"door\":\"d0\"," SOON "}",
    };
    size_t n = sizeof refused / sizeof refused[0];
    for (size_t i = 0; i < n; i++) {
        says(w, TOPIC("gate"), refused[i]);
        if (answers(w, RESULT("gate"), "\"result\":\"refused\"") != i + 1)
            fail_msg("%s was not refused", refused[i]);
    }
    for (int d = 0; d < WORLD_DOORS; d++)
        assert_false(world_is_released(w, d));
    assert_int_equal(world_events(w, "\"by\":\"panel:gate\"", "\"result\":\"refused\""), n);
    assert_int_equal(world_events(w, "\"by\":\"panel:gate\"", "\"result\":\"done\""), 0);
}

/* What a panel names as its door must be the one where something happens. */
static void a_panel_presents_cards_only_at_readers_of_its_doors(void **state)
{
    struct world *w = *state;
    static struct config_panel pass;
    pass = (struct config_panel){.id = {"pass"},
                                 .actions = 1u << COMMAND_PRESENT |
                                            1u << COMMAND_FORGIVE_ANTIPASSBACK,
                                 .door = {{"d0"}},
                                 .n_doors = 1};
    w->config.panels = &pass;
    w->config.n_panels = 1;
    says(w, TOPIC("pass"), "{\"id\":\"p1\",\"action\":\"present\",\"door\":\"d0\"," SOON
         ",\"args\":{\"reader\":\"r2\",\"type\":\"card\",\"value\":\"CA4D0\"}}");
    assert_false(world_is_released(w, 2));
    assert_int_equal(answers(w, RESULT("pass"), "\"id\":\"p1\",\"result\":\"refused\""), 1);
    says(w, TOPIC("pass"), "{\"id\":\"p2\",\"action\":\"present\",\"door\":\"d0\"," SOON
         ",\"args\":{\"reader\":\"r9\",\"type\":\"card\",\"value\":\"CA4D0\"}}");
    assert_int_equal(answers(w, RESULT("pass"), "\"id\":\"p2\",\"result\":\"refused\""), 1);
    says(w, TOPIC("pass"), "{\"id\":\"p3\",\"action\":\"present\",\"door\":\"d0\"," SOON
         ",\"args\":{\"reader\":\"r0\",\"type\":\"card\",\"value\":\"CA4D0\"}}");
    assert_true(world_is_released(w, 0));
    says(w, TOPIC("pass"), "{\"id\":\"p4\",\"action\":\"forgive_antipassback\",\"door\":\"d0\"}");
    assert_int_equal(answers(w, RESULT("pass"), "\"id\":\"p4\",\"result\":\"refused\""), 1);
}

static void a_panel_that_is_not_configured_does_nothing(void **state)
{
    struct world *w = *state;
    says(w, TOPIC("stranger"), "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}");
    assert_false(world_is_released(w, 0));
    assert_int_equal(answers(w, RESULT("stranger"), "not configured"), 1);
}

static void a_command_is_done_once_and_ids_of_two_panels_are_two(void **state)
{
    struct world *w = *state;
    static const char twice[] = "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}";
    says(w, TOPIC("gate"), twice);
    world_pass(w, 3000);
    assert_false(world_is_released(w, 0));
    restart(w);
    says(w, TOPIC("gate"), twice);
    assert_false(world_is_released(w, 0));
    assert_int_equal(answers(w, RESULT("gate"), "duplicate"), 1);
    says(w, TOPIC("desk"), twice);
    assert_true(world_is_released(w, 0));
}

static void a_command_that_comes_late_opens_nothing(void **state)
{
    struct world *w = *state;
    world_pass(w, 30000);
    says(w, TOPIC("gate"), "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}");
    assert_false(world_is_released(w, 0));
    assert_int_equal(answers(w, RESULT("gate"), "{\"id\":\"p1\",\"result\":\"expired\"}"), 1);
}

static void without_a_clock_a_panel_releases_nothing_but_locks_down(void **state)
{
    struct world *w = *state;
    w->now.wall.trust = CLOCK_UNSET;
    says(w, TOPIC("desk"), "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}");
    assert_false(world_is_released(w, 0));
    assert_int_equal(answers(w, RESULT("desk"), "clock_untrusted"), 1);
    says(w, TOPIC("desk"), "{\"id\":\"p2\",\"action\":\"lockdown\"}");
    assert_int_equal(answers(w, RESULT("desk"), "{\"id\":\"p2\",\"result\":\"done\"}"), 1);
}

static void a_retained_command_is_refused_and_cleared(void **state)
{
    struct world *w = *state;
    world_message(w, TOPIC("gate"), "{\"id\":\"p1\",\"action\":\"release\",\"door\":\"d0\"," SOON "}",
                  true);
    world_sync(w);
    assert_false(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"kind\":\"retained_refused\"", "\"by\":\"panel:gate\""), 1);
    assert_int_equal(world_count(w, TOPIC("gate"), NULL), 1); /* the empty one that clears it */
}

static void a_panel_counts_against_the_cap_of_the_hour(void **state)
{
    struct world *w = *state; /* three */
    for (int i = 0; i < 5; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"id\":\"p%d\",\"action\":\"release\",\"door\":\"d0\"," SOON "}", i);
        says(w, TOPIC("gate"), text);
    }
    assert_int_equal(answers(w, RESULT("gate"), "done"), 3);
    assert_int_equal(answers(w, RESULT("gate"), "more remote releases"), 2);
}

static void a_panel_that_floods_is_not_answered_for_all_of_it(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 5000; i++)
        world_message(w, TOPIC("gate"), "{}", false);
    world_sync(w);
    assert_true(world_events(w, "\"by\":\"panel:gate\"", NULL) <= 1001);
    assert_true(w->controller.stats.flooded >= 3999);
}

/* A panel and a reader are two, also where they are called the same. */
static void a_panel_that_floods_takes_nothing_from_a_reader_of_its_name(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 5000; i++)
        world_message(w, TOPIC("r0"), "{}", false);
    world_sync(w);
    expect(w, 0, 0, "granted");
    world_pass(w, 11000);
    assert_int_equal(world_events(w, "\"kind\":\"reader_flooding\"", "\"reader\":\"r0\""), 0);
    assert_int_equal(world_events(w, "\"kind\":\"reader_flooding\"", "\"by\":\"panel:r0\""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(a_panel_releases_a_door_is_answered_and_named),
        P(a_panel_does_only_what_it_may_and_only_there),
        P(a_panel_presents_cards_only_at_readers_of_its_doors),
        P(a_panel_that_is_not_configured_does_nothing),
        P(a_command_is_done_once_and_ids_of_two_panels_are_two),
        P(a_command_that_comes_late_opens_nothing),
        P(without_a_clock_a_panel_releases_nothing_but_locks_down),
        P(a_retained_command_is_refused_and_cleared),
        P(a_panel_counts_against_the_cap_of_the_hour),
        P(a_panel_that_floods_is_not_answered_for_all_of_it),
        P(a_panel_that_floods_takes_nothing_from_a_reader_of_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
