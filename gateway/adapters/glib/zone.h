/* The system's time zone database, by GLib: any IANA zone, no global TZ. */
#ifndef GATEHOUSE_ADAPTERS_GLIB_ZONE_H
#define GATEHOUSE_ADAPTERS_GLIB_ZONE_H

#include "core/err.h"
#include "core/localtime.h"

/* Fills a view of the zone that reaches ZONE_REACH_S to both sides of around.
 * GH_NOT_FOUND: the system knows no such zone (names like "UTC" or
 * "Europe/Berlin" only: no offsets, no POSIX rules, no paths). GH_CORRUPT: its
 * data is not of this world (an offset over 26 hours, too many changes). */
GH_MUST_CHECK enum gh_err zone_view_load(struct zone_view *out, const char *tz, int64_t around);

#endif
