#include "bench/large.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "adapters/glib/zone.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/replica_reader.h"
#include "adapters/sqlite/replica_writer.h"
#include "app/control.h"
#include "app/gatehoused/recorder.h"
#include "bench/floors.h"
#include "core/access.h"
#include "lib/process.h"
#include "lib/wait.h"

#define GROUPS 200
#define SCHEDULES 20
#define DOOR_GROUPS 50
#define CREDENTIALS 4
#define WARM_UP 4000
#define QUESTIONS 2000

struct site_of {
    struct folder folder;
    struct crypto_keys keys;
    struct replica_writer *writer;
    uint32_t seed;
    char why[REPLICA_WHY_MAX];
};

static unsigned any(struct site_of *s, unsigned n)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return (s->seed >> 8) % n;
}

static struct id id_of(char letter, long n)
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

static bool put(struct site_of *s, struct policy_row *row)
{
    struct replica_row stored = {.row = row};
    crypto_sha256(stored.line_hash, slice_of(row->id.s));
    if (row->kind == ROW_CREDENTIAL)
        crypto_value_hash(stored.value_hash, &s->keys, row->d.credential.type,
                          &row->d.credential.value);
    return replica_writer_put(s->writer, &stored, s->why) == GH_OK;
}

static bool put_building(struct site_of *s)
{
    struct policy_row site = {.kind = ROW_SITE, .id = {"site"}};
    site.d.site = (struct policy_site){.tz = "Europe/Berlin",
                                       .read_max_age_s = 5,
                                       .factor_timeout_s = 10,
                                       .pin_lockout = {5, 60, 60},
                                       .max_policy_age_s = {-1, 86400, 86400, -1}};
    bool good = put(s, &site);
    for (int i = 0; good && i < LARGE_DOORS; i++) {
        struct policy_row door = {.kind = ROW_DOOR, .id = id_of('d', i)};
        struct policy_row reader = {.kind = ROW_READER, .id = id_of('r', i)};
        door.d.door = (struct policy_door){.release_s = 5,
                                           .extended_release_s = 20,
                                           .licensed = true,
                                           .license_until = INSTANT_NONE,
                                           .fire_release = true};
        reader.d.reader = (struct policy_reader){door.id, CREDENTIAL_TYPES_ALL};
        good = put(s, &door) && put(s, &reader);
    }
    for (int i = 0; good && i < DOOR_GROUPS; i++) {
        struct policy_row group = {.kind = ROW_DOOR_GROUP, .id = id_of('g', i)};
        struct id doors[LARGE_DOORS / DOOR_GROUPS];
        for (int k = 0; k < LARGE_DOORS / DOOR_GROUPS; k++)
            doors[k] = id_of('d', i * (LARGE_DOORS / DOOR_GROUPS) + k);
        group.d.door_group.doors = (struct id_list){doors, LARGE_DOORS / DOOR_GROUPS};
        good = put(s, &group);
    }
    for (int i = 0; good && i < SCHEDULES; i++) {
        struct policy_row schedule = {.kind = ROW_SCHEDULE, .id = id_of('s', i)};
        struct schedule_window windows[2] = {{0x1f, (uint16_t)(i * 10), 1200}, {0x60, 0, 1440}};
        schedule.d.schedule = (struct policy_schedule){windows, 2};
        good = put(s, &schedule);
    }
    return good;
}

static bool put_rights(struct site_of *s)
{
    bool good = true;
    for (int i = 0; good && i < GROUPS; i++) {
        struct policy_row group = {.kind = ROW_GROUP, .id = id_of('G', i)};
        good = put(s, &group);
    }
    for (int i = 0; good && i < LARGE_ENTITLEMENTS; i++) {
        struct policy_row e = {.kind = ROW_ENTITLEMENT, .id = id_of('e', i)};
        struct id group = id_of('G', i % GROUPS), door_group = id_of('g', any(s, DOOR_GROUPS));
        struct id doors[5];
        for (int k = 0; k < 5; k++)
            doors[k] = id_of('d', any(s, LARGE_DOORS));
        e.d.entitlement = (struct policy_entitlement){.kind = ENTITLEMENT_ROLE,
                                                      .enabled = true,
                                                      .schedule = id_of('s', any(s, SCHEDULES)),
                                                      .validity = {INSTANT_NONE, INSTANT_NONE},
                                                      .calendar = {"default"}};
        e.d.entitlement.who.groups = (struct id_list){&group, 1};
        e.d.entitlement.where.doors = (struct id_list){doors, 5};
        e.d.entitlement.where.door_groups = (struct id_list){&door_group, i % 4 == 0};
        good = put(s, &e);
    }
    return good;
}

static bool value_of(struct credential_value *out, long number)
{
    char text[24];
    snprintf(text, sizeof text, "%08lX", 0x10000000 + number);
    return credential_value_set(out, CREDENTIAL_CARD, slice_of(text)) == GH_OK;
}

static bool put_people(struct site_of *s, long people)
{
    bool good = true;
    for (long i = 0; good && i < people; i++) {
        struct policy_row person = {.kind = ROW_PERSON, .id = id_of('p', i)};
        struct policy_membership groups[3];
        for (int k = 0; k < 3; k++)
            groups[k] = (struct policy_membership){id_of('G', any(s, GROUPS)),
                                                   {INSTANT_NONE, INSTANT_NONE}};
        person.d.person = (struct policy_person){.enabled = true,
                                                 .validity = {INSTANT_NONE, INSTANT_NONE},
                                                 .groups = groups,
                                                 .n_groups = 1 + any(s, 3)};
        good = put(s, &person);
        for (long k = 0; good && k < CREDENTIALS; k++) {
            struct policy_row card = {.kind = ROW_CREDENTIAL, .id = id_of('c', CREDENTIALS * i + k)};
            card.d.credential = (struct policy_credential){.person = person.id,
                                                           .type = CREDENTIAL_CARD,
                                                           .enabled = true,
                                                           .validity = {INSTANT_NONE, INSTANT_NONE},
                                                           .uses_per_door = USES_UNLIMITED,
                                                           .uses_total = USES_UNLIMITED};
            good = value_of(&card.d.credential.value, CREDENTIALS * i + k) && put(s, &card);
        }
    }
    return good;
}

static bool make_policy(struct site_of *s, long people)
{
    char key[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct replica_crypto crypto = {crypto_sha256, mask, &s->keys};
    struct policy_version version = {1, 1, 1750000000};
    bool good = folder_file(&s->folder, "device.key", key) &&
                folder_file(&s->folder, "replica.db", path) && crypto_start() == GH_OK &&
                crypto_keys_load(&s->keys, key, 1) == GH_OK &&
                replica_writer_open(&s->writer, path, &crypto, s->why) == GH_OK &&
                replica_writer_begin_snapshot(s->writer) == GH_OK && put_building(s) &&
                put_rights(s) && put_people(s, people) &&
                replica_writer_adopt(s->writer, &version, 1, s->why) == GH_OK;
    replica_writer_close(s->writer);
    if (!good)
        lib_say("bench: the policy of %ld people cannot be made: %s", people, s->why);
    return good;
}

/* --- decisions ------------------------------------------------------------------------------- */

static bool decide(struct site_of *s, const struct policy_store *store, long credentials,
                   const struct zone_view *zone, bool *granted)
{
    struct policy_facts policy;
    struct credential_value value;
    unsigned char hash[SHA256_LEN];
    struct id reader = id_of('r', any(s, LARGE_DOORS));
    long n = (long)any(s, 1u << 24) % credentials;
    struct wall now = {1750001000, CLOCK_SYNCED};
    const struct access_request request = {.type = CREDENTIAL_CARD};
    const struct door_situation door = {.local.restored_at = INSTANT_NONE,
                                        .is_controller_online = true};
    const struct holder_situation holder = {.areas = NULL};
    struct policy_query query = {.reader = &reader, .type = CREDENTIAL_CARD, .value_hash = hash};
    if (!value_of(&value, n))
        return false;
    crypto_value_hash(hash, &s->keys, CREDENTIAL_CARD, &value);
    if (store->ops->ask(store->self, &query, &policy) != GH_OK)
        return false;
    struct access_facts facts = {
        .policy = &policy, .door = &door, .holder = &holder, .now = {now, zone, zone}};
    struct verdict v = access_decide(&request, &facts, NULL);
    *granted = v.decision == DECISION_GRANTED;
    return policy.holder.person_known;
}

static bool measure_decisions(struct site_of *s, struct large *out, long credentials, int reads)
{
    char path[FOLDER_PATH_MAX];
    struct zone_view zone;
    bool granted = false;
    bool good = folder_file(&s->folder, "replica.db", path) &&
                zone_view_load(&zone, "Europe/Berlin", 1750001000) == GH_OK;
    struct replica_reader *reader = good ? replica_reader_open(path) : NULL;
    if (!reader)
        return false;
    struct policy_store store = replica_reader_port(reader);
    for (int i = 0; good && i < WARM_UP; i++)
        good = decide(s, &store, credentials, &zone, &granted);
    for (int i = 0; good && i < reads; i++) {
        int64_t before = wait_now_ns();
        good = decide(s, &store, credentials, &zone, &granted);
        series_add_ns(&out->decide, before, wait_now_ns());
        out->granted += granted;
    }
    series_end_round(&out->decide);
    replica_reader_close(reader);
    if (!good)
        lib_say("bench: a decision failed");
    return good;
}

/* --- decided, and durable ----------------------------------------------------------------------- */

#define BURST 64 /* reads between two looks at how far the disk is */
#define AHEAD 8192 /* events that may wait for it */

static bool record(struct recorder *r, uint64_t n, const struct id *reader, bool granted)
{
    struct event event = {.kind = EVENT_ACCESS, .at = {{1000 + (int64_t)n}, {1750001000, CLOCK_SYNCED}}};
    struct repeat repeat = {.reader = *reader, .at = event.at.mono};
    event.reader = event.door = *reader;
    event.has_decision = true;
    event.decision = granted ? DECISION_GRANTED : DECISION_DENIED;
    snprintf(event.read_id.s, sizeof event.read_id.s, "read-%llu", (unsigned long long)n);
    repeat.read_id = event.read_id;
    return recorder_append(r, &event, &repeat, (struct slice){0}) == GH_OK;
}

static void wait_durable(struct journal_db *db, const struct journal *j, uint64_t seq)
{
    while (j->ops->durable(j->self) < seq) {
        struct pollfd p = {.fd = journal_db_fd(db), .events = POLLIN};
        uint64_t count;
        if (poll(&p, 1, 100) == 1 && read(p.fd, &count, sizeof count) < 0)
            return;
    }
}

static bool play_durable(struct site_of *s, const struct policy_store *store, struct journal_db *db,
                         long credentials, int reads)
{
    static struct recorder r;
    struct zone_view zone;
    struct journal j = journal_db_port(db);
    bool good = zone_view_load(&zone, "Europe/Berlin", 1750001000) == GH_OK, granted = false;
    recorder_init(&r, j, s->keys.journal, (struct slice){0});
    for (int i = 0; good && i < reads; i++) {
        struct id reader = id_of('r', i % LARGE_DOORS);
        good = decide(s, store, credentials, &zone, &granted) &&
               record(&r, (uint64_t)i, &reader, granted);
        if (i % BURST == 0 && i > AHEAD)
            wait_durable(db, &j, (uint64_t)(i - AHEAD));
    }
    wait_durable(db, &j, (uint64_t)reads);
    return good;
}

/* No broker, no relay: what the decisions and the journal carry by themselves. */
static bool measure_durable(struct site_of *s, struct large *out, long credentials, int reads)
{
    char path[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX], why[200] = "";
    struct journal_db *db = NULL;
    bool good = folder_file(&s->folder, "replica.db", path) &&
                folder_file(&s->folder, "journal", folder) && mkdir(folder, 0700) == 0;
    struct journal_db_options options = {
        .folder = folder, .max_events = 1000000, .tail_bytes = 16 << 20, .boot_id_hash = 1};
    struct replica_reader *reader = good ? replica_reader_open(path) : NULL;
    if (!reader || journal_db_open(&db, &options, why, sizeof why) != GH_OK) {
        lib_say("bench: the journal cannot be opened: %s", why);
        replica_reader_close(reader);
        return false;
    }
    struct policy_store store = replica_reader_port(reader);
    int64_t before = wait_now_ns();
    good = play_durable(s, &store, db, credentials, reads);
    out->durable_per_s = reads / ((double)(wait_now_ns() - before) / 1e9);
    journal_db_close(db);
    replica_reader_close(reader);
    return good;
}

/* --- the daemon ------------------------------------------------------------------------------- */

static bool drop_line(void *context, struct slice line)
{
    (void)line;
    *(bool *)context = true;
    return false;
}

static bool is_asked(const char *socket, const char *request)
{
    bool answered = false;
    enum gh_err err =
        control_call(socket, slice_of(request), WAIT_MS, drop_line, &answered);
    return answered && (err == GH_OK || err == GH_RETRY);
}

static bool is_up(void *socket)
{
    return is_asked(socket, "{\"call\":\"status\"}");
}

static char *config_of(const struct folder *folder)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return NULL;
    fprintf(f, "[site]\nid = large\ngateway = gw\nstate_dir = %s\nrun_dir = %s/run\n"
               "[broker]\nport = 1\n", folder->path, folder->path);
    for (int i = 0; i < LARGE_DOORS; i++)
        fprintf(f, "[door d%d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n", i, i);
    return fclose(f) == 0 ? text : NULL;
}

static bool measure_daemon(struct site_of *s, struct large *out, long credentials)
{
    char config[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    char socket[FOLDER_PATH_MAX], request[160];
    struct process daemon = {0};
    char *text = config_of(&s->folder);
    bool good = text && folder_write(&s->folder, "large.conf", text, 0600) &&
                folder_file(&s->folder, "large.conf", config) &&
                folder_file(&s->folder, "large.log", log) &&
                folder_file(&s->folder, "run/control.sock", socket) &&
                place_program("gatehoused", program);
    free(text);
    const char *argv[] = {program, "--config", config, "--sim", NULL};
    good = good &&
           process_start(&daemon, &(struct process_options){.argv = argv, .log_path = log}) &&
           wait_until(is_up, socket, WAIT_MS);
    for (int i = 0; good && i < QUESTIONS; i++) {
        snprintf(request, sizeof request,
                 "{\"call\":\"explain\",\"reader\":\"r%u\",\"type\":\"card\",\"value\":\"%08lX\"}",
                 any(s, LARGE_DOORS), 0x10000000 + (long)any(s, 1u << 24) % credentials);
        good = is_asked(socket, request);
    }
    out->daemon_mib = good ? floors_resident_mib(daemon.pid) : 0;
    if (!good)
        process_show_log(&daemon);
    process_kill(&daemon);
    return good;
}

bool large_measure(struct large *out, long people, int reads, bool with_daemon)
{
    struct site_of s = {.seed = 7};
    if (!folder_make(&s.folder))
        return false;
    bool good = make_policy(&s, people) &&
                measure_decisions(&s, out, CREDENTIALS * people, reads) &&
                measure_durable(&s, out, CREDENTIALS * people, reads) &&
                (!with_daemon || measure_daemon(&s, out, CREDENTIALS * people));
    folder_remove(&s.folder);
    return good;
}
