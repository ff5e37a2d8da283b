/* A world in virtual time, for tests of what decisions keep. */
#ifndef GATEHOUSE_TESTS_SIM_KEPT_FIXTURE_H
#define GATEHOUSE_TESTS_SIM_KEPT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/world.h"

static inline int set_up(void **state)
{
    static struct world w;
    world_make(&w);
    *state = &w;
    return 0;
}

static inline int tear_down(void **state)
{
    world_end(*state);
    return 0;
}

static inline void restart(struct world *w)
{
    world_kill(w);
    world_start(w);
}

static inline void changed(struct world *w)
{
    w->generation++;
    world_pass(w, 1000);
}

static inline size_t decided(struct world *w, const char *reason)
{
    char text[64];
    snprintf(text, sizeof text, "\"reason\":\"%s\"", reason);
    return world_events(w, "\"kind\":\"access\"", text);
}

/* A read that must come to this; everything is synced. */
static inline void expect(struct world *w, int reader, int person, const char *reason)
{
    static int n;
    char id[16];
    size_t before = decided(w, reason);
    snprintf(id, sizeof id, "e%d", n++ % 1000000);
    world_present(w, reader, person, id, 0);
    world_sync(w);
    assert_int_equal(decided(w, reason), before + 1);
}

static inline struct command command(enum command_action action, const char *door)
{
    struct command c = {
        .action = action, .until = INSTANT_NONE, .not_after = INSTANT_NONE, .by = "test"};
    c.has_door = door != NULL;
    if (door)
        assert_int_equal(id_set(&c.door, slice_of(door)), GH_OK);
    return c;
}

static inline enum command_result order(struct world *w, enum command_action action, const char *door)
{
    struct command c = command(action, door);
    struct command_outcome outcome = controller_command(&w->controller, &c, w->now);
    world_sync(w);
    return outcome.result;
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
