/* A file that only who knows its passphrase can read or alter: a stream of messages, each
 * with a mark, by libsodium (Argon2id for the key, XChaCha20-Poly1305 for the stream).
 *
 *   "gatehouse sealed 1\n"  16 bytes of salt  24 bytes of the stream's header
 *   then for each message: u32, little-endian, length of what follows; the message sealed
 *
 * A message that is missing, repeated, cut or in another place is found, and so is the end
 * of the file before the last message. */
#ifndef GATEHOUSE_ADAPTERS_CRYPTO_SEAL_H
#define GATEHOUSE_ADAPTERS_CRYPTO_SEAL_H

#include <stdbool.h>
#include <stdio.h>

#include "core/err.h"
#include "core/slice.h"

#define SEAL_MESSAGE_MAX 32768 /* bytes of one message; it may be empty */
#define SEAL_KEY_LEN 32

enum seal_mark {
    SEAL_MORE, /* the entry goes on */
    SEAL_LAST, /* the last message of an entry */
    SEAL_END   /* the last of all */
};

struct seal;

/* Begins a stream in file (borrowed until the end). The key needs 64 MiB and about a tenth
 * of a second. Returned owned in *out. GH_IO: it cannot be written, or no memory. */
GH_MUST_CHECK enum gh_err seal_begin(struct seal **out, FILE *file, struct slice passphrase);
/* GH_INVALID: longer than SEAL_MESSAGE_MAX. GH_IO. */
GH_MUST_CHECK enum gh_err seal_put(struct seal *seal, struct slice message, enum seal_mark mark);

/* Begins to read one. GH_INVALID: it is no such file. GH_IO. */
GH_MUST_CHECK enum gh_err unseal_begin(struct seal **out, FILE *file, struct slice passphrase);
/* The next message, borrowed until the next call. GH_CORRUPT: the passphrase is another, or
 * bytes are not as they were sealed; GH_NOT_FOUND: it was the last; GH_IO. */
GH_MUST_CHECK enum gh_err unseal_next(struct seal *seal, struct slice *message,
                                      enum seal_mark *mark);
/* True once the last message was read and nothing stands behind it. */
bool unseal_is_whole(const struct seal *seal);

/* As those, under a key, for tests that have many. */
GH_MUST_CHECK enum gh_err seal_begin_with_key(struct seal **out, FILE *file,
                                              const unsigned char key[SEAL_KEY_LEN]);
GH_MUST_CHECK enum gh_err unseal_begin_with_key(struct seal **out, FILE *file,
                                                const unsigned char key[SEAL_KEY_LEN]);

void seal_free(struct seal *seal); /* NULL is allowed; flushes nothing */

#endif
