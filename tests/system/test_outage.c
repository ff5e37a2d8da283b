/* The cloud goes away and comes back, the broker goes away and comes back: doors
 * go on, and every event arrives, in order, once. */
#include "gateway_fixture.h"

/* --- the cloud -------------------------------------------------------------------- */

static int begin_without_cloud(void **state)
{
    (void)state;
    static const struct site_options options = {.config = HOUSE_CONFIG, .site_lines = HOUSE_FAST};
    return site_make(&site, &options) && site_start_broker(&site) &&
                   site_start_gatehoused(&site) && site_start_syncd(&site) && house_open_readers()
               ? 0
               : -1;
}

static void without_a_first_policy_every_read_is_policy_unavailable(void **state)
{
    (void)state;
    struct feedback f = house_present(2, "none-1", CARD_JANE);
    assert_string_equal(f.decision, "denied");
    assert_string_equal(f.reason, "policy_unavailable");
    assert_string_equal(house_present(9, "none-2", CARD_BOB).reason, "policy_unavailable");
    assert_string_equal(house_send(2, "{\"id\":\"none-3\"}", "none-3").reason, "read_malformed");
    house_assert_quiet();
    char *answer = site_ask(&site, "{\"call\":\"command\",\"action\":\"release\",\"door\":\"d2\"}");
    assert_non_null(answer);
    assert_non_null(strstr(answer, "\"result\":\"refused\",\"reason\":\"policy_unavailable\""));
    free(answer);
    house_assert_quiet();
    /* Nor does a restart change that. */
    assert_true(site_kill_gatehoused(&site) && site_start_gatehoused(&site));
    assert_string_equal(house_present(2, "none-4", CARD_JANE).reason, "policy_unavailable");
    assert_int_equal(site_events(&site, "\"kind\":\"access\"", "\"policy\":{\"epoch\":0,\"rev\":0,"), 4);
}

static void the_first_policy_opens_doors_and_the_events_before_it_arrive_too(void **state)
{
    (void)state;
    assert_true(site_start_cloud(&site) && site_put_rows(&site, HOUSE_POLICY));
    assert_true(site_wait_policy(&site, 3 * WAIT_MS));
    assert_string_equal(house_present(2, "first-1", CARD_JANE).reason, "granted");
    /* A repeat of a read that was denied then is still that read. */
    assert_string_equal(house_present(2, "none-1", CARD_JANE).reason, "policy_unavailable");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    struct site_tally tally;
    assert_true(site_tally(&site, &tally));
    assert_int_equal(tally.first_seq, 1);
    assert_int_equal(tally.missing, 0);
    assert_int_equal(tally.doubled, 0);
}

/* Jane and Bob by turns; both must be decided as the policy says. */
static void present_many(const char *name, int n)
{
    for (int i = 0; i < n; i++) {
        char id[48];
        snprintf(id, sizeof id, "%s-%d", name, i);
        assert_string_equal(house_present(2 + i % 6, id, i % 2 ? CARD_JANE : CARD_BOB).reason,
                            i % 2 ? "granted" : "person_disabled");
    }
}

static void doors_go_on_without_the_cloud_also_over_restarts(void **state)
{
    (void)state;
    assert_true(process_kill(&site.cloud));
    int64_t next = site_status_number(&site, "journal", "next_seq");
    present_many("gone", 100);
    assert_true(site_kill_gatehoused(&site) && process_kill(&site.syncd));
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
    house_assert_quiet();
    present_many("still-gone", 100);
    assert_true(site_stop_gatehoused(&site) && process_stop(&site.syncd));
    assert_true(site_start_gatehoused(&site));
    present_many("no-syncd", 20); /* nobody at a door notices that it is not there */
    assert_true(site_start_syncd(&site));
    assert_true(site_status_number(&site, "journal", "queued") >= 220);
    assert_true(site_status_number(&site, "journal", "next_seq") >= next + 220);
    assert_int_equal(site_status_number(&site, "journal", "lost_total"), 0);
}

/* The cloud stores and loses answers, or stores nothing, while the backlog comes. */
static void the_backlog_arrives_in_order_once_while_new_reads_come(void **state)
{
    (void)state;
    assert_true(site_start_cloud(&site));
    assert_true(site_fault(&site, "{\"events_fail_after_commit\":2,\"events_fail_before_commit\":1}"));
    int n = 0;
    do {
        char name[32];
        snprintf(name, sizeof name, "return-%d", n++);
        present_many(name, 10);
    } while (n < 500 && site_status_number(&site, "journal", "queued") > 0);
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    int64_t acked = site_status_number(&site, "journal", "acked_seq");
    struct site_tally tally;
    assert_true(site_tally(&site, &tally));
    assert_int_equal(tally.first_seq, 1);
    assert_int_equal(tally.missing, 0);
    assert_int_equal(tally.doubled, 0);
    assert_true(tally.last_seq >= acked);
    assert_int_equal(tally.count, tally.last_seq);
    assert_true(tally.count >= 220 + 10 * n);
}

/* What the cloud has is what the journal has, byte for byte. */
static void the_cloud_holds_the_very_bytes_of_the_journal(void **state)
{
    (void)state;
    struct trail trail;
    struct web_reply reply;
    char path[256];
    assert_true(site_wait_drained(&site, WAIT_MS));
    assert_true(trail_read(&trail, &site));
    assert_true(trail_is_chained(&trail, &site));
    snprintf(path, sizeof path, "%s?after=0&limit=10000", site.events_url);
    assert_true(web_get(&site.admin, path, &reply));
    assert_int_equal(reply.status, 200);
    const char *at = reply.body;
    for (size_t i = 0; i < trail.n; i++) {
        const char *end = strchr(at, '\n'), *event = strstr(at, "\"event\":");
        if (!end && i > 0)
            break; /* newer than the answer */
        assert_non_null(end);
        assert_true(event && event < end);
        event += strlen("\"event\":");
        if (strncmp(event, trail.event[i], strlen(trail.event[i])) != 0)
            fail_msg("event %zu at the cloud is another: %.*s", i + 1, (int)(end - event), event);
        at = end + 1;
    }
    web_reply_free(&reply);
    trail_free(&trail);
}

static void what_the_gateway_tells_of_the_cloud_is_true(void **state)
{
    (void)state;
    assert_true(site_wait_events(&site, "\"kind\":\"cloud_online\"", NULL, 1, WAIT_MS));
    int64_t offline = site_events(&site, "\"kind\":\"cloud_offline\"", NULL);
    assert_true(process_stop(&site.cloud));
    assert_true(site_wait_events(&site, "\"kind\":\"cloud_offline\"", NULL, offline + 1, 3 * WAIT_MS));
    char *status = site_ask(&site, "{\"call\":\"status\"}");
    assert_non_null(status);
    assert_non_null(strstr(status, "\"cloud\":{\"online\":false"));
    free(status);
}

/* --- the broker ------------------------------------------------------------------- */

/* One grant at this door, whatever the broker did: one event, one release. */
static void assert_acted_once(int door, const char *id)
{
    assert_int_equal(house_decisions(id), 1);
    assert_int_equal(house_releases(door), 1);
}

static void back_on_the_wire(void)
{
    assert_true(mqtt_client_connect_again(wire, WAIT_MS));
    assert_true(site_wait_number(&site, "journal", "next_seq", 1, false, WAIT_MS));
}

static void reads_go_on_after_the_broker_was_restarted_in_order(void **state)
{
    (void)state;
    assert_true(broker_stop(&site.broker) && site_start_broker(&site));
    back_on_the_wire();
    assert_string_equal(house_present(2, "restart-1", CARD_JANE).reason, "granted");
    assert_acted_once(2, "restart-1");
}

static void a_read_whose_answer_died_with_the_broker_is_answered_again(void **state)
{
    (void)state;
    assert_true(sim_reader_present(reader[3], "killed-1", CARD_JANE, 0, NULL));
    assert_true(simwatch_wait(site.watch, 3, true, WAIT_MS, NULL));
    assert_true(broker_kill(&site.broker));
    assert_true(site_start_broker(&site));
    back_on_the_wire();
    assert_string_equal(house_present(3, "killed-1", CARD_JANE).reason, "granted");
    assert_acted_once(3, "killed-1");
}

static void a_broker_that_dies_again_and_again_loses_no_read(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char id[32];
        snprintf(id, sizeof id, "dies-%d", i);
        (void)sim_reader_present(reader[4], id, i % 2 ? CARD_BOB : CARD_JANE, 0, NULL);
        assert_true(broker_kill(&site.broker) && site_start_broker(&site));
        back_on_the_wire();
        assert_string_equal(house_present(4, id, i % 2 ? CARD_BOB : CARD_JANE).reason,
                            i % 2 ? "person_disabled" : "granted");
        assert_int_equal(house_decisions(id), 1);
    }
    assert_int_equal(house_releases(4), 1); /* its release goes on for 30 s */
}

static void a_broker_that_hangs_for_a_while_keeps_nothing_back(void **state)
{
    (void)state;
    assert_true(broker_freeze(&site.broker));
    assert_true(sim_reader_present(reader[5], "frozen-1", CARD_JANE, 0, NULL));
    assert_int_equal(house_releases(5), 0);
    char *answer = site_ask(&site, "{\"call\":\"doors\"}"); /* the loop does not wait for it */
    assert_non_null(answer);
    free(answer);
    assert_true(broker_thaw(&site.broker));
    assert_string_equal(house_present(5, "frozen-1", CARD_JANE).reason, "granted");
    assert_acted_once(5, "frozen-1");
}

static void a_gateway_that_starts_before_its_broker_serves_when_it_comes(void **state)
{
    (void)state;
    assert_true(site_kill_gatehoused(&site) && broker_stop(&site.broker));
    assert_true(site_start_gatehoused_alone(&site));
    house_assert_quiet();
    char *status = site_ask(&site, "{\"call\":\"status\"}");
    assert_non_null(status);
    assert_non_null(strstr(status, "\"broker\":{\"up\":false}"));
    free(status);
    /* Someone at the box can let people in meanwhile. */
    char *answer = site_ask(&site, "{\"call\":\"command\",\"action\":\"release\",\"door\":\"d6\"}");
    assert_non_null(answer);
    assert_non_null(strstr(answer, "\"result\":\"done\""));
    free(answer);
    assert_true(simwatch_wait(site.watch, 6, true, WAIT_MS, NULL));
    assert_true(site_start_broker(&site));
    back_on_the_wire();
    assert_string_equal(house_present(7, "early-1", CARD_JANE).reason, "granted");
    assert_acted_once(7, "early-1");
    assert_int_equal(site_events(&site, "\"kind\":\"command\"", "\"door\":\"d6\""), 1);
}

/* Every release of this run has its grant or command. */
static void in_the_end_every_event_is_chained_and_nothing_is_lost(void **state)
{
    (void)state;
    struct trail trail;
    assert_true(trail_read(&trail, &site));
    assert_true(trail_is_chained(&trail, &site));
    assert_int_equal(trail_count(&trail, "\"kind\":\"events_lost\"", NULL), 0);
    assert_int_equal(trail_count(&trail, "\"kind\":\"relay_fault\"", NULL), 0);
    trail_free(&trail);
}

int main(void)
{
    const struct CMUnitTest cloud[] = {
        cmocka_unit_test(without_a_first_policy_every_read_is_policy_unavailable),
        cmocka_unit_test(the_first_policy_opens_doors_and_the_events_before_it_arrive_too),
        cmocka_unit_test(doors_go_on_without_the_cloud_also_over_restarts),
        cmocka_unit_test(the_backlog_arrives_in_order_once_while_new_reads_come),
        cmocka_unit_test(the_cloud_holds_the_very_bytes_of_the_journal),
        cmocka_unit_test(what_the_gateway_tells_of_the_cloud_is_true),
        cmocka_unit_test(in_the_end_every_event_is_chained_and_nothing_is_lost),
    };
    const struct CMUnitTest broker[] = {
        cmocka_unit_test(reads_go_on_after_the_broker_was_restarted_in_order),
        cmocka_unit_test(a_read_whose_answer_died_with_the_broker_is_answered_again),
        cmocka_unit_test(a_broker_that_dies_again_and_again_loses_no_read),
        cmocka_unit_test(a_broker_that_hangs_for_a_while_keeps_nothing_back),
        cmocka_unit_test(a_gateway_that_starts_before_its_broker_serves_when_it_comes),
        cmocka_unit_test(in_the_end_every_event_is_chained_and_nothing_is_lost),
    };
    int failed = cmocka_run_group_tests_name("outage_cloud", cloud, begin_without_cloud, house_end);
    return failed + cmocka_run_group_tests_name("outage_broker", broker, house_begin, house_end);
}
