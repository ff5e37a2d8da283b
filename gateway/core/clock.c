#include "core/clock.h"

#include "core/date.h"

#define YEAR_9999_END 253402300799

const char *clock_trust_name(enum clock_trust trust)
{
    switch (trust) {
    case CLOCK_UNSET: return "unset";
    case CLOCK_HOLDOVER: return "holdover";
    case CLOCK_SYNCED: return "synced";
    }
    return "unset";
}

static bool parse_offset(struct slice text, int *offset_s)
{
    if (text.len == 1 && (text.ptr[0] == 'Z' || text.ptr[0] == 'z')) {
        *offset_s = 0;
        return true;
    }
    int h, m;
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':' ||
        !date_digits(text, 1, 2, &h) || !date_digits(text, 4, 2, &m) || h > 23 || m > 59)
        return false;
    *offset_s = (h * 60 + m) * 60;
    if (text.ptr[0] == '-')
        *offset_s = -*offset_s;
    return true;
}

enum gh_err instant_parse(int64_t *out, struct slice text)
{
    struct date date;
    int h, m, s, offset_s;
    if (text.len < 20 || (text.ptr[10] != 'T' && text.ptr[10] != 't') || text.ptr[13] != ':' ||
        text.ptr[16] != ':' || date_parse(&date, slice_make(text.ptr, 10)) != GH_OK)
        return GH_INVALID;
    if (!date_digits(text, 11, 2, &h) || !date_digits(text, 14, 2, &m) ||
        !date_digits(text, 17, 2, &s) || h > 23 || m > 59 || s > 59)
        return GH_INVALID;
    if (!parse_offset(slice_make(text.ptr + 19, text.len - 19), &offset_s))
        return GH_INVALID;
    *out = date_to_day(date) * 86400 + h * 3600 + m * 60 + s - offset_s;
    return GH_OK;
}

static void put_digits(char *out, int n, int64_t value)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void instant_format(char out[INSTANT_TEXT], int64_t instant)
{
    if (instant < 0)
        instant = 0;
    if (instant > YEAR_9999_END)
        instant = YEAR_9999_END;
    struct date date = date_of_day(instant / 86400);
    int64_t second = instant % 86400;
    memcpy(out, "0000-00-00T00:00:00Z", INSTANT_TEXT);
    put_digits(out, 4, date.year);
    put_digits(out + 5, 2, date.month);
    put_digits(out + 8, 2, date.day);
    put_digits(out + 11, 2, second / 3600);
    put_digits(out + 14, 2, second / 60 % 60);
    put_digits(out + 17, 2, second % 60);
}
