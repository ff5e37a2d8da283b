/* config check: every mistake of the configuration, before anything starts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "app/ctl/broker_check.h"
#include "app/ctl/ctl.h"
#include "app/ctl/line_check.h"

void ctl_mistake(int *mistakes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    (*mistakes)++;
}

static void print_config(const struct config *c)
{
    printf("site %s, gateway %s\n", c->site.s, c->gateway.s);
    bool is_to_come = c->is_enrolled && access(c->cloud_cert_file, F_OK) != 0 && errno == ENOENT;
    printf("broker %s port %d, cloud %s%s\n", c->broker_address, c->broker_port,
           c->cloud_url[0] ? c->cloud_url : "none",
           is_to_come ? ", not enrolled there yet: gatehousectl enrol" : "");
    if (c->n_doors == 0)
        printf("no doors: nothing is driven until there is a [door ID]\n");
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
    int in_lines = 0;
    if (ctl->sim)
        line_list(&config);
    else
        in_lines = line_check(&config);
    fflush(stdout);
    int mistakes = in_lines + broker_check(&config);
    if (mistakes > 0)
        fprintf(stderr, "%s: %d mistake%s in %s\n", ctl->config_path, mistakes, mistakes == 1 ? "" : "s",
                in_lines == mistakes ? "its lines"
                : in_lines == 0      ? "the broker's folder"
                                     : "its lines and the broker's folder");
    else
        printf("%s: good\n", ctl->config_path);
    config_free(&config);
    return mistakes > 0 ? CTL_REFUSED : CTL_DONE;
}
