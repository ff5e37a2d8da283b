/* One script of a board's life, and the trace of what became of it: the same with
 * every version of libgpiod. The expected one is lines.trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>

#include <cmocka.h>

#include "hardware/line_at.h"
#include "input.h"
#include "lib/folder.h"
#include "lib/gpiosim.h"
#include "lib/wait.h"
#include "relay.h"

#define LABEL "gatehouse-trace"
#define RELAYS 4 /* lines 0 to 3; the inputs are behind them */
#define INPUTS 3
#define DEBOUNCE_MS 10 /* of all but the last, whose changes are the edges themselves */
#define EDGE_MS 3 /* the kernel makes an edge at its next tick */
#define MS 1000000LL

struct play {
    struct gpiosim *sim;
    struct relay_board *relays;
    struct input_board *inputs;
    FILE *trace;
    char level[RELAYS]; /* of a line as the trace has it; 0 = unknown */
};

/* What the kernel did to the lines since the last call. A level that a line had
 * already is no change. */
static void trace_lines(struct play *p)
{
    char *recorded = gpiosim_recorded(p->sim), *rest = NULL;
    assert_non_null(recorded);
    for (char *one = strtok_r(recorded, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        int line = one[0] - '0';
        if (line >= RELAYS || p->level[line] == one[2])
            continue;
        fprintf(p->trace, "  line %s\n", one);
        p->level[line] = one[2];
    }
    free(recorded);
    assert_true(gpiosim_record());
}

static void step(struct play *p, const char *what)
{
    fprintf(p->trace, "%s\n", what);
}

static void add_relays(struct play *p)
{
    for (int i = 0; i < RELAYS; i++) {
        struct hal_line where = line_number(LABEL, i, i & 2);
        int index;
        assert_int_equal(p->relays->ops->add(p->relays, &where, "front", i & 1, &index, NULL),
                         HAL_OK);
        assert_int_equal(index, i);
    }
    step(p, "relays added, 1 and 3 energized, 2 and 3 active low");
    trace_lines(p);
}

static void set_all(struct play *p, bool energized, const char *what)
{
    static const char *const names[] = {"ok", "invalid", "busy", "gone", "io"};
    step(p, what);
    for (int i = 0; i < RELAYS; i++) {
        enum hal_err err = p->relays->ops->set(p->relays, i, energized);
        bool now = false;
        enum hal_err read = p->relays->ops->get(p->relays, i, &now);
        fprintf(p->trace, "  relay %d %s: %s, %s, %s\n", i, energized ? "on" : "off", names[err],
                names[read], read == HAL_OK ? now ? "on" : "off" : "-");
    }
}

static void play_relays(struct play *p)
{
    add_relays(p);
    set_all(p, true, "all on");
    trace_lines(p);
    set_all(p, false, "all off");
    trace_lines(p);
    assert_true(gpiosim_unplug(p->sim));
    set_all(p, true, "unplugged, all on");
    assert_true(gpiosim_plug(p->sim));
    memset(p->level, 0, sizeof p->level);
    assert_true(gpiosim_record());
    set_all(p, true, "plugged in, all on");
    trace_lines(p);
    p->relays->ops->close(p->relays);
    p->relays = NULL;
    step(p, "closed");
    for (int i = 0; i < RELAYS; i++)
        fprintf(p->trace, "  line %d rests at %d\n", i, gpiosim_value(p->sim, i));
}

/* The next change, or "nothing" when there is none in this time. */
static void trace_change(struct play *p, int timeout_ms)
{
    int64_t end_ns = wait_now_ns() + timeout_ms * MS;
    struct input_change change;
    enum hal_err err;
    while ((err = p->inputs->ops->next(p->inputs, &change)) == HAL_INVALID &&
           wait_now_ns() < end_ns) {
        struct pollfd fd = {.fd = p->inputs->ops->fd(p->inputs), .events = POLLIN};
        poll(&fd, 1, (int)((end_ns - wait_now_ns()) / MS) + 1);
    }
    if (err == HAL_OK)
        fprintf(p->trace, "  input %d %s\n", change.index, change.active ? "on" : "off");
    else
        fprintf(p->trace, "  %s\n", err == HAL_INVALID ? "nothing" : "gone");
}

/* Drives an input's wire, all of which lie behind the relays' lines. */
static void drive(struct play *p, int input, bool high)
{
    fprintf(p->trace, "wire %d %s\n", input, high ? "high" : "low");
    assert_true(gpiosim_pull(p->sim, RELAYS + input, high));
}

static void read_inputs(struct play *p, const char *what)
{
    step(p, what);
    for (int i = 0; i < INPUTS; i++) {
        bool active = false;
        enum hal_err err = p->inputs->ops->get(p->inputs, i, &active);
        fprintf(p->trace, "  input %d reads %s\n", i,
                err != HAL_OK ? "gone" : active ? "on" : "off");
    }
}

/* Both edges wait before the first is read, so that they alone tell what happened. */
static void push_unread(struct play *p)
{
    for (int high = 1; high >= 0; high--) {
        drive(p, INPUTS - 1, high);
        wait_pause_ms(EDGE_MS);
    }
    for (int i = 0; i < 2; i++)
        trace_change(p, WAIT_MS);
}

static void play_inputs(struct play *p)
{
    static const enum input_bias bias[INPUTS] = {INPUT_BIAS_AS_IS, INPUT_BIAS_PULL_UP,
                                                 INPUT_BIAS_PULL_DOWN};
    assert_true(gpiosim_pull(p->sim, RELAYS + 2, true)); /* its resistor changes that */
    for (int i = 0; i < INPUTS; i++) {
        struct hal_line where = line_number(LABEL, RELAYS + i, i == 1);
        int index;
        bool active;
        assert_int_equal(p->inputs->ops->add(p->inputs, &where, "contact", bias[i],
                                             i == INPUTS - 1 ? 0 : DEBOUNCE_MS, &index, &active,
                                             NULL),
                         HAL_OK);
        fprintf(p->trace, "input %d added: %s\n", index, active ? "on" : "off");
    }
    for (int i = 0; i < 2 * INPUTS; i++) {
        drive(p, i % INPUTS, (i < INPUTS) != (i % INPUTS == 1));
        trace_change(p, WAIT_MS);
    }
    push_unread(p);
    drive(p, 0, false);
    trace_change(p, 20 * DEBOUNCE_MS);
    assert_true(gpiosim_unplug(p->sim));
    read_inputs(p, "unplugged");
    trace_change(p, WAIT_MS);
    assert_true(gpiosim_plug(p->sim));
    assert_true(gpiosim_pull(p->sim, RELAYS, true));
    read_inputs(p, "plugged in with wire 0 high");
    trace_change(p, WAIT_MS);
    drive(p, 2, true);
    trace_change(p, WAIT_MS);
}

static void the_trace_of_a_board_is_the_expected_one(void **state)
{
    (void)state;
    char *text = NULL, path[FOLDER_PATH_MAX];
    size_t len;
    struct play p = {.sim = gpiosim_make(LABEL, RELAYS + INPUTS, NULL),
                     .relays = hal_gpiod_relays(),
                     .inputs = hal_gpiod_inputs(),
                     .trace = open_memstream(&text, &len)};
    assert_true(p.sim && p.relays && p.inputs && p.trace);
    assert_true(gpiosim_record());
    play_relays(&p);
    play_inputs(&p);
    p.inputs->ops->close(p.inputs);
    gpiosim_free(p.sim);
    assert_int_equal(fclose(p.trace), 0);
    assert_true(place_repo_file("tests/hardware/lines.trace", path));
    char *expected = folder_read(path, NULL);
    assert_non_null(expected);
    bool same = strcmp(text, expected) == 0;
    if (!same)
        fprintf(stderr, "the trace is now\n%s", text); /* longer than a message may be */
    assert_true(same);
    free(expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_trace_of_a_board_is_the_expected_one),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
