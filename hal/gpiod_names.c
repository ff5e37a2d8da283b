#include "gpiod_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "line_text.h"

#define NUMBER_DIGITS_MAX 6
#define PATH_MAX_HERE (HAL_NAME_MAX + 16)

static bool parse_number(const char *text, unsigned *out)
{
    unsigned value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = value;
    return true;
}

bool gpio_is_chip_name(const char *text)
{
    unsigned number;
    return strncmp(text, "gpiochip", 8) == 0 && parse_number(text + 8, &number);
}

static enum hal_err cannot_look(const char *user, char why[HAL_TEXT_MAX])
{
    return hal_fail(HAL_IO, why, "%.40s: cannot look through the GPIO chips: %s", user,
                    strerror(errno));
}

/* 1 if the chip of this name has the label, 0 if not or if it went away while
 * we looked; -1: it cannot be asked. */
static int has_label(const char *name, const char *label)
{
    char path[PATH_MAX_HERE];
    snprintf(path, sizeof path, "/dev/%.15s", name);
    struct gpio_chip *chip = gpio_chip_open(path);
    if (!chip)
        return errno == ENOENT || errno == ENXIO || errno == ENODEV ? 0 : -1;
    bool is_it = strcmp(gpio_chip_label(chip), label) == 0;
    gpio_chip_close(chip);
    return is_it;
}

/* Looks through all chips for a label. On HAL_OK path is the only chip that has it. */
static enum hal_err find_label(const char *label, const char *user, char path[PATH_MAX_HERE],
                               char why[HAL_TEXT_MAX])
{
    char names[GPIO_CHIPS_MAX][GPIO_CHIP_NAME_MAX];
    const char *found = NULL;
    int n = gpio_chip_names(names);
    if (n < 0)
        return cannot_look(user, why);
    for (int i = 0; i < n; i++) {
        int has = has_label(names[i], label);
        if (has < 0)
            return cannot_look(user, why);
        if (has == 0)
            continue;
        if (found)
            return hal_fail(HAL_INVALID, why,
                            "%.30s: label %.40s is on %.20s and %.20s: give the path", user, label,
                            found, names[i]);
        found = names[i];
    }
    if (!found)
        return hal_fail(HAL_INVALID, why, "%.40s: no GPIO chip has the label %s (see gpiodetect)",
                        user, label);
    snprintf(path, PATH_MAX_HERE, "/dev/%.15s", found);
    return HAL_OK;
}

static enum hal_err chip_refused(const char *path, const char *user, char why[HAL_TEXT_MAX])
{
    switch (errno) {
    case ENOENT:
        return hal_fail(HAL_INVALID, why, "%.40s: there is no GPIO chip %s (see gpiodetect)", user,
                        path);
    case ENOTTY:
    case ENODEV:
    case ENXIO:
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
        return hal_fail(HAL_INVALID, why, "%.40s: %s is not a GPIO chip", user, path);
    default:
        return hal_fail(HAL_IO, why, "%.40s: cannot open %s: %s", user, path, strerror(errno));
    }
}

/* The path of a chip by whatever it is called. */
static enum hal_err chip_path(const char *called, const char *user, char path[PATH_MAX_HERE],
                              char why[HAL_TEXT_MAX])
{
    unsigned number;
    if (called[0] == '\0')
        return hal_fail(HAL_INVALID, why, "%.40s: no GPIO chip is named", user);
    if (called[0] == '/')
        snprintf(path, PATH_MAX_HERE, "%s", called);
    else if (parse_number(called, &number))
        snprintf(path, PATH_MAX_HERE, "/dev/gpiochip%u", number);
    else if (gpio_is_chip_name(called))
        snprintf(path, PATH_MAX_HERE, "/dev/%s", called);
    else
        return find_label(called, user, path, why);
    return HAL_OK;
}

enum hal_err gpio_names_chip(const char *called, const char *user, struct gpio_chip **chip,
                             char why[HAL_TEXT_MAX])
{
    char path[PATH_MAX_HERE];
    enum hal_err err = chip_path(called, user, path, why);
    if (err == HAL_OK) {
        *chip = gpio_chip_open(path);
        err = *chip ? HAL_OK : chip_refused(path, user, why);
    }
    /* Without it the library takes no device for a chip, and gives another reason. */
    if (err != HAL_OK && called[0] != '\0' && access("/sys/dev/char", F_OK) != 0)
        return hal_fail(HAL_IO, why, "%.40s: cannot look for GPIO chip %.40s: /sys is not mounted",
                        user, called);
    return err;
}

/* Line names need not be unique, so that all are looked at. */
static enum hal_err find_named(struct gpio_chip *chip, const char *called, const char *user,
                               unsigned *offset, char why[HAL_TEXT_MAX])
{
    bool found = false;
    unsigned n = called[0] == '\0' ? 0 : gpio_chip_lines(chip); /* "" is what many are called */
    for (unsigned i = 0; i < n; i++) {
        char name[HAL_NAME_MAX];
        if (!gpio_line_name(chip, i, name))
            return hal_fail(gpio_names_err(errno), why, "%.40s: cannot ask %s for line %u: %s",
                            user, gpio_chip_name(chip), i, strerror(errno));
        if (strcmp(name, called) != 0)
            continue;
        if (found)
            return hal_fail(HAL_INVALID, why,
                            "%.30s: lines %u and %u of %s are both called %.40s: give the number",
                            user, *offset, i, gpio_chip_name(chip), called);
        found = true;
        *offset = i;
    }
    if (!found)
        return hal_fail(HAL_INVALID, why, "%.40s: %s has no line called %s (see gpioinfo)", user,
                        gpio_chip_name(chip), called[0] ? called : "\"\"");
    return HAL_OK;
}

enum hal_err gpio_names_line(struct gpio_chip *chip, const char *called, const char *user,
                             unsigned *offset, char why[HAL_TEXT_MAX])
{
    if (!parse_number(called, offset))
        return find_named(chip, called, user, offset, why);
    unsigned n = gpio_chip_lines(chip);
    if (*offset >= n)
        return hal_fail(HAL_INVALID, why, "%.40s: %s has lines 0 to %u, not %u", user,
                        gpio_chip_name(chip), n - 1, *offset);
    return HAL_OK;
}

enum hal_err gpio_names_err(int error)
{
    switch (error) {
    case ENODEV:
    case ENXIO:
    case EREMOTEIO:
    case ETIMEDOUT: return HAL_GONE;
    default: return HAL_IO;
    }
}

enum hal_err gpio_names_refused(struct gpio_chip *chip, unsigned offset, const char *user,
                                char why[HAL_TEXT_MAX])
{
    int error = errno;
    if (error != EBUSY)
        return hal_fail(gpio_names_err(error), why, "%.40s: cannot take line %u of %s: %s", user,
                        offset, gpio_chip_name(chip), strerror(error));
    char holder[HAL_NAME_MAX];
    bool named = gpio_line_holder(chip, offset, holder) && holder[0] != '\0';
    return hal_fail(HAL_BUSY, why, "%.40s: line %u of %s is held by %s%s%s", user, offset,
                    gpio_chip_name(chip), named ? "\"" : "",
                    named ? holder : "a program that gives no name", named ? "\"" : "");
}
