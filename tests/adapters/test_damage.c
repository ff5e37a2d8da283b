/* Files that a disk has damaged: bits turned round, cut short, sectors of zeros, pages
 * changed about. No decision by a damaged replica is a grant that the whole one would
 * not give, and no event of a damaged journal is another one than was written.
 *
 * GATEHOUSE_DAMAGES=2000 is the long form; GATEHOUSE_SEED replays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "adapters/glib/zone.h"
#include "adapters/sqlite/journal_file.h"
#include "adapters/sqlite/page_check.h"
#include "core/access.h"
#include "lib/damage.h"
#include "lib/journal_check.h"
#include "lib/replica_kit.h"

#define DAMAGES 100
#define PEOPLE 120
#define DOORS 4
#define NOW 1750000000

/* --- the damage --------------------------------------------------------------- */

static unsigned first_seed(void)
{
    const char *given = getenv("GATEHOUSE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20250117;
    print_message("# GATEHOUSE_SEED=%u\n", seed);
    return seed;
}

static int damages(void)
{
    const char *given = getenv("GATEHOUSE_DAMAGES");
    return given ? (int)strtol(given, NULL, 10) : DAMAGES;
}

/* A file as it was before. */
struct original {
    char path[FOLDER_PATH_MAX];
    char *bytes;
    size_t len;
};

static struct original keep(const struct folder *folder, const char *name)
{
    struct original o = {.len = 0};
    assert_true(folder_file(folder, name, o.path));
    o.bytes = folder_read(o.path, &o.len);
    assert_non_null(o.bytes);
    assert_true(o.len >= 10 * PAGE_BYTES && o.len % PAGE_BYTES == 0);
    return o;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(len, fwrite(bytes, 1, len, f));
    assert_int_equal(0, fclose(f));
}

static void put_back(const struct original *o)
{
    static const char *const suffixes[] = {"-wal", "-shm"};
    char path[FOLDER_PATH_MAX + 8];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s%s", o->path, suffixes[i]);
        (void)unlink(path);
    }
    write_file(o->path, o->bytes, o->len);
}

enum harm { HARM_BIT, HARM_HEADER_BIT, HARM_BYTES, HARM_CUT, HARM_ZEROS, HARM_MOVED, HARMS };

static size_t below(unsigned *seed, size_t n)
{
    return (size_t)rand_r(seed) % n;
}

static void do_harm(const struct original *o, enum harm harm, unsigned *seed)
{
    char *bytes = malloc(o->len);
    assert_non_null(bytes);
    memcpy(bytes, o->bytes, o->len);
    size_t at = below(seed, o->len), page = below(seed, o->len / PAGE_BYTES) * PAGE_BYTES,
           other = below(seed, o->len / PAGE_BYTES) * PAGE_BYTES, len = o->len;
    switch (harm) {
    case HARM_BIT: bytes[at] ^= (char)(1 << below(seed, 8)); break;
    case HARM_HEADER_BIT: /* what pages are, and where their cells lie */
        bytes[page + below(seed, 40) + (page == 0 ? 100 * below(seed, 2) : 0)] ^=
            (char)(1 << below(seed, 8));
        break;
    case HARM_BYTES:
        for (size_t i = at; i < o->len && i < at + 1 + below(seed, 64); i++)
            bytes[i] = (char)below(seed, 256);
        break;
    case HARM_CUT: len = at; break;
    case HARM_ZEROS: memset(bytes + at / 512 * 512, 0, 512); break;
    case HARM_MOVED: memcpy(bytes + page, o->bytes + other, PAGE_BYTES); break;
    case HARMS: break;
    }
    put_back(o);
    write_file(o->path, bytes, len);
    free(bytes);
}

static enum harm harm_of(unsigned *seed)
{
    size_t n = below(seed, 10); /* mostly single bits */
    return n < 5 ? HARM_BIT : (enum harm)(HARM_HEADER_BIT + (n - 5));
}

/* --- the replica -------------------------------------------------------------- */

static struct id numbered(char prefix, int n)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%c%d", prefix, n);
    return kit_id(text);
}

static void put_building(struct kit *kit)
{
    struct policy_row site = kit_site("s");
    kit_put(kit, &site, 1);
    for (int i = 0; i < DOORS; i++) {
        struct id d = numbered('d', i), r = numbered('r', i);
        struct policy_row door = kit_door(d.s), reader = kit_reader(r.s, d.s);
        door.d.door.licensed = i != 3;
        kit_put(kit, &door, 1);
        kit_put(kit, &reader, 1);
    }
    for (int i = 0; i < 8; i++) {
        struct id g = numbered('g', i), d = numbered('d', i % DOORS);
        struct policy_row group = kit_group(g.s), e = kit_entitlement(numbered('e', i).s);
        e.d.entitlement.enabled = i != 5;
        e.d.entitlement.validity.until = i == 6 ? NOW - 1000 : INSTANT_NONE;
        e.d.entitlement.who.groups = (struct id_list){&g, 1};
        e.d.entitlement.where.doors = (struct id_list){&d, 1};
        kit_put(kit, &group, 1);
        kit_put(kit, &e, 1);
    }
}

static void put_person(struct kit *kit, int i)
{
    char value[16];
    struct id p = numbered('p', i);
    struct policy_row person = kit_person(p.s),
                      card = kit_credential(numbered('c', i).s, p.s, CREDENTIAL_CARD);
    struct policy_membership members[2] = {
        {numbered('g', i % 8), {INSTANT_NONE, INSTANT_NONE}},
        {numbered('g', i / 8 % 8), {INSTANT_NONE, INSTANT_NONE}}};
    person.d.person.enabled = i % 4 != 1;
    person.d.person.validity.until = i % 5 == 2 ? NOW - 5000 : INSTANT_NONE;
    person.d.person.groups = members;
    person.d.person.n_groups = (size_t)i % 3;
    card.d.credential.enabled = i % 6 != 4;
    (void)snprintf(value, sizeof value, "%04X", 0x1000 + i);
    kit_put(kit, &person, 1);
    kit_put_credential(kit, &card, value, 1);
}

/* Decisions of all people, and two strangers, at all doors. */
struct answers {
    bool granted[PEOPLE + 2][DOORS];
    int grants, unavailable;
};

static void decide_all(struct answers *out, const char *path, const struct zone_view *zone)
{
    struct replica_reader *reader = replica_reader_open(path);
    struct policy_store store = replica_reader_port(reader);
    const struct access_request request = {.type = CREDENTIAL_CARD};
    const struct door_situation door = {.local.restored_at = INSTANT_NONE,
                                        .is_controller_online = true};
    const struct holder_situation holder = {.areas = NULL};
    *out = (struct answers){.grants = 0};
    for (int i = 0; i < (PEOPLE + 2) * DOORS; i++) {
        char value[16];
        unsigned char hash[VALUE_HASH_LEN];
        struct id r = numbered('r', i % DOORS);
        struct policy_facts policy;
        (void)snprintf(value, sizeof value, "%04X", 0x1000 + i / DOORS);
        kit_value_hash(hash, CREDENTIAL_CARD, value);
        struct policy_query query = {.reader = &r, .type = CREDENTIAL_CARD, .value_hash = hash};
        if (store.ops->ask(store.self, &query, &policy) != GH_OK) {
            assert_false(policy.is_available);
            out->unavailable++;
            continue;
        }
        struct access_facts facts = {.policy = &policy,
                                     .door = &door,
                                     .holder = &holder,
                                     .now = {{NOW, CLOCK_SYNCED}, zone, zone}};
        bool granted = access_decide(&request, &facts, NULL).decision == DECISION_GRANTED;
        out->granted[i / DOORS][i % DOORS] = granted;
        out->grants += granted;
    }
    replica_reader_close(reader);
}

static int wrong_grants(const struct answers *is, const struct answers *should)
{
    int n = 0;
    for (int i = 0; i < PEOPLE + 2; i++)
        for (int d = 0; d < DOORS; d++)
            n += is->granted[i][d] && !should->granted[i][d];
    return n;
}

struct house {
    struct kit *kit;
    struct original file;
    struct zone_view zone;
    struct answers whole;
};

static void make_house(struct house *h)
{
    h->kit = kit_make();
    kit_begin_snapshot(h->kit);
    put_building(h->kit);
    for (int i = 0; i < PEOPLE; i++)
        put_person(h->kit, i);
    if (kit_commit(h->kit) != GH_OK)
        fail_msg("%s", h->kit->why);
    replica_writer_close(h->kit->writer);
    h->kit->writer = NULL;
    replica_reader_close(h->kit->reader);
    h->kit->reader = NULL;
    h->file = keep(&h->kit->folder, "replica.db");
    assert_int_equal(GH_OK, zone_view_load(&h->zone, "UTC", NOW));
    decide_all(&h->whole, h->kit->path, &h->zone);
    assert_int_equal(0, h->whole.unavailable);
    assert_true(h->whole.grants > 20 && h->whole.grants < PEOPLE * DOORS / 2);
}

static void free_house(struct house *h)
{
    free(h->file.bytes);
    kit_free(h->kit);
}

static void a_damaged_replica_gives_no_wrong_grant(void **state)
{
    (void)state;
    static struct house h;
    struct answers is;
    unsigned seed = first_seed();
    int n = damages(), noticed = 0, served = 0;
    make_house(&h);
    for (int i = 0; i < n; i++) {
        do_harm(&h.file, harm_of(&seed), &seed);
        decide_all(&is, h.kit->path, &h.zone);
        if (wrong_grants(&is, &h.whole) != 0)
            fail_msg("damage %d: %d wrong grants", i, wrong_grants(&is, &h.whole));
        noticed += is.unavailable > 0;
        served += is.grants;
    }
    print_message("# %d damages, %d met, %d%% of the grants given all the same\n", n, noticed,
                  (int)(100L * served / ((long)h.whole.grants * n)));
    assert_true(noticed > n / 10 && served > 0);
    free_house(&h);
}

/* The same without sums: this campaign can fail. */
static void without_the_check_there_are_wrong_grants(void **state)
{
    (void)state;
    static struct house h;
    struct answers is;
    unsigned seed = 1762303697; /* of a bit that does it at once, with the SQLite of Debian 12 */
    int wrong = 0;
    make_house(&h);
    sqlite3_vfs plain = *sqlite3_vfs_find(NULL);
    plain.zName = PAGE_CHECK_VFS;
    assert_int_equal(SQLITE_OK, sqlite3_vfs_unregister(sqlite3_vfs_find(PAGE_CHECK_VFS)));
    assert_int_equal(SQLITE_OK, sqlite3_vfs_register(&plain, 0));
    for (int i = 0; i < 3000 && wrong == 0; i++) {
        do_harm(&h.file, HARM_BIT, &seed);
        decide_all(&is, h.kit->path, &h.zone);
        wrong = wrong_grants(&is, &h.whole);
        if (wrong)
            print_message("# bit %d: %d wrong grants\n", i, wrong);
    }
    assert_int_equal(SQLITE_OK, sqlite3_vfs_unregister(&plain));
    assert_int_equal(GH_OK, page_check_register());
    assert_true(wrong > 0);
    free_house(&h);
}

/* --- the journal ---------------------------------------------------------------- */

#define EVENTS 400

struct reading {
    uint64_t next;
    bool is_right;
};

static bool take(void *context, uint64_t seq, struct slice event)
{
    struct reading *r = context;
    char bytes[EVENT_JSON_MAX];
    struct slice should = journal_check_event(bytes, seq, 0);
    r->is_right = r->is_right && seq == r->next && slice_equal(event, should);
    r->next = seq + 1;
    return true;
}

/* As gatehoused opens it, then all of it read. GH_OK: all that it holds was right. */
static enum gh_err open_and_read(const struct folder *folder, uint64_t *events)
{
    const struct journal_db_options options = {folder->path, 1000000, JOURNAL_CHECK_TAIL, 1, {NULL, NULL}};
    struct journal_db *db = NULL;
    struct journal_reader *reader = NULL;
    struct reading r = {1, true};
    char why[256];
    enum gh_err err = journal_db_open(&db, &options, why, sizeof why);
    if (err != GH_OK)
        return err;
    err = journal_reader_open(&reader, folder->path);
    if (err == GH_OK)
        err = journal_reader_each(reader, 0, UINT64_MAX, SIZE_MAX, take, &r);
    journal_reader_close(reader);
    journal_db_close(db);
    assert_true(r.is_right);
    *events = r.next - 1;
    return err;
}

static void fill_journal(const struct folder *folder)
{
    const struct journal_db_options options = {folder->path, 1000000, JOURNAL_CHECK_TAIL, 1, {NULL, NULL}};
    struct journal_db *db = NULL;
    char why[256], path[FOLDER_PATH_MAX];
    assert_int_equal(GH_OK, journal_db_open(&db, &options, why, sizeof why));
    for (int i = 0; i < EVENTS; i++)
        assert_int_equal(GH_OK, journal_check_append(db, 0, NULL));
    assert_true(journal_check_stored(db, EVENTS));
    journal_db_close(db);
    assert_true(folder_file(folder, "journal.tail", path));
    assert_int_equal(0, unlink(path));
}

static void a_damaged_journal_gives_no_wrong_event(void **state)
{
    (void)state;
    struct folder folder;
    unsigned seed = first_seed();
    int n = damages(), noticed = 0;
    uint64_t events = 0;
    assert_true(folder_make(&folder));
    fill_journal(&folder);
    struct original file = keep(&folder, "journal.db");
    for (int i = 0; i < n; i++) {
        do_harm(&file, harm_of(&seed), &seed);
        enum gh_err err = open_and_read(&folder, &events);
        if (err != GH_CORRUPT && !(err == GH_OK && events == EVENTS))
            fail_msg("damage %d: %s, %d events", i, gh_err_name(err), (int)events);
        noticed += err == GH_CORRUPT;
    }
    print_message("# %d damages, %d met\n", n, noticed);
    assert_true(noticed > n / 10);
    put_back(&file);
    assert_int_equal(GH_OK, open_and_read(&folder, &events));
    assert_int_equal(EVENTS, events);
    free(file.bytes);
    folder_remove(&folder);
}

/* A start looks at the ends of the journal only. What its thread meets later is noted,
 * and the next start refuses the file, so that it is set aside. */
static void damage_that_is_met_later_is_for_the_next_start(void **state)
{
    (void)state;
    struct folder folder;
    const struct journal_db_options options = {folder.path, 1000000, JOURNAL_CHECK_TAIL, 1, {NULL, NULL}};
    struct repeat repeat = {{"r1"}, {"a-read-of-the-test"}, {"d1"}, .decision = DECISION_DENIED};
    struct journal_trouble t = {0};
    struct journal_db *db = NULL;
    char why[256];
    assert_true(folder_make(&folder));
    fill_journal(&folder);
    assert_int_equal(GH_OK, journal_db_open(&db, &options, why, sizeof why));
    assert_int_equal(GH_OK, journal_check_append(db, 0, &repeat));
    assert_true(journal_check_stored(db, EVENTS + 1));
    journal_db_close(db);
    struct original file = keep(&folder, "journal.db");
    const char *at = memmem(file.bytes, file.len, repeat.read_id.s, strlen(repeat.read_id.s));
    assert_non_null(at);
    assert_true(damage_flip(file.path, at - file.bytes, 0));
    assert_int_equal(GH_OK, journal_db_open(&db, &options, why, sizeof why));
    (void)snprintf(repeat.read_id.s, sizeof repeat.read_id.s, "another-read");
    assert_int_equal(GH_OK, journal_check_append(db, 0, &repeat));
    while (!strstr(t.fault, "damaged"))
        assert_true(journal_check_trouble(db, &t));
    assert_true(journal_check_stored(db, EVENTS + 2)); /* by the tail */
    journal_db_close(db);
    assert_int_equal(GH_CORRUPT, journal_db_open(&db, &options, why, sizeof why));
    assert_true(journal_db_opens_slowly(folder.path));
    assert_true(journal_file_is_suspect(folder.path)); /* if we were killed before it went aside */
    put_back(&file); /* restored: the suspicion is gone, and the tail is taken over */
    assert_int_equal(GH_OK, journal_db_open(&db, &options, why, sizeof why));
    journal_db_close(db);
    assert_false(journal_file_is_suspect(folder.path) || journal_db_opens_slowly(folder.path));
    assert_true(journal_check_holds(folder.path, 1, EVENTS + 2, 0, 0, 0));
    free(file.bytes);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_replica_gives_no_wrong_grant),
        cmocka_unit_test(without_the_check_there_are_wrong_grants),
        cmocka_unit_test(a_damaged_journal_gives_no_wrong_event),
        cmocka_unit_test(damage_that_is_met_later_is_for_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
