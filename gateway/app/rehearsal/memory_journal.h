/* A journal in memory, for rehearsals: everything is durable at once, and stays
 * for the next controller on it. */
#ifndef GATEHOUSE_APP_REHEARSAL_MEMORY_JOURNAL_H
#define GATEHOUSE_APP_REHEARSAL_MEMORY_JOURNAL_H

#include "ports/journal.h"

struct memory_journal;

/* Returns owned; NULL when out of memory. */
struct memory_journal *memory_journal_open(void);
struct journal memory_journal_port(struct memory_journal *j);

/* The events since the last call of memory_journal_forget: how many, and the
 * bytes of the i-th, borrowed until the next append or forget. Forgets neither
 * repeats nor what is kept. */
size_t memory_journal_count(const struct memory_journal *j);
struct slice memory_journal_event(const struct memory_journal *j, size_t i);
void memory_journal_forget(struct memory_journal *j);

void memory_journal_close(struct memory_journal *j);

#endif
