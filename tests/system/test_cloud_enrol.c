/* The reference cloud's enrolment, renewal and client certificates, from outside: by curl and the
 * openssl command. */
#include "cloud_fixture.h"

#define NEW_TOKEN "/admin/sites/plaza/gateways/g1/enrolment"
#define CERTIFICATES "/admin/sites/plaza/gateways/g1/certificates"
#define RENEW "/v1/sites/plaza/gateways/g1/renew"
#define STATUS "/v1/sites/plaza/gateways/g1/status"
#define SETTINGS "/admin/settings"
#define CSR "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=anybody "
#define REFUSED "{\"error\":\"the token is wrong, was used, or is too old\"}\n"

/* --- what a gateway does ---------------------------------------------------------------------- */

static char *file_of(const struct fixture *f, const char *name)
{
    static char text[16384];
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    fclose(file);
}

static void new_token(const struct fixture *f, const char *body, char token[128])
{
    admin(f, NEW_TOKEN, body);
    copy_string_of(ask(f, (struct request){.path = NEW_TOKEN, .token = ADMIN, .body = body}), "token",
                   token);
}

/* A key NAME.key and a request NAME.csr. */
static void new_request(const struct fixture *f, const char *name)
{
    char command[256];
    snprintf(command, sizeof command, CSR "-keyout %s.key -out %s.csr 2>log", name, name);
    shell(f->dir, command);
}

/* The body; owned. Members that are NULL are left out. */
static char *body_of(const char *token, const char *csr, const char *site, const char *gateway)
{
    json_t *v = json_pack("{s:s* s:s* s:s* s:s*}", "token", token, "csr", csr, "site", site, "gateway",
                          gateway);
    char *text = json_dumps(v, 0);
    json_decref(v);
    assert_non_null(text);
    return text;
}

static const struct reply *enrol(const struct fixture *f, const char *token, const char *name)
{
    char csr[64];
    snprintf(csr, sizeof csr, "%s.csr", name);
    char *body = body_of(token, file_of(f, csr), NULL, NULL);
    const struct reply *r = ask(f, (struct request){.path = "/v1/enrol", .body = body});
    free(body);
    return r;
}

/* Keeps the certificate of an answer as NAME.pem. */
static void keep_certificate(const struct fixture *f, const struct reply *r, const char *name)
{
    char file[64];
    if (r->status != 200)
        fail_msg("%ld: %s", r->status, r->body);
    json_t *v = json_loadb(r->body, r->len, 0, NULL);
    snprintf(file, sizeof file, "%s.pem", name);
    assert_non_null(json_string_value(json_object_get(v, "certificate")));
    write_file(f, file, json_string_value(json_object_get(v, "certificate")));
    json_decref(v);
}

static void enrolled(const struct fixture *f, const char *name)
{
    char token[128];
    new_token(f, "", token);
    new_request(f, name);
    keep_certificate(f, enrol(f, token, name), name);
}

static const struct reply *renew(const struct fixture *f, const char *with, const char *name)
{
    char csr[64];
    snprintf(csr, sizeof csr, "%s.csr", name);
    char *body = body_of(NULL, file_of(f, csr), NULL, NULL);
    const struct reply *r = ask(f, (struct request){.path = RENEW, .cert = with, .body = body});
    free(body);
    return r;
}

static long by_certificate(const struct fixture *f, const char *name, const char *path,
                           const char *body)
{
    return ask(f, (struct request){.path = path, .cert = name, .body = body})->status;
}

static int setup_enrolling(void **state)
{
    int done = setup(state);
    struct fixture *f = *state;
    if (done != 0 || stop(f, SIGTERM) != 0)
        return -1;
    f->ca = "ca.pem";
    start(f);
    admin(f, ROWS, SITE_ROW);
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_enrolling, teardown)

/* --- enrolment ---------------------------------------------------------------------------------- */

static void an_enrolment_brings_all_that_a_gateway_pins(void **state)
{
    const struct fixture *f = *state;
    char token[128];
    new_token(f, "", token);
    new_request(f, "gw");
    const struct reply *r = enrol(f, token, "gw");
    keep_certificate(f, r, "gw");
    json_t *v = json_loadb(r->body, r->len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(v, "site")), "plaza");
    assert_string_equal(json_string_value(json_object_get(v, "gateway")), "g1");
    assert_int_equal(json_array_size(json_object_get(v, "policy_keys")), 0); /* it signs nothing */
    write_file(f, "pinned.pem", json_string_value(json_object_get(v, "ca")));
    json_decref(v);
    shell(f->dir, "openssl verify -CAfile pinned.pem -purpose sslserver cert.pem >log && "
                  "openssl verify -CAfile pinned.pem -purpose sslclient gw.pem >log && "
                  "! openssl verify -CAfile pinned.pem -purpose sslserver gw.pem >log 2>&1 && "
                  "openssl x509 -in gw.pem -noout -subject | grep -qx 'subject=O = plaza, CN = g1' && "
                  "openssl x509 -in gw.pem -noout -pubkey >a && openssl pkey -in gw.key -pubout >b && "
                  "cmp a b");
}

static void the_fingerprint_beside_the_token_is_that_of_the_ca_that_anybody_may_fetch(void **state)
{
    const struct fixture *f = *state;
    char print[128], command[512];
    copy_string_of(ask(f, (struct request){.path = NEW_TOKEN, .token = ADMIN, .body = ""}), "ca_sha256",
                   print);
    const struct reply *r = ask(f, (struct request){.path = "/v1/ca"});
    assert_int_equal(r->status, 200);
    write_file(f, "fetched.pem", r->body);
    snprintf(command, sizeof command,
             "test $(openssl x509 -in fetched.pem -outform DER | sha256sum | cut -d' ' -f1) = %s && "
             "openssl x509 -in ca.pem >a && openssl x509 -in fetched.pem >b && cmp a b", print);
    shell(f->dir, command);
}

static void a_certificate_serves_the_calls_of_its_own_gateway_and_no_others(void **state)
{
    const struct fixture *f = *state;
    enrolled(f, "gw");
    assert_int_equal(by_certificate(f, "gw", CHECKPOINT, NULL), 200);
    assert_int_equal(by_certificate(f, "gw", STATUS, "{}"), 204);
    assert_int_equal(by_certificate(f, "gw", EVENTS, "{\"stream\":\"a\",\"first_seq\":1,\"events\":[{\"seq\":1}]}"),
                     200);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/plaza/gateways/g2/status", "{}"), 403);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/plaza/gateways/g2/events", "{}"), 403);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/plaza/gateways/g2/renew", "{}"), 403);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/plaza/gateways/G1/status", "{}"), 403);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/other/checkpoint", NULL), 403);
    assert_int_equal(by_certificate(f, "gw", "/v1/sites/other/snapshots/1/1", NULL), 403);
    assert_int_equal(by_certificate(f, "gw", "/elsewhere/v1/sites/other/checkpoint", NULL), 403);
    assert_int_equal(by_certificate(f, "gw", "/admin/state", NULL), 401);
    assert_int_equal(by_certificate(f, "gw", "/v1/nowhere", NULL), 404);
    /* Nobody at all. */
    assert_int_equal(by_certificate(f, NULL, CHECKPOINT, NULL), 401);
    /* A header is judged alone: a wrong one is not made good. */
    assert_int_equal(ask(f, (struct request){.path = CHECKPOINT, .cert = "gw",
                                             .token = "Authorization: Bearer wrong"})->status, 401);
    assert_int_equal(ask(f, (struct request){.path = CHECKPOINT, .token = GATEWAY})->status, 200);
    assert_non_null(strstr(admin_get(f, CERTIFICATES)->body, "\"used\":true"));
}

static void certificates_that_are_not_ours_or_not_valid_are_nobody(void **state)
{
    const struct fixture *f = *state;
    new_request(f, "self");
    shell(f->dir, "openssl req -x509 -key self.key -subj /O=plaza/CN=g1 -days 9 -out self.pem && "
                  "openssl x509 -req -in self.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 9 "
                  "-subj /O=plaza/CN=g1 -out byca.pem 2>log && cp self.key byca.key");
    assert_refused(ask(f, (struct request){.path = CHECKPOINT, .cert = "self"}), 401);
    assert_refused(ask(f, (struct request){.path = CHECKPOINT, .cert = "byca"}), 401);
    admin(f, SETTINGS, "{\"gateway_cert_s\":3600,\"gateway_cert_age_s\":7200}");
    enrolled(f, "old");
    const struct reply *r = ask(f, (struct request){.path = CHECKPOINT, .cert = "old"});
    assert_refused(r, 401);
    assert_non_null(strstr(r->body, "not valid now"));
    new_request(f, "next");
    assert_refused(renew(f, "old", "next"), 401);
}

/* --- tokens -------------------------------------------------------------------------------------- */

static void a_token_serves_once_and_wrong_used_and_late_ones_are_not_told_apart(void **state)
{
    const struct fixture *f = *state;
    char token[128], late[128];
    new_token(f, "", token);
    new_token(f, "{\"ttl_s\":0}", late);
    new_request(f, "gw");
    assert_int_equal(enrol(f, token, "gw")->status, 200);
    const struct reply *r = enrol(f, token, "gw");
    assert_int_equal(r->status, 403);
    assert_string_equal(r->body, REFUSED);
    r = enrol(f, late, "gw");
    assert_int_equal(r->status, 403);
    assert_string_equal(r->body, REFUSED);
    r = enrol(f, "0123456789abcdef0123456789abcdef", "gw");
    assert_int_equal(r->status, 403);
    assert_string_equal(r->body, REFUSED);
    r = enrol(f, "", "gw");
    assert_int_equal(r->status, 403);
    assert_string_equal(r->body, REFUSED);
}

struct racer {
    const struct fixture *f;
    const char *body;
    long status;
    pthread_t thread;
};

static void *race(void *context)
{
    struct racer *r = context;
    struct reply *reply = calloc(1, sizeof *reply);
    CURL *curl = curl_easy_init();
    call(r->f, curl, reply, (struct request){.path = "/v1/enrol", .body = r->body});
    r->status = reply->status;
    curl_easy_cleanup(curl);
    free(reply);
    return NULL;
}

static void of_calls_that_race_with_one_token_one_is_served(void **state)
{
    enum { RACERS = 8 };
    const struct fixture *f = *state;
    struct racer racers[RACERS];
    char token[128];
    int served = 0;
    new_token(f, "", token);
    new_request(f, "gw");
    char *body = body_of(token, file_of(f, "gw.csr"), NULL, NULL);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.f = f, .body = body};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_true(racers[i].status == 200 || racers[i].status == 403);
        served += racers[i].status == 200;
    }
    assert_int_equal(served, 1);
    free(body);
}

static void a_token_is_for_one_gateway_and_a_call_for_another_does_not_use_it_up(void **state)
{
    const struct fixture *f = *state;
    char token[128];
    static const struct {
        const char *site, *gateway;
    } others[] = {{"plaza", "g2"}, {"other", "g1"}, {NULL, "g2"}, {"other", NULL}};
    new_token(f, "", token);
    new_request(f, "gw");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *body = body_of(token, file_of(f, "gw.csr"), others[i].site, others[i].gateway);
        const struct reply *r = ask(f, (struct request){.path = "/v1/enrol", .body = body});
        assert_refused(r, 409);
        assert_non_null(strstr(r->body, "the site plaza, gateway g1"));
        free(body);
    }
    char *body = body_of(token, file_of(f, "gw.csr"), "plaza", "g1");
    assert_int_equal(ask(f, (struct request){.path = "/v1/enrol", .body = body})->status, 200);
    free(body);
}

static void requests_that_are_none_are_refused_whatever_the_token_and_do_not_use_it_up(void **state)
{
    const struct fixture *f = *state;
    char token[128], *bodies[8];
    size_t n = 0;
    new_token(f, "", token);
    new_request(f, "gw");
    shell(f->dir, "openssl req -newkey rsa:2048 -nodes -subj /CN=x -keyout rsa.key -out rsa.csr 2>log && "
                  "openssl req -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -nodes -subj /CN=x "
                  "-keyout big.key -out big.csr 2>log && "
                  /* the last byte of its signature is another */
                  "openssl req -in gw.csr -outform DER -out gw.der && "
                  "truncate -s -1 gw.der && printf '\\001' >>gw.der && "
                  "openssl req -inform DER -in gw.der -out forged.csr 2>log");
    bodies[n++] = body_of(token, NULL, NULL, NULL);
    bodies[n++] = body_of(token, "x", NULL, NULL);
    bodies[n++] = body_of(token, file_of(f, "rsa.csr"), NULL, NULL);
    bodies[n++] = body_of(token, file_of(f, "big.csr"), NULL, NULL);
    bodies[n++] = body_of(token, file_of(f, "forged.csr"), NULL, NULL);
    bodies[n++] = body_of(token, file_of(f, "gw.csr"), "a b", NULL);
    bodies[n++] = body_of(NULL, file_of(f, "gw.csr"), NULL, NULL);
    bodies[n++] = strdup("{\"token\":7,\"csr\":\"x\"}");
    for (size_t i = 0; i < n; i++) {
        assert_refused(ask(f, (struct request){.path = "/v1/enrol", .body = bodies[i]}), 400);
        free(bodies[i]);
    }
    assert_refused(ask(f, (struct request){.path = "/v1/enrol", .body = "<html>"}), 400);
    char *large = malloc(20001);
    memset(large, ' ', 20000);
    large[20000] = '\0';
    assert_refused(ask(f, (struct request){.path = "/v1/enrol", .body = large}), 413);
    free(large);
    assert_refused(ask(f, (struct request){.path = "/v1/enrol"}), 401);
    assert_int_equal(enrol(f, token, "gw")->status, 200);
}

static void tokens_are_made_for_at_most_ten_minutes_by_people_alone(void **state)
{
    const struct fixture *f = *state;
    static const char *const bad[] = {"{\"ttl_s\":601}", "{\"ttl_s\":-1}", "{\"ttl_s\":\"1\"}", "{\"x\":1}", "[]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(ask(f, (struct request){.path = NEW_TOKEN, .token = ADMIN, .body = bad[i]}), 400);
    assert_refused(ask(f, (struct request){.path = NEW_TOKEN, .token = GATEWAY, .body = ""}), 401);
    enrolled(f, "gw");
    assert_refused(ask(f, (struct request){.path = NEW_TOKEN, .cert = "gw", .body = ""}), 401);
}

/* --- renewal ------------------------------------------------------------------------------------- */

static void a_renewal_needs_the_certificate_and_the_old_one_stays_good(void **state)
{
    const struct fixture *f = *state;
    enrolled(f, "gw");
    new_request(f, "next");
    char *body = body_of(NULL, file_of(f, "next.csr"), NULL, NULL);
    assert_refused(ask(f, (struct request){.path = RENEW, .token = GATEWAY, .body = body}), 403);
    assert_refused(ask(f, (struct request){.path = RENEW, .body = body}), 401);
    free(body);
    assert_refused(ask(f, (struct request){.path = RENEW, .cert = "gw", .body = "{}"}), 400);
    keep_certificate(f, renew(f, "gw", "next"), "next");
    assert_int_equal(by_certificate(f, "next", CHECKPOINT, NULL), 200);
    assert_int_equal(by_certificate(f, "next", "/v1/sites/plaza/gateways/g2/status", "{}"), 403);
    assert_int_equal(by_certificate(f, "gw", CHECKPOINT, NULL), 200);
    const struct reply *r = admin_get(f, CERTIFICATES);
    assert_non_null(strstr(r->body, "\"how\":\"enrol\""));
    assert_non_null(strstr(r->body, "\"how\":\"renew\""));
}

static void certificates_and_tokens_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    char token[128];
    enrolled(f, "gw");
    new_token(f, "", token);
    new_request(f, "second");
    assert_int_equal(stop(f, SIGKILL), -SIGKILL);
    start(f);
    assert_int_equal(by_certificate(f, "gw", CHECKPOINT, NULL), 200);
    keep_certificate(f, enrol(f, token, "second"), "second");
    assert_int_equal(by_certificate(f, "second", CHECKPOINT, NULL), 200);
}

static void a_cloud_without_a_ca_enrols_nobody(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(stop(f, SIGTERM), 0);
    f->ca = NULL;
    start(f);
    assert_refused(ask(f, (struct request){.path = "/v1/ca"}), 404);
    assert_refused(ask(f, (struct request){.path = "/v1/enrol", .body = "{}"}), 404);
    assert_refused(ask(f, (struct request){.path = NEW_TOKEN, .token = ADMIN, .body = ""}), 404);
}

static void settings_are_taken_whole_or_not_at_all(void **state)
{
    const struct fixture *f = *state;
    static const char *const bad[] = {"{}", "{\"gateway_cert_s\":0}", "{\"gateway_cert_age_s\":-1}",
                                      "{\"command_again_s\":5,\"gateway_cert_s\":0}", "{\"x\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(ask(f, (struct request){.path = SETTINGS, .token = ADMIN, .body = bad[i]}), 400);
    const struct reply *r = admin_get(f, "/admin/state");
    assert_int_equal(number_of(r, "command_again_s"), 10);
    assert_int_equal(number_of(r, "gateway_cert_s"), 90 * 86400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_enrolment_brings_all_that_a_gateway_pins),
        TEST(the_fingerprint_beside_the_token_is_that_of_the_ca_that_anybody_may_fetch),
        TEST(a_certificate_serves_the_calls_of_its_own_gateway_and_no_others),
        TEST(certificates_that_are_not_ours_or_not_valid_are_nobody),
        TEST(a_token_serves_once_and_wrong_used_and_late_ones_are_not_told_apart),
        TEST(of_calls_that_race_with_one_token_one_is_served),
        TEST(a_token_is_for_one_gateway_and_a_call_for_another_does_not_use_it_up),
        TEST(requests_that_are_none_are_refused_whatever_the_token_and_do_not_use_it_up),
        TEST(tokens_are_made_for_at_most_ten_minutes_by_people_alone),
        TEST(a_renewal_needs_the_certificate_and_the_old_one_stays_good),
        TEST(certificates_and_tokens_outlive_a_restart),
        TEST(a_cloud_without_a_ca_enrols_nobody),
        TEST(settings_are_taken_whole_or_not_at_all),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
