/* gatehoused: decides reads, drives doors, keeps the journal. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "app/gatehoused/gateway.h"

static const char usage[] = "usage: gatehoused [--config FILE] [--sim] [-n]\n"
                            "  --config FILE  the configuration (" CONFIG_DEFAULT_PATH ")\n"
                            "  --sim          the simulated board instead of the kernel's GPIO\n"
                            "  -n             checks the configuration and ends\n"
                            "  --version      prints the version\n"
                            "exit status: 0 it was told to end, 1 it cannot work, 2 usage,\n"
                            "             78 mistakes in the configuration\n";

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"sim", no_argument, NULL, 's'},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *path;
    bool simulated, check_only;
    int leave; /* exit status, or -1 to go on */
};

static void take_arguments(struct arguments *a, int argc, char **argv)
{
    int option;
    while (a->leave < 0 && (option = getopt_long(argc, argv, "n", options, NULL)) != -1) {
        switch (option) {
        case 'c': a->path = optarg; break;
        case 's': a->simulated = true; break;
        case 'n': a->check_only = true; break;
        case 'v':
            puts(GATEHOUSE_VERSION);
            a->leave = 0;
            break;
        case 'h':
            fputs(usage, stdout);
            a->leave = 0;
            break;
        default:
            fputs(usage, stderr);
            a->leave = 2;
            break;
        }
    }
    if (a->leave < 0 && optind < argc) {
        fputs(usage, stderr);
        a->leave = 2;
    }
}

/* A core dump would hold card numbers and keys. Stop signals are read by the
 * loop, so they are blocked before any thread is made. */
static void prepare_process(void)
{
    sigset_t stop;
    struct rlimit none = {0, 0};
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
    struct arguments a = {.path = CONFIG_DEFAULT_PATH, .leave = -1};
    take_arguments(&a, argc, argv);
    if (a.leave >= 0)
        return a.leave;
    struct config config;
    struct config_print print = {stderr, a.path};
    enum gh_err err = config_load(&config, a.path, config_print_mistake, &print);
    if (err)
        return a.check_only ? 1 : config_exit_status(err);
    int status = 0;
    if (a.check_only) {
        printf("%s: good\n", a.path);
    } else {
        prepare_process();
        status =
            gateway_run(&(struct gateway_options){.config = &config, .simulated = a.simulated});
    }
    config_free(&config);
    return status;
}
