/* The lines of a configuration: what uses each, and the name of that use. */
#include <stdio.h>

#include "app/config.h"

size_t config_lines_max(const struct config *c)
{
    return 1 + 5 * c->n_doors + c->n_floors;
}

void config_each_line(const struct config *c,
                      void (*each)(void *context, const struct config_use *use), void *context)
{
    struct config_use use = {.line = &c->fire.line, .input = &c->fire, .what = "fire input"};
    if (config_has_line(use.line))
        each(context, &use);
    for (size_t i = 0; i < c->n_doors; i++) {
        const struct config_door *d = &c->doors[i];
        const struct config_use uses[] = {
            {&d->relay, NULL, d, "relay", NULL, d->line_number},
            {&d->opener, NULL, d, "opener", NULL, d->line_number},
            {&d->contact.line, &d->contact, d, "contact", NULL, d->line_number},
            {&d->rex.line, &d->rex, d, "rex", NULL, d->line_number},
            {&d->tamper.line, &d->tamper, d, "tamper", NULL, d->line_number},
        };
        for (size_t u = 0; u < sizeof uses / sizeof uses[0]; u++)
            if (config_has_line(uses[u].line))
                each(context, &uses[u]);
    }
    for (size_t i = 0; i < c->n_floors; i++) {
        const struct config_floor *f = &c->floors[i];
        use = (struct config_use){.line = &f->relay,
                                  .door = config_find_door(c, &f->door),
                                  .what = "floor",
                                  .floor = &f->floor,
                                  .line_number = f->line_number};
        if (config_has_line(use.line))
            each(context, &use);
    }
}

void config_use_name(char out[HAL_TEXT_MAX], const struct config_use *use)
{
    snprintf(out, HAL_TEXT_MAX, "%s%s%s%s%s", use->door ? use->door->id.s : "",
             use->door ? " " : "", use->what, use->floor ? " " : "", use->floor ? use->floor->s : "");
}
