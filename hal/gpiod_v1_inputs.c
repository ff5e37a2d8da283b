/* Inputs on the kernel's GPIO lines, through libgpiod 1.x. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "gpiod_v1.h"
#include "input_bank.h"
#include "line_text.h"

#define EDGES_MAX 16 /* as many as the kernel keeps for a line; it drops the newest */
#define READY_MAX 32

struct input {
    struct hal_line where;
    char user[HAL_TEXT_MAX];
    enum input_bias bias;
    struct gpiod_line *line; /* NULL = its chip went away */
    struct gpiod_line_event edge[EDGES_MAX];
    int n_edges, next_edge;
    bool overflowed; /* the kernel may have dropped edges behind these */
};

struct gpiod_inputs {
    struct input_board board;
    struct gpiod_v1_chips chips;
    struct input_bank bank;
    struct input *input; /* owned */
    int n;
    bool lost; /* a chip went away and next() has not said so yet */
};

static struct gpiod_inputs *inputs_of(struct input_board *b)
{
    return (struct gpiod_inputs *)b;
}

static int flags_of(const struct input *in)
{
    int flags = in->where.active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
    switch (in->bias) {
    case INPUT_BIAS_AS_IS: break;
    case INPUT_BIAS_PULL_UP: flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP; break;
    case INPUT_BIAS_PULL_DOWN: flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN; break;
    }
    return flags;
}

static bool is_used(const struct gpiod_inputs *g, struct gpiod_chip *chip)
{
    for (int i = 0; i < g->n; i++)
        if (g->input[i].line && gpiod_line_get_chip(g->input[i].line) == chip)
            return true;
    return false;
}

/* After a failure: a chip without lines may be one that went away. */
static void close_unused(struct gpiod_inputs *g)
{
    for (int i = g->chips.n - 1; i >= 0; i--)
        if (!is_used(g, g->chips.chip[i]))
            gpiod_v1_drop(&g->chips, g->chips.chip[i]);
}

/* Takes an input's line and watches it as number index; *active is its level. */
static enum hal_err try_take(struct gpiod_inputs *g, struct input *in, int index, bool *active,
                             char why[HAL_TEXT_MAX])
{
    struct gpiod_line *line;
    enum hal_err err = gpiod_v1_find(&g->chips, &in->where, in->user, &line, why);
    if (err != HAL_OK)
        return err;
    for (int i = 0; i < g->n; i++)
        if (g->input[i].line == line)
            return gpiod_v1_twice(line, g->input[i].user, in->user, why);
    if (gpiod_line_request_both_edges_events_flags(line, in->user, flags_of(in)) != 0)
        return gpiod_v1_refused(line, in->user, why);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    int value = gpiod_line_get_value(line);
    if (value < 0 || epoll_ctl(g->bank.epoll_fd, EPOLL_CTL_ADD, gpiod_line_event_get_fd(line),
                               &ev) != 0) {
        err = gpiod_v1_refused(line, in->user, why);
        gpiod_line_release(line);
        return err;
    }
    in->line = line;
    *active = value == 1;
    return HAL_OK;
}

static enum hal_err take(struct gpiod_inputs *g, struct input *in, int index, bool *active,
                         char why[HAL_TEXT_MAX])
{
    enum hal_err err = try_take(g, in, index, active, why);
    if (err != HAL_OK)
        close_unused(g);
    return err;
}

static enum hal_err input_add(struct input_board *b, const struct hal_line *line, const char *user,
                              enum input_bias bias, int debounce_ms, int *index, bool *active,
                              char why[HAL_TEXT_MAX])
{
    struct gpiod_inputs *g = inputs_of(b);
    if (debounce_ms < 0 || debounce_ms > DEBOUNCE_MS_MAX)
        return hal_fail(HAL_INVALID, why, "debounce must be 0 to %d ms", DEBOUNCE_MS_MAX);
    struct input *grown = reallocarray(g->input, (size_t)g->n + 1, sizeof *grown);
    if (grown)
        g->input = grown;
    if (!grown || input_bank_reserve(&g->bank) != HAL_OK)
        return hal_fail(HAL_IO, why, "out of memory");
    struct input *in = &grown[g->n];
    *in = (struct input){.where = *line, .bias = bias};
    hal_text_copy(in->user, user);
    enum hal_err err = take(g, in, g->n, active, why);
    if (err != HAL_OK)
        return err;
    g->n++;
    *index = input_bank_add(&g->bank, debounce_ms, *active);
    return HAL_OK;
}

static int input_fd(struct input_board *b)
{
    return inputs_of(b)->bank.epoll_fd;
}

/* The chip went away: its lines' descriptors close, so that nothing spins on them. */
static void lose(struct gpiod_inputs *g, struct gpiod_chip *chip)
{
    for (int i = 0; i < g->n; i++) {
        struct input *in = &g->input[i];
        if (!in->line || gpiod_line_get_chip(in->line) != chip)
            continue;
        epoll_ctl(g->bank.epoll_fd, EPOLL_CTL_DEL, gpiod_line_event_get_fd(in->line), NULL);
        in->line = NULL;
        in->n_edges = in->next_edge = 0;
        in->overflowed = false;
    }
    gpiod_v1_drop(&g->chips, chip);
    g->lost = true;
}

/* Level of a line, past the debounce. */
static enum hal_err read_line(void *board, int index, bool *active)
{
    struct gpiod_inputs *g = board;
    struct input *in = &g->input[index];
    if (!in->line)
        return HAL_GONE;
    int value = gpiod_line_get_value(in->line);
    if (value < 0) {
        enum hal_err err = gpiod_v1_err(errno);
        if (errno == ENODEV)
            lose(g, gpiod_line_get_chip(in->line));
        return err;
    }
    *active = value == 1;
    return HAL_OK;
}

/* Kernels before 5.7 stamp with another clock: such times are not believed. */
static int64_t edge_time_ns(const struct gpiod_line_event *e, int64_t now_ns)
{
    int64_t at_ns = (int64_t)e->ts.tv_sec * 1000000000 + e->ts.tv_nsec;
    return at_ns < now_ns ? at_ns : now_ns;
}

/* Feeds what was read from the kernel; true if *out is a change. */
static bool drain_input(struct gpiod_inputs *g, int index, int64_t now_ns,
                        struct input_change *out)
{
    struct input *in = &g->input[index];
    while (in->next_edge < in->n_edges) {
        const struct gpiod_line_event *e = &in->edge[in->next_edge++];
        bool active = e->event_type == GPIOD_LINE_EVENT_RISING_EDGE;
        if (input_bank_edge(&g->bank, index, active, edge_time_ns(e, now_ns), out))
            return true;
    }
    in->n_edges = in->next_edge = 0;
    if (!in->overflowed)
        return false;
    in->overflowed = false;
    bool active = false;
    if (read_line(g, index, &active) == HAL_OK)
        input_bank_gap(&g->bank, index, active);
    return false;
}

static bool drain(struct gpiod_inputs *g, struct input_change *out)
{
    int64_t now_ns = input_bank_now_ns();
    for (int i = 0; i < g->n; i++)
        if (drain_input(g, i, now_ns, out))
            return true;
    return false;
}

/* Reads the waiting edges of one line, at most what the kernel keeps. */
static void fetch_line(struct gpiod_inputs *g, struct input *in, uint32_t events)
{
    int n = events & EPOLLIN ? gpiod_line_event_read_multiple(in->line, in->edge, EDGES_MAX) : -1;
    if (n < 0) {
        lose(g, gpiod_line_get_chip(in->line));
        return;
    }
    in->n_edges = n;
    in->overflowed = n == EDGES_MAX;
}

static void fetch(struct gpiod_inputs *g)
{
    struct epoll_event ev[READY_MAX];
    int n = epoll_wait(g->bank.epoll_fd, ev, READY_MAX, 0);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.u32 == INPUT_BANK_TIMER)
            continue;
        struct input *in = &g->input[ev[i].data.u32];
        if (in->line)
            fetch_line(g, in, ev[i].events);
    }
}

static enum hal_err input_next(struct input_board *b, struct input_change *out)
{
    struct gpiod_inputs *g = inputs_of(b);
    if (drain(g, out))
        return HAL_OK;
    fetch(g);
    if (drain(g, out))
        return HAL_OK;
    enum hal_err err = input_bank_settle(&g->bank, read_line, g, out);
    if (err == HAL_INVALID && g->lost)
        err = HAL_GONE;
    if (err == HAL_GONE)
        g->lost = false;
    return err;
}

static enum hal_err input_get(struct input_board *b, int index, bool *active)
{
    struct gpiod_inputs *g = inputs_of(b);
    if (index < 0 || index >= g->n)
        return HAL_INVALID;
    struct input *in = &g->input[index];
    if (in->line)
        return read_line(g, index, active);
    if (take(g, in, index, active, NULL) != HAL_OK)
        return HAL_GONE;
    /* It may have changed while it was away. */
    input_bank_restart(&g->bank, index, *active);
    return HAL_OK;
}

static void input_close(struct input_board *b)
{
    if (!b)
        return;
    struct gpiod_inputs *g = inputs_of(b);
    gpiod_v1_close(&g->chips);
    input_bank_close(&g->bank);
    free(g->input);
    free(g);
}

struct input_board *hal_gpiod_inputs(void)
{
    static const struct input_ops ops = {.add = input_add, .fd = input_fd, .next = input_next,
                                         .get = input_get, .close = input_close};
    struct gpiod_inputs *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    if (input_bank_open(&g->bank) != HAL_OK) {
        free(g);
        return NULL;
    }
    g->board.ops = &ops;
    return &g->board;
}
