#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "row.h"

/* One upload under way: the statements that each row needs, and what it touched. */
struct batch {
    sqlite3 *db;
    const char *site;
    struct site next;
    int64_t n;
    sqlite3_stmt *end_live;
    sqlite3_stmt *insert;
    bool touched[BUCKETS];
};

enum store_result store_site(sqlite3 *db, const char *site, struct site *out)
{
    DB_STMT *stmt = db_query(db,
                             "SELECT epoch, rev, serial, issued_at, rows, floor, digest"
                             " FROM sites WHERE site = ?", "t", site);
    enum step step = db_step(stmt);
    if (step != STEP_ROW)
        return step == STEP_DONE ? STORE_NONE : STORE_FAILED;
    *out = (struct site){
        .epoch = sqlite3_column_int64(stmt, 0),
        .rev = sqlite3_column_int64(stmt, 1),
        .serial = sqlite3_column_int64(stmt, 2),
        .issued_at_s = sqlite3_column_int64(stmt, 3),
        .rows = sqlite3_column_int64(stmt, 4),
        .floor = sqlite3_column_int64(stmt, 5),
    };
    snprintf(out->digest, sizeof out->digest, "%s", db_text(stmt, 6));
    return STORE_OK;
}

static bool save_site(sqlite3 *db, const char *name, const struct site *s)
{
    DB_STMT *stmt = db_query(db, "INSERT OR REPLACE INTO sites VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                             "tiiiiiit", name, s->epoch, s->rev, s->serial, s->issued_at_s,
                             s->rows, s->floor, s->digest);
    return db_step(stmt) == STEP_DONE;
}

/* Versions that neither a snapshot nor a change set from floor on needs. */
static bool prune(sqlite3 *db, const char *site, int64_t floor)
{
    DB_STMT *stmt = db_query(db,
                             "DELETE FROM versions"
                             " WHERE site = ? AND until_rev IS NOT NULL AND until_rev <= ?",
                             "ti", site, floor);
    return db_step(stmt) == STEP_DONE;
}

/* --- one upload -------------------------------------------------------------- */

static bool apply(struct batch *b, const struct row *row, struct bytes line)
{
    unsigned char hash[HASH_LEN];
    struct text removal = {0};
    if (!db_bind(b->end_live, "ittt", b->next.rev, b->site, row->k, row->id) ||
        db_step(b->end_live) != STEP_DONE)
        return false;
    bool was_live = sqlite3_changes(b->db) > 0;
    b->next.rows += (row->removal ? 0 : 1) - (was_live ? 1 : 0);

    if (row->removal) {
        text_addf(&removal, "{\"k\":\"%s\",\"id\":\"%s\",\"op\":\"del\"}", row->k, row->id);
        line = text_bytes(&removal);
    }
    int deny = 0;
    if (row_kind_can_deny(row->k))
        deny = row->removal ? 2 : row->off ? 1 : 0;
    int bucket = digest_bucket_of(row->k, row->id);
    b->touched[bucket] = true;
    digest_row_hash(hash, line);
    b->n++;
    bool done = !removal.failed &&
                db_bind(b->insert, row->removal ? "tiittihbii" : "tiittihbin", b->site,
                        b->next.rev, b->n, row->k, row->id, (int64_t)bucket, hash, line,
                        (int64_t)deny, b->next.rev) &&
                db_step(b->insert) == STEP_DONE;
    text_free(&removal);
    return done;
}

static enum store_result apply_all(struct batch *b, struct bytes lines, char why[256])
{
    struct bytes line;
    struct row row;
    char row_why[200];
    for (int64_t number = 1; bytes_line(&lines, &line); number++) {
        if (line.len == 0)
            continue;
        if (line.len > STORE_LINE_MAX) {
            snprintf(why, 256, "line %lld: longer than %d bytes", (long long)number,
                     STORE_LINE_MAX);
            return STORE_REFUSED;
        }
        if (!row_parse(&row, line, row_why)) {
            snprintf(why, 256, "line %lld: %s", (long long)number, row_why);
            return STORE_REFUSED;
        }
        if (!apply(b, &row, line))
            return STORE_FAILED;
    }
    if (b->n == 0) {
        snprintf(why, 256, "there are no rows in the body");
        return STORE_REFUSED;
    }
    return STORE_OK;
}

static bool rehash_bucket(struct batch *b, int bucket)
{
    struct text hashes = {0};
    unsigned char hash[HASH_LEN];
    DB_STMT *live = db_query(b->db,
                             "SELECT hash FROM versions"
                             " WHERE site = ? AND bucket = ? AND until_rev IS NULL ORDER BY hash",
                             "ti", b->site, (int64_t)bucket);
    enum step step;
    while ((step = db_step(live)) == STEP_ROW)
        text_add(&hashes, sqlite3_column_blob(live, 0), HASH_LEN);
    digest_bucket_hash(hash, (const unsigned char *)hashes.at, hashes.len / HASH_LEN);
    bool done = step == STEP_DONE && !hashes.failed;
    text_free(&hashes);
    if (!done)
        return false;
    DB_STMT *save = db_query(b->db, "INSERT OR REPLACE INTO buckets VALUES(?, ?, ?)", "tih",
                             b->site, (int64_t)bucket, hash);
    return db_step(save) == STEP_DONE;
}

static bool digest_site(struct batch *b)
{
    unsigned char(*all)[HASH_LEN] = calloc(BUCKETS, HASH_LEN);
    if (!all)
        return false;
    for (int i = 0; i < BUCKETS; i++)
        digest_bucket_hash(all[i], NULL, 0);
    DB_STMT *stmt = db_query(b->db, "SELECT bucket, hash FROM buckets WHERE site = ?", "t",
                             b->site);
    enum step step;
    while ((step = db_step(stmt)) == STEP_ROW)
        memcpy(all[sqlite3_column_int(stmt, 0)], sqlite3_column_blob(stmt, 1), HASH_LEN);
    digest_of_buckets(b->next.digest, all);
    free(all);
    return step == STEP_DONE;
}

static bool finish(struct batch *b)
{
    for (int i = 0; i < BUCKETS; i++)
        if (b->touched[i] && !rehash_bucket(b, i))
            return false;
    if (b->next.rev - STORE_KEEP_REVS > b->next.floor)
        b->next.floor = b->next.rev - STORE_KEEP_REVS;
    return digest_site(b) && prune(b->db, b->site, b->next.floor) &&
           save_site(b->db, b->site, &b->next) && db_run(b->db, "COMMIT");
}

enum store_result store_put(sqlite3 *db, const char *site, int64_t now_s, struct bytes lines,
                            char why[256])
{
    struct batch *b = calloc(1, sizeof *b);
    if (!b || !db_run(db, "BEGIN IMMEDIATE")) {
        free(b);
        return STORE_FAILED;
    }
    b->db = db;
    b->site = site;
    enum store_result result = store_site(db, site, &b->next);
    if (result == STORE_NONE) {
        b->next.epoch = 1;
        result = STORE_OK;
    }
    b->next.rev++;
    b->next.serial++;
    b->next.issued_at_s = now_s;
    b->end_live = db_query(db,
                           "UPDATE versions SET until_rev = ?"
                           " WHERE site = ? AND k = ? AND id = ? AND until_rev IS NULL", "");
    b->insert = db_query(db, "INSERT INTO versions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "");
    if (result == STORE_OK)
        result = apply_all(b, lines, why);
    db_end(&b->end_live);
    db_end(&b->insert);
    if (result == STORE_OK && !finish(b))
        result = STORE_FAILED;
    if (result != STORE_OK)
        db_rollback(db);
    free(b);
    return result;
}

/* --- what changes no row ------------------------------------------------------ */

static enum store_result restate(sqlite3 *db, const char *site, struct site *next)
{
    if (!db_run(db, "BEGIN IMMEDIATE"))
        return STORE_FAILED;
    if (prune(db, site, next->floor) && save_site(db, site, next) && db_run(db, "COMMIT"))
        return STORE_OK;
    db_rollback(db);
    return STORE_FAILED;
}

enum store_result store_issue(sqlite3 *db, const char *site, int64_t now_s)
{
    struct site s;
    enum store_result result = store_site(db, site, &s);
    if (result != STORE_OK)
        return result;
    s.serial++;
    s.issued_at_s = now_s;
    return restate(db, site, &s);
}

enum store_result store_new_epoch(sqlite3 *db, const char *site, int64_t now_s)
{
    struct site s;
    enum store_result result = store_site(db, site, &s);
    if (result != STORE_OK)
        return result;
    s.epoch++;
    s.rev++;
    s.serial++;
    s.issued_at_s = now_s;
    s.floor = s.rev;
    return restate(db, site, &s);
}

enum store_result store_forget(sqlite3 *db, const char *site)
{
    struct site s;
    enum store_result result = store_site(db, site, &s);
    if (result != STORE_OK)
        return result;
    s.floor = s.rev;
    return restate(db, site, &s);
}

/* --- walks ---------------------------------------------------------------------- */

#define VERSION_COLUMNS "SELECT k, id, line, rev, deny FROM versions "

static enum store_result walk(sqlite3_stmt *stmt, version_fn *each, void *context)
{
    enum step step;
    while ((step = db_step(stmt)) == STEP_ROW) {
        struct version v = {
            .k = db_text(stmt, 0),
            .id = db_text(stmt, 1),
            .line = db_bytes(stmt, 2),
            .rev = sqlite3_column_int64(stmt, 3),
            .deny = sqlite3_column_int(stmt, 4),
        };
        if (!each(context, &v))
            return STORE_FAILED;
    }
    return step == STEP_DONE ? STORE_OK : STORE_FAILED;
}

enum store_result store_policy(sqlite3 *db, const char *site, int64_t rev, version_fn *each,
                               void *context)
{
    DB_STMT *stmt = db_query(db,
                             VERSION_COLUMNS
                             "WHERE site = ? AND rev <= ?"
                             " AND (until_rev IS NULL OR until_rev > ?) ORDER BY k, id",
                             "tii", site, rev, rev);
    return walk(stmt, each, context);
}

enum store_result store_rewind(sqlite3 *db, const char *site, int64_t rev, struct site *s)
{
    unsigned char(*buckets)[HASH_LEN] = malloc((size_t)BUCKETS * HASH_LEN);
    struct text hashes = {0};
    int64_t rows = 0;
    DB_STMT *stmt = db_query(db,
                             "SELECT bucket, hash FROM versions WHERE site = ? AND rev <= ?"
                             " AND (until_rev IS NULL OR until_rev > ?) ORDER BY bucket, hash",
                             "tii", site, rev, rev);
    enum step step = buckets ? db_step(stmt) : STEP_FAILED;
    for (int i = 0; i < BUCKETS && step != STEP_FAILED; i++) {
        hashes.len = 0;
        for (; step == STEP_ROW && sqlite3_column_int(stmt, 0) == i; step = db_step(stmt), rows++)
            text_add(&hashes, sqlite3_column_blob(stmt, 1), HASH_LEN);
        digest_bucket_hash(buckets[i], (const unsigned char *)hashes.at, hashes.len / HASH_LEN);
    }
    bool done = step == STEP_DONE && !hashes.failed;
    if (done) {
        s->rev = rev;
        s->rows = rows;
        digest_of_buckets(s->digest, buckets);
    }
    text_free(&hashes);
    free(buckets);
    return done ? STORE_OK : STORE_FAILED;
}

enum store_result store_changes(sqlite3 *db, const char *site, int64_t since, int64_t to,
                                version_fn *each, void *context)
{
    DB_STMT *stmt = db_query(
        db, VERSION_COLUMNS "WHERE site = ? AND rev > ? AND rev <= ? ORDER BY rev, n", "tii", site,
        since, to);
    return walk(stmt, each, context);
}

enum store_result store_denials(sqlite3 *db, const char *site, int64_t since, version_fn *each,
                                void *context)
{
    DB_STMT *stmt = db_query(db,
                             VERSION_COLUMNS
                             "AS v WHERE site = ? AND rev > ? AND"
                             " ((deny = 1 AND until_rev IS NULL) OR (deny = 2 AND NOT EXISTS"
                             "  (SELECT 1 FROM versions AS w WHERE w.site = v.site AND w.k = v.k"
                             "   AND w.id = v.id AND w.until_rev IS NULL))) ORDER BY rev, n",
                             "ti", site, since);
    return walk(stmt, each, context);
}

int64_t store_count_changes(sqlite3 *db, const char *site, int64_t since)
{
    DB_STMT *stmt = db_query(db, "SELECT count(*) FROM versions WHERE site = ? AND rev > ?", "ti",
                             site, since);
    return db_step(stmt) == STEP_ROW ? sqlite3_column_int64(stmt, 0) : -1;
}
