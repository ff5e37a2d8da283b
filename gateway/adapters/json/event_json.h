/* A journal event: struct event to its bytes, and back to a summary for tables.
 *
 * Format (one JSON object, no newline): {"seq","at","mono_ms","clock","kind",
 * then those of door, reader, person, credential, type, decision, reason, via
 * {kind,id}, read_id, by, args, that are set, "policy":{"epoch","rev","age_s"},
 * "prev"}. prev is the hex of the chain value over the event before it as
 * stored. policy.age_s is null while no checkpoint was ever seen or the clock
 * is unset; epoch and rev are 0 then. */
#ifndef GATEHOUSE_ADAPTERS_JSON_EVENT_JSON_H
#define GATEHOUSE_ADAPTERS_JSON_EVENT_JSON_H

#include "core/event.h"

/* Writes at most EVENT_JSON_MAX bytes, no terminator. prev is 64 lower-case hex
 * digits. GH_FULL if it does not fit (cannot happen while every text in the
 * event is within its bound). */
GH_MUST_CHECK enum gh_err event_json_write(char out[EVENT_JSON_MAX], size_t *len,
                                           const struct event *event, const char *prev);

#endif
