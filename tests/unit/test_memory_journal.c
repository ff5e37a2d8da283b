/* The journal of rehearsals: what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/rehearsal/memory_journal.h"

struct seen {
    size_t n;
    char key, value;
};

static bool see(void *context, struct slice key, struct slice value)
{
    struct seen *seen = context;
    seen->n++;
    seen->key = key.ptr[0];
    seen->value = value.ptr[0];
    return true;
}

/* Exactly one key of one byte is kept, with a value of one byte. */
static void assert_keeps(struct journal port, char key, char value)
{
    struct seen seen = {0};
    assert_int_equal(GH_OK, port.ops->kept_each(port.self, see, &seen));
    assert_int_equal(1, seen.n);
    assert_int_equal(key, seen.key);
    assert_int_equal(value, seen.value);
}

static void changes_are_kept_with_and_without_events(void **state)
{
    (void)state;
    struct memory_journal *j = memory_journal_open();
    assert_non_null(j);
    struct journal port = memory_journal_port(j);
    struct seen none = {0};
    assert_int_equal(GH_OK, port.ops->kept_each(port.self, see, &none));
    assert_int_equal(0, none.n);
    assert_int_equal(GH_OK, port.ops->append(port.self, 1, slice_of("{}"), NULL,
                                             slice_make("\1a\1x\1b\1x", 8)));
    assert_int_equal(GH_OK, port.ops->keep(port.self, slice_make("\1a\1y\1b\377", 7)));
    assert_keeps(port, 'a', 'y');
    memory_journal_forget(j); /* events only */
    assert_int_equal(GH_OK, port.ops->keep(port.self, slice_of("")));
    assert_int_equal(GH_OK, port.ops->append(port.self, 2, slice_of("{}"), NULL, slice_of("")));
    assert_keeps(port, 'a', 'y');
    assert_false(port.ops->is_failing(port.self));
    memory_journal_close(j);
}

static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct memory_journal *j = memory_journal_open();
    assert_non_null(j);
    struct journal port = memory_journal_port(j);
    const struct slice good = slice_make("\1a\1y", 4), bad = slice_make("\1a\1y\1", 5);
    assert_int_equal(GH_OK, port.ops->keep(port.self, slice_make("\1a\1x", 4)));
    assert_int_equal(GH_INVALID, port.ops->keep(port.self, bad));
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 1, slice_of("{}"), NULL, bad));
    assert_int_equal(GH_INVALID, port.ops->append(port.self, 2, slice_of("{}"), NULL, good));
    assert_int_equal(1, port.ops->next_seq(port.self));
    assert_int_equal(0, memory_journal_count(j));
    assert_keeps(port, 'a', 'x');
    memory_journal_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_kept_with_and_without_events),
        cmocka_unit_test(what_is_refused_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
