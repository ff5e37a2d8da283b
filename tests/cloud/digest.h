/* The policy digest: what cloud and gateway compare to know that they hold the
 * same rows.
 *
 *   row hash     SHA-256 of the row's line exactly as sent, without newline
 *   bucket       of a row: the first 12 bits of SHA-256 of k, newline, id
 *   bucket hash  SHA-256 of the row hashes in it, in ascending order, one
 *                behind the other; of nothing, if it is empty
 *   digest       SHA-256 of the 4096 bucket hashes in order, lower-case hex
 *
 * A changed row touches one bucket, so that keeping the bucket hashes makes a
 * change cost one bucket and 128 KiB of hashing, whatever the number of rows. */
#ifndef CLOUD_DIGEST_H
#define CLOUD_DIGEST_H

#include "text.h"

enum { HASH_LEN = 32, DIGEST_HEX = 64, BUCKETS = 4096 };

void digest_row_hash(unsigned char out[HASH_LEN], struct bytes line);
/* 0 to BUCKETS - 1 */
int digest_bucket_of(const char *k, const char *id);
/* hashes: count row hashes in ascending order, HASH_LEN bytes each. */
void digest_bucket_hash(unsigned char out[HASH_LEN], const unsigned char *hashes, size_t count);
void digest_of_buckets(char out[DIGEST_HEX + 1], unsigned char buckets[BUCKETS][HASH_LEN]);

#endif
