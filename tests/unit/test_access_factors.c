/* The decision: PIN, card and PIN, two persons, duress. */
#include "unit/policy_world.h"

static const struct schedule_window office[] = {{WORKDAYS, HM(8, 0), HM(18, 0)}};
static const struct schedule_window evening[] = {{EVERY_DAY, HM(18, 0), HM(22, 0)}};

static struct pin_facts pin_of(const char *person)
{
    return (struct pin_facts){.is_known = true,
                              .credential_id = id_of("pin-1"),
                              .person = id_of(person),
                              .is_enabled = true,
                              .validity = always()};
}

/* A door that asks for card and PIN, and jane offers hers. */
static void make_card_and_pin(struct world *w)
{
    world_make(w);
    w->door.door.factors = FACTORS_CARD_AND_PIN;
    w->request.has_pin = true;
    w->policy.pin = pin_of("jane");
}

static void a_card_with_its_persons_pin_is_granted(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    expect_granted(&w);
    assert_false(decide(&w).duress);
}

static void a_card_without_a_pin_waits_for_it(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.has_pin = false;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.policy.n_entitlements = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void a_pin_that_is_not_the_persons_is_wrong(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin = pin_of("john");
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin = (struct pin_facts){0};
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin = pin_of("jane");
    w.policy.pin.person = (struct id){""};
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin = pin_of("jane");
    w.policy.pin.is_known = false;
    expect_denied(&w, REASON_PIN_WRONG);
}

static void a_pin_that_is_disabled_or_not_valid_is_wrong(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin.is_enabled = false;
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin = pin_of("jane");
    w.policy.pin.validity = from_until(NOON + 1, INSTANT_NONE);
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin.validity = from_until(INSTANT_NONE, NOON);
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.pin.validity = from_until(NOON, NOON + 1);
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_denied(&w, REASON_PIN_WRONG);
}

static void a_pin_alone_waits_for_a_card_in_vain(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.type = CREDENTIAL_PIN;
    expect_denied(&w, REASON_CARD_REQUIRED);
    w.request.has_pin = false;
    expect_denied(&w, REASON_CARD_REQUIRED);
    w.policy.n_entitlements = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void a_door_that_asks_for_one_factor_takes_a_pin_and_ignores_a_second(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin = pin_of("john");
    w.door.door.factors = FACTORS_SINGLE;
    expect_granted(&w);
    assert_false(access_asks_for_pin(&w.facts));
    w.request.type = CREDENTIAL_PIN;
    expect_granted(&w);
    w.door.door.factors = FACTORS_TWO_PERSON;
    assert_false(access_asks_for_pin(&w.facts));
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
}

static void factors_are_asked_for_within_their_schedule(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.has_pin = false;
    w.door.factor_hours = hours_of(office, 1);
    expect_pending(&w, REASON_PIN_REQUIRED);
    assert_true(access_asks_for_pin(&w.facts));
    w.facts.now.wall.s = NOON + 8 * HOUR;
    expect_granted(&w);
    assert_false(access_asks_for_pin(&w.facts));
    w.facts.now.zone = &berlin; /* 19:00 there, and 17:59:59 two hours before */
    w.facts.now.wall.s = NOON + 7 * HOUR;
    expect_granted(&w);
    w.facts.now.wall.s--;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.facts.now.zone = &utc;
    w.facts.now.wall.s = NOON;
    w.door.factor_hours = hours_of(office, 0);
    expect_granted(&w);
}

static void without_a_clock_factors_are_asked_for(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.has_pin = false;
    w.door.factor_hours = hours_of(evening, 1);
    expect_granted(&w);
    w.facts.now.wall.trust = CLOCK_UNSET;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.facts.now.wall.trust = CLOCK_HOLDOVER;
    expect_granted(&w);
    w.facts.now.zone = &unknown_zone;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.door.door.factors = FACTORS_TWO_PERSON;
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
}

/* --- lockout ------------------------------------------------------------------------- */

static void a_pin_read_is_refused_while_pin_entry_is_locked(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.request.pin_locked = true;
    expect_granted(&w); /* a card is no PIN */
    w.request.type = CREDENTIAL_PIN;
    expect_denied(&w, REASON_PIN_LOCKED_OUT);
    w.policy.holder.credential_known = false; /* whoever it would have been */
    expect_denied(&w, REASON_PIN_LOCKED_OUT);
    w.request.stale = true;
    expect_denied(&w, REASON_READ_STALE);
    w.request.stale = false;
    w.policy.reader.reader.accepts = 1 << CREDENTIAL_CARD;
    expect_denied(&w, REASON_CREDENTIAL_TYPE_NOT_ACCEPTED);
}

static void a_carried_pin_is_refused_while_pin_entry_is_locked_where_it_is_asked_for(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.pin_locked = true;
    expect_denied(&w, REASON_PIN_LOCKED_OUT);
    w.request.has_pin = false;
    expect_pending(&w, REASON_PIN_REQUIRED);
    w.request.has_pin = true;
    w.door.factor_hours = hours_of(evening, 1);
    expect_granted(&w);
    w.door.door.factors = FACTORS_SINGLE;
    expect_granted(&w);
}

static void a_carried_pin_at_no_door_is_not_looked_at(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.request.pin_locked = true;
    w.policy.door_known = false;
    expect_denied(&w, REASON_DOOR_UNKNOWN);
}

/* --- duress -------------------------------------------------------------------------- */

static void a_pin_under_duress_is_granted_and_told(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin = (struct pin_facts){0};
    w.policy.duress_pin = pin_of("jane");
    expect_granted(&w);
    assert_true(decide(&w).duress);
    w.situation.is_controller_online = false; /* told of a denial too */
    expect_denied(&w, REASON_CONTROLLER_OFFLINE);
    assert_true(decide(&w).duress);
}

static void a_pin_of_somebody_else_may_be_this_persons_under_duress(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin = pin_of("john");
    w.policy.duress_pin = pin_of("jane");
    expect_granted(&w);
    assert_true(decide(&w).duress);
}

static void a_pin_under_duress_must_be_good_and_the_persons(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin = (struct pin_facts){0};
    w.policy.duress_pin = pin_of("john");
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.duress_pin = pin_of("jane");
    w.policy.duress_pin.is_enabled = false;
    expect_denied(&w, REASON_PIN_WRONG);
    assert_false(decide(&w).duress);
    w.policy.duress_pin.is_enabled = true;
    w.policy.duress_pin.validity = from_until(INSTANT_NONE, NOON);
    expect_denied(&w, REASON_PIN_WRONG);
    w.policy.duress_pin = (struct pin_facts){0};
    expect_denied(&w, REASON_PIN_WRONG);
}

static void a_disabled_pin_of_the_person_is_wrong_and_no_duress(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.pin.is_enabled = false;
    w.policy.duress_pin = pin_of("jane");
    expect_denied(&w, REASON_PIN_WRONG);
    assert_false(decide(&w).duress);
}

static void a_good_pin_is_no_duress_whatever_the_one_below_it_is(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    w.policy.duress_pin = pin_of("jane");
    expect_granted(&w);
    assert_false(decide(&w).duress);
}

static void a_holder_found_under_duress_is_told_granted_or_denied(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.request.type = CREDENTIAL_PIN;
    w.policy.holder.duress = true;
    expect_granted(&w);
    assert_true(decide(&w).duress);
    w.policy.n_entitlements = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
    assert_true(decide(&w).duress);
    w.policy.holder.person.enabled = false;
    expect_denied(&w, REASON_PERSON_DISABLED);
    assert_true(decide(&w).duress);
    w.policy.holder.person_known = false;
    expect_denied(&w, REASON_CREDENTIAL_UNASSIGNED);
    assert_true(decide(&w).duress);
}

static void who_is_not_known_is_under_no_duress(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.request.type = CREDENTIAL_PIN;
    w.policy.holder.duress = true;
    w.policy.holder.credential_known = false;
    expect_denied(&w, REASON_CREDENTIAL_UNKNOWN);
    assert_false(decide(&w).duress);
    w.policy.holder.credential_known = true;
    w.request.stale = true;
    expect_denied(&w, REASON_READ_STALE);
    assert_false(decide(&w).duress);
}

static void duress_is_told_at_an_open_door(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "open", TIER_ROUTINE, WISH_UNLOCKED);
    w.policy.holder.duress = true;
    expect_already_unlocked(&w);
    assert_true(decide(&w).duress);
    w.policy.holder.duress = false;
    assert_false(decide(&w).duress);
}

/* --- two persons --------------------------------------------------------------------- */

static void the_first_of_two_persons_waits_and_the_second_is_granted(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.door.factors = FACTORS_TWO_PERSON;
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
    w.request.is_second = true;
    expect_granted(&w);
    w.policy.n_entitlements = 0;
    expect_denied(&w, REASON_NO_PERMISSION);
}

static void two_persons_are_asked_for_within_the_schedule(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    w.door.door.factors = FACTORS_TWO_PERSON;
    w.door.factor_hours = hours_of(evening, 1);
    expect_granted(&w);
    w.facts.now.wall.s = NOON + 8 * HOUR;
    expect_pending(&w, REASON_SECOND_PERSON_REQUIRED);
}

static void one_person_is_enough_where_two_are_not_asked_for(void **state)
{
    (void)state;
    struct world w;
    make_card_and_pin(&w);
    expect_granted(&w);
    w.request.is_second = true;
    expect_granted(&w);
}

static void a_door_held_open_asks_for_no_factor(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    add_mode(&w, "open", TIER_ROUTINE, WISH_UNLOCKED);
    w.door.door.factors = FACTORS_TWO_PERSON;
    expect_already_unlocked(&w);
    w.door.door.factors = FACTORS_CARD_AND_PIN;
    expect_already_unlocked(&w);
    w.request.type = CREDENTIAL_PIN;
    expect_already_unlocked(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_with_its_persons_pin_is_granted),
        cmocka_unit_test(a_card_without_a_pin_waits_for_it),
        cmocka_unit_test(a_pin_that_is_not_the_persons_is_wrong),
        cmocka_unit_test(a_pin_that_is_disabled_or_not_valid_is_wrong),
        cmocka_unit_test(a_pin_alone_waits_for_a_card_in_vain),
        cmocka_unit_test(a_door_that_asks_for_one_factor_takes_a_pin_and_ignores_a_second),
        cmocka_unit_test(factors_are_asked_for_within_their_schedule),
        cmocka_unit_test(without_a_clock_factors_are_asked_for),
        cmocka_unit_test(a_pin_read_is_refused_while_pin_entry_is_locked),
        cmocka_unit_test(a_carried_pin_is_refused_while_pin_entry_is_locked_where_it_is_asked_for),
        cmocka_unit_test(a_carried_pin_at_no_door_is_not_looked_at),
        cmocka_unit_test(a_pin_under_duress_is_granted_and_told),
        cmocka_unit_test(a_pin_of_somebody_else_may_be_this_persons_under_duress),
        cmocka_unit_test(a_pin_under_duress_must_be_good_and_the_persons),
        cmocka_unit_test(a_disabled_pin_of_the_person_is_wrong_and_no_duress),
        cmocka_unit_test(a_good_pin_is_no_duress_whatever_the_one_below_it_is),
        cmocka_unit_test(a_holder_found_under_duress_is_told_granted_or_denied),
        cmocka_unit_test(who_is_not_known_is_under_no_duress),
        cmocka_unit_test(duress_is_told_at_an_open_door),
        cmocka_unit_test(the_first_of_two_persons_waits_and_the_second_is_granted),
        cmocka_unit_test(two_persons_are_asked_for_within_the_schedule),
        cmocka_unit_test(one_person_is_enough_where_two_are_not_asked_for),
        cmocka_unit_test(a_door_held_open_asks_for_no_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
