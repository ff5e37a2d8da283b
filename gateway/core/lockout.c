#include "core/lockout.h"

bool lockout_is_locked(const struct lockout *l, struct mono now)
{
    return l->is_locked && now.ms < l->ends.ms;
}

/* Failures, this one included, that lie within the window. */
static int count_recent(const struct lockout *l, int64_t window_ms, struct mono now)
{
    int recent = 0;
    for (int i = 1; i <= l->n; i++) {
        int at = (l->next - i + PIN_FAILURES_MAX) % PIN_FAILURES_MAX;
        if (now.ms - l->failure[at].ms >= window_ms)
            break;
        recent++;
    }
    return recent;
}

void lockout_fail(struct lockout *l, const struct pin_lockout *rule, struct mono now)
{
    l->failure[l->next] = now;
    l->next = (l->next + 1) % PIN_FAILURES_MAX;
    if (l->n < PIN_FAILURES_MAX)
        l->n++;
    l->n = count_recent(l, (int64_t)rule->window_s * 1000, now);
    if (l->n < rule->failures)
        return;
    l->is_locked = true;
    l->ends = mono_add_ms(now, (int64_t)rule->lock_s * 1000);
    l->n = 0;
}
