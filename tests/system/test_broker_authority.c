/* Nobody can do more at the broker than the contract gives him, and everybody can do that much:
 * every principal, topic and way on a real mosquitto with the configuration of an installed box,
 * and configurations that are wrong, which the same matrix must find out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/authority.h"
#include "lib/certs.h"
#include "lib/wait.h"

#define PW SECURE_PASSWORD
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const char *const accounts[] = {"@gatehoused", "front", "side",    "rear",
                                       "@panel/desk", "ghost-2", JUDGE_EARS, JUDGE_MOUTH, NULL};
static const char *const panels[] = {"desk", "hall", NULL};

static const struct principal admitted[] = {
    {"gateway", ROLE_GATEWAY, "", "@gatehoused", PORT_GATEWAY, NULL, PW, false, 0},
    {"front, by certificate", ROLE_READER, "front", "front", PORT_CERTIFICATE, "front", NULL, false, 0},
    {"side, by password", ROLE_READER, "side", "side", PORT_PASSWORD, NULL, PW, false, 0},
    {"rear, on the box itself", ROLE_READER, "rear", "rear", PORT_GATEWAY, NULL, PW, false, 0},
    {"desk, by password", ROLE_PANEL, "desk", "@panel/desk", PORT_PASSWORD, NULL, PW, false, 0},
    {"hall, by certificate", ROLE_PANEL, "hall", "@panel/hall", PORT_CERTIFICATE, "hall", NULL, false, 0},
    /* Names that we never give: they are worth nothing. */
    {"named +", ROLE_NOBODY, "", "+", PORT_CERTIFICATE, "plus", NULL, false, 0},
    {"named #", ROLE_NOBODY, "", "#", PORT_CERTIFICATE, "hash", NULL, false, 0},
    {"named front/read/#", ROLE_NOBODY, "", "front/read/#", PORT_CERTIFICATE, "slash", NULL, false, 0},
    {0},
};

static const struct principal refused[] = {
    {"no account, on the box", ROLE_NOBODY, "", "", PORT_GATEWAY, NULL, NULL, false, 0},
    {"no account, by TLS", ROLE_NOBODY, "", "", PORT_PASSWORD, NULL, NULL, false, 0},
    {"an account that is not there", ROLE_NOBODY, "", "ghost", PORT_PASSWORD, NULL, PW, false, 0},
    {"a wrong password", ROLE_NOBODY, "", "front", PORT_PASSWORD, NULL, "wrong", false, 0},
    {"a wrong password, on the box", ROLE_NOBODY, "", "@gatehoused", PORT_GATEWAY, NULL, "wrong", false, 0},
    {"an empty password", ROLE_NOBODY, "", "front", PORT_PASSWORD, NULL, "", false, 0},
    {"no password", ROLE_NOBODY, "", "@gatehoused", PORT_GATEWAY, NULL, NULL, false, 0},
    {"a password where a certificate is asked for", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, NULL, PW, false, 0},
    {"nothing where a certificate is asked for", ROLE_NOBODY, "", "", PORT_CERTIFICATE, NULL, NULL, false, 0},
    {"a certificate where a password is asked for", ROLE_NOBODY, "", "front", PORT_PASSWORD, "front", NULL, false, 0},
    {"a certificate that is revoked", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "wasgood", NULL, false, 0},
    {"a certificate that has ended", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "ended", NULL, false, 0},
    {"a certificate of the future", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "future", NULL, false, 0},
    {"another authority's certificate", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "stranger", NULL, false, 0},
    {"another authority's gateway", ROLE_NOBODY, "", "@gatehoused", PORT_CERTIFICATE, "usurper", NULL, false, 0},
    {"an authority with our authority's name", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "twin", NULL, false, 0},
    {"a certificate signed by itself", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "selfmade", NULL, false, 0},
    {"a certificate signed by a reader's", ROLE_NOBODY, "", "@gatehoused", PORT_CERTIFICATE, "child", NULL, false, 0},
    {"the broker's own certificate", ROLE_NOBODY, "", "", PORT_CERTIFICATE, "server", NULL, false, 0},
    {"a reader's name for servers only", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "forservers", NULL, false, 0},
    {"a good certificate by TLS 1.1", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, "front", NULL, false, TLS1_1_VERSION},
    {"a good password by TLS 1.1", ROLE_NOBODY, "", "side", PORT_PASSWORD, NULL, PW, false, TLS1_1_VERSION},
    {"a good password without TLS", ROLE_NOBODY, "", "side", PORT_PASSWORD, NULL, PW, true, 0},
    {"no TLS where a certificate is asked for", ROLE_NOBODY, "", "front", PORT_CERTIFICATE, NULL, PW, true, 0},
    {0},
};

struct fixture {
    struct folder folder;
    struct secure_broker broker;
};

static bool client(const struct folder *f, const char *ca, const char *name, const char *cn,
                   enum cert_kind kind)
{
    return certs_make_client(f, ca, name, cn, kind);
}

/* NAME.pem becomes the chain from it to its parent. */
static bool chain(const struct folder *f, const char *name, const char *parent)
{
    return process_shell(WAIT_MS, "cd '%s' && cat %s.pem >> %s.pem", f->path, parent, name);
}

static bool certificates(const struct folder *folder)
{
    struct folder f;
    return folder_file(folder, "broker", f.path) && client(&f, "ca", "front", "front", CERT_GOOD) &&
           client(&f, "ca", "hall", "@panel/hall", CERT_GOOD) &&
           client(&f, "ca", "plus", "+", CERT_GOOD) && client(&f, "ca", "hash", "#", CERT_GOOD) &&
           client(&f, "ca", "slash", "front/read/#", CERT_GOOD) &&
           client(&f, "ca", "ended", "front", CERT_EXPIRED) &&
           client(&f, "ca", "future", "front", CERT_NOT_YET) &&
           client(&f, "ca", "forservers", "front", CERT_FOR_SERVERS) &&
           certs_make_ca(&f, "ca2") && client(&f, "ca2", "stranger", "front", CERT_GOOD) &&
           client(&f, "ca2", "usurper", "@gatehoused", CERT_GOOD) &&
           client(&f, "front", "child", "@gatehoused", CERT_GOOD) && chain(&f, "child", "front") &&
           process_shell(WAIT_MS,
                         "cd '%s' && mkdir twin && cp ca.cnf twin/ && cd twin && "
                         "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         "-days 30 -subj '/CN=Gatehouse test CA ca' -keyout ca.key -out ca.pem && "
                         "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         "-subj /CN=front -keyout ../twin.key -out twin.csr && "
                         "openssl x509 -req -days 30 -CA ca.pem -CAkey ca.key -CAcreateserial "
                         "-in twin.csr -out ../twin.pem && cat ca.pem >> ../twin.pem && "
                         "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         "-days 30 -subj /CN=front -keyout ../selfmade.key -out ../selfmade.pem",
                         f.path);
}

/* One folder with all keys, for all tests of the program. */
static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || !folder_make(&f->folder) || !secure_broker_files(&f->folder, accounts) ||
        !certificates(&f->folder))
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    folder_remove(&f->folder);
    free(f);
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;
    secure_broker_end(&f->broker);
    return 0;
}

static struct authority_tally play(struct fixture *f, const struct secure_edit *edits, bool brief)
{
    struct authority_tally tally;
    const struct authority_options o = {admitted, refused, brief};
    assert_true(secure_broker_configure(&f->broker, &f->folder, panels, edits));
    assert_true(secure_broker_start(&f->broker));
    assert_true(authority_run(&f->broker, &o, &tally));
    secure_broker_end(&f->broker);
    return tally;
}

static void everybody_can_do_his_part_and_nothing_else(void **state)
{
    int64_t began = wait_now_ns();
    struct authority_tally t = play(*state, NULL, false);
    printf("          %zu cells in %.1f s: %zu must be delivered, %zu must not; unauthorised %zu, "
           "missing %zu, entered %zu, sessions taken %zu\n",
           t.cells, (double)(wait_now_ns() - began) / 1e9, t.must, t.cells - t.must, t.leaks, t.missing,
           t.entered, t.taken);
    if (authority_wrong(&t) > 0)
        fail_msg("first: %s", t.first);
    assert_true(t.cells > 20000 && t.must > 500);
}

/* --- what is wrong must be found out -------------------------------------------------------- */

/* Whether the matrix, shortened, says that a box with these edits is not as it must be. */
static bool is_found_out(struct fixture *f, const struct secure_edit *edits, const char *name)
{
    struct authority_tally t = play(f, edits, true);
    print_message("          %.*s: %s\n", (int)strcspn(name, "\n"), name, authority_wrong(&t) ? t.first : "NOT FOUND OUT");
    return authority_wrong(&t) > 0;
}

static void an_acl_that_lacks_any_of_its_lines_is_found_out(void **state)
{
    char path[FOLDER_PATH_MAX], line[200];
    char *acl = place_repo_file("broker-config/acl", path) ? folder_read(path, NULL) : NULL;
    size_t tried = 0, unnoticed = 0;
    assert_non_null(acl);
    for (const char *at = acl; *at; at += strcspn(at, "\n") + 1) {
        /* The rights themselves, and those of the panel in the comment. */
        if (at[0] == '\n' || (at[0] == '#' && strncmp(at, "#   topic", 9) != 0))
            continue;
        snprintf(line, sizeof line, "%.*s\n", (int)strcspn(at, "\n"), at);
        const struct secure_edit edits[] = {{line, "", true}, {0}};
        unnoticed += !is_found_out(*state, edits, at[0] == '#' ? at + 4 : at);
        tried++;
    }
    free(acl);
    assert_true(tried >= 20);
    assert_int_equal(unnoticed, 0);
}

#define NO_ID {"use_username_as_clientid true\n", "", false}
#define ROW "pattern read gatehouse/v1/readers/%u/feedback\n"

static void a_configuration_that_is_wrong_is_found_out(void **state)
{
    static const struct {
        const char *name;
        struct secure_edit edits[4];
    } wrong[] = {
        {"client ids can be made up", {NO_ID}},
        {"patterns by client id", {NO_ID, {"readers/%u/", "readers/%c/", true}}},
        /* With use_username_as_clientid alone nobody comes in without a name. */
        {"whoever has no account comes in", {NO_ID, {"allow_anonymous false", "allow_anonymous true", false}}},
        {"no acl at all", {{"acl_file /etc/gatehouse/broker/acl\n", "", false}}},
        {"no list of revoked certificates", {{"crlfile /etc/gatehouse/broker/revoked.pem\n", "", false}}},
        {"no certificate is asked for", {{"require_certificate true", "require_certificate false", false}}},
        {"a certificate's name does not count", {{"use_identity_as_username true\n", "", false}}},
        {"any authority is believed", {{"broker/ca.pem", "broker/both.pem", false}}},
        {"readers write feedback", {{ROW, ROW "pattern write gatehouse/v1/readers/%u/feedback\n", true}}},
        {"readers read all feedback", {{ROW, ROW "pattern read gatehouse/v1/readers/+/feedback\n", true}}},
        {"everybody reads events", {{ROW, ROW "pattern read gatehouse/v1/events\n", true}}},
        {"panels read events", {{"#   topic read gatehouse/v1/doors/+/state\n", "#   topic read gatehouse/v1/doors/+/state\n#   topic read gatehouse/v1/events\n", true}}},
        {"a panel of all panels", {{"#   topic write gatehouse/v1/panels/desk/command\n", "#   topic write gatehouse/v1/panels/+/command\n", true}}},
        {"the gateway reads everything", {{"user @gatehoused\n", "user @gatehoused\ntopic read #\n", true}}},
    };
    struct fixture *f = *state;
    size_t unnoticed = 0;
    assert_true(process_shell(WAIT_MS, "cd '%s/broker' && cat ca.pem ca2.pem > both.pem && "
                                       "openssl ca -config ca.cnf -cert ca2.pem -keyfile ca2.key "
                                       "-gencrl -crldays 30 >> revoked.pem", f->folder.path));
    for (size_t i = 0; i < COUNT(wrong); i++)
        unnoticed += !is_found_out(f, wrong[i].edits, wrong[i].name);
    assert_int_equal(unnoticed, 0);
}

#define T(test) cmocka_unit_test_teardown(test, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everybody_can_do_his_part_and_nothing_else),
        T(an_acl_that_lacks_any_of_its_lines_is_found_out),
        T(a_configuration_that_is_wrong_is_found_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
