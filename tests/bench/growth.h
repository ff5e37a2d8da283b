/* How a read's way grows: with the credentials, with how many present themselves at once, and with
 * what else the box has to do. */
#ifndef GATEHOUSE_TESTS_BENCH_GROWTH_H
#define GATEHOUSE_TESTS_BENCH_GROWTH_H

#include <stdbool.h>

#include "bench/series.h"
#include "bench/table.h"

#define GROWTH_CARDS 4 /* of each person */
#define GROWTH_SIZES 4

enum growth_load { LOAD_NONE, LOAD_SNAPSHOT, LOAD_BACKLOG, LOAD_BOTH, LOAD_COUNT };
#define GROWTH_CROWDS 3 /* 1, 16 and 64 readers at once */

struct growth_amount {
    int people[GROWTH_SIZES]; /* ascending; 0 = no such size */
    int rounds, commits, backlog;
    int times[GROWTH_CROWDS]; /* a round: so often that many at once */
};

struct growth_cell {
    struct series relay, feedback;
    int snapshots; /* that came into force meanwhile */
};

struct growth_size {
    struct series echo[GROWTH_CROWDS], commit; /* in turns with the cells without a load */
    struct growth_cell cell[LOAD_COUNT][GROWTH_CROWDS];
    double daemon_mib, syncd_mib;           /* at their most */
    double journal_wal_mib, replica_wal_mib; /* the longest that were seen */
    double replica_mib;
};

struct growth {
    struct growth_size size[GROWTH_SIZES];
};

/* False (said) if it could not be measured. */
bool growth_measure(struct growth *out, const struct growth_amount *amount);
void growth_show(struct table *table, const struct growth *growth, const struct growth_amount *amount);
/* The same as columns for a plot; the first line names them. False (said) if it cannot be written. */
bool growth_write(const char *path, const struct growth *growth, const struct growth_amount *amount);
/* Draws that file: growth-credentials.svg and growth-load.svg in the folder. Without gnuplot it only
 * says so. False (said): gnuplot failed. */
bool growth_draw(const char *path, const char *folder);
/* What is measured can be let go. */
void growth_free(struct growth *growth);

#endif
