/* inputs watch and relay test: what an installer does with a screwdriver in the other hand. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/ctl/ctl.h"

#define LOOK_MS 100
#define TEST_LOOKS 50 /* a test takes a second; after five something is wrong */

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static struct slice text(const struct json *v, const char *name)
{
    struct slice s = slice_of("-");
    json_text(v, name, &s);
    return s;
}

/* --- inputs ---------------------------------------------------------------------------- */

/* What was shown of an input last. */
struct shown {
    bool is_active;
    int64_t changes;
};

static const char *word_of(const struct json *input)
{
    static const struct {
        const char *input, *rest, *active;
    } words[] = {{"contact", "closed", "OPEN"},
                 {"rex", "at rest", "PRESSED"},
                 {"tamper", "at rest", "TAMPERED"},
                 {"fire", "at rest", "FIRE"}};
    bool active = false;
    json_bool(input, "active", &active);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is(text(input, "input"), words[i].input))
            return active ? words[i].active : words[i].rest;
    return active ? "active" : "at rest";
}

static void print_input(const struct json *input, int64_t missed)
{
    char line[2 * HAL_NAME_MAX];
    struct slice door = text(input, "door"), what = text(input, "input");
    struct slice chip = text(input, "chip"), offset = text(input, "line"),
                 state = text(input, "state");
    snprintf(line, sizeof line, "%.*s:%.*s", (int)chip.len, chip.ptr, (int)offset.len, offset.ptr);
    printf("%-20.*s %-8.*s %-24s %-9s", (int)door.len, door.ptr, (int)what.len, what.ptr, line,
           word_of(input));
    if (missed > 0)
        printf("  %" PRId64 " more changes in between", missed);
    if (!slice_is(state, "ok"))
        printf("  %.*s: not believed", (int)state.len, state.ptr);
    printf("\n");
}

static void print_clock(void)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local))
        printf("%02d:%02d:%02d.%ld  ", local.tm_hour, local.tm_min, local.tm_sec,
               now.tv_nsec / 100000000);
}

static void show_input(const struct ctl *ctl, const struct json *input, const struct shown *before)
{
    int64_t changes = 0, more = 0;
    bool active = false;
    json_int(input, "changes", &changes);
    json_bool(input, "active", &active);
    if (before) {
        more = changes - before->changes - (active != before->is_active);
        if (changes == before->changes)
            return;
    }
    if (ctl->json) {
        ctl_print_json(input);
        return;
    }
    if (before)
        print_clock();
    print_input(input, before ? more : 0);
}

/* Shows all inputs, then those that have changed since; remembers them in *shown (owned,
 * NULL before the first look). False: no memory. */
static bool show_inputs(const struct ctl *ctl, const struct json *answer, struct shown **shown)
{
    size_t n = json_array_len(answer, "inputs");
    bool is_first = *shown == NULL;
    if (is_first)
        *shown = calloc(n + 1, sizeof **shown);
    if (!*shown)
        return false;
    if (is_first && !ctl->json)
        printf("%-20s %-8s %-24s %s\n", "DOOR", "INPUT", "LINE", "NOW");
    for (size_t i = 0; i < n; i++) {
        const struct json *input = json_array_at(answer, "inputs", i);
        show_input(ctl, input, is_first ? NULL : &(*shown)[i]);
        json_int(input, "changes", &(*shown)[i].changes);
        json_bool(input, "active", &(*shown)[i].is_active);
    }
    if (is_first && !ctl->json)
        printf(n ? "(changes follow as they happen; Ctrl-C ends)\n"
                 : "no inputs are configured: a [door] may have contact, rex and tamper, the "
                   "[site] fire\n");
    fflush(stdout);
    return n > 0;
}

int ctl_inputs_watch(const struct ctl *ctl)
{
    struct shown *shown = NULL;
    int status = CTL_DONE;
    for (bool more = true; more;) {
        struct json *a = ctl_ask_list(ctl, "inputs", &status);
        if (!a)
            break;
        more = show_inputs(ctl, a, &shown);
        json_free(a);
        if (more)
            pause_ms(LOOK_MS);
    }
    free(shown);
    return status;
}

/* --- relays ---------------------------------------------------------------------------- */

/* What the daemon says of a door's relay now: -1 it cannot be asked, 0 locked, 1 released;
 * *works: its level is confirmed. */
static int look_at_lock(const struct ctl *ctl, const char *door, bool *works, int *status)
{
    struct json *a = ctl_ask_list(ctl, "doors", status);
    int released = -1;
    for (size_t i = 0; a && i < json_array_len(a, "doors"); i++) {
        const struct json *d = json_array_at(a, "doors", i);
        if (!slice_is(text(d, "door"), door))
            continue;
        *works = slice_is(text(d, "board"), "online");
        released = slice_is(text(d, "lock"), "released");
    }
    json_free(a);
    return released;
}

static int fail(const char *door, const char *what)
{
    fprintf(stderr, "gatehousectl: %s: %s\n", door, what);
    return CTL_REFUSED;
}

int ctl_relay_test(const struct ctl *ctl, const char *door)
{
    int status = CTL_DONE, released = 1;
    bool works = true;
    if (!id_is_valid(slice_of(door)))
        return fail(door, "that is no id of a door: see gatehousectl doors");
    struct json *request = ctl_request("relay_test");
    if (request && !json_set_text(request, "door", slice_of(door))) {
        json_free(request);
        request = NULL;
    }
    struct json *a = ctl_ask(ctl, request, &status);
    if (!a)
        return status;
    json_free(a);
    if (!ctl->json)
        printf("%s: released for a second: the lock should be heard\n", door);
    fflush(stdout);
    for (int i = 0; released == 1 && works && i < TEST_LOOKS; i++) {
        pause_ms(LOOK_MS);
        released = look_at_lock(ctl, door, &works, &status);
    }
    if (released < 0)
        return status;
    if (!works)
        return fail(door, "the board does not confirm the relay's level: see gatehousectl doors");
    if (released == 1)
        return fail(door, "it is still released: its mode keeps it open, or somebody was let in");
    if (ctl->json)
        printf("{\"door\":\"%s\",\"relay\":\"good\"}\n", door);
    else
        printf("%s: locked again, and each level was read back from the board\n", door);
    return CTL_DONE;
}
