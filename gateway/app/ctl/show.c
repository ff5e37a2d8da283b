/* status and doors: one question, one table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/ctl/ctl.h"

static int64_t number(const struct json *v, const char *name)
{
    int64_t n = 0;
    if (v)
        json_int(v, name, &n);
    return n;
}

static struct slice text(const struct json *v, const char *name)
{
    struct slice s = slice_of("-");
    if (v)
        json_text(v, name, &s);
    return s;
}

static bool flag(const struct json *v, const char *name)
{
    bool b = false;
    if (v)
        json_bool(v, name, &b);
    return b;
}

static void print_text(const char *label, struct slice s)
{
    printf("%-10s %.*s\n", label, (int)s.len, s.ptr);
}

static void print_policy(const struct json *policy)
{
    int64_t age;
    if (number(policy, "epoch") == 0 && number(policy, "rev") == 0)
        printf("%-10s none yet: every read is denied as policy_unavailable\n", "policy");
    else if (json_int(policy, "age_s", &age))
        printf("%-10s epoch %" PRId64 ", revision %" PRId64 ", %" PRId64 " s old\n", "policy",
               number(policy, "epoch"), number(policy, "rev"), age);
    else
        printf("%-10s epoch %" PRId64 ", revision %" PRId64 ", age unknown\n", "policy",
               number(policy, "epoch"), number(policy, "rev"));
}

int ctl_status(const struct ctl *ctl)
{
    int status;
    struct json *a = ctl_ask(ctl, ctl_request("status"), &status);
    if (!a)
        return status;
    status = CTL_DONE;
    if (ctl->json) {
        status = ctl_print_json(a);
        json_free(a);
        return status;
    }
    const struct json *cloud = json_child(a, "cloud"), *journal = json_child(a, "journal");
    const struct json *reads = json_child(a, "reads"), *policy = json_child(a, "policy");
    print_text("version", text(a, "version"));
    printf("%-10s %" PRId64 " s\n", "up", number(a, "uptime_s"));
    print_text("clock", text(a, "clock"));
    printf("%-10s %s\n", "broker",
           flag(json_child(a, "broker"), "up") ? "connected" : "not connected");
    print_policy(policy);
    struct slice since = text(cloud, "since");
    if (slice_is(since, "-"))
        printf("%-10s nothing heard of it yet, or there is no [cloud]\n", "cloud");
    else
        printf("%-10s %s since %.*s\n", "cloud", flag(cloud, "online") ? "online" : "offline",
               (int)since.len, since.ptr);
    printf("%-10s %" PRId64 " events, %" PRId64 " not yet at the cloud, %" PRId64 " lost\n",
           "journal", number(journal, "next_seq") - number(journal, "first_seq"),
           number(journal, "queued"), number(journal, "lost_total"));
    printf("%-10s %" PRId64 " granted, %" PRId64 " denied (%" PRId64 " malformed, %" PRId64
           " stale), %" PRId64 " repeated, %" PRId64 " flooded\n",
           "reads", number(reads, "granted"), number(reads, "denied"), number(reads, "malformed"),
           number(reads, "stale"), number(reads, "repeated"), number(reads, "flooded"));
    json_free(a);
    return status;
}

static void print_door(const struct json *door)
{
    char left[32] = "";
    int64_t until;
    struct slice id = text(door, "door"), name = text(door, "name"), mode = text(door, "mode");
    struct slice lock = text(door, "lock"), board = text(door, "board");
    struct slice contact = text(door, "contact"), alarm = text(door, "alarm");
    if (json_int(door, "until_ms", &until))
        snprintf(left, sizeof left, " for %" PRId64 ".%" PRId64 " s", until / 1000,
                 until / 100 % 10);
    printf("%-20.*s %-24.*s %-16.*s %-8.*s %.*s%s%s%.*s%s%s\n", (int)id.len, id.ptr,
           (int)name.len, name.ptr, (int)mode.len, mode.ptr, (int)contact.len, contact.ptr,
           (int)lock.len, lock.ptr, left, slice_is(alarm, "-") ? "" : "  ALARM ",
           slice_is(alarm, "-") ? 0 : (int)alarm.len, alarm.ptr,
           slice_is(board, "online") ? "" : "  BOARD OFFLINE",
           flag(door, "in_policy") ? "" : "  not in the policy");
}

int ctl_doors(const struct ctl *ctl)
{
    int status;
    struct json *a = ctl_ask_list(ctl, "doors", &status);
    if (!a)
        return status;
    status = CTL_DONE;
    if (ctl->json) {
        status = ctl_print_json(a);
    } else {
        printf("%-20s %-24s %-16s %-8s %s\n", "DOOR", "NAME", "MODE", "CONTACT", "LOCK");
        for (size_t i = 0; i < json_array_len(a, "doors"); i++)
            print_door(json_array_at(a, "doors", i));
    }
    json_free(a);
    return status;
}
