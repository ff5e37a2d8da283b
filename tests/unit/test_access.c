/* The decision: every check of this version, and the order of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/access.h"

#define NOON 1736935200 /* 2025-01-15T10:00:00Z, a Wednesday */

static const struct schedule_window office[] = {{0x1f, 8 * 60, 18 * 60}};
static const struct schedule_window evening[] = {{0x7f, 18 * 60, 22 * 60}};

struct world {
    struct access_request request;
    struct access_facts facts;
    struct path_facts path[3];
    struct wall now;
};

static struct validity always(void)
{
    return (struct validity){INSTANT_NONE, INSTANT_NONE};
}

static void set_id(struct id *id, const char *text)
{
    assert_int_equal(id_set(id, slice_of(text)), GH_OK);
}

/* A world in which the read is granted. */
static struct world good(void)
{
    struct world w = {.now = {NOON, CLOCK_SYNCED}};
    struct access_facts *f = &w.facts;
    w.request.type = CREDENTIAL_CARD;
    f->policy_available = f->reader_known = f->door_known = true;
    f->credential_known = f->person_known = f->controller_online = true;
    f->reader.accepts = CREDENTIAL_TYPES_ALL;
    for (int i = 0; i < CREDENTIAL_CLASSES; i++)
        f->site.max_policy_age_s[i] = POLICY_AGE_UNLIMITED;
    f->door = (struct policy_door){.release_s = 7, .licensed = true, .license_until = INSTANT_NONE};
    f->zone = (struct zone_view){.n = 1, .span = {{0, 0}}};
    f->credential = (struct policy_credential){.enabled = true, .validity = always()};
    set_id(&f->credential.person, "jane");
    f->person = (struct policy_person){.enabled = true, .validity = always()};
    w.path[0] = (struct path_facts){.kind = ENTITLEMENT_ROLE, .validity = always(),
                                    .membership = always()};
    set_id(&w.path[0].id, "role-emp");
    f->n_paths = 1;
    return w;
}

static struct verdict decide(struct world *w)
{
    w->facts.paths = w->path;
    return access_decide(&w->request, &w->facts, w->now);
}

static void expect_denied(struct world *w, enum reason reason)
{
    struct verdict v = decide(w);
    assert_string_equal(reason_name(v.reason), reason_name(reason));
    assert_int_equal(v.decision, DECISION_DENIED);
    assert_int_equal(v.release_s, 0);
    assert_false(v.via.present);
}

static void expect_granted(struct world *w)
{
    struct verdict v = decide(w);
    assert_string_equal(reason_name(v.reason), "granted");
    assert_int_equal(v.decision, DECISION_GRANTED);
}

static void a_good_read_is_granted_with_its_path_and_release_time(void **state)
{
    (void)state;
    struct world w = good();
    struct verdict v = decide(&w);
    assert_int_equal(v.decision, DECISION_GRANTED);
    assert_int_equal(v.reason, REASON_GRANTED);
    assert_int_equal(v.release_s, 7);
    assert_true(v.via.present);
    assert_string_equal(v.via.id.s, "role-emp");
    assert_int_equal(v.via.kind, ENTITLEMENT_ROLE);
}

/* Each row breaks one more thing than the row below it; the first check wins. */
static void the_first_check_that_fails_is_the_reason(void **state)
{
    (void)state;
    struct world w = good();
    w.facts.controller_online = false;
    expect_denied(&w, REASON_CONTROLLER_OFFLINE);
    w.facts.n_paths = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
    w.facts.door.licensed = false;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
    w.facts.door_known = false;
    expect_denied(&w, REASON_DOOR_UNKNOWN);
    w.facts.credential.validity.until = NOON;
    expect_denied(&w, REASON_CREDENTIAL_EXPIRED);
    w.facts.person.validity.until = NOON;
    expect_denied(&w, REASON_PERSON_EXPIRED);
    w.facts.credential.enabled = false;
    expect_denied(&w, REASON_CREDENTIAL_DISABLED);
    w.facts.person.enabled = false;
    expect_denied(&w, REASON_PERSON_DISABLED);
    w.facts.person_known = false;
    expect_denied(&w, REASON_CREDENTIAL_UNASSIGNED);
    w.facts.credential_known = false;
    expect_denied(&w, REASON_CREDENTIAL_UNKNOWN);
    w.facts.reader.accepts = 1 << CREDENTIAL_PIN;
    expect_denied(&w, REASON_CREDENTIAL_TYPE_NOT_ACCEPTED);
    w.request.stale = true;
    expect_denied(&w, REASON_READ_STALE);
    w.facts.reader_known = false;
    expect_denied(&w, REASON_READER_UNKNOWN);
    w.facts.policy_available = false;
    expect_denied(&w, REASON_POLICY_UNAVAILABLE);
    w.request.malformed = true;
    expect_denied(&w, REASON_READ_MALFORMED);
}

static void a_person_who_needs_it_gets_the_longer_release(void **state)
{
    (void)state;
    struct world w = good();
    w.facts.door.extended_release_s = 45;
    assert_int_equal(decide(&w).release_s, 7);
    w.facts.person.extended_release = true;
    assert_int_equal(decide(&w).release_s, 45);
}

static void facts_that_could_not_be_had_grant_nothing(void **state)
{
    (void)state;
    struct access_request request = {0};
    struct access_facts none = {0};
    struct verdict v = access_decide(&request, &none, (struct wall){NOON, CLOCK_SYNCED});
    assert_int_equal(v.decision, DECISION_DENIED);
    assert_int_equal(v.reason, REASON_POLICY_UNAVAILABLE);
}

static void validity_is_half_open_to_the_second(void **state)
{
    (void)state;
    struct world w = good();
    w.facts.person.validity = (struct validity){NOON, NOON + 1};
    expect_granted(&w);
    w.now.s = NOON - 1;
    expect_denied(&w, REASON_PERSON_NOT_YET_VALID);
    w.now.s = NOON + 1;
    expect_denied(&w, REASON_PERSON_EXPIRED);

    w = good();
    w.facts.credential.validity = (struct validity){NOON, NOON + 1};
    expect_granted(&w);
    w.now.s = NOON - 1;
    expect_denied(&w, REASON_CREDENTIAL_NOT_YET_VALID);
    w.now.s = NOON + 1;
    expect_denied(&w, REASON_CREDENTIAL_EXPIRED);

    w = good();
    w.path[0].validity = (struct validity){NOON, NOON + 1};
    expect_granted(&w);
    w.now.s = NOON - 1;
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    w.now.s = NOON + 1;
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);

    w = good();
    w.facts.door.license_until = NOON + 1;
    expect_granted(&w);
    w.now.s = NOON + 1;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
}

static void a_membership_outside_its_dates_is_no_path(void **state)
{
    (void)state;
    struct world w = good();
    w.path[0].membership = (struct validity){NOON + 1, INSTANT_NONE};
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    w.path[0].membership = (struct validity){INSTANT_NONE, NOON};
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);
    /* By another membership the same entitlement may still pass. */
    w.path[1] = w.path[0];
    w.path[1].membership = always();
    w.facts.n_paths = 2;
    expect_granted(&w);
}

static void a_schedule_is_judged_on_the_doors_wall_clock(void **state)
{
    (void)state;
    struct world w = good();
    w.path[0].has_schedule = true;
    w.path[0].windows = office;
    w.path[0].n_windows = 1;
    expect_granted(&w); /* 10:00 */
    w.facts.zone.span[0].offset_s = 8 * 3600;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE); /* 18:00 exactly */
    w.now.s--;
    expect_granted(&w);
    w.facts.zone.n = 0; /* a zone that the system does not know */
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
}

static void a_schedule_without_windows_is_never(void **state)
{
    (void)state;
    struct world w = good();
    w.path[0].has_schedule = true;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
}

static void the_first_path_that_passes_is_reported(void **state)
{
    (void)state;
    struct world w = good();
    w.path[2] = w.path[1] = w.path[0];
    set_id(&w.path[0].id, "a");
    set_id(&w.path[1].id, "b");
    set_id(&w.path[2].id, "c");
    w.path[0].validity.until = NOON;
    w.path[1].kind = ENTITLEMENT_GRANT;
    w.facts.n_paths = 3;
    struct verdict v = decide(&w);
    assert_string_equal(v.via.id.s, "b");
    assert_int_equal(v.via.kind, ENTITLEMENT_GRANT);
}

static void the_failure_that_got_furthest_is_reported(void **state)
{
    (void)state;
    struct world w = good();
    w.path[2] = w.path[1] = w.path[0];
    w.facts.n_paths = 1;
    w.path[0].validity.until = NOON;
    expect_denied(&w, REASON_ENTITLEMENT_EXPIRED);
    w.facts.n_paths = 2;
    w.path[1].validity.from = NOON + 1;
    expect_denied(&w, REASON_ENTITLEMENT_NOT_STARTED);
    w.facts.n_paths = 3;
    w.path[2].has_schedule = true;
    w.path[2].windows = evening;
    w.path[2].n_windows = 1;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    /* And the order of the rows does not matter. */
    struct path_facts first = w.path[0];
    w.path[0] = w.path[2];
    w.path[2] = first;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);
    w.now.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
}

static void without_a_trusted_clock_what_has_no_time_condition_works(void **state)
{
    (void)state;
    struct world w = good();
    w.now.trust = CLOCK_UNSET;
    expect_granted(&w);
    w.facts.door.license_until = NOON - 1; /* counts as licensed */
    expect_granted(&w);
    w.facts.door.licensed = false;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
    w.facts.door.licensed = true;
    w.facts.door.license_until = INSTANT_NONE;
    w.facts.credential.validity.until = NOON + 100;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.facts.credential.validity = always();
    w.facts.person.validity.from = 0;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.facts.person.validity = always();
    w.path[0].membership.from = 0;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.path[0].membership = always();
    w.path[0].has_schedule = true;
    w.path[0].windows = office;
    w.path[0].n_windows = 1;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.now.trust = CLOCK_HOLDOVER;
    expect_granted(&w);
}

static const struct day_span mornings[] = {{10 * 60, 12 * 60}};
static const struct day_span evenings[] = {{17 * 60, 19 * 60}};

static void on_a_holiday_the_rule_of_the_entitlement_counts(void **state)
{
    (void)state;
    /* 2025-01-15 is a holiday with work from 10 to 12; the schedule is 8 to 18. */
    struct policy_holiday days[] = {
        {.calendar = {"default"}, .from = {2025, 1, 15}, .to = {2025, 1, 15}, .working = mornings,
         .n_working = 1},
        {.calendar = {"other"}, .from = {2025, 1, 1}, .to = {2025, 1, 31}},
    };
    struct world w = good();
    w.facts.holidays = days;
    w.facts.n_holidays = 2;
    w.path[0].has_schedule = true;
    w.path[0].windows = office;
    w.path[0].n_windows = 1;
    set_id(&w.path[0].calendar, "default");
    int64_t morning = NOON, noon = NOON + 7200, dusk = NOON + 8 * 3600;

    w.now.s = noon;
    expect_granted(&w); /* ignore: as any day */
    w.path[0].holiday = HOLIDAY_INTERSECT;
    expect_denied(&w, REASON_HOLIDAY); /* 12:00 is not inside 10 to 12 */
    w.now.s = noon - 1;
    expect_granted(&w);
    w.now.s = morning - 1;
    expect_denied(&w, REASON_HOLIDAY);
    w.now.s = morning - 86400;
    expect_granted(&w); /* the day before is no holiday */
    w.now.s = dusk - 86400;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE);

    days[0].working = evenings; /* 17 to 19 */
    w.now.s = dusk - 1;
    expect_granted(&w); /* 17:59:59 */
    w.now.s = dusk;
    expect_denied(&w, REASON_OUTSIDE_SCHEDULE); /* working hours, but the schedule is over */
    w.path[0].holiday = HOLIDAY_REPLACE;
    expect_granted(&w);
    w.now.s = dusk + 3600;
    expect_denied(&w, REASON_HOLIDAY);
    w.path[0].windows = NULL;
    w.path[0].n_windows = 0; /* never, but for the working hours */
    w.now.s = dusk;
    expect_granted(&w);
    w.now.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
    w.path[0].has_schedule = false; /* a holiday rule is a time condition of its own */
    expect_denied(&w, REASON_CLOCK_UNTRUSTED);
}

static void a_failure_by_holiday_outranks_one_by_schedule(void **state)
{
    (void)state;
    struct policy_holiday day = {.calendar = {"default"}, .from = {2025, 1, 15}, .to = {2025, 1, 15}};
    struct world w = good();
    w.facts.holidays = &day;
    w.facts.n_holidays = 1;
    set_id(&w.path[0].calendar, "default");
    w.path[1] = w.path[0];
    w.path[0].holiday = HOLIDAY_INTERSECT;
    w.path[1].has_schedule = true;
    w.facts.n_paths = 2;
    expect_denied(&w, REASON_HOLIDAY);
    struct path_facts first = w.path[0];
    w.path[0] = w.path[1];
    w.path[1] = first;
    expect_denied(&w, REASON_HOLIDAY);
}

static void a_policy_may_be_as_old_as_the_class_allows(void **state)
{
    (void)state;
    struct world w = good();
    w.facts.credential.credential_class = CLASS_VISITOR;
    w.facts.site.max_policy_age_s[CLASS_VISITOR] = 60;
    w.facts.policy_age_s = 60;
    expect_granted(&w);
    w.facts.policy_age_s = 61;
    expect_denied(&w, REASON_POLICY_STALE);
    w.facts.policy_age_s = POLICY_AGE_UNKNOWN;
    expect_denied(&w, REASON_POLICY_STALE);
    w.facts.controller_online = false; /* a later check */
    expect_denied(&w, REASON_POLICY_STALE);
    w.facts.n_paths = 0; /* an earlier one */
    expect_denied(&w, REASON_NO_PERMISSION);
    w = good();
    w.facts.policy_age_s = POLICY_AGE_UNKNOWN; /* no limit: nobody asks */
    expect_granted(&w);
}

static void the_age_of_a_policy_is_known_only_by_a_trusted_clock(void **state)
{
    (void)state;
    struct policy_version v = {.issued_at = 1000};
    assert_int_equal(access_policy_age_s(&v, (struct wall){1060, CLOCK_HOLDOVER}), 60);
    assert_int_equal(access_policy_age_s(&v, (struct wall){900, CLOCK_SYNCED}), 0);
    assert_int_equal(access_policy_age_s(&v, (struct wall){1060, CLOCK_UNSET}), POLICY_AGE_UNKNOWN);
    v.issued_at = INSTANT_NONE;
    assert_int_equal(access_policy_age_s(&v, (struct wall){1060, CLOCK_SYNCED}), POLICY_AGE_UNKNOWN);
}

static void the_deny_lane_denies_person_and_credential(void **state)
{
    (void)state;
    struct world w = good();
    w.facts.person_denied = true;
    expect_denied(&w, REASON_PERSON_DISABLED);
    w = good();
    w.facts.credential_denied = true;
    expect_denied(&w, REASON_CREDENTIAL_DISABLED);
}

static void every_reason_has_a_word_and_comes_back_from_it(void **state)
{
    (void)state;
    for (int i = 0; i < REASONS; i++) {
        enum reason back;
        assert_non_null(reason_name((enum reason)i));
        assert_int_equal(reason_parse(&back, slice_of(reason_name((enum reason)i))), GH_OK);
        assert_int_equal(back, i);
    }
    enum reason none;
    assert_int_equal(reason_parse(&none, slice_of("open_sesame")), GH_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_read_is_granted_with_its_path_and_release_time),
        cmocka_unit_test(the_first_check_that_fails_is_the_reason),
        cmocka_unit_test(a_person_who_needs_it_gets_the_longer_release),
        cmocka_unit_test(facts_that_could_not_be_had_grant_nothing),
        cmocka_unit_test(validity_is_half_open_to_the_second),
        cmocka_unit_test(a_membership_outside_its_dates_is_no_path),
        cmocka_unit_test(a_schedule_is_judged_on_the_doors_wall_clock),
        cmocka_unit_test(a_schedule_without_windows_is_never),
        cmocka_unit_test(the_first_path_that_passes_is_reported),
        cmocka_unit_test(the_failure_that_got_furthest_is_reported),
        cmocka_unit_test(without_a_trusted_clock_what_has_no_time_condition_works),
        cmocka_unit_test(on_a_holiday_the_rule_of_the_entitlement_counts),
        cmocka_unit_test(a_failure_by_holiday_outranks_one_by_schedule),
        cmocka_unit_test(a_policy_may_be_as_old_as_the_class_allows),
        cmocka_unit_test(the_age_of_a_policy_is_known_only_by_a_trusted_clock),
        cmocka_unit_test(the_deny_lane_denies_person_and_credential),
        cmocka_unit_test(every_reason_has_a_word_and_comes_back_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
