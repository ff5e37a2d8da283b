/* One line of an upload: a policy row or a removal. Only its outline is looked
 * at; what stands in "d" is between those who write policy and the gateway. */
#ifndef CLOUD_ROW_H
#define CLOUD_ROW_H

#include "text.h"

struct row {
    char k[65];
    char id[65];
    bool removal;
    bool off; /* a person, credential or entitlement with "enabled": false */
};

/* false with one line in why. */
bool row_parse(struct row *out, struct bytes line, char why[200]);
/* Does taking away this row take away access? Then the deny lane carries it. */
bool row_kind_can_deny(const char *k);

#endif
