#include "app/rehearsal/memory_board.h"

#include <stdlib.h>

struct memory_relay {
    bool energized, gone;
};

struct memory_board {
    struct relay_board face;
    struct memory_relay *relay; /* owned */
    int n;
};

static struct memory_board *of(struct relay_board *b)
{
    return (struct memory_board *)b;
}

static enum hal_err add(struct relay_board *b, const struct hal_line *line, const char *user,
                        bool energized, int *index, char why[HAL_TEXT_MAX])
{
    struct memory_board *m = of(b);
    (void)line;
    (void)user;
    (void)why;
    struct memory_relay *relay = realloc(m->relay, (size_t)(m->n + 1) * sizeof *relay);
    if (!relay)
        return HAL_IO;
    m->relay = relay;
    m->relay[m->n] = (struct memory_relay){.energized = energized};
    *index = m->n++;
    return HAL_OK;
}

static enum hal_err find(struct memory_board *m, int index)
{
    if (index < 0 || index >= m->n)
        return HAL_INVALID;
    return m->relay[index].gone ? HAL_GONE : HAL_OK;
}

static enum hal_err set(struct relay_board *b, int index, bool energized)
{
    enum hal_err err = find(of(b), index);
    if (err == HAL_OK)
        of(b)->relay[index].energized = energized;
    return err;
}

static enum hal_err get(struct relay_board *b, int index, bool *energized)
{
    enum hal_err err = find(of(b), index);
    if (err == HAL_OK)
        *energized = of(b)->relay[index].energized;
    return err;
}

static void close_board(struct relay_board *b)
{
    if (!b)
        return;
    free(of(b)->relay);
    free(b);
}

struct relay_board *memory_board_open(void)
{
    static const struct relay_ops ops = {.add = add, .set = set, .get = get, .close = close_board};
    struct memory_board *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->face.ops = &ops;
    return &m->face;
}

void memory_board_set_gone(struct relay_board *board, int index, bool gone)
{
    struct memory_board *m = of(board);
    if (index >= 0 && index < m->n)
        m->relay[index].gone = gone;
}
