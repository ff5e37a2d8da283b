/* What the cloud denied, in front of the policy: it takes away, and nothing else; and it goes when
 * the policy has made up for it. */
#include "policy_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/gatehoused/denials.h"

static struct denials denials;
static struct policy_facts facts; /* what the store below answers */
static struct entitlement_facts entitlements[3];
static enum gh_err below_err;

static enum gh_err ask_below(void *self, const struct policy_query *query, struct policy_facts *out)
{
    (void)self;
    (void)query;
    *out = facts;
    out->is_available = below_err == GH_OK;
    return below_err;
}

static enum gh_err version_below(void *self, struct policy_version *out)
{
    (void)self;
    if (below_err == GH_OK)
        *out = facts.version;
    return below_err;
}

static int begin(void **state)
{
    (void)state;
    static const struct policy_store_ops ops = {.ask = ask_below, .version = version_below};
    const struct policy_store below = {&ops, NULL};
    below_err = GH_OK;
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "e%d", i);
        entitlements[i] = entitlement(id);
    }
    facts = (struct policy_facts){.version = {.epoch = 1, .rev = 10},
                                  .reader_known = true,
                                  .entitlements = entitlements,
                                  .n_entitlements = 3};
    facts.holder = (struct holder_facts){.credential_known = true,
                                         .credential_id = id_of("c"),
                                         .person_known = true,
                                         .credential.person = id_of("ann")};
    facts.pin = (struct pin_facts){
        .is_known = true, .credential_id = id_of("p"), .person = id_of("ann"), .is_enabled = true};
    facts.duress_pin = facts.pin;
    facts.duress_pin.credential_id = id_of("q");
    denials_init(&denials, &below);
    return 0;
}

static int end(void **state)
{
    (void)state;
    denials_free(&denials);
    return 0;
}

static struct policy_facts asked(void)
{
    struct policy_facts out;
    const struct policy_query query = {.bits = 0};
    struct policy_store store = denials_port(&denials);
    assert_int_equal(store.ops->ask(store.self, &query, &out), GH_OK);
    assert_true(out.is_available);
    return out;
}

static enum gh_err deny(enum row_kind kind, const char *id, int64_t rev)
{
    struct id row = id_of(id);
    return denials_add(&denials, kind, &row, rev);
}

static void nothing_is_denied_that_nobody_denied(void **state)
{
    (void)state;
    assert_int_equal(deny(ROW_PERSON, "ben", 11), GH_OK);
    assert_int_equal(deny(ROW_CREDENTIAL, "ann", 11), GH_OK); /* another kind */
    assert_int_equal(deny(ROW_ENTITLEMENT, "c", 11), GH_OK);
    struct policy_facts got = asked();
    assert_false(got.holder.person_denied || got.holder.credential_denied);
    assert_true(got.pin.is_enabled && got.duress_pin.is_enabled);
    assert_int_equal(got.n_entitlements, 3);
}

static void who_and_what_is_denied_counts_as_not_enabled(void **state)
{
    (void)state;
    assert_int_equal(deny(ROW_PERSON, "ann", 11), GH_OK);
    assert_int_equal(deny(ROW_CREDENTIAL, "c", 11), GH_OK);
    assert_int_equal(deny(ROW_CREDENTIAL, "p", 11), GH_OK);
    assert_int_equal(deny(ROW_CREDENTIAL, "q", 11), GH_OK);
    assert_int_equal(deny(ROW_ENTITLEMENT, "e1", 11), GH_OK);
    struct policy_facts got = asked();
    assert_true(got.holder.person_denied && got.holder.credential_denied);
    assert_false(got.pin.is_enabled || got.duress_pin.is_enabled);
    assert_int_equal(got.n_entitlements, 2);
    assert_string_equal(got.entitlements[0].id.s, "e0");
    assert_string_equal(got.entitlements[1].id.s, "e2");
    assert_string_equal(entitlements[1].id.s, "e1"); /* the store's own list is as it was */
}

static void a_denial_goes_with_a_policy_of_its_rev_and_not_before(void **state)
{
    (void)state;
    assert_int_equal(deny(ROW_PERSON, "ann", 12), GH_OK);
    facts.version.rev = 11;
    assert_true(asked().holder.person_denied);
    facts.version.rev = 12;
    assert_false(asked().holder.person_denied);
    facts.version.rev = 11; /* gone for good */
    assert_false(asked().holder.person_denied);
}

static void one_of_the_policy_in_force_holds_until_there_is_another(void **state)
{
    (void)state;
    assert_int_equal(deny(ROW_PERSON, "ann", 10), GH_OK);
    assert_true(asked().holder.person_denied);
    facts.version.rev = 11;
    assert_false(asked().holder.person_denied);
}

static void one_that_comes_again_takes_the_higher_rev(void **state)
{
    (void)state;
    assert_int_equal(deny(ROW_PERSON, "ann", 14), GH_OK);
    assert_int_equal(deny(ROW_PERSON, "ann", 12), GH_OK);
    facts.version.rev = 13;
    assert_true(asked().holder.person_denied);
    assert_int_equal(denials.n, 1);
}

static void while_the_policy_cannot_be_asked_it_is_kept(void **state)
{
    (void)state;
    struct policy_facts out;
    const struct policy_query query = {.bits = 0};
    struct policy_store store = denials_port(&denials);
    below_err = GH_RETRY;
    assert_int_equal(deny(ROW_PERSON, "ann", 11), GH_OK);
    assert_int_equal(store.ops->ask(store.self, &query, &out), GH_RETRY);
    assert_false(out.is_available);
    below_err = GH_OK;
    assert_true(asked().holder.person_denied);
}

static void what_cannot_be_denied_is_not(void **state)
{
    (void)state;
    struct id none = {""};
    assert_int_equal(deny(ROW_DOOR, "front", 11), GH_INVALID);
    assert_int_equal(deny(ROW_PERSON, "ann", -1), GH_INVALID);
    assert_int_equal(denials_add(&denials, ROW_PERSON, &none, 11), GH_INVALID);
    assert_int_equal(denials.n, 0);
}

static void there_is_a_bound_and_room_again_behind_it(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < DENIALS_MAX; i++) {
        snprintf(id, sizeof id, "x%d", i);
        assert_int_equal(deny(ROW_PERSON, id, 11), GH_OK);
    }
    assert_int_equal(deny(ROW_PERSON, "ann", 12), GH_FULL);
    assert_int_equal(deny(ROW_PERSON, "x7", 12), GH_OK); /* known */
    facts.version.rev = 11;
    assert_int_equal(deny(ROW_PERSON, "ann", 12), GH_OK);
    assert_int_equal(denials.n, 2);
    assert_true(asked().holder.person_denied);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_denied_that_nobody_denied),
        T(who_and_what_is_denied_counts_as_not_enabled),
        T(a_denial_goes_with_a_policy_of_its_rev_and_not_before),
        T(one_of_the_policy_in_force_holds_until_there_is_another),
        T(one_that_comes_again_takes_the_higher_rev),
        T(while_the_policy_cannot_be_asked_it_is_kept),
        T(what_cannot_be_denied_is_not),
        T(there_is_a_bound_and_room_again_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
