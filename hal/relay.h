/* A relay board, as the gateway needs it: levels, not pulses.
 *
 * This folder knows nothing of the gateway; anyone can drive a board with it. */
#ifndef HAL_RELAY_H
#define HAL_RELAY_H

#include <stdbool.h>

enum hal_err {
    HAL_OK = 0,
    HAL_INVALID, /* no such chip or line, or two users of one line */
    HAL_BUSY,    /* another program holds the line */
    HAL_GONE,    /* the board does not answer (unplugged); may come back */
    HAL_IO,      /* the operating system failed */
};

#define HAL_TEXT_MAX 160
#define HAL_NAME_MAX 64

/* Where a line is: chip by path, name, label or number; line by offset or name. */
struct hal_line {
    char chip[HAL_NAME_MAX]; /* "gpiochip0", "0", "/dev/gpiochip0" or a label */
    char line[HAL_NAME_MAX]; /* "17" or a line name */
    bool active_low;
};

/* A board with its relays, numbered from 0 in the order they were added. */
struct relay_board;

struct relay_ops {
    /* Adds a relay: takes the line as an output with its initial level in one
     * call, so that it never passes through another level. user is shown to
     * people who ask who holds the line (borrowed). On success *index is its
     * number. On failure why (if not NULL) holds one line for a person. */
    enum hal_err (*add)(struct relay_board *b, const struct hal_line *line, const char *user,
                        bool energized, int *index, char why[HAL_TEXT_MAX]);

    /* Sets a relay's level; energized is before active_low is applied.
     * Setting the level that it has is allowed and changes nothing. */
    enum hal_err (*set)(struct relay_board *b, int index, bool energized);

    /* Reads back the level that the line is driven at. */
    enum hal_err (*get)(struct relay_board *b, int index, bool *energized);

    /* Releases all lines and frees the board. Levels stay as they are for as
     * long as the kernel keeps them. NULL is allowed. */
    void (*close)(struct relay_board *b);
};

/* Every implementation has this as its first member. */
struct relay_board {
    const struct relay_ops *ops;
};

/* Sets a relay; true if the board took the level and reads it back. */
static inline bool relay_drive(struct relay_board *b, int index, bool energized)
{
    bool is = !energized;
    return b->ops->set(b, index, energized) == HAL_OK && b->ops->get(b, index, &is) == HAL_OK &&
           is == energized;
}

/* Opens the kernel's GPIO character devices through libgpiod; returns owned,
 * NULL when out of memory. */
struct relay_board *hal_gpiod_relays(void);

#endif
