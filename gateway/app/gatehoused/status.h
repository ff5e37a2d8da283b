/* What people and panels are shown: the gateway's and the doors' state. */
#ifndef GATEHOUSE_APP_GATEHOUSED_STATUS_H
#define GATEHOUSE_APP_GATEHOUSED_STATUS_H

#include "adapters/json/json.h"
#include "app/gatehoused/controller.h"
#include "app/gatehoused/inputs.h"

/* {"version","uptime_s","clock","broker","policy","cloud","journal","reads"}, as the
 * control socket's call "status" describes them. Owned; NULL when out of memory. */
struct json *status_of_gateway(struct controller *c, struct now now);

/* {"doors":[...]}, as the call "doors" describes them. Owned or NULL. */
struct json *status_of_doors(struct controller *c, struct now now);

/* {"inputs":[{"door"?,"input","chip","line","active","changes","state"}]}; owned, NULL when
 * out of memory. */
struct json *status_of_inputs(const struct inputs *inputs);

#endif
