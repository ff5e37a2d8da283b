#include "app/gatehoused/site_lines.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/hold.h"
#include "app/log.h"
#include "line_look.h"

#define HOLDER_MS 2000 /* for which a start waits for whoever held the lines */

/* --- start ------------------------------------------------------------------- */

static void look_for_line(void *context, const struct config_use *use)
{
    bool *there = context;
    char name[HAL_TEXT_MAX], why[HAL_TEXT_MAX] = "";
    struct hal_look at;
    config_use_name(name, use);
    if (hal_gpiod_look(use->line, name, &at, why) == HAL_OK)
        return;
    log_line(LOG_ERR, "%s", why);
    *there = false;
}

/* Before whoever holds the lines is asked to let go: a start that fails must not move one. */
static bool are_lines_there(const struct config *config)
{
    bool there = true;
    config_each_line(config, look_for_line, &there);
    return there;
}

static bool open_board(struct site_lines *l, bool simulated)
{
    char path[CONFIG_PATH_MAX], why[HAL_TEXT_MAX] = "out of memory";
    if (!simulated) {
        if (!are_lines_there(l->config))
            return false;
        l->hold_fd = hold_claim(l->config, HOLDER_MS);
        l->relays = hal_gpiod_relays();
        l->input_board = hal_gpiod_inputs();
    } else if (config_path(path, l->config->run_dir, "sim.sock") &&
               (l->sim = hal_sim_open(path, why)) != NULL) {
        l->relays = hal_sim_relays(l->sim);
        l->input_board = hal_sim_inputs(l->sim);
    }
    bool both = l->relays && l->input_board;
    if (!both)
        log_line(LOG_ERR, "no board: %s", why);
    return both;
}

/* The fire input before the relays: whether there is a fire says how they are taken. */
static bool open_fire(struct site_lines *l)
{
    char why[HAL_TEXT_MAX] = "";
    enum gh_err err = fire_rules_load(&l->fire_rules, l->config->state_dir);
    if (err && err != GH_NOT_FOUND)
        log_line(LOG_WARNING, "%s/%s: %s: a fire releases every door until there is a policy",
                 l->config->state_dir, FIRE_RULES_FILE, gh_err_name(err));
    err = inputs_open_fire(&l->inputs, l->config, l->input_board, &l->is_fire, why);
    if (err)
        log_line(LOG_ERR, "%s", why);
    return err == GH_OK;
}

static bool open_doors(struct site_lines *l, const struct policy_store *policy)
{
    char why[HAL_TEXT_MAX] = "";
    struct controller_fire fire = {l->is_fire, &l->fire_rules};
    enum gh_err err =
        controller_take_doors(&l->doors, l->config, l->relays, policy, &fire, why);
    if (err)
        log_line(LOG_ERR, "the doors cannot be taken over: %s", why);
    return err == GH_OK;
}

bool site_lines_open_inputs(struct site_lines *l)
{
    char why[HAL_TEXT_MAX] = "";
    enum gh_err err = inputs_open_doors(&l->inputs, l->config, why);
    if (err)
        log_line(LOG_ERR, "%s", why);
    return err == GH_OK;
}

bool site_lines_open(struct site_lines *l, const struct config *config, bool simulated,
                     const struct policy_store *policy)
{
    l->config = config;
    return open_board(l, simulated) && open_fire(l) && open_doors(l, policy);
}

int site_lines_close(struct site_lines *l)
{
    doors_close(&l->doors);
    inputs_close(&l->inputs);
    fire_rules_free(&l->fire_rules);
    if (l->sim) {
        hal_sim_close(l->sim);
    } else {
        if (l->input_board)
            l->input_board->ops->close(l->input_board);
        if (l->relays)
            l->relays->ops->close(l->relays);
    }
    return l->hold_fd;
}

/* --- once a second ------------------------------------------------------------- */

static bool are_the_same(const struct fire_rules *a, const struct fire_rules *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = fire_rules_ignore(b, &a->ignoring[i]);
    return same;
}

/* What the policy says of fire, for gatehouse-safe and for a start without a policy. */
static void save_fire_rules(struct site_lines *l, struct controller *c)
{
    const struct doors *doors = &c->doors;
    struct fire_rules rules = {calloc(doors->n + 1, sizeof *rules.ignoring), 0};
    c->are_fire_rules_new = false;
    for (size_t i = 0; rules.ignoring && i < doors->n; i++)
        if (doors->unit[i].is_fire_ignored)
            rules.ignoring[rules.n++] = doors->unit[i].config->id;
    if (rules.ignoring && are_the_same(&rules, &l->fire_rules)) {
        fire_rules_free(&rules);
        return;
    }
    enum gh_err err = rules.ignoring ? fire_rules_save(&rules, l->config->state_dir) : GH_IO;
    if (err) {
        fire_rules_free(&rules);
        c->are_fire_rules_new = true; /* again in a second */
        if (!l->is_saving_in_vain)
            log_line(LOG_WARNING, "%s/%s cannot be written: %s", l->config->state_dir,
                     FIRE_RULES_FILE, gh_err_name(err));
        l->is_saving_in_vain = true;
        return;
    }
    fire_rules_free(&l->fire_rules);
    l->fire_rules = rules;
    l->is_saving_in_vain = false;
}

/* A holder may have started since, or anew. */
static void keep_holder(struct site_lines *l)
{
    if (l->hold_fd >= 0 && !hold_is_there(l->hold_fd)) {
        close(l->hold_fd);
        l->hold_fd = -1;
    }
    if (l->hold_fd < 0)
        l->hold_fd = hold_claim(l->config, 0);
}

void site_lines_pass_second(struct site_lines *l, struct controller *c, struct now now)
{
    inputs_check(&l->inputs, c, now);
    if (!l->sim)
        keep_holder(l);
    if (c->are_fire_rules_new)
        save_fire_rules(l, c);
}
