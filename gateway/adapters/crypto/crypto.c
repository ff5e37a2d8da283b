#include "crypto.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct crypto_sha256_state),
              "the library's state fits into ours");
static_assert(sizeof(crypto_auth_hmacsha256_state) <= sizeof(struct crypto_ready_key),
              "and so does that of a key");

static const unsigned char *bytes_of(struct slice s)
{
    return (const unsigned char *)(s.ptr ? s.ptr : "");
}

enum gh_err crypto_start(void)
{
    return sodium_init() < 0 ? GH_IO : GH_OK;
}

void crypto_sha256(unsigned char out[SHA256_LEN], struct slice bytes)
{
    (void)crypto_hash_sha256(out, bytes_of(bytes), bytes.len);
}

void crypto_sha256_begin(struct crypto_sha256_state *state)
{
    (void)crypto_hash_sha256_init((crypto_hash_sha256_state *)(void *)state->opaque);
}

void crypto_sha256_add(struct crypto_sha256_state *state, struct slice bytes)
{
    (void)crypto_hash_sha256_update((crypto_hash_sha256_state *)(void *)state->opaque,
                                    bytes_of(bytes), bytes.len);
}

void crypto_sha256_end(struct crypto_sha256_state *state, unsigned char out[SHA256_LEN])
{
    (void)crypto_hash_sha256_final((crypto_hash_sha256_state *)(void *)state->opaque, out);
}

void crypto_forget(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

void crypto_hmac(unsigned char out[SHA256_LEN], const unsigned char key[32], struct slice bytes)
{
    (void)crypto_auth_hmacsha256(out, bytes_of(bytes), bytes.len, key);
}

static crypto_auth_hmacsha256_state state_of(const struct crypto_ready_key *key)
{
    crypto_auth_hmacsha256_state state;
    memcpy(&state, key->opaque, sizeof state);
    return state;
}

void crypto_key_prepare(struct crypto_ready_key *out, const unsigned char key[32])
{
    (void)crypto_auth_hmacsha256_init((crypto_auth_hmacsha256_state *)(void *)out->opaque, key, 32);
}

void crypto_hmac_ready(unsigned char out[SHA256_LEN], const struct crypto_ready_key *key,
                       struct slice bytes)
{
    crypto_auth_hmacsha256_state state = state_of(key);
    (void)crypto_auth_hmacsha256_update(&state, bytes_of(bytes), bytes.len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void crypto_value_hash_ready(unsigned char out[SHA256_LEN], const struct crypto_ready_key *key,
                             enum credential_type type, const struct credential_value *value)
{
    const char *name = credential_type_name(type);
    crypto_auth_hmacsha256_state state = state_of(key);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)name, strlen(name));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)"\n", 1);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)value->text, value->len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void crypto_value_hash(unsigned char out[SHA256_LEN], const struct crypto_keys *keys,
                       enum credential_type type, const struct credential_value *value)
{
    struct crypto_ready_key key;
    crypto_key_prepare(&key, keys->value);
    crypto_value_hash_ready(out, &key, type, value);
    crypto_forget(&key, sizeof key);
}

void crypto_hex(char *out, const unsigned char *bytes, size_t len)
{
    (void)sodium_bin2hex(out, 2 * len + 1, bytes, len);
}

void crypto_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}
