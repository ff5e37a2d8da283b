#include "lib/trail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/crypto/crypto.h"
#include "adapters/json/json.h"
#include "app/control.h"
#include "lib/wait.h"

/* --- reading -------------------------------------------------------------------- */

static bool add(struct trail *trail, struct slice text)
{
    if (trail->n == trail->room) {
        size_t room = trail->room ? trail->room * 2 : 512;
        char **event = realloc(trail->event, room * sizeof *event);
        if (!event)
            return false;
        trail->event = event;
        trail->room = room;
    }
    trail->event[trail->n] = strndup(text.ptr, text.len);
    return trail->event[trail->n] && ++trail->n;
}

struct reading {
    struct trail *trail;
    bool head, end, failed;
};

static bool take_line(void *context, struct slice text)
{
    static const char head[] = "{\"ok\":true", end[] = "{\"end\":true";
    struct reading *r = context;
    if (!r->head) {
        r->head = true;
        r->failed = text.len < sizeof head || memcmp(text.ptr, head, sizeof head - 1) != 0;
    } else if (text.len >= sizeof end && memcmp(text.ptr, end, sizeof end - 1) == 0) {
        r->end = true;
    } else {
        r->failed = !add(r->trail, text);
    }
    return !r->failed;
}

static bool read_once(struct trail *out, const struct site *site)
{
    struct reading r = {.trail = out};
    trail_free(out);
    return control_call(site->control, slice_of("{\"call\":\"events\"}"), WAIT_MS, take_line,
                        &r) == GH_OK &&
           r.end && !r.failed;
}

static int64_t number_of(const char *event)
{
    int64_t seq = -1;
    struct json *v = json_parse_object(slice_of(event), NULL, 0);
    if (v)
        json_int(v, "seq", &seq);
    json_free(v);
    return seq;
}

struct wanted {
    struct trail *trail;
    const struct site *site;
    int64_t newest;
};

static bool has_newest(void *context)
{
    struct wanted *w = context;
    return read_once(w->trail, w->site) &&
           (w->newest == 0 ||
            (w->trail->n > 0 && number_of(w->trail->event[w->trail->n - 1]) >= w->newest));
}

bool trail_read(struct trail *out, const struct site *site)
{
    struct wanted w = {out, site, site_status_number(site, "journal", "next_seq") - 1};
    *out = (struct trail){0};
    if (w.newest >= 0 && wait_until(has_newest, &w, WAIT_MS))
        return true;
    lib_say("the journal does not give its events up to %" PRId64, w.newest);
    return false;
}

void trail_free(struct trail *trail)
{
    for (size_t i = 0; i < trail->n; i++)
        free(trail->event[i]);
    free(trail->event);
    *trail = (struct trail){0};
}

/* --- questions ------------------------------------------------------------------- */

static bool holds(const char *event, const char *a, const char *b)
{
    return strstr(event, a) && (!b || strstr(event, b));
}

size_t trail_count(const struct trail *trail, const char *a, const char *b)
{
    size_t n = 0;
    for (size_t i = 0; i < trail->n; i++)
        n += holds(trail->event[i], a, b);
    return n;
}

const char *trail_find(const struct trail *trail, const char *a, const char *b)
{
    for (size_t i = 0; i < trail->n; i++)
        if (holds(trail->event[i], a, b))
            return trail->event[i];
    return NULL;
}

static bool is_link(const char *event, uint64_t seq, const char *prev)
{
    int64_t own = 0;
    struct slice link = {0};
    struct json *v = json_parse_object(slice_of(event), NULL, 0);
    bool ok = v && json_int(v, "seq", &own) && (uint64_t)own == seq &&
              json_text(v, "prev", &link) && slice_is(link, prev);
    json_free(v);
    if (!ok)
        lib_say("event %" PRIu64 " should follow %s: %s", seq, prev, event);
    return ok;
}

bool trail_is_chained(const struct trail *trail, const struct site *site)
{
    char path[FOLDER_PATH_MAX], prev[SHA256_HEX + 1];
    unsigned char mac[SHA256_LEN];
    struct crypto_keys keys;
    bool ok = crypto_start() == GH_OK &&
              snprintf(path, sizeof path, "%s/device.key", site->state_dir) < (int)sizeof path &&
              crypto_keys_load(&keys, path, 0) == GH_OK;
    memset(prev, '0', SHA256_HEX);
    prev[SHA256_HEX] = '\0';
    for (size_t i = 0; ok && i < trail->n; i++) {
        ok = is_link(trail->event[i], i + 1, prev);
        crypto_hmac(mac, keys.journal, slice_of(trail->event[i]));
        crypto_hex(prev, mac, sizeof mac);
    }
    return ok && trail->n > 0;
}

int64_t site_events(const struct site *site, const char *a, const char *b)
{
    struct trail trail;
    int64_t n = trail_read(&trail, site) ? (int64_t)trail_count(&trail, a, b) : -1;
    trail_free(&trail);
    return n;
}

struct events_wait {
    const struct site *site;
    const char *a, *b;
    int64_t n;
};

static bool events_are_there(void *context)
{
    const struct events_wait *w = context;
    return site_events(w->site, w->a, w->b) >= w->n;
}

bool site_wait_events(const struct site *site, const char *a, const char *b, int64_t n,
                      int timeout_ms)
{
    struct events_wait w = {site, a, b, n};
    if (wait_until(events_are_there, &w, timeout_ms))
        return true;
    lib_say("there are %" PRId64 " events with %s %s, not %" PRId64, site_events(site, a, b), a,
            b ? b : "", n);
    return false;
}
