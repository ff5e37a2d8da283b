/* The journal on a disk that fills up, fails, or loses what was not synced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/sqlite/journal_db.h"
#include "lib/folder.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 7
#define MEMORY_EVENTS 4096 /* beyond the tail */

/* --- a disk under SQLite that can fail and remembers what was synced ----- */

struct disk {
    sqlite3_vfs vfs; /* first */
    sqlite3_vfs *real;
    pthread_mutex_t lock;
    const char *folder; /* files of this folder only; NULL = none */
    const char *synced; /* their content as of their last sync goes here; NULL = nowhere */
    int fail_write;     /* the Nth write from now fails; 0 = none */
    int fail_sync;
    int fail_code;
    int failures; /* that have happened */
    int opens;    /* of journal.db */
};

struct disk_file {
    sqlite3_file base; /* first */
    struct disk *disk; /* NULL: not watched */
    char name[64];
    sqlite3_file *real; /* lies behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct disk_file *)f)->real;
}

/* True if this is the call that was chosen to fail. */
static bool fails(struct disk *disk, int *countdown)
{
    if (!disk)
        return false;
    (void)pthread_mutex_lock(&disk->lock);
    bool now = *countdown > 0 && --*countdown == 0;
    disk->failures += now;
    (void)pthread_mutex_unlock(&disk->lock);
    return now;
}

static void copy_file(const char *from_folder, const char *to_folder, const char *name)
{
    char from[FOLDER_PATH_MAX + 80], to[FOLDER_PATH_MAX + 80], bytes[65536];
    (void)snprintf(from, sizeof from, "%s/%s", from_folder, name);
    (void)snprintf(to, sizeof to, "%s/%s", to_folder, name);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = 0;
    while (in >= 0 && out >= 0 && (n = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            abort();
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
}

static int disk_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int disk_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}
static int disk_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct disk *disk = ((struct disk_file *)f)->disk;
    if (disk && fails(disk, &disk->fail_write)) {
        /* A disk that fails may have written a part. */
        (void)real_of(f)->pMethods->xWrite(real_of(f), from, n / 2, at);
        return disk->fail_code;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}
static int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}
static int disk_sync(sqlite3_file *f, int flags)
{
    struct disk_file *file = (struct disk_file *)f;
    struct disk *disk = file->disk;
    if (disk && fails(disk, &disk->fail_sync))
        return SQLITE_IOERR_FSYNC;
    if (disk && disk->synced) {
        (void)pthread_mutex_lock(&disk->lock);
        copy_file(disk->folder, disk->synced, file->name);
        (void)pthread_mutex_unlock(&disk->lock);
    }
    return file->real->pMethods->xSync(file->real, flags);
}
static int disk_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int disk_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int disk_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int disk_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int disk_control(sqlite3_file *f, int op, void *argument)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, argument);
}
static int disk_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int disk_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int disk_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int disk_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void disk_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int disk_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods disk_methods = {
    2,           disk_close,    disk_read,     disk_write,   disk_truncate, disk_sync,
    disk_size,   disk_lock,     disk_unlock,   disk_reserved, disk_control, disk_sector,
    disk_traits, disk_shm_map,  disk_shm_lock, disk_shm_barrier, disk_shm_unmap, NULL, NULL,
};

static int disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
    struct disk *disk = (struct disk *)vfs;
    struct disk_file *file = (struct disk_file *)f;
    file->real = (sqlite3_file *)(file + 1);
    file->disk = NULL;
    size_t len = disk->folder && name ? strlen(disk->folder) : 0;
    if (len > 0 && strncmp(name, disk->folder, len) == 0 && name[len] == '/' &&
        !strchr(name + len + 1, '/')) {
        file->disk = disk;
        (void)snprintf(file->name, sizeof file->name, "%s", name + len + 1);
        (void)pthread_mutex_lock(&disk->lock);
        disk->opens += strcmp(file->name, "journal.db") == 0;
        (void)pthread_mutex_unlock(&disk->lock);
    }
    int code = disk->real->xOpen(disk->real, name, file->real, flags, out);
    f->pMethods = file->real->pMethods ? &disk_methods : NULL;
    return code;
}

static void disk_install(struct disk *disk, const char *folder)
{
    *disk = (struct disk){.real = sqlite3_vfs_find(NULL), .folder = folder};
    (void)pthread_mutex_init(&disk->lock, NULL);
    disk->vfs = *disk->real;
    disk->vfs.zName = "disk";
    disk->vfs.pNext = NULL;
    disk->vfs.szOsFile = (int)sizeof(struct disk_file) + disk->real->szOsFile;
    disk->vfs.xOpen = disk_open;
    assert_int_equal(SQLITE_OK, sqlite3_vfs_register(&disk->vfs, 1));
}

static void disk_remove(struct disk *disk)
{
    assert_int_equal(SQLITE_OK, sqlite3_vfs_unregister(&disk->vfs));
    assert_int_equal(SQLITE_OK, sqlite3_vfs_register(disk->real, 1));
    (void)pthread_mutex_destroy(&disk->lock);
}

static void disk_fail(struct disk *disk, int nth_write, int nth_sync, int code)
{
    (void)pthread_mutex_lock(&disk->lock);
    disk->fail_write = nth_write;
    disk->fail_sync = nth_sync;
    disk->fail_code = code;
    (void)pthread_mutex_unlock(&disk->lock);
}

static int failures(struct disk *disk)
{
    (void)pthread_mutex_lock(&disk->lock);
    int n = disk->failures;
    (void)pthread_mutex_unlock(&disk->lock);
    return n;
}

/* --- what tests share ----------------------------------------------------- */

struct fixture {
    struct folder folder;
    struct disk disk;
    struct journal_db *db;
    bool installed, mounted;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    *state = x;
    return x && folder_make(&x->folder) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    journal_db_close(x->db);
    if (x->installed)
        disk_remove(&x->disk);
    if (x->mounted)
        (void)umount2(x->folder.path, MNT_DETACH);
    folder_remove(&x->folder);
    free(x);
    return 0;
}

static struct journal_db *open_at(const char *folder)
{
    struct journal_db *db = journal_check_open(folder, 1000000, BOOT);
    assert_non_null(db);
    return db;
}

static void install(struct fixture *x)
{
    disk_install(&x->disk, x->folder.path);
    x->installed = true;
}

static void close_journal(struct fixture *x)
{
    journal_db_close(x->db);
    x->db = NULL;
}

static uint64_t newest(struct journal_db *db)
{
    struct journal_counts c;
    journal_db_counts(db, &c);
    return c.next_seq - 1;
}

static void append_n(struct journal_db *db, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(GH_OK, journal_check_append_kept(db, 300, i % 2));
}

/* What is kept in a closed journal is what its events up to that one make of it. */
static void assert_kept(const char *folder, uint64_t last)
{
    struct journal_db *db = open_at(folder);
    assert_true(journal_check_kept(db, last, 1));
    journal_db_close(db);
}

static bool is_failing(struct journal_db *db)
{
    struct journal port = journal_db_port(db);
    return port.ops->is_failing(port.self);
}

/* Takes what is reported until the faults are over. */
static void wait_recovered(struct journal_db *db)
{
    struct journal_trouble t = {0};
    while (!t.recovered)
        assert_true(journal_check_trouble(db, &t));
}

/* --- power cuts ----------------------------------------------------------- */

static void what_is_durable_survives_the_loss_of_all_that_was_not_synced(void **state)
{
    struct fixture *x = *state;
    char synced[FOLDER_PATH_MAX], cut[FOLDER_PATH_MAX];
    assert_true(folder_file(&x->folder, "synced", synced));
    assert_int_equal(0, mkdir(synced, 0700));
    install(x);
    x->disk.synced = synced;
    x->db = open_at(x->folder.path);
    for (int i = 0; i < 40; i++) {
        char name[16];
        append_n(x->db, 1 + i * 7 % 60);
        uint64_t durable = newest(x->db);
        assert_true(journal_check_stored(x->db, durable));
        /* The power goes: only what was synced is on the disk of `cut`. */
        (void)snprintf(name, sizeof name, "cut-%d", i);
        assert_true(folder_file(&x->folder, name, cut));
        assert_int_equal(0, mkdir(cut, 0700));
        (void)pthread_mutex_lock(&x->disk.lock);
        copy_file(synced, cut, "journal.db");
        copy_file(synced, cut, "journal.db-wal");
        (void)pthread_mutex_unlock(&x->disk.lock);
        struct journal_db *db = open_at(cut);
        uint64_t kept = newest(db);
        assert_true(kept >= durable && journal_check_kept(db, kept, 0));
        journal_db_close(db);
        assert_true(journal_check_holds(cut, 1, kept, 300, 0, 0));
    }
}

/* --- errors --------------------------------------------------------------- */

static void one_failure(struct fixture *x, int nth_write, int nth_sync, int code)
{
    (void)pthread_mutex_lock(&x->disk.lock);
    int opens = x->disk.opens;
    int before = x->disk.failures;
    (void)pthread_mutex_unlock(&x->disk.lock);
    disk_fail(&x->disk, nth_write, nth_sync, code);
    for (int i = 0; i < 1000 && failures(&x->disk) == before; i++) {
        append_n(x->db, 3);
        /* Durable all the same: by the tail. */
        assert_true(journal_check_stored(x->db, newest(x->db)));
        assert_false(is_failing(x->db));
    }
    assert_int_equal(before + 1, failures(&x->disk));
    append_n(x->db, 3);
    wait_recovered(x->db);
    assert_true(journal_check_stored(x->db, newest(x->db)));
    /* A failed write or sync is final for its connection, a full disk is not. */
    (void)pthread_mutex_lock(&x->disk.lock);
    bool opened_again = x->disk.opens > opens;
    (void)pthread_mutex_unlock(&x->disk.lock);
    assert_int_equal(code != SQLITE_FULL, opened_again);
}

static void a_failed_write_or_sync_costs_no_event(void **state)
{
    struct fixture *x = *state;
    install(x);
    x->db = open_at(x->folder.path);
    append_n(x->db, 5);
    assert_true(journal_check_stored(x->db, 5));
    for (int nth = 1; nth <= 3; nth++)
        one_failure(x, nth, 0, SQLITE_IOERR_WRITE);
    one_failure(x, 2, 0, SQLITE_FULL);
    one_failure(x, 0, 1, 0);
    one_failure(x, 0, 2, 0);
    uint64_t last = newest(x->db);
    close_journal(x);
    assert_true(journal_check_holds(x->folder.path, 1, last, 300, 0, 0));
    assert_kept(x->folder.path, last);
}

static void a_failure_is_reported_once_and_its_end_once(void **state)
{
    struct fixture *x = *state;
    struct journal_trouble t;
    install(x);
    x->db = open_at(x->folder.path);
    disk_fail(&x->disk, 1, 0, SQLITE_IOERR_WRITE);
    append_n(x->db, 1);
    assert_true(journal_check_trouble(x->db, &t));
    assert_non_null(strstr(t.fault, "journal.db cannot be written"));
    assert_false(t.has_range);
    if (!t.recovered)
        assert_true(journal_check_trouble(x->db, &t));
    assert_true(t.recovered);
    append_n(x->db, 10);
    assert_true(journal_check_stored(x->db, newest(x->db)));
    assert_false(journal_db_trouble(x->db, &t));
}

/* --- a full disk ---------------------------------------------------------- */

/* A small file system of our own; false (and says why) where that is not
 * permitted. */
static bool mount_small(struct fixture *x)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", x->folder.path, "tmpfs", 0, "size=6m") != 0) {
        print_message("# SKIP: no mount of our own: %s\n", strerror(errno));
        return false;
    }
    x->mounted = true;
    return true;
}

/* Takes all the room there is. */
static void fill_disk(const struct fixture *x)
{
    char path[FOLDER_PATH_MAX], bytes[4096];
    assert_true(folder_file(&x->folder, "filler", path));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    memset(bytes, 'f', sizeof bytes);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(ENOSPC, errno);
    (void)close(fd);
}

static void free_disk(const struct fixture *x)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&x->folder, "filler", path));
    assert_int_equal(0, unlink(path));
}

/* Appends, durably each, until the database is known to be out of room. */
static void append_until_fault(struct fixture *x)
{
    struct journal_trouble t = {0};
    for (int i = 0; i < 5000 && t.fault[0] == '\0'; i++) {
        append_n(x->db, 1);
        assert_true(journal_check_stored(x->db, newest(x->db)));
        (void)journal_db_trouble(x->db, &t);
    }
    assert_non_null(strstr(t.fault, "disk is full"));
}

static void on_a_full_disk_the_tail_keeps_events_durable(void **state)
{
    struct fixture *x = *state;
    if (!mount_small(x))
        skip();
    x->db = open_at(x->folder.path);
    append_n(x->db, 10);
    assert_true(journal_check_stored(x->db, 10));
    fill_disk(x);
    append_until_fault(x);
    append_n(x->db, 30);
    assert_true(journal_check_stored(x->db, newest(x->db)) && !is_failing(x->db));
    assert_true(journal_check_kept(x->db, newest(x->db), newest(x->db)));
    free_disk(x);
    wait_recovered(x->db);
    append_n(x->db, 10);
    assert_true(journal_check_stored(x->db, newest(x->db)));
    uint64_t last = newest(x->db);
    close_journal(x);
    assert_true(journal_check_holds(x->folder.path, 1, last, 300, 0, 0));
    assert_kept(x->folder.path, last);
}

static void what_finds_no_room_anywhere_is_a_loss_known_exactly(void **state)
{
    struct fixture *x = *state;
    struct journal_trouble t = {0};
    struct journal_counts c;
    if (!mount_small(x))
        skip();
    x->db = open_at(x->folder.path);
    fill_disk(x);
    append_until_fault(x);
    struct journal port = journal_db_port(x->db);
    uint64_t with_changes = newest(x->db);
    enum gh_err err = GH_OK;
    int n = 0;
    while (err == GH_OK && n++ < 10000)
        err = journal_check_append(x->db, 300, NULL);
    assert_int_equal(GH_FULL, err);
    assert_true(n > MEMORY_EVENTS);
    uint64_t from = newest(x->db);
    for (int i = 0; i < 4; i++)
        assert_int_equal(GH_FULL, journal_check_append_kept(x->db, 300, false));
    /* Nor is there room for their changes, or any. */
    assert_int_equal(GH_FULL, port.ops->keep(port.self, slice_make("\1k\1v", 4)));
    assert_true(journal_check_kept(x->db, with_changes, 0) && is_failing(x->db));
    uint64_t to = newest(x->db);
    assert_int_equal(from + 4, to);
    journal_db_counts(x->db, &c);
    assert_int_equal(5, c.lost_total);

    free_disk(x);
    while (!t.has_range)
        assert_true(journal_check_trouble(x->db, &t));
    assert_int_equal(from, t.from);
    assert_int_equal(to, t.to);
    assert_true(journal_check_kept(x->db, with_changes, 0) && !is_failing(x->db));
    append_n(x->db, 10);
    assert_true(journal_check_stored(x->db, to + 10));
    journal_db_counts(x->db, &c);
    assert_int_equal(5, c.lost_total);
    close_journal(x);
    assert_true(journal_check_holds(x->folder.path, 1, to + 10, 300, from, to));
    x->db = open_at(x->folder.path);
    journal_db_counts(x->db, &c);
    assert_int_equal(5, c.lost_total);
    assert_int_equal(to + 11, c.next_seq);
    assert_false(journal_db_trouble(x->db, &t));
}

static void a_kill_on_a_full_disk_costs_nothing_that_the_tail_has(void **state)
{
    struct fixture *x = *state;
    int status = 0, told[2];
    uint64_t last = 0;
    if (!mount_small(x))
        skip();
    assert_int_equal(0, pipe2(told, O_CLOEXEC));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        x->db = open_at(x->folder.path);
        fill_disk(x);
        append_until_fault(x);
        append_n(x->db, 20);
        last = newest(x->db);
        if (write(told[1], &last, sizeof last) == (ssize_t)sizeof last)
            (void)raise(SIGKILL);
        _exit(1);
    }
    (void)close(told[1]);
    assert_int_equal(sizeof last, read(told[0], &last, sizeof last));
    (void)close(told[0]);
    assert_int_equal(pid, waitpid(pid, &status, 0));

    /* Still full. */
    x->db = open_at(x->folder.path);
    assert_int_equal(last, newest(x->db));
    assert_true(journal_check_kept(x->db, last, last));
    append_n(x->db, 5);
    assert_true(journal_check_stored(x->db, last + 5));
    free_disk(x);
    append_n(x->db, 5);
    assert_true(journal_check_stored(x->db, last + 10));
    close_journal(x);
    assert_true(journal_check_holds(x->folder.path, 1, last + 10, 300, 0, 0));
    assert_kept(x->folder.path, last + 10);
}

static void a_repeat_is_found_while_the_disk_is_full(void **state)
{
    struct fixture *x = *state;
    struct repeat r = {.decision = DECISION_GRANTED, .at = {5}, .release_ms = 9}, found;
    if (!mount_small(x))
        skip();
    assert_int_equal(GH_OK, id_set(&r.reader, slice_of("r1")));
    assert_int_equal(GH_OK, id_set(&r.read_id, slice_of("one")));
    x->db = open_at(x->folder.path);
    struct journal port = journal_db_port(x->db);
    fill_disk(x);
    append_until_fault(x);
    assert_int_equal(GH_OK, journal_check_append(x->db, 300, &r));
    assert_int_equal(GH_OK, port.ops->repeat_find(port.self, &r.reader, &r.read_id, &found));
    assert_false(found.answered);
    port.ops->repeat_answered(port.self, &r.reader, &r.read_id);
    assert_int_equal(GH_OK, port.ops->repeat_find(port.self, &r.reader, &r.read_id, &found));
    assert_true(found.answered);
    assert_int_equal(9, found.release_ms);
}

int main(void)
{
#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        DISK_TEST(what_is_durable_survives_the_loss_of_all_that_was_not_synced),
        DISK_TEST(a_failed_write_or_sync_costs_no_event),
        DISK_TEST(a_failure_is_reported_once_and_its_end_once),
        DISK_TEST(on_a_full_disk_the_tail_keeps_events_durable),
        DISK_TEST(what_finds_no_room_anywhere_is_a_loss_known_exactly),
        DISK_TEST(a_kill_on_a_full_disk_costs_nothing_that_the_tail_has),
        DISK_TEST(a_repeat_is_found_while_the_disk_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
