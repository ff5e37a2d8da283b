/* Cuts a stream of bytes into lines, in memory of a fixed size. Pure. */
#ifndef GATEHOUSE_APP_LINES_H
#define GATEHOUSE_APP_LINES_H

#include "core/err.h"
#include "core/slice.h"

struct lines {
    char *buffer; /* borrowed: room for the part of a line that has come */
    size_t size;  /* the longest line, without its newline */
    size_t len;
};

/* Hands each whole line of what has come so far to line, without its newline,
 * borrowed for the call. Empty lines are skipped. GH_FULL: a line is longer
 * than size. GH_RETRY: line returned false. After either the stream can only
 * be given up. */
GH_MUST_CHECK enum gh_err lines_feed(struct lines *l, struct slice bytes,
                                     bool (*line)(void *context, struct slice text),
                                     void *context);

/* The stream is over: hands out a last line that has no newline, if any. */
GH_MUST_CHECK enum gh_err lines_end(struct lines *l,
                                    bool (*line)(void *context, struct slice text),
                                    void *context);

#endif
