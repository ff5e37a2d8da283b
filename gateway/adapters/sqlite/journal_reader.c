/* Reading events for upload and for people: a connection that only reads. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "db.h"
#include "journal_db.h"
#include "journal_file.h"
#include "journal_store.h"
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

static enum gh_err read_begin(struct journal_reader *r, struct journal_first *first,
                              sqlite3_stmt *const *st)
{
    DB_RESETS sqlite3_stmt *meta = st[0];
    enum gh_err err = db_one(meta);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_CORRUPT : err;
    char stream[STORE_STREAM + 1];
    (void)snprintf(stream, sizeof stream, "%.*s", (int)db_column(meta, 0).len, db_column(meta, 0).ptr);
    first->acked_seq = (uint64_t)sqlite3_column_int64(meta, 1);
    first->seq = 1;
    if (!r->keeps)
        return GH_OK;
    DB_RESETS sqlite3_stmt *get = st[1];
    bool row = false;
    err = db_step(get, &row);
    struct slice value = err == GH_OK && row ? db_column(get, 0) : slice_make("", 0);
    if (err != GH_OK || !row)
        return err;
    first->has_seal = true;
    if (value.len == 8 + JOURNAL_SEAL_BYTES) {
        first->seq = record_get64((const unsigned char *)value.ptr);
        memcpy(first->seal, value.ptr + 8, JOURNAL_SEAL_BYTES);
    }
    journal_first_text(first->text, stream, first->seq);
    return GH_OK;
}

enum gh_err journal_reader_first(struct journal_reader *r, struct journal_first *out)
{
    static const char *const sql[2] = {SQL_journal_meta, SQL_journal_first_get};
    sqlite3_stmt *st[2] = {NULL, NULL};
    struct journal_first first = {.seq = 0};
    size_t n = r->keeps ? 2 : 1; /* without the table there is no statement on it */
    enum gh_err err = db_prepare_all(r->db, st, sql, n);
    if (err == GH_OK)
        err = read_begin(r, &first, st);
    db_finalize_all(st, n);
    if (err == GH_OK)
        *out = first;
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
