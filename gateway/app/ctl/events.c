/* events: the journal as a table, CSV or the stored lines, streamed. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/control.h"
#include "app/ctl/ctl.h"
#include "app/ctl/event_table.h"
#include "app/vendor.h"

struct listing {
    const struct ctl *ctl;
    struct event_table table;
    bool head_seen, end_seen, refused;
    bool goes_on;    /* an answer that broke off is asked for from there on */
    int64_t seq;     /* of the event that was shown last; 0 = none */
    char stream[64]; /* whose numbers these are */
};

static const char *const columns[] = {"at",     "kind",   "door",       "reader", "decision",
                                      "reason", "person", "credential", "by"};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_csv_field(struct slice s)
{
    putchar('"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            putchar('"');
        putchar(s.ptr[i]);
    }
    putchar('"');
}

static void print_csv_vendor(struct dialect_words words)
{
    if (words.is_rendered)
        printf(",\"%s%s\",\"%s\"", words.is_nearest ? "~" : "", words.code, words.text);
    else
        fputs(",,", stdout);
}

static void print_csv(const struct ctl *ctl, const struct json *e)
{
    int64_t seq = 0;
    json_int(e, "seq", &seq);
    printf("%" PRId64, seq);
    for (size_t i = 0; i < COLUMNS; i++) {
        struct slice s = {0};
        json_text(e, columns[i], &s);
        putchar(',');
        if (s.len > 0)
            print_csv_field(s);
    }
    if (ctl->dialect != DIALECT_NATIVE)
        print_csv_vendor(vendor_words(e, ctl->dialect));
    putchar('\n');
}

/* The stored line, with the vendor's words as its last member. */
static void print_line(const struct ctl *ctl, const struct json *e, struct slice text)
{
    char words[VENDOR_MEMBER_MAX];
    size_t n = text.ptr[text.len - 1] == '}' ? vendor_member(words, e, ctl->dialect) : 0;
    if (n > 0)
        printf("%.*s%.*s}\n", (int)text.len - 1, text.ptr, (int)n, words);
    else
        printf("%.*s\n", (int)text.len, text.ptr);
}

static void print_head(struct listing *l)
{
    const struct ctl *ctl = l->ctl;
    if (ctl->csv)
        printf("seq,at,kind,door,reader,decision,reason,person,credential,by%s\n",
               ctl->dialect != DIALECT_NATIVE ? ",vendor_code,vendor_text" : "");
    else if (!ctl->json)
        l->table = event_table_begin(ctl->dialect);
}

static void refuse(struct listing *l, const char *what)
{
    fprintf(stderr, "gatehousectl: %s\n", what);
    l->refused = true;
}

static void on_head(struct listing *l, const struct json *line)
{
    bool ok = false;
    struct slice stream = {0};
    l->head_seen = true;
    if (json_bool(line, "ok", &ok) && ok) {
        json_text(line, "stream", &stream);
        if (l->goes_on && !slice_is(stream, l->stream))
            refuse(l, "gatehoused has a new journal since: ask again");
        else if (!l->goes_on)
            print_head(l);
        snprintf(l->stream, sizeof l->stream, "%.*s", (int)stream.len, stream.ptr ? stream.ptr : "");
        return;
    }
    struct slice why = slice_of("it gives no reason");
    json_text(line, "error", &why);
    fprintf(stderr, "gatehousectl: gatehoused refused: %.*s\n", (int)why.len, why.ptr);
    l->refused = true;
}

static bool on_line(void *context, struct slice text)
{
    struct listing *l = context;
    bool end = false;
    struct json *line = json_parse_object(text, NULL, 0);
    if (!line)
        return false;
    if (!l->head_seen)
        on_head(l, line);
    else if (json_bool(line, "end", &end) && end)
        l->end_seen = true;
    else if (l->ctl->json)
        print_line(l->ctl, line, text);
    else if (l->ctl->csv)
        print_csv(l->ctl, line);
    else
        event_table_row(&l->table, line);
    if (l->head_seen && !l->end_seen)
        (void)json_int(line, "seq", &l->seq);
    json_free(line);
    if (l->ctl->follow)
        fflush(stdout);
    return !l->refused && !l->end_seen && !ferror(stdout);
}

static struct json *request_of(const struct ctl *ctl, const struct listing *l)
{
    struct json *r = ctl_request("events");
    if (r && (!ctl->door || json_set_text(r, "door", slice_of(ctl->door))) &&
        (!ctl->since || json_set_text(r, "since", slice_of(ctl->since))) &&
        (ctl->last == 0 || l->goes_on || json_set_int(r, "last", ctl->last)) &&
        (!l->goes_on || json_set_int(r, "after", l->seq)) &&
        json_set_bool(r, "follow", ctl->follow))
        return r;
    json_free(r);
    return NULL;
}

static enum gh_err ask(struct listing *l)
{
    const struct ctl *ctl = l->ctl;
    struct json *request = request_of(ctl, l);
    size_t len;
    char *text = request ? json_print(request, &len) : NULL;
    json_free(request);
    enum gh_err err = GH_IO;
    l->head_seen = false;
    if (text)
        err = control_call(ctl->socket_path, slice_make(text, len), ctl->follow ? INT_MAX : 60000,
                           on_line, l);
    free(text);
    return err;
}

/* gatehoused waits some seconds for who does not read on, such as a pager; then the rest is
 * asked for when it is wanted. */
int ctl_events(const struct ctl *ctl)
{
    struct listing listing = {.ctl = ctl};
    enum gh_err err = ask(&listing);
    for (int64_t seq = 0; err == GH_IO && listing.seq > seq && !listing.refused;) {
        seq = listing.seq;
        listing.goes_on = true;
        err = ask(&listing);
    }
    if (listing.refused)
        return CTL_REFUSED;
    if (listing.end_seen)
        return CTL_DONE;
    ctl_complain_unreachable(ctl, err);
    return CTL_UNREACHABLE;
}
