/* A free TCP port on 127.0.0.1 for a server of a test. */
#ifndef TESTS_LIB_PORT_H
#define TESTS_LIB_PORT_H

#include <stdbool.h>

/* A port that nothing uses, or 0. It lies below the kernel's range for outgoing
 * connections: from inside that range a client that keeps trying a port with no
 * server can end up connected to itself, or take the port before a restart. */
int port_free(void);

/* Waits until something accepts connections on 127.0.0.1:port. */
bool port_wait_open(int port, int timeout_ms);

#endif
