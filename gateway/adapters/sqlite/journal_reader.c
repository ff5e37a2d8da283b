/* Reading events for upload and for people: a connection that only reads. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "db.h"
#include "journal_db.h"
#include "journal_file.h"
#include "sql/journal.h"

struct journal_reader {
    sqlite3 *db;
    sqlite3_stmt *read[1];
    bool keeps; /* its layout has the table */
};

static enum gh_err reader_connect(struct journal_reader *r, const char *path)
{
    static const char *const sql[1] = {SQL_journal_read};
    int layout = 0;
    enum gh_err err = journal_file_read(&r->db, path, 1000, &layout);
    if (err == GH_OK && layout == 0)
        err = GH_CORRUPT;
    if (err != GH_OK)
        return err;
    /* Events are the same in all layouts. */
    r->keeps = layout != JOURNAL_LAYOUT_OLD;
    return db_prepare_all(r->db, r->read, sql, 1);
}

enum gh_err journal_reader_open(struct journal_reader **out, const char *folder)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/journal.db", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return GH_IO;
    struct journal_reader *r = calloc(1, sizeof *r);
    if (!r)
        return GH_IO;
    enum gh_err err = reader_connect(r, path);
    if (err != GH_OK) {
        journal_reader_close(r);
        return err;
    }
    *out = r;
    return GH_OK;
}

enum gh_err journal_reader_each(struct journal_reader *r, uint64_t after, uint64_t limit,
                                size_t max_bytes,
                                bool (*each)(void *context, uint64_t seq, struct slice event),
                                void *context)
{
    /* The read transaction must end with the call: one that is forgotten keeps
     * the log from being copied back, and it grows without end. */
    DB_RESETS sqlite3_stmt *st = r->read[0];
    size_t room = max_bytes;
    bool row = false, first = true;
    int64_t rows = limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
    if (after >= INT64_MAX)
        return GH_OK;
    enum gh_err err = db_bind_int(st, 1, (int64_t)after);
    if (err == GH_OK)
        err = db_bind_int(st, 2, rows);
    while (err == GH_OK && (err = db_step(st, &row)) == GH_OK && row) {
        struct slice event = db_column(st, 1);
        if (!first && event.len > room)
            return GH_OK;
        first = false;
        room -= event.len < room ? event.len : room;
        if (!each(context, (uint64_t)sqlite3_column_int64(st, 0), event))
            return GH_OK;
    }
    return err;
}

enum gh_err journal_reader_kept(struct journal_reader *r,
                                bool (*each)(void *context, struct slice key, struct slice value),
                                void *context)
{
    static const char *const sql[1] = {SQL_journal_kept_all};
    sqlite3_stmt *st[1] = {NULL};
    bool row = false, goes_on = true;
    if (!r->keeps)
        return GH_OK;
    enum gh_err err = db_prepare_all(r->db, st, sql, 1);
    while (err == GH_OK && goes_on && (err = db_step(st[0], &row)) == GH_OK && row)
        goes_on = each(context, db_column(st[0], 0), db_column(st[0], 1));
    db_finalize_all(st, 1);
    return err;
}

void journal_reader_close(struct journal_reader *r)
{
    if (!r)
        return;
    db_finalize_all(r->read, 1);
    db_close(r->db);
    free(r);
}
