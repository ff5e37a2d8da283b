/* The reference cloud: signed checkpoints, commands, and what a forger would make of them. */
#include "system/cloud_fixture.h"

#define COMMANDS "/admin/sites/plaza/gateways/g1/commands"
#define FAULTS "/admin/faults"
#define SETTINGS "/admin/settings"
#define STRANGER "{\"k\":\"group\",\"id\":\"x\",\"d\":{}}\n"

/* --- a server with keys ---------------------------------------------------------------- */

static unsigned char policy_key[32], command_key[32];

static void run_with_program(const struct fixture *f, const char *command)
{
    char line[1024];
    char *program = program_path();
    snprintf(line, sizeof line, "P='%s' && %s", program, command);
    free(program);
    shell(f->dir, line);
}

static void read_key(const struct fixture *f, const char *name, unsigned char out[32])
{
    char path[128], text[80] = "";
    size_t len = 0;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text, file), 65);
    fclose(file);
    assert_int_equal(text[64], '\n');
    assert_int_equal(sodium_hex2bin(out, 32, text, 64, NULL, &len, NULL), 0);
    assert_int_equal(len, 32);
}

/* As start() of the fixture, with both keys. */
static void start_signed(struct fixture *f)
{
    int out[2];
    char line[80] = "";
    char *program = program_path();
    assert_int_equal(pipe(out), 0);
    f->pid = fork();
    if (f->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(f->dir) == 0 && dup2(out[1], 1) == 1)
            execl(program, program, "--data", "data", "--cert", "cert.pem", "--key", "key.pem",
                  "--port", "0", "--token", "token", "--admin-token", "admin-token",
                  "--policy-key", "policy.seed", "--command-key", "command.seed", (char *)0);
        _exit(127);
    }
    close(out[1]);
    FILE *file = fdopen(out[0], "r");
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    free(program);
    assert_non_null(got);
    assert_memory_equal(line, "listening on 127.0.0.1:", 23);
    line[strcspn(line, "\n")] = '\0';
    snprintf(f->base, sizeof f->base, "https://%.40s", line + 13);
}

static int setup_signed(void **state)
{
    if (setup(state) != 0)
        return -1;
    struct fixture *f = *state;
    if (stop(f, SIGTERM) != 0)
        return -1;
    run_with_program(f, "\"$P\" --make-key policy.seed >policy.pub && "
                        "\"$P\" --make-key command.seed >command.pub");
    read_key(f, "policy.pub", policy_key);
    read_key(f, "command.pub", command_key);
    start_signed(f);
    return 0;
}

#define SIGNED(name) cmocka_unit_test_setup_teardown(name, setup_signed, teardown)

/* --- what is signed ------------------------------------------------------------------------ */

static bool is_signature_of(const unsigned char key[32], const char *sig, const char *text)
{
    unsigned char raw[64];
    size_t len = 0;
    return strlen(sig) == 88 &&
           sodium_base642bin(raw, sizeof raw, sig, 88, NULL, &len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           len == sizeof raw &&
           crypto_sign_verify_detached(raw, (const unsigned char *)text, strlen(text), key) == 0;
}

static json_t *parsed(const char *text, size_t len)
{
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!v)
        fail_msg("no JSON: %.*s", (int)len, text);
    return v;
}

static const char *word_of(const json_t *v, const char *name)
{
    const char *word = json_string_value(json_object_get(v, name));
    assert_non_null(word);
    return word;
}

static long long count_of(const json_t *v, const char *name)
{
    assert_true(json_is_integer(json_object_get(v, name)));
    return json_integer_value(json_object_get(v, name));
}

/* The checkpoint's signature against the bytes that its members give. */
static bool is_signed(const json_t *v)
{
    char text[512];
    snprintf(text, sizeof text, "gatehouse-checkpoint\nplaza\n%lld\n%lld\n%lld\n%lld\n%s\n%s",
             count_of(v, "epoch"), count_of(v, "rev"), count_of(v, "schema"), count_of(v, "rows"),
             word_of(v, "digest"), word_of(v, "issued_at"));
    return is_signature_of(policy_key, word_of(v, "sig"), text);
}

/* Line number n of the body, owned, without its newline; from behind if n < 0. */
static char *line_of(const struct reply *r, int n)
{
    int lines = 0;
    for (size_t i = 0; i < r->len; i++)
        lines += r->body[i] == '\n';
    const char *at = r->body;
    for (int i = n < 0 ? lines + n : n; i > 0; i--) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    return strndup(at, strcspn(at, "\n"));
}

static json_t *checkpoint_called(const struct fixture *f)
{
    const struct reply *r = get(f, CHECKPOINT);
    assert_int_equal(r->status, 200);
    return parsed(r->body, r->len);
}

static json_t *checkpoint_of_changes(const struct fixture *f, const char *path)
{
    const struct reply *r = get(f, path);
    assert_int_equal(r->status, 200);
    char *line = line_of(r, -1);
    json_t *v = parsed(line, strlen(line));
    assert_string_equal(word_of(v, "t"), "checkpoint");
    free(line);
    return v;
}

/* Signature, and everything else as it has to be? */
static bool is_command_signed(const char *line)
{
    char text[2048];
    static const char before[] = ",\"sig\":\"";
    const char *at = strstr(line, before);
    if (!at || strlen(at) != sizeof before - 1 + 88 + 2 || strcmp(at + strlen(at) - 2, "\"}") != 0)
        return false;
    char *sig = strndup(at + sizeof before - 1, 88);
    snprintf(text, sizeof text, "gatehouse-command\n%.*s}", (int)(at - line), line);
    bool good = is_signature_of(command_key, sig, text);
    free(sig);
    return good;
}

/* --- keys -------------------------------------------------------------------------------- */

static void a_key_is_made_once_and_shown_again(void **state)
{
    const struct fixture *f = *state;
    run_with_program(f, "\"$P\" --make-key k >a && test $(stat -c %a k) = 600 && "
                        "grep -qxE '[0-9a-f]{64}' k && grep -qxE '[0-9a-f]{64}' a && ! cmp -s k a");
    run_with_program(f, "\"$P\" --public-key k >b && cmp a b");
    run_with_program(f, "cp -p k before && ! \"$P\" --make-key k >c 2>err && test ! -s c && "
                        "test $(wc -l <err) = 1 && grep -q 'k: File exists' err && cmp k before");
    run_with_program(f, "tr -d '\\n' <k >bare && chmod 600 bare && \"$P\" --public-key bare | cmp - a");
}

static void a_file_that_is_no_key_is_refused(void **state)
{
    const struct fixture *f = *state;
    static const char *const BAD[] = {
        "! \"$P\" --public-key none 2>err && grep -q 'none: No such file' err",
        "cp policy.seed open && chmod 640 open && ! \"$P\" --public-key open 2>err && "
        "grep -q 'chmod 600' err",
        "head -c 63 policy.seed >short && chmod 600 short && ! \"$P\" --public-key short 2>err && "
        "grep -q '64 hex digits' err",
        "(cat policy.seed; echo) >long && chmod 600 long && ! \"$P\" --public-key long 2>err && "
        "grep -q '64 hex digits' err",
        "tr 0-9 x <policy.seed >x && chmod 600 x && ! \"$P\" --public-key x 2>err && "
        "grep -q '64 hex digits' err",
        "! \"$P\" --data d --cert cert.pem --key key.pem --port 0 --token token "
        "--admin-token admin-token --command-key short 2>err && grep -q 'short: must hold' err",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char command[512];
        snprintf(command, sizeof command, "%s && test $(wc -l <err) = 1", BAD[i]);
        run_with_program(f, command);
    }
}

static void without_keys_nothing_is_signed(void **state)
{
    const struct fixture *f = *state;
    char sig[128];
    admin(f, ROWS, SITE_ROW);
    copy_string_of(get(f, CHECKPOINT), "sig", sig);
    assert_string_equal(sig, "");
    admin(f, COMMANDS, "{\"id\":\"c\",\"action\":\"lockdown\",\"issued_at\":\"2026-01-05T08:00:00Z\"}");
    assert_line(get(f, CHANGES "1.1.1"), 1,
                "{\"t\":\"command\",\"id\":\"c\",\"gateway\":\"g1\",\"action\":\"lockdown\","
                "\"issued_at\":\"2026-01-05T08:00:00Z\",\"by\":\"cloud:admin\"}\n");
}

/* --- checkpoints ---------------------------------------------------------------------------- */

static void every_checkpoint_is_signed(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        admin(f, ROWS, i == 1 ? SITE_ROW : STRANGER);
        json_t *called = checkpoint_called(f);
        json_t *last = checkpoint_of_changes(f, CHANGES "1.0");
        assert_true(is_signed(called));
        assert_true(is_signed(last));
        assert_string_equal(word_of(called, "sig"), word_of(last, "sig"));
        json_decref(called);
        json_decref(last);
    }
    admin(f, "/admin/sites/plaza/epoch", "");
    json_t *anew = checkpoint_called(f);
    assert_true(is_signed(anew) && count_of(anew, "epoch") == 2);
    assert_int_equal(stop(f, SIGKILL), -SIGKILL);
    start_signed(f);
    json_t *again = checkpoint_called(f);
    assert_true(json_equal(anew, again));
    json_object_set_new(again, "rows", json_integer(3));
    assert_false(is_signed(again));
    json_decref(anew);
    json_decref(again);
}

static void signatures_can_be_wrong_or_missing(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    for (int i = 0; i < 2; i++) {
        json_t *v;
        admin(f, FAULTS, "{\"wrong_signature\":1}");
        v = i ? checkpoint_called(f) : checkpoint_of_changes(f, CHANGES "1.0");
        assert_false(is_signed(v));
        assert_int_equal(strlen(word_of(v, "sig")), 88);
        json_decref(v);
        admin(f, FAULTS, "{\"unsigned\":1}");
        v = i ? checkpoint_called(f) : checkpoint_of_changes(f, CHANGES "1.0");
        assert_string_equal(word_of(v, "sig"), "");
        json_decref(v);
        v = i ? checkpoint_called(f) : checkpoint_of_changes(f, CHANGES "1.0");
        assert_true(is_signed(v));
        json_decref(v);
    }
}

/* A checkpoint of the past that nothing gives away but its place. */
static void assert_goes_back(const struct fixture *f, const char *fault, long long epoch,
                             long long rev, long long rows, const char *digest)
{
    for (int i = 0; i < 2; i++) {
        char path[64];
        json_t *now = checkpoint_called(f);
        snprintf(path, sizeof path, CHANGES "%lld.%lld", count_of(now, "epoch"),
                 count_of(now, "rev"));
        admin(f, FAULTS, fault);
        json_t *v = i ? checkpoint_called(f) : checkpoint_of_changes(f, path);
        assert_true(is_signed(v));
        assert_int_equal(count_of(v, "epoch"), epoch);
        assert_int_equal(count_of(v, "rev"), rev);
        assert_int_equal(count_of(v, "rows"), rows);
        assert_string_equal(word_of(v, "digest"), digest);
        snprintf(path, sizeof path, "/v1/sites/plaza/snapshots/%lld/%lld", epoch, rev);
        assert_string_equal(word_of(v, "snapshot"), path);
        json_decref(now);
        json_decref(v);
    }
}

static void checkpoints_can_be_older_ones(void **state)
{
    const struct fixture *f = *state;
    char one[128], two[128];
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    unsigned char bucket[32], all[32], *buckets = malloc(4096 * 32);
    char nothing[65];
    sodium_hex2bin(bucket, 32, empty, 64, NULL, NULL, NULL);
    for (size_t i = 0; i < 4096; i++)
        memcpy(buckets + i * 32, bucket, 32);
    crypto_hash_sha256(all, buckets, 4096 * 32);
    sodium_bin2hex(nothing, sizeof nothing, all, 32);
    free(buckets);
    admin(f, ROWS, SITE_ROW STRANGER);
    copy_string_of(get(f, CHECKPOINT), "digest", one);
    assert_goes_back(f, "{\"older_rev\":1}", 1, 0, 0, nothing);
    assert_goes_back(f, "{\"older_epoch\":1}", 1, 0, 0, nothing);
    admin(f, ROWS, "{\"k\":\"group\",\"id\":\"x\",\"op\":\"del\"}");
    copy_string_of(get(f, CHECKPOINT), "digest", two);
    assert_goes_back(f, "{\"older_rev\":1}", 1, 1, 2, one);
    admin(f, "/admin/sites/plaza/epoch", "");
    assert_goes_back(f, "{\"older_rev\":1}", 2, 0, 0, nothing);
    admin(f, ROWS, STRANGER);
    assert_goes_back(f, "{\"older_rev\":1}", 2, 3, 1, two);
    assert_goes_back(f, "{\"older_epoch\":1}", 1, 2, 1, two);
}

/* --- commands ---------------------------------------------------------------------------------- */

static void a_command_comes_behind_denials_and_in_front_of_rows(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW "{\"k\":\"person\",\"id\":\"a\",\"d\":{}}");
    admin(f, ROWS, "{\"k\":\"person\",\"id\":\"a\",\"op\":\"del\"}");
    admin(f, COMMANDS,
          "{\"by\":\"cloud:anna\",\"ttl_s\":60,\"issued_at\":\"2099-12-31T23:59:30Z\",\"id\":\"c-1\","
          "\"args\":{\"b\":[1,null],\"a\":\"\xc3\xb6\"},\"door\":\"d 1\",\"action\":\"release\"}");
    admin(f, "/admin/sites/plaza/gateways/g2/commands",
          "{\"id\":\"c-2\",\"action\":\"hold_open\",\"not_after\":\"2099-01-01T00:00:00Z\","
          "\"issued_at\":\"2026-01-05T08:00:00Z\"}");
    const struct reply *r = get(f, CHANGES "1.1.1");
    assert_line(r, 0, "{\"t\":\"head\",\"epoch\":1,\"next\":\"1.2.2\",\"more\":false}\n");
    assert_line(r, 1, "{\"t\":\"deny\",\"k\":\"person\",\"id\":\"a\"");
    assert_line(r, 2,
                "{\"t\":\"command\",\"id\":\"c-1\",\"gateway\":\"g1\",\"action\":\"release\","
                "\"door\":\"d 1\",\"args\":{\"b\":[1,null],\"a\":\"\xc3\xb6\"},"
                "\"issued_at\":\"2099-12-31T23:59:30Z\",\"not_after\":\"2100-01-01T00:00:30Z\","
                "\"by\":\"cloud:anna\",\"sig\":\"");
    assert_line(r, 3,
                "{\"t\":\"command\",\"id\":\"c-2\",\"gateway\":\"g2\",\"action\":\"hold_open\","
                "\"issued_at\":\"2026-01-05T08:00:00Z\",\"not_after\":\"2099-01-01T00:00:00Z\","
                "\"by\":\"cloud:admin\",\"sig\":\"");
    assert_line(r, 4, "{\"k\":\"person\",\"id\":\"a\",\"op\":\"del\"}\n");
    assert_line(r, 5, "{\"t\":\"checkpoint\",\"epoch\":1,\"rev\":2,");
    for (int i = 2; i <= 3; i++) {
        char *line = line_of(r, i);
        assert_true(is_command_signed(line));
        char *digit = strstr(line, "c-");
        digit[2] = '9';
        assert_false(is_command_signed(line));
        free(line);
    }
}

static void a_command_wakes_every_poll_and_may_come_alone(void **state)
{
    const struct fixture *f = *state;
    struct background *b[5];
    char id[128], text[128], *line = NULL;
    admin(f, ROWS, SITE_ROW);
    for (int i = 0; i < 5; i++)
        b[i] = begin(f, CHANGES "1.1.1&wait=50", i + 1);
    int64_t before = (int64_t)time(NULL);
    copy_string_of(ask(f, (struct request){.path = COMMANDS, .token = ADMIN,
                                           .body = "{\"action\":\"resync\"}"}), "id", id);
    snprintf(text, sizeof text, "{\"t\":\"command\",\"id\":\"%.64s\",\"gateway\":\"g1\"", id);
    for (int i = 0; i < 5; i++) {
        end(b[i]);
        assert_int_equal(b[i]->reply.status, 200);
        assert_line(&b[i]->reply, 0, "{\"t\":\"head\",\"epoch\":1,\"next\":\"1.1.1\"");
        assert_line(&b[i]->reply, 1, text);
        assert_line(&b[i]->reply, 2, "{\"t\":\"checkpoint\",\"epoch\":1,\"rev\":1,");
        free(line);
        line = line_of(&b[i]->reply, 1);
        free(b[i]);
    }
    assert_true(is_command_signed(line));
    json_t *v = parsed(line, strlen(line));
    struct tm tm = {0};
    assert_non_null(strptime(word_of(v, "issued_at"), "%Y-%m-%dT%H:%M:%SZ", &tm));
    assert_in_range(timegm(&tm), before, time(NULL));
    assert_null(json_object_get(v, "not_after"));
    assert_string_equal(word_of(v, "by"), "cloud:admin");
    json_decref(v);
    free(line);
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204); /* it was sent just now */
}

/* What the cloud says of the only command of g1; owned. */
static json_t *account_of_command(const struct fixture *f)
{
    const struct reply *r = admin_get(f, COMMANDS);
    assert_int_equal(r->status, 200);
    return parsed(r->body, r->len - 1);
}

static void post_event(const struct fixture *f, const char *gateway, int seq, const char *rest)
{
    char path[64], body[256];
    snprintf(path, sizeof path, "/v1/sites/plaza/gateways/%s/events", gateway);
    snprintf(body, sizeof body, "{\"stream\":\"s\",\"first_seq\":%d,\"events\":[{\"seq\":%d,%s}]}",
             seq, seq, rest);
    assert_int_equal(post(f, path, body)->status, 200);
}

static void a_command_comes_again_until_its_result_is_there(void **state)
{
    struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, COMMANDS, "{\"id\":\"c\",\"action\":\"lockdown\"}");
    json_t *v = account_of_command(f);
    assert_true(json_is_false(json_object_get(v, "sent")));
    json_decref(v);
    char *first = line_of(get(f, CHANGES "1.1.1"), 1);
    assert_int_equal(get(f, CHANGES "1.1.1&wait=1")->status, 204);
    admin(f, SETTINGS, "{\"command_again_s\":1}");
    post_event(f, "g2", 1, "\"kind\":\"command\",\"args\":{\"id\":\"c\",\"result\":\"done\"}");
    post_event(f, "g1", 1, "\"kind\":\"command\",\"args\":{\"id\":\"other\",\"result\":\"done\"}");
    post_event(f, "g1", 2, "\"kind\":\"tamper\",\"args\":{\"id\":\"c\",\"x\":{\"kind\":\"command\"}}");
    assert_int_equal(stop(f, SIGKILL), -SIGKILL); /* it is kept */
    start_signed(f);
    admin(f, SETTINGS, "{\"command_again_s\":1}");
    for (int i = 0; i < 2; i++) { /* a place that a snapshot gave, and the place now */
        const struct reply *r = get(f, i ? CHANGES "1.1.1&wait=20" : CHANGES "1.1&wait=20");
        char *again = line_of(r, 1);
        assert_string_equal(again, first);
        free(again);
        v = account_of_command(f);
        assert_true(json_is_true(json_object_get(v, "sent")));
        assert_true(json_is_null(json_object_get(v, "result")));
        assert_string_equal(word_of(v, "line"), first);
        json_decref(v);
    }
    post_event(f, "g1", 3, "\"kind\" : \"command\", \"args\":{\"result\":\"refused\",\"id\":\"c\"}");
    assert_int_equal(get(f, CHANGES "1.1.1&wait=2")->status, 204);
    post_event(f, "g1", 4, "\"kind\":\"command\",\"args\":{\"id\":\"c\",\"result\":\"duplicate\"}");
    v = account_of_command(f);
    assert_string_equal(word_of(v, "id"), "c");
    assert_string_equal(word_of(v, "result"), "refused");
    json_decref(v);
    free(first);
}

static void an_event_without_a_result_is_a_result_too(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, SETTINGS, "{\"command_again_s\":1}");
    admin(f, COMMANDS, "{\"id\":\"c\",\"action\":\"lockdown\"}");
    assert_line(get(f, CHANGES "1.1.1"), 1, "{\"t\":\"command\",\"id\":\"c\"");
    post_event(f, "g1", 1, "\"kind\":\"command\",\"args\":{\"id\":\"c\"}");
    assert_int_equal(get(f, CHANGES "1.1.1&wait=2")->status, 204);
    json_t *v = account_of_command(f);
    assert_true(json_is_null(json_object_get(v, "result")));
    json_decref(v);
}

static void a_command_is_not_sent_after_its_time(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, SETTINGS, "{\"command_again_s\":1}");
    admin(f, COMMANDS,
          "{\"id\":\"old\",\"action\":\"release\",\"ttl_s\":30,\"issued_at\":\"2026-01-05T08:00:00Z\"}");
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204);
    admin(f, COMMANDS, "{\"id\":\"short\",\"action\":\"release\",\"ttl_s\":2}");
    assert_line(get(f, CHANGES "1.1.1"), 1, "{\"t\":\"command\",\"id\":\"short\"");
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    assert_int_equal(get(f, CHANGES "1.1.1&wait=2")->status, 204);
    admin(f, FAULTS, "{\"replay_commands\":true}");
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204); /* they wait for a change set */
    for (int i = 0; i < 2; i++) {
        const struct reply *r = get(f, CHANGES "1.1");
        assert_line(r, 1, "{\"t\":\"command\",\"id\":\"old\"");
        assert_line(r, 2, "{\"t\":\"command\",\"id\":\"short\"");
        assert_line(r, 3, "{\"t\":\"checkpoint\"");
    }
    admin(f, FAULTS, "{\"replay_commands\":false}");
    assert_line(get(f, CHANGES "1.1"), 1, "{\"t\":\"checkpoint\"");
}

static void commands_that_are_none_are_refused(void **state)
{
    const struct fixture *f = *state;
    static const char *const BAD[] = {
        "", "[]", "{}", "{\"action\":1}", "{\"action\":\"lock\",\"door\":1}",
        "{\"action\":\"lock\",\"args\":[]}", "{\"action\":\"lock\",\"ttl_s\":-1}",
        "{\"action\":\"lock\",\"ttl_s\":\"5\"}", "{\"action\":\"lock\",\"id\":\"a b\"}",
        "{\"action\":\"lock\",\"id\":7}", "{\"action\":\"lock\",\"not_after\":\"tomorrow\"}",
        "{\"action\":\"lock\",\"issued_at\":\"2026-02-30T00:00:00Z\"}",
        "{\"action\":\"lock\",\"issued_at\":5}", "{\"action\":\"lock\",\"gateway\":\"g2\"}",
        "{\"action\":\"lock\",\"ttl_s\":5,\"not_after\":\"2026-01-05T08:00:00Z\"}",
        "{\"action\":\"lock\",\"action\":\"lock\"}",
    };
    admin(f, ROWS, SITE_ROW);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(ask(f, (struct request){.path = COMMANDS, .token = ADMIN, .body = BAD[i]}),
                       400);
    assert_refused(post(f, COMMANDS, "{\"action\":\"lockdown\"}"), 401);
    assert_string_equal(admin_get(f, COMMANDS)->body, "");
    assert_int_equal(get(f, CHANGES "1.1.1")->status, 204);
    assert_refused(ask(f, (struct request){.path = SETTINGS, .token = ADMIN,
                                           .body = "{\"command_again_s\":0}"}), 400);
    assert_int_equal(number_of(admin_get(f, "/admin/state"), "command_again_s"), 10);
}

static void commands_can_be_forged_or_unsigned(void **state)
{
    const struct fixture *f = *state;
    admin(f, ROWS, SITE_ROW);
    admin(f, FAULTS, "{\"wrong_command_signature\":1}");
    admin(f, COMMANDS, "{\"id\":\"forged\",\"action\":\"lockdown\"}");
    admin(f, FAULTS, "{\"unsigned_command\":1}");
    admin(f, COMMANDS, "{\"id\":\"unsigned\",\"action\":\"lockdown\"}");
    admin(f, COMMANDS, "{\"id\":\"good\",\"action\":\"lockdown\"}");
    const struct reply *r = get(f, CHANGES "1.1.1");
    static const char *const IDS[] = {"forged", "unsigned", "good"};
    for (int i = 0; i < 3; i++) {
        char *line = line_of(r, i + 1);
        json_t *v = parsed(line, strlen(line));
        assert_string_equal(word_of(v, "id"), IDS[i]);
        assert_int_equal(json_string_length(json_object_get(v, "sig")), i == 1 ? 0 : 88);
        assert_true(i != 1 || !json_object_get(v, "sig"));
        assert_true(is_command_signed(line) == (i == 2));
        json_decref(v);
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_made_once_and_shown_again),
        SIGNED(a_file_that_is_no_key_is_refused),
        TEST(without_keys_nothing_is_signed),
        SIGNED(every_checkpoint_is_signed),
        SIGNED(signatures_can_be_wrong_or_missing),
        SIGNED(checkpoints_can_be_older_ones),
        SIGNED(a_command_comes_behind_denials_and_in_front_of_rows),
        SIGNED(a_command_wakes_every_poll_and_may_come_alone),
        SIGNED(a_command_comes_again_until_its_result_is_there),
        SIGNED(an_event_without_a_result_is_a_result_too),
        SIGNED(a_command_is_not_sent_after_its_time),
        SIGNED(commands_that_are_none_are_refused),
        SIGNED(commands_can_be_forged_or_unsigned),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
