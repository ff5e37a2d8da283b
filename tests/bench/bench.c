/* The bench: how long a person at a door waits, and what the parts can carry.
 *
 *   bench            measures, prints a table, writes bench.json beside itself
 *   bench --quick    a tenth of it: to see that it works, not to quote
 *   bench --strict   exit status 1 when a figure misses its target
 *
 * Every figure stands beside a floor: what the same machine, broker, disk and
 * libraries need without us, measured in turn with ours in the same run, so that
 * what slows the machine down slows both. Exit status 0 when it could measure, 2
 * when it could not. How to read it: gateway/BENCHMARKS.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/big.h"
#include "bench/echo.h"
#include "bench/floors.h"
#include "bench/large.h"
#include "bench/lines.h"
#include "bench/machine.h"
#include "bench/play.h"
#include "bench/table.h"
#include "lib/port.h"
#include "lib/wait.h"

#define PEOPLE 1000
#define LINE_DOORS 32
#define PEOPLE_LARGE 20000

/* How much is measured. */
struct amount {
    int rounds, reads, bursts, commits, calls, slow_echoes, revocations, backlog, restarts;
    long people;   /* of the largest site */
    int decisions; /* asked of it */
    int lines;
    int big, queued, big_revocations; /* people; rows before a revocation */
};

static const struct amount full = {5, 500, 40, 200, 100, 20, 30, 20000, 5, 250000, 50000, 100, 250000, 50000, 5};
static const struct amount quick = {3, 50, 8, 50, 20, 10, 6, 2000, 3, 2500, 5000, 10, 2500, 500, 2};

struct measured {
    struct series one_way, echo, echo_16, slow_echo, commit, call; /* floors */
    struct series relay, feedback, relay_16, feedback_16;
    struct series revoked, drain_relay, drain_feedback, restart;
    struct series large_echo, large_commit, large_relay, large_feedback;
    double flood_per_s, drain_per_s, sync_s, large_sync_s;
    long large_rows;
    double daemon_mib, daemon_large_mib, syncd_mib, syncd_large_mib, echo_mib;
    long missing, doubled;
    struct large small_site, large_site;
    struct lines lines;
    struct big big;
};

/* --- the broker with default sockets ------------------------------------------------------ */

struct slow_broker {
    struct process process;
    int port;
};

/* The configuration that we ship, without TCP_NODELAY. */
static bool slow_broker_open(struct slow_broker *b, const struct folder *folder)
{
    static const char on[] = "\nset_tcp_nodelay true";
    static const char root[] = "\nuser root\n"; /* else it ends its tie to us: lib/broker.c */
    char path[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], port[8];
    if (!place_repo_file("broker-config/mosquitto.conf", path)) {
        return false;
    }
    char *text = folder_read(path, NULL);
    char *line = text ? strstr(text, on) : NULL;
    if (line != NULL) {
        memset(line + 1, '#', sizeof on - 2);
    } else {
        lib_say("the broker's configuration does not set set_tcp_nodelay");
    }
    char *whole = NULL;
    bool good = line != NULL && asprintf(&whole, "%s%s", text, root) > 0 &&
                folder_write(folder, "slow.conf", whole, 0600) &&
                folder_file(folder, "slow.conf", path) && folder_file(folder, "slow.log", log);
    free(whole);
    free(text);
    b->port = port_free();
    snprintf(port, sizeof port, "%d", b->port);
    const char *argv[] = {"/usr/sbin/mosquitto", "-c", path, "-p", port, NULL};
    return good && b->port != 0 &&
           process_start(&b->process, &(struct process_options){.argv = argv, .log_path = log}) &&
           port_wait_open(b->port, WAIT_MS);
}

/* --- rounds: floor, ours, floor, ours ------------------------------------------------------ */

struct bench {
    struct amount amount;
    struct measured m;
    struct play play;
    struct process echo, slow_echo;
    struct wires slow_wires;
    struct slow_broker slow_broker;
    struct commit_floor commit;
    struct cloud_link *link;
};

static bool one_round(struct bench *b)
{
    struct measured *m = &b->m;
    const struct amount *a = &b->amount;
    const struct echo_times one = {&m->one_way, &m->echo}, many = {NULL, &m->echo_16};
    const struct echo_times slow = {NULL, &m->slow_echo};
    const struct play_times ours = {&m->relay, &m->feedback};
    const struct play_times ours_16 = {&m->relay_16, &m->feedback_16};
    return echo_round(&b->play.wires, 1, a->reads, &one) &&
           commit_floor_round(&b->commit, a->commits, &m->commit) &&
           play_round(&b->play, 1, a->reads, &ours) &&
           echo_round(&b->play.wires, WIRES_MAX, a->bursts, &many) &&
           play_round(&b->play, WIRES_MAX, a->bursts, &ours_16) &&
           cloud_link_round(b->link, a->calls, &m->call) &&
           echo_round(&b->slow_wires, 1, a->slow_echoes, &slow);
}

/* What was read first is not measured: caches, first allocations, slow start. */
static bool warm_up(struct bench *b)
{
    struct measured waste = {0};
    const struct echo_times echo = {NULL, &waste.echo};
    const struct play_times ours = {&waste.relay, &waste.feedback};
    bool good = echo_round(&b->play.wires, 1, 50, &echo) && play_round(&b->play, 1, 50, &ours);
    series_free(&waste.echo);
    series_free(&waste.relay);
    series_free(&waste.feedback);
    return good;
}

/* --- revocation --------------------------------------------------------------------------- */

/* From the moment the change goes to the cloud until gatehoused decides by it;
 * then the card is presented, and must be answered accordingly. */
static bool revoke(struct bench *b, bool enabled)
{
    char row[256];
    struct play *p = &b->play;
    int64_t rev = site_status_number(&p->site, "policy", "rev");
    play_person(row, sizeof row, 1, enabled);
    int64_t before = wait_now_ns(), end = before + (int64_t)WAIT_MS * 1000000;
    if (!cloud_link_put(b->link, row)) {
        return false;
    }
    while (site_status_number(&p->site, "policy", "rev") <= rev) {
        if (wait_now_ns() > end) {
            lib_say("the change did not come through");
            return false;
        }
        wait_pause_ms(1);
    }
    series_add_ns(&b->m.revoked, before, wait_now_ns());
    if (play_ask(p, 1) != enabled) {
        lib_say("the door does not follow the change");
        return false;
    }
    wait_pause_ms(50); /* so that the next one meets an open poll, not a closing one */
    return true;
}

static bool measure_revocation(struct bench *b)
{
    bool good = true;
    for (int i = 0; i < b->amount.revocations && good; i++) {
        /* The first is the way back to how it was. */
        good = revoke(b, i % 2 == 1);
        if (i % 10 == 9 || i + 1 == b->amount.revocations) {
            series_end_round(&b->m.revoked);
        }
    }
    return good && play_settle(&b->play);
}

/* --- a backlog ---------------------------------------------------------------------------- */

/* Reads go on, one in 20 ms, while the backlog goes up. */
static bool drain(struct bench *b, int64_t from, int64_t to)
{
    struct play *p = &b->play;
    const struct play_times times = {&b->m.drain_relay, &b->m.drain_feedback};
    int64_t before = wait_now_ns(), end = before + 6LL * WAIT_MS * 1000000;
    bool good = site_start_syncd(&p->site);
    while (good && site_status_number(&p->site, "journal", "acked_seq") < to) {
        good = play_present(p, 1, &times) && wait_now_ns() < end;
        wait_pause_ms(20);
    }
    b->m.drain_per_s = (double)(to - from) / ((double)(wait_now_ns() - before) / 1e9);
    series_end_round(times.relay);
    series_end_round(times.feedback);
    return good;
}

static bool measure_backlog(struct bench *b)
{
    struct play *p = &b->play;
    struct site_tally tally;
    b->m.daemon_mib = floors_resident_mib(p->site.gatehoused.pid);
    b->m.syncd_mib = floors_resident_mib(p->site.syncd.pid);
    b->m.echo_mib = floors_resident_mib(b->echo.pid);
    if (!site_wait_drained(&p->site, WAIT_MS) || !process_stop(&p->site.syncd) ||
        !play_flood(p, b->amount.backlog, 64, &b->m.flood_per_s)) {
        return false;
    }
    int64_t acked = site_status_number(&p->site, "journal", "acked_seq");
    int64_t newest = site_status_number(&p->site, "journal", "next_seq") - 1;
    if (!drain(b, acked, newest) || !site_wait_drained(&p->site, WAIT_MS) ||
        !site_tally(&p->site, &tally)) {
        return false;
    }
    b->m.missing = (long)(tally.missing + (tally.last_seq < newest ? newest - tally.last_seq : 0));
    b->m.doubled = (long)tally.doubled;
    return true;
}

/* --- a large policy --------------------------------------------------------------------------- */

static bool measure_large(struct bench *b)
{
    struct measured *m = &b->m;
    struct play *p = &b->play;
    const struct echo_times echo = {NULL, &m->large_echo};
    const struct play_times ours = {&m->large_relay, &m->large_feedback};
    if (!play_open(p, PEOPLE_LARGE, 1) || !play_sync(p, &m->large_sync_s) ||
        !echo_start(&b->echo, &p->site.folder, p->site.broker.port, true) ||
        !commit_floor_open(&b->commit, &p->site.folder)) {
        return false;
    }
    m->large_rows = play_rows(p);
    bool good = warm_up(b);
    for (int i = 0; i < 3 && good; i++) {
        good = echo_round(&b->play.wires, 1, b->amount.reads / 2, &echo) &&
               commit_floor_round(&b->commit, b->amount.commits, &m->large_commit) &&
               play_round(p, 1, b->amount.reads / 2, &ours);
    }
    m->daemon_large_mib = floors_resident_mib(p->site.gatehoused.pid);
    m->syncd_large_mib = floors_resident_mib(p->site.syncd.pid);
    return good;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static bool open_floors(struct bench *b)
{
    const struct folder *folder = &b->play.site.folder;
    b->link = cloud_link_open(&b->play.site);
    return b->link != NULL && echo_start(&b->echo, folder, b->play.site.broker.port, true) &&
           commit_floor_open(&b->commit, folder) && slow_broker_open(&b->slow_broker, folder) &&
           echo_start(&b->slow_echo, folder, b->slow_broker.port, false) &&
           wires_open(&b->slow_wires, b->slow_broker.port, 1, false);
}

static void close_floors(struct bench *b)
{
    wires_close(&b->slow_wires);
    process_kill(&b->echo);
    process_kill(&b->slow_echo);
    process_kill(&b->slow_broker.process);
    commit_floor_close(&b->commit);
    cloud_link_close(b->link);
    b->link = NULL;
}

static bool measure_usual(struct bench *b)
{
    bool good = play_open(&b->play, PEOPLE, 1) && play_sync(&b->play, &b->m.sync_s) &&
                open_floors(b) && warm_up(b);
    for (int i = 0; i < b->amount.rounds && good; i++) {
        fprintf(stderr, "bench: round %d of %d\n", i + 1, b->amount.rounds);
        good = one_round(b);
    }
    if (good) {
        fprintf(stderr, "bench: revocation, backlog, restarts\n");
        good = measure_revocation(b) && measure_backlog(b);
    }
    for (int i = 0; i < b->amount.restarts && good; i++) {
        good = play_restart(&b->play, &b->m.restart);
    }
    close_floors(b);
    play_close(&b->play);
    return good;
}

static bool measure(struct bench *b)
{
    bool good = measure_usual(b);
    if (good) {
        fprintf(stderr, "bench: %d people\n", PEOPLE_LARGE);
        good = measure_large(b);
        process_kill(&b->echo);
        commit_floor_close(&b->commit);
        play_close(&b->play);
    }
    if (good) {
        fprintf(stderr, "bench: decisions among %ld credentials\n", 4 * b->amount.people);
        good = large_measure(&b->m.small_site, 250, b->amount.decisions, false) &&
               large_measure(&b->m.large_site, b->amount.people, b->amount.decisions, true);
    }
    if (good) {
        fprintf(stderr, "bench: a site of %d people\n", b->amount.big);
        good = big_measure(&b->m.big, b->amount.big, b->amount.queued, b->amount.big_revocations);
    }
    if (good) {
        fprintf(stderr, "bench: lines\n");
        good = lines_measure(&b->m.lines, b->amount.lines, LINE_DOORS);
    }
    return good;
}

/* p99 against p99: the floor is the same decision on a site that one knows by name. */
static void show_decisions(struct table *t, const struct measured *m, long people)
{
    char name[80];
    double small = series_at(&m->small_site.decide, 0.99);
    double large = series_at(&m->large_site.decide, 0.99);
    table_heading(t, "A decision: facts and verdict, 500 doors, 2,000 entitlements");
    table_latency(t, "1,000 credentials", &m->small_site.decide, NULL);
    snprintf(name, sizeof name, "%ld credentials, %ld people", 4 * people, people);
    table_latency(t, name, &m->large_site.decide, NULL);
    table_number(t, "p99 of the large site", large, "us",
                 &(struct against){"p99 of the small one", small, "60 us", 60, false});
    table_number(t, "p99 of the large site over that of the small", large / small, "x",
                 &(struct against){.target = "3 x", .limit = 3});
    double commits = 1e6 / series_at(&m->commit, 0.5);
    table_number(t, "decided, each event durable; no broker", m->large_site.durable_per_s, "/s",
                 &(struct against){"commits one after another", commits, "5 x as many", 5 * commits,
                                   true});
    table_number(t, "memory of gatehoused on the large site", m->large_site.daemon_mib, "MiB",
                 &(struct against){.target = "64 MiB", .limit = 64});
}

static void show_doors(struct table *t, const struct measured *m)
{
    double echo = series_at(&m->echo, 0.5), commit = series_at(&m->commit, 0.5);
    double echo_16 = series_at(&m->echo_16, 0.5), large = series_at(&m->large_echo, 0.5);
    double large_commit = series_at(&m->large_commit, 0.5);
    table_heading(t, "Floors: without us");
    table_latency(t, "echo one way", &m->one_way, NULL);
    table_latency(t, "echo", &m->echo, NULL);
    table_latency(t, "echo, 16 at once", &m->echo_16, NULL);
    table_latency(t, "echo, sockets without TCP_NODELAY", &m->slow_echo, NULL);
    table_latency(t, "durable commit", &m->commit, NULL);
    table_latency(t, "HTTPS call to the cloud", &m->call, NULL);
    table_heading(t, "At the door, 1,000 people");
    table_latency(t, "read published to relay", &m->relay,
                  &(struct against){"echo", echo, "1.25 x echo", 1.25 * echo, false});
    table_latency(t, "read published to feedback", &m->feedback,
                  &(struct against){"echo + commit", echo + commit, "echo + 1.5 x commit",
                                    echo + 1.5 * commit, false});
    table_latency(t, "to relay, 16 at once", &m->relay_16,
                  &(struct against){.floor = "echo, 16 at once", .floor_value = echo_16});
    table_latency(
        t, "to feedback, 16 at once", &m->feedback_16,
        &(struct against){.floor = "echo, 16 at once + commit", .floor_value = echo_16 + commit});
    table_latency(t, "to relay while the backlog drains", &m->drain_relay,
                  &(struct against){.floor = "echo", .floor_value = echo});
    table_latency(t, "to feedback while the backlog drains", &m->drain_feedback,
                  &(struct against){.floor = "echo + commit", .floor_value = echo + commit});
    table_heading(t, "At the door, 20,000 people");
    table_latency(t, "echo, in turn with these", &m->large_echo, NULL);
    table_latency(t, "durable commit, in turn with these", &m->large_commit, NULL);
    table_latency(t, "to relay, 20,000 people", &m->large_relay,
                  &(struct against){"echo", large, "1.25 x echo", 1.25 * large, false});
    table_latency(t, "to feedback, 20,000 people", &m->large_feedback,
                  &(struct against){"echo + commit", large + large_commit, "echo + 1.5 x commit",
                                    large + 1.5 * large_commit, false});
}

static void show_big(struct table *t, const struct measured *m, int people)
{
    const struct big *g = &m->big;
    char name[96];
    double idle = series_at(&g->idle, 0.99), meanwhile = series_at(&g->meanwhile, 0.99);
    snprintf(name, sizeof name, "A site of %d people with %d cards each", people, BIG_CARDS);
    table_heading(t, name);
    snprintf(name, sizeof name, "snapshot of %ld rows, syncd's start included", g->rows);
    double import = g->import_s * 1e3;
    table_number(t, name, g->snapshot_s * 1e3, "ms",
                 &(struct against){"sqlite3 shell, the same rows", import, "3 x its import",
                                   3 * import, false});
    table_latency(t, "read to relay, no sync", &g->idle, NULL);
    table_latency(t, "read to relay while a snapshot loads", &g->meanwhile, NULL);
    table_number(t, "p99 while it loads", meanwhile, "us",
                 &(struct against){"p99 without", idle, "2 x", 2 * idle, false});
    snprintf(name, sizeof name, "revocation committed to denied, with %ld rows", g->queued);
    table_latency(t, name, &g->revoked,
                  &(struct against){.target = "50 ms on loopback", .limit = 50000});
    table_latency(t, "start of gatehoused to its first answer there", &g->restart,
                  &(struct against){.target = "1 s", .limit = 1000000});
    table_number(t, "memory of syncd, at its most", g->syncd_mib, "MiB",
                 &(struct against){.target = "64 MiB", .limit = 64});
    table_number(t, "memory of gatehoused, at its most", g->daemon_mib, "MiB", NULL);
}

static void show_lines(struct table *t, const struct measured *m)
{
    const struct lines *l = &m->lines;
    double commit = series_at(&m->commit, 0.5);
    table_heading(t, "Lines: each waits for 30 ms of debounce first");
    table_latency(t, "fire input to the last of 32 doors released", &l->fire,
                  &(struct against){"debounce", LINES_DEBOUNCE_US, "debounce + 200 ms",
                                    LINES_DEBOUNCE_US + 200000, false});
    table_latency(t, "contact to its durable event at an MQTT client", &l->event,
                  &(struct against){.floor = "debounce + commit",
                                    .floor_value = LINES_DEBOUNCE_US + commit});
    table_latency(t, "error of a release of a second", &l->release,
                  &(struct against){.target = "50 ms", .limit = 50000});
    table_latency(t, "the same, both cores kept busy by others", &l->release_busy,
                  &(struct against){.target = "50 ms", .limit = 50000});
}

static void show_rest(struct table *t, const struct measured *m, int backlog)
{
    char name[64];
    double call = series_at(&m->call, 0.5), commit = series_at(&m->commit, 0.5);
    table_heading(t, "With the cloud");
    table_latency(
        t, "change put at the cloud to in force", &m->revoked,
        &(struct against){"HTTPS call + commit", call + commit, "50 ms on loopback", 50000, false});
    snprintf(name, sizeof name, "drain of %d events", backlog);
    table_number(t, name, m->drain_per_s, "/s", NULL);
    table_number(t, "events missing at the cloud after it", (double)m->missing, "",
                 &(struct against){.target = "none", .limit = 0});
    table_number(t, "events doubled at the cloud after it", (double)m->doubled, "",
                 &(struct against){.target = "none", .limit = 0});
    snprintf(name, sizeof name, "snapshot of %ld rows, syncd's start included", m->large_rows);
    table_number(t, name, (double)m->large_rows / m->large_sync_s, "rows/s", NULL);
    table_heading(t, "What it carries and takes");
    table_number(t, "reads decided and answered, 64 under way", m->flood_per_s, "/s",
                 &(struct against){.floor = "commits one after another",
                                   .floor_value = commit > 0 ? 1e6 / commit : 0});
    table_latency(t, "start of gatehoused to its first answer", &m->restart, NULL);
    struct against bare = {.floor = "bare MQTT client", .floor_value = m->echo_mib};
    table_number(t, "memory of gatehoused, 1,000 people", m->daemon_mib, "MiB", &bare);
    table_number(t, "memory of gatehoused, 20,000 people", m->daemon_large_mib, "MiB", &bare);
    table_number(t, "memory of syncd, 1,000 people", m->syncd_mib, "MiB", NULL);
    table_number(t, "memory of syncd, 20,000 people", m->syncd_large_mib, "MiB", NULL);
}

static bool is_asked(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], option) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--echo") == 0) {
        return echo_serve((int)strtol(argv[2], NULL, 10), strcmp(argv[3], "nodelay") == 0);
    }
    struct bench b = {0};
    struct table table;
    char machine[512], started[32], json[FOLDER_PATH_MAX];
    const char *build = getenv("BUILD"), *tmp = getenv("TMPDIR");
    time_t now = time(NULL);
    struct tm tm;
    b.amount = is_asked(argc, argv, "--quick") ? quick : full;
    machine_describe(machine, sizeof machine, tmp ? tmp : "/tmp");
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    snprintf(json, sizeof json, "%s/bench.json", build ? build : "build");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s, %s\n", started, machine);
    if (!measure(&b)) {
        fprintf(stderr, "bench: it could not be measured (see above)\n");
        return 2;
    }
    if (!table_open(&table, json, machine, started)) {
        return 2;
    }
    show_doors(&table, &b.m);
    show_rest(&table, &b.m, b.amount.backlog);
    show_decisions(&table, &b.m, b.amount.people);
    show_big(&table, &b.m, b.amount.big);
    show_lines(&table, &b.m);
    if (!table_close(&table)) {
        return 2;
    }
    printf("\n%d figures miss their target. As lines of JSON: %s\n", table.missed, json);
    return table.missed && is_asked(argc, argv, "--strict") ? 1 : 0;
}
