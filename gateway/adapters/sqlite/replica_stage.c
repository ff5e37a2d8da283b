#include "replica_stage_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "page_check.h"
#include "replica_digest.h"
#include "sql/replica.h"
#include "sql/replica_stage.h"

static const char *const statements[STAGE_STATEMENTS] = {
    [STAGE_TOUCH] = SQL_stage_touch,
    [STAGE_ROW_PUT] = SQL_stage_row,
    [STAGE_ROW_CLEAR] = SQL_stage_row_clear,
    [STAGE_SITE] = SQL_stage_site,
    [STAGE_DOOR] = SQL_stage_door,
    [STAGE_READER] = SQL_stage_reader,
    [STAGE_DOOR_GROUP_DOOR] = SQL_stage_door_group_door,
    [STAGE_GRP] = SQL_stage_grp,
    [STAGE_PERSON] = SQL_stage_person,
    [STAGE_MEMBERSHIP] = SQL_stage_membership,
    [STAGE_CREDENTIAL] = SQL_stage_credential,
    [STAGE_CREDENTIAL_VALUE] = SQL_stage_credential_value,
    [STAGE_SCHEDULE] = SQL_stage_schedule,
    [STAGE_ENTITLEMENT] = SQL_stage_entitlement,
    [STAGE_HOLIDAY] = SQL_stage_holiday,
    [STAGE_CLEAR_HOLIDAY] = SQL_stage_clear_holiday,
    [STAGE_WHO] = SQL_stage_entitlement_who,
    [STAGE_WHERE] = SQL_stage_entitlement_where,
    [STAGE_CLEAR_SITE] = SQL_stage_clear_site,
    [STAGE_CLEAR_DOOR] = SQL_stage_clear_door,
    [STAGE_CLEAR_READER] = SQL_stage_clear_reader,
    [STAGE_CLEAR_DOOR_GROUP] = SQL_stage_clear_door_group,
    [STAGE_CLEAR_GROUP] = SQL_stage_clear_group,
    [STAGE_CLEAR_PERSON] = SQL_stage_clear_person,
    [STAGE_CLEAR_MEMBERSHIP] = SQL_stage_clear_membership,
    [STAGE_CLEAR_CREDENTIAL_VALUE] = SQL_stage_clear_credential_value,
    [STAGE_CLEAR_CREDENTIAL] = SQL_stage_clear_credential,
    [STAGE_CLEAR_SCHEDULE] = SQL_stage_clear_schedule,
    [STAGE_CLEAR_ENTITLEMENT] = SQL_stage_clear_entitlement,
    [STAGE_CLEAR_WHO] = SQL_stage_clear_who,
    [STAGE_CLEAR_WHERE] = SQL_stage_clear_where,
    [STAGE_ACCESS_RULES] = SQL_stage_access_rules,
    [STAGE_GEOFENCE] = SQL_stage_geofence,
    [STAGE_DOOR_MODE] = SQL_stage_door_mode,
    [STAGE_DOOR_MODE_WHERE] = SQL_stage_door_mode_where,
    [STAGE_LOCKDOWN_WHERE] = SQL_stage_lockdown_where,
    [STAGE_AREA] = SQL_stage_area,
    [STAGE_AREA_READER] = SQL_stage_area_reader,
    [STAGE_INTERLOCK_DOOR] = SQL_stage_interlock_door,
    [STAGE_CLEAR_ACCESS_RULES] = SQL_stage_clear_access_rules,
    [STAGE_CLEAR_GEOFENCE] = SQL_stage_clear_geofence,
    [STAGE_CLEAR_DOOR_MODE] = SQL_stage_clear_door_mode,
    [STAGE_CLEAR_DOOR_MODE_WHERE] = SQL_stage_clear_door_mode_where,
    [STAGE_CLEAR_LOCKDOWN_WHERE] = SQL_stage_clear_lockdown_where,
    [STAGE_CLEAR_AREA] = SQL_stage_clear_area,
    [STAGE_CLEAR_AREA_READER] = SQL_stage_clear_area_reader,
    [STAGE_CLEAR_INTERLOCK_DOOR] = SQL_stage_clear_interlock_door,
};

/* No journal and no syncs: after a failure or a crash the file is not read. */
static enum gh_err create_file(struct replica_stage *stage)
{
    (void)unlink(stage->path);
    int fd = open(stage->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC ? GH_FULL : GH_IO;
    (void)close(fd);
    enum gh_err err = page_check_register();
    if (err == GH_OK)
        err = db_err(sqlite3_open_v2(stage->path, &stage->db,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, PAGE_CHECK_VFS));
    if (err == GH_OK)
        err = db_err(sqlite3_extended_result_codes(stage->db, 1));
    if (err == GH_OK)
        err = page_check_reserve(stage->db);
    if (err == GH_OK)
        err = db_exec(stage->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                         "PRAGMA cache_size = -16384; BEGIN;");
    if (err == GH_OK)
        err = db_exec(stage->db, SQL_replica_tables);
    if (err == GH_OK)
        err = db_exec(stage->db, SQL_replica_entitlement_tables);
    if (err == GH_OK)
        err = db_exec(stage->db, SQL_replica_rule_tables);
    if (err == GH_OK)
        err = db_exec(stage->db, SQL_replica_stage_tables);
    return err;
}

enum gh_err replica_stage_open(struct replica_stage **out, const char *path,
                               const struct replica_crypto *crypto)
{
    struct replica_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return GH_IO;
    stage->path = path;
    stage->crypto = crypto;
    enum gh_err err = create_file(stage);
    if (err == GH_OK)
        err = db_prepare_all(stage->db, stage->s, statements, STAGE_STATEMENTS);
    if (err == GH_OK)
        err = replica_digest_new(&stage->digest, stage->db, crypto);
    if (err != GH_OK) {
        replica_stage_drop(stage);
        return err;
    }
    *out = stage;
    return GH_OK;
}

static void let_go(struct replica_stage *stage)
{
    replica_digest_free(stage->digest);
    db_finalize_all(stage->s, STAGE_STATEMENTS);
    db_close(stage->db);
    stage->digest = NULL;
    stage->db = NULL;
}

enum gh_err replica_stage_finish(struct replica_stage *stage)
{
    enum gh_err err = db_exec(stage->db, "COMMIT");
    let_go(stage);
    return err;
}

void replica_stage_drop(struct replica_stage *stage)
{
    if (!stage)
        return;
    let_go(stage);
    (void)unlink(stage->path);
    free(stage);
}

enum gh_err replica_stage_digest(struct replica_stage *stage, unsigned char out[REPLICA_HASH],
                                 int64_t *rows)
{
    for (int bucket = 0; bucket < REPLICA_BUCKETS; bucket++) {
        enum gh_err err = replica_digest_refresh(stage->digest, bucket);
        if (err != GH_OK)
            return err;
    }
    return replica_digest_total(stage->digest, out, rows);
}

static enum gh_err clear(struct replica_stage *stage, const struct policy_row *row, int bucket)
{
    struct binder b = stage_start(stage, STAGE_ROW_CLEAR);
    stage_add_int(&b, bucket);
    stage_add_int(&b, row->kind);
    stage_add_text(&b, row->id.s);
    enum gh_err err = stage_run(&b);
    const enum stage_statement *statement = stage_clear_statements(row->kind);
    for (; err == GH_OK && *statement != STAGE_TOUCH; statement++) {
        b = stage_start(stage, *statement);
        stage_add_text(&b, row->id.s);
        err = stage_run(&b);
    }
    return err;
}

enum gh_err replica_stage_put(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_row *row = r->row;
    int bucket = replica_digest_bucket_of(stage->crypto, row->kind, &row->id);
    struct binder b = stage_start(stage, STAGE_TOUCH);
    stage_add_int(&b, row->kind);
    stage_add_text(&b, row->id.s);
    stage_add_int(&b, bucket);
    enum gh_err err = stage_run(&b);
    if (err == GH_OK && sqlite3_changes(stage->db) == 0)
        err = clear(stage, row, bucket);
    if (err != GH_OK || row->removal)
        return err;

    unsigned char sealed[REPLICA_SEALED];
    replica_seal(stage->crypto, sealed, r->line_hash);
    b = stage_start(stage, STAGE_ROW_PUT);
    stage_add_int(&b, bucket);
    stage_add_int(&b, row->kind);
    stage_add_text(&b, row->id.s);
    stage_add_blob(&b, sealed, sizeof sealed);
    err = stage_run(&b);
    return err == GH_OK ? stage_put_row(stage, r) : err;
}
