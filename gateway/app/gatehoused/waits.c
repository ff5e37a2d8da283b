#include "app/gatehoused/waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the ledger's words --------------------------------------------------------------- */

static void store(struct waits *waits, const struct wait *w)
{
    struct ledger_key key = ledger_key('w', &w->reader, NULL);
    char text[CHANGE_VALUE_MAX + 1], place[64] = "- - -", hash[2 * WAIT_HASH_LEN + 1];
    for (size_t i = 0; i < WAIT_HASH_LEN; i++)
        snprintf(hash + 2 * i, 3, "%02x", w->hash[i]);
    if (w->location.present)
        snprintf(place, sizeof place, "%.7f %.7f %.2f", w->location.lat, w->location.lon,
                 w->location.accuracy_m);
    int n = snprintf(text, sizeof text, "%s %s %s %s %d %s %" PRId64 " %" PRId64 " %s %s",
                     w->is_over ? decision_name(w->decision) : "waiting", reason_name(w->reason),
                     w->is_duress ? "d" : "-", credential_type_name(w->type), w->bits, hash, w->ends.ms,
                     (int64_t)waits->boot, id_is_none(&w->read_id) ? "-" : w->read_id.s, place);
    if (n > 0 && n < (int)sizeof text)
        (void)ledger_put(waits->ledger, &key, slice_make(text, (size_t)n));
}

static bool parse_hash(struct slice text, unsigned char out[WAIT_HASH_LEN])
{
    static const char digits[] = "0123456789abcdef";
    if (text.len != 2 * WAIT_HASH_LEN)
        return false;
    for (size_t i = 0; i < WAIT_HASH_LEN; i++) {
        const char *high = memchr(digits, text.ptr[2 * i], 16);
        const char *low = memchr(digits, text.ptr[2 * i + 1], 16);
        if (!high || !low)
            return false;
        out[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static bool parse_real(struct slice *rest, double *out)
{
    struct slice word;
    char text[32], *end;
    if (!ledger_word(rest, &word) || word.len == 0 || word.len >= sizeof text)
        return false;
    memcpy(text, word.ptr, word.len);
    text[word.len] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

static bool parse(struct slice value, struct wait *w, int64_t *boot)
{
    struct slice state, reason, duress, type, hash, read_id;
    int64_t bits = 0, ends = 0;
    if (!ledger_word(&value, &state) || !ledger_word(&value, &reason) ||
        reason_parse(&w->reason, reason) != GH_OK || !ledger_word(&value, &duress) ||
        !ledger_word(&value, &type) || credential_type_parse(&w->type, type) != GH_OK || !ledger_word_number(&value, &bits) ||
        !ledger_word(&value, &hash) || !parse_hash(hash, w->hash) ||
        !ledger_word_number(&value, &ends) || !ledger_word_number(&value, boot) ||
        !ledger_word(&value, &read_id))
        return false;
    w->is_over = !slice_is(state, "waiting");
    if (w->is_over && decision_parse(&w->decision, state) != GH_OK)
        return false;
    w->is_duress = slice_is(duress, "d");
    w->bits = (int)bits;
    w->ends.ms = ends;
    if (!slice_is(read_id, "-") && id_set(&w->read_id, read_id) != GH_OK)
        return false;
    struct read_location *l = &w->location;
    l->present = parse_real(&value, &l->lat) && parse_real(&value, &l->lon) &&
                 parse_real(&value, &l->accuracy_m);
    return true;
}

struct loading {
    struct waits *waits;
    struct mono now;
};

static void load(void *context, struct ledger_entry *entry)
{
    struct loading *loading = context;
    struct waits *waits = loading->waits;
    struct wait w = {.is_over = true};
    int64_t boot = 0;
    if (waits->n == WAITS_READERS || !ledger_part(ledger_entry_key(entry), 0, &w.reader) ||
        !parse(ledger_entry_value(entry), &w, &boot))
        return;
    if (waits->boot == 0 || (uint64_t)boot != waits->boot)
        w.ends = loading->now;
    waits->wait[waits->n++] = w;
}

enum gh_err waits_open(struct waits *out, struct ledger *ledger, uint64_t boot, struct mono now)
{
    struct wait *wait = calloc(WAITS_READERS, sizeof *wait);
    if (!wait)
        return GH_IO;
    *out = (struct waits){.ledger = ledger, .boot = boot, .wait = wait};
    struct loading loading = {.waits = out, .now = now};
    ledger_each(ledger, 'w', load, &loading);
    return GH_OK;
}

void waits_close(struct waits *waits)
{
    free(waits->wait);
    *waits = (struct waits){0};
}

/* --- waiting ------------------------------------------------------------------------------ */

static struct wait *find_place(const struct waits *waits, const struct id *reader)
{
    for (size_t i = 0; i < waits->n; i++)
        if (id_equal(&waits->wait[i].reader, reader))
            return &waits->wait[i];
    return NULL;
}

struct wait *waits_find(const struct waits *waits, const struct id *reader)
{
    struct wait *w = find_place(waits, reader);
    return w && !w->is_over ? w : NULL;
}

static bool parse_over(struct slice value, struct wait *w, int64_t *boot)
{
    struct slice decision, reason;
    return ledger_word(&value, &decision) && decision_parse(&w->decision, decision) == GH_OK &&
           ledger_word(&value, &reason) && reason_parse(&w->reason, reason) == GH_OK &&
           ledger_word_number(&value, &w->ends.ms) && ledger_word_number(&value, boot);
}

bool waits_find_read(const struct waits *waits, const struct id *reader, const struct id *read_id,
                     struct wait *out)
{
    if (id_is_none(read_id))
        return false;
    const struct wait *w = find_place(waits, reader);
    if (w && id_equal(&w->read_id, read_id)) {
        *out = *w;
        return true;
    }
    struct ledger_key key = ledger_key('v', reader, read_id);
    const struct ledger_entry *entry = ledger_find(waits->ledger, &key);
    int64_t boot = 0;
    *out = (struct wait){.reader = *reader, .read_id = *read_id, .is_over = true};
    if (!entry || !parse_over(ledger_entry_value(entry), out, &boot))
        return false;
    if (waits->boot == 0 || (uint64_t)boot != waits->boot)
        out->ends.ms = 0; /* before this boot began */
    return true;
}

/* Nobody repeats it any more: twice as long ago as they may. */
static bool is_past(void *context, const struct ledger_entry *entry)
{
    const struct wait *newest = context;
    struct wait w = {.is_over = true};
    int64_t boot = 0;
    bool is_good = parse_over(ledger_entry_value(entry), &w, &boot);
    return !is_good || newest->ends.ms < w.ends.ms ||
           newest->ends.ms - w.ends.ms >= 2 * WAITS_REMEMBERED_MS;
}

static void remember(struct waits *waits, struct wait *w)
{
    char text[CHANGE_VALUE_MAX];
    if (id_is_none(&w->read_id))
        return;
    struct ledger_key key = ledger_key('v', &w->reader, &w->read_id);
    int n = snprintf(text, sizeof text, "%s %s %" PRId64 " %" PRIu64, decision_name(w->decision),
                     reason_name(w->reason), w->ends.ms, waits->boot);
    ledger_sweep(waits->ledger, 'v', is_past, w);
    (void)ledger_put(waits->ledger, &key, slice_make(text, (size_t)n));
}

bool waits_put(struct waits *waits, const struct wait *wait)
{
    struct wait *place = find_place(waits, &wait->reader);
    for (size_t i = 0; !place && waits->n == WAITS_READERS && i < waits->n; i++)
        if (waits->wait[i].is_over)
            place = &waits->wait[i]; /* of a reader that is not in use, most likely */
    if (!place && waits->n == WAITS_READERS)
        return false;
    if (!place)
        place = &waits->wait[waits->n++];
    *place = *wait;
    place->order = ++waits->order;
    store(waits, place);
    return true;
}

void waits_end(struct waits *waits, struct wait *wait, enum decision decision, enum reason reason)
{
    wait->is_over = true;
    wait->decision = decision;
    wait->reason = reason;
    store(waits, wait);
    remember(waits, wait);
}

struct wait *waits_expired(const struct waits *waits, struct mono now)
{
    struct wait *first = NULL;
    for (size_t i = 0; i < waits->n; i++) {
        struct wait *w = &waits->wait[i];
        if (w->is_over || now.ms < w->ends.ms)
            continue;
        if (!first || w->ends.ms < first->ends.ms ||
            (w->ends.ms == first->ends.ms && w->order < first->order))
            first = w;
    }
    return first;
}

bool waits_deadline(const struct waits *waits, struct mono *out)
{
    bool some = false;
    for (size_t i = 0; i < waits->n; i++) {
        const struct wait *w = &waits->wait[i];
        if (w->is_over || (some && w->ends.ms >= out->ms))
            continue;
        *out = w->ends;
        some = true;
    }
    return some;
}
