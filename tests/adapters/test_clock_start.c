/* Whether the wall clock can be right at a start: a battery, the configuration, or a time server
 * in this boot. On folders that look like the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/gatehoused/clock_start.h"
#include "lib/folder.h"

#define NOON 1900000000
static const struct mono start = {5000000};

static struct folder folder;

static int begin(void **state)
{
    (void)state;
    return folder_make(&folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

/* --- batteries ------------------------------------------------------------------------ */

static void battery(const char *name, const char *hctosys)
{
    char path[FOLDER_PATH_MAX], file[64];
    assert_true(folder_file(&folder, name, path));
    assert_true(mkdir(path, 0700) == 0);
    snprintf(file, sizeof file, "%s/hctosys", name);
    assert_true(folder_write(&folder, file, hctosys, 0400));
}

static void a_battery_that_set_the_clock_is_found_among_others(void **state)
{
    (void)state;
    battery("rtc0", "0\n");
    assert_false(clock_is_set_by_battery(folder.path));
    battery("rtc1", "1\n");
    assert_true(clock_is_set_by_battery(folder.path));
}

static void no_battery_and_no_folder_are_no_battery(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    assert_false(clock_is_set_by_battery(folder.path));
    assert_true(folder_file(&folder, "none", path));
    assert_false(clock_is_set_by_battery(path));
    battery("rtc0", "");
    assert_false(clock_is_set_by_battery(folder.path));
}

/* --- trust ---------------------------------------------------------------------------- */

static void a_clock_that_nothing_kept_is_not_believed_before_it_is_synchronised(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, false);
    assert_int_equal(clock_take(&clock, false, start, NOON), CLOCK_UNSET);
    struct mono later = mono_add_ms(start, 3600000);
    assert_int_equal(clock_take(&clock, false, later, NOON + 3600), CLOCK_UNSET);
    /* Days later, when time is known at last: a step. It is believed from then on. */
    assert_int_equal(clock_take(&clock, true, later, NOON + 400000), CLOCK_SYNCED);
    assert_int_equal(clock_take(&clock, false, later, NOON + 400000), CLOCK_HOLDOVER);
}

static void what_stands_still_is_no_floor(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, false);
    assert_int_equal(clock_take(&clock, false, start, NOON), CLOCK_UNSET);
    assert_int_equal(clock.floor_s, CLOCK_FLOOR_BUILT_IN);
}

/* --- from one start to the next --------------------------------------------------------- */

static struct config box(bool battery_clock)
{
    struct config config = {.battery_clock = battery_clock};
    snprintf(config.run_dir, sizeof config.run_dir, "%s", folder.path);
    return config;
}

static bool is_noted(void)
{
    char path[FOLDER_PATH_MAX];
    return folder_file(&folder, CLOCK_KEPT_FILE, path) && access(path, F_OK) == 0;
}

static void a_start_in_the_same_boot_believes_a_clock_that_was_synchronised(void **state)
{
    (void)state;
    struct config config = box(false);
    struct linux_clock clock;
    linux_clock_init(&clock, false);
    bool is_remembered = false;
    (void)clock_take(&clock, false, start, NOON);
    clock_remember(&clock, &config, &is_remembered);
    assert_false(is_noted());
    (void)clock_take(&clock, true, start, NOON);
    clock_remember(&clock, &config, &is_remembered);
    assert_true(is_noted());
    struct linux_clock next;
    assert_true(clock_start(&next, &config));
    assert_int_equal(clock_take(&next, false, start, NOON), CLOCK_HOLDOVER);
}

static void a_clock_that_was_set_by_hand_is_not_believed_by_the_next_start(void **state)
{
    (void)state;
    struct config config = box(false);
    struct linux_clock clock;
    linux_clock_init(&clock, false);
    bool is_remembered = false;
    (void)clock_take(&clock, true, start, NOON);
    clock_remember(&clock, &config, &is_remembered);
    (void)clock_take(&clock, false, start, NOON + 86400);
    clock_remember(&clock, &config, &is_remembered);
    assert_false(is_noted());
    (void)clock_take(&clock, true, start, NOON + 5);
    clock_remember(&clock, &config, &is_remembered);
    assert_true(is_noted());
}

static void the_configuration_vouches_for_a_battery_that_the_kernel_does_not_show(void **state)
{
    (void)state;
    struct config config = box(true);
    struct linux_clock clock;
    assert_false(clock_start(&clock, &config));
    assert_int_equal(clock_take(&clock, false, start, NOON), CLOCK_HOLDOVER);
}

static void a_start_takes_away_a_note_that_is_not_true_any_more(void **state)
{
    (void)state;
    struct config config = box(false);
    assert_true(folder_write(&folder, CLOCK_KEPT_FILE, "", 0600));
    struct linux_clock clock;
    bool is_remembered = clock_start(&clock, &config);
    (void)clock_take(&clock, false, start, NOON);
    (void)clock_take(&clock, false, start, NOON + 60);
    clock_remember(&clock, &config, &is_remembered);
    assert_false(is_noted());
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_battery_that_set_the_clock_is_found_among_others),
        IN_A_FOLDER(no_battery_and_no_folder_are_no_battery),
        cmocka_unit_test(a_clock_that_nothing_kept_is_not_believed_before_it_is_synchronised),
        cmocka_unit_test(what_stands_still_is_no_floor),
        IN_A_FOLDER(a_start_in_the_same_boot_believes_a_clock_that_was_synchronised),
        IN_A_FOLDER(a_clock_that_was_set_by_hand_is_not_believed_by_the_next_start),
        IN_A_FOLDER(the_configuration_vouches_for_a_battery_that_the_kernel_does_not_show),
        IN_A_FOLDER(a_start_takes_away_a_note_that_is_not_true_any_more),
    };
    return cmocka_run_group_tests_name("adapters/test_clock_start", tests, NULL, NULL);
}
