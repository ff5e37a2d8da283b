/* Vendor dialects: our reasons in the words and codes that other access control
 * systems publish (decision contract, "Vendor dialects"). The journal knows only
 * ours; a dialect renders an event at any time. */
#ifndef GATEHOUSE_CORE_DIALECT_H
#define GATEHOUSE_CORE_DIALECT_H

#include <stdbool.h>

#include "core/access.h"
#include "core/event.h"

/* "native", "doorflow-guide", ...; static storage. */
const char *dialect_name(enum dialect dialect);
/* GH_INVALID for a word that is no dialect. */
GH_MUST_CHECK enum gh_err dialect_parse(enum dialect *out, struct slice word);

/* What a dialect looks at in an event. */
struct dialect_event {
    enum event_kind kind;
    bool has_decision; /* decision and reason are set */
    enum decision decision;
    enum reason reason;
    bool has_type;
    enum credential_type type;
    bool by_reservation; /* the path was an entitlement of kind reservation */
    enum violation violation;
    bool is_release; /* kind command: it released a door, and that is done */
};

/* Printable ASCII without '"' and '\': they can stand in JSON as they are. */
#define DIALECT_WORD_MAX 64

struct dialect_words {
    bool is_rendered; /* false: the vendor has nothing for such an event; nothing else is set */
    bool is_nearest;  /* the vendor publishes none for it; this one comes nearest */
    const char *code; /* the vendor's number, or its word; static storage */
    const char *text; /* what the number means, in our words; else the same word */
};

/* Always nothing for DIALECT_NATIVE. */
struct dialect_words dialect_render(enum dialect dialect, const struct dialect_event *event);

#endif
