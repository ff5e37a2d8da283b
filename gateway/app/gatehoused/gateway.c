#include "app/gatehoused/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "adapters/glib/zone.h"
#include "adapters/linux/boot.h"
#include "adapters/linux/notify.h"
#include "adapters/paho/mqtt_bus.h"
#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/control.h"
#include "app/gatehoused/clock_start.h"
#include "app/gatehoused/control_server.h"
#include "app/gatehoused/inbox.h"
#include "app/gatehoused/journal_open.h"
#include "app/gatehoused/site_lines.h"
#include "app/log.h"
#include "app/state.h"

#define BUS_CLOSE_MS 1000
#define KEEPALIVE_S 10
/* Notes taken from the inbox before other things get their turn. */
#define INBOX_TURN 32
/* The same for troubles of the journal, each of which is an event itself. */
#define TROUBLES_TURN 8
/* How often the service manager hears that the loop turns; the controller wants
 * its turn at least once a second, so the loop never sleeps longer. */
#define ALIVE_MS 1000
/* How often the log is told of messages that were dropped. */
#define COMPLAINT_MS 10000

struct gateway {
    const struct config *config;
    struct crypto_keys keys;
    struct sign_keys command_keys;
    char broker_password[256];
    struct site_lines lines;
    bool are_inputs_waiting; /* there are changes that the last turn did not take */
    struct journal_db *journal;
    char journal_why[JOURNAL_OPEN_WHY_MAX]; /* what its opening had to do; "" = nothing */
    struct replica_reader *replica;
    struct mqtt_bus *bus;
    struct inbox *inbox;
    struct clerk *clerk;
    struct control_server *control;
    struct denials denials;
    struct controller controller;
    bool controller_up;
    struct linux_clock clock;
    bool is_clock_remembered; /* see clock_remember */
    int epoll_fd, timer_fd, signal_fd;
    int lock_fd; /* held for as long as we live */
    struct mono next_alive, next_complaint;
    uint64_t dropped_seen;
    bool refused_seen; /* by the broker */
    bool stopping;
};

static struct now read_clock(void *self)
{
    struct gateway *g = self;
    return linux_clock_now(&g->clock);
}

static bool watch(struct gateway *g, int fd, void *what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = what};
    return fd >= 0 && epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* --- start -------------------------------------------------------------------- */

static bool make_folder(const char *path)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST)
        return true;
    log_line(LOG_ERR, "cannot make the folder %s: %s", path, strerror(errno));
    return false;
}

/* A second gatehoused on the same state would take over the sockets of the
 * first; it must touch nothing at all. */
static bool single_instance(struct gateway *g)
{
    char path[CONFIG_PATH_MAX];
    g->lock_fd = state_lock(path, g->config->state_dir, STATE_LOCK, 0600);
    if (g->lock_fd >= 0)
        return true;
    log_line(LOG_ERR, "%s: %s", path,
             state_lock_why(errno, "another gatehoused is at work there: stop it first"));
    return false;
}

/* Doors do not wait for these: without them the cloud commands nothing. */
static void open_command_keys(struct gateway *g)
{
    const char *path = g->config->command_key_file;
    enum gh_err err = path[0] ? sign_keys_load(&g->command_keys, path) : GH_OK;
    if (err == GH_NOT_FOUND && g->config->is_enrolled)
        log_line(LOG_NOTICE, "there is no %s: not enrolled, or a cloud without command keys: none of its "
                             "commands is done", path);
    else if (err)
        log_line(LOG_ERR, "%s: %s: no command of the cloud is done: it must hold 1 to %d lines of 64 "
                          "hex digits, and only its owner may write it", path, gh_err_name(err),
                 SIGN_KEYS_MAX);
}

static bool open_keys(struct gateway *g)
{
    enum gh_err err = state_keys_load(&g->keys, g->config->state_dir, 1);
    if (err)
        log_line(LOG_ERR, "%s/" STATE_DEVICE_KEY ": %s: " STATE_KEY_HELP,
                 g->config->state_dir, gh_err_name(err));
    if (!err)
        open_command_keys(g);
    return err == GH_OK;
}

static bool open_lines(struct gateway *g, bool simulated)
{
    struct policy_store policy = replica_reader_port(g->replica);
    return site_lines_open(&g->lines, g->config, simulated, &policy);
}

static bool open_inputs(struct gateway *g)
{
    struct inputs *inputs = &g->lines.inputs;
    return site_lines_open_inputs(&g->lines) &&
           (inputs->n == 0 || watch(g, inputs_fd(inputs), inputs));
}

static void seal_journal(void *context, unsigned char out[JOURNAL_SEAL_BYTES], struct slice text)
{
    const struct crypto_keys *keys = context;
    crypto_hmac(out, keys->journal, text);
}

static bool open_journal(struct gateway *g)
{
    struct journal_db_options options = {
        .folder = g->config->state_dir,
        .max_events = g->config->journal_max_events,
        .tail_bytes = STATE_TAIL_BYTES,
        .boot_id_hash = linux_boot_id_hash(),
        .seal = {seal_journal, &g->keys},
    };
    enum gh_err err = journal_open(&g->journal, &options, g->journal_why);
    if (err)
        log_line(LOG_ERR, "the journal in %s cannot be opened: %s", options.folder, g->journal_why);
    return err == GH_OK;
}

static bool open_replica(struct gateway *g)
{
    char path[CONFIG_PATH_MAX];
    if (config_path(path, g->config->state_dir, STATE_REPLICA))
        g->replica = replica_reader_open(path);
    if (!g->replica)
        return false;
    struct policy_store replica = replica_reader_port(g->replica);
    denials_init(&g->denials, &replica);
    return true;
}

/* The password file: one line. */
static bool read_password(struct gateway *g)
{
    const char *path = g->config->broker_password_file;
    if (!path[0])
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, g->broker_password, sizeof g->broker_password - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0) {
        log_line(LOG_ERR, "%s: the broker's password cannot be read from it", path);
        return false;
    }
    g->broker_password[strcspn(g->broker_password, "\r\n")] = '\0';
    return true;
}

static bool open_bus(struct gateway *g)
{
    static const char *const topics[] = {"gatehouse/v1/readers/+/read",
                                          "gatehouse/v1/panels/+/command", NULL};
    char client_id[ID_MAX + 16];
    bool account = g->config->broker_username[0] != '\0';
    snprintf(client_id, sizeof client_id, "gatehoused-%s", g->config->gateway.s);
    struct mqtt_bus_options options = {
        .address = g->config->broker_address,
        .port = g->config->broker_port,
        .client_id = client_id,
        .username = account ? g->config->broker_username : NULL,
        .password = account ? g->broker_password : NULL,
        .will_topic = "gatehouse/v1/gateway/status",
        .will_payload = "{\"online\":false}",
        .topics = topics,
        .keepalive_s = KEEPALIVE_S,
        .note = inbox_put,
        .context = g->inbox,
    };
    enum gh_err err = mqtt_bus_open(&g->bus, &options);
    if (err)
        log_line(LOG_ERR, "the broker's client cannot be made: %s", gh_err_name(err));
    return err == GH_OK;
}

static struct id new_session(void)
{
    unsigned char random[8];
    struct id session = {""};
    crypto_random(random, sizeof random);
    crypto_hex(session.s, random, sizeof random);
    return session;
}

/* The clock is not believed before the newest thing that we know happened. */
static void raise_clock_floor(struct gateway *g, struct slice last_event)
{
    struct slice at, trust;
    int64_t instant;
    struct json *event = last_event.len ? json_parse_object(last_event, NULL, 0) : NULL;
    if (event && json_text(event, "at", &at) && instant_parse(&instant, at) == GH_OK &&
        json_text(event, "clock", &trust) && !slice_is(trust, clock_trust_name(CLOCK_UNSET)))
        linux_clock_raise_floor(&g->clock, instant);
    json_free(event);
}

static bool open_controller(struct gateway *g)
{
    struct id session = new_session();
    struct slice last_event = journal_db_last_event(g->journal);
    raise_clock_floor(g, last_event);
    struct controller_ports ports = {
        .bus = mqtt_bus_port(g->bus),
        .policy = denials_port(&g->denials),
        .journal = journal_db_port(g->journal),
        .zone = zone_view_load,
    };
    struct controller_start start = {
        .session = &session,
        .boot = linux_boot_id_hash(),
        .last_event = last_event,
        .doors = &g->lines.doors,
        .is_fire = g->lines.is_fire,
    };
    enum gh_err err =
        controller_open(&g->controller, g->config, &ports, &g->keys, &start, read_clock(g));
    if (err)
        log_line(LOG_ERR, "what the journal keeps cannot be read: %s", gh_err_name(err));
    g->controller_up = err == GH_OK;
    return g->controller_up;
}

static bool open_loop(struct gateway *g)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    g->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    g->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    g->inbox = inbox_open();
    if (g->inbox && g->epoll_fd >= 0 && watch(g, g->timer_fd, &g->timer_fd) &&
        watch(g, g->signal_fd, &g->signal_fd) && watch(g, inbox_fd(g->inbox), g->inbox))
        return true;
    log_line(LOG_ERR, "the loop cannot be set up: %s", strerror(errno));
    return false;
}

static enum gh_err acknowledge(void *self, struct slice stream, uint64_t seq)
{
    return journal_db_ack(self, stream, seq);
}

static void settle(void *journal)
{
    journal_db_settle(journal);
}

static void met_damage(void *journal)
{
    journal_db_met_damage(journal);
}

static bool open_control(struct gateway *g)
{
    char path[CONFIG_PATH_MAX], why[300] = "the path is too long";
    struct journal port = journal_db_port(g->journal);
    const struct clerk_journal journal = {port.ops->counts, settle, met_damage, g->journal};
    if (clerk_open(&g->clerk, g->config->state_dir, &journal) != GH_OK) {
        log_line(LOG_ERR, "out of memory");
        return false;
    }
    struct control_parts parts = {
        .controller = &g->controller,
        .denials = &g->denials,
        .inputs = &g->lines.inputs,
        .command_keys = g->command_keys.n > 0 ? &g->command_keys : NULL,
        .gateway = &g->config->gateway,
        .clerk = g->clerk,
        .ack = acknowledge,
        .journal = g->journal,
        .now = read_clock,
        .clock = g,
    };
    if (config_path(path, g->config->run_dir, CONTROL_SOCKET) &&
        control_server_open(&g->control, path, g->epoll_fd, &parts, why, sizeof why) == GH_OK)
        return true;
    log_line(LOG_ERR, "%s", why);
    return false;
}

static bool open_lines_and_journal(struct gateway *g, bool simulated)
{
    if (!journal_db_opens_slowly(g->config->state_dir))
        return open_lines(g, simulated) && open_inputs(g) && open_journal(g);
    log_line(LOG_NOTICE, "the journal is looked through or rewritten first: gatehouse-safe has the lines");
    return open_journal(g) && open_lines(g, simulated) && open_inputs(g);
}

/* First what can be wrong without a line being touched: a start that fails for a password
 * leaves the lines with gatehouse-safe, and systemd starts us each second. Then the relays, so
 * that doors are at their levels before anything can take long; but a journal that takes long
 * itself comes before them, since nobody hears a fire between lines and loop. The bus last, so
 * that no read comes in before it can be decided. */
static bool open_all(struct gateway *g, bool simulated)
{
    return make_folder(g->config->state_dir) && single_instance(g) &&
           make_folder(g->config->run_dir) && read_password(g) && open_keys(g) && open_loop(g) &&
           open_replica(g) && open_lines_and_journal(g, simulated) && open_bus(g) &&
           open_controller(g) && open_control(g) &&
           watch(g, journal_db_fd(g->journal), g->journal);
}

static void close_all(struct gateway *g)
{
    control_server_close(g->control);
    clerk_close(g->clerk);
    if (g->bus)
        mqtt_bus_close(g->bus, BUS_CLOSE_MS);
    if (g->controller_up)
        controller_close(&g->controller);
    denials_free(&g->denials);
    if (g->replica)
        replica_reader_close(g->replica);
    if (g->journal)
        journal_close(g->journal, g->config->state_dir);
    int hold_fd = site_lines_close(&g->lines);
    inbox_close(g->inbox);
    crypto_forget(&g->keys, sizeof g->keys);
    crypto_forget(g->broker_password, sizeof g->broker_password);
    /* The holder last: it takes the lines then. */
    int fds[] = {g->epoll_fd, g->timer_fd, g->signal_fd, g->lock_fd, hold_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Reads the counter of an eventfd or timerfd, so that it is no longer ready. */
static void clear_counter(int fd)
{
    uint64_t n;
    ssize_t got = read(fd, &n, sizeof n);
    (void)got;
}

/* --- turns of the loop ------------------------------------------------------------ */

static void take_notes(struct gateway *g)
{
    struct bus_note note;
    inbox_clear(g->inbox);
    int turn = 0;
    while (turn++ < INBOX_TURN && inbox_take(g->inbox, &note))
        controller_on_bus(&g->controller, &note, read_clock(g));
    if (turn > INBOX_TURN)
        inbox_rearm(g->inbox); /* there may be more */
    uint64_t dropped = inbox_dropped(g->inbox);
    if (dropped == g->dropped_seen || read_clock(g).mono.ms < g->next_complaint.ms)
        return;
    g->next_complaint = mono_add_ms(read_clock(g).mono, COMPLAINT_MS);
    log_line(LOG_WARNING,
             "%llu messages came faster than they could be decided; their "
             "readers repeat them",
             (unsigned long long)(dropped - g->dropped_seen));
    g->dropped_seen = dropped;
}

static void take_journal(struct gateway *g)
{
    clear_counter(journal_db_fd(g->journal));
    struct now now = read_clock(g);
    controller_on_durable(&g->controller, now);
    struct journal_trouble t;
    for (int i = 0; i < TROUBLES_TURN && journal_db_trouble(g->journal, &t); i++) {
        struct event_args range = {.has_range = true, .from = (int64_t)t.from, .to = (int64_t)t.to};
        struct event_args fault = {.fault = t.recovered ? "recovered" : t.fault};
        if (t.has_range)
            controller_note(&g->controller, EVENT_EVENTS_LOST, &range, now);
        if (t.fault[0] || t.recovered) {
            log_line(LOG_ERR, "journal: %s", fault.fault);
            controller_note(&g->controller, EVENT_JOURNAL_FAULT, &fault, now);
        }
    }
}

static void arm_timer(struct gateway *g)
{
    struct mono at = controller_deadline(&g->controller), bus;
    if (mqtt_bus_deadline(g->bus, &bus) && bus.ms < at.ms)
        at = bus;
    if (at.ms < 1)
        at.ms = 1; /* 0 would disarm */
    struct itimerspec when = {
        .it_value = {.tv_sec = at.ms / 1000, .tv_nsec = (long)(at.ms % 1000 * 1000000)}};
    timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Once a second, as long as the loop turns. */
static void pass_second(struct gateway *g, struct now now)
{
    notify_watchdog();
    site_lines_pass_second(&g->lines, &g->controller, now);
    clock_remember(&g->clock, g->config, &g->is_clock_remembered);
    g->next_alive = mono_add_ms(now.mono, ALIVE_MS);
}

/* Says once that the broker does not let us in: nobody else would tell the installer why. */
static void look_for_refusal(struct gateway *g)
{
    bool refused = mqtt_bus_is_refused(g->bus);
    bool account = g->config->broker_username[0] != '\0';
    if (refused && !g->refused_seen)
        log_line(LOG_ERR, "the broker does not let us in%s%s: username and password_file in [broker] "
                          "must be an account that it has (gatehousectl broker setup makes it)",
                 account ? " as " : " without an account", g->config->broker_username);
    g->refused_seen = refused;
}

static void pass_time(struct gateway *g)
{
    struct now now = read_clock(g);
    if (now.mono.ms >= controller_deadline(&g->controller).ms)
        controller_on_time(&g->controller, now);
    if (now.mono.ms >= g->next_alive.ms) {
        pass_second(g, now);
    }
    struct mono bus;
    if (mqtt_bus_deadline(g->bus, &bus) && now.mono.ms >= bus.ms)
        mqtt_bus_tick(g->bus, now.mono);
    look_for_refusal(g);
}

static void serve(struct gateway *g, void *what)
{
    if (what == g->inbox) {
        take_notes(g);
    } else if (what == g->journal) {
        take_journal(g);
    } else if (what == &g->lines.inputs) {
        g->are_inputs_waiting = inputs_take(&g->lines.inputs, &g->controller, read_clock(g));
    } else if (what == g->control) {
        control_server_serve(g->control);
    } else if (what == &g->timer_fd) {
        clear_counter(g->timer_fd);
    } else {
        g->stopping = true;
    }
}

static void loop(struct gateway *g)
{
    struct epoll_event ready[8];
    while (!g->stopping) {
        pass_time(g);
        arm_timer(g);
        int n = epoll_wait(g->epoll_fd, ready, 8, g->are_inputs_waiting ? 0 : -1);
        if (g->are_inputs_waiting)
            serve(g, &g->lines.inputs);
        for (int i = 0; i < n; i++)
            serve(g, ready[i].data.ptr);
    }
}

/* A fresh box has no doors yet: it runs, so that all else can be set up, and drives nothing. */
static void say_doors(const struct gateway *g, bool simulated)
{
    char text[80];
    if (g->config->n_doors == 0)
        log_line(LOG_WARNING, "there is no [door ID] in the configuration: nothing is driven; describe "
                              "the doors there, then start gatehoused again");
    snprintf(text, sizeof text, "%zu door%s%s", g->config->n_doors, g->config->n_doors == 1 ? "" : "s",
             g->config->n_doors == 0 ? ": none is described in the configuration yet" : "");
    notify_status(text);
    log_line(LOG_NOTICE, "gatehoused %s: %s%s", GATEHOUSE_VERSION, text,
             simulated ? ", simulated board" : "");
}

int gateway_run(const struct gateway_options *options)
{
    struct gateway *g = calloc(1, sizeof *g);
    if (!g)
        return 1;
    g->config = options->config;
    g->epoll_fd = g->timer_fd = g->signal_fd = g->lock_fd = g->lines.hold_fd = -1;
    g->is_clock_remembered = clock_start(&g->clock, g->config);
    bool up = open_all(g, options->simulated);
    if (up) {
        controller_started(&g->controller, read_clock(g));
        controller_look_at_doors(&g->controller, read_clock(g));
        inputs_begin(&g->lines.inputs, &g->controller, read_clock(g));
        if (g->journal_why[0]) {
            log_line(LOG_ERR, "journal: %s", g->journal_why);
            controller_note(&g->controller, EVENT_JOURNAL_FAULT,
                            &(struct event_args){.fault = g->journal_why}, read_clock(g));
        }
        say_doors(g, options->simulated);
        notify_ready();
        loop(g);
        notify_stopping();
        controller_stopped(&g->controller, read_clock(g));
        log_line(LOG_NOTICE, "stopped");
    }
    close_all(g);
    free(g);
    return up ? 0 : 1;
}
