#include "app/gatehoused/command_memory.h"

#define REMEMBERED_S (7 * 86400)

static const struct id memory = {"commands"};

void command_memory_begin(struct ledger *ledger, bool is_new, struct now now)
{
    struct ledger_key key = ledger_key('b', &memory, NULL);
    if (ledger_find(ledger, &key))
        return;
    /* A stream of an earlier version has remembered all along. 0: not known yet. */
    int64_t since = wall_is_trusted(now.wall) ? now.wall.s : 0;
    (void)ledger_put_number(ledger, &key, is_new ? since : 1);
}

/* 0: it came while the clock was not trusted, and nobody knows how old it is. */
static bool is_old(void *context, const struct ledger_entry *entry)
{
    const struct now *now = context;
    struct slice value = ledger_entry_value(entry);
    int64_t at = 0;
    return wall_is_trusted(now->wall) &&
           (!ledger_word_number(&value, &at) || (at != 0 && now->wall.s - at > REMEMBERED_S));
}

static struct ledger_key command_key(const struct id *command, const struct id *panel)
{
    return ledger_key('c', command, id_is_none(panel) ? NULL : panel);
}

bool command_memory_knows(const struct ledger *ledger, const struct id *command,
                          const struct id *panel, struct now now)
{
    struct ledger_key key = command_key(command, panel);
    const struct ledger_entry *known = id_is_none(command) ? NULL : ledger_find(ledger, &key);
    return known && !is_old(&now, known);
}

/* The memory then begins a week ago, if it did not later (0: nobody knows). */
static void drop_old(struct ledger *ledger, struct now now)
{
    struct ledger_key key = ledger_key('b', &memory, NULL);
    int64_t since = ledger_number(ledger, &key), week_ago = now.wall.s - REMEMBERED_S;
    size_t known = ledger->n;
    ledger_sweep(ledger, 'c', is_old, &now);
    if (ledger->n < known && since > 0 && since < week_ago)
        (void)ledger_put_number(ledger, &key, week_ago);
}

/* The ids of one source: of a panel, or of all others. */
struct source {
    struct ledger *ledger;
    const struct id *panel;
    struct now now;
    size_t n;
    const struct ledger_entry *oldest;
    int64_t oldest_at;
};

static struct ledger_key key_of(const struct ledger_entry *entry)
{
    struct slice text = ledger_entry_key(entry);
    struct ledger_key key = {.len = (uint8_t)text.len};
    memcpy(key.s, text.ptr, text.len);
    return key;
}

static bool is_from(const struct ledger_entry *entry, const struct id *panel)
{
    struct slice rest = ledger_entry_key(entry);
    (void)slice_cut(&rest, '/');
    (void)slice_cut(&rest, '/');
    return slice_is(rest, panel->s);
}

static void look_at(void *context, struct ledger_entry *entry)
{
    struct source *s = context;
    struct slice value = ledger_entry_value(entry);
    int64_t at = 0;
    (void)ledger_word_number(&value, &at);
    if (at == 0 && wall_is_trusted(s->now.wall)) { /* its week begins now */
        struct ledger_key key = key_of(entry);
        at = s->now.wall.s;
        (void)ledger_put_number(s->ledger, &key, at);
    }
    if (is_from(entry, s->panel) && (s->n++ == 0 || at < s->oldest_at)) {
        s->oldest = entry;
        s->oldest_at = at;
    }
}

/* Somebody who sends commands without end takes no memory without end. Of the cloud's, the
 * memory then begins behind the one that made room; those of panels say what is late. */
static void make_room(struct ledger *ledger, const struct id *panel, struct now now)
{
    struct source s = {.ledger = ledger, .panel = panel, .now = now};
    struct ledger_key began = ledger_key('b', &memory, NULL);
    bool is_panel = !id_is_none(panel);
    ledger_each(ledger, 'c', look_at, &s);
    if (s.n < (is_panel ? COMMAND_MEMORY_PANEL : COMMAND_MEMORY_OTHERS))
        return;
    if (!is_panel && s.oldest_at == 0)
        return; /* without a clock nobody knows where it would begin */
    struct ledger_key oldest = key_of(s.oldest);
    ledger_forget(ledger, &oldest);
    if (!is_panel && ledger_number(ledger, &began) <= s.oldest_at)
        (void)ledger_put_number(ledger, &began, s.oldest_at + 1);
}

void command_memory_add(struct ledger *ledger, const struct id *command, const struct id *panel,
                        int64_t issued_at, struct now now)
{
    struct ledger_key key = command_key(command, panel);
    int64_t at = now.wall.s > issued_at ? now.wall.s : issued_at;
    if (id_is_none(command))
        return;
    drop_old(ledger, now);
    if (!ledger_find(ledger, &key))
        make_room(ledger, panel, now);
    (void)ledger_put_number(ledger, &key, wall_is_trusted(now.wall) ? at : 0);
}

bool command_memory_is_past(int64_t issued_at, struct now now)
{
    return now.wall.s - issued_at > REMEMBERED_S;
}

bool command_memory_is_before(struct ledger *ledger, int64_t issued_at, struct now now,
                              struct now started)
{
    struct ledger_key key = ledger_key('b', &memory, NULL);
    int64_t since = ledger_number(ledger, &key);
    if (since == 0 && !wall_is_trusted(now.wall))
        return false;
    if (since == 0) { /* the clock was not trusted when it began */
        since = now.wall.s - (now.mono.ms - started.mono.ms) / 1000;
        (void)ledger_put_number(ledger, &key, since);
    }
    return issued_at < since;
}
