#include "lib/secure_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/certs.h"
#include "lib/port.h"
#include "lib/wait.h"

#define TEXT_MAX 16384
#define INSTALLED "/etc/gatehouse/broker"

static const char *program(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
}

/* --- text ----------------------------------------------------------------------------------- */

/* Every `from` in text (of TEXT_MAX bytes) becomes `to`. False: there is none, or no room. */
static bool replace(char *text, const char *from, const char *to)
{
    char out[TEXT_MAX];
    size_t n = 0, found = 0;
    for (const char *at = text; *at;) {
        bool here = strncmp(at, from, strlen(from)) == 0;
        const char *add = here ? to : at;
        size_t len = here ? strlen(to) : 1;
        if (n + len >= sizeof out)
            return false;
        memcpy(out + n, add, len);
        n += len;
        at += here ? strlen(from) : 1;
        found += here;
    }
    out[n] = '\0';
    memcpy(text, out, n + 1);
    return found > 0;
}

static bool add(char *text, const char *more)
{
    size_t len = strlen(text);
    if (len + strlen(more) >= TEXT_MAX)
        return false;
    memcpy(text + len, more, strlen(more) + 1);
    return true;
}

static bool add_shipped(char *text, const char *name)
{
    char path[FOLDER_PATH_MAX];
    char *shipped = place_repo_file(name, path) ? folder_read(path, NULL) : NULL;
    bool good = shipped && add(text, shipped);
    free(shipped);
    return good;
}

static bool edit(char *text, const struct secure_edit *edits, bool in_acl)
{
    for (const struct secure_edit *e = edits; e && e->from; e++) {
        if (e->in_acl == in_acl && !replace(text, e->from, e->to)) {
            lib_say("nothing to change: \"%s\" is not shipped", e->from);
            return false;
        }
    }
    return true;
}

/* --- what gatehousectl makes --------------------------------------------------------------- */

static bool make_accounts(const struct folder *folder, const char *const *accounts)
{
    char text[TEXT_MAX] = "", path[FOLDER_PATH_MAX], line[160];
    for (; *accounts; accounts++) {
        snprintf(line, sizeof line, "%s:%s\n", *accounts, SECURE_PASSWORD);
        if (!add(text, line))
            return false;
    }
    return folder_write(folder, "broker/accounts", text, 0600) &&
           folder_file(folder, "broker/accounts", path) &&
           process_shell(WAIT_MS, "mosquitto_passwd -U '%s'", path);
}

/* certs_* write where they are: in broker/. */
static bool in_broker(const struct folder *folder, struct folder *out)
{
    return folder_file(folder, "broker", out->path);
}

bool secure_broker_files(const struct folder *folder, const char *const *accounts)
{
    struct folder broker;
    return in_broker(folder, &broker) && mkdir(broker.path, 0700) == 0 &&
           certs_make_ca(&broker, "ca") && certs_make_server(&broker, "ca", "server", CERT_GOOD) &&
           certs_make_client(&broker, "ca", "wasgood", "front", CERT_GOOD) &&
           certs_make_list(&broker, "ca", "revoked.pem", "wasgood") &&
           make_accounts(folder, accounts);
}

/* The block of a panel, as the comment in the acl has it for the panel desk. */
static bool add_panel(char *acl, const char *panel)
{
    char block[TEXT_MAX] = "\n", name[100];
    for (const char *at = acl; (at = strstr(at, "\n#   ")); at++) {
        size_t len = strcspn(at + 5, "\n");
        snprintf(block + strlen(block), sizeof block - strlen(block), "%.*s\n", (int)len, at + 5);
    }
    snprintf(name, sizeof name, "user @panel/%s", panel);
    if (!replace(block, "user @panel/desk", name))
        return false;
    snprintf(name, sizeof name, "/panels/%s/", panel);
    return replace(block, "/panels/desk/", name) && add(acl, block);
}

static bool write_acl(const struct folder *folder, const char *const *panels,
                      const struct secure_edit *edits)
{
    char acl[TEXT_MAX] = "", blocks[TEXT_MAX] = "";
    if (!add_shipped(acl, "broker-config/acl") || !edit(acl, edits, true))
        return false;
    for (; *panels; panels++) {
        char one[TEXT_MAX];
        memcpy(one, acl, strlen(acl) + 1);
        if (!add_panel(one, *panels) || !add(blocks, one + strlen(acl)))
            return false;
    }
    return add(acl, blocks) &&
           add(acl, "\nuser " JUDGE_EARS
                    "\ntopic read #\ntopic read $SYS/#\ntopic read $CONTROL/#\n"
                    "topic read $x/#\n\nuser " JUDGE_MOUTH
                    "\ntopic write #\ntopic write $SYS/#\ntopic write $x/#\n") &&
           folder_write(folder, "broker/acl", acl, 0600);
}

static bool is_own_port(const struct secure_broker *b, int i)
{
    bool own = b->port[i] != 0;
    for (int other = 0; other < i; other++)
        own = own && b->port[i] != b->port[other];
    return own;
}

static bool set_ports(struct secure_broker *b, char *text)
{
    static const char *const shipped[] = {"listener 1883 127.0.0.1\n", "listener 8883\n",
                                          "listener 8884\n"};
    for (int i = 0; i < SECURE_PORTS; i++) {
        char line[64];
        for (int tries = 0; tries < 100 && !is_own_port(b, i); tries++)
            b->port[i] = port_free();
        snprintf(line, sizeof line, "listener %d 127.0.0.1\n", b->port[i]);
        if (!is_own_port(b, i) || !replace(text, shipped[i], line))
            return false;
    }
    return true;
}

bool secure_broker_configure(struct secure_broker *b, const struct folder *folder,
                             const char *const *panels, const struct secure_edit *edits)
{
    /* A broker that root starts must not change its user: the kernel would forget to end it
     * when the test dies. */
    char text[TEXT_MAX] = "user root\n", path[FOLDER_PATH_MAX];
    int wanted = b->port[PORT_GATEWAY];
    *b = (struct secure_broker){.folder = folder, .port = {wanted}};
    return folder_file(folder, "broker", path) &&
           add_shipped(text, "broker-config/mosquitto.conf") &&
           add_shipped(text, "broker-config/listeners.conf") && edit(text, edits, false) &&
           replace(text, INSTALLED, path) && set_ports(b, text) &&
           (!panels || write_acl(folder, panels, edits)) &&
           folder_write(folder, "installed.conf", text, 0600) &&
           folder_file(folder, "installed.conf", b->config) &&
           folder_file(folder, "mosquitto.log", b->log);
}

bool secure_broker_start(struct secure_broker *b)
{
    const char *argv[] = {program(), "-c", b->config, NULL};
    if (!process_start(&b->process, &(struct process_options){.argv = argv, .log_path = b->log}))
        return false;
    for (int i = 0; i < SECURE_PORTS; i++) {
        if (!port_wait_open(b->port[i], WAIT_MS) || !process_is_alive(&b->process)) {
            lib_say("mosquitto does not listen on port %d", b->port[i]);
            process_show_log(&b->process);
            process_kill(&b->process);
            return false;
        }
    }
    return true;
}

void secure_broker_end(struct secure_broker *b)
{
    (void)process_stop(&b->process);
}
