/* What people call chips and lines, and what they are told when one cannot be
 * had. Every why is one line for a person, and may be NULL. */
#ifndef HAL_GPIOD_NAMES_H
#define HAL_GPIOD_NAMES_H

#include "gpiod_line.h"

/* "gpiochip" and a number. */
bool gpio_is_chip_name(const char *text);

/* Opens a chip by path, name, number or label; *chip is owned. HAL_INVALID: there
 * is none, or more than one; HAL_IO: the system refused. */
enum hal_err gpio_names_chip(const char *called, const char *user, struct gpio_chip **chip,
                             char why[HAL_TEXT_MAX]);

/* Finds a line of a chip by number or name. HAL_INVALID as above. */
enum hal_err gpio_names_line(struct gpio_chip *chip, const char *called, const char *user,
                             unsigned *offset, char why[HAL_TEXT_MAX]);

/* Explains why a line could not be taken, by errno. Names the holder of a busy line. */
enum hal_err gpio_names_refused(struct gpio_chip *chip, unsigned offset, const char *user,
                                char why[HAL_TEXT_MAX]);

/* The class of an errno that a line gave: HAL_GONE or HAL_IO. */
enum hal_err gpio_names_err(int error);

#endif
