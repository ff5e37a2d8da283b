#include "app/broker_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/state.h"
#include "app/whole_file.h"

#define LOCK_FILE ".lock"
#define LOCK_TRIES 200
#define LOCK_TRY_MS 50

static const struct {
    const char *name;
    mode_t mode;
    bool is_shared;
    bool is_brokers; /* newer versions warn of a file that is another's */
} files[BROKER_FILES] = {
    [BROKER_CA_KEY] = {"ca.key", 0600, false, false},
    [BROKER_CA] = {"ca.pem", 0644, true, false},
    [BROKER_SERVER_KEY] = {"server.key", 0640, true, false},
    [BROKER_SERVER] = {"server.pem", 0644, true, false},
    [BROKER_ACCOUNTS] = {"accounts", 0600, true, true},
    [BROKER_ACL] = {"acl", 0600, true, true},
    [BROKER_REVOKED] = {"revoked.pem", 0644, true, false},
    [BROKER_ISSUED] = {"issued", 0600, false, false},
};

const char *broker_file_name(enum broker_file file)
{
    return files[file].name;
}

mode_t broker_file_mode(enum broker_file file)
{
    return files[file].mode;
}

bool broker_file_is_shared(enum broker_file file)
{
    return files[file].is_shared;
}

uid_t broker_owner(void)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(BROKER_OWNER) : NULL;
    return user ? user->pw_uid : (uid_t)-1;
}

gid_t broker_group(void)
{
    const struct group *group = geteuid() == 0 ? getgrnam(BROKER_GROUP) : NULL;
    return group ? group->gr_gid : (gid_t)-1;
}

/* The name of what was made lasts. */
static bool sync_above(const char *path)
{
    char folder[CONFIG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    return state_sync(folder[0] ? folder : slash ? "/" : ".");
}

/* A folder that is made has its owner and mode before anything lies in it. */
static bool make_folder(const char *path, gid_t group)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST;
    return (group == (gid_t)-1 || chown(path, (uid_t)-1, group) == 0) &&
           chmod(path, BROKER_FOLDER_MODE) == 0 && sync_above(path);
}

/* False if the path is another folder by now, such as after a reset. */
static bool is_still(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static bool take_lock(int fd)
{
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    for (int i = 0; !locked && (errno == EWOULDBLOCK || errno == EINTR) && i < LOCK_TRIES; i++) {
        (void)poll(NULL, 0, LOCK_TRY_MS);
        locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    }
    return locked;
}

/* True if setup has begun there, or a reset has not ended. */
static bool is_ours(int fd)
{
    const char *const signs[] = {LOCK_FILE, files[BROKER_CA_KEY].name, files[BROKER_ISSUED].name};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (faccessat(fd, signs[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    return false;
}

static enum gh_err open_locked(struct broker_folder *f, bool make)
{
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f->fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : errno == ENOTDIR || errno == ELOOP ? GH_INVALID : GH_IO;
    if (!make && !is_ours(f->fd))
        return GH_NOT_FOUND;
    f->lock = openat(f->fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->lock < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO; /* ENOENT: the folder was just removed */
    if (!take_lock(f->lock))
        return errno == EWOULDBLOCK ? GH_RETRY : GH_IO;
    return is_still(f->fd, f->path) ? GH_OK : GH_NOT_FOUND;
}

enum gh_err broker_folder_open(struct broker_folder *out, const char *path, bool make)
{
    struct broker_folder folder = {
        .fd = -1, .lock = -1, .owner = broker_owner(), .group = broker_group()};
    if (snprintf(folder.path, sizeof folder.path, "%s", path) >= (int)sizeof folder.path) {
        errno = ENAMETOOLONG;
        return GH_IO;
    }
    if (make && !make_folder(path, folder.group))
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    enum gh_err err = open_locked(&folder, make);
    int saved = errno;
    if (err)
        broker_folder_close(&folder);
    else
        *out = folder;
    errno = saved;
    return err;
}

const char *broker_folder_why(enum gh_err err)
{
    if (err == GH_RETRY)
        return "another gatehousectl is at work there";
    if (err == GH_NOT_FOUND)
        return "there is no such folder, or nothing of the broker's in it";
    if (err == GH_INVALID)
        return "it is no folder";
    return errno == EACCES || errno == EPERM ? "no access: run this as root" : strerror(errno);
}

void broker_folder_close(struct broker_folder *folder)
{
    if (folder->fd >= 0)
        close(folder->fd);
    if (folder->fd >= 0 && folder->lock >= 0)
        close(folder->lock);
    folder->fd = -1;
}

bool broker_folder_remove(const struct broker_folder *folder)
{
    return unlinkat(folder->fd, LOCK_FILE, 0) == 0 && rmdir(folder->path) == 0;
}

enum gh_err broker_folder_read(const struct broker_folder *folder, enum broker_file file, char **out,
                               size_t *len)
{
    return whole_file_read(folder->fd, files[file].name, out, len);
}

uid_t broker_file_owner(const struct broker_folder *folder, enum broker_file file)
{
    return files[file].is_brokers && folder->owner != (uid_t)-1 ? folder->owner : geteuid();
}

enum gh_err broker_folder_put(const struct broker_folder *folder, enum broker_file file,
                              struct slice bytes)
{
    return whole_file_put(folder->fd, files[file].name, bytes, files[file].mode,
                          broker_file_owner(folder, file),
                          files[file].is_shared ? folder->group : (gid_t)-1);
}
