#include "app/gatehoused/doors.h"

#include <stdio.h>
#include <stdlib.h>

/* What the coil must be, by what de-energised means for this lock. */
static bool energized_for(const struct config_door *config, bool released)
{
    return config->lock == LOCK_FAIL_SECURE ? released : !released;
}

enum gh_err doors_open(struct doors *out, const struct config *config, struct relay_board *board,
                       char why[HAL_TEXT_MAX])
{
    struct doors d = {.board = board, .n = config->n_doors};
    d.unit = calloc(config->n_doors, sizeof *d.unit);
    if (!d.unit)
        return GH_IO;
    for (size_t i = 0; i < d.n; i++) {
        struct door_unit *u = &d.unit[i];
        u->config = &config->doors[i];
        door_init(&u->door);
        char detail[HAL_TEXT_MAX];
        enum hal_err err = board->ops->add(board, &u->config->relay, u->config->id.s,
                                           energized_for(u->config, false), &u->relay, detail);
        if (err != HAL_OK) {
            snprintf(why, HAL_TEXT_MAX, "%.*s", HAL_TEXT_MAX - 1, detail);
            free(d.unit);
            return err == HAL_INVALID || err == HAL_BUSY ? GH_INVALID : GH_IO;
        }
        u->online = true;
    }
    *out = d;
    return GH_OK;
}

void doors_close(struct doors *doors)
{
    free(doors->unit);
    *doors = (struct doors){0};
}

struct door_unit *doors_find(struct doors *doors, const struct id *id)
{
    for (size_t i = 0; i < doors->n; i++)
        if (id_equal(&doors->unit[i].config->id, id))
            return &doors->unit[i];
    return NULL;
}

bool doors_reconcile(struct doors *doors, struct door_unit *unit)
{
    const struct relay_ops *ops = doors->board->ops;
    bool want = energized_for(unit->config, unit->door.released);
    bool is = !want;
    unit->online = ops->set(doors->board, unit->relay, want) == HAL_OK &&
                   ops->get(doors->board, unit->relay, &is) == HAL_OK && is == want;
    return unit->online;
}

bool doors_deadline(const struct doors *doors, struct mono *out)
{
    bool some = false;
    for (size_t i = 0; i < doors->n; i++) {
        struct mono at;
        if (door_deadline(&doors->unit[i].door, &at) && (!some || at.ms < out->ms)) {
            *out = at;
            some = true;
        }
    }
    return some;
}
