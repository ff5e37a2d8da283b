#include "bench/large_site.h"

#include <stdio.h>

#include "core/access.h"
#include "lib/wait.h"

#define GROUPS 200
#define SCHEDULES 20
#define DOOR_GROUPS 50
#define GROUP_DOORS_MAX 20

unsigned large_any(struct large_site *s, unsigned n)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return (s->seed >> 8) % n;
}

struct id large_id(char letter, long n)
{
    struct id id = {""};
    snprintf(id.s, sizeof id.s, "%c%ld", letter, n);
    return id;
}

static void mask(void *context, unsigned char out[32], struct slice nonce)
{
    const struct crypto_keys *keys = context;
    crypto_hmac(out, keys->journal, nonce);
}

/* --- the policy ---------------------------------------------------------------------------- */

static bool put(struct large_site *s, struct policy_row *row)
{
    struct replica_row stored = {.row = row};
    crypto_sha256(stored.line_hash, slice_of(row->id.s));
    if (row->kind == ROW_CREDENTIAL)
        crypto_value_hash(stored.value_hash, &s->keys, row->d.credential.type,
                          &row->d.credential.value);
    return replica_writer_put(s->writer, &stored, s->why) == GH_OK;
}

static bool put_building(struct large_site *s)
{
    struct policy_row site = {.kind = ROW_SITE, .id = {"site"}};
    site.d.site = (struct policy_site){.tz = LARGE_ZONE,
                                       .read_max_age_s = 5,
                                       .factor_timeout_s = 10,
                                       .pin_lockout = {5, 60, 60},
                                       .max_policy_age_s = {-1, 86400, 86400, -1}};
    bool good = put(s, &site);
    for (int i = 0; good && i < s->shape.doors; i++) {
        struct policy_row door = {.kind = ROW_DOOR, .id = large_id('d', i)};
        door.d.door = (struct policy_door){.release_s = 5,
                                           .extended_release_s = 20,
                                           .licensed = true,
                                           .license_until = INSTANT_NONE,
                                           .fire_release = true};
        good = put(s, &door);
    }
    for (int i = 0; good && i < s->shape.doors * s->shape.readers; i++) {
        struct policy_row reader = {.kind = ROW_READER, .id = large_id('r', i)};
        reader.d.reader =
            (struct policy_reader){large_id('d', i % s->shape.doors), CREDENTIAL_TYPES_ALL};
        good = put(s, &reader);
    }
    for (int i = 0; good && i < DOOR_GROUPS; i++) {
        struct policy_row group = {.kind = ROW_DOOR_GROUP, .id = large_id('g', i)};
        struct id doors[GROUP_DOORS_MAX];
        int n = 0;
        for (int d = i; d < s->shape.doors && n < GROUP_DOORS_MAX; d += DOOR_GROUPS)
            doors[n++] = large_id('d', d);
        group.d.door_group.doors = (struct id_list){doors, (size_t)n};
        good = put(s, &group);
    }
    for (int i = 0; good && i < SCHEDULES; i++) {
        struct policy_row schedule = {.kind = ROW_SCHEDULE, .id = large_id('s', i)};
        struct schedule_window windows[2] = {{0x1f, (uint16_t)(i * 10), 1200}, {0x60, 0, 1440}};
        schedule.d.schedule = (struct policy_schedule){windows, 2};
        good = put(s, &schedule);
    }
    return good;
}

static bool put_rights(struct large_site *s)
{
    bool good = true;
    for (int i = 0; good && i < GROUPS; i++) {
        struct policy_row group = {.kind = ROW_GROUP, .id = large_id('G', i)};
        good = put(s, &group);
    }
    for (int i = 0; good && i < s->shape.entitlements; i++) {
        struct policy_row e = {.kind = ROW_ENTITLEMENT, .id = large_id('e', i)};
        struct id group = large_id('G', i % GROUPS), door_group = large_id('g', large_any(s, DOOR_GROUPS));
        struct id doors[5];
        for (int k = 0; k < 5; k++)
            doors[k] = large_id('d', large_any(s, (unsigned)s->shape.doors));
        e.d.entitlement = (struct policy_entitlement){.kind = ENTITLEMENT_ROLE,
                                                      .enabled = true,
                                                      .schedule = large_id('s', large_any(s, SCHEDULES)),
                                                      .validity = {INSTANT_NONE, INSTANT_NONE},
                                                      .calendar = {"default"}};
        e.d.entitlement.who.groups = (struct id_list){&group, 1};
        e.d.entitlement.where.doors = (struct id_list){doors, 5};
        e.d.entitlement.where.door_groups = (struct id_list){&door_group, i % 4 == 0};
        good = put(s, &e);
    }
    return good;
}

bool large_value(struct credential_value *out, long number)
{
    char text[24];
    snprintf(text, sizeof text, "%08lX", 0x10000000 + number);
    return credential_value_set(out, CREDENTIAL_CARD, slice_of(text)) == GH_OK;
}

static bool put_people(struct large_site *s)
{
    bool good = true;
    for (long i = 0; good && i < s->shape.people; i++) {
        struct policy_row person = {.kind = ROW_PERSON, .id = large_id('p', i)};
        struct policy_membership groups[3];
        for (int k = 0; k < 3; k++)
            groups[k] = (struct policy_membership){large_id('G', large_any(s, GROUPS)),
                                                   {INSTANT_NONE, INSTANT_NONE}};
        person.d.person = (struct policy_person){.enabled = true,
                                                 .validity = {INSTANT_NONE, INSTANT_NONE},
                                                 .groups = groups,
                                                 .n_groups = 1 + large_any(s, 3)};
        good = put(s, &person);
        for (long k = 0; good && k < LARGE_CREDENTIALS; k++) {
            struct policy_row card = {.kind = ROW_CREDENTIAL, .id = large_id('c', LARGE_CREDENTIALS * i + k)};
            card.d.credential = (struct policy_credential){.person = person.id,
                                                           .type = CREDENTIAL_CARD,
                                                           .enabled = true,
                                                           .validity = {INSTANT_NONE, INSTANT_NONE},
                                                           .uses_per_door = USES_UNLIMITED,
                                                           .uses_total = USES_UNLIMITED};
            good = large_value(&card.d.credential.value, LARGE_CREDENTIALS * i + k) && put(s, &card);
        }
    }
    return good;
}

bool large_site_make_as(struct large_site *s, const struct large_shape *shape)
{
    s->shape = *shape;
    char key[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct replica_crypto crypto = {crypto_sha256, mask, &s->keys};
    struct policy_version version = {1, 1, 1750000000};
    bool good = folder_file(&s->folder, "device.key", key) &&
                folder_file(&s->folder, "replica.db", path) && crypto_start() == GH_OK &&
                crypto_keys_load(&s->keys, key, 1) == GH_OK &&
                replica_writer_open(&s->writer, path, &crypto, s->why) == GH_OK &&
                replica_writer_begin_snapshot(s->writer) == GH_OK && put_building(s) &&
                put_rights(s) && put_people(s) &&
                replica_writer_adopt(s->writer, &version, 1, s->why) == GH_OK;
    replica_writer_close(s->writer);
    if (!good)
        lib_say("bench: the policy of %ld people cannot be made: %s", s->shape.people, s->why);
    return good;
}

bool large_site_make(struct large_site *s, long people)
{
    const struct large_shape shape = {people, LARGE_DOORS, 1, LARGE_ENTITLEMENTS};
    return large_site_make_as(s, &shape);
}

/* --- a decision -------------------------------------------------------------------------- */

/* What a decision is made from; its slices live until the store is asked again. */
static bool gather(struct large_site *s, const struct policy_store *store, long credentials,
                   struct policy_facts *policy)
{
    struct credential_value value;
    unsigned char hash[SHA256_LEN];
    unsigned readers = (unsigned)(s->shape.doors * s->shape.readers);
    struct id reader = large_id('r', large_any(s, readers));
    long n = (long)large_any(s, 1u << 24) % credentials;
    struct policy_query query = {.reader = &reader, .type = CREDENTIAL_CARD, .value_hash = hash};
    if (!large_value(&value, n))
        return false;
    crypto_value_hash(hash, &s->keys, CREDENTIAL_CARD, &value);
    return store->ops->ask(store->self, &query, policy) == GH_OK;
}

static bool is_granted(const struct policy_facts *policy, const struct zone_view *zone)
{
    struct wall now = {LARGE_NOW, CLOCK_SYNCED};
    const struct access_request request = {.type = CREDENTIAL_CARD};
    const struct door_situation door = {.local.restored_at = INSTANT_NONE,
                                        .is_controller_online = true};
    const struct holder_situation holder = {.areas = NULL};
    struct access_facts facts = {
        .policy = policy, .door = &door, .holder = &holder, .now = {now, zone, zone}};
    return access_decide(&request, &facts, NULL).decision == DECISION_GRANTED;
}

bool large_decide(struct large_site *s, const struct policy_store *store, long credentials,
                  const struct zone_view *zone, bool *granted)
{
    struct policy_facts policy;
    if (!gather(s, store, credentials, &policy))
        return false;
    *granted = is_granted(&policy, zone);
    return policy.holder.person_known;
}

double large_verdicts_per_s(struct large_site *s, const struct policy_store *store, long credentials,
                            const struct zone_view *zone, int verdicts)
{
    struct policy_facts policy;
    bool good = gather(s, store, credentials, &policy);
    for (int i = 0; good && i < 1000 && !is_granted(&policy, zone); i++)
        good = gather(s, store, credentials, &policy);
    int64_t before = wait_now_ns();
    int granted = 0;
    for (int i = 0; good && i < verdicts; i++)
        granted += is_granted(&policy, zone);
    double seconds = (double)(wait_now_ns() - before) / 1e9;
    return granted == verdicts ? verdicts / seconds : 0;
}
