/* JSON values for protocols: reading with types checked, and building. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/json/json.h"

static struct json *parsed(const char *text)
{
    char why[128] = "";
    struct json *v = json_parse_object(slice_of(text), why, sizeof why);
    if (!v)
        fail_msg("%s: %s", text, why);
    return v;
}

static void assert_prints(const struct json *v, const char *text)
{
    size_t len = 0;
    char *got = json_print(v, &len);
    assert_non_null(got);
    assert_string_equal(got, text);
    assert_int_equal(len, strlen(text));
    free(got);
}

static void members_are_read_by_their_types(void **state)
{
    (void)state;
    struct json *v = parsed("{\"t\":\"a\\u00e9\",\"e\":\"\",\"i\":-9223372036854775808,\"b\":true,"
                            "\"o\":{\"x\":1},\"a\":[{\"x\":2},3],\"n\":null}");
    struct slice t;
    int64_t i;
    bool b;
    assert_true(json_text(v, "t", &t));
    assert_true(slice_is(t, "a\xc3\xa9"));
    assert_true(json_text(v, "e", &t));
    assert_int_equal(t.len, 0);
    assert_true(json_int(v, "i", &i));
    assert_true(i == INT64_MIN);
    assert_true(json_bool(v, "b", &b));
    assert_true(b);
    assert_true(json_int(json_child(v, "o"), "x", &i));
    assert_int_equal(i, 1);
    assert_int_equal(json_array_len(v, "a"), 2);
    assert_true(json_int(json_array_at(v, "a", 0), "x", &i));
    assert_int_equal(i, 2);
    assert_true(json_has(v, "o"));
    json_free(v);
}

static void another_type_null_or_nothing_leaves_the_output_alone(void **state)
{
    (void)state;
    struct json *v = parsed("{\"text\":\"5\",\"int\":5,\"real\":5.0,\"bool\":false,\"null\":null,"
                            "\"array\":[1],\"object\":{}}");
    static const char *const names[] = {"text", "int",   "real",   "bool",
                                        "null", "array", "object", "absent"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct slice t = {"untouched", 9};
        int64_t i = 77;
        bool b = true;
        assert_int_equal(json_text(v, names[n], &t), n == 0);
        assert_int_equal(json_int(v, names[n], &i), n == 1);
        assert_int_equal(json_bool(v, names[n], &b), n == 3);
        if (n != 0)
            assert_true(slice_is(t, "untouched"));
        if (n != 1)
            assert_int_equal(i, 77);
        if (n != 3)
            assert_true(b);
        assert_int_equal(json_array_len(v, names[n]), n == 5);
        assert_int_equal(json_child(v, names[n]) != NULL, n == 6);
        assert_int_equal(json_has(v, names[n]), n != 4 && n != 7);
    }
    assert_null(json_array_at(v, "array", 1));
    assert_null(json_array_at(v, "text", 0));
    json_free(v);
}

static void what_is_no_object_has_no_members(void **state)
{
    (void)state;
    struct json *v = parsed("{\"a\":[7]}");
    const struct json *seven = json_array_at(v, "a", 0);
    int64_t i;
    assert_non_null(seven);
    assert_false(json_int(seven, "x", &i));
    assert_false(json_has(NULL, "x"));
    assert_false(json_int(NULL, "x", &i));
    assert_null(json_child(NULL, "x"));
    assert_int_equal(json_array_len(NULL, "x"), 0);
    json_free(v);
    json_free(NULL);
}

static void what_is_not_strict_json_is_refused_with_one_line(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "it ends too early"},
        {"[]", "not a JSON object"},
        {"{\"a\":1}{", "something follows the object"},
        {"{\"a\":1,}", "not JSON"},
        {"{\"a\":+1}", "not JSON"},
        {"{\"a\":.5}", "not JSON"},
        {"{\"a\":0x1}", "not JSON"},
        {"{\"a\":Infinity}", "not JSON"},
        {"{\"a\":\"\\x\"}", "not JSON"},
        {"{\"a\":\"\t\"}", "not JSON"},
        {"{/* */\"a\":1}", "not JSON"},
        {"{\"a\":1,\"a\":1}", "the same member twice"},
        {"{\"o\":{\"a\":1,\"\\u0061\":1}}", "the same member twice"},
        {"{\"a\":\"\\u0000\"}", "a NUL in a text"},
        {"{\"\\u0000\":1}", "a NUL in a text"},
        {"{\"a\":\"\xc3\"}", "not UTF-8"},
        {"{\"a\":9223372036854775808}", "a number out of range"},
        {"{\"a\":1e400}", "a number out of range"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[128] = "";
        struct json *v = json_parse_object(slice_of(bad[i][0]), why, sizeof why);
        if (v)
            fail_msg("taken: %s", bad[i][0]);
        if (strncmp(why, bad[i][1], strlen(bad[i][1])) != 0)
            fail_msg("%s: %s", bad[i][0], why);
    }
    assert_null(json_parse_object((struct slice){NULL, 0}, NULL, 0));
    assert_null(json_parse_object(slice_make("{}\0", 3), NULL, 0));
}

static void nesting_of_32_is_taken_and_more_is_refused_at_any_length(void **state)
{
    (void)state;
    static char text[400001];
    for (int depth = 32; depth <= 33; depth++) {
        size_t n = (size_t)depth - 1;
        text[0] = '{';
        text[1] = text[3] = '"';
        text[2] = 'a';
        text[4] = ':';
        memset(text + 5, '[', n);
        memset(text + 5 + n, ']', n);
        text[5 + 2 * n] = '}';
        struct json *v = json_parse_object(slice_make(text, 6 + 2 * n), NULL, 0);
        assert_int_equal(v != NULL, depth == 32);
        json_free(v);
    }
    char why[64];
    memset(text, '[', sizeof text);
    assert_null(json_parse_object(slice_make(text, sizeof text), why, sizeof why));
    assert_string_equal(why, "nested too deeply");
}

static void no_reason_quotes_what_was_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"token\":\"s3cr3t\"s3cr3t}", "{\"token\":s3cr3t}", "{\"s3cr3t\":1,\"s3cr3t\":1}",
        "{\"token\":\"s3cr3t",          "s3cr3t",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[256];
        assert_null(json_parse_object(slice_of(bad[i]), why, sizeof why));
        assert_null(strstr(why, "s3cr"));
    }
}

static void a_built_object_prints_in_the_order_of_insertion(void **state)
{
    (void)state;
    struct json *v = json_new();
    assert_non_null(v);
    assert_true(json_set_text(v, "z", slice_of("q\"\n\xc3\xa9")));
    assert_true(json_set_int(v, "i", INT64_MAX));
    assert_true(json_set_real(v, "r", 0.5));
    assert_true(json_set_bool(v, "b", false));
    assert_true(json_set_null(v, "a"));
    struct json *child = json_new();
    assert_true(json_set_text(child, "e", (struct slice){NULL, 0}));
    assert_true(json_set(v, "o", child));
    assert_true(json_append(v, "l", json_new()));
    struct json *last = json_new();
    assert_true(json_set_int(last, "n", 2));
    assert_true(json_append(v, "l", last));
    assert_prints(v, "{\"z\":\"q\\\"\\n\xc3\xa9\",\"i\":9223372036854775807,\"r\":0.5,\"b\":false,"
                     "\"a\":null,\"o\":{\"e\":\"\"},\"l\":[{},{\"n\":2}]}");
    assert_true(json_set_int(v, "z", 1)); /* replaces, in its place */
    assert_true(json_set(v, "l", json_new()));
    assert_prints(v, "{\"z\":1,\"i\":9223372036854775807,\"r\":0.5,\"b\":false,"
                     "\"a\":null,\"o\":{\"e\":\"\"},\"l\":{}}");
    json_free(v);
}

static void what_cannot_be_json_is_not_set(void **state)
{
    (void)state;
    struct json *v = json_new();
    assert_false(json_set_text(v, "a", slice_of("\xff")));
    assert_false(json_set_text(v, "a", slice_of("\xed\xa0\x80")));
    assert_false(json_set_text(v, "a", slice_make("x\0y", 3)));
    assert_false(json_set_int(v, "\xff", 1));
    assert_false(json_set_real(v, "a", NAN));
    assert_false(json_set_real(v, "a", INFINITY));
    assert_false(json_set(v, "a", NULL));
    assert_false(json_append(v, "a", NULL));
    assert_prints(v, "{}");
    json_free(v);
}

static void appending_to_what_is_no_array_takes_the_child_and_changes_nothing(void **state)
{
    (void)state;
    struct json *v = parsed("{\"a\":1}");
    assert_false(json_append(v, "a", json_new()));
    assert_false(json_append(v, "\xff", json_new()));
    assert_prints(v, "{\"a\":1}");
    json_free(v);
}

static void what_is_printed_parses_to_the_same(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5,1e-300,0.10000000000000001,\"\\u0001\\\\/\"],"
                               "\"b\":{\"c\":null}}";
    struct json *v = parsed(text);
    assert_prints(v, text);
    json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_their_types),
        cmocka_unit_test(another_type_null_or_nothing_leaves_the_output_alone),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(what_is_not_strict_json_is_refused_with_one_line),
        cmocka_unit_test(nesting_of_32_is_taken_and_more_is_refused_at_any_length),
        cmocka_unit_test(no_reason_quotes_what_was_sent),
        cmocka_unit_test(a_built_object_prints_in_the_order_of_insertion),
        cmocka_unit_test(what_cannot_be_json_is_not_set),
        cmocka_unit_test(appending_to_what_is_no_array_takes_the_child_and_changes_nothing),
        cmocka_unit_test(what_is_printed_parses_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
