/* What callgrind counts: reads from bytes to actions, and decisions alone, on a site of 250 people with four cards each.
 * ./instructions-gate runs it and compares. By itself it says what our objects asked of the heap for a read, its answer
 * and its move into the database, and how long a read took here: a figure of this machine at this moment.
 *
 *   build/instructions [READS [PEOPLE]]
 *
 * Everything is drawn from fixed seeds and keys, so that two runs count the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/glib/zone.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/gatehoused/controller.h"
#include "app/rehearsal/memory_board.h"
#include "bench/large_site.h"
#include "lib/allocations.h"
#include "lib/wait.h"

#define PEOPLE 250
#define WARM_UP 200
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

struct bottle {
    struct large_site site;
    long people;
    struct config config;
    struct replica_reader *replica;
    struct journal_db *journal;
    struct relay_board *board;
    struct controller controller;
    struct zone_view zone;
    struct now now;
    uint64_t tag; /* of the answer that is on its way; 0 = none */
    bool is_up;
    struct times {
        int64_t *ns; /* owned */
        int n;
    } reads, relays; /* that are counted: how long each took, and until it released its door */
    int64_t began_ns;
    bool is_counting;
    const struct relay_ops *board_ops;
};

static struct bottle the_bottle;

static long credentials(const struct bottle *b)
{
    return LARGE_CREDENTIALS * b->people;
}

/* --- the outside -------------------------------------------------------------------------- */

static enum gh_err swallow(void *self, struct slice topic, struct slice payload, int qos, bool retain)
{
    (void)self;
    (void)topic;
    (void)payload;
    (void)qos;
    (void)retain;
    return GH_OK;
}

static enum gh_err swallow_tagged(void *self, struct slice topic, struct slice payload, uint64_t tag)
{
    struct bottle *b = self;
    b->tag = tag;
    return swallow(self, topic, payload, 1, false);
}

static const struct bus_ops bus = {.publish = swallow, .publish_tagged = swallow_tagged};

static void add_time(struct times *t, int64_t from_ns)
{
    t->ns[t->n++] = wait_now_ns() - from_ns;
}

static enum hal_err set_relay(struct relay_board *board, int index, bool energized)
{
    struct bottle *b = &the_bottle;
    enum hal_err err = b->board_ops->set(board, index, energized);
    if (b->is_counting && energized)
        add_time(&b->relays, b->began_ns);
    return err;
}

/* The board, which also says when a relay is set. */
static struct relay_board *open_board(struct bottle *b)
{
    static struct relay_ops timed;
    struct relay_board *board = memory_board_open();
    if (!board)
        return NULL;
    b->board_ops = board->ops;
    timed = *board->ops;
    timed.set = set_relay;
    board->ops = &timed;
    return board;
}

static bool make_doors(struct config *config)
{
    config->doors = calloc(LARGE_DOORS, sizeof *config->doors);
    for (int i = 0; config->doors && i < LARGE_DOORS; i++) {
        struct config_door *door = &config->doors[i];
        door->id = large_id('d', i);
        door->lock = LOCK_FAIL_SECURE;
        snprintf(door->relay.chip, sizeof door->relay.chip, "memory");
        snprintf(door->relay.line, sizeof door->relay.line, "%d", i);
    }
    config->n_doors = config->doors ? LARGE_DOORS : 0;
    config->reads_per_s = config->reads_burst = 10000;
    return config->doors != NULL;
}

static bool open_stores(struct bottle *b)
{
    char replica[FOLDER_PATH_MAX], journal[FOLDER_PATH_MAX], why[200] = "";
    struct journal_db_options options = {
        .folder = journal, .max_events = 1000000, .tail_bytes = 4 << 20, .boot_id_hash = 1};
    return folder_file(&b->site.folder, "replica.db", replica) &&
           folder_file(&b->site.folder, "journal", journal) && mkdir(journal, 0700) == 0 &&
           (b->replica = replica_reader_open(replica)) != NULL &&
           journal_db_open(&b->journal, &options, why, sizeof why) == GH_OK;
}

static bool open_controller(struct bottle *b)
{
    static const struct id session = {"session"};
    char why[HAL_TEXT_MAX];
    struct controller_ports ports = {.bus = {&bus, b},
                                     .policy = replica_reader_port(b->replica),
                                     .journal = journal_db_port(b->journal),
                                     .zone = zone_view_load};
    struct doors doors;
    struct controller_fire no_fire = {0};
    struct controller_start start = {.session = &session, .boot = 1, .doors = &doors};
    b->now = (struct now){{1000000}, {LARGE_NOW, CLOCK_SYNCED}};
    if (controller_take_doors(&doors, &b->config, b->board, &ports.policy, &no_fire, why) != GH_OK)
        return false;
    b->is_up = controller_open(&b->controller, &b->config, &ports, &b->site.keys, &start, b->now) ==
               GH_OK;
    if (!b->is_up)
        doors_close(&doors);
    return b->is_up;
}

static bool bottle_open(struct bottle *b)
{
    return folder_make(&b->site.folder) &&
           folder_write(&b->site.folder, "device.key", KEY, 0600) &&
           large_site_make(&b->site, b->people) && make_doors(&b->config) &&
           (b->board = open_board(b)) != NULL && open_stores(b) &&
           zone_view_load(&b->zone, LARGE_ZONE, LARGE_NOW) == GH_OK && open_controller(b);
}

static void bottle_close(struct bottle *b)
{
    if (b->is_up)
        controller_close(&b->controller);
    if (b->journal)
        journal_db_close(b->journal);
    if (b->replica)
        replica_reader_close(b->replica);
    if (b->board)
        b->board->ops->close(b->board);
    config_free(&b->config);
    free(b->reads.ns);
    free(b->relays.ns);
    folder_remove(&b->site.folder);
}

/* --- what is counted ------------------------------------------------------------------------ */

/* callgrind counts what happens below functions of these names. */
__attribute__((noinline)) void counted_read(struct controller *c, const struct bus_note *note,
                                            struct now now);
__attribute__((noinline)) bool counted_decision(struct bottle *b, bool *granted);

void counted_read(struct controller *c, const struct bus_note *note, struct now now)
{
    controller_on_bus(c, note, now);
}

bool counted_decision(struct bottle *b, bool *granted)
{
    struct policy_store store = replica_reader_port(b->replica);
    return large_decide(&b->site, &store, credentials(b), &b->zone, granted);
}

static void wait_durable(struct bottle *b)
{
    struct journal j = journal_db_port(b->journal);
    while (j.ops->durable(j.self) + 1 < j.ops->next_seq(j.self)) {
        struct pollfd p = {.fd = journal_db_fd(b->journal), .events = POLLIN};
        uint64_t count;
        if (poll(&p, 1, -1) == 1 && read(p.fd, &count, sizeof count) < 0)
            return;
    }
}

static void play_counted(struct bottle *b, const struct bus_note *note)
{
    b->is_counting = true;
    b->began_ns = wait_now_ns();
    counted_read(&b->controller, note, b->now);
    add_time(&b->reads, b->began_ns);
    b->is_counting = false;
}

/* A second passes between reads: the last one's answer has been acknowledged, its door is locked
 * again when the next comes there. */
static bool play_read(struct bottle *b, int i, bool is_counted)
{
    static struct bus_note note;
    struct credential_value value;
    unsigned reader = large_any(&b->site, LARGE_DOORS);
    if (!large_value(&value, (long)(large_any(&b->site, 1u << 24) % (unsigned)credentials(b))))
        return false;
    note = (struct bus_note){.kind = BUS_MESSAGE, .arrived = b->now.mono};
    note.topic_len = (uint16_t)snprintf(note.topic, sizeof note.topic,
                                        "gatehouse/v1/readers/r%u/read", reader);
    note.payload_len = (uint16_t)snprintf(
        note.payload, sizeof note.payload,
        "{\"id\":\"7f3a-%06d\",\"type\":\"card\",\"value\":\"%.*s\",\"age_ms\":12}", i,
        (int)value.len, value.text);
    if (is_counted)
        play_counted(b, &note);
    else
        controller_on_bus(&b->controller, &note, b->now);
    wait_durable(b);
    controller_on_durable(&b->controller, b->now);
    struct bus_note sent = {.kind = BUS_SENT, .tag = b->tag};
    controller_on_bus(&b->controller, &sent, b->now);
    b->now.mono = mono_add_ms(b->now.mono, 1000);
    b->now.wall.s++;
    controller_on_time(&b->controller, b->now);
    return true;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void say_times(struct times *t, const char *what)
{
    size_t n = (size_t)t->n;
    if (n == 0)
        return;
    qsort(t->ns, n, sizeof *t->ns, by_number);
    printf("%s: p50 %.1f us, p99 %.1f us\n", what, (double)t->ns[n / 2] / 1e3,
           (double)t->ns[n * 99 / 100] / 1e3);
}

static void say_costs(struct bottle *b, uint64_t allocations)
{
    printf("a read: %.2f allocations of ours\n", (double)allocations / b->reads.n);
    say_times(&b->reads, "a read");
    say_times(&b->relays, "a granted one, until its relay is set");
}

static bool play(struct bottle *b, int reads)
{
    struct bus_note up = {.kind = BUS_UP};
    controller_started(&b->controller, b->now);
    controller_on_bus(&b->controller, &up, b->now);
    bool good = true, granted;
    long n_granted = 0;
    uint64_t before = 0;
    b->reads.ns = calloc((size_t)reads, sizeof *b->reads.ns);
    b->relays.ns = calloc((size_t)reads, sizeof *b->relays.ns);
    for (int i = 0; good && b->reads.ns && b->relays.ns && i < WARM_UP + reads; i++) {
        if (i == WARM_UP)
            before = allocations_here()->n;
        good = play_read(b, i, i >= WARM_UP);
    }
    if (b->reads.n == reads)
        say_costs(b, allocations_here()->n - before);
    for (int i = 0; good && i < WARM_UP + reads; i++) {
        good = i < WARM_UP ? large_decide(&b->site, &b->controller.ports.policy, credentials(b),
                                          &b->zone, &granted)
                           : counted_decision(b, &granted);
        n_granted += granted;
    }
    const struct controller_stats *stats = &b->controller.stats;
    printf("%d reads: %llu granted, %llu denied; %ld decisions granted\n", WARM_UP + reads,
           (unsigned long long)stats->granted, (unsigned long long)stats->denied, n_granted);
    /* A figure of reads that go wrong on their way is none of a read. */
    return good && b->reads.n == reads && stats->granted > 0 && n_granted > 0 && stats->malformed == 0 &&
           stats->granted + stats->denied == (uint64_t)(WARM_UP + reads);
}

int main(int argc, char **argv)
{
    struct bottle *b = &the_bottle;
    long reads = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    b->site.seed = 7;
    b->people = argc > 2 ? strtol(argv[2], NULL, 10) : PEOPLE;
    bool good = reads > 0 && reads <= 100000 && b->people > 0 && b->people <= 1000000 && bottle_open(b) && play(b, (int)reads);
    if (!good)
        lib_say("instructions: it could not be played");
    bottle_close(b);
    return good ? 0 : 1;
}
