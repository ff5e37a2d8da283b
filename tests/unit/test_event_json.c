/* Journal events as bytes: the format, and that every event fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/json/event_json.h"
#include "adapters/json/json.h"

#define PREV "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TAIL ",\"policy\":{\"epoch\":0,\"rev\":0,\"age_s\":null},\"prev\":\"" PREV "\"}"

static struct event bare_event(enum event_kind kind)
{
    struct event e;
    memset(&e, 0, sizeof e);
    e.seq = 7;
    e.at = (struct now){{1500}, {1735689600, CLOCK_SYNCED}};
    e.kind = kind;
    e.policy.issued_at = INSTANT_NONE;
    return e;
}

/* Also checks that the bytes are one JSON object to a strict reader. */
static char *written(const struct event *e)
{
    char bytes[EVENT_JSON_MAX];
    char why[128];
    size_t len = 0;
    assert_int_equal(event_json_write(bytes, &len, e, PREV), GH_OK);
    assert_in_range(len, 1, EVENT_JSON_MAX);
    assert_null(memchr(bytes, '\n', len));
    struct json *v = json_parse_object(slice_make(bytes, len), why, sizeof why);
    if (!v)
        fail_msg("%s: %.*s", why, (int)len, bytes);
    json_free(v);
    char *text = test_calloc(1, len + 1);
    memcpy(text, bytes, len);
    return text;
}

static void assert_written(const struct event *e, const char *text)
{
    char *got = written(e);
    assert_string_equal(got, text);
    test_free(got);
}

static void an_event_with_nothing_set_has_its_head_and_tail(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_GATEWAY_STOPPED);
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"gateway_stopped\"" TAIL);
}

static void a_granted_read_is_written_whole_and_in_order(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_ACCESS);
    e.door = (struct id){"d"};
    e.reader = (struct id){"r"};
    e.person = (struct id){"p"};
    e.credential = (struct id){"c"};
    e.has_type = true;
    e.type = CREDENTIAL_PLATE;
    e.has_decision = true;
    e.decision = DECISION_GRANTED;
    e.reason = REASON_GRANTED;
    e.via = (struct via){.present = true, .kind = ENTITLEMENT_TEMP_KEY, .id = {"e"}};
    e.violation = VIOLATION_EXIT;
    e.duress = true;
    e.with = (struct id){"q"};
    e.read_id = (struct id){"x:1"};
    e.policy = (struct policy_version){3, 44, 1735689600 - 12};
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"access\",\"door\":\"d\",\"reader\":\"r\","
                       "\"person\":\"p\",\"credential\":\"c\",\"type\":\"plate\","
                       "\"decision\":\"granted\",\"reason\":\"granted\","
                       "\"via\":{\"kind\":\"temp_key\",\"id\":\"e\"},\"violation\":\"exit\","
                       "\"duress\":true,\"with\":\"q\",\"read_id\":\"x:1\","
                       "\"policy\":{\"epoch\":3,\"rev\":44,\"age_s\":12},\"prev\":\"" PREV "\"}");
}

static void args_hold_what_is_set_and_nothing_else(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_COMMAND);
    memcpy(e.by, "panel:1", 8);
    e.args.action = "hold_open";
    e.args.result = "done";
    e.args.until = 1735689600;
    e.args.id = (struct id){"k1"};
    e.args.person = (struct id){"p"};
    e.args.area = (struct id){"a"};
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"command\",\"by\":\"panel:1\","
                       "\"args\":{\"action\":\"hold_open\",\"result\":\"done\","
                       "\"until\":\"2025-01-01T00:00:00Z\",\"id\":\"k1\",\"person\":\"p\","
                       "\"area\":\"a\"}" TAIL);
    e = bare_event(EVENT_DOOR_MODE);
    e.args.mode = "unlocked";
    e.args.has_on = true;
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"door_mode\","
                       "\"args\":{\"mode\":\"unlocked\",\"on\":false}" TAIL);

    e = bare_event(EVENT_EVENTS_LOST);
    e.args.has_range = true;
    e.args.from = INT64_MIN;
    e.args.to = INT64_MAX;
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"events_lost\",\"args\":{"
                       "\"from\":-9223372036854775808,\"to\":9223372036854775807}" TAIL);
    e = bare_event(EVENT_READER_FLOODING);
    e.args.has_count = true;
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"reader_flooding\",\"args\":{\"count\":0}"
                       TAIL);
    e = bare_event(EVENT_GATEWAY_STARTED);
    e.args.version = "1.0";
    e.args.fault = "";
    assert_written(&e, "{\"seq\":7,\"at\":\"2025-01-01T00:00:00Z\",\"mono_ms\":1500,"
                       "\"clock\":\"synced\",\"kind\":\"gateway_started\","
                       "\"args\":{\"fault\":\"\",\"version\":\"1.0\"}" TAIL);
}

static void assert_has(const struct event *e, const char *part)
{
    char *text = written(e);
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
    test_free(text);
}

static void the_policy_age_is_null_where_nobody_can_know_it(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_ACCESS);
    e.policy = (struct policy_version){3, 44, 1735689600};
    assert_has(&e, "\"policy\":{\"epoch\":3,\"rev\":44,\"age_s\":0}");
    e.policy.issued_at = 1735689605;
    assert_has(&e, "\"policy\":{\"epoch\":3,\"rev\":44,\"age_s\":-5}");
    e.at.wall.trust = CLOCK_HOLDOVER;
    assert_has(&e, "\"clock\":\"holdover\"");
    assert_has(&e, "\"age_s\":-5}");
    e.at.wall.trust = CLOCK_UNSET;
    assert_has(&e, "\"clock\":\"unset\"");
    assert_has(&e, "\"policy\":{\"epoch\":3,\"rev\":44,\"age_s\":null}");
    e.at.wall = (struct wall){INT64_MAX, CLOCK_SYNCED};
    e.policy.issued_at = -9;
    assert_has(&e, "\"policy\":{\"epoch\":3,\"rev\":44,\"age_s\":null}");
    e.policy.issued_at = INSTANT_NONE;
    assert_has(&e, "\"policy\":{\"epoch\":0,\"rev\":0,\"age_s\":null}");
}

static void every_kind_reason_and_type_is_written_by_its_word(void **state)
{
    (void)state;
    char part[64];
    for (int i = 0; i < EVENT_KINDS; i++) {
        struct event e = bare_event((enum event_kind)i);
        (void)snprintf(part, sizeof part, "\"kind\":\"%s\",", event_kind_name(e.kind));
        assert_has(&e, part);
    }
    for (int i = 0; i < REASONS; i++) {
        struct event e = bare_event(EVENT_ACCESS);
        e.has_decision = true;
        e.reason = (enum reason)i;
        (void)snprintf(part, sizeof part, "\"decision\":\"denied\",\"reason\":\"%s\",",
                       reason_name(e.reason));
        assert_has(&e, part);
    }
    for (int i = 0; i < CREDENTIAL_TYPES; i++) {
        struct event e = bare_event(EVENT_ACCESS);
        e.has_type = true;
        e.type = (enum credential_type)i;
        (void)snprintf(part, sizeof part, "\"type\":\"%s\",", credential_type_name(e.type));
        assert_has(&e, part);
    }
}

static void what_json_does_not_allow_in_a_text_is_escaped(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"a\"b\\c/d", "a\\\"b\\\\c/d"},
        {"\x01\t\n\r\x1f\x7f", "\\u0001\\u0009\\u000a\\u000d\\u001f\x7f"},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xaa", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xaa"},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct event e = bare_event(EVENT_COMMAND);
        char part[128];
        (void)snprintf(e.by, sizeof e.by, "%s", texts[i][0]);
        e.args.fault = texts[i][0];
        (void)snprintf(part, sizeof part, ",\"by\":\"%s\",\"args\":{\"fault\":\"%s\"}",
                       texts[i][1], texts[i][1]);
        assert_has(&e, part);
    }
}

#define FFFD "\xef\xbf\xbd"

static void bytes_that_are_not_utf8_are_replaced_one_by_one(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"a\xff" "b", "a" FFFD "b"},
        {"\x80", FFFD},
        {"\xc0\xaf", FFFD FFFD},
        {"\xc1\xbf", FFFD FFFD},
        {"\xc3", FFFD},
        {"\xc3(", FFFD "("},
        {"\xe0\x9f\xbf", FFFD FFFD FFFD},
        {"\xe2\x82", FFFD FFFD},
        {"\xe2\x82\"", FFFD FFFD "\\\""},
        {"\xed\xa0\x80", FFFD FFFD FFFD},
        {"\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD},
        {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD},
        {"\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD},
        {"\xf0\x9f\x9a", FFFD FFFD FFFD},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct event e = bare_event(EVENT_COMMAND);
        char part[128];
        (void)snprintf(e.by, sizeof e.by, "%s", texts[i][0]);
        e.args.version = texts[i][0];
        (void)snprintf(part, sizeof part, ",\"by\":\"%s\",\"args\":{\"version\":\"%s\"}",
                       texts[i][1], texts[i][1]);
        assert_has(&e, part);
    }
}

static void texts_of_ordinary_length_are_never_cut(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_COMMAND);
    char fault[300], part[400];
    memset(e.by, 'b', sizeof e.by - 1);
    memset(fault, 'f', sizeof fault - 1);
    fault[sizeof fault - 1] = '\0';
    e.args.fault = fault;
    (void)snprintf(part, sizeof part, "\"by\":\"%s\"", e.by);
    assert_has(&e, part);
    (void)snprintf(part, sizeof part, "\"fault\":\"%s\"", fault);
    assert_has(&e, part);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct event e = bare_event(EVENT_COMMAND);
    char text[EVENT_JSON_SHORT_TEXT_MAX + 8], part[128];
    memset(text, 'a', sizeof text);
    memcpy(text + EVENT_JSON_SHORT_TEXT_MAX - 1, "\xe2\x82\xac", 4);
    e.args.version = text;
    (void)snprintf(part, sizeof part, "\"version\":\"%.*s\"}", EVENT_JSON_SHORT_TEXT_MAX - 1, text);
    assert_has(&e, part);
    memcpy(text + EVENT_JSON_SHORT_TEXT_MAX - 3, "\xe2\x82\xac", 4);
    (void)snprintf(part, sizeof part, "\"version\":\"%s\"}", text);
    assert_has(&e, part);
    /* Of the last character as many bytes would fit as its replacement needs. */
    memcpy(text + EVENT_JSON_SHORT_TEXT_MAX - 3, "\xf0\x9f\x9a\xaa", 5);
    (void)snprintf(part, sizeof part, "\"version\":\"%.*s\"}", EVENT_JSON_SHORT_TEXT_MAX - 3, text);
    assert_has(&e, part);
}

static struct id longest_id(void)
{
    struct id id;
    memset(id.s, 'i', ID_MAX);
    id.s[ID_MAX] = '\0';
    return id;
}

static void the_largest_event_that_there_can_be_fits(void **state)
{
    (void)state;
    static char text[4096];
    memset(text, '\x01', sizeof text - 1);
    struct event e = bare_event(EVENT_RETAINED_REFUSED);
    e.seq = INT64_MAX; /* beyond it our own reader does not go */
    e.at = (struct now){{INT64_MIN}, {INT64_MIN, CLOCK_HOLDOVER}};
    e.door = e.reader = e.person = e.credential = e.read_id = longest_id();
    e.has_type = e.has_decision = true;
    e.type = CREDENTIAL_FINGERPRINT;
    e.decision = DECISION_PENDING;
    e.reason = REASON_CREDENTIAL_TYPE_NOT_ACCEPTED;
    e.via = (struct via){.present = true, .is_rules = true, .id = longest_id()};
    e.violation = VIOLATION_ENTRY;
    e.duress = true;
    e.with = longest_id();
    memset(e.by, '\x01', sizeof e.by); /* not even terminated */
    e.args = (struct event_args){.action = text,
                                 .result = text,
                                 .fault = text,
                                 .version = text,
                                 .mode = text,
                                 .has_on = true,
                                 .until = INT64_MAX,
                                 .id = longest_id(),
                                 .person = longest_id(),
                                 .area = longest_id(),
                                 .has_range = true,
                                 .from = INT64_MIN,
                                 .to = INT64_MIN,
                                 .has_count = true,
                                 .count = INT64_MIN};
    e.policy = (struct policy_version){INT64_MIN, INT64_MIN, -1};
    char *bytes = written(&e);
    assert_in_range(strlen(bytes), 1500, EVENT_JSON_MAX - 1);
    test_free(bytes);
    static const char worst[] = "a\"\\\x01\xff\xe2\x82\xac\xf0\x9f\x9a\xaa";
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = worst[i % (sizeof worst - 1)];
    memcpy(e.by, text, sizeof e.by);
    bytes = written(&e);
    test_free(bytes);
}

/* Texts at random: whatever they hold, the result is one strict JSON object. */
static void any_bytes_make_a_good_event(void **state)
{
    (void)state;
    const char *given = getenv("GATEHOUSE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20250101;
    print_message("GATEHOUSE_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        struct event e = bare_event(EVENT_COMMAND);
        char fault[200];
        for (size_t i = 0; i < sizeof fault; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            fault[i] = (char)(seed >> 56);
            e.by[i] = (char)(seed >> 48);
        }
        fault[sizeof fault - 1] = '\0';
        e.args.fault = fault;
        char *bytes = written(&e);
        test_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_with_nothing_set_has_its_head_and_tail),
        cmocka_unit_test(a_granted_read_is_written_whole_and_in_order),
        cmocka_unit_test(args_hold_what_is_set_and_nothing_else),
        cmocka_unit_test(the_policy_age_is_null_where_nobody_can_know_it),
        cmocka_unit_test(every_kind_reason_and_type_is_written_by_its_word),
        cmocka_unit_test(what_json_does_not_allow_in_a_text_is_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced_one_by_one),
        cmocka_unit_test(texts_of_ordinary_length_are_never_cut),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(the_largest_event_that_there_can_be_fits),
        cmocka_unit_test(any_bytes_make_a_good_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
