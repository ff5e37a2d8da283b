/* The MQTT bus's connection to a real mosquitto: lost, stalled, refused, closed. */
#include "mqtt_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/port.h"

#define FD_SCAN 1024

/* --- the link ------------------------------------------------------------------------------ */

/* The local port of this process's socket to the broker; 0 if there is none. */
static int socket_to(int port)
{
    for (int fd = 0; fd < FD_SCAN; fd++) {
        struct sockaddr_in peer;
        struct sockaddr_in own;
        socklen_t len = sizeof peer;
        socklen_t own_len = sizeof own;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == port &&
            getsockname(fd, (struct sockaddr *)&own, &own_len) == 0) {
            return ntohs(own.sin_port);
        }
    }
    return 0;
}

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

/* Ticks with a clock that runs ahead by itself, as far as each deadline. */
static struct mono tick_ahead(struct fixture *f, struct mono now, int deadlines)
{
    struct mono due;
    for (int i = 0; i < deadlines; i++) {
        assert_true(mqtt_bus_deadline(f->driver.bus, &due));
        now = due.ms > now.ms ? due : now;
        mqtt_bus_tick(f->driver.bus, now);
    }
    return now;
}

static void a_broker_that_stands_still_is_noticed_on_our_clock(void **state)
{
    struct fixture *f = *state;
    struct mqtt_bus_options o = options_of(f);
    o.keepalive_s = 60; /* the library would notice after a minute and a half */
    open_bus(f, &o);
    assert_true(drive_until(f, BUS_UP, 1, WAIT_MS));
    assert_true(broker_freeze(&f->broker));
    struct mono began = wait_mono();
    struct mono now = began;
    while (count_of(f, BUS_DOWN) == 0 && now.ms < began.ms + 120000) {
        now = tick_ahead(f, now, 1);
    }
    assert_int_equal(count_of(f, BUS_DOWN), 1);
    assert_true(now.ms - began.ms >= 60000 && now.ms - began.ms < 62000);
    assert_true(wait_mono().ms - began.ms < 60000); /* or this shows nothing */
}

static bool has_socket(void *context)
{
    const struct fixture *f = context;
    return socket_to(f->broker.port) != 0;
}

static void an_attempt_that_is_never_answered_is_given_up_on_our_clock(void **state)
{
    struct fixture *f = *state;
    struct mqtt_bus_options o = options_of(f);
    int ports[4];
    open_bus(f, &o);
    assert_true(broker_freeze(&f->broker)); /* the kernel still accepts, nobody answers */
    struct mono now = wait_mono();
    for (int i = 0; i < 4; i++) {
        now = tick_ahead(f, now, 1); /* begins an attempt */
        assert_true(wait_until(has_socket, f, WAIT_MS));
        ports[i] = socket_to(f->broker.port);
        assert_true(i == 0 || ports[i] != ports[i - 1]);
        struct mono began = now;
        while (socket_to(f->broker.port) == ports[i] && now.ms < began.ms + 20000) {
            now = tick_ahead(f, now, 1); /* until the next has put it aside */
        }
        assert_true(now.ms >= began.ms + 5000 && now.ms < began.ms + 10000);
        assert_false(mqtt_bus_is_up(f->driver.bus));
    }
    assert_int_equal(count_of(f, BUS_UP) + count_of(f, BUS_DOWN), 0);
}

/* As many downs as ups. */
static bool is_told_down(void *context)
{
    struct fixture *f = context;
    return count_of(f, BUS_DOWN) == count_of(f, BUS_UP);
}

static void a_loss_is_told_of_by_itself_without_a_tick(void **state)
{
    struct fixture *f = *state;
    open_up(f);
    assert_true(broker_stop(&f->broker)); /* says goodbye */
    assert_true(wait_until(is_told_down, f, WAIT_MS));
    comes_back(f, 2);
    assert_true(broker_kill(&f->broker)); /* does not */
    assert_true(wait_until(is_told_down, f, WAIT_MS));
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
    assert_true(wait_until(is_told_down, f, WAIT_MS)); /* by the broker's DISCONNECT */
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

static void close_waits_for_what_is_on_its_way(void **state)
{
    struct fixture *f = *state;
    enum { MESSAGES = 300 };
    open_client(f);
    assert_true(mqtt_client_subscribe(f->client, "gatehouse/v1/events"));
    open_up(f);
    for (int i = 0; i < MESSAGES; i++) {
        assert_int_equal(publish(f, "gatehouse/v1/events", "x", false), GH_OK);
    }
    bus_driver_close(&f->driver, WAIT_MS);
    send_text(f, "gatehouse/v1/events", "end", false);
    assert_non_null(mqtt_client_wait_text(f->client, 0, "gatehouse/v1/events", "end", WAIT_MS));
    assert_int_equal(mqtt_client_count(f->client), MESSAGES + 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(after_a_broker_restart_it_is_up_again_and_subscribed),
        T(after_kill_of_the_broker_it_is_up_again_and_subscribed_each_time),
        T(a_broker_that_stands_still_is_noticed_and_left_and_found_again),
        T(a_broker_that_stands_still_is_noticed_on_our_clock),
        T(an_attempt_that_is_never_answered_is_given_up_on_our_clock),
        T(a_loss_is_told_of_by_itself_without_a_tick),
        T(with_nobody_at_the_port_it_keeps_trying_without_blocking),
        T(the_will_is_sent_and_kept_when_the_gateway_vanishes),
        T(an_orderly_close_sends_no_will),
        T(close_waits_for_what_is_on_its_way),
        T(after_close_no_note_comes),
        T(close_at_any_moment_of_connecting_is_fine),
        T(tcp_nodelay_is_set_on_its_socket_also_after_a_reconnect_and_on_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
