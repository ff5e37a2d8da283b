#include "bench/peer_node_red.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/peer_db.h"
#include "lib/reader.h"
#include "lib/wait.h"

#define DOORS (WIRES_MAX * WIRES_READERS)
#define START_MS 60000 /* it takes seconds on a small computer */
#define WINDOW_MAX 64
#define PRAGMAS "bench/peer/pragmas"

/* --- where it is ------------------------------------------------------------------------- */

static bool find(const char *name, char out[FOLDER_PATH_MAX])
{
    const char *folder = getenv("GATEHOUSE_PEER_NODE_RED"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n;
    if (folder && folder[0]) {
        n = snprintf(out, FOLDER_PATH_MAX, "%s/node_modules/%s", folder, name);
    } else {
        bool has_cache = cache && cache[0];
        n = snprintf(out, FOLDER_PATH_MAX, "%s%s/gatehouse/peers/node-red/node_modules/%s",
                     has_cache ? cache : home ? home : "", has_cache ? "" : "/.cache", name);
    }
    return n < FOLDER_PATH_MAX && access(out, R_OK) == 0;
}

bool node_red_is_absent(char why[200])
{
    char path[FOLDER_PATH_MAX];
    static const char *const node[] = {"node", "--version", NULL};
    if (!find("node-red/red.js", path) || !find("node-red-node-sqlite/sqlite.js", path)) {
        snprintf(why, 200, "it is not installed (make peers brings it)");
        return true;
    }
    if (process_run(node, NULL, WAIT_MS, NULL, NULL) != 0) {
        snprintf(why, 200, "there is no node to run it");
        return true;
    }
    return false;
}

void node_red_version(char out[96])
{
    static const char *const node[] = {"node", "--version", NULL};
    char path[FOLDER_PATH_MAX], *text = NULL, *runtime = NULL;
    char *version = find("node-red/package.json", path) ? folder_read(path, NULL) : NULL;
    text = version ? strstr(version, "\"version\"") : NULL;
    text = text ? strchr(text + 9, '"') : NULL; /* the value's own quote */
    (void)process_run(node, NULL, WAIT_MS, &runtime, NULL);
    snprintf(out, 96, "%.*s, node %.*s", text ? (int)strcspn(text + 1, "\"") : 1,
             text ? text + 1 : "?", runtime ? (int)strcspn(runtime, "\n") : 1,
             runtime ? runtime : "?");
    free(version);
    free(runtime);
}

/* --- one that runs ------------------------------------------------------------------------- */

static bool start(struct node_red *n, bool nodelay)
{
    char program[FOLDER_PATH_MAX], settings[FOLDER_PATH_MAX], flow[FOLDER_PATH_MAX];
    char user[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], db[FOLDER_PATH_MAX];
    char port_is[32], db_is[FOLDER_PATH_MAX + 16];
    if (!find("node-red/red.js", program) ||
        !place_repo_file("tests/bench/peers/settings.js", settings) ||
        !place_repo_file("tests/bench/peers/flow.json", flow) ||
        !folder_file(&n->folder, "node-red", user) ||
        !folder_file(&n->folder, "node-red.log", log) || !folder_file(&n->folder, "peer.db", db)) {
        return false;
    }
    snprintf(port_is, sizeof port_is, "PEER_PORT=%d", n->broker.port);
    snprintf(db_is, sizeof db_is, "PEER_DB=%s", db);
    const char *argv[] = {"node",       program,  "--userDir", user, "--settings",
                          settings, flow,         NULL};
    /* Release code as a user would run it, and the site's own time. */
    const char *env[] = {port_is, db_is, nodelay ? "PEER_NODELAY=yes" : "PEER_NODELAY=no",
                         "TZ=Europe/London", NULL};
    return process_start(&n->process,
                         &(struct process_options){.argv = argv, .env = env, .log_path = log});
}

/* The flow says how its commits are made, once it has set that. */
static bool wait_durable(struct node_red *n, size_t from)
{
    const struct mqtt_message *m = mqtt_client_wait_text(n->relays, from, PRAGMAS, NULL, START_MS);
    bool good = m && strstr(m->payload, "\"wal\"") && strstr(m->payload, "\"synchronous\":2");
    if (!good) {
        lib_say("Node-RED does not make its commits durable: %s", m ? m->payload : "no word");
        process_show_log(&n->process);
    }
    return good;
}

bool node_red_open(struct node_red *n, long people, bool nodelay)
{
    char db[FOLDER_PATH_MAX];
    *n = (struct node_red){.people = people};
    if (!folder_make(&n->folder) || !folder_file(&n->folder, "peer.db", db) ||
        !peer_db_make(db, people, DOORS) || !broker_start(&n->broker, &n->folder) ||
        !wires_open(&n->wires, n->broker.port, WIRES_MAX, true)) {
        return false;
    }
    struct mqtt_client_options o = {.port = n->broker.port, .client_id = "relays"};
    n->relays = mqtt_client_open(&o);
    return n->relays && mqtt_client_subscribe(n->relays, TOPIC_PREFIX "doors/+/relay") &&
           mqtt_client_subscribe(n->relays, PRAGMAS) && start(n, nodelay) && wait_durable(n, 0);
}

void node_red_close(struct node_red *n)
{
    process_kill(&n->process);
    mqtt_client_close(n->relays);
    wires_close(&n->wires);
    broker_end(&n->broker);
    folder_remove(&n->folder);
    n->relays = NULL;
}

/* --- reads -------------------------------------------------------------------------------- */

struct question {
    int client;
    unsigned id;
    int64_t sent_ns;
};

static bool publish_card(struct node_red *n, const char *card, struct question *q)
{
    char topic[64];
    int door = (int)(n->reads % DOORS);
    snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%03d/read", door);
    n->reads++;
    q->client = door % WIRES_MAX;
    return wires_ask(&n->wires, q->client, topic, card, &q->id, &q->sent_ns);
}

static bool publish_read(struct node_red *n, struct question *q)
{
    char card[16];
    snprintf(card, sizeof card, "%08lX", 0x10000000 + (long)n->reads % n->people);
    return publish_card(n, card, q);
}

static bool has_text(const struct mqtt_message *m, void *text)
{
    return strstr(m->payload, text) != NULL;
}

static bool take_answer(struct node_red *n, const struct question *q, size_t from,
                        const struct node_red_times *to)
{
    static const char mark[] = "\"decided_ns\":";
    char id[32];
    snprintf(id, sizeof id, "bench-%08u", q->id);
    const struct mqtt_message *answer = wires_answer(&n->wires, q->client, q->id, WAIT_MS);
    if (answer == NULL || strstr(answer->payload, "\"granted\"") == NULL) {
        lib_say("Node-RED: %s", answer ? answer->payload : "no answer");
        process_show_log(&n->process);
        return false;
    }
    const struct mqtt_message *relay =
        mqtt_client_wait(n->relays, from, has_text, id, WAIT_MS, NULL);
    const char *decided = relay ? strstr(relay->payload, mark) : NULL;
    if (decided == NULL) {
        lib_say("Node-RED: no word to the relay");
        return false;
    }
    series_add_ns(to->decided, q->sent_ns, strtoll(decided + sizeof mark - 1, NULL, 10));
    series_add_ns(to->relay, q->sent_ns, relay->arrived_ns);
    series_add_ns(to->feedback, q->sent_ns, answer->arrived_ns);
    return true;
}

bool node_red_round(struct node_red *n, int at_once, int times, const struct node_red_times *to)
{
    struct question q[WIRES_MAX];
    bool good = at_once <= WIRES_MAX;
    for (int i = 0; i < times && good; i++) {
        size_t from = mqtt_client_count(n->relays);
        wait_pause_ms(WIRES_PAUSE_MS);
        for (int k = 0; k < at_once && good; k++) {
            good = publish_read(n, &q[k]);
        }
        for (int k = 0; k < at_once && good; k++) {
            good = take_answer(n, &q[k], from, to);
        }
    }
    series_end_round(to->decided);
    series_end_round(to->relay);
    series_end_round(to->feedback);
    return good;
}

/* Looked for from where the flood began: the flow's questions to SQLite run side by side, and
 * a later read can be answered first. */
static bool is_answered(struct node_red *n, const struct question *q, size_t from)
{
    char id[32];
    snprintf(id, sizeof id, "bench-%08u", q->id);
    return mqtt_client_wait(n->wires.client[q->client], from, has_text, id, WAIT_MS, NULL) != NULL;
}

bool node_red_flood(struct node_red *n, int reads, int window, double *per_s)
{
    struct question q[WINDOW_MAX];
    size_t from[WIRES_MAX];
    for (int i = 0; i < WIRES_MAX; i++) {
        from[i] = mqtt_client_count(n->wires.client[i]);
    }
    int64_t before = wait_now_ns();
    for (int done = 0, out = 0; done < reads; done++) {
        for (; out < reads && out - done < window && window <= WINDOW_MAX; out++) {
            if (!publish_read(n, &q[out % window])) {
                return false;
            }
        }
        if (!is_answered(n, &q[done % window], from[q[done % window].client])) {
            lib_say("Node-RED leaves a read without an answer");
            return false;
        }
    }
    *per_s = reads / ((double)(wait_now_ns() - before) / 1e9);
    return true;
}

bool node_red_is_right(struct node_red *n)
{
    char db[FOLDER_PATH_MAX];
    struct question q;
    if (!folder_file(&n->folder, "peer.db", db) || !publish_card(n, "FFFFFFFF", &q)) {
        return false;
    }
    const struct mqtt_message *m = wires_answer(&n->wires, q.client, q.id, WAIT_MS);
    bool denies = m && strstr(m->payload, "\"denied\"") && strstr(m->payload, "unknown_credential");
    long events = peer_db_events(db);
    if (!denies || events != (long)n->reads) {
        lib_say("Node-RED: an unknown card: %s; %ld events of %u reads", m ? m->payload : "no answer",
                events, n->reads);
    }
    return denies && events == (long)n->reads;
}

/* Reads that come before it is there are lost: its session at the broker is not kept. */
bool node_red_restart(struct node_red *n, struct series *to)
{
    int64_t before, end, answered = 0;
    size_t from = mqtt_client_count(n->relays);
    if (!process_kill(&n->process)) {
        return false;
    }
    before = wait_now_ns();
    end = before + (int64_t)START_MS * 1000000;
    bool good = start(n, true);
    while (good && answered == 0 && wait_now_ns() < end) {
        struct question q;
        good = publish_read(n, &q);
        const struct mqtt_message *m =
            good ? wires_answer(&n->wires, q.client, q.id, 5) : NULL;
        answered = m ? m->arrived_ns : 0;
    }
    if (!good || answered == 0) {
        lib_say("Node-RED does not answer after its start");
        process_show_log(&n->process);
        return false;
    }
    series_add_ns(to, before, answered);
    series_end_round(to);
    return wait_durable(n, from);
}
