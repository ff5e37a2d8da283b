#include "digest.h"

#include <sodium.h>
#include <string.h>

static void sha256(unsigned char out[HASH_LEN], const void *bytes, size_t len)
{
    crypto_hash_sha256(out, bytes, len);
}

void digest_row_hash(unsigned char out[HASH_LEN], struct bytes line)
{
    sha256(out, line.at, line.len);
}

int digest_bucket_of(const char *k, const char *id)
{
    crypto_hash_sha256_state state;
    unsigned char hash[HASH_LEN];
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)k, strlen(k));
    crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)id, strlen(id));
    crypto_hash_sha256_final(&state, hash);
    return hash[0] << 4 | hash[1] >> 4;
}

void digest_bucket_hash(unsigned char out[HASH_LEN], const unsigned char *hashes, size_t count)
{
    sha256(out, hashes, count * HASH_LEN);
}

void digest_of_buckets(char out[DIGEST_HEX + 1], unsigned char buckets[BUCKETS][HASH_LEN])
{
    unsigned char digest[HASH_LEN];
    sha256(digest, buckets, (size_t)BUCKETS * HASH_LEN);
    sodium_bin2hex(out, DIGEST_HEX + 1, digest, sizeof digest);
}
