/* Commands on their way from the cloud to gatehoused, which checks and does them. */
#ifndef GATEHOUSE_APP_SYNCD_COMMANDS_H
#define GATEHOUSE_APP_SYNCD_COMMANDS_H

#include "app/syncd/sync.h"

/* Hands a command's line over at once; if gatehoused is not there, or others wait already, it
 * waits for commands_pass_on. */
void commands_take(struct sync *s, struct slice line);

/* Hands over what waits, in its order. GH_RETRY, GH_IO: gatehoused is not there. */
GH_MUST_CHECK enum gh_err commands_pass_on(struct sync *s);

#endif
