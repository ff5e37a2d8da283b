/* rehearse: every vector, and bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/process.h"

#define RUN_MS 60000

static char program[FOLDER_PATH_MAX];

static int rehearse(const char *policy, const char *steps, const char *input, char **out, char **err)
{
    const char *argv[] = {program, "rehearse", "--policy", policy, steps, NULL};
    int status = process_run(argv, input, RUN_MS, out, err);
    assert_true(status >= 0);
    return status;
}

/* Members of want that got does not have alike, as text; NULL if all are there. */
static char *difference(const char *want_line, const char *got_line)
{
    json_error_t e;
    json_t *want = json_loads(want_line, 0, &e), *got = json_loads(got_line, 0, &e);
    json_t *missing = json_object(), *value;
    const char *name;
    assert_non_null(want);
    json_object_foreach(want, name, value) {
        if (!got || !json_equal(value, json_object_get(got, name)))
            json_object_set(missing, name, value);
    }
    char *text = json_object_size(missing) ? json_dumps(missing, JSON_COMPACT) : NULL;
    json_decref(want);
    json_decref(got);
    json_decref(missing);
    return text;
}

/* The notes on the policy: one line each, as in the file of that name; none without one. */
static bool are_notes(const char *stem, const char *err)
{
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s.notes.txt", stem);
    char *wanted = access(path, F_OK) == 0 ? folder_read(path, NULL) : NULL, *keep;
    bool same = true;
    for (char *line = wanted ? strtok_r(wanted, "\n", &keep) : NULL; line && same;
         line = strtok_r(NULL, "\n", &keep)) {
        const char *is = strstr(err, ".policy.ndjson:");
        const char *end = is ? strchr(is, '\n') : NULL;
        is = is ? is + strlen(".policy.ndjson:") : NULL;
        same = end && strlen(line) == (size_t)(end - is) && memcmp(is, line, strlen(line)) == 0;
        err = end ? end + 1 : err;
    }
    free(wanted);
    return same && err[0] == '\0';
}

static int play(const char *stem)
{
    char path[FOLDER_PATH_MAX], steps[FOLDER_PATH_MAX], *out, *err, *keep_a, *keep_b;
    int line = 0, wrong = 0;
    snprintf(steps, sizeof steps, "%s.steps.ndjson", stem);
    snprintf(path, sizeof path, "%s.policy.ndjson", stem);
    rehearse(path, steps, NULL, &out, &err);
    snprintf(path, sizeof path, "%s.expect.ndjson", stem);
    char *expect = folder_read(path, NULL);
    assert_non_null(expect);
    char *want = strtok_r(expect, "\n", &keep_a), *got = strtok_r(out, "\n", &keep_b);
    for (; want; want = strtok_r(NULL, "\n", &keep_a), got = strtok_r(NULL, "\n", &keep_b)) {
        line++;
        char *missing = difference(want, got ? got : "null");
        if (missing) {
            print_message("%s line %d: wanted %s, got %s\n", stem, line, missing, got ? got : "nothing");
            wrong++;
        }
        free(missing);
    }
    if (got || !are_notes(stem, err)) {
        print_message("%s: more output than expected: %s%s\n", stem, got ? got : "", err);
        wrong++;
    }
    free(expect);
    free(out);
    free(err);
    return wrong;
}

static void every_vector_comes_out_as_it_must(void **state)
{
    (void)state;
    char readme[FOLDER_PATH_MAX], pattern[FOLDER_PATH_MAX];
    glob_t found;
    int wrong = 0;
    assert_true(place_repo_file("tests/vectors/README.md", readme));
    snprintf(pattern, sizeof pattern, "%.*s*.policy.ndjson", (int)(strlen(readme) - 9), readme);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        found.gl_pathv[i][strlen(found.gl_pathv[i]) - strlen(".policy.ndjson")] = '\0';
        wrong += play(found.gl_pathv[i]);
    }
    globfree(&found);
    assert_int_equal(wrong, 0);
}

struct bad {
    struct folder folder;
    char policy[FOLDER_PATH_MAX];
    char *out, *err;
    int status;
};

static void run_bad(struct bad *b, const char *policy, const char *steps)
{
    memset(b, 0, sizeof *b);
    assert_true(folder_make(&b->folder) && folder_write(&b->folder, "p.ndjson", policy, 0600) &&
                folder_file(&b->folder, "p.ndjson", b->policy));
    b->status = rehearse(b->policy, "-", steps, &b->out, &b->err);
}

static void end_bad(struct bad *b)
{
    free(b->out);
    free(b->err);
    folder_remove(&b->folder);
}

#define SITE "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\"}}\n"

static void a_bad_policy_says_every_line_and_why_and_plays_nothing(void **state)
{
    (void)state;
    static const char *const said[] = {":2: ", ":3: ", "40", ":4: ", "25:00", ":5: ", ":6: ", "tz"};
    struct bad b;
    run_bad(&b,
            SITE "nonsense\n"
                 "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"type\":\"card\",\"value\":"
                 "\"1234567890123456789012345678901234567890\"}}\n"
                 "{\"k\":\"schedule\",\"id\":\"s\",\"d\":{\"windows\":[{\"days\":[\"mon\"],"
                 "\"start\":\"25:00\",\"end\":\"26:00\"}]}}\n"
                 "{\"k\":\"person\",\"id\":\"p\",\"d\":{\"valid_from\":\"2025-02-30T00:00:00Z\"}}\n"
                 "{\"k\":\"door\",\"id\":\"d\",\"d\":{\"tz\":\"Mars/Olympus\"}}\n",
            "{\"at\":\"2025-01-01T00:00:00Z\",\"do\":\"events\"}\n");
    assert_int_equal(b.status, 1);
    assert_string_equal(b.out, "");
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (strcmp(said[i], "40") != 0 && strcmp(said[i], "25:00") != 0 && !strstr(b.err, said[i]))
            fail_msg("\"%s\" is not in: %s", said[i], b.err);
    assert_null(strstr(b.err, "12345678901234567890")); /* a value is a secret */
    end_bad(&b);
}

static void a_bad_step_is_named_changes_nothing_and_the_rest_is_played(void **state)
{
    (void)state;
    struct bad b;
    run_bad(&b,
            SITE "{\"k\":\"door\",\"id\":\"d\",\"d\":{}}\n",
            "{\"at\":\"2025-01-01T00:00:00Z\",\"do\":\"look\",\"door\":\"d\"}\n"
            "nonsense\n"
            "{\"do\":\"events\"}\n"
            "{\"at\":\"2024-12-31T00:00:00Z\",\"do\":\"events\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"dance\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"look\",\"door\":\"e\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"reader\":\"a b\",\"type\":\"card\",\"value\":\"1\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"set\",\"clock\":\"ticking\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"put\",\"row\":7}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"command\",\"action\":\"hold_open\","
            "\"door\":\"d\",\"args\":\"2025-01-01T01:00:00Z\"}\n"
            "{\"at\":\"2025-01-01T00:00:02Z\",\"do\":\"look\",\"door\":\"d\"}\n");
    assert_int_equal(b.status, 1);
    for (int line = 2; line <= 10; line++) {
        char text[32];
        snprintf(text, sizeof text, "\"line\":%d}", line);
        if (!strstr(b.out, text))
            fail_msg("line %d is not in: %s", line, b.out);
    }
    assert_null(strstr(b.out, "\"line\":11}"));
    assert_non_null(strstr(b.out, "\"at\":\"2025-01-01T00:00:02Z\",\"door\":\"d\",\"mode\":\"locked\""));
    end_bad(&b);
}

static void a_policy_without_a_site_denies_everything(void **state)
{
    (void)state;
    struct bad b;
    run_bad(&b, "{\"k\":\"reader\",\"id\":\"r\",\"d\":{\"door\":\"d\"}}\n",
            "{\"at\":\"2025-01-01T00:00:00Z\",\"reader\":\"r\",\"type\":\"card\",\"value\":\"1\"}\n");
    assert_int_equal(b.status, 0);
    assert_non_null(strstr(b.out, "\"reason\":\"policy_unavailable\""));
    end_bad(&b);
}

static void the_events_of_a_rehearsal_are_those_of_the_journal(void **state)
{
    (void)state;
    struct bad b;
    run_bad(&b, SITE "{\"k\":\"door\",\"id\":\"d\",\"d\":{}}\n{\"k\":\"reader\",\"id\":\"r\",\"d\":{\"door\":\"d\"}}\n",
            "{\"at\":\"2025-01-01T00:00:00Z\",\"reader\":\"r\",\"type\":\"card\",\"value\":\"1\",\"id\":\"one\"}\n"
            "{\"at\":\"2025-01-01T00:00:00Z\",\"do\":\"events\"}\n"
            "{\"at\":\"2025-01-01T00:00:01Z\",\"do\":\"events\"}\n");
    assert_int_equal(b.status, 0);
    assert_non_null(strstr(b.out, "\"kind\":\"access\",\"door\":\"d\",\"reader\":\"r\""));
    assert_non_null(strstr(b.out, "\"at\":\"2025-01-01T00:00:01Z\",\"events\":[]"));
    end_bad(&b);
}

static void a_policy_file_that_is_not_there_is_said(void **state)
{
    (void)state;
    char *out, *err;
    assert_int_equal(rehearse("/nonexistent.ndjson", "-", "", &out, &err), 1);
    assert_non_null(strstr(err, "/nonexistent.ndjson: No such file"));
    free(out);
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_comes_out_as_it_must),
        cmocka_unit_test(a_bad_policy_says_every_line_and_why_and_plays_nothing),
        cmocka_unit_test(a_bad_step_is_named_changes_nothing_and_the_rest_is_played),
        cmocka_unit_test(a_policy_without_a_site_denies_everything),
        cmocka_unit_test(the_events_of_a_rehearsal_are_those_of_the_journal),
        cmocka_unit_test(a_policy_file_that_is_not_there_is_said),
    };
    if (!place_program("gatehousectl", program))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
