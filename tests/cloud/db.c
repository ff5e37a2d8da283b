#include "db.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { SCHEMA_VERSION = 1 };

/* One version of a row for each put and removal, in the order in which they
 * came: number n within rev. A version is part of the policy from rev up to,
 * but not including, until_rev; NULL means that it still is. A removal is a
 * version that never is part of it (until_rev = rev). So one table answers all
 * three questions: the policy now, the policy at a rev, the changes since a rev.
 * deny: 0 no, 1 the row is switched off, 2 it is removed. */
static const char TABLES[] =
    "CREATE TABLE IF NOT EXISTS sites("
    " site TEXT PRIMARY KEY, epoch INTEGER NOT NULL, rev INTEGER NOT NULL,"
    " serial INTEGER NOT NULL, issued_at INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " floor INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS versions("
    " site TEXT NOT NULL, rev INTEGER NOT NULL, n INTEGER NOT NULL,"
    " k TEXT NOT NULL, id TEXT NOT NULL, bucket INTEGER NOT NULL, hash BLOB NOT NULL,"
    " line TEXT NOT NULL, deny INTEGER NOT NULL, until_rev INTEGER,"
    " UNIQUE(site, rev, n));"
    "CREATE UNIQUE INDEX IF NOT EXISTS live_by_id ON versions(site, k, id)"
    " WHERE until_rev IS NULL;"
    "CREATE INDEX IF NOT EXISTS live_by_bucket ON versions(site, bucket, hash)"
    " WHERE until_rev IS NULL;"
    "CREATE INDEX IF NOT EXISTS dead ON versions(site, until_rev) WHERE until_rev IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS buckets("
    " site TEXT NOT NULL, bucket INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY(site, bucket)) WITHOUT ROWID;"
    /* arrival: the order in which they came, over all streams */
    "CREATE TABLE IF NOT EXISTS events("
    " arrival INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, gateway TEXT NOT NULL,"
    " stream TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL,"
    " UNIQUE(site, gateway, stream, seq));"
    /* of events, the newest that came */
    "CREATE TABLE IF NOT EXISTS vendor_words("
    " site TEXT NOT NULL, gateway TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,"
    " words TEXT NOT NULL, PRIMARY KEY(site, gateway, stream, seq)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS lost("
    " site TEXT NOT NULL, gateway TEXT NOT NULL, stream TEXT NOT NULL,"
    " from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,"
    " PRIMARY KEY(site, gateway, stream, from_seq)) WITHOUT ROWID;"
    /* acked: events and losses are known up to this number, without a gap */
    "CREATE TABLE IF NOT EXISTS streams("
    " site TEXT NOT NULL, gateway TEXT NOT NULL, stream TEXT NOT NULL,"
    " acked INTEGER NOT NULL, resent INTEGER NOT NULL, conflicting INTEGER NOT NULL,"
    " PRIMARY KEY(site, gateway, stream)) WITHOUT ROWID;"
    /* until_s: not_after; sent_us: when it was sent last, 0 = not yet; result: NULL = no
     * event of it yet, "" = one that does not say */
    "CREATE TABLE IF NOT EXISTS commands("
    " n INTEGER PRIMARY KEY, site TEXT NOT NULL, gateway TEXT NOT NULL, id TEXT NOT NULL,"
    " line TEXT NOT NULL, made_s INTEGER NOT NULL, until_s INTEGER NOT NULL,"
    " sent_us INTEGER NOT NULL, result TEXT);"
    /* one-time tokens, by their SHA-256 */
    "CREATE TABLE IF NOT EXISTS enrolments("
    " hash BLOB PRIMARY KEY, site TEXT NOT NULL, gateway TEXT NOT NULL,"
    " until_s INTEGER NOT NULL, used_s INTEGER) WITHOUT ROWID;"
    /* how: enrol or renew; seen_s: its first call */
    "CREATE TABLE IF NOT EXISTS certificates("
    " serial TEXT PRIMARY KEY, site TEXT NOT NULL, gateway TEXT NOT NULL,"
    " from_s INTEGER NOT NULL, until_s INTEGER NOT NULL, how TEXT NOT NULL, seen_s INTEGER);"
    "CREATE TABLE IF NOT EXISTS status("
    " site TEXT NOT NULL, gateway TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY(site, gateway)) WITHOUT ROWID;";

static bool check_version(sqlite3 *db)
{
    DB_STMT *stmt = db_query(db, "PRAGMA user_version", "");
    if (db_step(stmt) != STEP_ROW)
        return false;
    int version = sqlite3_column_int(stmt, 0);
    return version == 0 || version == SCHEMA_VERSION;
}

sqlite3 *db_open(const char *path, char why[256])
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        snprintf(why, 256, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
        db_close(db);
        return NULL;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 1000);
    if (!db_run(db, "PRAGMA journal_mode=WAL") || !db_run(db, "PRAGMA synchronous=FULL")) {
        snprintf(why, 256, "%s: cannot be opened as a database", path);
    } else if (!check_version(db)) {
        snprintf(why, 256, "%s: made by another version of this program", path);
    } else if (!db_run(db, "BEGIN IMMEDIATE") || !db_run(db, TABLES) ||
               !db_run(db, "PRAGMA user_version=1") || !db_run(db, "COMMIT")) {
        snprintf(why, 256, "%s: its tables cannot be made", path);
    } else {
        return db;
    }
    db_close(db);
    return NULL;
}

void db_close(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        fprintf(stderr, "database: closed with statements left\n");
}

static void complain(sqlite3 *db)
{
    fprintf(stderr, "database: %s\n", sqlite3_errmsg(db));
}

bool db_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    complain(db);
    return false;
}

void db_rollback(sqlite3 *db)
{
    /* After some errors SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(db) && !db_run(db, "ROLLBACK"))
        complain(db);
}

static bool bind_all(sqlite3_stmt *stmt, const char *format, va_list args)
{
    int result = SQLITE_OK;
    for (int i = 1; *format && result == SQLITE_OK; format++, i++) {
        if (*format == 't') {
            result = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else if (*format == 'i') {
            result = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
        } else if (*format == 'b') {
            struct bytes b = va_arg(args, struct bytes);
            result = sqlite3_bind_text64(stmt, i, b.at, b.len, SQLITE_STATIC, SQLITE_UTF8);
        } else if (*format == 'h') {
            result = sqlite3_bind_blob(stmt, i, va_arg(args, const unsigned char *), 32,
                                       SQLITE_STATIC);
        } else {
            result = sqlite3_bind_null(stmt, i);
        }
    }
    if (result != SQLITE_OK)
        complain(sqlite3_db_handle(stmt));
    return result == SQLITE_OK;
}

sqlite3_stmt *db_query(sqlite3 *db, const char *sql, const char *format, ...)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        complain(db);
        return NULL;
    }
    va_list args;
    va_start(args, format);
    if (!bind_all(stmt, format, args))
        db_end(&stmt);
    va_end(args);
    return stmt;
}

bool db_bind(sqlite3_stmt *stmt, const char *format, ...)
{
    if (!stmt)
        return false;
    sqlite3_reset(stmt);
    va_list args;
    va_start(args, format);
    bool done = bind_all(stmt, format, args);
    va_end(args);
    return done;
}

enum step db_step(sqlite3_stmt *stmt)
{
    int result = stmt ? sqlite3_step(stmt) : SQLITE_MISUSE;
    if (result == SQLITE_ROW)
        return STEP_ROW;
    if (result == SQLITE_DONE)
        return STEP_DONE;
    if (stmt)
        complain(sqlite3_db_handle(stmt));
    return STEP_FAILED;
}

void db_end(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
    *stmt = NULL;
}

const char *db_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

struct bytes db_bytes(sqlite3_stmt *stmt, int column)
{
    const char *at = db_text(stmt, column);
    return (struct bytes){at, (size_t)sqlite3_column_bytes(stmt, column)};
}
