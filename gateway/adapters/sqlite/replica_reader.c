#include "replica_reader.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "db.h"
#include "replica_facts.h"
#include "replica_schema.h"

/* A door must not wait for a database. */
#define BUSY_MS 50
/* How often the file is looked for, or looked at, at most. */
#define LOOK_MS 1000
#define READER_PRAGMAS "PRAGMA cache_size = -16384;"

struct replica_reader {
    char *path;
    sqlite3 *db; /* NULL = not open */
    struct replica_facts facts;
    struct stat file;      /* what db was opened on */
    int64_t next_look_ms;  /* not before this is the file opened or looked at */
    enum gh_err missing;   /* the answer while db is NULL */
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct replica_reader *replica_reader_open(const char *path)
{
    struct replica_reader *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->missing = GH_RETRY;
    r->next_look_ms = INT64_MIN;
    r->path = strdup(path);
    if (!r->path || replica_facts_open(&r->facts) != GH_OK) {
        free(r->path);
        free(r);
        return NULL;
    }
    return r;
}

static void disconnect(struct replica_reader *r)
{
    db_finalize_all(r->facts.s, ASK_QUESTIONS);
    db_close(r->db);
    r->db = NULL;
    replica_facts_forget(&r->facts);
}

void replica_reader_close(struct replica_reader *r)
{
    if (!r)
        return;
    disconnect(r);
    replica_facts_free(&r->facts);
    free(r->path);
    free(r);
}

static enum gh_err connect_file(struct replica_reader *r)
{
    bool fresh = false;
    enum gh_err err = db_open(&r->db, r->path, DB_READER, BUSY_MS);
    if (err == GH_NOT_FOUND)
        return GH_RETRY;
    if (err == GH_OK)
        err = db_exec(r->db, READER_PRAGMAS);
    if (err == GH_OK)
        err = replica_schema_check(r->db, &fresh);
    if (err == GH_OK && fresh)
        err = GH_RETRY; /* it is just being made */
    return err == GH_OK ? db_prepare_all(r->db, r->facts.s, replica_questions, ASK_QUESTIONS)
                        : err;
}

static bool is_same_file(const struct replica_reader *r, const struct stat *st)
{
    return st->st_ino == r->file.st_ino && st->st_dev == r->file.st_dev;
}

/* Makes sure that the connection is to the file that now has the name. */
static enum gh_err ensure_connected(struct replica_reader *r)
{
    int64_t now = now_ms();
    struct stat st;
    if (now < r->next_look_ms)
        return r->db ? GH_OK : r->missing;
    r->next_look_ms = now + LOOK_MS;
    bool exists = stat(r->path, &st) == 0;
    if (r->db && exists && is_same_file(r, &st))
        return GH_OK;
    disconnect(r);
    r->missing = GH_RETRY;
    if (!exists)
        return GH_RETRY;
    r->file = st;
    enum gh_err err = connect_file(r);
    if (err != GH_OK) {
        disconnect(r);
        r->missing = err;
    }
    return err;
}

/* A connection that failed is not asked again; a locked file is no failure, and a damaged
 * page fails the questions that need it and no others. What was kept half-way is
 * forgotten. */
static enum gh_err end(struct replica_reader *r, enum gh_err err)
{
    if (err != GH_OK)
        replica_facts_forget(&r->facts);
    if (!sqlite3_get_autocommit(r->db)) {
        enum gh_err ended = db_run(r->facts.s[ASK_COMMIT]);
        if (err == GH_OK)
            err = ended;
    }
    if (err == GH_IO || !sqlite3_get_autocommit(r->db)) {
        disconnect(r);
        r->missing = err == GH_OK ? GH_IO : err;
    }
    return err;
}

static enum gh_err start(struct replica_reader *r)
{
    enum gh_err err = ensure_connected(r);
    if (err == GH_OK)
        err = db_run(r->facts.s[ASK_BEGIN]);
    if (err != GH_OK)
        return err;
    err = replica_facts_refresh(&r->facts);
    return err == GH_OK ? GH_OK : end(r, err);
}

static enum gh_err ask_once(struct replica_reader *r, const struct policy_query *query,
                            struct policy_facts *out)
{
    struct replica_facts *f = &r->facts;
    *out = (struct policy_facts){.is_available = false};
    enum gh_err err = replica_facts_policy(f, out);
    if (err == GH_OK)
        err = replica_facts_reader(f, query->reader, out);
    if (err == GH_OK && out->reader_known && query->value_hash)
        err = replica_facts_people(f, query, out);
    if (err == GH_OK && out->door_known && out->holder.person_known)
        err = replica_facts_paths(f, out);
    return err;
}

static enum gh_err look_once(struct replica_reader *r, const struct id *door,
                             struct policy_facts *out)
{
    *out = (struct policy_facts){.is_available = false};
    enum gh_err err = replica_facts_policy(&r->facts, out);
    return err == GH_OK ? replica_facts_door(&r->facts, door, out) : err;
}

static enum gh_err ask(void *self, const struct policy_query *query, struct policy_facts *out)
{
    struct replica_reader *r = self;
    out->is_available = false;
    enum gh_err err = start(r);
    if (err != GH_OK)
        return err;
    replica_pool_empty(&r->facts.answer);
    err = ask_once(r, query, out);
    if (err == GH_FULL) { /* too much was kept: once more with nothing */
        replica_facts_forget(&r->facts);
        err = ask_once(r, query, out);
    }
    err = end(r, err);
    out->is_available = err == GH_OK;
    out->generation = r->facts.generation;
    return err;
}

static enum gh_err look(void *self, const struct id *door, struct policy_facts *out)
{
    struct replica_reader *r = self;
    out->is_available = false;
    enum gh_err err = start(r);
    if (err != GH_OK)
        return err;
    err = look_once(r, door, out);
    if (err == GH_FULL) {
        replica_facts_forget(&r->facts);
        err = look_once(r, door, out);
    }
    err = end(r, err);
    out->is_available = err == GH_OK;
    out->generation = r->facts.generation;
    return err;
}

static enum gh_err readers_once(struct replica_reader *r, const struct id *door,
                                void (*each)(void *context, const struct id *reader),
                                void *context)
{
    DB_RESETS sqlite3_stmt *s = r->facts.s[ASK_READERS_OF];
    bool row = false;
    enum gh_err err = db_bind_text(s, 1, slice_of(door->s));
    if (err == GH_OK)
        err = db_bind_int(s, 2, POLICY_READERS_MAX);
    while (err == GH_OK && (err = db_step(s, &row)) == GH_OK && row) {
        struct id reader;
        err = id_set(&reader, db_column(s, 0)) == GH_OK ? GH_OK : GH_CORRUPT;
        if (err == GH_OK)
            each(context, &reader);
    }
    return err;
}

static enum gh_err readers_of(void *self, const struct id *door,
                              void (*each)(void *context, const struct id *reader), void *context)
{
    struct replica_reader *r = self;
    enum gh_err err = start(r);
    return err == GH_OK ? end(r, readers_once(r, door, each, context)) : err;
}

static uint64_t generation(void *self)
{
    struct replica_reader *r = self;
    if (start(r) == GH_OK && end(r, GH_OK) != GH_OK)
        return ++r->facts.generation;
    return r->facts.generation;
}

static enum gh_err version(void *self, struct policy_version *out)
{
    struct replica_reader *r = self;
    struct policy_facts facts = {.is_available = false};
    enum gh_err err = start(r);
    if (err == GH_OK)
        err = end(r, replica_facts_policy(&r->facts, &facts));
    if (err == GH_OK)
        *out = facts.version;
    return err;
}

static int64_t age_s(void *self, const struct policy_version *version, struct wall now)
{
    (void)self;
    return access_policy_age_s(version, now);
}

struct policy_store replica_reader_port(struct replica_reader *r)
{
    static const struct policy_store_ops ops = {.ask = ask,
                                                .look = look,
                                                .readers_of = readers_of,
                                                .generation = generation,
                                                .version = version,
                                                .age_s = age_s};
    return (struct policy_store){&ops, r};
}

enum gh_err replica_reader_dialect(struct replica_reader *r, enum dialect *out)
{
    struct policy_facts facts = {.is_available = false};
    enum gh_err err = start(r);
    if (err == GH_OK)
        err = end(r, replica_facts_policy(&r->facts, &facts));
    if (err == GH_OK)
        *out = facts.site.dialect;
    return err;
}
