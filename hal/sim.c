#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "line_text.h"
#include "sim_parts.h"

static bool same_line(const struct hal_line *a, const struct hal_line *b)
{
    return strcmp(a->chip, b->chip) == 0 && strcmp(a->line, b->line) == 0;
}

enum hal_err sim_line_is_free(const struct hal_sim *sim, const struct hal_line *line,
                              const char *user, char why[HAL_TEXT_MAX])
{
    if (sim->gone)
        return hal_fail(HAL_GONE, why, "the board does not answer");
    if (line->chip[0] == '\0' || line->line[0] == '\0')
        return hal_fail(HAL_INVALID, why, "%.40s: name a chip and a line", user ? user : "-");
    const char *other = NULL;
    for (int i = 0; i < sim->n_relays; i++)
        if (same_line(&sim->relay[i].line, line))
            other = sim->relay[i].name;
    for (int i = 0; i < sim->n_inputs; i++)
        if (same_line(&sim->input[i].line, line))
            other = sim->input[i].name;
    if (other)
        return hal_fail(HAL_INVALID, why, "line %.30s of %.30s is used by both %.40s and %.40s",
                        line->line, line->chip, other, user ? user : "-");
    return HAL_OK;
}

static bool open_inputs(struct hal_sim *sim)
{
    if (input_bank_open(&sim->bank) != HAL_OK)
        return false;
    sim->edge_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 0};
    if (sim->edge_fd >= 0 &&
        epoll_ctl(sim->bank.epoll_fd, EPOLL_CTL_ADD, sim->edge_fd, &ev) == 0)
        return true;
    if (sim->edge_fd >= 0)
        close(sim->edge_fd);
    input_bank_close(&sim->bank);
    return false;
}

static void close_inputs(struct hal_sim *sim)
{
    close(sim->edge_fd);
    input_bank_close(&sim->bank);
}

struct hal_sim *hal_sim_open(const char *socket_path, char why[HAL_TEXT_MAX])
{
    struct hal_sim *sim = calloc(1, sizeof *sim);
    if (!sim) {
        hal_fail(HAL_IO, why, "out of memory");
        return NULL;
    }
    sim_relays_init(sim);
    sim_inputs_init(sim);
    pthread_mutex_init(&sim->lock, NULL);
    if (!open_inputs(sim)) {
        hal_fail(HAL_IO, why, "cannot make the simulated inputs: %s", strerror(errno));
        goto no_inputs;
    }
    if (sim_observers_open(sim, socket_path, why) != HAL_OK)
        goto no_observers;
    return sim;
no_observers:
    close_inputs(sim);
no_inputs:
    pthread_mutex_destroy(&sim->lock);
    free(sim);
    return NULL;
}

struct relay_board *hal_sim_relays(struct hal_sim *sim)
{
    return &sim->relay_face.board;
}

struct input_board *hal_sim_inputs(struct hal_sim *sim)
{
    return &sim->input_face.board;
}

void hal_sim_set_gone(struct hal_sim *sim, bool gone)
{
    pthread_mutex_lock(&sim->lock);
    sim_set_gone(sim, gone);
    pthread_mutex_unlock(&sim->lock);
}

void hal_sim_set_stuck(struct hal_sim *sim, int relay, bool stuck)
{
    pthread_mutex_lock(&sim->lock);
    if (relay >= 0 && relay < sim->n_relays)
        sim_set_stuck(sim, relay, stuck);
    pthread_mutex_unlock(&sim->lock);
}

void hal_sim_drive(struct hal_sim *sim, int input, bool level)
{
    pthread_mutex_lock(&sim->lock);
    if (input >= 0 && input < sim->n_inputs)
        sim_input_drive(sim, input, level);
    pthread_mutex_unlock(&sim->lock);
}

uint64_t hal_sim_edges(struct hal_sim *sim, int relay)
{
    pthread_mutex_lock(&sim->lock);
    uint64_t edges = relay >= 0 && relay < sim->n_relays ? sim->relay[relay].edges : 0;
    pthread_mutex_unlock(&sim->lock);
    return edges;
}

void hal_sim_close(struct hal_sim *sim)
{
    if (!sim)
        return;
    sim_observers_close(sim);
    close_inputs(sim);
    pthread_mutex_destroy(&sim->lock);
    free(sim->relay);
    free(sim->input);
    free(sim);
}
