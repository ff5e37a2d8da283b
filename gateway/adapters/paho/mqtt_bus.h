/* The message bus over MQTT 5, by Eclipse Paho.
 *
 * Clean session, reconnect on our own monotonic timer with jitter, subscribe
 * again after every connect, TCP_NODELAY on the connected socket. Paho's
 * callback only copies into the inbox. */
#ifndef GATEHOUSE_ADAPTERS_PAHO_MQTT_BUS_H
#define GATEHOUSE_ADAPTERS_PAHO_MQTT_BUS_H

#include "core/err.h"
#include "ports/bus.h"

struct mqtt_bus;

struct mqtt_bus_options {
    const char *address; /* numeric: a name lookup could block; borrowed for the call */
    int port;
    const char *client_id;
    const char *username;      /* NULL = none */
    const char *password;      /* NULL = none */
    const char *will_topic;    /* retained last will, QoS 1; NULL = none */
    const char *will_payload;
    const char *const *topics; /* filters to subscribe to, QoS 1, retain as published,
                                  no retained messages on subscribe; NULL-terminated */
    int keepalive_s;           /* 5..60 */
    /* Called on a thread of the library: copy and leave, never block. */
    void (*note)(void *context, const struct bus_note *note);
    void *context;
};

/* Copies the options. GH_INVALID: the address is not numeric. */
GH_MUST_CHECK enum gh_err mqtt_bus_open(struct mqtt_bus **out, const struct mqtt_bus_options *o);
struct bus mqtt_bus_port(struct mqtt_bus *bus);

/* Starts or goes on connecting when its time has come; call it whenever the
 * deadline passes. Never blocks. Loop thread. */
void mqtt_bus_tick(struct mqtt_bus *bus, struct mono now);
/* When mqtt_bus_tick wants to be called next; false = it waits for the library. */
bool mqtt_bus_deadline(struct mqtt_bus *bus, struct mono *out);
bool mqtt_bus_is_up(struct mqtt_bus *bus);

/* Disconnects (waits at most timeout_ms for what is on its way), frees. No note
 * is given after it returns. */
void mqtt_bus_close(struct mqtt_bus *bus, int timeout_ms);

#endif
