/* Policy rows: access rules, geofences, door modes, lockdowns, areas, interlocks. */
#include "row_json_fixture.h"

#define QUICK "\"tier\":\"quick\",\"mode\":\"locked\""
#define TIERS "\"quick\", \"one_time\" or \"routine\""
#define MODES "\"unlocked\", \"first_credential\", \"locked\" or \"locked_down\""
#define LEVELS "\"site\", \"door_group\" or \"door\""
#define PRIORITY_RULE "\"priority\" must be a whole number from 0 to 1000000"
#define INSTANT_RULE(field) "\"" field "\" must be an instant such as 2025-01-31T08:00:00+01:00"

static void assert_real(double is, double should)
{
    assert_true(is >= should && is <= should);
}

static void assert_nowhere(const struct policy_where *where)
{
    assert_false(where->all);
    assert_int_equal(where->doors.n + where->door_groups.n, 0);
}

static void refuse_all(const char *const (*rows)[3], size_t n)
{
    for (size_t i = 0; i < n; i++)
        refused(rows[i][0], rows[i][1], rows[i][2]);
}

/* --- access_rules, geofence -------------------------------------------------- */

static void access_rules_have_the_defaults_of_the_contract(void **state)
{
    (void)state;
    struct policy_row row = good("access_rules", "\"level\":\"site\"");
    const struct policy_access_rules *a = &row.d.access_rules;
    assert_int_equal(a->level, LEVEL_SITE);
    assert_true(id_is_none(&a->target));
    assert_int_equal(a->priority, 100);
    assert_true(id_is_none(&a->hours));
    assert_int_equal(a->n_types + a->tags.n, 0);
    assert_false(a->block);
}

static void access_rules_keep_what_is_set(void **state)
{
    (void)state;
    struct policy_row row =
        good("access_rules", "\"level\":\"door_group\",\"target\":\"g\",\"priority\":0,"
                             "\"hours\":\"s\",\"block\":true");
    const struct policy_access_rules *a = &row.d.access_rules;
    assert_int_equal(a->level, LEVEL_DOOR_GROUP);
    assert_string_equal(a->target.s, "g");
    assert_int_equal(a->priority, 0);
    assert_string_equal(a->hours.s, "s");
    assert_true(a->block);
    row = good("access_rules", "\"level\":\"door\",\"target\":\"d\",\"priority\":1000000");
    assert_int_equal(row.d.access_rules.level, LEVEL_DOOR);
    assert_int_equal(row.d.access_rules.priority, 1000000);
}

static void inert_access_rules_still_say_where_they_stand_and_block(void **state)
{
    (void)state;
    struct parsed p =
        parse_fields("access_rules", "\"level\":\"door\",\"target\":\"d\",\"block\":true,"
                                     "\"tags\":[\"vip\"],\"crit\":[\"moon\"]");
    assert_int_equal(p.err, GH_OK);
    assert_true(p.row.inert);
    assert_int_equal(p.row.d.access_rules.level, LEVEL_DOOR);
    assert_string_equal(p.row.d.access_rules.target.s, "d");
    assert_true(p.row.d.access_rules.block);
}

static void a_row_of_the_site_has_no_target_whatever_it_names(void **state)
{
    (void)state;
    static const char fields[] = "\"level\":\"site\",\"target\":\"front\"";
    assert_string_equal(good("access_rules", fields).d.access_rules.target.s, "");
    assert_string_equal(good("geofence", fields).d.geofence.target.s, "");
    (void)good("access_rules", "\"level\":\"site\",\"target\":null");
    refused("access_rules", "\"level\":\"site\",\"target\":7", "\"target\" must be an id");
    refused("geofence", "\"level\":\"site\",\"target\":\"\"", "\"target\" must be an id");
}

static void a_geofence_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    static const char *const defaults[] = {
        "\"level\":\"site\"",
        "\"level\":\"site\",\"target\":null,\"priority\":null,\"lat\":null,\"lon\":null,"
        "\"radius_m\":null,\"buffer_m\":null,\"max_accuracy_m\":null",
    };
    for (size_t i = 0; i < COUNT(defaults); i++) {
        struct policy_row row = good("geofence", defaults[i]);
        const struct policy_geofence *g = &row.d.geofence;
        assert_int_equal(g->level, LEVEL_SITE);
        assert_int_equal(g->priority, 100);
        assert_true(g->enabled);
        assert_false(g->has_centre);
        assert_real(g->radius_m, 200);
        assert_real(g->buffer_m, 25);
        assert_real(g->max_accuracy_m, 100);
    }
}

static void a_geofence_takes_whole_numbers_and_fractions(void **state)
{
    (void)state;
    struct policy_row row =
        good("geofence", "\"level\":\"door\",\"target\":\"d\",\"priority\":1,\"enabled\":false,"
                         "\"lat\":-33.75,\"lon\":151,\"radius_m\":50.5,\"buffer_m\":0,"
                         "\"max_accuracy_m\":5000");
    const struct policy_geofence *g = &row.d.geofence;
    assert_string_equal(g->target.s, "d");
    assert_false(g->enabled);
    assert_true(g->has_centre);
    assert_real(g->lat, -33.75);
    assert_real(g->lon, 151);
    assert_real(g->radius_m, 50.5);
    assert_real(g->buffer_m, 0);
    assert_real(g->max_accuracy_m, 5000);
    row = good("geofence", "\"level\":\"site\",\"lat\":90,\"lon\":-180.0,\"radius_m\":50");
    assert_true(row.d.geofence.has_centre);
    assert_real(row.d.geofence.radius_m, 50);
    row = good("geofence", "\"level\":\"site\",\"lat\":0,\"lon\":0");
    assert_true(row.d.geofence.has_centre);
}

static void half_a_centre_is_none(void **state)
{
    (void)state;
    static const char *const halves[] = {"\"lat\":52.5", "\"lon\":13.4",
                                         "\"lat\":52.5,\"lon\":null", "\"lat\":null,\"lon\":13.4"};
    for (size_t i = 0; i < COUNT(halves); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "\"level\":\"site\",%s", halves[i]);
        struct policy_row row = good("geofence", fields);
        assert_false(row.d.geofence.has_centre);
        assert_real(row.d.geofence.lat, 0);
        assert_real(row.d.geofence.lon, 0);
    }
}

static void rules_that_the_contract_does_not_allow_are_refused(void **state)
{
    (void)state;
    static const char *const kinds[] = {"access_rules", "geofence"};
    static const char *const both[][2] = {
        {"", "\"level\" is missing: it must be " LEVELS},
        {"\"level\":null", "\"level\" is missing: it must be " LEVELS},
        {"\"level\":\"facility\"", "\"level\" must be " LEVELS},
        {"\"level\":0", "\"level\" must be " LEVELS},
        {"\"level\":\"door\"", "\"target\" is missing: it must be the id of a door"},
        {"\"level\":\"door\",\"target\":null",
         "\"target\" is missing: it must be the id of a door"},
        {"\"level\":\"door_group\"", "\"target\" is missing: it must be the id of a door group"},
        {"\"level\":\"door_group\",\"target\":[\"g\"]", "\"target\" must be an id"},
        {"\"level\":\"site\",\"priority\":-1", PRIORITY_RULE},
        {"\"level\":\"site\",\"priority\":1000001", PRIORITY_RULE},
        {"\"level\":\"site\",\"priority\":1.5", PRIORITY_RULE},
        {"\"level\":\"site\",\"priority\":\"1\"", PRIORITY_RULE},
    };
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(both); i++)
            refused(kinds[k], both[i][0], both[i][1]);
    static const char *const rules[][3] = {
        {"access_rules", "\"level\":\"site\",\"block\":null", "\"block\" must be true or false"},
        {"access_rules", "\"level\":\"site\",\"block\":\"yes\"", "\"block\" must be true or false"},
        {"access_rules", "\"level\":\"site\",\"hours\":[]", "\"hours\" must be an id"},
        {"access_rules", "\"level\":\"site\",\"hours\":\"\"", "\"hours\" must be an id"},
    };
    refuse_all(rules, COUNT(rules));
}

static void places_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const numbers[][2] = {
        {"\"lat\":90.001", "\"lat\" must be a number from -90 to 90"},
        {"\"lat\":-91", "\"lat\" must be a number from -90 to 90"},
        {"\"lat\":\"52.5\"", "\"lat\" must be a number from -90 to 90"},
        {"\"lat\":true,\"lon\":13", "\"lat\" must be a number from -90 to 90"},
        {"\"lon\":180.5", "\"lon\" must be a number from -180 to 180"},
        {"\"lon\":[13]", "\"lon\" must be a number from -180 to 180"},
        {"\"lon\":1e300", "\"lon\" must be a number from -180 to 180"},
        {"\"radius_m\":49.9", "\"radius_m\" must be a number from 50 to 5000"},
        {"\"radius_m\":5001", "\"radius_m\" must be a number from 50 to 5000"},
        {"\"radius_m\":0", "\"radius_m\" must be a number from 50 to 5000"},
        {"\"buffer_m\":-0.1", "\"buffer_m\" must be a number from 0 to 5000"},
        {"\"buffer_m\":5000.1", "\"buffer_m\" must be a number from 0 to 5000"},
        {"\"max_accuracy_m\":-1", "\"max_accuracy_m\" must be a number from 0 to 5000"},
        {"\"max_accuracy_m\":9223372036854775807",
         "\"max_accuracy_m\" must be a number from 0 to 5000"},
        {"\"enabled\":null", "\"enabled\" must be true or false"},
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "\"level\":\"site\",%s", numbers[i][0]);
        refused("geofence", fields, numbers[i][1]);
    }
}

/* --- door_mode, lockdown ----------------------------------------------------- */

static void a_door_mode_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    static const char *const defaults[] = {
        QUICK,
        QUICK ",\"where\":null,\"schedule\":null,\"valid_from\":null,\"valid_until\":null,"
              "\"at\":null,\"by\":null",
        QUICK ",\"where\":{},\"by\":\"the night watch\"",
    };
    for (size_t i = 0; i < COUNT(defaults); i++) {
        struct policy_row row = good("door_mode", defaults[i]);
        const struct policy_door_mode *m = &row.d.door_mode;
        assert_nowhere(&m->where);
        assert_int_equal(m->tier, TIER_QUICK);
        assert_int_equal(m->mode, WISH_LOCKED);
        assert_true(id_is_none(&m->schedule));
        assert_unbounded(m->validity);
        assert_false(m->allow_manual_end);
        assert_true(m->at == INSTANT_NONE);
    }
}

static void a_door_mode_is_taken_whole(void **state)
{
    (void)state;
    struct policy_row row = good(
        "door_mode", "\"where\":{\"all\":true,\"doors\":[\"a\",\"b\"],\"door_groups\":[\"g\"]},"
                     "\"tier\":\"routine\",\"mode\":\"first_credential\",\"schedule\":\"s\","
                     "\"valid_from\":\"1970-01-01T00:00:01Z\","
                     "\"valid_until\":\"1970-01-01T00:00:02Z\",\"allow_manual_end\":true,"
                     "\"at\":\"1970-01-01T00:00:03Z\",\"by\":\"cloud\"");
    const struct policy_door_mode *m = &row.d.door_mode;
    assert_true(m->where.all);
    assert_ids(m->where.doors, 2, (const char *const[]){"a", "b"});
    assert_ids(m->where.door_groups, 1, (const char *const[]){"g"});
    assert_int_equal(m->tier, TIER_ROUTINE);
    assert_int_equal(m->mode, WISH_FIRST_CREDENTIAL);
    assert_string_equal(m->schedule.s, "s");
    assert_int_equal(m->validity.from, 1);
    assert_int_equal(m->validity.until, 2);
    assert_true(m->allow_manual_end);
    assert_int_equal(m->at, 3);
}

static void every_tier_and_mode_has_its_number(void **state)
{
    (void)state;
    static const char *const tiers[] = {"quick", "one_time", "routine"};
    static const char *const modes[] = {"unlocked", "first_credential", "locked", "locked_down"};
    static const enum mode_tier tier_numbers[] = {TIER_QUICK, TIER_ONE_TIME, TIER_ROUTINE};
    static const enum mode_wish mode_numbers[] = {WISH_UNLOCKED, WISH_FIRST_CREDENTIAL, WISH_LOCKED,
                                                  WISH_LOCKED_DOWN};
    for (size_t t = 0; t < COUNT(tiers); t++) {
        for (size_t m = 0; m < COUNT(modes); m++) {
            char fields[128];
            (void)snprintf(fields, sizeof fields, "\"tier\":\"%s\",\"mode\":\"%s\"", tiers[t],
                           modes[m]);
            struct policy_row row = good("door_mode", fields);
            assert_int_equal(row.d.door_mode.tier, tier_numbers[t]);
            assert_int_equal(row.d.door_mode.mode, mode_numbers[m]);
        }
    }
}

static void a_lockdown_is_where_it_says_or_nowhere(void **state)
{
    (void)state;
    static const char *const nowhere[] = {"", "\"where\":null", "\"where\":{\"doors\":[]}",
                                          "\"at\":null,\"by\":null"};
    for (size_t i = 0; i < COUNT(nowhere); i++) {
        struct policy_row row = good("lockdown", nowhere[i]);
        assert_nowhere(&row.d.lockdown.where);
    }
    struct policy_row row = good("lockdown", "\"where\":{\"all\":true,\"doors\":[\"d\"],"
                                             "\"door_groups\":[\"g\",\"h\"]},"
                                             "\"at\":\"2025-01-01T00:00:00Z\",\"by\":\"Ann\"");
    assert_true(row.d.lockdown.where.all);
    assert_ids(row.d.lockdown.where.doors, 1, (const char *const[]){"d"});
    assert_ids(row.d.lockdown.where.door_groups, 2, (const char *const[]){"g", "h"});
}

static void modes_that_the_contract_does_not_allow_are_refused(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"door_mode", "", "\"tier\" is missing: it must be " TIERS},
        {"door_mode", "\"mode\":\"locked\"", "\"tier\" is missing: it must be " TIERS},
        {"door_mode", "\"tier\":\"quick\"", "\"mode\" is missing: it must be " MODES},
        {"door_mode", "\"tier\":\"quick\",\"mode\":null", "\"mode\" is missing: it must be " MODES},
        {"door_mode", "\"tier\":\"slow\",\"mode\":\"locked\"", "\"tier\" must be " TIERS},
        {"door_mode", "\"tier\":\"quick\",\"mode\":\"blocked\"", "\"mode\" must be " MODES},
        {"door_mode", "\"tier\":\"quick\",\"mode\":\"Locked\"", "\"mode\" must be " MODES},
        {"door_mode", "\"tier\":\"quick\",\"mode\":2", "\"mode\" must be " MODES},
        {"door_mode", QUICK ",\"schedule\":\"\"", "\"schedule\" must be an id"},
        {"door_mode", QUICK ",\"valid_until\":\"2025-02-30T00:00:00Z\"",
         INSTANT_RULE("valid_until")},
        {"door_mode", QUICK ",\"valid_from\":\"2025-01-01T25:61:00Z\"", INSTANT_RULE("valid_from")},
        {"door_mode", QUICK ",\"allow_manual_end\":null",
         "\"allow_manual_end\" must be true or false"},
        {"door_mode", QUICK ",\"at\":1735689600", INSTANT_RULE("at")},
        {"door_mode", QUICK ",\"by\":7", "\"by\" must be a text"},
        {"door_mode", QUICK ",\"where\":\"all\"", "\"where\" must be an object"},
        {"door_mode", QUICK ",\"where\":{\"all\":null}", "\"where.all\" must be true or false"},
        {"door_mode", QUICK ",\"where\":{\"door_groups\":\"g\"}",
         "\"where.door_groups\" must be a list of ids"},
        {"lockdown", "\"where\":[]", "\"where\" must be an object"},
        {"lockdown", "\"where\":true", "\"where\" must be an object"},
        {"lockdown", "\"where\":{\"all\":1}", "\"where.all\" must be true or false"},
        {"lockdown", "\"where\":{\"doors\":[\"d\",1]}",
         "\"where.doors\" must be a list of ids: entry 2 is none"},
        {"lockdown", "\"at\":\"now\"", INSTANT_RULE("at")},
        {"lockdown", "\"at\":\"2025-02-30T00:00:00Z\"", INSTANT_RULE("at")},
        {"lockdown", "\"by\":[\"Ann\"]", "\"by\" must be a text"},
    };
    refuse_all(rows, COUNT(rows));
}

/* --- area, interlock --------------------------------------------------------- */

static void an_area_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    static const char *const defaults[] = {
        "",
        "\"name\":null,\"entry\":null,\"exit\":null,\"antipassback\":null,\"timeout_s\":null,"
        "\"schedule\":null,\"reset_daily\":null,\"max_occupancy\":null,"
        "\"exit_without_entry\":null",
        "\"antipassback\":\"off\",\"timeout_s\":0,\"exit_without_entry\":\"allow\"",
    };
    for (size_t i = 0; i < COUNT(defaults); i++) {
        struct policy_row row = good("area", defaults[i]);
        const struct policy_area *a = &row.d.area;
        assert_int_equal(a->entry.n + a->exit.n, 0);
        assert_int_equal(a->antipassback, ANTIPASSBACK_OFF);
        assert_int_equal(a->timeout_s, 0);
        assert_true(id_is_none(&a->schedule));
        assert_int_equal(a->reset_min, RESET_NEVER);
        assert_int_equal(a->max_occupancy, OCCUPANCY_UNLIMITED);
        assert_false(a->exit_without_entry_violates);
    }
}

static void an_area_is_taken_whole(void **state)
{
    (void)state;
    struct policy_row row =
        good("area", "\"name\":\"Hall\",\"entry\":[\"in-1\",\"in-2\"],\"exit\":[\"out\"],"
                     "\"antipassback\":\"deny\",\"timeout_s\":31536000,\"schedule\":\"s\","
                     "\"reset_daily\":\"23:59\",\"max_occupancy\":1000000,"
                     "\"exit_without_entry\":\"violation\"");
    const struct policy_area *a = &row.d.area;
    assert_ids(a->entry, 2, (const char *const[]){"in-1", "in-2"});
    assert_ids(a->exit, 1, (const char *const[]){"out"});
    assert_int_equal(a->antipassback, ANTIPASSBACK_DENY);
    assert_int_equal(a->timeout_s, 31536000);
    assert_string_equal(a->schedule.s, "s");
    assert_int_equal(a->reset_min, 1439);
    assert_int_equal(a->max_occupancy, 1000000);
    assert_true(a->exit_without_entry_violates);
    row = good("area", "\"antipassback\":\"log\",\"reset_daily\":\"00:00\",\"max_occupancy\":0");
    assert_int_equal(row.d.area.antipassback, ANTIPASSBACK_LOG);
    assert_int_equal(row.d.area.reset_min, 0);
    assert_int_equal(row.d.area.max_occupancy, 0);
}

static void an_interlock_is_a_list_of_doors(void **state)
{
    (void)state;
    assert_int_equal(good("interlock", "").d.interlock.doors.n, 0);
    assert_int_equal(good("interlock", "\"doors\":null").d.interlock.doors.n, 0);
    struct policy_row row = good("interlock", "\"doors\":[\"a\",\"b\",\"c\"]");
    assert_ids(row.d.interlock.doors, 3, (const char *const[]){"a", "b", "c"});
}

#define RESET_RULE "\"reset_daily\" must be null or HH:MM, 00:00 to 23:59"
#define TIMEOUT_RULE "\"timeout_s\" must be a whole number from 0 to 31536000"
#define OCCUPANCY_RULE "\"max_occupancy\" must be null or a whole number from 0 to 1000000"

static void areas_and_interlocks_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"area", "\"name\":[]", "\"name\" must be a text"},
        {"area", "\"entry\":\"r\"", "\"entry\" must be a list of ids"},
        {"area", "\"entry\":[\"r\",null]", "\"entry\" must be a list of ids: entry 2 is none"},
        {"area", "\"exit\":{\"r\":1}", "\"exit\" must be a list of ids"},
        {"area", "\"antipassback\":\"hard\"",
         "\"antipassback\" must be \"off\", \"log\" or \"deny\""},
        {"area", "\"antipassback\":true", "\"antipassback\" must be \"off\", \"log\" or \"deny\""},
        {"area", "\"timeout_s\":-1", TIMEOUT_RULE},
        {"area", "\"timeout_s\":31536001", TIMEOUT_RULE},
        {"area", "\"timeout_s\":\"60\"", TIMEOUT_RULE},
        {"area", "\"schedule\":\"a b\"", "\"schedule\" must be an id"},
        {"area", "\"reset_daily\":\"24:00\"", RESET_RULE},
        {"area", "\"reset_daily\":\"25:61\"", RESET_RULE},
        {"area", "\"reset_daily\":\"4:00\"", RESET_RULE},
        {"area", "\"reset_daily\":\"\"", RESET_RULE},
        {"area", "\"reset_daily\":0", RESET_RULE},
        {"area", "\"reset_daily\":false", RESET_RULE},
        {"area", "\"max_occupancy\":-1", OCCUPANCY_RULE},
        {"area", "\"max_occupancy\":1000001", OCCUPANCY_RULE},
        {"area", "\"max_occupancy\":2.0", OCCUPANCY_RULE},
        {"area", "\"exit_without_entry\":\"deny\"",
         "\"exit_without_entry\" must be \"allow\" or \"violation\""},
        {"area", "\"exit_without_entry\":false",
         "\"exit_without_entry\" must be \"allow\" or \"violation\""},
        {"interlock", "\"doors\":\"a\"", "\"doors\" must be a list of ids"},
        {"interlock", "\"doors\":[\"a\",\"\"]", "\"doors\" must be a list of ids: entry 2 is none"},
    };
    refuse_all(rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_rules_have_the_defaults_of_the_contract),
        cmocka_unit_test(access_rules_keep_what_is_set),
        cmocka_unit_test(inert_access_rules_still_say_where_they_stand_and_block),
        cmocka_unit_test(a_row_of_the_site_has_no_target_whatever_it_names),
        cmocka_unit_test(a_geofence_has_the_defaults_of_the_contract),
        cmocka_unit_test(a_geofence_takes_whole_numbers_and_fractions),
        cmocka_unit_test(half_a_centre_is_none),
        cmocka_unit_test(rules_that_the_contract_does_not_allow_are_refused),
        cmocka_unit_test(places_that_are_none_are_refused),
        cmocka_unit_test(a_door_mode_has_the_defaults_of_the_contract),
        cmocka_unit_test(a_door_mode_is_taken_whole),
        cmocka_unit_test(every_tier_and_mode_has_its_number),
        cmocka_unit_test(a_lockdown_is_where_it_says_or_nowhere),
        cmocka_unit_test(modes_that_the_contract_does_not_allow_are_refused),
        cmocka_unit_test(an_area_has_the_defaults_of_the_contract),
        cmocka_unit_test(an_area_is_taken_whole),
        cmocka_unit_test(an_interlock_is_a_list_of_doors),
        cmocka_unit_test(areas_and_interlocks_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
