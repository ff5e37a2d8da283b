#include "sign.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_LEN (2 * SIGN_KEY_LEN)

_Static_assert(SIGN_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "the key of libsodium");
_Static_assert(SIGN_BASE64_LEN == 4 * ((crypto_sign_BYTES + 2) / 3), "its signature in base64");

static void close_file(FILE **f)
{
    if (*f)
        fclose(*f);
}

static bool parse_key(unsigned char out[SIGN_KEY_LEN], const char *line)
{
    size_t n = 0;
    return strlen(line) == LINE_LEN + 1 && line[LINE_LEN] == '\n' &&
           sodium_hex2bin(out, SIGN_KEY_LEN, line, LINE_LEN, NULL, &n, NULL) == 0 &&
           n == SIGN_KEY_LEN;
}

enum gh_err sign_keys_load(struct sign_keys *out, const char *path)
{
    struct sign_keys keys = {.n = 0};
    struct stat st;
    char line[LINE_LEN + 3];
    __attribute__((cleanup(close_file))) FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        return GH_IO;
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return GH_INVALID;
    while (fgets(line, sizeof line, f))
        if (keys.n == SIGN_KEYS_MAX || !parse_key(keys.key[keys.n++], line))
            return GH_CORRUPT;
    if (ferror(f))
        return GH_IO;
    if (keys.n == 0)
        return GH_CORRUPT;
    *out = keys;
    return GH_OK;
}

bool sign_is_good(const struct sign_keys *keys, struct slice signature, struct slice bytes)
{
    unsigned char sig[crypto_sign_BYTES];
    size_t n = 0;
    if (signature.len != SIGN_BASE64_LEN ||
        sodium_base642bin(sig, sizeof sig, signature.ptr, signature.len, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n != sizeof sig)
        return false;
    for (int i = 0; i < keys->n; i++)
        if (crypto_sign_verify_detached(sig, (const unsigned char *)bytes.ptr, bytes.len,
                                        keys->key[i]) == 0)
            return true;
    return false;
}
