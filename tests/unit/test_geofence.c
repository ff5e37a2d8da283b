/* Is a phone near enough: on its own, and as a check of the decision. */
#include <math.h>

#include "core/geofence.h"
#include "unit/policy_world.h"

#define PI 3.14159265358979323846

static struct policy_geofence fence_at(double lat, double lon)
{
    return (struct policy_geofence){.enabled = true,
                                    .has_centre = true,
                                    .lat = lat,
                                    .lon = lon,
                                    .radius_m = 200,
                                    .buffer_m = 25,
                                    .max_accuracy_m = 100};
}

static void expect_metres(double is, double wanted)
{
    if (fabs(is - wanted) > 1e-6)
        fail_msg("%.9f m, not %.9f", is, wanted);
}

static void distances_are_those_on_a_sphere(void **state)
{
    (void)state;
    const double degree = 6371000.0 * PI / 180;
    expect_metres(geofence_distance_m(0, 0, 0, 0), 0);
    expect_metres(geofence_distance_m(52.5, 13.4, 52.5, 13.4), 0);
    expect_metres(geofence_distance_m(0, 0, 1, 0), degree);
    expect_metres(geofence_distance_m(1, 0, 0, 0), degree);
    expect_metres(geofence_distance_m(0, 0, 0, -90), 90 * degree);
    expect_metres(geofence_distance_m(-10, 7, 35, 7), 45 * degree);
    /* Along a parallel the way is shorter, and over the pole it is straight. */
    expect_metres(geofence_distance_m(60, 0, 60, 180), 60 * degree);
    expect_metres(geofence_distance_m(89, 10, 89, -170), 2 * degree);
    double chord = 2 * asin(cos(PI / 3) * sin(PI / 360));
    expect_metres(geofence_distance_m(60, 20, 60, 21), 6371000.0 * chord);
    /* Two latitudes: cos(30) cos(60) sin^2(15) + sin^2(15). */
    double h = sin(PI / 12) * sin(PI / 12) * (1 + cos(PI / 6) * cos(PI / 3));
    expect_metres(geofence_distance_m(30, 0, 60, 30), 2 * 6371000.0 * asin(sqrt(h)));
}

static void the_ends_of_a_diameter_are_half_the_earth_apart(void **state)
{
    (void)state;
    for (int i = 0; i <= 20000; i++) { /* some of them round to more than a diameter */
        double lat = -90 + i * 0.009;
        double d = geofence_distance_m(lat, 17, -lat, -163);
        if (!(fabs(d - PI * 6371000.0) < 1))
            fail_msg("%f at latitude %f", d, lat);
    }
}

static void the_date_line_is_no_distance(void **state)
{
    (void)state;
    expect_metres(geofence_distance_m(0, 179.5, 0, -179.5), 6371000.0 * PI / 180);
}

/* A location whose distance is known to the last bit: the fence is as far. */
static void outside_begins_beyond_radius_accuracy_and_buffer(void **state)
{
    (void)state;
    struct policy_geofence fence = fence_at(52.5, 13.4);
    struct read_location there = {true, 52.503, 13.4, 50};
    double d = geofence_distance_m(52.5, 13.4, 52.503, 13.4);
    fence.buffer_m = 32;
    fence.radius_m = d - 82;
    while (fence.radius_m + there.accuracy_m + fence.buffer_m < d)
        fence.radius_m = nextafter(fence.radius_m, INFINITY);
    assert_true(fence.radius_m + there.accuracy_m + fence.buffer_m == d);
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_INSIDE);
    fence.radius_m -= 0.001;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_OUTSIDE);
    there.accuracy_m += 0.002;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_INSIDE);
    there.accuracy_m -= 0.002;
    fence.buffer_m += 0.002;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_INSIDE);
    there.lat = 52.5031;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_OUTSIDE);
    there.lat = 52.5;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_INSIDE);
    there.lon = 13.5;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_OUTSIDE);
}

static void imprecise_begins_beyond_the_accuracy_that_is_allowed(void **state)
{
    (void)state;
    struct policy_geofence fence = fence_at(52.5, 13.4);
    struct read_location there = {true, 52.5, 13.4, 100};
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_INSIDE);
    there.accuracy_m = nextafter(100, 101);
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_IMPRECISE);
    there.lat = 0; /* imprecise comes before outside */
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_IMPRECISE);
    there.accuracy_m = 100;
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_OUTSIDE);
}

static void a_fence_without_a_centre_or_a_phone_without_a_place_is_no_way_in(void **state)
{
    (void)state;
    struct policy_geofence fence = fence_at(52.5, 13.4);
    struct read_location nowhere = {false, 52.5, 13.4, 0}, there = {true, 52.5, 13.4, 0};
    assert_int_equal(geofence_look(&fence, &nowhere), GEOFENCE_NO_LOCATION);
    fence.has_centre = false;
    assert_int_equal(geofence_look(&fence, &nowhere), GEOFENCE_MISCONFIGURED);
    assert_int_equal(geofence_look(&fence, &there), GEOFENCE_MISCONFIGURED);
    fence.enabled = false;
    assert_int_equal(geofence_look(&fence, &nowhere), GEOFENCE_INSIDE);
}

/* --- in the decision ----------------------------------------------------------------- */

static void make_fenced(struct world *w)
{
    world_make(w);
    w->request.type = CREDENTIAL_MOBILE;
    w->request.location = (struct read_location){true, 52.5, 13.4, 10};
    w->door.geofence.is_set = true;
    w->door.geofence.fence = fence_at(52.5, 13.4);
}

static void each_answer_of_the_fence_has_its_reason(void **state)
{
    (void)state;
    struct world w;
    make_fenced(&w);
    expect_granted(&w);
    w.request.location.lat = 53;
    expect_denied(&w, REASON_OUTSIDE_GEOFENCE);
    w.request.location.accuracy_m = 101;
    expect_denied(&w, REASON_LOCATION_IMPRECISE);
    w.request.location.present = false;
    expect_denied(&w, REASON_LOCATION_UNAVAILABLE);
    w.door.geofence.fence.has_centre = false;
    expect_denied(&w, REASON_GEOFENCE_MISCONFIGURED);
    w.door.geofence.fence.enabled = false;
    expect_granted(&w);
}

static void only_reads_of_a_phone_are_fenced_and_only_where_a_fence_is(void **state)
{
    (void)state;
    struct world w;
    make_fenced(&w);
    w.request.location.present = false;
    for (int type = 0; type < CREDENTIAL_TYPES; type++) {
        w.request.type = (enum credential_type)type;
        if (type == CREDENTIAL_MOBILE)
            expect_denied(&w, REASON_LOCATION_UNAVAILABLE);
        else
            expect_granted(&w);
    }
    w.request.type = CREDENTIAL_MOBILE;
    w.door.geofence.is_set = false;
    expect_granted(&w);
}

static void an_open_door_is_not_fenced(void **state)
{
    (void)state;
    struct world w;
    make_fenced(&w);
    w.request.location.present = false;
    add_mode(&w, "open", TIER_ROUTINE, WISH_UNLOCKED);
    expect_already_unlocked(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_those_on_a_sphere),
        cmocka_unit_test(the_ends_of_a_diameter_are_half_the_earth_apart),
        cmocka_unit_test(the_date_line_is_no_distance),
        cmocka_unit_test(outside_begins_beyond_radius_accuracy_and_buffer),
        cmocka_unit_test(imprecise_begins_beyond_the_accuracy_that_is_allowed),
        cmocka_unit_test(a_fence_without_a_centre_or_a_phone_without_a_place_is_no_way_in),
        cmocka_unit_test(each_answer_of_the_fence_has_its_reason),
        cmocka_unit_test(only_reads_of_a_phone_are_fenced_and_only_where_a_fence_is),
        cmocka_unit_test(an_open_door_is_not_fenced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
