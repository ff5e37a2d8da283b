/* Events that wait for the cloud: written into a site's journal by the product's own recorder and
 * journal, since a flood of reads would take a minute for as many. */
#ifndef GATEHOUSE_TESTS_BENCH_BACKLOG_H
#define GATEHOUSE_TESTS_BENCH_BACKLOG_H

#include "adapters/sqlite/journal_db.h"
#include "bench/play.h"
#include "core/event.h"
#include "core/id.h"

/* Stops syncd, and gatehoused while it writes. *newest: the number of the last event then. False
 * (said) if it cannot. */
bool backlog_make(struct play *play, int events, int64_t *newest);

/* A read's event: number n, at a door and reader of one name, decided so. */
struct event backlog_event(uint64_t n, const struct id *reader, bool granted);
/* Returns when the disk has the events up to seq. */
void backlog_wait_durable(struct journal_db *db, const struct journal *journal, uint64_t seq);

#endif
