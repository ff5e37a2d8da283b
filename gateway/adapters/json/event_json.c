#include "event_json.h"

#include <assert.h>
#include <string.h>

/* The bytes so far. Once something did not fit nothing more is added. */
struct writer {
    char *out;
    size_t len;
    size_t size;
    bool full;
};

static void put(struct writer *w, const char *bytes, size_t len)
{
    if (w->full || len > w->size - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
}

/* For string literals: their length is known when this is compiled. */
#define PUT(w, literal) put((w), "" literal, sizeof(literal) - 1)

static void put_words(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static void put_u64(struct writer *w, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(w, digits + at, sizeof digits - at);
}

static void put_i64(struct writer *w, int64_t n)
{
    if (n < 0)
        PUT(w, "-");
    put_u64(w, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

/* Bytes of the UTF-8 character that starts here; 0 if there is none. The
 * second byte's bounds keep out overlong forms, surrogates and what lies
 * beyond U+10FFFF. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t n;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        n = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4;
    else
        return 0;
    switch (p[0]) {
    case 0xe0: low = 0xa0; break;
    case 0xed: high = 0x9f; break;
    case 0xf0: low = 0x90; break;
    case 0xf4: high = 0x8f; break;
    default: break;
    }
    if (n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

#define ESCAPED_MAX 6

/* The character at p as it stands in a JSON text; returns the bytes of p that
 * it took. */
static size_t escape(char out[ESCAPED_MAX], size_t *len, const unsigned char *p, size_t left)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = utf8_length(p, left);
    if (n == 0) {
        memcpy(out, "\xef\xbf\xbd", *len = 3);
        return 1;
    }
    if (*p == '"' || *p == '\\') {
        out[0] = '\\';
        out[1] = (char)*p;
        *len = 2;
    } else if (*p < 0x20) {
        const char unit[ESCAPED_MAX] = {'\\', 'u', '0', '0', hex[*p >> 4], hex[*p & 15]};
        memcpy(out, unit, *len = sizeof unit);
    } else {
        memcpy(out, p, *len = n);
    }
    return n;
}

/* A quoted text of at most max bytes between its quotes. */
static void put_text(struct writer *w, const char *text, size_t text_len, size_t max)
{
    const unsigned char *p = (const unsigned char *)text;
    PUT(w, "\"");
    for (size_t used = 0; text_len > 0;) {
        char escaped[ESCAPED_MAX];
        size_t len;
        size_t took = escape(escaped, &len, p, text_len);
        if (len > max - used)
            break;
        put(w, escaped, len);
        used += len;
        p += took;
        text_len -= took;
    }
    PUT(w, "\"");
}

/* key holds all up to the value: ,"door": */
static void put_id(struct writer *w, const char *key, const struct id *id)
{
    if (id_is_none(id))
        return;
    put_words(w, key);
    PUT(w, "\"");
    put(w, id->s, strnlen(id->s, ID_MAX)); /* no character of an id needs an escape */
    PUT(w, "\"");
}

/* A word of the contract. */
static void put_word(struct writer *w, const char *key, const char *word)
{
    put_words(w, key);
    PUT(w, "\"");
    put_words(w, word);
    PUT(w, "\"");
}

static void put_head(struct writer *w, const struct event *e)
{
    char at[INSTANT_TEXT];
    instant_format(at, e->at.wall.s);
    PUT(w, "{\"seq\":");
    put_u64(w, e->seq);
    put_word(w, ",\"at\":", at);
    PUT(w, ",\"mono_ms\":");
    put_i64(w, e->at.mono.ms);
    put_word(w, ",\"clock\":", clock_trust_name(e->at.wall.trust));
    put_word(w, ",\"kind\":", event_kind_name(e->kind));
}

static void put_access(struct writer *w, const struct event *e)
{
    put_id(w, ",\"door\":", &e->door);
    put_id(w, ",\"reader\":", &e->reader);
    put_id(w, ",\"person\":", &e->person);
    put_id(w, ",\"credential\":", &e->credential);
    if (e->has_type)
        put_word(w, ",\"type\":", credential_type_name(e->type));
    if (e->has_decision) {
        put_word(w, ",\"decision\":", decision_name(e->decision));
        put_word(w, ",\"reason\":", reason_name(e->reason));
    }
    if (e->via.present) {
        put_word(w, ",\"via\":{\"kind\":", via_kind_name(&e->via));
        put_id(w, ",\"id\":", &e->via.id);
        PUT(w, "}");
    }
    if (e->violation != VIOLATION_NONE)
        put_word(w, ",\"violation\":", violation_name(e->violation));
    if (e->duress)
        PUT(w, ",\"duress\":true");
    put_id(w, ",\"with\":", &e->with);
    put_id(w, ",\"read_id\":", &e->read_id);
}

/* Members of args come behind a comma, and the first of them behind a brace. */
static void put_key(struct writer *w, bool *open, const char *key)
{
    if (*open)
        PUT(w, ",");
    else
        PUT(w, ",\"args\":{");
    *open = true;
    PUT(w, "\"");
    put_words(w, key);
    PUT(w, "\":");
}

static void put_arg_text(struct writer *w, bool *open, const char *key, const char *text,
                         size_t max)
{
    if (!text)
        return;
    put_key(w, open, key);
    /* Somewhat more than can go in, so that put_text never sees half a character. */
    put_text(w, text, strnlen(text, max + ESCAPED_MAX), max);
}

static void put_arg_int(struct writer *w, bool *open, const char *key, int64_t n)
{
    put_key(w, open, key);
    put_i64(w, n);
}

static void put_arg_instant(struct writer *w, bool *open, const char *key, int64_t instant)
{
    char at[INSTANT_TEXT];
    instant_format(at, instant);
    put_key(w, open, key);
    put_word(w, "", at);
}

static void put_arg_id(struct writer *w, bool *open, const char *key, const struct id *id)
{
    if (id_is_none(id))
        return;
    put_key(w, open, key);
    put_id(w, "", id);
}

static void put_args(struct writer *w, const struct event_args *a)
{
    bool open = false;
    put_arg_text(w, &open, "action", a->action, EVENT_JSON_SHORT_TEXT_MAX);
    put_arg_text(w, &open, "result", a->result, EVENT_JSON_SHORT_TEXT_MAX);
    put_arg_text(w, &open, "fault", a->fault, EVENT_JSON_LONG_TEXT_MAX);
    put_arg_text(w, &open, "version", a->version, EVENT_JSON_SHORT_TEXT_MAX);
    put_arg_text(w, &open, "mode", a->mode, EVENT_JSON_SHORT_TEXT_MAX);
    if (a->has_on) {
        put_key(w, &open, "on");
        put_words(w, a->on ? "true" : "false");
    }
    if (a->until != 0)
        put_arg_instant(w, &open, "until", a->until);
    put_arg_id(w, &open, "id", &a->id);
    put_arg_id(w, &open, "person", &a->person);
    put_arg_id(w, &open, "area", &a->area);
    if (a->has_range) {
        put_arg_int(w, &open, "from", a->from);
        put_arg_int(w, &open, "to", a->to);
    }
    if (a->has_count)
        put_arg_int(w, &open, "count", a->count);
    if (open)
        PUT(w, "}");
}

static void put_policy(struct writer *w, const struct event *e)
{
    bool seen = e->policy.issued_at != INSTANT_NONE;
    int64_t age_s;
    PUT(w, ",\"policy\":{\"epoch\":");
    put_i64(w, seen ? e->policy.epoch : 0);
    PUT(w, ",\"rev\":");
    put_i64(w, seen ? e->policy.rev : 0);
    PUT(w, ",\"age_s\":");
    if (seen && wall_is_trusted(e->at.wall) &&
        !__builtin_sub_overflow(e->at.wall.s, e->policy.issued_at, &age_s))
        put_i64(w, age_s);
    else
        PUT(w, "null");
    PUT(w, "}");
}

enum gh_err event_json_write(char out[EVENT_JSON_MAX], size_t *len, const struct event *event,
                             const char *prev)
{
    assert(strnlen(prev, 65) == 64);
    struct writer w = {.out = out, .size = EVENT_JSON_MAX};
    put_head(&w, event);
    put_access(&w, event);
    if (event->by[0] != '\0') {
        PUT(&w, ",\"by\":");
        put_text(&w, event->by, strnlen(event->by, EVENT_TEXT_MAX), EVENT_JSON_LONG_TEXT_MAX);
    }
    put_args(&w, &event->args);
    put_policy(&w, event);
    put_word(&w, ",\"prev\":", prev);
    PUT(&w, "}");
    if (w.full)
        return GH_FULL;
    *len = w.len;
    return GH_OK;
}
