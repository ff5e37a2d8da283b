/* A folder for each test: its *state. For cmocka programs. */
#ifndef TESTS_ADAPTERS_FOLDER_FIXTURE_H
#define TESTS_ADAPTERS_FOLDER_FIXTURE_H

#include <stdlib.h>

#include "lib/folder.h"

static inline int setup(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    *state = folder;
    return folder && folder_make(folder) ? 0 : -1;
}

static inline int teardown(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

#endif
