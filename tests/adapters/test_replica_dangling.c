/* References to nothing in a policy: each is named, for whoever keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/replica_kit.h"

static const struct validity always = {INSTANT_NONE, INSTANT_NONE};

static void change(struct kit *kit, const struct policy_row *row)
{
    static int versions;
    kit_begin(kit);
    kit_put(kit, row, ++versions);
    if (kit_commit(kit) != GH_OK)
        fail_msg("%s", kit->why);
}

struct said {
    char text[4096];
    int lines;
};

static void say(void *context, const char *line)
{
    struct said *said = context;
    size_t used = strlen(said->text);
    snprintf(said->text + used, sizeof said->text - used, "%s\n", line);
    said->lines++;
}

static void references_to_nothing_are_named(void **state)
{
    struct kit *kit = kit_make();
    (void)state;
    kit_small_policy(kit);
    struct said said = {.lines = 0};
    struct id no = kit_id("no"), g1 = kit_id("g1"), dg = kit_id("dg");
    struct policy_membership member[] = {{no, always}, {g1, always}};
    struct policy_row e = kit_entitlement("e2"), person = kit_person("p1"), inert = kit_group("g1"),
                      empty = {.kind = ROW_DOOR_GROUP, .id = dg}, area = {.kind = ROW_AREA, .id = kit_id("a")},
                      mode = {.kind = ROW_DOOR_MODE, .id = kit_id("m")}, reader = kit_reader("r2", "no");
    assert_int_equal(replica_writer_dangling(kit->writer, 10, say, &said), GH_OK);
    assert_int_equal(said.lines, 0);
    inert.inert = true; /* it is there, though nothing matches it */
    change(kit, &inert);
    change(kit, &empty);
    person.d.person.groups = member;
    person.d.person.n_groups = 2;
    change(kit, &person);
    e.d.entitlement.schedule = no;
    e.d.entitlement.who.credentials = (struct id_list){&no, 1};
    e.d.entitlement.where.door_groups = (struct id_list){&dg, 1};
    change(kit, &e);
    area.d.area = (struct policy_area){
        .exit = {&no, 1}, .reset_min = RESET_NEVER, .max_occupancy = OCCUPANCY_UNLIMITED};
    change(kit, &area);
    mode.d.door_mode = (struct policy_door_mode){.where.door_groups = {&no, 1},
                                                 .schedule = no,
                                                 .validity = always,
                                                 .at = INSTANT_NONE};
    change(kit, &mode);
    change(kit, &reader);
    assert_int_equal(replica_writer_dangling(kit->writer, 50, say, &said), GH_OK);
    static const char *const lines[] = {
        "reader \"r2\": field \"door\" names no, which is no door\n",
        "person \"p1\": field \"groups\" names no, which is no group\n",
        "entitlement \"e2\": field \"schedule\" names no, which is no schedule\n",
        "entitlement \"e2\": field \"who.credentials\" names no, which is no credential\n",
        "area \"a\": field \"exit\" names no, which is no reader\n",
        "door_mode \"m\": field \"where.door_groups\" names no, which is no door_group\n",
        "door_mode \"m\": field \"schedule\" names no, which is no schedule\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!strstr(said.text, lines[i]))
            fail_msg("no \"%s\" in:\n%s", lines[i], said.text);
    assert_int_equal(said.lines, sizeof lines / sizeof lines[0]);
    said = (struct said){.lines = 0};
    assert_int_equal(replica_writer_dangling(kit->writer, 3, say, &said), GH_OK);
    assert_int_equal(said.lines, 3);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(references_to_nothing_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
