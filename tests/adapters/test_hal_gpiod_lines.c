/* The boards of the kernel's GPIO above gpiod_line.h: what is asked of a line,
 * and what is done when it fails. The functions below take the place of libgpiod
 * and the kernel in this program, whichever version of them there is. What those
 * really do is tested on simulated chips of a kernel, elsewhere. */
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

#include "gpiod_line.h"
#include "input.h"
#include "lib/wait.h"
#include "relay.h"

/* --- the substitute -------------------------------------------------------- */

#define CHIPS 3
#define LINES 4

struct hardware_line {
    const char *name;
    const char *holder;       /* another program that holds it */
    bool high;                /* the wire */
    struct gpio_line *handle; /* NULL = free */
    struct gpio_request request;
    int taken, sets;
    enum gpio_loss loss; /* that the next edges come with */
};

/* The functions have no context that could carry this. */
static struct hardware {
    bool present[CHIPS];
    const char *label[CHIPS];
    struct hardware_line line[CHIPS][LINES];
    int fail_errno; /* of the next value call */
    int open_errno;
    int open_chips;
} hw;

struct gpio_chip {
    int number;
    char name[GPIO_CHIP_NAME_MAX];
};

struct gpio_line {
    int number;
    struct hardware_line *wire;
    int edges[2]; /* a pipe; [0] belongs to the handle */
};

static bool is_there(int number)
{
    errno = ENODEV;
    return hw.present[number];
}

int gpio_chip_names(char names[GPIO_CHIPS_MAX][GPIO_CHIP_NAME_MAX])
{
    for (int i = 0; i < CHIPS; i++)
        (void)snprintf(names[i], GPIO_CHIP_NAME_MAX, "gpiochip%u", (unsigned)i % 10);
    return CHIPS; /* also those that have just gone */
}

struct gpio_chip *gpio_chip_open(const char *path)
{
    int number = CHIPS;
    if (strncmp(path, "/dev/gpiochip", 13) == 0 && strlen(path) == 14)
        number = path[13] - '0';
    errno = hw.open_errno ? hw.open_errno : ENOENT;
    if (number >= CHIPS || !hw.present[number] || hw.open_errno)
        return NULL;
    struct gpio_chip *chip = calloc(1, sizeof *chip);
    assert_non_null(chip);
    chip->number = number;
    (void)snprintf(chip->name, sizeof chip->name, "gpiochip%u", (unsigned)number % 10);
    hw.open_chips++;
    return chip;
}

void gpio_chip_close(struct gpio_chip *chip)
{
    hw.open_chips--;
    free(chip);
}

const char *gpio_chip_name(const struct gpio_chip *chip) { return chip->name; }
const char *gpio_chip_label(const struct gpio_chip *chip) { return hw.label[chip->number]; }
unsigned gpio_chip_lines(const struct gpio_chip *chip) { return chip ? LINES : 0; }

static bool copy_name(const struct gpio_chip *chip, const char *name, char out[HAL_NAME_MAX])
{
    (void)snprintf(out, HAL_NAME_MAX, "%s", name ? name : "");
    return is_there(chip->number);
}

bool gpio_line_name(struct gpio_chip *chip, unsigned offset, char name[HAL_NAME_MAX])
{
    return copy_name(chip, hw.line[chip->number][offset].name, name);
}

bool gpio_line_holder(struct gpio_chip *chip, unsigned offset, char holder[HAL_NAME_MAX])
{
    return copy_name(chip, hw.line[chip->number][offset].holder, holder);
}

struct gpio_line *gpio_line_take(struct gpio_chip *chip, unsigned offset,
                                 const struct gpio_request *request)
{
    struct hardware_line *wire = &hw.line[chip->number][offset];
    assert_non_null(request->user);
    if (!is_there(chip->number))
        return NULL;
    errno = EBUSY;
    if (wire->holder || wire->handle)
        return NULL;
    struct gpio_line *line = calloc(1, sizeof *line);
    assert_non_null(line);
    *line = (struct gpio_line){.number = chip->number, .wire = wire};
    assert_int_equal(pipe(line->edges), 0);
    wire->handle = line;
    wire->request = *request;
    wire->taken++;
    if (request->output)
        wire->high = request->active != request->active_low;
    return line;
}

void gpio_line_release(struct gpio_line *line)
{
    close(line->edges[0]);
    close(line->edges[1]);
    line->wire->handle = NULL;
    free(line);
}

static bool value_fails(const struct gpio_line *line)
{
    if (!is_there(line->number))
        return true;
    errno = hw.fail_errno;
    return hw.fail_errno != 0;
}

bool gpio_line_set(struct gpio_line *line, bool active)
{
    assert_true(line->wire->request.output);
    if (value_fails(line))
        return false;
    line->wire->sets++;
    line->wire->high = active != line->wire->request.active_low;
    return true;
}

bool gpio_line_get(struct gpio_line *line, bool *active)
{
    if (value_fails(line))
        return false;
    *active = line->wire->high != line->wire->request.active_low;
    return true;
}

int gpio_line_fd(struct gpio_line *line) { return line->edges[0]; }

int gpio_line_edges(struct gpio_line *line, struct gpio_edge edge[GPIO_EDGES_MAX],
                    enum gpio_loss *loss)
{
    if (!is_there(line->number))
        return -1;
    ssize_t n = read(line->edges[0], edge, GPIO_EDGES_MAX * sizeof *edge);
    *loss = line->wire->loss;
    line->wire->loss = GPIO_LOSS_NONE;
    return n < 0 ? -1 : (int)((size_t)n / sizeof *edge);
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
    struct gpio_edge e = {.active = high != wire->request.active_low, .at_ns = at_ns};
    if (say)
        assert_int_equal(write(wire->handle->edges[1], &e, sizeof e), sizeof e);
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
    assert_int_equal(hw.line[0][0].request.bias, INPUT_BIAS_AS_IS);
    assert_int_equal(hw.line[0][1].request.bias, INPUT_BIAS_PULL_DOWN);
    assert_int_equal(hw.line[0][2].request.bias, INPUT_BIAS_PULL_UP);
    assert_true(hw.line[0][2].request.active_low);
    for (int i = 0; i < 3; i++)
        assert_false(hw.line[0][i].request.output);
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

static void edges_dropped_behind_others_leave_the_right_level(void **state)
{
    struct boards *b = *state;
    bool active, told = false;
    assert_int_equal(add_input(b, where("0", "0", false), INPUT_BIAS_AS_IS, 10, &active), HAL_OK);
    int64_t at = wait_now_ns();
    for (int i = 0; i < GPIO_EDGES_MAX; i++)
        move(0, i % 2 == 0, true, at + i); /* ends low */
    move(0, true, false, at + 17);         /* and this one is dropped */
    hw.line[0][0].loss = GPIO_LOSS_BEHIND;
    while (!told)
        told = wait_change(b).active;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_OK);
    assert_true(active);
}

/* A contact opens, and the edge after that comes when its time is over; true if
 * it is told as open, although it is closed by then. */
static bool tells_of_the_opening(struct boards *b, int line, enum gpio_loss loss)
{
    const char number[] = {(char)('0' + line), '\0'};
    bool active;
    struct input_change change;
    hw.line[0][line].high = true;
    assert_int_equal(add_input(b, where("0", number, false), INPUT_BIAS_AS_IS, 1000, &active),
                     HAL_OK);
    move(line, false, true, wait_now_ns() - 700000000);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    move(line, true, true, wait_now_ns());
    hw.line[0][line].loss = loss;
    return b->inputs->ops->next(b->inputs, &change) == HAL_OK && !change.active;
}

static void a_level_before_dropped_edges_is_not_believed(void **state)
{
    assert_true(tells_of_the_opening(*state, 0, GPIO_LOSS_NONE));
    assert_false(tells_of_the_opening(*state, 1, GPIO_LOSS_BEFORE));
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
        ON_BOARDS(edges_dropped_behind_others_leave_the_right_level),
        ON_BOARDS(a_level_before_dropped_edges_is_not_believed),
        ON_BOARDS(unplugged_inputs_are_told_once_and_do_not_spin),
    };
    return cmocka_run_group_tests_name("hal_gpiod_lines", tests, NULL, NULL);
}
