/* Holidays: which local dates a calendar covers, and its working hours there.
 * Source: the decision contract, row kind holiday and "Holiday rule". */
#ifndef GATEHOUSE_CORE_HOLIDAY_H
#define GATEHOUSE_CORE_HOLIDAY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/date.h"
#include "core/localtime.h"
#include "core/policy.h"

/* What a calendar says of a moment. */
struct holiday_view {
    bool is_holiday; /* a row of the calendar covers the local date */
    bool is_working; /* and the moment is inside working hours of one that does */
};

/* Looks at all rows of that calendar; rows of others are passed over. */
struct holiday_view holiday_look(const struct policy_holiday *rows, size_t n,
                                 const struct id *calendar, struct local_time t);

#endif
