/* Finds sockets of this process by where they lead, to set an option that the
 * MQTT library does not offer. */
#ifndef GATEHOUSE_ADAPTERS_PAHO_NODELAY_H
#define GATEHOUSE_ADAPTERS_PAHO_NODELAY_H

/* Sets TCP_NODELAY on every TCP socket of this process that is connected to this
 * numeric address and port. How many there were; 0 also where /proc is missing. */
int nodelay_set(const char *address, int port);

#endif
