/* The journal on disk: journal.db, journal.tail and the threads between them.
 *
 * An append writes one record into journal.tail, a preallocated file, and
 * returns: the operating system has it, so a kill of the process cannot lose
 * it. One thread syncs the tail at once: then the event is durable. Another moves
 * records into journal.db, many in one transaction, some 50 ms later; only that one
 * writes there or checkpoints. What the database does not have at start is taken
 * over from the tail. Where the tail fails, the database makes events durable; where
 * the database fails, the tail goes on alone until it is full. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_DB_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_DB_H

#include "core/event.h"
#include "core/slice.h"
#include "ports/journal.h"

struct journal_db;

/* The device's secret hand on a short text; the key is not in the database. Called from any
 * thread. seal NULL: nothing is sealed. */
#define JOURNAL_SEAL_BYTES 32
struct journal_seal {
    void (*seal)(void *context, unsigned char out[JOURNAL_SEAL_BYTES], struct slice text);
    void *context; /* borrowed for the life of the journal */
};

struct journal_db_options {
    const char *folder;    /* holds journal.db and journal.tail; borrowed for the call */
    uint64_t max_events;   /* cap; the oldest go when it is reached; >= 1000 */
    size_t tail_bytes;     /* size of the tail file; >= 64 KiB */
    uint64_t boot_id_hash; /* tells boots apart: mono times compare within one only */
    struct journal_seal seal; /* of where events begin once the cap took some away */
};

/* Opens or creates the journal and takes over what the tail holds. Returns
 * owned in *out. GH_CORRUPT: journal.db is not ours or is damaged, or lacks events that
 * the cloud has acknowledged; GH_IO. why
 * gets one line for a person. */
GH_MUST_CHECK enum gh_err journal_db_open(struct journal_db **out,
                                          const struct journal_db_options *options,
                                          char *why, size_t why_size);

/* Whether opening it reads or rewrites all of it, which may take a minute: it is suspected of
 * damage, or of a layout from before. */
bool journal_db_opens_slowly(const char *folder);

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

/* Waits until a reader of journal.db sees what was appended before the call: half a second at
 * most, and not while it cannot be written. Any thread but the one that appends. */
void journal_db_settle(struct journal_db *db);

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

/* A reader met damage in journal.db, where no transaction may ever look: it is a fault, told
 * once, and the next start looks through the file. Any thread. */
void journal_db_met_damage(struct journal_db *db);

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
/* Where the events should begin, and how far the cloud has acknowledged them. first.seq: 1 if the
 * cap never took one away, and then has_seal is false; else seal should be that of text. */
struct journal_first {
    uint64_t seq, acked_seq;
    bool has_seal;
    unsigned char seal[JOURNAL_SEAL_BYTES];
    char text[96];
};
GH_MUST_CHECK enum gh_err journal_reader_first(struct journal_reader *r, struct journal_first *out);
void journal_reader_close(struct journal_reader *r);

/* Moves everything to the database, syncs, stops the thread, frees. */
void journal_db_close(struct journal_db *db);

#endif
