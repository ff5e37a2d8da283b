#include "app/ctl/event_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/vendor.h"

#define WHOLE_COLUMNS 132 /* a terminal with fewer gets the narrow table */
#define NARROWEST 60
#define WHERE_WIDTH 12
#define WHO_WIDTH 12
/* The vendor's word as it is shown: ~ before one that is only the nearest. */
#define SHOWN_MAX (2 * DIALECT_WORD_MAX + 3)
#define TOLD_MAX (2 * SHOWN_MAX + 128) /* kind, arguments, reason */

struct row {
    int64_t seq;
    struct slice at, kind, door, reader, decision, reason, who; /* empty = none */
    char vendor[SHOWN_MAX], args[SHOWN_MAX]; /* "" = none */
};

static void show_vendor(char out[SHOWN_MAX], enum dialect dialect, const struct json *e)
{
    struct dialect_words words = vendor_words(e, dialect);
    out[0] = '\0';
    if (!words.is_rendered)
        return;
    bool is_word = strcmp(words.code, words.text) == 0;
    snprintf(out, SHOWN_MAX, "%s%s%s%s", words.is_nearest ? "~" : "", words.code,
             is_word ? "" : " ", is_word ? "" : words.text);
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

/* Borrows from e and from row itself. */
static void fill(struct row *row, enum dialect dialect, const struct json *e)
{
    *row = (struct row){0};
    json_int(e, "seq", &row->seq);
    json_text(e, "at", &row->at);
    json_text(e, "kind", &row->kind);
    json_text(e, "door", &row->door);
    json_text(e, "reader", &row->reader);
    json_text(e, "decision", &row->decision);
    json_text(e, "reason", &row->reason);
    if (!json_text(e, "person", &row->who))
        json_text(e, "by", &row->who);
    if (dialect != DIALECT_NATIVE) {
        show_vendor(row->vendor, dialect, e);
        row->reason = slice_of(row->vendor);
    }
    show_args(row->args, json_child(e, "args"));
    if (slice_equal(row->reason, row->decision))
        row->reason = (struct slice){0}; /* granted, granted */
}

/* Bytes of a text that are no control characters: a terminal obeys those. */
static void print_cell(int width, struct slice s)
{
    int printed = 0;
    for (size_t i = 0; i < s.len; i++, printed++)
        putchar((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? '?' : s.ptr[i]);
    for (; printed < width; printed++)
        putchar(' ');
}

/* The same with a gap behind it. */
static void print_column(int width, struct slice s)
{
    print_cell(width, s);
    putchar(' ');
}

/* --- the whole table -------------------------------------------------------------------- */

/* Vendors' words are longer than our reasons. */
static int reason_width(enum dialect dialect)
{
    return dialect == DIALECT_NATIVE ? 24 : 56;
}

static struct slice or_dash(struct slice s)
{
    return s.len > 0 ? s : slice_of("-");
}

static void print_whole(const struct event_table *table, const struct row *row)
{
    printf("%8" PRId64 " ", row->seq);
    print_column(20, row->at);
    print_column(16, row->kind);
    print_column(12, or_dash(row->door));
    print_column(12, or_dash(row->reader));
    print_column(8, row->decision);
    /* Nothing behind the last cell: a narrow window would begin another line for blanks. */
    print_column(row->who.len > 0 ? reason_width(table->dialect) : 0,
                 row->reason.len > 0 || row->decision.len > 0 ? row->reason : slice_of(row->args));
    print_cell(0, row->who);
    putchar('\n');
}

/* --- the narrow one ---------------------------------------------------------------------- */

/* Cut to its width, with a ~ where something is missing: --json has all. */
static void print_cut(int width, struct slice s)
{
    bool fits = s.len <= (size_t)width;
    print_cell(fits ? width : width - 1, fits ? s : slice_make(s.ptr, (size_t)width - 1));
    if (!fits)
        putchar('~');
}

static int what_width(const struct event_table *table, bool has_who)
{
    int left = table->columns - (7 + 1 + 14 + 1 + WHERE_WIDTH + 1) - 1;
    return has_who ? left - WHO_WIDTH - 1 : left;
}

/* "denied person_disabled", "door_forced", "lock done", or a vendor's words: a decision says
 * that it was an access, an action that it was a command. */
static void tell(char out[TOLD_MAX], const struct row *row)
{
    bool is_access = slice_is(row->kind, "access"), is_command = slice_is(row->kind, "command");
    struct slice part[] = {is_access ? row->decision : row->kind, slice_of(row->args), row->reason};
    size_t used = 0, from = is_command && row->args[0] ? 1 : 0;
    if (row->vendor[0])
        from = 2;
    out[0] = '\0';
    for (size_t i = from; i < 3 && used < TOLD_MAX; i++)
        if (part[i].len > 0)
            used += (size_t)snprintf(out + used, TOLD_MAX - used, "%s%.*s", used > 0 ? " " : "",
                                     (int)part[i].len, part[i].ptr);
}

/* Month, day and time of day of "2025-01-31T08:00:00Z" (or with a part of a second). */
static struct slice short_time(char out[15], struct slice at)
{
    if (at.len < 20)
        return at;
    snprintf(out, 15, "%.5s %.8s", at.ptr + 5, at.ptr + 11);
    return slice_of(out);
}

static void print_narrow(const struct event_table *table, const struct row *row)
{
    char time[15], what[TOLD_MAX];
    bool has_who = row->who.len > 0;
    tell(what, row);
    printf("%7" PRId64 " ", row->seq);
    print_column(14, short_time(time, row->at));
    print_cut(WHERE_WIDTH, row->door.len > 0 ? row->door : or_dash(row->reader));
    putchar(' ');
    struct slice told = slice_of(what);
    if (has_who || told.len > (size_t)what_width(table, false))
        print_cut(what_width(table, has_who), told);
    else
        print_cell(0, told);
    if (has_who) {
        putchar(' ');
        print_cut(row->who.len < WHO_WIDTH ? (int)row->who.len : WHO_WIDTH, row->who);
    }
    putchar('\n');
}

/* --- both ---------------------------------------------------------------------------------- */

static int columns_of_terminal(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0 || size.ws_col >= WHOLE_COLUMNS)
        return 0;
    return size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
}

struct event_table event_table_begin(enum dialect dialect)
{
    struct event_table table = {dialect, columns_of_terminal()};
    if (table.columns > 0)
        printf("%7s %-14s %-*s %-*s WHO\n", "SEQ", "AT (UTC)", WHERE_WIDTH, "DOOR",
               what_width(&table, true), "WHAT");
    else
        printf("%8s %-20s %-16s %-12s %-12s %-8s %-*s %s\n", "SEQ", "AT", "KIND", "DOOR", "READER",
               "DECISION", reason_width(dialect), "REASON", "WHO");
    return table;
}

void event_table_row(const struct event_table *table, const struct json *event)
{
    struct row row;
    fill(&row, table->dialect, event);
    if (table->columns > 0)
        print_narrow(table, &row);
    else
        print_whole(table, &row);
}
