/* The gateway whole: the controller with its real world around it, and the
 * loop that waits for them. */
#ifndef GATEHOUSE_APP_GATEHOUSED_GATEWAY_H
#define GATEHOUSE_APP_GATEHOUSED_GATEWAY_H

#include "app/config.h"

struct gateway_options {
    const struct config *config; /* borrowed */
    bool simulated;              /* the simulated board, at RUN_DIR/sim.sock */
};

/* Runs until SIGTERM or SIGINT. Every other signal that matters must not have
 * been blocked or handled before. Returns the process's exit status: 0 after a
 * proper stop, 1 when it could not start (said in the log). */
int gateway_run(const struct gateway_options *options);

#endif
