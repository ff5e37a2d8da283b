/* A generated walk over reads, buttons, contacts, fire, orders, time and kills: no lock is ever
 * released without a cause in the journal, nor longer than its cause allows, and after a kill at
 * any point each door is in its mode's state. Judged by the events' bytes and by what the test
 * does to the inputs, not by the controller. */
#include <stdlib.h>
#include <time.h>

#include "kept_fixture.h"

#define STEPS 6000
#define REX_S(d) ((d) + 2) /* the door's release_s, as world.h says */

struct cause {
    bool is_unlocked;        /* by the newest door_mode event */
    int64_t granted_ms;      /* until when some grant or order may release it */
    int64_t rex_ms;          /* until when a request to exit may, once it has ended */
    bool is_rex, is_asked;   /* the button; and the journal has a request since it was pressed */
};

struct walk {
    struct world *w;
    unsigned rng;
    int next_id;
    size_t read; /* events gone through */
    struct cause door[WORLD_DOORS];
    bool is_fire, is_open[WORLD_DOORS];
    long kills, releases;
};

static unsigned draw(struct walk *k, unsigned below)
{
    k->rng ^= k->rng << 13;
    k->rng ^= k->rng >> 17;
    k->rng ^= k->rng << 5;
    return k->rng % below;
}

static struct id door_id(int d)
{
    struct id id = {""};
    snprintf(id.s, sizeof id.s, "d%d", d);
    return id;
}

/* --- the journal's side ------------------------------------------------------------------- */

static bool has(const char *event, const char *text)
{
    return strstr(event, text) != NULL;
}

static void take_event(struct walk *k, const char *event)
{
    for (int d = 0; d < WORLD_DOORS; d++) {
        struct cause *c = &k->door[d];
        char door[24];
        snprintf(door, sizeof door, "\"door\":\"d%d\"", d);
        if (!has(event, door))
            continue;
        bool grants = has(event, "\"kind\":\"access\"") ? has(event, "\"decision\":\"granted\"")
                                                        : has(event, "\"action\":\"release\",\"result\":\"done\"");
        if (grants)
            c->granted_ms = k->w->now.mono.ms + REX_S(d) * 1000;
        if (has(event, "\"kind\":\"door_mode\""))
            c->is_unlocked = has(event, "\"mode\":\"unlocked\"");
        if (has(event, "\"kind\":\"request_to_exit\""))
            c->is_asked = true;
    }
}

static void take_events(struct walk *k)
{
    for (; k->read < k->w->n_events; k->read++) {
        char event[EVENT_JSON_MAX + 1];
        const struct world_event *e = &k->w->event[k->read];
        memcpy(event, e->bytes, e->len);
        event[e->len] = '\0';
        take_event(k, event);
    }
}

static void check_causes(struct walk *k)
{
    take_events(k);
    for (int d = 0; d < WORLD_DOORS; d++) {
        const struct cause *c = &k->door[d];
        int64_t now = k->w->now.mono.ms;
        bool may = c->is_unlocked || now < c->granted_ms || (c->is_rex && c->is_asked) ||
                   now < c->rex_ms;
        bool is = world_is_released(k->w, d);
        k->releases += is;
        if (is && !may)
            fail_msg("d%d is released at %lld ms without a cause in the journal", d, (long long)now);
        if (!is && c->is_unlocked)
            fail_msg("d%d is unlocked by its mode, and locked", d);
    }
}

/* --- what happens ---------------------------------------------------------------------------- */

static void press(struct walk *k, int d)
{
    struct cause *c = &k->door[d];
    struct id id = door_id(d);
    c->is_rex = !c->is_rex;
    if (c->is_rex)
        c->is_asked = false;
    else if (c->is_asked)
        c->rex_ms = k->w->now.mono.ms + REX_S(d) * 1000;
    controller_on_rex(&k->w->controller, &id, c->is_rex, k->w->now);
}

static void swing(struct walk *k, int d)
{
    struct id id = door_id(d);
    k->is_open[d] = !k->is_open[d];
    controller_on_contact(&k->w->controller, &id, k->is_open[d], k->w->now);
}

static void burn(struct walk *k)
{
    k->is_fire = !k->is_fire;
    controller_on_fire(&k->w->controller, NULL, k->is_fire, k->w->now);
}

static void give_order(struct walk *k)
{
    static const enum command_action actions[] = {
        COMMAND_RELEASE, COMMAND_HOLD_OPEN, COMMAND_LOCK, COMMAND_RESTORE, COMMAND_RESTORE,
        COMMAND_LOCKDOWN, COMMAND_LOCKDOWN_RELEASE, COMMAND_LOCKDOWN_RELEASE};
    struct id id = door_id((int)draw(k, WORLD_DOORS));
    (void)order(k->w, actions[draw(k, 8)], id.s);
}

/* Dies, at whatever point the walk is at, and is told how the inputs stand. */
static void die(struct walk *k)
{
    struct world *w = k->w;
    k->kills++;
    world_sync(w);
    world_kill(w);
    w->is_fire = k->is_fire;
    world_start(w);
    controller_started(&w->controller, w->now);
    for (int d = 0; d < WORLD_DOORS; d++) {
        struct id id = door_id(d);
        struct cause *c = &k->door[d];
        controller_on_contact(&w->controller, &id, k->is_open[d], w->now);
        if (c->is_rex)
            controller_rex_at_start(&w->controller, &id, w->now);
        c->is_asked = false; /* nobody has asked this process */
        c->granted_ms = c->rex_ms = 0; /* a release ends with its process */
    }
    controller_look_at_doors(&w->controller, w->now);
}

static void step(struct walk *k)
{
    char id[16];
    struct world *w = k->w;
    int d = (int)draw(k, WORLD_DOORS);
    switch (draw(k, 14)) {
    case 0:
    case 1:
    case 2:
        snprintf(id, sizeof id, "n%d", k->next_id++);
        world_present(w, d, (int)draw(k, WORLD_PEOPLE), id, (int64_t)draw(k, 6000));
        break;
    case 3:
    case 4: press(k, d); break;
    case 5:
    case 6: swing(k, d); break;
    case 7:
        if (draw(k, 6) == 0)
            burn(k);
        break;
    case 8: give_order(k); break;
    case 9: world_sync(w); break;
    case 10:
        if (draw(k, 8) == 0)
            die(k);
        break;
    default: world_pass(w, draw(k, 1200)); break;
    }
    if (w->n_events + 100 > WORLD_EVENTS_MAX || w->n_sent + 100 > WORLD_SENT_MAX)
        fail_msg("the world is too small for this walk");
}

static void no_lock_is_released_without_a_cause_in_the_journal(void **state)
{
    struct walk k = {.w = *state};
    const char *given = getenv("GATEHOUSE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    k.rng = seed ? seed : 1;
    print_message("GATEHOUSE_SEED=%u\n", seed);
    k.w->door[2].door.fire_release = false;
    changed(k.w);
    for (int i = 0; i < STEPS; i++) {
        step(&k);
        check_causes(&k);
    }
    print_message("%zu events, %ld kills, doors seen released %ld times\n", k.w->n_events, k.kills,
                  k.releases);
    assert_true(k.kills > 10 && k.releases > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(no_lock_is_released_without_a_cause_in_the_journal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
