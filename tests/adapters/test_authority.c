/* The site's certificate authority, judged by the openssl program; passwords and QR codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/openssl/authority.h"
#include "adapters/openssl/broker_password.h"
#include "adapters/openssl/certificate.h"
#include "adapters/qrencode/qr.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"
#include "news_date.h"

#define A_DAY (NEWS_DATE_S + 3600000)
#define YEAR_S 31557600

static struct folder folder;
static struct authority_pair ca, other_ca;
static struct authority *authority, *other;

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

static void write_text(const char *name, const char *text)
{
    assert_true(folder_write(&folder, name, text, 0600));
}

static int begin(void **state)
{
    (void)state;
    if (!folder_make(&folder) || authority_make(&ca, "hq", "gw-1", A_DAY) != GH_OK ||
        authority_make(&other_ca, "hq", "gw-1", A_DAY) != GH_OK ||
        authority_open(&authority, slice_of(ca.certificate), slice_of(ca.key)) != GH_OK ||
        authority_open(&other, slice_of(other_ca.certificate), slice_of(other_ca.key)) != GH_OK)
        return -1;
    write_text("ca.pem", ca.certificate);
    write_text("other.pem", other_ca.certificate);
    return 0;
}

static int end(void **state)
{
    (void)state;
    authority_close(authority);
    authority_close(other);
    authority_pair_free(&ca);
    authority_pair_free(&other_ca);
    folder_remove(&folder);
    return 0;
}

/* A client's certificate: NAME.pem and NAME.key in the folder; its facts. */
static struct certificate_facts issue(struct authority *by, const char *name, int64_t now)
{
    struct authority_pair pair;
    struct certificate_facts facts;
    char file[80];
    assert_int_equal(authority_issue_client(by, name, now, &pair), GH_OK);
    assert_int_equal(certificate_read(&facts, slice_of(pair.certificate)), GH_OK);
    snprintf(file, sizeof file, "%s.pem", name);
    write_text(file, pair.certificate);
    snprintf(file, sizeof file, "%s.key", name);
    write_text(file, pair.key);
    authority_pair_free(&pair);
    return facts;
}

static bool says(bool good, const char *command)
{
    char text[600];
    snprintf(text, sizeof text, "cd '%s' && %s >/dev/null 2>&1", folder.path, command);
    const char *const argv[] = {"sh", "-c", text, NULL};
    return (process_run(argv, NULL, WAIT_MS, NULL, NULL) == 0) == good;
}
#define holds(command) assert_true(says(true, command))
#define fails(command) assert_true(says(false, command))

/* --- certificates ------------------------------------------------------------------------- */

static void a_client_is_vouched_for_and_is_nothing_else(void **state)
{
    (void)state;
    struct certificate_facts facts = issue(authority, "front", A_DAY);
    assert_string_equal(facts.name, "front");
    assert_false(facts.is_authority);
    holds("openssl verify -x509_strict -CAfile ca.pem -purpose sslclient front.pem");
    fails("openssl verify -CAfile ca.pem -purpose sslserver front.pem");
    fails("openssl verify -CAfile other.pem -purpose sslclient front.pem");
    /* It cannot vouch for anybody. */
    holds("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=@gatehoused "
          "-keyout fake.key -out fake.csr && openssl x509 -req -in fake.csr -CA front.pem -CAkey front.key "
          "-CAcreateserial -out fake.pem");
    fails("openssl verify -CAfile ca.pem -untrusted front.pem fake.pem");
    /* The fingerprint is what openssl says, the serial too. */
    shell("cd '%s' && openssl x509 -in front.pem -noout -fingerprint -sha256 | tr -d ':\\n' | tr A-F a-f | "
          "grep -q '=%s$' && openssl x509 -in front.pem -noout -serial | tr A-F a-f | grep -qi '=0*%s$'",
          folder.path, facts.fingerprint, facts.serial);
}

static void a_server_is_named_and_is_no_client(void **state)
{
    (void)state;
    struct authority_pair pair;
    const char *const names[] = {"gw-1", "gw-1.local"}, *const addresses[] = {"192.0.2.10", "2001:db8::10"};
    const struct authority_hosts hosts = {names, 2, addresses, 2};
    assert_int_equal(authority_issue_server(authority, &hosts, slice_of(""), A_DAY, &pair), GH_OK);
    write_text("server.pem", pair.certificate);
    assert_true(authority_has_issued(authority, slice_of(pair.certificate), slice_of(pair.key)));
    assert_false(authority_has_issued(other, slice_of(pair.certificate), slice_of(pair.key)));
    assert_false(authority_has_issued(authority, slice_of(pair.certificate), slice_of(ca.key)));
    holds("openssl verify -x509_strict -CAfile ca.pem -purpose sslserver -verify_hostname gw-1.local server.pem");
    holds("openssl verify -CAfile ca.pem -purpose sslserver -verify_ip 192.0.2.10 server.pem");
    holds("openssl verify -CAfile ca.pem -purpose sslserver -verify_ip 2001:db8::10 server.pem");
    fails("openssl verify -CAfile ca.pem -purpose sslserver -verify_ip 192.0.2.11 server.pem");
    fails("openssl verify -CAfile ca.pem -purpose sslserver -verify_hostname gw-2.local server.pem");
    fails("openssl verify -CAfile ca.pem -purpose sslclient server.pem");
    /* Another certificate for the same key. */
    struct authority_pair again;
    assert_int_equal(authority_issue_server(authority, &hosts, slice_of(pair.key), A_DAY, &again), GH_OK);
    assert_string_equal(again.key, pair.key);
    assert_string_not_equal(again.certificate, pair.certificate);
    authority_pair_free(&again);
    authority_pair_free(&pair);
}

static void all_are_valid_for_a_clock_that_was_never_set(void **state)
{
    (void)state;
    struct certificate_facts early = issue(authority, "early", 60), facts;
    assert_int_equal(early.not_before, 0);
    assert_int_equal(early.not_after, NEWS_DATE_S + (int64_t)10 * YEAR_S);
    facts = issue(authority, "normal", A_DAY);
    assert_int_equal(facts.not_after, A_DAY + (int64_t)10 * YEAR_S);
    assert_int_equal(certificate_read(&facts, slice_of(ca.certificate)), GH_OK);
    assert_int_equal(facts.not_before, 0);
    assert_int_equal(facts.not_after, A_DAY + (int64_t)30 * YEAR_S);
    assert_true(facts.is_authority);
    holds("openssl verify -attime 0 -CAfile ca.pem -purpose sslclient normal.pem");
    for (int years = 9; years <= 11; years += 2) {
        char command[120];
        snprintf(command, sizeof command, "openssl verify -attime %lld -CAfile ca.pem -purpose sslclient normal.pem",
                 (long long)(A_DAY + (int64_t)years * YEAR_S));
        assert_true(says(years < 10, command));
    }
}

static void nothing_outlives_the_authority(void **state)
{
    (void)state;
    struct certificate_facts facts, own;
    assert_int_equal(certificate_read(&own, slice_of(ca.certificate)), GH_OK);
    facts = issue(authority, "late", A_DAY + (int64_t)25 * YEAR_S);
    assert_int_equal(facts.not_after, own.not_after);
}

static void serials_are_random_and_long(void **state)
{
    (void)state;
    struct certificate_facts last = {0};
    size_t digits = 0;
    for (int i = 0; i < 8; i++) {
        struct certificate_facts facts = issue(authority, "s", A_DAY);
        assert_string_not_equal(facts.serial, last.serial);
        digits += strlen(facts.serial);
        last = facts;
    }
    assert_true(digits >= 8 * 30 && digits <= 8 * 32);
}

static void what_is_no_name_or_key_makes_nothing(void **state)
{
    (void)state;
    struct authority_pair pair = {NULL, NULL};
    struct authority *a = NULL;
    char long_name[66], *text = NULL;
    const char *const name[] = {"gw-1"}, *const bad_address[] = {"192.0.2.300"};
    const struct authority_hosts none = {name, 0, NULL, 0}, bad = {name, 1, bad_address, 1},
                                 good = {name, 1, NULL, 0};
    memset(long_name, 'x', 65);
    long_name[65] = '\0';
    assert_int_equal(authority_issue_client(authority, "", A_DAY, &pair), GH_INVALID);
    assert_int_equal(authority_issue_client(authority, long_name, A_DAY, &pair), GH_INVALID);
    assert_int_equal(authority_issue_server(authority, &none, slice_of(""), A_DAY, &pair), GH_INVALID);
    assert_int_equal(authority_issue_server(authority, &bad, slice_of(""), A_DAY, &pair), GH_INVALID);
    assert_int_equal(authority_issue_server(authority, &good, slice_of("no key"), A_DAY, &pair), GH_INVALID);
    assert_int_equal(authority_make(&pair, "", "gw-1", A_DAY), GH_INVALID);
    assert_int_equal(authority_make(&pair, "hq", long_name, A_DAY), GH_INVALID);
    assert_int_equal(authority_certify(&text, slice_of("no key"), "hq", "gw-1", A_DAY), GH_INVALID);
    assert_int_equal(authority_certify(&text, slice_of(ca.certificate), "hq", "gw-1", A_DAY), GH_INVALID);
    assert_int_equal(authority_open(&a, slice_of(ca.certificate), slice_of(other_ca.key)), GH_INVALID);
    assert_int_equal(authority_open(&a, slice_of(ca.key), slice_of(ca.key)), GH_INVALID);
    assert_int_equal(authority_open(&a, slice_of(""), slice_of("")), GH_INVALID);
    /* A client's certificate is no authority's, also with its own key. */
    assert_int_equal(authority_issue_client(authority, "front", A_DAY, &pair), GH_OK);
    assert_int_equal(authority_open(&a, slice_of(pair.certificate), slice_of(pair.key)), GH_INVALID);
    authority_pair_free(&pair);
    assert_null(a);
    assert_null(text);
}

/* The second look at a key that has a certificate: the same one signs. */
static void a_key_whose_certificate_is_missing_gets_one(void **state)
{
    (void)state;
    char *text = NULL;
    struct authority *again = NULL;
    assert_int_equal(authority_certify(&text, slice_of(ca.key), "hq", "gw-1", A_DAY), GH_OK);
    assert_int_equal(authority_open(&again, slice_of(text), slice_of(ca.key)), GH_OK);
    write_text("again.pem", text);
    (void)issue(authority, "front", A_DAY);
    holds("openssl verify -CAfile again.pem -purpose sslclient front.pem");
    authority_close(again);
    free(text);
}

static void add_host(void *context, const char *host, bool is_address)
{
    char *all = context;
    size_t len = strlen(all);
    snprintf(all + len, 200 - len, "%s%s ", host, is_address ? "!" : "");
}

static void the_hosts_of_a_certificate_are_read_back(void **state)
{
    (void)state;
    char all[200] = "";
    struct authority_pair pair;
    const char *const names[] = {"gw-1"}, *const addresses[] = {"192.0.2.10", "2001:db8::10"};
    const struct authority_hosts hosts = {names, 1, addresses, 2};
    assert_int_equal(authority_issue_server(authority, &hosts, slice_of(""), A_DAY, &pair), GH_OK);
    assert_int_equal(certificate_each_host(slice_of(pair.certificate),
                                           add_host, all), GH_OK);
    assert_string_equal(all, "gw-1 192.0.2.10! 2001:db8::10! ");
    authority_pair_free(&pair);
    assert_int_equal(certificate_each_host(slice_of("x"), add_host, all),
                     GH_INVALID);
    all[0] = '\0';
    assert_int_equal(certificate_each_host(slice_of(ca.certificate),
                                           add_host, all), GH_OK);
    assert_string_equal(all, "");
}

static void what_is_no_certificate_has_no_facts(void **state)
{
    (void)state;
    static const struct certificate_facts untouched = {.name = "untouched"};
    struct certificate_facts facts = untouched;
    char *cut = strdup(ca.certificate);
    assert_non_null(cut);
    cut[strlen(cut) / 2] = '\0';
    const char *const bad[] = {"", "x", ca.key, cut,
                               "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                               "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                               "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
                               "-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(certificate_read(&facts, slice_of(bad[i])), GH_INVALID);
    assert_memory_equal(&facts, &untouched, sizeof facts);
    free(cut);
}

/* --- revoked ones -------------------------------------------------------------------------- */

#define CHECK(name) "openssl verify -x509_strict -CAfile ca.pem -CRLfile list.pem -crl_check -purpose sslclient " name ".pem"
#define CHECK_AT(time, name)                                                                       \
    "openssl verify -attime " time " -CAfile ca.pem -CRLfile list.pem -crl_check -purpose sslclient " \
    name ".pem"

static void a_list_shuts_out_who_is_on_it_and_never_ends(void **state)
{
    (void)state;
    char *empty = NULL, *one = NULL, *two = NULL;
    size_t held = 0;
    struct certificate_facts front = issue(authority, "front", A_DAY), back = issue(authority, "back", A_DAY);
    (void)issue(authority, "third", A_DAY);
    const char *const first[] = {front.serial}, *const second[] = {back.serial, front.serial};
    assert_int_equal(authority_revoke(authority, slice_of(""), NULL, 0, A_DAY, &empty), GH_OK);
    write_text("list.pem", empty);
    holds(CHECK("front"));
    assert_int_equal(authority_revoke(authority, slice_of(empty), first, 1, A_DAY, &one), GH_OK);
    write_text("list.pem", one);
    fails(CHECK("front"));
    holds(CHECK("back"));
    /* Additive, and no serial twice. */
    assert_int_equal(authority_revoke(authority, slice_of(one), second, 1, A_DAY, &two), GH_OK);
    write_text("list.pem", two);
    fails(CHECK("front"));
    fails(CHECK("back"));
    holds(CHECK("third"));
    /* A clock that was never set, and one of far away: the list is neither too new nor too old. */
    holds(CHECK_AT("0", "third"));
    fails(CHECK_AT("0", "front"));
    holds(CHECK_AT("2080000000", "third"));
    assert_int_equal(authority_count_revoked(authority, slice_of(two), second, 2, &held), GH_OK);
    assert_int_equal(held, 2);
    assert_int_equal(authority_count_revoked(authority, slice_of(one), second, 2, &held), GH_OK);
    assert_int_equal(held, 1);
    char *again = NULL;
    assert_int_equal(authority_revoke(authority, slice_of(two), second, 2, A_DAY, &again), GH_OK);
    write_text("again.pem", again);
    shell("cd '%s' && test $(openssl crl -in again.pem -noout -text | grep -c 'Serial Number') = 2", folder.path);
    free(again);
    free(two);
    free(one);
    free(empty);
}

static void a_list_of_somebody_else_is_not_taken(void **state)
{
    (void)state;
    char *list = NULL, *out = NULL;
    size_t held = 7;
    const char *const good[] = {"0a"}, *const bad[] = {"0a", "xyz"}, *const empty[] = {""};
    assert_int_equal(authority_revoke(other, slice_of(""), good, 1, A_DAY, &list), GH_OK);
    assert_int_equal(authority_revoke(authority, slice_of(list), good, 1, A_DAY, &out), GH_INVALID);
    assert_int_equal(authority_revoke(authority, slice_of("x"), good, 1, A_DAY, &out), GH_INVALID);
    assert_int_equal(authority_revoke(authority, slice_of(ca.certificate), good, 1, A_DAY, &out), GH_INVALID);
    assert_int_equal(authority_revoke(authority, slice_of(""), bad, 2, A_DAY, &out), GH_INVALID);
    assert_int_equal(authority_revoke(authority, slice_of(""), empty, 1, A_DAY, &out), GH_INVALID);
    assert_int_equal(authority_count_revoked(authority, slice_of(list), good, 1, &held), GH_INVALID);
    assert_int_equal(held, 7);
    assert_null(out);
    free(list);
}

/* --- passwords ------------------------------------------------------------------------------- */

static void a_password_has_the_form_of_mosquittos_own(void **state)
{
    (void)state;
    char hash[BROKER_HASH_MAX], again[BROKER_HASH_MAX];
    assert_int_equal(broker_password_hash(hash, slice_of("secret")), GH_OK);
    assert_int_equal(broker_password_hash(again, slice_of("secret")), GH_OK);
    assert_string_not_equal(hash, again);
    assert_true(broker_password_is(slice_of(hash), slice_of("secret")));
    assert_false(broker_password_is(slice_of(hash), slice_of("Secret")));
    assert_false(broker_password_is(slice_of(hash), slice_of("")));
    assert_false(broker_password_is(slice_make(hash, strlen(hash) - 1), slice_of("secret")));
    assert_false(broker_password_is(slice_of("$7$101$"), slice_of("secret")));
    assert_false(broker_password_is(slice_of(""), slice_of("")));
    hash[20]++;
    assert_false(broker_password_is(slice_of(hash), slice_of("secret")));
    /* What mosquitto's own program writes is the same, under its salt. */
    write_text("accounts", "front:secret\n");
    shell("cd '%s' && mosquitto_passwd -U accounts", folder.path);
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "accounts", path));
    char *text = folder_read(path, NULL);
    assert_non_null(text);
    text[strcspn(text, "\n")] = '\0';
    assert_true(broker_password_is(slice_of(text + strlen("front:")), slice_of("secret")));
    free(text);
}

/* --- QR codes -------------------------------------------------------------------------------- */

static void a_code_holds_as_much_as_there_is_room_for(void **state)
{
    (void)state;
    static char text[2954];
    struct qr *qr = NULL;
    memset(text, 'a', sizeof text);
    assert_int_equal(qr_make(&qr, slice_make(text, 0)), GH_FULL);
    assert_int_equal(qr_make(&qr, slice_make(text, 2954)), GH_FULL);
    assert_null(qr);
    assert_int_equal(qr_make(&qr, slice_make(text, 2953)), GH_OK);
    assert_int_equal(qr_width(qr), 177);
    assert_true(qr_is_dark(qr, 0, 0));
    assert_false(qr_is_dark(qr, -1, 0));
    assert_false(qr_is_dark(qr, 0, 177));
    qr_free(qr);
    qr_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_vouched_for_and_is_nothing_else),
        cmocka_unit_test(a_server_is_named_and_is_no_client),
        cmocka_unit_test(all_are_valid_for_a_clock_that_was_never_set),
        cmocka_unit_test(nothing_outlives_the_authority),
        cmocka_unit_test(serials_are_random_and_long),
        cmocka_unit_test(what_is_no_name_or_key_makes_nothing),
        cmocka_unit_test(a_key_whose_certificate_is_missing_gets_one),
        cmocka_unit_test(the_hosts_of_a_certificate_are_read_back),
        cmocka_unit_test(what_is_no_certificate_has_no_facts),
        cmocka_unit_test(a_list_shuts_out_who_is_on_it_and_never_ends),
        cmocka_unit_test(a_list_of_somebody_else_is_not_taken),
        cmocka_unit_test(a_password_has_the_form_of_mosquittos_own),
        cmocka_unit_test(a_code_holds_as_much_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
