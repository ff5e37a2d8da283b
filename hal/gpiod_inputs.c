/* Inputs on the kernel's GPIO lines. */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "gpiod_lines.h"
#include "gpiod_names.h"
#include "input_bank.h"
#include "line_text.h"

#define READY_MAX 32

/* Edges that were fetched and that nobody has been told yet. */
struct input {
    enum input_bias bias;
    struct gpio_edge edge[GPIO_EDGES_MAX];
    int n_edges, next_edge;
    enum gpio_loss loss; /* not yet made up for */
};

struct gpiod_inputs {
    struct input_board board;
    struct gpio_lines lines;
    struct input_bank bank;
    struct input *input; /* owned; one for each line */
};

static struct gpiod_inputs *inputs_of(struct input_board *b)
{
    return (struct gpiod_inputs *)b;
}

static void forget_edges(struct input *in)
{
    in->n_edges = in->next_edge = 0;
    in->loss = GPIO_LOSS_NONE;
}

/* Takes an input's line and watches it; *active is its level. */
static enum hal_err take(struct gpiod_inputs *g, int index, bool *active, char why[HAL_TEXT_MAX])
{
    struct input *in = &g->input[index];
    const struct gpio_request request = {.bias = in->bias};
    enum hal_err err = gpio_lines_take(&g->lines, index, request, why);
    if (err != HAL_OK)
        return err;
    forget_edges(in);
    const struct gpio_use *use = &g->lines.use[index];
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    bool level;
    if (!gpio_line_get(use->line, &level) ||
        epoll_ctl(g->bank.epoll_fd, EPOLL_CTL_ADD, gpio_line_fd(use->line), &ev) != 0) {
        err = gpio_names_refused(use->chip, use->offset, use->user, why);
        gpio_lines_release(&g->lines, index);
        return err;
    }
    *active = level;
    return HAL_OK;
}

static enum hal_err input_add(struct input_board *b, const struct hal_line *line, const char *user,
                              enum input_bias bias, int debounce_ms, int *index, bool *active,
                              char why[HAL_TEXT_MAX])
{
    struct gpiod_inputs *g = inputs_of(b);
    int n = g->lines.n;
    if (debounce_ms < 0 || debounce_ms > DEBOUNCE_MS_MAX)
        return hal_fail(HAL_INVALID, why, "debounce must be 0 to %d ms", DEBOUNCE_MS_MAX);
    struct input *grown = reallocarray(g->input, (size_t)n + 1, sizeof *grown);
    if (grown)
        g->input = grown;
    if (!grown || input_bank_reserve(&g->bank) != HAL_OK)
        return hal_fail(HAL_IO, why, "out of memory");
    grown[n] = (struct input){.bias = bias};
    enum hal_err err = gpio_lines_prepare(&g->lines, line, user, why);
    if (err == HAL_OK)
        err = take(g, n, active, why);
    if (err != HAL_OK)
        return err;
    g->lines.n++;
    *index = input_bank_add(&g->bank, debounce_ms, *active);
    return HAL_OK;
}

static int input_fd(struct input_board *b)
{
    return inputs_of(b)->bank.epoll_fd;
}

/* Level of a line, past the debounce. */
static enum hal_err read_line(void *board, int index, bool *active)
{
    struct gpiod_inputs *g = board;
    return gpio_lines_get(&g->lines, index, active);
}

/* Kernels before 5.7 stamp with another clock: such times are not believed. */
static int64_t time_of(const struct gpio_edge *e, int64_t now_ns)
{
    return e->at_ns < now_ns ? e->at_ns : now_ns;
}

/* Feeds what was read from the kernel; true if *out is a change. */
static bool drain_input(struct gpiod_inputs *g, int index, int64_t now_ns,
                        struct input_change *out)
{
    struct input *in = &g->input[index];
    if (!g->lines.use[index].line)
        forget_edges(in);
    if (in->loss == GPIO_LOSS_BEFORE && in->n_edges > 0)
        input_bank_gap(&g->bank, index, !in->edge[0].active, time_of(&in->edge[0], now_ns));
    if (in->loss == GPIO_LOSS_BEFORE)
        in->loss = GPIO_LOSS_NONE;
    while (in->next_edge < in->n_edges) {
        const struct gpio_edge *e = &in->edge[in->next_edge++];
        if (input_bank_edge(&g->bank, index, e->active, time_of(e, now_ns), out))
            return true;
    }
    bool behind = in->loss == GPIO_LOSS_BEHIND;
    forget_edges(in);
    bool active = false;
    if (behind && read_line(g, index, &active) == HAL_OK)
        input_bank_gap(&g->bank, index, active, now_ns);
    return false;
}

static bool drain(struct gpiod_inputs *g, struct input_change *out)
{
    int64_t now_ns = input_bank_now_ns();
    for (int i = 0; i < g->lines.n; i++)
        if (drain_input(g, i, now_ns, out))
            return true;
    return false;
}

/* Fetches the waiting edges of one line; it is emptied before. */
static void fetch_line(struct gpiod_inputs *g, int index, uint32_t events)
{
    struct input *in = &g->input[index];
    int n = -1;
    if (events & EPOLLIN)
        n = gpio_line_edges(g->lines.use[index].line, in->edge, &in->loss);
    if (n < 0)
        gpio_lines_lose(&g->lines, index);
    else
        in->n_edges = n;
}

static void fetch(struct gpiod_inputs *g)
{
    struct epoll_event ev[READY_MAX];
    int n = epoll_wait(g->bank.epoll_fd, ev, READY_MAX, 0);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.u32 == INPUT_BANK_TIMER)
            continue;
        int index = (int)ev[i].data.u32;
        if (g->lines.use[index].line)
            fetch_line(g, index, ev[i].events);
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
    if (err == HAL_INVALID && g->lines.lost)
        err = HAL_GONE;
    if (err == HAL_GONE)
        g->lines.lost = false;
    return err;
}

/* Edges that have still to be told, here or in the kernel. */
static bool has_edges(const struct gpiod_inputs *g, int index)
{
    const struct input *in = &g->input[index];
    struct pollfd p = {.fd = gpio_line_fd(g->lines.use[index].line), .events = POLLIN};
    return in->next_edge < in->n_edges || poll(&p, 1, 0) != 0;
}

static enum hal_err input_get(struct input_board *b, int index, bool *active)
{
    struct gpiod_inputs *g = inputs_of(b);
    if (index < 0 || index >= g->lines.n)
        return HAL_INVALID;
    if (g->lines.use[index].line) {
        enum hal_err err = read_line(g, index, active);
        /* A level that waiting edges explain is no lost one: each of them is to count. */
        if (err == HAL_OK && !has_edges(g, index))
            input_bank_compare(&g->bank, index, *active);
        return err;
    }
    if (take(g, index, active, NULL) != HAL_OK)
        return HAL_GONE;
    /* It may have changed while it was away. */
    input_bank_restart(&g->bank, index, *active);
    return HAL_OK;
}

static int64_t input_restless_ms(struct input_board *b, int index)
{
    const struct gpiod_inputs *g = inputs_of(b);
    return index >= 0 && index < g->lines.n ? input_bank_restless_ms(&g->bank, index) : 0;
}

static void input_close(struct input_board *b)
{
    if (!b)
        return;
    struct gpiod_inputs *g = inputs_of(b);
    gpio_lines_close(&g->lines);
    input_bank_close(&g->bank);
    free(g->input);
    free(g);
}

struct input_board *hal_gpiod_inputs(void)
{
    static const struct input_ops ops = {.add = input_add, .fd = input_fd, .next = input_next,
                                         .get = input_get, .restless_ms = input_restless_ms,
                                         .close = input_close};
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
