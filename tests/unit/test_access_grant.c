/* The decision: what a grant carries, and how a trace tells of its paths. */
#include "unit/policy_world.h"

static const struct schedule_window evening[] = {{EVERY_DAY, HM(18, 0), HM(22, 0)}};

/* --- floors -------------------------------------------------------------------------- */

static void expect_floors(struct world *w, const char *const *wanted, size_t n)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, REASON_GRANTED);
    assert_int_equal(v.n_floors, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(v.floors[i]->s, wanted[i]);
}

static void floors_are_those_of_person_groups_and_path_sorted_and_each_once(void **state)
{
    (void)state;
    struct id persons[] = {floor_of("#12"), id_of("lobby"), floor_of("#3")};
    struct id groups[] = {floor_of("#-1"), floor_of("#12"), id_of("attic"), floor_of("#-12")};
    struct id paths[] = {floor_of("#-2"),  floor_of("#0"),   id_of("Attic"),
                         floor_of("#4"),   floor_of("#-21"), id_of("3"),
                         floor_of("#100"), id_of("b"),       id_of("aa")};
    static const char *const wanted[] = {"#-21",  "#-12", "#-2",   "#-1",  "#0",
                                         "#3",    "#4",   "#12",   "#100", "3",
                                         "Attic", "aa",   "attic", "b",    "lobby"};
    struct world w;
    world_make(&w);
    w.policy.holder.person.floors = (struct id_list){persons, COUNT(persons)};
    w.groups[0] = (struct group_facts){.validity = always(), .floors = {groups, COUNT(groups)}};
    w.policy.holder.n_groups = 1;
    w.entitlements[0].floors = (struct id_list){paths, COUNT(paths)};
    expect_floors(&w, wanted, COUNT(wanted));
}

static void only_the_path_that_passed_brings_its_floors(void **state)
{
    (void)state;
    struct id first[] = {id_of("first")}, second[] = {id_of("second")};
    static const char *const wanted[] = {"first", "second"};
    struct world w;
    world_make(&w);
    w.entitlements[0].floors = (struct id_list){first, 1};
    add_entitlement(&w, "second")->floors = (struct id_list){second, 1};
    expect_floors(&w, wanted, 1);
    struct verdict v = access_decide(&w.request, &w.facts, &w.trace);
    assert_int_equal(v.n_floors, 1);
    assert_string_equal(v.floors[0]->s, "first");
    w.entitlements[0].validity.until = NOON;
    expect_floors(&w, wanted + 1, 1);
    use_rules(&w);
    expect_floors(&w, wanted, 0);
}

static void a_membership_outside_its_dates_brings_no_floors(void **state)
{
    (void)state;
    struct id one[] = {id_of("one")}, two[] = {id_of("two")};
    static const char *const both[] = {"one", "two"};
    struct world w;
    world_make(&w);
    w.groups[0] = (struct group_facts){.validity = from_until(NOON, NOON + 1), .floors = {one, 1}};
    w.groups[1] = (struct group_facts){.validity = always(), .floors = {two, 1}};
    w.policy.holder.n_groups = 2;
    expect_floors(&w, both, 2);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_floors(&w, both + 1, 1);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.facts.now.wall.s = NOON + 1;
    expect_floors(&w, both + 1, 1);
    w.facts.now.wall.s = NOON - 1;
    expect_floors(&w, both + 1, 1);
}

static void there_are_at_most_64_floors_in_a_grant(void **state)
{
    (void)state;
    struct id many[POLICY_FLOORS_MAX + 1];
    char text[8] = "#00";
    for (size_t i = 0; i < COUNT(many); i++) {
        text[1] = (char)('1' + i / 10);
        text[2] = (char)('0' + i % 10);
        many[i] = floor_of(text);
    }
    struct world w;
    world_make(&w);
    w.policy.holder.person.floors = (struct id_list){many, COUNT(many)};
    struct verdict v = decide(&w);
    assert_int_equal(v.n_floors, POLICY_FLOORS_MAX);
    assert_string_equal(v.floors[POLICY_FLOORS_MAX - 1]->s, many[POLICY_FLOORS_MAX - 1].s);
    struct id first = floor_of("#1");
    w.entitlements[0].floors = (struct id_list){&first, 1};
    assert_int_equal(decide(&w).n_floors, POLICY_FLOORS_MAX);
    w.policy.holder.person.floors.n = POLICY_FLOORS_MAX - 1;
    v = decide(&w);
    assert_int_equal(v.n_floors, POLICY_FLOORS_MAX);
    assert_string_equal(v.floors[0]->s, "#1");
    assert_string_equal(v.floors[POLICY_FLOORS_MAX - 1]->s, many[POLICY_FLOORS_MAX - 2].s);
}

/* --- the trace ----------------------------------------------------------------------- */

static void a_trace_tells_of_every_path_and_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    use_rules(&w);
    w.door.rules.hours = hours_of(evening, 1);
    add_entitlement(&w, "a")->validity.until = NOON;
    add_entitlement(&w, "b")->kind = ENTITLEMENT_GRANT;
    add_entitlement(&w, "c")->hours = hours_of(evening, 1);
    add_entitlement(&w, "d");
    struct verdict v = access_decide(&w.request, &w.facts, &w.trace);
    expect_reason(v.reason, REASON_GRANTED);
    assert_string_equal(v.via.id.s, "b");
    static const struct {
        const char *id;
        enum reason reason;
    } wanted[] = {{"rules", REASON_OUTSIDE_SCHEDULE},
                  {"a", REASON_ENTITLEMENT_EXPIRED},
                  {"b", REASON_GRANTED},
                  {"c", REASON_OUTSIDE_SCHEDULE},
                  {"d", REASON_GRANTED}};
    assert_int_equal(w.trace.n_paths, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_string_equal(w.trace.path[i].via.id.s, wanted[i].id);
        assert_int_equal(w.trace.path[i].via.is_rules, i == 0);
        assert_true(w.trace.path[i].via.present);
        expect_reason(w.trace.path[i].reason, wanted[i].reason);
    }
    assert_int_equal(w.trace.path[2].via.kind, ENTITLEMENT_GRANT);
}

static void a_trace_holds_64_paths_and_the_decision_all(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.entitlements[0].validity.until = NOON;
    for (int i = 1; i < TRACE_PATHS_MAX + 5; i++)
        add_entitlement(&w, "more")->validity.until = NOON;
    add_entitlement(&w, "passes");
    struct verdict v = access_decide(&w.request, &w.facts, &w.trace);
    expect_reason(v.reason, REASON_GRANTED);
    assert_string_equal(v.via.id.s, "passes");
    assert_int_equal(w.trace.n_paths, TRACE_PATHS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floors_are_those_of_person_groups_and_path_sorted_and_each_once),
        cmocka_unit_test(only_the_path_that_passed_brings_its_floors),
        cmocka_unit_test(a_membership_outside_its_dates_brings_no_floors),
        cmocka_unit_test(there_are_at_most_64_floors_in_a_grant),
        cmocka_unit_test(a_trace_tells_of_every_path_and_changes_nothing),
        cmocka_unit_test(a_trace_holds_64_paths_and_the_decision_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
