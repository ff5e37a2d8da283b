/* Feedback to a reader: what its lamp, buzzer and display do. */
#ifndef GATEHOUSE_APP_GATEHOUSED_FEEDBACK_H
#define GATEHOUSE_APP_GATEHOUSED_FEEDBACK_H

#include "core/access.h"
#include "ports/bus.h"

/* Publishes to readers/{reader}/feedback, QoS 1, not retained:
 * {"id","decision","reason","led":"green|red|amber","beep":"ok|error|wait","text"}.
 * id is null if the read named none. tag and errors as bus_ops.publish_tagged. */
GH_MUST_CHECK enum gh_err feedback_send(const struct bus *bus, const struct id *reader,
                                        const struct id *read_id, enum decision decision,
                                        enum reason reason, uint64_t tag);

/* The same topic, of nobody's read: the door has been open for too long, and soon there
 * will be an alarm: {"id":null,"decision":"pending","reason":"door_held_open",
 * "led":"amber","beep":"warn","text"}. Errors as bus_ops.publish. */
GH_MUST_CHECK enum gh_err feedback_warn(const struct bus *bus, const struct id *reader);

#endif
