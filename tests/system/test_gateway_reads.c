/* Reads that a reader should not have sent: late, retained, malformed, too many;
 * and that a secret in a read goes nowhere. All parts are real processes. */
#include "gateway_fixture.h"

#include <dirent.h>

#define TOPIC(n) "gatehouse/v1/readers/r" #n "/read"

static char *card_json(char *out, size_t size, const char *id, const char *more)
{
    snprintf(out, size, "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"" CARD_JANE "\"%s}", id, more);
    return out;
}

/* Sends Jane's card with these other members; it must be answered so, once, and
 * journalled so. */
static void expect(int door, const char *id, const char *more, const char *reason)
{
    char json[512], text[96], why[64];
    struct feedback f = house_send(door, card_json(json, sizeof json, id, more), id);
    assert_string_equal(f.reason, reason);
    snprintf(text, sizeof text, "\"read_id\":\"%s\"", id);
    snprintf(why, sizeof why, "\"reason\":\"%s\"", reason);
    assert_int_equal(site_events(&site, why, text), 1);
    assert_int_equal(house_decisions(id), 1);
}

/* The gateway goes on at once: Bob at door 0 is judged as ever. */
static void assert_goes_on(void)
{
    static int n;
    char id[32];
    snprintf(id, sizeof id, "goes-on-%d", n++);
    assert_string_equal(house_present(0, id, CARD_BOB).reason, "person_disabled");
}

/* --- late ----------------------------------------------------------------------- */

static void a_read_that_is_too_old_by_its_readers_clock_is_stale(void **state)
{
    (void)state;
    expect(2, "old-1", ",\"age_ms\":60001", "read_stale");
    expect(2, "old-2", ",\"age_ms\":31536000000", "read_stale");
    expect(2, "old-3", ",\"age_ms\":31536000001", "read_malformed");
    expect(2, "old-4", ",\"age_ms\":-1", "read_malformed");
    assert_int_equal(house_releases(2), 0);
    expect(2, "fresh-1", ",\"age_ms\":1000", "granted");
    assert_int_equal(house_releases(2), 1);
}

static void a_read_without_a_proof_of_its_age_is_stale(void **state)
{
    (void)state;
    expect(3, "bare-1", "", "read_stale");
    expect(3, "bare-2", ",\"age_ms\":null", "read_stale");
    expect(3, "bare-3", ",\"tick\":\"0123456789abcdef:1\"", "read_stale");
    expect(3, "bare-4", ",\"tick\":\"0123456789abcdef:1\",\"age_ms\":0", "read_stale");
    assert_int_equal(house_releases(3), 0);
}

/* The newest tick, as a reader puts it into a read. */
static void newest_tick(struct mqtt_client *client, size_t from, char session[64], int64_t *n)
{
    const struct mqtt_message *m = mqtt_client_wait_text(client, from, TOPIC_TICK, "session", WAIT_MS);
    assert_non_null(m);
    const char *text = strstr(m->payload, "\"session\":\""), *number = strstr(m->payload, "\"n\":");
    assert_non_null(text);
    assert_non_null(number);
    snprintf(session, 64, "%.16s", text + strlen("\"session\":\""));
    *n = strtoll(number + strlen("\"n\":"), NULL, 10);
}

static void a_reader_that_must_prove_with_ticks_can_and_must(void **state)
{
    (void)state;
    char session[64], more[128];
    int64_t n;
    expect(8, "tick-0", ",\"age_ms\":0", "read_stale");
    expect(8, "tick-1", "", "read_stale");
    assert_int_equal(house_releases(8), 0);
    newest_tick(wire, mqtt_client_count(wire), session, &n);
    snprintf(more, sizeof more, ",\"tick\":\"%s:%" PRId64 "\"", session, n + 100000);
    expect(8, "tick-2", more, "read_stale"); /* of the future */
    snprintf(more, sizeof more, ",\"tick\":\"ffffffffffffffff:%" PRId64 "\"", n);
    expect(8, "tick-3", more, "read_stale"); /* of another session */
    snprintf(more, sizeof more, ",\"tick\":\"%s:%" PRId64 "\",\"age_ms\":61000", session, n);
    expect(8, "tick-4", more, "read_stale"); /* the greater of the two ages counts */
    assert_int_equal(house_releases(8), 0);
    snprintf(more, sizeof more, ",\"tick\":\"%s:%" PRId64 "\"", session, n);
    expect(8, "tick-5", more, "granted");
    assert_int_equal(house_releases(8), 1);
}

static void a_tick_from_before_a_restart_is_stale(void **state)
{
    (void)state;
    char session[64], fresh[64], more[128];
    int64_t n;
    newest_tick(wire, mqtt_client_count(wire), session, &n);
    assert_true(site_kill_gatehoused(&site));
    size_t heard = mqtt_client_count(wire);
    assert_true(site_start_gatehoused(&site));
    snprintf(more, sizeof more, ",\"tick\":\"%s:%" PRId64 "\"", session, n);
    expect(8, "session-1", more, "read_stale");
    assert_int_equal(house_releases(8), 0);
    newest_tick(wire, heard, fresh, &n);
    assert_string_not_equal(session, fresh);
    snprintf(more, sizeof more, ",\"tick\":\"%s:%" PRId64 "\"", fresh, n);
    expect(8, "session-2", more, "granted");
}

static void a_simple_reader_may_prove_nothing_where_the_configuration_says_so(void **state)
{
    (void)state;
    expect(9, "simple-1", "", "granted");
    expect(9, "simple-2", ",\"age_ms\":70000", "read_stale");
    assert_int_equal(house_releases(9), 1);
}

/* --- retained --------------------------------------------------------------------- */

static bool is_retained_there(const char *topic)
{
    struct mqtt_client_options o = {.port = site.broker.port, .client_id = "looker"};
    struct mqtt_client *looker = mqtt_client_open(&o);
    assert_non_null(looker);
    /* Both are granted in this order, so what is retained at the first is there
     * before the answer to the second. */
    assert_true(mqtt_client_subscribe(looker, topic));
    assert_true(mqtt_client_subscribe(looker, TOPIC_STATUS));
    assert_non_null(mqtt_client_wait_text(looker, 0, TOPIC_STATUS, NULL, WAIT_MS));
    bool there = false;
    for (size_t i = 0; i < mqtt_client_count(looker); i++) {
        const struct mqtt_message *m = mqtt_client_at(looker, i);
        there = there || (m->retained && m->len > 0 && strcmp(m->topic, topic) == 0);
    }
    mqtt_client_close(looker);
    return there;
}

static void a_retained_read_is_refused_journalled_and_cleared_from_the_broker(void **state)
{
    (void)state;
    char json[256];
    struct feedback f;
    card_json(json, sizeof json, "kept-1", ",\"age_ms\":0");
    assert_true(sim_reader_send_retained(reader[4], json));
    assert_true(sim_reader_wait_feedback(reader[4], "kept-1", 1, WAIT_MS, &f));
    assert_string_equal(f.reason, "read_stale");
    assert_int_equal(house_decisions("kept-1"), 1);
    assert_int_equal(site_events(&site, "\"kind\":\"retained_refused\"", "\"reader\":\"r4\""), 1);
    assert_int_equal(house_releases(4), 0);
    assert_goes_on(); /* its answer came behind the clearing, on one connection */
    assert_false(is_retained_there(TOPIC(4)));
}

static void a_read_retained_before_the_start_opens_nothing(void **state)
{
    (void)state;
    char json[256];
    assert_true(site_kill_gatehoused(&site));
    assert_true(sim_reader_send_retained(reader[9], card_json(json, sizeof json, "kept-2", "")));
    assert_true(mqtt_client_flush(wire, WAIT_MS));
    assert_true(site_start_gatehoused(&site));
    assert_goes_on();
    assert_int_equal(house_releases(9), 0);
    assert_int_equal(site_events(&site, "\"read_id\":\"kept-2\"", "\"decision\":\"granted\""), 0);
    assert_true(mqtt_client_publish(wire, TOPIC(9), "", 0, 1, true, NULL));
}

static void a_retained_wrong_payload_is_cleared_as_well(void **state)
{
    (void)state;
    assert_true(sim_reader_send_retained(reader[5], "never JSON"));
    assert_true(site_wait_events(&site, "\"kind\":\"retained_refused\"", "\"reader\":\"r5\"", 1, WAIT_MS));
    assert_goes_on();
    assert_false(is_retained_there(TOPIC(5)));
}

/* --- malformed -------------------------------------------------------------------- */

struct bad {
    const char *payload;
    size_t len; /* 0 = up to its NUL */
    const char *id; /* what the answer can name; NULL = nothing */
};

static void every_class_of_wrong_payload_is_answered_and_journalled(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        {"", 0, NULL},
        {"\0", 1, NULL},
        {"null", 0, NULL},
        {"[]", 0, NULL},
        {"\"text\"", 0, NULL},
        {"{", 0, NULL},
        {"{}", 0, NULL},
        {"{} {}", 0, NULL},
        {"{\"id\":\"m1\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0", 0, NULL},
        {"{\"id\":\"m2\xff\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":\"m3\",\"type\":\"qr\",\"value\":\"\xc0\xaf\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":\"m4\",\"id\":\"m4\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":7,\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":\"\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":\"a b\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0}", 0, NULL},
        {"{\"id\":\"m5\"}", 0, "m5"},
        {"{\"id\":\"m6\",\"type\":\"card\",\"age_ms\":0}", 0, "m6"},
        {"{\"id\":\"m7\",\"type\":\"card\",\"value\":4242,\"age_ms\":0}", 0, "m7"},
        {"{\"id\":\"m8\",\"type\":\"card\",\"value\":\"XYZ\",\"age_ms\":0}", 0, "m8"},
        {"{\"id\":\"m9\",\"type\":\"crystal\",\"value\":\"AB\",\"age_ms\":0}", 0, "m9"},
        {"{\"id\":\"m10\",\"type\":\"pin\",\"value\":\"123456789\",\"age_ms\":0}", 0, "m10"},
        {"{\"id\":\"m11\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":\"0\"}", 0, "m11"},
        {"{\"id\":\"m12\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0.5}", 0, "m12"},
        {"{\"id\":\"m13\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0,\"tick\":5}", 0, "m13"},
        {"{\"id\":\"m14\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0,\"pin\":1234}", 0, "m14"},
        {"{\"id\":\"m15\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0,\"bits\":0}", 0, "m15"},
        {"{\"id\":\"m16\",\"type\":\"card\",\"value\":\"AB\",\"age_ms\":0,\"location\":[1,2]}", 0, "m16"},
        {"{\"id\":\"m17\",\"type\":\"card\",\"value\":\"\",\"age_ms\":0}", 0, "m17"},
    };
    const size_t n = sizeof bad / sizeof bad[0];
    int64_t before = site_status_number(&site, "reads", "malformed"), named = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = bad[i].len ? bad[i].len : strlen(bad[i].payload);
        assert_true(sim_reader_send_bytes(reader[6], bad[i].payload, len));
        named += bad[i].id != NULL;
    }
    struct feedback f;
    for (size_t i = 0; i < n; i++) {
        if (!bad[i].id)
            continue;
        assert_true(sim_reader_wait_feedback(reader[6], bad[i].id, 1, WAIT_MS, &f));
        assert_string_equal(f.reason, "read_malformed");
        assert_int_equal(house_decisions(bad[i].id), 1);
    }
    /* What names no read is answered too, for the reader's lamp: "id" is null. */
    assert_true(sim_reader_wait_feedback(reader[6], "", n - (size_t)named, WAIT_MS, &f));
    assert_string_equal(f.reason, "read_malformed");
    assert_goes_on();
    assert_int_equal(site_status_number(&site, "reads", "malformed"), before + (int64_t)n);
    assert_int_equal(site_events(&site, "\"reader\":\"r6\"", "\"reason\":\"read_malformed\""), n);
    assert_int_equal(house_releases(6), 0);
}

static void a_payload_over_4096_bytes_is_malformed_up_to_the_last_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, 4097, 10000, 65000};
    static char text[65001];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int n = snprintf(text, sizeof text,
                         "{\"id\":\"big-%zu\",\"type\":\"card\",\"value\":\"" CARD_BOB
                         "\",\"age_ms\":0", sizes[i]);
        memset(text + n, ' ', sizes[i] - (size_t)n);
        text[sizes[i] - 1] = '}';
        assert_true(sim_reader_send_bytes(reader[7], text, sizes[i]));
    }
    struct feedback f;
    assert_true(sim_reader_wait_feedback(reader[7], "big-4096", 1, WAIT_MS, &f));
    assert_string_equal(f.reason, "person_disabled");
    assert_true(sim_reader_wait_feedback(reader[7], "", 3, WAIT_MS, &f));
    assert_string_equal(f.reason, "read_malformed");
    assert_int_equal(site_events(&site, "\"reader\":\"r7\"", "\"reason\":\"read_malformed\""), 3);
    assert_goes_on();
}

static void an_unknown_reader_is_answered_and_journalled_by_name(void **state)
{
    (void)state;
    struct sim_reader *stranger = sim_reader_share(wire, "r-attic");
    struct feedback f;
    assert_non_null(stranger);
    assert_true(sim_reader_present(stranger, "attic-1", CARD_JANE, 0, NULL));
    assert_true(sim_reader_wait_feedback(stranger, "attic-1", 1, WAIT_MS, &f));
    sim_reader_close(stranger);
    assert_string_equal(f.reason, "reader_unknown");
    assert_int_equal(site_events(&site, "\"reader\":\"r-attic\"", "\"reason\":\"reader_unknown\""), 1);
}

static void topics_that_name_no_reader_are_counted_and_harm_nobody(void **state)
{
    (void)state;
    static const char *const topics[] = {"gatehouse/v1/readers/a b/read", "gatehouse/v1/readers//read",
                                         "gatehouse/v1/readers/\xc3\xa9/read"};
    char json[256];
    int64_t before = site_status_number(&site, "reads", "malformed");
    card_json(json, sizeof json, "nobody", ",\"age_ms\":0");
    for (int i = 0; i < 3; i++)
        assert_true(mqtt_client_publish(wire, topics[i], json, strlen(json), 1, false, NULL));
    assert_goes_on();
    assert_int_equal(site_status_number(&site, "reads", "malformed"), before + 3);
    assert_int_equal(house_decisions("nobody"), 0);
}

/* --- secrets ---------------------------------------------------------------------- */

static bool holds_bytes(const char *hay, size_t len, const char *needle)
{
    size_t n = strlen(needle);
    for (size_t i = 0; i + n <= len; i++)
        if (strncasecmp(hay + i, needle, n) == 0)
            return true;
    return false;
}

static void assert_no_secret(const char *where, const char *bytes, size_t len)
{
    static const char *const secrets[] = {CARD_JANE, CARD_BOB,     CARD_FOUND, PIN_JANE,
                                          "777123",  "SECRET-BAD", "gateway-token-of-a-test"};
    static const char raw[] = "\x5e\xc4\xe7\xca\x4d"; /* Jane's card as a number */
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (holds_bytes(bytes, len, secrets[i]))
            fail_msg("%s holds the secret %s", where, secrets[i]);
    assert_null(memmem(bytes, len, raw, sizeof raw - 1));
}

/* Files looked through. */
static int search_folder(const char *folder)
{
    int files = 0;
    struct dirent *e;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        char path[2 * FOLDER_PATH_MAX];
        size_t len;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *bytes = e->d_type == DT_REG ? folder_read(path, &len) : NULL;
        if (!bytes)
            continue;
        files++;
        assert_no_secret(path, bytes, len);
        free(bytes);
    }
    closedir(dir);
    return files;
}

static void card_numbers_and_pins_are_nowhere_but_in_the_read(void **state)
{
    (void)state;
    struct mqtt_client_options o = {.port = site.broker.port, .client_id = "spy"};
    struct mqtt_client *spy = mqtt_client_open(&o);
    assert_non_null(spy);
    assert_true(mqtt_client_subscribe(spy, "#"));
    house_present(4, "secret-1", CARD_JANE);
    house_present(4, "secret-2", CARD_BOB);
    house_present(4, "secret-3", CARD_FOUND);
    house_send(4, "{\"id\":\"secret-4\",\"type\":\"pin\",\"value\":\"" PIN_JANE "\",\"age_ms\":0}", "secret-4");
    house_send(4, "{\"id\":\"secret-5\",\"type\":\"pin\",\"value\":\"777123\",\"age_ms\":0}", "secret-5");
    house_send(4, "{\"id\":\"secret-6\",\"type\":\"card\",\"value\":\"" CARD_JANE "\",\"pin\":\"777123\","
                  "\"age_ms\":0}", "secret-6");
    house_send(4, "{\"id\":\"secret-7\",\"type\":\"card\",\"value\":\"SECRET-BAD\",\"age_ms\":0}", "secret-7");
    /* A policy that is refused, with a value in it. */
    assert_true(site_put_rows(&site, "{\"k\":\"credential\",\"id\":\"c-bad\",\"d\":{\"type\":\"card\","
                                     "\"value\":\"SECRET-BAD\"}}\n"));
    assert_true(site_wait_events(&site, "\"kind\":\"policy_refused\"", "c-bad", 1, WAIT_MS));
    house_heal("{\"k\":\"credential\",\"id\":\"c-bad\",\"op\":\"del\"}\n");
    assert_non_null(mqtt_client_wait_text(spy, 0, TOPIC_EVENTS, "secret-7", WAIT_MS));
    int seen = 0;
    for (size_t i = 0; i < mqtt_client_count(spy); i++) {
        const struct mqtt_message *m = mqtt_client_at(spy, i);
        if (strcmp(m->topic, TOPIC(4)) != 0)
            assert_no_secret(m->topic, m->payload, m->len);
        else
            seen++;
    }
    assert_true(seen >= 7);
    mqtt_client_close(spy);
    /* While they run, and with all that a stop leaves behind. */
    assert_true(search_folder(site.state_dir) >= 3);
    search_folder(site.run_dir);
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    assert_true(search_folder(site.state_dir) >= 3);
    static const char *const logs[] = {"gatehoused.log", "gatehouse-syncd.log", "mosquitto.log"};
    for (int i = 0; i < 3; i++) {
        char path[FOLDER_PATH_MAX];
        size_t len;
        assert_true(folder_file(&site.folder, logs[i], path));
        char *bytes = folder_read(path, &len);
        assert_non_null(bytes);
        assert_no_secret(path, bytes, len);
        free(bytes);
    }
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
}

/* --- a flood ---------------------------------------------------------------------- */

static int flood_begin(void **state)
{
    (void)state;
    static const struct site_options options = {.config = HOUSE_CONFIG}; /* 10 reads/s, 20 at once */
    return site_make(&site, &options) && site_start_broker(&site) && site_start_cloud(&site) &&
                   site_put_rows(&site, HOUSE_POLICY) && site_start_gatehoused(&site) &&
                   site_start_syncd(&site) && house_open_readers() &&
                   site_wait_policy(&site, WAIT_MS)
               ? 0
               : -1;
}

static void a_reader_that_floods_is_one_event_and_keeps_nobody_waiting(void **state)
{
    (void)state;
    char id[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "flood-%d", i);
        assert_true(sim_reader_present(reader[2], id, CARD_FOUND, 0, NULL));
        if (i % 200 == 0) {
            snprintf(id, sizeof id, "calm-%d", i);
            assert_string_equal(house_present(3, id, CARD_JANE).reason, "granted");
        }
    }
    int64_t flooded = site_status_number(&site, "reads", "flooded");
    assert_true(flooded > 0);
    assert_true(site_wait_events(&site, "\"kind\":\"reader_flooding\"", "\"reader\":\"r2\"", 1, WAIT_MS));
    struct trail trail;
    assert_true(trail_read(&trail, &site));
    const char *event = trail_find(&trail, "\"kind\":\"reader_flooding\"", NULL);
    const char *count = event ? strstr(event, "\"count\":") : NULL;
    assert_non_null(count);
    size_t decided = trail_count(&trail, "\"reader\":\"r2\"", "\"kind\":\"access\"");
    /* Each read was either decided or counted; nothing else is in the log. */
    assert_int_equal(strtoll(count + 8, NULL, 10) + (long long)decided, 1000);
    assert_int_equal(trail_count(&trail, "\"kind\":\"reader_flooding\"", NULL), 1);
    trail_free(&trail);
    /* It is not shut out for good. */
    assert_string_equal(house_present(2, "after-flood", CARD_BOB).reason, "person_disabled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_that_is_too_old_by_its_readers_clock_is_stale),
        cmocka_unit_test(a_read_without_a_proof_of_its_age_is_stale),
        cmocka_unit_test(a_reader_that_must_prove_with_ticks_can_and_must),
        cmocka_unit_test(a_tick_from_before_a_restart_is_stale),
        cmocka_unit_test(a_simple_reader_may_prove_nothing_where_the_configuration_says_so),
        cmocka_unit_test(a_retained_read_is_refused_journalled_and_cleared_from_the_broker),
        cmocka_unit_test(a_read_retained_before_the_start_opens_nothing),
        cmocka_unit_test(a_retained_wrong_payload_is_cleared_as_well),
        cmocka_unit_test(every_class_of_wrong_payload_is_answered_and_journalled),
        cmocka_unit_test(a_payload_over_4096_bytes_is_malformed_up_to_the_last_byte),
        cmocka_unit_test(an_unknown_reader_is_answered_and_journalled_by_name),
        cmocka_unit_test(topics_that_name_no_reader_are_counted_and_harm_nobody),
        cmocka_unit_test(card_numbers_and_pins_are_nowhere_but_in_the_read),
    };
    const struct CMUnitTest flood[] = {
        cmocka_unit_test(a_reader_that_floods_is_one_event_and_keeps_nobody_waiting),
    };
    int failed = cmocka_run_group_tests_name("gateway_reads", tests, house_begin, house_end);
    return failed + cmocka_run_group_tests_name("gateway_flood", flood, flood_begin, house_end);
}
