/* The payload of a read: what is taken, and above all what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/json/read_json.h"

static const struct id front = {"front"};

static enum gh_err parse_bytes(struct read *out, const char *bytes, size_t len)
{
    memset(out, 0xa5, sizeof *out);
    return read_json_parse(out, &front, slice_make(bytes, len));
}

static enum gh_err parse(struct read *out, const char *text)
{
    return parse_bytes(out, text, strlen(text));
}

static void assert_value(const struct credential_value *v, const char *text)
{
    assert_int_equal(v->len, strlen(text));
    assert_memory_equal(v->text, text, v->len);
}

/* Nothing but reader and read_id may be set in what is left of a bad read. */
static void assert_bare(const struct read *r, const char *read_id)
{
    struct read bare;
    memset(&bare, 0, sizeof bare);
    bare.reader = front;
    memcpy(bare.read_id.s, read_id, strlen(read_id));
    assert_string_equal(r->reader.s, bare.reader.s);
    assert_string_equal(r->read_id.s, bare.read_id.s);
    assert_int_equal(r->type, bare.type);
    assert_memory_equal(&r->value, &bare.value, sizeof bare.value);
    assert_memory_equal(&r->pin, &bare.pin, sizeof bare.pin);
    assert_int_equal(r->bits, 0);
    assert_false(r->has_pin);
    assert_false(r->tick.present);
    assert_int_equal(r->age_ms, 0);
    assert_false(r->location.present);
}

static void a_minimal_read_has_everything_else_absent(void **state)
{
    (void)state;
    struct read r;
    assert_int_equal(parse(&r, "{\"id\":\"r-1\",\"type\":\"card\",\"value\":\"00:ab 12-cd\"}"),
                     GH_OK);
    assert_string_equal(r.reader.s, "front");
    assert_string_equal(r.read_id.s, "r-1");
    assert_int_equal(r.type, CREDENTIAL_CARD);
    assert_value(&r.value, "AB12CD");
    assert_int_equal(r.bits, 0);
    assert_false(r.has_pin);
    assert_false(r.tick.present);
    assert_int_equal(r.age_ms, -1);
    assert_false(r.location.present);
}

static void a_full_read_is_taken_whole(void **state)
{
    (void)state;
    struct read r;
    assert_int_equal(
        parse(&r, " {\"location\":{\"lat\":-52.5,\"lon\":13,\"accuracy_m\":0},\"age_ms\":1200,"
                  "\"tick\":\"a:b:18446744073709551615\",\"pin\":\"0042\",\"bits\":26,"
                  "\"value\":\"beef\",\"type\":\"uhf\",\"id\":\"x\"}\n"),
        GH_OK);
    assert_int_equal(r.type, CREDENTIAL_UHF);
    assert_value(&r.value, "BEEF");
    assert_int_equal(r.bits, 26);
    assert_true(r.has_pin);
    assert_value(&r.pin, "0042");
    assert_true(r.tick.present);
    assert_string_equal(r.tick.session.s, "a:b");
    assert_true(r.tick.n == UINT64_MAX);
    assert_int_equal(r.age_ms, 1200);
    assert_true(r.location.present);
    assert_true(r.location.lat == -52.5);
    assert_true(r.location.lon == 13.0);
    assert_true(r.location.accuracy_m == 0.0);
}

static void optional_members_that_are_null_count_as_absent(void **state)
{
    (void)state;
    struct read r;
    assert_int_equal(parse(&r, "{\"id\":\"x\",\"type\":\"pin\",\"value\":\"12\",\"bits\":null,"
                               "\"pin\":null,\"tick\":null,\"age_ms\":null,\"location\":null}"),
                     GH_OK);
    assert_int_equal(r.bits, 0);
    assert_false(r.has_pin);
    assert_false(r.tick.present);
    assert_int_equal(r.age_ms, -1);
    assert_false(r.location.present);
}

static void members_that_nobody_knows_are_ignored(void **state)
{
    (void)state;
    struct read r;
    assert_int_equal(parse(&r, "{\"reader\":\"back\",\"x\":[{\"id\":\"y\"}],\"id\":\"x\","
                               "\"type\":\"qr\",\"value\":\"a \\u00e9\"}"),
                     GH_OK);
    assert_string_equal(r.reader.s, "front");
    assert_string_equal(r.read_id.s, "x");
    assert_value(&r.value, "a \xc3\xa9");
}

static void the_bounds_of_numbers_are_inside(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\"bits\":1",
        "\"bits\":256",
        "\"age_ms\":0",
        "\"age_ms\":31536000000",
        "\"tick\":\"s:0\"",
        "\"location\":{\"lat\":90,\"lon\":180,\"accuracy_m\":0.5}",
        "\"location\":{\"lat\":-90.0,\"lon\":-180,\"accuracy_m\":1e300}",
        "\"pin\":\"12\"",
        "\"pin\":\"12345678\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[256];
        struct read r;
        (void)snprintf(text, sizeof text, "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",%s}",
                       good[i]);
        if (parse(&r, text) != GH_OK)
            fail_msg("refused: %s", good[i]);
    }
}

static void a_bad_member_makes_it_malformed_and_the_id_is_kept(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"type\":\"card\"",
        "\"value\":\"12\"",
        "\"type\":\"badge\",\"value\":\"12\"",
        "\"type\":\"Card\",\"value\":\"12\"",
        "\"type\":\"\",\"value\":\"12\"",
        "\"type\":7,\"value\":\"12\"",
        "\"type\":null,\"value\":\"12\"",
        "\"type\":[\"card\"],\"value\":\"12\"",
        "\"type\":\"card\",\"value\":12",
        "\"type\":\"card\",\"value\":null",
        "\"type\":\"card\",\"value\":\"\"",
        "\"type\":\"card\",\"value\":\"- :\"",
        "\"type\":\"card\",\"value\":\"12G4\"",
        "\"type\":\"card\",\"value\":\"12345678901234567\"",
        "\"type\":\"pin\",\"value\":\"1\"",
        "\"type\":\"pin\",\"value\":\"123456789\"",
        "\"type\":\"pin\",\"value\":\"12a4\"",
        "\"type\":\"plate\",\"value\":\" - \"",
        "\"type\":\"qr\",\"value\":\"\"",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":0",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":257",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":-26",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":26.0",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":\"26\"",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":true",
        "\"type\":\"card\",\"value\":\"1\",\"bits\":4294967322",
        "\"type\":\"card\",\"value\":\"1\",\"pin\":\"1\"",
        "\"type\":\"card\",\"value\":\"1\",\"pin\":\"12 34\"",
        "\"type\":\"card\",\"value\":\"1\",\"pin\":1234",
        "\"type\":\"card\",\"value\":\"1\",\"pin\":\"\"",
        "\"type\":\"card\",\"value\":\"1\",\"age_ms\":-1",
        "\"type\":\"card\",\"value\":\"1\",\"age_ms\":31536000001",
        "\"type\":\"card\",\"value\":\"1\",\"age_ms\":1.5",
        "\"type\":\"card\",\"value\":\"1\",\"age_ms\":\"0\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":5",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\":5\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:-5\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:+5\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s: 5\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:5x\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s s:5\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:18446744073709551616\"",
        "\"type\":\"card\",\"value\":\"1\",\"tick\":\"s:99999999999999999999999\"",
        "\"type\":\"card\",\"value\":\"1\",\"location\":[]",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":1,\"lon\":1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":1,\"accuracy_m\":1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":90.01,\"lon\":1,\"accuracy_m\":1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":1,\"lon\":-181,\"accuracy_m\":1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":1,\"lon\":1,\"accuracy_m\":-0.1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":\"1\",\"lon\":1,\"accuracy_m\":1}",
        "\"type\":\"card\",\"value\":\"1\",\"location\":{\"lat\":1,\"lon\":1,\"accuracy_m\":null}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        struct read r;
        (void)snprintf(text, sizeof text, "{%s,\"id\":\"r.9\"}", bad[i]);
        if (parse(&r, text) != GH_INVALID)
            fail_msg("taken: %s", text);
        assert_bare(&r, "r.9");
    }
}

static void a_bad_id_makes_it_malformed_and_none_is_kept(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"type\":\"card\",\"value\":\"1\"",
        "\"type\":\"card\",\"value\":\"1\",\"id\":null",
        "\"type\":\"card\",\"value\":\"1\",\"id\":17",
        "\"type\":\"card\",\"value\":\"1\",\"id\":\"\"",
        "\"type\":\"card\",\"value\":\"1\",\"id\":\"a b\"",
        "\"type\":\"card\",\"value\":\"1\",\"id\":\"a/b\"",
        "\"type\":\"card\",\"value\":\"1\",\"id\":\"\\u00e9\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        struct read r;
        (void)snprintf(text, sizeof text, "{%s}", bad[i]);
        if (parse(&r, text) != GH_INVALID)
            fail_msg("taken: %s", text);
        assert_bare(&r, "");
    }
}

static void an_id_has_at_most_64_characters(void **state)
{
    (void)state;
    for (int n = 64; n <= 65; n++) {
        char id[66], text[128];
        struct read r;
        memset(id, 'i', sizeof id);
        id[n] = '\0';
        (void)snprintf(text, sizeof text, "{\"type\":\"card\",\"value\":\"1\",\"id\":\"%s\"}", id);
        assert_int_equal(parse(&r, text), n == 64 ? GH_OK : GH_INVALID);
        assert_string_equal(r.read_id.s, n == 64 ? id : "");
    }
}

#define GOOD "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\"}"

static void what_is_not_one_json_object_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "17",
        "\"card\"",
        "[]",
        "[" GOOD "]",
        GOOD "x",
        GOOD GOOD,
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\"",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",}",
        "{\"id\":\"x\" \"type\":\"card\",\"value\":\"1\"}",
        "{'id':'x','type':'card','value':'1'}",
        "{id:\"x\",\"type\":\"card\",\"value\":\"1\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\n\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":01}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":99999999999999999999}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":1e999}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":NaN}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":\"\\ud800\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":\"\\u0000\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"\\u0000\":1}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":\"\xff\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":\"\xc0\xaf\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":\"\xed\xa0\x80\"}",
        "\xef\xbb\xbf" GOOD,
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct read r;
        if (parse(&r, bad[i]) != GH_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_bare(&r, "");
    }
}

static void a_member_given_twice_is_malformed_however_it_is_spelt(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"value\":\"2\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"\\u0076alue\":\"2\"}",
        "{\"id\":\"x\",\"id\":\"y\",\"type\":\"card\",\"value\":\"1\"}",
        "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"x\":[{\"y\":1,\"y\":1}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct read r;
        if (parse(&r, bad[i]) != GH_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_bare(&r, "");
    }
}

static void nul_bytes_are_malformed_wherever_they_stand(void **state)
{
    (void)state;
    const size_t len = sizeof GOOD - 1;
    for (size_t i = 0; i <= len; i++) {
        char text[sizeof GOOD + 1];
        struct read r;
        memcpy(text, GOOD, i);
        text[i] = '\0';
        memcpy(text + i + 1, &GOOD[i], len - i);
        if (parse_bytes(&r, text, len + 1) != GH_INVALID)
            fail_msg("taken with a NUL at %zu", i);
    }
}

static void every_beginning_of_a_good_payload_is_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        struct read r;
        assert_int_equal(parse_bytes(&r, GOOD, i), GH_INVALID);
    }
    struct read r;
    assert_int_equal(read_json_parse(&r, &front, (struct slice){NULL, 0}), GH_INVALID);
}

static void a_payload_is_taken_up_to_its_bound_and_not_beyond(void **state)
{
    (void)state;
    char text[READ_PAYLOAD_MAX + 1];
    struct read r;
    memset(text, ' ', sizeof text);
    memcpy(text, GOOD, sizeof GOOD - 1);
    assert_int_equal(parse_bytes(&r, text, READ_PAYLOAD_MAX), GH_OK);
    assert_int_equal(parse_bytes(&r, text, READ_PAYLOAD_MAX + 1), GH_INVALID);
    assert_bare(&r, "");
}

static void nesting_is_bounded_but_brackets_in_texts_do_not_count(void **state)
{
    (void)state;
    char text[512];
    struct read r;
    for (int depth = 31; depth <= 32; depth++) {
        (void)snprintf(text, sizeof text, "{\"id\":\"x\",\"type\":\"card\",\"value\":\"1\",\"a\":"
                       "%.*s%.*s}", depth, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                       depth, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        assert_int_equal(parse(&r, text), depth == 31 ? GH_OK : GH_INVALID);
    }
    assert_int_equal(parse(&r, "{\"id\":\"x\",\"type\":\"qr\",\"value\":\"\\\"[[[[[[[[[[[[[[[[[[[["
                               "[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{\"}"), GH_OK);
}

static void a_value_of_256_bytes_is_taken_and_one_of_257_is_not(void **state)
{
    (void)state;
    for (int n = 256; n <= 257; n++) {
        char value[258], text[400];
        struct read r;
        memset(value, 'v', sizeof value);
        (void)snprintf(text, sizeof text, "{\"id\":\"x\",\"type\":\"face\",\"value\":\"%.*s\"}", n,
                       value);
        assert_int_equal(parse(&r, text), n == 256 ? GH_OK : GH_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minimal_read_has_everything_else_absent),
        cmocka_unit_test(a_full_read_is_taken_whole),
        cmocka_unit_test(optional_members_that_are_null_count_as_absent),
        cmocka_unit_test(members_that_nobody_knows_are_ignored),
        cmocka_unit_test(the_bounds_of_numbers_are_inside),
        cmocka_unit_test(a_bad_member_makes_it_malformed_and_the_id_is_kept),
        cmocka_unit_test(a_bad_id_makes_it_malformed_and_none_is_kept),
        cmocka_unit_test(an_id_has_at_most_64_characters),
        cmocka_unit_test(what_is_not_one_json_object_is_malformed),
        cmocka_unit_test(a_member_given_twice_is_malformed_however_it_is_spelt),
        cmocka_unit_test(nul_bytes_are_malformed_wherever_they_stand),
        cmocka_unit_test(every_beginning_of_a_good_payload_is_malformed),
        cmocka_unit_test(a_payload_is_taken_up_to_its_bound_and_not_beyond),
        cmocka_unit_test(nesting_is_bounded_but_brackets_in_texts_do_not_count),
        cmocka_unit_test(a_value_of_256_bytes_is_taken_and_one_of_257_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
