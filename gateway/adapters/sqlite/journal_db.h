/* The journal on disk: journal.db, journal.tail and the thread between them.
 *
 * An append writes one record into journal.tail, a preallocated file, and
 * returns: the operating system has it, so a kill of the process cannot lose
 * it. A thread moves records into journal.db, many in one transaction, and
 * syncs; only that thread writes, checkpoints or waits for the disk. What the
 * database does not have at start is taken over from the tail. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_DB_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_DB_H

#include "core/event.h"
#include "core/slice.h"
#include "ports/journal.h"

struct journal_db;

struct journal_db_options {
    const char *folder;    /* holds journal.db and journal.tail; borrowed for the call */
    uint64_t max_events;   /* cap; the oldest go when it is reached; >= 1000 */
    size_t tail_bytes;     /* size of the tail file; >= 64 KiB */
    uint64_t boot_id_hash; /* tells boots apart: mono times compare within one only */
};

/* Opens or creates the journal and takes over what the tail holds. Returns
 * owned in *out. GH_CORRUPT: journal.db is not ours or is damaged; GH_IO. why
 * gets one line for a person. */
GH_MUST_CHECK enum gh_err journal_db_open(struct journal_db **out,
                                          const struct journal_db_options *options,
                                          char *why, size_t why_size);

/* The port; borrowed, lives until close. Its calls belong to one thread. */
struct journal journal_db_port(struct journal_db *db);

/* Readable (an eventfd, read it to clear) when durable() may have risen or
 * there is a new loss or fault to report; borrowed. */
int journal_db_fd(struct journal_db *db);

/* The bytes of the last event, to go on with the chain; len 0 in a new stream.
 * Only right after open. Borrowed until the first append. */
struct slice journal_db_last_event(struct journal_db *db);

/* Numbers for status and upload, as journal_ops.counts. Any thread. */
void journal_db_counts(struct journal_db *db, struct journal_counts *out);

/* The loss or fault that has not been recorded as an event yet; true if there
 * was one. range: unacknowledged events from..to were pushed out by the cap.
 * fault: one line, "" if none. Taken once. Loop thread. */
struct journal_trouble {
    bool has_range;
    uint64_t from, to;
    char fault[160];
    bool recovered; /* an earlier fault is over */
};
bool journal_db_trouble(struct journal_db *db, struct journal_trouble *out);

/* Notes that the cloud has everything up to seq in this stream. Lower than
 * before: ignored; above durable: GH_INVALID; another stream: GH_INVALID.
 * Any thread; durable later. */
GH_MUST_CHECK enum gh_err journal_db_ack(struct journal_db *db, struct slice stream, uint64_t seq);

/* A reader with a connection of its own, for one other thread. */
struct journal_reader;
GH_MUST_CHECK enum gh_err journal_reader_open(struct journal_reader **out, const char *folder);
/* Calls each for durable events with after < seq, in order, at most limit and
 * at most max_bytes of event bytes (the first always goes); each returns false
 * to stop. GH_OK also when there are none. GH_IO, GH_CORRUPT, GH_RETRY. */
GH_MUST_CHECK enum gh_err journal_reader_each(struct journal_reader *r, uint64_t after,
                                              uint64_t limit, size_t max_bytes,
                                              bool (*each)(void *context, uint64_t seq,
                                                           struct slice event),
                                              void *context);
/* Calls each for everything that is kept, as of the newest event in the database, all of
 * one moment; each returns false to stop. Slices are borrowed for that call. A journal of
 * the old layout keeps nothing. GH_IO, GH_CORRUPT, GH_RETRY. */
GH_MUST_CHECK enum gh_err journal_reader_kept(struct journal_reader *r,
                                              bool (*each)(void *context, struct slice key,
                                                           struct slice value),
                                              void *context);
void journal_reader_close(struct journal_reader *r);

/* Moves everything to the database, syncs, stops the thread, frees. */
void journal_db_close(struct journal_db *db);

#endif
