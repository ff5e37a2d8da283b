/* Accounts of readers and panels: handed out, used at a real mosquitto, taken back. */
#include "accounts_fixture.h"

#include <signal.h>

#include "lib/port.h"
#include "lib/wire.h"

enum { PLAIN, CERTIFICATE, PASSWORD, PORTS };

static struct process broker;
static int port[PORTS];
static char broker_config[FOLDER_PATH_MAX], broker_log[FOLDER_PATH_MAX];

/* --- the broker ----------------------------------------------------------------------------- */

static bool choose_ports(void)
{
    for (int i = 0; i < PORTS; i++) {
        do
            port[i] = port_free();
        while (i > 0 && (port[i] == port[0] || port[i] == port[i - 1]));
        if (port[i] == 0)
            return false;
    }
    return true;
}

/* A broker that root starts must not change its user: the kernel would forget to end it when
 * the test dies. */
static bool write_broker_config(void)
{
    char mosquitto[FOLDER_PATH_MAX], listeners[FOLDER_PATH_MAX];
    return place_repo_file("broker-config/mosquitto.conf", mosquitto) &&
           place_repo_file("broker-config/listeners.conf", listeners) && choose_ports() &&
           is_true("{ echo user root; cat '%s' '%s'; } | sed -e 's|/etc/gatehouse/broker|%s/etc/broker|' "
                   "-e 's|^listener 1883 .*|listener %d 127.0.0.1|' -e 's|^listener 8883.*|listener %d "
                   "127.0.0.1|' -e 's|^listener 8884.*|listener %d 127.0.0.1|' > installed.conf && "
                   "! grep -q 'listener 888' installed.conf",
                   mosquitto, listeners, folder.path, port[PLAIN], port[CERTIFICATE], port[PASSWORD]) &&
           folder_file(&folder, "installed.conf", broker_config) &&
           folder_file(&folder, "mosquitto.log", broker_log);
}

static void start_broker(void)
{
    char pid[16];
    const char *argv[] = {access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto", "-c",
                          broker_config, NULL};
    assert_true(process_start(&broker, &(struct process_options){.argv = argv, .log_path = broker_log}));
    for (int i = 0; i < PORTS; i++)
        assert_true(port_wait_open(port[i], WAIT_MS));
    snprintf(pid, sizeof pid, "%d", (int)broker.pid);
    assert_true(folder_write(&folder, "pid", pid, 0644));
    must("echo 0 > active");
}

static void restart_broker(void)
{
    assert_true(process_stop(&broker));
    start_broker();
}

static int begin(void **state)
{
    return box_begin(state) == 0 && write_broker_config() ? 0 : -1;
}

static int end(void **state)
{
    (void)process_stop(&broker);
    return box_end(state);
}

static int with_broker(void **state)
{
    (void)process_stop(&broker);
    if (box_set_up(state) != 0)
        return -1;
    start_broker();
    return 0;
}

/* --- who connects ----------------------------------------------------------------------------- */

/* The broker's answer to who shows this certificate (out/NAME.pem): 0 = in. A name of its own each
 * time: what was read from a file of one name is used again. */
static int enter_with_certificate(const char *name, struct wire **out)
{
    static int times;
    char ca[FOLDER_PATH_MAX], cert[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX], file[80];
    assert_true(folder_file(&folder, "etc/broker/ca.pem", ca));
    snprintf(file, sizeof file, "shown-%d.pem", ++times);
    assert_true(folder_file(&folder, file, cert));
    snprintf(file, sizeof file, "shown-%d.key", times);
    assert_true(folder_file(&folder, file, key));
    must("cp out/'%s'.pem shown-%d.pem && cp out/'%s'.key shown-%d.key", name, times, name, times);
    struct wire *w = wire_open(port[CERTIFICATE], &(struct wire_tls){.ca = ca, .cert = cert, .key = key});
    assert_non_null(w);
    int code = wire_login(w, &(struct wire_login){.version = 5, .client_id = "x"});
    if (out && code == 0)
        *out = w;
    else
        wire_close(w);
    return code;
}

static int enter_with_password(const char *account, const char *password, struct wire **out)
{
    char ca[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "etc/broker/ca.pem", ca));
    struct wire *w = wire_open(port[PASSWORD], &(struct wire_tls){.ca = ca});
    assert_non_null(w);
    int code = wire_login(w, &(struct wire_login){.version = 5, .client_id = "x", .username = account,
                                                  .password = password});
    if (out && code == 0)
        *out = w;
    else
        wire_close(w);
    return code;
}

static struct wire *enter_as_gateway(void)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "etc/broker.password", path));
    char *password = folder_read(path, NULL);
    assert_non_null(password);
    password[strcspn(password, "\n")] = '\0';
    struct wire *w = wire_open(port[PLAIN], NULL);
    assert_non_null(w);
    assert_int_equal(wire_login(w, &(struct wire_login){.version = 5, .client_id = "g", .username = "@gatehoused",
                                                        .password = password}), 0);
    free(password);
    return w;
}

struct try {
    const char *account, *password;
};

static bool is_in(void *context)
{
    const struct try *t = context;
    return enter_with_password(t->account, t->password, NULL) == 0;
}

/* mosquitto reads its accounts anew some time after the signal. */
static void wait_in(const char *account, const char *password)
{
    struct try t = {account, password};
    assert_true(wait_until(is_in, &t, WAIT_MS));
}

/* --- handing out ---------------------------------------------------------------------------------- */

/* What the gateway hears of a read that this connection publishes for a reader. */
static bool reaches_gateway(struct wire *from, struct wire *gateway, const char *reader)
{
    char topic[120];
    snprintf(topic, sizeof topic, "gatehouse/v1/readers/%s/read", reader);
    wire_forget(gateway);
    wire_publish(from, topic, "it-is-me", false);
    assert_true(wire_ping(from));
    wire_publish(gateway, "gatehouse/v1/events", "mark", false);
    assert_true(wire_ping(gateway));
    return wire_count(gateway) > 0;
}

static void expect_only_itself(struct wire *w, const char *id)
{
    struct wire *gateway = enter_as_gateway();
    assert_true(wire_subscribe(gateway, "gatehouse/v1/readers/+/read"));
    assert_true(reaches_gateway(w, gateway, id));
    assert_false(reaches_gateway(w, gateway, "somebody.else"));
    wire_close(gateway);
}

static void a_reader_enters_with_its_certificate_and_as_itself(void **state)
{
    (void)state;
    struct wire *w = NULL;
    free(ctl_says(0, "reader front has an account", SAID("reader", "add", "front", "--out", out_dir)));
    must("cd out && test \"$(stat -c %%a front.pem front.key ca.pem | tr '\\n' ' ')\" = '600 600 600 ' && "
         "openssl verify -CAfile ca.pem -purpose sslclient front.pem && cmp ca.pem ../etc/broker/ca.pem");
    /* No reload is needed: the certificate speaks for itself. */
    must("test ! -s asked");
    assert_int_equal(enter_with_certificate("front", &w), 0);
    expect_only_itself(w, "front");
    wire_close(w);
    /* The key is nowhere but there. */
    must("! grep -rqF \"$(sed -n 2p out/front.key)\" etc state");
}

static void a_reader_enters_with_its_password_and_as_itself(void **state)
{
    (void)state;
    char password[64];
    struct wire *w = NULL;
    add_with_password("reader", "front", password);
    must("grep -qx -e '--quiet reload mosquitto.service' asked && ! grep -q restart asked");
    wait_in("front", password);
    assert_int_equal(enter_with_password("front", password, &w), 0);
    expect_only_itself(w, "front");
    wire_close(w);
    assert_int_not_equal(enter_with_password("front", "another", NULL), 0);
    assert_int_not_equal(enter_with_password("back", password, NULL), 0);
    assert_int_not_equal(enter_with_password("@gatehoused", password, NULL), 0);
    /* 25 characters of an alphabet without look-alikes, and kept nowhere. */
    must("echo '%s' | grep -qxE '[2-9A-HJ-NP-Z]{5}(-[2-9A-HJ-NP-Z]{5}){4}'", password);
    must("! grep -rqF '%s' etc state out", password);
    must("test -z \"$(ls out)\"");
}

static void a_panel_enters_and_may_command(void **state)
{
    (void)state;
    struct wire *w = NULL, *gateway = enter_as_gateway();
    ctl(1, "panel hall is not in", "panel", "add", "hall", "--out", out_dir);
    ctl(0, "panel desk has an account", "panel", "add", "desk", "--out", out_dir);
    must("grep -qx -e '--quiet reload mosquitto.service' asked && grep -qx 'user @panel/desk' etc/broker/acl");
    restart_broker();
    wire_close(gateway);
    gateway = enter_as_gateway();
    assert_int_equal(enter_with_certificate("desk", &w), 0);
    assert_true(wire_subscribe(gateway, "gatehouse/v1/panels/+/command"));
    wire_publish(w, "gatehouse/v1/panels/hall/command", "not mine", false);
    wire_publish(w, "gatehouse/v1/panels/desk/command", "lock", false);
    assert_true(wire_ping(w) && wire_until(gateway, "lock"));
    assert_int_equal(wire_count(gateway), 1);
    wire_close(w);
    wire_close(gateway);
    ctl(0, "panel desk has no account any more", "panel", "revoke", "desk");
    must("! grep -q '^user @panel' etc/broker/acl");
}

static void nobody_else_enters(void **state)
{
    (void)state;
    char password[64];
    add_with_password("reader", "front", password);
    wait_in("front", password);
    assert_int_not_equal(enter_with_password(NULL, NULL, NULL), 0);
    assert_int_not_equal(enter_with_password("", "", NULL), 0);
    assert_int_not_equal(enter_with_password("front", "", NULL), 0);
    /* Certificates of another box, and the broker's own. */
    must("mv etc/broker kept && mv etc/broker.password kept.password");
    ctl(0, "made", "broker", "setup", "--acl", shipped_acl);
    ctl(0, "reader back", "reader", "add", "back", "--out", out_dir);
    must("rm -r etc/broker && mv kept etc/broker && mv kept.password etc/broker.password && "
         "cp etc/broker/server.pem out/server.pem && cp etc/broker/server.key out/server.key");
    assert_int_not_equal(enter_with_certificate("back", NULL), 0);
    assert_int_not_equal(enter_with_certificate("server", NULL), 0);
}

static void ids_that_cannot_have_an_account_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "@gatehoused", "@panel/desk", "a b", "a/b", "fr\xc3\xb6nt", "a#", "a+", "a\nb",
                                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"};
    DIGESTS("before");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ctl(1, "that is no id of a reader", "reader", "add", bad[i], "--out", out_dir);
        ctl(1, "that is no id of a panel", "panel", "add", bad[i], "--out", out_dir);
        ctl(1, "that is no id of a reader", "reader", "revoke", bad[i]);
    }
    ctl(1, "an id with a colon cannot have a password", "reader", "add", "a:b", "--password");
    ctl(1, "an id with a colon cannot have a password", "panel", "add", "a:b", "--password");
    ctl(1, "give it another id", "reader", "add", "ca", "--out", out_dir);
    ctl(1, "No such file", "reader", "add", "front", "--out", "/nonexistent");
    ctl(1, "has no account", "reader", "revoke", "front");
    DIGESTS("after");
    must("cmp before after && test -z \"$(ls out)\"");
    ctl(0, "reader a:b", "reader", "add", "a:b", "--out", out_dir);
    must("openssl x509 -in out/a:b.pem -noout -subject | grep -q 'CN = a:b$'");
}

static void a_live_account_is_not_handed_out_again(void **state)
{
    (void)state;
    char password[64];
    ctl(0, "reader front", "reader", "add", "front", "--out", out_dir);
    add_with_password("reader", "back", password);
    DIGESTS("before");
    ctl(1, "reader front has an account since 20", "reader", "add", "front", "--out", out_dir);
    ctl(1, "; revoke it first", "reader", "add", "front", "--password");
    ctl(1, "; revoke it first", "reader", "add", "back", "--password");
    DIGESTS("after");
    must("cmp before after");
    /* Nor is a file overwritten. */
    ctl(0, "", "reader", "revoke", "front");
    DIGESTS("before");
    ctl(1, "/out/front.pem: it is there already", "reader", "add", "front", "--out", out_dir);
    must("rm out/front.pem out/front.key && echo other > out/ca.pem");
    ctl(1, "/out/ca.pem: it is there and is not this box's", "reader", "add", "front", "--out", out_dir);
    DIGESTS("after");
    must("cmp before after && rm out/ca.pem");
    ctl(0, "reader front", "reader", "add", "front", "--out", out_dir);
}

static void what_others_wrote_is_listed_and_kept_and_can_be_revoked(void **state)
{
    (void)state;
    must("echo 'hand:$7$x' >> etc/broker/accounts");
    ctl(0, "not by gatehousectl", "reader", "list");
    ctl(1, "reader hand has an account that gatehousectl did not make; revoke it first", "reader", "add", "hand",
        "--password");
    ctl(0, "no account any more", "reader", "revoke", "hand");
    must("! grep -q '^hand:' etc/broker/accounts && grep -q '^@gatehoused:' etc/broker/accounts");
}

static void the_list_says_how_each_account_is(void **state)
{
    (void)state;
    char password[64];
    ctl(0, "", "reader", "add", "front", "--out", out_dir);
    ctl(0, "", "reader", "add", "side", "--out", out_dir);
    ctl(0, "", "reader", "revoke", "side");
    add_with_password("reader", "back", password);
    must("sed -i /^back:/d etc/broker/accounts");
    ctl(0, "lost", "reader", "list");
    char *said = ctl_says(0, "\"ok\":true", SAID("--json", "reader", "list"));
    struct json *v = json_parse_object(slice_make(said, strcspn(said, "\n")), NULL, 0);
    assert_non_null(v);
    static const char *const ids[] = {"front", "side", "back"}, *const states[] = {"live", "revoked", "lost"};
    assert_int_equal(json_array_len(v, "accounts"), 3);
    for (size_t i = 0; i < 3; i++) {
        struct slice id, how;
        assert_true(json_text(json_array_at(v, "accounts", i), "id", &id));
        assert_true(json_text(json_array_at(v, "accounts", i), "state", &how));
        assert_true(slice_is(id, ids[i]) && slice_is(how, states[i]));
    }
    assert_true(json_has(json_array_at(v, "accounts", 1), "revoked_at"));
    json_free(v);
    free(said);
    ctl(0, "{\"ok\":true,\"accounts\":[]}", "--json", "panel", "list");
}

static void eight_at_once_lose_no_account(void **state)
{
    (void)state;
    struct process p[8];
    char program[FOLDER_PATH_MAX], id[16], log[FOLDER_PATH_MAX];
    assert_true(place_program("gatehousectl", program) && folder_file(&folder, "eight.log", log));
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "r%d", i);
        const char *argv[] = {program, "--config", config, "reader", "add", id, "--password", NULL};
        assert_true(process_start(&p[i], &(struct process_options){.argv = argv, .log_path = log}));
    }
    for (int i = 0; i < 8; i++) {
        int status = -1;
        assert_true(process_wait(&p[i], WAIT_MS, &status));
        assert_int_equal(status, 0);
    }
    must("test $(grep -c '^r[0-7]:' etc/broker/accounts) = 8 && test $(grep -c ' live$' etc/broker/issued) = 8");
}

/* --- what is handed out, as a code ------------------------------------------------------------------ */

/* The half blocks of a drawing as a picture of 4 by 4 dots a module. */
static void draw(const char *said, const char *name)
{
    static char dots[400][400];
    int rows = 0, columns = 0;
    for (const char *at = said; (at = strstr(at, "\033[0;38;5;16;48;5;231m")) != NULL; rows += 2) {
        int x = 0;
        at = strchr(at, 'm') + 1;
        for (; *at != '\033'; x++) {
            bool upper = strncmp(at, "\u2588", 3) == 0 || strncmp(at, "\u2580", 3) == 0;
            bool lower = strncmp(at, "\u2588", 3) == 0 || strncmp(at, "\u2584", 3) == 0;
            assert_true(x < 400 && rows + 1 < 400 && (*at == ' ' || upper || lower));
            dots[rows][x] = upper;
            dots[rows + 1][x] = lower;
            at += *at == ' ' ? 1 : 3;
        }
        columns = x;
    }
    assert_true(rows > 20 && columns > 20);
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, name, path));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "P1\n%d %d\n", columns * 4, rows * 4);
    for (int y = 0; y < rows * 4; y++)
        for (int x = 0; x < columns * 4; x++)
            fprintf(f, "%d%s", dots[y / 4][x / 4], x % 32 == 31 ? "\n" : " ");
    assert_int_equal(fclose(f), 0);
}

static void the_code_holds_what_the_reader_needs(void **state)
{
    (void)state;
    char *said = ctl_says(0, "The code holds this line", SAID("reader", "add", "front", "--password", "--qr"));
    draw(said, "code.pbm");
    const char *line = strstr(said, "{\"v\":1,\"hosts\":[");
    assert_non_null(line);
    char *text = strndup(line, strcspn(line, "\n"));
    assert_non_null(text);
    assert_true(folder_write(&folder, "line", text, 0600));
    must("zbarimg --nodbus -q --raw code.pbm | tr -d '\\n' | cmp - line");
    must("grep -q '\"127.0.0.1\"' line && grep -q '\"port\":8884,\"account\":\"front\",\"password\":' line && "
         "grep -q \"\\\"ca\\\":\\\"$(openssl x509 -in etc/broker/ca.pem -noout -fingerprint -sha256 | sed 's/.*=//' | "
         "tr -d : | tr A-F a-f)\\\"\" line");
    free(text);
    free(said);
    /* A certificate as well: what is in the code is what is in the files. */
    said = ctl_says(0, "reader back", SAID("reader", "add", "back", "--qr", "--out", out_dir));
    draw(said, "code.pbm");
    free(said);
    must("zbarimg --nodbus -q --raw code.pbm > line && grep -q '\"port\":8883,\"account\":\"back\"' line && "
         "sed 's/.*\"cert\":\"\\([^\"]*\\).*/\\1/' line | base64 -d > cert.der && "
         "openssl x509 -in out/back.pem -outform DER | cmp - cert.der && "
         "sed 's/.*\"key\":\"\\([^\"]*\\).*/\\1/' line | base64 -d > key.der && "
         "openssl pkcs8 -topk8 -nocrypt -in out/back.key -outform DER | cmp - key.der");
}

/* Answers of programs end up in logs. */
static void a_key_is_in_its_file_alone_unless_its_code_is_asked_for(void **state)
{
    (void)state;
    char *said = ctl_says(0, "\"ok\":true", SAID("--json", "reader", "add", "front", "--out", out_dir));
    assert_null(strstr(said, "provisioning"));
    free(said);
    said = ctl_says(0, "\"ok\":true", SAID("--json", "reader", "add", "back", "--qr", "--out", out_dir));
    assert_non_null(strstr(said, "\"provisioning\":\"{\\\"v\\\":1,"));
    free(said);
}

/* What does not take the words takes no password: nobody has it then. */
static void a_password_that_nobody_saw_is_not_in_use(void **state)
{
    (void)state;
    char program[FOLDER_PATH_MAX];
    assert_true(place_program("gatehousectl", program));
    must("! '%s' --config '%s' reader add front --password > /dev/full", program, config);
    must("grep -q 'reader front password .* unfinished$' etc/broker/issued");
    ctl(0, "unfinished", "reader", "list");
    char password[64];
    add_with_password("reader", "front", password);
    must("test $(grep -c '^front:' etc/broker/accounts) = 1 && grep -q 'reader front .* live$' etc/broker/issued");
}

/* --- taking back ------------------------------------------------------------------------------------ */

static void a_revoked_certificate_enters_no_more(void **state)
{
    (void)state;
    ctl(0, "", "reader", "add", "front", "--out", out_dir);
    ctl(0, "", "reader", "add", "back", "--out", out_dir);
    assert_int_equal(enter_with_certificate("front", NULL), 0);
    ctl(0, "The broker was restarted", "reader", "revoke", "front");
    must("grep -qx -e '--quiet restart mosquitto.service' asked");
    restart_broker(); /* what the stand-in for systemd only noted */
    assert_int_not_equal(enter_with_certificate("front", NULL), 0);
    assert_int_equal(enter_with_certificate("back", NULL), 0);
    ctl(1, "reader front has no account", "reader", "revoke", "front");
    /* The next one gets in, the old one does not. */
    must("mkdir out/new");
    ctl(0, "", "reader", "revoke", "back");
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "out/new", path));
    ctl(0, "", "reader", "add", "front", "--out", path);
    restart_broker();
    assert_int_not_equal(enter_with_certificate("front", NULL), 0);
    assert_int_not_equal(enter_with_certificate("back", NULL), 0);
    must("cp out/new/front.pem out/front.pem && cp out/new/front.key out/front.key");
    assert_int_equal(enter_with_certificate("front", NULL), 0);
}

static void a_revoked_password_enters_no_more(void **state)
{
    (void)state;
    char password[64];
    add_with_password("reader", "front", password);
    wait_in("front", password);
    ctl(0, "no account any more", "reader", "revoke", "front");
    must("! grep -q '^front:' etc/broker/accounts");
    restart_broker();
    assert_int_not_equal(enter_with_password("front", password, NULL), 0);
    add_with_password("reader", "front", password);
    wait_in("front", password);
}

static void a_broker_that_was_not_told_is_said(void **state)
{
    (void)state;
    char path[2000];
    ctl(0, "", "reader", "add", "front", "--out", out_dir);
    must("touch restart-fails");
    ctl(1, "NOT restarted", "reader", "revoke", "front");
    must("rm restart-fails && grep -q 'reader front .* 20[0-9-]*T[0-9:]*Z$' etc/broker/issued");
    ctl(0, "", "reader", "add", "side", "--out", out_dir);
    must("echo 3 > active");
    ctl(0, "does not run now", "reader", "revoke", "side");
    /* No systemd at all. */
    ctl(0, "", "reader", "add", "back", "--out", out_dir);
    must("mv bin/systemctl bin/away");
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    ctl(1, "systemctl restart mosquitto", "reader", "revoke", "back");
    ctl(0, "systemctl reload mosquitto", "reader", "add", "back", "--password");
    setenv("PATH", path, 1);
    must("mv bin/away bin/systemctl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_reader_enters_with_its_certificate_and_as_itself, with_broker),
        cmocka_unit_test_setup(a_reader_enters_with_its_password_and_as_itself, with_broker),
        cmocka_unit_test_setup(a_panel_enters_and_may_command, with_broker),
        cmocka_unit_test_setup(nobody_else_enters, with_broker),
        cmocka_unit_test_setup(a_revoked_certificate_enters_no_more, with_broker),
        cmocka_unit_test_setup(a_revoked_password_enters_no_more, with_broker),
        cmocka_unit_test_setup(a_broker_that_was_not_told_is_said, with_broker),
        cmocka_unit_test_setup(ids_that_cannot_have_an_account_are_refused, box_set_up),
        cmocka_unit_test_setup(a_live_account_is_not_handed_out_again, box_set_up),
        cmocka_unit_test_setup(what_others_wrote_is_listed_and_kept_and_can_be_revoked, box_set_up),
        cmocka_unit_test_setup(the_list_says_how_each_account_is, box_set_up),
        cmocka_unit_test_setup(eight_at_once_lose_no_account, box_set_up),
        cmocka_unit_test_setup(the_code_holds_what_the_reader_needs, box_set_up),
        cmocka_unit_test_setup(a_key_is_in_its_file_alone_unless_its_code_is_asked_for, box_set_up),
        cmocka_unit_test_setup(a_password_that_nobody_saw_is_not_in_use, box_set_up),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
