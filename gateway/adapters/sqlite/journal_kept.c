/* What is kept now: the database's table, under the changes that wait in the
 * queue. */
#include "journal_internal.h"
#include "kept_map.h"
#include "sql/journal.h"

/* All changes in the queue, oldest first. */
static enum gh_err gather_queued(struct journal_db *db, struct kept_map *out)
{
    enum gh_err err = GH_OK;
    (void)pthread_mutex_lock(&db->lock);
    for (const struct journal_item *i = db->queue.oldest; i && err == GH_OK; i = i->next)
        if (record_has(&i->record, RECORD_HAS_CHANGES))
            err = kept_map_apply(out, i->record.changes);
    (void)pthread_mutex_unlock(&db->lock);
    return err;
}

/* The rows whose keys the queue does not know. *more turns false if each stops. */
static enum gh_err each_stored(sqlite3 *asker, const struct kept_map *queued,
                               bool (*each)(void *context, struct slice key, struct slice value),
                               void *context, bool *more)
{
    static const char *const sql[1] = {SQL_journal_kept_all};
    sqlite3_stmt *st[1] = {NULL};
    struct slice ignored;
    int64_t layout = 0;
    bool row = false;
    enum gh_err err = db_pragma(asker, "PRAGMA user_version", &layout);
    /* The thread has not upgraded it yet, and then nothing of the queue either
     * is in there. */
    if (err != GH_OK || layout == JOURNAL_LAYOUT_OLD)
        return err;
    err = db_prepare_all(asker, st, sql, 1);
    if (err == GH_OK)
        err = db_step(st[0], &row);
    while (err == GH_OK && row && *more) {
        struct slice key = db_column(st[0], 0);
        if (!kept_map_find(queued, key, &ignored))
            *more = each(context, key, db_column(st[0], 1));
        if (*more)
            err = db_step(st[0], &row);
    }
    db_finalize_all(st, 1);
    return err;
}

enum gh_err journal_kept_each(struct journal_db *db,
                              bool (*each)(void *context, struct slice key, struct slice value),
                              void *context)
{
    struct kept_map queued = {0};
    bool more = true;
    /* First the queue, then the database: records only move that way. What the
     * thread moves in between is the same in both. */
    enum gh_err err = gather_queued(db, &queued);
    if (err == GH_OK)
        err = each_stored(db->asker, &queued, each, context, &more);
    if (err == GH_OK && more)
        (void)kept_map_each(&queued, each, context);
    kept_map_clear(&queued);
    return err == GH_OK ? GH_OK : GH_IO;
}
