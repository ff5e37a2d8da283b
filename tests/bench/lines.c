#include "bench/lines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mqtt_client.h"
#include "lib/site.h"
#include "lib/wait.h"

#define RELEASE_NS 1000000000LL
#define BURNERS 2
#define DOORS_MAX 64

struct run {
    struct site site;
    struct mqtt_client *client;
    int doors;
};

/* Wires rest high; inputs in the order in which they are taken: the fire, then contacts. */
static bool open_site(struct run *r)
{
    char config[DOORS_MAX * 160];
    size_t len = 0;
    for (int i = 0; i < r->doors; i++)
        len += (size_t)snprintf(config + len, sizeof config - len,
                                "[door d%d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n"
                                "contact = sim:c%d normally_open\n", i, i, i);
    struct site_options options = {.config = config,
                                   .site_lines = "fire = sim:fire normally_open\n"};
    struct mqtt_client_options o = {.client_id = "bench-lines"};
    if (!site_make(&r->site, &options) || !site_start_broker(&r->site) ||
        !site_start_gatehoused(&r->site))
        return false;
    o.port = r->site.broker.port;
    r->client = mqtt_client_open(&o);
    return r->client && mqtt_client_subscribe(r->client, "gatehouse/v1/events");
}

static bool drive(struct run *r, int input, bool active)
{
    char line[32];
    snprintf(line, sizeof line, "input %d %s", input, active ? "off" : "on");
    return simwatch_command(r->site.watch, line);
}

/* --- fire -------------------------------------------------------------------------------- */

/* All doors, so that the last one waits for the events and relays of all others. */
static bool one_fire(struct run *r, struct series *to)
{
    int last = r->doors - 1;
    struct simwatch_change change;
    int64_t before = wait_now_ns();
    if (!drive(r, 0, true) || !simwatch_wait(r->site.watch, last, true, WAIT_MS, &change))
        return false;
    series_add_ns(to, before, change.mono_ns);
    return drive(r, 0, false) && simwatch_wait(r->site.watch, last, false, WAIT_MS, NULL);
}

/* --- events ------------------------------------------------------------------------------ */

static bool one_event(struct run *r, struct series *to)
{
    size_t from = mqtt_client_count(r->client);
    int64_t before = wait_now_ns();
    if (!drive(r, 1, true))
        return false;
    const struct mqtt_message *m = mqtt_client_wait_text(
        r->client, from, "gatehouse/v1/events", "\"kind\":\"door_opened\"", WAIT_MS);
    if (!m)
        return false;
    series_add_ns(to, before, m->arrived_ns);
    return drive(r, 1, false) &&
           mqtt_client_wait_text(r->client, from, "gatehouse/v1/events",
                                 "\"kind\":\"door_closed\"", WAIT_MS);
}

/* --- releases ----------------------------------------------------------------------------- */

static bool one_release(struct run *r, struct series *to)
{
    struct simwatch_change on, off;
    char *answer = site_ask(&r->site, "{\"call\":\"relay_test\",\"door\":\"d0\"}");
    bool good = answer && strstr(answer, "\"ok\":true") &&
                simwatch_wait(r->site.watch, 0, true, WAIT_MS, &on) &&
                simwatch_wait(r->site.watch, 0, false, WAIT_MS, &off);
    free(answer);
    if (!good)
        return false;
    int64_t error = off.mono_ns - on.mono_ns - RELEASE_NS;
    series_add_us(to, (double)(error < 0 ? -error : error) / 1000.0);
    return true;
}

static void burn(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile unsigned n = 0;; n++)
        ;
}

static bool releases_under_load(struct run *r, int times, struct series *to)
{
    pid_t burner[BURNERS];
    for (int i = 0; i < BURNERS; i++) {
        burner[i] = fork();
        if (burner[i] == 0)
            burn();
    }
    bool good = burner[0] > 0 && burner[BURNERS - 1] > 0;
    for (int i = 0; i < times && good; i++)
        good = one_release(r, to);
    for (int i = 0; i < BURNERS; i++) {
        if (burner[i] <= 0)
            continue;
        kill(burner[i], SIGKILL);
        waitpid(burner[i], NULL, 0);
    }
    return good;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* As many changes of one input, one right after the other, are no chatter yet. */
#define TURN 5

static bool restart(struct run *r)
{
    return site_stop_gatehoused(&r->site) && site_start_gatehoused(&r->site);
}

bool lines_measure(struct lines *out, int times, int doors)
{
    struct run r = {.doors = doors < DOORS_MAX ? doors : DOORS_MAX};
    bool good = open_site(&r);
    for (int i = 0; i < times && good; i++) {
        if (i > 0 && i % TURN == 0) {
            good = restart(&r);
            series_end_round(&out->fire);
            series_end_round(&out->event);
        }
        good = good && one_fire(&r, &out->fire) && one_event(&r, &out->event);
    }
    int releases = times / 5 > 2 ? times / 5 : 2; /* a second each */
    good = good && restart(&r);
    for (int i = 0; i < releases && good; i++)
        good = one_release(&r, &out->release);
    good = good && releases_under_load(&r, releases, &out->release_busy);
    struct series *all[] = {&out->fire, &out->event, &out->release, &out->release_busy};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        series_end_round(all[i]);
    if (!good)
        lib_say("the lines could not be measured");
    mqtt_client_close(r.client);
    site_end(&r.site);
    return good;
}
