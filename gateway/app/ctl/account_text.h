/* The text of mosquitto's password_file and acl_file, changed without touching what others
 * wrote there. Texts that are returned are zero-terminated and owned; NULL: no memory. */
#ifndef GATEHOUSE_APP_CTL_ACCOUNT_TEXT_H
#define GATEHOUSE_APP_CTL_ACCOUNT_TEXT_H

#include <stdbool.h>

#include "app/issued.h"
#include "core/slice.h"

/* --- accounts: a line NAME:HASH each, read as mosquitto reads it ---------------------------- */

/* True if the account has a line; *hash (may be NULL) is borrowed from the text. */
bool accounts_find(struct slice text, const char *name, struct slice *hash);
/* The text with one line for the account, in the place of those that it had. */
char *accounts_set(struct slice text, const char *name, const char *hash, size_t *len);
/* The text without any line of the account. */
char *accounts_remove(struct slice text, const char *name, size_t *len);
/* Hands the name of each account to each. */
void accounts_each(struct slice text, void (*each)(void *context, struct slice name),
                   void *context);

/* --- acl: what was shipped, a line of ours, and below it a block for each panel ------------- */

/* What stands above the line of ours, or all. */
struct slice acl_base(struct slice text);
/* The base and a block for each panel that is live or unfinished. */
char *acl_compose(struct slice base, const struct issued *issued, size_t *len);

#endif
