/* Node-RED as an access controller: the same reads, from the same readers' clients, decided by
 * a flow (peers/flow.json) on a database of its own (peers/schema.sql).
 *
 * It is looked for in $GATEHOUSE_PEER_NODE_RED, else in ~/.cache/gatehouse/peers/node-red,
 * where `make peers` puts it; nothing is ever fetched from here. */
#ifndef GATEHOUSE_TESTS_BENCH_PEER_NODE_RED_H
#define GATEHOUSE_TESTS_BENCH_PEER_NODE_RED_H

#include "bench/series.h"
#include "bench/wires.h"
#include "lib/broker.h"
#include "lib/folder.h"
#include "lib/process.h"

struct node_red {
    struct folder folder;
    struct broker broker;       /* of its own; the caller's floors may use it */
    struct wires wires;         /* the readers at it */
    struct mqtt_client *relays; /* sees what would switch them */
    struct process process;
    long people;
    unsigned reads; /* so far */
};

/* From the publish of a read. */
struct node_red_times {
    struct series *decided;  /* the flow knows the verdict: where it would set a line */
    struct series *relay;    /* its message to the relay has arrived */
    struct series *feedback; /* its answer has: the event is durable */
};

/* Why it cannot be measured here, in one line; false when it can. */
bool node_red_is_absent(char why[200]);
/* "4.1.15, node v20.20.2". */
void node_red_version(char out[96]);

/* Database with so many people with a card each, a broker, the readers, Node-RED. Its sockets
 * as it leaves them, or with TCP_NODELAY, which it cannot be told to set. False (said) if it
 * does not come up with durable commits. */
bool node_red_open(struct node_red *n, long people, bool nodelay);
void node_red_close(struct node_red *n);

/* So many cards (1 to WIRES_MAX) at once, so many times; then series_end_round. */
bool node_red_round(struct node_red *n, int at_once, int times, const struct node_red_times *to);
/* So many reads as fast as they are answered, at most `window` (to 64) unanswered. */
bool node_red_flood(struct node_red *n, int reads, int window, double *per_s);
/* Whether it does what is measured: an unknown card is denied, and every read so far, each of
 * them answered, is in its event table. False (said) if not. */
bool node_red_is_right(struct node_red *n);
/* From its start, killed before, to the first answer that a reader has which presents a card
 * every 5 ms. */
bool node_red_restart(struct node_red *n, struct series *to);

#endif
