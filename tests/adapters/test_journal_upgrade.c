/* A journal that an earlier version left, of layout 1 or 2: nothing of it is lost, it
 * keeps values from the first transaction on, and its pages get sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/kept_fixture.h"
#include "adapters/old_journal.h"
#include "adapters/sqlite/tail.h"
#include "lib/damage.h"

/* The tail beside it: 9..10 are in the database, 11 and 12 are not, nor is the
 * note that "one" was answered. */
static void make_old_tail(const struct folder *folder)
{
    struct tail *tail = NULL;
    char note[256], bytes[EVENT_JSON_MAX];
    static const struct {
        enum record_kind kind;
        uint64_t seq;
        const char *read_id;
    } rows[] = {
        {RECORD_EVENT, 9, ""},          {RECORD_EVENT, 10, ""},
        {RECORD_ANSWERED, 10, "one"},   {RECORD_EVENT_REPEAT, 11, "two"},
        {RECORD_ANSWERED, 11, "two"},   {RECORD_EVENT, 12, ""},
    };
    assert_int_equal(GH_OK, tail_open(&tail, folder->path, STREAM, JOURNAL_CHECK_TAIL, 5, note,
                                      sizeof note));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct record r = {.number = 70 + i, .seq = rows[i].seq, .kind = rows[i].kind,
                           .repeat = {.reader = {"r1"}, .door = {"d1"}, .decision = "granted",
                                      .reason = "granted", .boot = 3, .at_ms = 70}};
        (void)snprintf(r.repeat.read_id.s, sizeof r.repeat.read_id.s, "%s", rows[i].read_id);
        r.event = r.changes = slice_of("");
        if (record_has(&r, RECORD_HAS_EVENT))
            r.event = journal_check_event(bytes, r.seq, 0);
        assert_int_equal(GH_OK, tail_write(tail, &r, 0));
    }
    tail_close(tail);
}

static int64_t ask(const struct folder *folder, const char *statement)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    assert_int_equal(SQLITE_OK, sqlite3_open(path, &db));
    assert_int_equal(SQLITE_OK, sqlite3_busy_timeout(db, WAIT_MS));
    assert_int_equal(SQLITE_OK, sqlite3_prepare_v2(db, statement, -1, &st, NULL));
    assert_int_equal(SQLITE_ROW, sqlite3_step(st));
    int64_t value = sqlite3_column_int64(st, 0);
    assert_int_equal(SQLITE_OK, sqlite3_finalize(st));
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
    return value;
}

static void assert_answered(struct journal_db *db, const char *read_id)
{
    struct journal port = journal_db_port(db);
    struct id reader = {"r1"}, id = {""};
    struct repeat found;
    (void)snprintf(id.s, sizeof id.s, "%s", read_id);
    assert_int_equal(GH_OK, port.ops->repeat_find(port.self, &reader, &id, &found));
    assert_true(found.answered);
}

static void an_older_journal_is_upgraded_and_loses_nothing(void **state)
{
    struct folder *folder = *state;
    struct journal_counts c;
    make_old(folder);
    make_old_tail(folder);
    assert_true(journal_check_holds(folder->path, 1, 10, 0, 4, 5)); /* readers know both */
    struct journal_db *db = open_journal(folder);
    journal_db_counts(db, &c);
    assert_string_equal(STREAM, c.stream);
    assert_int_equal(13, c.next_seq);
    assert_int_equal(2, c.acked_seq);
    assert_int_equal(2, c.lost_total);
    assert_keeps(db, "");
    assert_answered(db, "one");
    assert_answered(db, "two");
    assert_int_equal(GH_OK, append(db, "a=1 b=1"));
    assert_int_equal(GH_OK, keep(db, "b=2"));
    assert_true(journal_check_stored(db, 13));
    assert_keeps(db, "a=1 b=2");
    journal_db_close(db);
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    db = open_journal(folder);
    journal_db_counts(db, &c);
    assert_string_equal(STREAM, c.stream);
    assert_int_equal(2, c.lost_total);
    assert_keeps(db, "a=1 b=2");
    assert_answered(db, "one");
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 13, 0, 4, 5));
}

static void an_upgraded_file_is_as_a_new_one(void **state)
{
    struct folder *folder = *state, fresh = {0};
    /* Names and columns, in one number that differs if anything does. */
    static const char shape[] =
        "SELECT sum(length(m.name) * 1000003 + unicode(m.name) * 10007 + c.cid * 101 + "
        "length(c.name) * 7919 + length(c.type) * 31 + c.\"notnull\" + c.pk * 3) "
        "FROM sqlite_schema m, pragma_table_info(m.name) c";
    make_old(folder);
    journal_db_close(open_journal(folder));
    assert_true(folder_make(&fresh));
    journal_db_close(open_journal(&fresh));
    assert_int_equal(ask(&fresh, shape), ask(folder, shape));
    assert_int_equal(3, ask(&fresh, "PRAGMA user_version"));
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    folder_remove(&fresh);
}

static void a_file_that_cannot_be_upgraded_yet_serves_all_the_same(void **state)
{
    struct folder *folder = *state;
    struct journal_trouble t = {0};
    make_old(folder);
    make_old_tail(folder);
    sqlite3 *other = hold(folder);
    struct journal_db *db = open_journal(folder);
    assert_int_equal(GH_OK, append(db, "a=1 b"));
    assert_int_equal(GH_OK, keep(db, "b=2"));
    assert_keeps(db, "a=1 b=2");
    assert_true(journal_check_trouble(db, &t)); /* the first try has failed */
    assert_true(journal_check_stored(db, 13)); /* by the tail */
    assert_int_equal(1, ask(folder, "PRAGMA user_version"));
    assert_keeps(db, "a=1 b=2");
    release(other);
    while (!t.recovered)
        assert_true(journal_check_trouble(db, &t));
    assert_int_equal(2, ask(folder, "PRAGMA user_version"));
    assert_keeps(db, "a=1 b=2");
    journal_db_close(db);
    db = open_journal(folder);
    assert_keeps(db, "a=1 b=2");
    journal_db_close(db);
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    assert_true(journal_check_holds(folder->path, 1, 13, 0, 4, 5));
}

static void append_eleventh(struct folder *folder)
{
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "a=1");
    assert_int_equal(GH_OK, append(db, "b=2"));
    assert_true(journal_check_stored(db, 11));
    journal_db_close(db);
}

static void a_file_without_page_sums_gets_them_at_the_start(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX], why[256];
    struct journal_db *damaged = NULL;
    const struct journal_db_options options = {folder->path, 1000000, JOURNAL_CHECK_TAIL, 1, {NULL, NULL}};
    make_unchecked(folder);
    assert_true(folder_write(folder, "journal.db-checked", "of a start that was killed", 0660));
    append_eleventh(folder);
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    assert_true(journal_check_holds(folder->path, 1, 11, 0, 4, 5));
    assert_true(folder_file(folder, "journal.db-checked", path));
    assert_int_equal(-1, access(path, F_OK));
    assert_true(folder_file(folder, "journal.db", path));
    assert_true(damage_flip(path, 1000, 0)); /* where nothing is stored */
    assert_int_equal(GH_CORRUPT, journal_db_open(&damaged, &options, why, sizeof why));
}

static void a_file_whose_copy_cannot_be_made_goes_on_without_sums(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX];
    make_unchecked(folder);
    assert_true(folder_file(folder, "journal.db-checked", path));
    assert_int_equal(0, mkdir(path, 0700)); /* in its way */
    append_eleventh(folder);
    assert_int_equal(2, ask(folder, "PRAGMA user_version"));
    assert_int_equal(0, rmdir(path));
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "a=1 b=2");
    journal_db_close(db);
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    assert_true(journal_check_holds(folder->path, 1, 11, 0, 4, 5));
}

static void a_close_before_any_upgrade_leaves_the_rest_to_the_next_start(void **state)
{
    struct folder *folder = *state;
    make_old(folder);
    sqlite3 *other = hold(folder);
    struct journal_db *db = open_journal(folder);
    assert_int_equal(GH_OK, append(db, "a=1"));
    assert_int_equal(GH_OK, keep(db, "b=2"));
    journal_db_close(db);
    release(other);
    assert_int_equal(1, ask(folder, "PRAGMA user_version"));
    db = open_journal(folder);
    assert_keeps(db, "a=1 b=2");
    journal_db_close(db);
    assert_int_equal(3, ask(folder, "PRAGMA user_version"));
    assert_true(journal_check_holds(folder->path, 1, 11, 0, 4, 5));
}

static void a_file_that_has_a_part_of_the_new_layout_is_left_as_it_is(void **state)
{
    struct folder *folder = *state;
    struct journal_trouble t = {0};
    make_old(folder);
    sql(folder, "CREATE TABLE kept (mine)");
    struct journal_db *db = open_journal(folder);
    assert_true(journal_check_trouble(db, &t));
    assert_non_null(strstr(t.fault, "damaged"));
    journal_db_close(db);
    assert_int_equal(1, ask(folder, "PRAGMA user_version"));
    assert_int_equal(0, ask(folder, "SELECT count(*) FROM pragma_table_info('meta') "
                                    "WHERE name = 'kept_number'"));
}

int main(void)
{
#define UPGRADE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        UPGRADE_TEST(an_older_journal_is_upgraded_and_loses_nothing),
        UPGRADE_TEST(an_upgraded_file_is_as_a_new_one),
        UPGRADE_TEST(a_file_that_cannot_be_upgraded_yet_serves_all_the_same),
        UPGRADE_TEST(a_file_without_page_sums_gets_them_at_the_start),
        UPGRADE_TEST(a_file_whose_copy_cannot_be_made_goes_on_without_sums),
        UPGRADE_TEST(a_close_before_any_upgrade_leaves_the_rest_to_the_next_start),
        UPGRADE_TEST(a_file_that_has_a_part_of_the_new_layout_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
