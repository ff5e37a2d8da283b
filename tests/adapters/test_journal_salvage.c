/* What decisions keep survives a journal that is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/folder_fixture.h"
#include "adapters/sqlite/journal_file.h"
#include "app/gatehoused/journal_open.h"
#include "lib/by_hand.h"
#include "lib/damage.h"
#include "lib/journal_check.h"

#define BOOT 3
#define EVENTS 240
#define MANY 300 /* keys beside those of the events: some pages */
#define PAGE 4096
#define WHOLE "as they were"

static void path_of(char out[FOLDER_PATH_MAX], const struct folder *folder, const char *name)
{
    assert_true(folder_file(folder, name, out));
}

/* EVENTS events with their changes, and MANY values beside; ended in order. */
static void make(const struct folder *folder)
{
    struct journal_db *db = journal_check_open(folder->path, 1000, BOOT);
    assert_non_null(db);
    struct journal port = journal_db_port(db);
    for (int i = 0; i < MANY; i++) {
        struct changes c = {.len = 0};
        char key[16];
        snprintf(key, sizeof key, "m%04d", i);
        assert_int_equal(changes_add(&c, slice_of(key), slice_make(&i, sizeof i)), GH_OK);
        assert_int_equal(port.ops->keep(port.self, changes_slice(&c)), GH_OK);
        if (i % 50 == 0)
            journal_db_settle(db);
    }
    for (int i = 0; i < EVENTS; i++)
        assert_int_equal(journal_check_append_kept(db, 300, false), GH_OK);
    assert_true(journal_check_stored(db, EVENTS));
    journal_db_close(db);
}

static struct journal_db *start(const struct folder *folder, char why[JOURNAL_OPEN_WHY_MAX])
{
    const struct journal_db_options options = {.folder = folder->path, .max_events = 1000,
                                               .tail_bytes = JOURNAL_CHECK_TAIL, .boot_id_hash = BOOT};
    struct journal_db *db = NULL;
    assert_int_equal(journal_open(&db, &options, why), GH_OK);
    return db;
}

struct seen {
    int many;
    uint64_t count;
    bool is_wrong;
};

static bool see(void *context, struct slice key, struct slice value)
{
    struct seen *s = context;
    int i = -1, wanted;
    if (key.len == 5 && key.ptr[0] == 'm' && value.len == sizeof i) {
        memcpy(&i, value.ptr, sizeof i);
        wanted = (key.ptr[1] - '0') * 1000 + (key.ptr[2] - '0') * 100 + (key.ptr[3] - '0') * 10 + key.ptr[4] - '0';
        s->is_wrong |= i != wanted;
        s->many++;
    } else if (slice_is(key, "count") && value.len == sizeof s->count) {
        memcpy(&s->count, value.ptr, sizeof s->count);
    }
    return true;
}

static struct seen look(struct journal_db *db)
{
    struct seen s = {.many = 0};
    struct journal port = journal_db_port(db);
    assert_int_equal(port.ops->kept_each(port.self, see, &s), GH_OK);
    return s;
}

/* One page after the other is damaged: what is said to be whole is, and nothing is invented. */
static void whichever_page_is_damaged_what_is_kept_goes_over_or_it_is_said(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX], why[JOURNAL_OPEN_WHY_MAX];
    int whole = 0, part = 0;
    int64_t pages = 1;
    for (int64_t page = 1; page <= pages; page++) {
        struct folder one = {0};
        assert_true(folder_make(&one));
        make(&one);
        path_of(path, &one, "journal.db");
        pages = damage_size(path) / PAGE;
        assert_true(damage_flip(path, (page - 1) * PAGE + 2000, 3));
        journal_file_suspect(one.path); /* some pages a start does not look at */
        for (int starts = 0; starts < 2; starts++) {
            struct journal_db *db = start(&one, why);
            struct seen s = look(db);
            assert_false(s.is_wrong);
            bool is_all = s.many == MANY && s.count == EVENTS;
            if (starts == 0) {
                assert_non_null(strstr(why, "journal.db.damaged-1"));
                whole += strstr(why, WHOLE) != NULL;
                part += s.many < MANY && s.many > MANY / 3;
                assert_true(is_all || !strstr(why, WHOLE));
            }
            journal_close(db, one.path);
        }
        path_of(path, &one, "journal.db.damaged-1-shm");
        assert_int_not_equal(access(path, F_OK), 0);
        folder_remove(&one);
    }
    print_message("# %d pages: %d starts with all of it, %d with a part\n", (int)pages, whole, part);
    assert_true(whole >= 5 && part >= 1);
}

/* Until a damaged database is set aside only the tail has what is kept. */
static void what_only_the_tail_has_goes_over_too(void **state)
{
    const struct folder *folder = *state;
    char path[FOLDER_PATH_MAX], why[JOURNAL_OPEN_WHY_MAX];
    int status = 0;
    make(folder);
    path_of(path, folder, "journal.db");
    sqlite3 *other = by_hand_open(path);
    assert_non_null(other);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct journal_db *db = journal_check_open(folder->path, 1000, BOOT);
        for (int i = 0; i < 20; i++)
            if (!db || journal_check_append_kept(db, 100, false) != GH_OK)
                _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_true(damage_flip(path, damage_size(path) - PAGE + 2000, 3));
    journal_file_suspect(folder->path);
    struct journal_db *db = start(folder, why);
    assert_non_null(strstr(why, "journal.db.damaged-1"));
    assert_int_equal(look(db).count, EVENTS + 20);
    journal_close(db, folder->path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whichever_page_is_damaged_what_is_kept_goes_over_or_it_is_said,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_the_tail_has_goes_over_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
