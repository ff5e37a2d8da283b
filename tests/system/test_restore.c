/* gatehousectl restore, attacked: it is cut off at each step, its places are not what they seem,
 * and the backup is not what an honest box writes. No daemon runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "adapters/sqlite/journal_db.h"
#include "app/box.h"
#include "core/changes.h"
#include "lib/ctl.h"
#include "lib/cut.h"
#include "lib/folder.h"
#include "lib/journal_check.h"
#include "lib/process.h"
#include "lib/wait.h"

#define PASSPHRASE "correct horse battery staple\n"
#define BOOT 0xf00dfeedf00dfeedu
#define LOCKED_DOWN "k/d2"

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

static struct folder folder;
static char etc[FOLDER_PATH_MAX], lib[FOLDER_PATH_MAX], old[FOLDER_PATH_MAX];
static char config[FOLDER_PATH_MAX], state_dir[FOLDER_PATH_MAX], backup[FOLDER_PATH_MAX];

static bool write_config(void)
{
    char text[4096];
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw-1\nstate_dir = %s\nrun_dir = %s/run\n"
             "[broker]\nport = 1\nusername = @gatehoused\npassword_file = %s/broker.password\n"
             "dir = %s/broker\n"
             "[cloud]\nurl = https://127.0.0.1:1\nca_file = %s/ca.pem\n"
             "cert_file = %s/gateway.pem\nkey_file = %s/gateway.pem\n"
             "policy_key_file = %s/keys.pub\ncommand_key_file = %s/keys.pub\n"
             "[door d2]\nrelay = sim:1\nlock = fail_secure\nactive = high\n",
             state_dir, folder.path, etc, etc, etc, etc, etc, etc, etc);
    return folder_write(&folder, "etc/gatehouse.conf", text, 0644);
}

/* A journal that keeps something. */
static bool write_journal(void)
{
    struct changes changes = {0};
    struct journal_db *db = journal_check_open(state_dir, 1000, BOOT);
    if (!db)
        return false;
    struct journal port = journal_db_port(db);
    bool good = changes_add(&changes, slice_of(LOCKED_DOWN), slice_of("1700000000")) == GH_OK &&
                port.ops->keep(port.self, changes_slice(&changes)) == GH_OK;
    journal_db_close(db);
    return good;
}

static int ctl(const char *first, const char *second, const char *third, char **said)
{
    const char *const words[] = {first, second, third, NULL};
    return ctl_run(config, PASSPHRASE, words, said);
}

static bool set_up_broker(void)
{
    char acl[FOLDER_PATH_MAX];
    const char *const setup[] = {"broker", "setup", "--acl", acl, NULL};
    return place_repo_file("broker-config/acl", acl) && ctl_run(config, NULL, setup, NULL) == 0;
}

static bool add_reader(const char *id)
{
    const char *const add[] = {"reader", "add", id, "--password", NULL};
    return ctl_run(config, NULL, add, NULL) == 0;
}

static void expect_restore(int status, const char *part)
{
    char *said = NULL;
    int got = ctl("restore", "--from", backup, &said);
    if (got != status || !strstr(said, part))
        fail_msg("restore ended with %d and said: %s\nwanted %d: %s", got, said, status, part);
    free(said);
}

/* One box, backed up, and then away: etc and lib are as on a new one. */
static int begin(void **state)
{
    (void)state;
    if (!folder_make(&folder) || !folder_file(&folder, "etc", etc) ||
        !folder_file(&folder, "lib", lib) || !folder_file(&folder, "lib/state", state_dir) ||
        !folder_file(&folder, "etc/gatehouse.conf", config) ||
        !folder_file(&folder, "gw.backup", backup) || !folder_file(&folder, "old", old))
        return -1;
    shell("mkdir -p '%s' '%s' '%s'", etc, state_dir, old);
    if (!write_config() || !folder_write(&folder, "etc/ca.pem", "ca\n", 0644) ||
        !folder_write(&folder, "etc/gateway.pem", "certificate\nkey\n", 0640) ||
        !folder_write(&folder, "etc/keys.pub", "keys\n", 0644) ||
        !folder_write(&folder, "lib/state/device.key",
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0640) ||
        !folder_write(&folder, "lib/state/fire-ignore", "d2\n", 0640) || !write_journal())
        return -1;
    if (!set_up_broker() || !add_reader("front") || ctl("backup", backup, NULL, NULL) != 0)
        return -1;
    shell("cp -a '%s' '%s' '%s'", etc, lib, old);
    return 0;
}

static int end(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static int make_fresh(void **state)
{
    (void)state;
    shell("rm -rf '%s' '%s'; mkdir '%s' '%s'", etc, lib, etc, lib);
    return 0;
}

/* --- what is there --------------------------------------------------------------------- */

static bool see(void *context, struct slice key, struct slice value)
{
    (void)value;
    *(int *)context += slice_is(key, LOCKED_DOWN) ? 1 : slice_is(key, "b/commands") ? 2 : 0;
    return true;
}

static bool has_memory(void)
{
    struct journal_reader *reader = NULL;
    int seen = 0;
    if (journal_reader_open(&reader, state_dir) != GH_OK)
        return false;
    enum gh_err err = journal_reader_kept(reader, see, &seen);
    journal_reader_close(reader);
    return err == GH_OK && seen == 3;
}

static bool is_true(const char *command)
{
    char text[1400];
    snprintf(text, sizeof text, "cd '%s' && %s", folder.path, command);
    const char *const argv[] = {"sh", "-c", text, NULL};
    return process_run(argv, NULL, WAIT_MS, NULL, NULL) == 0;
}

static bool is_whole(void)
{
    return is_true("diff -r etc old/etc && cmp lib/state/device.key old/lib/state/device.key && "
                   "cmp lib/state/fire-ignore old/lib/state/fire-ignore && "
                   "! find etc lib | grep -q restored") &&
           is_true("for f in broker broker/*; do test \"$(stat -c '%A %U %G' etc/$f)\" = "
                   "\"$(stat -c '%A %U %G' old/etc/$f)\" || exit 1; done") &&
           has_memory();
}

static bool is_nothing(void)
{
    return is_true("test -z \"$(find etc lib -type f -o -type l)\" && ! find etc lib | grep -q restored");
}

/* --- a restore that is stopped at a step -------------------------------------------------- */

/* Runs a restore that gets the signal as it enters its n-th call that changes names (0 = none),
 * and calls at before. How many there were; *status is its exit status, or 128 + signal. */
static int restore_until(int n, int signal, void (*at)(void), int *status)
{
    char input[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "passphrase", input));
    assert_true(folder_write(&folder, "passphrase", PASSPHRASE, 0600));
    assert_true(place_program("gatehousectl", program));
    const char *const argv[] = {program, "--config", config, "restore", "--from", backup, NULL};
    return cut_run(&(struct cut){.argv = argv, .input = input, .at = n, .signal = signal, .before = at}, status);
}

/* What would start there is no gateway: there is no configuration, or gatehoused refuses. */
static bool starts_nothing(void)
{
    char program[FOLDER_PATH_MAX];
    if (access(config, F_OK) != 0)
        return true;
    assert_true(place_program("gatehoused", program));
    const char *const argv[] = {program, "--config", config, "--sim", NULL};
    char *said = NULL;
    int status = process_run(argv, NULL, WAIT_MS, NULL, &said);
    bool refuses = status == 1 && strstr(said, "a restore was cut off");
    free(said);
    return refuses;
}

static void a_restore_that_is_killed_leaves_no_half_box_and_can_be_repeated(void **state)
{
    int status = -1, steps = restore_until(0, 0, NULL, &status);
    assert_int_equal(status, 0);
    assert_true(is_whole());
    for (int n = 1; n <= steps; n++) {
        make_fresh(state);
        (void)restore_until(n, SIGKILL, NULL, &status);
        assert_int_equal(status, 128 + SIGKILL);
        if (!is_whole() && !starts_nothing())
            fail_msg("killed at step %d of %d: half a box", n, steps);
        if (!is_whole()) {
            char *said = NULL;
            if (ctl("restore", "--from", backup, &said) != 0)
                fail_msg("killed at step %d of %d, and again: %s", n, steps, said);
            free(said);
        }
        if (!is_whole())
            fail_msg("killed at step %d of %d: not whole afterwards", n, steps);
    }
}

static void a_restore_that_is_interrupted_takes_all_back_or_is_done(void **state)
{
    int status = -1, steps = restore_until(0, 0, NULL, &status);
    for (int n = 1; n <= steps; n += 3) {
        make_fresh(state);
        int signal = n % 2 ? SIGINT : SIGTERM;
        (void)restore_until(n, signal, NULL, &status);
        /* A sanitizer makes calls of its own before main. */
        bool has_not_begun = n == 1 && status == 128 + signal;
        if (!(status == 0 && is_whole()) && !((status == 1 || has_not_begun) && is_nothing()))
            fail_msg("interrupted at step %d of %d: it ended with %d", n, steps, status);
    }
}

/* --- places -------------------------------------------------------------------------------- */

static void two_settings_may_name_one_file(void **state)
{
    (void)state;
    expect_restore(0, "This box is the gateway gw-1 now");
    assert_true(is_whole());
}

static void a_link_in_the_place_of_a_folder_is_not_followed(void **state)
{
    (void)state;
    shell("mkdir '%s' '%s/precious'; echo x > '%s/precious/file'; ln -s ../../etc/precious "
          "'%s/journal.restored'", state_dir, etc, etc, state_dir);
    expect_restore(1, "it is no folder of ours");
    shell("grep -qx x '%s/precious/file'", etc);
}

static void what_is_no_file_in_the_place_of_a_part_is_refused(void **state)
{
    (void)state;
    shell("mkfifo '%s/ca.pem'", etc);
    expect_restore(1, "ca.pem");
    shell("test -p '%s/ca.pem' && ! find '%s' '%s' -type f | grep .", etc, etc, lib);
}

/* --- the broker's accounts ------------------------------------------------------------------ */

/* A new box, where the package has run setup: another authority, and nobody knows it yet. */
static void accounts_of_nobody_give_way_to_those_of_the_backup(void **state)
{
    (void)state;
    shell("cp '%s/etc/gatehouse.conf' '%s'", old, config);
    assert_true(set_up_broker());
    shell("! cmp -s '%s/broker/ca.pem' '%s/etc/broker/ca.pem'", etc, old);
    expect_restore(0, "restart mosquitto");
    assert_true(is_whole());
    const char *const again[] = {"broker", "setup", NULL};
    char *said = NULL;
    assert_int_equal(ctl_run(config, NULL, again, &said), 0);
    assert_non_null(strstr(said, "everything is there"));
    free(said);
}

static void accounts_of_somebody_are_not_overwritten(void **state)
{
    (void)state;
    static const char *const used[] = {"", "monitor:x", "front"};
    for (int i = 1; i < 3; i++) {
        make_fresh(state);
        shell("cp '%s/etc/gatehouse.conf' '%s'", old, config);
        assert_true(set_up_broker());
        if (i == 1)
            shell("echo '%s' >> '%s/broker/accounts'", used[i], etc);
        else
            assert_true(add_reader(used[i]));
        shell("cp -a '%s/broker' '%s/kept'", etc, lib);
        expect_restore(1, "it exists and is another than in the backup");
        shell("diff -r '%s/broker' '%s/kept' && ! find '%s' '%s' | grep restored", etc, lib, etc, lib);
    }
    /* An account that was revoked was somebody's, too; and a folder whose index is gone may be. */
    const char *const revoke[] = {"reader", "revoke", "front", NULL};
    (void)ctl_run(config, NULL, revoke, NULL);
    expect_restore(1, "it exists and is another than in the backup");
    shell("rm '%s/broker/issued'", etc);
    expect_restore(1, "it exists and is another than in the backup");
}

static bool were_locks_held;

static void try_locks(void)
{
    static const char *const names[] = {"lib/state/gatehoused.lock", "lib/state/syncd.lock"};
    were_locks_held = true;
    for (int i = 0; i < 2; i++) {
        char path[FOLDER_PATH_MAX];
        assert_true(folder_file(&folder, names[i], path));
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        were_locks_held = were_locks_held && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
}

static void no_daemon_can_start_while_the_parts_get_their_names(void **state)
{
    int status = -1, steps = restore_until(0, 0, NULL, &status);
    make_fresh(state);
    shell("mkdir '%s'; touch '%s/gatehoused.lock' '%s/syncd.lock'", state_dir, state_dir, state_dir);
    /* The last but one: the journal's folder goes after it. */
    (void)restore_until(steps - 1, SIGCONT, try_locks, &status);
    assert_int_equal(status, 0);
    assert_true(were_locks_held);
}

/* --- backups that no honest box writes --------------------------------------------------- */

struct message {
    const char *text;
    enum seal_mark mark;
};

#define HEAD(gateway)                                                                              \
    "{\"backup\":1,\"version\":\"1\",\"site\":\"hq\",\"gateway\":\"" gateway                      \
    "\",\"created_at\":\"2025-01-01T00:00:00Z\"}"

static void seal_backup(const struct message *m, size_t n)
{
    struct seal *seal = NULL;
    unlink(backup);
    FILE *f = fopen(backup, "w");
    assert_non_null(f);
    assert_int_equal(seal_begin(&seal, f, slice_make(PASSPHRASE, strlen(PASSPHRASE) - 1)), GH_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seal_put(seal, slice_of(m[i].text), m[i].mark), GH_OK);
    seal_free(seal);
    assert_int_equal(fclose(f), 0);
}
#define SEAL(...)                                                                                  \
    do {                                                                                           \
        const struct message m[] = {__VA_ARGS__};                                                  \
        seal_backup(m, sizeof m / sizeof m[0]);                                                    \
    } while (0)

static void a_backup_that_was_made_to_do_harm_changes_nothing(void **state)
{
    (void)state;
    char entry[200], key[200], *text = NULL;
    const char *owner = geteuid() == 0 ? "root" : "nobody";
    shell("cp '%s' '%s.good'; cp '%s/etc/gatehouse.conf' '%s'", backup, backup, old, config);
    assert_non_null(text = folder_read(config, NULL));
    assert_int_equal(unlink(config), 0);
    snprintf(entry, sizeof entry, "{\"part\":\"config\",\"owner\":\"%s\",\"group\":\"%s\",\"mode\":511}",
             owner, owner);
    snprintf(key, sizeof key, "{\"part\":\"device_key\",\"owner\":\"%s\",\"group\":\"%s\",\"mode\":511}",
             owner, owner);
    SEAL({HEAD("\\u001b[2J"), SEAL_LAST}, {"", SEAL_END});
    expect_restore(1, "it is the backup of another version");
    SEAL({HEAD("gw-1"), SEAL_LAST}, {entry, SEAL_MORE}, {text, SEAL_LAST}, {key, SEAL_MORE},
         {"x", SEAL_LAST}, {key, SEAL_MORE}, {"y", SEAL_LAST}, {"", SEAL_END});
    expect_restore(1, "its parts are in disorder");
    SEAL({HEAD("gw-1"), SEAL_LAST}, {key, SEAL_MORE}, {"x", SEAL_LAST}, {"", SEAL_END});
    expect_restore(1, "its parts are in disorder");
    SEAL({HEAD("gw-1"), SEAL_LAST}, {entry, SEAL_MORE}, {text, SEAL_LAST}, {key, SEAL_MORE},
         {"x", SEAL_END});
    expect_restore(1, "it ends in the middle of a part");
    SEAL({HEAD("gw-1"), SEAL_LAST}, {entry, SEAL_MORE}, {text, SEAL_LAST}, {key, SEAL_MORE},
         {"x", SEAL_LAST}, {"", SEAL_END});
    expect_restore(1, "it is not in the backup");
    assert_true(is_nothing());
    free(text);
    shell("mv '%s.good' '%s'", backup, backup);
}

static void no_part_is_a_program_or_belongs_to_what_is_no_name(void **state)
{
    (void)state;
    struct box_entry entry;
    static const char text[] = "{\"part\":\"config\",\"owner\":\"a\",\"group\":\"b\",\"mode\":511}";
    assert_true(box_entry_parse(&entry, slice_of(text)));
    assert_int_equal(entry.mode, 0666);
    static const char evil[] =
        "{\"part\":\"config\",\"owner\":\"\\u001b[2J\",\"group\":\"b\",\"mode\":420}";
    assert_false(box_entry_parse(&entry, slice_of(evil)));
}

#define T(f) cmocka_unit_test_setup(f, make_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(two_settings_may_name_one_file),
        T(a_link_in_the_place_of_a_folder_is_not_followed),
        T(what_is_no_file_in_the_place_of_a_part_is_refused),
        T(accounts_of_nobody_give_way_to_those_of_the_backup),
        T(accounts_of_somebody_are_not_overwritten),
        T(no_daemon_can_start_while_the_parts_get_their_names),
        T(a_backup_that_was_made_to_do_harm_changes_nothing),
        T(no_part_is_a_program_or_belongs_to_what_is_no_name),
        T(a_restore_that_is_interrupted_takes_all_back_or_is_done),
        T(a_restore_that_is_killed_leaves_no_half_box_and_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
