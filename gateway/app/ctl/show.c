/* status and doors: one question, one table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Characters of UTF-8: as many columns, but for those that are wide. */
static size_t text_columns(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
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

static void print_cloud(const struct json *cloud)
{
    struct slice since = text(cloud, "since");
    if (!flag(cloud, "configured"))
        printf("%-10s none: there is no [cloud] in the configuration\n", "cloud");
    else if (slice_is(since, "-"))
        printf("%-10s nothing heard of it yet: does gatehouse-syncd run?\n", "cloud");
    else
        printf("%-10s %s since %.*s\n", "cloud", flag(cloud, "online") ? "online" : "offline",
               (int)since.len, since.ptr);
}

/* The certificate that the gateway shows to the cloud, if it has one. */
static void print_certificate(const struct json *certificate)
{
    struct slice alarm = text(certificate, "alarm"), until = text(certificate, "until");
    if (certificate && slice_is(alarm, "-"))
        printf("%-10s certificate good until %.*s\n", "identity", (int)until.len, until.ptr);
    else if (certificate)
        printf("%-10s ALARM, its certificate: %.*s\n", "identity", (int)alarm.len, alarm.ptr);
}

static void print_journal(const struct json *journal, bool has_cloud)
{
    int64_t events = number(journal, "next_seq") - number(journal, "first_seq");
    printf("%-10s %" PRId64 " event%s, ", "journal", events, events == 1 ? "" : "s");
    if (has_cloud)
        printf("%" PRId64 " not yet at the cloud, ", number(journal, "queued"));
    printf("%" PRId64 " lost\n", number(journal, "lost_total"));
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
    print_cloud(cloud);
    print_certificate(json_child(cloud, "certificate"));
    print_journal(journal, flag(cloud, "configured"));
    printf("%-10s %" PRId64 " granted, %" PRId64 " denied (%" PRId64 " malformed, %" PRId64
           " stale), %" PRId64 " repeated, %" PRId64 " flooded\n",
           "reads", number(reads, "granted"), number(reads, "denied"), number(reads, "malformed"),
           number(reads, "stale"), number(reads, "repeated"), number(reads, "flooded"));
    json_free(a);
    return status;
}

/* The columns that are as wide as their longest cell; the rest follows them. */
static const struct {
    const char *head, *member;
} door_columns[] = {
    {"DOOR", "door"}, {"NAME", "name"}, {"MODE", "mode"}, {"CONTACT", "contact"}};
#define DOOR_COLUMNS (sizeof door_columns / sizeof door_columns[0])

static void fit_columns(size_t width[DOOR_COLUMNS], const struct json *answer)
{
    for (size_t c = 0; c < DOOR_COLUMNS; c++) {
        width[c] = strlen(door_columns[c].head);
        for (size_t i = 0; i < json_array_len(answer, "doors"); i++) {
            size_t cell =
                text_columns(text(json_array_at(answer, "doors", i), door_columns[c].member));
            width[c] = cell > width[c] ? cell : width[c];
        }
    }
}

static void print_door(const size_t width[DOOR_COLUMNS], const struct json *door)
{
    char left[32] = "";
    int64_t until;
    struct slice lock = text(door, "lock"), board = text(door, "board");
    struct slice alarm = text(door, "alarm");
    for (size_t c = 0; c < DOOR_COLUMNS; c++) {
        struct slice cell = text(door, door_columns[c].member);
        printf("%.*s%*s  ", (int)cell.len, cell.ptr, (int)(width[c] - text_columns(cell)), "");
    }
    if (json_int(door, "until_ms", &until))
        snprintf(left, sizeof left, " for %" PRId64 ".%" PRId64 " s", until / 1000,
                 until / 100 % 10);
    printf("%.*s%s%s%.*s%s%s\n", (int)lock.len, lock.ptr, left,
           slice_is(alarm, "-") ? "" : "  ALARM ", slice_is(alarm, "-") ? 0 : (int)alarm.len,
           alarm.ptr, slice_is(board, "online") ? "" : "  BOARD OFFLINE",
           flag(door, "in_policy") ? "" : "  not in the policy");
}

static void print_doors(const struct json *answer)
{
    size_t width[DOOR_COLUMNS];
    fit_columns(width, answer);
    for (size_t c = 0; c < DOOR_COLUMNS; c++)
        printf("%-*s  ", (int)width[c], door_columns[c].head);
    printf("LOCK\n");
    for (size_t i = 0; i < json_array_len(answer, "doors"); i++)
        print_door(width, json_array_at(answer, "doors", i));
}

int ctl_doors(const struct ctl *ctl)
{
    int status;
    struct json *a = ctl_ask_list(ctl, "doors", &status);
    if (!a)
        return status;
    status = CTL_DONE;
    if (ctl->json)
        status = ctl_print_json(a);
    else
        print_doors(a);
    json_free(a);
    return status;
}
