/* The journal under kills at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/tail.h"
#include "lib/by_hand.h"
#include "lib/fault_vfs.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 1
#define AHEAD 20 /* events that fit half the tail in any case */
#define HEALS 30 /* events after which a disk that failed is well again */

static struct journal_db *open_journal(const struct folder *folder)
{
    struct journal_db *db = journal_check_open(folder->path, 1000000, BOOT);
    assert_non_null(db);
    return db;
}

static struct journal_counts counts(struct journal_db *db)
{
    struct journal_counts c;
    journal_db_counts(db, &c);
    return c;
}

/* --- kills -------------------------------------------------------------- */

/* While the disk fails it may have to be tried again; only a journal that is damaged would not be
 * what a later try opens. */
static struct journal_db *open_at_last(const struct folder *folder)
{
    struct journal_db_options options = {folder->path, 1000000, JOURNAL_CHECK_TAIL, BOOT, {NULL, NULL}};
    struct journal_db *db = NULL;
    char why[256];
    for (int i = 0; i < 2; i++) {
        enum gh_err err = journal_db_open(&db, &options, why, sizeof why);
        if (err == GH_OK)
            return db;
        if (err == GH_CORRUPT)
            return NULL;
        fault_vfs_heal();
    }
    return NULL;
}

/* What the child says, in memory that survives it. */
struct told {
    _Atomic uint64_t appended; /* append has returned for it */
    _Atomic uint64_t kept;     /* keep has returned for it */
    _Atomic uint64_t stored;   /* the database has it */
    _Atomic uint64_t news;     /* rises with each of them */
};

static struct told *map_told(void)
{
    struct told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    return told;
}

/* What a child is to do, and to suffer. */
struct orders {
    bool stores;             /* each event is waited for until the database has it */
    struct fault_plan fault; /* of the disk under the database; nth 0 = none */
};

/* Appends until it is killed; exits only when something is wrong. What it appends the tail has room
 * for: memory would have to hold the rest, and no promise is made for that. */
static void child_appends(const struct folder *folder, struct told *told, const struct orders *orders)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int n = 0; /* events since the disk failed */
    if (orders->fault.nth > 0) {
        if (!fault_vfs_install(folder->path))
            _exit(5);
        fault_vfs_plan(&orders->fault);
    }
    struct journal_db *db = open_at_last(folder);
    if (!db)
        _exit(2);
    struct journal port = journal_db_port(db);
    for (;;) {
        uint64_t seq = port.ops->next_seq(port.self);
        bool note = seq % 3 != 0;
        if (journal_check_append_kept(db, 600, note) != GH_OK)
            _exit(3);
        atomic_store(&told->appended, seq);
        if (note)
            atomic_store(&told->kept, seq);
        if (orders->fault.nth > 0 && ++n == 2 * HEALS)
            pause();
        if (n == HEALS)
            fault_vfs_heal();
        if (orders->stores || seq >= atomic_load(&told->stored) + AHEAD) {
            if (!journal_check_stored(db, seq))
                _exit(4);
            atomic_store(&told->stored, seq);
        }
        atomic_fetch_add(&told->news, 1);
    }
}

/* Starts a child, kills it when it has said `news` things (0: at once, or while
 * it is still opening). */
static void run_and_kill(const struct folder *folder, struct told *told, const struct orders *orders,
                         uint64_t news, unsigned spin)
{
    int status = 0;
    atomic_store(&told->news, 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_appends(folder, told, orders);
    int64_t end_ns = wait_now_ns() + (int64_t)WAIT_MS * 1000000;
    while (atomic_load(&told->news) < news && wait_now_ns() < end_ns &&
           waitpid(pid, &status, WNOHANG) == 0)
        sched_yield();
    for (volatile unsigned i = 0; i < spin; i++)
        continue;
    (void)kill(pid, SIGKILL);
    if (status == 0)
        assert_int_equal(pid, waitpid(pid, &status, 0));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the child ended by itself, status 0x%x, folder %s", (unsigned)status,
                 access(folder->path, F_OK) == 0 ? "there" : "gone");
    assert_true(atomic_load(&told->news) >= news);
}

static unsigned pick_seed(void)
{
    const char *given = getenv("GATEHOUSE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("# GATEHOUSE_SEED=%u\n", seed);
    return seed;
}

static int rounds(int short_form)
{
    const char *given = getenv("GATEHOUSE_ROUNDS");
    return given ? (int)strtol(given, NULL, 10) : short_form;
}

static void no_event_is_lost_or_doubled_by_a_kill(void **state)
{
    struct folder *folder = *state;
    struct told *told = map_told();
    unsigned seed = pick_seed();
    char bytes[EVENT_JSON_MAX];
    for (int i = 0; i < rounds(200); i++) {
        uint64_t news = (uint64_t)(rand_r(&seed) % 60);
        unsigned spin = (unsigned)rand_r(&seed) % 200000;
        run_and_kill(folder, told, &(struct orders){.stores = false}, news * (news % 7 == 0 ? 10 : 1), spin);
        struct journal_db *db = open_journal(folder);
        uint64_t newest = counts(db).next_seq - 1;
        uint64_t appended = atomic_load(&told->appended);
        /* One append may have been done and not been told. */
        assert_true(newest == appended || newest == appended + 1);
        if (newest > 0)
            assert_true(slice_equal(journal_db_last_event(db),
                                    journal_check_event(bytes, newest, 600)));
        /* What is kept is of that very event; now, and moved into the database. */
        assert_true(journal_check_kept(db, newest, atomic_load(&told->kept)));
        journal_db_close(db);
        if (i % 20 == 0) {
            db = open_journal(folder);
            assert_true(journal_check_kept(db, newest, atomic_load(&told->kept)));
            journal_db_close(db);
        }
        atomic_store(&told->appended, newest);
        if (i % 20 == 0)
            assert_true(journal_check_holds(folder->path, 1, newest, 600, 0, 0));
    }
    uint64_t total = atomic_load(&told->appended);
    assert_true(total > 1000);
    assert_true(journal_check_holds(folder->path, 1, total, 600, 0, 0));
    (void)munmap(told, sizeof *told);
}

static void a_tail_is_taken_over_without_any_transaction_between(void **state)
{
    /* Kills in a row, with nobody there to move what is left in the tail but
     * the next child, which is killed as well. */
    struct folder *folder = *state;
    struct told *told = map_told();
    unsigned seed = pick_seed();
    for (int i = 0; i < rounds(60); i++) {
        uint64_t before = atomic_load(&told->appended);
        run_and_kill(folder, told, &(struct orders){.stores = false}, (uint64_t)(rand_r(&seed) % 5),
                     (unsigned)rand_r(&seed) % 20000);
        if (atomic_load(&told->appended) < before)
            fail_msg("round %d: back from %" PRIu64 " to %" PRIu64, i, before,
                     atomic_load(&told->appended));
    }
    struct journal_db *db = open_journal(folder);
    assert_true(journal_check_kept(db, counts(db).next_seq - 1, atomic_load(&told->kept)));
    journal_db_close(db);
    uint64_t appended = atomic_load(&told->appended);
    uint64_t newest = journal_check_newest(folder->path);
    assert_true(newest == appended || newest == appended + 1);
    assert_true(journal_check_holds(folder->path, 1, newest, 600, 0, 0));
    (void)munmap(told, sizeof *told);
}

static void what_was_moved_does_not_need_the_tail(void **state)
{
    struct folder *folder = *state;
    struct told *told = map_told();
    unsigned seed = pick_seed();
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(folder, "journal.tail", path));
    uint64_t newest = 0;
    for (int i = 0; i < rounds(40); i++) {
        atomic_store(&told->stored, newest);
        run_and_kill(folder, told, &(struct orders){.stores = true}, 1 + (uint64_t)(rand_r(&seed) % 40), 0);
        uint64_t stored = atomic_load(&told->stored);
        assert_int_equal(0, unlink(path));
        struct journal_db *db = open_journal(folder);
        newest = counts(db).next_seq - 1;
        assert_true(newest >= stored);
        atomic_store(&told->appended, newest);
        assert_true(journal_check_kept(db, newest, 0));
        journal_db_close(db);
        assert_true(journal_check_holds(folder->path, 1, newest, 600, 0, 0));
    }
    assert_true(newest > 0);
    (void)munmap(told, sizeof *told);
}

static const struct {
    unsigned calls;
    enum fault_kind kind;
} failures[] = {{FAULT_READ, FAULT_EIO},   {FAULT_WRITE, FAULT_EIO}, {FAULT_WRITE, FAULT_FULL},
                {FAULT_WRITE, FAULT_SHORT}, {FAULT_SYNC, FAULT_EIO},  {FAULT_ANY, FAULT_EIO}};

static void no_event_is_lost_by_a_kill_while_the_disk_fails(void **state)
{
    struct folder *folder = *state;
    struct told *told = map_told();
    unsigned seed = pick_seed();
    for (int i = 0; i < rounds(60); i++) {
        size_t which = (size_t)rand_r(&seed) % (sizeof failures / sizeof *failures);
        const struct orders orders = {.stores = i % 3 == 0,
                                      .fault = {failures[which].calls, failures[which].kind,
                                                1 + rand_r(&seed) % (i % 2 ? 12 : 120), i % 4 < 3}};
        run_and_kill(folder, told, &orders, (uint64_t)rand_r(&seed) % (2 * HEALS),
                     (unsigned)rand_r(&seed) % 100000);
        struct journal_db *db = open_journal(folder);
        uint64_t newest = counts(db).next_seq - 1, appended = atomic_load(&told->appended);
        if (newest != appended && newest != appended + 1)
            fail_msg("round %d: %" PRIu64 " appended, %" PRIu64 " are there", i, appended, newest);
        assert_true(journal_check_kept(db, newest, atomic_load(&told->kept)));
        journal_db_close(db);
        atomic_store(&told->appended, newest);
        assert_true(journal_check_holds(folder->path, 1, newest, 600, 0, 0));
    }
    assert_true(atomic_load(&told->appended) > 100);
    (void)munmap(told, sizeof *told);
}

/* Writes largest events seq..seq + n - 1 into the tail as a process would. */
static void write_tail(struct tail *tail, uint64_t seq, uint64_t n, uint64_t stored)
{
    char bytes[EVENT_JSON_MAX];
    memset(bytes, 'x', sizeof bytes);
    for (uint64_t i = 0; i < n; i++) {
        struct record r = {.number = seq + i, .seq = seq + i, .kind = RECORD_EVENT,
                           .event = slice_make(bytes, sizeof bytes)};
        assert_int_equal(GH_OK, tail_write(tail, &r, stored));
    }
}

#define SMALL 30

static void an_append_finds_room_before_the_first_transaction(void **state)
{
    /* One half holds what the database has, the other is full of what it has
     * not, and it cannot be written: the next append belongs in the first. */
    struct folder *folder = *state;
    const uint64_t half = 28672 / (RECORD_HEAD + EVENT_JSON_MAX);
    struct tail *tail = NULL;
    char note[256], path[FOLDER_PATH_MAX];
    sqlite3 *other = NULL;
    int status = 0;
    struct journal_db *db = open_journal(folder);
    struct journal_counts c = counts(db);
    for (uint64_t i = 0; i < half; i++)
        assert_int_equal(GH_OK, journal_check_append(db, 0, NULL));
    journal_db_close(db);
    assert_int_equal(GH_OK, tail_open(&tail, folder->path, c.stream, JOURNAL_CHECK_TAIL, 9, note,
                                      sizeof note));
    write_tail(tail, 1, 2 * half, 0);
    tail_close(tail);
    assert_true(folder_file(folder, "journal.db", path));
    other = by_hand_open(path);
    assert_non_null(other);
    assert_int_equal(SQLITE_OK, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        db = journal_check_open(folder->path, 1000000, BOOT);
        /* More than fit behind the last large one. */
        for (int i = 0; i < SMALL; i++)
            if (!db || journal_check_append(db, 0, NULL) != GH_OK)
                _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(SQLITE_OK, sqlite3_close(other));
    db = open_journal(folder);
    assert_int_equal(2 * half + SMALL + 1, counts(db).next_seq);
    journal_db_close(db);
    assert_int_equal(2 * half + SMALL, journal_check_newest(folder->path));
}

int main(void)
{
#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(no_event_is_lost_or_doubled_by_a_kill),
        JOURNAL_TEST(a_tail_is_taken_over_without_any_transaction_between),
        JOURNAL_TEST(an_append_finds_room_before_the_first_transaction),
        JOURNAL_TEST(what_was_moved_does_not_need_the_tail),
        JOURNAL_TEST(no_event_is_lost_by_a_kill_while_the_disk_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
