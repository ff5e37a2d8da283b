/* Inputs on lines of a real kernel: its edges, its queue that overflows, a board
 * that is unplugged. The pauses here are contacts that bounce: they are what is
 * tested, and nothing waits by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <poll.h>
#include <pthread.h>

#include <cmocka.h>

#include "hardware/line_at.h"
#include "input.h"
#include "lib/gpiosim.h"
#include "lib/wait.h"

#define LABEL "gatehouse-inputs"
#define LINES 8
#define MS 1000000LL
/* An edge takes a tick of the kernel; one that comes sooner is lost in the one before. */
#define EDGE_MS 3
#define KERNEL_QUEUE 16

struct bench {
    struct gpiosim *sim;
    struct input_board *inputs;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    b->sim = gpiosim_make(LABEL, LINES, NULL);
    b->inputs = hal_gpiod_inputs();
    *state = b;
    return b->sim && b->inputs ? 0 : -1;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    b->inputs->ops->close(b->inputs);
    gpiosim_free(b->sim);
    free(b);
    return 0;
}

struct how {
    bool active_low;
    enum input_bias bias;
    int debounce_ms;
};

/* Adds an input, which must be at this level; its index. */
static int added(struct bench *b, int line, struct how how, bool expected)
{
    struct hal_line where = line_number(LABEL, line, how.active_low);
    char why[HAL_TEXT_MAX] = "";
    int index = -1;
    bool active = !expected;
    if (b->inputs->ops->add(b->inputs, &where, "contact", how.bias, how.debounce_ms, &index,
                            &active, why) != HAL_OK)
        fail_msg("line %d was refused: %s", line, why);
    assert_int_equal(active, expected);
    return index;
}

static void pull(struct bench *b, int line, bool high)
{
    assert_true(gpiosim_pull(b->sim, line, high));
}

/* Waits for the next change, at most timeout_ms. HAL_INVALID = none came. */
static enum hal_err next_change(struct bench *b, int timeout_ms, struct input_change *out)
{
    int64_t end_ns = wait_now_ns() + timeout_ms * MS;
    for (;;) {
        enum hal_err err = b->inputs->ops->next(b->inputs, out);
        int64_t left_ns = end_ns - wait_now_ns();
        if (err != HAL_INVALID || left_ns <= 0)
            return err;
        struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
        poll(&p, 1, (int)(left_ns / MS) + 1);
    }
}

static struct input_change expect(struct bench *b, int index, bool active)
{
    struct input_change change;
    assert_int_equal(next_change(b, WAIT_MS, &change), HAL_OK);
    assert_int_equal(change.index, index);
    assert_int_equal(change.active, active);
    return change;
}

/* Nothing changes for that long, nor is anything waiting afterwards. */
static void quiet(struct bench *b, int ms)
{
    struct input_change change;
    assert_int_equal(next_change(b, ms, &change), HAL_INVALID);
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void assert_active(struct bench *b, int index, bool expected)
{
    bool active = !expected;
    assert_int_equal(b->inputs->ops->get(b->inputs, index, &active), HAL_OK);
    assert_int_equal(active, expected);
}

/* --- levels and edges ------------------------------------------------------------ */

static void an_input_has_its_level_from_the_first_moment(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 4; i++) {
        bool high = i & 1, active_low = i & 2;
        pull(b, i, high);
        int index = added(b, i, (struct how){active_low, INPUT_BIAS_AS_IS, 30}, high != active_low);
        assert_int_equal(index, i);
        assert_active(b, index, high != active_low);
    }
    quiet(b, 60); /* that it was so is no change */
}

static void every_change_comes_through_with_the_time_of_its_edge(void **state)
{
    struct bench *b = *state;
    int plain = added(b, 0, (struct how){false, INPUT_BIAS_AS_IS, 0}, false);
    int low = added(b, 1, (struct how){true, INPUT_BIAS_AS_IS, 20}, true);
    for (int i = 0; i < 6; i++) {
        bool high = i % 2 == 0;
        for (int line = 0; line < 2; line++) {
            int64_t before = wait_now_ns();
            pull(b, line, high);
            struct input_change change = expect(b, line == 0 ? plain : low, high != (line == 1));
            int64_t latest = wait_now_ns() - (line == 1 ? 20 * MS : 0);
            assert_in_range(change.mono_ns, before, latest);
        }
    }
    quiet(b, 40);
}

/* Nobody fetched edges for a while, and the lines are read back before they are taken. */
static void reading_back_swallows_no_change_that_waits(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, (struct how){false, INPUT_BIAS_AS_IS, 30}, false);
    for (int i = 0; i < 3; i++) {
        pull(b, 0, i % 2 == 0);
        wait_pause_ms(60); /* each holds for longer than its debounce */
    }
    assert_active(b, index, true);
    for (int i = 0; i < 3; i++)
        expect(b, index, i % 2 == 0);
    quiet(b, 60);
}

static void a_resistor_gives_an_open_wire_its_level(void **state)
{
    struct bench *b = *state;
    pull(b, 1, true);
    int up = added(b, 0, (struct how){false, INPUT_BIAS_PULL_UP, 30}, true);
    int down = added(b, 1, (struct how){false, INPUT_BIAS_PULL_DOWN, 30}, false);
    int low = added(b, 2, (struct how){true, INPUT_BIAS_PULL_UP, 30}, false);
    assert_int_equal(gpiosim_value(b->sim, 0), 1);
    assert_int_equal(gpiosim_value(b->sim, 1), 0);
    assert_active(b, up, true);
    assert_active(b, down, false);
    assert_active(b, low, false);
    quiet(b, 60);
}

static void the_inputs_of_a_board_change_each_for_itself(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < LINES; i++)
        assert_int_equal(added(b, i, (struct how){false, INPUT_BIAS_AS_IS, 30}, false), i);
    for (int i = 0; i < LINES; i += 2)
        pull(b, i, true);
    bool seen[LINES] = {false};
    for (int i = 0; i < LINES / 2; i++) {
        struct input_change change;
        assert_int_equal(next_change(b, WAIT_MS, &change), HAL_OK);
        assert_true(change.active);
        assert_int_equal(change.index % 2, 0);
        assert_false(seen[change.index]);
        seen[change.index] = true;
    }
    quiet(b, 60);
}

/* --- debounce --------------------------------------------------------------------- */

static const struct how debounced = {false, INPUT_BIAS_AS_IS, 30};

/* On a busy machine a bounce may last longer than was meant, and then counts. */
#define SURELY_SHORT_NS (24 * MS)

/* So many edges on line 0, which was at this level, each with a pause after it. The
 * longest that one of these levels lasted. */
static int64_t burst(struct bench *b, int edges, bool high, int pause_ms)
{
    int64_t longest = 0;
    for (int i = 0; i < edges; i++) {
        int64_t before = wait_now_ns();
        high = !high;
        pull(b, 0, high);
        wait_pause_ms(pause_ms);
        int64_t took = wait_now_ns() - before;
        longest = took > longest ? took : longest;
    }
    return longest;
}

/* Takes all changes until it rests; how many. *level is what was told last. */
static int settled(struct bench *b, bool *level)
{
    struct input_change change;
    int n = 0;
    while (next_change(b, 120, &change) == HAL_OK) {
        assert_int_equal(change.active, !*level);
        *level = change.active;
        n++;
    }
    return n;
}

static void a_bounce_shorter_than_20_ms_never_comes_through(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    for (int ms = EDGE_MS; ms < 19; ms += 3) {
        bool level = false;
        int tries = 0;
        while (burst(b, 1, false, ms) >= SURELY_SHORT_NS && tries++ < 50) {
            pull(b, 0, false);
            settled(b, &level);
        }
        pull(b, 0, false);
        assert_int_equal(settled(b, &level), 0);
        assert_active(b, index, false);
    }
}

static void a_contact_that_bounces_is_one_change(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    bool level = false;
    for (int i = 0; i < 4; i++) {
        bool was = level;
        int64_t longest = burst(b, 7, was, EDGE_MS);
        int changes = settled(b, &level);
        assert_int_equal(level, !was);
        if (longest < SURELY_SHORT_NS)
            assert_int_equal(changes, 1);
        assert_active(b, index, !was);
    }
}

static void a_level_that_lasts_400_ms_always_comes_through(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    for (int i = 0; i < 4; i++) {
        bool high = i % 2 == 0;
        pull(b, 0, high);
        wait_pause_ms(400);
        struct input_change change;
        assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_OK);
        assert_int_equal(change.index, index);
        assert_int_equal(change.active, high);
    }
    /* Also when nobody asks in between: both of them. */
    pull(b, 0, true);
    wait_pause_ms(400);
    pull(b, 0, false);
    wait_pause_ms(400);
    expect(b, index, true);
    expect(b, index, false);
    quiet(b, 60);
}

/* --- a wire that flaps --------------------------------------------------------------- */

struct flap {
    struct gpiosim *sim;
    int edges;
    bool ok;
};

/* One edge a millisecond on line 0; the last one makes it high if edges is odd. */
static void *flap(void *context)
{
    struct flap *f = context;
    f->ok = true;
    for (int i = 0; i < f->edges && f->ok; i++) {
        f->ok = gpiosim_pull(f->sim, 0, i % 2 == 0);
        wait_pause_ms(1);
    }
    return NULL;
}

static void a_flap_of_1_khz_ends_in_its_last_level_and_overwhelms_nobody(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    for (int round = 0; round < 2; round++) {
        struct flap f = {.sim = b->sim, .edges = 1501};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, flap, &f), 0);
        int wakes = 0, changes = 0;
        struct input_change change = {0};
        int64_t end_ns = wait_now_ns() + WAIT_MS * MS;
        struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
        while (poll(&p, 1, 500) > 0 && wait_now_ns() < end_ns) {
            wakes++;
            while (b->inputs->ops->next(b->inputs, &change) == HAL_OK)
                changes++;
        }
        pthread_join(thread, NULL);
        assert_true(f.ok);
        /* From low to high it changes; the second flap ends where it began. It may
         * have rested in between when the thread that flaps was held up. */
        assert_int_equal(changes % 2, round == 0 ? 1 : 0);
        if (changes > 0) {
            assert_int_equal(change.index, index);
            assert_true(change.active);
        }
        assert_in_range(wakes, 1, 2 * f.edges + 2);
        if (round == 1)
            continue;
        quiet(b, 60);
        assert_active(b, index, true);
        pull(b, 0, false);
        expect(b, index, false);
        pull(b, 0, true);
        expect(b, index, true);
    }
}

static void edges_that_the_kernel_drops_leave_the_level_right(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    /* Nobody reads while these come; the kernel keeps the oldest (the newest under
     * libgpiod 2). Odd: it changes. */
    static const int bursts[] = {KERNEL_QUEUE - 1, KERNEL_QUEUE, KERNEL_QUEUE + 1, 40, 41, 60, 63};
    bool level = false;
    for (size_t i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
        bool expected = level ^ (bursts[i] & 1);
        int64_t longest = burst(b, bursts[i], level, EDGE_MS);
        int changes = settled(b, &level);
        assert_int_equal(level, expected);
        if (longest < SURELY_SHORT_NS)
            assert_int_equal(changes, bursts[i] & 1);
        assert_active(b, index, expected);
    }
}

/* One edge that is read, then more than the queue holds for longer than the debounce:
 * whichever of them the kernel drops, no level lasted. False if this machine was too
 * slow for that to be so. */
static bool bounce_unread(struct bench *b, bool *level)
{
    struct input_change change;
    int64_t longest = burst(b, 1, false, EDGE_MS);
    enum hal_err first = b->inputs->ops->next(b->inputs, &change);
    int64_t later = burst(b, 28, true, EDGE_MS);
    enum hal_err second = b->inputs->ops->next(b->inputs, &change);
    pull(b, 0, false);
    bool was_short = longest < SURELY_SHORT_NS && later < SURELY_SHORT_NS;
    if (!was_short && (first == HAL_OK || second == HAL_OK))
        *level = change.active;
    else
        assert_true(first == HAL_INVALID && second == HAL_INVALID);
    int changes = settled(b, level);
    assert_false(changes > 0 && was_short);
    assert_false(*level);
    return was_short;
}

static void dropped_edges_make_no_level_of_what_did_not_last(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    bool level = false;
    for (int done = 0, tries = 0; done < 3 && tries < 50; tries++)
        done += bounce_unread(b, &level);
    assert_active(b, index, false);
}

static void a_burst_that_nobody_read_for_long_leaves_the_level_right(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    burst(b, 2 * KERNEL_QUEUE + 1, false, EDGE_MS);
    wait_pause_ms(400); /* its rest is in no edge */
    bool level = false;
    settled(b, &level);
    assert_true(level);
    assert_active(b, index, true);
}

/* --- unplugged ------------------------------------------------------------------------- */

/* Not every kernel wakes somebody for it: it shows when a line is read. */
static void expect_gone(struct bench *b, int index)
{
    bool active = true;
    assert_int_equal(b->inputs->ops->get(b->inputs, index, &active), HAL_GONE);
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    assert_int_equal(b->inputs->ops->get(b->inputs, index, &active), HAL_GONE);
    assert_true(active);
    quiet(b, 0); /* said once, and what is gone keeps nobody busy */
}

static void an_unplugged_board_says_so_and_comes_back_with_what_changed(void **state)
{
    struct bench *b = *state;
    int first = added(b, 0, debounced, false), second = added(b, 1, debounced, false);
    for (int i = 0; i < 3; i++) {
        assert_true(gpiosim_unplug(b->sim));
        expect_gone(b, first);
        assert_true(gpiosim_plug(b->sim));
        pull(b, 0, true);
        assert_active(b, first, true); /* which takes the lines again */
        assert_active(b, second, false);
        expect(b, first, true);
        quiet(b, 60);
        pull(b, 1, true);
        expect(b, second, true);
        pull(b, 1, false);
        expect(b, second, false);
        pull(b, 0, false);
        expect(b, first, false);
    }
}

static void a_board_that_goes_while_edges_wait_is_gone_without_being_read(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, debounced, false);
    pull(b, 0, true);
    wait_pause_ms(EDGE_MS);
    assert_true(gpiosim_unplug(b->sim));
    struct input_change change;
    assert_int_equal(next_change(b, WAIT_MS, &change), HAL_GONE);
    quiet(b, 0);
    assert_true(gpiosim_plug(b->sim));
    pull(b, 0, true);
    assert_active(b, index, true);
    expect(b, index, true);
    quiet(b, 60);
}

static void a_board_that_comes_back_as_it_was_has_nothing_to_say(void **state)
{
    struct bench *b = *state;
    pull(b, 0, true);
    int index = added(b, 0, debounced, true);
    assert_true(gpiosim_unplug(b->sim));
    expect_gone(b, index);
    assert_true(gpiosim_plug(b->sim));
    pull(b, 0, true);
    assert_active(b, index, true);
    quiet(b, 80);
}

static void a_change_that_had_not_held_when_the_board_went_does_not_count(void **state)
{
    struct bench *b = *state;
    int index = added(b, 0, (struct how){false, INPUT_BIAS_AS_IS, 500}, false);
    pull(b, 0, true);
    wait_pause_ms(EDGE_MS);
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_true(gpiosim_unplug(b->sim));
    expect_gone(b, index);
    assert_true(gpiosim_plug(b->sim)); /* pulled down as all lines of a new chip */
    assert_active(b, index, false);
    quiet(b, 600);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(an_input_has_its_level_from_the_first_moment),
        ON_BENCH(every_change_comes_through_with_the_time_of_its_edge),
        ON_BENCH(reading_back_swallows_no_change_that_waits),
        ON_BENCH(a_resistor_gives_an_open_wire_its_level),
        ON_BENCH(the_inputs_of_a_board_change_each_for_itself),
        ON_BENCH(a_bounce_shorter_than_20_ms_never_comes_through),
        ON_BENCH(a_contact_that_bounces_is_one_change),
        ON_BENCH(a_level_that_lasts_400_ms_always_comes_through),
        ON_BENCH(a_flap_of_1_khz_ends_in_its_last_level_and_overwhelms_nobody),
        ON_BENCH(edges_that_the_kernel_drops_leave_the_level_right),
        ON_BENCH(dropped_edges_make_no_level_of_what_did_not_last),
        ON_BENCH(a_burst_that_nobody_read_for_long_leaves_the_level_right),
        ON_BENCH(an_unplugged_board_says_so_and_comes_back_with_what_changed),
        ON_BENCH(a_board_that_goes_while_edges_wait_is_gone_without_being_read),
        ON_BENCH(a_board_that_comes_back_as_it_was_has_nothing_to_say),
        ON_BENCH(a_change_that_had_not_held_when_the_board_went_does_not_count),
    };
    return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
