/* The device key as a file of the state folder, and as a credential that systemd hands over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/state.h"
#include "lib/folder.h"

#define ONE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define OTHER "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct folder folder;
static char state_dir[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX];

static int begin(void **state)
{
    (void)state;
    char credentials[FOLDER_PATH_MAX];
    bool good = folder_make(&folder) && folder_file(&folder, "state", state_dir) &&
                folder_file(&folder, "state/" STATE_DEVICE_KEY, key) &&
                folder_file(&folder, "given", credentials) && mkdir(state_dir, 0700) == 0 &&
                mkdir(credentials, 0700) == 0 && setenv("CREDENTIALS_DIRECTORY", credentials, 1) == 0;
    return good ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    folder_remove(&folder);
    return 0;
}

static void give(const char *text)
{
    assert_true(folder_write(&folder, "given/" STATE_DEVICE_KEY, text, 0400));
}

static void keep(const char *text)
{
    assert_true(folder_write(&folder, "state/" STATE_DEVICE_KEY, text, 0640));
}

static void assert_kept(const char *want)
{
    char *text = folder_read(key, NULL);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
}

static struct crypto_keys load(int create)
{
    struct crypto_keys keys;
    assert_int_equal(state_keys_load(&keys, state_dir, create), GH_OK);
    return keys;
}

static void without_a_credential_the_key_is_a_file(void **state)
{
    (void)state;
    char path[CONFIG_PATH_MAX];
    struct crypto_keys made = load(1), again = load(0);
    assert_memory_equal(&made, &again, sizeof made);
    assert_true(state_device_key_path(path, state_dir));
    assert_string_equal(path, key);
}

static void a_credential_is_the_key_and_never_comes_to_the_disk(void **state)
{
    (void)state;
    char path[CONFIG_PATH_MAX];
    give(ONE);
    struct crypto_keys given = load(1);
    assert_kept(STATE_KEY_NOTE);
    assert_true(state_device_key_path(path, state_dir));
    assert_non_null(strstr(path, "/given/" STATE_DEVICE_KEY));
    unsetenv("CREDENTIALS_DIRECTORY");
    keep(ONE);
    struct crypto_keys file = load(0);
    assert_memory_equal(&given, &file, sizeof given);
}

static void a_reader_of_the_key_makes_no_note(void **state)
{
    (void)state;
    give(ONE);
    (void)load(0);
    assert_int_equal(access(key, F_OK), -1);
}

static void without_its_credential_no_new_key_is_made(void **state)
{
    (void)state;
    struct crypto_keys keys;
    keep(STATE_KEY_NOTE);
    assert_int_equal(state_keys_load(&keys, state_dir, 1), GH_CORRUPT);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(state_keys_load(&keys, state_dir, 1), GH_CORRUPT);
    assert_kept(STATE_KEY_NOTE);
}

static void a_credential_that_is_another_key_than_the_file_is_refused(void **state)
{
    (void)state;
    struct crypto_keys keys;
    give(ONE);
    keep(OTHER);
    assert_int_equal(state_keys_load(&keys, state_dir, 1), GH_CORRUPT);
    keep(ONE);
    (void)load(1);
    assert_kept(ONE);
}

static void a_credential_that_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", STATE_KEY_NOTE, "00\n", ONE "\n"};
    struct crypto_keys keys;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char given[FOLDER_PATH_MAX];
        give(wrong[i]);
        assert_int_equal(state_keys_load(&keys, state_dir, 1), GH_CORRUPT);
        assert_int_equal(access(key, F_OK), -1);
        assert_true(folder_file(&folder, "given/" STATE_DEVICE_KEY, given) && unlink(given) == 0);
    }
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(without_a_credential_the_key_is_a_file),
        IN_A_FOLDER(a_credential_is_the_key_and_never_comes_to_the_disk),
        IN_A_FOLDER(a_reader_of_the_key_makes_no_note),
        IN_A_FOLDER(without_its_credential_no_new_key_is_made),
        IN_A_FOLDER(a_credential_that_is_another_key_than_the_file_is_refused),
        IN_A_FOLDER(a_credential_that_is_no_key_is_refused),
    };
    return cmocka_run_group_tests_name("adapters/test_device_key", tests, NULL, NULL);
}
