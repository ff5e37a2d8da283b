/* A policy replica in a temporary folder, and a plain model of what is in it.
 *
 * The model keeps kind, id and line hash of every row and recomputes the digest
 * from all of them, without buckets that are kept: code that shares nothing
 * with the replica's own. Unlike the rest of tests/lib it asserts by itself, so it
 * is for cmocka programs (outside a test a failure ends the program). */
#ifndef TESTS_LIB_REPLICA_KIT_H
#define TESTS_LIB_REPLICA_KIT_H

#include "adapters/sqlite/replica_reader.h"
#include "adapters/sqlite/replica_writer.h"
#include "lib/folder.h"

#define KIT_ROWS_MAX 4096

struct kit_row {
    enum row_kind kind;
    struct id id;
    unsigned char hash[32];
};

struct kit_model {
    struct kit_row rows[KIT_ROWS_MAX];
    size_t n;
};

struct kit {
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    struct replica_writer *writer;
    struct replica_reader *reader;
    struct policy_store store; /* of reader */
    struct kit_model applied;  /* what the replica should hold */
    struct kit_model begun;    /* what it should hold after commit */
    int64_t rev;               /* of the last commit */
    char why[REPLICA_WHY_MAX]; /* of the last failure */
};

/* Cryptography with a fixed key. */
struct replica_crypto kit_crypto(void);
/* The hash under which the kit stores a value. */
void kit_value_hash(unsigned char out[32], enum credential_type type, const char *value);

/* Folder, writer and reader; asserts that it works. Returns owned. */
struct kit *kit_make(void);
void kit_free(struct kit *kit);

void kit_begin(struct kit *kit);
void kit_begin_snapshot(struct kit *kit);
/* Puts a row with a line hash made of kind, id and version. Asserts success. */
void kit_put(struct kit *kit, const struct policy_row *row, int version);
void kit_put_credential(struct kit *kit, const struct policy_row *row, const char *value,
                        int version);
void kit_del(struct kit *kit, enum row_kind kind, const char *id);
/* Commits with the right digest, at epoch 1 and the next rev. */
enum gh_err kit_commit(struct kit *kit);
/* The checkpoint that fits what was begun, for commits that change a detail. */
struct replica_checkpoint kit_checkpoint(const struct kit *kit);
enum gh_err kit_commit_at(struct kit *kit, const struct replica_checkpoint *checkpoint,
                          const char *cursor);

/* The digest by the words of the contract. */
void kit_digest(const struct kit_model *model, char out[REPLICA_DIGEST_HEX + 1]);

struct id kit_id(const char *text);

/* Rows with their defaults. */
struct policy_row kit_site(const char *id);
struct policy_row kit_door(const char *id);
struct policy_row kit_reader(const char *id, const char *door);
struct policy_row kit_group(const char *id);
struct policy_row kit_person(const char *id);
struct policy_row kit_credential(const char *id, const char *person, enum credential_type type);
/* A role without who and where. */
struct policy_row kit_entitlement(const char *id);

/* Asks for a read; the answer must be GH_OK. */
struct policy_facts kit_ask(struct kit *kit, const char *reader, enum credential_type type,
                            const char *value, int bits);
/* The ids of the paths with spaces between. */
const char *kit_paths(const struct policy_facts *facts, char *out, size_t size);

/* A policy in which everything carries the same number, so that an answer shows
 * whether it was put together from two policies: kit_put_numbered puts all of
 * its rows as of number n (1..), kit_is_numbered checks an answer to the read of
 * card "A1" at reader r1 against the rev in it. */
void kit_put_numbered(struct kit *kit, int64_t n);
bool kit_is_numbered(const struct policy_facts *facts);

/* A site, door d1 with reader r1, person p1 with card c1 of value "A1", and
 * entitlement e1 that lets p1 through d1, committed. */
void kit_small_policy(struct kit *kit);

#endif
