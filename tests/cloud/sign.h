/* The cloud's keys: Ed25519 seeds in files, signatures in base64. */
#ifndef CLOUD_SIGN_H
#define CLOUD_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

enum { SIGN_TEXT = 89 /* a signature in base64, and its end */ };

struct signer {
    bool is_there; /* without a key nothing is signed */
    unsigned char secret[64], public[32];
};

/* Reads a file of 64 hex digits that is its owner's alone. out must be {0}. false with one
 * line in why. */
bool signer_load(struct signer *out, const char *path, char why[256]);

/* Makes such a file (0600), which must not be there yet. false with one line in why. */
bool signer_make(const char *path, char why[256]);

/* The public key as 64 hex digits. */
void signer_public(const struct signer *signer, char out[65]);

/* "" if there is no key. wrong: the signature of other bytes. */
void signer_sign(const struct signer *signer, struct bytes bytes, bool wrong, char out[SIGN_TEXT]);

#endif
