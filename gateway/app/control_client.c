#include "app/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/lines.h"
#include "app/unix_socket.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void free_bytes(char **p)
{
    free(*p);
}

static enum gh_err wait_for(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;
    do {
        n = poll(&p, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    return n == 1 ? GH_OK : GH_IO;
}

static enum gh_err reach(int *out, const char *socket_path)
{
    *out = unix_socket_connect(socket_path);
    if (*out >= 0)
        return GH_OK;
    /* EAGAIN: its queue of callers is full; a Unix socket does not connect later. */
    return errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN ? GH_RETRY : GH_IO;
}

static enum gh_err send_all(int fd, struct slice bytes, int timeout_ms)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = (struct slice){bytes.ptr + n, bytes.len - (size_t)n};
        } else if (n < 0 && errno == EAGAIN) {
            enum gh_err err = wait_for(fd, POLLOUT, timeout_ms);
            if (err)
                return err;
        } else if (!(n < 0 && errno == EINTR)) {
            return GH_IO;
        }
    }
    return GH_OK;
}

/* Where the lines of an answer go. */
struct answer {
    bool (*line)(void *context, struct slice text);
    void *context;
    size_t count;
};

static bool on_line(void *context, struct slice text)
{
    struct answer *a = context;
    a->count++;
    return a->line(a->context, text);
}

static enum gh_err receive(int fd, int timeout_ms, struct answer *answer)
{
    __attribute__((cleanup(free_bytes))) char *buffer = malloc(CONTROL_LINE_MAX);
    struct lines lines = {.buffer = buffer, .size = CONTROL_LINE_MAX};
    if (!buffer)
        return GH_IO;
    for (;;) {
        char piece[8192];
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        enum gh_err err = GH_OK;
        if (n == 0)
            return lines.len == 0 && answer->count > 0 ? GH_OK : GH_IO;
        if (n > 0)
            err = lines_feed(&lines, slice_make(piece, (size_t)n), on_line, answer);
        else if (errno == EAGAIN)
            err = wait_for(fd, POLLIN, timeout_ms);
        else if (errno != EINTR)
            err = GH_IO;
        if (n > 0 && err == GH_RETRY)
            return GH_OK; /* the caller has heard enough */
        if (err)
            return err;
    }
}

enum gh_err control_call(const char *socket_path, struct slice request, int timeout_ms,
                         bool (*line)(void *context, struct slice text), void *context)
{
    __attribute__((cleanup(close_fd))) int fd = -1;
    struct answer answer = {.line = line, .context = context};
    if (request.len > CONTROL_REQUEST_MAX)
        return GH_FULL;
    enum gh_err err = reach(&fd, socket_path);
    if (!err)
        err = send_all(fd, request, timeout_ms);
    if (!err)
        err = send_all(fd, slice_of("\n"), timeout_ms);
    return err ? err : receive(fd, timeout_ms, &answer);
}
