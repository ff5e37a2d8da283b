/* Fuzz: the line splitter. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "app/lines.h"

#define ROOM 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool check(void *context, struct slice line)
{
    size_t *total = context;
    if (line.len == 0 || memchr(line.ptr, '\n', line.len))
        abort();
    *total += line.len;
    return line.ptr[0] != 'S'; /* some streams are stopped */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    char *room = malloc(ROOM); /* its own block, so that a step beyond is seen */
    struct lines l = {.buffer = room, .size = ROOM};
    size_t piece = data[0] % 40u + 1, total = 0;
    enum gh_err err = room ? GH_OK : GH_FULL;
    for (size_t at = 1; at < size && !err; at += piece)
        err = lines_feed(&l, slice_make(data + at, size - at < piece ? size - at : piece), check,
                         &total);
    if (!err)
        err = lines_end(&l, check, &total);
    if (total > size)
        abort();
    free(room);
    return 0;
}
