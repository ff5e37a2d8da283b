/* config check: every mistake of the configuration, before anything starts. */
#include <stdio.h>

#include "app/ctl/ctl.h"
#include "app/ctl/line_check.h"

static void print_config(const struct config *c)
{
    printf("site %s, gateway %s\n", c->site.s, c->gateway.s);
    printf("broker %s port %d, cloud %s\n", c->broker_address, c->broker_port,
           c->cloud_url[0] ? c->cloud_url : "none");
    for (size_t i = 0; i < c->n_doors; i++) {
        const struct config_door *d = &c->doors[i];
        if (!config_has_line(&d->relay)) {
            printf("door %s: an elevator, relays for its floors alone\n", d->id.s);
            continue;
        }
        printf("door %s: relay %s line %s, active %s, %s\n", d->id.s, d->relay.chip, d->relay.line,
               d->relay.active_low ? "low" : "high",
               d->lock == LOCK_FAIL_SAFE ? "fail_safe (powered = locked)"
                                         : "fail_secure (powered = released)");
    }
}

int ctl_config_check(const struct ctl *ctl)
{
    struct config config;
    struct config_print print = {stderr, ctl->config_path};
    if (config_load(&config, ctl->config_path, config_print_mistake, &print) != GH_OK)
        return CTL_REFUSED;
    print_config(&config);
    int mistakes = ctl->sim ? 0 : line_check(&config);
    fflush(stdout);
    if (mistakes > 0)
        fprintf(stderr, "%s: %d mistake%s in its lines\n", ctl->config_path, mistakes,
                mistakes == 1 ? "" : "s");
    else
        printf("%s: good\n", ctl->config_path);
    config_free(&config);
    return mistakes > 0 ? CTL_REFUSED : CTL_DONE;
}
