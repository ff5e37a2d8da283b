/* gatehousectl as a process, and the control socket in the hands of callers who
 * do not keep to its rules. */
#include "gateway_fixture.h"

#include <ctype.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapters/json/json.h"
#include "app/config.h"
#include "app/control.h"

#define ARGS_MAX 12

struct run {
    int status;
    char *out, *err; /* owned */
};

/* Runs gatehousectl with these words, and the site's configuration unless the first
 * word is an option of its own. */
static struct run ctl(const char *const *words)
{
    const char *argv[ARGS_MAX + 4];
    char path[FOLDER_PATH_MAX];
    size_t n = 0;
    struct run r = {0};
    assert_true(place_program("gatehousectl", path));
    argv[n++] = path;
    if (!words[0] || strcmp(words[0], "--config") != 0) {
        argv[n++] = "--config";
        argv[n++] = site.config_path;
    }
    for (size_t i = 0; words[i] && i < ARGS_MAX; i++)
        argv[n++] = words[i];
    argv[n] = NULL;
    r.status = process_run(argv, NULL, 3 * WAIT_MS, &r.out, &r.err);
    assert_non_null(r.out);
    assert_non_null(r.err);
    return r;
}
#define CTL(...) ctl((const char *const[]){__VA_ARGS__, NULL})

static void forget(struct run *r)
{
    free(r->out);
    free(r->err);
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void assert_one_line(const char *text)
{
    assert_int_equal(lines_of(text), 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

/* Done, nothing on standard error, and the output holds all these. */
#define assert_shows(r, ...) check_shows((r), (const char *const[]){__VA_ARGS__, NULL})
static void check_shows(struct run r, const char *const *texts)
{
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    for (; *texts; texts++)
        if (!strstr(r.out, *texts))
            fail_msg("no \"%s\" in:\n%s", *texts, r.out);
    forget(&r);
}

/* --- what it shows ------------------------------------------------------------------ */

static void status_shows_how_the_gateway_is(void **state)
{
    (void)state;
    assert_shows(CTL("status"), "version    " GATEHOUSE_VERSION, "broker     connected",
                 "policy     epoch 1, revision 1", "cloud      online since ",
                 " not yet at the cloud", "reads");
    struct run r = CTL("--json", "status");
    assert_int_equal(r.status, 0);
    assert_one_line(r.out);
    struct json *v = json_parse_object(slice_make(r.out, strlen(r.out) - 1), NULL, 0);
    assert_non_null(v);
    assert_non_null(json_child(v, "journal"));
    assert_non_null(json_child(v, "reads"));
    json_free(v);
    forget(&r);
}

static void doors_shows_every_door_and_its_lock(void **state)
{
    (void)state;
    assert_shows(CTL("doors"), "DOOR", "d0 ", "Door 0", "d9 ", "locked");
    assert_string_equal(house_present(2, "doors-1", CARD_JANE).reason, "granted");
    struct run r = CTL("doors");
    assert_int_equal(lines_of(r.out), HOUSE_DOORS + 1);
    assert_non_null(strstr(r.out, "\nd2    Door 2  locked  -        released for "));
    forget(&r);
    r = CTL("doors", "--json");
    assert_int_equal(r.status, 0);
    struct json *v = json_parse_object(slice_make(r.out, strlen(r.out) - 1), NULL, 0);
    assert_non_null(v);
    assert_int_equal(json_array_len(v, "doors"), HOUSE_DOORS);
    json_free(v);
    forget(&r);
}

static void events_comes_as_table_json_and_csv(void **state)
{
    (void)state;
    struct trail trail;
    house_present(3, "list-1", CARD_JANE);
    house_present(3, "list-2", CARD_BOB);
    assert_true(process_stop(&site.syncd)); /* nothing new while we compare */
    assert_true(trail_read(&trail, &site));
    struct run table = CTL("events"), json = CTL("events", "--json"), csv = CTL("events", "--csv");
    assert_int_equal(lines_of(table.out), trail.n + 1);
    assert_int_equal(lines_of(json.out), trail.n);
    assert_int_equal(lines_of(csv.out), trail.n + 1);
    assert_non_null(strstr(table.out, "SEQ"));
    assert_non_null(strstr(table.out, "person_disabled"));
    static const char head[] = "seq,at,kind,door,reader,decision,reason,person,credential,by\n";
    assert_memory_equal(csv.out, head, sizeof head - 1);
    assert_non_null(strstr(csv.out, ",\"access\",\"d3\",\"r3\",\"denied\",\"person_disabled\",\"bob\",\"c-bob\",\n"));
    const char *at = json.out; /* the stored bytes, so that the chain can be checked */
    for (size_t i = 0; i < trail.n; i++) {
        size_t len = strlen(trail.event[i]);
        assert_memory_equal(at, trail.event[i], len);
        assert_int_equal(at[len], '\n');
        at += len + 1;
    }
    trail_free(&trail);
    forget(&table);
    forget(&json);
    forget(&csv);
    assert_true(site_start_syncd(&site));
}

/* The stored event with its words for Bob's disabled person, whose line starts at at. */
static const char *check_vendor_line(const char *at, const char *stored)
{
    static const char words[] = ",\"vendor\":{\"dialect\":\"performance-hub\","
                                "\"code\":\"access_disabled\",\"text\":\"access_disabled\"}}\n";
    size_t len = strlen(stored);
    bool has_words = strstr(stored, "\"reason\":\"person_disabled\"") != NULL;
    assert_memory_equal(at, stored, len - 1);
    if (has_words)
        assert_memory_equal(at + len - 1, words, sizeof words - 1);
    return strchr(at, '\n') + 1;
}

static void events_can_be_shown_in_a_vendor_s_words(void **state)
{
    (void)state;
    struct trail trail;
    house_present(3, "vendor-1", CARD_JANE);
    house_present(3, "vendor-2", CARD_BOB);
    assert_true(process_stop(&site.syncd)); /* nothing new while we compare */
    assert_true(trail_read(&trail, &site));
    struct run r = CTL("events", "--json", "--dialect", "performance-hub");
    assert_int_equal(r.status, 0);
    assert_int_equal(lines_of(r.out), trail.n);
    const char *at = r.out;
    for (size_t i = 0; i < trail.n; i++)
        at = check_vendor_line(at, trail.event[i]);
    assert_non_null(strstr(r.out, "\"code\":\"Unlocked\""));
    forget(&r);
    r = CTL("events", "--dialect", "doorflow-api");
    assert_int_equal(lines_of(r.out), trail.n + 1);
    assert_non_null(strstr(r.out, " ~27 refused, no permission for this door "));
    assert_non_null(strstr(r.out, " 10 granted by card "));
    assert_null(strstr(r.out, "person_disabled"));
    forget(&r);
    assert_shows(CTL("events", "--dialect", "akuvox"),
                 " ~No access permission or door license is not available ", " Success ");
    assert_shows(CTL("events", "--csv", "--dialect", "doorflow-api"),
                 "reason,person,credential,by,vendor_code,vendor_text\n",
                 "\"person_disabled\",\"bob\",\"c-bob\",,\"~27\","
                 "\"refused, no permission for this door\"\n",
                 "\"gateway_started\",,,,,,,,,\n");
    struct run native = CTL("events", "--json", "--dialect", "native");
    r = CTL("events", "--json");
    assert_string_equal(native.out, r.out);
    forget(&native);
    forget(&r);
    trail_free(&trail);
    assert_true(site_start_syncd(&site));
}

static void a_dialect_that_nobody_speaks_is_answered_with_those_there_are(void **state)
{
    (void)state;
    static const char *const wrong[] = {"klingon", "", "Akuvox", "doorflow"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct run r = CTL("events", "--dialect", wrong[i]);
        assert_int_equal(r.status, 2);
        assert_string_equal(r.out, "");
        assert_non_null(strstr(r.err, "native, doorflow-guide, doorflow-api, akuvox, "
                                      "performance-hub, onvif\n"));
        forget(&r);
    }
}

static void events_can_be_narrowed_by_number_door_and_time(void **state)
{
    (void)state;
    house_present(4, "narrow-1", CARD_JANE);
    house_present(5, "narrow-2", CARD_JANE);
    assert_int_equal(house_decisions("narrow-2"), 1); /* the database has it */
    struct run r = CTL("events", "--json", "--door", "d4");
    assert_int_equal(r.status, 0);
    assert_int_equal(lines_of(r.out), 1);
    assert_non_null(strstr(r.out, "narrow-1"));
    forget(&r);
    r = CTL("events", "--json", "--last", "3");
    assert_int_equal(r.status, 0);
    assert_true(lines_of(r.out) >= 3); /* and what came since */
    assert_true(lines_of(r.out) <= 5);
    forget(&r);
    r = CTL("events", "--json", "--last", "1000000");
    assert_non_null(strstr(r.out, "{\"seq\":1,"));
    forget(&r);
    r = CTL("events", "--json", "--since", "2099-01-01T00:00:00Z");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
    forget(&r);
    r = CTL("events", "--json", "--since", "2001-01-01T00:00:00Z", "--door", "no-such-door");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
    forget(&r);
    r = CTL("events", "--since", "yesterday");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    assert_one_line(r.err);
    forget(&r);
}

static void follow_shows_events_as_they_come_and_ends_with_its_reader(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], id[32], line[512];
    struct process follower = {0};
    assert_true(place_program("gatehousectl", path) && folder_file(&site.folder, "follow.log", log));
    const char *const argv[] = {path, "--config", site.config_path, "events", "--follow", "--json", NULL};
    assert_true(process_start(&follower, &(struct process_options){.argv = argv, .log_path = log}));
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "follow-%d", i);
        house_present(6, id, CARD_JANE);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "\"read_id\":\"follow-%d\"", i);
        assert_true(process_wait_text(&follower, id, WAIT_MS, line, sizeof line));
    }
    assert_true(process_is_alive(&follower));
    /* The daemon ends: the follower says so and ends too. */
    assert_true(site_stop_gatehoused(&site));
    int status = -1;
    assert_true(process_wait(&follower, WAIT_MS, &status));
    assert_true(status == 0 || status == 3);
    assert_true(site_start_gatehoused(&site));
}

/* --- what it does ------------------------------------------------------------------- */

static void release_opens_a_door_and_names_who_asked(void **state)
{
    (void)state;
    assert_shows(CTL("release", "d7"), "d7: released for 30 s");
    assert_true(simwatch_wait(site.watch, 7, true, WAIT_MS, NULL));
    assert_int_equal(site_events(&site, "\"kind\":\"command\"", "\"action\":\"release\",\"result\":\"done\""), 1);
    assert_int_equal(site_events(&site, "\"kind\":\"command\"", "\"by\":\"local:root\""), getuid() == 0 ? 1 : 0);
    assert_shows(CTL("--json", "release", "d7"), "\"result\":\"done\"");
    assert_int_equal(house_releases(7), 1);
}

static void release_of_an_unknown_door_is_refused_and_journalled(void **state)
{
    (void)state;
    struct run r = CTL("release", "narnia");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    assert_one_line(r.err);
    assert_non_null(strstr(r.err, "door_unknown; see gatehousectl doors"));
    forget(&r);
    assert_int_equal(site_events(&site, "\"door\":\"narnia\"", "\"result\":\"refused\""), 1);
    static const char *const bad[] = {"", "a b", "../d0", "d\n0",
                                      "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r = CTL("release", bad[i]);
        assert_int_equal(r.status, 1);
        assert_one_line(r.err);
        forget(&r);
    }
}

static void wrong_words_are_answered_with_the_usage(void **state)
{
    (void)state;
    static const char *const wrong[][4] = {
        {"fly"},           {"status", "now"},        {"release"},          {"release", "d0", "d1"},
        {"events", "d0"},  {"config"},               {"config", "chek"},   {"--bogus", "status"},
        {"events", "--last", "0"}, {"events", "--last", "-4"}, {"events", "--last", "4x"},
        {"events", "--last"},      {"events", "--dialect"},    {"events", "--door"},       {"status", ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *words[5] = {wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL};
        struct run r = ctl(words);
        if (r.status != 2 || !strstr(r.err, "usage: gatehousectl") || r.out[0])
            fail_msg("words %zu: exit status %d, %s", i, r.status, r.err);
        forget(&r);
    }
    struct run r = ctl((const char *const[]){NULL});
    assert_int_equal(r.status, 2);
    forget(&r);
    r = CTL("--help");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "usage: gatehousectl"));
    forget(&r);
}

static void without_the_daemon_every_question_ends_with_one_clear_line(void **state)
{
    (void)state;
    assert_true(process_stop(&site.syncd) && site_stop_gatehoused(&site));
    static const char *const words[][3] = {{"status"}, {"doors"}, {"events"}, {"release", "d0"}};
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < 4; i++) {
            struct run r = ctl((const char *const[]){words[i][0], words[i][1], NULL});
            assert_int_equal(r.status, 3);
            assert_string_equal(r.out, "");
            assert_one_line(r.err);
            assert_non_null(strstr(r.err, "is gatehoused running"));
            forget(&r);
        }
        /* A socket that a killed daemon left behind is nobody either. */
        if (!again)
            assert_true(site_start_gatehoused(&site) && site_kill_gatehoused(&site));
    }
    assert_true(site_start_gatehoused(&site) && site_start_syncd(&site));
}

/* --- config check ------------------------------------------------------------------- */

static void a_good_configuration_is_called_good(void **state)
{
    (void)state;
    struct run r = CTL("config", "check", "--sim");
    /* Here it is a good one with a note: no reader can have an account. */
    assert_one_line(r.err);
    assert_non_null(strstr(r.err, "note: /etc/gatehouse/broker: "));
    r.err[0] = '\0';
    assert_shows(r, "site hq, gateway gw-1", "door d0: relay sim line 0",
                 "lines\n", "  d0 relay                 sim line 0, high = released\n",
                 "  d8 relay                 sim line 8, high = released\n", "gatehouse.conf: good");
}

static void lines_that_the_kernel_does_not_have_are_not_headed(void **state)
{
    (void)state;
    struct run r = CTL("config", "check");
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "sim"));
    assert_null(strstr(r.out, "lines\n"));
    forget(&r);
}

static const char ten_mistakes[] =
    "[site]\n"                                       /* 1 */
    "id = h q\n"                                     /* 2: an identifier */
    "gateway = gw-1\n"                               /* 3 */
    "reads_per_s = many\n"                           /* 4: a number */
    "state_dir = relative/path\n"                    /* 5: absolute */
    "[broker]\n"                                     /* 6 */
    "address = localhost\n"                          /* 7: numeric */
    "port = 70000\n"                                 /* 8: a port */
    "colour = red\n"                                 /* 9: no such setting */
    "[cloud]\n"                                      /* 10 */
    "url = http://example.org\n"                     /* 11: https */
    "ca_file = /ca.pem\n"                            /* 12 */
    "token_file = /token\n"                          /* 13 */
    "policy_signature = unsigned\n"                  /* 14 */
    "[door a]\n"                                     /* 15 */
    "relay = sim:0\nactive = sometimes\n"            /* 17: high or low */
    "lock = fail_secure\n"                           /* 18 */
    "[door b]\n"                                     /* 19 */
    "relay = sim:1\nactive = high\nlock = open\n"    /* 22: a kind of lock */
    "[gate c]\n"                                     /* 23: no such section */
    "this is neither\n";                             /* 24 */

static void every_one_of_ten_mistakes_is_named_with_its_line(void **state)
{
    (void)state;
    static const int lines[] = {2, 4, 5, 7, 8, 9, 11, 17, 22, 23, 24};
    char path[FOLDER_PATH_MAX], daemon[FOLDER_PATH_MAX], prefix[FOLDER_PATH_MAX + 16];
    assert_true(folder_write(&site.folder, "ten.conf", ten_mistakes, 0600) &&
                folder_file(&site.folder, "ten.conf", path));
    struct run r = CTL("--config", path, "config", "check");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    assert_int_equal(lines_of(r.err), sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(prefix, sizeof prefix, "%s:%d: ", path, lines[i]);
        if (!strstr(r.err, prefix))
            fail_msg("nothing said of line %d:\n%s", lines[i], r.err);
    }
    /* The daemon says the same, and starts nothing. */
    char *err = NULL;
    assert_true(place_program("gatehoused", daemon));
    const char *const argv[] = {daemon, "--config", path, "--sim", NULL};
    assert_int_equal(process_run(argv, NULL, WAIT_MS, NULL, &err), CONFIG_EXIT_MISTAKES);
    assert_string_equal(err, r.err);
    free(err);
    forget(&r);
    r = CTL("--config", "/no/such/file", "config", "check");
    assert_int_equal(r.status, 1);
    assert_one_line(r.err);
    forget(&r);
}

/* --- the control socket -------------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(site.control);
    assert_true(len < sizeof address.sun_path);
    memcpy(address.sun_path, site.control, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends these bytes; the answer's beginning goes to out, "" if there is none. */
static void talk(const char *bytes, size_t len, char out[256])
{
    int fd = dial();
    size_t used = 0;
    (void)!send(fd, bytes, len, MSG_NOSIGNAL);
    for (ssize_t n = 1; n > 0 && used < 255; used += n > 0 ? (size_t)n : 0)
        n = recv(fd, out + used, 255 - used, 0);
    out[used] = '\0';
    close(fd);
}

static void assert_daemon_goes_on(void)
{
    static int n;
    char id[32];
    char *status = site_ask(&site, "{\"call\":\"status\"}");
    assert_non_null(status);
    assert_non_null(strstr(status, "\"ok\":true"));
    free(status);
    snprintf(id, sizeof id, "socket-%d", n++);
    assert_string_equal(house_present(0, id, CARD_BOB).reason, "person_disabled");
}

static void nonsense_is_answered_with_one_error(void **state)
{
    (void)state;
    static const char *const nonsense[] = {
        "\n", "hello\n", "{}\n", "[]\n", "null\n", "{\"call\":7}\n", "{\"call\":\"fly\"}\n",
        "{\"call\":\"status\"\n", "{\"call\":\"status\"} x\n", "{\"call\":\"ack\"}\n",
        "{\"call\":\"ack\",\"stream\":\"0\",\"seq\":-1}\n", "{\"call\":\"ack\",\"stream\":\"x\",\"seq\":1}\n",
        "{\"call\":\"batch\",\"limit\":0,\"max_bytes\":0}\n", "{\"call\":\"note\",\"kind\":\"access\"}\n",
        "{\"call\":\"command\"}\n", "{\"call\":\"command\",\"action\":\"hold_open\",\"door\":\"d1\",\"args\":7}\n", "\xff\xfe\n",
        "{\"call\":\"events\",\"since\":\"soon\"}\n", "GET / HTTP/1.1\r\n\r\n",
    };
    char out[256];
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        talk(nonsense[i], strlen(nonsense[i]), out);
        if (strncmp(out, "{\"ok\":false,\"error\":\"", 21) != 0 &&
            !(strstr(nonsense[i], "batch") && strncmp(out, "{\"ok\":true", 10) == 0))
            fail_msg("%zu: %s is answered %s", i, nonsense[i], out);
    }
    talk("{\"call\":\"status\0\"}\n", 19, out);
    assert_non_null(strstr(out, "\"ok\":false"));
    assert_daemon_goes_on();
}

static void a_huge_request_is_refused_and_harms_nobody(void **state)
{
    (void)state;
    static char huge[1024 * 1024];
    char out[256];
    memset(huge, 'x', sizeof huge);
    for (int i = 0; i < 20; i++)
        talk(huge, i % 2 ? sizeof huge : CONTROL_REQUEST_MAX + 1, out);
    /* More than fits, in one piece, without a newline. */
    talk(huge, CONTROL_REQUEST_MAX, out);
    assert_non_null(strstr(out, "too long"));
    assert_daemon_goes_on();
}

static void fifty_connections_at_once_are_served_or_told_to_come_again(void **state)
{
    (void)state;
    int fd[50], served = 0, told = 0;
    for (int i = 0; i < 50; i++)
        fd[i] = dial();
    for (int i = 0; i < 50; i++)
        (void)!send(fd[i], "{\"call\":\"doors\"}\n", 17, MSG_NOSIGNAL);
    for (int i = 0; i < 50; i++) {
        char out[64] = "";
        if (recv(fd[i], out, sizeof out - 1, 0) > 0) {
            served += strstr(out, "\"ok\":true") != NULL || strncmp(out, "{\"doors\"", 8) == 0;
            told += strstr(out, "too many") != NULL;
        }
        close(fd[i]);
    }
    assert_true(served > 0);
    assert_int_equal(served + told, 50);
    assert_daemon_goes_on();
}

static void callers_who_hang_do_not_keep_others_out(void **state)
{
    (void)state;
    int fd[30];
    for (int i = 0; i < 30; i++) {
        fd[i] = dial();
        (void)!send(fd[i], "{\"call\":", 8, MSG_NOSIGNAL);
    }
    assert_string_equal(house_present(3, "hang-1", CARD_BOB).reason, "person_disabled");
    char *status = site_ask(&site, "{\"call\":\"status\"}");
    for (int i = 0; i < 30; i++)
        close(fd[i]);
    assert_non_null(status);
    bool served = strstr(status, "\"ok\":true") != NULL;
    if (!served)
        print_message("# answered: %s\n", status);
    free(status);
    assert_true(served);
    assert_daemon_goes_on();
}

static void followers_do_not_keep_events_from_the_cloud(void **state)
{
    (void)state;
    static const char follow[] = "{\"call\":\"events\",\"follow\":true}\n";
    int fd[12];
    assert_true(site_wait_drained(&site, WAIT_MS));
    for (int i = 0; i < 12; i++) {
        char c;
        fd[i] = dial();
        (void)!send(fd[i], follow, sizeof follow - 1, MSG_NOSIGNAL);
        assert_int_equal(recv(fd[i], &c, 1, 0), 1); /* it is served, or refused */
    }
    house_present(3, "follow-cloud", CARD_JANE);
    bool drained = site_wait_drained(&site, WAIT_MS);
    for (int i = 0; i < 12; i++)
        close(fd[i]);
    assert_true(drained);
    assert_daemon_goes_on();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_shows_how_the_gateway_is),
        cmocka_unit_test(doors_shows_every_door_and_its_lock),
        cmocka_unit_test(events_comes_as_table_json_and_csv),
        cmocka_unit_test(events_can_be_shown_in_a_vendor_s_words),
        cmocka_unit_test(a_dialect_that_nobody_speaks_is_answered_with_those_there_are),
        cmocka_unit_test(events_can_be_narrowed_by_number_door_and_time),
        cmocka_unit_test(follow_shows_events_as_they_come_and_ends_with_its_reader),
        cmocka_unit_test(release_opens_a_door_and_names_who_asked),
        cmocka_unit_test(release_of_an_unknown_door_is_refused_and_journalled),
        cmocka_unit_test(wrong_words_are_answered_with_the_usage),
        cmocka_unit_test(without_the_daemon_every_question_ends_with_one_clear_line),
        cmocka_unit_test(a_good_configuration_is_called_good),
        cmocka_unit_test(lines_that_the_kernel_does_not_have_are_not_headed),
        cmocka_unit_test(every_one_of_ten_mistakes_is_named_with_its_line),
        cmocka_unit_test(nonsense_is_answered_with_one_error),
        cmocka_unit_test(a_huge_request_is_refused_and_harms_nobody),
        cmocka_unit_test(fifty_connections_at_once_are_served_or_told_to_come_again),
        cmocka_unit_test(callers_who_hang_do_not_keep_others_out),
        cmocka_unit_test(followers_do_not_keep_events_from_the_cloud),
    };
    return cmocka_run_group_tests_name("ctl", tests, house_begin, house_end);
}
