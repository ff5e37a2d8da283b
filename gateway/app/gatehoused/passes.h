/* Who is in which area: the last pass of each person, kept in the ledger, and
 * for each area who is inside, newest first, so that counting them costs no more
 * than the limit that they are counted for. */
#ifndef GATEHOUSE_APP_GATEHOUSED_PASSES_H
#define GATEHOUSE_APP_GATEHOUSED_PASSES_H

#include "app/gatehoused/ledger.h"
#include "core/area.h"

/* Somebody inside. */
struct passes_inside {
    struct passes_inside *newer, *older;
    struct ledger_entry *entry; /* of the pass */
    int64_t at;
    size_t area;
};

struct passes_area {
    struct id id;
    struct passes_inside *newest;
    size_t n; /* lapsed ones included */
};

struct passes {
    struct ledger *ledger; /* borrowed */
    struct passes_area *area; /* owned */
    size_t n_areas;
    struct passes_inside *spare; /* owned, linked by older: of those who left, for those who come */
    bool is_complete; /* false: memory ran out, and somebody inside is missing in the lists */
};

/* Takes over what the ledger has. GH_IO: no memory. */
GH_MUST_CHECK enum gh_err passes_open(struct passes *out, struct ledger *ledger);
void passes_close(struct passes *passes);

/* As recorded, lapsed or not; person may be none. */
struct pass passes_find(const struct passes *passes, const struct id *area,
                        const struct id *person);

/* Records a pass; the change waits in the ledger. */
void passes_record(struct passes *passes, const struct id *area, const struct id *person,
                   enum side side, int64_t at);

/* Counts persons inside other than this one whose pass is later than lapsed_up_to
 * (INSTANT_NONE: all), up to limit. */
int passes_count(const struct passes *passes, const struct id *area, const struct id *person,
                 int64_t lapsed_up_to, int limit);

/* Forgets states; none = any area, any person. */
void passes_forgive(struct passes *passes, const struct id *area, const struct id *person);

#endif
