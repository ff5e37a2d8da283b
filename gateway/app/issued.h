/* The index of the broker's accounts, so that each can be named, listed and revoked.
 *
 * Text. Lines that begin with # are comments; of the others each is an account, of words with
 * one blank between them:
 *   KIND ID HOW SERIAL SINCE UNTIL STATE
 *   KIND    reader | panel
 *   HOW     certificate | password
 *   SERIAL  of the certificate, lower-case hex; - for a password
 *   SINCE   when it was issued, such as 2026-01-05T08:00:00Z
 *   UNTIL   when the certificate ends; - for a password
 *   STATE   live | unfinished | since when it is revoked
 * A live or unfinished account is the only one of its kind and id. `unfinished` stands there
 * while an account is being made: one that stays so was cut off, and may be in use or not. */
#ifndef GATEHOUSE_APP_ISSUED_H
#define GATEHOUSE_APP_ISSUED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/id.h"
#include "core/slice.h"

#define ISSUED_MAX 10000       /* accounts, revoked ones too */
#define ISSUED_SERIAL_TEXT 41  /* 20 bytes in hex, with a zero */
#define ISSUED_NAME_MAX (8 + ID_MAX) /* of an account, with its zero */

enum issued_kind { ISSUED_READER, ISSUED_PANEL, ISSUED_KINDS };
enum issued_how { ISSUED_CERTIFICATE, ISSUED_PASSWORD };
enum issued_state { ISSUED_LIVE, ISSUED_UNFINISHED, ISSUED_REVOKED };

struct issued_entry {
    enum issued_kind kind;
    struct id id;
    enum issued_how how;
    char serial[ISSUED_SERIAL_TEXT]; /* "" for a password */
    int64_t since, until;            /* seconds since 1970; until 0 for a password */
    enum issued_state state;
    int64_t revoked_at; /* of a revoked one */
};

/* All accounts, in the order in which they were made. Start with {0}. */
struct issued {
    struct issued_entry *entry; /* owned */
    size_t n, room;
};

/* "reader", "panel": static storage. */
const char *issued_kind_name(enum issued_kind kind);
const char *issued_how_name(enum issued_how how);
/* What the broker calls it: ID of a reader, @panel/ID of a panel. */
void issued_account_name(char out[ISSUED_NAME_MAX], enum issued_kind kind, const struct id *id);

/* GH_CORRUPT: *line is none of that form, or names an account that an earlier line has. GH_IO:
 * no memory. out is {0} before, and is freed with issued_free. */
GH_MUST_CHECK enum gh_err issued_parse(struct issued *out, struct slice text, int *line);
/* The text, zero-terminated, owned; NULL without memory. */
char *issued_print(const struct issued *issued, size_t *len);
void issued_free(struct issued *issued);

/* The account that is live or unfinished; NULL: none. Borrowed until the next issued_add. */
struct issued_entry *issued_find(const struct issued *issued, enum issued_kind kind,
                                 const struct id *id);
/* Appends a copy. GH_FULL: there are ISSUED_MAX; GH_IO: no memory. */
GH_MUST_CHECK enum gh_err issued_add(struct issued *issued, const struct issued_entry *entry);

#endif
