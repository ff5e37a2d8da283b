/* Bounded waiting for tests, demo and bench, and the clock they share.
 *
 * Everything in tests/lib works inside and outside cmocka: a function that can
 * fail returns false (or NULL), after one line on standard error that says what
 * went wrong. */
#ifndef TESTS_LIB_WAIT_H
#define TESTS_LIB_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

/* A bound for whatever should be there "at once": long, so that a loaded or
 * sanitized run does not fail, and never waited out when all is well. */
#define WAIT_MS 20000

/* CLOCK_MONOTONIC, nanoseconds: the clock of every time stamp in tests/lib. */
int64_t wait_now_ns(void);

/* The product's clock for durations (CLOCK_BOOTTIME). */
struct mono wait_mono(void);

/* For what has no event to wait on: asks until it is true, at most timeout_ms,
 * with pauses of 1 to 10 ms. The last answer. */
bool wait_until(bool (*is_true)(void *context), void *context, int timeout_ms);

/* One pause between two looks; not a means of synchronisation. */
void wait_pause_ms(int ms);

/* Says on standard error what failed in the lib: one line. */
void lib_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
