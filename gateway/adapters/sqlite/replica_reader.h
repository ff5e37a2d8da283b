/* The policy replica, as gatehoused asks it: never writes, never checkpoints. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_READER_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_READER_H

#include "ports/policy_store.h"

struct replica_reader;

/* Never fails for a missing or broken file: each question tries again to open
 * it and answers GH_RETRY until it is there. Returns owned; NULL when out of
 * memory. path is copied. */
struct replica_reader *replica_reader_open(const char *path);
struct policy_store replica_reader_port(struct replica_reader *r);
void replica_reader_close(struct replica_reader *r);

/* Whose words the site's events are shown in. Errors as policy_store_ops.version. */
GH_MUST_CHECK enum gh_err replica_reader_dialect(struct replica_reader *r, enum dialect *out);

/* Hands the id of each reader of the policy to each, in order, borrowed for the call. GH_NOT_FOUND:
 * there is no policy. GH_CORRUPT, GH_RETRY, GH_IO. */
GH_MUST_CHECK enum gh_err replica_each_reader(const char *path,
                                              void (*each)(void *context, struct slice id),
                                              void *context);

/* Copies a replica as it is at one moment into a new file of mode 0600, also while others use
 * it; to must not exist. GH_NOT_FOUND: from does not. What it fails to copy whole is removed. */
GH_MUST_CHECK enum gh_err replica_copy(const char *from, const char *to);

#endif
