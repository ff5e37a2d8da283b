/* The digest of a policy (interface contract, Integrity), kept by buckets.
 *
 * Bucket of a row = first 12 bits of SHA-256(kind "\n" id). Bucket hash =
 * SHA-256 over its row hashes in ascending order. Digest = SHA-256 over the
 * 4,096 bucket hashes in order. So one row touches one bucket. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_DIGEST_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_DIGEST_H

#include "replica_schema.h"

struct replica_digest;

/* Over the tables row and bucket of the connection's main database; both
 * arguments are borrowed for life. Returns owned in *out. */
GH_MUST_CHECK enum gh_err replica_digest_new(struct replica_digest **out, sqlite3 *db,
                                             const struct replica_crypto *crypto);

int replica_digest_bucket_of(const struct replica_crypto *crypto, enum row_kind kind,
                             const struct id *id);

/* Computes a bucket, 0..4095, anew from its rows and stores it. */
GH_MUST_CHECK enum gh_err replica_digest_refresh(struct replica_digest *d, int bucket);

/* Digest and number of rows of the buckets as they are stored. */
GH_MUST_CHECK enum gh_err replica_digest_total(struct replica_digest *d,
                                               unsigned char out[REPLICA_HASH], int64_t *rows);

/* Before the connection is closed. NULL is allowed. */
void replica_digest_free(struct replica_digest *d);
static inline void replica_digest_cleanup(struct replica_digest **d)
{
    replica_digest_free(*d);
}
#define DIGEST_FREES __attribute__((cleanup(replica_digest_cleanup)))

#endif
