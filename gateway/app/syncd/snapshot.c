/* Loading a whole policy: checkpoint, then its snapshot, resumed where it
 * broke off. Never whole in memory. */
#include "app/syncd/pull.h"

#include <stdio.h>

#include "adapters/curl/gzip.h"
#include "app/lines.h"
#include "app/log.h"

#define CHECKPOINT_MAX_BYTES 65536
#define SNAPSHOT_MAX_BYTES (4ull * 1024 * 1024 * 1024) /* packed as well as unpacked */
#define RESUMES_MAX 5 /* in a row without a single byte */
#define PATH_MAX_BYTES 512

/* --- checkpoint ----------------------------------------------------------- */

struct small_body {
    char bytes[CHECKPOINT_MAX_BYTES];
    size_t len;
};

static bool keep_piece(void *context, struct slice bytes)
{
    struct small_body *b = context;
    if (bytes.len > sizeof b->bytes - b->len)
        return false;
    memcpy(b->bytes + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    return true;
}

/* "EPOCH.REV", unless the ETag ("..." and not W/"...") says it better. */
static void set_cursor(char out[REPLICA_CURSOR_MAX + 1], const char *etag,
                       const struct policy_version *version)
{
    size_t len = strlen(etag);
    if (len > 2 && etag[0] == '"' && etag[len - 1] == '"' && len - 2 <= REPLICA_CURSOR_MAX)
        snprintf(out, REPLICA_CURSOR_MAX + 1, "%.*s", (int)(len - 2), etag + 1);
    else
        snprintf(out, REPLICA_CURSOR_MAX + 1, "%lld.%lld", (long long)version->epoch,
                 (long long)version->rev);
}

static void free_json(struct json **v)
{
    json_free(*v);
}

static enum pull_end parse_checkpoint(struct pull *p, const struct small_body *body,
                                      struct replica_checkpoint *out)
{
    char why[REPLICA_WHY_MAX] = "", parse_why[160];
    __attribute__((cleanup(free_json))) struct json *v =
        json_parse_object(slice_make(body->bytes, body->len), parse_why, sizeof parse_why);
    if (!v) {
        snprintf(why, sizeof why, "checkpoint: not JSON: %s", parse_why);
        return pull_failed(p, GH_INVALID, why);
    }
    enum gh_err err = feed_checkpoint(out, v, &p->trust, why);
    return err ? pull_failed(p, err, why) : PULL_DONE;
}

static enum pull_end get_checkpoint(struct pull *p, struct replica_checkpoint *out,
                                    char cursor[REPLICA_CURSOR_MAX + 1])
{
    char path[PATH_MAX_BYTES];
    struct small_body body = {.len = 0};
    struct https_response r;
    snprintf(path, sizeof path, "/v1/sites/%s/checkpoint", p->sync->config->site.s);
    struct https_request request = pull_request(path);
    request.max_bytes = sizeof body.bytes;
    request.total_timeout_ms = 2 * PULL_IDLE_MS;
    request.piece = keep_piece;
    request.context = &body;
    enum https_outcome outcome = sync_call(p->sync, SYNC_PULL, p->https, &request, &r);
    sync_heard(p->sync, SYNC_PULL, "checkpoint", outcome, &r);
    if (outcome != HTTPS_DONE || r.status != 200)
        return pull_unserved(p, "checkpoint", outcome, &r);
    enum pull_end end = parse_checkpoint(p, &body, out);
    if (end == PULL_DONE)
        set_cursor(cursor, r.etag, &out->version);
    return end;
}

/* --- the load ------------------------------------------------------------- */

/* A load under way, over all the calls that it takes. */
struct load {
    struct pull *pull;
    struct gunzip *gunzip; /* owned */
    struct lines lines;
    struct feed feed;
    int64_t raw;      /* bytes taken, as sent: where to go on */
    uint64_t unpacked;
    char etag[128];   /* of the first answer */
    enum gh_err err;  /* why a piece ended the call */
};

static void load_free(struct load *l)
{
    gunzip_close(l->gunzip);
    feed_drop(&l->feed);
}

static enum gh_err spoilt(struct load *l, const char *why)
{
    snprintf(l->feed.why, sizeof l->feed.why, "%s", why);
    return GH_INVALID;
}

static bool take_unpacked(void *context, struct slice bytes)
{
    struct load *l = context;
    l->unpacked += bytes.len;
    if (l->unpacked > SNAPSHOT_MAX_BYTES) {
        l->err = spoilt(l, "snapshot: larger than allowed");
        return false;
    }
    enum gh_err err = lines_feed(&l->lines, bytes, feed_line, &l->feed);
    if (err == GH_FULL)
        l->err = spoilt(l, "snapshot: a line is longer than a row may be");
    else if (err)
        l->err = l->feed.err;
    return err == GH_OK;
}

static bool take_piece(void *context, struct slice bytes)
{
    struct load *l = context;
    sync_promise(l->pull->sync, SYNC_PULL, SYNC_WORK_MS);
    pull_write_denials(l->pull);
    l->raw += (int64_t)bytes.len;
    enum gh_err err = gunzip_feed(l->gunzip, bytes, take_unpacked, l);
    if (err == GH_CORRUPT)
        l->err = spoilt(l, "snapshot: damaged gzip");
    return err == GH_OK;
}

/* One call: from where the last one broke off. */
static enum https_outcome call(struct load *l, const char *path, struct https_response *r)
{
    struct https_request request = pull_request(path);
    request.raw = true;
    request.range_from = l->raw;
    request.if_range = l->etag[0] ? l->etag : NULL;
    request.max_bytes = SNAPSHOT_MAX_BYTES;
    request.piece = take_piece;
    request.context = l;
    enum https_outcome outcome = sync_call(l->pull->sync, SYNC_PULL, l->pull->https, &request, r);
    sync_heard(l->pull->sync, SYNC_PULL, "snapshot", outcome, r);
    if (request.range_from == 0)
        memcpy(l->etag, r->etag, sizeof l->etag);
    return outcome;
}

/* Calls until all of it is there. What is left of the load after a failure is
 * of no use; the next one begins at the checkpoint. */
static enum pull_end load_rows(struct load *l, const char *path)
{
    struct pull *p = l->pull;
    for (int idle = 0; idle < RESUMES_MAX;) {
        struct https_response r;
        int64_t before = l->raw;
        enum https_outcome outcome = call(l, path, &r);
        if (l->err)
            return pull_failed(p, l->err, l->feed.why);
        if (outcome == HTTPS_DONE && (r.status == 200 || r.status == 206))
            return PULL_DONE;
        /* Another answer than the rest of what we have: begin anew. */
        if (outcome == HTTPS_DONE || outcome == HTTPS_TOO_LARGE || outcome == HTTPS_FAULT ||
            (outcome == HTTPS_BROKEN && l->raw == before && r.status == 200))
            return pull_unserved(p, "snapshot", outcome, &r);
        if (l->raw > before)
            rhythm_succeeded(&p->rhythm);
        idle = l->raw > before ? 0 : idle + 1;
        rhythm_failed(&p->rhythm, sync_now(), r.retry_after_s);
        if (!pull_wait(p))
            return PULL_AGAIN;
        log_line(LOG_INFO, "pull: snapshot resumed at byte %lld", (long long)l->raw);
    }
    return PULL_AGAIN;
}

static enum pull_end finish(struct load *l, const char *cursor)
{
    struct pull *p = l->pull;
    struct replica_state state;
    if (!gunzip_is_whole(l->gunzip))
        return pull_failed(p, spoilt(l, "snapshot: cut short"), l->feed.why);
    enum gh_err err = lines_end(&l->lines, feed_line, &l->feed);
    if (err)
        return pull_failed(p, l->feed.err, l->feed.why);
    err = feed_commit(&l->feed, slice_of(cursor));
    if (err)
        return pull_failed(p, err, l->feed.why);
    pull_note_file(p);
    replica_writer_state(p->writer, &state);
    pull_raise_floor(p, &state);
    sync_applied(p->sync, &state);
    return PULL_LOADED;
}

static enum pull_end load(struct pull *p)
{
    char path[PATH_MAX_BYTES], cursor[REPLICA_CURSOR_MAX + 1];
    __attribute__((cleanup(load_free))) struct load l = {.pull = p, .feed = pull_feed(p, true)};
    sync_promise(p->sync, SYNC_PULL, SYNC_WORK_MS);
    enum pull_end end = get_checkpoint(p, &l.feed.checkpoint, cursor);
    if (end != PULL_DONE)
        return end;
    const struct policy_version *place = &l.feed.checkpoint.version;
    if (place->epoch == p->refused_epoch && place->rev == p->refused_rev)
        return PULL_REFUSED; /* the same rows would be refused again */
    lane_open(p->lane, cursor);
    l.feed.has_checkpoint = true;
    l.lines = (struct lines){.buffer = p->line, .size = POLICY_LINE_MAX};
    l.gunzip = gunzip_open(true);
    if (!l.gunzip)
        return pull_failed(p, GH_RETRY, "out of memory");
    snprintf(path, sizeof path, "/v1/sites/%s/snapshots/%lld/%lld", p->sync->config->site.s,
             (long long)l.feed.checkpoint.version.epoch, (long long)l.feed.checkpoint.version.rev);
    log_line(LOG_INFO, "pull: loading snapshot %lld/%lld, %lld rows",
             (long long)l.feed.checkpoint.version.epoch, (long long)l.feed.checkpoint.version.rev,
             (long long)l.feed.checkpoint.rows);
    end = load_rows(&l, path);
    if (end == PULL_DONE)
        end = finish(&l, cursor);
    if (end == PULL_REFUSED && l.feed.err == GH_INVALID) {
        p->refused_epoch = place->epoch;
        p->refused_rev = place->rev;
    }
    return end;
}

enum pull_end pull_snapshot(struct pull *p)
{
    lane_open(p->lane, "");
    enum pull_end end = load(p);
    lane_close(p->lane);
    return end;
}
