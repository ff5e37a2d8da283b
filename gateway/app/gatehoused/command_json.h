/* Commands as JSON: {"action","id"?,"door"?,"args"?,"not_after"?,"by"?}, as the
 * control socket, panels, the cloud and rehearsals give them. args: until; person
 * and area; or reader, type, value and location. person and area may also stand
 * beside args. */
#ifndef GATEHOUSE_APP_GATEHOUSED_COMMAND_JSON_H
#define GATEHOUSE_APP_GATEHOUSED_COMMAND_JSON_H

#include "adapters/json/json.h"
#include "app/gatehoused/controller.h"

/* fallback: the id of the read of a present that has none itself. False with one
 * line in why. out->by is not set. */
bool command_json_parse(const struct json *v, const char *fallback, struct command *out,
                        char *why, size_t why_size);

/* A read from members type, value, pin, bits and location of an object. As above. */
bool command_json_read(const struct json *v, const struct id *reader, const char *read_id,
                       struct read *out, char *why, size_t why_size);

#endif
