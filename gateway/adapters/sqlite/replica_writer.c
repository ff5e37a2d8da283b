#include "replica_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "page_check.h"
#include "replica_check.h"
#include "replica_dangling.h"
#include "replica_digest.h"
#include "replica_schema.h"
#include "replica_stage.h"
#include "replica_swap.h"
#include "sql/replica.h"
#include "sql/replica_apply.h"

#define BUSY_MS 5000
/* The write-ahead log goes back to this size after a large transaction. */
#define WRITER_PRAGMAS "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -16384;"

enum { META_GET, META_SET, DENY_PUT, DENY_PASS, CLEAR_ROW, STATEMENTS };

struct replica_writer {
    sqlite3 *db; /* NULL: closed, and is_broken */
    char *path, *stage_path;
    char *fresh_path; /* where db lies until a commit puts it in its place; NULL = there */
    struct replica_crypto crypto;
    struct replica_digest *digest;
    sqlite3_stmt *s[STATEMENTS];
    struct replica_stage *stage; /* NULL = nothing begun */
    bool is_snapshot;
    bool is_adopted; /* the batch at hand is taken for what it adds up to */
    bool is_broken; /* see the header: only close is left */
    bool is_damaged;
    bool is_grouped, is_group_open; /* denials are to be, and are, in one transaction */
    int64_t denials; /* at most so many are in force; INT64_MAX: to be counted */
    int64_t scanned; /* the page that is looked at next */
    struct replica_state state;
};

/* --- open and close ------------------------------------------------------- */

static enum gh_err read_state(struct replica_writer *w, struct replica_state *out)
{
    DB_RESETS sqlite3_stmt *s = w->s[META_GET];
    unsigned char digest[REPLICA_HASH], check[REPLICA_HASH];
    const unsigned char zeros[REPLICA_HASH] = {0};
    enum gh_err err = db_one(s);
    if (err == GH_NOT_FOUND)
        return GH_CORRUPT;
    if (err != GH_OK)
        return err;
    bool is_issued = sqlite3_column_type(s, 2) != SQLITE_NULL;
    struct replica_state state = {
        .version = {sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                    is_issued ? sqlite3_column_int64(s, 2) : INSTANT_NONE},
        .schema = sqlite3_column_int64(s, 3),
        .rows = sqlite3_column_int64(s, 4),
    };
    err = replica_unseal(&w->crypto, digest, db_column(s, 5));
    if (err == GH_OK)
        err = replica_unseal(&w->crypto, check, db_column(s, 7));
    struct slice cursor = db_column(s, 6);
    if (err != GH_OK || cursor.len > REPLICA_CURSOR_MAX || memcmp(check, zeros, sizeof check) != 0)
        return GH_CORRUPT;
    memcpy(state.cursor, cursor.ptr, cursor.len);
    replica_hex(state.digest, digest);
    *out = state;
    return GH_OK;
}

static enum gh_err open_database(struct replica_writer *w, const char *path)
{
    static const char *const sql[STATEMENTS] = {
        [META_GET] = SQL_replica_meta_get,
        [META_SET] = SQL_replica_meta_set,
        [DENY_PUT] = SQL_replica_deny_put,
        [DENY_PASS] = SQL_replica_deny_pass,
        [CLEAR_ROW] = SQL_apply_clear_row,
    };
    bool fresh = false;
    enum gh_err err = db_create_file(path);
    if (err == GH_OK)
        err = db_open(&w->db, path, DB_WRITER, BUSY_MS);
    if (err == GH_OK)
        err = db_exec(w->db, WRITER_PRAGMAS);
    if (err == GH_OK)
        err = replica_schema_check(w->db, &fresh);
    if (err == GH_OK && fresh)
        err = replica_schema_create(w->db, &w->crypto);
    if (err == GH_OK)
        err = db_prepare_all(w->db, w->s, sql, STATEMENTS);
    if (err == GH_OK)
        err = replica_digest_new(&w->digest, w->db, &w->crypto);
    return err == GH_OK ? read_state(w, &w->state) : err;
}

static struct replica_writer *make(const char *path, const struct replica_crypto *crypto)
{
    struct replica_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->crypto = *crypto;
    w->denials = INT64_MAX;
    w->path = strdup(path);
    if (asprintf(&w->stage_path, "%s-next", path) < 0)
        w->stage_path = NULL;
    if (asprintf(&w->fresh_path, "%s-fresh", path) < 0)
        w->fresh_path = NULL;
    if (w->path && w->stage_path && w->fresh_path)
        return w;
    replica_writer_close(w);
    return NULL;
}

static enum gh_err open_writer(struct replica_writer **out, const char *path, bool is_fresh,
                               const struct replica_crypto *crypto, char why[REPLICA_WHY_MAX])
{
    struct replica_writer *w = make(path, crypto);
    if (!w)
        return replica_refuse(GH_IO, why, "out of memory");
    enum gh_err err = is_fresh ? replica_swap_clear(w->fresh_path)
                               : replica_swap_finish(w->fresh_path, path);
    if (err == GH_OK)
        err = open_database(w, is_fresh ? w->fresh_path : path);
    if (!is_fresh) {
        free(w->fresh_path);
        w->fresh_path = NULL;
    }
    if (err != GH_OK) {
        const char *detail = w->db ? sqlite3_errmsg(w->db) : "cannot be opened or made";
        if (err == GH_CORRUPT)
            detail = "it is damaged, of another program or version, or was made under another "
                     "device key";
        (void)replica_refuse(err, why, "%.60s: %s", path, detail);
        replica_writer_close(w);
        return err;
    }
    *out = w;
    return GH_OK;
}

enum gh_err replica_writer_open(struct replica_writer **out, const char *path,
                                const struct replica_crypto *crypto, char why[REPLICA_WHY_MAX])
{
    return open_writer(out, path, false, crypto, why);
}

enum gh_err replica_writer_open_fresh(struct replica_writer **out, const char *path,
                                      const struct replica_crypto *crypto,
                                      char why[REPLICA_WHY_MAX])
{
    return open_writer(out, path, true, crypto, why);
}

static void close_database(struct replica_writer *w)
{
    replica_digest_free(w->digest);
    db_finalize_all(w->s, STATEMENTS);
    db_close(w->db);
    w->digest = NULL;
    w->db = NULL;
}

void replica_writer_close(struct replica_writer *w)
{
    if (!w)
        return;
    replica_writer_drop(w);
    if (w->db && replica_writer_group_end(w) != GH_OK)
        w->is_broken = true;
    close_database(w);
    free(w->path);
    free(w->stage_path);
    free(w->fresh_path);
    free(w);
}

bool replica_writer_is_damaged(const struct replica_writer *w)
{
    return w->is_damaged;
}

/* Copies the log back and empties it. GH_RETRY: somebody reads in it. */
static enum gh_err copy_log_back(struct replica_writer *w)
{
    return db_err(
        sqlite3_wal_checkpoint_v2(w->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

enum gh_err replica_writer_scan(struct replica_writer *w, int64_t pages, bool *done)
{
    if (w->is_broken)
        return GH_IO;
    /* A power cut in the middle of it may have left pages of which the log has the whole ones. */
    enum gh_err err = w->scanned == 0 ? copy_log_back(w) : GH_OK;
    if (err == GH_OK)
        err = page_check_scan(w->db, &w->scanned, pages);
    w->is_damaged |= err == GH_CORRUPT;
    *done = err == GH_OK && w->scanned == 0;
    return err;
}

void replica_writer_state(struct replica_writer *w, struct replica_state *out)
{
    *out = w->state;
}

/* --- begin, put, drop ----------------------------------------------------- */

void replica_writer_drop(struct replica_writer *w)
{
    replica_stage_drop(w->stage);
    w->stage = NULL;
}

static enum gh_err begin(struct replica_writer *w, bool is_snapshot)
{
    replica_writer_drop(w);
    if (w->is_broken)
        return GH_IO;
    if (w->fresh_path && !is_snapshot)
        return GH_INVALID;
    w->is_snapshot = is_snapshot;
    /* What the last commit left in memory is not wanted while the next is staged. */
    (void)sqlite3_db_release_memory(w->db);
    return replica_stage_open(&w->stage, w->stage_path, &w->crypto);
}

enum gh_err replica_writer_begin(struct replica_writer *w)
{
    return begin(w, false);
}

enum gh_err replica_writer_begin_snapshot(struct replica_writer *w)
{
    return begin(w, true);
}

enum gh_err replica_writer_put(struct replica_writer *w, const struct replica_row *row,
                               char why[REPLICA_WHY_MAX])
{
    if (!w->stage)
        return replica_refuse(GH_INVALID, why, "no batch was begun");
    enum gh_err err = replica_stage_put(w->stage, row);
    if (err == GH_OK)
        return GH_OK;
    replica_writer_drop(w);
    return replica_refuse(err, why, "%s %s: cannot be staged: %s", row_kind_name(row->row->kind),
                  row->row->id.s, gh_err_name(err));
}

/* --- commit --------------------------------------------------------------- */

/* Runs a statement that is seldom used; context of each for its rows. */
static enum gh_err each_row(sqlite3 *db, const char *sql,
                            enum gh_err (*each)(void *context, sqlite3_stmt *s), void *context)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gh_err err = db_prepare_all(db, &s, &sql, 1);
    while (err == GH_OK) {
        err = db_step(s, &row);
        if (err != GH_OK || !row)
            break;
        err = each(context, s);
    }
    db_finalize_all(&s, 1);
    return err;
}

static enum gh_err refuse_same_value(void *context, sqlite3_stmt *s)
{
    struct slice a = db_column(s, 0), b = db_column(s, 1);
    return replica_refuse(GH_INVALID, context, "credentials %.*s and %.*s have the same type and value",
                  (int)a.len, a.ptr, (int)b.len, b.ptr);
}

static enum gh_err refuse_second_site(void *context, sqlite3_stmt *s)
{
    struct slice a = db_column(s, 1), b = db_column(s, 2);
    if (sqlite3_column_int64(s, 0) <= 1)
        return GH_OK;
    return replica_refuse(GH_INVALID, context, "there would be two site rows, %.*s and %.*s", (int)a.len,
                  a.ptr, (int)b.len, b.ptr);
}

static enum gh_err refresh_bucket(void *context, sqlite3_stmt *s)
{
    int64_t bucket = sqlite3_column_int64(s, 0);
    if (bucket < 0 || bucket >= REPLICA_BUCKETS)
        return GH_CORRUPT;
    return replica_digest_refresh(context, (int)bucket);
}

static enum gh_err clear_row(void *context, sqlite3_stmt *touched)
{
    DB_RESETS sqlite3_stmt *s = context;
    enum gh_err err = db_bind_int(s, 1, sqlite3_column_int64(touched, 0));
    if (err == GH_OK)
        err = db_bind_int(s, 2, sqlite3_column_int64(touched, 1));
    if (err == GH_OK)
        err = db_bind_text(s, 3, db_column(touched, 2));
    return err == GH_OK ? db_run(s) : err;
}

static enum gh_err clear_old(struct replica_writer *w)
{
    if (w->is_snapshot)
        return db_exec(w->db, SQL_apply_clear_all);
    enum gh_err err = db_exec(w->db, SQL_apply_clear_touched);
    return err == GH_OK ? each_row(w->db, SQL_apply_touched, clear_row, w->s[CLEAR_ROW]) : err;
}

static enum gh_err copy_rows(struct replica_writer *w, char why[REPLICA_WHY_MAX])
{
    enum gh_err err = clear_old(w);
    if (err == GH_OK)
        err = db_exec(w->db, SQL_apply_copy);
    if (err == GH_OK) {
        err = db_exec(w->db, SQL_apply_copy_values);
        if (err == GH_INVALID) {
            err = each_row(w->db, SQL_apply_same_value, refuse_same_value, why);
            return err == GH_OK ? GH_INVALID : err;
        }
    }
    if (err == GH_OK)
        err = each_row(w->db, SQL_apply_sites, refuse_second_site, why);
    return err;
}

static enum gh_err write_meta(struct replica_writer *w, const struct replica_state *state,
                              const unsigned char hash[REPLICA_HASH])
{
    unsigned char sealed[REPLICA_SEALED];
    replica_seal(&w->crypto, sealed, hash);
    DB_RESETS sqlite3_stmt *s = w->s[META_SET];
    enum gh_err err = db_bind_int(s, 1, state->version.epoch);
    if (err == GH_OK)
        err = db_bind_int(s, 2, state->version.rev);
    if (err == GH_OK)
        err = db_bind_int(s, 3, state->version.issued_at);
    if (err == GH_OK)
        err = db_bind_int(s, 4, state->schema);
    if (err == GH_OK)
        err = db_bind_int(s, 5, state->rows);
    if (err == GH_OK)
        err = db_bind_blob(s, 6, slice_make(sealed, sizeof sealed));
    if (err == GH_OK)
        err = db_bind_blob(s, 7, slice_of(state->cursor));
    return err == GH_OK ? db_run(s) : err;
}

/* Compares with the checkpoint; a batch that is adopted is its own checkpoint. */
static enum gh_err settle_sum(const struct replica_writer *w, const struct replica_checkpoint *c,
                              struct replica_state *state, const unsigned char hash[REPLICA_HASH],
                              int64_t rows, char why[REPLICA_WHY_MAX])
{
    if (!w->is_adopted)
        return replica_check_sum(c, hash, rows, why);
    replica_hex(state->digest, hash);
    state->rows = rows;
    return GH_OK;
}

/* Inside the transaction, with the staging file attached. */
static enum gh_err apply(struct replica_writer *w, const struct replica_checkpoint *c,
                         struct replica_state *state, char why[REPLICA_WHY_MAX])
{
    unsigned char hash[REPLICA_HASH];
    int64_t rows = 0;
    enum gh_err err = copy_rows(w, why);
    if (err == GH_OK && !w->is_snapshot)
        err = each_row(w->db, SQL_apply_touched_buckets, refresh_bucket, w->digest);
    if (err == GH_OK)
        err = replica_digest_total(w->digest, hash, &rows);
    if (err == GH_OK)
        err = settle_sum(w, c, state, hash, rows, why);
    if (err == GH_OK)
        err = db_bind_int(w->s[DENY_PASS], 1, c->version.rev);
    if (err == GH_OK)
        err = db_run(w->s[DENY_PASS]);
    return err == GH_OK ? write_meta(w, state, hash) : err;
}

static enum gh_err attach(struct replica_writer *w)
{
    sqlite3_stmt *s = NULL;
    const char *sql = SQL_apply_attach;
    enum gh_err err = db_prepare_all(w->db, &s, &sql, 1);
    if (err == GH_OK)
        err = db_bind_text(s, 1, slice_of(w->stage_path));
    if (err == GH_OK)
        err = db_run(s);
    db_finalize_all(&s, 1);
    return err;
}

static enum gh_err apply_attached(struct replica_writer *w, const struct replica_checkpoint *c,
                                  struct replica_state *state, char why[REPLICA_WHY_MAX])
{
    enum gh_err err = attach(w);
    if (err != GH_OK)
        return err;
    err = db_exec(w->db, "BEGIN IMMEDIATE");
    if (err == GH_OK)
        err = apply(w, c, state, why);
    if (err == GH_OK)
        err = db_exec(w->db, "COMMIT");
    if (!sqlite3_get_autocommit(w->db) && db_exec(w->db, "ROLLBACK") != GH_OK)
        w->is_broken = true;
    if (db_exec(w->db, SQL_apply_detach) != GH_OK)
        w->is_broken = true;
    return err;
}

static struct replica_state state_after(const struct replica_state *before,
                                        const struct replica_checkpoint *c, struct slice cursor)
{
    struct replica_state state = {.version = c->version, .schema = c->schema, .rows = c->rows};
    bool is_same_place = c->version.epoch == before->version.epoch &&
                         c->version.rev == before->version.rev;
    if (is_same_place && before->version.issued_at > state.version.issued_at)
        state.version.issued_at = before->version.issued_at;
    memcpy(state.digest, c->digest, sizeof state.digest);
    if (cursor.len)
        memcpy(state.cursor, cursor.ptr, cursor.len);
    return state;
}

static enum gh_err commit(struct replica_writer *w, const struct replica_checkpoint *c,
                          struct slice cursor, char why[REPLICA_WHY_MAX])
{
    if (!w->stage)
        return replica_refuse(GH_INVALID, why, "no batch was begun");
    enum gh_err err = replica_check_place(&w->state, w->is_adopted, c, cursor, why);
    struct replica_state state = state_after(&w->state, c, cursor);
    if (err == GH_OK && w->is_snapshot) {
        unsigned char hash[REPLICA_HASH];
        int64_t rows = 0;
        err = replica_stage_digest(w->stage, hash, &rows);
        if (err == GH_OK)
            err = settle_sum(w, c, &state, hash, rows, why);
    }
    if (err == GH_OK)
        err = replica_stage_finish(w->stage);
    if (err != GH_OK)
        return err;
    err = apply_attached(w, c, &state, why);
    if (err == GH_IO)
        w->is_broken = true;
    if (err == GH_OK)
        w->state = state;
    return err;
}

/* A fresh replica that has its first policy. */
static enum gh_err put_in_place(struct replica_writer *w, char why[REPLICA_WHY_MAX])
{
    close_database(w); /* its log goes back into it */
    enum gh_err err = replica_swap(w->fresh_path, w->path);
    if (err == GH_OK)
        err = open_database(w, w->path);
    free(w->fresh_path);
    w->fresh_path = NULL;
    w->is_broken = err != GH_OK;
    return err == GH_OK ? GH_OK
                        : replica_refuse(GH_IO, why, "%.60s: the new one cannot take its place", w->path);
}

/* The log is kept empty: damage in the last transaction of one that is recovered is
 * not noticed (page_check.h). More than that is only tidiness. */
static void empty_log(struct replica_writer *w)
{
    w->is_damaged |= copy_log_back(w) == GH_CORRUPT;
}

static enum gh_err finish(struct replica_writer *w, const struct replica_checkpoint *c,
                          struct slice cursor, char why[REPLICA_WHY_MAX])
{
    char text[REPLICA_WHY_MAX] = "";
    enum gh_err err = commit(w, c, cursor, text);
    replica_writer_drop(w);
    w->is_damaged |= err == GH_CORRUPT && !text[0]; /* it did not add up wrong: it was not read */
    if (err == GH_OK)
        empty_log(w);
    if (err == GH_OK && w->fresh_path)
        err = put_in_place(w, text);
    if (err != GH_OK)
        (void)replica_refuse(err, why, "%s", text[0] ? text : gh_err_name(err));
    return err;
}

enum gh_err replica_writer_commit(struct replica_writer *w, const struct replica_checkpoint *c,
                                  struct slice cursor, char why[REPLICA_WHY_MAX])
{
    w->is_adopted = false;
    return finish(w, c, cursor, why);
}

enum gh_err replica_writer_adopt(struct replica_writer *w, const struct policy_version *version,
                                 int64_t schema, char why[REPLICA_WHY_MAX])
{
    struct replica_checkpoint c = {.version = *version, .schema = schema};
    w->is_adopted = true;
    return finish(w, &c, (struct slice){0}, why);
}

/* --- deny lane ------------------------------------------------------------ */

/* One that is denied again counts twice, until it matters. */
static enum gh_err count_denial(struct replica_writer *w)
{
    enum gh_err err = GH_OK;
    if (w->denials >= REPLICA_DENIALS_MAX)
        err = db_pragma(w->db, SQL_replica_deny_count, &w->denials);
    if (err == GH_OK && w->denials >= REPLICA_DENIALS_MAX)
        return GH_FULL;
    if (err == GH_OK)
        w->denials++;
    return err;
}

static enum gh_err put_denial(struct replica_writer *w, enum row_kind kind, const struct id *id,
                              int64_t rev)
{
    DB_RESETS sqlite3_stmt *s = w->s[DENY_PUT];
    enum gh_err err = count_denial(w);
    if (err == GH_OK && w->is_grouped && !w->is_group_open) {
        err = db_exec(w->db, "BEGIN IMMEDIATE");
        w->is_group_open = err == GH_OK;
    }
    if (err == GH_OK)
        err = db_bind_int(s, 1, kind);
    if (err == GH_OK)
        err = db_bind_text(s, 2, slice_of(id->s));
    if (err == GH_OK)
        err = db_bind_int(s, 3, rev);
    return err == GH_OK ? db_run(s) : err;
}

static enum gh_err note_failure(struct replica_writer *w, enum gh_err err)
{
    w->is_broken |= err == GH_IO;
    w->is_damaged |= err == GH_CORRUPT;
    return err;
}

enum gh_err replica_writer_deny(struct replica_writer *w, enum row_kind kind, const struct id *id,
                                int64_t rev)
{
    if (w->is_broken)
        return GH_IO;
    if ((kind != ROW_PERSON && kind != ROW_CREDENTIAL && kind != ROW_ENTITLEMENT) || rev < 0)
        return GH_INVALID;
    return note_failure(w, put_denial(w, kind, id, rev));
}

void replica_writer_group(struct replica_writer *w)
{
    w->is_grouped = true;
}

enum gh_err replica_writer_group_end(struct replica_writer *w)
{
    bool was_open = w->is_group_open;
    w->is_grouped = w->is_group_open = false;
    if (!was_open)
        return GH_OK;
    enum gh_err err = sqlite3_get_autocommit(w->db) ? GH_FULL /* SQLite dropped it itself */
                                                    : db_exec(w->db, "COMMIT");
    if (!sqlite3_get_autocommit(w->db) && db_exec(w->db, "ROLLBACK") != GH_OK)
        w->is_broken = true;
    return note_failure(w, err);
}

enum gh_err replica_writer_dangling(struct replica_writer *w, int max,
                                    void (*each)(void *context, const char *line), void *context)
{
    return w->db ? replica_dangling(w->db, max, each, context) : GH_IO;
}
