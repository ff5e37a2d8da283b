/* A bad disk shuts no door: gatehoused starts on a full disk and beside a
 * damaged journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/reader.h"
#include "lib/site.h"
#include "lib/wait.h"

static struct site site;
static struct sim_reader *reader;

static const char policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"release_s\":1}}\n"
    "{\"k\":\"reader\",\"id\":\"r1\",\"d\":{\"door\":\"front\"}}\n"
    "{\"k\":\"person\",\"id\":\"ann\",\"d\":{}}\n"
    "{\"k\":\"credential\",\"id\":\"c\",\"d\":{\"person\":\"ann\",\"type\":\"card\",\"value\":\"A1\"}}\n"
    "{\"k\":\"entitlement\",\"id\":\"e\",\"d\":{\"kind\":\"grant\",\"who\":{\"everyone\":true},"
    "\"where\":{\"all\":true}}}\n";

static int teardown(void **state)
{
    (void)state;
    if (reader)
        sim_reader_close(reader);
    reader = NULL;
    process_stop(&site.syncd);
    process_stop(&site.gatehoused);
    umount(site.state_dir);
    site_end(&site);
    return 0;
}

static void start_site(bool small_disk)
{
    struct site_options options = {
        .config = "[door front]\nrelay = sim:0\nactive = high\nlock = fail_secure\n"};
    assert_true(site_make(&site, &options));
    if (small_disk) {
        assert_int_equal(mkdir(site.state_dir, 0700), 0);
        if (mount("gatehouse-test", site.state_dir, "tmpfs", 0, "size=48m,mode=0700") != 0) {
            print_message("# no mounts are allowed here\n");
            skip();
        }
    }
    assert_true(site_start_all(&site) && site_put_rows(&site, policy) &&
                site_wait_policy(&site, WAIT_MS));
    assert_non_null(reader = sim_reader_open(site.broker.port, "r1"));
}

static void expect_granted(const char *id)
{
    struct feedback answer;
    assert_true(sim_reader_present_until_answered(reader, id, "A1", 1000, WAIT_MS, &answer, NULL,
                                                  NULL));
    assert_string_equal(answer.decision, "granted");
    assert_true(simwatch_wait(site.watch, 0, true, WAIT_MS, NULL));
}

static void fill_disk(void)
{
    char path[FOLDER_PATH_MAX + 16];
    static const char bytes[4096] = {1};
    snprintf(path, sizeof path, "%s/filler", site.state_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    close(fd);
}

static void a_start_on_a_full_disk_opens_doors(void **state)
{
    (void)state;
    start_site(true);
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
    start_site(false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_start_on_a_full_disk_opens_doors, teardown),
        cmocka_unit_test_teardown(a_damaged_journal_is_set_aside_and_doors_go_on, teardown),
    };
    /* Mounts of our own, which end with us. */
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
