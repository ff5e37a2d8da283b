#include "line_look.h"

#include <errno.h>
#include <stdio.h>

#include "gpiod_names.h"
#include "line_text.h"

static enum hal_err look(struct gpio_chip *chip, const struct hal_line *where, const char *user,
                         struct hal_look *out, char why[HAL_TEXT_MAX])
{
    struct hal_look found = {0};
    enum hal_err err = gpio_names_line(chip, where->line, user, &found.offset, why);
    if (err != HAL_OK)
        return err;
    snprintf(found.chip, sizeof found.chip, "%s", gpio_chip_name(chip));
    snprintf(found.label, sizeof found.label, "%s", gpio_chip_label(chip));
    if (!gpio_line_name(chip, found.offset, found.name) ||
        !gpio_line_holder(chip, found.offset, found.holder))
        return hal_fail(gpio_names_err(errno), why, "%.40s: cannot ask %s for line %u", user,
                        found.chip, found.offset);
    *out = found;
    return HAL_OK;
}

enum hal_err hal_gpiod_look(const struct hal_line *where, const char *user, struct hal_look *out,
                            char why[HAL_TEXT_MAX])
{
    struct gpio_chip *chip = NULL;
    enum hal_err err = gpio_names_chip(where->chip, user, &chip, why);
    if (err != HAL_OK)
        return err;
    err = look(chip, where, user, out, why);
    gpio_chip_close(chip);
    return err;
}
