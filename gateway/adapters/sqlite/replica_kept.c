/* What is kept of the policy until it changes, and how columns become facts. */
#include <stdlib.h>

#include "replica_facts.h"
#include "replica_schema.h"
#include "sql/replica_reader.h"

const char *const replica_questions[ASK_QUESTIONS] = {
    [ASK_BEGIN] = SQL_reader_begin,
    [ASK_COMMIT] = SQL_reader_commit,
    [ASK_DATA_VERSION] = SQL_reader_data_version,
    [ASK_VERSION] = SQL_reader_version,
    [ASK_SITE] = SQL_reader_site,
    [ASK_HOLIDAYS] = SQL_reader_holidays,
    [ASK_DOOR] = SQL_reader_door,
    [ASK_READER] = SQL_reader_reader,
    [ASK_READER_AREAS] = SQL_reader_reader_areas,
    [ASK_READERS_OF] = SQL_reader_readers_of,
    [ASK_SCHEDULE] = SQL_reader_schedule,
    [ASK_RULES] = SQL_reader_rules,
    [ASK_GEOFENCE] = SQL_reader_geofence,
    [ASK_MODES] = SQL_reader_modes,
    [ASK_LOCKDOWN] = SQL_reader_lockdown,
    [ASK_INTERLOCK] = SQL_reader_interlock,
    [ASK_GROUP] = SQL_reader_group,
    [ASK_CREDENTIAL] = SQL_reader_credential,
    [ASK_PERSON] = SQL_reader_person,
    [ASK_MEMBERSHIPS] = SQL_reader_memberships,
    [ASK_SUBJECT] = SQL_reader_subject,
    [ASK_PLACES] = SQL_reader_places,
    [ASK_LEADS] = SQL_reader_leads,
    [ASK_ENTITLEMENT] = SQL_reader_entitlement,
};

/* --- keeping ------------------------------------------------------------------------ */

enum gh_err replica_facts_open(struct replica_facts *f)
{
    f->kept = calloc(1, sizeof *f->kept);
    return f->kept ? GH_OK : GH_IO;
}

void replica_facts_forget(struct replica_facts *f)
{
    struct replica_pool pool = f->kept->pool;
    replica_pool_empty(&pool);
    memset(f->kept, 0, sizeof *f->kept);
    f->kept->pool = pool;
    f->generation++;
}

void replica_facts_free(struct replica_facts *f)
{
    if (f->kept)
        replica_pool_free(&f->kept->pool);
    free(f->kept);
    replica_pool_free(&f->answer);
}

enum gh_err replica_facts_refresh(struct replica_facts *f)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_DATA_VERSION];
    enum gh_err err = db_one(s);
    if (err != GH_OK)
        return err;
    int64_t version = sqlite3_column_int64(s, 0);
    if (version != f->data_version)
        replica_facts_forget(f);
    f->data_version = version;
    return GH_OK;
}

static uint32_t hash_of(enum kept_sort sort, const char *key)
{
    uint32_t h = 2166136261u ^ (uint32_t)sort;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 16777619u;
    return h;
}

void *replica_kept_find(const struct replica_facts *f, enum kept_sort sort, const char *key,
                        uint32_t *number)
{
    uint32_t hash = hash_of(sort, key);
    for (struct kept_thing *t = f->kept->bucket[hash % KEPT_BUCKETS]; t; t = t->next) {
        if (t->hash != hash || t->sort != sort || strcmp(t->key, key) != 0)
            continue;
        if (number)
            *number = t->number;
        return t->what;
    }
    return NULL;
}

enum gh_err replica_kept_add(struct replica_facts *f, enum kept_sort sort, const char *key,
                             size_t size, void **what, uint32_t *number)
{
    struct replica_kept *kept = f->kept;
    size_t len = strlen(key) + 1;
    if (kept->n[sort] == REPLICA_KEPT_MAX)
        return GH_FULL;
    struct kept_thing *t = replica_pool_take(&kept->pool, 1, sizeof *t + len);
    void *made = t ? replica_pool_take(&kept->pool, 1, size) : NULL;
    if (!made)
        return GH_IO;
    t->sort = sort;
    t->hash = hash_of(sort, key);
    t->number = kept->n[sort]++;
    t->what = made;
    memcpy(t->key, key, len);
    t->next = kept->bucket[t->hash % KEPT_BUCKETS];
    kept->bucket[t->hash % KEPT_BUCKETS] = t;
    *what = made;
    if (number)
        *number = t->number;
    return GH_OK;
}

/* --- columns -------------------------------------------------------------------------- */

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

enum gh_err replica_column_instant(sqlite3_stmt *s, int i, int64_t *out)
{
    if (sqlite3_column_type(s, i) == SQLITE_NULL) {
        *out = INSTANT_NONE;
        return GH_OK;
    }
    return column_int(s, i, INSTANT_NONE + 1, INT64_MAX, out);
}

enum gh_err replica_column_validity(sqlite3_stmt *s, int i, struct validity *out)
{
    enum gh_err err = replica_column_instant(s, i, &out->from);
    return err == GH_OK ? replica_column_instant(s, i + 1, &out->until) : err;
}

enum gh_err replica_column_text(sqlite3_stmt *s, int i, char *out, size_t size)
{
    struct slice text = db_column(s, i);
    if (text.len >= size || (text.len && memchr(text.ptr, 0, text.len)))
        return GH_CORRUPT;
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return GH_OK;
}

enum gh_err replica_column_id(sqlite3_stmt *s, int i, struct id *out)
{
    return id_set(out, db_column(s, i)) == GH_OK ? GH_OK : GH_CORRUPT;
}

enum gh_err replica_column_id_or_none(sqlite3_stmt *s, int i, struct id *out)
{
    if (db_column(s, i).len > 0)
        return replica_column_id(s, i, out);
    *out = (struct id){{0}};
    return GH_OK;
}

static size_t count_parts(struct slice text, char between)
{
    size_t n = text.len ? 1 : 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == between;
    return n;
}

static bool is_floor(struct slice text)
{
    if (text.len < 2 || text.ptr[0] != '#')
        return id_is_valid(text);
    return text.len <= ID_MAX && id_is_valid(slice_make(text.ptr + 1, text.len - 1));
}

enum gh_err replica_column_floors(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                  struct id_list *out)
{
    struct slice rest = db_column(s, i);
    size_t n = count_parts(rest, REPLICA_BETWEEN_TEXTS);
    *out = (struct id_list){0};
    if (n == 0)
        return GH_OK;
    if (n > POLICY_FLOORS_MAX)
        return GH_CORRUPT;
    struct id *floors = replica_pool_take(pool, n, sizeof *floors);
    if (!floors)
        return GH_IO;
    for (size_t k = 0; k < n; k++) {
        struct slice part = slice_cut(&rest, REPLICA_BETWEEN_TEXTS);
        if (!is_floor(part))
            return GH_CORRUPT;
        memcpy(floors[k].s, part.ptr, part.len);
    }
    *out = (struct id_list){floors, n};
    return GH_OK;
}

static enum gh_err keep_word(struct slice part, struct replica_pool *pool, const char **out)
{
    if (part.len == 0 || part.len > POLICY_WORD_MAX || memchr(part.ptr, 0, part.len))
        return GH_CORRUPT;
    char *word = replica_pool_take(pool, 1, part.len + 1);
    if (!word)
        return GH_IO;
    memcpy(word, part.ptr, part.len);
    *out = word;
    return GH_OK;
}

static enum gh_err keep_words(struct slice rest, struct replica_pool *pool, struct word_list *out)
{
    size_t n = count_parts(rest, REPLICA_BETWEEN_TEXTS);
    *out = (struct word_list){0};
    if (n == 0)
        return GH_OK;
    const char **words = replica_pool_take(pool, n, sizeof *words);
    enum gh_err err = words ? GH_OK : GH_IO;
    for (size_t k = 0; k < n && err == GH_OK; k++)
        err = keep_word(slice_cut(&rest, REPLICA_BETWEEN_TEXTS), pool, &words[k]);
    if (err == GH_OK)
        *out = (struct word_list){words, n};
    return err;
}

enum gh_err replica_column_words(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                 struct word_list *out)
{
    return keep_words(db_column(s, i), pool, out);
}

enum gh_err replica_column_types(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                 const struct type_rule **out, size_t *n)
{
    struct slice rest = db_column(s, i);
    size_t count = count_parts(rest, REPLICA_BETWEEN_TYPES);
    *out = NULL;
    *n = 0;
    if (count == 0)
        return GH_OK;
    struct type_rule *types = replica_pool_take(pool, count, sizeof *types);
    enum gh_err err = types ? GH_OK : GH_IO;
    for (size_t k = 0; k < count && err == GH_OK; k++) {
        struct slice part = slice_cut(&rest, REPLICA_BETWEEN_TYPES);
        err = keep_word(slice_cut(&part, REPLICA_BETWEEN_TEXTS), pool, &types[k].type);
        if (err == GH_OK)
            err = keep_words(part, pool, &types[k].statuses);
    }
    if (err == GH_OK) {
        *out = types;
        *n = count;
    }
    return err;
}

enum gh_err replica_ask_by(sqlite3_stmt *s, const char *text, bool *row)
{
    enum gh_err err = db_bind_text(s, 1, slice_of(text));
    return err == GH_OK ? db_step(s, row) : err;
}
