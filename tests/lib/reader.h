/* A simulated reader: presents cards over MQTT and receives feedback.
 *
 * Also subscribes to what a test wants to see (events, gateway/status), through
 * sim_reader_client. */
#ifndef TESTS_LIB_READER_H
#define TESTS_LIB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mqtt_client.h"

#define TOPIC_PREFIX "gatehouse/v1/"
#define TOPIC_EVENTS TOPIC_PREFIX "events"
#define TOPIC_STATUS TOPIC_PREFIX "gateway/status"
#define TOPIC_TICK TOPIC_PREFIX "gateway/tick"

struct sim_reader;

/* One answer, taken apart; texts are cut where they are too long, "" if absent. */
struct feedback {
    char id[80];
    char decision[16];
    char reason[48];
    char text[128];
    int64_t arrived_ns;
};

/* Connected as client "reader-ID" and subscribed to its feedback. */
struct sim_reader *sim_reader_open(int port, const char *id);
/* The same on a client that is there already and outlives the reader: many readers
 * at one connection. Subscribing takes one of its filters. */
struct sim_reader *sim_reader_share(struct mqtt_client *client, const char *id);
void sim_reader_close(struct sim_reader *reader);
/* Its MQTT client, for subscriptions, raw publishes, cuts and reconnects. Borrowed. */
struct mqtt_client *sim_reader_client(struct sim_reader *reader);

/* Publishes this text as a read, QoS 1. *sent_ns may be NULL. */
bool sim_reader_send(struct sim_reader *reader, const char *json, int64_t *sent_ns);
bool sim_reader_send_bytes(struct sim_reader *reader, const void *bytes, size_t len);
bool sim_reader_send_retained(struct sim_reader *reader, const char *json);
/* A card read: {"id":read_id,"type":"card","value":value,"age_ms":age_ms}. */
bool sim_reader_present(struct sim_reader *reader, const char *read_id, const char *value,
                        int64_t age_ms, int64_t *sent_ns);

/* The nth feedback (from 1) with this read id; false when it does not come. */
bool sim_reader_wait_feedback(struct sim_reader *reader, const char *read_id, size_t nth,
                              int timeout_ms, struct feedback *out);
/* Feedbacks so far with this read id (NULL = all). */
size_t sim_reader_feedbacks(struct sim_reader *reader, const char *read_id);
/* Presents the card, and again with a grown age each repeat_ms until an answer
 * comes or timeout_ms have passed: what a maker's reader does. *sends (may be
 * NULL) counts the sends; *sent_ns (may be NULL) is the time of the first. */
bool sim_reader_present_until_answered(struct sim_reader *reader, const char *read_id,
                                       const char *value, int repeat_ms, int timeout_ms,
                                       struct feedback *out, int *sends, int64_t *sent_ns);

#endif
