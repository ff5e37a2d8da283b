/* The events that the cloud has, against what the crowd was told and saw. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"
#include "campaigns/cloud_events.h"
#include "campaigns/crowd.h"

struct reading {
    struct crowd *crowd;
    int64_t epoch, rev; /* of the last decision */
    int64_t count;
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
    const char *trial = crowd->is_on_trial
                            ? crowd->is_on_trial(crowd->context, number_in(event, "mono_ms"), rev)
                            : NULL;
    if (trial)
        campaign_wrong(crowd->campaign, "read c-%zu was decided by policy %" PRId64 "/%" PRId64
                       " under %s", i, epoch, rev, trial);
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

static void judge_event(void *context, struct slice kind, const struct json *event)
{
    if (slice_is(kind, "access"))
        judge_access(context, event);
}

bool crowd_judge_cloud(struct crowd *crowd)
{
    struct reading r = {.crowd = crowd};
    for (size_t i = 0; i < crowd->n; i++)
        crowd->attempt[i].events = 0;
    if (!cloud_each_event(crowd->campaign, crowd->site, judge_event, &r, &r.count) ||
        !cloud_judge_summary(crowd->campaign, crowd->site, r.count))
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
