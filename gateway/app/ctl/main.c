/* gatehousectl: the installer's tool. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control.h"
#include "app/ctl/ctl.h"
#include "core/dialect.h"

static const char usage[] =
    "usage: gatehousectl [--config FILE] [--json] COMMAND\n"
    "  --config FILE          the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  status                 how the gateway is\n"
    "  doors                  the doors and their locks\n"
    "  events [--follow] [--last N] [--door D] [--since T] [--dialect NAME]\n"
    "         [--csv|--json]  the journal; T is a time such as 2025-01-31T08:00:00Z;\n"
    "                         NAME: doorflow-guide, doorflow-api, akuvox,\n"
    "                         performance-hub or onvif: their words instead of ours\n"
    "  explain --reader R --type TYPE [--at T]\n"
    "                         why the credential on standard input would be let in,\n"
    "                         or not\n"
    "  release DOOR           opens a door for its release time\n"
    "  hold-open DOOR         keeps it open; restore [DOOR]: back to its schedule\n"
    "  lock [DOOR]            keeps a door, or every door, locked\n"
    "  lockdown [DOOR]        locks down; lockdown-release [DOOR]: ends that\n"
    "  inputs watch           every contact, button and alarm line as it changes\n"
    "  relay test DOOR        releases a door for a second and reads its relay back\n"
    "  policy verify FILE     every mistake in a policy file\n"
    "  policy import FILE     makes it the policy, where there is no cloud\n"
    "  journal verify         is the journal as it was written? each event, its end\n"
    "  backup FILE            what makes this box this box, sealed under a passphrase\n"
    "                         that is asked for, or a line on standard input\n"
    "  restore --from FILE    makes a fresh box that one; both daemons stopped\n"
    "  config check [--sim]   every mistake in the configuration and in its lines;\n"
    "                         --sim: for the simulated board, no look at lines\n"
    "  rehearse --policy POLICY.ndjson [STEPS.ndjson|-]\n"
    "                         plays steps against a policy in virtual time\n"
    "exit status: 0 done, 1 refused or not found, 2 usage,\n"
    "             3 gatehoused cannot be reached\n";

enum option_id {
    OPT_CONFIG = 256,
    OPT_SOCKET,
    OPT_JSON,
    OPT_CSV,
    OPT_SIM,
    OPT_FOLLOW,
    OPT_LAST,
    OPT_DOOR,
    OPT_SINCE,
    OPT_POLICY,
    OPT_FROM,
    OPT_DIALECT,
    OPT_READER,
    OPT_TYPE,
    OPT_AT,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"json", no_argument, NULL, OPT_JSON},
    {"csv", no_argument, NULL, OPT_CSV},
    {"sim", no_argument, NULL, OPT_SIM},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"last", required_argument, NULL, OPT_LAST},
    {"door", required_argument, NULL, OPT_DOOR},
    {"since", required_argument, NULL, OPT_SINCE},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"from", required_argument, NULL, OPT_FROM},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    {"reader", required_argument, NULL, OPT_READER},
    {"type", required_argument, NULL, OPT_TYPE},
    {"at", required_argument, NULL, OPT_AT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static bool take_last(struct ctl *ctl, const char *text)
{
    char *end;
    ctl->last = strtoll(text, &end, 10);
    return *text && !*end && ctl->last > 0;
}

static bool take_dialect(struct ctl *ctl, const char *text)
{
    if (dialect_parse(&ctl->dialect, slice_of(text)) == GH_OK)
        return true;
    fprintf(stderr, "gatehousectl: there is no dialect \"%s\"; there are", text);
    for (int i = 0; i < DIALECTS; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", dialect_name((enum dialect)i));
    fputc('\n', stderr);
    return false;
}

/* True if the option was good; *leave is the exit status of --help and such, or -1. */
static bool take_option(struct ctl *ctl, int option, int *leave)
{
    switch (option) {
    case OPT_CONFIG: ctl->config_path = optarg; return true;
    case OPT_SOCKET:
        return snprintf(ctl->socket_path, sizeof ctl->socket_path, "%s", optarg) <
               (int)sizeof ctl->socket_path;
    case OPT_JSON: ctl->json = true; return true;
    case OPT_CSV: ctl->csv = true; return true;
    case OPT_SIM: ctl->sim = true; return true;
    case OPT_FOLLOW: ctl->follow = true; return true;
    case OPT_POLICY:
        ctl->policy = optarg;
        return true;
    case OPT_FROM: ctl->from = optarg; return true;
    case OPT_DIALECT: return take_dialect(ctl, optarg);
    case OPT_READER: ctl->reader = optarg; return true;
    case OPT_TYPE: ctl->type = optarg; return true;
    case OPT_AT: ctl->at = optarg; return true;
    case OPT_LAST: return take_last(ctl, optarg);
    case OPT_DOOR: ctl->door = optarg; return true;
    case OPT_SINCE: ctl->since = optarg; return true;
    case OPT_HELP:
        fputs(usage, stdout);
        *leave = CTL_DONE;
        return true;
    case OPT_VERSION:
        puts(GATEHOUSE_VERSION);
        *leave = CTL_DONE;
        return true;
    default: return false;
    }
}

static void ignore_mistake(void *context, int line, const char *text)
{
    (void)context;
    (void)line;
    (void)text;
}

/* The socket of the gateway that the configuration describes; a broken one is
 * no reason to be unable to look at what runs. */
static void find_socket(struct ctl *ctl)
{
    struct config config;
    if (ctl->socket_path[0])
        return;
    const char *dir = "/run/gatehouse";
    bool loaded = config_load(&config, ctl->config_path, ignore_mistake, NULL) == GH_OK;
    if (loaded)
        dir = config.run_dir;
    if (!config_path(ctl->socket_path, dir, CONTROL_SOCKET))
        ctl->socket_path[0] = '\0';
    if (loaded)
        config_free(&config);
}

static int with_config(struct ctl *ctl, const char *command, const char *path)
{
    struct config config;
    struct config_print print = {stderr, ctl->config_path};
    if (config_load(&config, ctl->config_path, config_print_mistake, &print) != GH_OK)
        return CTL_REFUSED;
    int status = strcmp(command, "backup") == 0 ? ctl_backup(ctl, &config, path)
                                                : ctl_journal_verify(ctl, &config);
    config_free(&config);
    return status;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    const char *command = argc > 0 ? argv[0] : "";
    if (argc == 2 && strcmp(command, "config") == 0 && strcmp(argv[1], "check") == 0)
        return ctl_config_check(ctl);
    if (ctl->policy && argc <= 2 && strcmp(command, "rehearse") == 0)
        return ctl_rehearse(ctl->policy, argc == 2 ? argv[1] : "-");
    if (argc == 3 && strcmp(command, "policy") == 0 && strcmp(argv[1], "verify") == 0)
        return ctl_policy_verify(argv[2]);
    if (argc == 3 && strcmp(command, "policy") == 0 && strcmp(argv[1], "import") == 0)
        return ctl_policy_import(ctl, argv[2]);
    find_socket(ctl);
    if (argc == 2 && strcmp(command, "journal") == 0 && strcmp(argv[1], "verify") == 0)
        return with_config(ctl, command, NULL);
    if (argc == 2 && strcmp(command, "backup") == 0)
        return with_config(ctl, command, argv[1]);
    if (argc == 1 && ctl->from && strcmp(command, "restore") == 0)
        return ctl_restore(ctl, ctl->from);
    if (argc == 1 && strcmp(command, "status") == 0)
        return ctl_status(ctl);
    if (argc == 1 && strcmp(command, "doors") == 0)
        return ctl_doors(ctl);
    if (argc == 2 && strcmp(command, "inputs") == 0 && strcmp(argv[1], "watch") == 0)
        return ctl_inputs_watch(ctl);
    if (argc == 3 && strcmp(command, "relay") == 0 && strcmp(argv[1], "test") == 0)
        return ctl_relay_test(ctl, argv[2]);
    if (argc == 1 && strcmp(command, "events") == 0)
        return ctl_events(ctl);
    if (argc == 1 && strcmp(command, "explain") == 0 && ctl->reader && ctl->type)
        return ctl_explain(ctl);
    if (argc >= 1 && argc <= 2 && ctl_is_order(command, argc == 2))
        return ctl_order(ctl, command, argc == 2 ? argv[1] : NULL);
    fputs(usage, stderr);
    return CTL_USAGE;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config_path = CONFIG_DEFAULT_PATH};
    int option, leave = -1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!take_option(&ctl, option, &leave)) {
            fputs(usage, stderr);
            return CTL_USAGE;
        }
        if (leave >= 0)
            return leave;
    }
    return run(&ctl, argc - optind, argv + optind);
}
