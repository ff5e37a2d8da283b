/* gatehousectl backup and restore: the box breaks, and another one takes its place. */
#include "gateway_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/ctl.h"

#define PASSPHRASE "correct horse battery staple\n"
#define CARD_GUEST "6E6E6E6E61"
#define GUEST                                                                                      \
    "{\"k\":\"person\",\"id\":\"guest\",\"d\":{\"enabled\":true,\"groups\":[\"staff\"]}}\n"       \
    "{\"k\":\"credential\",\"id\":\"c-guest\",\"d\":{\"person\":\"guest\",\"type\":\"card\","      \
    "\"value\":\"" CARD_GUEST "\",\"uses_total\":2}}\n"

static char file[FOLDER_PATH_MAX], away[FOLDER_PATH_MAX];
static char stream[64]; /* of the box that is backed up */

/* The exit status; all that was said in text (owned; NULL: not wanted). */
static int ctl(const char *command, const char *path, const char *passphrase, char **text)
{
    bool restores = strcmp(command, "restore") == 0;
    const char *const words[] = {command, restores ? "--from" : path, restores ? path : NULL, NULL};
    return ctl_run(site.config_path, passphrase, words, text);
}

static void expect(const char *command, const char *path, const char *passphrase, int status,
                   const char *part)
{
    char *text;
    int got = ctl(command, path, passphrase, &text);
    if (got != status || !strstr(text, part))
        fail_msg("%s ended with %d, and said: %s\nwanted %d: %s", command, got, text, status, part);
    free(text);
}

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

static void tell_stream(char out[64])
{
    char *answer = site_ask(&site, "{\"call\":\"status\"}");
    assert_non_null(answer);
    const char *at = strstr(answer, "\"stream\":\"");
    assert_non_null(at);
    snprintf(out, 64, "%.32s", at + strlen("\"stream\":\""));
    free(answer);
}

static void order(const char *request, const char *answer_part)
{
    char *answer = site_ask(&site, request);
    assert_non_null(answer);
    if (!strstr(answer, answer_part))
        fail_msg("%s: %s", request, answer);
    free(answer);
}

#define HOLD_OPEN "{\"call\":\"command\",\"action\":\"hold_open\",\"id\":\"c-1\",\"door\":\"d3\"}"

/* The box lives: a door is locked down, one was held open and restored, a guest came once. */
static int begin(void **state)
{
    if (house_begin(state) != 0 || !site_put_rows(&site, GUEST) || !site_wait_policy(&site, WAIT_MS) ||
        !folder_file(&site.folder, "gw-1.backup", file) || !folder_file(&site.folder, "broken", away))
        return -1;
    order("{\"call\":\"command\",\"action\":\"lockdown\",\"door\":\"d2\"}", "done");
    order(HOLD_OPEN, "done");
    order("{\"call\":\"command\",\"action\":\"restore\",\"door\":\"d3\"}", "done");
    assert_string_equal(house_present(4, "g1", CARD_GUEST).reason, "granted");
    assert_true(site_wait_drained(&site, WAIT_MS));
    tell_stream(stream);
    return 0;
}

static void a_backup_is_written_while_the_box_works(void **state)
{
    (void)state;
    struct stat st;
    expect("backup", file, "short\n", 1, "at least 12 characters");
    expect("backup", file, "", 1, "no passphrase");
    assert_int_not_equal(access(file, F_OK), 0);
    expect("backup", file, PASSPHRASE, 0, "gateway gw-1, ");
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect("backup", file, PASSPHRASE, 1, "it exists: name a new file");
    /* Nothing of it is in the clear: the key, the configuration, SQLite. */
    shell("for word in $(cat '%s/device.key') 'state_dir' 'SQLite format' 'gw-1'; do "
          "! grep -aq \"$word\" '%s' || exit 1; done; test ! -e '%s/replica.db.backup'",
          site.state_dir, file, site.state_dir);
}

static void a_box_that_has_a_state_is_not_overwritten(void **state)
{
    (void)state;
    expect("restore", file, PASSPHRASE, 1, "this box has a state of its own");
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    expect("restore", file, PASSPHRASE, 1, "this box has a state of its own");
    shell("cd '%s' && ! ls -R | grep restored", site.folder.path);
}

/* The old box is gone, and what it ran on. */
static void break_box(void)
{
    shell("mkdir '%s' && mv '%s' '%s/state' && mv '%s' '%s/gatehouse.conf'", away, site.state_dir,
          away, site.config_path, away);
}

/* What lies in the test's folder, by name. */
static void list(const char *to)
{
    shell("cd '%s' && find . -not -name '*.log' -not -name 'names*' | sort > %s",
          site.folder.path, to);
}

static void assert_nothing_came(void)
{
    list("names.after");
    shell("cd '%s' && diff names.before names.after", site.folder.path);
}

static void what_is_no_backup_changes_nothing(void **state)
{
    (void)state;
    char other[FOLDER_PATH_MAX];
    break_box();
    assert_true(folder_file(&site.folder, "damaged", other));
    shell("cp '%s' '%s'", file, other);
    list("names.before");
    expect("restore", file, "another passphrase\n", 1, "the passphrase is another one");
    assert_nothing_came();
    expect("restore", "/nonexistent", PASSPHRASE, 1, "No such file");
    expect("restore", "/etc/passwd", PASSPHRASE, 1, "it is no backup");
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    srand(1);
    for (int i = 0; i < 24; i++) {
        long at = i == 0 ? st.st_size - 1 : (long)(rand() % st.st_size);
        if (i % 2)
            shell("cp '%s' '%s'; truncate -s %ld '%s'", file, other, at, other);
        else
            shell("cp '%s' '%s'; b=$(od -An -tu1 -j %ld -N 1 '%s'); printf \"\\\\$(printf %%03o "
                  "$((b ^ 1)))\" | dd of='%s' bs=1 seek=%ld conv=notrunc status=none",
                  file, other, at, file, other, at);
        assert_int_equal(ctl("restore", other, PASSPHRASE, NULL), 1);
        assert_nothing_came();
    }
    shell("cp '%s' '%s'; printf x >> '%s'", file, other, other);
    expect("restore", other, PASSPHRASE, 1, "something stands behind its end");
    assert_nothing_came();
    unlink(other);
}

static void another_configuration_is_not_overwritten(void **state)
{
    (void)state;
    list("names.before");
    shell("echo '# mine' > '%s'", site.config_path);
    expect("restore", file, PASSPHRASE, 1, "it exists and is another than in the backup");
    shell("grep -qx '# mine' '%s' && rm '%s'", site.config_path, site.config_path);
    assert_nothing_came();
}

static void another_box_takes_its_place(void **state)
{
    (void)state;
    char now[64];
    expect("restore", file, PASSPHRASE, 0, "This box is the gateway gw-1 now");
    /* The same files, owners and modes, but for what it makes anew. */
    shell("cd '%s' && for f in device.key replica.db upstream.state; do "
          "test \"$(stat -c '%%U %%G %%a' $f)\" = \"$(stat -c '%%U %%G %%a' '%s'/state/$f)\"; done; "
          "cmp device.key '%s/state/device.key'; cmp upstream.state '%s/state/upstream.state'; "
          "cmp '%s' '%s/gatehouse.conf'; ! ls | grep restored",
          site.state_dir, away, away, away, site.config_path, away);
    shell("sqlite3 '%s/journal.db' \"SELECT 1 WHERE (SELECT CAST(value AS INTEGER) FROM kept WHERE "
          "key = CAST('b/commands' AS BLOB)) >= strftime('%%s','now') - 60\" | grep -qx 1",
          site.state_dir);
    /* The cloud is away: it decides by the policy that came along, from its first read on. */
    assert_true(site_start_gatehoused(&site));
    assert_string_equal(house_present(5, "j1", CARD_JANE).reason, "granted");
    assert_string_equal(house_present(2, "j2", CARD_JANE).reason, "door_locked_down");
    order(HOLD_OPEN, "duplicate");
    assert_string_equal(house_present(4, "g2", CARD_GUEST).reason, "granted");
    assert_string_equal(house_present(4, "g3", CARD_GUEST).reason, "uses_exhausted");
    tell_stream(now);
    assert_string_not_equal(now, stream);
    expect("journal", "verify", NULL, 0, "as they were written");
    /* And it is the same gateway to the cloud. */
    assert_true(site_start_syncd(&site) && site_wait_drained(&site, 3 * WAIT_MS));
}

/* The key is sealed to the old machine; a new one could not open it. */
static void a_backup_of_a_box_whose_key_is_a_credential_holds_the_key(void **state)
{
    (void)state;
    char given[FOLDER_PATH_MAX], second[FOLDER_PATH_MAX];
    assert_true(folder_file(&site.folder, "given", given) &&
                folder_file(&site.folder, "second.backup", second));
    shell("cd '%s' && mkdir '%s' && mv device.key '%s' && echo credential > device.key && "
          "chmod 640 device.key", site.state_dir, given, given);
    expect("backup", second, PASSPHRASE, 1, "device.key: it must be the service's alone");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", given, 1), 0);
    expect("backup", second, PASSPHRASE, 0, "Without the passphrase");
    expect("journal", "verify", NULL, 0, "as they were written");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_true(site_kill_gatehoused(&site) && process_stop(&site.syncd));
    shell("cd '%s' && rm *", site.state_dir);
    expect("restore", second, PASSPHRASE, 0, "This box is the gateway gw-1 now");
    shell("cmp '%s/device.key' '%s/device.key'", site.state_dir, given);
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site) &&
                site_wait_drained(&site, 3 * WAIT_MS));
}

static void a_box_that_works_is_left_alone(void **state)
{
    (void)state;
    shell("cd '%s' && rm journal.db journal.db-* journal.tail replica.db*", site.state_dir);
    expect("restore", file, PASSPHRASE, 1, "gatehoused is at work there: stop it first");
    assert_true(site_kill_gatehoused(&site));
    expect("restore", file, PASSPHRASE, 1, "gatehouse-syncd is at work there: stop it first");
    assert_true(process_stop(&site.syncd));
    expect("restore", file, PASSPHRASE, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_written_while_the_box_works),
        cmocka_unit_test(a_box_that_has_a_state_is_not_overwritten),
        cmocka_unit_test(what_is_no_backup_changes_nothing),
        cmocka_unit_test(another_configuration_is_not_overwritten),
        cmocka_unit_test(another_box_takes_its_place),
        cmocka_unit_test(a_backup_of_a_box_whose_key_is_a_credential_holds_the_key),
        cmocka_unit_test(a_box_that_works_is_left_alone),
    };
    return cmocka_run_group_tests(tests, begin, house_end);
}
