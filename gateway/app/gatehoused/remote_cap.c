#include "app/gatehoused/remote_cap.h"

#include <stdio.h>

#define HOUR_S 3600

static struct ledger_key slot_key(int slot)
{
    struct id name = {""};
    snprintf(name.s, sizeof name.s, "%d", slot);
    return ledger_key('h', &name, NULL);
}

bool remote_cap_take(struct ledger *ledger, int cap, int64_t now_s)
{
    for (int slot = 0; slot < cap; slot++) {
        struct ledger_key key = slot_key(slot);
        int64_t at = ledger_number(ledger, &key);
        if (at != 0 && at > now_s - HOUR_S && at <= now_s + HOUR_S)
            continue;
        (void)ledger_put_number(ledger, &key, now_s);
        return true;
    }
    return false;
}
