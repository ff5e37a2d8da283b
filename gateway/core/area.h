/* Areas: who is inside, who may not pass back.
 * Source: the decision contract, "Anti-passback" and "Occupancy". */
#ifndef GATEHOUSE_CORE_AREA_H
#define GATEHOUSE_CORE_AREA_H

#include "core/facts.h"

/* The state that counts now: none once it has lapsed by timeout_s or reset_min.
 * site_zone must cover now and the 25 hours before. Without trust in the clock
 * nothing lapses. */
struct pass area_pass_now(const struct area_facts *area, struct pass pass, struct wall now,
                          const struct zone_view *site_zone);

/* Passes at or before this instant have lapsed; INSTANT_NONE = none has. For
 * counting who is inside without looking at each rule anew. */
int64_t area_lapsed_up_to(const struct area_facts *area, struct wall now,
                          const struct zone_view *site_zone);

/* True if a pass at this reader side is a violation, given the state that counts now. */
bool area_is_violation(const struct area_facts *area, struct pass now);

/* True if anti-passback is enforced now: inside its schedule, which counts as met
 * without trust in the clock. */
bool area_is_enforced(const struct area_facts *area, struct wall now,
                      const struct zone_view *site_zone);

/* True if passes are to be recorded. */
bool area_is_kept(const struct area_facts *area);

#endif
