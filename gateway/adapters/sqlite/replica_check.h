/* What a batch must be like before it becomes the policy. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_CHECK_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_CHECK_H

#include "replica_schema.h"
#include "replica_writer.h"

void replica_hex(char out[REPLICA_DIGEST_HEX + 1], const unsigned char bytes[REPLICA_HASH]);

/* Writes why, cut to its size; returns err. */
__attribute__((format(printf, 3, 4))) enum gh_err
replica_refuse(enum gh_err err, char why[REPLICA_WHY_MAX], const char *format, ...);

/* Cursor and checkpoint on their own and against where the policy stands. GH_INVALID. */
GH_MUST_CHECK enum gh_err replica_check_place(const struct replica_state *state, bool is_adopted,
                                              const struct replica_checkpoint *c,
                                              struct slice cursor, char why[REPLICA_WHY_MAX]);

/* Digest and number of rows. GH_CORRUPT. */
GH_MUST_CHECK enum gh_err replica_check_sum(const struct replica_checkpoint *c,
                                            const unsigned char hash[REPLICA_HASH], int64_t rows,
                                            char why[REPLICA_WHY_MAX]);

#endif
