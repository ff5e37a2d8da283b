#include "broker_password.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define ITERATIONS 101
#define SALT_LEN 12
#define HASH_LEN 64
#define SALT_TEXT 16 /* base64 of 12 bytes: no padding */
#define HASH_TEXT 88 /* of 64 bytes */

static bool print(char out[BROKER_HASH_MAX], const unsigned char salt[SALT_LEN],
                  struct slice password)
{
    unsigned char hash[HASH_LEN];
    unsigned char salt_text[SALT_TEXT + 1], hash_text[HASH_TEXT + 1];
    if (password.len > INT_MAX ||
        PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, salt, SALT_LEN, ITERATIONS, EVP_sha512(),
                          HASH_LEN, hash) != 1)
        return false;
    EVP_EncodeBlock(salt_text, salt, SALT_LEN);
    EVP_EncodeBlock(hash_text, hash, HASH_LEN);
    snprintf(out, BROKER_HASH_MAX, "$7$%d$%s$%s", ITERATIONS, (const char *)salt_text,
             (const char *)hash_text);
    return true;
}

enum gh_err broker_password_hash(char out[BROKER_HASH_MAX], struct slice password)
{
    char text[BROKER_HASH_MAX];
    unsigned char salt[SALT_LEN];
    bool good = RAND_bytes(salt, SALT_LEN) == 1 && print(text, salt, password);
    ERR_clear_error();
    if (!good)
        return GH_IO;
    memcpy(out, text, sizeof text);
    return GH_OK;
}

bool broker_password_is(struct slice hash, struct slice password)
{
    static const char head[] = "$7$101$";
    const size_t head_len = sizeof head - 1;
    char text[BROKER_HASH_MAX];
    unsigned char salt[SALT_LEN];
    if (hash.len != head_len + SALT_TEXT + 1 + HASH_TEXT || memcmp(hash.ptr, head, head_len) != 0)
        return false;
    bool is = EVP_DecodeBlock(salt, (const unsigned char *)hash.ptr + head_len, SALT_TEXT) == SALT_LEN &&
              print(text, salt, password) && strlen(text) == hash.len &&
              CRYPTO_memcmp(text, hash.ptr, hash.len) == 0;
    ERR_clear_error();
    return is;
}
