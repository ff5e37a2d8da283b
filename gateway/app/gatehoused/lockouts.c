#include "app/gatehoused/lockouts.h"

#include <stdlib.h>

enum gh_err lockouts_open(struct lockouts *out)
{
    struct reader_lockout *reader = calloc(LOCKOUTS_READERS, sizeof *reader);
    if (!reader)
        return GH_IO;
    *out = (struct lockouts){.reader = reader};
    return GH_OK;
}

void lockouts_close(struct lockouts *lockouts)
{
    free(lockouts->reader);
    *lockouts = (struct lockouts){0};
}

static struct reader_lockout *find(const struct lockouts *lockouts, const struct id *reader)
{
    for (size_t i = 0; i < lockouts->n; i++)
        if (id_equal(&lockouts->reader[i].reader, reader))
            return &lockouts->reader[i];
    return NULL;
}

bool lockouts_is_locked(const struct lockouts *lockouts, const struct id *reader, struct mono now)
{
    const struct reader_lockout *r = find(lockouts, reader);
    return r && lockout_is_locked(&r->lockout, now);
}

static struct reader_lockout *make_room(struct lockouts *lockouts)
{
    if (lockouts->n < LOCKOUTS_READERS)
        return &lockouts->reader[lockouts->n++];
    struct reader_lockout *oldest = &lockouts->reader[0];
    for (size_t i = 1; i < lockouts->n; i++)
        if (lockouts->reader[i].used.ms < oldest->used.ms)
            oldest = &lockouts->reader[i];
    return oldest;
}

void lockouts_fail(struct lockouts *lockouts, const struct id *reader,
                   const struct pin_lockout *rule, struct mono now)
{
    struct reader_lockout *r = find(lockouts, reader);
    if (!r) {
        r = make_room(lockouts);
        *r = (struct reader_lockout){.reader = *reader};
    }
    r->used = now;
    lockout_fail(&r->lockout, rule, now);
}
