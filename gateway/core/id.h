/* Identifiers of rows, readers, doors, reads: 1-64 characters of
 * A-Z a-z 0-9 . _ : - (decision contract, ground rules). */
#ifndef GATEHOUSE_CORE_ID_H
#define GATEHOUSE_CORE_ID_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

#define ID_MAX 64

/* Zero-terminated; the empty string stands for "none". */
struct id {
    char s[ID_MAX + 1];
};

/* GH_INVALID when the text is not an identifier. */
GH_MUST_CHECK enum gh_err id_set(struct id *out, struct slice text);

/* True if the text is an identifier. */
bool id_is_valid(struct slice text);

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return strcmp(a->s, b->s) == 0;
}

static inline bool id_is_none(const struct id *a)
{
    return a->s[0] == '\0';
}

#endif
