/* The payload of a read: bytes to struct read. */
#ifndef GATEHOUSE_ADAPTERS_JSON_READ_JSON_H
#define GATEHOUSE_ADAPTERS_JSON_READ_JSON_H

#include "core/read.h"

/* Parses a payload (JSON, UTF-8, at most READ_PAYLOAD_MAX bytes) of a read of
 * this reader. GH_INVALID when it is malformed: not UTF-8, not JSON, not an
 * object, a member of a wrong type or range, duplicate members, no type or
 * value, no id, an unknown type, a value without a canonical form. Unknown
 * members are ignored. On GH_INVALID *out still has reader and, where the
 * payload had a good "id", read_id, so that the reader can be answered; all
 * else in it is zero. */
GH_MUST_CHECK enum gh_err read_json_parse(struct read *out, const struct id *reader,
                                          struct slice payload);

#endif
