#include "app/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/whole_file.h"

void state_give(const char *state_dir, const char *name)
{
    char path[CONFIG_PATH_MAX];
    struct stat folder, st;
    if (geteuid() != 0 || !config_path(path, state_dir, name) || stat(state_dir, &folder) != 0)
        return;
    /* Neither a link nor a second name of somebody else's file. */
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
        (void)!lchown(path, folder.st_uid, folder.st_gid);
}

int state_lock(char path[CONFIG_PATH_MAX], const char *state_dir, const char *name, mode_t mode)
{
    char half[CONFIG_PATH_MAX];
    struct stat st;
    bool fits = config_path(path, state_dir, name) && config_path(half, state_dir, STATE_RESTORING);
    int fd = fits ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode) : -1;
    if (!fits)
        errno = ENAMETOOLONG;
    if (fd < 0)
        return -1;
    state_give(state_dir, name);
    int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (!error && lstat(half, &st) == 0 && S_ISDIR(st.st_mode))
        error = EINPROGRESS;
    if (!error && state_is_being_reset(state_dir))
        error = ECANCELED;
    if (!error)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

const char *state_lock_why(int error, const char *busy)
{
    switch (error) {
    case EWOULDBLOCK: return busy;
    case EINPROGRESS: return STATE_RESTORING_HELP;
    case ECANCELED: return STATE_RESET_HELP;
    default: return strerror(error);
    }
}

bool state_is_being_reset(const char *state_dir)
{
    char path[CONFIG_PATH_MAX];
    return config_path(path, state_dir, STATE_RESET) && access(path, F_OK) == 0;
}

static bool is_given(char out[CONFIG_PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    return folder && config_path(out, folder, STATE_DEVICE_KEY) && access(out, F_OK) == 0;
}

bool state_device_key_path(char out[CONFIG_PATH_MAX], const char *state_dir)
{
    return is_given(out) || config_path(out, state_dir, STATE_DEVICE_KEY);
}

static bool is_note(const char *path)
{
    char text[sizeof STATE_KEY_NOTE + 1] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(STATE_KEY_NOTE) && strcmp(text, STATE_KEY_NOTE) == 0;
}

bool state_key_is_note(const char *state_dir)
{
    char path[CONFIG_PATH_MAX];
    return config_path(path, state_dir, STATE_DEVICE_KEY) && is_note(path);
}

/* What the databases were made under must be the key that was given. */
static enum gh_err agree(const struct crypto_keys *given, const char *path, const char *state_dir,
                         int create)
{
    struct crypto_keys kept;
    if (is_note(path))
        return GH_OK;
    enum gh_err err = crypto_keys_load(&kept, path, 0);
    if (err == GH_NOT_FOUND)
        return create ? state_write(state_dir, STATE_DEVICE_KEY, slice_of(STATE_KEY_NOTE)) : GH_OK;
    if (!err && memcmp(&kept, given, sizeof kept) != 0)
        err = GH_CORRUPT;
    crypto_forget(&kept, sizeof kept);
    return err;
}

enum gh_err state_keys_load(struct crypto_keys *out, const char *state_dir, int create)
{
    char own[CONFIG_PATH_MAX], given[CONFIG_PATH_MAX];
    struct crypto_keys keys;
    enum gh_err err = crypto_start();
    if (!err && !config_path(own, state_dir, STATE_DEVICE_KEY))
        err = GH_IO;
    if (err)
        return err;
    if (!is_given(given))
        return crypto_keys_load(out, own, create);
    err = crypto_keys_load(&keys, given, 0);
    if (!err)
        err = agree(&keys, own, state_dir, create);
    if (!err)
        *out = keys;
    crypto_forget(&keys, sizeof keys);
    return err;
}

bool state_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

enum gh_err state_write(const char *folder, const char *name, struct slice text)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum gh_err err = fd < 0 ? GH_IO : whole_file_put(fd, name, text, 0640, (uid_t)-1, (gid_t)-1);
    if (fd >= 0)
        close(fd);
    return err;
}

DIR *state_open(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

void state_empty(const char *folder)
{
    DIR *dir = state_open(folder);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
}
