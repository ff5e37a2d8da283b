/* The kernel's GPIO boards where there is no GPIO: what cannot be is refused,
 * with one line that says what and for whom. Nothing here touches a real line. */
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

#include "input.h"
#include "lib/folder.h"
#include "relay.h"

struct boards {
    struct relay_board *relays;
    struct input_board *inputs;
};

static int set_up(void **state)
{
    struct boards *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
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
    return 0;
}

/* Both boards refuse the chip, name it and the user, and leave outputs alone. */
static void assert_refused(struct boards *b, const char *chip, const char *because)
{
    struct hal_line line = {.line = "17"};
    memcpy(line.chip, chip, strlen(chip) + 1);
    char why[2][HAL_TEXT_MAX] = {"", ""};
    int index = 77;
    bool active = true;
    assert_int_equal(b->relays->ops->add(b->relays, &line, "front", false, &index, why[0]),
                     HAL_INVALID);
    assert_int_equal(b->inputs->ops->add(b->inputs, &line, "front", INPUT_BIAS_PULL_UP, 30, &index,
                                         &active, why[1]),
                     HAL_INVALID);
    for (int i = 0; i < 2; i++) {
        if (!strstr(why[i], chip) || !strstr(why[i], "front") || !strstr(why[i], because))
            fail_msg("chip \"%s\" was refused with \"%s\"", chip, why[i]);
        assert_null(strchr(why[i], '\n'));
    }
    assert_int_equal(index, 77);
    assert_true(active);
    assert_int_equal(b->relays->ops->add(b->relays, &line, "front", false, &index, NULL),
                     HAL_INVALID);
}

static void a_chip_that_is_not_there_is_refused_by_every_kind_of_name(void **state)
{
    assert_refused(*state, "gpiochip98765", "no GPIO chip");
    assert_refused(*state, "98765", "no GPIO chip");
    assert_refused(*state, "/dev/gpiochip98765", "no GPIO chip");
    assert_refused(*state, "/nonexistent/chip", "no GPIO chip");
    assert_refused(*state, "pinctrl-nobody-has-this", "label");
    assert_refused(*state, "99999999999999999999", "label");
    assert_refused(*state, "-1", "label");
    assert_refused(*state, "gpiochip", "label");
    assert_refused(*state, "gpiochip0x1", "label");
    assert_refused(*state, "../dev/null", "label");
    assert_refused(*state, "", "named");
}

static void what_is_not_a_chip_is_refused(void **state)
{
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_make(&folder));
    assert_true(folder_write(&folder, "file", "17", 0600));
    assert_true(folder_file(&folder, "file", path));
    assert_refused(*state, "/dev/null", "not a GPIO chip");
    assert_refused(*state, "/", "not a GPIO chip");
    if (strlen(path) < HAL_NAME_MAX)
        assert_refused(*state, path, "not a GPIO chip");
    folder_remove(&folder);
}

static void a_refused_line_leaves_the_board_empty(void **state)
{
    struct boards *b = *state;
    assert_refused(b, "gpiochip98765", "no GPIO chip");
    bool on = true;
    assert_int_equal(b->relays->ops->set(b->relays, 0, true), HAL_INVALID);
    assert_int_equal(b->relays->ops->set(b->relays, -1, true), HAL_INVALID);
    assert_int_equal(b->relays->ops->get(b->relays, 0, &on), HAL_INVALID);
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &on), HAL_INVALID);
    assert_int_equal(b->inputs->ops->get(b->inputs, -1, &on), HAL_INVALID);
    assert_true(on);
}

static void a_debounce_outside_its_range_is_refused(void **state)
{
    struct boards *b = *state;
    static const struct hal_line line = {"gpiochip98765", "17", false};
    static const int bad[] = {-1, 1001, INT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int index;
        bool active;
        char why[HAL_TEXT_MAX] = "";
        assert_int_equal(b->inputs->ops->add(b->inputs, &line, "front", INPUT_BIAS_AS_IS, bad[i],
                                             &index, &active, why),
                         HAL_INVALID);
        assert_non_null(strstr(why, "debounce"));
    }
}

static void a_board_without_inputs_has_nothing_to_say(void **state)
{
    struct boards *b = *state;
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    assert_true(p.fd >= 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void a_user_of_any_length_fits_into_the_message(void **state)
{
    struct boards *b = *state;
    static const struct hal_line line = {"gpiochip98765", "17", false};
    char user[500], why[HAL_TEXT_MAX];
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    user[3] = '\n';
    int index;
    assert_int_equal(b->relays->ops->add(b->relays, &line, user, false, &index, why), HAL_INVALID);
    assert_non_null(strstr(why, "gpiochip98765"));
    assert_null(strchr(why, '\n'));
    assert_int_equal(b->relays->ops->add(b->relays, &line, NULL, false, &index, why), HAL_INVALID);
}

static void closing_nothing_is_allowed(void **state)
{
    struct boards *b = *state;
    b->relays->ops->close(NULL);
    b->inputs->ops->close(NULL);
}

#define ON_BOARDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOARDS(a_chip_that_is_not_there_is_refused_by_every_kind_of_name),
        ON_BOARDS(what_is_not_a_chip_is_refused),
        ON_BOARDS(a_refused_line_leaves_the_board_empty),
        ON_BOARDS(a_debounce_outside_its_range_is_refused),
        ON_BOARDS(a_board_without_inputs_has_nothing_to_say),
        ON_BOARDS(a_user_of_any_length_fits_into_the_message),
        ON_BOARDS(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("hal_gpiod", tests, NULL, NULL);
}
