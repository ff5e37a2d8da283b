/* A simulated board with clients at its socket: for the tests of both. */
#ifndef TESTS_ADAPTERS_HAL_SIM_FIXTURE_H
#define TESTS_ADAPTERS_HAL_SIM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"
#include "lib/wait.h"
#include "sim.h"

#define CLIENTS_MAX 20

struct client {
    int fd;
    size_t used;
    char buffer[4096];
};

struct bench {
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    struct hal_sim *sim;
    struct relay_board *relays;
    struct input_board *inputs;
    struct client client[CLIENTS_MAX];
};

static const struct hal_line LINE[4] = {
    {"gpiochip0", "17", false},
    {"gpiochip0", "18", true},
    {"gpiochip0", "22", false},
    {"gpiochip0", "23", true},
};

static inline int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    char why[HAL_TEXT_MAX];
    if (!b || !folder_make(&b->folder) || !folder_file(&b->folder, "board.sock", b->path))
        return -1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        b->client[i].fd = -1;
    b->sim = hal_sim_open(b->path, why);
    if (!b->sim)
        return -1;
    b->relays = hal_sim_relays(b->sim);
    b->inputs = hal_sim_inputs(b->sim);
    *state = b;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (b->client[i].fd >= 0)
            close(b->client[i].fd);
    hal_sim_close(b->sim);
    folder_remove(&b->folder);
    free(b);
    return 0;
}

static inline int add_relay(struct bench *b, int line, const char *user, bool energized)
{
    int index = -1;
    char why[HAL_TEXT_MAX];
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[line], user, energized, &index, why),
                     HAL_OK);
    return index;
}

static inline int add_input(struct bench *b, int line, const char *user, int debounce_ms)
{
    int index = -1;
    bool active = true;
    char why[HAL_TEXT_MAX];
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[line], user, INPUT_BIAS_AS_IS,
                                         debounce_ms, &index, &active, why),
                     HAL_OK);
    assert_false(active);
    return index;
}

static inline enum hal_err set(struct bench *b, int relay, bool on)
{
    return b->relays->ops->set(b->relays, relay, on);
}

static inline void assert_level(struct bench *b, int relay, bool on)
{
    bool is = !on;
    assert_int_equal(b->relays->ops->get(b->relays, relay, &is), HAL_OK);
    assert_int_equal(is, on);
}

/* --- a client -------------------------------------------------------------- */

static inline struct client *connect_one(struct bench *b)
{
    int i = 0;
    while (b->client[i].fd >= 0)
        i++;
    struct client *c = &b->client[i];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, b->path, strlen(b->path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->used = 0;
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&address, sizeof address), 0);
    return c;
}

static inline void say_bytes(struct client *c, const char *bytes, size_t len)
{
    assert_int_equal(send(c->fd, bytes, len, MSG_NOSIGNAL), len);
}

static inline void say(struct client *c, const char *line)
{
    say_bytes(c, line, strlen(line));
    say_bytes(c, "\n", 1);
}

/* The next line, without its newline; false at the end of the stream. */
static inline bool hear(struct client *c, char line[512])
{
    for (;;) {
        char *end = memchr(c->buffer, '\n', c->used);
        if (end) {
            size_t len = (size_t)(end - c->buffer);
            assert_true(len < 512);
            memcpy(line, c->buffer, len);
            line[len] = '\0';
            c->used -= len + 1;
            memmove(c->buffer, end + 1, c->used);
            return true;
        }
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        ssize_t n = recv(c->fd, c->buffer + c->used, sizeof c->buffer - c->used, 0);
        if (n <= 0)
            return false;
        c->used += (size_t)n;
    }
}

/* The next line must be "HEAD <time> NAME"; returns the time. */
static inline int64_t hear_level(struct client *c, const char *head, const char *name)
{
    char line[512];
    assert_true(hear(c, line));
    size_t len = strlen(head);
    if (strncmp(line, head, len) != 0 || line[len] != ' ')
        fail_msg("heard \"%s\", wanted \"%s …\"", line, head);
    char *end;
    int64_t at_ns = strtoll(line + len + 1, &end, 10);
    if (name)
        assert_string_equal(*end == ' ' ? end + 1 : end, name);
    else
        assert_int_equal(*end, '\0');
    return at_ns;
}

static inline void hear_exactly(struct client *c, const char *text)
{
    char line[512];
    assert_true(hear(c, line));
    assert_string_equal(line, text);
}

/* Nothing but the answer to a sync may come. */
static inline void hear_nothing(struct client *c)
{
    say(c, "sync quiet");
    hear_exactly(c, "sync quiet");
}

#define ON_BOARD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
