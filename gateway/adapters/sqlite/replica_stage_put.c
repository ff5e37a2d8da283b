/* How a row of each kind goes into the tables of the staging file. */
#include "replica_stage_parts.h"

#include <stdlib.h>

/* --- values into a statement, from ?1 on ---------------------------------- */

struct binder stage_start(const struct replica_stage *stage, enum stage_statement statement)
{
    return (struct binder){stage->s[statement], 0, GH_OK};
}

void stage_add_int(struct binder *b, int64_t value)
{
    if (b->err == GH_OK)
        b->err = db_bind_int(b->s, ++b->n, value);
}

void stage_add_text(struct binder *b, const char *text)
{
    if (b->err == GH_OK)
        b->err = db_bind_text(b->s, ++b->n, slice_of(text));
}

void stage_add_blob(struct binder *b, const void *bytes, size_t len)
{
    if (b->err == GH_OK)
        b->err = db_bind_blob(b->s, ++b->n, slice_make(bytes, len));
}

static void add_instant(struct binder *b, int64_t instant)
{
    if (instant == INSTANT_NONE)
        b->n++; /* bindings are cleared after use: NULL */
    else
        stage_add_int(b, instant);
}

static void add_validity(struct binder *b, const struct validity *v)
{
    add_instant(b, v->from);
    add_instant(b, v->until);
}

enum gh_err stage_run(struct binder *b)
{
    if (b->err == GH_OK)
        return db_run(b->s);
    db_reset(b->s);
    return b->err;
}

/* A list of texts on its way into a column (sql/replica.sql). */
struct joined {
    char *bytes; /* owned; NULL = none */
    size_t len, room;
    bool failed;
};

static void join_free(struct joined *j)
{
    free(j->bytes);
}
#define JOINED __attribute__((cleanup(join_free))) struct joined

static void join(struct joined *j, char between, const char *text)
{
    size_t len = strlen(text), more = len + (between ? 1 : 0);
    if (j->failed)
        return;
    if (j->room - j->len < more) {
        size_t room = j->room * 2 + more + 256;
        char *bytes = realloc(j->bytes, room);
        j->failed = !bytes;
        if (!bytes)
            return;
        j->bytes = bytes;
        j->room = room;
    }
    if (between)
        j->bytes[j->len++] = between;
    if (len > 0)
        memcpy(j->bytes + j->len, text, len);
    j->len += len;
}

static void join_ids(struct joined *j, const struct id_list *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        join(j, i ? REPLICA_BETWEEN_TEXTS : 0, ids->v[i].s);
}

static void join_words(struct joined *j, const struct word_list *words)
{
    for (size_t i = 0; i < words->n; i++)
        join(j, i ? REPLICA_BETWEEN_TEXTS : 0, words->v[i]);
}

static void join_types(struct joined *j, const struct type_rule *types, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        join(j, i ? REPLICA_BETWEEN_TYPES : 0, types[i].type);
        for (size_t k = 0; k < types[i].statuses.n; k++)
            join(j, REPLICA_BETWEEN_TEXTS, types[i].statuses.v[k]);
    }
}

static void add_joined(struct binder *b, const struct joined *j)
{
    if (b->err == GH_OK && j->failed)
        b->err = GH_IO;
    if (b->err == GH_OK)
        b->err = db_bind_text(b->s, ++b->n, slice_make(j->bytes ? j->bytes : "", j->len));
}

/* --- one row -------------------------------------------------------------- */

static enum gh_err put_site(struct replica_stage *stage, const struct replica_row *r)
{
    struct binder b = stage_start(stage, STAGE_SITE);
    stage_add_text(&b, r->row->id.s);
    stage_add_text(&b, r->row->d.site.tz);
    stage_add_int(&b, r->row->d.site.dialect);
    stage_add_int(&b, r->row->d.site.commit_taken);
    stage_add_int(&b, r->row->d.site.admin_in_lockdown);
    stage_add_int(&b, r->row->d.site.read_max_age_s);
    stage_add_int(&b, r->row->d.site.factor_timeout_s);
    stage_add_int(&b, r->row->d.site.duress);
    stage_add_int(&b, r->row->d.site.pin_lockout.failures);
    stage_add_int(&b, r->row->d.site.pin_lockout.window_s);
    stage_add_int(&b, r->row->d.site.pin_lockout.lock_s);
    for (size_t i = 0; i < CREDENTIAL_CLASSES; i++)
        stage_add_int(&b, r->row->d.site.max_policy_age_s[i]);
    return stage_run(&b);
}

static enum gh_err put_door(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_door *door = &r->row->d.door;
    struct binder b = stage_start(stage, STAGE_DOOR);
    stage_add_text(&b, r->row->id.s);
    stage_add_text(&b, door->name);
    stage_add_text(&b, door->tz);
    stage_add_int(&b, door->release_s);
    stage_add_int(&b, door->extended_release_s);
    stage_add_int(&b, door->licensed);
    add_instant(&b, door->license_until);
    stage_add_int(&b, door->held_open_s);
    stage_add_int(&b, door->pre_alarm_s);
    stage_add_int(&b, door->relock);
    stage_add_int(&b, door->maintenance);
    stage_add_int(&b, door->factors);
    stage_add_text(&b, door->factor_schedule.s);
    stage_add_int(&b, door->rex);
    stage_add_int(&b, door->rex_in_lockdown);
    stage_add_int(&b, door->fire_release);
    return stage_run(&b);
}

static enum gh_err put_reader(struct replica_stage *stage, const struct replica_row *r)
{
    struct binder b = stage_start(stage, STAGE_READER);
    stage_add_text(&b, r->row->id.s);
    stage_add_text(&b, r->row->d.reader.door.s);
    stage_add_int(&b, r->row->d.reader.accepts);
    return stage_run(&b);
}

static enum gh_err put_door_group(struct replica_stage *stage, const struct replica_row *r)
{
    const struct id_list *doors = &r->row->d.door_group.doors;
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < doors->n && err == GH_OK; i++) {
        struct binder b = stage_start(stage, STAGE_DOOR_GROUP_DOOR);
        stage_add_text(&b, r->row->id.s);
        stage_add_text(&b, doors->v[i].s);
        err = stage_run(&b);
    }
    return err;
}

/* An inert group is left out: nothing that refers to it matches. */
static enum gh_err put_group(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_group *group = &r->row->d.group;
    JOINED floors = {0};
    if (r->row->inert)
        return GH_OK;
    struct binder b = stage_start(stage, STAGE_GRP);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, group->antipassback_exempt);
    join_ids(&floors, &group->floors);
    add_joined(&b, &floors);
    return stage_run(&b);
}

/* An inert person counts as disabled: "grants nothing" must hold also where a
 * door asks for no entitlement. */
static enum gh_err put_person(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_person *person = &r->row->d.person;
    JOINED tags = {0}, floors = {0};
    struct binder b = stage_start(stage, STAGE_PERSON);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, person->enabled && !r->row->inert);
    add_validity(&b, &person->validity);
    stage_add_int(&b, person->extended_release);
    stage_add_int(&b, person->lockdown_bypass);
    stage_add_int(&b, person->first_credential);
    stage_add_int(&b, person->antipassback_exempt);
    stage_add_text(&b, person->type);
    stage_add_text(&b, person->status);
    join_words(&tags, &person->tags);
    add_joined(&b, &tags);
    join_ids(&floors, &person->floors);
    add_joined(&b, &floors);
    enum gh_err err = stage_run(&b);
    for (size_t i = 0; i < person->n_groups && err == GH_OK; i++) {
        b = stage_start(stage, STAGE_MEMBERSHIP);
        stage_add_text(&b, r->row->id.s);
        stage_add_int(&b, (int64_t)i);
        stage_add_text(&b, person->groups[i].group.s);
        add_validity(&b, &person->groups[i].validity);
        err = stage_run(&b);
    }
    return err;
}

/* An inert credential counts as disabled, not as unknown: its value stays
 * taken, so that no other meaning can be found for it. */
static enum gh_err put_credential(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_credential *c = &r->row->d.credential;
    struct binder b = stage_start(stage, STAGE_CREDENTIAL);
    stage_add_text(&b, r->row->id.s);
    stage_add_text(&b, c->person.s);
    stage_add_int(&b, c->type);
    stage_add_blob(&b, r->value_hash, sizeof r->value_hash);
    stage_add_int(&b, c->bits);
    stage_add_int(&b, c->enabled && !r->row->inert);
    stage_add_text(&b, c->disabled_reason.s);
    add_validity(&b, &c->validity);
    stage_add_int(&b, c->credential_class);
    stage_add_int(&b, c->uses_per_door);
    stage_add_int(&b, c->uses_total);
    enum gh_err err = stage_run(&b);
    if (err != GH_OK)
        return err;
    b = stage_start(stage, STAGE_CREDENTIAL_VALUE);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, c->type);
    stage_add_blob(&b, r->value_hash, sizeof r->value_hash);
    return stage_run(&b);
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
    struct binder b = stage_start(stage, STAGE_SCHEDULE);
    stage_add_text(&b, r->row->id.s);
    stage_add_blob(&b, bytes, (size_t)(p - bytes));
    return stage_run(&b);
}

static enum gh_err put_link(struct replica_stage *stage, enum stage_statement statement, int kind, const char *id,
                            const struct id *entitlement)
{
    struct binder b = stage_start(stage, statement);
    stage_add_int(&b, kind);
    stage_add_text(&b, id);
    stage_add_text(&b, entitlement->s);
    return stage_run(&b);
}

static enum gh_err put_links(struct replica_stage *stage, enum stage_statement statement, int kind,
                             const struct id_list *ids, const struct id *entitlement)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < ids->n && err == GH_OK; i++)
        err = put_link(stage, statement, kind, ids->v[i].s, entitlement);
    return err;
}

static enum gh_err put_words(struct replica_stage *stage, const struct word_list *words,
                             const struct id *entitlement)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < words->n && err == GH_OK; i++)
        err = put_link(stage, STAGE_WHO, SUBJECT_TAG, words->v[i], entitlement);
    return err;
}

static enum gh_err put_types(struct replica_stage *stage, const struct type_rule *types, size_t n,
                             const struct id *entitlement)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < n && err == GH_OK; i++) {
        if (types[i].statuses.n == 0)
            err = put_link(stage, STAGE_WHO, SUBJECT_TYPE, types[i].type, entitlement);
        for (size_t k = 0; k < types[i].statuses.n && err == GH_OK; k++) {
            char both[2 * POLICY_WORD_MAX + 2];
            replica_type_status(both, types[i].type, types[i].statuses.v[k]);
            err = put_link(stage, STAGE_WHO, SUBJECT_TYPE_STATUS, both, entitlement);
        }
    }
    return err;
}

static enum gh_err put_where(struct replica_stage *stage, enum stage_statement statement,
                             const struct policy_where *where, const struct id *row)
{
    enum gh_err err = GH_OK;
    if (where->all)
        err = put_link(stage, statement, PLACE_ALL, "", row);
    if (err == GH_OK)
        err = put_links(stage, statement, PLACE_DOOR, &where->doors, row);
    if (err == GH_OK)
        err = put_links(stage, statement, PLACE_DOOR_GROUP, &where->door_groups, row);
    return err;
}

static enum gh_err put_entitlement(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_entitlement *e = &r->row->d.entitlement;
    const struct id *id = &r->row->id;
    JOINED floors = {0};
    struct binder b = stage_start(stage, STAGE_ENTITLEMENT);
    stage_add_text(&b, id->s);
    stage_add_int(&b, e->kind);
    stage_add_int(&b, e->enabled && !r->row->inert);
    stage_add_text(&b, e->schedule.s);
    add_validity(&b, &e->validity);
    stage_add_int(&b, e->holiday);
    stage_add_text(&b, e->calendar.s);
    join_ids(&floors, &e->floors);
    add_joined(&b, &floors);
    enum gh_err err = stage_run(&b);
    if (err == GH_OK && e->who.everyone)
        err = put_link(stage, STAGE_WHO, SUBJECT_EVERYONE, "", id);
    if (err == GH_OK)
        err = put_links(stage, STAGE_WHO, SUBJECT_PERSON, &e->who.persons, id);
    if (err == GH_OK)
        err = put_links(stage, STAGE_WHO, SUBJECT_CREDENTIAL, &e->who.credentials, id);
    if (err == GH_OK)
        err = put_links(stage, STAGE_WHO, SUBJECT_GROUP, &e->who.groups, id);
    if (err == GH_OK)
        err = put_words(stage, &e->who.tags, id);
    if (err == GH_OK)
        err = put_types(stage, e->who.types, e->who.n_types, id);
    return err == GH_OK ? put_where(stage, STAGE_WHERE, &e->where, id) : err;
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
    struct binder b = stage_start(stage, STAGE_HOLIDAY);
    stage_add_text(&b, r->row->id.s);
    stage_add_text(&b, h->calendar.s);
    stage_add_int(&b, date_to_day(h->from));
    stage_add_int(&b, date_to_day(h->to));
    stage_add_int(&b, h->yearly);
    stage_add_blob(&b, bytes, (size_t)(p - bytes));
    return stage_run(&b);
}

/* An inert row stays: it replaces others, blocks if it says so, and matches nobody. */
static enum gh_err put_access_rules(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_access_rules *rules = &r->row->d.access_rules;
    JOINED types = {0}, tags = {0};
    struct binder b = stage_start(stage, STAGE_ACCESS_RULES);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, rules->level);
    stage_add_text(&b, rules->target.s);
    stage_add_int(&b, rules->priority);
    stage_add_text(&b, rules->hours.s);
    stage_add_int(&b, rules->block);
    if (!r->row->inert) {
        join_types(&types, rules->types, rules->n_types);
        join_words(&tags, &rules->tags);
    }
    add_joined(&b, &types);
    add_joined(&b, &tags);
    return stage_run(&b);
}

static void add_real(struct binder *b, bool is_set, double value)
{
    b->n++;
    if (b->err == GH_OK && is_set && sqlite3_bind_double(b->s, b->n, value) != SQLITE_OK)
        b->err = GH_IO;
}

static enum gh_err put_geofence(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_geofence *fence = &r->row->d.geofence;
    struct binder b = stage_start(stage, STAGE_GEOFENCE);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, fence->level);
    stage_add_text(&b, fence->target.s);
    stage_add_int(&b, fence->priority);
    stage_add_int(&b, fence->enabled);
    add_real(&b, fence->has_centre, fence->lat);
    add_real(&b, fence->has_centre, fence->lon);
    add_real(&b, true, fence->radius_m);
    add_real(&b, true, fence->buffer_m);
    add_real(&b, true, fence->max_accuracy_m);
    return stage_run(&b);
}

static int64_t fingerprint_of(const unsigned char hash[REPLICA_HASH])
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n = n << 8 | hash[i];
    return (int64_t)n;
}

static enum gh_err put_door_mode(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_door_mode *mode = &r->row->d.door_mode;
    struct binder b = stage_start(stage, STAGE_DOOR_MODE);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, mode->tier);
    stage_add_int(&b, mode->mode);
    stage_add_text(&b, mode->schedule.s);
    add_validity(&b, &mode->validity);
    stage_add_int(&b, mode->allow_manual_end);
    add_instant(&b, mode->at);
    stage_add_int(&b, fingerprint_of(r->line_hash));
    enum gh_err err = stage_run(&b);
    return err == GH_OK ? put_where(stage, STAGE_DOOR_MODE_WHERE, &mode->where, &r->row->id) : err;
}

static enum gh_err put_lockdown(struct replica_stage *stage, const struct replica_row *r)
{
    return put_where(stage, STAGE_LOCKDOWN_WHERE, &r->row->d.lockdown.where, &r->row->id);
}

static enum gh_err put_area_readers(struct replica_stage *stage, const struct id_list *readers,
                                    bool is_exit, const struct id *area)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < readers->n && err == GH_OK; i++) {
        struct binder b = stage_start(stage, STAGE_AREA_READER);
        stage_add_text(&b, readers->v[i].s);
        stage_add_text(&b, area->s);
        stage_add_int(&b, is_exit);
        err = stage_run(&b);
    }
    return err;
}

static enum gh_err put_area(struct replica_stage *stage, const struct replica_row *r)
{
    const struct policy_area *area = &r->row->d.area;
    struct binder b = stage_start(stage, STAGE_AREA);
    stage_add_text(&b, r->row->id.s);
    stage_add_int(&b, area->antipassback);
    stage_add_int(&b, area->timeout_s);
    stage_add_text(&b, area->schedule.s);
    stage_add_int(&b, area->reset_min);
    stage_add_int(&b, area->max_occupancy);
    stage_add_int(&b, area->exit_without_entry_violates);
    enum gh_err err = stage_run(&b);
    if (err == GH_OK)
        err = put_area_readers(stage, &area->entry, false, &r->row->id);
    return err == GH_OK ? put_area_readers(stage, &area->exit, true, &r->row->id) : err;
}

static enum gh_err put_interlock(struct replica_stage *stage, const struct replica_row *r)
{
    const struct id_list *doors = &r->row->d.interlock.doors;
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < doors->n && err == GH_OK; i++) {
        struct binder b = stage_start(stage, STAGE_INTERLOCK_DOOR);
        stage_add_text(&b, doors->v[i].s);
        stage_add_text(&b, r->row->id.s);
        err = stage_run(&b);
    }
    return err;
}

/* How each kind is put, and the statements that clear it. */
#define CLEARED(...) {__VA_ARGS__, STAGE_TOUCH}
static const struct {
    enum gh_err (*put)(struct replica_stage *stage, const struct replica_row *row);
    enum stage_statement clear[4];
} kinds[ROW_KINDS] = {
    [ROW_SITE] = {put_site, CLEARED(STAGE_CLEAR_SITE)},
    [ROW_DOOR] = {put_door, CLEARED(STAGE_CLEAR_DOOR)},
    [ROW_READER] = {put_reader, CLEARED(STAGE_CLEAR_READER)},
    [ROW_DOOR_GROUP] = {put_door_group, CLEARED(STAGE_CLEAR_DOOR_GROUP)},
    [ROW_GROUP] = {put_group, CLEARED(STAGE_CLEAR_GROUP)},
    [ROW_PERSON] = {put_person, CLEARED(STAGE_CLEAR_PERSON, STAGE_CLEAR_MEMBERSHIP)},
    [ROW_CREDENTIAL] = {put_credential,
                        CLEARED(STAGE_CLEAR_CREDENTIAL_VALUE, STAGE_CLEAR_CREDENTIAL)},
    [ROW_SCHEDULE] = {put_schedule, CLEARED(STAGE_CLEAR_SCHEDULE)},
    [ROW_ENTITLEMENT] = {put_entitlement, CLEARED(STAGE_CLEAR_ENTITLEMENT, STAGE_CLEAR_WHO,
                                                  STAGE_CLEAR_WHERE)},
    [ROW_HOLIDAY] = {put_holiday, CLEARED(STAGE_CLEAR_HOLIDAY)},
    [ROW_ACCESS_RULES] = {put_access_rules, CLEARED(STAGE_CLEAR_ACCESS_RULES)},
    [ROW_GEOFENCE] = {put_geofence, CLEARED(STAGE_CLEAR_GEOFENCE)},
    [ROW_DOOR_MODE] = {put_door_mode,
                       CLEARED(STAGE_CLEAR_DOOR_MODE, STAGE_CLEAR_DOOR_MODE_WHERE)},
    [ROW_LOCKDOWN] = {put_lockdown, CLEARED(STAGE_CLEAR_LOCKDOWN_WHERE)},
    [ROW_AREA] = {put_area, CLEARED(STAGE_CLEAR_AREA, STAGE_CLEAR_AREA_READER)},
    [ROW_INTERLOCK] = {put_interlock, CLEARED(STAGE_CLEAR_INTERLOCK_DOOR)},
};

enum gh_err stage_put_row(struct replica_stage *stage, const struct replica_row *row)
{
    return kinds[row->row->kind].put(stage, row);
}

const enum stage_statement *stage_clear_statements(enum row_kind kind)
{
    return kinds[kind].clear;
}
