#include "app/gatehoused/recorder.h"

#include "adapters/json/event_json.h"

static void chain(struct recorder *r, struct slice stored)
{
    unsigned char mac[SHA256_LEN];
    crypto_hmac(mac, r->key, stored);
    crypto_hex(r->head, mac, sizeof mac);
}

void recorder_init(struct recorder *r, struct journal journal, const unsigned char key[32],
                   struct slice last_event)
{
    *r = (struct recorder){.journal = journal, .key = key};
    if (last_event.len > 0)
        chain(r, last_event);
    else
        memset(r->head, '0', SHA256_HEX);
}

enum gh_err recorder_append(struct recorder *r, struct event *event, const struct repeat *repeat,
                            struct slice changes)
{
    const struct journal *j = &r->journal;
    event->seq = j->ops->next_seq(j->self);
    size_t len;
    enum gh_err err = event_json_write(r->bytes, &len, event, r->head);
    if (err)
        return err;
    r->len = len;
    struct slice bytes = slice_make(r->bytes, len);
    err = j->ops->append(j->self, event->seq, bytes, repeat, changes);
    if (err)
        return err; /* not stored: the chain goes on from the event before */
    chain(r, bytes);
    return GH_OK;
}
