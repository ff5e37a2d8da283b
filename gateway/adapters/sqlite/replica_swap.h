/* A replica that was made beside a damaged one takes its place. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_SWAP_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_SWAP_H

#include "core/err.h"

/* Removes what an attempt before may have left of the database at fresh. GH_IO: it
 * cannot be removed. */
GH_MUST_CHECK enum gh_err replica_swap_clear(const char *fresh);

/* Gives the database at fresh, closed and with nothing in a log, the name path. What
 * has that name is kept as path.damaged, in the place of the one kept before. For a
 * moment, or after a kill in between, nothing has the name; never does the log of the
 * one lie beside the other. GH_IO. */
GH_MUST_CHECK enum gh_err replica_swap(const char *fresh, const char *path);

/* Where a kill came in between: gives it the name that nothing has. No effect else. GH_IO. */
GH_MUST_CHECK enum gh_err replica_swap_finish(const char *fresh, const char *path);

#endif
