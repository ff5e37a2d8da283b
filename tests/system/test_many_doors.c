/* A box with as many doors as it takes: more to say at once than may be on its way to the broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "lib/mqtt_client.h"
#include "lib/reader.h"
#include "lib/site.h"
#include "lib/wait.h"

#define STATES "gatehouse/v1/doors/"

static struct site site;
static struct mqtt_client *panel;

static int end(void **state)
{
    (void)state;
    mqtt_client_close(panel);
    panel = NULL;
    site_end(&site);
    return 0;
}

/* The first stands in the site's own text, which has no room for the others. */
static void add_doors(void)
{
    char *first = folder_read(site.config_path, NULL), *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_true(first != NULL && f != NULL);
    fputs(first, f);
    for (int i = 1; i < CONFIG_DOORS_MAX; i++)
        fprintf(f, "[door d%d]\nrelay = sim:%d\nactive = high\nlock = fail_secure\n", i, i);
    assert_int_equal(fclose(f), 0);
    assert_true(folder_write(&site.folder, "gatehouse.conf", text, 0600));
    free(first);
    free(text);
}

/* The door whose state this is; -1: it is something else. */
static long door_of(const struct mqtt_message *m)
{
    bool is_state = strncmp(m->topic, STATES "d", sizeof STATES) == 0;
    long door = is_state ? strtol(m->topic + sizeof STATES, NULL, 10) : -1;
    return door < CONFIG_DOORS_MAX ? door : -1;
}

/* What each door says of itself, in its newest word. */
static bool all_say(void *mode)
{
    char text[32];
    static bool says[CONFIG_DOORS_MAX];
    size_t n = 0;
    memset(says, 0, sizeof says);
    snprintf(text, sizeof text, "\"mode\":\"%s\"", (char *)mode);
    for (size_t i = 0; i < mqtt_client_count(panel); i++) {
        const struct mqtt_message *m = mqtt_client_at(panel, i);
        if (door_of(m) >= 0)
            says[door_of(m)] = strstr(m->payload, text) != NULL;
    }
    for (int i = 0; i < CONFIG_DOORS_MAX; i++)
        n += says[i];
    return n == CONFIG_DOORS_MAX;
}

static void start(void)
{
    const struct site_options options = {
        .config = "[door d0]\nrelay = sim:0\nactive = high\nlock = fail_secure\n"};
    struct mqtt_client_options who = {.client_id = "panel"};
    assert_true(site_make(&site, &options));
    add_doors();
    assert_true(site_start_broker(&site));
    who.port = site.broker.port;
    assert_non_null(panel = mqtt_client_open(&who));
    assert_true(mqtt_client_subscribe(panel, STATES "+/state"));
    assert_true(site_start_gatehoused(&site));
    assert_true(wait_until(all_say, (char[]){"locked"}, WAIT_MS));
}

static void each_door_says_what_it_is(void **state)
{
    (void)state;
    start();
    assert_false(process_has_said(&site.gatehoused, "not published"));
}

static int64_t uptime_s(void)
{
    char *status = site_ask(&site, "{\"call\":\"status\"}");
    const char *at = status ? strstr(status, "\"uptime_s\":") : NULL;
    int64_t s = at ? strtoll(at + sizeof "\"uptime_s\":" - 1, NULL, 10) : -1;
    free(status);
    return s;
}

static bool is_past(void *uptime)
{
    return uptime_s() > *(int64_t *)uptime;
}

/* Their events, before their states, are more than may be on its way. */
static void what_a_broker_that_stands_still_has_no_room_for_is_said_once_it_goes_on(void **state)
{
    (void)state;
    start();
    assert_true(broker_freeze(&site.broker));
    char *answer = site_ask(&site, "{\"call\":\"command\",\"action\":\"lockdown\"}");
    assert_non_null(answer);
    assert_non_null(strstr(answer, "\"done\""));
    free(answer);
    /* Of its own clock: by then it has tried to say all of it. */
    int64_t until = uptime_s() + 1;
    assert_true(wait_until(is_past, &until, WAIT_MS));
    assert_true(broker_thaw(&site.broker));
    assert_true(wait_until(all_say, (char[]){"locked_down"}, WAIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_door_says_what_it_is, end),
        cmocka_unit_test_teardown(
            what_a_broker_that_stands_still_has_no_room_for_is_said_once_it_goes_on, end),
    };
    return cmocka_run_group_tests_name("many doors", tests, NULL, NULL);
}
