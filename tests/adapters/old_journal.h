/* A journal as earlier versions wrote it: of layout 1, or of 2, without page sums. For
 * cmocka programs. */
#ifndef TESTS_ADAPTERS_OLD_JOURNAL_H
#define TESTS_ADAPTERS_OLD_JOURNAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/folder.h"
#include "lib/journal_check.h"

#define STREAM "00112233445566778899aabbccddeeff"

/* As that version wrote it. */
static const char old_schema[] = "CREATE TABLE meta (\n"
                                 "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
                                 "    stream TEXT NOT NULL CHECK (length(stream) = 32),\n"
                                 "    acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0),\n"
                                 "    lost_total INTEGER NOT NULL CHECK (lost_total >= 0)\n"
                                 ") STRICT;\n"
                                 "CREATE TABLE event (\n"
                                 "    seq INTEGER PRIMARY KEY CHECK (seq > 0),\n"
                                 "    body BLOB NOT NULL\n"
                                 ") STRICT;\n"
                                 "CREATE TABLE lost (\n"
                                 "    from_seq INTEGER PRIMARY KEY CHECK (from_seq > 0),\n"
                                 "    to_seq INTEGER NOT NULL CHECK (to_seq >= from_seq),\n"
                                 "    told INTEGER NOT NULL CHECK (told IN (0, 1))\n"
                                 ") STRICT;\n"
                                 "CREATE TABLE repeat (\n"
                                 "    reader TEXT NOT NULL,\n"
                                 "    read_id TEXT NOT NULL,\n"
                                 "    door TEXT NOT NULL,\n"
                                 "    decision TEXT NOT NULL,\n"
                                 "    reason TEXT NOT NULL,\n"
                                 "    boot INTEGER NOT NULL,\n"
                                 "    at_ms INTEGER NOT NULL,\n"
                                 "    release_ms INTEGER NOT NULL,\n"
                                 "    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),\n"
                                 "    stored_ms INTEGER NOT NULL,\n"
                                 "    PRIMARY KEY (reader, read_id)\n"
                                 ") STRICT, WITHOUT ROWID;\n"
                                 "CREATE INDEX repeat_age ON repeat (boot, stored_ms);\n"
                                 "PRAGMA application_id = 1195919948;\n"
                                 "PRAGMA user_version = 1;\n";

/* Events 1..10 (4 and 5 lost and told), the cloud has 2; of read "one" a repeat. */
static const char old_rows[] = "INSERT INTO meta VALUES (1, '" STREAM "', 2, 2);"
                               "INSERT INTO lost VALUES (4, 5, 1);"
                               "INSERT INTO repeat VALUES ('r1', 'one', 'd1', 'granted', "
                               "'granted', 3, 50, 5000, 0, 9000000000000);";

static inline void exec(sqlite3 *db, const char *statements)
{
    char *error = NULL;
    if (sqlite3_exec(db, statements, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
}

static inline void make_old(const struct folder *folder)
{
    char path[FOLDER_PATH_MAX], bytes[EVENT_JSON_MAX], row[EVENT_JSON_MAX + 100];
    sqlite3 *db = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    assert_int_equal(SQLITE_OK, sqlite3_open(path, &db));
    exec(db, "PRAGMA journal_mode = WAL");
    exec(db, old_schema);
    exec(db, old_rows);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        struct slice event = journal_check_event(bytes, seq, 0);
        (void)snprintf(row, sizeof row, "INSERT INTO event VALUES (%d, CAST('%.*s' AS BLOB))",
                       (int)seq, (int)event.len, event.ptr);
        if (seq != 4 && seq != 5)
            exec(db, row);
    }
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
}

/* Without sums, but with all tables. */
static inline void make_unchecked(const struct folder *folder)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    make_old(folder);
    assert_true(folder_file(folder, "journal.db", path));
    assert_int_equal(SQLITE_OK, sqlite3_open(path, &db));
    exec(db, "ALTER TABLE meta ADD COLUMN kept_number INTEGER NOT NULL DEFAULT 0 "
             "CHECK (kept_number >= 0);"
             "CREATE TABLE kept (key BLOB PRIMARY KEY, value BLOB NOT NULL) "
             "STRICT, WITHOUT ROWID;"
             "INSERT INTO kept VALUES (CAST('a' AS BLOB), CAST('1' AS BLOB));"
             "PRAGMA user_version = 2");
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
}

#endif
