/* gatehouse-syncd's signs of life while the cloud does nothing, on a real connection. */
#include "https_fixture.h"

#include "app/syncd/sync.h"

static struct config config;
static struct sync sync_state;

struct waiting_call {
    struct https_request request;
    enum https_outcome outcome;
};

static void *call_in_thread(void *context)
{
    struct waiting_call *w = context;
    struct https_response r;
    w->outcome = sync_call(&sync_state, SYNC_PULL, https, &w->request, &r);
    return NULL;
}

static bool is_asked(void *context)
{
    (void)context;
    return atomic_load(&server.was_asked);
}

static bool is_alive(void *context)
{
    (void)context;
    return sync_is_alive(&sync_state);
}

static int begin(void **state)
{
    (void)state;
    snprintf(config.run_dir, sizeof config.run_dir, "/run");
    return sync_init(&sync_state, &config) == GH_OK ? 0 : -1;
}

static int finish(void **state)
{
    sync_destroy(&sync_state);
    return end(state);
}

/* As long as one likes: each turn of the call is a promise, whatever was promised before. */
static void a_cloud_that_stalls_is_no_reason_to_be_ended(void **state)
{
    (void)state;
    static const char *const replies[] = {"", "HTTP/1.1 2", OK_HEAD "Content-Length: 100\r\n\r\nhello"};
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct waiting_call w = {.request = get("/x")};
        pthread_t thread;
        serve_one(replies[i]);
        open_client("127.0.0.1");
        assert_int_equal(pthread_create(&thread, NULL, call_in_thread, &w), 0);
        assert_true(wait_until(is_asked, NULL, WAIT_MS));
        for (int turn = 0; turn < 3; turn++) {
            sync_promise(&sync_state, SYNC_PULL, -1);
            assert_true(wait_until(is_alive, NULL, WAIT_MS));
        }
        https_cancel(https);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(w.outcome, HTTPS_STOPPED);
        (void)end(state);
    }
}

static void what_comes_of_an_answer_may_take_longer_than_a_turn(void **state)
{
    (void)state;
    struct waiting_call w = {.request = get("/x")};
    serve_one("HTTP/1.1 204 No Content\r\n\r\n");
    open_client("127.0.0.1");
    (void)call_in_thread(&w);
    assert_int_equal(w.outcome, HTTPS_DONE);
    assert_true(sync_state.heard_by_ms[SYNC_PULL] - sync_now().ms > SYNC_TURN_MS);
    assert_true(sync_state.heard_by_ms[SYNC_PULL] - sync_now().ms <= SYNC_WORK_MS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_cloud_that_stalls_is_no_reason_to_be_ended),
        T(what_comes_of_an_answer_may_take_longer_than_a_turn),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
