#include "app/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_at(struct sockaddr_un *out, const char *path)
{
    size_t size = strlen(path) + 1;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size > sizeof out->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(out->sun_path, path, size);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int keep_if(bool good, int fd)
{
    int saved = errno;
    if (good)
        return fd;
    close(fd);
    errno = saved;
    return -1;
}

int unix_socket_connect(const char *path)
{
    struct sockaddr_un address;
    int fd = open_at(&address, path);
    if (fd < 0)
        return -1;
    return keep_if(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, fd);
}

int unix_socket_listen(const char *path, mode_t mode, int backlog)
{
    struct sockaddr_un address;
    int fd = open_at(&address, path);
    if (fd < 0)
        return -1;
    unlink(path);
    /* The mode comes before listen(), until which nobody can connect. */
    bool good = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                chmod(path, mode) == 0 && listen(fd, backlog) == 0;
    return keep_if(good, fd);
}
