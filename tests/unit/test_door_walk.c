/* The machine of one door: every state with every event, and a generated walk that is judged
 * by a book of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/door.h"

static const char LETTERS[] = "TNOCFHKPRSAB"; /* as in door_bench.h */

/* --- every state with every event ---------------------------------------------------------- */

enum contact { CLOSED, OPEN, NONE };

enum { GRANT, REX, OPENS, CLOSES, MINUTE, LOCKDOWN, BLOCK, FIRE, NORMAL, RESTART, PAIR_EVENTS };

/* What each event brings: + released, - locked, and the events. Relock on_close, 10 s of
 * release, held open after 30 s; whatever is open was opened while unlocked. */
static const struct pair_row {
    enum door_mode mode;
    bool released;
    enum contact contact;
    const char *brings[PAIR_EVENTS];
} PAIRS[] = {
    {MODE_LOCKED, false, CLOSED, {"+", "+R", "-OF", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_LOCKED, false, OPEN, {"+T", "+R", "-", "-C", "-H", "-", "-", "+", "-", "-O"}},
    {MODE_LOCKED, false, NONE, {"+", "+R", "-O", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_LOCKED, true, CLOSED, {"+N", "+R", "+OT", "+", "-N", "-N", "-N", "+", "+", "-"}},
    {MODE_LOCKED, true, OPEN, {"+T", "+R", "+", "-C", "-H", "-", "-", "+", "+", "-O"}},
    {MODE_LOCKED, true, NONE, {"+", "+R", "+OT", "+", "-", "-", "-", "+", "+", "-"}},
    {MODE_UNLOCKED, false, CLOSED, {"+", "+R", "+O", "+", "+", "-", "-", "+", "-", "+"}},
    {MODE_UNLOCKED, false, OPEN, {"+T", "+R", "+", "+C", "+", "-", "-", "+", "-", "+O"}},
    {MODE_UNLOCKED, false, NONE, {"+", "+R", "+O", "+", "+", "-", "-", "+", "-", "+"}},
    {MODE_UNLOCKED, true, CLOSED, {"+N", "+R", "+OT", "+", "+N", "-N", "-N", "+", "+", "+"}},
    {MODE_UNLOCKED, true, OPEN, {"+T", "+R", "+", "+C", "+", "-", "-", "+", "+", "+O"}},
    {MODE_FIRST_CREDENTIAL, false, CLOSED, {"+", "+R", "-OF", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_FIRST_CREDENTIAL, false, OPEN, {"+T", "+R", "-", "-C", "-H", "-", "-", "+", "-", "-O"}},
    {MODE_LOCKED_DOWN, false, CLOSED, {"+", "-R", "-OF", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_LOCKED_DOWN, false, OPEN, {"+T", "-R", "-", "-C", "-H", "-", "-", "+", "-", "-O"}},
    {MODE_LOCKED_DOWN, false, NONE, {"+", "-R", "-O", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_LOCKED_DOWN, true, CLOSED, {"+N", "+R", "+OT", "+", "-N", "+", "-N", "+", "+", "-"}},
    {MODE_BLOCKED, false, CLOSED, {"+", "+R", "-OF", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_BLOCKED, false, OPEN, {"+T", "+R", "-", "-C", "-H", "-", "-", "+", "-", "-O"}},
    {MODE_BLOCKED, false, NONE, {"+", "+R", "-O", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_FORCED_CLOSED, false, CLOSED, {"+", "+R", "-OF", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_FORCED_CLOSED, false, OPEN, {"+T", "+R", "-", "-C", "-H", "-", "-", "+", "-", "-O"}},
    {MODE_FORCED_CLOSED, false, NONE, {"+", "+R", "-O", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_UNLOCKED, true, NONE, {"+", "+R", "+OT", "+", "+", "-", "-", "+", "+", "+"}},
    {MODE_FIRST_CREDENTIAL, false, NONE, {"+", "+R", "-O", "-", "-", "-", "-", "+", "-", "-"}},
    {MODE_FIRST_CREDENTIAL,
     true,
     CLOSED,
     {"+N", "+R", "+OT", "+", "-N", "-N", "-N", "+", "+", "-"}},
    {MODE_FIRST_CREDENTIAL, true, OPEN, {"+T", "+R", "+", "-C", "-H", "-", "-", "+", "+", "-O"}},
    {MODE_FIRST_CREDENTIAL, true, NONE, {"+", "+R", "+OT", "+", "-", "-", "-", "+", "+", "-"}},
    {MODE_LOCKED_DOWN, true, OPEN, {"+T", "+R", "+", "-C", "-H", "+", "-", "+", "+", "-O"}},
    {MODE_LOCKED_DOWN, true, NONE, {"+", "+R", "+OT", "+", "-", "+", "-", "+", "+", "-"}},
    {MODE_BLOCKED, true, CLOSED, {"+N", "+R", "+OT", "+", "-N", "-N", "+", "+", "+", "-"}},
    {MODE_BLOCKED, true, OPEN, {"+T", "+R", "+", "-C", "-H", "-", "+", "+", "+", "-O"}},
    {MODE_BLOCKED, true, NONE, {"+", "+R", "+OT", "+", "-", "-", "+", "+", "+", "-"}},
    {MODE_FORCED_CLOSED, true, CLOSED, {"+N", "+R", "+OT", "+", "-N", "-N", "-N", "+", "+", "-"}},
    {MODE_FORCED_CLOSED, true, OPEN, {"+T", "+R", "+", "-C", "-H", "-", "-", "+", "+", "-O"}},
    {MODE_FORCED_CLOSED, true, NONE, {"+", "+R", "+OT", "+", "-", "-", "-", "+", "+", "-"}},
};

static void bring_about(struct door *door, const struct pair_row *row,
                        const struct door_rules *rules, struct mono now)
{
    struct door_outcome out = {0};
    door_init(door);
    if (row->contact != NONE)
        door_contact(door, false, rules, now, &out);
    door_set_mode(door, MODE_UNLOCKED, rules, now, &out);
    if (row->contact == OPEN)
        door_contact(door, true, rules, now, &out);
    door_set_mode(door, row->mode, rules, now, &out);
    if (row->released)
        door_release(door, 10, rules, now, &out);
}

static void happen(struct door *door, int event, const struct pair_row *row,
                   const struct door_rules *rules, struct door_outcome *out)
{
    struct mono now = {1000};
    switch (event) {
    case GRANT: door_release(door, 10, rules, now, out); break;
    case REX: door_rex(door, true, rules, now, out); break;
    case OPENS: door_contact(door, true, rules, now, out); break;
    case CLOSES: door_contact(door, false, rules, now, out); break;
    case MINUTE: door_tick(door, rules, (struct mono){61000}, out); break;
    case LOCKDOWN: door_set_mode(door, MODE_LOCKED_DOWN, rules, now, out); break;
    case BLOCK: door_set_mode(door, MODE_BLOCKED, rules, now, out); break;
    case FIRE: door_set_mode(door, MODE_UNLOCKED, rules, now, out); break;
    case NORMAL: door_set_mode(door, MODE_LOCKED, rules, now, out); break;
    default:
        door_init(door);
        door_set_mode(door, row->mode, rules, now, out);
        if (row->contact != NONE)
            door_contact(door, row->contact == OPEN, rules, now, out);
    }
}

static void every_state_answers_every_event_as_the_table_says(void **state)
{
    (void)state;
    struct door_rules rules = {
        .relock = RELOCK_ON_CLOSE, .held_open_s = 30, .rex = REX_RELEASE, .rex_release_s = 10};
    for (size_t r = 0; r < sizeof PAIRS / sizeof *PAIRS; r++) {
        for (int event = 0; event < PAIR_EVENTS; event++) {
            struct door door;
            struct door_outcome out = {0};
            char got[DOOR_EVENTS_MAX + 2] = {0};
            bring_about(&door, &PAIRS[r], &rules, (struct mono){1000});
            happen(&door, event, &PAIRS[r], &rules, &out);
            got[0] = door_is_released(&door) ? '+' : '-';
            for (size_t i = 0; i < out.n; i++)
                got[i + 1] = LETTERS[out.event[i]];
            if (strcmp(got, PAIRS[r].brings[event]) != 0)
                fail_msg("row %zu, event %d: %s, not %s", r, event, got, PAIRS[r].brings[event]);
        }
    }
}

/* --- the walk --------------------------------------------------------------------------------- */

#define WALK_STEPS 1000000
#define TRAIL_MAX 64

struct trail {
    size_t n;
    enum door_event event[TRAIL_MAX];
};

struct act {
    int kind;
    int64_t number;
    bool flag;
};

enum { A_GRANT, A_UNTIL, A_END, A_CONTACT, A_REX, A_TAMPER, A_MODE, A_TICK, A_RULES, A_RESTART };

/* Two doors live the same life: one is ticked at every deadline, the other never but by
 * what happens. The rest is the book: what must be so, from what happened. */
struct walk {
    uint64_t rng;
    int step;
    struct mono now;
    struct door_rules rules;
    struct door early, late;
    struct trail early_trail, late_trail;

    bool is_open, has_contact, is_rex, is_forced, is_held, is_tampered, is_known_stuck;
    enum door_mode mode;
    int outstanding;     /* grants without taken or not taken */
    int64_t grant_until; /* the causes: no later than the latest of them */
    int64_t rex_until;
    bool is_rex_cause; /* the active request released, and nothing has ended that */
    int64_t rex_since;
    int64_t uncovered_since; /* -1 = covered, closed or forced */
};

static uint64_t draw(struct walk *k, uint64_t n)
{
    k->rng ^= k->rng << 13;
    k->rng ^= k->rng >> 7;
    k->rng ^= k->rng << 17;
    return (k->rng >> 11) % n;
}

#define MUST(k, what)                                                                              \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("step %d at %lld: %s", (k)->step, (long long)(k)->now.ms, #what);             \
    } while (0)

static bool rex_counts(const struct walk *k)
{
    return k->is_rex && k->rules.rex != REX_OFF && k->now.ms < k->rex_since + REX_STUCK_MS &&
           (k->mode != MODE_LOCKED_DOWN || k->rules.rex_in_lockdown);
}

static bool rex_releases(const struct walk *k)
{
    return k->is_rex_cause && rex_counts(k) && k->rules.rex == REX_RELEASE;
}

/* Of a release; the mode unlocked is none of that. */
static bool has_cause(const struct walk *k)
{
    return k->now.ms < k->grant_until || k->now.ms < k->rex_until || rex_releases(k);
}

static void no_cause(struct walk *k)
{
    k->grant_until = k->rex_until = 0;
    k->is_rex_cause = false;
}

static void note(struct walk *k, enum door_event event)
{
    switch (event) {
    case DOOR_TAKEN:
    case DOOR_NOT_TAKEN:
        MUST(k, k->has_contact && k->outstanding > 0);
        MUST(k, event == DOOR_NOT_TAKEN || k->is_open);
        k->outstanding--;
        break;
    case DOOR_OPENED:
    case DOOR_CLOSED: break; /* counted where they happen */
    case DOOR_FORCED:
        MUST(k, k->is_open && !k->is_forced && k->mode != MODE_UNLOCKED && !rex_counts(k));
        k->is_forced = true;
        break;
    case DOOR_HELD_OPEN:
        MUST(k, k->is_open && !k->is_held && k->uncovered_since >= 0);
        MUST(k, k->now.ms == k->uncovered_since + (int64_t)k->rules.held_open_s * 1000);
        k->is_held = true;
        break;
    case DOOR_HELD_CLEARED:
        MUST(k, k->is_held && (!k->is_open || k->mode == MODE_UNLOCKED));
        k->is_held = false;
        break;
    case DOOR_PRE_ALARM: MUST(k, k->is_open && !k->is_held && k->rules.pre_alarm_s > 0); break;
    case DOOR_REQUEST_TO_EXIT: MUST(k, k->is_rex && k->rules.rex != REX_OFF); break;
    case DOOR_REX_STUCK:
        MUST(k, k->is_rex && !k->is_known_stuck && k->now.ms == k->rex_since + REX_STUCK_MS);
        k->is_known_stuck = true;
        break;
    case DOOR_TAMPER_ON:
    case DOOR_TAMPER_OFF: MUST(k, k->is_tampered == (event == DOOR_TAMPER_ON)); break;
    }
}

/* After each step of the punctual door: what it brought and how it stands agree with the book. */
static void judge(struct walk *k, const struct door_outcome *out)
{
    struct door *d = &k->early;
    MUST(k, out->n < DOOR_EVENTS_MAX); /* so nothing was dropped */
    for (size_t i = 0; i < out->n; i++) {
        note(k, out->event[i]);
        k->early_trail.event[k->early_trail.n++] = out->event[i];
        MUST(k, k->early_trail.n < TRAIL_MAX);
    }
    MUST(k, d->is_releasing == has_cause(k));
    MUST(k, door_is_released(d) == (k->mode == MODE_UNLOCKED || d->is_releasing));
    if (!has_cause(k)) /* what is over is no cause again */
        no_cause(k);
    MUST(k, !d->is_held || (k->is_open && k->mode != MODE_UNLOCKED));
    MUST(k, d->is_open == k->is_open && d->is_held == k->is_held && d->is_forced == k->is_forced);
    if (!k->has_contact)
        k->outstanding = d->is_releasing && k->outstanding ? 1 : 0;
    MUST(k, k->outstanding >= 0 && k->outstanding <= 1);
    MUST(k, k->outstanding == 0 || (d->is_releasing && !k->is_open));
    bool counts = k->is_open && !door_is_released(d) && !rex_counts(k) && !k->is_forced &&
                  k->rules.held_open_s > 0;
    if (!counts)
        k->uncovered_since = -1;
    else if (k->uncovered_since < 0)
        k->uncovered_since = k->now.ms;
    MUST(k, !counts || k->is_held ||
                k->now.ms < k->uncovered_since + (int64_t)k->rules.held_open_s * 1000);
}

static void act_on(struct walk *k, struct door *d, const struct act *a, struct door_outcome *out)
{
    switch (a->kind) {
    case A_GRANT: door_release(d, (int)a->number, &k->rules, k->now, out); break;
    case A_UNTIL: door_release_until(d, (struct mono){a->number}, &k->rules, k->now, out); break;
    case A_END: door_end_release(d, &k->rules, k->now, out); break;
    case A_CONTACT: door_contact(d, a->flag, &k->rules, k->now, out); break;
    case A_REX: door_rex(d, a->flag, &k->rules, k->now, out); break;
    case A_TAMPER: door_tamper(d, a->flag, out); break;
    case A_MODE: door_set_mode(d, (enum door_mode)a->number, &k->rules, k->now, out); break;
    case A_RESTART: door_init(d); break;
    default: door_tick(d, &k->rules, k->now, out);
    }
}

static void grant_in_book(struct walk *k, int64_t until)
{
    if (until <= k->now.ms)
        return;
    k->outstanding++;
    if (until > k->grant_until)
        k->grant_until = until;
}

static void count(struct walk *k, const struct door_outcome *out, enum door_event what, int times)
{
    int n = 0;
    for (size_t i = 0; i < out->n; i++)
        n += out->event[i] == what;
    MUST(k, n == times);
}

static void contact_in_book(struct walk *k, bool is_open, const struct door_outcome *out,
                            bool was_released)
{
    bool is_change = k->is_open != is_open, is_first = !k->has_contact;
    bool is_covered = was_released || rex_counts(k);
    k->is_open = is_open;
    k->has_contact = true;
    count(k, out, DOOR_OPENED, is_change && is_open);
    count(k, out, DOOR_CLOSED, is_change && !is_open);
    count(k, out, DOOR_FORCED, is_change && is_open && !is_first && !is_covered);
    if (!is_change || is_first)
        return;
    if (!is_open)
        k->is_forced = false;
    if (k->rules.relock == (is_open ? RELOCK_ON_OPEN : RELOCK_ON_CLOSE) && !rex_releases(k)) {
        no_cause(k);
        MUST(k, !k->early.is_releasing);
    }
}

static void rex_in_book(struct walk *k, bool is_active, const struct door_outcome *out)
{
    bool did = rex_releases(k);
    count(k, out, DOOR_REQUEST_TO_EXIT, is_active && !k->is_rex && k->rules.rex != REX_OFF);
    if (is_active == k->is_rex)
        return;
    k->is_rex = is_active;
    k->rex_since = k->now.ms;
    k->is_known_stuck = false;
    k->is_rex_cause = is_active; /* if it counts and releases now */
    k->is_rex_cause = rex_releases(k);
    if (rex_releases(k))
        MUST(k, k->early.is_releasing);
    int64_t until = k->now.ms + (int64_t)k->rules.rex_release_s * 1000;
    if ((did || rex_releases(k)) && until > k->rex_until)
        k->rex_until = until;
}

static void enter(struct walk *k, const struct act *a, const struct door_outcome *out,
                  bool was_released)
{
    switch (a->kind) {
    case A_GRANT: grant_in_book(k, k->now.ms + a->number * 1000); break;
    case A_UNTIL: grant_in_book(k, a->number); break;
    case A_END: no_cause(k); break;
    case A_CONTACT: contact_in_book(k, a->flag, out, was_released); break;
    case A_REX: rex_in_book(k, a->flag, out); break;
    case A_TAMPER:
        MUST(k, out->n == (k->is_tampered != a->flag));
        k->is_tampered = a->flag;
        break;
    case A_MODE:
        if ((enum door_mode)a->number != k->mode && a->number >= MODE_LOCKED_DOWN) {
            no_cause(k);
            MUST(k, !door_is_released(&k->early));
        }
        k->mode = (enum door_mode)a->number;
        MUST(k, k->mode != MODE_UNLOCKED || door_is_released(&k->early));
        break;
    case A_RESTART:
        no_cause(k);
        k->is_open = k->has_contact = k->is_rex = k->is_forced = k->is_held = false;
        k->is_tampered = false;
        k->mode = MODE_LOCKED;
        k->outstanding = 0;
        k->uncovered_since = -1;
        break;
    default: break;
    }
}

static void choose_rules(struct walk *k, bool all)
{
    k->rules.relock = (enum relock)draw(k, 3);
    k->rules.rex = (enum rex_kind)draw(k, 3);
    k->rules.rex_in_lockdown = draw(k, 2);
    if (!all)
        return;
    k->rules.held_open_s = draw(k, 5) ? 1 + (int)draw(k, 60) : 0;
    k->rules.pre_alarm_s = draw(k, 2) ? (int)draw(k, 70) : 0;
    k->rules.rex_release_s = 1 + (int)draw(k, 30);
}

static struct act choose(struct walk *k)
{
    static const int kinds[] = {A_GRANT,   A_GRANT,   A_UNTIL, A_CONTACT, A_CONTACT,
                                A_CONTACT, A_CONTACT, A_REX,   A_REX,     A_REX,
                                A_MODE,    A_TICK,    A_TICK,  A_TICK};
    struct act a = {.kind = kinds[draw(k, sizeof kinds / sizeof *kinds)]};
    uint64_t rare = draw(k, 200);
    if (rare < 6)
        a.kind = rare < 2 ? A_RULES : rare < 4 ? A_TAMPER : rare < 5 ? A_END : A_RESTART;
    switch (a.kind) {
    case A_GRANT: a.number = 1 + (int64_t)draw(k, 30); break;
    case A_UNTIL: a.number = k->now.ms + (int64_t)draw(k, 30000) - 5000; break;
    case A_CONTACT: a.flag = draw(k, 8) ? !k->is_open : k->is_open; break;
    case A_REX: a.flag = draw(k, 8) ? !k->is_rex : k->is_rex; break;
    case A_MODE:
        a.number = (int64_t)draw(k, DOOR_MODES);
        a.number = draw(k, 2) ? MODE_LOCKED : a.number;
        break;
    case A_TAMPER: a.flag = draw(k, 2); break;
    default: break;
    }
    return a;
}

/* How long until the next act; often to the millisecond of something due, or by it. */
static int64_t choose_pause(struct walk *k)
{
    struct mono at;
    if (draw(k, 4) == 0 && door_deadline(&k->early, &at) && at.ms > k->now.ms)
        return at.ms - k->now.ms - 1 + (int64_t)draw(k, 3);
    switch (draw(k, 4)) {
    case 0: return 0;
    case 1: return (int64_t)draw(k, 2000);
    case 2: return (int64_t)draw(k, 40000);
    default: return draw(k, 10) ? (int64_t)draw(k, 5000) : (int64_t)draw(k, 400000);
    }
}

static void tick_early(struct walk *k)
{
    struct door_outcome out = {0};
    struct mono at;
    door_tick(&k->early, &k->rules, k->now, &out);
    judge(k, &out);
    MUST(k, !door_deadline(&k->early, &at) || at.ms > k->now.ms);
}

static void let_time_pass(struct walk *k, int64_t pause)
{
    struct mono until = {k->now.ms + pause}, at;
    while (door_deadline(&k->early, &at) && at.ms <= until.ms) {
        MUST(k, at.ms >= k->now.ms);
        k->now = at;
        tick_early(k);
    }
    k->now = until;
}

static void compare(struct walk *k)
{
    struct mono early = {-1}, late = {-1};
    MUST(k, k->early_trail.n == k->late_trail.n);
    for (size_t i = 0; i < k->early_trail.n; i++)
        MUST(k, k->early_trail.event[i] == k->late_trail.event[i]);
    MUST(k, door_deadline(&k->early, &early) == door_deadline(&k->late, &late));
    MUST(k, early.ms == late.ms);
    MUST(k, door_is_released(&k->early) == door_is_released(&k->late));
    MUST(k, door_alarm(&k->early) == door_alarm(&k->late));
    k->early_trail.n = k->late_trail.n = 0;
}

static void walk_on(struct walk *k)
{
    struct act act = choose(k);
    struct door_outcome out = {0}, late = {0};
    bool is_punctual = act.kind == A_RULES || act.kind == A_TAMPER || act.kind == A_RESTART;
    let_time_pass(k, choose_pause(k));
    if (is_punctual) /* these alone do not let time pass first */
        door_tick(&k->late, &k->rules, k->now, &late);
    if (act.kind == A_RULES)
        choose_rules(k, false);
    if (act.kind == A_RESTART)
        choose_rules(k, true);
    bool was_released = door_is_released(&k->early);
    act_on(k, &k->early, &act, &out);
    enter(k, &act, &out, was_released);
    judge(k, &out);
    act_on(k, &k->late, &act, &late);
    MUST(k, late.n <= DOOR_EVENTS_MAX);
    memcpy(k->late_trail.event, late.event, sizeof late.event);
    k->late_trail.n = late.n;
    compare(k);
}

static void no_walk_leads_to_a_level_or_an_event_without_cause(void **state)
{
    (void)state;
    static struct walk k;
    const char *given = getenv("GATEHOUSE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    k = (struct walk){.rng = seed * 2654435761ULL + 1, .now = {1000000}, .uncovered_since = -1};
    print_message("GATEHOUSE_SEED=%u\n", seed);
    door_init(&k.early);
    door_init(&k.late);
    choose_rules(&k, true);
    for (k.step = 0; k.step < WALK_STEPS; k.step++)
        walk_on(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_answers_every_event_as_the_table_says),
        cmocka_unit_test(no_walk_leads_to_a_level_or_an_event_without_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
