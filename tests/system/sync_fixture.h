/* gatehouse-syncd as a process against the real reference cloud, with a stand-in
 * for gatehoused at the control socket; and looks at all of them from outside. */
#ifndef GATEHOUSE_TESTS_SYSTEM_SYNC_FIXTURE_H
#define GATEHOUSE_TESTS_SYSTEM_SYNC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/replica_reader.h"
#include "lib/control_double.h"
#include "lib/site.h"
#include "lib/wait.h"

/* Longer than a few waits of the rhythm. */
#define SOON_MS 60000

static struct site site;
static struct control_double *daemon_double;
static struct replica_reader *replica;

static const char small_policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Europe/Berlin\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"name\":\"Front\"}}\n"
    "{\"k\":\"reader\",\"id\":\"r1\",\"d\":{\"door\":\"front\"}}\n"
    "{\"k\":\"person\",\"id\":\"anna\",\"d\":{\"name\":\"Anna\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c1\",\"d\":{\"person\":\"anna\",\"type\":\"card\","
    "\"value\":\"0A1B2C3D\"}}\n"
    "{\"k\":\"entitlement\",\"id\":\"e1\",\"d\":{\"kind\":\"role\","
    "\"who\":{\"persons\":[\"anna\"]},\"where\":{\"all\":true}}}\n";

#define BACK_DOOR "{\"k\":\"door\",\"id\":\"back\",\"d\":{\"name\":\"Back\"}}\n"

/* --- setting up ----------------------------------------------------------- */

static inline int begin(void **state)
{
    (void)state;
    static const struct site_options options = {
        .config = "[door front]\nrelay = sim:0\nactive = high\nlock = fail_secure\n"};
    char path[FOLDER_PATH_MAX];
    if (crypto_start() != GH_OK || !site_make(&site, &options) ||
        !folder_file(&site.folder, "state/replica.db", path))
        return -1;
    mkdir(site.state_dir, 0700);
    mkdir(site.run_dir, 0700);
    daemon_double = control_double_open(site.control);
    replica = replica_reader_open(path);
    return daemon_double && replica && site_start_cloud(&site) ? 0 : -1;
}

static inline int end(void **state)
{
    (void)state;
    process_stop(&site.syncd);
    control_double_close(daemon_double);
    daemon_double = NULL;
    replica_reader_close(replica);
    replica = NULL;
    site_end(&site);
    return 0;
}

static inline void start_with_small_policy(void)
{
    assert_true(site_put_rows(&site, small_policy));
    assert_true(site_start_syncd(&site));
}

/* --- looking from outside ------------------------------------------------- */

static inline bool holds_version(int64_t epoch, int64_t rev)
{
    struct policy_version v;
    struct policy_store store = replica_reader_port(replica);
    return store.ops->version(store.self, &v) == GH_OK && v.epoch == epoch && v.rev == rev;
}

struct place {
    int64_t epoch, rev;
};

static inline bool is_there(void *context)
{
    const struct place *p = context;
    return holds_version(p->epoch, p->rev);
}

static inline void wait_version(int64_t epoch, int64_t rev)
{
    struct place p = {epoch, rev};
    if (!wait_until(is_there, &p, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("policy %d/%d did not come", (int)epoch, (int)rev);
    }
}

static inline bool has_door(const char *name)
{
    struct id id;
    struct policy_facts facts = {0};
    struct policy_store store = replica_reader_port(replica);
    assert_int_equal(id_set(&id, slice_of(name)), GH_OK);
    return store.ops->look(store.self, &id, &facts) == GH_OK && facts.door_known;
}

/* Anna's card at r1, as a decision would see it. */
static inline struct policy_facts look_up_card(void)
{
    char path[FOLDER_PATH_MAX];
    struct crypto_keys keys;
    struct credential_value value;
    struct id reader;
    struct policy_facts facts = {0};
    unsigned char hash[32];
    struct policy_store store = replica_reader_port(replica);
    assert_true(folder_file(&site.folder, "state/device.key", path));
    assert_int_equal(crypto_keys_load(&keys, path, 0), GH_OK);
    assert_int_equal(credential_value_set(&value, CREDENTIAL_CARD, slice_of("0A1B2C3D")), GH_OK);
    assert_int_equal(id_set(&reader, slice_of("r1")), GH_OK);
    crypto_value_hash(hash, &keys, CREDENTIAL_CARD, &value);
    const struct policy_query query = {.reader = &reader, .type = CREDENTIAL_CARD,
                                       .value_hash = hash};
    assert_int_equal(store.ops->ask(store.self, &query, &facts), GH_OK);
    return facts;
}

struct status_wait {
    const char *text;
    char last[4096];
};

/* Does the status that the cloud has hold this text? */
static inline bool status_says(void *context)
{
    struct status_wait *w = context;
    struct web_reply reply;
    if (!web_get(&site.admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status", &reply))
        return false;
    snprintf(w->last, sizeof w->last, "%s", reply.body);
    bool says = reply.status == 200 && strstr(reply.body, w->text);
    web_reply_free(&reply);
    return says;
}

static inline void wait_status(const char *text)
{
    struct status_wait w = {.text = text};
    if (!wait_until(status_says, &w, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("no status with %s, but %s", text, w.last);
    }
}

static inline void wait_note(const char *kind, const char *text, int count)
{
    if (!control_double_wait_note(daemon_double, kind, text, count, SOON_MS)) {
        process_show_log(&site.syncd);
        fail_msg("no note %s with %s", kind, text ? text : "anything");
    }
}

static inline void post_admin(const char *path)
{
    struct web_reply reply;
    assert_true(web_post(&site.admin, path, "", &reply));
    assert_int_equal(reply.status, 200);
    web_reply_free(&reply);
}

/* A cloud that remembers nothing, on the same port. */
static inline void replace_cloud(void)
{
    char data[FOLDER_PATH_MAX], aside[FOLDER_PATH_MAX];
    assert_true(process_stop(&site.cloud));
    assert_true(folder_file(&site.folder, "cloud", data));
    assert_true(folder_file(&site.folder, "cloud-before", aside));
    assert_int_equal(rename(data, aside), 0);
    assert_true(site_start_cloud(&site));
}

/* Many rows that gzip cannot make small. */
static inline void put_large_policy(int persons)
{
    size_t room = (size_t)persons * 160 + sizeof small_policy, len;
    char *rows = malloc(room);
    uint32_t random = 12345;
    assert_non_null(rows);
    len = (size_t)snprintf(rows, room, "%s", small_policy);
    for (int i = 0; i < persons; i++) {
        char name[65];
        for (int j = 0; j < 64; j++) {
            random = random * 1664525u + 1013904223u;
            name[j] = (char)('a' + (random >> 16) % 26);
        }
        name[64] = '\0';
        len += (size_t)snprintf(rows + len, room - len,
                                "{\"k\":\"person\",\"id\":\"p%d\",\"d\":{\"name\":\"%s\"}}\n", i,
                                name);
    }
    assert_true(site_put_rows(&site, rows));
    free(rows);
}

#endif
