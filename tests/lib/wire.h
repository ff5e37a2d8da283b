/* A plain MQTT client that also does what no library would: any client id, any topic,
 * packets that do not wait for an answer. Over TCP or TLS, on 127.0.0.1; MQTT 3.1, 3.1.1
 * and 5.
 *
 * One thread; every wait ends after WAIT_MS at the latest. What arrives is kept in order, and
 * acknowledged. What is sent leaves, all in one piece, when something is waited for. */
#ifndef TESTS_LIB_WIRE_H
#define TESTS_LIB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire;

/* Files, which are read once; ca NULL = no TLS, cert NULL = none is shown. The server must be one
 * of ca and named 127.0.0.1. */
struct wire_tls {
    const char *ca, *cert, *key;
    int highest; /* of the TLS versions, as TLS1_2_VERSION; 0 = the library's newest */
};

struct wire_login {
    int version; /* 3 = MQTT 3.1, 4 = 3.1.1, 5 */
    const char *client_id;
    const char *username, *password; /* NULL = not sent */
    bool keeps_session; /* no clean start; MQTT 5: the session lives for an hour */
    const char *will_topic, *will_text; /* NULL = none; QoS 1 */
    bool will_retained;
    int keepalive_s; /* 0 = 60 */
    bool is_bridge;  /* MQTT 3.1.1: says that it is another broker */
};

struct wire_message {
    bool retained;
    int qos;
    char *topic, *text; /* owned by the wire, each closed by a NUL */
};

/* Connected over TCP, and TLS where that is wanted; NULL if nobody listens. A TLS handshake that
 * failed gives a wire that is down. Owned. */
struct wire *wire_open(int port, const struct wire_tls *tls);
/* Without a DISCONNECT, as a power cut ends it; frees. NULL is allowed. */
void wire_close(struct wire *wire);
/* With one: the broker drops the will. */
void wire_leave(struct wire *wire);

/* The broker's answer to a CONNECT: 0 = we are in, a positive code = refused, -1 = it closed
 * the connection. */
int wire_login(struct wire *wire, const struct wire_login *login);
/* The same without waiting: what is sent next goes right behind it. */
void wire_send_login(struct wire *wire, const struct wire_login *login);
/* Whether the broker found a session of ours (in the answer to the last login). */
bool wire_had_session(const struct wire *wire);

/* QoS 1. Waits for the acknowledgement, which says nothing of what will be delivered. */
bool wire_subscribe(struct wire *wire, const char *filter);
bool wire_unsubscribe(struct wire *wire, const char *filter);
/* Only sends, as wire_publish. */
void wire_send_subscribe(struct wire *wire, const char *filter);
/* Only sends; at QoS 1. topic may be anything. */
void wire_publish(struct wire *wire, const char *topic, const char *text, bool retained);
/* The same at QoS 0, 1 or 2. */
void wire_publish_at(struct wire *wire, const char *topic, const char *text, bool retained,
                     int qos);
/* MQTT 5 with a topic alias (topic "" = the one of that alias), QoS 1. */
void wire_publish_alias(struct wire *wire, const char *topic, int alias, const char *text);
/* There and back: the broker has done all that was sent before. False if the connection is down. */
bool wire_ping(struct wire *wire);
/* Reads until a message with this text has come. False: the connection ended, or WAIT_MS passed. */
bool wire_until(struct wire *wire, const char *text);
/* The same for a topic; *message (may be NULL) is the first on it, borrowed. */
bool wire_until_topic(struct wire *wire, const char *topic, const struct wire_message **message);
/* Reads until the broker has closed the connection. */
bool wire_until_closed(struct wire *wire);
bool wire_is_down(const struct wire *wire);

/* What has come since the last wire_forget, in order. */
size_t wire_count(const struct wire *wire);
const struct wire_message *wire_at(const struct wire *wire, size_t index);
void wire_forget(struct wire *wire);

#endif
