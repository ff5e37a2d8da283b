/* What makes a box this box: the parts of a backup, and where each lies.
 *
 * A backup is a sealed file (adapters/crypto/seal.h). Its first message is the head,
 *   {"backup":1,"version","site","gateway","created_at"}
 * Then comes an entry for each part: a message
 *   {"part":NAME,"owner":USER,"group":GROUP,"mode":N}
 * and its bytes; the first part is the configuration, which says where the others lie. The
 * part "kept" is what decisions keep, as lists of changes (core/changes.h), a list a message.
 * Events are no part: a restored box begins a new stream. */
#ifndef GATEHOUSE_APP_BOX_H
#define GATEHOUSE_APP_BOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "adapters/crypto/crypto.h"
#include "adapters/crypto/seal.h"
#include "app/broker_folder.h"
#include "app/config.h"

enum box_part {
    BOX_CONFIG,
    BOX_BROKER_PASSWORD,
    BOX_CLOUD_CA,
    BOX_CLOUD_TOKEN,
    BOX_CLOUD_CERT,
    BOX_CLOUD_KEY,
    BOX_POLICY_KEYS,
    BOX_COMMAND_KEYS,
    BOX_RENEWED,
    BOX_BROKER_CA_KEY, /* the broker's folder, in the order of enum broker_file ... */
    BOX_BROKER_CA,
    BOX_BROKER_SERVER_KEY,
    BOX_BROKER_SERVER,
    BOX_BROKER_ACCOUNTS,
    BOX_BROKER_ACL,
    BOX_BROKER_ISSUED,
    BOX_BROKER_REVOKED, /* ... to here */
    BOX_DEVICE_KEY,
    BOX_FLOOR,
    BOX_FIRE_IGNORE,
    BOX_REPLICA,
    BOX_KEPT,
    BOX_PARTS
};

#define BOX_RESTORED ".restored" /* behind the name of a part while it is brought back */
#define BOX_NAME_MAX 64 /* of a user or group, with its zero */

/* What stands before the bytes of a part. */
struct box_entry {
    enum box_part part;
    char owner[BOX_NAME_MAX], group[BOX_NAME_MAX];
    mode_t mode;
};

/* True if the part is a file of the broker's folder: *file says which. */
bool box_is_broker(enum box_part part, enum broker_file *file);

/* A word, static. */
const char *box_part_name(enum box_part part);

/* True if the box may be without it. config may be NULL for BOX_CONFIG. */
bool box_may_lack(enum box_part part, const struct config *config);

/* True if it lies in the folder of the enrolment, which is made with it. */
bool box_is_enrolment(enum box_part part, const struct config *config);

/* Where the part lies; false if this box has none. config may be NULL for BOX_CONFIG. */
bool box_path(char out[CONFIG_PATH_MAX], enum box_part part, const struct config *config,
              const char *config_file);

/* Owner, group and mode of a file, by name. False with one line in why. */
bool box_entry_of(struct box_entry *out, enum box_part part, const char *path, char *why,
                  size_t why_size);
/* Gives the open file to owner and group, if we are root, and the mode. */
bool box_give(int fd, const struct box_entry *entry, char *why, size_t why_size);

/* The message before the bytes; owned, NULL without memory. And back: false if it is none. */
char *box_entry_print(const struct box_entry *entry, size_t *len);
bool box_entry_parse(struct box_entry *out, struct slice message);

#endif
