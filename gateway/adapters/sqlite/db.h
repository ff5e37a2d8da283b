/* SQLite connections and statements, as every database of this folder uses
 * them: one connection writes and checkpoints, all others only read. All of
 * them see only pages that are as they were written (page_check.h). */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_DB_H
#define GATEHOUSE_ADAPTERS_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

/* DB_WRITER: the one connection that may write and checkpoint; the file must
 * exist (db_create_file). WAL, synchronous FULL. DB_READER: opened read-write,
 * as WAL needs it for its shared memory, but query_only; never checkpoints,
 * also not when closed. DB_UNCHECKED_...: the same without page sums, for a file
 * from before there were any, and for no other. */
enum db_mode { DB_WRITER, DB_READER, DB_UNCHECKED_WRITER, DB_UNCHECKED_READER };

/* The class of a result code, plain or extended. BUSY, LOCKED: GH_RETRY;
 * FULL: GH_FULL; CORRUPT, NOTADB, extended IOERR_DATA: GH_CORRUPT; OK, ROW, DONE: GH_OK; CONSTRAINT:
 * GH_INVALID; anything else: GH_IO. */
enum gh_err db_err(int code);

/* Makes an empty file of mode 0660 whatever the umask, and makes its name
 * durable. GH_OK also if it exists already: then it is not even opened, since
 * closing any descriptor of a database drops this process's locks on it. GH_IO. */
GH_MUST_CHECK enum gh_err db_create_file(const char *path);

/* Syncs the folder that holds path, so that a new or renamed name lasts. GH_IO. */
GH_MUST_CHECK enum gh_err db_sync_folder_of(const char *path);

/* Opens path for one thread; a locked database is waited for busy_ms. Returns
 * owned in *out; close with db_close. GH_NOT_FOUND: no such file (reader). */
GH_MUST_CHECK enum gh_err db_open(sqlite3 **out, const char *path, enum db_mode mode, int busy_ms);
void db_close(sqlite3 *db); /* NULL is allowed; statements must be finalized */

/* Runs statements that give no rows. */
GH_MUST_CHECK enum gh_err db_exec(sqlite3 *db, const char *sql);

/* Reads a PRAGMA that gives one integer, e.g. "PRAGMA user_version". */
GH_MUST_CHECK enum gh_err db_pragma(sqlite3 *db, const char *sql, int64_t *out);

/* Prepares n statements into out, once for the life of the connection. On
 * failure none is left. */
GH_MUST_CHECK enum gh_err db_prepare_all(sqlite3 *db, sqlite3_stmt **out, const char *const *sql,
                                         size_t n);
/* Finalizes and clears; NULL entries are allowed. */
void db_finalize_all(sqlite3_stmt **statements, size_t n);

/* Steps: *row says whether there is one. Without a row, and on failure, the
 * statement is reset and its bindings are cleared. */
GH_MUST_CHECK enum gh_err db_step(sqlite3_stmt *s, bool *row);
/* Steps a statement that gives no rows, to its end. */
GH_MUST_CHECK enum gh_err db_run(sqlite3_stmt *s);
/* Steps a statement that must give a row; GH_NOT_FOUND if it does not. */
GH_MUST_CHECK enum gh_err db_one(sqlite3_stmt *s);
/* Ends the use of a statement: resets it and clears its bindings. */
void db_reset(sqlite3_stmt *s);

/* Binding fails only for want of memory or by a bug of ours; then the step
 * that follows would run with NULL, so it must be checked. Bytes are borrowed
 * until db_reset. */
GH_MUST_CHECK enum gh_err db_bind_int(sqlite3_stmt *s, int i, int64_t value);
GH_MUST_CHECK enum gh_err db_bind_text(sqlite3_stmt *s, int i, struct slice text);
GH_MUST_CHECK enum gh_err db_bind_blob(sqlite3_stmt *s, int i, struct slice bytes);

/* A column's bytes, text or blob; borrowed until the next step or reset. An
 * empty slice for NULL. */
struct slice db_column(sqlite3_stmt *s, int i);

/* For locals: resets at the end of the scope. */
static inline void db_reset_cleanup(sqlite3_stmt **s)
{
    db_reset(*s);
}
static inline void db_close_cleanup(sqlite3 **db)
{
    db_close(*db);
}
#define DB_RESETS __attribute__((cleanup(db_reset_cleanup)))
#define DB_CLOSES __attribute__((cleanup(db_close_cleanup)))

#endif
