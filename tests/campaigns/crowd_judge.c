/* The events that the cloud has, against what the crowd was told and saw. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"
#include "campaigns/crowd.h"
#include "lib/wait.h"

#define PAGE 5000

struct reading {
    struct crowd *crowd;
    int64_t after;    /* the cloud's number of the last line */
    int64_t seq;      /* of the last event */
    int64_t epoch, rev; /* of the last decision */
    int64_t count;
    char stream[64];
};

static int64_t number_in(const struct json *v, const char *name)
{
    int64_t n = -1;
    if (v)
        json_int(v, name, &n);
    return n;
}

/* Decisions never go back to an older policy, and are that policy's. */
static void judge_policy(struct reading *r, const struct json *event, size_t i, bool is_granted)
{
    struct crowd *crowd = r->crowd;
    const struct json *policy = json_child(event, "policy");
    int64_t epoch = number_in(policy, "epoch"), rev = number_in(policy, "rev");
    if (epoch < r->epoch || (epoch == r->epoch && rev < r->rev))
        campaign_wrong(crowd->campaign, "read c-%zu was decided by policy %" PRId64 "/%" PRId64
                       " after %" PRId64 "/%" PRId64, i, epoch, rev, r->epoch, r->rev);
    r->epoch = epoch;
    r->rev = rev;
    if (crowd->attempt[i].wish == WISH_AS_POLICY &&
        crowd->is_granted_at(crowd->context, epoch, rev) != is_granted)
        campaign_wrong(crowd->campaign, "read c-%zu was %s by policy %" PRId64 "/%" PRId64, i,
                       is_granted ? "granted" : "denied", epoch, rev);
}

static void judge_access(struct reading *r, const struct json *event)
{
    struct crowd *crowd = r->crowd;
    struct slice id = {0}, decision = {0};
    char text[32];
    if (!json_text(event, "read_id", &id) || !json_text(event, "decision", &decision) ||
        id.len < 3 || id.len >= sizeof text || memcmp(id.ptr, "c-", 2) != 0)
        return; /* none of the crowd's */
    memcpy(text, id.ptr, id.len);
    text[id.len] = '\0';
    size_t i = strtoull(text + 2, NULL, 10);
    bool is_granted = slice_is(decision, "granted");
    if (i >= crowd->n) {
        campaign_wrong(crowd->campaign, "the cloud has an event of read %s, which nobody presented", text);
        return;
    }
    const struct attempt *a = &crowd->attempt[i];
    if (++crowd->attempt[i].events > 1)
        campaign_wrong(crowd->campaign, "read %s is at the cloud %d times", text, a->events);
    if (a->answered_life && a->is_told_granted != is_granted)
        campaign_wrong(crowd->campaign, "read %s was told something else than its event says", text);
    judge_policy(r, event, i, is_granted);
}

static void judge_line(struct reading *r, struct slice line)
{
    struct json *v = json_parse_object(line, NULL, 0);
    const struct json *event = v ? json_child(v, "event") : NULL;
    struct slice kind = {0}, stream = {0};
    struct campaign *c = r->crowd->campaign;
    int64_t seq = number_in(v, "seq");
    r->after = number_in(v, "n");
    if (!event || !json_text(event, "kind", &kind) || !json_text(v, "stream", &stream) ||
        number_in(event, "seq") != seq)
        campaign_wrong(c, "the cloud has a line that is no event: %.*s", (int)line.len, line.ptr);
    else if (seq != r->seq + 1)
        campaign_wrong(c, "event %" PRId64 " came to the cloud after %" PRId64, seq, r->seq);
    else if (r->stream[0] && !slice_is(stream, r->stream))
        campaign_wrong(c, "the journal began a new stream at event %" PRId64, seq);
    else if (slice_is(kind, "access"))
        judge_access(r, event);
    if (!r->stream[0])
        snprintf(r->stream, sizeof r->stream, "%.*s", (int)stream.len, stream.ptr);
    r->seq = seq;
    r->count++;
    json_free(v);
}

/* Lines of a page; -1 = it could not be had. */
static int judge_page(struct reading *r)
{
    char path[256];
    struct web_reply reply;
    struct site *site = r->crowd->site;
    int lines = 0;
    snprintf(path, sizeof path, "%s?after=%" PRId64 "&limit=%d", site->events_url, r->after, PAGE);
    if (!web_get(&site->admin, path, &reply))
        return -1;
    const char *at = reply.body, *end = reply.body + reply.len, *newline;
    for (; reply.status == 200 && (newline = memchr(at, '\n', (size_t)(end - at))); lines++) {
        judge_line(r, slice_make(at, (size_t)(newline - at)));
        at = newline + 1;
    }
    if (reply.status != 200) {
        lib_say("the cloud answers %ld to %s", reply.status, path);
        lines = -1;
    }
    web_reply_free(&reply);
    return lines;
}

/* What the cloud itself counts. */
static bool judge_summary(struct crowd *crowd, int64_t count)
{
    char path[256];
    struct web_reply reply;
    snprintf(path, sizeof path, "%s/summary", crowd->site->events_url);
    if (!web_get(&crowd->site->admin, path, &reply))
        return false;
    struct json *v = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    if (!v || number_in(v, "missing") != 0 || number_in(v, "doubled") != 0 ||
        number_in(v, "lost") != 0 || number_in(v, "count") < count ||
        !strstr(reply.body, "\"conflicting\":0"))
        campaign_wrong(crowd->campaign, "the cloud counts %s", reply.body);
    json_free(v);
    web_reply_free(&reply);
    return true;
}

bool crowd_judge_cloud(struct crowd *crowd)
{
    struct reading r = {.crowd = crowd};
    int lines;
    while ((lines = judge_page(&r)) == PAGE)
        ;
    if (!CAMPAIGN_STEP(lines >= 0) || !CAMPAIGN_STEP(judge_summary(crowd, r.count)))
        return false;
    for (size_t i = 0; i < crowd->n; i++) {
        const struct attempt *a = &crowd->attempt[i];
        if (a->answered_life && a->events == 0)
            campaign_wrong(crowd->campaign, "read c-%zu was answered and the cloud does not have it", i);
        else if (a->releases > 0 && a->events == 0)
            campaign_wrong(crowd->campaign, "door %d was released for read c-%zu without an event",
                           a->door, i);
    }
    campaign_say(crowd->campaign, "%zu reads, %" PRId64 " releases, %" PRId64
                 " events at the cloud, %" PRId64 " releases over before they could be completed",
                 crowd->n, crowd->releases, r.count, crowd->not_completed);
    return true;
}
