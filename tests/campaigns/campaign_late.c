/* What comes late or again opens nothing: reads that are repeated up to 100 times, that are too old,
 * retained or of a former session, and commands of the cloud that come twice, or after their end; all
 * of it also across kill -9 of gatehoused.
 *
 * A fault is one such thing at one door. They are played in rounds, one at each door at the same
 * time; the last door is for fences: a read whose answer says that all before it was dealt with. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "adapters/json/json.h"
#include "campaigns/cloud_events.h"
#include "campaigns/crowd.h"
#include "lib/reader.h"
#include "lib/wait.h"

#define MS 1000000LL
#define RELEASE_MS 1000
#define SLACK_MS 250
#define FENCE (CROWD_DOORS - 1)
#define TICK_DOORS 6 /* from the first: their readers must prove with a tick */
#define REPEATS 100
#define UP_MS 20000

enum fault {
    READ_AGAIN,    /* answered, then repeated */
    READ_OLD,      /* with an age beyond the limit */
    READ_RETAINED, /* fresh to look at, and retained by the broker */
    READ_OLD_TICK, /* fresh to look at, with the tick of a session that is over */
    COMMAND_AGAIN, /* carried out, then sent again */
    COMMAND_OVER,  /* over when the cloud makes it */
    COMMAND_HELD,  /* in time, and held up on its way until it is over */
    FAULTS
};

/* One thing at one door, in this round. */
struct thing {
    enum fault fault;
    char read[256];       /* payload; "" = a command */
    int64_t sent_ns;
    int64_t released_ns;  /* first release; 0 = none */
    int releases, releases_now;
    int life;             /* of its first release */
};

struct late {
    struct campaign *campaign;
    struct site site;
    struct mqtt_client *wire;
    size_t seen, heard;
    struct thing thing[CROWD_DOORS];
    int round, fences, life;
    char tick[96], old_tick[96]; /* "SESSION:N" of this life and of one before; "" = none */
    int64_t held_until_s;        /* when the commands of this round that are held up are over */
    int64_t releases, sends, drawn[FAULTS];
    int64_t markers, done; /* commands that say when all before were dealt with; commands done */
};

/* --- what is seen ------------------------------------------------------------------- */

static bool may_release(const struct thing *t)
{
    return t->fault == READ_AGAIN || t->fault == COMMAND_AGAIN;
}

static void take_release(struct late *l, int door, int64_t at_ns)
{
    struct thing *t = &l->thing[door];
    l->releases++;
    if (door == FENCE)
        return;
    t->releases++;
    t->releases_now++;
    if (t->releases == 1) {
        t->released_ns = at_ns;
        t->life = l->life;
    }
    if (!may_release(t))
        campaign_wrong(l->campaign, "round %d: fault %d released door %d", l->round, t->fault, door);
    else if (t->releases_now > 1 || at_ns > t->released_ns + RELEASE_MS * MS ||
             (t->fault == COMMAND_AGAIN && t->releases > 1))
        campaign_wrong(l->campaign, "round %d: fault %d released door %d again, after %lld ms",
                       l->round, t->fault, door, (at_ns - t->released_ns) / MS);
}

/* The newest tick, as a reader puts it into a read. */
static void take_tick(struct late *l, const char *json)
{
    const char *session = strstr(json, "\"session\":\""), *n = strstr(json, "\"n\":");
    if (session && n)
        snprintf(l->tick, sizeof l->tick, "%.*s:%.*s", (int)strcspn(session + 11, "\""),
                 session + 11, (int)strspn(n + 4, "0123456789"), n + 4);
}

static void look(struct late *l, int timeout_ms)
{
    const struct mqtt_message *m;
    struct simwatch *watch = l->site.watch;
    if (watch)
        simwatch_take(watch, timeout_ms);
    for (; watch && l->seen < simwatch_count(watch); l->seen++) {
        const struct simwatch_change *change = simwatch_at(watch, l->seen);
        if (change->energized)
            take_release(l, change->relay, change->mono_ns);
    }
    while ((m = mqtt_client_at(l->wire, l->heard))) {
        l->heard++;
        if (strcmp(m->topic, TOPIC_TICK) == 0)
            take_tick(l, m->payload);
    }
}

/* --- what is sent ------------------------------------------------------------------- */

static bool send_read(struct late *l, int door, const char *json, bool retained)
{
    char topic[64];
    snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%d/read", door);
    l->sends++;
    return mqtt_client_publish(l->wire, topic, json, strlen(json), 1, retained, NULL);
}

/* Waits for the answer to this read, seeing what happens meanwhile. */
static bool wait_answer(struct late *l, int door, const char *id, size_t from)
{
    char topic[64], text[80];
    int64_t end = wait_now_ns() + UP_MS * MS;
    snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%d/feedback", door);
    snprintf(text, sizeof text, "\"id\":\"%s\"", id);
    while (wait_now_ns() < end) {
        const struct mqtt_message *m;
        look(l, 2);
        for (; (m = mqtt_client_at(l->wire, from)); from++)
            if (strcmp(m->topic, topic) == 0 && strstr(m->payload, text))
                return true;
    }
    campaign_wrong(l->campaign, "read %s is not answered", id);
    return false;
}

/* All that was sent before has been dealt with. */
static bool fence(struct late *l)
{
    char id[48], json[160];
    size_t from = mqtt_client_count(l->wire);
    snprintf(id, sizeof id, "fence-%d", l->fences++);
    snprintf(json, sizeof json,
             "{\"id\":\"%s\",\"type\":\"card\",\"value\":\"" CROWD_CARD_GOOD "\",\"age_ms\":0}", id);
    return send_read(l, FENCE, json, false) && wait_answer(l, FENCE, id, from);
}

static void stamp(char out[32], time_t at)
{
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool order(struct late *l, int door, int from_s, int to_s)
{
    char json[256], id[65], issued[32], over[32];
    time_t now = time(NULL);
    stamp(issued, now + from_s);
    stamp(over, now + to_s);
    snprintf(json, sizeof json,
             "{\"id\":\"late-%d-%d\",\"action\":\"release\",\"door\":\"d%d\",\"issued_at\":\"%s\","
             "\"not_after\":\"%s\"}",
             l->round, door, door, issued, over);
    return site_command(&l->site, json, id);
}

/* --- a round ------------------------------------------------------------------------ */

static bool is_possible(const struct late *l, enum fault fault, int door)
{
    if (fault == READ_OLD_TICK)
        return door < TICK_DOORS && l->old_tick[0];
    return true;
}

static void draw(struct late *l, int door)
{
    struct campaign *c = l->campaign;
    struct thing *t = &l->thing[door];
    char proof[128] = "\"age_ms\":0";
    *t = (struct thing){.fault = READ_AGAIN};
    do
        t->fault = (enum fault)campaign_draw(c, FAULTS);
    while (!is_possible(l, t->fault, door));
    l->drawn[t->fault]++;
    if (t->fault >= COMMAND_AGAIN)
        return;
    if (door < TICK_DOORS)
        snprintf(proof, sizeof proof, "\"tick\":\"%s\"",
                 t->fault == READ_OLD_TICK ? l->old_tick : l->tick);
    if (t->fault == READ_OLD)
        snprintf(proof, sizeof proof, "\"age_ms\":%u", 61000 + campaign_draw(c, 86400000));
    snprintf(t->read, sizeof t->read,
             "{\"id\":\"late-%d-%d\",\"type\":\"card\",\"value\":\"" CROWD_CARD_GOOD "\",%s}", l->round,
             door, proof);
}

/* Once, as it comes first; one that may open has done so when this returns. */
static bool begin(struct late *l, int door)
{
    struct thing *t = &l->thing[door];
    t->sent_ns = wait_now_ns();
    switch (t->fault) {
    case READ_RETAINED: return send_read(l, door, t->read, true);
    case COMMAND_AGAIN: return order(l, door, 0, 60);
    case COMMAND_OVER: return order(l, door, -8, -2);
    case COMMAND_HELD: return true; /* while syncd is away: hold_up */
    case READ_AGAIN:
    case READ_OLD:
    case READ_OLD_TICK:
    case FAULTS: break;
    }
    return send_read(l, door, t->read, false);
}

static bool wait_begun(struct late *l, int door)
{
    struct thing *t = &l->thing[door];
    int64_t end = wait_now_ns() + UP_MS * MS;
    if (!may_release(t))
        return true;
    while (t->releases == 0 && wait_now_ns() < end)
        look(l, 2);
    if (t->releases == 0)
        campaign_wrong(l->campaign, "round %d: fault %d did not release door %d at first", l->round,
                       t->fault, door);
    return t->releases > 0;
}

/* Everything again, a random number of times; by syncd what it was told once more. */
static bool repeat(struct late *l, uint32_t most)
{
    for (int door = 0; door < FENCE; door++) {
        struct thing *t = &l->thing[door];
        uint32_t times = campaign_draw(l->campaign, most + 1);
        for (uint32_t i = 0; i < times && t->read[0]; i++)
            if (!send_read(l, door, t->read, t->fault == READ_RETAINED))
                return false;
        if (t->fault == COMMAND_AGAIN && times % 3 == 0 && !order(l, door, 0, 60))
            return false;
        if (!fence(l)) /* the inbox is bounded: no flood */
            return false;
    }
    return true;
}

/* Commands that reach the box only when they are over: nobody fetches them. */
static bool hold_up(struct late *l)
{
    bool any = false;
    for (int door = 0; door < FENCE; door++)
        any = any || l->thing[door].fault == COMMAND_HELD;
    l->held_until_s = 0;
    if (!any)
        return true;
    if (!CAMPAIGN_STEP(process_kill(&l->site.syncd)))
        return false;
    for (int door = 0; door < FENCE; door++)
        if (l->thing[door].fault == COMMAND_HELD && !order(l, door, 0, 1))
            return false;
    l->held_until_s = (int64_t)time(NULL) + 1; /* the last one ends then */
    return true;
}

static bool let_go(struct late *l)
{
    if (l->held_until_s == 0)
        return true;
    while ((int64_t)time(NULL) <= l->held_until_s)
        look(l, 20);
    return CAMPAIGN_STEP(site_start_syncd(&l->site));
}

/* kill -9; what is retained while nobody is there is there when it comes back. */
static bool kill_gatehoused(struct late *l)
{
    struct site *site = &l->site;
    if (!CAMPAIGN_STEP(process_kill(&site->gatehoused)))
        return false;
    (void)simwatch_drain(site->watch, WAIT_MS);
    look(l, 0);
    simwatch_close(site->watch);
    site->watch = NULL;
    snprintf(l->old_tick, sizeof l->old_tick, "%s", l->tick);
    l->tick[0] = '\0';
    l->seen = 0;
    l->life++;
    for (int door = 0; door < FENCE; door++) {
        struct thing *t = &l->thing[door];
        t->releases_now = 0;
        if (t->fault == READ_RETAINED && !send_read(l, door, t->read, true))
            return false;
    }
    return CAMPAIGN_STEP(mqtt_client_flush(l->wire, UP_MS)) &&
           CAMPAIGN_STEP(site_start_gatehoused(site));
}

static bool wait_tick(struct late *l)
{
    int64_t end = wait_now_ns() + UP_MS * MS;
    while (l->tick[0] == '\0' && wait_now_ns() < end)
        look(l, 5);
    return CAMPAIGN_STEP(l->tick[0] != '\0');
}

/* All releases of the round are over. */
static void wait_locked(struct late *l)
{
    int64_t end = wait_now_ns() + (RELEASE_MS + SLACK_MS) * MS;
    while (wait_now_ns() < end)
        look(l, 20);
}

struct marker {
    struct late *late;
    char id[65];
};

/* The cloud has the marker's result. */
static bool is_answered(void *context)
{
    struct marker *marker = context;
    struct web_reply reply;
    look(marker->late, 0);
    if (!web_get(&marker->late->site.admin,
                 "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/commands", &reply))
        return false;
    const char *line = strstr(reply.body, marker->id), *end = line ? strchr(line, '\n') : NULL;
    const char *none = line ? strstr(line, "\"result\":null") : NULL;
    bool is_there = end && (!none || none > end);
    web_reply_free(&reply);
    return is_there;
}

/* A cloud that sends all commands that ever were, those that are over too; a new one makes it
 * send them now, and comes last. */
static bool replay_commands(struct late *l)
{
    struct marker marker = {.late = l};
    l->markers++;
    return site_fault(&l->site, "{\"replay_commands\":1}") &&
           site_command(&l->site,
                        "{\"action\":\"release\",\"door\":\"d23\",\"ttl_s\":60,\"by\":\"cloud:mark\"}",
                        marker.id) &&
           wait_until(is_answered, &marker, UP_MS);
}

static bool present_all(struct late *l)
{
    for (int door = 0; door < FENCE; door++) {
        l->thing[door] = (struct thing){0};
        draw(l, door);
    }
    if (!hold_up(l))
        return false;
    /* Commands that are carried out need syncd, which may be away: after it. */
    for (int door = 0; door < FENCE; door++)
        if (l->thing[door].read[0] && !begin(l, door))
            return false;
    if (!fence(l))
        return false;
    if (!let_go(l))
        return false;
    for (int door = 0; door < FENCE; door++)
        if (!l->thing[door].read[0] && !begin(l, door))
            return false;
    for (int door = 0; door < FENCE; door++)
        if (!wait_begun(l, door))
            return false;
    return true;
}

static bool play_round(struct late *l)
{
    struct campaign *c = l->campaign;
    bool kills = campaign_chance(c, 60), kills_again = campaign_chance(c, 30);
    /* Each time all that ever were: more rarely, later. */
    bool replays = l->round % (l->round < 40 ? 2 : 10) == 0;
    if (!wait_tick(l) || !present_all(l) || !repeat(l, 6))
        return c->wrong > 0;
    if (kills && (!kill_gatehoused(l) || !repeat(l, 6)))
        return c->wrong > 0;
    wait_locked(l);
    if (replays && !CAMPAIGN_STEP(replay_commands(l)))
        return false;
    if (!repeat(l, campaign_chance(c, 10) ? REPEATS : 4))
        return c->wrong > 0;
    if (kills_again && (!kill_gatehoused(l) || !repeat(l, 4)))
        return c->wrong > 0;
    wait_locked(l);
    return true;
}

/* --- the campaign ------------------------------------------------------------------- */

static void count_done(void *context, struct slice kind, const struct json *event)
{
    struct late *l = context;
    const struct json *args = json_child(event, "args");
    struct slice result = {0};
    if (slice_is(kind, "command") && args && json_text(args, "result", &result) &&
        slice_is(result, "done"))
        l->done++;
}

/* Each command that may be carried out was, once, and no other. */
static bool judge(struct late *l)
{
    int64_t count, due = l->drawn[COMMAND_AGAIN] + l->markers;
    if (!CAMPAIGN_STEP(site_wait_drained(&l->site, UP_MS)) ||
        !cloud_each_event(l->campaign, &l->site, count_done, l, &count) ||
        !cloud_judge_summary(l->campaign, &l->site, count))
        return false;
    if (l->done != due)
        campaign_wrong(l->campaign, "%" PRId64 " commands were done, not %" PRId64, l->done, due);
    campaign_say(l->campaign, "%" PRId64 " repeated reads, %" PRId64 " old, %" PRId64 " retained, %"
                 PRId64 " of an old session, commands: %" PRId64 " again, %" PRId64 " over, %" PRId64
                 " held up; %" PRId64 " sends, %d lives, %" PRId64 " releases",
                 l->drawn[READ_AGAIN], l->drawn[READ_OLD], l->drawn[READ_RETAINED],
                 l->drawn[READ_OLD_TICK], l->drawn[COMMAND_AGAIN], l->drawn[COMMAND_OVER], l->drawn[COMMAND_HELD],
                 l->sends, l->life, l->releases);
    return true;
}

static bool set_up(struct late *l)
{
    static char config[4096];
    size_t n = (size_t)snprintf(config, sizeof config, "%s", crowd_config());
    for (int i = 0; i < TICK_DOORS; i++)
        n += (size_t)snprintf(config + n, sizeof config - n, "[reader r%d]\nfreshness = tick\n", i);
    const struct site_options options = {
        .config = config,
        .site_lines = "reads_per_s = 10000\nreads_burst = 10000\nremote_releases_per_h = 10000\n"};
    struct site *site = &l->site;
    if (!site_make(site, &options) || !site_start_broker(site) || !site_start_cloud(site) ||
        !site_put_rows(site, crowd_policy(RELEASE_MS / 1000)) || !site_start_gatehoused(site) ||
        !site_start_syncd(site) || !site_wait_policy(site, UP_MS))
        return false;
    struct mqtt_client_options o = {.port = site->broker.port, .client_id = "readers"};
    l->wire = mqtt_client_open(&o);
    l->life = 1;
    return l->wire && mqtt_client_subscribe(l->wire, TOPIC_PREFIX "readers/+/feedback") &&
           mqtt_client_subscribe(l->wire, TOPIC_TICK);
}

static bool play(struct campaign *c)
{
    static struct late late;
    late = (struct late){.campaign = c};
    struct late *l = &late;
    bool is_played = CAMPAIGN_STEP(set_up(l));
    for (; is_played && l->round * FENCE < c->count && !campaign_is_over(c); l->round++)
        is_played = play_round(l);
    is_played = is_played && judge(l);
    if (!is_played)
        process_show_log(&l->site.gatehoused);
    mqtt_client_close(l->wire);
    site_end(&l->site);
    return is_played;
}

int main(int argc, char **argv)
{
    static const struct campaign_kind kind = {
        .name = "late",
        .count = 92,
        .play = play,
        .bad = {{"no_repeat_check", 69}, {"no_age_check", 46}, {"no_command_end", 92},
                {"no_command_memory", 69}},
    };
    return campaign_main(argc, argv, &kind);
}
