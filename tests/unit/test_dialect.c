/* Vendor dialects: every cell of the contract's table, written out once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/dialect.h"

#define NA "No access permission or door license is not available"
#define VP "Not within the valid period"
#define NM "no_matching_rule_or_grant"
#define NT "NotPermittedAtThisTime"

/* A credential that the row does not depend on. */
#define ANY CREDENTIAL_CARD

/* As the contract writes a cell: ~ = nearest, "-" = nothing. */
static const char *cell(enum dialect dialect, const struct dialect_event *e)
{
    static char text[DIALECT_WORD_MAX + 1];
    struct dialect_words words = dialect_render(dialect, e);
    if (!words.is_rendered)
        return "-";
    snprintf(text, sizeof text, "%s%s", words.is_nearest ? "~" : "", words.code);
    return text;
}

static const enum dialect vendors[5] = {DIALECT_DOORFLOW_GUIDE, DIALECT_DOORFLOW_API,
                                        DIALECT_AKUVOX, DIALECT_PERFORMANCE_HUB, DIALECT_ONVIF};

static void expect_cells(const char *what, const struct dialect_event *e,
                         const char *const expected[5])
{
    for (int i = 0; i < 5; i++)
        if (strcmp(cell(vendors[i], e), expected[i]) != 0)
            fail_msg("%s, %s: %s instead of %s", what, dialect_name(vendors[i]),
                     cell(vendors[i], e), expected[i]);
    assert_string_equal(cell(DIALECT_NATIVE, e), "-");
}

static struct dialect_event denied(enum reason reason, enum credential_type type)
{
    return (struct dialect_event){.kind = EVENT_ACCESS, .has_decision = true,
                                  .decision = DECISION_DENIED, .reason = reason,
                                  .has_type = true, .type = type};
}

static struct dialect_event granted(enum reason reason, enum credential_type type)
{
    struct dialect_event e = denied(reason, type);
    e.decision = DECISION_GRANTED;
    return e;
}

/* --- denials -------------------------------------------------------------- */

struct denial {
    enum reason reason;
    enum credential_type type;
    const char *cells[5];
};

/* doorflow-guide, doorflow-api, akuvox, performance-hub, onvif */
static const struct denial denials[] = {
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_CARD,
     {"25", "20", "Invalid RF Card", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_PIN,
     {"25", "24", "Invalid PIN", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_QR,
     {"25", "20", "Invalid QR Code", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_FACE,
     {"25", "20", "Invalid Face", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_FINGERPRINT,
     {"25", "20", "Invalid Fingerprint", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_PLATE,
     {"25", "20", "Invalid License Plate", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_UHF,
     {"25", "20", "Invalid UHF Card", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_MOBILE,
     {"25", "20", "Invalid Mobile", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNASSIGNED, CREDENTIAL_CARD,
     {"25", "20", "Invalid RF Card", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_UNASSIGNED, CREDENTIAL_PIN,
     {"25", "24", "Invalid PIN", "~" NM, "CredentialNotFound"}},
    {REASON_CREDENTIAL_TYPE_NOT_ACCEPTED, CREDENTIAL_FACE,
     {"~25", "26", "~Invalid Face", "~" NM, "Unauthorized"}},
    {REASON_CREDENTIAL_TYPE_NOT_ACCEPTED, CREDENTIAL_PIN,
     {"~25", "26", "~Invalid PIN", "~" NM, "Unauthorized"}},
    {REASON_PERSON_DISABLED, ANY, {"21", "~27", "~" NA, "access_disabled", "CredentialNotEnabled"}},
    {REASON_CREDENTIAL_DISABLED, CREDENTIAL_UHF,
     {"22", "~27", "~Invalid UHF Card", "~access_disabled", "CredentialNotEnabled"}},
    {REASON_PERSON_NOT_YET_VALID, ANY, {"~24", "~21", VP, "~" NM, "CredentialNotActive"}},
    {REASON_CREDENTIAL_NOT_YET_VALID, ANY, {"~24", "~21", VP, "~" NM, "CredentialNotActive"}},
    {REASON_PERSON_EXPIRED, ANY, {"~26", "~21", VP, "~" NM, "CredentialExpired"}},
    {REASON_CREDENTIAL_EXPIRED, ANY, {"~26", "~21", VP, "~" NM, "CredentialExpired"}},
    {REASON_USES_EXHAUSTED, ANY, {"~26", "~21", "~" VP, "~" NM, "CredentialExpired"}},
    {REASON_NO_PERMISSION, ANY, {"23", "~27", NA, NM, "Unauthorized"}},
    {REASON_OUTSIDE_SCHEDULE, ANY, {"24", "21", NA, NM, NT}},
    {REASON_HOLIDAY, ANY, {"~24", "~21", "No access permission during holidays", NM, NT}},
    {REASON_ENTITLEMENT_NOT_STARTED, ANY, {"~24", "~21", "~" VP, NM, NT}},
    {REASON_ENTITLEMENT_EXPIRED, ANY, {"26", "~27", "~" VP, NM, NT}},
    {REASON_DOOR_UNLICENSED, ANY,
     {"~23", "~27", "Door license expired or not activated", "~" NM, "Other"}},
    {REASON_DOOR_BLOCKED, ANY, {"~23", "~22", "~Property Under Lock", "~" NM, "Other"}},
    {REASON_DOOR_FORCED_CLOSED, ANY, {"~23", "~22", "~Property Under Lock", "~" NM, "Other"}},
    {REASON_DOOR_LOCKED_DOWN, ANY, {"~23", "22", "Property Under Lock", "~" NM, "Other"}},
    {REASON_PIN_WRONG, CREDENTIAL_PIN, {"~25", "24", "Invalid PIN", "~" NM, "InvalidPIN"}},
    {REASON_PIN_WRONG, CREDENTIAL_CARD, {"~25", "24", "Invalid PIN", "~" NM, "InvalidPIN"}},
    {REASON_PIN_REQUIRED, CREDENTIAL_CARD, {"~25", "~24", "~Invalid PIN", "~" NM, "InvalidPIN"}},
    {REASON_CARD_REQUIRED, CREDENTIAL_PIN, {"~25", "~24", "~Invalid PIN", "~" NM, "InvalidPIN"}},
    {REASON_PIN_LOCKED_OUT, CREDENTIAL_PIN, {"~25", "~24", "~Invalid PIN", "~" NM, "InvalidPIN"}},
    {REASON_SECOND_PERSON_REQUIRED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_LOCATION_UNAVAILABLE, CREDENTIAL_MOBILE,
     {"~23", "~27", "~" NA, "location_unavailable", "Other"}},
    {REASON_LOCATION_IMPRECISE, CREDENTIAL_MOBILE,
     {"~23", "~27", "~" NA, "gps_too_imprecise", "Other"}},
    {REASON_OUTSIDE_GEOFENCE, CREDENTIAL_MOBILE,
     {"~23", "~27", "~" NA, "outside_geofence", "Other"}},
    {REASON_GEOFENCE_MISCONFIGURED, CREDENTIAL_MOBILE,
     {"~23", "~27", "~" NA, "~outside_geofence", "Other"}},
    {REASON_CONTROLLER_OFFLINE, ANY, {"~23", "29", "Offline", "device_offline", "Other"}},
    /* anything else */
    {REASON_READ_MALFORMED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_READER_UNKNOWN, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_READ_STALE, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_CLOCK_UNTRUSTED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_POLICY_STALE, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_OCCUPANCY_FULL, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_INTERLOCK, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_POLICY_UNAVAILABLE, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_DOOR_UNKNOWN, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_GRANTED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_ALREADY_UNLOCKED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
    {REASON_HOLD_OPEN_ENDED, ANY, {"~23", "~27", "~" NA, "~" NM, "Other"}},
};
#define DENIALS (sizeof denials / sizeof denials[0])

static void every_denial_has_the_vendors_words_of_its_row(void **state)
{
    (void)state;
    bool is_there[REASONS] = {false};
    for (size_t i = 0; i < DENIALS; i++) {
        struct dialect_event e = denied(denials[i].reason, denials[i].type);
        is_there[denials[i].reason] = true;
        expect_cells(reason_name(denials[i].reason), &e, denials[i].cells);
        /* A violation that was found on the way is not what it was denied for. */
        e.violation = VIOLATION_EXIT;
        expect_cells(reason_name(denials[i].reason), &e, denials[i].cells);
        e.violation = VIOLATION_NONE;
        e.by_reservation = true;
        expect_cells(reason_name(denials[i].reason), &e, denials[i].cells);
    }
    is_there[REASON_ANTIPASSBACK] = true; /* below */
    for (int i = 0; i < REASONS; i++)
        if (!is_there[i])
            fail_msg("no row for %s", reason_name((enum reason)i));
}

static const char *const entry[5] = {"~23", "28", "Entry Violation", "~" NM, "Other"};
static const char *const leaving[5] = {"~23", "28", "Exit Violation", "~" NM, "Other"};

static void antipassback_is_told_apart_by_side_whether_denied_or_logged(void **state)
{
    (void)state;
    struct dialect_event e = denied(REASON_ANTIPASSBACK, CREDENTIAL_CARD);
    e.violation = VIOLATION_ENTRY;
    expect_cells("denied", &e, entry);
    e.violation = VIOLATION_EXIT;
    expect_cells("denied", &e, leaving);
    for (int i = 0; i < CREDENTIAL_TYPES; i++) {
        e = granted(REASON_GRANTED, (enum credential_type)i);
        e.violation = VIOLATION_ENTRY;
        expect_cells("logged", &e, entry);
        e.violation = VIOLATION_EXIT;
        e.by_reservation = true;
        expect_cells("logged", &e, leaving);
    }
}

static void a_type_that_is_not_known_makes_the_word_for_it_a_nearest_one(void **state)
{
    (void)state;
    struct dialect_event e = denied(REASON_CREDENTIAL_UNKNOWN, CREDENTIAL_PIN);
    e.has_type = false;
    expect_cells("no type", &e,
                 (const char *const[]){"25", "20", "~Invalid RF Card", "~" NM,
                                       "CredentialNotFound"});
}

/* --- grants --------------------------------------------------------------- */

/* Numbers of the two numeric dialects, by type: ordinary, by a reservation. */
struct grant {
    enum credential_type type;
    const char *guide, *api, *reserved_guide, *reserved_api;
};
static const struct grant grants[CREDENTIAL_TYPES] = {
    {CREDENTIAL_CARD, "10", "10", "13", "10"},
    {CREDENTIAL_PIN, "15", "11", "13", "11"},
    {CREDENTIAL_MOBILE, "16", "15", "13", "~10"},
    {CREDENTIAL_UHF, "~10", "~10", "13", "~10"},
    {CREDENTIAL_PLATE, "~10", "~10", "13", "~10"},
    {CREDENTIAL_QR, "~10", "~10", "13", "~10"},
    {CREDENTIAL_FACE, "~10", "~10", "13", "~10"},
    {CREDENTIAL_FINGERPRINT, "~10", "~10", "13", "~10"},
};

static void a_grant_is_told_by_the_type_of_credential(void **state)
{
    (void)state;
    static const enum reason reasons[] = {REASON_GRANTED, REASON_HOLD_OPEN_ENDED};
    for (size_t i = 0; i < CREDENTIAL_TYPES; i++) {
        const struct grant *g = &grants[i];
        for (int r = 0; r < 2; r++) {
            struct dialect_event e = granted(reasons[r], g->type);
            expect_cells(credential_type_name(g->type), &e,
                         (const char *const[]){g->guide, g->api, "Success", "Unlocked",
                                               "AccessGranted"});
            e.by_reservation = true;
            expect_cells("by a reservation", &e,
                         (const char *const[]){g->reserved_guide, g->reserved_api, "Success",
                                               "Unlocked", "AccessGranted"});
        }
    }
}

static void a_door_that_was_unlocked_has_a_row_of_its_own_for_every_type(void **state)
{
    (void)state;
    for (int i = 0; i < CREDENTIAL_TYPES; i++) {
        struct dialect_event e = granted(REASON_ALREADY_UNLOCKED, (enum credential_type)i);
        expect_cells("already_unlocked", &e,
                     (const char *const[]){"12", "16", "Success", "Unlocked", "AccessGranted"});
    }
}

/* --- what is no read ------------------------------------------------------ */

static void commands_exits_and_relay_faults_have_their_words(void **state)
{
    (void)state;
    struct dialect_event e = {.kind = EVENT_COMMAND, .has_decision = true,
                              .decision = DECISION_GRANTED, .reason = REASON_GRANTED,
                              .is_release = true};
    expect_cells("admin release", &e,
                 (const char *const[]){"14", "12", "Success", "Admin Unlocked", "AccessGranted"});
    e = (struct dialect_event){.kind = EVENT_REQUEST_TO_EXIT};
    expect_cells("request to exit", &e,
                 (const char *const[]){"-", "13", "Success", "-", "AccessGranted"});
    e = (struct dialect_event){.kind = EVENT_RELAY_FAULT};
    expect_cells("relay fault", &e,
                 (const char *const[]){"-", "25", "Failed", "Timed out", "Other"});
}

static void a_command_that_was_refused_is_told_by_its_reason(void **state)
{
    (void)state;
    struct dialect_event e = {.kind = EVENT_COMMAND, .has_decision = true,
                              .decision = DECISION_DENIED, .reason = REASON_DOOR_LOCKED_DOWN};
    expect_cells("locked down", &e,
                 (const char *const[]){"~23", "22", "Property Under Lock", "~" NM, "Other"});
    e.reason = REASON_CONTROLLER_OFFLINE;
    expect_cells("offline", &e,
                 (const char *const[]){"~23", "29", "Offline", "device_offline", "Other"});
    e.reason = REASON_DOOR_UNKNOWN;
    expect_cells("unknown door", &e,
                 (const char *const[]){"~23", "~27", "~" NA, "~" NM, "Other"});
}

static const char *const nothing[5] = {"-", "-", "-", "-", "-"};

static void nothing_is_said_where_the_table_has_no_row(void **state)
{
    (void)state;
    struct dialect_event e = {.kind = EVENT_COMMAND};
    expect_cells("a command that is no release", &e, nothing);
    e.has_decision = true;
    e.decision = DECISION_GRANTED;
    expect_cells("a granted command that is no release", &e, nothing);
    e = (struct dialect_event){.kind = EVENT_ACCESS, .has_type = true, .type = CREDENTIAL_CARD};
    expect_cells("a read without a decision", &e, nothing);
    e = denied(REASON_PIN_REQUIRED, CREDENTIAL_CARD);
    e.decision = DECISION_PENDING;
    expect_cells("a read that waits", &e, nothing);
    for (int i = 0; i < EVENT_KINDS; i++) {
        enum event_kind kind = (enum event_kind)i;
        if (kind == EVENT_ACCESS || kind == EVENT_COMMAND || kind == EVENT_RELAY_FAULT ||
            kind == EVENT_REQUEST_TO_EXIT)
            continue;
        e = denied(REASON_NO_PERMISSION, CREDENTIAL_CARD);
        e.kind = kind;
        e.is_release = true;
        expect_cells(event_kind_name(kind), &e, nothing);
        e.decision = DECISION_GRANTED;
        expect_cells(event_kind_name(kind), &e, nothing);
    }
}

/* --- texts ---------------------------------------------------------------- */

static void expect_text(enum dialect dialect, const struct dialect_event *e)
{
    struct dialect_words words = dialect_render(dialect, e);
    bool is_numeric = dialect == DIALECT_DOORFLOW_GUIDE || dialect == DIALECT_DOORFLOW_API;
    if (!words.is_rendered)
        return;
    assert_non_null(words.text);
    size_t len = strlen(words.text);
    assert_true(len > 0 && len < DIALECT_WORD_MAX);
    for (size_t i = 0; i < len; i++) /* may stand in JSON as it is */
        assert_true(words.text[i] >= ' ' && words.text[i] <= '~' && words.text[i] != '"' &&
                    words.text[i] != '\\');
    assert_true(words.text[0] != '~' && !strchr(words.text, '{'));
    assert_int_equal(strcmp(words.code, words.text) != 0, is_numeric);
    if (is_numeric)
        assert_int_equal(strspn(words.code, "0123456789"), strlen(words.code));
}

static void every_number_is_explained_and_every_word_stands_for_itself(void **state)
{
    (void)state;
    for (int d = 0; d < 5; d++) {
        for (int t = 0; t < CREDENTIAL_TYPES; t++) {
            for (int r = 0; r < REASONS; r++) {
                struct dialect_event e = denied((enum reason)r, (enum credential_type)t);
                expect_text(vendors[d], &e);
                e.decision = DECISION_GRANTED;
                expect_text(vendors[d], &e);
                e.by_reservation = true;
                expect_text(vendors[d], &e);
                e.violation = VIOLATION_EXIT;
                expect_text(vendors[d], &e);
            }
        }
        expect_text(vendors[d], &(struct dialect_event){.kind = EVENT_COMMAND, .is_release = true});
        expect_text(vendors[d], &(struct dialect_event){.kind = EVENT_RELAY_FAULT});
        expect_text(vendors[d], &(struct dialect_event){.kind = EVENT_REQUEST_TO_EXIT});
    }
}

static void one_number_means_another_thing_in_the_other_list(void **state)
{
    (void)state;
    static const struct {
        enum dialect dialect;
        enum reason reason;
        const char *code, *text;
    } numbers[] = {
        {DIALECT_DOORFLOW_GUIDE, REASON_PERSON_DISABLED, "21", "refused, the person is disabled"},
        {DIALECT_DOORFLOW_API, REASON_OUTSIDE_SCHEDULE, "21", "refused, not at this time"},
        {DIALECT_DOORFLOW_GUIDE, REASON_OUTSIDE_SCHEDULE, "24", "refused, not at this time"},
        {DIALECT_DOORFLOW_API, REASON_PIN_WRONG, "24", "refused, wrong PIN"},
        {DIALECT_DOORFLOW_GUIDE, REASON_CREDENTIAL_DISABLED, "22",
         "refused, the credential is disabled"},
        {DIALECT_DOORFLOW_API, REASON_DOOR_LOCKED_DOWN, "22", "refused, the door is locked down"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct dialect_event e = denied(numbers[i].reason, CREDENTIAL_CARD);
        struct dialect_words words = dialect_render(numbers[i].dialect, &e);
        assert_string_equal(words.code, numbers[i].code);
        assert_string_equal(words.text, numbers[i].text);
    }
}

/* --- names ---------------------------------------------------------------- */

static void every_dialect_has_a_name_and_no_other_word_is_one(void **state)
{
    (void)state;
    static const char *const names[DIALECTS] = {"native",  "doorflow-guide",  "doorflow-api",
                                                "akuvox", "performance-hub", "onvif"};
    static const char *const wrong[] = {"", "Native", "doorflow", "doorflow_api", "akuvox ",
                                        "onvi", "onviff", "klingon", "~onvif"};
    enum dialect d;
    for (int i = 0; i < DIALECTS; i++) {
        assert_string_equal(dialect_name((enum dialect)i), names[i]);
        assert_int_equal(dialect_parse(&d, slice_of(names[i])), GH_OK);
        assert_int_equal(d, i);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        d = DIALECT_AKUVOX;
        assert_int_equal(dialect_parse(&d, slice_of(wrong[i])), GH_INVALID);
        assert_int_equal(d, DIALECT_AKUVOX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_denial_has_the_vendors_words_of_its_row),
        cmocka_unit_test(antipassback_is_told_apart_by_side_whether_denied_or_logged),
        cmocka_unit_test(a_type_that_is_not_known_makes_the_word_for_it_a_nearest_one),
        cmocka_unit_test(a_grant_is_told_by_the_type_of_credential),
        cmocka_unit_test(a_door_that_was_unlocked_has_a_row_of_its_own_for_every_type),
        cmocka_unit_test(commands_exits_and_relay_faults_have_their_words),
        cmocka_unit_test(a_command_that_was_refused_is_told_by_its_reason),
        cmocka_unit_test(nothing_is_said_where_the_table_has_no_row),
        cmocka_unit_test(every_number_is_explained_and_every_word_stands_for_itself),
        cmocka_unit_test(one_number_means_another_thing_in_the_other_list),
        cmocka_unit_test(every_dialect_has_a_name_and_no_other_word_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
