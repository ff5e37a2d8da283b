/* The policy of each site: rows, their versions, and the digest over them. */
#ifndef CLOUD_STORE_H
#define CLOUD_STORE_H

#include <stdint.h>

#include "db.h"
#include "digest.h"

enum {
    STORE_LINE_MAX = 64 * 1024, /* bytes of one row */
    STORE_KEEP_REVS = 1000      /* how far back changes and snapshots reach */
};

enum store_result { STORE_OK, STORE_NONE, STORE_REFUSED, STORE_FAILED };

/* Where a site's policy stands. */
struct site {
    int64_t epoch;       /* rises when gateways have to start anew */
    int64_t rev;         /* rises with each change, also over epochs */
    int64_t serial;      /* rises with each checkpoint issued, also of the same rev */
    int64_t issued_at_s; /* Unix time of the newest checkpoint */
    int64_t rows;
    int64_t floor;       /* the oldest rev that changes and snapshots reach back to */
    char digest[DIGEST_HEX + 1];
};

/* One version of one row. All of it is borrowed, for the time of the call. */
struct version {
    const char *k;
    const char *id;
    struct bytes line; /* as it was put; a removal's is {"k","id","op":"del"} */
    int64_t rev;
    int deny; /* 0 no, 1 switched off, 2 removed */
};

/* false stops the walk, which then returns STORE_FAILED. */
typedef bool version_fn(void *context, const struct version *v);

/* STORE_NONE: there is no such site. */
enum store_result store_site(sqlite3 *db, const char *site, struct site *out);

/* Applies NDJSON lines, each a row {"k","id","d":{…}} or a removal
 * {"k","id","op":"del"}, in one transaction as one new rev with a checkpoint
 * issued at now_s; makes the site if need be. Durable on return.
 * STORE_REFUSED with one line in why: nothing changed. */
enum store_result store_put(sqlite3 *db, const char *site, int64_t now_s, struct bytes lines,
                            char why[256]);

/* Issues a fresh checkpoint of the same rev. */
enum store_result store_issue(sqlite3 *db, const char *site, int64_t now_s);
/* Starts a new epoch with the same rows: every cursor of the old one is void. */
enum store_result store_new_epoch(sqlite3 *db, const char *site, int64_t now_s);
/* Forgets how the policy came about: every cursor before this rev is too old. */
enum store_result store_forget(sqlite3 *db, const char *site);

/* Walks the whole policy at rev (from floor to the newest), by kind and id. */
enum store_result store_policy(sqlite3 *db, const char *site, int64_t rev, version_fn *each,
                               void *context);
/* Sets rev, rows and digest of *s to what they were at rev (from floor to the newest; 0 = before
 * there was any row). Reads the whole policy. */
enum store_result store_rewind(sqlite3 *db, const char *site, int64_t rev, struct site *s);
/* Walks all changes after rev since, in the order in which they were made. */
enum store_result store_changes(sqlite3 *db, const char *site, int64_t since, int64_t to,
                                version_fn *each, void *context);
/* Walks those of them that take something away and still hold. */
enum store_result store_denials(sqlite3 *db, const char *site, int64_t since, version_fn *each,
                                void *context);
/* How many changes there are after rev since; -1 on failure. */
int64_t store_count_changes(sqlite3 *db, const char *site, int64_t since);

#endif
