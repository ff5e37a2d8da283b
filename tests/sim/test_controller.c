/* The controller in virtual time: the road of a read, repeats, kills, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/world.h"

#define FEEDBACK "gatehouse/v1/readers/r0/feedback"

static int setup(void **state)
{
    struct world *w = malloc(sizeof *w);
    world_make(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_end(*state);
    free(*state);
    return 0;
}

static void a_granted_read_releases_before_and_answers_after_the_disk(void **state)
{
    struct world *w = *state;
    world_present(w, 0, 0, "a", 0);
    assert_true(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"read_id\":\"a\"", "\"granted\""), 1);
    assert_int_equal(world_count(w, FEEDBACK, NULL), 0);
    world_sync(w);
    assert_int_equal(world_count(w, FEEDBACK, "\"decision\":\"granted\""), 1);
    assert_int_equal(world_count(w, "gatehouse/v1/events", "\"read_id\":\"a\""), 1);
    world_pass(w, 1999);
    assert_true(world_is_released(w, 0));
    world_pass(w, 1);
    assert_false(world_is_released(w, 0));
}

/* Each question is a transaction: some microseconds before the relay, and as many system calls. */
static void a_granted_read_asks_the_policy_once(void **state)
{
    struct world *w = *state;
    size_t before = w->n_asked;
    world_present(w, 0, 0, "a", 0);
    assert_true(world_is_released(w, 0));
    assert_int_equal(w->n_asked, before + 1);
}

static void a_second_asks_the_policy_once_for_all_doors(void **state)
{
    struct world *w = *state;
    world_pass(w, 1000);
    size_t before = w->n_asked;
    world_pass(w, 1000);
    assert_int_equal(w->n_asked, before + 1);
    w->generation++;
    world_pass(w, 1000);
    assert_int_equal(w->n_asked, before + 2 + WORLD_DOORS);
    world_pass(w, 1000);
    assert_int_equal(w->n_asked, before + 3 + WORLD_DOORS);
}

static void a_maglock_and_an_active_low_relay_release_alike(void **state)
{
    struct world *w = *state;
    for (int d = 0; d < WORLD_DOORS; d++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", d);
        assert_false(world_is_released(w, d));
        world_present(w, d, 1, id, 0);
        assert_true(world_is_released(w, d));
        world_pass(w, 10000);
        assert_false(world_is_released(w, d));
        assert_int_equal(hal_sim_edges(w->sim, d), 2);
    }
}

static void a_denied_read_moves_no_relay_and_is_answered(void **state)
{
    struct world *w = *state;
    world_present(w, 0, 2, "a", 0);
    world_present(w, 0, 3, "b", 0);
    world_present(w, 0, 9, "c", 0);
    world_sync(w);
    assert_int_equal(hal_sim_edges(w->sim, 0), 0);
    assert_int_equal(world_count(w, FEEDBACK, "no_permission"), 1);
    assert_int_equal(world_count(w, FEEDBACK, "person_disabled"), 1);
    assert_int_equal(world_count(w, FEEDBACK, "credential_unknown"), 1);
}

static void a_repeat_acts_once_and_is_answered_from_the_first_decision(void **state)
{
    struct world *w = *state;
    world_present(w, 0, 0, "a", 0);
    world_present(w, 0, 0, "a", 100); /* the answer is on its way: no second one */
    world_sync(w);
    assert_int_equal(world_count(w, FEEDBACK, NULL), 1);
    world_pass(w, 3000);
    world_present(w, 0, 0, "a", 900000); /* too old, but known */
    world_present(w, 0, 2, "a", 0);      /* whatever it says now */
    world_sync(w);
    assert_int_equal(world_count(w, FEEDBACK, "\"decision\":\"granted\""), 3);
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 1);
    assert_int_equal(hal_sim_edges(w->sim, 0), 2);
    world_present(w, 1, 0, "a", 0); /* another reader's id is another read */
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 2);
}

static void a_repeat_after_a_kill_completes_what_is_left_of_the_release(void **state)
{
    struct world *w = *state;
    world_present(w, 2, 0, "a", 0); /* 4 s */
    world_kill(w);
    world_start(w);
    assert_false(world_is_released(w, 2));
    world_pass(w, 1499);
    world_present(w, 2, 0, "a", 1500);
    assert_true(world_is_released(w, 2));
    assert_int_equal(world_count(w, "gatehouse/v1/readers/r2/feedback", "granted"), 1);
    world_pass(w, 2499);
    assert_true(world_is_released(w, 2));
    world_pass(w, 1);
    assert_false(world_is_released(w, 2));
    world_present(w, 2, 0, "a", 9000); /* and no more than that */
    assert_false(world_is_released(w, 2));
    assert_int_equal(world_events(w, "\"kind\":\"access\"", NULL), 1);
}

static void a_repeat_of_an_answered_read_releases_nothing_after_a_kill(void **state)
{
    struct world *w = *state;
    world_present(w, 2, 0, "a", 0);
    world_sync(w);
    world_kill(w);
    world_start(w);
    world_present(w, 2, 0, "a", 100);
    assert_int_equal(hal_sim_edges(w->sim, 2), 0);
    assert_int_equal(world_count(w, "gatehouse/v1/readers/r2/feedback", "granted"), 2);
}

static void a_repeat_of_an_answer_that_the_broker_never_had_completes_the_release(void **state)
{
    struct world *w = *state;
    w->broker_is_slow = true;
    world_present(w, 2, 0, "a", 0);
    world_sync(w); /* the answer is sent; nobody has it */
    world_kill(w);
    world_start(w);
    world_present(w, 2, 0, "a", 100);
    assert_true(world_is_released(w, 2));
    world_broker_answers(w);
    world_kill(w);
    world_start(w);
    world_present(w, 2, 0, "a", 200); /* now it was answered */
    assert_false(world_is_released(w, 2));
}

static void a_retained_repeat_completes_nothing(void **state)
{
    struct world *w = *state;
    w->broker_is_slow = true;
    world_present(w, 2, 0, "a", 0);
    world_sync(w);
    world_kill(w);
    world_start(w);
    world_message(w, "gatehouse/v1/readers/r2/read",
                  "{\"id\":\"a\",\"type\":\"card\",\"value\":\"CA4D0\",\"age_ms\":0}", true);
    assert_int_equal(hal_sim_edges(w->sim, 2), 0);
}

static void a_repeat_is_not_answered_before_the_disk_has_the_first(void **state)
{
    struct world *w = *state;
    char id[16];
    for (int i = 0; i < OUTBOX_SLOTS + 88; i++) { /* more than the outbox holds */
        snprintf(id, sizeof id, "m%d", i);
        world_present(w, 0, 2, id, 0);
    }
    world_present(w, 0, 2, id, 0);
    assert_int_equal(world_count(w, FEEDBACK, NULL), 0);
    world_sync(w);
    world_present(w, 0, 2, id, 0);
    snprintf(id, sizeof id, "\"m%d\"", OUTBOX_SLOTS + 87);
    assert_int_equal(world_count(w, FEEDBACK, id), 1);
}

static void a_stop_locks_what_was_released(void **state)
{
    struct world *w = *state;
    for (int d = 0; d < WORLD_DOORS; d++) {
        char id[8];
        snprintf(id, sizeof id, "s%d", d);
        world_present(w, d, 0, id, 0);
        assert_true(world_is_released(w, d));
    }
    controller_stopped(&w->controller, w->now);
    for (int d = 0; d < WORLD_DOORS; d++)
        assert_false(world_is_released(w, d));
}

static void a_board_that_comes_back_releases_nothing(void **state)
{
    struct world *w = *state;
    hal_sim_set_gone(w->sim, true);
    world_present(w, 2, 0, "a", 0); /* nobody had noticed yet */
    assert_int_equal(world_events(w, "relay_fault", "\"door\":\"d2\""), 1);
    hal_sim_set_gone(w->sim, false);
    world_pass(w, 1000);
    assert_int_equal(hal_sim_edges(w->sim, 2), 0);
    world_present(w, 2, 0, "b", 0);
    assert_true(world_is_released(w, 2));
}

static void after_a_reboot_a_repeat_is_answered_and_releases_nothing(void **state)
{
    struct world *w = *state;
    world_present(w, 2, 0, "a", 0);
    w->durable = w->n_events; /* on disk, the answer not sent */
    world_power_cut(w);
    world_start(w);
    world_present(w, 2, 0, "a", 3000);
    assert_int_equal(hal_sim_edges(w->sim, 2), 0);
    assert_int_equal(world_count(w, "gatehouse/v1/readers/r2/feedback", "granted"), 1);
}

static void a_read_lost_in_a_power_cut_is_decided_when_it_is_repeated(void **state)
{
    struct world *w = *state;
    world_present(w, 0, 0, "a", 0);
    world_power_cut(w);
    world_start(w);
    world_present(w, 0, 0, "a", 4000);
    assert_true(world_is_released(w, 0));
    assert_int_equal(world_events(w, "\"read_id\":\"a\"", NULL), 1);
    world_present(w, 0, 0, "b", 5001);
    world_sync(w);
    assert_int_equal(world_count(w, FEEDBACK, "read_stale"), 1);
}

static void a_late_read_opens_nothing(void **state)
{
    struct world *w = *state;
    world_present(w, 0, 0, "a", 5001);
    world_present(w, 0, 0, "b", -1); /* cannot prove its age */
    world_sync(w);
    assert_int_equal(hal_sim_edges(w->sim, 0), 0);
    assert_int_equal(world_count(w, FEEDBACK, "read_stale"), 2);
    world_present(w, 0, 0, "c", 5000);
    assert_true(world_is_released(w, 0));
}

static void a_retained_read_is_refused_journalled_and_cleared(void **state)
{
    struct world *w = *state;
    static const char topic[] = "gatehouse/v1/readers/r0/read";
    world_message(w, topic, "{\"id\":\"a\",\"type\":\"card\",\"value\":\"CA4D0\",\"age_ms\":0}", true);
    world_message(w, topic, "", true); /* our own clearing comes back */
    world_sync(w);
    assert_int_equal(hal_sim_edges(w->sim, 0), 0);
    assert_int_equal(world_events(w, "\"retained_refused\"", NULL), 1);
    assert_int_equal(world_events(w, "read_stale", NULL), 1);
    assert_int_equal(world_count(w, topic, NULL), 1);
    assert_int_equal(world_count(w, FEEDBACK, "read_stale"), 1);
}

static void a_malformed_read_is_journalled_and_answered_where_it_can_be(void **state)
{
    struct world *w = *state;
    char huge[BUS_PAYLOAD_MAX + 2];
    memset(huge, ' ', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    static const char *const bad[] = {"", "{", "[]", "nonsense", "{\"id\":\"x1\"}", "{\"id\":5}",
                                      "\xff\xfe", "{\"id\":\"x2\",\"type\":\"wand\",\"value\":\"1\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        world_message(w, "gatehouse/v1/readers/r0/read", bad[i], false);
    world_message(w, "gatehouse/v1/readers/r0/read", huge, false);
    world_sync(w);
    assert_int_equal(world_events(w, "read_malformed", "\"reader\":\"r0\""), 9);
    assert_int_equal(world_count(w, FEEDBACK, "\"id\":\"x1\""), 1);
    assert_int_equal(world_count(w, FEEDBACK, "\"id\":null"), 7);
    assert_int_equal(w->controller.stats.malformed, 9);
}

static void a_topic_that_names_no_reader_is_counted_and_no_more(void **state)
{
    struct world *w = *state;
    static const char *const topics[] = {"gatehouse/v1/readers//read", "gatehouse/v1/readers/a b/read",
                                         "gatehouse/v1/readers/r0/reads", "x", ""};
    size_t before = w->n_events;
    for (size_t i = 0; i < 5; i++)
        world_message(w, topics[i], "{}", false);
    assert_int_equal(w->n_events, before);
    assert_int_equal(w->controller.stats.malformed, 5);
}

static void a_policy_that_cannot_be_read_denies(void **state)
{
    struct world *w = *state;
    w->policy_broken = true;
    world_present(w, 0, 0, "a", 0);
    world_sync(w);
    assert_int_equal(hal_sim_edges(w->sim, 0), 0);
    assert_int_equal(world_count(w, FEEDBACK, "policy_unavailable"), 1);
    w->policy_broken = false;
    world_present(w, 0, 0, "b", 0);
    assert_true(world_is_released(w, 0));
}

static void an_unknown_reader_is_denied_and_named(void **state)
{
    struct world *w = *state;
    world_present(w, 7, 0, "a", 0);
    world_sync(w);
    assert_int_equal(world_events(w, "reader_unknown", "\"reader\":\"r7\""), 1);
    assert_int_equal(world_count(w, "gatehouse/v1/readers/r7/feedback", "reader_unknown"), 1);
}

static void doors_go_on_when_the_journal_cannot_be_written(void **state)
{
    struct world *w = *state;
    w->journal_full = true;
    world_present(w, 0, 0, "a", 0);
    assert_true(world_is_released(w, 0));
    assert_int_equal(world_count(w, FEEDBACK, "granted"), 1); /* there is no disk to wait for */
    w->journal_full = false;
    world_present(w, 0, 0, "b", 0);
    assert_int_equal(world_events(w, "\"read_id\":\"b\"", NULL), 1);
}

static void a_board_that_is_gone_denies_says_so_once_and_comes_back(void **state)
{
    struct world *w = *state;
    hal_sim_set_gone(w->sim, true);
    world_pass(w, 5000);
    world_present(w, 0, 0, "a", 0);
    world_sync(w);
    assert_int_equal(world_count(w, FEEDBACK, "controller_offline"), 1);
    assert_int_equal(world_events(w, "relay_fault", "\"door\":\"d0\""), 1);
    hal_sim_set_gone(w->sim, false);
    world_pass(w, 1000);
    world_present(w, 0, 0, "b", 0);
    assert_true(world_is_released(w, 0));
}

static void a_relay_that_sticks_is_a_fault(void **state)
{
    struct world *w = *state;
    hal_sim_set_stuck(w->sim, 0, true);
    world_present(w, 0, 0, "a", 0);
    assert_int_equal(world_events(w, "relay_fault", "\"door\":\"d0\""), 1);
}

static struct command_outcome release(struct world *w, const char *door, struct now now)
{
    struct command command = {.action = COMMAND_RELEASE,
                              .has_door = true,
                              .until = INSTANT_NONE,
                              .not_after = INSTANT_NONE,
                              .by = "local:root"};
    assert_int_equal(id_set(&command.door, slice_of(door)), GH_OK);
    return controller_command(&w->controller, &command, now);
}

static void a_release_by_command_is_journalled_with_who_asked(void **state)
{
    struct world *w = *state;
    struct command_outcome v = release(w, "d1", w->now);
    assert_int_equal(v.result, COMMAND_DONE);
    assert_int_equal(v.release_s, 3);
    assert_true(world_is_released(w, 1));
    assert_int_equal(world_events(w, "\"by\":\"local:root\"", "\"result\":\"done\""), 1);
    v = release(w, "d9", w->now);
    assert_int_equal(v.reason, REASON_DOOR_UNKNOWN);
    assert_int_equal(world_events(w, "door_unknown", "\"result\":\"refused\""), 1);
    struct now untrusted = w->now;
    untrusted.wall.trust = CLOCK_UNSET;
    v = release(w, "d1", untrusted);
    assert_int_equal(v.reason, REASON_CLOCK_UNTRUSTED);
}

static void a_step_of_the_wall_clock_is_an_event_and_changes_no_release(void **state)
{
    struct world *w = *state;
    world_pass(w, 1000);
    world_present(w, 0, 0, "a", 0);
    w->now.wall.s += 315360000;
    world_pass(w, 1999);
    assert_true(world_is_released(w, 0));
    world_pass(w, 1);
    assert_false(world_is_released(w, 0));
    assert_int_equal(world_events(w, "clock_step", NULL), 1);
    w->now.wall.s -= 630720000;
    world_pass(w, 5000);
    assert_int_equal(world_events(w, "clock_step", NULL), 2);
}

static void a_flood_is_one_event_and_the_other_readers_go_on(void **state)
{
    struct world *w = *state;
    w->controller.limits.per_s = 10;
    w->controller.limits.burst = 20;
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "f%d", i);
        world_present(w, 0, 2, id, 0);
    }
    assert_int_equal(world_events(w, "\"kind\":\"access\"", "\"reader\":\"r0\""), 20);
    assert_true(w->controller.stats.flooded == 980);
    world_present(w, 1, 0, "other", 0);
    assert_true(world_is_released(w, 1));
    world_pass(w, 20000);
    assert_int_equal(world_events(w, "reader_flooding", "\"reader\":\"r0\""), 1);
}

/* --- a generated walk -------------------------------------------------------------------- */

#define WALK_STEPS 3000

struct walk {
    struct world *w;
    unsigned rng;
    int next_id;
};

static unsigned draw(struct walk *k, unsigned below)
{
    k->rng ^= k->rng << 13;
    k->rng ^= k->rng >> 17;
    k->rng ^= k->rng << 5;
    return k->rng % below;
}

/* Every release has a granted event at its door, young enough to cover it. */
static void check_causes(struct walk *k)
{
    struct world *w = k->w;
    for (int d = 0; d < WORLD_DOORS; d++) {
        bool caused = false;
        for (size_t i = 0; i < w->n_events; i++) {
            const struct repeat *r = &w->repeat[i];
            caused = caused || (r->decision == DECISION_GRANTED && r->door.s[1] == '0' + d &&
                                r->at.ms >= w->boot.ms && r->at.ms + r->release_ms > w->now.mono.ms);
        }
        if (world_is_released(w, d) && !caused)
            fail_msg("door d%d is released without a cause", d);
    }
}

static void check_answers(struct walk *k)
{
    struct world *w = k->w;
    for (size_t i = 0; i < w->n_events; i++) {
        const struct repeat *a = &w->repeat[i];
        for (size_t j = 0; j < i && !id_is_none(&a->reader); j++)
            if (id_equal(&a->reader, &w->repeat[j].reader) && id_equal(&a->read_id, &w->repeat[j].read_id))
                fail_msg("read %s of %s was decided twice", a->read_id.s, a->reader.s);
    }
    for (size_t i = 0; i < w->n_sent; i++) {
        const struct world_sent *s = &w->sent[i];
        const char *id = strstr(s->topic, "/feedback") ? strstr(s->payload, "\"id\":\"") : NULL;
        if (!id)
            continue;
        struct id reader = {{s->topic[21], s->topic[22]}}, read_id = {""};
        snprintf(read_id.s, sizeof read_id.s, "%.*s", (int)strcspn(id + 6, "\""), id + 6);
        for (size_t j = 0; j < w->n_events; j++) {
            const struct repeat *r = &w->repeat[j];
            if (!id_equal(&r->reader, &reader) || !id_equal(&r->read_id, &read_id))
                continue;
            assert_true(j < s->durable); /* never answered before the disk has it */
            assert_non_null(strstr(s->payload, reason_name(r->reason)));
        }
    }
}

static void step(struct walk *k)
{
    char id[16];
    struct world *w = k->w;
    switch (draw(k, 12)) {
    case 0: case 1: case 2: case 3:
        snprintf(id, sizeof id, "n%d", k->next_id++);
        world_present(w, (int)draw(k, 4), (int)draw(k, 5), id, (int64_t)draw(k, 7000));
        break;
    case 4: case 5:
        if (k->next_id > 0) {
            snprintf(id, sizeof id, "n%d", k->next_id - 1 - (int)draw(k, k->next_id < 5 ? (unsigned)k->next_id : 5));
            world_present(w, (int)draw(k, 4), (int)draw(k, 5), id, (int64_t)draw(k, 7000));
        }
        break;
    case 6: case 7: world_pass(w, draw(k, 1500)); break;
    case 8: case 9: world_sync(w); break;
    case 10: w->bus_down = draw(k, 3) == 0; break;
    default:
        if (draw(k, 8) == 0) {
            world_kill(w);
            world_start(w);
        } else if (draw(k, 20) == 0) {
            world_power_cut(w);
            world_start(w);
        }
    }
}

static void in_any_world_no_door_opens_without_cause_and_no_read_counts_twice(void **state)
{
    struct walk k = {.w = *state};
    const char *given = getenv("GATEHOUSE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    k.rng = seed ? seed : 1;
    print_message("GATEHOUSE_SEED=%u\n", seed);
    for (int i = 0; i < WALK_STEPS; i++) {
        step(&k);
        check_causes(&k);
    }
    k.w->bus_down = false;
    world_sync(k.w);
    check_answers(&k);
    world_pass(k.w, 10000);
    for (int d = 0; d < WORLD_DOORS; d++)
        assert_false(world_is_released(k.w, d));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_granted_read_releases_before_and_answers_after_the_disk),
        TEST(a_granted_read_asks_the_policy_once),
        TEST(a_second_asks_the_policy_once_for_all_doors),
        TEST(a_maglock_and_an_active_low_relay_release_alike),
        TEST(a_denied_read_moves_no_relay_and_is_answered),
        TEST(a_repeat_acts_once_and_is_answered_from_the_first_decision),
        TEST(a_repeat_after_a_kill_completes_what_is_left_of_the_release),
        TEST(a_repeat_of_an_answered_read_releases_nothing_after_a_kill),
        TEST(a_repeat_of_an_answer_that_the_broker_never_had_completes_the_release),
        TEST(a_retained_repeat_completes_nothing),
        TEST(a_repeat_is_not_answered_before_the_disk_has_the_first),
        TEST(a_stop_locks_what_was_released),
        TEST(a_board_that_comes_back_releases_nothing),
        TEST(after_a_reboot_a_repeat_is_answered_and_releases_nothing),
        TEST(a_read_lost_in_a_power_cut_is_decided_when_it_is_repeated),
        TEST(a_late_read_opens_nothing),
        TEST(a_retained_read_is_refused_journalled_and_cleared),
        TEST(a_malformed_read_is_journalled_and_answered_where_it_can_be),
        TEST(a_topic_that_names_no_reader_is_counted_and_no_more),
        TEST(a_policy_that_cannot_be_read_denies),
        TEST(an_unknown_reader_is_denied_and_named),
        TEST(doors_go_on_when_the_journal_cannot_be_written),
        TEST(a_board_that_is_gone_denies_says_so_once_and_comes_back),
        TEST(a_relay_that_sticks_is_a_fault),
        TEST(a_release_by_command_is_journalled_with_who_asked),
        TEST(a_step_of_the_wall_clock_is_an_event_and_changes_no_release),
        TEST(a_flood_is_one_event_and_the_other_readers_go_on),
        TEST(in_any_world_no_door_opens_without_cause_and_no_read_counts_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
