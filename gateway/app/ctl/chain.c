#include "app/ctl/chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapters/json/json.h"

#define PAGE_BYTES (4 * 1024 * 1024)
#define FAULTS_SHOWN 20

void chain_fault(struct chain *c, const char *format, ...)
{
    va_list args;
    if (c->faults++ >= FAULTS_SHOWN)
        return;
    va_start(args, format);
    fprintf(stderr, "gatehousectl: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* --- where it begins --------------------------------------------------------- */

/* What is missing in front was taken away by the cap, which seals that, or by somebody. */
static uint64_t find_begin(struct chain *c, const struct journal_first *first)
{
    unsigned char mac[SHA256_LEN];
    crypto_hmac(mac, c->keys->journal, slice_of(first->text));
    bool is_sealed = first->has_seal && memcmp(mac, first->seal, sizeof mac) == 0;
    if (first->has_seal && !is_sealed)
        chain_fault(c, "where the journal begins was changed");
    return is_sealed ? first->seq : 1;
}

enum gh_err chain_open(struct chain *c, const struct crypto_keys *keys,
                       struct journal_reader *reader)
{
    struct journal_first first;
    *c = (struct chain){.keys = keys, .reader = reader, .is_anew = true};
    memset(c->head, '0', SHA256_HEX);
    enum gh_err err = journal_reader_first(reader, &first);
    if (err)
        return err;
    c->begin = find_begin(c, &first);
    c->acked = first.acked_seq;
    return GH_OK;
}

/* The cap may have taken away what was to be read next, of the same moment as this event. */
static void begin_again(struct chain *c)
{
    struct journal_first first;
    if (journal_reader_first(c->reader, &first) != GH_OK)
        return;
    uint64_t begin = find_begin(c, &first);
    if (begin > c->last + 1 && begin > c->begin) {
        c->begin = begin;
        c->is_anew = true;
    }
}

/* --- events -------------------------------------------------------------------- */

static void take_gap(struct chain *c, uint64_t from, uint64_t seq)
{
    if (seq < from)
        chain_fault(c, "event %" PRIu64 " lies in front of %" PRIu64 ", where the journal begins", seq,
                    from);
    if (seq <= from)
        return;
    if (c->n_gaps == CHAIN_GAPS_MAX) {
        chain_fault(c, "there are more than %d gaps", CHAIN_GAPS_MAX);
        return;
    }
    c->gap[c->n_gaps++] = (struct chain_gap){.from = from, .to = seq - 1};
}

/* An event that says which were lost. */
static void take_lost(struct chain *c, const struct json *event)
{
    struct slice kind;
    int64_t from = 0, to = 0;
    const struct json *args = json_child(event, "args");
    if (!json_text(event, "kind", &kind) || !slice_is(kind, "events_lost") || !args ||
        !json_int(args, "from", &from) || !json_int(args, "to", &to))
        return;
    for (size_t i = 0; i < c->n_gaps; i++)
        if ((uint64_t)from <= c->gap[i].from && c->gap[i].to <= (uint64_t)to)
            c->gap[i].is_told = true;
}

static void take_place(struct chain *c, uint64_t seq)
{
    if (seq != (c->is_anew ? c->begin : c->last + 1))
        begin_again(c);
    take_gap(c, c->is_anew ? c->begin : c->last + 1, seq);
}

static bool each_event(void *context, uint64_t seq, struct slice bytes)
{
    struct chain *c = context;
    unsigned char mac[SHA256_LEN];
    struct slice prev = {0};
    int64_t own = 0;
    struct json *event = json_parse_object(bytes, NULL, 0);
    take_place(c, seq);
    if (!event || !json_int(event, "seq", &own) || (uint64_t)own != seq ||
        !json_text(event, "prev", &prev))
        chain_fault(c, "event %" PRIu64 " is not as it was written", seq);
    else if ((!c->is_anew || seq == 1) && !slice_is(prev, c->head))
        chain_fault(c, "event %" PRIu64 " does not follow the one before it: one of the two was "
                       "changed, or something between them was taken out", seq);
    if (event)
        take_lost(c, event);
    json_free(event);
    if (c->count == 0)
        c->first = seq;
    c->last = seq;
    c->count++;
    c->is_anew = false;
    crypto_hmac(mac, c->keys->journal, bytes);
    crypto_hex(c->head, mac, sizeof mac);
    return true;
}

enum gh_err chain_read(struct chain *c, uint64_t events, bool *more)
{
    uint64_t before = c->last;
    enum gh_err err = journal_reader_each(c->reader, c->last, events, PAGE_BYTES, each_event, c);
    *more = c->last != before;
    return err;
}

void chain_close(struct chain *c)
{
    if (c->acked > c->last)
        chain_fault(c, "the cloud has events up to %" PRIu64 ", and the journal ends at %" PRIu64,
                    c->acked, c->last);
    for (size_t i = 0; i < c->n_gaps; i++)
        if (!c->gap[i].is_told)
            chain_fault(c, "events %" PRIu64 " to %" PRIu64
                           " are missing, and no event says that they were lost",
                        c->gap[i].from, c->gap[i].to);
    if (c->faults > FAULTS_SHOWN)
        fprintf(stderr, "gatehousectl: and %" PRIu64 " more\n", c->faults - FAULTS_SHOWN);
}
