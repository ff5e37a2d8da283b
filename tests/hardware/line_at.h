/* Where a line is, in one expression. */
#ifndef TESTS_HARDWARE_LINE_AT_H
#define TESTS_HARDWARE_LINE_AT_H

#include <stdio.h>

#include "relay.h"

/* Both are cut at HAL_NAME_MAX. */
static inline struct hal_line line_at(const char *chip, const char *line, bool active_low)
{
    struct hal_line where = {.active_low = active_low};
    snprintf(where.chip, sizeof where.chip, "%s", chip);
    snprintf(where.line, sizeof where.line, "%s", line);
    return where;
}

/* A line by its number. */
static inline struct hal_line line_number(const char *chip, int line, bool active_low)
{
    char number[16];
    snprintf(number, sizeof number, "%d", line);
    return line_at(chip, number, active_low);
}

#endif
