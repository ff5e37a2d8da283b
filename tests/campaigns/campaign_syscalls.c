/* kill -9 at every system call of read, release, event and upload: of gatehoused, then of
 * gatehouse-syncd. What holds under kill -9 at any instant (campaign_kill9) holds at each of these.
 *
 * A fault is one point: the N-th system call, all threads counted together, after a read is
 * presented. The short form draws points; a count of at least twice the number of calls goes through
 * all points of both. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "campaigns/crowd.h"
#include "campaigns/tracer.h"
#include "lib/wait.h"

#define MS 1000000LL
#define SOON_MS 30000
#define WAYS 3   /* that are measured, of each */
#define ACK_MS 60 /* from the cloud's answer to the journal's note of it, by far */

struct syscalls {
    struct campaign *campaign;
    struct crowd crowd;
    struct site site;
    int64_t calls[2];  /* of a whole way: gatehoused, syncd */
    int64_t points[2]; /* killed at */
    int64_t late;      /* lives that ended before their point */
    size_t at_cloud;   /* reads that the cloud is known to have */
    int64_t after;     /* the cloud's number up to which was looked */
};

static struct syscalls the_syscalls;

/* Whether the cloud has the newest read; asks nobody on the box. */
static bool is_at_cloud(struct syscalls *s)
{
    char path[256], text[48];
    struct web_reply reply;
    if (s->at_cloud == s->crowd.n)
        return true;
    snprintf(path, sizeof path, "%s?after=%" PRId64 "&limit=10000", s->site.events_url, s->after);
    snprintf(text, sizeof text, "\"read_id\":\"c-%zu\"", s->crowd.n - 1);
    if (!web_get(&s->site.admin, path, &reply))
        return false;
    bool found = strstr(reply.body, text) != NULL;
    for (const char *at = reply.body; found && (at = strstr(at, "{\"n\":")); at++)
        s->after++;
    web_reply_free(&reply);
    s->at_cloud = found ? s->crowd.n : s->at_cloud;
    return found;
}

/* The read's whole way, or as much of it as the process lives for. */
static void go_the_way(struct syscalls *s, struct process *victim)
{
    int64_t end = wait_now_ns() + SOON_MS * MS;
    while (wait_now_ns() < end && process_is_alive(victim)) {
        crowd_pass(&s->crowd, 4);
        if (s->crowd.n_pending == 0 && is_at_cloud(s)) {
            crowd_pass(&s->crowd, ACK_MS);
            return;
        }
    }
}

/* A life of the victim that ends at its n-th call; 0: at the end of the way. */
static bool die_at(struct syscalls *s, int which, int64_t n)
{
    struct process *victim = which == 0 ? &s->site.gatehoused : &s->site.syncd, tracer = {0};
    int64_t calls;
    bool is_ours;
    if (!CAMPAIGN_STEP(tracer_start(&tracer, &s->site.folder, victim->pid, n)))
        return false;
    crowd_present(&s->crowd, WISH_DENIED);
    crowd_present(&s->crowd, WISH_GRANTED);
    go_the_way(s, victim);
    if (!CAMPAIGN_STEP(which == 0 ? crowd_kill(&s->crowd) : process_kill(victim)) ||
        !CAMPAIGN_STEP(tracer_wait(&tracer, &calls, &is_ours)))
        return false;
    if (n == 0)
        s->calls[which] = calls > s->calls[which] ? calls : s->calls[which];
    else if (is_ours)
        s->points[which]++;
    else
        s->late++;
    return true;
}

/* Back again, and everything comes to its end. */
static bool come_back(struct syscalls *s, int which)
{
    int64_t end = wait_now_ns() + (s->campaign->is_bad ? SOON_MS / 6 : SOON_MS) * MS;
    if (which == 0) {
        s->crowd.life++;
        if (!CAMPAIGN_STEP(site_start_gatehoused(&s->site)))
            return false;
        crowd_watch(&s->crowd);
    } else if (!CAMPAIGN_STEP(site_start_syncd(&s->site))) {
        return false;
    }
    crowd_settle(&s->crowd, SOON_MS);
    while (!is_at_cloud(s)) {
        if (wait_now_ns() > end || campaign_is_over(s->campaign)) {
            campaign_wrong(s->campaign, "read c-%zu does not come to the cloud", s->crowd.n - 1);
            return true;
        }
        crowd_pass(&s->crowd, 4);
    }
    return true;
}

/* How many calls there are, which differs from way to way: the most of some, and a quarter more. */
static bool measure(struct syscalls *s)
{
    for (int i = 0; i < 2 * WAYS; i++)
        if (!die_at(s, i % 2, 0) || !come_back(s, i % 2))
            return false;
    for (int which = 0; which < 2; which++)
        s->calls[which] += s->calls[which] / 4;
    return true;
}

static bool play_all(struct syscalls *s)
{
    struct campaign *c = s->campaign;
    if (!measure(s))
        return false;
    for (int i = 0; i < c->count && !campaign_is_over(c); i++) {
        int which = i % 2;
        int64_t calls = s->calls[which];
        bool all = c->count >= 2 * s->calls[0] && c->count >= 2 * s->calls[1];
        int64_t n = all ? i / 2 % calls + 1 : 1 + (int64_t)campaign_draw(c, (uint32_t)calls);
        if (!die_at(s, which, n) || !come_back(s, which))
            return c->wrong > 0;
    }
    if (!CAMPAIGN_STEP(site_wait_drained(&s->site, SOON_MS)) ||
        !CAMPAIGN_STEP(crowd_judge_cloud(&s->crowd)))
        return false;
    campaign_say(c, "points 1 to %" PRId64 " in gatehoused, %" PRId64 " in syncd; killed at %"
                 PRId64 " and %" PRId64 " points, %" PRId64 " lives were over before their point",
                 s->calls[0], s->calls[1], s->points[0], s->points[1], s->late);
    return true;
}

static bool play(struct campaign *c)
{
    struct syscalls *s = &the_syscalls;
    *s = (struct syscalls){.campaign = c};
    bool is_played = crowd_begin(&s->crowd, c, &s->site) && play_all(s);
    if (!is_played)
        process_show_log(&s->site.gatehoused);
    crowd_end(&s->crowd);
    return is_played;
}

int main(int argc, char **argv)
{
    static const struct campaign_kind kind = {
        .name = "syscalls",
        .count = 30,
        .play = play,
        .bad = {{"answers_early", 100}, {"resends_as_new", 20}},
    };
    int status;
    return tracer_main(argc, argv, &status) ? status : campaign_main(argc, argv, &kind);
}
