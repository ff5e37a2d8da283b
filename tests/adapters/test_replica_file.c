/* The replica's files: missing, replaced, damaged, of others, and what a thief
 * of them finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "adapters/crypto/crypto.h"
#include "adapters/replica_fixture.h"
#include "lib/by_hand.h"
#include "lib/damage.h"
#include "lib/wait.h"

/* --- no policy ------------------------------------------------------------ */

static enum gh_err try(struct policy_store store)
{
    struct policy_facts f = {.is_available = true};
    struct id r1 = kit_id("r1");
    struct policy_query query = {.reader = &r1, .type = CREDENTIAL_CARD};
    enum gh_err err = store.ops->ask(store.self, &query, &f);
    assert_int_equal(f.is_available, err == GH_OK);
    return err;
}

static void there_is_no_policy_before_the_first_checkpoint(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(try(kit->store), GH_RETRY);
}

static void there_is_no_policy_without_a_site_row(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    assert_int_equal(try(kit->store), GH_OK);
    kit_begin(kit);
    kit_del(kit, ROW_SITE, "s");
    commit(kit);
    assert_int_equal(try(kit->store), GH_RETRY);
    struct policy_row site = kit_site("s2");
    change(kit, &site);
    assert_int_equal(try(kit->store), GH_OK);
}

struct awaited {
    struct policy_store store;
    enum gh_err expected;
};

static bool has_come(void *context)
{
    struct awaited *a = context;
    return try(a->store) == a->expected;
}

static bool has_rev_2(void *context)
{
    struct awaited *a = context;
    struct policy_version v;
    return a->store.ops->version(a->store.self, &v) == GH_OK && v.rev == 2;
}

static void assert_comes(struct policy_store store, enum gh_err expected)
{
    struct awaited a = {store, expected};
    assert_true(wait_until(has_come, &a, WAIT_MS));
}

static void a_missing_file_is_found_when_it_comes(void **state)
{
    struct kit *kit = *state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&kit->folder, "later.db", path));
    struct replica_reader *reader = replica_reader_open(path);
    struct policy_store store = replica_reader_port(reader);
    assert_int_equal(try(store), GH_RETRY);
    kit_small_policy(kit);
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    replica_reader_close(kit->reader);
    kit->reader = NULL;
    assert_int_equal(rename(kit->path, path), 0);
    assert_comes(store, GH_OK);
    replica_reader_close(reader);
}

/* The writer stops and the file goes, with its log. */
static void remove_replica(struct kit *kit)
{
    static const char *const names[] = {"replica.db", "replica.db-wal", "replica.db-shm"};
    char path[FOLDER_PATH_MAX];
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    for (size_t i = 0; i < 3; i++) {
        assert_true(folder_file(&kit->folder, names[i], path));
        assert_true(unlink(path) == 0 || i > 0);
    }
}

static void a_removed_file_is_noticed(void **state)
{
    struct kit *kit = *state;
    kit_small_policy(kit);
    assert_int_equal(try(kit->store), GH_OK);
    remove_replica(kit);
    assert_comes(kit->store, GH_RETRY);
}

static void a_replaced_file_is_noticed(void **state)
{
    struct kit *kit = *state, *other = kit_make();
    kit_small_policy(kit);
    kit_small_policy(other);
    struct policy_row site = kit_site("s");
    change(other, &site);
    assert_int_equal(try(kit->store), GH_OK);
    remove_replica(kit);
    replica_writer_close(other->writer);
    other->writer = NULL;
    assert_int_equal(rename(other->path, kit->path), 0);
    kit_free(other);
    struct awaited a = {kit->store, GH_OK};
    assert_true(wait_until(has_rev_2, &a, WAIT_MS));
}

static void a_file_that_is_no_replica_is_corrupt(void **state)
{
    struct kit *kit = *state;
    char path[FOLDER_PATH_MAX], text[8192], why[REPLICA_WHY_MAX];
    struct replica_crypto crypto = kit_crypto();
    struct replica_writer *w = NULL;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(folder_write(&kit->folder, "text.db", text, 0660));
    assert_true(folder_file(&kit->folder, "text.db", path));
    struct replica_reader *reader = replica_reader_open(path);
    assert_int_equal(try(replica_reader_port(reader)), GH_CORRUPT);
    assert_int_equal(try(replica_reader_port(reader)), GH_CORRUPT);
    replica_reader_close(reader);
    assert_int_equal(replica_writer_open(&w, path, &crypto, why), GH_CORRUPT);
    assert_null(w);
    assert_non_null(strstr(why, "text.db"));
}

/* --- the file itself ------------------------------------------------------ */

static void only_owner_and_group_may_use_the_file(void **state)
{
    struct kit *kit = *state;
    struct stat st;
    assert_int_equal(stat(kit->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
}

static void another_device_key_is_noticed(void **state)
{
    struct kit *kit = *state;
    unsigned char key[32] = "another key";
    struct replica_crypto crypto = kit_crypto();
    struct replica_writer *w = NULL;
    crypto.context = key;
    kit_small_policy(kit);
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    assert_int_equal(replica_writer_open(&w, kit->path, &crypto, kit->why), GH_CORRUPT);
    assert_null(w);
    assert_non_null(strstr(kit->why, "key"));
}

static void change_by_hand(struct kit *kit, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    db = by_hand_open(kit->path);
    assert_non_null(db);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What a fresh reader says. */
static enum gh_err answer(struct kit *kit)
{
    struct policy_facts f = {.is_available = true};
    struct id r1 = kit_id("r1");
    unsigned char hash[VALUE_HASH_LEN];
    kit_value_hash(hash, CREDENTIAL_CARD, "A1");
    struct policy_query query = {.reader = &r1, .type = CREDENTIAL_CARD, .value_hash = hash};
    struct replica_reader *reader = replica_reader_open(kit->path);
    struct policy_store store = replica_reader_port(reader);
    enum gh_err err = store.ops->ask(store.self, &query, &f);
    assert_int_equal(f.is_available, err == GH_OK);
    replica_reader_close(reader);
    return err;
}

static void impossible_values_are_not_believed(void **state)
{
    struct kit *kit = *state;
    static const char *const damages[] = {
        "UPDATE site SET read_max_age_s = 0",
        "UPDATE site SET tz = printf('%.*c', 64, 'x')",
        "UPDATE door SET release_s = 31",
        "UPDATE door SET extended_release_s = 0",
        "UPDATE person SET extended_release = 2",
        "UPDATE door SET licensed = 2",
        "UPDATE reader SET accepts = 256",
        "UPDATE reader SET door = 'no id'",
        "UPDATE person SET enabled = -1",
        "UPDATE credential SET bits = -1",
        "UPDATE credential SET disabled_reason = '!'",
        "UPDATE entitlement SET kind = 6",
        "UPDATE schedule SET windows = x'7f0000a0'",
        "UPDATE schedule SET windows = x'ff0000a005'",
        "UPDATE schedule SET windows = x'7f0000a105'",
        "UPDATE schedule SET windows = x'7fa0050100'",
        "UPDATE schedule SET windows = zeroblob(5 * 257)",
        "UPDATE entitlement SET holiday = 3",
        "UPDATE entitlement SET calendar = ''",
        "UPDATE credential SET class = 4",
        "UPDATE site SET max_age_visitor = -2",
        "UPDATE site SET pin_failures = 0",
        "UPDATE site SET pin_window_s = 0",
        "UPDATE site SET pin_lock_s = 86401",
        "UPDATE meta SET rev = -1",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        kit_begin_snapshot(kit);
        kit_put_numbered(kit, kit->rev + 1);
        commit(kit);
        assert_int_equal(answer(kit), GH_OK);
        change_by_hand(kit, damages[i]);
        if (answer(kit) != GH_CORRUPT)
            fail_msg("believed: %s", damages[i]);
    }
}

static void another_layout_is_not_touched(void **state)
{
    struct kit *kit = *state;
    struct replica_crypto crypto = kit_crypto();
    struct replica_writer *w = NULL;
    kit_small_policy(kit);
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    change_by_hand(kit, "PRAGMA user_version = 5");
    assert_int_equal(answer(kit), GH_CORRUPT);
    assert_int_equal(replica_writer_open(&w, kit->path, &crypto, kit->why), GH_CORRUPT);
    change_by_hand(kit, "PRAGMA user_version = 4; PRAGMA application_id = 5");
    assert_int_equal(answer(kit), GH_CORRUPT);
    assert_int_equal(replica_writer_open(&w, kit->path, &crypto, kit->why), GH_CORRUPT);
    change_by_hand(kit, "PRAGMA application_id = 0x47485250");
    assert_int_equal(answer(kit), GH_OK);
}

/* A thief who knows the line but for a PIN could try all PINs against any of
 * these, if it were stored as it is. */
static void no_hash_of_a_line_lies_in_the_file(void **state)
{
    struct kit *kit = *state;
    unsigned char bucket[32], digest[32];
    char hex[REPLICA_DIGEST_HEX + 1];
    kit_small_policy(kit);
    struct kit_row card = kit->applied.rows[4];
    assert_int_equal(card.kind, ROW_CREDENTIAL);
    crypto_sha256(bucket, slice_make(card.hash, 32)); /* if it is alone there */
    kit_digest(&kit->applied, hex);
    for (size_t i = 0; i < 32; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        digest[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    static const char *const names[] = {"replica.db", "replica.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        char path[FOLDER_PATH_MAX];
        size_t len = 0;
        assert_true(folder_file(&kit->folder, names[i], path));
        char *bytes = folder_read(path, &len);
        assert_non_null(bytes);
        assert_null(memmem(bytes, len, card.hash, 16));
        assert_null(memmem(bytes, len, bucket, 16));
        assert_null(memmem(bytes, len, digest, 16));
        assert_null(memmem(bytes, len, hex, 32));
        free(bytes);
    }
}

/* As a power cut in the middle of copying the log back leaves it: the page in the file is half of
 * this and half of that, and the log still has it whole. */
static void a_page_that_the_log_still_holds_is_not_damaged(void **state)
{
    struct kit *kit = *state;
    unsigned char header[4];
    char log[FOLDER_PATH_MAX];
    bool done = false;
    struct id p1 = kit_id("p1");
    struct policy_row site = kit_site("s");
    kit_begin_snapshot(kit);
    kit_put(kit, &site, 1);
    commit(kit);
    assert_int_equal(replica_writer_deny(kit->writer, ROW_PERSON, &p1, 9), GH_OK);
    assert_true(folder_file(&kit->folder, "replica.db-wal", log));
    FILE *f = fopen(log, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 32, SEEK_SET), 0); /* of its first frame: the page's number */
    assert_int_equal(fread(header, 1, 4, f), 4);
    fclose(f);
    int64_t page = (int64_t)header[2] << 8 | header[3];
    assert_true(page > 1);
    assert_true(damage_flip(kit->path, (page - 1) * 4096 + 100, 0));
    while (!done)
        assert_int_equal(replica_writer_scan(kit->writer, 1000, &done), GH_OK);
    assert_false(replica_writer_is_damaged(kit->writer));
    /* And what the log does not hold is. */
    assert_true(damage_flip(kit->path, (page - 1) * 4096 + 100, 0));
    assert_int_equal(replica_writer_scan(kit->writer, 1000, &done), GH_CORRUPT);
}

/* As a kill between the names leaves it: the damaged one has its new name, and the fresh one, whole
 * and closed, not yet. */
static void a_fresh_replica_that_was_about_to_take_its_place_takes_it_at_the_next_start(void **state)
{
    struct kit *kit = *state;
    char fresh[FOLDER_PATH_MAX + 8];
    struct policy_row site = kit_site("s");
    struct replica_state before, after;
    const struct replica_crypto crypto = kit_crypto();
    kit_begin_snapshot(kit);
    kit_put(kit, &site, 1);
    commit(kit);
    replica_writer_state(kit->writer, &before);
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    snprintf(fresh, sizeof fresh, "%s-fresh", kit->path);
    assert_int_equal(rename(kit->path, fresh), 0);
    assert_int_equal(replica_writer_open(&kit->writer, kit->path, &crypto, kit->why), GH_OK);
    replica_writer_state(kit->writer, &after);
    assert_int_equal(after.version.rev, before.version.rev);
    assert_string_equal(after.digest, before.digest);
    assert_int_equal(access(fresh, F_OK), -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_page_that_the_log_still_holds_is_not_damaged),
        TEST(a_fresh_replica_that_was_about_to_take_its_place_takes_it_at_the_next_start),
        TEST(there_is_no_policy_before_the_first_checkpoint),
        TEST(there_is_no_policy_without_a_site_row),
        TEST(a_missing_file_is_found_when_it_comes),
        TEST(a_removed_file_is_noticed),
        TEST(a_replaced_file_is_noticed),
        TEST(a_file_that_is_no_replica_is_corrupt),
        TEST(only_owner_and_group_may_use_the_file),
        TEST(another_device_key_is_noticed),
        TEST(impossible_values_are_not_believed),
        TEST(another_layout_is_not_touched),
        TEST(no_hash_of_a_line_lies_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
