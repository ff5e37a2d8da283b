#include "app/gatehoused/journal_open.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/config.h"

/* What an open and its first transactions need: shared memory and log files. */
#define RESERVE_BYTES ((off_t)1024 * 1024)
#define DAMAGED_MAX 100

static void keep_reserve(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    if (!config_path(path, folder, "reserve"))
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    /* A reserve of less is none: try again at the next start. */
    if (posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        unlink(path);
    close(fd);
}

static bool give_up_reserve(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    return config_path(path, folder, "reserve") && unlink(path) == 0;
}

/* The log belongs to its database: under its old name it would be taken for the
 * new one's. The shared memory is made anew. */
static bool set_aside(const char *folder, char name[CONFIG_PATH_MAX])
{
    char from[CONFIG_PATH_MAX], to[CONFIG_PATH_MAX], suffixed[CONFIG_PATH_MAX + 8];
    for (int n = 1; n <= DAMAGED_MAX; n++) {
        snprintf(name, CONFIG_PATH_MAX, "journal.db.damaged-%d", n);
        if (!config_path(from, folder, "journal.db") || !config_path(to, folder, name))
            return false;
        if (access(to, F_OK) == 0)
            continue;
        if (rename(from, to) != 0)
            return false;
        if (config_path(from, folder, "journal.db-wal")) {
            snprintf(suffixed, sizeof suffixed, "%s-wal", to);
            (void)!rename(from, suffixed); /* there may be none */
        }
        if (config_path(from, folder, "journal.db-shm"))
            (void)!unlink(from);
        return true;
    }
    return false;
}

enum gh_err journal_open(struct journal_db **out, const struct journal_db_options *options,
                         char why[JOURNAL_OPEN_WHY_MAX])
{
    char name[CONFIG_PATH_MAX], detail[160] = "";
    why[0] = '\0';
    enum gh_err err = journal_db_open(out, options, detail, sizeof detail);
    if (err && err != GH_CORRUPT && give_up_reserve(options->folder)) {
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "the disk has no room: the reserve was given up");
        err = journal_db_open(out, options, detail, sizeof detail);
    }
    if (err == GH_CORRUPT && set_aside(options->folder, name)) {
        snprintf(why, JOURNAL_OPEN_WHY_MAX,
                 "journal.db was damaged and is kept as %.60s: a new "
                 "stream begins",
                 name);
        err = journal_db_open(out, options, detail, sizeof detail);
    }
    if (err)
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "%s", detail);
    else if (!why[0])
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "%s", detail);
    if (!err)
        keep_reserve(options->folder);
    return err;
}
