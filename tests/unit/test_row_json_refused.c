/* Policy rows: what is refused, and what is said of it. */
#include "row_json_fixture.h"

/* --- what is refused ------------------------------------------------------- */

#define ZONE_RULE "\"tz\" must be a time zone such as Europe/Berlin"
#define GROUPS_RULE "\"groups\" must list ids or objects {id, valid_from, valid_until}"
#define ENABLED_RULE "\"enabled\" must be true or false"
#define RELEASE_RULE "\"release_s\" must be a whole number from 1 to 30"
#define CARD_RULE                                                                                  \
    "\"value\" must be 1 to 16 hex digits, apart from leading zeros and \": - space\", as type is card"
#define PIN_RULE "\"value\" must be 2 to 8 digits, as type is pin"
#define TYPES "card, uhf, pin, plate, qr, face, fingerprint, mobile"
#define ACCEPTS_RULE "\"accepts\" must be null or a list of " TYPES
#define KIND_RULE                                                                                  \
    "\"kind\" must be \"role\", \"access_group\", \"grant\", \"reservation\", \"temp_key\" or "       \
    "\"delivery\""
#define INSTANT_RULE(field)                                                                        \
    "\"" field "\" must be an instant such as 2025-01-31T08:00:00+01:00"

/* Kind, fields, what is said. */
static const char *const disallowed[][3] = {
        {"site", "", "\"tz\" is missing"},
        {"site", "\"tz\":null", "\"tz\" is missing"},
        {"site", "\"tz\":\"\"", ZONE_RULE},
        {"site", "\"tz\":1", ZONE_RULE},
        {"site", "\"tz\":\"../etc/passwd\"", ZONE_RULE},
        {"site", "\"tz\":\"/etc/localtime\"", ZONE_RULE},
        {"site", "\"tz\":\"Europe//Berlin\"", ZONE_RULE},
        {"site", "\"tz\":\"Europe/\"", ZONE_RULE},
        {"site", "\"tz\":\"Europe/Berlin \"", ZONE_RULE},
        {"site", "\"tz\":\"0123456789012345678901234567890123456789012345678901234567890123\"",
         ZONE_RULE},
        {"site", "\"tz\":\"UTC\",\"read_max_age_s\":0",
         "\"read_max_age_s\" must be a whole number from 1 to 60"},
        {"site", "\"tz\":\"UTC\",\"read_max_age_s\":61",
         "\"read_max_age_s\" must be a whole number from 1 to 60"},
        {"site", "\"tz\":\"UTC\",\"dialect\":\"klingon\"",
         "\"dialect\" must be \"native\", \"doorflow-guide\", \"doorflow-api\", \"akuvox\", "
         "\"performance-hub\" or \"onvif\""},
        {"site", "\"tz\":\"UTC\",\"duress\":\"loud\"",
         "\"duress\" must be \"off\" or \"last_digit_plus_one\""},
        {"site", "\"tz\":\"UTC\",\"pin_lockout\":5", "\"pin_lockout\" must be an object"},
        {"site", "\"tz\":\"UTC\",\"pin_lockout\":{\"failures\":\"5\"}",
         "\"pin_lockout.failures\" must be a whole number from 1 to 100"},
        {"site", "\"tz\":\"UTC\",\"antipassback_commit\":\"maybe\"",
         "\"antipassback_commit\" must be \"granted\" or \"taken\""},
        {"site", "\"tz\":\"UTC\",\"antipassback_commit\":true",
         "\"antipassback_commit\" must be \"granted\" or \"taken\""},
        {"site", "\"tz\":\"UTC\",\"admin_in_lockdown\":null",
         "\"admin_in_lockdown\" must be true or false"},
        {"site", "\"tz\":\"UTC\",\"factor_timeout_s\":0",
         "\"factor_timeout_s\" must be a whole number from 1 to 3600"},
        {"site", "\"tz\":\"UTC\",\"name\":7", "\"name\" must be a text"},
        {"door", "\"release_s\":0", RELEASE_RULE},
        {"door", "\"release_s\":31", RELEASE_RULE},
        {"door", "\"release_s\":-1", RELEASE_RULE},
        {"door", "\"release_s\":5.0", RELEASE_RULE},
        {"door", "\"release_s\":\"5\"", RELEASE_RULE},
        {"door", "\"release_s\":true", RELEASE_RULE},
        {"door", "\"release_s\":4294967301", RELEASE_RULE},
        {"door", "\"extended_release_s\":121",
         "\"extended_release_s\" must be a whole number from 1 to 120"},
        {"door", "\"held_open_s\":-1", "\"held_open_s\" must be a whole number from 0 to 86400"},
        {"door", "\"licensed\":\"false\"", "\"licensed\" must be true or false"},
        {"door", "\"licensed\":0", "\"licensed\" must be true or false"},
        {"door", "\"licensed\":null", "\"licensed\" must be true or false"},
        {"door", "\"license_until\":\"2025-01-01\"", INSTANT_RULE("license_until")},
        {"door", "\"license_until\":1735689600", INSTANT_RULE("license_until")},
        {"door", "\"maintenance\":\"open\"",
         "\"maintenance\" must be \"normal\", \"force_open\" or \"force_closed\""},
        {"door", "\"maintenance\":true",
         "\"maintenance\" must be \"normal\", \"force_open\" or \"force_closed\""},
        {"door", "\"factors\":\"three_person\"",
         "\"factors\" must be \"single\", \"card_and_pin\" or \"two_person\""},
        {"door", "\"factor_schedule\":[]", "\"factor_schedule\" must be an id"},
        {"door", "\"rex_in_lockdown\":\"no\"", "\"rex_in_lockdown\" must be true or false"},
        {"door", "\"relock\":\"never\"",
         "\"relock\" must be \"on_close\", \"on_open\" or \"timer\""},
        {"door", "\"rex\":\"on\"", "\"rex\" must be \"release\", \"shunt\" or \"off\""},
        {"door", "\"fire\":false", "\"fire\" must be \"ignore\" or \"release\""},
        {"door", "\"name\":[]", "\"name\" must be a text"},
        {"reader", "", "\"door\" is missing"},
        {"reader", "\"door\":null", "\"door\" is missing"},
        {"reader", "\"door\":\"\"", "\"door\" must be an id"},
        {"reader", "\"door\":\"a b\"", "\"door\" must be an id"},
        {"reader", "\"door\":5", "\"door\" must be an id"},
        {"reader", "\"door\":\"d\",\"accepts\":\"card\"",
         ACCEPTS_RULE},
        {"reader", "\"door\":\"d\",\"accepts\":[\"card\",\"badge\"]",
         ACCEPTS_RULE ": entry 2 is none"},
        {"reader", "\"door\":\"d\",\"accepts\":[null]",
         ACCEPTS_RULE ": entry 1 is none"},
        {"door_group", "\"doors\":\"d\"", "\"doors\" must be a list of ids"},
        {"door_group", "\"doors\":{}", "\"doors\" must be a list of ids"},
        {"door_group", "\"doors\":[\"d\",7]", "\"doors\" must be a list of ids: entry 2 is none"},
        {"person", "\"enabled\":null", ENABLED_RULE},
        {"person", "\"enabled\":\"no\"", ENABLED_RULE},
        {"person", "\"enabled\":0", ENABLED_RULE},
        {"person", "\"valid_from\":\"tomorrow\"", INSTANT_RULE("valid_from")},
        {"person", "\"valid_until\":\"2025-02-30T00:00:00Z\"", INSTANT_RULE("valid_until")},
        {"person", "\"valid_until\":false", INSTANT_RULE("valid_until")},
        {"person", "\"groups\":\"g\"", GROUPS_RULE},
        {"person", "\"groups\":{\"id\":\"g\"}", GROUPS_RULE},
        {"person", "\"groups\":[1]", GROUPS_RULE},
        {"person", "\"groups\":[null]", GROUPS_RULE},
        {"person", "\"groups\":[\"g h\"]", GROUPS_RULE},
        {"person", "\"groups\":[{}]", "\"groups.id\" is missing"},
        {"person", "\"groups\":[\"a\",{\"id\":\"\"}]", "\"groups.id\" must be an id"},
        {"person", "\"groups\":[{\"id\":\"g\",\"valid_until\":0}]",
         INSTANT_RULE("groups.valid_until")},
        {"person", "\"valid_from\":\"2025-01-01T25:61:00Z\"", INSTANT_RULE("valid_from")},
        {"person", "\"lockdown_bypass\":1", "\"lockdown_bypass\" must be true or false"},
        {"person", "\"antipassback_exempt\":null",
         "\"antipassback_exempt\" must be true or false"},
        {"group", "\"antipassback_exempt\":\"yes\"",
         "\"antipassback_exempt\" must be true or false"},
        {"credential", "\"value\":\"1\"", "\"type\" is missing"},
        {"credential", "\"type\":\"card\"", "\"value\" is missing"},
        {"credential", "\"type\":\"card\",\"value\":null", "\"value\" is missing"},
        {"credential", "\"type\":\"badge\",\"value\":\"1\"", "\"type\" must be one of " TYPES},
        {"credential", "\"type\":\"card\",\"value\":77001", "\"value\" must be a text"},
        {"credential", "\"type\":\"card\",\"value\":\"77001G\"", CARD_RULE},
        {"credential", "\"type\":\"card\",\"value\":\"\"", CARD_RULE},
        {"credential",
         "\"type\":\"card\",\"value\":\"1234567890123456789012345678901234567890\"", CARD_RULE},
        {"credential", "\"type\":\"uhf\",\"value\":\"12345678901234567\"",
         "\"value\" must be 1 to 16 hex digits, apart from leading zeros and \": - space\", as type "
         "is uhf"},
        {"credential", "\"type\":\"pin\",\"value\":\"1\"", PIN_RULE},
        {"credential", "\"type\":\"pin\",\"value\":\"123456789\"", PIN_RULE},
        {"credential", "\"type\":\"pin\",\"value\":\"12a4\"", PIN_RULE},
        {"credential", "\"type\":\"qr\",\"value\":\"\"",
         "\"value\" must be a text of 1 to 256 bytes, as type is qr"},
        {"credential", "\"type\":\"plate\",\"value\":\" - \"",
         "\"value\" must be a text of 1 to 256 bytes, as type is plate"},
        {"credential", "\"type\":\"card\",\"value\":\"1\",\"bits\":0",
         "\"bits\" must be a whole number from 1 to 256"},
        {"credential", "\"type\":\"card\",\"value\":\"1\",\"bits\":257",
         "\"bits\" must be a whole number from 1 to 256"},
        {"credential", "\"type\":\"card\",\"value\":\"1\",\"person\":\"\"",
         "\"person\" must be an id"},
        {"credential", "\"type\":\"card\",\"value\":\"1\",\"disabled_reason\":7",
         "\"disabled_reason\" must be a text"},
        {"credential", "\"type\":\"card\",\"value\":\"1\",\"class\":\"guest\"",
         "\"class\" must be \"personal\", \"visitor\", \"delivery\" or \"admin\""},
        {"entitlement", "", "\"kind\" is missing"},
        {"entitlement", "\"kind\":\"lease\"", KIND_RULE},
        {"entitlement", "\"kind\":3", KIND_RULE},
        {"entitlement", "\"kind\":\"role\",\"enabled\":null", ENABLED_RULE},
        {"entitlement", "\"kind\":\"role\",\"schedule\":\"\"", "\"schedule\" must be an id"},
        {"entitlement", "\"kind\":\"role\",\"schedule\":[]", "\"schedule\" must be an id"},
        {"entitlement", "\"kind\":\"role\",\"who\":[]", "\"who\" must be an object"},
        {"entitlement", "\"kind\":\"role\",\"who\":\"everyone\"", "\"who\" must be an object"},
        {"entitlement", "\"kind\":\"role\",\"who\":{\"everyone\":1}",
         "\"who.everyone\" must be true or false"},
        {"entitlement", "\"kind\":\"role\",\"who\":{\"persons\":\"p\"}",
         "\"who.persons\" must be a list of ids"},
        {"entitlement", "\"kind\":\"role\",\"where\":{\"all\":null}",
         "\"where.all\" must be true or false"},
        {"entitlement", "\"kind\":\"role\",\"where\":{\"doors\":[\"d\",\"\"]}",
         "\"where.doors\" must be a list of ids: entry 2 is none"},
        {"holiday", "\"to\":\"2025-01-01\"", "\"from\" is missing"},
        {"holiday", "\"from\":\"2025-02-29\"", "\"from\" must be a date such as 2025-01-31, and there must be such a day"},
        {"holiday", "\"from\":\"2025-01-02\",\"to\":\"2025-01-01\"", "\"to\" must not be before \"from\""},
        {"holiday", "\"from\":\"2025-01-02\",\"to\":\"2026-01-02\",\"yearly\":true",
         "\"to\" must be less than a year after \"from\", as it is yearly"},
        {"holiday", "\"from\":\"2025-01-02\",\"working\":[{\"start\":\"22:00\",\"end\":\"06:00\"}]",
         "\"working\" span 1: start and end must be HH:MM, end after start, not over midnight"},
        {"holiday", "\"from\":\"2025-01-02\",\"working\":[{\"start\":\"06:00\",\"end\":\"24:01\"}]",
         "\"working\" span 1: start and end must be HH:MM, end after start, not over midnight"},
        {"site", "\"tz\":\"UTC\",\"max_policy_age_s\":{\"visitor\":-1}", 
         "\"max_policy_age_s.visitor\" must be null or a whole number from 0 to 315360000"},
        {"entitlement", "\"kind\":\"role\",\"calendar\":\"a b\"", "\"calendar\" must be the id of a calendar"},
        {"entitlement", "\"kind\":\"role\",\"holiday\":\"skip\"",
         "\"holiday\" must be \"ignore\", \"intersect\" or \"replace\""},
};

static void values_that_the_contract_does_not_allow_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(disallowed); i++)
        refused(disallowed[i][0], disallowed[i][1], disallowed[i][2]);
}

static void windows_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char days[] = "days must list some of mon to sun";
    static const char start[] = "start must be HH:MM, 00:00 to 23:59";
    static const char end[] = "end must be HH:MM, 00:00 to 24:00";
    const char *const windows[][2] = {
        {"7", days},
        {"null", days},
        {"{\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":[],\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":\"mon\",\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":[\"Mon\"],\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":[\"mon\",\"\"],\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":[1],\"start\":\"08:00\",\"end\":\"09:00\"}", days},
        {"{\"days\":[\"mon\"],\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"8:00\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"24:00\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"08:60\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"08.00\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"08:00:00\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"-1:00\",\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":800,\"end\":\"09:00\"}", start},
        {"{\"days\":[\"mon\"],\"start\":\"08:00\"}", end},
        {"{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":\"24:01\"}", end},
        {"{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":\"25:00\"}", end},
        {"{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":null}", end},
        {"{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":\"08:00\"}", "start and end are equal"},
        {"{\"days\":[\"mon\"],\"start\":\"00:00\",\"end\":\"00:00\"}", "start and end are equal"},
    };
    for (size_t i = 0; i < COUNT(windows); i++) {
        char fields[256], why[128];
        (void)snprintf(fields, sizeof fields,
                       "\"windows\":[{\"days\":[\"tue\"],\"start\":\"08:00\","
                       "\"end\":\"07:00\"},%s]",
                       windows[i][0]);
        (void)snprintf(why, sizeof why, "\"windows\" window 2: %s", windows[i][1]);
        refused("schedule", fields, why);
    }
    refused("schedule", "\"windows\":{}",
            "\"windows\" must be a list of windows {days, start, end}");
}

static void a_schedule_has_at_most_256_windows(void **state)
{
    (void)state;
    static char fields[20000];
    for (int n = POLICY_WINDOWS_MAX; n <= POLICY_WINDOWS_MAX + 1; n++) {
        char line[20000];
        size_t used = (size_t)snprintf(fields, sizeof fields, "\"windows\":[");
        for (int i = 0; i < n; i++)
            used += (size_t)snprintf(fields + used, sizeof fields - used,
                                     "%s{\"days\":[\"mon\"],\"start\":\"08:00\",\"end\":\"09:00\"}",
                                     i ? "," : "");
        (void)snprintf(line, sizeof line, "{\"k\":\"schedule\",\"id\":\"s\",\"d\":{%.19000s]}}",
                       fields);
        struct parsed p = parse(line);
        assert_int_equal(p.err, n == POLICY_WINDOWS_MAX ? GH_OK : GH_INVALID);
        assert_string_equal(p.why, n == POLICY_WINDOWS_MAX
                                       ? ""
                                       : "schedule \"s\": field \"windows\" has 257 windows: "
                                         "at most 256 are allowed");
    }
}

static void an_unknown_name_in_crit_makes_a_row_that_only_permits_inert(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"group", ""},
        {"person", ""},
        {"credential", "\"type\":\"qr\",\"value\":\"a\","},
        {"entitlement", "\"kind\":\"role\","},
        {"access_rules", "\"level\":\"site\","},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char fields[128], why[ROW_WHY_MAX];
        (void)snprintf(fields, sizeof fields, "%s\"crit\":[\"moon\"]", rows[i][1]);
        struct parsed p = parse_fields(rows[i][0], fields);
        assert_int_equal(p.err, GH_OK);
        assert_true(p.row.inert);
        (void)snprintf(why, sizeof why,
                       "%s \"x1\": field \"crit\" names moon, which this version does not know: "
                       "the row grants nothing", rows[i][0]);
        assert_string_equal(p.why, why);
    }
}

static void an_unknown_name_in_crit_refuses_any_other_row(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"site", "\"tz\":\"UTC\","},
        {"door", ""},
        {"reader", "\"door\":\"d\","},
        {"door_group", ""},
        {"schedule", ""},
        {"holiday", "\"from\":\"2025-01-01\","},
        {"geofence", "\"level\":\"site\","},
        {"door_mode", "\"tier\":\"quick\",\"mode\":\"locked\","},
        {"lockdown", ""},
        {"area", ""},
        {"interlock", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "%s\"crit\":[\"name of\\n a thing\"]", rows[i][1]);
        refused(rows[i][0], fields, "\"crit\" names a field, which this version does not know");
    }
    /* A schedule has no name in the contract. */
    refused("schedule", "\"crit\":[\"name\"]",
            "\"crit\" names name, which this version does not know");
}

static void crit_names_no_fields_within_fields(void **state)
{
    (void)state;
    struct parsed p = parse_fields("entitlement", "\"kind\":\"role\",\"crit\":[\"doors\"]");
    assert_int_equal(p.err, GH_OK);
    assert_true(p.row.inert);
    refused("site", "\"tz\":\"UTC\",\"crit\":[\"failures\"]",
            "\"crit\" names failures, which this version does not know");
    refused("lockdown", "\"crit\":[\"where\",\"all\"]",
            "\"crit\" names all, which this version does not know");
    refused("door_mode", "\"tier\":\"quick\",\"mode\":\"locked\",\"crit\":[\"all\"]",
            "\"crit\" names all, which this version does not know");
}

static void crit_that_names_what_is_known_changes_nothing(void **state)
{
    (void)state;
    (void)good("person", "\"crit\":[\"enabled\",\"lockdown_bypass\",\"crit\"]");
    (void)good("entitlement", "\"kind\":\"role\",\"crit\":[\"holiday\",\"who\"]");
    (void)good("door", "\"crit\":[\"maintenance\"]");
    (void)good("door", "\"crit\":[]");
    (void)good("door", "\"crit\":null");
    refused("door", "\"crit\":\"maintenance\"", "\"crit\" must be a list of texts");
    refused("person", "\"crit\":[1]", "\"crit\" must be a list of texts");
    refused("person", "\"crit\":{\"moon\":1}", "\"crit\" must be a list of texts");
    refused("person", "\"crit\":[\"moon\",1]", "\"crit\" must be a list of texts");
    refused("person", "\"crit\":[\"moon\"],\"lockdown_bypass\":1",
            "\"lockdown_bypass\" must be true or false");
}

static void lines_that_are_no_rows_are_refused(void **state)
{
    (void)state;
    static const char id_rule[] =
        "door: \"id\" must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    const char *const lines[][2] = {
        {"", "it ends too early, at byte 0"},
        {"x", "not JSON, at byte 1"},
        {"[]", "not a JSON object"},
        {"{}", "row \"\": \"k\" must be a kind of row"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":{}", "it ends too early, at byte 27"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":{}} {}", "something follows the object, at byte 30"},
        {"{\"k\":\"turnstile\",\"id\":\"a\",\"d\":{}}", "row \"a\": unknown kind \"turnstile\""},
        {"{\"k\":\"turnstile\",\"id\":\"a\",\"op\":\"del\"}",
         "row \"a\": unknown kind \"turnstile\""},
        {"{\"k\":\"Door\",\"id\":\"a\",\"d\":{}}", "row \"a\": unknown kind \"Door\""},
        {"{\"k\":\"do\\nor\",\"id\":\"a\",\"d\":{}}", "row \"a\": \"k\" must be a kind of row"},
        {"{\"k\":7,\"id\":\"a\",\"d\":{}}", "row \"a\": \"k\" must be a kind of row"},
        {"{\"k\":\"door\",\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":\"\",\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":\"a b\",\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":\"a\\nb\",\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":5,\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":\"01234567890123456789012345678901234567890123456789"
         "012345678901234\",\"d\":{}}", id_rule},
        {"{\"k\":\"door\",\"id\":\"a\"}", "door \"a\": \"d\" must be an object"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":null}", "door \"a\": \"d\" must be an object"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":[]}", "door \"a\": \"d\" must be an object"},
        {"{\"k\":\"door\",\"id\":\"a\",\"op\":\"put\",\"d\":{}}",
         "door \"a\": \"op\" must be \"del\" or absent"},
        {"{\"k\":\"door\",\"id\":\"a\",\"op\":true,\"d\":{}}",
         "door \"a\": \"op\" must be \"del\" or absent"},
        {"{\"k\":\"door\",\"id\":\"a\",\"op\":\"DEL\"}",
         "door \"a\": \"op\" must be \"del\" or absent"},
        {"{\"k\":\"door\",\"k\":\"door\",\"id\":\"a\",\"d\":{}}",
         "the same member twice, at byte 15"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":{\"licensed\":false,\"licensed\":true}}",
         "the same member twice, at byte 53"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":{\"name\":\"\xff\"}}", "not UTF-8, at byte 34"},
        {"{\"k\":\"door\",\"id\":\"a\",\"d\":{\"name\":\"\\u0000\"}}",
         "a NUL in a text, at byte 41"},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct parsed p = parse(lines[i][0]);
        if (p.err != GH_INVALID)
            fail_msg("taken: %s", lines[i][0]);
        assert_string_equal(p.why, lines[i][1]);
    }
}

static void no_error_line_shows_a_credential_value(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":\"5ec4e7x\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":[\"5ec4e7\"]}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"badge\",\"value\":\"5ec4e7\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":\"5ec4e7\",}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":5ec4e7}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":\"5ec4e7",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":\"5ec4e7\"\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"value\":\"5ec4e7\",\"value\":\"5ec4e7\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":"
        "\"5ec45ec45ec45ec45ec45ec45ec45ec45ec45ec4\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"pin\",\"value\":\"5ec4\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"pin\",\"value\":\"5ec4\","
        "\"bits\":\"5ec4\"}}",
        "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"5ec4\",\"value\":\"x\"}}",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct parsed p = parse(lines[i]);
        assert_int_equal(p.err, GH_INVALID);
        assert_null(strstr(p.why, "5ec4"));
    }
}

static void a_full_arena_is_its_own_failure_and_leaves_it_as_it_was(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"k\":\"door_group\",\"id\":\"a\",\"d\":{\"doors\":[\"a\",\"b\",\"c\",\"d\"]}}",
        "{\"k\":\"person\",\"id\":\"a\",\"d\":{\"groups\":[\"a\",\"b\",\"c\"]}}",
        "{\"k\":\"entitlement\",\"id\":\"a\",\"d\":{\"kind\":\"role\",\"who\":{\"persons\":[\"a\"],"
        "\"groups\":[\"b\",\"c\",\"d\"]}}}",
        "{\"k\":\"schedule\",\"id\":\"a\",\"d\":{\"windows\":["
        "{\"days\":[\"mon\"],\"start\":\"00:00\",\"end\":\"01:00\"}]}}",
        "{\"k\":\"person\",\"id\":\"a\",\"d\":{\"tags\":[\"vip\"]}}",
        "{\"k\":\"group\",\"id\":\"a\",\"d\":{\"floors\":[1]}}",
        "{\"k\":\"access_rules\",\"id\":\"a\",\"d\":{\"level\":\"site\","
        "\"types\":[{\"type\":\"t\"}]}}",
        "{\"k\":\"holiday\",\"id\":\"a\",\"d\":{\"from\":\"2025-01-01\",\"working\":["
        "{\"start\":\"08:00\",\"end\":\"09:00\"},{\"start\":\"08:00\",\"end\":\"09:00\"},"
        "{\"start\":\"08:00\",\"end\":\"09:00\"},{\"start\":\"08:00\",\"end\":\"09:00\"},"
        "{\"start\":\"08:00\",\"end\":\"09:00\"}]}}",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        /* Too small on 32-bit machines, too. */
        struct arena arena = {.base = memory, .size = i >= 3 ? 36 : 290, .used = 32};
        struct policy_row row, before;
        char why[ROW_WHY_MAX];
        memset(&row, 0x5a, sizeof row);
        memset(&before, 0x5a, sizeof before);
        assert_int_equal(row_json_parse(&row, slice_of(lines[i]), &arena, why), GH_FULL);
        assert_string_equal(why, "");
        assert_int_equal(arena.used, 32);
        assert_memory_equal(&row, &before, sizeof row);
    }
}

static void a_refused_row_leaves_the_output_alone(void **state)
{
    (void)state;
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct policy_row row, before;
    char why[ROW_WHY_MAX];
    memset(&row, 0x5a, sizeof row);
    memset(&before, 0x5a, sizeof before);
    assert_int_equal(
        row_json_parse(&row,
                       slice_of("{\"k\":\"door\",\"id\":\"a\",\"d\":{\"name\":\"n\",\"fire\":1}}"),
                       &arena, why),
        GH_INVALID);
    assert_memory_equal(&row, &before, sizeof row);
}

static void a_line_longer_than_a_row_may_be_is_refused(void **state)
{
    (void)state;
    static char line[(size_t)POLICY_LINE_MAX + 1];
    static const char row[] = "{\"k\":\"door\",\"id\":\"a\",\"d\":{}}";
    memset(line, ' ', sizeof line);
    memcpy(line, row, sizeof row - 1);
    assert_int_equal(parse_bytes(line, sizeof line - 1).err, GH_OK);
    struct parsed p = parse_bytes(line, sizeof line);
    assert_int_equal(p.err, GH_INVALID);
    assert_string_equal(p.why, "the row is longer than 1048576 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_the_contract_does_not_allow_are_refused),
        cmocka_unit_test(windows_that_make_no_sense_are_refused),
        cmocka_unit_test(a_schedule_has_at_most_256_windows),
        cmocka_unit_test(an_unknown_name_in_crit_makes_a_row_that_only_permits_inert),
        cmocka_unit_test(an_unknown_name_in_crit_refuses_any_other_row),
        cmocka_unit_test(crit_names_no_fields_within_fields),
        cmocka_unit_test(crit_that_names_what_is_known_changes_nothing),
        cmocka_unit_test(lines_that_are_no_rows_are_refused),
        cmocka_unit_test(no_error_line_shows_a_credential_value),
        cmocka_unit_test(a_full_arena_is_its_own_failure_and_leaves_it_as_it_was),
        cmocka_unit_test(a_refused_row_leaves_the_output_alone),
        cmocka_unit_test(a_line_longer_than_a_row_may_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
