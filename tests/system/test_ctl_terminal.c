/* gatehousectl at a terminal: tables that fit it, and words that the shell completes. */
#include "gateway_fixture.h"

#include "lib/ctl.h"
#include "lib/terminal.h"

static char *at_terminal(int columns, const char *const *words)
{
    char *said;
    int status = ctl_run_at_terminal(site.config_path, columns, words, &said);
    if (status != 0)
        fail_msg("exit status %d: %s", status, said);
    return said;
}
#define AT_TERMINAL(columns, ...) at_terminal((columns), (const char *const[]){__VA_ARGS__, NULL})

#define CTL(said, ...)                                                                             \
    ctl_run(site.config_path, NULL, (const char *const[]){__VA_ARGS__, NULL}, (said))

#define assert_part(text, part)                                                                    \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("no \"%s\" in:\n%s", (part), (text));                                         \
    } while (0)

static void assert_lines_fit(const char *text, size_t columns)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        if ((size_t)(end - text) > columns)
            fail_msg("more than %zu columns: %.*s", columns, (int)(end - text), text);
}

static void events_fit_the_terminal(void **state)
{
    (void)state;
    house_present(3, "fit-1", CARD_JANE);
    house_present(3, "fit-2", CARD_BOB);
    house_present(3, "fit-3", CARD_FOUND);
    char *said;
    assert_int_equal(CTL(&said, "release", "narnia"), 1);
    free(said);
    assert_true(simwatch_command(site.watch, "fault gone on")); /* a long line, and no door of a read */
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "\"on\":true", 1, WAIT_MS));
    assert_true(simwatch_command(site.watch, "fault gone off"));
    assert_true(site_wait_events(&site, "\"kind\":\"relay_fault\"", "\"on\":false", 1, 2 * WAIT_MS));
    static const int columns[] = {60, 80, 131};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        said = AT_TERMINAL(columns[i], "events");
        assert_lines_fit(said, (size_t)columns[i]);
        assert_part(said, "AT (UTC)       DOOR         WHAT");
        assert_part(said, " d3           granted  ");
        assert_part(said, " jane\n");
        free(said);
    }
    said = AT_TERMINAL(80, "events");
    assert_part(said, " d3           denied person_disabled         bob\n");
    assert_part(said, " d3           denied credential_unknown\n");
    assert_part(said, "relay_fault on ");
    assert_part(said, " narnia       release refused door_unknown   local:");
    assert_part(said, " -            gateway_started\n");
    free(said);
    said = AT_TERMINAL(80, "events", "--dialect", "doorflow-api");
    assert_lines_fit(said, 80);
    assert_part(said, " d3           10 granted by card ");
    assert_part(said, "~ bob\n"); /* its words are cut */
    free(said);
}

static void a_wide_terminal_gets_every_column(void **state)
{
    (void)state;
    house_present(4, "wide-1", CARD_BOB);
    char *said = AT_TERMINAL(132, "events");
    assert_lines_fit(said, 132);
    assert_part(said, "KIND             DOOR         READER       DECISION REASON ");
    assert_part(said, "access           d4           r4           denied   person_disabled          bob\n");
    free(said);
}

static void doors_fit_the_terminal_while_their_names_do(void **state)
{
    (void)state;
    assert_string_equal(house_present(5, "door-1", CARD_JANE).reason, "granted");
    char *said = AT_TERMINAL(80, "doors");
    assert_lines_fit(said, 80);
    assert_part(said, "d5    Door 5  locked  -        released for ");
    free(said);
}

/* --- completion --------------------------------------------------------------------- */

#define PROMPT "ready% "

/* A bash that has our completion and finds the programs that were built. */
static void open_shell(struct terminal *shell)
{
    char program[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 4096];
    assert_true(place_program("gatehousectl", program));
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof path, "PATH=%s:%s", program, getenv("PATH"));
    const char *const argv[] = {"env", path, "TERM=dumb", "PS1=" PROMPT, "INPUTRC=/dev/null",
                                "HISTFILE=", "bash", "--norc", "--noprofile", "-i", NULL};
    assert_true(terminal_open(shell, argv, 120));
    assert_true(terminal_wait_text(shell, PROMPT, WAIT_MS));
    assert_true(terminal_type(shell, ". scripts/completion/gatehousectl\n"));
    assert_true(terminal_wait_text(shell, PROMPT, WAIT_MS));
}

/* Types the line, which is then wiped away. Where there are several answers the first tab types
 * what they begin with, if that is more than stands there, and two show them. */
static void assert_completes(struct terminal *shell, const char *line, const char *shows)
{
    assert_true(terminal_type(shell, line));
    assert_true(terminal_wait_text(shell, shows, WAIT_MS));
    assert_true(terminal_type(shell, "\025\n"));
    assert_true(terminal_wait_text(shell, "\n" PROMPT, WAIT_MS));
}

static void bash_completes_commands_options_and_doors(void **state)
{
    (void)state;
    struct terminal shell;
    char line[FOLDER_PATH_MAX + 64];
    open_shell(&shell);
    assert_completes(&shell, "gatehousectl re\t\t", "rehearse  relay     release   restore");
    assert_completes(&shell, "gatehousectl lockdown-\t", "lockdown-release ");
    assert_completes(&shell, "gatehousectl relay t\t", "relay test ");
    assert_completes(&shell, "gatehousectl events --di\t", "--dialect ");
    assert_completes(&shell, "gatehousectl events --dialect on\t", "--dialect onvif ");
    snprintf(line, sizeof line, "gatehousectl --config %s release \t\t\t", site.config_path);
    assert_completes(&shell, line, "d0  d1  d2  d3  d4  d5  d6  d7  d8  d9");
    snprintf(line, sizeof line, "gatehousectl --config %s events --door \t\t\t", site.config_path);
    assert_completes(&shell, line, "d0  d1  d2  d3  d4  d5  d6  d7  d8  d9");
    assert_true(terminal_type(&shell, "exit 7\n"));
    assert_int_equal(terminal_wait_end(&shell, WAIT_MS), 7);
    terminal_close(&shell);
}

static void doors_are_not_completed_and_nothing_is_said_without_the_daemon(void **state)
{
    (void)state;
    struct terminal shell;
    open_shell(&shell);
    assert_true(terminal_type(&shell, "gatehousectl --socket /nonexistent/s release \t\t"));
    assert_completes(&shell, "x", "release x");
    assert_null(strstr(shell.shown, "nobody answers"));
    terminal_close(&shell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_fit_the_terminal),
        cmocka_unit_test(a_wide_terminal_gets_every_column),
        cmocka_unit_test(doors_fit_the_terminal_while_their_names_do),
        cmocka_unit_test(bash_completes_commands_options_and_doors),
        cmocka_unit_test(doors_are_not_completed_and_nothing_is_said_without_the_daemon),
    };
    return cmocka_run_group_tests_name("ctl_terminal", tests, house_begin, house_end);
}
