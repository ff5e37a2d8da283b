#include "bench/usual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/backlog.h"
#include "bench/echo.h"
#include "bench/floors.h"
#include "lib/port.h"
#include "lib/wait.h"

#define PEOPLE 1000
#define AT_ONCE 16

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
    struct usual_amount amount;
    struct usual *m;
    struct play play;
    struct process echo, slow_echo;
    struct wires slow_wires;
    struct slow_broker slow_broker;
    struct commit_floor commit;
    struct cloud_link *link;
};

static bool one_round(struct bench *b)
{
    struct usual *m = b->m;
    const struct usual_amount *a = &b->amount;
    const struct echo_times one = {&m->one_way, &m->echo}, many = {NULL, &m->echo_16};
    const struct echo_times slow = {NULL, &m->slow_echo};
    const struct play_times ours = {&m->relay, &m->feedback};
    const struct play_times ours_16 = {&m->relay_16, &m->feedback_16};
    return echo_round(&b->play.wires, 1, a->reads, &one) &&
           commit_floor_round(&b->commit, a->commits, &m->commit) &&
           play_round(&b->play, 1, a->reads, &ours) &&
           echo_round(&b->play.wires, AT_ONCE, a->bursts, &many) &&
           play_round(&b->play, AT_ONCE, a->bursts, &ours_16) &&
           cloud_link_round(b->link, a->calls, &m->call) &&
           echo_round(&b->slow_wires, 1, a->slow_echoes, &slow);
}

/* What was read first is not measured: caches, first allocations, slow start. */
static bool warm_up(struct bench *b)
{
    struct usual waste = {0};
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
    series_add_ns(&b->m->revoked, before, wait_now_ns());
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
            series_end_round(&b->m->revoked);
        }
    }
    return good && play_settle(&b->play);
}

/* --- a backlog ---------------------------------------------------------------------------- */

/* Reads go on, one in 20 ms, while the backlog goes up. */
static bool drain(struct bench *b, int64_t from, int64_t to)
{
    struct play *p = &b->play;
    const struct play_times times = {&b->m->drain_relay, &b->m->drain_feedback};
    int64_t before = wait_now_ns(), end = before + 6LL * WAIT_MS * 1000000;
    bool good = site_start_syncd(&p->site);
    while (good && site_status_number(&p->site, "journal", "acked_seq") < to) {
        good = play_present(p, 1, &times) && wait_now_ns() < end;
        wait_pause_ms(20);
    }
    series_add_us(&b->m->drain_per_s, (double)(to - from) / ((double)(wait_now_ns() - before) / 1e9));
    series_end_round(times.relay);
    series_end_round(times.feedback);
    return good && site_wait_drained(&p->site, WAIT_MS);
}

static bool measure_drain(struct bench *b, bool is_flooded)
{
    struct play *p = &b->play;
    int64_t acked = site_status_number(&p->site, "journal", "acked_seq");
    int64_t newest = site_status_number(&p->site, "journal", "next_seq") - 1;
    return (is_flooded || backlog_make(p, b->amount.backlog, &newest)) && drain(b, acked, newest);
}

static bool measure_flood(struct bench *b)
{
    double per_s = 0;
    bool good = play_flood(&b->play, b->amount.flood, 64, &per_s);
    series_add_us(&b->m->flood_per_s, per_s);
    return good;
}

static bool measure_backlog(struct bench *b)
{
    struct play *p = &b->play;
    struct site_tally tally;
    b->m->daemon_mib = floors_resident_mib(p->site.gatehoused.pid);
    b->m->syncd_mib = floors_resident_mib(p->site.syncd.pid);
    b->m->echo_mib = floors_resident_mib(b->echo.pid);
    bool good = site_wait_drained(&p->site, WAIT_MS) && process_stop(&p->site.syncd);
    for (int i = 0; good && i < b->amount.runs; i++)
        good = measure_flood(b);
    for (int i = 0; good && i < b->amount.runs; i++)
        good = measure_drain(b, i == 0);
    int64_t newest = site_status_number(&p->site, "journal", "next_seq") - 1;
    if (!good || !site_wait_drained(&p->site, WAIT_MS) || !site_tally(&p->site, &tally))
        return false;
    b->m->missing = (long)(tally.missing + (tally.last_seq < newest ? newest - tally.last_seq : 0));
    b->m->doubled = (long)tally.doubled;
    return true;
}

/* --- the whole ------------------------------------------------------------------------------ */

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

static bool measure(struct bench *b)
{
    double sync_s = 0;
    bool good = play_open(&b->play, PEOPLE, 1) && play_sync(&b->play, &sync_s) && open_floors(b) &&
                warm_up(b);
    for (int i = 0; i < b->amount.rounds && good; i++) {
        fprintf(stderr, "bench: round %d of %d\n", i + 1, b->amount.rounds);
        good = one_round(b);
    }
    fprintf(stderr, "bench: revocation, backlog, restarts\n");
    good = good && measure_revocation(b) && measure_backlog(b);
    for (int i = 0; i < b->amount.restarts && good; i++)
        good = play_restart(&b->play, &b->m->restart);
    return good;
}

bool usual_measure(struct usual *out, const struct usual_amount *amount)
{
    struct bench b = {.amount = *amount, .m = out};
    bool good = measure(&b);
    close_floors(&b);
    play_close(&b.play);
    return good;
}

/* --- what came out ---------------------------------------------------------------------------- */

static void show_floors(struct table *t, const struct usual *m)
{
    table_heading(t, "Floors: without us");
    table_latency(t, "echo one way", &m->one_way, NULL);
    table_latency(t, "echo", &m->echo, NULL);
    table_latency(t, "echo, 16 at once", &m->echo_16, NULL);
    table_latency(t, "echo, sockets without TCP_NODELAY", &m->slow_echo, NULL);
    table_latency(t, "durable commit", &m->commit, NULL);
    table_latency(t, "HTTPS call to the cloud", &m->call, NULL);
}

static void show_door(struct table *t, const struct usual *m)
{
    double echo = series_at(&m->echo, 0.5), commit = series_at(&m->commit, 0.5);
    double echo_16 = series_at(&m->echo_16, 0.5);
    const struct against one = {"echo", echo, "1.25 x echo", 1.25 * echo, false};
    const struct against answered = {"echo + commit", echo + commit, "echo + 1.5 x commit",
                                     echo + 1.5 * commit, false};
    const struct against many = {.floor = "echo, 16 at once", .floor_value = echo_16};
    const struct against many_answered = {.floor = "echo, 16 at once + commit",
                                          .floor_value = echo_16 + commit};
    const struct against plain = {.floor = "echo", .floor_value = echo};
    const struct against plain_answered = {.floor = "echo + commit", .floor_value = echo + commit};
    table_heading(t, "At the door, 1,000 people");
    table_latency(t, "read published to relay", &m->relay, &one);
    table_latency(t, "read published to feedback", &m->feedback, &answered);
    table_latency(t, "to relay, 16 at once", &m->relay_16, &many);
    table_latency(t, "to feedback, 16 at once", &m->feedback_16, &many_answered);
    table_latency(t, "to relay while the backlog drains", &m->drain_relay, &plain);
    table_latency(t, "to feedback while the backlog drains", &m->drain_feedback, &plain_answered);
}

static void show_cloud(struct table *t, const struct usual *m, int backlog)
{
    char name[64];
    double call = series_at(&m->call, 0.5), commit = series_at(&m->commit, 0.5);
    const struct against in_force = {"HTTPS call + commit", call + commit, "50 ms on loopback", 50000,
                                     false};
    const struct against fast = {.target = "10,000 /s", .limit = 10000, .is_rate = true};
    const struct against none = {.target = "none", .limit = 0};
    table_heading(t, "With the cloud");
    table_latency(t, "change put at the cloud to in force", &m->revoked, &in_force);
    snprintf(name, sizeof name, "drain of %d events", backlog);
    table_runs(t, name, &m->drain_per_s, "/s", &fast);
    table_number(t, "events missing at the cloud after these", (double)m->missing, "", &none);
    table_number(t, "events doubled at the cloud after these", (double)m->doubled, "", &none);
}

void usual_show(struct table *t, const struct usual *m, const struct usual_amount *amount)
{
    double commit = series_at(&m->commit, 0.5);
    const struct against one_by_one = {.floor = "commits one after another",
                                       .floor_value = commit > 0 ? 1e6 / commit : 0};
    const struct against bare = {.floor = "bare MQTT client", .floor_value = m->echo_mib};
    show_floors(t, m);
    show_door(t, m);
    show_cloud(t, m, amount->backlog);
    table_heading(t, "What it carries and takes, 1,000 people");
    table_runs(t, "reads decided and answered, 64 under way", &m->flood_per_s, "/s", &one_by_one);
    table_latency(t, "start of gatehoused to its first answer", &m->restart, NULL);
    table_number(t, "memory of gatehoused", m->daemon_mib, "MiB", &bare);
    table_number(t, "memory of syncd", m->syncd_mib, "MiB", NULL);
}
