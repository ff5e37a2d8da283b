#include "adapters/glib/zone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#define DATABASE "/usr/share/zoneinfo"
#define NAME_MAX_LEN 64
#define STEP_S 3600
#define YEAR_9999_END 253402300799
#define YEAR_2038 2145916800
#define OFFSET_MAX_S 93600

/* Components of letters, digits, '_', '-' and '+', none of which begins with a
 * '-' or is empty: the names that the database gives, and no way out of it. */
static bool is_name(const char *tz)
{
    size_t len = strnlen(tz, NAME_MAX_LEN + 1);
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    bool first = true;
    for (size_t i = 0; i < len; i++) {
        char c = tz[i];
        if (c == '/') {
            if (first)
                return false;
            first = true;
            continue;
        }
        bool letter = g_ascii_isalpha(c) || (!first && (g_ascii_isdigit(c) || strchr("_-+", c)));
        if (!letter)
            return false;
        first = false;
    }
    return !first;
}

/* Files beside the zones, and whole copies of the database in other flavours
 * (with leap seconds, under "right"). */
static bool is_other_file(const char *tz)
{
    return strcmp(tz, "localtime") == 0 || strcmp(tz, "posixrules") == 0 ||
           strncmp(tz, "posix/", 6) == 0 || strncmp(tz, "right/", 6) == 0;
}

/* GLib also takes rules, offsets and paths; only what the database holds counts. */
static bool is_in_database(const char *tz)
{
    const char *folder = getenv("TZDIR"); /* GLib looks there as well */
    char *path = g_build_filename(folder ? folder : DATABASE, tz, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_free(path);
    if (fd < 0)
        return false;
    char magic[4];
    bool is_zone = read(fd, magic, sizeof magic) == (ssize_t)sizeof magic &&
                   memcmp(magic, "TZif", sizeof magic) == 0;
    close(fd);
    return is_zone;
}

/* From 2038 on the offsets follow from a rule at the end of the zone's file.
 * GLib 2.74 misreads the one kind in which winter is the exception (Ireland:
 * standard time in summer, minus one hour in winter) and is an hour or two off.
 * London has had the same offsets since 1971. */
static const char *readable_name(const char *tz, int64_t around)
{
    bool irish = strcmp(tz, "Europe/Dublin") == 0 || strcmp(tz, "Eire") == 0;
    return irish && around >= YEAR_2038 - 2 * ZONE_REACH_S ? "Europe/London" : tz;
}

static int32_t offset_at(GTimeZone *zone, int64_t instant)
{
    int interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, instant);
    return interval < 0 ? 0 : g_time_zone_get_offset(zone, interval);
}

/* The first instant in (from, until] that has not the offset of from; no more
 * than one change lies between. */
static int64_t find_change(GTimeZone *zone, int64_t from, int64_t until)
{
    int32_t before = offset_at(zone, from);
    while (until - from > 1) {
        int64_t middle = from + (until - from) / 2;
        if (offset_at(zone, middle) == before)
            from = middle;
        else
            until = middle;
    }
    return until;
}

static enum gh_err fill(struct zone_view *out, GTimeZone *zone, int64_t around)
{
    int64_t at = around - ZONE_REACH_S;
    struct zone_view view = {.n = 1, .span = {{.from = at, .offset_s = offset_at(zone, at)}}};
    for (; at < around + ZONE_REACH_S; at += STEP_S) {
        int32_t next = offset_at(zone, at + STEP_S);
        if (next == view.span[view.n - 1].offset_s)
            continue;
        if (view.n == ZONE_SPANS_MAX || next > OFFSET_MAX_S || next < -OFFSET_MAX_S)
            return GH_CORRUPT;
        view.span[view.n++] =
            (struct zone_span){.from = find_change(zone, at, at + STEP_S), .offset_s = next};
    }
    *out = view;
    return GH_OK;
}

enum gh_err zone_view_load(struct zone_view *out, const char *tz, int64_t around)
{
    if (!is_name(tz) || is_other_file(tz) || !is_in_database(tz))
        return GH_NOT_FOUND;
    GTimeZone *zone = g_time_zone_new_identifier(readable_name(tz, around));
    if (!zone)
        return GH_NOT_FOUND;
    /* A clock that is decades off must not overflow here. */
    enum gh_err err = fill(out, zone, CLAMP(around, -YEAR_9999_END, YEAR_9999_END));
    g_time_zone_unref(zone);
    return err;
}
