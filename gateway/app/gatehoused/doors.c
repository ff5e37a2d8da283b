#include "app/gatehoused/doors.h"

#include <inttypes.h>
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
    *u = (struct door_unit){.config = config, .online = true, .local.restored_at = INSTANT_NONE};
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

/* --- what commands and reads have left behind --------------------------------------- */

static int64_t instant_or_none(struct slice *value)
{
    struct slice rest = *value, word;
    int64_t instant = INSTANT_NONE;
    if (!ledger_word_number(value, &instant)) {
        *value = rest;
        (void)ledger_word(value, &word);
    }
    return instant;
}

static void remember_local(struct door_unit *unit, struct ledger *ledger)
{
    const struct id *id = &unit->config->id;
    struct ledger_key mode = ledger_key('q', id, NULL), restore = ledger_key('r', id, NULL),
                      lockdown = ledger_key('k', id, NULL), noted = ledger_key('m', id, NULL);
    struct slice value = ledger_get(ledger, &mode), word;
    unit->local.restored_at = INSTANT_NONE;
    if (ledger_word(&value, &word)) {
        unit->local.mode = slice_is(word, "unlocked") ? LOCAL_UNLOCKED : LOCAL_LOCKED;
        unit->local.at = instant_or_none(&value);
        unit->local.until = instant_or_none(&value);
    }
    value = ledger_get(ledger, &restore);
    if (value.ptr)
        unit->local.restored_at = instant_or_none(&value);
    unit->local.is_lockdown = ledger_get(ledger, &lockdown).ptr != NULL;
    value = ledger_get(ledger, &noted);
    if (!value.ptr || door_mode_parse(&unit->noted, value) != GH_OK)
        unit->noted = MODE_LOCKED;
}

static void remember_latch(void *context, struct ledger_entry *entry)
{
    struct id door, row;
    struct slice key = ledger_entry_key(entry), value = ledger_entry_value(entry), word;
    int64_t until = 0, fingerprint = 0;
    if (!ledger_part(key, 0, &door) || !ledger_part(key, 1, &row) || !ledger_word(&value, &word) ||
        !ledger_word_number(&value, &until) || !ledger_word_number(&value, &fingerprint))
        return;
    struct door_unit *unit = doors_find(context, &door);
    if (!unit || unit->n_latches == MODE_ROWS_MAX)
        return;
    unit->latch_seq[unit->n_latches] = 0;
    unit->latch[unit->n_latches++] = (struct latch){
        .row = row,
        .kind = slice_is(word, "open") ? LATCH_OPEN : LATCH_ENDED,
        .until = until,
        .fingerprint = (uint64_t)fingerprint,
    };
}

void doors_remember(struct doors *doors, struct ledger *ledger)
{
    for (size_t i = 0; i < doors->n; i++) {
        doors->unit[i].n_latches = 0;
        remember_local(&doors->unit[i], ledger);
    }
    ledger_each(ledger, 'l', remember_latch, doors);
}

void doors_set_local(struct door_unit *unit, struct ledger *ledger, enum local_mode mode,
                     int64_t at, int64_t until)
{
    struct ledger_key key = ledger_key('q', &unit->config->id, NULL);
    char text[80], end[24] = "-";
    unit->local.mode = mode;
    unit->local.at = at;
    unit->local.until = until;
    if (mode == LOCAL_NONE) {
        ledger_forget(ledger, &key);
        return;
    }
    if (until != INSTANT_NONE)
        snprintf(end, sizeof end, "%" PRId64, until);
    int n = snprintf(text, sizeof text, "%s %" PRId64 " %s",
                     mode == LOCAL_UNLOCKED ? "unlocked" : "locked", at, end);
    (void)ledger_put(ledger, &key, slice_make(text, (size_t)n));
}

void doors_set_restored(struct door_unit *unit, struct ledger *ledger, int64_t at)
{
    struct ledger_key key = ledger_key('r', &unit->config->id, NULL);
    doors_set_local(unit, ledger, LOCAL_NONE, 0, INSTANT_NONE);
    if (unit->local.restored_at > at)
        return; /* the clock went back: what was outweighed stays so */
    unit->local.restored_at = at;
    (void)ledger_put_number(ledger, &key, at);
}

void doors_set_lockdown(struct door_unit *unit, struct ledger *ledger, bool is_lockdown, int64_t at)
{
    struct ledger_key key = ledger_key('k', &unit->config->id, NULL);
    unit->local.is_lockdown = is_lockdown;
    if (is_lockdown)
        (void)ledger_put_number(ledger, &key, at);
    else
        ledger_forget(ledger, &key);
}

void doors_set_latch(struct door_unit *unit, struct ledger *ledger, const struct latch *latch,
                     uint64_t seq)
{
    struct ledger_key key = ledger_key('l', &unit->config->id, &latch->row);
    size_t i = 0;
    char text[80];
    while (i < unit->n_latches && !id_equal(&unit->latch[i].row, &latch->row))
        i++;
    if (i == MODE_ROWS_MAX)
        return; /* cannot be: there are no more rows in force than that, and no other latches */
    unit->latch[i] = *latch;
    unit->latch_seq[i] = seq;
    if (i == unit->n_latches)
        unit->n_latches++;
    int n = snprintf(text, sizeof text, "%s %" PRId64 " %" PRId64,
                     latch->kind == LATCH_OPEN ? "open" : "ended", latch->until,
                     (int64_t)latch->fingerprint);
    (void)ledger_put(ledger, &key, slice_make(text, (size_t)n));
}

void doors_drop_latch(struct door_unit *unit, struct ledger *ledger, size_t i)
{
    struct ledger_key key = ledger_key('l', &unit->config->id, &unit->latch[i].row);
    ledger_forget(ledger, &key);
    unit->n_latches--;
    unit->latch[i] = unit->latch[unit->n_latches];
    unit->latch_seq[i] = unit->latch_seq[unit->n_latches];
}

/* --- levels ------------------------------------------------------------------------ */

struct door_unit *doors_find(const struct doors *doors, const struct id *id)
{
    for (size_t i = 0; i < doors->n; i++)
        if (id_equal(&doors->unit[i].config->id, id))
            return &doors->unit[i];
    return NULL;
}

bool doors_reconcile(struct doors *doors, struct door_unit *unit)
{
    const struct relay_ops *ops = doors->board->ops;
    bool want = energized_for(unit->config, door_is_released(&unit->door));
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
