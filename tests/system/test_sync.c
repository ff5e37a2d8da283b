/* The policy on its way down, with all that can happen to it. */
#include "sync_fixture.h"

#include "lib/by_hand.h"
#include "lib/damage.h"

/* Whether the cloud's list of faults holds this text. */
static bool is_fault_over(void *context)
{
    struct web_reply reply;
    const char *const *text = context;
    if (!web_get(&site.admin, "/admin/state", &reply))
        return false;
    bool is_there = strstr(reply.body, *text) != NULL;
    web_reply_free(&reply);
    return is_there;
}

static void wait_fault(const char *text)
{
    if (!wait_until(is_fault_over, &text, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("the cloud was not asked: %s", text);
    }
}

/* --- policy down ---------------------------------------------------------- */

static void a_snapshot_is_loaded_and_then_a_change_arrives(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(has_door("front"));
    assert_true(look_up_card().holder.person_known);
    assert_false(has_door("back"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
    assert_true(has_door("back"));
    wait_status("\"rev\":2");
    wait_status("\"nack\":null");
    wait_note("policy_applied", NULL, 2);
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", NULL), 0);
}

static void a_policy_survives_a_restart_and_is_not_loaded_again(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(process_stop(&site.syncd));
    assert_int_equal(site.syncd.status, 0);
    assert_true(site_put_rows(&site, BACK_DOOR));
    assert_true(site_start_syncd(&site));
    wait_version(1, 2);
    struct status_wait w = {.text = "\"applied\":\"1.2."};
    assert_true(wait_until(status_says, &w, SOON_MS));
    char *log = folder_read(site.syncd.log, NULL);
    assert_non_null(log);
    const char *load = strstr(log, "loading snapshot");
    assert_non_null(load);
    assert_null(strstr(load + 1, "loading snapshot"));
    free(log);
}

static void a_replica_that_was_deleted_comes_back_by_itself(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[FOLDER_PATH_MAX + 32];
    start_with_small_policy();
    wait_version(1, 1);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/replica.db%s", site.state_dir, suffixes[i]);
        (void)!unlink(path);
    }
    assert_true(site_put_rows(&site, BACK_DOOR)); /* the poll under way ends with it */
    wait_version(1, 2);
    assert_true(has_door("back"));
}

static bool is_set_aside(void *context)
{
    char path[FOLDER_PATH_MAX + 32];
    (void)context;
    snprintf(path, sizeof path, "%s/replica.db.damaged", site.state_dir);
    return damage_size(path) > 0;
}

static bool serves_all(void *context)
{
    (void)context;
    return holds_version(1, 1) && has_door("front") && look_up_card().is_available;
}

/* Pages from this one on are damaged while syncd stands still. */
static void assert_heals(int64_t first_page)
{
    char path[FOLDER_PATH_MAX + 32];
    start_with_small_policy();
    wait_version(1, 1);
    process_stop(&site.syncd);
    snprintf(path, sizeof path, "%s/replica.db", site.state_dir);
    assert_true(damage_pages(path, first_page) > 0);
    assert_true(site_start_syncd(&site));
    assert_true(wait_until(is_set_aside, NULL, SOON_MS));
    assert_true(wait_until(serves_all, NULL, SOON_MS)); /* the reader looks for it each second */
    assert_true(control_double_wait_note(daemon_double, "policy_refused", "damaged", 1, SOON_MS));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
    assert_true(has_door("back"));
}

static void a_damaged_replica_is_loaded_anew_by_itself(void **state)
{
    (void)state;
    assert_heals(1);
}

/* Found by looking, though nothing asks for those pages. */
static void a_replica_with_some_damaged_pages_is_loaded_anew_by_itself(void **state)
{
    (void)state;
    assert_heals(8);
}

static void a_site_without_a_policy_is_waited_for(void **state)
{
    (void)state;
    assert_true(site_start_syncd(&site));
    wait_status("\"epoch\":0");
    assert_true(site_put_rows(&site, small_policy));
    wait_version(1, 1);
}

static void a_wrong_digest_is_refused_and_the_old_policy_stays(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_fault(&site, "{\"wrong_digest\":true}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_status("digest");
    wait_note("policy_refused", "digest", 1);
    assert_true(holds_version(1, 1));
    assert_false(has_door("back"));
    assert_true(look_up_card().holder.credential_known);
    assert_true(site_fault(&site, "{\"wrong_digest\":false}"));
    wait_version(1, 2);
    wait_status("\"nack\":null");
}

static void a_wrong_digest_of_a_snapshot_leaves_no_policy(void **state)
{
    (void)state;
    assert_true(site_fault(&site, "{\"wrong_digest\":true}"));
    start_with_small_policy();
    wait_status("digest");
    assert_false(holds_version(1, 1));
    assert_false(has_door("front"));
    assert_true(site_fault(&site, "{\"wrong_digest\":0}"));
    wait_version(1, 1);
}

static void a_row_that_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_put_rows(&site, BACK_DOOR "{\"k\":\"door_mode\",\"id\":\"l1\","
                                               "\"d\":{\"where\":{\"all\":true}}}\n"));
    wait_status("door_mode");
    wait_note("policy_refused", "door_mode", 1);
    assert_true(holds_version(1, 1));
    assert_false(has_door("back")); /* nothing of the batch, not the good row either */
    /* Once it is gone, what was held up comes in. */
    assert_true(site_put_rows(&site, "{\"k\":\"door_mode\",\"id\":\"l1\",\"op\":\"del\"}\n"
                                     "{\"k\":\"door\",\"id\":\"side\",\"d\":{}}\n"));
    wait_version(1, 3);
    assert_true(has_door("back"));
    assert_true(has_door("side"));
}

static void an_unknown_time_zone_is_refused_by_name(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_put_rows(&site,
                              "{\"k\":\"door\",\"id\":\"far\",\"d\":{\"tz\":\"Moon/Sea\"}}\n"));
    wait_status("Moon/Sea");
    assert_true(holds_version(1, 1));
    assert_false(has_door("far"));
    assert_true(site_put_rows(&site, "{\"k\":\"door\",\"id\":\"far\",\"d\":{\"tz\":\"UTC\"}}\n"));
    wait_version(1, 3); /* the bad version still stands in the changes: by snapshot */
    assert_true(has_door("far"));
}

/* The first change set that is asked for is hit. Not while a policy is loaded: then a second poll
 * goes for what must not wait, and may be the one that is hit. */
static void change_under(const char *fault)
{
    start_with_small_policy();
    wait_note("policy_applied", NULL, 1);
    assert_true(process_stop(&site.syncd));
    assert_true(site_fault(&site, fault));
    assert_true(site_put_rows(&site, BACK_DOOR));
    assert_true(site_start_syncd(&site));
}

static void a_refusal_is_noted_once_however_often_it_is_tried(void **state)
{
    (void)state;
    change_under("{\"invalid_row\":3}");
    wait_version(1, 2);
    wait_note("policy_applied", NULL, 2);
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", "fault-invalid-row"), 1);
}

static void rows_wait_for_the_checkpoint_of_a_later_change_set(void **state)
{
    (void)state;
    change_under("{\"no_checkpoint\":2}");
    wait_fault("\"no_checkpoint\":1");
    assert_false(has_door("back"));
    assert_true(site_put_rows(&site, "{\"k\":\"door\",\"id\":\"side\",\"d\":{}}\n"));
    wait_fault("\"no_checkpoint\":0");
    assert_true(holds_version(1, 1));
    post_admin("/admin/sites/" SITE_ID "/checkpoint");
    wait_version(1, 3);
    assert_true(has_door("back") && has_door("side"));
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", NULL), 0);
}

/* What was carried is gone with the process; the cursor that was applied is not. */
static void rows_that_wait_for_a_checkpoint_are_asked_for_again_after_a_restart(void **state)
{
    (void)state;
    change_under("{\"no_checkpoint\":1}");
    wait_fault("\"no_checkpoint\":0");
    assert_true(process_stop(&site.syncd) && site_start_syncd(&site));
    wait_version(1, 2);
    assert_true(has_door("back"));
}

static void forget_a_bucket(void)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&site.folder, "state/replica.db", path));
    sqlite3 *db = by_hand_open(path);
    assert_non_null(db);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM bucket WHERE n = (SELECT min(n) FROM bucket WHERE rows > 0)",
                                  NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Two wrong digests: that of the first change set, and that of the snapshot behind it. */
static void a_copy_that_no_change_adds_up_to_is_mended_by_a_snapshot(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    process_stop(&site.syncd);
    forget_a_bucket();
    assert_true(site_fault(&site, "{\"wrong_digest\":2}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    assert_true(site_start_syncd(&site));
    wait_version(1, 2);
    assert_true(has_door("back"));
}

static void a_deny_line_holds_though_its_batch_is_refused(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_false(look_up_card().holder.person_denied);
    assert_true(site_put_rows(&site,
                              "{\"k\":\"person\",\"id\":\"anna\",\"d\":{\"enabled\":false}}\n"
                              "{\"k\":\"door_mode\",\"id\":\"l1\",\"d\":{\"where\":{\"all\":true}}}\n"));
    wait_status("door_mode");
    assert_true(holds_version(1, 1));
    assert_true(look_up_card().holder.person_denied);
    assert_true(site_put_rows(&site, "{\"k\":\"door_mode\",\"id\":\"l1\",\"op\":\"del\"}\n"));
    wait_version(1, 3);
    assert_false(look_up_card().holder.person.enabled);
}

static void a_change_set_that_breaks_off_is_not_applied_but_asked_for_again(void **state)
{
    (void)state;
    change_under("{\"truncate_changes_at\":60}");
    wait_version(1, 2);
    assert_true(process_has_said(&site.syncd, "changes:")); /* the link's trouble was seen */
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", NULL), 0);
}

static void a_snapshot_that_breaks_off_is_resumed(void **state)
{
    (void)state;
    put_large_policy(3000);
    assert_true(site_fault(&site, "{\"truncate_snapshot_at\":50000}"));
    assert_true(site_start_syncd(&site));
    wait_version(1, 1);
    assert_true(process_has_said(&site.syncd, "snapshot resumed at byte 50000"));
    assert_true(look_up_card().holder.person_known);
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", NULL), 0);
}

static void killed_in_a_load_the_old_policy_stays_and_the_next_start_loads_again(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    put_large_policy(3000);
    wait_version(1, 2);
    assert_true(process_stop(&site.syncd));
    assert_true(site_put_rows(&site, BACK_DOOR));
    post_admin("/admin/sites/" SITE_ID "/epoch");
    /* The load waits in the middle until it is killed. */
    for (int i = 0; i < 3; i++) {
        assert_true(site_fault(&site, "{\"truncate_snapshot_at\":60000}"));
        assert_true(site_start_syncd(&site));
        assert_true(process_wait_text(&site.syncd, "snapshot: ", WAIT_MS, NULL, 0));
        assert_true(process_kill(&site.syncd));
        assert_true(holds_version(1, 2));
        assert_true(look_up_card().holder.person_known);
        assert_false(has_door("back"));
    }
    assert_true(site_start_syncd(&site));
    wait_version(2, 4);
    assert_true(has_door("back"));
}

static void a_new_epoch_and_a_forgotten_cursor_lead_to_a_snapshot(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    post_admin("/admin/sites/" SITE_ID "/epoch");
    wait_version(2, 2);
    assert_true(process_stop(&site.syncd));
    assert_true(site_put_rows(&site, BACK_DOOR));
    post_admin("/admin/sites/" SITE_ID "/forget");
    assert_true(site_start_syncd(&site));
    wait_version(2, 3);
    assert_true(has_door("back"));
}

static void an_older_policy_is_refused(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    post_admin("/admin/sites/" SITE_ID "/epoch");
    wait_version(2, 2);
    replace_cloud(); /* begins again at epoch 1 */
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_status("older than 2/2");
    wait_note("policy_refused", "older than 2/2", 1);
    assert_true(holds_version(2, 2));
    assert_false(has_door("back"));
}

static void garbage_from_the_cloud_changes_nothing(void **state)
{
    (void)state;
    assert_true(site_fault(&site, "{\"garbage\":3}"));
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_fault(&site, "{\"garbage\":2}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
}

static void redirects_are_not_followed_and_a_gzip_without_its_end_is_none(void **state)
{
    (void)state;
    assert_true(site_fault(&site, "{\"redirect\":3}"));
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_fault(&site, "{\"truncate_gzip\":2}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
    assert_true(has_door("back"));
    assert_true(process_has_said(&site.syncd, "302"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_snapshot_is_loaded_and_then_a_change_arrives),
        T(a_policy_survives_a_restart_and_is_not_loaded_again),
        T(a_replica_that_was_deleted_comes_back_by_itself),
        T(a_damaged_replica_is_loaded_anew_by_itself),
        T(a_replica_with_some_damaged_pages_is_loaded_anew_by_itself),
        T(a_site_without_a_policy_is_waited_for),
        T(a_wrong_digest_is_refused_and_the_old_policy_stays),
        T(a_wrong_digest_of_a_snapshot_leaves_no_policy),
        T(a_row_that_makes_no_sense_is_refused_by_name),
        T(an_unknown_time_zone_is_refused_by_name),
        T(a_refusal_is_noted_once_however_often_it_is_tried),
        T(rows_wait_for_the_checkpoint_of_a_later_change_set),
        T(rows_that_wait_for_a_checkpoint_are_asked_for_again_after_a_restart),
        T(a_copy_that_no_change_adds_up_to_is_mended_by_a_snapshot),
        T(a_deny_line_holds_though_its_batch_is_refused),
        T(a_change_set_that_breaks_off_is_not_applied_but_asked_for_again),
        T(a_snapshot_that_breaks_off_is_resumed),
        T(killed_in_a_load_the_old_policy_stays_and_the_next_start_loads_again),
        T(a_new_epoch_and_a_forgotten_cursor_lead_to_a_snapshot),
        T(an_older_policy_is_refused),
        T(garbage_from_the_cloud_changes_nothing),
        T(redirects_are_not_followed_and_a_gzip_without_its_end_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
