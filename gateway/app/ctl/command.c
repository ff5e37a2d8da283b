/* release, hold-open, lock, restore, lockdown, lockdown-release: orders to a door. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/ctl/ctl.h"

static const struct {
    const char *word, *action, *done;
    bool needs_door;
} orders[] = {
    {"release", "release", "released", true},
    {"hold-open", "hold_open", "held open until it is restored", true},
    {"lock", "lock", "locked until it is restored", false},
    {"restore", "restore", "back to its schedule", false},
    {"lockdown", "lockdown", "locked down", false},
    {"lockdown-release", "lockdown_release", "no longer locked down by command", false},
};
#define ORDERS (sizeof orders / sizeof orders[0])

bool ctl_is_order(const char *word, bool has_door)
{
    for (size_t i = 0; i < ORDERS; i++)
        if (strcmp(orders[i].word, word) == 0)
            return has_door || !orders[i].needs_door;
    return false;
}

static struct json *request_of(const char *action, const char *door)
{
    struct json *request = ctl_request("command");
    if (request && json_set_text(request, "action", slice_of(action)) &&
        (!door || json_set_text(request, "door", slice_of(door))))
        return request;
    json_free(request);
    return NULL;
}

int ctl_order(const struct ctl *ctl, const char *word, const char *door)
{
    size_t i = 0;
    int status;
    int64_t release_s = 0;
    if (door && !id_is_valid(slice_of(door))) {
        fprintf(stderr, "gatehousectl: that is no id of a door: see gatehousectl doors\n");
        return CTL_REFUSED;
    }
    while (i + 1 < ORDERS && strcmp(orders[i].word, word) != 0)
        i++;
    struct json *a = ctl_ask(ctl, request_of(orders[i].action, door), &status);
    if (!a)
        return status;
    struct slice result = slice_of("-"), reason = slice_of("no reason given");
    json_text(a, "result", &result);
    json_text(a, "reason", &reason);
    const char *what = door ? door : "every door";
    status = slice_is(result, "done") ? CTL_DONE : CTL_REFUSED;
    if (ctl->json)
        ctl_print_json(a);
    else if (status != CTL_DONE)
        fprintf(stderr, "gatehousectl: %s: %s was refused: %.*s%s\n", what, word, (int)reason.len,
                reason.ptr, slice_is(reason, "door_unknown") ? "; see gatehousectl doors" : "");
    else if (json_int(a, "release_s", &release_s))
        printf("%s: released for %" PRId64 " s\n", what, release_s);
    else
        printf("%s: %s\n", what, orders[i].done);
    json_free(a);
    return status;
}
