/* Growing byte buffers, and byte ranges that somebody else owns. */
#ifndef CLOUD_TEXT_H
#define CLOUD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes owned by somebody else; not zero-terminated. */
struct bytes {
    const char *at;
    size_t len;
};

/* A buffer that grows; {0} is an empty one. Once memory ran out, failed stays
 * true and nothing more is added: check it once, at the end. */
struct text {
    char *at;
    size_t len;
    size_t room;
    bool failed;
};

void text_add(struct text *t, const void *bytes, size_t len);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds s as a JSON string, quotes included; what is not plain ASCII becomes "?". */
void text_add_json(struct text *t, const char *s);
struct bytes text_bytes(const struct text *t);
void text_free(struct text *t);

/* Takes the next line off *rest, without its newline; false at the end. */
bool bytes_line(struct bytes *rest, struct bytes *line);
bool bytes_equal(struct bytes a, const char *b);

/* An identifier: 1 to 64 characters of A-Z a-z 0-9 . _ : - */
bool is_identifier(const char *s);

/* A whole number without sign, digits only, up to most. */
bool parse_number(const char *s, size_t len, long long most, long long *out);

/* Unix time as 2026-01-05T08:00:00Z; only this form is read. */
void format_instant(char out[32], int64_t unix_s);
bool parse_instant(const char *s, int64_t *unix_s);

#endif
