/* gatehousectl: what its commands share. */
#ifndef GATEHOUSE_APP_CTL_CTL_H
#define GATEHOUSE_APP_CTL_CTL_H

#include <stdbool.h>

#include "adapters/json/json.h"
#include "app/config.h"
#include "app/issued.h"
#include "core/policy.h"

/* Exit statuses (interface contract). */
enum ctl_exit { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

#define CTL_HOSTS_MAX 16 /* of each option that may be given several times */

struct ctl {
    const char *config_path;
    char socket_path[CONFIG_PATH_MAX];
    bool json; /* --json: for programs */
    bool csv;
    bool sim; /* --sim: without looking at the kernel's lines */
    bool follow;
    const char *door, *since; /* NULL = not given */
    int64_t last;             /* 0 = not given */
    const char *policy, *from; /* NULL = not given */
    const char *reader, *type, *at; /* NULL = not given */
    const char *ca, *ca_sha256;     /* NULL = not given */
    bool again;
    enum dialect dialect;           /* whose words events are shown in */
    bool password, qr, discard_events;
    const char *out, *renew, *acl, *yes; /* NULL = not given */
    const char *name[CTL_HOSTS_MAX], *address[CTL_HOSTS_MAX];
    size_t n_names, n_addresses;
};

/* Each command: what it is given behind its name; returns the exit status. */
int ctl_status(const struct ctl *ctl);
int ctl_doors(const struct ctl *ctl);
int ctl_events(const struct ctl *ctl);
/* True if the word is an order to a door (or to all, if it may be). */
bool ctl_is_order(const char *word, bool has_door);
/* door NULL: every door. */
int ctl_order(const struct ctl *ctl, const char *word, const char *door);
int ctl_inputs_watch(const struct ctl *ctl);
int ctl_relay_test(const struct ctl *ctl, const char *door);
int ctl_explain(const struct ctl *ctl);
int ctl_policy_verify(const char *path);
int ctl_policy_import(const struct ctl *ctl, const char *path);
int ctl_journal_verify(const struct ctl *ctl, const struct config *config);
int ctl_backup(const struct ctl *ctl, const struct config *config, const char *path);
int ctl_restore(const struct ctl *ctl, const char *path);
/* url NULL: that of the configuration. */
int ctl_enrol(const struct ctl *ctl, const struct config *config, const char *url);
int ctl_config_check(const struct ctl *ctl);
/* Of what config check looks at: one line on standard error, and one more counted. */
__attribute__((format(printf, 2, 3))) void ctl_mistake(int *mistakes, const char *format, ...);
int ctl_broker_setup(const struct ctl *ctl, const struct config *config);
int ctl_factory_reset(const struct ctl *ctl, const struct config *config);
int ctl_account_add(const struct ctl *ctl, const struct config *config, enum issued_kind kind,
                    const char *id);
int ctl_account_revoke(const struct ctl *ctl, const struct config *config, enum issued_kind kind,
                       const char *id);
int ctl_account_list(const struct ctl *ctl, const struct config *config, enum issued_kind kind);
/* steps "-" = standard input. */
int ctl_rehearse(const char *policy, const char *steps);

/* Sends a request (takes it; NULL = out of memory) and returns the answer's
 * first line, owned, if it is {"ok":true,...}. Otherwise prints one line to
 * standard error, sets *status and returns NULL. */
struct json *ctl_ask(const struct ctl *ctl, struct json *request, int *status);

/* The same, and says nothing when there is no answer: NULL. */
struct json *ctl_ask_quietly(const struct ctl *ctl, struct json *request);

/* Asks for a list page by page: {"ok":true,call:[...]}, owned. Errors as ctl_ask. */
struct json *ctl_ask_list(const struct ctl *ctl, const char *call, int *status);

/* {"call":name}; owned, NULL when out of memory. */
struct json *ctl_request(const char *call);

/* Prints an answer as it is, on one line. */
int ctl_print_json(const struct json *answer);

/* One line to standard error: what failed and what to do. */
void ctl_complain_unreachable(const struct ctl *ctl, enum gh_err err);

#endif
