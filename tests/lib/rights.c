#include "lib/rights.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PREFIX RIGHTS_PREFIX
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { OWNER = 1, GATEWAY = 2, ANY_READER = 4, ANY_PANEL = 8 };

/* Of the contract: ROOM/{id}/LEAF, or ROOM/LEAF where has_id is false (events: LEAF alone). */
static const struct row {
    const char *room, *leaf;
    bool has_id;
    unsigned write, read;
} rows[] = {
    {"readers", "read", true, OWNER | GATEWAY, GATEWAY},
    {"readers", "status", true, OWNER, GATEWAY},
    {"readers", "feedback", true, GATEWAY, OWNER},
    {"panels", "command", true, OWNER | GATEWAY, GATEWAY},
    {"panels", "result", true, GATEWAY, OWNER},
    {"doors", "state", true, GATEWAY, ANY_PANEL},
    {"areas", "state", true, GATEWAY, 0},
    {"gateway", "status", false, GATEWAY, ANY_PANEL},
    {"gateway", "tick", false, GATEWAY, GATEWAY | ANY_READER | ANY_PANEL},
    {"", "events", false, GATEWAY, 0},
};

const char *const rights_topics[RIGHTS_TOPICS] = {
    PREFIX "readers/front/read", PREFIX "readers/front/status", PREFIX "readers/front/feedback",
    PREFIX "readers/side/read", PREFIX "readers/side/status", PREFIX "readers/side/feedback",
    PREFIX "readers/rear/read", PREFIX "readers/rear/status", PREFIX "readers/rear/feedback",
    PREFIX "readers/front/other", PREFIX "readers/front", PREFIX "readers/front/read/x",
    PREFIX "readers/front/x/read", PREFIX "readers/@gatehoused/read",
    PREFIX "readers/@gatehoused/status", PREFIX "readers/@gatehoused/feedback",
    PREFIX "readers/@panel/desk/read", PREFIX "readers/@panel/desk/status",
    PREFIX "readers/@panel/desk/feedback", PREFIX "readers/%u/feedback",
    PREFIX "panels/desk/command", PREFIX "panels/desk/result", PREFIX "panels/hall/command",
    PREFIX "panels/hall/result", PREFIX "panels/@panel/desk/command", PREFIX "panels/front/command",
    PREFIX "events", PREFIX "events/x", PREFIX "doors/main/state", PREFIX "doors/main/command",
    PREFIX "areas/lobby/state", PREFIX "gateway/status", PREFIX "gateway/tick",
    PREFIX "gateway/tick/x", PREFIX "gateway/other", "gatehouse/v2/readers/front/read",
    "GATEHOUSE/v1/readers/rear/read", "/" PREFIX "readers/rear/read", PREFIX "readers/rear/read/",
    "gatehouse/probe", "other/topic", "/", "$SYS/broker/connection/front/state",
    "$SYS/broker/version", "$x/y", "$CONTROL/dynamic-security/v1", "$CONTROL/broker/v1",
    "$share/g/" PREFIX "readers/rear/read",
    /* No topics to publish to: whoever does loses the connection. */
    PREFIX "readers/+/read", PREFIX "#", "#", "+",
};
const char *const rights_wildcards[RIGHTS_WILDCARDS] = {
    "#", "+/#", "/#", "gatehouse/#", PREFIX "#", PREFIX "+/+/+", PREFIX "readers/#",
    PREFIX "readers/+/feedback", PREFIX "readers/+/read", PREFIX "panels/#", PREFIX "doors/+/state",
    PREFIX "gateway/#", PREFIX "+", "$SYS/#", "$x/#", "$CONTROL/#",
    "$share/g/#", "$share/g/" PREFIX "readers/+/read",
    "$share/front/" PREFIX "readers/rear/feedback",
    "$share/g/$SYS/#",
};

bool rights_is_topic(const char *topic)
{
    return strpbrk(topic, "+#") == NULL;
}

/* Whether topic is the row's; id gets what stands in its place. */
static bool is_of_row(const struct row *row, const char *topic, char id[64])
{
    char whole[160];
    id[0] = '\0';
    if (strncmp(topic, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *rest = topic + strlen(PREFIX), *slash = strchr(rest, '/');
    if (row->has_id && slash)
        snprintf(id, 64, "%.*s", (int)strcspn(slash + 1, "/"), slash + 1);
    snprintf(whole, sizeof whole, "%s%s%s%s%s", row->room, *row->room ? "/" : "", id,
             row->has_id ? "/" : "", row->leaf);
    return strcmp(rest, whole) == 0;
}

bool rights_allow(const struct principal *p, bool write, const char *topic)
{
    static const unsigned any[] = {[ROLE_GATEWAY] = GATEWAY, [ROLE_READER] = ANY_READER,
                                   [ROLE_PANEL] = ANY_PANEL, [ROLE_NOBODY] = 0};
    static const char *const room[] = {[ROLE_GATEWAY] = "-", [ROLE_READER] = "readers",
                                       [ROLE_PANEL] = "panels", [ROLE_NOBODY] = "-"};
    char id[64];
    for (size_t i = 0; i < COUNT(rows) && rights_is_topic(topic); i++) {
        if (!is_of_row(&rows[i], topic, id) || id[0] == '@')
            continue; /* no id begins with @ */
        bool owns = strcmp(rows[i].room, room[p->role]) == 0 && strcmp(id, p->own) == 0;
        return (write ? rows[i].write : rows[i].read) & (any[p->role] | (owns ? OWNER : 0));
    }
    return false;
}

bool rights_match(const char *filter, const char *topic)
{
    if (strncmp(filter, "$share/", 7) == 0)
        filter = strchr(filter + 7, '/') + 1;
    if (topic[0] == '$' && filter[0] != '$')
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
        if (filter[0] == '#')
            return true;
        if (!(f == 1 && filter[0] == '+') && (f != t || strncmp(filter, topic, f) != 0))
            return false;
        filter += f;
        topic += t;
        if (!*filter || !*topic)
            return (!*filter && !*topic) || (!*topic && strcmp(filter, "/#") == 0);
        filter++;
        topic++;
    }
}
