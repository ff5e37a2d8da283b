#include "auth.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Hashes of equal length are compared, so that the time taken tells nothing
 * about the token, not even how long it is. */
static void hash_of(struct secret *out, const char *token, size_t len)
{
    crypto_hash_sha256(out->hash, (const unsigned char *)token, len);
}

bool secret_load(struct secret *out, const char *path, char why[256])
{
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(why, 256, "%s: %s", path, strerror(errno));
        return false;
    }
    char line[TOKEN_MAX + 2];
    size_t len = 0;
    if (fgets(line, sizeof line, file))
        len = strcspn(line, "\r\n");
    fclose(file);
    bool good = len >= TOKEN_MIN && len <= TOKEN_MAX;
    for (size_t i = 0; good && i < len; i++)
        good = line[i] > ' ' && line[i] <= '~';
    if (good)
        hash_of(out, line, len);
    else
        snprintf(why, 256, "%s: the first line must be a token of %d to %d visible characters",
                 path, TOKEN_MIN, TOKEN_MAX);
    sodium_memzero(line, sizeof line);
    return good;
}

bool secret_matches(const struct secret *s, const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    struct secret given;
    hash_of(&given, authorization + 7, strlen(authorization + 7));
    return secret_equal(s, &given);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return sodium_memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}
