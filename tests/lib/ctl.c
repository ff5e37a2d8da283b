#include "lib/ctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/folder.h"
#include "lib/process.h"
#include "lib/terminal.h"
#include "lib/wait.h"

#define WORDS_MAX 12

struct command {
    char program[FOLDER_PATH_MAX];
    const char *argv[WORDS_MAX + 4]; /* borrows from program and from the caller */
};

static bool make_command(struct command *c, const char *config_path, const char *const *words)
{
    int n = 0;
    if (!place_program("gatehousectl", c->program))
        return false;
    c->argv[n++] = c->program;
    c->argv[n++] = "--config";
    c->argv[n++] = config_path;
    for (int i = 0; words[i] && i < WORDS_MAX; i++)
        c->argv[n++] = words[i];
    c->argv[n] = NULL;
    return true;
}

int ctl_run(const char *config_path, const char *input, const char *const *words, char **said)
{
    struct command command;
    char *out = NULL, *err = NULL;
    int status = -1;
    if (make_command(&command, config_path, words))
        status = process_run(command.argv, input, 3 * WAIT_MS, &out, &err);
    if (said && asprintf(said, "%s%s", out ? out : "", err ? err : "") < 0)
        abort();
    free(out);
    free(err);
    return status;
}

int ctl_run_at_terminal(const char *config_path, int columns, const char *const *words,
                        char **said)
{
    struct command command;
    struct terminal terminal = {0};
    int status = -1;
    if (make_command(&command, config_path, words) &&
        terminal_open(&terminal, command.argv, columns))
        status = terminal_wait_end(&terminal, 3 * WAIT_MS);
    *said = strdup(terminal.shown ? terminal.shown : "");
    if (!*said)
        abort();
    terminal_close(&terminal);
    return status;
}
