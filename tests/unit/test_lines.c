/* Cutting a stream into lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "app/lines.h"

#define ROOM 8

struct heard {
    char text[256]; /* lines, each closed by "|" */
    size_t len;
    int stop_after; /* lines; 0 = never */
    int count;
};

static bool hear(void *context, struct slice line)
{
    struct heard *h = context;
    assert_true(h->len + line.len + 2 < sizeof h->text);
    memcpy(h->text + h->len, line.ptr, line.len);
    h->len += line.len;
    h->text[h->len++] = '|';
    h->text[h->len] = '\0';
    h->count++;
    return h->count != h->stop_after;
}

/* Feeds text in pieces of this size, then ends. */
static enum gh_err run(struct heard *h, const char *text, size_t piece)
{
    char room[ROOM];
    struct lines l = {.buffer = room, .size = ROOM};
    size_t len = strlen(text);
    *h = (struct heard){.stop_after = h->stop_after};
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        enum gh_err err = lines_feed(&l, slice_make(text + at, n), hear, h);
        if (err)
            return err;
    }
    return lines_end(&l, hear, h);
}

static void lines_come_out_whole_however_the_pieces_fall(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\nthree\n\n\nfour";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct heard h = {0};
        assert_int_equal(run(&h, text, piece), GH_OK);
        assert_string_equal(h.text, "one|two|three|four|");
    }
}

static void a_line_of_the_full_size_fits_and_one_more_byte_does_not(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 20; piece++) {
        struct heard h = {0};
        assert_int_equal(run(&h, "12345678\n12345678\n", piece), GH_OK);
        assert_string_equal(h.text, "12345678|12345678|");
        assert_int_equal(run(&h, "1\n123456789\n", piece), GH_FULL);
        assert_string_equal(h.text, "1|");
    }
}

static void a_line_without_an_end_is_full_and_never_grows(void **state)
{
    (void)state;
    char room[ROOM + 1] = "";
    room[ROOM] = '!';
    struct lines l = {.buffer = room, .size = ROOM};
    struct heard h = {0};
    assert_int_equal(lines_feed(&l, slice_of("12345678"), hear, &h), GH_OK);
    assert_int_equal(lines_feed(&l, slice_of("9"), hear, &h), GH_FULL);
    assert_int_equal(h.count, 0);
    assert_int_equal(room[ROOM], '!');
}

static void nothing_and_empty_lines_give_no_line(void **state)
{
    (void)state;
    struct heard h = {0};
    assert_int_equal(run(&h, "", 1), GH_OK);
    assert_int_equal(run(&h, "\n\n\n", 1), GH_OK);
    assert_int_equal(h.count, 0);
}

static void who_has_heard_enough_hears_no_more(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 20; piece++) {
        struct heard h = {.stop_after = 2};
        assert_int_equal(run(&h, "a\nb\nc\nd\n", piece), GH_RETRY);
        assert_string_equal(h.text, "a|b|");
    }
}

static void zero_bytes_and_carriage_returns_belong_to_the_line(void **state)
{
    (void)state;
    char room[ROOM];
    struct lines l = {.buffer = room, .size = ROOM};
    struct heard h = {0};
    assert_int_equal(lines_feed(&l, slice_make("a\0b\r\n", 5), hear, &h), GH_OK);
    assert_int_equal(h.len, 5);
    assert_memory_equal(h.text, "a\0b\r|", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_whole_however_the_pieces_fall),
        cmocka_unit_test(a_line_of_the_full_size_fits_and_one_more_byte_does_not),
        cmocka_unit_test(a_line_without_an_end_is_full_and_never_grows),
        cmocka_unit_test(nothing_and_empty_lines_give_no_line),
        cmocka_unit_test(who_has_heard_enough_hears_no_more),
        cmocka_unit_test(zero_bytes_and_carriage_returns_belong_to_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
