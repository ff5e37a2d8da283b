#include "app/syncd/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/control.h"
#include "app/log.h"

static const char *const activity_names[SYNC_LINKS] = {"pull", "push"};

struct mono sync_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (struct mono){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

static void free_lists(struct sync *s)
{
    free(s->command);
    free(s->denial);
    s->command = NULL;
    s->denial = NULL;
}

enum gh_err sync_init(struct sync *s, const struct config *config)
{
    pthread_condattr_t attr;
    *s = (struct sync){.config = config, .handing = PTHREAD_MUTEX_INITIALIZER};
    if (!config_path(s->control_path, config->run_dir, CONTROL_SOCKET))
        return GH_INVALID;
    s->command = calloc(SYNC_COMMANDS_MAX, sizeof *s->command);
    s->denial = calloc(SYNC_DENIALS_MAX, sizeof *s->denial);
    if (!s->command || !s->denial) {
        free_lists(s);
        return GH_FULL;
    }
    if (pthread_condattr_init(&attr) != 0) {
        free_lists(s);
        return GH_IO;
    }
    enum gh_err err = GH_IO;
    if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
        pthread_mutex_init(&s->lock, NULL) == 0) {
        if (pthread_cond_init(&s->wake, &attr) == 0)
            err = GH_OK;
        else
            pthread_mutex_destroy(&s->lock);
    }
    pthread_condattr_destroy(&attr);
    if (err)
        free_lists(s);
    for (int i = 0; i < SYNC_ACTIVITIES; i++)
        s->heard_by_ms[i] = INT64_MAX;
    return err;
}

void sync_destroy(struct sync *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->handing);
    free_lists(s);
}

static void unlock(struct sync **s)
{
    pthread_mutex_unlock(&(*s)->lock);
}

#define LOCKED(s) \
    __attribute__((cleanup(unlock))) struct sync *locked = (s); \
    pthread_mutex_lock(&locked->lock)

/* --- ending and waiting --------------------------------------------------- */

void sync_stop(struct sync *s)
{
    LOCKED(s);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->wake);
}

bool sync_is_stopping(struct sync *s)
{
    LOCKED(s);
    return s->is_stopping;
}

/* news: what else ends the wait, guarded by the lock; NULL = nothing. */
static bool wait_for(struct sync *s, const bool *news, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000 * 1000000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    LOCKED(s);
    int result = 0;
    while (!s->is_stopping && !(news && *news) && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&s->wake, &s->lock, &until);
    return !s->is_stopping;
}

bool sync_sleep(struct sync *s, int64_t ms)
{
    return wait_for(s, NULL, ms);
}

bool sync_sleep_until_back(struct sync *s, enum sync_activity who, int64_t ms)
{
    return wait_for(s, &s->is_back[who], ms);
}

bool sync_take_back(struct sync *s, enum sync_activity who)
{
    LOCKED(s);
    bool is_back = s->is_back[who];
    s->is_back[who] = false;
    return is_back;
}

void sync_promise(struct sync *s, enum sync_activity who, int64_t ms)
{
    LOCKED(s);
    s->heard_by_ms[who] = sync_now().ms + ms;
}

bool sync_is_alive(struct sync *s)
{
    int64_t now_ms = sync_now().ms;
    LOCKED(s);
    for (int i = 0; i < SYNC_ACTIVITIES; i++)
        if (now_ms > s->heard_by_ms[i])
            return false;
    return true;
}

struct turn {
    struct sync *sync;
    enum sync_activity who;
};

static void on_turn(void *context)
{
    const struct turn *t = context;
    sync_promise(t->sync, t->who, SYNC_TURN_MS);
}

enum https_outcome sync_call(struct sync *s, enum sync_activity who, struct https *https,
                             const struct https_request *request, struct https_response *out)
{
    struct turn turn = {s, who};
    struct https_request with_turns = *request;
    with_turns.turn = on_turn;
    with_turns.turn_context = &turn;
    sync_promise(s, who, SYNC_TURN_MS);
    enum https_outcome outcome = https_call(https, &with_turns, out);
    sync_promise(s, who, SYNC_WORK_MS);
    return outcome;
}

/* --- the link ------------------------------------------------------------- */

/* Texts may carry words of the cloud: only plain characters go on. */
static void set_text(char out[SYNC_TEXT_MAX], const char *text)
{
    size_t n = 0;
    for (; n < SYNC_TEXT_MAX - 1 && text[n]; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    out[n] = '\0';
}

/* A cloud that answers "not now" or "who are you" serves nothing. */
static bool is_served(enum https_outcome outcome, const struct https_response *r)
{
    return outcome == HTTPS_DONE && r->status < 500 && r->status != 401 && r->status != 403 &&
           r->status != 429;
}

static void describe(char out[SYNC_TEXT_MAX], const char *what, enum https_outcome outcome,
                     const struct https_response *r)
{
    char text[SYNC_TEXT_MAX];
    if (outcome == HTTPS_DONE)
        snprintf(text, sizeof text, "%s: the cloud answers %d %.*s", what, r->status,
                 (int)(r->body_len < 120 ? r->body_len : 120), r->body);
    else
        snprintf(text, sizeof text, "%s: %s", what, r->why);
    set_text(out, text);
}

/* What who's link has become. The lock is held. */
static void take_link(struct sync *s, enum sync_activity who, enum sync_link link)
{
    /* A call that fails may have begun before the cloud came back: what the
     * other one saw stays. */
    if (link == SYNC_LINK_UP)
        s->is_back[who] = false;
    if (s->link[who] == link)
        return;
    s->link[who] = link;
    s->view.generation++;
    s->view.is_known = true;
    s->view.is_online = s->link[SYNC_PULL] == SYNC_LINK_UP || s->link[SYNC_PUSH] == SYNC_LINK_UP;
    enum sync_activity other = who == SYNC_PULL ? SYNC_PUSH : SYNC_PULL;
    if (link == SYNC_LINK_UP && s->link[other] == SYNC_LINK_DOWN) {
        s->is_back[other] = true;
        pthread_cond_broadcast(&s->wake);
    }
}

void sync_heard(struct sync *s, enum sync_activity who, const char *what,
                enum https_outcome outcome, const struct https_response *response)
{
    if (outcome == HTTPS_STOPPED && sync_is_stopping(s))
        return;
    char text[SYNC_TEXT_MAX] = "";
    enum sync_link link = SYNC_LINK_UP;
    /* An answer that we ended ourselves, or that is too large, is an answer. */
    if (!is_served(outcome, response) && outcome != HTTPS_STOPPED && outcome != HTTPS_TOO_LARGE) {
        describe(text, what, outcome, response);
        link = SYNC_LINK_DOWN;
    }
    bool is_news = false, was_trouble = false;
    {
        LOCKED(s);
        take_link(s, who, link);
        is_news = strcmp(s->trouble[who], text) != 0;
        was_trouble = s->trouble[who][0] != '\0';
        memcpy(s->trouble[who], text, sizeof text);
    }
    if (is_news && text[0])
        log_line(LOG_WARNING, "%s: %s; trying again", activity_names[who], text);
    else if (is_news && was_trouble)
        log_line(LOG_NOTICE, "%s: the cloud answers again", activity_names[who]);
}

/* --- what the status tells ------------------------------------------------ */

/* Takes the text over and logs it, if it is another one than before. */
static void change_text(struct sync *s, char out[SYNC_TEXT_MAX], const char *text,
                        const char *said)
{
    char clean[SYNC_TEXT_MAX] = "";
    set_text(clean, text);
    {
        LOCKED(s);
        if (strcmp(out, clean) == 0)
            return;
        memcpy(out, clean, sizeof clean);
        s->view.generation++;
        if (out == s->view.nack && clean[0]) {
            s->view.refused_count++;
            memcpy(s->view.refusal, clean, sizeof clean);
        }
    }
    if (clean[0])
        log_line(LOG_ERR, "%s%s", said, clean);
}

/* Returns true if this is another place than before. The lock is held. */
static bool take_place(struct sync_view *v, const struct replica_state *state)
{
    bool is_new = v->epoch != state->version.epoch || v->rev != state->version.rev;
    v->epoch = state->version.epoch;
    v->rev = state->version.rev;
    memcpy(v->cursor, state->cursor, sizeof v->cursor);
    memcpy(v->digest, state->digest, sizeof v->digest);
    v->generation++;
    return is_new;
}

void sync_stands(struct sync *s, const struct replica_state *state)
{
    LOCKED(s);
    take_place(&s->view, state);
}

void sync_applied(struct sync *s, const struct replica_state *state)
{
    bool is_new;
    {
        LOCKED(s);
        is_new = take_place(&s->view, state);
        s->view.nack[0] = '\0';
        s->view.applied_count += is_new;
    }
    if (is_new)
        log_line(LOG_NOTICE, "pull: policy %lld/%lld applied, %lld rows",
                 (long long)state->version.epoch, (long long)state->version.rev,
                 (long long)state->rows);
}

void sync_refused(struct sync *s, const char *why)
{
    change_text(s, s->view.nack, why, "pull: policy refused, the last good one stays: ");
}

void sync_commands_nack(struct sync *s, const char *why)
{
    change_text(s, s->view.commands_nack, why, "pull: ");
}

void sync_events_nack(struct sync *s, const char *why)
{
    change_text(s, s->view.events_nack, why, "push: ");
}

/* --- commands ------------------------------------------------------------- */

bool sync_command_wait(struct sync *s, struct slice line)
{
    LOCKED(s);
    if (s->n_commands == SYNC_COMMANDS_MAX || line.len > SYNC_COMMAND_BYTES)
        return false;
    struct sync_command *c = &s->command[s->n_commands++];
    c->len = line.len;
    memcpy(c->line, line.ptr, line.len);
    return true;
}

bool sync_command_next(struct sync *s, struct sync_command *out)
{
    LOCKED(s);
    if (s->n_commands == 0)
        return false;
    *out = s->command[0];
    return true;
}

void sync_command_taken(struct sync *s)
{
    LOCKED(s);
    if (s->n_commands == 0)
        return;
    s->n_commands--;
    memmove(s->command, s->command + 1, s->n_commands * sizeof s->command[0]);
}

void sync_denial_wait(struct sync *s, enum row_kind kind, const struct id *id, int64_t rev)
{
    LOCKED(s);
    if (s->n_denials < SYNC_DENIALS_MAX)
        s->denial[s->n_denials++] = (struct sync_denial){.kind = kind, .id = *id, .rev = rev};
}

bool sync_denial_take(struct sync *s, struct sync_denial *out)
{
    LOCKED(s);
    if (s->n_denials == 0)
        return false;
    *out = s->denial[--s->n_denials];
    return true;
}

void sync_want_snapshot(struct sync *s)
{
    LOCKED(s);
    s->wants_snapshot = true;
}

bool sync_take_want(struct sync *s)
{
    LOCKED(s);
    bool wants = s->wants_snapshot;
    s->wants_snapshot = false;
    return wants;
}

void sync_suspect_replica(struct sync *s)
{
    LOCKED(s);
    s->suspects_replica = true;
}

void sync_set_polling(struct sync *s, bool is_polling)
{
    LOCKED(s);
    s->is_polling = is_polling;
}

bool sync_is_polling(struct sync *s)
{
    LOCKED(s);
    return s->is_polling;
}

bool sync_take_suspicion(struct sync *s)
{
    LOCKED(s);
    bool suspects = s->suspects_replica;
    s->suspects_replica = false;
    return suspects;
}

void sync_certificate(struct sync *s, int64_t until, const char *alarm)
{
    char clean[SYNC_TEXT_MAX] = "";
    set_text(clean, alarm);
    {
        LOCKED(s);
        struct sync_view *v = &s->view;
        if (v->certificate_count > 0 && v->certificate_until == until &&
            strcmp(v->certificate_alarm, clean) == 0)
            return;
        v->certificate_until = until;
        memcpy(v->certificate_alarm, clean, sizeof clean);
        v->certificate_count++;
        v->generation++;
    }
    if (clean[0])
        log_line(LOG_ERR, "certificate: %s", clean);
}

void sync_look(struct sync *s, struct sync_view *out)
{
    LOCKED(s);
    *out = s->view;
}
