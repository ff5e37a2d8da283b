#include "app/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "app/config.h"

static void close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

static enum gh_err read_all(int fd, char **out, size_t *len)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return GH_IO;
    if (!S_ISREG(st.st_mode))
        return GH_INVALID;
    if ((size_t)st.st_size > WHOLE_FILE_MAX)
        return GH_FULL;
    size_t size = (size_t)st.st_size, n = 0;
    char *text = malloc(size + 1);
    ssize_t got = text ? 1 : -1;
    while (got > 0 && n < size) {
        got = read(fd, text + n, size - n);
        if (got > 0)
            n += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0) {
        whole_file_forget(text, n);
        return GH_IO;
    }
    text[n] = '\0';
    *out = text;
    *len = n;
    return GH_OK;
}

enum gh_err whole_file_read(int folder, const char *name, char **out, size_t *len)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    enum gh_err err = read_all(fd, out, len);
    close_keeping_errno(fd);
    return err;
}

void whole_file_forget(char *text, size_t len)
{
    if (text)
        crypto_forget(text, len);
    free(text);
}

static bool write_all(int fd, struct slice bytes)
{
    for (size_t n = 0; n < bytes.len;) {
        ssize_t put = write(fd, bytes.ptr + n, bytes.len - n);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            n += (size_t)put;
    }
    return true;
}

static enum gh_err failed(void)
{
    return errno == ENOSPC || errno == EDQUOT ? GH_FULL : GH_IO;
}

enum gh_err whole_file_put(int folder, const char *name, struct slice bytes, mode_t mode,
                           uid_t owner, gid_t group)
{
    char next[CONFIG_PATH_MAX];
    if (snprintf(next, sizeof next, "%s" WHOLE_FILE_NEXT, name) >= (int)sizeof next) {
        errno = ENAMETOOLONG;
        return GH_IO;
    }
    (void)unlinkat(folder, next, 0); /* of a writer that was cut off */
    int fd = openat(folder, next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed();
    bool gives = owner != (uid_t)-1 || group != (gid_t)-1;
    bool good = write_all(fd, bytes) && (!gives || fchown(fd, owner, group) == 0) &&
                fchmod(fd, mode) == 0 && fsync(fd) == 0;
    close_keeping_errno(fd);
    good = good && renameat(folder, next, folder, name) == 0 && fsync(folder) == 0;
    if (good)
        return GH_OK;
    enum gh_err err = failed();
    int saved = errno;
    (void)unlinkat(folder, next, 0);
    errno = saved;
    return err;
}

/* A folder or a pipe is none. */
static FILE *open_regular(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    FILE *f = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

bool whole_file_is_same(const char *a, const char *b)
{
    FILE *fa = open_regular(a), *fb = open_regular(b);
    bool same = fa && fb;
    for (int ca = 0; same && ca != EOF;) {
        ca = getc(fa);
        same = ca == getc(fb);
    }
    if (fa)
        fclose(fa);
    if (fb)
        fclose(fb);
    return same;
}
