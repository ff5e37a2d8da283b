/* The reference cloud: what gateways send, and faults on demand. */
#include "system/cloud_fixture.h"

static size_t pack(const char *text, size_t len, char *out, size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    return packed;
}

static const struct reply *post_packed(const struct fixture *f, const char *encoding,
                                       const char *bytes, size_t len)
{
    return ask(
        f,
        (struct request){
            .path = EVENTS, .token = GATEWAY, .body = bytes, .body_len = len, .header = encoding});
}

static void bodies_are_unpacked_and_bounded(void **state)
{
    const struct fixture *f = *state;
    static const char GZIP[] = "Content-Encoding: gzip";
    static const char BATCH[] = "{\"stream\":\"s\",\"first_seq\":1,\"events\":[{\"seq\":1}]}";
    enum { MORE = 9 * 1024 * 1024 };
    char packed[64 * 1024];
    char *huge = malloc(MORE);
    memset(huge, ' ', MORE);
    size_t len = pack(BATCH, sizeof BATCH - 1, packed, sizeof packed);
    assert_refused(post_packed(f, GZIP, packed, len - 1), 400);
    assert_refused(post_packed(f, GZIP, BATCH, sizeof BATCH - 1), 400);
    packed[len] = 'x';
    assert_refused(post_packed(f, GZIP, packed, len + 1), 400);
    assert_refused(post_packed(f, "Content-Encoding: br", packed, len), 415);
    assert_int_equal(post_packed(f, GZIP, packed, len)->status, 200);
    len = pack(huge, MORE, packed, sizeof packed);
    assert_refused(post_packed(f, GZIP, packed, len), 413);
    assert_refused(post_packed(f, "X-Plain: 1", huge, MORE), 413);
    assert_int_equal(post_packed(f, "X-Plain: 1", BATCH, sizeof BATCH - 1)->status, 200);
    free(huge);
}

/* --- events ------------------------------------------------------------------------------ */

#define BATCH(first, rest) "{\"stream\":\"s1\",\"first_seq\":" first "," rest "}"

static void assert_acked(const struct reply *r, json_int_t seq)
{
    if (r->status != 200)
        print_message("%s\n", r->body);
    assert_int_equal(r->status, 200);
    assert_int_equal(number_of(r, "acked_seq"), seq);
}

static void assert_gap(const struct reply *r, json_int_t seq)
{
    assert_int_equal(r->status, 409);
    assert_int_equal(number_of(r, "expected_seq"), seq);
}

#define SUMMARY "/admin/sites/plaza/gateways/g1/events/summary"
#define LIST "/admin/sites/plaza/gateways/g1/events?after="

static void events_are_stored_once_and_byte_for_byte(void **state)
{
    const struct fixture *f = *state;
    static const char TWO[] =
        BATCH("1", "\"events\" : [ {\"seq\":1, \"x\":\"]}\\\"\\\\\"},{\"a\":[[1],{\"b\":[]}],"
                   "\"seq\" : 2 } ]");
    assert_acked(post(f, EVENTS, TWO), 2);
    assert_acked(post(f, EVENTS, TWO), 2);
    assert_acked(post(f, EVENTS, BATCH("2", "\"events\":[{\"seq\":2,\"other\":1},{\"seq\":3}]")),
                 3);
    assert_acked(post(f, EVENTS, "{\"first_seq\":1,\"events\":[{\"seq\":1}],\"stream\":\"s2\"}"),
                 1);
    const struct reply *r = admin_get(f, LIST "0");
    assert_string_equal(
        r->body,
        "{\"n\":1,\"stream\":\"s1\",\"seq\":1,\"event\":{\"seq\":1, \"x\":\"]}\\\"\\\\\"}}\n"
        "{\"n\":2,\"stream\":\"s1\",\"seq\":2,\"event\":{\"a\":[[1],{\"b\":[]}],\"seq\" : 2 }}\n"
        "{\"n\":3,\"stream\":\"s1\",\"seq\":3,\"event\":{\"seq\":3}}\n"
        "{\"n\":4,\"stream\":\"s2\",\"seq\":1,\"event\":{\"seq\":1}}\n");
    assert_line(admin_get(f, LIST "1&limit=1"), 0, "{\"n\":2,");
    assert_string_equal(
        admin_get(f, SUMMARY)->body,
        "{\"streams\":[{\"stream\":\"s1\",\"count\":3,\"min\":1,\"max\":3,\"lost\":0,"
        "\"missing\":0,\"acked_seq\":3,\"resent\":3,\"conflicting\":1},"
        "{\"stream\":\"s2\",\"count\":1,\"min\":1,\"max\":1,\"lost\":0,\"missing\":0,"
        "\"acked_seq\":1,\"resent\":0,\"conflicting\":0}],"
        "\"count\":4,\"lost\":0,\"missing\":0,\"doubled\":0}\n");
}

#define WORDS(code) "{\"dialect\":\"onvif\",\"code\":\"" code "\",\"text\":\"x\"}"

static void a_vendor_s_words_are_kept_aside_and_are_no_part_of_the_event(void **state)
{
    const struct fixture *f = *state;
    assert_acked(
        post(f, EVENTS,
             BATCH("1", "\"events\":[{\"seq\":1,\"vendor\":" WORDS("A") "},{\"seq\":2},"
                        "{\"seq\":3,\"x\":\"a ,\\\"vendor\\\":{\" , \"vendor\" : " WORDS("B") " }]")),
        3);
    /* The same events: with other words, with words, without. */
    assert_acked(post(f, EVENTS,
                      BATCH("1", "\"events\":[{\"seq\":1,\"vendor\":" WORDS("C") "},"
                                 "{\"seq\":2,\"vendor\":" WORDS("D") "},"
                                 "{\"seq\":3,\"x\":\"a ,\\\"vendor\\\":{\" }]")),
                 3);
    /* One that stands elsewhere belongs to the event. */
    assert_acked(post(f, EVENTS,
                      BATCH("4", "\"events\":[{\"seq\":4,\"vendor\":{},\"y\":1},"
                                 "{\"seq\":5,\"args\":{\"vendor\":{}}},"
                                 "{\"seq\":6,\"vendors\":{}}]")),
                 6);
    assert_string_equal(
        admin_get(f, LIST "0")->body,
        "{\"n\":1,\"stream\":\"s1\",\"seq\":1,\"event\":{\"seq\":1},\"vendor\":" WORDS("C") "}\n"
        "{\"n\":2,\"stream\":\"s1\",\"seq\":2,\"event\":{\"seq\":2},\"vendor\":" WORDS("D") "}\n"
        "{\"n\":3,\"stream\":\"s1\",\"seq\":3,\"event\":{\"seq\":3,\"x\":\"a ,\\\"vendor\\\":{\" },"
        "\"vendor\":" WORDS("B") "}\n"
        "{\"n\":4,\"stream\":\"s1\",\"seq\":4,\"event\":{\"seq\":4,\"vendor\":{},\"y\":1}}\n"
        "{\"n\":5,\"stream\":\"s1\",\"seq\":5,\"event\":{\"seq\":5,\"args\":{\"vendor\":{}}}}\n"
        "{\"n\":6,\"stream\":\"s1\",\"seq\":6,\"event\":{\"seq\":6,\"vendors\":{}}}\n");
    assert_non_null(strstr(admin_get(f, SUMMARY)->body, "\"resent\":3,\"conflicting\":0}"));
    assert_acked(post(f, EVENTS,
                      BATCH("1", "\"events\":[{\"seq\":1,\"x\":1,\"vendor\":" WORDS("C") "}]")),
                 6);
    assert_non_null(strstr(admin_get(f, SUMMARY)->body, "\"resent\":4,\"conflicting\":1}"));
}

static void a_gap_is_refused_unless_it_is_declared_lost(void **state)
{
    const struct fixture *f = *state;
    assert_gap(post(f, EVENTS, BATCH("2", "\"events\":[{\"seq\":2}]")), 1);
    assert_acked(post(f, EVENTS, BATCH("1", "\"events\":[{\"seq\":1}]")), 1);
    assert_gap(post(f, EVENTS, BATCH("2", "\"events\":[{\"seq\":2},{\"seq\":4}]")), 2);
    assert_gap(
        post(f, EVENTS, BATCH("9", "\"lost\":[{\"from\":3,\"to\":8}],\"events\":[{\"seq\":9}]")),
        2);
    assert_acked(post(f, EVENTS,
                      BATCH("9", "\"lost\":[{\"from\":1,\"to\":8}],"
                                 "\"events\":[{\"seq\":9},{\"seq\":10}]")),
                 10);
    assert_acked(post(f, EVENTS,
                      BATCH("11", "\"lost\":[{\"from\":12,\"to\":13}],"
                                  "\"events\":[{\"seq\":11},{\"seq\":14}]")),
                 14);
    assert_acked(post(f, EVENTS, BATCH("20", "\"lost\":[{\"from\":15,\"to\":19}],\"events\":[]")),
                 19);
    const struct reply *r = admin_get(f, SUMMARY);
    assert_int_equal(number_of(r, "count"), 5);
    assert_int_equal(number_of(r, "lost"), 14);
    assert_int_equal(number_of(r, "missing"), 0);
}

static void a_read_that_was_journalled_twice_counts_as_doubled(void **state)
{
    const struct fixture *f = *state;
    assert_acked(
        post(f, EVENTS,
             BATCH("1", "\"events\":["
                        "{\"seq\":1,\"kind\":\"access\",\"reader\":\"r1\",\"read_id\":\"a\"},"
                        "{\"seq\":2,\"kind\":\"access\",\"reader\":\"r2\",\"read_id\":\"a\"},"
                        "{\"seq\":3,\"kind\":\"access\"},{\"seq\":4,\"kind\":\"access\"},"
                        "{\"seq\":5,\"kind\":\"duress\",\"reader\":\"r1\",\"read_id\":\"a\"}]")),
        5);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "doubled"), 0);
    assert_acked(
        post(f, EVENTS,
             BATCH("6", "\"events\":["
                        "{\"seq\":6,\"kind\":\"access\",\"reader\":\"r1\",\"read_id\":\"a\"}]")),
        6);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "doubled"), 1);
}

static void event_batches_that_are_none_store_nothing(void **state)
{
    const struct fixture *f = *state;
    static const char *const BAD[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        BATCH("1", "\"events\":[]"),
        BATCH("1", "\"events\":{}"),
        BATCH("1", "\"events\":[1]"),
        BATCH("1", "\"events\":[{}]"),
        BATCH("0", "\"events\":[{\"seq\":0}]"),
        BATCH("1", "\"events\":[{\"seq\":\"1\"}]"),
        BATCH("1", "\"events\":[{\"seq\":2}]"),
        BATCH("1", "\"events\":[{\"seq\":1},{\"seq\":1}]"),
        BATCH("\"1\"", "\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"lost\":{},\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"lost\":[{\"from\":2}],\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"lost\":[{\"from\":3,\"to\":2}],\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"lost\":[{\"from\":1,\"to\":2}],\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"lost\":[{\"from\":2,\"to\":9007199254740993}],\"events\":[{\"seq\":1}]"),
        BATCH("1", "\"events\":[{\"seq\":1}],\"events\":[{\"seq\":1}]"),
        "{\"stream\":\"a b\",\"first_seq\":1,\"events\":[{\"seq\":1}]}",
        "{\"first_seq\":1,\"events\":[{\"seq\":1}]}"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(post(f, EVENTS, BAD[i]), 400);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "count"), 0);
    assert_acked(post(f, EVENTS, BATCH("1", "\"events\":[{\"seq\":1}]")), 1);
}

static void the_newest_status_is_kept_as_it_came(void **state)
{
    const struct fixture *f = *state;
    assert_refused(admin_get(f, "/admin/sites/plaza/gateways/g1/status"), 404);
    assert_refused(post(f, "/v1/sites/plaza/gateways/g1/status", "[1]"), 400);
    assert_int_equal(post(f, "/v1/sites/plaza/gateways/g1/status", "{\"a\":1}")->status, 204);
    assert_int_equal(post(f, "/v1/sites/plaza/gateways/g1/status", "{ \"a\":2 }")->status, 204);
    assert_string_equal(admin_get(f, "/admin/sites/plaza/gateways/g1/status")->body, "{ \"a\":2 }");
}

static void what_was_answered_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    char before[128], after[128];
    admin(f, ROWS, SITE_ROW);
    assert_acked(post(f, EVENTS, BATCH("1", "\"events\":[{\"seq\":1},{\"seq\":2}]")), 2);
    copy_string_of(get(f, CHECKPOINT), "digest", before);
    assert_int_equal(stop(f, SIGKILL), -SIGKILL);
    start(f);
    copy_string_of(get(f, CHECKPOINT), "digest", after);
    assert_string_equal(before, after);
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204);
    assert_gap(post(f, EVENTS, BATCH("4", "\"events\":[{\"seq\":4}]")), 3);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "count"), 2);
}

/* --- faults ------------------------------------------------------------------------------- */

#define FAULTS "/admin/faults"
#define ONE BATCH("1", "\"events\":[{\"seq\":1}]")

static void faults_that_are_none_are_refused(void **state)
{
    const struct fixture *f = *state;
    static const char *const BAD[] = {"",
                                      "[]",
                                      "{\"no_such\":1}",
                                      "{\"answer_503\":-2}",
                                      "{\"answer_503\":\"1\"}",
                                      "{\"stall_ms\":true}",
                                      "{\"stall_ms\":-1}",
                                      "{\"answer_503\":1,\"no_such\":1}"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(ask(f, (struct request){.path = FAULTS, .token = ADMIN, .body = BAD[i]}),
                       400);
    admin(f, ROWS, SITE_ROW);
    assert_int_equal(get(f, CHECKPOINT)->status, 200); /* none of them was switched on */
}

static void an_upload_that_fails_around_its_commit_can_be_sent_again(void **state)
{
    const struct fixture *f = *state;
    admin(f, FAULTS, "{\"events_fail_before_commit\":2}");
    assert_refused(post(f, EVENTS, ONE), 500);
    assert_refused(post(f, EVENTS, ONE), 500);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "count"), 0);
    admin(f, FAULTS, "{\"events_fail_after_commit\":1}");
    assert_int_not_equal(post(f, EVENTS, ONE)->code, CURLE_OK);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "count"), 1);
    assert_acked(post(f, EVENTS, ONE), 1);
    assert_int_equal(number_of(admin_get(f, SUMMARY), "count"), 1);
}

static void calls_can_be_turned_away_dropped_garbled_and_stalled(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, FAULTS, "{\"answer_503\":1,\"retry_after_s\":7}");
    const struct reply *r = get(f, CHECKPOINT);
    assert_refused(r, 503);
    assert_string_equal(r->retry_after, "7");
    assert_int_equal(get(f, CHECKPOINT)->status, 200);
    admin(f, FAULTS, "{\"drop_connections\":true}");
    assert_int_not_equal(get(f, CHECKPOINT)->code, CURLE_OK);
    assert_int_not_equal(get(f, CHECKPOINT)->code, CURLE_OK);
    admin(f, FAULTS, "{\"drop_connections\":false,\"garbage\":1}");
    r = get(f, CHECKPOINT);
    assert_int_equal(r->status, 200);
    assert_null(json_loadb(r->body, r->len, 0, NULL));
    admin(f, FAULTS, "{\"stall_ms\":60000}");
    struct background *b = begin(f, CHECKPOINT, 1); /* it waits, others are served */
    admin(f, FAULTS, "{\"stall_ms\":0}");
    assert_int_equal(get(f, CHECKPOINT)->status, 200);
    assert_int_equal(stop((struct fixture *)*state, SIGTERM), 0);
    end(b);
    assert_int_not_equal(b->reply.code, CURLE_OK);
    free(b);
}

static void a_stalled_call_is_answered_when_its_time_has_come(void **state)
{
    const struct fixture *f = *state;
    admin(f, FAULTS, "{\"stall_ms\":300}");
    assert_acked(post(f, EVENTS, ONE), 1); /* the body lives through the wait */
}

static void policy_can_arrive_damaged(void **state)
{
    const struct fixture *f = *state;
    char good[128], bad[128];
    admin(f, ROWS, SITE_ROW);
    copy_string_of(get(f, CHECKPOINT), "digest", good);
    admin(f, FAULTS, "{\"wrong_digest\":1}");
    copy_string_of(get(f, CHECKPOINT), "digest", bad);
    assert_string_not_equal(good, bad);
    copy_string_of(get(f, CHECKPOINT), "digest", bad);
    assert_string_equal(good, bad);
    admin(f, FAULTS, "{\"invalid_row\":1}");
    assert_line(get(f, CHANGES "1.0"), 1, "{\"k\":\"door\",\"id\":\"fault-invalid-row\"");
    assert_line(get(f, CHANGES "1.0"), 1, SITE_ROW);
    admin(f, FAULTS, "{\"truncate_changes_at\":20}");
    const struct reply *r = ask(f, (struct request){.path = CHANGES "1.0", .token = GATEWAY});
    assert_int_equal(r->code, CURLE_PARTIAL_FILE);
    assert_string_equal(r->body, "{\"t\":\"head\",\"epoch\":");
    admin(f, FAULTS, "{\"truncate_snapshot_at\":10}");
    struct request raw = {.path = "/v1/sites/plaza/snapshots/1/1", .token = GATEWAY};
    r = ask(f, raw);
    assert_int_equal(r->code, CURLE_PARTIAL_FILE);
    assert_int_equal(r->len, 10);
    raw.header = "Range: bytes=10-";
    r = ask(f, raw);
    assert_int_equal(r->code, CURLE_OK);
    assert_int_equal(r->status, 206);
}

/* --- bodies that are not as they should be ------------------------------------------------------ */

static void a_body_can_drip(void **state)
{
    struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, FAULTS, "{\"drip\":1}");
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204); /* has no body: is not hit */
    struct background *b = begin(f, CHECKPOINT, 1);
    for (int i = 0; i < 5; i++) { /* neither a wake-up nor other calls make it go faster */
        admin(f, ROWS, SITE_ROW);
        assert_int_equal(get(f, CHECKPOINT)->status, 200);
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    assert_int_equal(stop(f, SIGTERM), 0);
    end(b);
    assert_int_not_equal(b->reply.code, CURLE_OK);
    assert_int_equal(b->reply.status, 200);
    assert_in_range(b->reply.len, 2, 6);
    assert_memory_equal(b->reply.body, "{\"epoch\"", b->reply.len);
    free(b);
}

static void a_call_can_be_sent_elsewhere(void **state)
{
    const struct fixture *f = *state;
    char *where = NULL, expected[128];
    admin(f, ROWS, SITE_ROW);
    admin(f, FAULTS, "{\"redirect\":1}");
    assert_int_equal(get(f, CHECKPOINT)->status, 302);
    curl_easy_getinfo(f->curl, CURLINFO_REDIRECT_URL, &where);
    snprintf(expected, sizeof expected, "%s/elsewhere" CHECKPOINT, f->base);
    assert_string_equal(where, expected);
    assert_int_equal(get(f, "/elsewhere" CHECKPOINT)->status, 200);
    assert_int_equal(get(f, CHECKPOINT)->status, 200);
    assert_refused(admin_get(f, "/elsewhere/admin/state"), 401);
    assert_refused(get(f, "/elsewhere/admin/state"), 404);
}

static void assert_endless(const struct reply *r, const char *begin)
{
    assert_int_equal(r->status, 200);
    assert_int_equal(r->code, CURLE_WRITE_ERROR); /* we had enough */
    assert_true(r->len > BODY_MAX / 2);
    assert_line(r, 0, begin);
}

static void a_body_can_be_endless(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, FAULTS, "{\"endless_body\":3}");
    assert_endless(get(f, CHECKPOINT), "{\"epoch\":1,\"rev\":1,");
    assert_endless(post(f, EVENTS, ONE), "{\"acked_seq\":1,\"endless\":\"xxxx");
    const struct reply *r = get(f, CHANGES "1.0");
    assert_endless(r, "{\"t\":\"head\"");
    assert_line(r, 1, SITE_ROW);
    assert_line(r, 2, "{\"k\":\"group\",\"id\":\"fault-endless\",\"d\":{}}\n");
    assert_line(r, 3000, "{\"k\":\"group\",\"id\":\"fault-endless\",\"d\":{}}\n");
    assert_null(strstr(r->body, "checkpoint"));
    assert_line(get(f, CHANGES "1.0"), 2, "{\"t\":\"checkpoint\"");
    assert_int_equal(number_of(post(f, EVENTS, ONE), "acked_seq"), 1);
}

static void a_gzip_body_can_lose_its_end(void **state)
{
    const struct fixture *f = *state;
    static const char *const PATHS[] = {CHANGES "1.0", "/v1/sites/plaza/snapshots/1/1"};
    admin(f, ROWS, SITE_ROW);
    for (size_t i = 0; i < 2; i++) {
        struct request raw = {
            .path = PATHS[i], .token = GATEWAY, .header = "Accept-Encoding: gzip"};
        const struct reply *r = ask(f, raw);
        size_t len = r->len;
        char *whole = malloc(len);
        memcpy(whole, r->body, len);
        admin(f, FAULTS, "{\"truncate_gzip\":1}");
        assert_int_equal(get(f, CHECKPOINT)->status, 200); /* is not packed: is not hit */
        r = ask(f, raw);
        assert_int_equal(r->code, CURLE_OK);
        assert_int_equal(r->status, 200);
        assert_int_equal(r->len, len - 8);
        assert_memory_equal(r->body, whole, len - 8);
        assert_int_equal(ask(f, raw)->len, len);
        free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_are_unpacked_and_bounded),
        TEST(events_are_stored_once_and_byte_for_byte),
        TEST(a_vendor_s_words_are_kept_aside_and_are_no_part_of_the_event),
        TEST(a_gap_is_refused_unless_it_is_declared_lost),
        TEST(a_read_that_was_journalled_twice_counts_as_doubled),
        TEST(event_batches_that_are_none_store_nothing),
        TEST(the_newest_status_is_kept_as_it_came),
        TEST(what_was_answered_survives_a_kill),
        TEST(faults_that_are_none_are_refused),
        TEST(an_upload_that_fails_around_its_commit_can_be_sent_again),
        TEST(calls_can_be_turned_away_dropped_garbled_and_stalled),
        TEST(a_stalled_call_is_answered_when_its_time_has_come),
        TEST(policy_can_arrive_damaged),
        TEST(a_body_can_drip),
        TEST(a_call_can_be_sent_elsewhere),
        TEST(a_body_can_be_endless),
        TEST(a_gzip_body_can_lose_its_end),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
