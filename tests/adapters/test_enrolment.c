/* The cloud's answers to enrolment and renewal: what is taken, and what is refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/crypto/crypto.h"
#include "adapters/json/json.h"
#include "app/enrolment.h"
#include "lib/certs.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

#define KEY_1 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY_2 "FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210"

static struct folder folder;
static struct request request;
static struct config config;
static struct enrolment enrolment;
static char *ca, *certificate;
static char why[ENROLMENT_WHY_MAX];

static char *text_of(const char *name)
{
    char path[FOLDER_PATH_MAX];
    return folder_file(&folder, name, path) ? folder_read(path, NULL) : NULL;
}

static int begin(void **state)
{
    (void)state;
    if (crypto_start() != GH_OK || !folder_make(&folder) || !certs_make_ca(&folder, "ca") ||
        request_make(&request, "hq", "gw-1") != GH_OK ||
        id_set(&config.site, slice_of("hq")) != GH_OK ||
        id_set(&config.gateway, slice_of("gw-1")) != GH_OK ||
        !folder_write(&folder, "csr", request.csr, 0600) ||
        !process_shell(WAIT_MS, "cd '%s' && printf 'extendedKeyUsage=clientAuth\\n' > ext && openssl x509 "
                       "-req -in csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 30 -extfile ext "
                       "-out own.pem 2>log", folder.path))
        return -1;
    ca = text_of("ca.pem");
    certificate = text_of("own.pem");
    return ca && certificate ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    free(ca);
    free(certificate);
    folder_remove(&folder);
    return 0;
}

/* An answer with one member changed: more is JSON that replaces it; "" leaves it out. Owned. */
static char *answer_with(const char *name, const char *more)
{
    struct json *v = json_new(), *out;
    char *text, *whole = NULL;
    assert_true(v && json_set_text(v, "site", slice_of("hq")) &&
                json_set_text(v, "gateway", slice_of("gw-1")) &&
                json_set_text(v, "certificate", slice_of(certificate)) &&
                json_set_text(v, "ca", slice_of(ca)) &&
                json_append_text(v, "policy_keys", slice_of(KEY_1)) &&
                json_append_text(v, "policy_keys", slice_of(KEY_2)) &&
                json_append_text(v, "command_keys", slice_of(KEY_2)));
    out = json_new();
    static const char *const names[] = {"site", "gateway", "certificate", "ca", "policy_keys",
                                        "command_keys"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!name || strcmp(names[i], name) != 0)
            assert_true(json_copy_member(out, names[i], v));
    text = json_print(out, NULL);
    assert_non_null(text);
    text[strlen(text) - 1] = '\0';
    assert_true(asprintf(&whole, "%s%s%s%s%s}", text, more ? ",\"" : "", more ? name : "",
                         more ? "\":" : "", more ? more : "") > 0);
    free(text);
    json_free(out);
    json_free(v);
    return whole;
}

static void expect_refused(const char *name, const char *more, const char *words)
{
    char *answer = answer_with(name, more);
    static struct enrolment before;
    before = enrolment;
    assert_int_equal(enrolment_parse(&enrolment, slice_of(answer), why), GH_INVALID);
    if (!strstr(why, words) || strchr(why, '\n'))
        fail_msg("%s: %s; wanted %s", name, why, words);
    assert_memory_equal(&before, &enrolment, sizeof before);
    free(answer);
}

static void a_whole_answer_is_taken_apart(void **state)
{
    (void)state;
    char *answer = answer_with("more", "[1,{\"x\":2}]"); /* of a later version */
    assert_int_equal(enrolment_parse(&enrolment, slice_of(answer), why), GH_OK);
    assert_string_equal(enrolment.site.s, "hq");
    assert_string_equal(enrolment.gateway.s, "gw-1");
    assert_string_equal(enrolment.certificate, certificate);
    assert_string_equal(enrolment.ca, ca);
    assert_string_equal(enrolment.policy_keys, KEY_1 "\n" KEY_2 "\n");
    assert_string_equal(enrolment.command_keys, KEY_2 "\n");
    free(answer);
    /* The files that come of it are read again as keys. */
    char path[FOLDER_PATH_MAX];
    struct sign_keys keys;
    assert_true(folder_write(&folder, "policy.pub", enrolment.policy_keys, 0640));
    assert_true(folder_file(&folder, "policy.pub", path));
    assert_int_equal(sign_keys_load(&keys, path), GH_OK);
    assert_int_equal(keys.n, 2);
}

static void a_cloud_without_command_keys_commands_nothing(void **state)
{
    (void)state;
    static const char *const none[] = {NULL, "[]", "null"};
    for (size_t i = 0; i < 3; i++) {
        char *answer = answer_with("command_keys", none[i]);
        assert_int_equal(enrolment_parse(&enrolment, slice_of(answer), why), GH_OK);
        assert_string_equal(enrolment.command_keys, "");
        free(answer);
    }
}

static void an_answer_that_lacks_something_is_refused_by_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"site", "gateway", "certificate", "ca", "policy_keys"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        expect_refused(names[i], NULL, names[i]);
        expect_refused(names[i], "null", names[i]);
        expect_refused(names[i], "7", names[i]);
        expect_refused(names[i], "{}", names[i]);
        expect_refused(names[i], "\"\"", names[i]);
    }
    expect_refused("site", "\"a b\"", "site");
    expect_refused("gateway", "\"../x\"", "gateway");
}

static void keys_are_64_hex_digits_and_at_most_four(void **state)
{
    (void)state;
    expect_refused("policy_keys", "[]", "nobody's policy");
    expect_refused("policy_keys", "[\"\"]", "64 hex digits");
    expect_refused("policy_keys", "[7]", "64 hex digits");
    expect_refused("policy_keys", "[\"" KEY_1 "0\"]", "64 hex digits");
    expect_refused("policy_keys", "[\"" KEY_1 "\",\"g" KEY_1 "\"]", "64 hex digits");
    expect_refused("command_keys", "[\"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]",
                   "64 hex digits");
    expect_refused("command_keys", "\"" KEY_1 "\"", "no list");
    expect_refused("policy_keys", "[\"" KEY_1 "\",\"" KEY_1 "\",\"" KEY_1 "\",\"" KEY_1 "\",\"" KEY_1 "\"]",
                   "more than 4");
}

static void certificates_are_certificates_and_bounded(void **state)
{
    (void)state;
    static char many[40000];
    expect_refused("certificate", "\"-----BEGIN CERTIFICATE-----\"", "1 to 8 certificates");
    expect_refused("ca", "\"AAAA\"", "1 to 8 certificates");
    size_t len = 1;
    many[0] = '"';
    for (int i = 0; i < 9; i++)
        for (const char *c = ca; *c; c++)
            len += (size_t)snprintf(many + len, sizeof many - len, *c == '\n' ? "\\n" : "%c", *c);
    snprintf(many + len, sizeof many - len, "\"");
    expect_refused("ca", many, "1 to 8 certificates");
    expect_refused("certificate", many, "1 to 8 certificates");
}

static void what_is_no_object_is_refused_and_so_is_what_breaks_off(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "null", "[]", "<html>", "{\"site\":\"hq\"", "{}{}"};
    char renewed[IDENTITY_PEM_MAX] = "before";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(enrolment_parse(&enrolment, slice_of(bad[i]), why), GH_INVALID);
        assert_non_null(strstr(why, "no JSON object"));
        assert_int_equal(enrolment_parse_renewal(renewed, slice_of(bad[i]), why), GH_INVALID);
    }
    assert_string_equal(renewed, "before");
    char *answer = answer_with(NULL, NULL);
    for (size_t n = 0; n < strlen(answer); n += 11)
        assert_int_equal(enrolment_parse(&enrolment, slice_make(answer, n), why), GH_INVALID);
    assert_int_equal(enrolment_parse(&enrolment, slice_of(answer), why), GH_OK);
    /* A renewal needs the certificate alone. */
    assert_int_equal(enrolment_parse_renewal(renewed, slice_of(answer), why), GH_OK);
    assert_string_equal(renewed, certificate);
    free(answer);
}

static void a_certificate_is_checked_whole_and_each_refusal_says_why(void **state)
{
    (void)state;
    struct certificate_facts facts;
    struct request stranger;
    struct config other = config;
    assert_int_equal(certificate_read(&facts, slice_of(certificate)), GH_OK);
    int64_t now = facts.not_before + 10;
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, now, why), GH_OK);
    assert_int_equal(request_make(&stranger, "hq", "gw-1"), GH_OK);
    assert_int_equal(enrolment_check(certificate, stranger.key, ca, &config, now, why), GH_INVALID);
    assert_non_null(strstr(why, "another key"));
    assert_int_equal(enrolment_check(certificate, request.key, certificate, &config, now, why), GH_OK);
    assert_int_equal(enrolment_check(ca, request.key, ca, &config, now, why), GH_INVALID);
    assert_int_equal(enrolment_check("x", request.key, ca, &config, now, why), GH_INVALID);
    assert_non_null(strstr(why, "cannot be read"));
    assert_int_equal(id_set(&other.gateway, slice_of("gw-2")), GH_OK);
    assert_int_equal(enrolment_check(certificate, request.key, ca, &other, now, why), GH_INVALID);
    assert_non_null(strstr(why, "gw-2"));
}

static void a_certificate_counts_from_a_little_before_its_first_second_and_not_in_its_last(void **state)
{
    (void)state;
    struct certificate_facts facts;
    assert_int_equal(certificate_read(&facts, slice_of(certificate)), GH_OK);
    int64_t first = facts.not_before - ENROLMENT_SKEW_S;
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, first, why), GH_OK);
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, first - 1, why), GH_INVALID);
    assert_non_null(strstr(why, "is not valid before"));
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, facts.not_after - 1, why),
                     GH_OK);
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, facts.not_after, why),
                     GH_INVALID);
    assert_non_null(strstr(why, "ended at"));
    /* A clock that was never set. */
    assert_int_equal(enrolment_check(certificate, request.key, ca, &config, 0, why), GH_INVALID);
    assert_non_null(strstr(why, "the clock of this box says 1970-01-01T00:00:00Z"));
}

static void a_request_holds_what_the_contract_says(void **state)
{
    (void)state;
    size_t len;
    struct slice text;
    char *body = enrolment_request("t0ken", request.csr, &config, &len);
    struct json *v = json_parse_object(slice_make(body, len), NULL, 0);
    assert_true(v && json_text(v, "token", &text) && slice_is(text, "t0ken"));
    assert_true(json_text(v, "site", &text) && slice_is(text, "hq"));
    assert_true(json_text(v, "gateway", &text) && slice_is(text, "gw-1"));
    assert_true(json_text(v, "csr", &text) && slice_is(text, request.csr));
    assert_null(strstr(body, "PRIVATE"));
    json_free(v);
    free(body);
    body = enrolment_request(NULL, request.csr, &config, &len);
    assert_int_equal(strncmp(body, "{\"csr\":", 7), 0);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_is_taken_apart),
        cmocka_unit_test(a_cloud_without_command_keys_commands_nothing),
        cmocka_unit_test(an_answer_that_lacks_something_is_refused_by_its_name),
        cmocka_unit_test(keys_are_64_hex_digits_and_at_most_four),
        cmocka_unit_test(certificates_are_certificates_and_bounded),
        cmocka_unit_test(what_is_no_object_is_refused_and_so_is_what_breaks_off),
        cmocka_unit_test(a_certificate_is_checked_whole_and_each_refusal_says_why),
        cmocka_unit_test(a_certificate_counts_from_a_little_before_its_first_second_and_not_in_its_last),
        cmocka_unit_test(a_request_holds_what_the_contract_says),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
