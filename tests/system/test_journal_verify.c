/* gatehousectl journal verify: a journal as it was written, and everything that somebody who has
 * the file, and not the key, may do to it. */
#include "gateway_fixture.h"

#include <unistd.h>

#include "lib/by_hand.h"
#include "lib/ctl.h"

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
        {"DELETE FROM event WHERE seq = 25", "events 25 to 25 are missing"},
        {"DELETE FROM event WHERE seq BETWEEN 10 AND 40", "events 10 to 40 are missing"},
        {"UPDATE event SET seq = -1 WHERE seq = 15; UPDATE event SET seq = 15 WHERE seq = 16; UPDATE "
         "event SET seq = 16 WHERE seq = -1", ""},
        {"UPDATE event SET body = CAST('{}' AS BLOB) WHERE seq = 12", "event 12 is not as it was written"},
        {"UPDATE event SET body = (SELECT body FROM event WHERE seq = 13) WHERE seq = 14",
         "event 14 is not as it was written"},
        {"INSERT INTO event SELECT max(seq) + 1, body FROM event", "is not as it was written"},
    };
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
        expect(config, 1, "faults");
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
        cmocka_unit_test(every_single_byte_is_guarded),
        cmocka_unit_test(another_key_or_none_finds_nothing_good),
        cmocka_unit_test(events_that_are_cut_off_behind_are_missed_by_who_wrote_them),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
