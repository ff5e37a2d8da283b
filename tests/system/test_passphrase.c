/* The passphrase at a terminal: it is not shown, and the terminal is as it was afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/process.h"
#include "lib/terminal.h"
#include "lib/wait.h"

static struct folder folder;
static char config[FOLDER_PATH_MAX], backup[FOLDER_PATH_MAX];

static int begin(void **state)
{
    char text[1024];
    (void)state;
    if (!folder_make(&folder) || !folder_file(&folder, "gatehouse.conf", config) ||
        !folder_file(&folder, "b.backup", backup))
        return -1;
    snprintf(text, sizeof text, "[site]\nid = hq\ngateway = gw-1\nstate_dir = %s\n"
             "[door d]\nrelay = sim:1\nlock = fail_secure\nactive = high\n", folder.path);
    return folder_write(&folder, "gatehouse.conf", text, 0600) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static struct terminal terminal;

static void open_backup(void)
{
    char program[FOLDER_PATH_MAX];
    assert_true(place_program("gatehousectl", program));
    const char *const argv[] = {program, "--config", config, "backup", backup, NULL};
    assert_true(terminal_open(&terminal, argv, 80));
}

static bool echoes(void)
{
    struct termios now;
    assert_int_equal(tcgetattr(terminal.fd, &now), 0);
    return (now.c_lflag & ECHO) != 0;
}

static int close_it(void **state)
{
    (void)state;
    terminal_close(&terminal);
    return 0;
}

static void a_terminal_shows_again_what_is_typed_after_an_interruption(void **state)
{
    (void)state;
    open_backup();
    assert_true(terminal_wait_text(&terminal, "passphrase of the backup", WAIT_MS));
    assert_false(echoes());
    assert_true(process_shell(WAIT_MS, "grep -Eq '^Max core file size +0 +0' /proc/%d/limits",
                              (int)terminal.pid));
    /* As a shell does, so that the terminal outlives the program. */
    int shell = open(ptsname(terminal.fd), O_RDWR | O_NOCTTY);
    assert_true(shell >= 0);
    assert_true(terminal_type(&terminal, "half of it\003"));
    assert_int_equal(terminal_wait_end(&terminal, WAIT_MS), 1);
    assert_true(echoes());
    close(shell);
    assert_int_not_equal(access(backup, F_OK), 0);
}

static void two_that_differ_are_refused_and_neither_is_shown(void **state)
{
    (void)state;
    open_backup();
    assert_true(terminal_wait_text(&terminal, "passphrase of the backup: ", WAIT_MS));
    assert_false(echoes());
    assert_true(terminal_type(&terminal, "correct horse battery\n"));
    assert_true(terminal_wait_text(&terminal, "the same once more: ", WAIT_MS));
    assert_true(terminal_type(&terminal, "correct horse batterx\n"));
    assert_true(terminal_wait_text(&terminal, "these are two passphrases", WAIT_MS));
    assert_int_equal(terminal_wait_end(&terminal, WAIT_MS), 1);
    assert_null(strstr(terminal.shown, "correct"));
    assert_int_not_equal(access(backup, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_terminal_shows_again_what_is_typed_after_an_interruption, close_it),
        cmocka_unit_test_teardown(two_that_differ_are_refused_and_neither_is_shown, close_it),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
