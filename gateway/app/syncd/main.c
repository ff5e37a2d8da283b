/* gatehouse-syncd: policy down, events up. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/linux/notify.h"
#include "app/log.h"
#include "app/state.h"
#include "app/syncd/pull.h"
#include "app/syncd/push.h"
#include "app/syncd/renewal.h"
#include "app/syncd/token.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define TICK_MS 500 /* between two looks at the threads */

struct options {
    const char *config;
    bool check_only, asks_for_cloud;
};

/* Everything that lives until the end. */
struct syncd {
    struct config config;
    struct crypto_keys keys;
    struct sign_keys policy_keys;
    struct sync sync;
    struct https *https[SYNC_ACTIVITIES];
    struct identity identity; /* of a gateway that was enrolled */
    struct lane lane;
    struct pull pull;
    struct push push;
    struct renewal renewal;
    int lock_fd;
};

static void usage(FILE *out)
{
    fputs("usage: gatehouse-syncd [--config FILE] [-n]\n"
          "  --config FILE  the configuration (" CONFIG_DEFAULT_PATH ")\n"
          "  -n             checks the configuration and ends\n"
          "  --has-cloud    ends at once; exit status 1: there is no [cloud], nothing to do\n"
          "  --version      prints the version\n"
          "exit status: 0 it was told to end, or has nothing to do, 1 it cannot work, 2 usage,\n"
          "             78 mistakes in the configuration\n",
          out);
}

/* Returns -1 to go on, else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, 'n'},
                                          {"has-cloud", no_argument, NULL, 'C'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c;
    *o = (struct options){.config = CONFIG_DEFAULT_PATH};
    while ((c = getopt_long(argc, argv, "n", names, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 'n':
            o->check_only = true;
            break;
        case 'C':
            o->asks_for_cloud = true;
            break;
        case 'V':
            puts(GATEHOUSE_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}

/* --- parts ---------------------------------------------------------------- */

/* The replica has one writer: a second syncd must not even try. */
static bool take_lock(struct syncd *d)
{
    char path[CONFIG_PATH_MAX];
    if (mkdir(d->config.state_dir, 0750) != 0 && errno != EEXIST) {
        log_line(LOG_ERR, "%s: %s", d->config.state_dir, strerror(errno));
        return false;
    }
    d->lock_fd = state_lock(path, d->config.state_dir, STATE_SYNCD_LOCK, 0660);
    if (d->lock_fd < 0)
        log_line(LOG_ERR, "%s: %s", path,
                 state_lock_why(errno, "another gatehouse-syncd is at work there"));
    return d->lock_fd >= 0;
}

static bool load_keys(struct syncd *d)
{
    enum gh_err err = state_keys_load(&d->keys, d->config.state_dir, 1);
    if (err)
        log_line(LOG_ERR, "device key in %s: %s", d->config.state_dir,
                 err == GH_INVALID ? "others may read it: its mode must be 0600 or 0640"
                                   : gh_err_name(err));
    return !err;
}

/* By the files that the configuration names. */
static bool open_links(struct syncd *d)
{
    const struct config *c = &d->config;
    char why[256] = "", token[TOKEN_MAX + 1] = "";
    if (c->cloud_token_file[0] && !token_read(token, c->cloud_token_file, why, sizeof why)) {
        log_line(LOG_ERR, "%s", why);
        return false;
    }
    const struct https_options o = {.base_url = c->cloud_url,
                                    .ca_file = c->cloud_ca_file,
                                    .token = token[0] ? token : NULL,
                                    .cert_file = c->cloud_cert_file[0] ? c->cloud_cert_file : NULL,
                                    .key_file = c->cloud_key_file[0] ? c->cloud_key_file : NULL};
    bool good = true;
    for (int i = 0; i < SYNC_ACTIVITIES && good; i++)
        good = https_open(&d->https[i], &o, why, sizeof why) == GH_OK;
    explicit_bzero(token, sizeof token);
    if (!good)
        log_line(LOG_ERR, "cloud: %s", why);
    return good;
}

/* By what the enrolment brought. */
static bool open_enrolled_links(struct syncd *d)
{
    char why[256] = "out of memory";
    const struct identity *own = &d->identity;
    const struct https_options o = {.base_url = d->config.cloud_url, .ca_pem = slice_of(own->ca)};
    bool good = true;
    for (int i = 0; i < SYNC_ACTIVITIES && good; i++)
        good = https_open(&d->https[i], &o, why, sizeof why) == GH_OK &&
               https_use_certificate(d->https[i], slice_of(own->certificate),
                                     slice_of(own->key)) == GH_OK;
    if (!good)
        log_line(LOG_ERR, "cloud: %s", why);
    return good;
}

static bool load_policy_keys(struct syncd *d)
{
    const char *path = d->config.policy_key_file;
    enum gh_err err = d->config.policy_unsigned ? GH_OK : sign_keys_load(&d->policy_keys, path);
    if (err)
        log_line(LOG_ERR, "%s: %s: it must hold 1 to %d lines of 64 hex digits, and only its owner "
                          "may write it", path, gh_err_name(err), SIGN_KEYS_MAX);
    return err == GH_OK;
}

static bool set_up(struct syncd *d)
{
    uint64_t seed[SYNC_ACTIVITIES];
    if (!load_keys(d) || !(d->config.is_enrolled ? open_enrolled_links(d) : open_links(d)))
        return false;
    crypto_random(seed, sizeof seed);
    log_line(LOG_DEBUG, "seeds %llx %llx %llx", (unsigned long long)seed[SYNC_PULL],
             (unsigned long long)seed[SYNC_PUSH], (unsigned long long)seed[SYNC_LANE]);
    if (!load_policy_keys(d))
        return false;
    const struct sign_keys *policy_keys = d->config.policy_unsigned ? NULL : &d->policy_keys;
    if (lane_init(&d->lane, &d->sync, d->https[SYNC_LANE], seed[SYNC_LANE]) ||
        pull_init(&d->pull, &d->sync, d->https[SYNC_PULL], &d->lane, &d->keys, policy_keys,
                  seed[SYNC_PULL]) ||
        push_init(&d->push, &d->sync, d->https[SYNC_PUSH], d->https[SYNC_PULL],
                  seed[SYNC_PUSH])) {
        log_line(LOG_ERR, "out of memory");
        return false;
    }
    renewal_init(&d->renewal, &d->sync, d->https, d->config.is_enrolled ? &d->identity : NULL,
                 seed[SYNC_RENEWAL]);
    return true;
}

static void tear_down(struct syncd *d)
{
    push_free(&d->push);
    pull_free(&d->pull);
    lane_free(&d->lane);
    for (int i = 0; i < SYNC_ACTIVITIES; i++)
        https_close(d->https[i]);
    crypto_forget(&d->keys, sizeof d->keys);
    crypto_forget(&d->identity, sizeof d->identity);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
}

/* --- the life of the process ---------------------------------------------- */

static void wait_for_end(struct syncd *d, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    bool was_alive = true;
    for (;;) {
        int signal_number = sigtimedwait(signals, NULL, &tick);
        if (signal_number > 0) {
            log_line(LOG_NOTICE, "ending: %s", strsignal(signal_number));
            return;
        }
        bool is_alive = sync_is_alive(&d->sync);
        if (is_alive)
            notify_watchdog();
        else if (was_alive)
            log_line(LOG_CRIT, "a thread hangs; the watchdog is fed no more");
        was_alive = is_alive;
    }
}

/* Until it ends by a signal, or there is an identity: true. */
static bool wait_for_identity(struct syncd *d, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    char why[IDENTITY_WHY_MAX], before[IDENTITY_WHY_MAX] = "";
    if (d->config.is_enrolled)
        notify_ready(); /* to wait is all there is to do */
    while (d->config.is_enrolled) {
        enum gh_err err = identity_load(&d->identity, &d->config, why);
        if (why[0] && strcmp(why, before) != 0)
            log_line(err == GH_NOT_FOUND ? LOG_NOTICE : LOG_ERR, "%s%s", why,
                     err ? "; waiting for gatehousectl enrol" : "");
        memcpy(before, why, sizeof why);
        if (!err)
            break;
        notify_watchdog();
        int signal_number = sigtimedwait(signals, NULL, &tick);
        if (signal_number > 0) {
            log_line(LOG_NOTICE, "ending: %s", strsignal(signal_number));
            return false;
        }
    }
    return true;
}

/* All threads from start to end. */
static int run(struct syncd *d, const sigset_t *signals)
{
    static void *(*const bodies[SYNC_ACTIVITIES])(void *) = {
        [SYNC_PULL] = pull_run, [SYNC_PUSH] = push_run, [SYNC_LANE] = lane_run,
        [SYNC_RENEWAL] = renewal_run};
    void *const whose[SYNC_ACTIVITIES] = {
        [SYNC_PULL] = &d->pull, [SYNC_PUSH] = &d->push, [SYNC_LANE] = &d->lane,
        [SYNC_RENEWAL] = &d->renewal};
    pthread_t thread[SYNC_ACTIVITIES];
    /* Without a certificate there is none to renew. */
    int wanted = d->config.cloud_cert_file[0] ? SYNC_ACTIVITIES : SYNC_RENEWAL, n = 0;
    for (int i = 0; i < wanted; i++)
        sync_promise(&d->sync, (enum sync_activity)i, SYNC_WORK_MS);
    while (n < wanted && pthread_create(&thread[n], NULL, bodies[n], whose[n]) == 0)
        n++;
    if (n == wanted) {
        log_line(LOG_NOTICE,
                 "gatehouse-syncd " GATEHOUSE_VERSION " started: site %s, gateway %s, %s",
                 d->config.site.s, d->config.gateway.s, d->config.cloud_url);
        notify_ready();
        wait_for_end(d, signals);
    } else {
        log_line(LOG_ERR, "cannot start a thread");
    }
    notify_stopping();
    sync_stop(&d->sync);
    lane_stop(&d->lane);
    for (int i = 0; i < SYNC_ACTIVITIES; i++)
        https_cancel(d->https[i]);
    for (int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    return n == wanted ? EXIT_SUCCESS : EXIT_REFUSED;
}

static int serve(struct syncd *d)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the threads inherit it */
    signal(SIGPIPE, SIG_IGN);
    umask(0007);
    /* Rows pass through our memory with their values: no core dumps. */
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0); /* a pipe in core_pattern knows no limit */
    if (sync_init(&d->sync, &d->config) != GH_OK) {
        log_line(LOG_ERR, "run_dir is too long, or out of memory");
        return EXIT_REFUSED;
    }
    int status = EXIT_REFUSED;
    if (take_lock(d) && !wait_for_identity(d, &signals))
        status = EXIT_SUCCESS;
    else if (d->lock_fd >= 0 && set_up(d))
        status = run(d, &signals);
    tear_down(d);
    sync_destroy(&d->sync);
    return status;
}

/* For systemd's ExecCondition. A configuration with mistakes may have one: the start says them. */
static int ask_for_cloud(const char *path)
{
    struct config config;
    if (config_load(&config, path, config_ignore_mistake, NULL) != GH_OK)
        return EXIT_SUCCESS;
    bool has_cloud = config.cloud_url[0] != '\0';
    config_free(&config);
    if (!has_cloud)
        log_line(LOG_NOTICE, "there is no [cloud] in %s: nothing to do", path);
    return has_cloud ? EXIT_SUCCESS : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
    struct options o;
    static struct syncd d = {.lock_fd = -1};
    int status = read_options(&o, argc, argv);
    if (status >= 0)
        return status;
    if (o.asks_for_cloud)
        return ask_for_cloud(o.config);
    struct config_print print = {stderr, o.config};
    enum gh_err err = config_load(&d.config, o.config, config_print_mistake, &print);
    if (err)
        return o.check_only ? EXIT_REFUSED : config_exit_status(err);
    if (o.check_only) {
        printf("%s: good\n", o.config);
        status = EXIT_SUCCESS;
    } else if (!d.config.cloud_url[0]) {
        log_line(LOG_NOTICE, "there is no [cloud] in %s: nothing to do", o.config);
        status = EXIT_SUCCESS;
    } else {
        status = serve(&d);
    }
    config_free(&d.config);
    return status;
}
