/* Lines of policy on their way into a real replica: what a change set may hold
 * and in which order, and that nothing of a bad one stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/syncd/feed.h"
#include "lib/folder.h"

#define HEAD "{\"t\":\"head\",\"epoch\":1,\"next\":\"1.2.0\",\"more\":false}"
#define SITE "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"UTC\"}}"
#define DOOR "{\"k\":\"door\",\"id\":\"front\",\"d\":{}}"
#define EMPTY_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"

static struct folder folder;
static struct replica_writer *writer;
static struct arena arena;
static const struct crypto_keys keys = {.value = {1}};

static void mask(void *context, unsigned char out[32], struct slice nonce)
{
    (void)context;
    crypto_hmac(out, keys.value, nonce);
}

static int begin(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX], why[REPLICA_WHY_MAX];
    const struct replica_crypto crypto = {crypto_sha256, mask, NULL};
    arena = (struct arena){.base = malloc(65536), .size = 65536};
    return arena.base && crypto_start() == GH_OK && folder_make(&folder) &&
                   folder_file(&folder, "replica.db", path) &&
                   replica_writer_open(&writer, path, &crypto, why) == GH_OK
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    replica_writer_close(writer);
    writer = NULL;
    free(arena.base);
    folder_remove(&folder);
    return 0;
}

static const struct id site = {"hq"};
static struct feed_trust trust = {.site = &site}; /* unsigned, but where a test says otherwise */
static char commands[256];

static void take_command(void *context, struct slice line)
{
    (void)context;
    snprintf(commands + strlen(commands), sizeof commands - strlen(commands), "%.*s|",
             (int)line.len, line.ptr);
}

static void take_denial(void *context, enum row_kind kind, const struct id *id, int64_t rev)
{
    (void)context;
    snprintf(commands + strlen(commands), sizeof commands - strlen(commands), "-%s %s %d|",
             row_kind_name(kind), id->s, (int)rev);
}

static struct feed new_feed(bool is_snapshot)
{
    return (struct feed){.trust = &trust, .command = take_command, .deny = take_denial, .writer = writer, .keys = &keys, .arena = &arena,
                         .is_snapshot = is_snapshot, .epoch = 1};
}

static struct replica_state state_now(void)
{
    struct replica_state s;
    replica_writer_state(writer, &s);
    return s;
}

/* Feeds lines up to NULL; false if one was refused. */
static bool feed_all(struct feed *f, const char *const *lines)
{
    for (; *lines; lines++)
        if (!feed_line(f, slice_of(*lines)))
            return false;
    return true;
}

/* The digest that these rows have, as the replica itself says when it refuses
 * a wrong one: "...digest X..." would bind us to its words, so it is computed. */
static void digest_of(char out[SHA256_HEX + 1], const char *const *rows, const char *const *names)
{
    static unsigned char bucket[4096][32], hash[32];
    struct crypto_sha256_state all;
    for (int i = 0; i < 4096; i++)
        crypto_sha256(bucket[i], slice_make("", 0));
    for (int i = 0; rows[i]; i++) {
        unsigned char place[32];
        crypto_sha256(hash, slice_of(rows[i]));
        crypto_sha256(place, slice_of(names[i]));
        crypto_sha256(bucket[place[0] << 4 | place[1] >> 4], slice_make(hash, 32));
    }
    crypto_sha256_begin(&all);
    crypto_sha256_add(&all, slice_make(bucket, sizeof bucket));
    crypto_sha256_end(&all, hash);
    crypto_hex(out, hash, 32);
}

static const char *checkpoint(int rev, int rows, const char *digest)
{
    static char line[512];
    snprintf(line, sizeof line,
             "{\"t\":\"checkpoint\",\"epoch\":1,\"rev\":%d,\"schema\":1,\"rows\":%d,"
             "\"digest\":\"%s\",\"issued_at\":\"2026-01-01T00:00:00Z\",\"sig\":\"\"}",
             rev, rows, digest);
    return line;
}

static const char *site_and_door(int rev)
{
    static char digest[SHA256_HEX + 1];
    digest_of(digest, (const char *const[]){SITE, DOOR, NULL},
              (const char *const[]){"site\nhq", "door\nfront"});
    return checkpoint(rev, 2, digest);
}

static void a_whole_change_set_becomes_the_policy(void **state)
{
    (void)state;
    struct feed f = new_feed(false);
    assert_true(feed_all(&f, (const char *const[]){HEAD, SITE, DOOR, site_and_door(2), NULL}));
    assert_int_equal(feed_commit(&f, slice_of(f.next)), GH_OK);
    assert_int_equal(state_now().version.rev, 2);
    assert_string_equal(state_now().cursor, "1.2.0");
}

/* Each is refused with a word that says why, and leaves nothing behind. */
static void a_change_set_that_is_not_in_order_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *lines[6];
        const char *word;
    } cases[] = {
        {{SITE, NULL}, "head"},
        {{"{\"t\":\"checkpoint\"}", NULL}, "head"},
        {{"{\"t\":\"deny\",\"k\":\"person\",\"id\":\"p\",\"rev\":2}", NULL}, "head"},
        {{HEAD, HEAD, NULL}, "second head"},
        {{"{\"t\":\"head\",\"epoch\":2,\"next\":\"x\"}", NULL}, "epoch 2"},
        {{"{\"t\":\"head\",\"epoch\":1}", NULL}, "next"},
        {{"{\"t\":\"head\",\"epoch\":1,\"next\":\"\"}", NULL}, "next"},
        {{"{\"t\":\"head\",\"epoch\":\"1\",\"next\":\"x\"}", NULL}, "epoch"},
        {{HEAD, SITE, "{\"t\":\"novelty\"}", NULL}, "novelty"},
        {{HEAD, SITE, "{\"t\":7}", NULL}, "\"t\""},
        {{HEAD, SITE, "not json", NULL}, "JSON"},
        {{HEAD, SITE, "[1]", NULL}, "JSON"},
        {{HEAD, SITE, "{\"k\":\"door_mode\",\"id\":\"m1\",\"d\":{\"where\":{\"all\":true}}}", NULL},
         "tier"},
        {{HEAD, "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Moon/Sea\"}}", NULL}, "Moon/Sea"},
        {{HEAD, "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"tz\":\"+02:00\"}}", NULL}, "tz"},
        {{HEAD, "{\"t\":\"deny\",\"k\":\"door\",\"id\":\"front\",\"rev\":2}", NULL}, "door front"},
        {{HEAD, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"?\",\"rev\":2}", NULL}, "deny"},
        {{HEAD, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"p\"}", NULL}, "deny"},
        {{HEAD, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"p\",\"rev\":-1}", NULL}, "denied"},
        {{HEAD, "{\"t\":\"checkpoint\"}", NULL}, "schema"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct feed f = new_feed(false);
        assert_false(feed_all(&f, cases[i].lines));
        if (!strstr(f.why, cases[i].word))
            fail_msg("case %zu: no \"%s\" in \"%s\"", i, cases[i].word, f.why);
        feed_drop(&f);
        assert_int_equal(state_now().version.epoch, 0);
    }
}

static void a_change_set_without_a_checkpoint_is_refused(void **state)
{
    (void)state;
    struct feed f = new_feed(false);
    assert_true(feed_all(&f, (const char *const[]){HEAD, SITE, NULL}));
    assert_int_equal(feed_commit(&f, slice_of(f.next)), GH_INVALID);
    assert_non_null(strstr(f.why, "no checkpoint at the end"));
    feed_drop(&f);
    assert_int_equal(state_now().rows, 0);
}

#define ORDER "{\"t\":\"command\",\"id\":\"o1\"}"
#define DENIAL(id) "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"" id "\",\"rev\":2}"

static void what_is_denied_and_ordered_counts_behind_a_line_that_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {HEAD, DENIAL("p1"), "{\"t\":\"novelty\"}", "not json", SITE,
                                        DENIAL("p2"), "{\"t\":\"deny\"}", ORDER, NULL};
    struct feed f = new_feed(false);
    commands[0] = '\0';
    for (size_t i = 0; lines[i]; i++)
        assert_true(feed_line_on(&f, slice_of(lines[i])));
    assert_string_equal(commands, "-person p1 2|-person p2 2|" ORDER "|");
    assert_int_equal(f.err, GH_INVALID);
    assert_non_null(strstr(f.why, "novelty"));
    feed_drop(&f);
    assert_int_equal(state_now().rows, 0);
}

static void the_lane_alone_takes_denials_and_commands_of_any_epoch_and_no_rows(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"t\":\"head\",\"epoch\":9,\"next\":\"9.9\",\"more\":true}", DENIAL("p1"), SITE, ORDER, NULL};
    struct feed f = {.is_lane = true, .command = take_command, .deny = take_denial};
    commands[0] = '\0';
    for (size_t i = 0; lines[i]; i++)
        assert_true(feed_line_on(&f, slice_of(lines[i])));
    assert_string_equal(commands, "-person p1 2|" ORDER "|");
    assert_string_equal(f.next, "9.9");
    struct feed g = {.is_lane = true, .command = take_command, .deny = take_denial};
    assert_false(feed_line_on(&g, slice_of("<html>"))); /* no change set at all */
}

static void nothing_may_stand_behind_the_checkpoint(void **state)
{
    (void)state;
    static const char *const late[] = {
        DOOR, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"p\",\"rev\":2}"};
    for (size_t i = 0; i < 2; i++) {
        struct feed f = new_feed(false);
        assert_true(feed_all(&f, (const char *const[]){HEAD, SITE, DOOR, site_and_door(2), NULL}));
        assert_false(feed_line(&f, slice_of(late[i])));
        assert_non_null(strstr(f.why, "behind the checkpoint"));
        feed_drop(&f);
    }
}

static void a_checkpoint_with_a_bad_member_is_refused_by_its_name(void **state)
{
    (void)state;
#define D "\"digest\":\"" EMPTY_DIGEST "\""
#define AT "\"issued_at\":\"2026-01-01T00:00:00Z\""
    static const struct {
        const char *json, *word;
    } cases[] = {
        {"{\"epoch\":1,\"rev\":2,\"rows\":0," D "," AT "}", "schema"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":2,\"rows\":0," D "," AT "}", "schema 2"},
        {"{\"rev\":2,\"schema\":1,\"rows\":0," D "," AT "}", "epoch"},
        {"{\"epoch\":0,\"rev\":2,\"schema\":1,\"rows\":0," D "," AT "}", "epoch"},
        {"{\"epoch\":1,\"rev\":-2,\"schema\":1,\"rows\":0," D "," AT "}", "rev"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":-1," D "," AT "}", "rows"},
        {"{\"epoch\":9007199254740992,\"rev\":2,\"schema\":1,\"rows\":0," D "," AT "}", "epoch"},
        {"{\"epoch\":1,\"rev\":9223372036854775807,\"schema\":1,\"rows\":0," D "," AT "}", "rev"},
        {"{\"epoch\":1,\"rev\":2.5,\"schema\":1,\"rows\":0," D "," AT "}", "rev"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":0," AT "}", "digest"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":0,\"digest\":\"ab\"," AT "}", "digest"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":0,\"digest\":"
         "\"ABCDEF0000000000000000000000000000000000000000000000000000000000\"," AT "}", "digest"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":0," D "}", "issued_at"},
        {"{\"epoch\":1,\"rev\":2,\"schema\":1,\"rows\":0," D ",\"issued_at\":\"yesterday\"}",
         "issued_at"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[REPLICA_WHY_MAX] = "";
        struct replica_checkpoint c = {.rows = 77};
        struct json *v = json_parse_object(slice_of(cases[i].json), NULL, 0);
        assert_non_null(v);
        assert_int_equal(feed_checkpoint(&c, v, &trust, why), GH_INVALID);
        json_free(v);
        if (!strstr(why, cases[i].word))
            fail_msg("case %zu: no \"%s\" in \"%s\"", i, cases[i].word, why);
        assert_int_equal(c.rows, 77);
    }
}

#define COMMAND "{\"t\":\"command\",\"id\":\"cmd-7\",\"action\":\"release\",\"sig\":\"no\"}"

static void a_command_is_handed_over_as_it_came_and_never_stops_the_policy(void **state)
{
    (void)state;
    commands[0] = '\0';
    struct feed f = new_feed(false);
    assert_true(feed_all(&f, (const char *const[]){HEAD, COMMAND, NULL}));
    assert_string_equal(commands, COMMAND "|"); /* before anything behind it is read */
    assert_true(feed_all(&f, (const char *const[]){SITE, DOOR, site_and_door(2), NULL}));
    assert_int_equal(feed_commit(&f, slice_of(f.next)), GH_OK);
    struct feed g = new_feed(false);
    assert_true(feed_all(&g, (const char *const[]){HEAD, COMMAND, NULL}));
    assert_string_equal(commands, COMMAND "|" COMMAND "|"); /* also where the rest never comes */
    feed_drop(&g);
}

/* --- signatures ------------------------------------------------------------------------ */

#define ISSUED "2026-01-05T08:00:00Z"

/* A checkpoint of epoch 1, signed over these texts with this seed. */
static char *signed_checkpoint(unsigned char seed, const char *of_site, int64_t rev)
{
    static char text[600];
    unsigned char public[32], secret[64], bytes[32], sig[64];
    char message[300], base64[89];
    memset(bytes, seed, sizeof bytes);
    crypto_sign_seed_keypair(public, secret, bytes);
    int n = snprintf(message, sizeof message, "gatehouse-checkpoint\n%s\n1\n%lld\n1\n0\n%s\n" ISSUED,
                     of_site, (long long)rev, EMPTY_DIGEST);
    crypto_sign_detached(sig, NULL, (const unsigned char *)message, (size_t)n, secret);
    sodium_bin2base64(base64, sizeof base64, sig, sizeof sig, sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, sizeof text,
             "{\"epoch\":1,\"rev\":%lld,\"schema\":1,\"rows\":0,\"digest\":\"%s\","
             "\"issued_at\":\"" ISSUED "\",\"sig\":\"%s\"}",
             (long long)rev, EMPTY_DIGEST, base64);
    return text;
}

static struct sign_keys keys_of(unsigned char a, unsigned char b)
{
    struct sign_keys out = {.n = 2};
    unsigned char secret[64], seed[32];
    memset(seed, a, sizeof seed);
    crypto_sign_seed_keypair(out.key[0], secret, seed);
    memset(seed, b, sizeof seed);
    crypto_sign_seed_keypair(out.key[1], secret, seed);
    return out;
}

static void is_taken(const char *text, const struct feed_trust *by, const char *why_not)
{
    struct replica_checkpoint c;
    char why[REPLICA_WHY_MAX] = "";
    struct json *v = json_parse_object(slice_of(text), NULL, 0);
    assert_non_null(v);
    enum gh_err err = feed_checkpoint(&c, v, by, why);
    json_free(v);
    if ((err == GH_OK) != !why_not || (why_not && !strstr(why, why_not)))
        fail_msg("%s: \"%s\", wanted \"%s\"", text, why, why_not ? why_not : "none");
}

static void only_a_checkpoint_that_a_pinned_key_signed_for_this_site_is_taken(void **state)
{
    (void)state;
    struct sign_keys pinned = keys_of(1, 2);
    struct feed_trust strict = {.keys = &pinned, .site = &site};
    is_taken(signed_checkpoint(1, "hq", 5), &strict, NULL);
    is_taken(signed_checkpoint(2, "hq", 5), &strict, NULL); /* the next key is pinned, too */
    is_taken(signed_checkpoint(3, "hq", 5), &strict, "pinned policy key");
    is_taken(signed_checkpoint(1, "other", 5), &strict, "pinned policy key");
    char *text = signed_checkpoint(1, "hq", 5);
    *(strstr(text, "\"rows\":0") + 7) = '1';
    is_taken(text, &strict, "pinned policy key");
    text = signed_checkpoint(1, "hq", 5);
    *(strstr(text, "08:00:00Z") + 7) = '1';
    is_taken(text, &strict, "pinned policy key"); /* its age is signed */
    text = signed_checkpoint(1, "hq", 5);
    strcpy(strstr(text, "\"sig\""), "\"sig\":\"\"}");
    is_taken(text, &strict, "pinned policy key");
    text = signed_checkpoint(1, "hq", 5);
    strcpy(strstr(text, ",\"sig\""), "}");
    is_taken(text, &strict, "pinned policy key");
    strict.keys = NULL;
    is_taken(text, &strict, NULL);
}

static void nothing_below_the_floor_is_taken_however_well_it_is_signed(void **state)
{
    (void)state;
    struct sign_keys pinned = keys_of(1, 1);
    struct feed_trust strict = {.keys = &pinned, .site = &site, .floor = {1, 5}};
    is_taken(signed_checkpoint(1, "hq", 5), &strict, NULL);
    is_taken(signed_checkpoint(1, "hq", 4), &strict, "1/4 is older than 1/5");
    strict.floor = (struct floor){2, 1};
    is_taken(signed_checkpoint(1, "hq", 9), &strict, "1/9 is older than 2/1");
}

static void the_floor_is_kept_beside_the_replica(void **state)
{
    (void)state;
    struct floor at;
    char path[FOLDER_PATH_MAX];
    assert_int_equal(floor_load(&at, folder.path), GH_NOT_FOUND);
    assert_int_equal(floor_save(&(struct floor){3, 4000000000}, folder.path), GH_OK);
    assert_int_equal(floor_load(&at, folder.path), GH_OK);
    assert_true(at.epoch == 3 && at.rev == 4000000000);
    assert_int_equal(floor_save(&(struct floor){INT64_MAX, INT64_MAX - 1}, folder.path), GH_OK);
    assert_int_equal(floor_load(&at, folder.path), GH_OK);
    assert_true(at.epoch == INT64_MAX && at.rev == INT64_MAX - 1);
    static const char *const bad[] = {"", "floor", "floor 1", "floor 1 2", "floor 1 2\nx", "floor -1 2\n",
                                      "floor 1 99999999999999999999\n", "ceiling 1 2\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(folder_write(&folder, FLOOR_FILE, bad[i], 0600));
        assert_int_equal(floor_load(&at, folder.path), GH_CORRUPT);
        assert_true(at.epoch == 0 && at.rev == 0);
    }
    assert_true(folder_file(&folder, FLOOR_FILE, path));
    unlink(path);
}

static void a_key_file_that_others_may_write_is_not_believed(void **state)
{
    (void)state;
    struct sign_keys loaded;
    char path[FOLDER_PATH_MAX];
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
    assert_true(folder_file(&folder, "pub", path));
    assert_int_equal(sign_keys_load(&loaded, path), GH_NOT_FOUND);
    assert_true(folder_write(&folder, "pub", KEY KEY, 0644));
    assert_int_equal(sign_keys_load(&loaded, path), GH_OK);
    assert_int_equal(loaded.n, 2);
    assert_true(folder_write(&folder, "pub", KEY, 0666));
    chmod(path, 0666);
    assert_int_equal(sign_keys_load(&loaded, path), GH_INVALID);
    chmod(path, 0600);
    static const char *const bad[] = {"", "\n", "0011\n", KEY "x\n", KEY "\n", KEY KEY KEY KEY KEY,
                                      "x" KEY};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(folder_write(&folder, "pub", bad[i], 0600));
        assert_int_equal(sign_keys_load(&loaded, path), GH_CORRUPT);
    }
    assert_true(folder_write(&folder, "pub", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 0600));
    assert_int_equal(sign_keys_load(&loaded, path), GH_CORRUPT); /* cut short */
    unlink(path);
}

static void a_batch_that_does_not_add_up_leaves_the_old_policy(void **state)
{
    (void)state;
    struct feed f = new_feed(false);
    assert_true(feed_all(&f, (const char *const[]){HEAD, SITE, DOOR, site_and_door(2), NULL}));
    assert_int_equal(feed_commit(&f, slice_of(f.next)), GH_OK);
    struct replica_state before = state_now();
    struct feed g = new_feed(false);
    assert_true(feed_all(&g, (const char *const[]){
        HEAD, "{\"k\":\"door\",\"id\":\"front\",\"op\":\"del\"}",
        checkpoint(3, 1, EMPTY_DIGEST), NULL}));
    assert_int_equal(feed_commit(&g, slice_of(g.next)), GH_CORRUPT);
    assert_true(g.why[0] != '\0');
    struct replica_state after = state_now();
    assert_int_equal(after.version.rev, before.version.rev);
    assert_string_equal(after.digest, before.digest);
    assert_int_equal(after.rows, 2);
}

static void a_lower_place_is_refused(void **state)
{
    (void)state;
    struct feed f = new_feed(false);
    assert_true(feed_all(&f, (const char *const[]){HEAD, SITE, DOOR, site_and_door(5), NULL}));
    assert_int_equal(feed_commit(&f, slice_of(f.next)), GH_OK);
    struct feed g = new_feed(false);
    assert_true(feed_all(&g, (const char *const[]){HEAD, SITE, DOOR, site_and_door(4), NULL}));
    assert_int_equal(feed_commit(&g, slice_of(g.next)), GH_INVALID);
    assert_int_equal(state_now().version.rev, 5);
}

/* Whatever else comes would only fill the disk. */
static void in_a_snapshot_a_row_more_than_the_checkpoint_says_is_refused(void **state)
{
    (void)state;
    struct feed f = new_feed(true);
    f.has_checkpoint = true;
    f.checkpoint.rows = 1;
    assert_true(feed_line(&f, slice_of(SITE)));
    assert_false(feed_line(&f, slice_of(DOOR)));
    assert_int_equal(f.err, GH_INVALID);
    assert_non_null(strstr(f.why, "more rows than"));
    feed_drop(&f);
}

static void in_a_snapshot_a_line_that_is_no_row_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {HEAD, "{\"t\":\"checkpoint\"}", "{}", "nonsense"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct feed f = new_feed(true);
        f.has_checkpoint = true;
        f.checkpoint.rows = 9;
        assert_true(feed_line(&f, slice_of(SITE)));
        assert_false(feed_line(&f, slice_of(lines[i])));
        assert_int_equal(f.err, GH_INVALID);
        feed_drop(&f);
    }
    assert_int_equal(state_now().version.epoch, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_whole_change_set_becomes_the_policy),
        T(a_change_set_that_is_not_in_order_is_refused_with_its_reason),
        T(a_change_set_without_a_checkpoint_is_refused),
        T(what_is_denied_and_ordered_counts_behind_a_line_that_is_refused),
        T(the_lane_alone_takes_denials_and_commands_of_any_epoch_and_no_rows),
        T(nothing_may_stand_behind_the_checkpoint),
        T(a_checkpoint_with_a_bad_member_is_refused_by_its_name),
        T(a_command_is_handed_over_as_it_came_and_never_stops_the_policy),
        T(only_a_checkpoint_that_a_pinned_key_signed_for_this_site_is_taken),
        T(nothing_below_the_floor_is_taken_however_well_it_is_signed),
        T(the_floor_is_kept_beside_the_replica),
        T(a_key_file_that_others_may_write_is_not_believed),
        T(a_batch_that_does_not_add_up_leaves_the_old_policy),
        T(a_lower_place_is_refused),
        T(in_a_snapshot_a_row_more_than_the_checkpoint_says_is_refused),
        T(in_a_snapshot_a_line_that_is_no_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
