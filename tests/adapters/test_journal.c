/* The journal on real files: order, the cap, acknowledgements, reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/tail.h"
#include "lib/by_hand.h"
#include "lib/journal_check.h"

#define BOOT 0xf00dfeedf00dfeedu

static struct journal_db *open_capped(const struct folder *folder, uint64_t max)
{
    struct journal_db *db = journal_check_open(folder->path, max, BOOT);
    assert_non_null(db);
    return db;
}

static struct journal_db *open_journal(const struct folder *folder)
{
    return open_capped(folder, 1000000);
}

static void append_n(struct journal_db *db, int n, unsigned spread)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(GH_OK, journal_check_append(db, spread, NULL));
}

static struct journal_counts counts(struct journal_db *db)
{
    struct journal_counts c;
    journal_db_counts(db, &c);
    return c;
}

static enum gh_err try_open(struct journal_db **out, const struct folder *folder, char why[256])
{
    struct journal_db_options options = {folder->path, 1000, JOURNAL_CHECK_TAIL, BOOT, {NULL, NULL}};
    return journal_db_open(out, &options, why, 256);
}

/* One statement on the closed database, by a connection of the test. */
static void sql(const struct folder *folder, const char *statement)
{
    char path[FOLDER_PATH_MAX];
    sqlite3 *db = NULL;
    assert_true(folder_file(folder, "journal.db", path));
    db = by_hand_open(path);
    assert_non_null(db);
    assert_int_equal(SQLITE_OK, sqlite3_exec(db, statement, NULL, NULL, NULL));
    assert_int_equal(SQLITE_OK, sqlite3_close(db));
}

/* --- plain -------------------------------------------------------------- */

static void a_new_journal_is_empty_and_has_a_stream_of_its_own(void **state)
{
    char path[FOLDER_PATH_MAX];
    struct stat st;
    struct journal_db *db = open_journal(*state);
    struct journal_counts c = counts(db);
    assert_int_equal(JOURNAL_STREAM_HEX, strlen(c.stream));
    assert_int_equal(1, c.next_seq);
    assert_int_equal(1, c.first_seq);
    assert_int_equal(0, c.durable_seq);
    assert_int_equal(0, c.acked_seq);
    assert_int_equal(0, c.lost_total);
    assert_int_equal(0, journal_db_last_event(db).len);
    journal_db_close(db);
    assert_true(folder_file(*state, "journal.db", path));
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0660, st.st_mode & 07777);

    struct folder other = {0};
    assert_true(folder_make(&other));
    db = open_journal(&other);
    assert_string_not_equal(c.stream, counts(db).stream);
    journal_db_close(db);
    folder_remove(&other);
}

static void events_come_back_in_order_after_a_close(void **state)
{
    struct folder *folder = *state;
    char bytes[EVENT_JSON_MAX];
    struct journal_db *db = open_journal(folder);
    char stream[JOURNAL_STREAM_HEX + 1];
    memcpy(stream, counts(db).stream, sizeof stream);
    append_n(db, 500, 300);
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 500, 300, 0, 0));
    db = open_journal(folder);
    struct journal_counts c = counts(db);
    assert_string_equal(stream, c.stream);
    assert_int_equal(501, c.next_seq);
    assert_int_equal(500, c.durable_seq);
    assert_true(slice_equal(journal_db_last_event(db), journal_check_event(bytes, 500, 300)));
    append_n(db, 10, 300);
    assert_true(journal_check_stored(db, 510));
    assert_true(journal_check_holds(folder->path, 1, 510, 300, 0, 0));
    journal_db_close(db);
}

static void an_append_with_another_number_or_size_changes_nothing(void **state)
{
    char bytes[EVENT_JSON_MAX + 1];
    struct journal_db *db = open_journal(*state);
    struct journal port = journal_db_port(db);
    append_n(db, 1, 0);
    struct slice event = slice_of("{}"), none = slice_of("");
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 1, event, NULL, none));
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 3, event, NULL, none));
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 0, event, NULL, none));
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 2, slice_of(""), NULL, none));
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(GH_INVALID,
                     port.ops->append(port.self, 2, slice_make(bytes, sizeof bytes), NULL,
                                      none));
    assert_int_equal(2, port.ops->next_seq(port.self));
    append_n(db, 1, 0);
    journal_db_close(db);
    assert_true(journal_check_holds(((struct folder *)*state)->path, 1, 2, 0, 0, 0));
}

static void a_second_process_is_refused(void **state)
{
    char why[256];
    struct journal_db *db = open_journal(*state), *second = NULL;
    assert_int_equal(GH_IO, try_open(&second, *state, why));
    assert_null(second);
    assert_non_null(strstr(why, "another process"));
    append_n(db, 1, 0);
    journal_db_close(db);
}

static void a_file_that_is_not_a_journal_is_refused_and_left_alone(void **state)
{
    struct folder *folder = *state;
    static const char *const foreign[] = {
        "this is a text and not a database, and it is longer than the head of one would be",
        "SQLite format 3",
    };
    struct journal_db *db = NULL;
    char why[256], path[FOLDER_PATH_MAX];
    assert_true(folder_file(folder, "journal.db", path));
    for (size_t i = 0; i < 2; i++) {
        assert_true(folder_write(folder, "journal.db", foreign[i], 0660));
        assert_int_equal(GH_CORRUPT, try_open(&db, folder, why));
        assert_non_null(strstr(why, "journal.db"));
        char *bytes = folder_read(path, NULL);
        assert_string_equal(foreign[i], bytes);
        free(bytes);
    }
    assert_int_equal(0, unlink(path));
    sql(folder, "CREATE TABLE mine (a)");
    assert_int_equal(GH_CORRUPT, try_open(&db, folder, why));
    assert_int_equal(0, unlink(path));
    journal_db_close(open_journal(folder));
    sql(folder, "PRAGMA user_version = 4");
    assert_int_equal(GH_CORRUPT, try_open(&db, folder, why));
    sql(folder, "PRAGMA user_version = 2"); /* it has sums all the same */
    assert_int_equal(GH_CORRUPT, try_open(&db, folder, why));
    sql(folder, "PRAGMA user_version = 3; DROP TABLE event");
    assert_int_equal(GH_CORRUPT, try_open(&db, folder, why));
    assert_null(db);
}

static void a_lost_database_starts_a_new_stream_and_keeps_the_old_tail(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX], name[80];
    struct journal_trouble trouble;
    struct journal_db *db = open_journal(folder);
    struct journal_counts before = counts(db);
    append_n(db, 5, 0);
    journal_db_close(db);
    assert_true(folder_file(folder, "journal.db", path));
    assert_int_equal(0, unlink(path));
    db = open_journal(folder);
    assert_string_not_equal(before.stream, counts(db).stream);
    assert_int_equal(1, counts(db).next_seq);
    assert_int_equal(0, journal_db_last_event(db).len);
    assert_true(journal_check_trouble(db, &trouble));
    assert_non_null(strstr(trouble.fault, before.stream));
    append_n(db, 2, 0);
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 2, 0, 0, 0));
    (void)snprintf(name, sizeof name, "journal.tail.%s", before.stream);
    assert_true(folder_file(folder, name, path));
    assert_int_equal(0, access(path, F_OK));
}

/* --- cap and acknowledgements ------------------------------------------- */

/* Appends n events in steps, each durable, and takes every loss on the way,
 * telling it by nothing but the events that follow. */
static uint64_t append_and_collect(struct journal_db *db, int n, uint64_t *from, uint64_t *to)
{
    struct journal_trouble t;
    uint64_t lost = 0;
    for (int i = 0; i < n; i++) {
        assert_int_equal(GH_OK, journal_check_append(db, 0, NULL));
        assert_true(journal_check_stored(db, counts(db).next_seq - 1));
        if (!journal_db_trouble(db, &t))
            continue;
        assert_true(t.has_range);
        assert_string_equal("", t.fault);
        if (lost == 0)
            *from = t.from;
        else
            assert_int_equal(*to + 1, t.from);
        *to = t.to;
        lost += t.to - t.from + 1;
    }
    return lost;
}

static void the_cap_takes_the_oldest_and_reports_each_loss_exactly(void **state)
{
    struct folder *folder = *state;
    struct journal_db *db = open_capped(folder, 1000);
    uint64_t from = 0, to = 0;
    append_n(db, 1000, 0);
    assert_true(journal_check_stored(db, 1000));
    assert_int_equal(1, counts(db).first_seq);
    assert_int_equal(0, counts(db).lost_total);
    uint64_t lost = append_and_collect(db, 350, &from, &to);
    struct journal_counts c = counts(db);
    assert_int_equal(1, from);
    assert_int_equal(c.first_seq - 1, to);
    assert_int_equal(c.lost_total, lost);
    assert_int_equal(to, lost);
    assert_true(1350 - c.first_seq + 1 <= 1000);
    assert_true(1350 - c.first_seq + 1 >= 899);
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, c.first_seq, 1350, 0, 0, 0));
    db = open_capped(folder, 1000);
    assert_int_equal(c.lost_total, counts(db).lost_total);
    assert_int_equal(c.first_seq, counts(db).first_seq);
    journal_db_close(db);
}

static void acknowledged_events_are_no_loss(void **state)
{
    struct folder *folder = *state;
    struct journal_db *db = open_capped(folder, 1000);
    struct journal_trouble t;
    uint64_t from = 0, to = 0;
    append_n(db, 1000, 0);
    assert_true(journal_check_stored(db, 1000));
    assert_int_equal(GH_OK, journal_db_ack(db, slice_of(counts(db).stream), 50));
    uint64_t lost = append_and_collect(db, 100, &from, &to);
    assert_int_equal(51, from);
    assert_int_equal(counts(db).first_seq - 1, to);
    assert_int_equal(to - 50, lost);
    assert_int_equal(GH_OK, journal_db_ack(db, slice_of(counts(db).stream), 1100));
    for (int i = 0; i < 500; i++)
        append_n(db, 1, 0);
    assert_true(journal_check_stored(db, 1600));
    assert_false(journal_db_trouble(db, &t));
    assert_int_equal(to - 50, counts(db).lost_total);
    journal_db_close(db);
}

static void a_loss_is_reported_again_if_nobody_recorded_it(void **state)
{
    struct folder *folder = *state;
    struct journal_trouble first, again;
    struct journal_db *db = open_capped(folder, 1000);
    append_n(db, 1050, 0);
    assert_true(journal_check_trouble(db, &first));
    assert_true(first.has_range);
    journal_db_close(db); /* taken, but no event appended since */
    db = open_capped(folder, 1000);
    assert_true(journal_check_trouble(db, &again));
    assert_int_equal(first.from, again.from);
    assert_int_equal(first.to, again.to);
    assert_false(journal_db_trouble(db, &again));
    append_n(db, 1, 0); /* this one tells it */
    assert_true(journal_check_stored(db, counts(db).next_seq - 1));
    journal_db_close(db);
    db = open_capped(folder, 1000);
    assert_false(journal_db_trouble(db, &again));
    journal_db_close(db);
}

static void a_number_that_the_tail_leaves_out_is_a_loss(void **state)
{
    struct folder *folder = *state;
    struct journal_trouble t;
    char note[256], bytes[EVENT_JSON_MAX];
    struct tail *tail = NULL;
    struct journal_db *db = open_journal(folder);
    struct journal_counts c = counts(db);
    append_n(db, 3, 0);
    journal_db_close(db);
    /* What a process leaves that lost 4 to 6 and was killed before it could
     * record that. */
    assert_int_equal(GH_OK, tail_open(&tail, folder->path, c.stream, JOURNAL_CHECK_TAIL, 9, note,
                                      sizeof note));
    for (uint64_t seq = 7; seq <= 8; seq++) {
        struct record r = {.number = seq, .seq = seq, .kind = RECORD_EVENT};
        r.event = journal_check_event(bytes, seq, 0);
        assert_int_equal(GH_OK, tail_write(tail, &r, 0));
    }
    tail_close(tail);
    db = open_journal(folder);
    assert_int_equal(9, counts(db).next_seq);
    assert_int_equal(3, counts(db).lost_total);
    assert_true(journal_check_trouble(db, &t));
    assert_true(t.has_range);
    assert_int_equal(4, t.from);
    assert_int_equal(6, t.to);
    append_n(db, 1, 0);
    journal_db_close(db);
    assert_true(journal_check_holds(folder->path, 1, 9, 0, 4, 6));
    db = open_journal(folder);
    assert_int_equal(3, counts(db).lost_total);
    journal_db_close(db);
}

static void an_ack_is_remembered_and_never_goes_back(void **state)
{
    struct journal_db *db = open_journal(*state);
    char stream[JOURNAL_STREAM_HEX + 1];
    memcpy(stream, counts(db).stream, sizeof stream);
    append_n(db, 20, 0);
    assert_true(journal_check_stored(db, 20));
    assert_int_equal(GH_INVALID, journal_db_ack(db, slice_of(stream), 21));
    assert_int_equal(GH_INVALID, journal_db_ack(db, slice_of("0123"), 5));
    assert_int_equal(GH_INVALID, journal_db_ack(db, slice_of(""), 5));
    assert_int_equal(0, counts(db).acked_seq);
    assert_int_equal(GH_OK, journal_db_ack(db, slice_of(stream), 15));
    assert_int_equal(GH_OK, journal_db_ack(db, slice_of(stream), 3));
    assert_int_equal(15, counts(db).acked_seq);
    journal_db_close(db);
    db = open_journal(*state);
    assert_int_equal(15, counts(db).acked_seq);
    journal_db_close(db);
}

/* --- reading ------------------------------------------------------------ */

struct page {
    uint64_t first, last;
    int n, stop_at;
};

static bool note_page(void *context, uint64_t seq, struct slice event)
{
    struct page *page = context;
    (void)event;
    if (page->n++ == 0)
        page->first = seq;
    page->last = seq;
    return page->n != page->stop_at;
}

static void a_reader_keeps_to_its_bounds(void **state)
{
    struct folder *folder = *state;
    struct journal_reader *reader = NULL;
    assert_int_not_equal(GH_OK, journal_reader_open(&reader, folder->path));
    assert_null(reader);
    struct journal_db *db = open_journal(folder);
    append_n(db, 100, 0);
    assert_true(journal_check_stored(db, 100));
    assert_int_equal(GH_OK, journal_reader_open(&reader, folder->path));
    char bytes[EVENT_JSON_MAX];
    size_t one = journal_check_event(bytes, 1, 0).len;
    static const struct {
        uint64_t after, limit;
        size_t events; /* that max_bytes has room for */
        int stop_at, n;
    } cases[] = {
        {0, 1000, 1000, 0, 100}, {0, 10, 1000, 0, 10}, {0, 10, 3, 0, 3},   {90, 50, 50, 0, 10},
        {100, 10, 10, 0, 0},     {0, 10, 0, 0, 1},     {0, 10, 10, 4, 4}, {UINT64_MAX, 1, 1, 0, 0},
        {0, 0, 10, 0, 0},        {0, UINT64_MAX, 1000, 0, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page page = {.stop_at = cases[i].stop_at};
        assert_int_equal(GH_OK,
                         journal_reader_each(reader, cases[i].after, cases[i].limit,
                                             cases[i].events * one, note_page, &page));
        assert_int_equal(cases[i].n, page.n);
        if (page.n > 0)
            assert_int_equal(cases[i].after + 1, page.first);
    }
    journal_reader_close(reader);
    journal_db_close(db);
}

struct reading {
    const char *folder;
    _Atomic bool stop;
    bool ok;
    uint64_t last;
};

static bool note_next(void *context, uint64_t seq, struct slice event)
{
    struct reading *reading = context;
    char bytes[EVENT_JSON_MAX];
    reading->ok = reading->ok && seq == reading->last + 1 &&
                  slice_equal(event, journal_check_event(bytes, seq, 200));
    reading->last = seq;
    return true;
}

static void *read_along(void *context)
{
    struct reading *reading = context;
    struct journal_reader *reader = NULL;
    if (journal_reader_open(&reader, reading->folder) != GH_OK) {
        reading->ok = false;
        return NULL;
    }
    for (bool last = false; reading->ok && !last;) {
        last = atomic_load(&reading->stop);
        if (journal_reader_each(reader, reading->last, 50, 100000, note_next, reading) != GH_OK)
            reading->ok = false;
    }
    while (reading->ok && reading->last < 3000)
        if (journal_reader_each(reader, reading->last, 50, 100000, note_next, reading) != GH_OK)
            reading->ok = false;
    journal_reader_close(reader);
    return NULL;
}

static void a_reader_in_another_thread_sees_each_event_once(void **state)
{
    struct folder *folder = *state;
    struct reading reading = {.folder = folder->path, .ok = true};
    pthread_t thread;
    struct journal_db *db = open_journal(folder);
    assert_int_equal(0, pthread_create(&thread, NULL, read_along, &reading));
    for (int i = 0; i < 3000; i++) {
        append_n(db, 1, 200);
        if (i % 100 == 0)
            assert_true(journal_check_stored(db, (uint64_t)i + 1));
        if (i == 1500)
            assert_int_equal(GH_OK, journal_db_ack(db, slice_of(counts(db).stream), 1000));
    }
    assert_true(journal_check_stored(db, 3000));
    atomic_store(&reading.stop, true);
    assert_int_equal(0, pthread_join(thread, NULL));
    assert_true(reading.ok);
    assert_int_equal(3000, reading.last);
    journal_db_close(db);
}

int main(void)
{
#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(a_new_journal_is_empty_and_has_a_stream_of_its_own),
        JOURNAL_TEST(events_come_back_in_order_after_a_close),
        JOURNAL_TEST(an_append_with_another_number_or_size_changes_nothing),
        JOURNAL_TEST(a_second_process_is_refused),
        JOURNAL_TEST(a_file_that_is_not_a_journal_is_refused_and_left_alone),
        JOURNAL_TEST(a_lost_database_starts_a_new_stream_and_keeps_the_old_tail),
        JOURNAL_TEST(the_cap_takes_the_oldest_and_reports_each_loss_exactly),
        JOURNAL_TEST(acknowledged_events_are_no_loss),
        JOURNAL_TEST(a_loss_is_reported_again_if_nobody_recorded_it),
        JOURNAL_TEST(a_number_that_the_tail_leaves_out_is_a_loss),
        JOURNAL_TEST(an_ack_is_remembered_and_never_goes_back),
        JOURNAL_TEST(a_reader_keeps_to_its_bounds),
        JOURNAL_TEST(a_reader_in_another_thread_sees_each_event_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
