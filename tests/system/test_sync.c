/* gatehouse-syncd as a process, against the real reference cloud; gatehoused is
 * a stand-in at the control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/replica_reader.h"
#include "lib/control_double.h"
#include "lib/site.h"
#include "lib/wait.h"

/* Longer than a few waits of the rhythm. */
#define SOON_MS 60000

static struct site site;
static struct control_double *daemon_double;
static struct replica_reader *replica;

static const char small_policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Europe/Berlin\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"name\":\"Front\"}}\n"
    "{\"k\":\"reader\",\"id\":\"r1\",\"d\":{\"door\":\"front\"}}\n"
    "{\"k\":\"person\",\"id\":\"anna\",\"d\":{\"name\":\"Anna\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c1\",\"d\":{\"person\":\"anna\",\"type\":\"card\","
    "\"value\":\"0A1B2C3D\"}}\n"
    "{\"k\":\"entitlement\",\"id\":\"e1\",\"d\":{\"kind\":\"role\",\"who\":{\"persons\":[\"anna\"]},"
    "\"where\":{\"all\":true}}}\n";

#define BACK_DOOR "{\"k\":\"door\",\"id\":\"back\",\"d\":{\"name\":\"Back\"}}\n"

/* --- setting up ----------------------------------------------------------- */

static int begin(void **state)
{
    (void)state;
    static const struct site_options options = {
        .config = "[door front]\nrelay = sim:0\nactive = high\nlock = fail_secure\n"};
    char path[FOLDER_PATH_MAX];
    if (crypto_start() != GH_OK || !site_make(&site, &options) ||
        !folder_file(&site.folder, "state/replica.db", path))
        return -1;
    mkdir(site.state_dir, 0700);
    mkdir(site.run_dir, 0700);
    daemon_double = control_double_open(site.control);
    replica = replica_reader_open(path);
    return daemon_double && replica && site_start_cloud(&site) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    process_stop(&site.syncd);
    control_double_close(daemon_double);
    daemon_double = NULL;
    replica_reader_close(replica);
    replica = NULL;
    site_end(&site);
    return 0;
}

static void start_with_small_policy(void)
{
    assert_true(site_put_rows(&site, small_policy));
    assert_true(site_start_syncd(&site));
}

/* --- looking from outside ------------------------------------------------- */

static bool holds_version(int64_t epoch, int64_t rev)
{
    struct policy_version v;
    struct policy_store store = replica_reader_port(replica);
    return store.ops->version(store.self, &v) == GH_OK && v.epoch == epoch && v.rev == rev;
}

struct place {
    int64_t epoch, rev;
};

static bool is_there(void *context)
{
    const struct place *p = context;
    return holds_version(p->epoch, p->rev);
}

static void wait_version(int64_t epoch, int64_t rev)
{
    struct place p = {epoch, rev};
    if (!wait_until(is_there, &p, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("policy %d/%d did not come", (int)epoch, (int)rev);
    }
}

static bool has_door(const char *name)
{
    struct id id;
    struct access_facts facts;
    struct policy_store store = replica_reader_port(replica);
    assert_int_equal(id_set(&id, slice_of(name)), GH_OK);
    return store.ops->door(store.self, &id, &facts) == GH_OK && facts.door_known;
}

/* Anna's card at r1, as a decision would see it. */
static struct access_facts look_up_card(void)
{
    char path[FOLDER_PATH_MAX];
    struct crypto_keys keys;
    struct credential_value value;
    struct id reader;
    struct access_facts facts;
    unsigned char hash[32];
    struct policy_store store = replica_reader_port(replica);
    assert_true(folder_file(&site.folder, "state/device.key", path));
    assert_int_equal(crypto_keys_load(&keys, path, 0), GH_OK);
    assert_int_equal(credential_value_set(&value, CREDENTIAL_CARD, slice_of("0A1B2C3D")), GH_OK);
    assert_int_equal(id_set(&reader, slice_of("r1")), GH_OK);
    crypto_value_hash(hash, &keys, CREDENTIAL_CARD, &value);
    const struct policy_query query = {.reader = &reader, .type = CREDENTIAL_CARD,
                                       .value_hash = hash};
    assert_int_equal(store.ops->facts(store.self, &query, &facts), GH_OK);
    return facts;
}

struct status_wait {
    const char *text;
    char last[4096];
};

/* Does the status that the cloud has hold this text? */
static bool status_says(void *context)
{
    struct status_wait *w = context;
    struct web_reply reply;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    snprintf(w->last, sizeof w->last, "%s", reply.body);
    bool says = reply.status == 200 && strstr(reply.body, w->text);
    web_reply_free(&reply);
    return says;
}

static void wait_status(const char *text)
{
    struct status_wait w = {.text = text};
    if (!wait_until(status_says, &w, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("no status with %s, but %s", text, w.last);
    }
}

static void wait_note(const char *kind, const char *text, int count)
{
    if (!control_double_wait_note(daemon_double, kind, text, count, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("no note %s with %s", kind, text ? text : "anything");
    }
}

static void post_admin(const char *path)
{
    struct web_reply reply;
    assert_true(web_post(&site.admin, path, "", &reply));
    assert_int_equal(reply.status, 200);
    web_reply_free(&reply);
}

/* A cloud that remembers nothing, on the same port. */
static void replace_cloud(void)
{
    struct folder data = {0};
    assert_true(process_stop(&site.cloud));
    assert_true(folder_file(&site.folder, "cloud", data.path));
    folder_remove(&data);
    assert_true(site_start_cloud(&site));
}

/* Many rows that gzip cannot make small. */
static void put_large_policy(int persons)
{
    size_t room = (size_t)persons * 160 + sizeof small_policy, len;
    char *rows = malloc(room);
    uint32_t random = 12345;
    assert_non_null(rows);
    len = (size_t)snprintf(rows, room, "%s", small_policy);
    for (int i = 0; i < persons; i++) {
        char name[65];
        for (int j = 0; j < 64; j++) {
            random = random * 1664525u + 1013904223u;
            name[j] = (char)('a' + (random >> 16) % 26);
        }
        name[64] = '\0';
        len += (size_t)snprintf(rows + len, room - len,
                                "{\"k\":\"person\",\"id\":\"p%d\",\"d\":{\"name\":\"%s\"}}\n", i,
                                name);
    }
    assert_true(site_put_rows(&site, rows));
    free(rows);
}

/* --- policy down ---------------------------------------------------------- */

static void a_snapshot_is_loaded_and_then_a_change_arrives(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(has_door("front"));
    assert_true(look_up_card().person_known);
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
    assert_true(look_up_card().credential_known);
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

static void a_kind_that_this_version_does_not_evaluate_is_refused_by_name(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_put_rows(&site, BACK_DOOR "{\"k\":\"lockdown\",\"id\":\"l1\","
                                               "\"d\":{\"where\":{\"all\":true}}}\n"));
    wait_status("lockdown");
    wait_note("policy_refused", "lockdown", 1);
    assert_true(holds_version(1, 1));
    assert_false(has_door("back")); /* nothing of the batch, not the good row either */
    /* Once it is gone, what was held up comes in. */
    assert_true(site_put_rows(&site, "{\"k\":\"lockdown\",\"id\":\"l1\",\"op\":\"del\"}\n"
                                     "{\"k\":\"door\",\"id\":\"side\",\"d\":{}}\n"));
    wait_note("policy_refused", "lockdown", 1);
}

static void an_unknown_time_zone_is_refused_by_name(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_put_rows(&site, "{\"k\":\"door\",\"id\":\"far\",\"d\":{\"tz\":\"Moon/Sea\"}}\n"));
    wait_status("Moon/Sea");
    assert_true(holds_version(1, 1));
    assert_false(has_door("far"));
    assert_true(site_put_rows(&site, "{\"k\":\"door\",\"id\":\"far\",\"d\":{\"tz\":\"UTC\"}}\n"));
    wait_status("Moon/Sea"); /* the bad version still lies between: refused again */
    assert_true(holds_version(1, 1));
    post_admin("/admin/sites/" SITE_ID "/forget");
    wait_version(1, 3);
    assert_true(has_door("far"));
}

static void a_refusal_is_noted_once_however_often_it_is_tried(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_fault(&site, "{\"invalid_row\":3}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
    wait_note("policy_applied", NULL, 2);
    assert_int_equal(control_double_notes(daemon_double, "policy_refused", "fault-invalid-row"), 1);
}

static void a_deny_line_holds_though_its_batch_is_refused(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_false(look_up_card().person_denied);
    assert_true(site_fault(&site, "{\"invalid_row\":true}"));
    assert_true(site_put_rows(&site,
                              "{\"k\":\"person\",\"id\":\"anna\",\"d\":{\"enabled\":false}}\n"));
    wait_status("fault-invalid-row");
    assert_true(holds_version(1, 1));
    assert_true(look_up_card().person_denied);
    assert_true(site_fault(&site, "{\"invalid_row\":false}"));
    wait_version(1, 2);
    assert_false(look_up_card().person.enabled);
}

static void a_change_set_that_breaks_off_is_not_applied_but_asked_for_again(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_fault(&site, "{\"truncate_changes_at\":60}"));
    assert_true(site_put_rows(&site, BACK_DOOR));
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
    assert_true(look_up_card().person_known);
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
        if (!holds_version(2, 3)) {
            assert_true(holds_version(1, 2));
            assert_true(look_up_card().person_known);
            assert_false(has_door("back"));
        }
    }
    assert_true(site_start_syncd(&site));
    wait_version(2, 3);
    assert_true(has_door("back"));
}

static void a_new_epoch_and_a_forgotten_cursor_lead_to_a_snapshot(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    post_admin("/admin/sites/" SITE_ID "/epoch");
    wait_version(2, 1);
    assert_true(process_stop(&site.syncd));
    assert_true(site_put_rows(&site, BACK_DOOR));
    post_admin("/admin/sites/" SITE_ID "/forget");
    assert_true(site_start_syncd(&site));
    wait_version(2, 2);
    assert_true(has_door("back"));
}

static void an_older_policy_is_refused(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    post_admin("/admin/sites/" SITE_ID "/epoch");
    wait_version(2, 1);
    replace_cloud(); /* begins again at epoch 1 */
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_status("older than 2/1");
    wait_note("policy_refused", "older than 2/1", 1);
    assert_true(holds_version(2, 1));
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

/* --- the link ------------------------------------------------------------- */

static void the_cloud_goes_and_comes_back_and_each_turn_is_noted_once(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    wait_note("cloud_online", NULL, 1);
    assert_true(process_stop(&site.cloud));
    wait_note("cloud_offline", NULL, 1);
    assert_true(has_door("front"));
    assert_true(site_start_cloud(&site));
    assert_true(site_put_rows(&site, BACK_DOOR));
    wait_version(1, 2);
    wait_note("cloud_online", NULL, 2);
    assert_int_equal(control_double_notes(daemon_double, "cloud_online", NULL), 2);
    assert_int_equal(control_double_notes(daemon_double, "cloud_offline", NULL), 1);
}

static void a_cloud_that_says_later_is_asked_later(void **state)
{
    (void)state;
    assert_true(site_fault(&site, "{\"answer_503\":4,\"retry_after_s\":1}"));
    start_with_small_policy();
    wait_version(1, 1);
}

static void a_cloud_with_a_stranger_s_certificate_gets_nothing(void **state)
{
    (void)state;
    char ca[FOLDER_PATH_MAX], *good;
    assert_true(folder_file(&site.folder, "ca.pem", ca));
    good = folder_read(ca, NULL);
    char stranger[FOLDER_PATH_MAX];
    assert_true(folder_file(&site.folder, "stranger.pem", stranger));
    assert_int_equal(process_run((const char *const[]){"openssl", "req", "-x509", "-newkey",
                                                       "ec", "-pkeyopt",
                                                       "ec_paramgen_curve:prime256v1", "-nodes",
                                                       "-keyout", "/dev/null", "-out", stranger,
                                                       "-subj", "/CN=stranger", NULL},
                                 NULL, WAIT_MS, NULL, NULL),
                     0);
    char *other = folder_read(stranger, NULL);
    assert_non_null(good);
    assert_non_null(other);
    assert_true(site_put_rows(&site, small_policy));
    assert_true(folder_write(&site.folder, "ca.pem", other, 0600));
    control_double_append(daemon_double, 3);
    assert_true(site_start_syncd(&site));
    /* Both activities have tried and were refused. */
    assert_true(process_wait_text(&site.syncd, "certificate", WAIT_MS, NULL, 0));
    assert_true(process_wait_text(&site.syncd, "certificate", WAIT_MS, NULL, 0));
    assert_false(has_door("front"));
    assert_int_equal(control_double_acked(daemon_double), 0);
    assert_true(process_stop(&site.syncd));
    assert_true(folder_write(&site.folder, "ca.pem", good, 0600));
    free(good);
    free(other);
}

/* --- events up ------------------------------------------------------------ */

static void wait_acked(int64_t seq)
{
    if (!control_double_wait_acked(daemon_double, seq, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("acknowledged only up to %d", (int)control_double_acked(daemon_double));
    }
}

/* The cloud's own numbers: everything, once, in order. */
static void expect_tally(int64_t count)
{
    struct site_tally t;
    assert_true(site_tally(&site, &t));
    assert_int_equal(t.count, count);
    assert_int_equal(t.missing, 0);
    assert_int_equal(t.doubled, 0);
}

static void events_go_up_in_order_and_none_twice_whatever_the_cloud_does(void **state)
{
    (void)state;
    assert_true(site_fault(&site, "{\"events_fail_after_commit\":2,"
                                  "\"events_fail_before_commit\":1}"));
    control_double_append(daemon_double, 1300);
    start_with_small_policy();
    wait_acked(1300);
    expect_tally(1300);
    control_double_append(daemon_double, 1);
    wait_acked(1301);
    expect_tally(1301);
    wait_status("\"queued\":0");
}

static void an_acknowledgement_that_gatehoused_lost_is_given_again(void **state)
{
    (void)state;
    control_double_refuse_acks(daemon_double, 2);
    control_double_append(daemon_double, 700);
    start_with_small_policy();
    wait_acked(700);
    expect_tally(700);
}

static void events_that_overflow_took_are_told_and_not_waited_for(void **state)
{
    (void)state;
    control_double_append(daemon_double, 100);
    start_with_small_policy();
    wait_acked(100);
    assert_true(process_stop(&site.syncd));
    control_double_append(daemon_double, 100);
    control_double_lose(daemon_double, 150);
    assert_true(site_start_syncd(&site));
    wait_acked(200);
    struct site_tally t;
    assert_true(site_tally(&site, &t));
    assert_int_equal(t.count, 150);
    assert_int_equal(t.missing, 50); /* named as lost */
}

static void a_cloud_that_lost_events_gets_them_again_from_the_history(void **state)
{
    (void)state;
    control_double_append(daemon_double, 1200);
    start_with_small_policy();
    wait_acked(1200);
    replace_cloud();
    assert_true(site_put_rows(&site, small_policy));
    control_double_append(daemon_double, 10);
    wait_acked(1210);
    expect_tally(1210);
}

static void events_that_a_cloud_lost_and_the_box_as_well_are_reported(void **state)
{
    (void)state;
    control_double_append(daemon_double, 20);
    start_with_small_policy();
    wait_acked(20);
    replace_cloud();
    control_double_lose(daemon_double, 10);
    control_double_append(daemon_double, 5);
    wait_status("this box no longer holds");
    assert_int_equal(control_double_acked(daemon_double), 20); /* nothing was skipped */
}

static void without_gatehoused_policy_comes_and_events_follow_once_it_is_there(void **state)
{
    (void)state;
    control_double_close(daemon_double);
    daemon_double = NULL;
    start_with_small_policy();
    wait_version(1, 1);
    wait_status("\"gatehoused\":\"away\"");
    daemon_double = control_double_open(site.control);
    assert_non_null(daemon_double);
    control_double_append(daemon_double, 5);
    wait_acked(5);
    expect_tally(5);
    wait_note("cloud_online", NULL, 1);
}

/* --- starting and ending -------------------------------------------------- */

/* Runs syncd to its end; its error text, owned. */
static char *run_syncd(const char *option, int expected_status)
{
    char path[FOLDER_PATH_MAX], *text = NULL;
    assert_true(place_program("gatehouse-syncd", path));
    const char *const argv[] = {path, "--config", site.config_path, option, NULL};
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &text), expected_status);
    return text;
}

static void expect_start_refused(const char *word)
{
    char *text = run_syncd(NULL, 1);
    if (!strstr(text, word))
        fail_msg("nothing of %s in: %s", word, text);
    const char *newline = strchr(text, '\n');
    assert_true(newline && newline[1] == '\0'); /* one line */
    free(text);
}

static void a_token_that_others_may_read_starts_nothing(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&site.folder, "token", path));
    assert_int_equal(chmod(path, 0644), 0);
    expect_start_refused("0600");
}

static void a_missing_ca_starts_nothing(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&site.folder, "ca.pem", path));
    assert_int_equal(remove(path), 0);
    expect_start_refused("ca.pem");
}

static void a_second_one_starts_nothing(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    expect_start_refused("another gatehouse-syncd");
}

static void a_config_with_mistakes_starts_nothing_and_names_the_lines(void **state)
{
    (void)state;
    assert_true(folder_write(&site.folder, "gatehouse.conf", "[site]\nid = ?\nwhat = 1\n", 0600));
    char *text = run_syncd("-n", 1);
    assert_non_null(strstr(text, "gatehouse.conf:2:"));
    assert_non_null(strstr(text, "gatehouse.conf:3:"));
    free(text);
    free(run_syncd(NULL, 1));
}

static void a_check_of_the_config_touches_nothing(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    free(run_syncd("-n", 0));
    assert_true(folder_file(&site.folder, "state/device.key", path));
    struct stat st;
    assert_int_not_equal(stat(path, &st), 0);
}

static void a_signal_ends_it_in_order_in_the_middle_of_a_poll(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    wait_status("\"rev\":1");
    int status = -1;
    assert_true(process_signal(&site.syncd, SIGTERM));
    assert_true(process_wait(&site.syncd, WAIT_MS, &status));
    assert_int_equal(status, 0);
}

static void neither_card_nor_token_reaches_the_log_or_the_state(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_version(1, 1);
    assert_true(site_put_rows(&site, "{\"k\":\"credential\",\"id\":\"c2\",\"d\":{\"person\":\"anna\","
                                     "\"type\":\"card\",\"value\":\"DEADBEEF01\",\"bits\":\"x\"}}\n"));
    wait_status("c2");
    assert_true(process_stop(&site.syncd));
    const char *const argv[] = {"grep", "-raliE", "0A1B2C3D|DEADBEEF01|gateway-token",
                                site.state_dir, site.syncd.log, NULL};
    char *found = NULL;
    int status = process_run(argv, NULL, WAIT_MS, &found, NULL);
    if (status != 1)
        fail_msg("found in %s", found);
    free(found);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_snapshot_is_loaded_and_then_a_change_arrives),
        T(a_policy_survives_a_restart_and_is_not_loaded_again),
        T(a_site_without_a_policy_is_waited_for),
        T(a_wrong_digest_is_refused_and_the_old_policy_stays),
        T(a_wrong_digest_of_a_snapshot_leaves_no_policy),
        T(a_kind_that_this_version_does_not_evaluate_is_refused_by_name),
        T(an_unknown_time_zone_is_refused_by_name),
        T(a_refusal_is_noted_once_however_often_it_is_tried),
        T(a_deny_line_holds_though_its_batch_is_refused),
        T(a_change_set_that_breaks_off_is_not_applied_but_asked_for_again),
        T(a_snapshot_that_breaks_off_is_resumed),
        T(killed_in_a_load_the_old_policy_stays_and_the_next_start_loads_again),
        T(a_new_epoch_and_a_forgotten_cursor_lead_to_a_snapshot),
        T(an_older_policy_is_refused),
        T(garbage_from_the_cloud_changes_nothing),
        T(the_cloud_goes_and_comes_back_and_each_turn_is_noted_once),
        T(a_cloud_that_says_later_is_asked_later),
        T(a_cloud_with_a_stranger_s_certificate_gets_nothing),
        T(events_go_up_in_order_and_none_twice_whatever_the_cloud_does),
        T(an_acknowledgement_that_gatehoused_lost_is_given_again),
        T(events_that_overflow_took_are_told_and_not_waited_for),
        T(a_cloud_that_lost_events_gets_them_again_from_the_history),
        T(events_that_a_cloud_lost_and_the_box_as_well_are_reported),
        T(without_gatehoused_policy_comes_and_events_follow_once_it_is_there),
        T(a_token_that_others_may_read_starts_nothing),
        T(a_missing_ca_starts_nothing),
        T(a_second_one_starts_nothing),
        T(a_config_with_mistakes_starts_nothing_and_names_the_lines),
        T(a_check_of_the_config_touches_nothing),
        T(a_signal_ends_it_in_order_in_the_middle_of_a_poll),
        T(neither_card_nor_token_reaches_the_log_or_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
