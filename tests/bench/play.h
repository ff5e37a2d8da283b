/* Reads played against a whole site, timed from outside: at the simulated board
 * and at the reader.
 *
 * There is one reader to a door and PLAY_DOORS doors, so that each read of a round can
 * release a locked door: a relay that is released already does not change. All
 * persons may pass all doors, on a schedule that is always open. */
#ifndef GATEHOUSE_TESTS_BENCH_PLAY_H
#define GATEHOUSE_TESTS_BENCH_PLAY_H

#include "bench/series.h"
#include "bench/wires.h"
#include "lib/site.h"

#define PLAY_DOORS (WIRES_MAX * WIRES_READERS)

struct play {
    struct site site;
    int people;
    int cards;                     /* of each person */
    int relay[PLAY_DOORS];         /* of the door, at the board */
    int64_t locked_ns[PLAY_DOORS]; /* when it is locked again for certain */
    struct wires wires;
    unsigned reads; /* so far */
    int turn;       /* the door whose turn it is */
};

struct play_times {
    struct series *relay, *feedback; /* from the publish */
};

/* Broker, cloud with the policy, gatehoused, the readers; syncd is not started. */
bool play_open(struct play *play, int people, int cards);
void play_close(struct play *play);
/* Rows of the policy. */
long play_rows(const struct play *play);
/* Starts syncd and waits until the policy is in gatehoused's hands (at most PLAY_SYNC_MS):
 * *seconds. */
#define PLAY_SYNC_MS 180000
bool play_sync(struct play *play, double *seconds);
/* After gatehoused was started again. */
bool play_find_relays(struct play *play);

/* So many cards (1, or a divisor of WIRES_MAX) are presented at once, each by another client at
 * a locked door; then the answers and the relays are waited for. False if a read
 * was not granted. */
bool play_present(struct play *play, int at_once, const struct play_times *times);
/* A round of that: so many times, then series_end_round. */
bool play_round(struct play *play, int at_once, int times, const struct play_times *series);
/* Presents one card at any door; 1 granted, 0 denied, -1 no answer. */
int play_ask(struct play *play, int person);
/* Waits until all doors are locked and forgets what the relays did: for after
 * play_ask and play_flood (which does it). */
bool play_settle(struct play *play);
/* So many reads as fast as they are answered, at most `window` unanswered. *per_s
 * gets the rate. */
bool play_flood(struct play *play, int reads, int window, double *per_s);

/* The rows of a person: enabled or not. */
void play_person(char *out, size_t size, int person, bool enabled);

/* Times from the start of gatehoused, killed before, to the first answer that a
 * reader has which presents a card every 5 ms. */
bool play_restart(struct play *play, struct series *times);

#endif
