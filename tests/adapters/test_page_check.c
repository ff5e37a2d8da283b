/* Damage is noticed before a damaged page is used: in the database, in its log, and
 * where a log is recovered. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/sqlite/db.h"
#include "adapters/sqlite/page_check.h"
#include "adapters/sqlite/page_log.h"
#include "lib/damage.h"
#include "lib/folder.h"

/* --- the sum ---------------------------------------------------------------- */

static void fill(unsigned char page[PAGE_BYTES])
{
    for (size_t i = 0; i < PAGE_BYTES; i++)
        page[i] = (unsigned char)(i * 7 + i / 256);
}

/* Files are read by later versions: these numbers never change. */
static void the_sum_is_what_files_hold(void **state)
{
    unsigned char page[PAGE_BYTES] = {0};
    (void)state;
    assert_int_equal(page_sum(page, 1), UINT64_C(0x4a87aec0feaecfbd));
    fill(page);
    assert_int_equal(page_sum(page, 1), UINT64_C(0x12b64c673004d5a1));
    assert_int_equal(page_sum(page, 70000), UINT64_C(0x7def910f627d2312));
    page_seal(page, 258);
    assert_true(page_is_whole(page, 258));
}

static void each_bit_of_a_page_counts(void **state)
{
    unsigned char page[PAGE_BYTES];
    (void)state;
    fill(page);
    page_seal(page, 3);
    for (size_t bit = 0; bit < PAGE_BYTES * 8; bit++) {
        page[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (page_is_whole(page, 3))
            fail_msg("bit %zu does not count", bit);
        page[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_true(page_is_whole(page, 3));
}

static void a_page_of_another_place_or_of_zeros_is_not_whole(void **state)
{
    unsigned char page[PAGE_BYTES], zeros[PAGE_BYTES] = {0};
    (void)state;
    fill(page);
    page_seal(page, 3);
    for (uint32_t number = 1; number < 100000; number++)
        if (page_is_whole(page, number) != (number == 3) || page_is_whole(zeros, number))
            fail_msg("page %u", number);
}

/* --- files ------------------------------------------------------------------ */

#define ROWS 400

struct files {
    struct folder folder;
    char path[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
};

static sqlite3 *must_open(const char *path, enum db_mode mode)
{
    sqlite3 *db = NULL;
    assert_int_equal(GH_OK, db_open(&db, path, mode, 1000));
    return db;
}

static int setup(void **state)
{
    struct files *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(folder_make(&f->folder));
    assert_true(folder_file(&f->folder, "a.db", f->path));
    assert_true(folder_file(&f->folder, "a.db-wal", f->log));
    assert_int_equal(GH_OK, db_create_file(f->path));
    sqlite3 *db = must_open(f->path, DB_WRITER);
    assert_int_equal(GH_OK, db_exec(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL);"
                                        "CREATE INDEX i ON t (b)"));
    assert_int_equal(GH_OK, db_exec(db, "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 "
                                        "FROM n WHERE x < 400) INSERT INTO t SELECT x, "
                                        "printf('%0100d', x * 7919 % 1000) FROM n"));
    db_close(db);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct files *f = *state;
    folder_remove(&f->folder);
    free(f);
    return 0;
}

static off_t size_of(const char *path)
{
    int64_t size = damage_size(path);
    assert_true(size >= 0);
    return (off_t)size;
}

static void flip(const char *path, off_t at, int bit)
{
    assert_true(damage_flip(path, at, bit));
}

/* Reads all rows, by the table and by the index. */
static enum gh_err read_all(sqlite3 *db, int64_t *sum)
{
    int64_t a = 0, b = 0;
    enum gh_err err = db_pragma(db, "SELECT sum(a * length(b)) FROM t NOT INDEXED", &a);
    if (err == GH_OK)
        err = db_pragma(db, "SELECT sum(a * length(b)) FROM t INDEXED BY i", &b);
    if (err == GH_OK)
        *sum = a == b ? a : -1;
    return err;
}

static enum gh_err read_afresh(const struct files *f, int64_t *sum)
{
    sqlite3 *db = NULL;
    enum gh_err err = db_open(&db, f->path, DB_READER, 1000);
    if (err == GH_OK)
        err = read_all(db, sum);
    db_close(db);
    return err;
}

#define WHOLE_SUM ((int64_t)ROWS * (ROWS + 1) / 2 * 100)

static void a_bit_in_any_page_is_noticed(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    off_t size = size_of(f->path);
    assert_int_equal(GH_OK, read_afresh(f, &sum));
    assert_int_equal(WHOLE_SUM, sum);
    assert_true(size >= 20 * PAGE_BYTES);
    for (off_t at = 0; at < size; at += PAGE_BYTES / 4 + 1) {
        flip(f->path, at, (int)at % 8);
        if (read_afresh(f, &sum) != GH_CORRUPT)
            fail_msg("byte %lld", (long long)at);
        flip(f->path, at, (int)at % 8);
    }
    for (off_t at = 0; at < 100; at++) /* what pages mean */
        for (int bit = 0; bit < 8; bit++) {
            flip(f->path, at, bit);
            if (read_afresh(f, &sum) != GH_CORRUPT)
                fail_msg("byte %lld bit %d", (long long)at, bit);
            flip(f->path, at, bit);
        }
    assert_int_equal(GH_OK, read_afresh(f, &sum));
}

static void a_page_at_a_wrong_place_is_noticed(void **state)
{
    struct files *f = *state;
    unsigned char a[PAGE_BYTES], b[PAGE_BYTES];
    int64_t sum = 0;
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(PAGE_BYTES, pread(fd, a, PAGE_BYTES, 6 * PAGE_BYTES));
    assert_int_equal(PAGE_BYTES, pread(fd, b, PAGE_BYTES, 7 * PAGE_BYTES));
    assert_int_equal(PAGE_BYTES, pwrite(fd, a, PAGE_BYTES, 7 * PAGE_BYTES));
    assert_int_equal(GH_CORRUPT, read_afresh(f, &sum));
    assert_int_equal(PAGE_BYTES, pwrite(fd, b, PAGE_BYTES, 7 * PAGE_BYTES));
    assert_int_equal(GH_OK, read_afresh(f, &sum));
    assert_int_equal(0, close(fd));
}

static void a_file_cut_short_is_noticed(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    for (off_t size = size_of(f->path); size > PAGE_BYTES; size -= PAGE_BYTES / 2 + 100) {
        assert_int_equal(0, truncate(f->path, size - 1));
        assert_int_equal(GH_CORRUPT, read_afresh(f, &sum));
    }
}

/* Here the tests show that they can fail: SQLite itself does not notice. */
static void without_the_check_a_wrong_row_comes(void **state)
{
    struct files *f = *state;
    size_t len = 0;
    char *bytes = folder_read(f->path, &len);
    assert_non_null(bytes);
    char *row = memmem(bytes, len, "00000919", 8);
    assert_non_null(row);
    flip(f->path, row - bytes + 7, 0);
    free(bytes);
    int64_t sum = 0, found = 0;
    assert_int_equal(GH_CORRUPT, read_afresh(f, &sum));
    sqlite3 *db = must_open(f->path, DB_UNCHECKED_READER);
    assert_int_equal(GH_OK,
                     db_pragma(db, "SELECT count(*) FROM t WHERE b LIKE '%00000918'", &found));
    assert_true(found > 0);
    db_close(db);
}

static void a_file_without_sums_is_not_read(void **state)
{
    struct files *f = *state;
    char plain[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    assert_true(folder_file(&f->folder, "plain.db", plain));
    assert_int_equal(SQLITE_OK, sqlite3_open(plain, &db));
    assert_int_equal(SQLITE_OK, sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL));
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
    db = NULL;
    assert_int_equal(GH_CORRUPT, db_open(&db, plain, DB_WRITER, 1000));
}

/* --- the log ---------------------------------------------------------------- */

/* A writer that copies nothing back. */
static sqlite3 *open_keeping_log(const struct files *f)
{
    sqlite3 *db = must_open(f->path, DB_WRITER);
    assert_int_equal(GH_OK, db_exec(db, "PRAGMA wal_autocheckpoint = 0"));
    assert_int_equal(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
    return db;
}

static void change(sqlite3 *db, int from)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "UPDATE t SET b = printf('%%0100d', a) WHERE a >= %d", from);
    assert_int_equal(GH_OK, db_exec(db, sql));
}

static void a_bit_in_the_log_is_noticed(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    sqlite3 *db = open_keeping_log(f), *reader = must_open(f->path, DB_READER);
    change(db, 1);
    assert_int_equal(GH_OK, read_all(reader, &sum));
    assert_int_equal(WHOLE_SUM, sum);
    assert_int_equal(GH_OK, db_exec(reader, "PRAGMA cache_size = 0"));
    off_t size = size_of(f->log);
    int noticed = 0, tries = 0;
    for (off_t at = LOG_HEADER + FRAME_HEADER; at < size; at += FRAME_BYTES, tries++) {
        off_t byte = at + at * 31 % PAGE_BYTES;
        flip(f->log, byte, 3);
        enum gh_err err = read_all(reader, &sum);
        flip(f->log, byte, 3);
        assert_true(err == GH_CORRUPT || (err == GH_OK && sum == WHOLE_SUM));
        noticed += err == GH_CORRUPT;
    }
    assert_true(noticed > tries / 2); /* the others were written again later */
    db_close(reader);
    db_close(db);
}

static void a_damaged_log_is_not_copied_back(void **state)
{
    struct files *f = *state;
    sqlite3 *db = open_keeping_log(f);
    change(db, 1);
    flip(f->log, LOG_HEADER + 5 * (off_t)FRAME_BYTES + 2000, 5);
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    assert_int_equal(GH_CORRUPT, db_err(code));
    db_close(db);
}

/* Pages that a transaction writes to the log more than once are read meanwhile. */
static void a_transaction_larger_than_the_cache_reads_what_it_wrote(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    sqlite3 *db = open_keeping_log(f);
    assert_int_equal(GH_OK, db_exec(db, "PRAGMA cache_size = 10; PRAGMA cache_spill = 1"));
    for (int round = 0; round < 3; round++) {
        assert_int_equal(GH_OK, db_exec(db, "BEGIN IMMEDIATE"));
        for (int i = 0; i < 5; i++) {
            change(db, 1 + i * 50);
            assert_int_equal(GH_OK, db_exec(db, "UPDATE t SET b = printf('%0100d', 1000 - a)"));
            assert_int_equal(GH_OK, read_all(db, &sum));
            assert_int_equal(WHOLE_SUM, sum);
        }
        assert_int_equal(GH_OK, db_exec(db, round == 1 ? "ROLLBACK" : "COMMIT"));
        assert_int_equal(GH_OK, read_all(db, &sum));
        assert_int_equal(GH_OK, read_afresh(f, &sum));
        assert_int_equal(WHOLE_SUM, sum);
        change(db, 390);
        assert_int_equal(GH_OK, read_afresh(f, &sum));
    }
    assert_int_equal(SQLITE_OK,
                     sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
    assert_int_equal(GH_OK, read_all(db, &sum));
    assert_int_equal(WHOLE_SUM, sum);
    db_close(db);
}

/* --- recovery of a log -------------------------------------------------------- */

/* Three transactions in the log, and no shared memory: as a power cut leaves it.
 * Returns where the last one begins. */
static off_t leave_log(const struct files *f)
{
    char shm[FOLDER_PATH_MAX];
    sqlite3 *db = open_keeping_log(f);
    change(db, 380);
    change(db, 390);
    off_t last = size_of(f->log);
    change(db, 395);
    db_close(db);
    assert_true(folder_file(&f->folder, "a.db-shm", shm));
    (void)unlink(shm);
    assert_true(size_of(f->log) > last);
    return last;
}

static void remove_shm(const struct files *f)
{
    char shm[FOLDER_PATH_MAX];
    assert_true(folder_file(&f->folder, "a.db-shm", shm));
    (void)unlink(shm);
}

static void damage_before_the_last_transaction_is_no_power_cut(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    off_t last = leave_log(f);
    for (off_t at = 0; at < last; at += at < LOG_HEADER ? 1 : 97) {
        flip(f->log, at, (int)at % 8);
        remove_shm(f);
        enum gh_err err = read_afresh(f, &sum);
        if (err != GH_CORRUPT)
            fail_msg("byte %lld of %lld: %s", (long long)at, (long long)last, gh_err_name(err));
        flip(f->log, at, (int)at % 8);
    }
    remove_shm(f);
    assert_int_equal(GH_OK, read_afresh(f, &sum));
}

static void a_last_transaction_that_is_not_whole_goes(void **state)
{
    struct files *f = *state;
    int64_t sum = 0, changed = 0;
    off_t last = leave_log(f);
    flip(f->log, last + 100, 1);
    remove_shm(f);
    assert_int_equal(GH_OK, read_afresh(f, &sum));
    assert_int_equal(WHOLE_SUM, sum);
    assert_int_equal(0, truncate(f->log, last + FRAME_BYTES / 2)); /* a power cut */
    remove_shm(f);
    assert_int_equal(GH_OK, read_afresh(f, &sum));
    sqlite3 *db = must_open(f->path, DB_READER);
    assert_int_equal(GH_OK, db_pragma(db,
                                      "SELECT count(*) FROM t WHERE b = printf('%0100d', a) "
                                      "AND a >= 380",
                                      &changed));
    assert_int_equal(21, changed);
    db_close(db);
}

/* A transaction that was dropped after its pages had been written to the log. */
static void what_a_dropped_transaction_left_is_no_damage(void **state)
{
    struct files *f = *state;
    int64_t sum = 0;
    sqlite3 *db = open_keeping_log(f);
    assert_int_equal(GH_OK, db_exec(db, "PRAGMA cache_size = 5; PRAGMA cache_spill = 1"));
    change(db, 390);
    assert_int_equal(GH_OK, db_exec(db, "BEGIN IMMEDIATE"));
    change(db, 1);
    assert_int_equal(GH_OK, db_exec(db, "ROLLBACK"));
    change(db, 395);
    db_close(db);
    remove_shm(f);
    assert_int_equal(GH_OK, read_afresh(f, &sum));
    assert_int_equal(WHOLE_SUM, sum);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_what_files_hold),
        cmocka_unit_test(each_bit_of_a_page_counts),
        cmocka_unit_test(a_page_of_another_place_or_of_zeros_is_not_whole),
        TEST(a_bit_in_any_page_is_noticed),
        TEST(a_page_at_a_wrong_place_is_noticed),
        TEST(a_file_cut_short_is_noticed),
        TEST(without_the_check_a_wrong_row_comes),
        TEST(a_file_without_sums_is_not_read),
        TEST(a_bit_in_the_log_is_noticed),
        TEST(a_damaged_log_is_not_copied_back),
        TEST(a_transaction_larger_than_the_cache_reads_what_it_wrote),
        TEST(damage_before_the_last_transaction_is_no_power_cut),
        TEST(a_last_transaction_that_is_not_whole_goes),
        TEST(what_a_dropped_transaction_left_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
