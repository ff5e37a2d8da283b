#include "app/syncd/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/lines.h"
#include "app/log.h"
#include "app/policy_intake.h"
#include "app/state.h"

/* A row of POLICY_LINE_MAX bytes can hold that many references of a few bytes,
 * each of which becomes an identifier of its full size. Memory that no row
 * needs is never touched. */
#define ARENA_BYTES (32 * 1024 * 1024)
#define CHANGES_MAX_BYTES (1024ull * 1024 * 1024)
#define PATH_MAX_BYTES 2048
#define PULL_PAUSE_MS 1000
/* In a wait of less, no poll is worth it. */
#define LISTEN_MS 500
/* The whole file is looked at for damage this often, some pages in each step. */
#define SCAN_EVERY_MS (60 * 60 * 1000)
#define SCAN_RETRY_MS (60 * 1000)
#define SCAN_PAGES 4096
/* So often at most is a policy loaded anew because gatehoused met damage. */
#define SUSPICION_EVERY_MS (10 * 60 * 1000)

enum gh_err pull_init(struct pull *p, struct sync *sync, struct https *https, struct lane *lane,
                      const struct crypto_keys *keys, const struct sign_keys *policy_keys,
                      uint64_t seed)
{
    *p = (struct pull){
        .sync = sync, .https = https, .lane = lane, .keys = keys, .retry_after_s = -1};
    if (policy_keys)
        p->policy_keys = *policy_keys;
    p->trust = (struct feed_trust){.keys = policy_keys ? &p->policy_keys : NULL,
                                   .site = &sync->config->site};
    p->arena = (struct arena){.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    p->line = malloc(POLICY_LINE_MAX);
    rhythm_init(&p->rhythm, seed);
    /* Value hashes begin with a type and a newline, so this is no value's. */
    intake_mask_key(p->mask_key, keys);
    if (p->arena.base && p->line)
        return GH_OK;
    pull_free(p);
    return GH_FULL;
}

void pull_free(struct pull *p)
{
    replica_writer_close(p->writer);
    if (p->line)
        crypto_forget(p->line, POLICY_LINE_MAX);
    free(p->line);
    free(p->arena.base);
    crypto_forget(p->mask_key, sizeof p->mask_key);
    p->writer = NULL;
    p->line = NULL;
    p->arena.base = NULL;
}

struct feed pull_feed(struct pull *p, bool is_snapshot)
{
    return (struct feed){.trust = &p->trust, .writer = p->writer, .keys = p->keys, .arena = &p->arena,
                         .is_snapshot = is_snapshot};
}

struct https_request pull_request(const char *path)
{
    return (struct https_request){.path = path, .connect_timeout_ms = PULL_CONNECT_MS,
                                  .idle_timeout_ms = PULL_IDLE_MS};
}

bool pull_wait(struct pull *p)
{
    while (!sync_is_stopping(p->sync)) {
        if (sync_take_back(p->sync, SYNC_PULL))
            rhythm_hasten(&p->rhythm, sync_now());
        int64_t wait_ms = rhythm_wait_ms(&p->rhythm, sync_now());
        sync_promise(p->sync, SYNC_PULL, wait_ms + SYNC_WORK_MS);
        if (wait_ms == 0)
            return true;
        sync_sleep_until_back(p->sync, SYNC_PULL, wait_ms);
    }
    return false;
}

/* --- what went wrong ------------------------------------------------------ */

void pull_raise_floor(struct pull *p, const struct replica_state *state)
{
    const struct floor place = {state->version.epoch, state->version.rev};
    if (!floor_is_lower(&p->trust.floor, &place))
        return;
    p->trust.floor = place;
    enum gh_err err = floor_save(&place, p->sync->config->state_dir);
    if (err)
        log_line(LOG_ERR, "pull: %s/%s cannot be written: %s", p->sync->config->state_dir,
                 FLOOR_FILE, gh_err_name(err));
}

void pull_write_denials(struct pull *p)
{
    struct sync_denial d;
    enum gh_err err = GH_OK;
    replica_writer_group(p->writer);
    while (sync_denial_take(p->sync, &d) && err == GH_OK)
        err = replica_writer_deny(p->writer, d.kind, &d.id, d.rev);
    enum gh_err ended = replica_writer_group_end(p->writer);
    if (err == GH_OK)
        err = ended;
    if (err) /* gatehoused has them, and the pull will hear of them again */
        log_line(LOG_WARNING, "pull: what is denied cannot be written: %s", gh_err_name(err));
}

enum pull_end pull_failed(struct pull *p, enum gh_err err, const char *why)
{
    /* What a failed sync left behind cannot be trusted: open it anew, once the
     * batch at hand is dropped. */
    if (err == GH_IO)
        p->is_writer_broken = true;
    if (err == GH_RETRY) {
        log_line(LOG_WARNING, "pull: %s; trying again", why);
        return PULL_AGAIN;
    }
    sync_refused(p->sync, why);
    return PULL_REFUSED;
}

enum pull_end pull_unserved(struct pull *p, const char *what, enum https_outcome outcome,
                            const struct https_response *r)
{
    p->retry_after_s = r->retry_after_s;
    if (outcome == HTTPS_TOO_LARGE) {
        char why[SYNC_TEXT_MAX];
        snprintf(why, sizeof why, "%s: %s", what, r->why);
        sync_refused(p->sync, why);
        return PULL_REFUSED;
    }
    if (outcome != HTTPS_DONE)
        return PULL_AGAIN;
    if (r->status == 426) {
        sync_refused(p->sync, "the cloud speaks another schema than this version: update needed");
        return PULL_HOPELESS;
    }
    if (r->status >= 300 && r->status < 500 && r->status != 429)
        log_line(LOG_WARNING, "pull: %s: the cloud answers %d", what, r->status);
    return PULL_AGAIN;
}

/* --- changes -------------------------------------------------------------- */

struct poll {
    struct pull *pull;
    struct lines lines;
    struct feed feed;
    struct lane_exit exit;
    uint64_t bytes;
    enum gh_err err; /* why a piece ended the call */
};

static bool take_piece(void *context, struct slice bytes)
{
    struct poll *poll = context;
    sync_promise(poll->pull->sync, SYNC_PULL, SYNC_WORK_MS);
    struct feed *f = &poll->feed;
    poll->bytes += bytes.len;
    /* What is denied in one piece is written in one go. */
    replica_writer_group(poll->pull->writer);
    poll->err = lines_feed(&poll->lines, bytes, feed_line_on, f);
    enum gh_err err = replica_writer_group_end(poll->pull->writer);
    if (err && !f->err) {
        snprintf(f->why, sizeof f->why, "deny lines: %s", gh_err_name(err));
        f->err = err;
    }
    return poll->err == GH_OK;
}

/* --- change sets without a checkpoint ------------------------------------------ */

static void forget_carry(struct pull *p)
{
    if (p->is_carry_begun && p->writer)
        replica_writer_drop(p->writer);
    p->is_carried = p->is_carry_begun = p->is_more_coming = false;
    p->carry_bytes = 0;
}

/* The rows so far, if there are any, stay with the writer. */
static enum pull_end carry(struct pull *p, struct poll *poll)
{
    struct feed *f = &poll->feed;
    bool has_rows = f->is_begun && poll->bytes > 0;
    if (p->carry_bytes + poll->bytes > CHANGES_MAX_BYTES)
        return pull_failed(p, GH_INVALID, "changes: too many without a checkpoint");
    p->carry_bytes += poll->bytes;
    p->is_carried = true;
    p->is_carry_begun = f->is_begun;
    p->is_more_coming = has_rows && f->has_more;
    memcpy(p->carry_cursor, f->next, sizeof p->carry_cursor);
    f->is_begun = false; /* so that it is not dropped with the feed */
    return PULL_DONE;
}

static enum pull_end apply(struct pull *p, struct feed *f)
{
    struct replica_state state;
    enum gh_err err = feed_commit(f, slice_of(f->next));
    if (err)
        return pull_failed(p, err, f->why);
    forget_carry(p);
    replica_writer_state(p->writer, &state);
    pull_raise_floor(p, &state);
    sync_applied(p->sync, &state);
    return PULL_DONE;
}

/* Takes the change set that came, whole or not. */
static enum pull_end conclude(struct pull *p, struct poll *poll, enum https_outcome outcome,
                              const struct https_response *r)
{
    struct feed *f = &poll->feed;
    if (outcome == HTTPS_DONE && !poll->err)
        poll->err = lines_end(&poll->lines, feed_line_on, f);
    if (outcome == HTTPS_DONE && f->has_head)
        lane_heard(p->lane, f->next);
    if (f->err)
        return pull_failed(p, f->err, f->why);
    if (poll->err == GH_FULL)
        return pull_failed(p, GH_INVALID, "changes: a line is longer than a row may be");
    if (outcome == HTTPS_STOPPED && !poll->err && !sync_is_stopping(p->sync))
        return PULL_DONE; /* there is something more urgent */
    if (outcome != HTTPS_DONE)
        return pull_unserved(p, "changes", outcome, r);
    return f->has_head && !f->has_checkpoint ? carry(p, poll) : apply(p, f);
}

static enum https_outcome ask_for_changes(struct pull *p, const struct replica_state *state,
                                          struct poll *poll, struct https_response *r)
{
    char since[3 * REPLICA_CURSOR_MAX + 1], applied[3 * REPLICA_CURSOR_MAX + 1];
    char path[PATH_MAX_BYTES];
    lane_escape(since, p->is_carried ? p->carry_cursor : state->cursor);
    lane_escape(applied, state->cursor);
    snprintf(path, sizeof path,
             "/v1/sites/%s/changes?since=%s&wait=%d&applied=%s&digest=%s&schema=%d",
             p->sync->config->site.s, since, LANE_WAIT_S, applied, state->digest, FEED_SCHEMA);
    struct https_request request = pull_request(path);
    request.idle_timeout_ms = LANE_IDLE_MS;
    request.max_bytes = CHANGES_MAX_BYTES;
    request.piece = take_piece;
    request.context = poll;
    sync_set_polling(p->sync, true);
    enum https_outcome outcome = sync_call(p->sync, SYNC_PULL, p->https, &request, r);
    sync_set_polling(p->sync, false);
    sync_heard(p->sync, SYNC_PULL, "changes", outcome, r);
    return outcome;
}

static enum pull_end poll_changes(struct pull *p, const struct replica_state *state)
{
    struct poll poll = {.pull = p, .feed = pull_feed(p, false), .exit = {.sync = p->sync}};
    poll.feed.epoch = state->version.epoch;
    poll.feed.command = lane_command;
    poll.feed.deny = lane_deny;
    poll.feed.context = &poll.exit;
    poll.feed.is_begun = p->is_carry_begun;
    poll.lines = (struct lines){.buffer = p->line, .size = POLICY_LINE_MAX};
    struct https_response r;
    enum https_outcome outcome = ask_for_changes(p, state, &poll, &r);
    if (outcome == HTTPS_DONE && r.status == 204)
        return PULL_DONE;
    enum pull_end end = PULL_SNAPSHOT;
    p->is_more_coming = false;
    if (outcome == HTTPS_DONE && (r.status == 409 || r.status == 410))
        log_line(LOG_NOTICE, "pull: the cloud wants a snapshot loaded (%d)", r.status);
    else if (outcome == HTTPS_DONE && r.status != 200)
        end = pull_unserved(p, "changes", outcome, &r);
    else
        end = conclude(p, &poll, outcome, &r);
    if (end != PULL_DONE || poll.feed.is_begun) {
        feed_drop(&poll.feed);
        forget_carry(p);
    }
    return end;
}

/* A cloud that answers at once and has nothing new must not make us spin. */
static enum pull_end poll_politely(struct pull *p, const struct replica_state *before)
{
    struct replica_state after;
    int64_t begun_ms = sync_now().ms;
    enum pull_end end = poll_changes(p, before);
    if (end != PULL_DONE)
        return end;
    replica_writer_state(p->writer, &after);
    if (!p->is_more_coming && after.version.epoch == before->version.epoch &&
        after.version.rev == before->version.rev && sync_now().ms - begun_ms < PULL_PAUSE_MS)
        sync_sleep(p->sync, PULL_PAUSE_MS);
    return end;
}

/* --- the activity --------------------------------------------------------- */

/* Before anything is taken. One that cannot be read stops the pull: whoever put the
 * file there may want an older policy in. */
static enum pull_end open_floor(struct pull *p)
{
    struct floor floor;
    enum gh_err err = floor_load(&floor, p->sync->config->state_dir);
    if (err && err != GH_NOT_FOUND) {
        sync_refused(p->sync, FLOOR_FILE " holds no floor: no policy is taken until it is put right");
        return PULL_HOPELESS;
    }
    if (floor_is_lower(&p->trust.floor, &floor))
        p->trust.floor = floor;
    return PULL_DONE;
}

void pull_note_file(struct pull *p)
{
    struct stat st;
    char path[CONFIG_PATH_MAX];
    p->is_fresh = false;
    if (config_path(path, p->sync->config->state_dir, "replica.db") && stat(path, &st) == 0) {
        p->file_inode = st.st_ino;
        p->file_device = st.st_dev;
    }
}

/* Opens the replica, or a fresh one beside one that is damaged. */
static enum gh_err open_replica(struct pull *p, const char *path, char why[REPLICA_WHY_MAX])
{
    const struct replica_crypto crypto = {crypto_sha256, intake_mask, p->mask_key};
    char text[SYNC_TEXT_MAX];
    snprintf(why, REPLICA_WHY_MAX, "replica.db has a damaged page");
    enum gh_err err =
        p->wants_fresh ? GH_CORRUPT : replica_writer_open(&p->writer, path, &crypto, why);
    pull_note_file(p);
    if (err != GH_CORRUPT)
        return err;
    snprintf(text, sizeof text, "%s: the policy is loaded anew", why);
    sync_refused(p->sync, text);
    err = replica_writer_open_fresh(&p->writer, path, &crypto, why);
    p->is_fresh = err == GH_OK;
    p->wants_fresh = err != GH_OK;
    return err;
}

static enum pull_end open_writer(struct pull *p)
{
    char path[CONFIG_PATH_MAX], why[REPLICA_WHY_MAX] = "";
    struct replica_state state;
    if (!config_path(path, p->sync->config->state_dir, STATE_REPLICA))
        return PULL_HOPELESS;
    enum gh_err err = open_replica(p, path, why);
    if (err) {
        log_line(LOG_ERR, "pull: %s: %s", path, why[0] ? why : gh_err_name(err));
        sync_refused(p->sync, why[0] ? why : "the replica cannot be opened");
        return PULL_AGAIN;
    }
    replica_writer_state(p->writer, &state);
    pull_raise_floor(p, &state);
    sync_stands(p->sync, &state);
    if (state.cursor[0])
        lane_heard(p->lane, state.cursor);
    return PULL_DONE;
}

/* Whether the file that we write to is the one that gatehoused finds. */
static bool is_file_ours(const struct pull *p)
{
    struct stat st;
    char path[CONFIG_PATH_MAX];
    return config_path(path, p->sync->config->state_dir, STATE_REPLICA) && stat(path, &st) == 0 &&
           st.st_ino == p->file_inode && st.st_dev == p->file_device;
}

/* Damage that the writer met or finds now, or that gatehoused met. */
static void look_for_damage(struct pull *p)
{
    int64_t now_ms = sync_now().ms;
    bool done = false, is_suspect = sync_take_suspicion(p->sync);
    if (is_suspect && !p->is_fresh && now_ms >= p->suspicion_next_ms) {
        p->suspicion_next_ms = now_ms + SUSPICION_EVERY_MS;
        p->wants_fresh = true;
    }
    if (now_ms >= p->scan_next_ms) {
        enum gh_err err = replica_writer_scan(p->writer, SCAN_PAGES, &done);
        if (err == GH_IO)
            log_line(LOG_ERR, "pull: replica.db cannot be read: check the disk");
        if (done || err)
            p->scan_next_ms = now_ms + (err == GH_RETRY || err == GH_FULL ? SCAN_RETRY_MS : SCAN_EVERY_MS);
    }
    if (replica_writer_is_damaged(p->writer))
        p->wants_fresh = true;
    if (p->wants_fresh)
        p->is_writer_broken = true;
}

static enum pull_end step(struct pull *p)
{
    struct replica_state state;
    p->retry_after_s = -1;
    if (p->writer && !is_file_ours(p)) {
        log_line(LOG_WARNING, "pull: " STATE_REPLICA " was removed or replaced: it is opened anew");
        p->is_writer_broken = true;
        p->wants_snapshot = false;
    }
    if (p->writer && !p->is_writer_broken)
        look_for_damage(p);
    if (p->is_writer_broken) {
        forget_carry(p);
        replica_writer_close(p->writer);
        p->writer = NULL;
        p->is_writer_broken = false;
    }
    if (!p->writer) {
        enum pull_end end = open_floor(p);
        if (end == PULL_DONE)
            end = open_writer(p);
        if (end != PULL_DONE)
            return end;
    }
    pull_write_denials(p);
    replica_writer_state(p->writer, &state);
    if (sync_take_want(p->sync))
        p->wants_snapshot = true;
    if (!p->wants_snapshot && state.version.epoch != 0)
        return poll_politely(p, &state);
    forget_carry(p);
    enum pull_end end = pull_snapshot(p);
    if (end == PULL_LOADED)
        p->wants_snapshot = false;
    return end;
}

/* What the end of a step means for the next one. */
static void take_end(struct pull *p, enum pull_end end)
{
    p->is_refused = end == PULL_REFUSED;
    switch (end) {
    case PULL_DONE:
        rhythm_succeeded(&p->rhythm);
        p->has_just_loaded = false;
        break;
    case PULL_LOADED:
        p->has_just_loaded = true;
        break;
    case PULL_SNAPSHOT:
        p->wants_snapshot = true;
        /* A cloud that wants one snapshot after the other is not obeyed at once. */
        if (p->has_just_loaded)
            rhythm_failed(&p->rhythm, sync_now(), -1);
        break;
    case PULL_REFUSED:
        /* A bad row that is mended or gone by now still stands in the changes, and
         * not in a snapshot; and changes do not mend a copy of ours that went wrong. In turns. */
        p->wants_snapshot = !p->wants_snapshot;
        rhythm_failed(&p->rhythm, sync_now(), p->retry_after_s);
        break;
    case PULL_AGAIN:
        rhythm_failed(&p->rhythm, sync_now(), p->retry_after_s);
        break;
    case PULL_HOPELESS:
        rhythm_hopeless(&p->rhythm, sync_now());
        break;
    }
}

/* A refused policy is no reason not to hear what is denied. */
static bool wait_for_step(struct pull *p)
{
    if (!p->is_refused || rhythm_wait_ms(&p->rhythm, sync_now()) < LISTEN_MS)
        return pull_wait(p);
    lane_open(p->lane, "");
    bool goes_on = pull_wait(p);
    lane_close(p->lane);
    return goes_on;
}

void *pull_run(void *pull)
{
    struct pull *p = pull;
    while (wait_for_step(p))
        take_end(p, step(p));
    return NULL;
}
