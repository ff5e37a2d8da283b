#include "core/date.h"

#define LAST_DAY 2932896 /* 9999-12-31 */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

bool date_is_valid(struct date d)
{
    return d.year >= 1970 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= days_in_month(d.year, d.month);
}

/* Years start in March here, so that the leap day is the last day of its year. */
int64_t date_to_day(struct date d)
{
    int64_t y = d.year - (d.month <= 2);
    int64_t month_of = (d.month + 9) % 12;
    int64_t day_of_year = (153 * month_of + 2) / 5 + d.day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

struct date date_of_day(int64_t day)
{
    if (day < 0)
        day = 0;
    if (day > LAST_DAY)
        day = LAST_DAY;
    struct date d = {.year = 1970 + (int)(day / 366), .month = 1, .day = 1};
    while (date_to_day((struct date){d.year + 1, 1, 1}) <= day)
        d.year++;
    int64_t first = date_to_day(d);
    while (day - first >= days_in_month(d.year, d.month))
        first += days_in_month(d.year, d.month++);
    d.day = (int)(day - first) + 1;
    return d;
}

bool date_digits(struct slice text, size_t at, size_t n, int *out)
{
    int v = 0;
    for (size_t i = at; i < at + n; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        v = v * 10 + (text.ptr[i] - '0');
    }
    *out = v;
    return true;
}

enum gh_err date_parse(struct date *out, struct slice text)
{
    struct date d;
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !date_digits(text, 0, 4, &d.year) || !date_digits(text, 5, 2, &d.month) ||
        !date_digits(text, 8, 2, &d.day) || !date_is_valid(d))
        return GH_INVALID;
    *out = d;
    return GH_OK;
}
