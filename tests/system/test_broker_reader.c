/* Readers and panels over TLS, through the broker of an installed box, to the real gatehoused:
 * with accounts as gatehousectl makes them, and mosquitto's own client, as README.md of
 * broker-config shows it. */
#include "gateway_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "adapters/json/json.h"
#include "lib/ctl.h"
#include "lib/secure_broker.h"
#include "lib/wire.h"

#define TOPICS "gatehouse/v1/"
#define PANEL "[panel desk]\nactions = release\ndoors = d7\n"

static struct secure_broker broker;

static struct account {
    const char *name;
    char password[64];
} accounts[] = {{"r3", ""}, {"r4", ""}, {"@panel/desk", ""}, {JUDGE_EARS, "ears"}};

static const char *password_of(const char *name)
{
    for (size_t i = 0; i < sizeof accounts / sizeof accounts[0]; i++) {
        if (strcmp(accounts[i].name, name) == 0)
            return accounts[i].password;
    }
    return NULL;
}

/* A connection of the account by its password, over TLS or on the box itself. */
static struct wire *as(const char *account, enum secure_port port, const char *client_id)
{
    char ca[FOLDER_PATH_MAX];
    struct wire_tls tls = {0};
    if (port != PORT_GATEWAY && folder_file(&site.folder, "broker/ca.pem", ca))
        tls.ca = ca;
    struct wire_login login = {.version = 5, .client_id = client_id, .username = account,
                               .password = password_of(account)};
    struct wire *w = wire_open(broker.port[port], &tls);
    if (w && wire_login(w, &login) == 0)
        return w;
    wire_close(w);
    return NULL;
}

/* gatehousectl adds it; with a password that is kept for password_of, or files in the folder. */
static bool add(const char *kind, const char *id, struct account *account)
{
    char *said = NULL, handed[FOLDER_PATH_MAX];
    if (!folder_file(&site.folder, "handed", handed) ||
        (mkdir(handed, 0700) != 0 && errno != EEXIST))
        return false;
    const char *const by_password[] = {"--json", kind, "add", id, "--password", NULL};
    const char *const by_files[] = {kind, "add", id, "--out", handed, NULL};
    int status = ctl_run(site.config_path, NULL, account ? by_password : by_files, &said);
    struct slice line, password;
    struct json *v = account && status == 0
                         ? json_parse_object(slice_make(said, strcspn(said, "\n")), NULL, 0)
                         : NULL;
    struct json *p = v && json_text(v, "provisioning", &line) ? json_parse_object(line, NULL, 0)
                                                              : NULL;
    if (p && json_text(p, "password", &password))
        snprintf(account->password, sizeof account->password, "%.*s", (int)password.len,
                 password.ptr);
    bool good = status == 0 && (!account || account->password[0]);
    if (!good)
        lib_say("gatehousectl %s add %s: %s", kind, id, said ? said : "");
    json_free(p);
    json_free(v);
    free(said);
    return good;
}

/* One that may read everything, to look for what is retained. */
static bool add_ears(void)
{
    return process_shell(WAIT_MS,
                         "cd '%s/broker' && mosquitto_passwd -b accounts " JUDGE_EARS " ears && "
                         "printf '\\nuser " JUDGE_EARS "\\ntopic read #\\n' >> acl",
                         site.folder.path);
}

static int begin(void **state)
{
    (void)state;
    char acl[FOLDER_PATH_MAX];
    static const struct site_options options = {.config = HOUSE_CONFIG PANEL, .has_accounts = true};
    const char *const setup[] = {"broker", "setup", "--acl", acl, "--address", "127.0.0.1", NULL};
    if (!site_make(&site, &options) || !place_repo_file("broker-config/acl", acl) ||
        ctl_run(site.config_path, NULL, setup, NULL) != 0 ||
        !add("reader", "r2", NULL) || !add("reader", "r3", &accounts[0]) ||
        !add("reader", "r4", &accounts[1]) || !add("panel", "desk", &accounts[2]) || !add_ears())
        return -1;
    broker.port[PORT_GATEWAY] = site.broker.port;
    return secure_broker_configure(&broker, &site.folder, NULL, NULL) &&
                   secure_broker_start(&broker) && site_start_cloud(&site) &&
                   site_put_rows(&site, HOUSE_POLICY) && site_start_gatehoused(&site) &&
                   site_start_syncd(&site) && site_wait_policy(&site, WAIT_MS)
               ? 0
               : -1;
}

static int end(void **state)
{
    secure_broker_end(&broker);
    return house_end(state);
}

/* Asks and waits for the answer, as one connection. What came, owned; NULL: none. */
static char *ask(const char *who, enum secure_port port, const char *to, const char *answer,
                 const char *json)
{
    char port_text[8], ca[FOLDER_PATH_MAX], cert[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX];
    char *out = NULL, *err = NULL;
    snprintf(port_text, sizeof port_text, "%d", broker.port[port]);
    assert_true(folder_file(&site.folder, "handed/ca.pem", ca) &&
                folder_file(&site.folder, "handed/r2.pem", cert) &&
                folder_file(&site.folder, "handed/r2.key", key));
    const char *const by_certificate[] = {
        "mosquitto_rr", "-V", "5", "-q", "1", "-W", "20", "-h", "127.0.0.1", "-p", port_text, "-t",
        to, "-e", answer, "-m", json, "--cafile", ca, "--cert", cert, "--key", key, NULL};
    const char *const by_password[] = {
        "mosquitto_rr", "-V", "5", "-q", "1", "-W", "20", "-h", "127.0.0.1", "-p", port_text, "-t",
        to, "-e", answer, "-m", json, "--cafile", ca, "-u", who, "-P", password_of(who), NULL};
    int status = process_run(port == PORT_CERTIFICATE ? by_certificate : by_password, NULL,
                             2 * WAIT_MS, &out, &err);
    if (status != 0)
        lib_say("mosquitto_rr ended with %d: %s", status, err ? err : "");
    free(err);
    if (status == 0)
        return out;
    free(out);
    return NULL;
}

static char *present(const char *who, enum secure_port port, const char *read_id)
{
    char to[64], answer[64], json[160];
    snprintf(to, sizeof to, TOPICS "readers/%s/read", who);
    snprintf(answer, sizeof answer, TOPICS "readers/%s/feedback", who);
    snprintf(json, sizeof json,
             "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"" CARD_JANE "\",\"age_ms\":0}", read_id);
    return ask(who, port, to, answer, json);
}

static void assert_says(char *text, const char *what)
{
    assert_non_null(text);
    if (!strstr(text, what))
        fail_msg("\"%s\" does not hold %s", text, what);
    free(text);
}

static void assert_opens(const char *who, enum secure_port port, int door, const char *read_id)
{
    assert_int_equal(house_releases(door), 0);
    assert_says(present(who, port, read_id), "\"decision\":\"granted\"");
    assert_true(simwatch_wait(site.watch, door, true, WAIT_MS, NULL));
}

static void a_reader_with_a_certificate_opens_its_door(void **state)
{
    (void)state;
    assert_opens("r2", PORT_CERTIFICATE, 2, "tls-1");
}

static void a_reader_with_a_password_opens_its_door(void **state)
{
    (void)state;
    assert_opens("r3", PORT_PASSWORD, 3, "tls-2");
}

static void a_reader_cannot_open_the_door_of_another(void **state)
{
    (void)state;
    struct wire *w = as("r4", PORT_PASSWORD, "r4");
    assert_non_null(w);
    wire_publish(w, TOPICS "readers/r5/read",
                 "{\"id\":\"not-mine\",\"type\":\"card\",\"value\":\"" CARD_JANE "\",\"age_ms\":0}",
                 false);
    /* Behind it, at the same connection, one of its own: what is answered came later. */
    assert_true(wire_subscribe(w, TOPICS "readers/r4/feedback"));
    wire_publish(w, TOPICS "readers/r4/read",
                 "{\"id\":\"mine\",\"type\":\"card\",\"value\":\"" CARD_BOB "\",\"age_ms\":0}",
                 false);
    const struct wire_message *m;
    assert_true(wire_until_topic(w, TOPICS "readers/r4/feedback", &m));
    assert_non_null(strstr(m->text, "person_disabled"));
    wire_leave(w);
    assert_int_equal(house_decisions("not-mine"), 0);
    assert_int_equal(house_decisions("mine"), 1);
    assert_int_equal(house_releases(5), 0);
}

static void a_panel_commands_its_doors_and_no_others(void **state)
{
    (void)state;
    static const char *const results[] = {"\"result\":\"done\"", "\"result\":\"refused\""};
    for (int i = 0; i < 2; i++) {
        char json[200], at[32];
        time_t soon = time(NULL) + 30;
        strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime(&soon));
        snprintf(json, sizeof json,
                 "{\"id\":\"desk-%d\",\"action\":\"release\",\"door\":\"d%d\","
                 "\"not_after\":\"%s\"}",
                 i, 7 - i, at);
        assert_says(ask("@panel/desk", PORT_PASSWORD, TOPICS "panels/desk/command",
                        TOPICS "panels/desk/result", json), results[i]);
    }
    assert_int_equal(house_releases(7), 1);
    assert_int_equal(house_releases(6), 0);
}

static void nobody_can_take_the_gateways_session(void **state)
{
    (void)state;
    struct wire *thief = as("r4", PORT_PASSWORD, "@gatehoused");
    assert_non_null(thief);
    assert_true(wire_subscribe(thief, "#"));
    assert_says(present("r3", PORT_PASSWORD, "safe-1"), "\"decision\":\"granted\"");
    assert_true(wire_ping(thief));
    for (size_t i = 0; i < wire_count(thief); i++)
        assert_string_equal(wire_at(thief, i)->topic, TOPIC_TICK);
    wire_leave(thief);
    assert_false(process_has_said(&broker.process, "@gatehoused already connected"));
}

static bool is_cleared(void *context)
{
    (void)context;
    struct wire *w = as(JUDGE_EARS, PORT_GATEWAY, "ears");
    bool clear = w && wire_subscribe(w, TOPICS "readers/+/read") && wire_ping(w) &&
                 wire_count(w) == 0;
    wire_leave(w);
    return clear;
}

static void a_retained_read_opens_nothing_and_the_gateway_may_clear_it(void **state)
{
    (void)state;
    struct wire *w = as("r4", PORT_PASSWORD, "r4");
    assert_non_null(w);
    wire_publish(w, TOPICS "readers/r4/read",
                 "{\"id\":\"kept\",\"type\":\"card\",\"value\":\"" CARD_JANE "\",\"age_ms\":0}",
                 true);
    assert_true(wire_ping(w));
    wire_leave(w);
    assert_true(wait_until(is_cleared, NULL, WAIT_MS));
    assert_int_equal(house_releases(4), 0);
    assert_int_equal(site_events(&site, "\"kind\":\"retained_refused\"", "\"r4\""), 1);
}

static void after_a_reload_the_gateway_goes_on_and_a_removed_account_does_not(void **state)
{
    (void)state;
    struct wire *w = as("r4", PORT_PASSWORD, "r4");
    assert_non_null(w);
    assert_true(process_shell(WAIT_MS, "mosquitto_passwd -D '%s/broker/accounts' r4",
                              site.folder.path));
    assert_true(process_signal(&broker.process, SIGHUP));
    assert_true(wire_until_closed(w));
    wire_close(w);
    assert_null(as("r4", PORT_PASSWORD, "r4"));
    assert_says(present("r3", PORT_PASSWORD, "reload-1"), "\"decision\":\"granted\"");
}

static void wait_for_the_gateway(void)
{
    struct wire *w = as("r3", PORT_PASSWORD, "r3");
    assert_non_null(w);
    assert_true(wire_subscribe(w, TOPIC_TICK) && wire_until_topic(w, TOPIC_TICK, NULL));
    wire_leave(w);
}

static void a_gateway_whose_password_is_wrong_says_so_and_comes_in_when_it_is_right(void **state)
{
    (void)state;
    assert_true(site_stop_gatehoused(&site));
    assert_true(folder_write(&site.folder, "broker.password", "another", 0600));
    assert_true(site_start_gatehoused_alone(&site));
    assert_true(process_wait_text(&site.gatehoused, "does not let us in as @gatehoused", WAIT_MS,
                                  NULL, 0));
    /* Its account as the broker has it, now with that password: no restart is needed. */
    assert_true(process_shell(WAIT_MS,
                              "mosquitto_passwd -b '%s/broker/accounts' @gatehoused another",
                              site.folder.path));
    assert_true(process_signal(&broker.process, SIGHUP));
    wait_for_the_gateway();
    assert_says(present("r3", PORT_PASSWORD, "password-1"), "\"decision\":\"granted\"");
}

static void after_a_restart_of_the_broker_the_gateway_is_back(void **state)
{
    (void)state;
    secure_broker_end(&broker);
    assert_true(secure_broker_start(&broker));
    wait_for_the_gateway();
    assert_says(present("r3", PORT_PASSWORD, "restart-1"), "\"decision\":\"granted\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_with_a_certificate_opens_its_door),
        cmocka_unit_test(a_reader_with_a_password_opens_its_door),
        cmocka_unit_test(a_reader_cannot_open_the_door_of_another),
        cmocka_unit_test(a_panel_commands_its_doors_and_no_others),
        cmocka_unit_test(nobody_can_take_the_gateways_session),
        cmocka_unit_test(a_retained_read_opens_nothing_and_the_gateway_may_clear_it),
        cmocka_unit_test(after_a_reload_the_gateway_goes_on_and_a_removed_account_does_not),
        cmocka_unit_test(after_a_restart_of_the_broker_the_gateway_is_back),
        cmocka_unit_test(a_gateway_whose_password_is_wrong_says_so_and_comes_in_when_it_is_right),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
