/* Lines of the simulated board, from a wire to the event, the topic and the tool: contacts,
 * buttons, the fire input; and what an installer asks of them. */
#include "gateway_fixture.h"

#include <unistd.h>

#define ARGS_MAX 8

/* Door 0 has everything, door 1 a contact; at rest every wire is high. Numbers of inputs in
 * the order in which they are taken: the fire first. */
enum { FIRE, CONTACT, REX, TAMPER, CONTACT_1 };
#define LINES_CONFIG                                                                               \
    STRIKE(0)                                                                                      \
    "contact = sim:c0 normally_open debounce=5\n"                                                  \
    "rex = sim:x0 normally_open debounce=5\n"                                                      \
    "tamper = sim:t0 normally_open debounce=5\n" STRIKE(1)                                         \
    "contact = sim:c1 normally_open debounce=5\n" STRIKE(2)                                         \
    "[panel desk]\nactions = release lockdown lockdown_release\ndoors = all\n"
#define SITE_LINES HOUSE_FAST "fire = sim:fire normally_open debounce=5\n"
#define FIRE_IGNORED                                                                               \
    "{\"k\":\"door\",\"id\":\"d2\",\"d\":{\"name\":\"Safe\",\"fire\":\"ignore\",\"release_s\":30}}\n"

static int begin(void **state)
{
    (void)state;
    static const struct site_options options = {.config = LINES_CONFIG, .site_lines = SITE_LINES};
    struct mqtt_client_options o = {.client_id = "panel"};
    if (!site_make(&site, &options) || !site_start_broker(&site) || !site_start_cloud(&site) ||
        !site_put_rows(&site, HOUSE_POLICY) || !site_put_rows(&site, FIRE_IGNORED) ||
        !site_start_gatehoused(&site) || !site_start_syncd(&site) ||
        !site_wait_policy(&site, WAIT_MS)) {
        process_show_log(&site.gatehoused);
        process_show_log(&site.syncd);
        return -1;
    }
    o.port = site.broker.port;
    wire = mqtt_client_open(&o);
    return wire && mqtt_client_subscribe(wire, "gatehouse/v1/doors/+/state") &&
                   mqtt_client_subscribe(wire, "gatehouse/v1/panels/desk/result")
               ? 0
               : -1;
}

static void drive(int input, bool active)
{
    char line[32];
    snprintf(line, sizeof line, "input %d %s", input, active ? "off" : "on");
    assert_true(simwatch_command(site.watch, line));
}

/* Drives a wire, and waits for the event that it makes. */
static void makes(int input, bool active, const char *kind, const char *other)
{
    char text[64];
    snprintf(text, sizeof text, "\"kind\":\"%s\"", kind);
    int64_t before = site_events(&site, text, other);
    drive(input, active);
    assert_true(site_wait_events(&site, text, other, before + 1, WAIT_MS));
}

static const struct mqtt_message *state_of(const char *door, const char *text)
{
    char topic[64];
    snprintf(topic, sizeof topic, "gatehouse/v1/doors/%s/state", door);
    const struct mqtt_message *m = mqtt_client_wait_text(wire, 0, topic, text, WAIT_MS);
    if (!m)
        fail_msg("the state of %s never held %s", door, text);
    return m;
}

static char *ctl_says(int status, const char *const *words)
{
    const char *argv[ARGS_MAX + 4];
    char path[FOLDER_PATH_MAX], *out = NULL, *err = NULL;
    size_t n = 0;
    assert_true(place_program("gatehousectl", path));
    argv[n++] = path;
    argv[n++] = "--config";
    argv[n++] = site.config_path;
    for (size_t i = 0; words[i]; i++)
        argv[n++] = words[i];
    argv[n] = NULL;
    assert_int_equal(process_run(argv, NULL, 3 * WAIT_MS, &out, &err), status);
    char *text = status == 0 ? out : err;
    free(status == 0 ? err : out);
    return text;
}
#define CTL_SAYS(status, ...) ctl_says(status, (const char *const[]){__VA_ARGS__, NULL})

static void assert_holds(char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s\ndoes not hold %s", text, part);
}

/* --- from a wire to the world -------------------------------------------------------- */

static void a_door_that_is_opened_without_a_cause_is_an_alarm_everywhere(void **state)
{
    (void)state;
    assert_true(state_of("d1", "\"contact\":\"closed\",\"alarm\":null")->retained);
    makes(CONTACT_1, true, "door_forced", "\"door\":\"d1\"");
    state_of("d1", "\"contact\":\"open\",\"alarm\":\"door_forced\"");
    char *doors = CTL_SAYS(0, "doors");
    assert_holds(doors, "open     locked  ALARM door_forced");
    free(doors);
    makes(CONTACT_1, false, "door_closed", "\"door\":\"d1\"");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS)); /* and the cloud has heard of it */
}

static void a_button_releases_and_the_contact_says_taken(void **state)
{
    (void)state;
    makes(REX, true, "request_to_exit", "\"door\":\"d0\"");
    assert_true(simwatch_wait(site.watch, 0, true, WAIT_MS, NULL));
    state_of("d0", "\"onvif\":\"Accessed\",\"lock\":\"released\"");
    makes(CONTACT, true, "door_opened", "\"door\":\"d0\"");
    makes(CONTACT, false, "door_closed", "\"door\":\"d0\"");
    drive(REX, false);
    assert_true(simwatch_wait(site.watch, 0, false, WAIT_MS, NULL));
    assert_int_equal(site_events(&site, "\"kind\":\"door_forced\"", "\"door\":\"d0\""), 0);
}

static void a_tamper_switch_is_an_alarm_until_it_is_at_rest(void **state)
{
    (void)state;
    makes(TAMPER, true, "tamper", "\"on\":true");
    state_of("d0", "\"alarm\":\"tamper\"");
    makes(TAMPER, false, "tamper", "\"on\":false");
}

static bool is_written_down(void *context)
{
    char path[FOLDER_PATH_MAX + 16];
    (void)context;
    snprintf(path, sizeof path, "%s/fire-ignore", site.state_dir);
    char *text = folder_read(path, NULL);
    bool is = text && strcmp(text, "d2\n") == 0;
    free(text);
    return is;
}

static void a_fire_releases_what_it_may_and_who_may_not_is_written_down(void **state)
{
    (void)state;
    makes(FIRE, true, "fire", "\"on\":true");
    assert_true(simwatch_wait_level(site.watch, 0, true, WAIT_MS));
    assert_true(simwatch_wait_level(site.watch, 1, true, WAIT_MS));
    assert_int_equal(simwatch_changes(site.watch, 2, true), 0);
    state_of("d0", "\"mode\":\"unlocked\"");
    makes(FIRE, false, "fire", "\"on\":false");
    assert_true(simwatch_wait_level(site.watch, 0, false, WAIT_MS));
    /* What the policy says of fire is there for whoever has no policy. */
    assert_true(wait_until(is_written_down, NULL, WAIT_MS));
}

static bool status_holds(void *context)
{
    const char *const *text = context;
    struct web_reply reply;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    bool holds = reply.status == 200 && strstr(reply.body, *text);
    web_reply_free(&reply);
    return holds;
}

static void an_alarm_does_not_wait_behind_events_that_the_cloud_does_not_take(void **state)
{
    (void)state;
    const char *alarm = "\\\"kind\\\":\\\"door_forced\\\",\\\"door\\\":\\\"d1\\\""; /* as a text in JSON */
    const char *door = "\"door\":\"d1\",\"mode\":\"locked\",\"onvif\":\"Locked\",\"lock\":\"locked\","
                       "\"contact\":\"open\",\"alarm\":\"door_forced\"";
    struct site_tally before, after;
    assert_true(site_wait_drained(&site, 3 * WAIT_MS) && site_tally(&site, &before));
    assert_true(site_fault(&site, "{\"events_fail_before_commit\":-1}"));
    makes(CONTACT_1, true, "door_forced", "\"door\":\"d1\"");
    assert_true(wait_until(status_holds, &alarm, 2 * WAIT_MS));
    assert_true(wait_until(status_holds, &door, 2 * WAIT_MS));
    assert_true(site_tally(&site, &after));
    assert_int_equal(after.last_seq, before.last_seq);
    assert_true(site_fault(&site, "{\"events_fail_before_commit\":0}"));
    makes(CONTACT_1, false, "door_closed", "\"door\":\"d1\"");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
}

static void a_panel_at_the_desk_locks_down_and_is_answered(void **state)
{
    (void)state;
    static const char topic[] = "gatehouse/v1/panels/desk/command";
    static const char down[] = "{\"id\":\"desk-1\",\"action\":\"lockdown\"}";
    static const char up[] = "{\"id\":\"desk-2\",\"action\":\"lockdown_release\"}";
    assert_true(mqtt_client_publish(wire, topic, down, strlen(down), 1, false, NULL));
    assert_non_null(mqtt_client_wait_text(wire, 0, "gatehouse/v1/panels/desk/result",
                                          "{\"id\":\"desk-1\",\"result\":\"done\"}", WAIT_MS));
    state_of("d0", "\"mode\":\"locked_down\"");
    assert_true(mqtt_client_publish(wire, topic, up, strlen(up), 1, false, NULL));
    assert_non_null(mqtt_client_wait_text(wire, 0, "gatehouse/v1/panels/desk/result", "desk-2",
                                          WAIT_MS));
    assert_int_equal(site_events(&site, "\"by\":\"panel:desk\"", "\"result\":\"done\""), 2);
}

/* --- the installer's tool --------------------------------------------------------------- */

static void a_relay_is_tested_and_read_back(void **state)
{
    (void)state;
    assert_true(simwatch_wait_level(site.watch, 1, false, WAIT_MS));
    size_t released = simwatch_changes(site.watch, 1, true);
    char *said = CTL_SAYS(0, "relay", "test", "d1");
    assert_holds(said, "d1: released for a second");
    assert_holds(said, "each level was read back");
    free(said);
    assert_true(simwatch_wait_level(site.watch, 1, false, WAIT_MS));
    assert_int_equal(simwatch_changes(site.watch, 1, true), released + 1);
    assert_int_equal(site_events(&site, "\"action\":\"relay_test\"", "\"door\":\"d1\""), 1);
    assert_true(simwatch_command(site.watch, "fault stuck 1 on"));
    said = CTL_SAYS(1, "relay", "test", "d1");
    assert_holds(said, "does not take its level");
    free(said);
    assert_true(simwatch_command(site.watch, "fault stuck 1 off"));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "\"on\":false", 1, WAIT_MS));
    free(CTL_SAYS(1, "relay", "test", "narnia"));
    free(CTL_SAYS(1, "relay", "test", "no door"));
    free(CTL_SAYS(2, "relay", "test"));
}

static void inputs_are_watched_as_they_change(void **state)
{
    (void)state;
    char program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], line[256];
    struct process watch = {0};
    assert_true(place_program("gatehousectl", program) &&
                folder_file(&site.folder, "watch.log", log));
    const char *const argv[] = {program, "--config", site.config_path, "inputs", "watch", NULL};
    assert_true(process_start(&watch, &(struct process_options){.argv = argv, .log_path = log}));
    assert_true(process_wait_text(&watch, "changes follow", WAIT_MS, line, sizeof line));
    assert_true(process_has_said(&watch, "sim:c0                   closed"));
    drive(REX, true);
    assert_true(process_wait_text(&watch, "PRESSED", WAIT_MS, line, sizeof line));
    assert_non_null(strstr(line, "d0"));
    drive(REX, false);
    assert_true(process_wait_text(&watch, "at rest", WAIT_MS, line, sizeof line));
    assert_true(process_stop(&watch));
}

static void a_board_that_is_gone_is_one_event_for_each_line_and_comes_back(void **state)
{
    (void)state;
    assert_true(simwatch_command(site.watch, "fault gone on"));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "cannot be read", 5, WAIT_MS));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "does not take its level", 3, WAIT_MS));
    char *doors = CTL_SAYS(0, "doors");
    assert_holds(doors, "BOARD OFFLINE");
    free(doors);
    assert_true(simwatch_command(site.watch, "fault gone off"));
    assert_true(site_wait_events(&site, "\"on\":false", "cannot be read", 5, 2 * WAIT_MS));
    makes(CONTACT_1, true, "door_opened", "\"door\":\"d1\"");
    makes(CONTACT_1, false, "door_closed", "\"door\":\"d1\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_door_that_is_opened_without_a_cause_is_an_alarm_everywhere),
        cmocka_unit_test(a_button_releases_and_the_contact_says_taken),
        cmocka_unit_test(a_tamper_switch_is_an_alarm_until_it_is_at_rest),
        cmocka_unit_test(a_fire_releases_what_it_may_and_who_may_not_is_written_down),
        cmocka_unit_test(an_alarm_does_not_wait_behind_events_that_the_cloud_does_not_take),
        cmocka_unit_test(a_panel_at_the_desk_locks_down_and_is_answered),
        cmocka_unit_test(a_relay_is_tested_and_read_back),
        cmocka_unit_test(inputs_are_watched_as_they_change),
        cmocka_unit_test(a_board_that_is_gone_is_one_event_for_each_line_and_comes_back),
    };
    return cmocka_run_group_tests(tests, begin, house_end);
}
