#include "lib/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "world: %s failed\n", #x), abort()))

/* --- policy ---------------------------------------------------------------------- */

static void make_policy(struct world *w)
{
    static const struct validity always = {INSTANT_NONE, INSTANT_NONE};
    w->site = (struct policy_site){
        .tz = "UTC", .read_max_age_s = 5, .factor_timeout_s = 10, .pin_lockout = {5, 60, 60}};
    for (int i = 0; i < CREDENTIAL_CLASSES; i++)
        w->site.max_policy_age_s[i] = POLICY_AGE_UNLIMITED;
    for (int d = 0; d < WORLD_DOORS; d++) {
        struct door_facts *door = &w->door[d];
        snprintf(door->id.s, sizeof door->id.s, "d%d", d);
        door->door = (struct policy_door){.licensed = true,
                                          .license_until = INSTANT_NONE,
                                          .release_s = d + 2,
                                          .extended_release_s = 20,
                                          .held_open_s = 30,
                                          .fire_release = true};
    }
    for (int p = 0; p < WORLD_PEOPLE; p++) {
        w->person[p] = (struct policy_person){.enabled = p != 3, .validity = always};
        w->credential[p] = (struct policy_credential){.enabled = true,
                                                      .validity = always,
                                                      .uses_per_door = USES_UNLIMITED,
                                                      .uses_total = USES_UNLIMITED};
        snprintf(w->credential[p].person.s, sizeof w->credential[p].person.s, "p%d", p);
    }
    w->generation = 1;
}

static void fill(struct world *w, struct policy_facts *out)
{
    w->n_asked++;
    *out = (struct policy_facts){
        .is_available = true,
        .generation = w->generation,
        .version = {.epoch = 1, .rev = 7, .issued_at = 1700000000},
        .site = w->site,
    };
}

static bool door_number(const char *name, char letter, int *n)
{
    *n = name[1] - '0';
    return name[0] == letter && strlen(name) == 2 && *n >= 0 && *n < WORLD_DOORS;
}

static enum gh_err ask(void *self, const struct policy_query *query, struct policy_facts *out)
{
    static const struct entitlement_facts everywhere = {
        .id = {"everywhere"},
        .validity = {INSTANT_NONE, INSTANT_NONE},
        .membership = {INSTANT_NONE, INSTANT_NONE},
    };
    struct world *w = self;
    int n;
    out->is_available = false;
    if (w->policy_broken)
        return GH_IO;
    fill(w, out);
    if (!door_number(query->reader->s, 'r', &n))
        return GH_OK;
    out->reader_known = out->door_known = true;
    out->door = &w->door[n];
    out->reader = (struct reader_facts){
        .id = *query->reader,
        .reader = {.door = w->door[n].id, .accepts = CREDENTIAL_TYPES_ALL},
        .areas = w->areas[n],
        .n_areas = w->n_areas[n],
    };
    for (int p = 0; p < WORLD_PEOPLE && query->value_hash; p++) {
        struct holder_facts *holder = &out->holder;
        if (memcmp(query->value_hash, w->card_hash[p], SHA256_LEN) != 0)
            continue;
        holder->credential_known = holder->person_known = true;
        snprintf(holder->credential_id.s, sizeof holder->credential_id.s, "c%d", p);
        holder->credential = w->credential[p];
        holder->person = w->person[p];
        out->entitlements = &everywhere;
        out->n_entitlements = p < 2;
    }
    return GH_OK;
}

static enum gh_err look(void *self, const struct id *id, struct policy_facts *out)
{
    struct world *w = self;
    int n;
    out->is_available = false;
    if (w->policy_broken)
        return GH_IO;
    fill(w, out);
    if (!door_number(id->s, 'd', &n))
        return GH_OK;
    out->door_known = !w->is_dropped[n];
    out->door = out->door_known ? &w->door[n] : NULL;
    return GH_OK;
}

static enum gh_err readers_of(void *self, const struct id *door,
                              void (*each)(void *context, const struct id *reader), void *context)
{
    const struct world *w = self;
    struct id reader = {""};
    for (int d = 0; d < WORLD_DOORS; d++) {
        if (strcmp(w->doors[d].id.s, door->s) != 0)
            continue;
        snprintf(reader.s, sizeof reader.s, "r%d", d);
        each(context, &reader);
    }
    return w->policy_broken ? GH_IO : GH_OK;
}

static uint64_t generation(void *self)
{
    struct world *w = self;
    w->n_asked++;
    return w->generation;
}

static enum gh_err version(void *self, struct policy_version *out)
{
    struct world *w = self;
    if (w->policy_broken)
        return GH_RETRY;
    *out = (struct policy_version){.epoch = 1, .rev = 7, .issued_at = 1700000000};
    return GH_OK;
}

static int64_t age_s(void *self, const struct policy_version *v, struct wall now)
{
    (void)self;
    return access_policy_age_s(v, now);
}

static const struct policy_store_ops policy_ops = {
    .readers_of = readers_of,
    .ask = ask, .look = look, .generation = generation, .version = version, .age_s = age_s};

/* --- journal ----------------------------------------------------------------------- */

static uint64_t next_seq(void *self)
{
    struct world *w = self;
    return w->n_events + 1;
}

static void keep_on(struct world *w, struct slice changes)
{
    if (changes.len == 0)
        return;
    if (w->n_kept_after == w->kept_room) {
        w->kept_room = w->kept_room ? 2 * w->kept_room : 16;
        w->kept_after = realloc(w->kept_after, w->kept_room * sizeof *w->kept_after);
        CHECK(w->kept_after);
    }
    CHECK(kept_map_apply(&w->kept, changes) == GH_OK);
    struct changes *after = &w->kept_after[w->n_kept_after++];
    after->len = changes.len;
    memcpy(after->bytes, changes.ptr, changes.len);
}

static enum gh_err append(void *self, uint64_t seq, struct slice bytes, const struct repeat *repeat,
                          struct slice changes)
{
    struct world *w = self;
    CHECK(seq == w->n_events + 1 && w->n_events < WORLD_EVENTS_MAX);
    struct world_event *e = &w->event[w->n_events];
    e->seq = seq;
    e->len = w->journal_full ? 0 : bytes.len;
    memcpy(e->bytes, bytes.ptr, e->len);
    w->repeat[w->n_events] = repeat && !w->journal_full ? *repeat : (struct repeat){0};
    w->n_events++;
    if (w->journal_full)
        return GH_FULL;
    keep_on(w, changes);
    return GH_OK;
}

static enum gh_err keep(void *self, struct slice changes)
{
    struct world *w = self;
    if (w->journal_full)
        return GH_FULL;
    keep_on(w, changes);
    return GH_OK;
}

static enum gh_err kept_each(void *self,
                             bool (*each)(void *context, struct slice key, struct slice value),
                             void *context)
{
    struct world *w = self;
    (void)kept_map_each(&w->kept, each, context);
    return GH_OK;
}

static bool is_failing(void *self)
{
    struct world *w = self;
    return w->journal_fails;
}

/* Everything that is kept is durable now. */
static void kept_sync(struct world *w)
{
    for (size_t i = 0; i < w->n_kept_after; i++)
        CHECK(kept_map_apply(&w->kept_durable, changes_slice(&w->kept_after[i])) == GH_OK);
    w->n_kept_after = 0;
}

static bool keep_again(void *context, struct slice key, struct slice value)
{
    struct world *w = context;
    struct changes change = {0};
    CHECK(changes_add(&change, key, value) == GH_OK);
    CHECK(kept_map_apply(&w->kept, changes_slice(&change)) == GH_OK);
    return true;
}

/* What is kept goes back to what is durable. */
static void kept_power_cut(struct world *w)
{
    kept_map_clear(&w->kept);
    (void)kept_map_each(&w->kept_durable, keep_again, w);
    w->n_kept_after = 0;
}

static uint64_t durable(void *self)
{
    struct world *w = self;
    return w->durable;
}

static struct repeat *find(struct world *w, const struct id *reader, const struct id *read_id)
{
    for (size_t i = 0; i < w->n_events; i++)
        if (id_equal(&w->repeat[i].reader, reader) && id_equal(&w->repeat[i].read_id, read_id))
            return &w->repeat[i];
    return NULL;
}

static enum gh_err repeat_find(void *self, const struct id *reader, const struct id *read_id,
                               struct repeat *out)
{
    struct world *w = self;
    const struct repeat *found = find(w, reader, read_id);
    if (!found)
        return GH_NOT_FOUND;
    *out = *found;
    out->this_boot = found->at.ms >= w->boot.ms;
    return GH_OK;
}

static void repeat_answered(void *self, const struct id *reader, const struct id *read_id)
{
    struct repeat *found = find(self, reader, read_id);
    if (found)
        found->answered = true;
}

static void counts(void *self, struct journal_counts *out)
{
    struct world *w = self;
    *out = (struct journal_counts){.stream = "00112233445566778899aabbccddeeff",
                                   .first_seq = 1,
                                   .next_seq = w->n_events + 1,
                                   .durable_seq = w->durable};
}

static const struct journal_ops journal_ops = {
    .next_seq = next_seq,
    .append = append,
    .keep = keep,
    .kept_each = kept_each,
    .durable = durable,
    .is_failing = is_failing,
    .counts = counts,
    .repeat_find = repeat_find,
    .repeat_answered = repeat_answered,
};

/* --- bus ------------------------------------------------------------------------------ */

static enum gh_err publish(void *self, struct slice topic, struct slice payload, int qos,
                           bool retain)
{
    struct world *w = self;
    (void)qos;
    if (w->bus_down)
        return GH_RETRY;
    if (w->bus_full && retain)
        return GH_FULL;
    if (slice_is(topic, "gatehouse/v1/gateway/tick"))
        return GH_OK;
    CHECK(w->n_sent < WORLD_SENT_MAX);
    struct world_sent *s = &w->sent[w->n_sent++];
    snprintf(s->topic, sizeof s->topic, "%.*s", (int)topic.len, topic.ptr);
    snprintf(s->payload, sizeof s->payload, "%.*s", (int)payload.len,
             payload.len ? payload.ptr : "");
    s->retain = retain;
    s->durable = w->durable;
    return GH_OK;
}

/* The broker acknowledges when the world lets it: see world_broker_answers. */
static enum gh_err publish_tagged(void *self, struct slice topic, struct slice payload,
                                  uint64_t tag)
{
    struct world *w = self;
    enum gh_err err = publish(self, topic, payload, 1, false);
    if (err == GH_OK)
        w->unconfirmed = tag;
    return err;
}

void world_broker_answers(struct world *w)
{
    struct bus_note note = {.kind = BUS_SENT};
    while (w->confirmed < w->unconfirmed) {
        note.tag = ++w->confirmed;
        controller_on_bus(&w->controller, &note, w->now);
    }
}

static const struct bus_ops bus_ops = {.publish = publish, .publish_tagged = publish_tagged};

static enum gh_err zone(struct zone_view *out, const char *tz, int64_t around)
{
    (void)tz;
    (void)around;
    *out = (struct zone_view){.n = 1};
    return GH_OK;
}

/* --- the world ------------------------------------------------------------------------- */

void world_make(struct world *w)
{
    *w = (struct world){.now = {{1000000}, {1737000000, CLOCK_SYNCED}}};
    CHECK(crypto_start() == GH_OK);
    w->event = calloc(WORLD_EVENTS_MAX, sizeof *w->event);
    w->repeat = calloc(WORLD_EVENTS_MAX, sizeof *w->repeat);
    w->sent = calloc(WORLD_SENT_MAX, sizeof *w->sent);
    CHECK(w->event && w->repeat && w->sent);
    memset(&w->keys, 7, sizeof w->keys);
    for (int p = 0; p < WORLD_PEOPLE; p++) {
        struct credential_value value;
        char text[16];
        snprintf(text, sizeof text, WORLD_CARD, p);
        CHECK(credential_value_set(&value, CREDENTIAL_CARD, slice_of(text)) == GH_OK);
        crypto_value_hash(w->card_hash[p], &w->keys, CREDENTIAL_CARD, &value);
    }
    for (int d = 0; d < WORLD_DOORS; d++) {
        struct config_door *c = &w->doors[d];
        snprintf(c->id.s, sizeof c->id.s, "d%d", d);
        snprintf(c->relay.chip, sizeof c->relay.chip, "sim");
        snprintf(c->relay.line, sizeof c->relay.line, "%d", d);
        c->lock = d == 1 ? LOCK_FAIL_SAFE : LOCK_FAIL_SECURE;
        c->relay.active_low = d == 2;
    }
    make_policy(w);
    w->config = (struct config){
        .doors = w->doors, .n_doors = WORLD_DOORS, .reads_per_s = 1000, .reads_burst = 1000,
        .remote_releases = 3};
    world_start(w);
}

void world_start(struct world *w)
{
    char why[HAL_TEXT_MAX];
    struct id session = {""};
    snprintf(session.s, sizeof session.s, "s%d", w->starts++);
    w->sim = hal_sim_open(NULL, why);
    CHECK(w->sim);
    struct controller_ports ports = {
        .bus = {&bus_ops, w},
        .policy = {&policy_ops, w},
        .journal = {&journal_ops, w},
        .zone = zone,
    };
    struct slice last = {0};
    for (size_t i = 0; i < w->n_events; i++)
        if (w->event[i].len > 0)
            last = slice_make(w->event[i].bytes, w->event[i].len);
    struct doors doors;
    struct controller_fire fire = {w->is_fire, w->fire_rules};
    CHECK(controller_take_doors(&doors, &w->config, hal_sim_relays(w->sim), &ports.policy, &fire,
                                why) == GH_OK);
    struct controller_start start = {
        .session = &session,
        .boot = (uint64_t)w->boot.ms + 1,
        .last_event = last,
        .doors = &doors,
        .is_fire = w->is_fire,
    };
    CHECK(controller_open(&w->controller, &w->config, &ports, &w->keys, &start, w->now) == GH_OK);
    world_sync(w); /* the journal takes over its tail before it opens */
    controller_on_bus(&w->controller, &(struct bus_note){.kind = BUS_UP}, w->now);
}

void world_kill(struct world *w)
{
    controller_close(&w->controller);
    hal_sim_close(w->sim);
    w->confirmed = w->unconfirmed = 0;
    w->now.mono.ms++; /* no process starts in the millisecond in which another ends */
}

void world_power_cut(struct world *w)
{
    world_kill(w);
    w->n_events = (size_t)w->durable;
    kept_power_cut(w);
    w->boot = w->now.mono;
}

void world_end(struct world *w)
{
    world_kill(w);
    free(w->event);
    free(w->repeat);
    free(w->sent);
    kept_map_clear(&w->kept);
    kept_map_clear(&w->kept_durable);
    free(w->kept_after);
}

void world_pass(struct world *w, int64_t ms)
{
    int64_t end = w->now.mono.ms + ms;
    for (;;) {
        int64_t next = controller_deadline(&w->controller).ms;
        if (next > end)
            break;
        if (next > w->now.mono.ms) {
            w->now.wall.s += next / 1000 - w->now.mono.ms / 1000;
            w->now.mono.ms = next;
        }
        controller_on_time(&w->controller, w->now);
        CHECK(controller_deadline(&w->controller).ms > w->now.mono.ms);
    }
    w->now.wall.s += end / 1000 - w->now.mono.ms / 1000;
    w->now.mono.ms = end;
}

void world_sync(struct world *w)
{
    w->durable = w->n_events;
    kept_sync(w);
    controller_on_durable(&w->controller, w->now);
    if (!w->broker_is_slow)
        world_broker_answers(w);
}

void world_message(struct world *w, const char *topic, const char *payload, bool retained)
{
    static struct bus_note note;
    memset(&note, 0, sizeof note);
    note.arrived = w->now.mono;
    note.retained = retained;
    note.topic_len = (uint16_t)strlen(topic);
    memcpy(note.topic, topic, note.topic_len);
    size_t len = strlen(payload);
    note.oversize = len > BUS_PAYLOAD_MAX;
    note.payload_len = note.oversize ? 0 : (uint16_t)len;
    memcpy(note.payload, payload, note.payload_len);
    controller_on_bus(&w->controller, &note, w->now);
}

void world_present(struct world *w, int reader, int person, const char *read_id, int64_t age_ms)
{
    char topic[64], payload[256], age[48] = "";
    snprintf(topic, sizeof topic, "gatehouse/v1/readers/r%d/read", reader);
    if (age_ms >= 0)
        snprintf(age, sizeof age, ",\"age_ms\":%lld", (long long)age_ms);
    snprintf(payload, sizeof payload,
             "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"" WORLD_CARD "\"%s}", read_id, person,
             age);
    world_message(w, topic, payload, false);
}

bool world_is_released(struct world *w, int d)
{
    struct relay_board *board = hal_sim_relays(w->sim);
    bool energized = false;
    CHECK(board->ops->get(board, d, &energized) == HAL_OK);
    return w->doors[d].lock == LOCK_FAIL_SECURE ? energized : !energized;
}

size_t world_count(const struct world *w, const char *topic, const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_sent; i++)
        n += strcmp(w->sent[i].topic, topic) == 0 && (!text || strstr(w->sent[i].payload, text));
    return n;
}

static bool holds(const struct world_event *e, const char *text)
{
    return !text || memmem(e->bytes, e->len, text, strlen(text));
}

size_t world_events(const struct world *w, const char *text, const char *other)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_events; i++)
        n += w->event[i].len > 0 && holds(&w->event[i], text) && holds(&w->event[i], other);
    return n;
}
