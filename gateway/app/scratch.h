/* A replica that nobody keeps, in a folder of its own below TMPDIR (or /tmp). */
#ifndef GATEHOUSE_APP_SCRATCH_H
#define GATEHOUSE_APP_SCRATCH_H

#include <stdbool.h>

struct scratch {
    char folder[256]; /* "" = none */
    char replica[300]; /* its path; not made yet */
};

/* False with errno: there is no folder. purpose becomes part of its name. */
bool scratch_make(struct scratch *out, const char *purpose);

/* With the replica, which must be closed. */
void scratch_remove(const struct scratch *scratch);

#endif
