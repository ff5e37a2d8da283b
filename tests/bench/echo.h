/* The bare echo: what the broker and the MQTT library cost by themselves.
 *
 * A client publishes to bench/ask/N at QoS 1; a process of its own, as gatehoused
 * is one, answers on bench/answer/N from its library's callback, with the time at
 * which the question came in. */
#ifndef GATEHOUSE_TESTS_BENCH_ECHO_H
#define GATEHOUSE_TESTS_BENCH_ECHO_H

#include "bench/series.h"
#include "bench/wires.h"
#include "lib/folder.h"
#include "lib/process.h"

/* Where the times go; there (one way, publish to callback) may be NULL. */
struct echo_times {
    struct series *there, *back;
};

/* Starts the answering process. nodelay false: its socket as the library leaves it. */
bool echo_start(struct process *echo, const struct folder *folder, int port, bool nodelay);

/* One round: the first `clients` ask so many times, all at once, each time waiting
 * for all answers. */
bool echo_round(struct wires *wires, int clients, int asks, const struct echo_times *times);

/* The answering process: what `bench --echo PORT nodelay|default` runs. */
int echo_serve(int port, bool nodelay);

#endif
