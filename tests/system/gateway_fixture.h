/* The house of the gateway's system tests: ten doors, a reader at each, and the
 * people of its policy. Door number n is relay n of the board and has reader rN.
 *
 * Doors 0 and 1 are released for 1 s, the others for 30 s. Doors 8 and 9 have
 * fail_safe locks at relays that are active low. Reader r8 must prove its reads
 * with a tick, r9 need not prove anything, the others give an age. */
#ifndef TESTS_SYSTEM_GATEWAY_FIXTURE_H
#define TESTS_SYSTEM_GATEWAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reader.h"
#include "lib/site.h"
#include "lib/trail.h"
#include "lib/wait.h"

#define HOUSE_DOORS 10
#define REPEAT_MS 500

/* Jane may enter everywhere; Bob is disabled; nobody has the found card. */
#define CARD_JANE "5EC4E7CA4D"
#define PIN_JANE "90817263"
#define CARD_BOB "B0BB0BB0B1"
#define CARD_FOUND "F0F0F0F0F7"

#define STRIKE(n)                                                                                  \
    "[door d" #n "]\nrelay = sim:" #n "\nactive = high\nlock = fail_secure\n"
#define MAGLOCK(n)                                                                                 \
    "[door d" #n "]\nrelay = sim:" #n "\nactive = low\nlock = fail_safe\n"
#define HOUSE_CONFIG                                                                               \
    STRIKE(0) STRIKE(1) STRIKE(2) STRIKE(3) STRIKE(4) STRIKE(5) STRIKE(6) STRIKE(7) MAGLOCK(8)     \
    MAGLOCK(9) "[reader r8]\nfreshness = tick\n[reader r9]\nfreshness = arrival\n"
#define HOUSE_FAST "reads_per_s = 10000\nreads_burst = 10000\n"

#define DOOR_ROW(n, s)                                                                             \
    "{\"k\":\"door\",\"id\":\"d" #n "\",\"d\":{\"name\":\"Door " #n "\",\"release_s\":" #s "}}\n"  \
    "{\"k\":\"reader\",\"id\":\"r" #n "\",\"d\":{\"door\":\"d" #n "\"}}\n"
#define JANE_ROW(enabled)                                                                          \
    "{\"k\":\"person\",\"id\":\"jane\",\"d\":{\"enabled\":" enabled ",\"groups\":[\"staff\"]}}\n"
#define HOUSE_POLICY                                                                               \
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Europe/London\",\"read_max_age_s\":60}}\n"      \
    DOOR_ROW(0, 1) DOOR_ROW(1, 1) DOOR_ROW(2, 30) DOOR_ROW(3, 30) DOOR_ROW(4, 30)                  \
    DOOR_ROW(5, 30) DOOR_ROW(6, 30) DOOR_ROW(7, 30) DOOR_ROW(8, 30) DOOR_ROW(9, 30)                \
    "{\"k\":\"group\",\"id\":\"staff\",\"d\":{}}\n"                                                \
    "{\"k\":\"entitlement\",\"id\":\"role\",\"d\":{\"kind\":\"role\",\"who\":{\"groups\":"         \
    "[\"staff\"]},\"where\":{\"all\":true}}}\n" JANE_ROW("true")                                   \
    "{\"k\":\"person\",\"id\":\"bob\",\"d\":{\"enabled\":false,\"groups\":[\"staff\"]}}\n"         \
    "{\"k\":\"credential\",\"id\":\"c-jane\",\"d\":{\"person\":\"jane\",\"type\":\"card\","        \
    "\"value\":\"" CARD_JANE "\"}}\n"                                                              \
    "{\"k\":\"credential\",\"id\":\"p-jane\",\"d\":{\"person\":\"jane\",\"type\":\"pin\","         \
    "\"value\":\"" PIN_JANE "\"}}\n"                                                               \
    "{\"k\":\"credential\",\"id\":\"c-bob\",\"d\":{\"person\":\"bob\",\"type\":\"card\","          \
    "\"value\":\"" CARD_BOB "\"}}\n"

static struct site site;
static struct mqtt_client *wire; /* all readers are at it; also hears events and status */
static struct sim_reader *reader[HOUSE_DOORS];

static inline bool house_is_energized(int door, bool released)
{
    return door >= 8 ? !released : released;
}

static inline bool house_open_readers(void)
{
    struct mqtt_client_options o = {.port = site.broker.port, .client_id = "readers"};
    if (!wire && !(wire = mqtt_client_open(&o)))
        return false;
    for (int i = 0; i < HOUSE_DOORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        if (!reader[i] && !(reader[i] = sim_reader_share(wire, name)))
            return false;
    }
    return mqtt_client_subscribe(wire, TOPIC_EVENTS) && mqtt_client_subscribe(wire, TOPIC_STATUS) &&
           mqtt_client_subscribe(wire, TOPIC_TICK);
}

/* All parts, the policy in the gateway's hands. */
static inline int house_begin(void **state)
{
    (void)state;
    static const struct site_options options = {.config = HOUSE_CONFIG, .site_lines = HOUSE_FAST};
    return site_make(&site, &options) && site_start_broker(&site) && site_start_cloud(&site) &&
                   site_put_rows(&site, HOUSE_POLICY) && site_start_gatehoused(&site) &&
                   site_start_syncd(&site) && house_open_readers() &&
                   site_wait_policy(&site, WAIT_MS)
               ? 0
               : -1;
}

static inline int house_end(void **state)
{
    (void)state;
    for (int i = 0; i < HOUSE_DOORS; i++) {
        sim_reader_close(reader[i]);
        reader[i] = NULL;
    }
    mqtt_client_close(wire);
    wire = NULL;
    site_end(&site);
    return 0;
}

/* Takes a row away that was refused, and lets syncd start anew from a snapshot,
 * without the waits that its failures have earned it. */
static inline void house_heal(const char *removal)
{
    struct web_reply reply;
    assert_true(process_stop(&site.syncd));
    assert_true(site_put_rows(&site, removal));
    assert_true(web_post(&site.admin, "/admin/sites/" SITE_ID "/forget", "", &reply));
    assert_int_equal(reply.status, 200);
    web_reply_free(&reply);
    assert_true(site_start_syncd(&site) && site_wait_policy(&site, 3 * WAIT_MS));
}

/* Presents a card until it is answered, as a reader does. */
static inline struct feedback house_present(int door, const char *read_id, const char *card)
{
    struct feedback f;
    if (!sim_reader_present_until_answered(reader[door], read_id, card, REPEAT_MS, 3 * WAIT_MS, &f,
                                           NULL, NULL)) {
        process_show_log(&site.gatehoused);
        fail_msg("read %s was not answered", read_id);
    }
    return f;
}

/* Sends this read once and gives its answer's reason, "" if the answer names
 * another id. */
static inline struct feedback house_send(int door, const char *json, const char *read_id)
{
    struct feedback f;
    assert_true(sim_reader_send(reader[door], json, NULL));
    assert_true(sim_reader_wait_feedback(reader[door], read_id, 1, WAIT_MS, &f));
    return f;
}

/* Access events of a read. */
static inline int64_t house_decisions(const char *read_id)
{
    char text[96];
    snprintf(text, sizeof text, "\"read_id\":\"%s\"", read_id);
    return site_events(&site, "\"kind\":\"access\"", text);
}

/* Times that a door was released in this life of gatehoused; all that the board
 * has to say is taken in. */
static inline size_t house_releases(int door)
{
    assert_int_not_equal(simwatch_edges(site.watch, door), UINT64_MAX);
    return simwatch_changes(site.watch, door, house_is_energized(door, true));
}

/* No relay has moved since gatehoused started, and all are locked. */
static inline void house_assert_quiet(void)
{
    for (int door = 0; door < HOUSE_DOORS; door++) {
        assert_true(simwatch_wait_level(site.watch, door, house_is_energized(door, false), WAIT_MS));
        assert_int_equal(house_releases(door), 0);
    }
}

#endif
