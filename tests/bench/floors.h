/* The other floors: a durable commit, a call to the cloud, the memory of a bare
 * client. */
#ifndef GATEHOUSE_TESTS_BENCH_FLOORS_H
#define GATEHOUSE_TESTS_BENCH_FLOORS_H

#include <sqlite3.h>
#include <sys/types.h>

#include "bench/series.h"
#include "lib/folder.h"
#include "lib/site.h"

/* A database beside the state folder, with a table as plain as can be. */
struct commit_floor {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

bool commit_floor_open(struct commit_floor *f, const struct folder *folder);
void commit_floor_close(struct commit_floor *f);
/* So many commits (WAL, synchronous=FULL) of one row of an event's size each. */
bool commit_floor_round(struct commit_floor *f, int commits, struct series *times);

/* A kept-alive connection to the site's cloud. */
struct cloud_link;
struct cloud_link *cloud_link_open(struct site *site);
void cloud_link_close(struct cloud_link *link);
/* So many GETs of something small that is answered at once. */
bool cloud_link_round(struct cloud_link *link, int calls, struct series *times);
/* Puts rows into the policy. */
bool cloud_link_put(struct cloud_link *link, const char *ndjson);

/* Resident memory of a process in MiB, now (VmRSS) and at its most (VmHWM); 0 if it cannot be
 * read. */
double floors_resident_mib(pid_t pid);
double floors_peak_mib(pid_t pid);

#endif
