#include "replica_check.h"

#include <stdarg.h>
#include <stdio.h>

void replica_hex(char out[REPLICA_DIGEST_HEX + 1], const unsigned char bytes[REPLICA_HASH])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < REPLICA_HASH; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[REPLICA_DIGEST_HEX] = '\0';
}

static bool is_hex_digest(const char *text)
{
    return strnlen(text, REPLICA_DIGEST_HEX + 1) == REPLICA_DIGEST_HEX &&
           strspn(text, "0123456789abcdef") == REPLICA_DIGEST_HEX;
}

enum gh_err replica_refuse(enum gh_err err, char why[REPLICA_WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, REPLICA_WHY_MAX, format, args);
    va_end(args);
    return err;
}

enum gh_err replica_check_place(const struct replica_state *state, bool is_adopted,
                                const struct replica_checkpoint *c, struct slice cursor,
                                char why[REPLICA_WHY_MAX])
{
    const struct policy_version *floor = &state->version, *v = &c->version;
    if (cursor.len > REPLICA_CURSOR_MAX || (cursor.len && memchr(cursor.ptr, 0, cursor.len)))
        return replica_refuse(GH_INVALID, why,
                              "the cursor is longer than %d bytes or holds a zero byte",
                              REPLICA_CURSOR_MAX);
    if ((!is_adopted && !is_hex_digest(c->digest)) || v->epoch < 0 || v->rev < 0 || c->rows < 0 ||
        v->issued_at == INSTANT_NONE)
        return replica_refuse(GH_INVALID, why, "the checkpoint lacks a digest, a place or a time");
    if (floor->issued_at == INSTANT_NONE)
        return GH_OK;
    if (v->epoch < floor->epoch || (v->epoch == floor->epoch && v->rev < floor->rev))
        return replica_refuse(
            GH_INVALID, why,
            "rollback: epoch %lld rev %lld is below the applied epoch %lld rev %lld",
            (long long)v->epoch, (long long)v->rev, (long long)floor->epoch, (long long)floor->rev);
    if (!is_adopted && v->epoch == floor->epoch && v->rev == floor->rev &&
        strcmp(c->digest, state->digest) != 0)
        return replica_refuse(
            GH_INVALID, why,
            "epoch %lld rev %lld is applied with digest %s, the checkpoint says %s",
            (long long)v->epoch, (long long)v->rev, state->digest, c->digest);
    return GH_OK;
}

enum gh_err replica_check_sum(const struct replica_checkpoint *c,
                              const unsigned char hash[REPLICA_HASH], int64_t rows,
                              char why[REPLICA_WHY_MAX])
{
    char digest[REPLICA_DIGEST_HEX + 1];
    replica_hex(digest, hash);
    if (rows != c->rows)
        return replica_refuse(GH_CORRUPT, why,
                              "the policy would have %lld rows, the checkpoint says %lld",
                              (long long)rows, (long long)c->rows);
    if (strcmp(digest, c->digest) != 0)
        return replica_refuse(GH_CORRUPT, why,
                              "the policy's digest would be %s, the checkpoint says %s", digest,
                              c->digest);
    return GH_OK;
}
