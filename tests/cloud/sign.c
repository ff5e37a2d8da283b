#include "sign.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEED = crypto_sign_SEEDBYTES, HEX = 2 * SEED };

/* 64 hex digits, and a newline or none behind them. */
static bool read_seed(unsigned char seed[SEED], FILE *file)
{
    char text[HEX + 2] = "";
    size_t n = 0;
    size_t len = fread(text, 1, sizeof text, file);
    bool good = (len == HEX || (len == HEX + 1 && text[HEX] == '\n')) &&
                sodium_hex2bin(seed, SEED, text, HEX, NULL, &n, NULL) == 0 && n == SEED;
    sodium_memzero(text, sizeof text);
    return good;
}

bool signer_load(struct signer *out, const char *path, char why[256])
{
    unsigned char seed[SEED];
    struct stat st;
    FILE *file = fopen(path, "re");
    if (!file || fstat(fileno(file), &st) != 0)
        snprintf(why, 256, "%s: %s", path, strerror(errno));
    else if ((st.st_mode & 077) != 0)
        snprintf(why, 256, "%s: others than its owner may read it: chmod 600", path);
    else if (!read_seed(seed, file))
        snprintf(why, 256, "%s: must hold 64 hex digits (--make-key makes such a file)", path);
    else
        out->is_there = crypto_sign_seed_keypair(out->public, out->secret, seed) == 0;
    sodium_memzero(seed, sizeof seed);
    if (file)
        fclose(file);
    return out->is_there;
}

bool signer_make(const char *path, char why[256])
{
    unsigned char seed[SEED];
    char text[HEX + 2];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(why, 256, "%s: %s", path, strerror(errno));
        return false;
    }
    randombytes_buf(seed, sizeof seed);
    sodium_bin2hex(text, sizeof text, seed, sizeof seed);
    text[HEX] = '\n';
    bool good = write(fd, text, HEX + 1) == HEX + 1 && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    if (!good) {
        unlink(path);
        snprintf(why, 256, "%s: cannot be written", path);
    }
    return good;
}

void signer_public(const struct signer *signer, char out[65])
{
    sodium_bin2hex(out, 65, signer->public, sizeof signer->public);
}

void signer_sign(const struct signer *signer, struct bytes bytes, bool wrong, char out[SIGN_TEXT])
{
    unsigned char sig[crypto_sign_BYTES];
    out[0] = '\0';
    if (!signer->is_there)
        return;
    /* The other bytes are the same but for the last. */
    size_t len = wrong && bytes.len > 0 ? bytes.len - 1 : bytes.len;
    crypto_sign_detached(sig, NULL, (const unsigned char *)bytes.at, len, signer->secret);
    sodium_bin2base64(out, SIGN_TEXT, sig, sizeof sig, sodium_base64_VARIANT_ORIGINAL);
}
