/* What lies in the state folder and more than one program reaches for. Other names stand
 * beside their formats: FIRE_RULES_FILE, FLOOR_FILE; in the run folder CONTROL_SOCKET and
 * HOLD_SOCKET; journal.db and journal.tail are the journal adapter's. */
#ifndef GATEHOUSE_APP_STATE_H
#define GATEHOUSE_APP_STATE_H

#include <sys/types.h>

#include "adapters/crypto/crypto.h"
#include "app/config.h"

#define STATE_REPLICA "replica.db"
#define STATE_DEVICE_KEY "device.key"
#define STATE_LOCK "gatehoused.lock"
#define STATE_SYNCD_LOCK "syncd.lock" /* whoever writes the replica holds it */

/* Takes a lock of the folder, for as long as the descriptor (owned) is open; path is for
 * messages. -1 with errno, EWOULDBLOCK: another process has it. */
int state_lock(char path[CONFIG_PATH_MAX], const char *state_dir, const char *name, mode_t mode);

/* Starts the crypto library and loads the device's keys; errors as crypto_keys_load. */
GH_MUST_CHECK enum gh_err state_keys_load(struct crypto_keys *out, const char *state_dir,
                                          int create);

/* Makes the names in a folder durable. False with errno. */
bool state_sync(const char *folder);

#endif
