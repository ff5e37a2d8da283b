/* A site with one door, front, with the reader r1, whose state may lie on a small disk of its own. */
#ifndef GATEHOUSE_TESTS_SYSTEM_FRONT_FIXTURE_H
#define GATEHOUSE_TESTS_SYSTEM_FRONT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/reader.h"
#include "lib/site.h"
#include "lib/wait.h"

static struct site site;
static struct sim_reader *reader;

static inline int front_end(void **state)
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

/* Skips the test where there are no mounts and it needs one. */
static inline void front_start(const char *policy, bool small_disk)
{
    struct site_options options = {
        .config = "[door front]\nrelay = sim:0\nactive = high\nlock = fail_secure\n",
        .site_lines = "reads_per_s = 1000\nreads_burst = 1000\n"};
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

static inline void fill_disk(void)
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

#endif
