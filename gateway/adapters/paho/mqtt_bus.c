#include "adapters/paho/mqtt_bus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "adapters/paho/mqtt_link.h"

/* Waiting before the next attempt: doubled from the first to the longest, each
 * time between half of it and the whole. With at most about 1 s for the attempt
 * itself, a broker that is back has its gateway back within 5 s. */
#define BACKOFF_FIRST_MS 250
#define BACKOFF_LONGEST_MS 3000
/* A link that held so long was a good one: the next loss starts from the first. */
#define GOOD_LINK_MS 5000
/* An attempt without an answer is given up after this. */
#define ATTEMPT_MS 5000
/* How often to look at an attempt: the end of a failed one gives no note. */
#define LOOK_MS 250
/* How often the broker is asked for a sign of life. It is also what keeps Paho
 * 1.3.12 quick: after a second without a packet it sleeps for 100 ms in which it
 * hears nothing, and a card would wait that long at a quiet door. */
#define PROBE_MS 500

enum phase {
    PHASE_WAITING, /* until due, then an attempt */
    PHASE_TRYING,  /* an attempt is under way */
    PHASE_UP,
    PHASE_LOST, /* ended; the loop has not seen it yet */
};

struct mqtt_bus {
    struct mqtt_bus_options o; /* what it points to is ours */
    struct mqtt_link_sink sink;

    /* Shared with the library's threads. Lock order: theirs, then this one, so
     * the library is never called with it held. */
    pthread_mutex_t lock;
    pthread_cond_t settled; /* in_flight fell or the phase changed */
    enum phase phase;
    struct mqtt_link *link; /* the one that counts; events of others are ignored */
    int in_flight;
    bool answered;
    bool refused; /* the last attempt, by the broker */
    uint64_t dropped;

    /* The loop thread's own. */
    struct mqtt_link *old; /* ended; closed once its successor is made */
    struct mono due;       /* when tick has something to do */
    struct mono give_up;
    struct mono up_since;
    struct mono probe_sent;
    bool seen_up;
    bool probing;
    int failures;
    uint64_t random;
};

/* --- on the library's threads ------------------------------------------------- */

static void note_phase(struct mqtt_bus *bus, enum bus_kind kind)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    struct bus_note note;
    note.kind = kind;
    note.arrived = (struct mono){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
    note.retained = false;
    note.oversize = false;
    note.topic_len = 0;
    note.payload_len = 0;
    bus->o.note(bus->o.context, &note);
}

/* The link has ended; the lock is held. */
static void lose(struct mqtt_bus *bus)
{
    bool was_up = bus->phase == PHASE_UP;
    bus->phase = PHASE_LOST;
    bus->in_flight = 0;
    pthread_cond_broadcast(&bus->settled);
    if (was_up) {
        note_phase(bus, BUS_DOWN);
    }
}

static void take_event(struct mqtt_bus *bus, enum mqtt_link_event event)
{
    switch (event) {
    case LINK_READY:
        if (bus->phase == PHASE_TRYING) {
            bus->phase = PHASE_UP;
            bus->refused = false;
            note_phase(bus, BUS_UP);
        }
        break;
    case LINK_GONE:
        if (bus->phase == PHASE_TRYING || bus->phase == PHASE_UP) {
            lose(bus);
        }
        break;
    case LINK_REFUSED:
        bus->refused = true;
        break;
    case LINK_SETTLED:
        if (bus->in_flight > 0) {
            bus->in_flight--;
            pthread_cond_broadcast(&bus->settled);
        }
        break;
    case LINK_ANSWER:
        bus->answered = true;
        break;
    case LINK_DROPPED:
        bus->dropped++;
        break;
    }
}

static void on_event(void *context, struct mqtt_link *link, enum mqtt_link_event event)
{
    struct mqtt_bus *bus = context;
    pthread_mutex_lock(&bus->lock);
    if (link == bus->link) {
        take_event(bus, event);
    }
    pthread_mutex_unlock(&bus->lock);
}

static void on_sent(void *context, struct mqtt_link *link, uint64_t tag)
{
    struct mqtt_bus *bus = context;
    pthread_mutex_lock(&bus->lock);
    if (link == bus->link) {
        struct bus_note note;
        memset(&note, 0, offsetof(struct bus_note, payload));
        note.kind = BUS_SENT;
        note.tag = tag;
        bus->o.note(bus->o.context, &note);
    }
    pthread_mutex_unlock(&bus->lock);
}

static void on_message(void *context, struct mqtt_link *link, const struct bus_note *note)
{
    struct mqtt_bus *bus = context;
    pthread_mutex_lock(&bus->lock);
    /* Before all filters are granted no answer can go out: nothing is to be done that needs one, and
     * whoever sent it repeats it. */
    if (link == bus->link && bus->phase == PHASE_UP) {
        bus->o.note(bus->o.context, note);
    }
    pthread_mutex_unlock(&bus->lock);
}

/* --- the loop's rhythm --------------------------------------------------------- */

static uint64_t next_random(struct mqtt_bus *bus)
{
    bus->random ^= bus->random << 13;
    bus->random ^= bus->random >> 7;
    bus->random ^= bus->random << 17;
    return bus->random;
}

static int64_t backoff_ms(struct mqtt_bus *bus)
{
    int64_t ms = BACKOFF_FIRST_MS;
    for (int i = 0; i < bus->failures && ms < BACKOFF_LONGEST_MS; i++) {
        ms *= 2;
    }
    ms = ms < BACKOFF_LONGEST_MS ? ms : BACKOFF_LONGEST_MS;
    return ms / 2 + (int64_t)(next_random(bus) % (uint64_t)(ms / 2 + 1));
}

/* Puts the ended link aside and sets the time of the next attempt. */
static void plan_attempt(struct mqtt_bus *bus, struct mono now)
{
    if (bus->seen_up && now.ms - bus->up_since.ms >= GOOD_LINK_MS) {
        bus->failures = 0;
    }
    bus->due = mono_add_ms(now, backoff_ms(bus));
    if (bus->failures < 16) {
        bus->failures++;
    }
    pthread_mutex_lock(&bus->lock);
    bus->phase = PHASE_WAITING;
    if (bus->link != NULL) {
        bus->old = bus->link;
        bus->link = NULL;
    }
    pthread_mutex_unlock(&bus->lock);
}

static void begin_attempt(struct mqtt_bus *bus, struct mono now)
{
    struct mqtt_link *link = NULL;
    bus->seen_up = false;
    bus->probing = false;
    if (mqtt_link_new(&link, &bus->o, &bus->sink) != GH_OK) {
        plan_attempt(bus, now);
        return;
    }
    /* Only now: with no other link left, closing waits for the library's threads. */
    mqtt_link_close(bus->old);
    bus->old = NULL;
    pthread_mutex_lock(&bus->lock);
    bus->link = link;
    bus->phase = PHASE_TRYING;
    bus->in_flight = 0;
    bus->answered = false;
    pthread_mutex_unlock(&bus->lock);
    bus->give_up = mono_add_ms(now, ATTEMPT_MS);
    bus->due = mono_add_ms(now, LOOK_MS);
    if (mqtt_link_start(link) != GH_OK) {
        plan_attempt(bus, now);
    }
}

/* Ends a link that gives no sign of life; a note tells if it was up. */
static void give_up(struct mqtt_bus *bus, struct mono now)
{
    pthread_mutex_lock(&bus->lock);
    if (bus->phase == PHASE_TRYING || bus->phase == PHASE_UP) {
        lose(bus);
    }
    pthread_mutex_unlock(&bus->lock);
    plan_attempt(bus, now);
}

static void watch(struct mqtt_bus *bus, struct mono now, bool answered)
{
    if (!bus->seen_up) {
        bus->seen_up = true;
        bus->up_since = now;
        bus->due = now;
    }
    if (now.ms < bus->due.ms) {
        return;
    }
    if (bus->probing && !answered) {
        if (now.ms - bus->probe_sent.ms >= (int64_t)bus->o.keepalive_s * 1000) {
            give_up(bus, now);
        } else {
            bus->due = mono_add_ms(now, LOOK_MS);
        }
        return;
    }
    pthread_mutex_lock(&bus->lock);
    bus->answered = false;
    struct mqtt_link *link = bus->link;
    pthread_mutex_unlock(&bus->lock);
    bus->probing = true;
    bus->probe_sent = now;
    bus->due = mono_add_ms(now, PROBE_MS);
    if (mqtt_link_probe(link) == GH_RETRY) {
        give_up(bus, now); /* gone, and nobody said so */
    }
}

void mqtt_bus_tick(struct mqtt_bus *bus, struct mono now)
{
    pthread_mutex_lock(&bus->lock);
    enum phase phase = bus->phase;
    bool answered = bus->answered;
    pthread_mutex_unlock(&bus->lock);
    switch (phase) {
    case PHASE_WAITING:
        if (now.ms >= bus->due.ms) {
            begin_attempt(bus, now);
        }
        break;
    case PHASE_TRYING:
        if (now.ms >= bus->give_up.ms) {
            give_up(bus, now);
        } else if (now.ms >= bus->due.ms) {
            bus->due = mono_add_ms(now, LOOK_MS);
        }
        break;
    case PHASE_UP:
        watch(bus, now, answered);
        break;
    case PHASE_LOST:
        plan_attempt(bus, now);
        break;
    }
}

bool mqtt_bus_deadline(struct mqtt_bus *bus, struct mono *out)
{
    pthread_mutex_lock(&bus->lock);
    bool lost = bus->phase == PHASE_LOST;
    pthread_mutex_unlock(&bus->lock);
    *out = bus->due;
    if (lost) {
        out->ms = 0; /* at once */
    }
    return true;
}

bool mqtt_bus_is_up(struct mqtt_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bool up = bus->phase == PHASE_UP;
    pthread_mutex_unlock(&bus->lock);
    return up;
}

bool mqtt_bus_is_refused(struct mqtt_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bool refused = bus->refused;
    pthread_mutex_unlock(&bus->lock);
    return refused;
}

uint64_t mqtt_bus_dropped(struct mqtt_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    uint64_t dropped = bus->dropped;
    pthread_mutex_unlock(&bus->lock);
    return dropped;
}

/* --- publishing ----------------------------------------------------------------- */

/* Messages without a tag leave the rest to those that have one: a reader's answer finds a place
 * whatever else there is to say. */
#define UNTAGGED_MAX (MQTT_LINK_IN_FLIGHT_MAX / 4 * 3)

/* Takes a place in flight on the link that is up; NULL with *err if there is none. */
static struct mqtt_link *take_place(struct mqtt_bus *bus, bool has_tag, enum gh_err *err)
{
    struct mqtt_link *link = NULL;
    int most = has_tag ? MQTT_LINK_IN_FLIGHT_MAX : UNTAGGED_MAX;
    pthread_mutex_lock(&bus->lock);
    if (bus->phase != PHASE_UP) {
        *err = GH_RETRY;
    } else if (bus->in_flight >= most) {
        *err = GH_FULL;
    } else {
        bus->in_flight++;
        link = bus->link;
    }
    pthread_mutex_unlock(&bus->lock);
    return link;
}

static enum gh_err send_message(struct mqtt_bus *bus, struct slice topic, struct slice payload,
                                int qos, bool retain, uint64_t tag)
{
    char name[BUS_TOPIC_MAX + 1];
    enum gh_err err = GH_OK;
    if (topic.len == 0 || topic.len > BUS_TOPIC_MAX || payload.len > BUS_PAYLOAD_MAX ||
        memchr(topic.ptr, '\0', topic.len) != NULL || qos < 0 || qos > 1) {
        return GH_INVALID;
    }
    struct mqtt_link *link = take_place(bus, tag != 0, &err);
    if (link == NULL) {
        return err;
    }
    memcpy(name, topic.ptr, topic.len);
    name[topic.len] = '\0';
    err = mqtt_link_send(link, name, payload, qos, retain, tag);
    if (err != GH_OK) {
        on_event(bus, link, LINK_SETTLED);
    }
    return err;
}

static enum gh_err publish(void *self, struct slice topic, struct slice payload, int qos,
                           bool retain)
{
    return send_message(self, topic, payload, qos, retain, 0);
}

static enum gh_err publish_tagged(void *self, struct slice topic, struct slice payload,
                                  uint64_t tag)
{
    return tag == 0 ? GH_INVALID : send_message(self, topic, payload, 1, false, tag);
}

struct bus mqtt_bus_port(struct mqtt_bus *bus)
{
    static const struct bus_ops ops = {.publish = publish, .publish_tagged = publish_tagged};
    return (struct bus){&ops, bus};
}

/* --- beginning and end ---------------------------------------------------------- */

static bool is_numeric(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return address != NULL && (inet_pton(AF_INET, address, bytes) == 1 ||
                               inet_pton(AF_INET6, address, bytes) == 1);
}

static bool options_are_valid(const struct mqtt_bus_options *o)
{
    int n = 0;
    while (o->topics != NULL && o->topics[n] != NULL && n <= MQTT_LINK_TOPICS_MAX) {
        n++;
    }
    return is_numeric(o->address) && o->port >= 1 && o->port <= 65535 && o->client_id != NULL &&
           o->client_id[0] != '\0' && o->keepalive_s >= 5 && o->keepalive_s <= 60 && n >= 1 &&
           n <= MQTT_LINK_TOPICS_MAX && o->note != NULL &&
           (o->will_topic == NULL || (o->will_topic[0] != '\0' && o->will_payload != NULL)) &&
           (o->password == NULL || o->username != NULL);
}

static void free_options(struct mqtt_bus_options *o)
{
    const char *texts[] = {o->address,  o->client_id,  o->username,
                           o->password, o->will_topic, o->will_payload};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free((void *)(uintptr_t)texts[i]);
    }
    for (size_t i = 0; o->topics != NULL && o->topics[i] != NULL; i++) {
        free((void *)(uintptr_t)o->topics[i]);
    }
    free((void *)(uintptr_t)o->topics);
}

/* False when out of memory; what was copied is freed with free_options. */
static bool copy_options(struct mqtt_bus_options *to, const struct mqtt_bus_options *from)
{
    const char *const sources[] = {from->address,  from->client_id,  from->username,
                                   from->password, from->will_topic, from->will_payload};
    const char **const places[] = {&to->address,  &to->client_id,  &to->username,
                                   &to->password, &to->will_topic, &to->will_payload};
    *to = (struct mqtt_bus_options){.port = from->port, .keepalive_s = from->keepalive_s,
                                    .note = from->note, .context = from->context};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (sources[i] != NULL && (*places[i] = strdup(sources[i])) == NULL) {
            return false;
        }
    }
    const char **topics = calloc(MQTT_LINK_TOPICS_MAX + 1, sizeof *topics);
    to->topics = topics;
    for (size_t i = 0; topics != NULL && from->topics[i] != NULL; i++) {
        if ((topics[i] = strdup(from->topics[i])) == NULL) {
            return false;
        }
    }
    return topics != NULL;
}

static bool init_lock(struct mqtt_bus *bus)
{
    pthread_condattr_t clock;
    if (pthread_condattr_init(&clock) != 0) {
        return false;
    }
    bool made = pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&bus->settled, &clock) == 0;
    pthread_condattr_destroy(&clock);
    if (made && pthread_mutex_init(&bus->lock, NULL) != 0) {
        pthread_cond_destroy(&bus->settled);
        made = false;
    }
    return made;
}

enum gh_err mqtt_bus_open(struct mqtt_bus **out, const struct mqtt_bus_options *o)
{
    if (!options_are_valid(o)) {
        return GH_INVALID;
    }
    struct mqtt_bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        return GH_IO;
    }
    bus->phase = PHASE_WAITING; /* due at 0: the first tick begins */
    bus->sink = (struct mqtt_link_sink){on_event, on_sent, on_message, bus};
    if (!copy_options(&bus->o, o) ||
        getrandom(&bus->random, sizeof bus->random, 0) != sizeof bus->random || !init_lock(bus)) {
        free_options(&bus->o);
        free(bus);
        return GH_IO;
    }
    bus->random |= 1; /* xorshift stays at 0 once it is there */
    *out = bus;
    return GH_OK;
}

static void wait_for_flight(struct mqtt_bus *bus, int timeout_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000L;
    }
    int rc = 0;
    while (rc == 0 && bus->phase == PHASE_UP && bus->in_flight > 0) {
        rc = pthread_cond_timedwait(&bus->settled, &bus->lock, &end);
    }
}

void mqtt_bus_close(struct mqtt_bus *bus, int timeout_ms)
{
    if (bus == NULL) {
        return;
    }
    pthread_mutex_lock(&bus->lock);
    wait_for_flight(bus, timeout_ms > 0 ? timeout_ms : 0);
    struct mqtt_link *link = bus->link;
    bus->link = NULL; /* from here no note goes out */
    pthread_mutex_unlock(&bus->lock);
    mqtt_link_close(bus->old);
    mqtt_link_close(link);
    pthread_mutex_destroy(&bus->lock);
    pthread_cond_destroy(&bus->settled);
    free_options(&bus->o);
    free(bus);
}
