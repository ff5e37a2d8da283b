/* gatehousectl: what its commands share. */
#ifndef GATEHOUSE_APP_CTL_CTL_H
#define GATEHOUSE_APP_CTL_CTL_H

#include <stdbool.h>

#include "adapters/json/json.h"
#include "app/config.h"

/* Exit statuses (interface contract). */
enum ctl_exit { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

struct ctl {
    const char *config_path;
    char socket_path[CONFIG_PATH_MAX];
    bool json; /* --json: for programs */
    bool csv;
    bool follow;
    const char *door, *since; /* NULL = not given */
    int64_t last;             /* 0 = not given */
    const char *policy;       /* NULL = not given */
};

/* Each command: what it is given behind its name; returns the exit status. */
int ctl_status(const struct ctl *ctl);
int ctl_doors(const struct ctl *ctl);
int ctl_events(const struct ctl *ctl);
int ctl_release(const struct ctl *ctl, const char *door);
int ctl_config_check(const struct ctl *ctl);
/* steps "-" = standard input. */
int ctl_rehearse(const char *policy, const char *steps);

/* Sends a request (takes it; NULL = out of memory) and returns the answer's
 * first line, owned, if it is {"ok":true,...}. Otherwise prints one line to
 * standard error, sets *status and returns NULL. */
struct json *ctl_ask(const struct ctl *ctl, struct json *request, int *status);

/* {"call":name}; owned, NULL when out of memory. */
struct json *ctl_request(const char *call);

/* Prints an answer as it is, on one line. */
int ctl_print_json(const struct json *answer);

/* One line to standard error: what failed and what to do. */
void ctl_complain_unreachable(const struct ctl *ctl, enum gh_err err);

#endif
