/* Signatures: Ed25519, checked against public keys that were pinned. */
#ifndef GATEHOUSE_ADAPTERS_CRYPTO_SIGN_H
#define GATEHOUSE_ADAPTERS_CRYPTO_SIGN_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

#define SIGN_KEYS_MAX 4 /* the present one, and those before and after it */
#define SIGN_KEY_LEN 32
#define SIGN_BASE64_LEN 88 /* of a signature */

struct sign_keys {
    unsigned char key[SIGN_KEYS_MAX][SIGN_KEY_LEN];
    int n; /* 0 = nothing is believed */
};

/* Reads a file of one to SIGN_KEYS_MAX lines, each the 64 hex digits of a public key. One
 * that somebody else than its owner and root may write is not believed: GH_INVALID.
 * GH_NOT_FOUND; GH_CORRUPT: it holds something else; GH_IO. */
GH_MUST_CHECK enum gh_err sign_keys_load(struct sign_keys *out, const char *path);

/* True if one of the keys has signed these bytes. signature: standard base64 with padding,
 * of exactly SIGN_BASE64_LEN characters. */
bool sign_is_good(const struct sign_keys *keys, struct slice signature, struct slice bytes);

#endif
