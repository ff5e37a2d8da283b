/* The reference cloud: who may ask, and policy on its way to a gateway. */
#include "system/cloud_fixture.h"

/* --- who may ask, and what is malformed --------------------------------------------- */

static void a_call_without_the_right_token_learns_nothing(void **state)
{
    const struct fixture *f = *state;
    static const char *const PATHS[] = {CHECKPOINT, CHANGES "1.0", "/no/such/path", "/admin/state",
                                        "/admin/nothing"};
    static const char *const TOKENS[] = {NULL, "Authorization: Bearer",
                                         "Authorization: Bearer gateway-token-012345678",
                                         "Authorization: Bearer gateway-token-01234567890",
                                         "Authorization: Basic gateway-token-0123456789"};
    for (size_t p = 0; p < sizeof PATHS / sizeof PATHS[0]; p++)
        for (size_t t = 0; t < sizeof TOKENS / sizeof TOKENS[0]; t++)
            assert_refused(ask(f, (struct request){.path = PATHS[p], .token = TOKENS[t]}), 401);
    assert_refused(ask(f, (struct request){.path = CHECKPOINT, .token = ADMIN}), 401);
    assert_refused(get(f, "/admin/state"), 401);
    assert_refused(post(f, ROWS, SITE_ROW), 401);
    assert_refused(get(f, CHECKPOINT), 404); /* the right one, and nothing was put */
}

static void paths_and_methods_that_are_none_are_refused(void **state)
{
    const struct fixture *f = *state;
    assert_refused(get(f, "/v1/sites/plaza"), 404);
    assert_refused(get(f, "/v1/sites//checkpoint"), 404);
    assert_refused(get(f, "/v1/sites/a%20b/checkpoint"), 404);
    assert_refused(get(f, "/v1/sites/..%2f..%2fetc/checkpoint"), 404);
    assert_refused(get(f, EVENTS), 405);
    assert_refused(post(f, CHECKPOINT, "{}"), 405);
    assert_refused(get(f, "/v1/sites/plaza/snapshots/1/1"), 404);
    assert_refused(get(f, CHANGES "1.0"), 404);
}

static void a_server_that_cannot_start_says_why(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        const char *arguments;
        int status;
        const char *why;
    } BAD[] = {
        {"", 2, "usage:"},
        {"--data d --cert cert.pem --key key.pem --port 65536 --token token --admin-token "
         "admin-token",
         2, "usage:"},
        {"--data d --cert none --key key.pem --port 0 --token token --admin-token admin-token", 1,
         "none: No such file"},
        {"--data d --cert cert.pem --key ca.key --port 0 --token token --admin-token admin-token",
         1, "belong together"},
        {"--data d --cert cert.pem --key key.pem --port 0 --token token --admin-token token", 1,
         "must not be the same"},
        {"--data d --cert cert.pem --key key.pem --port 0 --token log --admin-token token", 1,
         "must be a token"},
    };
    char *program = program_path();
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char command[1024];
        snprintf(command, sizeof command,
                 "{ timeout 20 '%s' %s >out 2>err; test $? = %d; } && test ! -s out && "
                 "test $(wc -l <err) = 1 && grep -q '%s' err",
                 program, BAD[i].arguments, BAD[i].status, BAD[i].why);
        shell(f->dir, command);
    }
    free(program);
}

static void rows_that_are_none_change_nothing(void **state)
{
    const struct fixture *f = *state;
    static const char *const BAD[] = {"",
                                      "\n\n",
                                      "no json",
                                      "[]",
                                      "{}",
                                      "{\"k\":\"door\",\"id\":\"d\"}",
                                      "{\"k\":\"door\",\"id\":\"d\",\"d\":[]}",
                                      "{\"k\":\"door\",\"id\":\"a b\",\"d\":{}}",
                                      "{\"k\":\"door\",\"id\":7,\"d\":{}}",
                                      "{\"k\":\"\",\"id\":\"d\",\"d\":{}}",
                                      "{\"k\":\"door\",\"id\":\"d\",\"op\":\"put\"}",
                                      "{\"k\":\"door\",\"id\":\"d\",\"op\":\"del\",\"d\":{}}",
                                      "{\"k\":\"door\",\"id\":\"d\",\"id\":\"e\",\"d\":{}}",
                                      SITE_ROW "{\"k\":\"door\",\"id\":\"d\",\"d\":{}} x"};
    admin(f, ROWS, SITE_ROW);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(ask(f, (struct request){.path = ROWS, .token = ADMIN, .body = BAD[i]}), 400);
    char *huge = malloc(70000);
    memset(huge, ' ', 70000);
    assert_refused(
        ask(f, (struct request){.path = ROWS, .token = ADMIN, .body = huge, .body_len = 70000}),
        400);
    free(huge);
    assert_int_equal(number_of(get(f, CHECKPOINT), "rev"), 1);
}

/* --- policy --------------------------------------------------------------------------- */

/* The digest, computed the plain way from all lines at once. */
static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void plain_digest(char out[65], char (*lines)[160], char (*ids)[16], size_t count)
{
    crypto_hash_sha256_state all;
    crypto_hash_sha256_init(&all);
    unsigned char(*hashes)[32] = calloc(count + 1, 32);
    unsigned char hash[32];
    for (unsigned bucket = 0; bucket < 4096; bucket++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            char name[32];
            if (!lines[i][0])
                continue;
            snprintf(name, sizeof name, "person\n%.16s", ids[i]);
            crypto_hash_sha256(hash, (unsigned char *)name, strlen(name));
            if ((unsigned)(hash[0] * 256 + hash[1]) / 16 == bucket)
                crypto_hash_sha256(hashes[n++], (unsigned char *)lines[i], strlen(lines[i]));
        }
        qsort(hashes, n, 32, compare_hashes);
        crypto_hash_sha256(hash, hashes[0], n * 32);
        crypto_hash_sha256_update(&all, hash, 32);
    }
    crypto_hash_sha256_final(&all, hash);
    sodium_bin2hex(out, 65, hash, 32);
    free(hashes);
}

/* Ids that share 64 of the 4096 buckets, so that buckets hold several rows. */
static void choose_crowded_ids(char (*ids)[16], int count)
{
    for (int i = 0, number = 0; i < count; number++) {
        char name[32];
        unsigned char hash[32];
        snprintf(name, sizeof name, "person\np%d", number);
        crypto_hash_sha256(hash, (unsigned char *)name, strlen(name));
        if (hash[0] < 4)
            snprintf(ids[i++], sizeof ids[0], "p%d", number);
    }
}

static void the_digest_stays_true_over_random_puts_and_removals(void **state)
{
    const struct fixture *f = *state;
    enum { PERSONS = 60, ROUNDS = 25 };
    static char lines[PERSONS][160];
    static char ids[PERSONS][16];
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    srandom(seed);
    memset(lines, 0, sizeof lines);
    choose_crowded_ids(ids, PERSONS);
    for (int round = 0; round < ROUNDS; round++) {
        char body[8192] = "";
        size_t len = 0;
        for (int n = 0; n < 10; n++) {
            long i = random() % PERSONS;
            bool removal = random() % 3 == 0;
            lines[i][0] = '\0';
            if (!removal)
                snprintf(lines[i], sizeof lines[i],
                         "{\"k\":\"person\", \"id\":\"%s\",\"d\":{\"n\":%ld}}", ids[i], random());
            len += (size_t)snprintf(body + len, sizeof body - len,
                                    removal ? "{\"op\":\"del\",\"k\":\"person\",\"id\":\"%s\"}\n"
                                            : "%s\n",
                                    removal ? ids[i] : lines[i]);
        }
        admin(f, ROWS, body);
        char digest[128];
        char expected[65];
        int live = 0;
        for (int i = 0; i < PERSONS; i++)
            live += lines[i][0] != '\0';
        plain_digest(expected, lines, ids, PERSONS);
        const struct reply *r = get(f, CHECKPOINT);
        copy_string_of(r, "digest", digest);
        assert_string_equal(digest, expected);
        assert_int_equal(number_of(r, "rows"), live);
        assert_int_equal(number_of(r, "rev"), round + 1);
    }
}

static void a_checkpoint_is_sent_once_to_who_knows_it(void **state)
{
    const struct fixture *f = *state;
    char known[128];
    admin(f, ROWS, SITE_ROW);
    const struct reply *r = get(f, CHECKPOINT);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->etag, "\"1.1.1\"");
    snprintf(known, sizeof known, "If-None-Match: %.95s", r->etag);
    struct request again = {.path = CHECKPOINT, .token = GATEWAY, .header = known};
    assert_int_equal(ask(f, again)->status, 304);
    admin(f, "/admin/sites/plaza/checkpoint", "");
    assert_int_equal(ask(f, again)->status, 200);
}

static void a_snapshot_repeats_the_bytes_that_were_put(void **state)
{
    const struct fixture *f = *state;
    admin(
        f, ROWS,
        "{ \"d\" : {\"name\":\"J\xc3\xb6rg\\u0041\"} , \"id\":\"p1\",\"k\":\"person\"}\n" SITE_ROW);
    admin(f, ROWS, "{\"k\":\"person\",\"id\":\"p1\",\"op\":\"del\"}");
    const struct reply *r = get(f, "/v1/sites/plaza/snapshots/1/1");
    assert_int_equal(r->status, 200);
    assert_string_equal(r->encoding, "gzip");
    assert_string_equal(
        r->body,
        "{ \"d\" : {\"name\":\"J\xc3\xb6rg\\u0041\"} , \"id\":\"p1\",\"k\":\"person\"}\n" SITE_ROW);
    assert_string_equal(get(f, "/v1/sites/plaza/snapshots/1/2")->body, SITE_ROW);
    static const char *const NONE[] = {"1/3", "2/1", "1/0", "x/1", "1/-1", "0/1"};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/sites/plaza/snapshots/%s", NONE[i]);
        assert_refused(get(f, path), 404);
    }
    admin(f, "/admin/sites/plaza/forget", "");
    assert_refused(get(f, "/v1/sites/plaza/snapshots/1/1"), 404);
}

static void put_many(const struct fixture *f, int count)
{
    char *body = malloc((size_t)count * 80);
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(body + len, 80,
                                "{\"k\":\"door\",\"id\":\"d%d\",\"d\":{\"x\":%d}}\n", i, i * 7);
    admin(f, ROWS, body);
    free(body);
}

static const struct reply *get_raw(const struct fixture *f, const char *range)
{
    return ask(f, (struct request){
                      .path = "/v1/sites/plaza/snapshots/1/1", .token = GATEWAY, .header = range});
}

static void a_snapshot_resumes_at_any_byte_also_when_it_is_made_anew(void **state)
{
    const struct fixture *f = *state;
    put_many(f, 2000);
    const struct reply *r = get_raw(f, NULL);
    size_t total = r->len;
    char *whole = malloc(total);
    memcpy(whole, r->body, total);
    shell(f->dir, "rm data/snapshots/*");
    char text[96];
    for (size_t from = 0; from < total; from += total / 7 + 1) {
        snprintf(text, sizeof text, "Range: bytes=%zu-", from);
        r = get_raw(f, text);
        assert_int_equal(r->status, 206);
        assert_int_equal(r->len, total - from);
        assert_memory_equal(r->body, whole + from, r->len);
        snprintf(text, sizeof text, "bytes %zu-%zu/%zu", from, total - 1, total);
        assert_string_equal(r->range, text);
    }
    r = get_raw(f, "Range: bytes=10-19");
    assert_int_equal(r->len, 10);
    assert_memory_equal(r->body, whole + 10, 10);
    r = get_raw(f, "Range: bytes=-5");
    assert_memory_equal(r->body, whole + total - 5, 5);
    snprintf(text, sizeof text, "Range: bytes=%zu-", total);
    assert_refused(get_raw(f, text), 416);
    assert_int_equal(get_raw(f, "Range: bytes=9-1")->status, 200);
    assert_int_equal(get_raw(f, "Range: lines=1-")->status, 200);
    r = get_raw(f, "Range: bytes=5-\r\nIf-Range: \"9.9\"");
    assert_int_equal(r->status, 200);
    assert_memory_equal(r->body, whole, total);
    free(whole);
}

static void changes_come_in_order_with_denials_first_and_a_checkpoint_last(void **state)
{
    const struct fixture *f = *state;
    char plain[2048];
    admin(f, ROWS,
          SITE_ROW
          "{\"k\":\"person\",\"id\":\"a\",\"d\":{}}\n{\"k\":\"door\",\"id\":\"x\",\"d\":{}}");
    admin(f, ROWS,
          "{\"k\":\"door\",\"id\":\"y\",\"d\":{\"enabled\":false}}\n"
          "{\"k\":\"person\",\"id\":\"back\",\"d\":{\"enabled\":false}}");
    admin(f, ROWS,
          "{\"k\":\"credential\",\"id\":\"c\",\"d\": {\"enabled\":false}}\n"
          "{\"k\":\"person\",\"id\":\"a\",\"op\":\"del\"}\n"
          "{\"k\":\"person\",\"id\":\"back\",\"d\":{}}\n"
          "{\"k\":\"door\",\"id\":\"x\",\"op\":\"del\"}");
    const struct reply *r = get(f, CHANGES "1.1.1");
    assert_int_equal(r->status, 200);
    assert_string_equal(r->encoding, "gzip");
    assert_line(r, 0, "{\"t\":\"head\",\"epoch\":1,\"next\":\"1.3.3\",\"more\":false}\n");
    assert_line(
        r, 1,
        "{\"t\":\"deny\",\"k\":\"credential\",\"id\":\"c\",\"reason\":\"disabled\",\"rev\":3}\n");
    assert_line(
        r, 2, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"a\",\"reason\":\"removed\",\"rev\":3}\n");
    assert_line(r, 3, "{\"k\":\"door\",\"id\":\"y\",\"d\":{\"enabled\":false}}\n");
    assert_line(r, 4, "{\"k\":\"person\",\"id\":\"back\",\"d\":{\"enabled\":false}}\n");
    assert_line(r, 5, "{\"k\":\"credential\",\"id\":\"c\",\"d\": {\"enabled\":false}}\n");
    assert_line(r, 6, "{\"k\":\"person\",\"id\":\"a\",\"op\":\"del\"}\n");
    assert_line(r, 7, "{\"k\":\"person\",\"id\":\"back\",\"d\":{}}\n");
    assert_line(r, 8, "{\"k\":\"door\",\"id\":\"x\",\"op\":\"del\"}\n");
    assert_line(
        r, 9, "{\"t\":\"checkpoint\",\"epoch\":1,\"rev\":3,\"schema\":1,\"rows\":4,\"digest\":\"");
    snprintf(plain, sizeof plain, "%.2047s", r->body);
    r = ask(f, (struct request){.path = CHANGES "1.1.1", .token = GATEWAY});
    assert_string_equal(r->encoding, "");
    assert_string_equal(r->body, plain);
    r = get(f, CHANGES "1.2");
    assert_line(r, 1, "{\"t\":\"deny\",\"k\":\"credential\"");
    assert_line(r, 3, "{\"k\":\"credential\"");
}

static void a_poll_with_a_cursor_that_does_not_fit_is_told_what_to_do(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, ROWS, SITE_ROW);
    assert_refused(get(f, "/v1/sites/plaza/changes?since=1.2.2"), 400);
    assert_refused(get(f, "/v1/sites/plaza/changes?since=1.2.2&schema=2"), 426);
    assert_refused(get(f, "/v1/sites/plaza/changes?schema=1"), 410);
    static const char *const BAD[] = {"1", "1.", "1.2.3.4", "a.b", "-1.2", "1.2.2 ", "1..2"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, CHANGES "%s", strcmp(BAD[i], "1.2.2 ") ? BAD[i] : "1.2.2%20");
        assert_refused(get(f, path), 400);
    }
    assert_refused(get(f, CHANGES "1.2.2&wait=soon"), 400);
    assert_refused(get(f, CHANGES "1.2.2&applied=x"), 400);
    assert_refused(get(f, CHANGES "2.2.2"), 409);
    assert_refused(get(f, CHANGES "1.3.3"), 409);
    assert_refused(get(f,
                       CHANGES "1.2.2&applied=1.2.2&digest="
                               "0000000000000000000000000000000000000000000000000000000000000000"),
                   410);
    assert_int_equal(get(f, CHANGES "1.2.2")->status, 204);
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 200);
    admin(f, "/admin/sites/plaza/forget", "");
    assert_refused(get(f, CHANGES "1.1.1"), 410);
    assert_int_equal(get(f, CHANGES "1.2.2")->status, 204);
    admin(f, "/admin/sites/plaza/epoch", "");
    assert_refused(get(f, CHANGES "1.2.2"), 409);
    assert_int_equal(number_of(get(f, CHECKPOINT), "epoch"), 2);
    assert_string_equal(get(f, "/v1/sites/plaza/snapshots/2/3")->body, SITE_ROW);
}

static void waiting_polls_are_woken_by_a_put(void **state)
{
    const struct fixture *f = *state;
    struct background *b[20];
    admin(f, ROWS, SITE_ROW);
    for (int i = 0; i < 20; i++)
        b[i] = begin(f, CHANGES "1.1.1&wait=50", i + 1);
    admin(f, ROWS, "{\"k\":\"person\",\"id\":\"a\",\"op\":\"del\"}");
    for (int i = 0; i < 20; i++) {
        end(b[i]);
        assert_int_equal(b[i]->reply.status, 200);
        assert_line(&b[i]->reply, 1, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"a\"");
        free(b[i]);
    }
    assert_int_equal(get(f, CHANGES "1.2.2&wait=1")->status, 204);
}

static void a_waiting_poll_gets_each_fresh_checkpoint(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    struct background *b = begin(f, CHANGES "1.1.1&wait=50", 1);
    admin(f, "/admin/settings", "{\"checkpoint_every_s\":1}"); /* now it grows old in a second */
    end(b);
    assert_int_equal(b->reply.status, 200);
    assert_line(&b->reply, 0, "{\"t\":\"head\",\"epoch\":1,\"next\":\"1.1.2\"");
    assert_line(&b->reply, 1, "{\"t\":\"checkpoint\",\"epoch\":1,\"rev\":1,");
    free(b);
    assert_refused(ask(f, (struct request){.path = "/admin/settings",
                                           .token = ADMIN,
                                           .body = "{\"checkpoint_every_s\":601}"}),
                   400);
}

static void a_stop_ends_waiting_calls_and_leaves_with_success(void **state)
{
    struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    struct background *b = begin(f, CHANGES "1.1.1&wait=50", 1);
    assert_int_equal(stop(f, SIGTERM), 0);
    end(b);
    assert_int_not_equal(b->reply.code, CURLE_OK);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_without_the_right_token_learns_nothing),
        TEST(paths_and_methods_that_are_none_are_refused),
        TEST(a_server_that_cannot_start_says_why),
        TEST(rows_that_are_none_change_nothing),
        TEST(the_digest_stays_true_over_random_puts_and_removals),
        TEST(a_checkpoint_is_sent_once_to_who_knows_it),
        TEST(a_snapshot_repeats_the_bytes_that_were_put),
        TEST(a_snapshot_resumes_at_any_byte_also_when_it_is_made_anew),
        TEST(changes_come_in_order_with_denials_first_and_a_checkpoint_last),
        TEST(a_poll_with_a_cursor_that_does_not_fit_is_told_what_to_do),
        TEST(waiting_polls_are_woken_by_a_put),
        TEST(a_waiting_poll_gets_each_fresh_checkpoint),
        TEST(a_stop_ends_waiting_calls_and_leaves_with_success),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
