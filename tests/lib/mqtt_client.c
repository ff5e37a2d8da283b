#include "lib/mqtt_client.h"

#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/wait.h"

#define FILTERS_MAX 16
#define FD_SCAN 4096

struct mqtt_client {
    MQTTAsync paho;
    struct mqtt_client_options o;
    char *filters[FILTERS_MAX];
    size_t n_filters;
    int fd; /* our socket, found by its ports; -1 if unknown */

    pthread_mutex_t lock; /* taken inside the library's own; nothing is called under it */
    pthread_cond_t changed;
    bool connected;
    bool failed;  /* the step that is waited for */
    bool done;
    int unsettled; /* published and neither acknowledged nor failed */
    int lost;      /* of those: failed */
    struct mqtt_message **messages;
    size_t count, room;
};

/* --- on the library's threads ---------------------------------------------------- */

static void finish(struct mqtt_client *client, bool failed)
{
    pthread_mutex_lock(&client->lock);
    client->done = true;
    client->failed = failed;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void settle(struct mqtt_client *client, bool failed)
{
    pthread_mutex_lock(&client->lock);
    client->unsettled--;
    client->lost += failed;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void note_connected(struct mqtt_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->connected = true;
    pthread_mutex_unlock(&client->lock);
    finish(client, false);
}

static void connected(void *c, MQTTAsync_successData *r) { (void)r; note_connected(c); }
static void connected5(void *c, MQTTAsync_successData5 *r) { (void)r; note_connected(c); }
static void step_done(void *c, MQTTAsync_successData *r) { (void)r; finish(c, false); }
static void step_done5(void *c, MQTTAsync_successData5 *r) { (void)r; finish(c, false); }
static void step_failed(void *c, MQTTAsync_failureData *r) { (void)r; finish(c, true); }
static void step_failed5(void *c, MQTTAsync_failureData5 *r) { (void)r; finish(c, true); }
static void sent(void *c, MQTTAsync_successData *r) { (void)r; settle(c, false); }
static void sent5(void *c, MQTTAsync_successData5 *r) { (void)r; settle(c, false); }
static void not_sent(void *c, MQTTAsync_failureData *r) { (void)r; settle(c, true); }
static void not_sent5(void *c, MQTTAsync_failureData5 *r) { (void)r; settle(c, true); }

static void note_lost(struct mqtt_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->connected = false;
    client->failed = true; /* whatever is waited for does not come any more */
    client->done = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void on_lost(void *context, char *cause)
{
    (void)cause;
    note_lost(context);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes why)
{
    (void)properties;
    (void)why;
    note_lost(context);
}

static struct mqtt_message *copy_message(const char *topic, size_t topic_len,
                                         const MQTTAsync_message *m)
{
    size_t len = m->payloadlen > 0 ? (size_t)m->payloadlen : 0;
    struct mqtt_message *copy = malloc(sizeof *copy + topic_len + 1 + len + 1);
    if (copy == NULL) {
        return NULL;
    }
    char *text = (char *)(copy + 1);
    char *payload = text + topic_len + 1;
    memcpy(text, topic, topic_len);
    text[topic_len] = '\0';
    if (len > 0) {
        memcpy(payload, m->payload, len);
    }
    payload[len] = '\0';
    *copy = (struct mqtt_message){.arrived_ns = wait_now_ns(), .retained = m->retained != 0,
                                  .qos = m->qos, .topic = text, .payload = payload, .len = len};
    return copy;
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
    struct mqtt_client *client = context;
    struct mqtt_message *copy =
        copy_message(topic, topic_len > 0 ? (size_t)topic_len : strlen(topic), m);
    pthread_mutex_lock(&client->lock);
    if (copy != NULL && client->count == client->room) {
        size_t room = client->room ? client->room * 2 : 256;
        struct mqtt_message **more = realloc(client->messages, room * sizeof(*more));
        if (more != NULL) {
            client->messages = more;
            client->room = room;
        }
    }
    if (copy == NULL || client->count == client->room) {
        lib_say("out of memory: a message is lost");
        free(copy);
    } else {
        client->messages[client->count++] = copy;
    }
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

/* --- waiting ------------------------------------------------------------------------ */

static struct timespec end_in(int timeout_ms)
{
    int64_t ns = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    return (struct timespec){ns / 1000000000, (long)(ns % 1000000000)};
}

static void begin_step(struct mqtt_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->done = false;
    client->failed = false;
    pthread_mutex_unlock(&client->lock);
}

static bool wait_step(struct mqtt_client *client, int timeout_ms)
{
    struct timespec end = end_in(timeout_ms);
    int rc = 0;
    pthread_mutex_lock(&client->lock);
    while (!client->done && rc == 0) {
        rc = pthread_cond_timedwait(&client->changed, &client->lock, &end);
    }
    bool good = client->done && !client->failed;
    pthread_mutex_unlock(&client->lock);
    return good;
}

/* --- connecting ------------------------------------------------------------------------ */

static int local_port(int fd, int peer_port)
{
    struct sockaddr_in peer;
    struct sockaddr_in own;
    socklen_t len = sizeof peer;
    socklen_t own_len = sizeof own;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0 || peer.sin_family != AF_INET ||
        ntohs(peer.sin_port) != peer_port ||
        getsockname(fd, (struct sockaddr *)&own, &own_len) != 0) {
        return 0;
    }
    return ntohs(own.sin_port);
}

/* Marks the sockets to the broker that are there before the library makes ours. */
static void list_sockets(int port, int ports[FD_SCAN])
{
    for (int fd = 0; fd < FD_SCAN; fd++) {
        ports[fd] = local_port(fd, port);
    }
}

static void adopt_socket(struct mqtt_client *client, const int before[FD_SCAN])
{
    int one = 1;
    client->fd = -1;
    for (int fd = 0; fd < FD_SCAN; fd++) {
        int port = local_port(fd, client->o.port);
        if (port != 0 && port != before[fd]) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            client->fd = fd;
        }
    }
}

static int start_connect(struct mqtt_client *client)
{
    const MQTTAsync_connectOptions new_way = MQTTAsync_connectOptions_initializer5;
    const MQTTAsync_connectOptions old_way = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions how = client->o.old_protocol ? old_way : new_way;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    how.keepAliveInterval = client->o.keepalive_s > 0 ? client->o.keepalive_s : 60;
    how.username = client->o.username;
    how.password = client->o.password;
    how.context = client;
    if (client->o.old_protocol) {
        how.MQTTVersion = MQTTVERSION_3_1_1;
        how.onSuccess = connected;
        how.onFailure = step_failed;
    } else {
        how.onSuccess5 = connected5;
        how.onFailure5 = step_failed5;
    }
    if (client->o.will_topic) {
        will.topicName = client->o.will_topic;
        will.message = client->o.will_payload;
        will.qos = 1;
        will.retained = 1;
        how.will = &will;
    }
    return MQTTAsync_connect(client->paho, &how);
}

static bool ask_for(struct mqtt_client *client, const char *filter)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    how.context = client;
    if (client->o.old_protocol) {
        how.onSuccess = step_done;
        how.onFailure = step_failed;
    } else {
        how.onSuccess5 = step_done5;
        how.onFailure5 = step_failed5;
    }
    begin_step(client);
    return MQTTAsync_subscribe(client->paho, filter, 1, &how) == MQTTASYNC_SUCCESS &&
           wait_step(client, WAIT_MS);
}

static bool try_connect(struct mqtt_client *client, int timeout_ms)
{
    int before[FD_SCAN];
    list_sockets(client->o.port, before);
    begin_step(client);
    if (start_connect(client) != MQTTASYNC_SUCCESS || !wait_step(client, timeout_ms)) {
        return false;
    }
    adopt_socket(client, before);
    for (size_t i = 0; i < client->n_filters; i++) {
        if (!ask_for(client, client->filters[i])) {
            return false;
        }
    }
    return true;
}

/* A new library client; the old one, if any, is destroyed after it is there, so
 * that the library keeps its threads. */
static bool renew(struct mqtt_client *client)
{
    char uri[64];
    MQTTAsync fresh = NULL;
    const MQTTAsync_createOptions new_way = MQTTAsync_createOptions_initializer5;
    const MQTTAsync_createOptions old_way = MQTTAsync_createOptions_initializer;
    MQTTAsync_createOptions how = client->o.old_protocol ? old_way : new_way;
    how.maxBufferedMessages = 100000;
    if (client->o.old_protocol) {
        how.MQTTVersion = MQTTVERSION_3_1_1;
    }
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", client->o.port);
    if (MQTTAsync_createWithOptions(&fresh, uri, client->o.client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                    NULL, &how) != MQTTASYNC_SUCCESS) {
        return false;
    }
    MQTTAsync_setCallbacks(fresh, client, on_lost, on_message, NULL);
    MQTTAsync_setDisconnected(fresh, client, on_disconnected);
    if (client->paho != NULL) {
        MQTTAsync_destroy(&client->paho);
    }
    client->paho = fresh;
    pthread_mutex_lock(&client->lock);
    client->connected = false;
    client->unsettled = 0;
    client->lost = 0;
    pthread_mutex_unlock(&client->lock);
    return true;
}

static void free_texts(struct mqtt_client *client)
{
    const char *const texts[] = {client->o.client_id, client->o.username, client->o.password,
                                 client->o.will_topic, client->o.will_payload};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free((void *)(uintptr_t)texts[i]);
    }
    for (size_t i = 0; i < client->n_filters; i++) {
        free(client->filters[i]);
    }
}

static const char *copy_text(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct mqtt_client *mqtt_client_open(const struct mqtt_client_options *o)
{
    pthread_condattr_t clock;
    struct mqtt_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    client->o = *o;
    client->fd = -1;
    client->o.client_id = copy_text(o->client_id);
    client->o.username = copy_text(o->username);
    client->o.password = copy_text(o->password);
    client->o.will_topic = copy_text(o->will_topic);
    client->o.will_payload = copy_text(o->will_payload);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&client->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&client->lock, NULL);
    if (!renew(client) || !try_connect(client, WAIT_MS)) {
        lib_say("MQTT client %s cannot connect to port %d", o->client_id, o->port);
        mqtt_client_close(client);
        return NULL;
    }
    return client;
}

bool mqtt_client_connect_again(struct mqtt_client *client, int timeout_ms)
{
    int64_t end = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    while (!mqtt_client_is_connected(client)) {
        int64_t left_ms = (end - wait_now_ns()) / 1000000;
        if (left_ms <= 0) {
            lib_say("MQTT client %s cannot connect again", client->o.client_id);
            return false;
        }
        if (renew(client) && try_connect(client, (int)left_ms)) {
            break;
        }
        wait_pause_ms(20);
    }
    return true;
}

bool mqtt_client_is_connected(struct mqtt_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool connected = client->connected;
    pthread_mutex_unlock(&client->lock);
    return connected;
}

static bool is_cut(void *client)
{
    return !mqtt_client_is_connected(client);
}

void mqtt_client_cut(struct mqtt_client *client)
{
    if (client->fd >= 0 && local_port(client->fd, client->o.port) != 0) {
        shutdown(client->fd, SHUT_RDWR);
        wait_until(is_cut, client, WAIT_MS);
    }
}

void mqtt_client_close(struct mqtt_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->paho != NULL) {
        MQTTAsync_destroy(&client->paho); /* sends a DISCONNECT where it can */
    }
    for (size_t i = 0; i < client->count; i++) {
        free(client->messages[i]);
    }
    free(client->messages);
    free_texts(client);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

bool mqtt_client_subscribe(struct mqtt_client *client, const char *filter)
{
    if (client->n_filters >= FILTERS_MAX || !ask_for(client, filter)) {
        lib_say("cannot subscribe to %s", filter);
        return false;
    }
    client->filters[client->n_filters] = strdup(filter);
    client->n_filters += client->filters[client->n_filters] != NULL;
    return true;
}

bool mqtt_client_publish(struct mqtt_client *client, const char *topic, const void *payload,
                         size_t len, int qos, bool retain, int64_t *sent_ns)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    how.context = client;
    if (client->o.old_protocol) {
        how.onSuccess = sent;
        how.onFailure = not_sent;
    } else {
        how.onSuccess5 = sent5;
        how.onFailure5 = not_sent5;
    }
    pthread_mutex_lock(&client->lock);
    client->unsettled++;
    pthread_mutex_unlock(&client->lock);
    int64_t now = wait_now_ns();
    int rc = MQTTAsync_send(client->paho, topic, (int)len, len > 0 ? payload : "", qos, retain,
                            &how);
    if (rc != MQTTASYNC_SUCCESS) {
        settle(client, false);
        return false;
    }
    if (sent_ns) {
        *sent_ns = now;
    }
    return true;
}

bool mqtt_client_flush(struct mqtt_client *client, int timeout_ms)
{
    struct timespec end = end_in(timeout_ms);
    int rc = 0;
    pthread_mutex_lock(&client->lock);
    while (client->unsettled > 0 && client->connected && rc == 0) {
        rc = pthread_cond_timedwait(&client->changed, &client->lock, &end);
    }
    bool all = client->unsettled == 0 && client->lost == 0;
    client->lost = 0;
    pthread_mutex_unlock(&client->lock);
    return all;
}

/* --- what arrived -------------------------------------------------------------------------- */

size_t mqtt_client_count(struct mqtt_client *client)
{
    pthread_mutex_lock(&client->lock);
    size_t count = client->count;
    pthread_mutex_unlock(&client->lock);
    return count;
}

const struct mqtt_message *mqtt_client_at(struct mqtt_client *client, size_t index)
{
    pthread_mutex_lock(&client->lock);
    const struct mqtt_message *m = index < client->count ? client->messages[index] : NULL;
    pthread_mutex_unlock(&client->lock);
    return m;
}

const struct mqtt_message *mqtt_client_wait(struct mqtt_client *client, size_t from,
                                            bool (*is_wanted)(const struct mqtt_message *m,
                                                              void *context),
                                            void *context, int timeout_ms, size_t *index)
{
    struct timespec end = end_in(timeout_ms);
    const struct mqtt_message *found = NULL;
    int rc = 0;
    pthread_mutex_lock(&client->lock);
    while (found == NULL) {
        for (; from < client->count && found == NULL; from++) {
            const struct mqtt_message *m = client->messages[from];
            if (is_wanted == NULL || is_wanted(m, context)) {
                found = m;
                if (index) {
                    *index = from;
                }
            }
        }
        if (found != NULL || rc != 0) {
            break;
        }
        rc = pthread_cond_timedwait(&client->changed, &client->lock, &end);
    }
    pthread_mutex_unlock(&client->lock);
    return found;
}

struct wanted_text {
    const char *topic, *text;
};

static bool has_text(const struct mqtt_message *m, void *context)
{
    const struct wanted_text *w = context;
    return strcmp(m->topic, w->topic) == 0 && (w->text == NULL || strstr(m->payload, w->text));
}

const struct mqtt_message *mqtt_client_wait_text(struct mqtt_client *client, size_t from,
                                                 const char *topic, const char *text,
                                                 int timeout_ms)
{
    struct wanted_text w = {topic, text};
    const struct mqtt_message *m = mqtt_client_wait(client, from, has_text, &w, timeout_ms, NULL);
    if (m == NULL) {
        lib_say("nothing on %s with \"%s\" in %d ms", topic, text ? text : "", timeout_ms);
    }
    return m;
}
