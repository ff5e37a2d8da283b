/* The shell's small parts: outbox, limits, zones, names of lines' users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "app/gatehoused/inbox.h"
#include "app/gatehoused/limits.h"
#include "app/gatehoused/outbox.h"
#include "app/gatehoused/zones.h"
#include "app/hold.h"

static struct id id_of(const char *text)
{
    struct id id;
    assert_int_equal(id_set(&id, slice_of(text)), GH_OK);
    return id;
}

static void the_outbox_keeps_order_and_waits_for_the_disk(void **state)
{
    (void)state;
    struct outbox box;
    struct id r = id_of("r1"), a = id_of("a"), b = id_of("b");
    assert_int_equal(outbox_open(&box), GH_OK);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct outbox_item *item = outbox_add(&box);
        item->seq = seq;
        item->has_feedback = seq == 1;
        item->reader = r;
        item->read_id = seq == 1 ? a : b;
    }
    assert_true(outbox_has(&box, &r, &a));
    assert_false(outbox_has(&box, &r, &b)); /* no feedback waits there */
    assert_null(outbox_take(&box, 0));
    assert_int_equal(outbox_take(&box, 1)->seq, 1);
    assert_false(outbox_has(&box, &r, &a));
    assert_null(outbox_take(&box, 1));
    assert_int_equal(outbox_take(&box, 9)->seq, 2);
    assert_null(outbox_take(&box, 9));
    outbox_close(&box);
}

static void a_full_outbox_takes_no_more_until_something_left(void **state)
{
    (void)state;
    struct outbox box;
    assert_int_equal(outbox_open(&box), GH_OK);
    for (uint64_t i = 1; i <= OUTBOX_SLOTS; i++)
        outbox_add(&box)->seq = i;
    assert_null(outbox_add(&box));
    assert_int_equal(outbox_take(&box, 1)->seq, 1);
    struct outbox_item *again = outbox_add(&box);
    assert_non_null(again);
    again->seq = OUTBOX_SLOTS + 1;
    for (uint64_t i = 2; i <= OUTBOX_SLOTS + 1; i++)
        assert_int_equal(outbox_take(&box, OUTBOX_SLOTS + 1)->seq, i);
    outbox_close(&box);
}

static void a_reader_may_burst_and_then_keep_its_rate(void **state)
{
    (void)state;
    struct limits limits;
    struct id r = id_of("r1"), other = id_of("r2");
    struct mono now = {5000};
    assert_int_equal(limits_open(&limits, 10, 20), GH_OK);
    for (int i = 0; i < 20; i++)
        assert_true(limits_allow(&limits, &r, now));
    assert_false(limits_allow(&limits, &r, now));
    assert_true(limits_allow(&limits, &other, now)); /* one reader's flood is its own */
    now.ms += 99;
    assert_false(limits_allow(&limits, &r, now));
    now.ms += 1;
    assert_true(limits_allow(&limits, &r, now));
    assert_false(limits_allow(&limits, &r, now));
    now.ms += 3600000; /* an idle hour gives one burst and no more */
    for (int i = 0; i < 20; i++)
        assert_true(limits_allow(&limits, &r, now));
    assert_false(limits_allow(&limits, &r, now));
    limits_close(&limits);
}

static void the_reader_that_was_unused_longest_makes_room(void **state)
{
    (void)state;
    struct limits limits;
    struct id r;
    assert_int_equal(limits_open(&limits, 1, 1), GH_OK);
    for (int i = 0; i < LIMITS_READERS + 100; i++) {
        snprintf(r.s, sizeof r.s, "r%d", i);
        assert_true(limits_allow(&limits, &r, (struct mono){i / 2}));
        assert_false(limits_allow(&limits, &r, (struct mono){i / 2}));
    }
    struct mono now = {(LIMITS_READERS + 100) / 2};
    snprintf(r.s, sizeof r.s, "r%d", 100); /* the oldest that is still watched */
    assert_false(limits_allow(&limits, &r, now));
    snprintf(r.s, sizeof r.s, "r%d", 99); /* it takes the place of r101 */
    assert_true(limits_allow(&limits, &r, now));
    snprintf(r.s, sizeof r.s, "r%d", 102);
    assert_false(limits_allow(&limits, &r, now));
    snprintf(r.s, sizeof r.s, "r%d", 101);
    assert_true(limits_allow(&limits, &r, now));
    limits_close(&limits);
}

static void refused_reads_are_counted_into_one_report(void **state)
{
    (void)state;
    struct limits limits;
    struct id r = id_of("r1"), who;
    struct mono now = {0}, at;
    int64_t refused;
    assert_int_equal(limits_open(&limits, 1, 1), GH_OK);
    assert_true(limits_allow(&limits, &r, now));
    assert_false(limits_deadline(&limits, &at));
    for (int i = 0; i < 500; i++)
        assert_false(limits_allow(&limits, &r, now));
    assert_true(limits_deadline(&limits, &at));
    assert_int_equal(at.ms, LIMITS_WINDOW_MS);
    assert_false(limits_take(&limits, (struct mono){LIMITS_WINDOW_MS - 1}, &who, &refused));
    assert_true(limits_take(&limits, at, &who, &refused));
    assert_true(id_equal(&who, &r));
    assert_int_equal(refused, 500);
    assert_false(limits_take(&limits, at, &who, &refused));
    limits_close(&limits);
}

static void more_readers_than_are_watched_push_out_the_longest_idle(void **state)
{
    (void)state;
    struct limits limits;
    char name[16];
    assert_int_equal(limits_open(&limits, 1, 1), GH_OK);
    for (int i = 0; i <= LIMITS_READERS; i++) {
        snprintf(name, sizeof name, "r%d", i);
        struct id r = id_of(name);
        assert_true(limits_allow(&limits, &r, (struct mono){i / 2}));
    }
    struct id last = id_of("r1000"), first = id_of("r0");
    assert_false(limits_allow(&limits, &last, (struct mono){LIMITS_READERS}));
    assert_true(limits_allow(&limits, &first, (struct mono){LIMITS_READERS}));
    limits_close(&limits);
}

static int loads;
static enum gh_err load(struct zone_view *out, const char *tz, int64_t around)
{
    (void)around;
    loads++;
    if (tz[0] == '?')
        return GH_NOT_FOUND;
    *out = (struct zone_view){.n = 1, .span = {{0, tz[0]}}};
    return GH_OK;
}

static void a_zone_is_loaded_once_a_day(void **state)
{
    (void)state;
    struct zones zones;
    struct zone_view v;
    loads = 0;
    zones_init(&zones, load);
    zones_view(&zones, &v, "A", 1000000);
    zones_view(&zones, &v, "A", 1000000 + 86399);
    assert_int_equal(loads, 1);
    assert_int_equal(v.span[0].offset_s, 'A');
    zones_view(&zones, &v, "A", 1000000 + 86400);
    assert_int_equal(loads, 2);
    zones_view(&zones, &v, "A", 0); /* the clock went back */
    assert_int_equal(loads, 3);
    for (char c = 'B'; c < 'B' + ZONES_KEPT + 3; c++) {
        zones_view(&zones, &v, (char[]){c, 0}, 0);
        assert_int_equal(v.span[0].offset_s, c);
    }
    zones_view(&zones, &v, "?", 0);
    assert_int_equal(v.n, 0);
}

static void the_inbox_drops_messages_when_full_and_never_the_links_state(void **state)
{
    (void)state;
    static struct bus_note note, out;
    struct inbox *inbox = inbox_open();
    assert_non_null(inbox);
    note.kind = BUS_MESSAGE;
    for (int i = 0; i < INBOX_SLOTS + 10; i++) {
        note.topic_len = 2; /* each of its own topic, nearly */
        memcpy(note.topic, (char[]){(char)i, (char)(i >> 8)}, 2);
        note.payload_len = 2;
        memcpy(note.payload, (char[]){(char)i, (char)(i >> 8)}, 2);
        inbox_put(inbox, &note);
    }
    assert_int_equal(inbox_dropped(inbox), 10 + INBOX_RESERVED);
    note.kind = BUS_DOWN;
    inbox_put(inbox, &note);
    for (int i = 0; i < INBOX_SLOTS - INBOX_RESERVED; i++) {
        assert_true(inbox_take(inbox, &out));
        assert_int_equal((unsigned char)out.payload[0] | (unsigned char)out.payload[1] << 8, i);
    }
    assert_true(inbox_take(inbox, &out));
    assert_int_equal(out.kind, BUS_DOWN);
    assert_false(inbox_take(inbox, &out));
    inbox_close(inbox);
}

static void a_flooding_topic_does_not_fill_the_inbox_for_others(void **state)
{
    (void)state;
    static struct bus_note note, out;
    struct inbox *inbox = inbox_open();
    assert_non_null(inbox);
    note = (struct bus_note){.kind = BUS_MESSAGE, .topic_len = 1, .topic = "f"};
    for (int i = 0; i < 1000; i++)
        inbox_put(inbox, &note);
    assert_int_equal(inbox_dropped(inbox), 1000 - INBOX_SHARE_MAX);
    note.topic[0] = 'g';
    inbox_put(inbox, &note);
    assert_int_equal(inbox_dropped(inbox), 1000 - INBOX_SHARE_MAX);
    for (int i = 0; i < INBOX_SHARE_MAX; i++) {
        assert_true(inbox_take(inbox, &out));
        assert_int_equal(out.missed, i == 0 ? 1000 - INBOX_SHARE_MAX : 0); /* told once */
    }
    assert_true(inbox_take(inbox, &out));
    assert_int_equal(out.topic[0], 'g');
    note.topic[0] = 'f'; /* what was taken makes room again */
    inbox_put(inbox, &note);
    assert_true(inbox_take(inbox, &out));
    inbox_close(inbox);
}

static void whoever_sets_safe_levels_is_known_by_the_name_that_the_kernel_keeps(void **state)
{
    (void)state;
    struct config_door front = {.id = id_of("front")};
    struct config_door wordy = {.id = id_of("the-door-behind-the-second-staircase")};
    struct config_use relay = {.door = &front, .what = "relay"}, fire = {.what = "fire input"};
    struct config_use cut = {.door = &wordy, .what = "opener"};
    char name[HAL_TEXT_MAX];
    hold_user(name, HOLD_HOLDER, &relay);
    assert_string_equal(name, "safe front");
    hold_user(name, HOLD_PASSER, &fire);
    assert_string_equal(name, "set safe fire input");
    assert_true(hold_is_user(&relay, "safe front"));
    assert_true(hold_is_user(&relay, "set safe front"));
    assert_true(hold_is_user(&fire, "safe fire input"));
    assert_false(hold_is_user(&relay, "front"));
    assert_false(hold_is_user(&relay, "safe front2"));
    assert_false(hold_is_user(&relay, "safe"));
    assert_false(hold_is_user(&relay, ""));
    assert_false(hold_is_user(&fire, "safe front"));
    assert_true(hold_is_user(&cut, "safe the-door-behind-the-second"));
    assert_true(hold_is_user(&cut, "set safe the-door-behind-the-se"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_outbox_keeps_order_and_waits_for_the_disk),
        cmocka_unit_test(a_full_outbox_takes_no_more_until_something_left),
        cmocka_unit_test(a_reader_may_burst_and_then_keep_its_rate),
        cmocka_unit_test(the_reader_that_was_unused_longest_makes_room),
        cmocka_unit_test(refused_reads_are_counted_into_one_report),
        cmocka_unit_test(more_readers_than_are_watched_push_out_the_longest_idle),
        cmocka_unit_test(a_zone_is_loaded_once_a_day),
        cmocka_unit_test(a_flooding_topic_does_not_fill_the_inbox_for_others),
        cmocka_unit_test(the_inbox_drops_messages_when_full_and_never_the_links_state),
        cmocka_unit_test(whoever_sets_safe_levels_is_known_by_the_name_that_the_kernel_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
