/* Which doors ignore a fire, as the policy said last: for whoever must know it while the
 * policy cannot be asked, gatehouse-safe above all.
 *
 * The file "fire-ignore" in the state folder: one id of a door a line. A door that it does
 * not name is released by a fire; so is every door if there is no such file. */
#ifndef GATEHOUSE_APP_FIRE_RULES_H
#define GATEHOUSE_APP_FIRE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/id.h"

#define FIRE_RULES_FILE "fire-ignore"

struct fire_rules {
    struct id *ignoring; /* owned */
    size_t n;
};

/* Reads the file of a state folder. GH_NOT_FOUND: there is none; GH_INVALID: it is not
 * ours; GH_IO. In all these cases *out is empty. Free with fire_rules_free. */
GH_MUST_CHECK enum gh_err fire_rules_load(struct fire_rules *out, const char *state_dir);
void fire_rules_free(struct fire_rules *rules);

bool fire_rules_ignore(const struct fire_rules *rules, const struct id *door);

/* Replaces the file, whole or not at all. GH_IO. */
GH_MUST_CHECK enum gh_err fire_rules_save(const struct fire_rules *rules, const char *state_dir);

#endif
