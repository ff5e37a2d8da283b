/* The mode of a door as time goes by: windows and their ends, latches, next changes. */
#include "core/mode.h"
#include "unit/policy_world.h"

#define MIDNIGHT (NOON - 10 * HOUR) /* of the day of NOON, UTC */

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};
static const struct schedule_window night[] = {{EVERY_DAY, HM(22, 0), HM(6, 0)}};

static void set_now(struct world *w, const struct zone_view *zone, int64_t s)
{
    w->facts.now = (struct moment){{s, CLOCK_SYNCED}, zone, zone};
}

static int64_t end_of(struct world *w, size_t row)
{
    return mode_window_end(&w->door, &w->modes[row], w->policy.holidays, w->facts.now);
}

static bool is_in_force(struct world *w, size_t row, int64_t s)
{
    struct moment then = w->facts.now;
    then.wall.s = s;
    return mode_row_in_force(&w->door, &w->modes[row], w->policy.holidays, then);
}

/* The end by looking at each second. */
static int64_t slow_end_of(struct world *w, size_t row)
{
    int64_t now = w->facts.now.wall.s;
    for (int64_t s = now + 1; s < now + DAY; s++)
        if (!is_in_force(w, row, s))
            return s;
    return now + DAY;
}

/* A world with one routine row that unlocks in the windows, and the time in a zone. */
static struct mode_row *make_row(struct world *w, const struct schedule_window *windows, size_t n,
                                 const struct zone_view *zone, int64_t now)
{
    world_make(w);
    set_now(w, zone, now);
    struct mode_row *row = add_mode(w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    if (windows)
        row->hours = hours_of(windows, n);
    return row;
}

/* --- ends of windows ----------------------------------------------------------------- */

static void a_window_ends_where_its_schedule_says(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON + 7);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 18 * HOUR);
    set_now(&w, &berlin, NOON + 7);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 17 * HOUR);
    set_now(&w, &india, MIDNIGHT + 3 * HOUR);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 12 * HOUR + 1800);
    set_now(&w, &utc, MIDNIGHT + 18 * HOUR - 1);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 18 * HOUR);
}

static void a_window_over_midnight_ends_on_the_next_day(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, night, 1, &utc, MIDNIGHT + 23 * HOUR);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 30 * HOUR);
    set_now(&w, &utc, MIDNIGHT + 1);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 6 * HOUR);
}

static void windows_that_touch_or_overlap_are_one(void **state)
{
    (void)state;
    static const struct schedule_window touching[] = {{EVERY_DAY, HM(8, 0), HM(12, 0)},
                                                      {EVERY_DAY, HM(12, 0), HM(14, 0)},
                                                      {EVERY_DAY, HM(13, 0), HM(15, 30)}};
    static const struct schedule_window apart[] = {{EVERY_DAY, HM(8, 0), HM(12, 0)},
                                                   {EVERY_DAY, HM(12, 1), HM(14, 0)}};
    static const struct schedule_window midnight[] = {{WED, HM(20, 0), 1440}, {THU, 0, HM(3, 0)}};
    struct world w;
    make_row(&w, touching, 3, &utc, NOON);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 15 * HOUR + 1800);
    make_row(&w, apart, 2, &utc, NOON);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 12 * HOUR);
    make_row(&w, midnight, 2, &utc, MIDNIGHT + 21 * HOUR);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 27 * HOUR);
}

static void a_window_ends_after_24_hours_at_most(void **state)
{
    (void)state;
    struct world w;
    static const struct schedule_window all[] = {{EVERY_DAY, 0, 1440}};
    make_row(&w, NULL, 0, &utc, NOON + 7);
    assert_int_equal(end_of(&w, 0), NOON + 7 + DAY);
    make_row(&w, all, 1, &utc, NOON + 7);
    assert_int_equal(end_of(&w, 0), NOON + 7 + DAY);
    w.modes[0].validity.until = NOON + 7 + DAY + 1;
    assert_int_equal(end_of(&w, 0), NOON + 7 + DAY);
    w.modes[0].validity.until = NOON + 7 + DAY - 1;
    assert_int_equal(end_of(&w, 0), NOON + 7 + DAY - 1);
    w.facts.now.wall.trust = CLOCK_UNSET; /* then it cannot be known better */
    w.modes[0].validity = always();
    w.modes[0].hours.is_set = false;
    assert_int_equal(end_of(&w, 0), NOON + 7 + DAY);
}

static void a_window_ends_with_the_rows_validity_to_the_second(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON)->validity.until = NOON + 61;
    assert_int_equal(end_of(&w, 0), NOON + 61);
    w.modes[0].validity.until = NOON + 1;
    assert_int_equal(end_of(&w, 0), NOON + 1);
    w.modes[0].validity.until = MIDNIGHT + 18 * HOUR + 1;
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 18 * HOUR);
}

static void a_window_ends_where_a_one_time_row_suspends_it(void **state)
{
    (void)state;
    static const struct schedule_window thursday[] = {{THU, HM(12, 0), HM(13, 0)}};
    struct world w;
    make_row(&w, night, 1, &utc, MIDNIGHT + 23 * HOUR);
    struct mode_row *event = add_mode(&w, "b", TIER_ONE_TIME, WISH_LOCKED);
    event->hours = hours_of(thursday, 1);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + DAY); /* its date begins */
    event->hours.is_set = false;
    event->validity = from_until(MIDNIGHT + 23 * HOUR + 10, MIDNIGHT + 23 * HOUR + 20);
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 23 * HOUR + 10);
    w.modes[0].tier = TIER_QUICK; /* whom nothing suspends */
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 30 * HOUR);
}

static void a_window_that_unlocks_ends_where_a_holiday_begins(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, night, 1, &utc, MIDNIGHT + 23 * HOUR);
    w.holidays[0] = holiday_on((struct date){2025, 1, 16});
    w.policy.holidays.n = 1;
    assert_int_equal(end_of(&w, 0), MIDNIGHT + DAY);
    w.modes[0].wish = WISH_LOCKED;
    assert_int_equal(end_of(&w, 0), MIDNIGHT + 30 * HOUR);
}

static void a_window_ends_with_the_clock_that_springs(void **state)
{
    (void)state;
    static const struct schedule_window early[] = {{SUN, HM(1, 0), HM(2, 30)}};
    static const struct schedule_window late[] = {{SUN, HM(1, 0), HM(4, 0)}};
    static const struct schedule_window half[] = {{SUN, HM(1, 0), HM(1, 45)}};
    struct world w;
    make_row(&w, early, 1, &berlin, BERLIN_SPRING - 60); /* 01:59; 02:30 never comes */
    assert_int_equal(end_of(&w, 0), BERLIN_SPRING);
    make_row(&w, late, 1, &berlin, BERLIN_SPRING - 60);
    assert_int_equal(end_of(&w, 0), BERLIN_SPRING + HOUR);
    make_row(&w, early, 1, &berlin, BERLIN_AUTUMN - HOUR - 60);
    assert_int_equal(end_of(&w, 0), BERLIN_AUTUMN - 1800); /* 02:30, the first time */
    set_now(&w, &berlin, BERLIN_AUTUMN);                   /* it is 02:00 again */
    assert_int_equal(end_of(&w, 0), BERLIN_AUTUMN + 1800);
    make_row(&w, late, 1, &berlin, BERLIN_AUTUMN - HOUR - 60);
    assert_int_equal(end_of(&w, 0), BERLIN_AUTUMN + 2 * HOUR);
    make_row(&w, half, 1, &lord_howe, LORD_HOWE_AUTUMN - 1800); /* 01:30 of the first time */
    assert_int_equal(end_of(&w, 0), LORD_HOWE_AUTUMN - 900);
    set_now(&w, &lord_howe, LORD_HOWE_AUTUMN); /* 01:30 once more */
    assert_int_equal(end_of(&w, 0), LORD_HOWE_AUTUMN + 900);
}

static void every_end_is_what_looking_at_each_second_finds(void **state)
{
    (void)state;
    static const struct schedule_window windows[] = {{WED | SAT | SUN, HM(0, 30), HM(2, 45)},
                                                     {SUN, HM(2, 45), HM(4, 1)},
                                                     {SAT, HM(21, 0), HM(2, 10)},
                                                     {WED, HM(9, 0), 1440},
                                                     {THU, 0, HM(7, 0)},
                                                     {MON, HM(5, 0), HM(4, 0)}};
    static const struct {
        const struct zone_view *zone;
        int64_t around;
    } nights[] = {{&utc, NOON},
                  {&berlin, BERLIN_SPRING},
                  {&berlin, BERLIN_AUTUMN},
                  {&lord_howe, LORD_HOWE_SPRING},
                  {&lord_howe, LORD_HOWE_AUTUMN}};
    for (size_t i = 0; i < COUNT(nights); i++) {
        for (int64_t s = -30 * HOUR; s <= 30 * HOUR; s += HOUR + 1777) {
            struct world w;
            make_row(&w, windows, COUNT(windows), nights[i].zone, nights[i].around + s);
            w.modes[0].validity.until = nights[i].around + 10 * HOUR + 17;
            if (is_in_force(&w, 0, nights[i].around + s))
                assert_int_equal(end_of(&w, 0), slow_end_of(&w, 0));
        }
    }
}

/* --- latches ------------------------------------------------------------------------- */

static bool counts(struct world *w, size_t latch)
{
    return mode_latch_counts(&w->door, &w->latches[latch], w->policy.holidays, w->facts.now);
}

static void a_latch_opens_a_first_credential_row_until_its_end(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    struct latch *latch = add_latch(&w, "a", LATCH_OPEN, NOON + 1);
    expect_mode(&w, MODE_UNLOCKED);
    assert_true(counts(&w, 0));
    set_now(&w, &utc, NOON + 1);
    expect_mode(&w, MODE_FIRST_CREDENTIAL); /* a later window needs a new read */
    assert_false(counts(&w, 0));
    set_now(&w, &utc, NOON);
    latch->kind = LATCH_ENDED;
    expect_mode(&w, MODE_LOCKED);
    assert_true(counts(&w, 0));
}

static void a_latch_is_void_when_its_row_has_changed(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    struct latch *latch = add_latch(&w, "a", LATCH_OPEN, NOON + 100);
    latch->fingerprint = 78;
    assert_false(counts(&w, 0));
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    latch->fingerprint = 77;
    assert_true(counts(&w, 0));
    latch->row = id_of("b"); /* deleted */
    assert_false(counts(&w, 0));
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
}

static void a_latch_is_void_when_its_row_is_not_in_force(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    add_latch(&w, "a", LATCH_OPEN, NOON + 2 * DAY);
    set_now(&w, &utc, MIDNIGHT + 18 * HOUR);
    assert_false(counts(&w, 0));
    expect_mode(&w, MODE_LOCKED);
    set_now(&w, &utc, NOON);
    w.modes[0].validity.until = NOON;
    assert_false(counts(&w, 0));
    w.modes[0].validity = always();
    w.holidays[0] = holiday_on((struct date){2025, 1, 15});
    w.policy.holidays.n = 1;
    assert_false(counts(&w, 0));
    w.policy.holidays.n = 0;
    assert_true(counts(&w, 0));
    w.modes[0].hours.is_set = false;
    w.facts.now.wall.trust = CLOCK_UNSET;
    assert_true(counts(&w, 0));
    add_mode(&w, "b", TIER_ONE_TIME, WISH_LOCKED);
    assert_false(counts(&w, 0)); /* which suspends it, with or without a clock */
    w.facts.now.wall.trust = CLOCK_SYNCED;
    assert_false(counts(&w, 0));
}

static void each_latch_is_for_its_own_row(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    add_mode(&w, "b", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    add_latch(&w, "b", LATCH_OPEN, NOON + 100);
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    assert_true(counts(&w, 0));
    add_latch(&w, "a", LATCH_OPEN, NOON + 100);
    expect_mode(&w, MODE_UNLOCKED);
    w.latches[0].kind = LATCH_ENDED;
    expect_mode(&w, MODE_LOCKED);
    w.latches[0].until = NOON; /* over */
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
}

static void latches_beyond_their_number_are_not_looked_at(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    add_latch(&w, "a", LATCH_OPEN, NOON + 100);
    w.situation.n_latches = 0;
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    /* Nor is a row beyond the rows' number the row of a latch. */
    w.door.n_modes = 0;
    assert_false(counts(&w, 0));
}

static void an_older_latch_that_does_not_count_hides_none(void **state)
{
    (void)state;
    struct world w;
    make_row(&w, office, 1, &utc, NOON);
    add_latch(&w, "a", LATCH_ENDED, NOON);
    add_latch(&w, "a", LATCH_OPEN, NOON + 100);
    expect_mode(&w, MODE_UNLOCKED);
    w.latches[0].until = NOON + 100;
    w.latches[0].fingerprint = 78;
    expect_mode(&w, MODE_UNLOCKED);
}

static void a_quick_and_a_one_time_row_may_be_latched_too(void **state)
{
    (void)state;
    static const enum mode_tier tiers[] = {TIER_QUICK, TIER_ONE_TIME};
    for (size_t i = 0; i < COUNT(tiers); i++) {
        struct world w;
        make_row(&w, NULL, 0, &utc, NOON)->tier = tiers[i];
        w.modes[0].allow_manual_end = true;
        expect_mode(&w, MODE_FIRST_CREDENTIAL);
        assert_false(look(&w).can_end);
        struct latch *latch = add_latch(&w, "a", LATCH_OPEN, NOON + 1);
        expect_mode(&w, MODE_UNLOCKED);
        assert_true(look(&w).can_end);
        latch->kind = LATCH_ENDED;
        expect_mode(&w, MODE_LOCKED);
        assert_false(look(&w).can_end);
    }
}

/* --- the next change ----------------------------------------------------------------- */

static int64_t next_of(struct world *w)
{
    return mode_next_change(&w->door, &w->situation, w->facts.now);
}

static void nothing_changes_by_itself_for_two_days(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    assert_int_equal(next_of(&w), NOON + 2 * DAY);
    w.situation.local.until = NOON + 5; /* of no command */
    assert_int_equal(next_of(&w), NOON + 2 * DAY);
    /* A door with rows is looked at anew at midnight, for holidays and dates. */
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    assert_int_equal(next_of(&w), MIDNIGHT + DAY);
    set_now(&w, &berlin, NOON);
    assert_int_equal(next_of(&w), MIDNIGHT + 23 * HOUR);
    set_now(&w, &unknown_zone, NOON);
    assert_int_equal(next_of(&w), NOON + 2 * DAY);
}

static void the_next_bound_latch_or_command_is_named(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED)->validity = from_until(NOON, NOON + 100);
    assert_int_equal(next_of(&w), NOON + 100);
    w.modes[1].validity.from = NOON + 1; /* not one of the door's rows */
    assert_int_equal(next_of(&w), NOON + 100);
    add_mode(&w, "b", TIER_ONE_TIME, WISH_UNLOCKED)->validity = from_until(NOON + 90, NOON + 95);
    assert_int_equal(next_of(&w), NOON + 90);
    set_now(&w, &utc, NOON + 90);
    assert_int_equal(next_of(&w), NOON + 95);
    set_now(&w, &utc, NOON + 95);
    assert_int_equal(next_of(&w), NOON + 100);
    set_now(&w, &utc, NOON);
    add_latch(&w, "a", LATCH_OPEN, NOON + 50);
    assert_int_equal(next_of(&w), NOON + 50);
    add_latch(&w, "a", LATCH_OPEN, NOON + 40);
    assert_int_equal(next_of(&w), NOON + 40);
    w.situation.local.mode = LOCAL_UNLOCKED;
    w.situation.local.until = NOON + 1;
    assert_int_equal(next_of(&w), NOON + 1);
    set_now(&w, &utc, NOON + 1);
    assert_int_equal(next_of(&w), NOON + 40);
    w.situation.local.until = INSTANT_NONE;
    assert_int_equal(next_of(&w), NOON + 40);
}

static void a_door_without_rows_has_commands_that_end(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.situation.local.mode = LOCAL_LOCKED;
    w.situation.local.until = NOON + 3 * HOUR;
    assert_int_equal(next_of(&w), NOON + 3 * HOUR);
    w.situation.local.until = NOON + 3 * DAY; /* beyond the horizon */
    assert_int_equal(next_of(&w), NOON + 2 * DAY);
}

static void the_next_start_or_end_of_a_window_is_named(void **state)
{
    (void)state;
    static const struct schedule_window windows[] = {{EVERY_DAY, HM(8, 0), HM(18, 0)},
                                                     {EVERY_DAY, HM(17, 59), 1440},
                                                     {EVERY_DAY, HM(10, 0), HM(10, 1)}};
    struct world w;
    make_row(&w, windows, 2, &utc, MIDNIGHT + 1);
    static const int64_t changes[] = {8 * HOUR, 17 * HOUR + 59 * 60, 18 * HOUR, DAY,
                                      DAY + 8 * HOUR};
    for (size_t i = 0; i < COUNT(changes); i++) {
        assert_int_equal(next_of(&w), MIDNIGHT + changes[i]);
        set_now(&w, &utc, MIDNIGHT + changes[i]);
    }
    make_row(&w, windows, 2, &india, MIDNIGHT + 1);
    assert_int_equal(next_of(&w), MIDNIGHT + 8 * HOUR - 19800);
    /* The windows of every row. */
    add_mode(&w, "b", TIER_ROUTINE, WISH_UNLOCKED)->hours = hours_of(night, 1);
    set_now(&w, &utc, MIDNIGHT + 1);
    assert_int_equal(next_of(&w), MIDNIGHT + 6 * HOUR);
    w.door.n_modes = 1;
    assert_int_equal(next_of(&w), MIDNIGHT + 8 * HOUR);
}

static void a_change_of_the_zones_offset_is_named(void **state)
{
    (void)state;
    static const struct schedule_window gap[] = {{SUN, HM(2, 15), HM(2, 45)}};
    struct world w;
    make_row(&w, gap, 1, &berlin, BERLIN_SPRING - 1800);
    assert_int_equal(next_of(&w), BERLIN_SPRING);
    set_now(&w, &berlin, BERLIN_SPRING);
    assert_int_equal(next_of(&w), BERLIN_SPRING + 21 * HOUR); /* midnight */
    set_now(&w, &berlin, BERLIN_AUTUMN - 1);
    assert_int_equal(next_of(&w), BERLIN_AUTUMN);
    set_now(&w, &berlin, BERLIN_AUTUMN);
    assert_int_equal(next_of(&w), BERLIN_AUTUMN + 900);
    set_now(&w, &berlin, BERLIN_AUTUMN - HOUR);
    assert_int_equal(next_of(&w), BERLIN_AUTUMN - HOUR + 900);
    set_now(&w, &berlin, BERLIN_AUTUMN + 2 * HOUR); /* the old offset does not count any more */
    assert_int_equal(next_of(&w), BERLIN_AUTUMN + 22 * HOUR);
}

static void far_from_greenwich_the_next_change_is_on_the_local_day(void **state)
{
    (void)state;
    static const struct schedule_window early[] = {{EVERY_DAY, HM(0, 30), HM(0, 50)}};
    const int64_t change = MIDNIGHT + 10 * HOUR + 45 * 60; /* 00:45 in the east */
    const struct zone_view east = {2, {{0, 14 * HOUR}, {change, 13 * HOUR}}};
    const struct zone_view west = {1, {{0, -14 * HOUR}}};
    struct world w;
    make_row(&w, early, 1, &east, change - 1800);
    assert_int_equal(next_of(&w), change - 900);
    set_now(&w, &east, change - 900);
    assert_int_equal(next_of(&w), change);
    make_row(&w, night, 1, &west, MIDNIGHT + 11 * HOUR + 1800); /* 21:30 the day before */
    assert_int_equal(next_of(&w), MIDNIGHT + 12 * HOUR);
}

static void the_first_span_of_a_zone_counts_from_ever(void **state)
{
    (void)state;
    const struct zone_view late = {1, {{NOON + 12 * HOUR, 0}}};
    struct world w;
    make_row(&w, office, 1, &late, NOON);
    assert_int_equal(next_of(&w), MIDNIGHT + 18 * HOUR);
}

static void before_1970_the_next_change_is_found_as_well(void **state)
{
    (void)state;
    const struct zone_view west = {1, {{0, -5 * HOUR}}};
    struct world w;
    make_row(&w, night, 1, &west, HOUR); /* 20:00 on the last day of 1969 */
    assert_int_equal(next_of(&w), 3 * HOUR);
}

/* What nobody names must not happen: up to the next change the mode stays. */
static void until_the_next_change_the_mode_stays_as_it_is(void **state)
{
    (void)state;
    static const struct schedule_window windows[] = {
        {WED | SUN, HM(0, 30), HM(2, 45)}, {SUN, HM(2, 15), HM(3, 1)}, {SAT, HM(21, 0), HM(2, 10)}};
    static const struct schedule_window event[] = {{SUN | THU, HM(12, 0), HM(12, 7)}};
    static const struct {
        const struct zone_view *zone;
        int64_t around;
    } nights[] = {{&utc, NOON},
                  {&india, NOON},
                  {&berlin, BERLIN_SPRING},
                  {&berlin, BERLIN_AUTUMN},
                  {&lord_howe, LORD_HOWE_SPRING},
                  {&lord_howe, LORD_HOWE_AUTUMN}};
    for (size_t i = 0; i < COUNT(nights); i++) {
        struct world w;
        int64_t s = nights[i].around - 2 * DAY;
        make_row(&w, windows, COUNT(windows), nights[i].zone, s);
        add_mode(&w, "b", TIER_ONE_TIME, WISH_UNLOCKED)->hours = hours_of(event, 1);
        w.modes[1].validity = from_until(nights[i].around - 3 * HOUR, nights[i].around + DAY + 5);
        add_latch(&w, "a", LATCH_OPEN, nights[i].around - 20 * HOUR + 13);
        int64_t next = s;
        enum door_mode mode = MODE_LOCKED;
        for (int n = 0; s < nights[i].around + 2 * DAY; s++) {
            set_now(&w, nights[i].zone, s);
            if (s == next) {
                next = next_of(&w);
                assert_true(next > s && next <= s + 2 * DAY);
                assert_true(n++ < 100);
                mode = look(&w).mode;
            } else if ((s + 1) % 60 < 2 || s + 1 == next) {
                assert_int_equal(look(&w).mode, mode);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_ends_where_its_schedule_says),
        cmocka_unit_test(a_window_over_midnight_ends_on_the_next_day),
        cmocka_unit_test(windows_that_touch_or_overlap_are_one),
        cmocka_unit_test(a_window_ends_after_24_hours_at_most),
        cmocka_unit_test(a_window_ends_with_the_rows_validity_to_the_second),
        cmocka_unit_test(a_window_ends_where_a_one_time_row_suspends_it),
        cmocka_unit_test(a_window_that_unlocks_ends_where_a_holiday_begins),
        cmocka_unit_test(a_window_ends_with_the_clock_that_springs),
        cmocka_unit_test(every_end_is_what_looking_at_each_second_finds),
        cmocka_unit_test(a_latch_opens_a_first_credential_row_until_its_end),
        cmocka_unit_test(a_latch_is_void_when_its_row_has_changed),
        cmocka_unit_test(a_latch_is_void_when_its_row_is_not_in_force),
        cmocka_unit_test(each_latch_is_for_its_own_row),
        cmocka_unit_test(latches_beyond_their_number_are_not_looked_at),
        cmocka_unit_test(an_older_latch_that_does_not_count_hides_none),
        cmocka_unit_test(a_quick_and_a_one_time_row_may_be_latched_too),
        cmocka_unit_test(nothing_changes_by_itself_for_two_days),
        cmocka_unit_test(the_next_bound_latch_or_command_is_named),
        cmocka_unit_test(a_door_without_rows_has_commands_that_end),
        cmocka_unit_test(the_next_start_or_end_of_a_window_is_named),
        cmocka_unit_test(a_change_of_the_zones_offset_is_named),
        cmocka_unit_test(far_from_greenwich_the_next_change_is_on_the_local_day),
        cmocka_unit_test(the_first_span_of_a_zone_counts_from_ever),
        cmocka_unit_test(before_1970_the_next_change_is_found_as_well),
        cmocka_unit_test(until_the_next_change_the_mode_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
