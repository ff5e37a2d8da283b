/* A bad disk shuts no door: gatehoused starts on a full disk and beside a
 * damaged journal. */
#include "front_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/by_hand.h"
#include "lib/damage.h"

static const char policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"release_s\":1}}\n"
    "{\"k\":\"reader\",\"id\":\"r1\",\"d\":{\"door\":\"front\"}}\n"
    "{\"k\":\"person\",\"id\":\"ann\",\"d\":{}}\n"
    "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"person\":\"ann\",\"type\":\"card\",\"value\":\"A1\"}}\n"
    "{\"k\":\"entitlement\",\"id\":\"e\",\"d\":{\"kind\":\"grant\",\"who\":{\"everyone\":true},"
    "\"where\":{\"all\":true}}}\n";

static void expect_granted(const char *id)
{
    struct feedback answer;
    assert_true(sim_reader_present_until_answered(reader, id, "A1", 1000, WAIT_MS, &answer, NULL,
                                                  NULL));
    assert_string_equal(answer.decision, "granted");
    assert_true(simwatch_wait(site.watch, 0, true, WAIT_MS, NULL));
}

static void a_start_on_a_full_disk_opens_doors(void **state)
{
    (void)state;
    front_start(policy, true);
    expect_granted("before");
    process_stop(&site.syncd);
    assert_true(site_stop_gatehoused(&site));
    fill_disk();
    assert_true(site_start_gatehoused(&site));
    expect_granted("after");
}

static void a_damaged_journal_is_set_aside_and_doors_go_on(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX + 32], noise[4096];
    struct stat st;
    front_start(policy, false);
    expect_granted("before");
    assert_true(site_stop_gatehoused(&site));
    snprintf(path, sizeof path, "%s/journal.db", site.state_dir);
    memset(noise, 0x5a, sizeof noise);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, noise, sizeof noise), sizeof noise);
    close(fd);
    assert_true(site_start_gatehoused(&site));
    expect_granted("after");
    snprintf(path, sizeof path, "%s/journal.db.damaged-1", site.state_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(site_wait_drained(&site, WAIT_MS));
    /* The cloud has the new stream, and is told of the fault. */
    struct web_reply reply;
    assert_true(web_get(&site.admin, site.events_url, &reply));
    assert_non_null(strstr(reply.body, "journal.db.damaged-1"));
    web_reply_free(&reply);
}

static void deny_many(int n)
{
    for (int i = 0; i < n; i++) {
        char id[16];
        struct feedback answer;
        snprintf(id, sizeof id, "d%d", i);
        assert_true(sim_reader_present_until_answered(reader, id, "F0", 1000, WAIT_MS, &answer, NULL,
                                                      NULL));
    }
}

/* Turns a bit of the page that holds this event. */
static void damage_event(int seq)
{
    char path[FOLDER_PATH_MAX + 32], text[32];
    size_t len;
    snprintf(path, sizeof path, "%s/journal.db", site.state_dir);
    char *bytes = folder_read(path, &len);
    assert_non_null(bytes);
    int n = snprintf(text, sizeof text, "{\"seq\":%d,", seq);
    const char *at = memmem(bytes, len, text, (size_t)n);
    assert_non_null(at);
    assert_true(damage_flip(path, at - bytes + 1, 2));
    free(bytes);
}

static bool status_says(void *context)
{
    struct web_reply reply;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    bool says = strstr(reply.body, *(const char *const *)context) != NULL;
    web_reply_free(&reply);
    return says;
}

static void wait_status(const char *text)
{
    if (!wait_until(status_says, &text, WAIT_MS)) {
        process_show_log(&site.syncd);
        fail_msg("the cloud's status does not say %s", text);
    }
}

/* What is sent next is on the damaged page, and the newest events are not. */
static void damage_that_only_the_upload_meets_is_told_and_the_next_start_sets_it_aside(void **state)
{
    (void)state;
    front_start(policy, false);
    assert_true(site_wait_drained(&site, WAIT_MS));
    int64_t first = site_status_number(&site, "journal", "next_seq");
    process_stop(&site.syncd);
    deny_many(300);
    assert_true(site_stop_gatehoused(&site));
    damage_event((int)first + 100);
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
    wait_status("\"events_nack\":\"events: the journal");
    wait_status("journal.db is damaged"); /* as an alarm, which does not wait behind them */
    assert_true(site_stop_gatehoused(&site) && site_start_gatehoused(&site));
    expect_granted("after");
    assert_true(site_wait_drained(&site, WAIT_MS));
    wait_status("\"events_nack\":null");
}

/* While it is looked through, nobody would hear a fire at lines that were taken already. Here
 * there are none, so that the start fails as soon as it wants them. */
static void a_journal_that_is_looked_through_comes_before_the_lines(void **state)
{
    (void)state;
    char program[FOLDER_PATH_MAX], *said = NULL;
    front_start(policy, false);
    deny_many(3);
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    assert_true(place_program("gatehoused", program) &&
                process_shell(WAIT_MS, "touch '%s/journal.db-suspect'", site.state_dir));
    const char *const argv[] = {program, "--config", site.config_path, NULL};
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &said), 1);
    assert_non_null(strstr(said, "the journal is looked through or rewritten first"));
    assert_true(process_shell(WAIT_MS, "test ! -e '%s/journal.db-suspect'", site.state_dir));
    free(said);
    /* And one that is in order waits for the lines. */
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &said), 1);
    assert_null(strstr(said, "looked through"));
    free(said);
}

static int ask_and_take_nothing(void)
{
    static const char request[] = "{\"call\":\"events\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && strlen(site.control) < sizeof address.sun_path);
    memcpy(address.sun_path, site.control, strlen(site.control));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    return fd;
}

static bool is_full(void *context)
{
    int waiting = 0;
    return ioctl(*(int *)context, FIONREAD, &waiting) == 0 && waiting > 20 * 1024;
}

static void who_does_not_take_his_answer_keeps_no_log_from_being_copied_back(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX + 32];
    front_start(policy, false);
    process_stop(&site.syncd);
    deny_many(600);
    int fd = ask_and_take_nothing();
    assert_true(wait_until(is_full, &fd, WAIT_MS));
    expect_granted("behind");
    snprintf(path, sizeof path, "%s/journal.db", site.state_dir);
    sqlite3 *db = by_hand_open(path);
    assert_non_null(db);
    sqlite3_busy_timeout(db, WAIT_MS); /* events are just being moved */
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL),
                     SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_start_on_a_full_disk_opens_doors, front_end),
        cmocka_unit_test_teardown(a_damaged_journal_is_set_aside_and_doors_go_on, front_end),
        cmocka_unit_test_teardown(
            damage_that_only_the_upload_meets_is_told_and_the_next_start_sets_it_aside, front_end),
        cmocka_unit_test_teardown(a_journal_that_is_looked_through_comes_before_the_lines, front_end),
        cmocka_unit_test_teardown(
            who_does_not_take_his_answer_keeps_no_log_from_being_copied_back, front_end),
    };
    /* Mounts of our own, which end with us. */
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
