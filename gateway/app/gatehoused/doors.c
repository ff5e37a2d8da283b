#include "app/gatehoused/doors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What the coil of an output must be. */
static bool wanted(const struct door_unit *unit, const struct door_output *out)
{
    bool released = door_is_released(&unit->door);
    switch (out->role) {
    case OUTPUT_LOCK: break;
    case OUTPUT_OPENER: return unit->door.is_opening;
    case OUTPUT_FLOOR:
        return unit->door.mode == MODE_UNLOCKED || (released && out->is_free);
    }
    return config_energized(unit->config->lock, released);
}

static enum gh_err add_output(struct doors *doors, struct door_unit *unit,
                              const struct door_output *output, const struct hal_line *line,
                              const char *user, char why[HAL_TEXT_MAX])
{
    struct door_output *more =
        reallocarray(unit->output, unit->n_outputs + 1, sizeof *more);
    if (!more) {
        snprintf(why, HAL_TEXT_MAX, "out of memory");
        return GH_IO;
    }
    unit->output = more;
    struct door_output *out = &more[unit->n_outputs];
    *out = *output;
    char detail[HAL_TEXT_MAX] = "";
    enum hal_err err =
        doors->board->ops->add(doors->board, line, user, wanted(unit, out), &out->relay, detail);
    if (err != HAL_OK) {
        snprintf(why, HAL_TEXT_MAX, "%.*s", HAL_TEXT_MAX - 1, detail);
        return err == HAL_INVALID || err == HAL_BUSY ? GH_INVALID : GH_IO;
    }
    unit->n_outputs++;
    return GH_OK;
}

static enum gh_err add_floors(struct doors *doors, const struct config *whole,
                              struct door_unit *unit, char why[HAL_TEXT_MAX])
{
    int bit = 0;
    enum gh_err err = GH_OK;
    for (size_t i = 0; i < whole->n_floors && !err; i++) {
        const struct config_floor *f = &whole->floors[i];
        char user[HAL_TEXT_MAX];
        if (!id_equal(&f->door, &unit->config->id))
            continue;
        const struct config_use use = {
            .door = unit->config, .what = "floor", .floor = &f->floor};
        config_use_name(user, &use);
        struct door_output out = {
            .role = OUTPUT_FLOOR, .floor = f->floor, .bit = UINT64_C(1) << bit};
        bit++;
        err = add_output(doors, unit, &out, &f->relay, user, why);
    }
    return err;
}

static struct door_unit *make_room(struct doors *doors, const struct id *id)
{
    struct door_unit *more = realloc(doors->unit, (doors->n + 1) * sizeof *more);
    if (!more)
        return NULL;
    doors->unit = more;
    if (id_map_reserve(&doors->by_id, doors->n + 1) != GH_OK)
        return NULL;
    id_map_put(&doors->by_id, id, doors->n);
    return &doors->unit[doors->n++];
}

enum gh_err doors_add(struct doors *doors, const struct config *whole,
                      const struct config_door *config, bool starts_released,
                      char why[HAL_TEXT_MAX])
{
    struct door_unit *unit = make_room(doors, &config->id);
    if (!unit) {
        snprintf(why, HAL_TEXT_MAX, "out of memory");
        return GH_IO;
    }
    *unit = (struct door_unit){.config = config, .online = true, .local.restored_at = INSTANT_NONE};
    door_init(&unit->door);
    if (starts_released)
        unit->door.mode = MODE_UNLOCKED;
    enum gh_err err = add_floors(doors, whole, unit, why);
    /* A door without floors has a lock, also in a rehearsal, where nothing is wired. */
    if (!err && (config_has_line(&config->relay) || unit->n_outputs == 0))
        err = add_output(doors, unit, &(struct door_output){.role = OUTPUT_LOCK}, &config->relay,
                         config->id.s, why);
    if (!err && config_has_line(&config->opener)) {
        char user[HAL_TEXT_MAX];
        config_use_name(user, &(struct config_use){.door = config, .what = "opener"});
        err = add_output(doors, unit, &(struct door_output){.role = OUTPUT_OPENER}, &config->opener,
                         user, why);
    }
    return err;
}

enum gh_err doors_open(struct doors *out, const struct config *config, struct relay_board *board,
                       bool (*starts_released)(void *context, const struct id *door), void *context,
                       char why[HAL_TEXT_MAX])
{
    struct doors d = {.board = board};
    for (size_t i = 0; i < config->n_doors; i++) {
        const struct config_door *door = &config->doors[i];
        enum gh_err err =
            doors_add(&d, config, door, starts_released(context, &door->id), why);
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
    for (size_t i = 0; i < doors->n; i++)
        free(doors->unit[i].output);
    free(doors->unit);
    id_map_free(&doors->by_id);
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
    size_t i;
    return id_map_find(&doors->by_id, id, &i) ? &doors->unit[i] : NULL;
}

const char *doors_alarm(const struct door_unit *unit)
{
    const char *alarm = door_alarm(&unit->door);
    return alarm || !unit->fault ? alarm : "relay_fault";
}

const char *doors_reconcile(struct doors *doors, struct door_unit *unit)
{
    const char *wrong = NULL;
    unit->online = true;
    for (size_t i = 0; i < unit->n_outputs; i++) {
        const struct door_output *out = &unit->output[i];
        if (relay_drive(doors->board, out->relay, wanted(unit, out)))
            continue;
        if (out->role == OUTPUT_OPENER && !wrong)
            wrong = "the opener's relay does not take its level";
        if (out->role == OUTPUT_OPENER)
            continue;
        unit->online = false;
        wrong = out->role == OUTPUT_LOCK ? "the relay does not take its level"
                                         : "a floor's relay does not take its level";
    }
    return wrong;
}

/* A floor of the policy that is a number is "#3"; here it is "3". */
static bool is_floor(const struct id *ours, const struct id *theirs)
{
    return strcmp(ours->s, theirs->s[0] == '#' ? theirs->s + 1 : theirs->s) == 0;
}

uint64_t doors_floors(const struct door_unit *unit, const struct id *const *floors, size_t n)
{
    uint64_t bits = 0;
    for (size_t o = 0; o < unit->n_outputs; o++)
        for (size_t i = 0; i < n && unit->output[o].role == OUTPUT_FLOOR; i++)
            if (is_floor(&unit->output[o].floor, floors[i]))
                bits |= unit->output[o].bit;
    return bits;
}

void doors_free_floors(struct door_unit *unit, uint64_t floors, struct mono until)
{
    for (size_t o = 0; o < unit->n_outputs; o++) {
        struct door_output *out = &unit->output[o];
        if ((out->bit & floors) == 0 || (out->is_free && out->free_until.ms >= until.ms))
            continue;
        out->is_free = true;
        out->free_until = until;
    }
}

bool doors_pass_floors(struct door_unit *unit, struct mono now)
{
    bool ended = false;
    for (size_t o = 0; o < unit->n_outputs; o++) {
        struct door_output *out = &unit->output[o];
        if (!out->is_free || now.ms < out->free_until.ms)
            continue;
        out->is_free = false;
        ended = true;
    }
    return ended;
}

void doors_end_floors(struct door_unit *unit)
{
    for (size_t o = 0; o < unit->n_outputs; o++)
        unit->output[o].is_free = false;
}

static void earlier(struct mono at, struct mono *out, bool *some)
{
    if (!*some || at.ms < out->ms)
        *out = at;
    *some = true;
}

bool doors_deadline(const struct doors *doors, struct mono *out)
{
    bool some = false;
    for (size_t i = 0; i < doors->n; i++) {
        const struct door_unit *unit = &doors->unit[i];
        struct mono at;
        if (door_deadline(&unit->door, &at))
            earlier(at, out, &some);
        for (size_t o = 0; o < unit->n_outputs; o++)
            if (unit->output[o].is_free)
                earlier(unit->output[o].free_until, out, &some);
    }
    return some;
}
