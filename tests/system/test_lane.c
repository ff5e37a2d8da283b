/* What the cloud denies or orders has effect at once, whatever holds up the policy: a full
 * disk, a row that is refused, a snapshot that takes its time. */
#include "front_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/by_hand.h"

static int presented;

#define PERSON(id, enabled) \
    "{\"k\":\"person\",\"id\":\"" id "\",\"d\":{\"enabled\":" enabled "}}\n"
#define CARD(id, person, value)                                                                  \
    "{\"k\":\"credential\",\"id\":\"" id "\",\"d\":{\"person\":\"" person                        \
    "\",\"type\":\"card\",\"value\":\"" value "\"}}\n"
#define BAD_ROW "{\"k\":\"door_mode\",\"id\":\"l1\",\"d\":{\"where\":{\"all\":true}}}\n"

static const char policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"release_s\":1}}\n"
    "{\"k\":\"reader\",\"id\":\"r1\",\"d\":{\"door\":\"front\"}}\n"
    PERSON("ann", "true") PERSON("ben", "true") CARD("a", "ann", "A1") CARD("b", "ben", "B1")
    "{\"k\":\"entitlement\",\"id\":\"e\",\"d\":{\"kind\":\"grant\",\"who\":{\"everyone\":true},"
    "\"where\":{\"all\":true}}}\n";

/* The reason of a new read of this card. */
static const char *reason_of(const char *card)
{
    static struct feedback answer;
    char id[32];
    snprintf(id, sizeof id, "n-%d", presented++);
    assert_true(sim_reader_present_until_answered(reader, id, card, 1000, WAIT_MS, &answer, NULL,
                                                  NULL));
    return answer.reason;
}

struct expected {
    const char *card, *reason;
};

static bool is_decided(void *context)
{
    const struct expected *e = context;
    return strcmp(reason_of(e->card), e->reason) == 0;
}

static void wait_reason(const char *card, const char *reason)
{
    struct expected e = {card, reason};
    if (!wait_until(is_decided, &e, WAIT_MS)) {
        process_show_log(&site.syncd);
        fail_msg("card %s is not %s, but %s", card, reason, reason_of(card));
    }
}

static bool has_said_full(void *context)
{
    (void)context;
    return process_has_said(&site.syncd, "full");
}

static void on_a_full_disk_whoever_is_denied_is_denied_and_commands_are_done(void **state)
{
    (void)state;
    char id[65];
    front_start(policy, true);
    assert_string_equal(reason_of("A1"), "granted");
    fill_disk();
    assert_true(site_put_rows(&site, PERSON("ann", "false") CARD("x", "ben", "C1")));
    wait_reason("A1", "person_disabled");
    assert_true(wait_until(has_said_full, NULL, WAIT_MS));
    assert_true(site_command(&site, "{\"action\":\"lockdown\"}", id));
    wait_reason("B1", "door_locked_down");
}

static void deny_and_lock_down(void)
{
    char id[65];
    assert_true(site_put_rows(&site, PERSON("ann", "false")));
    wait_reason("A1", "person_disabled");
    assert_true(site_command(&site, "{\"action\":\"lockdown\"}", id));
    wait_reason("B1", "door_locked_down");
}

static void start_with_a_slow_snapshot(void)
{
    char id[65];
    front_start(policy, false);
    assert_true(site_fault(&site, "{\"drip_snapshot\":-1}"));
    assert_true(site_command(&site, "{\"action\":\"resync\"}", id));
}

static void while_a_snapshot_takes_its_time_denials_and_commands_have_effect(void **state)
{
    (void)state;
    start_with_a_slow_snapshot();
    deny_and_lock_down();
}

static bool is_denial_written(void *context)
{
    char path[FOLDER_PATH_MAX];
    sqlite3_stmt *s = NULL;
    (void)context;
    assert_true(folder_file(&site.folder, "state/replica.db", path));
    sqlite3 *db = by_hand_open(path);
    assert_non_null(db);
    sqlite3_busy_timeout(db, WAIT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM deny WHERE id = 'ann'", -1, &s,
                                        NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    bool is_written = sqlite3_column_int(s, 0) == 1;
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return is_written;
}

/* The row's coming ended whatever waited before it. The cloud counts polls that were given up too. */
static bool has_polled_since(void *context)
{
    struct web_reply reply;
    (void)context;
    if (!process_has_said(&site.syncd, "door_mode") ||
        !web_get(&site.admin, "/admin/state", &reply))
        return false;
    bool has_polled = strstr(reply.body, "\"waiting\":0") == NULL;
    web_reply_free(&reply);
    return has_polled;
}

/* Nothing of the refused rows ends the poll that hears it. */
static void while_a_refused_policy_is_waited_out_denials_and_commands_have_effect(void **state)
{
    (void)state;
    front_start(policy, false);
    assert_true(site_put_rows(&site, BAD_ROW));
    assert_true(wait_until(has_polled_since, NULL, WAIT_MS));
    deny_and_lock_down();
}

/* The replica, which a new process goes by, has it too. */
static void a_denial_that_came_beside_a_snapshot_outlives_gatehoused(void **state)
{
    (void)state;
    start_with_a_slow_snapshot();
    assert_true(site_put_rows(&site, PERSON("ann", "false")));
    wait_reason("A1", "person_disabled");
    assert_true(wait_until(is_denial_written, NULL, WAIT_MS));
    assert_true(site_kill_gatehoused(&site) && site_start_gatehoused(&site));
    assert_string_equal(reason_of("A1"), "person_disabled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(on_a_full_disk_whoever_is_denied_is_denied_and_commands_are_done,
                                  front_end),
        cmocka_unit_test_teardown(a_denial_that_came_beside_a_snapshot_outlives_gatehoused, front_end),
        cmocka_unit_test_teardown(
            while_a_refused_policy_is_waited_out_denials_and_commands_have_effect, front_end),
        cmocka_unit_test_teardown(while_a_snapshot_takes_its_time_denials_and_commands_have_effect,
                                  front_end),
    };
    /* Mounts of our own, which end with us. */
    if (unshare(CLONE_NEWNS) == 0)
        (void)!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
