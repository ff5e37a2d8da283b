#include "app/line_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum gh_err line_file_each(const char *path,
                           enum gh_err (*each)(void *context, int number, struct slice line),
                           void *context, const char **why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    char *text = NULL;
    size_t size = 0;
    int number = 0;
    enum gh_err err = GH_OK;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    *why = in ? NULL : strerror(errno);
    if (!in)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    for (ssize_t n; err == GH_OK && (n = getline(&text, &size, in)) >= 0;) {
        number++;
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
            n--;
        if (n > 0)
            err = each(context, number, slice_make(text, (size_t)n));
    }
    if (err == GH_OK && ferror(in)) {
        *why = "it cannot be read";
        err = GH_IO;
    }
    free(text);
    if (!is_stdin)
        fclose(in);
    return err;
}
