/* What lies in the state folder and more than one program reaches for. Other names stand
 * beside their formats: FIRE_RULES_FILE, FLOOR_FILE; in the run folder CONTROL_SOCKET and
 * HOLD_SOCKET; journal.db and journal.tail are the journal adapter's. */
#ifndef GATEHOUSE_APP_STATE_H
#define GATEHOUSE_APP_STATE_H

#include <stdbool.h>
#include <stdbool.h>
#include <dirent.h>
#include <sys/types.h>

#include "adapters/crypto/crypto.h"
#include "app/config.h"

#define STATE_REPLICA "replica.db"
#define STATE_DEVICE_KEY "device.key"
#define STATE_LOCK "gatehoused.lock"
#define STATE_SYNCD_LOCK "syncd.lock" /* whoever writes the replica holds it */

/* A folder that is there while a restore is under way, or was cut off: the box may be half of one,
 * and nobody works on it. */
#define STATE_RESTORING "journal.restored"
#define STATE_RESTORING_HELP                                                                       \
    "a restore was cut off there: run it again, or begin anew without " STATE_RESTORING

/* Of journal.tail. While journal.db cannot be written (full disk) it keeps events durable: 20,000 of
 * them with the longest usual ids (UUIDs: 840 bytes with repeat and answer), also where one
 * of its halves was just used up when that began. */
#define STATE_TAIL_BYTES ((size_t)34 * 1024 * 1024)

/* A file that is there while a factory reset is under way, or was cut off: likewise. */
#define STATE_RESET "factory-reset"
#define STATE_RESET_HELP "a factory reset was cut off there: run gatehousectl factory-reset again"
bool state_is_being_reset(const char *state_dir);

/* Takes a lock of the folder, for as long as the descriptor (owned) is open; path is for
 * messages. -1 with errno, EWOULDBLOCK: another process has it; EINPROGRESS: STATE_RESTORING is
 * there; ECANCELED: STATE_RESET is. A file that root makes is given as by state_give. */
int state_lock(char path[CONFIG_PATH_MAX], const char *state_dir, const char *name, mode_t mode);
/* The reason for a person; busy: what to say where another process has it. */
const char *state_lock_why(int error, const char *busy);

/* For root: what lies in the folder under this name, if anything does, becomes the folder's
 * owner's, whose daemons work there. Nothing for anybody else. */
void state_give(const char *state_dir, const char *name);

/* What device.key holds where the key itself is a credential of the units, which systemd keeps
 * sealed (by a TPM, or under the host's key) and hands over in $CREDENTIALS_DIRECTORY, under
 * the same name. So a start without the credential cannot make a new key. */
#define STATE_KEY_NOTE "credential\n"

/* True if device.key is that note. */
bool state_key_is_note(const char *state_dir);

#define STATE_KEY_HELP                                                                             \
    "it must be the service's alone and hold 64 hex digits; where it is a credential of the units, " \
    "see README.md, \"The device key\""

/* Where the key's digits are: among the credentials if there is one, else in the state folder.
 * False if a path does not fit. */
bool state_device_key_path(char out[CONFIG_PATH_MAX], const char *state_dir);

/* Starts the crypto library and loads the device's keys; errors as crypto_keys_load. GH_CORRUPT
 * also where a credential and device.key are two keys, and where there is just the note. */
GH_MUST_CHECK enum gh_err state_keys_load(struct crypto_keys *out, const char *state_dir,
                                          int create);

/* Makes the names in a folder durable. False with errno. */
bool state_sync(const char *folder);

/* A folder to look through, owned; NULL with errno, also where it is a link: whoever owns the one
 * above may have put it there. */
DIR *state_open(const char *folder);

/* Takes the files out of such a folder; not those whose names begin with a dot. */
void state_empty(const char *folder);

/* The whole small file (mode 0640), durably: it is written beside its place (NAME.next) and takes it
 * at once, so that a power cut leaves the old one or the new one. GH_FULL or GH_IO: the old one. */
GH_MUST_CHECK enum gh_err state_write(const char *folder, const char *name, struct slice text);

#endif
