#include "lib/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rights.h"
#include "lib/wait.h"
#include "lib/wire.h"

#define PREFIX RIGHTS_PREFIX
#define TOPICS RIGHTS_TOPICS
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* --- the play -------------------------------------------------------------------------------- */

struct matrix {
    const struct secure_broker *broker;
    const struct authority_options *o;
    struct authority_tally *tally;
    struct wire *ears, *mouth;
    bool lost;     /* the ears or the mouth: nothing counts any more */
    unsigned last; /* number of the last text */
    unsigned number[TOPICS]; /* of the text that was sent to each topic */
    unsigned kept[TOPICS];   /* of the one that was sent before, to be retained */
};

static const char *text_of(char text[24], unsigned number)
{
    snprintf(text, 24, "text-%u", number);
    return text;
}

static void judge(struct matrix *m, bool must, bool came, const struct principal *p, int version,
                  const char *what, const char *where)
{
    struct authority_tally *t = m->tally;
    t->cells++;
    t->must += must;
    t->leaks += came && !must;
    t->missing += must && !came;
    if (came != must && !t->first[0])
        snprintf(t->first, sizeof t->first, "%s (MQTT %d) %s %s: %s", p->label, version, what,
                 where, came ? "delivered" : "not delivered");
}

static void judge_session(struct matrix *m, bool bad, size_t *count, const char *a, const char *b)
{
    m->tally->cells++;
    *count += bad;
    if (bad && !m->tally->first[0])
        snprintf(m->tally->first, sizeof m->tally->first, "%s: %s", a, b);
}

static bool has(const struct wire *w, unsigned number, const char *topic, bool retained)
{
    char text[24];
    text_of(text, number);
    for (size_t i = 0; i < wire_count(w); i++) {
        const struct wire_message *m = wire_at(w, i);
        if (strcmp(m->text, text) == 0 && strcmp(m->topic, topic) == 0 && m->retained == retained)
            return true;
    }
    return false;
}

static struct wire *connect_as(const struct matrix *m, const struct principal *p)
{
    char ca[FOLDER_PATH_MAX], cert[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX], name[100];
    struct wire_tls tls = {.highest = p->highest_tls};
    const struct folder *f = m->broker->folder;
    if (p->port == PORT_GATEWAY || p->plain)
        return wire_open(m->broker->port[p->port], NULL);
    tls.ca = folder_file(f, "broker/ca.pem", ca) ? ca : NULL;
    if (p->certificate) {
        snprintf(name, sizeof name, "broker/%s.pem", p->certificate);
        tls.cert = folder_file(f, name, cert) ? cert : NULL;
        snprintf(name, sizeof name, "broker/%s.key", p->certificate);
        tls.key = folder_file(f, name, key) ? key : NULL;
    }
    return wire_open(m->broker->port[p->port], &tls);
}

static struct wire_login login_of(const struct principal *p, int version)
{
    /* Beside a certificate a name counts for nothing. */
    const char *name = p->certificate ? "@gatehoused" : p->account;
    return (struct wire_login){.version = version, .client_id = p->label,
                               .username = name[0] ? name : NULL, .password = p->password};
}

/* In, or NULL. */
static struct wire *enter_with(const struct matrix *m, const struct principal *p,
                               const struct wire_login *login)
{
    struct wire *w = connect_as(m, p);
    if (w && wire_login(w, login) == 0)
        return w;
    wire_close(w);
    return NULL;
}

static struct wire *enter(const struct matrix *m, const struct principal *p, int version)
{
    struct wire_login login = login_of(p, version);
    return enter_with(m, p, &login);
}

/* What was sent so far has come to the ears, or never will. */
static void fence(struct matrix *m)
{
    char text[24];
    wire_publish(m->mouth, "fence", text_of(text, ++m->last), false);
    m->lost = m->lost || !wire_ping(m->mouth) || !wire_until(m->ears, text);
}

static void listen_again(struct matrix *m)
{
    static const char *const all[] = {"#", "$SYS/#", "$x/#", "$CONTROL/#"};
    for (size_t i = 0; i < COUNT(all); i++) {
        wire_unsubscribe(m->ears, all[i]);
        wire_subscribe(m->ears, all[i]);
    }
}

static void clear_retained(struct matrix *m)
{
    for (size_t i = 0; i < TOPICS; i++) {
        if (rights_is_topic(rights_topics[i]))
            wire_publish(m->mouth, rights_topics[i], "", true);
    }
    fence(m);
    wire_forget(m->ears);
}

/* --- ways ---------------------------------------------------------------------------------- */

/* All that was sent is done, also at QoS 2, where the second half goes out behind an answer. */
static void settle(struct wire *w)
{
    if (wire_ping(w))
        (void)wire_ping(w);
}

/* Sends a new text to each topic; whoever loses the connection comes again. */
static void publish_all(struct matrix *m, const struct principal *p, int version, bool retained)
{
    char text[24];
    int qos = version == 5 ? 1 : retained ? 0 : 2;
    struct wire *w = enter(m, p, version);
    for (size_t i = 0; w && i < TOPICS; i++) {
        m->number[i] = ++m->last;
        if (!rights_is_topic(rights_topics[i]))
            settle(w);
        wire_publish_at(w, rights_topics[i], text_of(text, m->last), retained, qos);
        if (!rights_is_topic(rights_topics[i]) && !wire_ping(w)) {
            wire_close(w);
            w = enter(m, p, version);
        }
    }
    if (w)
        settle(w);
    wire_leave(w);
}

/* What the ears have heard of the last text to each topic. */
static void judge_heard(struct matrix *m, const struct principal *p, int version, bool retained,
                        const char *what)
{
    for (size_t i = 0; i < TOPICS; i++) {
        const char *topic = rights_topics[i];
        bool heard = has(m->ears, m->number[i], topic, retained);
        judge(m, rights_allow(p, true, topic), heard, p, version, what, topic);
    }
}

static void try_publishing(struct matrix *m, const struct principal *p, int version, bool retained)
{
    wire_forget(m->ears);
    publish_all(m, p, version, retained);
    fence(m);
    judge_heard(m, p, version, false, retained ? "publishes retained" : "publishes");
    if (!retained)
        return;
    wire_forget(m->ears);
    listen_again(m);
    fence(m);
    judge_heard(m, p, version, true, "leaves a retained message on");
    clear_retained(m);
}

static void try_wills(struct matrix *m, const struct principal *p, int version, bool retained)
{
    char text[24];
    wire_forget(m->ears);
    for (size_t i = 0; i < TOPICS; i++) {
        struct wire_login login = login_of(p, version);
        m->number[i] = ++m->last;
        login.will_topic = rights_topics[i];
        login.will_text = text_of(text, m->last);
        login.will_retained = retained;
        wire_close(enter_with(m, p, &login));
    }
    /* The next login of an account comes after the will of its last connection. */
    wire_leave(enter(m, p, version));
    fence(m);
    judge_heard(m, p, version, false, "leaves a will on");
    if (retained)
        clear_retained(m);
}

/* Retained messages on all topics, for whoever subscribes from now on. */
static void keep_texts(struct matrix *m)
{
    char text[24];
    for (size_t i = 0; i < TOPICS; i++) {
        m->kept[i] = ++m->last;
        if (rights_is_topic(rights_topics[i]))
            wire_publish(m->mouth, rights_topics[i], text_of(text, m->last), true);
    }
    fence(m);
}

static void send_to_all(struct matrix *m)
{
    char text[24];
    for (size_t i = 0; i < TOPICS; i++) {
        m->number[i] = ++m->last;
        if (rights_is_topic(rights_topics[i]))
            wire_publish(m->mouth, rights_topics[i], text_of(text, m->last), false);
    }
    fence(m);
}

static void judge_received(struct matrix *m, const struct principal *p, int version,
                           const struct wire *w, const char *filter)
{
    char where[200];
    bool shared = strncmp(filter, "$share/", 7) == 0;
    for (size_t i = 0; i < TOPICS; i++) {
        bool wanted = rights_is_topic(rights_topics[i]) && rights_match(filter, rights_topics[i]) &&
                      rights_allow(p, false, rights_topics[i]);
        bool kept = has(w, m->kept[i], rights_topics[i], true);
        snprintf(where, sizeof where, "to %s: %s", filter, rights_topics[i]);
        bool came = has(w, m->number[i], rights_topics[i], false);
        judge(m, wanted, came, p, version, "subscribes", where);
        if (shared && wanted)
            kept = true; /* to shared ones 2.0.11 sends retained messages, later versions do not */
        judge(m, wanted, kept, p, version, "subscribes, for what is retained,", where);
    }
}

static bool is_enough(const struct matrix *m)
{
    return m->lost || (m->o->brief && authority_wrong(m->tally) > 0);
}

static void try_subscribing(struct matrix *m, const struct principal *p, int version)
{
    struct wire_login login = login_of(p, version);
    login.is_bridge = version == 4; /* brokers among each other are believed more */
    struct wire *w = enter_with(m, p, &login);
    size_t first = m->o->brief || version < 5 ? TOPICS : 0; /* before 5: only the wildcards */
    keep_texts(m);
    for (size_t i = first; w && i < TOPICS + RIGHTS_WILDCARDS; i++) {
        const char *filter = i < TOPICS ? rights_topics[i] : rights_wildcards[i - TOPICS];
        wire_forget(w);
        wire_forget(m->ears);
        if (!wire_subscribe(w, filter)) {
            wire_close(w);
            w = enter_with(m, p, &login);
            continue;
        }
        send_to_all(m);
        (void)wire_ping(w);
        judge_received(m, p, version, w, filter);
        (void)wire_unsubscribe(w, filter);
    }
    wire_leave(w);
    clear_retained(m);
}

/* --- sessions ------------------------------------------------------------------------------ */

static const char *inbox_of(char topic[100], const struct principal *p)
{
    if (p->role == ROLE_GATEWAY)
        return PREFIX "readers/rear/read";
    snprintf(topic, 100, "%s/%s/%s", p->role == ROLE_READER ? PREFIX "readers" : PREFIX "panels",
             p->own, p->role == ROLE_READER ? "feedback" : "result");
    return topic;
}

/* The attacker calls itself by the victim's client id while the victim is connected. */
static void try_taking(struct matrix *m, const struct principal *a, const struct principal *v,
                       int version, const char *client_id)
{
    char topic[100], text[24], what[120];
    const char *inbox = inbox_of(topic, v);
    struct wire *victim = enter(m, v, version);
    struct wire_login login = login_of(a, version);
    login.client_id = client_id;
    if (victim)
        (void)wire_subscribe(victim, inbox);
    struct wire *attacker = enter_with(m, a, &login);
    if (attacker)
        (void)wire_subscribe(attacker, inbox);
    unsigned sent = ++m->last;
    wire_publish(m->mouth, inbox, text_of(text, sent), false);
    fence(m);
    bool alive = victim && wire_ping(victim) && has(victim, sent, inbox, false);
    bool stolen = attacker && wire_ping(attacker) && has(attacker, sent, inbox, false);
    snprintf(what, sizeof what, "calls itself %s (MQTT %d): ends the session of %s", client_id,
             version, v->label);
    judge_session(m, !alive, &m->tally->taken, a->label, what);
    judge(m, rights_allow(a, false, inbox), stolen, a, version, "with another's client id reads",
          inbox);
    wire_leave(attacker);
    wire_leave(victim);
}

/* The victim is away and its session waits for it: messages in it are for nobody else. */
static void try_inheriting(struct matrix *m, const struct principal *a, const struct principal *v,
                           int version, const char *client_id)
{
    char topic[100], text[24], what[120];
    const char *inbox = inbox_of(topic, v);
    struct wire_login own = login_of(v, version), other = login_of(a, version);
    own.keeps_session = other.keeps_session = true;
    other.client_id = client_id;
    struct wire *victim = enter_with(m, v, &own);
    if (victim)
        (void)wire_subscribe(victim, inbox);
    wire_leave(victim);
    unsigned sent = ++m->last;
    wire_publish(m->mouth, inbox, text_of(text, sent), false);
    fence(m);
    struct wire *attacker = enter_with(m, a, &other);
    bool found = attacker && wire_had_session(attacker);
    bool stolen = attacker && wire_ping(attacker) && has(attacker, sent, inbox, false);
    wire_leave(attacker);
    victim = enter_with(m, v, &own);
    bool waited = victim && wire_had_session(victim) && wire_ping(victim) &&
                  has(victim, sent, inbox, false);
    snprintf(what, sizeof what, "calls itself %s (MQTT %d): gets the session of %s", client_id,
             version, v->label);
    judge_session(m, found || stolen || !waited, &m->tally->taken, a->label, what);
    wire_leave(victim);
    /* A clean start each: the sessions end. */
    wire_leave(enter(m, v, version));
    wire_leave(enter(m, a, version));
}

static void try_sessions(struct matrix *m, const struct principal *a, int version)
{
    for (const struct principal *v = m->o->admitted; v->label && !is_enough(m); v++) {
        if (v->role == ROLE_NOBODY || strcmp(v->account, a->account) == 0)
            continue;
        try_taking(m, a, v, version, v->account);
        try_inheriting(m, a, v, version, v->account);
        if (version == 5) {
            try_taking(m, a, v, version, v->label);
            try_inheriting(m, a, v, version, v->label);
        }
    }
}

/* An alias that was good once, then is given to a foreign topic. */
static void try_aliases(struct matrix *m, const struct principal *p)
{
    const char *foreign = PREFIX "readers/rear/read";
    char own[100], text[24];
    if (p->role != ROLE_READER || strcmp(p->own, "rear") == 0)
        return;
    snprintf(own, sizeof own, PREFIX "readers/%s/read", p->own);
    struct wire *w = enter(m, p, 5);
    unsigned first = m->last + 1;
    wire_forget(m->ears);
    for (int i = 0; w && i < 4; i++) {
        const char *topic = i == 0 ? own : i == 2 ? foreign : "";
        wire_publish_alias(w, topic, 1, text_of(text, ++m->last));
    }
    if (w)
        (void)wire_ping(w);
    fence(m);
    for (unsigned i = 0; i < 4; i++)
        judge(m, i < 2, has(m->ears, first + i, i < 2 ? own : foreign, false), p, 5,
              "publishes by an alias to", i < 2 ? own : foreign);
    wire_leave(w);
}

/* --- who must not come in ------------------------------------------------------------------ */

/* Everything in one go, without waiting to be let in. */
static void storm(struct matrix *m, const struct principal *p, int version, size_t nth)
{
    char text[24];
    struct wire *w = connect_as(m, p);
    struct wire_login login = login_of(p, version);
    unsigned will = ++m->last;
    wire_forget(m->ears);
    if (!w)
        return;
    login.will_topic = nth % 2 ? PREFIX "gateway/status" : PREFIX "readers/front/read";
    login.will_text = text_of(text, will);
    login.will_retained = true;
    wire_send_login(w, &login);
    wire_send_subscribe(w, "#");
    unsigned first = m->last + 1;
    for (size_t i = 0; i < TOPICS; i++, m->last++) {
        if (rights_is_topic(rights_topics[i]))
            wire_publish(w, rights_topics[i], text_of(text, m->last + 1), i % 2);
    }
    send_to_all(m);
    judge_session(m, !wire_until_closed(w), &m->tally->entered, p->label,
                  "sends without being let in: the connection stays");
    for (size_t i = 0; i < TOPICS; i++)
        judge(m, false, has(w, m->number[i], rights_topics[i], false), p, version,
              "without being let in receives", rights_topics[i]);
    wire_close(w);
    listen_again(m);
    fence(m);
    for (size_t i = 0; i < TOPICS; i++)
        judge(m, false, has(m->ears, first + (unsigned)i, rights_topics[i], i % 2) ||
                            has(m->ears, first + (unsigned)i, rights_topics[i], false),
              p, version, "without being let in publishes", rights_topics[i]);
    judge(m, false, has(m->ears, will, login.will_topic, false) ||
                        has(m->ears, will, login.will_topic, true),
          p, version, "without being let in leaves a will on", login.will_topic);
}

static void try_entering(struct matrix *m, const struct principal *p, int version, size_t nth)
{
    struct wire *w = enter(m, p, version);
    judge_session(m, w != NULL, &m->tally->entered, p->label, "was let in");
    wire_leave(w);
    if (!is_enough(m))
        storm(m, p, version, nth);
}

/* --- all ----------------------------------------------------------------------------------- */

static void try_admitted(struct matrix *m, const struct principal *p, int version)
{
    struct wire *w = enter(m, p, version);
    bool is_in = w != NULL;
    wire_leave(w);
    judge(m, true, is_in, p, version, "comes in", "at all");
    if (!is_in || is_enough(m))
        return;
    try_publishing(m, p, version, false);
    if (!is_enough(m))
        try_subscribing(m, p, version);
    if (version > 3 && !is_enough(m))
        try_sessions(m, p, version);
    if (m->o->brief || version == 3)
        return;
    try_publishing(m, p, version, true);
    try_wills(m, p, version, version == 5);
    if (version == 5)
        try_aliases(m, p);
}

bool authority_run(const struct secure_broker *broker, const struct authority_options *o,
                   struct authority_tally *out)
{
    static const struct principal ears = {.label = "ears", .account = JUDGE_EARS,
                                          .port = PORT_GATEWAY, .password = SECURE_PASSWORD};
    static const struct principal mouth = {.label = "mouth", .account = JUDGE_MOUTH,
                                           .port = PORT_GATEWAY, .password = SECURE_PASSWORD};
    struct matrix m = {.broker = broker, .o = o, .tally = out};
    *out = (struct authority_tally){0};
    m.ears = enter(&m, &ears, 5);
    m.mouth = enter(&m, &mouth, 5);
    bool good = m.ears && m.mouth;
    for (int version = o->brief ? 5 : 3; good && version <= 5; version++) {
        listen_again(&m);
        for (const struct principal *p = o->refused; p->label && !is_enough(&m); p++)
            try_entering(&m, p, version, (size_t)(p - o->refused));
        for (const struct principal *p = o->admitted; p->label && !is_enough(&m); p++)
            try_admitted(&m, p, version);
    }
    good = good && !m.lost;
    if (!good)
        lib_say("the matrix could not be played to its end");
    wire_leave(m.ears);
    wire_leave(m.mouth);
    return good;
}

size_t authority_wrong(const struct authority_tally *t)
{
    return t->leaks + t->missing + t->entered + t->taken;
}
