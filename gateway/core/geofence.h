/* Is a phone near enough? Source: the decision contract, "Geofence". */
#ifndef GATEHOUSE_CORE_GEOFENCE_H
#define GATEHOUSE_CORE_GEOFENCE_H

#include "core/policy.h"
#include "core/read.h"

enum geofence_verdict {
    GEOFENCE_INSIDE, /* or the fence is not enabled */
    GEOFENCE_MISCONFIGURED,
    GEOFENCE_NO_LOCATION,
    GEOFENCE_IMPRECISE,
    GEOFENCE_OUTSIDE,
};

enum geofence_verdict geofence_look(const struct policy_geofence *fence,
                                    const struct read_location *location);

/* Metres between two points on a sphere of radius 6 371 000 m (haversine).
 * Degrees. */
double geofence_distance_m(double lat1, double lon1, double lat2, double lon2);

#endif
