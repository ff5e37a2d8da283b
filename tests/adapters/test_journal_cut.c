/* The journal under power cuts, on a disk that is played in this process: it keeps of each page what a
 * sync has brought there, and of what was written since none, all, or some. A sync that fails loses pages
 * and leaves them clean in memory, as Linux does. The real thing, on ext4: tests/hardware/powercut.
 *
 * GATEHOUSE_ROUNDS: cuts of each kind (60); GATEHOUSE_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/tail.h"
#include "lib/by_hand.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 7
#define PAGE 4096
#define PAGES 8192 /* of a file, at most */
#define FILES 3
#define SPREAD 300

/* --- the disk -------------------------------------------------------------------------------- */

static struct disk_file {
    const char *name;
    unsigned char *bytes;        /* what the disk has */
    bool is_dirty[PAGES];        /* written since */
    unsigned written[PAGES];     /* how often, so that a sync knows what it has not seen */
} disk[FILES] = {{.name = "journal.tail"}, {.name = "journal.db"}, {.name = "journal.db-wal"}};
enum { DISK_TAIL };

static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;
static char disk_folder[PATH_MAX]; /* as the kernel names it */
static atomic_bool disk_is_played;
static _Atomic unsigned draw_state, tail_fails, database_fails; /* one sync in so many; 0 = none */
static atomic_int failed;

static unsigned draw(unsigned below)
{
    unsigned state = atomic_fetch_add(&draw_state, 0x9e3779b9u);
    return (unsigned)rand_r(&state) % below;
}

static struct disk_file *file_of(int fd)
{
    char link[64], path[PATH_MAX];
    if (!atomic_load(&disk_is_played))
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t len = strlen(disk_folder);
    if (n < 0 || (size_t)n <= len || strncmp(path, disk_folder, len) != 0 || path[len] != '/')
        return NULL;
    path[n] = '\0';
    for (int i = 0; i < FILES; i++)
        if (strcmp(path + len + 1, disk[i].name) == 0)
            return &disk[i];
    return NULL;
}

static int play_sync(int fd)
{
    struct disk_file *f = file_of(fd);
    if (!f)
        return 0; /* what lies elsewhere is on no disk that is cut off */
    unsigned one_in = atomic_load(f == &disk[DISK_TAIL] ? &tail_fails : &database_fails);
    bool fails = one_in > 0 && draw(one_in) == 0;
    /* Others write meanwhile: what they write is not covered. */
    bool *covered = calloc(PAGES, sizeof *covered);
    unsigned *written = calloc(PAGES, sizeof *written);
    unsigned char *copy = malloc((size_t)PAGES * PAGE);
    if (!covered || !written || !copy)
        abort();
    pthread_mutex_lock(&disk_lock);
    for (size_t p = 0; p < PAGES; p++) {
        covered[p] = f->is_dirty[p];
        written[p] = f->written[p];
        if (covered[p] && pread(fd, copy + p * PAGE, PAGE, (off_t)(p * PAGE)) < 0)
            abort();
    }
    pthread_mutex_unlock(&disk_lock);
    wait_pause_ms((int)draw(3));
    pthread_mutex_lock(&disk_lock);
    for (size_t p = 0; p < PAGES; p++) {
        if (covered[p] && (!fails || draw(2)))
            memcpy(f->bytes + p * PAGE, copy + p * PAGE, PAGE);
        if (covered[p] && f->written[p] == written[p])
            f->is_dirty[p] = false;
    }
    pthread_mutex_unlock(&disk_lock);
    free(covered);
    free(written);
    free(copy);
    if (!fails)
        return 0;
    atomic_fetch_add(&failed, 1);
    errno = EIO;
    return -1;
}

/* In the place of the C library's. */
int fdatasync(int fd)
{
    return play_sync(fd);
}

int fsync(int fd)
{
    return play_sync(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    static ssize_t (*_Atomic real)(int, const void *, size_t, off64_t);
    if (!atomic_load(&real))
        atomic_store(&real, (ssize_t(*)(int, const void *, size_t, off64_t))(uintptr_t)dlsym(RTLD_NEXT, "pwrite64"));
    struct disk_file *f = file_of(fd);
    if (!f || n == 0)
        return atomic_load(&real)(fd, bytes, n, at);
    pthread_mutex_lock(&disk_lock);
    for (off64_t p = at / PAGE; p <= (at + (off64_t)n - 1) / PAGE; p++) {
        if (p >= PAGES)
            abort();
        f->is_dirty[p] = true;
        f->written[p]++;
    }
    ssize_t done = atomic_load(&real)(fd, bytes, n, at);
    pthread_mutex_unlock(&disk_lock);
    return done;
}

static void path_of(char out[PATH_MAX], const char *folder, const char *name)
{
    assert_true(snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
}

/* What lies in the folder is on the disk; from here on it is played. */
static void disk_begin(const struct folder *folder)
{
    char path[PATH_MAX];
    assert_non_null(realpath(folder->path, disk_folder));
    for (int i = 0; i < FILES; i++) {
        free(disk[i].bytes);
        disk[i].bytes = calloc(PAGES, PAGE);
        assert_non_null(disk[i].bytes);
        memset(disk[i].is_dirty, 0, sizeof disk[i].is_dirty);
        path_of(path, disk_folder, disk[i].name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd < 0 || pread(fd, disk[i].bytes, (size_t)PAGES * PAGE, 0) >= 0);
        if (fd >= 0)
            close(fd);
    }
    atomic_store(&tail_fails, 0);
    atomic_store(&database_fails, 0);
    atomic_store(&failed, 0);
    atomic_store(&disk_is_played, true);
}

static void disk_end(void)
{
    atomic_store(&disk_is_played, false);
    for (int i = 0; i < FILES; i++) {
        free(disk[i].bytes);
        disk[i].bytes = NULL;
    }
}

enum survives { NOTHING_UNSYNCED, ALL, SOME };

/* What is in the folder after a power cut. */
static void disk_cut(const char *into, enum survives survives)
{
    unsigned char page[PAGE];
    char path[PATH_MAX];
    struct stat st;
    for (int i = 0; i < FILES; i++) {
        path_of(path, disk_folder, disk[i].name);
        int in = open(path, O_RDONLY | O_CLOEXEC);
        if (in < 0)
            continue;
        assert_int_equal(fstat(in, &st), 0);
        path_of(path, into, disk[i].name);
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(out >= 0);
        for (off_t at = 0; at < st.st_size; at += PAGE) {
            size_t n = st.st_size - at < PAGE ? (size_t)(st.st_size - at) : PAGE;
            memcpy(page, disk[i].bytes + at, n);
            if (disk[i].is_dirty[at / PAGE] && (survives == ALL || (survives == SOME && draw(2))))
                assert_true(pread(in, page, n, at) >= 0);
            assert_int_equal(write(out, page, n), (ssize_t)n);
        }
        close(in);
        close(out);
    }
}

/* --- cuts -------------------------------------------------------------------------------------- */

static unsigned number_of(const char *name, unsigned otherwise)
{
    const char *given = getenv(name);
    return given ? (unsigned)strtoul(given, NULL, 10) : otherwise;
}

static struct journal_counts counts(struct journal_db *db)
{
    struct journal_counts c;
    journal_db_counts(db, &c);
    return c;
}

/* Cuts the power of a box that goes on all the same, and looks at what would be there. */
static void cut_and_look(struct journal_db *live, const struct folder *folder, int round)
{
    struct folder after = {0};
    struct journal port = journal_db_port(live);
    assert_true(folder_make(&after));
    const char *into = after.path;
    uint64_t durable = port.ops->durable(port.self);
    pthread_mutex_lock(&disk_lock);
    disk_cut(into, (enum survives)(round % 3));
    pthread_mutex_unlock(&disk_lock);
    uint64_t lost = counts(live).lost_total;
    struct journal_db *db = journal_check_open(into, 1000000, BOOT);
    assert_non_null(db);
    uint64_t newest = counts(db).next_seq - 1;
    if (newest < durable || counts(db).lost_total > lost)
        fail_msg("cut %d of %s: %d were durable, %d are there, %d lost", round, folder->path, (int)durable,
                 (int)newest, (int)counts(db).lost_total);
    assert_true(journal_check_kept(db, newest, 0));
    journal_db_close(db);
    assert_true(newest == 0 || journal_check_holds(into, 1, newest, SPREAD, 0, 0));
    folder_remove(&after);
}

/* What is wrong with the disk, or keeps the database busy. */
struct trouble {
    unsigned tail_fails, database_fails;
    bool is_locked; /* now and then another program holds the database for long */
};

static void play(const struct folder *folder, const struct trouble *trouble)
{
    char path[PATH_MAX];
    unsigned seed = number_of("GATEHOUSE_SEED", (unsigned)time(NULL)), rounds = number_of("GATEHOUSE_ROUNDS", 60);
    print_message("# GATEHOUSE_SEED=%u\n", seed);
    atomic_store(&draw_state, seed);
    struct journal_db *live = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(live);
    assert_int_equal(journal_check_append_kept(live, SPREAD, false), GH_OK);
    assert_true(journal_check_stored(live, 1));
    disk_begin(folder);
    atomic_store(&tail_fails, trouble->tail_fails);
    atomic_store(&database_fails, trouble->database_fails);
    path_of(path, folder->path, "journal.db");
    sqlite3 *other = by_hand_open(path);
    assert_non_null(other);
    sqlite3_busy_timeout(other, WAIT_MS);
    for (int i = 0; i < (int)rounds; i++) {
        if (trouble->is_locked && i % 20 == 5)
            assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        if (trouble->is_locked && i % 20 == 15)
            assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        /* What the tail has room for: more would be in memory alone. */
        if (!trouble->is_locked || i % 20 < 5 || i % 20 >= 15)
            assert_true(journal_check_stored(live, counts(live).next_seq - 1));
        unsigned n = draw(trouble->is_locked ? 24 : 40);
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(journal_check_append_kept(live, SPREAD, k % 3 == 0), GH_OK);
        wait_pause_ms((int)draw(20));
        cut_and_look(live, folder, i);
    }
    print_message("# %d events, %d syncs failed\n", (int)counts(live).next_seq - 1, atomic_load(&failed));
    if (!sqlite3_get_autocommit(other))
        assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_db_config(other, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    atomic_store(&tail_fails, 0);
    atomic_store(&database_fails, 0);
    journal_db_close(live);
    disk_end();
}

static void nothing_durable_is_gone_after_a_power_cut(void **state)
{
    play(*state, &(struct trouble){.tail_fails = 0});
}

static void nor_while_another_holds_the_database(void **state)
{
    play(*state, &(struct trouble){.is_locked = true});
}

static void nor_where_syncs_of_the_tail_fail(void **state)
{
    play(*state, &(struct trouble){.tail_fails = 6});
}

static void nor_where_both_happens(void **state)
{
    play(*state, &(struct trouble){.tail_fails = 8, .is_locked = true});
}

/* A process before this one was told that its sync failed: three of its six records are in the
 * database, all are in memory, and none of them on the disk. */
static void what_is_in_front_of_a_durable_event_is_on_the_disk_too(void **state)
{
    const struct folder *folder = *state;
    char path[PATH_MAX], note[256];
    struct folder after = {0};
    struct tail *tail = NULL;
    struct journal_db *db = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(db);
    struct journal_counts c = counts(db);
    for (int i = 0; i < 3; i++)
        assert_int_equal(journal_check_append(db, 0, NULL), GH_OK);
    journal_db_close(db);
    assert_int_equal(tail_open(&tail, folder->path, c.stream, JOURNAL_CHECK_TAIL, 9, note, sizeof note), GH_OK);
    for (uint64_t i = 1; i <= 6; i++) {
        char bytes[EVENT_JSON_MAX];
        struct slice event = journal_check_event(bytes, i, EVENT_JSON_MAX - 100);
        const struct record r = {.number = i, .seq = i, .kind = RECORD_EVENT, .event = event};
        assert_int_equal(tail_write(tail, &r, 0), GH_OK);
    }
    tail_close(tail);
    path_of(path, folder->path, "journal.db");
    sqlite3 *other = by_hand_open(path);
    assert_non_null(other);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    disk_begin(folder);
    memset(disk[DISK_TAIL].bytes + TAIL_HEAD, 0, (size_t)(PAGES - 1) * PAGE);
    db = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(db);
    assert_true(journal_check_durable(db, 6));
    assert_true(folder_make(&after));
    disk_cut(after.path, NOTHING_UNSYNCED);
    struct journal_db *again = journal_check_open(after.path, 1000000, BOOT);
    assert_non_null(again);
    assert_int_equal(counts(again).next_seq, 7);
    journal_db_close(again);
    folder_remove(&after);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    journal_db_close(db);
    disk_end();
}

int main(void)
{
#define CUT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CUT_TEST(nothing_durable_is_gone_after_a_power_cut),
        CUT_TEST(nor_while_another_holds_the_database),
        CUT_TEST(nor_where_syncs_of_the_tail_fail),
        CUT_TEST(nor_where_both_happens),
        CUT_TEST(what_is_in_front_of_a_durable_event_is_on_the_disk_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
