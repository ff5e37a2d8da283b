/* The link, events on their way up, and syncd's own start and end. */
#include "sync_fixture.h"

#include "app/config.h"

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

/* A box that starts in an outage says so; until then it would only say that nothing was heard. */
static void a_cloud_that_is_away_from_the_start_is_noted_once(void **state)
{
    (void)state;
    assert_true(process_stop(&site.cloud));
    assert_true(site_start_syncd(&site));
    wait_note("cloud_offline", NULL, 1);
    assert_true(site_start_cloud(&site));
    assert_true(site_put_rows(&site, small_policy));
    wait_version(1, 1);
    wait_note("cloud_online", NULL, 1);
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

/* As one that takes this stream for another: nothing of ours is acknowledged by that. */
static void a_cloud_that_expects_what_never_was_has_nothing_acknowledged(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_status("\"queued\":0"); /* so that it is known how far the stream goes */
    assert_true(site_fault(&site, "{\"expect_ahead\":3}"));
    control_double_append(daemon_double, 20);
    wait_status("the cloud expects 1000000");
    wait_acked(20);
    expect_tally(20);
}

static void the_status_says_what_the_doors_are(void **state)
{
    (void)state;
    start_with_small_policy();
    wait_status("\"doors\":[{\"door\":\"d0\",\"mode\":\"locked\",\"onvif\":\"Locked\","
                "\"lock\":\"locked\",\"contact\":null,\"alarm\":\"tamper\"},{\"door\":\"d1\"");
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

/* --- vendor words --------------------------------------------------------- */

#define SITE_IN(dialect) "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\",\"dialect\":\"" dialect "\"}}\n"

/* The four events of the journal as the cloud must list them: the bytes as stored, and
 * these words beside the reads (NULL = none). */
struct listed {
    const char *words;
    char last[4096];
};

static bool are_listed(void *context)
{
    struct listed *l = context;
    struct web_reply reply;
    char expected[4096];
    size_t len = 0;
    for (int i = 1; i <= 4; i++)
        len += (size_t)snprintf(
            expected + len, sizeof expected - len,
            "{\"n\":%d,\"stream\":\"double-1\",\"seq\":%d,\"event\":{\"seq\":%d,"
            "\"at\":\"2026-01-01T00:00:00Z\",%s,\"prev\":\"%064x\"}%s%s}\n",
            i, i, i,
            i % 2 ? "\"kind\":\"command\",\"by\":\"double\""
                  : "\"kind\":\"access\",\"type\":\"qr\",\"decision\":\"denied\","
                    "\"reason\":\"credential_unknown\"",
            (unsigned)i, i % 2 || !l->words ? "" : ",\"vendor\":", i % 2 || !l->words ? "" : l->words);
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/events", &reply))
        return false;
    snprintf(l->last, sizeof l->last, "%s", reply.body);
    web_reply_free(&reply);
    return strcmp(l->last, expected) == 0;
}

static void wait_listed(const char *words)
{
    struct listed l = {.words = words};
    if (!wait_until(are_listed, &l, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("the cloud has %s", l.last);
    }
}

static void expect_resent_without_conflict(void)
{
    struct web_reply reply;
    assert_true(web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/events/summary",
                        &reply));
    assert_null(strstr(reply.body, "\"resent\":0,"));
    assert_non_null(strstr(reply.body, "\"conflicting\":0}"));
    web_reply_free(&reply);
}

static void a_vendor_s_words_stand_beside_events_and_may_change_with_the_site(void **state)
{
    (void)state;
    control_double_refuse_acks(daemon_double, 1000000); /* they are sent again and again */
    assert_true(site_put_rows(&site, SITE_IN("akuvox")) && site_start_syncd(&site));
    wait_version(1, 1);
    control_double_append(daemon_double, 4);
    wait_listed("{\"dialect\":\"akuvox\",\"code\":\"Invalid QR Code\",\"text\":\"Invalid QR Code\"}");
    assert_true(site_put_rows(&site, SITE_IN("doorflow-guide")));
    wait_listed("{\"dialect\":\"doorflow-guide\",\"code\":\"25\","
                "\"text\":\"refused, the credential is not known\"}");
    assert_true(site_put_rows(&site, SITE_IN("native")));
    wait_version(1, 3);
    control_double_refuse_acks(daemon_double, 0);
    wait_acked(4);
    expect_resent_without_conflict();
}

static void a_cloud_that_lost_events_gets_their_words_again_as_well(void **state)
{
    (void)state;
    assert_true(site_put_rows(&site, SITE_IN("onvif")) && site_start_syncd(&site));
    wait_version(1, 1);
    control_double_append(daemon_double, 2);
    wait_acked(2);
    replace_cloud();
    assert_true(site_put_rows(&site, SITE_IN("onvif")));
    control_double_append(daemon_double, 2);
    wait_acked(4);
    wait_listed("{\"dialect\":\"onvif\",\"code\":\"CredentialNotFound\","
                "\"text\":\"CredentialNotFound\"}");
    expect_tally(4);
}

static void without_a_dialect_or_a_policy_events_go_as_they_are(void **state)
{
    (void)state;
    control_double_append(daemon_double, 4);
    assert_true(site_start_syncd(&site)); /* the cloud has no policy of the site */
    wait_acked(4);
    wait_listed(NULL);
}

static void a_full_batch_has_room_for_the_words_of_every_event(void **state)
{
    (void)state;
    assert_true(site_put_rows(&site, SITE_IN("performance-hub")) && site_start_syncd(&site));
    wait_version(1, 1);
    control_double_append(daemon_double, 1500);
    wait_acked(1500);
    expect_tally(1500);
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
    free(run_syncd(NULL, CONFIG_EXIT_MISTAKES));
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
    static const char bad_row[] =
        "{\"k\":\"credential\",\"id\":\"c2\",\"d\":{\"person\":\"anna\",\"type\":\"card\","
        "\"value\":\"DEADBEEF01\",\"bits\":\"x\"}}\n";
    assert_true(site_put_rows(&site, bad_row));
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
        T(the_cloud_goes_and_comes_back_and_each_turn_is_noted_once),
        T(a_cloud_that_is_away_from_the_start_is_noted_once),
        T(a_cloud_that_says_later_is_asked_later),
        T(a_cloud_with_a_stranger_s_certificate_gets_nothing),
        T(events_go_up_in_order_and_none_twice_whatever_the_cloud_does),
        T(a_cloud_that_expects_what_never_was_has_nothing_acknowledged),
        T(the_status_says_what_the_doors_are),
        T(an_acknowledgement_that_gatehoused_lost_is_given_again),
        T(events_that_overflow_took_are_told_and_not_waited_for),
        T(a_cloud_that_lost_events_gets_them_again_from_the_history),
        T(events_that_a_cloud_lost_and_the_box_as_well_are_reported),
        T(without_gatehoused_policy_comes_and_events_follow_once_it_is_there),
        T(a_vendor_s_words_stand_beside_events_and_may_change_with_the_site),
        T(a_cloud_that_lost_events_gets_their_words_again_as_well),
        T(without_a_dialect_or_a_policy_events_go_as_they_are),
        T(a_full_batch_has_room_for_the_words_of_every_event),
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
