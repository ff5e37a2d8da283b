/* How gatehoused and gatehouse-safe --hold hand the lines over to each other.
 *
 * The holder listens at RUN_DIR/hold.sock, a Unix stream socket. A gatehoused that starts
 * connects; the holder lets go of the lines, writes "free\n" and waits for the end of the
 * connection, which the kernel brings about however gatehoused ends. Then it takes the
 * lines at their safe levels and holds them. While one connection lives, others are refused. */
#ifndef GATEHOUSE_APP_HOLD_H
#define GATEHOUSE_APP_HOLD_H

#include "app/config.h"

#define HOLD_SOCKET "hold.sock"
#define HOLD_FREE "free\n"

/* What gatehouse-safe calls itself to the kernel, in front of the door's id or "fire input". */
#define HOLD_HOLDER "safe"     /* with --hold */
#define HOLD_PASSER "set safe" /* without: it lets go in a moment */
#define HOLD_USER_MAX 31       /* bytes of a user's name that the kernel keeps */

/* "safe front", "set safe fire input"; who: one of the names above. */
void hold_user(char out[HAL_TEXT_MAX], const char *who, const struct config_use *use);
/* True if the user of this line, as the kernel tells it, is gatehouse-safe: with --hold; in
 * either form. */
bool hold_is_holder(const struct config_use *use, const char *user);
bool hold_is_user(const struct config_use *use, const char *user);

/* Asks for the lines, and with wait_ms above 0 waits until they are free, at most so long.
 * A descriptor to keep open for as long as the lines are used (owned), or -1: there is no
 * holder, or it does not answer. */
int hold_claim(const struct config *config, int wait_ms);

/* False: the other end has ended; close the descriptor, and if you are gatehoused claim again.
 * For either end; reads away what waits. */
bool hold_is_there(int fd);

/* There is one holder: it has the lock of the run folder itself, for as long as the descriptor
 * (owned) is open. -1 with errno, EWOULDBLOCK: another holder has it. */
int hold_lock(const struct config *config);

/* Listens at the socket, for our own user alone; an old one is replaced. A descriptor (owned),
 * or -1 with errno. */
int hold_listen(const struct config *config);

#endif
