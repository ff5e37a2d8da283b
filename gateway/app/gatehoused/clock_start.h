/* Whether the wall clock can be right when gatehoused starts. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CLOCK_START_H
#define GATEHOUSE_APP_GATEHOUSED_CLOCK_START_H

#include "adapters/linux/clock.h"
#include "app/config.h"

/* In the run folder, which a boot empties: the clock was right, or synchronised, in this boot
 * and was not set by hand since. So a gatehoused that starts anew while there is no network
 * goes on believing it. Nothing is in the file. */
#define CLOCK_KEPT_FILE "clock.kept"

/* Believes the clock from the start if a battery keeps it or the file is there. Returns
 * whether the file is. */
bool clock_start(struct linux_clock *clock, const struct config *config);

/* Brings the file in line with what the clock is now. is_remembered: whether it is there, as
 * far as we know; the file is touched when that is wrong. A run folder that takes no file
 * costs a later start its trust, no more. */
void clock_remember(const struct linux_clock *clock, const struct config *config,
                    bool *is_remembered);

#endif
