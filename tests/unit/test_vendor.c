/* A vendor's words for events as they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/vendor.h"

/* The member for an event, zero-terminated; "" if there is none. */
static const char *member(const char *event, enum dialect dialect)
{
    static char out[VENDOR_MEMBER_MAX + 1];
    char why[128] = "";
    struct json *v = json_parse_object(slice_of(event), why, sizeof why);
    if (!v)
        fail_msg("%s: %s", event, why);
    size_t len = vendor_member(out, v, dialect);
    json_free(v);
    assert_true(len <= VENDOR_MEMBER_MAX);
    out[len] = '\0';
    return out;
}

static const char granted[] =
    "{\"seq\":7,\"kind\":\"access\",\"type\":\"pin\",\"decision\":\"granted\","
    "\"reason\":\"granted\",\"via\":{\"kind\":\"role\",\"id\":\"e1\"}}";

static void an_event_gets_dialect_code_and_text(void **state)
{
    (void)state;
    assert_string_equal(member(granted, DIALECT_DOORFLOW_API),
                        ",\"vendor\":{\"dialect\":\"doorflow-api\",\"code\":\"11\","
                        "\"text\":\"granted by PIN\"}");
    assert_string_equal(member(granted, DIALECT_ONVIF),
                        ",\"vendor\":{\"dialect\":\"onvif\",\"code\":\"AccessGranted\","
                        "\"text\":\"AccessGranted\"}");
}

static void what_is_only_the_nearest_is_marked_at_the_code(void **state)
{
    (void)state;
    static const char denied[] = "{\"kind\":\"access\",\"type\":\"card\",\"decision\":\"denied\","
                                 "\"reason\":\"interlock\"}";
    assert_string_equal(member(denied, DIALECT_PERFORMANCE_HUB),
                        ",\"vendor\":{\"dialect\":\"performance-hub\","
                        "\"code\":\"~no_matching_rule_or_grant\","
                        "\"text\":\"no_matching_rule_or_grant\"}");
    assert_string_equal(member(denied, DIALECT_AKUVOX),
                        ",\"vendor\":{\"dialect\":\"akuvox\",\"code\":\"~No access permission or "
                        "door license is not available\",\"text\":\"No access permission or door "
                        "license is not available\"}");
}

/* Every member that the words depend on is looked at. */
static void the_path_the_violation_and_the_command_count(void **state)
{
    (void)state;
    static const struct {
        const char *event, *code;
    } cases[] = {
        {"{\"kind\":\"access\",\"type\":\"card\",\"decision\":\"granted\",\"reason\":\"granted\","
         "\"via\":{\"kind\":\"reservation\",\"id\":\"b\"}}",
         "\"13\""},
        {"{\"kind\":\"access\",\"type\":\"card\",\"decision\":\"granted\",\"reason\":\"granted\","
         "\"via\":{\"kind\":\"reservation\",\"id\":\"b\"},\"violation\":\"entry\"}",
         "\"~23\""},
        {"{\"kind\":\"access\",\"type\":\"mobile\",\"decision\":\"granted\","
         "\"reason\":\"hold_open_ended\"}",
         "\"16\""},
        {"{\"kind\":\"access\",\"type\":\"face\",\"decision\":\"granted\",\"reason\":\"granted\"}",
         "\"~10\""},
        {"{\"kind\":\"access\",\"type\":\"card\",\"decision\":\"granted\","
         "\"reason\":\"already_unlocked\"}",
         "\"12\""},
        {"{\"kind\":\"command\",\"decision\":\"granted\",\"reason\":\"granted\","
         "\"args\":{\"action\":\"release\",\"result\":\"done\"}}",
         "\"14\""},
        {"{\"kind\":\"command\",\"decision\":\"denied\",\"reason\":\"door_locked_down\","
         "\"args\":{\"action\":\"release\",\"result\":\"refused\"}}",
         "\"~23\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!strstr(member(cases[i].event, DIALECT_DOORFLOW_GUIDE), cases[i].code))
            fail_msg("%s: %s", cases[i].event, member(cases[i].event, DIALECT_DOORFLOW_GUIDE));
    assert_non_null(strstr(member("{\"kind\":\"access\",\"decision\":\"denied\","
                                  "\"reason\":\"antipassback\",\"violation\":\"exit\"}",
                                  DIALECT_AKUVOX),
                           "Exit Violation"));
    assert_non_null(strstr(
        member("{\"kind\":\"request_to_exit\",\"door\":\"d\"}", DIALECT_DOORFLOW_API), "\"13\""));
    assert_non_null(strstr(
        member("{\"kind\":\"relay_fault\",\"args\":{\"fault\":\"x\"}}", DIALECT_PERFORMANCE_HUB),
        "Timed out"));
}

static void events_without_words_and_strange_ones_get_nothing(void **state)
{
    (void)state;
    static const char *const events[] = {
        "{}",
        "{\"kind\":\"tamper\",\"args\":{\"on\":true}}",
        "{\"kind\":7,\"decision\":\"denied\",\"reason\":\"no_permission\"}",
        "{\"kind\":\"party\",\"decision\":\"denied\",\"reason\":\"no_permission\"}",
        "{\"decision\":\"denied\",\"reason\":\"no_permission\"}",
        "{\"kind\":\"access\"}",
        "{\"kind\":\"access\",\"reason\":\"no_permission\"}",
        "{\"kind\":\"access\",\"decision\":\"denied\"}",
        "{\"kind\":\"access\",\"decision\":\"denied\",\"reason\":\"bad_mood\"}",
        "{\"kind\":\"access\",\"decision\":\"maybe\",\"reason\":\"no_permission\"}",
        "{\"kind\":\"access\",\"decision\":\"pending\",\"reason\":\"pin_required\"}",
        "{\"kind\":\"duress\",\"decision\":\"granted\",\"reason\":\"granted\"}",
        "{\"kind\":\"command\",\"args\":{\"action\":\"release\",\"result\":\"expired\"}}",
        "{\"kind\":\"command\",\"args\":{\"action\":\"lock\",\"result\":\"done\"}}",
        "{\"kind\":\"command\",\"args\":\"release\"}",
        "{\"kind\":\"request_to_exit\",\"args\":{\"fault\":\"the input has been active\"}}",
        /* somebody else's words are left alone */
        "{\"kind\":\"access\",\"decision\":\"denied\",\"reason\":\"holiday\",\"vendor\":{}}",
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        for (int d = 0; d < DIALECTS; d++)
            if (member(events[i], (enum dialect)d)[0])
                fail_msg("%s: %s", events[i], member(events[i], (enum dialect)d));
    assert_string_equal(member(granted, DIALECT_NATIVE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_gets_dialect_code_and_text),
        cmocka_unit_test(what_is_only_the_nearest_is_marked_at_the_code),
        cmocka_unit_test(the_path_the_violation_and_the_command_count),
        cmocka_unit_test(events_without_words_and_strange_ones_get_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
