/* The index of the broker's accounts, and the broker's own files of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/account_text.h"
#include "app/issued.h"

#define FRONT "reader front certificate 0a1b 2026-01-05T08:00:00Z 2036-01-05T08:00:00Z live\n"
#define BACK "reader back password - 2026-01-06T08:00:00Z - live\n"
#define DESK "panel desk password - 2026-01-06T08:00:00Z - unfinished\n"
#define GONE                                                                                       \
    "reader front certificate ff 2025-01-05T08:00:00Z 2035-01-05T08:00:00Z 2025-06-01T00:00:00Z\n"

static struct id id_of(const char *text)
{
    struct id id;
    assert_int_equal(id_set(&id, slice_of(text)), GH_OK);
    return id;
}

static void parse(struct issued *out, const char *text)
{
    int line = 0;
    *out = (struct issued){0};
    assert_int_equal(issued_parse(out, slice_of(text), &line), GH_OK);
}

/* --- the index ---------------------------------------------------------------------------- */

static void an_index_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct issued a, b;
    size_t len;
    int line;
    parse(&a, "# a comment\n" GONE FRONT BACK "\n" DESK);
    assert_int_equal(a.n, 4);
    char *text = issued_print(&a, &len);
    assert_non_null(text);
    assert_int_equal(len, strlen(text));
    assert_non_null(strstr(text, GONE FRONT BACK DESK));
    b = (struct issued){0};
    assert_int_equal(issued_parse(&b, slice_make(text, len), &line), GH_OK);
    assert_int_equal(b.n, a.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.entry[i].kind, b.entry[i].kind);
        assert_string_equal(a.entry[i].id.s, b.entry[i].id.s);
        assert_string_equal(a.entry[i].serial, b.entry[i].serial);
        assert_int_equal(a.entry[i].since, b.entry[i].since);
        assert_int_equal(a.entry[i].until, b.entry[i].until);
        assert_int_equal(a.entry[i].state, b.entry[i].state);
        assert_int_equal(a.entry[i].revoked_at, b.entry[i].revoked_at);
    }
    free(text);
    issued_free(&a);
    issued_free(&b);
}

static void what_is_revoked_is_not_found(void **state)
{
    (void)state;
    struct issued issued;
    struct id front = id_of("front"), desk = id_of("desk");
    parse(&issued, GONE FRONT DESK);
    const struct issued_entry *e = issued_find(&issued, ISSUED_READER, &front);
    assert_non_null(e);
    assert_string_equal(e->serial, "0a1b");
    assert_null(issued_find(&issued, ISSUED_PANEL, &front));
    assert_null(issued_find(&issued, ISSUED_READER, &desk));
    e = issued_find(&issued, ISSUED_PANEL, &desk);
    assert_non_null(e);
    assert_int_equal(e->state, ISSUED_UNFINISHED);
    issued_free(&issued);
    parse(&issued, GONE);
    assert_null(issued_find(&issued, ISSUED_READER, &front));
    issued_free(&issued);
}

static void a_line_of_another_form_is_named_and_nothing_is_taken(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "door front password - 2026-01-06T08:00:00Z - live\n",
        "reader fr@nt password - 2026-01-06T08:00:00Z - live\n",
        "reader  password - 2026-01-06T08:00:00Z - live\n",
        "reader front token - 2026-01-06T08:00:00Z - live\n",
        "reader front password 0a 2026-01-06T08:00:00Z - live\n",
        "reader front certificate - 2026-01-06T08:00:00Z 2036-01-05T08:00:00Z live\n",
        "reader front certificate 0A 2026-01-06T08:00:00Z 2036-01-05T08:00:00Z live\n",
        "reader front certificate 00000000000000000000000000000000000000000 "
        "2026-01-06T08:00:00Z 2036-01-05T08:00:00Z live\n",
        "reader front certificate 0a 2026-01-06 2036-01-05T08:00:00Z live\n",
        "reader front certificate 0a 2026-01-06T08:00:00Z - live\n",
        "reader front password - 2026-01-06T08:00:00Z 2036-01-05T08:00:00Z live\n",
        "reader front password - 2026-01-06T08:00:00Z - alive\n",
        "reader front password - 2026-01-06T08:00:00Z - live \n",
        "reader front password - 2026-01-06T08:00:00Z - live live\n",
        "reader front password - 2026-01-06T08:00:00Z -\n",
        " reader front password - 2026-01-06T08:00:00Z - live\n",
        "reader front password - 2026-01-06T08:00:00Z - live\r\n",
        FRONT, /* twice: one account has one line */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[600];
        int line = 0;
        struct issued issued = {0};
        snprintf(text, sizeof text, "# head\n" FRONT "%s" BACK, bad[i]);
        if (issued_parse(&issued, slice_of(text), &line) != GH_CORRUPT || line != 3)
            fail_msg("it was taken, or line %d was named: %s", line, bad[i]);
        assert_int_equal(issued.n, 0);
        assert_null(issued.entry);
    }
}

static void an_index_holds_as_many_as_it_says(void **state)
{
    (void)state;
    struct issued issued = {0};
    struct issued_entry entry = {.how = ISSUED_PASSWORD, .state = ISSUED_REVOKED};
    entry.id = id_of("front");
    for (int i = 0; i < ISSUED_MAX; i++)
        assert_int_equal(issued_add(&issued, &entry), GH_OK);
    assert_int_equal(issued_add(&issued, &entry), GH_FULL);
    assert_int_equal(issued.n, ISSUED_MAX);
    issued_free(&issued);
}

/* --- accounts ------------------------------------------------------------------------------- */

static void expect_text(char *got, const size_t *len, const char *wanted)
{
    assert_non_null(got);
    assert_int_equal(*len, strlen(wanted));
    assert_string_equal(got, wanted);
    free(got);
}

static void an_account_is_one_line_and_the_others_stay(void **state)
{
    (void)state;
    size_t len;
    struct slice hash;
    static const char text[] = "# mine\n\nmonitor:$7$x\nfront:$7$old\nfront2:$7$y\n@gatehoused:$7$z";
    expect_text(accounts_set(slice_of(text), "front", "$7$new", &len), &len,
                "# mine\n\nmonitor:$7$x\nfront2:$7$y\n@gatehoused:$7$z\nfront:$7$new\n");
    expect_text(accounts_remove(slice_of(text), "front", &len), &len,
                "# mine\n\nmonitor:$7$x\nfront2:$7$y\n@gatehoused:$7$z\n");
    expect_text(accounts_remove(slice_of(text), "fron", &len), &len,
                "# mine\n\nmonitor:$7$x\nfront:$7$old\nfront2:$7$y\n@gatehoused:$7$z\n");
    assert_true(accounts_find(slice_of(text), "@gatehoused", &hash));
    assert_true(slice_is(hash, "$7$z"));
    assert_false(accounts_find(slice_of(text), "mine", NULL));
    assert_false(accounts_find(slice_of(text), "", NULL));
    expect_text(accounts_set(slice_of(""), "front", "$7$new", &len), &len, "front:$7$new\n");
}

/* As mosquitto splits a line: somebody may have written it so by hand. */
static void a_line_that_mosquitto_takes_for_an_account_is_one(void **state)
{
    (void)state;
    static const char *const lines[] = {"front:h", " front:h", "\tfront :h", ":front:h", "::front::h:x",
                                        "front:h ", "front: h\r"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[80];
        size_t len;
        struct slice hash;
        snprintf(text, sizeof text, "a:b\n%s\nc:d\n", lines[i]);
        if (!accounts_find(slice_of(text), "front", &hash) || !slice_is(hash, "h"))
            fail_msg("not found: %s", lines[i]);
        expect_text(accounts_remove(slice_of(text), "front", &len), &len, "a:b\nc:d\n");
    }
    assert_false(accounts_find(slice_of("#front:h\nfront\n"), "front", NULL));
}

/* --- rights ---------------------------------------------------------------------------------- */

static void every_panel_has_a_block_below_what_was_shipped(void **state)
{
    (void)state;
    struct issued issued, none = {0};
    size_t len, again_len;
    static const char base[] = "user @gatehoused\ntopic readwrite a/#\n# mine";
    parse(&issued, FRONT DESK "panel key.switch certificate 01 2026-01-05T08:00:00Z "
                              "2036-01-05T08:00:00Z live\n"
                              "panel old password - 2026-01-06T08:00:00Z - 2026-02-01T00:00:00Z\n");
    char *text = acl_compose(slice_of(base), &issued, &len);
    assert_non_null(text);
    assert_memory_equal(text, base, strlen(base));
    assert_non_null(strstr(text, "\nuser @panel/desk\ntopic deny gatehouse/v1/readers/#\n"
                                 "topic write gatehouse/v1/panels/desk/command\n"
                                 "topic read gatehouse/v1/panels/desk/result\n"));
    assert_non_null(strstr(text, "\nuser @panel/key.switch\n"));
    assert_null(strstr(text, "@panel/old"));
    assert_null(strstr(text, "front"));
    /* Composed again, nothing doubles; and without panels, what was there above is left. */
    struct slice kept = acl_base(slice_make(text, len));
    assert_int_equal(kept.len, strlen(base) + 1);
    char *again = acl_compose(kept, &issued, &again_len);
    assert_string_equal(again, text);
    free(again);
    again = acl_compose(kept, &none, &again_len);
    assert_null(strstr(again, "@panel"));
    free(again);
    free(text);
    issued_free(&issued);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_read_back_as_it_was_written),
        cmocka_unit_test(what_is_revoked_is_not_found),
        cmocka_unit_test(a_line_of_another_form_is_named_and_nothing_is_taken),
        cmocka_unit_test(an_index_holds_as_many_as_it_says),
        cmocka_unit_test(an_account_is_one_line_and_the_others_stay),
        cmocka_unit_test(a_line_that_mosquitto_takes_for_an_account_is_one),
        cmocka_unit_test(every_panel_has_a_block_below_what_was_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
