#include "app/gatehoused/feedback.h"

#include <stdio.h>

struct look {
    const char *led, *beep;
};

static const struct look looks[] = {
    [DECISION_DENIED] = {"red", "error"},
    [DECISION_GRANTED] = {"green", "ok"},
    [DECISION_PENDING] = {"amber", "wait"},
};

/* Words for the person at the door: what to do, and nothing that would help
 * someone who tries cards. */
static const char *text_of(enum decision decision, enum reason reason)
{
    if (decision == DECISION_GRANTED)
        return "Please enter";
    switch ((int)reason) {
    case REASON_READ_MALFORMED:
    case REASON_READ_STALE: return "Please try again";
    case REASON_HOLIDAY:
    case REASON_OUTSIDE_SCHEDULE:
    case REASON_ENTITLEMENT_NOT_STARTED: return "Not at this time";
    case REASON_PERSON_EXPIRED:
    case REASON_CREDENTIAL_EXPIRED:
    case REASON_ENTITLEMENT_EXPIRED: return "Expired";
    case REASON_PIN_LOCKED_OUT: return "Please wait";
    case REASON_READER_UNKNOWN:
    case REASON_DOOR_UNKNOWN:
    case REASON_POLICY_UNAVAILABLE:
    case REASON_POLICY_STALE:
    case REASON_CLOCK_UNTRUSTED:
    case REASON_CONTROLLER_OFFLINE: return "Out of service";
    default: return "No access";
    }
}

enum gh_err feedback_send(const struct bus *bus, const struct id *reader, const struct id *read_id,
                          enum decision decision, enum reason reason, uint64_t tag)
{
    char topic[BUS_TOPIC_MAX], payload[512];
    const char *quote = id_is_none(read_id) ? "" : "\"";
    int t = snprintf(topic, sizeof topic, "gatehouse/v1/readers/%s/feedback", reader->s);
    int p = snprintf(payload, sizeof payload,
                     "{\"id\":%s%s%s,\"decision\":\"%s\",\"reason\":\"%s\",\"led\":\"%s\","
                     "\"beep\":\"%s\",\"text\":\"%s\"}",
                     quote, id_is_none(read_id) ? "null" : read_id->s, quote,
                     decision_name(decision), reason_name(reason), looks[decision].led,
                     looks[decision].beep, text_of(decision, reason));
    return bus->ops->publish_tagged(bus->self, slice_make(topic, (size_t)t),
                                    slice_make(payload, (size_t)p), tag);
}

enum gh_err feedback_warn(const struct bus *bus, const struct id *reader)
{
    static const char payload[] = "{\"id\":null,\"decision\":\"pending\",\"reason\":\"door_held_open\","
                                  "\"led\":\"amber\",\"beep\":\"warn\",\"text\":\"Please close the door\"}";
    char topic[BUS_TOPIC_MAX];
    int n = snprintf(topic, sizeof topic, "gatehouse/v1/readers/%s/feedback", reader->s);
    return bus->ops->publish(bus->self, slice_make(topic, (size_t)n), slice_of(payload), 1, false);
}
