/* What doors do when gatehoused ends, on real lines and under the unit that we ship: stopped,
 * killed, hung, out of memory, upgraded, in a fire; on a kernel that keeps a line's level when
 * its program ends, and on one that lets it go back to where a resistor pulls it. Each row of
 * the matrix in hal/README.md is a test here.
 *
 * Both doors at once: d0 is a strike (released = high), d1 a maglock (released = low). */
#include "hardware/appliance.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "input.h"
#include "lib/manager.h"

#define CRASH_MS 6000 /* a release of a second, and five */
#define HANG_MS 16000 /* and fifteen */
#define FIRE_CRASHES 5
#define STARTS 20     /* GATEHOUSE_STARTS: the long form has 1,000 */

static struct manager *manager;
static int watched; /* starts of the manager's unit before the end that is looked at */

static int begin(void **state)
{
    (void)state;
    static const struct site_options options = {
        .config = DOOR_STRIKE DOOR_MAGLOCK, .site_lines = FIRE_LINE, .real_lines = true};
    return site_make(&site, &options) ? 0 : -1;
}

static bool set_keep(bool keep)
{
    FILE *f = fopen("/sys/module/gpio_sim/parameters/keep", "w");
    bool good = f && fputs(keep ? "1" : "0", f) >= 0;
    return f && fclose(f) == 0 && good;
}

static int end(void **state)
{
    (void)state;
    site_end(&site);
    return set_keep(false) ? 0 : -1;
}

/* --- kernels ------------------------------------------------------------------------------- */

enum kernel { KEEPS, REVERTS_TO_LOCKED, REVERTS_TO_RELEASED };

static int released_level(int line)
{
    return line == LINE_STRIKE;
}

static void use_kernel(enum kernel kernel)
{
    assert_true(set_keep(kernel == KEEPS));
    /* Kernels that keep levels begin with lines that nobody has driven, too. */
    for (int line = LINE_STRIKE; line <= LINE_MAGLOCK; line++)
        assert_true(gpiosim_pull(
            chip, line, released_level(line) == (kernel == REVERTS_TO_RELEASED)));
}

/* --- a life ---------------------------------------------------------------------------------- */

static void live(enum kernel kernel)
{
    char log[FOLDER_PATH_MAX];
    assert_true(make_chip(CHIP));
    use_kernel(kernel);
    assert_true(folder_file(&site.folder, "unit.log", log));
    manager = manager_open("gatehoused.service", site.config_path, log);
    assert_non_null(manager);
    assert_true(manager_wait_ready(manager, 1, 3 * WAIT_MS));
    watched = 1;
}

static int tear_down(void **state)
{
    (void)state;
    manager_close(manager);
    manager = NULL;
    gpiosim_free(chip);
    chip = NULL;
    return 0;
}

static void assert_doors(bool released)
{
    for (int line = LINE_STRIKE; line <= LINE_MAGLOCK; line++)
        assert_reaches(line, released ? released_level(line) : !released_level(line));
}

static void ask(const char *request)
{
    char *answer = site_ask(&site, request);
    assert_non_null(answer);
    assert_non_null(strstr(answer, "\"ok\":true"));
    free(answer);
}

/* Both doors are released for a second, and from here on every level is recorded. */
static void release_and_record(void)
{
    ask("{\"call\":\"relay_test\",\"door\":\"d0\"}");
    ask("{\"call\":\"relay_test\",\"door\":\"d1\"}");
    assert_doors(true);
    assert_true(gpiosim_record());
}

static void both_lock(int within_ms)
{
    for (int line = LINE_STRIKE; line <= LINE_MAGLOCK; line++)
        if (!reaches(line, !released_level(line), within_ms))
            fail_msg("line %d is released still", line);
}

static void is_back(void)
{
    assert_true(manager_wait_ready(manager, ++watched, 3 * WAIT_MS));
}

/* Levels towards released that somebody has driven since the record began. */
static void nobody_released(void)
{
    char *record = gpiosim_recorded(chip);
    assert_non_null(record);
    if (strstr(record, "0=1") || strstr(record, "1=0"))
        fail_msg("a line was driven to released: %s", record);
    free(record);
}

/* --- ends -------------------------------------------------------------------------------------- */

static void stop(void)
{
    assert_true(manager_stop(manager));
}

static void crash(void)
{
    assert_int_equal(kill(manager_pid(manager), SIGKILL), 0);
}

static void hang(void)
{
    assert_int_equal(kill(manager_pid(manager), SIGSTOP), 0);
}

static void write_to(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The kernel's own killer, told to choose now; it takes the greatest score. */
static void out_of_memory(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)manager_pid(manager));
    write_to(path, "1000");
    write_to("/proc/sysrq-trigger", "f");
}

static void dies_and_is_back(enum kernel kernel, void (*dies)(void), int within_ms)
{
    live(kernel);
    release_and_record();
    dies();
    both_lock(within_ms);
    assert_int_equal(manager_launches(manager), 1); /* not by the next start */
    is_back();
    assert_doors(false);
    nobody_released();
}

static void a_crash_locks_where_the_kernel_keeps_levels(void **state)
{
    (void)state;
    dies_and_is_back(KEEPS, crash, CRASH_MS);
}

static void a_crash_locks_where_lines_go_back_to_a_safe_resistor(void **state)
{
    (void)state;
    dies_and_is_back(REVERTS_TO_LOCKED, crash, CRASH_MS);
}

static void a_hang_locks_where_the_kernel_keeps_levels(void **state)
{
    (void)state;
    dies_and_is_back(KEEPS, hang, HANG_MS);
}

static void a_hang_locks_where_lines_go_back_to_a_safe_resistor(void **state)
{
    (void)state;
    dies_and_is_back(REVERTS_TO_LOCKED, hang, HANG_MS);
}

static void who_runs_out_of_memory_locks_where_the_kernel_keeps_levels(void **state)
{
    (void)state;
    dies_and_is_back(KEEPS, out_of_memory, CRASH_MS);
}

static void who_runs_out_of_memory_locks_where_lines_go_back_to_a_safe_resistor(void **state)
{
    (void)state;
    dies_and_is_back(REVERTS_TO_LOCKED, out_of_memory, CRASH_MS);
}

static void is_stopped_and_upgraded(enum kernel kernel)
{
    live(kernel);
    release_and_record();
    stop();
    both_lock(0);
    assert_true(manager_start(manager, 3 * WAIT_MS));
    assert_doors(false);
    nobody_released();
}

static void a_stop_and_an_upgrade_lock_where_the_kernel_keeps_levels(void **state)
{
    (void)state;
    is_stopped_and_upgraded(KEEPS);
}

static void a_stop_and_an_upgrade_lock_where_lines_go_back_to_a_safe_resistor(void **state)
{
    (void)state;
    is_stopped_and_upgraded(REVERTS_TO_LOCKED);
}

/* --- resistors that are not safe --------------------------------------------------------------- */

static void an_unsafe_resistor_releases_until_gatehoused_is_back(void **state)
{
    (void)state;
    live(REVERTS_TO_RELEASED);
    assert_doors(false);
    stop();
    assert_doors(true); /* nobody drives the lines: see the matrix */
    assert_true(manager_start(manager, 3 * WAIT_MS));
    assert_doors(false);
}

static bool somebody_holds(void *context)
{
    char program[FOLDER_PATH_MAX], *out = NULL;
    (void)context;
    if (!place_program("gatehousectl", program))
        return false;
    const char *const argv[] = {program, "--config", site.config_path, "config", "check", NULL};
    (void)process_run(argv, NULL, WAIT_MS, &out, NULL);
    bool held = out && strstr(out, "held by \"safe d0\"") && strstr(out, "held by \"safe d1\"");
    free(out);
    return held;
}

static struct process holder;

static void start_holder(void)
{
    char program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    assert_true(place_program("gatehouse-safe", program) &&
                folder_file(&site.folder, "hold.log", log));
    const char *const argv[] = {program, "--config", site.config_path, "--hold", NULL};
    holder = (struct process){0};
    assert_true(process_start(&holder, &(struct process_options){.argv = argv, .log_path = log}));
}

static int stop_holder(void **state)
{
    (void)tear_down(state);
    return process_stop(&holder) ? 0 : -1;
}

static void a_holder_keeps_doors_locked_that_nobody_else_drives(void **state)
{
    (void)state;
    static void (*const ends[])(void) = {stop, crash, out_of_memory};
    live(REVERTS_TO_RELEASED);
    stop();
    assert_doors(true);
    start_holder();
    assert_doors(false);
    assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        assert_true(manager_start(manager, 3 * WAIT_MS) || manager_starts(manager) > watched);
        watched = manager_starts(manager);
        release_and_record();
        ends[i]();
        both_lock(CRASH_MS);
        if (ends[i] == stop) {
            assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
        } else {
            is_back();
            stop();
        }
        nobody_released();
        both_lock(WAIT_MS);
    }
}

static void a_holder_that_starts_late_or_dies_is_no_harm(void **state)
{
    (void)state;
    live(REVERTS_TO_RELEASED);
    assert_true(gpiosim_record());
    start_holder();
    ask("{\"call\":\"status\"}");
    assert_true(process_kill(&holder));
    start_holder();
    stop();
    assert_true(wait_until(somebody_holds, NULL, 3 * WAIT_MS));
    assert_doors(false);
    nobody_released();
}

/* The kernel's list of sockets: the holder has accepted a connection, which is state 03. */
static bool is_claimed(void *context)
{
    (void)context;
    char line[256];
    bool claimed = false;
    FILE *f = fopen("/proc/net/unix", "r");
    while (f && fgets(line, sizeof line, f))
        claimed |= strstr(line, "/hold.sock") && strstr(line, " 03 ");
    if (f)
        fclose(f);
    return claimed;
}

static bool board_is(void *context)
{
    char *answer = site_ask(&site, "{\"call\":\"doors\"}");
    bool is = answer && strstr(answer, context);
    free(answer);
    return is;
}

static bool is_refused(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_true(fd >= 0 && strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    bool refused = poll(&p, 1, WAIT_MS) == 1 && read(fd, &byte, 1) == 0;
    close(fd);
    return refused;
}

/* A gatehoused that saw a holder come late sees it go as well, and tells the next one of it. */
static void a_board_that_comes_back_is_gatehouseds_whichever_holder_it_has(void **state)
{
    (void)state;
    live(KEEPS);
    for (int i = 0; i < 2; i++) {
        start_holder();
        assert_true(wait_until(is_claimed, NULL, 3 * WAIT_MS));
        if (i == 0)
            assert_true(process_kill(&holder));
    }
    assert_true(gpiosim_unplug(chip));
    assert_true(wait_until(board_is, (char[]){"offline"}, 3 * WAIT_MS));
    assert_true(gpiosim_plug(chip));
    assert_true(wait_until(board_is, (char[]){"online"}, 3 * WAIT_MS));
}

/* The lines are gatehoused's for as long as it lives, whoever else asks for them; and nobody
 * but their user may ask. */
static void a_holder_gives_the_lines_to_one_at_a_time(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX + 16];
    struct stat socket_file;
    live(REVERTS_TO_RELEASED);
    stop();
    start_holder();
    assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
    snprintf(path, sizeof path, "%s/hold.sock", site.run_dir);
    assert_int_equal(stat(path, &socket_file), 0);
    assert_int_equal(socket_file.st_mode & 0777, 0600);
    assert_true(manager_start(manager, 3 * WAIT_MS));
    watched = manager_starts(manager);
    assert_true(is_refused(path));
    release_and_record();
    crash();
    both_lock(CRASH_MS);
}

/* --- fire ---------------------------------------------------------------------------------------- */

static void nobody_locked(void)
{
    char *record = gpiosim_recorded(chip);
    assert_non_null(record);
    if (strstr(record, "0=0") || strstr(record, "1=1"))
        fail_msg("a line was locked in a fire: %s", record);
    free(record);
}

static void no_end_locks_a_door_in_a_fire(void **state)
{
    (void)state;
    static void (*const ends[])(void) = {crash, hang, out_of_memory};
    live(KEEPS);
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_doors(true);
    assert_true(gpiosim_record());
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        ends[i]();
        is_back();
        assert_doors(true);
        nobody_locked();
    }
    stop();
    assert_doors(true);
    nobody_locked();
    assert_true(manager_start(manager, 3 * WAIT_MS));
    nobody_locked();
    assert_true(gpiosim_pull(chip, LINE_FIRE, false));
    assert_doors(false);
}

static void a_fire_that_breaks_out_while_gatehoused_is_away_releases(void **state)
{
    (void)state;
    live(REVERTS_TO_LOCKED);
    start_holder();
    stop();
    assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
    assert_doors(false);
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_doors(true);
    assert_true(gpiosim_pull(chip, LINE_FIRE, false));
    assert_doors(false);
    /* One that ignores a fire stays locked, as the policy said last. */
    char path[FOLDER_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/fire-ignore", site.state_dir);
    write_to(path, "d1\n");
    assert_true(process_stop(&holder));
    start_holder();
    assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_reaches(LINE_STRIKE, 1);
    assert_int_equal(gpiosim_value(chip, LINE_MAGLOCK), 1);
    unlink(path);
}

/* The fire input first, also where the dead process still has it when its relays are free. */
static void a_holder_locks_nobody_in(void **state)
{
    (void)state;
    live(REVERTS_TO_LOCKED);
    start_holder();
    assert_true(wait_until(is_claimed, NULL, 3 * WAIT_MS));
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_doors(true);
    assert_true(gpiosim_record());
    for (int i = 0; i < FIRE_CRASHES; i++) {
        crash();
        is_back();
        assert_doors(true);
    }
    nobody_locked();
}

/* Somebody else still has the fire input: its relays would be taken as in no fire. */
static void a_holder_takes_no_relay_before_the_fire_input(void **state)
{
    (void)state;
    char line[256], why[HAL_TEXT_MAX];
    const struct hal_line fire = {.chip = CHIP, .line = "5"};
    bool active;
    int index;
    live(KEEPS);
    assert_true(gpiosim_pull(chip, LINE_FIRE, true));
    assert_doors(true);
    stop();
    struct input_board *other = hal_gpiod_inputs();
    assert_non_null(other);
    assert_int_equal(other->ops->add(other, &fire, "other", INPUT_BIAS_AS_IS, 0, &index, &active,
                                     why),
                     HAL_OK);
    assert_true(gpiosim_record());
    start_holder();
    assert_true(process_wait_text(&holder, "held by \"other\"", WAIT_MS, line, sizeof line));
    other->ops->close(other);
    assert_true(wait_until(somebody_holds, NULL, 3 * WAIT_MS));
    assert_doors(true);
    nobody_locked();
}

/* --- a start that fails ------------------------------------------------------------------------ */

static void write_config_with_no_password(char path[FOLDER_PATH_MAX])
{
    char line[512];
    assert_true(folder_file(&site.folder, "no-password.ini", path));
    FILE *from = fopen(site.config_path, "r"), *to = fopen(path, "w");
    assert_true(from && to);
    while (fgets(line, sizeof line, from)) {
        assert_true(fputs(line, to) >= 0);
        if (strncmp(line, "[broker]", 8) == 0)
            assert_true(fputs("username = us\npassword_file = /nonexistent\n", to) >= 0);
    }
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

/* systemd starts it each second: the holder keeps the lines meanwhile. */
static void a_start_that_fails_touches_no_line(void **state)
{
    (void)state;
    char config[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX], *said = NULL;
    live(REVERTS_TO_RELEASED);
    stop();
    start_holder();
    assert_true(wait_until(somebody_holds, NULL, WAIT_MS));
    write_config_with_no_password(config);
    assert_true(place_program("gatehoused", program));
    const char *const argv[] = {program, "--config", config, NULL};
    assert_true(gpiosim_record());
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &said), 1);
    if (!strstr(said, "password cannot be read"))
        fail_msg("it failed for something else: %s", said);
    free(said);
    char *record = gpiosim_recorded(chip);
    assert_string_equal(record, "");
    free(record);
}

/* --- many ------------------------------------------------------------------------------------------ */

static void starts_and_stops_drive_no_line_to_released(void **state)
{
    (void)state;
    const char *asked = getenv("GATEHOUSE_STARTS");
    long n = asked ? strtol(asked, NULL, 10) : STARTS;
    live(KEEPS);
    assert_true(gpiosim_record());
    for (long i = 0; i < n; i++) {
        if (i % 2 == 0) {
            stop();
            assert_true(manager_start(manager, 3 * WAIT_MS));
            watched = manager_starts(manager);
        } else {
            crash();
            is_back();
        }
        if (i % 50 == 49) { /* the kernel's record has an end */
            nobody_released();
            assert_true(gpiosim_record());
        }
    }
    nobody_released();
    assert_doors(false);
    print_message("%ld starts: no line was driven to released\n", n);
}

#define D(f) cmocka_unit_test_teardown(f, tear_down)
#define DH(f) cmocka_unit_test_teardown(f, stop_holder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(a_stop_and_an_upgrade_lock_where_the_kernel_keeps_levels),
        D(a_stop_and_an_upgrade_lock_where_lines_go_back_to_a_safe_resistor),
        D(a_crash_locks_where_the_kernel_keeps_levels),
        D(a_crash_locks_where_lines_go_back_to_a_safe_resistor),
        D(a_hang_locks_where_the_kernel_keeps_levels),
        D(a_hang_locks_where_lines_go_back_to_a_safe_resistor),
        D(who_runs_out_of_memory_locks_where_the_kernel_keeps_levels),
        D(who_runs_out_of_memory_locks_where_lines_go_back_to_a_safe_resistor),
        D(an_unsafe_resistor_releases_until_gatehoused_is_back),
        DH(a_holder_keeps_doors_locked_that_nobody_else_drives),
        DH(a_holder_that_starts_late_or_dies_is_no_harm),
        DH(a_board_that_comes_back_is_gatehouseds_whichever_holder_it_has),
        DH(a_holder_gives_the_lines_to_one_at_a_time),
        DH(a_holder_locks_nobody_in),
        DH(a_holder_takes_no_relay_before_the_fire_input),
        DH(a_start_that_fails_touches_no_line),
        D(no_end_locks_a_door_in_a_fire),
        DH(a_fire_that_breaks_out_while_gatehoused_is_away_releases),
        D(starts_and_stops_drive_no_line_to_released),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
