/* An enrolled gateway renews its certificate, and moves to another box. */
#include "enrol_fixture.h"

#include <sys/stat.h>

static int begin(void **state)
{
    char *text = NULL;
    if (enrol_begin(state) != 0)
        return -1;
    new_token();
    bool good = enrol(site.config_path, token, &text,
                      (const char *const[4]){"--ca-sha256", print}) == 0;
    if (!good)
        lib_say("it is not enrolled: %s", text);
    free(text);
    return good && site_wait_policy(&site, 3 * WAIT_MS) ? 0 : -1;
}

/* --- renewal ------------------------------------------------------------------------------------------ */

/* Enrolled anew, with a certificate that is nearly over; believing the CA that was pinned. */
static int64_t enrol_s = 1; /* how long that took last, for a machine that is slow */

static void enrol_again(const char *settings)
{
    process_stop(&site.syncd);
    assert_true(site_settings(&site, settings));
    new_token();
    int64_t begun_ns = wait_now_ns();
    ENROL(0, "This box is the gateway", token, "--again");
    enrol_s = (wait_now_ns() - begun_ns) / 1000000000 + 1;
    assert_true(site_settings(&site, NEW));
}

/* With a certificate that ends soon, but not before it could be renewed; when. */
static time_t enrol_for_a_moment(void)
{
    char settings[100];
    int left_s = (int)(3 + 3 * enrol_s);
    snprintf(settings, sizeof settings, "{\"gateway_cert_s\":10000,\"gateway_cert_age_s\":%d}",
             10000 - left_s);
    enrol_again(settings);
    return time(NULL) + left_s;
}

static void a_renewal_that_is_not_right_is_refused_and_the_old_certificate_serves_on(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *part;
    } wrong[] = {
        {"{\"enrol_other_key\":1}", "renewal: the certificate is for another key than ours"},
        {"{\"enrol_other_name\":1}", "renewal: the certificate is not for the site hq (O)"},
        {"{\"enrol_expired\":1}", "renewal: the certificate ended at"},
        {"{\"enrol_not_yet\":1}", "renewal: the certificate is not valid before"},
        {"{\"enrol_other_ca\":1}", "renewal: the certificate is not signed by an authority"},
    };
    enrol_again(NEARLY_OVER);
    remember("known.before");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_true(site_fault(&site, wrong[i].fault) && site_start_syncd(&site));
        assert_true(process_wait_text(&site.syncd, wrong[i].part, 3 * WAIT_MS, NULL, 0));
        assert_true(site_wait_drained(&site, 3 * WAIT_MS));
        assert_true(process_stop(&site.syncd));
        assert_nothing_changed();
    }
    /* And one that ends no later than what we have. */
    assert_true(site_settings(&site, "{\"gateway_cert_s\":10000,\"gateway_cert_age_s\":9900}") &&
                site_start_syncd(&site));
    assert_true(process_wait_text(&site.syncd, "ends no later than the present one", 3 * WAIT_MS, NULL, 0));
    assert_nothing_changed();
    assert_int_equal(used("renew"), 0);
    /* Whoever looks, here and at the cloud, is told. */
    wait_ctl_status("ALARM, its certificate: it ends at");
    assert_true(process_stop(&site.syncd) && site_settings(&site, NEW));
}

static bool cloud_is_told(void *context)
{
    struct web_reply reply;
    const struct text_wait *w = context;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    bool told = reply.status == 200 && strstr(reply.body, w->part);
    web_reply_free(&reply);
    return told;
}

static bool is_kept(void *context)
{
    (void)context;
    struct stat enrolled, renewed;
    char path[FOLDER_PATH_MAX];
    if (!folder_file(&site.folder, "identity/gateway.pem", path) || stat(path, &enrolled) != 0 ||
        !folder_file(&site.folder, "state/renewed.pem", path) || stat(path, &renewed) != 0)
        return false;
    return renewed.st_mtim.tv_sec > enrolled.st_mtim.tv_sec ||
           (renewed.st_mtim.tv_sec == enrolled.st_mtim.tv_sec &&
            renewed.st_mtim.tv_nsec > enrolled.st_mtim.tv_nsec);
}

/* The cloud has seen the n-th renewed certificate, and the disk holds it. */
static void wait_renewed(int n)
{
    wait_used("renew", n);
    assert_true(wait_until(is_kept, NULL, 3 * WAIT_MS));
}

static void a_certificate_is_renewed_before_it_ends_while_reads_go_on(void **state)
{
    (void)state;
    char id[16];
    int64_t offline = site_events(&site, "\"kind\":\"cloud_offline\"", "");
    remember("known.before");
    assert_true(site_start_syncd(&site));
    for (int i = 0; i < 40 && used("renew") == 0; i++) {
        snprintf(id, sizeof id, "n%d", i);
        present(4 + i % 4, id);
    }
    wait_renewed(1);
    shell("cd '%s' && test $(stat -c %%a state/renewed.pem) = 600", site.folder.path);
    wait_ctl_status("identity   certificate good until");
    struct text_wait told = {.part = "\"alarm\":null"};
    assert_true(wait_until(cloud_is_told, &told, 3 * WAIT_MS));
    present(5, "n-last");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    assert_int_equal(site_events(&site, "\"kind\":\"cloud_offline\"", ""), offline);
    /* What was pinned, and the pair of the enrolment, are as they were. */
    shell("cd '%s' && grep -v renewed known.before > a && find identity -type f | sort | "
          "xargs sha256sum > b && ls -d identity >> b && diff a b", site.folder.path);
}

static bool is_over(void *until)
{
    return time(NULL) > *(time_t *)until;
}

static void the_new_certificate_serves_when_the_old_one_is_over(void **state)
{
    (void)state;
    time_t until = enrol_for_a_moment();
    int before = used("renew");
    assert_true(site_start_syncd(&site));
    wait_renewed(before + 1);
    assert_true(wait_until(is_over, &until, 4 * WAIT_MS));
    present(6, "o1");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    /* Also for one who reads it from the disk. */
    assert_true(process_kill(&site.syncd) && site_start_syncd(&site));
    present(7, "o2");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    wait_ctl_status("identity   certificate good until");
}

static void a_certificate_that_ended_all_the_same_is_an_alarm_that_says_what_to_do(void **state)
{
    (void)state;
    enrol_for_a_moment();
    assert_true(site_fault(&site, "{\"enrol_other_key\":true}") && site_start_syncd(&site));
    wait_ctl_status("enrol this gateway anew (gatehousectl enrol --again)");
    assert_true(site_fault(&site, "{\"enrol_other_key\":0}"));
    /* Doors do not mind. */
    present(9, "x1");
    enrol_again(NEW);
    assert_true(site_start_syncd(&site) && site_wait_drained(&site, 3 * WAIT_MS));
    wait_ctl_status("identity   certificate good until");
}

/* --- another box --------------------------------------------------------------------------------------- */

static void a_backup_holds_the_identity_and_another_box_goes_on_with_it(void **state)
{
    (void)state;
    char file[FOLDER_PATH_MAX], *text;
    enrol_again(NEARLY_OVER);
    int renewed = used("renew");
    assert_true(site_start_syncd(&site));
    wait_renewed(renewed + 1);
    assert_true(folder_file(&site.folder, "gw-1.backup", file));
    const char *const backup[] = {"backup", file, NULL};
    int got = ctl_run(site.config_path, PASSPHRASE, backup, &text);
    expect(0, "gateway gw-1, ", got, text);
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    shell("cd '%s' && mkdir away && mv state identity gatehouse.conf away", site.folder.path);
    const char *const restore[] = {"restore", "--from", file, NULL};
    got = ctl_run(site.config_path, "another passphrase\n", restore, &text);
    expect(1, "the passphrase is another one", got, text);
    shell("cd '%s' && test ! -e state -a ! -e identity", site.folder.path);
    got = ctl_run(site.config_path, PASSPHRASE, restore, &text);
    expect(0, "This box is the gateway gw-1 now", got, text);
    shell("cd '%s' && diff -r identity away/identity && cmp state/renewed.pem away/state/renewed.pem && "
          "test \"$(stat -c '%%n %%U %%G %%a' identity identity/* state/renewed.pem)\" = "
          "\"$(cd away && stat -c '%%n %%U %%G %%a' identity identity/* state/renewed.pem)\"",
          site.folder.path);
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
    present(3, "b1");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    assert_int_equal(used("renew"), renewed + 1);
}

static void a_box_with_another_identity_is_not_overwritten(void **state)
{
    (void)state;
    char file[FOLDER_PATH_MAX], *text;
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    shell("cd '%s' && rm -r state away && echo mine > identity/ca.pem && cp -r identity mine",
          site.folder.path);
    assert_true(folder_file(&site.folder, "gw-1.backup", file));
    const char *const restore[] = {"restore", "--from", file, NULL};
    int got = ctl_run(site.config_path, PASSPHRASE, restore, &text);
    expect(1, "identity/ca.pem: it exists and is another", got, text);
    shell("cd '%s' && diff -r identity mine && test ! -e state", site.folder.path);
    shell("cd '%s' && rm -r identity", site.folder.path);
    got = ctl_run(site.config_path, PASSPHRASE, restore, &text);
    expect(0, "This box is the gateway gw-1 now", got, text);
    assert_true(site_start_gatehoused(&site));
}

static void a_certificate_of_the_installer_is_shown_and_watched_and_not_renewed(void **state)
{
    (void)state;
    enrol_again(NEARLY_OVER);
    int renewed = used("renew");
    const char *f = site.folder.path;
    shell("cd '%s' && cp -r identity own && rm state/renewed.pem && sed 's#^dir = .*#ca_file = %s/own/ca.pem\\n"
          "cert_file = %s/own/gateway.pem\\nkey_file = %s/own/gateway.key\\npolicy_key_file = "
          "%s/own/policy.pub#' gatehouse.conf > x && mv x gatehouse.conf", f, f, f, f, f);
    assert_true(site_start_syncd(&site));
    wait_ctl_status("ALARM, its certificate: it ends at");
    wait_ctl_status("/own/gateway.pem");
    present(2, "i1");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    assert_int_equal(used("renew"), renewed);
    shell("cd '%s' && test ! -e state/renewed.pem", f);
}

static void a_factory_reset_leaves_nothing_that_speaks_for_the_box(void **state)
{
    (void)state;
    const char *f = site.folder.path;
    char *text;
    shell("cd '%s' && sed '/^ca_file = /,/^policy_key_file = /d; s#^url = .*#&\\ndir = %s/identity#' "
          "gatehouse.conf > x && mv x gatehouse.conf", f, f);
    enrol_again(NEARLY_OVER);
    int renewed = used("renew");
    assert_true(site_start_syncd(&site));
    wait_renewed(renewed + 1);
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    /* And of an enrolment that was cut off. */
    shell("cd '%s' && cp -r identity identity.new && rm -r own mine && grep -rl 'PRIVATE KEY' identity* state | "
          "wc -l | grep -qx 3", f);
    const char *const words[] = {"factory-reset", "--yes", SITE_GATEWAY, "--discard-events", NULL};
    int got = ctl_run(site.config_path, NULL, words, &text);
    expect(0, "", got, text);
    shell("cd '%s' && test ! -e identity -a ! -e identity.new && ! grep -rl 'PRIVATE KEY' state", f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_that_is_not_right_is_refused_and_the_old_certificate_serves_on),
        cmocka_unit_test(a_certificate_is_renewed_before_it_ends_while_reads_go_on),
        cmocka_unit_test(the_new_certificate_serves_when_the_old_one_is_over),
        cmocka_unit_test(a_certificate_that_ended_all_the_same_is_an_alarm_that_says_what_to_do),
        cmocka_unit_test(a_backup_holds_the_identity_and_another_box_goes_on_with_it),
        cmocka_unit_test(a_box_with_another_identity_is_not_overwritten),
        cmocka_unit_test(a_certificate_of_the_installer_is_shown_and_watched_and_not_renewed),
        cmocka_unit_test(a_factory_reset_leaves_nothing_that_speaks_for_the_box),
    };
    return cmocka_run_group_tests(tests, begin, house_end);
}
