/* A year at a busy door, in virtual time: people who come and go, doors that are propped open,
 * break-ins, drills. What must hold is checked at each step, and the sums at the end. */
#include <stdio.h>
#include <stdlib.h>

#include "unit/door_bench.h"

#define MINUTE 60000LL
#define DAY (24 * 60 * MINUTE)
#define DAYS 365
#define SEED 20261126u

struct year {
    struct bench b;
    uint32_t random;
    long count[sizeof LETTERS];
    long grants, steps, break_ins, propped, drills, fires;
    int64_t released_at; /* while released by a grant; -1 = not */
};

static uint32_t next(struct year *y, uint32_t below)
{
    y->random = y->random * 1664525u + 1013904223u;
    return (y->random >> 8) % below;
}

static void count(struct year *y)
{
    struct bench *b = &y->b;
    for (size_t i = 0; i < b->out.n; i++)
        y->count[b->out.event[i]]++;
    b->out.n = 0;
    y->steps++;
    assert_true(!door_is_released(&b->door) || b->door.mode == MODE_UNLOCKED ||
                b->door.is_releasing);
    struct mono at;
    if (door_deadline(&b->door, &at))
        assert_true(at.ms > b->now.ms);
    if (b->door.is_releasing) /* never longer than it may, a button apart */
        assert_true(b->door.is_rex || b->door.release_ends.ms - b->now.ms <= 10000);
}

/* Time passes as the shell lets it: at each deadline, and at the end. */
static void pass(struct year *y, int64_t ms)
{
    struct bench *b = &y->b;
    int64_t end = b->now.ms + ms;
    struct mono at;
    while (door_deadline(&b->door, &at) && at.ms <= end) {
        b->now.ms = at.ms;
        tick(b, 0);
        count(y);
    }
    b->now.ms = end;
    tick(b, 0);
    count(y);
}

static void turn(struct year *y, bool open)
{
    contact(&y->b, open);
    count(y);
}

static void passage(struct year *y)
{
    y->grants++;
    grant(&y->b, 3 + (int)next(y, 8));
    count(y);
    if (next(y, 50) == 0) { /* changed their mind */
        pass(y, 12000);
        return;
    }
    pass(y, 500 + next(y, 2000));
    turn(y, true);
    if (next(y, 200) == 0 && y->b.door.mode != MODE_UNLOCKED) { /* propped open */
        y->propped++;
        pass(y, 10 * MINUTE);
    }
    pass(y, 1000 + next(y, 5000));
    turn(y, false);
}

static void way_out(struct year *y)
{
    rex(&y->b, true);
    count(y);
    pass(y, 300);
    rex(&y->b, false);
    count(y);
    pass(y, 800);
    turn(y, true);
    pass(y, 2500);
    turn(y, false);
}

static void set(struct year *y, enum door_mode m)
{
    mode(&y->b, m);
    count(y);
}

static void night(struct year *y, int day)
{
    pass(y, 20000);
    LOCKED(&y->b, "");
    assert_null(door_alarm(&y->b.door));
    if (day % 90 == 30) {
        y->break_ins++;
        turn(y, true);
        assert_string_equal(door_alarm(&y->b.door), "door_forced");
        pass(y, 30 * MINUTE);
        turn(y, false);
    }
    if (day % 60 == 7) {
        y->drills++;
        set(y, MODE_LOCKED_DOWN);
        rex(&y->b, true); /* counts for nothing now */
        count(y);
        LOCKED(&y->b, "");
        rex(&y->b, false);
        pass(y, 5 * MINUTE);
        set(y, MODE_LOCKED);
    }
    if (day % 30 == 3) {
        y->fires++;
        set(y, MODE_UNLOCKED);
        turn(y, true);
        pass(y, 15 * MINUTE);
        turn(y, false);
        set(y, MODE_LOCKED);
    }
}

static void a_day(struct year *y, int day)
{
    int64_t end = y->b.now.ms + DAY;
    bool works = day % 7 < 5;
    for (int i = 0; i < 220; i++) {
        if (works && i == 60) /* office hours */
            set(y, MODE_UNLOCKED);
        if (works && i == 160)
            set(y, MODE_LOCKED);
        if (next(y, 3) == 0)
            way_out(y);
        else
            passage(y);
        pass(y, MINUTE + next(y, 4 * MINUTE));
    }
    night(y, day);
    if (y->b.now.ms < end)
        pass(y, end - y->b.now.ms);
}

static void a_year_at_a_busy_door_adds_up(void **state)
{
    (void)state;
    static struct year y;
    y = (struct year){.b = bench(), .random = SEED};
    for (int day = 0; day < DAYS; day++)
        a_day(&y, day);
    print_message("seed %u: %ld steps, %ld grants, %ld taken, %ld not, %ld held open\n", SEED,
                  y.steps, y.grants, y.count[DOOR_TAKEN], y.count[DOOR_NOT_TAKEN],
                  y.count[DOOR_HELD_OPEN]);
    assert_true(y.grants > 50000);
    assert_int_equal(y.count[DOOR_TAKEN] + y.count[DOOR_NOT_TAKEN], y.grants);
    assert_true(y.count[DOOR_NOT_TAKEN] > 100 && y.count[DOOR_TAKEN] > 10 * y.count[DOOR_NOT_TAKEN]);
    assert_int_equal(y.count[DOOR_OPENED], y.count[DOOR_CLOSED]);
    assert_int_equal(y.count[DOOR_FORCED], y.break_ins);
    assert_int_equal(y.count[DOOR_HELD_OPEN], y.propped);
    assert_int_equal(y.count[DOOR_HELD_CLEARED], y.propped);
    assert_int_equal(y.count[DOOR_PRE_ALARM], y.propped);
    assert_int_equal(y.count[DOOR_REX_STUCK], 0);
    assert_true(y.break_ins == 4 && y.drills == 6 && y.fires == 13 && y.propped > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_year_at_a_busy_door_adds_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
