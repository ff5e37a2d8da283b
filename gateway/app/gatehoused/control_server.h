/* The control socket's server side, on the loop: short calls are answered at
 * once, long ones go to the clerk. The protocol is in app/control.h. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CONTROL_SERVER_H
#define GATEHOUSE_APP_GATEHOUSED_CONTROL_SERVER_H

#include "app/gatehoused/clerk.h"
#include "app/gatehoused/cloud_command.h"
#include "app/gatehoused/controller.h"
#include "app/gatehoused/denials.h"
#include "app/gatehoused/inputs.h"

/* Connections that may be open at a time. */
#define CONTROL_CONNECTIONS 16

struct control_server;

struct control_parts {
    struct controller *controller;
    struct denials *denials;
    const struct inputs *inputs;
    const struct sign_keys *command_keys; /* whose commands the cloud's are; NULL = nobody's */
    const struct id *gateway;
    struct clerk *clerk;
    /* As journal_db_ack. */
    enum gh_err (*ack)(void *self, struct slice stream, uint64_t seq);
    void *journal;
    struct now (*now)(void *self);
    void *clock;
};

/* Listens at path (mode 0660; a socket left there is replaced, one that answers is not) and registers
 * with the epoll descriptor; its events carry data.ptr = the server. GH_IO with
 * one line in why. Parts are copied. */
GH_MUST_CHECK enum gh_err control_server_open(struct control_server **out, const char *path,
                                              int epoll_fd, const struct control_parts *parts,
                                              char *why, size_t why_size);

/* Serves whatever is ready; never waits. */
void control_server_serve(struct control_server *server);

void control_server_close(struct control_server *server);

#endif
