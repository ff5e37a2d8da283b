/* The bench: how long a person at a door waits, and what the parts can carry.
 *
 *   bench [PART...]        measures, prints a table, writes bench.json and growth.dat to BUILD; parts:
 *                          usual growth decisions slopes big lines peers, all by default
 *   bench --quick ...      a tenth of it: to see that it works, not to quote
 *   bench --strict ...     exit status 1 when a figure misses its target
 *
 * Every figure stands beside a floor: what the same machine, broker, disk and
 * libraries need without us, measured in turn with ours in the same run, so that
 * what slows the machine down slows both. Exit status 0 when it could measure, 2
 * when it could not. How to read it: gateway/BENCHMARKS.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/big.h"
#include "bench/echo.h"
#include "bench/floors.h"
#include "bench/growth.h"
#include "bench/large.h"
#include "bench/lines.h"
#include "bench/machine.h"
#include "bench/peers.h"
#include "bench/slopes.h"
#include "bench/table.h"
#include "bench/usual.h"

#define LINE_DOORS 32

/* How much is measured. */
struct amount {
    struct usual_amount usual;
    struct growth_amount growth;
    int rounds, commits;     /* of the other parts */
    long people;             /* of the largest site whose decisions are measured */
    int decisions;           /* asked of it in a round */
    int slope_decisions, slope_part;
    struct big_amount big;
    int lines;
};

static const struct amount full = {
    .usual = {5, 500, 40, 200, 100, 20, 30, 5, 5, 4000, 20000},
    .growth = {{250, 2500, 25000, 250000}, 5, 100, 60000, {200, 24, 8}},
    .rounds = 5,
    .commits = 100,
    .people = 250000,
    .decisions = 20000,
    .slope_decisions = 4000,
    .slope_part = 1,
    .big = {250000, 5, 50000, 5},
    .lines = 100,
};
static const struct amount quick = {
    .usual = {3, 50, 8, 50, 20, 10, 6, 2, 2, 1000, 2000},
    .growth = {{250, 2500}, 2, 20, 5000, {20, 4, 2}},
    .rounds = 2,
    .commits = 20,
    .people = 2500,
    .decisions = 2000,
    .slope_decisions = 500,
    .slope_part = 50,
    .big = {2500, 2, 500, 2},
    .lines = 10,
};

struct bench {
    const struct amount *amount;
    const char *build; /* where files go */
    struct table table;
};

/* --- the parts ------------------------------------------------------------------------------- */

static bool usual(struct bench *b)
{
    struct usual m = {0};
    bool good = usual_measure(&m, &b->amount->usual);
    if (good)
        usual_show(&b->table, &m, &b->amount->usual);
    return good;
}

static bool growth(struct bench *b)
{
    static struct growth m;
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/growth.dat", b->build);
    bool good = growth_measure(&m, &b->amount->growth);
    if (good)
        growth_show(&b->table, &m, &b->amount->growth);
    good = good && growth_write(path, &m, &b->amount->growth) && growth_draw(path, b->build);
    growth_free(&m);
    return good;
}

/* On the disk that has the sites' folders. */
static bool measure_commit(const struct bench *b, struct series *out)
{
    struct folder folder = {0};
    struct commit_floor floor = {0};
    bool good = folder_make(&folder) && commit_floor_open(&floor, &folder);
    for (int i = 0; good && i < b->amount->rounds; i++)
        good = commit_floor_round(&floor, b->amount->commits, out);
    commit_floor_close(&floor);
    folder_remove(&folder);
    return good;
}

/* p99 against p99: the floor is the same decision on a site that one knows by name. */
static void show_decisions(struct bench *b, const struct large *small, const struct large *large,
                           const struct series *commit)
{
    struct table *t = &b->table;
    char name[80];
    double few = series_at(&small->decide, 0.99), many = series_at(&large->decide, 0.99);
    double commits = 1e6 / series_at(commit, 0.5);
    const struct against little = {"p99 of the small one", few, "60 us", 60, false};
    const struct against growth_limit = {.target = "3 x", .limit = 3};
    const struct against grouped = {"commits one after another", commits, "5 x as many", 5 * commits, true};
    const struct against core = {.floor = "the core alone",
                                 .floor_value = series_at(&large->core_per_s, 0.5)};
    const struct against lean = {.target = "64 MiB", .limit = 64};
    table_heading(t, "A decision: facts and verdict, 500 doors, 2,000 entitlements");
    table_latency(t, "1,000 credentials", &small->decide, NULL);
    snprintf(name, sizeof name, "%ld credentials, %ld people", LARGE_CREDENTIALS * b->amount->people,
             b->amount->people);
    table_latency(t, name, &large->decide, NULL);
    table_number(t, "p99 of the large site", many, "us", &little);
    table_number(t, "p99 of the large site over that of the small", many / few, "x", &growth_limit);
    table_runs(t, "verdicts, the core alone", &large->core_per_s, "/s", NULL);
    table_runs(t, "decisions with facts, the large site", &large->facts_per_s, "/s", &core);
    table_runs(t, "decided, each event durable; no broker", &large->durable_per_s, "/s", &grouped);
    table_number(t, "memory of gatehoused on the large site", large->daemon_mib, "MiB", &lean);
}

static bool decisions(struct bench *b)
{
    struct large small = {0}, large = {0};
    struct series commit = {0};
    const struct amount *a = b->amount;
    bool good = measure_commit(b, &commit) &&
                large_measure(&small, 250, a->rounds, a->decisions, false) &&
                large_measure(&large, a->people, a->rounds, a->decisions, true);
    if (good)
        show_decisions(b, &small, &large, &commit);
    return good;
}

static bool slopes(struct bench *b)
{
    struct slopes m = {0};
    const struct amount *a = b->amount;
    bool good = slopes_measure(&m, a->rounds, a->slope_decisions, a->slope_part);
    if (good)
        slopes_show(&b->table, &m);
    return good;
}

static void show_big(struct table *t, const struct big *g, int people)
{
    char name[96];
    double idle = series_at(&g->idle, 0.99), meanwhile = series_at(&g->meanwhile, 0.99);
    double import = series_at(&g->import, 0.5);
    const struct against shell = {"sqlite3 shell, the same rows", import, "3 x its import", 3 * import, false};
    const struct against quiet = {"p99 without", idle, "2 x", 2 * idle, false};
    const struct against prompt = {.target = "50 ms on loopback", .limit = 50000};
    const struct against soon = {.target = "1 s", .limit = 1000000};
    const struct against lean = {.target = "64 MiB", .limit = 64};
    snprintf(name, sizeof name, "A site of %d people with %d cards each", people, BIG_CARDS);
    table_heading(t, name);
    snprintf(name, sizeof name, "snapshot of %ld rows in force", g->rows);
    table_runs(t, name, &g->snapshot, "ms", &shell);
    table_latency(t, "read to relay, no sync", &g->idle, NULL);
    table_latency(t, "read to relay while a snapshot loads", &g->meanwhile, NULL);
    table_number(t, "p99 while it loads", meanwhile, "us", &quiet);
    snprintf(name, sizeof name, "revocation committed to denied, with %ld rows", g->queued);
    table_latency(t, name, &g->revoked, &prompt);
    table_latency(t, "start of gatehoused to its first answer there", &g->restart, &soon);
    table_number(t, "memory of syncd, at its most", g->syncd_mib, "MiB", &lean);
    table_number(t, "memory of gatehoused, at its most", g->daemon_mib, "MiB", NULL);
}

static bool big(struct bench *b)
{
    struct big m = {0};
    bool good = big_measure(&m, &b->amount->big);
    if (good)
        show_big(&b->table, &m, b->amount->big.people);
    return good;
}

static void show_lines(struct table *t, const struct lines *l, double commit)
{
    const struct against fire = {"debounce", LINES_DEBOUNCE_US, "debounce + 200 ms",
                                 LINES_DEBOUNCE_US + 200000, false};
    const struct against event = {.floor = "debounce + commit",
                                  .floor_value = LINES_DEBOUNCE_US + commit};
    const struct against exact = {.target = "50 ms", .limit = 50000};
    table_heading(t, "Lines: each waits for 30 ms of debounce first");
    table_latency(t, "fire input to the last of 32 doors released", &l->fire, &fire);
    table_latency(t, "contact to its durable event at an MQTT client", &l->event, &event);
    table_latency(t, "error of a release of a second", &l->release, &exact);
    table_latency(t, "the same, both cores kept busy by others", &l->release_busy, &exact);
}

static bool lines(struct bench *b)
{
    struct lines m = {0};
    struct series commit = {0};
    bool good = measure_commit(b, &commit) && lines_measure(&m, b->amount->lines, LINE_DOORS);
    if (good)
        show_lines(&b->table, &m, series_at(&commit, 0.5));
    return good;
}

/* One that is there and does not work is no fault of ours. */
static bool peers(struct bench *b)
{
    static struct peers m;
    if (!peers_measure(&m, b->amount == &quick ? &peers_quick : &peers_full))
        fprintf(stderr, "bench: the peers could not be measured (see above)\n");
    peers_show(&b->table, &m);
    return true;
}

static const struct part {
    const char *name;
    bool (*measure_and_show)(struct bench *bench);
} parts[] = {
    {"usual", usual},   {"growth", growth}, {"decisions", decisions},
    {"slopes", slopes}, {"big", big},       {"lines", lines},         {"peers", peers},
};
#define PARTS (sizeof parts / sizeof parts[0])

/* --- all of it ----------------------------------------------------------------------------------- */

struct wanted {
    const struct amount *amount;
    bool is_strict;
    bool part[PARTS];
};

static bool want_part(struct wanted *w, const char *name)
{
    for (size_t i = 0; i < PARTS; i++)
        if (strcmp(parts[i].name, name) == 0) {
            w->part[i] = true;
            return true;
        }
    fprintf(stderr, "bench: no part is called %s; parts:", name);
    for (size_t i = 0; i < PARTS; i++)
        fprintf(stderr, " %s", parts[i].name);
    fprintf(stderr, "\n");
    return false;
}

static bool read_arguments(struct wanted *w, int argc, char **argv)
{
    static const struct option options[] = {
        {"quick", no_argument, NULL, 'q'}, {"strict", no_argument, NULL, 's'}, {0}};
    int option;
    bool good = true;
    *w = (struct wanted){.amount = &full};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        good = good && option != '?';
        w->is_strict |= option == 's';
        w->amount = option == 'q' ? &quick : w->amount;
    }
    for (size_t i = 0; i < PARTS; i++)
        w->part[i] = optind == argc;
    for (int i = optind; good && i < argc; i++)
        good = want_part(w, argv[i]);
    return good;
}

static bool measure(struct bench *b, const struct wanted *w)
{
    bool good = true;
    for (size_t i = 0; good && i < PARTS; i++) {
        if (!w->part[i])
            continue;
        fprintf(stderr, "bench: %s\n", parts[i].name);
        good = parts[i].measure_and_show(b);
    }
    return good;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--echo") == 0)
        return echo_serve((int)strtol(argv[2], NULL, 10), strcmp(argv[3], "nodelay") == 0);
    struct bench b = {.build = getenv("BUILD")};
    struct wanted w;
    char machine[512], started[32], json[FOLDER_PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    time_t now = time(NULL);
    struct tm tm;
    if (!read_arguments(&w, argc, argv))
        return 2;
    b.amount = w.amount;
    b.build = b.build ? b.build : "build";
    machine_describe(machine, sizeof machine, tmp ? tmp : "/tmp");
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    snprintf(json, sizeof json, "%s/bench.json", b.build);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s, %s\n", started, machine);
    if (!table_open(&b.table, json, machine, started))
        return 2;
    bool good = measure(&b, &w);
    if (!good)
        fprintf(stderr, "bench: it could not be measured (see above)\n");
    if (!table_close(&b.table) || !good)
        return 2;
    printf("\n%d figures miss their target. As lines of JSON: %s\n", b.table.missed, json);
    return b.table.missed && w.is_strict ? 1 : 0;
}
