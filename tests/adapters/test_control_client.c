/* Calls over a Unix socket to a peer that says whatever a test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/control.h"
#include "lib/folder.h"
#include "lib/wait.h"

/* A daemon that takes one request and answers with these bytes. */
struct peer {
    pthread_t thread;
    int fd;
    const char *answer;
    size_t len;
    bool keeps_open; /* until the client hangs up */
    char request[CONTROL_REQUEST_MAX + 2];
};

static struct folder folder;
static char path[FOLDER_PATH_MAX];
static struct peer peer;

static void *serve(void *context)
{
    struct peer *p = context;
    char byte;
    size_t len = 0;
    int fd = accept(p->fd, NULL, NULL);
    while (len < sizeof p->request - 1 && !memchr(p->request, '\n', len)) {
        ssize_t n = read(fd, p->request + len, sizeof p->request - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    for (size_t sent = 0; sent < p->len;) {
        ssize_t n = send(fd, p->answer + sent, p->len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    if (p->keeps_open)
        while (read(fd, &byte, 1) > 0)
            continue;
    close(fd);
    return NULL;
}

static void listen_with(const char *answer, size_t len, bool keeps_open)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    peer = (struct peer){.answer = answer, .len = len, .keeps_open = keeps_open};
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    peer.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(peer.fd, 1), 0);
    assert_int_equal(pthread_create(&peer.thread, NULL, serve, &peer), 0);
}

static void hang_up(void)
{
    pthread_join(peer.thread, NULL);
    close(peer.fd);
}

struct heard {
    char text[256];
    int count, stop_after;
    size_t longest;
};

static bool hear(void *context, struct slice line)
{
    struct heard *h = context;
    size_t len = strlen(h->text);
    snprintf(h->text + len, sizeof h->text - len, "%.*s|", line.len < 40 ? (int)line.len : 40,
             line.ptr);
    h->longest = line.len > h->longest ? line.len : h->longest;
    return ++h->count != h->stop_after;
}

static enum gh_err call(struct heard *h, const char *answer, size_t len, int stop_after)
{
    *h = (struct heard){.stop_after = stop_after};
    listen_with(answer, len, false);
    enum gh_err err = control_call(path, slice_of("{\"call\":\"x\"}"), WAIT_MS, hear, h);
    hang_up();
    return err;
}

static int begin(void **state)
{
    (void)state;
    return folder_make(&folder) && folder_file(&folder, "control.sock", path) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static void lines_arrive_until_the_daemon_closes(void **state)
{
    (void)state;
    struct heard h;
    assert_int_equal(call(&h, "one\ntwo\n", 8, 0), GH_OK);
    assert_string_equal(h.text, "one|two|");
    assert_string_equal(peer.request, "{\"call\":\"x\"}\n");
}

static void who_has_heard_enough_hangs_up(void **state)
{
    (void)state;
    struct heard h;
    assert_int_equal(call(&h, "one\ntwo\nthree\n", 14, 2), GH_OK);
    assert_string_equal(h.text, "one|two|");
}

static void an_answer_that_breaks_off_is_an_error(void **state)
{
    (void)state;
    struct heard h;
    assert_int_equal(call(&h, "", 0, 0), GH_IO);
    assert_int_equal(call(&h, "one\ntw", 6, 0), GH_IO);
    assert_string_equal(h.text, "one|");
}

static void the_longest_line_fits_and_a_longer_one_is_refused(void **state)
{
    (void)state;
    struct heard h;
    char *line = malloc(CONTROL_LINE_MAX + 2);
    assert_non_null(line);
    memset(line, 'x', CONTROL_LINE_MAX + 2);
    line[CONTROL_LINE_MAX] = '\n';
    assert_int_equal(call(&h, line, CONTROL_LINE_MAX + 1, 0), GH_OK);
    assert_int_equal(h.longest, CONTROL_LINE_MAX);
    line[CONTROL_LINE_MAX] = 'x';
    line[CONTROL_LINE_MAX + 1] = '\n';
    assert_int_equal(call(&h, line, CONTROL_LINE_MAX + 2, 0), GH_FULL);
    assert_int_equal(h.count, 0);
    free(line);
}

static void a_daemon_that_says_nothing_times_out(void **state)
{
    (void)state;
    struct heard h = {.stop_after = 0};
    listen_with("one\n", 4, true);
    assert_int_equal(control_call(path, slice_of("{}"), 200, hear, &h), GH_IO);
    assert_string_equal(h.text, "one|");
    hang_up();
}

static void nobody_there_is_something_else_than_a_broken_talk(void **state)
{
    (void)state;
    struct heard h = {.stop_after = 0};
    char nowhere[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "nobody.sock", nowhere));
    assert_int_equal(control_call(nowhere, slice_of("{}"), WAIT_MS, hear, &h), GH_RETRY);
    listen_with("one\n", 4, false);
    assert_int_equal(control_call(path, slice_of("{}"), WAIT_MS, hear, &h), GH_OK);
    hang_up();
    /* The file is still there, and nobody behind it. */
    assert_int_equal(control_call(path, slice_of("{}"), WAIT_MS, hear, &h), GH_RETRY);
}

static void a_request_or_a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct heard h = {.stop_after = 0};
    char big[CONTROL_REQUEST_MAX + 1], far[300];
    memset(big, 'x', sizeof big);
    memset(far, 'x', sizeof far);
    far[sizeof far - 1] = '\0';
    assert_int_equal(control_call(path, slice_make(big, sizeof big), WAIT_MS, hear, &h), GH_FULL);
    assert_int_equal(control_call(far, slice_of("{}"), WAIT_MS, hear, &h), GH_IO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines_arrive_until_the_daemon_closes),
        T(who_has_heard_enough_hangs_up),
        T(an_answer_that_breaks_off_is_an_error),
        T(the_longest_line_fits_and_a_longer_one_is_refused),
        T(a_daemon_that_says_nothing_times_out),
        T(nobody_there_is_something_else_than_a_broken_talk),
        T(a_request_or_a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
