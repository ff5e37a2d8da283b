/* journal.tail: whatever happens to its bytes, what is read back is what was
 * written, in order, from the beginning, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/record_fixture.h"
#include "adapters/sqlite/tail.h"

#define STREAM_A "0123456789abcdef0123456789abcdef"
#define STREAM_B "ffffffffffffffffffffffffffffffff"
#define BYTES 65536
#define RECORDS 6
#define STORED 1000 /* the database has all */
/* Largest plain events that fit one half of such a tail. */
#define HALF_RECORDS (28672 / (RECORD_HEAD + EVENT_JSON_MAX))

static struct tail *open_tail(const struct folder *folder, const char *stream, uint64_t run)
{
    struct tail *t = NULL;
    char note[256];
    assert_int_equal(GH_OK, tail_open(&t, folder->path, stream, BYTES, run, note, sizeof note));
    return t;
}

/* What a replay gave: how many samples in order from `next`, and nothing else. */
struct seen {
    uint64_t first, next;
    bool keep;
    uint64_t numbers[64];
    size_t n;
};

static bool see_sample(void *context, const struct record *r)
{
    struct seen *seen = context;
    struct record expected = sample(seen->next++);
    assert_true(same(r, &expected));
    return seen->keep;
}

static bool see_any(void *context, const struct record *r)
{
    struct seen *seen = context;
    assert_true(seen->n < 64);
    seen->numbers[seen->n++] = r->number;
    return seen->keep;
}

static uint64_t replay_samples(struct tail *t)
{
    struct seen seen = {.next = 1};
    assert_int_equal(GH_OK, tail_replay(t, STORED, see_sample, &seen));
    return seen.next - 1;
}

static void write_samples(struct tail *t, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct record r = sample(i);
        assert_int_equal(GH_OK, tail_write(t, &r, 0));
    }
}

static void tail_path(const struct folder *folder, char out[FOLDER_PATH_MAX])
{
    assert_true(folder_file(folder, "journal.tail", out));
}

static void put_bytes(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    assert_true(fd >= 0);
    assert_int_equal(len, write(fd, bytes, len));
    assert_int_equal(0, close(fd));
}

static size_t records_end(void)
{
    unsigned char bytes[RECORD_MAX];
    size_t end = TAIL_HEAD;
    for (uint64_t i = 1; i <= RECORDS; i++) {
        struct record r = sample(i);
        end += record_encode(bytes, &r);
    }
    return end;
}

/* How many of the samples lie wholly before the offset. */
static uint64_t whole_before(size_t offset)
{
    unsigned char bytes[RECORD_MAX];
    size_t end = TAIL_HEAD;
    for (uint64_t i = 1; i <= RECORDS; i++) {
        struct record r = sample(i);
        end += record_encode(bytes, &r);
        if (offset < end)
            return i - 1;
    }
    return RECORDS;
}

/* --- the file ----------------------------------------------------------- */

static void what_was_written_is_replayed_in_order(void **state)
{
    struct tail *t = open_tail(*state, STREAM_A, 1);
    assert_int_equal(0, replay_samples(t));
    write_samples(t, 1, RECORDS);
    tail_close(t);
    t = open_tail(*state, STREAM_A, 2);
    assert_int_equal(RECORDS, replay_samples(t));
    assert_int_equal(RECORDS, tail_newest(t));
    write_samples(t, RECORDS + 1, RECORDS + 3);
    tail_close(t);
    t = open_tail(*state, STREAM_A, 3);
    assert_int_equal(RECORDS + 3, replay_samples(t));
    tail_close(t);
}

static void the_file_is_allocated_and_only_for_owner_and_group(void **state)
{
    char path[FOLDER_PATH_MAX];
    struct stat st;
    tail_path(*state, path);
    tail_close(open_tail(*state, STREAM_A, 1));
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0660, st.st_mode & 07777);
    assert_int_equal(BYTES, st.st_size);
    assert_true((off_t)st.st_blocks * 512 >= BYTES);
}

static void a_byte_flipped_at_any_offset_costs_at_most_what_follows(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX];
    size_t len = 0, end = records_end();
    tail_path(folder, path);
    struct tail *t = open_tail(folder, STREAM_A, 1);
    write_samples(t, 1, RECORDS);
    tail_close(t);
    char *bytes = folder_read(path, &len);
    assert_non_null(bytes);
    for (size_t at = TAIL_HEAD; at < end; at++) {
        bytes[at] ^= (char)(1 + at % 255);
        put_bytes(path, bytes, len);
        bytes[at] ^= (char)(1 + at % 255);
        t = open_tail(folder, STREAM_A, 2);
        assert_int_equal(whole_before(at), replay_samples(t));
        tail_close(t);
    }
    free(bytes);
}

static void a_file_cut_at_any_offset_gives_what_lies_before(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX];
    size_t len = 0, end = records_end();
    tail_path(folder, path);
    struct tail *t = open_tail(folder, STREAM_A, 1);
    write_samples(t, 1, RECORDS);
    tail_close(t);
    char *bytes = folder_read(path, &len);
    assert_non_null(bytes);
    for (size_t cut = TAIL_HEAD; cut <= end; cut++) {
        put_bytes(path, bytes, cut);
        t = open_tail(folder, STREAM_A, 2);
        uint64_t n = replay_samples(t);
        assert_int_equal(cut == end ? RECORDS : whole_before(cut), n);
        /* It has its full size again and goes on behind what was left. */
        if (n < RECORDS)
            write_samples(t, n + 1, RECORDS);
        tail_close(t);
        t = open_tail(folder, STREAM_A, 3);
        assert_int_equal(RECORDS, replay_samples(t));
        tail_close(t);
    }
    free(bytes);
}

static void a_damaged_head_sets_the_file_aside(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX], aside[FOLDER_PATH_MAX], note[256];
    size_t len = 0;
    tail_path(folder, path);
    assert_true(folder_file(folder, "journal.tail.damaged", aside));
    struct tail *t = open_tail(folder, STREAM_A, 1);
    write_samples(t, 1, RECORDS);
    tail_close(t);
    char *bytes = folder_read(path, &len);
    assert_non_null(bytes);
    for (size_t at = 0; at < TAIL_HEAD_USED; at++) {
        bytes[at] ^= 1;
        put_bytes(path, bytes, len);
        assert_int_equal(GH_OK,
                         tail_open(&t, folder->path, STREAM_A, BYTES, 2, note, sizeof note));
        assert_int_equal(0, replay_samples(t));
        assert_non_null(strstr(note, "journal.tail.damaged"));
        tail_close(t);
        size_t kept_len = 0;
        char *kept = folder_read(aside, &kept_len);
        assert_int_equal(len, kept_len);
        assert_memory_equal(bytes, kept, len);
        free(kept);
        assert_int_equal(0, unlink(aside));
        bytes[at] ^= 1;
    }
    free(bytes);
}

static void a_newer_format_is_refused_and_left_alone(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX], note[256];
    unsigned char head[TAIL_HEAD_USED];
    tail_path(folder, path);
    tail_close(open_tail(folder, STREAM_A, 1));
    size_t len = 0, after = 0;
    char *bytes = folder_read(path, &len);
    memcpy(head, bytes, sizeof head);
    record_put32(head + 8, 3);
    record_put32(head + 56, record_crc(0, head, 56));
    memcpy(bytes, head, sizeof head);
    put_bytes(path, bytes, len);
    struct tail *t = NULL;
    assert_int_equal(GH_INVALID,
                     tail_open(&t, folder->path, STREAM_A, BYTES, 2, note, sizeof note));
    assert_null(t);
    assert_non_null(strstr(note, "newer version"));
    char *now = folder_read(path, &after);
    assert_int_equal(len, after);
    assert_memory_equal(bytes, now, len);
    free(now);
    free(bytes);
}

static void another_streams_tail_is_kept_beside(void **state)
{
    struct folder *folder = *state;
    char aside[FOLDER_PATH_MAX], note[256];
    for (int i = 0; i < 2; i++) {
        struct tail *t = open_tail(folder, STREAM_A, 1);
        write_samples(t, 1, RECORDS);
        tail_close(t);
        assert_int_equal(GH_OK,
                         tail_open(&t, folder->path, STREAM_B, BYTES, 2, note, sizeof note));
        assert_int_equal(0, replay_samples(t));
        assert_non_null(strstr(note, "journal.tail." STREAM_A));
        tail_close(t);
        assert_true(folder_file(folder, i ? "journal.tail." STREAM_A "-2"
                                          : "journal.tail." STREAM_A, aside));
        assert_int_equal(0, access(aside, F_OK));
        t = NULL;
        char path[FOLDER_PATH_MAX];
        tail_path(folder, path);
        assert_int_equal(0, unlink(path));
    }
}

static void a_tail_belongs_to_one_process_at_a_time(void **state)
{
    struct folder *folder = *state;
    char note[256];
    struct tail *t = open_tail(folder, STREAM_A, 1), *second = NULL;
    assert_int_equal(GH_RETRY,
                     tail_open(&second, folder->path, STREAM_A, BYTES, 2, note, sizeof note));
    assert_null(second);
    assert_non_null(strstr(note, "another process"));
    tail_close(t);
    tail_close(open_tail(folder, STREAM_A, 3));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    char note[256];
    struct tail *t = NULL;
    assert_int_equal(GH_IO, tail_open(&t, "/nonexistent/x", STREAM_A, BYTES, 1, note, sizeof note));
    assert_null(t);
}

/* --- rounds and runs ---------------------------------------------------- */

static void plain(struct tail *t, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct record r = {.number = i, .seq = i, .kind = RECORD_EVENT, .event = slice_of("same")};
        assert_int_equal(GH_OK, tail_write(t, &r, 0));
    }
}

/* The numbers that a new opening reads. */
static struct seen numbers(const struct folder *folder, uint64_t run)
{
    struct seen seen = {.keep = true};
    struct tail *t = open_tail(folder, STREAM_A, run);
    assert_int_equal(GH_OK, tail_replay(t, STORED, see_any, &seen));
    tail_close(t);
    return seen;
}

static void records_of_an_earlier_round_are_not_taken(void **state)
{
    struct tail *t = open_tail(*state, STREAM_A, 1);
    plain(t, 1, 10);
    tail_rewind(t);
    assert_int_equal(0, tail_newest(t));
    plain(t, 11, 12);
    tail_close(t);
    struct seen seen = numbers(*state, 2);
    assert_int_equal(2, seen.n);
    assert_int_equal(11, seen.numbers[0]);
    assert_int_equal(12, seen.numbers[1]);
}

static void a_record_behind_a_torn_one_never_comes_back(void **state)
{
    /* 2 and 3 are whole on the disk, 1 is torn; the next run writes another 1
     * that ends where the old 2 begins. */
    char path[FOLDER_PATH_MAX];
    tail_path(*state, path);
    struct tail *t = open_tail(*state, STREAM_A, 1);
    plain(t, 1, 3);
    tail_close(t);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(1, pwrite(fd, "\xff", 1, TAIL_HEAD + 20));
    assert_int_equal(0, close(fd));
    struct seen none = {0};
    t = open_tail(*state, STREAM_A, 2);
    assert_int_equal(GH_OK, tail_replay(t, STORED, see_any, &none));
    assert_int_equal(0, none.n);
    plain(t, 1, 1);
    tail_close(t);
    struct seen seen = numbers(*state, 3);
    assert_int_equal(1, seen.n);
}

static void a_seq_that_goes_back_ends_the_tail(void **state)
{
    struct tail *t = open_tail(*state, STREAM_A, 1);
    struct record a = {.number = 1, .seq = 9, .kind = RECORD_EVENT, .event = slice_of("a")};
    struct record b = {.number = 2, .seq = 9, .kind = RECORD_EVENT, .event = slice_of("b")};
    assert_int_equal(GH_OK, tail_write(t, &a, 0));
    assert_int_equal(GH_OK, tail_write(t, &b, 0));
    tail_close(t);
    assert_int_equal(1, numbers(*state, 2).n);
}

static void a_record_follows_only_its_own_predecessor(void **state)
{
    (void)state;
    const struct record a = {.number = 5, .run = 77, .seq = 9, .kind = RECORD_EVENT};
    const struct record good = {.number = 6, .run = 88, .before = 77, .seq = 10,
                                .kind = RECORD_EVENT};
    struct record b = good;
    assert_true(tail_follows(&a, &b));
    b.number = 5;
    assert_false(tail_follows(&a, &b));
    b.number = 7;
    assert_false(tail_follows(&a, &b));
    b = good;
    b.before = 88;
    assert_false(tail_follows(&a, &b));
    b = good;
    b.seq = 9;
    assert_false(tail_follows(&a, &b));
    b.kind = RECORD_ANSWERED; /* it has no seq of its own */
    assert_true(tail_follows(&a, &b));
    b.seq = 8;
    assert_false(tail_follows(&a, &b));
    b.kind = RECORD_KEEP;
    assert_false(tail_follows(&a, &b));
    b.seq = 9;
    assert_true(tail_follows(&a, &b));
    b.kind = RECORD_EVENT_KEEP;
    assert_false(tail_follows(&a, &b));
    b.kind = RECORD_EVENT_REPEAT_KEEP;
    assert_false(tail_follows(&a, &b));
}

/* Fills with the largest records until one is refused; returns its number. */
static uint64_t fill(struct tail *t, uint64_t from, uint64_t stored)
{
    char event[EVENT_JSON_MAX];
    memset(event, 'e', sizeof event);
    struct record r = {.kind = RECORD_EVENT, .event = slice_make(event, sizeof event)};
    enum gh_err err = GH_OK;
    for (r.number = r.seq = from; err == GH_OK; r.number++, r.seq++)
        err = tail_write(t, &r, stored);
    assert_int_equal(GH_FULL, err);
    return r.number - 1;
}

static void a_full_tail_refuses_and_stays_as_it_is(void **state)
{
    struct tail *t = open_tail(*state, STREAM_A, 1);
    uint64_t refused = fill(t, 1, 0);
    assert_int_equal(1 + 2 * HALF_RECORDS, refused);
    assert_int_equal(refused - 1, tail_newest(t));
    /* A shorter one still fits, with the same number. */
    plain(t, refused, refused);
    tail_rewind(t);
    plain(t, refused + 1, refused + 2);
    tail_close(t);
    struct seen seen = numbers(*state, 2);
    assert_int_equal(HALF_RECORDS + 2, seen.n); /* one half is an old round */
    assert_int_equal(refused + 1, seen.numbers[HALF_RECORDS]);
    assert_int_equal(refused + 2, seen.numbers[HALF_RECORDS + 1]);
}

static size_t taken(const struct folder *folder, uint64_t stored)
{
    struct seen seen = {.n = 0};
    struct tail *t = open_tail(folder, STREAM_A, 5);
    assert_int_equal(GH_OK, tail_replay(t, stored, see_any, &seen));
    tail_close(t);
    return seen.n;
}

/* The power failed with the end of the first half unwritten. */
static void what_lies_behind_a_hole_is_taken_only_if_the_hole_is_stored(void **state)
{
    static const char zeros[TAIL_HEAD];
    char path[FOLDER_PATH_MAX];
    struct tail *t = open_tail(*state, STREAM_A, 1);
    fill(t, 1, 0);
    tail_close(t);
    assert_int_equal(2 * HALF_RECORDS, taken(*state, 0));
    tail_path(*state, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(sizeof zeros, pwrite(fd, zeros, sizeof zeros, TAIL_HEAD + 28672 - (off_t)sizeof zeros));
    assert_int_equal(0, close(fd));
    size_t left = taken(*state, 0);
    assert_in_range(left, 1, HALF_RECORDS - 1);
    assert_int_equal(left, taken(*state, HALF_RECORDS - 1));
    assert_int_equal(left + HALF_RECORDS, taken(*state, HALF_RECORDS));
}

static void a_half_is_written_again_once_all_of_it_is_stored(void **state)
{
    struct tail *t = open_tail(*state, STREAM_A, 1);
    uint64_t n = fill(t, 1, 0);
    assert_int_equal(n, fill(t, n, HALF_RECORDS - 1)); /* one is missing */
    assert_int_equal(n + HALF_RECORDS, fill(t, n, HALF_RECORDS));
    tail_close(t);
    struct seen seen = numbers(*state, 2);
    assert_int_equal(2 * HALF_RECORDS, seen.n);
    for (size_t i = 0; i < seen.n; i++)
        assert_int_equal(HALF_RECORDS + 1 + i, seen.numbers[i]);
    /* And it goes on where it was. */
    seen = (struct seen){0};
    t = open_tail(*state, STREAM_A, 3);
    assert_int_equal(GH_OK, tail_replay(t, STORED, see_any, &seen));
    n = tail_newest(t) + 1;
    assert_int_equal(n, fill(t, n, 0));
    assert_int_equal(n + HALF_RECORDS, fill(t, n, 2 * HALF_RECORDS));
    tail_close(t);
    seen = numbers(*state, 4);
    assert_int_equal(2 * HALF_RECORDS, seen.n);
    assert_int_equal(2 * HALF_RECORDS + 1, seen.numbers[0]);
}

static void a_tail_gets_another_size_only_as_a_whole(void **state)
{
    struct folder *folder = *state;
    char path[FOLDER_PATH_MAX];
    struct stat st;
    tail_path(folder, path);
    struct tail *t = open_tail(folder, STREAM_A, 1);
    plain(t, 1, 3);
    assert_true(tail_has_size(t, BYTES));
    assert_false(tail_has_size(t, 4 * BYTES));
    assert_int_equal(GH_OK, tail_resize(t, folder->path, STREAM_A, 4 * BYTES));
    assert_true(tail_has_size(t, 4 * BYTES));
    assert_int_equal(0, tail_newest(t));
    plain(t, 4, 5);
    tail_close(t);
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(4 * BYTES, st.st_size);
    struct seen seen = numbers(folder, 2);
    assert_int_equal(2, seen.n);
    assert_int_equal(4, seen.numbers[0]);
}

int main(void)
{
#define TAIL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TAIL_TEST(what_was_written_is_replayed_in_order),
        TAIL_TEST(the_file_is_allocated_and_only_for_owner_and_group),
        TAIL_TEST(a_byte_flipped_at_any_offset_costs_at_most_what_follows),
        TAIL_TEST(a_file_cut_at_any_offset_gives_what_lies_before),
        TAIL_TEST(a_damaged_head_sets_the_file_aside),
        TAIL_TEST(a_newer_format_is_refused_and_left_alone),
        TAIL_TEST(another_streams_tail_is_kept_beside),
        TAIL_TEST(a_tail_belongs_to_one_process_at_a_time),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        TAIL_TEST(records_of_an_earlier_round_are_not_taken),
        TAIL_TEST(a_record_behind_a_torn_one_never_comes_back),
        TAIL_TEST(a_seq_that_goes_back_ends_the_tail),
        cmocka_unit_test(a_record_follows_only_its_own_predecessor),
        TAIL_TEST(a_full_tail_refuses_and_stays_as_it_is),
        TAIL_TEST(what_lies_behind_a_hole_is_taken_only_if_the_hole_is_stored),
        TAIL_TEST(a_half_is_written_again_once_all_of_it_is_stored),
        TAIL_TEST(a_tail_gets_another_size_only_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
