/* The whole appliance on lines of a real kernel: what the tests in the guest share. One chip;
 * d0 is a strike (energised = released), d1 a maglock (energised = locked). All inputs rest
 * low, but the button, which rests high; resistors are on the board (no_pull), because the
 * simulator's own would override what drives it. */
#ifndef TESTS_HARDWARE_APPLIANCE_H
#define TESTS_HARDWARE_APPLIANCE_H

#include "lib/gpiosim.h"
#include "system/gateway_fixture.h"

enum {
    LINE_STRIKE,
    LINE_MAGLOCK,
    LINE_CONTACT,
    LINE_REX,
    LINE_TAMPER,
    LINE_FIRE,
    LINE_FLOOR,
    LINE_OPENER,
    LINES
};

#define CHIP "appliance"
#define ON(line) CHIP ":" #line
#define DOOR_STRIKE                                                                                \
    "[door d0]\nrelay = " ON(0) "\nactive = high\nlock = fail_secure\n"                           \
    "contact = " ON(2) " normally_closed no_pull\n"                                                \
    "rex = " ON(3) " normally_open no_pull\n"                                                      \
    "tamper = " ON(4) " normally_closed no_pull\n"                                                 \
    "opener = " ON(7) "\nopener_active = high\nopener_on_rex = yes\n"
#define DOOR_MAGLOCK "[door d1]\nrelay = " ON(1) "\nactive = high\nlock = fail_safe\n"
#define ELEVATOR "[door d2]\n[floor d2 3]\nrelay = " ON(6) "\nactive = high\n"
#define FIRE_LINE "fire = " ON(5) " normally_closed no_pull\n"

static struct gpiosim *chip;

static inline bool make_chip(const char *label)
{
    chip = gpiosim_make(label, LINES, NULL);
    return chip && gpiosim_pull(chip, LINE_REX, true);
}

struct level_wait {
    int line, value;
};

static inline bool is_at_level(void *context)
{
    const struct level_wait *w = context;
    return gpiosim_value(chip, w->line) == w->value;
}

static inline bool reaches(int line, int value, int timeout_ms)
{
    return wait_until(is_at_level, &(struct level_wait){line, value}, timeout_ms);
}

static inline void assert_reaches(int line, int value)
{
    if (!reaches(line, value, WAIT_MS))
        fail_msg("line %d did not come to %d", line, value);
}

#endif
