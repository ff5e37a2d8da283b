/* Weekly schedules, judged on the wall clock of now. */
#ifndef GATEHOUSE_CORE_SCHEDULE_H
#define GATEHOUSE_CORE_SCHEDULE_H

#include <stdbool.h>

#include "core/localtime.h"
#include "core/policy.h"

/* True if t is inside one of the windows (start <= t < end). A window whose
 * end is before its start crosses midnight and belongs to its start day. */
bool schedule_contains(const struct schedule_window *windows, size_t n, struct local_time t);

#endif
