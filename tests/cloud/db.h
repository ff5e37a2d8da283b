/* A thin layer over SQLite: open, bind by format, step. Whatever fails is
 * printed on standard error with SQLite's words, and the caller answers 500. */
#ifndef CLOUD_DB_H
#define CLOUD_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "text.h"

enum step { STEP_ROW, STEP_DONE, STEP_FAILED };

/* Opens or creates the database and its tables; a commit is on the disk when
 * it returns. NULL with one line in why. */
sqlite3 *db_open(const char *path, char why[256]);
void db_close(sqlite3 *db);

/* Statements without parameters or results: BEGIN IMMEDIATE, COMMIT, … */
__attribute__((warn_unused_result)) bool db_run(sqlite3 *db, const char *sql);
void db_rollback(sqlite3 *db);

/* Prepares sql and binds one argument for each letter of format: t = const
 * char *, i = int64_t (cast what is not), b = struct bytes (stored as text),
 * h = const unsigned char * (32 bytes, stored as a blob), n = NULL (takes no
 * argument). What is bound must live until the statement is finalised or bound
 * anew. NULL on failure. Release with db_end, or declare it with DB_STMT. */
sqlite3_stmt *db_query(sqlite3 *db, const char *sql, const char *format, ...);
/* The same for a statement that is prepared already. */
__attribute__((warn_unused_result)) bool db_bind(sqlite3_stmt *stmt, const char *format, ...);
/* A NULL statement is STEP_FAILED, so that only the step needs a check. */
enum step db_step(sqlite3_stmt *stmt);
void db_end(sqlite3_stmt **stmt);
#define DB_STMT __attribute__((cleanup(db_end))) sqlite3_stmt

/* Columns; text columns are "" when NULL, and valid until the next step. */
const char *db_text(sqlite3_stmt *stmt, int column);
struct bytes db_bytes(sqlite3_stmt *stmt, int column);

#endif
