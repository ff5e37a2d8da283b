/* What the files of the controller share among themselves, and nobody else. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CONTROLLER_PARTS_H
#define GATEHOUSE_APP_GATEHOUSED_CONTROLLER_PARTS_H

#include "app/gatehoused/controller.h"

/* Records an event; with answer, its reader is answered once it is durable, or
 * at once if it cannot be recorded. */
void controller_record(struct controller *c, struct event *event, const struct repeat *repeat,
                       bool answer);

/* Sends feedback; once the broker has it, the read counts as answered. */
void controller_answer(struct controller *c, const struct id *reader, const struct id *read_id,
                       enum decision decision, enum reason reason);
/* The broker has the answer with this tag. */
void controller_answered(struct controller *c, uint64_t tag);

/* Brings a door's relay to its level; a board that stops answering is an event. */
void controller_reconcile(struct controller *c, struct door_unit *unit, struct now now);

/* The road of a read (controller_read.c). */
void controller_read(struct controller *c, const struct bus_note *note, const struct id *reader,
                     struct now now);

/* Publishes gateway/status (status.c). */
void controller_publish_status(struct controller *c, struct now now);

#endif
