#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page_check.h"

enum gh_err db_err(int code)
{
    if (code == SQLITE_IOERR_DATA)
        return GH_CORRUPT; /* page_check.h */
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return GH_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return GH_RETRY;
    case SQLITE_FULL: return GH_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return GH_CORRUPT;
    case SQLITE_CONSTRAINT: return GH_INVALID;
    default: return GH_IO;
    }
}

enum gh_err db_sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= sizeof folder)
        return GH_IO;
    memcpy(folder, slash ? path : ".", len);
    if (len == 0)
        folder[len++] = '/';
    folder[len] = '\0';

    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return GH_IO;
    int failed = fsync(fd);
    (void)close(fd);
    return failed ? GH_IO : GH_OK;
}

enum gh_err db_create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (fd < 0)
        return errno == EEXIST ? db_sync_folder_of(path) : GH_IO;
    int failed = fchmod(fd, 0660) != 0 || fsync(fd) != 0;
    failed |= close(fd) != 0;
    return failed ? GH_IO : db_sync_folder_of(path);
}

/* The pragma does not fail where WAL is impossible; it names another mode. */
static enum gh_err db_set_wal(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &s, NULL);
    if (code != SQLITE_OK)
        return db_err(code);
    code = sqlite3_step(s);
    bool is_wal = code == SQLITE_ROW && slice_is(db_column(s, 0), "wal");
    (void)sqlite3_finalize(s);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? GH_IO : db_err(code);
    return is_wal ? GH_OK : GH_IO;
}

static bool is_reader(enum db_mode mode)
{
    return mode == DB_READER || mode == DB_UNCHECKED_READER;
}

static enum gh_err db_setup(sqlite3 *db, enum db_mode mode, int busy_ms)
{
    int code = sqlite3_extended_result_codes(db, 1);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(db, busy_ms);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK && is_reader(mode))
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code != SQLITE_OK)
        return db_err(code);
    if (is_reader(mode))
        return db_exec(db, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;");
    enum gh_err err = mode == DB_WRITER ? page_check_reserve(db) : GH_OK;
    if (err == GH_OK)
        err = db_set_wal(db);
    return err == GH_OK ? db_exec(db, "PRAGMA synchronous = FULL;") : err;
}

/* The library counts how much memory it has, under a lock, at each allocation; a question to the
 * replica makes dozens, and nobody asks for the count. It can be told only before it does anything:
 * where somebody else was first, it goes on counting. */
static void forgo_counting(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum gh_err db_open(sqlite3 **out, const char *path, enum db_mode mode, int busy_ms)
{
    static pthread_once_t is_told = PTHREAD_ONCE_INIT;
    sqlite3 *db = NULL;
    struct stat st;
    (void)pthread_once(&is_told, forgo_counting);
    if (stat(path, &st) != 0 && errno == ENOENT)
        return GH_NOT_FOUND;
    bool has_sums = mode == DB_WRITER || mode == DB_READER;
    enum gh_err err = page_check_register();
    if (err == GH_OK)
        err = db_err(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                     has_sums ? PAGE_CHECK_VFS : NULL));
    if (err == GH_OK)
        err = db_setup(db, mode, busy_ms);
    if (err != GH_OK) {
        db_close(db);
        return err;
    }
    *out = db;
    return GH_OK;
}

void db_close(sqlite3 *db)
{
    /* _v2: a statement left open by mistake must not keep the file open twice. */
    (void)sqlite3_close_v2(db);
}

enum gh_err db_exec(sqlite3 *db, const char *sql)
{
    return db_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

enum gh_err db_pragma(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (code != SQLITE_OK)
        return db_err(code);
    code = sqlite3_step(s);
    int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    (void)sqlite3_finalize(s);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? GH_NOT_FOUND : db_err(code);
    *out = value;
    return GH_OK;
}

enum gh_err db_prepare_all(sqlite3 *db, sqlite3_stmt **out, const char *const *sql, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = NULL;
    for (size_t i = 0; i < n; i++) {
        int code = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL);
        if (code != SQLITE_OK) {
            db_finalize_all(out, n);
            return db_err(code);
        }
    }
    return GH_OK;
}

void db_finalize_all(sqlite3_stmt **statements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

enum gh_err db_step(sqlite3_stmt *s, bool *row)
{
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *row = true;
        return GH_OK;
    }
    db_reset(s);
    if (code != SQLITE_DONE)
        return db_err(code);
    *row = false;
    return GH_OK;
}

enum gh_err db_run(sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    db_reset(s);
    return db_err(code);
}

enum gh_err db_one(sqlite3_stmt *s)
{
    bool row = false;
    enum gh_err err = db_step(s, &row);
    return err == GH_OK && !row ? GH_NOT_FOUND : err;
}

void db_reset(sqlite3_stmt *s)
{
    /* The code that a reset gives repeats that of the step before it. */
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
}

enum gh_err db_bind_int(sqlite3_stmt *s, int i, int64_t value)
{
    return db_err(sqlite3_bind_int64(s, i, value));
}

enum gh_err db_bind_text(sqlite3_stmt *s, int i, struct slice text)
{
    /* A NULL pointer would bind NULL: an empty text is something else. */
    return db_err(sqlite3_bind_text64(s, i, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
                                      SQLITE_UTF8));
}

enum gh_err db_bind_blob(sqlite3_stmt *s, int i, struct slice bytes)
{
    return db_err(sqlite3_bind_blob64(s, i, bytes.ptr ? bytes.ptr : "", bytes.len, SQLITE_STATIC));
}

struct slice db_column(sqlite3_stmt *s, int i)
{
    /* Blob first, then bytes: this order does not convert a text. */
    const void *bytes = sqlite3_column_blob(s, i);
    int len = sqlite3_column_bytes(s, i);
    return bytes && len > 0 ? slice_make(bytes, (size_t)len) : slice_make("", 0);
}
