/* A fault campaign: real programs, faults drawn from a seed, and judges that stand outside
 * the process: the reader's answers, the relays of the simulated board, the events at the cloud.
 *
 * The program of a campaign takes its numbers from the environment:
 *
 *   GATEHOUSE_SEED=N    what is drawn; without it, the clock. It is printed
 *   GATEHOUSE_COUNT=N   how many faults; without it, the short form's
 *   GATEHOUSE_ONLY=NAME of "link": that fault alone, such as kill_broker
 *
 * and runs first the campaign with the programs in $BUILD, then once with each build that is
 * known to be bad ($BUILD/bad/NAME, made by tests/campaigns/known-bad): those must be found out. */
#ifndef TESTS_CAMPAIGNS_CAMPAIGN_H
#define TESTS_CAMPAIGNS_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAMPAIGN_BADS_MAX 6

struct campaign {
    const char *name;
    uint64_t seed;
    uint64_t random; /* the generator's state; never 0 */
    int count;
    int wrong;      /* what was found so far */
    bool is_bad;    /* one find is enough */
};

struct campaign_bad {
    const char *name; /* of the build; NULL ends the list */
    int count;        /* faults that must be enough */
};

struct campaign_kind {
    const char *name;
    int count; /* of the short form */
    /* Plays it and tells what it finds with campaign_wrong. False: it could not be played, which
     * is no find. */
    bool (*play)(struct campaign *c);
    struct campaign_bad bad[CAMPAIGN_BADS_MAX];
};

/* The whole program: a cmocka group. */
int campaign_main(int argc, char **argv, const struct campaign_kind *kind);

/* Something that must never be. The first few are printed. */
void campaign_wrong(struct campaign *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Nothing more needs to be tried. */
bool campaign_is_over(const struct campaign *c);
/* A line of figures for the report. */
void campaign_say(const struct campaign *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A step without which it cannot be played: its value, and a line where that is false. */
#define CAMPAIGN_STEP(step) campaign_step((step), #step)
bool campaign_step(bool is_done, const char *step);

/* 0 .. n-1, n > 0. */
uint32_t campaign_draw(struct campaign *c, uint32_t n);
/* True in percent of 100. */
bool campaign_chance(struct campaign *c, uint32_t percent);

#endif
