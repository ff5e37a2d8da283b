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
    /* Called on a thread of the library, or in mqtt_bus_tick: copy and leave,
     * never block, call nothing of this header. Never by two threads at once. */
    void (*note)(void *context, const struct bus_note *note);
    void *context;
};

/* Copies the options; 1 to 16 topics. GH_INVALID: the address is not numeric, or
 * another option is missing or out of its range. */
GH_MUST_CHECK enum gh_err mqtt_bus_open(struct mqtt_bus **out, const struct mqtt_bus_options *o);
/* Loop thread, as all of this header. At most 512 messages may be unanswered,
 * then GH_FULL; those on their way when the link goes down are lost. */
struct bus mqtt_bus_port(struct mqtt_bus *bus);

/* Starts or goes on connecting when its time has come; call it whenever the
 * deadline passes. Never blocks. Loop thread. */
void mqtt_bus_tick(struct mqtt_bus *bus, struct mono now);
/* When mqtt_bus_tick wants to be called next; false = it waits for the library. */
bool mqtt_bus_deadline(struct mqtt_bus *bus, struct mono *out);
bool mqtt_bus_is_up(struct mqtt_bus *bus);
/* True from when the broker has not let us in (no such account, a wrong password) until it has. */
bool mqtt_bus_is_refused(struct mqtt_bus *bus);
/* Messages dropped so far because their topic was over BUS_TOPIC_MAX. */
uint64_t mqtt_bus_dropped(struct mqtt_bus *bus);

/* Disconnects in order, so that the broker does not send the will (waits at most
 * timeout_ms for what is on its way, then up to 2 s for the library's threads to
 * end), frees. No note is given after it returns. NULL is allowed. */
void mqtt_bus_close(struct mqtt_bus *bus, int timeout_ms);

#endif
