/* gatehousectl events for a reader who takes his time: the daemon does not wait for ever, and
 * the rest is asked for when it is wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/control_double.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

static struct folder folder;
static char socket_path[FOLDER_PATH_MAX];
static struct control_double *daemon;

static int begin(void **state)
{
    (void)state;
    if (!folder_make(&folder) || !folder_file(&folder, "c.sock", socket_path))
        return -1;
    daemon = control_double_open(socket_path);
    return daemon ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    control_double_close(daemon);
    folder_remove(&folder);
    return 0;
}

/* The exit status; the numbers of the events, and whether there is one head. */
static int list(const char *format, char *numbers, size_t size, int *heads)
{
    char program[FOLDER_PATH_MAX], *out = NULL, *err = NULL;
    assert_true(place_program("gatehousectl", program));
    const char *const argv[] = {program, "--socket", socket_path, "events", format, NULL};
    int status = process_run(argv, NULL, WAIT_MS, &out, &err), seq;
    *heads = 0;
    numbers[0] = '\0';
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "seq,", 4) == 0)
            ++*heads;
        else if (sscanf(line, "%d,", &seq) == 1)
            snprintf(numbers + strlen(numbers), size - strlen(numbers), "%d ", seq);
    }
    free(out);
    free(err);
    return status;
}

static void an_answer_that_breaks_off_is_gone_on_with_and_nothing_comes_twice(void **state)
{
    (void)state;
    char numbers[200];
    int heads;
    control_double_append(daemon, 7);
    control_double_break_off(daemon, 3);
    assert_int_equal(list("--csv", numbers, sizeof numbers, &heads), 0);
    assert_string_equal(numbers, "1 2 3 4 5 6 7 ");
    assert_int_equal(heads, 1);
}

static void one_that_says_nothing_at_all_is_an_end(void **state)
{
    (void)state;
    char program[FOLDER_PATH_MAX], *err = NULL;
    assert_true(place_program("gatehousectl", program));
    control_double_close(daemon);
    daemon = NULL;
    const char *const argv[] = {program, "--socket", socket_path, "events", NULL};
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &err), 3);
    assert_non_null(strstr(err, "nobody answers"));
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_breaks_off_is_gone_on_with_and_nothing_comes_twice),
        cmocka_unit_test(one_that_says_nothing_at_all_is_an_end),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
