#include "journal_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "db.h"
#include "page_check.h"
#include "sql/journal.h"

/* Rows that one transaction takes away beyond what the cap asks for are a part
 * of the cap, so that one loss on record covers many events. */
#define PRUNE_PART 100
#define PRUNE_MIN 100
#define PRUNE_MAX 20000
#define PURGE_ROWS 200

enum statement {
    ST_META,
    ST_META_UPDATE,
    ST_BOUNDS,
    ST_NEWEST,
    ST_EVENT_INSERT,
    ST_EVENT_RANGE,
    ST_EVENT_DELETE,
    ST_LOST_INSERT,
    ST_LOST_UNTOLD,
    ST_LOST_TOLD,
    ST_LOST_FORGET,
    ST_REPEAT_PUT,
    ST_REPEAT_ANSWERED,
    ST_REPEAT_PURGE,
    ST_REPEAT_PURGE_OTHER,
    ST_KEPT_NUMBER, /* from here on: not before the file has the new layout */
    ST_KEPT_NUMBER_UPDATE,
    ST_KEPT_PUT,
    ST_KEPT_FORGET,
    ST_COUNT,
};
#define ST_OLD_COUNT ST_KEPT_NUMBER

static const char *const statement_sql[ST_COUNT] = {
    [ST_META] = SQL_journal_meta,
    [ST_META_UPDATE] = SQL_journal_meta_update,
    [ST_BOUNDS] = SQL_journal_bounds,
    [ST_NEWEST] = SQL_journal_newest,
    [ST_EVENT_INSERT] = SQL_journal_event_insert,
    [ST_EVENT_RANGE] = SQL_journal_event_range,
    [ST_EVENT_DELETE] = SQL_journal_event_delete,
    [ST_LOST_INSERT] = SQL_journal_lost_insert,
    [ST_LOST_UNTOLD] = SQL_journal_lost_untold,
    [ST_LOST_TOLD] = SQL_journal_lost_told,
    [ST_LOST_FORGET] = SQL_journal_lost_forget,
    [ST_REPEAT_PUT] = SQL_journal_repeat_put,
    [ST_REPEAT_ANSWERED] = SQL_journal_repeat_answered,
    [ST_REPEAT_PURGE] = SQL_journal_repeat_purge,
    [ST_REPEAT_PURGE_OTHER] = SQL_journal_repeat_purge_other,
    [ST_KEPT_NUMBER] = SQL_journal_kept_number,
    [ST_KEPT_NUMBER_UPDATE] = SQL_journal_kept_number_update,
    [ST_KEPT_PUT] = SQL_journal_kept_put,
    [ST_KEPT_FORGET] = SQL_journal_kept_forget,
};

struct journal_store {
    sqlite3 *db;
    sqlite3_stmt *st[ST_COUNT];
    struct store_state state;     /* as it will be after the commit */
    struct store_state committed; /* as it is */
    struct journal_seal seal;
    bool meta_changed;
    int wal_pages;
};

/* --- opening ------------------------------------------------------------ */

/* Whether the file is a journal, before anything in it is touched. */
static enum gh_err identify(const char *path, int *layout)
{
    DB_CLOSES sqlite3 *db = NULL;
    return journal_file_read(&db, path, 1000, layout);
}

static enum gh_err random_stream(char out[STORE_STREAM + 1])
{
    unsigned char bytes[STORE_STREAM / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return GH_IO;
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[STORE_STREAM] = '\0';
    return GH_OK;
}

static enum gh_err make_tables(sqlite3 *db)
{
    static const char *const insert[1] = {SQL_journal_meta_insert};
    sqlite3_stmt *s[1] = {NULL};
    char stream[STORE_STREAM + 1];
    enum gh_err err = random_stream(stream);
    if (err == GH_OK)
        err = db_exec(db, "BEGIN IMMEDIATE");
    if (err != GH_OK)
        return err;
    err = db_exec(db, SQL_journal_schema);
    if (err == GH_OK)
        err = db_prepare_all(db, s, insert, 1);
    if (err == GH_OK)
        err = db_bind_text(s[0], 1, slice_of(stream));
    if (err == GH_OK)
        err = db_run(s[0]);
    db_finalize_all(s, 1);
    /* What this fails to undo goes when the caller closes the connection. */
    return err == GH_OK ? db_exec(db, "COMMIT") : err;
}

static enum gh_err load_meta(struct journal_store *s)
{
    DB_RESETS sqlite3_stmt *meta = s->st[ST_META];
    enum gh_err err = db_one(meta);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_CORRUPT : err;
    struct slice stream = db_column(meta, 0);
    if (stream.len != STORE_STREAM || memchr(stream.ptr, '\0', stream.len))
        return GH_CORRUPT;
    memcpy(s->state.stream, stream.ptr, STORE_STREAM);
    s->state.stream[STORE_STREAM] = '\0';
    s->state.acked_seq = (uint64_t)sqlite3_column_int64(meta, 1);
    s->state.lost_total = (uint64_t)sqlite3_column_int64(meta, 2);
    return GH_OK;
}

static enum gh_err load_bounds(struct journal_store *s)
{
    DB_RESETS sqlite3_stmt *bounds = s->st[ST_BOUNDS];
    enum gh_err err = db_one(bounds);
    if (err != GH_OK)
        return err;
    /* NULL reads as 0. */
    int64_t first = sqlite3_column_int64(bounds, 0), newest = sqlite3_column_int64(bounds, 1);
    int64_t lost = sqlite3_column_int64(bounds, 2);
    if (first < 0 || newest < 0 || lost < 0)
        return GH_CORRUPT;
    s->state.first_seq = (uint64_t)first;
    s->state.event_seq = (uint64_t)newest;
    s->state.newest_seq = (uint64_t)(lost > newest ? lost : newest);
    return GH_OK;
}

static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct journal_store *)context)->wal_pages = pages;
    return SQLITE_OK;
}

/* Prepares statements first..end - 1, unless they are already. */
static enum gh_err prepare(struct journal_store *s, enum statement first, enum statement end)
{
    if (s->st[first])
        return GH_OK;
    enum gh_err err = db_prepare_all(s->db, s->st + first, statement_sql + first, end - first);
    if (err != GH_OK && sqlite3_extended_errcode(s->db) == SQLITE_ERROR)
        return GH_CORRUPT; /* our name on it, but not our tables */
    return err;
}

static enum gh_err load_moved_number(struct journal_store *s)
{
    DB_RESETS sqlite3_stmt *st = s->st[ST_KEPT_NUMBER];
    enum gh_err err = db_one(st);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_CORRUPT : err;
    int64_t number = sqlite3_column_int64(st, 0);
    /* The numbers after it have to have room in an integer as well. */
    if (number < 0 || number > INT64_MAX / 2)
        return GH_CORRUPT;
    s->state.moved_number = (uint64_t)number;
    return GH_OK;
}

static bool has_kept(const struct journal_store *s)
{
    return s->state.layout != JOURNAL_LAYOUT_OLD;
}

static enum gh_err store_connect(struct journal_store *s, const char *path, bool fresh)
{
    bool has_sums = s->state.layout == JOURNAL_LAYOUT;
    enum gh_err err = db_open(&s->db, path, has_sums ? DB_WRITER : DB_UNCHECKED_WRITER, 1000);
    if (err != GH_OK)
        return err;
    /* In place of SQLite's own checkpoints, which would delay a commit. */
    (void)sqlite3_wal_hook(s->db, on_commit, s);
    err = db_exec(s->db, "PRAGMA journal_size_limit = 8388608");
    if (err == GH_OK && fresh)
        err = make_tables(s->db);
    if (err != GH_OK)
        return err;
    err = prepare(s, 0, ST_OLD_COUNT);
    if (err == GH_OK)
        err = load_meta(s);
    if (err == GH_OK)
        err = load_bounds(s);
    if (err == GH_OK && has_kept(s))
        err = prepare(s, ST_OLD_COUNT, ST_COUNT);
    if (err == GH_OK && has_kept(s))
        err = load_moved_number(s);
    s->committed = s->state;
    return err;
}

enum gh_err store_open(struct journal_store **out, const char *folder, bool create)
{
    char path[PATH_MAX];
    int layout = 0;
    int n = snprintf(path, sizeof path, "%s/journal.db", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return GH_IO;
    enum gh_err err = create ? db_create_file(path) : GH_OK;
    if (err == GH_OK)
        err = identify(path, &layout);
    if (err == GH_OK && layout == 0 && !create)
        err = GH_CORRUPT;
    if (err != GH_OK)
        return err;

    struct journal_store *s = calloc(1, sizeof *s);
    if (!s)
        return GH_IO;
    s->state.layout = layout ? layout : JOURNAL_LAYOUT;
    err = store_connect(s, path, layout == 0);
    if (err != GH_OK) {
        store_close(s);
        return err;
    }
    *out = s;
    return GH_OK;
}

void store_close(struct journal_store *s)
{
    if (!s)
        return;
    db_finalize_all(s->st, ST_COUNT);
    db_close(s->db);
    free(s);
}

void store_seal_with(struct journal_store *s, const struct journal_seal *seal)
{
    s->seal = *seal;
}

const struct store_state *store_state(const struct journal_store *s)
{
    return &s->state;
}

enum gh_err store_newest(struct journal_store *s, char out[EVENT_JSON_MAX], size_t *len)
{
    DB_RESETS sqlite3_stmt *newest = s->st[ST_NEWEST];
    bool row = false;
    enum gh_err err = db_step(newest, &row);
    if (err != GH_OK)
        return err;
    struct slice body = row ? db_column(newest, 1) : slice_make("", 0);
    if (row && (body.len == 0 || body.len > EVENT_JSON_MAX))
        return GH_CORRUPT;
    memcpy(out, body.ptr, body.len);
    *len = body.len;
    return GH_OK;
}

/* --- transactions ------------------------------------------------------- */

/* Here and not when it is opened: the journal starts, on its tail, also where
 * the disk has no room for this. */
static enum gh_err upgrade(struct journal_store *s)
{
    enum gh_err err = db_exec(s->db, SQL_journal_upgrade_1);
    if (err != GH_OK && sqlite3_errcode(s->db) == SQLITE_ERROR)
        return GH_CORRUPT; /* it has some of that already, so it is none of ours */
    if (err == GH_OK)
        err = prepare(s, ST_OLD_COUNT, ST_COUNT);
    if (err == GH_OK)
        s->state.layout = JOURNAL_LAYOUT_UNCHECKED;
    return err;
}

enum gh_err store_begin(struct journal_store *s)
{
    enum gh_err err = db_exec(s->db, "BEGIN IMMEDIATE");
    if (err != GH_OK || has_kept(s))
        return err;
    err = upgrade(s);
    if (err != GH_OK)
        store_drop(s);
    return err;
}

/* Runs a statement with up to three integers. */
static enum gh_err run_ints(sqlite3_stmt *st, const int64_t *values, int n)
{
    for (int i = 0; i < n; i++) {
        enum gh_err err = db_bind_int(st, i + 1, values[i]);
        if (err != GH_OK)
            return err;
    }
    return db_run(st);
}

static enum gh_err put_event(struct journal_store *s, const struct record *r)
{
    sqlite3_stmt *st = s->st[ST_EVENT_INSERT];
    enum gh_err err = db_bind_int(st, 1, (int64_t)r->seq);
    if (err == GH_OK)
        err = db_bind_blob(st, 2, r->event);
    if (err == GH_OK)
        err = db_run(st);
    if (err != GH_OK)
        return err;
    s->state.event_seq = s->state.newest_seq = r->seq;
    if (s->state.first_seq == 0)
        s->state.first_seq = r->seq;
    return GH_OK;
}

static enum gh_err put_repeat(struct journal_store *s, const struct record_repeat *r,
                              int64_t boot_ms)
{
    sqlite3_stmt *st = s->st[ST_REPEAT_PUT];
    const char *const texts[5] = {r->reader.s, r->read_id.s, r->door.s, r->decision, r->reason};
    const int64_t numbers[5] = {(int64_t)r->boot, r->at_ms, r->release_ms, r->answered, boot_ms};
    enum gh_err err = GH_OK;
    for (int i = 0; i < 5 && err == GH_OK; i++)
        err = db_bind_text(st, i + 1, slice_of(texts[i]));
    for (int i = 0; i < 5 && err == GH_OK; i++)
        err = db_bind_int(st, i + 6, numbers[i]);
    return err == GH_OK ? db_run(st) : err;
}

static enum gh_err put_answered(struct journal_store *s, const struct record_repeat *r)
{
    sqlite3_stmt *st = s->st[ST_REPEAT_ANSWERED];
    enum gh_err err = db_bind_text(st, 1, slice_of(r->reader.s));
    if (err == GH_OK)
        err = db_bind_text(st, 2, slice_of(r->read_id.s));
    return err == GH_OK ? db_run(st) : err;
}

static enum gh_err put_change(struct journal_store *s, const struct change *change)
{
    sqlite3_stmt *st = s->st[change->value.ptr ? ST_KEPT_PUT : ST_KEPT_FORGET];
    enum gh_err err = db_bind_blob(st, 1, change->key);
    if (err == GH_OK && change->value.ptr)
        err = db_bind_blob(st, 2, change->value);
    return err == GH_OK ? db_run(st) : err;
}

static enum gh_err put_changes(struct journal_store *s, struct slice list)
{
    struct change change;
    enum gh_err err = GH_OK;
    while (err == GH_OK && changes_next(&list, &change))
        err = put_change(s, &change);
    return err;
}

static enum gh_err put_new_event(struct journal_store *s, const struct record *r, int64_t boot_ms)
{
    enum gh_err err = store_lose_up_to(s, r->seq - 1);
    if (err == GH_OK)
        err = put_event(s, r);
    if (err == GH_OK && record_has(r, RECORD_HAS_REPEAT))
        err = put_repeat(s, &r->repeat, boot_ms);
    if (err == GH_OK && r->changes.len > 0)
        err = put_changes(s, r->changes);
    if (err == GH_OK && r->number <= s->state.moved_number)
        s->state.moved_number = 0; /* not left by these records: tail.h */
    return err;
}

enum gh_err store_put(struct journal_store *s, const struct record *r, int64_t boot_ms)
{
    enum gh_err err = GH_OK;
    if (r->kind == RECORD_ANSWERED)
        err = put_answered(s, &r->repeat);
    else if (r->kind != RECORD_KEEP && r->seq > s->state.newest_seq)
        err = put_new_event(s, r, boot_ms);
    else if (r->kind == RECORD_KEEP && r->number > s->state.moved_number)
        err = put_changes(s, r->changes);
    if (err == GH_OK && r->number > s->state.moved_number)
        s->state.moved_number = r->number;
    return err;
}

static enum gh_err put_lost(struct journal_store *s, uint64_t from, uint64_t to, uint64_t events)
{
    const int64_t range[2] = {(int64_t)from, (int64_t)to};
    enum gh_err err = run_ints(s->st[ST_LOST_INSERT], range, 2);
    if (err != GH_OK)
        return err;
    s->state.lost_total += events;
    s->meta_changed = true;
    return GH_OK;
}

enum gh_err store_lose_up_to(struct journal_store *s, uint64_t seq)
{
    if (seq <= s->state.newest_seq)
        return GH_OK;
    uint64_t from = s->state.newest_seq + 1;
    enum gh_err err = put_lost(s, from, seq, seq - from + 1);
    if (err == GH_OK)
        s->state.newest_seq = seq;
    return err;
}

enum gh_err store_ack(struct journal_store *s, uint64_t seq)
{
    if (seq <= s->state.acked_seq)
        return GH_OK;
    const int64_t up_to[1] = {(int64_t)seq};
    s->state.acked_seq = seq;
    s->meta_changed = true;
    return run_ints(s->st[ST_LOST_FORGET], up_to, 1);
}

enum gh_err store_told(struct journal_store *s, uint64_t from)
{
    const int64_t values[1] = {(int64_t)from};
    return run_ints(s->st[ST_LOST_TOLD], values, 1);
}

/* The oldest and newest event with from <= seq < until; 0 if there is none. */
static enum gh_err event_range(struct journal_store *s, uint64_t from, uint64_t until,
                               uint64_t *first, uint64_t *last)
{
    DB_RESETS sqlite3_stmt *st = s->st[ST_EVENT_RANGE];
    enum gh_err err = db_bind_int(st, 1, (int64_t)from);
    if (err == GH_OK)
        err = db_bind_int(st, 2, (int64_t)until);
    if (err == GH_OK)
        err = db_one(st);
    if (err != GH_OK)
        return err;
    *first = (uint64_t)sqlite3_column_int64(st, 0);
    *last = (uint64_t)sqlite3_column_int64(st, 1);
    return GH_OK;
}

/* Takes away the events before `until`; those after acked are a loss. */
static enum gh_err delete_before(struct journal_store *s, uint64_t until)
{
    uint64_t unacked = s->state.acked_seq + 1, first = 0, last = 0;
    if (unacked < s->state.first_seq)
        unacked = s->state.first_seq;
    enum gh_err err = GH_OK;
    if (unacked > s->state.first_seq) {
        const int64_t range[2] = {(int64_t)s->state.first_seq,
                                  (int64_t)(unacked < until ? unacked : until)};
        err = run_ints(s->st[ST_EVENT_DELETE], range, 2);
    }
    if (err == GH_OK && unacked < until)
        err = event_range(s, unacked, until, &first, &last);
    if (err != GH_OK || last == 0)
        return err;
    /* From and to are numbers of events, so no earlier loss begins there. */
    const int64_t range[2] = {(int64_t)first, (int64_t)until};
    err = run_ints(s->st[ST_EVENT_DELETE], range, 2);
    if (err != GH_OK)
        return err;
    return put_lost(s, first, last, (uint64_t)sqlite3_changes64(s->db));
}

/* So that nobody else can take away the oldest events unseen. */
static enum gh_err seal_first(struct journal_store *s)
{
    unsigned char value[8 + JOURNAL_SEAL_BYTES];
    char text[JOURNAL_FIRST_TEXT];
    if (!s->seal.seal || s->state.first_seq == 0)
        return GH_OK;
    journal_first_text(text, s->state.stream, s->state.first_seq);
    record_put64(value, s->state.first_seq);
    s->seal.seal(s->seal.context, value + 8, slice_of(text));
    const struct change change = {slice_make("", 0), slice_make(value, sizeof value)};
    return put_change(s, &change);
}

enum gh_err store_prune(struct journal_store *s, uint64_t max)
{
    uint64_t chunk = max / PRUNE_PART, ignored = 0;
    if (s->state.first_seq == 0)
        return GH_OK;
    /* Numbers, not rows: counting rows would mean to read them all, and a gap
     * only makes the journal a little smaller than its cap. */
    uint64_t span = s->state.event_seq - s->state.first_seq + 1;
    if (span <= max)
        return GH_OK;
    if (chunk < PRUNE_MIN)
        chunk = PRUNE_MIN;
    uint64_t excess = span - max;
    uint64_t n = chunk + (excess < PRUNE_MAX ? excess : PRUNE_MAX);
    enum gh_err err = delete_before(s, s->state.first_seq + n);
    if (err == GH_OK)
        err = event_range(s, s->state.first_seq + n, s->state.event_seq + 1, &s->state.first_seq,
                          &ignored);
    return err == GH_OK ? seal_first(s) : err;
}

enum gh_err store_purge(struct journal_store *s, uint64_t boot, int64_t boot_ms, bool others,
                        bool *more)
{
    const int64_t own[3] = {(int64_t)boot, boot_ms, PURGE_ROWS};
    const int64_t other[2] = {(int64_t)boot, PURGE_ROWS};
    enum gh_err err = others ? run_ints(s->st[ST_REPEAT_PURGE_OTHER], other, 2)
                             : run_ints(s->st[ST_REPEAT_PURGE], own, 3);
    if (err == GH_OK)
        *more = sqlite3_changes64(s->db) >= PURGE_ROWS;
    return err;
}

enum gh_err store_commit(struct journal_store *s)
{
    const int64_t meta[2] = {(int64_t)s->state.acked_seq, (int64_t)s->state.lost_total};
    const int64_t moved[1] = {(int64_t)s->state.moved_number};
    enum gh_err err = s->meta_changed ? run_ints(s->st[ST_META_UPDATE], meta, 2) : GH_OK;
    if (err == GH_OK && s->state.moved_number != s->committed.moved_number)
        err = run_ints(s->st[ST_KEPT_NUMBER_UPDATE], moved, 1);
    if (err == GH_OK)
        err = db_exec(s->db, "COMMIT");
    if (err != GH_OK) {
        store_drop(s);
        return err;
    }
    s->committed = s->state;
    s->meta_changed = false;
    return GH_OK;
}

void store_drop(struct journal_store *s)
{
    /* SQLite may have dropped it itself; if it cannot, closing does. */
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->state = s->committed;
    s->meta_changed = false;
}

enum gh_err store_untold(struct journal_store *s, uint64_t *from, uint64_t *to)
{
    DB_RESETS sqlite3_stmt *st = s->st[ST_LOST_UNTOLD];
    enum gh_err err = db_one(st);
    if (err != GH_OK)
        return err;
    *from = (uint64_t)sqlite3_column_int64(st, 0);
    *to = (uint64_t)sqlite3_column_int64(st, 1);
    return GH_OK;
}

enum gh_err store_scan(struct journal_store *s)
{
    int64_t page = 0;
    bool has_sums = s->state.layout == JOURNAL_LAYOUT;
    return has_sums ? page_check_scan(s->db, &page, INT64_MAX) : GH_OK;
}

int store_wal_pages(const struct journal_store *s)
{
    return s->wal_pages;
}

enum gh_err store_checkpoint(struct journal_store *s)
{
    int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    s->wal_pages = 0;
    return db_err(code);
}
