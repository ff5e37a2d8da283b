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
 * allowed: not JSON, unknown kind or enum value, out of range, wrong type, an
 * id that is none, a schedule that makes no sense, or a kind or field of the
 * contract that this version does not evaluate and that is not at its default
 * (it would be a restriction that nobody enforces). Unknown fields are ignored
 * unless "crit" names them; then a person, group, credential or entitlement
 * becomes inert (why says so, result GH_OK) and any other kind is refused.
 * GH_FULL: the arena is too small for this row. why is "" otherwise. */
GH_MUST_CHECK enum gh_err row_json_parse(struct policy_row *out, struct slice line,
                                         struct arena *arena, char why[ROW_WHY_MAX]);

#endif
