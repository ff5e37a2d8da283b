/* Dates of the Gregorian calendar, as days since 1970-01-01. */
#ifndef GATEHOUSE_CORE_DATE_H
#define GATEHOUSE_CORE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

struct date {
    int year;  /* 1970..9999 */
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* True if there is such a day, in the years 1970 to 9999. */
bool date_is_valid(struct date date);

/* The day's number; the date must be valid. */
int64_t date_to_day(struct date date);

/* The date of a day's number; below 1970 and above 9999 it is clamped. */
struct date date_of_day(int64_t day);

/* The number in n digits of a text, which has so many, from byte at on. */
bool date_digits(struct slice text, size_t at, size_t n, int *out);

/* Parses "2025-01-31". GH_INVALID otherwise. */
GH_MUST_CHECK enum gh_err date_parse(struct date *out, struct slice text);

#endif
