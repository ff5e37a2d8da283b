/* How many doors others than those at the box may open in an hour: a cap that holds also over
 * restarts. Strict: of any hour. */
#ifndef GATEHOUSE_APP_GATEHOUSED_REMOTE_CAP_H
#define GATEHOUSE_APP_GATEHOUSED_REMOTE_CAP_H

#include <stdbool.h>

#include "app/gatehoused/ledger.h"

/* One release more at this instant (wall seconds, trusted): true, and it counts; false if
 * there were cap (0..10000) in the hour before. The ledger keeps it under h/N, N from 0 to
 * cap - 1, each the instant of a release. Instants that lie more than an hour ahead are of a
 * clock that was wrong, and count as none. */
bool remote_cap_take(struct ledger *ledger, int cap, int64_t now_s);

#endif
