#include "bench/play.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/reader.h"
#include "lib/wait.h"

#define RELEASE_NS 1000000000LL
#define SLACK_NS 100000000LL /* until a release of a second has ended for certain */
#define ROW_ROOM 256
#define PEOPLE_PART 20000

/* --- the site ------------------------------------------------------------------------- */

static const char first_door[] = "[door d000]\nrelay = sim:0\nactive = high\nlock = fail_secure\n";

/* The other doors: more than the site's own text takes. */
static bool add_doors(struct play *p)
{
    size_t len = 0;
    char *text = folder_read(p->site.config_path, &len);
    size_t room = len + PLAY_DOORS * 96;
    char *all = text ? realloc(text, room) : NULL;
    if (all == NULL) {
        free(text);
        return false;
    }
    for (int i = 1; i < PLAY_DOORS; i++) {
        len += (size_t)snprintf(all + len, room - len,
                                "[door d%03d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n",
                                i, i);
    }
    bool good = folder_write(&p->site.folder, "gatehouse.conf", all, 0600);
    free(all);
    return good;
}

void play_person(char *out, size_t size, int person, bool enabled)
{
    snprintf(out, size, "{\"k\":\"person\",\"id\":\"p%05d\",\"d\":{%s\"groups\":[\"staff\"]}}\n",
             person, enabled ? "" : "\"enabled\":false,");
}

static void card_of(char out[9], int person)
{
    snprintf(out, 9, "%08X", 0x10000000u + (unsigned)person);
}

long play_rows(const struct play *p)
{
    return 4 + 2 * PLAY_DOORS + (1L + p->cards) * p->people;
}

static bool put_building(struct play *p)
{
    static const char head[] =
        "{\"k\":\"site\",\"id\":\"" SITE_ID "\",\"d\":{\"tz\":\"Europe/London\"}}\n"
        "{\"k\":\"group\",\"id\":\"staff\",\"d\":{}}\n"
        "{\"k\":\"schedule\",\"id\":\"always\",\"d\":{\"windows\":[{\"days\":[\"mon\",\"tue\","
        "\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"],\"start\":\"00:00\",\"end\":\"24:00\"}]}}\n"
        "{\"k\":\"entitlement\",\"id\":\"everywhere\",\"d\":{\"kind\":\"role\",\"schedule\":"
        "\"always\",\"who\":{\"groups\":[\"staff\"]},\"where\":{\"all\":true}}}\n";
    static char rows[sizeof head + 2 * PLAY_DOORS * ROW_ROOM];
    size_t len = (size_t)snprintf(rows, sizeof rows, "%s", head);
    for (int i = 0; i < PLAY_DOORS; i++) {
        len += (size_t)snprintf(rows + len, sizeof rows - len,
                                "{\"k\":\"door\",\"id\":\"d%03d\",\"d\":{\"release_s\":1}}\n"
                                "{\"k\":\"reader\",\"id\":\"r%03d\",\"d\":{\"door\":\"d%03d\"}}\n",
                                i, i, i);
    }
    return site_put_rows(&p->site, rows);
}

/* A person and what they carry; card k of person i is number i + k * people. */
static size_t put_person(const struct play *p, int i, char *out, size_t size)
{
    play_person(out, size, i, true);
    size_t len = strlen(out);
    for (int k = 0; k < p->cards; k++) {
        char card[9];
        int n = i + k * p->people;
        card_of(card, n);
        len += (size_t)snprintf(out + len, size - len,
                                "{\"k\":\"credential\",\"id\":\"c%05d\",\"d\":{\"person\":\"p%05d\","
                                "\"type\":\"card\",\"value\":\"%s\"}}\n",
                                n, i, card);
    }
    return len;
}

/* In parts: the cloud takes only so much at once. */
static bool put_people(struct play *p)
{
    size_t room = (size_t)PEOPLE_PART * (size_t)(1 + p->cards) * ROW_ROOM;
    char *rows = malloc(room);
    bool good = rows != NULL;
    for (int i = 0; good && i < p->people; i += PEOPLE_PART) {
        size_t len = 0;
        for (int j = i; j < p->people && j < i + PEOPLE_PART; j++) {
            len += put_person(p, j, rows + len, room - len);
        }
        good = site_put_rows(&p->site, rows);
    }
    free(rows);
    return good;
}

bool play_open(struct play *p, int people, int cards)
{
    *p = (struct play){.people = people, .cards = cards};
    struct site_options options = {.config = first_door,
                                   .site_lines = "reads_per_s = 10000\nreads_burst = 10000"};
    return site_make(&p->site, &options) && add_doors(p) && site_start_broker(&p->site) &&
           site_start_cloud(&p->site) && put_building(p) && put_people(p) && site_start_gatehoused(&p->site) &&
           play_find_relays(p) && wires_open(&p->wires, p->site.broker.port, WIRES_MAX, true);
}

void play_close(struct play *p)
{
    wires_close(&p->wires);
    site_end(&p->site);
}

bool play_sync(struct play *p, double *seconds)
{
    int64_t before = wait_now_ns();
    bool good = site_start_syncd(&p->site) && site_wait_policy(&p->site, PLAY_SYNC_MS);
    *seconds = (double)(wait_now_ns() - before) / 1e9;
    return good;
}

bool play_find_relays(struct play *p)
{
    for (int i = 0; i < PLAY_DOORS; i++) {
        char name[8];
        snprintf(name, sizeof name, "d%03d", i);
        p->relay[i] = simwatch_relay(p->site.watch, name, WAIT_MS);
        p->locked_ns[i] = 0;
        if (p->relay[i] < 0) {
            return false;
        }
    }
    return true;
}

/* --- readers ------------------------------------------------------------------------------ */

/* A question that waits for its answer. */
struct question {
    int door;
    unsigned id;
    int64_t sent_ns;
};

static bool publish_read(struct play *p, int door, int person, struct question *out)
{
    char topic[64], card[9];
    card_of(card, person);
    snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%03d/read", door);
    out->door = door;
    p->reads++;
    return wires_ask(&p->wires, door % WIRES_MAX, topic, card, &out->id, &out->sent_ns);
}

static void wait_for_lock(const struct play *p, int door)
{
    int64_t at = p->locked_ns[door];
    struct timespec until = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
    if (wait_now_ns() < at) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

static const struct mqtt_message *answer(struct play *p, const struct question *q)
{
    return wires_answer(&p->wires, q->door % WIRES_MAX, q->id, WAIT_MS);
}

static bool is_granted(const struct mqtt_message *m)
{
    return strstr(m->payload, "\"granted\"") != NULL;
}

static bool take_answer(struct play *p, const struct question *q, const struct play_times *times)
{
    struct simwatch_change change;
    const struct mqtt_message *m = answer(p, q);
    if (m == NULL || !simwatch_wait(p->site.watch, p->relay[q->door], true, WAIT_MS, &change)) {
        return false;
    }
    if (!is_granted(m)) {
        lib_say("not granted: %s", m->payload);
        return false;
    }
    p->locked_ns[q->door] = change.mono_ns + RELEASE_NS + SLACK_NS;
    series_add_ns(times->relay, q->sent_ns, change.mono_ns);
    series_add_ns(times->feedback, q->sent_ns, m->arrived_ns);
    return true;
}

bool play_present(struct play *p, int at_once, const struct play_times *times)
{
    struct question q[WIRES_MAX];
    bool good = true;
    /* A number of doors that follow each other has as many different clients. */
    p->turn = (p->turn / at_once * at_once + at_once) % PLAY_DOORS;
    for (int i = 0; i < at_once; i++) {
        wait_for_lock(p, p->turn + i);
    }
    for (int i = 0; i < at_once && good; i++) {
        good = publish_read(p, p->turn + i, (int)(p->reads % (unsigned)p->people), &q[i]);
    }
    for (int i = 0; i < at_once && good; i++) {
        good = take_answer(p, &q[i], times);
    }
    return good;
}

bool play_round(struct play *p, int at_once, int n, const struct play_times *times)
{
    bool good = true;
    for (int i = 0; i < n && good; i++) {
        wait_pause_ms(WIRES_PAUSE_MS);
        good = play_present(p, at_once, times);
    }
    series_end_round(times->relay);
    series_end_round(times->feedback);
    return good;
}

int play_ask(struct play *p, int person)
{
    struct question q;
    p->turn = (p->turn + 1) % PLAY_DOORS;
    if (!publish_read(p, p->turn, person, &q)) {
        return -1;
    }
    const struct mqtt_message *m = answer(p, &q);
    return m == NULL ? -1 : is_granted(m);
}

bool play_settle(struct play *p)
{
    int64_t end = wait_now_ns() + RELEASE_NS + SLACK_NS;
    for (int i = 0; i < PLAY_DOORS; i++) {
        p->locked_ns[i] = end;
    }
    wait_for_lock(p, 0);
    simwatch_close(p->site.watch);
    p->site.watch = simwatch_open(p->site.sim, WAIT_MS);
    return p->site.watch != NULL;
}

#define WINDOW_MAX 64

bool play_flood(struct play *p, int reads, int window, double *per_s)
{
    struct question q[WINDOW_MAX];
    int64_t before = wait_now_ns();
    for (int done = 0, out = 0; done < reads; done++) {
        for (; out < reads && out - done < window && window <= WINDOW_MAX; out++) {
            if (!publish_read(p, out % PLAY_DOORS, out % p->people, &q[out % window])) {
                return false;
            }
        }
        if (answer(p, &q[done % window]) == NULL) {
            return false;
        }
        if (done % 256 == 0) {
            (void)simwatch_edges(p->site.watch, p->relay[0]); /* the board's lines must be read */
        }
    }
    *per_s = reads / ((double)(wait_now_ns() - before) / 1e9);
    return play_settle(p);
}

/* --- start to first decision ------------------------------------------------------------------ */

struct knocker {
    struct play *play;
    atomic_bool stop;
    int64_t answered_ns; /* 0 = never */
};

static void *knock(void *context)
{
    struct knocker *k = context;
    struct play *p = k->play;
    int64_t end = wait_now_ns() + (int64_t)WAIT_MS * 1000000;
    while (!atomic_load(&k->stop) && k->answered_ns == 0 && wait_now_ns() < end) {
        struct question q;
        if (publish_read(p, 0, 0, &q)) {
            const struct mqtt_message *m = wires_answer(&p->wires, 0, q.id, 5);
            k->answered_ns = m ? m->arrived_ns : 0;
        }
    }
    return NULL;
}

bool play_restart(struct play *p, struct series *times)
{
    struct knocker k = {.play = p};
    pthread_t thread;
    if (!site_kill_gatehoused(&p->site) || pthread_create(&thread, NULL, knock, &k) != 0) {
        return false;
    }
    int64_t before = wait_now_ns();
    bool good = site_start_gatehoused(&p->site);
    atomic_store(&k.stop, !good);
    pthread_join(thread, NULL);
    if (!good || k.answered_ns == 0) {
        return false;
    }
    series_add_ns(times, before, k.answered_ns);
    series_end_round(times);
    return play_find_relays(p);
}
