/* What becomes the policy and what does not; the digest; the deny lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/replica_fixture.h"
#include "lib/by_hand.h"

static struct replica_state state_of(struct kit *kit)
{
    struct replica_state s;
    replica_writer_state(kit->writer, &s);
    return s;
}

static struct policy_facts ask(struct kit *kit)
{
    return kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0);
}

/* Closes and opens the writer; what it says must not change. */
static void reopen(struct kit *kit)
{
    struct replica_state before = state_of(kit);
    struct replica_crypto crypto = kit_crypto();
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    if (replica_writer_open(&kit->writer, kit->path, &crypto, kit->why) != GH_OK)
        fail_msg("%s", kit->why);
    struct replica_state after = state_of(kit);
    assert_memory_equal(&before, &after, sizeof before);
}

/* The writer says what the model says, and still does after it is reopened. */
static void assert_state(struct kit *kit)
{
    char digest[REPLICA_DIGEST_HEX + 1];
    struct replica_state s = state_of(kit);
    kit_digest(&kit->applied, digest);
    assert_string_equal(s.digest, digest);
    assert_int_equal(s.rows, kit->applied.n);
    assert_int_equal(s.version.rev, kit->rev);
    reopen(kit);
}

/* --- digest and places ---------------------------------------------------- */

static void a_new_replica_has_no_place_and_no_rows(void **state)
{
    struct kit *kit = *state;
    struct replica_state s = state_of(kit);
    assert_int_equal(s.version.epoch, 0);
    assert_int_equal(s.version.rev, 0);
    assert_true(s.version.issued_at == INSTANT_NONE);
    assert_string_equal(s.cursor, "");
    assert_state(kit);
}

static void the_digest_is_that_of_the_contract_over_random_batches(void **state)
{
    struct kit *kit = *state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20250115;
    print_message("SEED=%u\n", seed);
    srand(seed);
    kit_small_policy(kit);
    for (int round = 0; round < 60; round++) {
        bool is_snapshot = rand() % 10 == 0;
        if (is_snapshot)
            kit_begin_snapshot(kit);
        else
            kit_begin(kit);
        for (int i = rand() % 30; i >= 0; i--) {
            char id[32];
            (void)snprintf(id, sizeof id, "x%d", rand() % 100);
            struct policy_row door = kit_door(id), person = kit_person(id), group = kit_group(id),
                              card = kit_credential(id, "p1", CREDENTIAL_QR),
                              e = kit_entitlement(id);
            switch (rand() % 8) {
            case 0: kit_put(kit, &door, rand()); break;
            case 1: kit_put(kit, &person, rand()); break;
            case 2: kit_put(kit, &group, rand()); break;
            case 3: kit_put(kit, &e, rand()); break;
            case 4: kit_put_credential(kit, &card, id, rand()); break;
            default: kit_del(kit, (enum row_kind)(rand() % ROW_KINDS), id); break;
            }
        }
        commit(kit);
        assert_state(kit);
    }
}

static void a_wrong_digest_changes_nothing(void **state)
{
    struct kit *kit = *state;
    for (int is_snapshot = 0; is_snapshot < 2; is_snapshot++) {
        kit_small_policy(kit);
        struct policy_row door = kit_door("d1");
        door.d.door.release_s = 30;
        if (is_snapshot)
            kit_begin_snapshot(kit);
        else
            kit_begin(kit);
        kit_put(kit, &door, 2);
        struct replica_checkpoint c = kit_checkpoint(kit);
        c.digest[5] = c.digest[5] == '0' ? '1' : '0';
        assert_int_equal(kit_commit_at(kit, &c, "other"), GH_CORRUPT);
        assert_non_null(strstr(kit->why, c.digest));
        assert_int_equal(ask(kit).door->door.release_s, 10);
        assert_int_equal(ask(kit).version.rev, kit->rev);
        assert_string_equal(state_of(kit).cursor, "cursor");
        assert_state(kit);
        assert_int_equal(replica_writer_commit(kit->writer, &c, slice_of("x"), kit->why),
                         GH_INVALID); /* it was dropped */
    }
}

static void a_wrong_number_of_rows_changes_nothing(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    kit_begin(kit);
    kit_del(kit, ROW_DOOR, "d1");
    struct replica_checkpoint c = kit_checkpoint(kit);
    c.rows++;
    assert_int_equal(kit_commit_at(kit, &c, "other"), GH_CORRUPT);
    assert_non_null(strstr(kit->why, "5 rows"));
    assert_non_null(strstr(kit->why, "says 6"));
    assert_true(ask(kit).door_known);
    assert_state(kit);
}

static void a_checkpoint_that_is_not_well_formed_is_refused(void **state)
{
    struct kit *kit = *state;
    char cursor[REPLICA_CURSOR_MAX + 2];
    kit_small_policy(kit);
    for (int i = 0; i < 7; i++) {
        struct slice place = slice_of("x");
        kit_begin(kit);
        struct replica_checkpoint c = kit_checkpoint(kit);
        memset(cursor, 'c', sizeof cursor);
        switch (i) {
        case 0: c.digest[0] = 'A'; break;
        case 1: c.digest[63] = '\0'; break;
        case 2: c.version.rev = -1; break;
        case 3: c.version.epoch = -1; break;
        case 4: c.version.issued_at = INSTANT_NONE; break;
        case 5: place = slice_make(cursor, sizeof cursor - 1); break;
        default: place = slice_make("a\0b", 3); break;
        }
        assert_int_equal(replica_writer_commit(kit->writer, &c, place, kit->why), GH_INVALID);
        assert_state(kit);
    }
    kit_begin(kit);
    struct replica_checkpoint c = kit_checkpoint(kit);
    cursor[REPLICA_CURSOR_MAX] = '\0';
    assert_int_equal(kit_commit_at(kit, &c, cursor), GH_OK);
    assert_string_equal(state_of(kit).cursor, cursor);
    assert_state(kit);
}

static void a_lower_place_is_refused_also_after_a_restart(void **state)
{
    struct kit *kit = *state;
    static const struct policy_version lower[] = {
        {5, 9, 9999}, {4, 11, 9999}, {4, 10, 9999}, {0, 0, 1}};
    kit_small_policy(kit);
    kit_begin(kit);
    struct replica_checkpoint c = kit_checkpoint(kit);
    c.version = (struct policy_version){5, 10, 2000};
    assert_int_equal(kit_commit_at(kit, &c, "at 5,10"), GH_OK);
    reopen(kit);
    for (size_t i = 0; i < 4; i++)
        for (int is_snapshot = 0; is_snapshot < 2; is_snapshot++) {
            if (is_snapshot)
                kit_begin_snapshot(kit);
            else
                kit_begin(kit);
            c = kit_checkpoint(kit);
            c.version = lower[i];
            assert_int_equal(kit_commit_at(kit, &c, "x"), GH_INVALID);
            assert_non_null(strstr(kit->why, "rollback"));
            assert_string_equal(state_of(kit).cursor, "at 5,10");
            assert_int_equal(ask(kit).version.rev, 10);
        }
    kit_begin(kit);
    c = kit_checkpoint(kit);
    c.version = (struct policy_version){6, 1, 1};
    assert_int_equal(kit_commit_at(kit, &c, "x"), GH_OK);
    assert_int_equal(ask(kit).version.epoch, 6);
}

static void a_fresh_checkpoint_of_the_same_place_renews_its_time(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    kit_begin(kit);
    struct replica_checkpoint c = kit_checkpoint(kit);
    c.version = (struct policy_version){1, 1, 5000};
    assert_int_equal(kit_commit_at(kit, &c, "new"), GH_OK);
    assert_int_equal(ask(kit).version.issued_at, 5000);
    assert_string_equal(state_of(kit).cursor, "new");

    kit_begin(kit);
    c.version.issued_at = 4000;
    assert_int_equal(kit_commit_at(kit, &c, "newer"), GH_OK);
    assert_int_equal(ask(kit).version.issued_at, 5000);

    struct policy_row door = kit_door("d2");
    kit_begin(kit);
    kit_put(kit, &door, 1);
    c = kit_checkpoint(kit);
    c.version = (struct policy_version){1, 1, 6000};
    assert_int_equal(kit_commit_at(kit, &c, "x"), GH_INVALID);
    assert_int_equal(ask(kit).version.issued_at, 5000);
}

/* --- batches -------------------------------------------------------------- */

static void the_last_line_about_a_row_counts(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    kit_begin(kit);
    struct id p1 = kit_id("p1"), d1 = kit_id("d1"), other = kit_id("other");
    struct policy_membership member = {kit_id("g1"), {1, 2}};
    struct policy_row door = kit_door("d1"), person = kit_person("p1"), group = kit_group("g1"),
                      card = kit_credential("c1", "p1", CREDENTIAL_CARD), e = kit_entitlement("e1"),
                      e2 = kit_entitlement("e2"), e3 = kit_entitlement("e3"),
                      doors = {.kind = ROW_DOOR_GROUP, .id = other, .d.door_group.doors = {&d1, 1}},
                      schedule = {.kind = ROW_SCHEDULE, .id = kit_id("w")};
    for (int version = 2; version < 5; version++) {
        door.d.door.release_s = version;
        person.d.person.groups = &member;
        person.d.person.n_groups = version == 3;
        card.d.credential.bits = version;
        e.d.entitlement.who.persons = (struct id_list){version == 4 ? &p1 : &other, 1};
        e.d.entitlement.where.doors = (struct id_list){&d1, 1};
        e2.d.entitlement.who.persons = (struct id_list){version == 4 ? &other : &p1, 1};
        e2.d.entitlement.where.all = true;
        e3.d.entitlement.who.everyone = true;
        e3.d.entitlement.where.doors = (struct id_list){version == 4 ? &other : &d1, 1};
        kit_put(kit, &e2, version);
        kit_put(kit, &e3, version);
        kit_put(kit, &door, version);
        kit_put(kit, &person, version);
        kit_put(kit, &group, version);
        kit_put(kit, &e, version);
        kit_put(kit, &doors, version);
        kit_put(kit, &schedule, version);
        kit_put_credential(kit, &card, version == 4 ? "A4" : "A2", version);
        kit_del(kit, ROW_SCHEDULE, "w");
        kit_del(kit, ROW_DOOR_GROUP, "other");
        kit_del(kit, ROW_READER, "never-there");
    }
    commit(kit);
    assert_false(ask(kit).holder.credential_known);
    assert_false(kit_ask(kit, "r1", CREDENTIAL_CARD, "A2", 0).holder.credential_known);
    struct policy_facts f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A4", 4);
    assert_true(f.holder.credential_known);
    assert_int_equal(f.door->door.release_s, 4);
    assert_int_equal(f.n_entitlements, 1);
    assert_state(kit);
}

static void a_snapshot_replaces_everything(void **state)
{
    struct kit *kit = *state;
    kit_begin(kit);
    kit_put_numbered(kit, 1);
    commit(kit);
    struct policy_facts f = ask(kit);
    assert_true(kit_is_numbered(&f));
    assert_true(kit_ask(kit, "r1", CREDENTIAL_QR, "1 7", 0).holder.credential_known);
    kit_small_policy(kit);
    f = kit_ask(kit, "r1", CREDENTIAL_QR, "1 7", 0);
    assert_true(f.reader_known);
    assert_false(f.holder.credential_known);
    assert_int_equal(ask(kit).n_entitlements, 1);
    assert_state(kit);
}

static void what_was_dropped_leaves_no_trace(void **state)
{
    struct kit *kit = *state;
    char path[FOLDER_PATH_MAX];
    struct policy_row door = kit_door("d9");
    kit_small_policy(kit);
    assert_true(folder_file(&kit->folder, "replica.db-next", path));
    kit_begin_snapshot(kit);
    kit_put(kit, &door, 1);
    assert_int_equal(access(path, F_OK), 0);
    replica_writer_drop(kit->writer);
    assert_int_not_equal(access(path, F_OK), 0);
    kit_begin(kit); /* a second begin drops the first */
    kit_put(kit, &door, 1);
    kit_begin(kit);
    commit(kit);
    assert_state(kit);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(replica_writer_put(kit->writer, &(struct replica_row){.row = &door}, kit->why),
                     GH_INVALID);
    assert_true(folder_write(&kit->folder, "replica.db-next", "left by a crash", 0600));
    kit_begin(kit);
    kit_put(kit, &door, 1);
    commit(kit);
    assert_state(kit);
}

static void two_credentials_with_one_value_are_refused_by_name(void **state)
{
    struct kit *kit = *state;
    static const char value[] = "4711081547110815";
    struct policy_row first = kit_credential("first", "p1", CREDENTIAL_CARD),
                      second = kit_credential("second", "p1", CREDENTIAL_CARD);
    kit_small_policy(kit);
    for (int i = 0; i < 3; i++) {
        if (i == 0) { /* both new */
            kit_begin(kit);
            kit_put_credential(kit, &first, value, 1);
        } else if (i == 1) { /* one is there */
            kit_begin(kit);
            kit_put_credential(kit, &first, value, 1);
            commit(kit);
            kit_begin(kit);
        } else {
            kit_begin_snapshot(kit);
            kit_put_credential(kit, &first, value, 1);
        }
        kit_put_credential(kit, &second, value, 1);
        assert_int_equal(kit_commit(kit), GH_INVALID);
        assert_non_null(strstr(kit->why, "first"));
        assert_non_null(strstr(kit->why, "second"));
        assert_null(strstr(kit->why, value));
        assert_state(kit);
        assert_true(ask(kit).holder.credential_known);
    }
}

static void a_value_may_move_in_one_batch_in_any_order(void **state)
{
    struct kit *kit = *state;
    struct policy_row c1 = kit_credential("c1", "p1", CREDENTIAL_CARD),
                      c2 = kit_credential("c2", "p1", CREDENTIAL_CARD),
                      pin = kit_credential("c3", "p1", CREDENTIAL_PIN);
    kit_small_policy(kit);
    kit_begin(kit);
    kit_put_credential(kit, &pin, "A1", 1); /* another type: no conflict */
    kit_put_credential(kit, &c2, "A1", 1);
    kit_put_credential(kit, &c1, "A2", 2);
    commit(kit);
    assert_string_equal(ask(kit).holder.credential_id.s, "c2");
    kit_begin(kit); /* they swap */
    kit_put_credential(kit, &c1, "A1", 3);
    kit_put_credential(kit, &c2, "A2", 3);
    commit(kit);
    assert_string_equal(ask(kit).holder.credential_id.s, "c1");
    kit_begin(kit);
    kit_put_credential(kit, &c2, "A1", 4);
    kit_del(kit, ROW_CREDENTIAL, "c1");
    commit(kit);
    assert_string_equal(ask(kit).holder.credential_id.s, "c2");
    assert_state(kit);
}

static void a_second_site_is_refused_by_name(void **state)
{
    struct kit *kit = *state;
    struct policy_row site = kit_site("elsewhere");
    kit_small_policy(kit);
    kit_begin(kit);
    kit_put(kit, &site, 1);
    assert_int_equal(kit_commit(kit), GH_INVALID);
    assert_non_null(strstr(kit->why, "elsewhere"));
    assert_state(kit);
    kit_begin(kit);
    kit_put(kit, &site, 1);
    kit_del(kit, ROW_SITE, "s");
    commit(kit);
    assert_state(kit);
}

/* --- deny lane ------------------------------------------------------------ */

static void deny(struct kit *kit, enum row_kind kind, const char *id, int64_t rev)
{
    struct id denied = kit_id(id);
    assert_int_equal(replica_writer_deny(kit->writer, kind, &denied, rev), GH_OK);
}

static void a_denied_row_counts_as_disabled_at_once(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    deny(kit, ROW_CREDENTIAL, "c1", 9);
    struct policy_facts f = ask(kit);
    assert_true(f.holder.credential_denied && f.holder.credential.enabled);
    assert_false(f.holder.person_denied);
    deny(kit, ROW_PERSON, "p1", 9);
    assert_true(ask(kit).holder.person_denied);
    assert_int_equal(ask(kit).n_entitlements, 1);
    deny(kit, ROW_ENTITLEMENT, "e1", 9);
    assert_int_equal(ask(kit).n_entitlements, 0);
    assert_state(kit); /* and not part of the policy */
    f = ask(kit);
    assert_true(f.holder.credential_denied && f.holder.person_denied && f.n_entitlements == 0);
}

static void a_denial_is_about_one_kind_and_id(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    deny(kit, ROW_CREDENTIAL, "p1", 9);
    deny(kit, ROW_PERSON, "c1", 9);
    deny(kit, ROW_ENTITLEMENT, "e", 9);
    struct policy_facts f = ask(kit);
    assert_false(f.holder.credential_denied || f.holder.person_denied);
    assert_int_equal(f.n_entitlements, 1);
}

static void only_what_can_be_denied_is_denied(void **state)
{
    struct kit *kit = *state;
    struct id d1 = kit_id("d1");
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        bool can = kind == ROW_PERSON || kind == ROW_CREDENTIAL || kind == ROW_ENTITLEMENT;
        assert_int_equal(replica_writer_deny(kit->writer, (enum row_kind)kind, &d1, 1),
                         can ? GH_OK : GH_INVALID);
    }
    assert_int_equal(replica_writer_deny(kit->writer, ROW_PERSON, &d1, -1), GH_INVALID);
}

static void a_denial_goes_when_the_policy_has_passed_its_rev(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    deny(kit, ROW_PERSON, "p1", 4);
    deny(kit, ROW_PERSON, "p1", 2); /* an older one does not shorten it */
    for (int64_t rev = 2; rev <= 5; rev++) {
        kit_begin(kit);
        commit(kit);
        assert_int_equal(kit->rev, rev);
        assert_int_equal(ask(kit).holder.person_denied, rev < 4);
    }
}

static void a_batch_that_fails_keeps_its_denials(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    kit_begin(kit);
    deny(kit, ROW_PERSON, "p1", 2);
    struct replica_checkpoint c = kit_checkpoint(kit);
    c.rows++;
    assert_int_equal(kit_commit_at(kit, &c, "x"), GH_CORRUPT);
    assert_true(ask(kit).holder.person_denied);
}

static void a_denial_inside_a_batch_or_snapshot_is_seen_before_its_end(void **state)
{
    struct kit *kit = *state;
    for (int is_snapshot = 0; is_snapshot < 2; is_snapshot++) {
        kit_small_policy(kit);
        if (is_snapshot)
            kit_begin_snapshot(kit);
        else
            kit_begin(kit);
        kit_put_numbered(kit, 1);
        assert_false(ask(kit).holder.credential_denied);
        deny(kit, ROW_CREDENTIAL, "c1", kit->rev + 2);
        assert_true(ask(kit).holder.credential_denied);
        replica_writer_drop(kit->writer);
        reopen(kit);
        assert_true(ask(kit).holder.credential_denied);
        kit_begin(kit);
        commit(kit);
        kit_begin(kit);
        commit(kit);
        assert_false(ask(kit).holder.credential_denied);
    }
}

static void denials_of_a_group_hold_from_its_end_on(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    replica_writer_group(kit->writer);
    deny(kit, ROW_CREDENTIAL, "c1", 9);
    deny(kit, ROW_PERSON, "p1", 9);
    assert_false(ask(kit).holder.credential_denied);
    assert_int_equal(replica_writer_group_end(kit->writer), GH_OK);
    assert_true(ask(kit).holder.credential_denied && ask(kit).holder.person_denied);
    deny(kit, ROW_ENTITLEMENT, "e1", 9); /* alone again */
    assert_int_equal(ask(kit).n_entitlements, 0);
    kit_begin(kit);
    commit(kit);
    replica_writer_group(kit->writer); /* one of none */
    assert_int_equal(replica_writer_group_end(kit->writer), GH_OK);
}

static void there_is_a_bound_to_denials_and_room_again_behind_their_rev(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1");
    kit_small_policy(kit);
    deny(kit, ROW_CREDENTIAL, "c1", 2);
    sqlite3 *db = by_hand_open(kit->path);
    assert_non_null(db);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_exec(db,
                                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                                  "WHERE i < 1000000) INSERT INTO deny SELECT 5, 'x' || i, 2 FROM n",
                                  NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    reopen(kit);
    assert_int_equal(replica_writer_deny(kit->writer, ROW_PERSON, &p1, 9), GH_FULL);
    kit_begin(kit);
    commit(kit); /* rev 2 */
    deny(kit, ROW_PERSON, "p1", 9);
    assert_true(ask(kit).holder.person_denied);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(denials_of_a_group_hold_from_its_end_on),
        TEST(there_is_a_bound_to_denials_and_room_again_behind_their_rev),
        TEST(a_new_replica_has_no_place_and_no_rows),
        TEST(the_digest_is_that_of_the_contract_over_random_batches),
        TEST(a_wrong_digest_changes_nothing),
        TEST(a_wrong_number_of_rows_changes_nothing),
        TEST(a_checkpoint_that_is_not_well_formed_is_refused),
        TEST(a_lower_place_is_refused_also_after_a_restart),
        TEST(a_fresh_checkpoint_of_the_same_place_renews_its_time),
        TEST(the_last_line_about_a_row_counts),
        TEST(a_snapshot_replaces_everything),
        TEST(what_was_dropped_leaves_no_trace),
        TEST(two_credentials_with_one_value_are_refused_by_name),
        TEST(a_value_may_move_in_one_batch_in_any_order),
        TEST(a_second_site_is_refused_by_name),
        TEST(a_denied_row_counts_as_disabled_at_once),
        TEST(a_denial_is_about_one_kind_and_id),
        TEST(only_what_can_be_denied_is_denied),
        TEST(a_denial_goes_when_the_policy_has_passed_its_rev),
        TEST(a_batch_that_fails_keeps_its_denials),
        TEST(a_denial_inside_a_batch_or_snapshot_is_seen_before_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
