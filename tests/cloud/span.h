/* Finds values in JSON text without changing a byte of them: what gateways
 * signed or chained must be stored as it came. */
#ifndef CLOUD_SPAN_H
#define CLOUD_SPAN_H

#include "text.h"

/* The text must have been found to be valid JSON before (by jansson): these
 * walk over it and check nothing. */

/* The value of a member of the outermost object, as it stands in the text; the
 * name must be written there without escapes. false if it is not there. */
bool span_member(struct bytes object, const char *name, struct bytes *value);
/* The same for the last member of the outermost object, and only if it has that
 * name: *before is the object's text up to the comma that precedes it. */
bool span_last_member(struct bytes object, const char *name, struct bytes *before,
                      struct bytes *value);
/* Takes the next element off *rest, which is an array's text at first; false
 * at its end. */
bool span_element(struct bytes *rest, struct bytes *element);

#endif
