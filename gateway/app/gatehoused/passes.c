#include "app/gatehoused/passes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- areas ------------------------------------------------------------------------ */

static struct passes_area *find_area(const struct passes *p, const struct id *id)
{
    for (size_t i = 0; i < p->n_areas; i++)
        if (id_equal(&p->area[i].id, id))
            return &p->area[i];
    return NULL;
}

static struct passes_area *need_area(struct passes *p, const struct id *id)
{
    struct passes_area *area = find_area(p, id);
    if (area)
        return area;
    struct passes_area *more = reallocarray(p->area, p->n_areas + 1, sizeof *more);
    if (!more)
        return NULL;
    p->area = more;
    p->area[p->n_areas] = (struct passes_area){.id = *id};
    return &p->area[p->n_areas++];
}

static void take_out(struct passes *p, struct ledger_entry *entry)
{
    struct passes_inside *who = entry->mark;
    if (!who)
        return;
    struct passes_area *area = &p->area[who->area];
    if (who->newer)
        who->newer->older = who->older;
    else
        area->newest = who->older;
    if (who->older)
        who->older->newer = who->newer;
    area->n--;
    entry->mark = NULL;
    who->older = p->spare;
    p->spare = who;
}

static struct passes_inside *take_spare(struct passes *p)
{
    struct passes_inside *who = p->spare;
    if (!who)
        return malloc(sizeof *who);
    p->spare = who->older;
    return who;
}

/* Behind those who passed later, which are few: the clock may have stepped back. */
static void put_in(struct passes *p, struct ledger_entry *entry, const struct id *area_id,
                   int64_t at)
{
    struct passes_area *area = need_area(p, area_id);
    struct passes_inside *who = area ? take_spare(p) : NULL;
    if (!who) {
        p->is_complete = false;
        return;
    }
    *who = (struct passes_inside){.entry = entry, .at = at, .area = (size_t)(area - p->area)};
    struct passes_inside *newer = NULL, *older = area->newest;
    while (older && older->at > at) {
        newer = older;
        older = older->older;
    }
    who->newer = newer;
    who->older = older;
    if (newer)
        newer->older = who;
    else
        area->newest = who;
    if (older)
        older->newer = who;
    area->n++;
    entry->mark = who;
}

/* --- values ------------------------------------------------------------------------ */

static struct pass parse(struct slice value)
{
    struct slice word = {0};
    struct pass pass = {.side = SIDE_NONE};
    int64_t at = 0;
    if (!ledger_word(&value, &word) || !ledger_word_number(&value, &at))
        return pass;
    pass.at = at;
    if (slice_is(word, "in"))
        pass.side = SIDE_IN;
    else if (slice_is(word, "out"))
        pass.side = SIDE_OUT;
    return pass;
}

struct pass passes_find(const struct passes *p, const struct id *area, const struct id *person)
{
    struct ledger_key key = ledger_key('a', area, person);
    return parse(ledger_get(p->ledger, &key));
}

/* --- opening ------------------------------------------------------------------------- */

struct collected {
    struct ledger_entry **entry;
    size_t n, room;
    bool failed;
};

static void collect(void *context, struct ledger_entry *entry)
{
    struct collected *c = context;
    entry->mark = NULL;
    if (parse(ledger_entry_value(entry)).side != SIDE_IN || c->failed)
        return;
    if (c->n == c->room) {
        size_t room = c->room ? c->room * 2 : 256;
        struct ledger_entry **more = reallocarray(c->entry, room, sizeof(void *));
        c->failed = !more;
        if (!more)
            return;
        c->entry = more;
        c->room = room;
    }
    c->entry[c->n++] = entry;
}

static int compare_times(const void *a, const void *b)
{
    int64_t at = parse(ledger_entry_value(*(struct ledger_entry *const *)a)).at;
    int64_t bt = parse(ledger_entry_value(*(struct ledger_entry *const *)b)).at;
    return at < bt ? -1 : at > bt;
}

enum gh_err passes_open(struct passes *out, struct ledger *ledger)
{
    struct passes p = {.ledger = ledger, .is_complete = true};
    struct collected c = {0};
    ledger_each(ledger, 'a', collect, &c);
    if (c.n > 0)
        qsort(c.entry, c.n, sizeof(void *), compare_times);
    for (size_t i = 0; i < c.n; i++) { /* the newest last: each goes in at once */
        struct id area;
        if (ledger_part(ledger_entry_key(c.entry[i]), 0, &area))
            put_in(&p, c.entry[i], &area, parse(ledger_entry_value(c.entry[i])).at);
    }
    free(c.entry);
    if (c.failed || !p.is_complete) {
        passes_close(&p);
        return GH_IO;
    }
    *out = p;
    return GH_OK;
}

static void free_list(struct passes_inside *who)
{
    while (who) {
        struct passes_inside *older = who->older;
        free(who);
        who = older;
    }
}

void passes_close(struct passes *p)
{
    for (size_t i = 0; i < p->n_areas; i++)
        free_list(p->area[i].newest);
    free_list(p->spare);
    free(p->area);
    *p = (struct passes){0};
}

/* --- passing --------------------------------------------------------------------------- */

void passes_record(struct passes *p, const struct id *area, const struct id *person,
                   enum side side, int64_t at)
{
    struct ledger_key key = ledger_key('a', area, person);
    struct ledger_entry *before = ledger_find(p->ledger, &key);
    char value[32];
    int n = snprintf(value, sizeof value, "%s %" PRId64, side == SIDE_IN ? "in" : "out", at);
    if (before)
        take_out(p, before);
    struct ledger_entry *entry = ledger_put(p->ledger, &key, slice_make(value, (size_t)n));
    if (!entry)
        p->is_complete = false;
    else if (side == SIDE_IN)
        put_in(p, entry, area, at);
}

int passes_count(const struct passes *p, const struct id *area, const struct id *person,
                 int64_t lapsed_up_to, int limit)
{
    const struct passes_area *a = find_area(p, area);
    struct ledger_key key = ledger_key('a', area, person);
    const struct ledger_entry *own = ledger_find(p->ledger, &key);
    int n = 0;
    if (!p->is_complete)
        return limit; /* somebody may be missing: nobody more goes in before a restart */
    for (const struct passes_inside *who = a ? a->newest : NULL; who && n < limit;
         who = who->older) {
        if (lapsed_up_to != INSTANT_NONE && who->at <= lapsed_up_to)
            break; /* and so have all that follow */
        n += who->entry != own;
    }
    return n;
}

struct forgiving {
    struct passes *passes;
    const struct id *area, *person;
};

static bool is_forgiven(void *context, const struct ledger_entry *entry)
{
    struct forgiving *f = context;
    struct id area, person;
    struct slice key = ledger_entry_key(entry);
    if (!ledger_part(key, 0, &area) || !ledger_part(key, 1, &person))
        return false;
    if ((!id_is_none(f->area) && !id_equal(f->area, &area)) ||
        (!id_is_none(f->person) && !id_equal(f->person, &person)))
        return false;
    struct ledger_key whole = ledger_key('a', &area, &person);
    take_out(f->passes, ledger_find(f->passes->ledger, &whole));
    return true;
}

void passes_forgive(struct passes *p, const struct id *area, const struct id *person)
{
    struct forgiving f = {.passes = p, .area = area, .person = person};
    ledger_sweep(p->ledger, 'a', is_forgiven, &f);
}
