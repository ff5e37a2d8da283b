#include "replica_digest.h"

#include <stdlib.h>

#include "sql/replica.h"

enum { BUCKET_ROWS, BUCKET_PUT, BUCKET_ALL, STATEMENTS };

struct replica_digest {
    const struct replica_crypto *crypto;
    sqlite3_stmt *s[STATEMENTS];
    unsigned char *hashes; /* of the rows of one bucket; grows */
    size_t room;           /* hashes it can hold */
    unsigned char buckets[REPLICA_BUCKETS * REPLICA_HASH];
};

enum gh_err replica_digest_new(struct replica_digest **out, sqlite3 *db,
                               const struct replica_crypto *crypto)
{
    static const char *const sql[STATEMENTS] = {
        [BUCKET_ROWS] = SQL_replica_bucket_rows,
        [BUCKET_PUT] = SQL_replica_bucket_put,
        [BUCKET_ALL] = SQL_replica_bucket_all,
    };
    struct replica_digest *d = calloc(1, sizeof *d);
    if (!d)
        return GH_IO;
    d->crypto = crypto;
    enum gh_err err = db_prepare_all(db, d->s, sql, STATEMENTS);
    if (err != GH_OK) {
        replica_digest_free(d);
        return err;
    }
    *out = d;
    return GH_OK;
}

void replica_digest_free(struct replica_digest *d)
{
    if (!d)
        return;
    db_finalize_all(d->s, STATEMENTS);
    free(d->hashes);
    free(d);
}

int replica_digest_bucket_of(const struct replica_crypto *crypto, enum row_kind kind,
                             const struct id *id)
{
    char name[32 + ID_MAX];
    struct slice k = slice_of(row_kind_name(kind)), i = slice_of(id->s);
    unsigned char hash[REPLICA_HASH];
    size_t len = k.len + 1 + i.len;
    memcpy(name, k.ptr, k.len);
    name[k.len] = '\n';
    memcpy(name + k.len + 1, i.ptr, i.len);
    crypto->sha256(hash, slice_make(name, len));
    return hash[0] << 4 | hash[1] >> 4;
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, REPLICA_HASH);
}

static enum gh_err make_room(struct replica_digest *d, size_t n)
{
    if (n <= d->room)
        return GH_OK;
    size_t room = d->room ? d->room * 2 : 512;
    unsigned char *grown = reallocarray(d->hashes, room, REPLICA_HASH);
    if (!grown)
        return GH_IO;
    d->hashes = grown;
    d->room = room;
    return GH_OK;
}

static enum gh_err collect_rows(struct replica_digest *d, int bucket, size_t *count)
{
    DB_RESETS sqlite3_stmt *s = d->s[BUCKET_ROWS];
    bool row = true;
    size_t n = 0;
    enum gh_err err = db_bind_int(s, 1, bucket);
    while (err == GH_OK) {
        err = db_step(s, &row);
        if (err != GH_OK || !row)
            break;
        err = make_room(d, n + 1);
        if (err == GH_OK)
            err = replica_unseal(d->crypto, d->hashes + n++ * REPLICA_HASH, db_column(s, 0));
    }
    *count = n;
    return err;
}

enum gh_err replica_digest_refresh(struct replica_digest *d, int bucket)
{
    size_t n = 0;
    enum gh_err err = collect_rows(d, bucket, &n);
    if (err != GH_OK)
        return err;
    if (n > 0)
        qsort(d->hashes, n, REPLICA_HASH, compare_hashes);

    unsigned char hash[REPLICA_HASH], sealed[REPLICA_SEALED];
    d->crypto->sha256(hash, n ? slice_make(d->hashes, n * REPLICA_HASH) : slice_make("", 0));
    replica_seal(d->crypto, sealed, hash);

    DB_RESETS sqlite3_stmt *s = d->s[BUCKET_PUT];
    err = db_bind_int(s, 1, bucket);
    if (err == GH_OK)
        err = db_bind_int(s, 2, (int64_t)n);
    if (err == GH_OK)
        err = db_bind_blob(s, 3, slice_make(sealed, sizeof sealed));
    return err == GH_OK ? db_run(s) : err;
}

enum gh_err replica_digest_total(struct replica_digest *d, unsigned char out[REPLICA_HASH],
                                 int64_t *rows)
{
    DB_RESETS sqlite3_stmt *s = d->s[BUCKET_ALL];
    unsigned char empty[REPLICA_HASH];
    int64_t total = 0;
    d->crypto->sha256(empty, slice_make("", 0));
    for (size_t i = 0; i < REPLICA_BUCKETS; i++)
        memcpy(d->buckets + i * REPLICA_HASH, empty, REPLICA_HASH);
    for (;;) {
        bool row = false;
        enum gh_err err = db_step(s, &row);
        if (err != GH_OK)
            return err;
        if (!row)
            break;
        int64_t n = sqlite3_column_int64(s, 0);
        if (n < 0 || n >= REPLICA_BUCKETS)
            return GH_CORRUPT;
        err = replica_unseal(d->crypto, d->buckets + n * REPLICA_HASH, db_column(s, 2));
        if (err != GH_OK)
            return err;
        total += sqlite3_column_int64(s, 1);
    }
    d->crypto->sha256(out, slice_make(d->buckets, sizeof d->buckets));
    *rows = total;
    return GH_OK;
}
