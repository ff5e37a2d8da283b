#include "lib/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/wait.h"

/* Below Linux's usual range of outgoing ports (32768-60999), above the services'. */
#define PORT_FIRST 20000
#define PORT_LAST 32700
/* Of how many ports, the last ones given out, no other test is given any. */
#define TAKEN_MAX 64

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static bool is_free(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    int one = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return bound;
}

/* Takes a port among the tests that run at the same time: between the look at it and the server that
 * binds it, another would find it free as well. A name that the kernel frees with the process. */
static bool take(int port)
{
    static int taken[TAKEN_MAX];
    static size_t n;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "gatehouse-test-port-%d", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len;
    if (bind(fd, (struct sockaddr *)&name, size) != 0) {
        close(fd);
        return false;
    }
    int *place = &taken[n++ % TAKEN_MAX];
    if (*place > 0) {
        close(*place);
    }
    *place = fd;
    return true;
}

int port_free(void)
{
    for (int i = 0; i < 200; i++) {
        uint16_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random) {
            break;
        }
        int port = PORT_FIRST + random % (PORT_LAST - PORT_FIRST + 1);
        if (take(port) && is_free(port)) {
            return port;
        }
    }
    lib_say("no free port on 127.0.0.1");
    return 0;
}

static bool accepts(void *context)
{
    const int *port = context;
    struct sockaddr_in address = loopback(*port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool open = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (!open && errno == EINPROGRESS) {
        struct pollfd p = {fd, POLLOUT, 0};
        int error = 0;
        socklen_t len = sizeof error;
        open = poll(&p, 1, 1000) == 1 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
    }
    close(fd);
    return open;
}

bool port_wait_open(int port, int timeout_ms)
{
    return wait_until(accepts, &port, timeout_ms);
}
