/* gatehouse.conf: read whole, checked whole, then never changed.
 *
 * Every mistake is reported with its line; a file with a single mistake starts
 * nothing. The options are described in systemd/gatehouse.conf. */
#ifndef GATEHOUSE_APP_CONFIG_H
#define GATEHOUSE_APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/id.h"
#include "core/read.h"
#include "relay.h"

#define CONFIG_PATH_MAX 256
#define CONFIG_DOORS_MAX 512
#define CONFIG_READERS_MAX 1024

enum lock_kind { LOCK_FAIL_SECURE, LOCK_FAIL_SAFE };

struct config_door {
    struct id id;
    struct hal_line relay;
    enum lock_kind lock; /* fail_secure: energised = released; fail_safe: energised = locked */
    int line_number;     /* of the section, for later messages */
};

struct config_reader {
    struct id id;
    enum freshness_mode freshness;
};

struct config {
    struct id site, gateway;
    char state_dir[CONFIG_PATH_MAX];
    char run_dir[CONFIG_PATH_MAX];
    int reads_per_s; /* cap per reader, 1..10000 [10] */
    int reads_burst; /* reads that may come at once, 1..10000 [20] */
    char broker_address[64]; /* numeric */
    int broker_port;
    char broker_username[128];      /* "" = none */
    char broker_password_file[CONFIG_PATH_MAX];
    char cloud_url[CONFIG_PATH_MAX]; /* "" = no cloud: the box stands alone */
    char cloud_ca_file[CONFIG_PATH_MAX];
    char cloud_token_file[CONFIG_PATH_MAX];
    char cloud_cert_file[CONFIG_PATH_MAX], cloud_key_file[CONFIG_PATH_MAX];
    bool policy_unsigned; /* must be said: this version checks no signatures */
    uint64_t journal_max_events;
    struct config_door *doors; /* owned */
    size_t n_doors;
    struct config_reader *readers; /* owned; readers not named here: FRESHNESS_AGE */
    size_t n_readers;
};

/* Reads and checks the file. report is called once for each mistake
 * (line 0: of the file as a whole). GH_INVALID if there was any,
 * GH_NOT_FOUND or GH_IO if the file cannot be read (reported too). */
GH_MUST_CHECK enum gh_err config_load(struct config *out, const char *path,
                                      void (*report)(void *context, int line, const char *text),
                                      void *context);
void config_free(struct config *config);

const struct config_door *config_find_door(const struct config *config, const struct id *id);
enum freshness_mode config_freshness(const struct config *config, const struct id *reader);

/* path = dir "/" name; false if it does not fit. */
bool config_path(char out[CONFIG_PATH_MAX], const char *dir, const char *name);

#endif
