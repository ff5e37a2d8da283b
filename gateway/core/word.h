/* Words of the contract for values of an enum: one table, both directions. */
#ifndef GATEHOUSE_CORE_WORD_H
#define GATEHOUSE_CORE_WORD_H

#include "core/err.h"
#include "core/slice.h"

/* The index of word in table; GH_INVALID if it is not there. */
GH_MUST_CHECK static inline enum gh_err word_find(int *out, const char *const *table, int n,
                                                  struct slice word)
{
    for (int i = 0; i < n; i++) {
        if (slice_is(word, table[i])) {
            *out = i;
            return GH_OK;
        }
    }
    return GH_INVALID;
}

#endif
