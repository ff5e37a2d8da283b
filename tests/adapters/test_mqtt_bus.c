/* The MQTT bus against a real mosquitto with the shipped configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/paho/mqtt_bus.h"
#include "lib/broker.h"
#include "lib/bus_driver.h"
#include "lib/folder.h"
#include "lib/mqtt_client.h"
#include "lib/port.h"
#include "lib/wait.h"

#define READS "gatehouse/v1/readers/+/read"
#define READ_A "gatehouse/v1/readers/a/read"
#define STATUS "gatehouse/v1/gateway/status"
#define OFFLINE "{\"online\":false}"
#define FD_SCAN 1024

struct fixture {
    struct folder folder;
    struct broker broker;
    struct bus_driver driver;
    struct mqtt_client *client;
};

static struct mqtt_bus_options options_of(struct fixture *f)
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

static bool drive_until(struct fixture *f, enum bus_kind kind, size_t n, int timeout_ms)
{
    return bus_driver_until(&f->driver, kind, n, timeout_ms);
}

static size_t count_of(struct fixture *f, enum bus_kind kind)
{
    return bus_driver_count(&f->driver, kind);
}

/* The nth message, from 1. */
static struct bus_note message(struct fixture *f, size_t nth)
{
    struct bus_note note;
    assert_true(bus_driver_note(&f->driver, BUS_MESSAGE, nth, &note));
    return note;
}

static void open_bus(struct fixture *f, const struct mqtt_bus_options *o)
{
    assert_true(bus_driver_open(&f->driver, o));
}

/* A bus that is up. */
static void open_up(struct fixture *f)
{
    struct mqtt_bus_options o = options_of(f);
    open_bus(f, &o);
    assert_true(drive_until(f, BUS_UP, 1, WAIT_MS));
    assert_true(mqtt_bus_is_up(f->driver.bus));
}

static void open_client(struct fixture *f)
{
    struct mqtt_client_options o = {.port = f->broker.port, .client_id = "client"};
    f->client = mqtt_client_open(&o);
    assert_non_null(f->client);
}

static void send_text(struct fixture *f, const char *topic, const char *text, bool retain)
{
    assert_true(mqtt_client_publish(f->client, topic, text, strlen(text), 1, retain, NULL));
    assert_true(mqtt_client_flush(f->client, WAIT_MS));
}

static enum gh_err publish(struct fixture *f, const char *topic, const char *text, bool retain)
{
    return bus_driver_publish(&f->driver, topic, text, retain);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL || !bus_driver_init(&f->driver) || !folder_make(&f->folder) ||
        !broker_start(&f->broker, &f->folder)) {
        return -1;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mqtt_client_close(f->client);
    bus_driver_free(&f->driver);
    broker_end(&f->broker);
    folder_remove(&f->folder);
    free(f);
    return 0;
}

/* --- messages in ------------------------------------------------------------------ */

static void a_message_arrives_whole_with_its_topic_and_time(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    struct mono before = wait_mono();
    send_text(f, READ_A, "{\"id\":\"1\"}", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_true(slice_is(slice_make(note.topic, note.topic_len), READ_A));
    assert_true(slice_is(slice_make(note.payload, note.payload_len), "{\"id\":\"1\"}"));
    assert_false(note.retained);
    assert_false(note.oversize);
    assert_true(note.arrived.ms >= before.ms && note.arrived.ms <= wait_mono().ms);
}

static void every_filter_is_subscribed_to_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    send_text(f, "gatehouse/v1/third", "no", false);
    send_text(f, "gatehouse/v1/second/x", "yes", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_true(bus_note_says(&note, "yes"));
}

static void a_message_published_as_retained_is_marked(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    send_text(f, READ_A, "kept", true);
    send_text(f, READ_A, "fresh", false);
    assert_true(drive_until(f, BUS_MESSAGE, 2, WAIT_MS));
    assert_true(message(f, 1).retained);
    assert_false(message(f, 2).retained);
}

static void a_message_kept_by_the_broker_does_not_come_on_subscribe(void **state)
{
    struct fixture *f = *state;
    open_client(f);
    send_text(f, READ_A, "old", true);
    open_up(f);
    send_text(f, READ_A, "new", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_true(bus_note_says(&note, "new"));
}

static void a_payload_of_the_largest_size_arrives_and_one_byte_more_is_only_told_of(void **state)
{
    struct fixture *f = *state;
    static char bytes[BUS_PAYLOAD_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    open_up(f);
    open_client(f);
    assert_true(mqtt_client_publish(f->client, READ_A, bytes, BUS_PAYLOAD_MAX, 1, false, NULL));
    assert_true(mqtt_client_publish(f->client, READ_A, bytes, sizeof bytes, 1, false, NULL));
    assert_true(drive_until(f, BUS_MESSAGE, 2, WAIT_MS));
    struct bus_note fits = message(f, 1);
    struct bus_note large = message(f, 2);
    assert_int_equal(fits.payload_len, BUS_PAYLOAD_MAX);
    assert_memory_equal(fits.payload, bytes, BUS_PAYLOAD_MAX);
    assert_false(fits.oversize);
    assert_int_equal(large.payload_len, 0);
    assert_true(large.oversize);
    assert_true(slice_is(slice_make(large.topic, large.topic_len), READ_A));
}

static void the_shipped_broker_refuses_a_payload_over_its_limit_and_goes_on(void **state)
{
    struct fixture *f = *state;
    static char bytes[66000];
    memset(bytes, 'x', sizeof bytes);
    open_up(f);
    open_client(f);
    (void)mqtt_client_publish(f->client, READ_A, bytes, sizeof bytes, 1, false, NULL);
    assert_false(mqtt_client_flush(f->client, WAIT_MS));
    send_text(f, READ_A, "small", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_true(bus_note_says(&note, "small"));
}

static void an_empty_payload_and_a_binary_one_arrive(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    assert_true(mqtt_client_publish(f->client, READ_A, "", 0, 1, false, NULL));
    assert_true(mqtt_client_publish(f->client, READ_A, "\0\xff\n", 3, 1, false, NULL));
    assert_true(drive_until(f, BUS_MESSAGE, 2, WAIT_MS));
    assert_int_equal(message(f, 1).payload_len, 0);
    assert_false(message(f, 1).oversize);
    struct bus_note note = message(f, 2);
    assert_int_equal(note.payload_len, 3);
    assert_memory_equal(note.payload, "\0\xff\n", 3);
}

static void a_topic_that_is_too_long_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    char topic[BUS_TOPIC_MAX + 2];
    open_up(f);
    open_client(f);
    memset(topic, 'x', sizeof topic);
    memcpy(topic, "gatehouse/v1/second/", 20);
    topic[BUS_TOPIC_MAX + 1] = '\0';
    send_text(f, topic, "too long", false);
    topic[BUS_TOPIC_MAX] = '\0';
    send_text(f, topic, "fits", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_int_equal(note.topic_len, BUS_TOPIC_MAX);
    assert_true(slice_is(slice_make(note.payload, note.payload_len), "fits"));
    assert_int_equal(mqtt_bus_dropped(f->driver.bus), 1);
}

static void of_a_flood_nothing_is_lost_or_doubled_or_out_of_order(void **state)
{
    struct fixture *f = *state;
    enum { FLOOD = 10000, AHEAD = 1000 };
    open_up(f);
    open_client(f);
    for (int i = 0; i < FLOOD; i++) {
        char text[16];
        int len = snprintf(text, sizeof text, "%d", i);
        assert_true(
            mqtt_client_publish(f->client, READ_A, text, (size_t)len, 1, false, NULL));
        if (i % AHEAD == AHEAD - 1) {
            assert_true(drive_until(f, BUS_MESSAGE, (size_t)i + 1, 6 * WAIT_MS));
        }
    }
    assert_true(mqtt_client_flush(f->client, WAIT_MS));
    assert_int_equal(count_of(f, BUS_MESSAGE), FLOOD);
    int expected = 0;
    for (size_t i = 0; i < f->driver.count; i++) {
        const struct bus_note *note = &f->driver.notes[i];
        if (note->kind == BUS_MESSAGE) {
            char text[16];
            snprintf(text, sizeof text, "%d", expected++);
            assert_true(slice_is(slice_make(note->payload, note->payload_len), text));
        }
    }
    assert_int_equal(count_of(f, BUS_DOWN), 0);
}

/* --- messages out --------------------------------------------------------------------- */

static void a_published_message_reaches_a_subscriber_with_its_retain(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    assert_int_equal(publish(f, STATUS, "kept", true), GH_OK);
    assert_int_equal(publish(f, "gatehouse/v1/events", "gone", false), GH_OK);
    bus_driver_close(&f->driver, WAIT_MS); /* waits for what is on its way */
    open_client(f);
    assert_true(mqtt_client_subscribe(f->client, "gatehouse/v1/#"));
    send_text(f, "gatehouse/v1/end", "end", false);
    assert_non_null(mqtt_client_wait_text(f->client, 0, "gatehouse/v1/end", "end", WAIT_MS));
    assert_int_equal(mqtt_client_count(f->client), 2);
    assert_string_equal(mqtt_client_at(f->client, 0)->payload, "kept");
    assert_true(mqtt_client_at(f->client, 0)->retained);
}

static void an_empty_retained_message_clears_what_the_broker_keeps(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    send_text(f, READ_A, "kept", true);
    assert_int_equal(publish(f, READ_A, "", true), GH_OK);
    assert_true(drive_until(f, BUS_MESSAGE, 2, WAIT_MS)); /* ours comes back to us */
    assert_true(mqtt_client_subscribe(f->client, READS));
    send_text(f, READ_A, "end", false);
    assert_non_null(mqtt_client_wait_text(f->client, 0, READ_A, "end", WAIT_MS));
    assert_int_equal(mqtt_client_count(f->client), 1);
}

static void publish_before_the_first_connect_is_retry(void **state)
{
    struct fixture *f = *state;
    struct mqtt_bus_options o = options_of(f);
    open_bus(f, &o);
    assert_int_equal(publish(f, STATUS, "x", false), GH_RETRY);
    assert_false(mqtt_bus_is_up(f->driver.bus));
}

static void publish_while_the_broker_is_gone_is_retry_and_nothing_comes_later(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    assert_true(broker_kill(&f->broker));
    assert_true(drive_until(f, BUS_DOWN, 1, WAIT_MS));
    assert_int_equal(publish(f, "gatehouse/v1/events", "lost", false), GH_RETRY);
    assert_true(broker_start_again(&f->broker));
    open_client(f);
    assert_true(mqtt_client_subscribe(f->client, "gatehouse/v1/events"));
    assert_true(drive_until(f, BUS_UP, 2, WAIT_MS));
    assert_int_equal(publish(f, "gatehouse/v1/events", "sent", false), GH_OK);
    assert_non_null(mqtt_client_wait_text(f->client, 0, "gatehouse/v1/events", "sent", WAIT_MS));
    assert_int_equal(mqtt_client_count(f->client), 1);
}

static void publish_refuses_what_the_contract_does_not_allow(void **state)
{
    struct fixture *f = *state;
    static char large[BUS_PAYLOAD_MAX + 1];
    char topic[BUS_TOPIC_MAX + 1];
    memset(large, 'x', sizeof large);
    memset(topic, 'x', sizeof topic);
    open_up(f);
    struct bus bus = mqtt_bus_port(f->driver.bus);
    struct slice good = slice_of(STATUS);
    struct slice text = slice_of("x");
    assert_int_equal(
        bus.ops->publish(bus.self, slice_make(topic, sizeof topic), text, 1, false), GH_INVALID);
    assert_int_equal(
        bus.ops->publish(bus.self, good, slice_make(large, sizeof large), 1, false), GH_INVALID);
    assert_int_equal(bus.ops->publish(bus.self, slice_of(""), text, 1, false), GH_INVALID);
    assert_int_equal(bus.ops->publish(bus.self, slice_make("a\0b", 3), text, 1, false),
                     GH_INVALID);
    assert_int_equal(bus.ops->publish(bus.self, good, text, 2, false), GH_INVALID);
    assert_int_equal(bus.ops->publish(bus.self, good, text, -1, false), GH_INVALID);
    assert_int_equal(
        bus.ops->publish(bus.self, good, slice_make(large, BUS_PAYLOAD_MAX), 1, false), GH_OK);
    assert_int_equal(bus.ops->publish(bus.self, good, text, 0, false), GH_OK);
}

static void publish_is_full_when_nothing_is_acknowledged_and_never_waits(void **state)
{
    struct fixture *f = *state;
    enum gh_err err = GH_OK;
    int sent = 0;
    open_up(f);
    assert_true(broker_freeze(&f->broker));
    while (err == GH_OK && sent < 2000) {
        err = publish(f, STATUS, "x", false);
        sent += err == GH_OK;
    }
    assert_int_equal(err, GH_FULL);
    assert_int_equal(sent, 512);
    assert_true(broker_thaw(&f->broker));
    while ((err = publish(f, STATUS, "y", false)) == GH_FULL) {
        wait_pause_ms(1); /* places come back with the acknowledgements */
    }
    assert_int_equal(err, GH_OK);
}

/* --- the link ------------------------------------------------------------------------------ */

static void comes_back(struct fixture *f, size_t nth_up)
{
    assert_true(drive_until(f, BUS_DOWN, nth_up - 1, WAIT_MS));
    assert_false(mqtt_bus_is_up(f->driver.bus));
    assert_true(broker_start_again(&f->broker));
    assert_true(drive_until(f, BUS_UP, nth_up, WAIT_MS));
    if (f->client == NULL) {
        open_client(f);
    } else {
        assert_true(mqtt_client_connect_again(f->client, WAIT_MS));
    }
    size_t before = count_of(f, BUS_MESSAGE);
    send_text(f, READ_A, "again", false);
    assert_true(drive_until(f, BUS_MESSAGE, before + 1, WAIT_MS));
}

static void after_a_broker_restart_it_is_up_again_and_subscribed(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    assert_true(broker_stop(&f->broker));
    comes_back(f, 2);
}

static void after_kill_of_the_broker_it_is_up_again_and_subscribed_each_time(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    for (size_t i = 2; i <= 4; i++) {
        assert_true(broker_kill(&f->broker));
        comes_back(f, i);
    }
    assert_int_equal(count_of(f, BUS_DOWN), 3);
}

static void a_broker_that_stands_still_is_noticed_and_left_and_found_again(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    assert_true(broker_freeze(&f->broker));
    assert_true(drive_until(f, BUS_DOWN, 1, 3 * WAIT_MS));
    assert_int_equal(publish(f, STATUS, "x", false), GH_RETRY);
    assert_true(broker_thaw(&f->broker));
    assert_true(drive_until(f, BUS_UP, 2, WAIT_MS));
    assert_true(mqtt_client_connect_again(f->client, WAIT_MS));
    send_text(f, READ_A, "again", false);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
}

static void an_attempt_that_is_never_answered_is_given_up_on_our_clock(void **state)
{
    struct fixture *f = *state;
    struct mqtt_bus_options o = options_of(f);
    struct mono due;
    open_bus(f, &o);
    assert_true(broker_freeze(&f->broker)); /* the kernel still accepts, nobody answers */
    struct mono now = wait_mono();
    for (int i = 0; i < 100; i++) { /* a hundred deadlines, in no time */
        assert_true(mqtt_bus_deadline(f->driver.bus, &due));
        now = due.ms > now.ms ? due : now;
        mqtt_bus_tick(f->driver.bus, now);
        assert_false(mqtt_bus_is_up(f->driver.bus));
    }
    assert_true(now.ms - wait_mono().ms > 20000);
    assert_true(broker_thaw(&f->broker));
    int64_t ahead = now.ms - wait_mono().ms;
    while (count_of(f, BUS_UP) == 0 && wait_mono().ms + ahead < now.ms + WAIT_MS) {
        mqtt_bus_tick(f->driver.bus, mono_add_ms(wait_mono(), ahead));
        wait_pause_ms(1);
    }
    assert_int_equal(count_of(f, BUS_UP), 1);
}

static void with_nobody_at_the_port_it_keeps_trying_without_blocking(void **state)
{
    struct fixture *f = *state;
    struct mqtt_bus_options o = options_of(f);
    struct mono due;
    o.port = port_free();
    open_bus(f, &o);
    assert_true(mqtt_bus_deadline(f->driver.bus, &due));
    struct mono now = wait_mono();
    struct mono last = now;
    int waits = 0;
    for (int i = 0; i < 200; i++) {
        assert_true(mqtt_bus_deadline(f->driver.bus, &due));
        if (due.ms > now.ms) {
            assert_true(due.ms - now.ms <= 3000); /* never longer, so back soon */
            waits++;
            now = due;
        }
        mqtt_bus_tick(f->driver.bus, now);
        wait_pause_ms(1);
    }
    assert_true(now.ms > last.ms && waits > 10);
    assert_int_equal(count_of(f, BUS_UP) + count_of(f, BUS_DOWN), 0);
    assert_int_equal(publish(f, STATUS, "x", false), GH_RETRY);
}

static void the_will_is_sent_and_kept_when_the_gateway_vanishes(void **state)
{
    struct fixture *f = *state;
    open_client(f);
    assert_true(mqtt_client_subscribe(f->client, STATUS));
    open_up(f);
    /* The broker thinks that the first gateway is gone when a second takes its name:
     * for the will this is the same as a cut cable. */
    struct mqtt_client_options o = {.port = f->broker.port, .client_id = "gateway"};
    struct mqtt_client *thief = mqtt_client_open(&o);
    assert_non_null(thief);
    assert_true(drive_until(f, BUS_DOWN, 1, WAIT_MS));
    assert_non_null(mqtt_client_wait_text(f->client, 0, STATUS, OFFLINE, WAIT_MS));
    assert_true(mqtt_client_subscribe(thief, STATUS));
    const struct mqtt_message *kept =
        mqtt_client_wait_text(thief, 0, STATUS, OFFLINE, WAIT_MS);
    assert_true(kept != NULL && kept->retained);
    mqtt_client_close(thief);
    assert_true(drive_until(f, BUS_UP, 2, WAIT_MS));
}

static void an_orderly_close_sends_no_will(void **state)
{
    struct fixture *f = *state;
    open_client(f);
    assert_true(mqtt_client_subscribe(f->client, "gatehouse/v1/#"));
    open_up(f);
    bus_driver_close(&f->driver, 1000);
    assert_true(process_wait_text(&f->broker.process, "Client gateway disconnected.", WAIT_MS,
                                  NULL, 0));
    send_text(f, "gatehouse/v1/end", "end", false);
    assert_non_null(mqtt_client_wait_text(f->client, 0, "gatehouse/v1/end", "end", WAIT_MS));
    assert_int_equal(mqtt_client_count(f->client), 1);
}

static void after_close_no_note_comes(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    open_client(f);
    for (int i = 0; i < 2000; i++) { /* still under way when the bus closes */
        assert_true(mqtt_client_publish(f->client, READ_A, "x", 1, 1, false, NULL));
    }
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    bus_driver_close(&f->driver, 1000);
    assert_true(mqtt_client_flush(f->client, WAIT_MS));
    assert_int_equal(f->driver.too_late, 0);
}

static void close_at_any_moment_of_connecting_is_fine(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 12; i++) {
        struct mqtt_bus_options o = options_of(f);
        open_bus(f, &o);
        for (int j = 0; j < i; j++) {
            mqtt_bus_tick(f->driver.bus, wait_mono());
            wait_pause_ms(i);
        }
        bus_driver_close(&f->driver, 1000);
    }
    assert_int_equal(f->driver.too_late, 0);
}

/* The sockets of this process that lead to the broker, ours and the client's. */
static int sockets_to(int port, int *without_nodelay)
{
    int n = 0;
    *without_nodelay = 0;
    for (int fd = 0; fd < FD_SCAN; fd++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        int on = 0;
        socklen_t on_len = sizeof on;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) {
            assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &on_len), 0);
            n++;
            *without_nodelay += on == 0;
        }
    }
    return n;
}

static int connect_plain(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void tcp_nodelay_is_set_on_its_socket_also_after_a_reconnect_and_on_no_other(void **state)
{
    struct fixture *f = *state;
    struct folder folder;
    struct broker other;
    int without = 0;
    assert_true(folder_make(&folder));
    assert_true(broker_start(&other, &folder));
    int bystander = connect_plain(other.port);
    open_up(f);
    assert_int_equal(sockets_to(f->broker.port, &without), 1);
    assert_int_equal(without, 0);
    assert_true(broker_kill(&f->broker));
    assert_true(drive_until(f, BUS_DOWN, 1, WAIT_MS));
    assert_true(broker_start_again(&f->broker));
    assert_true(drive_until(f, BUS_UP, 2, WAIT_MS));
    assert_int_equal(sockets_to(f->broker.port, &without), 1);
    assert_int_equal(without, 0);
    assert_int_equal(sockets_to(other.port, &without), 1);
    assert_int_equal(without, 1);
    close(bystander);
    broker_end(&other);
    folder_remove(&folder);
}

/* --- bad options ----------------------------------------------------------------------------- */

static void ignore_note(void *context, const struct bus_note *note)
{
    (void)context;
    (void)note;
}

static void open_refuses_bad_options_and_leaves_its_output_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const none[] = {NULL};
    static const char *const many[] = {"1", "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",
                                       "10", "11", "12", "13", "14", "15", "16", "17", NULL};
    static const char *const addresses[] = {"localhost", "", "127.0.0.1 ", "127.1", "1.2.3.4:5",
                                            "[::1]",     NULL};
    struct mqtt_bus_options good = options_of(f);
    good.note = ignore_note;
    struct mqtt_bus_options bad[16];
    size_t n = 0;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        bad[n] = good;
        bad[n++].address = addresses[i];
    }
    for (size_t i = n; i < n + 9; i++) {
        bad[i] = good;
    }
    bad[n++].port = 0;
    bad[n++].port = 65536;
    bad[n++].client_id = "";
    bad[n++].keepalive_s = 4;
    bad[n++].keepalive_s = 61;
    bad[n++].topics = none;
    bad[n++].topics = many;
    bad[n++].note = NULL;
    bad[n++].will_payload = NULL;
    for (size_t i = 0; i < n; i++) {
        struct mqtt_bus *bus = NULL;
        assert_int_equal(mqtt_bus_open(&bus, &bad[i]), GH_INVALID);
        assert_null(bus);
    }
    struct mqtt_bus *bus = NULL;
    assert_int_equal(mqtt_bus_open(&bus, &good), GH_OK); /* so it was that one option */
    mqtt_bus_close(bus, 0);
}

static void a_broker_on_ipv6_is_reached_as_well(void **state)
{
    struct fixture *f = *state;
    if (access("/proc/net/if_inet6", F_OK) != 0) {
        skip();
    }
    struct mqtt_bus_options o = options_of(f);
    o.address = "::1";
    open_bus(f, &o);
    assert_true(drive_until(f, BUS_UP, 1, WAIT_MS));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_message_arrives_whole_with_its_topic_and_time),
        T(every_filter_is_subscribed_to_and_nothing_else),
        T(a_message_published_as_retained_is_marked),
        T(a_message_kept_by_the_broker_does_not_come_on_subscribe),
        T(a_payload_of_the_largest_size_arrives_and_one_byte_more_is_only_told_of),
        T(the_shipped_broker_refuses_a_payload_over_its_limit_and_goes_on),
        T(an_empty_payload_and_a_binary_one_arrive),
        T(a_topic_that_is_too_long_is_dropped_and_counted),
        T(of_a_flood_nothing_is_lost_or_doubled_or_out_of_order),
        T(a_published_message_reaches_a_subscriber_with_its_retain),
        T(an_empty_retained_message_clears_what_the_broker_keeps),
        T(publish_before_the_first_connect_is_retry),
        T(publish_while_the_broker_is_gone_is_retry_and_nothing_comes_later),
        T(publish_refuses_what_the_contract_does_not_allow),
        T(publish_is_full_when_nothing_is_acknowledged_and_never_waits),
        T(after_a_broker_restart_it_is_up_again_and_subscribed),
        T(after_kill_of_the_broker_it_is_up_again_and_subscribed_each_time),
        T(a_broker_that_stands_still_is_noticed_and_left_and_found_again),
        T(an_attempt_that_is_never_answered_is_given_up_on_our_clock),
        T(with_nobody_at_the_port_it_keeps_trying_without_blocking),
        T(the_will_is_sent_and_kept_when_the_gateway_vanishes),
        T(an_orderly_close_sends_no_will),
        T(after_close_no_note_comes),
        T(close_at_any_moment_of_connecting_is_fine),
        T(tcp_nodelay_is_set_on_its_socket_also_after_a_reconnect_and_on_no_other),
        T(open_refuses_bad_options_and_leaves_its_output_alone),
        T(a_broker_on_ipv6_is_reached_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
