/* A real mosquitto with the configuration of an installed box: mosquitto.conf and
 * listeners.conf behind it, where only paths, ports and addresses are others, and the shipped
 * acl with a block for each panel, as the acl's own comment shows it. */
#ifndef TESTS_LIB_SECURE_BROKER_H
#define TESTS_LIB_SECURE_BROKER_H

#include <stdbool.h>

#include "lib/folder.h"
#include "lib/process.h"

/* Accounts beside those of the gateway, readers and panels: one that may read whatever there
 * is, and one that may write it. */
#define JUDGE_EARS "@ears"
#define JUDGE_MOUTH "@mouth"
/* The password of every account. */
#define SECURE_PASSWORD "a-password-of-a-test"

enum secure_port { PORT_GATEWAY, PORT_CERTIFICATE, PORT_PASSWORD, SECURE_PORTS };

struct secure_broker {
    const struct folder *folder; /* keys, accounts, configuration; outlives it */
    struct process process;
    int port[SECURE_PORTS]; /* on 127.0.0.1 */
    char config[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
};

/* A change of the shipped text: `from` is there at least once, and becomes `to` everywhere. */
struct secure_edit {
    const char *from, *to;
    bool in_acl; /* else in the configuration */
};

/* Makes what `gatehousectl broker` makes on a box, in broker/ of the folder: the authority, the
 * server's certificate, accounts with a password (a list that ends with NULL), and a certificate
 * of the reader front that is revoked: wasgood. A test makes others there, with
 * certs_make_client. */
bool secure_broker_files(const struct folder *folder, const char *const *accounts);

/* Chooses ports (but one for the gateway that is there already) and writes the configuration;
 * edits end with one whose from is NULL (NULL = none). panels: ids, ends with NULL; without any
 * list the acl that is there stays as it is. */
bool secure_broker_configure(struct secure_broker *broker, const struct folder *folder,
                             const char *const *panels, const struct secure_edit *edits);
/* Starts it and waits until all its listeners accept connections. */
bool secure_broker_start(struct secure_broker *broker);
void secure_broker_end(struct secure_broker *broker);

#endif
