/* The control socket's server, on a real journal: what clients may do without harm to the loop
 * or to the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/gatehoused/control_server.h"
#include "app/unix_socket.h"
#include "lib/by_hand.h"
#include "lib/folder.h"
#include "lib/journal_check.h"
#include "lib/wait.h"

#define BOOT 0xf00dfeedf00dfeedu
#define EVENTS 1000
#define SPREAD 2000 /* bytes: a page of them is more than a socket takes */

struct bench {
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    struct journal_db *journal;
    struct clerk *clerk;
    struct control_server *server;
    struct controller controller; /* for its journal alone */
    int epoll_fd, client;
    char text[4000];
};

static struct now no_time(void *self)
{
    (void)self;
    return (struct now){0};
}

static void settle(void *journal)
{
    journal_db_settle(journal);
}

static void no_damage(void *self)
{
    (void)self;
    fail_msg("there is damage in the journal");
}

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    char why[200];
    *state = b;
    if (!b || !folder_make(&b->folder) || !folder_file(&b->folder, "c.sock", b->path))
        return -1;
    b->journal = journal_check_open(b->folder.path, EVENTS + 100, BOOT);
    for (int i = 0; b->journal && i < EVENTS; i++)
        if (journal_check_append(b->journal, SPREAD, NULL) != GH_OK)
            return -1;
    if (!b->journal)
        return -1;
    struct journal port = journal_db_port(b->journal);
    b->controller.ports.journal = port;
    struct control_parts parts = {.now = no_time, .controller = &b->controller, .journal = b->journal};
    const struct clerk_journal journal = {.counts = port.ops->counts, .settle = settle,
                                          .met_damage = no_damage, .self = port.self};
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (clerk_open(&b->clerk, b->folder.path, &journal) != GH_OK)
        return -1;
    parts.clerk = b->clerk;
    if (control_server_open(&b->server, b->path, b->epoll_fd, &parts, why, sizeof why) != GH_OK)
        return -1;
    b->client = unix_socket_connect(b->path);
    return b->client >= 0 ? 0 : -1;
}

static int end(void **state)
{
    struct bench *b = *state;
    close(b->client);
    control_server_close(b->server);
    clerk_close(b->clerk);
    journal_db_close(b->journal);
    close(b->epoll_fd);
    folder_remove(&b->folder);
    free(b);
    return 0;
}

/* Turns of the loop, for as long as anything is ready; false: it never rests. */
static bool turn(struct bench *b)
{
    struct epoll_event e;
    for (int i = 0; i < 50; i++) {
        if (epoll_wait(b->epoll_fd, &e, 1, 0) == 0)
            return true;
        control_server_serve(b->server);
    }
    return false;
}

static void say(struct bench *b, const char *text)
{
    assert_int_equal(send(b->client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static bool has_answer(void *context)
{
    const struct bench *b = context;
    int n = 0;
    return ioctl(b->client, FIONREAD, &n) == 0 && n > 200; /* more than the first line */
}

static void what_comes_behind_a_request_that_is_answered_for_long_wakes_nobody(void **state)
{
    struct bench *b = *state;
    say(b, "{\"call\":\"events\",\"follow\":true,\"last\":1}\n");
    assert_true(turn(b));
    assert_true(wait_until(has_answer, b, WAIT_MS));
    say(b, "and more");
    assert_true(turn(b));
    assert_int_equal(shutdown(b->client, SHUT_WR), 0);
    assert_true(turn(b));
}

static void who_does_not_read_its_answer_does_not_hold_the_journal(void **state)
{
    struct bench *b = *state;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&b->folder, "journal.db", path));
    assert_true(journal_check_stored(b->journal, EVENTS));
    say(b, "{\"call\":\"events\"}\n");
    assert_true(turn(b));
    assert_true(wait_until(has_answer, b, WAIT_MS));
    /* It waits for the client now, or will. The log can be begun anew all the same. */
    assert_int_equal(journal_check_append(b->journal, SPREAD, NULL), GH_OK);
    assert_true(journal_check_stored(b->journal, EVENTS + 1));
    sqlite3 *db = by_hand_open(path);
    assert_non_null(db);
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct durable_wait {
    struct journal_db *journal;
    uint64_t seq;
};

static bool is_durable(void *context)
{
    const struct durable_wait *w = context;
    struct journal_counts n;
    journal_db_counts(w->journal, &n);
    return n.durable_seq >= w->seq;
}

/* The whole answer, in b->text. */
static bool is_answered(void *context)
{
    struct bench *b = context;
    ssize_t n = recv(b->client, b->text, sizeof b->text - 1, MSG_PEEK | MSG_DONTWAIT);
    b->text[n > 0 ? n : 0] = '\0';
    return strstr(b->text, "\"end\":true") != NULL;
}

/* Also before it was moved to the file that is read for it. */
static void a_question_finds_whatever_was_appended_before_it(void **state)
{
    static const char *const questions[] = {"{\"call\":\"events\",\"last\":1}\n",
                                            "{\"call\":\"batch\",\"limit\":9,\"max_bytes\":9000}\n"};
    struct bench *b = *state;
    struct journal_counts n;
    char wanted[40];
    journal_db_counts(b->journal, &n);
    uint64_t seq = EVENTS;
    for (size_t i = 0; i < 2; i++) {
        assert_true(journal_check_stored(b->journal, seq));
        assert_int_equal(journal_db_ack(b->journal, slice_of(n.stream), seq), GH_OK);
        assert_int_equal(journal_check_append(b->journal, 0, NULL), GH_OK);
        seq++;
        close(b->client);
        b->client = unix_socket_connect(b->path);
        assert_true(b->client >= 0);
        assert_true(wait_until(is_durable, &(struct durable_wait){b->journal, seq}, WAIT_MS));
        say(b, questions[i]);
        assert_true(turn(b));
        assert_true(wait_until(is_answered, b, WAIT_MS));
        snprintf(wanted, sizeof wanted, "\"seq\":%10d,", (int)seq);
        assert_non_null(strstr(b->text, wanted));
    }
}

static void a_socket_that_somebody_answers_at_is_not_taken_away(void **state)
{
    struct bench *b = *state;
    struct control_parts parts = {.now = no_time, .journal = b->journal, .clerk = b->clerk};
    struct control_server *other = NULL;
    char why[200] = "";
    enum gh_err err = control_server_open(&other, b->path, b->epoll_fd, &parts, why, sizeof why);
    if (!err)
        control_server_close(other);
    assert_int_equal(err, GH_IO);
    assert_non_null(strstr(why, "another gatehoused answers there"));
    assert_true(turn(b));
    int client = unix_socket_connect(b->path);
    assert_true(client >= 0);
    close(client);
}

static void a_socket_that_was_left_by_the_dead_is_replaced(void **state)
{
    struct bench *b = *state;
    struct control_parts parts = {.now = no_time, .journal = b->journal, .clerk = b->clerk};
    struct control_server *next = NULL;
    char why[200] = "", path[FOLDER_PATH_MAX];
    assert_true(folder_file(&b->folder, "dead.sock", path));
    int dead = unix_socket_listen(path, 0600, 1);
    assert_true(dead >= 0);
    close(dead);
    assert_int_equal(control_server_open(&next, path, b->epoll_fd, &parts, why, sizeof why), GH_OK);
    control_server_close(next);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_comes_behind_a_request_that_is_answered_for_long_wakes_nobody),
        T(a_socket_that_somebody_answers_at_is_not_taken_away),
        T(a_socket_that_was_left_by_the_dead_is_replaced),
        T(a_question_finds_whatever_was_appended_before_it),
        T(who_does_not_read_its_answer_does_not_hold_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
