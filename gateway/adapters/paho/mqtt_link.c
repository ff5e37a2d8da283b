#include "adapters/paho/mqtt_link.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/paho/nodelay.h"

/* The library's own bound on a connect attempt; ours is shorter and on our clock. */
#define CONNECT_TIMEOUT_S 30
/* We never subscribe to it: taking leave of it changes nothing, and the broker
 * must answer. MQTT's own ping cannot be asked for through the library. */
#define PROBE_FILTER "gatehouse/probe"

/* A message on its way. The library hands its address back, and the link's. */
struct sending {
    struct mqtt_link *link;
    uint64_t tag;
    atomic_bool is_taken;
};

struct mqtt_link {
    MQTTAsync client;
    struct sending sending[MQTT_LINK_IN_FLIGHT_MAX];
    size_t next_sending; /* where to look for a free one first */
    size_t not_granted;  /* subscriptions; of the library's receiving thread */
    const struct mqtt_bus_options *o;
    struct mqtt_link_sink sink;
};

static void tell(struct mqtt_link *link, enum mqtt_link_event event)
{
    link->sink.event(link->sink.context, link, event);
}

static struct mono boot_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

/* --- called by the library --------------------------------------------------- */

static void on_lost(void *context, char *cause)
{
    (void)cause;
    tell(context, LINK_GONE);
}

/* The broker says goodbye; the library does not call on_lost then. */
static void on_disconnected(void *context, MQTTProperties *properties,
                            enum MQTTReasonCodes reason)
{
    (void)properties;
    (void)reason;
    tell(context, LINK_GONE);
}

static void on_failure(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    tell(context, LINK_GONE);
}

static void on_not_connected(void *context, MQTTAsync_failureData5 *response)
{
    /* The library has the broker's reason in code, a failure of its own (negative) likewise. */
    if (response != NULL && (response->code >= (int)MQTTREASONCODE_UNSPECIFIED_ERROR ||
                             response->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)) {
        tell(context, LINK_REFUSED);
    }
    tell(context, LINK_GONE);
}

static void settle(struct sending *sending)
{
    struct mqtt_link *link = sending->link;
    atomic_store(&sending->is_taken, false);
    tell(link, LINK_SETTLED);
}

static void on_sent(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct sending *sending = context;
    struct mqtt_link *link = sending->link;
    if (sending->tag != 0) {
        link->sink.sent(link->sink.context, link, sending->tag);
    }
    settle(sending);
}

static void on_not_sent(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    settle(context);
}

static void on_answer(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    tell(context, LINK_ANSWER);
}

/* The broker may grant less than was asked for, or refuse. */
static void on_subscribed(void *context, MQTTAsync_successData5 *response)
{
    struct mqtt_link *link = context;
    if (response->reasonCode != MQTTREASONCODE_GRANTED_QOS_1) {
        tell(link, LINK_GONE);
    } else if (--link->not_granted == 0) {
        tell(link, LINK_READY);
    }
}

/* Filter by filter: of a subscription to several, 1.3.12 never frees the options if the link ends
 * before they are sent. */
static void on_connected(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct mqtt_link *link = context;
    const char *const *topics = link->o->topics;
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    how.context = link;
    how.onSuccess5 = on_subscribed;
    how.onFailure5 = on_failure;
    how.subscribeOptions.retainAsPublished = 1;
    how.subscribeOptions.retainHandling = 2;
    (void)nodelay_set(link->o->address, link->o->port); /* without it: slower, not wrong */
    link->not_granted = 0;
    while (topics[link->not_granted] != NULL) {
        link->not_granted++;
    }
    for (size_t i = 0; topics[i] != NULL; i++) {
        if (MQTTAsync_subscribe(link->client, topics[i], 1, &how) != MQTTASYNC_SUCCESS) {
            tell(link, LINK_GONE);
            return;
        }
    }
}

static void pass_on(struct mqtt_link *link, const char *topic, size_t topic_len,
                    const MQTTAsync_message *message)
{
    if (topic_len > BUS_TOPIC_MAX) {
        tell(link, LINK_DROPPED);
        return;
    }
    struct bus_note note; /* not cleared as a whole: its payload is 4 KiB */
    size_t len = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;
    note.kind = BUS_MESSAGE;
    note.arrived = boot_now();
    note.retained = message->retained != 0;
    note.oversize = len > BUS_PAYLOAD_MAX;
    note.topic_len = (uint16_t)topic_len;
    note.payload_len = note.oversize ? 0 : (uint16_t)len;
    memcpy(note.topic, topic, topic_len);
    if (note.payload_len > 0) {
        memcpy(note.payload, message->payload, note.payload_len);
    }
    link->sink.message(link->sink.context, link, &note);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    /* A length is given only for a topic with a NUL inside. */
    pass_on(context, topic, topic_len > 0 ? (size_t)topic_len : strlen(topic), message);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1; /* 0 would not bring it again: the library loses it */
}

/* --- called by the bus ------------------------------------------------------- */

enum gh_err mqtt_link_new(struct mqtt_link **out, const struct mqtt_bus_options *o,
                          const struct mqtt_link_sink *sink)
{
    char uri[96];
    struct mqtt_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return GH_IO;
    }
    link->o = o;
    link->sink = *sink;
    bool v6 = strchr(o->address, ':') != NULL;
    MQTTAsync_createOptions how = MQTTAsync_createOptions_initializer5;
    how.maxBufferedMessages = MQTT_LINK_IN_FLIGHT_MAX;
    how.restoreMessages = 0;
    int n = snprintf(uri, sizeof uri, "tcp://%s%s%s:%d", v6 ? "[" : "", o->address, v6 ? "]" : "",
                     o->port);
    if (n < 0 || (size_t)n >= sizeof uri ||
        MQTTAsync_createWithOptions(&link->client, uri, o->client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                    NULL, &how) != MQTTASYNC_SUCCESS) {
        free(link);
        return GH_IO;
    }
    if (MQTTAsync_setCallbacks(link->client, link, on_lost, on_message, NULL) !=
            MQTTASYNC_SUCCESS ||
        MQTTAsync_setDisconnected(link->client, link, on_disconnected) != MQTTASYNC_SUCCESS) {
        mqtt_link_close(link);
        return GH_IO;
    }
    *out = link;
    return GH_OK;
}

enum gh_err mqtt_link_start(struct mqtt_link *link)
{
    const struct mqtt_bus_options *o = link->o;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_connectOptions how = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    expiry.value.integer4 = 0;
    if (MQTTProperties_add(&properties, &expiry) != 0) {
        return GH_IO;
    }
    how.cleanstart = 1;
    how.connectProperties = &properties;
    how.keepAliveInterval = o->keepalive_s;
    how.automaticReconnect = 0; /* the library's stalls after a backward clock step */
    how.connectTimeout = CONNECT_TIMEOUT_S;
    how.username = o->username;
    how.password = o->password;
    how.context = link;
    how.onSuccess5 = on_connected;
    how.onFailure5 = on_not_connected;
    if (o->will_topic != NULL) {
        will.topicName = o->will_topic;
        will.message = o->will_payload;
        will.retained = 1;
        will.qos = 1;
        how.will = &will;
    }
    int rc = MQTTAsync_connect(link->client, &how);
    MQTTProperties_free(&properties);
    return rc == MQTTASYNC_SUCCESS ? GH_OK : GH_IO;
}

static enum gh_err err_of(int rc)
{
    switch (rc) {
    case MQTTASYNC_SUCCESS:
        return GH_OK;
    case MQTTASYNC_DISCONNECTED:
        return GH_RETRY;
    case MQTTASYNC_MAX_BUFFERED_MESSAGES:
    case MQTTASYNC_NO_MORE_MSGIDS:
        return GH_FULL;
    default:
        return GH_IO;
    }
}

static struct sending *take_sending(struct mqtt_link *link, uint64_t tag)
{
    for (size_t i = 0; i < MQTT_LINK_IN_FLIGHT_MAX; i++) {
        size_t at = (link->next_sending + i) % MQTT_LINK_IN_FLIGHT_MAX;
        struct sending *sending = &link->sending[at];
        if (!atomic_load(&sending->is_taken)) {
            atomic_store(&sending->is_taken, true);
            sending->link = link;
            sending->tag = tag;
            link->next_sending = at + 1;
            return sending;
        }
    }
    return NULL;
}

enum gh_err mqtt_link_send(struct mqtt_link *link, const char *topic, struct slice payload,
                           int qos, bool retain, uint64_t tag)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    struct sending *sending = take_sending(link, tag);
    if (sending == NULL) {
        return GH_FULL;
    }
    how.context = sending;
    how.onSuccess5 = on_sent;
    how.onFailure5 = on_not_sent;
    enum gh_err err = err_of(MQTTAsync_send(link->client, topic, (int)payload.len,
                                            payload.len > 0 ? payload.ptr : "", qos, retain, &how));
    if (err != GH_OK) {
        atomic_store(&sending->is_taken, false); /* no callback will come */
    }
    return err;
}

enum gh_err mqtt_link_probe(struct mqtt_link *link)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    how.context = link;
    how.onSuccess5 = on_answer; /* a failure is silence, and silence is noticed */
    return err_of(MQTTAsync_unsubscribe(link->client, PROBE_FILTER, &how));
}

void mqtt_link_close(struct mqtt_link *link)
{
    if (link == NULL) {
        return;
    }
    /* Takes the lock under which all callbacks run, so none is under way after it. */
    MQTTAsync_destroy(&link->client);
    free(link);
}
