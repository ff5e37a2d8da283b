/* An MQTT client for tests: keeps every message that arrives, with its time.
 *
 * TCP_NODELAY is set on its socket. It never reconnects by itself. Functions may
 * be called from any one thread; what they return stays valid until close. */
#ifndef TESTS_LIB_MQTT_CLIENT_H
#define TESTS_LIB_MQTT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

struct mqtt_client;

struct mqtt_message {
    int64_t arrived_ns; /* CLOCK_MONOTONIC, in the library's callback */
    bool retained;
    int qos;
    const char *topic;   /* closed by a NUL */
    const char *payload; /* len bytes, and a NUL behind them */
    size_t len;
};

struct mqtt_client_options {
    int port;
    const char *client_id;
    bool old_protocol;    /* MQTT 3.1.1; otherwise 5 */
    const char *username; /* NULL = none */
    const char *password;
    const char *will_topic; /* NULL = none; QoS 1, retained */
    const char *will_payload;
    int keepalive_s;        /* 0 = 60 */
};

/* Connected; NULL if not within WAIT_MS. */
struct mqtt_client *mqtt_client_open(const struct mqtt_client_options *options);
/* Connects again, trying until timeout_ms have passed, and subscribes to all
 * filters again. Fine when it is connected still: then it does nothing. */
bool mqtt_client_connect_again(struct mqtt_client *client, int timeout_ms);
bool mqtt_client_is_connected(struct mqtt_client *client);
/* Cuts the connection without a DISCONNECT, as a power cut does: the broker
 * sends the will. */
void mqtt_client_cut(struct mqtt_client *client);
/* Disconnects in order if connected; frees. NULL is allowed. */
void mqtt_client_close(struct mqtt_client *client);

/* QoS 1; waits for the broker's grant. Retained messages on the topic arrive.
 * At most 16 filters. */
bool mqtt_client_subscribe(struct mqtt_client *client, const char *filter);

/* Queues a message. *sent_ns (may be NULL) is the time just before. */
bool mqtt_client_publish(struct mqtt_client *client, const char *topic, const void *payload,
                         size_t len, int qos, bool retain, int64_t *sent_ns);
/* Waits until the broker has acknowledged all that was published at QoS 1. */
bool mqtt_client_flush(struct mqtt_client *client, int timeout_ms);

/* Messages so far, in order of arrival; index < count. */
size_t mqtt_client_count(struct mqtt_client *client);
const struct mqtt_message *mqtt_client_at(struct mqtt_client *client, size_t index);

/* The first message from number `from` on for which is_wanted says true, waiting
 * for it at most timeout_ms; NULL if none came. is_wanted NULL = any. *index (may
 * be NULL) is its number. */
const struct mqtt_message *mqtt_client_wait(struct mqtt_client *client, size_t from,
                                            bool (*is_wanted)(const struct mqtt_message *m,
                                                              void *context),
                                            void *context, int timeout_ms, size_t *index);
/* The same for a topic and a text that the payload holds (NULL = any). */
const struct mqtt_message *mqtt_client_wait_text(struct mqtt_client *client, size_t from,
                                                 const char *topic, const char *text,
                                                 int timeout_ms);

#endif
