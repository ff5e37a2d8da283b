#include "app/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/unix_socket.h"

void hold_user(char out[HAL_TEXT_MAX], const char *who, const struct config_use *use)
{
    snprintf(out, HAL_TEXT_MAX, "%s %s", who, use->door ? use->door->id.s : use->what);
}

static bool is_called(const struct config_use *use, const char *who, const char *user)
{
    char name[HAL_TEXT_MAX];
    hold_user(name, who, use);
    return strncmp(name, user, HOLD_USER_MAX) == 0;
}

bool hold_is_holder(const struct config_use *use, const char *user)
{
    return is_called(use, HOLD_HOLDER, user);
}

bool hold_is_user(const struct config_use *use, const char *user)
{
    return hold_is_holder(use, user) || is_called(use, HOLD_PASSER, user);
}

int hold_claim(const struct config *config, int wait_ms)
{
    char path[CONFIG_PATH_MAX], answer[sizeof HOLD_FREE];
    int fd = config_path(path, config->run_dir, HOLD_SOCKET) ? unix_socket_connect(path) : -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0 || wait_ms == 0 ||
        (poll(&p, 1, wait_ms) == 1 && read(fd, answer, sizeof answer) > 0))
        return fd;
    close(fd);
    return -1;
}

bool hold_is_there(int fd)
{
    char text[64];
    ssize_t n;
    /* What has been said is read away: the end of a stream shows only behind it. */
    do
        n = recv(fd, text, sizeof text, MSG_DONTWAIT);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 && errno == EAGAIN;
}

int hold_lock(const struct config *config)
{
    /* No file: one that root made would be closed to the holder of the unit. */
    int fd = open(config->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    errno = EWOULDBLOCK;
    return -1;
}

int hold_listen(const struct config *config)
{
    char path[CONFIG_PATH_MAX];
    if (!config_path(path, config->run_dir, HOLD_SOCKET)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* Whoever connects is given the lines: nobody but the user that drives them. */
    return unix_socket_listen(path, 0600, 4);
}
