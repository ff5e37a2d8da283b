/* A whole site on loopback: reference cloud, broker with our configuration,
 * gatehoused on the simulated board, gatehouse-syncd. For system tests, the
 * demo and the bench. */
#ifndef GATEHOUSE_TESTS_LIB_SITE_H
#define GATEHOUSE_TESTS_LIB_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/folder.h"
#include "lib/https_client.h"
#include "lib/process.h"
#include "lib/simwatch.h"

#define SITE_ID "hq"
#define SITE_GATEWAY "gw-1"

struct site_options {
    const char *config;    /* sections of gatehouse.conf beside [site], [broker], [cloud]:
                              at least one [door ...] */
    const char *site_lines; /* more lines of [site]; NULL = none */
    bool has_accounts; /* the broker asks for them: gatehousectl has yet to make them, in the
                          folder's broker/ */
    bool real_lines;        /* the kernel's GPIO instead of the simulated board */
    bool is_enrolled;       /* [cloud] names the address alone; the identity is still to come */
    const char *gatehoused; /* the program in its place; NULL = itself */
};

struct site {
    struct folder folder;
    struct broker broker;
    struct process cloud, gatehoused, syncd;
    int cloud_port;
    struct web_client admin; /* the cloud's admin calls */
    char config_path[FOLDER_PATH_MAX];
    char state_dir[FOLDER_PATH_MAX], run_dir[FOLDER_PATH_MAX];
    char identity_dir[FOLDER_PATH_MAX]; /* of the enrolment */
    char control[FOLDER_PATH_MAX], sim[FOLDER_PATH_MAX];
    char events_url[160]; /* of the admin call that lists this gateway's events */
    struct simwatch *watch; /* of the board; NULL while gatehoused is down, or if it is real */
    bool real_lines;
    const char *gatehoused_program;
};

/* Makes folder, certificates, tokens and configuration; starts nothing. */
bool site_make(struct site *site, const struct site_options *options);
/* Stops all and removes the folder; for teardown, whatever there is. */
void site_end(struct site *site);

bool site_start_broker(struct site *site);
bool site_start_cloud(struct site *site); /* on the same port again after a stop */
/* Waits until it is connected to the broker; opens site->watch. */
bool site_start_gatehoused(struct site *site);
/* The same without waiting for the broker: only until it serves its control
 * socket. */
bool site_start_gatehoused_alone(struct site *site);
/* The same without waiting for anything; site->watch stays closed. */
bool site_launch_gatehoused(struct site *site);
bool site_start_syncd(struct site *site);
/* broker, cloud, gatehoused, syncd */
bool site_start_all(struct site *site);
/* kill -9; closes site->watch. */
bool site_kill_gatehoused(struct site *site);
bool site_stop_gatehoused(struct site *site);

/* Posts a command for our gateway (the JSON of the cloud's admin call); its id. */
bool site_command(struct site *site, const char *json, char id[65]);
/* A one-time token for our gateway, good for so long; print: the fingerprint beside it. */
bool site_new_token(struct site *site, int ttl_s, char token[65], char print[65]);
/* Puts rows (NDJSON) into the cloud's policy of this site. */
bool site_put_rows(struct site *site, const char *ndjson);
/* Switches faults, or settings, of the cloud; a JSON object. */
bool site_fault(struct site *site, const char *json);
bool site_settings(struct site *site, const char *json);

/* One question at the control socket: the first line of the answer, owned
 * (free); NULL if nobody answers. */
char *site_ask(const struct site *site, const char *request);
/* A number in gatehoused's status, by the name of its object and member. */
int64_t site_status_number(const struct site *site, const char *object, const char *member);
/* Waits until that number is at least (or, with exactly, is) this. */
bool site_wait_number(const struct site *site, const char *object, const char *member,
                      int64_t number, bool exactly, int timeout_ms);
/* Waits until the policy in gatehoused's hands is at least the cloud's newest. */
bool site_wait_policy(struct site *site, int timeout_ms);
/* The revision of the cloud's policy; -1 if it does not say. */
int64_t site_cloud_rev(struct site *site);

/* What the cloud has of our events. */
struct site_tally {
    int64_t count, first_seq, last_seq, missing, doubled;
};
bool site_tally(struct site *site, struct site_tally *out);
/* Waits until the cloud has everything that the journal has, and no less. */
bool site_wait_drained(struct site *site, int timeout_ms);

#endif
