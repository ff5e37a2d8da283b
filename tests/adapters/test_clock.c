/* The kernel's clocks, the trust in them, the boot's identity, and what the
 * service manager is told (at a real socket). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/linux/boot.h"
#include "adapters/linux/clock.h"
#include "adapters/linux/notify.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

static void trust_follows_the_kernel_at_and_above_the_floor(void **state)
{
    (void)state;
    assert_int_equal(clock_trust_judge(true, 1000, 1000), CLOCK_SYNCED);
    assert_int_equal(clock_trust_judge(true, 1001, 1000), CLOCK_SYNCED);
    assert_int_equal(clock_trust_judge(false, 1000, 1000), CLOCK_HOLDOVER);
    assert_int_equal(clock_trust_judge(false, INT64_MAX, INT64_MIN), CLOCK_HOLDOVER);
}

static void nothing_below_the_floor_is_believed(void **state)
{
    (void)state;
    assert_int_equal(clock_trust_judge(false, 999, 1000), CLOCK_UNSET);
    assert_int_equal(clock_trust_judge(true, 999, 1000), CLOCK_UNSET);
    assert_int_equal(clock_trust_judge(true, INT64_MIN, INT64_MAX), CLOCK_UNSET);
    assert_int_equal(clock_trust_judge(true, 0, CLOCK_FLOOR_BUILT_IN), CLOCK_UNSET);
}

static void only_a_clean_answer_of_the_kernel_means_synchronised(void **state)
{
    (void)state;
    assert_true(clock_is_kernel_synced(TIME_OK, STA_PLL));
    assert_true(clock_is_kernel_synced(TIME_INS, STA_PLL | STA_INS));
    assert_false(clock_is_kernel_synced(TIME_ERROR, STA_UNSYNC));
    assert_false(clock_is_kernel_synced(TIME_ERROR, STA_PLL));
    assert_false(clock_is_kernel_synced(TIME_OK, STA_UNSYNC));
    assert_false(clock_is_kernel_synced(-1, 0));
}

static void the_floor_only_rises(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    assert_int_equal(clock.floor_s, CLOCK_FLOOR_BUILT_IN);
    linux_clock_raise_floor(&clock, 0);
    linux_clock_raise_floor(&clock, INT64_MIN);
    linux_clock_raise_floor(&clock, CLOCK_FLOOR_BUILT_IN + CLOCK_FLOOR_SLACK_S);
    assert_int_equal(clock.floor_s, CLOCK_FLOOR_BUILT_IN);
    linux_clock_raise_floor(&clock, 1900000000);
    assert_int_equal(clock.floor_s, 1900000000 - CLOCK_FLOOR_SLACK_S);
    linux_clock_raise_floor(&clock, 1800000000);
    assert_int_equal(clock.floor_s, 1900000000 - CLOCK_FLOOR_SLACK_S);
}

/* Read once more, by other means than the build's. */
static int64_t newest_date_in_news(void)
{
    char path[FOLDER_PATH_MAX], line[256], text[32];
    int64_t newest = 0, date = 0;
    assert_true(place_repo_file("gateway/NEWS", path));
    FILE *news = fopen(path, "r");
    assert_non_null(news);
    while (fgets(line, sizeof line, news)) {
        const char *comma = strncmp(line, "## ", 3) == 0 ? strchr(line, ',') : NULL;
        if (!comma)
            continue;
        assert_int_equal(strcspn(comma, "\n"), strlen(", 2026-01-31"));
        (void)snprintf(text, sizeof text, "%.10sT00:00:00Z", comma + 2);
        if (instant_parse(&date, slice_of(text)) != GH_OK)
            fail_msg("gateway/NEWS: no date: %s", line);
        newest = date > newest ? date : newest;
    }
    assert_int_equal(fclose(news), 0);
    return newest;
}

static void the_built_in_floor_is_the_newest_date_in_news(void **state)
{
    (void)state;
    assert_int_equal(CLOCK_FLOOR_BUILT_IN, newest_date_in_news());
    assert_true(CLOCK_FLOOR_BUILT_IN > 1735689600); /* it has a date at all */
    assert_true(CLOCK_FLOOR_BUILT_IN <= time(NULL)); /* no box believed its clock before that day */
}

/* A date that the build cannot read ends it. */
static void a_date_that_is_none_ends_the_build(void **state)
{
    (void)state;
    static const struct {
        const char *news;
        int64_t floor_s; /* 0 = it ends */
    } cases[] = {
        {"## 0.2, 2026-11-23\n* a change\n## 0.1, 2026-01-31\n", 1795392000},
        {"## 0.3\n## 0.2, 2026-01-31\n## 0.1, 2026-11-23\n", 1795392000},
        {"## 0.1, 2026-11-23\n* since 2030-01-01\n", 1795392000},
        {"## 0.1\n", 0},
        {"", 0},
        {"## 0.2, 2026-11-31\n## 0.1, 2026-01-31\n", 0},
        {"## 0.1, 2026-11\n", 0},
        {"## 0.1, 23 Nov 2026\n", 0},
        {"## 0.1, tomorrow\n", 0},
        {"## 0.1 2026-11-23\n", 0},
        {"## 0.1, 2026-11-23 \n", 0},
    };
    char script[FOLDER_PATH_MAX], want[64];
    assert_true(place_repo_file("scripts/news-date", script));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(want, sizeof want, "INT64_C(%lld)", (long long)cases[i].floor_s);
        bool good = cases[i].floor_s ? process_shell(WAIT_MS, "printf '%s' | '%s' | grep -qF '%s'", cases[i].news,
                                                     script, want)
                                     : process_shell(WAIT_MS, "! printf '%s' | '%s' 2>/dev/null", cases[i].news, script);
        if (!good)
            fail_msg("%s: %s", cases[i].news, cases[i].floor_s ? want : "taken");
    }
}

#define NOON 1900000000
static const struct mono start = {5000000};

static void a_clock_that_jumps_is_not_believed_until_it_is_synchronised(void **state)
{
    (void)state;
    static const int64_t steps[] = {315360000, -315360000, 3, -3};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct linux_clock clock;
        linux_clock_init(&clock, true);
        assert_int_equal(clock_take(&clock, false, start, NOON), CLOCK_HOLDOVER);
        struct mono later = mono_add_ms(start, 10000);
        assert_int_equal(clock_take(&clock, false, later, NOON + 10 + steps[i]), CLOCK_UNSET);
        later = mono_add_ms(later, 3600000); /* it stays unbelieved */
        assert_int_equal(clock_take(&clock, false, later, NOON + 3610 + steps[i]), CLOCK_UNSET);
        /* A wild date has become no floor: the right time is believed again. */
        assert_int_equal(clock_take(&clock, true, later, NOON + 3610), CLOCK_SYNCED);
        assert_int_equal(clock_take(&clock, false, later, NOON + 3610), CLOCK_HOLDOVER);
    }
}

static void a_time_server_may_step_the_clock(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    assert_int_equal(clock_take(&clock, false, start, CLOCK_FLOOR_BUILT_IN - 1), CLOCK_UNSET);
    assert_int_equal(clock_take(&clock, true, start, NOON), CLOCK_SYNCED);
    assert_int_equal(clock_take(&clock, true, start, NOON - CLOCK_FLOOR_SLACK_S), CLOCK_SYNCED);
    assert_int_equal(clock_take(&clock, true, start, NOON - CLOCK_FLOOR_SLACK_S - 1), CLOCK_UNSET);
}

static void drift_and_rounding_are_no_jump(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    int64_t wall = NOON;
    struct mono mono = start;
    for (int i = 0; i < 1000; i++) { /* a second lost in each ten: far worse than any crystal */
        assert_int_equal(clock_take(&clock, false, mono, wall), CLOCK_HOLDOVER);
        mono = mono_add_ms(mono, 10000);
        wall += 9;
    }
}

static void now_is_the_kernels_time(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    struct timespec before, after;
    time_t wall = time(NULL);
    clock_gettime(CLOCK_BOOTTIME, &before);
    struct now now = linux_clock_now(&clock);
    clock_gettime(CLOCK_BOOTTIME, &after);
    assert_true(now.mono.ms >= before.tv_sec * 1000 + before.tv_nsec / 1000000);
    assert_true(now.mono.ms <= after.tv_sec * 1000 + after.tv_nsec / 1000000);
    assert_true(now.wall.s >= wall);
    struct timex kernel = {.modes = 0};
    int synced = clock_is_kernel_synced(adjtimex(&kernel), kernel.status);
    assert_int_equal(now.wall.trust, clock_trust_judge(synced, now.wall.s, CLOCK_FLOOR_BUILT_IN));
}

static void the_kernel_is_asked_again_only_after_a_while(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    struct now now = linux_clock_now(&clock);
    assert_int_equal(clock.next_ask.ms, now.mono.ms + CLOCK_ASK_MS);
    bool synced = clock.is_kernel_synced;
    enum clock_trust other = synced ? CLOCK_HOLDOVER : CLOCK_SYNCED;
    /* An answer that the kernel did not give shows who is believed. */
    clock.is_kernel_synced = !synced;
    clock.next_ask = mono_add_ms(now.mono, 3600 * 1000);
    assert_int_equal(linux_clock_now(&clock).wall.trust, other);
    assert_int_equal(clock.is_kernel_synced, !synced);
    clock.next_ask = now.mono;
    now = linux_clock_now(&clock);
    assert_int_equal(now.wall.trust, clock_trust_judge(synced, now.wall.s, clock.floor_s));
    assert_int_equal(clock.next_ask.ms, now.mono.ms + CLOCK_ASK_MS);
}

static void the_floor_holds_at_once_also_while_the_kernel_is_not_asked(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    struct now now = linux_clock_now(&clock);
    assert_true(wall_is_trusted(now.wall));
    clock.is_kernel_synced = true;
    clock.next_ask = mono_add_ms(now.mono, 3600 * 1000);
    linux_clock_raise_floor(&clock, now.wall.s + 86400);
    assert_int_equal(linux_clock_now(&clock).wall.trust, CLOCK_UNSET);
}

static void a_clock_behind_the_newest_event_is_unset(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    int64_t now = time(NULL);
    linux_clock_raise_floor(&clock, now + 86400);
    assert_int_equal(linux_clock_now(&clock).wall.trust, CLOCK_UNSET);
}

static void an_event_of_this_second_leaves_the_clock_its_trust(void **state)
{
    (void)state;
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    struct now before = linux_clock_now(&clock);
    assert_true(wall_is_trusted(before.wall));
    linux_clock_raise_floor(&clock, before.wall.s + 2);
    assert_true(wall_is_trusted(linux_clock_now(&clock).wall));
}

/* --- boot -------------------------------------------------------------------- */

static void the_boots_hash_is_the_published_one(void **state)
{
    (void)state;
    /* FNV-1a, 64 bits: the offset basis, and the published value for "foobar". */
    assert_true(boot_id_hash(slice_of("")) == 0xcbf29ce484222325);
    assert_true(boot_id_hash(slice_of("foobar")) == 0x85944171f73967e8);
    assert_true(boot_id_hash(slice_of("foobar\n")) == boot_id_hash(slice_of("foobar")));
    assert_true(boot_id_hash(slice_of("foobaz")) != boot_id_hash(slice_of("foobar")));
}

static void the_boot_is_the_same_each_time_and_is_not_nothing(void **state)
{
    (void)state;
    char text[64] = "";
    char *end = NULL;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    assert_non_null(file);
    end = fgets(text, sizeof text, file);
    (void)fclose(file);
    assert_non_null(end);
    assert_true(linux_boot_id_hash() != 0);
    assert_true(linux_boot_id_hash() == boot_id_hash(slice_of(text)));
}

/* --- the service manager ----------------------------------------------------- */

struct manager {
    struct folder folder;
    int fd;
};

static int start_manager(void **state)
{
    struct manager *m = calloc(1, sizeof *m);
    char path[FOLDER_PATH_MAX];
    if (!m || !folder_make(&m->folder) || !folder_file(&m->folder, "notify", path))
        return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (m->fd < 0 || bind(m->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    setenv("NOTIFY_SOCKET", path, 1);
    *state = m;
    return 0;
}

static int stop_manager(void **state)
{
    struct manager *m = *state;
    unsetenv("NOTIFY_SOCKET");
    close(m->fd);
    folder_remove(&m->folder);
    free(m);
    return 0;
}

static void assert_told(struct manager *m, const char *text)
{
    char got[512];
    struct pollfd p = {.fd = m->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    ssize_t n = recv(m->fd, got, sizeof got - 1, 0);
    assert_true(n >= 0);
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void the_service_manager_is_told_each_state(void **state)
{
    notify_ready();
    assert_told(*state, "READY=1");
    notify_watchdog();
    assert_told(*state, "WATCHDOG=1");
    notify_stopping();
    assert_told(*state, "STOPPING=1");
    notify_status("3 doors");
    assert_told(*state, "STATUS=3 doors");
}

static void a_status_cannot_say_anything_else(void **state)
{
    char text[400], want[220];
    notify_status("x\nSTOPPING=1");
    assert_told(*state, "STATUS=x STOPPING=1");
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)snprintf(want, sizeof want, "STATUS=%.200s", text);
    notify_status(text);
    assert_told(*state, want);
    notify_status("");
    assert_told(*state, "STATUS=");
}

static void without_a_service_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    notify_watchdog();
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    notify_status("nobody listens");
    notify_stopping();
    unsetenv("NOTIFY_SOCKET");
}

#define WITH_MANAGER(test) cmocka_unit_test_setup_teardown(test, start_manager, stop_manager)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trust_follows_the_kernel_at_and_above_the_floor),
        cmocka_unit_test(nothing_below_the_floor_is_believed),
        cmocka_unit_test(only_a_clean_answer_of_the_kernel_means_synchronised),
        cmocka_unit_test(the_floor_only_rises),
        cmocka_unit_test(the_built_in_floor_is_the_newest_date_in_news),
        cmocka_unit_test(a_date_that_is_none_ends_the_build),
        cmocka_unit_test(a_clock_that_jumps_is_not_believed_until_it_is_synchronised),
        cmocka_unit_test(a_time_server_may_step_the_clock),
        cmocka_unit_test(drift_and_rounding_are_no_jump),
        cmocka_unit_test(now_is_the_kernels_time),
        cmocka_unit_test(the_kernel_is_asked_again_only_after_a_while),
        cmocka_unit_test(the_floor_holds_at_once_also_while_the_kernel_is_not_asked),
        cmocka_unit_test(a_clock_behind_the_newest_event_is_unset),
        cmocka_unit_test(an_event_of_this_second_leaves_the_clock_its_trust),
        cmocka_unit_test(the_boots_hash_is_the_published_one),
        cmocka_unit_test(the_boot_is_the_same_each_time_and_is_not_nothing),
        WITH_MANAGER(the_service_manager_is_told_each_state),
        WITH_MANAGER(a_status_cannot_say_anything_else),
        cmocka_unit_test(without_a_service_manager_nothing_happens),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
