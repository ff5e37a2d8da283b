#include "app/syncd/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/lines.h"
#include "app/log.h"
#include "app/syncd/commands.h"
#include "app/syncd/daemon.h"

#define CONNECT_MS 10000
#define MAX_BYTES (1024ull * 1024 * 1024)
#define PATH_MAX_BYTES 1280
#define PAUSE_MS 100       /* behind an answer that came at once */
#define EMPTY_PAUSE_MS 1000 /* and told nothing new */
#define LOOK_MS 1000
#define FOR_EVER_MS INT64_C(1000000000000)

enum gh_err lane_init(struct lane *l, struct sync *sync, struct https *https, uint64_t seed)
{
    *l = (struct lane){.sync = sync, .https = https, .lock = PTHREAD_MUTEX_INITIALIZER,
                       .wake = PTHREAD_COND_INITIALIZER};
    rhythm_init(&l->rhythm, seed);
    l->line = malloc(POLICY_LINE_MAX);
    return l->line ? GH_OK : GH_FULL;
}

void lane_free(struct lane *l)
{
    if (l->line)
        crypto_forget(l->line, POLICY_LINE_MAX);
    free(l->line);
    l->line = NULL;
}

static void copy_cursor(char out[REPLICA_CURSOR_MAX + 1], const char *cursor)
{
    snprintf(out, REPLICA_CURSOR_MAX + 1, "%s", cursor);
}

/* --- from the pull's thread ------------------------------------------------- */

void lane_heard(struct lane *l, const char *cursor)
{
    pthread_mutex_lock(&l->lock);
    copy_cursor(l->cursor, cursor);
    pthread_mutex_unlock(&l->lock);
}

void lane_open(struct lane *l, const char *instead)
{
    pthread_mutex_lock(&l->lock);
    copy_cursor(l->instead, instead);
    l->is_wanted = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void lane_close(struct lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool was_wanted = l->is_wanted;
    l->is_wanted = false;
    pthread_mutex_unlock(&l->lock);
    if (was_wanted)
        https_interrupt(l->https);
}

void lane_stop(struct lane *l)
{
    pthread_mutex_lock(&l->lock);
    l->is_stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

/* --- lines on their way out --------------------------------------------------- */

void lane_deny(void *exit, enum row_kind kind, const struct id *id, int64_t rev)
{
    struct lane_exit *e = exit;
    if (e->is_queued)
        sync_denial_wait(e->sync, kind, id, rev);
    if (e->is_daemon_away)
        return;
    enum gh_err err = daemon_deny(e->sync->control_path, kind, id, rev);
    e->is_daemon_away = err != GH_OK;
    if (err == GH_INVALID) /* more at once than it remembers; the replica has room */
        log_line(LOG_WARNING, "pull: gatehoused takes no more of what is denied, from %s %s on",
                 row_kind_name(kind), id->s);
}

void lane_command(void *exit, struct slice line)
{
    struct lane_exit *e = exit;
    commands_take(e->sync, line);
}

void lane_escape(char out[3 * REPLICA_CURSOR_MAX + 1], const char *cursor)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *cursor; cursor++) {
        unsigned char c = (unsigned char)*cursor;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            c == '.' || c == '-' || c == '_') {
            *out++ = *cursor;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
}

/* --- the poll ------------------------------------------------------------------- */

struct hearing {
    struct lane *lane;
    struct lines lines;
    struct feed feed;
};

static bool take_piece(void *context, struct slice bytes)
{
    struct hearing *h = context;
    sync_promise(h->lane->sync, SYNC_LANE, SYNC_WORK_MS);
    return lines_feed(&h->lines, bytes, feed_line_on, &h->feed) == GH_OK;
}

static enum https_outcome call(struct lane *l, struct hearing *h, const char *since,
                               struct https_response *r)
{
    char cursor[3 * REPLICA_CURSOR_MAX + 1], path[PATH_MAX_BYTES];
    lane_escape(cursor, since);
    /* What is applied is the pull's to tell. */
    snprintf(path, sizeof path, "/v1/sites/%s/changes?since=%s&wait=%d&applied=&schema=%d",
             l->sync->config->site.s, cursor, LANE_WAIT_S, FEED_SCHEMA);
    const struct https_request request = {.path = path, .connect_timeout_ms = CONNECT_MS,
                                          .idle_timeout_ms = LANE_IDLE_MS, .max_bytes = MAX_BYTES,
                                          .piece = take_piece, .context = h};
    return sync_call(l->sync, SYNC_LANE, l->https, &request, r);
}

/* Sets where the next poll goes on. False: not before the rhythm says so. */
static bool go_on(struct lane *l, const struct hearing *h, enum https_outcome outcome,
                  const struct https_response *r, bool *is_new)
{
    bool good = outcome == HTTPS_STOPPED;
    *is_new = false;
    pthread_mutex_lock(&l->lock);
    if (outcome == HTTPS_DONE && r->status == 200 && h->feed.has_head) {
        *is_new = strcmp(l->cursor, h->feed.next) != 0;
        copy_cursor(l->cursor, h->feed.next);
        good = true;
    } else if (outcome == HTTPS_DONE && r->status == 204) {
        good = true;
    } else if (outcome == HTTPS_DONE && (r->status == 409 || r->status == 410)) {
        good = l->instead[0] && strcmp(l->cursor, l->instead) != 0;
        copy_cursor(l->cursor, l->instead);
    }
    pthread_mutex_unlock(&l->lock);
    return good;
}

static void hear(struct lane *l, const char *since)
{
    struct https_response r;
    bool is_new;
    struct lane_exit exit = {.sync = l->sync, .is_queued = true};
    struct hearing h = {.lane = l,
                        .lines = {.buffer = l->line, .size = POLICY_LINE_MAX},
                        .feed = {.is_lane = true, .command = lane_command, .deny = lane_deny,
                                 .context = &exit}};
    int64_t begun_ms = sync_now().ms;
    enum https_outcome outcome = call(l, &h, since, &r);
    if (!go_on(l, &h, outcome, &r, &is_new)) {
        rhythm_failed(&l->rhythm, sync_now(), r.retry_after_s);
        return;
    }
    rhythm_succeeded(&l->rhythm);
    if (outcome == HTTPS_DONE && sync_now().ms - begun_ms < EMPTY_PAUSE_MS)
        (void)sync_sleep(l->sync, is_new ? PAUSE_MS : EMPTY_PAUSE_MS);
}

/* Waits until it is to listen, and where; false: it is time to end. */
static bool wait_wanted(struct lane *l, char since[REPLICA_CURSOR_MAX + 1])
{
    pthread_mutex_lock(&l->lock);
    while (!l->is_stopping && !(l->is_wanted && (l->cursor[0] || l->instead[0]))) {
        sync_promise(l->sync, SYNC_LANE, FOR_EVER_MS);
        pthread_cond_wait(&l->wake, &l->lock);
    }
    if (!l->cursor[0])
        copy_cursor(l->cursor, l->instead);
    copy_cursor(since, l->cursor);
    bool goes_on = !l->is_stopping;
    pthread_mutex_unlock(&l->lock);
    return goes_on;
}

void *lane_run(void *lane)
{
    struct lane *l = lane;
    char since[REPLICA_CURSOR_MAX + 1];
    while (wait_wanted(l, since)) {
        int64_t wait_ms = rhythm_wait_ms(&l->rhythm, sync_now());
        sync_promise(l->sync, SYNC_LANE, wait_ms + SYNC_WORK_MS);
        if (wait_ms > 0)
            (void)sync_sleep(l->sync, wait_ms < LOOK_MS ? wait_ms : LOOK_MS);
        else
            hear(l, since);
    }
    return NULL;
}
