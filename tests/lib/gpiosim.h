/* A GPIO chip of the kernel's simulator (gpio-sim): made, driven, read, unplugged.
 * Only for root on a kernel that has it; tests/hardware/guest boots one.
 *
 * Levels here are those of the wire, before any active_low. */
#ifndef TESTS_LIB_GPIOSIM_H
#define TESTS_LIB_GPIOSIM_H

#include <stdbool.h>
#include <stddef.h>

#define GPIOSIM_LINES_MAX 32

struct gpiosim;

/* Makes a chip with this label and number of lines, at most GPIOSIM_LINES_MAX; names
 * (borrowed during the call) has a name or NULL for each, or is NULL. All lines
 * are pulled down. Returned owned; NULL on failure. */
struct gpiosim *gpiosim_make(const char *label, int lines, const char *const *names);

/* Unplugs it and frees it. NULL is allowed. */
void gpiosim_free(struct gpiosim *sim);

/* Takes the chip away as a cable that is pulled: who holds its lines gets ENODEV. */
bool gpiosim_unplug(struct gpiosim *sim);

/* Makes the same chip anew, under a name that may be another; all lines are
 * pulled down again. */
bool gpiosim_plug(struct gpiosim *sim);

/* "gpiochip3", until the next unplug; "" while it is unplugged. Borrowed. */
const char *gpiosim_name(const struct gpiosim *sim);

/* Pulls a line up (high) or down: that is the level of an input, and of a line that
 * nobody drives. */
bool gpiosim_pull(struct gpiosim *sim, int line, bool high);

/* Where a line is pulled. */
bool gpiosim_pulled(struct gpiosim *sim, int line, bool *high);

/* The level of a line now, whoever drives it. */
bool gpiosim_level(struct gpiosim *sim, int line, bool *high);

/* The same, 0 or 1, and -1 when it cannot be read. */
int gpiosim_value(struct gpiosim *sim, int line);

/* --- every level that the kernel gives ------------------------------------ */

/* Begins a new record of what the kernel does to lines of all chips. It is the
 * kernel's own trace: a level that lasts for a nanosecond is in it. */
bool gpiosim_record(void);

/* What was done to this chip's lines as outputs since then, in its order: for each
 * level "LINE=LEVEL " ("4=0 4=1 "), which stands there even if the line had that level;
 * when a line becomes an input "LINE=in ". Owned (free), NULL on failure. */
char *gpiosim_recorded(struct gpiosim *sim);

#endif
