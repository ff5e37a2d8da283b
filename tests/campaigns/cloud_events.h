/* What the cloud has of our gateway's events: the last of the judges. */
#ifndef TESTS_CAMPAIGNS_CLOUD_EVENTS_H
#define TESTS_CAMPAIGNS_CLOUD_EVENTS_H

#include "campaigns/campaign.h"
#include "core/slice.h"
#include "lib/site.h"

struct json;

/* Calls each for every event, in the order of arrival; event and kind are borrowed for the call.
 * Judges on the way that the numbers have no gap and go on in one stream. False: the cloud cannot
 * be asked. *count (may be NULL) gets their number. */
bool cloud_each_event(struct campaign *c, struct site *site,
                      void (*each)(void *context, struct slice kind, const struct json *event),
                      void *context, int64_t *count);

/* Judges that the cloud itself counts none missing, lost, doubled or in two forms. */
bool cloud_judge_summary(struct campaign *c, struct site *site, int64_t count);

#endif
