#include "campaigns/crowd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reader.h"
#include "lib/wait.h"

#define MS 1000000LL
#define PUMP_MS 2
#define UP_MS 20000

/* --- the house -------------------------------------------------------------------- */

static const char *const card_of[] = {CROWD_CARD_GOOD, "B0BB0BB0B1", "CA501CA501"};

const char *crowd_config(void)
{
    static char text[CROWD_DOORS * 80];
    size_t n = 0;
    for (int i = 0; i < CROWD_DOORS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "[door d%d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n", i, i);
    return text;
}

const char *crowd_carol(bool is_staff)
{
    return is_staff ? "{\"k\":\"person\",\"id\":\"carol\",\"d\":{\"groups\":[\"staff\"]}}\n"
                    : "{\"k\":\"person\",\"id\":\"carol\",\"d\":{\"groups\":[]}}\n";
}

const char *crowd_policy(int release_s)
{
    static char text[CROWD_DOORS * 160 + 1600];
    size_t n = (size_t)snprintf(
        text, sizeof text,
        "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Europe/London\",\"read_max_age_s\":60}}\n"
        "{\"k\":\"group\",\"id\":\"staff\",\"d\":{}}\n"
        "{\"k\":\"entitlement\",\"id\":\"role\",\"d\":{\"kind\":\"role\",\"who\":{\"groups\":"
        "[\"staff\"]},\"where\":{\"all\":true}}}\n"
        "{\"k\":\"person\",\"id\":\"anna\",\"d\":{\"groups\":[\"staff\"]}}\n"
        "{\"k\":\"person\",\"id\":\"bob\",\"d\":{\"enabled\":false,\"groups\":[\"staff\"]}}\n%s"
        "{\"k\":\"credential\",\"id\":\"c-anna\",\"d\":{\"person\":\"anna\",\"type\":\"card\","
        "\"value\":\"%s\"}}\n"
        "{\"k\":\"credential\",\"id\":\"c-bob\",\"d\":{\"person\":\"bob\",\"type\":\"card\","
        "\"value\":\"%s\"}}\n"
        "{\"k\":\"credential\",\"id\":\"c-carol\",\"d\":{\"person\":\"carol\",\"type\":\"card\","
        "\"value\":\"%s\"}}\n",
        crowd_carol(false), card_of[0], card_of[1], card_of[2]);
    for (int i = 0; i < CROWD_DOORS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "{\"k\":\"door\",\"id\":\"d%d\",\"d\":{\"release_s\":%d}}\n"
                              "{\"k\":\"reader\",\"id\":\"r%d\",\"d\":{\"door\":\"d%d\"}}\n",
                              i, release_s, i, i);
    return text;
}

/* --- reads ------------------------------------------------------------------------ */

static void send_read(struct crowd *crowd, size_t i)
{
    struct attempt *a = &crowd->attempt[i];
    char topic[64], json[160];
    a->sent_ns = wait_now_ns();
    snprintf(topic, sizeof topic, TOPIC_PREFIX "readers/r%d/read", a->door);
    int n = snprintf(json, sizeof json,
                     "{\"id\":\"c-%zu\",\"type\":\"card\",\"value\":\"%s\",\"age_ms\":%lld}", i,
                     card_of[a->wish], (long long)((a->sent_ns - a->born_ns) / MS));
    /* What the broker does not take is sent again as any read is. */
    (void)mqtt_client_publish(crowd->wire, topic, json, (size_t)n, 1, false, NULL);
}

/* A door that nobody has opened, or -1. */
static int free_door(struct crowd *crowd)
{
    int first = (int)campaign_draw(crowd->campaign, CROWD_DOORS);
    for (int i = 0; i < CROWD_DOORS; i++)
        if (crowd->owner[(first + i) % CROWD_DOORS] == 0)
            return (first + i) % CROWD_DOORS;
    return -1;
}

static bool make_room(struct crowd *crowd)
{
    if (crowd->n < crowd->room)
        return true;
    size_t room = crowd->room ? 2 * crowd->room : 4096;
    struct attempt *attempt = realloc(crowd->attempt, room * sizeof *attempt);
    if (attempt)
        crowd->attempt = attempt;
    size_t *pending = attempt ? realloc(crowd->pending, room * sizeof *pending) : NULL;
    if (!pending)
        return false;
    crowd->pending = pending;
    crowd->room = room;
    return true;
}

void crowd_present(struct crowd *crowd, enum wish wish)
{
    int door = wish == WISH_DENIED ? -1 : free_door(crowd);
    if (door < 0) {
        wish = WISH_DENIED;
        door = (int)campaign_draw(crowd->campaign, CROWD_DOORS);
    }
    if (!make_room(crowd))
        return;
    size_t i = crowd->n++;
    crowd->attempt[i] = (struct attempt){.door = door, .wish = wish, .born_ns = wait_now_ns()};
    crowd->pending[crowd->n_pending++] = i;
    if (wish != WISH_DENIED)
        crowd->owner[door] = i + 1;
    send_read(crowd, i);
}

static void present_any(struct crowd *crowd)
{
    struct campaign *c = crowd->campaign;
    enum wish wish = campaign_chance(c, 40) ? WISH_GRANTED : WISH_DENIED;
    if (crowd->is_granted_at && campaign_chance(c, 40))
        wish = WISH_AS_POLICY;
    crowd_present(crowd, wish);
}

static void send_what_is_due(struct crowd *crowd)
{
    int64_t now = wait_now_ns();
    if (!mqtt_client_is_connected(crowd->wire))
        return;
    for (; crowd->gap_ns > 0 && crowd->next_ns <= now; crowd->next_ns += crowd->gap_ns)
        present_any(crowd);
    for (size_t i = 0; i < crowd->n_pending; i++)
        if (now - crowd->attempt[crowd->pending[i]].sent_ns >= CROWD_REPEAT_MS * MS)
            send_read(crowd, crowd->pending[i]);
}

/* --- what is seen ----------------------------------------------------------------- */

/* The number behind "c-" in its id; false if it is no answer to one of ours. */
static bool read_of(const struct crowd *crowd, const char *json, size_t *out)
{
    const char *at = strstr(json, "\"c-");
    char *end;
    if (!at)
        return false;
    *out = strtoull(at + 3, &end, 10);
    return *end == '"' && *out < crowd->n;
}

/* A read that was granted has been released; one whose release would be over by now may have been
 * killed with it each time. */
static void judge_granted(struct crowd *crowd, size_t i)
{
    struct attempt *a = &crowd->attempt[i];
    if (a->releases > 0)
        return;
    if (wait_now_ns() - a->born_ns < (CROWD_RELEASE_MS - 500) * MS)
        campaign_wrong(crowd->campaign, "read c-%zu was granted and never released door %d", i, a->door);
    else
        crowd->not_completed++;
}

static void settle_read(struct crowd *crowd, size_t i, bool is_granted)
{
    struct attempt *a = &crowd->attempt[i];
    if (a->answered_life) {
        if (a->is_told_granted != is_granted)
            campaign_wrong(crowd->campaign, "read c-%zu was told two decisions", i);
        return;
    }
    a->answered_life = crowd->life;
    crowd->answers++;
    a->is_told_granted = is_granted;
    if (a->wish != WISH_AS_POLICY && is_granted != (a->wish == WISH_GRANTED))
        campaign_wrong(crowd->campaign, "read c-%zu was answered %s", i, is_granted ? "granted" : "denied");
    if (!is_granted && crowd->owner[a->door] == i + 1)
        crowd->owner[a->door] = 0;
    for (size_t p = 0; p < crowd->n_pending; p++)
        if (crowd->pending[p] == i)
            crowd->pending[p--] = crowd->pending[--crowd->n_pending];
}

static void take_answers(struct crowd *crowd)
{
    const struct mqtt_message *m;
    size_t i;
    while ((m = mqtt_client_at(crowd->wire, crowd->heard))) {
        crowd->heard++;
        if (strstr(m->topic, "/feedback") && read_of(crowd, m->payload, &i))
            settle_read(crowd, i, strstr(m->payload, "\"decision\":\"granted\"") != NULL);
    }
}

static void take_release(struct crowd *crowd, int door, int64_t at_ns)
{
    struct campaign *c = crowd->campaign;
    size_t owner = door < CROWD_DOORS ? crowd->owner[door] : 0;
    crowd->releases++;
    if (owner == 0) {
        campaign_wrong(c, "door %d was released without a read", door);
        return;
    }
    struct attempt *a = &crowd->attempt[owner - 1];
    if (at_ns < a->born_ns)
        campaign_wrong(c, "door %d was released before read c-%zu was presented", door, owner - 1);
    if (a->answered_life && at_ns > a->released_ns + CROWD_RELEASE_MS * MS)
        campaign_wrong(c, "door %d was released again for read c-%zu", door, owner - 1);
    if (++a->releases_now > 1)
        campaign_wrong(c, "door %d was released twice for read c-%zu", door, owner - 1);
    if (a->releases++ == 0)
        a->released_ns = at_ns;
}

/* The door is locked again: if its read is answered, it is free. */
static void take_lock(struct crowd *crowd, int door)
{
    size_t owner = door < CROWD_DOORS ? crowd->owner[door] : 0;
    if (owner && crowd->attempt[owner - 1].answered_life)
        crowd->owner[door] = 0;
}

static void take_changes(struct crowd *crowd)
{
    const struct simwatch *watch = crowd->site->watch;
    for (; crowd->seen < simwatch_count(watch); crowd->seen++) {
        struct simwatch_change change = *simwatch_at(watch, crowd->seen);
        if (change.energized)
            take_release(crowd, change.relay, change.mono_ns);
        else
            take_lock(crowd, change.relay);
    }
}

/* A relay that is released by then was released in this life. */
void crowd_watch(struct crowd *crowd)
{
    crowd->seen = simwatch_count(crowd->site->watch);
    for (int door = 0; door < CROWD_DOORS; door++)
        if (simwatch_is_energized(crowd->site->watch, door))
            take_release(crowd, door, wait_now_ns());
}

/* The board is there as soon as gatehoused is. */
static void open_watch(struct crowd *crowd)
{
    struct site *site = crowd->site;
    if (!process_is_alive(&site->gatehoused) || !(site->watch = simwatch_try(site->sim)))
        return;
    crowd_watch(crowd);
}

/* Looks, then does what is due; waits a moment for something to happen. */
static void pump(struct crowd *crowd)
{
    if (!crowd->site->watch)
        open_watch(crowd);
    if (crowd->site->watch) {
        simwatch_take(crowd->site->watch, PUMP_MS);
        take_changes(crowd);
    } else {
        wait_pause_ms(PUMP_MS);
    }
    take_answers(crowd);
    /* An answer may have overtaken the board's word of what came before it. */
    send_what_is_due(crowd);
}

void crowd_rate(struct crowd *crowd, int per_s)
{
    crowd->gap_ns = per_s > 0 ? 1000 * MS / per_s : 0;
    crowd->next_ns = wait_now_ns();
}

void crowd_pass(struct crowd *crowd, int64_t ms)
{
    int64_t end = wait_now_ns() + ms * MS;
    while (wait_now_ns() < end)
        pump(crowd);
}

bool crowd_pass_to_release(struct crowd *crowd, int64_t ms)
{
    int64_t end = wait_now_ns() + ms * MS, releases = crowd->releases;
    while (wait_now_ns() < end && crowd->releases == releases)
        pump(crowd);
    return crowd->releases > releases;
}

bool crowd_pass_to_answer(struct crowd *crowd, int64_t ms)
{
    int64_t end = wait_now_ns() + ms * MS, answers = crowd->answers;
    while (wait_now_ns() < end && crowd->answers == answers)
        pump(crowd);
    return crowd->answers > answers;
}

bool crowd_settle(struct crowd *crowd, int64_t ms)
{
    int64_t end = wait_now_ns() + ms * MS;
    while (wait_now_ns() < end && crowd->n_pending > 0)
        pump(crowd);
    if (crowd->n_pending > 0)
        campaign_wrong(crowd->campaign, "%zu reads are not answered, as c-%zu", crowd->n_pending,
                       crowd->pending[0]);
    return crowd->n_pending == 0;
}

/* --- lives ------------------------------------------------------------------------ */

/* Answers of this life whose grants must have been seen at the board by now. */
static void judge_life(struct crowd *crowd)
{
    for (int door = 0; door < CROWD_DOORS; door++) {
        size_t owner = crowd->owner[door];
        struct attempt *a = owner ? &crowd->attempt[owner - 1] : NULL;
        if (!a)
            continue;
        if (a->answered_life && a->is_told_granted)
            judge_granted(crowd, owner - 1);
        a->releases_now = 0;
        if (a->answered_life)
            crowd->owner[door] = 0; /* locked by the end of the program */
    }
}

bool crowd_kill(struct crowd *crowd)
{
    struct site *site = crowd->site;
    if (!process_kill(&site->gatehoused))
        return false;
    if (site->watch) {
        (void)simwatch_drain(site->watch, WAIT_MS);
        take_changes(crowd);
    }
    take_answers(crowd);
    judge_life(crowd);
    simwatch_close(site->watch);
    site->watch = NULL;
    return true;
}

bool crowd_launch(struct crowd *crowd)
{
    crowd->life++;
    return site_launch_gatehoused(crowd->site);
}

bool crowd_begin(struct crowd *crowd, struct campaign *c, struct site *site)
{
    const struct site_options options = {.config = crowd_config(),
                                         .site_lines = "reads_per_s = 10000\nreads_burst = 10000\n"};
    crowd->campaign = c;
    crowd->site = site;
    if (!site_make(site, &options) || !site_start_broker(site) || !site_start_cloud(site) ||
        !site_put_rows(site, crowd_policy(CROWD_RELEASE_MS / 1000)) || !site_start_gatehoused(site) ||
        !site_start_syncd(site) || !site_wait_policy(site, UP_MS))
        return false;
    struct mqtt_client_options o = {.port = site->broker.port, .client_id = "readers"};
    crowd->wire = mqtt_client_open(&o);
    crowd->life = 1;
    return crowd->wire && mqtt_client_subscribe(crowd->wire, TOPIC_PREFIX "readers/+/feedback");
}

void crowd_end(struct crowd *crowd)
{
    mqtt_client_close(crowd->wire);
    if (crowd->site)
        site_end(crowd->site);
    free(crowd->attempt);
    free(crowd->pending);
}
