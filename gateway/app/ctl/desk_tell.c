/* What systemd is asked to do with mosquitto when its accounts have changed. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/ctl/desk.h"

extern char **environ;

#define UNIT "mosquitto.service"
#define IS_INACTIVE 3 /* exit status of systemctl is-active: there is systemd, and the unit is down */

/* The exit status of systemctl, silent; -1: it could not be run. */
static int systemctl(const char *verb)
{
    char program[] = "systemctl", quiet[] = "--quiet", unit[] = UNIT;
    char word[16];
    char *const words[] = {program, quiet, word, unit, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = -1;
    snprintf(word, sizeof word, "%s", verb);
    if (posix_spawn_file_actions_init(&files) != 0)
        return -1;
    bool good = true;
    for (int fd = 0; fd <= 2; fd++)
        good = good && posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0) == 0;
    good = good && posix_spawnp(&pid, program, &files, NULL, words, environ) == 0;
    posix_spawn_file_actions_destroy(&files);
    if (!good || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

enum desk_told desk_tell(enum desk_told wanted)
{
    int active = systemctl("is-active");
    if (active == IS_INACTIVE)
        return DESK_IS_DOWN;
    if (active != 0)
        return DESK_NOT_TOLD;
    return systemctl(wanted == DESK_RESTARTED ? "restart" : "reload") == 0 ? wanted : DESK_NOT_TOLD;
}

const char *desk_told_name(enum desk_told told)
{
    switch (told) {
    case DESK_NEED_NOT: return "unchanged";
    case DESK_RELOADED: return "reloaded";
    case DESK_RESTARTED: return "restarted";
    case DESK_IS_DOWN: return "not_running";
    case DESK_NOT_TOLD: break;
    }
    return "not_told";
}

const char *desk_told_line(enum desk_told told, enum desk_told wanted)
{
    switch (told) {
    case DESK_NEED_NOT: return NULL;
    case DESK_RELOADED: return "The broker has reloaded its accounts.";
    case DESK_RESTARTED: return "The broker was restarted: whoever was connected has to connect again.";
    case DESK_IS_DOWN: return "The broker does not run now: it takes this when it starts.";
    case DESK_NOT_TOLD: break;
    }
    return wanted == DESK_RESTARTED
               ? "The broker was NOT restarted, and this has no effect on it until it is: systemctl "
                 "restart mosquitto"
               : "The broker was NOT told, and does not know this account until it is: systemctl "
                 "reload mosquitto";
}
