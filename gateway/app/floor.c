#include "app/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/state.h"
#include "core/slice.h"

#define TEXT_MAX 64

static bool take_number(const char **p, int64_t *out)
{
    int64_t n = 0;
    const char *from = *p;
    while (**p >= '0' && **p <= '9' && n <= (INT64_MAX - (**p - '0')) / 10)
        n = n * 10 + (*(*p)++ - '0');
    *out = n;
    return *p > from;
}

/* "floor EPOCH REV\n" */
static bool parse(struct floor *out, const char *text)
{
    static const char word[] = "floor ";
    const char *p = text + sizeof word - 1;
    return strncmp(text, word, sizeof word - 1) == 0 && take_number(&p, &out->epoch) &&
           *p++ == ' ' && take_number(&p, &out->rev) && strcmp(p, "\n") == 0;
}

enum gh_err floor_load(struct floor *out, const char *state_dir)
{
    char path[CONFIG_PATH_MAX], text[TEXT_MAX] = "";
    struct floor floor;
    *out = (struct floor){0, 0};
    if (!config_path(path, state_dir, FLOOR_FILE))
        return GH_IO;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0)
        return GH_IO;
    if (strlen(text) != (size_t)n || !parse(&floor, text))
        return GH_CORRUPT;
    *out = floor;
    return GH_OK;
}

enum gh_err floor_save(const struct floor *floor, const char *state_dir)
{
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "floor %" PRId64 " %" PRId64 "\n", floor->epoch, floor->rev);
    return state_write(state_dir, FLOOR_FILE, slice_of(text));
}
