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
        assert(p >= memory && n <= sizeof memory / size && p + n * size <= memory + sizeof memory);
}

static bool is_id_or_none(const struct id *id)
{
    return id_is_none(id) || is_id(id);
}

static bool is_between(long n, long min, long max)
{
    return n >= min && n <= max;
}

static void check_ids(const struct id_list *list)
{
    check_inside(list->v, list->n, sizeof list->v[0]);
    for (size_t i = 0; i < list->n; i++)
        assert(is_id(&list->v[i]));
}

static void check_floors(const struct id_list *list)
{
    check_inside(list->v, list->n, sizeof list->v[0]);
    assert(list->n <= POLICY_FLOORS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        const char *s = list->v[i].s;
        if (s[0] == '#')
            assert(strlen(s) >= 2 && strlen(s) <= 5 &&
                   strspn(s + 1, "-0123456789") + 1 == strlen(s));
        else
            assert(is_id(&list->v[i]));
    }
}

static void check_text(const char *s)
{
    assert(s[strcspn(s, "\n\r\t\x7f")] == '\0');
}

static void check_word(const char *s)
{
    check_inside(s, 1, 1);
    size_t len = strlen(s);
    assert(is_between((long)len, 1, POLICY_WORD_MAX));
    check_inside(s, len + 1, 1);
    check_text(s);
}

static void check_words(const struct word_list *list)
{
    check_inside(list->v, list->n, sizeof list->v[0]);
    for (size_t i = 0; i < list->n; i++)
        check_word(list->v[i]);
}

static void check_types(const struct type_rule *types, size_t n)
{
    check_inside(types, n, sizeof types[0]);
    for (size_t i = 0; i < n; i++) {
        check_word(types[i].type);
        check_words(&types[i].statuses);
    }
}

static void check_where(const struct policy_where *where)
{
    check_ids(&where->doors);
    check_ids(&where->door_groups);
}

static void check_person(const struct policy_person *p)
{
    check_inside(p->groups, p->n_groups, sizeof p->groups[0]);
    for (size_t i = 0; i < p->n_groups; i++)
        assert(is_id(&p->groups[i].group));
    assert(memchr(p->type, '\0', sizeof p->type) && memchr(p->status, '\0', sizeof p->status));
    check_text(p->type);
    check_text(p->status);
    check_words(&p->tags);
    check_floors(&p->floors);
}

static void check_credential(const struct policy_credential *c)
{
    struct credential_value again;
    assert(is_id_or_none(&c->person) && is_id_or_none(&c->disabled_reason));
    assert(is_between(c->uses_per_door, USES_UNLIMITED, USES_MAX));
    assert(is_between(c->uses_total, USES_UNLIMITED, USES_MAX));
    assert((unsigned)c->credential_class < CREDENTIAL_CLASSES);
    assert((unsigned)c->type < CREDENTIAL_TYPES && c->bits >= 0 && c->bits <= 256);
    assert(credential_value_set(&again, c->type, slice_make(c->value.text, c->value.len)) == GH_OK);
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

static void check_holiday(const struct policy_holiday *h)
{
    assert(is_id(&h->calendar) && date_is_valid(h->from) && date_is_valid(h->to));
    assert(date_to_day(h->from) <= date_to_day(h->to));
    check_inside(h->working, h->n_working, sizeof h->working[0]);
    assert(h->n_working <= POLICY_WORKING_MAX);
    for (size_t i = 0; i < h->n_working; i++)
        assert(h->working[i].start_min < h->working[i].end_min && h->working[i].end_min <= 1440);
}

static void check_entitlement(const struct policy_entitlement *e)
{
    assert((unsigned)e->kind < ENTITLEMENT_KINDS && (unsigned)e->holiday <= HOLIDAY_REPLACE);
    assert(is_id_or_none(&e->schedule) && is_id(&e->calendar));
    check_ids(&e->who.persons);
    check_ids(&e->who.credentials);
    check_ids(&e->who.groups);
    check_words(&e->who.tags);
    check_types(e->who.types, e->who.n_types);
    check_where(&e->where);
    check_floors(&e->floors);
}

static void check_level(enum rule_level level, const struct id *target, int priority)
{
    assert((unsigned)level <= LEVEL_DOOR && is_between(priority, 0, 1000000));
    assert(level == LEVEL_SITE ? id_is_none(target) : is_id(target));
}

static void check_access_rules(const struct policy_access_rules *a)
{
    check_level(a->level, &a->target, a->priority);
    assert(is_id_or_none(&a->hours));
    check_types(a->types, a->n_types);
    check_words(&a->tags);
}

static void check_geofence(const struct policy_geofence *g)
{
    check_level(g->level, &g->target, g->priority);
    assert(g->lat >= -90 && g->lat <= 90 && g->lon >= -180 && g->lon <= 180);
    assert(g->radius_m >= 50 && g->radius_m <= 5000 && g->buffer_m >= 0 && g->buffer_m <= 5000);
    assert(g->max_accuracy_m >= 0 && g->max_accuracy_m <= 5000);
}

static void check_door_mode(const struct policy_door_mode *m)
{
    assert((unsigned)m->tier <= TIER_ROUTINE && (unsigned)m->mode <= WISH_LOCKED_DOWN);
    assert(is_id_or_none(&m->schedule));
    check_where(&m->where);
}

static void check_area(const struct policy_area *a)
{
    check_ids(&a->entry);
    check_ids(&a->exit);
    assert((unsigned)a->antipassback <= ANTIPASSBACK_DENY && is_id_or_none(&a->schedule));
    assert(is_between(a->timeout_s, 0, 31536000) && is_between(a->reset_min, RESET_NEVER, 1439));
    assert(is_between(a->max_occupancy, OCCUPANCY_UNLIMITED, 1000000));
}

static void check_zone(const char tz[TZ_NAME_MAX + 1])
{
    assert(memchr(tz, '\0', TZ_NAME_MAX + 1) && tz[0] != '/' && !strchr(tz, '.'));
}

static void check_site(const struct policy_site *s)
{
    check_zone(s->tz);
    assert(s->tz[0] != '\0' && (unsigned)s->dialect < DIALECTS);
    assert(is_between(s->read_max_age_s, 1, 60) && is_between(s->factor_timeout_s, 1, 3600));
    assert(is_between(s->pin_lockout.failures, 1, PIN_FAILURES_MAX));
    assert(is_between(s->pin_lockout.window_s, 1, 86400));
    assert(is_between(s->pin_lockout.lock_s, 1, 86400));
    for (size_t i = 0; i < CREDENTIAL_CLASSES; i++)
        assert(s->max_policy_age_s[i] >= POLICY_AGE_UNLIMITED);
}

static void check_door(const struct policy_door *d)
{
    check_zone(d->tz);
    assert(memchr(d->name, '\0', sizeof d->name) && is_id_or_none(&d->factor_schedule));
    assert(is_between(d->release_s, 1, 30) && is_between(d->extended_release_s, 1, 120));
    assert(is_between(d->held_open_s, 0, 86400) && is_between(d->pre_alarm_s, 0, 86400));
    assert((unsigned)d->relock <= RELOCK_TIMER && (unsigned)d->rex <= REX_OFF);
    assert((unsigned)d->maintenance <= MAINTENANCE_FORCE_CLOSED);
    assert((unsigned)d->factors <= FACTORS_TWO_PERSON);
}

static void check_row(const struct policy_row *row)
{
    assert(is_id(&row->id));
    if (row->removal)
        return;
    switch (row->kind) {
    case ROW_SITE: check_site(&row->d.site); break;
    case ROW_DOOR: check_door(&row->d.door); break;
    case ROW_READER: assert(is_id(&row->d.reader.door)); break;
    case ROW_DOOR_GROUP: check_ids(&row->d.door_group.doors); break;
    case ROW_GROUP: check_floors(&row->d.group.floors); break;
    case ROW_PERSON: check_person(&row->d.person); break;
    case ROW_CREDENTIAL: check_credential(&row->d.credential); break;
    case ROW_SCHEDULE: check_schedule(&row->d.schedule); break;
    case ROW_ENTITLEMENT: check_entitlement(&row->d.entitlement); break;
    case ROW_HOLIDAY: check_holiday(&row->d.holiday); break;
    case ROW_ACCESS_RULES: check_access_rules(&row->d.access_rules); break;
    case ROW_GEOFENCE: check_geofence(&row->d.geofence); break;
    case ROW_DOOR_MODE: check_door_mode(&row->d.door_mode); break;
    case ROW_LOCKDOWN: check_where(&row->d.lockdown.where); break;
    case ROW_AREA: check_area(&row->d.area); break;
    case ROW_INTERLOCK: check_ids(&row->d.interlock.doors); break;
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
