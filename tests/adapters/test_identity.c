/* The identity of a gateway on its disk: read, renewed, replaced, and killed between any two
 * system calls of that. */
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
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/identity.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

/* Certificates that signed themselves, each with its key: an identity is no judge. */
enum { FIRST, SECOND, RENEWED, RENEWED_AGAIN, PAIRS };
static struct pair {
    char *certificate, *key;
} pair[PAIRS];

static struct folder folder;
static struct config config;
static struct identity identity; /* as it was read last */
static char why[IDENTITY_WHY_MAX];

static char *text_of(const char *name)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, name, path));
    return folder_read(path, NULL);
}

static int begin(void **state)
{
    (void)state;
    if (!folder_make(&folder))
        return -1;
    for (int i = 0; i < PAIRS; i++) {
        char name[32];
        if (!process_shell(WAIT_MS, "cd '%s' && openssl req -x509 -newkey ec -pkeyopt "
                           "ec_paramgen_curve:P-256 -nodes -keyout %d.key -out %d.pem -subj /CN=%d "
                           "2>/dev/null", folder.path, i, i, i))
            return -1;
        snprintf(name, sizeof name, "%d.pem", i);
        pair[i].certificate = text_of(name);
        snprintf(name, sizeof name, "%d.key", i);
        pair[i].key = text_of(name);
    }
    config = (struct config){.is_enrolled = true};
    return folder_file(&folder, "state", config.state_dir) &&
                   folder_file(&folder, "cloud", config.cloud_dir)
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        free(pair[i].certificate);
        free(pair[i].key);
    }
    folder_remove(&folder);
    return 0;
}

/* --- what the tests do and see ----------------------------------------------------------------- */

static struct identity_files files_of(int i)
{
    return (struct identity_files){.ca = i == FIRST ? "first ca\n" : "second ca\n",
                                   .certificate = pair[i].certificate,
                                   .key = pair[i].key,
                                   .policy_keys = i == FIRST ? "1\n" : "2\n",
                                   .command_keys = i == FIRST ? "c\n" : NULL};
}

static bool store(int i)
{
    struct identity_files files = files_of(i);
    return identity_store(&files, &config, why);
}

static int fresh(void **state)
{
    (void)state;
    shell("cd '%s' && rm -rf state cloud cloud.new && mkdir state", folder.path);
    memset(&identity, 0, sizeof identity);
    return store(FIRST) && identity_load(&identity, &config, why) == GH_OK ? 0 : -1;
}

static enum gh_err renew_to(int i)
{
    return identity_renew(&identity, config.state_dir, pair[i].certificate, pair[i].key);
}

static void expect_pair(int i)
{
    assert_int_equal(identity_load(&identity, &config, why), GH_OK);
    assert_string_equal(identity.certificate, pair[i].certificate);
    assert_string_equal(identity.key, pair[i].key);
}

static void expect_fault(enum gh_err err, const char *words)
{
    struct identity before = identity;
    assert_int_equal(identity_load(&identity, &config, why), err);
    if (!strstr(why, words))
        fail_msg("%s; wanted %s", why, words);
    assert_memory_equal(&before, &identity, sizeof before);
}

static void expect_file(const char *name, const char *text, mode_t mode)
{
    struct stat st;
    char path[FOLDER_PATH_MAX], *got = text_of(name);
    assert_true(folder_file(&folder, name, path) && stat(path, &st) == 0);
    assert_int_equal(st.st_mode & 07777, mode);
    if (text)
        assert_string_equal(got, text);
    free(got);
}

/* --- reading ------------------------------------------------------------------------------------ */

static void a_gateway_that_was_never_enrolled_is_told_so(void **state)
{
    (void)state;
    shell("cd '%s' && rm -r cloud", folder.path);
    expect_fault(GH_NOT_FOUND, "this gateway is not enrolled");
    shell("cd '%s' && mkdir cloud", folder.path);
    expect_fault(GH_NOT_FOUND, "gateway.pem");
}

static void files_that_make_no_pair_are_none(void **state)
{
    (void)state;
    shell("cd '%s' && cp 1.key cloud/gateway.key", folder.path);
    expect_fault(GH_INVALID, "no certificate and its key");
    shell("cd '%s' && cp 0.key cloud/gateway.key && echo x > cloud/gateway.pem", folder.path);
    expect_fault(GH_INVALID, "no certificate and its key");
    shell("cd '%s' && cp 0.pem cloud/gateway.pem && rm cloud/gateway.key", folder.path);
    expect_fault(GH_NOT_FOUND, "gateway.key");
    shell("cd '%s' && cp 0.key cloud/gateway.key && rm cloud/ca.pem && mkdir cloud/ca.pem", folder.path);
    expect_fault(GH_IO, "cloud");
    shell("cd '%s' && rmdir cloud/ca.pem && head -c 70000 /dev/zero | tr '\\0' x > cloud/ca.pem", folder.path);
    expect_fault(GH_IO, "too large");
}

/* --- renewing ----------------------------------------------------------------------------------- */

static void a_renewed_pair_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    expect_pair(FIRST);
    assert_int_equal(renew_to(RENEWED), GH_OK);
    expect_pair(RENEWED);
    assert_string_equal(identity.ca, "first ca\n");
    assert_int_equal(renew_to(RENEWED_AGAIN), GH_OK);
    expect_pair(RENEWED_AGAIN);
    expect_file("state/renewed.pem", NULL, 0600);
    shell("cd '%s/state' && test \"$(ls)\" = renewed.pem", folder.path);
}

static void a_renewed_pair_of_another_enrolment_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(renew_to(RENEWED), GH_OK);
    assert_true(store(SECOND));
    expect_pair(SECOND);
    assert_string_equal(why, "");
    /* A renewal that was under way while the gateway was enrolled anew. */
    struct identity now = identity;
    assert_true(store(FIRST));
    assert_int_equal(identity_load(&identity, &config, why), GH_OK);
    assert_int_equal(identity_renew(&now, config.state_dir, pair[RENEWED].certificate, pair[RENEWED].key),
                     GH_OK);
    expect_pair(FIRST);
}

static void a_damaged_renewed_pair_gives_way_to_that_of_the_enrolment(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX];
    size_t len;
    assert_int_equal(renew_to(RENEWED), GH_OK);
    assert_true(folder_file(&folder, "state/renewed.pem", path));
    char *whole = folder_read(path, &len);
    assert_non_null(whole);
    for (size_t n = 0; n + 1 < len; n += 5) {
        assert_int_equal(truncate(path, (off_t)n), 0);
        expect_pair(FIRST);
        assert_non_null(strstr(why, "is damaged"));
        assert_true(folder_write(&folder, "state/renewed.pem", whole, 0600));
    }
    expect_pair(RENEWED);
    shell("cd '%s' && (head -n 1 state/renewed.pem; cat 3.key 2.pem) > x && mv x state/renewed.pem",
          folder.path);
    expect_pair(FIRST);
    assert_non_null(strstr(why, "is damaged"));
    free(whole);
}

static void a_pair_that_cannot_be_kept_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(renew_to(RENEWED), GH_OK);
    expect_pair(RENEWED);
    shell("cd '%s/state' && mkdir renewed.pem.next", folder.path);
    assert_int_equal(renew_to(RENEWED_AGAIN), GH_IO);
    expect_pair(RENEWED);
    assert_int_equal(identity_renew(&identity, "/nonexistent", pair[FIRST].certificate, pair[FIRST].key),
                     GH_IO);
}

/* --- enrolling ----------------------------------------------------------------------------------- */

static void the_folder_holds_what_was_brought_and_the_key_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat st;
    expect_file("cloud/ca.pem", "first ca\n", 0640);
    expect_file("cloud/gateway.pem", pair[FIRST].certificate, 0640);
    expect_file("cloud/gateway.key", pair[FIRST].key, 0600);
    expect_file("cloud/policy.pub", "1\n", 0640);
    expect_file("cloud/command.pub", "c\n", 0640);
    assert_int_equal(stat(config.cloud_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

static void an_older_identity_goes_whole(void **state)
{
    (void)state;
    assert_true(store(SECOND));
    expect_file("cloud/ca.pem", "second ca\n", 0640);
    /* The second has no command keys: those of the first are gone, too. */
    shell("cd '%s' && test \"$(echo $(ls cloud))\" = 'ca.pem gateway.key gateway.pem policy.pub' && "
          "test ! -e cloud.new", folder.path);
}

static void root_gives_the_key_to_whoever_owns_the_state(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    shell("cd '%s' && chown 12345:23456 state", folder.path);
    assert_true(store(SECOND));
    shell("cd '%s/cloud' && test \"$(stat -c '%%u %%g %%a' . ca.pem gateway.key | xargs)\" = "
          "'0 23456 750 0 23456 640 12345 23456 600'", folder.path);
}

static void without_a_state_folder_or_a_place_nothing_is_written(void **state)
{
    (void)state;
    char dir[CONFIG_PATH_MAX];
    memcpy(dir, config.cloud_dir, sizeof dir);
    assert_true(folder_file(&folder, "none/cloud", config.cloud_dir));
    assert_false(store(SECOND));
    assert_non_null(strstr(why, "No such file"));
    memcpy(config.cloud_dir, dir, sizeof dir);
    shell("cd '%s' && rmdir state", folder.path);
    assert_false(store(SECOND));
    assert_non_null(strstr(why, "start gatehoused once"));
    shell("cd '%s' && mkdir state", folder.path);
    expect_pair(FIRST);
}

static void two_enrolments_at_a_time_do_not_mix(void **state)
{
    (void)state;
    int fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    assert_false(store(SECOND));
    assert_non_null(strstr(why, "another enrolment is at work"));
    expect_pair(FIRST);
    close(fd);
    assert_true(store(SECOND));
}

/* --- kills --------------------------------------------------------------------------------------- */

/* Runs work in a child that is killed as it enters its nth system call. True: it was; false: it
 * came to its end before. */
static bool killed_at(int n, void (*work)(void))
{
    int status, calls = 0;
    bool in_call = false;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(9);
        raise(SIGSTOP);
        work();
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL);
    for (;;) {
        if (calls < n)
            assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return false;
        }
        if (WIFSIGNALED(status))
            return true;
        in_call = !in_call;
        if (in_call && ++calls == n)
            kill(child, SIGKILL);
    }
}

static void renew_in_child(void)
{
    if (renew_to(RENEWED_AGAIN) != GH_OK)
        _exit(1);
}

static void store_in_child(void)
{
    if (!store(SECOND))
        _exit(2);
}

static bool is_pair(int i)
{
    return strcmp(identity.certificate, pair[i].certificate) == 0 &&
           strcmp(identity.key, pair[i].key) == 0;
}

static void a_renewal_that_is_killed_anywhere_leaves_the_old_pair_or_the_new(void **state)
{
    (void)state;
    int olds = 0, news = 0, n = 1;
    assert_int_equal(renew_to(RENEWED), GH_OK);
    expect_pair(RENEWED);
    for (; killed_at(n, renew_in_child); n++) {
        assert_int_equal(identity_load(&identity, &config, why), GH_OK);
        assert_string_equal(why, "");
        assert_true(is_pair(RENEWED) || is_pair(RENEWED_AGAIN));
        olds += is_pair(RENEWED);
        news += is_pair(RENEWED_AGAIN);
        assert_int_equal(renew_to(RENEWED), GH_OK); /* over what was left */
    }
    expect_pair(RENEWED_AGAIN);
    assert_true(olds >= 3 && news >= 1);
    shell("cd '%s/state' && test \"$(ls)\" = renewed.pem", folder.path);
}

/* All five files are those of one enrolment. */
static void expect_one_of_both(int *olds, int *news)
{
    char *ca = text_of("cloud/ca.pem"), *keys = text_of("cloud/policy.pub");
    char commands[FOLDER_PATH_MAX];
    assert_int_equal(identity_load(&identity, &config, why), GH_OK);
    bool is_old = is_pair(FIRST);
    assert_true(is_old || is_pair(SECOND));
    assert_string_equal(ca, is_old ? "first ca\n" : "second ca\n");
    assert_string_equal(keys, is_old ? "1\n" : "2\n");
    assert_true(folder_file(&folder, "cloud/command.pub", commands));
    assert_int_equal(access(commands, F_OK) == 0, is_old);
    *olds += is_old;
    *news += !is_old;
    free(ca);
    free(keys);
}

static void an_enrolment_that_is_killed_anywhere_leaves_the_old_identity_or_the_new(void **state)
{
    (void)state;
    int olds = 0, news = 0;
    for (int n = 1; killed_at(n, store_in_child); n++) {
        expect_one_of_both(&olds, &news);
        assert_true(store(FIRST)); /* over what was left */
        expect_pair(FIRST);
    }
    expect_pair(SECOND);
    assert_true(olds >= 10 && news >= 3);
    shell("cd '%s' && test ! -e cloud.new", folder.path);
}

static void a_first_enrolment_that_is_killed_anywhere_leaves_all_or_nothing(void **state)
{
    (void)state;
    int nothing = 0, all = 0;
    shell("cd '%s' && rm -r cloud", folder.path);
    for (int n = 1; killed_at(n, store_in_child); n++) {
        enum gh_err err = identity_load(&identity, &config, why);
        assert_true(err == GH_OK || err == GH_NOT_FOUND);
        if (err == GH_OK)
            expect_one_of_both(&nothing, &all);
        else
            nothing++;
        shell("cd '%s' && rm -rf cloud", folder.path);
    }
    expect_pair(SECOND);
    assert_true(nothing >= 10 && all >= 1);
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_gateway_that_was_never_enrolled_is_told_so),
        T(files_that_make_no_pair_are_none),
        T(a_renewed_pair_takes_the_place_of_the_one_before),
        T(a_renewed_pair_of_another_enrolment_is_ignored),
        T(a_damaged_renewed_pair_gives_way_to_that_of_the_enrolment),
        T(a_pair_that_cannot_be_kept_changes_nothing),
        T(the_folder_holds_what_was_brought_and_the_key_is_for_its_owner_alone),
        T(an_older_identity_goes_whole),
        T(root_gives_the_key_to_whoever_owns_the_state),
        T(without_a_state_folder_or_a_place_nothing_is_written),
        T(two_enrolments_at_a_time_do_not_mix),
        T(a_renewal_that_is_killed_anywhere_leaves_the_old_pair_or_the_new),
        T(an_enrolment_that_is_killed_anywhere_leaves_the_old_identity_or_the_new),
        T(a_first_enrolment_that_is_killed_anywhere_leaves_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
