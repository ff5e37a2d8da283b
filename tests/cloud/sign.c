#include "sign.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SEED = crypto_sign_SEEDBYTES };

bool signer_load(struct signer *out, const char *path, char why[256])
{
    char text[2 * SEED + 2] = "";
    unsigned char seed[SEED];
    size_t n = 0;
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    bool good = len == 2 * SEED + 1 && text[len - 1] == '\n' &&
                sodium_hex2bin(seed, sizeof seed, text, 2 * SEED, NULL, &n, NULL) == 0 && n == SEED;
    if (!good) {
        snprintf(why, 256, "%s: must hold 64 hex digits and a newline (--make-key makes one)", path);
        return false;
    }
    crypto_sign_seed_keypair(out->public, out->secret, seed);
    out->is_there = true;
    return true;
}

bool signer_make(const char *path, char why[256])
{
    unsigned char seed[SEED];
    char text[2 * SEED + 2];
    randombytes_buf(seed, sizeof seed);
    sodium_bin2hex(text, sizeof text, seed, sizeof seed);
    text[2 * SEED] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, 2 * SEED + 1) == 2 * SEED + 1;
    int error = errno;
    if (fd >= 0 && close(fd) != 0)
        good = false;
    if (!good)
        snprintf(why, 256, "%s: %s", path, strerror(error));
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
    crypto_sign_detached(sig, NULL, (const unsigned char *)bytes.at, bytes.len, signer->secret);
    if (wrong)
        sig[0] ^= 1;
    sodium_bin2base64(out, SIGN_TEXT, sig, sizeof sig, sodium_base64_VARIANT_ORIGINAL);
}
