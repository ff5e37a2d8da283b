/* The one way of a policy row into a replica: parsed, checked, hashed, put. Sync,
 * import and rehearsal all take it, so what one of them refuses the others refuse. */
#ifndef GATEHOUSE_APP_POLICY_INTAKE_H
#define GATEHOUSE_APP_POLICY_INTAKE_H

#include "adapters/crypto/crypto.h"
#include "adapters/json/row_json.h"
#include "adapters/sqlite/replica_writer.h"

#define INTAKE_WHY_MAX 256

/* Memory for the lists of the longest row that is allowed. */
#define INTAKE_ARENA_BYTES ((size_t)32 * 1024 * 1024)

/* Parses and checks a line: as row_json_parse, and the time zone must be one that
 * this system knows. Lists of the row live in the arena, which is reset first.
 * On GH_OK, why is "" or says that the row is inert. */
GH_MUST_CHECK enum gh_err intake_check(struct policy_row *out, struct slice line,
                                       struct arena *arena, char why[INTAKE_WHY_MAX]);

/* Puts a checked row into the batch that was begun, and forgets its value. Errors
 * as replica_writer_put. */
GH_MUST_CHECK enum gh_err intake_put(struct replica_writer *writer,
                                     const struct crypto_keys *keys, struct policy_row *row,
                                     struct slice line, char why[INTAKE_WHY_MAX]);

/* The device's mask for hashes of lines at rest (replica_crypto.mask); context: the 32
 * bytes of the key. */
void intake_mask_key(unsigned char out[32], const struct crypto_keys *keys);
void intake_mask(void *context, unsigned char out[32], struct slice nonce);

/* A policy file: NDJSON, each (kind, id) once. */
struct intake_file {
    struct replica_writer *writer; /* a batch was begun; NULL = check only */
    const struct crypto_keys *keys;
    struct arena *arena;
    /* Says what is wrong with a line, or what was found remarkable. */
    void (*report)(void *context, int line, const char *text);
    void *context;
    void (*row)(void *context, const struct policy_row *row); /* may be NULL: each good row */
    int bad;  /* lines that are refused */
    int rows; /* rows that were put */
};

/* Reads the whole file ("-" = standard input) and reports every bad line; goes on
 * behind it. GH_NOT_FOUND, GH_IO: it cannot be read (reported as line 0); GH_FULL:
 * the batch was dropped; GH_INVALID: some lines are bad. */
GH_MUST_CHECK enum gh_err intake_read(struct intake_file *file, const char *path);

#endif
