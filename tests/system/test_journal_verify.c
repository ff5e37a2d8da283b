/* gatehousectl journal verify: a journal as it was written, and everything that somebody who has
 * the file, and not the key, may do to it. */
#include "gateway_fixture.h"

#include <unistd.h>

#include "app/gatehoused/recorder.h"
#include "lib/by_hand.h"
#include "lib/ctl.h"
#include "lib/journal_check.h"

static struct folder copy;
static char config[FOLDER_PATH_MAX];

static void expect(const char *config_path, int status, const char *part)
{
    char *text;
    int got = ctl_run(config_path, NULL, (const char *const[]){"journal", "verify", NULL}, &text);
    if (got != status || !strstr(text, part))
        fail_msg("it ended with %d, and said: %s\nwanted %d: %s", got, text, status, part);
    free(text);
}

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

/* As somebody who knows how pages are summed, and has not the key. */
static void sql_in(const char *folder, const char *statement)
{
    char path[FOLDER_PATH_MAX + 16], *why = NULL;
    snprintf(path, sizeof path, "%s/journal.db", folder);
    sqlite3 *db = by_hand_open(path);
    assert_non_null(db);
    sqlite3_busy_timeout(db, WAIT_MS);
    if (sqlite3_exec(db, statement, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", statement, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void sql(const char *statement)
{
    sql_in(copy.path, statement);
}

/* A fresh copy of the stopped gateway's journal and key. */
static void make_copy(void)
{
    shell("rm -f '%s'/* && cp '%s'/journal.db* '%s'/device.key '%s'/",
          copy.path, site.state_dir, site.state_dir, copy.path);
    char text[6 * FOLDER_PATH_MAX];
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw-1\nstate_dir = %s\nrun_dir = %s\n" STRIKE(0), copy.path,
             copy.path);
    assert_true(folder_write(&copy, "c.conf", text, 0600) && folder_file(&copy, "c.conf", config));
}

static int begin(void **state)
{
    if (house_begin(state) != 0 || !folder_make(&copy))
        return -1;
    for (int i = 0; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        (void)house_present(2 + i % 6, id, i % 3 ? CARD_FOUND : CARD_JANE);
    }
    return 0;
}

static int end(void **state)
{
    folder_remove(&copy);
    return house_end(state);
}

static void a_journal_as_it_was_written_is_called_so_while_it_is_written(void **state)
{
    (void)state;
    expect(site.config_path, 0, "its end is the one that gatehoused knows");
    expect(site.config_path, 0, "as they were written");
}

static void events_that_are_cut_off_behind_are_missed_by_who_wrote_them(void **state)
{
    (void)state;
    assert_true(site_start_gatehoused(&site));
    expect(site.config_path, 0, "its end is the one that gatehoused knows");
    sql_in(site.state_dir, "DELETE FROM event WHERE seq > (SELECT max(seq) FROM event) - 1");
    expect(site.config_path, 1, "the journal ends at event");
}

static void what_is_changed_taken_out_put_in_or_moved_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *found;
    } deeds[] = {
        {"UPDATE event SET body = CAST(replace(body, 'denied', 'grantd') AS BLOB) WHERE seq BETWEEN 20 "
         "AND 40", "does not follow"},
        {"UPDATE event SET body = CAST(substr(body, 1, length(body) - 1) || ' }' AS BLOB) WHERE seq = 20",
         "event 21 does not follow"},
        {"DELETE FROM event WHERE seq = 1", "events 1 to 1 are missing"},
        {"DELETE FROM event WHERE seq < 30", "events 1 to 29 are missing"},
        {"DELETE FROM event", "the cloud has events up to"},
        {"DELETE FROM event WHERE seq > 30", "the cloud has events up to"},
        {"DELETE FROM event WHERE seq < 30; INSERT INTO kept VALUES (x'', x'1e"
         "000000000000000000000000000000000000000000000000000000000000000000000000000000')", "where the journal begins was changed"},
        {"DELETE FROM event WHERE seq = 25", "events 25 to 25 are missing"},
        {"DELETE FROM event WHERE seq BETWEEN 10 AND 40", "events 10 to 40 are missing"},
        {"UPDATE event SET seq = -1 WHERE seq = 15; UPDATE event SET seq = 15 WHERE seq = 16; UPDATE "
         "event SET seq = 16 WHERE seq = -1", ""},
        {"UPDATE event SET body = CAST('{}' AS BLOB) WHERE seq = 12", "event 12 is not as it was written"},
        {"UPDATE event SET body = (SELECT body FROM event WHERE seq = 13) WHERE seq = 14",
         "event 14 is not as it was written"},
        {"INSERT INTO event SELECT max(seq) + 1, body FROM event", "is not as it was written"},
    };
    assert_true(site_wait_drained(&site, WAIT_MS)); /* so that the journal knows what the cloud has */
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    make_copy();
    expect(config, 0, "compare the head with what the cloud was told last");
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        char statement[600];
        make_copy();
        snprintf(statement, sizeof statement, "PRAGMA ignore_check_constraints = 1; %s",
                 deeds[i].statement);
        sql(statement);
        expect(config, 1, deeds[i].found);
    }
}

static void seal(void *context, unsigned char out[JOURNAL_SEAL_BYTES], struct slice text)
{
    crypto_hmac(out, ((const struct crypto_keys *)context)->journal, text);
}

/* A journal of which the cap took away what the cloud had. */
static void make_worn_journal(void)
{
    struct crypto_keys keys;
    struct recorder recorder;
    struct journal_db *db = NULL;
    struct journal_counts n;
    char why[256], path[FOLDER_PATH_MAX];
    shell("rm -f '%s'/journal*", copy.path);
    assert_true(folder_file(&copy, "device.key", path));
    assert_int_equal(crypto_keys_load(&keys, path, 0), GH_OK);
    const struct journal_db_options options = {
        copy.path, 1000, JOURNAL_CHECK_TAIL, 1, {seal, &keys}};
    assert_int_equal(journal_db_open(&db, &options, why, sizeof why), GH_OK);
    recorder_init(&recorder, journal_db_port(db), keys.journal, (struct slice){0});
    for (int i = 1; i <= 1500; i++) {
        struct event event = {.kind = EVENT_GATEWAY_STARTED};
        assert_int_equal(recorder_append(&recorder, &event, NULL, (struct slice){0}), GH_OK);
        if (i % 100 > 0)
            continue;
        assert_true(journal_check_stored(db, (uint64_t)i));
        journal_db_counts(db, &n);
        assert_int_equal(journal_db_ack(db, slice_of(n.stream), (uint64_t)i), GH_OK);
    }
    journal_db_close(db);
}

static void what_the_cap_took_away_is_not_missed_and_what_somebody_took_is(void **state)
{
    (void)state;
    make_copy();
    make_worn_journal();
    expect(config, 0, "to 1500, as they were written");
    sql("DELETE FROM event WHERE seq = (SELECT min(seq) FROM event)");
    expect(config, 1, "are missing");
    make_worn_journal();
    sql("INSERT INTO event SELECT 1, body FROM event LIMIT 1");
    expect(config, 1, "lies in front of");
    make_worn_journal();
    sql("DELETE FROM kept WHERE key = x''");
    expect(config, 1, "are missing");
}

static void what_the_cloud_has_and_the_journal_lacks_is_found_at_the_start(void **state)
{
    (void)state;
    struct journal_db *db = NULL;
    char why[256];
    make_copy();
    make_worn_journal();
    sql("DELETE FROM event WHERE seq > 1400");
    shell("rm '%s/journal.tail'", copy.path); /* from which it would come back */
    const struct journal_db_options options = {
        copy.path, 1000, JOURNAL_CHECK_TAIL, 1, {NULL, NULL}};
    assert_int_equal(journal_db_open(&db, &options, why, sizeof why), GH_CORRUPT);
}

static void every_single_byte_is_guarded(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char statement[400];
        make_copy();
        snprintf(statement, sizeof statement,
                 "UPDATE event SET body = CAST(substr(body, 1, %d) || char(unicode(substr(body, %d, 1)) "
                 "+ 1) || substr(body, %d) AS BLOB) WHERE seq = %d", 5 + i, 6 + i, 7 + i, 5 + i);
        sql(statement);
        expect(config, 1, "the journal is not as it was written: ");
    }
}

static void another_key_or_none_finds_nothing_good(void **state)
{
    (void)state;
    make_copy();
    shell("tr 0-9a-f 1-9a-f0 < '%s/device.key' > '%s/k' && cat '%s/k' > "
          "'%s/device.key'", copy.path, copy.path, copy.path, copy.path);
    expect(config, 1, "does not follow");
    shell("rm '%s/device.key'", copy.path);
    expect(config, 1, "device.key cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_as_it_was_written_is_called_so_while_it_is_written),
        cmocka_unit_test(what_is_changed_taken_out_put_in_or_moved_is_found),
        cmocka_unit_test(what_the_cap_took_away_is_not_missed_and_what_somebody_took_is),
        cmocka_unit_test(what_the_cloud_has_and_the_journal_lacks_is_found_at_the_start),
        cmocka_unit_test(every_single_byte_is_guarded),
        cmocka_unit_test(another_key_or_none_finds_nothing_good),
        cmocka_unit_test(events_that_are_cut_off_behind_are_missed_by_who_wrote_them),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
