/* config check, the lines: what the kernel says of each, and what the wiring means. */
#include "app/ctl/line_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/ctl.h"
#include "app/hold.h"
#include "line_look.h"

struct looked {
    struct config_use use;
    struct hal_look at;
    bool is_found;
};

struct line_check {
    struct looked *line; /* owned */
    size_t n;
    int mistakes;
};

__attribute__((format(printf, 2, 3))) static void warn(const struct config_use *use,
                                                       const char *format, ...)
{
    char name[HAL_TEXT_MAX];
    va_list args;
    config_use_name(name, use);
    fprintf(stderr, "warning: %s: ", name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- what the kernel says ----------------------------------------------------------- */

/* As gatehoused and gatehouse-safe call themselves to the kernel. */
static bool is_ours(const struct config_use *use, const char *holder)
{
    char plain[HAL_TEXT_MAX];
    bool is_lock = strcmp(use->what, "relay") == 0;
    if (is_lock)
        snprintf(plain, sizeof plain, "%s", use->door->id.s);
    else
        config_use_name(plain, use);
    return strncmp(plain, holder, HOLD_USER_MAX) == 0 || hold_is_user(use, holder);
}

static void look_at(void *context, const struct config_use *use)
{
    struct line_check *c = context;
    struct looked *line = &c->line[c->n++];
    char why[HAL_TEXT_MAX] = "", name[HAL_TEXT_MAX];
    *line = (struct looked){.use = *use};
    config_use_name(name, use);
    line->is_found = hal_gpiod_look(use->line, name, &line->at, why) == HAL_OK;
    if (!line->is_found) {
        ctl_mistake(&c->mistakes, "%s", why);
        return;
    }
    if (line->at.holder[0] && !is_ours(use, line->at.holder))
        ctl_mistake(&c->mistakes, "%s: line %u of %s is held by \"%s\"", name, line->at.offset, line->at.chip,
                line->at.holder);
    for (size_t i = 0; i + 1 < c->n; i++) {
        const struct looked *other = &c->line[i];
        char first[HAL_TEXT_MAX];
        if (!other->is_found || other->at.offset != line->at.offset ||
            strcmp(other->at.chip, line->at.chip) != 0)
            continue;
        config_use_name(first, &other->use);
        ctl_mistake(&c->mistakes, "line %u of %s is used by both %s and %s", line->at.offset, line->at.chip,
                first, name);
    }
}

static void print_level(const struct config_use *use)
{
    if (use->input)
        printf("%s = at rest, debounce %d ms", use->line->active_low ? "high" : "low",
               use->input->debounce_ms);
    else if (strcmp(use->what, "relay") == 0)
        printf("%s = released",
               config_energized(use->door->lock, true) != use->line->active_low ? "high" : "low");
    else
        printf("%s = on", use->line->active_low ? "low" : "high");
}

static void print_line(const struct looked *line)
{
    const struct config_use *use = &line->use;
    char name[HAL_TEXT_MAX];
    config_use_name(name, use);
    printf("  %-24s %s line %u%s%s, ", name, line->at.chip, line->at.offset,
           line->at.name[0] ? " " : "", line->at.name);
    print_level(use);
    printf("%s%s%s\n", line->at.holder[0] ? ", held by \"" : "", line->at.holder,
           line->at.holder[0] ? "\" (running)" : "");
}

static void print_configured(void *context, const struct config_use *use)
{
    char name[HAL_TEXT_MAX];
    (void)context;
    config_use_name(name, use);
    printf("  %-24s %s line %s, ", name, use->line->chip, use->line->line);
    print_level(use);
    putchar('\n');
}

/* --- what the wiring means ------------------------------------------------------------ */

static bool is_raspberry(const char *label)
{
    return strncmp(label, "pinctrl-bcm2", 12) == 0 || strncmp(label, "pinctrl-rp1", 11) == 0;
}

/* A Raspberry Pi pulls lines 0 to 8 up from power-on and the others down, and its serial
 * console drives 14 high, until a program takes them. */
static void check_power_on(const struct looked *line)
{
    const struct config_use *use = &line->use;
    if (use->input || !is_raspberry(line->at.label) || line->at.offset > 27)
        return;
    bool is_high = line->at.offset <= 8 || line->at.offset == 14;
    bool energized = is_high != use->line->active_low;
    const char *why = line->at.offset == 14 ? "driven high by the serial console"
                      : is_high             ? "pulled up"
                                            : "pulled down";
    if (strcmp(use->what, "relay") != 0) {
        if (energized)
            warn(use, "line %u is %s from power-on until gatehoused starts: the relay is on "
                      "until then; use lines 9 to 27 but 14, active high", line->at.offset, why);
        return;
    }
    if (energized == config_energized(use->door->lock, true))
        warn(use, "line %u is %s from power-on: the door is released until gatehoused starts%s",
             line->at.offset, why,
             use->door->lock == LOCK_FAIL_SAFE ? "" : "; use lines 9 to 27 but 14, active high");
}

static void check_wiring(const struct looked *line)
{
    const struct config_use *use = &line->use;
    check_power_on(line);
    if (!use->input)
        return;
    if (strcmp(use->what, "fire input") == 0 && !use->input->normally_closed)
        warn(use, "normally_open: a cut wire would go unnoticed; wire the panel's normally "
                     "closed contact");
    if (strcmp(use->what, "rex") == 0 && use->input->normally_closed)
        warn(use, "normally_closed: a cut wire asks to exit, and releases the door for up to "
                     "five minutes");
    if (strcmp(use->what, "tamper") == 0 && !use->input->normally_closed)
        warn(use, "normally_open: a cut wire would go unnoticed");
    if (use->input->debounce_ms < 20)
        warn(use, "debounce %d ms: contacts bounce for up to 20 ms", use->input->debounce_ms);
    if (use->input->debounce_ms > 400)
        warn(use, "debounce %d ms: what lasts for 400 ms must be seen", use->input->debounce_ms);
}

void line_list(const struct config *config)
{
    printf("lines\n");
    config_each_line(config, print_configured, NULL);
}

int line_check(const struct config *config)
{
    struct line_check c = {0};
    c.line = calloc(config_lines_max(config), sizeof *c.line);
    if (!c.line) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    config_each_line(config, look_at, &c);
    bool has_head = false;
    for (size_t i = 0; i < c.n; i++) {
        if (!c.line[i].is_found)
            continue;
        if (!has_head)
            printf("lines\n");
        has_head = true;
        print_line(&c.line[i]);
    }
    fflush(stdout);
    for (size_t i = 0; i < c.n; i++)
        if (c.line[i].is_found)
            check_wiring(&c.line[i]);
    if (!config_has_line(&config->fire.line))
        fprintf(stderr, "warning: [site] has no \"fire\": a fire alarm must release the doors by "
                        "hardware alone\n");
    free(c.line);
    return c.mistakes;
}
