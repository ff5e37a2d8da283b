#include "app/gatehoused/recorder.h"

#include "adapters/json/event_json.h"

static void chain(const struct recorder *r, struct slice stored, char out[SHA256_HEX + 1])
{
    unsigned char mac[SHA256_LEN];
    crypto_hmac_ready(mac, &r->key, stored);
    crypto_hex(out, mac, sizeof mac);
}

void recorder_init(struct recorder *r, struct journal journal, const unsigned char key[32],
                   struct slice last_event)
{
    *r = (struct recorder){.journal = journal};
    crypto_key_prepare(&r->key, key);
    if (last_event.len > 0)
        chain(r, last_event, r->head);
    else
        memset(r->head, '0', SHA256_HEX);
}

void recorder_close(struct recorder *r)
{
    crypto_forget(&r->key, sizeof r->key);
}

void recorder_head(const struct recorder *r, char out[SHA256_HEX + 1])
{
    if (r->is_behind)
        chain(r, slice_make(r->bytes, r->len), out);
    else
        memcpy(out, r->head, sizeof r->head);
}

void recorder_catch_up(struct recorder *r)
{
    if (r->is_behind)
        recorder_head(r, r->head);
    r->is_behind = false;
}

enum gh_err recorder_append(struct recorder *r, struct event *event, const struct repeat *repeat,
                            struct slice changes)
{
    const struct journal *j = &r->journal;
    recorder_catch_up(r);
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
    r->is_behind = true;
    return GH_OK;
}
