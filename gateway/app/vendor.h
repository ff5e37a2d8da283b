/* A vendor's words for a stored event, from its JSON. */
#ifndef GATEHOUSE_APP_VENDOR_H
#define GATEHOUSE_APP_VENDOR_H

#include "adapters/json/json.h"
#include "core/dialect.h"

/* Words for an event as it is stored; not rendered if it is none that we know. */
struct dialect_words vendor_words(const struct json *event, enum dialect dialect);

#define VENDOR_MEMBER_MAX 192

/* The member that goes behind the last one of an event, before its closing brace:
 * ,"vendor":{"dialect":"akuvox","code":"~Invalid PIN","text":"Invalid PIN"}
 * with a ~ before a code that is only the nearest. Returns its length; 0 (out is
 * untouched) if the dialect has nothing for the event, or the event has such a
 * member already. No terminator. */
size_t vendor_member(char out[VENDOR_MEMBER_MAX], const struct json *event, enum dialect dialect);

#endif
