/* Relays on lines of a real kernel: what the wire does, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "input.h"
#include "hardware/line_at.h"
#include "lib/gpiosim.h"
#include "relay.h"

#define LABEL "gatehouse-relays"
#define LINES 8
#define NAMED 2 /* the line called "magnet" */

struct bench {
    struct gpiosim *sim;
    struct relay_board *relays;
};

static int set_up(void **state)
{
    static const char *const names[LINES] = {[NAMED] = "magnet", [5] = "twin", [6] = "twin"};
    struct bench *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    b->sim = gpiosim_make(LABEL, LINES, names);
    b->relays = hal_gpiod_relays();
    *state = b;
    return b->sim && b->relays ? 0 : -1;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    b->relays->ops->close(b->relays);
    gpiosim_free(b->sim);
    free(b);
    return 0;
}

/* Adds a relay on our chip; its index. */
static int added(struct bench *b, const char *line, bool active_low, bool energized)
{
    struct hal_line where = line_at(LABEL, line, active_low);
    char why[HAL_TEXT_MAX] = "";
    int index = -1;
    if (b->relays->ops->add(b->relays, &where, "front", energized, &index, why) != HAL_OK)
        fail_msg("line %s was refused: %s", line, why);
    return index;
}

static void refused(struct bench *b, struct hal_line where, enum hal_err err, const char *because)
{
    char why[HAL_TEXT_MAX] = "";
    int index = 77;
    assert_int_equal(b->relays->ops->add(b->relays, &where, "front", true, &index, why), err);
    assert_int_equal(index, 77);
    if (!strstr(why, because) || !strstr(why, "front"))
        fail_msg("refused with \"%s\", which does not say \"%s\"", why, because);
}

static void set(struct bench *b, int index, bool energized)
{
    assert_int_equal(b->relays->ops->set(b->relays, index, energized), HAL_OK);
}

static void assert_energized(struct bench *b, int index, bool expected)
{
    bool energized = !expected;
    assert_int_equal(b->relays->ops->get(b->relays, index, &energized), HAL_OK);
    assert_int_equal(energized, expected);
}

static void assert_recorded(struct bench *b, const char *expected)
{
    char *recorded = gpiosim_recorded(b->sim);
    assert_non_null(recorded);
    assert_string_equal(recorded, expected);
    free(recorded);
}

/* --- levels ----------------------------------------------------------------- */

static void a_line_is_taken_at_its_level_and_passes_through_no_other(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < LINES; i++) {
        bool energized = i & 1, active_low = i & 2, pulled_up = i & 4;
        char line[16], expected[16];
        snprintf(line, sizeof line, "%d", i);
        snprintf(expected, sizeof expected, "%d=%d ", i, energized != active_low);
        assert_true(gpiosim_pull(b->sim, i, pulled_up));
        assert_int_equal(gpiosim_value(b->sim, i), pulled_up);
        assert_true(gpiosim_record());
        int index = added(b, line, active_low, energized);
        assert_int_equal(gpiosim_value(b->sim, i), energized != active_low);
        assert_recorded(b, expected);
        assert_energized(b, index, energized);
    }
}

static void a_level_is_set_and_read_back(void **state)
{
    struct bench *b = *state;
    int plain = added(b, "0", false, false), low = added(b, "1", true, false);
    assert_int_equal(plain, 0);
    assert_int_equal(low, 1);
    for (int i = 0; i < 8; i++) {
        bool on = i % 3 == 0; /* a level that it has already, too */
        set(b, plain, on);
        set(b, low, !on);
        assert_int_equal(gpiosim_value(b->sim, 0), on);
        assert_int_equal(gpiosim_value(b->sim, 1), on);
        assert_energized(b, plain, on);
        assert_energized(b, low, !on);
    }
}

static void setting_one_relay_leaves_the_others_alone(void **state)
{
    struct bench *b = *state;
    int first = added(b, "0", false, true);
    added(b, "1", true, true);
    added(b, "2", false, false);
    assert_true(gpiosim_record());
    set(b, first, false);
    assert_recorded(b, "0=0 ");
    set(b, first, true);
    assert_recorded(b, "0=0 0=1 ");
}

/* This kernel's chip does that; others keep the level. */
static void after_the_close_a_line_goes_where_it_is_pulled(void **state)
{
    struct bench *b = *state;
    assert_true(gpiosim_pull(b->sim, 0, true));
    added(b, "0", false, false);
    added(b, "1", false, true);
    assert_int_equal(gpiosim_value(b->sim, 0), 0);
    assert_int_equal(gpiosim_value(b->sim, 1), 1);
    b->relays->ops->close(b->relays);
    assert_int_equal(gpiosim_value(b->sim, 0), 1);
    assert_int_equal(gpiosim_value(b->sim, 1), 0);
    b->relays = hal_gpiod_relays();
    assert_non_null(b->relays);
    added(b, "0", false, false); /* free again */
}

/* --- what is called how ------------------------------------------------------- */

static void a_chip_is_found_by_label_name_path_and_number(void **state)
{
    struct bench *b = *state;
    const char *name = gpiosim_name(b->sim);
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", name);
    const char *const calls[] = {LABEL, name, path, name + strlen("gpiochip")};
    for (int i = 0; i < 4; i++) {
        char line[16];
        int index = -1;
        snprintf(line, sizeof line, "%d", i);
        struct hal_line where = line_at(calls[i], line, false);
        assert_int_equal(b->relays->ops->add(b->relays, &where, "front", true, &index, NULL),
                         HAL_OK);
        assert_int_equal(gpiosim_value(b->sim, i), 1);
    }
    /* It is one chip, however it is called. */
    for (int i = 0; i < 4; i++)
        refused(b, line_at(calls[i], "0", false), HAL_INVALID, name);
}

static void a_line_is_found_by_name_and_by_number(void **state)
{
    struct bench *b = *state;
    added(b, "magnet", false, true);
    assert_int_equal(gpiosim_value(b->sim, NAMED), 1);
    added(b, "7", false, true);
    assert_int_equal(gpiosim_value(b->sim, 7), 1);
    refused(b, line_at(LABEL, "2", false), HAL_INVALID, "front");
}

static void what_is_not_there_or_there_twice_is_refused(void **state)
{
    struct bench *b = *state;
    refused(b, line_at("gatehouse-nobody", "0", false), HAL_INVALID, "gatehouse-nobody");
    refused(b, line_at("gpiochip98765", "0", false), HAL_INVALID, "gpiochip98765");
    refused(b, line_at("/dev/null", "0", false), HAL_INVALID, "/dev/null");
    refused(b, line_at(LABEL, "8", false), HAL_INVALID, "8");
    refused(b, line_at(LABEL, "999999", false), HAL_INVALID, "999999");
    refused(b, line_at(LABEL, "Magnet", false), HAL_INVALID, "Magnet");
    refused(b, line_at(LABEL, "", false), HAL_INVALID, "front");
    refused(b, line_at(LABEL, "twin", false), HAL_INVALID, "twin");
    struct gpiosim *second = gpiosim_make(LABEL, 2, NULL);
    assert_non_null(second);
    refused(b, line_at(LABEL, "0", false), HAL_INVALID, LABEL);
    gpiosim_free(second);
    assert_int_equal(added(b, "0", false, true), 0);
}

/* In a process of its own, whose /sys is an empty folder. */
static void say_without_sys(struct bench *b)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/sys", NULL, MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/sys", "tmpfs", 0, NULL) != 0)
        _exit(2);
    const char *const calls[] = {LABEL, gpiosim_name(b->sim)};
    for (int i = 0; i < 2; i++) {
        struct hal_line where = line_at(calls[i], "0", false);
        char why[HAL_TEXT_MAX] = "";
        int index;
        enum hal_err err = b->relays->ops->add(b->relays, &where, "front", true, &index, why);
        if (err != HAL_IO || !strstr(why, "/sys is not mounted") || !strstr(why, "front")) {
            fprintf(stderr, "refused with %d, \"%s\"\n", err, why);
            _exit(1);
        }
    }
    _exit(0);
}

static void a_system_that_hides_sys_is_told_from_one_without_the_chip(void **state)
{
    struct bench *b = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        say_without_sys(b);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* --- who holds it --------------------------------------------------------------- */

static void two_users_of_one_line_are_refused_and_both_are_named(void **state)
{
    struct bench *b = *state;
    added(b, "magnet", false, true);
    struct hal_line where = line_at(gpiosim_name(b->sim), "2", false);
    char why[HAL_TEXT_MAX] = "";
    int index = 77;
    assert_int_equal(b->relays->ops->add(b->relays, &where, "back", false, &index, why),
                     HAL_INVALID);
    if (!strstr(why, "front") || !strstr(why, "back"))
        fail_msg("refused with \"%s\"", why);
    assert_int_equal(index, 77);
    assert_int_equal(gpiosim_value(b->sim, NAMED), 1);
}

static void a_line_that_is_a_relay_cannot_be_an_input(void **state)
{
    struct bench *b = *state;
    added(b, "0", false, true);
    struct input_board *inputs = hal_gpiod_inputs();
    assert_non_null(inputs);
    struct hal_line where = line_at(LABEL, "0", false);
    char why[HAL_TEXT_MAX] = "";
    int index;
    bool active;
    assert_int_equal(inputs->ops->add(inputs, &where, "contact", INPUT_BIAS_AS_IS, 30, &index,
                                      &active, why),
                     HAL_BUSY);
    if (!strstr(why, "front") || !strstr(why, "contact"))
        fail_msg("refused with \"%s\"", why);
    inputs->ops->close(inputs);
    assert_int_equal(gpiosim_value(b->sim, 0), 1);
}

/* Another process takes line 0 as "locker" and holds it until it is killed. */
static pid_t other_program(void)
{
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct relay_board *relays = hal_gpiod_relays();
        struct hal_line where = line_at(LABEL, "0", false);
        int index;
        if (!relays ||
            relays->ops->add(relays, &where, "locker", true, &index, NULL) != HAL_OK ||
            write(told[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(told[1]);
    char x;
    assert_int_equal(read(told[0], &x, 1), 1);
    close(told[0]);
    return pid;
}

static void a_line_that_another_program_holds_is_refused_and_the_holder_is_named(void **state)
{
    struct bench *b = *state;
    pid_t other = other_program();
    refused(b, line_at(LABEL, "0", false), HAL_BUSY, "locker");
    assert_int_equal(gpiosim_value(b->sim, 0), 1);
    added(b, "1", false, true); /* its chip is not its own */
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    added(b, "0", false, true);
}

/* --- unplugged --------------------------------------------------------------------- */

static void assert_gone(struct bench *b, int index)
{
    bool energized = true;
    assert_int_equal(b->relays->ops->set(b->relays, index, true), HAL_GONE);
    assert_int_equal(b->relays->ops->get(b->relays, index, &energized), HAL_GONE);
    assert_int_equal(b->relays->ops->set(b->relays, index, false), HAL_GONE);
}

static void an_unplugged_board_is_gone_and_comes_back_at_the_level_that_is_set(void **state)
{
    struct bench *b = *state;
    int plain = added(b, "0", false, true), low = added(b, "magnet", true, true);
    assert_true(gpiosim_unplug(b->sim));
    assert_gone(b, plain);
    assert_gone(b, low);
    assert_true(gpiosim_plug(b->sim));
    assert_true(gpiosim_record());
    set(b, plain, true);
    assert_recorded(b, "0=1 ");
    set(b, low, false);
    assert_recorded(b, "0=1 2=1 ");
    assert_energized(b, plain, true);
    assert_energized(b, low, false);
}

static void a_board_that_was_away_unnoticed_says_so_once(void **state)
{
    struct bench *b = *state;
    int first = added(b, "0", false, true), second = added(b, "1", false, true);
    assert_true(gpiosim_unplug(b->sim));
    assert_true(gpiosim_plug(b->sim));
    assert_int_equal(b->relays->ops->set(b->relays, first, true), HAL_GONE);
    set(b, first, true);
    set(b, second, true);
    assert_int_equal(gpiosim_value(b->sim, 0), 1);
    assert_int_equal(gpiosim_value(b->sim, 1), 1);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void a_cable_that_is_loose_uses_up_nothing(void **state)
{
    struct bench *b = *state;
    int relay = added(b, "0", false, true);
    int before = open_descriptors();
    for (int i = 0; i < 30; i++) {
        assert_true(gpiosim_unplug(b->sim));
        assert_gone(b, relay);
        assert_true(gpiosim_plug(b->sim));
        set(b, relay, true);
        assert_int_equal(gpiosim_value(b->sim, 0), 1);
    }
    assert_int_equal(open_descriptors(), before);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(a_line_is_taken_at_its_level_and_passes_through_no_other),
        ON_BENCH(a_level_is_set_and_read_back),
        ON_BENCH(setting_one_relay_leaves_the_others_alone),
        ON_BENCH(after_the_close_a_line_goes_where_it_is_pulled),
        ON_BENCH(a_chip_is_found_by_label_name_path_and_number),
        ON_BENCH(a_line_is_found_by_name_and_by_number),
        ON_BENCH(what_is_not_there_or_there_twice_is_refused),
        ON_BENCH(a_system_that_hides_sys_is_told_from_one_without_the_chip),
        ON_BENCH(two_users_of_one_line_are_refused_and_both_are_named),
        ON_BENCH(a_line_that_is_a_relay_cannot_be_an_input),
        ON_BENCH(a_line_that_another_program_holds_is_refused_and_the_holder_is_named),
        ON_BENCH(an_unplugged_board_is_gone_and_comes_back_at_the_level_that_is_set),
        ON_BENCH(a_board_that_was_away_unnoticed_says_so_once),
        ON_BENCH(a_cable_that_is_loose_uses_up_nothing),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
