/* gatehousectl: orders to doors, explanations, vendors' words, policies from files. */
#include "gateway_fixture.h"

#include <unistd.h>

#define ARGS_MAX 12

struct run {
    int status;
    char *out, *err; /* owned */
};

/* Runs gatehousectl with these words behind --config FILE. */
static struct run run_ctl(const char *config, const char *input, const char *const *words)
{
    struct run r = {0};
    char program[FOLDER_PATH_MAX];
    const char *argv[ARGS_MAX + 4];
    size_t n = 0;
    assert_true(place_program("gatehousectl", program));
    argv[n++] = program;
    argv[n++] = "--config";
    argv[n++] = config;
    for (size_t i = 0; words[i] && i < ARGS_MAX; i++)
        argv[n++] = words[i];
    argv[n] = NULL;
    r.status = process_run(argv, input, 3 * WAIT_MS, &r.out, &r.err);
    assert_non_null(r.out);
    assert_non_null(r.err);
    return r;
}
#define CTL(...) run_ctl(site.config_path, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define CTL_GIVEN(input, ...)                                                                      \
    run_ctl(site.config_path, (input), (const char *const[]){__VA_ARGS__, NULL})

static void forget(struct run *r)
{
    free(r->out);
    free(r->err);
}

#define assert_ends(r, code, text) check_ends((r), (code), (text))
/* With this exit status, and the text on standard output (0) or error (else). */
static void check_ends(struct run r, int status, const char *text)
{
    const char *said = status == 0 ? r.out : r.err;
    if (r.status != status || !strstr(said, text))
        fail_msg("exit status %d, no \"%s\" in:\n%s%s", r.status, text, r.out, r.err);
    forget(&r);
}

/* --- orders ------------------------------------------------------------------------- */

static void a_door_is_held_open_until_it_is_restored(void **state)
{
    (void)state;
    assert_ends(CTL("hold-open", "d1"), 0, "d1: held open");
    assert_true(simwatch_wait(site.watch, 1, true, WAIT_MS, NULL));
    assert_ends(CTL("doors"), 0, "unlocked");
    assert_string_equal(house_present(1, "held-1", CARD_JANE).reason, "already_unlocked");
    assert_ends(CTL("restore", "d1"), 0, "d1: back to its schedule");
    assert_true(simwatch_wait(site.watch, 1, false, WAIT_MS, NULL));
    assert_int_equal(site_events(&site, "\"kind\":\"door_mode\"", "\"mode\":\"unlocked\""), 1);
}

static void a_lockdown_outlives_the_daemon_and_ends_by_order(void **state)
{
    (void)state;
    assert_ends(CTL("lockdown"), 0, "every door: locked down");
    assert_string_equal(house_present(2, "down-1", CARD_JANE).reason, "door_locked_down");
    assert_true(site_kill_gatehoused(&site));
    assert_true(site_start_gatehoused(&site));
    assert_ends(CTL("release", "d2"), 1, "door_locked_down");
    assert_ends(CTL("hold-open", "d2"), 1, "door_locked_down");
    assert_ends(CTL("lockdown-release"), 0, "no longer locked down");
    assert_string_equal(house_present(2, "down-2", CARD_JANE).reason, "granted");
}

static void an_order_without_the_door_that_it_needs_is_a_usage_error(void **state)
{
    (void)state;
    assert_ends(CTL("hold-open"), 2, "usage:");
    assert_ends(CTL("release"), 2, "usage:");
    assert_ends(CTL("lockdown", "d1", "d2"), 2, "usage:");
    assert_ends(CTL("lock", "no such door"), 1, "no id of a door");
    assert_ends(CTL("lock", "elsewhere"), 1, "door_unknown");
}

/* --- explanations -------------------------------------------------------------------- */

static void explain_says_why_and_does_nothing(void **state)
{
    (void)state;
    /* Reads only: what else happens at a site (its cloud is back, say) may be
     * journalled meanwhile. */
    int64_t reads = site_events(&site, "\"kind\":\"access\"", NULL);
    int64_t released = house_releases(4);
    struct run r = CTL_GIVEN(CARD_JANE "\n", "explain", "--reader", "r4", "--type", "card");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "decision    granted"));
    assert_non_null(strstr(r.out, "ok   the credential is known"));
    assert_non_null(strstr(r.out, "paths that were looked at"));
    assert_null(strstr(r.out, CARD_JANE));
    forget(&r);
    r = CTL_GIVEN("FFFF\n", "explain", "--json", "--reader", "r4", "--type", "card");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "\"reason\":\"credential_unknown\""));
    forget(&r);
    assert_int_equal(site_events(&site, "\"kind\":\"access\"", NULL), reads);
    assert_int_equal(house_releases(4), released);
}

static void explain_wants_a_reader_a_type_and_a_value(void **state)
{
    (void)state;
    assert_ends(CTL_GIVEN("1\n", "explain", "--reader", "r4"), 2, "usage:");
    assert_ends(CTL_GIVEN("", "explain", "--reader", "r4", "--type", "card"), 2, "standard input");
    assert_ends(CTL_GIVEN("1\n", "explain", "--reader", "r4", "--type", "wand"), 1, "type");
    assert_ends(CTL_GIVEN("xyz\n", "explain", "--reader", "r4", "--type", "card"), 1, "value");
    assert_ends(CTL_GIVEN("1\n", "explain", "--reader", "a b", "--type", "card"), 1, "reader");
    assert_ends(CTL_GIVEN("1\n", "explain", "--reader", "r4", "--type", "card", "--at", "noon"), 1,
                "\"at\" must be a time");
}

/* --- vendors' words ------------------------------------------------------------------- */

static void events_speak_the_words_of_a_vendor(void **state)
{
    (void)state;
    assert_string_equal(house_present(5, "words-1", "ABCDEF").reason, "credential_unknown");
    assert_string_equal(house_present(5, "words-2", CARD_JANE).reason, "granted");
    assert_ends(CTL("events", "--door", "d5", "--dialect", "akuvox"), 0, "Invalid RF Card");
    assert_ends(CTL("events", "--door", "d5", "--dialect", "akuvox"), 0, "Success");
    assert_ends(CTL("events", "--door", "d5", "--dialect", "performance-hub"), 0,
                "~no_matching_rule_or_grant");
    assert_ends(CTL("events", "--door", "d5", "--csv", "--dialect", "doorflow-guide"), 0,
                ",\"25\",\"refused, the credential is not known\"\n");
    struct run r = CTL("events", "--door", "d5", "--json", "--dialect", "doorflow-api");
    const char *vendor = strstr(r.out, ",\"vendor\":{\"dialect\":\"doorflow-api\",\"code\":\"20\"");
    assert_non_null(vendor);
    const char *end = strstr(vendor, "}}\n");
    assert_true(end && end < strchr(vendor, '\n'));
    forget(&r);
    assert_ends(CTL("events", "--dialect", "klingon"), 2, "doorflow-guide, doorflow-api, akuvox");
}

/* --- policies from files --------------------------------------------------------------- */

static const char good_policy[] = "{\"k\":\"site\",\"id\":\"s\",\"d\":{\"tz\":\"UTC\"}}\n"
                                  "{\"k\":\"door\",\"id\":\"gate\",\"d\":{}}\n"
                                  "{\"k\":\"reader\",\"id\":\"r\",\"d\":{\"door\":\"gate\"}}\n"
                                  "{\"k\":\"person\",\"id\":\"p\",\"d\":{\"groups\":[\"gone\"]}}\n";
static const char bad_policy[] =
    "{\"k\":\"site\",\"id\":\"s\",\"d\":{\"tz\":\"UTC\"}}\n"
    "not json\n"
    "{\"k\":\"person\",\"id\":\"p\",\"d\":{\"valid_from\":\"2025-02-30T00:00:00Z\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\","
    "\"value\":\"1234567890123456789012345678901234567890\"}}\n"
    "{\"k\":\"schedule\",\"id\":\"x\",\"d\":{\"windows\":"
    "[{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":\"25:00\"}]}}\n"
    "{\"k\":\"site\",\"id\":\"s\",\"d\":{\"tz\":\"UTC\"}}\n";

static void verify_names_every_bad_line_and_shows_no_value(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_write(&site.folder, "bad.ndjson", bad_policy, 0600) &&
                folder_file(&site.folder, "bad.ndjson", path));
    struct run r = CTL("policy", "verify", path);
    static const char *const lines[] = {":2: not JSON", ":3: person \"p\": field \"valid_from\"",
                                        ":4: credential \"c\": field \"value\"",
                                        ":5: schedule \"x\"", ":6: site \"s\": stands already on line 1"};
    assert_int_equal(r.status, 1);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!strstr(r.err, lines[i]))
            fail_msg("no \"%s\" in:\n%s", lines[i], r.err);
    assert_null(strstr(r.err, "12345678901234"));
    forget(&r);
    assert_true(folder_write(&site.folder, "good.ndjson", good_policy, 0600) &&
                folder_file(&site.folder, "good.ndjson", path));
    r = CTL("policy", "verify", path);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "4 rows"));
    assert_non_null(strstr(r.err, "person \"p\": field \"groups\" names gone, which is no group"));
    forget(&r);
    assert_ends(CTL("policy", "verify", "/nowhere/at/all"), 1, "No such file");
}

static void a_box_with_a_cloud_takes_no_policy_from_a_file(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_write(&site.folder, "good.ndjson", good_policy, 0600) &&
                folder_file(&site.folder, "good.ndjson", path));
    assert_ends(CTL("policy", "import", path), 1, "cloud");
}

static void a_box_that_stands_alone_takes_its_policy_from_a_file(void **state)
{
    (void)state;
    struct folder alone;
    struct process daemon = {0};
    char config[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    char good[FOLDER_PATH_MAX], bad[FOLDER_PATH_MAX], text[1024];
    assert_true(folder_make(&alone));
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw\nstate_dir = %.200s/state\nrun_dir = %.200s/run\n"
             "battery_clock = yes\n"
             "[broker]\nport = 1\n[door gate]\nrelay = sim:0\nactive = high\nlock = fail_secure\n",
             alone.path, alone.path);
    assert_true(folder_write(&alone, "g.conf", text, 0600) &&
                folder_file(&alone, "g.conf", config) && folder_file(&alone, "g.log", log) &&
                folder_write(&alone, "good", good_policy, 0600) &&
                folder_file(&alone, "good", good) && folder_write(&alone, "bad", bad_policy, 0600) &&
                folder_file(&alone, "bad", bad) && place_program("gatehoused", program));
    const char *import_good[] = {"policy", "import", good, NULL};
    const char *import_bad[] = {"policy", "import", bad, NULL};
    const char *explain[] = {"explain", "--reader", "r", "--type", "card", NULL};
    assert_ends(run_ctl(config, NULL, import_good), 1, ""); /* nothing has been started there yet */
    const char *argv[] = {program, "--config", config, "--sim", NULL};
    assert_true(process_start(&daemon, &(struct process_options){.argv = argv, .log_path = log}));
    assert_true(process_wait_text(&daemon, "1 door,", WAIT_MS, NULL, 0));
    assert_ends(run_ctl(config, "1\n", explain), 1, "there is no policy");
    const char *status[] = {"status", NULL};
    assert_ends(run_ctl(config, NULL, status), 0, "cloud      none: there is no [cloud]");
    assert_ends(run_ctl(config, NULL, import_bad), 1, "the policy is as it was");
    assert_ends(run_ctl(config, NULL, import_good), 0, "4 rows are the policy now");
    struct run r = {0};
    for (int64_t end = wait_now_ns() + WAIT_MS * 1000000LL; wait_now_ns() < end;) {
        forget(&r); /* the daemon looks for the file once a second */
        r = run_ctl(config, "1\n", explain);
        if (r.status == 0)
            break;
    }
    assert_ends(r, 0, "credential_unknown");
    assert_ends(run_ctl(config, NULL, import_bad), 1, "the policy is as it was");
    assert_ends(run_ctl(config, "1\n", explain), 0, "credential_unknown");
    process_kill(&daemon);
    folder_remove(&alone);
}

/* Root imports, gatehoused is somebody else. */
static void what_root_imports_belongs_to_whom_the_state_folder_does(void **state)
{
    (void)state;
    struct folder alone;
    char config[FOLDER_PATH_MAX], good[FOLDER_PATH_MAX], text[1024];
    if (geteuid() != 0)
        skip();
    assert_true(folder_make(&alone));
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw\nstate_dir = %.200s/state\nrun_dir = %.200s/run\n"
             "[door gate]\nrelay = sim:0\nactive = high\nlock = fail_secure\n", alone.path, alone.path);
    assert_true(folder_write(&alone, "g.conf", text, 0600) &&
                folder_file(&alone, "g.conf", config) &&
                folder_write(&alone, "good", good_policy, 0600) && folder_file(&alone, "good", good));
    assert_true(process_shell(WAIT_MS, "cd '%s' && mkdir state && printf '%%064d\\n' 7 > state/device.key && "
                              "chmod 640 state/device.key && chown -R 12345:12346 state", alone.path));
    const char *import_good[] = {"policy", "import", good, NULL};
    assert_ends(run_ctl(config, NULL, import_good), 0, "4 rows are the policy now");
    bool given = process_shell(WAIT_MS, "cd '%s/state' && for f in *; do "
                               "test \"$(stat -c %%u:%%g $f)\" = 12345:12346; done", alone.path);
    folder_remove(&alone);
    assert_true(given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_door_is_held_open_until_it_is_restored),
        cmocka_unit_test(a_lockdown_outlives_the_daemon_and_ends_by_order),
        cmocka_unit_test(an_order_without_the_door_that_it_needs_is_a_usage_error),
        cmocka_unit_test(explain_says_why_and_does_nothing),
        cmocka_unit_test(explain_wants_a_reader_a_type_and_a_value),
        cmocka_unit_test(events_speak_the_words_of_a_vendor),
        cmocka_unit_test(verify_names_every_bad_line_and_shows_no_value),
        cmocka_unit_test(a_box_with_a_cloud_takes_no_policy_from_a_file),
        cmocka_unit_test(a_box_that_stands_alone_takes_its_policy_from_a_file),
        cmocka_unit_test(what_root_imports_belongs_to_whom_the_state_folder_does),
    };
    return cmocka_run_group_tests_name("ctl_orders", tests, house_begin, house_end);
}
