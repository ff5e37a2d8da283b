/* What the tests of kept values share: changes and what is kept as text, such as
 * "a=1 b= c": a has the value 1, b an empty one, c is forgotten. */
#ifndef TESTS_ADAPTERS_KEPT_FIXTURE_H
#define TESTS_ADAPTERS_KEPT_FIXTURE_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_db.h"
#include "lib/by_hand.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 3

static inline struct journal_db *open_journal(const struct folder *folder)
{
    struct journal_db *db = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(db);
    return db;
}

static inline uint64_t newest(struct journal_db *db)
{
    struct journal_counts c;
    journal_db_counts(db, &c);
    return c.next_seq - 1;
}

static inline struct slice make_changes(struct changes *out, const char *text)
{
    char copy[512], *save = NULL;
    out->len = 0;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        assert_int_equal(GH_OK, changes_add(out, slice_of(word), slice_of(value)));
    }
    return changes_slice(out);
}

static inline enum gh_err append(struct journal_db *db, const char *text)
{
    struct changes c;
    char bytes[EVENT_JSON_MAX];
    struct journal port = journal_db_port(db);
    uint64_t seq = port.ops->next_seq(port.self);
    return port.ops->append(port.self, seq, journal_check_event(bytes, seq, 0), NULL,
                            make_changes(&c, text));
}

static inline enum gh_err keep(struct journal_db *db, const char *text)
{
    struct changes c;
    struct journal port = journal_db_port(db);
    return port.ops->keep(port.self, make_changes(&c, text));
}

struct seen {
    char keys[64][16], values[64][16];
    size_t n, stop_after;
};

static inline bool see(void *context, struct slice key, struct slice value)
{
    struct seen *seen = context;
    assert_true(seen->n < 64 && key.len < 16 && value.len < 16);
    assert_non_null(value.ptr);
    memcpy(seen->keys[seen->n], key.ptr, key.len);
    memcpy(seen->values[seen->n], value.ptr, value.len);
    return ++seen->n != seen->stop_after;
}

/* All that is kept must be this, in any order: "a=1 b=". */
static inline void assert_keeps(struct journal_db *db, const char *text)
{
    struct journal port = journal_db_port(db);
    struct seen seen = {0};
    struct changes c;
    struct change change;
    size_t n = 0;
    assert_int_equal(GH_OK, port.ops->kept_each(port.self, see, &seen));
    for (struct slice rest = make_changes(&c, text); changes_next(&rest, &change); n++) {
        size_t i = 0;
        while (i < seen.n && !slice_is(change.key, seen.keys[i]))
            i++;
        if (i == seen.n || !slice_is(change.value, seen.values[i]))
            fail_msg("kept is not \"%s\": %s", text, i == seen.n ? "one is missing" : seen.keys[i]);
    }
    assert_int_equal(n, seen.n);
}

/* A connection that holds the database, so that all stays in the tail. */
static inline sqlite3 *hold(const struct folder *folder)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *other = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    other = by_hand_open(path);
    assert_non_null(other);
    assert_int_equal(SQLITE_OK, sqlite3_busy_timeout(other, WAIT_MS));
    assert_int_equal(SQLITE_OK, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    return other;
}

static inline void release(sqlite3 *other)
{
    assert_int_equal(SQLITE_OK, sqlite3_close(other));
}

static inline void sql(const struct folder *folder, const char *statement)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    db = by_hand_open(path);
    assert_non_null(db);
    assert_int_equal(SQLITE_OK, sqlite3_exec(db, statement, NULL, NULL, NULL));
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
}

#endif
