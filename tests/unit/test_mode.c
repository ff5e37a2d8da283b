/* The mode of a door: which tier applies and what it says, at one moment. */
#include "core/mode.h"
#include "unit/policy_world.h"

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};
static const struct schedule_window evening[] = {{WED, HM(18, 0), HM(22, 0)}};
static const struct schedule_window tuesday[] = {{TUE, HM(18, 0), HM(11, 0)}};

static void a_door_without_rows_is_locked(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct mode_view v = look(&w);
    assert_int_equal(v.mode, MODE_LOCKED);
    assert_int_equal(v.beneath_lockdown, MODE_LOCKED);
    assert_false(v.is_lockdown);
    assert_false(v.by_one_time);
    assert_false(v.can_end);
    assert_false(v.is_by_rows);
    assert_int_equal(v.n_rows, 0);
}

/* --- the order of the tiers ---------------------------------------------------------- */

static void each_tier_outweighs_those_below_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct mode_row *routine = add_mode(&w, "a", TIER_ROUTINE, WISH_LOCKED_DOWN);
    expect_mode(&w, MODE_LOCKED_DOWN);
    add_mode(&w, "b", TIER_ONE_TIME, WISH_UNLOCKED);
    expect_mode(&w, MODE_UNLOCKED);
    add_mode(&w, "c", TIER_QUICK, WISH_LOCKED);
    expect_mode(&w, MODE_LOCKED);
    routine->wish = WISH_UNLOCKED;
    w.door.rules.block = true; /* there are no rules */
    expect_mode(&w, MODE_LOCKED);
    w.door.rules.is_set = true;
    expect_mode(&w, MODE_BLOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_OPEN;
    expect_mode(&w, MODE_UNLOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    expect_mode(&w, MODE_FORCED_CLOSED);
    w.door.is_lockdown = true;
    expect_mode(&w, MODE_LOCKED_DOWN);
    w.situation.is_fire = true;
    expect_mode(&w, MODE_UNLOCKED);
    w.door.door.fire_release = false;
    expect_mode(&w, MODE_LOCKED_DOWN);
}

static void rules_that_do_not_block_do_nothing(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.rules.is_set = true;
    expect_mode(&w, MODE_LOCKED);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    expect_mode(&w, MODE_UNLOCKED);
}

static void a_lockdown_is_one_by_row_or_by_command(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.is_lockdown = true;
    expect_mode(&w, MODE_LOCKED_DOWN);
    assert_true(look(&w).is_lockdown);
    w.door.is_lockdown = false;
    w.situation.local.is_lockdown = true;
    expect_mode(&w, MODE_LOCKED_DOWN);
    assert_true(look(&w).is_lockdown);
    w.situation.is_fire = true; /* whatever the mode */
    expect_mode(&w, MODE_UNLOCKED);
    assert_true(look(&w).is_lockdown);
}

static void a_row_that_locks_down_is_no_lockdown(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_LOCKED_DOWN);
    expect_mode(&w, MODE_LOCKED_DOWN);
    assert_false(look(&w).is_lockdown);
    assert_true(look(&w).is_by_rows);
}

static void what_lies_beneath_a_lockdown_is_told(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.is_lockdown = true;
    assert_int_equal(look(&w).beneath_lockdown, MODE_LOCKED);
    w.door.rules.is_set = w.door.rules.block = true;
    assert_int_equal(look(&w).beneath_lockdown, MODE_BLOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_OPEN;
    assert_int_equal(look(&w).beneath_lockdown, MODE_LOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    assert_int_equal(look(&w).beneath_lockdown, MODE_FORCED_CLOSED);
}

static void nothing_of_the_tiers_is_told_above_them(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED)->allow_manual_end = true;
    assert_true(look(&w).can_end);
    w.door.door.maintenance = MAINTENANCE_FORCE_OPEN;
    assert_false(look(&w).can_end);
    assert_false(look(&w).is_by_rows);
    assert_int_equal(look(&w).n_rows, 0);
    w.door.door.maintenance = MAINTENANCE_NORMAL;
    w.situation.is_fire = true;
    assert_false(look(&w).can_end);
    assert_int_equal(look(&w).n_rows, 0);
}

/* --- quick --------------------------------------------------------------------------- */

static void the_newest_quick_row_decides_alone(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct mode_row *a = add_mode(&w, "a", TIER_QUICK, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_QUICK, WISH_LOCKED_DOWN);
    a->allow_manual_end = true;
    a->at = NOON - 1;
    b->at = NOON - 2;
    expect_mode(&w, MODE_UNLOCKED);
    struct mode_view v = look(&w);
    assert_true(v.is_by_rows);
    assert_int_equal(v.n_rows, 1);
    assert_string_equal(v.rows[0]->id.s, "a");
    assert_true(v.can_end);
    b->at = NOON;
    expect_mode(&w, MODE_LOCKED_DOWN);
    assert_string_equal(look(&w).rows[0]->id.s, "b");
    assert_false(look(&w).can_end);
    b->at = INSTANT_NONE; /* the oldest */
    expect_mode(&w, MODE_UNLOCKED);
    a->at = INSTANT_NONE; /* then the highest id */
    expect_mode(&w, MODE_LOCKED_DOWN);
    a->at = b->at = NOON;
    expect_mode(&w, MODE_LOCKED_DOWN);
}

static void a_quick_row_not_in_force_is_not_looked_at(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_QUICK, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_QUICK, WISH_LOCKED);
    b->validity = from_until(NOON + 1, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
    b->validity = from_until(INSTANT_NONE, NOON);
    expect_mode(&w, MODE_UNLOCKED);
    b->validity = from_until(NOON, NOON + 1);
    expect_mode(&w, MODE_LOCKED);
    b->hours = hours_of(evening, 1);
    expect_mode(&w, MODE_UNLOCKED);
}

static void quick_rows_know_no_holiday_and_no_one_time_date(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holidays.n = 1;
    add_mode(&w, "a", TIER_ONE_TIME, WISH_LOCKED);
    add_mode(&w, "b", TIER_QUICK, WISH_UNLOCKED);
    expect_mode(&w, MODE_UNLOCKED);
}

static void a_restore_outweighs_the_rows_up_to_its_time(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct mode_row *a = add_mode(&w, "a", TIER_QUICK, WISH_UNLOCKED);
    w.situation.local.restored_at = NOON - 10;
    expect_mode(&w, MODE_LOCKED); /* without a time it is the oldest */
    a->at = NOON - 11;
    expect_mode(&w, MODE_LOCKED);
    a->at = NOON - 10;
    expect_mode(&w, MODE_LOCKED);
    a->at = NOON - 9;
    expect_mode(&w, MODE_UNLOCKED);
    a->at = NOON - 10;
    add_mode(&w, "b", TIER_QUICK, WISH_FIRST_CREDENTIAL)->at = NOON - 9;
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
}

static void a_restore_leaves_the_lower_tiers_alone(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    w.situation.local.restored_at = NOON;
    expect_mode(&w, MODE_UNLOCKED);
}

static void make_local(struct world *w, enum local_mode mode, int64_t at, int64_t until)
{
    w->situation.local =
        (struct local_state){.mode = mode, .at = at, .until = until, .restored_at = INSTANT_NONE};
}

static void a_command_locks_or_unlocks(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
    assert_false(look(&w).can_end); /* no read ends it */
    assert_false(look(&w).is_by_rows);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED)->allow_manual_end = true;
    expect_mode(&w, MODE_UNLOCKED);
    assert_false(look(&w).can_end);
    make_local(&w, LOCAL_LOCKED, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_LOCKED);
    make_local(&w, LOCAL_NONE, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
}

static void a_command_ends_with_its_time(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, NOON + 1);
    expect_mode(&w, MODE_UNLOCKED);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, NOON);
    expect_mode(&w, MODE_LOCKED);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    make_local(&w, LOCAL_LOCKED, NOON - 5, NOON + 1);
    expect_mode(&w, MODE_LOCKED);
    make_local(&w, LOCAL_LOCKED, NOON - 5, NOON);
    expect_mode(&w, MODE_UNLOCKED);
}

static void without_a_clock_an_end_has_come_for_what_opens_and_not_for_what_locks(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    w.facts.now.wall.trust = CLOCK_UNSET;
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, NOON + 100);
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    make_local(&w, LOCAL_LOCKED, NOON - 5, NOON - 1);
    expect_mode(&w, MODE_LOCKED);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, NOON + 100);
    w.facts.now.wall.trust = CLOCK_HOLDOVER;
    expect_mode(&w, MODE_UNLOCKED);
}

static void the_newer_of_command_and_quick_row_counts(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct mode_row *a = add_mode(&w, "a", TIER_QUICK, WISH_LOCKED_DOWN);
    a->at = NOON - 5;
    make_local(&w, LOCAL_UNLOCKED, NOON - 6, INSTANT_NONE);
    expect_mode(&w, MODE_LOCKED_DOWN);
    make_local(&w, LOCAL_UNLOCKED, NOON - 4, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
    make_local(&w, LOCAL_UNLOCKED, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED); /* a command beats a row of the same second */
    a->at = INSTANT_NONE;
    make_local(&w, LOCAL_LOCKED, NOON - 5, INSTANT_NONE);
    expect_mode(&w, MODE_LOCKED);
    a->at = NOON;
    make_local(&w, LOCAL_LOCKED, NOON - 5, NOON - 1); /* over */
    expect_mode(&w, MODE_LOCKED_DOWN);
}

/* --- one_time and routine ------------------------------------------------------------ */

static void within_a_tier_the_most_restrictive_wins(void **state)
{
    (void)state;
    static const enum mode_wish wishes[] = {WISH_UNLOCKED, WISH_FIRST_CREDENTIAL, WISH_LOCKED,
                                            WISH_LOCKED_DOWN};
    static const enum door_mode modes[] = {MODE_UNLOCKED, MODE_FIRST_CREDENTIAL, MODE_LOCKED,
                                           MODE_LOCKED_DOWN};
    static const enum mode_tier tiers[] = {TIER_ONE_TIME, TIER_ROUTINE};
    for (size_t t = 0; t < COUNT(tiers); t++) {
        for (size_t a = 0; a < COUNT(wishes); a++) {
            for (size_t b = 0; b < COUNT(wishes); b++) {
                struct world w;
                world_make(&w);
                add_mode(&w, "a", tiers[t], wishes[a]);
                expect_mode(&w, modes[a]);
                add_mode(&w, "b", tiers[t], wishes[b]);
                expect_mode(&w, modes[a > b ? a : b]);
                assert_int_equal(look(&w).n_rows, 2);
                assert_string_equal(look(&w).rows[0]->id.s, "a");
                assert_string_equal(look(&w).rows[1]->id.s, "b");
                assert_true(look(&w).is_by_rows);
            }
        }
    }
}

static void a_one_time_row_suspends_routine_on_its_whole_date(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_ONE_TIME, WISH_FIRST_CREDENTIAL);
    b->hours = hours_of(evening, 1); /* later today */
    expect_mode(&w, MODE_LOCKED);
    assert_false(look(&w).by_one_time);
    w.facts.now.wall.s = NOON + 13 * HOUR + 3599; /* the evening is over */
    expect_mode(&w, MODE_LOCKED);
    w.facts.now.wall.s = NOON + 14 * HOUR; /* and so is the day */
    expect_mode(&w, MODE_UNLOCKED);
    w.facts.now.wall.s = NOON + 8 * HOUR;
    expect_mode(&w, MODE_FIRST_CREDENTIAL);
    assert_true(look(&w).by_one_time);
    b->tier = TIER_ROUTINE;
    assert_false(look(&w).by_one_time);
}

static void a_one_time_window_over_midnight_claims_only_its_first_date(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_ONE_TIME, WISH_FIRST_CREDENTIAL);
    b->hours = hours_of(tuesday, 1);
    expect_mode(&w, MODE_FIRST_CREDENTIAL); /* the rest of the night */
    w.facts.now.wall.s = NOON + HOUR;
    expect_mode(&w, MODE_UNLOCKED);
    w.facts.now.wall.s = NOON - DAY;
    expect_mode(&w, MODE_LOCKED); /* on Tuesday before the window */
}

static void only_windows_on_todays_date_suspend(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_ONE_TIME, WISH_LOCKED_DOWN);
    static const struct schedule_window thursday[] = {{THU, HM(1, 0), HM(2, 0)}};
    b->hours = hours_of(thursday, 1);
    expect_mode(&w, MODE_UNLOCKED);
    b->hours = hours_of(thursday, 0); /* never */
    expect_mode(&w, MODE_UNLOCKED);
    struct zone_view east = {1, {{0, 14 * HOUR}}}; /* it is Thursday there */
    b->hours = hours_of(thursday, 1);
    w.facts.now.zone = &east;
    expect_mode(&w, MODE_LOCKED);
}

static void a_one_time_row_outside_its_validity_suspends_nothing(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_ONE_TIME, WISH_LOCKED);
    b->validity = from_until(NOON + 1, INSTANT_NONE);
    expect_mode(&w, MODE_UNLOCKED);
    b->validity = from_until(INSTANT_NONE, NOON);
    expect_mode(&w, MODE_UNLOCKED);
    b->validity = from_until(NOON, NOON + 1);
    expect_mode(&w, MODE_LOCKED);
    b->hours = hours_of(evening, 1);
    expect_mode(&w, MODE_LOCKED);
    b->validity = from_until(INSTANT_NONE, NOON);
    expect_mode(&w, MODE_UNLOCKED);
    /* A row of another tier claims no date. */
    b->validity = always();
    b->tier = TIER_QUICK;
    expect_mode(&w, MODE_UNLOCKED);
    /* Nor does it matter which of the rows comes first. */
    w.modes[0].tier = TIER_ONE_TIME;
    w.modes[0].hours = hours_of(evening, 1);
    b->hours.is_set = false;
    b->tier = TIER_ROUTINE;
    b->wish = WISH_UNLOCKED;
    expect_mode(&w, MODE_LOCKED);
    w.door.n_modes = 1;
    expect_mode(&w, MODE_LOCKED);
}

static void a_holiday_suspends_routine_rows_that_unlock(void **state)
{
    (void)state;
    struct world w;
    static const struct {
        enum mode_wish wish;
        enum door_mode mode;
    } cases[] = {{WISH_UNLOCKED, MODE_LOCKED},
                 {WISH_FIRST_CREDENTIAL, MODE_LOCKED},
                 {WISH_LOCKED_DOWN, MODE_LOCKED_DOWN}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        world_make(&w);
        w.holidays[0] = holiday_on((struct date){2025, 1, 15});
        w.policy.holidays.n = 1;
        struct mode_row *row = add_mode(&w, "a", TIER_ROUTINE, cases[i].wish);
        expect_mode(&w, cases[i].mode);
        assert_int_equal(look(&w).is_by_rows, cases[i].wish == WISH_LOCKED_DOWN);
        row->wish = WISH_LOCKED;
        expect_mode(&w, MODE_LOCKED);
        assert_true(look(&w).is_by_rows); /* it still locks */
        row->wish = WISH_UNLOCKED;
        row->tier = TIER_ONE_TIME;
        expect_mode(&w, MODE_UNLOCKED);
    }
}

static void only_the_default_calendar_suspends_and_working_hours_do_not_matter(void **state)
{
    (void)state;
    static const struct day_span all_day[] = {{0, 1440}};
    struct world w;
    world_make(&w);
    w.holidays[0] = holiday_on((struct date){2025, 1, 15});
    w.policy.holidays.n = 1;
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    w.holidays[0].working = all_day;
    w.holidays[0].n_working = 1;
    expect_mode(&w, MODE_LOCKED);
    w.holidays[0].calendar = id_of("other");
    expect_mode(&w, MODE_UNLOCKED);
    w.holidays[0] = holiday_on((struct date){2025, 1, 16});
    expect_mode(&w, MODE_UNLOCKED);
    struct zone_view east = {1, {{0, 14 * HOUR}}};
    w.facts.now.zone = &east;
    expect_mode(&w, MODE_LOCKED);
    w.facts.now.wall.trust = CLOCK_UNSET; /* no suspension without a clock */
    expect_mode(&w, MODE_UNLOCKED);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.facts.now.zone = &unknown_zone;
    w.holidays[0] = holiday_on((struct date){2025, 1, 15});
    expect_mode(&w, MODE_UNLOCKED);
}

static void rows_with_a_time_condition_need_a_clock_and_others_do_not(void **state)
{
    (void)state;
    static const enum mode_tier tiers[] = {TIER_QUICK, TIER_ONE_TIME, TIER_ROUTINE};
    for (size_t t = 0; t < COUNT(tiers); t++) {
        struct world w;
        world_make(&w);
        w.facts.now.wall.trust = CLOCK_UNSET;
        struct mode_row *row = add_mode(&w, "a", tiers[t], WISH_LOCKED_DOWN);
        expect_mode(&w, MODE_LOCKED_DOWN);
        row->hours = hours_of(office, 1);
        expect_mode(&w, MODE_LOCKED);
        row->hours.is_set = false;
        row->validity = from_until(NOON - 1, INSTANT_NONE);
        expect_mode(&w, MODE_LOCKED);
        row->validity = from_until(INSTANT_NONE, NOON + 1);
        expect_mode(&w, MODE_LOCKED);
        w.facts.now.wall.trust = CLOCK_HOLDOVER;
        expect_mode(&w, MODE_LOCKED_DOWN);
        w.facts.now.zone = &unknown_zone;
        expect_mode(&w, MODE_LOCKED_DOWN);
        row->hours = hours_of(office, 1);
        expect_mode(&w, MODE_LOCKED);
    }
}

static void a_one_time_row_with_a_time_condition_suspends_nothing_without_a_clock(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    struct mode_row *b = add_mode(&w, "b", TIER_ONE_TIME, WISH_LOCKED);
    b->hours = hours_of(evening, 1);
    expect_mode(&w, MODE_LOCKED);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_mode(&w, MODE_UNLOCKED);
    w.facts.now.wall.trust = CLOCK_SYNCED;
    w.facts.now.zone = &unknown_zone;
    expect_mode(&w, MODE_UNLOCKED);
    b->hours.is_set = false; /* without one it suspends always */
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_mode(&w, MODE_LOCKED);
}

static void more_rows_than_can_be_told_still_count(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    for (int i = 0; i < MODE_ROWS_MAX; i++)
        add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED)->allow_manual_end = true;
    assert_int_equal(look(&w).n_rows, MODE_ROWS_MAX);
    assert_true(look(&w).can_end);
    add_mode(&w, "b", TIER_ROUTINE, WISH_UNLOCKED)->allow_manual_end = true;
    assert_int_equal(look(&w).n_rows, MODE_ROWS_MAX);
    assert_false(look(&w).can_end);
    expect_mode(&w, MODE_UNLOCKED);
    add_mode(&w, "c", TIER_ROUTINE, WISH_LOCKED);
    expect_mode(&w, MODE_LOCKED);
}

static void every_mode_has_one_word(void **state)
{
    (void)state;
    for (int i = 0; i < DOOR_MODES; i++) {
        enum door_mode back = MODE_LOCKED;
        assert_int_equal(door_mode_parse(&back, slice_of(door_mode_name((enum door_mode)i))),
                         GH_OK);
        assert_int_equal(back, i);
    }
    enum door_mode untouched = MODE_BLOCKED;
    assert_int_equal(door_mode_parse(&untouched, slice_of("open")), GH_INVALID);
    assert_int_equal(untouched, MODE_BLOCKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_door_without_rows_is_locked),
        cmocka_unit_test(each_tier_outweighs_those_below_it),
        cmocka_unit_test(rules_that_do_not_block_do_nothing),
        cmocka_unit_test(a_lockdown_is_one_by_row_or_by_command),
        cmocka_unit_test(a_row_that_locks_down_is_no_lockdown),
        cmocka_unit_test(what_lies_beneath_a_lockdown_is_told),
        cmocka_unit_test(nothing_of_the_tiers_is_told_above_them),
        cmocka_unit_test(the_newest_quick_row_decides_alone),
        cmocka_unit_test(a_quick_row_not_in_force_is_not_looked_at),
        cmocka_unit_test(quick_rows_know_no_holiday_and_no_one_time_date),
        cmocka_unit_test(a_restore_outweighs_the_rows_up_to_its_time),
        cmocka_unit_test(a_restore_leaves_the_lower_tiers_alone),
        cmocka_unit_test(a_command_locks_or_unlocks),
        cmocka_unit_test(a_command_ends_with_its_time),
        cmocka_unit_test(without_a_clock_an_end_has_come_for_what_opens_and_not_for_what_locks),
        cmocka_unit_test(the_newer_of_command_and_quick_row_counts),
        cmocka_unit_test(within_a_tier_the_most_restrictive_wins),
        cmocka_unit_test(a_one_time_row_suspends_routine_on_its_whole_date),
        cmocka_unit_test(a_one_time_window_over_midnight_claims_only_its_first_date),
        cmocka_unit_test(only_windows_on_todays_date_suspend),
        cmocka_unit_test(a_one_time_row_outside_its_validity_suspends_nothing),
        cmocka_unit_test(a_holiday_suspends_routine_rows_that_unlock),
        cmocka_unit_test(only_the_default_calendar_suspends_and_working_hours_do_not_matter),
        cmocka_unit_test(rows_with_a_time_condition_need_a_clock_and_others_do_not),
        cmocka_unit_test(a_one_time_row_with_a_time_condition_suspends_nothing_without_a_clock),
        cmocka_unit_test(more_rows_than_can_be_told_still_count),
        cmocka_unit_test(every_mode_has_one_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
