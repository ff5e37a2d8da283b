/* What the journal remembers of reads, so that a repeat is answered alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_db.h"
#include "lib/by_hand.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 0xf00dfeedf00dfeedu

static struct journal_db *open_journal(const struct folder *folder)
{
    struct journal_db *db = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(db);
    return db;
}

static void append_n(struct journal_db *db, int n, unsigned spread)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(GH_OK, journal_check_append(db, spread, NULL));
}

/* One statement on the database, by a connection of the test. */
static void sql(const struct folder *folder, const char *statement)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    db = by_hand_open(path);
    assert_non_null(db);
    assert_int_equal(SQLITE_OK, sqlite3_busy_timeout(db, WAIT_MS));
    assert_int_equal(SQLITE_OK, sqlite3_exec(db, statement, NULL, NULL, NULL));
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
}

/* --- repeats ------------------------------------------------------------ */

static struct id make_id(const char *text)
{
    struct id id;
    assert_int_equal(GH_OK, id_set(&id, slice_of(text)));
    return id;
}

static struct repeat make_repeat(const char *reader, const char *read_id)
{
    return (struct repeat){.reader = make_id(reader),
                           .read_id = make_id(read_id),
                           .door = make_id("front"),
                           .decision = DECISION_GRANTED,
                           .reason = REASON_GRANTED,
                           .at = {123456789},
                           .release_ms = 5000};
}

static enum gh_err find(struct journal_db *db, const char *reader, const char *read_id,
                        struct repeat *out)
{
    struct journal port = journal_db_port(db);
    struct id r = make_id(reader), i = make_id(read_id);
    return port.ops->repeat_find(port.self, &r, &i, out);
}

static void answered(struct journal_db *db, const char *reader, const char *read_id)
{
    struct journal port = journal_db_port(db);
    struct id r = make_id(reader), i = make_id(read_id);
    port.ops->repeat_answered(port.self, &r, &i);
}

static void assert_found(struct journal_db *db, const struct repeat *expected, bool is_answered,
                         bool this_boot)
{
    struct repeat r;
    assert_int_equal(GH_OK, find(db, expected->reader.s, expected->read_id.s, &r));
    assert_true(id_equal(&expected->door, &r.door));
    assert_int_equal(expected->decision, r.decision);
    assert_int_equal(expected->reason, r.reason);
    assert_int_equal(expected->at.ms, r.at.ms);
    assert_int_equal(expected->release_ms, r.release_ms);
    assert_int_equal(is_answered, r.answered);
    assert_int_equal(this_boot, r.this_boot);
}

static void a_repeat_is_found_at_once_and_after_a_restart(void **state)
{
    struct repeat r = make_repeat("r1", "a"), none;
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_NOT_FOUND, find(db, "r1", "a", &none));
    assert_int_equal(GH_OK, journal_check_append(db, 0, &r));
    assert_found(db, &r, false, true); /* wherever it is by now */
    assert_true(journal_check_stored(db, 1));
    assert_found(db, &r, false, true);
    assert_int_equal(GH_NOT_FOUND, find(db, "r2", "a", &none));
    assert_int_equal(GH_NOT_FOUND, find(db, "r1", "b", &none));
    answered(db, "r1", "a");
    assert_found(db, &r, true, true);
    answered(db, "r1", "never-seen");
    journal_db_close(db);
    db = open_journal(*state);
    assert_found(db, &r, true, true);
    assert_int_equal(GH_NOT_FOUND, find(db, "r1", "never-seen", &none));
    journal_db_close(db);
    db = journal_check_open(((struct folder *)*state)->path, 1000, BOOT + 1);
    assert_non_null(db);
    assert_found(db, &r, true, false);
    journal_db_close(db);
}

static void a_newer_decision_on_the_same_read_replaces_the_older(void **state)
{
    struct repeat first = make_repeat("r1", "a"), second = first;
    second.decision = DECISION_DENIED;
    second.reason = REASON_NO_PERMISSION;
    second.door = (struct id){""};
    second.release_ms = 0;
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, journal_check_append(db, 0, &first));
    answered(db, "r1", "a");
    assert_int_equal(GH_OK, journal_check_append(db, 0, &second));
    assert_found(db, &second, false, true);
    assert_true(journal_check_stored(db, 2));
    assert_found(db, &second, false, true);
    journal_db_close(db);
}

static void a_repeat_and_its_answer_survive_a_kill(void **state)
{
    struct folder *folder = *state;
    int status = 0;
    for (int i = 0; i < 10; i++) {
        char read_id[32];
        (void)snprintf(read_id, sizeof read_id, "read-%d", i);
        struct repeat r = make_repeat("r1", read_id);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct journal_db *db = journal_check_open(folder->path, 1000, BOOT);
            if (!db || journal_check_append(db, 0, &r) != GH_OK)
                _exit(1);
            if (i % 2)
                answered(db, "r1", read_id);
            (void)raise(SIGKILL);
        }
        assert_int_equal(pid, waitpid(pid, &status, 0));
        assert_true(WIFSIGNALED(status));
        struct journal_db *db = open_journal(folder);
        assert_found(db, &r, i % 2, true);
        journal_db_close(db);
    }
    assert_true(journal_check_holds(folder->path, 1, 10, 0, 0, 0));
}

static void repeats_are_forgotten_after_ten_minutes_and_not_before(void **state)
{
    struct folder *folder = *state;
    struct repeat old = make_repeat("r1", "old"), young = make_repeat("r1", "young"), none;
    char statement[160];
    struct journal_db *db = open_journal(folder);
    assert_int_equal(GH_OK, journal_check_append(db, 0, &old));
    assert_int_equal(GH_OK, journal_check_append(db, 0, &young));
    journal_db_close(db);
    (void)snprintf(statement, sizeof statement,
                   "UPDATE repeat SET stored_ms = %" PRId64
                   " - CASE read_id WHEN 'old' THEN 600001 ELSE 570000 END",
                   wait_mono().ms);
    sql(folder, statement);
    db = open_journal(folder);
    append_n(db, 1, 0);
    assert_true(journal_check_stored(db, 3));
    assert_int_equal(GH_NOT_FOUND, find(db, "r1", "old", &none));
    assert_found(db, &young, false, true);
    journal_db_close(db);
    /* Of another boot: its age is unknown, so it stays. */
    sql(folder, "UPDATE repeat SET boot = 5, stored_ms = 0");
    db = open_journal(folder);
    append_n(db, 1, 0);
    assert_true(journal_check_stored(db, 4));
    assert_found(db, &young, false, false);
    journal_db_close(db);
}

static void a_stored_word_that_is_not_known_is_no_answer(void **state)
{
    struct repeat r = make_repeat("r1", "a"), none;
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, journal_check_append(db, 0, &r));
    journal_db_close(db);
    sql(*state, "UPDATE repeat SET reason = 'of_a_later_version'");
    db = open_journal(*state);
    assert_int_equal(GH_IO, find(db, "r1", "a", &none));
    journal_db_close(db);
}

static void thousands_of_repeats_are_found_after_a_restart(void **state)
{
    enum { ROWS = 5000, PART = 500 };
    struct journal_db *db = open_journal(*state);
    char read_id[32];
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(read_id, sizeof read_id, "read-%d", i);
        struct repeat r = make_repeat(i % 2 ? "r1" : "r2", read_id);
        assert_int_equal(GH_OK, journal_check_append(db, 0, &r));
        if ((i + 1) % PART == 0)
            assert_true(journal_check_stored(db, (uint64_t)i + 1));
    }
    for (int restarts = 0; restarts < 2; restarts++) {
        journal_db_close(db);
        db = open_journal(*state);
        for (int i = 0; i < ROWS; i++) {
            struct repeat none;
            (void)snprintf(read_id, sizeof read_id, "read-%d", i);
            struct repeat r = make_repeat(i % 2 ? "r1" : "r2", read_id);
            assert_found(db, &r, false, true);
            assert_int_equal(GH_NOT_FOUND, find(db, i % 2 ? "r2" : "r1", read_id, &none));
        }
    }
    journal_db_close(db);
}

static void a_new_read_is_told_without_the_database(void **state)
{
    struct repeat r = make_repeat("r1", "a"), none;
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, journal_check_append(db, 0, &r));
    assert_true(journal_check_stored(db, 1));
    journal_db_close(db);
    db = open_journal(*state);
    assert_found(db, &r, false, true);
    sql(*state, "ALTER TABLE repeat RENAME TO hidden");
    assert_int_equal(GH_IO, find(db, "r1", "a", &none)); /* so asking it would show */
    assert_int_equal(GH_NOT_FOUND, find(db, "r1", "b", &none));
    assert_int_equal(GH_NOT_FOUND, find(db, "r2", "a", &none));
    sql(*state, "ALTER TABLE hidden RENAME TO repeat");
    assert_found(db, &r, false, true);
    journal_db_close(db);
}

int main(void)
{
#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(a_repeat_is_found_at_once_and_after_a_restart),
        JOURNAL_TEST(a_newer_decision_on_the_same_read_replaces_the_older),
        JOURNAL_TEST(a_repeat_and_its_answer_survive_a_kill),
        JOURNAL_TEST(repeats_are_forgotten_after_ten_minutes_and_not_before),
        JOURNAL_TEST(a_stored_word_that_is_not_known_is_no_answer),
        JOURNAL_TEST(thousands_of_repeats_are_found_after_a_restart),
        JOURNAL_TEST(a_new_read_is_told_without_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
