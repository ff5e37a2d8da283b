#include <stdlib.h>

#include "line_text.h"
#include "sim_parts.h"

static struct hal_sim *sim_of(struct relay_board *b)
{
    return ((struct sim_relay_face *)b)->sim;
}

static enum hal_err add_locked(struct hal_sim *sim, const struct hal_line *line, const char *user,
                               bool energized, int *index, char why[HAL_TEXT_MAX])
{
    enum hal_err err = sim_line_is_free(sim, line, user, why);
    if (err != HAL_OK)
        return err;
    struct sim_relay *grown =
        reallocarray(sim->relay, (size_t)sim->n_relays + 1, sizeof *grown);
    if (!grown)
        return hal_fail(HAL_IO, why, "out of memory");
    sim->relay = grown;
    struct sim_relay *r = &grown[sim->n_relays];
    *r = (struct sim_relay){.line = *line, .energized = energized, .at_ns = input_bank_now_ns()};
    hal_text_copy(r->name, user);
    *index = sim->n_relays++;
    char text[SIM_LINE_MAX];
    sim_send_all(sim, text, sim_line_relay(sim, *index, text));
    return HAL_OK;
}

static enum hal_err relay_add(struct relay_board *b, const struct hal_line *line, const char *user,
                              bool energized, int *index, char why[HAL_TEXT_MAX])
{
    struct hal_sim *sim = sim_of(b);
    pthread_mutex_lock(&sim->lock);
    enum hal_err err = add_locked(sim, line, user, energized, index, why);
    pthread_mutex_unlock(&sim->lock);
    return err;
}

static enum hal_err set_locked(struct hal_sim *sim, int index, bool energized)
{
    if (index < 0 || index >= sim->n_relays)
        return HAL_INVALID;
    if (sim->gone)
        return HAL_GONE;
    struct sim_relay *r = &sim->relay[index];
    if (r->energized == energized || r->stuck)
        return HAL_OK;
    r->energized = energized;
    r->at_ns = input_bank_now_ns();
    r->edges++;
    char text[SIM_LINE_MAX];
    sim_send_all(sim, text, sim_line_relay(sim, index, text));
    return HAL_OK;
}

static enum hal_err relay_set(struct relay_board *b, int index, bool energized)
{
    struct hal_sim *sim = sim_of(b);
    pthread_mutex_lock(&sim->lock);
    enum hal_err err = set_locked(sim, index, energized);
    pthread_mutex_unlock(&sim->lock);
    return err;
}

static enum hal_err relay_get(struct relay_board *b, int index, bool *energized)
{
    struct hal_sim *sim = sim_of(b);
    enum hal_err err = HAL_OK;
    pthread_mutex_lock(&sim->lock);
    if (index < 0 || index >= sim->n_relays)
        err = HAL_INVALID;
    else if (sim->gone)
        err = HAL_GONE;
    else
        *energized = sim->relay[index].energized;
    pthread_mutex_unlock(&sim->lock);
    return err;
}

/* The board belongs to hal_sim_close. */
static void relay_close(struct relay_board *b)
{
    (void)b;
}

void sim_relays_init(struct hal_sim *sim)
{
    static const struct relay_ops ops = {
        .add = relay_add, .set = relay_set, .get = relay_get, .close = relay_close};
    sim->relay_face = (struct sim_relay_face){.board.ops = &ops, .sim = sim};
}

void sim_set_stuck(struct hal_sim *sim, int index, bool stuck)
{
    if (sim->relay[index].stuck == stuck)
        return;
    sim->relay[index].stuck = stuck;
    char text[SIM_LINE_MAX];
    sim_send_all(sim, text, sim_line_stuck(sim, index, input_bank_now_ns(), text));
}
