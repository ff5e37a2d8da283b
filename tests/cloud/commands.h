/* Commands to gateways: signed, sent with the changes, and again until their result has come
 * back as an event. */
#ifndef CLOUD_COMMANDS_H
#define CLOUD_COMMANDS_H

#include <stdint.h>

#include "cloud.h"
#include "http.h"

/* POST /admin/sites/{site}/gateways/{gw}/commands, and GET: what became of them. */
void admin_command(struct cloud *cloud, const struct call *call, struct answer *answer);
void admin_get_commands(struct cloud *cloud, const struct call *call, struct answer *answer);

/* Calls each for every line that is due for a poll of this site, in the order in which they
 * were made, and notes that they were sent. came_us (now_wall_us): when the poll came, so that
 * all that wait when a command is sent get it, and who comes behind that does not get it at once
 * again. false on failure. */
bool commands_due(struct cloud *cloud, const char *site, int64_t came_us,
                  void (*each)(void *context, struct bytes line), void *context);
/* Whether some are; else *next_ms (now_mono_ms) is when there may be some, INT64_MAX = never. */
bool commands_are_due(struct cloud *cloud, const char *site, int64_t came_us, int64_t *next_ms);

/* An event of this gateway was stored: if it is a command's result, that command is done with. */
void commands_take_event(struct cloud *cloud, const char *site, const char *gateway,
                         struct bytes event);

#endif
