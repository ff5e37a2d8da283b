#include "app/gatehoused/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/fnv.h"

struct inbox {
    pthread_mutex_t lock;
    int fd;
    size_t first, used;
    uint64_t dropped;
    struct share {
        int waiting;     /* messages */
        uint32_t missed; /* dropped, and not told of yet */
    } share[INBOX_SHARES]; /* by topic */
    struct bus_note slot[INBOX_SLOTS];
};

struct inbox *inbox_open(void)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return NULL;
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0) {
        free(inbox);
        return NULL;
    }
    pthread_mutex_init(&inbox->lock, NULL);
    return inbox;
}

/* Topics share the inbox: each falls into one of the shares. */
static struct share *share_of(struct inbox *inbox, const struct bus_note *note)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, slice_make(note->topic, note->topic_len));
    return &inbox->share[hash % INBOX_SHARES];
}

/* A note without the part of its payload that is not there. */
static void copy_note(struct bus_note *to, const struct bus_note *from)
{
    memcpy(to, from, offsetof(struct bus_note, payload));
    memcpy(to->payload, from->payload, from->payload_len);
}

void inbox_put(void *context, const struct bus_note *note)
{
    struct inbox *inbox = context;
    bool is_message = note->kind == BUS_MESSAGE;
    size_t room = is_message ? INBOX_SLOTS - INBOX_RESERVED : INBOX_SLOTS;
    pthread_mutex_lock(&inbox->lock);
    struct share *share = share_of(inbox, note);
    bool taken = inbox->used < room && !(is_message && share->waiting >= INBOX_SHARE_MAX);
    if (taken) {
        share->waiting += is_message;
        copy_note(&inbox->slot[(inbox->first + inbox->used) % INBOX_SLOTS], note);
        inbox->used++;
    } else {
        inbox->dropped++;
        share->missed++; /* somebody of the share waits still, and tells of it */
    }
    pthread_mutex_unlock(&inbox->lock);
    if (taken)
        eventfd_write(inbox->fd, 1);
}

bool inbox_take(struct inbox *inbox, struct bus_note *out)
{
    pthread_mutex_lock(&inbox->lock);
    bool some = inbox->used > 0;
    if (some) {
        copy_note(out, &inbox->slot[inbox->first]);
        inbox->first = (inbox->first + 1) % INBOX_SLOTS;
        inbox->used--;
        out->missed = 0;
        if (out->kind == BUS_MESSAGE) {
            struct share *share = share_of(inbox, out);
            out->missed = share->missed;
            share->missed = 0;
            share->waiting--;
        }
    }
    pthread_mutex_unlock(&inbox->lock);
    return some;
}

int inbox_fd(struct inbox *inbox)
{
    return inbox->fd;
}

void inbox_clear(struct inbox *inbox)
{
    eventfd_t n;
    eventfd_read(inbox->fd, &n);
}

void inbox_rearm(struct inbox *inbox)
{
    eventfd_write(inbox->fd, 1);
}

uint64_t inbox_dropped(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    uint64_t n = inbox->dropped;
    pthread_mutex_unlock(&inbox->lock);
    return n;
}

void inbox_close(struct inbox *inbox)
{
    if (!inbox)
        return;
    close(inbox->fd);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}
