/* Hashes, keyed hashes, random bytes and the device key, by libsodium. */
#ifndef GATEHOUSE_ADAPTERS_CRYPTO_CRYPTO_H
#define GATEHOUSE_ADAPTERS_CRYPTO_CRYPTO_H

#include <stddef.h>

#include "core/err.h"
#include "core/read.h"
#include "core/slice.h"

#define SHA256_LEN 32
#define SHA256_HEX 64

/* Must be called once before anything else here; GH_IO when the library
 * cannot start. */
GH_MUST_CHECK enum gh_err crypto_start(void);

void crypto_sha256(unsigned char out[SHA256_LEN], struct slice bytes);

/* SHA-256 of a stream of pieces. */
struct crypto_sha256_state {
    _Alignas(16) unsigned char opaque[128];
};
void crypto_sha256_begin(struct crypto_sha256_state *state);
void crypto_sha256_add(struct crypto_sha256_state *state, struct slice bytes);
void crypto_sha256_end(struct crypto_sha256_state *state, unsigned char out[SHA256_LEN]);

/* The device's secrets, derived from one key file that lies outside the
 * databases. Zero it with crypto_forget when done. */
struct crypto_keys {
    unsigned char value[32];   /* keyed hash of credential values */
    unsigned char journal[32]; /* the journal's hash chain */
};

/* Reads the key file (64 hex digits and a newline, mode 0600 or 0640). With
 * create it is made, durably, if it is missing; without, GH_NOT_FOUND.
 * GH_CORRUPT: it is not a key. GH_INVALID: others may read it. GH_IO. */
GH_MUST_CHECK enum gh_err crypto_keys_load(struct crypto_keys *out, const char *path, int create);
void crypto_forget(void *secret, size_t len);

/* HMAC-SHA-256(key, bytes). */
void crypto_hmac(unsigned char out[SHA256_LEN], const unsigned char key[32], struct slice bytes);

/* A key for many messages: what is hashed of it before and behind each is hashed once. As secret
 * as the key; zero it with crypto_forget when done. */
struct crypto_ready_key {
    _Alignas(16) unsigned char opaque[208];
};
void crypto_key_prepare(struct crypto_ready_key *out, const unsigned char key[32]);
/* The same as crypto_hmac. */
void crypto_hmac_ready(unsigned char out[SHA256_LEN], const struct crypto_ready_key *key,
                       struct slice bytes);

/* The keyed hash under which a credential value is stored:
 * HMAC-SHA-256(keys->value, type name "\n" canonical value). */
void crypto_value_hash(unsigned char out[SHA256_LEN], const struct crypto_keys *keys,
                       enum credential_type type, const struct credential_value *value);
/* The same; key is keys->value. */
void crypto_value_hash_ready(unsigned char out[SHA256_LEN], const struct crypto_ready_key *key,
                             enum credential_type type, const struct credential_value *value);

/* Lower-case hex, zero-terminated: out needs 2 * len + 1 bytes. */
void crypto_hex(char *out, const unsigned char *bytes, size_t len);

void crypto_random(void *out, size_t len);

#endif
