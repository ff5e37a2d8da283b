#include "bench/echo.h"

#include <MQTTAsync.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/wait.h"

#define ASK "bench/ask/"
#define ANSWER "bench/answer/"

/* --- the process that answers ----------------------------------------------- */

struct server {
    MQTTAsync paho;
    int port;
    bool nodelay;
};

static void broken(void *context, MQTTAsync_failureData5 *response)
{
    (void)context;
    (void)response;
    fprintf(stderr, "the echo cannot connect or subscribe\n");
    _exit(1);
}

static void ready(void *context, MQTTAsync_successData5 *response)
{
    (void)context;
    (void)response;
    fprintf(stderr, "ready\n");
}

static void connected(void *context, MQTTAsync_successData5 *response)
{
    struct server *s = context;
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    (void)response;
    wires_set_nodelay(s->port, s->nodelay);
    how.onSuccess5 = ready;
    how.onFailure5 = broken;
    if (MQTTAsync_subscribe(s->paho, ASK "+", 1, &how) != MQTTASYNC_SUCCESS) {
        broken(s, NULL);
    }
}

static void lost(void *context, char *cause)
{
    (void)context;
    (void)cause;
    _exit(1);
}

static int asked(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
    struct server *s = context;
    char to[64], text[256];
    int64_t now = wait_now_ns();
    (void)topic_len;
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    snprintf(to, sizeof to, ANSWER "%s", topic + sizeof ASK - 1);
    int n = snprintf(text, sizeof text, "%020" PRId64 " %.*s", now, m->payloadlen,
                     (const char *)m->payload);
    if (MQTTAsync_send(s->paho, to, n, text, 1, 0, &how) != MQTTASYNC_SUCCESS) {
        fprintf(stderr, "the echo cannot answer\n");
    }
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

int echo_serve(int port, bool nodelay)
{
    struct server s = {.port = port, .nodelay = nodelay};
    char uri[64];
    MQTTAsync_createOptions made = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions how = MQTTAsync_connectOptions_initializer5;
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", port);
    how.cleanstart = 1;
    how.context = &s;
    how.onSuccess5 = connected;
    how.onFailure5 = broken;
    if (MQTTAsync_createWithOptions(&s.paho, uri, "bench-echo", MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &made) != MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(s.paho, &s, lost, asked, NULL) != MQTTASYNC_SUCCESS ||
        MQTTAsync_connect(s.paho, &how) != MQTTASYNC_SUCCESS) {
        fprintf(stderr, "the echo cannot start\n");
        return 1;
    }
    for (;;) {
        pause(); /* until it is killed */
    }
}

/* --- who asks ------------------------------------------------------------------- */

bool echo_start(struct process *echo, const struct folder *folder, int port, bool nodelay)
{
    char log[FOLDER_PATH_MAX], number[8], name[32];
    snprintf(number, sizeof number, "%d", port);
    snprintf(name, sizeof name, "echo-%d.log", port);
    const char *argv[] = {"/proc/self/exe", "--echo", number, nodelay ? "nodelay" : "default",
                          NULL};
    return folder_file(folder, name, log) &&
           process_start(echo, &(struct process_options){.argv = argv, .log_path = log}) &&
           process_wait_line(echo, "ready", WAIT_MS, NULL, 0);
}

static bool ask(struct wires *wires, int clients, const struct echo_times *times)
{
    int64_t sent[WIRES_MAX];
    unsigned id[WIRES_MAX];
    for (int i = 0; i < clients; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, ASK "%d", i);
        if (!wires_ask(wires, i, topic, "10000000", &id[i], &sent[i])) {
            return false;
        }
    }
    for (int i = 0; i < clients; i++) {
        const struct mqtt_message *m = wires_answer(wires, i, id[i], WAIT_MS);
        if (m == NULL) {
            return false;
        }
        series_add_ns(times->back, sent[i], m->arrived_ns);
        if (times->there) {
            series_add_ns(times->there, sent[i], strtoll(m->payload, NULL, 10));
        }
    }
    return true;
}

bool echo_round(struct wires *wires, int clients, int asks, const struct echo_times *times)
{
    bool good = true;
    for (int i = 0; good && i < asks; i++) {
        wait_pause_ms(WIRES_PAUSE_MS);
        good = ask(wires, clients, times);
    }
    series_end_round(times->back);
    if (times->there) {
        series_end_round(times->there);
    }
    return good;
}
