#include "app/syncd/commands.h"

#include <stdio.h>

#include "app/log.h"
#include "app/syncd/daemon.h"

/* GH_OK also where the command is refused: it is done with. */
static enum gh_err hand_over(struct sync *s, struct slice line)
{
    struct daemon_result result;
    char why[SYNC_TEXT_MAX];
    enum gh_err err = daemon_command(s->control_path, line, &result);
    if (err == GH_INVALID) {
        snprintf(why, sizeof why, "a command was not done: %s", result.why);
        sync_commands_nack(s, why);
        return GH_OK;
    }
    if (err)
        return err;
    sync_commands_nack(s, "");
    if (result.is_done && result.is_resync)
        sync_want_snapshot(s);
    return GH_OK;
}

static enum gh_err pass_on(struct sync *s)
{
    struct sync_command command;
    enum gh_err err = GH_OK;
    while (!err && sync_command_next(s, &command)) {
        err = hand_over(s, slice_make(command.line, command.len));
        if (!err)
            sync_command_taken(s);
    }
    return err;
}

void commands_take(struct sync *s, struct slice line)
{
    pthread_mutex_lock(&s->handing);
    /* In their order: a lockdown and its release must not change places. */
    bool taken = pass_on(s) == GH_OK && hand_over(s, line) == GH_OK;
    if (!taken && !sync_command_wait(s, line)) {
        log_line(LOG_ERR, "pull: gatehoused is away, and a command more does not fit: it is lost");
        sync_commands_nack(s, "gatehoused is away: a command was lost");
    }
    pthread_mutex_unlock(&s->handing);
}

enum gh_err commands_pass_on(struct sync *s)
{
    pthread_mutex_lock(&s->handing);
    enum gh_err err = pass_on(s);
    pthread_mutex_unlock(&s->handing);
    return err;
}
