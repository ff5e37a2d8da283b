/* Debounce of one input, as a machine without a clock: edges and readings in,
 * settled changes out. All times are nanoseconds of one clock.
 *
 * A disturbance begins with an edge and ends when no edge has come for the
 * debounce time; the level that held for that time is the settled one. So a
 * bounce shorter than the time never comes through, a level that lasts always
 * does, and an input that never rests keeps its last settled level. */
#ifndef HAL_DEBOUNCE_H
#define HAL_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#define DEBOUNCE_MS_MAX 1000

struct debounce {
    int64_t time_ns;
    bool settled; /* the level that everybody has been told */
    bool raw;     /* the level after the newest edge */
    bool busy;    /* a disturbance is going on; the rest is its */
    int64_t began_ns;
    int64_t due_ns; /* when it ends if no further edge comes */
};

/* A change of the settled level. */
struct debounce_change {
    bool level;
    int64_t began_ns; /* the edge that began the disturbance */
};

/* debounce_ms is 0..DEBOUNCE_MS_MAX; level is read from the line. */
void debounce_init(struct debounce *d, int debounce_ms, bool level);

/* An edge to this level at this time. Edges come in order; one to the level
 * that the input had already (its counterpart was lost) counts as an edge.
 * True if the level before it had lasted long enough and nobody had asked
 * debounce_end yet: *out is that change. */
bool debounce_edge(struct debounce *d, bool level, int64_t at_ns, struct debounce_change *out);

/* True if there is something to wait for: *due_ns is when debounce_end may
 * have a change. */
bool debounce_due(const struct debounce *d, int64_t *due_ns);

/* The line was read back as level at now_ns, all known edges given before. True
 * if the time is over and the settled level changes: *out is set. A reading
 * that contradicts the edges means that one was lost: it counts as that edge. */
bool debounce_end(struct debounce *d, bool level, int64_t now_ns, struct debounce_change *out);

/* Edges were lost, and at at_ns the line was at this level: it has not been quiet
 * since the last edge that is known, so the disturbance goes on, or begins. */
void debounce_gap(struct debounce *d, bool level, int64_t at_ns);

/* Ends a disturbance without a result: the line cannot be read any more. */
void debounce_rest(struct debounce *d);

#endif
