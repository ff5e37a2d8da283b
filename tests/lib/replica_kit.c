#include "lib/replica_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/crypto/crypto.h"

static const unsigned char mask_key[32] = "a key that is only for the tests";

static void mask(void *context, unsigned char out[32], struct slice nonce)
{
    crypto_hmac(out, context, nonce);
}

struct replica_crypto kit_crypto(void)
{
    return (struct replica_crypto){crypto_sha256, mask, (void *)(uintptr_t)mask_key};
}

struct id kit_id(const char *text)
{
    struct id id = {{0}};
    assert_int_equal(id_set(&id, slice_of(text)), GH_OK);
    return id;
}

void kit_value_hash(unsigned char out[32], enum credential_type type, const char *value)
{
    char text[300];
    int n = snprintf(text, sizeof text, "%d %s", (int)type, value);
    crypto_hmac(out, mask_key, slice_make(text, (size_t)n));
}

struct kit *kit_make(void)
{
    struct kit *kit = calloc(1, sizeof *kit);
    struct replica_crypto crypto = kit_crypto();
    assert_non_null(kit);
    assert_int_equal(crypto_start(), GH_OK);
    assert_true(folder_make(&kit->folder));
    assert_true(folder_file(&kit->folder, "replica.db", kit->path));
    if (replica_writer_open(&kit->writer, kit->path, &crypto, kit->why) != GH_OK)
        fail_msg("%s", kit->why);
    kit->reader = replica_reader_open(kit->path);
    assert_non_null(kit->reader);
    kit->store = replica_reader_port(kit->reader);
    return kit;
}

void kit_free(struct kit *kit)
{
    if (!kit)
        return;
    replica_reader_close(kit->reader);
    replica_writer_close(kit->writer);
    folder_remove(&kit->folder);
    free(kit);
}

void kit_begin(struct kit *kit)
{
    kit->begun = kit->applied;
    assert_int_equal(replica_writer_begin(kit->writer), GH_OK);
}

void kit_begin_snapshot(struct kit *kit)
{
    kit->begun.n = 0;
    assert_int_equal(replica_writer_begin_snapshot(kit->writer), GH_OK);
}

static void model_remove(struct kit_model *model, enum row_kind kind, const struct id *id)
{
    for (size_t i = 0; i < model->n; i++)
        if (model->rows[i].kind == kind && id_equal(&model->rows[i].id, id)) {
            model->rows[i] = model->rows[--model->n];
            return;
        }
}

static void put(struct kit *kit, const struct policy_row *row, const char *value, int version)
{
    struct replica_row r = {.row = row};
    model_remove(&kit->begun, row->kind, &row->id);
    if (!row->removal) {
        char line[512];
        int n = snprintf(line, sizeof line,
                         "{\"k\":\"%s\",\"id\":\"%s\",\"v\":%d,\"value\":\"%s\"}",
                         row_kind_name(row->kind), row->id.s, version, value ? value : "");
        crypto_sha256(r.line_hash, slice_make(line, (size_t)n));
        assert_true(kit->begun.n < KIT_ROWS_MAX);
        struct kit_row *m = &kit->begun.rows[kit->begun.n++];
        *m = (struct kit_row){.kind = row->kind, .id = row->id};
        memcpy(m->hash, r.line_hash, sizeof m->hash);
    }
    if (value)
        kit_value_hash(r.value_hash, row->d.credential.type, value);
    if (replica_writer_put(kit->writer, &r, kit->why) != GH_OK)
        fail_msg("%s", kit->why);
}

void kit_put(struct kit *kit, const struct policy_row *row, int version)
{
    put(kit, row, NULL, version);
}

void kit_put_credential(struct kit *kit, const struct policy_row *row, const char *value,
                        int version)
{
    put(kit, row, value, version);
}

void kit_del(struct kit *kit, enum row_kind kind, const char *id)
{
    struct policy_row row = {.kind = kind, .id = kit_id(id), .removal = true};
    put(kit, &row, NULL, 0);
}

static int compare_hash(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static unsigned bucket_of(const struct kit_row *row)
{
    struct crypto_sha256_state state;
    unsigned char hash[32];
    crypto_sha256_begin(&state);
    crypto_sha256_add(&state, slice_of(row_kind_name(row->kind)));
    crypto_sha256_add(&state, slice_of("\n"));
    crypto_sha256_add(&state, slice_of(row->id.s));
    crypto_sha256_end(&state, hash);
    return (hash[0] * 256u + hash[1]) / 16u;
}

void kit_digest(const struct kit_model *model, char out[REPLICA_DIGEST_HEX + 1])
{
    static unsigned char hashes[KIT_ROWS_MAX][32];
    static unsigned bucket[KIT_ROWS_MAX];
    struct crypto_sha256_state all;
    unsigned char digest[32];
    for (size_t i = 0; i < model->n; i++)
        bucket[i] = bucket_of(&model->rows[i]);
    crypto_sha256_begin(&all);
    for (unsigned b = 0; b < 4096; b++) {
        struct crypto_sha256_state one;
        unsigned char hash[32];
        size_t n = 0;
        for (size_t i = 0; i < model->n; i++)
            if (bucket[i] == b)
                memcpy(hashes[n++], model->rows[i].hash, 32);
        if (n > 1)
            qsort(hashes, n, 32, compare_hash);
        crypto_sha256_begin(&one);
        for (size_t i = 0; i < n; i++)
            crypto_sha256_add(&one, slice_make(hashes[i], 32));
        crypto_sha256_end(&one, hash);
        crypto_sha256_add(&all, slice_make(hash, 32));
    }
    crypto_sha256_end(&all, digest);
    crypto_hex(out, digest, sizeof digest);
}

struct replica_checkpoint kit_checkpoint(const struct kit *kit)
{
    struct replica_checkpoint c = {.version = {1, kit->rev + 1, 1000 + kit->rev + 1},
                                   .schema = 1,
                                   .rows = (int64_t)kit->begun.n};
    kit_digest(&kit->begun, c.digest);
    return c;
}

enum gh_err kit_commit_at(struct kit *kit, const struct replica_checkpoint *checkpoint,
                          const char *cursor)
{
    enum gh_err err =
        replica_writer_commit(kit->writer, checkpoint, slice_of(cursor), kit->why);
    if (err == GH_OK) {
        kit->applied = kit->begun;
        kit->rev = checkpoint->version.rev;
    }
    return err;
}

enum gh_err kit_commit(struct kit *kit)
{
    struct replica_checkpoint c = kit_checkpoint(kit);
    return kit_commit_at(kit, &c, "cursor");
}

/* --- rows ----------------------------------------------------------------- */

static const struct validity unbounded = {INSTANT_NONE, INSTANT_NONE};

struct policy_row kit_site(const char *id)
{
    return (struct policy_row){
        .kind = ROW_SITE, .id = kit_id(id), .d.site = {
            .tz = "Europe/Berlin",
            .read_max_age_s = 5,
            .factor_timeout_s = 10,
            .pin_lockout = {5, 60, 60}}};
}

struct policy_row kit_door(const char *id)
{
    return (struct policy_row){
        .kind = ROW_DOOR,
        .id = kit_id(id),
        .d.door = {
            .name = "Door", .release_s = 10, .extended_release_s = 20, .licensed = true, .license_until = INSTANT_NONE}};
}

struct policy_row kit_reader(const char *id, const char *door)
{
    return (struct policy_row){
        .kind = ROW_READER, .id = kit_id(id), .d.reader = {kit_id(door), CREDENTIAL_TYPES_ALL}};
}

struct policy_row kit_group(const char *id)
{
    return (struct policy_row){.kind = ROW_GROUP, .id = kit_id(id)};
}

struct policy_row kit_person(const char *id)
{
    return (struct policy_row){
        .kind = ROW_PERSON, .id = kit_id(id), .d.person = {.enabled = true, .validity = unbounded}};
}

struct policy_row kit_credential(const char *id, const char *person, enum credential_type type)
{
    struct policy_row row = {
        .kind = ROW_CREDENTIAL,
        .id = kit_id(id),
        .d.credential = {.type = type,
                         .enabled = true,
                         .validity = unbounded,
                         .uses_per_door = USES_UNLIMITED,
                         .uses_total = USES_UNLIMITED}};
    if (person[0])
        row.d.credential.person = kit_id(person);
    return row;
}

struct policy_row kit_entitlement(const char *id)
{
    return (struct policy_row){
        .kind = ROW_ENTITLEMENT,
        .id = kit_id(id),
        .d.entitlement = {.kind = ENTITLEMENT_ROLE,
                          .enabled = true,
                          .validity = unbounded,
                          .calendar = {"default"}}};
}

/* --- questions ------------------------------------------------------------ */

struct policy_facts kit_ask(struct kit *kit, const char *reader, enum credential_type type,
                            const char *value, int bits)
{
    struct policy_facts facts = {0};
    struct id id = kit_id(reader);
    unsigned char hash[VALUE_HASH_LEN];
    kit_value_hash(hash, type, value);
    struct policy_query query = {.reader = &id, .type = type, .value_hash = hash, .bits = bits};
    assert_int_equal(kit->store.ops->ask(kit->store.self, &query, &facts), GH_OK);
    assert_true(facts.is_available);
    return facts;
}

const char *kit_paths(const struct policy_facts *facts, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < facts->n_entitlements && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "",
                                 facts->entitlements[i].id.s);
    return out;
}

void kit_small_policy(struct kit *kit)
{
    struct id p1 = kit_id("p1"), d1 = kit_id("d1");
    struct policy_row site = kit_site("s"), door = kit_door("d1"), reader = kit_reader("r1", "d1"),
                      person = kit_person("p1"),
                      card = kit_credential("c1", "p1", CREDENTIAL_CARD), e = kit_entitlement("e1");
    e.d.entitlement.who.persons = (struct id_list){&p1, 1};
    e.d.entitlement.where.doors = (struct id_list){&d1, 1};
    kit_begin_snapshot(kit);
    kit_put(kit, &site, 1);
    kit_put(kit, &door, 1);
    kit_put(kit, &reader, 1);
    kit_put(kit, &person, 1);
    kit_put_credential(kit, &card, "A1", 1);
    kit_put(kit, &e, 1);
    if (kit_commit(kit) != GH_OK)
        fail_msg("%s", kit->why);
}

#define NUMBERED_EXTRA 60 /* rows that only make the transaction longer */

void kit_put_numbered(struct kit *kit, int64_t n)
{
    struct policy_row site = kit_site("s"), door = kit_door("d1"), reader = kit_reader("r1", "d1"),
                      group = kit_group("g1"), person = kit_person("p1"),
                      card = kit_credential("c1", "p1", CREDENTIAL_CARD), e = kit_entitlement("e1"),
                      schedule = {.kind = ROW_SCHEDULE, .id = kit_id("w1")};
    struct id d1 = kit_id("d1");
    struct policy_membership member = {group.id, {n, INSTANT_NONE}};
    struct schedule_window window = {0x7f, (uint16_t)(n % 1000), 1200};
    int version = (int)n;
    site.d.site.read_max_age_s = (int)(n % 60) + 1;
    door.d.door.license_until = n;
    person.d.person.validity.from = n;
    person.d.person.groups = &member;
    person.d.person.n_groups = 1;
    card.d.credential.validity.from = n;
    schedule.d.schedule = (struct policy_schedule){&window, 1};
    e.d.entitlement.validity.from = n;
    e.d.entitlement.schedule = schedule.id;
    e.d.entitlement.who.groups = (struct id_list){&group.id, 1};
    e.d.entitlement.where.doors = (struct id_list){&d1, 1};
    const struct policy_row *rows[] = {&site, &door, &reader, &group, &person, &schedule, &e};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        kit_put(kit, rows[i], version);
    kit_put_credential(kit, &card, "A1", version);
    for (int i = 0; i < NUMBERED_EXTRA; i++) {
        char id[32], value[64];
        (void)snprintf(id, sizeof id, "x%d", i);
        (void)snprintf(value, sizeof value, "%lld %d", (long long)n, i);
        struct policy_row extra = kit_credential(id, "p1", CREDENTIAL_QR);
        kit_put_credential(kit, &extra, value, version);
    }
}

bool kit_is_numbered(const struct policy_facts *f)
{
    int64_t n = f->version.rev;
    return f->is_available && f->site.read_max_age_s == n % 60 + 1 && f->reader_known &&
           f->door_known && f->door->door.license_until == n && f->holder.credential_known &&
           f->holder.credential.validity.from == n && f->holder.person_known && f->holder.person.validity.from == n &&
           f->n_entitlements == 1 && f->entitlements[0].validity.from == n && f->entitlements[0].membership.from == n &&
           f->entitlements[0].hours.n == 1 && f->entitlements[0].hours.windows[0].start_min == n % 1000;
}
