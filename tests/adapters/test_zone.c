/* Views of time zones, compared with the C library's for every zone there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/glib/zone.h"

#define ZONE_LIST "/usr/share/zoneinfo/tzdata.zi"
#define DAY_S 86400
#define FIRST 631152000  /* 1990-01-01 */
#define LAST 2840140800  /* 2060-01-01 */
/* A second name of a zone has the same file behind it: less of it is looked at. */
#define LINK_FIRST 1577836800 /* 2020-01-01 */
#define LINK_LAST 2240524800  /* 2041-01-01 */

static int32_t offset_of(const struct zone_view *view, int64_t instant)
{
    int i = 0;
    while (i + 1 < view->n && view->span[i + 1].from <= instant)
        i++;
    return view->span[i].offset_s;
}

/* What the C library says in the zone that TZ names. */
static int32_t true_offset(int64_t instant)
{
    time_t t = instant;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return (int32_t)tm.tm_gmtoff;
}

static void use_zone(const char *tz)
{
    assert_int_equal(setenv("TZ", tz, 1), 0);
    tzset();
}

static struct zone_view load(const char *tz, int64_t around)
{
    struct zone_view view = {0};
    if (zone_view_load(&view, tz, around) != GH_OK)
        fail_msg("%s around %lld is not known", tz, (long long)around);
    assert_in_range(view.n, 1, ZONE_SPANS_MAX);
    return view;
}

static void compare_at(const char *tz, const struct zone_view *view, int64_t instant)
{
    if (offset_of(view, instant) != true_offset(instant))
        fail_msg("%s at %lld: %d, but the C library says %d", tz, (long long)instant,
                 offset_of(view, instant), true_offset(instant));
}

/* A view made around an instant, at its ends, at the instant to the second, and between. */
static void compare_view(const char *tz, int64_t around)
{
    static const int64_t delta[] = {-ZONE_REACH_S, -DAY_S, -3600, -2, -1, 0, 1,
                                    2,             3600,   DAY_S, ZONE_REACH_S - 1};
    struct zone_view view = load(tz, around);
    for (size_t i = 0; i < sizeof delta / sizeof delta[0]; i++)
        compare_at(tz, &view, around + delta[i]);
    for (int i = 1; i < view.n; i++)
        assert_true(view.span[i].from > view.span[i - 1].from &&
                    view.span[i].offset_s != view.span[i - 1].offset_s);
}

/* The first second of the offset that holds at until, which from has not. */
static int64_t change_between(int64_t from, int64_t until)
{
    int32_t before = true_offset(from);
    while (until - from > 1) {
        int64_t middle = from + (until - from) / 2;
        if (true_offset(middle) == before)
            from = middle;
        else
            until = middle;
    }
    return until;
}

/* Around every change between, at some of them also with the change near the
 * view's ends, and elsewhere once a year. */
static int compare_zone(const char *tz, int64_t first, int64_t last)
{
    use_zone(tz);
    int changes = 0;
    int32_t before = true_offset(first);
    for (int64_t t = first; t < last; t += DAY_S) {
        int32_t after = true_offset(t + DAY_S);
        if (after != before) {
            int64_t change = change_between(t, t + DAY_S);
            compare_view(tz, change);
            if (changes++ % 8 == 0) {
                compare_view(tz, change - ZONE_REACH_S + 7);
                compare_view(tz, change + ZONE_REACH_S - 7);
            }
        } else if (t / DAY_S % 365 == 0) {
            compare_view(tz, t + 12345);
        }
        before = after;
    }
    return changes;
}

/* The name that a line of the list gives to a zone or a link; NULL if none. */
static const char *zone_in_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "Z ", 2) == 0) {
        line[2 + strcspn(line + 2, " ")] = '\0';
        return line + 2;
    }
    return strncmp(line, "L ", 2) == 0 ? strrchr(line, ' ') + 1 : NULL;
}

static void every_zone_agrees_with_the_c_library_to_the_second(void **state)
{
    (void)state;
    FILE *list = fopen(ZONE_LIST, "re");
    if (!list)
        fail_msg("%s is missing: install tzdata", ZONE_LIST);
    char line[512];
    int zones = 0, changes = 0;
    while (fgets(line, sizeof line, list)) {
        bool is_link = line[0] == 'L';
        const char *tz = zone_in_line(line);
        char path[600];
        if (!tz)
            continue;
        /* Old names of zones are a package of their own in later releases. */
        (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", tz);
        if (access(path, R_OK) != 0)
            continue;
        changes += compare_zone(tz, is_link ? LINK_FIRST : FIRST, is_link ? LINK_LAST : LAST);
        zones++;
    }
    (void)fclose(list);
    print_message("# %d zones, %d changes of offset\n", zones, changes);
    assert_true(zones > 300);
    assert_true(changes > 10000);
}

struct example {
    const char *tz;
    int64_t change;
    int32_t before, after;
};

static void known_changes_are_where_they_were(void **state)
{
    (void)state;
    static const struct example known[] = {
        {"Europe/Berlin", 1743296400, 3600, 7200},        /* 2025-03-30, a gap */
        {"Europe/Berlin", 1761440400, 7200, 3600},        /* 2025-10-26, a fold */
        {"America/New_York", 1741503600, -18000, -14400}, /* 2025-03-09 */
        {"Australia/Lord_Howe", 1743865200, 39600, 37800}, /* half an hour, south */
        {"Pacific/Apia", 1325239200, -36000, 50400},      /* 2011-12-30 did not happen there */
        {"America/St_Johns", 1762057800, -9000, -12600},  /* half-hour zone */
        {"Europe/Dublin", 2153350800, 0, 3600},           /* 2038-03-28, by the rule only */
        {"America/Santiago", 1743908400, -10800, -14400}, /* south, 2025-04-06 */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct example *e = &known[i];
        struct zone_view view = load(e->tz, e->change);
        if (offset_of(&view, e->change - 1) != e->before || offset_of(&view, e->change) != e->after)
            fail_msg("%s: %d, then %d", e->tz, offset_of(&view, e->change - 1),
                     offset_of(&view, e->change));
        assert_int_equal(view.n, 2);
        assert_int_equal(view.span[1].from, e->change);
    }
}

static void a_zone_without_changes_is_one_span(void **state)
{
    (void)state;
    static const struct example still[] = {
        {"UTC", 1750000000, 0, 0},
        {"Asia/Kolkata", 1750000000, 19800, 0},
        {"Asia/Kathmandu", 1750000000, 20700, 0},
        {"Etc/GMT+5", 1750000000, -18000, 0},
        {"Europe/Berlin", 1750000000, 7200, 0},
    };
    for (size_t i = 0; i < sizeof still / sizeof still[0]; i++) {
        struct zone_view view = load(still[i].tz, still[i].change);
        assert_int_equal(view.n, 1);
        assert_int_equal(view.span[0].offset_s, still[i].before);
    }
}

static void what_is_no_name_of_the_database_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "Nowhere/City", "Europe", "Europe/", "/Europe/Berlin", "Europe//Berlin",
        "europe/berlin", "EUROPE/BERLIN", "Europe/Berlin ", " Europe/Berlin", "Europe/Berlin\n",
        ":Europe/Berlin", "+01", "-05:00", "+01:00", "Z", "utc", "01", "UTC+1", "GMT+5", "CET-1",
        "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT4,M3.2.0,M11.1.0", "<+03>-3", "Local",
        "localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin",
        "../zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin", "./UTC", "Europe/./Berlin",
        "/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime", "zone.tab", "tzdata.zi",
        "leapseconds", "Pacific Standard Time", "Europe/B\xc3\xa9rlin",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct zone_view view = {.n = 5}, before = view;
        if (zone_view_load(&view, bad[i], 1750000000) != GH_NOT_FOUND)
            fail_msg("\"%s\" was taken for a zone", bad[i]);
        assert_memory_equal(&view, &before, sizeof view);
    }
}

static void the_process_zone_plays_no_part(void **state)
{
    (void)state;
    use_zone("Asia/Tokyo");
    struct zone_view view = load("Europe/Berlin", 1750000000);
    assert_int_equal(offset_of(&view, 1750000000), 7200);
}

static void a_clock_that_is_wildly_off_gives_a_view_all_the_same(void **state)
{
    (void)state;
    static const int64_t wild[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 253402300799, INT64_MAX - 1,
                                   INT64_MAX};
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        struct zone_view view = load("Europe/Berlin", wild[i]);
        for (int k = 0; k < view.n; k++)
            assert_in_range(view.span[k].offset_s + 93600, 0, 187200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_changes_are_where_they_were),
        cmocka_unit_test(a_zone_without_changes_is_one_span),
        cmocka_unit_test(what_is_no_name_of_the_database_is_refused),
        cmocka_unit_test(the_process_zone_plays_no_part),
        cmocka_unit_test(a_clock_that_is_wildly_off_gives_a_view_all_the_same),
        cmocka_unit_test(every_zone_agrees_with_the_c_library_to_the_second),
    };
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
