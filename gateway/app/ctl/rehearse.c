/* rehearse: plays a building in virtual time against a policy file.
 *
 * Steps are NDJSON; each gives one line of output. The formats are those of
 * gateway/REHEARSE.md. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/ctl.h"
#include "app/gatehoused/command_json.h"
#include "app/line_file.h"
#include "app/rehearsal/rehearsal.h"

struct rehearse {
    struct rehearsal *world;
    int line;        /* of the steps */
    int reads;       /* numbers the reads that name no id */
    bool failed;     /* a line was bad */
    struct slice at; /* of the step at hand, as given */
    char why[REHEARSAL_WHY_MAX];
};

/* --- output ------------------------------------------------------------------------- */

static void print_owned(struct json *v, bool complete)
{
    char *text = complete ? json_print(v, NULL) : NULL;
    puts(text ? text : "{\"error\":\"out of memory\"}");
    free(text);
    json_free(v);
}

static void print_error(struct rehearse *r, const char *error)
{
    struct json *out = json_new();
    bool ok =
        out && json_set_text(out, "error", slice_of(error)) && json_set_int(out, "line", r->line);
    print_owned(out, ok);
    r->failed = true;
}

/* {"at":...}; NULL when out of memory. */
static struct json *answer_new(const struct rehearse *r)
{
    struct json *out = json_new();
    if (out && json_set_text(out, "at", r->at))
        return out;
    json_free(out);
    return NULL;
}

static void print_ok(struct rehearse *r)
{
    struct json *out = answer_new(r);
    print_owned(out, out && json_set_bool(out, "ok", true));
}

static bool set_via(struct json *out, const struct via *via)
{
    if (!via->present)
        return json_set_null(out, "via");
    struct json *v = json_new();
    bool ok = v && json_set_text(v, "kind", slice_of(via_kind_name(via))) &&
              json_set_text(v, "id", slice_of(via->id.s));
    return json_set(out, "via", v) && ok;
}

static bool set_floors(struct json *out, const struct controller_last *last)
{
    bool ok = json_set_empty_array(out, "floors");
    for (size_t i = 0; ok && i < last->verdict.n_floors; i++) {
        const char *floor = last->floor[i].s;
        ok = floor[0] == '#' ? json_append_int(out, "floors", strtol(floor + 1, NULL, 10))
                             : json_append_text(out, "floors", slice_of(floor));
    }
    return ok;
}

static void print_read(struct rehearse *r, const struct controller_last *last)
{
    const struct verdict *v = &last->verdict;
    bool has_door = v->has_mode;
    struct json *out = answer_new(r);
    bool ok = out && json_set_text(out, "decision", slice_of(decision_name(v->decision))) &&
              json_set_text(out, "reason", slice_of(reason_name(v->reason))) &&
              set_via(out, &v->via) &&
              json_set_text_or_null(out, "violation", violation_name(v->violation)) &&
              json_set_bool(out, "duress", v->duress) &&
              json_set_int(out, "release_s", v->release_s) && set_floors(out, last) &&
              json_set_text_or_null(out, "door", has_door ? last->door.s : NULL) &&
              json_set_text_or_null(out, "mode", has_door ? door_mode_name(v->mode) : NULL);
    print_owned(out, ok);
}

/* --- steps ------------------------------------------------------------------------------ */

/* The payload of a reader's message: the step's own members, without what is
 * the step's alone. */
static char *payload_of(struct rehearse *r, const struct json *step, size_t *len)
{
    char id[32];
    int64_t age_s = 0;
    struct slice own;
    static const char *const members[] = {"type", "value", "pin", "bits", "location"};
    struct json *read = json_new();
    snprintf(id, sizeof id, "rehearsed-%d", ++r->reads);
    json_int(step, "age_s", &age_s);
    bool ok = read && json_set_text(read, "id", json_text(step, "id", &own) ? own : slice_of(id)) &&
              json_set_int(read, "age_ms", age_s * 1000);
    for (size_t i = 0; ok && i < sizeof members / sizeof members[0]; i++)
        ok = json_copy_member(read, members[i], step);
    char *text = ok ? json_print(read, len) : NULL;
    json_free(read);
    return text;
}

static void step_read(struct rehearse *r, const struct json *step)
{
    struct slice name = {0};
    struct id reader;
    int64_t age_s = 0;
    bool retained = false;
    size_t len;
    if (!json_text(step, "reader", &name) || id_set(&reader, name) != GH_OK) {
        print_error(r, "a read needs \"reader\": an id");
        return;
    }
    if (json_int(step, "age_s", &age_s) && (age_s < 0 || age_s > 1000000000)) {
        print_error(r, "\"age_s\" must be a number of seconds from 0 to 1000000000");
        return;
    }
    json_bool(step, "retained", &retained);
    char *payload = payload_of(r, step, &len);
    struct controller_last last;
    if (!payload)
        print_error(r, "the read cannot be built");
    else if (!rehearsal_read(r->world, &reader, slice_make(payload, len), retained, &last))
        print_error(r, "more than 1000 reads of one reader in one second");
    else
        print_read(r, &last);
    free(payload);
}

static void step_policy(struct rehearse *r, const struct json *step, bool removal)
{
    size_t len;
    const struct json *row = json_child(step, "row");
    struct json *copy = row ? json_clone(row) : NULL;
    if (!copy) {
        print_error(r, "put and del need \"row\": an object");
        return;
    }
    char *line = NULL;
    if (!removal || json_set_text(copy, "op", slice_of("del")))
        line = json_print(copy, &len);
    json_free(copy);
    enum gh_err err = GH_IO;
    snprintf(r->why, sizeof r->why, "out of memory");
    if (line)
        err = rehearsal_put(r->world, slice_make(line, len), r->why);
    if (err == GH_OK)
        err = rehearsal_apply(r->world, r->why);
    free(line);
    if (err == GH_OK) {
        print_ok(r);
        return;
    }
    struct json *out = answer_new(r);
    print_owned(out, out && json_set_bool(out, "ok", false) &&
                         json_set_text(out, "error", slice_of(r->why)));
}

static void step_set(struct rehearse *r, const struct json *step)
{
    static const enum clock_trust trusts[] = {CLOCK_UNSET, CLOCK_HOLDOVER, CLOCK_SYNCED};
    const struct json *controller = json_child(step, "controller");
    struct slice clock, name;
    struct id door;
    bool online = true, known = true;
    if (controller &&
        (!json_text(controller, "door", &name) || id_set(&door, name) != GH_OK ||
         !json_bool(controller, "online", &online) || !rehearsal_door(r->world, &door))) {
        print_error(r, "\"controller\" needs \"door\", a door of the policy, and \"online\"");
        return;
    }
    int64_t age_s = 0;
    bool has_age = json_has(step, "policy_age_s");
    if (has_age && (!json_int(step, "policy_age_s", &age_s) || age_s < 0)) {
        print_error(r, "\"policy_age_s\" must be a number of seconds, 0 or more");
        return;
    }
    if (json_text(step, "clock", &clock)) {
        known = false;
        for (size_t i = 0; i < 3; i++) {
            if (slice_is(clock, clock_trust_name(trusts[i]))) {
                rehearsal_set_clock(r->world, trusts[i]);
                known = true;
            }
        }
    }
    if (!known) {
        print_error(r, "\"clock\" must be synced, holdover or unset");
        return;
    }
    if (has_age)
        rehearsal_set_policy_age(r->world, age_s);
    if (controller && rehearsal_set_online(r->world, &door, online) != GH_OK) {
        print_error(r, "there is no such door");
        return;
    }
    print_ok(r);
}

static void step_command(struct rehearse *r, const struct json *step)
{
    struct slice by = {0};
    struct command command;
    struct controller_last last;
    char who[EVENT_TEXT_MAX] = "rehearsal", fallback[32];
    snprintf(fallback, sizeof fallback, "rehearsed-%d", ++r->reads);
    if (!command_json_parse(step, fallback, &command, r->why, sizeof r->why)) {
        print_error(r, r->why);
        return;
    }
    if (json_text(step, "by", &by))
        snprintf(who, sizeof who, "%.*s", (int)(by.len < 200 ? by.len : 200), by.ptr);
    command.by = who;
    struct command_outcome outcome = rehearsal_command(r->world, &command, &last);
    if (last.is_set) {
        print_read(r, &last);
        return;
    }
    const char *result = command_result_name(outcome.result);
    const char *reason =
        outcome.result == COMMAND_REFUSED ? reason_name(outcome.reason) : NULL;
    struct json *out = answer_new(r);
    print_owned(out, out && json_set_text(out, "result", slice_of(result)) &&
                         json_set_text_or_null(out, "reason", reason));
}

/* A contact is a word, the other inputs are switches. */
static bool get_input(const struct json *step, const char *name, bool *out)
{
    struct slice word = {0};
    if (strcmp(name, "contact") != 0)
        return json_bool(step, name, out);
    if (!json_text(step, name, &word) || (!slice_is(word, "open") && !slice_is(word, "closed")))
        return false;
    *out = slice_is(word, "open");
    return true;
}

static void step_input(struct rehearse *r, const struct json *step)
{
    static const struct {
        const char *name;
        enum rehearsal_input input;
    } inputs[] = {{"fire", INPUT_FIRE}, {"tamper", INPUT_TAMPER}, {"rex", INPUT_REX},
                  {"contact", INPUT_CONTACT}};
    struct slice name = {0};
    struct id door;
    bool has_door = json_has(step, "door"), level[4], set[4];
    if (has_door && (!json_text(step, "door", &name) || id_set(&door, name) != GH_OK ||
                     !rehearsal_door(r->world, &door))) {
        print_error(r, "\"door\" must be a door of the policy");
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        set[i] = json_has(step, inputs[i].name);
        if (set[i] && !get_input(step, inputs[i].name, &level[i])) {
            print_error(r, "contact must be open or closed; rex, tamper and fire true or false");
            return;
        }
        if (set[i] && !has_door && inputs[i].input != INPUT_FIRE) {
            print_error(r, "contact, rex and tamper need \"door\"");
            return;
        }
    }
    for (size_t i = 0; i < 4; i++)
        if (set[i])
            rehearsal_input(r->world, has_door ? &door : NULL, inputs[i].input, level[i]);
    print_ok(r);
}

static void step_look(struct rehearse *r, const struct json *step)
{
    struct slice name = {0};
    struct id id;
    const struct door_unit *unit = NULL;
    if (json_text(step, "door", &name) && id_set(&id, name) == GH_OK)
        unit = rehearsal_door(r->world, &id);
    if (!unit) {
        print_error(r, "look needs \"door\": a door of the policy");
        return;
    }
    const struct door *door = &unit->door;
    const char *contact = door->has_contact ? (door->is_open ? "open" : "closed") : NULL;
    struct json *out = answer_new(r);
    print_owned(out, out && json_set_text(out, "door", name) &&
                         json_set_text(out, "mode", slice_of(door_mode_name(door->mode))) &&
                         json_set_text(out, "onvif", slice_of(door_onvif_mode(door))) &&
                         json_set_bool(out, "relay", door_is_released(door)) &&
                         json_set_text_or_null(out, "contact", contact) &&
                         json_set_text_or_null(out, "alarm", door_alarm(door)));
}

static void step_restart(struct rehearse *r)
{
    if (rehearsal_restart(r->world, r->why) == GH_OK)
        print_ok(r);
    else
        print_error(r, r->why);
}

struct listing {
    struct json *out;
    bool complete;
};

static void add_event(void *context, struct slice event)
{
    struct listing *l = context;
    struct json *e = json_parse_object(event, NULL, 0);
    l->complete = e && json_append(l->out, "events", e) && l->complete;
}

static void step_events(struct rehearse *r)
{
    struct json *out = answer_new(r);
    struct listing l = {out, out && json_set_empty_array(out, "events")};
    rehearsal_events(r->world, add_event, &l);
    print_owned(out, l.complete);
}

static void dispatch(struct rehearse *r, const struct json *step)
{
    struct slice what = {0};
    if (!json_text(step, "do", &what))
        step_read(r, step);
    else if (slice_is(what, "put") || slice_is(what, "del"))
        step_policy(r, step, slice_is(what, "del"));
    else if (slice_is(what, "set"))
        step_set(r, step);
    else if (slice_is(what, "command"))
        step_command(r, step);
    else if (slice_is(what, "input"))
        step_input(r, step);
    else if (slice_is(what, "restart"))
        step_restart(r);
    else if (slice_is(what, "look"))
        step_look(r, step);
    else if (slice_is(what, "events"))
        step_events(r);
    else
        print_error(r, "\"do\" must be put, del, set, input, command, look, events or restart");
}

static void play_line(struct rehearse *r, struct slice line)
{
    int64_t at;
    char why[160];
    struct json *step = json_parse_object(line, why, sizeof why);
    if (!step)
        print_error(r, why);
    else if (!json_text(step, "at", &r->at) || instant_parse(&at, r->at) != GH_OK)
        print_error(r, "a step needs \"at\": a time such as 2025-01-31T08:00:00Z");
    else if (rehearsal_pass(r->world, at) != GH_OK)
        print_error(r, "\"at\" goes back: steps run forwards in time");
    else
        dispatch(r, step);
    json_free(step);
}

/* --- files --------------------------------------------------------------------------------- */

static void report(void *context, int line, const char *text)
{
    if (line > 0)
        fprintf(stderr, "%s:%d: %s\n", (const char *)context, line, text);
    else
        fprintf(stderr, "gatehousectl: %s: %s\n", (const char *)context, text);
}

#define DANGLING_MAX 50

static void warn(void *context, const char *line)
{
    fprintf(stderr, "%s: note: %s\n", (const char *)context, line);
}

static enum gh_err play_step(void *context, int number, struct slice line)
{
    struct rehearse *r = context;
    r->line = number;
    play_line(r, line);
    fflush(stdout);
    return GH_OK;
}

static int play(struct rehearse *r, const char *policy, const char *steps)
{
    char path[CONFIG_PATH_MAX];
    const char *why;
    snprintf(path, sizeof path, "%s", policy);
    enum gh_err err = rehearsal_load(r->world, policy, report, path);
    if (err == GH_INVALID)
        fprintf(stderr, "gatehousectl: %s: the lines above are refused; nothing was played\n",
                policy);
    if (err)
        return CTL_REFUSED;
    if (rehearsal_apply(r->world, r->why) != GH_OK) {
        fprintf(stderr, "gatehousectl: %s: %s\n", policy, r->why);
        return CTL_REFUSED;
    }
    if (rehearsal_dangling(r->world, DANGLING_MAX, warn, path) != GH_OK)
        fprintf(stderr, "gatehousectl: %s: its references could not be looked at\n", policy);
    err = line_file_each(steps, play_step, r, &why);
    if (why)
        fprintf(stderr, "gatehousectl: %s: %s\n", steps, why);
    return err || r->failed ? CTL_REFUSED : CTL_DONE;
}

int ctl_rehearse(const char *policy, const char *steps)
{
    struct rehearse r = {0};
    r.world = rehearsal_open(r.why);
    if (!r.world) {
        fprintf(stderr, "gatehousectl: %s\n", r.why);
        return CTL_REFUSED;
    }
    int status = play(&r, policy, steps);
    rehearsal_close(r.world);
    return status;
}
