/* One question to the replica: facts from rows, checked as they are read.
 * To be called inside a read transaction. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_FACTS_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_FACTS_H

#include "db.h"
#include "ports/policy_store.h"

enum replica_question {
    ASK_BEGIN,
    ASK_COMMIT,
    ASK_VERSION,
    ASK_SITE,
    ASK_DOOR,
    ASK_READER,
    ASK_CREDENTIAL,
    ASK_PERSON,
    ASK_PLACES,
    ASK_SUBJECTS,
    ASK_ENTITLEMENT,
    ASK_HOLIDAYS,
    ASK_QUESTIONS
};
extern const char *const replica_questions[ASK_QUESTIONS];

/* An entitlement that somebody has, and the dates of the membership by which. */
struct replica_candidate {
    struct id id;
    struct validity membership;
    bool at_door; /* it leads through the door in question */
};

/* What the answers need: the statements, and the lists that they point to,
 * which grow to the largest answer and then stay. */
struct replica_facts {
    sqlite3_stmt *s[ASK_QUESTIONS];
    struct replica_candidate *candidates; /* owned */
    size_t n_candidates, candidates_room;
    struct path_facts *paths; /* owned */
    size_t n_paths, paths_room;
    struct schedule_window *windows; /* owned */
    size_t n_windows, windows_room;
    struct policy_holiday *holidays; /* owned */
    size_t n_holidays, holidays_room;
    struct day_span *spans; /* owned */
    size_t n_spans, spans_room;
};
/* Frees the lists; the statements are the connection's. */
void replica_facts_free(struct replica_facts *f);

/* All: GH_CORRUPT when a stored value is impossible; GH_RETRY, GH_IO. Only what
 * the name says is filled in. */

/* GH_RETRY: no checkpoint was applied yet. */
GH_MUST_CHECK enum gh_err replica_facts_version(struct replica_facts *f,
                                                struct policy_version *out);
/* GH_RETRY: there is no site row. */
GH_MUST_CHECK enum gh_err replica_facts_site(struct replica_facts *f, struct policy_site *out);
/* Fills door_id, door_known and door. */
GH_MUST_CHECK enum gh_err replica_facts_door(struct replica_facts *f, const struct id *door,
                                             struct access_facts *out);
/* Fills reader_known, reader and what _door does. */
GH_MUST_CHECK enum gh_err replica_facts_reader(struct replica_facts *f, const struct id *reader,
                                               struct access_facts *out);
/* Fills all that has to do with the credential and its person. */
GH_MUST_CHECK enum gh_err replica_facts_credential(struct replica_facts *f,
                                                   const struct policy_query *query,
                                                   struct access_facts *out);
/* Fills paths, for the credential, person and door found. In replica_paths.c. */
GH_MUST_CHECK enum gh_err replica_facts_paths(struct replica_facts *f, struct access_facts *out);

/* Fills holidays. In replica_holidays.c. */
GH_MUST_CHECK enum gh_err replica_facts_holidays(struct replica_facts *f, struct access_facts *out);

/* Returns the list, with room for one more than n; NULL when out of memory, and
 * the list is as it was. */
void *replica_with_room(void *list, size_t *room, size_t n, size_t size);

/* Columns. Nothing that the writer could not have stored is believed: GH_CORRUPT. */
GH_MUST_CHECK enum gh_err replica_column_small(sqlite3_stmt *s, int i, int min, int max, int *out);
GH_MUST_CHECK enum gh_err replica_column_flag(sqlite3_stmt *s, int i, bool *out);
GH_MUST_CHECK enum gh_err replica_column_id(sqlite3_stmt *s, int i, struct id *out);
/* Two columns, from i on; NULL = unbounded. */
GH_MUST_CHECK enum gh_err replica_column_validity(sqlite3_stmt *s, int i, struct validity *out);

#endif
