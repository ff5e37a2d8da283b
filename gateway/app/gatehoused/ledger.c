#include "app/gatehoused/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/log.h"
#include "core/fnv.h"

#define FIRST_BUCKETS 1024
/* An entry keeps room for values of this size, so that most changes need none. */
#define VALUE_ROOM 32

/* --- the map ------------------------------------------------------------------------ */

static uint32_t hash_of(const char *bytes, size_t len)
{
    /* Keys come from the policy and from readers that the broker knows, not from strangers. */
    uint64_t h = fnv1a(FNV1A_BASIS, slice_make(bytes, len));
    return (uint32_t)(h ^ h >> 32);
}

static struct ledger_entry **place_of(const struct ledger *l, const char *key, size_t len,
                                      uint32_t hash)
{
    struct ledger_entry **at = &l->bucket[hash & (l->n_buckets - 1)];
    while (*at && !((*at)->hash == hash && (*at)->key_len == len &&
                    memcmp((*at)->bytes, key, len) == 0))
        at = &(*at)->next;
    return at;
}

static void grow(struct ledger *l)
{
    size_t n = l->n_buckets * 2;
    struct ledger_entry **bucket = calloc(n, sizeof(void *));
    if (!bucket)
        return; /* longer chains, no harm */
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (struct ledger_entry *e = l->bucket[i], *next; e; e = next) {
            next = e->next;
            e->next = bucket[e->hash & (n - 1)];
            bucket[e->hash & (n - 1)] = e;
        }
    }
    free(l->bucket);
    l->bucket = bucket;
    l->n_buckets = n;
}

static size_t room_for(size_t value_len)
{
    return value_len > VALUE_ROOM ? CHANGE_VALUE_MAX : VALUE_ROOM;
}

static struct ledger_entry *set(struct ledger *l, struct slice key, struct slice value)
{
    uint32_t hash = hash_of(key.ptr, key.len);
    struct ledger_entry **at = place_of(l, key.ptr, key.len, hash);
    struct ledger_entry *e = *at;
    if (e && room_for(value.len) > room_for(e->value_len)) {
        e = realloc(e, sizeof *e + key.len + room_for(value.len));
        if (!e)
            return NULL;
        *at = e;
    }
    if (!e) {
        e = malloc(sizeof *e + key.len + room_for(value.len));
        if (!e)
            return NULL;
        *e = (struct ledger_entry){.next = *at, .hash = hash, .key_len = (uint8_t)key.len};
        memcpy(e->bytes, key.ptr, key.len);
        *at = e;
        l->n++;
    }
    if (value.len > 0)
        memcpy(e->bytes + e->key_len, value.ptr, value.len);
    e->value_len = (uint8_t)value.len;
    if (l->n > l->n_buckets)
        grow(l);
    return e;
}

static void unset(struct ledger *l, struct slice key)
{
    struct ledger_entry **at = place_of(l, key.ptr, key.len, hash_of(key.ptr, key.len));
    struct ledger_entry *e = *at;
    if (!e)
        return;
    *at = e->next;
    free(e);
    l->n--;
}

struct loading {
    struct ledger *ledger;
    bool failed;
};

static bool load(void *context, struct slice key, struct slice value)
{
    struct loading *loading = context;
    if (key.len > 0 && key.len <= CHANGE_KEY_MAX && value.len <= CHANGE_VALUE_MAX)
        loading->failed = !set(loading->ledger, key, value);
    return !loading->failed;
}

enum gh_err ledger_open(struct ledger *out, struct journal journal)
{
    struct ledger l = {.journal = journal, .n_buckets = FIRST_BUCKETS};
    l.bucket = calloc(FIRST_BUCKETS, sizeof(void *));
    if (!l.bucket)
        return GH_IO;
    struct loading loading = {.ledger = &l};
    enum gh_err err = journal.ops->kept_each(journal.self, load, &loading);
    if (err || loading.failed) {
        ledger_close(&l);
        return GH_IO;
    }
    *out = l;
    return GH_OK;
}

void ledger_close(struct ledger *l)
{
    for (size_t i = 0; l->bucket && i < l->n_buckets; i++) {
        for (struct ledger_entry *e = l->bucket[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(l->bucket);
    *l = (struct ledger){0};
}

/* --- keys and values ---------------------------------------------------------------- */

static void add_part(struct ledger_key *key, const char *text)
{
    size_t len = strlen(text);
    key->s[key->len++] = '/';
    memcpy(key->s + key->len, text, len);
    key->len = (uint8_t)(key->len + len);
}

struct ledger_key ledger_key(char kind, const struct id *a, const struct id *b)
{
    struct ledger_key key = {.len = 1, .s = {kind}};
    add_part(&key, a->s);
    if (b)
        add_part(&key, b->s);
    return key;
}

static struct slice key_slice(const struct ledger_key *key)
{
    return slice_make(key->s, key->len);
}

struct ledger_entry *ledger_find(const struct ledger *l, const struct ledger_key *key)
{
    return *place_of(l, key->s, key->len, hash_of(key->s, key->len));
}

struct slice ledger_entry_key(const struct ledger_entry *e)
{
    return slice_make(e->bytes, e->key_len);
}

struct slice ledger_entry_value(const struct ledger_entry *e)
{
    return slice_make(e->bytes + e->key_len, e->value_len);
}

struct slice ledger_get(const struct ledger *l, const struct ledger_key *key)
{
    const struct ledger_entry *e = ledger_find(l, key);
    return e ? ledger_entry_value(e) : (struct slice){0};
}

bool ledger_word(struct slice *rest, struct slice *word)
{
    if (rest->len == 0)
        return false;
    *word = slice_cut(rest, ' ');
    return true;
}

bool ledger_word_number(struct slice *rest, int64_t *out)
{
    struct slice word;
    char text[24], *end;
    if (!ledger_word(rest, &word) || word.len == 0 || word.len >= sizeof text)
        return false;
    memcpy(text, word.ptr, word.len);
    text[word.len] = '\0';
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *out = n;
    return true;
}

int64_t ledger_number(const struct ledger *l, const struct ledger_key *key)
{
    struct slice value = ledger_get(l, key);
    int64_t n = 0;
    return ledger_word_number(&value, &n) ? n : 0;
}

bool ledger_part(struct slice key, int i, struct id *out)
{
    const char *at = key.ptr + 1, *end = key.ptr + key.len;
    for (; at < end && *at == '/'; i--) {
        const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
        const char *stop = slash ? slash : end;
        if (i == 0)
            return id_set(out, slice_make(at + 1, (size_t)(stop - at - 1))) == GH_OK;
        at = stop;
    }
    return false;
}

/* --- changes ------------------------------------------------------------------------ */

static void note(struct ledger *l, struct slice key, struct slice value)
{
    if (changes_add(&l->waiting, key, value) == GH_OK)
        return;
    ledger_flush(l);
    if (changes_add(&l->waiting, key, value) != GH_OK)
        log_line(LOG_ERR, "the journal takes no changes: %c/... is kept in memory only", key.ptr[0]);
}

struct ledger_entry *ledger_put(struct ledger *l, const struct ledger_key *key, struct slice value)
{
    note(l, key_slice(key), value);
    return set(l, key_slice(key), value);
}

struct ledger_entry *ledger_put_number(struct ledger *l, const struct ledger_key *key, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    return ledger_put(l, key, slice_make(text, (size_t)n));
}

void ledger_forget(struct ledger *l, const struct ledger_key *key)
{
    if (!ledger_find(l, key))
        return;
    note(l, key_slice(key), (struct slice){0});
    unset(l, key_slice(key));
}

void ledger_each(struct ledger *l, char kind,
                 void (*each)(void *context, struct ledger_entry *entry), void *context)
{
    for (size_t i = 0; i < l->n_buckets; i++)
        for (struct ledger_entry *e = l->bucket[i], *next; e; e = next) {
            next = e->next;
            if (e->bytes[0] == kind)
                each(context, e);
        }
}

void ledger_sweep(struct ledger *l, char kind,
                  bool (*is_over)(void *context, const struct ledger_entry *entry), void *context)
{
    for (size_t i = 0; i < l->n_buckets; i++)
        for (struct ledger_entry *e = l->bucket[i], *next; e; e = next) {
            next = e->next;
            if (e->bytes[0] != kind || !is_over(context, e))
                continue;
            note(l, ledger_entry_key(e), (struct slice){0});
            unset(l, ledger_entry_key(e));
        }
}

struct slice ledger_waiting(const struct ledger *l)
{
    return changes_slice(&l->waiting);
}

void ledger_went(struct ledger *l)
{
    l->waiting.len = 0;
}

void ledger_flush(struct ledger *l)
{
    if (l->waiting.len == 0)
        return;
    if (l->journal.ops->keep(l->journal.self, ledger_waiting(l)) == GH_OK)
        ledger_went(l);
}
