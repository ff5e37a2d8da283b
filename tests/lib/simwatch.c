#include "lib/simwatch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/wait.h"

#define RELAYS_MAX 1024
#define LINE_ROOM 512

struct relay_view {
    bool known, energized;
    char name[80];
    size_t taken; /* changes before this index are gone through */
    uint64_t edges;
};

struct simwatch {
    int fd;
    char buffer[8192];
    size_t used;
    struct relay_view relay[RELAYS_MAX];
    struct simwatch_change *changes;
    size_t count, room;
    uint64_t syncs_sent, sync_seen;
    uint64_t errors; /* lines of ours that the board refused */
    bool draining;   /* the end of the connection is waited for */
    bool closed;     /* by the board */
};

static bool try_open(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, path, len + 1);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

struct open_call {
    const char *path;
    int fd;
};

static bool is_open(void *context)
{
    struct open_call *call = context;
    call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (call->fd >= 0 && try_open(call->fd, call->path)) {
        return true;
    }
    if (call->fd >= 0) {
        close(call->fd);
    }
    return false;
}

static bool add_change(struct simwatch *watch, int relay, bool energized, int64_t at_ns)
{
    if (watch->count == watch->room) {
        size_t room = watch->room ? watch->room * 2 : 256;
        struct simwatch_change *more = realloc(watch->changes, room * sizeof *more);
        if (more == NULL) {
            lib_say("out of memory: a change of a relay is lost");
            return false;
        }
        watch->changes = more;
        watch->room = room;
    }
    watch->changes[watch->count++] = (struct simwatch_change){relay, energized, at_ns};
    return true;
}

/* The text behind word and a space; NULL if the line begins otherwise. */
static const char *behind(const char *line, const char *word)
{
    size_t len = strlen(word);
    return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

/* N on|off NS NAME */
static void take_relay(struct simwatch *watch, const char *text)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (end == text || number < 0 || number >= RELAYS_MAX || *end != ' ') {
        return;
    }
    struct relay_view *r = &watch->relay[number];
    bool on = strncmp(end + 1, "on ", 3) == 0;
    const char *time = end + (on ? 4 : 5);
    if (!on && strncmp(end + 1, "off ", 4) != 0) {
        return;
    }
    int64_t at_ns = strtoll(time, &end, 10);
    if (r->known && add_change(watch, (int)number, on, at_ns)) {
        r->edges++;
    }
    r->known = true;
    r->energized = on;
    snprintf(r->name, sizeof r->name, "%s", *end == ' ' ? end + 1 : "");
}

static void take_line(struct simwatch *watch, const char *line)
{
    const char *text = behind(line, "relay");
    if (text) {
        take_relay(watch, text);
    } else if ((text = behind(line, "sync")) != NULL) {
        watch->sync_seen = strtoull(text, NULL, 10);
    } else if ((text = behind(line, "error")) != NULL) {
        lib_say("the simulated board says: %s", text);
        watch->errors++;
    }
}

static void take_lines(struct simwatch *watch)
{
    char *start = watch->buffer;
    char *stop = watch->buffer + watch->used;
    for (char *nl = memchr(start, '\n', watch->used); nl != NULL;
         nl = memchr(start, '\n', (size_t)(stop - start))) {
        *nl = '\0';
        take_line(watch, start);
        start = nl + 1;
    }
    watch->used = (size_t)(stop - start);
    memmove(watch->buffer, start, watch->used);
}

/* Reads what is there, waiting for it until end_ns; false on the end of the
 * connection or of the time. */
static bool read_more(struct simwatch *watch, int64_t end_ns)
{
    int64_t left_ms = (end_ns - wait_now_ns() + 999999) / 1000000;
    struct pollfd p = {watch->fd, POLLIN, 0};
    if (left_ms <= 0 || watch->used == sizeof watch->buffer || poll(&p, 1, (int)left_ms) <= 0) {
        return false;
    }
    ssize_t n = read(watch->fd, watch->buffer + watch->used, sizeof watch->buffer - watch->used);
    if (n <= 0) {
        if (!watch->draining) {
            lib_say("the simulated board has closed its socket");
        }
        watch->closed = true;
        return false;
    }
    watch->used += (size_t)n;
    take_lines(watch);
    return true;
}

static int64_t end_in(int timeout_ms)
{
    return wait_now_ns() + (int64_t)timeout_ms * 1000000;
}

static bool send_line(struct simwatch *watch, const char *line)
{
    char text[LINE_ROOM];
    int n = snprintf(text, sizeof text, "%s\n", line);
    return n > 0 && (size_t)n < sizeof text &&
           send(watch->fd, text, (size_t)n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* All that the board had to say up to now is taken in. */
static bool sync_now(struct simwatch *watch)
{
    char line[64];
    int64_t end = end_in(WAIT_MS);
    watch->syncs_sent++;
    snprintf(line, sizeof line, "sync %" PRIu64, watch->syncs_sent);
    if (!send_line(watch, line)) {
        return false;
    }
    while (watch->sync_seen < watch->syncs_sent) {
        if (!read_more(watch, end)) {
            return false;
        }
    }
    return true;
}

/* Takes the connection, and what the board says first. */
static struct simwatch *begin(int fd)
{
    struct simwatch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        close(fd);
        return NULL;
    }
    watch->fd = fd;
    if (!sync_now(watch)) {
        simwatch_close(watch);
        return NULL;
    }
    return watch;
}

struct simwatch *simwatch_open(const char *socket_path, int timeout_ms)
{
    struct open_call call = {socket_path, -1};
    if (!wait_until(is_open, &call, timeout_ms)) {
        lib_say("nobody listens at %s", socket_path);
        return NULL;
    }
    return begin(call.fd);
}

struct simwatch *simwatch_try(const char *socket_path)
{
    struct open_call call = {socket_path, -1};
    return is_open(&call) ? begin(call.fd) : NULL;
}

void simwatch_close(struct simwatch *watch)
{
    if (watch != NULL) {
        close(watch->fd);
        free(watch->changes);
        free(watch);
    }
}

int simwatch_relay(struct simwatch *watch, const char *name, int timeout_ms)
{
    int64_t end = end_in(timeout_ms);
    do {
        for (int i = 0; i < RELAYS_MAX; i++) {
            if (watch->relay[i].known && strcmp(watch->relay[i].name, name) == 0) {
                return i;
            }
        }
    } while (read_more(watch, end));
    lib_say("the simulated board has no relay named %s", name);
    return -1;
}

bool simwatch_wait(struct simwatch *watch, int relay, bool energized, int timeout_ms,
                   struct simwatch_change *out)
{
    int64_t end = end_in(timeout_ms);
    if (relay < 0 || relay >= RELAYS_MAX) {
        return false;
    }
    struct relay_view *r = &watch->relay[relay];
    do {
        while (r->taken < watch->count) {
            const struct simwatch_change *change = &watch->changes[r->taken++];
            if (change->relay == relay && change->energized == energized) {
                if (out) {
                    *out = *change;
                }
                return true;
            }
        }
    } while (read_more(watch, end));
    lib_say("relay %d did not go %s in %d ms", relay, energized ? "on" : "off", timeout_ms);
    return false;
}

bool simwatch_wait_level(struct simwatch *watch, int relay, bool energized, int timeout_ms)
{
    int64_t end = end_in(timeout_ms);
    if (relay < 0 || relay >= RELAYS_MAX || !sync_now(watch)) {
        return false;
    }
    const struct relay_view *r = &watch->relay[relay];
    while (!r->known || r->energized != energized) {
        if (!read_more(watch, end)) {
            lib_say("relay %d is not %s after %d ms", relay, energized ? "on" : "off",
                    timeout_ms);
            return false;
        }
    }
    return true;
}

uint64_t simwatch_edges(struct simwatch *watch, int relay)
{
    if (relay < 0 || relay >= RELAYS_MAX || !sync_now(watch)) {
        return UINT64_MAX;
    }
    return watch->relay[relay].edges;
}

bool simwatch_drain(struct simwatch *watch, int timeout_ms)
{
    int64_t end = end_in(timeout_ms);
    watch->draining = true;
    while (read_more(watch, end)) {
    }
    watch->draining = false;
    return watch->closed;
}

size_t simwatch_changes(const struct simwatch *watch, int relay, bool energized)
{
    size_t n = 0;
    for (size_t i = 0; i < watch->count; i++) {
        n += watch->changes[i].relay == relay && watch->changes[i].energized == energized;
    }
    return n;
}

void simwatch_take(struct simwatch *watch, int timeout_ms)
{
    bool was_draining = watch->draining;
    watch->draining = true;
    if (!watch->closed && read_more(watch, end_in(timeout_ms))) {
        struct pollfd p = {watch->fd, POLLIN, 0};
        while (!watch->closed && poll(&p, 1, 0) > 0 && read_more(watch, end_in(1))) {
        }
    }
    watch->draining = was_draining;
}

size_t simwatch_count(const struct simwatch *watch)
{
    return watch->count;
}

const struct simwatch_change *simwatch_at(const struct simwatch *watch, size_t index)
{
    return &watch->changes[index];
}

bool simwatch_is_energized(const struct simwatch *watch, int relay)
{
    return relay >= 0 && relay < RELAYS_MAX && watch->relay[relay].energized;
}

bool simwatch_command(struct simwatch *watch, const char *line)
{
    uint64_t before = watch->errors;
    return send_line(watch, line) && sync_now(watch) && watch->errors == before;
}
