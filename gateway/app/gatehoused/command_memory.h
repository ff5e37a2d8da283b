/* Which commands were done or refused, so that none is done twice; over restarts, for a week.
 * Kept in the ledger: c/COMMAND[/PANEL], the instant of which the week is counted (0: nobody
 * knows, the clock was not trusted), and b/commands, the instant from which on they are
 * remembered: a new stream knows of none before it began, a restored one of none between the
 * backup and the restore, and one from which ids were dropped of none a week before that.
 * Source: cloud contract, "Commands". */
#ifndef GATEHOUSE_APP_GATEHOUSED_COMMAND_MEMORY_H
#define GATEHOUSE_APP_GATEHOUSED_COMMAND_MEMORY_H

#include <stdbool.h>

#include "app/gatehoused/ledger.h"
#include "core/clock.h"

/* The ledger's key and what stands there: wall seconds. */
#define COMMAND_MEMORY_KEY "b/commands"

/* Notes when the memory began, unless that is known. is_new: the stream has no events. */
void command_memory_begin(struct ledger *ledger, bool is_new, struct now now);

/* So many ids are remembered of each panel, and of all others together: the oldest makes room. */
#define COMMAND_MEMORY_PANEL 1000
#define COMMAND_MEMORY_OTHERS 4000

/* panel: none = of the cloud or of somebody at the box. A command without an id is never
 * known and never remembered. issued_at: wall seconds, 0 = not said; an id is remembered for a
 * week after it, too, as our clock may be behind. */
bool command_memory_knows(const struct ledger *ledger, const struct id *command,
                          const struct id *panel, struct now now);
void command_memory_add(struct ledger *ledger, const struct id *command, const struct id *panel,
                        int64_t issued_at, struct now now);

/* A command that was issued then (wall seconds; the clock must be trusted) is so old that it
 * is no longer remembered. */
bool command_memory_is_past(int64_t issued_at, struct now now);
/* It was issued before the memory began, whatever the clock says now; started: when the program
 * did. False where that is not known, and the clock is not trusted. */
bool command_memory_is_before(struct ledger *ledger, int64_t issued_at, struct now now,
                              struct now started);

#endif
