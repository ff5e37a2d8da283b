#include "adapters/paho/nodelay.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Whether the other end of fd is this address and port. */
static bool leads_to(int fd, const char *address, int port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t len = sizeof peer;
    unsigned char wanted[sizeof(struct in6_addr)];
    if (getpeername(fd, &peer.any, &len) != 0) {
        return false;
    }
    if (peer.any.sa_family == AF_INET) {
        return ntohs(peer.v4.sin_port) == port && inet_pton(AF_INET, address, wanted) == 1 &&
               memcmp(&peer.v4.sin_addr, wanted, sizeof peer.v4.sin_addr) == 0;
    }
    if (peer.any.sa_family == AF_INET6) {
        return ntohs(peer.v6.sin6_port) == port && inet_pton(AF_INET6, address, wanted) == 1 &&
               memcmp(&peer.v6.sin6_addr, wanted, sizeof peer.v6.sin6_addr) == 0;
    }
    return false;
}

/* The number that is a name in /proc/self/fd; -1 for "." and "..". */
static int fd_number(const char *name)
{
    char *end = NULL;
    errno = 0;
    long fd = strtol(name, &end, 10);
    return errno == 0 && end != name && *end == '\0' && fd >= 0 && fd <= 1 << 30 ? (int)fd : -1;
}

int nodelay_set(const char *address, int port)
{
    int found = 0;
    DIR *fds = opendir("/proc/self/fd");
    if (fds == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(fds); entry != NULL; entry = readdir(fds)) {
        int fd = fd_number(entry->d_name);
        int one = 1;
        if (fd >= 0 && leads_to(fd, address, port) &&
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0) {
            found++;
        }
    }
    closedir(fds);
    return found;
}
