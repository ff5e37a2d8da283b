/* References of the policy to rows that do not exist. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_DANGLING_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_DANGLING_H

#include "db.h"

/* As replica_writer_dangling. */
GH_MUST_CHECK enum gh_err replica_dangling(sqlite3 *db, int max,
                                           void (*each)(void *context, const char *line),
                                           void *context);

#endif
