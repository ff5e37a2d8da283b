/* gatehouse.conf: read whole, checked whole, then never changed.
 *
 * Every mistake is reported with its line; a file with a single mistake starts
 * nothing. The options are described in systemd/gatehouse.conf. */
#ifndef GATEHOUSE_APP_CONFIG_H
#define GATEHOUSE_APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"
#include "core/id.h"
#include "core/read.h"
#include "input.h"

#define CONFIG_DEFAULT_PATH "/etc/gatehouse/gatehouse.conf"
#define CONFIG_PATH_MAX 256
#define CONFIG_DOORS_MAX 512
#define CONFIG_READERS_MAX 1024
#define CONFIG_FLOORS_MAX 1024
#define CONFIG_DOOR_FLOORS_MAX 64 /* of one elevator */
#define CONFIG_DEBOUNCE_MS 30     /* unless the configuration says another */

/* The files of an enrolment (app/identity.h). */
#define CONFIG_CA_FILE "ca.pem"
#define CONFIG_CERT_FILE "gateway.pem"
#define CONFIG_KEY_FILE "gateway.key"
#define CONFIG_POLICY_KEYS_FILE "policy.pub"
#define CONFIG_COMMAND_KEYS_FILE "command.pub"

enum lock_kind { LOCK_FAIL_SECURE, LOCK_FAIL_SAFE };

/* An input, as it is wired. line.active_low is worked out of the wiring: the input is
 * active when its circuit is not as it normally is. */
struct config_input {
    struct hal_line line; /* chip "" = there is none */
    bool normally_closed; /* at rest the circuit is closed; a cut wire is active */
    enum input_bias bias;
    int debounce_ms;
};

/* A relay for a floor of an elevator: energised = the floor can be chosen. */
struct config_floor {
    struct id door;
    struct id floor; /* "3" is also the number 3 of the policy */
    struct hal_line relay;
    int line_number;
};

struct config_door {
    struct id id;
    struct hal_line relay; /* chip "": an elevator that has relays for floors alone */
    enum lock_kind lock; /* fail_secure: energised = released; fail_safe: energised = locked */
    struct hal_line opener; /* automatic operator: energised = open; chip "" = none */
    int opener_ms;        /* length of its pulse, 50..10000 [500] */
    bool opener_on_rex;   /* [no] */
    struct config_input contact, rex, tamper;
    int line_number;     /* of the section, for later messages */
};

/* True if there is such a line or input. */
static inline bool config_has_line(const struct hal_line *line)
{
    return line->chip[0] != '\0';
}

/* What the coil of a lock's relay must be. */
static inline bool config_energized(enum lock_kind lock, bool released)
{
    return lock == LOCK_FAIL_SECURE ? released : !released;
}

/* A local panel, and what it may command. */
#define CONFIG_PANELS_MAX 64
#define CONFIG_PANEL_DOORS_MAX 32
struct config_panel {
    struct id id;
    unsigned actions; /* bits: 1 << enum command_action */
    bool all_doors;
    struct id door[CONFIG_PANEL_DOORS_MAX];
    size_t n_doors;
    int line_number;
};

struct config_reader {
    struct id id;
    enum freshness_mode freshness;
};

struct config {
    struct id site, gateway;
    char state_dir[CONFIG_PATH_MAX];
    char run_dir[CONFIG_PATH_MAX];
    bool battery_clock; /* the wall clock is right at boot, whatever the kernel shows [no] */
    int reads_per_s; /* cap per reader, 1..10000 [10] */
    int reads_burst; /* reads that may come at once, 1..10000 [20] */
    char broker_address[64]; /* numeric */
    int broker_port;
    char broker_username[128];      /* "" = none */
    char broker_password_file[CONFIG_PATH_MAX];
    char broker_dir[CONFIG_PATH_MAX]; /* its accounts and certificates (app/broker_folder.h) */
    char cloud_url[CONFIG_PATH_MAX]; /* "" = no cloud: the box stands alone */
    bool is_enrolled; /* it names no files: all below are those of the enrolment, in cloud_dir,
                         and may be missing yet */
    char cloud_dir[CONFIG_PATH_MAX];
    char cloud_ca_file[CONFIG_PATH_MAX];
    char cloud_token_file[CONFIG_PATH_MAX];
    char cloud_cert_file[CONFIG_PATH_MAX], cloud_key_file[CONFIG_PATH_MAX];
    char policy_key_file[CONFIG_PATH_MAX];  /* whose checkpoints are believed; "" = unsigned */
    char command_key_file[CONFIG_PATH_MAX]; /* whose commands are done; "" = the cloud's are not */
    bool policy_unsigned; /* said instead of a policy_key_file */
    int remote_releases;  /* by the cloud and by panels, an hour, 0..10000 [120] */
    uint64_t journal_max_events;
    struct config_input fire; /* of the site */
    struct config_door *doors; /* owned */
    size_t n_doors;
    struct config_floor *floors; /* owned; those of one door stand in the order of the file */
    size_t n_floors;
    struct config_panel *panels; /* owned */
    size_t n_panels;
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

/* The exit status of a daemon whose configuration could not be loaded. That of mistakes, which
 * only an edit mends, keeps systemd from starting it again (RestartPreventExitStatus in systemd/);
 * a file that cannot be read just now is tried again. */
#define CONFIG_EXIT_MISTAKES 78 /* EX_CONFIG of sysexits.h */
int config_exit_status(enum gh_err err);

/* For config_load: each mistake on a line, "PATH:LINE: text", or "PATH: text" where it is of
 * the file as a whole. context: a struct config_print. */
struct config_print {
    FILE *to;         /* borrowed */
    const char *path; /* borrowed */
};
void config_print_mistake(void *context, int line, const char *text);

/* For config_load: says nothing. */
void config_ignore_mistake(void *context, int line, const char *text);

/* A use of a line: what for, and by whom. All borrowed from the configuration. */
struct config_use {
    const struct hal_line *line;
    const struct config_input *input; /* NULL: it is an output */
    const struct config_door *door;   /* NULL: the site's */
    const char *what; /* "relay", "opener", "floor", "contact", "rex", "tamper", "fire input" */
    const struct id *floor; /* NULL: none */
    int line_number;
};

/* Calls each for every line that is used. */
void config_each_line(const struct config *config,
                      void (*each)(void *context, const struct config_use *use), void *context);
/* As often at most. */
size_t config_lines_max(const struct config *config);
/* "front contact", "lift floor 3", "fire input": for a person, and for whoever asks the
 * kernel who holds a line. */
void config_use_name(char out[HAL_TEXT_MAX], const struct config_use *use);

const struct config_door *config_find_door(const struct config *config, const struct id *id);
/* NULL: there is no such panel. */
const struct config_panel *config_find_panel(const struct config *config, const struct id *id);
enum freshness_mode config_freshness(const struct config *config, const struct id *reader);

/* path = dir "/" name; false if it does not fit. */
bool config_path(char out[CONFIG_PATH_MAX], const char *dir, const char *name);

#endif
