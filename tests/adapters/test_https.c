/* HTTPS calls against real TLS: answers whole, large, broken and stopped. */
#include "https_fixture.h"

/* --- answers -------------------------------------------------------------- */

static void an_answer_comes_whole_with_its_head(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once(OK_HEAD "ETag: \"1.2.3\"\r\nContent-Length: 5\r\n\r\nhello", &r),
                     HTTPS_DONE);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.etag, "\"1.2.3\"");
    assert_int_equal(r.retry_after_s, -1);
    assert_string_equal(r.why, "");
    expect_heard("hello");
    end_server();
    assert_non_null(strstr(server.requests, "GET /x HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests, "Authorization: Bearer " TOKEN "\r\n"));
    assert_non_null(strstr(server.requests, "Accept-Encoding: gzip\r\n"));
}

static void a_connection_serves_more_than_one_call(void **state)
{
    (void)state;
    const struct reply replies[] = {
        {.bytes = OK_HEAD "Content-Length: 3\r\n\r\none"},
        {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"},
        {.bytes = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n"}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_3", replies, 3);
    open_client("localhost");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("one");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_int_equal(r.status, 204);
    assert_int_equal(heard.pieces, 0);
    /* s_server takes one client at a time: a second connection would hang. */
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("three");
}

static void a_packed_answer_is_unpacked_unless_it_is_wanted_raw(void **state)
{
    (void)state;
    size_t len;
    char *reply = packed_reply(slice_of("some words, some words, some words"), 0, &len);
    const struct reply replies[] = {{.bytes = reply, .len = len}, {.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("some words, some words, some words");
    request.raw = true;
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_memory_equal(heard.bytes, "\x1f\x8b", 2);
    end_server();
    free(reply);
}

static void a_packed_answer_that_is_cut_short_is_broken_though_http_is_whole(void **state)
{
    (void)state;
    size_t len;
    char *reply = packed_reply(slice_of("some words, some words, some words"), 3, &len);
    const struct reply replies[] = {{.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
    end_server();
    free(reply);
}

static void an_answer_in_a_coding_that_was_not_asked_for_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(
        get_once(OK_HEAD "Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello", &r),
        HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

static void an_answer_that_says_gzip_and_is_not_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(
        get_once(OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", &r),
        HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

static void a_body_is_posted_as_json_plain_or_packed(void **state)
{
    (void)state;
    const struct reply replies[] = {{.bytes = OK_HEAD "Content-Length: 0\r\n\r\n"},
                                    {.bytes = OK_HEAD "Content-Length: 0\r\n\r\n"}};
    struct https_request request = get("/post?a=b");
    struct https_response r;
    request.post = true;
    request.body = slice_of("{\"plain\":true}");
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    request.gzip_body = true;
    request.body = slice_of("{\"packed\":true}");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    end_server();
    assert_non_null(strstr(server.requests, "POST /post?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server.requests, "\r\n\r\n{\"plain\":true}"));
    const char *magic = memmem(server.requests, server.requests_len, "\r\n\r\n\x1f\x8b", 6);
    assert_non_null(magic);
    struct gunzip *g = gunzip_open(false);
    memset(&heard, 0, sizeof heard);
    struct slice packed = slice_make(
        magic + 4, (size_t)(server.requests + server.requests_len - magic) - 4);
    assert_int_equal(gunzip_feed(g, packed, hear, &heard), GH_OK);
    assert_true(gunzip_is_whole(g));
    gunzip_close(g);
    expect_heard("{\"packed\":true}");
}

static void an_error_keeps_the_beginning_of_its_body_and_hands_nothing_out(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once("HTTP/1.1 409 Conflict\r\nContent-Length: 18\r\n\r\n"
                              "{\"expected_seq\":7}", &r),
                     HTTPS_DONE);
    assert_int_equal(r.status, 409);
    assert_int_equal(r.body_len, 18);
    assert_memory_equal(r.body, "{\"expected_seq\":7}", 18);
    assert_int_equal(heard.pieces, 0);
}

static void retry_after_is_read_in_seconds_only_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t seconds;
    } cases[] = {{"17", 17}, {"0", 0}, {"99999999", 3600}, {"-5", -1}, {"soon", -1}, {"1 2", -1},
                 {"Wed, 21 Oct 2026 07:28:00 GMT", -1}, {"999999999999999999999", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reply[200];
        struct https_response r;
        snprintf(reply, sizeof reply, "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\n"
                                      "Content-Length: 0\r\n\r\n", cases[i].value);
        assert_int_equal(get_once(reply, &r), HTTPS_DONE);
        assert_int_equal(r.status, 503);
        assert_int_equal(r.retry_after_s, cases[i].seconds);
        end(state);
    }
}

/* --- ranges --------------------------------------------------------------- */

static void a_range_is_handed_out_only_if_it_begins_where_it_should(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum https_outcome outcome;
    } cases[] = {
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nhello",
         HTTPS_DONE},
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 4-8/10\r\nContent-Length: 5\r\n\r\nhello",
         HTTPS_BROKEN},
        {"HTTP/1.1 206 Part\r\nContent-Length: 5\r\n\r\nhello", HTTPS_BROKEN},
        {OK_HEAD "Content-Length: 5\r\n\r\nhello", HTTPS_BROKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.raw = true;
        request.range_from = 5;
        request.if_range = "\"tag\"";
        serve_one(cases[i].reply);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), cases[i].outcome);
        assert_int_equal(heard.len, cases[i].outcome == HTTPS_DONE ? 5 : 0);
        end_server();
        assert_non_null(strstr(server.requests, "Range: bytes=5-\r\n"));
        assert_non_null(strstr(server.requests, "If-Range: \"tag\"\r\n"));
        end(state);
    }
}

static void a_part_that_nobody_asked_for_is_broken(void **state)
{
    (void)state;
    struct https_response r;
    assert_int_equal(get_once("HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\n"
                              "Content-Length: 5\r\n\r\nhello", &r),
                     HTTPS_BROKEN);
    assert_int_equal(heard.pieces, 0);
}

/* --- bounds --------------------------------------------------------------- */

static void an_answer_over_the_bound_is_too_large_however_it_is_sent(void **state)
{
    (void)state;
    static const char *const replies[] = {
        OK_HEAD "Content-Length: 11\r\n\r\nhello hello",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n0\r\n\r\n",
        "HTTP/1.1 500 Oh\r\nContent-Length: 11\r\n\r\nhello hello",
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.max_bytes = 10;
        serve_one(replies[i]);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_TOO_LARGE);
        end(state);
    }
}

static void an_answer_of_exactly_the_bound_fits(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    request.max_bytes = 5;
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
}

static void a_small_answer_that_unpacks_to_a_large_one_is_too_large(void **state)
{
    (void)state;
    size_t len, size = 50 * 1024 * 1024;
    char *zeros = calloc(1, size);
    assert_non_null(zeros);
    char *reply = packed_reply(slice_make(zeros, size), 0, &len);
    free(zeros);
    const struct reply replies[] = {{.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    request.max_bytes = 100000;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_TOO_LARGE);
    assert_true(heard.len <= 100000);
    end_server();
    free(reply);
}

/* Packed nothing, again and again: nothing ever comes out of it. */
static void a_large_answer_that_unpacks_to_nothing_is_too_large(void **state)
{
    (void)state;
    enum { HEAD_ROOM = 128, MEMBERS = 10000 };
    static const unsigned char empty[20] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3};
    char *reply = malloc(HEAD_ROOM + MEMBERS * sizeof empty);
    assert_non_null(reply);
    size_t len = (size_t)snprintf(reply, HEAD_ROOM,
                                  OK_HEAD "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                                  MEMBERS * sizeof empty);
    for (int i = 0; i < MEMBERS; i++, len += sizeof empty)
        memcpy(reply + len, empty, sizeof empty);
    const struct reply replies[] = {{.bytes = reply, .len = len}};
    struct https_request request = get("/x");
    struct https_response r;
    request.max_bytes = 100000;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_TOO_LARGE);
    end_server();
    free(reply);
}

static void a_head_without_end_is_broken(void **state)
{
    (void)state;
    size_t size = 0, room = 400000;
    char *reply = malloc(room);
    assert_non_null(reply);
    size += (size_t)snprintf(reply, room, OK_HEAD);
    while (size < room - 100)
        size += (size_t)snprintf(reply + size, room - size, "X-More: %060d\r\n", 0);
    const struct reply replies[] = {{.bytes = reply, .len = size}};
    struct https_request request = get("/x");
    struct https_response r;
    serve("good", "-tls1_2", replies, 1);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
    end_server();
    free(reply);
}

/* --- what breaks off ------------------------------------------------------ */

static void an_answer_that_breaks_off_is_broken(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "",
        "HTTP/1.1 20",
        OK_HEAD "Content-Length: 100\r\n\r\nhello",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "this is no HTTP at all\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        const struct reply reply = {.bytes = replies[i], .then_close = true};
        struct https_request request = get("/x");
        struct https_response r;
        serve("good", "-tls1_2", &reply, 1);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_BROKEN);
        end(state);
    }
}

static void an_answer_that_stalls_is_broken_after_the_idle_time(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 200", OK_HEAD "Content-Length: 100\r\n\r\nhello"};
    for (size_t i = 0; i < 2; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        request.idle_timeout_ms = 300;
        serve_one(replies[i]);
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_BROKEN);
        assert_int_equal(heard.len, i ? 5 : 0); /* what had come was handed out */
        end(state);
    }
}

static void an_answer_that_never_ends_is_broken_after_the_whole_time(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    request.total_timeout_ms = 300;
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_BROKEN);
}

static void a_piece_that_is_not_wanted_stops_the_call_and_the_next_one_works(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    heard.stop_after = 1;
    assert_int_equal(get_once(OK_HEAD "Content-Length: 100\r\n\r\nhello", &r), HTTPS_STOPPED);
    struct https *first = https;
    end_server();
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    https = NULL;
    open_client("127.0.0.1");
    https_close(first);
    heard.stop_after = 0;
    assert_int_equal(call(&request, &r), HTTPS_DONE);
}

/* --- cancel --------------------------------------------------------------- */

static void *cancel_when_asked(void *context)
{
    (void)context;
    while (!atomic_load(&server.was_asked))
        wait_pause_ms(1);
    https_cancel(https);
    return NULL;
}

/* A call that the other thread ends once it is under way. */
static void end_under_way(void *(*when_asked)(void *context))
{
    pthread_t other;
    struct https_request request = get("/x");
    struct https_response r;
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(pthread_create(&other, NULL, when_asked, NULL), 0);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    pthread_join(other, NULL);
}

static void a_cancel_ends_the_call_under_way_and_every_later_one(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    end_under_way(cancel_when_asked);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    end_server();
    /* Only one request was ever sent. */
    const char *first = strstr(server.requests, "GET ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "GET "));
}

static void *interrupt_when_asked(void *context)
{
    (void)context;
    while (!atomic_load(&server.was_asked))
        wait_pause_ms(1);
    https_interrupt(https);
    return NULL;
}

static void an_interrupt_ends_one_call_the_one_under_way_or_the_next(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    end_under_way(interrupt_when_asked);
    end_server();
    https_interrupt(https);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    assert_int_equal(call(&request, &r), HTTPS_REFUSED); /* nobody is there, but it tried */
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    https_cancel(https);
}

static void a_signal_handler_may_cancel(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    signal(SIGALRM, on_alarm);
    serve_one(OK_HEAD "Content-Length: 100\r\n\r\nhello");
    open_client("127.0.0.1");
    alarm(1);
    assert_int_equal(call(&request, &r), HTTPS_STOPPED);
    signal(SIGALRM, SIG_DFL);
}

/* --- the rest -------------------------------------------------------------- */

static void a_request_that_makes_no_sense_is_a_fault(void **state)
{
    (void)state;
    struct https_request request = get("no-slash");
    struct https_response r;
    server.port = port_free();
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_FAULT);
    request = get("/x");
    request.if_none_match = "\"a\"\r\nX-Evil: 1";
    assert_int_equal(call(&request, &r), HTTPS_FAULT);
}

#define T(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_answer_comes_whole_with_its_head),
        T(a_connection_serves_more_than_one_call),
        T(a_packed_answer_is_unpacked_unless_it_is_wanted_raw),
        T(a_packed_answer_that_is_cut_short_is_broken_though_http_is_whole),
        T(an_answer_in_a_coding_that_was_not_asked_for_is_broken),
        T(an_answer_that_says_gzip_and_is_not_is_broken),
        T(a_body_is_posted_as_json_plain_or_packed),
        T(an_error_keeps_the_beginning_of_its_body_and_hands_nothing_out),
        T(retry_after_is_read_in_seconds_only_and_bounded),
        T(a_range_is_handed_out_only_if_it_begins_where_it_should),
        T(a_part_that_nobody_asked_for_is_broken),
        T(an_answer_over_the_bound_is_too_large_however_it_is_sent),
        T(an_answer_of_exactly_the_bound_fits),
        T(a_small_answer_that_unpacks_to_a_large_one_is_too_large),
        T(a_large_answer_that_unpacks_to_nothing_is_too_large),
        T(a_head_without_end_is_broken),
        T(an_answer_that_breaks_off_is_broken),
        T(an_answer_that_stalls_is_broken_after_the_idle_time),
        T(an_answer_that_never_ends_is_broken_after_the_whole_time),
        T(a_piece_that_is_not_wanted_stops_the_call_and_the_next_one_works),
        T(a_cancel_ends_the_call_under_way_and_every_later_one),
        T(an_interrupt_ends_one_call_the_one_under_way_or_the_next),
        T(a_signal_handler_may_cancel),
        T(a_request_that_makes_no_sense_is_a_fault),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
