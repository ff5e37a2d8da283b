/* Bearer tokens: read from a file, kept as a hash, compared in constant time. */
#ifndef CLOUD_AUTH_H
#define CLOUD_AUTH_H

#include <stdbool.h>

enum { TOKEN_MIN = 16, TOKEN_MAX = 512 };

struct secret {
    unsigned char hash[32];
};

/* The file's first line is the token: TOKEN_MIN to TOKEN_MAX visible characters.
 * false with one line in why otherwise. */
bool secret_load(struct secret *out, const char *path, char why[256]);
/* Does the Authorization header (may be NULL) carry this token? */
bool secret_matches(const struct secret *s, const char *authorization);
bool secret_equal(const struct secret *a, const struct secret *b);

#endif
