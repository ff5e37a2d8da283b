#include "replica_facts.h"

#include "sql/replica_reader.h"

const char *const replica_questions[ASK_QUESTIONS] = {
    [ASK_BEGIN] = SQL_reader_begin,
    [ASK_COMMIT] = SQL_reader_commit,
    [ASK_VERSION] = SQL_reader_version,
    [ASK_SITE] = SQL_reader_site,
    [ASK_DOOR] = SQL_reader_door,
    [ASK_READER] = SQL_reader_reader,
    [ASK_CREDENTIAL] = SQL_reader_credential,
    [ASK_PERSON] = SQL_reader_person,
    [ASK_PLACES] = SQL_reader_places,
    [ASK_SUBJECTS] = SQL_reader_subjects,
    [ASK_ENTITLEMENT] = SQL_reader_entitlement,
    [ASK_HOLIDAYS] = SQL_reader_holidays,
};

/* --- columns -------------------------------------------------------------- */

static enum gh_err column_int(sqlite3_stmt *s, int i, int64_t min, int64_t max, int64_t *out)
{
    if (sqlite3_column_type(s, i) != SQLITE_INTEGER)
        return GH_CORRUPT;
    int64_t value = sqlite3_column_int64(s, i);
    if (value < min || value > max)
        return GH_CORRUPT;
    *out = value;
    return GH_OK;
}

enum gh_err replica_column_small(sqlite3_stmt *s, int i, int min, int max, int *out)
{
    int64_t value = 0;
    enum gh_err err = column_int(s, i, min, max, &value);
    if (err == GH_OK)
        *out = (int)value;
    return err;
}

enum gh_err replica_column_flag(sqlite3_stmt *s, int i, bool *out)
{
    int value = 0;
    enum gh_err err = replica_column_small(s, i, 0, 1, &value);
    if (err == GH_OK)
        *out = value == 1;
    return err;
}

static enum gh_err column_instant(sqlite3_stmt *s, int i, int64_t *out)
{
    if (sqlite3_column_type(s, i) == SQLITE_NULL) {
        *out = INSTANT_NONE;
        return GH_OK;
    }
    return column_int(s, i, INSTANT_NONE + 1, INT64_MAX, out);
}

enum gh_err replica_column_validity(sqlite3_stmt *s, int i, struct validity *out)
{
    enum gh_err err = column_instant(s, i, &out->from);
    return err == GH_OK ? column_instant(s, i + 1, &out->until) : err;
}

static enum gh_err column_text(sqlite3_stmt *s, int i, char *out, size_t size)
{
    struct slice text = db_column(s, i);
    if (text.len >= size || memchr(text.ptr, 0, text.len))
        return GH_CORRUPT;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return GH_OK;
}

enum gh_err replica_column_id(sqlite3_stmt *s, int i, struct id *out)
{
    return id_set(out, db_column(s, i)) == GH_OK ? GH_OK : GH_CORRUPT;
}

static enum gh_err column_id_or_none(sqlite3_stmt *s, int i, struct id *out)
{
    if (db_column(s, i).len > 0)
        return replica_column_id(s, i, out);
    *out = (struct id){{0}};
    return GH_OK;
}

/* --- single rows ---------------------------------------------------------- */

static enum gh_err ask_by_id(sqlite3_stmt *s, const struct id *id, bool *row)
{
    enum gh_err err = db_bind_text(s, 1, slice_of(id->s));
    return err == GH_OK ? db_step(s, row) : err;
}

enum gh_err replica_facts_version(struct replica_facts *f, struct policy_version *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_VERSION];
    struct policy_version version;
    enum gh_err err = db_one(s);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_RETRY : err;
    err = column_int(s, 0, 0, INT64_MAX, &version.epoch);
    if (err == GH_OK)
        err = column_int(s, 1, 0, INT64_MAX, &version.rev);
    if (err == GH_OK)
        err = column_instant(s, 2, &version.issued_at);
    if (err == GH_OK)
        *out = version;
    return err;
}

enum gh_err replica_facts_site(struct replica_facts *f, struct policy_site *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_SITE];
    struct policy_site site = {0};
    enum gh_err err = db_one(s);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_RETRY : err;
    err = column_text(s, 0, site.tz, sizeof site.tz);
    if (err == GH_OK)
        err = replica_column_small(s, 1, 1, 60, &site.read_max_age_s);
    for (int i = 0; i < CREDENTIAL_CLASSES && err == GH_OK; i++)
        err = replica_column_small(s, 2 + i, POLICY_AGE_UNLIMITED, INT32_MAX,
                                   &site.max_policy_age_s[i]);
    if (err == GH_OK)
        err = replica_column_small(s, 6, 1, PIN_FAILURES_MAX, &site.pin_lockout.failures);
    if (err == GH_OK)
        err = replica_column_small(s, 7, 1, 86400, &site.pin_lockout.window_s);
    if (err == GH_OK)
        err = replica_column_small(s, 8, 1, 86400, &site.pin_lockout.lock_s);
    if (err == GH_OK)
        *out = site;
    return err;
}

enum gh_err replica_facts_door(struct replica_facts *f, const struct id *id,
                               struct access_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_DOOR];
    struct policy_door *door = &out->door;
    bool row = false;
    enum gh_err err = ask_by_id(s, id, &row);
    if (err != GH_OK)
        return err;
    out->door_id = *id;
    out->door_known = row;
    if (!row)
        return GH_OK;
    err = column_text(s, 1, door->name, sizeof door->name);
    if (err == GH_OK)
        err = column_text(s, 2, door->tz, sizeof door->tz);
    if (err == GH_OK)
        err = replica_column_small(s, 3, 1, 30, &door->release_s);
    if (err == GH_OK)
        err = replica_column_small(s, 6, 1, 120, &door->extended_release_s);
    if (err == GH_OK)
        err = replica_column_flag(s, 4, &door->licensed);
    return err == GH_OK ? column_instant(s, 5, &door->license_until) : err;
}

enum gh_err replica_facts_reader(struct replica_facts *f, const struct id *reader,
                                 struct access_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_READER];
    bool row = false;
    int accepts = 0;
    enum gh_err err = ask_by_id(s, reader, &row);
    if (err != GH_OK || !row)
        return err;
    err = replica_column_id(s, 0, &out->reader.door);
    if (err == GH_OK)
        err = replica_column_small(s, 1, 0, CREDENTIAL_TYPES_ALL, &accepts);
    if (err != GH_OK)
        return err;
    out->reader_known = true;
    out->reader.accepts = (credential_type_set)accepts;
    return replica_facts_door(f, &out->reader.door, out);
}

static enum gh_err person(struct replica_facts *f, struct access_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_PERSON];
    bool row = false;
    enum gh_err err = ask_by_id(s, &out->credential.person, &row);
    if (err != GH_OK || !row)
        return err;
    out->person_known = true;
    err = replica_column_flag(s, 0, &out->person.enabled);
    if (err == GH_OK)
        err = replica_column_validity(s, 1, &out->person.validity);
    if (err == GH_OK)
        err = replica_column_flag(s, 4, &out->person.extended_release);
    return err == GH_OK ? replica_column_flag(s, 3, &out->person_denied) : err;
}

static enum gh_err credential_columns(sqlite3_stmt *s, struct access_facts *out)
{
    struct policy_credential *c = &out->credential;
    enum gh_err err = replica_column_id(s, 0, &out->credential_id);
    if (err == GH_OK)
        err = column_id_or_none(s, 1, &c->person);
    if (err == GH_OK)
        err = replica_column_small(s, 2, 0, INT32_MAX, &c->bits);
    if (err == GH_OK)
        err = replica_column_flag(s, 3, &c->enabled);
    if (err == GH_OK)
        err = column_id_or_none(s, 4, &c->disabled_reason);
    if (err == GH_OK)
        err = replica_column_validity(s, 5, &c->validity);
    if (err == GH_OK)
        err = replica_column_flag(s, 7, &out->credential_denied);
    int class = 0;
    if (err == GH_OK)
        err = replica_column_small(s, 8, 0, CREDENTIAL_CLASSES - 1, &class);
    c->credential_class = (enum credential_class)class;
    return err;
}

enum gh_err replica_facts_credential(struct replica_facts *f, const struct policy_query *query,
                                     struct access_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_CREDENTIAL];
    bool row = false;
    int bits = 0;
    enum gh_err err = db_bind_int(s, 1, query->type);
    if (err == GH_OK)
        err = db_bind_blob(s, 2, slice_make(query->value_hash, VALUE_HASH_LEN));
    if (err == GH_OK)
        err = db_step(s, &row);
    if (err != GH_OK || !row)
        return err;
    err = replica_column_small(s, 2, 0, INT32_MAX, &bits);
    if (err != GH_OK)
        return err;
    if (bits != 0 && query->bits != 0 && bits != query->bits)
        return GH_OK; /* another card that happens to have the same number */
    err = credential_columns(s, out);
    if (err != GH_OK)
        return err;
    out->credential.type = query->type;
    out->credential_known = true;
    return id_is_none(&out->credential.person) ? GH_OK : person(f, out);
}
