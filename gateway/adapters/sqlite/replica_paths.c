/* Paths: the entitlements that a holder has at a door.
 *
 * Who has which comes from lists: short ones of a person and a credential, asked for
 * each time, and those of everybody, of groups, tags and types, which are kept. What
 * leads through which door is kept as bits, by number of the entitlement, as far as
 * it has been asked. */
#include <stdio.h>
#include <stdlib.h>

#include "replica_facts.h"
#include "replica_schema.h"

/* Past so many unknown bits the list of a whole door is cheaper. */
#define ASK_ONE_BY_ONE 8
#define ROWS_PER_UNKNOWN 16 /* about where looking one by one costs as much */

/* What somebody has: an entitlement, by way of a membership. */
struct candidate {
    uint32_t number;
    struct validity membership;
};

struct candidates {
    struct candidate *v; /* in the pool of the answer */
    size_t n, room;
};

static const struct validity always = {INSTANT_NONE, INSTANT_NONE};

/* --- entitlements --------------------------------------------------------------------- */

static enum gh_err fill_entitlement(struct replica_facts *f, const struct id *id,
                                    struct kept_entitlement *e)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_ENTITLEMENT];
    bool exists = false;
    int kind = 0, rule = 0;
    struct id schedule = {0};
    enum gh_err err = replica_ask_by(s, id->s, &exists);
    if (err != GH_OK || !exists)
        return err;
    e->facts.id = *id;
    err = replica_column_small(s, 0, 0, ENTITLEMENT_KINDS - 1, &kind);
    if (err == GH_OK)
        err = replica_column_flag(s, 1, &e->counts);
    if (err == GH_OK)
        err = replica_column_validity(s, 2, &e->facts.validity);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 4, &schedule);
    if (err == GH_OK)
        err = replica_column_small(s, 5, 0, HOLIDAY_REPLACE, &rule);
    if (err == GH_OK)
        err = replica_column_id(s, 6, &e->facts.calendar);
    if (err == GH_OK)
        err = replica_column_floors(s, 7, &f->kept->pool, &e->facts.floors);
    e->facts.kind = (enum entitlement_kind)kind;
    e->facts.holiday = (enum holiday_rule)rule;
    return err == GH_OK ? replica_facts_hours(f, schedule.s, false, &e->facts.hours) : err;
}

/* The number of an entitlement; it is read if it was not yet. */
static enum gh_err number_of(struct replica_facts *f, sqlite3_stmt *s, uint32_t *out)
{
    struct id id;
    void *what = NULL;
    enum gh_err err = replica_column_id(s, 0, &id);
    if (err != GH_OK || replica_kept_find(f, KEPT_ENTITLEMENT, id.s, out))
        return err;
    err = replica_kept_add(f, KEPT_ENTITLEMENT, id.s, sizeof(struct kept_entitlement), &what, out);
    if (err != GH_OK)
        return err;
    f->kept->entitlement[*out] = what;
    return fill_entitlement(f, &id, what);
}

/* --- who has them ------------------------------------------------------------------------ */

static enum gh_err add_candidate(struct replica_facts *f, struct candidates *list, uint32_t number,
                                 struct validity membership)
{
    struct candidate *more =
        replica_pool_one_more(&f->answer, list->v, &list->room, list->n, sizeof *more);
    if (!more)
        return GH_IO;
    list->v = more;
    list->v[list->n++] = (struct candidate){number, membership};
    return GH_OK;
}

static enum gh_err ask_subject(struct replica_facts *f, enum subject_kind kind, const char *subject,
                               struct candidates *list)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_SUBJECT];
    bool row = false;
    enum gh_err err = db_bind_int(s, 1, kind);
    if (err == GH_OK)
        err = db_bind_text(s, 2, slice_of(subject));
    while (err == GH_OK && (err = db_step(s, &row)) == GH_OK && row) {
        uint32_t number = 0;
        err = number_of(f, s, &number);
        if (err == GH_OK)
            err = add_candidate(f, list, number, always);
    }
    return err;
}

/* Asks for a list that is to be kept. */
static enum gh_err fill_subject(struct replica_facts *f, enum subject_kind kind,
                                const char *subject, struct kept_subject *out)
{
    struct candidates list = {0};
    enum gh_err err = ask_subject(f, kind, subject, &list);
    if (err != GH_OK)
        return err;
    out->entitlement = replica_pool_take(&f->kept->pool, list.n, sizeof *out->entitlement);
    if (!out->entitlement)
        return GH_IO;
    for (size_t i = 0; i < list.n; i++)
        out->entitlement[i] = list.v[i].number;
    out->n = list.n;
    return GH_OK;
}

static enum gh_err add_all(struct replica_facts *f, const struct kept_subject *subject,
                           struct validity membership, struct candidates *list)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < subject->n && err == GH_OK; i++)
        err = add_candidate(f, list, subject->entitlement[i], membership);
    return err;
}

static enum gh_err add_shared(struct replica_facts *f, enum subject_kind kind, const char *subject,
                              struct candidates *list)
{
    char key[2 * POLICY_WORD_MAX + 8];
    (void)snprintf(key, sizeof key, "%d%s", (int)kind, subject);
    struct kept_subject *known = replica_kept_find(f, KEPT_SUBJECT, key, NULL);
    if (!known) {
        void *what = NULL;
        enum gh_err err = replica_kept_add(f, KEPT_SUBJECT, key, sizeof *known, &what, NULL);
        known = what;
        if (err == GH_OK)
            err = fill_subject(f, kind, subject, known);
        if (err != GH_OK)
            return err;
    }
    return add_all(f, known, always, list);
}

static enum gh_err fill_group(struct replica_facts *f, const char *id, struct kept_group *group)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_GROUP];
    enum gh_err err = replica_ask_by(s, id, &group->exists);
    if (err != GH_OK || !group->exists)
        return err;
    err = replica_column_flag(s, 0, &group->antipassback_exempt);
    if (err == GH_OK)
        err = replica_column_floors(s, 1, &f->kept->pool, &group->floors);
    return err == GH_OK ? fill_subject(f, SUBJECT_GROUP, id, &group->has) : err;
}

static enum gh_err find_group(struct replica_facts *f, const char *id, struct kept_group **out)
{
    void *what = replica_kept_find(f, KEPT_GROUP, id, NULL);
    enum gh_err err = GH_OK;
    if (!what) {
        err = replica_kept_add(f, KEPT_GROUP, id, sizeof **out, &what, NULL);
        if (err == GH_OK)
            err = fill_group(f, id, what);
    }
    *out = what;
    return err;
}

struct groups {
    struct group_facts *v; /* in the pool of the answer */
    size_t n, room;
};

static enum gh_err add_group(struct replica_facts *f, struct groups *list,
                             const struct group_facts *group)
{
    struct group_facts *more =
        replica_pool_one_more(&f->answer, list->v, &list->room, list->n, sizeof *more);
    if (!more)
        return GH_IO;
    list->v = more;
    list->v[list->n++] = *group;
    return GH_OK;
}

static enum gh_err add_membership(struct replica_facts *f, sqlite3_stmt *s, struct groups *groups,
                                  struct candidates *list)
{
    struct id id;
    struct validity validity;
    struct kept_group *group = NULL;
    enum gh_err err = replica_column_id(s, 0, &id);
    if (err == GH_OK)
        err = replica_column_validity(s, 1, &validity);
    if (err == GH_OK)
        err = find_group(f, id.s, &group);
    if (err != GH_OK || !group->exists)
        return err;
    struct group_facts facts = {validity, group->antipassback_exempt, group->floors};
    err = add_group(f, groups, &facts);
    return err == GH_OK ? add_all(f, &group->has, validity, list) : err;
}

static enum gh_err ask_memberships(struct replica_facts *f, struct holder_facts *holder,
                                   struct candidates *list)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_MEMBERSHIPS];
    struct groups groups = {0};
    bool row = false;
    enum gh_err err = replica_ask_by(s, holder->credential.person.s, &row);
    while (err == GH_OK && row) {
        err = add_membership(f, s, &groups, list);
        if (err == GH_OK)
            err = db_step(s, &row);
    }
    holder->groups = groups.v;
    holder->n_groups = groups.n;
    return err;
}

static enum gh_err ask_words(struct replica_facts *f, const struct policy_person *person,
                             struct candidates *list)
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < person->tags.n && err == GH_OK; i++)
        err = add_shared(f, SUBJECT_TAG, person->tags.v[i], list);
    if (err != GH_OK || person->type[0] == '\0')
        return err;
    err = add_shared(f, SUBJECT_TYPE, person->type, list);
    if (err != GH_OK || person->status[0] == '\0')
        return err;
    char both[2 * POLICY_WORD_MAX + 2];
    replica_type_status(both, person->type, person->status);
    return add_shared(f, SUBJECT_TYPE_STATUS, both, list);
}

/* --- which of them lead through the door ------------------------------------------------------ */

static bool has_bit(const uint64_t *bits, uint32_t number)
{
    return bits[number / 64] >> (number % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t number)
{
    bits[number / 64] |= (uint64_t)1 << (number % 64);
}

/* Those of all numbers below n. */
static void set_bits(uint64_t *bits, uint32_t n)
{
    for (uint32_t i = 0; i < n / 64; i++)
        bits[i] = UINT64_MAX;
    if (n % 64 > 0)
        bits[n / 64] |= ((uint64_t)1 << (n % 64)) - 1;
}

static enum gh_err ask_leads(struct replica_facts *f, struct kept_door *door, uint32_t number)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_LEADS];
    const struct kept_entitlement *e = f->kept->entitlement[number];
    bool leads = false;
    enum gh_err err = GH_OK;
    if (e->counts) {
        err = db_bind_text(s, 1, slice_of(e->facts.id.s));
        if (err == GH_OK)
            err = db_bind_text(s, 2, slice_of(door->facts.id.s));
        if (err == GH_OK)
            err = db_one(s);
        if (err == GH_OK)
            err = replica_column_flag(s, 0, &leads);
    }
    if (err != GH_OK)
        return err;
    set_bit(door->known, number);
    if (leads)
        set_bit(door->leads, number);
    return GH_OK;
}

/* All that lead through the door, as far as they have a number; gives up after so many
 * rows, for a door may have thousands (each guest's own), with *complete false. */
static enum gh_err ask_places(struct replica_facts *f, struct kept_door *door, size_t rows_max,
                              bool *complete)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_PLACES];
    bool row = false;
    enum gh_err err = replica_ask_by(s, door->facts.id.s, &row);
    for (size_t n = 0; err == GH_OK && row && n < rows_max; n++) {
        struct id id;
        uint32_t number = 0;
        err = replica_column_id(s, 0, &id);
        if (err == GH_OK && replica_kept_find(f, KEPT_ENTITLEMENT, id.s, &number)) {
            set_bit(door->leads, number);
            set_bit(door->known, number);
        }
        if (err == GH_OK)
            err = db_step(s, &row);
    }
    *complete = err == GH_OK && !row;
    if (*complete)
        set_bits(door->known, f->kept->n[KEPT_ENTITLEMENT]);
    return err;
}

static enum gh_err learn_places(struct replica_facts *f, struct kept_door *door,
                                const struct candidates *list)
{
    size_t unknown = 0;
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < list->n; i++)
        unknown += !has_bit(door->known, list->v[i].number);
    bool complete = false;
    if (unknown > ASK_ONE_BY_ONE)
        err = ask_places(f, door, ROWS_PER_UNKNOWN * unknown, &complete);
    if (complete)
        return err;
    for (size_t i = 0; i < list->n && err == GH_OK && unknown > 0; i++)
        if (!has_bit(door->known, list->v[i].number))
            err = ask_leads(f, door, list->v[i].number);
    return err;
}

/* --- the paths ------------------------------------------------------------------------------- */

static int compare_instants(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* By id; the memberships of one entitlement in an order that is always the same. */
static int compare_paths(const void *a, const void *b)
{
    const struct entitlement_facts *p = a, *q = b;
    int order = strcmp(p->id.s, q->id.s);
    if (order == 0)
        order = compare_instants(p->membership.from, q->membership.from);
    return order ? order : compare_instants(p->membership.until, q->membership.until);
}

enum gh_err replica_facts_paths(struct replica_facts *f, struct policy_facts *out)
{
    struct holder_facts *holder = &out->holder;
    struct kept_door *door = replica_kept_find(f, KEPT_DOOR, out->door->id.s, NULL);
    struct candidates list = {0};
    enum gh_err err = add_shared(f, SUBJECT_EVERYONE, "", &list);
    if (err == GH_OK)
        err = ask_subject(f, SUBJECT_PERSON, holder->credential.person.s, &list);
    if (err == GH_OK)
        err = ask_subject(f, SUBJECT_CREDENTIAL, holder->credential_id.s, &list);
    if (err == GH_OK)
        err = ask_memberships(f, holder, &list);
    if (err == GH_OK)
        err = ask_words(f, &holder->person, &list);
    if (err == GH_OK)
        err = learn_places(f, door, &list);
    if (err != GH_OK || list.n == 0)
        return err;
    struct entitlement_facts *paths = replica_pool_take(&f->answer, list.n, sizeof *paths);
    size_t n = 0;
    if (!paths)
        return GH_IO;
    for (size_t i = 0; i < list.n; i++) {
        const struct kept_entitlement *e = f->kept->entitlement[list.v[i].number];
        if (!e->counts || !has_bit(door->leads, list.v[i].number))
            continue;
        paths[n] = e->facts;
        paths[n++].membership = list.v[i].membership;
    }
    qsort(paths, n, sizeof *paths, compare_paths);
    out->entitlements = paths;
    out->n_entitlements = n;
    return GH_OK;
}
