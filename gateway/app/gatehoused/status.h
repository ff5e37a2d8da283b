/* What people and panels are shown: the gateway's and the doors' state. */
#ifndef GATEHOUSE_APP_GATEHOUSED_STATUS_H
#define GATEHOUSE_APP_GATEHOUSED_STATUS_H

#include "adapters/json/json.h"
#include "app/gatehoused/controller.h"
#include "app/gatehoused/inputs.h"

/* {"version","uptime_s","clock","broker","policy","cloud","journal","reads"}, as the
 * control socket's call "status" describes them. Owned; NULL when out of memory. */
struct json *status_of_gateway(struct controller *c, struct now now);

/* Doors or inputs in one answer, which is a line of CONTROL_LINE_MAX. */
#define STATUS_PAGE 100

/* {"doors":[...],"next"?}, as the call "doors" describes them, from the from-th door on.
 * Owned or NULL. */
struct json *status_of_doors(struct controller *c, size_t from, struct now now);

/* {"inputs":[...],"next"?}, as the call "inputs" describes them. Owned or NULL. */
struct json *status_of_inputs(const struct inputs *inputs, size_t from);

#endif
