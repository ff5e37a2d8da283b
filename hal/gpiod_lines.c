#include "gpiod_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpiod_names.h"
#include "line_text.h"

static void give_back(struct gpio_use *use)
{
    if (use->line)
        gpio_line_release(use->line);
    use->line = NULL;
    use->chip = NULL;
}

void gpio_lines_close(struct gpio_lines *lines)
{
    for (int i = 0; i < lines->n; i++)
        give_back(&lines->use[i]);
    for (int i = 0; i < lines->n_chips; i++)
        gpio_chip_close(lines->chip[i]);
    free(lines->chip);
    free(lines->use);
    *lines = (struct gpio_lines){0};
}

enum hal_err gpio_lines_prepare(struct gpio_lines *lines, const struct hal_line *where,
                                const char *user, char why[HAL_TEXT_MAX])
{
    struct gpio_use *grown = reallocarray(lines->use, (size_t)lines->n + 1, sizeof *grown);
    if (!grown)
        return hal_fail(HAL_IO, why, "out of memory");
    lines->use = grown;
    grown[lines->n] = (struct gpio_use){.where = *where};
    hal_text_copy(grown[lines->n].user, user);
    return HAL_OK;
}

static bool has_lines(const struct gpio_lines *lines, const struct gpio_chip *chip)
{
    for (int i = 0; i < lines->n; i++)
        if (lines->use[i].line && lines->use[i].chip == chip)
            return true;
    return false;
}

/* After a failure: a chip without lines may be one that went away. */
static void close_unused(struct gpio_lines *lines)
{
    for (int i = lines->n_chips - 1; i >= 0; i--) {
        if (has_lines(lines, lines->chip[i]))
            continue;
        gpio_chip_close(lines->chip[i]);
        lines->chip[i] = lines->chip[--lines->n_chips];
    }
}

/* Opens a chip, or finds that it is open. */
static enum hal_err open_chip(struct gpio_lines *lines, const struct gpio_use *use,
                              struct gpio_chip **out, char why[HAL_TEXT_MAX])
{
    struct gpio_chip *chip = NULL;
    enum hal_err err = gpio_names_chip(use->where.chip, use->user, &chip, why);
    if (err != HAL_OK)
        return err;
    for (int i = 0; i < lines->n_chips; i++) {
        if (strcmp(gpio_chip_name(lines->chip[i]), gpio_chip_name(chip)) != 0)
            continue;
        gpio_chip_close(chip);
        *out = lines->chip[i];
        return HAL_OK;
    }
    struct gpio_chip **grown =
        reallocarray(lines->chip, (size_t)lines->n_chips + 1, sizeof(struct gpio_chip *));
    if (!grown) {
        gpio_chip_close(chip);
        return hal_fail(HAL_IO, why, "%.40s: out of memory", use->user);
    }
    lines->chip = grown;
    lines->chip[lines->n_chips++] = chip;
    *out = chip;
    return HAL_OK;
}

static enum hal_err try_take(struct gpio_lines *lines, struct gpio_use *use,
                             const struct gpio_request *request, char why[HAL_TEXT_MAX])
{
    struct gpio_chip *chip = NULL;
    unsigned offset = 0;
    enum hal_err err = open_chip(lines, use, &chip, why);
    if (err == HAL_OK)
        err = gpio_names_line(chip, use->where.line, use->user, &offset, why);
    if (err != HAL_OK)
        return err;
    for (int i = 0; i < lines->n; i++) {
        const struct gpio_use *other = &lines->use[i];
        if (other->line && other->chip == chip && other->offset == offset)
            return hal_fail(HAL_INVALID, why, "line %u of %s is used by both %.40s and %.40s",
                            offset, gpio_chip_name(chip), other->user, use->user);
    }
    use->line = gpio_line_take(chip, offset, request);
    if (!use->line)
        return gpio_names_refused(chip, offset, use->user, why);
    use->chip = chip;
    use->offset = offset;
    return HAL_OK;
}

enum hal_err gpio_lines_take(struct gpio_lines *lines, int index, struct gpio_request request,
                             char why[HAL_TEXT_MAX])
{
    struct gpio_use *use = &lines->use[index];
    request.user = use->user;
    request.active_low = use->where.active_low;
    enum hal_err err = try_take(lines, use, &request, why);
    if (err != HAL_OK)
        close_unused(lines);
    return err;
}

void gpio_lines_release(struct gpio_lines *lines, int index)
{
    give_back(&lines->use[index]);
    close_unused(lines);
}

void gpio_lines_lose(struct gpio_lines *lines, int index)
{
    const struct gpio_chip *chip = lines->use[index].chip;
    for (int i = 0; i < lines->n; i++)
        if (lines->use[i].chip == chip)
            give_back(&lines->use[i]);
    close_unused(lines);
    lines->lost = true;
}

/* What to do about the errno of a line. A chip that was unplugged never comes
 * back through its old descriptor: all its lines have to be taken anew. */
static enum hal_err failed(struct gpio_lines *lines, int index)
{
    int error = errno;
    if (error == ENODEV)
        gpio_lines_lose(lines, index);
    return gpio_names_err(error);
}

enum hal_err gpio_lines_get(struct gpio_lines *lines, int index, bool *active)
{
    struct gpio_line *line = lines->use[index].line;
    if (!line)
        return HAL_GONE;
    return gpio_line_get(line, active) ? HAL_OK : failed(lines, index);
}

enum hal_err gpio_lines_set(struct gpio_lines *lines, int index, bool active)
{
    struct gpio_line *line = lines->use[index].line;
    if (!line)
        return HAL_GONE;
    return gpio_line_set(line, active) ? HAL_OK : failed(lines, index);
}
