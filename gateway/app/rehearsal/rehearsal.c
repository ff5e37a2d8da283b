#include "app/rehearsal/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/glib/zone.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/policy_intake.h"
#include "app/rehearsal/memory_board.h"
#include "app/rehearsal/memory_journal.h"
#include "app/scratch.h"
#include "core/arena.h"

#define EVERY_S 1000 /* reads that a reader may present in one second */
#define BOOT 1

struct rehearsal {
    struct scratch scratch;
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
    uint64_t tag[64]; /* answers that the broker has not acknowledged yet */
    size_t n_tags;
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

/* Nobody listens, but answers arrive. */
static enum gh_err swallow_tagged(void *self, struct slice topic, struct slice payload,
                                  uint64_t tag)
{
    struct rehearsal *r = self;
    if (r->n_tags < sizeof r->tag / sizeof r->tag[0])
        r->tag[r->n_tags++] = tag;
    return swallow(self, topic, payload, 1, false);
}

/* Everything is durable, and the broker has every answer. */
static void settle(struct rehearsal *r)
{
    controller_on_durable(&r->controller, r->now);
    for (size_t i = 0; i < r->n_tags; i++) {
        struct bus_note note = {.kind = BUS_SENT, .tag = r->tag[i]};
        controller_on_bus(&r->controller, &note, r->now);
    }
    r->n_tags = 0;
}

/* The replica's policy, but of an age that only the rehearsal sets. */
static enum gh_err aged_ask(void *self, const struct policy_query *query, struct policy_facts *out)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->ask(store.self, query, out);
}

static enum gh_err aged_look(void *self, const struct id *door, struct policy_facts *out)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->look(store.self, door, out);
}

static enum gh_err aged_readers_of(void *self, const struct id *door,
                                   void (*each)(void *context, const struct id *reader),
                                   void *context)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->readers_of(store.self, door, each, context);
}

static uint64_t aged_generation(void *self)
{
    struct rehearsal *r = self;
    struct policy_store store = replica_reader_port(r->reader);
    return store.ops->generation(store.self);
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

static const struct policy_store_ops aged = {
    .ask = aged_ask,
    .look = aged_look,
    .readers_of = aged_readers_of,
    .generation = aged_generation,
    .version = aged_version,
    .age_s = set_age_s,
};

/* --- open and close ----------------------------------------------------------------- */

static enum gh_err open_controller(struct rehearsal *r, char why[REHEARSAL_WHY_MAX])
{
    static const struct bus_ops bus = {.publish = swallow, .publish_tagged = swallow_tagged};
    static const struct id session = {"rehearsal"};
    char detail[HAL_TEXT_MAX] = "";
    struct controller_ports ports = {
        .bus = {&bus, r},
        .policy = {&aged, r},
        .journal = memory_journal_port(r->journal),
        .zone = zone_view_load,
    };
    struct doors doors;
    struct controller_fire no_fire = {0};
    const struct controller_start start = {.session = &session, .boot = BOOT, .doors = &doors};
    r->config.reads_per_s = r->config.reads_burst = EVERY_S;
    enum gh_err err = controller_take_doors(&doors, &r->config, r->board, &ports.policy, &no_fire,
                                            detail);
    if (err == GH_OK) {
        err = controller_open(&r->controller, &r->config, &ports, &r->keys, &start, r->now);
        doors_close(&doors);
    }
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
    r->arena = (struct arena){.base = malloc(INTAKE_ARENA_BYTES), .size = INTAKE_ARENA_BYTES};
    r->journal = memory_journal_open();
    r->board = memory_board_open();
    if (!r->arena.base || !r->journal || !r->board || !scratch_make(&r->scratch, "rehearsal") || crypto_start() != GH_OK)
        goto fail;
    crypto_random(&r->keys, sizeof r->keys);
    struct replica_crypto crypto = {crypto_sha256, intake_mask, r->keys.journal};
    r->reader = replica_reader_open(r->scratch.replica);
    if (!r->reader || replica_writer_open(&r->writer, r->scratch.replica, &crypto, why) != GH_OK ||
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
    scratch_remove(&r->scratch);
    for (size_t i = 0; i < r->n_doors; i++)
        free(r->doors[i]);
    free(r->doors);
    free(r->new_door);
    free(r->arena.base);
    free(r);
}

/* --- policy -------------------------------------------------------------------------- */

struct loading {
    struct rehearsal *rehearsal;
    void (*report)(void *context, int line, const char *text);
    void *context;
    bool failed;
};

static enum gh_err rehearsal_begin(struct rehearsal *r)
{
    if (r->is_begun)
        return GH_OK;
    enum gh_err err = replica_writer_begin(r->writer);
    r->is_begun = err == GH_OK;
    return err;
}

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

enum gh_err rehearsal_put(struct rehearsal *r, struct slice line, char why[REHEARSAL_WHY_MAX])
{
    struct policy_row row;
    enum gh_err err = intake_check(&row, line, &r->arena, why);
    if (err == GH_OK)
        err = rehearsal_begin(r);
    if (err == GH_OK)
        err = intake_put(r->writer, &r->keys, &row, line, why);
    if (err == GH_OK && !note_door(r, &row))
        err = GH_IO;
    return err;
}

static void note_row(void *context, const struct policy_row *row)
{
    struct loading *loading = context;
    loading->failed = !note_door(loading->rehearsal, row) || loading->failed;
}

static void pass_on(void *context, int line, const char *text)
{
    struct loading *loading = context;
    loading->report(loading->context, line, text);
}

enum gh_err rehearsal_load(struct rehearsal *r, const char *path,
                           void (*report)(void *context, int line, const char *text),
                           void *context)
{
    struct loading loading = {.rehearsal = r, .report = report, .context = context};
    struct intake_file file = {.writer = r->writer,
                               .keys = &r->keys,
                               .arena = &r->arena,
                               .report = pass_on,
                               .row = note_row,
                               .context = &loading};
    enum gh_err err = rehearsal_begin(r);
    if (err == GH_OK)
        err = intake_read(&file, path);
    return err == GH_OK && loading.failed ? GH_IO : err;
}

/* The policy, the clock or an input is another one: modes may be. */
static void look_at_doors(struct rehearsal *r)
{
    if (r->now.wall.s != 0) /* before the first step there is no time yet */
        controller_look_at_doors(&r->controller, r->now);
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
    enum gh_err err = controller_add_door(&r->controller, door, detail);
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
    look_at_doors(r);
    return err;
}

enum gh_err rehearsal_dangling(struct rehearsal *r, int max,
                               void (*each)(void *context, const char *line), void *context)
{
    return replica_writer_dangling(r->writer, max, each, context);
}

/* --- time and the world ----------------------------------------------------------------- */

/* To this instant, to the millisecond; time is told in whole seconds. */
static void move_to(struct rehearsal *r, int64_t mono_ms)
{
    r->now.wall.s += mono_ms / 1000 - r->now.mono.ms / 1000;
    r->now.mono.ms = mono_ms;
    controller_on_time(&r->controller, r->now);
    controller_look_at_doors(&r->controller, r->now);
    settle(r);
}

/* The next instant at which anything may happen by itself, but no later than end. */
static int64_t next_stop(const struct rehearsal *r, int64_t end)
{
    struct mono at;
    int64_t next = end;
    int64_t mode = controller_mode_deadline(&r->controller);
    if (doors_deadline(&r->controller.doors, &at) && at.ms < next)
        next = at.ms;
    if (waits_deadline(&r->controller.waits, &at) && at.ms < next)
        next = at.ms;
    if (mode != INT64_MAX && mode > r->now.wall.s &&
        r->now.mono.ms + (mode - r->now.wall.s) * 1000 < next)
        next = r->now.mono.ms + (mode - r->now.wall.s) * 1000;
    return next > r->now.mono.ms ? next : r->now.mono.ms;
}

enum gh_err rehearsal_pass(struct rehearsal *r, int64_t at)
{
    if (at < r->now.wall.s)
        return GH_INVALID;
    if (r->now.wall.s == 0) { /* the first step sets the clock */
        r->now.wall.s = at;
        r->controller.last_seen = r->now;
        r->controller.next_tick = r->now.mono;
        look_at_doors(r);
        return GH_OK;
    }
    int64_t end = r->now.mono.ms + (at - r->now.wall.s) * 1000;
    while (r->now.mono.ms < end)
        move_to(r, next_stop(r, end));
    return GH_OK;
}

/* What is outside the process, and so outlives it. */
struct outside {
    bool has_contact, is_open, is_rex, is_tampered, is_fire, is_online;
};

static struct outside outside_of(const struct door_unit *unit)
{
    const struct door *d = &unit->door;
    return (struct outside){d->has_contact, d->is_open,    d->is_rex,
                            d->is_tampered, unit->is_fire, unit->online};
}

static void bring_back(struct rehearsal *r, const struct id *id, const struct outside *o)
{
    struct controller *c = &r->controller;
    if (!o->is_online && rehearsal_set_online(r, id, false) != GH_OK)
        return;
    if (o->has_contact)
        controller_on_contact(c, id, o->is_open, r->now);
    if (o->is_fire)
        controller_on_fire(c, id, true, r->now);
    if (o->is_rex)
        controller_rex_at_start(c, id, r->now);
    if (o->is_tampered)
        controller_on_tamper(c, id, true, r->now);
}

enum gh_err rehearsal_restart(struct rehearsal *r, char why[REHEARSAL_WHY_MAX])
{
    struct outside *kept = calloc(r->n_doors + 1, sizeof *kept);
    char detail[HAL_TEXT_MAX] = "";
    bool is_fire = r->controller.is_fire;
    if (!kept)
        return GH_IO;
    for (size_t i = 0; i < r->n_doors; i++)
        kept[i] = outside_of(&r->controller.doors.unit[i]);
    controller_close(&r->controller);
    r->is_up = false;
    enum gh_err err = open_controller(r, why);
    for (size_t i = 0; i < r->n_doors && err == GH_OK; i++)
        err = controller_add_door(&r->controller, r->doors[i], detail);
    for (size_t i = 0; i < r->n_doors && err == GH_OK; i++)
        bring_back(r, &r->doors[i]->id, &kept[i]);
    free(kept);
    look_at_doors(r);
    if (err == GH_OK && is_fire)
        controller_on_fire(&r->controller, NULL, true, r->now);
    settle(r);
    return err;
}

void rehearsal_set_clock(struct rehearsal *r, enum clock_trust trust)
{
    r->now.wall.trust = trust;
    look_at_doors(r);
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
    for (size_t i = 0; i < unit->n_outputs; i++)
        memory_board_set_gone(r->board, unit->output[i].relay, !online);
    /* A step that sets it is no event: the controller is told that it knows. */
    unit->fault = doors_reconcile(&r->controller.doors, unit);
    look_at_doors(r);
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
    settle(r);
    *out = r->controller.last;
    return out->is_set;
}

struct command_outcome rehearsal_command(struct rehearsal *r, const struct command *command,
                                         struct controller_last *out)
{
    r->controller.last.is_set = false;
    struct command_outcome outcome = controller_command(&r->controller, command, r->now);
    settle(r);
    *out = r->controller.last;
    return outcome;
}

void rehearsal_input(struct rehearsal *r, const struct id *door, enum rehearsal_input input, bool on)
{
    switch (input) {
    case INPUT_CONTACT: controller_on_contact(&r->controller, door, on, r->now); break;
    case INPUT_REX: controller_on_rex(&r->controller, door, on, r->now); break;
    case INPUT_TAMPER: controller_on_tamper(&r->controller, door, on, r->now); break;
    case INPUT_FIRE: controller_on_fire(&r->controller, door, on, r->now); break;
    }
}

void rehearsal_events(struct rehearsal *r, void (*each)(void *context, struct slice event),
                      void *context)
{
    for (size_t i = 0; i < memory_journal_count(r->journal); i++)
        each(context, memory_journal_event(r->journal, i));
    memory_journal_forget(r->journal);
}
