/* The message bus, as the shell needs it. */
#ifndef GATEHOUSE_PORTS_BUS_H
#define GATEHOUSE_PORTS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/slice.h"

#define BUS_TOPIC_MAX 192
#define BUS_PAYLOAD_MAX 4096

enum bus_kind {
    BUS_MESSAGE, /* a message on a topic that we subscribed to */
    BUS_UP,      /* connected and subscribed */
    BUS_DOWN,    /* the link is gone; the adapter connects again by itself */
    BUS_SENT,    /* the broker has the message that was published with this tag */
};

/* One thing that the bus tells. Plain data, copied into the inbox. */
struct bus_note {
    enum bus_kind kind;
    struct mono arrived;
    uint64_t tag;      /* BUS_SENT only */
    bool retained;
    uint32_t missed;   /* messages of this topic that were dropped before it; set by the inbox */
    bool oversize;     /* payload was over BUS_PAYLOAD_MAX and is not here */
    uint16_t topic_len;
    uint16_t payload_len;
    char topic[BUS_TOPIC_MAX];
    char payload[BUS_PAYLOAD_MAX];
};

struct bus_ops {
    /* Queues a message for sending; never waits. qos 0 or 1.
     * GH_RETRY: not connected, the message is dropped.
     * GH_FULL: too much is on its way, the message is dropped; a tagged message has room for
     * itself then.
     * GH_INVALID: topic or payload too long. GH_IO: the library refused. */
    enum gh_err (*publish)(void *self, struct slice topic, struct slice payload, int qos,
                           bool retain);

    /* As publish with QoS 1, not retained; and a BUS_SENT note with this tag (not
     * 0) comes once the broker has acknowledged it. If the link goes down before
     * that none comes, whether it arrived or not. */
    enum gh_err (*publish_tagged)(void *self, struct slice topic, struct slice payload,
                                  uint64_t tag);
};

struct bus {
    const struct bus_ops *ops;
    void *self;
};

#endif
