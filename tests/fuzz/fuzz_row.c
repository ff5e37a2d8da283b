/* Any bytes as a row of policy. */
#include <assert.h>
#include <string.h>

#include "adapters/json/row_json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* What the row holds before; that includes what lies between its members. */
#define FILLING 0xa5

static bool is_untouched(const struct policy_row *row)
{
    const unsigned char *bytes = (const unsigned char *)row;
    for (size_t i = 0; i < sizeof *row; i++)
        if (bytes[i] != FILLING)
            return false;
    return true;
}

/* Small, so that rows that do not fit come up as well. */
static _Alignas(max_align_t) unsigned char memory[4096];

static bool is_id(const struct id *id)
{
    return id_is_valid(slice_of(id->s));
}

static void check_inside(const void *list, size_t n, size_t size)
{
    const unsigned char *p = list;
    if (n > 0)
        assert(p >= memory && n <= sizeof memory / size &&
               p + n * size <= memory + sizeof memory);
}

static void check_ids(const struct id_list *list)
{
    check_inside(list->v, list->n, sizeof list->v[0]);
    for (size_t i = 0; i < list->n; i++)
        assert(is_id(&list->v[i]));
}

static void check_person(const struct policy_person *p)
{
    check_inside(p->groups, p->n_groups, sizeof p->groups[0]);
    for (size_t i = 0; i < p->n_groups; i++)
        assert(is_id(&p->groups[i].group));
}

static void check_credential(const struct policy_credential *c)
{
    struct credential_value again;
    assert(id_is_none(&c->person) || is_id(&c->person));
    assert(id_is_none(&c->disabled_reason) || is_id(&c->disabled_reason));
    assert((unsigned)c->type < CREDENTIAL_TYPES && c->bits >= 0 && c->bits <= 256);
    assert(credential_value_set(&again, c->type, slice_make(c->value.text, c->value.len)) ==
           GH_OK);
    assert(again.len == c->value.len && memcmp(again.text, c->value.text, again.len) == 0);
}

static void check_schedule(const struct policy_schedule *s)
{
    check_inside(s->windows, s->n_windows, sizeof s->windows[0]);
    assert(s->n_windows <= POLICY_WINDOWS_MAX);
    for (size_t i = 0; i < s->n_windows; i++) {
        const struct schedule_window *w = &s->windows[i];
        assert(w->days >= 1 && w->days <= 0x7f);
        assert(w->start_min <= 1439 && w->end_min >= 1 && w->end_min <= 1440);
        assert(w->start_min != w->end_min);
    }
}

static void check_entitlement(const struct policy_entitlement *e)
{
    assert((unsigned)e->kind < ENTITLEMENT_KINDS);
    assert(id_is_none(&e->schedule) || is_id(&e->schedule));
    check_ids(&e->who.persons);
    check_ids(&e->who.credentials);
    check_ids(&e->who.groups);
    check_ids(&e->where.doors);
    check_ids(&e->where.door_groups);
}

static void check_zone(const char tz[TZ_NAME_MAX + 1])
{
    assert(memchr(tz, '\0', TZ_NAME_MAX + 1) && tz[0] != '/' && !strchr(tz, '.'));
}

static void check_row(const struct policy_row *row)
{
    assert(is_id(&row->id));
    if (row->removal)
        return;
    switch (row->kind) {
    case ROW_SITE:
        check_zone(row->d.site.tz);
        assert(row->d.site.tz[0] != '\0');
        assert(row->d.site.read_max_age_s >= 1 && row->d.site.read_max_age_s <= 60);
        break;
    case ROW_DOOR:
        check_zone(row->d.door.tz);
        assert(memchr(row->d.door.name, '\0', sizeof row->d.door.name));
        assert(row->d.door.release_s >= 1 && row->d.door.release_s <= 30);
        break;
    case ROW_READER: assert(is_id(&row->d.reader.door)); break;
    case ROW_DOOR_GROUP: check_ids(&row->d.door_group.doors); break;
    case ROW_GROUP: break;
    case ROW_PERSON: check_person(&row->d.person); break;
    case ROW_CREDENTIAL: check_credential(&row->d.credential); break;
    case ROW_SCHEDULE: check_schedule(&row->d.schedule); break;
    case ROW_ENTITLEMENT: check_entitlement(&row->d.entitlement); break;
    }
}

static void check_why(const char why[ROW_WHY_MAX], bool expected)
{
    assert(memchr(why, '\0', ROW_WHY_MAX));
    assert((why[0] != '\0') == expected);
    for (const char *p = why; *p; p++)
        assert(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct policy_row row;
    char why[ROW_WHY_MAX];
    memset(&row, FILLING, sizeof row);
    memset(why, 'x', sizeof why);
    enum gh_err err = row_json_parse(&row, slice_make(data, size), &arena, why);
    check_why(why, err == GH_INVALID || (err == GH_OK && row.inert));
    if (err == GH_OK) {
        check_row(&row);
    } else {
        assert(err == GH_INVALID || err == GH_FULL);
        assert(arena.used == 0 && is_untouched(&row));
    }
    return 0;
}
