#include "bench/peer_db.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "lib/folder.h"
#include "lib/wait.h"

static char *text_of(const char *name)
{
    char path[FOLDER_PATH_MAX];
    return place_repo_file(name, path) ? folder_read(path, NULL) : NULL;
}

/* Each statement of the text takes the same two numbers, or none. */
static int fill(sqlite3 *db, const char *text, long people, int doors)
{
    int code = SQLITE_OK;
    while (code == SQLITE_OK && *text) {
        sqlite3_stmt *s = NULL;
        code = sqlite3_prepare_v2(db, text, -1, &s, &text);
        if (s == NULL) {
            break; /* a comment, or the end */
        }
        if (sqlite3_bind_parameter_index(s, "?1") > 0) {
            sqlite3_bind_int64(s, 1, people);
        }
        if (sqlite3_bind_parameter_index(s, "?2") > 0) {
            sqlite3_bind_int(s, 2, doors);
        }
        code = sqlite3_step(s) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db);
        sqlite3_finalize(s);
    }
    return code;
}

bool peer_db_make(const char *path, long people, int doors)
{
    sqlite3 *db = NULL;
    char *schema = text_of("tests/bench/peers/schema.sql");
    char *rows = text_of("tests/bench/peers/people.sql");
    bool good = schema && rows && sqlite3_open(path, &db) == SQLITE_OK &&
                sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
                fill(db, rows, people, doors) == SQLITE_OK &&
                sqlite3_exec(db, "COMMIT; ANALYZE", NULL, NULL, NULL) == SQLITE_OK;
    if (!good) {
        lib_say("the peer's database: %s", db ? sqlite3_errmsg(db) : "no schema");
    }
    sqlite3_close(db);
    free(schema);
    free(rows);
    return good;
}

long peer_db_events(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    long events = -1;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM event", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        events = (long)sqlite3_column_int64(s, 0);
    } else {
        lib_say("the peer's database: %s", db ? sqlite3_errmsg(db) : "no memory");
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return events;
}
