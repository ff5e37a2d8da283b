#include "bench/wires.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
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

struct waker {
    struct mqtt_client *client;
    atomic_bool stop;
};

/* The library looks for new sockets only when an old one has news, or after a
 * second: without this each further client takes two seconds to connect. */
static void *wake(void *context)
{
    struct waker *waker = context;
    while (!atomic_load(&waker->stop)) {
        (void)mqtt_client_publish(waker->client, "bench/wake", "", 0, 1, false, NULL);
        wait_pause_ms(5);
    }
    return NULL;
}

bool wires_open(struct wires *w, int port, int n, bool nodelay)
{
    pthread_t thread;
    *w = (struct wires){.n = n};
    bool good = call_up(w, 0, port);
    struct waker waker = {.client = w->client[0]};
    if (good && n > 1) {
        good = pthread_create(&thread, NULL, wake, &waker) == 0;
        for (int i = 1; i < n && good; i++) {
            good = call_up(w, i, port);
        }
        atomic_store(&waker.stop, true);
        pthread_join(thread, NULL);
        good = mqtt_client_flush(w->client[0], WAIT_MS) && good;
    }
    wires_set_nodelay(port, nodelay);
    return good;
}

void wires_close(struct wires *w)
{
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
