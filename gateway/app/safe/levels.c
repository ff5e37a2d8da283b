#include "app/safe/levels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/hold.h"
#include "line_look.h"

#define FIRE_PASSES 25 /* 20 ms each (main.c); then the input is taken to be broken */

static void collect(void *context, const struct config_use *use)
{
    struct levels *l = context;
    if (!use->input)
        l->uses[l->n++] = *use;
}

enum gh_err levels_init(struct levels *out, const struct config *config, bool stays)
{
    size_t room = config_lines_max(config);
    struct config_use *uses = calloc(room, sizeof *uses);
    struct level *level = calloc(room, sizeof *level);
    if (!uses || !level) {
        free(uses);
        free(level);
        return GH_IO;
    }
    *out = (struct levels){.config = config, .stays = stays, .fire_input = -1, .uses = uses, .level = level};
    config_each_line(config, collect, out);
    for (size_t i = 0; i < out->n; i++)
        out->level[i] = (struct level){.use = &out->uses[i], .relay = -1};
    return GH_OK;
}

void levels_let_go(struct levels *l)
{
    if (l->inputs)
        l->inputs->ops->close(l->inputs);
    if (l->relays)
        l->relays->ops->close(l->relays);
    l->inputs = NULL;
    l->relays = NULL;
    l->fire_input = -1;
    for (size_t i = 0; i < l->n; i++)
        l->level[i].relay = -1;
    fire_rules_free(&l->rules);
}

void levels_free(struct levels *l)
{
    levels_let_go(l);
    free(l->uses);
    free(l->level);
    *l = (struct levels){0};
}

static bool wanted(const struct levels *l, const struct config_use *use)
{
    bool released = l->is_fire && !fire_rules_ignore(&l->rules, &use->door->id);
    if (strcmp(use->what, "opener") == 0)
        return false;
    return use->floor ? released : config_energized(use->door->lock, released);
}

static const char *name_of(const struct levels *l)
{
    return l->stays ? HOLD_HOLDER : HOLD_PASSER;
}

/* The line is in the hands of gatehouse-safe --hold, which keeps it as we would. */
static bool is_held_by_holder(const struct levels *l, const struct config_use *use)
{
    struct hal_look at;
    return !l->stays && config_has_line(use->line) &&
           hal_gpiod_look(use->line, "", &at, NULL) == HAL_OK && hold_is_holder(use, at.holder);
}

static struct config_use fire_use(const struct levels *l)
{
    return (struct config_use){
        .line = &l->config->fire.line, .input = &l->config->fire, .what = "fire input"};
}

/* False: the site has a fire input and it is not ours yet. */
static bool take_fire(struct levels *l)
{
    const struct config_input *fire = &l->config->fire;
    char why[HAL_TEXT_MAX] = "", user[HAL_TEXT_MAX];
    bool active = false;
    if (!config_has_line(&fire->line) || l->fire_input >= 0)
        return true;
    const struct config_use use = fire_use(l);
    hold_user(user, name_of(l), &use);
    if (l->inputs->ops->add(l->inputs, &fire->line, user, fire->bias, fire->debounce_ms,
                            &l->fire_input, &active, why) == HAL_OK) {
        l->is_fire = active;
        return true;
    }
    l->fire_input = -1;
    if (!l->is_fire_told)
        fprintf(stderr, "gatehouse-safe: %s\n", why);
    l->is_fire_told = true;
    return false;
}

/* Follows the input past its debounce: as soon as it rests at a level, that is the one. */
static void read_fire(struct levels *l)
{
    struct input_change change;
    bool active;
    if (l->fire_input < 0)
        return;
    while (l->inputs->ops->next(l->inputs, &change) == HAL_OK)
        l->is_fire = change.active;
    /* It reads the line back; a lost edge comes as a change. An input that cannot be read
     * says nothing new: the failure of a line neither opens a door nor locks people in. */
    enum hal_err err = l->inputs->ops->get(l->inputs, l->fire_input, &active);
    (void)err;
}

static bool take_relay(struct levels *l, struct level *level)
{
    char why[HAL_TEXT_MAX] = "", user[HAL_TEXT_MAX];
    hold_user(user, name_of(l), level->use);
    if (l->relays->ops->add(l->relays, level->use->line, user, wanted(l, level->use),
                            &level->relay, why) == HAL_OK)
        return true;
    level->relay = -1;
    if (is_held_by_holder(l, level->use))
        return true;
    if (!level->is_told)
        fprintf(stderr, "gatehouse-safe: %s\n", why);
    level->is_told = true;
    return false;
}

size_t levels_reconcile(struct levels *l)
{
    const struct config_use fire = fire_use(l);
    if (is_held_by_holder(l, &fire))
        return 0; /* it has the relays too, or will in a moment */
    size_t wrong = !take_fire(l);
    if (wrong > 0 && l->stays && l->passes++ < FIRE_PASSES)
        return wrong;
    read_fire(l);
    for (size_t i = 0; i < l->n; i++) {
        struct level *level = &l->level[i];
        wrong += level->relay < 0
                     ? !take_relay(l, level)
                     : !relay_drive(l->relays, level->relay, wanted(l, level->use));
    }
    return wrong;
}

enum gh_err levels_take(struct levels *l, struct relay_board *relays, struct input_board *inputs)
{
    l->relays = relays;
    l->inputs = inputs;
    l->is_fire = false;
    for (size_t i = 0; i < l->n; i++)
        l->level[i].is_told = false;
    l->is_fire_told = false;
    l->passes = 0;
    if (!relays || !inputs) {
        levels_let_go(l);
        return GH_IO;
    }
    enum gh_err err = fire_rules_load(&l->rules, l->config->state_dir);
    if (err && err != GH_NOT_FOUND)
        fprintf(stderr, "gatehouse-safe: %s/%s: %s: a fire releases every door\n",
                l->config->state_dir, FIRE_RULES_FILE, gh_err_name(err));
    (void)levels_reconcile(l);
    return GH_OK;
}
