/* Questions to the replica: facts from rows, checked as they are read. To be called
 * inside a read transaction.
 *
 * What belongs to the building (site, holidays, doors, readers, groups, schedules,
 * entitlements) is read once and kept until the file changes; people and their
 * credentials are asked for each time. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_FACTS_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_FACTS_H

#include "db.h"
#include "ports/policy_store.h"
#include "replica_pool.h"

enum replica_question {
    ASK_BEGIN,
    ASK_COMMIT,
    ASK_DATA_VERSION,
    ASK_VERSION,
    ASK_SITE,
    ASK_HOLIDAYS,
    ASK_DOOR,
    ASK_READER,
    ASK_READER_AREAS,
    ASK_READERS_OF,
    ASK_SCHEDULE,
    ASK_RULES,
    ASK_GEOFENCE,
    ASK_MODES,
    ASK_LOCKDOWN,
    ASK_INTERLOCK,
    ASK_GROUP,
    ASK_CREDENTIAL,
    ASK_PERSON,
    ASK_MEMBERSHIPS,
    ASK_SUBJECT,
    ASK_PLACES,
    ASK_LEADS,
    ASK_ENTITLEMENT,
    ASK_QUESTIONS
};
extern const char *const replica_questions[ASK_QUESTIONS];

/* --- what is kept ------------------------------------------------------------------ */

/* Things of each sort that are kept at a time; past that all are read anew. */
#define REPLICA_KEPT_MAX 8192

enum kept_sort { KEPT_DOOR, KEPT_READER, KEPT_SCHEDULE, KEPT_GROUP, KEPT_ENTITLEMENT, KEPT_SUBJECT };
#define KEPT_SORTS 6

struct kept_entitlement {
    struct entitlement_facts facts; /* membership not set */
    bool counts;                    /* it exists, is enabled and not denied */
};

/* Entitlements of a subject that many share: everyone, a group, a tag, a type. */
struct kept_subject {
    uint32_t *entitlement; /* numbers of kept entitlements */
    size_t n;
};

struct kept_group {
    bool exists;
    bool antipassback_exempt;
    struct id_list floors;
    struct kept_subject has;
};

struct kept_door {
    bool exists;
    struct door_facts facts;
    /* By number of an entitlement: whether it is known if it leads through this
     * door, and whether it does. */
    uint64_t known[REPLICA_KEPT_MAX / 64], leads[REPLICA_KEPT_MAX / 64];
};

struct kept_reader {
    bool exists;
    struct reader_facts facts;
};

struct kept_thing {
    struct kept_thing *next; /* in its bucket */
    enum kept_sort sort;
    uint32_t hash;
    uint32_t number; /* of its sort, from 0 */
    void *what;      /* the struct of its sort; a struct hours for a schedule */
    char key[];      /* zero-terminated */
};

#define KEPT_BUCKETS 4096

struct replica_kept {
    struct replica_pool pool;
    struct kept_thing *bucket[KEPT_BUCKETS];
    uint32_t n[KEPT_SORTS];
    struct kept_entitlement *entitlement[REPLICA_KEPT_MAX]; /* by number */
    bool has_policy; /* what follows is set */
    struct policy_version version;
    struct policy_site site;
    struct holiday_list holidays;
};

struct replica_facts {
    sqlite3_stmt *s[ASK_QUESTIONS];
    int64_t data_version;        /* of what is kept */
    uint64_t generation;         /* counts changes of it */
    struct replica_kept *kept;   /* owned */
    struct replica_pool answer;  /* for the lists of one answer */
};

GH_MUST_CHECK enum gh_err replica_facts_open(struct replica_facts *f);
/* Frees the lists; the statements are the connection's. */
void replica_facts_free(struct replica_facts *f);
/* Forgets what is kept. */
void replica_facts_forget(struct replica_facts *f);
/* Forgets it if the file has changed since. */
GH_MUST_CHECK enum gh_err replica_facts_refresh(struct replica_facts *f);

/* All: GH_CORRUPT when a stored value is impossible; GH_RETRY, GH_IO. */

/* Version, site and holidays. GH_RETRY: there is no checkpoint or no site row yet. */
GH_MUST_CHECK enum gh_err replica_facts_policy(struct replica_facts *f, struct policy_facts *out);
/* Fills door_known and door (replica_door.c). */
GH_MUST_CHECK enum gh_err replica_facts_door(struct replica_facts *f, const struct id *door,
                                             struct policy_facts *out);
/* Fills reader_known, reader, and what _door does (replica_door.c). */
GH_MUST_CHECK enum gh_err replica_facts_reader(struct replica_facts *f, const struct id *reader,
                                               struct policy_facts *out);
/* Fills holder, pin, duress_pin (replica_people.c). */
GH_MUST_CHECK enum gh_err replica_facts_people(struct replica_facts *f,
                                               const struct policy_query *query,
                                               struct policy_facts *out);
/* Fills entitlements and the holder's groups, for holder and door (replica_paths.c). */
GH_MUST_CHECK enum gh_err replica_facts_paths(struct replica_facts *f, struct policy_facts *out);

/* --- parts --------------------------------------------------------------------------- */

/* A kept thing; *what NULL if it is not there. */
void *replica_kept_find(const struct replica_facts *f, enum kept_sort sort, const char *key,
                        uint32_t *number);
/* Keeps a new thing of size bytes, zeroed. GH_FULL: too many of the sort; GH_IO. */
GH_MUST_CHECK enum gh_err replica_kept_add(struct replica_facts *f, enum kept_sort sort,
                                           const char *key, size_t size, void **what,
                                           uint32_t *number);

/* The windows of a schedule; "" = always. missing: what a schedule that does not
 * exist stands for: false = never, true = always. */
GH_MUST_CHECK enum gh_err replica_facts_hours(struct replica_facts *f, const char *schedule,
                                              bool missing, struct hours *out);

/* Columns. Nothing that the writer could not have stored is believed: GH_CORRUPT. */
GH_MUST_CHECK enum gh_err replica_column_small(sqlite3_stmt *s, int i, int min, int max, int *out);
GH_MUST_CHECK enum gh_err replica_column_flag(sqlite3_stmt *s, int i, bool *out);
GH_MUST_CHECK enum gh_err replica_column_id(sqlite3_stmt *s, int i, struct id *out);
GH_MUST_CHECK enum gh_err replica_column_id_or_none(sqlite3_stmt *s, int i, struct id *out);
GH_MUST_CHECK enum gh_err replica_column_text(sqlite3_stmt *s, int i, char *out, size_t size);
GH_MUST_CHECK enum gh_err replica_column_instant(sqlite3_stmt *s, int i, int64_t *out);
/* Two columns, from i on; NULL = unbounded. */
GH_MUST_CHECK enum gh_err replica_column_validity(sqlite3_stmt *s, int i, struct validity *out);
/* Lists (sql/replica.sql); they live in the pool. */
GH_MUST_CHECK enum gh_err replica_column_floors(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                                struct id_list *out);
GH_MUST_CHECK enum gh_err replica_column_words(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                               struct word_list *out);
GH_MUST_CHECK enum gh_err replica_column_types(sqlite3_stmt *s, int i, struct replica_pool *pool,
                                               const struct type_rule **out, size_t *n);

/* Asks a question by one text. */
GH_MUST_CHECK enum gh_err replica_ask_by(sqlite3_stmt *s, const char *text, bool *row);

#endif
