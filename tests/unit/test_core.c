/* The small rooms of the core: ids, instants, values, local time, schedules,
 * the door, freshness, INI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/ini.h"
#include "core/read.h"
#include "core/schedule.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void an_id_is_1_to_64_plain_characters(void **state)
{
    (void)state;
    char long_id[66];
    memset(long_id, 'a', sizeof long_id);
    assert_true(id_is_valid(slice_make(long_id, 64)));
    assert_false(id_is_valid(slice_make(long_id, 65)));
    assert_true(id_is_valid(slice_of("Az09._:-")));
    static const char *const bad[] = {"", "a b", "a/b", "a#", "+", "\xc3\xa4", "a\n", "a\""};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(id_is_valid(slice_of(bad[i])));
    assert_false(id_is_valid(slice_make("a\0b", 3)));
}

static void instants_are_parsed_with_their_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t instant;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T12:00:00Z", 1709208000},
        {"2025-01-28T10:00:00+08:00", 1738029600},
        {"2025-01-27T20:30:00-05:30", 1738029600},
        {"2000-03-01T00:00:00z", 951868800},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t t = -1;
        assert_int_equal(instant_parse(&t, slice_of(good[i].text)), GH_OK);
        assert_int_equal(t, good[i].instant);
    }
}

static void what_is_no_instant_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "2025", "2025-01-01", "2025-01-01T00:00:00", "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z", "2025-02-29T00:00:00Z", "2024-02-30T00:00:00Z",
        "1900-02-29T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z", "2025-01-01T00:00:00.5Z", "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00+0100", "2025-01-01 00:00:00Z", "2025-1-01T00:00:00Z ",
        "1969-12-31T23:59:59Z", "2025-01-01T00:00:00ZZ", "-025-01-01T00:00:00Z",
        "2025-04-31T00:00:00Z", "2025-01-00T00:00:00Z", "2025-01-01T00:00:00+01:60",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t t = 42;
        if (instant_parse(&t, slice_of(bad[i])) != GH_INVALID || t != 42)
            fail_msg("taken: %s", bad[i]);
    }
}

static void formatting_an_instant_undoes_parsing(void **state)
{
    (void)state;
    /* Every 10 hours and a bit, from 1970 into 2106. */
    for (int64_t t = 0; t < 4300000000; t += 36007) {
        char text[INSTANT_TEXT];
        int64_t back = -1;
        instant_format(text, t);
        assert_int_equal(instant_parse(&back, slice_of(text)), GH_OK);
        assert_int_equal(back, t);
    }
}

static void check_value(enum credential_type type, const char *value, const char *canonical)
{
    struct credential_value v = {0};
    enum gh_err err = credential_value_set(&v, type, slice_of(value));
    if (!canonical) {
        if (err != GH_INVALID)
            fail_msg("%s taken: %s", credential_type_name(type), value);
        return;
    }
    if (err || v.len != strlen(canonical) || memcmp(v.text, canonical, v.len) != 0)
        fail_msg("%s %s became %.*s", credential_type_name(type), value, v.len, v.text);
}

static void values_get_one_canonical_form(void **state)
{
    (void)state;
    check_value(CREDENTIAL_CARD, "00:0b:0B", "B0B");
    check_value(CREDENTIAL_CARD, "0", "0");
    check_value(CREDENTIAL_CARD, "0000", "0");
    check_value(CREDENTIAL_CARD, "00001", "1");
    check_value(CREDENTIAL_CARD, "10", "10");
    check_value(CREDENTIAL_CARD, "12 34-56:78", "12345678");
    check_value(CREDENTIAL_CARD, "1234567890abcdef", "1234567890ABCDEF");
    check_value(CREDENTIAL_CARD, "00001234567890abcdef", "1234567890ABCDEF");
    check_value(CREDENTIAL_CARD, "11234567890abcdef", NULL);
    check_value(CREDENTIAL_CARD, "", NULL);
    check_value(CREDENTIAL_CARD, ":-", NULL);
    check_value(CREDENTIAL_CARD, "12g4", NULL);
    check_value(CREDENTIAL_UHF, "e2-00", "E200");
    check_value(CREDENTIAL_PIN, "0427", "0427");
    check_value(CREDENTIAL_PIN, "00", "00");
    check_value(CREDENTIAL_PIN, "12345678", "12345678");
    check_value(CREDENTIAL_PIN, "1", NULL);
    check_value(CREDENTIAL_PIN, "123456789", NULL);
    check_value(CREDENTIAL_PIN, "12a4", NULL);
    check_value(CREDENTIAL_PIN, "12 34", NULL);
    check_value(CREDENTIAL_PLATE, "b-gh 42e", "BGH42E");
    check_value(CREDENTIAL_PLATE, " - ", NULL);
    check_value(CREDENTIAL_QR, "K-7781 x", "K-7781 x");
    check_value(CREDENTIAL_MOBILE, "", NULL);
}

static void a_verbatim_value_has_at_most_256_bytes(void **state)
{
    (void)state;
    char text[257];
    struct credential_value v;
    memset(text, 'q', sizeof text);
    assert_int_equal(credential_value_set(&v, CREDENTIAL_QR, slice_make(text, 256)), GH_OK);
    assert_int_equal(v.len, 256);
    assert_int_equal(credential_value_set(&v, CREDENTIAL_QR, slice_make(text, 257)), GH_INVALID);
    assert_int_equal(credential_value_set(&v, CREDENTIAL_PLATE, slice_make(text, 257)), GH_INVALID);
}

static void local_time_follows_the_spans_of_its_zone(void **state)
{
    (void)state;
    /* Europe/Berlin, 2025-03-30: 02:00 does not exist. */
    const struct zone_view berlin = {2, {{0, 3600}, {1743296400, 7200}}};
    struct local_time t = local_time_at(&berlin, 1743296399);
    assert_int_equal(t.second, 2 * 3600 - 1);
    assert_int_equal(t.weekday, 6);
    t = local_time_at(&berlin, 1743296400);
    assert_int_equal(t.second, 3 * 3600);
    /* Before 1970 and west of Greenwich. */
    const struct zone_view west = {1, {{0, -34200}}};
    t = local_time_at(&west, 0);
    assert_int_equal(t.day, -1);
    assert_int_equal(t.second, 86400 - 34200);
    assert_int_equal(t.weekday, 2); /* Wednesday, the last day of 1969 */
}

static bool in(const struct schedule_window *w, int weekday, int h, int m, int s)
{
    struct local_time t = {.weekday = weekday, .second = h * 3600 + m * 60 + s};
    return schedule_contains(w, 1, t);
}

static void a_window_holds_its_start_and_not_its_end(void **state)
{
    (void)state;
    const struct schedule_window w = {0x01, 8 * 60, 18 * 60};
    assert_false(in(&w, 0, 7, 59, 59));
    assert_true(in(&w, 0, 8, 0, 0));
    assert_true(in(&w, 0, 17, 59, 59));
    assert_false(in(&w, 0, 18, 0, 0));
    assert_false(in(&w, 1, 12, 0, 0));
    assert_false(in(&w, 6, 12, 0, 0));
}

static void a_window_to_24_00_ends_with_its_day(void **state)
{
    (void)state;
    const struct schedule_window w = {0x40, 22 * 60, 1440};
    assert_true(in(&w, 6, 23, 59, 59));
    assert_false(in(&w, 0, 0, 0, 0));
}

static void a_window_over_midnight_belongs_to_its_start_day(void **state)
{
    (void)state;
    const struct schedule_window sunday = {0x40, 22 * 60, 6 * 60};
    assert_false(in(&sunday, 6, 5, 0, 0));
    assert_false(in(&sunday, 6, 21, 59, 59));
    assert_true(in(&sunday, 6, 22, 0, 0));
    assert_true(in(&sunday, 0, 5, 59, 59));
    assert_false(in(&sunday, 0, 6, 0, 0));
    assert_false(in(&sunday, 0, 22, 0, 0));
}

static struct read read_of(int64_t age_ms)
{
    return (struct read){.age_ms = age_ms};
}

static struct freshness fresh(enum freshness_mode mode)
{
    static const struct id session = {"s1"};
    return (struct freshness){.mode = mode, .max_age_ms = 5000, .session = &session, .tick_now = 100};
}

static void with_tick(struct read *read, const char *session, uint64_t n)
{
    read->tick.present = true;
    read->tick.n = n;
    assert_int_equal(id_set(&read->tick.session, slice_of(session)), GH_OK);
}

static void age_counts_with_the_time_in_the_gateway(void **state)
{
    (void)state;
    struct freshness how = fresh(FRESHNESS_AGE);
    struct read read = read_of(4000);
    how.waited_ms = 1000;
    assert_false(read_is_stale(&read, &how));
    how.waited_ms = 1001;
    assert_true(read_is_stale(&read, &how));
    read.age_ms = INT64_C(86400000) * 365;
    assert_true(read_is_stale(&read, &how));
}

static void a_read_that_cannot_prove_its_age_is_stale(void **state)
{
    (void)state;
    struct freshness how = fresh(FRESHNESS_AGE);
    struct read read = read_of(-1);
    assert_true(read_is_stale(&read, &how));
    how.mode = FRESHNESS_TICK;
    read.age_ms = 0;
    assert_true(read_is_stale(&read, &how)); /* an age is not enough there */
    how.mode = FRESHNESS_ARRIVAL;
    read.age_ms = -1;
    assert_false(read_is_stale(&read, &how));
    how.waited_ms = 5001;
    assert_true(read_is_stale(&read, &how));
}

static void a_tick_proves_age_only_in_its_session(void **state)
{
    (void)state;
    struct freshness how = fresh(FRESHNESS_TICK);
    struct read read = read_of(-1);
    with_tick(&read, "s1", 95);
    assert_false(read_is_stale(&read, &how));
    with_tick(&read, "s1", 94);
    assert_true(read_is_stale(&read, &how));
    with_tick(&read, "s0", 100);
    assert_true(read_is_stale(&read, &how));
    with_tick(&read, "s1", 101); /* never sent */
    assert_true(read_is_stale(&read, &how));
    how.mode = FRESHNESS_ARRIVAL; /* a bad tick is bad wherever it is */
    assert_true(read_is_stale(&read, &how));
    with_tick(&read, "s1", 100);
    read.age_ms = 6000; /* the greater age counts */
    assert_true(read_is_stale(&read, &how));
}

static void a_retained_read_is_stale_however_young(void **state)
{
    (void)state;
    struct freshness how = fresh(FRESHNESS_ARRIVAL);
    struct read read = read_of(0);
    assert_false(read_is_stale(&read, &how));
    how.retained = true;
    assert_true(read_is_stale(&read, &how));
}

static void ini_lines_come_with_their_numbers(void **state)
{
    (void)state;
    struct ini_walk walk = {.rest = slice_of("# c\n[ a b ]\r\n\n x = 1 = 2 \ny=\nbad\n[open\n=v\n;\n[]")};
    static const struct {
        int number, what;
        const char *name, *value;
    } want[] = {
        {2, INI_SECTION, "a b", ""}, {4, INI_ENTRY, "x", "1 = 2"}, {5, INI_ENTRY, "y", ""},
        {6, INI_BAD, "", ""},        {7, INI_BAD, "", ""},         {8, INI_BAD, "", NULL},
        {10, INI_BAD, "", NULL},
    };
    struct ini_line line;
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(ini_next(&walk, &line));
        assert_int_equal(line.number, want[i].number);
        assert_int_equal(line.what, want[i].what);
        assert_true(slice_is(line.name, want[i].name));
        if (want[i].value)
            assert_true(slice_is(line.value, want[i].value));
    }
    assert_false(ini_next(&walk, &line));
}

static void a_full_arena_gives_nothing_and_stays_as_it_is(void **state)
{
    (void)state;
    _Alignas(16) unsigned char memory[64];
    struct arena a = {.base = memory, .size = sizeof memory};
    assert_non_null(arena_take(&a, 1, 40));
    size_t used = a.used;
    assert_null(arena_take(&a, 1, 40));
    assert_null(arena_take(&a, SIZE_MAX / 2, 16));
    assert_int_equal(a.used, used);
    arena_reset(&a);
    assert_ptr_equal(arena_take(&a, 4, 16), memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_1_to_64_plain_characters),
        cmocka_unit_test(instants_are_parsed_with_their_offset),
        cmocka_unit_test(what_is_no_instant_is_refused),
        cmocka_unit_test(formatting_an_instant_undoes_parsing),
        cmocka_unit_test(values_get_one_canonical_form),
        cmocka_unit_test(a_verbatim_value_has_at_most_256_bytes),
        cmocka_unit_test(local_time_follows_the_spans_of_its_zone),
        cmocka_unit_test(a_window_holds_its_start_and_not_its_end),
        cmocka_unit_test(a_window_to_24_00_ends_with_its_day),
        cmocka_unit_test(a_window_over_midnight_belongs_to_its_start_day),
        cmocka_unit_test(age_counts_with_the_time_in_the_gateway),
        cmocka_unit_test(a_read_that_cannot_prove_its_age_is_stale),
        cmocka_unit_test(a_tick_proves_age_only_in_its_session),
        cmocka_unit_test(a_retained_read_is_stale_however_young),
        cmocka_unit_test(ini_lines_come_with_their_numbers),
        cmocka_unit_test(a_full_arena_gives_nothing_and_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
