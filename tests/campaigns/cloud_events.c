#include "campaigns/cloud_events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapters/json/json.h"
#include "lib/wait.h"

#define PAGE 5000

struct reading {
    struct campaign *campaign;
    void (*each)(void *context, struct slice kind, const struct json *event);
    void *context;
    int64_t after; /* the cloud's number of the last line */
    int64_t seq;   /* of the last event */
    int64_t count;
    char stream[64];
};

static int64_t number_in(const struct json *v, const char *name)
{
    int64_t n = -1;
    if (v)
        json_int(v, name, &n);
    return n;
}

static void take_line(struct reading *r, struct slice line)
{
    struct json *v = json_parse_object(line, NULL, 0);
    const struct json *event = v ? json_child(v, "event") : NULL;
    struct slice kind = {0}, stream = {0};
    int64_t seq = number_in(v, "seq");
    r->after = number_in(v, "n");
    if (!event || !json_text(event, "kind", &kind) || !json_text(v, "stream", &stream) ||
        number_in(event, "seq") != seq)
        campaign_wrong(r->campaign, "the cloud has a line that is no event: %.*s", (int)line.len,
                       line.ptr);
    else if (seq != r->seq + 1)
        campaign_wrong(r->campaign, "event %" PRId64 " came to the cloud after %" PRId64, seq, r->seq);
    else if (r->stream[0] && !slice_is(stream, r->stream))
        campaign_wrong(r->campaign, "the journal began a new stream at event %" PRId64, seq);
    else
        r->each(r->context, kind, event);
    if (!r->stream[0])
        snprintf(r->stream, sizeof r->stream, "%.*s", (int)stream.len, stream.ptr);
    r->seq = seq;
    r->count++;
    json_free(v);
}

/* Lines of a page; -1 = it could not be had. */
static int take_page(struct reading *r, struct site *site)
{
    char path[256];
    struct web_reply reply;
    int lines = 0;
    snprintf(path, sizeof path, "%s?after=%" PRId64 "&limit=%d", site->events_url, r->after, PAGE);
    if (!web_get(&site->admin, path, &reply))
        return -1;
    const char *at = reply.body, *end = reply.body + reply.len, *newline;
    for (; reply.status == 200 && (newline = memchr(at, '\n', (size_t)(end - at))); lines++) {
        take_line(r, slice_make(at, (size_t)(newline - at)));
        at = newline + 1;
    }
    if (reply.status != 200) {
        lib_say("the cloud answers %ld to %s", reply.status, path);
        lines = -1;
    }
    web_reply_free(&reply);
    return lines;
}

bool cloud_each_event(struct campaign *c, struct site *site,
                      void (*each)(void *context, struct slice kind, const struct json *event),
                      void *context, int64_t *count)
{
    struct reading r = {.campaign = c, .each = each, .context = context};
    int lines;
    while ((lines = take_page(&r, site)) == PAGE)
        ;
    if (count)
        *count = r.count;
    return CAMPAIGN_STEP(lines >= 0);
}

bool cloud_judge_summary(struct campaign *c, struct site *site, int64_t count)
{
    char path[256];
    struct web_reply reply;
    snprintf(path, sizeof path, "%s/summary", site->events_url);
    if (!CAMPAIGN_STEP(web_get(&site->admin, path, &reply)))
        return false;
    struct json *v = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    if (!v || number_in(v, "missing") != 0 || number_in(v, "doubled") != 0 ||
        number_in(v, "lost") != 0 || number_in(v, "count") < count ||
        !strstr(reply.body, "\"conflicting\":0"))
        campaign_wrong(c, "the cloud counts %s", reply.body);
    json_free(v);
    web_reply_free(&reply);
    return true;
}
