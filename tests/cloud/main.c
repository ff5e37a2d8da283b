/* gatehouse-cloud: a reference for the cloud's side of the gateway protocol. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin.h"
#include "changes.h"
#include "commands.h"
#include "enrol.h"
#include "events.h"
#include "http.h"
#include "snapshot.h"
#include "x509.h"

enum { EXIT_USAGE = 2, PEM_MAX = 1024 * 1024 };

static const struct route ROUTES[] = {
    {"GET", "/v1/sites/*/checkpoint", 0, checkpoint_get, false},
    {"GET", "/v1/sites/*/snapshots/*/*", 0, snapshot_get, false},
    {"GET", "/v1/sites/*/changes", 0, changes_get, false},
    {"POST", "/v1/sites/*/gateways/*/events", EVENTS_BODY_MAX, events_post, false},
    {"POST", "/v1/sites/*/gateways/*/status", STATUS_BODY_MAX, status_post, false},
    {"GET", "/v1/ca", 0, ca_get, true},
    {"POST", "/v1/enrol", ENROL_BODY_MAX, enrol_post, true},
    {"POST", "/v1/sites/*/gateways/*/renew", ENROL_BODY_MAX, renew_post, false},
    {"POST", "/admin/sites/*/rows", ROWS_BODY_MAX, admin_put_rows, false},
    {"POST", "/admin/sites/*/epoch", SMALL_BODY_MAX, admin_new_epoch, false},
    {"POST", "/admin/sites/*/checkpoint", SMALL_BODY_MAX, admin_issue, false},
    {"POST", "/admin/sites/*/forget", SMALL_BODY_MAX, admin_forget, false},
    {"GET", "/admin/sites/*/gateways/*/events", 0, admin_get_events, false},
    {"GET", "/admin/sites/*/gateways/*/events/summary", 0, admin_get_summary, false},
    {"GET", "/admin/sites/*/gateways/*/status", 0, admin_get_status, false},
    {"POST", "/admin/sites/*/gateways/*/commands", SMALL_BODY_MAX, admin_command, false},
    {"GET", "/admin/sites/*/gateways/*/commands", 0, admin_get_commands, false},
    {"POST", "/admin/sites/*/gateways/*/enrolment", SMALL_BODY_MAX, admin_new_token, false},
    {"GET", "/admin/sites/*/gateways/*/certificates", 0, admin_get_certificates, false},
    {"POST", "/admin/faults", SMALL_BODY_MAX, admin_set_faults, false},
    {"POST", "/admin/settings", SMALL_BODY_MAX, admin_settings, false},
    {"GET", "/admin/state", 0, admin_get_state, false},
    {0},
};

struct options {
    const char *data;
    const char *cert;
    const char *key;
    const char *token;
    const char *admin_token;
    const char *policy_key, *command_key; /* NULL: nothing is signed */
    const char *make_key, *public_key;    /* instead of serving */
    const char *ca;     /* NULL: nobody is enrolled */
    long long cert_days; /* of gateways' certificates */
    const char *address;
    int port; /* -1 = not given */
};

static bool read_options(struct options *o, int argc, char **argv)
{
    static const struct option NAMES[] = {
        {"data", required_argument, NULL, 'd'},  {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},   {"port", required_argument, NULL, 'p'},
        {"token", required_argument, NULL, 't'}, {"admin-token", required_argument, NULL, 'm'},
        {"policy-key", required_argument, NULL, 'P'},
        {"command-key", required_argument, NULL, 'C'},
        {"ca", required_argument, NULL, 'A'},
        {"gateway-cert-days", required_argument, NULL, 'D'},
        {"make-key", required_argument, NULL, 'M'},
        {"public-key", required_argument, NULL, 'K'},
        {"address", required_argument, NULL, 'a'}, {0}};
    *o = (struct options){.address = "127.0.0.1", .port = -1, .cert_days = GATEWAY_CERT_DAYS};
    int c;
    while ((c = getopt_long(argc, argv, "", NAMES, NULL)) != -1) {
        long long port, days;
        if (c == 'd')
            o->data = optarg;
        else if (c == 'c')
            o->cert = optarg;
        else if (c == 'k')
            o->key = optarg;
        else if (c == 't')
            o->token = optarg;
        else if (c == 'm')
            o->admin_token = optarg;
        else if (c == 'P')
            o->policy_key = optarg;
        else if (c == 'C')
            o->command_key = optarg;
        else if (c == 'M')
            o->make_key = optarg;
        else if (c == 'K')
            o->public_key = optarg;
        else if (c == 'a')
            o->address = optarg;
        else if (c == 'A')
            o->ca = optarg;
        else if (c == 'D' && parse_number(optarg, strlen(optarg), GATEWAY_CERT_MAX_S / 86400, &days) &&
                 days > 0)
            o->cert_days = days;
        else if (c == 'p' && parse_number(optarg, strlen(optarg), 65535, &port))
            o->port = (int)port;
        else
            return false;
    }
    if (optind == argc && (o->make_key || o->public_key))
        return true;
    return optind == argc && o->data && o->cert && o->key && o->token && o->admin_token &&
           o->port >= 0;
}

/* The whole file as a string, to be freed; NULL with one line in why. */
static char *read_file(const char *path, char why[256])
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(PEM_MAX + 1) : NULL;
    if (!text) {
        snprintf(why, 256, "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    size_t len = fread(text, 1, PEM_MAX + 1, file);
    bool good = !ferror(file) && len <= PEM_MAX;
    fclose(file);
    if (!good) {
        snprintf(why, 256, "%s: cannot be read, or is larger than %d bytes", path, PEM_MAX);
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* What gateways are to pin; it has to be a certificate. */
static bool open_ca(struct cloud *cloud, const char *path, char why[256])
{
    char print[SHA256_TEXT];
    cloud->ca_pem = read_file(path, why);
    if (!cloud->ca_pem)
        return false;
    if (strlen(cloud->ca_pem) <= CA_TEXT_MAX && certificate_fingerprint(cloud->ca_pem, print))
        return true;
    snprintf(why, 256, "--ca %.200s: it must hold a certificate (PEM)", path);
    return false;
}

static bool open_cloud(struct cloud *cloud, const struct options *o, char why[256])
{
    char db_path[4096];
    char dir[4096];
    if (!secret_load(&cloud->gateway_token, o->token, why) ||
        !secret_load(&cloud->admin_token, o->admin_token, why) ||
        (o->policy_key && !signer_load(&cloud->policy_key, o->policy_key, why)) ||
        (o->command_key && !signer_load(&cloud->command_key, o->command_key, why)))
        return false;
    if (secret_equal(&cloud->gateway_token, &cloud->admin_token)) {
        snprintf(why, 256, "--token and --admin-token must not be the same");
        return false;
    }
    int len = snprintf(dir, sizeof dir, "%s/snapshots", o->data);
    if (len < 0 || len >= (int)sizeof dir || (mkdir(o->data, 0700) != 0 && errno != EEXIST) ||
        (mkdir(dir, 0700) != 0 && errno != EEXIST)) {
        snprintf(why, 256, "--data %.200s: %s", o->data, strerror(errno));
        return false;
    }
    cloud->snapshot_dir = strdup(dir);
    snprintf(db_path, sizeof db_path, "%s/cloud.db", o->data);
    cloud->gateway_ca = gateway_ca_open(o->data, why);
    if (!cloud->gateway_ca || (o->ca && !open_ca(cloud, o->ca, why)))
        return false;
    cloud->gateway_cert_s = o->cert_days * 86400;
    cloud->gateway_cert_age_s = GATEWAY_CERT_AGE_S;
    cloud->checkpoint_every_s = CHECKPOINT_EVERY_S;
    cloud->command_again_s = COMMAND_AGAIN_S;
    cloud->faults.value[FAULT_RETRY_AFTER_S] = 1;
    cloud->db = cloud->snapshot_dir ? db_open(db_path, why) : NULL;
    return cloud->db != NULL;
}

/* A descriptor that becomes readable with SIGTERM or SIGINT. */
static int stop_descriptor(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool serve(struct cloud *cloud, const struct options *o, char why[256])
{
    int port;
    bool served = false;
    struct http *http = NULL;
    int stop_fd = stop_descriptor();
    char *cert = read_file(o->cert, why);
    char *key = cert ? read_file(o->key, why) : NULL;
    if (key && stop_fd >= 0) {
        struct http_options options = {o->address, o->port, cert, key,
                                       gateway_ca_pem(cloud->gateway_ca), ROUTES};
        http = http_open(cloud, &options, &port, why);
    }
    if (http) {
        printf("listening on %s:%d\n", o->address, port);
        fflush(stdout);
        snprintf(why, 256, "the HTTP server broke");
        served = http_serve(http, stop_fd);
        http_close(http);
    }
    if (key)
        sodium_memzero(key, strlen(key));
    free(key);
    free(cert);
    if (stop_fd >= 0)
        close(stop_fd);
    return served;
}

/* Makes a key if need be, and prints what gateways are to pin. */
static bool show_key(const struct options *o, char why[256])
{
    struct signer signer;
    char public[65];
    const char *path = o->make_key ? o->make_key : o->public_key;
    if ((o->make_key && !signer_make(path, why)) || !signer_load(&signer, path, why))
        return false;
    signer_public(&signer, public);
    sodium_memzero(&signer, sizeof signer);
    return printf("%s\n", public) > 0;
}

int main(int argc, char **argv)
{
    struct options o;
    struct cloud cloud = {0};
    char why[256] = "the server cannot start";
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "usage: gatehouse-cloud --data DIR --cert FILE --key FILE --port N"
                        " [--address 127.0.0.1] --token FILE --admin-token FILE"
                        " [--policy-key FILE] [--command-key FILE]"
                        " [--ca FILE] [--gateway-cert-days N], or --make-key FILE, or"
                        " --public-key FILE\n");
        return EXIT_USAGE;
    }
    bool served = sodium_init() >= 0;
    if (served && (o.make_key || o.public_key))
        served = show_key(&o, why);
    else
        served = served && open_cloud(&cloud, &o, why) && serve(&cloud, &o, why);
    if (!served)
        fprintf(stderr, "gatehouse-cloud: %s\n", why);
    db_close(cloud.db);
    gateway_ca_close(cloud.gateway_ca);
    free(cloud.ca_pem);
    free(cloud.snapshot_dir);
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
