#include "bench/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/echo.h"
#include "bench/floors.h"
#include "bench/peer_earl.h"
#include "bench/peer_node_red.h"
#include "bench/play.h"
#include "lib/wait.h"

#define AT_ONCE 16

const struct peers_amount peers_full = {5, 300, 60, 20, 3000, 5, {1000, 100000}};
const struct peers_amount peers_quick = {2, 30, 5, 4, 400, 2, {1000, 5000}};

/* All that runs while one number of credentials is measured. The echo's broker is ours. */
struct run {
    struct play play;
    struct process echo;
    struct commit_floor commit;
    struct node_red node_red, plain; /* with TCP_NODELAY, and without */
    struct earl earl;
    bool has_node_red, has_earl;
    const struct peers_amount *amount;
};

/* --- memory --------------------------------------------------------------------------------- */

static struct peer_memory memory_of(const struct process *p)
{
    char path[64], line[256];
    struct peer_memory m = {.rss_mib = floors_resident_mib(p->pid)};
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)p->pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "Pss:", 4) == 0) {
            m.pss_mib = (double)strtol(line + 4, NULL, 10) / 1024.0;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return m;
}

/* --- in turn ---------------------------------------------------------------------------------- */

static bool round_of_peers(struct run *r, const struct peers_amount *a, struct peers_size *to)
{
    const struct node_red_times one = {&to->decided, &to->relay, &to->feedback};
    const struct node_red_times plain = {&to->plain_decided, &to->plain_relay,
                                         &to->plain_feedback};
    struct series many_decided = {0};
    const struct node_red_times many = {&many_decided, &to->relay_16, &to->feedback_16};
    const struct earl_times earl = {&to->tone, &to->green};
    bool good = true;
    if (r->has_node_red) {
        good = node_red_round(&r->node_red, 1, a->reads, &one) &&
               node_red_round(&r->node_red, AT_ONCE, a->bursts, &many) &&
               node_red_round(&r->plain, 1, a->plain_reads, &plain);
    }
    series_free(&many_decided);
    return good && (!r->has_earl || earl_round(&r->earl, a->reads, &earl));
}

static bool one_round(struct run *r, const struct peers_amount *a, struct peers_size *to)
{
    const struct echo_times echo = {NULL, &to->echo}, echo_16 = {NULL, &to->echo_16};
    const struct play_times ours = {&to->our_relay, &to->our_feedback};
    const struct play_times ours_16 = {&to->our_relay_16, &to->our_feedback_16};
    return echo_round(&r->play.wires, 1, a->reads, &echo) &&
           commit_floor_round(&r->commit, a->reads, &to->commit) &&
           play_round(&r->play, 1, a->reads, &ours) &&
           echo_round(&r->play.wires, AT_ONCE, a->bursts, &echo_16) &&
           play_round(&r->play, AT_ONCE, a->bursts, &ours_16) &&
           round_of_peers(r, a, to);
}

static void free_size(struct peers_size *s)
{
    struct series *all[] = {&s->echo,         &s->echo_16,        &s->commit,       &s->our_relay,
                            &s->our_feedback, &s->our_relay_16,   &s->our_feedback_16,
                            &s->our_start,    &s->decided,        &s->relay,        &s->feedback,
                            &s->relay_16,     &s->feedback_16,    &s->start,
                            &s->plain_decided, &s->plain_relay,   &s->plain_feedback, &s->tone,
                            &s->green};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        series_free(all[i]);
    }
}

/* What is compiled while it runs is compiled after this. */
static bool warm_up(struct run *r)
{
    static const struct peers_amount some = {.reads = 300, .plain_reads = 20, .bursts = 10};
    struct peers_size waste = {0};
    bool good = one_round(r, &some, &waste);
    free_size(&waste);
    return good;
}

static bool measure_starts(struct run *r, struct peers_size *to)
{
    bool good = true;
    for (int i = 0; i < r->amount->starts && good; i++) {
        good = play_restart(&r->play, &to->our_start) &&
               (!r->has_node_red || node_red_restart(&r->node_red, &to->start));
    }
    return good;
}

static void take_memory(const struct run *r, struct peers_size *to)
{
    to->our_memory = memory_of(&r->play.site.gatehoused);
    to->our_syncd_memory = memory_of(&r->play.site.syncd);
    to->memory = r->has_node_red ? memory_of(&r->node_red.process) : (struct peer_memory){0};
    to->earl_memory = r->has_earl ? memory_of(&r->earl.process) : (struct peer_memory){0};
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool open_run(struct run *r, int people)
{
    double seconds;
    return play_open(&r->play, people, 1) && play_sync(&r->play, &seconds) &&
           echo_start(&r->echo, &r->play.site.folder, r->play.site.broker.port, true) &&
           commit_floor_open(&r->commit, &r->play.site.folder) &&
           (!r->has_node_red || (node_red_open(&r->node_red, people, true) &&
                                 node_red_open(&r->plain, people, false))) &&
           (!r->has_earl || earl_open(&r->earl, people));
}

static void close_run(struct run *r)
{
    if (r->has_earl) {
        earl_close(&r->earl);
    }
    if (r->has_node_red) {
        node_red_close(&r->plain);
        node_red_close(&r->node_red);
    }
    process_kill(&r->echo);
    commit_floor_close(&r->commit);
    play_close(&r->play);
}

static bool measure_size(struct run *r, struct peers_size *to)
{
    const struct peers_amount *a = r->amount;
    bool good = open_run(r, to->people) && warm_up(r);
    for (int i = 0; i < a->rounds && good; i++) {
        fprintf(stderr, "bench: peers, %d people, round %d of %d\n", to->people, i + 1, a->rounds);
        good = one_round(r, a, to);
    }
    good = good && play_settle(&r->play) && play_flood(&r->play, a->flood, 64, &to->our_per_s) &&
           (!r->has_node_red || (node_red_flood(&r->node_red, a->flood, 64, &to->per_s) &&
                                  node_red_is_right(&r->node_red)));
    if (good) {
        take_memory(r, to);
        good = measure_starts(r, to);
    }
    close_run(r);
    return good;
}

/* What one of them did wrong has been said; the table must not show half of it. */
static void give_up(struct peers *p)
{
    static const char why[] = "it could not be, see above";
    char *absent[] = {p->node_red_absent, p->earl_absent};
    for (size_t i = 0; i < 2; i++) {
        if (!absent[i][0]) {
            memcpy(absent[i], why, sizeof why);
        }
    }
    for (int i = 0; i < PEERS_SIZES; i++) {
        free_size(&p->size[i]);
        p->size[i].people = 0;
    }
}

bool peers_measure(struct peers *out, const struct peers_amount *amount)
{
    bool good = true;
    *out = (struct peers){0};
    bool has_node_red = !node_red_is_absent(out->node_red_absent);
    bool has_earl = !earl_is_absent(out->earl_absent);
    if (has_node_red) {
        node_red_version(out->node_red_version);
    }
    for (int i = 0; i < PEERS_SIZES && good && (has_node_red || has_earl); i++) {
        struct run r = {.has_node_red = has_node_red, .has_earl = has_earl, .amount = amount};
        out->size[i].people = amount->people[i];
        good = amount->people[i] == 0 || measure_size(&r, &out->size[i]);
    }
    if (!good) {
        give_up(out);
    }
    return good;
}

/* --- the table ------------------------------------------------------------------------------- */

static void show_memory(struct table *t, const char *whose, const struct peer_memory *m,
                        const struct peer_memory *ours)
{
    char name[96];
    snprintf(name, sizeof name, "%s: memory (RSS)", whose);
    table_number(t, name, m->rss_mib, "MiB",
                 ours ? &(struct against){.floor = "gatehoused", .floor_value = ours->rss_mib}
                      : NULL);
    snprintf(name, sizeof name, "%s: memory (Pss)", whose);
    table_number(t, name, m->pss_mib, "MiB",
                 ours ? &(struct against){.floor = "gatehoused", .floor_value = ours->pss_mib}
                      : NULL);
}

struct floors {
    struct against relay, answer, relay_16, answer_16;
};

static struct floors floors_of(const struct peers_size *s)
{
    double echo = series_at(&s->echo, 0.5), commit = series_at(&s->commit, 0.5);
    double echo_16 = series_at(&s->echo_16, 0.5);
    return (struct floors){
        .relay = {.floor = "echo", .floor_value = echo},
        .answer = {.floor = "echo + commit", .floor_value = echo + commit},
        .relay_16 = {.floor = "echo, 16 at once", .floor_value = echo_16},
        .answer_16 = {.floor = "echo, 16 at once + commit", .floor_value = echo_16 + commit},
    };
}

static void show_ours(struct table *t, const struct peers_size *s)
{
    struct floors f = floors_of(s);
    table_latency(t, "echo, in turn with these", &s->echo, NULL);
    table_latency(t, "durable commit, in turn with these", &s->commit, NULL);
    table_latency(t, "Gatehouse: read to relay", &s->our_relay, &f.relay);
    table_latency(t, "Gatehouse: read to feedback", &s->our_feedback, &f.answer);
    table_latency(t, "Gatehouse: to relay, 16 at once", &s->our_relay_16, &f.relay_16);
    table_latency(t, "Gatehouse: to feedback, 16 at once", &s->our_feedback_16, &f.answer_16);
    table_number(t, "Gatehouse: reads answered, 64 under way", s->our_per_s, "/s", NULL);
    table_latency(t, "Gatehouse: start to its first answer", &s->our_start, NULL);
    show_memory(t, "Gatehouse, gatehoused", &s->our_memory, NULL);
    show_memory(t, "Gatehouse, syncd", &s->our_syncd_memory, NULL);
}

static void show_node_red(struct table *t, const struct peers_size *s)
{
    struct floors f = floors_of(s);
    struct against rate = {.floor = "Gatehouse", .floor_value = s->our_per_s};
    struct against start = {.floor = "Gatehouse", .floor_value = series_at(&s->our_start, 0.5)};
    table_latency(t, "Node-RED as it is: decided", &s->plain_decided, &f.relay);
    table_latency(t, "Node-RED as it is: relay's message", &s->plain_relay, &f.relay);
    table_latency(t, "Node-RED as it is: feedback", &s->plain_feedback, &f.answer);
    table_latency(t, "Node-RED, TCP_NODELAY: decided", &s->decided, &f.relay);
    table_latency(t, "Node-RED, TCP_NODELAY: relay's message", &s->relay, &f.relay);
    table_latency(t, "Node-RED, TCP_NODELAY: feedback", &s->feedback, &f.answer);
    table_latency(t, "Node-RED, TCP_NODELAY: relay, 16 at once", &s->relay_16, &f.relay_16);
    table_latency(t, "Node-RED, TCP_NODELAY: feedback, 16 at once", &s->feedback_16, &f.answer_16);
    table_number(t, "Node-RED, TCP_NODELAY: answered, 64 under way", s->per_s, "/s", &rate);
    table_latency(t, "Node-RED: start to its first answer", &s->start, &start);
    show_memory(t, "Node-RED", &s->memory, &s->our_memory);
}

static void show_earl(struct table *t, const struct peers_size *s)
{
    struct against echo = {.floor = "echo", .floor_value = series_at(&s->echo, 0.5)};
    table_latency(t, "Earl: card to its tone", &s->tone, &echo);
    table_latency(t, "Earl: card to the green lamp", &s->green, &echo);
    show_memory(t, "Earl", &s->earl_memory, &s->our_memory);
}

void peers_show(struct table *t, const struct peers *p)
{
    char name[96];
    for (int i = 0; i < PEERS_SIZES && p->size[i].people > 0; i++) {
        snprintf(name, sizeof name, "Peers, %d credentials", p->size[i].people);
        table_heading(t, name);
        show_ours(t, &p->size[i]);
        if (!p->node_red_absent[0]) {
            show_node_red(t, &p->size[i]);
        }
        if (!p->earl_absent[0]) {
            show_earl(t, &p->size[i]);
        }
    }
    printf("\nPeer Node-RED: %s%s\n", p->node_red_absent[0] ? "not measured: " : "",
           p->node_red_absent[0] ? p->node_red_absent : p->node_red_version);
    printf("Peer Earl: %s%s\n", p->earl_absent[0] ? "not measured: " : "measured",
           p->earl_absent);
}
