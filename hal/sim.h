/* The simulated board: relays and inputs without hardware, as product code.
 *
 * Observers connect to a Unix stream socket and see every change of a relay as
 * it happens; they drive inputs and switch faults on by writing lines. The
 * protocol is described in hal/README.md. */
#ifndef HAL_SIM_H
#define HAL_SIM_H

#include "input.h"
#include "relay.h"

struct hal_sim;

/* Makes a board that listens at socket_path (mode 0600; an old socket there is
 * replaced), or at no socket if NULL. Returns owned; NULL with why filled when
 * it cannot. One thread of its own serves observers; relay and input calls may
 * come from any one thread. */
struct hal_sim *hal_sim_open(const char *socket_path, char why[HAL_TEXT_MAX]);

/* The two faces of the board; borrowed, live until hal_sim_close (their own
 * close() does nothing). */
struct relay_board *hal_sim_relays(struct hal_sim *sim);
struct input_board *hal_sim_inputs(struct hal_sim *sim);

/* Fault hooks for tests in the same process. */
/* Calls give HAL_GONE; levels stay. */
void hal_sim_set_gone(struct hal_sim *sim, bool gone);
/* set() succeeds and the level stays. */
void hal_sim_set_stuck(struct hal_sim *sim, int relay, bool stuck);
/* The wire's level, before active_low. */
void hal_sim_drive(struct hal_sim *sim, int input, bool level);

/* Changes of a relay so far, counted at the wire (tests). */
uint64_t hal_sim_edges(struct hal_sim *sim, int relay);

void hal_sim_close(struct hal_sim *sim);

#endif
