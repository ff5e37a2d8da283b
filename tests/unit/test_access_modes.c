/* The decision and the mode of the door: checks 6 and 7, latches, manual ends,
 * passing a lockdown; and the commands that look at the mode. */
#include "unit/policy_world.h"

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};

/* --- check 6 ------------------------------------------------------------------------- */

static void a_mode_that_shuts_the_door_denies(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.rules.is_set = w.door.rules.block = true;
    expect_denied(&w, REASON_DOOR_BLOCKED);
    assert_int_equal(decide(&w).mode, MODE_BLOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    expect_denied(&w, REASON_DOOR_FORCED_CLOSED);
    w.door.door.maintenance = MAINTENANCE_NORMAL;
    w.door.rules.is_set = false;
    w.situation.local.is_lockdown = true;
    expect_denied(&w, REASON_DOOR_LOCKED_DOWN);
    w.situation.local.is_lockdown = false;
    add_mode(&w, "a", TIER_QUICK, WISH_LOCKED_DOWN);
    expect_denied(&w, REASON_DOOR_LOCKED_DOWN);
}

static void a_lockdown_is_passed_as_if_the_door_were_locked(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.lockdown_bypass = true;
    w.door.is_lockdown = true;
    expect_granted(&w);
    struct verdict v = decide(&w);
    assert_int_equal(v.mode, MODE_LOCKED_DOWN);
    assert_int_equal(v.latch, LATCH_NOTHING);
    w.door.is_lockdown = false;
    add_mode(&w, "a", TIER_ROUTINE, WISH_LOCKED_DOWN);
    expect_granted(&w);
    assert_int_equal(decide(&w).mode, MODE_LOCKED_DOWN);
}

static void who_passes_a_lockdown_skips_no_other_check(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.lockdown_bypass = w.door.is_lockdown = true;
    w.situation.is_controller_online = false;
    expect_denied(&w, REASON_CONTROLLER_OFFLINE);
    w.door.door.factors = FACTORS_CARD_AND_PIN;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.policy.n_entitlements = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
    w.door.door.licensed = false;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
}

static void who_passes_a_lockdown_latches_nothing_and_ends_nothing(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.lockdown_bypass = w.door.is_lockdown = true;
    w.policy.holder.person.first_credential = true;
    add_mode(&w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL)->allow_manual_end = true;
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING);
    w.modes[0].wish = WISH_UNLOCKED;
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING);
}

static void a_door_shut_for_another_reason_is_not_passed(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.lockdown_bypass = w.door.is_lockdown = true;
    w.door.rules.is_set = w.door.rules.block = true;
    expect_denied(&w, REASON_DOOR_BLOCKED);
    assert_int_equal(decide(&w).mode, MODE_LOCKED_DOWN);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    expect_denied(&w, REASON_DOOR_FORCED_CLOSED);
    w.door.door.maintenance = MAINTENANCE_FORCE_OPEN; /* rules do not count then */
    expect_granted(&w);
    w.door.is_lockdown = false;
    w.door.door.maintenance = MAINTENANCE_NORMAL;
    expect_denied(&w, REASON_DOOR_BLOCKED);
    w.policy.holder.person.lockdown_bypass = false;
    w.door.is_lockdown = true;
    expect_denied(&w, REASON_DOOR_LOCKED_DOWN);
}

/* --- check 7 ------------------------------------------------------------------------- */

static void an_open_door_is_already_unlocked_whoever_may_pass(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    expect_already_unlocked(&w);
    struct verdict v = decide(&w);
    assert_int_equal(v.mode, MODE_UNLOCKED);
    assert_false(v.is_extended);
    w.policy.holder.person.extended_release = true;
    expect_already_unlocked(&w);
    w.policy.n_entitlements = 0;
    w.policy.holder.credential.uses_total = 0;
    w.situation.is_controller_online = false;
    expect_already_unlocked(&w);
    w.policy.site.max_policy_age_s[CLASS_PERSONAL] = 0;
    expect_already_unlocked(&w);
}

static void an_open_door_is_closed_to_who_is_shut_out(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.door.maintenance = MAINTENANCE_FORCE_OPEN;
    expect_already_unlocked(&w);
    w.door.door.licensed = false;
    expect_denied(&w, REASON_DOOR_UNLICENSED);
    w.policy.holder.person.enabled = false;
    expect_denied(&w, REASON_PERSON_DISABLED);
}

static void whatever_opens_the_door_gives_the_same_answer(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.first_credential = true; /* no row can be ended */
    w.situation.is_fire = true;
    expect_already_unlocked(&w);
    w.situation.is_fire = false;
    w.situation.local =
        (struct local_state){LOCAL_UNLOCKED, NOON, INSTANT_NONE, INSTANT_NONE, false};
    expect_already_unlocked(&w);
    w.situation.local.mode = LOCAL_NONE;
    add_mode(&w, "a", TIER_QUICK, WISH_UNLOCKED);
    expect_already_unlocked(&w);
}

/* --- first credential ---------------------------------------------------------------- */

static void the_first_credential_opens_the_window(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING); /* anybody is let in */
    assert_int_equal(decide(&w).mode, MODE_FIRST_CREDENTIAL);
    w.policy.holder.person.first_credential = true;
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_THEM_OPEN);
    assert_int_equal(decide(&w).mode, MODE_FIRST_CREDENTIAL);
    add_latch(&w, "a", LATCH_OPEN, NOON + 10);
    expect_already_unlocked(&w);
}

static void a_read_that_is_not_granted_latches_nothing(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    w.policy.holder.person.first_credential = true;
    w.door.door.factors = FACTORS_TWO_PERSON;
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
    w.situation.is_interlocked = true;
    expect_denied(&w, REASON_INTERLOCK);
}

static void a_first_credential_opens_no_door_that_is_locked(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.holder.person.first_credential = true;
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING);
    add_mode(&w, "a", TIER_ROUTINE, WISH_FIRST_CREDENTIAL);
    add_mode(&w, "b", TIER_ROUTINE, WISH_LOCKED);
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING);
    w.door.n_modes = 1;
    add_latch(&w, "a", LATCH_ENDED, NOON + 10);
    expect_granted(&w);
    assert_int_equal(decide(&w).latch, LATCH_NOTHING);
    assert_int_equal(decide(&w).mode, MODE_LOCKED);
}

/* --- manual end ---------------------------------------------------------------------- */

/* A row that jane may end holds the door open. */
static struct mode_row *make_open(struct world *w)
{
    world_make(w);
    w->policy.holder.person.first_credential = true;
    struct mode_row *row = add_mode(w, "a", TIER_ROUTINE, WISH_UNLOCKED);
    row->hours = hours_of(office, 1);
    row->allow_manual_end = true;
    return row;
}

static void expect_ended(struct world *w)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, REASON_HOLD_OPEN_ENDED);
    assert_int_equal(v.decision, DECISION_GRANTED);
    assert_int_equal(v.mode, MODE_UNLOCKED);
    assert_int_equal(v.release_s, 0);
    assert_false(v.is_extended);
    assert_int_equal(v.latch, LATCH_THEM_ENDED);
    assert_false(v.counts_use);
    assert_false(v.records_pass);
    assert_int_equal(v.n_floors, 0);
    assert_true(v.via.present);
    assert_string_equal(v.via.id.s, "role");
}

static void a_first_credential_ends_a_window_that_may_be_ended(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    struct id floors[] = {id_of("attic")};
    w.entitlements[0].floors = (struct id_list){floors, 1};
    w.policy.holder.person.extended_release = true;
    expect_ended(&w);
    add_latch(&w, "a", LATCH_ENDED, NOON + 10);
    w.policy.holder.person.extended_release = false;
    expect_granted(&w); /* the door is locked now */
}

static void only_who_has_first_credential_ends_a_window(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    w.policy.holder.person.first_credential = false;
    expect_already_unlocked(&w);
    make_open(&w)->allow_manual_end = false;
    expect_already_unlocked(&w);
}

static void every_row_that_holds_the_door_open_must_allow_its_end(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    struct mode_row *b = add_mode(&w, "b", TIER_ROUTINE, WISH_UNLOCKED);
    expect_already_unlocked(&w);
    b->allow_manual_end = true;
    expect_ended(&w);
    w.modes[0].allow_manual_end = false;
    expect_already_unlocked(&w);
    w.modes[0].tier = TIER_ONE_TIME; /* it decides alone */
    expect_already_unlocked(&w);
    w.modes[0].allow_manual_end = true;
    b->allow_manual_end = false;
    expect_ended(&w);
}

static void a_window_that_was_opened_by_a_read_can_be_ended_by_one(void **state)
{
    (void)state;
    struct world w;
    make_open(&w)->wish = WISH_FIRST_CREDENTIAL;
    expect_granted(&w);
    add_latch(&w, "a", LATCH_OPEN, NOON + 10);
    expect_ended(&w);
}

static void who_would_not_be_let_in_ends_nothing(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    w.policy.n_entitlements = 0;
    expect_already_unlocked(&w);
    make_open(&w);
    w.policy.site.max_policy_age_s[CLASS_PERSONAL] = 0;
    expect_already_unlocked(&w);
    make_open(&w);
    w.door.door.factors = FACTORS_CARD_AND_PIN; /* a missing PIN is a failure, and waits not */
    expect_already_unlocked(&w);
    make_open(&w);
    w.policy.holder.credential.uses_total = 0;
    expect_already_unlocked(&w);
    make_open(&w);
    w.situation.is_interlocked = true;
    expect_already_unlocked(&w);
    make_open(&w);
    w.situation.is_controller_online = false;
    expect_already_unlocked(&w);
}

static void a_failed_end_leaves_nothing_of_its_checks(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    w.policy.reader.n_areas = 1;
    w.areas[0] = area_of("hall", true);
    expect_already_unlocked(&w); /* no violation is told */
    w.areas[0].antipassback = ANTIPASSBACK_LOG;
    w.situation.is_interlocked = true;
    expect_already_unlocked(&w);
    w.door.door.factors = FACTORS_CARD_AND_PIN;
    w.request.has_pin = true;
    w.policy.duress_pin = (struct pin_facts){
        .is_known = true, .person = id_of("jane"), .is_enabled = true, .validity = always()};
    expect_already_unlocked(&w);
    assert_false(decide(&w).duress);
    w.policy.holder.duress = true;
    expect_already_unlocked(&w);
    assert_true(decide(&w).duress);
}

static void an_end_asks_for_no_second_person(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    w.door.door.factors = FACTORS_TWO_PERSON;
    expect_ended(&w);
}

static void a_trace_of_an_end_goes_on_to_check_14(void **state)
{
    (void)state;
    struct world w;
    make_open(&w);
    struct verdict v = access_decide(&w.request, &w.facts, &w.trace);
    expect_reason(v.reason, REASON_HOLD_OPEN_ENDED);
    assert_int_equal(w.trace.n_checks, 15);
    w.policy.holder.person.first_credential = false;
    v = access_decide(&w.request, &w.facts, &w.trace);
    expect_reason(v.reason, REASON_ALREADY_UNLOCKED);
    assert_int_equal(w.trace.n_checks, 8);
    expect_reason(w.trace.check[7], REASON_GRANTED);
}

/* --- commands ------------------------------------------------------------------------ */

static void a_release_by_command_needs_a_door_and_its_hardware(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    expect_reason(access_admin_release(&w.facts), REASON_GRANTED);
    w.situation.is_controller_online = false;
    expect_reason(access_admin_release(&w.facts), REASON_CONTROLLER_OFFLINE);
    w.situation.is_interlocked = true;
    expect_reason(access_admin_release(&w.facts), REASON_INTERLOCK);
    w.door.is_lockdown = true;
    expect_reason(access_admin_release(&w.facts), REASON_DOOR_LOCKED_DOWN);
    w.policy.door_known = false;
    expect_reason(access_admin_release(&w.facts), REASON_DOOR_UNKNOWN);
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_UNKNOWN);
    w.policy.is_available = false;
    expect_reason(access_admin_release(&w.facts), REASON_POLICY_UNAVAILABLE);
    expect_reason(access_hold_open(&w.facts), REASON_POLICY_UNAVAILABLE);
}

static void a_release_by_command_works_whatever_shuts_the_door_but_a_lockdown(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.policy.reader_known = false; /* a command needs no reader and no holder */
    w.policy.n_entitlements = 0;
    w.door.door.licensed = false;
    w.door.rules.is_set = w.door.rules.block = true;
    expect_reason(access_admin_release(&w.facts), REASON_GRANTED);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    expect_reason(access_admin_release(&w.facts), REASON_GRANTED);
    w.situation.local.is_lockdown = true;
    expect_reason(access_admin_release(&w.facts), REASON_DOOR_LOCKED_DOWN);
}

static void a_release_in_a_lockdown_is_for_sites_that_allow_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.is_lockdown = true;
    w.situation.is_fire = true; /* any lockdown, whatever the mode */
    expect_reason(access_admin_release(&w.facts), REASON_DOOR_LOCKED_DOWN);
    w.policy.site.admin_in_lockdown = true;
    expect_reason(access_admin_release(&w.facts), REASON_GRANTED);
    w.situation.is_interlocked = true;
    expect_reason(access_admin_release(&w.facts), REASON_INTERLOCK);
    world_make(&w);
    add_mode(&w, "a", TIER_ROUTINE, WISH_LOCKED_DOWN);
    expect_reason(access_admin_release(&w.facts), REASON_DOOR_LOCKED_DOWN);
    w.policy.site.admin_in_lockdown = true;
    expect_reason(access_admin_release(&w.facts), REASON_GRANTED);
}

static void a_door_is_held_open_unless_its_mode_forbids_it(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    expect_reason(access_hold_open(&w.facts), REASON_GRANTED);
    w.situation.is_controller_online = false;
    expect_reason(access_hold_open(&w.facts), REASON_GRANTED);
    w.door.rules.is_set = w.door.rules.block = true;
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_BLOCKED);
    w.door.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_FORCED_CLOSED);
    w.situation.local.is_lockdown = true;
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_LOCKED_DOWN);
    w.situation.is_fire = true; /* changes nothing */
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_LOCKED_DOWN);
    assert_true(w.situation.is_fire);
    world_make(&w);
    add_mode(&w, "a", TIER_ONE_TIME, WISH_LOCKED_DOWN);
    expect_reason(access_hold_open(&w.facts), REASON_DOOR_LOCKED_DOWN);
    w.modes[0].wish = WISH_FIRST_CREDENTIAL;
    expect_reason(access_hold_open(&w.facts), REASON_GRANTED);
    w.modes[0].wish = WISH_UNLOCKED;
    expect_reason(access_hold_open(&w.facts), REASON_GRANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mode_that_shuts_the_door_denies),
        cmocka_unit_test(a_lockdown_is_passed_as_if_the_door_were_locked),
        cmocka_unit_test(who_passes_a_lockdown_skips_no_other_check),
        cmocka_unit_test(who_passes_a_lockdown_latches_nothing_and_ends_nothing),
        cmocka_unit_test(a_door_shut_for_another_reason_is_not_passed),
        cmocka_unit_test(an_open_door_is_already_unlocked_whoever_may_pass),
        cmocka_unit_test(an_open_door_is_closed_to_who_is_shut_out),
        cmocka_unit_test(whatever_opens_the_door_gives_the_same_answer),
        cmocka_unit_test(the_first_credential_opens_the_window),
        cmocka_unit_test(a_read_that_is_not_granted_latches_nothing),
        cmocka_unit_test(a_first_credential_opens_no_door_that_is_locked),
        cmocka_unit_test(a_first_credential_ends_a_window_that_may_be_ended),
        cmocka_unit_test(only_who_has_first_credential_ends_a_window),
        cmocka_unit_test(every_row_that_holds_the_door_open_must_allow_its_end),
        cmocka_unit_test(a_window_that_was_opened_by_a_read_can_be_ended_by_one),
        cmocka_unit_test(who_would_not_be_let_in_ends_nothing),
        cmocka_unit_test(a_failed_end_leaves_nothing_of_its_checks),
        cmocka_unit_test(an_end_asks_for_no_second_person),
        cmocka_unit_test(a_trace_of_an_end_goes_on_to_check_14),
        cmocka_unit_test(a_release_by_command_needs_a_door_and_its_hardware),
        cmocka_unit_test(a_release_by_command_works_whatever_shuts_the_door_but_a_lockdown),
        cmocka_unit_test(a_release_in_a_lockdown_is_for_sites_that_allow_it),
        cmocka_unit_test(a_door_is_held_open_unless_its_mode_forbids_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
