#include "app/gatehoused/doors.h"

#include <stdio.h>
#include <stdlib.h>

/* What the coil must be, by what de-energised means for this lock. */
static bool energized_for(const struct config_door *config, bool released)
{
    return config->lock == LOCK_FAIL_SECURE ? released : !released;
}

enum gh_err doors_add(struct doors *doors, const struct config_door *config, char why[HAL_TEXT_MAX])
{
    struct door_unit *unit = realloc(doors->unit, (doors->n + 1) * sizeof *unit);
    if (!unit) {
        snprintf(why, HAL_TEXT_MAX, "out of memory");
        return GH_IO;
    }
    doors->unit = unit;
    struct door_unit *u = &doors->unit[doors->n];
    *u = (struct door_unit){.config = config, .online = true};
    door_init(&u->door);
    char detail[HAL_TEXT_MAX] = "";
    enum hal_err err = doors->board->ops->add(doors->board, &config->relay, config->id.s,
                                              energized_for(config, false), &u->relay, detail);
    if (err != HAL_OK) {
        snprintf(why, HAL_TEXT_MAX, "%.*s", HAL_TEXT_MAX - 1, detail);
        return err == HAL_INVALID || err == HAL_BUSY ? GH_INVALID : GH_IO;
    }
    doors->n++;
    return GH_OK;
}

enum gh_err doors_open(struct doors *out, const struct config *config, struct relay_board *board,
                       char why[HAL_TEXT_MAX])
{
    struct doors d = {.board = board};
    for (size_t i = 0; i < config->n_doors; i++) {
        enum gh_err err = doors_add(&d, &config->doors[i], why);
        if (err) {
            doors_close(&d);
            return err;
        }
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
