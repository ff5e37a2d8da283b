#include "app/gatehoused/lockouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

/* --- the ledger's words --------------------------------------------------------------- */

static struct id place_name(int place)
{
    struct id id = {""};
    snprintf(id.s, sizeof id.s, "%d", place);
    return id;
}

static void store(struct lockouts *lockouts, const struct reader_lockout *r, struct mono now)
{
    const struct lockout *l = &r->lockout;
    int place = (l->next + PIN_FAILURES_MAX - 1) % PIN_FAILURES_MAX;
    struct id name = place_name(place);
    struct ledger_key key = ledger_key('p', &r->reader, NULL),
                      failure = ledger_key('p', &r->reader, &name);
    char text[120];
    int n = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %d %d %d %" PRId64,
                     (int64_t)lockouts->boot, now.ms, l->n, l->next, l->is_locked, l->ends.ms);
    (void)ledger_put(lockouts->ledger, &key, slice_make(text, (size_t)n));
    (void)ledger_put_number(lockouts->ledger, &failure, l->failure[place].ms);
}

/* Forgets a reader that makes room. */
static void forget(struct lockouts *lockouts, const struct reader_lockout *r)
{
    struct ledger_key key = ledger_key('p', &r->reader, NULL);
    ledger_forget(lockouts->ledger, &key);
    for (int i = 0; i < PIN_FAILURES_MAX; i++) {
        struct id name = place_name(i);
        struct ledger_key failure = ledger_key('p', &r->reader, &name);
        ledger_forget(lockouts->ledger, &failure);
    }
}

struct loading {
    struct lockouts *lockouts;
    struct mono now;
};

static void load(void *context, struct ledger_entry *entry)
{
    struct loading *loading = context;
    struct lockouts *lockouts = loading->lockouts;
    struct reader_lockout r = {.used = loading->now};
    struct lockout *l = &r.lockout;
    struct id place;
    struct slice key = ledger_entry_key(entry), value = ledger_entry_value(entry);
    int64_t n[6];
    if (ledger_part(key, 1, &place) || !ledger_part(key, 0, &r.reader) ||
        lockouts->n == LOCKOUTS_READERS)
        return;
    for (int i = 0; i < 6; i++)
        if (!ledger_word_number(&value, &n[i]))
            return;
    if (n[2] < 0 || n[2] >= PIN_FAILURES_MAX || n[3] < 0 || n[3] >= PIN_FAILURES_MAX)
        return;
    bool same_boot = lockouts->boot != 0 && (uint64_t)n[0] == lockouts->boot;
    int64_t shift = same_boot ? 0 : loading->now.ms - n[1];
    *l = (struct lockout){
        .n = (int)n[2], .next = (int)n[3], .is_locked = n[4] == 1, .ends = {n[5] + shift}};
    for (int i = 0; i < PIN_FAILURES_MAX; i++) {
        struct id name = place_name(i);
        struct ledger_key failure = ledger_key('p', &r.reader, &name);
        l->failure[i].ms = ledger_number(lockouts->ledger, &failure) + shift;
    }
    lockouts->reader[lockouts->n++] = r;
}

enum gh_err lockouts_open(struct lockouts *out, struct ledger *ledger, uint64_t boot,
                          struct mono now)
{
    struct reader_lockout *reader = calloc(LOCKOUTS_READERS, sizeof *reader);
    if (!reader)
        return GH_IO;
    *out = (struct lockouts){.reader = reader, .ledger = ledger, .boot = boot};
    struct loading loading = {.lockouts = out, .now = now};
    ledger_each(ledger, 'p', load, &loading);
    return GH_OK;
}

void lockouts_close(struct lockouts *lockouts)
{
    free(lockouts->reader);
    *lockouts = (struct lockouts){0};
}

/* --- failures ---------------------------------------------------------------------------- */

static struct reader_lockout *make_room(struct lockouts *lockouts)
{
    if (lockouts->n < LOCKOUTS_READERS)
        return &lockouts->reader[lockouts->n++];
    struct reader_lockout *oldest = &lockouts->reader[0];
    for (size_t i = 1; i < lockouts->n; i++)
        if (lockouts->reader[i].used.ms < oldest->used.ms)
            oldest = &lockouts->reader[i];
    forget(lockouts, oldest);
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
    store(lockouts, r, now);
}
