#include "replica_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "replica_digest.h"
#include "sql/replica.h"
#include "sql/replica_stage.h"

enum {
    TOUCH, ROW_PUT, ROW_CLEAR, SITE, DOOR, READER, DOOR_GROUP_DOOR, GRP, PERSON, MEMBERSHIP,
    CREDENTIAL, CREDENTIAL_VALUE, SCHEDULE, ENTITLEMENT, HOLIDAY, WHO, WHERE, CLEAR_SITE, CLEAR_DOOR,
    CLEAR_READER, CLEAR_DOOR_GROUP, CLEAR_GROUP, CLEAR_PERSON, CLEAR_MEMBERSHIP,
    CLEAR_CREDENTIAL_VALUE, CLEAR_CREDENTIAL, CLEAR_SCHEDULE, CLEAR_ENTITLEMENT, CLEAR_WHO,
    CLEAR_WHERE, CLEAR_HOLIDAY, STATEMENTS
};

static const char *const statements[STATEMENTS] = {
    [TOUCH] = SQL_stage_touch,
    [ROW_PUT] = SQL_stage_row,
    [ROW_CLEAR] = SQL_stage_row_clear,
    [SITE] = SQL_stage_site,
    [DOOR] = SQL_stage_door,
    [READER] = SQL_stage_reader,
    [DOOR_GROUP_DOOR] = SQL_stage_door_group_door,
    [GRP] = SQL_stage_grp,
    [PERSON] = SQL_stage_person,
    [MEMBERSHIP] = SQL_stage_membership,
    [CREDENTIAL] = SQL_stage_credential,
    [CREDENTIAL_VALUE] = SQL_stage_credential_value,
    [SCHEDULE] = SQL_stage_schedule,
    [ENTITLEMENT] = SQL_stage_entitlement,
    [HOLIDAY] = SQL_stage_holiday,
    [CLEAR_HOLIDAY] = SQL_stage_clear_holiday,
    [WHO] = SQL_stage_entitlement_who,
    [WHERE] = SQL_stage_entitlement_where,
    [CLEAR_SITE] = SQL_stage_clear_site,
    [CLEAR_DOOR] = SQL_stage_clear_door,
    [CLEAR_READER] = SQL_stage_clear_reader,
    [CLEAR_DOOR_GROUP] = SQL_stage_clear_door_group,
    [CLEAR_GROUP] = SQL_stage_clear_group,
    [CLEAR_PERSON] = SQL_stage_clear_person,
    [CLEAR_MEMBERSHIP] = SQL_stage_clear_membership,
    [CLEAR_CREDENTIAL_VALUE] = SQL_stage_clear_credential_value,
    [CLEAR_CREDENTIAL] = SQL_stage_clear_credential,
    [CLEAR_SCHEDULE] = SQL_stage_clear_schedule,
    [CLEAR_ENTITLEMENT] = SQL_stage_clear_entitlement,
    [CLEAR_WHO] = SQL_stage_clear_who,
    [CLEAR_WHERE] = SQL_stage_clear_where,
};

struct replica_stage {
    const char *path;
    const struct replica_crypto *crypto;
    sqlite3 *db;
    struct replica_digest *digest;
    sqlite3_stmt *s[STATEMENTS];
};

/* No journal and no syncs: after a failure or a crash the file is not read. */
static enum gh_err create_file(struct replica_stage *stage)
{
    (void)unlink(stage->path);
    int fd = open(stage->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC ? GH_FULL : GH_IO;
    (void)close(fd);
    int code = sqlite3_open_v2(stage->path, &stage->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return db_err(code);
    enum gh_err err = db_exec(stage->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                         "PRAGMA cache_size = -32768; BEGIN;");
    if (err == GH_OK)
        err = db_exec(stage->db, SQL_replica_tables);
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
        err = db_prepare_all(stage->db, stage->s, statements, STATEMENTS);
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
    db_finalize_all(stage->s, STATEMENTS);
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

/* --- values into a statement, from ?1 on ---------------------------------- */

struct binder {
    sqlite3_stmt *s;
    int n;
    enum gh_err err;
};

static struct binder start(const struct replica_stage *stage, int statement)
{
    return (struct binder){stage->s[statement], 0, GH_OK};
}

static void add_int(struct binder *b, int64_t value)
{
    if (b->err == GH_OK)
        b->err = db_bind_int(b->s, ++b->n, value);
}

static void add_text(struct binder *b, const char *text)
{
    if (b->err == GH_OK)
        b->err = db_bind_text(b->s, ++b->n, slice_of(text));
}

static void add_blob(struct binder *b, const void *bytes, size_t len)
{
    if (b->err == GH_OK)
        b->err = db_bind_blob(b->s, ++b->n, slice_make(bytes, len));
}

static void add_instant(struct binder *b, int64_t instant)
{
    if (instant == INSTANT_NONE)
        b->n++; /* bindings are cleared after use: NULL */
    else
        add_int(b, instant);
}

static void add_validity(struct binder *b, const struct validity *v)
{
    add_instant(b, v->from);
    add_instant(b, v->until);
}

static enum gh_err run(struct binder *b)
{
    if (b->err == GH_OK)
        return db_run(b->s);
    db_reset(b->s);
    return b->err;
}

/* --- one row -------------------------------------------------------------- */

static enum gh_err put_site(struct replica_stage *stage, const struct replica_row *r)
{
    struct binder b = start(stage, SITE);
    add_text(&b, r->row->id.s);
    add_text(&b, r->row->d.site.tz);
    add_int(&b, r->row->d.site.read_max_age_s);
    add_int(&b, r->row->d.site.pin_lockout.failures);
    add_int(&b, r->row->d.site.pin_lockout.window_s);
    add_int(&b, r->row->d.site.pin_lockout.lock_s);
    for (size_t i = 0; i < CREDENTIAL_CLASSES; i++)
        add_int(&b, r->row->d.site.max_policy_age_s[i]);
    return run(&b);
}

static enum gh_err put_door(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_door *door = &r->row->d.door;
    struct binder b = start(stage, DOOR);
    add_text(&b, r->row->id.s);
    add_text(&b, door->name);
    add_text(&b, door->tz);
    add_int(&b, door->release_s);
    add_int(&b, door->extended_release_s);
    add_int(&b, door->licensed);
    add_instant(&b, door->license_until);
    return run(&b);
}

static enum gh_err put_reader(struct replica_stage *stage, const struct replica_row *r)
{
    struct binder b = start(stage, READER);
    add_text(&b, r->row->id.s);
    add_text(&b, r->row->d.reader.door.s);
    add_int(&b, r->row->d.reader.accepts);
    return run(&b);
}

static enum gh_err put_door_group(struct replica_stage *stage, const struct replica_row *r)
{
    const struct id_list *doors = &r->row->d.door_group.doors;
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < doors->n && err == GH_OK; i++) {
        struct binder b = start(stage, DOOR_GROUP_DOOR);
        add_text(&b, r->row->id.s);
        add_text(&b, doors->v[i].s);
        err = run(&b);
    }
    return err;
}

/* An inert group is left out: nothing that refers to it matches. */
static enum gh_err put_group(struct replica_stage *stage, const struct replica_row *r)
{
    if (r->row->inert)
        return GH_OK;
    struct binder b = start(stage, GRP);
    add_text(&b, r->row->id.s);
    return run(&b);
}

/* An inert person counts as disabled: "grants nothing" must hold also where a
 * door asks for no entitlement. */
static enum gh_err put_person(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_person *person = &r->row->d.person;
    struct binder b = start(stage, PERSON);
    add_text(&b, r->row->id.s);
    add_int(&b, person->enabled && !r->row->inert);
    add_validity(&b, &person->validity);
    add_int(&b, person->extended_release);
    enum gh_err err = run(&b);
    for (size_t i = 0; i < person->n_groups && err == GH_OK; i++) {
        b = start(stage, MEMBERSHIP);
        add_text(&b, r->row->id.s);
        add_int(&b, (int64_t)i);
        add_text(&b, person->groups[i].group.s);
        add_validity(&b, &person->groups[i].validity);
        err = run(&b);
    }
    return err;
}

/* An inert credential counts as disabled, not as unknown: its value stays
 * taken, so that no other meaning can be found for it. */
static enum gh_err put_credential(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_credential *c = &r->row->d.credential;
    struct binder b = start(stage, CREDENTIAL);
    add_text(&b, r->row->id.s);
    add_text(&b, c->person.s);
    add_int(&b, c->type);
    add_blob(&b, r->value_hash, sizeof r->value_hash);
    add_int(&b, c->bits);
    add_int(&b, c->enabled && !r->row->inert);
    add_text(&b, c->disabled_reason.s);
    add_validity(&b, &c->validity);
    add_int(&b, c->credential_class);
    enum gh_err err = run(&b);
    if (err != GH_OK)
        return err;
    b = start(stage, CREDENTIAL_VALUE);
    add_text(&b, r->row->id.s);
    add_int(&b, c->type);
    add_blob(&b, r->value_hash, sizeof r->value_hash);
    return run(&b);
}

static enum gh_err put_schedule(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_schedule *schedule = &r->row->d.schedule;
    unsigned char bytes[POLICY_WINDOWS_MAX * REPLICA_WINDOW_BYTES];
    if (schedule->n_windows > POLICY_WINDOWS_MAX)
        return GH_INVALID;
    unsigned char *p = bytes;
    for (size_t i = 0; i < schedule->n_windows; i++) {
        const struct schedule_window *w = &schedule->windows[i];
        *p++ = w->days;
        *p++ = (unsigned char)(w->start_min & 0xff);
        *p++ = (unsigned char)(w->start_min >> 8);
        *p++ = (unsigned char)(w->end_min & 0xff);
        *p++ = (unsigned char)(w->end_min >> 8);
    }
    struct binder b = start(stage, SCHEDULE);
    add_text(&b, r->row->id.s);
    add_blob(&b, bytes, (size_t)(p - bytes));
    return run(&b);
}

static enum gh_err put_link(struct replica_stage *stage, int statement, int kind, const char *id,
                            const struct id *entitlement)
{
    struct binder b = start(stage, statement);
    add_int(&b, kind);
    add_text(&b, id);
    add_text(&b, entitlement->s);
    return run(&b);
}

static enum gh_err put_links(struct replica_stage *stage, int statement, int kind,
                             const struct id_list *ids, const struct id *entitlement)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < ids->n && err == GH_OK; i++)
        err = put_link(stage, statement, kind, ids->v[i].s, entitlement);
    return err;
}

static enum gh_err put_entitlement(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_entitlement *e = &r->row->d.entitlement;
    const struct id *id = &r->row->id;
    struct binder b = start(stage, ENTITLEMENT);
    add_text(&b, id->s);
    add_int(&b, e->kind);
    add_int(&b, e->enabled && !r->row->inert);
    add_text(&b, e->schedule.s);
    add_validity(&b, &e->validity);
    add_int(&b, e->holiday);
    add_text(&b, e->calendar.s);
    enum gh_err err = run(&b);
    if (err == GH_OK && e->who.everyone)
        err = put_link(stage, WHO, SUBJECT_EVERYONE, "", id);
    if (err == GH_OK)
        err = put_links(stage, WHO, SUBJECT_PERSON, &e->who.persons, id);
    if (err == GH_OK)
        err = put_links(stage, WHO, SUBJECT_CREDENTIAL, &e->who.credentials, id);
    if (err == GH_OK)
        err = put_links(stage, WHO, SUBJECT_GROUP, &e->who.groups, id);
    if (err == GH_OK && e->where.all)
        err = put_link(stage, WHERE, PLACE_ALL, "", id);
    if (err == GH_OK)
        err = put_links(stage, WHERE, PLACE_DOOR, &e->where.doors, id);
    if (err == GH_OK)
        err = put_links(stage, WHERE, PLACE_DOOR_GROUP, &e->where.door_groups, id);
    return err;
}

static enum gh_err put_holiday(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_holiday *h = &r->row->d.holiday;
    unsigned char bytes[POLICY_WORKING_MAX * REPLICA_SPAN_BYTES];
    if (h->n_working > POLICY_WORKING_MAX)
        return GH_INVALID;
    unsigned char *p = bytes;
    for (size_t i = 0; i < h->n_working; i++) {
        *p++ = (unsigned char)(h->working[i].start_min & 0xff);
        *p++ = (unsigned char)(h->working[i].start_min >> 8);
        *p++ = (unsigned char)(h->working[i].end_min & 0xff);
        *p++ = (unsigned char)(h->working[i].end_min >> 8);
    }
    struct binder b = start(stage, HOLIDAY);
    add_text(&b, r->row->id.s);
    add_text(&b, h->calendar.s);
    add_int(&b, date_to_day(h->from));
    add_int(&b, date_to_day(h->to));
    add_int(&b, h->yearly);
    add_blob(&b, bytes, (size_t)(p - bytes));
    return run(&b);
}

/* How each kind is put, and the statements that clear it. */
static const struct {
    enum gh_err (*put)(struct replica_stage *stage, const struct replica_row *row);
    int clear[3]; /* TOUCH = none */
} kinds[ROW_KINDS] = {
    [ROW_SITE] = {put_site, {CLEAR_SITE}},
    [ROW_DOOR] = {put_door, {CLEAR_DOOR}},
    [ROW_READER] = {put_reader, {CLEAR_READER}},
    [ROW_DOOR_GROUP] = {put_door_group, {CLEAR_DOOR_GROUP}},
    [ROW_GROUP] = {put_group, {CLEAR_GROUP}},
    [ROW_PERSON] = {put_person, {CLEAR_PERSON, CLEAR_MEMBERSHIP}},
    [ROW_CREDENTIAL] = {put_credential, {CLEAR_CREDENTIAL_VALUE, CLEAR_CREDENTIAL}},
    [ROW_SCHEDULE] = {put_schedule, {CLEAR_SCHEDULE}},
    [ROW_ENTITLEMENT] = {put_entitlement, {CLEAR_ENTITLEMENT, CLEAR_WHO, CLEAR_WHERE}},
    [ROW_HOLIDAY] = {put_holiday, {CLEAR_HOLIDAY}},
};

static enum gh_err clear(struct replica_stage *stage, const struct policy_row *row, int bucket)
{
    struct binder b = start(stage, ROW_CLEAR);
    add_int(&b, bucket);
    add_int(&b, row->kind);
    add_text(&b, row->id.s);
    enum gh_err err = run(&b);
    for (size_t i = 0; i < 3 && err == GH_OK && kinds[row->kind].clear[i] != TOUCH; i++) {
        b = start(stage, kinds[row->kind].clear[i]);
        add_text(&b, row->id.s);
        err = run(&b);
    }
    return err;
}

enum gh_err replica_stage_put(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_row *row = r->row;
    int bucket = replica_digest_bucket_of(stage->crypto, row->kind, &row->id);
    struct binder b = start(stage, TOUCH);
    add_int(&b, row->kind);
    add_text(&b, row->id.s);
    add_int(&b, bucket);
    enum gh_err err = run(&b);
    if (err == GH_OK && sqlite3_changes(stage->db) == 0)
        err = clear(stage, row, bucket);
    if (err != GH_OK || row->removal)
        return err;

    unsigned char sealed[REPLICA_SEALED];
    replica_seal(stage->crypto, sealed, r->line_hash);
    b = start(stage, ROW_PUT);
    add_int(&b, bucket);
    add_int(&b, row->kind);
    add_text(&b, row->id.s);
    add_blob(&b, sealed, sizeof sealed);
    err = run(&b);
    return err == GH_OK ? kinds[row->kind].put(stage, r) : err;
}
