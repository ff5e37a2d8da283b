/* A decision sees one whole policy: while another is written, and after the
 * writer was killed in the middle. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/crypto/crypto.h"
#include "lib/process.h"
#include "lib/replica_kit.h"
#include "lib/wait.h"

/* --- beside a reader ------------------------------------------------------ */

struct watch {
    const char *path;
    atomic_bool stop;
    atomic_llong seen; /* the newest rev */
    long answers, torn, backwards, failed;
};

static void *watch_policy(void *context)
{
    struct watch *w = context;
    struct replica_reader *reader = replica_reader_open(w->path);
    struct policy_store store = replica_reader_port(reader);
    struct id r1 = {"r1"};
    unsigned char hash[VALUE_HASH_LEN];
    struct policy_facts f = {0};
    kit_value_hash(hash, CREDENTIAL_CARD, "A1");
    struct policy_query query = {.reader = &r1, .type = CREDENTIAL_CARD, .value_hash = hash};
    while (!atomic_load(&w->stop)) {
        if (store.ops->ask(store.self, &query, &f) != GH_OK) {
            w->failed++;
            continue;
        }
        w->answers++;
        w->torn += !kit_is_numbered(&f);
        w->backwards += f.version.rev < atomic_load(&w->seen);
        atomic_store(&w->seen, f.version.rev);
    }
    replica_reader_close(reader);
    return NULL;
}

struct awaited_rev {
    struct watch *watch;
    int64_t rev;
};

static bool was_seen(void *context)
{
    const struct awaited_rev *a = context;
    return atomic_load(&a->watch->seen) >= a->rev;
}

static void commit_numbered(struct kit *kit, bool is_snapshot)
{
    if (is_snapshot)
        kit_begin_snapshot(kit);
    else
        kit_begin(kit);
    kit_put_numbered(kit, kit->rev + 1);
    if (kit_commit(kit) != GH_OK)
        fail_msg("%s", kit->why);
}

static void a_reader_sees_every_policy_whole(void **state)
{
    (void)state;
    struct kit *kit = kit_make();
    struct watch watch = {.path = kit->path};
    pthread_t thread;
    commit_numbered(kit, true);
    assert_int_equal(pthread_create(&thread, NULL, watch_policy, &watch), 0);
    for (int i = 0; i < 150; i++)
        commit_numbered(kit, i % 5 == 0);
    struct awaited_rev last = {&watch, kit->rev};
    bool all_seen = wait_until(was_seen, &last, WAIT_MS);
    atomic_store(&watch.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(all_seen);
    assert_true(watch.answers > 0);
    assert_int_equal(watch.torn, 0);
    assert_int_equal(watch.backwards, 0);
    assert_int_equal(watch.failed, 0);
    kit_free(kit);
}

/* --- kill -9 -------------------------------------------------------------- */

/* The child: goes on from where the replica is, one commit after the other,
 * and says after each which it has made. */
static int write_until_killed(const char *path)
{
    struct kit *kit = calloc(1, sizeof *kit);
    struct replica_crypto crypto = kit_crypto();
    struct replica_state at;
    if (!kit || crypto_start() != GH_OK ||
        replica_writer_open(&kit->writer, path, &crypto, kit->why) != GH_OK)
        return 1;
    replica_writer_state(kit->writer, &at);
    kit->rev = at.version.rev;
    for (;;) {
        commit_numbered(kit, true);
        (void)printf("at %lld\n", (long long)kit->rev);
        (void)fflush(stdout);
        for (int i = 0; i < 3; i++) {
            commit_numbered(kit, false);
            (void)printf("at %lld\n", (long long)kit->rev);
            (void)fflush(stdout);
        }
    }
}

/* After the kill: a whole policy, the last one that was acknowledged or the one
 * after it, with the digest that belongs to it; and the writer can go on. */
static void assert_whole(struct kit *kit, int64_t acknowledged)
{
    struct replica_crypto crypto = kit_crypto();
    struct replica_state s;
    char digest[REPLICA_DIGEST_HEX + 1];
    struct policy_facts f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0);
    assert_true(kit_is_numbered(&f));
    assert_in_range(f.version.rev, acknowledged, acknowledged + 1);
    if (replica_writer_open(&kit->writer, kit->path, &crypto, kit->why) != GH_OK)
        fail_msg("%s", kit->why);
    replica_writer_state(kit->writer, &s);
    assert_int_equal(s.version.rev, f.version.rev);
    kit->rev = s.version.rev - 1;
    kit_begin_snapshot(kit); /* only for the model: what rev should hold */
    kit_put_numbered(kit, s.version.rev);
    kit_digest(&kit->begun, digest);
    replica_writer_drop(kit->writer);
    assert_string_equal(s.digest, digest);
    kit->applied = kit->begun;
    kit->rev = s.version.rev;
    commit_numbered(kit, false);
    f = kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0);
    assert_int_equal(f.version.rev, kit->rev);
    assert_true(kit_is_numbered(&f));
    replica_writer_close(kit->writer);
    kit->writer = NULL;
}

/* The last commit that the child said it had made. */
static int64_t last_acknowledged(const char *log)
{
    char *text = folder_read(log, NULL);
    assert_non_null(text);
    int64_t rev = 0;
    for (const char *p = text; (p = strstr(p, "at ")) != NULL; p++)
        if (strchr(p, '\n'))
            rev = strtoll(p + 3, NULL, 10);
    free(text);
    return rev;
}

static void a_killed_writer_leaves_the_old_policy_or_the_new(void **state)
{
    const char *self = *state; /* this program, to be started as the writer */
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20250116;
    struct kit *kit = kit_make();
    char log[FOLDER_PATH_MAX], line[64];
    print_message("SEED=%u\n", seed);
    srand(seed);
    commit_numbered(kit, true);
    replica_writer_close(kit->writer);
    kit->writer = NULL;
    assert_true(folder_file(&kit->folder, "writer.log", log));
    for (int round = 0; round < 40; round++) {
        const char *const argv[] = {self, "--write", kit->path, NULL};
        const struct process_options options = {.argv = argv, .log_path = log};
        struct process child = {0};
        assert_true(process_start(&child, &options));
        for (int commits = 1 + rand() % 6; commits > 0; commits--)
            assert_true(process_wait_line(&child, "at ", WAIT_MS, line, sizeof line));
        /* Some way into the next commits: the time is the fault, not a wait. */
        struct timespec pause = {0, rand() % 20000000};
        (void)nanosleep(&pause, NULL);
        assert_true(process_is_alive(&child));
        assert_true(process_kill(&child));
        assert_whole(kit, last_acknowledged(log));
    }
    kit_free(kit);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_until_killed(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_every_policy_whole),
        cmocka_unit_test_prestate(a_killed_writer_leaves_the_old_policy_or_the_new, argv[0]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
