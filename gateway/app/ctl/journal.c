/* journal verify: is the journal what was written? Each event names the HMAC of the one before,
 * under a key that is not in the database: what was changed, taken out, put in or moved does not
 * fit. What was cut off behind shows by the head: the daemon knows it, and so does the cloud. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/journal_db.h"
#include "app/ctl/ctl.h"
#include "app/state.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES (4 * 1024 * 1024)
#define GAPS_MAX 1000
#define FAULTS_SHOWN 20

struct gap {
    uint64_t from, to;
    bool is_told; /* an event says that these were lost */
};

struct chain {
    const struct crypto_keys *keys;
    uint64_t first, last, count, faults;
    char head[SHA256_HEX + 1]; /* over the newest event so far */
    struct gap gap[GAPS_MAX];
    size_t n_gaps;
};

__attribute__((format(printf, 2, 3))) static void fault(struct chain *c, const char *format, ...)
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

static void take_gap(struct chain *c, uint64_t seq)
{
    if (c->count == 0 || seq == c->last + 1)
        return;
    if (c->n_gaps == GAPS_MAX) {
        fault(c, "there are more than %d gaps", GAPS_MAX);
        return;
    }
    c->gap[c->n_gaps++] = (struct gap){.from = c->last + 1, .to = seq - 1};
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

static bool each_event(void *context, uint64_t seq, struct slice bytes)
{
    struct chain *c = context;
    unsigned char mac[SHA256_LEN];
    struct slice prev = {0};
    int64_t own = 0;
    struct json *event = json_parse_object(bytes, NULL, 0);
    bool is_first = c->count == 0;
    if (!event || !json_int(event, "seq", &own) || (uint64_t)own != seq ||
        !json_text(event, "prev", &prev))
        fault(c, "event %" PRIu64 " is not as it was written", seq);
    else if ((!is_first || seq == 1) && !slice_is(prev, c->head))
        fault(c, "event %" PRIu64 " does not follow the one before it: one of the two was changed, or "
                 "something between them was taken out", seq);
    if (is_first)
        c->first = seq;
    take_gap(c, seq);
    if (event)
        take_lost(c, event);
    json_free(event);
    c->last = seq;
    c->count++;
    crypto_hmac(mac, c->keys->journal, bytes);
    crypto_hex(c->head, mac, sizeof mac);
    return true;
}

static enum gh_err read_all(struct chain *c, struct journal_reader *reader)
{
    for (;;) {
        uint64_t before = c->last;
        enum gh_err err =
            journal_reader_each(reader, c->last, PAGE_EVENTS, PAGE_BYTES, each_event, c);
        if (err || c->last == before)
            return err;
    }
}

/* What the daemon says of its newest event; an empty head if it cannot be asked. */
static void ask_head(const struct ctl *ctl, uint64_t *seq, char head[SHA256_HEX + 1])
{
    int64_t next = 0;
    struct slice text = {0};
    head[0] = '\0';
    struct json *a = ctl_ask_quietly(ctl, ctl_request("status"));
    const struct json *journal = a ? json_child(a, "journal") : NULL;
    if (journal && json_int(journal, "next_seq", &next) && json_text(journal, "head", &text) &&
        text.len == SHA256_HEX) {
        memcpy(head, text.ptr, SHA256_HEX);
        head[SHA256_HEX] = '\0';
        *seq = (uint64_t)next - 1;
    }
    json_free(a);
}

/* The newest events may be on their way into the database: it is asked before and after. */
static const char *check_tail(struct chain *c, const struct ctl *ctl, struct journal_reader *reader)
{
    char head[SHA256_HEX + 1];
    uint64_t seq = 0;
    ask_head(ctl, &seq, head);
    if (!head[0])
        return "gatehoused does not run: compare the head with what the cloud was told last";
    for (int i = 0; i < 100 && c->last < seq; i++)
        if (read_all(c, reader) != GH_OK)
            break;
    if (c->last < seq)
        fault(c, "the journal ends at event %" PRIu64 ", and gatehoused has written %" PRIu64, c->last,
              seq);
    else if (c->last == seq && strcmp(head, c->head) != 0)
        fault(c, "event %" PRIu64 ", the newest, is not the one that gatehoused has written", seq);
    return "its end is the one that gatehoused knows";
}

static int report(struct chain *c, const struct ctl *ctl, const char *tail)
{
    for (size_t i = 0; i < c->n_gaps; i++)
        if (!c->gap[i].is_told)
            fault(c, "events %" PRIu64 " to %" PRIu64 " are missing, and no event says that they were lost",
                  c->gap[i].from, c->gap[i].to);
    if (c->faults > FAULTS_SHOWN)
        fprintf(stderr, "gatehousectl: and %" PRIu64 " more\n", c->faults - FAULTS_SHOWN);
    if (ctl->json)
        printf("{\"events\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"head\":\"%s\","
               "\"faults\":%" PRIu64 "}\n", c->count, c->first, c->last, c->head, c->faults);
    else if (c->faults == 0)
        printf("%" PRIu64 " events, %" PRIu64 " to %" PRIu64 ", as they were written; %s\nhead %s\n",
               c->count, c->first, c->last, tail, c->head);
    else
        fprintf(stderr, "gatehousectl: the journal is not as it was written: %" PRIu64 " faults\n",
                c->faults);
    return c->faults == 0 ? CTL_DONE : CTL_REFUSED;
}

int ctl_journal_verify(const struct ctl *ctl, const struct config *config)
{
    static struct chain c;
    struct crypto_keys keys;
    struct journal_reader *reader;
    enum gh_err err = state_keys_load(&keys, config->state_dir, 0);
    if (err) {
        fprintf(stderr, "gatehousectl: %s/" STATE_DEVICE_KEY
                        " cannot be read (%s): the chain is under its key\n",
                config->state_dir, gh_err_name(err));
        return CTL_REFUSED;
    }
    err = journal_reader_open(&reader, config->state_dir);
    if (err) {
        fprintf(stderr, "gatehousectl: %s/journal.db cannot be read: %s\n", config->state_dir,
                gh_err_name(err));
        crypto_forget(&keys, sizeof keys);
        return CTL_REFUSED;
    }
    c = (struct chain){.keys = &keys};
    memset(c.head, '0', SHA256_HEX);
    const char *tail = "";
    err = read_all(&c, reader);
    if (err)
        fault(&c, "the journal cannot be read to its end: %s", gh_err_name(err));
    else
        tail = check_tail(&c, ctl, reader);
    journal_reader_close(reader);
    crypto_forget(&keys, sizeof keys);
    return report(&c, ctl, tail);
}
