#include "lib/bus_driver.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wait.h"

static void take_note(void *context, const struct bus_note *note)
{
    struct bus_driver *driver = context;
    pthread_mutex_lock(&driver->lock);
    driver->too_late += driver->closed;
    if (driver->count == driver->room) {
        size_t room = driver->room ? driver->room * 2 : 64;
        struct bus_note *more = realloc(driver->notes, room * sizeof *more);
        if (more != NULL) {
            driver->notes = more;
            driver->room = room;
        }
    }
    if (driver->count < driver->room) {
        driver->notes[driver->count++] = *note;
    } else {
        lib_say("out of memory: a note is lost");
    }
    pthread_mutex_unlock(&driver->lock);
}

bool bus_driver_init(struct bus_driver *driver)
{
    return pthread_mutex_init(&driver->lock, NULL) == 0;
}

bool bus_driver_open(struct bus_driver *driver, const struct mqtt_bus_options *o)
{
    struct mqtt_bus_options own = *o;
    own.note = take_note;
    own.context = driver;
    pthread_mutex_lock(&driver->lock);
    driver->closed = false;
    pthread_mutex_unlock(&driver->lock);
    return mqtt_bus_open(&driver->bus, &own) == GH_OK;
}

bool bus_driver_until(struct bus_driver *driver, enum bus_kind kind, size_t n, int timeout_ms)
{
    int64_t end = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    while (bus_driver_count(driver, kind) < n) {
        struct mono due;
        struct mono now = wait_mono();
        if (wait_now_ns() > end) {
            return false;
        }
        if (mqtt_bus_deadline(driver->bus, &due) && due.ms <= now.ms) {
            mqtt_bus_tick(driver->bus, now);
        }
        wait_pause_ms(1);
    }
    return true;
}

size_t bus_driver_count(struct bus_driver *driver, enum bus_kind kind)
{
    size_t n = 0;
    pthread_mutex_lock(&driver->lock);
    for (size_t i = 0; i < driver->count; i++) {
        n += driver->notes[i].kind == kind;
    }
    pthread_mutex_unlock(&driver->lock);
    return n;
}

bool bus_driver_note(struct bus_driver *driver, enum bus_kind kind, size_t nth,
                     struct bus_note *out)
{
    bool found = false;
    pthread_mutex_lock(&driver->lock);
    for (size_t i = 0; i < driver->count && !found; i++) {
        if (driver->notes[i].kind == kind && --nth == 0) {
            *out = driver->notes[i];
            found = true;
        }
    }
    pthread_mutex_unlock(&driver->lock);
    return found;
}

bool bus_note_says(const struct bus_note *note, const char *payload)
{
    return note->kind == BUS_MESSAGE && !note->oversize && !note->retained &&
           slice_is(slice_make(note->payload, note->payload_len), payload);
}

enum gh_err bus_driver_publish(struct bus_driver *driver, const char *topic, const char *text,
                               bool retain)
{
    struct bus bus = mqtt_bus_port(driver->bus);
    return bus.ops->publish(bus.self, slice_of(topic), slice_of(text), 1, retain);
}

void bus_driver_close(struct bus_driver *driver, int timeout_ms)
{
    if (driver->bus == NULL) {
        return;
    }
    mqtt_bus_close(driver->bus, timeout_ms);
    driver->bus = NULL;
    pthread_mutex_lock(&driver->lock);
    driver->closed = true;
    pthread_mutex_unlock(&driver->lock);
}

void bus_driver_free(struct bus_driver *driver)
{
    bus_driver_close(driver, 0);
    free(driver->notes);
    pthread_mutex_destroy(&driver->lock);
}
