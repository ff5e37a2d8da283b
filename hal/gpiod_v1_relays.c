/* Relays on the kernel's GPIO lines, through libgpiod 1.x. */
#include <errno.h>
#include <stdlib.h>

#include "gpiod_v1.h"
#include "line_text.h"

struct relay {
    struct hal_line where;
    char user[HAL_TEXT_MAX];
    struct gpiod_line *line; /* NULL = its chip went away */
};

struct gpiod_relays {
    struct relay_board board;
    struct gpiod_v1_chips chips;
    struct relay *relay; /* owned */
    int n;
};

static struct gpiod_relays *relays_of(struct relay_board *b)
{
    return (struct gpiod_relays *)b;
}

static bool is_used(const struct gpiod_relays *g, struct gpiod_chip *chip)
{
    for (int i = 0; i < g->n; i++)
        if (g->relay[i].line && gpiod_line_get_chip(g->relay[i].line) == chip)
            return true;
    return false;
}

/* After a failure: a chip without lines may be one that went away. */
static void close_unused(struct gpiod_relays *g)
{
    for (int i = g->chips.n - 1; i >= 0; i--)
        if (!is_used(g, g->chips.chip[i]))
            gpiod_v1_drop(&g->chips, g->chips.chip[i]);
}

/* Takes a relay's line at this level, in one call of the kernel. */
static enum hal_err try_take(struct gpiod_relays *g, struct relay *r, bool energized,
                             char why[HAL_TEXT_MAX])
{
    struct gpiod_line *line;
    enum hal_err err = gpiod_v1_find(&g->chips, &r->where, r->user, &line, why);
    if (err != HAL_OK)
        return err;
    for (int i = 0; i < g->n; i++)
        if (g->relay[i].line == line)
            return gpiod_v1_twice(line, g->relay[i].user, r->user, why);
    int flags = r->where.active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
    if (gpiod_line_request_output_flags(line, r->user, flags, energized) != 0)
        return gpiod_v1_refused(line, r->user, why);
    r->line = line;
    return HAL_OK;
}

static enum hal_err take(struct gpiod_relays *g, struct relay *r, bool energized,
                         char why[HAL_TEXT_MAX])
{
    enum hal_err err = try_take(g, r, energized, why);
    if (err != HAL_OK)
        close_unused(g);
    return err;
}

static enum hal_err relay_add(struct relay_board *b, const struct hal_line *line, const char *user,
                              bool energized, int *index, char why[HAL_TEXT_MAX])
{
    struct gpiod_relays *g = relays_of(b);
    struct relay *grown = reallocarray(g->relay, (size_t)g->n + 1, sizeof *grown);
    if (!grown)
        return hal_fail(HAL_IO, why, "out of memory");
    g->relay = grown;
    struct relay *r = &grown[g->n];
    *r = (struct relay){.where = *line};
    hal_text_copy(r->user, user);
    enum hal_err err = take(g, r, energized, why);
    if (err != HAL_OK)
        return err;
    *index = g->n++;
    return HAL_OK;
}

/* What to do about the errno of a line. A chip that was unplugged never comes
 * back through its old descriptor: all its relays have to take lines anew. */
static enum hal_err failed(struct gpiod_relays *g, struct relay *r)
{
    int error = errno;
    if (error == ENODEV) {
        struct gpiod_chip *chip = gpiod_line_get_chip(r->line);
        for (int i = 0; i < g->n; i++)
            if (g->relay[i].line && gpiod_line_get_chip(g->relay[i].line) == chip)
                g->relay[i].line = NULL;
        gpiod_v1_drop(&g->chips, chip);
    }
    return gpiod_v1_err(error);
}

static enum hal_err relay_set(struct relay_board *b, int index, bool energized)
{
    struct gpiod_relays *g = relays_of(b);
    if (index < 0 || index >= g->n)
        return HAL_INVALID;
    struct relay *r = &g->relay[index];
    if (!r->line)
        return take(g, r, energized, NULL) == HAL_OK ? HAL_OK : HAL_GONE;
    if (gpiod_line_set_value(r->line, energized) != 0)
        return failed(g, r);
    return HAL_OK;
}

static enum hal_err relay_get(struct relay_board *b, int index, bool *energized)
{
    struct gpiod_relays *g = relays_of(b);
    if (index < 0 || index >= g->n)
        return HAL_INVALID;
    struct relay *r = &g->relay[index];
    if (!r->line)
        return HAL_GONE;
    int value = gpiod_line_get_value(r->line);
    if (value < 0)
        return failed(g, r);
    *energized = value == 1;
    return HAL_OK;
}

static void relay_close(struct relay_board *b)
{
    if (!b)
        return;
    struct gpiod_relays *g = relays_of(b);
    gpiod_v1_close(&g->chips);
    free(g->relay);
    free(g);
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
