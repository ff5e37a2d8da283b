#include <stdlib.h>

#include "replica_facts.h"
#include "replica_schema.h"

void replica_facts_free(struct replica_facts *f)
{
    free(f->candidates);
    free(f->paths);
    free(f->windows);
    free(f->holidays);
    free(f->spans);
}

void *replica_with_room(void *list, size_t *room, size_t n, size_t size)
{
    if (n < *room)
        return list;
    size_t more = *room ? *room * 2 : 64;
    void *grown = reallocarray(list, more, size);
    if (grown)
        *room = more;
    return grown;
}

static int compare_instants(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* By id; the memberships of one entitlement in an order that is always the same. */
static int compare_candidates(const void *a, const void *b)
{
    const struct replica_candidate *p = a, *q = b;
    int order = strcmp(p->id.s, q->id.s);
    if (order == 0)
        order = compare_instants(p->membership.from, q->membership.from);
    return order ? order : compare_instants(p->membership.until, q->membership.until);
}

/* The id in the column against the candidate's. */
static int compare_to_candidate(struct slice id, const struct replica_candidate *candidate)
{
    if (id.len > ID_MAX)
        return 1;
    int order = strncmp(id.ptr, candidate->id.s, id.len);
    return order == 0 && candidate->id.s[id.len] != '\0' ? -1 : order;
}

static enum gh_err add_candidate(struct replica_facts *f, sqlite3_stmt *s)
{
    void *list =
        replica_with_room(f->candidates, &f->candidates_room, f->n_candidates, sizeof *f->candidates);
    if (!list)
        return GH_IO;
    f->candidates = list;
    struct replica_candidate *c = &f->candidates[f->n_candidates];
    c->at_door = false;
    enum gh_err err = replica_column_id(s, 0, &c->id);
    if (err == GH_OK)
        err = replica_column_validity(s, 1, &c->membership);
    if (err == GH_OK)
        f->n_candidates++;
    return err;
}

/* Marks the candidates whose entitlement this is. */
static enum gh_err mark_candidates(struct replica_facts *f, sqlite3_stmt *s)
{
    struct slice id = db_column(s, 0);
    size_t low = 0, high = f->n_candidates;
    while (low < high) { /* to the first that is not less */
        size_t middle = low + (high - low) / 2;
        if (compare_to_candidate(id, &f->candidates[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < f->n_candidates && compare_to_candidate(id, &f->candidates[low]) == 0; low++)
        f->candidates[low].at_door = true;
    return GH_OK;
}

static enum gh_err each(struct replica_facts *f, enum replica_question question,
                        enum gh_err (*take)(struct replica_facts *f, sqlite3_stmt *s),
                        const struct id *first, const struct id *second)
{
    DB_RESETS sqlite3_stmt *s = f->s[question];
    bool row = false;
    enum gh_err err = db_bind_text(s, 1, slice_of(first->s));
    if (err == GH_OK && second)
        err = db_bind_text(s, 2, slice_of(second->s));
    while (err == GH_OK) {
        err = db_step(s, &row);
        if (err != GH_OK || !row)
            break;
        err = take(f, s);
    }
    return err;
}

/* --- what is on both lists ------------------------------------------------ */

static bool window_is_possible(const struct schedule_window *w)
{
    return w->days <= 0x7f && w->start_min < 1440 && w->end_min >= 1 && w->end_min <= 1440 &&
           w->end_min != w->start_min;
}

/* Appends the windows; *n gets their number. */
static enum gh_err add_windows(struct replica_facts *f, struct slice bytes, size_t *n)
{
    size_t count = bytes.len / REPLICA_WINDOW_BYTES;
    if (bytes.len % REPLICA_WINDOW_BYTES != 0 || count > POLICY_WINDOWS_MAX)
        return GH_CORRUPT;
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < count; i++, p += REPLICA_WINDOW_BYTES) {
        struct schedule_window w = {
            .days = p[0],
            .start_min = (uint16_t)(p[1] | p[2] << 8),
            .end_min = (uint16_t)(p[3] | p[4] << 8),
        };
        if (!window_is_possible(&w))
            return GH_CORRUPT;
        void *list = replica_with_room(f->windows, &f->windows_room, f->n_windows, sizeof *f->windows);
        if (!list)
            return GH_IO;
        f->windows = list;
        f->windows[f->n_windows++] = w;
    }
    *n = count;
    return GH_OK;
}

/* Makes a path of a candidate, unless its entitlement is disabled or denied. */
static enum gh_err add_path(struct replica_facts *f, const struct replica_candidate *candidate)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_ENTITLEMENT];
    struct path_facts path = {.id = candidate->id, .membership = candidate->membership};
    bool counts = false;
    int kind = 0;
    enum gh_err err = db_bind_text(s, 1, slice_of(candidate->id.s));
    if (err == GH_OK)
        err = db_step(s, &counts);
    if (err != GH_OK || !counts)
        return err;
    err = replica_column_small(s, 0, 0, ENTITLEMENT_KINDS - 1, &kind);
    if (err == GH_OK)
        err = replica_column_validity(s, 1, &path.validity);
    path.kind = (enum entitlement_kind)kind;
    int rule = 0;
    if (err == GH_OK)
        err = replica_column_small(s, 5, 0, HOLIDAY_REPLACE, &rule);
    path.holiday = (enum holiday_rule)rule;
    if (err == GH_OK)
        err = replica_column_id(s, 6, &path.calendar);
    path.has_schedule = db_column(s, 3).len > 0;
    /* A schedule that does not exist has no windows: never. */
    if (err == GH_OK && path.has_schedule)
        err = add_windows(f, db_column(s, 4), &path.n_windows);
    if (err != GH_OK)
        return err;
    void *list = replica_with_room(f->paths, &f->paths_room, f->n_paths, sizeof *f->paths);
    if (!list)
        return GH_IO;
    f->paths = list;
    f->paths[f->n_paths++] = path;
    return GH_OK;
}

enum gh_err replica_facts_paths(struct replica_facts *f, struct access_facts *out)
{
    f->n_candidates = f->n_paths = f->n_windows = 0;
    enum gh_err err =
        each(f, ASK_SUBJECTS, add_candidate, &out->credential.person, &out->credential_id);
    if (err != GH_OK || f->n_candidates == 0)
        return err;
    qsort(f->candidates, f->n_candidates, sizeof *f->candidates, compare_candidates);
    err = each(f, ASK_PLACES, mark_candidates, &out->door_id, NULL);
    for (size_t i = 0; i < f->n_candidates && err == GH_OK; i++)
        if (f->candidates[i].at_door)
            err = add_path(f, &f->candidates[i]);
    if (err != GH_OK)
        return err;

    /* Only now does the list of windows stay where it is. */
    size_t w = 0;
    for (size_t i = 0; i < f->n_paths; i++) {
        f->paths[i].windows = f->paths[i].n_windows ? &f->windows[w] : NULL;
        w += f->paths[i].n_windows;
    }
    bool looks_at_holidays = false;
    for (size_t i = 0; i < f->n_paths; i++)
        looks_at_holidays = looks_at_holidays || f->paths[i].holiday != HOLIDAY_IGNORE;
    out->paths = f->n_paths ? f->paths : NULL;
    out->n_paths = f->n_paths;
    return looks_at_holidays ? replica_facts_holidays(f, out) : GH_OK;
}
