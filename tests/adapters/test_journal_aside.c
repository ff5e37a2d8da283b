/* A journal that is damaged at the start of gatehoused: it goes aside, another begins, whatever
 * the disk is like, and what lies aside does not fill it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "app/gatehoused/journal_open.h"
#include "lib/damage.h"
#include "lib/folder.h"
#include "lib/journal_check.h"

static struct folder folder;
static bool is_mounted;

static int begin(void **state)
{
    (void)state;
    is_mounted = false;
    return folder_make(&folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    if (is_mounted)
        umount(folder.path);
    folder_remove(&folder);
    return 0;
}

static void path_of(char out[FOLDER_PATH_MAX], const char *name)
{
    assert_true(folder_file(&folder, name, out));
}

static bool exists(const char *name)
{
    char path[FOLDER_PATH_MAX];
    path_of(path, name);
    return access(path, F_OK) == 0;
}

static int files(void)
{
    int n = 0;
    DIR *d = opendir(folder.path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Starts, records an event and ends in order. why of the start. */
static const char *live(size_t tail_bytes)
{
    static char why[JOURNAL_OPEN_WHY_MAX];
    static const char event[] = "{\"seq\":1}";
    const struct journal_db_options options = {
        .folder = folder.path, .max_events = 1000, .tail_bytes = tail_bytes, .boot_id_hash = 7};
    struct journal_db *db = NULL;
    if (journal_open(&db, &options, why) != GH_OK)
        fail_msg("no start: %s", why);
    struct journal port = journal_db_port(db);
    uint64_t seq = port.ops->next_seq(port.self);
    assert_int_equal(port.ops->append(port.self, seq, slice_of(event), NULL, (struct slice){0}),
                     GH_OK);
    assert_true(journal_check_stored(db, seq));
    journal_close(db, folder.path);
    return why;
}

static void damage(void)
{
    char path[FOLDER_PATH_MAX];
    path_of(path, "journal.db");
    assert_true(damage_pages(path, 1) > 0);
}

static void it_goes_aside_with_its_tail_and_another_begins(void **state)
{
    (void)state;
    assert_string_equal(live(65536), "");
    damage();
    assert_non_null(strstr(live(65536), "journal.db.damaged-1"));
    assert_true(exists("journal.db.damaged-1") && exists("journal.db.damaged-1-tail"));
    damage();
    assert_non_null(strstr(live(65536), "journal.db.damaged-2"));
    assert_string_equal(live(65536), "");
}

static void however_often_it_is_damaged_every_start_succeeds_and_few_files_are_left(void **state)
{
    (void)state;
    (void)live(65536);
    for (int i = 0; i < 130; i++) {
        damage();
        (void)live(65536);
    }
    assert_true(exists("journal.db.damaged-1"));
    assert_true(files() < 40);
}

static bool mount_small(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder.path, "tmpfs", 0, "size=8m") != 0) {
        print_message("# SKIP: no mount of our own: %s\n", strerror(errno));
        return false;
    }
    is_mounted = true;
    return true;
}

static void fill_disk(void)
{
    char path[FOLDER_PATH_MAX], bytes[4096] = "f";
    path_of(path, "filler");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    (void)close(fd);
}

static void on_a_full_disk_another_begins_all_the_same(void **state)
{
    (void)state;
    if (!mount_small())
        skip();
    for (int i = 0; i < 3; i++) {
        (void)live(2 * 1024 * 1024);
        damage();
        fill_disk();
        assert_non_null(strstr(live(2 * 1024 * 1024), "damaged"));
    }
}

/* Not damaged at all: what was left of the room went to somebody else each time. */
static void on_a_disk_that_stays_full_start_follows_start(void **state)
{
    (void)state;
    if (!mount_small())
        skip();
    (void)live(2 * 1024 * 1024);
    for (int i = 0; i < 5; i++) {
        fill_disk();
        (void)live(2 * 1024 * 1024);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_goes_aside_with_its_tail_and_another_begins),
        T(however_often_it_is_damaged_every_start_succeeds_and_few_files_are_left),
        T(on_a_disk_that_stays_full_start_follows_start),
        T(on_a_full_disk_another_begins_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
