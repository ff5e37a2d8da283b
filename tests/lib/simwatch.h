/* Watches the simulated relay board through its Unix socket. The protocol is
 * described in hal/README.md. */
#ifndef TESTS_LIB_SIMWATCH_H
#define TESTS_LIB_SIMWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct simwatch;

/* Connects, trying until timeout_ms have passed (the program that serves the
 * socket may be starting). NULL if nobody answers. */
struct simwatch *simwatch_open(const char *socket_path, int timeout_ms);
void simwatch_close(struct simwatch *watch);

/* One change of a relay, as seen. */
struct simwatch_change {
    int relay;
    bool energized;
    int64_t mono_ns; /* CLOCK_MONOTONIC of the change at the board */
};

/* The same at once and without a word: NULL if nobody answers now. */
struct simwatch *simwatch_try(const char *socket_path);

/* Takes in what the board says within timeout_ms, at least what it has said already;
 * returns after the first of it. Does not mind the end of the connection. */
void simwatch_take(struct simwatch *watch, int timeout_ms);
/* All changes that were taken in, in their order; index < count. Valid until more are
 * taken in. */
size_t simwatch_count(const struct simwatch *watch);
const struct simwatch_change *simwatch_at(const struct simwatch *watch, size_t index);
/* The relay's level, as last seen; false also for one that is not known. */
bool simwatch_is_energized(const struct simwatch *watch, int relay);

/* The number of the relay that was added with this name (for the gateway: the
 * door's id); waits for it at most timeout_ms. -1 if there is none. */
int simwatch_relay(struct simwatch *watch, const char *name, int timeout_ms);

/* Waits for the next change of this relay to this level. Each relay's changes
 * are gone through in their order, once: those up to the one found are taken. What
 * a relay was when the watch was opened is no change. out may be NULL. */
bool simwatch_wait(struct simwatch *watch, int relay, bool energized, int timeout_ms,
                   struct simwatch_change *out);
/* Waits until the relay's level, as last seen, is this one; takes nothing. */
bool simwatch_wait_level(struct simwatch *watch, int relay, bool energized, int timeout_ms);

/* Changes of a relay since this watch was opened, up to now: the board is asked.
 * UINT64_MAX when it does not answer. */
uint64_t simwatch_edges(struct simwatch *watch, int relay);

/* Reads on until the board has closed its socket: all that it ever said is taken
 * in. False if it goes on for timeout_ms. */
bool simwatch_drain(struct simwatch *watch, int timeout_ms);
/* Changes of a relay to this level, as far as they were taken in; asks nobody. */
size_t simwatch_changes(const struct simwatch *watch, int relay, bool energized);

/* Sends a line of the protocol (a newline is added) and waits until the board has
 * acted on it. False also when the board refuses it. */
bool simwatch_command(struct simwatch *watch, const char *line);

#endif
