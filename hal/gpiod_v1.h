/* Finding and taking lines through libgpiod 1.x: what the relay board and the
 * input board share. */
#ifndef HAL_GPIOD_V1_H
#define HAL_GPIOD_V1_H

#include <gpiod.h>

#include "relay.h"

/* Chips that are open, each once. */
struct gpiod_v1_chips {
    struct gpiod_chip **chip; /* owned */
    int n;
};

/* Closes all chips, and with them every line taken on them. */
void gpiod_v1_close(struct gpiod_v1_chips *chips);

/* Closes one chip (it went away) and forgets it. */
void gpiod_v1_drop(struct gpiod_v1_chips *chips, struct gpiod_chip *chip);

/* Finds a line, opening its chip if need be. The line is borrowed: it lives as
 * long as its chip is open. HAL_INVALID: there is no such chip or line, or more
 * than one; HAL_IO: the system refused. */
enum hal_err gpiod_v1_find(struct gpiod_v1_chips *chips, const struct hal_line *where,
                           const char *user, struct gpiod_line **line, char why[HAL_TEXT_MAX]);

/* Explains why a request of a line failed, by errno. Names the holder of a busy line. */
enum hal_err gpiod_v1_refused(struct gpiod_line *line, const char *user, char why[HAL_TEXT_MAX]);

/* HAL_INVALID, naming both users of a line. */
enum hal_err gpiod_v1_twice(struct gpiod_line *line, const char *first, const char *second,
                            char why[HAL_TEXT_MAX]);

/* The class of an errno that a line gave: HAL_GONE or HAL_IO. */
enum hal_err gpiod_v1_err(int error);

#endif
