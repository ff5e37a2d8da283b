/* What all four programs have in common: help, wrong words, a configuration that is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_what_was_asked_for),
        cmocka_unit_test(a_wrong_option_is_answered_with_the_usage),
        cmocka_unit_test(a_configuration_that_is_missing_is_named_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
