#include "app/ctl/unsent.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/linux/boot.h"
#include "adapters/sqlite/journal_db.h"

#define TAIL_BYTES ((size_t)16 * 1024 * 1024)

/* What the child says. */
struct answer {
    bool good;
    uint64_t n;
    char why[160];
};

static void count(struct answer *out, const struct config *config)
{
    struct journal_counts counts;
    struct journal_db_options options = {.folder = config->state_dir,
                                         .max_events = config->journal_max_events,
                                         .tail_bytes = TAIL_BYTES,
                                         .boot_id_hash = linux_boot_id_hash()};
    struct journal_db *db = NULL;
    out->good = journal_db_open(&db, &options, out->why, sizeof out->why) == GH_OK;
    if (!out->good)
        return;
    journal_db_counts(db, &counts);
    uint64_t had = counts.first_seq > counts.acked_seq ? counts.first_seq - 1 : counts.acked_seq;
    out->n = counts.next_seq - 1 - had;
    journal_db_close(db);
}

/* What root wrote there the gateway could not write any more. */
static bool become_owner(const struct stat *journal)
{
    return geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(journal->st_gid) == 0 &&
                              setuid(journal->st_uid) == 0);
}

static void child(int to, const struct stat *journal, const struct config *config)
{
    struct answer a = {.good = false};
    umask(0007);
    if (become_owner(journal))
        count(&a, config);
    else
        snprintf(a.why, sizeof a.why, "%s", strerror(errno));
    _exit(write(to, &a, sizeof a) == (ssize_t)sizeof a ? 0 : 1);
}

bool unsent_events(uint64_t *out, const struct config *config, char *why, size_t why_size)
{
    char path[CONFIG_PATH_MAX];
    struct stat journal;
    struct answer a = {.why = "no memory, or no process"};
    int ends[2], status;
    *out = 0;
    if (!config_path(path, config->state_dir, "journal.db") || stat(path, &journal) != 0)
        return true;
    fflush(NULL);
    if (pipe(ends) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        child(ends[1], &journal, config);
    close(ends[1]);
    if (pid > 0 && read(ends[0], &a, sizeof a) != (ssize_t)sizeof a)
        a = (struct answer){.why = "it could not be opened"};
    close(ends[0]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    snprintf(why, why_size, "%s", a.why);
    *out = a.n;
    return a.good;
}
