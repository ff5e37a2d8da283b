#include "app/hold.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void hold_user(char out[HAL_TEXT_MAX], const char *who, const struct config_use *use)
{
    snprintf(out, HAL_TEXT_MAX, "%s %s", who, use->door ? use->door->id.s : use->what);
}

bool hold_is_user(const struct config_use *use, const char *user)
{
    char holder[HAL_TEXT_MAX], passer[HAL_TEXT_MAX];
    hold_user(holder, HOLD_HOLDER, use);
    hold_user(passer, HOLD_PASSER, use);
    return strncmp(holder, user, HOLD_USER_MAX) == 0 || strncmp(passer, user, HOLD_USER_MAX) == 0;
}

static bool address_of(struct sockaddr_un *out, const struct config *config)
{
    char path[CONFIG_PATH_MAX];
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!config_path(path, config->run_dir, HOLD_SOCKET) || strlen(path) >= sizeof out->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(out->sun_path, path, strlen(path) + 1);
    return true;
}

int hold_claim(const struct config *config, int wait_ms)
{
    struct sockaddr_un address;
    char answer[sizeof HOLD_FREE];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (address_of(&address, config) &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        (wait_ms == 0 || (poll(&p, 1, wait_ms) == 1 && read(fd, answer, sizeof answer) > 0)))
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

int hold_listen(const struct config *config)
{
    struct sockaddr_un address;
    if (!address_of(&address, config))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    unlink(address.sun_path);
    /* Whoever connects is given the lines: nobody but the user that drives them. The mode
     * comes before listen(), until which nobody can connect. */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(address.sun_path, 0600) == 0 && listen(fd, 4) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}
