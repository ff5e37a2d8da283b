/* The link to the cloud and the broker fail in every way that we know, in random order, while people
 * come and the policy changes: nothing is missing or doubled at the cloud, all is in order, and no
 * decision is ever made by a policy that is older, forged or spoilt.
 *
 * A fault is one of FAULTS; they come in chapters of 12, after each of which the cloud is sound and
 * everything has to come right. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"
#include "campaigns/crowd.h"
#include "lib/wait.h"

#define MS 1000000LL
#define READS_PER_S 20
#define CHAPTER 12
#define SOON_MS 30000
#define CHANGES_MAX 20000
#define TRIALS_MAX 20000

/* Carol's rights from this rev on. */
struct change {
    int64_t rev;
    bool is_staff;
};

/* A time in which nothing from this rev on may be believed. */
struct trial {
    int64_t rev, from_ms, to_ms; /* the product's clock */
    const char *fault;
};

struct link {
    struct campaign *campaign;
    struct crowd crowd;
    struct site site;
    struct change change[CHANGES_MAX];
    struct trial trial[TRIALS_MAX];
    size_t n_changes, n_trials;
    int64_t epoch, rev;    /* the cloud's newest */
    int64_t back_ms;       /* the longest from a broker that listens to an answer */
    int64_t broker_kills, syncd_kills, cloud_kills, epochs;
};

static struct link the_link;

/* --- the policy --------------------------------------------------------------------- */

static bool is_granted_at(void *context, int64_t epoch, int64_t rev)
{
    const struct link *l = context;
    bool is_staff = false;
    (void)epoch;
    for (size_t i = 0; i < l->n_changes && l->change[i].rev <= rev; i++)
        is_staff = l->change[i].is_staff;
    return is_staff;
}

/* A decision at this time by this rev was one by a policy that nobody had vouched for. */
static const char *is_on_trial(void *context, int64_t mono_ms, int64_t rev)
{
    const struct link *l = context;
    for (size_t i = 0; i < l->n_trials; i++) {
        const struct trial *t = &l->trial[i];
        if (rev >= t->rev && mono_ms >= t->from_ms && mono_ms < t->to_ms)
            return t->fault;
    }
    return NULL;
}

static bool post(struct link *l, const char *call, const char *body)
{
    char path[96];
    struct web_reply reply;
    snprintf(path, sizeof path, "/admin/sites/" SITE_ID "/%s", call);
    if (!CAMPAIGN_STEP(web_post(&l->site.admin, path, body, &reply)))
        return false;
    struct json *v = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    bool good = v && json_int(v, "epoch", &l->epoch) && json_int(v, "rev", &l->rev);
    json_free(v);
    web_reply_free(&reply);
    return CAMPAIGN_STEP(good);
}

static bool change_policy(struct link *l)
{
    bool is_staff = l->n_changes == 0 || !l->change[l->n_changes - 1].is_staff;
    if (l->n_changes == CHANGES_MAX || !post(l, "rows", crowd_carol(is_staff)))
        return false;
    l->change[l->n_changes++] = (struct change){l->rev, is_staff};
    return true;
}

static bool fault(struct link *l, const char *name, int value)
{
    char json[96];
    snprintf(json, sizeof json, "{\"%s\":%d}", name, value);
    return CAMPAIGN_STEP(site_fault(&l->site, json));
}

/* --- faults ------------------------------------------------------------------------- */

static bool restart_syncd(struct link *l)
{
    l->syncd_kills++;
    return CAMPAIGN_STEP(process_kill(&l->site.syncd)) && CAMPAIGN_STEP(site_start_syncd(&l->site));
}

static bool kill_cloud(struct link *l)
{
    l->cloud_kills++;
    if (!CAMPAIGN_STEP(process_kill(&l->site.cloud)))
        return false;
    crowd_pass(&l->crowd, campaign_draw(l->campaign, 400));
    return CAMPAIGN_STEP(site_start_cloud(&l->site));
}

static bool freeze_cloud(struct link *l)
{
    if (!process_signal(&l->site.cloud, SIGSTOP))
        return false;
    crowd_pass(&l->crowd, 100 + campaign_draw(l->campaign, 700));
    return CAMPAIGN_STEP(process_signal(&l->site.cloud, SIGCONT));
}

/* A reader has an answer again; how long it was is reported, not judged. */
static bool kill_broker(struct link *l)
{
    struct crowd *crowd = &l->crowd;
    l->broker_kills++;
    if (!CAMPAIGN_STEP(broker_kill(&l->site.broker)))
        return false;
    crowd_pass(crowd, campaign_draw(l->campaign, 300));
    if (!CAMPAIGN_STEP(site_start_broker(&l->site)))
        return false;
    int64_t began = wait_now_ns();
    if (!CAMPAIGN_STEP(mqtt_client_connect_again(crowd->wire, SOON_MS)) ||
        !crowd_pass_to_answer(crowd, SOON_MS)) {
        campaign_wrong(l->campaign, "no read is answered after the broker was killed");
        return false;
    }
    int64_t took_ms = (wait_now_ns() - began) / MS;
    l->back_ms = took_ms > l->back_ms ? took_ms : l->back_ms;
    return true;
}

static bool stall_cloud(struct link *l)
{
    bool good = fault(l, "stall_ms", 50 + (int)campaign_draw(l->campaign, 400));
    crowd_pass(&l->crowd, 500);
    return good && fault(l, "stall_ms", 0);
}

static bool new_epoch(struct link *l)
{
    l->epochs++;
    return post(l, "epoch", "");
}

static bool forget(struct link *l)
{
    return fault(l, "truncate_snapshot_at", (int)campaign_draw(l->campaign, 900)) &&
           post(l, "forget", "");
}

static bool kill_gatehoused(struct link *l)
{
    return CAMPAIGN_STEP(crowd_kill(&l->crowd)) && CAMPAIGN_STEP(crowd_launch(&l->crowd));
}

static bool cut_changes(struct link *l)
{
    return fault(l, "truncate_changes_at", (int)campaign_draw(l->campaign, 400));
}

/* A body that comes a byte a second holds its call up; syncd is not waited for. */
static bool drip(struct link *l)
{
    bool good = fault(l, "drip", 2);
    crowd_pass(&l->crowd, 300);
    return good && fault(l, "drip", 0) && restart_syncd(l);
}

/* While the fault lasts, nothing that was changed since may be believed. A bad build gets the time
 * to believe it, also on a busy machine. */
static bool try_policy(struct link *l, const char *name)
{
    bool is_bad = l->campaign->is_bad;
    if ((campaign_chance(l->campaign, 50) || is_bad) && !restart_syncd(l))
        return false;
    crowd_pass(&l->crowd, campaign_draw(l->campaign, 300));
    if (l->n_trials == TRIALS_MAX || !fault(l, name, -1) || !change_policy(l))
        return false;
    struct trial *t = &l->trial[l->n_trials++];
    *t = (struct trial){.rev = l->rev, .from_ms = wait_mono().ms, .fault = name};
    crowd_pass(&l->crowd, (is_bad ? 1500 : 400) + campaign_draw(l->campaign, 400));
    t->to_ms = wait_mono().ms;
    return fault(l, name, 0);
}

struct kind {
    const char *name;
    bool (*play)(struct link *l); /* NULL: */
    enum { OF_CLOUD, TRIAL } how; /* a fault of the cloud for 1 to 3 calls, or one under which no
                                     policy may be believed */
};

#define TRIALS 3 /* the last ones */
static const struct kind FAULTS[] = {
    {"events_fail_before_commit", NULL, OF_CLOUD},
    {"events_fail_after_commit", NULL, OF_CLOUD},
    {"garbage", NULL, OF_CLOUD},
    {"truncate_gzip", NULL, OF_CLOUD},
    {"endless_body", NULL, OF_CLOUD},
    {"redirect", NULL, OF_CLOUD},
    {"older_rev", NULL, OF_CLOUD},
    {"older_epoch", NULL, OF_CLOUD},
    {"invalid_row", NULL, OF_CLOUD},
    {"answer_503", NULL, OF_CLOUD},
    {"drop_connections", NULL, OF_CLOUD},
    {.name = "kill_cloud", .play = kill_cloud},
    {.name = "freeze_cloud", .play = freeze_cloud},
    {.name = "stall_cloud", .play = stall_cloud},
    {.name = "restart_syncd", .play = restart_syncd},
    {.name = "kill_broker", .play = kill_broker},
    {.name = "kill_broker", .play = kill_broker},
    {.name = "new_epoch", .play = new_epoch},
    {.name = "forget", .play = forget},
    {.name = "cut_changes", .play = cut_changes},
    {.name = "kill_gatehoused", .play = kill_gatehoused},
    {.name = "drip", .play = drip},
    {"wrong_digest", NULL, TRIAL},
    {"wrong_signature", NULL, TRIAL},
    {"unsigned", NULL, TRIAL},
};

#define N_FAULTS (sizeof FAULTS / sizeof FAULTS[0])

/* GATEHOUSE_ONLY=kill_broker plays that fault alone. NULL: there is none of that name. */
static const struct kind *draw_fault(const struct link *l)
{
    struct campaign *c = l->campaign;
    const char *only = getenv("GATEHOUSE_ONLY");
    for (size_t i = 0; only && i < N_FAULTS; i++)
        if (strcmp(FAULTS[i].name, only) == 0)
            return &FAULTS[i];
    if (only)
        return NULL;
    /* A bad build gets more of what it should trip over, and some of each. */
    bool tries = c->is_bad && campaign_chance(c, 50);
    return &FAULTS[tries ? N_FAULTS - 1 - l->n_trials % TRIALS : campaign_draw(c, N_FAULTS)];
}

static bool play_fault(struct link *l)
{
    struct campaign *c = l->campaign;
    const struct kind *k = draw_fault(l);
    if (!CAMPAIGN_STEP(k != NULL) || (campaign_chance(c, 60) && !change_policy(l)))
        return false;
    bool is_of_cloud = !k->play && k->how == OF_CLOUD;
    bool good = k->play       ? k->play(l)
                : is_of_cloud ? fault(l, k->name, 1 + (int)campaign_draw(c, 3))
                              : try_policy(l, k->name);
    /* One in two times syncd is as if it had never failed, and tries at once. */
    if (is_of_cloud && campaign_chance(c, 50))
        good = good && restart_syncd(l);
    crowd_pass(&l->crowd, campaign_draw(c, 500));
    return good;
}

/* Sound again: everything comes right. */
static bool heal(struct link *l)
{
    struct crowd *crowd = &l->crowd;
    bool good = true;
    for (size_t i = 0; i < N_FAULTS; i++)
        if (!FAULTS[i].play && FAULTS[i].how == OF_CLOUD)
            good = good && fault(l, FAULTS[i].name, 0);
    if (!good || !restart_syncd(l))
        return false;
    crowd_settle(crowd, SOON_MS);
    if (!site_wait_policy(&l->site, SOON_MS))
        campaign_wrong(l->campaign, "the policy did not come to rev %" PRId64, l->rev);
    if (!site_wait_drained(&l->site, SOON_MS))
        campaign_wrong(l->campaign, "the events did not all go to the cloud");
    return true;
}

/* --- the campaign ------------------------------------------------------------------- */

static bool play_all(struct link *l)
{
    struct campaign *c = l->campaign;
    crowd_rate(&l->crowd, READS_PER_S);
    for (int i = 0; i < c->count && !campaign_is_over(c); i++) {
        if (!play_fault(l))
            return c->wrong > 0;
        if ((i + 1) % CHAPTER == 0 && !heal(l))
            return false;
        if ((i + 1) % CHAPTER == 0 && c->is_bad && !CAMPAIGN_STEP(crowd_judge_cloud(&l->crowd)))
            return false;
    }
    crowd_rate(&l->crowd, 0);
    if (!heal(l) || !CAMPAIGN_STEP(crowd_judge_cloud(&l->crowd)))
        return false;
    campaign_say(c, "kills: %" PRId64 " broker, %" PRId64 " cloud, %" PRId64 " syncd; %zu policies, %"
                 PRId64 " epochs, %zu trials of unsound ones; after a broker's start an answer within %"
                 PRId64 " ms", l->broker_kills, l->cloud_kills, l->syncd_kills, l->n_changes,
                 l->epochs, l->n_trials, l->back_ms);
    return true;
}

static bool play(struct campaign *c)
{
    struct link *l = &the_link;
    *l = (struct link){.campaign = c, .crowd = {.is_granted_at = is_granted_at,
                                                .is_on_trial = is_on_trial, .context = l}};
    bool is_played = crowd_begin(&l->crowd, c, &l->site) && play_all(l);
    if (!is_played)
        process_show_log(&l->site.syncd);
    crowd_end(&l->crowd);
    return is_played;
}

int main(int argc, char **argv)
{
    static const struct campaign_kind kind = {
        .name = "link",
        .count = 36,
        .play = play,
        .bad = {{"no_signature_check", 36}, {"no_digest_check", 36}, {"resends_as_new", 36}},
    };
    return campaign_main(argc, argv, &kind);
}
