#include "app/gatehoused/inputs.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/log.h"

#define TURN 64 /* changes taken before other things get their turn */
#define HASTY_MS 400 /* IEC 60839-11-1: what lasts longer must be seen */
#define QUIET_MS 1000

const char *sense_name(enum sense sense)
{
    static const char *const names[] = {[SENSE_FIRE] = "fire",
                                        [SENSE_CONTACT] = "contact",
                                        [SENSE_REX] = "rex",
                                        [SENSE_TAMPER] = "tamper"};
    return names[sense];
}

const char *input_trouble_name(enum input_trouble trouble)
{
    static const char *const names[] = {
        [INPUT_FINE] = "ok", [INPUT_CHATTERS] = "chatters", [INPUT_LOST] = "lost"};
    return names[trouble];
}

/* --- open ---------------------------------------------------------------------------- */

static enum gh_err take(struct inputs *in, enum sense sense, const struct config_door *door,
                        const struct config_input *config, char why[HAL_TEXT_MAX])
{
    char user[HAL_TEXT_MAX], detail[HAL_TEXT_MAX] = "";
    struct input_unit *more = reallocarray(in->unit, in->n + 1, sizeof *more);
    if (!more) {
        snprintf(why, HAL_TEXT_MAX, "out of memory");
        return GH_IO;
    }
    in->unit = more;
    struct input_unit *unit = &more[in->n];
    *unit = (struct input_unit){
        .sense = sense, .door = door ? &door->id : NULL, .config = config};
    const char *what = sense == SENSE_FIRE ? "fire input" : sense_name(sense);
    config_use_name(user, &(struct config_use){.door = door, .what = what});
    enum hal_err err = in->board->ops->add(in->board, &config->line, user, config->bias,
                                           config->debounce_ms, &unit->index, &unit->is_active,
                                           detail);
    if (err != HAL_OK) {
        snprintf(why, HAL_TEXT_MAX, "%.*s", HAL_TEXT_MAX - 1, detail);
        return err == HAL_INVALID || err == HAL_BUSY ? GH_INVALID : GH_IO;
    }
    in->n++;
    return GH_OK;
}

enum gh_err inputs_open_fire(struct inputs *in, const struct config *config,
                             struct input_board *board, bool *is_fire, char why[HAL_TEXT_MAX])
{
    *in = (struct inputs){.board = board};
    *is_fire = false;
    if (!config_has_line(&config->fire.line))
        return GH_OK;
    enum gh_err err = take(in, SENSE_FIRE, NULL, &config->fire, why);
    if (!err)
        *is_fire = in->unit[0].is_active;
    return err;
}

enum gh_err inputs_open_doors(struct inputs *in, const struct config *config,
                              char why[HAL_TEXT_MAX])
{
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < config->n_doors && !err; i++) {
        const struct config_door *door = &config->doors[i];
        const struct {
            enum sense sense;
            const struct config_input *input;
        } wired[] = {{SENSE_CONTACT, &door->contact},
                     {SENSE_REX, &door->rex},
                     {SENSE_TAMPER, &door->tamper}};
        for (size_t w = 0; w < sizeof wired / sizeof wired[0] && !err; w++)
            if (config_has_line(&wired[w].input->line))
                err = take(in, wired[w].sense, door, wired[w].input, why);
    }
    return err;
}

void inputs_close(struct inputs *in)
{
    free(in->unit);
    *in = (struct inputs){0};
}

int inputs_fd(const struct inputs *in)
{
    return in->n > 0 ? in->board->ops->fd(in->board) : -1;
}

/* --- telling ------------------------------------------------------------------------- */

static void tell(struct input_unit *unit, struct controller *c, bool is_active, struct now now)
{
    unit->is_told = is_active;
    switch (unit->sense) {
    case SENSE_FIRE: controller_on_fire(c, NULL, is_active, now); break;
    case SENSE_CONTACT: controller_on_contact(c, unit->door, is_active, now); break;
    case SENSE_REX: controller_on_rex(c, unit->door, is_active, now); break;
    case SENSE_TAMPER: controller_on_tamper(c, unit->door, is_active, now); break;
    }
}

void inputs_begin(struct inputs *in, struct controller *c, struct now now)
{
    for (size_t i = 0; i < in->n; i++) {
        struct input_unit *unit = &in->unit[i];
        unit->changed = now.mono;
        if (unit->sense == SENSE_REX && unit->is_active) {
            /* Nobody saw somebody ask. */
            controller_rex_at_start(c, unit->door, now);
            unit->is_told = true;
        } else {
            tell(unit, c, unit->is_active, now);
        }
    }
}

/* --- trouble ------------------------------------------------------------------------- */

static void report(const struct input_unit *unit, struct controller *c, bool on, struct now now)
{
    char what[HAL_TEXT_MAX];
    snprintf(what, sizeof what, "the %s input %s",
             unit->sense == SENSE_REX ? "request to exit" : sense_name(unit->sense),
             unit->journalled == INPUT_LOST ? "cannot be read: its board does not answer"
                                         : "chatters: it is not believed until it rests");
    log_line(on ? LOG_ERR : LOG_NOTICE, "%s%s%s%s", unit->door ? unit->door->s : "",
             unit->door ? ": " : "", what, on ? "" : ": over");
    controller_input_fault(c, unit->door, what, on, now);
}

static void begin_trouble(struct input_unit *unit, struct controller *c,
                          enum input_trouble trouble, struct now now)
{
    if (unit->trouble != INPUT_FINE)
        return;
    unit->trouble = trouble;
    unit->changed = now.mono;
    if (unit->journalled == INPUT_FINE) {
        unit->journalled = trouble;
        report(unit, c, true, now);
    }
    if (unit->sense == SENSE_REX && unit->is_told)
        tell(unit, c, false, now);
}

/* It is believed again, as it stands. */
static void end_trouble(struct input_unit *unit, struct controller *c, struct now now)
{
    unit->trouble = INPUT_FINE;
    unit->believed = now.mono;
    unit->haste = 0;
    if (unit->sense == SENSE_REX && unit->is_active)
        return; /* who asked, and when, nobody knows: it must be let go first */
    if (unit->is_told != unit->is_active)
        tell(unit, c, unit->is_active, now);
}

static void note_that_it_is_over(struct input_unit *unit, struct controller *c, struct now now)
{
    if (unit->journalled == INPUT_FINE || unit->trouble != INPUT_FINE ||
        now.mono.ms - unit->believed.ms < INPUT_OVER_MS)
        return;
    report(unit, c, false, now);
    unit->journalled = INPUT_FINE;
}

/* --- changes ------------------------------------------------------------------------- */

/* Counts a change; true if the input has changed too fast for too long. */
static bool is_too_hasty(struct input_unit *unit, struct now now)
{
    int64_t lasted_ms = now.mono.ms - unit->changed.ms;
    int64_t quiet = lasted_ms < QUIET_MS ? 1 : lasted_ms / QUIET_MS;
    unit->changed = now.mono;
    unit->changes++;
    if (lasted_ms >= HASTY_MS)
        unit->haste = unit->haste > quiet ? unit->haste - (int)quiet : 0;
    else if (unit->haste < INPUT_CHATTER_CHANGES)
        unit->haste++;
    return unit->haste >= INPUT_CHATTER_CHANGES;
}

static void on_change(struct input_unit *unit, struct controller *c, bool is_active,
                      struct now now)
{
    unit->is_active = is_active;
    bool hasty = is_too_hasty(unit, now);
    if (unit->trouble == INPUT_FINE && hasty)
        begin_trouble(unit, c, INPUT_CHATTERS, now);
    if (unit->trouble == INPUT_FINE || (unit->sense == SENSE_FIRE && is_active))
        tell(unit, c, is_active, now);
}

static struct input_unit *find(struct inputs *in, int index)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->unit[i].index == index)
            return &in->unit[i];
    return NULL;
}

bool inputs_take(struct inputs *in, struct controller *c, struct now now)
{
    struct input_change change;
    for (int turn = 0; turn < TURN; turn++) {
        if (in->board->ops->next(in->board, &change) != HAL_OK)
            return false; /* a board that is gone shows when it is read back */
        struct input_unit *unit = find(in, change.index);
        if (unit)
            on_change(unit, c, change.active, now);
    }
    return true;
}

static bool has_rested(const struct input_unit *unit, struct now now)
{
    int64_t rested_ms = now.mono.ms - unit->changed.ms;
    return unit->trouble == INPUT_LOST ||
           (unit->trouble == INPUT_CHATTERS &&
            (rested_ms >= INPUT_REST_MS || (unit->haste == 0 && rested_ms >= QUIET_MS)));
}

void inputs_check(struct inputs *in, struct controller *c, struct now now)
{
    const struct input_ops *ops = in->n > 0 ? in->board->ops : NULL;
    for (size_t i = 0; i < in->n; i++) {
        struct input_unit *unit = &in->unit[i];
        bool level;
        bool is_read = ops->get(in->board, unit->index, &level) == HAL_OK;
        int64_t restless_ms = ops->restless_ms(in->board, unit->index);
        if (!is_read)
            begin_trouble(unit, c, INPUT_LOST, now);
        else if (restless_ms >= INPUT_RESTLESS_MS)
            begin_trouble(unit, c, INPUT_CHATTERS, now);
        if (!is_read || restless_ms > 0)
            unit->changed = unit->believed = now.mono; /* it does not rest */
        else if (level == unit->is_active && has_rested(unit, now))
            end_trouble(unit, c, now); /* with nothing on its way that it has still to say */
        note_that_it_is_over(unit, c, now);
    }
}
