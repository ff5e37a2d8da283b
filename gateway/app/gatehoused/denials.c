#include "app/gatehoused/denials.h"

#include <stdlib.h>

#define ROOM_FIRST 16

void denials_init(struct denials *d, const struct policy_store *below)
{
    *d = (struct denials){.below = *below};
}

void denials_free(struct denials *d)
{
    free(d->v);
    free(d->left);
    *d = (struct denials){.n = 0};
}

/* --- what is denied ---------------------------------------------------------- */

static struct denial *find(const struct denials *d, enum row_kind kind, const struct id *id)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].kind == kind && id_equal(&d->v[i].id, id))
            return &d->v[i];
    return NULL;
}

static bool is_denied(const struct denials *d, enum row_kind kind, const struct id *id)
{
    return find(d, kind, id) != NULL;
}

/* What a policy has made up for since. */
static void drop_passed(struct denials *d, int64_t rev)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].rev > rev || d->v[i].rev_then >= rev)
            d->v[n++] = d->v[i];
    d->n = n;
}

static bool make_room(struct denials *d)
{
    size_t room = d->room ? 2 * d->room : ROOM_FIRST;
    if (d->n < d->room)
        return true;
    if (d->n == DENIALS_MAX)
        return false;
    room = room < DENIALS_MAX ? room : DENIALS_MAX;
    struct denial *v = reallocarray(d->v, room, sizeof *v);
    if (!v)
        return false;
    d->v = v;
    d->room = room;
    return true;
}

enum gh_err denials_add(struct denials *d, enum row_kind kind, const struct id *id, int64_t rev)
{
    struct policy_version version = {.rev = -1};
    if ((kind != ROW_PERSON && kind != ROW_CREDENTIAL && kind != ROW_ENTITLEMENT) || rev < 0 ||
        id_is_none(id))
        return GH_INVALID;
    if (d->below.ops->version(d->below.self, &version) == GH_OK)
        drop_passed(d, version.rev);
    struct denial *known = find(d, kind, id);
    if (known) {
        known->rev = rev > known->rev ? rev : known->rev;
        known->rev_then = version.rev;
        return GH_OK;
    }
    if (!make_room(d))
        return GH_FULL;
    d->v[d->n++] = (struct denial){.kind = kind, .id = *id, .rev = rev, .rev_then = version.rev};
    return GH_OK;
}

/* --- the policy with them ------------------------------------------------------ */

static void deny_pin(const struct denials *d, struct pin_facts *pin)
{
    if (pin->is_known && is_denied(d, ROW_CREDENTIAL, &pin->credential_id))
        pin->is_enabled = false;
}

static void deny_holder(const struct denials *d, struct holder_facts *holder)
{
    if (holder->credential_known && is_denied(d, ROW_CREDENTIAL, &holder->credential_id))
        holder->credential_denied = true;
    if (holder->person_known && is_denied(d, ROW_PERSON, &holder->credential.person))
        holder->person_denied = true;
}

/* The list is the store's own, which may go by it again: ours is a copy. */
static enum gh_err deny_entitlements(struct denials *d, struct policy_facts *facts)
{
    if (facts->n_entitlements > d->left_room) {
        struct entitlement_facts *left =
            reallocarray(d->left, facts->n_entitlements, sizeof *left);
        if (!left)
            return GH_FULL;
        d->left = left;
        d->left_room = facts->n_entitlements;
    }
    size_t n = 0;
    for (size_t i = 0; i < facts->n_entitlements; i++)
        if (!is_denied(d, ROW_ENTITLEMENT, &facts->entitlements[i].id))
            d->left[n++] = facts->entitlements[i];
    facts->entitlements = d->left;
    facts->n_entitlements = n;
    return GH_OK;
}

static enum gh_err ask(void *self, const struct policy_query *query, struct policy_facts *out)
{
    struct denials *d = self;
    enum gh_err err = d->below.ops->ask(d->below.self, query, out);
    if (err != GH_OK || d->n == 0)
        return err;
    drop_passed(d, out->version.rev);
    deny_holder(d, &out->holder);
    deny_pin(d, &out->pin);
    deny_pin(d, &out->duress_pin);
    err = deny_entitlements(d, out);
    if (err != GH_OK)
        out->is_available = false;
    return err;
}

static enum gh_err look(void *self, const struct id *door, struct policy_facts *out)
{
    struct denials *d = self;
    return d->below.ops->look(d->below.self, door, out);
}

static enum gh_err readers_of(void *self, const struct id *door,
                              void (*each)(void *context, const struct id *reader), void *context)
{
    struct denials *d = self;
    return d->below.ops->readers_of(d->below.self, door, each, context);
}

static uint64_t generation(void *self)
{
    struct denials *d = self;
    return d->below.ops->generation(d->below.self);
}

static enum gh_err version(void *self, struct policy_version *out)
{
    struct denials *d = self;
    return d->below.ops->version(d->below.self, out);
}

static int64_t age_s(void *self, const struct policy_version *of, struct wall now)
{
    struct denials *d = self;
    return d->below.ops->age_s(d->below.self, of, now);
}

struct policy_store denials_port(struct denials *d)
{
    static const struct policy_store_ops ops = {.ask = ask,
                                                .look = look,
                                                .readers_of = readers_of,
                                                .generation = generation,
                                                .version = version,
                                                .age_s = age_s};
    return (struct policy_store){&ops, d};
}
