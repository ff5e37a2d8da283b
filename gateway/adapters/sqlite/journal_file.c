#include "journal_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "page_check.h"
#include "sql/journal.h"

#define BUSY_MS 1000

/* --- reading --------------------------------------------------------------- */

/* *layout: -1 = neither empty nor ours. */
static enum gh_err look(sqlite3 *db, int *layout)
{
    int64_t application = 0, version = 0, tables = 0;
    enum gh_err err = db_pragma(db, "PRAGMA application_id", &application);
    if (err == GH_OK)
        err = db_pragma(db, "PRAGMA user_version", &version);
    if (err == GH_OK)
        err = db_pragma(db, SQL_journal_tables, &tables);
    /* A header that makes no sense to SQLite; a disk that fails has other codes. */
    if (err == GH_IO && (sqlite3_errcode(db) & 0xff) == SQLITE_ERROR)
        return GH_CORRUPT;
    if (err != GH_OK)
        return err;
    bool is_ours = application == JOURNAL_APPLICATION_ID && version >= JOURNAL_LAYOUT_OLD &&
                   version <= JOURNAL_LAYOUT;
    bool is_empty = application == 0 && version == 0 && tables == 0;
    *layout = is_ours ? (int)version : is_empty ? 0 : -1;
    return GH_OK;
}

/* Of two places that one damaged bit cannot change both, the file's own number and
 * its reserved bytes say whether there are sums. */
static bool has_no_sums(sqlite3 *db, int layout)
{
    int reserved = -1; /* asks */
    return (layout == JOURNAL_LAYOUT_UNCHECKED || layout == JOURNAL_LAYOUT_OLD) &&
           sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved) == SQLITE_OK &&
           reserved == 0;
}

static enum gh_err read_as(sqlite3 **out, const char *path, enum db_mode mode, int busy_ms,
                           int *layout)
{
    sqlite3 *db = NULL;
    enum gh_err err = db_open(&db, path, mode, busy_ms);
    if (err == GH_OK)
        err = look(db, layout);
    bool fits = err == GH_OK && (mode == DB_READER ? *layout == JOURNAL_LAYOUT || *layout == 0
                                                   : has_no_sums(db, *layout));
    if (fits) {
        *out = db;
        return GH_OK;
    }
    db_close(db);
    return err == GH_OK ? GH_CORRUPT : err;
}

enum gh_err journal_file_read(sqlite3 **out, const char *path, int busy_ms, int *layout)
{
    sqlite3 *db = NULL;
    int found = -1;
    enum gh_err err = read_as(&db, path, DB_READER, busy_ms, &found);
    if (err == GH_CORRUPT)
        err = read_as(&db, path, DB_UNCHECKED_READER, busy_ms, &found);
    if (err != GH_OK)
        return err;
    *out = db;
    *layout = found;
    return GH_OK;
}

void journal_first_text(char out[JOURNAL_FIRST_TEXT], const char *stream, uint64_t seq)
{
    (void)snprintf(out, JOURNAL_FIRST_TEXT, "gatehouse-journal-first\n%s\n%llu", stream,
                   (unsigned long long)seq);
}

/* --- a suspicion ------------------------------------------------------------ */

static bool name_suspicion(char out[PATH_MAX], const char *folder)
{
    return (size_t)snprintf(out, PATH_MAX, "%s/journal.db-suspect", folder) < PATH_MAX;
}

void journal_file_suspect(const char *folder)
{
    char path[PATH_MAX];
    int fd = name_suspicion(path, folder) ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0660) : -1;
    if (fd >= 0)
        (void)close(fd);
}

bool journal_file_is_suspect(const char *folder)
{
    char path[PATH_MAX];
    return name_suspicion(path, folder) && access(path, F_OK) == 0;
}

void journal_file_clear(const char *folder)
{
    char path[PATH_MAX];
    if (name_suspicion(path, folder))
        (void)unlink(path);
}

/* --- converting ------------------------------------------------------------ */

/* The name of the copy as SQLite reads it in "VACUUM INTO". */
static bool name_for_copy(char *out, size_t size, const char *path)
{
    size_t len = (size_t)snprintf(out, size, "file:");
    for (; *path; path++) {
        bool is_plain = *path != '%' && *path != '?' && *path != '#';
        if (len + 4 > size)
            return false;
        len += (size_t)snprintf(out + len, size - len, is_plain ? "%c" : "%%%02X",
                                (unsigned char)*path);
    }
    int n = snprintf(out + len, size - len, "?vfs=" PAGE_CHECK_VFS);
    return n > 0 && (size_t)n < size - len;
}

static enum gh_err copy_rows(sqlite3 *db, const char *to)
{
    static const char *const sql[1] = {SQL_journal_copy};
    char name[3 * PATH_MAX + 32];
    sqlite3_stmt *s[1] = {NULL};
    int reserved = PAGE_SUM_BYTES;
    if (!name_for_copy(name, sizeof name, to))
        return GH_IO;
    enum gh_err err = db_exec(db, "BEGIN IMMEDIATE; ROLLBACK"); /* nobody writes */
    if (err == GH_OK)
        err = db_err(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved));
    if (err == GH_OK)
        err = db_prepare_all(db, s, sql, 1);
    if (err == GH_OK)
        err = db_bind_text(s[0], 1, slice_of(name));
    if (err == GH_OK)
        err = db_run(s[0]);
    db_finalize_all(s, 1);
    return err;
}

static enum gh_err make_copy(const char *from, const char *to)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    enum gh_err err = db_create_file(to);
    if (err == GH_OK)
        err = page_check_register();
    if (err == GH_OK)
        err = db_err(sqlite3_open_v2(from, &db, flags, NULL));
    if (err == GH_OK)
        err = db_err(sqlite3_extended_result_codes(db, 1));
    if (err == GH_OK)
        err = db_err(sqlite3_busy_timeout(db, BUSY_MS));
    if (err == GH_OK)
        err = copy_rows(db, to);
    db_close(db); /* copies its log back */
    return err;
}

/* Its log is copied back, and all of it synced, when it is closed. */
static enum gh_err finish_copy(const char *path, int layout)
{
    DB_CLOSES sqlite3 *db = NULL;
    enum gh_err err = db_open(&db, path, DB_WRITER, BUSY_MS);
    if (err == GH_OK)
        err = db_exec(db, "BEGIN IMMEDIATE");
    if (err == GH_OK && layout == JOURNAL_LAYOUT_OLD)
        err = db_exec(db, SQL_journal_upgrade_1);
    if (err == GH_OK)
        err = db_exec(db, SQL_journal_upgrade_2);
    return err == GH_OK ? db_exec(db, "COMMIT") : err;
}

static void remove_copy(const char *copy)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if ((size_t)snprintf(path, sizeof path, "%s%s", copy, suffixes[i]) < sizeof path)
            (void)unlink(path);
}

static bool has_log(const char *path)
{
    char log[PATH_MAX];
    return (size_t)snprintf(log, sizeof log, "%s-wal", path) >= sizeof log ||
           access(log, F_OK) == 0;
}

static enum gh_err sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return GH_IO;
    int failed = fsync(fd);
    (void)close(fd);
    return failed ? GH_IO : GH_OK;
}

static enum gh_err convert(const char *path, const char *copy, int layout)
{
    enum gh_err err = make_copy(path, copy);
    if (err == GH_OK)
        err = finish_copy(copy, layout);
    /* A log that is left of either means that somebody has it open. */
    if (err == GH_OK && (has_log(path) || has_log(copy)))
        err = GH_RETRY;
    if (err == GH_OK)
        err = sync_file(copy);
    if (err == GH_OK && rename(copy, path) != 0)
        err = GH_IO;
    return err;
}

enum gh_err journal_file_convert(const char *folder, int layout)
{
    char path[PATH_MAX], copy[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/journal.db", folder) >= sizeof path ||
        (size_t)snprintf(copy, sizeof copy, "%s/journal.db-checked", folder) >= sizeof copy)
        return GH_IO;
    remove_copy(copy);
    enum gh_err err = convert(path, copy, layout);
    if (err != GH_OK) {
        remove_copy(copy);
        return err;
    }
    return db_sync_folder_of(path);
}
