/* What `systemctl reload mosquitto` runs first: whether mosquitto could read its files. If it is
 * told to read them and cannot, it goes on without them, open to everybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/certs.h"
#include "lib/secure_broker.h"
#include "lib/wait.h"

struct fixture {
    struct folder folder;
    struct secure_broker broker;
};

static int set_up(void **state)
{
    static const char *const accounts[] = {"@gatehoused", NULL}, *const none[] = {NULL};
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return f && folder_make(&f->folder) && secure_broker_files(&f->folder, accounts) &&
                   secure_broker_configure(&f->broker, &f->folder, none, NULL)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    secure_broker_end(&f->broker);
    folder_remove(&f->folder);
    free(f);
    return 0;
}

/* Its exit status; said gets what it says, owned. */
static int check(struct fixture *f, char **said)
{
    char script[FOLDER_PATH_MAX];
    assert_true(place_repo_file("broker-config/check", script));
    const char *const argv[] = {script, f->broker.config, NULL};
    return process_run(argv, NULL, 2 * WAIT_MS, NULL, said);
}

static void good_files_are_good_also_while_the_broker_runs(void **state)
{
    struct fixture *f = *state;
    char *said = NULL;
    assert_int_equal(check(f, &said), 0);
    assert_string_equal(said, "");
    free(said);
    assert_true(secure_broker_start(&f->broker));
    assert_int_equal(check(f, NULL), 0);
    assert_true(process_is_alive(&f->broker.process));
}

static void whatever_mosquitto_cannot_read_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const breaks[][2] = {
        {"echo 'topic raed x' >> broker/acl", "broker/acl"},
        {"echo 'topic read a#b' >> broker/acl", "broker/acl"},
        {"rm broker/acl", "broker/acl"},
        {"rm broker/accounts", "broker/accounts"},
        {"rm broker/revoked.pem", "broker/revoked.pem"},
        {": > broker/revoked.pem", "broker/revoked.pem"},
        {"rm broker/ca.pem", "broker/ca.pem"},
        {"rm broker/server.key", "broker/server.key"},
        {"cp broker/ca.pem broker/server.pem", "mismatch"},
        {"sed -i 's/^ciphers .*/ciphers NONSENSE/' installed.conf", "NONSENSE"},
        {"echo 'alow_anonymous true' >> installed.conf", "installed.conf:1"},
        {"rm installed.conf", "installed.conf"},
    };
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        char *said = NULL;
        assert_true(process_shell(WAIT_MS, "cd '%s' && rm -rf keep && mkdir keep && "
                                           "cp -a broker installed.conf keep && %s",
                                  f->folder.path, breaks[i][0]));
        int status = check(f, &said);
        if (status != 1 || !said || !strstr(said, breaks[i][1]))
            fail_msg("%s: %d: %s", breaks[i][0], status, said ? said : "");
        free(said);
        assert_true(process_shell(WAIT_MS, "cd '%s' && rm -rf broker && cp -a keep/* .",
                                  f->folder.path));
    }
    assert_int_equal(check(f, NULL), 0);
}

static void it_leaves_nothing_behind_however_it_ends(void **state)
{
    struct fixture *f = *state;
    char script[FOLDER_PATH_MAX];
    assert_true(place_repo_file("broker-config/check", script));
    assert_true(process_shell(WAIT_MS,
                              "cd '%s' && mkdir tmp && export TMPDIR=$PWD/tmp && "
                              "'%s' installed.conf && [ -z \"$(ls tmp)\" ] && rm broker/acl && "
                              "! '%s' installed.conf "
                              "2>/dev/null && [ -z \"$(ls tmp)\" ]",
                              f->folder.path, script, script));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(good_files_are_good_also_while_the_broker_runs),
        T(whatever_mosquitto_cannot_read_is_named),
        T(it_leaves_nothing_behind_however_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
