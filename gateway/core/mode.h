/* The mode of a door: which of the tiers applies, and what it says.
 *
 * A pure function of policy, time and what commands and reads have left behind.
 * Source: the decision contract, "Door mode". */
#ifndef GATEHOUSE_CORE_MODE_H
#define GATEHOUSE_CORE_MODE_H

#include "core/facts.h"

enum door_mode {
    MODE_LOCKED,
    MODE_UNLOCKED,
    MODE_FIRST_CREDENTIAL,
    MODE_LOCKED_DOWN,
    MODE_BLOCKED,
    MODE_FORCED_CLOSED,
};
#define DOOR_MODES 6

/* "locked", "unlocked", ...; static storage. */
const char *door_mode_name(enum door_mode mode);
/* True if a door that comes into this mode ends a running release at once. */
static inline bool door_mode_ends_releases(enum door_mode mode)
{
    return mode == MODE_LOCKED_DOWN || mode == MODE_BLOCKED || mode == MODE_FORCED_CLOSED;
}
GH_MUST_CHECK enum gh_err door_mode_parse(enum door_mode *out, struct slice word);

/* When it is, for rows that depend on time: the clock and the zones. */
struct moment {
    struct wall wall;
    const struct zone_view *zone;      /* the door's */
    const struct zone_view *site_zone; /* the site's */
};

/* Rows in force in the deciding tier that one read can latch or end together. */
#define MODE_ROWS_MAX 32

struct mode_view {
    enum door_mode mode;
    /* What would keep out even whoever may pass a lockdown: MODE_BLOCKED or
     * MODE_FORCED_CLOSED if the door would be that without lockdown; else MODE_LOCKED. */
    enum door_mode beneath_lockdown;
    bool is_lockdown;  /* a lockdown row or a local lockdown covers the door, whatever the mode */
    bool by_one_time;  /* a one_time row is in force */
    bool can_end;      /* unlocked by rows that all have allow_manual_end */
    bool is_by_rows;   /* a tier of rows has decided; the rows in force there: */
    size_t n_rows;
    const struct mode_row *rows[MODE_ROWS_MAX];
};

/* A door with more than MODE_ROWS_MAX rows in force in one tier: the most
 * restrictive of all of them counts, and no manual end is possible. */
struct mode_view mode_look(const struct door_facts *door, const struct door_situation *situation,
                           struct holiday_list holidays, struct moment now);

/* True if the row, of the given tier's rules, is in force now: within its validity
 * and its hours, and not suspended by a holiday or a one_time date. */
bool mode_row_in_force(const struct door_facts *door, const struct mode_row *row,
                       struct holiday_list holidays, struct moment now);

/* The end of the window that is open for the row now: the first instant, to the
 * second, at which it is not in force any more, at most 24 hours from now. The
 * clock is trusted, or the row has no time condition. */
int64_t mode_window_end(const struct door_facts *door, const struct mode_row *row,
                        struct holiday_list holidays, struct moment now);

/* True if the latch still counts: its row is there unchanged and in force, and
 * its end has not come. A latch that does not count is to be forgotten. */
bool mode_latch_counts(const struct door_facts *door, const struct latch *latch,
                       struct holiday_list holidays, struct moment now);

/* The next instant at which the mode may be another one by the mere passing of
 * time, at most two days from now; until then it stays as it is unless policy,
 * clock trust, inputs, commands or reads change it. */
int64_t mode_next_change(const struct door_facts *door, const struct door_situation *situation,
                         struct moment now);

#endif
