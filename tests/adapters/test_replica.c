/* What a decision is told: facts out of a policy on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "adapters/replica_fixture.h"

static struct policy_facts ask(struct kit *kit)
{
    return kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0);
}

static void assert_paths(struct kit *kit, const char *expected)
{
    char text[512];
    struct policy_facts f = ask(kit);
    assert_string_equal(kit_paths(&f, text, sizeof text), expected);
}

/* --- whole answers -------------------------------------------------------- */

static void a_read_finds_its_credential_person_door_and_path(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.version.epoch, 1);
    assert_int_equal(f.version.rev, 1);
    assert_int_equal(f.version.issued_at, 1001);
    assert_string_equal(f.site.tz, "Europe/Berlin");
    assert_int_equal(f.site.read_max_age_s, 5);
    assert_true(f.reader_known && f.door_known && f.holder.credential_known && f.holder.person_known);
    assert_string_equal(f.reader.reader.door.s, "d1");
    assert_int_equal(f.reader.reader.accepts, CREDENTIAL_TYPES_ALL);
    assert_string_equal(f.reader.reader.door.s, "d1");
    assert_string_equal(f.door->door.name, "Door");
    assert_int_equal(f.door->door.release_s, 10);
    assert_true(f.door->door.licensed);
    assert_true(f.door->door.license_until == INSTANT_NONE);
    assert_string_equal(f.holder.credential_id.s, "c1");
    assert_string_equal(f.holder.credential.person.s, "p1");
    assert_true(f.holder.credential.enabled && f.holder.person.enabled);
    assert_false(f.holder.credential_denied || f.holder.person_denied);
    assert_int_equal(f.n_entitlements, 1);
    assert_string_equal(f.entitlements[0].id.s, "e1");
    assert_int_equal(f.entitlements[0].kind, ENTITLEMENT_ROLE);
    assert_false(f.entitlements[0].hours.is_set);
    assert_true(f.entitlements[0].validity.from == INSTANT_NONE);
    assert_true(f.entitlements[0].membership.until == INSTANT_NONE);
}

static void every_field_comes_back_as_it_went_in(void **state)
{
    struct kit *kit = *state;
    struct schedule_window windows[2] = {{0x1f, 480, 1080}, {0x60, 1320, 360}};
    struct id g = kit_id("g1"), d1 = kit_id("d1");
    struct policy_membership member = {g, {11, 12}};
    struct policy_row door = kit_door("d1"), reader = kit_reader("r1", "d1"),
                      group = kit_group("g1"), person = kit_person("p1"),
                      card = kit_credential("c1", "p1", CREDENTIAL_CARD),
                      e = kit_entitlement("e1"),
                      schedule = {.kind = ROW_SCHEDULE, .id = kit_id("w1")};
    kit_small_policy(kit);
    door.d.door = (struct policy_door){.name = "Tor \xc3\xa4",
                                       .tz = "America/New_York",
                                       .release_s = 30,
                                       .extended_release_s = 120,
                                       .license_until = 77};
    reader.d.reader.accepts = 1 << CREDENTIAL_CARD;
    person.d.person =
        (struct policy_person){.validity = {-5, 6}, .groups = &member, .n_groups = 1};
    card.d.credential.bits = 26;
    card.d.credential.enabled = false;
    card.d.credential.disabled_reason = kit_id("stolen");
    card.d.credential.validity = (struct validity){3, 4};
    schedule.d.schedule = (struct policy_schedule){windows, 2};
    e.d.entitlement.kind = ENTITLEMENT_DELIVERY;
    e.d.entitlement.validity = (struct validity){1, 2};
    e.d.entitlement.schedule = schedule.id;
    e.d.entitlement.who.groups = (struct id_list){&g, 1};
    e.d.entitlement.where.doors = (struct id_list){&d1, 1};
    kit_begin(kit);
    const struct policy_row *rows[] = {&door, &reader, &group, &person, &schedule, &e};
    for (size_t i = 0; i < 6; i++)
        kit_put(kit, rows[i], 2);
    kit_put_credential(kit, &card, "A1", 2);
    commit(kit);

    struct policy_facts f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 26);
    assert_string_equal(f.door->door.name, "Tor \xc3\xa4");
    assert_string_equal(f.door->door.tz, "America/New_York");
    assert_int_equal(f.door->door.release_s, 30);
    assert_int_equal(f.door->door.extended_release_s, 120);
    assert_false(f.door->door.licensed);
    assert_int_equal(f.door->door.license_until, 77);
    assert_int_equal(f.reader.reader.accepts, 1 << CREDENTIAL_CARD);
    assert_false(f.holder.person.enabled);
    assert_int_equal(f.holder.person.validity.from, -5);
    assert_int_equal(f.holder.person.validity.until, 6);
    assert_int_equal(f.holder.credential.type, CREDENTIAL_CARD);
    assert_int_equal(f.holder.credential.bits, 26);
    assert_false(f.holder.credential.enabled);
    assert_string_equal(f.holder.credential.disabled_reason.s, "stolen");
    assert_int_equal(f.holder.credential.validity.from, 3);
    assert_int_equal(f.holder.credential.validity.until, 4);
    assert_int_equal(f.n_entitlements, 1);
    assert_int_equal(f.entitlements[0].kind, ENTITLEMENT_DELIVERY);
    assert_int_equal(f.entitlements[0].validity.from, 1);
    assert_int_equal(f.entitlements[0].validity.until, 2);
    assert_int_equal(f.entitlements[0].membership.from, 11);
    assert_int_equal(f.entitlements[0].membership.until, 12);
    assert_true(f.entitlements[0].hours.is_set);
    assert_int_equal(f.entitlements[0].hours.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f.entitlements[0].hours.windows[i].days, windows[i].days);
        assert_int_equal(f.entitlements[0].hours.windows[i].start_min, windows[i].start_min);
        assert_int_equal(f.entitlements[0].hours.windows[i].end_min, windows[i].end_min);
    }
}

/* --- what is not there ---------------------------------------------------- */

static void an_unknown_reader_is_said_to_be_unknown(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    struct policy_facts f = kit_ask(kit, "r2", CREDENTIAL_CARD, "A1", 0);
    assert_false(f.reader_known || f.door_known || f.holder.credential_known || f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

static void an_unknown_value_is_said_to_be_unknown(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    struct policy_facts f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A2", 0);
    assert_true(f.reader_known && f.door_known);
    assert_false(f.holder.credential_known || f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

static void a_value_of_another_type_is_another_value(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    struct policy_facts f = {0};
    struct id r1 = kit_id("r1");
    unsigned char hash[VALUE_HASH_LEN];
    kit_value_hash(hash, CREDENTIAL_CARD, "A1");
    struct policy_query query = {.reader = &r1, .type = CREDENTIAL_UHF, .value_hash = hash};
    assert_int_equal(kit->store.ops->ask(kit->store.self, &query, &f), GH_OK);
    assert_false(f.holder.credential_known);
}

static void a_question_without_value_is_for_reader_and_door_only(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    struct policy_facts f = {0};
    struct id r1 = kit_id("r1");
    struct policy_query query = {.reader = &r1, .type = CREDENTIAL_CARD};
    assert_int_equal(kit->store.ops->ask(kit->store.self, &query, &f), GH_OK);
    assert_true(f.is_available && f.reader_known && f.door_known);
    assert_false(f.holder.credential_known || f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

static void a_reader_of_a_missing_door_has_a_door_that_is_not_known(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    kit_begin(kit);
    kit_del(kit, ROW_DOOR, "d1");
    commit(kit);
    struct policy_facts f = ask(kit);
    assert_true(f.reader_known);
    assert_false(f.door_known);
    assert_string_equal(f.reader.reader.door.s, "d1");
    assert_int_equal(f.n_entitlements, 0);
}

static void a_credential_of_a_missing_person_has_no_person_and_no_path(void **state)
{
    struct kit *kit = *state;
    struct policy_row e = kit_entitlement("e2");
    kit_small_policy(kit);
    e.d.entitlement.who.everyone = e.d.entitlement.where.all = true;
    kit_begin(kit);
    kit_put(kit, &e, 1);
    kit_del(kit, ROW_PERSON, "p1");
    commit(kit);
    struct policy_facts f = ask(kit);
    assert_true(f.holder.credential_known);
    assert_false(f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

static void an_unassigned_credential_has_no_person_and_no_path(void **state)
{
    struct kit *kit = *state;
    struct policy_row card = kit_credential("c1", "", CREDENTIAL_CARD), e = kit_entitlement("e2");
    kit_small_policy(kit);
    e.d.entitlement.who.everyone = e.d.entitlement.where.all = true;
    kit_begin(kit);
    kit_put(kit, &e, 1);
    kit_put_credential(kit, &card, "A1", 2);
    commit(kit);
    struct policy_facts f = ask(kit);
    assert_true(f.holder.credential_known && id_is_none(&f.holder.credential.person));
    assert_false(f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

static void both_bit_counts_must_agree_if_both_are_given(void **state)
{
    struct kit *kit = *state;
    struct policy_row with = kit_credential("c1", "p1", CREDENTIAL_CARD);
    kit_small_policy(kit);
    assert_true(kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 37).holder.credential_known);
    with.d.credential.bits = 26;
    kit_begin(kit);
    kit_put_credential(kit, &with, "A1", 2);
    commit(kit);
    assert_true(kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0).holder.credential_known);
    assert_true(kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 26).holder.credential_known);
    struct policy_facts f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 37);
    assert_false(f.holder.credential_known || f.holder.person_known);
    assert_int_equal(f.n_entitlements, 0);
}

/* --- paths ---------------------------------------------------------------- */

static void a_missing_schedule_means_never_and_none_means_always(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1");
    struct policy_row e = kit_entitlement("e2"),
                      empty = {.kind = ROW_SCHEDULE, .id = kit_id("empty")};
    kit_small_policy(kit);
    e.d.entitlement.who.persons = (struct id_list){&p1, 1};
    e.d.entitlement.where.all = true;
    e.d.entitlement.schedule = kit_id("w9");
    change(kit, &e);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.n_entitlements, 2);
    assert_false(f.entitlements[0].hours.is_set);
    assert_true(f.entitlements[1].hours.is_set);
    assert_int_equal(f.entitlements[1].hours.n, 0);
    change(kit, &empty);
    e.d.entitlement.schedule = kit_id("empty");
    change(kit, &e);
    f = ask(kit);
    assert_true(f.entitlements[1].hours.is_set);
    assert_int_equal(f.entitlements[1].hours.n, 0);
}

static void paths_come_in_bytewise_order(void **state)
{
    struct kit *kit = *state;
    static const char *const ids[] = {"b", "B", "e1-", "a:", "_", "Z9", "e10", "a.", "-x", "9"};
    struct id p1 = kit_id("p1");
    kit_small_policy(kit);
    kit_begin(kit);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct policy_row e = kit_entitlement(ids[i]);
        e.d.entitlement.who.persons = (struct id_list){&p1, 1};
        e.d.entitlement.where.all = true;
        kit_put(kit, &e, 1);
    }
    commit(kit);
    assert_paths(kit, "-x 9 B Z9 _ a. a: b e1 e1- e10");
}

static void every_way_of_who_and_where_matches(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1"), c1 = kit_id("c1"), g1 = kit_id("g1"), d1 = kit_id("d1"),
              dg = kit_id("dg1");
    struct policy_membership member = {g1, {INSTANT_NONE, INSTANT_NONE}};
    struct policy_row person = kit_person("p1"), group = kit_group("g1"),
                      doors = {.kind = ROW_DOOR_GROUP,
                               .id = dg,
                               .d.door_group.doors = {&d1, 1}};
    kit_small_policy(kit);
    person.d.person.groups = &member;
    person.d.person.n_groups = 1;
    kit_begin(kit);
    kit_put(kit, &person, 2);
    kit_put(kit, &group, 2);
    kit_put(kit, &doors, 2);
    for (int who = 0; who < 4; who++)
        for (int where = 0; where < 3; where++) {
            char name[32];
            (void)snprintf(name, sizeof name, "f%d%d", who, where);
            struct policy_row e = kit_entitlement(name);
            e.d.entitlement.who.everyone = who == 0;
            e.d.entitlement.who.persons = (struct id_list){&p1, who == 1};
            e.d.entitlement.who.credentials = (struct id_list){&c1, who == 2};
            e.d.entitlement.who.groups = (struct id_list){&g1, who == 3};
            e.d.entitlement.where.all = where == 0;
            e.d.entitlement.where.doors = (struct id_list){&d1, where == 1};
            e.d.entitlement.where.door_groups = (struct id_list){&dg, where == 2};
            kit_put(kit, &e, 1);
        }
    commit(kit);
    assert_paths(kit, "e1 f00 f01 f02 f10 f11 f12 f20 f21 f22 f30 f31 f32");
}

static void other_persons_credentials_groups_and_doors_do_not_match(void **state)
{
    struct kit *kit = *state;
    struct id other = kit_id("other"), p1 = kit_id("p1"), d1 = kit_id("d1");
    struct policy_row group = kit_group("other"), door = kit_door("other"),
                      doors = {.kind = ROW_DOOR_GROUP,
                               .id = other,
                               .d.door_group.doors = {&other, 1}};
    kit_small_policy(kit);
    kit_begin(kit);
    kit_put(kit, &group, 1);
    kit_put(kit, &door, 1);
    kit_put(kit, &doors, 1);
    for (int i = 0; i < 8; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%d", i);
        struct policy_row e = kit_entitlement(name);
        struct policy_entitlement *d = &e.d.entitlement;
        d->who.persons = (struct id_list){i == 0 ? &other : &p1, i == 0 || i >= 4};
        d->who.credentials = (struct id_list){&other, i == 1};
        d->who.groups = (struct id_list){&other, i == 2};
        d->where.doors = (struct id_list){i == 4 ? &other : &d1, i <= 4};
        d->where.door_groups = (struct id_list){&other, i == 5};
        kit_put(kit, &e, 1); /* 3: nobody; 6, 7: nowhere */
    }
    commit(kit);
    assert_paths(kit, "e1");
}

static void an_entitlement_by_two_memberships_is_there_twice(void **state)
{
    struct kit *kit = *state;
    struct id groups[2] = {kit_id("g1"), kit_id("g2")}, d1 = kit_id("d1");
    struct policy_membership members[3] = {
        {groups[1], {30, 40}}, {groups[0], {10, 20}}, {groups[0], {50, 60}}};
    struct policy_row person = kit_person("p1"), g1 = kit_group("g1"), g2 = kit_group("g2"),
                      e = kit_entitlement("e1");
    kit_small_policy(kit);
    person.d.person.groups = members;
    person.d.person.n_groups = 3;
    e.d.entitlement.who.groups = (struct id_list){groups, 2};
    e.d.entitlement.where.doors = (struct id_list){&d1, 1};
    kit_begin(kit);
    kit_put(kit, &person, 2);
    kit_put(kit, &g1, 2);
    kit_put(kit, &g2, 2);
    kit_put(kit, &e, 2);
    commit(kit);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.n_entitlements, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(f.entitlements[i].id.s, "e1");
        assert_int_equal(f.entitlements[i].membership.from, 10 + 20 * i);
        assert_int_equal(f.entitlements[i].membership.until, 20 + 20 * i);
    }
}

static void one_entitlement_by_door_and_door_group_is_there_once(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1"), d1 = kit_id("d1"), twice[2] = {d1, d1}, dg = kit_id("dg1");
    struct policy_row e = kit_entitlement("e1"),
                      doors = {.kind = ROW_DOOR_GROUP,
                               .id = dg,
                               .d.door_group.doors = {twice, 2}};
    kit_small_policy(kit);
    e.d.entitlement.who.persons = (struct id_list){&p1, 1};
    e.d.entitlement.where.all = true;
    e.d.entitlement.where.doors = (struct id_list){twice, 2};
    e.d.entitlement.where.door_groups = (struct id_list){&dg, 1};
    kit_begin(kit);
    kit_put(kit, &e, 2);
    kit_put(kit, &doors, 2);
    commit(kit);
    assert_paths(kit, "e1");
}

static void a_disabled_entitlement_is_no_path(void **state)
{
    struct kit *kit = *state;
    struct policy_row e = kit_entitlement("e1");
    kit_small_policy(kit);
    e.d.entitlement.who.everyone = e.d.entitlement.where.all = true;
    change(kit, &e);
    assert_paths(kit, "e1");
    e.d.entitlement.enabled = false;
    change(kit, &e);
    assert_paths(kit, "");
}

static void a_group_without_a_row_matches_nothing(void **state)
{
    struct kit *kit = *state;
    struct id g1 = kit_id("g1");
    struct policy_membership member = {g1, {INSTANT_NONE, INSTANT_NONE}};
    struct policy_row person = kit_person("p1"), e = kit_entitlement("e2"), group = kit_group("g1");
    kit_small_policy(kit);
    person.d.person.groups = &member;
    person.d.person.n_groups = 1;
    e.d.entitlement.who.groups = (struct id_list){&g1, 1};
    e.d.entitlement.where.all = true;
    kit_begin(kit);
    kit_put(kit, &person, 2);
    kit_put(kit, &e, 2);
    commit(kit);
    assert_paths(kit, "e1");
    change(kit, &group);
    assert_paths(kit, "e1 e2");
    kit_begin(kit);
    kit_del(kit, ROW_GROUP, "g1");
    commit(kit);
    assert_paths(kit, "e1");
}

/* --- rows with a restriction that we do not know --------------------------- */

static void an_inert_row_grants_nothing(void **state)
{
    struct kit *kit = *state;
    struct id g1 = kit_id("g1");
    struct policy_membership member = {g1, {INSTANT_NONE, INSTANT_NONE}};
    struct policy_row person = kit_person("p1"), card = kit_credential("c1", "p1", CREDENTIAL_CARD),
                      e = kit_entitlement("e1"), group = kit_group("g1");
    kit_small_policy(kit);
    person.d.person.groups = &member;
    person.d.person.n_groups = 1;
    e.d.entitlement.who.groups = (struct id_list){&g1, 1};
    e.d.entitlement.where.all = true;
    change(kit, &group);
    change(kit, &person);
    change(kit, &e);
    assert_paths(kit, "e1");

    group.inert = true;
    change(kit, &group);
    assert_paths(kit, "");
    group.inert = false;
    change(kit, &group);
    e.inert = true;
    change(kit, &e);
    assert_paths(kit, "");
    person.inert = true;
    change(kit, &person);
    struct policy_facts f = ask(kit);
    assert_true(f.holder.person_known);
    assert_false(f.holder.person.enabled);
    card.inert = true;
    kit_begin(kit);
    kit_put_credential(kit, &card, "A1", 9);
    commit(kit);
    f = ask(kit);
    assert_true(f.holder.credential_known);
    assert_false(f.holder.credential.enabled);
}

/* --- doors and version ---------------------------------------------------- */

static void a_door_is_found_alone_and_a_missing_one_is_not(void **state)
{
    struct kit *kit = *state;
    struct policy_facts f;
    struct id d1 = kit_id("d1"), d2 = kit_id("d2");
    kit_small_policy(kit);
    assert_int_equal(kit->store.ops->look(kit->store.self, &d1, &f), GH_OK);
    assert_true(f.is_available && f.door_known);
    assert_string_equal(f.door->door.name, "Door");
    assert_string_equal(f.site.tz, "Europe/Berlin");
    assert_int_equal(f.version.rev, 1);
    assert_int_equal(kit->store.ops->look(kit->store.self, &d2, &f), GH_OK);
    assert_false(f.door_known);
}

static void the_version_is_that_of_the_checkpoint(void **state)
{
    struct kit *kit = *state;
    struct policy_version v = {7, 7, 7};
    assert_int_equal(kit->store.ops->version(kit->store.self, &v), GH_RETRY);
    assert_int_equal(v.rev, 7);
    kit_small_policy(kit);
    assert_int_equal(kit->store.ops->version(kit->store.self, &v), GH_OK);
    assert_int_equal(v.epoch, 1);
    assert_int_equal(v.rev, 1);
    assert_int_equal(v.issued_at, 1001);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_read_finds_its_credential_person_door_and_path),
        TEST(every_field_comes_back_as_it_went_in),
        TEST(an_unknown_reader_is_said_to_be_unknown),
        TEST(an_unknown_value_is_said_to_be_unknown),
        TEST(a_value_of_another_type_is_another_value),
        TEST(a_question_without_value_is_for_reader_and_door_only),
        TEST(a_reader_of_a_missing_door_has_a_door_that_is_not_known),
        TEST(a_credential_of_a_missing_person_has_no_person_and_no_path),
        TEST(an_unassigned_credential_has_no_person_and_no_path),
        TEST(both_bit_counts_must_agree_if_both_are_given),
        TEST(a_missing_schedule_means_never_and_none_means_always),
        TEST(paths_come_in_bytewise_order),
        TEST(every_way_of_who_and_where_matches),
        TEST(other_persons_credentials_groups_and_doors_do_not_match),
        TEST(an_entitlement_by_two_memberships_is_there_twice),
        TEST(one_entitlement_by_door_and_door_group_is_there_once),
        TEST(a_disabled_entitlement_is_no_path),
        TEST(a_group_without_a_row_matches_nothing),
        TEST(an_inert_row_grants_nothing),
        TEST(a_door_is_found_alone_and_a_missing_one_is_not),
        TEST(the_version_is_that_of_the_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
