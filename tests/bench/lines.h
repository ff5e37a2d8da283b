/* From a wire to the door: fire, contacts, and how exactly a release ends. */
#ifndef GATEHOUSE_TESTS_BENCH_LINES_H
#define GATEHOUSE_TESTS_BENCH_LINES_H

#include "bench/series.h"

#define LINES_DEBOUNCE_US 30000 /* of every input here: what each figure waits for first */

struct lines {
    struct series fire;    /* the wire changes -> the relay of the last door is released */
    struct series event;   /* a contact opens -> its event, durable, arrives at an MQTT client */
    struct series release, release_busy; /* how far from a second a release of a second was; busy:
                                            both cores are kept busy by others */
};

/* Measures each so often; a site of its own, with doors doors. False (said) if it cannot. */
bool lines_measure(struct lines *out, int times, int doors);

#endif
