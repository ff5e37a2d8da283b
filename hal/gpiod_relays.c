/* Relays on the kernel's GPIO lines. */
#include <stdlib.h>

#include "gpiod_lines.h"

struct gpiod_relays {
    struct relay_board board;
    struct gpio_lines lines;
};

static struct gpio_lines *lines_of(struct relay_board *b)
{
    return &((struct gpiod_relays *)b)->lines;
}

/* Takes a relay's line at this level, in one call of the kernel. */
static enum hal_err take(struct gpio_lines *lines, int index, bool energized,
                         char why[HAL_TEXT_MAX])
{
    const struct gpio_request request = {.output = true, .active = energized};
    return gpio_lines_take(lines, index, request, why);
}

static enum hal_err relay_add(struct relay_board *b, const struct hal_line *line, const char *user,
                              bool energized, int *index, char why[HAL_TEXT_MAX])
{
    struct gpio_lines *lines = lines_of(b);
    enum hal_err err = gpio_lines_prepare(lines, line, user, why);
    if (err == HAL_OK)
        err = take(lines, lines->n, energized, why);
    if (err == HAL_OK)
        *index = lines->n++;
    return err;
}

static enum hal_err relay_set(struct relay_board *b, int index, bool energized)
{
    struct gpio_lines *lines = lines_of(b);
    if (index < 0 || index >= lines->n)
        return HAL_INVALID;
    if (!lines->use[index].line)
        return take(lines, index, energized, NULL) == HAL_OK ? HAL_OK : HAL_GONE;
    return gpio_lines_set(lines, index, energized);
}

static enum hal_err relay_get(struct relay_board *b, int index, bool *energized)
{
    struct gpio_lines *lines = lines_of(b);
    if (index < 0 || index >= lines->n)
        return HAL_INVALID;
    return gpio_lines_get(lines, index, energized);
}

static void relay_close(struct relay_board *b)
{
    if (!b)
        return;
    gpio_lines_close(lines_of(b));
    free(b);
}

struct relay_board *hal_gpiod_relays(void)
{
    static const struct relay_ops ops = {
        .add = relay_add, .set = relay_set, .get = relay_get, .close = relay_close};
    struct gpiod_relays *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->board.ops = &ops;
    return &g->board;
}
