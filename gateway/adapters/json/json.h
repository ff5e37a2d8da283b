/* JSON values, as a thin face over the library: reading members with their
 * types checked, and building objects. For protocols that are not worth a
 * codec of their own (control socket, cloud replies). */
#ifndef GATEHOUSE_ADAPTERS_JSON_JSON_H
#define GATEHOUSE_ADAPTERS_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

/* A value that we own; free with json_free (NULL allowed). */
struct json;

/* Parses bytes that hold exactly one object: strict UTF-8, no duplicate
 * members, no NUL in strings, nesting at most 32. Returns owned; NULL with one
 * line in why (may be NULL) otherwise. */
struct json *json_parse_object(struct slice bytes, char *why, size_t why_size);
void json_free(struct json *v);

/* Members. Each returns false and leaves *out alone when the member is absent,
 * null or of another type. Slices are borrowed from the value. */
bool json_text(const struct json *v, const char *name, struct slice *out);
bool json_int(const struct json *v, const char *name, int64_t *out);
bool json_bool(const struct json *v, const char *name, bool *out);
/* True if the member is there and not null. */
bool json_has(const struct json *v, const char *name);
/* A member that is an object, borrowed; NULL otherwise. (Not json_object: the
 * library has a function of that name, and ours would take its place.) */
const struct json *json_child(const struct json *v, const char *name);
/* A member that is an array: its length, 0 otherwise; and its i-th element. */
bool json_has_array(const struct json *v, const char *name);
size_t json_array_len(const struct json *v, const char *name);
const struct json *json_array_at(const struct json *v, const char *name, size_t i);
/* The same where it is a text. */
bool json_array_text(const struct json *v, const char *name, size_t i, struct slice *out);

/* Building; false/NULL means out of memory, or a text that is not UTF-8 or holds
 * a NUL, or a number that is not finite (nothing was set). */
struct json *json_new(void);
bool json_set_text(struct json *v, const char *name, struct slice text);
bool json_set_int(struct json *v, const char *name, int64_t n);
bool json_set_real(struct json *v, const char *name, double n);
bool json_set_bool(struct json *v, const char *name, bool b);
bool json_set_null(struct json *v, const char *name);
/* text NULL: null. */
bool json_set_text_or_null(struct json *v, const char *name, const char *text);
/* Takes child, also on failure. */
bool json_set(struct json *v, const char *name, struct json *child);
/* Appends to the array member of that name, made if absent; takes child. */
bool json_append(struct json *v, const char *name, struct json *child);
/* Appends a text or a number to the array member of that name, made if absent. */
bool json_append_text(struct json *v, const char *name, struct slice text);
bool json_append_int(struct json *v, const char *name, int64_t n);
/* An array member without elements. */
bool json_set_empty_array(struct json *v, const char *name);
/* Copies a member of another object, whatever it is; nothing if it has none. */
bool json_copy_member(struct json *v, const char *name, const struct json *from);
/* A copy of an object, owned; NULL when out of memory. */
struct json *json_clone(const struct json *v);

/* The compact text, members in order of insertion; owned, free() it; NULL when
 * out of memory. Its length goes to *len if not NULL. */
char *json_print(const struct json *v, size_t *len);

#endif
