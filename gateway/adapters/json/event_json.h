/* A journal event: struct event to its bytes.
 *
 * Format (one JSON object, no newline): {"seq","at","mono_ms","clock","kind",
 * then those of door, reader, person, credential, type, decision, reason, via
 * {kind,id}, violation, duress, with, read_id, by, args, that are set, "policy":{"epoch","rev","age_s"},
 * "prev"}. prev is the hex of the chain value over the event before it as
 * stored. args: {action, result, fault, version, mode, on, until,
 * id, person, area, from, to, count}, what is set;
 * absent if nothing is. policy.epoch and rev are 0 while no checkpoint was ever
 * seen; age_s is null then, and while the clock is unset. */
#ifndef GATEHOUSE_ADAPTERS_JSON_EVENT_JSON_H
#define GATEHOUSE_ADAPTERS_JSON_EVENT_JSON_H

#include "core/event.h"

/* Longest by and args.fault, and longest other text in args, as they stand in
 * the JSON, escapes included. What is longer is cut at a character, so that an
 * event always fits: losing it would be worse than losing the end of a text. */
#define EVENT_JSON_LONG_TEXT_MAX 384
#define EVENT_JSON_SHORT_TEXT_MAX 64

/* Writes at most EVENT_JSON_MAX bytes, no terminator. prev is 64 lower-case hex
 * digits. Bytes of a text that are not UTF-8 become U+FFFD. GH_FULL if it does
 * not fit, which no event can bring about. */
GH_MUST_CHECK enum gh_err event_json_write(char out[EVENT_JSON_MAX], size_t *len,
                                           const struct event *event, const char *prev);

#endif
