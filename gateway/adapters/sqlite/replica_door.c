/* Doors and readers: what the policy says of them, whoever stands there. */
#include "replica_facts.h"

#include "replica_schema.h"

/* --- a door ------------------------------------------------------------------------- */

static enum gh_err read_enum(sqlite3_stmt *s, int i, int max, unsigned *out)
{
    int value = 0;
    enum gh_err err = replica_column_small(s, i, 0, max, &value);
    *out = (unsigned)value;
    return err;
}

static enum gh_err read_behaviour(sqlite3_stmt *s, struct policy_door *door)
{
    unsigned relock = 0, maintenance = 0, factors = 0, rex = 0;
    enum gh_err err = replica_column_small(s, 6, 0, 86400, &door->held_open_s);
    if (err == GH_OK)
        err = replica_column_small(s, 7, 0, 86400, &door->pre_alarm_s);
    if (err == GH_OK)
        err = read_enum(s, 8, RELOCK_TIMER, &relock);
    if (err == GH_OK)
        err = read_enum(s, 9, MAINTENANCE_FORCE_CLOSED, &maintenance);
    if (err == GH_OK)
        err = read_enum(s, 10, FACTORS_TWO_PERSON, &factors);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 11, &door->factor_schedule);
    if (err == GH_OK)
        err = read_enum(s, 12, REX_OFF, &rex);
    if (err == GH_OK)
        err = replica_column_flag(s, 13, &door->rex_in_lockdown);
    if (err == GH_OK)
        err = replica_column_flag(s, 14, &door->fire_release);
    door->relock = (enum relock)relock;
    door->maintenance = (enum maintenance)maintenance;
    door->factors = (enum factors)factors;
    door->rex = (enum rex_kind)rex;
    return err;
}

static enum gh_err read_door(struct replica_facts *f, const char *id, struct policy_door *door,
                             bool *exists)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_DOOR];
    enum gh_err err = replica_ask_by(s, id, exists);
    if (err != GH_OK || !*exists)
        return err;
    err = replica_column_text(s, 0, door->name, sizeof door->name);
    if (err == GH_OK)
        err = replica_column_text(s, 1, door->tz, sizeof door->tz);
    if (err == GH_OK)
        err = replica_column_small(s, 2, 1, 30, &door->release_s);
    if (err == GH_OK)
        err = replica_column_small(s, 3, 1, 120, &door->extended_release_s);
    if (err == GH_OK)
        err = replica_column_flag(s, 4, &door->licensed);
    if (err == GH_OK)
        err = replica_column_instant(s, 5, &door->license_until);
    return err == GH_OK ? read_behaviour(s, door) : err;
}

static enum gh_err read_rules(struct replica_facts *f, const char *id, struct rules_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_RULES];
    struct id hours = {0};
    enum gh_err err = replica_ask_by(s, id, &out->is_set);
    if (err != GH_OK || !out->is_set)
        return err;
    err = replica_column_id(s, 0, &out->id);
    if (err == GH_OK)
        err = replica_column_flag(s, 1, &out->block);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 2, &hours);
    if (err == GH_OK)
        err = replica_column_types(s, 3, &f->kept->pool, &out->types, &out->n_types);
    if (err == GH_OK)
        err = replica_column_words(s, 4, &f->kept->pool, &out->tags);
    return err == GH_OK ? replica_facts_hours(f, hours.s, false, &out->hours) : err;
}

static enum gh_err read_real(sqlite3_stmt *s, int i, double min, double max, double *out)
{
    if (sqlite3_column_type(s, i) != SQLITE_FLOAT)
        return GH_CORRUPT;
    double value = sqlite3_column_double(s, i);
    if (!(value >= min && value <= max))
        return GH_CORRUPT;
    *out = value;
    return GH_OK;
}

static enum gh_err read_geofence(struct replica_facts *f, const char *id,
                                 struct geofence_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_GEOFENCE];
    struct policy_geofence *fence = &out->fence;
    enum gh_err err = replica_ask_by(s, id, &out->is_set);
    if (err != GH_OK || !out->is_set)
        return err;
    err = replica_column_flag(s, 0, &fence->enabled);
    fence->has_centre = sqlite3_column_type(s, 1) != SQLITE_NULL;
    if (err == GH_OK && fence->has_centre)
        err = read_real(s, 1, -90, 90, &fence->lat);
    if (err == GH_OK && fence->has_centre)
        err = read_real(s, 2, -180, 180, &fence->lon);
    if (err == GH_OK)
        err = read_real(s, 3, 50, 5000, &fence->radius_m);
    if (err == GH_OK)
        err = read_real(s, 4, 0, 5000, &fence->buffer_m);
    return err == GH_OK ? read_real(s, 5, 0, 5000, &fence->max_accuracy_m) : err;
}

static enum gh_err read_mode(struct replica_facts *f, sqlite3_stmt *s, struct mode_row *out)
{
    unsigned tier = 0, wish = 0;
    struct id schedule = {0};
    enum gh_err err = replica_column_id(s, 0, &out->id);
    if (err == GH_OK)
        err = read_enum(s, 1, TIER_ROUTINE, &tier);
    if (err == GH_OK)
        err = read_enum(s, 2, WISH_LOCKED_DOWN, &wish);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 3, &schedule);
    if (err == GH_OK)
        err = replica_column_validity(s, 4, &out->validity);
    if (err == GH_OK)
        err = replica_column_flag(s, 6, &out->allow_manual_end);
    if (err == GH_OK)
        err = replica_column_instant(s, 7, &out->at);
    out->tier = (enum mode_tier)tier;
    out->wish = (enum mode_wish)wish;
    out->fingerprint = (uint64_t)sqlite3_column_int64(s, 8);
    return err == GH_OK ? replica_facts_hours(f, schedule.s, false, &out->hours) : err;
}

static enum gh_err read_modes(struct replica_facts *f, const char *id, struct door_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_MODES];
    struct mode_row *list = NULL;
    size_t n = 0, room = 0;
    bool row = false;
    enum gh_err err = replica_ask_by(s, id, &row);
    while (err == GH_OK && row) {
        list = replica_pool_one_more(&f->kept->pool, list, &room, n, sizeof *list);
        err = list ? read_mode(f, s, &list[n++]) : GH_IO;
        if (err == GH_OK)
            err = db_step(s, &row);
    }
    out->modes = list;
    out->n_modes = n;
    return err;
}

static enum gh_err read_interlock(struct replica_facts *f, const char *id, struct door_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_INTERLOCK];
    struct id *list = NULL;
    size_t n = 0, room = 0;
    bool row = false;
    enum gh_err err = replica_ask_by(s, id, &row);
    while (err == GH_OK && row) {
        list = replica_pool_one_more(&f->kept->pool, list, &room, n, sizeof *list);
        err = list ? replica_column_id(s, 0, &list[n++]) : GH_IO;
        if (err == GH_OK)
            err = db_step(s, &row);
    }
    out->interlocked = list;
    out->n_interlocked = n;
    return err;
}

static enum gh_err read_lockdown(struct replica_facts *f, const char *id, bool *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_LOCKDOWN];
    return replica_ask_by(s, id, out);
}

static enum gh_err fill_door(struct replica_facts *f, const struct id *id, struct kept_door *door)
{
    struct door_facts *facts = &door->facts;
    enum gh_err err = read_door(f, id->s, &facts->door, &door->exists);
    if (err != GH_OK || !door->exists)
        return err;
    facts->id = *id;
    /* A restriction whose schedule is missing holds always. */
    err = replica_facts_hours(f, facts->door.factor_schedule.s, true, &facts->factor_hours);
    if (err == GH_OK)
        err = read_rules(f, id->s, &facts->rules);
    if (err == GH_OK)
        err = read_geofence(f, id->s, &facts->geofence);
    if (err == GH_OK)
        err = read_modes(f, id->s, facts);
    if (err == GH_OK)
        err = read_lockdown(f, id->s, &facts->is_lockdown);
    return err == GH_OK ? read_interlock(f, id->s, facts) : err;
}

enum gh_err replica_facts_door(struct replica_facts *f, const struct id *id,
                               struct policy_facts *out)
{
    struct kept_door *door = replica_kept_find(f, KEPT_DOOR, id->s, NULL);
    if (!door) {
        void *what = NULL;
        enum gh_err err = replica_kept_add(f, KEPT_DOOR, id->s, sizeof *door, &what, NULL);
        door = what;
        if (err == GH_OK)
            err = fill_door(f, id, door);
        if (err != GH_OK)
            return err;
    }
    out->door_known = door->exists;
    out->door = door->exists ? &door->facts : NULL;
    return GH_OK;
}

/* --- a reader ------------------------------------------------------------------------- */

static enum gh_err read_area(struct replica_facts *f, sqlite3_stmt *s, struct area_facts *out)
{
    unsigned antipassback = 0;
    bool is_exit = false;
    struct id schedule = {0};
    enum gh_err err = replica_column_id(s, 0, &out->id);
    if (err == GH_OK)
        err = replica_column_flag(s, 1, &is_exit);
    if (err == GH_OK)
        err = read_enum(s, 2, ANTIPASSBACK_DENY, &antipassback);
    if (err == GH_OK)
        err = replica_column_small(s, 3, 0, 31536000, &out->timeout_s);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 4, &schedule);
    if (err == GH_OK)
        err = replica_column_small(s, 5, RESET_NEVER, 1439, &out->reset_min);
    if (err == GH_OK)
        err = replica_column_small(s, 6, OCCUPANCY_UNLIMITED, 1000000, &out->max_occupancy);
    if (err == GH_OK)
        err = replica_column_flag(s, 7, &out->exit_without_entry_violates);
    out->is_entry = !is_exit;
    out->antipassback = (enum antipassback)antipassback;
    return err == GH_OK ? replica_facts_hours(f, schedule.s, true, &out->schedule) : err;
}

static enum gh_err read_areas(struct replica_facts *f, const char *reader,
                              struct reader_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_READER_AREAS];
    struct area_facts *list = NULL;
    size_t n = 0, room = 0;
    bool row = false;
    enum gh_err err = replica_ask_by(s, reader, &row);
    while (err == GH_OK && row) {
        list = replica_pool_one_more(&f->kept->pool, list, &room, n, sizeof *list);
        err = list ? read_area(f, s, &list[n++]) : GH_IO;
        if (err == GH_OK)
            err = db_step(s, &row);
    }
    out->areas = list;
    out->n_areas = n;
    return err;
}

static enum gh_err fill_reader(struct replica_facts *f, const struct id *id,
                               struct kept_reader *reader)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_READER];
    int accepts = 0;
    enum gh_err err = replica_ask_by(s, id->s, &reader->exists);
    if (err != GH_OK || !reader->exists)
        return err;
    reader->facts.id = *id;
    err = replica_column_id(s, 0, &reader->facts.reader.door);
    if (err == GH_OK)
        err = replica_column_small(s, 1, 0, CREDENTIAL_TYPES_ALL, &accepts);
    reader->facts.reader.accepts = (credential_type_set)accepts;
    return err == GH_OK ? read_areas(f, id->s, &reader->facts) : err;
}

enum gh_err replica_facts_reader(struct replica_facts *f, const struct id *id,
                                 struct policy_facts *out)
{
    struct kept_reader *reader = replica_kept_find(f, KEPT_READER, id->s, NULL);
    if (!reader) {
        void *what = NULL;
        enum gh_err err = replica_kept_add(f, KEPT_READER, id->s, sizeof *reader, &what, NULL);
        reader = what;
        if (err == GH_OK)
            err = fill_reader(f, id, reader);
        if (err != GH_OK)
            return err;
    }
    out->reader_known = reader->exists;
    if (!reader->exists)
        return GH_OK;
    out->reader = reader->facts;
    return replica_facts_door(f, &reader->facts.reader.door, out);
}
