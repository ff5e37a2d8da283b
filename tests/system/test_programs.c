/* What all four programs have in common: help, wrong words, a configuration that is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/config.h"
#include "lib/folder.h"
#include "lib/process.h"

#define WAIT_MS 10000
#define PROGRAMS 4

static const char *const names[PROGRAMS] = {"gatehoused", "gatehouse-syncd", "gatehousectl",
                                            "gatehouse-safe"};

struct run {
    int status;
    char *out, *err;
};

static struct run run(int program, const char *option, const char *value)
{
    char path[FOLDER_PATH_MAX];
    struct run r = {-1, NULL, NULL};
    assert_true(place_program(names[program], path));
    bool asks = value && strcmp(names[program], "gatehousectl") == 0; /* it needs a command */
    const char *const argv[] = {path, option, value, asks ? "config" : NULL, "check", NULL};
    r.status = process_run(argv, NULL, WAIT_MS, &r.out, &r.err);
    assert_true(r.out && r.err);
    return r;
}

static void forget(struct run *r)
{
    free(r->out);
    free(r->err);
}

static void help_is_what_was_asked_for(void **state)
{
    (void)state;
    for (int i = 0; i < PROGRAMS; i++) {
        struct run r = run(i, "--help", NULL);
        if (r.status != 0 || !strstr(r.out, "usage: ") || !strstr(r.out, names[i]) ||
            !strstr(r.out, "/etc/gatehouse/gatehouse.conf") || r.err[0])
            fail_msg("%s: exit status %d, out \"%s\", err \"%s\"", names[i], r.status, r.out, r.err);
        forget(&r);
    }
}

static void a_wrong_option_is_answered_with_the_usage(void **state)
{
    (void)state;
    for (int i = 0; i < PROGRAMS; i++) {
        struct run r = run(i, "--bogus", NULL);
        if (r.status != 2 || !strstr(r.err, "usage: ") || r.out[0])
            fail_msg("%s: exit status %d, out \"%s\", err \"%s\"", names[i], r.status, r.out, r.err);
        forget(&r);
    }
}

static void a_configuration_that_is_missing_is_named_with_the_reason(void **state)
{
    (void)state;
    for (int i = 0; i < PROGRAMS; i++) {
        struct run r = run(i, "--config", "/nonexistent/g.conf");
        if (r.status != 1 || r.out[0] ||
            strcmp(r.err, "/nonexistent/g.conf: cannot be read: No such file or directory\n") != 0)
            fail_msg("%s: exit status %d, out \"%s\", err \"%s\"", names[i], r.status, r.out, r.err);
        forget(&r);
    }
}

/* systemd starts nobody again for it: systemd/ names the status. */
static void mistakes_in_the_configuration_end_a_daemon_with_a_status_of_their_own(void **state)
{
    (void)state;
    struct folder folder;
    char config[FOLDER_PATH_MAX];
    assert_true(folder_make(&folder) && folder_write(&folder, "g.conf", "[site]\nid = ?\n", 0600) &&
                folder_file(&folder, "g.conf", config));
    for (int i = 0; i < PROGRAMS; i++) {
        bool is_daemon = strcmp(names[i], "gatehousectl") != 0;
        struct run r = run(i, "--config", config);
        if (r.status != (is_daemon ? CONFIG_EXIT_MISTAKES : 1) || !strstr(r.err, "g.conf:2: "))
            fail_msg("%s: exit status %d, err \"%s\"", names[i], r.status, r.err);
        forget(&r);
    }
    folder_remove(&folder);
}

static int has_cloud(const char *config)
{
    char path[FOLDER_PATH_MAX], *said = NULL;
    assert_true(place_program("gatehouse-syncd", path));
    const char *const argv[] = {path, "--config", config, "--has-cloud", NULL};
    int status = process_run(argv, NULL, WAIT_MS, NULL, &said);
    assert_true(status != 1 || strstr(said, "there is no [cloud]"));
    free(said);
    return status;
}

static void syncd_is_skipped_where_there_is_no_cloud_and_only_there(void **state)
{
    (void)state;
#define SITE "[site]\nid = hq\ngateway = gw-1\n"
#define CLOUD "[cloud]\nurl = https://c.example\nca_file = /c\ntoken_file = /t\npolicy_key_file = /k\n"
    static const struct {
        const char *config;
        int status;
    } cases[] = {{SITE, 1}, {SITE CLOUD, 0}, {SITE "[cloud]\nurl = ftp://c\n", 0}};
    struct folder folder;
    char config[FOLDER_PATH_MAX];
    assert_true(folder_make(&folder) && folder_file(&folder, "g.conf", config));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(folder_write(&folder, "g.conf", cases[i].config, 0600));
        assert_int_equal(has_cloud(config), cases[i].status);
    }
    folder_remove(&folder);
}

/* A second one would take the socket from the first, which has the lines. */
static void there_is_one_holder_of_the_lines(void **state)
{
    (void)state;
    struct folder folder;
    struct process first = {0};
    char program[FOLDER_PATH_MAX], config[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], text[700];
    char socket[FOLDER_PATH_MAX], *said = NULL;
    struct stat before, after;
    assert_true(folder_make(&folder));
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw\nstate_dir = %s\nrun_dir = %s\n"
             "[door gate]\nrelay = nochip:0\nactive = high\nlock = fail_secure\n", folder.path, folder.path);
    assert_true(folder_write(&folder, "g.conf", text, 0600) && folder_file(&folder, "g.conf", config) &&
                folder_file(&folder, "log", log) && folder_file(&folder, "hold.sock", socket) &&
                place_program("gatehouse-safe", program));
    const char *const argv[] = {program, "--config", config, "--hold", NULL};
    assert_true(process_start(&first, &(struct process_options){.argv = argv, .log_path = log}));
    assert_true(process_wait_text(&first, "nochip", WAIT_MS, NULL, 0)); /* it looks once it listens */
    assert_int_equal(stat(socket, &before), 0);
    int status = process_run(argv, NULL, WAIT_MS, NULL, &said);
    bool same = stat(socket, &after) == 0 && before.st_ino == after.st_ino;
    process_kill(&first);
    folder_remove(&folder);
    if (status != 1 || !same || !strstr(said, "another one holds the lines already"))
        fail_msg("exit status %d, %s socket: %s", status, same ? "the same" : "another", said);
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_what_was_asked_for),
        cmocka_unit_test(a_wrong_option_is_answered_with_the_usage),
        cmocka_unit_test(mistakes_in_the_configuration_end_a_daemon_with_a_status_of_their_own),
        cmocka_unit_test(syncd_is_skipped_where_there_is_no_cloud_and_only_there),
        cmocka_unit_test(a_configuration_that_is_missing_is_named_with_the_reason),
        cmocka_unit_test(there_is_one_holder_of_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
