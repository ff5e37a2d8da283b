/* The MQTT bus against a real mosquitto with the shipped configuration: messages
 * in, messages out, options. */
#include "mqtt_fixture.h"

#include <stdio.h>
#include <unistd.h>

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
    /* One of ours that comes back says that those before it are done: Paho 1.3.12 leaks what it has in
     * hand when it is destroyed. */
    assert_int_equal(publish(f, "gatehouse/v1/second/x", "x", false), GH_OK);
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
}

static void publish_is_full_when_nothing_is_acknowledged_but_for_answers_and_never_waits(void **state)
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
    assert_int_equal(sent, 384);
    struct bus bus = mqtt_bus_port(f->driver.bus);
    for (uint64_t tag = 1; tag <= 128; tag++)
        assert_int_equal(bus.ops->publish_tagged(bus.self, slice_of(STATUS), slice_of("z"), tag), GH_OK);
    assert_int_equal(bus.ops->publish_tagged(bus.self, slice_of(STATUS), slice_of("z"), 129), GH_FULL);
    assert_true(broker_thaw(&f->broker));
    while ((err = publish(f, STATUS, "y", false)) == GH_FULL) {
        wait_pause_ms(1); /* places come back with the acknowledgements */
    }
    assert_int_equal(err, GH_OK);
    bus_driver_close(&f->driver, WAIT_MS); /* Paho never frees what it has not sent yet */
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
        T(publish_is_full_when_nothing_is_acknowledged_but_for_answers_and_never_waits),
        T(open_refuses_bad_options_and_leaves_its_output_alone),
        T(a_broker_on_ipv6_is_reached_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
