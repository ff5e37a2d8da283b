/* Records of journal.tail as bytes: what is not whole is no record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/record_fixture.h"

static void every_kind_of_record_comes_back_as_it_was(void **state)
{
    (void)state;
    unsigned char bytes[RECORD_MAX];
    for (uint64_t i = 1; i <= 12; i++) {
        struct record in = sample(i), out;
        size_t used = 0, len = record_encode(bytes, &in);
        assert_int_equal(GH_OK, record_decode(&out, &used, slice_make(bytes, sizeof bytes)));
        assert_int_equal(len, used);
        assert_true(same(&in, &out));
    }
}

static void the_largest_record_fits_its_bound(void **state)
{
    (void)state;
    char event[EVENT_JSON_MAX], name[ID_MAX + 1];
    unsigned char bytes[RECORD_MAX];
    memset(event, 'e', sizeof event);
    memset(name, 'n', ID_MAX);
    name[ID_MAX] = '\0';
    struct changes changes = {0};
    struct record in = sample(5), out;
    while (CHANGES_MAX - changes.len >= 2 * (ID_MAX + 2))
        assert_int_equal(GH_OK, changes_add(&changes, slice_make(name, ID_MAX), slice_of("")));
    assert_int_equal(GH_OK, changes_add(&changes, slice_make(name, ID_MAX),
                                        slice_make(event, CHANGES_MAX - changes.len - ID_MAX - 2)));
    in.changes = changes_slice(&changes);
    in.event = slice_make(event, sizeof event);
    in.repeat.reader = in.repeat.read_id = in.repeat.door = make_id(name);
    memset(in.repeat.decision, 'd', RECORD_WORD_MAX);
    memset(in.repeat.reason, 'r', RECORD_WORD_MAX);
    size_t used = 0, len = record_encode(bytes, &in);
    assert_int_equal(RECORD_MAX, len);
    assert_int_equal(GH_OK, record_decode(&out, &used, slice_make(bytes, len)));
    assert_true(same(&in, &out));
}

static void a_record_with_any_bit_flipped_or_cut_anywhere_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[RECORD_MAX];
    for (uint64_t i = 1; i <= 6; i++) {
        struct record in = sample(i), out;
        size_t used = 0, len = record_encode(bytes, &in);
        for (size_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_int_equal(GH_CORRUPT, record_decode(&out, &used, slice_make(bytes, len)));
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(GH_CORRUPT, record_decode(&out, &used, slice_make(bytes, cut)));
    }
}

/* A record whose CRC is right although its content is not. */
static enum gh_err decode_resealed(unsigned char *bytes, size_t len)
{
    struct record out;
    size_t used = 0;
    uint32_t crc = record_crc(record_crc(0, bytes, 4), bytes + 8, len - 8);
    record_put32(bytes + 4, crc);
    return record_decode(&out, &used, slice_make(bytes, len));
}

static void a_record_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    unsigned char good[RECORD_MAX], bytes[RECORD_MAX];
    struct record r = sample(1);
    size_t len = record_encode(good, &r);
    static const struct {
        size_t at;
        uint32_t value;
    } bad[] = {
        {40, 0},  {40, 1}, {40, 2},          {40, 4},         {40, 7},
        {44, 0},  {44, 1}, {44, UINT32_MAX}, {44, 1u << 31u}, {44, EVENT_JSON_MAX + 1},
        {36, 1u << 31u}, {12, 1u << 31u}, {40, 3 + 4}, {40, 8 + 4}, {40, 8 + 2}, {40, 11}, {40, 9},
    };
    memcpy(bytes, good, len);
    assert_int_equal(GH_OK, decode_resealed(bytes, len));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(bytes, good, len);
        record_put32(bytes + bad[i].at, bad[i].value);
        assert_int_equal(GH_CORRUPT, decode_resealed(bytes, len));
    }
    /* A text that says it is longer than the record. */
    memcpy(bytes, good, len);
    bytes[RECORD_HEAD + r.event.len + 25] = 255;
    assert_int_equal(GH_CORRUPT, decode_resealed(bytes, len));
    /* A reader's id with a character that no id has. */
    memcpy(bytes, good, len);
    bytes[RECORD_HEAD + r.event.len + 26] = ' ';
    assert_int_equal(GH_CORRUPT, decode_resealed(bytes, len));
}

/* Seals a record of that kind whose changes are these bytes, said to be `said`
 * long, and decodes it. */
static enum gh_err decode_changes(enum record_kind kind, uint32_t said, const char *list,
                                  size_t len)
{
    unsigned char bytes[RECORD_MAX + 600] = {0};
    record_put32(bytes + 8, 1);
    record_put32(bytes + 32, 1);
    record_put32(bytes + 40, kind);
    unsigned char *at = bytes + RECORD_HEAD;
    if (kind == RECORD_EVENT_KEEP) {
        record_put32(bytes + 44, 1);
        *at++ = 'x';
    }
    record_put32(at, said);
    memcpy(at + 4, list, len);
    size_t whole = (size_t)(at - bytes) + 4 + len;
    record_put32(bytes, (uint32_t)whole);
    return decode_resealed(bytes, whole);
}

static void changes_that_are_no_list_make_no_record(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t len;
    } bad[] = {
        {"", 0},           {"\0\0", 2},     {"\0\1v", 3}, {"\1", 1},     {"\1k", 2},
        {"\1k\1", 3},      {"\2k\0", 3},    {"\1k\0\1", 4}, {"\1k\0\0", 4}, {"\311k\0", 3},
        {"\1k\376vvv", 6}, {"\1k\377v", 4},
    };
    static const char good[] = "\1k\1v";
    static const enum record_kind kinds[2] = {RECORD_KEEP, RECORD_EVENT_KEEP};
    static char large[CHANGES_MAX + 4];
    for (size_t i = 0; i < sizeof large / 4; i++)
        memcpy(large + 4 * i, good, 4);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(GH_OK, decode_changes(kinds[k], 4, good, 4));
        assert_int_equal(GH_OK, decode_changes(kinds[k], CHANGES_MAX, large, CHANGES_MAX));
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            assert_int_equal(GH_CORRUPT, decode_changes(kinds[k], (uint32_t)bad[i].len,
                                                        bad[i].list, bad[i].len));
        static const uint32_t said[] = {0, 3, 5, 1u << 31u, UINT32_MAX};
        for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
            assert_int_equal(GH_CORRUPT, decode_changes(kinds[k], said[i], good, 4));
        assert_int_equal(GH_CORRUPT,
                         decode_changes(kinds[k], CHANGES_MAX + 4, large, CHANGES_MAX + 4));
    }
    /* An event in a record that has none. */
    unsigned char bytes[RECORD_MAX];
    struct record r = sample(4);
    size_t len = record_encode(bytes, &r);
    record_put32(bytes + 40, RECORD_KEEP);
    assert_int_equal(GH_CORRUPT, decode_resealed(bytes, len));
}

static uint32_t crc_bit_by_bit(const unsigned char *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void the_crc_is_castagnolis_however_it_is_cut(void **state)
{
    (void)state;
    unsigned char bytes[100];
    assert_int_equal(record_crc(0, (const unsigned char *)"123456789", 9), 0xe3069283);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 151 + 7);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint32_t want = crc_bit_by_bit(bytes, len);
        for (size_t cut = 0; cut <= len; cut++)
            assert_int_equal(record_crc(record_crc(0, bytes, cut), bytes + cut, len - cut), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_is_castagnolis_however_it_is_cut),
        cmocka_unit_test(every_kind_of_record_comes_back_as_it_was),
        cmocka_unit_test(the_largest_record_fits_its_bound),
        cmocka_unit_test(a_record_with_any_bit_flipped_or_cut_anywhere_is_refused),
        cmocka_unit_test(a_record_that_contradicts_itself_is_refused),
        cmocka_unit_test(changes_that_are_no_list_make_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
