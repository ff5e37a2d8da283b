#include "journal_salvage.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "journal_file.h"
#include "kept_map.h"
#include "sql/journal.h"
#include "tail.h"

#define KEEP_TRIES 30 /* of a settle each, where the fresh journal has no room */

struct salvage {
    struct kept_map map;
    uint64_t newest, moved_number; /* of the database; 0 = not known */
    uint64_t run_from, run_to;     /* of the tail: the newest records without a gap between */
    enum gh_err err;              /* of our memory */
};

/* --- reading -------------------------------------------------------------------------------- */

static enum gh_err add(struct salvage *s, struct slice key, struct slice value)
{
    struct changes one = {.len = 0};
    if (key.len == 0 || key.len > CHANGE_KEY_MAX || value.len > CHANGE_VALUE_MAX)
        return GH_OK; /* none of ours */
    enum gh_err err = changes_add(&one, key, value);
    if (err == GH_OK)
        err = kept_map_apply(&s->map, changes_slice(&one));
    s->err = err;
    return err;
}

static enum gh_err read_rows(struct salvage *s, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st[1] = {NULL};
    bool row = false;
    enum gh_err err = db_prepare_all(db, st, &sql, 1);
    while (err == GH_OK && (err = db_step(st[0], &row)) == GH_OK && row && s->err == GH_OK)
        (void)add(s, db_column(st[0], 0), db_column(st[0], 1));
    db_finalize_all(st, 1);
    return err;
}

static enum gh_err read_numbers(struct salvage *s, sqlite3 *db)
{
    static const char *const sql[2] = {SQL_journal_bounds, SQL_journal_kept_number};
    sqlite3_stmt *st[2] = {NULL, NULL};
    enum gh_err err = db_prepare_all(db, st, sql, 2);
    if (err == GH_OK)
        err = db_one(st[0]);
    if (err == GH_OK)
        s->newest = (uint64_t)sqlite3_column_int64(st[0], 1);
    if (err == GH_OK)
        err = db_one(st[1]);
    if (err == GH_OK)
        s->moved_number = (uint64_t)sqlite3_column_int64(st[1], 0);
    db_finalize_all(st, 2);
    return err;
}

/* True: all of it. */
static bool read_database(struct salvage *s, const char *path)
{
    DB_CLOSES sqlite3 *db = NULL;
    int layout = 0;
    if (journal_file_read(&db, path, 0, &layout) != GH_OK)
        return false;
    if (layout == JOURNAL_LAYOUT_OLD || layout == 0)
        return layout != 0;
    bool has_rows = read_rows(s, db, SQL_journal_kept_all) == GH_OK;
    /* From the other end as far as the damage. */
    if (!has_rows)
        (void)!read_rows(s, db, SQL_journal_kept_back);
    return read_numbers(s, db) == GH_OK && has_rows;
}

static bool note_run(void *context, const struct record *r)
{
    struct salvage *s = context;
    if (s->run_to == 0 || r->number != s->run_to + 1)
        s->run_from = r->number;
    s->run_to = r->number;
    return false;
}

/* As a start judges them (tail.h). Where the database does not say what it has: those that lead up to
 * the newest, since with older ones an older value would come back. */
static bool take_record(void *context, const struct record *r)
{
    struct salvage *s = context;
    bool counts = record_has(r, RECORD_HAS_EVENT)
                      ? r->seq > s->newest
                      : r->seq >= s->newest && r->number > s->moved_number;
    if (counts && r->number >= s->run_from && record_has(r, RECORD_HAS_CHANGES) && s->err == GH_OK)
        s->err = kept_map_apply(&s->map, r->changes);
    return false; /* it is not written again */
}

/* --- writing -------------------------------------------------------------------------------- */

struct keeping {
    struct journal_db *db;
    struct changes list;
    enum gh_err err;
};

static void keep_list(struct keeping *k)
{
    struct journal port = journal_db_port(k->db);
    k->err = port.ops->keep(port.self, changes_slice(&k->list));
    for (int i = 0; k->err == GH_FULL && i < KEEP_TRIES; i++) {
        journal_db_settle(k->db);
        k->err = port.ops->keep(port.self, changes_slice(&k->list));
    }
    k->list.len = 0;
}

static bool keep_one(void *context, struct slice key, struct slice value)
{
    struct keeping *k = context;
    if (changes_add(&k->list, key, value) == GH_OK)
        return true;
    keep_list(k);
    if (k->err == GH_OK)
        k->err = changes_add(&k->list, key, value);
    return k->err == GH_OK;
}

enum gh_err journal_salvage(struct journal_db *fresh, const char *database, const char *tail,
                            bool *whole)
{
    struct salvage s = {.err = GH_OK};
    struct keeping k = {.db = fresh};
    char shared[PATH_MAX];
    *whole = read_database(&s, database);
    /* What reading it made. */
    if ((size_t)snprintf(shared, sizeof shared, "%s-shm", database) < sizeof shared)
        (void)!unlink(shared);
    enum gh_err err = tail_look(tail, UINT64_MAX - 1, note_run, &s);
    if (err == GH_OK)
        err = tail_look(tail, UINT64_MAX - 1, take_record, &s);
    if (err != GH_OK && err != GH_NOT_FOUND)
        *whole = false;
    err = s.err;
    if (err == GH_OK && kept_map_each(&s.map, keep_one, &k))
        keep_list(&k);
    kept_map_clear(&s.map);
    return err == GH_OK ? k.err : GH_IO;
}
