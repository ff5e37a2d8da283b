/* The status post, and the notes to gatehoused. */
#include "app/syncd/push.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"
#include "app/log.h"
#include "core/event.h"

/* --- what gatehoused says of itself --------------------------------------- */

struct report {
    struct push *push;
    struct json *body; /* owned */
    bool is_good;      /* every member was set */
};

static void copy_text(struct report *r, struct json *to, const char *to_name,
                      const struct json *from, const char *name)
{
    struct slice text;
    if (from && json_text(from, name, &text) && !json_set_text(to, to_name, text))
        r->is_good = false;
}

static void copy_int(struct report *r, struct json *to, const struct json *from, const char *name)
{
    int64_t n;
    if (from && json_int(from, name, &n) && !json_set_int(to, name, n))
        r->is_good = false;
}

/* The daemon's own answer to "status", as far as the cloud wants it. */
static void take_status(void *context, struct slice line)
{
    struct report *r = context;
    struct json *v = json_parse_object(line, NULL, 0);
    struct json *versions = json_new(), *journal = json_new();
    bool online;
    if (!v || !versions || !journal) {
        json_free(versions);
        json_free(journal);
        json_free(v);
        r->is_good = false;
        return;
    }
    const struct json *theirs = json_child(v, "journal");
    const struct json *cloud = json_child(v, "cloud");
    copy_text(r, r->body, "clock", v, "clock");
    copy_text(r, versions, "gatehoused", v, "version");
    copy_int(r, r->body, theirs, "queued");
    copy_text(r, journal, "stream", theirs, "stream");
    copy_int(r, journal, theirs, "next_seq");
    if (theirs)
        json_int(theirs, "acked_seq", &r->push->acked_seq);
    copy_text(r, journal, "head", theirs, "head");
    r->is_good = r->is_good && json_set_text(versions, "syncd", slice_of(GATEHOUSE_VERSION));
    /* A daemon that was started anew knows nothing of the cloud: tell it. */
    if (cloud && json_bool(cloud, "online", &online))
        r->push->daemon_online = online;
    r->push->daemon_unaware = cloud && !json_has(cloud, "since");
    if (cloud && !json_child(cloud, "certificate"))
        r->push->certificate_noted = 0;
    json_free(v);
    if (!json_set(r->body, "versions", versions))
        r->is_good = false;
    if (!json_set(r->body, "journal", journal))
        r->is_good = false;
}

/* --- the doors -------------------------------------------------------------- */

/* A page of the daemon's answers to "doors". */
struct door_page {
    struct json *body; /* the report's; its array "doors" grows */
    int64_t next;      /* where the next page begins; 0 = there is none */
    bool is_good;
};

static struct json *door_of(const struct json *theirs)
{
    static const char *const members[] = {"door", "mode", "onvif", "lock", "contact", "alarm"};
    struct json *out = json_new();
    for (size_t i = 0; out && i < sizeof members / sizeof members[0]; i++) {
        if (json_copy_member(out, members[i], theirs))
            continue;
        json_free(out);
        return NULL;
    }
    return out;
}

static void take_doors(void *context, struct slice line)
{
    struct door_page *page = context;
    struct json *v = json_parse_object(line, NULL, 0);
    page->next = 0;
    for (size_t i = 0; v && i < json_array_len(v, "doors"); i++) {
        struct json *door = door_of(json_array_at(v, "doors", i));
        page->is_good = door && json_append(page->body, "doors", door) && page->is_good;
    }
    if (!v || (json_has(v, "next") && !json_int(v, "next", &page->next)))
        page->is_good = false;
    json_free(v);
}

/* False: the daemon does not answer, or there is no memory. */
static bool add_doors(struct push *p, struct json *body)
{
    struct door_page page = {.body = body, .is_good = true};
    for (int64_t from = 0;; from = page.next) {
        enum gh_err err = daemon_doors(p->sync->control_path, from, take_doors, &page);
        if (err || !page.is_good)
            return false;
        if (page.next <= from)
            return true;
    }
}

/* --- alarms ----------------------------------------------------------------- */

/* Looked through for alarms, and told at most. */
#define ALARMS_AMONG 1000
#define ALARMS_MAX 16
#define ALARM_EVERY_MS 1000

struct alarms {
    char *text[ALARMS_MAX]; /* owned; the newest, in a ring */
    size_t n;               /* so far */
    int64_t acked, newest;
};

static void take_event(void *context, struct slice event)
{
    struct alarms *a = context;
    struct slice word;
    enum event_kind kind;
    int64_t seq = 0;
    struct json *v = json_parse_object(event, NULL, 0);
    if (v && json_text(v, "kind", &word) && event_kind_parse(&kind, word) == GH_OK &&
        event_kind_is_alarm(kind) && json_int(v, "seq", &seq) && seq > a->acked) {
        char **place = &a->text[a->n++ % ALARMS_MAX];
        free(*place);
        *place = strndup(event.ptr, event.len);
        a->newest = seq;
    }
    json_free(v);
}

static enum gh_err collect_alarms(struct push *p, struct alarms *a)
{
    enum gh_err err = GH_IO;
    /* Damage far back in the journal does not hide what is new. */
    for (int among = ALARMS_AMONG; err && among > 0; among /= 10) {
        for (size_t i = 0; i < ALARMS_MAX; i++)
            free(a->text[i]);
        *a = (struct alarms){.acked = p->acked_seq};
        err = daemon_newest(p->sync->control_path, among, take_event, a);
    }
    return err;
}

/* The alarms that the cloud does not have yet, byte for byte, each as a text. Where they cannot be
 * read the status goes without. */
static bool add_alarms(struct push *p, struct json *body)
{
    struct alarms a = {.acked = p->acked_seq};
    bool good = true, is_read = collect_alarms(p, &a) == GH_OK;
    size_t from = a.n > ALARMS_MAX ? a.n - ALARMS_MAX : 0;
    for (size_t i = from; i < a.n && is_read && good; i++) {
        const char *text = a.text[i % ALARMS_MAX];
        good = text && json_append_text(body, "alarms", slice_of(text));
    }
    for (size_t i = 0; i < ALARMS_MAX; i++)
        free(a.text[i]);
    if (is_read && good && a.newest > p->alarm_told)
        p->alarm_told = a.newest;
    return good;
}

/* A daemon that was started anew counts from 0. What it met before we were there is not known to
 * be of this file; and the pull looks through that when it begins. */
static void hear_of_damage(struct push *p, const struct json *status)
{
    int64_t damaged = 0;
    const struct json *policy = json_child(status, "policy");
    if (!policy || !json_int(policy, "damaged", &damaged))
        return;
    if (p->damage_seen >= 0 && damaged > p->damage_seen) {
        sync_suspect_replica(p->sync);
        if (sync_is_polling(p->sync)) /* so that it looks now, and not in a minute */
            https_interrupt(p->pull_https);
    }
    p->damage_seen = damaged;
}

static void take_alarm_seq(void *context, struct slice line)
{
    struct push *p = context;
    int64_t seq = 0, acked = 0;
    struct json *v = json_parse_object(line, NULL, 0);
    const struct json *journal = v ? json_child(v, "journal") : NULL;
    if (journal)
        json_int(journal, "next_seq", &p->next_seq);
    if (journal && json_int(journal, "alarm_seq", &seq) && json_int(journal, "acked_seq", &acked) &&
        seq > p->alarm_told && seq > acked)
        p->status_next = sync_now();
    if (v)
        hear_of_damage(p, v);
    json_free(v);
}

void push_alarms(struct push *p)
{
    struct mono now = sync_now();
    if (now.ms < p->alarm_next.ms || !push_daemon_may_be_there(p))
        return;
    p->alarm_next = mono_add_ms(now, ALARM_EVERY_MS);
    push_daemon_heard(p, daemon_status(p->sync->control_path, take_alarm_seq, p));
}

/* --- the post ------------------------------------------------------------- */

static bool set_nack(struct json *v, const char *name, const char *text)
{
    return json_set_text_or_null(v, name, text[0] ? text : NULL);
}

static bool set_certificate(struct json *v, const struct sync_view *view)
{
    char until[INSTANT_TEXT];
    if (view->certificate_count == 0)
        return true;
    struct json *certificate = json_new();
    instant_format(until, view->certificate_until);
    if (!certificate || !json_set_text(certificate, "until", slice_of(until)) ||
        !set_nack(certificate, "alarm", view->certificate_alarm)) {
        json_free(certificate);
        return false;
    }
    return json_set(v, "certificate", certificate);
}

static bool fill(struct json *v, const struct sync_view *view, bool daemon_is_up)
{
    return set_certificate(v, view) && json_set_text(v, "applied", slice_of(view->cursor)) &&
           json_set_int(v, "epoch", view->epoch) && json_set_int(v, "rev", view->rev) &&
           json_set_text(v, "digest", slice_of(view->digest)) &&
           set_nack(v, "nack", view->nack) && set_nack(v, "commands_nack", view->commands_nack) &&
           set_nack(v, "events_nack", view->events_nack) &&
           json_set_text(v, "gatehoused", slice_of(daemon_is_up ? "up" : "away"));
}

/* The body; owned, NULL when out of memory. */
static char *build(struct push *p, const struct sync_view *view, size_t *len)
{
    struct report r = {.push = p, .body = json_new(), .is_good = true};
    if (!r.body)
        return NULL;
    enum gh_err err = daemon_status(p->sync->control_path, take_status, &r);
    push_daemon_heard(p, err);
    char *text = NULL;
    if (!err && (!add_doors(p, r.body) || !add_alarms(p, r.body)))
        r.is_good = false;
    if (fill(r.body, view, !err) && r.is_good)
        text = json_print(r.body, len);
    json_free(r.body);
    return text;
}

void push_status(struct push *p)
{
    struct sync_view view;
    struct mono now = sync_now();
    sync_look(p->sync, &view);
    bool is_changed = view.generation != p->status_told && now.ms >= p->status_gap.ms;
    if (!is_changed && now.ms < p->status_next.ms)
        return;
    size_t len;
    char *body = build(p, &view, &len);
    struct push_reply reply;
    p->status_gap = mono_add_ms(now, PUSH_STATUS_GAP_MS);
    if (!body) {
        log_line(LOG_ERR, "push: the status could not be built: out of memory");
    } else if (push_post(p, "status", slice_make(body, len), &reply) != PUSH_FAILED) {
        /* One that is refused as it is would be refused again. */
        p->status_told = view.generation;
        p->status_next = mono_add_ms(now, rhythm_spread_ms(&p->rhythm, PUSH_STATUS_MS));
    }
    free(body);
}

/* --- notes ---------------------------------------------------------------- */

/* True if gatehoused took it, or will never take it. */
static bool note(struct push *p, const char *kind, const char *fault)
{
    enum gh_err err = daemon_note(p->sync->control_path, kind, fault);
    push_daemon_heard(p, err);
    if (err == GH_INVALID)
        log_line(LOG_WARNING, "push: gatehoused refuses the note %s", kind);
    return err == GH_OK || err == GH_INVALID;
}

void push_notes(struct push *p)
{
    struct sync_view view;
    sync_look(p->sync, &view);
    if (!push_daemon_may_be_there(p))
        return;
    if (view.is_known && (p->daemon_unaware || view.is_online != p->daemon_online) &&
        note(p, view.is_online ? "cloud_online" : "cloud_offline", NULL)) {
        p->daemon_online = view.is_online;
        p->daemon_unaware = false;
    }
    if (view.refused_count != p->refused_noted && push_daemon_may_be_there(p)) {
        if (note(p, "policy_refused", view.refusal))
            p->refused_noted = view.refused_count;
    }
    if (view.certificate_count != p->certificate_noted && push_daemon_may_be_there(p)) {
        enum gh_err err = daemon_certificate(p->sync->control_path, view.certificate_until,
                                             view.certificate_alarm);
        push_daemon_heard(p, err);
        if (err == GH_OK || err == GH_INVALID)
            p->certificate_noted = view.certificate_count;
    }
    if (view.applied_count != p->applied_noted && push_daemon_may_be_there(p) &&
        note(p, "policy_applied", NULL))
        p->applied_noted = view.applied_count;
}
