#include "app/gatehoused/journal_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "adapters/sqlite/journal_salvage.h"
#include "app/config.h"

/* What an open and its first transactions need: shared memory and log files. Less than the whole
 * is better than nothing where there is no room for it. */
#define RESERVE_BYTES ((off_t)1024 * 1024)
#define RESERVE_LEAST ((off_t)128 * 1024)
#define SMALL_TAIL_PART 4
#define DAMAGED_MAX 8 /* that lie aside */

static void keep_reserve(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    if (!config_path(path, folder, "reserve"))
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    off_t bytes = RESERVE_BYTES;
    while (bytes >= RESERVE_LEAST && posix_fallocate(fd, 0, bytes) != 0) {
        (void)!ftruncate(fd, 0);
        bytes /= 2;
    }
    if (bytes < RESERVE_LEAST)
        unlink(path);
    close(fd);
}

static bool give_up_reserve(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    return config_path(path, folder, "reserve") && unlink(path) == 0;
}

/* What lies aside: a damaged database, its log and its tail, each under the same number. */
static const char *const aside_suffixes[] = {"", "-wal", "-tail"};
#define ASIDE_FILES (sizeof aside_suffixes / sizeof aside_suffixes[0])
enum { ASIDE_DATABASE, ASIDE_LOG, ASIDE_TAIL };

static bool name_aside(char out[CONFIG_PATH_MAX], const char *folder, int number, int file)
{
    char name[48];
    snprintf(name, sizeof name, "journal.db.damaged-%d%s", number, aside_suffixes[file]);
    return config_path(out, folder, name);
}

static bool move_aside(const char *folder, const char *name, int number, int file)
{
    char from[CONFIG_PATH_MAX], to[CONFIG_PATH_MAX];
    if (!config_path(from, folder, name) || !name_aside(to, folder, number, file))
        return false;
    if (rename(from, to) == 0)
        return true;
    if (errno == ENOENT)
        (void)!unlink(to); /* of the one that had this number before */
    return false;
}

/* A number that is free or, where none is, the last: the first ones to lie aside have the most
 * to tell. */
static int choose_number(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    int number = 1;
    while (number < DAMAGED_MAX && name_aside(path, folder, number, ASIDE_DATABASE) &&
           access(path, F_OK) == 0)
        number++;
    return number;
}

/* Its number; 0: it cannot be renamed. The database first: its log under its old name is no danger
 * to a new one, and the old one without its log would be. The shared memory is made anew. */
static int set_aside(const char *folder)
{
    char path[CONFIG_PATH_MAX];
    int number = choose_number(folder);
    if (!move_aside(folder, "journal.db", number, ASIDE_DATABASE))
        return 0;
    (void)move_aside(folder, "journal.db-wal", number, ASIDE_LOG); /* there may be none */
    (void)move_aside(folder, "journal.tail", number, ASIDE_TAIL);
    if (config_path(path, folder, "journal.db-shm"))
        (void)!unlink(path);
    return number;
}

static bool remove_aside(const char *folder, int number, int from_file)
{
    char path[CONFIG_PATH_MAX];
    bool removed = false;
    for (int file = from_file; file < (int)ASIDE_FILES; file++)
        if (name_aside(path, folder, number, file))
            removed |= unlink(path) == 0;
    return removed;
}

/* Room for a new journal, from what can be spared the most. False: that step frees nothing. */
static bool free_room(const char *folder, int number, int step)
{
    bool removed = false;
    switch (step) {
    case 0: return give_up_reserve(folder);
    case 1:
        for (int n = 1; n <= DAMAGED_MAX; n++)
            if (n != number)
                removed |= remove_aside(folder, n, ASIDE_DATABASE);
        return removed;
    default: return remove_aside(folder, number, ASIDE_TAIL);
    }
}
#define FREE_STEPS 3

/* With the damaged one aside. */
static enum gh_err begin_anew(struct journal_db **out, const struct journal_db_options *options,
                              int number, char *detail, size_t size)
{
    enum gh_err err = journal_db_open(out, options, detail, size);
    for (int step = 0; err && step < FREE_STEPS; step++)
        if (free_room(options->folder, number, step))
            err = journal_db_open(out, options, detail, size);
    if (!err)
        return GH_OK;
    /* A start for which there is room gives it its size. */
    struct journal_db_options small = *options;
    small.tail_bytes /= SMALL_TAIL_PART;
    return journal_db_open(out, &small, detail, size);
}

/* What decisions keep is not to go with the events: a lockdown stays one. What was done, in words. */
static const char *take_over(struct journal_db *fresh, const char *folder, int number)
{
    char database[CONFIG_PATH_MAX], tail[CONFIG_PATH_MAX];
    bool whole = false;
    if (name_aside(database, folder, number, ASIDE_DATABASE) &&
        name_aside(tail, folder, number, ASIDE_TAIL) &&
        journal_salvage(fresh, database, tail, &whole) == GH_OK && whole)
        return "lockdowns, uses and passes are as they were";
    return "lockdowns, uses and passes could not all be read: check the doors' modes";
}

enum gh_err journal_open(struct journal_db **out, const struct journal_db_options *options,
                         char why[JOURNAL_OPEN_WHY_MAX])
{
    char detail[160] = "";
    int number = 0;
    why[0] = '\0';
    enum gh_err err = journal_db_open(out, options, detail, sizeof detail);
    if (err && err != GH_CORRUPT && give_up_reserve(options->folder)) {
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "the disk has no room: the reserve was given up");
        err = journal_db_open(out, options, detail, sizeof detail);
    }
    if (err == GH_CORRUPT && (number = set_aside(options->folder)) > 0) {
        err = begin_anew(out, options, number, detail, sizeof detail);
        if (!err)
            snprintf(why, JOURNAL_OPEN_WHY_MAX,
                     "journal.db was damaged and is kept as journal.db.damaged-%d: a new stream begins; %s",
                     number, take_over(*out, options->folder, number));
    }
    if (err)
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "%s", detail);
    else if (!why[0])
        snprintf(why, JOURNAL_OPEN_WHY_MAX, "%s", detail);
    if (!err)
        keep_reserve(options->folder);
    return err;
}

void journal_close(struct journal_db *db, const char *folder)
{
    journal_db_close(db);
    keep_reserve(folder);
}
