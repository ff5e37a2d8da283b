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

struct shown_list {
    struct shown *at; /* owned; NULL before the first look */
    size_t n;
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

static void remember(struct shown *shown, const struct json *input)
{
    json_int(input, "changes", &shown->changes);
    json_bool(input, "active", &shown->is_active);
}

static void print_head(size_t n)
{
    if (n == 0)
        printf("no inputs are configured: a [door] may have contact, rex and tamper, the "
               "[site] fire\n");
    else
        printf("%-20s %-8s %-24s %s\n", "DOOR", "INPUT", "LINE", "NOW");
}

/* Shows all inputs at the first look, and when there are others than before (the daemon was
 * started again with another configuration); else those that have changed since. False:
 * there are none, or no memory. */
static bool show_inputs(const struct ctl *ctl, const struct json *answer, struct shown_list *shown)
{
    size_t n = json_array_len(answer, "inputs");
    bool is_new = !shown->at || shown->n != n;
    if (is_new) {
        free(shown->at);
        *shown = (struct shown_list){.at = calloc(n + 1, sizeof *shown->at), .n = n};
        if (!shown->at)
            return false;
    }
    if (is_new && !ctl->json)
        print_head(n);
    for (size_t i = 0; i < n; i++) {
        const struct json *input = json_array_at(answer, "inputs", i);
        show_input(ctl, input, is_new ? NULL : &shown->at[i]);
        remember(&shown->at[i], input);
    }
    if (is_new && n > 0 && !ctl->json)
        printf("(changes follow as they happen; Ctrl-C ends)\n");
    fflush(stdout);
    return n > 0;
}

int ctl_inputs_watch(const struct ctl *ctl)
{
    struct shown_list shown = {0};
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
    free(shown.at);
    return status;
}

/* --- relays ---------------------------------------------------------------------------- */

/* What the daemon says of a door's relay now. */
struct lock_look {
    bool is_known, is_released;
    char fault[128]; /* "" = each level was confirmed; a fault stays for seconds */
};

/* False, with *status set: the daemon cannot be asked. */
static bool look_at_lock(const struct ctl *ctl, const char *door, struct lock_look *out,
                         int *status)
{
    *out = (struct lock_look){0};
    struct json *a = ctl_ask_list(ctl, "doors", status);
    if (!a)
        return false;
    for (size_t i = 0; i < json_array_len(a, "doors"); i++) {
        const struct json *d = json_array_at(a, "doors", i);
        struct slice fault = {0};
        if (!slice_is(text(d, "door"), door))
            continue;
        out->is_known = true;
        out->is_released = slice_is(text(d, "lock"), "released");
        if (json_text(d, "fault", &fault))
            snprintf(out->fault, sizeof out->fault, "%.*s", (int)fault.len, fault.ptr);
    }
    json_free(a);
    return true;
}

static int fail(const char *door, const char *what)
{
    fprintf(stderr, "gatehousectl: %s: %s\n", door, what);
    return CTL_REFUSED;
}

/* Watches the lock until it is locked again. */
static int watch_test(const struct ctl *ctl, const char *door)
{
    struct lock_look look = {.is_known = true, .is_released = true};
    int status = CTL_DONE;
    for (int i = 0; look.is_released && !look.fault[0] && i < TEST_LOOKS; i++) {
        pause_ms(LOOK_MS);
        if (!look_at_lock(ctl, door, &look, &status))
            return status;
    }
    if (!look.is_known)
        return fail(door, "the daemon has forgotten the door: was it started again just now?");
    if (look.fault[0]) {
        fprintf(stderr, "gatehousectl: %s: %s: look at the board, its cable and its supply\n",
                door, look.fault);
        return CTL_REFUSED;
    }
    if (look.is_released)
        return fail(door, "it is still released: its mode keeps it open, or somebody was let in");
    if (ctl->json)
        printf("{\"door\":\"%s\",\"relay\":\"good\"}\n", door);
    else
        printf("%s: locked again, and each level was read back from the board\n", door);
    return CTL_DONE;
}

int ctl_relay_test(const struct ctl *ctl, const char *door)
{
    int status = CTL_DONE;
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
    return watch_test(ctl, door);
}
