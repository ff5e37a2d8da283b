#include "app/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int state_lock(char path[CONFIG_PATH_MAX], const char *state_dir, const char *name, mode_t mode)
{
    bool fits = config_path(path, state_dir, name);
    int fd = fits ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode) : -1;
    if (!fits)
        errno = ENAMETOOLONG;
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

enum gh_err state_keys_load(struct crypto_keys *out, const char *state_dir, int create)
{
    char path[CONFIG_PATH_MAX];
    enum gh_err err = crypto_start();
    if (!err && !config_path(path, state_dir, STATE_DEVICE_KEY))
        err = GH_IO;
    return err ? err : crypto_keys_load(out, path, create);
}

bool state_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}
