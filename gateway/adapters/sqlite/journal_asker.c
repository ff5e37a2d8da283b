/* The connection by which the loop asks journal.db for repeats and for what is kept. */
#include <limits.h>
#include <stdio.h>

#include "journal_internal.h"
#include "sql/journal.h"

#define ASKER_BUSY_MS 0 /* a door waits for no lock */

static enum gh_err load_repeats(struct journal_db *db)
{
    static const char *const sql[1] = {SQL_journal_repeat_keys};
    sqlite3_stmt *st[1] = {NULL};
    int64_t now_ms = journal_boot_ms();
    bool row = false;
    enum gh_err err = db_prepare_all(db->asker, st, sql, 1);
    if (err == GH_OK)
        err = db_step(st[0], &row);
    while (err == GH_OK && row) {
        repeat_set_add(&db->repeats, db_column(st[0], 0), db_column(st[0], 1), now_ms);
        err = db_step(st[0], &row);
    }
    db_finalize_all(st, 1);
    return err;
}

enum gh_err journal_asker_open(struct journal_db *db)
{
    static const char *const sql[1] = {SQL_journal_repeat_find};
    char path[PATH_MAX];
    int layout = 0;
    int n = snprintf(path, sizeof path, "%s/journal.db", db->folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return GH_IO;
    enum gh_err err = journal_file_read(&db->asker, path, ASKER_BUSY_MS, &layout);
    if (err == GH_OK)
        err = db_prepare_all(db->asker, db->find, sql, 1);
    if (err != GH_OK)
        return err;
    /* A table that cannot be read now fails the reads that need it, not the start. */
    if (load_repeats(db) != GH_OK)
        repeat_set_add_unknown(&db->repeats, journal_boot_ms());
    return GH_OK;
}
