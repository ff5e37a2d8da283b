/* A text file, line by line. */
#ifndef GATEHOUSE_APP_LINE_FILE_H
#define GATEHOUSE_APP_LINE_FILE_H

#include "core/err.h"
#include "core/slice.h"

/* Hands each line of a file ("-" = standard input) to each, without its newline, borrowed
 * for the call; blank ones are passed over. Ends with the first error of each. Otherwise
 * GH_NOT_FOUND or GH_IO: the file cannot be read, and only then *why says so. */
GH_MUST_CHECK enum gh_err line_file_each(const char *path,
                                         enum gh_err (*each)(void *context, int number,
                                                             struct slice line),
                                         void *context, const char **why);

#endif
