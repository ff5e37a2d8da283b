/* Every Nth call of SQLite to its files fails, once or from then on, until what is done
 * runs through without meeting it. Whatever fails: nothing crashes, what was said to be
 * durable is there afterwards, who asked hears of it, and all is well again with the
 * disk.
 *
 * GATEHOUSE_STEP=1 tries every N, which takes several times as long (it was never timed); the
 * short form tries each 7th, or 59th, beginning with another one for each kind, told by
 * GATEHOUSE_SEED. GATEHOUSE_SAY=1 says each play before it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/crypto/crypto.h"
#include "adapters/old_journal.h"
#include "adapters/sqlite/journal_db.h"
#include "lib/fault_vfs.h"
#include "lib/folder.h"
#include "lib/journal_check.h"
#include "lib/replica_kit.h"
#include "lib/wait.h"

#define STEP 7
#define LONG_STEP 59 /* where a play takes its time */
#define NTH_MAX 5000
#define BOOT 7

static const struct {
    const char *name;
    unsigned calls;
    enum fault_kind kind;
} faults[] = {
    {"read", FAULT_READ, FAULT_EIO},     {"write", FAULT_WRITE, FAULT_EIO},
    {"full", FAULT_WRITE, FAULT_FULL},   {"short write", FAULT_WRITE, FAULT_SHORT},
    {"sync", FAULT_SYNC, FAULT_EIO},     {"truncate", FAULT_TRUNCATE, FAULT_EIO},
    {"open", FAULT_OPEN, FAULT_EIO},     {"shared memory", FAULT_SHM, FAULT_EIO},
    {"delete", FAULT_DELETE, FAULT_EIO}, {"any", FAULT_ANY, FAULT_EIO},
};
#define FAULTS (sizeof faults / sizeof faults[0])

static int number_of(const char *name, int otherwise)
{
    const char *given = getenv(name);
    return given ? (int)strtol(given, NULL, 10) : otherwise;
}

/* Makes each N of each fault, once and for good, of one campaign: play does what is
 * tried under the fault, and looks at what is left. */
static void try_all(const char *what, int short_step, void (*play)(const struct fault_plan *plan))
{
    int step = number_of("GATEHOUSE_STEP", short_step), seed = number_of("GATEHOUSE_SEED", 1);
    int tried = 0, met = 0;
    print_message("# GATEHOUSE_SEED=%d GATEHOUSE_STEP=%d\n", seed, step);
    for (size_t i = 0; i < 2 * FAULTS; i++) {
        struct fault_plan plan = {faults[i / 2].calls, faults[i / 2].kind, 0, i % 2 == 1};
        int first = 1 + (seed + (int)i) % step;
        for (plan.nth = first; plan.nth < NTH_MAX; plan.nth += step) {
            if (getenv("GATEHOUSE_SAY"))
                print_message("# %s: %s %d%s\n", what, faults[i / 2].name, plan.nth,
                              plan.for_good ? " and on" : "");
            play(&plan);
            tried++;
            if (fault_vfs_failed() == 0)
                break;
            met++;
        }
        assert_true(plan.nth < NTH_MAX);
    }
    print_message("# %s: %d plays, %d met their fault\n", what, tried, met);
    assert_true(met > 20);
}

/* --- the journal ---------------------------------------------------------------- */

#define BEFORE 1150 /* events that are there already: some have to go */
#define CAP 1000
#define NEWS 12

static struct folder base; /* a journal of BEFORE events, closed */

static void copy_into(const struct folder *to, const char *name)
{
    char from[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    size_t len = 0;
    assert_true(folder_file(&base, name, from) && folder_file(to, name, path));
    char *bytes = folder_read(from, &len);
    FILE *f = fopen(path, "wb");
    assert_true(bytes && f);
    assert_int_equal(len, fwrite(bytes, 1, len, f));
    assert_int_equal(0, fclose(f));
    free(bytes);
}

static int make_base(void **state)
{
    (void)state;
    assert_true(folder_make(&base));
    struct journal_db *db = journal_check_open(base.path, 10000, BOOT);
    assert_non_null(db);
    for (int i = 0; i < BEFORE; i++) {
        assert_int_equal(GH_OK, journal_check_append_kept(db, 100, i % 2));
        if (i % 100 == 0)
            assert_true(journal_check_stored(db, (uint64_t)i + 1));
    }
    journal_db_close(db);
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    folder_remove(&base);
    return 0;
}

/* What the journal said while the disk failed. */
struct said {
    bool opened, told; /* told: a fault was reported, or the open was refused with a reason */
    uint64_t durable, newest;
};

static void listen(struct journal_db *db, struct said *said)
{
    struct journal_trouble t;
    while (journal_db_trouble(db, &t))
        said->told |= t.fault[0] != '\0';
}

/* Appends, asks and acknowledges; under the fault. */
static void use_journal(const struct folder *folder, uint64_t cap, struct said *said)
{
    struct journal_db_options options = {folder->path, cap, JOURNAL_CHECK_TAIL, BOOT, {NULL, NULL}};
    struct journal_db *db = NULL;
    struct journal_counts counts;
    struct repeat found;
    struct id reader = {"r1"}, read_id = {"one"};
    char why[256] = "";
    enum gh_err err = journal_db_open(&db, &options, why, sizeof why);
    if (err != GH_OK) {
        assert_true(err == GH_IO && why[0]); /* never damaged: it would be set aside */
        said->told = true;
        return;
    }
    struct journal port = journal_db_port(db);
    said->opened = true;
    for (int i = 0; i < NEWS; i++) {
        assert_int_equal(GH_OK, journal_check_append_kept(db, 100, i % 2));
        enum gh_err asked = port.ops->repeat_find(port.self, &reader, &read_id, &found);
        assert_true(asked == GH_OK || asked == GH_NOT_FOUND || asked == GH_IO || asked == GH_RETRY);
        journal_db_counts(db, &counts);
        said->newest = counts.next_seq - 1;
        if (i == 5) {
            assert_true(journal_check_stored(db, said->newest)); /* by the tail, at the worst */
            assert_int_equal(GH_OK, journal_db_ack(db, slice_of(counts.stream), said->newest));
        }
    }
    assert_true(journal_check_stored(db, said->newest));
    said->durable = port.ops->durable(port.self);
    listen(db, said);
    journal_db_close(db);
}

/* With the disk well again: everything from `first` to the newest is there, and more
 * can be appended. */
static void assert_journal(const struct folder *folder, uint64_t cap, const struct said *said)
{
    struct journal_counts counts;
    struct journal_db *db = journal_check_open(folder->path, cap, BOOT);
    assert_non_null(db);
    journal_db_counts(db, &counts);
    if (said->opened)
        assert_int_equal(said->newest, counts.next_seq - 1);
    assert_int_equal(GH_OK, journal_check_append_kept(db, 100, true));
    assert_true(journal_check_stored(db, counts.next_seq));
    assert_true(journal_check_kept(db, counts.next_seq, counts.next_seq));
    journal_db_counts(db, &counts);
    journal_db_close(db);
    assert_true(
        journal_check_holds(folder->path, counts.first_seq, counts.next_seq - 1, 100, 0, 0));
    assert_int_equal(counts.next_seq - 1, journal_check_newest(folder->path));
}

/* What is tried with a journal that is in the folder, or is yet to be made. */
static void play_in(struct folder *folder, const struct fault_plan *plan, struct said *said)
{
    assert_true(fault_vfs_install(folder->path));
    fault_vfs_plan(plan);
    use_journal(folder, CAP, said);
    fault_vfs_heal();
    assert_journal(folder, CAP, said);
    fault_vfs_remove();
    folder_remove(folder);
}

static void play_journal(const struct fault_plan *plan)
{
    struct folder folder;
    struct said said = {.opened = false};
    assert_true(folder_make(&folder));
    copy_into(&folder, "journal.db");
    copy_into(&folder, "journal.tail");
    play_in(&folder, plan, &said);
    /* Not each failure matters: some are tried again, or tidy up only. */
    if (plan->for_good && plan->nth == 1 && (plan->calls & FAULT_WRITE))
        assert_true(said.told || fault_vfs_failed() == 0);
}

static void the_journal_survives_every_failure(void **state)
{
    (void)state;
    try_all("journal", STEP, play_journal);
}

static void play_new_journal(const struct fault_plan *plan)
{
    struct folder folder;
    struct said said = {.opened = false};
    assert_true(folder_make(&folder));
    play_in(&folder, plan, &said);
}

static void a_new_journal_survives_every_failure(void **state)
{
    (void)state;
    try_all("new journal", STEP, play_new_journal);
}

/* Its ten events, two of which are lost. */
static void play_upgrade(const struct fault_plan *plan)
{
    struct folder folder;
    struct journal_db *db = NULL;
    char why[256] = "";
    assert_true(folder_make(&folder));
    make_unchecked(&folder);
    struct journal_db_options options = {folder.path, CAP, JOURNAL_CHECK_TAIL, BOOT, {NULL, NULL}};
    assert_true(fault_vfs_install(folder.path));
    fault_vfs_plan(plan);
    enum gh_err err = journal_db_open(&db, &options, why, sizeof why);
    assert_true(err == GH_OK || (err == GH_IO && why[0]));
    if (err == GH_OK) {
        assert_int_equal(GH_OK, journal_check_append(db, 0, NULL));
        assert_true(journal_check_stored(db, 11));
        journal_db_close(db);
    }
    fault_vfs_heal();
    uint64_t last = err == GH_OK ? 11 : 10;
    journal_db_close(journal_check_open(folder.path, CAP, BOOT));
    assert_true(journal_check_holds(folder.path, 1, last, 0, 4, 5));
    fault_vfs_remove();
    folder_remove(&folder);
}

static void an_upgrade_survives_every_failure(void **state)
{
    (void)state;
    try_all("upgrade", STEP, play_upgrade);
}

/* --- the replica ---------------------------------------------------------------- */

/* Policies that differ in the door's name: "n<rev>". */
static void name_of(char out[32], int64_t rev)
{
    (void)snprintf(out, 32, "n%d", (int)rev);
}

static enum gh_err put_row(struct replica_writer *w, const struct policy_row *row, int64_t rev,
                           char why[REPLICA_WHY_MAX])
{
    struct replica_row r = {.row = row};
    memset(r.line_hash, (int)(rev + row->kind * 16), sizeof r.line_hash);
    return replica_writer_put(w, &r, why);
}

/* One batch; on_top: a change of the door alone. */
static enum gh_err put_policy(struct replica_writer *w, int64_t rev, bool on_top)
{
    char why[REPLICA_WHY_MAX] = "", name[32];
    struct policy_row site = kit_site("s"), door = kit_door("d1"), reader = kit_reader("r1", "d1");
    const struct policy_version version = {1, rev, 1750000000 + rev};
    name_of(name, rev);
    (void)snprintf(door.d.door.name, sizeof door.d.door.name, "%s", name);
    enum gh_err err = on_top ? replica_writer_begin(w) : replica_writer_begin_snapshot(w);
    if (err == GH_OK && !on_top)
        err = put_row(w, &site, rev, why);
    if (err == GH_OK && !on_top)
        err = put_row(w, &reader, rev, why);
    if (err == GH_OK)
        err = put_row(w, &door, rev, why);
    for (int i = 0; err == GH_OK && !on_top && i < 60; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "p%d", i);
        struct policy_row person = kit_person(id);
        err = put_row(w, &person, rev, why);
    }
    if (err == GH_OK)
        err = replica_writer_adopt(w, &version, 1, why);
    return err;
}

/* The rev of the policy that a reader sees, whole; 0 = none; -1: it could not be read. */
static int64_t seen_rev(const char *path)
{
    char name[32];
    struct policy_version v = {0};
    struct policy_facts facts;
    struct id door = kit_id("d1");
    struct replica_reader *reader = replica_reader_open(path);
    struct policy_store store = replica_reader_port(reader);
    enum gh_err err = store.ops->version(store.self, &v);
    if (err == GH_OK) {
        err = store.ops->look(store.self, &door, &facts);
        name_of(name, v.rev);
        if (err == GH_OK) {
            assert_true(facts.door_known);
            assert_string_equal(name, facts.door->door.name);
        }
    }
    replica_reader_close(reader);
    return err == GH_OK ? v.rev : err == GH_RETRY ? 0 : -1;
}

struct written {
    int64_t sure, tried; /* revs whose commit succeeded, and that were begun */
    bool heard;
};

static void write_batch(struct replica_writer *w, int64_t rev, bool on_top, struct written *out)
{
    out->tried = rev;
    enum gh_err err = put_policy(w, rev, on_top);
    assert_int_not_equal(GH_CORRUPT, err);
    assert_int_not_equal(GH_INVALID, err);
    if (err == GH_OK)
        out->sure = rev;
    else
        out->heard = true;
}

/* Opens as syncd does, also again after an error that a writer does not survive. */
static struct replica_writer *open_writer(const char *path, struct written *out)
{
    char why[REPLICA_WHY_MAX] = "";
    struct replica_crypto crypto = kit_crypto();
    struct replica_writer *w = NULL;
    enum gh_err err = replica_writer_open(&w, path, &crypto, why);
    assert_int_not_equal(GH_CORRUPT, err);
    if (err != GH_OK) {
        assert_true(why[0]);
        out->heard = true;
    }
    return w;
}

static void assert_replica(const char *path, struct written *out)
{
    struct replica_state state;
    int64_t seen = seen_rev(path);
    assert_true(seen >= out->sure && seen <= out->tried);
    struct replica_writer *w = open_writer(path, out);
    assert_non_null(w);
    replica_writer_state(w, &state);
    assert_int_equal(seen, state.version.rev);
    assert_int_equal(GH_OK, put_policy(w, 90, false));
    assert_int_equal(GH_OK, put_policy(w, 91, true));
    assert_false(replica_writer_is_damaged(w));
    assert_int_equal(91, seen_rev(path));
    replica_writer_close(w);
    assert_int_equal(91, seen_rev(path));
}

static void play_replica(const struct fault_plan *plan)
{
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    struct written out = {.sure = 0};
    struct id person = kit_id("p1");
    assert_true(folder_make(&folder) && folder_file(&folder, "replica.db", path));
    assert_true(fault_vfs_install(folder.path));
    fault_vfs_plan(plan);
    struct replica_writer *w = open_writer(path, &out);
    if (w)
        write_batch(w, 1, false, &out);
    int64_t seen = seen_rev(path);
    assert_true(seen == -1 || (seen <= out.tried));
    if (w && replica_writer_deny(w, ROW_PERSON, &person, 50) != GH_OK)
        out.heard = true;
    if (w)
        write_batch(w, 2, true, &out);
    replica_writer_close(w);
    w = open_writer(path, &out);
    if (w)
        write_batch(w, 3, false, &out);
    replica_writer_close(w);
    int failed = fault_vfs_failed();
    fault_vfs_heal();
    if (plan->for_good && failed > 0 && (plan->calls & (FAULT_WRITE | FAULT_SYNC)) &&
        plan->nth == 1)
        assert_true(out.heard);
    assert_replica(path, &out);
    fault_vfs_remove();
    folder_remove(&folder);
}

static void the_replica_survives_every_failure(void **state)
{
    (void)state;
    assert_int_equal(GH_OK, crypto_start());
    try_all("replica", LONG_STEP, play_replica);
}

/* A fresh one beside a damaged one. */
static void play_fresh(const struct fault_plan *plan)
{
    struct folder folder;
    char path[FOLDER_PATH_MAX], why[REPLICA_WHY_MAX] = "";
    struct written out = {.sure = 0};
    struct replica_crypto crypto = kit_crypto();
    struct replica_writer *w = NULL;
    assert_true(folder_make(&folder) && folder_file(&folder, "replica.db", path));
    w = open_writer(path, &out);
    assert_non_null(w);
    write_batch(w, 1, false, &out);
    replica_writer_close(w);
    assert_int_equal(1, out.sure);
    w = NULL;
    assert_true(fault_vfs_install(folder.path));
    fault_vfs_plan(plan);
    if (replica_writer_open_fresh(&w, path, &crypto, why) == GH_OK) {
        assert_int_equal(GH_INVALID, replica_writer_begin(w));
        write_batch(w, 2, false, &out);
        if (out.sure == 2)
            write_batch(w, 3, true, &out);
    }
    replica_writer_close(w);
    fault_vfs_heal();
    /* It does not vanish: the one or the other has the name. */
    assert_true(seen_rev(path) >= out.sure);
    assert_replica(path, &out);
    fault_vfs_remove();
    folder_remove(&folder);
}

static void a_replica_that_is_replaced_survives_every_failure(void **state)
{
    (void)state;
    try_all("fresh replica", LONG_STEP, play_fresh);
}

/* --- a reader ------------------------------------------------------------------- */

static struct folder read_folder;
static char read_path[FOLDER_PATH_MAX];

static bool is_answered(void *context)
{
    struct policy_store *store = context;
    struct policy_version v;
    return store->ops->version(store->self, &v) == GH_OK;
}

static void play_reader(const struct fault_plan *plan)
{
    fault_vfs_plan(plan);
    struct replica_reader *reader = replica_reader_open(read_path);
    struct policy_store store = replica_reader_port(reader);
    int unanswered = 0;
    for (int i = 0; i < 3; i++) {
        struct policy_facts facts;
        struct id r = kit_id("r1"), unknown = kit_id("r2");
        struct policy_query query = {.reader = i == 1 ? &unknown : &r, .type = CREDENTIAL_CARD};
        enum gh_err err = store.ops->ask(store.self, &query, &facts);
        assert_int_equal(err == GH_OK, facts.is_available);
        assert_int_not_equal(GH_CORRUPT, err);
        if (err == GH_OK)
            assert_int_equal(i != 1, facts.reader_known);
        unanswered += err != GH_OK;
    }
    int failed = fault_vfs_failed();
    fault_vfs_heal();
    if (failed == 0)
        assert_int_equal(0, unanswered);
    if (plan->nth <= 2) /* it looks again once a second */
        assert_true(wait_until(is_answered, &store, WAIT_MS));
    replica_reader_close(reader);
}

static void a_reader_that_cannot_read_says_so_and_recovers(void **state)
{
    (void)state;
    struct written out = {.sure = 0};
    assert_true(folder_make(&read_folder) && folder_file(&read_folder, "replica.db", read_path));
    struct replica_writer *w = open_writer(read_path, &out);
    assert_non_null(w);
    write_batch(w, 1, false, &out);
    assert_true(fault_vfs_install(read_folder.path));
    try_all("reader", 3, play_reader);
    fault_vfs_remove();
    replica_writer_close(w);
    folder_remove(&read_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_journal_survives_every_failure, make_base, remove_base),
        cmocka_unit_test(a_new_journal_survives_every_failure),
        cmocka_unit_test(an_upgrade_survives_every_failure),
        cmocka_unit_test(the_replica_survives_every_failure),
        cmocka_unit_test(a_replica_that_is_replaced_survives_every_failure),
        cmocka_unit_test(a_reader_that_cannot_read_says_so_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
