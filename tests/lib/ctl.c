#include "lib/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

#define WORDS_MAX 12

int ctl_run(const char *config_path, const char *input, const char *const *words, char **said)
{
    const char *argv[WORDS_MAX + 4];
    char program[FOLDER_PATH_MAX], *out = NULL, *err = NULL;
    int n = 0, status = -1;
    if (place_program("gatehousectl", program)) {
        argv[n++] = program;
        argv[n++] = "--config";
        argv[n++] = config_path;
        for (int i = 0; words[i] && i < WORDS_MAX; i++)
            argv[n++] = words[i];
        argv[n] = NULL;
        status = process_run(argv, input, 3 * WAIT_MS, &out, &err);
    }
    if (said && asprintf(said, "%s%s", out ? out : "", err ? err : "") < 0)
        abort();
    free(out);
    free(err);
    return status;
}
