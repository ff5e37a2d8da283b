#include "lib/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/wait.h"

#define PACKET_MAX 8192
#define CONTEXTS_MAX 64

/* First bytes of packets. */
enum {
    CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, PUBACK = 0x40, PUBREC = 0x50,
    PUBREL = 0x62, SUBSCRIBE = 0x82, SUBACK = 0x90,
    UNSUBSCRIBE = 0xa2, UNSUBACK = 0xb0, PINGREQ = 0xc0, PINGRESP = 0xd0, DISCONNECT = 0xe0,
};
#define TYPE 0xf0
#define PROPERTY_SESSION_EXPIRY 0x11
#define PROPERTY_TOPIC_ALIAS 0x23

struct wire {
    int fd;
    SSL *ssl;
    bool is_down;
    int version;
    uint16_t last_id;
    int connack; /* -1 = none */
    bool had_session;
    uint8_t in[PACKET_MAX];
    size_t have;
    uint8_t out[4 * PACKET_MAX]; /* leaves when we read, or when it is full */
    size_t waiting;
    struct wire_message *messages;
    size_t count, room;
};

struct packet {
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

/* --- bytes -------------------------------------------------------------------------------- */

static void put(struct packet *p, const void *bytes, size_t len)
{
    if (p->len + len > sizeof p->bytes)
        abort(); /* no test sends so much */
    memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static void put_byte(struct packet *p, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(p, &byte, 1);
}

static void put_16(struct packet *p, unsigned value)
{
    put_byte(p, value >> 8);
    put_byte(p, value & 0xff);
}

static void put_text(struct packet *p, const char *text)
{
    size_t len = strlen(text);
    put_16(p, (unsigned)len);
    put(p, text, len);
}

static void go_down(struct wire *w)
{
    w->is_down = true;
}

static void flush(struct wire *w)
{
    for (size_t at = 0; at < w->waiting && !w->is_down;) {
        size_t len = w->waiting - at;
        ssize_t n = w->ssl ? SSL_write(w->ssl, w->out + at, (int)len)
                           : send(w->fd, w->out + at, len, 0);
        if (n <= 0)
            go_down(w);
        else
            at += (size_t)n;
    }
    w->waiting = 0;
}

static void write_all(struct wire *w, const uint8_t *bytes, size_t len)
{
    if (w->waiting + len > sizeof w->out)
        flush(w);
    memcpy(w->out + w->waiting, bytes, len);
    w->waiting += len;
}

/* A packet: its first byte, the length of the rest, the rest. */
static void send_packet(struct wire *w, unsigned first, const struct packet *rest)
{
    struct packet whole = {.len = 0};
    size_t left = rest->len;
    put_byte(&whole, first);
    do {
        put_byte(&whole, (unsigned)(left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        left >>= 7;
    } while (left > 0);
    put(&whole, rest->bytes, rest->len);
    write_all(w, whole.bytes, whole.len);
}

/* --- what comes in -------------------------------------------------------------------------- */

static char *text_of(const uint8_t *bytes, size_t len)
{
    char *text = strndup((const char *)bytes, len);
    if (!text)
        abort();
    return text;
}

static void keep_message(struct wire *w, const struct wire_message *m)
{
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 64;
        w->messages = realloc(w->messages, w->room * sizeof *w->messages);
        if (!w->messages)
            abort();
    }
    w->messages[w->count++] = *m;
}

static void take_publish(struct wire *w, unsigned first, const uint8_t *b, size_t len)
{
    int qos = (first >> 1) & 3;
    size_t topic = len >= 2 ? (size_t)(b[0] << 8 | b[1]) : len, at = 2 + topic;
    unsigned id = 0;
    if (qos > 0 && at + 2 <= len) {
        id = (unsigned)(b[at] << 8 | b[at + 1]);
        at += 2;
    }
    if (w->version == 5 && at < len)
        at += 1U + b[at]; /* the broker's properties are few: one byte of length */
    if (at > len) {
        go_down(w);
        return;
    }
    struct wire_message m = {.retained = first & 1, .qos = qos, .topic = text_of(b + 2, topic),
                             .text = text_of(b + at, len - at)};
    keep_message(w, &m);
    if (qos > 0) {
        struct packet ack = {.len = 0};
        put_16(&ack, id);
        send_packet(w, PUBACK, &ack);
    }
}

static void take(struct wire *w, unsigned first, const uint8_t *b, size_t len)
{
    if ((first & TYPE) == PUBLISH) {
        take_publish(w, first, b, len);
    } else if ((first & TYPE) == CONNACK && len >= 2) {
        w->had_session = b[0] & 1;
        w->connack = b[1];
    } else if ((first & TYPE) == PUBREC && len >= 2) {
        struct packet id = {.len = 0}; /* released also where it was refused */
        put(&id, b, 2);
        send_packet(w, PUBREL, &id);
    } else if ((first & TYPE) == DISCONNECT) {
        go_down(w);
    }
}

/* Takes one packet out of what has been read; its first byte, 0 if there is no whole one. */
static unsigned take_packet(struct wire *w)
{
    size_t at = 1, len = 0, shift = 0;
    do {
        if (at >= w->have || at > 4)
            return 0;
        len |= (size_t)(w->in[at] & 0x7f) << shift;
        shift += 7;
    } while (w->in[at++] & 0x80);
    if (at + len > w->have)
        return 0;
    unsigned first = w->in[0];
    take(w, first, w->in + at, len);
    w->have -= at + len;
    memmove(w->in, w->in + at + len, w->have);
    return first;
}

static unsigned next_packet(struct wire *w)
{
    unsigned first = 0;
    while (!w->is_down && (first = take_packet(w)) == 0) {
        flush(w); /* may find that it is down */
        size_t room = sizeof w->in - w->have;
        ssize_t n = w->ssl ? SSL_read(w->ssl, w->in + w->have, (int)room)
                           : recv(w->fd, w->in + w->have, room, 0);
        if (n <= 0)
            go_down(w);
        else
            w->have += (size_t)n;
    }
    return first;
}

/* Reads until a packet of this type has come. */
static bool wait_for(struct wire *w, unsigned type)
{
    unsigned first;
    while ((first = next_packet(w)) != 0) {
        if ((first & TYPE) == (type & TYPE))
            return true;
    }
    return false;
}

/* --- beginning and end ------------------------------------------------------------------------ */

static SSL_CTX *make_context(const struct wire_tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool good = ctx && SSL_CTX_load_verify_locations(ctx, tls->ca, NULL) == 1;
    if (good && tls->cert)
        good = SSL_CTX_use_certificate_chain_file(ctx, tls->cert) == 1 &&
               SSL_CTX_use_PrivateKey_file(ctx, tls->key, SSL_FILETYPE_PEM) == 1;
    if (!good) {
        lib_say("%s or %s cannot be used", tls->ca, tls->cert ? tls->cert : "");
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_security_level(ctx, 0); /* old versions are offered where a test wants them */
    if (tls->highest)
        SSL_CTX_set_max_proto_version(ctx, tls->highest);
    return ctx;
}

/* The same files again: what was made of them before. Borrowed. (Making it takes longer than
 * all the rest of a connection.) */
static SSL_CTX *context_of(const struct wire_tls *tls)
{
    static struct {
        char name[1024];
        SSL_CTX *ctx;
    } kept[CONTEXTS_MAX];
    char name[sizeof kept[0].name];
    snprintf(name, sizeof name, "%s %s %d", tls->ca, tls->cert ? tls->cert : "", tls->highest);
    for (size_t i = 0; i < CONTEXTS_MAX; i++) {
        if (!kept[i].ctx) {
            memcpy(kept[i].name, name, sizeof name);
            kept[i].ctx = make_context(tls);
            return kept[i].ctx;
        }
        if (strcmp(kept[i].name, name) == 0)
            return kept[i].ctx;
    }
    return NULL;
}

static bool secure(struct wire *w, const struct wire_tls *tls)
{
    SSL_CTX *ctx = context_of(tls);
    w->ssl = ctx ? SSL_new(ctx) : NULL;
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1 ||
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->ssl), "127.0.0.1") != 1)
        return false;
    if (SSL_connect(w->ssl) != 1)
        go_down(w);
    return true;
}

struct wire *wire_open(int port, const struct wire_tls *tls)
{
    struct wire *w = calloc(1, sizeof *w);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = WAIT_MS / 1000};
    int one = 1;
    if (!w)
        return NULL;
    signal(SIGPIPE, SIG_IGN);
    w->connack = -1;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd >= 0 && connect(w->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
        setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        (!tls || !tls->ca || secure(w, tls)))
        return w;
    lib_say("cannot connect to port %d", port);
    wire_close(w);
    return NULL;
}

void wire_close(struct wire *w)
{
    if (!w)
        return;
    flush(w);
    SSL_free(w->ssl);
    if (w->fd >= 0)
        close(w->fd);
    wire_forget(w);
    free(w->messages);
    free(w);
}

void wire_leave(struct wire *w)
{
    struct packet none = {.len = 0};
    if (w)
        send_packet(w, DISCONNECT, &none);
    wire_close(w);
}

void wire_send_login(struct wire *w, const struct wire_login *l)
{
    struct packet p = {.len = 0};
    bool expires = l->version == 5 && l->keeps_session;
    w->version = l->version;
    put_text(&p, l->version == 3 ? "MQIsdp" : "MQTT");
    put_byte(&p, (unsigned)l->version | (l->is_bridge ? 0x80U : 0));
    put_byte(&p, (l->username ? 0x80U : 0) | (l->password ? 0x40U : 0) |
                     (l->will_topic ? 0x0cU : 0) | (l->will_topic && l->will_retained ? 0x20U : 0) |
                     (l->keeps_session ? 0 : 0x02U));
    put_16(&p, l->keepalive_s ? (unsigned)l->keepalive_s : 60);
    if (l->version == 5)
        put_byte(&p, expires ? 5 : 0);
    if (expires) {
        put_byte(&p, PROPERTY_SESSION_EXPIRY);
        put_16(&p, 0);
        put_16(&p, 3600);
    }
    put_text(&p, l->client_id);
    if (l->will_topic) {
        if (l->version == 5)
            put_byte(&p, 0);
        put_text(&p, l->will_topic);
        put_text(&p, l->will_text);
    }
    if (l->username)
        put_text(&p, l->username);
    if (l->password)
        put_text(&p, l->password);
    send_packet(w, CONNECT, &p);
}

int wire_login(struct wire *w, const struct wire_login *login)
{
    w->connack = -1;
    wire_send_login(w, login);
    return wait_for(w, CONNACK) ? w->connack : -1;
}

bool wire_had_session(const struct wire *w)
{
    return w->had_session;
}

bool wire_is_down(const struct wire *w)
{
    return w->is_down;
}

/* --- doing ------------------------------------------------------------------------------- */

static void put_id(struct wire *w, struct packet *p)
{
    if (++w->last_id == 0)
        w->last_id = 1;
    put_16(p, w->last_id);
}

static void send_filter(struct wire *w, unsigned first, const char *filter)
{
    struct packet p = {.len = 0};
    put_id(w, &p);
    if (w->version == 5)
        put_byte(&p, 0);
    put_text(&p, filter);
    if (first == SUBSCRIBE)
        put_byte(&p, 1);
    send_packet(w, first, &p);
}

void wire_send_subscribe(struct wire *w, const char *filter)
{
    send_filter(w, SUBSCRIBE, filter);
}

bool wire_subscribe(struct wire *w, const char *filter)
{
    send_filter(w, SUBSCRIBE, filter);
    return wait_for(w, SUBACK);
}

bool wire_unsubscribe(struct wire *w, const char *filter)
{
    send_filter(w, UNSUBSCRIBE, filter);
    return wait_for(w, UNSUBACK);
}

static void send_publish(struct wire *w, const char *topic, int alias, const char *text,
                         bool retained, int qos)
{
    struct packet p = {.len = 0};
    put_text(&p, topic);
    if (qos > 0)
        put_id(w, &p);
    if (w->version == 5)
        put_byte(&p, alias ? 3 : 0);
    if (alias) {
        put_byte(&p, PROPERTY_TOPIC_ALIAS);
        put_16(&p, (unsigned)alias);
    }
    put(&p, text, strlen(text));
    send_packet(w, PUBLISH | (unsigned)qos << 1 | (retained ? 1 : 0), &p);
}

void wire_publish(struct wire *w, const char *topic, const char *text, bool retained)
{
    send_publish(w, topic, 0, text, retained, 1);
}

void wire_publish_at(struct wire *w, const char *topic, const char *text, bool retained, int qos)
{
    send_publish(w, topic, 0, text, retained, qos);
}

void wire_publish_alias(struct wire *w, const char *topic, int alias, const char *text)
{
    send_publish(w, topic, alias, text, false, 1);
}

bool wire_ping(struct wire *w)
{
    struct packet none = {.len = 0};
    send_packet(w, PINGREQ, &none);
    return wait_for(w, PINGRESP);
}

/* Reads until a message with this text, or on this topic, is there. NULL: none came. */
static const struct wire_message *find(struct wire *w, const char *text, const char *topic)
{
    size_t seen = 0;
    do {
        for (; seen < w->count; seen++) {
            const struct wire_message *m = &w->messages[seen];
            if (strcmp(text ? text : topic, text ? m->text : m->topic) == 0)
                return m;
        }
    } while (next_packet(w) != 0);
    return NULL;
}

bool wire_until(struct wire *w, const char *text)
{
    return find(w, text, NULL) != NULL;
}

bool wire_until_topic(struct wire *w, const char *topic, const struct wire_message **message)
{
    const struct wire_message *m = find(w, NULL, topic);
    if (message)
        *message = m;
    return m != NULL;
}

bool wire_until_closed(struct wire *w)
{
    int64_t end = wait_now_ns() + (int64_t)WAIT_MS * 1000000;
    while (next_packet(w) != 0 && wait_now_ns() < end)
        ;
    return wait_now_ns() < end;
}

size_t wire_count(const struct wire *w)
{
    return w->count;
}

const struct wire_message *wire_at(const struct wire *w, size_t index)
{
    return index < w->count ? &w->messages[index] : NULL;
}

void wire_forget(struct wire *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->messages[i].topic);
        free(w->messages[i].text);
    }
    w->count = 0;
}
