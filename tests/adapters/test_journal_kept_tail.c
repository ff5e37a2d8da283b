/* What the journal keeps, after kills and with tails that say more or less than
 * the database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/kept_fixture.h"
#include "adapters/sqlite/journal_store.h"
#include "adapters/sqlite/tail.h"

/* Runs in a child that is killed at its end, so that nothing is tidied up. */
static void in_a_child(const struct folder *folder, void (*play)(struct journal_db *db))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct journal_db *db = journal_check_open(folder->path, 1000000, BOOT);
        if (!db)
            _exit(1);
        play(db);
        (void)raise(SIGKILL);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void play_keep(struct journal_db *db)
{
    if (keep(db, "a=1 b=1") != GH_OK || keep(db, "a=2 c") != GH_OK)
        _exit(1);
}

static void play_both(struct journal_db *db)
{
    if (append(db, "a=3") != GH_OK || keep(db, "b") != GH_OK || append(db, "b=4 a") != GH_OK ||
        keep(db, "b=5") != GH_OK)
        _exit(1);
}

static void what_is_kept_survives_a_kill(void **state)
{
    struct folder *folder = *state;
    in_a_child(folder, play_keep);
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "a=2 b=1");
    assert_int_equal(0, newest(db));
    journal_db_close(db);
    /* Also without any transaction before it, and through two kills. */
    sqlite3 *other = hold(folder);
    in_a_child(folder, play_both);
    in_a_child(folder, play_keep);
    release(other);
    db = open_journal(folder);
    assert_keeps(db, "a=2 b=1");
    assert_int_equal(2, newest(db));
    journal_db_close(db);
    in_a_child(folder, play_both);
    db = open_journal(folder);
    assert_keeps(db, "b=5");
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 4, 0, 0, 0));
}

static struct tail *open_tail(const struct folder *folder, const char *stream)
{
    struct tail *tail = NULL;
    char note[256];
    assert_int_equal(GH_OK, tail_open(&tail, folder->path, stream, JOURNAL_CHECK_TAIL, 99, note,
                                      sizeof note));
    return tail;
}

static struct record make_record(enum record_kind kind, uint64_t number, uint64_t seq,
                                 struct slice changes, char bytes[EVENT_JSON_MAX])
{
    struct record r = {.number = number, .seq = seq, .kind = kind, .changes = changes};
    if (record_has(&r, RECORD_HAS_EVENT))
        r.event = journal_check_event(bytes, seq, 0);
    if (kind == RECORD_EVENT_REPEAT_KEEP)
        r.repeat = (struct record_repeat){.reader = {"r1"}, .read_id = {"read"}, .door = {"d"},
                                          .decision = "granted", .reason = "granted"};
    return r;
}

/* Returns its length. */
static size_t put_record(struct tail *tail, enum record_kind kind, uint64_t number, uint64_t seq,
                         const char *text)
{
    unsigned char encoded[RECORD_MAX];
    char bytes[EVENT_JSON_MAX];
    struct changes c;
    struct record r = make_record(kind, number, seq, make_changes(&c, text), bytes);
    assert_int_equal(GH_OK, tail_write(tail, &r, 0));
    return record_encode(encoded, &r);
}

static void put_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(len, write(fd, bytes, len));
    assert_int_equal(0, close(fd));
}

static void an_event_and_its_changes_are_both_there_or_neither(void **state)
{
    /* The tail as a power cut may leave it: anything behind some byte is gone. */
    struct folder *folder = *state;
    char tail_path[FOLDER_PATH_MAX], db_path[FOLDER_PATH_MAX];
    static const char *const kept[] = {"", "n=1", "n=1 x=1", "n=3 y=1", "n=3 y=1 x=2", "n=5 x=2"};
    static const uint64_t seqs[] = {0, 1, 1, 2, 2, 3};
    size_t db_len = 0, len = 0;
    struct journal_counts c;
    struct journal_db *db = open_journal(folder);
    journal_db_counts(db, &c);
    journal_db_close(db);
    assert_true(folder_file(folder, "journal.tail", tail_path));
    assert_true(folder_file(folder, "journal.db", db_path));
    struct tail *tail = open_tail(folder, c.stream);
    size_t end[6] = {TAIL_HEAD};
    end[1] = end[0] + put_record(tail, RECORD_EVENT_KEEP, 1, 1, "n=1");
    end[2] = end[1] + put_record(tail, RECORD_KEEP, 2, 1, "x=1");
    end[3] = end[2] + put_record(tail, RECORD_EVENT_REPEAT_KEEP, 3, 2, "n=3 y=1 x");
    end[4] = end[3] + put_record(tail, RECORD_KEEP, 4, 2, "x=2");
    end[5] = end[4] + put_record(tail, RECORD_EVENT_KEEP, 5, 3, "n=5 y");
    tail_close(tail);
    char *db_bytes = folder_read(db_path, &db_len), *bytes = folder_read(tail_path, &len);
    assert_true(db_bytes && bytes && len > end[5]);
    size_t whole = 0;
    for (size_t cut = TAIL_HEAD; cut <= end[5]; cut += cut + 3 < end[5] ? 3 : 1) {
        while (whole < 5 && cut >= end[whole + 1])
            whole++;
        put_file(tail_path, bytes, cut);
        put_file(db_path, db_bytes, db_len);
        db = open_journal(folder);
        assert_int_equal(seqs[whole], newest(db));
        assert_keeps(db, kept[whole]);
        journal_db_close(db);
        db = open_journal(folder);
        assert_int_equal(seqs[whole], newest(db));
        assert_keeps(db, kept[whole]);
        journal_db_close(db);
    }
    assert_int_equal(5, whole);
    free(bytes);
    free(db_bytes);
}

/* A database that has the changes of records 1..3, and its stream. */
static struct journal_counts make_stored(const struct folder *folder)
{
    struct journal_counts c;
    struct journal_db *db = open_journal(folder);
    assert_int_equal(GH_OK, append(db, "e=1"));
    assert_int_equal(GH_OK, keep(db, "a=old b=old"));
    assert_int_equal(GH_OK, keep(db, "a=new b"));
    journal_db_counts(db, &c);
    journal_db_close(db);
    return c;
}

static void forget_tail(const struct folder *folder)
{
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(folder, "journal.tail", path));
    assert_int_equal(0, unlink(path));
}

static void play_newer(struct journal_db *db)
{
    if (keep(db, "a=newer") != GH_OK)
        _exit(1);
}

static void a_change_that_was_replaced_never_comes_back(void **state)
{
    /* The database was synced and the tail was not: it ends too early. No seq
     * tells the older change from the newer. */
    struct folder *folder = *state;
    struct journal_counts c = make_stored(folder);
    forget_tail(folder);
    struct tail *tail = open_tail(folder, c.stream);
    put_record(tail, RECORD_EVENT_KEEP, 1, 1, "e=1");
    put_record(tail, RECORD_KEEP, 2, 1, "a=old b=old");
    tail_close(tail);
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "e=1 a=new");
    journal_db_close(db);
    /* And what is given now is newer than all of it. */
    in_a_child(folder, play_newer);
    db = open_journal(folder);
    assert_keeps(db, "e=1 a=newer");
    journal_db_close(db);
}

static void a_note_behind_what_is_stored_does_not_hold_back_what_follows(void **state)
{
    /* The tail ends with an `answered` that the database has passed. */
    struct folder *folder = *state;
    struct journal_counts c = make_stored(folder);
    forget_tail(folder);
    struct tail *tail = open_tail(folder, c.stream);
    struct record r = {.number = 2, .seq = 1, .kind = RECORD_ANSWERED,
                       .repeat = {.reader = {"r1"}, .read_id = {"read"}}};
    put_record(tail, RECORD_EVENT_KEEP, 1, 1, "e=1");
    assert_int_equal(GH_OK, tail_write(tail, &r, 0));
    tail_close(tail);
    sqlite3 *other = hold(folder);
    in_a_child(folder, play_newer);
    release(other);
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "e=1 a=newer");
    journal_db_close(db);
    db = open_journal(folder);
    assert_keeps(db, "e=1 a=newer");
    journal_db_close(db);
}

static void changes_go_on_where_the_tail_was_lost(void **state)
{
    struct folder *folder = *state;
    (void)make_stored(folder);
    forget_tail(folder);
    in_a_child(folder, play_newer);
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "e=1 a=newer");
    journal_db_close(db);
    db = open_journal(folder);
    assert_keeps(db, "e=1 a=newer");
    journal_db_close(db);
}

static void put_in_store(struct journal_store *store, enum record_kind kind, uint64_t number,
                         uint64_t seq, const char *text)
{
    char bytes[EVENT_JSON_MAX];
    struct changes c;
    struct record r = make_record(kind, number, seq, make_changes(&c, text), bytes);
    assert_int_equal(GH_OK, store_put(store, &r, 0));
}

static void the_database_takes_no_record_twice(void **state)
{
    /* As after a commit that failed and yet was done: the same records again. */
    struct folder *folder = *state;
    struct journal_store *store = NULL;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(GH_OK, store_open(&store, folder->path, true));
        assert_int_equal(GH_OK, store_begin(store));
        put_in_store(store, RECORD_EVENT_KEEP, 1, 1, i ? "a=again" : "a=1 b=1");
        put_in_store(store, RECORD_KEEP, 2, 1, i ? "b=again" : "b=2");
        put_in_store(store, RECORD_EVENT_REPEAT_KEEP, 3, 2, i ? "c=again" : "c=3");
        put_in_store(store, RECORD_KEEP, 4, 2, i ? "a" : "d=4");
        assert_int_equal(4, store_state(store)->moved_number);
        assert_int_equal(GH_OK, store_commit(store));
        store_close(store);
    }
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "a=1 b=2 c=3 d=4");
    assert_int_equal(2, newest(db));
    journal_db_close(db);
}

static void a_transaction_that_is_dropped_keeps_nothing(void **state)
{
    struct folder *folder = *state;
    struct journal_store *store = NULL;
    assert_int_equal(GH_OK, store_open(&store, folder->path, true));
    assert_int_equal(GH_OK, store_begin(store));
    put_in_store(store, RECORD_EVENT_KEEP, 1, 1, "a=1");
    put_in_store(store, RECORD_KEEP, 2, 1, "b=2");
    store_drop(store);
    assert_int_equal(0, store_state(store)->moved_number);
    assert_int_equal(GH_OK, store_begin(store));
    put_in_store(store, RECORD_KEEP, 2, 0, "b=3");
    assert_int_equal(GH_OK, store_commit(store));
    store_close(store);
    struct journal_db *db = open_journal(folder);
    assert_keeps(db, "b=3");
    assert_int_equal(0, newest(db));
    journal_db_close(db);
}

static void events_are_taken_over_whatever_the_stored_number_says(void **state)
{
    struct folder *folder = *state;
    struct journal_counts c = make_stored(folder);
    sql(folder, "UPDATE meta SET kept_number = 1000000");
    forget_tail(folder);
    struct tail *tail = open_tail(folder, c.stream);
    put_record(tail, RECORD_EVENT_KEEP, 4, 2, "e=2");
    put_record(tail, RECORD_KEEP, 5, 2, "f=2");
    tail_close(tail);
    struct journal_db *db = open_journal(folder);
    assert_int_equal(2, newest(db));
    assert_keeps(db, "a=new e=2 f=2");
    assert_int_equal(GH_OK, keep(db, "f=3"));
    journal_db_close(db);
    in_a_child(folder, play_newer);
    db = open_journal(folder);
    assert_keeps(db, "a=newer e=2 f=3");
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 2, 0, 0, 0));
}

static void a_stored_number_that_leaves_no_room_is_damage(void **state)
{
    struct folder *folder = *state;
    struct journal_db_options options = {folder->path, 1000, JOURNAL_CHECK_TAIL, BOOT, {NULL, NULL}};
    struct journal_db *db = NULL;
    char why[256];
    (void)make_stored(folder);
    sql(folder, "UPDATE meta SET kept_number = 9223372036854775807");
    assert_int_equal(GH_CORRUPT, journal_db_open(&db, &options, why, sizeof why));
    assert_null(db);
}

int main(void)
{
#define KEPT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        KEPT_TEST(what_is_kept_survives_a_kill),
        KEPT_TEST(an_event_and_its_changes_are_both_there_or_neither),
        KEPT_TEST(a_change_that_was_replaced_never_comes_back),
        KEPT_TEST(a_note_behind_what_is_stored_does_not_hold_back_what_follows),
        KEPT_TEST(changes_go_on_where_the_tail_was_lost),
        KEPT_TEST(the_database_takes_no_record_twice),
        KEPT_TEST(a_transaction_that_is_dropped_keeps_nothing),
        KEPT_TEST(events_are_taken_over_whatever_the_stored_number_says),
        KEPT_TEST(a_stored_number_that_leaves_no_room_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
