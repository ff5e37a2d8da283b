/* Hashes against published vectors, and the device's key file on a real disk. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/crypto/crypto.h"

#define KEY_TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

struct folder {
    char path[64];
    char key[80];
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    (void)snprintf(f->path, sizeof f->path, "/tmp/test_crypto.XXXXXX");
    if (!mkdtemp(f->path))
        return -1;
    (void)snprintf(f->key, sizeof f->key, "%s/key", f->path);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    (void)nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void write_key(const char *path, const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void assert_hex(const unsigned char bytes[SHA256_LEN], const char *hex)
{
    char text[SHA256_HEX + 1];
    crypto_hex(text, bytes, SHA256_LEN);
    assert_string_equal(text, hex);
}

/* --- hashes ---------------------------------------------------------------- */

static void sha256_agrees_with_its_published_examples(void **state)
{
    (void)state;
    unsigned char out[SHA256_LEN];
    crypto_sha256(out, (struct slice){NULL, 0});
    assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256(out, slice_of("abc"));
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(out, slice_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
    assert_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_hash_in_pieces_is_the_hash_of_the_whole(void **state)
{
    (void)state;
    char text[300];
    unsigned char whole[SHA256_LEN], pieces[SHA256_LEN];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    crypto_sha256(whole, slice_make(text, sizeof text));
    for (size_t step = 1; step <= 130; step++) {
        struct crypto_sha256_state hash;
        crypto_sha256_begin(&hash);
        crypto_sha256_add(&hash, (struct slice){NULL, 0});
        for (size_t at = 0; at < sizeof text; at += step)
            crypto_sha256_add(&hash, slice_make(text + at, at + step < sizeof text
                                                               ? step
                                                               : sizeof text - at));
        crypto_sha256_end(&hash, pieces);
        assert_memory_equal(whole, pieces, SHA256_LEN);
    }
}

/* RFC 4231, test case 1, its key of 20 bytes filled up with zeros as HMAC does. */
static void hmac_agrees_with_its_published_example(void **state)
{
    (void)state;
    unsigned char key[32] = {0}, out[SHA256_LEN];
    memset(key, 0x0b, 20);
    crypto_hmac(out, key, slice_of("Hi There"));
    assert_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

static void a_value_is_hashed_with_its_type_and_the_key(void **state)
{
    (void)state;
    struct crypto_keys keys, other;
    struct credential_value v = {.len = 4, .text = "AB12CDEF"};
    unsigned char got[SHA256_LEN], want[SHA256_LEN];
    memset(&keys, 7, sizeof keys);
    other = keys;
    other.value[31] ^= 1;
    crypto_value_hash(got, &keys, CREDENTIAL_CARD, &v);
    crypto_hmac(want, keys.value, slice_of("card\nAB12"));
    assert_memory_equal(got, want, SHA256_LEN);
    crypto_value_hash(got, &keys, CREDENTIAL_UHF, &v);
    assert_memory_not_equal(got, want, SHA256_LEN);
    crypto_value_hash(got, &other, CREDENTIAL_CARD, &v);
    assert_memory_not_equal(got, want, SHA256_LEN);
    v.len = 3;
    crypto_value_hash(got, &keys, CREDENTIAL_CARD, &v);
    assert_memory_not_equal(got, want, SHA256_LEN);
}

static void a_key_that_was_prepared_hashes_alike(void **state)
{
    (void)state;
    unsigned char want[SHA256_LEN], got[SHA256_LEN];
    struct crypto_keys keys;
    struct crypto_ready_key ready;
    char text[300];
    memset(&keys, 9, sizeof keys);
    memset(text, 'x', sizeof text);
    crypto_key_prepare(&ready, keys.value);
    for (size_t len = 0; len <= sizeof text; len++) {
        crypto_hmac(want, keys.value, slice_make(text, len));
        crypto_hmac_ready(got, &ready, slice_make(text, len));
        assert_memory_equal(got, want, SHA256_LEN);
    }
    struct credential_value v = {.len = 6, .text = "AB12CDEF"};
    crypto_value_hash(want, &keys, CREDENTIAL_QR, &v);
    crypto_value_hash_ready(got, &ready, CREDENTIAL_QR, &v);
    assert_memory_equal(got, want, SHA256_LEN);
}

static void random_bytes_differ_and_forgotten_ones_are_zero(void **state)
{
    (void)state;
    unsigned char a[32], b[32];
    static const unsigned char zero[32];
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    crypto_forget(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

/* --- the key file ---------------------------------------------------------- */

static void keys_are_derived_from_the_file_alone(void **state)
{
    struct folder *f = *state;
    struct crypto_keys keys, again;
    write_key(f->key, KEY_TEXT, 65, 0640);
    assert_int_equal(crypto_keys_load(&keys, f->key, 0), GH_OK);
    /* Fixed for ever: a device must know its own values after an upgrade. */
    assert_hex(keys.value, "c635ca01be081276a3932aee50721397732b115cea26680f16ebc8b079d5adbb");
    assert_hex(keys.journal, "ad0e5a91c6233418b7403bae472033238b5a2d831717c3cbbb01a23083a674eb");
    assert_int_equal(crypto_keys_load(&again, f->key, 1), GH_OK);
    assert_memory_equal(&keys, &again, sizeof keys);
}

static void a_missing_key_is_made_only_when_asked_for(void **state)
{
    struct folder *f = *state;
    struct crypto_keys keys, before, again;
    memset(&keys, 0x5a, sizeof keys);
    before = keys;
    assert_int_equal(crypto_keys_load(&keys, f->key, 0), GH_NOT_FOUND);
    assert_memory_equal(&keys, &before, sizeof keys);
    assert_int_equal(access(f->key, F_OK), -1);
    mode_t umask_before = umask(0077);
    assert_int_equal(crypto_keys_load(&keys, f->key, 1), GH_OK);
    (void)umask(umask_before);
    assert_memory_not_equal(keys.value, keys.journal, 32);
    struct stat st;
    assert_int_equal(stat(f->key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(st.st_nlink, 1); /* nothing is left beside it */
    assert_int_equal(crypto_keys_load(&again, f->key, 0), GH_OK);
    assert_memory_equal(&keys, &again, sizeof keys);
}

static void two_devices_have_two_keys(void **state)
{
    struct folder *f = *state;
    struct crypto_keys one, two;
    assert_int_equal(crypto_keys_load(&one, f->key, 1), GH_OK);
    assert_int_equal(unlink(f->key), 0);
    assert_int_equal(crypto_keys_load(&two, f->key, 1), GH_OK);
    assert_memory_not_equal(one.value, two.value, 32);
    assert_memory_not_equal(one.journal, two.journal, 32);
}

static void what_is_no_key_is_refused_and_left_alone(void **state)
{
    struct folder *f = *state;
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {
        {"", 0},
        {"\n", 1},
        {KEY_TEXT, 64},
        {KEY_TEXT "\n", 66},
        {KEY_TEXT KEY_TEXT, 130},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e\n", 63},
        {"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 65},
        {"00010203 405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 65},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f ", 65},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n\n", 65},
        {"0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 65},
        {"\0" "00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 65},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct crypto_keys keys, before;
        struct stat st;
        memset(&keys, 0x5a, sizeof keys);
        before = keys;
        write_key(f->key, bad[i].text, bad[i].len, 0600);
        assert_int_equal(crypto_keys_load(&keys, f->key, 1), GH_CORRUPT);
        assert_memory_equal(&keys, &before, sizeof keys);
        assert_int_equal(stat(f->key, &st), 0);
        assert_int_equal(st.st_size, bad[i].len);
    }
}

static void a_key_that_others_may_read_or_change_is_refused(void **state)
{
    struct folder *f = *state;
    static const mode_t bad[] = {0644, 0604, 0601, 0602, 0660, 0650, 0666, 0777};
    static const mode_t good[] = {0600, 0640, 0400, 0440};
    struct crypto_keys keys;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_key(f->key, KEY_TEXT, 65, bad[i]);
        assert_int_equal(crypto_keys_load(&keys, f->key, 1), GH_INVALID);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        write_key(f->key, KEY_TEXT, 65, good[i]);
        assert_int_equal(crypto_keys_load(&keys, f->key, 0), GH_OK);
    }
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
    struct folder *f = *state;
    struct crypto_keys keys;
    char path[128];
    assert_int_equal(mkfifo(f->key, 0600), 0);
    assert_int_equal(crypto_keys_load(&keys, f->key, 1), GH_CORRUPT);
    assert_int_equal(crypto_keys_load(&keys, f->path, 0), GH_CORRUPT);
    (void)snprintf(path, sizeof path, "%s/none/key", f->path);
    assert_int_equal(crypto_keys_load(&keys, path, 0), GH_NOT_FOUND);
    assert_int_equal(crypto_keys_load(&keys, path, 1), GH_IO);
    (void)snprintf(path, sizeof path, "%s/key/key", f->path);
    assert_int_equal(crypto_keys_load(&keys, path, 1), GH_IO);
}

static void a_key_in_the_working_folder_needs_no_slash(void **state)
{
    struct folder *f = *state;
    struct crypto_keys keys, again;
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(before >= 0);
    assert_int_equal(chdir(f->path), 0);
    enum gh_err err = crypto_keys_load(&keys, "key", 1);
    assert_int_equal(fchdir(before), 0);
    assert_int_equal(close(before), 0);
    assert_int_equal(err, GH_OK);
    assert_int_equal(crypto_keys_load(&again, f->key, 0), GH_OK);
    assert_memory_equal(&keys, &again, sizeof keys);
}

#define RACERS 8

/* A process that waits for the gun to be closed, loads, and tells what it got. */
static pid_t start_racer(const char *path, const int gun[2], int result)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char shot;
    struct crypto_keys keys;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close(gun[1]);
    bool good = read(gun[0], &shot, 1) == 0 && crypto_keys_load(&keys, path, 1) == GH_OK &&
                write(result, &keys, sizeof keys) == (ssize_t)sizeof keys;
    _exit(good ? 0 : 1);
}

/* Names in a folder, without . and .. */
static int count_files(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    assert_int_equal(closedir(dir), 0);
    return n - 2;
}

static void racing_creators_end_with_one_key(void **state)
{
    struct folder *f = *state;
    for (int round = 0; round < 25; round++) {
        int gun[2], result[2];
        pid_t pid[RACERS];
        struct crypto_keys keys, got;
        (void)unlink(f->key);
        assert_int_equal(pipe2(gun, O_CLOEXEC), 0);
        assert_int_equal(pipe2(result, O_CLOEXEC), 0);
        for (int i = 0; i < RACERS; i++) {
            pid[i] = start_racer(f->key, gun, result[1]);
            assert_true(pid[i] > 0);
        }
        (void)close(gun[0]);
        (void)close(gun[1]);
        for (int i = 0; i < RACERS; i++) {
            int status;
            assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
            assert_int_equal(status, 0);
        }
        assert_int_equal(crypto_keys_load(&keys, f->key, 0), GH_OK);
        for (int i = 0; i < RACERS; i++) {
            assert_int_equal(read(result[0], &got, sizeof got), sizeof got);
            assert_memory_equal(&got, &keys, sizeof keys);
        }
        (void)close(result[0]);
        (void)close(result[1]);
        assert_int_equal(count_files(f->path), 1);
    }
}

static int start(void **state)
{
    (void)state;
    enum gh_err first = crypto_start();
    return first == GH_OK && crypto_start() == GH_OK ? 0 : -1; /* again is harmless */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_agrees_with_its_published_examples),
        cmocka_unit_test(a_hash_in_pieces_is_the_hash_of_the_whole),
        cmocka_unit_test(hmac_agrees_with_its_published_example),
        cmocka_unit_test(a_value_is_hashed_with_its_type_and_the_key),
        cmocka_unit_test(a_key_that_was_prepared_hashes_alike),
        cmocka_unit_test(random_bytes_differ_and_forgotten_ones_are_zero),
        IN_FOLDER(keys_are_derived_from_the_file_alone),
        IN_FOLDER(a_missing_key_is_made_only_when_asked_for),
        IN_FOLDER(two_devices_have_two_keys),
        IN_FOLDER(what_is_no_key_is_refused_and_left_alone),
        IN_FOLDER(a_key_that_others_may_read_or_change_is_refused),
        IN_FOLDER(what_is_no_file_is_refused_without_waiting),
        IN_FOLDER(a_key_in_the_working_folder_needs_no_slash),
        IN_FOLDER(racing_creators_end_with_one_key),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
