/* What pull and push know in common: online or not, applied, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/syncd/pull.h"
#include "lib/wait.h"

static struct config config;
static struct sync sync_state;

static int begin(void **state)
{
    (void)state;
    snprintf(config.run_dir, sizeof config.run_dir, "/run");
    return sync_init(&sync_state, &config) == GH_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    sync_destroy(&sync_state);
    return 0;
}

static struct sync_view look(void)
{
    struct sync_view v;
    sync_look(&sync_state, &v);
    return v;
}

static void heard(enum sync_activity who, enum https_outcome outcome, int status)
{
    const struct https_response r = {.status = status, .why = "why"};
    sync_heard(&sync_state, who, "test", outcome, &r);
}

static void before_the_first_call_nothing_is_known(void **state)
{
    (void)state;
    assert_false(look().is_known);
    assert_false(look().is_online);
}

static void one_activity_that_is_served_is_enough_to_be_online(void **state)
{
    (void)state;
    heard(SYNC_PULL, HTTPS_REFUSED, 0);
    assert_true(look().is_known);
    assert_false(look().is_online);
    heard(SYNC_PUSH, HTTPS_DONE, 204);
    assert_true(look().is_online);
    heard(SYNC_PULL, HTTPS_DONE, 200);
    heard(SYNC_PUSH, HTTPS_BROKEN, 0);
    assert_true(look().is_online);
    heard(SYNC_PULL, HTTPS_BROKEN, 0);
    assert_false(look().is_online);
}

static void only_an_answer_that_serves_counts_as_online(void **state)
{
    (void)state;
    static const struct {
        enum https_outcome outcome;
        int status;
        bool online;
    } cases[] = {
        {HTTPS_DONE, 200, true},  {HTTPS_DONE, 204, true},  {HTTPS_DONE, 404, true},
        {HTTPS_DONE, 409, true},  {HTTPS_DONE, 410, true},  {HTTPS_DONE, 426, true},
        {HTTPS_DONE, 401, false}, {HTTPS_DONE, 403, false}, {HTTPS_DONE, 429, false},
        {HTTPS_DONE, 500, false}, {HTTPS_DONE, 503, false}, {HTTPS_REFUSED, 0, false},
        {HTTPS_BROKEN, 200, false}, {HTTPS_FAULT, 0, false}, {HTTPS_TOO_LARGE, 200, true},
        {HTTPS_STOPPED, 200, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heard(SYNC_PUSH, cases[i].outcome, cases[i].status);
        if (look().is_online != cases[i].online)
            fail_msg("case %zu", i);
    }
}

static void the_same_again_is_no_change(void **state)
{
    (void)state;
    heard(SYNC_PULL, HTTPS_DONE, 204);
    uint64_t generation = look().generation;
    heard(SYNC_PULL, HTTPS_DONE, 200);
    assert_int_equal(look().generation, generation);
    sync_refused(&sync_state, "row x: bad");
    assert_true(look().generation > generation);
    generation = look().generation;
    sync_refused(&sync_state, "row x: bad");
    assert_int_equal(look().generation, generation);
    assert_int_equal(look().refused_count, 1);
    sync_refused(&sync_state, "row y: bad");
    assert_int_equal(look().refused_count, 2);
}

static void applying_clears_the_nack_and_the_same_refusal_counts_anew(void **state)
{
    (void)state;
    struct replica_state s = {.version = {1, 1, 0}, .cursor = "1.1"};
    sync_refused(&sync_state, "row x: bad");
    assert_string_equal(look().nack, "row x: bad");
    sync_applied(&sync_state, &s);
    assert_string_equal(look().nack, "");
    assert_string_equal(look().refusal, "row x: bad");
    sync_refused(&sync_state, "row x: bad");
    assert_int_equal(look().refused_count, 2);
}

static void a_fresh_checkpoint_of_the_same_place_is_no_new_policy(void **state)
{
    (void)state;
    struct replica_state s = {.version = {1, 1, 0}, .cursor = "1.1.0"};
    sync_stands(&sync_state, &s);
    assert_int_equal(look().applied_count, 0);
    memcpy(s.cursor, "1.1.1", 6);
    sync_applied(&sync_state, &s);
    assert_int_equal(look().applied_count, 0);
    assert_string_equal(look().cursor, "1.1.1");
    s.version.rev = 2;
    sync_applied(&sync_state, &s);
    assert_int_equal(look().applied_count, 1);
}

static void words_of_the_cloud_are_cut_and_cleaned(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[0] = '\n';
    text[1] = '\x1b';
    text[2] = '\xc3';
    text[sizeof text - 1] = '\0';
    sync_refused(&sync_state, text);
    assert_int_equal(strlen(look().nack), SYNC_TEXT_MAX - 1);
    assert_memory_equal(look().nack, "???x", 4);
}

static void a_stop_ends_every_wait(void **state)
{
    (void)state;
    assert_true(sync_sleep(&sync_state, 0));
    sync_stop(&sync_state);
    assert_true(sync_is_stopping(&sync_state));
    assert_false(sync_sleep(&sync_state, 3600 * 1000));
}

static void who_lost_the_cloud_hears_once_that_the_other_one_reaches_it_again(void **state)
{
    (void)state;
    for (int who = 0; who < SYNC_LINKS; who++) {
        int other = 1 - who;
        heard(who, HTTPS_REFUSED, 0);
        heard(other, HTTPS_BROKEN, 0);
        assert_false(sync_take_back(&sync_state, who));
        heard(other, HTTPS_DONE, 200);
        assert_false(sync_take_back(&sync_state, other));
        assert_true(sync_take_back(&sync_state, who));
        assert_false(sync_take_back(&sync_state, who));
        heard(other, HTTPS_DONE, 200); /* up as before */
        assert_false(sync_take_back(&sync_state, who));
        heard(who, HTTPS_DONE, 200);
    }
}

static void who_has_the_cloud_need_not_hear_that_the_other_one_has_it_too(void **state)
{
    (void)state;
    heard(SYNC_PUSH, HTTPS_DONE, 200); /* the pull has not called yet */
    assert_false(sync_take_back(&sync_state, SYNC_PULL));
    heard(SYNC_PULL, HTTPS_DONE, 204);
    heard(SYNC_PUSH, HTTPS_DONE, 503);
    heard(SYNC_PUSH, HTTPS_DONE, 200);
    assert_false(sync_take_back(&sync_state, SYNC_PULL));
    /* Reached by itself before it was looked at. */
    heard(SYNC_PULL, HTTPS_BROKEN, 0);
    heard(SYNC_PUSH, HTTPS_BROKEN, 0);
    heard(SYNC_PUSH, HTTPS_DONE, 200);
    heard(SYNC_PULL, HTTPS_DONE, 204);
    assert_false(sync_take_back(&sync_state, SYNC_PULL));
}

static void a_call_that_began_in_the_outage_and_fails_after_it_loses_no_news(void **state)
{
    (void)state;
    heard(SYNC_PULL, HTTPS_BROKEN, 0);
    heard(SYNC_PUSH, HTTPS_BROKEN, 0);
    heard(SYNC_PUSH, HTTPS_DONE, 200);
    heard(SYNC_PULL, HTTPS_REFUSED, 0);
    assert_true(sync_take_back(&sync_state, SYNC_PULL));
}

#define FAR_MS (3600 * 1000)

/* A pull that waits for an hour: no time limit of a test is near that. */
struct waiting_pull {
    struct pull pull;
    bool result;
};

static void *wait_in_thread(void *context)
{
    struct waiting_pull *w = context;
    w->result = pull_wait(&w->pull);
    return NULL;
}

/* The promise is the last thing that it does before it sleeps. */
static bool has_promised(void *context)
{
    (void)context;
    pthread_mutex_lock(&sync_state.lock);
    bool has = sync_state.heard_by_ms[SYNC_PULL] != INT64_MAX;
    pthread_mutex_unlock(&sync_state.lock);
    return has;
}

static void begin_far_wait(struct waiting_pull *w, pthread_t *thread)
{
    *w = (struct waiting_pull){.pull.sync = &sync_state};
    rhythm_init(&w->pull.rhythm, 1);
    rhythm_failed(&w->pull.rhythm, sync_now(), -1);
    w->pull.rhythm.next = mono_add_ms(sync_now(), FAR_MS);
    heard(SYNC_PULL, HTTPS_REFUSED, 0);
    heard(SYNC_PUSH, HTTPS_REFUSED, 0);
    assert_int_equal(pthread_create(thread, NULL, wait_in_thread, w), 0);
    assert_true(wait_until(has_promised, NULL, WAIT_MS));
}

static void a_pull_that_waits_long_calls_soon_once_the_push_reaches_the_cloud(void **state)
{
    (void)state;
    struct waiting_pull w;
    pthread_t thread;
    begin_far_wait(&w, &thread);
    heard(SYNC_PUSH, HTTPS_DONE, 200);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(w.result);
    assert_int_equal(rhythm_wait_ms(&w.pull.rhythm, sync_now()), 0);
    assert_int_equal(w.pull.rhythm.failures, 1); /* not yet a success */
}

static void a_stop_ends_the_wait_of_a_pull(void **state)
{
    (void)state;
    struct waiting_pull w;
    pthread_t thread;
    begin_far_wait(&w, &thread);
    sync_stop(&sync_state);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(w.result);
}

static void a_broken_promise_is_noticed_and_a_new_one_mends_it(void **state)
{
    (void)state;
    assert_true(sync_is_alive(&sync_state));
    sync_promise(&sync_state, SYNC_PULL, -1);
    assert_false(sync_is_alive(&sync_state));
    sync_promise(&sync_state, SYNC_PUSH, 3600 * 1000);
    assert_false(sync_is_alive(&sync_state));
    sync_promise(&sync_state, SYNC_PULL, 3600 * 1000);
    assert_true(sync_is_alive(&sync_state));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(before_the_first_call_nothing_is_known),
        T(one_activity_that_is_served_is_enough_to_be_online),
        T(only_an_answer_that_serves_counts_as_online),
        T(the_same_again_is_no_change),
        T(applying_clears_the_nack_and_the_same_refusal_counts_anew),
        T(a_fresh_checkpoint_of_the_same_place_is_no_new_policy),
        T(words_of_the_cloud_are_cut_and_cleaned),
        T(a_stop_ends_every_wait),
        T(who_lost_the_cloud_hears_once_that_the_other_one_reaches_it_again),
        T(who_has_the_cloud_need_not_hear_that_the_other_one_has_it_too),
        T(a_call_that_began_in_the_outage_and_fails_after_it_loses_no_news),
        T(a_pull_that_waits_long_calls_soon_once_the_push_reaches_the_cloud),
        T(a_stop_ends_the_wait_of_a_pull),
        T(a_broken_promise_is_noticed_and_a_new_one_mends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
