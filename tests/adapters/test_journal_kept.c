/* What the journal keeps beside events: values by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/kept_fixture.h"
#include "adapters/sqlite/kept_map.h"

static void nothing_is_kept_in_a_new_journal(void **state)
{
    struct journal_db *db = open_journal(*state);
    assert_keeps(db, "");
    journal_db_close(db);
}

static void values_are_kept_over_a_close(void **state)
{
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, append(db, "a=1 b=1 c=1 d="));
    assert_int_equal(GH_OK, append(db, "a=2 b"));
    assert_int_equal(GH_OK, append(db, ""));
    assert_int_equal(GH_OK, keep(db, "c=3 e=5"));
    assert_int_equal(GH_OK, keep(db, ""));
    assert_keeps(db, "a=2 c=3 d= e=5"); /* wherever it is by now */
    journal_db_close(db);
    db = open_journal(*state);
    assert_keeps(db, "a=2 c=3 d= e=5");
    assert_int_equal(GH_OK, append(db, "never e b=9"));
    assert_int_equal(GH_OK, keep(db, "d"));
    journal_db_close(db);
    db = open_journal(*state);
    assert_keeps(db, "a=2 b=9 c=3");
    journal_db_close(db);
    assert_true(journal_check_holds(((struct folder *)*state)->path, 1, 4, 0, 0, 0));
}

static void keys_and_values_may_be_any_bytes_of_any_length(void **state)
{
    struct changes c = {0};
    static char key[CHANGE_KEY_MAX], value[CHANGE_VALUE_MAX];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)(255 - i);
    memcpy(key, value, sizeof key);
    key[0] = '\0';
    assert_int_equal(GH_OK, changes_add(&c, slice_make(key, sizeof key),
                                        slice_make(value, sizeof value)));
    assert_int_equal(GH_OK, changes_add(&c, slice_make("\0", 1), slice_make("\0\0", 2)));
    assert_int_equal(GH_OK, changes_add(&c, slice_make("\0\0", 2), slice_of("")));
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    assert_int_equal(GH_OK, port.ops->append(port.self, 1, slice_of("{}"), NULL,
                                             changes_slice(&c)));
    journal_db_close(db);
    db = open_journal(*state);
    sqlite3 *raw = hold(*state);
    sqlite3_stmt *st = NULL;
    assert_int_equal(SQLITE_OK,
                     sqlite3_prepare_v2(raw, "SELECT key, value FROM kept ORDER BY key DESC", -1,
                                        &st, NULL));
    struct slice expected[3][2] = {
        {{key, sizeof key}, {value, sizeof value}}, {{"\0\0", 2}, {"", 0}}, {{"\0", 1}, {"\0\0", 2}}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SQLITE_ROW, sqlite3_step(st));
        for (int k = 0; k < 2; k++) {
            assert_int_equal(SQLITE_BLOB, sqlite3_column_type(st, k));
            assert_int_equal(expected[i][k].len, sqlite3_column_bytes(st, k));
            if (expected[i][k].len > 0)
                assert_memory_equal(expected[i][k].ptr, sqlite3_column_blob(st, k),
                                    expected[i][k].len);
        }
    }
    assert_int_equal(SQLITE_DONE, sqlite3_step(st));
    assert_int_equal(SQLITE_OK, sqlite3_finalize(st));
    release(raw);
    journal_db_close(db);
}

static void what_waits_in_the_queue_covers_the_database(void **state)
{
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, append(db, "a=1 b=1 c=1"));
    assert_true(journal_check_stored(db, 1));
    sqlite3 *other = hold(*state);
    assert_int_equal(GH_OK, append(db, "a=2 b d=4 e=5"));
    assert_int_equal(GH_OK, keep(db, "e x"));
    assert_keeps(db, "a=2 c=1 d=4");
    release(other);
    assert_true(journal_check_stored(db, 2));
    assert_keeps(db, "a=2 c=1 d=4");
    journal_db_close(db);
}

static void whoever_reads_them_may_stop(void **state)
{
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    assert_int_equal(GH_OK, append(db, "a=1 b=1 c=1"));
    assert_true(journal_check_stored(db, 1));
    sqlite3 *other = hold(*state);
    assert_int_equal(GH_OK, append(db, "d=1 e=1"));
    for (size_t n = 1; n <= 5; n++) {
        struct seen seen = {.stop_after = n};
        assert_int_equal(GH_OK, port.ops->kept_each(port.self, see, &seen));
        assert_int_equal(n, seen.n);
    }
    release(other);
    journal_db_close(db);
}

static void what_is_no_list_of_changes_is_refused_and_nothing_happens(void **state)
{
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    static char large[CHANGES_MAX + 4];
    for (size_t i = 0; i < sizeof large; i += 4)
        memcpy(large + i, "\1k\1v", 4);
    const struct slice bad[] = {
        {"\0", 1}, {"\1k", 2}, {"\1k\1v\1", 5}, {"\1k\376v", 4}, {large, sizeof large},
    };
    assert_int_equal(GH_OK, append(db, "a=1"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(GH_INVALID,
                         port.ops->append(port.self, 2, slice_of("{}"), NULL, bad[i]));
        assert_int_equal(GH_INVALID, port.ops->keep(port.self, bad[i]));
    }
    assert_int_equal(2, port.ops->next_seq(port.self));
    /* A number that is not the next brings no changes either. */
    struct changes c;
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 3, slice_of("{}"), NULL,
                                                  make_changes(&c, "b=1")));
    assert_keeps(db, "a=1");
    journal_db_close(db);
    db = open_journal(*state);
    assert_int_equal(1, newest(db));
    assert_keeps(db, "a=1");
    journal_db_close(db);
}

struct stored {
    struct folder *folder;
    const char *key;
};

static bool is_stored(void *context)
{
    const struct stored *look = context;
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_true(folder_file(look->folder, "journal.db", path));
    db = by_hand_open(path);
    assert_non_null(db);
    bool found = sqlite3_prepare_v2(db, "SELECT 1 FROM kept WHERE key = CAST(?1 AS BLOB)", -1, &st,
                                    NULL) == SQLITE_OK &&
                 sqlite3_bind_text(st, 1, look->key, -1, SQLITE_STATIC) == SQLITE_OK &&
                 sqlite3_step(st) == SQLITE_ROW;
    (void)sqlite3_finalize(st);
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
    return found;
}

static void changes_without_an_event_come_to_the_disk_without_one(void **state)
{
    struct stored look = {*state, "a"};
    struct journal_db *db = open_journal(*state);
    assert_int_equal(GH_OK, append(db, ""));
    assert_true(journal_check_stored(db, 1)); /* the transaction of the start is over */
    assert_int_equal(GH_OK, keep(db, "a=1"));
    assert_true(wait_until(is_stored, &look, WAIT_MS));
    assert_int_equal(1, newest(db));
    journal_db_close(db);
}

static bool put_in_map(void *context, struct slice key, struct slice value)
{
    struct changes c = {0};
    assert_int_equal(GH_OK, changes_add(&c, key, value));
    assert_int_equal(GH_OK, kept_map_apply(context, changes_slice(&c)));
    return true;
}

static void a_hundred_thousand_keys_are_read(void **state)
{
    enum { KEYS = 100000 };
    struct kept_map map = {0};
    journal_db_close(open_journal(*state));
    sql(*state, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
                "INSERT INTO kept SELECT CAST('key-' || i AS BLOB), CAST(i AS BLOB) FROM n");
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    sqlite3 *other = hold(*state);
    /* The queue covers some of them as well. */
    for (int i = 0; i < 60; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "key-%d key-%d=new new-%d=1", i, 99999 - i, i);
        assert_int_equal(GH_OK, keep(db, text));
    }
    struct slice value;
    assert_int_equal(GH_OK, port.ops->kept_each(port.self, put_in_map, &map));
    release(other);
    assert_int_equal(KEYS, map.n);
    assert_false(kept_map_find(&map, slice_of("key-59"), &value));
    assert_true(kept_map_find(&map, slice_of("key-60"), &value) && slice_is(value, "60"));
    assert_true(kept_map_find(&map, slice_of("key-99939"), &value) && slice_is(value, "99939"));
    assert_true(kept_map_find(&map, slice_of("key-99940"), &value) && slice_is(value, "new"));
    assert_true(kept_map_find(&map, slice_of("new-59"), &value) && slice_is(value, "1"));
    kept_map_clear(&map);
    journal_db_close(db);
}

static void a_table_that_cannot_be_read_is_said(void **state)
{
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    struct seen seen = {0};
    assert_int_equal(GH_OK, append(db, "a=1"));
    assert_true(journal_check_stored(db, 1));
    sql(*state, "ALTER TABLE kept RENAME TO hidden");
    assert_int_equal(GH_IO, port.ops->kept_each(port.self, see, &seen));
    assert_int_equal(0, seen.n);
    sql(*state, "ALTER TABLE hidden RENAME TO kept");
    assert_keeps(db, "a=1");
    journal_db_close(db);
}

int main(void)
{
#define KEPT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        KEPT_TEST(nothing_is_kept_in_a_new_journal),
        KEPT_TEST(values_are_kept_over_a_close),
        KEPT_TEST(keys_and_values_may_be_any_bytes_of_any_length),
        KEPT_TEST(what_waits_in_the_queue_covers_the_database),
        KEPT_TEST(whoever_reads_them_may_stop),
        KEPT_TEST(what_is_no_list_of_changes_is_refused_and_nothing_happens),
        KEPT_TEST(changes_without_an_event_come_to_the_disk_without_one),
        KEPT_TEST(a_hundred_thousand_keys_are_read),
        KEPT_TEST(a_table_that_cannot_be_read_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
