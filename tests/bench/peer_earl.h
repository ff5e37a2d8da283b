/* Earl, the access controller of a hackerspace (noisebridge/rfid-access-control): it talks to
 * its terminals over serial lines, and here to one that we play at the other end of a
 * pseudo-terminal. No broker, no relay (it wants GPIO), no record but its log.
 *
 * It is driven where a user has it: GATEHOUSE_PEER_EARL is the program, and
 * GATEHOUSE_PEER_EARL_SALT what it puts in front of a code before it hashes it (a constant of
 * its hashAuthCode). */
#ifndef GATEHOUSE_TESTS_BENCH_PEER_EARL_H
#define GATEHOUSE_TESTS_BENCH_PEER_EARL_H

#include "bench/series.h"
#include "lib/folder.h"
#include "lib/process.h"

struct earl_terminal; /* the other end of its line */

struct earl {
    struct folder folder;
    struct process process;
    struct earl_terminal *terminal;
    long people;
    long reads; /* so far */
};

/* From the card at the terminal. */
struct earl_times {
    struct series *tone;  /* it is told to sound: the verdict */
    struct series *green; /* its lamp turns green: the door has been asked to open */
};

/* Why it cannot be measured here, in one line; false when it can. */
bool earl_is_absent(char why[200]);

/* Its file with so many people with a card each, the program, the terminal that it has found.
 * False (said) if it does not come up. */
bool earl_open(struct earl *e, long people);
void earl_close(struct earl *e);
/* So many cards, one after another; then series_end_round. */
bool earl_round(struct earl *e, int times, const struct earl_times *to);

#endif
