#include "gpiod_v1.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_text.h"

#define NUMBER_DIGITS_MAX 6

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

static bool is_chip_name(const char *text)
{
    unsigned number;
    return strncmp(text, "gpiochip", 8) == 0 && parse_number(text + 8, &number);
}

/* Looks through all chips for a label. On HAL_OK name is the only chip that has it. */
static enum hal_err find_label(const char *label, const char *user, char name[HAL_NAME_MAX],
                               char why[HAL_TEXT_MAX])
{
    struct gpiod_chip_iter *iter = gpiod_chip_iter_new();
    if (!iter)
        return hal_fail(HAL_IO, why, "%.40s: cannot look through the GPIO chips: %s", user,
                        strerror(errno));
    char other[HAL_NAME_MAX] = "";
    int found = 0;
    struct gpiod_chip *chip;
    while ((chip = gpiod_chip_iter_next(iter))) {
        if (strcmp(gpiod_chip_label(chip), label) != 0)
            continue;
        snprintf(found ? other : name, HAL_NAME_MAX, "%s", gpiod_chip_name(chip));
        found++;
        if (found == 2)
            break;
    }
    gpiod_chip_iter_free(iter);
    if (found == 0)
        return hal_fail(HAL_INVALID, why, "%.40s: no GPIO chip has the label %s (see gpiodetect)",
                        user, label);
    if (found == 2)
        return hal_fail(HAL_INVALID, why, "%.30s: label %.40s is on %.20s and %.20s: give the path",
                        user, label, name, other);
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

static struct gpiod_chip *known_chip(const struct gpiod_v1_chips *chips, const char *name)
{
    for (int i = 0; i < chips->n; i++)
        if (strcmp(gpiod_chip_name(chips->chip[i]), name) == 0)
            return chips->chip[i];
    return NULL;
}

/* The path of a chip by whatever it is called. */
static enum hal_err chip_path(const char *chip, const char *user, char path[HAL_NAME_MAX + 16],
                              char why[HAL_TEXT_MAX])
{
    unsigned number;
    char name[HAL_NAME_MAX];
    if (chip[0] == '\0')
        return hal_fail(HAL_INVALID, why, "%.40s: no GPIO chip is named", user);
    if (chip[0] == '/') {
        snprintf(path, HAL_NAME_MAX + 16, "%s", chip);
    } else if (parse_number(chip, &number)) {
        snprintf(path, HAL_NAME_MAX + 16, "/dev/gpiochip%u", number);
    } else if (is_chip_name(chip)) {
        snprintf(path, HAL_NAME_MAX + 16, "/dev/%s", chip);
    } else {
        enum hal_err err = find_label(chip, user, name, why);
        if (err != HAL_OK)
            return err;
        snprintf(path, HAL_NAME_MAX + 16, "/dev/%s", name);
    }
    return HAL_OK;
}

static enum hal_err open_chip(struct gpiod_v1_chips *chips, const char *called, const char *user,
                              struct gpiod_chip **out, char why[HAL_TEXT_MAX])
{
    char path[HAL_NAME_MAX + 16];
    enum hal_err err = chip_path(called, user, path, why);
    if (err != HAL_OK)
        return err;
    struct gpiod_chip *chip = gpiod_chip_open(path);
    if (!chip)
        return chip_refused(path, user, why);
    struct gpiod_chip *known = known_chip(chips, gpiod_chip_name(chip));
    if (known) {
        gpiod_chip_close(chip);
        *out = known;
        return HAL_OK;
    }
    struct gpiod_chip **grown =
        reallocarray(chips->chip, (size_t)chips->n + 1, sizeof(struct gpiod_chip *));
    if (!grown) {
        gpiod_chip_close(chip);
        return hal_fail(HAL_IO, why, "%.40s: out of memory", user);
    }
    chips->chip = grown;
    chips->chip[chips->n++] = chip;
    *out = chip;
    return HAL_OK;
}

/* Line names need not be unique, so that all are looked at. */
static enum hal_err find_named(struct gpiod_chip *chip, const char *name, const char *user,
                               struct gpiod_line **out, char why[HAL_TEXT_MAX])
{
    struct gpiod_line *found = NULL;
    for (unsigned i = 0; i < gpiod_chip_num_lines(chip); i++) {
        struct gpiod_line *line = gpiod_chip_get_line(chip, i);
        if (!line)
            return hal_fail(gpiod_v1_err(errno), why, "%.40s: cannot ask %s for line %u: %s", user,
                            gpiod_chip_name(chip), i, strerror(errno));
        const char *its_name = gpiod_line_name(line);
        if (!its_name || strcmp(its_name, name) != 0)
            continue;
        if (found)
            return hal_fail(HAL_INVALID, why,
                            "%.30s: lines %u and %u of %s are both called %.40s: give the number",
                            user, gpiod_line_offset(found), i, gpiod_chip_name(chip), name);
        found = line;
    }
    if (!found)
        return hal_fail(HAL_INVALID, why, "%.40s: %s has no line called %s (see gpioinfo)", user,
                        gpiod_chip_name(chip), name[0] ? name : "\"\"");
    *out = found;
    return HAL_OK;
}

static enum hal_err find_line(struct gpiod_chip *chip, const char *called, const char *user,
                              struct gpiod_line **out, char why[HAL_TEXT_MAX])
{
    unsigned offset;
    if (!parse_number(called, &offset))
        return find_named(chip, called, user, out, why);
    unsigned n = gpiod_chip_num_lines(chip);
    if (offset >= n)
        return hal_fail(HAL_INVALID, why, "%.40s: %s has lines 0 to %u, not %u", user,
                        gpiod_chip_name(chip), n - 1, offset);
    struct gpiod_line *line = gpiod_chip_get_line(chip, offset);
    if (!line)
        return hal_fail(gpiod_v1_err(errno), why, "%.40s: cannot ask %s for line %u: %s", user,
                        gpiod_chip_name(chip), offset, strerror(errno));
    *out = line;
    return HAL_OK;
}

enum hal_err gpiod_v1_find(struct gpiod_v1_chips *chips, const struct hal_line *where,
                           const char *user, struct gpiod_line **line, char why[HAL_TEXT_MAX])
{
    struct gpiod_chip *chip = NULL;
    enum hal_err err = open_chip(chips, where->chip, user, &chip, why);
    if (err != HAL_OK)
        return err;
    return find_line(chip, where->line, user, line, why);
}

void gpiod_v1_close(struct gpiod_v1_chips *chips)
{
    for (int i = 0; i < chips->n; i++)
        gpiod_chip_close(chips->chip[i]);
    free(chips->chip);
    *chips = (struct gpiod_v1_chips){0};
}

void gpiod_v1_drop(struct gpiod_v1_chips *chips, struct gpiod_chip *chip)
{
    for (int i = 0; i < chips->n; i++) {
        if (chips->chip[i] != chip)
            continue;
        gpiod_chip_close(chip);
        chips->chip[i] = chips->chip[--chips->n];
        return;
    }
}

enum hal_err gpiod_v1_err(int error)
{
    switch (error) {
    case ENODEV:
    case ENXIO:
    case EREMOTEIO:
    case ETIMEDOUT: return HAL_GONE;
    default: return HAL_IO;
    }
}

enum hal_err gpiod_v1_refused(struct gpiod_line *line, const char *user, char why[HAL_TEXT_MAX])
{
    int error = errno;
    const char *chip = gpiod_chip_name(gpiod_line_get_chip(line));
    unsigned offset = gpiod_line_offset(line);
    if (error != EBUSY)
        return hal_fail(gpiod_v1_err(error), why, "%.40s: cannot take line %u of %s: %s", user,
                        offset, chip, strerror(error));
    /* Who held it when it was last looked at may be somebody else by now. */
    const char *holder = gpiod_line_update(line) == 0 ? gpiod_line_consumer(line) : NULL;
    return hal_fail(HAL_BUSY, why, "%.40s: line %u of %s is held by %s%s%s", user, offset, chip,
                    holder ? "\"" : "", holder ? holder : "a program that gives no name",
                    holder ? "\"" : "");
}

enum hal_err gpiod_v1_twice(struct gpiod_line *line, const char *first, const char *second,
                            char why[HAL_TEXT_MAX])
{
    return hal_fail(HAL_INVALID, why, "line %u of %s is used by both %.40s and %.40s",
                    gpiod_line_offset(line), gpiod_chip_name(gpiod_line_get_chip(line)), first,
                    second);
}
