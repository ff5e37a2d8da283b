/* Policy rows: what good lines become. */
#include "row_json_fixture.h"

/* --- what rows become ------------------------------------------------------ */

static void a_site_needs_its_time_zone_and_has_defaults(void **state)
{
    (void)state;
    static const char *const defaults[] = {
        "\"tz\":\"Etc/GMT+5\"",
        "\"tz\":\"Etc/GMT+5\",\"name\":null,\"dialect\":null,\"antipassback_commit\":null,"
        "\"read_max_age_s\":null,\"factor_timeout_s\":null,\"duress\":null,"
        "\"pin_lockout\":null,\"max_policy_age_s\":null",
        "\"tz\":\"Etc/GMT+5\",\"dialect\":\"native\",\"antipassback_commit\":\"granted\","
        "\"admin_in_lockdown\":false,\"duress\":\"off\",\"pin_lockout\":{},"
        "\"max_policy_age_s\":{\"personal\":null,\"admin\":null}",
    };
    for (size_t i = 0; i < COUNT(defaults); i++) {
        struct policy_row row = good("site", defaults[i]);
        const struct policy_site *s = &row.d.site;
        assert_string_equal(s->tz, "Etc/GMT+5");
        assert_int_equal(s->dialect, DIALECT_NATIVE);
        assert_false(s->commit_taken);
        assert_false(s->admin_in_lockdown);
        assert_int_equal(s->read_max_age_s, 5);
        assert_int_equal(s->factor_timeout_s, 10);
        assert_false(s->duress);
        assert_int_equal(s->pin_lockout.failures, 5);
        assert_int_equal(s->pin_lockout.window_s, 60);
        assert_int_equal(s->pin_lockout.lock_s, 60);
        assert_int_equal(s->max_policy_age_s[CLASS_PERSONAL], POLICY_AGE_UNLIMITED);
        assert_int_equal(s->max_policy_age_s[CLASS_VISITOR], 86400);
        assert_int_equal(s->max_policy_age_s[CLASS_DELIVERY], 86400);
        assert_int_equal(s->max_policy_age_s[CLASS_ADMIN], POLICY_AGE_UNLIMITED);
    }
}

static void a_site_keeps_what_is_set(void **state)
{
    (void)state;
    struct policy_row row =
        good("site", "\"tz\":\"America/Argentina/Buenos_Aires\",\"name\":\"HQ\","
                     "\"dialect\":\"performance-hub\",\"antipassback_commit\":\"taken\","
                     "\"admin_in_lockdown\":true,\"read_max_age_s\":60,"
                     "\"factor_timeout_s\":3600,\"duress\":\"last_digit_plus_one\"");
    assert_string_equal(row.d.site.tz, "America/Argentina/Buenos_Aires");
    assert_int_equal(row.d.site.dialect, DIALECT_PERFORMANCE_HUB);
    assert_true(row.d.site.commit_taken);
    assert_true(row.d.site.admin_in_lockdown);
    assert_int_equal(row.d.site.read_max_age_s, 60);
    assert_int_equal(row.d.site.factor_timeout_s, 3600);
    assert_true(row.d.site.duress);
}

static void every_dialect_has_its_number(void **state)
{
    (void)state;
    static const char *const words[DIALECTS] = {"native", "doorflow-guide",  "doorflow-api",
                                                "akuvox", "performance-hub", "onvif"};
    for (int i = 0; i < DIALECTS; i++) {
        char fields[64];
        (void)snprintf(fields, sizeof fields, "\"tz\":\"UTC\",\"dialect\":\"%s\"", words[i]);
        assert_int_equal(good("site", fields).d.site.dialect, i);
    }
}

static void a_door_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    struct policy_row row = good("door", "");
    const struct policy_door *d = &row.d.door;
    assert_string_equal(d->name, "");
    assert_string_equal(d->tz, "");
    assert_int_equal(d->release_s, 10);
    assert_int_equal(d->extended_release_s, 20);
    assert_true(d->licensed);
    assert_true(d->license_until == INSTANT_NONE);
    assert_int_equal(d->held_open_s, 30);
    assert_int_equal(d->pre_alarm_s, 0);
    assert_int_equal(d->relock, RELOCK_ON_CLOSE);
    assert_int_equal(d->maintenance, MAINTENANCE_NORMAL);
    assert_int_equal(d->factors, FACTORS_SINGLE);
    assert_true(id_is_none(&d->factor_schedule));
    assert_int_equal(d->rex, REX_RELEASE);
    assert_false(d->rex_in_lockdown);
    assert_true(d->fire_release);
    assert_true(good("door", "\"fire\":\"release\"").d.door.fire_release);
}

static void a_door_keeps_how_it_is_held_and_asked(void **state)
{
    (void)state;
    struct policy_row row =
        good("door", "\"extended_release_s\":120,\"held_open_s\":0,\"pre_alarm_s\":9,"
                     "\"relock\":\"timer\",\"rex\":\"off\",\"rex_in_lockdown\":true,"
                     "\"fire\":\"ignore\",\"maintenance\":\"force_closed\","
                     "\"factors\":\"two_person\",\"factor_schedule\":\"nights\"");
    const struct policy_door *d = &row.d.door;
    assert_int_equal(d->extended_release_s, 120);
    assert_int_equal(d->held_open_s, 0);
    assert_int_equal(d->pre_alarm_s, 9);
    assert_int_equal(d->relock, RELOCK_TIMER);
    assert_int_equal(d->rex, REX_OFF);
    assert_true(d->rex_in_lockdown);
    assert_false(d->fire_release);
    assert_int_equal(d->maintenance, MAINTENANCE_FORCE_CLOSED);
    assert_int_equal(d->factors, FACTORS_TWO_PERSON);
    assert_string_equal(d->factor_schedule.s, "nights");
}

static void a_door_keeps_what_is_set(void **state)
{
    (void)state;
    struct policy_row row =
        good("door", "\"name\":\"Front \\u00e9\",\"tz\":\"UTC\",\"release_s\":30,"
                     "\"licensed\":false,\"license_until\":\"1970-01-02T01:00:00+01:00\"");
    assert_string_equal(row.d.door.name, "Front \xc3\xa9");
    assert_string_equal(row.d.door.tz, "UTC");
    assert_int_equal(row.d.door.release_s, 30);
    assert_false(row.d.door.licensed);
    assert_int_equal(row.d.door.license_until, 86400);
}

static void a_long_name_is_cut_at_a_character(void **state)
{
    (void)state;
    char fields[256];
    char name[POLICY_NAME_MAX + 2];
    memset(name, 'n', POLICY_NAME_MAX - 1);
    memcpy(name + POLICY_NAME_MAX - 1, "\xc3\xa9", 3);
    (void)snprintf(fields, sizeof fields, "\"name\":\"%s\"", name);
    struct policy_row row = good("door", fields);
    name[POLICY_NAME_MAX - 1] = '\0';
    assert_string_equal(row.d.door.name, name);
}

static void a_reader_without_accepts_takes_every_type_and_an_empty_list_none(void **state)
{
    (void)state;
    struct policy_row row = good("reader", "\"door\":\"front\"");
    assert_string_equal(row.d.reader.door.s, "front");
    assert_int_equal(row.d.reader.accepts, CREDENTIAL_TYPES_ALL);
    row = good("reader", "\"door\":\"front\",\"accepts\":null");
    assert_int_equal(row.d.reader.accepts, CREDENTIAL_TYPES_ALL);
    row = good("reader", "\"door\":\"front\",\"accepts\":[]");
    assert_int_equal(row.d.reader.accepts, 0);
    row = good("reader", "\"door\":\"front\",\"accepts\":[\"pin\",\"card\",\"pin\"]");
    assert_int_equal(row.d.reader.accepts, 1u << CREDENTIAL_PIN | 1u << CREDENTIAL_CARD);
}

static void groups_of_doors_and_of_persons_are_taken(void **state)
{
    (void)state;
    struct policy_row row = good("door_group", "\"name\":\"all\",\"doors\":[\"a\",\"b:1\"]");
    assert_ids(row.d.door_group.doors, 2, (const char *const[]){"a", "b:1"});
    assert_int_equal(good("door_group", "").d.door_group.doors.n, 0);
    assert_false(good("group", "").d.group.antipassback_exempt);
    row = good("group", "\"name\":\"staff\",\"antipassback_exempt\":true,\"floors\":[]");
    assert_true(row.d.group.antipassback_exempt);
    assert_int_equal(row.d.group.floors.n, 0);
}

static void a_person_has_groups_with_and_without_dates(void **state)
{
    (void)state;
    struct policy_row row = good("person", "");
    assert_true(row.d.person.enabled);
    assert_unbounded(row.d.person.validity);
    assert_int_equal(row.d.person.n_groups, 0);
    assert_false(row.d.person.lockdown_bypass || row.d.person.first_credential ||
                 row.d.person.extended_release || row.d.person.antipassback_exempt);
    row = good("person",
               "\"name\":\"A\",\"enabled\":false,\"valid_from\":\"1970-01-01T00:00:01Z\","
               "\"valid_until\":\"1970-01-01T00:00:02Z\",\"type\":\"t\",\"status\":\"s\","
               "\"tags\":[\"x\",\"y z\"],\"groups\":[\"g1\",{\"id\":\"g2\",\"valid_from\":null,"
               "\"valid_until\":\"1970-01-01T00:00:09Z\",\"x\":1},{\"id\":\"g3\"}]");
    assert_false(row.d.person.enabled);
    assert_int_equal(row.d.person.validity.from, 1);
    assert_int_equal(row.d.person.validity.until, 2);
    assert_int_equal(row.d.person.n_groups, 3);
    assert_string_equal(row.d.person.groups[0].group.s, "g1");
    assert_unbounded(row.d.person.groups[0].validity);
    assert_string_equal(row.d.person.groups[1].group.s, "g2");
    assert_true(row.d.person.groups[1].validity.from == INSTANT_NONE);
    assert_int_equal(row.d.person.groups[1].validity.until, 9);
    assert_string_equal(row.d.person.groups[2].group.s, "g3");
    assert_unbounded(row.d.person.groups[2].validity);
}

static void a_person_keeps_each_privilege_by_itself(void **state)
{
    (void)state;
    struct policy_row row = good("person", "\"lockdown_bypass\":true");
    assert_true(row.d.person.lockdown_bypass);
    assert_false(row.d.person.first_credential);
    row = good("person", "\"first_credential\":true");
    assert_true(row.d.person.first_credential);
    assert_false(row.d.person.extended_release);
    row = good("person", "\"extended_release\":true");
    assert_true(row.d.person.extended_release);
    assert_false(row.d.person.antipassback_exempt);
    row = good("person", "\"antipassback_exempt\":true");
    assert_true(row.d.person.antipassback_exempt);
    assert_false(row.d.person.lockdown_bypass);
}

static void a_credential_is_put_into_canonical_form(void **state)
{
    (void)state;
    struct policy_row row = good("credential", "\"type\":\"card\",\"value\":\"00-ab:cd\"");
    const struct policy_credential *c = &row.d.credential;
    assert_true(id_is_none(&c->person));
    assert_int_equal(c->type, CREDENTIAL_CARD);
    assert_int_equal(c->value.len, 4);
    assert_memory_equal(c->value.text, "ABCD", 4);
    assert_int_equal(c->bits, 0);
    assert_true(c->enabled);
    assert_true(id_is_none(&c->disabled_reason));
    assert_unbounded(c->validity);
    row = good("credential", "\"person\":\"p\",\"type\":\"pin\",\"value\":\"0042\",\"bits\":256,"
                             "\"enabled\":false,\"disabled_reason\":\"stolen\",\"class\":\"admin\","
                             "\"valid_from\":\"1970-01-01T00:00:01Z\",\"valid_until\":null");
    c = &row.d.credential;
    assert_string_equal(c->person.s, "p");
    assert_int_equal(c->type, CREDENTIAL_PIN);
    assert_memory_equal(c->value.text, "0042", 4);
    assert_int_equal(c->bits, 256);
    assert_false(c->enabled);
    assert_string_equal(c->disabled_reason.s, "stolen");
    assert_int_equal(c->validity.from, 1);
    assert_true(c->validity.until == INSTANT_NONE);
    row = good("credential",
               "\"type\":\"qr\",\"value\":\"a\",\"disabled_reason\":\"in the river\"");
    c = &row.d.credential;
    assert_true(id_is_none(&c->disabled_reason));
}

static void a_schedule_has_windows_and_none_means_never(void **state)
{
    (void)state;
    static const char *const never[] = {"", "\"windows\":[]", "\"windows\":null"};
    for (size_t i = 0; i < COUNT(never); i++)
        assert_int_equal(good("schedule", never[i]).d.schedule.n_windows, 0);
    struct policy_row row = good(
        "schedule",
        "\"windows\":[{\"days\":[\"mon\",\"sun\"],\"start\":\"00:00\",\"end\":\"24:00\"},"
        "{\"days\":[\"wed\"],\"start\":\"22:30\",\"end\":\"06:05\"},"
        "{\"days\":[\"fri\"],\"start\":\"22:00\",\"end\":\"00:00\"}]");
    const struct schedule_window *w = row.d.schedule.windows;
    assert_int_equal(row.d.schedule.n_windows, 3);
    assert_int_equal(w[0].days, 0x41);
    assert_int_equal(w[0].start_min, 0);
    assert_int_equal(w[0].end_min, 1440);
    assert_int_equal(w[1].days, 0x04);
    assert_int_equal(w[1].start_min, 1350);
    assert_int_equal(w[1].end_min, 365);
    assert_int_equal(w[2].start_min, 1320);
    assert_int_equal(w[2].end_min, 1440);
}

static void an_entitlement_without_who_and_where_is_for_nobody_nowhere(void **state)
{
    (void)state;
    static const char *const empty[] = {
        "\"kind\":\"role\"",
        "\"kind\":\"role\",\"who\":null,\"where\":null",
        "\"kind\":\"role\",\"who\":{},\"where\":{}",
        "\"kind\":\"role\",\"who\":{\"everyone\":false,\"persons\":[],\"tags\":[],\"types\":null},"
        "\"where\":{\"all\":false,\"doors\":null}",
    };
    for (size_t i = 0; i < COUNT(empty); i++) {
        struct policy_row row = good("entitlement", empty[i]);
        const struct policy_entitlement *e = &row.d.entitlement;
        assert_int_equal(e->kind, ENTITLEMENT_ROLE);
        assert_true(e->enabled);
        assert_true(id_is_none(&e->schedule));
        assert_unbounded(e->validity);
        assert_false(e->who.everyone);
        assert_int_equal(e->who.persons.n + e->who.credentials.n + e->who.groups.n, 0);
        assert_false(e->where.all);
        assert_int_equal(e->where.doors.n + e->where.door_groups.n, 0);
    }
}

static void an_entitlement_is_taken_whole(void **state)
{
    (void)state;
    struct policy_row row = good(
        "entitlement",
        "\"kind\":\"delivery\",\"enabled\":false,\"schedule\":\"s\","
        "\"valid_from\":\"1970-01-01T00:00:01Z\",\"valid_until\":\"1970-01-01T00:00:02Z\","
        "\"holiday\":\"ignore\",\"calendar\":\"default\",\"floors\":[],"
        "\"who\":{\"everyone\":true,\"persons\":[\"p1\",\"p2\"],\"credentials\":[\"c\"],"
        "\"groups\":[\"g\"]},\"where\":{\"all\":true,\"doors\":[\"d\"],\"door_groups\":[\"e\"]}");
    const struct policy_entitlement *e = &row.d.entitlement;
    assert_int_equal(e->kind, ENTITLEMENT_DELIVERY);
    assert_false(e->enabled);
    assert_string_equal(e->schedule.s, "s");
    assert_int_equal(e->validity.from, 1);
    assert_int_equal(e->validity.until, 2);
    assert_true(e->who.everyone);
    assert_ids(e->who.persons, 2, (const char *const[]){"p1", "p2"});
    assert_ids(e->who.credentials, 1, (const char *const[]){"c"});
    assert_ids(e->who.groups, 1, (const char *const[]){"g"});
    assert_true(e->where.all);
    assert_ids(e->where.doors, 1, (const char *const[]){"d"});
    assert_ids(e->where.door_groups, 1, (const char *const[]){"e"});
}

static void an_interval_that_ends_before_it_starts_is_taken_and_never_valid(void **state)
{
    (void)state;
    static const char dates[] = "\"valid_from\":\"1970-01-01T00:00:09Z\","
                                "\"valid_until\":\"1970-01-01T00:00:02Z\"";
    struct policy_row row = good("person", dates);
    assert_int_equal(row.d.person.validity.from, 9);
    assert_int_equal(row.d.person.validity.until, 2);
}

static void fields_that_nobody_knows_are_ignored(void **state)
{
    (void)state;
    (void)good("door", "\"colour\":\"red\",\"x\":{\"maintenance\":\"force_closed\"}");
    struct parsed p = parse("{\"x\":[1],\"k\":\"door\",\"rev\":7,\"id\":\"d\",\"d\":{}}");
    assert_int_equal(p.err, GH_OK);
}

static void a_removal_needs_kind_and_id_only(void **state)
{
    (void)state;
    for (int k = 0; k < ROW_KINDS; k++) {
        char line[128];
        (void)snprintf(line, sizeof line, "{\"k\":\"%s\",\"id\":\"x\",\"op\":\"del\"}",
                       row_kind_name((enum row_kind)k));
        struct parsed p = parse(line);
        assert_int_equal(p.err, GH_OK);
        assert_int_equal(p.row.kind, k);
        assert_string_equal(p.row.id.s, "x");
        assert_true(p.row.removal);
        assert_string_equal(p.why, "");
    }
}

static void a_holiday_comes_with_its_range_and_working_hours(void **state)
{
    (void)state;
    struct policy_row p = good("holiday", "\"from\":\"2024-12-24\",\"to\":\"2025-01-02\","
                                      "\"yearly\":true,\"calendar\":\"school\",\"working\":["
                                      "{\"start\":\"10:00\",\"end\":\"24:00\"}]");
    const struct policy_holiday *h = &p.d.holiday;
    assert_string_equal(h->calendar.s, "school");
    assert_int_equal(h->from.year * 10000 + h->from.month * 100 + h->from.day, 20241224);
    assert_int_equal(h->to.year * 10000 + h->to.month * 100 + h->to.day, 20250102);
    assert_true(h->yearly);
    assert_int_equal(h->n_working, 1);
    assert_int_equal(h->working[0].start_min, 600);
    assert_int_equal(h->working[0].end_min, 1440);
    p = good("holiday", "\"from\":\"2024-02-29\"");
    assert_int_equal(p.d.holiday.to.day, 29);
    assert_string_equal(p.d.holiday.calendar.s, "default");
    assert_false(p.d.holiday.yearly);
}

static void classes_limits_and_holiday_rules_are_kept(void **state)
{
    (void)state;
    struct policy_row p = good("site", "\"tz\":\"UTC\",\"max_policy_age_s\":{\"personal\":60,"
                                   "\"visitor\":null}");
    assert_int_equal(p.d.site.max_policy_age_s[CLASS_PERSONAL], 60);
    assert_int_equal(p.d.site.max_policy_age_s[CLASS_VISITOR], POLICY_AGE_UNLIMITED);
    assert_int_equal(p.d.site.max_policy_age_s[CLASS_DELIVERY], 86400);
    assert_int_equal(p.d.site.max_policy_age_s[CLASS_ADMIN], POLICY_AGE_UNLIMITED);
    assert_int_equal(p.d.site.pin_lockout.failures, 5);
    p = good("site", "\"tz\":\"UTC\",\"pin_lockout\":{\"failures\":3,\"window_s\":61,\"lock_s\":600}");
    assert_int_equal(p.d.site.pin_lockout.failures, 3);
    assert_int_equal(p.d.site.pin_lockout.window_s, 61);
    assert_int_equal(p.d.site.pin_lockout.lock_s, 600);
    p = good("credential", "\"type\":\"qr\",\"value\":\"a\",\"class\":\"delivery\"");
    assert_int_equal(p.d.credential.credential_class, CLASS_DELIVERY);
    p = good("entitlement", "\"kind\":\"role\",\"holiday\":\"replace\",\"calendar\":\"school\"");
    assert_int_equal(p.d.entitlement.holiday, HOLIDAY_REPLACE);
    assert_string_equal(p.d.entitlement.calendar.s, "school");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_needs_its_time_zone_and_has_defaults),
        cmocka_unit_test(a_site_keeps_what_is_set),
        cmocka_unit_test(every_dialect_has_its_number),
        cmocka_unit_test(a_door_has_the_defaults_of_the_contract),
        cmocka_unit_test(a_door_keeps_how_it_is_held_and_asked),
        cmocka_unit_test(a_door_keeps_what_is_set),
        cmocka_unit_test(a_long_name_is_cut_at_a_character),
        cmocka_unit_test(a_reader_without_accepts_takes_every_type_and_an_empty_list_none),
        cmocka_unit_test(groups_of_doors_and_of_persons_are_taken),
        cmocka_unit_test(a_person_has_groups_with_and_without_dates),
        cmocka_unit_test(a_person_keeps_each_privilege_by_itself),
        cmocka_unit_test(a_credential_is_put_into_canonical_form),
        cmocka_unit_test(a_schedule_has_windows_and_none_means_never),
        cmocka_unit_test(an_entitlement_without_who_and_where_is_for_nobody_nowhere),
        cmocka_unit_test(an_entitlement_is_taken_whole),
        cmocka_unit_test(an_interval_that_ends_before_it_starts_is_taken_and_never_valid),
        cmocka_unit_test(fields_that_nobody_knows_are_ignored),
        cmocka_unit_test(a_removal_needs_kind_and_id_only),
        cmocka_unit_test(a_holiday_comes_with_its_range_and_working_hours),
        cmocka_unit_test(classes_limits_and_holiday_rules_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
