#include "app/gatehoused/outbox.h"

#include <stdlib.h>

enum gh_err outbox_open(struct outbox *out)
{
    struct outbox_item *slot = calloc(OUTBOX_SLOTS, sizeof *slot);
    if (!slot)
        return GH_IO;
    *out = (struct outbox){.slot = slot};
    return GH_OK;
}

void outbox_close(struct outbox *outbox)
{
    free(outbox->slot);
    *outbox = (struct outbox){0};
}

struct outbox_item *outbox_add(struct outbox *outbox)
{
    if (outbox->used == OUTBOX_SLOTS)
        return NULL;
    struct outbox_item *item = &outbox->slot[(outbox->first + outbox->used) % OUTBOX_SLOTS];
    outbox->used++;
    item->has_feedback = false;
    return item;
}

const struct outbox_item *outbox_take(struct outbox *outbox, uint64_t durable)
{
    if (outbox->used == 0 || outbox->slot[outbox->first].seq > durable)
        return NULL;
    const struct outbox_item *item = &outbox->slot[outbox->first];
    outbox->first = (outbox->first + 1) % OUTBOX_SLOTS;
    outbox->used--;
    return item;
}

bool outbox_has(const struct outbox *outbox, const struct id *reader, const struct id *read_id)
{
    for (size_t i = 0; i < outbox->used; i++) {
        const struct outbox_item *item = &outbox->slot[(outbox->first + i) % OUTBOX_SLOTS];
        if (item->has_feedback && id_equal(&item->read_id, read_id) &&
            id_equal(&item->reader, reader))
            return true;
    }
    return false;
}
