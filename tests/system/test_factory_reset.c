/* factory-reset: a box without identity, also where it is cut off at any step. No daemon runs. */
#include "accounts_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "adapters/sqlite/journal_db.h"
#include "core/event.h"
#include "lib/journal_check.h"

#define BOOT 0xf00dfeedf00dfeedu

static char state_dir[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX];

static const char cloud[] = "[cloud]\nurl = https://127.0.0.1:1\nca_file = %s/elsewhere/ca.pem\n"
                            "cert_file = %s/etc/cloud/gateway.pem\nkey_file = %s/etc/cloud/gateway.key\n"
                            "policy_key_file = %s/etc/cloud/policy.pub\n";

static bool write_events(int n)
{
    struct journal_db *db = journal_check_open(state_dir, 1000, BOOT);
    if (!db)
        return false;
    struct journal port = journal_db_port(db);
    bool good = true;
    for (int i = 1; i <= n && good; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"seq\":%d,\"kind\":\"door_opened\"}", i);
        good = port.ops->append(port.self, (uint64_t)i, slice_of(text), NULL, slice_of("")) == GH_OK;
    }
    journal_db_close(db);
    return good;
}

/* A box that has lived: two events wait for the cloud. */
static bool live(void)
{
    char text[1200];
    const char *p = folder.path;
    snprintf(text, sizeof text, cloud, p, p, p, p);
    return folder_write(&folder, "cloud.part", text, 0644) &&
           is_true("cp etc/gatehouse.conf conf.before && cat cloud.part >> etc/gatehouse.conf && "
                   "mkdir -p etc/cloud elsewhere && echo ca > elsewhere/ca.pem && echo c > etc/cloud/gateway.pem && "
                   "echo k > etc/cloud/gateway.key && echo p > etc/cloud/policy.pub && "
                   "echo 00 > state/device.key && echo d2 > state/fire-ignore && echo r > state/replica.db && "
                   "echo f > state/upstream.state && touch state/gatehoused.lock state/syncd.lock && "
                   "mkdir state/journal.restored.old && echo x > state/journal.restored.old/journal.db && "
                   "echo mine > state/notes.txt") &&
           write_events(2) && is_true("mkdir lived && cp -a etc elsewhere state lived");
}

static int make_lived(void **state)
{
    (void)state;
    return is_true("rm -rf etc elsewhere state && cp -a lived/etc lived/elsewhere lived/state .") ? 0 : -1;
}

static int begin(void **state)
{
    if (box_begin(state) != 0 || box_set_up(state) != 0 || !folder_file(&folder, "state", state_dir) ||
        !place_program("gatehousectl", program))
        return -1;
    ctl(0, "", "reader", "add", "front", "--out", out_dir);
    return live() ? 0 : -1;
}

/* --- what is there ------------------------------------------------------------------------------ */

static bool is_untouched(void)
{
    return is_true("diff -r etc lived/etc && diff -r elsewhere lived/elsewhere && test -e state/device.key && "
                   "test -e state/journal.db && test -e state/replica.db && test ! -e state/factory-reset");
}

static bool is_reset(void)
{
    return is_true("test \"$(ls etc)\" = gatehouse.conf && cmp etc/gatehouse.conf lived/etc/gatehouse.conf && "
                   "test \"$(ls -A state)\" = notes.txt && test -e elsewhere/ca.pem");
}

static int reset_with(const char *input, const char *const *words, char **said)
{
    return ctl_run(config, input, words, said);
}

static void expect(int status, const char *part, const char *input, const char *const *words)
{
    char *said = NULL;
    int got = reset_with(input, words, &said);
    if (got != status || !strstr(said, part))
        fail_msg("it ended with %d and said: %s\nwanted %d: %s", got, said, status, part);
    free(said);
}

/* gatehoused refuses to be the gateway that is left. */
static bool starts_nothing(void)
{
    char daemon[FOLDER_PATH_MAX], *said = NULL;
    assert_true(place_program("gatehoused", daemon));
    const char *const argv[] = {daemon, "--config", config, "--sim", NULL};
    int status = process_run(argv, NULL, WAIT_MS, NULL, &said);
    bool refuses = status == 1 && strstr(said, "a factory reset was cut off there");
    free(said);
    return refuses;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void nothing_goes_without_the_gateways_name(void **state)
{
    (void)state;
    expect(1, "this is the gateway gw-1, not gw-2", NULL, SAID("factory-reset", "--yes", "gw-2", "--discard-events"));
    expect(1, "that was not gw-1: nothing was removed", "", SAID("factory-reset", "--discard-events"));
    expect(1, "that was not gw-1: nothing was removed", "yes\n", SAID("factory-reset", "--discard-events"));
    expect(1, "that was not gw-1: nothing was removed", "gw-11\n", SAID("factory-reset", "--discard-events"));
    expect(2, "usage", NULL, SAID("factory-reset", "now"));
    assert_true(is_untouched());
}

static void events_that_no_cloud_has_are_not_lost_unasked(void **state)
{
    (void)state;
    expect(1, "2 events are here that no cloud has", NULL, SAID("factory-reset", "--yes", "gw-1"));
    assert_true(is_untouched());
    must("echo damaged > state/journal.db && rm -f state/journal.db-*");
    expect(1, "the journal cannot be read", NULL, SAID("factory-reset", "--yes", "gw-1"));
    must("test -e state/device.key");
    expect(0, "no gateway any more", NULL, SAID("factory-reset", "--yes", "gw-1", "--discard-events"));
    assert_true(is_reset());
}

static void a_box_that_works_is_left_alone(void **state)
{
    (void)state;
    static const char *const locks[] = {"gatehoused.lock", "syncd.lock"};
    for (int i = 0; i < 2; i++) {
        char path[FOLDER_PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s", state_dir, locks[i]);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
        expect(1, "systemctl stop gatehoused gatehouse-syncd", NULL,
               SAID("factory-reset", "--yes", "gw-1", "--discard-events"));
        close(fd);
        assert_true(is_untouched());
    }
}

static void what_makes_the_box_this_box_is_gone(void **state)
{
    (void)state;
    expect(0, "2 events among them", "gw-1\n", SAID("factory-reset", "--discard-events"));
    assert_true(is_reset());
    /* Again: there is nothing left to do. */
    expect(0, "0 files are gone", NULL, SAID("factory-reset", "--yes", "gw-1"));
    ctl(0, "issued: made", "broker", "setup", "--acl", shipped_acl);
    must("! cmp -s etc/broker/ca.pem lived/etc/broker/ca.pem && ! grep -q front etc/broker/issued");
}

/* A gateway that was enrolled names no files; an enrolment and a renewal were cut off once. */
static void an_enrolment_goes_with_all_that_it_has_left(void **state)
{
    (void)state;
    must("rm -r etc/cloud && sed -i '/^ca_file/,$d' etc/gatehouse.conf && "
         "echo 'dir = %s/etc/cloud' >> etc/gatehouse.conf && cp etc/gatehouse.conf enrolled.conf", folder.path);
    must("mkdir etc/cloud etc/cloud.new && for f in ca.pem gateway.pem gateway.key policy.pub; do echo x > etc/cloud/$f; "
         "done && echo k > etc/cloud.new/gateway.key && echo k > state/renewed.pem && echo k > state/renewed.pem.next");
    must("touch state/factory-reset");
    expect(1, "a factory reset was cut off there", "token\n", SAID("enrol", "https://127.0.0.1:1", "--again"));
    expect(0, "no gateway any more", NULL, SAID("factory-reset", "--yes", "gw-1", "--discard-events"));
    must("test \"$(ls etc)\" = gatehouse.conf && cmp etc/gatehouse.conf enrolled.conf && "
         "test \"$(ls -A state)\" = notes.txt");
}

static void a_program_is_told_what_was_done(void **state)
{
    (void)state;
    expect(0, "{\"ok\":true,\"gateway\":\"gw-1\",\"events_discarded\":2,\"removed\":", NULL,
           SAID("--json", "factory-reset", "--yes", "gw-1", "--discard-events"));
}

static void a_reset_that_is_killed_leaves_no_half_gateway_and_can_be_finished(void **state)
{
    const char *const argv[] = {program, "--config", config, "factory-reset", "--yes", "gw-1", "--discard-events", NULL};
    struct cut cut = {.argv = argv, .steps = CUT_NAMES, .signal = SIGKILL};
    int status = -1, steps = cut_run(&cut, &status), marked = 0;
    assert_int_equal(status, 0);
    assert_true(is_reset() && steps > 20);
    for (int n = 1; n <= steps; n++) {
        assert_int_equal(make_lived(state), 0);
        cut.at = n;
        (void)cut_run(&cut, &status);
        assert_int_equal(status, 128 + SIGKILL);
        bool is_marked = is_true("test -e state/factory-reset");
        marked += is_marked;
        if (!is_marked && !is_untouched() && !is_reset())
            fail_msg("killed at step %d of %d: half a gateway, and nothing says so", n, steps);
        if (is_marked && !starts_nothing())
            fail_msg("killed at step %d of %d: gatehoused starts with what is left", n, steps);
        if (is_marked && n % 8 == 0) {
            expect(1, "a factory reset was cut off there", NULL, SAID("broker", "setup", "--acl", shipped_acl));
            expect(1, "a factory reset was cut off there", NULL, SAID("reader", "add", "back", "--password"));
        }
        /* That one goes on needs no look at events: it was said before. */
        expect(0, "no gateway any more", NULL,
               is_marked ? SAID("factory-reset", "--yes", "gw-1")
                         : SAID("factory-reset", "--yes", "gw-1", "--discard-events"));
        if (!is_reset())
            fail_msg("killed at step %d of %d, and run again: something is left", n, steps);
    }
    assert_true(marked > 15);
}

#define T(f) cmocka_unit_test_setup(f, make_lived)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_goes_without_the_gateways_name),
        T(events_that_no_cloud_has_are_not_lost_unasked),
        T(a_box_that_works_is_left_alone),
        T(what_makes_the_box_this_box_is_gone),
        T(an_enrolment_goes_with_all_that_it_has_left),
        T(a_program_is_told_what_was_done),
        T(a_reset_that_is_killed_leaves_no_half_gateway_and_can_be_finished),
    };
    return cmocka_run_group_tests(tests, begin, box_end);
}
