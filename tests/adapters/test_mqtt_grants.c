/* The MQTT bus and a broker that grants less than was asked for, or late. It is played: a real one
 * grants everything, at once. */
#include "mqtt_fixture.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/port.h"

enum { CONNECT = 1, PUBACK = 4, SUBSCRIBE = 8, UNSUBSCRIBE = 10 };

struct played {
    int listening;
    pthread_t thread;
    unsigned char grants[2]; /* of the filters, in their order */
    bool holds;              /* the second one, until it may go on, and sends a read before it */
    atomic_int connections, acknowledged;
    atomic_bool second_came, may_go_on;
};

static bool take(int fd, unsigned char *bytes, size_t len)
{
    return len == 0 || recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

static void give(int fd, const void *bytes, size_t len)
{
    (void)!send(fd, bytes, len, MSG_NOSIGNAL);
}

/* The type of the packet; 0 at the end. body gets what is behind its head. */
static int take_packet(int fd, unsigned char body[512])
{
    unsigned char head, byte;
    size_t len = 0;
    int shift = 0;
    if (!take(fd, &head, 1))
        return 0;
    do {
        if (!take(fd, &byte, 1))
            return 0;
        len |= (size_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return len <= 512 && take(fd, body, len) ? head >> 4 : 0;
}

/* At QoS 1, so that the other side says when it has been looked at. */
static void give_read(int fd, unsigned char packet_id, const char *text)
{
    unsigned char bytes[128] = {0x32, (unsigned char)(2 + strlen(READ_A) + 3 + strlen(text)), 0,
                                (unsigned char)strlen(READ_A)};
    size_t at = 4 + strlen(READ_A);
    memcpy(bytes + 4, READ_A, strlen(READ_A));
    bytes[at + 1] = packet_id;
    memcpy(bytes + at + 3, text, strlen(text));
    give(fd, bytes, at + 3 + strlen(text));
}

static bool is_free(void *context)
{
    struct played *b = context;
    return atomic_load(&b->may_go_on);
}

static void grant(struct played *b, int fd, const unsigned char *id, int nth)
{
    bool is_held = b->holds && nth == 1;
    if (is_held) {
        atomic_store(&b->second_came, true);
        (void)wait_until(is_free, b, WAIT_MS);
    }
    give(fd, (unsigned char[]){0x90, 4, id[0], id[1], 0, b->grants[nth]}, 6);
    if (b->holds)
        give_read(fd, (unsigned char)(nth + 1), is_held ? "late" : "early");
}

static void serve(struct played *b, int fd)
{
    unsigned char body[512];
    int type, nth = 0;
    while ((type = take_packet(fd, body)) != 0) {
        if (type == CONNECT)
            give(fd, (unsigned char[]){0x20, 3, 0, 0, 0}, 5);
        else if (type == SUBSCRIBE && nth < 2)
            grant(b, fd, body, nth++);
        else if (type == UNSUBSCRIBE)
            give(fd, (unsigned char[]){0xb0, 4, body[0], body[1], 0, 0}, 6);
        else if (type == PUBACK)
            atomic_fetch_add(&b->acknowledged, 1);
    }
}

static void *play(void *context)
{
    struct played *b = context;
    int fd;
    while ((fd = accept(b->listening, NULL, NULL)) >= 0) {
        atomic_fetch_add(&b->connections, 1);
        serve(b, fd);
        close(fd);
    }
    return NULL;
}

static void begin(struct fixture *f, struct played *b)
{
    struct mqtt_bus_options o = options_of(f);
    o.port = port_free();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    b->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(b->listening >= 0);
    setsockopt(b->listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(b->listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(b->listening, 8), 0);
    assert_int_equal(pthread_create(&b->thread, NULL, play, b), 0);
    open_bus(f, &o);
}

static void end(struct fixture *f, struct played *b)
{
    bus_driver_close(&f->driver, WAIT_MS);
    shutdown(b->listening, SHUT_RDWR);
    pthread_join(b->thread, NULL);
    close(b->listening);
}

/* What it was once connected for is not all there: it tries anew, and is not up. */
static void less_than_was_asked_for_is_no_link(void **state)
{
    static const unsigned char grants[][2] = {{1, 0}, {1, 2}, {1, 0x80}, {1, 0x87}, {0, 1}, {0x87, 1}};
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        struct fixture *f = *state;
        struct played b = {.grants = {grants[i][0], grants[i][1]}};
        begin(f, &b);
        for (int n = 0; n < WAIT_MS / 50 && atomic_load(&b.connections) < 2; n++)
            assert_false(drive_until(f, BUS_UP, 1, 50));
        assert_true(atomic_load(&b.connections) >= 2);
        end(f, &b);
    }
}

/* A door that opens for it could not be followed by an answer. */
static void a_read_before_all_filters_are_granted_is_left_for_its_repeat(void **state)
{
    struct fixture *f = *state;
    struct played b = {.grants = {1, 1}, .holds = true};
    begin(f, &b);
    for (int n = 0; n < WAIT_MS / 50 && !(atomic_load(&b.second_came) && atomic_load(&b.acknowledged)); n++)
        assert_false(drive_until(f, BUS_UP, 1, 50));
    assert_true(atomic_load(&b.second_came));
    assert_int_equal(atomic_load(&b.acknowledged), 1);
    assert_int_equal(count_of(f, BUS_MESSAGE), 0);
    atomic_store(&b.may_go_on, true);
    assert_true(drive_until(f, BUS_UP, 1, WAIT_MS));
    assert_true(drive_until(f, BUS_MESSAGE, 1, WAIT_MS));
    struct bus_note note = message(f, 1);
    assert_true(bus_note_says(&note, "late"));
    end(f, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(less_than_was_asked_for_is_no_link),
        T(a_read_before_all_filters_are_granted_is_left_for_its_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
