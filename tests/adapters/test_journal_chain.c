/* The chain of a journal at work: the cap takes events away while it is looked through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/ctl/chain.h"
#include "app/gatehoused/recorder.h"
#include "lib/folder.h"
#include "lib/journal_check.h"

#define CAP 1000

static struct folder folder;
static const struct crypto_keys keys = {.journal = {7}};
static struct journal_db *db;
static struct recorder recorder;
static struct chain chain;

static void seal(void *context, unsigned char out[JOURNAL_SEAL_BYTES], struct slice text)
{
    (void)context;
    crypto_hmac(out, keys.journal, text);
}

static int begin(void **state)
{
    (void)state;
    char why[256];
    if (crypto_start() != GH_OK || !folder_make(&folder))
        return -1;
    const struct journal_db_options options = {
        folder.path, CAP, JOURNAL_CHECK_TAIL, 1, {seal, NULL}};
    if (journal_db_open(&db, &options, why, sizeof why) != GH_OK)
        return -1;
    recorder_init(&recorder, journal_db_port(db), keys.journal, (struct slice){0});
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_db_close(db);
    folder_remove(&folder);
    return 0;
}

/* The cloud has all of them. */
static void record(int n)
{
    struct journal_counts counts;
    for (int i = 0; i < n; i++) {
        struct event event = {.kind = EVENT_DOOR_OPENED};
        assert_int_equal(recorder_append(&recorder, &event, NULL, (struct slice){0}), GH_OK);
        if (i % 50 == 49 || i == n - 1)
            assert_true(journal_check_stored(db, event.seq));
    }
    journal_db_counts(db, &counts);
    assert_int_equal(journal_db_ack(db, slice_of(counts.stream), counts.next_seq - 1), GH_OK);
}

static uint64_t first_seq(void)
{
    struct journal_counts counts;
    journal_db_counts(db, &counts);
    return counts.first_seq;
}

/* Looks through it all, `before` of them before so many more are recorded. */
static uint64_t faults_of(uint64_t before, int recorded_meanwhile)
{
    struct journal_reader *reader;
    bool more = true;
    assert_int_equal(journal_reader_open(&reader, folder.path), GH_OK);
    assert_int_equal(chain_open(&chain, &keys, reader), GH_OK);
    if (before > 0)
        assert_int_equal(chain_read(&chain, before, &more), GH_OK);
    record(recorded_meanwhile);
    while (more)
        assert_int_equal(chain_read(&chain, 300, &more), GH_OK);
    chain_close(&chain);
    journal_reader_close(reader);
    return chain.faults;
}

static void what_the_cap_takes_away_meanwhile_is_not_missed(void **state)
{
    (void)state;
    record(900);
    assert_int_equal(faults_of(100, 600), 0); /* the next to be read is gone */
    assert_true(first_seq() > 101);
    assert_int_equal(faults_of(0, 300), 0); /* so is the first */
    assert_int_equal(faults_of(CAP - 200, 100), 0); /* those that were read are */
    assert_int_equal(faults_of(0, 0), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_the_cap_takes_away_meanwhile_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
