/* A policy and a door in which everybody may pass: each test breaks one thing.
 *
 * All lists lie in the world itself; world_make sets the pointers, so a world is
 * made where it stays and never copied. Lists have more room than they use, and
 * what lies beyond their ends would change the outcome if it were looked at. */
#ifndef GATEHOUSE_TESTS_POLICY_WORLD_H
#define GATEHOUSE_TESTS_POLICY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/access.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NOON 1736935200 /* 2025-01-15T10:00:00Z, a Wednesday; 11:00 in Berlin */
#define DAY 86400
#define HOUR 3600
#define MON 0x01
#define TUE 0x02
#define WED 0x04
#define THU 0x08
#define FRI 0x10
#define SAT 0x20
#define SUN 0x40
#define WORKDAYS 0x1f
#define EVERY_DAY 0x7f
#define HM(h, m) ((h)*60 + (m))

#define BERLIN_SPRING 1743296400    /* 2025-03-30T01:00:00Z: 02:00 becomes 03:00 */
#define BERLIN_AUTUMN 1761440400    /* 2025-10-26T01:00:00Z: 03:00 becomes 02:00 */
#define LORD_HOWE_AUTUMN 1743865200 /* 2025-04-05T15:00:00Z: 02:00 becomes 01:30 */
#define LORD_HOWE_SPRING 1759591800 /* 2025-10-04T15:30:00Z: 02:00 becomes 02:30 */

static const struct zone_view utc = {.n = 1, .span = {{0, 0}, {0, 7200}}};
static const struct zone_view unknown_zone = {.n = 0, .span = {{0, 0}}};
static const struct zone_view berlin = {
    .n = 3, .span = {{0, 3600}, {BERLIN_SPRING, 7200}, {BERLIN_AUTUMN, 3600}, {NOON, 0}}};
static const struct zone_view lord_howe = {
    .n = 3, .span = {{0, 39600}, {LORD_HOWE_AUTUMN, 37800}, {LORD_HOWE_SPRING, 39600}, {NOON, 0}}};
static const struct zone_view india = {.n = 1, .span = {{0, 19800}, {0, 0}}};

#define WORLD_ROWS 40

struct world {
    struct access_request request;
    struct access_facts facts;
    struct policy_facts policy;
    struct door_facts door;
    struct door_situation situation;
    struct holder_situation holder;
    struct entitlement_facts entitlements[WORLD_ROWS * 2];
    struct group_facts groups[4];
    struct area_facts areas[4];
    struct area_situation passes[4];
    struct mode_row modes[WORLD_ROWS];
    struct latch latches[WORLD_ROWS];
    struct policy_holiday holidays[4];
    struct type_rule types[4];
    const char *tags[4], *rule_tags[4], *statuses[4];
    struct access_trace trace;
};

static inline struct validity always(void)
{
    return (struct validity){INSTANT_NONE, INSTANT_NONE};
}

static inline struct validity from_until(int64_t from, int64_t until)
{
    return (struct validity){from, until};
}

static inline struct id id_of(const char *text)
{
    struct id id = {""};
    assert_int_equal(id_set(&id, slice_of(text)), GH_OK);
    return id;
}

/* A floor that is a number. */
static inline struct id floor_of(const char *text)
{
    struct id id = {""};
    memcpy(id.s, text, strlen(text) + 1);
    return id;
}

/* Hours of n windows; n = 0 is a schedule that never is. */
static inline struct hours hours_of(const struct schedule_window *windows, size_t n)
{
    return (struct hours){.is_set = true, .windows = windows, .n = n};
}

static inline struct entitlement_facts entitlement(const char *id)
{
    return (struct entitlement_facts){.id = id_of(id),
                                      .kind = ENTITLEMENT_ROLE,
                                      .validity = always(),
                                      .membership = always(),
                                      .calendar = id_of("default")};
}

static inline struct mode_row mode_row(const char *id, enum mode_tier tier, enum mode_wish wish)
{
    return (struct mode_row){.id = id_of(id),
                             .tier = tier,
                             .wish = wish,
                             .validity = always(),
                             .at = INSTANT_NONE,
                             .fingerprint = 77};
}

static inline struct area_facts area_of(const char *id, bool is_entry)
{
    return (struct area_facts){.id = id_of(id),
                               .is_entry = is_entry,
                               .antipassback = ANTIPASSBACK_DENY,
                               .reset_min = RESET_NEVER,
                               .max_occupancy = OCCUPANCY_UNLIMITED};
}

/* 2025-01-15 and nothing else, in the default calendar. */
static inline struct policy_holiday holiday_on(struct date date)
{
    return (struct policy_holiday){.calendar = id_of("default"), .from = date, .to = date};
}

static inline void world_make_holder(struct holder_facts *h, struct world *w)
{
    h->credential_known = h->person_known = true;
    h->credential_id = id_of("card-1");
    h->credential = (struct policy_credential){.person = id_of("jane"),
                                               .enabled = true,
                                               .uses_per_door = USES_UNLIMITED,
                                               .uses_total = USES_UNLIMITED,
                                               .validity = always()};
    h->person = (struct policy_person){.enabled = true, .validity = always()};
    h->person.tags = (struct word_list){w->tags, 0};
    h->groups = w->groups;
}

/* Beyond every list lies what would be noticed. */
static inline void world_poison(struct world *w)
{
    static const struct id beyond[1] = {{"beyond"}};
    for (size_t i = 0; i < COUNT(w->entitlements); i++)
        w->entitlements[i] = entitlement("beyond");
    for (size_t i = 0; i < COUNT(w->modes); i++)
        w->modes[i] = mode_row("beyond", i % 2 ? TIER_QUICK : TIER_ONE_TIME, WISH_LOCKED_DOWN);
    for (size_t i = 0; i < COUNT(w->groups); i++)
        w->groups[i] = (struct group_facts){always(), true, {beyond, 1}};
    for (size_t i = 0; i < COUNT(w->areas); i++) {
        w->areas[i] = area_of("beyond", true);
        w->areas[i].max_occupancy = 0;
        w->passes[i] = (struct area_situation){.pass = {SIDE_IN, NOON}};
    }
    for (size_t i = 0; i < COUNT(w->tags); i++)
        w->tags[i] = w->rule_tags[i] = w->statuses[i] = "beyond";
    for (size_t i = 0; i < COUNT(w->types); i++)
        w->types[i] = (struct type_rule){"staff", {w->statuses, 0}};
    for (size_t i = 0; i < COUNT(w->holidays); i++)
        w->holidays[i] = holiday_on((struct date){2025, 1, 15});
}

/* At NOON jane presents a card, and the role "role" lets her in for 7 seconds. */
static inline void world_make(struct world *w)
{
    *w = (struct world){0};
    world_poison(w);
    struct policy_facts *p = &w->policy;
    w->request.type = CREDENTIAL_CARD;
    w->facts = (struct access_facts){.policy = p,
                                     .door = &w->situation,
                                     .holder = &w->holder,
                                     .now = {{NOON, CLOCK_SYNCED}, &utc, &utc},
                                     .policy_age_s = POLICY_AGE_UNKNOWN};
    w->situation.local = (struct local_state){
        .mode = LOCAL_NONE, .until = INSTANT_NONE, .restored_at = INSTANT_NONE};
    w->situation.is_controller_online = true;
    w->situation.latches = w->latches;
    w->holder.areas = w->passes;
    p->is_available = p->reader_known = p->door_known = true;
    p->reader.id = id_of("reader");
    p->reader.reader.accepts = CREDENTIAL_TYPES_ALL;
    p->reader.areas = w->areas;
    for (int i = 0; i < CREDENTIAL_CLASSES; i++)
        p->site.max_policy_age_s[i] = POLICY_AGE_UNLIMITED;
    p->door = &w->door;
    w->door.id = id_of("door");
    w->door.door = (struct policy_door){.release_s = 7,
                                        .extended_release_s = 45,
                                        .licensed = true,
                                        .license_until = INSTANT_NONE,
                                        .fire_release = true};
    w->door.modes = w->modes;
    p->holidays.v = w->holidays;
    world_make_holder(&p->holder, w);
    w->entitlements[0] = entitlement("role");
    p->entitlements = w->entitlements;
    p->n_entitlements = 1;
}

static inline struct verdict decide(struct world *w)
{
    return access_decide(&w->request, &w->facts, NULL);
}

static inline void expect_reason(enum reason is, enum reason wanted)
{
    assert_string_equal(reason_name(is), reason_name(wanted));
}

/* A denial opens nothing, and changes nothing. */
static inline void assert_changes_nothing(const struct verdict *v)
{
    assert_int_equal(v->release_s, 0);
    assert_false(v->is_extended);
    assert_false(v->via.present);
    assert_int_equal(v->n_floors, 0);
    assert_int_equal(v->latch, LATCH_NOTHING);
    assert_false(v->counts_use);
    assert_false(v->records_pass);
}

static inline void expect_denied(struct world *w, enum reason reason)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, reason);
    assert_int_equal(v.decision, DECISION_DENIED);
    assert_changes_nothing(&v);
    if (reason != REASON_ANTIPASSBACK)
        assert_int_equal(v.violation, VIOLATION_NONE);
}

static inline void expect_pending(struct world *w, enum reason reason)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, reason);
    assert_int_equal(v.decision, DECISION_PENDING);
    assert_changes_nothing(&v);
}

static inline void expect_granted(struct world *w)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, REASON_GRANTED);
    assert_int_equal(v.decision, DECISION_GRANTED);
    assert_int_equal(v.release_s, 7);
    assert_true(v.via.present);
    assert_true(v.counts_use);
    assert_true(v.records_pass);
}

static inline void expect_already_unlocked(struct world *w)
{
    struct verdict v = decide(w);
    expect_reason(v.reason, REASON_ALREADY_UNLOCKED);
    assert_int_equal(v.decision, DECISION_GRANTED);
    assert_int_equal(v.release_s, 0);
    assert_false(v.via.present);
    assert_int_equal(v.n_floors, 0);
    assert_int_equal(v.violation, VIOLATION_NONE);
    assert_int_equal(v.latch, LATCH_NOTHING);
    assert_false(v.counts_use);
    assert_true(v.records_pass);
}

static inline struct mode_view look(struct world *w)
{
    return mode_look(&w->door, &w->situation, w->policy.holidays, w->facts.now);
}

static inline void expect_mode(struct world *w, enum door_mode mode)
{
    assert_string_equal(door_mode_name(look(w).mode), door_mode_name(mode));
}

/* Rules for staff at the door, and no entitlement; jane is staff. */
static inline void use_rules(struct world *w)
{
    w->policy.n_entitlements = 0;
    w->door.rules.is_set = true;
    w->door.rules.id = id_of("rules");
    w->door.rules.types = w->types;
    w->door.rules.n_types = 1;
    w->door.rules.tags = (struct word_list){w->rule_tags, 0};
    w->types[0] = (struct type_rule){"staff", {w->statuses, 0}};
    strcpy(w->policy.holder.person.type, "staff");
}

static inline struct entitlement_facts *add_entitlement(struct world *w, const char *id)
{
    struct entitlement_facts *e = &w->entitlements[w->policy.n_entitlements++];
    *e = entitlement(id);
    return e;
}

/* Appends a row; rows must be added in order of their ids. */
static inline struct mode_row *add_mode(struct world *w, const char *id, enum mode_tier tier,
                                        enum mode_wish wish)
{
    assert_true(w->door.n_modes < WORLD_ROWS);
    struct mode_row *row = &w->modes[w->door.n_modes++];
    *row = mode_row(id, tier, wish);
    return row;
}

static inline struct latch *add_latch(struct world *w, const char *row, enum latch_kind kind,
                                      int64_t until)
{
    struct latch *latch = &w->latches[w->situation.n_latches++];
    *latch = (struct latch){.row = id_of(row), .kind = kind, .until = until, .fingerprint = 77};
    return latch;
}

#endif
