/* Keys, requests, and what certificates are worth; certificates made by the openssl command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/openssl/certificate.h"
#include "adapters/openssl/chain.h"
#include "adapters/openssl/request.h"
#include "lib/certs.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

static struct folder folder;
static struct request own, other;
static char *ca, *other_ca; /* PEM */

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

#define CLIENT "basicConstraints=CA:FALSE\\nextendedKeyUsage=clientAuth\\n"
#define SUBJECT "/O=hq/CN=gw-1"

static char *text_of(const char *name)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, name, path));
    char *text = folder_read(path, NULL);
    assert_non_null(text);
    return text;
}

/* A certificate for a request; owned. */
static char *sign(const char *csr, const char *by, const char *subject, const char *extensions)
{
    shell("cd '%s' && printf '%s' > ext && openssl x509 -req -in %s -CA %s.pem -CAkey %s.key "
          "-set_serial 7 -days 30 -subj '%s' -extfile ext -out signed.pem 2>sign.log",
          folder.path, extensions, csr, by, by, subject);
    return text_of("signed.pem");
}

static enum chain_verdict check(const char *chain, const char *authorities)
{
    return chain_check(slice_of(chain), slice_of(own.key), slice_of(authorities), "hq", "gw-1");
}

static int begin(void **state)
{
    (void)state;
    if (!folder_make(&folder) || !certs_make_ca(&folder, "ca") || !certs_make_ca(&folder, "stranger") ||
        request_make(&own, "hq", "gw-1") != GH_OK || request_make(&other, "hq", "gw-1") != GH_OK ||
        !folder_write(&folder, "own.csr", own.csr, 0600) ||
        !folder_write(&folder, "own.key", own.key, 0600) ||
        !folder_write(&folder, "other.csr", other.csr, 0600))
        return -1;
    ca = text_of("ca.pem");
    other_ca = text_of("stranger.pem");
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(ca);
    free(other_ca);
    folder_remove(&folder);
    return 0;
}

/* --- requests ------------------------------------------------------------------------------ */

static void a_request_is_signed_with_its_key_on_p_256_and_no_two_are_alike(void **state)
{
    (void)state;
    shell("cd '%s' && openssl req -in own.csr -noout -verify 2>verify.log && "
          "openssl req -in own.csr -noout -subject | grep -q 'O = hq, CN = gw-1' && "
          "openssl req -in own.csr -noout -text | grep -q 'NIST CURVE: P-256' && "
          "openssl req -in own.csr -noout -text | grep -q ecdsa-with-SHA256", folder.path);
    shell("cd '%s' && openssl pkey -in own.key -pubout > a && openssl req -in own.csr -noout -pubkey > b "
          "&& cmp a b", folder.path);
    assert_string_not_equal(own.key, other.key);
    assert_int_equal(strncmp(own.key, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
}

static void names_are_as_long_as_a_subject_may_have_them(void **state)
{
    (void)state;
    struct request r;
    char name[66];
    memset(name, 'n', sizeof name);
    name[64] = '\0';
    assert_int_equal(request_make(&r, name, name), GH_OK);
    name[64] = 'n';
    name[65] = '\0';
    memset(&r, 7, sizeof r);
    assert_int_equal(request_make(&r, name, "gw"), GH_INVALID);
    assert_int_equal(request_make(&r, "hq", name), GH_INVALID);
    assert_int_equal(request_make(&r, "hq", ""), GH_INVALID);
    assert_int_equal(r.key[0], 7);
    request_forget(&r);
    assert_int_equal(r.key[0], 0);
}

/* --- verdicts ------------------------------------------------------------------------------- */

static void expect(enum chain_verdict verdict, char *certificate, const char *authorities)
{
    assert_int_equal(check(certificate, authorities), verdict);
    free(certificate);
}

static void a_certificate_for_our_key_our_names_and_clients_is_good(void **state)
{
    (void)state;
    char *good = sign("own.csr", "ca", SUBJECT, CLIENT), *both = NULL;
    assert_int_equal(check(good, ca), CHAIN_GOOD);
    assert_true(asprintf(&both, "%s%s", other_ca, ca) > 0);
    assert_int_equal(check(good, both), CHAIN_GOOD);
    assert_true(chain_fits(slice_of(good), slice_of(own.key)));
    assert_false(chain_fits(slice_of(good), slice_of(other.key)));
    free(both);
    free(good);
    /* One that says nothing of its use serves for all. */
    expect(CHAIN_GOOD, sign("own.csr", "ca", SUBJECT, "basicConstraints=CA:FALSE\\n"), ca);
}

static void a_certificate_for_another_key_is_none_of_ours(void **state)
{
    (void)state;
    expect(CHAIN_OTHER_KEY, sign("other.csr", "ca", SUBJECT, CLIENT), ca);
    char *good = sign("own.csr", "ca", SUBJECT, CLIENT);
    assert_int_equal(chain_check(slice_of(good), slice_of("no key"), slice_of(ca), "hq", "gw-1"),
                     CHAIN_OTHER_KEY);
    assert_int_equal(chain_check(slice_of(good), slice_of(""), slice_of(ca), "hq", "gw-1"),
                     CHAIN_OTHER_KEY);
    free(good);
}

static void the_names_are_exactly_one_site_and_one_gateway(void **state)
{
    (void)state;
    static const char *const subjects[] = {
        "/O=hq/CN=gw-2", "/O=hr/CN=gw-1", "/CN=gw-1",          "/O=hq",
        "/O=gw-1/CN=hq", "/O=hq/CN=gw-1/CN=gw-2", "/O=hq/CN=gw-2/CN=gw-1", "/O=hq/O=hr/CN=gw-1",
        "/O=hq/CN=gw-11", "/O=hq/CN=gw-", "/O=hq/CN=GW-1",
    };
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        expect(CHAIN_OTHER_NAME, sign("own.csr", "ca", subjects[i], CLIENT), ca);
    /* What else stands in the subject is the cloud's. */
    expect(CHAIN_GOOD, sign("own.csr", "ca", "/C=DE/O=hq/OU=x/CN=gw-1", CLIENT), ca);
}

static void a_certificate_of_another_authority_is_refused(void **state)
{
    (void)state;
    expect(CHAIN_OTHER_CA, sign("own.csr", "stranger", SUBJECT, CLIENT), ca);
    expect(CHAIN_OTHER_CA, sign("own.csr", "ca", SUBJECT, CLIENT), "no authority");
    shell("cd '%s' && openssl req -x509 -key own.key -subj " SUBJECT " -days 9 -out self.pem", folder.path);
    expect(CHAIN_OTHER_CA, text_of("self.pem"), ca);
    /* Signed by a certificate that is no authority. */
    char *leaf = sign("own.csr", "ca", SUBJECT, CLIENT);
    shell("cd '%s' && cp signed.pem leaf.pem && cp own.key leaf.key", folder.path);
    char *below = sign("own.csr", "leaf", SUBJECT, CLIENT), *chain = NULL;
    assert_true(asprintf(&chain, "%s%s", below, leaf) > 0);
    assert_int_equal(check(chain, ca), CHAIN_OTHER_CA);
    free(chain);
    free(below);
    free(leaf);
}

static void a_certificate_for_servers_is_refused(void **state)
{
    (void)state;
    expect(CHAIN_NOT_CLIENT, sign("own.csr", "ca", SUBJECT, "extendedKeyUsage=serverAuth\\n"), ca);
}

static void certificates_between_ours_and_the_authority_come_along(void **state)
{
    (void)state;
    char *chain = NULL, *between;
    shell("cd '%s' && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout between.key "
          "-out between.csr -subj /CN=between 2>/dev/null", folder.path);
    between = sign("between.csr", "ca", "/CN=between", "basicConstraints=critical,CA:TRUE\\n");
    shell("cd '%s' && cp signed.pem between.pem", folder.path);
    char *leaf = sign("own.csr", "between", SUBJECT, CLIENT);
    assert_int_equal(check(leaf, ca), CHAIN_OTHER_CA);
    assert_int_equal(check(leaf, between), CHAIN_GOOD); /* it may be pinned itself */
    assert_true(asprintf(&chain, "%s%s", leaf, between) > 0);
    assert_int_equal(check(chain, ca), CHAIN_GOOD);
    assert_int_equal(check(chain, other_ca), CHAIN_OTHER_CA);
    free(chain);
    free(leaf);
    free(between);
}

static void dates_have_no_say_and_are_facts(void **state)
{
    (void)state;
    struct certificate_facts facts;
    if (!certs_make_server(&folder, "ca", "old", CERT_EXPIRED))
        fail();
    shell("cd '%s' && printf '[e]\\nextendedKeyUsage=clientAuth\\n[ca]\\ndefault_ca=c\\n[c]\\n"
          "database=index.txt\\nnew_certs_dir=.\\nrand_serial=yes\\ndefault_md=sha256\\npolicy=p\\n"
          "unique_subject=no\\n[p]\\norganizationName=supplied\\ncommonName=supplied\\n' > old.cnf && "
          "openssl ca -batch -notext -config old.cnf -cert ca.pem -keyfile ca.key -extensions e "
          "-startdate 20190101000000Z -enddate 20200101000000Z -in own.csr -out old.pem 2>old.log",
          folder.path);
    char *old = text_of("old.pem");
    assert_int_equal(check(old, ca), CHAIN_GOOD);
    assert_int_equal(certificate_read(&facts, slice_of(old)), GH_OK);
    assert_int_equal(facts.not_after, 1577836800);
    free(old);
}

static void what_is_no_certificate_is_unreadable(void **state)
{
    (void)state;
    char *good = sign("own.csr", "ca", SUBJECT, CLIENT);
    static const char *const bad[] = {"", "x", "-----BEGIN CERTIFICATE-----\n",
                                      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check(bad[i], ca), CHAIN_UNREADABLE);
    assert_int_equal(check(own.csr, ca), CHAIN_UNREADABLE);
    /* Any prefix of it. */
    for (size_t len = 0; len + 1 < strlen(good); len += 7)
        assert_int_equal(chain_check(slice_make(good, len), slice_of(own.key), slice_of(ca), "hq", "gw-1"),
                         CHAIN_UNREADABLE);
    /* And one above it that is damaged. */
    char *chain = NULL;
    assert_true(asprintf(&chain, "%s%s", good, bad[3]) > 0);
    assert_int_equal(check(chain, ca), CHAIN_UNREADABLE);
    free(chain);
    free(good);
}

/* --- copies ---------------------------------------------------------------------------------- */

static void a_copy_holds_the_certificates_and_nothing_else(void **state)
{
    (void)state;
    static char out[32768];
    char *mixed = NULL, *wanted = NULL;
    assert_true(asprintf(&mixed, "words\n%s%s more words\n%s", other_ca, own.key, ca) > 0);
    assert_true(asprintf(&wanted, "%s%s", other_ca, ca) > 0);
    assert_int_equal(chain_copy(out, sizeof out, slice_of(mixed), NULL), GH_OK);
    assert_string_equal(out, wanted);
    assert_null(strstr(out, "PRIVATE"));
    free(mixed);
    free(wanted);
}

static void the_one_with_a_fingerprint_is_found_among_others(void **state)
{
    (void)state;
    char out[4096] = "before", *both = NULL;
    struct certificate_facts facts;
    assert_int_equal(certificate_read(&facts, slice_of(ca)), GH_OK);
    assert_true(asprintf(&both, "%s%s", other_ca, ca) > 0);
    assert_int_equal(chain_copy(out, sizeof out, slice_of(both), facts.fingerprint), GH_OK);
    assert_string_equal(out, ca);
    snprintf(out, sizeof out, "before");
    assert_int_equal(chain_copy(out, sizeof out, slice_of(other_ca), facts.fingerprint), GH_NOT_FOUND);
    facts.fingerprint[63] = facts.fingerprint[63] == '0' ? '1' : '0';
    assert_int_equal(chain_copy(out, sizeof out, slice_of(both), facts.fingerprint), GH_NOT_FOUND);
    assert_string_equal(out, "before");
    free(both);
}

static void copies_are_bounded(void **state)
{
    (void)state;
    static char out[65536], many[65536];
    size_t len = 0;
    for (int i = 0; i < CHAIN_CERTIFICATES_MAX; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "%s", ca);
    assert_int_equal(chain_copy(out, sizeof out, slice_of(many), NULL), GH_OK);
    assert_int_equal(strlen(out), len);
    assert_int_equal(chain_copy(out, len, slice_of(many), NULL), GH_FULL);
    snprintf(many + len, sizeof many - len, "%s", ca);
    assert_int_equal(chain_copy(out, sizeof out, slice_of(many), NULL), GH_INVALID);
    assert_int_equal(chain_copy(out, sizeof out, slice_of("nothing"), NULL), GH_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_signed_with_its_key_on_p_256_and_no_two_are_alike),
        cmocka_unit_test(names_are_as_long_as_a_subject_may_have_them),
        cmocka_unit_test(a_certificate_for_our_key_our_names_and_clients_is_good),
        cmocka_unit_test(a_certificate_for_another_key_is_none_of_ours),
        cmocka_unit_test(the_names_are_exactly_one_site_and_one_gateway),
        cmocka_unit_test(a_certificate_of_another_authority_is_refused),
        cmocka_unit_test(a_certificate_for_servers_is_refused),
        cmocka_unit_test(certificates_between_ours_and_the_authority_come_along),
        cmocka_unit_test(dates_have_no_say_and_are_facts),
        cmocka_unit_test(what_is_no_certificate_is_unreadable),
        cmocka_unit_test(a_copy_holds_the_certificates_and_nothing_else),
        cmocka_unit_test(the_one_with_a_fingerprint_is_found_among_others),
        cmocka_unit_test(copies_are_bounded),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
