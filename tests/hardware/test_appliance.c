/* The whole appliance on real lines: broker, cloud, both daemons, libgpiod and the kernel,
 * judged by what the lines do. */
#include "hardware/appliance.h"

#include <signal.h>
#include <unistd.h>

#include "lib/ctl.h"

#define SURELY_SHORT_NS 24000000 /* shorter than the debounce */

static int begin(void **state)
{
    (void)state;
    static const struct site_options options = {.config = DOOR_STRIKE DOOR_MAGLOCK ELEVATOR,
                                                .site_lines = HOUSE_FAST FIRE_LINE,
                                                .real_lines = true};
    static const char floor[] =
        "{\"k\":\"person\",\"id\":\"jane\",\"d\":{\"groups\":[\"staff\"],\"floors\":[3]}}\n";
    if (make_chip(CHIP) && site_make(&site, &options) && site_start_broker(&site) &&
        site_start_cloud(&site) && site_put_rows(&site, HOUSE_POLICY) &&
        site_put_rows(&site, floor) && gpiosim_record() && site_start_gatehoused(&site) &&
        site_start_syncd(&site) && house_open_readers() && site_wait_policy(&site, 3 * WAIT_MS))
        return 0;
    process_show_log(&site.gatehoused);
    process_show_log(&site.syncd);
    return -1;
}

static int end(void **state)
{
    int status = house_end(state);
    gpiosim_free(chip);
    return status;
}

static void ask(const char *request, const char *part)
{
    char *answer = site_ask(&site, request);
    assert_non_null(answer);
    if (!strstr(answer, part))
        fail_msg("%s: %s does not hold %s", request, answer, part);
    free(answer);
}

static char *check_config(int status, const char *path)
{
    char *said = NULL;
    int ended = ctl_run(path, NULL, (const char *const[]){"config", "check", NULL}, &said);
    if (ended != status)
        fail_msg("config check ended with %d:\n%s", ended, said);
    return said;
}

static void assert_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s\ndoes not hold %s", text, part);
}

/* --- doors -------------------------------------------------------------------------------- */

static void a_start_takes_every_line_at_its_locked_level(void **state)
{
    (void)state;
    char *record = gpiosim_recorded(chip);
    assert_non_null(record);
    assert_part(record, "0=0 ");
    assert_part(record, "1=1 ");
    assert_null(strstr(record, "0=1"));
    assert_null(strstr(record, "1=0"));
    assert_null(strstr(record, "6=1"));
    free(record);
    assert_int_equal(gpiosim_value(chip, LINE_STRIKE), 0);
    assert_int_equal(gpiosim_value(chip, LINE_MAGLOCK), 1);
}

static void a_card_releases_a_strike_and_a_maglock_for_their_time(void **state)
{
    (void)state;
    assert_string_equal(house_present(0, "a1", CARD_JANE).reason, "granted");
    assert_reaches(LINE_STRIKE, 0); /* it was released for a second */
    assert_string_equal(house_present(1, "a2", CARD_JANE).reason, "granted");
    assert_reaches(LINE_MAGLOCK, 1);
    char *record = gpiosim_recorded(chip);
    assert_part(record, "0=1 ");
    assert_part(record, "1=0 ");
    free(record);
    assert_string_equal(house_present(0, "a3", CARD_FOUND).reason, "credential_unknown");
    assert_int_equal(gpiosim_value(chip, LINE_STRIKE), 0);
}

static void a_card_lets_choose_a_floor(void **state)
{
    (void)state;
    assert_string_equal(house_present(2, "f1", CARD_JANE).reason, "granted");
    assert_reaches(LINE_FLOOR, 1);
}

static void the_contact_tells_taken_from_forced(void **state)
{
    (void)state;
    assert_string_equal(house_present(0, "c1", CARD_JANE).reason, "granted");
    assert_true(gpiosim_pull(chip, LINE_CONTACT, true));
    assert_true(site_wait_events(&site, "\"kind\":\"access_taken\"", NULL, 1, WAIT_MS));
    assert_true(gpiosim_pull(chip, LINE_CONTACT, false));
    assert_true(site_wait_events(&site, "\"kind\":\"door_closed\"", NULL, 1, WAIT_MS));
    assert_reaches(LINE_STRIKE, 0);
    int64_t forced = site_events(&site, "\"kind\":\"door_forced\"", NULL);
    assert_true(gpiosim_pull(chip, LINE_CONTACT, true));
    assert_true(site_wait_events(&site, "\"kind\":\"door_forced\"", NULL, forced + 1, WAIT_MS));
    assert_true(gpiosim_pull(chip, LINE_CONTACT, false));
    assert_true(site_wait_drained(&site, 3 * WAIT_MS)); /* the cloud has it */
}

static void a_button_releases_and_starts_the_operator(void **state)
{
    (void)state;
    assert_true(gpiosim_record());
    assert_true(gpiosim_pull(chip, LINE_REX, false));
    assert_reaches(LINE_STRIKE, 1);
    assert_true(gpiosim_pull(chip, LINE_REX, true));
    assert_reaches(LINE_STRIKE, 0);
    assert_reaches(LINE_OPENER, 0);
    char *record = gpiosim_recorded(chip);
    assert_part(record, "7=1 ");
    free(record);
}

static void a_fire_releases_and_a_cut_wire_is_one(void **state)
{
    (void)state;
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_reaches(LINE_STRIKE, 1);
    assert_reaches(LINE_MAGLOCK, 0);
    assert_true(gpiosim_pull(chip, LINE_FIRE, false));
    assert_reaches(LINE_STRIKE, 0);
    assert_reaches(LINE_MAGLOCK, 1);
}

static void tamper_is_an_alarm(void **state)
{
    (void)state;
    assert_true(gpiosim_pull(chip, LINE_TAMPER, true));
    assert_true(site_wait_events(&site, "\"kind\":\"tamper\"", "\"on\":true", 1, WAIT_MS));
    ask("{\"call\":\"doors\"}", "\"alarm\":\"tamper\"");
    assert_true(gpiosim_pull(chip, LINE_TAMPER, false));
    assert_true(site_wait_events(&site, "\"kind\":\"tamper\"", "\"on\":false", 1, WAIT_MS));
}

/* --- bad input ----------------------------------------------------------------------------- */

/* Flaps the contact at about a kilohertz; it ends low, closed. The longest that it was at
 * one level: on a busy machine that may be longer than was meant, and then counts. */
static int64_t flap_ns(void)
{
    int64_t longest = 0;
    for (int i = 0; i < 500; i++) {
        int64_t before = wait_now_ns();
        assert_true(gpiosim_pull(chip, LINE_CONTACT, i % 2 == 0));
        usleep(1000);
        int64_t took = wait_now_ns() - before;
        longest = took > longest ? took : longest;
    }
    return longest;
}

static bool is_closed_again(void *context)
{
    (void)context;
    return site_events(&site, "\"kind\":\"door_closed\"", NULL) ==
           site_events(&site, "\"kind\":\"door_opened\"", NULL);
}

/* What the contact did is in the journal when what another input did later is there. */
static void wait_told(void)
{
    static const char tamper[] = "\"kind\":\"tamper\"";
    for (int high = 1; high >= 0; high--) {
        const char *part = high ? "\"on\":true" : "\"on\":false";
        int64_t before = site_events(&site, tamper, part);
        assert_true(gpiosim_pull(chip, LINE_TAMPER, high));
        assert_true(site_wait_events(&site, tamper, part, before + 1, WAIT_MS));
    }
    assert_true(wait_until(is_closed_again, NULL, WAIT_MS));
}

static void a_line_that_flaps_changes_nothing_and_holds_nothing_up(void **state)
{
    (void)state;
    bool was_short = false;
    for (int i = 0; i < 20 && !was_short; i++) {
        char read[16];
        snprintf(read, sizeof read, "n%d", i);
        int64_t opened = site_events(&site, "\"kind\":\"door_opened\"", NULL);
        int64_t first = flap_ns();
        assert_string_equal(house_present(1, read, CARD_JANE).reason, "granted");
        int64_t second = flap_ns();
        ask("{\"call\":\"inputs\"}", "\"input\":\"contact\"");
        wait_told();
        was_short = first < SURELY_SHORT_NS && second < SURELY_SHORT_NS;
        if (was_short)
            assert_int_equal(site_events(&site, "\"kind\":\"door_opened\"", NULL), opened);
    }
    assert_reaches(LINE_MAGLOCK, 1);
}

static void a_board_that_is_unplugged_is_offline_and_comes_back_by_itself(void **state)
{
    (void)state;
    assert_true(gpiosim_unplug(chip));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "does not take its level", 3,
                                 WAIT_MS));
    assert_string_equal(house_present(0, "u1", CARD_JANE).reason, "controller_offline");
    /* Another chip takes its number: it comes back under another name, with its label. */
    struct gpiosim *other = gpiosim_make("other", 4, NULL);
    assert_non_null(other);
    assert_true(gpiosim_record());
    assert_true(gpiosim_plug(chip) && gpiosim_pull(chip, LINE_REX, true));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "\"on\":false", 3, 3 * WAIT_MS));
    char *record = gpiosim_recorded(chip);
    assert_null(strstr(record, "0=1"));
    assert_null(strstr(record, "1=0"));
    free(record);
    assert_reaches(LINE_MAGLOCK, 1);
    assert_string_equal(house_present(0, "u2", CARD_JANE).reason, "granted");
    assert_reaches(LINE_STRIKE, 0);
    gpiosim_free(other);
}

/* --- config check ----------------------------------------------------------------------------- */

static void does_not_start(const char *config_path, const char *because)
{
    char program[FOLDER_PATH_MAX], *err = NULL;
    assert_true(place_program("gatehoused", program));
    const char *const argv[] = {program, "--config", config_path, NULL};
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &err), 1);
    assert_part(err, because);
    free(err);
}

static void config_check_knows_its_own_and_names_another_holder(void **state)
{
    (void)state;
    char *said = check_config(0, site.config_path);
    assert_part(said, "d0 relay");
    assert_part(said, "high = released, held by \"d0\" (running)");
    assert_part(said, "d1 relay");
    assert_part(said, "low = released");
    free(said);
    /* A second site that wants lines of the first. */
    char path[FOLDER_PATH_MAX];
    assert_true(folder_write(&site.folder, "second.conf",
                             "[site]\nid = hq\ngateway = gw-2\nstate_dir = /tmp/second\n"
                             "run_dir = /tmp/second\n"
                             "[door x]\nrelay = " ON(0) "\nactive = high\nlock = fail_secure\n"
                             "contact = " CHIP ":9 normally_closed\n", 0600) &&
                folder_file(&site.folder, "second.conf", path));
    said = check_config(1, path);
    assert_part(said, "x relay: line 0 of");
    assert_part(said, "is held by \"d0\"");
    assert_part(said, "x contact: ");
    assert_part(said, "has lines 0 to 7, not 9");
    free(said);
    /* And a gatehoused that is started with it says the same and takes nothing. */
    does_not_start(path, "has lines 0 to 7, not 9");
    assert_true(folder_write(&site.folder, "second.conf",
                             "[site]\nid = hq\ngateway = gw-2\nstate_dir = /tmp/second\n"
                             "run_dir = /tmp/second\n"
                             "[door x]\nrelay = " ON(0) "\nactive = high\nlock = fail_secure\n", 0600));
    does_not_start(path, "is held by \"d0\"");
    assert_int_equal(gpiosim_value(chip, LINE_STRIKE), 0);
}

static void config_check_knows_what_a_raspberry_does_at_power_on(void **state)
{
    (void)state;
    struct gpiosim *pi = gpiosim_make("pinctrl-bcm2711", 28, NULL);
    char path[FOLDER_PATH_MAX];
#define PI_DOOR(id, line, active, lock)                                                            \
    "[door " id "]\nrelay = pinctrl-bcm2711:" line "\nactive = " active "\nlock = " lock "\n"
    assert_true(pi && folder_write(&site.folder, "pi.conf",
                             "[site]\nid = hq\ngateway = gw-2\nfire = pinctrl-bcm2711:27 normally_open\n"
                             PI_DOOR("good", "17", "high", "fail_secure")
                             PI_DOOR("early", "4", "high", "fail_secure")
                             PI_DOOR("serial", "14", "high", "fail_secure")
                             PI_DOOR("low", "18", "low", "fail_secure")
                             "rex = pinctrl-bcm2711:22 normally_closed\n", 0600) &&
                folder_file(&site.folder, "pi.conf", path));
    char *said = check_config(0, path);
    assert_null(strstr(said, "warning: good"));
    assert_part(said, "warning: early relay: line 4 is pulled up from power-on");
    assert_part(said, "warning: serial relay: line 14 is driven high by the serial console");
    assert_part(said, "warning: low relay: line 18 is pulled down from power-on");
    assert_part(said, "warning: low rex: normally_closed: a cut wire");
    assert_part(said, "warning: fire input: normally_open: a cut wire");
    free(said);
    gpiosim_free(pi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_takes_every_line_at_its_locked_level),
        cmocka_unit_test(a_card_releases_a_strike_and_a_maglock_for_their_time),
        cmocka_unit_test(a_card_lets_choose_a_floor),
        cmocka_unit_test(the_contact_tells_taken_from_forced),
        cmocka_unit_test(a_button_releases_and_starts_the_operator),
        cmocka_unit_test(a_fire_releases_and_a_cut_wire_is_one),
        cmocka_unit_test(tamper_is_an_alarm),
        cmocka_unit_test(a_line_that_flaps_changes_nothing_and_holds_nothing_up),
        cmocka_unit_test(a_board_that_is_unplugged_is_offline_and_comes_back_by_itself),
        cmocka_unit_test(config_check_knows_its_own_and_names_another_holder),
        cmocka_unit_test(config_check_knows_what_a_raspberry_does_at_power_on),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
