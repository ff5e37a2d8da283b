/* events: the journal as a table, CSV or the stored lines, streamed. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/control.h"
#include "app/ctl/ctl.h"
#include "app/vendor.h"

struct listing {
    const struct ctl *ctl;
    bool head_seen, end_seen, refused;
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

/* Bytes of a text that are no control characters: a terminal obeys those. */
static void print_cell(int width, struct slice s)
{
    int printed = 0;
    for (size_t i = 0; i < s.len; i++, printed++)
        putchar((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? '?' : s.ptr[i]);
    for (; printed < width; printed++)
        putchar(' ');
    putchar(' ');
}

/* The vendor's word as it is shown: ~ before one that is only the nearest. */
#define SHOWN_MAX (2 * DIALECT_WORD_MAX + 3)
static void show_vendor(char out[SHOWN_MAX], const struct ctl *ctl, const struct json *e)
{
    struct dialect_words words = vendor_words(e, ctl->dialect);
    out[0] = '\0';
    if (!words.is_rendered)
        return;
    bool is_word = strcmp(words.code, words.text) == 0;
    snprintf(out, SHOWN_MAX, "%s%s%s%s", words.is_nearest ? "~" : "", words.code,
             is_word ? "" : " ", is_word ? "" : words.text);
}

/* Vendors' words are longer than our reasons. */
static int reason_width(const struct ctl *ctl)
{
    return ctl->dialect == DIALECT_NATIVE ? 24 : 56;
}

/* What the kind needs to be understood, where there is no reason. */
static void show_args(char out[SHOWN_MAX], const struct json *args)
{
    static const char *const members[] = {"action", "result", "mode", "fault"};
    size_t used = 0;
    bool on = false;
    out[0] = '\0';
    if (args && json_bool(args, "on", &on))
        used = (size_t)snprintf(out, SHOWN_MAX, "%s", on ? "on" : "over");
    for (size_t i = 0; args && i < sizeof members / sizeof members[0] && used < SHOWN_MAX; i++) {
        struct slice word = {0};
        if (json_text(args, members[i], &word))
            used += (size_t)snprintf(out + used, SHOWN_MAX - used, "%s%.*s", used ? " " : "",
                                     (int)word.len, word.ptr);
    }
}

static void print_row(const struct ctl *ctl, const struct json *e)
{
    char vendor[SHOWN_MAX] = "";
    int64_t seq = 0;
    struct slice at = {0}, kind = {0}, door = slice_of("-"), reader = slice_of("-");
    struct slice decision = {0}, reason = {0}, who = {0};
    json_int(e, "seq", &seq);
    json_text(e, "at", &at);
    json_text(e, "kind", &kind);
    json_text(e, "door", &door);
    json_text(e, "reader", &reader);
    json_text(e, "decision", &decision);
    json_text(e, "reason", &reason);
    if (!json_text(e, "person", &who))
        json_text(e, "by", &who);
    if (ctl->dialect != DIALECT_NATIVE) {
        show_vendor(vendor, ctl, e);
        reason = slice_of(vendor);
    }
    if (reason.len == 0) {
        show_args(vendor, json_child(e, "args"));
        reason = slice_of(vendor);
    }
    printf("%8" PRId64 " ", seq);
    print_cell(20, at);
    print_cell(16, kind);
    print_cell(12, door);
    print_cell(12, reader);
    print_cell(8, decision);
    if (slice_equal(reason, decision))
        reason = (struct slice){0}; /* granted, granted */
    /* Nothing behind the last cell: a narrow terminal would begin another line for blanks. */
    print_cell(who.len > 0 ? reason_width(ctl) : 0, reason);
    if (who.len > 0)
        print_cell(0, who);
    putchar('\n');
}

static void print_head(const struct ctl *ctl)
{
    if (ctl->csv)
        printf("seq,at,kind,door,reader,decision,reason,person,credential,by%s\n",
               ctl->dialect != DIALECT_NATIVE ? ",vendor_code,vendor_text" : "");
    else if (!ctl->json)
        printf("%8s %-20s %-16s %-12s %-12s %-8s %-*s %s\n", "SEQ", "AT", "KIND", "DOOR", "READER",
               "DECISION", reason_width(ctl), "REASON", "WHO");
}

static void on_head(struct listing *l, const struct json *line)
{
    bool ok = false;
    l->head_seen = true;
    if (json_bool(line, "ok", &ok) && ok) {
        print_head(l->ctl);
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
        print_row(l->ctl, line);
    json_free(line);
    if (l->ctl->follow)
        fflush(stdout);
    return !l->refused && !l->end_seen && !ferror(stdout);
}

static struct json *request_of(const struct ctl *ctl)
{
    struct json *r = ctl_request("events");
    if (r && (!ctl->door || json_set_text(r, "door", slice_of(ctl->door))) &&
        (!ctl->since || json_set_text(r, "since", slice_of(ctl->since))) &&
        (ctl->last == 0 || json_set_int(r, "last", ctl->last)) &&
        json_set_bool(r, "follow", ctl->follow))
        return r;
    json_free(r);
    return NULL;
}

int ctl_events(const struct ctl *ctl)
{
    struct json *request = request_of(ctl);
    size_t len;
    char *text = request ? json_print(request, &len) : NULL;
    json_free(request);
    struct listing listing = {.ctl = ctl};
    enum gh_err err = GH_IO;
    if (text)
        err = control_call(ctl->socket_path, slice_make(text, len), ctl->follow ? INT_MAX : 60000,
                           on_line, &listing);
    free(text);
    if (listing.refused)
        return CTL_REFUSED;
    if (listing.end_seen)
        return CTL_DONE;
    ctl_complain_unreachable(ctl, err);
    return CTL_UNREACHABLE;
}
