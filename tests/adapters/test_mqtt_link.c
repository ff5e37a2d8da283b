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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
