/* Weekly schedules, judged on the wall clock of now. */
#ifndef GATEHOUSE_CORE_SCHEDULE_H
#define GATEHOUSE_CORE_SCHEDULE_H

#include <stdbool.h>

#include "core/localtime.h"
#include "core/policy.h"

/* True if t is inside one of the windows (start <= t < end). A window whose
 * end is before its start crosses midnight and belongs to its start day. */
bool schedule_contains(const struct schedule_window *windows, size_t n, struct local_time t);

/* True if one of the windows starts on this weekday (0 = Monday). */
bool schedule_starts_on(const struct schedule_window *windows, size_t n, int weekday);

#endif
