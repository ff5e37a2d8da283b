/* The policy changes under a running gateway: each decision is the old or the new
 * policy, never a mixture, and what this version cannot evaluate changes nothing. */
#include "gateway_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/damage.h"

#define STATUS_PATH "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/status"

static bool status_has(void *context)
{
    struct web_reply reply;
    if (!web_get(&site.admin, STATUS_PATH, &reply))
        return false;
    bool has = reply.status == 200 && strstr(reply.body, context);
    web_reply_free(&reply);
    return has;
}

static void put(const char *rows)
{
    assert_true(site_put_rows(&site, rows));
}

/* --- change --------------------------------------------------------------------- */

struct change {
    atomic_bool over;
    int rounds;
};

#define WHO(group)                                                                                 \
    "{\"k\":\"person\",\"id\":\"jane\",\"d\":{\"groups\":[\"" group "\"]}}\n"                       \
    "{\"k\":\"entitlement\",\"id\":\"role\",\"d\":{\"kind\":\"role\",\"who\":{\"groups\":[\"" group     \
    "\"]},\"where\":{\"all\":true}}}\n"

/* Two rows move together in each revision: Jane's group, and the group that may
 * enter. In either state she may; a mixture would be no_permission. */
static void *change_often(void *context)
{
    struct change *c = context;
    for (int i = 0; i < c->rounds; i++)
        if (!site_put_rows(&site, i % 2 ? WHO("staff") : WHO("crew")))
            break;
    atomic_store(&c->over, true);
    return NULL;
}

static void a_read_during_changes_is_decided_by_the_old_or_the_new_policy(void **state)
{
    (void)state;
    struct change change = {.rounds = 60};
    pthread_t thread;
    char mixture[48] = "";
    int n = 0;
    put("{\"k\":\"group\",\"id\":\"crew\",\"d\":{}}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
    int64_t before = site_cloud_rev(&site);
    assert_int_equal(pthread_create(&thread, NULL, change_often, &change), 0);
    for (; !atomic_load(&change.over); n++) {
        char id[32];
        snprintf(id, sizeof id, "change-%d", n);
        struct feedback f = house_present(2 + n % 4, id, CARD_JANE);
        if (strcmp(f.reason, "granted") != 0)
            snprintf(mixture, sizeof mixture, "%s", f.reason);
    }
    pthread_join(thread, NULL);
    assert_string_equal(mixture, "");
    assert_int_equal(site_cloud_rev(&site), before + change.rounds);
    assert_true(site_wait_policy(&site, WAIT_MS));
    assert_string_equal(house_present(2, "change-last", CARD_JANE).reason, "granted");
    /* Each event names the revision it was decided by; they never go back. */
    struct trail trail;
    int64_t newest = 0, revisions = 0;
    assert_true(trail_read(&trail, &site));
    assert_int_equal(trail_count(&trail, "\"reason\":\"granted\"", "\"read_id\":\"change-"), n + 1);
    for (size_t i = 0; i < trail.n; i++) {
        const char *rev = strstr(trail.event[i], "\"rev\":");
        assert_non_null(rev);
        int64_t is = strtoll(rev + 6, NULL, 10);
        assert_true(is >= newest);
        revisions += is > newest;
        newest = is;
    }
    assert_int_equal(newest, before + change.rounds);
    print_message("# %d reads, %" PRId64 " revisions seen\n", n, revisions);
    trail_free(&trail);
}

static void a_revoked_card_is_denied_and_a_new_one_granted(void **state)
{
    (void)state;
    assert_string_equal(house_present(3, "before-1", CARD_JANE).reason, "granted");
    put("{\"k\":\"credential\",\"id\":\"c-jane\",\"op\":\"del\"}\n"
        "{\"k\":\"credential\",\"id\":\"c-jane2\",\"d\":{\"person\":\"jane\",\"type\":\"card\",\"value\":\"" CARD_FOUND "\"}}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
    assert_string_equal(house_present(3, "after-1", CARD_JANE).reason, "credential_unknown");
    assert_string_equal(house_present(3, "after-2", CARD_FOUND).reason, "granted");
    /* The read that was answered keeps its answer. */
    struct feedback f;
    assert_true(sim_reader_present(reader[3], "before-1", CARD_JANE, 1000, NULL));
    assert_true(sim_reader_wait_feedback(reader[3], "before-1", 2, WAIT_MS, &f));
    assert_string_equal(f.reason, "granted");
    put("{\"k\":\"credential\",\"id\":\"c-jane2\",\"op\":\"del\"}\n"
        "{\"k\":\"credential\",\"id\":\"c-jane\",\"d\":{\"person\":\"jane\",\"type\":\"card\",\"value\":\"" CARD_JANE "\"}}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
}

static bool is_granted(void *context)
{
    int *n = context;
    char id[32];
    snprintf(id, sizeof id, "healed-%d", ++*n);
    return strcmp(house_present(2, id, CARD_JANE).reason, "granted") == 0;
}

/* The writer does not meet it, or has those pages in memory: gatehoused tells, and that ends the
 * poll, which would last longer than this waits. */
static void damage_that_a_read_meets_denies_it_until_the_policy_is_loaded_anew(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX + 32];
    int n = 0;
    assert_true(site_stop_gatehoused(&site));
    snprintf(path, sizeof path, "%s/replica.db", site.state_dir);
    assert_true(damage_pages(path, 2) > 0);
    assert_true(site_start_gatehoused(&site));
    assert_string_equal(house_present(2, "damaged-1", CARD_JANE).reason, "policy_unavailable");
    assert_true(site_status_number(&site, "policy", "damaged") > 0);
    assert_true(wait_until(is_granted, &n, WAIT_MS));
    assert_true(site_wait_policy(&site, WAIT_MS));
}

static void a_lost_card_is_denied_and_raises_its_alarm(void **state)
{
    (void)state;
    put("{\"k\":\"credential\",\"id\":\"c-jane\",\"d\":{\"person\":\"jane\",\"type\":\"card\",\"value\":\"" CARD_JANE
        "\",\"enabled\":false,\"disabled_reason\":\"lost\"}}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
    assert_string_equal(house_present(3, "lost-1", CARD_JANE).reason, "credential_disabled");
    assert_int_equal(site_events(&site, "\"kind\":\"lost_credential\"", "\"read_id\":\"lost-1\""), 1);
    put("{\"k\":\"credential\",\"id\":\"c-jane\",\"d\":{\"person\":\"jane\",\"type\":\"card\",\"value\":\"" CARD_JANE "\"}}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
}

/* --- refusal --------------------------------------------------------------------- */

struct refusal {
    const char *row, *removal, *name; /* name: what status and event must say */
};

static const struct refusal refusals[] = {
    {"{\"k\":\"door_mode\",\"id\":\"night\",\"d\":{\"tier\":\"routine\",\"mode\":\"ajar\"}}\n",
     "{\"k\":\"door_mode\",\"id\":\"night\",\"op\":\"del\"}\n", "door_mode"},
    {"{\"k\":\"lockdown\",\"id\":\"now\",\"d\":{\"quietly\":1,\"crit\":[\"quietly\"]}}\n",
     "{\"k\":\"lockdown\",\"id\":\"now\",\"op\":\"del\"}\n", "quietly"},
    {"{\"k\":\"teleport\",\"id\":\"t\",\"d\":{}}\n", "{\"k\":\"teleport\",\"id\":\"t\",\"op\":\"del\"}\n",
     "teleport"},
    {"{\"k\":\"door\",\"id\":\"x\",\"d\":{\"superlock\":true,\"crit\":[\"superlock\"]}}\n",
     "{\"k\":\"door\",\"id\":\"x\",\"op\":\"del\"}\n", "superlock"},
};

/* The row comes together with Jane's revocation: all of it is refused, the old
 * policy decides, but a revocation may come through at once. */
static void assert_refused(const struct refusal *r, int n)
{
    char id[32];
    int64_t rev = site_status_number(&site, "policy", "rev");
    int64_t told = site_events(&site, "\"kind\":\"policy_refused\"", r->name);
    char with[512];
    snprintf(with, sizeof with, "%s{\"k\":\"door\",\"id\":\"d3\",\"d\":{\"name\":\"Another\",\"licensed\":false}}\n", r->row);
    put(with);
    assert_true(site_wait_events(&site, "\"kind\":\"policy_refused\"", r->name, told + 1, WAIT_MS));
    if (!wait_until(status_has, (char *)(uintptr_t)r->name, WAIT_MS))
        fail_msg("the cloud is not told of %s", r->name);
    assert_int_equal(site_status_number(&site, "policy", "rev"), rev);
    snprintf(id, sizeof id, "refused-%d", n);
    assert_string_equal(house_present(3, id, CARD_JANE).reason, "granted");
    snprintf(with, sizeof with, "%s{\"k\":\"door\",\"id\":\"d3\",\"d\":{\"name\":\"Door 3\",\"release_s\":30}}\n", r->removal);
    house_heal(with);
    assert_true(wait_until(status_has, (char *)(uintptr_t)"\"nack\":null", WAIT_MS));
}

static void what_this_version_does_not_understand_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        assert_refused(&refusals[i], (int)i);
}

static void a_revocation_beside_a_refused_row_comes_through(void **state)
{
    (void)state;
    assert_string_equal(house_present(4, "deny-0", CARD_JANE).reason, "granted");
    put("{\"k\":\"interlock\",\"id\":\"lock\",\"d\":{\"doors\":7}}\n" JANE_ROW("false"));
    assert_true(site_wait_events(&site, "\"kind\":\"policy_refused\"", "interlock", 1, WAIT_MS));
    assert_string_equal(house_present(4, "deny-1", CARD_JANE).reason, "person_disabled");
    house_heal("{\"k\":\"interlock\",\"id\":\"lock\",\"op\":\"del\"}\n" JANE_ROW("true"));
    assert_string_equal(house_present(4, "deny-2", CARD_JANE).reason, "granted");
}

static void a_refused_row_that_is_taken_away_lets_the_policy_go_on(void **state)
{
    (void)state;
    put("{\"k\":\"geofence\",\"id\":\"g\",\"d\":{}}\n");
    assert_true(site_wait_events(&site, "\"kind\":\"policy_refused\"", "geofence", 1, WAIT_MS));
    put("{\"k\":\"geofence\",\"id\":\"g\",\"op\":\"del\"}\n");
    assert_true(site_wait_policy(&site, WAIT_MS));
    assert_true(wait_until(status_has, (char *)(uintptr_t)"\"nack\":null", WAIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_during_changes_is_decided_by_the_old_or_the_new_policy),
        cmocka_unit_test(a_revoked_card_is_denied_and_a_new_one_granted),
        cmocka_unit_test(a_lost_card_is_denied_and_raises_its_alarm),
        cmocka_unit_test(damage_that_a_read_meets_denies_it_until_the_policy_is_loaded_anew),
        cmocka_unit_test(what_this_version_does_not_understand_is_refused_by_name),
        cmocka_unit_test(a_revocation_beside_a_refused_row_comes_through),
        cmocka_unit_test(a_refused_row_that_is_taken_away_lets_the_policy_go_on),
    };
    return cmocka_run_group_tests_name("gateway_policy", tests, house_begin, house_end);
}
