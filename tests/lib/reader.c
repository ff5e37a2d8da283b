#include "lib/reader.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wait.h"

struct sim_reader {
    struct mqtt_client *client;
    bool shared; /* the client is somebody else's */
    char read_topic[192];
    char feedback_topic[192];
};

static struct sim_reader *make(const char *id)
{
    struct sim_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL) {
        snprintf(reader->read_topic, sizeof reader->read_topic, TOPIC_PREFIX "readers/%s/read", id);
        snprintf(reader->feedback_topic, sizeof reader->feedback_topic,
                 TOPIC_PREFIX "readers/%s/feedback", id);
    }
    return reader;
}

struct sim_reader *sim_reader_open(int port, const char *id)
{
    char client_id[128];
    struct sim_reader *reader = make(id);
    if (reader == NULL) {
        return NULL;
    }
    snprintf(client_id, sizeof client_id, "reader-%s", id);
    struct mqtt_client_options o = {.port = port, .client_id = client_id};
    reader->client = mqtt_client_open(&o);
    if (reader->client == NULL || !mqtt_client_subscribe(reader->client, reader->feedback_topic)) {
        sim_reader_close(reader);
        return NULL;
    }
    return reader;
}

struct sim_reader *sim_reader_share(struct mqtt_client *client, const char *id)
{
    struct sim_reader *reader = make(id);
    if (reader == NULL) {
        return NULL;
    }
    reader->client = client;
    reader->shared = true;
    if (!mqtt_client_subscribe(client, reader->feedback_topic)) {
        sim_reader_close(reader);
        return NULL;
    }
    return reader;
}

void sim_reader_close(struct sim_reader *reader)
{
    if (reader != NULL) {
        if (!reader->shared) {
            mqtt_client_close(reader->client);
        }
        free(reader);
    }
}

struct mqtt_client *sim_reader_client(struct sim_reader *reader)
{
    return reader->client;
}

bool sim_reader_send(struct sim_reader *reader, const char *json, int64_t *sent_ns)
{
    return mqtt_client_publish(reader->client, reader->read_topic, json, strlen(json), 1, false,
                               sent_ns);
}

bool sim_reader_send_bytes(struct sim_reader *reader, const void *bytes, size_t len)
{
    return mqtt_client_publish(reader->client, reader->read_topic, bytes, len, 1, false, NULL);
}

bool sim_reader_send_retained(struct sim_reader *reader, const char *json)
{
    return mqtt_client_publish(reader->client, reader->read_topic, json, strlen(json), 1, true,
                               NULL);
}

bool sim_reader_present(struct sim_reader *reader, const char *read_id, const char *value,
                        int64_t age_ms, int64_t *sent_ns)
{
    char json[512];
    int n = snprintf(json, sizeof json,
                     "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"%s\",\"age_ms\":%" PRId64 "}",
                     read_id, value, age_ms);
    return n > 0 && (size_t)n < sizeof json && sim_reader_send(reader, json, sent_ns);
}

static void copy_field(const json_t *object, const char *key, char *out, size_t max)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, max, "%s", text ? text : "");
}

static bool take_apart(const struct mqtt_message *m, struct feedback *out)
{
    json_t *object = json_loadb(m->payload, m->len, 0, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return false;
    }
    copy_field(object, "id", out->id, sizeof out->id);
    copy_field(object, "decision", out->decision, sizeof out->decision);
    copy_field(object, "reason", out->reason, sizeof out->reason);
    copy_field(object, "text", out->text, sizeof out->text);
    out->arrived_ns = m->arrived_ns;
    json_decref(object);
    return true;
}

struct wanted_feedback {
    const struct sim_reader *reader;
    const char *read_id; /* NULL = any */
    size_t nth;
    size_t seen;
    struct feedback last;
};

static bool is_feedback(const struct mqtt_message *m, void *context)
{
    struct wanted_feedback *w = context;
    struct feedback f;
    if (strcmp(m->topic, w->reader->feedback_topic) != 0 || !take_apart(m, &f) ||
        (w->read_id != NULL && strcmp(f.id, w->read_id) != 0)) {
        return false;
    }
    w->seen++;
    w->last = f;
    return w->seen == w->nth;
}

static bool look_for_feedback(struct sim_reader *reader, const char *read_id, size_t nth,
                              int timeout_ms, struct feedback *out)
{
    struct wanted_feedback w = {.reader = reader, .read_id = read_id, .nth = nth};
    if (mqtt_client_wait(reader->client, 0, is_feedback, &w, timeout_ms, NULL) == NULL) {
        return false;
    }
    *out = w.last;
    return true;
}

bool sim_reader_wait_feedback(struct sim_reader *reader, const char *read_id, size_t nth,
                              int timeout_ms, struct feedback *out)
{
    if (!look_for_feedback(reader, read_id, nth, timeout_ms, out)) {
        lib_say("no feedback number %zu to read %s in %d ms", nth, read_id, timeout_ms);
        return false;
    }
    return true;
}

size_t sim_reader_feedbacks(struct sim_reader *reader, const char *read_id)
{
    struct wanted_feedback w = {.reader = reader, .read_id = read_id, .nth = 0};
    for (size_t i = 0; i < mqtt_client_count(reader->client); i++) {
        (void)is_feedback(mqtt_client_at(reader->client, i), &w);
    }
    return w.seen;
}

bool sim_reader_present_until_answered(struct sim_reader *reader, const char *read_id,
                                       const char *value, int repeat_ms, int timeout_ms,
                                       struct feedback *out, int *sends, int64_t *sent_ns)
{
    int64_t began = wait_now_ns();
    int n = 0;
    bool answered = false;
    for (int64_t age_ms = 0; !answered && age_ms < timeout_ms;
         age_ms = (wait_now_ns() - began) / 1000000) {
        if (!mqtt_client_is_connected(reader->client)) {
            (void)mqtt_client_connect_again(reader->client, repeat_ms);
        }
        if (sim_reader_present(reader, read_id, value, age_ms, n == 0 ? sent_ns : NULL)) {
            n++;
        }
        answered = look_for_feedback(reader, read_id, 1, repeat_ms, out);
    }
    if (sends) {
        *sends = n;
    }
    if (!answered) {
        lib_say("read %s not answered in %d ms, %d sends", read_id, timeout_ms, n);
    }
    return answered;
}
