#include "debounce.h"

#include <assert.h>

void debounce_init(struct debounce *d, int debounce_ms, bool level)
{
    assert(debounce_ms >= 0 && debounce_ms <= DEBOUNCE_MS_MAX);
    *d = (struct debounce){
        .time_ns = (int64_t)debounce_ms * 1000000,
        .settled = level,
        .raw = level,
    };
}

/* Ends the disturbance; true if it left another level than before. */
static bool settle(struct debounce *d, struct debounce_change *out)
{
    d->busy = false;
    if (d->raw == d->settled)
        return false;
    d->settled = d->raw;
    *out = (struct debounce_change){.level = d->settled, .began_ns = d->began_ns};
    return true;
}

bool debounce_edge(struct debounce *d, bool level, int64_t at_ns, struct debounce_change *out)
{
    bool changed = d->busy && at_ns >= d->due_ns && settle(d, out);
    if (!d->busy) {
        d->busy = true;
        d->began_ns = at_ns;
        d->due_ns = at_ns;
    }
    d->raw = level;
    /* A reading may have been stamped later than the edge that it foresaw. */
    if (at_ns + d->time_ns > d->due_ns)
        d->due_ns = at_ns + d->time_ns;
    return changed;
}

bool debounce_due(const struct debounce *d, int64_t *due_ns)
{
    if (d->busy)
        *due_ns = d->due_ns;
    return d->busy;
}

bool debounce_end(struct debounce *d, bool level, int64_t now_ns, struct debounce_change *out)
{
    if (!d->busy || now_ns < d->due_ns)
        return false;
    if (level == d->raw)
        return settle(d, out);
    /* How long it has been at this level is unknown: it must last from now. */
    if (d->raw == d->settled)
        d->began_ns = now_ns;
    d->raw = level;
    d->due_ns = now_ns + d->time_ns;
    if (level == d->settled)
        d->busy = false;
    return false;
}

void debounce_gap(struct debounce *d, bool level, int64_t at_ns)
{
    if (!d->busy)
        d->began_ns = at_ns;
    d->busy = true;
    d->raw = level;
    d->due_ns = at_ns + d->time_ns;
}

void debounce_rest(struct debounce *d)
{
    d->raw = d->settled;
    d->busy = false;
}
