/* journal.db as its one writer sees it: transactions of appended records.
 *
 * One thread at a time. Any call inside a transaction that fails leaves the
 * transaction to be dropped; after GH_IO or GH_CORRUPT the store must be closed
 * and opened again, since a failed sync is final for its connection. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_STORE_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/event.h"
#include "core/slice.h"
#include "journal_db.h"
#include "journal_file.h"
#include "journal_record.h"

#define STORE_STREAM 32

struct journal_store;

struct store_state {
    char stream[STORE_STREAM + 1];
    uint64_t first_seq;  /* oldest event; 0 if none */
    uint64_t event_seq;  /* newest event; 0 if none */
    uint64_t newest_seq; /* newest number that is used up, by an event or a loss */
    uint64_t acked_seq;
    uint64_t lost_total;
    uint64_t moved_number; /* meta.kept_number: newest record that is here (tail.h); 0 = none */
    int layout;           /* of the file */
};

/* Opens folder/journal.db; with create it is made if it is missing or empty. A
 * file of an older layout is opened as it is; its first transaction gives it what
 * it lacks but for page sums (journal_file.h).
 * Returns owned in *out. GH_CORRUPT: not ours, damaged, of another version;
 * GH_NOT_FOUND: missing, without create; GH_FULL, GH_RETRY, GH_IO. */
GH_MUST_CHECK enum gh_err store_open(struct journal_store **out, const char *folder, bool create);
void store_close(struct journal_store *s); /* NULL is allowed */
/* What the cap takes away from here on is sealed. Copied. */
void store_seal_with(struct journal_store *s, const struct journal_seal *seal);

/* What is committed; inside a transaction: what will be. */
const struct store_state *store_state(const struct journal_store *s);

/* Copies the bytes of the newest event; *len 0 if there is none. */
GH_MUST_CHECK enum gh_err store_newest(struct journal_store *s, char out[EVENT_JSON_MAX],
                                       size_t *len);

/* Begins a transaction, which also upgrades the file if nothing is kept in it. */
GH_MUST_CHECK enum gh_err store_begin(struct journal_store *s);
/* Records what the record says. An event that is there already is skipped with
 * its repeat and its changes, changes without an event that are there already
 * are too (tail.h); numbers that an event leaves out are recorded as lost.
 * boot_ms: now, as milliseconds since the boot. */
GH_MUST_CHECK enum gh_err store_put(struct journal_store *s, const struct record *r,
                                    int64_t boot_ms);
/* Records the numbers up to this one, that are not used up yet, as lost. */
GH_MUST_CHECK enum gh_err store_lose_up_to(struct journal_store *s, uint64_t seq);
GH_MUST_CHECK enum gh_err store_ack(struct journal_store *s, uint64_t seq);
/* Notes that the loss that begins at this number has been recorded as an event. */
GH_MUST_CHECK enum gh_err store_told(struct journal_store *s, uint64_t from);
/* Takes the oldest events away if there are more than max, so that there is
 * some room again. What the cloud does not have is recorded as lost. */
GH_MUST_CHECK enum gh_err store_prune(struct journal_store *s, uint64_t max);
/* Forgets some of the repeats of this boot stored before boot_ms, or with
 * `others` some of those of earlier boots. *more: there may be more. */
GH_MUST_CHECK enum gh_err store_purge(struct journal_store *s, uint64_t boot, int64_t boot_ms,
                                      bool others, bool *more);
/* Durable on return. On failure nothing is, and the transaction is dropped. */
GH_MUST_CHECK enum gh_err store_commit(struct journal_store *s);
void store_drop(struct journal_store *s);

/* The oldest loss that has not been told; GH_NOT_FOUND if there is none. */
GH_MUST_CHECK enum gh_err store_untold(struct journal_store *s, uint64_t *from, uint64_t *to);

/* Looks at every page of the file. GH_CORRUPT; GH_IO. */
GH_MUST_CHECK enum gh_err store_scan(struct journal_store *s);

/* Pages in the write-ahead log after the last commit. */
int store_wal_pages(const struct journal_store *s);
/* Moves what it can from the write-ahead log into the database. GH_RETRY,
 * GH_FULL: not now, no harm done. */
GH_MUST_CHECK enum gh_err store_checkpoint(struct journal_store *s);

#endif
