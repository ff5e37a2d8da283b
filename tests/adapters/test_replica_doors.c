/* What the replica says of doors, readers and people, for every kind of row: all that
 * is put comes back, the effective row is chosen, and nothing old is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/mode.h"
#include "lib/by_hand.h"
#include "lib/replica_kit.h"

static const struct validity always = {INSTANT_NONE, INSTANT_NONE};

static int setup(void **state)
{
    struct kit *kit = kit_make();
    kit_small_policy(kit);
    *state = kit;
    return 0;
}

static int teardown(void **state)
{
    kit_free(*state);
    return 0;
}

static int versions;

static void change(struct kit *kit, const struct policy_row *row)
{
    kit_begin(kit);
    kit_put(kit, row, ++versions);
    if (kit_commit(kit) != GH_OK)
        fail_msg("%s", kit->why);
}

static void remove_row(struct kit *kit, enum row_kind kind, const char *id)
{
    kit_begin(kit);
    kit_del(kit, kind, id);
    assert_int_equal(kit_commit(kit), GH_OK);
}

static struct policy_facts ask(struct kit *kit)
{
    return kit_ask(kit, "r1", CREDENTIAL_CARD, "A1", 0);
}

static struct policy_row row_of(enum row_kind kind, const char *id)
{
    return (struct policy_row){.kind = kind, .id = kit_id(id)};
}

/* --- all fields ----------------------------------------------------------------------- */

static void a_site_and_a_door_keep_every_field(void **state)
{
    struct kit *kit = *state;
    struct policy_row site = kit_site("s"), door = kit_door("d1");
    site.d.site.dialect = DIALECT_AKUVOX;
    site.d.site.commit_taken = site.d.site.admin_in_lockdown = site.d.site.duress = true;
    site.d.site.factor_timeout_s = 3600;
    site.d.site.max_policy_age_s[CLASS_VISITOR] = 77;
    door.d.door.held_open_s = 0;
    door.d.door.pre_alarm_s = 86400;
    door.d.door.relock = RELOCK_TIMER;
    door.d.door.maintenance = MAINTENANCE_FORCE_CLOSED;
    door.d.door.factors = FACTORS_TWO_PERSON;
    door.d.door.rex = REX_OFF;
    door.d.door.rex_in_lockdown = door.d.door.fire_release = true;
    change(kit, &site);
    change(kit, &door);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.site.dialect, DIALECT_AKUVOX);
    assert_true(f.site.commit_taken && f.site.admin_in_lockdown && f.site.duress);
    assert_int_equal(f.site.factor_timeout_s, 3600);
    assert_int_equal(f.site.max_policy_age_s[CLASS_VISITOR], 77);
    const struct policy_door *d = &f.door->door;
    assert_int_equal(d->held_open_s, 0);
    assert_int_equal(d->pre_alarm_s, 86400);
    assert_int_equal(d->relock, RELOCK_TIMER);
    assert_int_equal(d->maintenance, MAINTENANCE_FORCE_CLOSED);
    assert_int_equal(d->factors, FACTORS_TWO_PERSON);
    assert_int_equal(d->rex, REX_OFF);
    assert_true(d->rex_in_lockdown && d->fire_release);
    enum dialect dialect;
    assert_int_equal(replica_reader_dialect(kit->reader, &dialect), GH_OK);
    assert_int_equal(dialect, DIALECT_AKUVOX);
}

static void a_person_a_group_and_a_credential_keep_every_field(void **state)
{
    struct kit *kit = *state;
    static const char *const tags[] = {"vip", "night crew"};
    struct id own[] = {{"#3"}, {"roof"}}, theirs[] = {{"#-1"}};
    struct policy_membership member = {kit_id("g1"), {5, 6}};
    struct policy_row person = kit_person("p1"), group = kit_group("g1"),
                      card = kit_credential("c1", "p1", CREDENTIAL_CARD);
    struct policy_person *p = &person.d.person;
    p->lockdown_bypass = p->first_credential = p->antipassback_exempt = true;
    p->groups = &member;
    p->n_groups = 1;
    snprintf(p->type, sizeof p->type, "Staff");
    snprintf(p->status, sizeof p->status, "On leave");
    p->tags = (struct word_list){tags, 2};
    p->floors = (struct id_list){own, 2};
    group.d.group = (struct policy_group){true, {theirs, 1}};
    card.d.credential.uses_per_door = 0;
    card.d.credential.uses_total = USES_MAX;
    change(kit, &person);
    change(kit, &group);
    kit_begin(kit);
    kit_put_credential(kit, &card, "A1", 9);
    assert_int_equal(kit_commit(kit), GH_OK);
    struct policy_facts f = ask(kit);
    p = &f.holder.person;
    assert_true(p->lockdown_bypass && p->first_credential && p->antipassback_exempt);
    assert_string_equal(p->type, "Staff");
    assert_string_equal(p->status, "On leave");
    assert_int_equal(p->tags.n, 2);
    assert_string_equal(p->tags.v[1], "night crew");
    assert_int_equal(p->floors.n, 2);
    assert_string_equal(p->floors.v[0].s, "#3");
    assert_int_equal(f.holder.n_groups, 1);
    assert_true(f.holder.groups[0].antipassback_exempt);
    assert_int_equal(f.holder.groups[0].validity.until, 6);
    assert_string_equal(f.holder.groups[0].floors.v[0].s, "#-1");
    assert_int_equal(f.holder.credential.uses_per_door, 0);
    assert_int_equal(f.holder.credential.uses_total, USES_MAX);
}

static void an_area_is_known_at_its_readers(void **state)
{
    struct kit *kit = *state;
    struct id r1 = kit_id("r1"), r2 = kit_id("r2");
    struct policy_row area = row_of(ROW_AREA, "a"), other = row_of(ROW_AREA, "b");
    area.d.area = (struct policy_area){.entry = {&r1, 1},
                                       .exit = {&r2, 1},
                                       .antipassback = ANTIPASSBACK_DENY,
                                       .timeout_s = 600,
                                       .reset_min = 150,
                                       .max_occupancy = 0,
                                       .exit_without_entry_violates = true,
                                       .schedule = kit_id("no-such")};
    other.d.area = (struct policy_area){
        .exit = {&r1, 1}, .reset_min = RESET_NEVER, .max_occupancy = OCCUPANCY_UNLIMITED};
    change(kit, &other);
    change(kit, &area);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.reader.n_areas, 2);
    const struct area_facts *a = &f.reader.areas[0];
    assert_string_equal(a->id.s, "a");
    assert_true(a->is_entry && a->exit_without_entry_violates);
    assert_int_equal(a->antipassback, ANTIPASSBACK_DENY);
    assert_int_equal(a->timeout_s, 600);
    assert_int_equal(a->reset_min, 150);
    assert_int_equal(a->max_occupancy, 0);
    assert_false(a->schedule.is_set); /* a restriction whose schedule is missing holds always */
    assert_false(f.reader.areas[1].is_entry);
    assert_int_equal(f.reader.areas[1].max_occupancy, OCCUPANCY_UNLIMITED);
    remove_row(kit, ROW_AREA, "a");
    assert_int_equal(ask(kit).reader.n_areas, 1);
}

static void the_other_doors_of_an_interlock_are_known_each_once(void **state)
{
    struct kit *kit = *state;
    struct id doors[] = {{"d3"}, {"d1"}, {"d2"}};
    struct policy_row lock = row_of(ROW_INTERLOCK, "i"), twice = row_of(ROW_INTERLOCK, "j");
    lock.d.interlock.doors = (struct id_list){doors, 3};
    twice.d.interlock.doors = (struct id_list){doors, 2};
    change(kit, &lock);
    change(kit, &twice);
    struct policy_facts f = ask(kit);
    assert_int_equal(f.door->n_interlocked, 2);
    assert_string_equal(f.door->interlocked[0].s, "d2");
    assert_string_equal(f.door->interlocked[1].s, "d3");
    remove_row(kit, ROW_INTERLOCK, "i");
    assert_int_equal(ask(kit).door->n_interlocked, 1);
}

static void a_door_has_the_modes_and_lockdowns_that_cover_it(void **state)
{
    struct kit *kit = *state;
    struct id d1 = kit_id("d1"), d2 = kit_id("d2"), g = kit_id("g");
    struct policy_row group = row_of(ROW_DOOR_GROUP, "g"), m = row_of(ROW_DOOR_MODE, "m2"),
                      elsewhere = row_of(ROW_DOOR_MODE, "m0"), all = row_of(ROW_DOOR_MODE, "m1"),
                      lockdown = row_of(ROW_LOCKDOWN, "l");
    group.d.door_group.doors = (struct id_list){&d1, 1};
    m.d.door_mode = (struct policy_door_mode){.where.door_groups = {&g, 1},
                                              .tier = TIER_ONE_TIME,
                                              .mode = WISH_LOCKED_DOWN,
                                              .schedule = kit_id("no-such"),
                                              .validity = {1, 2},
                                              .allow_manual_end = true,
                                              .at = 44};
    elsewhere.d.door_mode = (struct policy_door_mode){
        .where.doors = {&d2, 1}, .validity = always, .at = INSTANT_NONE};
    all.d.door_mode =
        (struct policy_door_mode){.where.all = true, .validity = always, .at = INSTANT_NONE};
    lockdown.d.lockdown.where.doors = (struct id_list){&d2, 1};
    change(kit, &group);
    change(kit, &m);
    change(kit, &elsewhere);
    change(kit, &all);
    change(kit, &lockdown);
    struct policy_facts f = ask(kit);
    assert_false(f.door->is_lockdown);
    assert_int_equal(f.door->n_modes, 2);
    assert_string_equal(f.door->modes[0].id.s, "m1");
    const struct mode_row *row = &f.door->modes[1];
    assert_int_equal(row->tier, TIER_ONE_TIME);
    assert_int_equal(row->wish, WISH_LOCKED_DOWN);
    assert_true(row->hours.is_set && row->hours.n == 0 && row->allow_manual_end);
    assert_int_equal(row->validity.until, 2);
    assert_int_equal(row->at, 44);
    uint64_t fingerprint = row->fingerprint;
    change(kit, &m); /* another line: another fingerprint */
    assert_true(ask(kit).door->modes[1].fingerprint != fingerprint);
    lockdown.d.lockdown.where.door_groups = (struct id_list){&g, 1};
    change(kit, &lockdown);
    assert_true(ask(kit).door->is_lockdown);
    remove_row(kit, ROW_LOCKDOWN, "l");
    remove_row(kit, ROW_DOOR_MODE, "m1");
    f = ask(kit);
    assert_false(f.door->is_lockdown);
    assert_int_equal(f.door->n_modes, 1);
}

/* --- effective rows ---------------------------------------------------------------------- */

static void put_rules(struct kit *kit, const char *id, enum rule_level level, const char *target,
                      int priority)
{
    static const char *const statuses[] = {"Active", "On leave"};
    static const struct type_rule types[] = {{"Member", {NULL, 0}}, {"Staff", {statuses, 2}}};
    static const char *const tags[] = {"vip"};
    struct policy_row row = row_of(ROW_ACCESS_RULES, id);
    row.d.access_rules = (struct policy_access_rules){.level = level,
                                                      .priority = priority,
                                                      .types = types,
                                                      .n_types = 2,
                                                      .tags = {tags, 1}};
    if (target)
        row.d.access_rules.target = kit_id(target);
    change(kit, &row);
}

static void the_lowest_level_then_priority_then_id_is_effective(void **state)
{
    struct kit *kit = *state;
    struct id d1 = kit_id("d1");
    struct policy_row g = row_of(ROW_DOOR_GROUP, "g"), h = row_of(ROW_DOOR_GROUP, "h");
    g.d.door_group.doors = h.d.door_group.doors = (struct id_list){&d1, 1};
    change(kit, &g);
    change(kit, &h);
    assert_false(ask(kit).door->rules.is_set);
    put_rules(kit, "site", LEVEL_SITE, NULL, 0);
    assert_string_equal(ask(kit).door->rules.id.s, "site");
    put_rules(kit, "z", LEVEL_DOOR_GROUP, "g", 100);
    put_rules(kit, "y", LEVEL_DOOR_GROUP, "h", 100);
    assert_string_equal(ask(kit).door->rules.id.s, "y");
    put_rules(kit, "z", LEVEL_DOOR_GROUP, "g", 99);
    assert_string_equal(ask(kit).door->rules.id.s, "z");
    put_rules(kit, "other", LEVEL_DOOR, "d2", 0);
    assert_string_equal(ask(kit).door->rules.id.s, "z");
    put_rules(kit, "door", LEVEL_DOOR, "d1", 1000000);
    struct policy_facts f = ask(kit);
    const struct rules_facts *r = &f.door->rules;
    assert_string_equal(r->id.s, "door");
    assert_int_equal(r->n_types, 2);
    assert_string_equal(r->types[0].type, "Member");
    assert_int_equal(r->types[0].statuses.n, 0);
    assert_string_equal(r->types[1].statuses.v[1], "On leave");
    assert_string_equal(r->tags.v[0], "vip");
    remove_row(kit, ROW_ACCESS_RULES, "door");
    assert_string_equal(ask(kit).door->rules.id.s, "z");
}

static void inert_rules_stay_and_match_nobody_but_block(void **state)
{
    struct kit *kit = *state;
    static const char *const tags[] = {"vip"};
    struct policy_row row = row_of(ROW_ACCESS_RULES, "x");
    row.inert = true;
    row.d.access_rules = (struct policy_access_rules){
        .level = LEVEL_SITE, .tags = {tags, 1}, .block = true, .hours = kit_id("no-such")};
    change(kit, &row);
    struct policy_facts f = ask(kit);
    assert_true(f.door->rules.is_set && f.door->rules.block);
    assert_int_equal(f.door->rules.tags.n, 0);
    assert_true(f.door->rules.hours.is_set);
    assert_int_equal(f.door->rules.hours.n, 0);
}

static void a_geofence_is_chosen_alike_and_may_have_no_centre(void **state)
{
    struct kit *kit = *state;
    struct policy_row g = row_of(ROW_GEOFENCE, "g"), own = row_of(ROW_GEOFENCE, "own");
    g.d.geofence = (struct policy_geofence){.level = LEVEL_SITE,
                                            .enabled = true,
                                            .has_centre = true,
                                            .lat = -33.5,
                                            .lon = 151.25,
                                            .radius_m = 50,
                                            .buffer_m = 0,
                                            .max_accuracy_m = 65};
    own.d.geofence = (struct policy_geofence){
        .level = LEVEL_DOOR, .target = kit_id("d1"), .radius_m = 200, .buffer_m = 25};
    change(kit, &g);
    struct policy_facts f = ask(kit);
    assert_true(f.door->geofence.is_set && f.door->geofence.fence.has_centre);
    assert_true(f.door->geofence.fence.lat == -33.5 && f.door->geofence.fence.lon == 151.25);
    assert_true(f.door->geofence.fence.max_accuracy_m == 65);
    change(kit, &own);
    f = ask(kit);
    assert_true(f.door->geofence.is_set);
    assert_false(f.door->geofence.fence.has_centre || f.door->geofence.fence.enabled);
}

/* --- who has an entitlement --------------------------------------------------------------- */

static void an_entitlement_is_had_by_tag_type_and_status(void **state)
{
    struct kit *kit = *state;
    static const char *const vip[] = {"vip"}, *const active[] = {"Active"};
    static const struct type_rule member[] = {{"Member", {NULL, 0}}},
                                  on[] = {{"Member", {active, 1}}};
    struct policy_row e = kit_entitlement("e2"), person = kit_person("p1");
    struct { struct word_list tags; const struct type_rule *types; const char *ids; } cases[] = {
        {{vip, 1}, NULL, "e1 e2"}, {{NULL, 0}, member, "e1 e2"}, {{NULL, 0}, on, "e1"}};
    char ids[64];
    snprintf(person.d.person.type, sizeof person.d.person.type, "Member");
    snprintf(person.d.person.status, sizeof person.d.person.status, "Frozen");
    person.d.person.tags = (struct word_list){vip, 1};
    change(kit, &person);
    e.d.entitlement.where.all = true;
    for (size_t i = 0; i < 3; i++) {
        e.d.entitlement.who.tags = cases[i].tags;
        e.d.entitlement.who.types = cases[i].types;
        e.d.entitlement.who.n_types = cases[i].types ? 1 : 0;
        change(kit, &e);
        struct policy_facts f = ask(kit);
        assert_string_equal(kit_paths(&f, ids, sizeof ids), cases[i].ids);
    }
    snprintf(person.d.person.status, sizeof person.d.person.status, "Active");
    change(kit, &person);
    struct policy_facts f = ask(kit);
    assert_string_equal(kit_paths(&f, ids, sizeof ids), "e1 e2");
    person.d.person.type[0] = '\0'; /* without a type a status says nothing */
    change(kit, &person);
    f = ask(kit);
    assert_string_equal(kit_paths(&f, ids, sizeof ids), "e1");
}

/* More than are asked for one by one, some at the door and some not. */
static void of_many_entitlements_those_at_the_door_count(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1"), d1 = kit_id("d1"), d2 = kit_id("d2");
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%02d", i);
        struct policy_row e = kit_entitlement(id);
        e.d.entitlement.who.persons = (struct id_list){&p1, 1};
        e.d.entitlement.where.doors = (struct id_list){i % 3 == 0 ? &d1 : &d2, 1};
        change(kit, &e);
    }
    struct policy_facts f = ask(kit);
    assert_int_equal(f.n_entitlements, 15);
    assert_string_equal(f.entitlements[0].id.s, "e1");
    assert_string_equal(f.entitlements[14].id.s, "m39");
    assert_int_equal(ask(kit).n_entitlements, 15); /* from what is kept */
}

/* --- PINs ------------------------------------------------------------------------------------ */

static void put_pin(struct kit *kit, const char *id, const char *value)
{
    struct policy_row pin = kit_credential(id, "p1", CREDENTIAL_PIN);
    kit_begin(kit);
    kit_put_credential(kit, &pin, value, ++versions);
    assert_int_equal(kit_commit(kit), GH_OK);
}

static struct policy_facts ask_pins(struct kit *kit, const char *value, const char *meant)
{
    struct policy_facts f;
    struct id r1 = kit_id("r1");
    unsigned char hash[VALUE_HASH_LEN], less[VALUE_HASH_LEN];
    kit_value_hash(hash, CREDENTIAL_PIN, value);
    kit_value_hash(less, CREDENTIAL_PIN, meant);
    struct policy_query query = {.reader = &r1,
                                 .type = CREDENTIAL_PIN,
                                 .value_hash = hash,
                                 .duress_hash = less,
                                 .pin_hash = hash,
                                 .pin_duress_hash = less};
    assert_int_equal(kit->store.ops->ask(kit->store.self, &query, &f), GH_OK);
    return f;
}

static void a_pin_under_duress_is_looked_for_where_the_site_wants_it(void **state)
{
    struct kit *kit = *state;
    struct policy_row site = kit_site("s");
    put_pin(kit, "pin", "1000");
    assert_false(ask_pins(kit, "1001", "1000").holder.credential_known);
    assert_false(ask_pins(kit, "1001", "1000").duress_pin.is_known);
    site.d.site.duress = true;
    change(kit, &site);
    struct policy_facts f = ask_pins(kit, "1001", "1000");
    assert_true(f.holder.credential_known && f.holder.duress && f.holder.person_known);
    assert_string_equal(f.holder.credential_id.s, "pin");
    assert_false(f.pin.is_known);
    assert_true(f.duress_pin.is_known && f.duress_pin.is_enabled);
    f = ask_pins(kit, "1000", "1009");
    assert_true(f.holder.credential_known && !f.holder.duress && f.pin.is_known);
    put_pin(kit, "next", "1001"); /* a PIN of its own is never taken for another */
    f = ask_pins(kit, "1001", "1000");
    assert_false(f.holder.duress);
    assert_string_equal(f.holder.credential_id.s, "next");
    struct id pin = kit_id("pin");
    assert_int_equal(replica_writer_deny(kit->writer, ROW_CREDENTIAL, &pin, 1000), GH_OK);
    assert_false(ask_pins(kit, "1000", "1009").pin.is_enabled);
}

/* --- what is kept ------------------------------------------------------------------------------ */

static void the_generation_changes_with_the_policy_and_only_then(void **state)
{
    struct kit *kit = *state;
    const struct policy_store *s = &kit->store;
    struct id e1 = kit_id("e1");
    (void)ask(kit);
    uint64_t before = s->ops->generation(s->self);
    (void)ask(kit);
    assert_int_equal(s->ops->generation(s->self), before);
    assert_int_equal(replica_writer_deny(kit->writer, ROW_ENTITLEMENT, &e1, 1000), GH_OK);
    assert_true(s->ops->generation(s->self) != before);
    assert_int_equal(ask(kit).n_entitlements, 0); /* what was kept of it is not believed */
}

/* Who would ask for it afterwards might have facts of one policy and the number of the next, and
 * would never see that one. */
static void facts_have_the_generation_that_they_are_of(void **state)
{
    struct kit *kit = *state;
    const struct policy_store *s = &kit->store;
    struct id door = kit_id("door"), e1 = kit_id("e1");
    struct policy_facts looked;
    struct policy_facts asked = ask(kit);
    assert_int_equal(asked.generation, s->ops->generation(s->self));
    assert_int_equal(replica_writer_deny(kit->writer, ROW_ENTITLEMENT, &e1, 1000), GH_OK);
    assert_int_equal(s->ops->look(s->self, &door, &looked), GH_OK);
    assert_true(looked.generation != asked.generation);
    assert_int_equal(looked.generation, s->ops->generation(s->self));
}

static void impossible_values_are_corrupt(void **state)
{
    static const char *const damage[] = {
        "UPDATE door SET relock = 3",          "UPDATE door SET held_open_s = -1",
        "UPDATE door SET factor_schedule = ' '", "UPDATE site SET dialect = 6",
        "UPDATE site SET duress = 2",          "UPDATE person SET tags = char(31)",
        "UPDATE person SET floors = '#'",      "UPDATE person SET lockdown_bypass = 7",
        "UPDATE credential SET uses_total = -2", "UPDATE entitlement SET floors = ','",
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        sqlite3 *db = NULL;
        struct policy_facts f;
        struct id r1 = kit_id("r1");
        unsigned char hash[VALUE_HASH_LEN];
        kit_value_hash(hash, CREDENTIAL_CARD, "A1");
        struct policy_query query = {.reader = &r1, .type = CREDENTIAL_CARD, .value_hash = hash};
        db = by_hand_open(kit->path);
        assert_non_null(db);
        assert_int_equal(sqlite3_exec(db, "PRAGMA wal_autocheckpoint=0; SAVEPOINT a", 0, 0, 0), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, damage[i], 0, 0, 0), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "RELEASE a", 0, 0, 0), SQLITE_OK);
        struct replica_reader *reader = replica_reader_open(kit->path);
        struct policy_store store = replica_reader_port(reader);
        if (store.ops->ask(store.self, &query, &f) != GH_CORRUPT || f.is_available)
            fail_msg("%s was believed", damage[i]);
        replica_reader_close(reader);
        (void)sqlite3_close(db);
        kit_free(kit);
        *state = kit = kit_make();
        kit_small_policy(kit);
    }
}

/* --- a door with thousands of entitlements ---------------------------------------------- */

/* Somebody with more entitlements than are looked up one by one, at a door to which so
 * many guests have their own that its list is not walked to its end. */
static void at_a_crowded_door_exactly_ones_own_entitlements_lead_through(void **state)
{
    struct kit *kit = *state;
    struct id p1 = kit_id("p1"), d1 = kit_id("d1"), d2 = kit_id("d2"), guest = kit_id("guest");
    struct policy_row other = kit_door("d2");
    kit_begin(kit);
    kit_put(kit, &other, 1);
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%04d", i);
        struct policy_row e = kit_entitlement(name);
        bool own = i % 100 == 99; /* 30 of p1's own; every third of them is for another door */
        e.d.entitlement.who.persons = (struct id_list){own ? &p1 : &guest, 1};
        e.d.entitlement.where.doors = (struct id_list){own && i % 300 == 299 ? &d2 : &d1, 1};
        kit_put(kit, &e, 1);
    }
    assert_int_equal(kit_commit(kit), GH_OK);
    for (int again = 0; again < 2; again++) {
        struct policy_facts f = ask(kit);
        assert_int_equal(f.n_entitlements, 1 + 20);
        assert_string_equal(f.entitlements[0].id.s, "e1");
        assert_string_equal(f.entitlements[1].id.s, "m0099");
        assert_string_equal(f.entitlements[20].id.s, "m2899");
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_site_and_a_door_keep_every_field),
        TEST(a_person_a_group_and_a_credential_keep_every_field),
        TEST(an_area_is_known_at_its_readers),
        TEST(the_other_doors_of_an_interlock_are_known_each_once),
        TEST(a_door_has_the_modes_and_lockdowns_that_cover_it),
        TEST(the_lowest_level_then_priority_then_id_is_effective),
        TEST(inert_rules_stay_and_match_nobody_but_block),
        TEST(a_geofence_is_chosen_alike_and_may_have_no_centre),
        TEST(an_entitlement_is_had_by_tag_type_and_status),
        TEST(of_many_entitlements_those_at_the_door_count),
        TEST(a_pin_under_duress_is_looked_for_where_the_site_wants_it),
        TEST(the_generation_changes_with_the_policy_and_only_then),
        TEST(facts_have_the_generation_that_they_are_of),
        TEST(impossible_values_are_corrupt),
        TEST(at_a_crowded_door_exactly_ones_own_entitlements_lead_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
