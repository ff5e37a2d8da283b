/* The one way in which this folder reads JSON: strictly. */
#ifndef GATEHOUSE_ADAPTERS_JSON_STRICT_H
#define GATEHOUSE_ADAPTERS_JSON_STRICT_H

#include <jansson.h>

#include "core/slice.h"

/* Deepest nesting of objects and arrays. */
#define STRICT_DEPTH_MAX 32

/* For locals. json_decref allows NULL. */
static inline void strict_release(json_t **v)
{
    json_decref(*v);
}
#define STRICT_OWNED __attribute__((cleanup(strict_release)))

/* Parses bytes that hold exactly one object and nothing else but white space:
 * strict UTF-8, no member twice in an object, no NUL, nesting within the bound,
 * integers within 64 bits. Returns owned; NULL otherwise, and then why (may be
 * NULL) is one line that quotes nothing of the bytes, since they may be secret. */
json_t *strict_load(struct slice bytes, char *why, size_t why_size);

/* The bytes of a JSON string, borrowed; {NULL, 0} if v is none (or NULL). */
struct slice strict_text(const json_t *v);

#endif
