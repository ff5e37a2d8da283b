/* What the two files of the staging file's writer share. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_STAGE_PARTS_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_STAGE_PARTS_H

#include "replica_stage.h"

enum stage_statement {
    STAGE_TOUCH,
    STAGE_ROW_PUT,
    STAGE_ROW_CLEAR,
    STAGE_SITE,
    STAGE_DOOR,
    STAGE_READER,
    STAGE_DOOR_GROUP_DOOR,
    STAGE_GRP,
    STAGE_PERSON,
    STAGE_MEMBERSHIP,
    STAGE_CREDENTIAL,
    STAGE_CREDENTIAL_VALUE,
    STAGE_SCHEDULE,
    STAGE_ENTITLEMENT,
    STAGE_HOLIDAY,
    STAGE_WHO,
    STAGE_WHERE,
    STAGE_CLEAR_SITE,
    STAGE_CLEAR_DOOR,
    STAGE_CLEAR_READER,
    STAGE_CLEAR_DOOR_GROUP,
    STAGE_CLEAR_GROUP,
    STAGE_CLEAR_PERSON,
    STAGE_CLEAR_MEMBERSHIP,
    STAGE_CLEAR_CREDENTIAL_VALUE,
    STAGE_CLEAR_CREDENTIAL,
    STAGE_CLEAR_SCHEDULE,
    STAGE_CLEAR_ENTITLEMENT,
    STAGE_CLEAR_WHO,
    STAGE_CLEAR_WHERE,
    STAGE_CLEAR_HOLIDAY,
    STAGE_ACCESS_RULES,
    STAGE_GEOFENCE,
    STAGE_DOOR_MODE,
    STAGE_DOOR_MODE_WHERE,
    STAGE_LOCKDOWN_WHERE,
    STAGE_AREA,
    STAGE_AREA_READER,
    STAGE_INTERLOCK_DOOR,
    STAGE_CLEAR_ACCESS_RULES,
    STAGE_CLEAR_GEOFENCE,
    STAGE_CLEAR_DOOR_MODE,
    STAGE_CLEAR_DOOR_MODE_WHERE,
    STAGE_CLEAR_LOCKDOWN_WHERE,
    STAGE_CLEAR_AREA,
    STAGE_CLEAR_AREA_READER,
    STAGE_CLEAR_INTERLOCK_DOOR,
    STAGE_STATEMENTS
};

struct replica_stage {
    const char *path;
    const struct replica_crypto *crypto;
    sqlite3 *db;
    struct replica_digest *digest;
    sqlite3_stmt *s[STAGE_STATEMENTS];
};

/* Values into a statement, from ?1 on. */
struct binder {
    sqlite3_stmt *s;
    int n;
    enum gh_err err;
};
struct binder stage_start(const struct replica_stage *stage, enum stage_statement statement);
/* Runs it; the first failure of all that was added. */
GH_MUST_CHECK enum gh_err stage_run(struct binder *b);
void stage_add_int(struct binder *b, int64_t value);
void stage_add_text(struct binder *b, const char *text);
void stage_add_blob(struct binder *b, const void *bytes, size_t len);

/* Puts a row whose kind and id are not in the tables. */
GH_MUST_CHECK enum gh_err stage_put_row(struct replica_stage *stage, const struct replica_row *row);

/* The statements that clear a row of this kind; STAGE_TOUCH ends the list. */
const enum stage_statement *stage_clear_statements(enum row_kind kind);

#endif
