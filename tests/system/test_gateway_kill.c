/* gatehoused is killed and stopped at any moment: nothing that was answered is
 * lost, nothing is done twice, and no door opens without its event.
 *
 *     test_gateway_kill [SEED]     GATEHOUSE_KILL_ROUNDS sets the rounds (50) */
#include "gateway_fixture.h"

#include <signal.h>
#include <unistd.h>

#define ROUNDS 50
#define SIDE 5 /* doors 0-4 and 5-9 take turns */

/* Rows of doors whose releases outlast a life. */
#define LONG_DOORS                                                                                 \
    "{\"k\":\"door\",\"id\":\"d0\",\"d\":{\"release_s\":30}}\n"                                    \
    "{\"k\":\"door\",\"id\":\"d1\",\"d\":{\"release_s\":30}}\n"

#define SHORT_DOOR "{\"k\":\"door\",\"id\":\"d1\",\"d\":{\"release_s\":1}}\n"

/* The whole status of a gateway that is gone. */
#define GONE "{\"online\":false}"

static uint64_t seed;
static int not_completed; /* grants that were answered by a life that did not act on them */

struct attempt {
    char id[32];
    int door;
    bool granted;  /* what its card must get */
    bool pending;  /* presented in an earlier life, not answered there */
    bool released; /* there */
    int64_t born_ns;
};

static uint64_t next_random(uint64_t *r)
{
    *r ^= *r << 13;
    *r ^= *r >> 7;
    *r ^= *r << 17;
    return *r;
}

static int64_t age_ms(const struct attempt *a)
{
    return (wait_now_ns() - a->born_ns) / 1000000;
}

static void send_attempt(const struct attempt *a)
{
    char json[256];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"%s\",\"age_ms\":%" PRId64 "}",
             a->id, a->granted ? CARD_JANE : CARD_BOB, age_ms(a));
    assert_true(sim_reader_send(reader[a->door], json, NULL));
}

static struct feedback repeat_until_answered(const struct attempt *a)
{
    struct feedback f = {0};
    for (int i = 0; i < 100 && sim_reader_feedbacks(reader[a->door], a->id) == 0; i++) {
        send_attempt(a);
        if (sim_reader_wait_feedback(reader[a->door], a->id, 1, REPEAT_MS, &f))
            break;
    }
    if (!f.id[0])
        assert_true(sim_reader_wait_feedback(reader[a->door], a->id, 1, 1, &f));
    return f;
}

/* The life is over, by kill or by stop: all that it sent has arrived once the
 * broker's word that it is gone has. */
static void end_life(bool by_kill, size_t heard)
{
    if (by_kill)
        assert_true(process_kill(&site.gatehoused));
    else
        assert_true(process_stop(&site.gatehoused));
    assert_int_equal(site.gatehoused.status, by_kill ? 128 + SIGKILL : 0);
    assert_true(simwatch_drain(site.watch, WAIT_MS));
    assert_non_null(mqtt_client_wait_text(wire, heard, TOPIC_STATUS, GONE, WAIT_MS));
}

/* How many messages had come before it. */
static size_t begin_life(void)
{
    size_t heard = mqtt_client_count(wire);
    simwatch_close(site.watch);
    site.watch = NULL;
    assert_true(site_start_gatehoused(&site));
    house_assert_quiet();
    return heard;
}

/* A read that an earlier life left without an answer: the repeat is answered, and
 * what was granted is completed. */
static void carry_over(struct attempt *a)
{
    struct feedback f = repeat_until_answered(a);
    assert_string_equal(f.decision, a->granted ? "granted" : "denied");
    size_t releases = house_releases(a->door);
    if (releases > (a->granted ? 1u : 0u) || (releases == 0 && a->granted && !a->released))
        fail_msg("read %s was answered %s and door %d was released %zu times", a->id, f.decision,
                 a->door, releases);
    if (releases == 0 && a->granted) {
        print_message("# read %s: granted, but its release was not completed\n", a->id);
        not_completed++;
    }
    a->pending = false;
}

/* New reads at one side of the house, then the end at any moment. */
static void present_side(struct attempt *side, int round, uint64_t *r)
{
    int first = round % 2 * SIDE;
    for (int i = 0; i < SIDE; i++) {
        struct attempt *a = &side[i];
        *a = (struct attempt){.door = first + i, .granted = next_random(r) % 4 != 0, .pending = true,
                              .born_ns = wait_now_ns()};
        if (a->door == 8)
            a->granted = false; /* its reads prove nothing: stale */
        snprintf(a->id, sizeof a->id, "kill-%d-%d", round, i);
        send_attempt(a);
    }
    switch (next_random(r) % 3) {
    case 0: usleep((useconds_t)(next_random(r) % 4000)); break;
    case 1: /* right after the first relay has moved, before its answer */
        for (int i = 0; i < SIDE; i++)
            if (side[i].granted) {
                simwatch_wait(site.watch, side[i].door,
                              house_is_energized(side[i].door, true), WAIT_MS, NULL);
                break;
            }
        break;
    default: break; /* at once */
    }
}

/* What the board and the readers saw of the life that has ended. */
static void judge_life(struct attempt *side, int *unanswered_releases)
{
    for (int i = 0; i < SIDE; i++) {
        struct attempt *a = &side[i];
        bool answered = sim_reader_feedbacks(reader[a->door], a->id) > 0;
        size_t releases = simwatch_changes(site.watch, a->door, house_is_energized(a->door, true));
        if (releases > (a->granted ? 1u : 0u) || (answered && a->granted && releases != 1))
            fail_msg("read %s: answered %d, granted %d, released %zu times", a->id, answered,
                     a->granted, releases);
        a->pending = !answered;
        a->released = releases == 1;
        *unanswered_releases += releases == 1 && !answered;
    }
}

/* Every read is in the journal once, with the decision that it was told. */
static void judge_journal(int rounds)
{
    struct trail trail;
    size_t access = 0;
    assert_true(trail_read(&trail, &site));
    assert_true(trail_is_chained(&trail, &site));
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < SIDE; i++) {
            char id[32], text[64], decision[64];
            struct feedback f;
            int door = round % 2 * SIDE + i;
            snprintf(id, sizeof id, "kill-%d-%d", round, i);
            snprintf(text, sizeof text, "\"read_id\":\"%s\"", id);
            assert_true(sim_reader_wait_feedback(reader[door], id, 1, 1, &f));
            snprintf(decision, sizeof decision, "\"decision\":\"%s\"", f.decision);
            assert_int_equal(trail_count(&trail, "\"kind\":\"access\"", text), 1);
            assert_int_equal(trail_count(&trail, decision, text), 1);
            access++;
        }
    }
    assert_int_equal(trail_count(&trail, "\"kind\":\"access\"", NULL), access);
    assert_int_equal(trail_count(&trail, "\"kind\":\"gateway_started\"", NULL), rounds + 2);
    assert_int_equal(trail_count(&trail, "\"kind\":\"events_lost\"", NULL), 0);
    assert_int_equal(trail_count(&trail, "\"kind\":\"journal_fault\"", NULL), 0);
    trail_free(&trail);
}

static void kills_and_stops_at_any_moment_lose_nothing_and_do_nothing_twice(void **state)
{
    (void)state;
    const char *wish = getenv("GATEHOUSE_KILL_ROUNDS");
    int rounds = wish ? (int)strtol(wish, NULL, 10) : ROUNDS, unanswered = 0;
    uint64_t r = seed | 1;
    struct attempt side[2][SIDE] = {{{.id = ""}}};
    assert_true(site_put_rows(&site, LONG_DOORS) && site_wait_policy(&site, WAIT_MS));
    assert_true(process_stop(&site.syncd)); /* keeps the replica; events of its own would hide ours */
    end_life(false, 0);
    for (int round = 0; round < rounds; round++) {
        size_t heard = begin_life();
        for (int i = 0; i < SIDE; i++)
            if (side[(round + 1) % 2][i].pending)
                carry_over(&side[(round + 1) % 2][i]);
        present_side(side[round % 2], round, &r);
        end_life(next_random(&r) % 5 != 0, heard);
        judge_life(side[round % 2], &unanswered);
    }
    begin_life();
    for (int i = 0; i < SIDE; i++)
        if (side[(rounds + 1) % 2][i].pending)
            carry_over(&side[(rounds + 1) % 2][i]);
    judge_journal(rounds);
    print_message("# seed %" PRIu64 ": %d rounds, %d releases ended before their answer\n", seed,
                  rounds, unanswered);
    assert_true(site_put_rows(&site, SHORT_DOOR) && site_start_syncd(&site) &&
                site_wait_policy(&site, WAIT_MS));
    assert_int_equal(not_completed, 0);
}

/* Kills broker and gatehoused while the answer to a grant is on its way: it has
 * left gatehoused, and nobody has it. False if the reader got it after all. */
static bool lose_answer(int door, const char *id)
{
    assert_true(sim_reader_present(reader[door], id, CARD_JANE, 0, NULL));
    assert_true(simwatch_wait(site.watch, door, house_is_energized(door, true), WAIT_MS, NULL));
    assert_true(broker_freeze(&site.broker));
    int64_t next = site_status_number(&site, "journal", "next_seq");
    assert_true(site_wait_number(&site, "journal", "durable_seq", next - 1, false, WAIT_MS));
    /* A whole turn of the loop later it has been handed to the link. */
    assert_true(site_status_number(&site, "journal", "next_seq") >= next);
    assert_true(site_kill_gatehoused(&site));
    assert_true(broker_kill(&site.broker));
    assert_true(site_start_broker(&site) && site_start_gatehoused(&site));
    assert_true(mqtt_client_connect_again(wire, WAIT_MS));
    return sim_reader_feedbacks(reader[door], id) == 0;
}

static void a_grant_whose_answer_was_lost_on_its_way_is_completed(void **state)
{
    (void)state;
    for (int door = 2; door < 8; door++) {
        char id[32];
        struct feedback f;
        snprintf(id, sizeof id, "lost-%d", door);
        if (!lose_answer(door, id))
            continue; /* the answer was faster than we: another try */
        f = house_present(door, id, CARD_JANE);
        assert_string_equal(f.decision, "granted");
        assert_int_equal(house_decisions(id), 1);
        assert_int_equal(house_releases(door), 1);
        return;
    }
    fail_msg("no answer could be caught on its way");
}

static void a_read_is_repeated_a_hundred_times_over_a_restart_and_acts_once(void **state)
{
    (void)state;
    int64_t repeated = site_status_number(&site, "reads", "repeated");
    struct feedback f = house_present(4, "again", CARD_JANE);
    assert_string_equal(f.decision, "granted");
    for (int i = 0; i < 49; i++)
        assert_true(sim_reader_present(reader[4], "again", CARD_JANE, i, NULL));
    assert_true(sim_reader_wait_feedback(reader[4], "again", 50, WAIT_MS, &f));
    assert_int_equal(site_status_number(&site, "reads", "repeated"), repeated + 49);
    assert_int_equal(house_releases(4), 1);
    assert_true(site_kill_gatehoused(&site) && site_start_gatehoused(&site));
    for (int i = 0; i < 50; i++) /* at last far too old: what was decided stays decided */
        assert_true(sim_reader_present(reader[4], "again", CARD_JANE, i * 10000, NULL));
    assert_true(sim_reader_wait_feedback(reader[4], "again", 100, WAIT_MS, &f));
    assert_string_equal(f.reason, "granted");
    assert_int_equal(house_releases(4), 0); /* it was answered: nothing is left to complete */
    assert_int_equal(house_decisions("again"), 1);
}

static void a_repeat_with_another_card_gets_the_first_answer(void **state)
{
    (void)state;
    assert_string_equal(house_present(5, "swap", CARD_BOB).reason, "person_disabled");
    struct feedback f;
    assert_true(sim_reader_present(reader[5], "swap", CARD_JANE, 0, NULL));
    assert_true(sim_reader_wait_feedback(reader[5], "swap", 2, WAIT_MS, &f));
    assert_string_equal(f.reason, "person_disabled");
    assert_int_equal(house_releases(5), 0);
    assert_int_equal(house_decisions("swap"), 1);
    /* Another reader's read of that name is another read. */
    assert_string_equal(house_present(6, "swap", CARD_JANE).reason, "granted");
    assert_int_equal(house_decisions("swap"), 2);
}

static void repeats_after_the_door_has_locked_again_do_not_release_it(void **state)
{
    (void)state;
    assert_string_equal(house_present(1, "short", CARD_JANE).reason, "granted");
    assert_true(simwatch_wait(site.watch, 1, true, WAIT_MS, NULL));
    assert_true(simwatch_wait(site.watch, 1, false, WAIT_MS, NULL));
    for (int i = 0; i < 20; i++)
        assert_true(sim_reader_present(reader[1], "short", CARD_JANE, 0, NULL));
    struct feedback f;
    assert_true(sim_reader_wait_feedback(reader[1], "short", 21, WAIT_MS, &f));
    assert_string_equal(f.reason, "granted");
    assert_int_equal(house_releases(1), 1);
}

static void a_second_gatehoused_on_the_same_state_touches_nothing(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX], *err = NULL;
    assert_true(place_program("gatehoused", path));
    const char *const argv[] = {path, "--config", site.config_path, "--sim", NULL};
    size_t releases = house_releases(3);
    for (int i = 0; i < 3; i++) {
        free(err);
        assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &err), 1);
        assert_non_null(strstr(err, "another gatehoused is at work there"));
    }
    free(err);
    /* The first goes on, at its own sockets, with its own board and journal. */
    assert_string_equal(house_present(3, "first", CARD_JANE).reason, "granted");
    assert_int_equal(house_releases(3), releases + 1);
    struct trail trail;
    assert_true(trail_read(&trail, &site));
    assert_true(trail_is_chained(&trail, &site));
    trail_free(&trail);
    /* The lock goes with its holder. */
    assert_true(site_kill_gatehoused(&site) && site_start_gatehoused(&site));
}

static void a_stop_in_order_ends_with_its_event_and_is_seen_on_the_bus(void **state)
{
    (void)state;
    size_t heard = mqtt_client_count(wire);
    assert_true(process_stop(&site.gatehoused));
    assert_int_equal(site.gatehoused.status, 0);
    assert_true(simwatch_drain(site.watch, WAIT_MS));
    assert_non_null(mqtt_client_wait_text(wire, heard, TOPIC_STATUS, GONE, WAIT_MS));
    simwatch_close(site.watch);
    site.watch = NULL;
    assert_true(site_start_gatehoused(&site));
    house_assert_quiet();
    struct trail trail;
    assert_true(trail_read(&trail, &site));
    size_t last = 0;
    for (size_t i = 0; i < trail.n; i++)
        if (strstr(trail.event[i], "\"kind\":\"gateway_started\""))
            last = i;
    assert_true(last > 0);
    assert_non_null(strstr(trail.event[last - 1], "\"kind\":\"gateway_stopped\""));
    assert_true(trail_is_chained(&trail, &site));
    trail_free(&trail);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)wait_now_ns() % 1000000007u;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_and_stops_at_any_moment_lose_nothing_and_do_nothing_twice),
        cmocka_unit_test(a_grant_whose_answer_was_lost_on_its_way_is_completed),
        cmocka_unit_test(a_read_is_repeated_a_hundred_times_over_a_restart_and_acts_once),
        cmocka_unit_test(a_repeat_with_another_card_gets_the_first_answer),
        cmocka_unit_test(repeats_after_the_door_has_locked_again_do_not_release_it),
        cmocka_unit_test(a_second_gatehoused_on_the_same_state_touches_nothing),
        cmocka_unit_test(a_stop_in_order_ends_with_its_event_and_is_seen_on_the_bus),
    };
    return cmocka_run_group_tests_name("gateway_kill", tests, house_begin, house_end);
}
