/* Accounts, cut off: each command is killed at each step, and what it leaves is looked at. */
#include "accounts_fixture.h"

#include <signal.h>

static char program[FOLDER_PATH_MAX], shown[FOLDER_PATH_MAX];

static int begin(void **state)
{
    return box_begin(state) == 0 && place_program("gatehousectl", program) &&
                   folder_file(&folder, "shown", shown)
               ? 0
               : -1;
}

/* Runs gatehousectl, killed as it enters its n-th step (0: not at all); how many there were. What
 * it showed lies in the file shown. */
static int run_until(int n, int *status, const char *const *words)
{
    const char *argv[12] = {program, "--config", config};
    int k = 3;
    for (; *words; words++)
        argv[k++] = *words;
    argv[k] = NULL;
    return cut_run(&(struct cut){.argv = argv, .output = shown, .steps = CUT_WRITES, .at = n, .signal = SIGKILL},
                   status);
}

/* Counts the steps of a whole run, then kills it at each; prepare comes before each run. */
static void kill_at_each(int (*prepare)(void **state), const char *const *words, void (*judge)(int n))
{
    void *none = NULL;
    int status = -1;
    assert_int_equal(prepare(&none), 0);
    int steps = run_until(0, &status, words);
    assert_int_equal(status, 0);
    assert_true(steps > 10);
    for (int n = 1; n <= steps; n++) {
        assert_int_equal(prepare(&none), 0);
        (void)run_until(n, &status, words);
        if (status != 128 + SIGKILL)
            fail_msg("%s %s: step %d of %d never came: it ended with %d", words[0], words[1], n, steps, status);
        judge(n);
    }
}

/* --- setup ------------------------------------------------------------------------------------- */

static void setup_is_completed(int n)
{
    must("for f in ca.key server.key issued; do test ! -e etc/broker/$f -o \"$(stat -c %%a etc/broker/$f)\" = 600 -o "
         "\"$(stat -c %%a etc/broker/$f)\" = 640 || exit 1; done");
    must("test ! -e etc/broker/ca.pem || cp etc/broker/ca.pem ca.before");
    ctl(0, "", "broker", "setup", "--acl", shipped_acl);
    ctl(0, "everything is there", "broker", "setup", "--acl", shipped_acl);
    if (!is_true("test ! -e ca.before || cmp ca.before etc/broker/ca.pem"))
        fail_msg("killed at step %d: the authority is another one now", n);
    must("rm -f ca.before && test $(ls etc/broker | wc -l) = 8 && test $(grep -c @gatehoused: etc/broker/accounts) = 1");
    must("openssl verify -CAfile etc/broker/ca.pem -purpose sslserver etc/broker/server.pem && "
         "test \"$(openssl x509 -in etc/broker/server.pem -noout -pubkey)\" = "
         "\"$(openssl pkey -in etc/broker/server.key -pubout)\"");
    ctl(0, "reader front", "reader", "add", "front", "--out", out_dir);
}

static void a_setup_that_is_killed_is_completed_by_the_next(void **state)
{
    (void)state;
    kill_at_each(box_bare, SAID("broker", "setup", "--acl", shipped_acl), setup_is_completed);
}

/* --- add ----------------------------------------------------------------------------------------- */

/* How the account stands in the index: nothing, "live" or "unfinished". */
static bool is_state(const char *how)
{
    return is_true("grep -q 'reader front .* %s$' etc/broker/issued", how);
}

static bool is_handed_out_with_certificate(void)
{
    return is_true("openssl verify -CAfile out/ca.pem -purpose sslclient out/front.pem && "
                   "test \"$(openssl x509 -in out/front.pem -noout -pubkey)\" = "
                   "\"$(openssl pkey -in out/front.key -pubout)\" && "
                   "grep -qi \" $(openssl x509 -in out/front.pem -noout -serial | sed 's/serial=//') \" "
                   "etc/broker/issued");
}

static void certificate_is_nothing_or_usable(int n)
{
    if (is_state("live") && !is_handed_out_with_certificate())
        fail_msg("killed at step %d: an account that nobody can use", n);
    /* Whoever has it can be shut out, and a new one can be had: revoked first where it is live. */
    bool unfinished = is_state("unfinished"), live = is_state("live");
    must("cp out/front.pem old.pem 2>/dev/null || rm -f old.pem; mkdir out/again");
    if (live)
        ctl(0, "", "reader", "revoke", "front");
    char again[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "out/again", again));
    ctl(0, "reader front", "reader", "add", "front", "--out", again);
    must("openssl verify -CAfile etc/broker/ca.pem -CRLfile etc/broker/revoked.pem -crl_check out/again/front.pem");
    if (unfinished || live)
        must("test ! -s old.pem || ! openssl x509 -in old.pem -noout || ! openssl verify -CAfile etc/broker/ca.pem "
             "-CRLfile etc/broker/revoked.pem -crl_check old.pem");
    else
        must("test ! -e out/front.pem");
    must("test $(grep -c ' live$' etc/broker/issued) = 1 && ! grep -q unfinished etc/broker/issued");
}

static void an_add_that_is_killed_leaves_no_certificate_or_a_usable_one(void **state)
{
    (void)state;
    kill_at_each(box_set_up, SAID("reader", "add", "front", "--out", out_dir), certificate_is_nothing_or_usable);
}

static bool was_shown(void)
{
    return is_true("grep -qE 'password  [2-9A-HJ-NP-Z]{5}(-[2-9A-HJ-NP-Z]{5}){4}$' shown");
}

static void password_is_nothing_or_usable(int n)
{
    bool has_line = is_true("grep -q ^front: etc/broker/accounts");
    if (is_state("live") && (!has_line || !was_shown()))
        fail_msg("killed at step %d: an account that nobody can use", n);
    if (was_shown() && !has_line)
        fail_msg("killed at step %d: a password that opens nothing was shown", n);
    if (is_state("live"))
        ctl(0, "", "reader", "revoke", "front");
    ctl(0, "reader front", "reader", "add", "front", "--password");
    must("test $(grep -c ^front: etc/broker/accounts) = 1 && test $(grep -c ' live$' etc/broker/issued) = 1");
    must("grep -q '^@gatehoused:' etc/broker/accounts");
}

static void an_add_that_is_killed_leaves_no_password_or_a_usable_one(void **state)
{
    (void)state;
    kill_at_each(box_set_up, SAID("reader", "add", "front", "--password"), password_is_nothing_or_usable);
}

/* --- revoke -------------------------------------------------------------------------------------- */

static int with_accounts(void **state)
{
    if (is_true("test -e lived"))
        return box_bare(state) == 0 && is_true("echo 0 > active && cp -a lived/etc/broker* etc && cp -a lived/out .")
                   ? 0
                   : -1;
    if (box_set_up(state) != 0)
        return -1;
    ctl(0, "", "reader", "add", "front", "--out", out_dir);
    ctl(0, "", "panel", "add", "desk", "--password");
    return is_true("echo 0 > active && mkdir lived && cp -a etc out lived") ? 0 : -1;
}

static void certificate_is_live_or_shut_out(int n)
{
    bool shut_out = !is_true("openssl verify -CAfile etc/broker/ca.pem -CRLfile etc/broker/revoked.pem -crl_check "
                             "out/front.pem");
    if (!is_state("live") && !shut_out)
        fail_msg("killed at step %d: the index says revoked, and the broker lets it in", n);
    if (is_state("live"))
        ctl(0, "restarted", "reader", "revoke", "front");
    must("! openssl verify -CAfile etc/broker/ca.pem -CRLfile etc/broker/revoked.pem -crl_check out/front.pem");
    /* And it stays so when somebody else is revoked. */
    ctl(0, "", "panel", "revoke", "desk");
    must("! openssl verify -CAfile etc/broker/ca.pem -CRLfile etc/broker/revoked.pem -crl_check out/front.pem");
}

static void a_revocation_that_is_killed_is_not_done_or_done(void **state)
{
    (void)state;
    kill_at_each(with_accounts, SAID("reader", "revoke", "front"), certificate_is_live_or_shut_out);
}

static void panel_is_live_or_shut_out(int n)
{
    bool shut_out = is_true("! grep -q @panel/desk: etc/broker/accounts");
    if (is_true("! grep -q 'panel desk .* live$' etc/broker/issued") && !shut_out)
        fail_msg("killed at step %d: the index says revoked, and the broker lets it in", n);
    if (is_true("grep -q 'panel desk .* live$' etc/broker/issued"))
        ctl(0, "restarted", "panel", "revoke", "desk");
    must("! grep -q @panel/desk: etc/broker/accounts && ! grep -q '^user @panel' etc/broker/acl && "
         "grep -q '^@gatehoused:' etc/broker/accounts");
}

static void a_panel_that_is_revoked_and_killed_is_not_half_there(void **state)
{
    (void)state;
    kill_at_each(with_accounts, SAID("panel", "revoke", "desk"), panel_is_live_or_shut_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_that_is_killed_is_completed_by_the_next),
        cmocka_unit_test(an_add_that_is_killed_leaves_no_certificate_or_a_usable_one),
        cmocka_unit_test(an_add_that_is_killed_leaves_no_password_or_a_usable_one),
        cmocka_unit_test(a_revocation_that_is_killed_is_not_done_or_done),
        cmocka_unit_test(a_panel_that_is_revoked_and_killed_is_not_half_there),
    };
    return cmocka_run_group_tests(tests, begin, box_end);
}
