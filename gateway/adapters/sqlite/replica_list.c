/* What stands in a replica, for a person. */
#include "db.h"
#include "replica_reader.h"
#include "replica_schema.h"
#include "sql/replica_reader.h"

#define BUSY_MS 1000

enum gh_err replica_each_reader(const char *path, void (*each)(void *context, struct slice id),
                                void *context)
{
    static const char *const sql[1] = {SQL_reader_list};
    DB_CLOSES sqlite3 *db = NULL;
    sqlite3_stmt *st[1] = {NULL};
    bool fresh = false, row = false;
    enum gh_err err = db_open(&db, path, DB_READER, BUSY_MS);
    if (err == GH_OK)
        err = replica_schema_check(db, &fresh);
    if (err == GH_OK && fresh)
        err = GH_NOT_FOUND;
    if (err == GH_OK)
        err = db_prepare_all(db, st, sql, 1);
    while (err == GH_OK && (err = db_step(st[0], &row)) == GH_OK && row)
        each(context, db_column(st[0], 0));
    db_finalize_all(st, 1);
    return err;
}
