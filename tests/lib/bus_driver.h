/* Drives a message bus as the daemon's loop does, and keeps all that it tells. */
#ifndef TESTS_LIB_BUS_DRIVER_H
#define TESTS_LIB_BUS_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "adapters/paho/mqtt_bus.h"

struct bus_driver {
    struct mqtt_bus *bus; /* NULL while closed */
    pthread_mutex_t lock;
    struct bus_note *notes; /* under lock while the bus is open */
    size_t count, room;
    bool closed;
    size_t too_late; /* notes that came after the close */
};

/* For one that is all zero. */
bool bus_driver_init(struct bus_driver *driver);
/* Opens the bus; note and context of o are replaced by the driver's own. */
bool bus_driver_open(struct bus_driver *driver, const struct mqtt_bus_options *o);
/* Ticks whenever it is due until n notes of this kind have come in all. False,
 * after timeout_ms, if they have not. */
bool bus_driver_until(struct bus_driver *driver, enum bus_kind kind, size_t n, int timeout_ms);
/* Notes of this kind so far. */
size_t bus_driver_count(struct bus_driver *driver, enum bus_kind kind);
/* The nth note (from 1) of this kind, copied; false if there is none. */
bool bus_driver_note(struct bus_driver *driver, enum bus_kind kind, size_t nth,
                     struct bus_note *out);
/* Whether it is a message with this payload, and not retained. */
bool bus_note_says(const struct bus_note *note, const char *payload);
/* A QoS 1 publish of texts. */
enum gh_err bus_driver_publish(struct bus_driver *driver, const char *topic, const char *text,
                               bool retain);
/* Closes the bus if it is open. Notes that come from then on are too late. */
void bus_driver_close(struct bus_driver *driver, int timeout_ms);
/* Closes and frees; fine for one that is all zero. */
void bus_driver_free(struct bus_driver *driver);

#endif
