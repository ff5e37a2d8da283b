/* Why a read would be decided as it would, as JSON for the control socket's call
 * "explain": {"decision","reason","door","mode","person","credential","via":{"kind","id"},
 * "violation","duress","release_s","policy":{"epoch","rev"},
 * "checks":[{"check":TEXT,"result":"ok"|REASON}], in the order in which they were made,
 * "paths":[{"kind","id","result":"ok"|REASON}], all that were looked at}. What does not
 * apply is null. */
#ifndef GATEHOUSE_APP_GATEHOUSED_EXPLAIN_H
#define GATEHOUSE_APP_GATEHOUSED_EXPLAIN_H

#include "adapters/json/json.h"
#include "app/gatehoused/controller.h"

/* Owned; NULL when out of memory. */
struct json *explain_json(const struct controller_explained *explained);

#endif
