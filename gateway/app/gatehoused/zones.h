/* Views of time zones, kept for a day, so that a decision loads none. */
#ifndef GATEHOUSE_APP_GATEHOUSED_ZONES_H
#define GATEHOUSE_APP_GATEHOUSED_ZONES_H

#include "core/clock.h"
#include "core/err.h"
#include "core/localtime.h"
#include "core/policy.h"

#define ZONES_KEPT 16

/* How a zone is looked up; as zone_view_load. */
typedef enum gh_err (*zone_loader)(struct zone_view *out, const char *tz, int64_t around);

struct zones {
    zone_loader load;
    int n, next; /* kept; the one that is replaced next */
    struct {
        char tz[TZ_NAME_MAX + 1];
        int64_t around;
        struct zone_view view;
    } kept[ZONES_KEPT];
};

void zones_init(struct zones *zones, zone_loader load);

/* The view of a zone around an instant. A zone that the system does not know
 * gives an empty view: whatever depends on local time is then denied. */
void zones_view(struct zones *zones, struct zone_view *out, const char *tz, int64_t now);

#endif
