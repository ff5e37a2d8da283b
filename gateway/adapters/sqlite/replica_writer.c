#include "replica_writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "replica_digest.h"
#include "replica_schema.h"
#include "replica_stage.h"
#include "sql/replica.h"
#include "sql/replica_apply.h"
#include "sql/replica_dangling.h"

#define BUSY_MS 5000
/* The write-ahead log goes back to this size after a large transaction. */
#define WRITER_PRAGMAS "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -16384;"

enum { META_GET, META_SET, DENY_PUT, DENY_PASS, CLEAR_ROW, STATEMENTS };

struct replica_writer {
    sqlite3 *db;
    char *stage_path;
    struct replica_crypto crypto;
    struct replica_digest *digest;
    sqlite3_stmt *s[STATEMENTS];
    struct replica_stage *stage; /* NULL = nothing begun */
    bool is_snapshot;
    bool is_adopted; /* the batch at hand is taken for what it adds up to */
    bool is_broken; /* see the header: only close is left */
    struct replica_state state;
};

static void hex(char out[REPLICA_DIGEST_HEX + 1], const unsigned char bytes[REPLICA_HASH])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < REPLICA_HASH; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[REPLICA_DIGEST_HEX] = '\0';
}

static bool is_hex_digest(const char *text)
{
    return strnlen(text, REPLICA_DIGEST_HEX + 1) == REPLICA_DIGEST_HEX &&
           strspn(text, "0123456789abcdef") == REPLICA_DIGEST_HEX;
}

__attribute__((format(printf, 3, 4))) static enum gh_err
refuse(enum gh_err err, char why[REPLICA_WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, REPLICA_WHY_MAX, format, args);
    va_end(args);
    return err;
}

/* --- open and close ------------------------------------------------------- */

static enum gh_err put_first_meta(struct replica_writer *w)
{
    unsigned char hash[REPLICA_HASH], digest[REPLICA_SEALED], check[REPLICA_SEALED];
    const unsigned char zeros[REPLICA_HASH] = {0};
    int64_t rows = 0;
    DIGEST_FREES struct replica_digest *d = NULL;
    sqlite3_stmt *s = NULL;
    const char *sql = SQL_replica_meta_insert;
    enum gh_err err = replica_digest_new(&d, w->db, &w->crypto);
    if (err == GH_OK)
        err = replica_digest_total(d, hash, &rows);
    if (err != GH_OK)
        return err;
    replica_seal(&w->crypto, digest, hash);
    replica_seal(&w->crypto, check, zeros);

    err = db_prepare_all(w->db, &s, &sql, 1);
    if (err == GH_OK)
        err = db_bind_blob(s, 1, slice_make(digest, sizeof digest));
    if (err == GH_OK)
        err = db_bind_blob(s, 2, slice_make(check, sizeof check));
    if (err == GH_OK)
        err = db_run(s);
    db_finalize_all(&s, 1);
    return err;
}

static enum gh_err create_tables(struct replica_writer *w)
{
    enum gh_err err = db_exec(w->db, "BEGIN IMMEDIATE");
    if (err != GH_OK)
        return err;
    err = db_exec(w->db, SQL_replica_tables);
    if (err == GH_OK)
        err = db_exec(w->db, SQL_replica_entitlement_tables);
    if (err == GH_OK)
        err = db_exec(w->db, SQL_replica_rule_tables);
    if (err == GH_OK)
        err = db_exec(w->db, SQL_replica_main_tables);
    if (err == GH_OK)
        err = put_first_meta(w);
    if (err == GH_OK)
        err = db_exec(w->db, "COMMIT");
    return err;
}

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
    hex(state.digest, digest);
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
        err = create_tables(w);
    if (err == GH_OK)
        err = db_prepare_all(w->db, w->s, sql, STATEMENTS);
    if (err == GH_OK)
        err = replica_digest_new(&w->digest, w->db, &w->crypto);
    return err == GH_OK ? read_state(w, &w->state) : err;
}

enum gh_err replica_writer_open(struct replica_writer **out, const char *path,
                                const struct replica_crypto *crypto, char why[REPLICA_WHY_MAX])
{
    struct replica_writer *w = calloc(1, sizeof *w);
    if (!w || asprintf(&w->stage_path, "%s-next", path) < 0) {
        free(w);
        return refuse(GH_IO, why, "out of memory");
    }
    w->crypto = *crypto;
    enum gh_err err = open_database(w, path);
    if (err != GH_OK) {
        const char *detail = w->db ? sqlite3_errmsg(w->db) : "cannot be opened or made";
        if (err == GH_CORRUPT)
            detail = "it is damaged, of another program or version, or was made under another "
                     "device key: move it away, and the policy is loaded anew";
        (void)refuse(err, why, "%.60s: %s", path, detail);
        replica_writer_close(w);
        return err;
    }
    *out = w;
    return GH_OK;
}

void replica_writer_close(struct replica_writer *w)
{
    if (!w)
        return;
    replica_writer_drop(w);
    replica_digest_free(w->digest);
    db_finalize_all(w->s, STATEMENTS);
    db_close(w->db);
    free(w->stage_path);
    free(w);
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
    w->is_snapshot = is_snapshot;
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
        return refuse(GH_INVALID, why, "no batch was begun");
    enum gh_err err = replica_stage_put(w->stage, row);
    if (err == GH_OK)
        return GH_OK;
    replica_writer_drop(w);
    return refuse(err, why, "%s %s: cannot be staged: %s", row_kind_name(row->row->kind),
                  row->row->id.s, gh_err_name(err));
}

/* --- commit --------------------------------------------------------------- */

static enum gh_err check_place(const struct replica_writer *w, const struct replica_checkpoint *c,
                               struct slice cursor, char why[REPLICA_WHY_MAX])
{
    const struct policy_version *floor = &w->state.version, *v = &c->version;
    if (cursor.len > REPLICA_CURSOR_MAX || (cursor.len && memchr(cursor.ptr, 0, cursor.len)))
        return refuse(GH_INVALID, why, "the cursor is longer than %d bytes or holds a zero byte",
                      REPLICA_CURSOR_MAX);
    if ((!w->is_adopted && !is_hex_digest(c->digest)) || v->epoch < 0 || v->rev < 0 || c->rows < 0 ||
        v->issued_at == INSTANT_NONE)
        return refuse(GH_INVALID, why, "the checkpoint lacks a digest, a place or a time");
    if (floor->issued_at == INSTANT_NONE)
        return GH_OK;
    if (v->epoch < floor->epoch || (v->epoch == floor->epoch && v->rev < floor->rev))
        return refuse(GH_INVALID, why,
                      "rollback: epoch %lld rev %lld is below the applied epoch %lld rev %lld",
                      (long long)v->epoch, (long long)v->rev, (long long)floor->epoch,
                      (long long)floor->rev);
    if (!w->is_adopted && v->epoch == floor->epoch && v->rev == floor->rev &&
        strcmp(c->digest, w->state.digest) != 0)
        return refuse(GH_INVALID, why,
                      "epoch %lld rev %lld is applied with digest %s, the checkpoint says %s",
                      (long long)v->epoch, (long long)v->rev, w->state.digest, c->digest);
    return GH_OK;
}

static enum gh_err check_sum(const struct replica_checkpoint *c,
                             const unsigned char hash[REPLICA_HASH], int64_t rows,
                             char why[REPLICA_WHY_MAX])
{
    char digest[REPLICA_DIGEST_HEX + 1];
    hex(digest, hash);
    if (rows != c->rows)
        return refuse(GH_CORRUPT, why, "the policy would have %lld rows, the checkpoint says %lld",
                      (long long)rows, (long long)c->rows);
    if (strcmp(digest, c->digest) != 0)
        return refuse(GH_CORRUPT, why, "the policy's digest would be %s, the checkpoint says %s",
                      digest, c->digest);
    return GH_OK;
}

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
    return refuse(GH_INVALID, context, "credentials %.*s and %.*s have the same type and value",
                  (int)a.len, a.ptr, (int)b.len, b.ptr);
}

static enum gh_err refuse_second_site(void *context, sqlite3_stmt *s)
{
    struct slice a = db_column(s, 1), b = db_column(s, 2);
    if (sqlite3_column_int64(s, 0) <= 1)
        return GH_OK;
    return refuse(GH_INVALID, context, "there would be two site rows, %.*s and %.*s", (int)a.len,
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
        return check_sum(c, hash, rows, why);
    hex(state->digest, hash);
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
        return refuse(GH_INVALID, why, "no batch was begun");
    enum gh_err err = check_place(w, c, cursor, why);
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

static enum gh_err finish(struct replica_writer *w, const struct replica_checkpoint *c,
                          struct slice cursor, char why[REPLICA_WHY_MAX])
{
    char text[REPLICA_WHY_MAX] = "";
    enum gh_err err = commit(w, c, cursor, text);
    bool was_snapshot = w->is_snapshot && w->stage;
    replica_writer_drop(w);
    if (err == GH_OK && was_snapshot)
        /* Only tidiness: the policy is durable in the log as well. */
        (void)sqlite3_wal_checkpoint_v2(w->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (err != GH_OK)
        (void)refuse(err, why, "%s", text[0] ? text : gh_err_name(err));
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

enum gh_err replica_writer_deny(struct replica_writer *w, enum row_kind kind, const struct id *id,
                                int64_t rev)
{
    if (w->is_broken)
        return GH_IO;
    if ((kind != ROW_PERSON && kind != ROW_CREDENTIAL && kind != ROW_ENTITLEMENT) || rev < 0)
        return GH_INVALID;
    DB_RESETS sqlite3_stmt *s = w->s[DENY_PUT];
    enum gh_err err = db_bind_int(s, 1, kind);
    if (err == GH_OK)
        err = db_bind_text(s, 2, slice_of(id->s));
    if (err == GH_OK)
        err = db_bind_int(s, 3, rev);
    if (err == GH_OK)
        err = db_run(s);
    if (err == GH_IO)
        w->is_broken = true;
    return err;
}

/* --- dangling references ---------------------------------------------------- */

static enum gh_err say_dangling(sqlite3 *db, const char *sql, int *left,
                                void (*each)(void *context, const char *line), void *context)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gh_err err = db_prepare_all(db, &s, &sql, 1);
    if (err == GH_OK)
        err = db_bind_int(s, 1, *left);
    while (err == GH_OK && (err = db_step(s, &row)) == GH_OK && row) {
        char line[REPLICA_WHY_MAX + 2 * ID_MAX];
        struct slice v[5];
        for (int i = 0; i < 5; i++)
            v[i] = db_column(s, i);
        (void)snprintf(line, sizeof line, "%.*s \"%.*s\": field \"%.*s\" names %.*s, which is no %.*s",
                       (int)v[0].len, v[0].ptr, (int)v[1].len, v[1].ptr, (int)v[2].len, v[2].ptr,
                       (int)v[3].len, v[3].ptr, (int)v[4].len, v[4].ptr);
        each(context, line);
        --*left;
    }
    db_finalize_all(&s, 1);
    return err;
}

enum gh_err replica_writer_dangling(struct replica_writer *w, int max,
                                    void (*each)(void *context, const char *line), void *context)
{
    int left = max;
    enum gh_err err = say_dangling(w->db, SQL_dangling_doors, &left, each, context);
    return err == GH_OK && left > 0 ? say_dangling(w->db, SQL_dangling_people, &left, each, context)
                                    : err;
}
