/* The libgpiod 1.x boards against a substitute of that library: what is asked
 * of the kernel, and what is done when it fails. The functions below take the
 * place of the library's own in this program. What the kernel really does is
 * tested on simulated chips of a kernel, elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <unistd.h>

#include <cmocka.h>
#include <gpiod.h>

#include "input.h"
#include "lib/wait.h"
#include "relay.h"

/* --- the substitute -------------------------------------------------------- */

#define CHIPS 3
#define LINES 4

struct hardware_line {
    const char *name;
    const char *holder; /* another program that holds it */
    bool high;          /* the wire */
    int event_pipe[2];  /* [0] belongs to the handle */
    int taken, sets, flags;
};

/* The library has no context that could carry this. */
static struct hardware {
    bool present[CHIPS];
    const char *label[CHIPS];
    struct hardware_line line[CHIPS][LINES];
    int fail_errno; /* of the next value call */
    int open_errno;
    int open_chips;
} hw;

struct gpiod_line {
    struct gpiod_chip *chip;
    unsigned offset;
    bool requested;
};

struct gpiod_chip {
    int number;
    char name[16];
    struct gpiod_line line[LINES];
};

struct gpiod_chip_iter {
    int next;
    struct gpiod_chip *chip;
};

static struct hardware_line *wire_of(struct gpiod_line *line)
{
    return &hw.line[line->chip->number][line->offset];
}

static bool is_there(const struct gpiod_line *line)
{
    errno = ENODEV;
    return hw.present[line->chip->number];
}

static struct gpiod_chip *open_number(int number)
{
    struct gpiod_chip *chip = calloc(1, sizeof *chip);
    assert_non_null(chip);
    chip->number = number;
    (void)snprintf(chip->name, sizeof chip->name, "gpiochip%d", number);
    for (unsigned i = 0; i < LINES; i++)
        chip->line[i] = (struct gpiod_line){.chip = chip, .offset = i};
    hw.open_chips++;
    return chip;
}

struct gpiod_chip *gpiod_chip_open(const char *path)
{
    for (int i = 0; i < CHIPS; i++) {
        char its_path[32];
        (void)snprintf(its_path, sizeof its_path, "/dev/gpiochip%d", i);
        if (strcmp(path, its_path) == 0 && hw.present[i] && !hw.open_errno)
            return open_number(i);
    }
    errno = hw.open_errno ? hw.open_errno : ENOENT;
    return NULL;
}

void gpiod_line_release(struct gpiod_line *line)
{
    struct hardware_line *wire = wire_of(line);
    if (line->requested && wire->event_pipe[1]) {
        close(wire->event_pipe[0]);
        close(wire->event_pipe[1]);
        wire->event_pipe[0] = wire->event_pipe[1] = 0;
    }
    line->requested = false;
}

void gpiod_chip_close(struct gpiod_chip *chip)
{
    for (int i = 0; i < LINES; i++)
        gpiod_line_release(&chip->line[i]);
    hw.open_chips--;
    free(chip);
}

const char *gpiod_chip_name(struct gpiod_chip *chip) { return chip->name; }
const char *gpiod_chip_label(struct gpiod_chip *chip) { return hw.label[chip->number]; }
unsigned int gpiod_chip_num_lines(struct gpiod_chip *chip) { return chip ? LINES : 0; }
unsigned int gpiod_line_offset(struct gpiod_line *line) { return line->offset; }
const char *gpiod_line_name(struct gpiod_line *line) { return wire_of(line)->name; }
const char *gpiod_line_consumer(struct gpiod_line *line) { return wire_of(line)->holder; }
struct gpiod_chip *gpiod_line_get_chip(struct gpiod_line *line) { return line->chip; }
int gpiod_line_update(struct gpiod_line *line) { return is_there(line) ? 0 : -1; }
int gpiod_line_event_get_fd(struct gpiod_line *line) { return wire_of(line)->event_pipe[0]; }

struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int offset)
{
    return offset < LINES && is_there(&chip->line[offset]) ? &chip->line[offset] : NULL;
}

struct gpiod_chip_iter *gpiod_chip_iter_new(void)
{
    return calloc(1, sizeof(struct gpiod_chip_iter));
}

struct gpiod_chip *gpiod_chip_iter_next(struct gpiod_chip_iter *iter)
{
    if (iter->chip)
        gpiod_chip_close(iter->chip);
    iter->chip = NULL;
    while (iter->next < CHIPS && !hw.present[iter->next])
        iter->next++;
    if (iter->next < CHIPS)
        iter->chip = open_number(iter->next++);
    return iter->chip;
}

void gpiod_chip_iter_free(struct gpiod_chip_iter *iter)
{
    if (iter->chip)
        gpiod_chip_close(iter->chip);
    free(iter);
}

static bool request(struct gpiod_line *line, int flags)
{
    struct hardware_line *wire = wire_of(line);
    if (!is_there(line))
        return false;
    errno = EBUSY;
    if (wire->holder || line->requested)
        return false;
    line->requested = true;
    wire->flags = flags;
    wire->taken++;
    return true;
}

static bool is_low_active(const struct hardware_line *wire)
{
    return wire->flags & GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW;
}

int gpiod_line_request_output_flags(struct gpiod_line *line, const char *consumer, int flags,
                                    int default_val)
{
    assert_non_null(consumer);
    if (!request(line, flags))
        return -1;
    wire_of(line)->high = (default_val != 0) != is_low_active(wire_of(line));
    return 0;
}

int gpiod_line_request_both_edges_events_flags(struct gpiod_line *line, const char *consumer,
                                               int flags)
{
    assert_non_null(consumer);
    if (!request(line, flags))
        return -1;
    assert_int_equal(pipe(wire_of(line)->event_pipe), 0);
    return 0;
}

static bool value_fails(struct gpiod_line *line)
{
    assert_true(line->requested);
    if (!is_there(line))
        return true;
    errno = hw.fail_errno;
    return hw.fail_errno != 0;
}

int gpiod_line_set_value(struct gpiod_line *line, int value)
{
    if (value_fails(line))
        return -1;
    wire_of(line)->sets++;
    wire_of(line)->high = (value != 0) != is_low_active(wire_of(line));
    return 0;
}

int gpiod_line_get_value(struct gpiod_line *line)
{
    if (value_fails(line))
        return -1;
    return wire_of(line)->high != is_low_active(wire_of(line));
}

int gpiod_line_event_read_multiple(struct gpiod_line *line, struct gpiod_line_event *events,
                                   unsigned int num_events)
{
    if (!is_there(line))
        return -1;
    ssize_t n = read(wire_of(line)->event_pipe[0], events, num_events * sizeof *events);
    return n < 0 ? -1 : (int)((size_t)n / sizeof *events);
}

/* --- the tests' side of the hardware --------------------------------------- */

struct boards {
    struct relay_board *relays;
    struct input_board *inputs;
};

static int set_up(void **state)
{
    struct boards *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    hw = (struct hardware){.present = {true, true, true}, .label = {"soc", "twin", "twin"}};
    hw.line[0][0].name = "FRONT";
    hw.line[0][1].name = "SAME";
    hw.line[0][2].name = "SAME";
    b->relays = hal_gpiod_relays();
    b->inputs = hal_gpiod_inputs();
    *state = b;
    return b->relays && b->inputs ? 0 : -1;
}

static int tear_down(void **state)
{
    struct boards *b = *state;
    b->relays->ops->close(b->relays);
    b->inputs->ops->close(b->inputs);
    free(b);
    return hw.open_chips == 0 ? 0 : -1;
}

static struct hal_line where(const char *chip, const char *line, bool active_low)
{
    struct hal_line at = {.active_low = active_low};
    memcpy(at.chip, chip, strlen(chip) + 1);
    memcpy(at.line, line, strlen(line) + 1);
    return at;
}

static enum hal_err add(struct boards *b, struct hal_line at, const char *user, bool energized,
                        int *index, char why[HAL_TEXT_MAX])
{
    return b->relays->ops->add(b->relays, &at, user, energized, index, why);
}

static enum hal_err add_input(struct boards *b, struct hal_line at, enum input_bias bias,
                              int debounce_ms, bool *active)
{
    int index;
    char why[HAL_TEXT_MAX];
    return b->inputs->ops->add(b->inputs, &at, "contact", bias, debounce_ms, &index, active, why);
}

static void assert_why(const char *why, const char *a, const char *b)
{
    if (!strstr(why, a) || !strstr(why, b))
        fail_msg("\"%s\" names not both %s and %s", why, a, b);
}

/* The wire moves, and the kernel says so (at this time). */
static void move(int line, bool high, bool say, int64_t at_ns)
{
    struct hardware_line *wire = &hw.line[0][line];
    wire->high = high;
    struct gpiod_line_event e = {
        .ts = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000},
        .event_type = high != is_low_active(wire) ? GPIOD_LINE_EVENT_RISING_EDGE
                                                  : GPIOD_LINE_EVENT_FALLING_EDGE};
    if (say)
        assert_int_equal(write(wire->event_pipe[1], &e, sizeof e), sizeof e);
}

static struct input_change wait_change(struct boards *b)
{
    struct input_change change;
    int64_t end = wait_now_ns() + WAIT_MS * 1000000LL;
    while (b->inputs->ops->next(b->inputs, &change) != HAL_OK) {
        struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
        assert_true(wait_now_ns() < end);
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    }
    return change;
}

static bool is_readable(struct boards *b)
{
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* --- relays ---------------------------------------------------------------- */

static void a_relay_is_taken_at_its_level_in_one_call(void **state)
{
    struct boards *b = *state;
    for (int i = 0; i < LINES; i++) {
        char number[2] = {(char)('0' + i), '\0'};
        int index = -1;
        bool energized = i & 1, active_low = i & 2;
        assert_int_equal(add(b, where("0", number, active_low), "x", energized, &index, NULL),
                         HAL_OK);
        assert_int_equal(index, i);
        assert_int_equal(hw.line[0][i].high, energized != active_low);
        assert_int_equal(hw.line[0][i].taken, 1);
        assert_int_equal(hw.line[0][i].sets, 0);
        bool is = !energized;
        assert_int_equal(b->relays->ops->get(b->relays, i, &is), HAL_OK);
        assert_int_equal(is, energized);
    }
}

static void a_line_is_found_by_every_name_and_is_one_line(void **state)
{
    struct boards *b = *state;
    static const char *const chips[] = {"gpiochip0", "0", "/dev/gpiochip0", "soc"};
    int index;
    char why[HAL_TEXT_MAX];
    assert_int_equal(add(b, where("soc", "FRONT", false), "first", false, &index, why), HAL_OK);
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        assert_int_equal(add(b, where(chips[i], "0", false), "second", true, &index, why),
                         HAL_INVALID);
        assert_why(why, "first", "second");
    }
    assert_false(hw.line[0][0].high);
    assert_int_equal(hw.open_chips, 1);
}

static void what_could_mean_two_lines_is_refused(void **state)
{
    struct boards *b = *state;
    int index;
    char why[HAL_TEXT_MAX];
    assert_int_equal(add(b, where("twin", "0", false), "x", true, &index, why), HAL_INVALID);
    assert_why(why, "gpiochip1", "gpiochip2");
    assert_int_equal(add(b, where("0", "SAME", false), "x", true, &index, why), HAL_INVALID);
    assert_why(why, "lines 1 and 2", "SAME");
    assert_int_equal(add(b, where("0", "NONE", false), "x", true, &index, why), HAL_INVALID);
    assert_why(why, "NONE", "gpiochip0");
    assert_int_equal(add(b, where("0", "", false), "x", true, &index, why), HAL_INVALID);
    assert_int_equal(add(b, where("0", "4", false), "x", true, &index, why), HAL_INVALID);
    assert_why(why, "0 to 3", "4");
    assert_int_equal(hw.open_chips, 0);
}

static void a_busy_line_names_its_holder(void **state)
{
    struct boards *b = *state;
    int index = 77;
    char why[HAL_TEXT_MAX];
    hw.line[0][3].holder = "other-program";
    assert_int_equal(add(b, where("0", "3", false), "front", true, &index, why), HAL_BUSY);
    assert_why(why, "other-program", "front");
    bool active;
    assert_int_equal(add_input(b, where("0", "3", false), INPUT_BIAS_AS_IS, 30, &active), HAL_BUSY);
    assert_int_equal(index, 77);
    assert_false(hw.line[0][3].high);
    assert_int_equal(hw.open_chips, 0);
}

static void a_chip_that_may_not_be_opened_says_why(void **state)
{
    struct boards *b = *state;
    int index;
    char why[HAL_TEXT_MAX];
    hw.open_errno = EACCES;
    assert_int_equal(add(b, where("0", "3", false), "front", true, &index, why), HAL_IO);
    assert_why(why, "/dev/gpiochip0", "Permission denied");
}

static void an_unplugged_board_is_gone_and_comes_back_at_the_level_that_is_set(void **state)
{
    struct boards *b = *state;
    const struct relay_ops *ops = b->relays->ops;
    int first, second, other;
    bool on;
    assert_int_equal(add(b, where("0", "0", false), "a", false, &first, NULL), HAL_OK);
    assert_int_equal(add(b, where("0", "1", false), "b", true, &second, NULL), HAL_OK);
    assert_int_equal(add(b, where("1", "1", false), "c", true, &other, NULL), HAL_OK);
    hw.present[0] = false;
    assert_int_equal(ops->set(b->relays, first, true), HAL_GONE);
    assert_int_equal(ops->set(b->relays, first, true), HAL_GONE);
    assert_int_equal(ops->get(b->relays, second, &on), HAL_GONE);
    assert_int_equal(ops->set(b->relays, other, false), HAL_OK);
    assert_int_equal(hw.open_chips, 1);
    hw.present[0] = true;
    hw.line[0][0].high = hw.line[0][1].high = false;
    assert_int_equal(ops->get(b->relays, first, &on), HAL_GONE);
    assert_int_equal(ops->set(b->relays, second, true), HAL_OK);
    assert_true(hw.line[0][1].high);
    assert_int_equal(hw.line[0][1].taken, 2);
    assert_int_equal(hw.line[0][1].sets, 0);
    assert_int_equal(ops->set(b->relays, first, false), HAL_OK);
    assert_int_equal(ops->get(b->relays, first, &on), HAL_OK);
    assert_false(on);
}

static void errors_of_a_line_are_told_apart_and_keep_the_line(void **state)
{
    struct boards *b = *state;
    int r;
    bool on = true;
    assert_int_equal(add(b, where("0", "0", false), "a", false, &r, NULL), HAL_OK);
    static const struct {
        int error;
        enum hal_err want;
    } cases[] = {{EIO, HAL_IO}, {EPERM, HAL_IO}, {ETIMEDOUT, HAL_GONE}, {EREMOTEIO, HAL_GONE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hw.fail_errno = cases[i].error;
        assert_int_equal(b->relays->ops->set(b->relays, r, true), cases[i].want);
        assert_int_equal(b->relays->ops->get(b->relays, r, &on), cases[i].want);
        assert_true(on);
    }
    hw.fail_errno = 0;
    assert_int_equal(b->relays->ops->set(b->relays, r, true), HAL_OK);
    assert_int_equal(hw.line[0][0].taken, 1);
}

/* --- inputs ---------------------------------------------------------------- */

static void an_input_is_taken_with_its_resistor_and_gives_its_level(void **state)
{
    struct boards *b = *state;
    bool active = true;
    hw.line[0][1].high = true;
    assert_int_equal(add_input(b, where("0", "0", false), INPUT_BIAS_AS_IS, 30, &active), HAL_OK);
    assert_false(active);
    assert_int_equal(add_input(b, where("0", "1", false), INPUT_BIAS_PULL_DOWN, 30, &active),
                     HAL_OK);
    assert_true(active);
    assert_int_equal(add_input(b, where("0", "2", true), INPUT_BIAS_PULL_UP, 30, &active), HAL_OK);
    assert_true(active);
    assert_int_equal(hw.line[0][0].flags, 0);
    assert_int_equal(hw.line[0][1].flags, GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN);
    assert_int_equal(hw.line[0][2].flags,
                     GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP | GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW);
}

static void a_change_bears_the_kernels_time_stamp(void **state)
{
    struct boards *b = *state;
    bool active;
    assert_int_equal(add_input(b, where("0", "2", true), INPUT_BIAS_AS_IS, 20, &active), HAL_OK);
    int64_t at = wait_now_ns();
    move(2, true, true, at);
    struct input_change change = wait_change(b);
    assert_true(wait_now_ns() >= at + 20000000);
    assert_int_equal(change.index, 0);
    assert_false(change.active);
    assert_int_equal(change.mono_ns, at);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b));
}

static void a_time_stamp_of_another_clock_is_not_believed(void **state)
{
    struct boards *b = *state;
    bool active;
    assert_int_equal(add_input(b, where("0", "0", false), INPUT_BIAS_AS_IS, 10, &active), HAL_OK);
    int64_t before = wait_now_ns();
    move(0, true, true, 4000000000LL * 1000000000);
    struct input_change change = wait_change(b);
    assert_true(change.mono_ns >= before && change.mono_ns <= wait_now_ns());
}

static void edges_that_the_kernel_dropped_leave_the_right_level(void **state)
{
    struct boards *b = *state;
    bool active, told = false;
    assert_int_equal(add_input(b, where("0", "0", false), INPUT_BIAS_AS_IS, 10, &active), HAL_OK);
    int64_t at = wait_now_ns();
    for (int i = 0; i < 16; i++)
        move(0, i % 2 == 0, true, at + i); /* ends low */
    move(0, true, false, at + 17);         /* and this one is dropped */
    while (!told)
        told = wait_change(b).active;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_OK);
    assert_true(active);
}

static void unplugged_inputs_are_told_once_and_do_not_spin(void **state)
{
    struct boards *b = *state;
    bool active = true;
    struct input_change change;
    assert_int_equal(add_input(b, where("0", "0", false), INPUT_BIAS_AS_IS, 10, &active), HAL_OK);
    assert_int_equal(add_input(b, where("0", "1", false), INPUT_BIAS_AS_IS, 10, &active), HAL_OK);
    move(0, true, true, wait_now_ns());
    hw.present[0] = false;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b));
    active = true;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_GONE);
    assert_int_equal(b->inputs->ops->get(b->inputs, 1, &active), HAL_GONE);
    assert_true(active);
    assert_int_equal(hw.open_chips, 0);
    hw.present[0] = true;
    active = false;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_OK);
    assert_true(active);
    change = wait_change(b);
    assert_int_equal(change.index, 0);
    assert_true(change.active);
}

#define ON_BOARDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOARDS(a_relay_is_taken_at_its_level_in_one_call),
        ON_BOARDS(a_line_is_found_by_every_name_and_is_one_line),
        ON_BOARDS(what_could_mean_two_lines_is_refused),
        ON_BOARDS(a_busy_line_names_its_holder),
        ON_BOARDS(a_chip_that_may_not_be_opened_says_why),
        ON_BOARDS(an_unplugged_board_is_gone_and_comes_back_at_the_level_that_is_set),
        ON_BOARDS(errors_of_a_line_are_told_apart_and_keep_the_line),
        ON_BOARDS(an_input_is_taken_with_its_resistor_and_gives_its_level),
        ON_BOARDS(a_change_bears_the_kernels_time_stamp),
        ON_BOARDS(a_time_stamp_of_another_clock_is_not_believed),
        ON_BOARDS(edges_that_the_kernel_dropped_leave_the_right_level),
        ON_BOARDS(unplugged_inputs_are_told_once_and_do_not_spin),
    };
    return cmocka_run_group_tests_name("hal_gpiod_v1", tests, NULL, NULL);
}
