/* The broker's folder ([broker] dir): who may connect to mosquitto, and as whom.
 *
 *   ca.pem, ca.key          the site's certificate authority (adapters/openssl/authority.h)
 *   server.pem, server.key  the broker's certificate, behind it the authority's; its key
 *   accounts                mosquitto's password_file
 *   acl                     mosquitto's acl_file: the shipped rights, then a block a panel
 *   revoked.pem             the list of revoked certificates
 *   issued                  our own index of accounts (app/issued.h)
 *
 * The folder belongs to root and the group mosquitto; what mosquitto must not read is root's
 * alone. accounts and acl are mosquitto's own, as it wants them; its unit lets it change neither. Whoever changes something holds the lock, which mosquitto cannot take: .lock, an
 * empty file of root's. */
#ifndef GATEHOUSE_APP_BROKER_FOLDER_H
#define GATEHOUSE_APP_BROKER_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/config.h"
#include "core/err.h"
#include "core/slice.h"

#define BROKER_USER "@gatehoused" /* the gateway's own account */
#define BROKER_OWNER "mosquitto"
#define BROKER_GROUP "mosquitto"
#define BROKER_FOLDER_MODE 0750

/* In the order in which setup makes them: where the last is, all have been there once. */
enum broker_file {
    BROKER_CA_KEY,
    BROKER_CA,
    BROKER_SERVER_KEY,
    BROKER_SERVER,
    BROKER_ACCOUNTS,
    BROKER_ACL,
    BROKER_ISSUED,
    BROKER_REVOKED,
    BROKER_FILES
};

/* Static storage. */
const char *broker_file_name(enum broker_file file);
mode_t broker_file_mode(enum broker_file file);
/* True if mosquitto reads it: it is given to the group. */
bool broker_file_is_shared(enum broker_file file);

/* Their numbers; -1: there is none, or we are not root and give nothing away. */
uid_t broker_owner(void);
gid_t broker_group(void);

struct broker_folder {
    int fd;      /* -1 = not open */
    int lock;    /* held for as long as that is open */
    uid_t owner; /* broker_owner() */
    gid_t group; /* broker_group() */
    char path[CONFIG_PATH_MAX];
};

/* Opens the folder, waits for its lock; with make it is made if it is missing. Without, only one
 * where setup has begun is taken, so that nothing is written into a folder that the configuration
 * names by mistake. GH_NOT_FOUND: it is missing, or none of ours; GH_RETRY: somebody else has had the lock for 10 s; GH_INVALID: the path is a link
 * or no folder; GH_IO with errno. */
GH_MUST_CHECK enum gh_err broker_folder_open(struct broker_folder *out, const char *path,
                                             bool make);
/* What such an error means, for a person; static storage. Right after the call, for errno. */
const char *broker_folder_why(enum gh_err err);
void broker_folder_close(struct broker_folder *folder);
/* Removes an open folder that holds nothing but its lock. False with errno. */
bool broker_folder_remove(const struct broker_folder *folder);

/* Whose that file is: mosquitto's, or ours. */
uid_t broker_file_owner(const struct broker_folder *folder, enum broker_file file);

/* As whole_file_read and whole_file_put, with the mode, owner and group of that file. */
GH_MUST_CHECK enum gh_err broker_folder_read(const struct broker_folder *folder,
                                             enum broker_file file, char **out, size_t *len);
GH_MUST_CHECK enum gh_err broker_folder_put(const struct broker_folder *folder,
                                            enum broker_file file, struct slice bytes);

#endif
