#include "journal_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum gh_err journal_queue_open(struct journal_queue *q)
{
    return block_pool_open(&q->pool, sizeof(struct journal_item) + QUEUE_POOL_BYTES,
                           QUEUE_POOL_ITEMS);
}

void journal_queue_close(struct journal_queue *q)
{
    journal_items_free(q->oldest);
    q->oldest = q->newest = q->unwritten = NULL;
    block_pool_close(&q->pool);
}

/* Room for an item with so many bytes. */
static struct journal_item *take_room(struct journal_queue *q, size_t bytes)
{
    struct journal_item *item = bytes <= QUEUE_POOL_BYTES ? block_pool_take(&q->pool) : NULL;
    struct block_pool *home = item ? &q->pool : NULL;
    if (!item)
        item = malloc(sizeof *item + bytes);
    if (item)
        item->home = home;
    return item;
}

struct journal_item *journal_item_make(struct journal_queue *q, const struct record *r)
{
    struct journal_item *item = take_room(q, r->event.len + r->changes.len);
    if (!item)
        return NULL;
    item->next = NULL;
    item->next_alike = NULL;
    item->record = *r;
    if (r->event.len > 0)
        memcpy(item->bytes, r->event.ptr, r->event.len);
    item->record.event = slice_make(item->bytes, r->event.len);
    if (r->changes.len > 0)
        memcpy(item->bytes + r->event.len, r->changes.ptr, r->changes.len);
    item->record.changes = slice_make(item->bytes + r->event.len, r->changes.len);
    return item;
}

static void item_free(struct journal_item *item)
{
    if (item->home)
        block_pool_give(item->home, item);
    else
        free(item);
}

void journal_items_free(struct journal_item *oldest)
{
    while (oldest) {
        struct journal_item *next = oldest->next;
        item_free(oldest);
        oldest = next;
    }
}

static size_t bucket_of(const struct id *reader, const struct id *read_id)
{
    uint32_t crc = record_crc(0, (const unsigned char *)reader->s, strlen(reader->s) + 1);
    return record_crc(crc, (const unsigned char *)read_id->s, strlen(read_id->s)) % QUEUE_BUCKETS;
}

static bool is_indexed(const struct journal_item *item)
{
    return record_has(&item->record, RECORD_HAS_REPEAT) || item->record.kind == RECORD_ANSWERED;
}

static size_t bucket_of_item(const struct journal_item *item)
{
    return bucket_of(&item->record.repeat.reader, &item->record.repeat.read_id);
}

void journal_queue_push(struct journal_queue *q, struct journal_item *item, bool in_tail)
{
    assert(!in_tail || !q->unwritten);
    if (q->newest)
        q->newest->next = item;
    else
        q->oldest = item;
    q->newest = item;
    if (record_has(&item->record, RECORD_HAS_EVENT))
        q->n_events++;
    if (!in_tail) {
        if (!q->unwritten)
            q->unwritten = item;
        q->n_unwritten++;
    }
    if (is_indexed(item)) {
        size_t b = bucket_of_item(item);
        if (q->bucket[b].newest)
            q->bucket[b].newest->next_alike = item;
        else
            q->bucket[b].oldest = item;
        q->bucket[b].newest = item;
    }
}

void journal_queue_written(struct journal_queue *q)
{
    assert(q->unwritten);
    q->unwritten = q->unwritten->next;
    q->n_unwritten--;
}

/* The item is the oldest of the queue, so it is the oldest of its bucket. */
static void unindex(struct journal_queue *q, struct journal_item *item)
{
    size_t b = bucket_of_item(item);
    assert(q->bucket[b].oldest == item);
    q->bucket[b].oldest = item->next_alike;
    if (!item->next_alike)
        q->bucket[b].newest = NULL;
}

struct journal_item *journal_queue_drop(struct journal_queue *q, struct journal_item *last)
{
    struct journal_item *dropped = q->oldest;
    for (struct journal_item *item = dropped;; item = item->next) {
        if (item == q->unwritten)
            journal_queue_written(q);
        if (record_has(&item->record, RECORD_HAS_EVENT))
            q->n_events--;
        if (is_indexed(item))
            unindex(q, item);
        if (item == last)
            break;
    }
    q->oldest = last->next;
    if (!q->oldest)
        q->newest = NULL;
    last->next = NULL;
    return dropped;
}

const struct record_repeat *journal_queue_find(const struct journal_queue *q,
                                               const struct id *reader, const struct id *read_id,
                                               bool *answered)
{
    const struct record_repeat *found = NULL;
    const struct journal_item *item = q->bucket[bucket_of(reader, read_id)].oldest;
    *answered = false;
    for (; item; item = item->next_alike) {
        const struct record_repeat *r = &item->record.repeat;
        if (!id_equal(&r->reader, reader) || !id_equal(&r->read_id, read_id))
            continue;
        *answered = item->record.kind == RECORD_ANSWERED;
        if (record_has(&item->record, RECORD_HAS_REPEAT))
            found = r;
    }
    return found;
}
