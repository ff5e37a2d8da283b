/* Observers of the simulated board: good ones, slow ones, rude ones; and the socket. */
#include "adapters/hal_sim_fixture.h"

#include <sys/stat.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    return cmocka_run_group_tests_name("hal_sim_observers", tests, NULL, NULL);
}
