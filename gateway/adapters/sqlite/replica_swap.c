#include "replica_swap.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "db.h"

static bool name(char out[PATH_MAX], const char *path, const char *suffix)
{
    return (size_t)snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

static bool gone(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT;
}

static bool moved(const char *from, const char *to)
{
    return rename(from, to) == 0 || (errno == ENOENT && gone(to));
}

enum gh_err replica_swap_clear(const char *fresh)
{
    char log[PATH_MAX], shm[PATH_MAX];
    bool done = name(log, fresh, "-wal") && name(shm, fresh, "-shm") && gone(fresh) && gone(log) &&
                gone(shm);
    return done ? GH_OK : GH_IO;
}

enum gh_err replica_swap(const char *fresh, const char *path)
{
    char log[PATH_MAX], shm[PATH_MAX], kept[PATH_MAX], kept_log[PATH_MAX], fresh_log[PATH_MAX];
    if (!name(log, path, "-wal") || !name(shm, path, "-shm") || !name(kept, path, ".damaged") ||
        !name(kept_log, path, ".damaged-wal") || !name(fresh_log, fresh, "-wal") ||
        access(fresh_log, F_OK) == 0)
        return GH_IO;
    /* The database first: without its log it is another policy. */
    if (!moved(path, kept) || !moved(log, kept_log) || !gone(shm) || rename(fresh, path) != 0)
        return GH_IO;
    return db_sync_folder_of(path);
}

enum gh_err replica_swap_finish(const char *fresh, const char *path)
{
    char log[PATH_MAX], fresh_log[PATH_MAX];
    if (!name(log, path, "-wal") || !name(fresh_log, fresh, "-wal"))
        return GH_IO;
    /* Only then was it whole and closed: a log is older than what it would lie beside. */
    if (access(path, F_OK) == 0 || access(fresh, F_OK) != 0 || access(fresh_log, F_OK) == 0)
        return GH_OK;
    if (!gone(log) || rename(fresh, path) != 0)
        return GH_IO;
    return db_sync_folder_of(path);
}
