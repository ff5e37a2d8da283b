/* Policy rows: types, statuses, tags, floors and use counts. */
#include "row_json_fixture.h"

#define WORD "text of 1 to 128 bytes without control characters"
#define WORDS "texts of 1 to 128 bytes without control characters"
#define FLOORS_RULE "\"floors\" must be a list of ids and whole numbers from -999 to 9999"
#define USES_RULE(field) "\"" field "\" must be null or a whole number from 0 to 1000000000"
#define QR "\"type\":\"qr\",\"value\":\"a\","
#define WHO(fields) "\"kind\":\"role\",\"who\":{" fields "}"
#define RULES(fields) "\"level\":\"site\"," fields

static void assert_words(struct word_list list, size_t n, const char *const *words)
{
    assert_int_equal(list.n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(list.v[i], words[i]);
}

/* n bytes x; room for 300. */
static const char *long_word(size_t n)
{
    static char word[300];
    memset(word, 'x', n);
    word[n] = '\0';
    return word;
}

/* --- type, status, tags ------------------------------------------------------ */

static void a_person_keeps_type_status_and_tags(void **state)
{
    (void)state;
    struct policy_row row = good("person", "\"type\":\"Member\",\"status\":\"on hold\","
                                           "\"tags\":[\"vip\",\"Caf\\u00e9 \\u4e2d\",\"vip\"]");
    assert_string_equal(row.d.person.type, "Member");
    assert_string_equal(row.d.person.status, "on hold");
    assert_words(row.d.person.tags, 3,
                 (const char *const[]){"vip", "Caf\xc3\xa9 \xe4\xb8\xad", "vip"});
}

static void a_person_without_type_and_status_has_none(void **state)
{
    (void)state;
    static const char *const none[] = {"", "\"type\":null,\"status\":null,\"tags\":null",
                                       "\"type\":\"\",\"status\":\"\",\"tags\":[]"};
    for (size_t i = 0; i < COUNT(none); i++) {
        struct policy_row row = good("person", none[i]);
        assert_string_equal(row.d.person.type, "");
        assert_string_equal(row.d.person.status, "");
        assert_int_equal(row.d.person.tags.n, 0);
    }
}

static void a_word_of_128_bytes_is_kept_whole_and_a_longer_one_refused(void **state)
{
    (void)state;
    char fields[512];
    (void)snprintf(fields, sizeof fields, "\"type\":\"%s\"", long_word(128));
    assert_string_equal(good("person", fields).d.person.type, long_word(128));
    (void)snprintf(fields, sizeof fields, "\"tags\":[\"%s\"]", long_word(128));
    assert_string_equal(good("person", fields).d.person.tags.v[0], long_word(128));
    (void)snprintf(fields, sizeof fields, "\"type\":\"%s\"", long_word(129));
    refused("person", fields, "\"type\" must be null or a " WORD);
    (void)snprintf(fields, sizeof fields, "\"tags\":[\"a\",\"%s\"]", long_word(129));
    refused("person", fields, "\"tags\" must be a list of " WORDS ": entry 2 is none");
    (void)snprintf(fields, sizeof fields, RULES("\"types\":[{\"type\":\"%s\"}]"), long_word(129));
    refused("access_rules", fields, "\"types\" entry 1: type must be a " WORD);
}

static void words_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"person", "\"type\":1", "\"type\" must be null or a " WORD},
        {"person", "\"type\":[\"a\"]", "\"type\" must be null or a " WORD},
        {"person", "\"status\":false", "\"status\" must be null or a " WORD},
        {"person", "\"status\":\"a\\nb\"", "\"status\" must be null or a " WORD},
        {"person", "\"status\":\"\\u007f\"", "\"status\" must be null or a " WORD},
        {"person", "\"status\":\"\\u0085\"", "\"status\" must be null or a " WORD},
        {"person", "\"tags\":\"vip\"", "\"tags\" must be a list of " WORDS},
        {"person", "\"tags\":{}", "\"tags\" must be a list of " WORDS},
        {"person", "\"tags\":[1]", "\"tags\" must be a list of " WORDS ": entry 1 is none"},
        {"person", "\"tags\":[\"\"]", "\"tags\" must be a list of " WORDS ": entry 1 is none"},
        {"person", "\"tags\":[\"a\",null]",
         "\"tags\" must be a list of " WORDS ": entry 2 is none"},
        {"entitlement", WHO("\"tags\":\"vip\""), "\"who.tags\" must be a list of " WORDS},
        {"entitlement", WHO("\"tags\":[\"a\\u001fb\"]"),
         "\"who.tags\" must be a list of " WORDS ": entry 1 is none"},
        {"access_rules", RULES("\"tags\":true"), "\"tags\" must be a list of " WORDS},
        {"access_rules", RULES("\"tags\":[[\"vip\"]]"),
         "\"tags\" must be a list of " WORDS ": entry 1 is none"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refused(rows[i][0], rows[i][1], rows[i][2]);
}

/* A no-break space is the first character after the C1 controls. */
static void what_only_looks_like_a_control_character_is_taken(void **state)
{
    (void)state;
    struct policy_row row = good("person", "\"type\":\"a\\u00a0b\",\"status\":\"\\u0100\"");
    assert_string_equal(row.d.person.type, "a\xc2\xa0"
                                           "b");
    assert_string_equal(row.d.person.status, "\xc4\x80");
}

/* --- types ------------------------------------------------------------------- */

#define TYPES                                                                                      \
    "\"types\":[{\"type\":\"member\",\"statuses\":[\"paid\",\"free\"],\"x\":1},"                   \
    "{\"type\":\"staff\"},{\"type\":\"guest\",\"statuses\":null},"                                 \
    "{\"type\":\"cleaner\",\"statuses\":[]}]"

static void assert_types(const struct type_rule *types, size_t n)
{
    assert_int_equal(n, 4);
    assert_string_equal(types[0].type, "member");
    assert_words(types[0].statuses, 2, (const char *const[]){"paid", "free"});
    assert_string_equal(types[1].type, "staff");
    assert_string_equal(types[2].type, "guest");
    assert_string_equal(types[3].type, "cleaner");
    for (size_t i = 1; i < n; i++)
        assert_int_equal(types[i].statuses.n, 0);
}

static void types_come_with_statuses_or_with_any(void **state)
{
    (void)state;
    struct policy_row row = good("entitlement", WHO(TYPES ",\"tags\":[\"vip\"]"));
    assert_types(row.d.entitlement.who.types, row.d.entitlement.who.n_types);
    assert_words(row.d.entitlement.who.tags, 1, (const char *const[]){"vip"});
    row = good("access_rules", RULES(TYPES ",\"tags\":[\"a\",\"b\"]"));
    assert_types(row.d.access_rules.types, row.d.access_rules.n_types);
    assert_words(row.d.access_rules.tags, 2, (const char *const[]){"a", "b"});
}

static void no_types_are_none(void **state)
{
    (void)state;
    static const char *const none[] = {"", "\"types\":null,\"tags\":null",
                                       "\"types\":[],\"tags\":[]"};
    for (size_t i = 0; i < COUNT(none); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, WHO("%s"), none[i]);
        assert_int_equal(good("entitlement", fields).d.entitlement.who.n_types, 0);
        (void)snprintf(fields, sizeof fields, "\"level\":\"site\"%s%s", i ? "," : "", none[i]);
        assert_int_equal(good("access_rules", fields).d.access_rules.n_types, 0);
    }
}

static void types_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const types[][2] = {
        {"\"member\"", "must be a list of {type, statuses}"},
        {"{\"type\":\"a\"}", "must be a list of {type, statuses}"},
        {"[\"member\"]", "must be a list of {type, statuses}: entry 1 is none"},
        {"[{\"type\":\"a\"},null]", "must be a list of {type, statuses}: entry 2 is none"},
        {"[{}]", "entry 1: type must be a " WORD},
        {"[{\"type\":null}]", "entry 1: type must be a " WORD},
        {"[{\"type\":\"\"}]", "entry 1: type must be a " WORD},
        {"[{\"type\":\"a\"},{\"type\":7}]", "entry 2: type must be a " WORD},
        {"[{\"type\":\"a\\tb\"}]", "entry 1: type must be a " WORD},
        {"[{\"type\":\"a\",\"statuses\":\"paid\"}]",
         "entry 1: statuses must be null or a list of " WORDS},
        {"[{\"type\":\"a\",\"statuses\":{}}]",
         "entry 1: statuses must be null or a list of " WORDS},
        {"[{\"type\":\"a\",\"statuses\":[null]}]",
         "entry 1: statuses must be null or a list of " WORDS},
        {"[{\"type\":\"a\",\"statuses\":[\"paid\",\"\"]}]",
         "entry 1: statuses must be null or a list of " WORDS},
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        char fields[256], why[ROW_WHY_MAX];
        (void)snprintf(fields, sizeof fields, WHO("\"types\":%s"), types[i][0]);
        (void)snprintf(why, sizeof why, "\"who.types\" %s", types[i][1]);
        refused("entitlement", fields, why);
        (void)snprintf(fields, sizeof fields, RULES("\"types\":%s"), types[i][0]);
        (void)snprintf(why, sizeof why, "\"types\" %s", types[i][1]);
        refused("access_rules", fields, why);
    }
}

/* --- floors ------------------------------------------------------------------ */

static void floors_are_ids_or_numbers_and_keep_the_difference(void **state)
{
    (void)state;
    static const char floors[] = "\"floors\":[\"3\",3,-999,9999,0,\"roof\",3]";
    static const char *const kept[] = {"3", "#3", "#-999", "#9999", "#0", "roof", "#3"};
    char fields[128];
    assert_ids(good("group", floors).d.group.floors, COUNT(kept), kept);
    assert_ids(good("person", floors).d.person.floors, COUNT(kept), kept);
    (void)snprintf(fields, sizeof fields, "\"kind\":\"role\",%s", floors);
    assert_ids(good("entitlement", fields).d.entitlement.floors, COUNT(kept), kept);
    assert_int_equal(good("person", "\"floors\":null").d.person.floors.n, 0);
    assert_int_equal(good("person", "\"floors\":[]").d.person.floors.n, 0);
    assert_int_equal(good("person", "").d.person.floors.n, 0);
}

static void floors_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"\"1\"", "3", "{}", "true"};
    static const char *const entries[] = {
        "-1000",   "10000",  "1.0",  "1e2",  "4294967299", "\"\"",
        "\"a b\"", "\"#3\"", "null", "true", "[1]",        "{\"id\":\"1\"}",
    };
    static const char *const kinds[][2] = {
        {"group", ""}, {"person", ""}, {"entitlement", "\"kind\":\"role\","}};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        char fields[128];
        for (size_t i = 0; i < COUNT(lists); i++) {
            (void)snprintf(fields, sizeof fields, "%s\"floors\":%s", kinds[k][1], lists[i]);
            refused(kinds[k][0], fields, FLOORS_RULE);
        }
        for (size_t i = 0; i < COUNT(entries); i++) {
            (void)snprintf(fields, sizeof fields, "%s\"floors\":[1,%s]", kinds[k][1], entries[i]);
            refused(kinds[k][0], fields, FLOORS_RULE ": entry 2 is none");
        }
    }
}

static void a_row_has_at_most_64_floors(void **state)
{
    (void)state;
    for (int n = POLICY_FLOORS_MAX; n <= POLICY_FLOORS_MAX + 1; n++) {
        char fields[512];
        int used = snprintf(fields, sizeof fields, "\"floors\":[0");
        for (int i = 1; i < n; i++)
            used += snprintf(fields + used, sizeof fields - (size_t)used, ",%d", i);
        (void)snprintf(fields + used, sizeof fields - (size_t)used, "]");
        if (n == POLICY_FLOORS_MAX)
            assert_int_equal(good("person", fields).d.person.floors.n, n);
        else
            refused("person", fields, "\"floors\" has 65 floors: at most 64 are allowed");
    }
}

/* --- use counts -------------------------------------------------------------- */

static void uses_have_no_limit_unless_one_is_set(void **state)
{
    (void)state;
    static const char *const none[] = {
        "\"type\":\"qr\",\"value\":\"a\"",
        QR "\"uses_per_door\":null,\"uses_total\":null",
    };
    for (size_t i = 0; i < COUNT(none); i++) {
        struct policy_row row = good("credential", none[i]);
        assert_int_equal(row.d.credential.uses_per_door, USES_UNLIMITED);
        assert_int_equal(row.d.credential.uses_total, USES_UNLIMITED);
    }
    struct policy_row row = good("credential", QR "\"uses_per_door\":0");
    assert_int_equal(row.d.credential.uses_per_door, 0);
    assert_int_equal(row.d.credential.uses_total, USES_UNLIMITED);
    row = good("credential", QR "\"uses_per_door\":1,\"uses_total\":1000000000");
    assert_int_equal(row.d.credential.uses_per_door, 1);
    assert_int_equal(row.d.credential.uses_total, USES_MAX);
}

static void uses_that_are_no_count_are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"-1",    "1000000001", "4294967296", "1.0",
                                         "\"1\"", "true",       "[]",         "{}"};
    for (size_t i = 0; i < COUNT(values); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, QR "\"uses_per_door\":%s", values[i]);
        refused("credential", fields, USES_RULE("uses_per_door"));
        (void)snprintf(fields, sizeof fields, QR "\"uses_total\":%s", values[i]);
        refused("credential", fields, USES_RULE("uses_total"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_keeps_type_status_and_tags),
        cmocka_unit_test(a_person_without_type_and_status_has_none),
        cmocka_unit_test(a_word_of_128_bytes_is_kept_whole_and_a_longer_one_refused),
        cmocka_unit_test(words_that_are_none_are_refused),
        cmocka_unit_test(what_only_looks_like_a_control_character_is_taken),
        cmocka_unit_test(types_come_with_statuses_or_with_any),
        cmocka_unit_test(no_types_are_none),
        cmocka_unit_test(types_that_are_none_are_refused),
        cmocka_unit_test(floors_are_ids_or_numbers_and_keep_the_difference),
        cmocka_unit_test(floors_that_are_none_are_refused),
        cmocka_unit_test(a_row_has_at_most_64_floors),
        cmocka_unit_test(uses_have_no_limit_unless_one_is_set),
        cmocka_unit_test(uses_that_are_no_count_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
