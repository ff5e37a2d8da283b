/* One connection to the broker, from its first attempt to its end: connect,
 * TCP_NODELAY, subscribe, messages. A link that has failed is thrown away; the
 * next attempt is a new one, so that nothing stale is carried over. */
#ifndef GATEHOUSE_ADAPTERS_PAHO_MQTT_LINK_H
#define GATEHOUSE_ADAPTERS_PAHO_MQTT_LINK_H

#include <stdbool.h>

#include "adapters/paho/mqtt_bus.h"
#include "core/err.h"
#include "core/slice.h"
#include "ports/bus.h"

#define MQTT_LINK_TOPICS_MAX 16
/* Messages of ours that may be unanswered. The broker's own limit on them
 * (max_inflight_messages) should not be lower: what exceeds it waits inside Paho,
 * and 1.3.12 never frees what still waits there when the link is lost. */
#define MQTT_LINK_IN_FLIGHT_MAX 512

struct mqtt_link;

enum mqtt_link_event {
    LINK_READY,   /* connected, and every subscription granted at QoS 1 */
    LINK_GONE,    /* failed, refused or lost; may come more than once */
    LINK_REFUSED, /* the broker does not let us in; LINK_GONE follows */
    LINK_SETTLED, /* one message of mqtt_link_send is done with, sent or not */
    LINK_ANSWER,  /* the broker answered a probe */
    LINK_DROPPED, /* a message came on a topic that is too long */
};

/* All are called on a thread of the library, which holds a lock of its own
 * that every other call into the library needs: return at once, call nothing. */
struct mqtt_link_sink {
    void (*event)(void *context, struct mqtt_link *link, enum mqtt_link_event event);
    void (*sent)(void *context, struct mqtt_link *link, uint64_t tag);
    void (*message)(void *context, struct mqtt_link *link, const struct bus_note *note);
    void *context;
};

/* Makes a link that does nothing yet. Keeps options (and all it points to) and
 * sink: they must outlive the link. GH_IO: out of memory. */
GH_MUST_CHECK enum gh_err mqtt_link_new(struct mqtt_link **out, const struct mqtt_bus_options *o,
                                        const struct mqtt_link_sink *sink);
/* Begins to connect. Once, and after whoever takes the events knows the link. */
GH_MUST_CHECK enum gh_err mqtt_link_start(struct mqtt_link *link);

/* Hands a message to the library; topic is closed by a NUL. GH_RETRY: not
 * connected. GH_FULL: its queue is full. GH_IO: refused otherwise. After GH_OK
 * there is one LINK_SETTLED; before it, for a tag that is not 0, sent(tag) if the
 * broker acknowledged. */
GH_MUST_CHECK enum gh_err mqtt_link_send(struct mqtt_link *link, const char *topic,
                                         struct slice payload, int qos, bool retain,
                                         uint64_t tag);

/* Asks the broker for a sign of life, LINK_ANSWER. GH_RETRY: not connected. */
GH_MUST_CHECK enum gh_err mqtt_link_probe(struct mqtt_link *link);

/* Disconnects (in order where it can: then the broker sends no will) and frees;
 * no event comes after it returns. Does not wait as long as the process has
 * another link; for the last one it waits up to 2 s for the library's threads.
 * NULL is allowed. */
void mqtt_link_close(struct mqtt_link *link);

#endif
