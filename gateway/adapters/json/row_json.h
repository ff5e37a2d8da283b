/* A policy row: one NDJSON line to struct policy_row, validated.
 *
 * This is the one place where policy is validated: sync, import and rehearsal
 * all come through here. */
#ifndef GATEHOUSE_ADAPTERS_JSON_ROW_JSON_H
#define GATEHOUSE_ADAPTERS_JSON_ROW_JSON_H

#include "core/arena.h"
#include "core/policy.h"

#define ROW_WHY_MAX 256

/* Parses and checks one line. Lists in *out live in the arena.
 *
 * GH_INVALID with why = one line that names kind, id, field and what is
 * allowed, and never shows a value: not JSON, unknown kind or enum value, out of
 * range, wrong type, an id that is none, a date that does not exist, a schedule
 * that makes no sense. An interval that ends before it starts is none of these:
 * it is never valid. Unknown fields are ignored unless "crit" names them; then a
 * person, group, credential, entitlement or access_rules row becomes inert (why
 * says so, result GH_OK; *out holds what the row says all the same) and any other
 * kind is refused. "crit" names fields of "d" itself, not those within them.
 * GH_FULL: the arena is too small for this row. why is "" otherwise. */
GH_MUST_CHECK enum gh_err row_json_parse(struct policy_row *out, struct slice line,
                                         struct arena *arena, char why[ROW_WHY_MAX]);

#endif
