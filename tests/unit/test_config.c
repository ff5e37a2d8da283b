/* gatehouse.conf: a file with ten mistakes reports ten and starts nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"

struct mistakes {
    int n;
    int line[64];
    char text[64][512];
};

static void note(void *context, int line, const char *text)
{
    struct mistakes *m = context;
    assert_true(m->n < 64);
    m->line[m->n] = line;
    snprintf(m->text[m->n], sizeof m->text[0], "%s", text);
    m->n++;
}

static enum gh_err load(struct config *config, struct mistakes *m, const char *text)
{
    char path[] = "/tmp/gatehouse-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    *m = (struct mistakes){0};
    enum gh_err err = config_load(config, path, note, m);
    unlink(path);
    return err;
}

static void expect_one(const char *text, int line, const char *words)
{
    struct config config;
    struct mistakes m;
    assert_int_equal(load(&config, &m, text), GH_INVALID);
    if (m.n != 1 || m.line[0] != line || !strstr(m.text[0], words))
        fail_msg("%d mistakes, first %d: %s; wanted %d: %s", m.n, m.line[0], m.text[0], line, words);
}

#define SITE "[site]\nid = hq\ngateway = gw-1\n"
#define DOOR "[door front]\nrelay = gpiochip0:17\nactive = high\nlock = fail_secure\n"

static void a_small_good_file_gets_its_defaults(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m;
    assert_int_equal(load(&c, &m, SITE DOOR "[reader r1]\nfreshness = tick\n"), GH_OK);
    assert_int_equal(m.n, 0);
    assert_string_equal(c.site.s, "hq");
    assert_string_equal(c.state_dir, "/var/lib/gatehouse");
    assert_int_equal(c.broker_port, 1883);
    assert_string_equal(c.broker_dir, "/etc/gatehouse/broker");
    assert_int_equal(c.reads_per_s, 10);
    assert_false(c.battery_clock);
    assert_int_equal(c.n_doors, 1);
    assert_string_equal(c.doors[0].relay.chip, "gpiochip0");
    assert_string_equal(c.doors[0].relay.line, "17");
    assert_int_equal(c.doors[0].lock, LOCK_FAIL_SECURE);
    struct id r1 = {"r1"}, r2 = {"r2"};
    assert_int_equal(config_freshness(&c, &r1), FRESHNESS_TICK);
    assert_int_equal(config_freshness(&c, &r2), FRESHNESS_AGE);
    config_free(&c);
}

static void a_fresh_box_has_no_doors(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m;
    assert_int_equal(load(&c, &m, SITE), GH_OK);
    assert_int_equal(m.n, 0);
    assert_int_equal(c.n_doors, 0);
    config_free(&c);
}

static void the_shipped_example_is_good(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m = {0};
    assert_int_equal(config_load(&c, "systemd/gatehouse.conf", note, &m), GH_OK);
    config_free(&c);
}

static void ten_mistakes_are_ten_reports_each_with_its_line(void **state)
{
    (void)state;
    static const char text[] = "stray = 1\n"                /* 1: before any section */
                               "[site]\n"                   /* 2 */
                               "id = a b\n"                 /* 3: no id */
                               "gateway = gw-1\n"           /* 4 */
                               "gateway = gw-2\n"           /* 5: twice */
                               "colour = red\n"             /* 6: no setting */
                               "nonsense\n"                 /* 7: no entry */
                               "[broker]\n"                 /* 8 */
                               "address = localhost\n"      /* 9: a name */
                               "port = 70000\n"             /* 10: range */
                               "[kitchen]\n"                /* 11: no section */
                               "[door front]\n"             /* 12: no relay */
                               "active = up\n"              /* 13: no word */
                               "lock = fail_secure\n"       /* 14 */
                               "[door front]\n"             /* 15: twice */
                               "relay = gpiochip0:17\n"
                               "active = high\n"
                               "lock = fail_secure\n";
    static const int want[] = {1, 3, 5, 6, 7, 9, 10, 11, 12, 13, 15};
    struct config c;
    struct mistakes m;
    assert_int_equal(load(&c, &m, text), GH_INVALID);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        int found = 0;
        for (int j = 0; j < m.n; j++)
            found += m.line[j] == want[i];
        if (found != 1)
            fail_msg("line %d was reported %d times", want[i], found);
    }
    assert_int_equal(m.n, sizeof want / sizeof want[0]);
}

static void every_mistake_says_what_is_allowed(void **state)
{
    (void)state;
    expect_one(DOOR, 0, "there is no [site]");
    expect_one("[site]\nid = hq\n" DOOR, 1, "needs \"gateway\"");
    expect_one(SITE "battery_clock = auto\n" DOOR, 4, "\"battery_clock\" must be yes or no");
    expect_one(SITE "[door]\n" DOOR, 4, "needs an id");
    expect_one(SITE DOOR "[door back]\nrelay = gpiochip0:17\nactive = low\nlock = fail_safe\n", 8,
               "back relay and front relay are on one line, gpiochip0:17");
    expect_one(SITE "[door front]\nrelay = 17\nactive = high\nlock = fail_secure\n", 5, "CHIP:LINE");
    expect_one(SITE "[door front]\nrelay = g:17\nactive = high\nlock = strike\n", 7, "fail_safe");
    expect_one(SITE DOOR "[reader r]\n", 8, "needs \"freshness\"");
    expect_one(SITE DOOR "[reader r]\nfreshness = clock\n", 9, "tick, age or arrival");
    expect_one(SITE DOOR "[reader r]\nfreshness = age\n[reader r]\nfreshness = age\n", 10, "twice");
    expect_one(SITE "state_dir = var\n" DOOR, 4, "absolute path");
    expect_one(SITE "reads_per_s = 0\n" DOOR, 4, "1 to 10000");
    expect_one(SITE DOOR "[journal]\nmax_events = 999\n", 9, "1000");
    expect_one(SITE DOOR "[broker]\nusername = u\n", 8, "together");
    expect_one(SITE DOOR "[broker]\ndir = broker\n", 9, "absolute path");
    expect_one(SITE DOOR "[site]\nid = hq\ngateway = g\n", 8, "twice");
}

#define FRONT SITE "[door front]\n"
#define LOCK "relay = g:1\nactive = high\nlock = fail_secure\n"

static void a_relay_says_how_it_is_wired(void **state)
{
    (void)state;
    expect_one(FRONT "active = high\nlock = fail_safe\n", 4, "needs \"relay\", or a [floor front FLOOR]");
    expect_one(FRONT "relay = g:1\nlock = fail_safe\n", 4, "needs \"active\" with its relay");
    expect_one(FRONT "relay = g:1\nactive = low\n", 4, "needs \"lock\" with its relay");
    expect_one(FRONT LOCK "opener = g:2\n", 4, "\"opener\" and \"opener_active\" together");
    expect_one(FRONT LOCK "opener_active = low\n", 4, "\"opener\" and \"opener_active\" together");
    expect_one(FRONT LOCK "opener_ms = 500\n", 4, "\"opener_ms\" is for a door that has");
    expect_one(FRONT LOCK "opener_on_rex = no\n", 4, "\"opener_on_rex\" is for a door that has an \"opener\"");
    expect_one(FRONT LOCK "opener = g:2\nopener_active = low\nopener_on_rex = yes\n", 4,
               "is for a door that has a \"rex\"");
    expect_one(FRONT LOCK "opener = g:2\nopener_active = low\nopener_ms = 49\n", 10, "from 50 to 10000");
    expect_one(FRONT LOCK "opener = g:2\nopener_active = low\nopener_ms = 10001\n", 10, "from 50 to 10000");
}

static const struct {
    const char *words;
    bool active_low, normally_closed;
    enum input_bias bias;
    int debounce_ms;
} wirings[] = {
    {"normally_closed", false, true, INPUT_BIAS_PULL_UP, 30},
    {"normally_open", true, false, INPUT_BIAS_PULL_UP, 30},
    {"normally_closed to_ground", false, true, INPUT_BIAS_PULL_UP, 30},
    {"normally_closed to_supply", true, true, INPUT_BIAS_PULL_DOWN, 30},
    {"to_supply normally_open", false, false, INPUT_BIAS_PULL_DOWN, 30},
    {"normally_open no_pull", true, false, INPUT_BIAS_AS_IS, 30},
    {"normally_open\tno_pull  to_supply debounce=0", false, false, INPUT_BIAS_AS_IS, 0},
    {"normally_closed debounce=1000", false, true, INPUT_BIAS_PULL_UP, 1000},
};

static void an_input_is_active_when_its_circuit_is_not_as_it_normally_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wirings / sizeof wirings[0]; i++) {
        char text[400];
        struct config c;
        struct mistakes m;
        snprintf(text, sizeof text, FRONT LOCK "contact = my chip: 1:DOOR %s\n", wirings[i].words);
        if (load(&c, &m, text) != GH_OK)
            fail_msg("%s: %s", wirings[i].words, m.text[0]);
        const struct config_input *in = &c.doors[0].contact;
        assert_string_equal(in->line.chip, "my chip: 1");
        assert_string_equal(in->line.line, "DOOR");
        assert_int_equal(in->line.active_low, wirings[i].active_low);
        assert_int_equal(in->normally_closed, wirings[i].normally_closed);
        assert_int_equal(in->bias, wirings[i].bias);
        assert_int_equal(in->debounce_ms, wirings[i].debounce_ms);
        assert_false(config_has_line(&c.doors[0].rex.line));
        config_free(&c);
    }
}

static void an_input_whose_wiring_is_not_said_is_a_mistake(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "g:2", "g normally_open", "g:", "g: normally_open", ":2 normally_open",
        "g:2 normally_open normally_closed", "g:2 normally_open normally_open",
        "g:2 open", "g:2 normally_open debounce", "g:2 normally_open debounce=",
        "g:2 normally_open debounce=1001", "g:2 normally_open debounce=-1",
        "g:2 normally_open debounce=x", "g:2 normally_open, no_pull",
    };
    static const char *const inputs[] = {"contact", "rex", "tamper"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[400];
        snprintf(text, sizeof text, FRONT LOCK "%s = %s\n", inputs[i % 3], wrong[i]);
        expect_one(text, 8, "must be CHIP:LINE normally_closed|normally_open");
    }
    expect_one(SITE "fire = g:2\n" DOOR, 4, "must be CHIP:LINE normally_closed|normally_open");
}

static void nothing_shares_a_line(void **state)
{
    (void)state;
    expect_one(SITE "fire = g:1 normally_closed\n[door front]\n" LOCK, 5,
               "front relay and fire input are on one line, g:1");
    expect_one(FRONT LOCK "contact = g:1 normally_closed\n", 4, "front contact and front relay");
    expect_one(FRONT LOCK "rex = g:3 normally_open\ntamper = g:3 normally_closed\n", 4,
               "front tamper and front rex");
    expect_one(FRONT LOCK "opener = g:1\nopener_active = low\n", 4, "front opener and front relay");
    expect_one(FRONT LOCK "[floor front 3]\nrelay = g:1\nactive = low\n", 8,
               "front floor 3 and front relay are on one line");
}

static void a_panel_has_actions_and_doors(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m;
    static const char panels[] = FRONT LOCK "[panel desk]\nactions = lockdown  lockdown_release\n"
                                 "doors = all\n[panel gate]\nactions = release\ndoors = front\n";
    assert_int_equal(load(&c, &m, panels), GH_OK);
    assert_int_equal(c.n_panels, 2);
    assert_int_equal(c.panels[0].actions, 1 << 4 | 1 << 5);
    assert_true(c.panels[0].all_doors);
    assert_int_equal(c.panels[1].actions, 1);
    assert_false(c.panels[1].all_doors);
    assert_string_equal(c.panels[1].door[0].s, "front");
    config_free(&c);
    expect_one(FRONT LOCK "[panel desk]\nactions = release\n", 8, "needs \"doors\"");
    expect_one(FRONT LOCK "[panel desk]\ndoors = all\n", 8, "needs \"actions\"");
    expect_one(FRONT LOCK "[panel desk]\nactions = open\ndoors = all\n", 9, "must be some of: release");
    expect_one(FRONT LOCK "[panel desk]\nactions = release resync\ndoors = all\n", 9, "must be some of");
    expect_one(FRONT LOCK "[panel desk]\nactions = release\ndoors = back\n", 8, "which is none");
    expect_one(FRONT LOCK "[panel desk]\nactions = release\ndoors = a/b\n", 10, "must be all, or");
    expect_one(FRONT LOCK "[panel]\nactions = release\ndoors = all\n", 8, "[panel ID] needs an id");
    expect_one(FRONT LOCK "[panel p]\nactions = release\ndoors = all\n"
                          "[panel p]\nactions = release\ndoors = all\n", 11, "is there twice");
}

static void an_elevator_has_a_relay_for_each_floor(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m;
    static const char lift[] = SITE "[floor lift 3]\nrelay = g:3\nactive = high\n"
                                    "[door lift]\n"
                                    "[floor lift attic]\nrelay = g:4\nactive = low\n";
    assert_int_equal(load(&c, &m, lift), GH_OK);
    assert_int_equal(c.n_floors, 2);
    assert_string_equal(c.floors[0].floor.s, "3");
    assert_string_equal(c.floors[1].door.s, "lift");
    assert_true(c.floors[1].relay.active_low);
    assert_false(config_has_line(&c.doors[0].relay));
    config_free(&c);
    expect_one(FRONT LOCK "[floor lift 3]\nrelay = g:3\nactive = high\n", 8, "there is no [door lift]");
    expect_one(FRONT LOCK "[floor front]\nrelay = g:3\nactive = high\n", 8, "[floor DOOR FLOOR] needs an id");
    expect_one(FRONT LOCK "[floor front 3 4]\nrelay = g:3\nactive = high\n", 8, "needs an id");
    expect_one(FRONT LOCK "[floor front 3]\nrelay = g:3\n", 8, "needs \"active\"");
    expect_one(FRONT LOCK "[floor front 3]\nrelay = g:3\nactive = low\n"
                          "[floor front 3]\nrelay = g:4\nactive = low\n", 11, "is there twice");
}

#define CLOUD "[cloud]\nurl = https://c:1\nca_file = /ca\npolicy_signature = unsigned\n"

static void a_cloud_must_be_checked_and_its_policy_be_signed_or_known_to_be_unsigned(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m;
    assert_int_equal(load(&c, &m, SITE DOOR CLOUD "token_file = /t\n"), GH_OK);
    assert_true(c.policy_unsigned);
    config_free(&c);
    expect_one(SITE DOOR CLOUD, 8, "token_file");
    expect_one(SITE DOOR CLOUD "cert_file = /c\n", 8, "together");
    expect_one(SITE DOOR "[cloud]\nurl = http://c\nca_file = /ca\npolicy_signature = unsigned\n"
               "token_file = /t\n", 9, "https://");
    expect_one(SITE DOOR "[cloud]\nurl = https://c/x\nca_file = /ca\npolicy_signature = unsigned\n"
               "token_file = /t\n", 9, "without a path");
    expect_one(SITE DOOR "[cloud]\nurl = https://c\nca_file = /ca\npolicy_signature = signed\n"
               "policy_key_file = /k\ntoken_file = /t\n", 11, "unsigned");
    expect_one(SITE DOOR "[cloud]\nurl = https://c\nca_file = /ca\ntoken_file = /t\n", 8,
               "needs \"policy_key_file\"");
    expect_one(SITE DOOR CLOUD "token_file = /t\npolicy_key_file = /k\n", 8,
               "says that policy is unsigned");
    assert_int_equal(load(&c, &m, SITE DOOR "[cloud]\nurl = https://c\nca_file = /ca\ntoken_file = /t\n"
                                  "policy_key_file = /k\ncommand_key_file = /c\n"), GH_OK);
    assert_false(c.policy_unsigned);
    assert_string_equal(c.policy_key_file, "/k");
    assert_string_equal(c.command_key_file, "/c");
    assert_int_equal(c.remote_releases, 120);
    config_free(&c);
    expect_one(SITE "remote_releases_per_h = 10001\n" DOOR, 4, "from 0 to 10000");
}

static void a_cloud_with_an_address_alone_is_that_of_the_enrolment(void **state)
{
    (void)state;
    static char dir[300];
    char text[600];
    struct config c;
    struct mistakes m;
    assert_int_equal(load(&c, &m, SITE DOOR), GH_OK);
    assert_false(c.is_enrolled);
    assert_string_equal(c.cloud_dir, "/etc/gatehouse/cloud");
    config_free(&c);
    assert_int_equal(load(&c, &m, SITE DOOR "[cloud]\nurl = https://c:8443\n"), GH_OK);
    assert_true(c.is_enrolled);
    assert_string_equal(c.cloud_ca_file, "/etc/gatehouse/cloud/ca.pem");
    assert_string_equal(c.cloud_cert_file, "/etc/gatehouse/cloud/gateway.pem");
    assert_string_equal(c.cloud_key_file, "/etc/gatehouse/cloud/gateway.key");
    assert_string_equal(c.policy_key_file, "/etc/gatehouse/cloud/policy.pub");
    assert_string_equal(c.command_key_file, "/etc/gatehouse/cloud/command.pub");
    assert_string_equal(c.cloud_token_file, "");
    assert_false(c.policy_unsigned);
    config_free(&c);
    assert_int_equal(load(&c, &m, SITE DOOR "[cloud]\ndir = /d//\nurl = https://c\n"), GH_OK);
    assert_string_equal(c.cloud_dir, "/d");
    assert_string_equal(c.cloud_key_file, "/d/gateway.key");
    config_free(&c);
    expect_one(SITE DOOR "[cloud]\ndir = /d\n", 8, "needs \"url\"");
    expect_one(SITE DOOR "[cloud]\nurl = https://c\ndir = d\n", 10, "absolute path");
    memset(dir, 'd', 245);
    dir[0] = '/';
    snprintf(text, sizeof text, SITE DOOR "[cloud]\nurl = https://c\ndir = %s\n", dir);
    expect_one(text, 8, "too long");
}

static void an_enrolment_and_files_of_the_installer_do_not_mix(void **state)
{
    (void)state;
    expect_one(SITE DOOR "[cloud]\nurl = https://c\ndir = /d\nca_file = /ca\ntoken_file = /t\n"
               "policy_key_file = /k\n", 8, "\"dir\"");
    expect_one(SITE DOOR "[cloud]\nurl = https://c\ntoken_file = /t\npolicy_key_file = /k\n", 8,
               "or \"url\" alone");
}

static void a_file_that_cannot_be_read_is_said_to_be_so_and_why(void **state)
{
    (void)state;
    struct config c;
    struct mistakes m = {0};
    assert_int_equal(config_load(&c, "/nonexistent/gatehouse.conf", note, &m), GH_NOT_FOUND);
    assert_int_equal(config_load(&c, "/", note, &m), GH_IO);
    assert_int_equal(config_load(&c, "/dev/zero", note, &m), GH_IO);
    assert_int_equal(m.n, 3);
    assert_string_equal(m.text[0], "cannot be read: No such file or directory");
    assert_string_equal(m.text[1], "cannot be read: Is a directory");
    assert_string_equal(m.text[2], "cannot be read: File too large");
}

static void a_mistake_is_printed_with_its_file_and_its_line_if_it_has_one(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    struct config_print print = {to, "/etc/g.conf"};
    config_print_mistake(&print, 3, "is wrong");
    config_print_mistake(&print, 0, "is empty");
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, "/etc/g.conf:3: is wrong\n/etc/g.conf: is empty\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_good_file_gets_its_defaults),
        cmocka_unit_test(a_fresh_box_has_no_doors),
        cmocka_unit_test(the_shipped_example_is_good),
        cmocka_unit_test(ten_mistakes_are_ten_reports_each_with_its_line),
        cmocka_unit_test(a_relay_says_how_it_is_wired),
        cmocka_unit_test(an_input_is_active_when_its_circuit_is_not_as_it_normally_is),
        cmocka_unit_test(an_input_whose_wiring_is_not_said_is_a_mistake),
        cmocka_unit_test(nothing_shares_a_line),
        cmocka_unit_test(a_panel_has_actions_and_doors),
        cmocka_unit_test(an_elevator_has_a_relay_for_each_floor),
        cmocka_unit_test(every_mistake_says_what_is_allowed),
        cmocka_unit_test(a_cloud_must_be_checked_and_its_policy_be_signed_or_known_to_be_unsigned),
        cmocka_unit_test(a_cloud_with_an_address_alone_is_that_of_the_enrolment),
        cmocka_unit_test(an_enrolment_and_files_of_the_installer_do_not_mix),
        cmocka_unit_test(a_file_that_cannot_be_read_is_said_to_be_so_and_why),
        cmocka_unit_test(a_mistake_is_printed_with_its_file_and_its_line_if_it_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
