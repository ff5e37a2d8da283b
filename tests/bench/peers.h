/* Peers: what a user would otherwise take, measured beside Gatehouse, in turn with it and with
 * the floors, where it is installed. What is absent is named, with the reason; nothing is
 * fetched or built for it.
 *
 * gateway/BENCHMARKS.md says what each of them does not do. */
#ifndef GATEHOUSE_TESTS_BENCH_PEERS_H
#define GATEHOUSE_TESTS_BENCH_PEERS_H

#include "bench/series.h"
#include "bench/table.h"

#define PEERS_SIZES 2 /* 1,000 credentials and 100,000 */

struct peer_memory {
    double rss_mib, pss_mib; /* of one process, after the reads */
};

/* Everything at one number of credentials; series that do not apply stay empty. */
struct peers_size {
    int people;                         /* a card each */
    struct series echo, echo_16, commit; /* floors, in turn with all of these */
    struct series our_relay, our_feedback, our_relay_16, our_feedback_16, our_start;
    /* Node-RED with TCP_NODELAY, and with sockets as it leaves them */
    struct series decided, relay, feedback, relay_16, feedback_16, start;
    struct series plain_decided, plain_relay, plain_feedback;
    struct series tone, green; /* Earl */
    double our_per_s, per_s; /* reads answered with 64 under way; ours, Node-RED's */
    struct peer_memory our_memory, our_syncd_memory, memory, earl_memory;
};

struct peers {
    char node_red_version[96];
    char node_red_absent[200], earl_absent[200]; /* why; "" = measured */
    struct peers_size size[PEERS_SIZES];
};

struct peers_amount {
    int rounds, reads;       /* of each round */
    int plain_reads, bursts; /* with sockets as Node-RED leaves them; of 16 at once */
    int flood, starts;
    int people[PEERS_SIZES]; /* 0 = none */
};

extern const struct peers_amount peers_full, peers_quick; /* quick: not to quote */

/* False (said) if a peer that is there could not be measured: then none is shown. That is no
 * fault of ours, and the rest of a bench stands without it. */
bool peers_measure(struct peers *out, const struct peers_amount *amount);
void peers_show(struct table *table, const struct peers *peers);

#endif
