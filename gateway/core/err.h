/* What went wrong, as classes of reaction.
 *
 * Every function that can fail returns one of these and is marked
 * GH_MUST_CHECK; on anything but GH_OK its outputs are untouched. */
#ifndef GATEHOUSE_CORE_ERR_H
#define GATEHOUSE_CORE_ERR_H

#define GH_MUST_CHECK __attribute__((warn_unused_result))

enum gh_err {
    GH_OK = 0,
    GH_INVALID,   /* the input is wrong; asking again with the same input is useless */
    GH_NOT_FOUND, /* there is no such thing */
    GH_RETRY,     /* not now: busy, not connected, not there yet */
    GH_FULL,      /* a bound was reached (queue, buffer, disk) */
    GH_CORRUPT,   /* stored bytes are not what we wrote */
    GH_IO,        /* the operating system or a library failed */
};

/* A word for logs and error lines; never NULL, static storage. */
const char *gh_err_name(enum gh_err err);

#endif
