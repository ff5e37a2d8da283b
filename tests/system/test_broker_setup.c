/* gatehousectl broker setup: what it makes, what it mends, what it leaves alone and names. */
#include "accounts_fixture.h"

#include <grp.h>
#include <pwd.h>

static void setup_makes_what_mosquitto_needs_and_changes_nothing_later(void **state)
{
    (void)state;
    ctl(0, "issued: made", "broker", "setup", "--acl", shipped_acl);
    must("test \"$(ls etc/broker | tr '\\n' ' ')\" = 'accounts acl ca.key ca.pem issued revoked.pem server.key "
         "server.pem '");
    must("cd etc/broker && test \"$(stat -c %%a . ca.key ca.pem server.key server.pem accounts acl revoked.pem "
         "issued ../broker.password | tr '\\n' ' ')\" = '750 600 644 640 644 600 600 644 600 640 '");
    if (geteuid() == 0 && getgrnam("mosquitto"))
        must("cd etc/broker && test \"$(stat -c %%U:%%G . ca.key server.key accounts acl issued | tr '\\n' ' ')\" = "
             "'root:mosquitto root:root root:mosquitto mosquitto:mosquitto mosquitto:mosquitto root:root '");
    DIGESTS("before");
    ctl(0, "everything is there", "broker", "setup", "--acl", shipped_acl);
    DIGESTS("after");
    must("cmp before after && ! ls etc/broker | grep -q next");
}

static void what_is_given_wrongly_makes_nothing(void **state)
{
    (void)state;
    static const char *const addresses[] = {"gw-1", "192.0.2.300", "192.0.2", "fe80::1%eth0", "", "::g", "1.2.3.4:5"};
    static const char *const names[] = {"", "a b", "-a", "a-", "a..b", ".a", "a.", "*.a", "a/b", "a_b",
                                        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl.local"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        ctl(1, "that is no address", "broker", "setup", "--acl", shipped_acl, "--address", addresses[i]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ctl(1, "that is no name of a host", "broker", "setup", "--acl", shipped_acl, "--name", names[i]);
    ctl(1, "/nonexistent: No such file", "broker", "setup", "--acl", "/nonexistent");
    ctl(2, "--renew is server or acl", "broker", "setup", "--renew", "ca");
    ctl(2, "usage", "broker", "setup", "now");
    ctl(2, "usage", "reader", "add");
    ctl(2, "usage", "reader", "remove", "front");
    must("test -z \"$(ls etc | grep -v gatehouse.conf)\"");
}

/* A folder of the system, named by mistake, would get another owner and mode. */
static void a_folder_of_others_is_not_taken(void **state)
{
    (void)state;
    must("mkdir etc/broker && chmod 755 etc/broker && echo x > etc/broker/passwd");
    ctl(1, "passwd lies there, too", "broker", "setup", "--acl", shipped_acl);
    ctl(1, "nothing of the broker's in it", "reader", "list");
    ctl(1, "nothing of the broker's in it", "reader", "add", "front", "--password");
    must("test \"$(ls -A etc/broker)\" = passwd && test $(stat -c %%a etc/broker) = 755 && test ! -e etc/broker.password");
}

static void before_setup_there_is_no_account(void **state)
{
    (void)state;
    ctl(1, "gatehousectl broker setup makes it", "reader", "add", "front");
    ctl(1, "gatehousectl broker setup makes it", "reader", "revoke", "front");
    ctl(1, "gatehousectl broker setup makes it", "reader", "list");
    must("test -z \"$(ls etc out | grep -e front -e broker)\"");
}

static void what_is_missing_is_made_again_and_what_is_wrong_is_named(void **state)
{
    (void)state;
    char password[64];
    add_with_password("panel", "desk", password);
    must("cp -a etc/broker good && chmod 666 etc/broker/accounts && chmod 700 etc/broker && rm etc/broker/acl "
         "etc/broker/revoked.pem etc/broker/server.pem");
    ctl(0, "acl: made", "broker", "setup", "--acl", shipped_acl);
    must("cmp good/acl etc/broker/acl && cmp good/server.key etc/broker/server.key");
    must("test $(stat -c %%a etc/broker) = 750 && test $(stat -c %%a etc/broker/accounts) = 600");
    /* Lines of others stay; the gateway's own account follows its password. */
    must("echo 'monitor:$7$x' >> etc/broker/accounts && sed -i /@gatehoused/d etc/broker/accounts");
    ctl(0, "the gateway's own account put right", "broker", "setup", "--acl", shipped_acl);
    must("grep -q '^monitor:' etc/broker/accounts && grep -q '^@panel/desk:' etc/broker/accounts && "
         "grep -q '^@gatehoused:' etc/broker/accounts && rm etc/broker.password");
    ctl(0, "made: the gateway's own password", "broker", "setup", "--acl", shipped_acl);
    must("test $(grep -c '^@gatehoused:' etc/broker/accounts) = 1");
    /* Only who has the key may vouch: it is never made anew while somebody may hold a certificate. */
    must("mv etc/broker/ca.key away");
    ctl(1, "ca.key is missing: put it back from a backup", "broker", "setup", "--acl", shipped_acl);
    ctl(1, "ca.key", "reader", "add", "front", "--out", out_dir);
    must("test ! -e etc/broker/ca.key && mv away etc/broker/ca.key && mv etc/broker/ca.pem away");
    ctl(1, "ca.pem is missing", "broker", "setup", "--acl", shipped_acl);
    must("mv away etc/broker/ca.pem && cp etc/broker/server.key etc/broker/ca.key");
    ctl(1, "do not belong together", "broker", "setup", "--acl", shipped_acl);
    must("cp good/ca.key etc/broker/ca.key && cp good/ca.key etc/broker/server.key");
    ctl(1, "--renew server", "broker", "setup", "--acl", shipped_acl);
    must("cp good/server.key etc/broker/server.key && cp good/server.pem etc/broker/server.pem && "
         "echo x >> etc/broker/issued");
    ctl(1, "issued: line 4", "reader", "list");
    ctl(1, "issued: line 4", "broker", "setup", "--acl", shipped_acl);
    must("cp good/issued etc/broker/issued && echo x > etc/broker/revoked.pem");
    ctl(1, "it is no list of this CA", "broker", "setup", "--acl", shipped_acl);
    must("rm etc/broker/issued && cp good/revoked.pem etc/broker/revoked.pem");
    ctl(0, "which readers had certificates is not known", "broker", "setup", "--acl", shipped_acl);
}

static void a_new_address_is_named_and_renewed_on_demand(void **state)
{
    (void)state;
    must("cp etc/broker/server.pem before.pem");
    ctl(0, "does not name 192.0.2.77", "broker", "setup", "--acl", shipped_acl, "--address", "192.0.2.77");
    must("cmp before.pem etc/broker/server.pem");
    ctl(0, "made anew", "broker", "setup", "--acl", shipped_acl, "--renew", "server", "--address", "192.0.2.77");
    must("! cmp -s before.pem etc/broker/server.pem");
    /* Without hosts: those that it has. */
    ctl(0, "made anew", "broker", "setup", "--acl", shipped_acl, "--renew", "server");
    must("openssl verify -CAfile etc/broker/ca.pem -verify_ip 192.0.2.77 etc/broker/server.pem");
    must("! openssl verify -CAfile etc/broker/ca.pem -verify_ip 127.0.0.1 etc/broker/server.pem");
}

/* Newer versions of mosquitto want them so. */
static bool are_mosquittos(void)
{
    return is_true("test \"$(stat -c '%%U:%%G %%a' etc/broker/accounts etc/broker/acl | uniq)\" = "
                   "'mosquitto:mosquitto 600'");
}

static void accounts_and_rights_are_mosquittos_whoever_writes_them(void **state)
{
    (void)state;
    char password[64];
    if (geteuid() != 0 || !getpwnam("mosquitto") || !getgrnam("mosquitto"))
        skip();
    assert_true(are_mosquittos());
    add_with_password("reader", "front", password);
    assert_true(are_mosquittos());
    add_with_password("panel", "desk", password);
    assert_true(are_mosquittos());
    ctl(0, "", "reader", "revoke", "front");
    ctl(0, "", "panel", "revoke", "desk");
    assert_true(are_mosquittos());
    /* As an editor leaves them, and as an older version made them. */
    static const char *const wrongs[][2] = {
        {"chown root etc/broker/accounts", "accounts: its owner is another"},
        {"chown root:root etc/broker/acl", "acl: mosquitto cannot read it"},
        {"chown root etc/broker/acl && chmod 640 etc/broker/acl", "acl: its mode is 0640 and should be 0600"},
        {"chown mosquitto etc/broker/ca.key", "ca.key: its owner is another"},
        {"chown mosquitto etc/broker/server.key", "server.key: its owner is another"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        must("%s", wrongs[i][0]);
        ctl(1, wrongs[i][1], "config", "check", "--sim");
        ctl(0, "owner and mode put right", "broker", "setup", "--acl", shipped_acl);
        assert_true(are_mosquittos());
        must("test \"$(stat -c %%U etc/broker/ca.key etc/broker/server.key | uniq)\" = root");
    }
}

static void other_rights_are_named_and_taken_on_demand(void **state)
{
    (void)state;
    must("{ cat '%s'; echo '# newer'; } > acl.newer", shipped_acl);
    char newer[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "acl.newer", newer));
    must("sed -i '1i # mine' etc/broker/acl");
    ctl(0, "the rights in acl are not those of", "broker", "setup", "--acl", newer);
    must("head -n 1 etc/broker/acl | grep -qx '# mine' && ! grep -q newer etc/broker/acl");
    ctl(0, "acl: put right", "broker", "setup", "--acl", newer, "--renew", "acl");
    must("grep -q newer etc/broker/acl && ! grep -q mine etc/broker/acl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(setup_makes_what_mosquitto_needs_and_changes_nothing_later, box_bare),
        cmocka_unit_test_setup(what_is_given_wrongly_makes_nothing, box_bare),
        cmocka_unit_test_setup(a_folder_of_others_is_not_taken, box_bare),
        cmocka_unit_test_setup(before_setup_there_is_no_account, box_bare),
        cmocka_unit_test_setup(what_is_missing_is_made_again_and_what_is_wrong_is_named, box_set_up),
        cmocka_unit_test_setup(a_new_address_is_named_and_renewed_on_demand, box_set_up),
        cmocka_unit_test_setup(accounts_and_rights_are_mosquittos_whoever_writes_them, box_set_up),
        cmocka_unit_test_setup(other_rights_are_named_and_taken_on_demand, box_set_up),
    };
    return cmocka_run_group_tests(tests, box_begin, box_end);
}
