#include "app/gatehoused/clerk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/sqlite/journal_db.h"
#include "app/config.h"
#include "app/log.h"
#include "core/clock.h"

#define SEND_TIMEOUT_S 10
#define FOLLOW_MS 200
#define PAGE_EVENTS 500
#define PAGE_BYTES (512 * 1024)
#define BATCH_BYTES_MAX ((int64_t)8 * 1024 * 1024) /* whatever is asked for */
#define AT_CHARS 20 /* 2025-01-31T08:00:00Z */
#define CANNOT_READ "the journal cannot be read now"

struct desk {
    struct clerk *clerk;
    pthread_t thread;
    enum { DESK_FREE, DESK_BUSY, DESK_DONE } state; /* under clerk->lock */
    int fd;
    struct json *request;
};

struct clerk {
    char folder[CONFIG_PATH_MAX];
    struct clerk_journal journal;
    atomic_bool closing;
    pthread_mutex_t lock;
    struct desk desk[CLERK_DESKS];
};

/* One question under way. */
struct answer {
    struct clerk *clerk;
    int fd;
    bool broken; /* the other side is gone, or there is no memory */
    char *page;  /* owned: lines that were read and not sent yet, len of room bytes */
    size_t len, room;
    uint64_t sent; /* lines of events, also those that wait */
    uint64_t expect; /* batch: the seq that keeps it contiguous; 0 = none yet */
    uint64_t last;   /* newest seq looked at */
    uint64_t acked;  /* batch: newest seq the cloud has */
    const char *stream;
    bool has_door, has_since;
    struct slice door;
    int64_t since;
};

static bool send_all(struct answer *a, struct slice bytes)
{
    while (!a->broken && bytes.len > 0) {
        ssize_t n = send(a->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            a->broken = true;
        else
            bytes = slice_make(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return !a->broken;
}

/* What is read waits here until its read transaction has ended: who takes the answer may take
 * his time, and a transaction that waits for him keeps the log from being copied back. */
static bool put_line(struct answer *a, struct slice line)
{
    size_t need = a->len + line.len + 1;
    if (need > a->room) {
        size_t room = need > 2 * a->room ? need : 2 * a->room;
        char *page = realloc(a->page, room);
        a->broken |= !page;
        if (!page)
            return false;
        a->page = page;
        a->room = room;
    }
    memcpy(a->page + a->len, line.ptr, line.len);
    a->page[need - 1] = '\n';
    a->len = need;
    return true;
}

static bool send_page(struct answer *a)
{
    size_t len = a->len;
    a->len = 0;
    return send_all(a, slice_make(a->page, len));
}

static bool send_line(struct answer *a, struct slice line)
{
    return put_line(a, line) && send_page(a);
}

static void send_error(struct answer *a, const char *error)
{
    char text[160];
    int n = snprintf(text, sizeof text, "{\"ok\":false,\"error\":\"%s\"}", error);
    send_line(a, slice_make(text, (size_t)n));
}

static void send_end(struct answer *a)
{
    char text[64];
    int n =
        snprintf(text, sizeof text, "{\"end\":true,\"count\":%llu}", (unsigned long long)a->sent);
    send_line(a, slice_make(text, (size_t)n));
}

/* --- events ------------------------------------------------------------------ */

/* A look at the bytes, which costs a hundredth of taking them apart: of a million events
 * few are wanted, and who asked waits for the first of them. */
static bool may_be_wanted(const struct answer *a, struct slice event)
{
    static const char at[] = "\"at\":\"";
    int64_t instant;
    if (a->has_door && !memmem(event.ptr, event.len, a->door.ptr, a->door.len))
        return false;
    const char *from = a->has_since ? memmem(event.ptr, event.len, at, sizeof at - 1) : NULL;
    const char *end = event.ptr + event.len;
    if (!from || end - from < AT_CHARS + (int)sizeof at - 1)
        return true;
    return instant_parse(&instant, slice_make(from + sizeof at - 1, AT_CHARS)) != GH_OK ||
           instant >= a->since;
}

static bool is_wanted(const struct answer *a, struct slice event)
{
    if (!a->has_door && !a->has_since)
        return true;
    if (!may_be_wanted(a, event))
        return false;
    struct json *e = json_parse_object(event, NULL, 0);
    struct slice door, at;
    int64_t instant;
    bool wanted = e != NULL;
    if (wanted && a->has_door)
        wanted = json_text(e, "door", &door) && slice_equal(door, a->door);
    if (wanted && a->has_since)
        wanted =
            json_text(e, "at", &at) && instant_parse(&instant, at) == GH_OK && instant >= a->since;
    json_free(e);
    return wanted;
}

static bool each_event(void *context, uint64_t seq, struct slice event)
{
    struct answer *a = context;
    a->last = seq;
    if (!is_wanted(a, event))
        return true;
    a->sent++;
    return put_line(a, event);
}

static bool is_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, FOLLOW_MS) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static enum gh_err send_events(struct answer *a, struct journal_reader *reader, bool follow)
{
    for (;;) {
        uint64_t before = a->last;
        enum gh_err err =
            journal_reader_each(reader, a->last, PAGE_EVENTS, PAGE_BYTES, each_event, a);
        bool goes_on = send_page(a);
        if (err && err != GH_RETRY)
            return err;
        if (!goes_on || atomic_load(&a->clerk->closing))
            return GH_OK;
        if (a->last != before)
            continue;
        if (!follow)
            return GH_OK;
        if (is_gone(a->fd)) {
            a->broken = true;
            return GH_OK;
        }
    }
}

static const char *start_events(struct answer *a, const struct json *request,
                                const struct journal_counts *n)
{
    int64_t after = 0, last = 0;
    struct slice since;
    if (json_int(request, "after", &after) && after > 0)
        a->last = (uint64_t)after;
    if (json_int(request, "last", &last) && last > 0 && n->next_seq > (uint64_t)last + 1)
        a->last = n->next_seq - 1 - (uint64_t)last;
    a->has_door = json_text(request, "door", &a->door);
    if (json_text(request, "since", &since)) {
        if (instant_parse(&a->since, since) != GH_OK)
            return "since must be a time such as 2025-01-31T08:00:00Z";
        a->has_since = true;
    }
    return NULL;
}

static enum gh_err answer_events(struct answer *a, const struct json *request,
                                 struct journal_reader *r)
{
    struct journal_counts n;
    a->clerk->journal.settle(a->clerk->journal.self); /* whoever saw an answer finds its event */
    a->clerk->journal.counts(a->clerk->journal.self, &n);
    const char *wrong = start_events(a, request, &n);
    if (wrong) {
        send_error(a, wrong);
        return GH_OK;
    }
    bool follow = false;
    json_bool(request, "follow", &follow);
    char head[128];
    int len = snprintf(head, sizeof head, "{\"ok\":true,\"stream\":\"%s\"}", n.stream);
    if (!send_line(a, slice_make(head, (size_t)len)))
        return GH_OK;
    enum gh_err err = send_events(a, r, follow);
    if (err == GH_OK)
        send_end(a); /* without it the other side knows that the answer broke off */
    return err;
}

/* --- batch --------------------------------------------------------------------- */

static bool put_batch_head(struct answer *a, uint64_t first)
{
    char head[256], lost[96] = "";
    if (first > a->acked + 1)
        snprintf(lost, sizeof lost, ",\"lost\":[{\"from\":%llu,\"to\":%llu}]",
                 (unsigned long long)a->acked + 1, (unsigned long long)first - 1);
    int n = snprintf(head, sizeof head, "{\"ok\":true,\"stream\":\"%s\",\"first_seq\":%llu%s}",
                     a->stream, (unsigned long long)first, lost);
    return put_line(a, slice_make(head, (size_t)n));
}

/* A batch is contiguous: it ends before a gap, and the next one starts with it. */
static bool each_batched(void *context, uint64_t seq, struct slice event)
{
    struct answer *a = context;
    if (a->expect == 0) {
        if (!put_batch_head(a, seq))
            return false;
    } else if (seq != a->expect) {
        return false;
    }
    a->expect = seq + 1;
    a->sent++;
    return put_line(a, event);
}

static enum gh_err answer_batch(struct answer *a, const struct json *request,
                                struct journal_reader *r)
{
    struct journal_counts n;
    a->clerk->journal.counts(a->clerk->journal.self, &n);
    a->acked = n.acked_seq;
    a->stream = n.stream;
    int64_t limit = 0, max_bytes = 0;
    if (!json_int(request, "limit", &limit) || !json_int(request, "max_bytes", &max_bytes) ||
        limit < 1 || max_bytes < 1) {
        send_error(a, "batch needs limit and max_bytes, both above 0");
        return GH_OK;
    }
    if (max_bytes > BATCH_BYTES_MAX)
        max_bytes = BATCH_BYTES_MAX;
    enum gh_err err =
        journal_reader_each(r, n.acked_seq, (uint64_t)limit, (size_t)max_bytes, each_batched, a);
    if (!err && a->sent == 0 && n.acked_seq < n.durable_seq) {
        a->clerk->journal.settle(a->clerk->journal.self);
        err = journal_reader_each(r, n.acked_seq, (uint64_t)limit, (size_t)max_bytes, each_batched, a);
    }
    /* What lies before the damage is as good as ever. */
    if (err && a->sent == 0)
        send_error(a, CANNOT_READ);
    else if (a->sent > 0 || put_batch_head(a, n.acked_seq + 1)) {
        (void)send_page(a);
        send_end(a);
    }
    return err;
}

/* --- desks ------------------------------------------------------------------------ */

static void *sit(void *context)
{
    struct desk *desk = context;
    struct answer a = {.clerk = desk->clerk, .fd = desk->fd};
    struct journal_reader *reader;
    struct slice call = {0};
    struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};
    setsockopt(a.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    json_text(desk->request, "call", &call);
    enum gh_err err = journal_reader_open(&reader, desk->clerk->folder);
    if (err) {
        send_error(&a, CANNOT_READ);
    } else {
        err = slice_is(call, "batch") ? answer_batch(&a, desk->request, reader)
                                      : answer_events(&a, desk->request, reader);
        journal_reader_close(reader);
    }
    if (err == GH_CORRUPT)
        desk->clerk->journal.met_damage(desk->clerk->journal.self);
    free(a.page);
    json_free(desk->request);
    /* In this order, so that clerk_close never touches a descriptor that is
     * somebody else's by then. */
    pthread_mutex_lock(&desk->clerk->lock);
    desk->state = DESK_DONE;
    pthread_mutex_unlock(&desk->clerk->lock);
    close(a.fd);
    return NULL;
}

enum gh_err clerk_open(struct clerk **out, const char *folder, const struct clerk_journal *journal)
{
    struct clerk *clerk = calloc(1, sizeof *clerk);
    if (!clerk)
        return GH_IO;
    if (snprintf(clerk->folder, sizeof clerk->folder, "%s", folder) >= (int)sizeof clerk->folder) {
        free(clerk);
        return GH_INVALID;
    }
    clerk->journal = *journal;
    pthread_mutex_init(&clerk->lock, NULL);
    *out = clerk;
    return GH_OK;
}

/* A free desk; one whose work is done is cleared first. */
static struct desk *find_desk(struct clerk *clerk, bool for_batch)
{
    int n = for_batch ? CLERK_DESKS : CLERK_DESKS - CLERK_BATCH_DESKS;
    struct desk *found = NULL;
    pthread_mutex_lock(&clerk->lock);
    for (int i = 0; i < n && !found; i++)
        if (clerk->desk[i].state != DESK_BUSY)
            found = &clerk->desk[i];
    bool done = found && found->state == DESK_DONE;
    pthread_mutex_unlock(&clerk->lock);
    if (done)
        pthread_join(found->thread, NULL);
    return found;
}

enum gh_err clerk_take(struct clerk *clerk, int fd, struct json *request)
{
    struct slice call = {0};
    json_text(request, "call", &call);
    struct desk *desk = find_desk(clerk, slice_is(call, "batch"));
    if (!desk)
        return GH_FULL;
    *desk = (struct desk){.clerk = clerk, .fd = fd, .request = request, .state = DESK_BUSY};
    if (pthread_create(&desk->thread, NULL, sit, desk) == 0)
        return GH_OK;
    log_line(LOG_WARNING, "no thread for a question at the control socket");
    desk->state = DESK_FREE;
    return GH_FULL;
}

void clerk_close(struct clerk *clerk)
{
    if (!clerk)
        return;
    atomic_store(&clerk->closing, true);
    for (int i = 0; i < CLERK_DESKS; i++) {
        pthread_mutex_lock(&clerk->lock);
        int state = clerk->desk[i].state;
        if (state == DESK_BUSY)
            shutdown(clerk->desk[i].fd, SHUT_RDWR);
        pthread_mutex_unlock(&clerk->lock);
        if (state != DESK_FREE)
            pthread_join(clerk->desk[i].thread, NULL);
    }
    pthread_mutex_destroy(&clerk->lock);
    free(clerk);
}
