/* The bearer token, from its file. */
#ifndef GATEHOUSE_APP_SYNCD_TOKEN_H
#define GATEHOUSE_APP_SYNCD_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_MAX 1024

/* Reads the first line: 1 to TOKEN_MAX visible characters. The file must be
 * regular, and nobody but its owner may read or write it. out is closed by a
 * zero; false with one line in why, which never holds a part of the token. */
bool token_read(char out[TOKEN_MAX + 1], const char *path, char *why, size_t why_size);

#endif
