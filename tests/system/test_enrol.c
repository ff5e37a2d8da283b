/* A gateway is enrolled, and lives by its certificate alone. */
#include "enrol_fixture.h"

/* --- before ---------------------------------------------------------------------------------------- */

static void until_it_is_enrolled_syncd_waits_and_says_for_what(void **state)
{
    (void)state;
    assert_true(process_wait_text(&site.syncd, "waiting for gatehousectl enrol", WAIT_MS, NULL, 0));
    assert_true(process_is_alive(&site.syncd));
    char *text;
    const char *const words[] = {"config", "check", "--sim", NULL};
    int got = ctl_run(site.config_path, NULL, words, &text);
    expect(0, "not enrolled there yet: gatehousectl enrol", got, text);
}

static void what_an_installer_gets_wrong_is_said_and_costs_no_token(void **state)
{
    (void)state;
    char other_ca[FOLDER_PATH_MAX], wrong_print[65], both[80];
    new_token();
    remember("known.before");
    shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x "
          "-keyout x.key -out x.pem 2>/dev/null", site.folder.path);
    assert_true(folder_file(&site.folder, "x.pem", other_ca));
    memcpy(wrong_print, print, sizeof print);
    wrong_print[63] = wrong_print[63] == '0' ? '1' : '0';
    snprintf(both, sizeof both, "%sx", print);
    ENROL(1, "who is to be believed?", token, url);
    ENROL(1, "--ca and --ca-sha256", token, url, "--ca-sha256=1", "--ca=/x");
    ENROL(1, "/nonexistent: No such file", token, url, "--ca", "/nonexistent");
    ENROL(1, "must hold 1 to 8 certificates", token, url, "--ca", "/etc/passwd");
    ENROL(1, "is it the right CA", token, url, "--ca", other_ca);
    ENROL(1, "64 hex digits", token, url, "--ca-sha256", "12:34");
    ENROL(1, "64 hex digits", token, url, "--ca-sha256", both);
    ENROL(1, "does not have this fingerprint", token, url, "--ca-sha256", wrong_print);
    ENROL(1, "must be https://", token, "http://127.0.0.1", "--ca", ca);
    ENROL(1, "put right which of the two is wrong", token, "https://127.0.0.1:1", "--ca", ca);
    ENROL(1, "no token came on standard input", NULL, url, "--ca", ca);
    ENROL(1, "visible characters", "\n", url, "--ca", ca);
    ENROL(1, "visible characters", "a token\n", url, "--ca", ca);
    ENROL(1, "the cloud refuses the token: it is wrong", "0123456789abcdef\n", url, "--ca", ca);
    ENROL(2, "usage", token, url, "more", "--ca", ca);
    assert_nothing_changed();
}

static void enrol_with_other(const char *edit, const char *part)
{
    char *text;
    shell("sed '%s' '%s' > '%s'", edit, site.config_path, other_config);
    int got = enrol(other_config, token, &text, (const char *const[4]){url, "--ca", ca});
    expect(1, part, got, text);
}

static void a_configuration_that_does_not_fit_is_refused_before_the_token_is_used_up(void **state)
{
    (void)state;
    enrol_with_other("s/^gateway = .*/gateway = gw-2/",
                     "the token is for the site hq, gateway gw-1; ");
    enrol_with_other("s/^id = .*/id = other/", "says site other, gateway gw-1");
    enrol_with_other("s#^dir = .*#token_file = /t\\nca_file = /c\\npolicy_key_file = /k#",
                     "leave \"url\" alone there");
    enrol_with_other("s#^dir = .*#dir = /nonexistent/identity#", "/nonexistent: No such file");
    enrol_with_other("s#^state_dir = .*#state_dir = /nonexistent#", "start gatehoused once");
    enrol_with_other("s#^url = .*#url = https://127.0.0.1:1#", "put right which of the two is wrong");
    assert_nothing_changed();
    assert_int_equal(used("enrol"), 0);
}

/* --- answers that are not right --------------------------------------------------------------------- */

static const struct {
    const char *fault, *part;
} faults[] = {
    {"{\"enrol_other_key\":1}", "for another key than ours; nothing was changed"},
    {"{\"enrol_other_name\":1}", "not for the site hq (O) and the gateway gw-1 (CN)"},
    {"{\"enrol_expired\":1}", "which of the two is wrong?"},
    {"{\"enrol_not_yet\":1}", "is not valid before"},
    {"{\"enrol_other_ca\":1}", "not signed by an authority of this cloud"},
    {"{\"enrol_no_policy_key\":1}", "nobody's policy would be believed"},
    {"{\"refuse_certificate\":1}", "a first call with the new certificate: the cloud answers 401"},
    {"{\"endless_body\":1}", "larger than an enrolment may be"},
    {"{\"garbage\":1}", "no JSON object"},
    {"{\"answer_503\":1}", "cannot do it now (503)"},
    {"{\"redirect\":1}", "the cloud answers 302"},
    {"{\"drop_connections\":2}", "https://127.0.0.1"},
};

static void try_all_faults(const char *again)
{
    remember("known.before");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        new_token();
        assert_true(site_fault(&site, faults[i].fault));
        ENROL(1, faults[i].part, token, url, "--ca", ca, again);
        assert_nothing_changed();
    }
}

static void an_answer_that_is_not_right_enrols_nobody(void **state)
{
    (void)state;
    /* Nobody else takes the faults: syncd waits still. */
    try_all_faults(NULL);
    assert_int_equal(used("enrol"), 0);
}

static bool is_waited_for(void *context)
{
    struct web_reply reply;
    (void)context;
    if (!web_get(&site.admin, "/admin/state", &reply))
        return false;
    bool waits = strstr(reply.body, "\"waiting\":1") != NULL;
    web_reply_free(&reply);
    return waits;
}

static void an_enrolment_that_takes_too_long_can_be_ended(void **state)
{
    (void)state;
    struct process p = {0};
    int status;
    char program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], command[1200];
    new_token();
    assert_true(folder_write(&site.folder, "token.in", token, 0600) &&
                folder_file(&site.folder, "ended.log", log) && place_program("gatehousectl", program));
    snprintf(command, sizeof command, "exec %s --config %s enrol --ca %s < %s/token.in", program,
             site.config_path, ca, site.folder.path);
    const char *const argv[] = {"sh", "-c", command, NULL};
    assert_true(site_fault(&site, "{\"stall_ms\":600000}"));
    assert_true(process_start(&p, &(struct process_options){.argv = argv, .log_path = log}));
    assert_true(wait_until(is_waited_for, NULL, WAIT_MS));
    assert_true(process_signal(&p, SIGINT) && process_wait(&p, WAIT_MS, &status));
    assert_int_equal(status, 128 + SIGINT);
    assert_true(site_fault(&site, "{\"stall_ms\":0}"));
    assert_nothing_changed();
}

static void a_cloud_that_is_away_is_said(void **state)
{
    (void)state;
    assert_true(process_stop(&site.cloud));
    ENROL(1, "connect to server", token, url, "--ca", ca);
    ENROL(1, "connect to server", token, url, "--ca-sha256", print);
    assert_nothing_changed();
    assert_true(site_start_cloud(&site));
}

static void a_clock_that_is_far_off_is_said(void **state)
{
    (void)state;
    /* To a clock that is years ahead, the cloud's certificate is as this one is to ours. */
    assert_true(process_stop(&site.cloud) &&
                certs_make_server(&site.folder, "ca", "cloud", CERT_EXPIRED) && site_start_cloud(&site));
    ENROL(1, "; the clock of this box says 20", token, url, "--ca", ca);
    assert_nothing_changed();
    assert_true(process_stop(&site.cloud) &&
                certs_make_server(&site.folder, "ca", "cloud", CERT_GOOD) && site_start_cloud(&site));
}

/* In an /etc of its own, where the identity lies if the configuration says nothing. */
static void a_configuration_without_a_cloud_is_told_what_to_add(void **state)
{
    (void)state;
    char program[FOLDER_PATH_MAX];
    if (!process_shell(WAIT_MS, "unshare -m true 2>/dev/null"))
        skip();
    assert_true(place_program("gatehousectl", program));
    new_token();
    shell("sed '/^.cloud.$/,/^dir/d' '%s' > '%s'", site.config_path, other_config);
    shell("cd '%s' && printf '%%s' '%s' > token.in && unshare -m sh -c 'mount -t tmpfs none /etc && "
          "mkdir /etc/gatehouse && %s --config %s enrol %s --ca %s < token.in > said && "
          "ls /etc/gatehouse/cloud/gateway.key' && grep -q '^Add to .*other.conf:$' said && "
          "grep -A1 '^  .cloud.$' said | grep -qx '  url = %s'",
          site.folder.path, token, program, other_config, url, ca, url);
}

/* --- enrolled ---------------------------------------------------------------------------------------- */

static void with_a_fingerprint_and_a_token_it_is_enrolled_and_syncd_starts_by_itself(void **state)
{
    (void)state;
    char colons[100];
    size_t n = 0;
    int enrolled_before = used("enrol");
    new_token();
    for (int i = 0; i < 64; i++)
        n += (size_t)snprintf(colons + n, sizeof colons - n, "%s%c", i > 0 && i % 2 == 0 ? ":" : "",
                              print[i] >= 'a' ? print[i] - 32 : print[i]);
    ENROL(0, "This box is the gateway gw-1 of the site hq", token, "--ca-sha256", colons);
    shell("cd '%s/identity' && test \"$(stat -c '%%n %%a' * | xargs)\" = 'ca.pem 640 command.pub 640 "
          "gateway.key 600 gateway.pem 640 policy.pub 640' && cmp policy.pub ../policy.pub && "
          "cmp command.pub ../command.pub", site.folder.path);
    assert_true(site_wait_policy(&site, 3 * WAIT_MS));
    present(2, "e1");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
    assert_int_equal(used("enrol"), enrolled_before + 1);
    /* Not by a token: it has none. */
    shell("! grep -q token '%s'", site.config_path);
}

static void an_enrolment_leaves_no_doubt_that_it_was_done(void **state)
{
    (void)state;
    new_token();
    ENROL(1, "is enrolled, by", token, url, "--ca", ca);
    wait_ctl_status("identity   certificate good until");
    char *answer = site_ask(&site, "{\"call\":\"certificate\",\"until\":\"soon\"}");
    assert_non_null(answer);
    assert_non_null(strstr(answer, "certificate needs \\\"until\\\""));
    free(answer);
    char *text;
    const char *const words[] = {"config", "check", "--sim", NULL};
    int got = ctl_run(site.config_path, NULL, words, &text);
    assert_null(strstr(text, "not enrolled"));
    expect(0, "good", got, text);
}

static bool is_done(void *context)
{
    const struct text_wait *w = context;
    return site_events(&site, w->part, "\"result\":\"done\"") == 1;
}

static void after_a_restart_gatehoused_does_the_commands_of_the_keys_that_were_pinned(void **state)
{
    (void)state;
    char id[65], part[100];
    assert_true(site_stop_gatehoused(&site) && site_start_gatehoused(&site));
    assert_true(site_command(&site, "{\"action\":\"release\",\"door\":\"d3\",\"ttl_s\":30}", id));
    snprintf(part, sizeof part, "\"id\":\"%s\"", id);
    struct text_wait done = {.part = part};
    assert_true(wait_until(is_done, &done, 3 * WAIT_MS));
}

static void a_second_enrolment_that_fails_leaves_the_first(void **state)
{
    (void)state;
    assert_true(process_stop(&site.syncd));
    try_all_faults("--again");
    assert_true(site_start_syncd(&site));
    present(4, "e2");
    assert_true(site_wait_drained(&site, 3 * WAIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_it_is_enrolled_syncd_waits_and_says_for_what),
        cmocka_unit_test(what_an_installer_gets_wrong_is_said_and_costs_no_token),
        cmocka_unit_test(a_configuration_that_does_not_fit_is_refused_before_the_token_is_used_up),
        cmocka_unit_test(an_answer_that_is_not_right_enrols_nobody),
        cmocka_unit_test(an_enrolment_that_takes_too_long_can_be_ended),
        cmocka_unit_test(a_cloud_that_is_away_is_said),
        cmocka_unit_test(a_clock_that_is_far_off_is_said),
        cmocka_unit_test(a_configuration_without_a_cloud_is_told_what_to_add),
        cmocka_unit_test(with_a_fingerprint_and_a_token_it_is_enrolled_and_syncd_starts_by_itself),
        cmocka_unit_test(an_enrolment_leaves_no_doubt_that_it_was_done),
        cmocka_unit_test(after_a_restart_gatehoused_does_the_commands_of_the_keys_that_were_pinned),
        cmocka_unit_test(a_second_enrolment_that_fails_leaves_the_first),
    };
    return cmocka_run_group_tests(tests, enrol_begin, house_end);
}
