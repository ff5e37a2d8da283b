#include "app/rehearsal/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapters/glib/zone.h"
#include "adapters/json/row_json.h"
#include "adapters/sqlite/replica_reader.h"
#include "adapters/sqlite/replica_writer.h"
#include "app/rehearsal/memory_board.h"
#include "app/rehearsal/memory_journal.h"
#include "core/arena.h"

#define ARENA_BYTES ((size_t)16 * 1024 * 1024)
#define EVERY_S 1000 /* reads that a reader may present in one second */

struct rehearsal {
    char folder[256], path[300];
    struct replica_writer *writer;
    struct replica_reader *reader;
    struct memory_journal *journal;
    struct relay_board *board;
    struct crypto_keys keys;
    struct config config;
    struct config_door **doors; /* each owned; those that the policy ever had */
    size_t n_doors;
    struct arena arena;
    struct controller controller;
    bool is_up;    /* the controller is open */
    bool is_begun; /* a batch of policy is */
    struct now now;
    int64_t rev;
    int64_t policy_age_s;
    struct id *new_door; /* doors of the batch at hand; owned */
    size_t n_new;
};

/* --- the outside world ----------------------------------------------------------- */

static enum gh_err swallow(void *self, struct slice topic, struct slice payload, int qos,
                           bool retain)
{
    (void)self;
    (void)topic;
    (void)payload;
    (void)qos;
    (void)retain;
    return GH_OK;
}

static enum gh_err swallow_tagged(void *self, struct slice topic, struct slice payload,
                                  uint64_t tag)
{
    (void)tag;
    return swallow(self, topic, payload, 1, false);
}

static void mask(void *context, unsigned char out[32], struct slice nonce)
{
    const struct crypto_keys *keys = context;
    crypto_hmac(out, keys->journal, nonce);
}

/* The replica's policy, but of an age that only the rehearsal sets. */
static enum gh_err aged_facts(void *self, const struct policy_query *query,
                              struct access_facts *out)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->facts(store.self, query, out);
}

static enum gh_err aged_door(void *self, const struct id *door, struct access_facts *out)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->door(store.self, door, out);
}

static enum gh_err aged_version(void *self, struct policy_version *out)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->version(store.self, out);
}

static int64_t set_age_s(void *self, const struct policy_version *version, struct wall now)
{
    const struct rehearsal *r = self;
    (void)version;
    (void)now;
    return r->policy_age_s;
}

static const struct policy_store_ops aged = {aged_facts, aged_door, aged_version, set_age_s};

/* --- open and close ----------------------------------------------------------------- */

static bool make_folder(struct rehearsal *r)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(r->folder, sizeof r->folder, "%s/gatehouse-rehearsal-XXXXXX",
                     tmp && tmp[0] ? tmp : "/tmp");
    if (n >= (int)sizeof r->folder || !mkdtemp(r->folder)) {
        r->folder[0] = '\0';
        return false;
    }
    snprintf(r->path, sizeof r->path, "%s/replica.db", r->folder);
    return true;
}

static void remove_folder(struct rehearsal *r)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-next", "-next-journal"};
    char path[320];
    if (!r->folder[0])
        return;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", r->path, suffixes[i]);
        unlink(path);
    }
    rmdir(r->folder);
}

static enum gh_err open_controller(struct rehearsal *r, char why[REHEARSAL_WHY_MAX])
{
    static const struct bus_ops bus = {.publish = swallow, .publish_tagged = swallow_tagged};
    static const struct id session = {"rehearsal"};
    char detail[HAL_TEXT_MAX] = "";
    struct controller_ports ports = {
        .bus = {&bus, NULL},
        .policy = {&aged, r},
        .journal = memory_journal_port(r->journal),
        .board = r->board,
        .zone = zone_view_load,
    };
    r->config.reads_per_s = r->config.reads_burst = EVERY_S;
    enum gh_err err = controller_open(&r->controller, &r->config, &ports, &r->keys, &session,
                                      (struct slice){0}, r->now, detail);
    r->is_up = err == GH_OK;
    if (err)
        snprintf(why, REHEARSAL_WHY_MAX, "%s", detail);
    return err;
}

struct rehearsal *rehearsal_open(char why[REHEARSAL_WHY_MAX])
{
    struct rehearsal *r = calloc(1, sizeof *r);
    snprintf(why, REHEARSAL_WHY_MAX, "out of memory, or no temporary folder can be made");
    if (!r)
        return NULL;
    r->now = (struct now){{1000}, {0, CLOCK_SYNCED}};
    r->arena = (struct arena){.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    r->journal = memory_journal_open();
    r->board = memory_board_open();
    if (!r->arena.base || !r->journal || !r->board || !make_folder(r) || crypto_start() != GH_OK)
        goto fail;
    crypto_random(&r->keys, sizeof r->keys);
    struct replica_crypto crypto = {crypto_sha256, mask, &r->keys};
    r->reader = replica_reader_open(r->path);
    if (!r->reader || replica_writer_open(&r->writer, r->path, &crypto, why) != GH_OK ||
        open_controller(r, why) != GH_OK)
        goto fail;
    return r;
fail:
    rehearsal_close(r);
    return NULL;
}

void rehearsal_close(struct rehearsal *r)
{
    if (!r)
        return;
    if (r->is_up)
        controller_close(&r->controller);
    if (r->reader)
        replica_reader_close(r->reader);
    replica_writer_close(r->writer);
    memory_journal_close(r->journal);
    if (r->board)
        r->board->ops->close(r->board);
    remove_folder(r);
    for (size_t i = 0; i < r->n_doors; i++)
        free(r->doors[i]);
    free(r->doors);
    free(r->new_door);
    free(r->arena.base);
    free(r);
}

/* --- policy -------------------------------------------------------------------------- */

static bool note_door(struct rehearsal *r, const struct policy_row *row)
{
    if (row->kind != ROW_DOOR || row->removal)
        return true;
    struct id *more = realloc(r->new_door, (r->n_new + 1) * sizeof *more);
    if (!more)
        return false;
    r->new_door = more;
    r->new_door[r->n_new++] = row->id;
    return true;
}

static bool is_zone_known(const struct policy_row *row)
{
    struct zone_view view;
    const char *tz = row->kind == ROW_SITE   ? row->d.site.tz
                     : row->kind == ROW_DOOR ? row->d.door.tz
                                             : "";
    return row->removal || !tz[0] || zone_view_load(&view, tz, 0) == GH_OK;
}

enum gh_err rehearsal_put(struct rehearsal *r, struct slice line, char why[REHEARSAL_WHY_MAX])
{
    struct policy_row row;
    struct replica_row stored = {.row = &row};
    char detail[ROW_WHY_MAX] = "", refused[REPLICA_WHY_MAX] = "";
    arena_reset(&r->arena);
    enum gh_err err = row_json_parse(&row, line, &r->arena, detail);
    if (err == GH_OK && !is_zone_known(&row)) {
        snprintf(detail, sizeof detail, "%s \"%s\": field \"tz\" is no time zone of this system",
                 row_kind_name(row.kind), row.id.s);
        err = GH_INVALID;
    }
    if (err) {
        snprintf(why, REHEARSAL_WHY_MAX, "%s", detail[0] ? detail : gh_err_name(err));
        return err;
    }
    crypto_sha256(stored.line_hash, line);
    if (row.kind == ROW_CREDENTIAL && !row.removal)
        crypto_value_hash(stored.value_hash, &r->keys, row.d.credential.type,
                          &row.d.credential.value);
    if (!r->is_begun)
        err = replica_writer_begin(r->writer);
    r->is_begun = err == GH_OK;
    if (err == GH_OK)
        err = replica_writer_put(r->writer, &stored, refused);
    if (err == GH_OK && !note_door(r, &row))
        err = GH_IO;
    if (err)
        snprintf(why, REHEARSAL_WHY_MAX, "%s", refused[0] ? refused : gh_err_name(err));
    return err;
}

static bool has_door(const struct rehearsal *r, const struct id *id)
{
    for (size_t i = 0; i < r->n_doors; i++)
        if (id_equal(&r->doors[i]->id, id))
            return true;
    return false;
}

static enum gh_err add_door(struct rehearsal *r, const struct id *id, char why[REHEARSAL_WHY_MAX])
{
    if (has_door(r, id))
        return GH_OK;
    struct config_door **more = reallocarray(r->doors, r->n_doors + 1, sizeof(void *));
    struct config_door *door = calloc(1, sizeof *door);
    if (more)
        r->doors = more;
    if (!more || !door) {
        free(door);
        return GH_IO;
    }
    door->id = *id;
    r->doors[r->n_doors++] = door;
    char detail[HAL_TEXT_MAX] = "";
    enum gh_err err = doors_add(&r->controller.doors, door, detail);
    if (err)
        snprintf(why, REHEARSAL_WHY_MAX, "%s", detail);
    return err;
}

enum gh_err rehearsal_apply(struct rehearsal *r, char why[REHEARSAL_WHY_MAX])
{
    if (!r->is_begun)
        return GH_OK;
    char refused[REPLICA_WHY_MAX] = "";
    struct policy_version version = {.epoch = 1, .rev = r->rev + 1, .issued_at = r->now.wall.s};
    enum gh_err err = replica_writer_adopt(r->writer, &version, 1, refused);
    r->is_begun = false;
    if (err)
        snprintf(why, REHEARSAL_WHY_MAX, "%s", refused);
    else
        r->rev++;
    for (size_t i = 0; i < r->n_new && err == GH_OK; i++)
        err = add_door(r, &r->new_door[i], why);
    r->n_new = 0;
    return err;
}

/* --- time and the world ----------------------------------------------------------------- */

static void move_to(struct rehearsal *r, int64_t mono_ms)
{
    r->now.wall.s += mono_ms / 1000 - r->now.mono.ms / 1000;
    r->now.mono.ms = mono_ms;
    controller_on_time(&r->controller, r->now);
}

enum gh_err rehearsal_pass(struct rehearsal *r, int64_t at)
{
    if (at < r->now.wall.s)
        return GH_INVALID;
    if (r->now.wall.s == 0) { /* the first step sets the clock */
        r->now.wall.s = at;
        r->controller.last_seen = r->now;
        return GH_OK;
    }
    int64_t end = r->now.mono.ms + (at - r->now.wall.s) * 1000;
    struct mono next;
    while (doors_deadline(&r->controller.doors, &next) && next.ms <= end)
        move_to(r, next.ms);
    move_to(r, end);
    return GH_OK;
}

void rehearsal_set_clock(struct rehearsal *r, enum clock_trust trust)
{
    r->now.wall.trust = trust;
}

void rehearsal_set_policy_age(struct rehearsal *r, int64_t age_s)
{
    r->policy_age_s = age_s;
}

const struct door_unit *rehearsal_door(struct rehearsal *r, const struct id *door)
{
    return doors_find(&r->controller.doors, door);
}

enum gh_err rehearsal_set_online(struct rehearsal *r, const struct id *door, bool online)
{
    struct door_unit *unit = doors_find(&r->controller.doors, door);
    if (!unit)
        return GH_NOT_FOUND;
    memory_board_set_gone(r->board, unit->relay, !online);
    doors_reconcile(&r->controller.doors, unit);
    return GH_OK;
}

bool rehearsal_read(struct rehearsal *r, const struct id *reader, struct slice payload,
                    bool retained, struct controller_last *out)
{
    struct bus_note note = {.kind = BUS_MESSAGE, .arrived = r->now.mono, .retained = retained};
    int n = snprintf(note.topic, sizeof note.topic, "gatehouse/v1/readers/%s/read", reader->s);
    note.topic_len = (uint16_t)n;
    note.oversize = payload.len > sizeof note.payload;
    if (!note.oversize) {
        memcpy(note.payload, payload.ptr, payload.len);
        note.payload_len = (uint16_t)payload.len;
    }
    r->controller.last.is_set = false;
    controller_on_bus(&r->controller, &note, r->now);
    controller_on_durable(&r->controller, r->now);
    *out = r->controller.last;
    return out->is_set;
}

struct verdict rehearsal_release(struct rehearsal *r, const struct id *door, const char *by)
{
    return controller_release(&r->controller, door, by, r->now);
}

void rehearsal_events(struct rehearsal *r, void (*each)(void *context, struct slice event),
                      void *context)
{
    for (size_t i = 0; i < memory_journal_count(r->journal); i++)
        each(context, memory_journal_event(r->journal, i));
    memory_journal_forget(r->journal);
}
