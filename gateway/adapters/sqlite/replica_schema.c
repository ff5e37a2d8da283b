#include "replica_schema.h"

#include <stdio.h>

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
