/* A sealed file: what was put in comes out, and nothing else ever does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/crypto/crypto.h"
#include "adapters/crypto/seal.h"

#define MESSAGES 4

static const unsigned char key[SEAL_KEY_LEN] = {1, 2, 3};

struct sealed {
    char bytes[8192];
    size_t at[MESSAGES + 1]; /* where each message begins; the end */
};

static void make(struct sealed *out)
{
    struct seal *s = NULL;
    FILE *f = fmemopen(out->bytes, sizeof out->bytes, "w");
    assert_non_null(f);
    assert_int_equal(seal_begin_with_key(&s, f, key), GH_OK);
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d", i);
        out->at[i] = (size_t)ftell(f);
        assert_int_equal(seal_put(s, slice_of(text), i == MESSAGES - 1 ? SEAL_END : SEAL_LAST), GH_OK);
    }
    assert_int_equal(seal_put(s, slice_of("more"), SEAL_MORE), GH_INVALID);
    out->at[MESSAGES] = (size_t)ftell(f);
    seal_free(s);
    fclose(f);
}

/* How many messages come out before one is refused; *whole: to the end. */
static int count(const char *bytes, size_t len, const unsigned char with[SEAL_KEY_LEN], bool *whole)
{
    struct seal *s = NULL;
    struct slice message;
    enum seal_mark mark;
    char want[32];
    int n = 0;
    FILE *f = fmemopen((void *)(uintptr_t)bytes, len, "r");
    assert_non_null(f);
    assert_int_equal(unseal_begin_with_key(&s, f, with), GH_OK);
    while (unseal_next(s, &message, &mark) == GH_OK) {
        snprintf(want, sizeof want, "message %d", n++);
        assert_true(slice_is(message, want));
        assert_int_equal(mark, n == MESSAGES ? SEAL_END : SEAL_LAST);
    }
    *whole = unseal_is_whole(s);
    seal_free(s);
    fclose(f);
    return n;
}

static void what_was_sealed_comes_out(void **state)
{
    (void)state;
    struct sealed sealed;
    bool whole;
    make(&sealed);
    assert_int_equal(count(sealed.bytes, sealed.at[MESSAGES], key, &whole), MESSAGES);
    assert_true(whole);
    assert_int_equal(count(sealed.bytes, sealed.at[MESSAGES] + 1, key, &whole), MESSAGES);
    assert_false(whole);
    for (size_t len = sealed.at[0]; len < sealed.at[MESSAGES]; len++) {
        assert_true(count(sealed.bytes, len, key, &whole) < MESSAGES);
        assert_false(whole);
    }
}

static void another_key_opens_nothing(void **state)
{
    (void)state;
    static const unsigned char other[SEAL_KEY_LEN] = {1, 2, 4};
    struct sealed sealed;
    bool whole;
    make(&sealed);
    assert_int_equal(count(sealed.bytes, sealed.at[MESSAGES], other, &whole), 0);
}

static void a_message_that_is_taken_out_doubled_or_moved_is_found(void **state)
{
    (void)state;
    struct sealed sealed;
    char bytes[8192];
    bool whole;
    make(&sealed);
    size_t n = sealed.at[1] - sealed.at[0]; /* all are as long */
    memcpy(bytes, sealed.bytes, sizeof bytes);
    memmove(bytes + sealed.at[1], bytes + sealed.at[2], sealed.at[MESSAGES] - sealed.at[2]);
    assert_int_equal(count(bytes, sealed.at[MESSAGES] - n, key, &whole), 1);
    memcpy(bytes, sealed.bytes, sizeof bytes);
    memcpy(bytes + sealed.at[2], bytes + sealed.at[1], n);
    assert_int_equal(count(bytes, sealed.at[MESSAGES], key, &whole), 2);
    memcpy(bytes, sealed.bytes, sizeof bytes);
    memcpy(bytes + sealed.at[1], sealed.bytes + sealed.at[2], n);
    memcpy(bytes + sealed.at[2], sealed.bytes + sealed.at[1], n);
    assert_int_equal(count(bytes, sealed.at[MESSAGES], key, &whole), 1);
}

static void a_passphrase_is_its_own_key(void **state)
{
    (void)state;
    static char bytes[4096];
    struct seal *s = NULL;
    struct slice message;
    enum seal_mark mark;
    FILE *f = fmemopen(bytes, sizeof bytes, "w");
    assert_int_equal(seal_begin(&s, f, slice_of("a passphrase")), GH_OK);
    assert_int_equal(seal_put(s, slice_of("secret"), SEAL_END), GH_OK);
    long len = ftell(f);
    seal_free(s);
    fclose(f);
    for (int i = 0; i < 2; i++) {
        f = fmemopen(bytes, (size_t)len, "r");
        assert_int_equal(unseal_begin(&s, f, slice_of(i ? "a passphrasf" : "a passphrase")), GH_OK);
        assert_int_equal(unseal_next(s, &message, &mark), i ? GH_CORRUPT : GH_OK);
        seal_free(s);
        fclose(f);
    }
    bytes[0] = 'G';
    f = fmemopen(bytes, (size_t)len, "r");
    assert_int_equal(unseal_begin(&s, f, slice_of("a passphrase")), GH_INVALID);
    fclose(f);
}

static int start(void **state)
{
    (void)state;
    return crypto_start() == GH_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_comes_out),
        cmocka_unit_test(another_key_opens_nothing),
        cmocka_unit_test(a_message_that_is_taken_out_doubled_or_moved_is_found),
        cmocka_unit_test(a_passphrase_is_its_own_key),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
