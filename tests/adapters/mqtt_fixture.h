/* One broker, one bus, one client: what the tests of the MQTT bus start from. */
#ifndef TESTS_ADAPTERS_MQTT_FIXTURE_H
#define TESTS_ADAPTERS_MQTT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/broker.h"
#include "lib/bus_driver.h"
#include "lib/folder.h"
#include "lib/mqtt_client.h"
#include "lib/wait.h"

#define READS "gatehouse/v1/readers/+/read"
#define READ_A "gatehouse/v1/readers/a/read"
#define STATUS "gatehouse/v1/gateway/status"
#define OFFLINE "{\"online\":false}"

struct fixture {
    struct folder folder;
    struct broker broker;
    struct bus_driver driver;
    struct mqtt_client *client;
};

static inline struct mqtt_bus_options options_of(struct fixture *f)
{
    static const char *const topics[] = {READS, "gatehouse/v1/second/#", NULL};
    return (struct mqtt_bus_options){
        .address = "127.0.0.1",
        .port = f->broker.port,
        .client_id = "gateway",
        .will_topic = STATUS,
        .will_payload = OFFLINE,
        .topics = topics,
        .keepalive_s = 5,
    };
}

static inline bool drive_until(struct fixture *f, enum bus_kind kind, size_t n, int timeout_ms)
{
    return bus_driver_until(&f->driver, kind, n, timeout_ms);
}

static inline size_t count_of(struct fixture *f, enum bus_kind kind)
{
    return bus_driver_count(&f->driver, kind);
}

/* The nth message, from 1. */
static inline struct bus_note message(struct fixture *f, size_t nth)
{
    struct bus_note note;
    assert_true(bus_driver_note(&f->driver, BUS_MESSAGE, nth, &note));
    return note;
}

static inline void open_bus(struct fixture *f, const struct mqtt_bus_options *o)
{
    assert_true(bus_driver_open(&f->driver, o));
}

/* A bus that is up. */
static inline void open_up(struct fixture *f)
{
    struct mqtt_bus_options o = options_of(f);
    open_bus(f, &o);
    assert_true(drive_until(f, BUS_UP, 1, WAIT_MS));
    assert_true(mqtt_bus_is_up(f->driver.bus));
}

static inline void open_client(struct fixture *f)
{
    struct mqtt_client_options o = {.port = f->broker.port, .client_id = "client"};
    f->client = mqtt_client_open(&o);
    assert_non_null(f->client);
}

static inline void send_text(struct fixture *f, const char *topic, const char *text, bool retain)
{
    assert_true(mqtt_client_publish(f->client, topic, text, strlen(text), 1, retain, NULL));
    assert_true(mqtt_client_flush(f->client, WAIT_MS));
}

static inline enum gh_err publish(struct fixture *f, const char *topic, const char *text,
                                  bool retain)
{
    return bus_driver_publish(&f->driver, topic, text, retain);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL || !bus_driver_init(&f->driver) || !folder_make(&f->folder) ||
        !broker_start(&f->broker, &f->folder)) {
        return -1;
    }
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    mqtt_client_close(f->client);
    bus_driver_free(&f->driver);
    broker_end(&f->broker);
    folder_remove(&f->folder);
    free(f);
    return 0;
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
