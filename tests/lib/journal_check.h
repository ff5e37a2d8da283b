/* Events whose bytes follow from their number, so that a test can tell whether
 * a journal holds exactly what was appended. */
#ifndef TESTS_LIB_JOURNAL_CHECK_H
#define TESTS_LIB_JOURNAL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/sqlite/journal_db.h"

/* Tail size of journals opened here: the smallest there is, so that its ends
 * are met often. */
#define JOURNAL_CHECK_TAIL 65536

/* Opens the journal in the folder; NULL (and one line) if it cannot. */
struct journal_db *journal_check_open(const char *folder, uint64_t max_events, uint64_t boot);

/* The event of that number: at least 30 and at most 30 + spread bytes. */
struct slice journal_check_event(char out[EVENT_JSON_MAX], uint64_t seq, unsigned spread);

/* Appends the next event, with a repeat record if not NULL. */
enum gh_err journal_check_append(struct journal_db *db, unsigned spread,
                                 const struct repeat *repeat);

/* Appends the next event, of number n, with changes that are told by n alone, so
 * that what is kept follows from the number of the newest event; then, with
 * `note`, keeps without an event that n was there. */
enum gh_err journal_check_append_kept(struct journal_db *db, unsigned spread, bool note);

/* True if what is kept is exactly what those appends up to number `newest` make
 * of it, where the note is of one from note_min to newest (0 = of none).
 * Otherwise one line on standard error. */
bool journal_check_kept(struct journal_db *db, uint64_t newest, uint64_t note_min);

/* Reads the events of journal.db in the folder. True if they are exactly
 * from..to, in order, with the right bytes; except..except_to (0 = none) are
 * missing. Otherwise one line on standard error. */
bool journal_check_holds(const char *folder, uint64_t from, uint64_t to, unsigned spread,
                         uint64_t except, uint64_t except_to);

/* Number of the newest event in journal.db; 0 if there is none. */
uint64_t journal_check_newest(const char *folder);

/* Waits (WAIT_MS) on journal_db_fd until durable() has reached seq. */
bool journal_check_durable(struct journal_db *db, uint64_t seq);
/* The same, and then until the database has it as well, where it can be written. */
bool journal_check_stored(struct journal_db *db, uint64_t seq);

/* Waits (WAIT_MS) until journal_db_trouble has something; takes it. */
bool journal_check_trouble(struct journal_db *db, struct journal_trouble *out);

#endif
