#include "bench/wires.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/reader.h"
#include "lib/wait.h"

#define FD_SCAN 1024

void wires_set_nodelay(int port, bool on)
{
    for (int fd = 3; fd < FD_SCAN; fd++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        int value = on;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
        }
    }
}

static bool call_up(struct wires *w, int i, int port)
{
    char id[32], topic[64];
    snprintf(id, sizeof id, "bench-%d", i);
    struct mqtt_client_options o = {.port = port, .client_id = id};
    w->client[i] = mqtt_client_open(&o);
    snprintf(topic, sizeof topic, "bench/answer/%d", i);
    bool good = w->client[i] != NULL && mqtt_client_subscribe(w->client[i], topic);
    for (int k = 0; k < WIRES_READERS && good; k++) {
        snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%03d/feedback", i + k * WIRES_MAX);
        good = mqtt_client_subscribe(w->client[i], topic);
    }
    return good;
}

/* --- keeping the library awake -------------------------------------------------------------- */

/* It looks for new sockets only when an old one has news, or after a second: without this each
 * further client takes two seconds to connect. And after a second without a packet it sleeps for
 * 100 ms, here and in the process that echoes; gatehoused has its own way round that. */
#define WAKE_CONNECTING_MS 5
#define WAKE_MS 300

struct wires_waker {
    struct mqtt_client *client;
    pthread_t thread;
    atomic_int pause_ms; /* 0: it is to end */
};

static void *wake(void *context)
{
    struct wires_waker *waker = context;
    int pause_ms;
    while ((pause_ms = atomic_load(&waker->pause_ms)) > 0) {
        (void)mqtt_client_publish(waker->client, "bench/ask/wake", "", 0, 1, false, NULL);
        wait_pause_ms(pause_ms);
    }
    return NULL;
}

static struct wires_waker *waker_open(int port)
{
    struct wires_waker *waker = calloc(1, sizeof *waker);
    struct mqtt_client_options o = {.port = port, .client_id = "bench-waker"};
    if (waker == NULL)
        return NULL;
    atomic_store(&waker->pause_ms, WAKE_CONNECTING_MS);
    waker->client = mqtt_client_open(&o);
    if (waker->client != NULL && pthread_create(&waker->thread, NULL, wake, waker) == 0)
        return waker;
    mqtt_client_close(waker->client);
    free(waker);
    return NULL;
}

static void waker_close(struct wires_waker *waker)
{
    if (waker == NULL)
        return;
    atomic_store(&waker->pause_ms, 0);
    pthread_join(waker->thread, NULL);
    mqtt_client_close(waker->client);
    free(waker);
}

/* --- the readers ---------------------------------------------------------------------------- */

bool wires_open(struct wires *w, int port, int n, bool nodelay)
{
    *w = (struct wires){.n = n, .waker = waker_open(port)};
    bool good = w->waker != NULL;
    for (int i = 0; i < n && good; i++) {
        good = call_up(w, i, port);
    }
    if (good)
        atomic_store(&w->waker->pause_ms, WAKE_MS);
    wires_set_nodelay(port, nodelay);
    return good;
}

void wires_close(struct wires *w)
{
    waker_close(w->waker);
    for (int i = 0; i < WIRES_MAX; i++) {
        mqtt_client_close(w->client[i]);
    }
    *w = (struct wires){0};
}

bool wires_ask(struct wires *w, int client, const char *topic, const char *card, unsigned *id,
               int64_t *sent_ns)
{
    char text[128];
    *id = w->asked++;
    int n = snprintf(text, sizeof text,
                     "{\"id\":\"bench-%08u\",\"type\":\"card\",\"value\":\"%s\",\"age_ms\":0}", *id,
                     card);
    return mqtt_client_publish(w->client[client], topic, text, (size_t)n, 1, false, sent_ns);
}

static bool has_id(const struct mqtt_message *m, void *id)
{
    return strstr(m->payload, id) != NULL;
}

const struct mqtt_message *wires_answer(struct wires *w, int client, unsigned id, int timeout_ms)
{
    char text[32];
    size_t index = 0;
    snprintf(text, sizeof text, "bench-%08u", id);
    const struct mqtt_message *m =
        mqtt_client_wait(w->client[client], w->seen[client], has_id, text, timeout_ms, &index);
    if (m != NULL) {
        w->seen[client] = index + 1;
    } else if (timeout_ms >= WAIT_MS) {
        lib_say("%s was not answered", text);
    }
    return m;
}
