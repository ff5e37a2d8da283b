/* gatehouse-safe: brings every relay to its safe level when nobody drives the doors. Once,
 * for systemd's ExecStopPost; or with --hold for as long as gatehoused is away, for kernels
 * that turn lines into inputs when their program ends. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/hold.h"
#include "app/safe/levels.h"

#define RECONCILE_MS 1000
/* A process that is just ending lets go of its lines soon: asked for often at first. */
#define MISSING_MS 20
#define MISSING_TRIES 250

static const char usage[] =
    "usage: gatehouse-safe [--config FILE] [--hold]\n"
    "  --config FILE  the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  --hold         stays, and holds the lines whenever gatehoused is away\n"
    "  --version      prints the version\n"
    "exit status: 0 every line was had and set, 1 some were not, 2 usage,\n"
    "             78 mistakes in the configuration\n";

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"hold", no_argument, NULL, 'H'},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int set_once(struct levels *l)
{
    if (levels_take(l, hal_gpiod_relays(), hal_gpiod_inputs()) != GH_OK) {
        fprintf(stderr, "gatehouse-safe: out of memory\n");
        return 1;
    }
    size_t wrong = levels_reconcile(l);
    if (wrong > 0)
        fprintf(stderr, "gatehouse-safe: %zu lines could not be had or set\n", wrong);
    return wrong > 0;
}

/* --- holding --------------------------------------------------------------------------- */

struct holder {
    struct levels *levels;
    int listener, stop_fd;
    int user; /* gatehoused's connection; -1 = it is away, and the lines are ours */
    int tries; /* since then, with a line missing */
};

static void take(struct holder *h)
{
    if (levels_take(h->levels, hal_gpiod_relays(), hal_gpiod_inputs()) != GH_OK)
        fprintf(stderr, "gatehouse-safe: out of memory: nobody holds the lines\n");
}

/* A gatehoused has come: the lines are its. */
static void give(struct holder *h)
{
    int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (h->user >= 0 && hold_is_there(h->user)) {
        close(fd);
        return;
    }
    levels_let_go(h->levels);
    if (h->user >= 0)
        close(h->user);
    h->user = fd;
    ssize_t n = send(fd, HOLD_FREE, sizeof HOLD_FREE - 1, MSG_NOSIGNAL);
    (void)n; /* one that does not hear it finds the lines free all the same */
}

static void user_spoke(struct holder *h)
{
    if (hold_is_there(h->user))
        return;
    close(h->user);
    h->user = -1;
    h->tries = 0;
    take(h);
}

static int wait_ms_of(struct holder *h)
{
    if (h->user >= 0)
        return -1;
    if (!h->levels->relays)
        take(h);
    if (!h->levels->relays)
        return RECONCILE_MS;
    if (levels_reconcile(h->levels) == 0)
        return RECONCILE_MS;
    return h->tries++ < MISSING_TRIES ? MISSING_MS : RECONCILE_MS;
}

static int hold(struct holder *h)
{
    take(h);
    for (;;) {
        int wait_ms = wait_ms_of(h);
        bool is_ours = h->user < 0 && h->levels->inputs;
        struct pollfd p[] = {
            {.fd = h->stop_fd, .events = POLLIN},
            {.fd = h->listener, .events = POLLIN},
            {.fd = h->user, .events = POLLIN},
            {.fd = is_ours ? h->levels->inputs->ops->fd(h->levels->inputs) : -1, .events = POLLIN},
        };
        int n = poll(p, sizeof p / sizeof p[0], wait_ms);
        if (n < 0 && errno != EINTR)
            return 1;
        if (n > 0 && p[0].revents)
            return 0;
        if (n > 0 && p[2].revents)
            user_spoke(h);
        if (n > 0 && p[1].revents)
            give(h);
    }
}

static int hold_lines(struct levels *l)
{
    sigset_t stop;
    struct holder h = {.levels = l, .user = -1};
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (mkdir(l->config->run_dir, 0750) != 0 && errno != EEXIST) {
        fprintf(stderr, "gatehouse-safe: cannot make %s: %s\n", l->config->run_dir,
                strerror(errno));
        return 1;
    }
    int lock = hold_lock(l->config);
    if (lock < 0) {
        fprintf(stderr, "gatehouse-safe: %s: %s\n", l->config->run_dir,
                errno == EWOULDBLOCK ? "another one holds the lines already: its socket would be lost"
                                     : strerror(errno));
        return 1;
    }
    h.stop_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    h.listener = hold_listen(l->config);
    int status = 1;
    if (h.stop_fd < 0 || h.listener < 0)
        fprintf(stderr, "gatehouse-safe: cannot listen at %s/%s: %s\n", l->config->run_dir,
                HOLD_SOCKET, strerror(errno));
    else
        status = hold(&h);
    int fds[] = {h.stop_fd, h.listener, h.user, lock};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = CONFIG_DEFAULT_PATH;
    bool holds = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c': path = optarg; break;
        case 'H': holds = true; break;
        case 'v': puts(GATEHOUSE_VERSION); return 0;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    struct config config;
    struct levels levels;
    struct config_print print = {stderr, path};
    enum gh_err err = config_load(&config, path, config_print_mistake, &print);
    if (err)
        return config_exit_status(err);
    int status = 1;
    if (levels_init(&levels, &config, holds) == GH_OK) {
        status = holds ? hold_lines(&levels) : set_once(&levels);
        levels_free(&levels);
    }
    config_free(&config);
    return status;
}
