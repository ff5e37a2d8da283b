/* The readers' end: MQTT clients that stay connected for the whole run, for the
 * echo and for reads alike, so that both are asked for in the same way. */
#ifndef GATEHOUSE_TESTS_BENCH_WIRES_H
#define GATEHOUSE_TESTS_BENCH_WIRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mqtt_client.h"

#define WIRES_MAX 64
/* Readers of each client: client i has the readers i, i + WIRES_MAX, ... */
#define WIRES_READERS 8

struct wires_waker;

struct wires {
    struct wires_waker *waker; /* owned */
    struct mqtt_client *client[WIRES_MAX];
    size_t seen[WIRES_MAX]; /* messages gone through */
    int n;
    unsigned asked; /* so far: the number in the next question's id */
};

/* nodelay false: the sockets as the library leaves them. */
bool wires_open(struct wires *w, int port, int n, bool nodelay);
void wires_close(struct wires *w);

/* Publishes a card read at QoS 1, under a new id that goes to *id. */
bool wires_ask(struct wires *w, int client, const char *topic, const char *card, unsigned *id,
               int64_t *sent_ns);
/* The answer to that id; NULL (said, if timeout_ms is WAIT_MS) when it does not come. */
const struct mqtt_message *wires_answer(struct wires *w, int client, unsigned id, int timeout_ms);

/* The pause between one question and the next, in floors and in ours: cards do not
 * come back to back, and a machine that is kept awake answers faster than one at
 * rest. */
#define WIRES_PAUSE_MS 4

/* Sets or clears TCP_NODELAY on every socket of this process to this port. */
void wires_set_nodelay(int port, bool on);

#endif
