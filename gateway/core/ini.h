/* INI text, entry by entry, with line numbers.
 *
 * Format: "[section]" lines, "name = value" lines, blank lines and comments
 * that start with # or ; as the first character of a line. White space around
 * names and values is dropped; there are no continuation lines, quotes or
 * comments behind a value. (inih cuts section names at 50 bytes, and keeps
 * line numbers to itself; our identifiers are up to 64 long.) */
#ifndef GATEHOUSE_CORE_INI_H
#define GATEHOUSE_CORE_INI_H

#include <stdbool.h>

#include "core/slice.h"

struct ini_line {
    int number; /* from 1 */
    enum { INI_SECTION, INI_ENTRY, INI_BAD } what;
    struct slice name;  /* of the section or the entry; never empty but for INI_BAD */
    struct slice value; /* of an entry; may be empty */
};

/* Where a walk over a text stands; start with {.rest = text}. */
struct ini_walk {
    struct slice rest;
    int number;
};

/* The next line that is neither blank nor a comment; false at the end. Slices
 * are borrowed from the text. */
bool ini_next(struct ini_walk *walk, struct ini_line *out);

#endif
