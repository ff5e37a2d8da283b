/* gatehousectl: the installer's tool. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "app/control.h"
#include "app/ctl/ctl.h"
#include "core/dialect.h"

static const char usage[] =
    "usage: gatehousectl [--config FILE] [--socket PATH] [--json] COMMAND\n"
    "  --config FILE          the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  --socket PATH          gatehoused's control socket, else where the configuration\n"
    "                         has it\n"
    "  --json                 for programs: the answer as it came\n"
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
    "  hold-open DOOR         keeps it open until it is restored\n"
    "  lock [DOOR]            keeps a door, or every door, locked until it is restored\n"
    "  restore [DOOR]         back to its schedule\n"
    "  lockdown [DOOR]        locks down a door, or every door\n"
    "  lockdown-release [DOOR] ends that\n"
    "  inputs watch           every contact, button and alarm line as it changes\n"
    "  relay test DOOR        releases a door for a second and reads its relay back\n"
    "  policy verify FILE     every mistake in a policy file\n"
    "  policy import FILE     makes it the policy, where there is no cloud\n"
    "  journal verify         is the journal as it was written? each event, its end\n"
    "  broker setup [--address A]... [--name N]... [--renew server|acl] [--acl FILE]\n"
    "                         the broker's certificates, accounts and rights: makes\n"
    "                         what is missing; A and N: what this box is called by\n"
    "  reader add ID [--password] [--out DIR] [--qr]\n"
    "                         an account for a reader, handed out once: a certificate\n"
    "                         in files (DIR, or here), or a password; also as a QR code\n"
    "  reader revoke ID       takes it back; reader list: all of them\n"
    "  panel add|revoke|list  the same for a panel of the configuration\n"
    "  backup FILE            what makes this box this box, sealed under a passphrase\n"
    "                         that is asked for, or a line on standard input\n"
    "  restore --from FILE    makes a fresh box that one; both daemons stopped\n"
    "  enrol [URL] [--ca-sha256 HEX|--ca FILE] [--again]\n"
    "                         makes this box a gateway of the cloud; the one-time token\n"
    "                         is asked for, or a line on standard input\n"
    "  factory-reset [--yes GATEWAY] [--discard-events]\n"
    "                         makes it a box without identity, accounts and policy\n"
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
    OPT_PASSWORD,
    OPT_QR,
    OPT_OUT,
    OPT_RENEW,
    OPT_ACL,
    OPT_NAME,
    OPT_ADDRESS,
    OPT_CA,
    OPT_CA_SHA256,
    OPT_AGAIN,
    OPT_YES,
    OPT_DISCARD_EVENTS,
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
    {"password", no_argument, NULL, OPT_PASSWORD},
    {"qr", no_argument, NULL, OPT_QR},
    {"out", required_argument, NULL, OPT_OUT},
    {"renew", required_argument, NULL, OPT_RENEW},
    {"acl", required_argument, NULL, OPT_ACL},
    {"name", required_argument, NULL, OPT_NAME},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"ca", required_argument, NULL, OPT_CA},
    {"ca-sha256", required_argument, NULL, OPT_CA_SHA256},
    {"again", no_argument, NULL, OPT_AGAIN},
    {"yes", required_argument, NULL, OPT_YES},
    {"discard-events", no_argument, NULL, OPT_DISCARD_EVENTS},
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

static bool take_renew(struct ctl *ctl, const char *text)
{
    ctl->renew = text;
    if (strcmp(text, "server") == 0 || strcmp(text, "acl") == 0)
        return true;
    fprintf(stderr, "gatehousectl: --renew is server or acl\n");
    return false;
}

static bool take_host(const char *list[CTL_HOSTS_MAX], size_t *n)
{
    if (*n == CTL_HOSTS_MAX) {
        fprintf(stderr, "gatehousectl: more than %d of one option\n", CTL_HOSTS_MAX);
        return false;
    }
    list[(*n)++] = optarg;
    return true;
}

/* The options of accounts. */
static bool take_account_option(struct ctl *ctl, int option)
{
    switch (option) {
    case OPT_PASSWORD: ctl->password = true; return true;
    case OPT_QR: ctl->qr = true; return true;
    case OPT_OUT: ctl->out = optarg; return true;
    case OPT_RENEW: return take_renew(ctl, optarg);
    case OPT_ACL: ctl->acl = optarg; return true;
    case OPT_NAME: return take_host(ctl->name, &ctl->n_names);
    case OPT_ADDRESS: return take_host(ctl->address, &ctl->n_addresses);
    case OPT_YES: ctl->yes = optarg; return true;
    case OPT_DISCARD_EVENTS: ctl->discard_events = true; return true;
    default: return false;
    }
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
    case OPT_CA: ctl->ca = optarg; return true;
    case OPT_CA_SHA256: ctl->ca_sha256 = optarg; return true;
    case OPT_AGAIN: ctl->again = true; return true;
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
    default: return take_account_option(ctl, option);
    }
}

/* The socket of the gateway that the configuration describes; a broken one is
 * no reason to be unable to look at what runs. */
static void find_socket(struct ctl *ctl)
{
    struct config config;
    if (ctl->socket_path[0])
        return;
    const char *dir = "/run/gatehouse";
    bool loaded = config_load(&config, ctl->config_path, config_ignore_mistake, NULL) == GH_OK;
    if (loaded)
        dir = config.run_dir;
    if (!config_path(ctl->socket_path, dir, CONTROL_SOCKET))
        ctl->socket_path[0] = '\0';
    if (loaded)
        config_free(&config);
}

/* --- commands that need the whole configuration ---------------------------- */

/* reader and panel, behind each an id where the verb wants one. */
static const struct {
    const char *verb;
    bool has_id;
} account_verbs[] = {{"add", true}, {"revoke", true}, {"list", false}};

static bool is_account_command(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[0], "reader") != 0 && strcmp(argv[0], "panel") != 0))
        return false;
    for (size_t i = 0; i < sizeof account_verbs / sizeof account_verbs[0]; i++)
        if (strcmp(argv[1], account_verbs[i].verb) == 0)
            return argc == 2 + account_verbs[i].has_id;
    return false;
}

static int account_command(const struct ctl *ctl, const struct config *config, char **argv)
{
    enum issued_kind kind = strcmp(argv[0], "panel") == 0 ? ISSUED_PANEL : ISSUED_READER;
    if (strcmp(argv[1], "list") == 0)
        return ctl_account_list(ctl, config, kind);
    return strcmp(argv[1], "add") == 0 ? ctl_account_add(ctl, config, kind, argv[2])
                                       : ctl_account_revoke(ctl, config, kind, argv[2]);
}

static bool needs_config(int argc, char **argv)
{
    const char *command = argc > 0 ? argv[0] : "";
    return is_account_command(argc, argv) || (argc == 2 && strcmp(command, "backup") == 0) ||
           (argc == 1 && strcmp(command, "factory-reset") == 0) ||
           (argc >= 1 && argc <= 2 && strcmp(command, "enrol") == 0) ||
           (argc == 2 && strcmp(command, "broker") == 0 && strcmp(argv[1], "setup") == 0) ||
           (argc == 2 && strcmp(command, "journal") == 0 && strcmp(argv[1], "verify") == 0);
}

static int with_config(struct ctl *ctl, int argc, char **argv)
{
    struct config config;
    struct config_print print = {stderr, ctl->config_path};
    if (config_load(&config, ctl->config_path, config_print_mistake, &print) != GH_OK)
        return CTL_REFUSED;
    int status;
    if (is_account_command(argc, argv))
        status = account_command(ctl, &config, argv);
    else if (strcmp(argv[0], "backup") == 0)
        status = ctl_backup(ctl, &config, argv[1]);
    else if (strcmp(argv[0], "enrol") == 0)
        status = ctl_enrol(ctl, &config, argv[1]); /* NULL at the end of argv */
    else if (strcmp(argv[0], "broker") == 0)
        status = ctl_broker_setup(ctl, &config);
    else if (strcmp(argv[0], "factory-reset") == 0)
        status = ctl_factory_reset(ctl, &config);
    else
        status = ctl_journal_verify(ctl, &config);
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
    if (needs_config(argc, argv))
        return with_config(ctl, argc, argv);
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

/* Keys, a passphrase, a card's value: none of them goes into a core dump. */
static void leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0); /* a pipe in core_pattern knows no limit */
}

int main(int argc, char **argv)
{
    leave_no_core();
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
