/* The PIN lockout: to the millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "app/gatehoused/lockouts.h"
#include "app/rehearsal/memory_journal.h"

static const struct pin_lockout rule = {.failures = 3, .window_s = 60, .lock_s = 30};

static struct mono at(int64_t ms)
{
    return (struct mono){1000000 + ms};
}

static void the_last_failure_in_the_window_locks(void **state)
{
    (void)state;
    struct lockout l = {0};
    lockout_fail(&l, &rule, at(0));
    lockout_fail(&l, &rule, at(1000));
    assert_false(lockout_is_locked(&l, at(1000)));
    lockout_fail(&l, &rule, at(59999));
    assert_true(lockout_is_locked(&l, at(59999)));
    assert_true(lockout_is_locked(&l, at(59999 + 29999)));
    assert_false(lockout_is_locked(&l, at(59999 + 30000)));
}

static void failures_a_window_apart_do_not_add_up(void **state)
{
    (void)state;
    struct lockout l = {0};
    lockout_fail(&l, &rule, at(0));
    lockout_fail(&l, &rule, at(1000));
    lockout_fail(&l, &rule, at(60000)); /* the first is over */
    assert_false(lockout_is_locked(&l, at(60000)));
    lockout_fail(&l, &rule, at(60999)); /* with the second and third */
    assert_true(lockout_is_locked(&l, at(60999)));
}

static void after_a_lock_the_count_starts_anew(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 0; i < 3; i++)
        lockout_fail(&l, &rule, at(i));
    assert_true(lockout_is_locked(&l, at(3)));
    lockout_fail(&l, &rule, at(30010));
    lockout_fail(&l, &rule, at(30020));
    assert_false(lockout_is_locked(&l, at(30030)));
    lockout_fail(&l, &rule, at(30040));
    assert_true(lockout_is_locked(&l, at(30040)));
}

static void rules_of_one_and_of_the_most_failures_hold(void **state)
{
    (void)state;
    struct lockout l = {0};
    struct pin_lockout one = {.failures = 1, .window_s = 1, .lock_s = 1};
    lockout_fail(&l, &one, at(0));
    assert_true(lockout_is_locked(&l, at(999)));
    assert_false(lockout_is_locked(&l, at(1000)));
    struct pin_lockout most = {.failures = PIN_FAILURES_MAX, .window_s = 86400, .lock_s = 1};
    struct lockout m = {0};
    for (int i = 0; i < PIN_FAILURES_MAX - 1; i++)
        lockout_fail(&m, &most, at(i));
    assert_false(lockout_is_locked(&m, at(PIN_FAILURES_MAX)));
    lockout_fail(&m, &most, at(PIN_FAILURES_MAX));
    assert_true(lockout_is_locked(&m, at(PIN_FAILURES_MAX)));
}

static void each_reader_has_its_own_lockout(void **state)
{
    (void)state;
    struct lockouts all;
    struct ledger ledger;
    struct memory_journal *journal = memory_journal_open();
    struct id a = {"a"}, b = {"b"};
    assert_int_equal(ledger_open(&ledger, memory_journal_port(journal)), GH_OK);
    assert_int_equal(lockouts_open(&all, &ledger, 1, at(0)), GH_OK);
    for (int i = 0; i < 3; i++)
        lockouts_fail(&all, &a, &rule, at(i));
    assert_true(lockouts_is_locked(&all, &a, at(3)));
    assert_false(lockouts_is_locked(&all, &b, at(3)));
    for (int i = 0; i < LOCKOUTS_READERS - 1; i++) { /* more readers than places */
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        struct id r;
        assert_int_equal(id_set(&r, slice_of(name)), GH_OK);
        lockouts_fail(&all, &r, &rule, at(10 + i));
    }
    assert_true(lockouts_is_locked(&all, &a, at(300)));
    lockouts_close(&all);
    ledger_flush(&ledger);
    ledger_close(&ledger);
    /* Those of another process of the same boot hold to the millisecond. */
    assert_int_equal(ledger_open(&ledger, memory_journal_port(journal)), GH_OK);
    assert_int_equal(lockouts_open(&all, &ledger, 1, at(300)), GH_OK);
    assert_true(lockouts_is_locked(&all, &a, mono_add_ms(at(2), rule.lock_s * 1000 - 1)));
    assert_false(lockouts_is_locked(&all, &a, mono_add_ms(at(2), rule.lock_s * 1000)));
    lockouts_close(&all);
    ledger_close(&ledger);
    memory_journal_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_failure_in_the_window_locks),
        cmocka_unit_test(failures_a_window_apart_do_not_add_up),
        cmocka_unit_test(after_a_lock_the_count_starts_anew),
        cmocka_unit_test(rules_of_one_and_of_the_most_failures_hold),
        cmocka_unit_test(each_reader_has_its_own_lockout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
