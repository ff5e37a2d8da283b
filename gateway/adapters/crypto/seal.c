#include "seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "gatehouse sealed 1\n";
#define MAGIC_LEN (sizeof magic - 1)
#define SALT_LEN crypto_pwhash_SALTBYTES
#define HEADER_LEN crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define SEALED_MAX (SEAL_MESSAGE_MAX + crypto_secretstream_xchacha20poly1305_ABYTES)

_Static_assert(SEAL_KEY_LEN == crypto_secretstream_xchacha20poly1305_KEYBYTES, "libsodium's key");

struct seal {
    FILE *file;
    crypto_secretstream_xchacha20poly1305_state state;
    bool is_over;
    unsigned char sealed[SEALED_MAX], plain[SEAL_MESSAGE_MAX];
};

static const unsigned char tags[] = {
    [SEAL_MORE] = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    [SEAL_LAST] = crypto_secretstream_xchacha20poly1305_TAG_PUSH,
    [SEAL_END] = crypto_secretstream_xchacha20poly1305_TAG_FINAL,
};

static bool put(FILE *file, const void *bytes, size_t len)
{
    return len == 0 || fwrite(bytes, len, 1, file) == 1;
}

static bool get(FILE *file, void *bytes, size_t len)
{
    return fread(bytes, len, 1, file) == 1;
}

/* Fixed by the version in the file's first line, so that no file can ask for more. */
static bool key_of(unsigned char key[SEAL_KEY_LEN], struct slice passphrase,
                   const unsigned char salt[SALT_LEN])
{
    return crypto_pwhash(key, SEAL_KEY_LEN, passphrase.ptr, passphrase.len, salt, 4,
                         64 * 1024 * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

void seal_free(struct seal *seal)
{
    if (seal)
        sodium_memzero(seal, sizeof *seal);
    free(seal);
}

/* --- writing ------------------------------------------------------------------------------ */

enum gh_err seal_begin_with_key(struct seal **out, FILE *file,
                                const unsigned char key[SEAL_KEY_LEN])
{
    unsigned char header[HEADER_LEN];
    struct seal *s = calloc(1, sizeof *s);
    if (!s)
        return GH_IO;
    s->file = file;
    crypto_secretstream_xchacha20poly1305_init_push(&s->state, header, key);
    if (!put(file, header, sizeof header)) {
        seal_free(s);
        return GH_IO;
    }
    *out = s;
    return GH_OK;
}

enum gh_err seal_begin(struct seal **out, FILE *file, struct slice passphrase)
{
    unsigned char salt[SALT_LEN], key[SEAL_KEY_LEN];
    randombytes_buf(salt, sizeof salt);
    bool good = key_of(key, passphrase, salt) && put(file, magic, MAGIC_LEN) &&
                put(file, salt, sizeof salt);
    enum gh_err err = good ? seal_begin_with_key(out, file, key) : GH_IO;
    sodium_memzero(key, sizeof key);
    return err;
}

enum gh_err seal_put(struct seal *s, struct slice message, enum seal_mark mark)
{
    unsigned long long len;
    if (message.len > SEAL_MESSAGE_MAX || s->is_over)
        return GH_INVALID;
    crypto_secretstream_xchacha20poly1305_push(&s->state, s->sealed, &len,
                                               (const unsigned char *)message.ptr, message.len,
                                               NULL, 0, tags[mark]);
    const unsigned char length[4] = {(unsigned char)len, (unsigned char)(len >> 8),
                                     (unsigned char)(len >> 16), 0};
    s->is_over = mark == SEAL_END;
    return put(s->file, length, sizeof length) && put(s->file, s->sealed, (size_t)len) ? GH_OK
                                                                                      : GH_IO;
}

/* --- reading ------------------------------------------------------------------------------ */

enum gh_err unseal_begin_with_key(struct seal **out, FILE *file,
                                  const unsigned char key[SEAL_KEY_LEN])
{
    unsigned char header[HEADER_LEN];
    if (!get(file, header, sizeof header))
        return ferror(file) ? GH_IO : GH_INVALID;
    struct seal *s = calloc(1, sizeof *s);
    if (!s)
        return GH_IO;
    s->file = file;
    if (crypto_secretstream_xchacha20poly1305_init_pull(&s->state, header, key) != 0) {
        seal_free(s);
        return GH_INVALID;
    }
    *out = s;
    return GH_OK;
}

enum gh_err unseal_begin(struct seal **out, FILE *file, struct slice passphrase)
{
    char line[MAGIC_LEN];
    unsigned char salt[SALT_LEN], key[SEAL_KEY_LEN];
    if (!get(file, line, sizeof line) || !get(file, salt, sizeof salt))
        return ferror(file) ? GH_IO : GH_INVALID;
    if (memcmp(line, magic, MAGIC_LEN) != 0)
        return GH_INVALID;
    enum gh_err err = key_of(key, passphrase, salt) ? unseal_begin_with_key(out, file, key) : GH_IO;
    sodium_memzero(key, sizeof key);
    return err;
}

static enum gh_err broken(const struct seal *s)
{
    return ferror(s->file) ? GH_IO : GH_CORRUPT;
}

enum gh_err unseal_next(struct seal *s, struct slice *message, enum seal_mark *mark)
{
    unsigned char length[4], tag;
    unsigned long long len;
    if (s->is_over)
        return GH_NOT_FOUND;
    if (!get(s->file, length, sizeof length))
        return broken(s);
    size_t n = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
               (size_t)length[3] << 24;
    if (n < crypto_secretstream_xchacha20poly1305_ABYTES || n > SEALED_MAX)
        return GH_CORRUPT;
    if (!get(s->file, s->sealed, n))
        return broken(s);
    if (crypto_secretstream_xchacha20poly1305_pull(&s->state, s->plain, &len, &tag, s->sealed, n,
                                                   NULL, 0) != 0)
        return GH_CORRUPT;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (tags[i] != tag)
            continue;
        *mark = (enum seal_mark)i;
        *message = slice_make(s->plain, (size_t)len);
        s->is_over = *mark == SEAL_END;
        return GH_OK;
    }
    return GH_CORRUPT;
}

bool unseal_is_whole(const struct seal *s)
{
    return s->is_over && getc(s->file) == EOF && !ferror(s->file);
}
