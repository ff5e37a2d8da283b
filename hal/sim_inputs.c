#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "line_text.h"
#include "sim_parts.h"

static struct hal_sim *sim_of(struct input_board *b)
{
    return ((struct sim_input_face *)b)->sim;
}

static bool is_active(const struct sim_input *in)
{
    return in->wire != in->line.active_low;
}

/* What hangs on this board is at rest until somebody drives it: the wire has its inactive
 * level, which a closed contact holds against any resistor. */
static enum hal_err add_locked(struct hal_sim *sim, const struct hal_line *line, const char *user,
                               char why[HAL_TEXT_MAX])
{
    enum hal_err err = sim_line_is_free(sim, line, user, why);
    if (err != HAL_OK)
        return err;
    struct sim_input *grown =
        reallocarray(sim->input, (size_t)sim->n_inputs + 1, sizeof *grown);
    if (!grown || input_bank_reserve(&sim->bank) != HAL_OK) {
        sim->input = grown ? grown : sim->input;
        return hal_fail(HAL_IO, why, "out of memory");
    }
    sim->input = grown;
    struct sim_input *in = &grown[sim->n_inputs];
    *in = (struct sim_input){
        .line = *line, .wire = line->active_low, .at_ns = input_bank_now_ns()};
    hal_text_copy(in->name, user);
    return HAL_OK;
}

static enum hal_err input_add(struct input_board *b, const struct hal_line *line, const char *user,
                              enum input_bias bias, int debounce_ms, int *index, bool *active,
                              char why[HAL_TEXT_MAX])
{
    struct hal_sim *sim = sim_of(b);
    (void)bias;
    if (debounce_ms < 0 || debounce_ms > DEBOUNCE_MS_MAX)
        return hal_fail(HAL_INVALID, why, "debounce must be 0 to %d ms", DEBOUNCE_MS_MAX);
    pthread_mutex_lock(&sim->lock);
    enum hal_err err = add_locked(sim, line, user, why);
    if (err == HAL_OK) {
        *active = is_active(&sim->input[sim->n_inputs++]);
        *index = input_bank_add(&sim->bank, debounce_ms, *active);
        char text[SIM_LINE_MAX];
        sim_send_all(sim, text, sim_line_input(sim, *index, text));
    }
    pthread_mutex_unlock(&sim->lock);
    return err;
}

static int input_fd(struct input_board *b)
{
    return sim_of(b)->bank.epoll_fd;
}

static void wake(struct hal_sim *sim)
{
    /* Fails only when it is full, and then it is readable already. */
    (void)!eventfd_write(sim->edge_fd, 1);
}

static void push_edge(struct hal_sim *sim, struct sim_input *in, int64_t at_ns)
{
    if (in->n_edges == SIM_EDGES_MAX)
        in->overflowed = true;
    else
        in->edge[in->n_edges++] = (struct sim_edge){.active = is_active(in), .at_ns = at_ns};
    wake(sim);
}

void sim_input_drive(struct hal_sim *sim, int index, bool level)
{
    struct sim_input *in = &sim->input[index];
    if (in->wire == level)
        return;
    in->wire = level;
    in->at_ns = input_bank_now_ns();
    if (!sim->gone)
        push_edge(sim, in, in->at_ns);
    char text[SIM_LINE_MAX];
    sim_send_all(sim, text, sim_line_input(sim, index, text));
}

void sim_set_gone(struct hal_sim *sim, bool gone)
{
    if (sim->gone == gone)
        return;
    sim->gone = gone;
    int64_t now_ns = input_bank_now_ns();
    for (int i = 0; i < sim->n_inputs; i++) {
        struct sim_input *in = &sim->input[i];
        in->n_edges = 0;
        in->overflowed = false;
        /* Levels may have changed while nobody could see it. */
        if (!gone)
            push_edge(sim, in, now_ns);
    }
    wake(sim);
    char text[SIM_LINE_MAX];
    sim_send_all(sim, text, sim_line_gone(sim, now_ns, text));
}

/* Feeds what has been caught so far; true if *out is a change. */
static bool drain_input(struct hal_sim *sim, int index, struct input_change *out)
{
    struct sim_input *in = &sim->input[index];
    bool changed = false;
    int n = 0;
    while (n < in->n_edges && !changed) {
        const struct sim_edge *e = &in->edge[n++];
        changed = input_bank_edge(&sim->bank, index, e->active, e->at_ns, out);
    }
    in->n_edges -= n;
    memmove(in->edge, in->edge + n, (size_t)in->n_edges * sizeof in->edge[0]);
    /* Edges were lost, so it has not been quiet: count one now. */
    if (!changed && in->overflowed) {
        in->overflowed = false;
        changed = input_bank_edge(&sim->bank, index, is_active(in), input_bank_now_ns(), out);
    }
    return changed;
}

static bool drain(struct hal_sim *sim, struct input_change *out)
{
    for (int i = 0; i < sim->n_inputs; i++)
        if (drain_input(sim, i, out))
            return true;
    eventfd_t count;
    (void)!eventfd_read(sim->edge_fd, &count);
    return false;
}

static enum hal_err read_locked(void *board, int index, bool *active)
{
    const struct hal_sim *sim = board;
    if (index < 0 || index >= sim->n_inputs)
        return HAL_INVALID;
    if (sim->gone)
        return HAL_GONE;
    *active = is_active(&sim->input[index]);
    return HAL_OK;
}

static enum hal_err input_next(struct input_board *b, struct input_change *out)
{
    struct hal_sim *sim = sim_of(b);
    enum hal_err err = HAL_OK;
    pthread_mutex_lock(&sim->lock);
    if (!drain(sim, out))
        err = input_bank_settle(&sim->bank, read_locked, sim, out);
    if (err == HAL_INVALID && sim->gone)
        err = HAL_GONE;
    pthread_mutex_unlock(&sim->lock);
    return err;
}

static enum hal_err input_get(struct input_board *b, int index, bool *active)
{
    struct hal_sim *sim = sim_of(b);
    pthread_mutex_lock(&sim->lock);
    enum hal_err err = read_locked(sim, index, active);
    /* With edges waiting it is not known to rest. */
    if (err == HAL_OK && sim->input[index].n_edges == 0)
        input_bank_compare(&sim->bank, index, *active);
    pthread_mutex_unlock(&sim->lock);
    return err;
}

static int64_t input_restless_ms(struct input_board *b, int index)
{
    struct hal_sim *sim = sim_of(b);
    pthread_mutex_lock(&sim->lock);
    int64_t ms = index >= 0 && index < sim->n_inputs ? input_bank_restless_ms(&sim->bank, index) : 0;
    pthread_mutex_unlock(&sim->lock);
    return ms;
}

/* The board belongs to hal_sim_close. */
static void input_close(struct input_board *b)
{
    (void)b;
}

void sim_inputs_init(struct hal_sim *sim)
{
    static const struct input_ops ops = {.add = input_add, .fd = input_fd, .next = input_next,
                                         .get = input_get, .restless_ms = input_restless_ms,
                                         .close = input_close};
    sim->input_face = (struct sim_input_face){.board.ops = &ops, .sim = sim};
}
