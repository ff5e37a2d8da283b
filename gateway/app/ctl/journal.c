/* journal verify: is the journal what was written? The chain says so from its beginning on; what was
 * cut off behind shows by the head: the daemon knows it, and so does the cloud. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/ctl/chain.h"
#include "app/ctl/ctl.h"
#include "app/state.h"

#define PAGE_EVENTS 1000
/* So long may the newest events be on their way into the database. */
#define TAIL_LOOKS 100
#define TAIL_PAUSE_MS 50

static enum gh_err read_all(struct chain *c)
{
    bool more = true;
    enum gh_err err = GH_OK;
    while (err == GH_OK && more)
        err = chain_read(c, PAGE_EVENTS, &more);
    return err;
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
static const char *check_tail(struct chain *c, const struct ctl *ctl)
{
    const struct timespec pause = {.tv_nsec = TAIL_PAUSE_MS * 1000000L};
    char head[SHA256_HEX + 1];
    uint64_t seq = 0;
    ask_head(ctl, &seq, head);
    if (!head[0])
        return "gatehoused does not run: compare the head with what the cloud was told last";
    for (int i = 0; i < TAIL_LOOKS && c->last < seq; i++) {
        (void)nanosleep(&pause, NULL);
        if (read_all(c) != GH_OK)
            break;
    }
    if (c->last < seq)
        chain_fault(c, "the journal ends at event %" PRIu64 ", and gatehoused has written %" PRIu64, c->last,
              seq);
    else if (c->last == seq && strcmp(head, c->head) != 0)
        chain_fault(c, "event %" PRIu64 ", the newest, is not the one that gatehoused has written", seq);
    return "its end is the one that gatehoused knows";
}

static int report(struct chain *c, const struct ctl *ctl, const char *tail)
{
    chain_close(c);
    if (ctl->json)
        printf("{\"events\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"head\":\"%s\","
               "\"faults\":%" PRIu64 "}\n", c->count, c->first, c->last, c->head, c->faults);
    else if (c->faults == 0)
        printf("%" PRIu64 " event%s, %" PRIu64 " to %" PRIu64 ", as they were written; %s\n"
               "head %s\n", c->count, c->count == 1 ? "" : "s", c->first, c->last, tail, c->head);
    else
        fprintf(stderr, "gatehousectl: the journal is not as it was written: %" PRIu64 " fault%s\n",
                c->faults, c->faults == 1 ? "" : "s");
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
    const char *tail = "";
    err = chain_open(&c, &keys, reader);
    if (!err)
        err = read_all(&c);
    if (err)
        chain_fault(&c, "the journal cannot be read to its end: %s", gh_err_name(err));
    else
        tail = check_tail(&c, ctl);
    journal_reader_close(reader);
    crypto_forget(&keys, sizeof keys);
    return report(&c, ctl, tail);
}
