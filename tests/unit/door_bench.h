/* A bench for one door: steps in milliseconds, and what they brought as letters.
 *
 * Events: T taken, N not taken, O opened, C closed, F forced, H held open, K held
 * cleared, P pre-alarm, R request to exit, S stuck, A tamper on, B tamper off. */
#ifndef TESTS_UNIT_DOOR_BENCH_H
#define TESTS_UNIT_DOOR_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/door.h"

static const char LETTERS[] = "TNOCFHKPRSAB";

struct bench {
    struct door door;
    struct door_rules rules;
    struct mono now;
    struct door_outcome out;
};

/* A closed door with a contact, at 1000 ms: 10 s, held open after 30 s with 5 s of warning. */
static inline struct bench bench(void)
{
    struct bench b = {.now = {1000}};
    b.rules = (struct door_rules){.relock = RELOCK_TIMER,
                                  .held_open_s = 30,
                                  .pre_alarm_s = 5,
                                  .rex = REX_RELEASE,
                                  .rex_release_s = 10};
    door_init(&b.door);
    door_contact(&b.door, false, &b.rules, b.now, &b.out);
    assert_int_equal(b.out.n, 0);
    return b;
}

static inline void check(struct bench *b, const char *events, bool released, const char *file,
                         int line)
{
    char text[DOOR_EVENTS_MAX + 1] = {0};
    for (size_t i = 0; i < b->out.n; i++)
        text[i] = LETTERS[b->out.event[i]];
    b->out.n = 0;
    _assert_string_equal(text, events, file, line);
    _assert_int_equal(door_is_released(&b->door), released, file, line);
}

#define LOCKED(b, events) check(b, events, false, __FILE__, __LINE__)
#define RELEASED(b, events) check(b, events, true, __FILE__, __LINE__)

static inline void after(struct bench *b, int64_t ms)
{
    b->now.ms += ms;
}

static inline void tick(struct bench *b, int64_t ms)
{
    after(b, ms);
    door_tick(&b->door, &b->rules, b->now, &b->out);
}

static inline void grant(struct bench *b, int s)
{
    door_release(&b->door, s, &b->rules, b->now, &b->out);
}

static inline void contact(struct bench *b, bool is_open)
{
    door_contact(&b->door, is_open, &b->rules, b->now, &b->out);
}

static inline void rex(struct bench *b, bool is_active)
{
    door_rex(&b->door, is_active, &b->rules, b->now, &b->out);
}

static inline void mode(struct bench *b, enum door_mode m)
{
    door_set_mode(&b->door, m, &b->rules, b->now, &b->out);
}

static inline void assert_deadline(const struct bench *b, int64_t in_ms)
{
    struct mono at = {-7};
    assert_int_equal(door_deadline(&b->door, &at), in_ms >= 0);
    assert_int_equal(at.ms, in_ms >= 0 ? b->now.ms + in_ms : -7);
}

#endif
