#include "replica_schema.h"

#include <stdio.h>

#include "replica_digest.h"
#include "sql/replica.h"

enum gh_err replica_schema_check(sqlite3 *db, bool *fresh)
{
    int64_t application = 0, layout = 0, tables = 0;
    enum gh_err err = db_pragma(db, "PRAGMA application_id", &application);
    if (err == GH_OK)
        err = db_pragma(db, "PRAGMA user_version", &layout);
    if (err == GH_OK)
        err = db_pragma(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err != GH_OK)
        return err;
    bool is_fresh = application == 0 && layout == 0 && tables == 0;
    if (!is_fresh && (application != REPLICA_APPLICATION_ID || layout != REPLICA_LAYOUT))
        return GH_CORRUPT;
    *fresh = is_fresh;
    return GH_OK;
}

static enum gh_err put_first_meta(sqlite3 *db, const struct replica_crypto *crypto)
{
    unsigned char hash[REPLICA_HASH], digest[REPLICA_SEALED], check[REPLICA_SEALED];
    const unsigned char zeros[REPLICA_HASH] = {0};
    int64_t rows = 0;
    DIGEST_FREES struct replica_digest *d = NULL;
    sqlite3_stmt *s = NULL;
    const char *sql = SQL_replica_meta_insert;
    enum gh_err err = replica_digest_new(&d, db, crypto);
    if (err == GH_OK)
        err = replica_digest_total(d, hash, &rows);
    if (err != GH_OK)
        return err;
    replica_seal(crypto, digest, hash);
    replica_seal(crypto, check, zeros);

    err = db_prepare_all(db, &s, &sql, 1);
    if (err == GH_OK)
        err = db_bind_blob(s, 1, slice_make(digest, sizeof digest));
    if (err == GH_OK)
        err = db_bind_blob(s, 2, slice_make(check, sizeof check));
    if (err == GH_OK)
        err = db_run(s);
    db_finalize_all(&s, 1);
    return err;
}

enum gh_err replica_schema_create(sqlite3 *db, const struct replica_crypto *crypto)
{
    enum gh_err err = db_exec(db, "BEGIN IMMEDIATE");
    if (err != GH_OK)
        return err;
    err = db_exec(db, SQL_replica_tables);
    if (err == GH_OK)
        err = db_exec(db, SQL_replica_entitlement_tables);
    if (err == GH_OK)
        err = db_exec(db, SQL_replica_rule_tables);
    if (err == GH_OK)
        err = db_exec(db, SQL_replica_main_tables);
    if (err == GH_OK)
        err = put_first_meta(db, crypto);
    if (err == GH_OK)
        err = db_exec(db, "COMMIT");
    return err;
}

static void xor_hash(unsigned char out[REPLICA_HASH], const unsigned char a[REPLICA_HASH],
                     const unsigned char b[REPLICA_HASH])
{
    for (size_t i = 0; i < REPLICA_HASH; i++)
        out[i] = (unsigned char)(a[i] ^ b[i]);
}

void replica_seal(const struct replica_crypto *crypto, unsigned char out[REPLICA_SEALED],
                  const unsigned char hash[REPLICA_HASH])
{
    unsigned char mask[REPLICA_HASH];
    sqlite3_randomness(REPLICA_NONCE, out);
    crypto->mask(crypto->context, mask, slice_make(out, REPLICA_NONCE));
    xor_hash(out + REPLICA_NONCE, hash, mask);
}

enum gh_err replica_unseal(const struct replica_crypto *crypto, unsigned char out[REPLICA_HASH],
                           struct slice sealed)
{
    unsigned char mask[REPLICA_HASH];
    if (sealed.len != REPLICA_SEALED)
        return GH_CORRUPT;
    crypto->mask(crypto->context, mask, slice_make(sealed.ptr, REPLICA_NONCE));
    xor_hash(out, (const unsigned char *)sealed.ptr + REPLICA_NONCE, mask);
    return GH_OK;
}

void replica_type_status(char out[2 * POLICY_WORD_MAX + 2], const char *type, const char *status)
{
    (void)snprintf(out, 2 * POLICY_WORD_MAX + 2, "%.*s%c%.*s", POLICY_WORD_MAX, type,
                   REPLICA_BETWEEN_TEXTS, POLICY_WORD_MAX, status);
}
