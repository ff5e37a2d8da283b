#include "core/geofence.h"

#include <math.h>

#define EARTH_M 6371000.0
#define RADIANS (3.14159265358979323846 / 180.0)

double geofence_distance_m(double lat1, double lon1, double lat2, double lon2)
{
    double p1 = lat1 * RADIANS, p2 = lat2 * RADIANS;
    double up = sin((p2 - p1) / 2), across = sin((lon2 - lon1) * RADIANS / 2);
    double h = up * up + cos(p1) * cos(p2) * across * across;
    /* Rounding may carry the points of a diameter beyond 1. */
    return 2 * EARTH_M * asin(sqrt(h < 1 ? h : 1));
}

enum geofence_verdict geofence_look(const struct policy_geofence *fence,
                                    const struct read_location *location)
{
    if (!fence->enabled)
        return GEOFENCE_INSIDE;
    if (!fence->has_centre)
        return GEOFENCE_MISCONFIGURED;
    if (!location->present)
        return GEOFENCE_NO_LOCATION;
    if (location->accuracy_m > fence->max_accuracy_m)
        return GEOFENCE_IMPRECISE;
    double distance = geofence_distance_m(fence->lat, fence->lon, location->lat, location->lon);
    return distance > fence->radius_m + location->accuracy_m + fence->buffer_m ? GEOFENCE_OUTSIDE
                                                                               : GEOFENCE_INSIDE;
}
