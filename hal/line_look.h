/* Looks at lines without taking them: for whoever checks a configuration. */
#ifndef HAL_LINE_LOOK_H
#define HAL_LINE_LOOK_H

#include "relay.h"

struct hal_look {
    char chip[HAL_NAME_MAX];  /* as the kernel calls it: "gpiochip0" */
    char label[HAL_NAME_MAX]; /* what it is: "pinctrl-bcm2711" */
    unsigned offset;
    char name[HAL_NAME_MAX];   /* of the line; "" = it has none */
    char holder[HAL_NAME_MAX]; /* who holds it now, cut to 31 bytes by the kernel; "" = nobody */
};

/* Finds a line of the kernel's GPIO. Errors and why as relay_ops.add; a line that is held is
 * no error. user is named in why. */
enum hal_err hal_gpiod_look(const struct hal_line *where, const char *user, struct hal_look *out,
                            char why[HAL_TEXT_MAX]);

#endif
