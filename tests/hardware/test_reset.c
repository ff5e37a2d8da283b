/* A box that is wiped, on real lines: nothing of it is left, and no door is released. The strike's
 * resistor and the maglock's would release them as soon as nobody drives the lines. */
#include "hardware/appliance.h"

#include "lib/ctl.h"

static struct process holder;

static int begin(void **state)
{
    (void)state;
    static const struct site_options options = {
        .config = DOOR_STRIKE DOOR_MAGLOCK, .site_lines = FIRE_LINE, .real_lines = true};
    char program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    if (!site_make(&site, &options) || !make_chip(CHIP) || !gpiosim_pull(chip, LINE_STRIKE, true) ||
        !gpiosim_pull(chip, LINE_MAGLOCK, false) || !place_program("gatehouse-safe", program) ||
        !folder_file(&site.folder, "hold.log", log))
        return -1;
    const char *const argv[] = {program, "--config", site.config_path, "--hold", NULL};
    return process_start(&holder, &(struct process_options){.argv = argv, .log_path = log}) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    bool good = process_stop(&holder);
    site_end(&site);
    gpiosim_free(chip);
    return good ? 0 : -1;
}

static bool somebody_holds(void *context)
{
    char *said = NULL;
    (void)context;
    (void)ctl_run(site.config_path, NULL, (const char *const[]){"config", "check", NULL}, &said);
    bool held = said && strstr(said, "held by \"safe d0\"") && strstr(said, "held by \"safe d1\"");
    free(said);
    return held;
}

static void assert_locked(void)
{
    assert_reaches(LINE_STRIKE, 0);
    assert_reaches(LINE_MAGLOCK, 1);
}

static void a_factory_reset_moves_no_relay(void **state)
{
    (void)state;
    char *said = NULL;
    const char *const words[] = {"factory-reset", "--yes", SITE_GATEWAY, "--discard-events", NULL};
    assert_locked();
    /* A life, so that there is something to wipe. */
    assert_true(site_start_gatehoused_alone(&site) && site_stop_gatehoused(&site));
    assert_true(wait_until(somebody_holds, NULL, 3 * WAIT_MS));
    assert_locked();
    assert_true(gpiosim_record());
    assert_int_equal(ctl_run(site.config_path, NULL, words, &said), 0);
    assert_non_null(strstr(said, "No relay was touched"));
    free(said);
    assert_true(process_shell(WAIT_MS, "test -z \"$(ls -A '%s')\"", site.state_dir));
    assert_true(somebody_holds(NULL));
    assert_locked();
    char *record = gpiosim_recorded(chip);
    assert_non_null(record);
    if (strstr(record, "0=1") || strstr(record, "1=0"))
        fail_msg("a line was driven to released: %s", record);
    free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_factory_reset_moves_no_relay)};
    return cmocka_run_group_tests(tests, begin, end);
}
