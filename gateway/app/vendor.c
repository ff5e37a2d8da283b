#include "app/vendor.h"

#include <stdio.h>
#include <string.h>

static bool is(const struct json *v, const char *name, const char *word)
{
    struct slice text = {0};
    return v && json_text(v, name, &text) && slice_is(text, word);
}

struct dialect_words vendor_words(const struct json *event, enum dialect dialect)
{
    struct dialect_event e = {.has_decision = true, .has_type = true};
    struct slice kind = {0}, decision = {0}, reason = {0}, type = {0};
    const struct json *args = json_child(event, "args"), *via = json_child(event, "via");
    json_text(event, "kind", &kind);
    if (event_kind_parse(&e.kind, kind) != GH_OK)
        return (struct dialect_words){.is_rendered = false};
    json_text(event, "decision", &decision);
    json_text(event, "reason", &reason);
    json_text(event, "type", &type);
    e.has_decision =
        decision_parse(&e.decision, decision) == GH_OK && reason_parse(&e.reason, reason) == GH_OK;
    e.has_type = credential_type_parse(&e.type, type) == GH_OK;
    e.by_reservation = is(via, "kind", "reservation");
    /* An input that is stuck is no request. */
    if (e.kind == EVENT_REQUEST_TO_EXIT && args && json_has(args, "fault"))
        return (struct dialect_words){.is_rendered = false};
    e.is_release =
        e.kind == EVENT_COMMAND && is(args, "action", "release") && is(args, "result", "done");
    if (is(event, "violation", "entry"))
        e.violation = VIOLATION_ENTRY;
    if (is(event, "violation", "exit"))
        e.violation = VIOLATION_EXIT;
    return dialect_render(dialect, &e);
}

size_t vendor_member(char out[VENDOR_MEMBER_MAX], const struct json *event, enum dialect dialect)
{
    struct dialect_words words = vendor_words(event, dialect);
    char text[VENDOR_MEMBER_MAX + 1];
    if (!words.is_rendered || json_has(event, "vendor"))
        return 0;
    /* Names, codes and texts need no escape in JSON (core/dialect.h). */
    int len = snprintf(text, sizeof text,
                       ",\"vendor\":{\"dialect\":\"%s\",\"code\":\"%s%s\",\"text\":\"%s\"}",
                       dialect_name(dialect), words.is_nearest ? "~" : "", words.code, words.text);
    if (len < 0 || (size_t)len >= sizeof text)
        return 0;
    memcpy(out, text, (size_t)len);
    return (size_t)len;
}
