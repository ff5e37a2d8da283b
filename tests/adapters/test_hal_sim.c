/* The simulated board through its real socket, and through its two ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"
#include "lib/wait.h"
#include "sim.h"

#define CLIENTS_MAX 20

struct client {
    int fd;
    size_t used;
    char buffer[4096];
};

struct bench {
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    struct hal_sim *sim;
    struct relay_board *relays;
    struct input_board *inputs;
    struct client client[CLIENTS_MAX];
};

static const struct hal_line LINE[4] = {
    {"gpiochip0", "17", false},
    {"gpiochip0", "18", true},
    {"gpiochip0", "22", false},
    {"gpiochip0", "23", true},
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    char why[HAL_TEXT_MAX];
    if (!b || !folder_make(&b->folder) || !folder_file(&b->folder, "board.sock", b->path))
        return -1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        b->client[i].fd = -1;
    b->sim = hal_sim_open(b->path, why);
    if (!b->sim)
        return -1;
    b->relays = hal_sim_relays(b->sim);
    b->inputs = hal_sim_inputs(b->sim);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (b->client[i].fd >= 0)
            close(b->client[i].fd);
    hal_sim_close(b->sim);
    folder_remove(&b->folder);
    free(b);
    return 0;
}

static int add_relay(struct bench *b, int line, const char *user, bool energized)
{
    int index = -1;
    char why[HAL_TEXT_MAX];
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[line], user, energized, &index, why),
                     HAL_OK);
    return index;
}

static int add_input(struct bench *b, int line, const char *user, int debounce_ms)
{
    int index = -1;
    bool active = true;
    char why[HAL_TEXT_MAX];
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[line], user, INPUT_BIAS_AS_IS,
                                         debounce_ms, &index, &active, why),
                     HAL_OK);
    assert_false(active);
    return index;
}

static enum hal_err set(struct bench *b, int relay, bool on)
{
    return b->relays->ops->set(b->relays, relay, on);
}

static void assert_level(struct bench *b, int relay, bool on)
{
    bool is = !on;
    assert_int_equal(b->relays->ops->get(b->relays, relay, &is), HAL_OK);
    assert_int_equal(is, on);
}

/* --- a client -------------------------------------------------------------- */

static struct client *connect_one(struct bench *b)
{
    int i = 0;
    while (b->client[i].fd >= 0)
        i++;
    struct client *c = &b->client[i];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, b->path, strlen(b->path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->used = 0;
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&address, sizeof address), 0);
    return c;
}

static void say_bytes(struct client *c, const char *bytes, size_t len)
{
    assert_int_equal(send(c->fd, bytes, len, MSG_NOSIGNAL), len);
}

static void say(struct client *c, const char *line)
{
    say_bytes(c, line, strlen(line));
    say_bytes(c, "\n", 1);
}

/* The next line, without its newline; false at the end of the stream. */
static bool hear(struct client *c, char line[512])
{
    for (;;) {
        char *end = memchr(c->buffer, '\n', c->used);
        if (end) {
            size_t len = (size_t)(end - c->buffer);
            assert_true(len < 512);
            memcpy(line, c->buffer, len);
            line[len] = '\0';
            c->used -= len + 1;
            memmove(c->buffer, end + 1, c->used);
            return true;
        }
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        ssize_t n = recv(c->fd, c->buffer + c->used, sizeof c->buffer - c->used, 0);
        if (n <= 0)
            return false;
        c->used += (size_t)n;
    }
}

/* The next line must be "HEAD <time> NAME"; returns the time. */
static int64_t hear_level(struct client *c, const char *head, const char *name)
{
    char line[512];
    assert_true(hear(c, line));
    size_t len = strlen(head);
    if (strncmp(line, head, len) != 0 || line[len] != ' ')
        fail_msg("heard \"%s\", wanted \"%s …\"", line, head);
    char *end;
    int64_t at_ns = strtoll(line + len + 1, &end, 10);
    if (name)
        assert_string_equal(*end == ' ' ? end + 1 : end, name);
    else
        assert_int_equal(*end, '\0');
    return at_ns;
}

static void hear_exactly(struct client *c, const char *text)
{
    char line[512];
    assert_true(hear(c, line));
    assert_string_equal(line, text);
}

/* Nothing but the answer to a sync may come. */
static void hear_nothing(struct client *c)
{
    say(c, "sync quiet");
    hear_exactly(c, "sync quiet");
}

/* --- relays ---------------------------------------------------------------- */

static void an_observer_first_sees_everything_as_it_is(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    add_relay(b, 1, "back door", true);
    add_input(b, 2, "front contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    hear_level(c, "relay 1 on", "back door");
    hear_level(c, "input 0 off", "front contact");
    hear_nothing(c);
}

static void a_change_bears_the_time_inside_set(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    int64_t before = wait_now_ns();
    assert_int_equal(set(b, r, true), HAL_OK);
    int64_t after = wait_now_ns();
    int64_t at = hear_level(c, "relay 0 on", "front");
    assert_true(before <= at && at <= after);
    assert_int_equal(set(b, r, false), HAL_OK);
    assert_true(hear_level(c, "relay 0 off", "front") > at);
    assert_int_equal(hal_sim_edges(b->sim, r), 2);
}

static void the_level_that_it_has_is_no_change(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", true);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 on", "front");
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_nothing(c);
    assert_int_equal(hal_sim_edges(b->sim, r), 0);
}

static void a_relay_added_later_is_announced(void **state)
{
    struct bench *b = *state;
    struct client *c = connect_one(b);
    hear_nothing(c);
    add_relay(b, 1, "side", true);
    hear_level(c, "relay 0 on", "side");
}

static void on_means_the_coil_also_when_the_wire_is_turned_over(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 1, "low", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "low");
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_level(c, "relay 0 on", "low");
    assert_level(b, r, true);
}

static void a_line_has_one_user_and_the_refusal_names_both(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    int index = 77;
    bool active;
    char why[HAL_TEXT_MAX] = "";
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[0], "back", true, &index, why),
                     HAL_INVALID);
    assert_non_null(strstr(why, "front"));
    assert_non_null(strstr(why, "back"));
    assert_non_null(strstr(why, "17"));
    why[0] = '\0';
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[0], "contact", INPUT_BIAS_AS_IS, 30,
                                         &index, &active, why),
                     HAL_INVALID);
    assert_non_null(strstr(why, "contact"));
    assert_int_equal(index, 77);
    assert_level(b, 0, false);
}

static void numbers_that_are_no_relay_are_refused(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    bool on;
    assert_int_equal(set(b, 1, true), HAL_INVALID);
    assert_int_equal(set(b, -1, true), HAL_INVALID);
    assert_int_equal(b->relays->ops->get(b->relays, 1, &on), HAL_INVALID);
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &on), HAL_INVALID);
    int index;
    static const struct hal_line nameless = {"gpiochip0", "", false};
    assert_int_equal(b->relays->ops->add(b->relays, &nameless, "x", true, &index, NULL),
                     HAL_INVALID);
    hal_sim_set_stuck(b->sim, 9, true);
    hal_sim_drive(b->sim, 9, true);
    assert_int_equal(hal_sim_edges(b->sim, 9), 0);
}

static void a_name_cannot_break_the_protocol(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "a\nrelay 9 on 0 b", false);
    add_relay(b, 1, NULL, false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "a?relay 9 on 0 b");
    hear_level(c, "relay 1 off", "-");
    hear_nothing(c);
}

/* --- faults ---------------------------------------------------------------- */

static void a_board_that_is_gone_says_so_and_keeps_its_levels(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", true);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 on", "front");
    say(c, "fault gone on");
    hear_level(c, "fault gone on", NULL);
    bool on = false;
    int index;
    assert_int_equal(set(b, r, false), HAL_GONE);
    assert_int_equal(b->relays->ops->get(b->relays, r, &on), HAL_GONE);
    assert_int_equal(b->relays->ops->add(b->relays, &LINE[1], "x", true, &index, NULL), HAL_GONE);
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    struct client *late = connect_one(b);
    hear_level(late, "relay 0 on", "front");
    hear_level(late, "fault gone on", NULL);
    say(c, "fault gone off");
    hear_level(c, "fault gone off", NULL);
    assert_level(b, r, true);
    assert_int_equal(set(b, r, false), HAL_OK);
    hear_level(c, "relay 0 off", "front");
}

static void a_stuck_relay_takes_the_order_and_tells_the_truth(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    say(c, "fault stuck 0 on");
    hear_level(c, "fault stuck 0 on", NULL);
    assert_int_equal(set(b, r, true), HAL_OK);
    assert_level(b, r, false);
    assert_int_equal(hal_sim_edges(b->sim, r), 0);
    say(c, "fault stuck 0 off");
    hear_level(c, "fault stuck 0 off", NULL);
    assert_level(b, r, false);
    assert_int_equal(set(b, r, true), HAL_OK);
    hear_level(c, "relay 0 on", "front");
}

/* --- inputs ---------------------------------------------------------------- */

static bool is_readable(struct bench *b, int timeout_ms)
{
    struct pollfd p = {.fd = b->inputs->ops->fd(b->inputs), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static struct input_change wait_change(struct bench *b)
{
    struct input_change change;
    int64_t end = wait_now_ns() + WAIT_MS * 1000000LL;
    while (b->inputs->ops->next(b->inputs, &change) != HAL_OK) {
        assert_true(wait_now_ns() < end);
        (void)is_readable(b, WAIT_MS);
    }
    return change;
}

static void an_observer_drives_an_input_and_the_change_comes_after_its_time(void **state)
{
    struct bench *b = *state;
    int plain = add_input(b, 2, "contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 off", "contact");
    struct input_change change;
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b, 0));
    say(c, "input 0 on");
    int64_t at = hear_level(c, "input 0 on", "contact");
    change = wait_change(b);
    assert_true(wait_now_ns() - at >= 30000000);
    assert_int_equal(change.index, plain);
    assert_true(change.active);
    assert_int_equal(change.mono_ns, at);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
    assert_false(is_readable(b, 0));
}

static void an_active_low_input_is_active_when_its_wire_is_low(void **state)
{
    struct bench *b = *state;
    add_input(b, 3, "fire", 0);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 on", "fire"); /* it rests inactive: the wire is high */
    say(c, "input 0 off");
    assert_true(wait_change(b).active);
    bool active = false;
    assert_int_equal(b->inputs->ops->get(b->inputs, 0, &active), HAL_OK);
    assert_true(active);
}

static void a_resistor_gives_an_input_its_resting_level(void **state)
{
    struct bench *b = *state;
    int index;
    bool active;
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[0], "up", INPUT_BIAS_PULL_UP, 30, &index,
                                         &active, NULL),
                     HAL_OK);
    assert_true(active);
    assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[3], "down", INPUT_BIAS_PULL_DOWN, 30,
                                         &index, &active, NULL),
                     HAL_OK);
    assert_true(active);
}

static void a_bounce_of_an_input_is_not_seen(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 400);
    hal_sim_drive(b->sim, i, true);
    hal_sim_drive(b->sim, i, false);
    hal_sim_drive(b->sim, i, true);
    hal_sim_drive(b->sim, i, false);
    struct input_change change;
    int64_t end = wait_now_ns() + 800000000;
    while (wait_now_ns() < end) { /* twice the time: our own clock */
        assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_INVALID);
        (void)is_readable(b, 50);
    }
}

static void more_edges_than_are_kept_still_end_at_the_right_level(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 20);
    bool told = false;
    for (int k = 0; k < 1001; k++)
        hal_sim_drive(b->sim, i, k % 2 == 0);
    while (!told)
        told = wait_change(b).active;
    bool active = false;
    assert_int_equal(b->inputs->ops->get(b->inputs, i, &active), HAL_OK);
    assert_true(active);
    for (int k = 0; k < 1001; k++)
        hal_sim_drive(b->sim, i, k % 2 == 1);
    while (told)
        told = wait_change(b).active;
}

static void what_changed_while_the_board_was_gone_is_noticed(void **state)
{
    struct bench *b = *state;
    int i = add_input(b, 2, "contact", 10);
    struct input_change change;
    hal_sim_set_gone(b->sim, true);
    assert_true(is_readable(b, 0));
    hal_sim_drive(b->sim, i, true);
    assert_int_equal(b->inputs->ops->next(b->inputs, &change), HAL_GONE);
    assert_false(is_readable(b, 0));
    bool active;
    assert_int_equal(b->inputs->ops->get(b->inputs, i, &active), HAL_GONE);
    hal_sim_set_gone(b->sim, false);
    assert_true(wait_change(b).active);
}

static void a_debounce_outside_its_range_is_refused(void **state)
{
    struct bench *b = *state;
    static const int bad[] = {-1, 1001, 100000};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int index;
        bool active;
        char why[HAL_TEXT_MAX] = "";
        assert_int_equal(b->inputs->ops->add(b->inputs, &LINE[0], "x", INPUT_BIAS_AS_IS, bad[i],
                                             &index, &active, why),
                         HAL_INVALID);
        assert_non_null(strstr(why, "1000"));
    }
}

/* --- observers ------------------------------------------------------------- */

static void a_bad_line_gives_one_error_and_changes_nothing(void **state)
{
    struct bench *b = *state;
    add_relay(b, 0, "front", false);
    add_input(b, 2, "contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    hear_level(c, "input 0 off", "contact");
    static const char *const bad[] = {
        "", " ", "relay 0 on", "input", "input 0", "input 0 ON", "input 0 on ", " input 0 on",
        "input  0 on", "input 0 on on", "input 1 on", "input -1 on", "input +0 on", "input 0x0 on",
        "input 99999999999999999999 on", "input\t0 on", "input 0 on\r", "fault", "fault gone",
        "fault gone 0 on", "fault gone yes", "fault stuck on", "fault stuck 1 on",
        "fault stuck a on", "fault melted on", "sync", "sync a b", "sync \xc3\xa4", "quit",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[512];
        say(c, bad[i]);
        assert_true(hear(c, line));
        if (strncmp(line, "error ", 6) != 0)
            fail_msg("\"%s\" was answered \"%s\"", bad[i], line);
        hear_nothing(c);
    }
    say_bytes(c, "input 0 on\0\n", 12);
    char line[512];
    assert_true(hear(c, line));
    assert_int_equal(strncmp(line, "error ", 6), 0);
    hear_nothing(c);
}

static void a_line_without_end_is_one_error_and_the_next_one_counts(void **state)
{
    struct bench *b = *state;
    add_input(b, 2, "contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 off", "contact");
    for (int i = 0; i < 5000; i++)
        say_bytes(c, "input 0 on ", 11);
    say_bytes(c, "\n", 1);
    hear_exactly(c, "error line too long");
    hear_nothing(c);
    say(c, "input 0 on");
    hear_level(c, "input 0 on", "contact");
}

static void lines_may_come_in_pieces_and_together(void **state)
{
    struct bench *b = *state;
    add_input(b, 2, "contact", 30);
    struct client *c = connect_one(b);
    hear_level(c, "input 0 off", "contact");
    say_bytes(c, "inp", 3);
    say_bytes(c, "ut 0 o", 6);
    say_bytes(c, "n\nsync a\ninput 0 off\nsync b\n", 28);
    hear_level(c, "input 0 on", "contact");
    hear_exactly(c, "sync a");
    hear_level(c, "input 0 off", "contact");
    hear_exactly(c, "sync b");
}

static void all_observers_see_all_changes_in_order(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c[16];
    for (int i = 0; i < 16; i++) {
        c[i] = connect_one(b);
        hear_level(c[i], "relay 0 off", "front");
    }
    struct client *refused = connect_one(b);
    hear_exactly(refused, "error too many observers");
    char line[512];
    assert_false(hear(refused, line));
    int64_t last[16] = {0};
    for (int k = 0; k < 100; k++) {
        assert_int_equal(set(b, r, k % 2 == 0), HAL_OK);
        for (int i = 0; i < 16; i++) {
            int64_t at = hear_level(c[i], k % 2 == 0 ? "relay 0 on" : "relay 0 off", "front");
            assert_true(at > last[i]);
            last[i] = at;
        }
    }
}

static void one_that_does_not_read_is_cut_off_and_holds_nobody_up(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *slow = connect_one(b);
    struct client *quick = connect_one(b);
    hear_level(slow, "relay 0 off", "front");
    hear_level(quick, "relay 0 off", "front");
    for (int k = 0; k < 20000; k++) {
        assert_int_equal(set(b, r, k % 2 == 0), HAL_OK);
        hear_level(quick, k % 2 == 0 ? "relay 0 on" : "relay 0 off", "front");
    }
    char line[512];
    int heard = 0;
    while (hear(slow, line))
        heard++;
    assert_in_range(heard, 100, 19999);
    hear_nothing(quick);
}

static void a_short_pause_of_an_observer_loses_nothing(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *c = connect_one(b);
    hear_level(c, "relay 0 off", "front");
    for (int k = 0; k < 3000; k++)
        assert_int_equal(set(b, r, k % 2 == 0), HAL_OK);
    for (int k = 0; k < 3000; k++)
        hear_level(c, k % 2 == 0 ? "relay 0 on" : "relay 0 off", "front");
    hear_nothing(c);
}

static void one_that_leaves_hurts_nobody(void **state)
{
    struct bench *b = *state;
    int r = add_relay(b, 0, "front", false);
    struct client *stays = connect_one(b);
    hear_level(stays, "relay 0 off", "front");
    for (int k = 0; k < 60; k++) {
        struct client *leaves = connect_one(b);
        if (k % 2)
            say_bytes(leaves, "input 0", 7);
        close(leaves->fd);
        leaves->fd = -1;
        assert_int_equal(set(b, r, k % 2 == 0), HAL_OK);
        hear_level(stays, k % 2 == 0 ? "relay 0 on" : "relay 0 off", "front");
    }
    hear_nothing(stays);
}

/* --- the socket itself ----------------------------------------------------- */

static void the_socket_is_for_its_owner_and_goes_with_the_board(void **state)
{
    struct bench *b = *state;
    struct stat st;
    assert_int_equal(stat(b->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    hal_sim_close(b->sim);
    b->sim = NULL;
    assert_int_not_equal(stat(b->path, &st), 0);
}

static void an_old_socket_is_replaced_and_the_new_one_stays(void **state)
{
    struct bench *b = *state;
    char why[HAL_TEXT_MAX];
    struct hal_sim *second = hal_sim_open(b->path, why);
    assert_non_null(second);
    hal_sim_close(b->sim);
    b->sim = second;
    b->relays = hal_sim_relays(second);
    add_relay(b, 0, "front", false);
    hear_level(connect_one(b), "relay 0 off", "front");
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct bench *b = *state;
    char path[FOLDER_PATH_MAX], why[HAL_TEXT_MAX] = "";
    assert_true(folder_write(&b->folder, "precious", "data", 0600));
    assert_true(folder_file(&b->folder, "precious", path));
    assert_null(hal_sim_open(path, why));
    assert_non_null(strstr(why, "not a socket"));
    char *text = folder_read(path, NULL);
    assert_string_equal(text, "data");
    free(text);
}

static void a_path_that_cannot_be_is_refused_with_a_reason(void **state)
{
    (void)state;
    char why[HAL_TEXT_MAX] = "", path[200];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_null(hal_sim_open(path, why));
    assert_non_null(strstr(why, "107"));
    assert_null(hal_sim_open("", why));
    assert_null(hal_sim_open("/nonexistent/board.sock", why));
    assert_non_null(strstr(why, "/nonexistent/board.sock"));
    assert_null(hal_sim_open("/nonexistent/board.sock", NULL));
}

static void it_works_without_a_socket(void **state)
{
    (void)state;
    char why[HAL_TEXT_MAX];
    struct hal_sim *sim = hal_sim_open(NULL, why);
    assert_non_null(sim);
    struct relay_board *relays = hal_sim_relays(sim);
    int index;
    assert_int_equal(relays->ops->add(relays, &LINE[0], "front", false, &index, why), HAL_OK);
    assert_int_equal(relays->ops->set(relays, index, true), HAL_OK);
    assert_int_equal(hal_sim_edges(sim, index), 1);
    relays->ops->close(relays); /* does nothing: the board is closed below */
    hal_sim_close(sim);
    hal_sim_close(NULL);
}

#define ON_BOARD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOARD(an_observer_first_sees_everything_as_it_is),
        ON_BOARD(a_change_bears_the_time_inside_set),
        ON_BOARD(the_level_that_it_has_is_no_change),
        ON_BOARD(a_relay_added_later_is_announced),
        ON_BOARD(on_means_the_coil_also_when_the_wire_is_turned_over),
        ON_BOARD(a_line_has_one_user_and_the_refusal_names_both),
        ON_BOARD(numbers_that_are_no_relay_are_refused),
        ON_BOARD(a_name_cannot_break_the_protocol),
        ON_BOARD(a_board_that_is_gone_says_so_and_keeps_its_levels),
        ON_BOARD(a_stuck_relay_takes_the_order_and_tells_the_truth),
        ON_BOARD(an_observer_drives_an_input_and_the_change_comes_after_its_time),
        ON_BOARD(an_active_low_input_is_active_when_its_wire_is_low),
        ON_BOARD(a_resistor_gives_an_input_its_resting_level),
        ON_BOARD(a_bounce_of_an_input_is_not_seen),
        ON_BOARD(more_edges_than_are_kept_still_end_at_the_right_level),
        ON_BOARD(what_changed_while_the_board_was_gone_is_noticed),
        ON_BOARD(a_debounce_outside_its_range_is_refused),
        ON_BOARD(a_bad_line_gives_one_error_and_changes_nothing),
        ON_BOARD(a_line_without_end_is_one_error_and_the_next_one_counts),
        ON_BOARD(lines_may_come_in_pieces_and_together),
        ON_BOARD(all_observers_see_all_changes_in_order),
        ON_BOARD(one_that_does_not_read_is_cut_off_and_holds_nobody_up),
        ON_BOARD(a_short_pause_of_an_observer_loses_nothing),
        ON_BOARD(one_that_leaves_hurts_nobody),
        ON_BOARD(the_socket_is_for_its_owner_and_goes_with_the_board),
        ON_BOARD(an_old_socket_is_replaced_and_the_new_one_stays),
        ON_BOARD(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(a_path_that_cannot_be_is_refused_with_a_reason),
        cmocka_unit_test(it_works_without_a_socket),
    };
    return cmocka_run_group_tests_name("hal_sim", tests, NULL, NULL);
}
