#include "bench/large.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "adapters/glib/zone.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/control.h"
#include "app/gatehoused/recorder.h"
#include "bench/backlog.h"
#include "bench/floors.h"
#include "bench/large_site.h"
#include "lib/process.h"
#include "lib/wait.h"

#define WARM_UP 4000
#define QUESTIONS 2000
#define VERDICTS 200000

/* --- decisions ------------------------------------------------------------------------------- */

struct asked {
    struct replica_reader *reader;
    struct policy_store store;
    struct zone_view zone;
    long credentials;
};

static bool asked_open(struct asked *a, const struct large_site *s)
{
    char path[FOLDER_PATH_MAX];
    bool good = folder_file(&s->folder, "replica.db", path) &&
                zone_view_load(&a->zone, LARGE_ZONE, LARGE_NOW) == GH_OK;
    a->credentials = LARGE_CREDENTIALS * s->shape.people;
    a->reader = good ? replica_reader_open(path) : NULL;
    if (a->reader)
        a->store = replica_reader_port(a->reader);
    return a->reader != NULL;
}

static bool decide_each(struct large_site *s, const struct asked *a, int reads, struct series *times,
                        long *granted_all)
{
    bool good = true, granted = false;
    for (int i = 0; good && i < reads; i++) {
        int64_t before = wait_now_ns();
        good = large_decide(s, &a->store, a->credentials, &a->zone, &granted);
        series_add_ns(times, before, wait_now_ns());
        *granted_all += granted;
    }
    series_end_round(times);
    return good;
}

/* Without a time of each: to warm up, or where only that of all counts. */
static bool decide_unseen(struct large_site *s, const struct asked *a, int reads)
{
    struct series waste = {0};
    long ignored = 0;
    bool good = decide_each(s, a, reads, &waste, &ignored);
    series_free(&waste);
    return good;
}

bool large_decisions(struct large_site *s, int warm, int reads, struct series *times, long *granted)
{
    struct asked a;
    bool good = asked_open(&a, s) && decide_unseen(s, &a, warm) && decide_each(s, &a, reads, times, granted);
    replica_reader_close(a.reader);
    if (!good)
        lib_say("bench: a decision failed");
    return good;
}

static bool measure_rates(struct large_site *s, struct large *out, int reads)
{
    struct asked a;
    bool good = asked_open(&a, s) && decide_unseen(s, &a, WARM_UP);
    int64_t before = wait_now_ns();
    good = good && decide_unseen(s, &a, reads);
    series_add_us(&out->facts_per_s, reads / ((double)(wait_now_ns() - before) / 1e9));
    if (good)
        series_add_us(&out->core_per_s,
                      large_verdicts_per_s(s, &a.store, a.credentials, &a.zone, VERDICTS));
    replica_reader_close(a.reader);
    return good;
}

static bool measure_decisions(struct large_site *s, struct large *out, int rounds, int reads)
{
    bool good = true;
    for (int i = 0; good && i < rounds; i++)
        good = large_decisions(s, WARM_UP, reads, &out->decide, &out->granted) &&
               measure_rates(s, out, reads);
    return good;
}

/* --- decided, and durable ----------------------------------------------------------------------- */

#define BURST 64 /* reads between two looks at how far the disk is */
#define AHEAD 8192 /* events that may wait for it */

static bool record(struct recorder *r, uint64_t n, const struct id *reader, bool granted)
{
    struct event event = backlog_event(n, reader, granted);
    struct repeat repeat = {.reader = *reader, .read_id = event.read_id, .at = event.at.mono};
    return recorder_append(r, &event, &repeat, (struct slice){0}) == GH_OK;
}

static bool play_durable(struct large_site *s, const struct policy_store *store, struct journal_db *db,
                         long credentials, int reads)
{
    static struct recorder r;
    struct zone_view zone;
    struct journal j = journal_db_port(db);
    bool good = zone_view_load(&zone, LARGE_ZONE, LARGE_NOW) == GH_OK, granted = false;
    recorder_init(&r, j, s->keys.journal, (struct slice){0});
    for (int i = 0; good && i < reads; i++) {
        struct id reader = large_id('r', i % LARGE_DOORS);
        good = large_decide(s, store, credentials, &zone, &granted) &&
               record(&r, (uint64_t)i, &reader, granted);
        if (i % BURST == 0 && i > AHEAD)
            backlog_wait_durable(db, &j, (uint64_t)(i - AHEAD));
    }
    backlog_wait_durable(db, &j, (uint64_t)reads);
    return good;
}

/* No broker, no relay: what the decisions and the journal carry by themselves. */
static bool measure_durable(struct large_site *s, struct large *out, int round, int reads)
{
    char path[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX], name[24], why[200] = "";
    struct journal_db *db = NULL;
    snprintf(name, sizeof name, "journal-%d", round);
    bool good = folder_file(&s->folder, "replica.db", path) &&
                folder_file(&s->folder, name, folder) && mkdir(folder, 0700) == 0;
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
    good = play_durable(s, &store, db, LARGE_CREDENTIALS * s->shape.people, reads);
    series_add_us(&out->durable_per_s, reads / ((double)(wait_now_ns() - before) / 1e9));
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

static char *config_of(const struct folder *folder, int doors)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return NULL;
    fprintf(f, "[site]\nid = large\ngateway = gw\nstate_dir = %s\nrun_dir = %s/run\nbattery_clock = yes\n"
               "[broker]\nport = 1\n", folder->path, folder->path);
    for (int i = 0; i < doors; i++)
        fprintf(f, "[door d%d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n", i, i);
    return fclose(f) == 0 ? text : NULL;
}

static bool ask_daemon(struct large_site *s, const char *socket, int questions)
{
    char request[160];
    unsigned readers = (unsigned)(s->shape.doors * s->shape.readers);
    bool good = true;
    for (int i = 0; good && i < questions; i++) {
        snprintf(request, sizeof request,
                 "{\"call\":\"explain\",\"reader\":\"r%u\",\"type\":\"card\",\"value\":\"%08lX\"}",
                 large_any(s, readers),
                 0x10000000 + (long)large_any(s, 1u << 24) % (LARGE_CREDENTIALS * s->shape.people));
        good = is_asked(socket, request);
    }
    return good;
}

double large_daemon_mib(struct large_site *s, int questions)
{
    char config[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    char socket[FOLDER_PATH_MAX];
    struct process daemon = {0};
    char *text = config_of(&s->folder, s->shape.doors);
    bool good = text && folder_write(&s->folder, "large.conf", text, 0600) &&
                folder_file(&s->folder, "large.conf", config) &&
                folder_file(&s->folder, "large.log", log) &&
                folder_file(&s->folder, "run/control.sock", socket) &&
                place_program("gatehoused", program);
    free(text);
    const char *argv[] = {program, "--config", config, "--sim", NULL};
    good = good &&
           process_start(&daemon, &(struct process_options){.argv = argv, .log_path = log}) &&
           wait_until(is_up, socket, WAIT_MS) && ask_daemon(s, socket, questions);
    double mib = good ? floors_resident_mib(daemon.pid) : 0;
    if (!good)
        process_show_log(&daemon);
    process_kill(&daemon);
    return mib;
}

bool large_measure(struct large *out, long people, int rounds, int reads, bool with_daemon)
{
    struct large_site s = {.seed = 7};
    if (!folder_make(&s.folder))
        return false;
    bool good = large_site_make(&s, people) && measure_decisions(&s, out, rounds, reads);
    for (int i = 0; good && i < rounds; i++)
        good = measure_durable(&s, out, i, reads);
    if (good && with_daemon) {
        out->daemon_mib = large_daemon_mib(&s, QUESTIONS);
        good = out->daemon_mib > 0;
    }
    folder_remove(&s.folder);
    return good;
}
