#include "bench/growth.h"

#include <stdio.h>
#include <sys/stat.h>

#include "bench/backlog.h"
#include "bench/echo.h"
#include "bench/floors.h"
#include "bench/loading.h"
#include "lib/wait.h"

static const int at_once[GROWTH_CROWDS] = {1, 16, 64};

struct growing {
    const struct growth_amount *amount;
    struct growth_size *out;
    struct play play;
    struct loading loading;
    struct process echo;
    struct commit_floor commit;
    int64_t drained_at; /* the number whose acknowledgement ends the backlog */
};

/* --- memory and logs, at their most ----------------------------------------------------------- */

static void most(double *value, double now)
{
    *value = now > *value ? now : *value;
}

static double file_mib(const struct play *p, const char *name)
{
    char path[FOLDER_PATH_MAX + 32];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", p->site.state_dir, name);
    return stat(path, &st) == 0 ? (double)st.st_size / (1 << 20) : 0;
}

static void look_at_sizes(struct growing *g)
{
    const struct play *p = &g->play;
    most(&g->out->daemon_mib, floors_peak_mib(p->site.gatehoused.pid));
    most(&g->out->syncd_mib, floors_peak_mib(p->site.syncd.pid));
    most(&g->out->journal_wal_mib, file_mib(p, "journal.db-wal"));
    most(&g->out->replica_wal_mib, file_mib(p, "replica.db-wal"));
    most(&g->out->replica_mib, file_mib(p, "replica.db"));
}

/* --- without a load, in turns with the floors --------------------------------------------------- */

static bool idle_round(struct growing *g)
{
    const struct growth_amount *a = g->amount;
    bool good = commit_floor_round(&g->commit, a->commits, &g->out->commit);
    for (int k = 0; good && k < GROWTH_CROWDS; k++) {
        struct growth_cell *cell = &g->out->cell[LOAD_NONE][k];
        const struct echo_times echo = {NULL, &g->out->echo[k]};
        const struct play_times ours = {&cell->relay, &cell->feedback};
        good = echo_round(&g->play.wires, at_once[k], a->times[k], &echo) &&
               play_round(&g->play, at_once[k], a->times[k], &ours);
        look_at_sizes(g);
    }
    return good;
}

static bool measure_idle(struct growing *g)
{
    struct series waste = {0};
    const struct echo_times echo = {NULL, &waste};
    bool good = echo_round(&g->play.wires, 1, 50, &echo) &&
                play_round(&g->play, 1, 50, &(struct play_times){&waste, &waste});
    series_free(&waste);
    for (int i = 0; good && i < g->amount->rounds; i++)
        good = idle_round(g);
    return good;
}

/* --- under a load ---------------------------------------------------------------------------- */

static bool has_snapshot(enum growth_load load)
{
    return load == LOAD_SNAPSHOT || load == LOAD_BOTH;
}

static bool has_backlog(enum growth_load load)
{
    return load == LOAD_BACKLOG || load == LOAD_BOTH;
}

static bool begin_load(struct growing *g, enum growth_load load)
{
    g->loading = (struct loading){.play = &g->play};
    bool good = true;
    if (has_backlog(load))
        good = backlog_make(&g->play, g->amount->backlog, &g->drained_at) &&
               site_start_syncd(&g->play.site);
    return good && (!has_snapshot(load) || loading_order(&g->loading));
}

/* Between two bursts: a snapshot follows the one that is in force by now. *goes_on: there is still
 * something that they have to share the box with. */
static bool look_at_load(struct growing *g, enum growth_load load, bool *goes_on)
{
    bool is_over = false;
    *goes_on = !has_backlog(load) ||
               site_status_number(&g->play.site, "journal", "acked_seq") < g->drained_at;
    if (!has_snapshot(load) || !*goes_on)
        return true;
    return loading_look(&g->loading, &is_over) && (!is_over || loading_order(&g->loading));
}

static bool end_load(struct growing *g, enum growth_load load)
{
    return (!has_snapshot(load) || loading_wait(&g->loading)) &&
           (!has_backlog(load) || site_wait_drained(&g->play.site, PLAY_SYNC_MS));
}

static bool measure_loaded(struct growing *g, enum growth_load load, int k)
{
    struct growth_cell *cell = &g->out->cell[load][k];
    const struct play_times times = {&cell->relay, &cell->feedback};
    bool goes_on = true, good = begin_load(g, load);
    for (int i = 0; good && goes_on && i < g->amount->rounds; i++) {
        for (int n = 0; good && goes_on && n < g->amount->times[k]; n++) {
            wait_pause_ms(WIRES_PAUSE_MS);
            good = play_present(&g->play, at_once[k], &times) && look_at_load(g, load, &goes_on);
        }
        series_end_round(times.relay);
        series_end_round(times.feedback);
        look_at_sizes(g);
    }
    good = good && end_load(g, load);
    if (!good)
        process_show_log(&g->play.site.gatehoused);
    cell->snapshots = g->loading.loaded;
    look_at_sizes(g);
    return good;
}

/* --- a size ---------------------------------------------------------------------------------- */

static bool measure_size(struct growing *g, int people)
{
    double sync_s = 0;
    bool good = play_open(&g->play, people, GROWTH_CARDS) && play_sync(&g->play, &sync_s) &&
                echo_start(&g->echo, &g->play.site.folder, g->play.site.broker.port, true) &&
                commit_floor_open(&g->commit, &g->play.site.folder) && measure_idle(g);
    for (enum growth_load load = LOAD_SNAPSHOT; good && load < LOAD_COUNT; load++)
        for (int k = 0; good && k < GROWTH_CROWDS; k++)
            good = measure_loaded(g, load, k);
    process_kill(&g->echo);
    commit_floor_close(&g->commit);
    play_close(&g->play);
    return good;
}

bool growth_measure(struct growth *out, const struct growth_amount *amount)
{
    bool good = true;
    for (int i = 0; good && i < GROWTH_SIZES && amount->people[i] > 0; i++) {
        struct growing g = {.amount = amount, .out = &out->size[i]};
        fprintf(stderr, "bench: %d credentials\n", amount->people[i] * GROWTH_CARDS);
        good = measure_size(&g, amount->people[i]);
    }
    return good;
}

void growth_free(struct growth *growth)
{
    for (int i = 0; i < GROWTH_SIZES; i++) {
        struct growth_size *s = &growth->size[i];
        series_free(&s->commit);
        for (int k = 0; k < GROWTH_CROWDS; k++) {
            series_free(&s->echo[k]);
            for (int load = 0; load < LOAD_COUNT; load++) {
                series_free(&s->cell[load][k].relay);
                series_free(&s->cell[load][k].feedback);
            }
        }
    }
}

/* --- what came out ----------------------------------------------------------------------------- */

static const char *const load_name[LOAD_COUNT] = {"idle", "a snapshot loads", "a backlog goes up", "both"};

/* The targets are those of one reader, without a load, among the most credentials. */
static void show_cell(struct table *t, const struct growth_size *s, enum growth_load load, int k,
                      bool is_judged)
{
    const struct growth_cell *cell = &s->cell[load][k];
    char name[64];
    double echo = series_at(&s->echo[k], 0.5), commit = series_at(&s->commit, 0.5);
    struct against relay = {.floor = "echo", .floor_value = echo};
    struct against feedback = {.floor = "echo + commit", .floor_value = echo + commit};
    if (is_judged) {
        relay = (struct against){"echo", echo, "1.15 x echo", 1.15 * echo, false};
        feedback = (struct against){"echo + commit", echo + commit, "echo + 1.2 x commit",
                                    echo + 1.2 * commit, false};
    }
    snprintf(name, sizeof name, "to relay, %d at once, %s", at_once[k], load_name[load]);
    table_latency(t, name, &cell->relay, &relay);
    snprintf(name, sizeof name, "to feedback, %d at once, %s", at_once[k], load_name[load]);
    table_latency(t, name, &cell->feedback, &feedback);
    if (is_judged) {
        double floor = series_at(&s->echo[k], 0.99);
        table_number(t, "p99 to relay, over the echo's", series_at(&cell->relay, 0.99), "us",
                     &(struct against){"echo's p99", floor, "1.3 x echo's", 1.3 * floor, false});
    }
}

static void show_size(struct table *t, const struct growth_size *s, long credentials, bool is_last)
{
    char name[64];
    snprintf(name, sizeof name, "%ld credentials, %d doors", credentials, PLAY_DOORS);
    table_heading(t, name);
    for (int k = 0; k < GROWTH_CROWDS; k++) {
        snprintf(name, sizeof name, "echo, %d at once", at_once[k]);
        table_latency(t, name, &s->echo[k], NULL);
    }
    table_latency(t, "durable commit", &s->commit, NULL);
    for (enum growth_load load = LOAD_NONE; load < LOAD_COUNT; load++)
        for (int k = 0; k < GROWTH_CROWDS; k++)
            show_cell(t, s, load, k, is_last && load == LOAD_NONE && k == 0);
    table_number(t, "memory of gatehoused, at its most", s->daemon_mib, "MiB", NULL);
    table_number(t, "memory of syncd, at its most", s->syncd_mib, "MiB", NULL);
    table_number(t, "journal.db-wal, at its longest", s->journal_wal_mib, "MiB", NULL);
    table_number(t, "replica.db-wal, at its longest", s->replica_wal_mib, "MiB", NULL);
    table_number(t, "replica.db", s->replica_mib, "MiB", NULL);
}

void growth_show(struct table *t, const struct growth *growth, const struct growth_amount *amount)
{
    for (int i = 0; i < GROWTH_SIZES && amount->people[i] > 0; i++) {
        bool is_last = i + 1 == GROWTH_SIZES || amount->people[i + 1] == 0;
        show_size(t, &growth->size[i], (long)amount->people[i] * GROWTH_CARDS, is_last);
    }
}

static void write_size(FILE *f, const struct growth_size *s, long credentials)
{
    for (enum growth_load load = LOAD_NONE; load < LOAD_COUNT; load++)
        for (int k = 0; k < GROWTH_CROWDS; k++) {
            const struct growth_cell *cell = &s->cell[load][k];
            const struct series *columns[] = {&s->echo[k], &cell->relay, &cell->feedback};
            fprintf(f, "%ld %d \"%s\" %d", credentials, at_once[k], load_name[load], cell->snapshots);
            for (int c = 0; c < 3; c++)
                fprintf(f, " %.1f %.1f %.1f", series_at(columns[c], 0.5), series_at(columns[c], 0.99),
                        series_at(columns[c], 0.999));
            fprintf(f, "\n");
        }
}

bool growth_write(const char *path, const struct growth *growth, const struct growth_amount *amount)
{
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        fprintf(stderr, "bench: cannot write %s\n", path);
        return false;
    }
    fprintf(f, "credentials at_once load snapshots echo_p50 echo_p99 echo_p999 relay_p50 relay_p99 "
               "relay_p999 feedback_p50 feedback_p99 feedback_p999\n");
    for (int i = 0; i < GROWTH_SIZES && amount->people[i] > 0; i++)
        write_size(f, &growth->size[i], (long)amount->people[i] * GROWTH_CARDS);
    bool good = ferror(f) == 0;
    return fclose(f) == 0 && good;
}

bool growth_draw(const char *path, const char *folder)
{
    char script[FOLDER_PATH_MAX];
    if (!process_shell(WAIT_MS, "command -v gnuplot >/dev/null")) {
        fprintf(stderr, "bench: nothing is drawn: gnuplot is not installed\n");
        return true;
    }
    return place_repo_file("tests/bench/growth.gnuplot", script) &&
           process_shell(WAIT_MS, "gnuplot -e \"data='%s'; folder='%s'\" '%s'", path, folder, script);
}
