/* Commands of the cloud, from its admin call to the relay and back as an event; and those that
 * must not be done. */
#include "gateway_fixture.h"

#include <unistd.h>

static int64_t done(const char *id, const char *result)
{
    char with_id[96], with_result[64];
    snprintf(with_id, sizeof with_id, "\"id\":\"%s\"", id);
    snprintf(with_result, sizeof with_result, "\"result\":\"%s\"", result);
    return site_events(&site, with_id, with_result);
}

static void comes_to(const char *json, const char *result)
{
    char id[65], with_id[96], with_result[64];
    assert_true(site_command(&site, json, id));
    snprintf(with_id, sizeof with_id, "\"id\":\"%s\"", id);
    snprintf(with_result, sizeof with_result, "\"result\":\"%s\"", result);
    assert_true(site_wait_events(&site, with_id, with_result, 1, WAIT_MS));
}

static bool status_holds(void *context)
{
    const char *const *text = context;
    struct web_reply reply;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    bool holds = reply.status == 200 && strstr(reply.body, *text);
    web_reply_free(&reply);
    return holds;
}

static bool status_says(const char *text, int timeout_ms)
{
    return wait_until(status_holds, &text, timeout_ms);
}

/* A command after it has been done: whatever was before it has been seen, too. */
static void everything_was_seen(void)
{
    comes_to("{\"action\":\"forgive_antipassback\"}", "done");
}

/* --- done ----------------------------------------------------------------------------- */

static void a_release_opens_its_door_and_the_cloud_hears_of_it(void **state)
{
    (void)state;
    comes_to("{\"action\":\"release\",\"door\":\"d0\",\"ttl_s\":30,\"by\":\"cloud:anna\"}", "done");
    assert_true(simwatch_wait(site.watch, 0, true, WAIT_MS, NULL));
    assert_true(simwatch_wait(site.watch, 0, false, WAIT_MS, NULL));
    assert_int_equal(site_events(&site, "\"action\":\"release\"", "\"by\":\"cloud:anna\""), 1);
    assert_true(site_wait_drained(&site, WAIT_MS));
    struct web_reply reply;
    assert_true(web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/commands",
                        &reply));
    assert_non_null(strstr(reply.body, "\"result\":\"done\""));
    web_reply_free(&reply);
}

static void doors_are_held_open_locked_down_and_restored(void **state)
{
    (void)state;
    comes_to("{\"action\":\"hold_open\",\"door\":\"d2\"}", "done");
    assert_true(simwatch_wait(site.watch, 2, true, WAIT_MS, NULL));
    comes_to("{\"action\":\"lockdown\"}", "done");
    assert_true(simwatch_wait(site.watch, 2, false, WAIT_MS, NULL));
    comes_to("{\"action\":\"release\",\"door\":\"d2\",\"ttl_s\":60}", "refused");
    comes_to("{\"action\":\"lockdown_release\"}", "done");
    comes_to("{\"action\":\"restore\"}", "done");
    assert_true(simwatch_wait_level(site.watch, 2, false, WAIT_MS));
}

static void a_phone_that_is_presented_by_the_cloud_is_decided_as_a_read(void **state)
{
    (void)state;
    comes_to("{\"action\":\"present\",\"ttl_s\":20,\"args\":{\"reader\":\"r1\",\"type\":\"card\","
             "\"value\":\"" CARD_JANE "\"}}", "done");
    assert_true(simwatch_wait(site.watch, 1, true, WAIT_MS, NULL));
    comes_to("{\"action\":\"present\",\"ttl_s\":20,\"args\":{\"reader\":\"r3\",\"type\":\"card\","
             "\"value\":\"" CARD_BOB "\"}}", "done");
    assert_true(site_wait_events(&site, "\"kind\":\"access\"", "person_disabled", 1, WAIT_MS));
    assert_int_equal(house_releases(3), 0);
}

static void a_resync_loads_the_policy_anew(void **state)
{
    (void)state;
    comes_to("{\"action\":\"resync\"}", "done");
    assert_true(process_wait_text(&site.syncd, "loading snapshot", 3 * WAIT_MS, NULL, 0));
}

/* --- once ------------------------------------------------------------------------------ */

static void a_command_that_comes_again_is_done_once_also_after_a_kill(void **state)
{
    (void)state;
    size_t before = house_releases(0);
    comes_to("{\"id\":\"once-1\",\"action\":\"release\",\"door\":\"d0\",\"ttl_s\":60}", "done");
    assert_true(simwatch_wait(site.watch, 0, true, WAIT_MS, NULL));
    assert_true(simwatch_wait(site.watch, 0, false, WAIT_MS, NULL));
    assert_int_equal(house_releases(0), before + 1);
    assert_true(site_wait_drained(&site, WAIT_MS));
    assert_true(site_kill_gatehoused(&site) && site_start_gatehoused(&site));
    assert_true(site_fault(&site, "{\"replay_commands\":1}"));
    everything_was_seen();
    assert_int_equal(done("once-1", "done"), 1);
    assert_true(site_wait_events(&site, "\"id\":\"once-1\"", "\"result\":\"duplicate\"", 1, WAIT_MS));
    assert_int_equal(house_releases(0), 0); /* in this life */
}

static void a_command_that_came_while_gatehoused_was_away_is_done_when_it_is_back(void **state)
{
    (void)state;
    char id[65];
    assert_true(site_kill_gatehoused(&site));
    assert_true(site_command(&site, "{\"id\":\"late-1\",\"action\":\"lockdown\"}", id));
    assert_true(site_command(&site, "{\"id\":\"late-2\",\"action\":\"lockdown_release\"}", id));
    assert_true(site_start_gatehoused(&site));
    assert_true(site_wait_events(&site, "\"id\":\"late-1\"", "\"result\":\"done\"", 1, 3 * WAIT_MS));
    assert_true(site_wait_events(&site, "\"id\":\"late-2\"", "\"result\":\"done\"", 1, 3 * WAIT_MS));
    assert_string_equal(house_present(4, "open-again", CARD_JANE).reason, "granted");
}

/* --- never late, never forged ------------------------------------------------------------ */

static void what_opens_too_late_opens_nothing(void **state)
{
    (void)state;
    size_t before = house_releases(5);
    char id[65];
    assert_true(site_command(&site, "{\"id\":\"old-1\",\"action\":\"release\",\"door\":\"d5\","
                                    "\"issued_at\":\"2026-01-01T00:00:00Z\",\"ttl_s\":60}", id));
    assert_true(site_fault(&site, "{\"replay_commands\":1}")); /* a good cloud would not send it */
    everything_was_seen();
    assert_true(site_wait_events(&site, "\"id\":\"old-1\"", "\"result\":\"expired\"", 1, WAIT_MS));
    /* Too long to be meant now, or without an end: refused by gatehoused before anything. */
    assert_true(site_command(&site, "{\"id\":\"long-1\",\"action\":\"release\",\"door\":\"d5\","
                                    "\"ttl_s\":61}", id));
    assert_true(status_says("at most 60 s", WAIT_MS));
    assert_true(site_command(&site, "{\"id\":\"long-2\",\"action\":\"release\",\"door\":\"d5\"}", id));
    everything_was_seen();
    assert_int_equal(house_releases(5), before);
    assert_int_equal(done("long-1", "done") + done("long-2", "done"), 0);
}

static void a_command_that_nobody_signed_is_not_done_and_is_an_alarm(void **state)
{
    (void)state;
    char id[65];
    size_t before = house_releases(6);
    assert_true(site_fault(&site, "{\"wrong_command_signature\":1}"));
    assert_true(site_command(&site, "{\"id\":\"f-1\",\"action\":\"release\",\"door\":\"d6\",\"ttl_s\":60}", id));
    assert_true(site_wait_events(&site, "\"kind\":\"command\"", "pinned command key", 1, WAIT_MS));
    assert_true(site_fault(&site, "{\"unsigned_command\":1}"));
    assert_true(site_command(&site, "{\"id\":\"f-2\",\"action\":\"hold_open\",\"door\":\"d6\"}", id));
    assert_true(status_says("pinned command key", WAIT_MS));
    everything_was_seen();
    assert_int_equal(house_releases(6), before);
    assert_int_equal(done("f-1", "done") + done("f-2", "done"), 0);
    /* One event a minute says it, however often it is tried. */
    assert_int_equal(site_events(&site, "\"kind\":\"command\"", "pinned command key"), 1);
}

static void a_command_for_another_gateway_is_none_of_ours(void **state)
{
    (void)state;
    struct web_reply reply;
    assert_true(web_post(&site.admin, "/admin/sites/" SITE_ID "/gateways/gw-2/commands",
                         "{\"id\":\"theirs\",\"action\":\"lockdown\"}", &reply));
    assert_int_equal(reply.status, 200);
    web_reply_free(&reply);
    everything_was_seen();
    assert_int_equal(site_events(&site, "\"id\":\"theirs\"", NULL), 0);
    assert_string_equal(house_present(7, "not-theirs", CARD_JANE).reason, "granted");
}

/* --- policy that is not to be believed ------------------------------------------------------ */

static void refused(const char *fault, const char *why)
{
    static int n;
    char row[128], read_id[24];
    int64_t rev = site_status_number(&site, "policy", "rev");
    assert_true(site_fault(&site, fault));
    snprintf(row, sizeof row, "{\"k\":\"group\",\"id\":\"g%d\",\"d\":{}}\n", n++);
    assert_true(site_put_rows(&site, row));
    assert_true(status_says(why, 3 * WAIT_MS));
    assert_int_equal(site_status_number(&site, "policy", "rev"), rev);
    snprintf(read_id, sizeof read_id, "last-good-%d", n);
    assert_string_equal(house_present(4, read_id, CARD_JANE).reason, "granted");
}

static void policy_that_is_forged_or_older_is_refused_and_the_last_good_one_decides(void **state)
{
    (void)state;
    refused("{\"wrong_signature\":-1}", "not that of a pinned policy key");
    refused("{\"wrong_signature\":0,\"unsigned\":-1}", "not that of a pinned policy key");
    refused("{\"unsigned\":0,\"older_epoch\":-1}", "checkpoint");
    assert_true(site_fault(&site, "{\"older_epoch\":0}"));
    assert_true(process_stop(&site.syncd) && site_start_syncd(&site));
    assert_true(site_wait_policy(&site, 3 * WAIT_MS));
}

static void a_replica_that_is_gone_does_not_let_an_older_policy_in(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX + 32];
    static const char *const ends[] = {"", "-wal", "-shm"};
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s/replica.db%s", site.state_dir, ends[i]);
        unlink(path);
    }
    assert_true(site_fault(&site, "{\"older_rev\":-1}"));
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
    assert_true(status_says("which was applied", 3 * WAIT_MS));
    assert_int_equal(site_status_number(&site, "policy", "rev"), 0);
    assert_true(site_fault(&site, "{\"older_rev\":0}"));
    assert_true(process_stop(&site.syncd) && site_start_syncd(&site));
    assert_true(site_wait_policy(&site, 3 * WAIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_opens_its_door_and_the_cloud_hears_of_it),
        cmocka_unit_test(doors_are_held_open_locked_down_and_restored),
        cmocka_unit_test(a_phone_that_is_presented_by_the_cloud_is_decided_as_a_read),
        cmocka_unit_test(a_resync_loads_the_policy_anew),
        cmocka_unit_test(a_command_that_comes_again_is_done_once_also_after_a_kill),
        cmocka_unit_test(a_command_that_came_while_gatehoused_was_away_is_done_when_it_is_back),
        cmocka_unit_test(what_opens_too_late_opens_nothing),
        cmocka_unit_test(a_command_that_nobody_signed_is_not_done_and_is_an_alarm),
        cmocka_unit_test(a_command_for_another_gateway_is_none_of_ours),
        cmocka_unit_test(policy_that_is_forged_or_older_is_refused_and_the_last_good_one_decides),
        cmocka_unit_test(a_replica_that_is_gone_does_not_let_an_older_policy_in),
    };
    return cmocka_run_group_tests(tests, house_begin, house_end);
}
