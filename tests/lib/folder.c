#include "lib/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/wait.h"

#define FILE_MAX (64L << 20)

bool folder_make(struct folder *folder)
{
    const char *parent = getenv("TMPDIR");
    struct folder made;
    int n = snprintf(made.path, sizeof made.path, "%s/gatehouse-test-XXXXXX",
                     parent && parent[0] ? parent : "/tmp");
    if (n < 0 || (size_t)n >= sizeof made.path || mkdtemp(made.path) == NULL) {
        lib_say("cannot make a temporary folder: %s", strerror(errno));
        return false;
    }
    *folder = made;
    return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    if (remove(path) != 0 && errno != ENOENT) {
        lib_say("cannot remove %s: %s", path, strerror(errno));
    }
    return 0;
}

void folder_remove(struct folder *folder)
{
    if (folder->path[0] == '\0') {
        return;
    }
    if (getenv("GATEHOUSE_KEEP")) {
        lib_say("kept: %s", folder->path);
    } else {
        nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    folder->path[0] = '\0';
}

bool folder_file(const struct folder *folder, const char *name, char out[FOLDER_PATH_MAX])
{
    int n = snprintf(out, FOLDER_PATH_MAX, "%s/%s", folder->path, name);
    if (n < 0 || n >= FOLDER_PATH_MAX) {
        lib_say("path too long: %s", name);
        return false;
    }
    return true;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

bool folder_write(const struct folder *folder, const char *name, const char *text, unsigned mode)
{
    char path[FOLDER_PATH_MAX];
    if (!folder_file(folder, name, path)) {
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    bool written = fd >= 0 && fchmod(fd, (mode_t)mode) == 0 && write_all(fd, text, strlen(text));
    if (!written) {
        lib_say("cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return written;
}

char *folder_read(const char *path, size_t *len)
{
    char *text = NULL;
    struct stat st;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &st) != 0 || st.st_size > FILE_MAX) {
        lib_say("cannot read %s: %s", path, strerror(errno));
        goto done;
    }
    text = malloc((size_t)st.st_size + 1);
    if (text == NULL) {
        goto done;
    }
    size_t got = fread(text, 1, (size_t)st.st_size, file);
    text[got] = '\0';
    if (len) {
        *len = got;
    }
done:
    if (file) {
        fclose(file);
    }
    return text;
}

/* Looks for name in dir and in every folder above it; dir is cut on the way. */
static bool find_upwards(char *dir, const char *name, char out[FOLDER_PATH_MAX])
{
    for (;;) {
        int n = snprintf(out, FOLDER_PATH_MAX, "%s/%s", dir, name);
        if (n > 0 && n < FOLDER_PATH_MAX && access(out, F_OK) == 0) {
            return true;
        }
        char *slash = strrchr(dir, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
}

static bool own_folder(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n <= 0) {
        return false;
    }
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash) {
        *slash = '\0';
    }
    return slash != NULL;
}

bool place_repo_file(const char *name, char out[FOLDER_PATH_MAX])
{
    char dir[PATH_MAX];
    char found[FOLDER_PATH_MAX];
    if ((getcwd(dir, sizeof dir) != NULL && find_upwards(dir, name, found)) ||
        (own_folder(dir) && find_upwards(dir, name, found))) {
        memcpy(out, found, sizeof found);
        return true;
    }
    lib_say("%s not found: run from the top of the repository", name);
    return false;
}

bool place_program(const char *name, char out[FOLDER_PATH_MAX])
{
    char dir[PATH_MAX];
    char found[FOLDER_PATH_MAX];
    const char *build = getenv("BUILD");
    if (build && build[0] && realpath(build, dir) != NULL) {
        int n = snprintf(found, sizeof found, "%s/%s", dir, name);
        if (n > 0 && (size_t)n < sizeof found && access(found, X_OK) == 0) {
            memcpy(out, found, sizeof found);
            return true;
        }
    } else if (own_folder(dir) && find_upwards(dir, name, found)) {
        memcpy(out, found, sizeof found);
        return true;
    }
    lib_say("the program %s is not built (BUILD=%s)", name, build ? build : "");
    return false;
}
