/* The lines of a board of the kernel's GPIO, relays or inputs: each is taken by
 * itself, and all of a chip are lost together when it goes away. */
#ifndef HAL_GPIOD_LINES_H
#define HAL_GPIOD_LINES_H

#include "gpiod_line.h"

struct gpio_use {
    struct hal_line where;
    char user[HAL_TEXT_MAX];
    struct gpio_chip *chip; /* borrowed */
    unsigned offset;
    struct gpio_line *line; /* owned; NULL = its chip went away */
};

struct gpio_lines {
    struct gpio_chip **chip; /* owned; each chip is open once, while it has lines */
    int n_chips;
    struct gpio_use *use; /* owned */
    int n;
    bool lost; /* set when a chip went away; for the board to take back */
};

/* Gives back all lines and closes all chips. */
void gpio_lines_close(struct gpio_lines *lines);

/* Prepares line number n, which gpio_lines_take may then take; it belongs to the
 * board only when the board counts n up. HAL_IO: out of memory. */
enum hal_err gpio_lines_prepare(struct gpio_lines *lines, const struct hal_line *where,
                                const char *user, char why[HAL_TEXT_MAX]);

/* Takes a line that is not taken; of the request, user and active_low are set
 * here. Errors as in relay_ops.add. */
enum hal_err gpio_lines_take(struct gpio_lines *lines, int index, struct gpio_request request,
                             char why[HAL_TEXT_MAX]);
/* Gives a line back after all; its chip too if it was the only one. */
void gpio_lines_release(struct gpio_lines *lines, int index);

/* HAL_GONE without a try if the line is not taken. A chip that turns out to be
 * unplugged loses all its lines. */
enum hal_err gpio_lines_get(struct gpio_lines *lines, int index, bool *active);
enum hal_err gpio_lines_set(struct gpio_lines *lines, int index, bool active);

/* The chip of this line went away: it and all its lines close their descriptors,
 * so that nothing spins on them, and can be taken anew. */
void gpio_lines_lose(struct gpio_lines *lines, int index);

#endif
